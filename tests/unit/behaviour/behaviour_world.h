/* Behaviour of its own for a test, with a naive model beside it: every signal that was effective,
 * in a list. */
#ifndef TIDAL_TESTS_BEHAVIOUR_WORLD_H
#define TIDAL_TESTS_BEHAVIOUR_WORLD_H

#include "behaviour/behaviour.h"
#include "harness/fold_rows.h"

#include <math.h>
#include <stdio.h>

#define ONE   SIGNAL_VALUE_ONE
#define START INT64_C(1700000000000)

/* Signals 0 and 1 are built in. */
enum { VIEW = 2, LIKE = 3, SKIP = 4, RATING = 5, TRUST = 6, WORLD_SIGNALS = 7 };

struct world {
    struct memory memory;
    struct schema schema;
    struct signal signals[WORLD_SIGNALS];
    struct fold fold;
    struct behaviour *behaviour;
    struct error error;
    struct resolved_change last; /* as it was resolved */
};

static inline entity_id world_id(ordinal entity)
{
    return UINT64_C(5) << 33 | (uint64_t)(entity * 3 + 100);
}

static inline ordinal world_ordinal(void *context, enum entity_kind kind, entity_id id)
{
    (void)context;
    (void)kind;
    return ((uint32_t)id - 100) / 3;
}

static inline void world_schema(struct world *world)
{
    for (uint16_t i = 0; i < WORLD_SIGNALS; i++)
        world->signals[i] = (struct signal){.id = i,
                                            .kind = ENTITY_ITEM,
                                            .positive_from = -(double)INFINITY,
                                            .negative_below = (double)INFINITY};
    world->signals[SIGNAL_HIDE].unique_per_user = true;
    world->signals[SIGNAL_HIDE].negative = true;
    world->signals[LIKE].unique_per_user = true;
    world->signals[LIKE].positive = true;
    world->signals[SKIP].negative = true;
    world->signals[RATING].unique_per_user = true;
    world->signals[RATING].positive = true;
    world->signals[RATING].positive_from = 4;
    world->signals[RATING].negative = true;
    world->signals[RATING].negative_below = 2;
    world->signals[TRUST].unique_per_user = true;
    world->signals[TRUST].kind = ENTITY_USER;
    world->schema.signals = world->signals;
    world->schema.signal_count = WORLD_SIGNALS;
}

static inline enum code world_create(struct world *world)
{
    return behaviour_create(&world->memory, world_ordinal, NULL, &world->fold, &world->behaviour,
                            &world->error);
}

static inline bool world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    memory_init(&world->memory, 0);
    world_schema(world);
    return world_create(world) == CODE_OK;
}

static inline void world_release(struct world *world)
{
    world->fold.ops->free(world->fold.state);
    memory_release(&world->memory);
}

struct said {
    ordinal user, subject;
    signal_id signal;
    int64_t time_ms;
    int64_t value;
    bool retract;
};

/* Resolves and applies, as the engine does; how it was resolved is in world->last. */
static inline enum code world_say(struct world *world, const struct said *said)
{
    struct change change = {.kind = CHANGE_SIGNAL,
                            .signal = {.signal = said->signal,
                                       .has_user = true,
                                       .value = said->value,
                                       .has_time = true,
                                       .time_ms = said->time_ms,
                                       .retract = said->retract}};
    world->last = (struct resolved_change){
        .schema = &world->schema,
        .change = &change,
        .subject = said->subject,
        .subject_id = world_id(said->subject),
        .other = said->user,
        .other_id = said->user == ORDINAL_NONE ? 0 : world_id(said->user),
        .time_ms = said->time_ms,
    };
    behaviour_resolve(world->behaviour, &world->last);
    enum code code = world->fold.ops->apply(world->fold.state, &world->last, &world->error);
    world->last.change = NULL;
    return code;
}

static inline enum code world_signal(struct world *world, ordinal user, signal_id signal,
                                     ordinal item, int64_t time_ms)
{
    return world_say(world, &(struct said){user, item, signal, time_ms, ONE, false});
}

static inline enum code world_retract(struct world *world, ordinal user, signal_id signal,
                                      ordinal item, int64_t time_ms)
{
    return world_say(world, &(struct said){user, item, signal, time_ms, ONE, true});
}

static inline enum code world_delete(struct world *world, enum entity_kind kind, ordinal entity)
{
    struct change change = {.kind = CHANGE_DELETE, .delete = {.kind = kind}};
    struct resolved_change resolved = {.schema = &world->schema,
                                       .change = &change,
                                       .subject = entity,
                                       .subject_id = world_id(entity),
                                       .other = ORDINAL_NONE};
    return world->fold.ops->apply(world->fold.state, &resolved, &world->error);
}

static inline bool world_check(struct world *world)
{
    return fold_check(&world->fold);
}

#endif
