/* Cold pairs: a ledger with a budget against one without, which is the oracle: the same stream of
 * events, late ones, retractions, deletions, definitions, checkpoints and openings, and not a bit
 * that differs. */
#include "signals/cold.h"

#include "base/choices.h"
#include "harness/store_rows.h"
#include "harness/test.h"
#include "signals/eviction.h"
#include "unit/signals/ledger_world.h"

#include <stdlib.h>

enum { ENTITIES = 150, STEPS = 2000, SEEDS = 6 };

/* A ledger, and the store that it is written to. */
struct side {
    struct world world;
    struct store *store;
    size_t budget_bytes;
};

struct event {
    signal_id signal;
    ordinal entity;
    int64_t time_ms, value;
    bool retracts;
};

struct pair_of_ledgers {
    struct side warm, cold;
    struct choices choices;
    int64_t now_ms;
    struct event last[8];
    bool redefined;
    size_t cold_seen, warmed; /* that the test has met what it is about */
};

static bool load(struct side *side)
{
    struct world *world = &side->world;
    return ledger_create(&world->memory, &world_ids, &world->fold, &world->ledger, &world->error) ==
               CODE_OK &&
           ledger_set_budget(world->ledger, side->budget_bytes, &world->error) == CODE_OK &&
           world->fold.ops->load(world->fold.state, side->store, &world->schema, &world->error) ==
               CODE_OK;
}

static bool side_init(struct side *side, size_t budget_bytes)
{
    if (!world_init(&side->world)) return false;
    side->world.fold.ops->free(side->world.fold.state);
    side->budget_bytes = budget_bytes;
    return memory_store_open(&side->world.memory, &side->store, &side->world.error) == CODE_OK &&
           load(side);
}

static void side_release(struct side *side)
{
    store_close(side->store);
    world_release(&side->world);
}

/* As the engine does it. */
static bool checkpoint(struct side *side, int64_t now_ms)
{
    struct eviction eviction;
    if (fold_checkpoint(&side->world.fold, side->store, &side->world.error) != CODE_OK)
        return false;
    eviction_run(&eviction, side->world.ledger, now_ms);
    return true;
}

static bool reopen(struct side *side, int64_t now_ms)
{
    if (!checkpoint(side, now_ms)) return false;
    side->world.fold.ops->free(side->world.fold.state);
    return load(side);
}

static bool fail_to_checkpoint(struct side *side)
{
    struct store_batch *batch;
    struct world *world = &side->world;
    struct eviction eviction;
    if (store_batch_create(side->store, &batch, &world->error) != CODE_OK) return false;
    world->fold.ops->seal(world->fold.state);
    bool written = world->fold.ops->write(world->fold.state, batch, &world->error) == CODE_OK;
    eviction_run(&eviction, world->ledger, INT64_MAX / 2); /* which may not take what is sealed */
    world->fold.ops->sealed(world->fold.state, false);
    store_batch_free(batch);
    return written;
}

/* Toggles VIEW between two definitions, so that what comes back was gone meanwhile. */
static bool redefine(struct side *side, bool to_other)
{
    struct world *world = &side->world;
    struct signal *view = &world->signals[VIEW];
    struct change change = {.kind = CHANGE_DEFINE};
    struct resolved_change resolved = {
        .lsn = 1, .change = &change, .subject = ORDINAL_NONE, .other = ORDINAL_NONE};
    world_half_lives(view, (const int64_t[]){HOUR, DAY, 7 * DAY}, to_other ? 1 : 3);
    world_windows(view, (const int64_t[]){7 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY},
                  to_other ? 3 : 5);
    view->velocity_count = to_other ? 1 : 2;
    world->schema.text_count++;
    return world_apply(world, &resolved) == CODE_OK;
}

