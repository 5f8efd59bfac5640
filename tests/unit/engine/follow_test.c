/* A copy that follows: what it holds is what the source held at that LSN, whatever either lives
 * through.  The oracle is the source itself: its state hash and its entries, LSN by LSN. */
#include "engine/follow.h"

#include "base/choices.h"
#include "engine/internal.h"
#include "world.h"

enum { LSN_MAXIMUM = 4000 };

/* What the source said at each LSN when it was durable there. */
struct history {
    uint8_t hash[LSN_MAXIMUM][32];
    bool known[LSN_MAXIMUM];
};

struct pair {
    struct world source, copy;
    struct follow *follow;
};

static const char *const schema[] = {
    "DEFINE FIELD year ON item INTEGER",
    "DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h",
    "DEFINE SIGNAL like ON item HALF LIFE 7d UNIQUE PER USER POSITIVE",
};

static bool pair_init(struct pair *pair)
{
    *pair = (struct pair){0};
    return world_init(&pair->source) && world_init(&pair->copy) &&
           world_open(&pair->source) == CODE_OK && world_define_all(&pair->source, schema, 3);
}

static enum code pair_follow(struct pair *pair)
{
    struct follow_options options = {.disk = pair->source.disk, .copy = pair->copy.options};
    return follow_open(&options, &pair->follow, &pair->copy.error);
}

static enum code pair_stop(struct pair *pair)
{
    enum code code = follow_close(pair->follow, &pair->copy.error);
    pair->follow = NULL;
    return code;
}

static void pair_release(struct pair *pair)
{
    if (pair->follow) (void)pair_stop(pair);
    world_release(&pair->source);
    world_release(&pair->copy);
}

/* Until there is no more. */
static enum code catch_up(struct pair *pair)
{
    uint64_t entries = 1;
    enum code code = CODE_OK;
    while (code == CODE_OK && entries > 0)
        code = follow_step(pair->follow, &entries, &pair->copy.error);
    return code;
}

static bool remember(struct pair *pair, struct history *history)
{
    lsn at = database_applied(pair->source.database);
    if (at >= LSN_MAXIMUM) return false;
    history->known[at] = true;
    return database_state_hash(pair->source.database, history->hash[at], &pair->source.error) ==
           CODE_OK;
}

static bool copy_is_as_the_source_was(struct pair *pair, const struct history *history)
{
    uint8_t hash[32];
    struct database *copy = follow_database(pair->follow);
    lsn at = database_applied(copy);
    if (database_state_hash(copy, hash, &pair->copy.error) != CODE_OK) return false;
    return !history->known[at] || memcmp(hash, history->hash[at], sizeof hash) == 0;
}

static bool write_some(struct pair *pair, struct choices *c, struct history *history)
{
    for (uint64_t n = choose(c, 12); n > 0; n--) {
        entity_id id = choose_between(c, 1, 30);
        struct change change = {.kind = CHANGE_PUT, .put = {.entity = item_of(id)}};
        if (!choose_one_in(c, 3)) {
            change = (struct change){.kind = CHANGE_SIGNAL,
                                     .signal = {.signal = 2 + (signal_id)choose(c, 1),
                                                .entity = item_of(id),
                                                .has_user = true,
                                                .user = user_of(choose_between(c, 1, 9)),
                                                .value = SIGNAL_VALUE_ONE}};
        }
        enum code code = world_write(&pair->source, &change);
        if (code != CODE_OK && code != CODE_NOT_FOUND) return false;
        simulated_clock_advance(&pair->source.clock, (int64_t)choose(c, 40));
        if (!remember(pair, history)) return false;
    }
    return true;
}

