/* The backfill of what was added to a signal: what it promises beside the bits, which
 * tests/property/backfill_test.c compares. */
#include "engine/backfill.h"

#include "engine/follow.h"
#include "engine/internal.h"
#include "harness/await.h"
#include "signals/backfill.h"
#include "signals/features.h"
#include "world.h"

#define DAY_MS (24 * HOUR_MS)

enum { VIEW = 2, LIKE = 3, ITEMS = 20 };

static const char *const before[] = {
    "DEFINE SIGNAL view ON item HALF LIFE 24h WINDOWS 24h LATENESS 7d",
    "DEFINE SIGNAL like ON item WINDOWS 24h UNIQUE PER USER POSITIVE LATENESS 7d",
};
#define VIEW_LATER "DEFINE SIGNAL view ON item HALF LIFE 1h, 24h, 30d WINDOWS 24h, 60d LATENESS 7d"
#define LIKE_LATER                                                                                 \
    "DEFINE SIGNAL like ON item HALF LIFE 7d WINDOWS 24h UNIQUE PER USER POSITIVE LATENESS 7d"

static bool begin(struct world *world)
{
    if (!world_init(world) || world_open(world) != CODE_OK || !world_define_all(world, before, 2))
        return false;
    for (entity_id item = 1; item <= ITEMS; item++) {
        struct change put = put_of(item);
        if (world_write(world, &put) != CODE_OK) return false;
    }
    return true;
}

/* `count` views, one a minute, by turns of the items. */
static bool view_some(struct world *world, int count)
{
    for (int i = 0; i < count; i++) {
        simulated_clock_advance(&world->clock, 60000);
        struct change change =
            signal_of(VIEW, (entity_id)(i % ITEMS) + 1, 7, clock_now_ms(&world->clock.clock));
        if (world_write(world, &change) != CODE_OK) return false;
    }
    return true;
}

static bool step(struct world *world, bool *more)
{
    return backfill_step(world->database, more, &world->error) == CODE_OK;
}

static bool finish(struct world *world)
{
    bool more = true;
    while (more)
        if (!step(world, &more)) return false;
    return true;
}

static struct backfill_state state_of(struct database *database, signal_id signal)
{
    struct backfill_state state = {0};
    struct view view;
    struct error error;
    if (database_read_begin(database, &view, &error) != CODE_OK) return state;
    state = backfill_state(view.ledger, signal, view.watermark_ms);
    database_read_end(database);
    return state;
}

/* Of an item, at the time of the newest event. */
static double read_feature(struct database *database, const struct feature *feature, entity_id item)
{
    struct view view;
    struct error error;
    double value = -1;
    bool missing;
    if (database_read_begin(database, &view, &error) != CODE_OK) return value;
    ordinal entity = entities_find(view.entities, ENTITY_ITEM, item);
    features_read(view.ledger, feature, view.watermark_ms, &entity, 1,
                  (struct feature_column){&value, &missing, NULL});
    database_read_end(database);
    return value;
}

static const struct feature count_60d = {.op = FEATURE_COUNT, .signal = VIEW, .slot = 1};

static void what_is_added_is_estimated_until_it_is_backfilled(struct test *t)
{
    struct world world;
    CHECK(begin(&world));
    CHECK(view_some(&world, 10 * ITEMS));
    simulated_clock_advance(&world.clock, 30 * DAY_MS);
    CHECK(view_some(&world, ITEMS));
    CHECK(!state_of(world.database, VIEW).is_due);
    CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
    struct backfill_state state = state_of(world.database, VIEW);
    CHECK(state.is_due && state.is_estimated);
    CHECK_EQ(state.since_ms, world.database->watermark_ms);
    CHECK(!state_of(world.database, LIKE).is_due);
    /* One in the last day stands for sixty, and only eleven were ever counted. */
    CHECK(read_feature(world.database, &count_60d, 1) == 11);
    CHECK(finish(&world));
    state = state_of(world.database, VIEW);
    CHECK(!state.is_due && !state.is_estimated);
    CHECK(read_feature(world.database, &count_60d, 1) == 11);
    CHECK(view_some(&world, ITEMS));
    CHECK(read_feature(world.database, &count_60d, 1) == 12);
    CHECK_EQ(database_check(world.database, &world.error), CODE_OK);
    world_release(&world);
}

