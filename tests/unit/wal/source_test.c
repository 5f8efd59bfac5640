/* A reader from outside, at every moment of a writer's life: before and after each operation on the
 * disk, also while it recovers.  What it was given is what was appended, in order, and is there
 * after a power loss at any of these moments. */
#include "wal/source.h"

#include "base/choices.h"
#include "fixture.h"

enum { EVENTS = 5000, SEEDS = 60, LIVES = 12 };

static struct {
    struct fixture log;
    struct choices choices;
    uint64_t ids[EVENTS + 1]; /* by LSN, as last appended */
    struct wal_source *source;
    uint64_t given_lsn; /* the last that the reader was given */
    uint64_t given_ids[EVENTS + 1];
    bool polling, dead; /* dead: the power is off, every operation fails */
    bool wrong;
    uint64_t looks, lost_ends;
} run;

static const struct disk_operations *real;

static void source_open(void)
{
    struct wal_source_options options = {.disk = run.log.disk,
                                         .directory = run.log.options.directory,
                                         .memory = &run.log.memory,
                                         .database_id = run.log.options.database_id,
                                         .from_lsn = run.given_lsn + 1};
    if (wal_source_open(&options, &run.source, &run.log.error) != CODE_OK) run.wrong = true;
}

static void source_close(void)
{
    wal_source_close(run.source);
    run.source = NULL;
}

/* The log has let go of what comes next: goes on where it begins now. */
static void source_skip(void)
{
    struct error error;
    uint64_t oldest;
    if (wal_source_oldest(run.source, &oldest, &error) != CODE_OK || oldest <= run.given_lsn + 1) {
        run.wrong = true;
        return;
    }
    run.given_lsn = oldest - 1;
    source_close();
    source_open();
}

static void take(const struct wal_source_frame *frame)
{
    for (size_t i = 0; i < frame->count; i++) {
        const struct wal_entry *entry = &frame->entries[i];
        if (entry->lsn != run.given_lsn + 1 || entry->lsn > EVENTS) {
            run.wrong = true;
            return;
        }
        run.given_lsn = entry->lsn;
        run.given_ids[entry->lsn] = event_id(entry);
        if (run.given_ids[entry->lsn] != run.ids[entry->lsn]) run.wrong = true;
    }
}

static void look(void)
{
    struct wal_source_frame frame = {.count = 1};
    struct error error;
    if (run.polling || run.dead || !run.source || !choose_one_in(&run.choices, 3)) return;
    run.polling = true;
    run.looks++;
    for (uint64_t left = choose(&run.choices, 4); left > 0 && frame.count > 0; left--) {
        enum code code = wal_source_next(run.source, &frame, &error);
        if (code == CODE_NOT_RETAINED) {
            source_skip();
        } else if (code != CODE_OK) {
            fprintf(stderr, "    %s\n", error.message);
            run.wrong = true;
        } else {
            take(&frame);
        }
    }
    run.polling = false;
}

/* Whether the power goes off now, for good. */
static bool is_dead(struct error *error)
{
    if (!run.polling && !run.dead && choose_one_in(&run.choices, 120)) run.dead = true;
    if (run.dead && !run.polling) error_set(error, CODE_IO, AREA_OS, "the power is off");
    return run.dead && !run.polling;
}

#define AROUND(call)                                                                               \
    look();                                                                                        \
    if (is_dead(error)) return CODE_IO;                                                            \
    enum code code = (call);                                                                       \
    look();                                                                                        \
    return code

static enum code on_write(struct disk_file *file, uint64_t offset, const void *data, size_t bytes,
                          struct error *error)
{
    AROUND(real->write(file, offset, data, bytes, error));
}

static enum code on_sync(struct disk_file *file, struct error *error)
{
    AROUND(real->sync(file, error));
}

static enum code on_rename(struct disk *disk, const char *from, const char *to, struct error *error)
{
    AROUND(real->rename(disk, from, to, error));
}

static enum code on_remove(struct disk *disk, const char *path, struct error *error)
{
    AROUND(real->remove(disk, path, error));
}

static enum code on_sync_directory(struct disk *disk, const char *directory, struct error *error)
{
    AROUND(real->sync_directory(disk, directory, error));
}

