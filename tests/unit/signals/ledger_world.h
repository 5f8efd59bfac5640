/* A ledger of its own for a test: a schema built by hand, entities whose ids follow from their
 * ordinals, and the decisions that the engine would make. */
#ifndef TIDAL_TESTS_LEDGER_WORLD_H
#define TIDAL_TESTS_LEDGER_WORLD_H

#include "harness/fold_rows.h"
#include "schema/schema.h"
#include "signals/cold.h"
#include "signals/features.h"
#include "signals/ledger.h"

#include <math.h>
#include <stdio.h>

#define ONE    SIGNAL_VALUE_ONE
#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define START  INT64_C(1700000000000) /* not on the edge of any bucket */

enum { VIEW = 2, LIKE = 3, RATING = 4, FOLLOWED = 5, WORLD_SIGNALS = 6 };

struct world {
    struct memory memory;
    struct schema schema;
    struct signal signals[WORLD_SIGNALS];
    struct fold fold;
    struct ledger *ledger;
    struct error error;
    int64_t watermark_ms;
    struct cold_reader *ahead; /* NULL: nothing is read ahead */
};

static inline entity_id world_id(ordinal entity)
{
    return UINT64_C(1) << 40 | (uint64_t)(entity * 7 + 1000);
}

static inline ordinal world_ordinal(void *context, enum entity_kind kind, entity_id id)
{
    (void)context;
    (void)kind;
    return ((uint32_t)id - 1000) / 7;
}

static inline entity_id world_id_of(void *context, enum entity_kind kind, ordinal entity)
{
    (void)context;
    (void)kind;
    return world_id(entity);
}

static const struct ledger_ids world_ids = {world_ordinal, world_id_of, NULL};

static inline void world_windows(struct signal *signal, const int64_t *windows_ms, uint32_t count)
{
    signal->window_count = count;
    for (uint32_t i = 0; i < count; i++)
        signal->window_ms[i] = windows_ms[i];
}

static inline void world_half_lives(struct signal *signal, const int64_t *half_lives_ms,
                                    uint32_t count)
{
    signal->half_life_count = count;
    for (uint32_t i = 0; i < count; i++) {
        signal->half_life_ms[i] = half_lives_ms[i];
        signal->lambda[i] = 0.69314718055994530942 / ((double)half_lives_ms[i] / 1000);
    }
}

static inline void world_schema(struct world *world)
{
    for (uint16_t i = 0; i < WORLD_SIGNALS; i++) {
        world->signals[i] = (struct signal){.id = i,
                                            .kind = i == FOLLOWED ? ENTITY_CREATOR : ENTITY_ITEM,
                                            .lateness_ms = 12 * HOUR};
    }
    struct signal *view = &world->signals[VIEW], *like = &world->signals[LIKE],
                  *rating = &world->signals[RATING];
    world_half_lives(view, (const int64_t[]){HOUR, DAY, 7 * DAY}, 3);
    world_windows(view, (const int64_t[]){7 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY}, 5);
    view->velocity_count = 2;
    view->velocity_window[0] = 1;
    view->velocity_baseline[0] = 2;
    view->velocity_window[1] = 2;
    view->velocity_baseline[1] = 4;
    world_half_lives(like, (const int64_t[]){HOUR, 7 * DAY}, 2);
    world_windows(like, (const int64_t[]){DAY, 30 * DAY}, 2);
    like->unique_per_user = true;
    like->positive = true;
    like->positive_from = -(double)INFINITY;
    world_half_lives(rating, (const int64_t[]){30 * DAY}, 1);
    world_windows(rating, (const int64_t[]){DAY, 30 * DAY}, 2);
    rating->values = SIGNAL_VALUE_MIN_MAX;
    world->schema.signals = world->signals;
    world->schema.signal_count = WORLD_SIGNALS;
}

static inline bool world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->watermark_ms = INT64_MIN;
    memory_init(&world->memory, 0);
    world_schema(world);
    return ledger_create(&world->memory, &world_ids, &world->fold, &world->ledger, &world->error) ==
           CODE_OK;
}

static inline void world_release(struct world *world)
{
    world->fold.ops->free(world->fold.state);
    memory_release(&world->memory);
}

static inline enum code world_apply(struct world *world, struct resolved_change *resolved)
{
    resolved->schema = &world->schema;
    resolved->watermark_ms = world->watermark_ms;
    enum code code = ledger_warm(world->ledger, resolved, world->ahead, &world->error);
    if (code != CODE_OK) return code;
    return world->fold.ops->apply(world->fold.state, resolved, &world->error);
}

/* A signal whose contributions are given. */
static inline enum code world_contribute(struct world *world, signal_id signal, ordinal entity,
                                         const struct contribution *contributions, size_t count)
{
    const struct signal *about = &world->signals[signal];
    int64_t time_ms = contributions[count - 1].time_ms;
    struct change change = {.kind = CHANGE_SIGNAL,
                            .signal = {.signal = signal,
                                       .entity = {.kind = about->kind, .id = world_id(entity)},
                                       .value = ONE,
                                       .has_time = true,
                                       .time_ms = time_ms}};
    struct resolved_change resolved = {.change = &change,
                                       .subject = entity,
                                       .subject_id = world_id(entity),
                                       .other = ORDINAL_NONE,
                                       .time_ms = time_ms,
                                       .effective = true,
                                       .contribution_count = count};
    for (size_t i = 0; i < count; i++)
        resolved.contributions[i] = contributions[i];
    resolved.late =
        world->watermark_ms != INT64_MIN && time_ms < world->watermark_ms - about->lateness_ms;
    enum code code = world_apply(world, &resolved);
    if (time_ms > world->watermark_ms) world->watermark_ms = time_ms;
    return code;
}

static inline enum code world_signal(struct world *world, signal_id signal, ordinal entity,
                                     int64_t time_ms, int64_t value)
{
    struct contribution contribution = {time_ms, value, 1};
    return world_contribute(world, signal, entity, &contribution, 1);
}

static inline enum code world_retract(struct world *world, signal_id signal, ordinal entity,
                                      int64_t time_ms, int64_t value)
{
    struct contribution contribution = {time_ms, value, -1};
    return world_contribute(world, signal, entity, &contribution, 1);
}

static inline enum code world_delete(struct world *world, enum entity_kind kind, ordinal entity)
{
    struct change change = {.kind = CHANGE_DELETE, .delete = {.kind = kind}};
    struct resolved_change resolved = {.change = &change,
                                       .subject = entity,
                                       .subject_id = world_id(entity),
                                       .other = ORDINAL_NONE};
    return world_apply(world, &resolved);
}

/* One feature of one entity; NaN if it is missing. */
static inline double world_read(const struct world *world, struct feature feature, ordinal entity,
                                int64_t now_ms)
{
    double value;
    bool missing;
    features_read(world->ledger, &feature, now_ms, &entity, 1,
                  (struct feature_column){&value, &missing, NULL});
    return missing ? (double)NAN : value;
}

static inline bool world_check(struct world *world)
{
    return fold_check(&world->fold);
}

#endif