static struct event draw_event(struct pair_of_ledgers *pair)
{
    static const signal_id signals[] = {VIEW, VIEW, LIKE, RATING, FOLLOWED};
    struct choices *choices = &pair->choices;
    struct event event = {.signal = signals[choose(choices, 4)], .value = ONE};
    /* Few are popular, and they change. */
    uint64_t group = (uint64_t)(pair->now_ms / DAY) % 10;
    bool is_popular = choose(choices, 4) > 0;
    event.entity = is_popular ? (ordinal)(group * 15 + choose(choices, 14))
                              : (ordinal)choose(choices, ENTITIES - 1);
    pair->now_ms += (int64_t)choose(choices, choose(choices, 50) == 0 ? 3 * DAY : 20 * MINUTE);
    event.time_ms = pair->now_ms;
    uint64_t late = choose(choices, 20);
    if (late < 4) event.time_ms -= (int64_t)choose(choices, 12 * HOUR);
    if (late == 4) event.time_ms -= (int64_t)choose(choices, 60 * DAY);
    if (event.signal == RATING) event.value = (int64_t)choose(choices, 10 * ONE) - 3 * ONE;
    event.retracts = choose(choices, 5) == 0;
    return event;
}

static bool apply_event(struct side *side, const struct event *event)
{
    struct world *world = &side->world;
    enum code code =
        event->retracts
            ? world_retract(world, event->signal, event->entity, event->time_ms, event->value)
            : world_signal(world, event->signal, event->entity, event->time_ms, event->value);
    return code == CODE_OK;
}

/* To the cold side, which may have read ahead: this pair, others, or the one alone. */
static bool apply_ahead(struct pair_of_ledgers *pair, const struct event *event)
{
    struct world *world = &pair->cold.world;
    struct cold_reader reader;
    struct cold_pair pairs[3] = {{event->signal, event->entity},
                                 {FOLLOWED, (ordinal)choose(&pair->choices, ENTITIES - 1)},
                                 {LIKE, (ordinal)choose(&pair->choices, ENTITIES - 1)}};
    cold_reader_init(&reader, world->ledger, &world->memory);
    cold_read_pairs(&reader, pairs, choose(&pair->choices, 3));
    world->ahead = &reader;
    bool applied = apply_event(&pair->cold, event);
    world->ahead = NULL;
    return cold_reader_end(&reader, &world->error) == CODE_OK && applied;
}

/* What is retracted was mostly said just before, or long ago, and may be the last. */
static bool step_event(struct pair_of_ledgers *pair)
{
    struct event event = draw_event(pair);
    size_t place = choose(&pair->choices, 7);
    if (event.retracts && pair->last[place].value != 0) event = pair->last[place];
    event.retracts = event.retracts || choose(&pair->choices, 40) == 0;
    pair->last[place] = event;
    size_t before = ledger_signal_size(pair->cold.world.ledger, event.signal).cold;
    if (!apply_event(&pair->warm, &event) || !apply_ahead(pair, &event)) return false;
    pair->warmed += ledger_signal_size(pair->cold.world.ledger, event.signal).cold < before;
    return true;
}

static bool step(struct pair_of_ledgers *pair)
{
    struct side *warm = &pair->warm, *cold = &pair->cold;
    uint64_t kind = choose(&pair->choices, 200);
    ordinal entity = (ordinal)choose(&pair->choices, ENTITIES - 1);
    if (kind == 0) return reopen(warm, pair->now_ms) && reopen(cold, pair->now_ms);
    if (kind < 6) return checkpoint(warm, pair->now_ms) && checkpoint(cold, pair->now_ms);
    if (kind == 6) return fail_to_checkpoint(warm) && fail_to_checkpoint(cold);
    if (kind == 7) {
        pair->redefined = !pair->redefined;
        return redefine(warm, pair->redefined) && redefine(cold, pair->redefined);
    }
    if (kind < 12) {
        enum entity_kind of = kind == 8 ? ENTITY_CREATOR : ENTITY_ITEM;
        return world_delete(&warm->world, of, entity) == CODE_OK &&
               world_delete(&cold->world, of, entity) == CODE_OK;
    }
    if (kind < 14) { /* as the keeper does between two checkpoints */
        struct eviction eviction;
        eviction_run(&eviction, cold->world.ledger, pair->now_ms);
        return true;
    }
    return step_event(pair);
}

