/* A hash map from u64 to u64: open addressing, linear probing, backward-shift deletion.
 * Iteration order depends on history: what must be deterministic sorts first.  one thread for
 * writing, any thread for reading while nobody writes. */
#ifndef TIDAL_BASE_ID_MAP_H
#define TIDAL_BASE_ID_MAP_H

#include "base/memory.h"

struct id_map_slot {
    uint64_t key;
    uint64_t value;
};

struct id_map {
    struct memory *memory;     /* lent until id_map_release */
    struct id_map_slot *slots; /* NULL while empty */
    uint64_t *occupied;        /* a bit a slot */
    size_t capacity;           /* 0 or a power of two */
    size_t count;
};

void id_map_init(struct id_map *map, struct memory *memory);
void id_map_release(struct id_map *map);
/* Sets key to value (new or not); false on no memory, then nothing has changed. */
MUST_USE bool id_map_put(struct id_map *map, uint64_t key, uint64_t value);
/* NULL if absent; else the value, writable in place, until the next put or remove. */
uint64_t *id_map_find(const struct id_map *map, uint64_t key);
/* Fetches what finding the key will look at. */
void id_map_prefetch(const struct id_map *map, uint64_t key);
/* True if it was there. */
bool id_map_remove(struct id_map *map, uint64_t key);
size_t id_map_bytes(const struct id_map *map);

#endif