static bool checkpoint(void)
{
    struct fixture *log = &run.log;
    uint64_t durable = wal_durable(log->wal), oldest = wal_oldest_after(log->wal, durable, NULL);
    enum code code = wal_checkpoint(log->wal, durable, oldest, &log->error);
    /* What the store would have flushed before. */
    log->options.applied_lsn = durable;
    log->options.oldest_lsn = oldest;
    return code == CODE_OK || run.dead;
}

static bool live(uint64_t *next_id)
{
    struct fixture *log = &run.log;
    uint64_t actions = choose(&run.choices, 60);
    for (; actions > 0 && !run.dead && !run.wrong; actions--) {
        struct wal_result result;
        uint64_t event = choose(&run.choices, 20);
        if (event < 14 && wal_last(log->wal) < EVENTS) {
            uint64_t at = wal_last(log->wal) + 1;
            run.ids[at] = ++*next_id; /* a reader may be told before this returns */
            if (event_append(log->wal, *next_id, &result, &log->error) != CODE_OK) return run.dead;
            if (result.lsn != at) return false;
            if (event < 9 && wal_wait(log->wal, at, &log->error) != CODE_OK) return run.dead;
        } else if (event < 18) {
            if (wal_flush(log->wal, &log->error) != CODE_OK) return run.dead;
        } else if (event < 19 && !checkpoint()) {
            return false;
        }
        drain(log->wal);
    }
    return !run.wrong;
}

/* All that was given is in the log that came back, and is the same. */
static bool given_is_there(void)
{
    struct seen seen = {.capacity = EVENTS + 1};
    static uint64_t ids[EVENTS + 1];
    struct wal_stats stats;
    struct fixture *log = &run.log;
    memset(ids, 0, sizeof ids);
    seen.ids = ids;
    wal_stats(log->wal, &stats);
    if (wal_last(log->wal) < run.given_lsn) return false;
    if (wal_replay(log->wal, stats.oldest_lsn, seen_visit, &seen, &log->error) != CODE_OK)
        return false;
    for (uint64_t at = stats.oldest_lsn; at <= run.given_lsn; at++) {
        if (run.given_ids[at] != 0 && run.given_ids[at] != ids[at]) return false;
    }
    memcpy(run.ids, ids, sizeof ids);
    return !seen.wrong;
}

/* The end of a life: in order, or wherever the power went off; then the next begins. */
static bool next_life(void)
{
    struct fixture *log = &run.log;
    bool closed = !run.dead && fixture_close(log) == CODE_OK;
    if (!closed) {
        source_close();
        wal_abandon(log->wal);
        log->wal = NULL;
        simulated_disk_crash(log->disk, SIMULATED_POWER, &run.choices);
    }
    run.dead = false;
    if (!run.source) source_open();
    while (fixture_open(log) != CODE_OK) {
        if (!run.dead) return false;
        run.dead = false; /* the power went off while it recovered */
        source_close();
        simulated_disk_crash(log->disk, SIMULATED_POWER, &run.choices);
        source_open();
    }
    run.lost_ends += !closed;
    return given_is_there();
}

static void what_a_reader_was_given_is_never_lost(struct test *t)
{
    uint64_t looks = 0, given = 0, crashes = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t next_id = 0;
        memset(&run, 0, sizeof run);
        CHECK(fixture_init(&run.log));
        real = run.log.disk->operations;
        struct disk_operations operations = *real;
        operations.write = on_write;
        operations.sync = on_sync;
        operations.rename = on_rename;
        operations.remove = on_remove;
        operations.sync_directory = on_sync_directory;
        run.log.options.dedupe_count = 20;
        choices_from_seed(&run.choices, seed, NULL);
        CHECK_EQ(fixture_open(&run.log), CODE_OK);
        run.log.disk->operations = &operations;
        source_open();
        for (int life = 0; life < LIVES; life++) {
            bool well = live(&next_id) && next_life();
            if (!well)
                fprintf(stderr, "    seed %" PRIu64 ", life %d: %s\n", seed, life,
                        run.log.error.message);
            CHECK(well);
        }
        looks += run.looks;
        given += run.given_lsn;
        crashes += run.lost_ends;
        run.log.disk->operations = real;
        source_close();
        fixture_release(&run.log);
    }
    printf("    %" PRIu64 " looks, %" PRIu64 " entries given, %" PRIu64 " power losses\n", looks,
           given, crashes);
    CHECK(looks > 10000 && given > 5000 && crashes > 100);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(what_a_reader_was_given_is_never_lost));
}