static bool same_bits(const void *a, const void *b, size_t bytes)
{
    return memcmp(a, b, bytes) == 0;
}

/* One feature of all entities, and the highest. */
static bool same_feature(struct pair_of_ledgers *pair, const struct feature *feature)
{
    static double values[2][ENTITIES];
    static bool missing[2][ENTITIES];
    static struct ranked top[2][ENTITIES];
    struct cold_reader reader;
    struct error error;
    ordinal all[ENTITIES];
    const struct ledger *warm = pair->warm.world.ledger, *cold = pair->cold.world.ledger;
    for (ordinal i = 0; i < ENTITIES; i++)
        all[i] = (ordinal)(i * 7 % ENTITIES);
    memset(top, 0, sizeof top);
    cold_reader_init(&reader, cold, &pair->cold.world.memory);
    features_read(warm, feature, pair->now_ms, all, ENTITIES,
                  (struct feature_column){values[0], missing[0], NULL});
    size_t count = features_top(
        warm, &(struct top_question){
                  .feature = feature, .now_ms = pair->now_ms, .out = top[0], .limit = 20});
    features_read(cold, feature, pair->now_ms, all, ENTITIES,
                  (struct feature_column){values[1], missing[1], &reader});
    bool same = features_top(cold, &(struct top_question){.feature = feature,
                                                          .now_ms = pair->now_ms,
                                                          .out = top[1],
                                                          .limit = 20,
                                                          .cold = &reader}) == count;
    pair->cold_seen += reader.count;
    if (cold_reader_end(&reader, &error) != CODE_OK) return false;
    return same && same_bits(values[0], values[1], sizeof values[0]) &&
           same_bits(missing[0], missing[1], sizeof missing[0]) &&
           same_bits(top[0], top[1], sizeof top[0]);
}

static bool same_features(struct pair_of_ledgers *pair)
{
    for (unsigned op = FEATURE_DECAY; op <= FEATURE_RATIO; op++) {
        static const signal_id signals[] = {VIEW, LIKE, RATING, FOLLOWED};
        for (size_t i = 0; i < 4; i++) {
            struct feature feature = {.op = (enum feature_op)op,
                                      .signal = signals[i],
                                      .denominator = op == FEATURE_RATIO ? VIEW : 0,
                                      .slot = (uint8_t)choose(&pair->choices, 2),
                                      .prior = 3,
                                      .prior_mean = (double)NAN};
            bool has_windows = op <= FEATURE_RATE || signals[i] == VIEW || signals[i] == LIKE;
            if (!has_windows || choose(&pair->choices, 4) == 0) feature.slot = WINDOW_ALL;
            if (feature.slot == WINDOW_ALL && op != FEATURE_RATIO &&
                (op < FEATURE_COUNT || op > FEATURE_MAXIMUM))
                feature.slot = 0;
            if (!same_feature(pair, &feature)) return false;
        }
    }
    return true;
}

static bool same_totals(struct pair_of_ledgers *pair)
{
    const struct ledger *warm = pair->warm.world.ledger, *cold = pair->cold.world.ledger;
    if (ledger_record_count(warm) != ledger_record_count(cold)) return false;
    for (signal_id i = VIEW; i <= FOLLOWED; i++) {
        struct ledger_totals a = ledger_signal_totals(warm, i), b = ledger_signal_totals(cold, i);
        struct ledger_size size = ledger_signal_size(cold, i);
        if (a.count != b.count || a.sum != b.sum) return false;
        if (size.pairs + size.cold != ledger_signal_size(warm, i).pairs) return false;
        ordinal entity = (ordinal)choose(&pair->choices, ENTITIES - 1);
        a = ledger_entity_totals(warm, i, entity);
        b = ledger_entity_totals(cold, i, entity);
        if (a.count != b.count || a.sum != b.sum) return false;
    }
    return true;
}