static void where_nothing_was_counted_nothing_is_missing(struct test *t)
{
    struct world world;
    bool more;
    CHECK(begin(&world));
    CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
    CHECK(!state_of(world.database, VIEW).is_due);
    lsn applied = database_applied(world.database);
    CHECK(step(&world, &more));
    CHECK(!more);
    CHECK_EQ(database_applied(world.database), applied);
    world_release(&world);
}

/* The log was cut, and there is no base: what came before the definition cannot be found. */
static void a_log_that_does_not_reach_back_leaves_a_part_that_says_so(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    world.options.dedupe_window_ms = 60000;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_define_all(&world, before, 2));
    for (entity_id item = 1; item <= ITEMS; item++) {
        struct change put = put_of(item);
        CHECK_EQ(world_write(&world, &put), CODE_OK);
    }
    struct database_status status = {.oldest = 1};
    for (int i = 0; i < 100 && status.oldest == 1; i++) {
        CHECK(view_some(&world, 200));
        CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
        database_status(world.database, &status);
    }
    CHECK(status.oldest > 1);
    CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
    int64_t since_ms = world.database->watermark_ms;
    CHECK(finish(&world));
    struct backfill_state state = state_of(world.database, VIEW);
    CHECK(!state.is_due && state.is_estimated);
    CHECK_EQ(state.since_ms, since_ms);

    /* So it is after a restart, */
    CHECK_EQ(world_close(&world), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    state = state_of(world.database, VIEW);
    CHECK(!state.is_due && state.is_estimated && state.since_ms == since_ms);
    /* and when all that was missing is past, it is no more. */
    simulated_clock_advance(&world.clock, 24 * 30 * DAY_MS + DAY_MS);
    CHECK(view_some(&world, ITEMS));
    CHECK(!state_of(world.database, VIEW).is_estimated);
    CHECK(read_feature(world.database, &count_60d, 1) == 1);
    world_release(&world);
}

static void what_is_deleted_meanwhile_does_not_come_back(struct test *t)
{
    struct world world;
    bool more;
    CHECK(begin(&world));
    CHECK(view_some(&world, 10 * ITEMS));
    CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
    CHECK(step(&world, &more)); /* the shadow is there, and has read nothing */
    CHECK(more);
    struct change delete = delete_of(3), again = put_of(3), gone = delete_of(4);
    CHECK_EQ(world_write(&world, &delete), CODE_OK);
    CHECK_EQ(world_write(&world, &again), CODE_OK);
    CHECK(view_some(&world, ITEMS)); /* of 3 the first one */
    CHECK_EQ(world_write(&world, &gone), CODE_OK);
    CHECK(finish(&world));
    CHECK(!state_of(world.database, VIEW).is_estimated);
    CHECK(read_feature(world.database, &count_60d, 2) == 11);
    CHECK(read_feature(world.database, &count_60d, 3) == 1);
    CHECK_EQ(world_count(&world, VIEW, 4), 0);
    CHECK_EQ(database_check(world.database, &world.error), CODE_OK);
    world_release(&world);
}

static void a_signal_defined_anew_while_it_is_backfilled_is_begun_again(struct test *t)
{
    struct world world;
    bool more;
    lsn defined;
    CHECK(begin(&world));
    CHECK(view_some(&world, 10 * ITEMS));
    CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
    CHECK(step(&world, &more));
    CHECK_EQ(world_define(&world, "DEFINE SIGNAL view ON item HALF LIFE 1h, 24h, 30d "
                                  "WINDOWS 1h, 24h, 60d LATENESS 7d"),
             CODE_OK);
    CHECK_EQ(world_define(&world, LIKE_LATER), CODE_OK);
    CHECK(backfill_is_due(world.database->ledger, VIEW, &defined));
    CHECK(defined > 0);
    CHECK(finish(&world));
    CHECK(finish(&world));
    CHECK(!state_of(world.database, VIEW).is_estimated);
    CHECK(!state_of(world.database, LIKE).is_estimated);
    CHECK_EQ(database_check(world.database, &world.error), CODE_OK);
    world_release(&world);
}

