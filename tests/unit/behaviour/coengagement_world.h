/* Behaviour and co-engagement together, as the engine runs them: a change is resolved from the
 * state before it, then applied to both. */
#ifndef TIDAL_TESTS_COENGAGEMENT_WORLD_H
#define TIDAL_TESTS_COENGAGEMENT_WORLD_H

#include "behaviour/coengagement_private.h"
#include "harness/fold_rows.h"
#include "unit/behaviour/behaviour_world.h"

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)
/* 2026-11-01T10:00:00Z: an hour begins. */
#define TEN INT64_C(1793527200000)

/* A play is an occurrence, a like a state. */
enum { PLAY = VIEW };

struct pair_world {
    struct world world;
    struct fold fold;
    struct coengagement *coengagement;
    struct partner partners[COENGAGEMENT_PARTNERS_MAXIMUM];
};

static inline enum code pair_world_create(struct pair_world *w)
{
    return coengagement_create(&w->world.memory, world_ordinal, NULL, &w->fold, &w->coengagement,
                               &w->world.error);
}

static inline bool pair_world_init(struct pair_world *w)
{
    if (!world_init(&w->world)) return false;
    w->world.signals[PLAY].positive = true;
    return pair_world_create(w) == CODE_OK;
}

static inline void pair_world_release(struct pair_world *w)
{
    w->fold.ops->free(w->fold.state);
    world_release(&w->world);
}

/* How it was resolved is in world.last. */
static inline bool pair_say(struct pair_world *w, const struct said *said)
{
    struct world *world = &w->world;
    struct change change = {.kind = CHANGE_SIGNAL,
                            .signal = {.signal = said->signal,
                                       .has_user = true,
                                       .value = said->value,
                                       .has_time = true,
                                       .time_ms = said->time_ms,
                                       .retract = said->retract}};
    world->last = (struct resolved_change){.schema = &world->schema,
                                           .change = &change,
                                           .subject = said->subject,
                                           .subject_id = world_id(said->subject),
                                           .other = said->user,
                                           .other_id = world_id(said->user),
                                           .time_ms = said->time_ms};
    behaviour_resolve(world->behaviour, &world->last);
    coengagement_resolve(world->behaviour, &world->last, w->partners);
    bool ok = w->fold.ops->apply(w->fold.state, &world->last, &world->error) == CODE_OK &&
              world->fold.ops->apply(world->fold.state, &world->last, &world->error) == CODE_OK;
    world->last.change = NULL;
    return ok;
}

static inline bool pair_signal(struct pair_world *w, ordinal user, signal_id signal, ordinal item,
                               int64_t time_ms)
{
    return pair_say(w, &(struct said){user, item, signal, time_ms, ONE, false});
}

static inline bool pair_delete(struct pair_world *w, enum entity_kind kind, ordinal entity)
{
    struct change change = {.kind = CHANGE_DELETE, .delete = {.kind = kind}};
    struct resolved_change resolved = {.schema = &w->world.schema,
                                       .change = &change,
                                       .subject = entity,
                                       .subject_id = world_id(entity),
                                       .other = ORDINAL_NONE};
    return w->fold.ops->apply(w->fold.state, &resolved, &w->world.error) == CODE_OK &&
           w->world.fold.ops->apply(w->world.fold.state, &resolved, &w->world.error) == CODE_OK;
}

/* What is counted of a pair, as `item` has it; all 0 if it has not. */
static inline struct coengaged pair_find_neighbour(const struct pair_world *w, ordinal item,
                                                   ordinal other, int64_t now_ms)
{
    struct coengaged list[COENGAGEMENT_NEIGHBOURS_MAXIMUM];
    size_t count = coengagement_neighbours(w->coengagement, item, now_ms, list);
    for (size_t i = 0; i < count; i++)
        if (list[i].item == other) return list[i];
    return (struct coengaged){.item = other};
}

static inline double pair_together(const struct pair_world *w, ordinal item, ordinal other,
                                   int64_t now_ms)
{
    return pair_find_neighbour(w, item, other, now_ms).together;
}

static inline bool pair_check(const struct pair_world *w)
{
    return fold_check(&w->fold);
}

/* All rows, as bytes. */
static inline bool pair_dump(struct pair_world *w, struct buffer *out)
{
    struct store *store = NULL;
    struct store_batch *batch = NULL;
    struct error *error = &w->world.error;
    buffer_clear(out);
    bool ok = memory_store_open(&w->world.memory, &store, error) == CODE_OK &&
              store_batch_create(store, &batch, error) == CODE_OK &&
              w->fold.ops->dump(w->fold.state, batch, error) == CODE_OK &&
              store_write(store, batch, error) == CODE_OK &&
              store_dump(store, out, error) == CODE_OK;
    store_batch_free(batch);
    store_close(store);
    return ok;
}

/* Checkpoints into the store, which has all earlier ones, and goes on with what it holds. */
static inline bool pair_reopen(struct pair_world *w, struct store *store)
{
    struct error *error = &w->world.error;
    if (fold_checkpoint(&w->fold, store, error) != CODE_OK) return false;
    w->fold.ops->free(w->fold.state);
    return pair_world_create(w) == CODE_OK &&
           w->fold.ops->load(w->fold.state, store, &w->world.schema, error) == CODE_OK;
}

#endif
