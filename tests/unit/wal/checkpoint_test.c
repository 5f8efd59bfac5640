/* What a checkpoint removes of the log, and what must stay. */
#include "wal/wal.h"

#include "fixture.h"

static void checkpoints_remove_what_nobody_needs_and_no_more(struct test *t)
{
    struct fixture log;
    struct wal_stats stats;
    CHECK(fixture_init(&log));
    log.options.dedupe_count = 50;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 1000, 3));
    CHECK_EQ(wal_pin(log.wal, 120, &log.error), CODE_OK);
    uint64_t oldest = wal_oldest_after(log.wal, 900, NULL);
    CHECK(oldest <= 120 && oldest > 1);
    CHECK_EQ(wal_checkpoint(log.wal, 900, oldest, &log.error), CODE_OK);
    wal_stats(log.wal, &stats);
    CHECK_EQ(stats.oldest_lsn, oldest);
    struct seen seen = {.capacity = 2000};
    CHECK_EQ(wal_replay(log.wal, 120, seen_visit, &seen, &log.error), CODE_OK);
    CHECK(!seen.wrong && seen.first_lsn == 120 && seen.last_lsn == 1000);
    CHECK_EQ(wal_replay(log.wal, 1, seen_visit, &seen, &log.error), CODE_NOT_RETAINED);
    CHECK_EQ(wal_pin(log.wal, 1, &log.error), CODE_NOT_RETAINED);
    wal_unpin(log.wal, 120);
    uint64_t later = wal_oldest_after(log.wal, 1000, NULL);
    CHECK(later > oldest && later <= 950);
    CHECK_EQ(wal_checkpoint(log.wal, 1000, later, &log.error), CODE_OK);
    wal_stats(log.wal, &stats);
    CHECK_EQ(stats.oldest_lsn, later);
    CHECK_EQ(wal_checkpoint(log.wal, 1001, later, &log.error), CODE_MISUSE);
    CHECK_EQ(wal_checkpoint(log.wal, 1000, 1002, &log.error), CODE_MISUSE);
    CHECK_EQ(fixture_close(&log), CODE_OK);
    log.options.applied_lsn = 1000;
    log.options.oldest_lsn = later;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(log.report.checkpoint_lsn, 1000);
    CHECK_EQ(log.report.first_lsn, later);
    fixture_release(&log);
}

static void a_shortened_log_verifies_without_the_store(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    log.options.dedupe_count = 50;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 1000, 3));
    uint64_t oldest = wal_oldest_after(log.wal, 1000, NULL);
    CHECK(oldest > 1);
    CHECK_EQ(wal_checkpoint(log.wal, 1000, oldest, &log.error), CODE_OK);
    wal_abandon(log.wal);
    log.wal = NULL;
    struct seen seen = {.capacity = 2000};
    struct wal_verify_options verify = {.disk = log.disk,
                                        .directory = "wal",
                                        .memory = &log.memory,
                                        .visit = seen_visit,
                                        .context = &seen};
    CHECK_EQ(wal_verify(&verify, &log.report, &log.error), CODE_OK);
    CHECK(!seen.wrong && seen.first_lsn == oldest && seen.last_lsn == 1000);
    CHECK_EQ(log.report.checkpoint_lsn, 1000);

    /* What the checkpoint did not remove is missed. */
    char path[DISK_PATH_BYTES];
    uint64_t first = 1;
    bool exists = false;
    while (!exists) {
        snprintf(path, sizeof(path), "wal/%020" PRIu64 ".wal", first++);
        CHECK_EQ(disk_exists(log.disk, path, &exists, &log.error), CODE_OK);
    }
    CHECK_EQ(disk_remove(log.disk, path, &log.error), CODE_OK);
    CHECK_EQ(wal_verify(&verify, &log.report, &log.error), CODE_CORRUPT);
    CHECK(strstr(log.error.message, "head"));
    fixture_release(&log);
}

/* Appends up to that id, a second apart. */
static bool append_slowly(struct fixture *log, uint64_t *id, uint64_t last)
{
    for (; *id <= last; ++*id) {
        simulated_clock_advance(&log->clock, 1000);
        if (append_one(log, *id).code != CODE_OK || !wait_last(log)) return false;
        drain(log->wal);
    }
    return true;
}