/* Half of it was brought when the machine died: it is begun again, and only the rest is logged. */
static void after_a_crash_it_goes_on(struct test *t)
{
    struct world world;
    struct choices choices;
    bool more = true;
    choices_from_seed(&choices, 1, NULL);
    CHECK(begin(&world));
    CHECK(view_some(&world, 10 * ITEMS));
    CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
    CHECK(step(&world, &more)); /* it begins, */
    CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(state_of(world.database, VIEW).is_due);
    while (state_of(world.database, VIEW).is_due)
        CHECK(step(&world, &more)); /* again, and brings all that there is. */
    lsn applied = database_applied(world.database);
    CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(!state_of(world.database, VIEW).is_due);
    CHECK(finish(&world));
    CHECK_EQ(database_applied(world.database), applied);
    choices_release(&choices);
    world_release(&world);
}

static void a_copy_gets_it_with_the_log(struct test *t)
{
    struct world world, copy;
    struct follow *follow;
    uint64_t entries = 1;
    uint8_t hash[32], hash_of_copy[32];
    CHECK(begin(&world) && world_init(&copy));
    struct follow_options options = {.disk = world.disk, .copy = copy.options};
    CHECK(view_some(&world, 10 * ITEMS));
    CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
    CHECK_EQ(wal_flush(world.database->wal, &world.error), CODE_OK);
    CHECK_EQ(follow_open(&options, &follow, &copy.error), CODE_OK);
    while (entries > 0)
        CHECK_EQ(follow_step(follow, &entries, &copy.error), CODE_OK);
    CHECK(state_of(follow_database(follow), VIEW).is_due);
    CHECK(finish(&world));
    CHECK(view_some(&world, ITEMS));
    CHECK_EQ(wal_flush(world.database->wal, &world.error), CODE_OK);
    for (entries = 1; entries > 0;)
        CHECK_EQ(follow_step(follow, &entries, &copy.error), CODE_OK);
    CHECK_EQ(database_applied(follow_database(follow)), database_applied(world.database));
    CHECK(!state_of(follow_database(follow), VIEW).is_due);
    CHECK_EQ(database_state_hash(world.database, hash, &world.error), CODE_OK);
    CHECK_EQ(database_state_hash(follow_database(follow), hash_of_copy, &copy.error), CODE_OK);
    CHECK(memcmp(hash, hash_of_copy, sizeof hash) == 0);
    CHECK_EQ(follow_close(follow, &copy.error), CODE_OK);
    world_release(&world);
    world_release(&copy);
}

/* The state AS OF every LSN is the one of then: with the gap, half filled, and without it. */
static void the_past_is_as_it_was(struct test *t)
{
    enum { MOST = 400 };
    static uint8_t hashes[MOST][32];
    struct world world;
    bool more = true;
    CHECK(begin(&world));
    CHECK(view_some(&world, 5 * ITEMS));
    lsn first = database_applied(world.database);
    CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
    for (lsn at = first; more;) {
        lsn applied = database_applied(world.database);
        if (applied > at) {
            at = applied;
            CHECK(at < MOST);
            CHECK_EQ(database_state_hash(world.database, hashes[at], &world.error), CODE_OK);
        }
        CHECK(step(&world, &more));
    }
    CHECK(view_some(&world, ITEMS));
    for (lsn at = first + 1; at < MOST; at++) {
        static const uint8_t none[32];
        struct moment moment = {.lsn = at};
        struct database *past;
        uint8_t hash[32];
        if (memcmp(hashes[at], none, sizeof none) == 0) continue;
        CHECK_EQ(history_begin(world.database, &moment, NULL, &past, &world.error), CODE_OK);
        CHECK_EQ(database_state_hash(past, hash, &world.error), CODE_OK);
        history_end(world.database);
        CHECK(memcmp(hash, hashes[at], sizeof hash) == 0);
    }
    world_release(&world);
}

