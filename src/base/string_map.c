/* Strings in an array by code, and a table of codes with linear probing, at most half full. */
#include "base/string_map.h"

#include "base/hash.h"

#define SLOTS_MINIMUM ((size_t)16)

void string_map_init(struct string_map *map, struct memory *memory)
{
    *map = (struct string_map){.memory = memory};
}

/* What a string takes: never zero, so that an empty one has an address too. */
static size_t block_bytes(size_t bytes)
{
    return bytes + 1;
}

static uint8_t *block_of(struct slice text)
{
    union {
        const uint8_t *lent;
        uint8_t *owned;
    } block = {text.data};
    return block.owned;
}

void string_map_release(struct string_map *map)
{
    for (size_t i = 0; i < map->count; i++)
        memory_free(map->memory, block_of(map->strings[i]), block_bytes(map->strings[i].bytes));
    memory_free(map->memory, map->strings, map->capacity * sizeof *map->strings);
    memory_free(map->memory, map->slots, map->slot_count * sizeof *map->slots);
    string_map_init(map, map->memory);
}

static size_t probe(const struct string_map *map, struct slice text)
{
    size_t mask = map->slot_count - 1;
    size_t slot = (size_t)hash_bytes(text.data, text.bytes) & mask;
    while (map->slots[slot] != 0 && !slice_equal(map->strings[map->slots[slot] - 1], text))
        slot = (slot + 1) & mask;
    return slot;
}

static bool grow_slots(struct string_map *map)
{
    size_t count = map->slot_count > 0 ? map->slot_count * 2 : SLOTS_MINIMUM;
    uint32_t *slots = memory_allocate_zeroed(map->memory, count * sizeof *slots);
    if (!slots) return false;
    memory_free(map->memory, map->slots, map->slot_count * sizeof *map->slots);
    map->slots = slots;
    map->slot_count = count;
    for (size_t i = 0; i < map->count; i++)
        map->slots[probe(map, map->strings[i])] = (uint32_t)i + 1;
    return true;
}

static bool add(struct string_map *map, struct slice text)
{
    void *strings = map->strings;
    bool room = memory_grow(map->memory, &strings, &map->capacity, map->count + 1,
                            sizeof *map->strings, STRING_MAP_ABSENT - 1);
    map->strings = strings;
    if (!room) return false;
    uint8_t *copy = memory_allocate(map->memory, block_bytes(text.bytes));
    if (!copy) return false;
    if (text.bytes > 0) memcpy(copy, text.data, text.bytes);
    copy[text.bytes] = 0;
    map->strings[map->count] = slice_of(copy, text.bytes);
    map->text_bytes += block_bytes(text.bytes);
    return true;
}

uint32_t string_map_intern(struct string_map *map, struct slice text)
{
    uint32_t code = string_map_find(map, text);
    if (code != STRING_MAP_ABSENT) return code;
    if ((map->count + 1) * 2 > map->slot_count && !grow_slots(map)) return STRING_MAP_ABSENT;
    size_t slot = probe(map, text);
    if (!add(map, text)) return STRING_MAP_ABSENT;
    map->slots[slot] = (uint32_t)++map->count;
    return (uint32_t)map->count - 1;
}

uint32_t string_map_find(const struct string_map *map, struct slice text)
{
    if (map->count == 0) return STRING_MAP_ABSENT;
    uint32_t code = map->slots[probe(map, text)];
    return code > 0 ? code - 1 : STRING_MAP_ABSENT;
}

uint32_t string_map_find_hash(const struct string_map *map, uint64_t hash)
{
    if (map->count == 0) return STRING_MAP_ABSENT;
    size_t mask = map->slot_count - 1;
    for (size_t slot = (size_t)hash & mask; map->slots[slot] != 0; slot = (slot + 1) & mask) {
        struct slice text = map->strings[map->slots[slot] - 1];
        if (hash_bytes(text.data, text.bytes) == hash) return map->slots[slot] - 1;
    }
    return STRING_MAP_ABSENT;
}

struct slice string_map_get(const struct string_map *map, uint32_t code)
{
    return map->strings[code];
}

size_t string_map_bytes(const struct string_map *map)
{
    return map->capacity * sizeof *map->strings + map->slot_count * sizeof *map->slots +
           map->text_bytes;
}