static void a_segment_that_is_ended_early_can_be_removed(struct test *t)
{
    struct fixture log;
    struct wal_stats stats;
    uint64_t id = 1;
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(wal_rotate(log.wal, &log.error), CODE_OK); /* there is nothing in it */
    wal_stats(log.wal, &stats);
    CHECK(stats.segment_count == 1 && stats.oldest_ms == INT64_MAX);
    CHECK(append_slowly(&log, &id, 5));
    wal_stats(log.wal, &stats);
    CHECK(stats.oldest_ms == 1001000 && stats.segment_oldest_ms == 1001000);
    CHECK_EQ(wal_rotate(log.wal, &log.error), CODE_OK);
    CHECK_EQ(wal_rotate(log.wal, &log.error), CODE_OK);
    wal_stats(log.wal, &stats);
    CHECK(stats.segment_count == 2 && stats.oldest_ms == 1001000);
    CHECK_EQ(stats.segment_oldest_ms, INT64_MAX);
    /* The window of identities wants it, unless it is too old for anybody. */
    struct wal_retention retention = {UINT64_MAX, INT64_MAX, 1001000};
    CHECK_EQ(wal_oldest_after(log.wal, 5, &retention), 1);
    retention.before_ms++;
    CHECK_EQ(wal_oldest_after(log.wal, 4, &retention), 1); /* recovery needs LSN 5 */
    CHECK_EQ(wal_oldest_after(log.wal, 5, &retention), 6);
    CHECK_EQ(wal_checkpoint(log.wal, 5, 6, &log.error), CODE_OK);
    wal_stats(log.wal, &stats);
    CHECK(stats.segment_count == 1 && stats.oldest_ms == INT64_MAX && stats.oldest_lsn == 6);
    CHECK(append_slowly(&log, &id, 7));
    CHECK_EQ(fixture_close(&log), CODE_OK);
    log.options.oldest_lsn = 6;
    log.options.applied_lsn = 5;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(log.report.first_lsn == 6 && log.report.last_lsn == 7);
    wal_stats(log.wal, &stats);
    CHECK_EQ(stats.oldest_ms, 1006000);
    fixture_release(&log);
}

/* Which entries a retention keeps, of 2,000 that are a second apart. */
static uint64_t kept_from(struct fixture *log, uint64_t maximum_bytes, struct wal_retention wants)
{
    uint64_t id = 1, oldest = 0;
    if (!fixture_init(log)) return 0;
    log->options.dedupe_count = 10;
    log->options.maximum_bytes = maximum_bytes;
    if (fixture_open(log) == CODE_OK && append_slowly(log, &id, 2000))
        oldest = wal_oldest_after(log->wal, 2000, &wants);
    if (oldest == 0 || wal_checkpoint(log->wal, 2000, oldest, &log->error) != CODE_OK) oldest = 0;
    return oldest;
}

static void entries_are_kept_as_long_as_half_of_the_log_allows(struct test *t)
{
    struct fixture log;
    struct wal_stats stats;
    uint64_t none = kept_from(&log, 0, (struct wal_retention){UINT64_MAX, INT64_MAX, INT64_MIN});
    fixture_release(&log);
    CHECK(none > 1900 && none <= 1990);
    /* Entry 500 is of 1,500 s. */
    uint64_t since = kept_from(&log, 0, (struct wal_retention){UINT64_MAX, 1500000, INT64_MIN});
    CHECK_EQ(fixture_close(&log), CODE_OK);
    CHECK(since > 300 && since <= 500);
    log.options.oldest_lsn = since;
    log.options.applied_lsn = 2000;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(
        wal_oldest_after(log.wal, 2000, &(struct wal_retention){UINT64_MAX, 1500000, INT64_MIN}),
        since); /* the times are known again */
    fixture_release(&log);
    uint64_t wanted = kept_from(&log, 0, (struct wal_retention){700, INT64_MAX, INT64_MIN});
    fixture_release(&log);
    CHECK(wanted > 500 && wanted <= 700);
    uint64_t gone = kept_from(&log, 0, (struct wal_retention){700, 1500000, 2500000});
    fixture_release(&log);
    CHECK(gone > 1500 && gone <= 1700);
    uint64_t maximum = 200 * WAL_SEGMENT_MINIMUM_BYTES;
    uint64_t half = kept_from(&log, maximum, (struct wal_retention){UINT64_MAX, 0, INT64_MIN});
    wal_stats(log.wal, &stats);
    fixture_release(&log);
    CHECK(half > 1 && half < none);
    CHECK(stats.segment_bytes <= maximum / 2);
    CHECK(stats.segment_bytes > maximum / 2 - 2 * WAL_SEGMENT_MINIMUM_BYTES);
}