/* All rows as they stand. */
static bool dump(struct side *side, struct buffer *out)
{
    struct world *world = &side->world;
    struct store_batch *batch = NULL;
    struct store *store = NULL;
    buffer_clear(out);
    bool done = memory_store_open(&world->memory, &store, &world->error) == CODE_OK &&
                store_batch_create(store, &batch, &world->error) == CODE_OK &&
                world->fold.ops->dump(world->fold.state, batch, &world->error) == CODE_OK &&
                store_write(store, batch, &world->error) == CODE_OK &&
                store_dump(store, out, &world->error) == CODE_OK;
    store_batch_free(batch);
    store_close(store);
    return done;
}

static bool same_rows(struct pair_of_ledgers *pair)
{
    struct buffer rows[2];
    buffer_init(&rows[0], &pair->warm.world.memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&rows[1], &pair->cold.world.memory, FOLD_ROWS_MAXIMUM);
    bool same = dump(&pair->warm, &rows[0]) && dump(&pair->cold, &rows[1]) &&
                slice_equal(buffer_slice(&rows[0]), buffer_slice(&rows[1]));
    buffer_release(&rows[0]);
    buffer_release(&rows[1]);
    return same;
}

/* All that both stores have, after a checkpoint of both. */
static bool same_stores(struct pair_of_ledgers *pair)
{
    struct buffer rows[2];
    buffer_init(&rows[0], &pair->warm.world.memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&rows[1], &pair->cold.world.memory, FOLD_ROWS_MAXIMUM);
    bool same = checkpoint(&pair->warm, pair->now_ms) && checkpoint(&pair->cold, pair->now_ms) &&
                store_dump(pair->warm.store, &rows[0], &pair->warm.world.error) == CODE_OK &&
                store_dump(pair->cold.store, &rows[1], &pair->cold.world.error) == CODE_OK &&
                slice_equal(buffer_slice(&rows[0]), buffer_slice(&rows[1]));
    buffer_release(&rows[0]);
    buffer_release(&rows[1]);
    return same;
}

static void no_reading_row_or_total_tells_what_is_cold(struct test *t)
{
    static const size_t budgets[] = {1, 4000, 16000};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct pair_of_ledgers pair = {.now_ms = START};
        choices_from_seed(&pair.choices, seed, NULL);
        CHECK(side_init(&pair.warm, 0));
        CHECK(side_init(&pair.cold, budgets[seed % 3]));
        for (int i = 0; i < STEPS; i++) {
            CHECK(step(&pair));
            if (i % 40 != 0) continue;
            CHECK(same_totals(&pair));
            CHECK(same_features(&pair));
            CHECK(same_rows(&pair));
            CHECK(world_check(&pair.cold.world));
        }
        CHECK(same_stores(&pair));
        CHECK(pair.cold_seen > 5000 && pair.warmed > 100);
        side_release(&pair.warm);
        side_release(&pair.cold);
        choices_release(&pair.choices);
    }
}

static bool fill(struct side *side, ordinal count)
{
    bool done = true;
    for (ordinal i = 0; i < count && done; i++)
        done = world_signal(&side->world, VIEW, i, START + i * MINUTE, ONE) == CODE_OK;
    return done;
}

