/* Behaviour and quotas together, as the engine runs them, with a naive model beside them: a list of
 * all events that counted, looked through for each next one. */
#ifndef TIDAL_TESTS_QUOTA_WORLD_H
#define TIDAL_TESTS_QUOTA_WORLD_H

#include "base/choices.h"
#include "behaviour/behaviour.h"
#include "behaviour/quota.h"
#include "harness/fold_rows.h"
#include "harness/test.h"

#include <math.h>
#include <stdlib.h>

#define ONE   SIGNAL_VALUE_ONE
#define START INT64_C(1700000000000)
#define HOUR  INT64_C(3600000)

/* Signals 0 and 1 are built in. */
enum { VIEW = 2, PLAY, LIKE, STAR, POKE, TRUSTED, RATED, FREE, WORLD_SIGNALS };
enum { WORLD_USERS = 8, WORLD_SUBJECTS = 30, EVENTS_MAXIMUM = 20000 };

struct said {
    ordinal user, subject;
    signal_id signal;
    int64_t time_ms;
    unsigned trust; /* of 256 */
    bool retract;
};

struct world {
    struct memory memory;
    struct schema schema;
    struct signal signals[WORLD_SIGNALS];
    struct fold folds[2]; /* behaviour, quotas */
    struct behaviour *behaviour;
    struct quota *quota;
    struct error error;
    int64_t watermark_ms;
    int64_t value;               /* of what is said; ONE unless a test has set another */
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

static inline void limit(struct signal *signal, enum quota_kind kind, int64_t period_ms,
                         uint32_t maximum)
{
    signal->quota_ms[kind] = period_ms;
    signal->quota_maximum[kind] = maximum;
    signal->is_limited = true;
    if (kind == QUOTA_SUBLINEAR) signal->is_weighted = true;
}

static inline void world_schema(struct world *world)
{
    for (uint16_t i = 0; i < WORLD_SIGNALS; i++)
        world->signals[i] = (struct signal){.id = i,
                                            .kind = ENTITY_ITEM,
                                            .lateness_ms = 3 * HOUR,
                                            .positive_from = -(double)INFINITY,
                                            .negative_below = (double)INFINITY};
    world->signals[SIGNAL_HIDE].unique_per_user = true;
    limit(&world->signals[VIEW], QUOTA_SUBJECT, HOUR, 3);
    limit(&world->signals[VIEW], QUOTA_USER, 6 * HOUR, 25);
    limit(&world->signals[PLAY], QUOTA_SUBLINEAR, HOUR, QUOTA_SUBLINEAR_EVENTS);
    world->signals[LIKE].unique_per_user = true;
    world->signals[LIKE].positive = true;
    limit(&world->signals[LIKE], QUOTA_USER, HOUR, 4);
    world->signals[STAR].unique_per_user = true;
    limit(&world->signals[STAR], QUOTA_SUBLINEAR, 2 * HOUR, QUOTA_SUBLINEAR_EVENTS);
    limit(&world->signals[STAR], QUOTA_SUBJECT, 2 * HOUR, 6);
    world->signals[STAR].trusts = true;
    world->signals[POKE].kind = ENTITY_USER;
    limit(&world->signals[POKE], QUOTA_SUBJECT, HOUR, 2);
    world->signals[RATED].unique_per_user = true;
    world->signals[RATED].values = SIGNAL_VALUE_SUM;
    limit(&world->signals[RATED], QUOTA_USER, HOUR, 2);
    world->signals[TRUSTED].trusts = true;
    world->signals[TRUSTED].is_limited = world->signals[TRUSTED].is_weighted = true;
    world->schema.signals = world->signals;
    world->schema.signal_count = WORLD_SIGNALS;
}

static inline enum code world_create(struct world *world)
{
    enum code code = behaviour_create(&world->memory, world_ordinal, NULL, &world->folds[0],
                                      &world->behaviour, &world->error);
    if (code != CODE_OK) return code;
    code = quota_create(&world->memory, world_ordinal, NULL, &world->folds[1], &world->quota,
                        &world->error);
    if (code != CODE_OK) world->folds[0].ops->free(world->folds[0].state);
    return code;
}

static inline void world_free_folds(struct world *world)
{
    for (int i = 0; i < 2; i++)
        world->folds[i].ops->free(world->folds[i].state);
}

static inline bool world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    memory_init(&world->memory, 0);
    world_schema(world);
    world->watermark_ms = INT64_MIN;
    world->value = ONE;
    return world_create(world) == CODE_OK;
}

static inline void world_release(struct world *world)
{
    world_free_folds(world);
    memory_release(&world->memory);
}

static inline enum code world_apply(struct world *world, const struct resolved_change *change)
{
    enum code code = world->folds[0].ops->apply(world->folds[0].state, change, &world->error);
    if (code != CODE_OK) return code;
    return world->folds[1].ops->apply(world->folds[1].state, change, &world->error);
}

