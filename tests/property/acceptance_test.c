/* The acceptance of the engine's first promise: one log, one state, bit for bit.
 *
 * 6,300 changes are made from a seed, more than 5,500 of them are written, and the state's hash is
 * compared with a constant.  So every compiler, optimisation level, sanitizer and backend that runs
 * this test agrees with all others.  Here the same changes are also folded in other ways: with a
 * checkpoint and a crash at fifty places, with the power cut inside a write, from an empty store,
 * on RocksDB.
 *
 * What is claimed of two writers: changes of two threads about different items, users and creators
 * give the state that one thread gives, whatever the interleaving, as long as nothing in them
 * depends on the order of arrival by its meaning: entities are made beforehand (ordinals, and ids
 * of keys, are given in log order), the clock stands (an event without a time takes the log's), and
 * no event is late.  Both states are compared with a constant, too. */
#include "behaviour/quota.h"
#include "harness/folder.h"
#include "os/threads.h"
#include "property/workload.h"
#include "signals/decay_small.h"
#include "storage/rocksdb_store.h"
#include "wal/identity.h"

enum {
    EVENTS = 6300,
    LATER_AT = 3000,
    PLACES = ROUNDS(50, 6),
    CUTS = ROUNDS(4, 1),
    LANES = 2,
    LANE_EVENTS = 2750
};

#define SEED 20261101

/* BLAKE3 of the state after all changes; and after those of two lanes. */
#define EXPECTED_HASH       "3d9cfbe61ab1461aed8d6c629ddcb5948637e9e1d63747aca6bd0b26ff39e8a1"
#define EXPECTED_LANES_HASH "f52e2e92277e8f69ab6773afa9d2a3b76c71c38b99820149b273e26696afd604"

static struct event events[EVENTS];

struct tally {
    uint64_t written, duplicates, refused;
};

static void make_events(void)
{
    struct workload workload;
    workload_init(&workload, SEED);
    workload.slates = true;
    for (size_t i = 0; i < EVENTS; i++)
        workload_next(&workload, &events[i]);
}

