/* What the engine's tests share: a database on a simulated disk and a faulty store, a clock that
 * stands still, and changes that can be written in a line. */
#ifndef TIDAL_TESTS_ENGINE_WORLD_H
#define TIDAL_TESTS_ENGINE_WORLD_H

#include "behaviour/behaviour.h"
#include "engine/database.h"
#include "entities/entities.h"
#include "harness/test.h"
#include "os/clock.h"
#include "os/simulated.h"
#include "relations/edges.h"
#include "signals/ledger.h"
#include "storage/memory_store.h"

#include <stdlib.h>

/* 2026-11-01T10:00:00Z */
#define WORLD_NOW_MS INT64_C(1793527200000)
#define HOUR_MS      INT64_C(3600000)

struct world {
    struct memory memory;
    struct simulated_clock clock;
    struct disk *disk;
    struct store *store;
    struct database_options options;
    struct database *database;
    struct error error;
};

static inline bool world_init(struct world *world)
{
    *world = (struct world){0};
    memory_init(&world->memory, 0);
    simulated_clock_init(&world->clock, WORLD_NOW_MS);
    world->options = (struct database_options){
        .no_threads = true, .segment_bytes = (uint64_t)64 << 10, .clock = &world->clock.clock};
    if (simulated_disk_create(&world->memory, SIMULATED_FAULTY, &world->disk, &world->error) ||
        memory_store_open_faulty(&world->memory, &world->store, &world->error))
        return false;
    world->options.disk = world->disk;
    world->options.store = world->store;
    return true;
}

static inline void world_release(struct world *world)
{
    database_abandon(world->database);
    store_close(world->store);
    disk_free(world->disk);
    memory_release(&world->memory);
}

static inline enum code world_open(struct world *world)
{
    return database_open(&world->options, &world->database, &world->error);
}

static inline enum code world_close(struct world *world)
{
    enum code code = database_close(world->database, &world->error);
    world->database = NULL;
    return code;
}

/* The machine dies: of the store's batches since the last flush the first `keep` survive. */
static inline enum code world_crash(struct world *world, enum simulated_crash kind, size_t keep,
                                    struct choices *choices)
{
    database_abandon(world->database);
    world->database = NULL;
    simulated_disk_crash(world->disk, kind, choices);
    return memory_store_crash(world->store, keep, &world->error);
}

static inline struct slice slice_of_text(const char *text)
{
    return slice_of(text, strlen(text));
}

static inline enum code world_define(struct world *world, const char *text)
{
    lsn given;
    return database_define(world->database, slice_of_text(text), &given, &world->error);
}

static inline bool world_define_all(struct world *world, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (world_define(world, texts[i]) == CODE_OK) continue;
        fprintf(stderr, "%s: %s\n", texts[i], world->error.message);
        return false;
    }
    return true;
}

/* One write by itself; the answer is `result`'s, or the batch's. */
static inline enum code world_write_as(struct world *world, const struct change *change,
                                       const char *key, enum acknowledgement acknowledgement,
                                       struct write_result *result)
{
    struct write write = {change, slice_of_text(key)};
    struct write_batch batch = {&write, 1, acknowledgement, result, 0};
    enum code code = database_write(world->database, &batch, &world->error);
    return code == CODE_OK ? result->code : code;
}

static inline enum code world_write(struct world *world, const struct change *change)
{
    struct write_result result;
    return world_write_as(world, change, "", ACKNOWLEDGE_DURABLE, &result);
}

static inline struct entity_reference item_of(entity_id id)
{
    return (struct entity_reference){.kind = ENTITY_ITEM, .id = id};
}

static inline struct entity_reference user_of(entity_id id)
{
    return (struct entity_reference){.kind = ENTITY_USER, .id = id};
}

static inline struct entity_reference creator_of(entity_id id)
{
    return (struct entity_reference){.kind = ENTITY_CREATOR, .id = id};
}

static inline struct change put_of(entity_id item)
{
    return (struct change){.kind = CHANGE_PUT, .put = {.entity = item_of(item)}};
}

static inline struct change delete_of(entity_id item)
{
    return (struct change){.kind = CHANGE_DELETE, .delete = item_of(item)};
}

static inline struct change signal_of(signal_id signal, entity_id item, entity_id user,
                                      int64_t time_ms)
{
    return (struct change){.kind = CHANGE_SIGNAL,
                           .signal = {.signal = signal,
                                      .entity = item_of(item),
                                      .has_user = true,
                                      .user = user_of(user),
                                      .value = SIGNAL_VALUE_ONE,
                                      .has_time = true,
                                      .time_ms = time_ms}};
}

static inline struct change relate_of(relation_id relation, entity_id user, entity_id creator,
                                      float weight)
{
    return (struct change){.kind = CHANGE_RELATE,
                           .relate = {.relation = relation,
                                      .from = user_of(user),
                                      .to = creator_of(creator),
                                      .weight = weight}};
}

/* All-time count of a signal on an item; -1: cannot be read. */
static inline int64_t world_count(struct world *world, signal_id signal, entity_id item)
{
    struct view view;
    if (database_read_begin(world->database, &view, &world->error) != CODE_OK) return -1;
    ordinal entity = entities_find(view.entities, ENTITY_ITEM, item);
    int64_t count =
        entity == ORDINAL_NONE ? 0 : ledger_entity_totals(view.ledger, signal, entity).count;
    database_read_end(world->database);
    return count;
}

static inline bool world_item_lives(struct world *world, entity_id item)
{
    struct view view;
    if (database_read_begin(world->database, &view, &world->error) != CODE_OK) return false;
    ordinal entity = entities_find(view.entities, ENTITY_ITEM, item);
    bool lives = entity != ORDINAL_NONE && entities_live(view.entities, ENTITY_ITEM, entity);
    database_read_end(world->database);
    return lives;
}

static inline bool world_same_hash(struct world *world, uint8_t hash[32])
{
    uint8_t now[32];
    return database_state_hash(world->database, now, &world->error) == CODE_OK &&
           memcmp(now, hash, sizeof now) == 0;
}

#endif