/* Resolves and applies, as the engine does; how it was resolved is in world->last. */
static inline enum code world_say(struct world *world, const struct said *said)
{
    struct change change = {.kind = CHANGE_SIGNAL,
                            .signal = {.signal = said->signal,
                                       .has_user = said->user != ORDINAL_NONE,
                                       .value = world->value,
                                       .has_time = true,
                                       .time_ms = said->time_ms,
                                       .retract = said->retract}};
    world->last = (struct resolved_change){
        .schema = &world->schema,
        .change = &change,
        .watermark_ms = world->watermark_ms,
        .subject = said->subject,
        .subject_id = world_id(said->subject),
        .other = said->user,
        .other_id = said->user == ORDINAL_NONE ? 0 : world_id(said->user),
        .time_ms = said->time_ms,
    };
    behaviour_resolve(world->behaviour, &world->last);
    unsigned trust = world->signals[said->signal].trusts ? said->trust : EVENT_WEIGHT_ONE;
    if (world->signals[said->signal].is_limited) quota_resolve(world->quota, trust, &world->last);
    enum code code = world_apply(world, &world->last);
    if (said->time_ms > world->watermark_ms) world->watermark_ms = said->time_ms;
    world->last.change = NULL;
    return code;
}

static inline enum code world_delete(struct world *world, enum entity_kind kind, ordinal entity)
{
    struct change change = {.kind = CHANGE_DELETE, .delete = {.kind = kind}};
    struct resolved_change resolved = {.schema = &world->schema,
                                       .change = &change,
                                       .watermark_ms = world->watermark_ms,
                                       .subject = entity,
                                       .subject_id = world_id(entity),
                                       .other = ORDINAL_NONE};
    return world_apply(world, &resolved);
}

static inline bool world_check(struct world *world)
{
    return fold_check(&world->folds[0]) && fold_check(&world->folds[1]);
}

static inline enum code world_checkpoint(struct world *world, struct store *store)
{
    enum code code = fold_checkpoint(&world->folds[0], store, &world->error);
    return code == CODE_OK ? fold_checkpoint(&world->folds[1], store, &world->error) : code;
}

static inline enum code world_load(struct world *world, struct store *store)
{
    enum code code = CODE_OK;
    for (int i = 0; i < 2 && code == CODE_OK; i++)
        code =
            world->folds[i].ops->load(world->folds[i].state, store, &world->schema, &world->error);
    return code;
}

static inline enum code world_reload(struct world *world, struct store *store)
{
    world_free_folds(world);
    enum code code = world_create(world);
    return code == CODE_OK ? world_load(world, store) : code;
}

/* Appends what a checkpoint of all that there is would write. */
static inline bool world_rows(struct world *world, struct buffer *rows)
{
    struct store *store;
    struct store_batch *batch;
    if (memory_store_open(&world->memory, &store, &world->error) != CODE_OK ||
        store_batch_create(store, &batch, &world->error) != CODE_OK)
        return false;
    bool ok = true;
    for (int i = 0; i < 2; i++)
        ok = ok && !world->folds[i].ops->dump(world->folds[i].state, batch, &world->error);
    ok = ok && store_write(store, batch, &world->error) == CODE_OK &&
         store_dump(store, rows, &world->error) == CODE_OK;
    store_batch_free(batch);
    store_close(store);
    return ok;
}

/* --- The model --- */

struct model_event {
    struct said said;
    unsigned weight;
    bool stands; /* of a state: it is the one that is set */
};

struct model {
    struct model_event *events; /* that were effective, and not taken back by their kind */
    size_t count;
    struct said *words; /* of states, that took effect */
    size_t word_count;
    uint64_t capped[WORLD_SIGNALS];
};

static inline void model_init(struct model *model)
{
    *model = (struct model){.events = calloc(EVENTS_MAXIMUM, sizeof *model->events),
                            .words = calloc(EVENTS_MAXIMUM, sizeof *model->words)};
}

static inline void model_release(struct model *model)
{
    free(model->events);
    free(model->words);
}

static inline int64_t model_period(int64_t time_ms, int64_t length_ms)
{
    return (int64_t)floorl((long double)time_ms / (long double)length_ms);
}

/* Events of the user that counted in the same period. */
static inline unsigned model_counted(const struct model *model, const struct signal *signal,
                                     enum quota_kind kind, const struct said *said)
{
    unsigned counted = 0;
    int64_t length_ms = signal->quota_ms[kind];
    for (size_t i = 0; i < model->count; i++) {
        const struct said *old = &model->events[i].said;
        counted += old->user == said->user && old->signal == said->signal &&
                   (kind == QUOTA_USER || old->subject == said->subject) &&
                   model->events[i].weight > 0 &&
                   model_period(old->time_ms, length_ms) == model_period(said->time_ms, length_ms);
    }
    return counted;
}

/* What an effective event of a user weighs, by the words of the manual. */
static inline unsigned model_weigh(const struct model *model, const struct signal *signal,
                                   const struct said *said, int64_t watermark_ms)
{
    if (said->user == ORDINAL_NONE) return 256;
    double weight = signal->trusts ? said->trust : 256;
    for (int kind = 0; kind < QUOTA_KIND_COUNT; kind++) {
        int64_t length_ms = signal->quota_ms[kind];
        if (length_ms == 0) continue;
        int64_t end_ms = (model_period(said->time_ms, length_ms) + 1) * length_ms;
        if (end_ms + signal->lateness_ms <= watermark_ms) return 0;
        unsigned counted = model_counted(model, signal, (enum quota_kind)kind, said);
        if (kind != QUOTA_SUBLINEAR && counted >= signal->quota_maximum[kind]) return 0;
        if (kind == QUOTA_SUBLINEAR)
            weight = floor(weight * floor(256.0 / (counted + 1) + 0.5) / 256 + 0.5);
    }
    return (unsigned)weight;
}

#endif