static bool has_hash(struct database *database, const char *expected)
{
    struct error error;
    uint8_t hash[32];
    char text[65];
    if (database_check(database, &error) != CODE_OK ||
        database_state_hash(database, hash, &error) != CODE_OK) {
        fprintf(stderr, "    %s\n", error.message);
        return false;
    }
    for (int i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", hash[i]);
    if (strcmp(text, expected) == 0) return true;
    fprintf(stderr, "    the state's hash is %s\n", text);
    return false;
}

/* Sends event `i`, and now and then an earlier one again. */
static enum code send(struct database *database, const struct event *list, size_t i,
                      struct tally *tally)
{
    struct error error;
    struct write writes[2] = {{&list[i].change, list[i].key}};
    struct write_result results[2];
    struct write_batch batch = {writes, 1, ACKNOWLEDGE_DURABLE, results, 0};
    size_t back = i > WORKLOAD_RESEND_BACK ? i - 1 - i * 7 % WORKLOAD_RESEND_BACK : i;
    if (i % 9 == 0 && back < i && list[back].is_unique) {
        writes[1] = (struct write){&list[back].change, list[back].key};
        batch.count = 2;
    }
    enum code code = database_write(database, &batch, &error);
    for (size_t j = 0; code == CODE_OK && j < batch.count; j++) {
        tally->written += results[j].code == CODE_OK;
        tally->duplicates += results[j].code == CODE_DUPLICATE;
        tally->refused += results[j].lsn == 0;
    }
    return code;
}

/* Sends events [from, to), each at its time. */
static bool send_all(struct database *database, struct simulated_clock *clock, size_t from,
                     size_t to, struct tally *tally)
{
    struct error error;
    lsn given;
    for (size_t i = from; i < to; i++) {
        simulated_clock_set(clock, events[i].now_ms);
        if (i == LATER_AT &&
            database_define(database, slice_of_text(WORKLOAD_LATER), &given, &error) != CODE_OK)
            return false;
        if (send(database, events, i, tally) != CODE_OK) return false;
    }
    return true;
}

static bool begin_with(struct world *world, size_t signal_memory_bytes)
{
    if (!world_init(world)) return false;
    world->options.dedupe_window_ms = 600000;
    world->options.signal_memory_bytes = signal_memory_bytes;
    return world_open(world) == CODE_OK &&
           world_define_all(world, workload_definitions,
                            sizeof workload_definitions / sizeof *workload_definitions);
}

static bool begin(struct world *world)
{
    return begin_with(world, 0);
}

static bool send_some(struct world *world, size_t from, size_t to)
{
    struct tally tally;
    return send_all(world->database, &world->clock, from, to, &tally);
}

/* Events that weighed nothing: the quotas are at work. */
static uint64_t count_capped(struct world *world)
{
    struct view view;
    uint64_t capped = 0;
    if (database_read_begin(world->database, &view, &world->error) != CODE_OK) return 0;
    for (size_t i = 0; i < view.schema->signal_count; i++)
        capped += quota_capped(view.quota, (signal_id)i);
    capped = quota_counter_count(view.quota) > 0 ? capped : 0;
    database_read_end(world->database);
    return capped;
}

/* For whoever compares builds: how this one was made, and which forms of the code ran in it. */
static void tell_build(void)
{
#if defined(__AVX512F__)
    const char *most = "AVX-512";
#elif defined(__AVX2__)
    const char *most = "AVX2";
#elif defined(__x86_64__)
    const char *most = "SSE2";
#else
    const char *most = "no SIMD that is known here";
#endif
#if defined(__OPTIMIZE__)
    const char *optimised = "optimised";
#else
    const char *optimised = "not optimised";
#endif
    printf("agreed: state %.8s by %s (%s, up to %s; decayed sums: %s; identities: %s)\n",
           EXPECTED_HASH, TIDAL_COMPILED, optimised, most, decay_has_avx2() ? "AVX2" : "portable",
           identity_has_avx2() ? "AVX2" : "portable");
}

static void the_state_is_the_one_that_every_build_gives(struct test *t)
{
    struct world world;
    struct tally tally = {0};
    CHECK(begin(&world));
    CHECK(send_all(world.database, &world.clock, 0, EVENTS, &tally));
    printf("%" PRIu64 " changes written, %" PRIu64 " duplicates, %" PRIu64 " refused\n",
           tally.written, tally.duplicates, tally.refused);
    CHECK(tally.written >= 5500 && tally.duplicates > 100 && tally.refused > 50);
    CHECK(count_capped(&world) > 100);
    CHECK(has_hash(world.database, EXPECTED_HASH));
    tell_build();
    world_release(&world);
}

static void a_checkpoint_and_a_crash_anywhere_change_nothing(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, SEED + 1, NULL);
    for (int i = 0; i < PLACES; i++) {
        struct world world;
        size_t place = (size_t)choose(&choices, EVENTS - 1);
        size_t crash = place + (size_t)choose(&choices, EVENTS - place);
        CHECK(begin_with(&world, i % 2 ? 1 : 0));
        CHECK(send_some(&world, 0, place));
        CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
        CHECK(send_some(&world, place, crash));
        CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
        CHECK_EQ(world_open(&world), CODE_OK);
        CHECK(send_some(&world, crash, EVENTS));
        if (!has_hash(world.database, EXPECTED_HASH))
            fprintf(stderr, "    checkpoint at %zu, crash at %zu\n", place, crash);
        CHECK(has_hash(world.database, EXPECTED_HASH));
        world_release(&world);
    }
}

/* Pairs that are cold, of all signals. */
static size_t count_cold(struct world *world)
{
    struct view view;
    size_t cold = 0;
    if (database_read_begin(world->database, &view, &world->error) != CODE_OK) return 0;
    for (size_t i = 0; i < view.schema->signal_count; i++)
        cold += ledger_signal_size(view.ledger, (signal_id)i).cold;
    database_read_end(world->database);
    return cold;
}

static void a_ledger_with_no_memory_but_for_what_changes_gives_the_state(struct test *t)
{
    enum { EACH = 97 };
    struct choices choices;
    struct world world;
    size_t cold = 0;
    choices_from_seed(&choices, SEED + 4, NULL);
    CHECK(begin_with(&world, 1));
    for (size_t from = 0; from < EVENTS; from += EACH) {
        CHECK(send_some(&world, from, from + EACH < EVENTS ? from + EACH : EVENTS));
        CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
        cold += count_cold(&world);
        if (from % (7 * EACH) != 0) continue;
        CHECK_EQ(database_check(world.database, &world.error), CODE_OK);
        CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
        CHECK_EQ(world_open(&world), CODE_OK);
    }
    printf("%zu cold pairs at a checkpoint\n", cold * EACH / EVENTS);
    CHECK(cold * EACH / EVENTS > 100);
    CHECK(has_hash(world.database, EXPECTED_HASH));
    world_release(&world);
    choices_release(&choices);
}