static void what_is_over_the_budget_goes_and_the_oldest_goes_first(struct test *t)
{
    enum { COUNT = 4000, BUDGET = 200000 };
    struct side side;
    int64_t now_ms = START + COUNT * MINUTE;
    CHECK(side_init(&side, BUDGET));
    CHECK(fill(&side, COUNT));
    struct ledger *ledger = side.world.ledger;
    CHECK(ledger_is_over_budget(ledger));
    CHECK_EQ(ledger_signal_size(ledger, VIEW).cold, 0); /* what is not in the store stays */
    CHECK(checkpoint(&side, now_ms));
    struct ledger_size size = ledger_signal_size(ledger, VIEW);
    CHECK_EQ(size.pairs + size.cold, COUNT);
    CHECK(!ledger_is_over_budget(ledger));
    CHECK(ledger_resident_bytes(ledger) > BUDGET / 4 * 3); /* and no more than need be */
    /* Whose newest event is older by more than the width of a class went first. */
    for (ordinal oldest = 0; oldest < 20; oldest += 10) {
        const struct ledger_size now = ledger_signal_size(side.world.ledger, VIEW);
        CHECK(now.cold > 0 && now.pairs > 0);
        CHECK_EQ(world_signal(&side.world, VIEW, oldest, now_ms, ONE), CODE_OK);
        CHECK_EQ(ledger_signal_size(side.world.ledger, VIEW).cold, now.cold - 1);
        CHECK_EQ(world_signal(&side.world, VIEW, COUNT - 1, now_ms, ONE), CODE_OK);
        CHECK_EQ(ledger_signal_size(side.world.ledger, VIEW).cold, now.cold - 1);
        now_ms += MINUTE;
        CHECK_EQ(world_signal(&side.world, VIEW, oldest + 1, START, ONE), CODE_OK); /* late */
        CHECK(reopen(&side, now_ms));
        CHECK(!ledger_is_over_budget(side.world.ledger));
    }
    side_release(&side);
}

/* The newest stay, as many as an eighth of the budget holds. */
static void where_the_directory_takes_the_budget_pairs_keep_an_eighth_of_it(struct test *t)
{
    enum { COUNT = 20000, BUDGET = 60000 };
    struct side side;
    CHECK(side_init(&side, BUDGET));
    CHECK(fill(&side, COUNT));
    CHECK(checkpoint(&side, START + COUNT * MINUTE));
    const struct ledger *ledger = side.world.ledger;
    size_t directory = ledger_directory_bytes(ledger);
    CHECK(directory > BUDGET);
    CHECK_EQ(ledger_allowed_bytes(ledger), directory + BUDGET / 8);
    CHECK(!ledger_is_over_budget(ledger));
    CHECK(ledger_resident_bytes(ledger) > directory + BUDGET / 16);
    struct ledger_size size = ledger_signal_size(ledger, VIEW);
    CHECK(size.pairs > 0 && size.pairs + size.cold == COUNT);
    /* So it is when all is loaded anew. */
    struct eviction eviction;
    CHECK(reopen(&side, START + COUNT * MINUTE));
    eviction_run(&eviction, side.world.ledger, START + COUNT * MINUTE);
    CHECK(!ledger_is_over_budget(side.world.ledger));
    CHECK(ledger_signal_size(side.world.ledger, VIEW).pairs > 0);
    CHECK(world_check(&side.world));
    side_release(&side);
}

static void a_ledger_that_fits_has_nothing_cold(struct test *t)
{
    struct side side;
    CHECK(side_init(&side, 1 << 20));
    CHECK(fill(&side, 1000));
    CHECK(reopen(&side, START + 1000 * MINUTE));
    CHECK_EQ(ledger_signal_size(side.world.ledger, VIEW).cold, 0);
    CHECK_EQ(ledger_signal_size(side.world.ledger, VIEW).pairs, 1000);
    side_release(&side);
}