static void a_copy_is_its_source_at_an_earlier_lsn_whatever_happens(struct test *t)
{
    static struct history history;
    int crashes = 0, restarts = 0, compared = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct pair pair;
        struct choices c;
        memset(&history, 0, sizeof history);
        choices_from_seed(&c, seed, NULL);
        CHECK(pair_init(&pair));
        /* The source's log is kept for the copy. */
        struct change keep = {.kind = CHANGE_CURSOR,
                              .cursor = {CURSOR_DEFINE, slice_of_text("copy"), 0}};
        CHECK_EQ(world_write(&pair.source, &keep), CODE_OK);
        CHECK(remember(&pair, &history));
        CHECK_EQ(pair_follow(&pair), CODE_OK);
        for (int i = 0; i < 120; i++) {
            uint64_t event = choose(&c, 20);
            if (event < 8) {
                CHECK(write_some(&pair, &c, &history));
            } else if (event < 13) {
                uint64_t entries;
                lsn before = database_applied(follow_database(pair.follow));
                enum code code = follow_step(pair.follow, &entries, &pair.copy.error);
                if (code != CODE_OK) fprintf(stderr, "    %s\n", pair.copy.error.message);
                CHECK_EQ(code, CODE_OK);
                CHECK(copy_is_as_the_source_was(&pair, &history));
                compared += database_applied(follow_database(pair.follow)) > before;
                CHECK(database_applied(follow_database(pair.follow)) <=
                      database_applied(pair.source.database));
            } else if (event < 15) {
                CHECK_EQ(wal_flush(pair.source.database->wal, &pair.source.error), CODE_OK);
            } else if (event < 17) {
                /* A machine: who has its files open dies with it. */
                bool power = choose_one_in(&c, 2);
                CHECK_EQ(pair_stop(&pair), CODE_OK);
                CHECK_EQ(world_crash(&pair.source, power ? SIMULATED_POWER : SIMULATED_PROCESS,
                                     choose(&c, 2), &c),
                         CODE_OK);
                CHECK_EQ(pair_follow(&pair), CODE_OK);
                if (choose_one_in(&c, 2)) CHECK_EQ(catch_up(&pair), CODE_OK);
                CHECK_EQ(world_open(&pair.source), CODE_OK);
                crashes++;
            } else if (event < 18) {
                CHECK_EQ(world_close(&pair.source), CODE_OK);
                CHECK_EQ(world_open(&pair.source), CODE_OK);
            } else {
                CHECK_EQ(pair_stop(&pair), CODE_OK);
                CHECK_EQ(pair_follow(&pair), CODE_OK);
                restarts++;
            }
        }
        CHECK_EQ(world_close(&pair.source), CODE_OK);
        CHECK_EQ(catch_up(&pair), CODE_OK);
        CHECK_EQ(world_open(&pair.source), CODE_OK);
        CHECK_EQ(database_applied(follow_database(pair.follow)),
                 database_applied(pair.source.database));
        CHECK(copy_is_as_the_source_was(&pair, &history));
        pair_release(&pair);
    }
    CHECK(crashes > 100 && restarts > 100 && compared > 200);
}

static enum code hash_entry(void *context, const struct wal_entry *entry, struct error *error)
{
    struct buffer *all = context;
    (void)error;
    buffer_put_u64(all, entry->lsn);
    buffer_put_u64(all, (uint64_t)entry->time_ms);
    buffer_put_u16(all, entry->type);
    buffer_put_u16(all, entry->flags);
    buffer_append(all, entry->identity, sizeof entry->identity);
    buffer_put_string(all, entry->payload);
    return CODE_OK;
}

