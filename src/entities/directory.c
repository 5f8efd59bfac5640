#include "entities/directory.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define ORDINALS_MAXIMUM ((size_t)UINT32_MAX)
/* Of an ordinal below `count` that no row has claimed yet (only while loading). */
#define ID_UNPLACED 0

void directory_init(struct directory *directory, struct memory *memory)
{
    *directory = (struct directory){.memory = memory, .free_id = 1};
    id_map_init(&directory->ordinals, memory);
    string_map_init(&directory->keys, memory);
    bitset_init(&directory->live, memory);
}

void directory_release(struct directory *directory)
{
    struct memory *memory = directory->memory;
    id_map_release(&directory->ordinals);
    string_map_release(&directory->keys);
    bitset_release(&directory->live);
    memory_free(memory, directory->key_owners,
                directory->key_owner_capacity * sizeof *directory->key_owners);
    memory_free(memory, directory->ids, directory->id_capacity * sizeof *directory->ids);
    memory_free(memory, directory->key_codes,
                directory->key_code_capacity * sizeof *directory->key_codes);
    memory_free(memory, directory->created_ms,
                directory->created_capacity * sizeof *directory->created_ms);
}

ordinal directory_find(const struct directory *directory, entity_id id)
{
    const uint64_t *entity = id_map_find(&directory->ordinals, id);
    return entity ? (ordinal)*entity : ORDINAL_NONE;
}

ordinal directory_find_key(const struct directory *directory, struct slice key)
{
    uint32_t code = string_map_find(&directory->keys, key);
    return code == STRING_MAP_ABSENT ? ORDINAL_NONE : directory->key_owners[code];
}

struct slice directory_key(const struct directory *directory, ordinal entity)
{
    uint32_t code = directory->key_codes[entity];
    if (code == STRING_MAP_ABSENT) return (struct slice){0};
    return string_map_get(&directory->keys, code);
}

entity_id directory_next_id(const struct directory *directory)
{
    return directory->largest_id < UINT64_MAX ? directory->largest_id + 1 : directory->free_id;
}

/* Room for ordinals below `count`; new ones are dead, without id and key. */
static bool reserve_ordinals(struct directory *directory, size_t count)
{
    struct memory *memory = directory->memory;
    void *ids = directory->ids, *codes = directory->key_codes, *created = directory->created_ms;
    bool ok = memory_grow(memory, &ids, &directory->id_capacity, count, sizeof(entity_id),
                          ORDINALS_MAXIMUM);
    directory->ids = ids;
    ok = ok && memory_grow(memory, &codes, &directory->key_code_capacity, count, sizeof(uint32_t),
                           ORDINALS_MAXIMUM);
    directory->key_codes = codes;
    ok = ok && memory_grow(memory, &created, &directory->created_capacity, count, sizeof(int64_t),
                           ORDINALS_MAXIMUM);
    directory->created_ms = created;
    return ok;
}

static void extend_to(struct directory *directory, uint32_t count)
{
    for (uint32_t i = directory->count; i < count; i++) {
        directory->ids[i] = ID_UNPLACED;
        directory->key_codes[i] = STRING_MAP_ABSENT;
        directory->created_ms[i] = 0;
    }
    if (count > directory->count) directory->count = count;
}

ordinal directory_add(struct directory *directory, entity_id id)
{
    ordinal entity = directory->count;
    return directory_place(directory, id, entity) ? entity : ORDINAL_NONE;
}

bool directory_full(const struct directory *directory)
{
    return directory->count >= ORDINALS_MAXIMUM;
}

bool directory_taken(const struct directory *directory, entity_id id, ordinal entity)
{
    if (directory_find(directory, id) != ORDINAL_NONE) return true;
    return entity < directory->count && directory_find(directory, directory->ids[entity]) == entity;
}

bool directory_place(struct directory *directory, entity_id id, ordinal entity)
{
    assert(entity < ORDINALS_MAXIMUM && !directory_taken(directory, id, entity));
    if (!reserve_ordinals(directory, (size_t)entity + 1) ||
        !id_map_put(&directory->ordinals, id, entity))
        return false;
    extend_to(directory, entity + 1);
    directory->ids[entity] = id;
    if (id > directory->largest_id) directory->largest_id = id;
    while (directory->largest_id == UINT64_MAX &&
           id_map_find(&directory->ordinals, directory->free_id))
        directory->free_id++;
    return true;
}

static void drop_key(struct directory *directory, ordinal entity)
{
    uint32_t code = directory->key_codes[entity];
    if (code == STRING_MAP_ABSENT) return;
    directory->key_owners[code] = ORDINAL_NONE;
    directory->key_codes[entity] = STRING_MAP_ABSENT;
}

bool directory_set_key(struct directory *directory, ordinal entity, struct slice key)
{
    size_t known = directory->keys.count;
    void *owners = directory->key_owners;
    bool room = memory_grow(directory->memory, &owners, &directory->key_owner_capacity, known + 1,
                            sizeof(ordinal), ORDINALS_MAXIMUM);
    directory->key_owners = owners;
    if (!room) return false;
    uint32_t code = string_map_intern(&directory->keys, key);
    if (code == STRING_MAP_ABSENT) return false;
    if (directory->keys.count > known) directory->key_owners[code] = ORDINAL_NONE;
    if (directory->key_owners[code] != ORDINAL_NONE) return true;
    drop_key(directory, entity);
    directory->key_owners[code] = entity;
    directory->key_codes[entity] = code;
    return true;
}

bool directory_revive(struct directory *directory, ordinal entity, int64_t created_ms)
{
    if (bitset_has(&directory->live, entity)) return true;
    if (!bitset_set(&directory->live, entity)) return false;
    directory->created_ms[entity] = created_ms;
    directory->live_count++;
    return true;
}

void directory_bury(struct directory *directory, ordinal entity)
{
    drop_key(directory, entity);
    if (!bitset_has(&directory->live, entity)) return;
    bitset_unset(&directory->live, entity);
    directory->created_ms[entity] = 0;
    directory->live_count--;
}

bool directory_check(const struct directory *directory, char *reason, size_t reason_bytes)
{
    if (bitset_count(&directory->live) != directory->live_count) {
        snprintf(reason, reason_bytes, "live entities are counted wrong");
        return false;
    }
    for (ordinal i = 0; i < directory->count; i++) {
        if (directory_find(directory, directory->ids[i]) != i) {
            snprintf(reason, reason_bytes, "id %" PRIu64 " does not lead to its ordinal %u",
                     directory->ids[i], i);
            return false;
        }
        uint32_t code = directory->key_codes[i];
        if (code != STRING_MAP_ABSENT && directory->key_owners[code] != i) {
            snprintf(reason, reason_bytes, "the key of id %" PRIu64 " belongs to another",
                     directory->ids[i]);
            return false;
        }
    }
    return true;
}

size_t directory_bytes(const struct directory *directory)
{
    return id_map_bytes(&directory->ordinals) + string_map_bytes(&directory->keys) +
           directory->key_owner_capacity * sizeof *directory->key_owners +
           directory->id_capacity * sizeof *directory->ids +
           directory->key_code_capacity * sizeof *directory->key_codes +
           directory->created_capacity * sizeof *directory->created_ms +
           directory->live.word_capacity * sizeof(uint64_t);
}