static void a_disk_too_full_to_end_a_segment_leaves_the_present_one(struct test *t)
{
    struct fixture log;
    uint64_t id = 1;
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(append_slowly(&log, &id, 1));
    struct simulated_faults faults = {.space_bytes = WAL_SEGMENT_MINIMUM_BYTES + 4096};
    simulated_disk_set_faults(log.disk, &faults);
    CHECK_EQ(wal_rotate(log.wal, &log.error), CODE_NO_SPACE);
    CHECK(append_slowly(&log, &id, 3));
    simulated_disk_set_faults(log.disk, NULL);
    CHECK_EQ(wal_rotate(log.wal, &log.error), CODE_OK);
    CHECK(append_slowly(&log, &id, 4));
    CHECK_EQ(fixture_close(&log), CODE_OK);
    fixture_release(&log);
}

/* An entry that fills a whole segment does not fit behind a checkpoint frame: the next segment then
 * begins at the same LSN as the one that has control alone. */
static void a_segment_with_control_alone_stays_in_the_chain(struct test *t)
{
    static uint8_t payload[WAL_SEGMENT_MINIMUM_BYTES - 16512];
    struct wal_record record = {.type = 1, .payload = slice_of(payload, sizeof(payload))};
    struct wal_result result;
    struct fixture log;
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 5, 5));
    CHECK_EQ(fixture_close(&log), CODE_OK);
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(wal_checkpoint(log.wal, 2, 1, &log.error), CODE_OK);
    wal_content_identity(record.type, record.payload, record.identity);
    CHECK_EQ(wal_append(log.wal, &record, 1, 0, &result, &log.error), CODE_OK);
    CHECK_EQ(wal_wait(log.wal, 6, &log.error), CODE_OK);
    for (int life = 0; life < 3; life++) { /* nothing proves yet that it was durable */
        wal_abandon(log.wal);
        log.wal = NULL;
        CHECK_EQ(fixture_open(&log), CODE_OK);
        CHECK_EQ(log.report.last_lsn, 6);
        struct seen seen = {.capacity = 6};
        CHECK_EQ(wal_replay(log.wal, 1, seen_visit, &seen, &log.error), CODE_OK);
        CHECK(seen.first_lsn == 1 && seen.last_lsn == 6);
    }
    CHECK_EQ(fixture_close(&log), CODE_OK);
    CHECK_EQ(fixture_open(&log), CODE_OK);
    fixture_release(&log);
}

static struct wal *pinned_log;
static uint64_t pinned_lsn;
static const struct disk_operations *real_disk;

/* Somebody pins the oldest entry while a checkpoint removes what was older. */
static enum code pin_and_remove(struct disk *disk, const char *path, struct error *error)
{
    if (pinned_lsn == 0) {
        struct wal_stats stats;
        wal_stats(pinned_log, &stats);
        if (wal_pin(pinned_log, stats.oldest_lsn, error) == CODE_OK) pinned_lsn = stats.oldest_lsn;
    }
    return real_disk->remove(disk, path, error);
}

static void what_is_pinned_while_a_checkpoint_removes_stays(struct test *t)
{
    struct fixture log;
    struct wal_result result;
    struct seen seen = {.capacity = SIZE_MAX};
    CHECK(fixture_init(&log));
    real_disk = log.disk->operations;
    struct disk_operations operations = *real_disk;
    operations.remove = pin_and_remove;
    log.options.dedupe_count = 10;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    struct wal_stats stats = {0};
    for (uint64_t id = 1; stats.segment_count < 40; id++) {
        CHECK_EQ(event_append(log.wal, id, &result, &log.error), CODE_OK);
        CHECK_EQ(wal_wait(log.wal, result.lsn, &log.error), CODE_OK);
        drain(log.wal);
        wal_stats(log.wal, &stats);
    }
    pinned_log = log.wal;
    pinned_lsn = 0;
    log.disk->operations = &operations;
    uint64_t oldest = wal_oldest_after(log.wal, result.lsn, NULL);
    CHECK_EQ(wal_checkpoint(log.wal, result.lsn, oldest, &log.error), CODE_OK);
    log.disk->operations = real_disk;
    CHECK(pinned_lsn > 1);
    CHECK_EQ(wal_replay(log.wal, pinned_lsn, seen_visit, &seen, &log.error), CODE_OK);
    CHECK_EQ(seen.first_lsn, pinned_lsn);
    fixture_release(&log);
}