static void the_copys_log_has_the_same_entries_times_and_window(struct test *t)
{
    static struct history history;
    struct pair pair;
    struct choices c;
    struct buffer a, b;
    memset(&history, 0, sizeof history);
    choices_from_seed(&c, 77, NULL);
    CHECK(pair_init(&pair));
    for (int i = 0; i < 40; i++)
        CHECK(write_some(&pair, &c, &history));
    CHECK_EQ(wal_flush(pair.source.database->wal, &pair.source.error), CODE_OK);
    CHECK_EQ(pair_follow(&pair), CODE_OK);
    CHECK_EQ(catch_up(&pair), CODE_OK);
    struct wal *source = pair.source.database->wal, *copy = follow_database(pair.follow)->wal;
    buffer_init(&a, &pair.source.memory, SIZE_MAX / 2);
    buffer_init(&b, &pair.source.memory, SIZE_MAX / 2);
    CHECK_EQ(wal_replay(source, 1, hash_entry, &a, &pair.source.error), CODE_OK);
    CHECK_EQ(wal_replay(copy, 1, hash_entry, &b, &pair.source.error), CODE_OK);
    CHECK(slice_equal(buffer_slice(&a), buffer_slice(&b)) && a.bytes > 1000);
    struct wal_stats of_source, of_copy;
    wal_stats(source, &of_source);
    wal_stats(copy, &of_copy);
    CHECK_EQ(of_copy.dedupe_entries, of_source.dedupe_entries);
    buffer_release(&a);
    buffer_release(&b);
    pair_release(&pair);
}

static void nothing_is_taken_before_it_is_proved(struct test *t)
{
    struct pair pair;
    struct change put = {.kind = CHANGE_PUT, .put = {.entity = item_of(1)}};
    CHECK(pair_init(&pair));
    CHECK_EQ(wal_flush(pair.source.database->wal, &pair.source.error), CODE_OK);
    CHECK_EQ(pair_follow(&pair), CODE_OK);
    CHECK_EQ(catch_up(&pair), CODE_OK);
    CHECK_EQ(database_applied(follow_database(pair.follow)), 3);
    CHECK_EQ(world_write(&pair.source, &put), CODE_OK);
    CHECK_EQ(catch_up(&pair), CODE_OK); /* durable, and nothing says so yet */
    CHECK_EQ(database_applied(follow_database(pair.follow)), 3);
    CHECK_EQ(wal_flush(pair.source.database->wal, &pair.source.error), CODE_OK); /* a mark */
    CHECK_EQ(catch_up(&pair), CODE_OK);
    CHECK_EQ(database_applied(follow_database(pair.follow)), 4);
    pair_release(&pair);
}

static void a_copy_takes_no_writes_of_its_own(struct test *t)
{
    struct pair pair;
    struct change put = {.kind = CHANGE_PUT, .put = {.entity = item_of(1)}};
    struct write write = {&put, {0}};
    struct write_result result;
    struct write_batch batch = {&write, 1, ACKNOWLEDGE_DURABLE, &result, 0};
    struct error error;
    lsn given;
    CHECK(pair_init(&pair));
    CHECK_EQ(pair_follow(&pair), CODE_OK);
    struct database *copy = follow_database(pair.follow);
    CHECK_EQ(database_write(copy, &batch, &error), CODE_READ_ONLY);
    CHECK_TEXT(error.message, "the database follows another one");
    CHECK_EQ(database_define(copy, slice_of_text("DEFINE FIELD x ON item TEXT"), &given, &error),
             CODE_READ_ONLY);
    CHECK_EQ(database_checkpoint(copy, &error), CODE_OK);
    pair_release(&pair);
}

static void another_database_is_not_a_copy(struct test *t)
{
    struct pair pair;
    CHECK(pair_init(&pair));
    CHECK_EQ(world_open(&pair.copy), CODE_OK);
    CHECK_EQ(world_close(&pair.copy), CODE_OK);
    CHECK_EQ(pair_follow(&pair), CODE_INVALID);
    CHECK(strstr(pair.copy.error.message, "another database"));
    pair_release(&pair);
}

