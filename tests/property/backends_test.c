/* The two stores against each other: the same changes, checkpointed and reopened at different
 * times, give the same state, and after a checkpoint the same rows. */
#include "harness/folder.h"
#include "property/workload.h"
#include "storage/rocksdb_store.h"
#include "wal/digest.h"

enum { SEEDS = ROUNDS(2, 1), EVENTS = 10000, COMPARE_EVERY = 1000, WINDOW_MS = 600000 };

struct side {
    struct world world;
    struct choices choices; /* of checkpoints and reopenings: each side its own */
    struct folder folder;   /* of RocksDB; else unused */
    bool rocksdb;
    uint64_t checkpoints, reopens, crashes;
};

static enum code open_store(struct side *side)
{
    struct rocksdb_store_options options = {.create = true};
    struct world *world = &side->world;
    if (!side->rocksdb) return CODE_OK;
    return rocksdb_store_open(side->folder.path, &options, &world->memory, &world->options.store,
                              &world->error);
}

static bool side_begin(struct side *side, bool rocksdb, uint64_t seed)
{
    *side = (struct side){.rocksdb = rocksdb};
    choices_from_seed(&side->choices, seed, NULL);
    if (!world_init(&side->world) || (rocksdb && !folder_make(&side->folder))) return false;
    side->world.options.dedupe_window_ms = WINDOW_MS;
    return open_store(side) == CODE_OK && world_open(&side->world) == CODE_OK &&
           world_define_all(&side->world, workload_definitions,
                            sizeof workload_definitions / sizeof *workload_definitions);
}

static void side_end(struct side *side)
{
    database_abandon(side->world.database);
    side->world.database = NULL;
    if (side->rocksdb) {
        store_close(side->world.options.store);
        folder_remove(&side->folder);
    }
    world_release(&side->world);
}

/* Closes, or dies, and opens again. */
static bool reopen(struct side *side)
{
    struct world *world = &side->world;
    bool close = choose_one_in(&side->choices, 2);
    if (close && world_close(world) != CODE_OK) return false;
    if (side->rocksdb) {
        database_abandon(world->database);
        world->database = NULL;
        store_close(world->options.store);
        simulated_disk_crash(world->disk, SIMULATED_POWER, &side->choices);
        if (open_store(side) != CODE_OK) return false;
    } else if (world_crash(world, SIMULATED_POWER, 0, &side->choices) != CODE_OK) {
        return false;
    }
    side->reopens += close;
    side->crashes += !close;
    return world_open(world) == CODE_OK;
}

static bool disturb(struct side *side)
{
    if (choose_one_in(&side->choices, 400)) {
        side->checkpoints++;
        if (database_checkpoint(side->world.database, &side->world.error) != CODE_OK) return false;
    }
    return !choose_one_in(&side->choices, 500) || reopen(side);
}

static bool send(struct side *side, const struct event *event, struct write_result *result)
{
    struct write write = {&event->change, event->key};
    struct write_batch batch = {&write, 1, ACKNOWLEDGE_DURABLE, result, 0};
    simulated_clock_set(&side->world.clock, event->now_ms);
    return disturb(side) &&
           database_write(side->world.database, &batch, &side->world.error) == CODE_OK;
}

static bool same_state(struct side *a, struct side *b)
{
    uint8_t hash[32];
    return database_state_hash(a->world.database, hash, &a->world.error) == CODE_OK &&
           world_same_hash(&b->world, hash);
}

/* Of the rows of all folds; the database's own records tell of its log, too. */
static enum code hash_rows(struct side *side, uint8_t out[DIGEST_BYTES], uint64_t *rows)
{
    struct store *store = side->world.options.store;
    struct store_scan *scan = NULL;
    struct digest digest;
    struct slice key, row;
    bool has_row;
    enum code code = CODE_OK;
    digest_init(&digest);
    *rows = 0;
    for (int i = 0; i < KEYSPACE_DATABASE; i++) {
        TRY(store_scan_open(store, (enum keyspace)i, (struct key_range){0}, &scan,
                            &side->world.error));
        for (;;) {
            TRY(store_scan_next(scan, &key, &row, &has_row, &side->world.error));
            if (!has_row) break;
            ++*rows;
            digest_slice(&digest, key);
            digest_slice(&digest, row);
        }
        store_scan_close(scan);
        scan = NULL;
    }
    digest_finish(&digest, out);
out:
    store_scan_close(scan);
    return code;
}

static bool same_rows(struct side *a, struct side *b)
{
    uint8_t hash_a[DIGEST_BYTES], hash_b[DIGEST_BYTES];
    uint64_t rows_a, rows_b;
    if (database_checkpoint(a->world.database, &a->world.error) != CODE_OK ||
        database_checkpoint(b->world.database, &b->world.error) != CODE_OK ||
        hash_rows(a, hash_a, &rows_a) != CODE_OK || hash_rows(b, hash_b, &rows_b) != CODE_OK)
        return false;
    return rows_a > 100 && rows_a == rows_b && memcmp(hash_a, hash_b, DIGEST_BYTES) == 0;
}

static void both_stores_hold_the_same(struct test *t)
{
    static struct side memory, rocksdb;
    static struct event event;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct workload workload;
        uint64_t written = 0;
        workload_init(&workload, seed);
        CHECK(side_begin(&memory, false, seed + 100));
        CHECK(side_begin(&rocksdb, true, seed + 200));
        for (int i = 1; i <= EVENTS; i++) {
            struct write_result a, b;
            workload_next(&workload, &event);
            CHECK(send(&memory, &event, &a));
            CHECK(send(&rocksdb, &event, &b));
            CHECK_EQ(a.code, b.code);
            CHECK_EQ(a.lsn, b.lsn);
            written += a.code == CODE_OK;
            if (i % COMPARE_EVERY == 0) CHECK(same_state(&memory, &rocksdb));
        }
        CHECK(same_rows(&memory, &rocksdb));
        CHECK(reopen(&memory) && reopen(&rocksdb));
        CHECK(same_state(&memory, &rocksdb));
        CHECK_EQ(database_check(rocksdb.world.database, &rocksdb.world.error), CODE_OK);
        printf("seed %" PRIu64 ": %" PRIu64 " of %d changes written; memory and RocksDB: %" PRIu64
               " and %" PRIu64 " checkpoints, %" PRIu64 " and %" PRIu64 " reopened, %" PRIu64
               " and %" PRIu64 " crashes\n",
               seed, written, EVENTS, memory.checkpoints, rocksdb.checkpoints, memory.reopens,
               rocksdb.reopens, memory.crashes, rocksdb.crashes);
        CHECK(memory.crashes > 0 && rocksdb.crashes > 0 && rocksdb.reopens > 0);
        CHECK(written > EVENTS / 2);
        side_end(&memory);
        side_end(&rocksdb);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(both_stores_hold_the_same));
}