/* The power goes at the n-th operation of the disk inside the write of event `i`.  Afterwards the
 * client looks whether it is there, and sends it if not.  *cut: there were that many. */
static bool cut_inside(struct world *world, struct choices *choices, size_t i, uint64_t n,
                       bool *cut)
{
    struct simulated_faults faults = {.choices = choices, .crash_at_operation = n};
    struct tally tally;
    lsn before = database_applied(world->database);
    simulated_clock_set(&world->clock, events[i].now_ms);
    simulated_disk_set_faults(world->disk, &faults);
    bool sent = send(world->database, events, i, &tally) == CODE_OK;
    *cut = simulated_disk_has_crashed(world->disk);
    if (!*cut) {
        simulated_disk_set_faults(world->disk, NULL);
        return sent;
    }
    if (world_crash(world, SIMULATED_POWER, 0, choices) || world_open(world)) return false;
    bool survived = database_applied(world->database) > before;
    return survived || send(world->database, events, i, &tally) == CODE_OK;
}

static void a_power_cut_inside_a_write_changes_nothing(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, SEED + 2, NULL);
    uint64_t cuts = 0;
    for (int i = 0; i < CUTS; i++) {
        struct world world;
        bool cut;
        CHECK(begin(&world));
        size_t place = 0;
        for (uint64_t n = 1; n <= 6; n++) {
            size_t next = place + 1 + (size_t)choose(&choices, EVENTS / 7);
            if (next == LATER_AT) next++; /* a definition goes before that one */
            CHECK(send_some(&world, place, next));
            if (n == 3) CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
            CHECK(cut_inside(&world, &choices, next, n % 3 + 1, &cut));
            cuts += cut;
            place = next + 1;
        }
        CHECK(send_some(&world, place, EVENTS));
        CHECK(has_hash(world.database, EXPECTED_HASH));
        world_release(&world);
    }
    printf("%" PRIu64 " power cuts inside a write\n", cuts);
    CHECK(cuts > CUTS);
}

static void the_log_alone_gives_the_state(struct test *t)
{
    struct world world;
    struct store *empty;
    CHECK(begin(&world));
    CHECK(send_some(&world, 0, EVENTS));
    lsn applied = database_applied(world.database);
    database_abandon(world.database);
    world.database = NULL;
    CHECK_EQ(memory_store_open(&world.memory, &empty, &world.error), CODE_OK);
    world.options.store = empty;
    CHECK_EQ(world_open(&world), CODE_OK);
    struct database_status status;
    database_status(world.database, &status);
    CHECK_EQ(status.replayed, applied);
    CHECK(has_hash(world.database, EXPECTED_HASH));
    database_abandon(world.database);
    world.database = NULL;
    store_close(empty);
    world_release(&world);
}

/* The log stays on the simulated disk: it is the store that is tried. */
static void rocksdb_gives_the_state(struct test *t)
{
    struct folder folder;
    struct world world;
    struct store *rocksdb;
    struct choices choices;
    const size_t ends[] = {1000, 2500, 4000, EVENTS};
    choices_from_seed(&choices, SEED + 3, NULL);
    CHECK(folder_make(&folder));
    CHECK(begin(&world));
    database_abandon(world.database);
    world.database = NULL;
    struct rocksdb_store_options options = {.create = true};
    for (size_t i = 0, from = 0; i < sizeof ends / sizeof *ends; from = ends[i++]) {
        CHECK_EQ(rocksdb_store_open(folder.path, &options, &world.memory, &rocksdb, &world.error),
                 CODE_OK);
        world.options.store = rocksdb;
        world.options.signal_memory_bytes = i % 2 ? 1 : 0;
        CHECK_EQ(world_open(&world), CODE_OK);
        CHECK(send_some(&world, from, ends[i] - 200));
        CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
        CHECK(send_some(&world, ends[i] - 200, ends[i]));
        database_abandon(world.database);
        world.database = NULL;
        store_close(rocksdb);
        simulated_disk_crash(world.disk, SIMULATED_POWER, &choices);
    }
    CHECK_EQ(rocksdb_store_open(folder.path, &options, &world.memory, &rocksdb, &world.error),
             CODE_OK);
    world.options.store = rocksdb;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(has_hash(world.database, EXPECTED_HASH));
    CHECK_EQ(world_close(&world), CODE_OK);
    store_close(rocksdb);
    world_release(&world);
    folder_remove(&folder);
}

/* Two lanes of writers. */