/* The copy is opened by itself and written to: two histories with the same ids. */
static void where_the_two_part_is_named(struct test *t)
{
    struct pair pair;
    struct change put = {.kind = CHANGE_PUT, .put = {.entity = item_of(1)}};
    CHECK(pair_init(&pair));
    CHECK_EQ(wal_flush(pair.source.database->wal, &pair.source.error), CODE_OK);
    CHECK_EQ(pair_follow(&pair), CODE_OK);
    CHECK_EQ(catch_up(&pair), CODE_OK);
    CHECK_EQ(pair_stop(&pair), CODE_OK);
    CHECK_EQ(world_open(&pair.copy), CODE_OK);
    CHECK_EQ(world_write(&pair.copy, &put), CODE_OK); /* LSN 4 */
    CHECK_EQ(world_close(&pair.copy), CODE_OK);

    CHECK_EQ(pair_follow(&pair), CODE_OK); /* the source ends before it */
    CHECK_EQ(catch_up(&pair), CODE_CORRUPT);
    CHECK(strstr(pair.copy.error.message, "part at LSN 4"));
    CHECK_EQ(catch_up(&pair), CODE_FAILED);
    CHECK_EQ(pair_stop(&pair), CODE_OK);

    for (entity_id id = 2; id < 6; id++) { /* the source says something else there */
        put.put.entity = item_of(id);
        CHECK_EQ(world_write(&pair.source, &put), CODE_OK);
    }
    CHECK_EQ(pair_follow(&pair), CODE_OK);
    CHECK_EQ(catch_up(&pair), CODE_CORRUPT);
    CHECK_TEXT(pair.copy.error.message,
               "the source and its copy part at LSN 4: they say different things there");
    pair_release(&pair);
}

static void a_source_that_let_go_of_what_comes_next_is_told(struct test *t)
{
    static struct history history;
    struct pair pair;
    struct choices c;
    memset(&history, 0, sizeof history);
    choices_from_seed(&c, 5, NULL);
    CHECK(pair_init(&pair));
    pair.source.options.dedupe_count = 1;
    CHECK_EQ(world_close(&pair.source), CODE_OK);
    CHECK_EQ(world_open(&pair.source), CODE_OK);
    CHECK_EQ(pair_follow(&pair), CODE_OK);
    CHECK_EQ(pair_stop(&pair), CODE_OK);
    struct wal_stats stats;
    do {
        CHECK(write_some(&pair, &c, &history));
        CHECK_EQ(database_checkpoint(pair.source.database, &pair.source.error), CODE_OK);
        wal_stats(pair.source.database->wal, &stats);
    } while (stats.oldest_lsn == 1);
    CHECK_EQ(pair_follow(&pair), CODE_OK);
    CHECK_EQ(catch_up(&pair), CODE_NOT_RETAINED);
    CHECK(strstr(pair.copy.error.message, "LSN 1 is not in the log any more"));
    pair_release(&pair);
}

enum { RACE_WRITES = 1200 };

struct race {
    struct pair pair;
    atomic_bool written, over;
    atomic_int faults;
};

static void race_write(void *argument)
{
    struct race *race = argument;
    struct write_result result;
    for (uint64_t i = 0; i < RACE_WRITES; i++) {
        struct change change = {.kind = CHANGE_SIGNAL,
                                .signal = {.signal = 2,
                                           .entity = item_of(1),
                                           .has_user = true,
                                           .user = user_of(i % 40),
                                           .value = SIGNAL_VALUE_ONE}};
        enum acknowledgement wanted = i % 50 == 0 ? ACKNOWLEDGE_DURABLE : ACKNOWLEDGE_ACCEPTED;
        if (world_write_as(&race->pair.source, &change, "", wanted, &result) != CODE_OK)
            atomic_fetch_add(&race->faults, 1);
    }
    if (database_wait(race->pair.source.database, result.lsn, &race->pair.source.error) != CODE_OK)
        atomic_fetch_add(&race->faults, 1);
    atomic_store(&race->written, true);
}

