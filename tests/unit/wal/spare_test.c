/* The flusher makes spare segments ahead of need; entries come while it does. */
#include "fixture.h"

#include "harness/await.h"
#include "os/disk.h"
#include "os/threads.h"

#define FILL_FROM_BYTES ((uint64_t)12 << 20) /* in the last of a spare's slices */

/* A disk that appends an entry just while the flusher makes a spare. */
static struct {
    const struct disk_operations *real;
    struct disk_operations own;
    struct wal *wal;
    atomic_bool armed;
    bool is_full;
    int refill_count; /* renames that find more entries to come */
    atomic_int attempt_count;
    atomic_uint_fast64_t appended_lsn;
    atomic_uint_fast64_t durable_before_end; /* when most of the spare was filled */
} watch;

static void append_meanwhile(void)
{
    struct wal_result result;
    struct error error;
    if (atomic_load(&watch.appended_lsn) != 0) return;
    if (event_append(watch.wal, 1000, &result, &error) == CODE_OK) {
        atomic_store(&watch.appended_lsn, result.lsn);
    }
}

static enum code watched_create(struct disk *disk, const char *path, struct disk_file **file,
                                struct error *error)
{
    if (!atomic_load(&watch.armed) || !watch.is_full) {
        return watch.real->create(disk, path, file, error);
    }
    atomic_fetch_add(&watch.attempt_count, 1);
    append_meanwhile();
    return error_set(error, CODE_NO_SPACE, AREA_OS, "the test's disk is full");
}

static enum code watched_write(struct disk_file *file, uint64_t offset, const void *data,
                               size_t bytes, struct error *error)
{
    if (atomic_load(&watch.armed) && offset == 0 && bytes > SIMULATED_PAGE_BYTES) {
        append_meanwhile();
        thread_sleep_ns(20000000); /* longer than the interval between commits */
    } else if (atomic_load(&watch.armed) && offset == FILL_FROM_BYTES) {
        atomic_store(&watch.durable_before_end, wal_durable(watch.wal));
    }
    return watch.real->write(file, offset, data, bytes, error);
}

/* Entries that need another segment, while the one before gets its name. */
static enum code watched_rename(struct disk *disk, const char *from, const char *to,
                                struct error *error)
{
    static uint8_t payload[30000];
    struct wal_record record = {
        .type = 1, .flags = WAL_ENTRY_NO_DEDUPE, .payload = slice_of(payload, sizeof(payload))};
    struct wal_result result;
    int entries = watch.refill_count > 0 ? 2 : 0;
    watch.refill_count -= entries > 0;
    for (int i = 0; i < entries; i++) {
        enum code code = wal_append(watch.wal, &record, 1, 0, &result, error);
        if (code != CODE_OK) return code;
    }
    return watch.real->rename(disk, from, to, error);
}

static bool open_watched(struct fixture *log, struct disk **disk, uint64_t segment_bytes)
{
    if (!fixture_init(log) ||
        simulated_disk_create(&log->memory, SIMULATED_PLAIN, disk, &log->error) != CODE_OK) {
        return false;
    }
    watch.real = (*disk)->operations;
    watch.own = *watch.real;
    watch.own.create = watched_create;
    watch.own.write = watched_write;
    watch.own.rename = watched_rename;
    (*disk)->operations = &watch.own;
    log->options.disk = *disk;
    log->options.segment_bytes = segment_bytes;
    log->options.flusher_thread = segment_bytes > WAL_SEGMENT_MINIMUM_BYTES;
    watch.refill_count = 0;
    atomic_store(&watch.armed, false);
    atomic_store(&watch.attempt_count, 0);
    atomic_store(&watch.appended_lsn, 0);
    atomic_store(&watch.durable_before_end, 0);
    if (fixture_open(log) != CODE_OK) return false;
    watch.wal = log->wal;
    return true;
}

static void close_watched(struct fixture *log, struct disk *disk)
{
    wal_abandon(log->wal);
    log->wal = NULL;
    disk_free(disk);
    fixture_release(log);
}