/* With threads it is done by itself, while others write. */
static void a_thread_does_it_beside_writers(struct test *t)
{
    struct world world;
    struct await await = {0};
    CHECK(world_init(&world));
    world.options.no_threads = false;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_define_all(&world, before, 2));
    for (entity_id item = 1; item <= ITEMS; item++) {
        struct change put = put_of(item);
        CHECK_EQ(world_write(&world, &put), CODE_OK);
    }
    CHECK(view_some(&world, 20 * ITEMS));
    CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
    int rounds = 20;
    while (state_of(world.database, VIEW).is_due && await_more(&await)) {
        CHECK(view_some(&world, ITEMS));
        rounds++;
    }
    CHECK(!state_of(world.database, VIEW).is_estimated);
    CHECK(read_feature(world.database, &count_60d, 1) == rounds);
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

/* Each time that the thread has read what was written, as much again has come as a round does not
 * read: it ends nevertheless. */
static void it_ends_beside_writers_of_large_batches(struct test *t)
{
    enum { BATCH = 2000 };
    static struct change changes[BATCH];
    static struct write writes[BATCH];
    static struct write_result results[BATCH];
    struct world world;
    struct await await = {0};
    CHECK(world_init(&world));
    world.options.no_threads = false;
    world.options.segment_bytes = (uint64_t)1 << 20;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_define_all(&world, before, 2));
    for (entity_id item = 1; item <= ITEMS; item++) {
        struct change put = put_of(item);
        CHECK_EQ(world_write(&world, &put), CODE_OK);
    }
    CHECK(view_some(&world, ITEMS));
    CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
    size_t batches = 0;
    for (int64_t time_ms = clock_now_ms(&world.clock.clock);
         state_of(world.database, VIEW).is_due && await_more(&await); batches++) {
        for (int i = 0; i < BATCH; i++) {
            changes[i] = signal_of(VIEW, (entity_id)(i % ITEMS) + 1, 7, ++time_ms);
            writes[i] = (struct write){.change = &changes[i]};
        }
        simulated_clock_set(&world.clock, time_ms);
        struct write_batch batch = {writes, BATCH, ACKNOWLEDGE_DURABLE, results, 0};
        CHECK_EQ(database_write(world.database, &batch, &world.error), CODE_OK);
    }
    CHECK(!state_of(world.database, VIEW).is_estimated);
    CHECK(read_feature(world.database, &count_60d, 1) == (double)(1 + batches * BATCH / ITEMS));
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

/* The thread is anywhere in its work when what it works for is dropped: what has the name next is
 * filled with its own events. */
static void what_is_dropped_beside_the_thread_is_gone(struct test *t)
{
    enum { TURNS = 12 };
    struct world world;
    struct await await = {0};
    CHECK(world_init(&world));
    world.options.no_threads = false;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_define_all(&world, before, 2));
    for (entity_id item = 1; item <= ITEMS; item++) {
        struct change put = put_of(item);
        CHECK_EQ(world_write(&world, &put), CODE_OK);
    }
    for (signal_id turn = 0; turn < TURNS; turn++) {
        signal_id view = turn == 0 ? VIEW : LIKE + turn;
        for (int i = 0; i < ITEMS * (turn + 1); i++) {
            simulated_clock_advance(&world.clock, 60000);
            struct change change =
                signal_of(view, (entity_id)(i % ITEMS) + 1, 7, clock_now_ms(&world.clock.clock));
            CHECK_EQ(world_write(&world, &change), CODE_OK);
        }
        CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
        if (turn + 1 == TURNS) break;
        for (int i = 0; i < turn; i++)
            (void)await_more(&await);
        CHECK_EQ(world_define(&world, "DROP SIGNAL view"), CODE_OK);
        CHECK(!state_of(world.database, view).is_due);
        CHECK_EQ(world_define(&world, before[0]), CODE_OK);
    }
    signal_id last = LIKE + TURNS - 1;
    while (state_of(world.database, last).is_due && await_more(&await)) {
    }
    CHECK(!state_of(world.database, last).is_estimated);
    struct feature count = count_60d;
    count.signal = last;
    CHECK(read_feature(world.database, &count, 1) == TURNS);
    CHECK_EQ(database_check(world.database, &world.error), CODE_OK);
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