static void a_signal_with_an_index_over_it_stays(struct test *t)
{
    struct side side;
    CHECK(side_init(&side, 1));
    CHECK(fill(&side, 100));
    CHECK(checkpoint(&side, START + 1000 * MINUTE));
    CHECK_EQ(ledger_signal_size(side.world.ledger, VIEW).cold, 100);
    side.world.signals[VIEW].popular_count = 1;
    CHECK(redefine(&side, false)); /* of the same layout */
    CHECK_EQ(ledger_signal_size(side.world.ledger, VIEW).cold, 0);
    CHECK(checkpoint(&side, START + 1000 * MINUTE));
    CHECK_EQ(ledger_signal_size(side.world.ledger, VIEW).cold, 0);
    CHECK(reopen(&side, START + 1000 * MINUTE));
    CHECK_EQ(ledger_signal_size(side.world.ledger, VIEW).cold, 0);
    CHECK(world_check(&side.world));
    side_release(&side);
}

static double read_cold(struct side *side, ordinal entity, enum code *code)
{
    const struct feature feature = {.op = FEATURE_COUNT, .signal = VIEW, .slot = WINDOW_ALL};
    struct cold_reader reader;
    double value;
    bool missing;
    cold_reader_init(&reader, side->world.ledger, &side->world.memory);
    features_read(side->world.ledger, &feature, START + 1000 * MINUTE, &entity, 1,
                  (struct feature_column){&value, &missing, &reader});
    *code = cold_reader_end(&reader, &side->world.error);
    return value;
}

static void a_store_that_cannot_be_read_is_an_error_and_changes_nothing(struct test *t)
{
    struct side side;
    enum code code;
    char reason[256];
    CHECK(side_init(&side, 1));
    CHECK(fill(&side, 100));
    CHECK(checkpoint(&side, START + 1000 * MINUTE));
    memory_store_refuse_many(side.store, true);
    (void)read_cold(&side, 7, &code);
    CHECK_EQ(code, CODE_IO);
    CHECK_EQ(ledger_entity_totals(side.world.ledger, VIEW, 7).count, -1);
    CHECK_EQ(world_signal(&side.world, VIEW, 7, START + 1000 * MINUTE, ONE), CODE_IO);
    CHECK_EQ(world_delete(&side.world, ENTITY_ITEM, 8), CODE_IO);
    CHECK(!side.world.fold.ops->check(side.world.fold.state, reason, sizeof reason));
    memory_store_refuse_many(side.store, false);
    CHECK(read_cold(&side, 7, &code) == 1);
    CHECK_EQ(code, CODE_OK);
    CHECK(world_check(&side.world));
    CHECK_EQ(ledger_signal_size(side.world.ledger, VIEW).cold, 100);
    side_release(&side);
}

static void a_row_that_is_damaged_or_gone_is_an_error(struct test *t)
{
    struct side side;
    enum code code;
    CHECK(side_init(&side, 1));
    CHECK(fill(&side, 10));
    CHECK(checkpoint(&side, START + 1000 * MINUTE));
    uint8_t suffix[2] = {0, VIEW};
    struct key key = key_build(world_id(3), TAG_LEDGER, slice_of(suffix, sizeof suffix));
    CHECK_EQ(store_put(side.store, KEYSPACE_ITEMS, key_slice(&key), slice_of("\x01\xff", 2),
                       &side.world.error),
             CODE_OK);
    (void)read_cold(&side, 3, &code);
    CHECK_EQ(code, CODE_CORRUPT);
    CHECK_EQ(store_delete(side.store, KEYSPACE_ITEMS, key_slice(&key), &side.world.error), CODE_OK);
    (void)read_cold(&side, 3, &code);
    CHECK_EQ(code, CODE_CORRUPT);
    CHECK(strstr(side.world.error.message, "is not in the store"));
    CHECK(read_cold(&side, 4, &code) == 1);
    CHECK_EQ(code, CODE_OK);
    side_release(&side);
}