static struct event lane_events[LANES][LANE_EVENTS];

struct lane {
    struct database *database;
    struct thread thread;
    const struct event *list;
    bool failed;
};

static void make_lanes(void)
{
    for (uint64_t lane = 0; lane < LANES; lane++) {
        struct workload workload;
        workload_init(&workload, SEED + 10 + lane);
        workload.lane = lane;
        workload.lanes = LANES;
        workload.keys = false;
        workload.refusals = false;
        workload.stands = true;
        for (size_t i = 0; i < LANE_EVENTS; i++)
            workload_next(&workload, &lane_events[lane][i]);
    }
}

static void lane_run(void *argument)
{
    struct lane *lane = argument;
    struct tally tally;
    for (size_t i = 0; i < LANE_EVENTS && !lane->failed; i++)
        lane->failed = send(lane->database, lane->list, i, &tally) != CODE_OK;
}

/* Everybody is there, with an ordinal, before the lanes begin; and the newest event, since what
 * trends goes by the newest event of all. */
static bool make_entities(struct world *world)
{
    struct workload workload;
    workload_init(&workload, 1);
    for (entity_id id = 1; id <= workload.entities; id++) {
        struct change put = put_of(id), edge = relate_of(FOLLOWS, id, id, 1);
        if (world_write(world, &put) || world_write(world, &edge)) return false;
    }
    struct change newest = signal_of(SIGNAL_IMPRESSION, 1, 1, WORLD_NOW_MS);
    return world_write(world, &newest) == CODE_OK;
}

static bool begin_lanes(struct world *world, struct lane lanes[LANES])
{
    if (!begin(world) || !make_entities(world)) return false;
    make_lanes();
    for (int i = 0; i < LANES; i++)
        lanes[i] = (struct lane){.database = world->database, .list = lane_events[i]};
    return true;
}

static void two_lanes_by_one_thread_give_their_state(struct test *t)
{
    struct world world;
    struct lane lanes[LANES];
    struct tally tally;
    CHECK(begin_lanes(&world, lanes));
    for (size_t i = 0; i < LANE_EVENTS; i++)
        for (int j = 0; j < LANES; j++)
            CHECK_EQ(send(world.database, lanes[j].list, i, &tally), CODE_OK);
    CHECK(has_hash(world.database, EXPECTED_LANES_HASH));
    world_release(&world);
}

static void run_two_threads(struct test *t, size_t signal_memory_bytes)
{
    struct world world;
    struct lane lanes[LANES];
    CHECK(begin_lanes(&world, lanes));
    CHECK_EQ(world_close(&world), CODE_OK);
    world.options.no_threads = false;
    world.options.checkpoint_log_bytes = 65536; /* the keeper checkpoints meanwhile */
    world.options.signal_memory_bytes = signal_memory_bytes;
    CHECK_EQ(world_open(&world), CODE_OK);
    for (int i = 0; i < LANES; i++) {
        lanes[i].database = world.database;
        CHECK_EQ(thread_start(&lanes[i].thread, "lane", lane_run, &lanes[i], &world.error),
                 CODE_OK);
    }
    for (int i = 0; i < LANES; i++)
        thread_join(&lanes[i].thread);
    CHECK(!lanes[0].failed && !lanes[1].failed);
    struct database_status status;
    database_status(world.database, &status);
    CHECK(status.checkpoint > 0);
    CHECK(has_hash(world.database, EXPECTED_LANES_HASH));
    CHECK_EQ(world_close(&world), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(has_hash(world.database, EXPECTED_LANES_HASH));
    world_release(&world);
}

static void two_lanes_by_two_threads_give_the_same_state(struct test *t)
{
    run_two_threads(t, 0);
}

static void two_lanes_by_two_threads_on_a_budget_give_the_same_state(struct test *t)
{
    run_two_threads(t, 1);
}

int main(int argc, char **argv)
{
    make_events();
    return RUN(argc, argv, CASE(the_state_is_the_one_that_every_build_gives),
               CASE(a_checkpoint_and_a_crash_anywhere_change_nothing),
               CASE(a_ledger_with_no_memory_but_for_what_changes_gives_the_state),
               CASE(a_power_cut_inside_a_write_changes_nothing),
               CASE(the_log_alone_gives_the_state), CASE(rocksdb_gives_the_state),
               CASE(two_lanes_by_one_thread_give_their_state),
               CASE(two_lanes_by_two_threads_give_the_same_state),
               CASE(two_lanes_by_two_threads_on_a_budget_give_the_same_state));
}