/* What one step reads and brings is bounded, so that it holds writers up for as long at most; more
 * of it where they have written more than that again and again. */
static void a_round_is_short(struct test *t)
{
    enum { PAIRS = 3000, ROUND_PAIRS = 256, CHANGE_PAIRS = 64 };
    struct world world;
    bool more = true;
    size_t rounds = 0, changes = 0;
    CHECK(begin(&world));
    CHECK_EQ(world_define(&world, "DEFINE SIGNAL seen ON item WINDOWS 24h ALLOW UNKNOWN"), CODE_OK);
    for (int day = 0; day < 2; day++) { /* what was before the window that there is */
        for (entity_id item = 1; item <= PAIRS; item++) {
            struct change change = signal_of(LIKE + 1, item, 7, clock_now_ms(&world.clock.clock));
            CHECK_EQ(world_write(&world, &change), CODE_OK);
        }
        simulated_clock_advance(&world.clock, 2 * DAY_MS);
    }
    CHECK_EQ(world_define(&world, "DEFINE SIGNAL seen ON item WINDOWS 24h, 60d ALLOW UNKNOWN"),
             CODE_OK);
    while (more) {
        lsn applied = database_applied(world.database);
        CHECK(step(&world, &more));
        lsn brought = database_applied(world.database) - applied;
        CHECK(brought <= ROUND_PAIRS / CHANGE_PAIRS + 1);
        rounds += brought > 0;
        changes += brought;
    }
    CHECK_EQ(rounds, (PAIRS + ROUND_PAIRS - 1) / ROUND_PAIRS);
    CHECK(changes > PAIRS / CHANGE_PAIRS);
    CHECK(!state_of(world.database, LIKE + 1).is_estimated);
    world_release(&world);
}

/* Near the limit the shadow goes first; what it was to bring is brought when there is room. */
static void it_gives_way_to_writes(struct test *t)
{
    struct world world;
    bool more;
    CHECK(begin(&world));
    CHECK(view_some(&world, 2 * ITEMS));
    CHECK_EQ(world_define(&world, VIEW_LATER), CODE_OK);
    CHECK(step(&world, &more));
    atomic_store(&world.database->backfiller.gives_way, true);
    CHECK_EQ(backfill_step(world.database, &more, &world.error), CODE_NO_MEMORY);
    CHECK(!world.database->backfiller.job);
    CHECK_EQ(atomic_load(&world.database->backfiller.bytes), 0);
    CHECK(state_of(world.database, VIEW).is_due);
    CHECK(finish(&world));
    CHECK(!state_of(world.database, VIEW).is_due);
    world_release(&world);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(what_is_added_is_estimated_until_it_is_backfilled),
               CASE(where_nothing_was_counted_nothing_is_missing),
               CASE(a_log_that_does_not_reach_back_leaves_a_part_that_says_so),
               CASE(what_is_deleted_meanwhile_does_not_come_back),
               CASE(a_signal_defined_anew_while_it_is_backfilled_is_begun_again),
               CASE(after_a_crash_it_goes_on), CASE(a_copy_gets_it_with_the_log),
               CASE(the_past_is_as_it_was), CASE(a_thread_does_it_beside_writers),
               CASE(it_ends_beside_writers_of_large_batches),
               CASE(what_is_dropped_beside_the_thread_is_gone), CASE(a_round_is_short),
               CASE(it_gives_way_to_writes));
}