static void race_read(void *argument)
{
    struct race *race = argument;
    struct database *copy = follow_database(race->pair.follow);
    struct error error;
    struct view view;
    lsn newest = 0;
    uint8_t hash[32];
    while (!atomic_load(&race->over)) {
        enum code code = database_read_begin(copy, &view, &error);
        if (code == CODE_OK) database_read_end(copy);
        if (code != CODE_OK || view.lsn < newest ||
            database_state_hash(copy, hash, &error) != CODE_OK)
            atomic_fetch_add(&race->faults, 1);
        newest = view.lsn;
    }
}

static void a_copy_is_read_while_its_source_is_written(struct test *t)
{
    static struct race race;
    struct thread writer, reader;
    struct change keep = {.kind = CHANGE_CURSOR,
                          .cursor = {CURSOR_DEFINE, slice_of_text("copy"), 0}};
    struct change put = {.kind = CHANGE_PUT, .put = {.entity = item_of(1)}};
    uint64_t entries;
    uint8_t a[32], b[32];
    CHECK(world_init(&race.pair.source) && world_init(&race.pair.copy));
    race.pair.source.options.no_threads = race.pair.copy.options.no_threads = false;
    race.pair.source.options.checkpoint_log_bytes = 40 << 10;
    race.pair.copy.options.checkpoint_log_bytes = 30 << 10;
    CHECK_EQ(world_open(&race.pair.source), CODE_OK);
    CHECK(world_define_all(&race.pair.source, schema, 3));
    CHECK_EQ(world_write(&race.pair.source, &keep), CODE_OK);
    CHECK_EQ(world_write(&race.pair.source, &put), CODE_OK);
    CHECK_EQ(pair_follow(&race.pair), CODE_OK);
    CHECK_EQ(thread_start(&writer, "writer", race_write, &race, &race.pair.copy.error), CODE_OK);
    CHECK_EQ(thread_start(&reader, "reader", race_read, &race, &race.pair.copy.error), CODE_OK);
    struct database *source = race.pair.source.database, *copy = follow_database(race.pair.follow);
    enum code code = CODE_OK;
    while (code == CODE_OK &&
           (!atomic_load(&race.written) || database_applied(copy) < database_applied(source)))
        code = follow_step(race.pair.follow, &entries, &race.pair.copy.error);
    atomic_store(&race.over, true);
    thread_join(&writer);
    thread_join(&reader);
    if (code != CODE_OK) fprintf(stderr, "    %s\n", race.pair.copy.error.message);
    CHECK_EQ(code, CODE_OK);
    CHECK_EQ(atomic_load(&race.faults), 0);
    CHECK_EQ(database_state_hash(source, a, &race.pair.source.error), CODE_OK);
    CHECK_EQ(database_state_hash(copy, b, &race.pair.copy.error), CODE_OK);
    CHECK(memcmp(a, b, sizeof a) == 0);
    pair_release(&race.pair);
}

/* A disk of the source on which something happens between two of the follower's operations. */
static struct {
    struct pair pair;
    const struct disk_operations *real;
    struct disk_operations own;
    int list_count, open_count; /* that are still let pass; -1: all */
    bool wrong;
} meddler;

static bool put_many(struct pair *pair, int count)
{
    for (int i = 0; i < count; i++) {
        struct change change = put_of(1 + (entity_id)i);
        if (world_write(&pair->source, &change) != CODE_OK) return false;
    }
    return true;
}

static enum code list_after_writes(struct disk *disk, const char *directory,
                                   struct disk_names *names, struct error *error)
{
    if (meddler.list_count >= 0 && meddler.list_count-- == 0)
        meddler.wrong = !put_many(&meddler.pair, 60);
    return meddler.real->list(disk, directory, names, error);
}

static enum code open_after_checkpoint(struct disk *disk, const char *path, enum disk_access access,
                                       struct disk_file **file, struct error *error)
{
    struct world *source = &meddler.pair.source;
    if (meddler.open_count >= 0 && strstr(path, ".wal") && meddler.open_count-- == 0)
        meddler.wrong = database_checkpoint(source->database, &source->error) != CODE_OK;
    return meddler.real->open(disk, path, access, file, error);
}

