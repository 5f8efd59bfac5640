#include "signals/popular.h"
#include "unit/signals/ledger_world.h"

#include "base/choices.h"
#include "harness/test.h"

#include <stdlib.h>

enum { ITEMS = 200, EVENTS = 8000, EVERY = 40, VALUES = 6 };

/* A ledger and what is popular by it, per value of a field. */
struct popular_world {
    struct world world;
    struct fold fold;
    struct popular *popular;
    struct arena arena;
    struct choices choices;
};

static uint32_t values[ITEMS];
static bool has_value[ITEMS];

static const uint32_t *codes_of(void *context, field_id field, ordinal item, size_t *count)
{
    (void)context;
    *count = field == 0 && item < ITEMS && has_value[item];
    return *count > 0 ? &values[item] : NULL;
}

static bool create(struct popular_world *w, struct fold *fold, struct popular **popular)
{
    struct index_source source = {w->world.ledger, world_ids, codes_of};
    return popular_create(&w->world.memory, &source, fold, popular, &w->world.error) == CODE_OK;
}

static bool popular_world_init(struct popular_world *w, uint64_t seed)
{
    if (!world_init(&w->world)) return false;
    memset(has_value, 0, sizeof has_value);
    for (signal_id id = VIEW; id <= RATING; id++) {
        struct signal *signal = &w->world.signals[id];
        signal->index_field_count = 1;
        signal->index_fields[0] = 0;
    }
    w->world.signals[VIEW].popular_count = 2; /* 1h and 7d */
    w->world.signals[VIEW].popular_slots[1] = 2;
    w->world.signals[LIKE].popular_count = 1;
    w->world.signals[RATING].popular_count = 1;
    arena_init(&w->arena, &w->world.memory, (size_t)1 << 24);
    choices_from_seed(&w->choices, seed, NULL);
    return create(w, &w->fold, &w->popular);
}

static void popular_world_release(struct popular_world *w)
{
    choices_release(&w->choices);
    w->fold.ops->free(w->fold.state);
    arena_release(&w->arena);
    world_release(&w->world);
}

static bool apply(struct popular_world *w, const struct change *change, ordinal item,
                  const struct contribution *contribution)
{
    struct world *world = &w->world;
    struct resolved_change resolved = {.change = change,
                                       .schema = &world->schema,
                                       .watermark_ms = world->watermark_ms,
                                       .subject = item,
                                       .subject_id = world_id(item),
                                       .other = ORDINAL_NONE};
    if (contribution) {
        resolved.time_ms = contribution->time_ms;
        resolved.effective = true;
        resolved.contributions[0] = *contribution;
        resolved.contribution_count = 1;
        resolved.late = world->watermark_ms != INT64_MIN &&
                        contribution->time_ms < world->watermark_ms - 12 * HOUR;
        if (contribution->time_ms > world->watermark_ms)
            world->watermark_ms = contribution->time_ms;
    }
    return world->fold.ops->apply(world->fold.state, &resolved, &world->error) == CODE_OK &&
           w->fold.ops->apply(w->fold.state, &resolved, &world->error) == CODE_OK;
}

static bool act(struct popular_world *w, signal_id signal, ordinal item, int64_t time_ms,
                struct contribution contribution)
{
    struct change change = {.kind = CHANGE_SIGNAL,
                            .signal = {.signal = signal,
                                       .entity = {.kind = ENTITY_ITEM, .id = world_id(item)},
                                       .has_time = true,
                                       .time_ms = time_ms}};
    contribution.time_ms = time_ms;
    return apply(w, &change, item, &contribution);
}

static bool check(const struct popular_world *w)
{
    return fold_check(&w->fold);
}

