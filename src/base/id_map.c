/* Open addressing with linear probing; at most three quarters full.  Removal shifts back what
 * follows, so there are no tombstones and a map's lookups do not age. */
#include "base/id_map.h"

#include "base/hash.h"

#include <assert.h>
#include <string.h>

#define CAPACITY_MINIMUM ((size_t)16)

void id_map_init(struct id_map *map, struct memory *memory)
{
    *map = (struct id_map){.memory = memory};
}

static size_t word_count(size_t capacity)
{
    return (capacity + 63) / 64;
}

void id_map_release(struct id_map *map)
{
    memory_free(map->memory, map->slots, map->capacity * sizeof *map->slots);
    memory_free(map->memory, map->occupied, word_count(map->capacity) * sizeof *map->occupied);
    id_map_init(map, map->memory);
}

static bool is_occupied(const struct id_map *map, size_t slot)
{
    return map->occupied[slot / 64] >> (slot % 64) & 1;
}

static void set_occupied(struct id_map *map, size_t slot, bool occupied)
{
    uint64_t bit = (uint64_t)1 << (slot % 64);
    if (occupied) {
        map->occupied[slot / 64] |= bit;
    } else {
        map->occupied[slot / 64] &= ~bit;
    }
}

/* The key's slot, or the empty one where it would go. */
static size_t probe(const struct id_map *map, uint64_t key)
{
    size_t slot = (size_t)hash_u64(key) & (map->capacity - 1);
    while (is_occupied(map, slot) && map->slots[slot].key != key)
        slot = (slot + 1) & (map->capacity - 1);
    return slot;
}

static bool grow(struct id_map *map)
{
    size_t capacity = map->capacity > 0 ? map->capacity * 2 : CAPACITY_MINIMUM, bytes;
    if (!size_multiply(capacity, sizeof *map->slots, &bytes)) return false;
    struct id_map grown = {.memory = map->memory, .capacity = capacity, .count = map->count};
    grown.slots = memory_allocate_table(map->memory, bytes);
    grown.occupied = memory_allocate_zeroed(map->memory, word_count(capacity) * sizeof(uint64_t));
    if (!grown.slots || !grown.occupied) {
        id_map_release(&grown);
        return false;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (!map->slots || !is_occupied(map, i)) continue;
        size_t slot = probe(&grown, map->slots[i].key);
        grown.slots[slot] = map->slots[i];
        set_occupied(&grown, slot, true);
    }
    id_map_release(map);
    *map = grown;
    return true;
}

bool id_map_put(struct id_map *map, uint64_t key, uint64_t value)
{
    uint64_t *old = id_map_find(map, key);
    if (old) {
        *old = value;
        return true;
    }
    if ((map->count + 1) * 4 > map->capacity * 3 && !grow(map)) return false;
    size_t slot = probe(map, key);
    assert(map->slots);
    map->slots[slot] = (struct id_map_slot){key, value};
    set_occupied(map, slot, true);
    map->count++;
    return true;
}

uint64_t *id_map_find(const struct id_map *map, uint64_t key)
{
    if (map->count == 0) return NULL;
    size_t slot = probe(map, key);
    return is_occupied(map, slot) ? &map->slots[slot].value : NULL;
}

void id_map_prefetch(const struct id_map *map, uint64_t key)
{
    if (map->count == 0) return;
    size_t slot = (size_t)hash_u64(key) & (map->capacity - 1);
    __builtin_prefetch(&map->occupied[slot / 64]);
    __builtin_prefetch(&map->slots[slot]);
}

bool id_map_remove(struct id_map *map, uint64_t key)
{
    if (map->count == 0) return false;
    size_t mask = map->capacity - 1, hole = probe(map, key);
    if (!is_occupied(map, hole)) return false;
    for (size_t next = (hole + 1) & mask; is_occupied(map, next); next = (next + 1) & mask) {
        size_t home = (size_t)hash_u64(map->slots[next].key) & mask;
        /* May it move to the hole?  Only if its home is not between the hole and where it is. */
        if (((next - home) & mask) < ((next - hole) & mask)) continue;
        map->slots[hole] = map->slots[next];
        hole = next;
    }
    set_occupied(map, hole, false);
    map->count--;
    return true;
}

size_t id_map_bytes(const struct id_map *map)
{
    return map->capacity * sizeof *map->slots + word_count(map->capacity) * sizeof *map->occupied;
}