static bool meddler_init(int list_count, int open_count)
{
    memset(&meddler, 0, sizeof meddler);
    meddler.list_count = meddler.open_count = -1;
    struct pair *pair = &meddler.pair;
    bool ok = pair_init(pair) && pair_follow(pair) == CODE_OK && put_many(pair, 5) &&
              catch_up(pair) == CODE_OK;
    meddler.real = pair->source.disk->operations;
    meddler.own = *meddler.real;
    meddler.own.list = list_after_writes;
    meddler.own.open = open_after_checkpoint;
    pair->source.disk->operations = &meddler.own;
    meddler.list_count = list_count;
    meddler.open_count = open_count;
    return ok;
}

static void meddler_release(void)
{
    meddler.pair.source.disk->operations = meddler.real;
    pair_release(&meddler.pair);
}

static void a_segment_removed_before_its_end_was_proved_does_not_stall_the_copy(struct test *t)
{
    static struct pair pair;
    CHECK(pair_init(&pair) && pair_follow(&pair) == CODE_OK);
    CHECK(put_many(&pair, 5) && catch_up(&pair) == CODE_OK);
    lsn before = database_applied(follow_database(pair.follow));
    CHECK(put_many(&pair, 60));
    CHECK_EQ(database_checkpoint(pair.source.database, &pair.source.error), CODE_OK);
    enum code code = catch_up(&pair);
    lsn after = database_applied(follow_database(pair.follow));
    CHECK(code == CODE_NOT_RETAINED || (code == CODE_OK && after > before));
    pair_release(&pair);
}

static void a_segment_begun_between_two_looks_is_no_gap(struct test *t)
{
    for (int i = 0; i < 4; i++) {
        CHECK(meddler_init(i, -1));
        struct pair *pair = &meddler.pair;
        CHECK(put_many(pair, 2));
        CHECK_EQ(catch_up(pair), CODE_OK);
        CHECK(!meddler.wrong);
        CHECK_EQ(wal_flush(pair->source.database->wal, &pair->source.error), CODE_OK);
        CHECK_EQ(catch_up(pair), CODE_OK);
        CHECK_EQ(database_applied(follow_database(pair->follow)),
                 database_applied(pair->source.database));
        meddler_release();
    }
}

static void a_segment_removed_between_two_looks_is_no_divergence(struct test *t)
{
    bool reached = true;
    for (int i = 0; i < 60 && reached; i++) {
        CHECK(meddler_init(-1, -1));
        CHECK(put_many(&meddler.pair, 60));
        meddler.open_count = i;
        enum code code = catch_up(&meddler.pair);
        if (code != CODE_OK && code != CODE_NOT_RETAINED)
            fprintf(stderr, "open %d: %s\n", i, meddler.pair.copy.error.message);
        CHECK(code == CODE_OK || code == CODE_NOT_RETAINED);
        reached = meddler.open_count < 0;
        CHECK(!meddler.wrong);
        meddler_release();
    }
    CHECK(!reached);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_copy_is_its_source_at_an_earlier_lsn_whatever_happens),
               CASE(the_copys_log_has_the_same_entries_times_and_window),
               CASE(nothing_is_taken_before_it_is_proved), CASE(a_copy_takes_no_writes_of_its_own),
               CASE(another_database_is_not_a_copy), CASE(where_the_two_part_is_named),
               CASE(a_source_that_let_go_of_what_comes_next_is_told),
               CASE(a_copy_is_read_while_its_source_is_written),
               CASE(a_segment_removed_before_its_end_was_proved_does_not_stall_the_copy),
               CASE(a_segment_begun_between_two_looks_is_no_gap),
               CASE(a_segment_removed_between_two_looks_is_no_divergence));
}
