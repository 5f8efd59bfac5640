/* Interned strings: each distinct byte string gets a code 0, 1, 2, ... in the order of first
 * interning, and keeps it.  Serves keyword dictionaries and external keys.  one thread for writing,
 * any thread for reading while nobody writes. */
#ifndef TIDAL_BASE_STRING_MAP_H
#define TIDAL_BASE_STRING_MAP_H

#include "base/bytes.h"

#define STRING_MAP_ABSENT UINT32_MAX

struct string_map {
    struct memory *memory; /* lent until string_map_release */
    struct slice *strings; /* by code; bytes owned by the map */
    size_t count;
    size_t capacity;
    uint32_t *slots; /* code + 1, or 0 */
    size_t slot_count;
    size_t text_bytes;
};

void string_map_init(struct string_map *map, struct memory *memory);
void string_map_release(struct string_map *map);
/* The code of `text`, given a new one if need be; STRING_MAP_ABSENT on no memory. */
MUST_USE uint32_t string_map_intern(struct string_map *map, struct slice text);
/* STRING_MAP_ABSENT if it was never interned. */
uint32_t string_map_find(const struct string_map *map, struct slice text);
/* The code of the string whose hash_bytes this is; STRING_MAP_ABSENT if there is none. */
uint32_t string_map_find_hash(const struct string_map *map, uint64_t hash);
/* Lent until the map is released.  `code` must be < count. */
struct slice string_map_get(const struct string_map *map, uint32_t code);
size_t string_map_bytes(const struct string_map *map);

#endif