/* Over half of the first segment, so that the flusher wants a spare. */
static bool fill_first(struct fixture *log)
{
    static uint8_t payload[60000];
    struct wal_record record = {
        .type = 1, .flags = WAL_ENTRY_NO_DEDUPE, .payload = slice_of(payload, sizeof(payload))};
    struct wal_result result;
    for (int i = 0; i < 40; i++) {
        if (wal_append(log->wal, &record, 1, 0, &result, &log->error) != CODE_OK ||
            wal_wait(log->wal, result.lsn, &log->error) != CODE_OK) {
            return false;
        }
        drain(log->wal);
    }
    return true;
}

static bool becomes_durable(struct wal *wal, uint64_t lsn)
{
    struct await await = {0};
    while (wal_durable(wal) < lsn && await_more(&await)) {
    }
    return wal_durable(wal) >= lsn;
}

static bool has_appended(void)
{
    struct await await = {0};
    while (atomic_load(&watch.appended_lsn) == 0 && await_more(&await)) {
    }
    return atomic_load(&watch.appended_lsn) != 0;
}

static void entries_become_durable_though_no_spare_can_be_made(struct test *t)
{
    struct fixture log;
    struct disk *disk;
    struct wal_result result;
    int64_t started_ms = await_now_ms();
    CHECK(open_watched(&log, &disk, (uint64_t)16 << 20));
    watch.is_full = true;
    atomic_store(&watch.armed, true);
    CHECK(fill_first(&log));
    CHECK(has_appended());
    CHECK(becomes_durable(log.wal, atomic_load(&watch.appended_lsn)));
    /* It is not tried with each of the entries that need none. */
    for (uint64_t id = 1; id <= 20; id++) {
        CHECK_EQ(event_append(log.wal, id, &result, &log.error), CODE_OK);
        CHECK(becomes_durable(log.wal, result.lsn));
    }
    int attempts = atomic_load(&watch.attempt_count);
    CHECK(attempts <= 1 + (await_now_ms() - started_ms) / 1000);
    /* Once there is space again, what needs it gets it. */
    atomic_store(&watch.armed, false);
    CHECK(fill_first(&log));
    CHECK(fill_first(&log));
    CHECK_EQ(wal_durable(log.wal), 3 * 40 + 1 + 20);
    close_watched(&log, disk);
}

static void entries_become_durable_while_a_spare_is_filled(struct test *t)
{
    struct fixture log;
    struct disk *disk;
    CHECK(open_watched(&log, &disk, (uint64_t)16 << 20));
    watch.is_full = false;
    atomic_store(&watch.armed, true);
    CHECK(fill_first(&log));
    CHECK(has_appended());
    struct await await = {0};
    while (atomic_load(&watch.durable_before_end) == 0 && await_more(&await)) {
    }
    CHECK(atomic_load(&watch.durable_before_end) >= atomic_load(&watch.appended_lsn));
    close_watched(&log, disk);
}

static void a_segment_that_gets_its_name_has_a_place_in_the_list(struct test *t)
{
    for (int refills = 1; refills <= 20; refills++) {
        struct fixture log;
        struct disk *disk;
        struct wal_stats stats;
        struct wal_result result;
        CHECK(open_watched(&log, &disk, WAL_SEGMENT_MINIMUM_BYTES));
        watch.refill_count = refills;
        for (uint64_t id = 1; id <= 20; id++) {
            CHECK_EQ(event_append(log.wal, id, &result, &log.error), CODE_OK);
            CHECK_EQ(wal_wait(log.wal, wal_last(log.wal), &log.error), CODE_OK);
        }
        wal_stats(log.wal, &stats);
        CHECK(watch.refill_count == 0 && stats.segment_count > (uint64_t)refills);
        close_watched(&log, disk);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(entries_become_durable_though_no_spare_can_be_made),
               CASE(entries_become_durable_while_a_spare_is_filled),
               CASE(a_segment_that_gets_its_name_has_a_place_in_the_list));
}