/* The oracle: all records, looked through by features_top, then those that are wanted. */
static size_t scan(struct popular_world *w, const struct popular_question *question,
                   struct ranked *out)
{
    static struct ranked all[ITEMS];
    struct feature feature = {
        .op = FEATURE_DECAY, .signal = question->signal->id, .slot = question->slot};
    size_t count = features_top(w->world.ledger, &(struct top_question){.feature = &feature,
                                                                        .now_ms = question->now_ms,
                                                                        .out = all,
                                                                        .limit = ITEMS}),
           kept = 0;
    for (size_t i = 0; i < count && kept < question->limit; i++) {
        ordinal item = all[i].entity;
        bool in_group =
            !question->group || (has_value[item] && values[item] == question->group->code);
        if (in_group && (!question->among || bitset_has(question->among, item)))
            out[kept++] = all[i];
    }
    return kept;
}

static bool agrees(struct popular_world *w, struct popular_question question)
{
    struct ranked list[ITEMS], wanted[ITEMS];
    size_t count;
    question.out = list;
    arena_reset(&w->arena);
    if (popular_top(w->popular, &question, &w->arena, &count, &w->world.error) != CODE_OK ||
        count != scan(w, &question, wanted))
        return false;
    for (size_t i = 0; i < count; i++)
        if (list[i].entity != wanted[i].entity || list[i].id != wanted[i].id ||
            list[i].value != wanted[i].value)
            return false;
    return true;
}

/* Every question of one moment, and of later ones: nothing was sorted anew meanwhile. */
static bool all_agree(struct popular_world *w, const struct bitset *among)
{
    static const struct {
        signal_id signal;
        uint8_t slot;
    } indexes[] = {{VIEW, 0}, {VIEW, 2}, {LIKE, 0}, {RATING, 0}};
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        for (int64_t later_ms = 0; later_ms <= 40 * DAY; later_ms = 3 * later_ms + HOUR / 3) {
            struct index_group group = {0, (uint32_t)choose(&w->choices, VALUES)};
            struct popular_question question = {.signal = &w->world.signals[indexes[i].signal],
                                                .slot = indexes[i].slot,
                                                .now_ms = w->world.watermark_ms + later_ms};
            question.limit = 1 + (size_t)choose(&w->choices, ITEMS - 1);
            if (choose_one_in(&w->choices, 2)) question.group = &group;
            if (choose_one_in(&w->choices, 2)) question.among = among;
            if (!agrees(w, question)) return false;
        }
    }
    return check(w);
}

/* The fold is a function of the ledger: made from it, it gives the same answers. */
static bool reload(struct popular_world *w)
{
    struct fold loaded;
    struct popular *popular;
    if (!create(w, &loaded, &popular) ||
        loaded.ops->load(loaded.state, NULL, &w->world.schema, &w->world.error) != CODE_OK)
        return false;
    w->fold.ops->free(w->fold.state);
    w->fold = loaded;
    w->popular = popular;
    return check(w);
}

static bool change_something(struct popular_world *w, int64_t now_ms)
{
    struct choices *choices = &w->choices;
    ordinal item = (ordinal)choose(choices, ITEMS - 1);
    if (choose_one_in(choices, 2)) item /= 10;
    if (choose_one_in(choices, 12)) {
        struct change change = {.kind = choose_one_in(choices, 2) ? CHANGE_PUT : CHANGE_PATCH};
        values[item] = (uint32_t)choose(choices, VALUES - 1);
        has_value[item] = !choose_one_in(choices, 5);
        return apply(w, &change, item, NULL);
    }
    if (choose_one_in(choices, 150)) {
        struct change change = {.kind = CHANGE_DELETE, .delete = {.kind = ENTITY_ITEM}};
        return apply(w, &change, item, NULL);
    }
    int64_t time_ms = now_ms - (int64_t)choose(choices, 13 * (uint64_t)HOUR);
    switch (choose(choices, 3)) {
    case 0: /* given, and taken back at its own time */
        return act(w, LIKE, item, now_ms, (struct contribution){0, ONE, 1}) &&
               (choose_one_in(choices, 2) ||
                act(w, LIKE, item, now_ms, (struct contribution){0, ONE, -1}));
    case 1: /* a sum may be below 0 */
        return act(w, RATING, item, now_ms,
                   (struct contribution){0, ((int64_t)choose(choices, 10) - 4) * ONE, 1});
    default:
        return act(w, VIEW, item, time_ms, (struct contribution){0, ONE, 1});
    }
}

