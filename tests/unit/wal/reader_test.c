#include "wal/wal.h"

#include "base/choices.h"
#include "fixture.h"

enum { EVENTS = 4000, READERS = 3 };

struct along {
    struct wal_reader *reader;
    uint64_t next_lsn;
};

/* Reads up to `most` entries; what is read must be what was appended, in order. */
static bool read_some(struct fixture *log, struct along *along, const uint64_t *ids, uint64_t most)
{
    struct wal_entry entry;
    bool found = true;
    for (uint64_t i = 0; i < most && found; i++) {
        enum code code =
            wal_reader_next(along->reader, wal_durable(log->wal), &entry, &found, &log->error);
        if (code != CODE_OK) return false;
        if (!found) return along->next_lsn == wal_durable(log->wal) + 1;
        if (entry.lsn != along->next_lsn || event_id(&entry) != ids[entry.lsn]) return false;
        along->next_lsn++;
    }
    return true;
}

/* Random appends, checkpoints and restarts, with readers that come and go: an oracle by LSN. */
static void what_is_read_along_is_what_was_appended(struct test *t)
{
    static uint64_t ids[EVENTS + 1];
    struct fixture log;
    struct choices c;
    struct along readers[READERS] = {{0}};
    uint64_t id = 0, given = 0, refused = 0;
    CHECK(fixture_init(&log));
    log.options.dedupe_count = 50;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    choices_from_seed(&c, 5, NULL);
    while (given < EVENTS) {
        uint64_t action = choose(&c, 12);
        struct along *along = &readers[choose(&c, READERS - 1)];
        if (action < 6) {
            struct wal_result result;
            for (uint64_t n = choose(&c, 30); n > 0 && given < EVENTS; n--) {
                CHECK_EQ(event_append(log.wal, ++id, &result, &log.error), CODE_OK);
                ids[given = result.lsn] = id;
            }
            if (!choose_one_in(&c, 3)) CHECK_EQ(wal_wait(log.wal, given, &log.error), CODE_OK);
            drain(log.wal);
        } else if (action < 9 && along->reader) {
            CHECK(read_some(&log, along, ids, choose(&c, 60)));
        } else if (action < 10) {
            wal_reader_close(along->reader);
            along->next_lsn = choose_between(&c, 1, given + 1);
            enum code code = wal_reader_open(log.wal, along->next_lsn, &along->reader, &log.error);
            CHECK(code == CODE_OK || code == CODE_NOT_RETAINED);
            refused += code != CODE_OK;
        } else if (action < 11) {
            uint64_t applied = wal_durable(log.wal);
            uint64_t oldest = wal_oldest_after(log.wal, applied, NULL);
            CHECK_EQ(wal_checkpoint(log.wal, applied, oldest, &log.error), CODE_OK);
            log.options.applied_lsn = applied;
            log.options.oldest_lsn = oldest;
        } else if (choose_one_in(&c, 4)) {
            for (int i = 0; i < READERS; i++) {
                wal_reader_close(readers[i].reader);
                readers[i].reader = NULL;
            }
            CHECK_EQ(fixture_close(&log), CODE_OK);
            CHECK_EQ(fixture_open(&log), CODE_OK);
        }
    }
    struct wal_stats stats;
    wal_stats(log.wal, &stats);
    CHECK(stats.oldest_lsn > 1 && refused > 0);
    for (int i = 0; i < READERS; i++)
        wal_reader_close(readers[i].reader);
    fixture_release(&log);
}

static void a_reader_gives_nothing_beyond_where_it_may_read(struct test *t)
{
    struct fixture log;
    struct along along = {.next_lsn = 1};
    struct wal_result result;
    struct wal_entry entry;
    static uint64_t ids[31];
    bool found;
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    for (uint64_t id = 1; id <= 30; id++) {
        CHECK_EQ(event_append(log.wal, id, &result, &log.error), CODE_OK);
        ids[id] = id;
    }
    CHECK_EQ(wal_wait(log.wal, 30, &log.error), CODE_OK);
    CHECK_EQ(wal_reader_open(log.wal, 1, &along.reader, &log.error), CODE_OK);
    for (uint64_t to = 0; to <= 30; to += 7) {
        CHECK(read_some(&log, &along, ids, to + 1 - along.next_lsn));
        CHECK_EQ(wal_reader_next(along.reader, to, &entry, &found, &log.error), CODE_OK);
        CHECK(!found);
    }
    wal_reader_close(along.reader);
    drain(log.wal);
    fixture_release(&log);
}

static void a_reader_holds_the_segments_that_it_has_yet_to_read(struct test *t)
{
    struct fixture log;
    struct along along = {.next_lsn = 1};
    struct wal_result result;
    struct wal_stats stats;
    static uint64_t ids[3001];
    CHECK(fixture_init(&log));
    log.options.dedupe_count = 10;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(wal_reader_open(log.wal, 1, &along.reader, &log.error), CODE_OK);
    for (uint64_t id = 1; id <= 3000; id++) {
        CHECK_EQ(event_append(log.wal, id, &result, &log.error), CODE_OK);
        ids[id] = id;
        CHECK_EQ(wal_wait(log.wal, id, &log.error), CODE_OK);
        drain(log.wal);
    }
    CHECK_EQ(wal_checkpoint(log.wal, 3000, wal_oldest_after(log.wal, 3000, NULL), &log.error),
             CODE_OK);
    wal_stats(log.wal, &stats);
    CHECK_EQ(stats.oldest_lsn, 1);
    CHECK(read_some(&log, &along, ids, 2000));
    CHECK_EQ(wal_checkpoint(log.wal, 3000, wal_oldest_after(log.wal, 3000, NULL), &log.error),
             CODE_OK);
    wal_stats(log.wal, &stats);
    CHECK(stats.oldest_lsn > 1 && stats.oldest_lsn <= 2001);
    CHECK(read_some(&log, &along, ids, 1000));
    wal_reader_close(along.reader);
    fixture_release(&log);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(what_is_read_along_is_what_was_appended),
               CASE(a_reader_gives_nothing_beyond_where_it_may_read),
               CASE(a_reader_holds_the_segments_that_it_has_yet_to_read));
}