static void a_reader_keeps_what_it_has_read(struct test *t)
{
    struct side side;
    struct cold_reader reader;
    const struct feature feature = {.op = FEATURE_COUNT, .signal = VIEW, .slot = 1};
    static ordinal all[3000];
    static double values[3000];
    static bool missing[3000];
    CHECK(side_init(&side, 1));
    CHECK(fill(&side, 3000));
    CHECK(checkpoint(&side, START + 3000 * MINUTE));
    for (ordinal i = 0; i < 3000; i++)
        all[i] = i;
    cold_reader_init(&reader, side.world.ledger, &side.world.memory);
    for (int again = 0; again < 3; again++) {
        features_read(side.world.ledger, &feature, START + 3000 * MINUTE, all, 3000,
                      (struct feature_column){values, missing, &reader});
        CHECK_EQ(reader.count, 3000);
        memory_store_refuse_many(side.store, true); /* it need not ask again */
    }
    CHECK(values[2999] == 1 && values[0] == 0);
    CHECK_EQ(cold_reader_end(&reader, &side.world.error), CODE_OK);
    side_release(&side);
}

/* Blocks are not given back; they are used again. */
static void what_goes_leaves_room_for_what_comes(struct test *t)
{
    enum { COUNT = 4000 };
    struct side side;
    CHECK(side_init(&side, 1));
    CHECK(fill(&side, COUNT));
    size_t full = side.world.fold.ops->bytes(side.world.fold.state);
    CHECK(checkpoint(&side, START + COUNT * MINUTE));
    CHECK_EQ(ledger_signal_size(side.world.ledger, VIEW).pairs, 0);
    CHECK(ledger_resident_bytes(side.world.ledger) < full / 4);
    CHECK(side.world.fold.ops->bytes(side.world.fold.state) > full / 4 * 3);
    for (ordinal i = 0; i < COUNT; i++)
        CHECK_EQ(world_signal(&side.world, LIKE, i, START + i * MINUTE, ONE), CODE_OK);
    CHECK(side.world.fold.ops->bytes(side.world.fold.state) < full + full / 4);
    side_release(&side);
}

/* However few of the others are wanted: each once. */
static void the_highest_of_some_are_found_by_reading_those_alone(struct test *t)
{
    enum { COUNT = 3000, EACH = 7 };
    const struct feature feature = {.op = FEATURE_COUNT, .signal = VIEW, .slot = WINDOW_ALL};
    static struct ranked found[COUNT];
    struct side side;
    struct cold_reader reader;
    struct bitset among;
    CHECK(side_init(&side, 1));
    CHECK(fill(&side, COUNT));
    CHECK(checkpoint(&side, START + COUNT * MINUTE));
    bitset_init(&among, &side.world.memory);
    for (uint32_t i = 0; i < COUNT; i += EACH)
        CHECK(bitset_set(&among, i));
    cold_reader_init(&reader, side.world.ledger, &side.world.memory);
    struct top_question question = {.feature = &feature,
                                    .now_ms = START + COUNT * MINUTE,
                                    .among = &among,
                                    .out = found,
                                    .limit = 5,
                                    .cold = &reader};
    CHECK_EQ(features_top(side.world.ledger, &question), 5);
    for (size_t i = 0; i < 5; i++)
        CHECK_EQ(found[i].entity, i * EACH);
    CHECK_EQ(reader.count, (COUNT + EACH - 1) / EACH);
    CHECK_EQ(cold_reader_end(&reader, &side.world.error), CODE_OK);
    bitset_release(&among);
    side_release(&side);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(no_reading_row_or_total_tells_what_is_cold),
               CASE(what_is_over_the_budget_goes_and_the_oldest_goes_first),
               CASE(where_the_directory_takes_the_budget_pairs_keep_an_eighth_of_it),
               CASE(a_ledger_that_fits_has_nothing_cold),
               CASE(a_signal_with_an_index_over_it_stays),
               CASE(a_store_that_cannot_be_read_is_an_error_and_changes_nothing),
               CASE(a_row_that_is_damaged_or_gone_is_an_error),
               CASE(a_reader_keeps_what_it_has_read), CASE(what_goes_leaves_room_for_what_comes),
               CASE(the_highest_of_some_are_found_by_reading_those_alone));
}