static void the_index_gives_what_looking_at_all_records_gives(struct test *t)
{
    static struct popular_world w;
    struct bitset among;
    CHECK(popular_world_init(&w, 5));
    bitset_init(&among, &w.world.memory);
    for (ordinal item = 0; item < ITEMS; item++)
        if (item % 7 < 3) CHECK(bitset_set(&among, item));
    int64_t now_ms = START;
    for (size_t i = 0; i < EVENTS; i++) {
        now_ms += (int64_t)choose(&w.choices, 2 * (uint64_t)MINUTE);
        if (choose_one_in(&w.choices, 900)) now_ms += (int64_t)choose(&w.choices, 30) * DAY;
        CHECK(change_something(&w, now_ms));
        if (i % EVERY != 0) continue;
        CHECK(all_agree(&w, &among));
        if (choose_one_in(&w.choices, 10)) CHECK(reload(&w));
    }
    bitset_release(&among);
    popular_world_release(&w);
}

static void many_signals_at_once_are_as_one_by_one(struct test *t)
{
    enum { BATCH = 100 };
    static struct popular_world w;
    static struct change changes[BATCH];
    static struct resolved_change resolved[BATCH];
    CHECK(popular_world_init(&w, 6));
    for (int round = 0; round < 30; round++) {
        for (size_t i = 0; i < BATCH; i++) {
            ordinal item = (ordinal)choose(&w.choices, ITEMS - 1);
            int64_t time_ms = START + round * HOUR + (int64_t)i;
            changes[i] = (struct change){.kind = CHANGE_SIGNAL, .signal = {.signal = VIEW}};
            resolved[i] = (struct resolved_change){.change = &changes[i],
                                                   .schema = &w.world.schema,
                                                   .subject = item,
                                                   .subject_id = world_id(item),
                                                   .other = ORDINAL_NONE,
                                                   .time_ms = time_ms,
                                                   .effective = true,
                                                   .contributions = {{time_ms, ONE, 1}},
                                                   .contribution_count = 1};
            w.world.watermark_ms = time_ms;
        }
        struct error *error = &w.world.error;
        CHECK_EQ(w.world.fold.ops->apply_signals(w.world.fold.state, resolved, BATCH, error),
                 CODE_OK);
        CHECK_EQ(w.fold.ops->apply_signals(w.fold.state, resolved, BATCH, error), CODE_OK);
        CHECK(all_agree(&w, NULL));
    }
    popular_world_release(&w);
}

/* `impression` and `hide` may be defined once more, when they have records already. */
static void an_index_defined_later_is_made_from_the_ledger(struct test *t)
{
    static struct popular_world w;
    struct change define = {.kind = CHANGE_DEFINE};
    CHECK(popular_world_init(&w, 7));
    w.world.signals[VIEW].popular_count = 0;
    for (ordinal item = 0; item < ITEMS; item++)
        CHECK(act(&w, VIEW, item, START + item, (struct contribution){0, ONE, 1}));
    struct popular_question question = {
        .signal = &w.world.signals[VIEW], .slot = 2, .now_ms = START + DAY, .limit = ITEMS};
    CHECK_EQ(popular_count(w.popular, &question), 0);
    w.world.signals[VIEW].popular_count = 2;
    CHECK(apply(&w, &define, ORDINAL_NONE, NULL));
    CHECK_EQ(popular_count(w.popular, &question), ITEMS);
    CHECK(agrees(&w, question) && check(&w));
    popular_world_release(&w);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(the_index_gives_what_looking_at_all_records_gives),
               CASE(many_signals_at_once_are_as_one_by_one),
               CASE(an_index_defined_later_is_made_from_the_ledger));
}