/* No frame could begin any more that moves the window on, so it must not hold all there may be. */
static void identities_do_not_hold_a_log_that_is_filled_without_any(struct test *t)
{
    static uint8_t payload[4000];
    const struct wal_record record = {
        .type = 1, .flags = WAL_ENTRY_NO_DEDUPE, .payload = slice_of(payload, sizeof(payload))};
    struct fixture log;
    struct wal_result result;
    struct wal_stats stats = {0};
    CHECK(fixture_init(&log));
    log.options.maximum_bytes = 32 * WAL_SEGMENT_MINIMUM_BYTES;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 3, 1));
    for (uint64_t lsn = 4; lsn <= 2000; lsn++) {
        CHECK_EQ(wal_append(log.wal, &record, 1, 0, &result, &log.error), CODE_OK);
        CHECK_EQ(wal_wait(log.wal, lsn, &log.error), CODE_OK);
        drain(log.wal);
        if (lsn % 40 != 0) continue; /* as the engine does: at every quarter of the maximum */
        uint64_t oldest = wal_oldest_after(log.wal, lsn, NULL);
        CHECK_EQ(wal_checkpoint(log.wal, lsn, oldest, &log.error), CODE_OK);
        wal_stats(log.wal, &stats);
        if (lsn == 40) CHECK_EQ(stats.oldest_lsn, 1);
        log.options.applied_lsn = lsn;
        log.options.oldest_lsn = oldest;
    }
    CHECK(stats.oldest_lsn > 1000);
    CHECK_EQ(append_one(&log, 2).code, CODE_DUPLICATE); /* until the log is opened again */
    CHECK_EQ(fixture_close(&log), CODE_OK);
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(log.report.last_lsn, 2000);
    CHECK_EQ(log.report.dedupe_entries, 0);
    fixture_release(&log);
}

static int removals_left;

static enum code remove_some(struct disk *disk, const char *path, struct error *error)
{
    if (removals_left-- <= 0) return error_set(error, CODE_IO, AREA_OS, "no removal for the test");
    return real_disk->remove(disk, path, error);
}

static uint64_t files_of_the_log(struct fixture *log)
{
    struct disk_names names;
    enum code code = disk_list(log->disk, "wal", &log->memory, &names, &log->error);
    uint64_t count = code == CODE_OK ? names.count : UINT64_MAX;
    disk_names_release(&names);
    return count;
}

/* And what cannot be removed still counts, and can still be read. */
static void a_failed_removal_is_tried_again_by_the_next_checkpoint(struct test *t)
{
    struct fixture log;
    struct wal_stats before, between, after;
    CHECK(fixture_init(&log));
    real_disk = log.disk->operations;
    struct disk_operations operations = *real_disk;
    operations.remove = remove_some;
    log.options.dedupe_count = 10;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 2000, 3));
    wal_stats(log.wal, &before);
    CHECK(before.segment_count > 5);
    CHECK_EQ(before.segment_bytes, files_of_the_log(&log) * WAL_SEGMENT_MINIMUM_BYTES);
    uint64_t oldest = wal_oldest_after(log.wal, 2000, NULL);
    removals_left = 2;
    log.disk->operations = &operations;
    CHECK_EQ(wal_checkpoint(log.wal, 2000, oldest, &log.error), CODE_OK);
    log.disk->operations = real_disk;
    wal_stats(log.wal, &between);
    CHECK_EQ(between.removed_segments, 2);
    CHECK_EQ(between.segment_bytes, files_of_the_log(&log) * WAL_SEGMENT_MINIMUM_BYTES);
    struct seen seen = {.capacity = SIZE_MAX};
    CHECK_EQ(wal_replay(log.wal, between.oldest_lsn, seen_visit, &seen, &log.error), CODE_OK);
    CHECK(!seen.wrong && seen.first_lsn == between.oldest_lsn && seen.last_lsn == 2000);
    CHECK(between.oldest_lsn > 1 && between.oldest_lsn < oldest);

    CHECK_EQ(wal_checkpoint(log.wal, 2000, oldest, &log.error), CODE_OK);
    wal_stats(log.wal, &after);
    CHECK_EQ(after.oldest_lsn, oldest);
    CHECK_EQ(after.segment_bytes, files_of_the_log(&log) * WAL_SEGMENT_MINIMUM_BYTES);
    CHECK_EQ(fixture_close(&log), CODE_OK);
    log.options.applied_lsn = 2000;
    log.options.oldest_lsn = oldest;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(log.report.first_lsn, oldest);
    fixture_release(&log);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(checkpoints_remove_what_nobody_needs_and_no_more),
               CASE(a_shortened_log_verifies_without_the_store),
               CASE(a_segment_that_is_ended_early_can_be_removed),
               CASE(entries_are_kept_as_long_as_half_of_the_log_allows),
               CASE(a_disk_too_full_to_end_a_segment_leaves_the_present_one),
               CASE(a_segment_with_control_alone_stays_in_the_chain),
               CASE(what_is_pinned_while_a_checkpoint_removes_stays),
               CASE(identities_do_not_hold_a_log_that_is_filled_without_any),
               CASE(a_failed_removal_is_tried_again_by_the_next_checkpoint));
}
