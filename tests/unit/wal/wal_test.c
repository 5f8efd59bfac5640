#include "wal/wal.h"

#include "fixture.h"

#include <sys/wait.h>
#include <unistd.h>

#define MANY 12000

static void a_fresh_log_is_empty(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(wal_last(log.wal), 0);
    CHECK_EQ(log.report.last_lsn, 0);
    CHECK_EQ(log.report.first_lsn, 1);
    CHECK_EQ(wal_wait(log.wal, 0, &log.error), CODE_OK);
    CHECK_EQ(wal_wait(log.wal, 1, &log.error), CODE_MISUSE);
    CHECK_EQ(wal_oldest_after(log.wal, 0, NULL), 1);
    fixture_release(&log);
}

static void ten_thousand_random_events_come_back(struct test *t)
{
    static uint64_t ids[MANY + 1], back[MANY + 1];
    struct fixture log;
    struct choices choices;
    CHECK(fixture_init(&log));
    choices_from_seed(&choices, 7, NULL);
    uint64_t last = 0;
    for (uint64_t life = 0; last < 10000; life++) {
        log.options.segment_bytes = WAL_SEGMENT_MINIMUM_BYTES << choose(&choices, 4);
        log.options.frame_entries = (uint32_t)choose_between(&choices, 1, 200);
        CHECK_EQ(fixture_open(&log), CODE_OK);
        CHECK_EQ(log.report.last_lsn, last);
        CHECK(life == 0 || (log.report.closed && log.report.torn_bytes == 0));
        CHECK(log.report.proved_lsn == last && log.report.rewritten_entries == 0);
        for (uint64_t i = 0; i < 1200; i++) {
            struct wal_result result = append_one(&log, last + 1);
            CHECK(result.code == CODE_OK && result.lsn == last + 1);
            ids[result.lsn] = ++last;
            if (choose_one_in(&choices, 30)) CHECK(wait_last(&log));
            if (choose_one_in(&choices, 50)) CHECK_EQ(wal_flush(log.wal, &log.error), CODE_OK);
            simulated_clock_advance(&log.clock, (int64_t)choose(&choices, 5));
            drain(log.wal);
        }
        struct seen seen = {.ids = back, .capacity = MANY + 1};
        CHECK(wait_last(&log));
        CHECK_EQ(wal_replay(log.wal, 1, seen_visit, &seen, &log.error), CODE_OK);
        CHECK(!seen.wrong && seen.first_lsn == 1 && seen.last_lsn == last);
        CHECK(memcmp(ids + 1, back + 1, last * sizeof(ids[0])) == 0);
        CHECK_EQ(append_one(&log, last + 1).code, CODE_OK); /* closing makes it durable */
        ids[last + 1] = last + 1;
        last++;
        CHECK_EQ(fixture_close(&log), CODE_OK);
    }
    struct seen seen = {.ids = back, .capacity = MANY + 1};
    struct wal_verify_options verify = {.disk = log.disk,
                                        .directory = "wal",
                                        .memory = &log.memory,
                                        .visit = seen_visit,
                                        .context = &seen};
    CHECK_EQ(wal_verify(&verify, &log.report, &log.error), CODE_OK);
    CHECK(!seen.wrong && seen.last_lsn == last && log.report.closed);
    fixture_release(&log);
}

static void groups_give_what_replay_gives(struct test *t)
{
    struct fixture log;
    static uint64_t ids[2001];
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    struct seen taken = {.capacity = 2001}, replayed = {.ids = ids, .capacity = 2001};
    for (uint64_t id = 1; id <= 2000; id++) {
        struct wal_group *group;
        struct wal_entry entry;
        CHECK_EQ(append_one(&log, id).code, CODE_OK);
        /* The wall clock goes back now and then: times must not. */
        if (id % 97 == 0) simulated_clock_set(&log.clock, (int64_t)(id * 7919 % 5000000));
        if (id % 13 == 0) CHECK(wait_last(&log));
        while (wal_take(log.wal, &group)) {
            while (wal_group_next(group, &entry)) {
                CHECK_EQ(seen_visit(&taken, &entry, &log.error), CODE_OK);
            }
            CHECK_EQ(wal_group_last(group), taken.last_lsn);
            CHECK(wal_durable(log.wal) >= taken.last_lsn);
            wal_group_release(group);
        }
    }
    CHECK_EQ(wal_replay(log.wal, 1, seen_visit, &replayed, &log.error), CODE_OK);
    CHECK(!taken.wrong && !replayed.wrong);
    CHECK(taken.last_lsn == replayed.last_lsn && taken.last_time_ms == replayed.last_time_ms);
    fixture_release(&log);
}

static void a_repeat_is_told_the_lsn_of_the_first_also_after_reopening(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 200, 10));
    for (int life = 0; life < 3; life++) {
        for (uint64_t id = 1; id <= 200; id++) {
            struct wal_result result = append_one(&log, id);
            CHECK(result.code == CODE_DUPLICATE && result.lsn == id);
        }
        CHECK_EQ(fixture_close(&log), CODE_OK);
        CHECK_EQ(fixture_open(&log), CODE_OK);
        CHECK_EQ(log.report.dedupe_entries, 200);
    }
    fixture_release(&log);
}

static void repeats_within_one_call_are_duplicates_of_the_first(struct test *t)
{
    struct fixture log;
    uint8_t payload[4][EVENT_MAXIMUM_BYTES];
    struct wal_result results[6];
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    struct wal_record records[6] = {event_record(1, payload[0]), event_record(2, payload[1]),
                                    event_record(1, payload[0]), event_record(3, payload[2]),
                                    event_record(3, payload[2]), event_record(3, payload[2])};
    records[5].flags = WAL_ENTRY_NO_DEDUPE;
    static const uint64_t lsns[] = {1, 2, 1, 3, 3, 4};
    CHECK_EQ(wal_append(log.wal, records, 6, WAL_APPEND_ATOMIC, results, &log.error), CODE_OK);
    for (size_t i = 0; i < 6; i++) {
        CHECK_EQ(results[i].lsn, lsns[i]);
        CHECK_EQ(results[i].code, i == 2 || i == 4 ? CODE_DUPLICATE : CODE_OK);
    }
    /* A key of the caller's is an identity like any other, whatever the payload. */
    struct wal_record keyed = event_record(9, payload[3]);
    keyed.flags = WAL_ENTRY_CALLERS_KEY;
    memset(keyed.identity, 'k', sizeof(keyed.identity));
    CHECK_EQ(wal_append(log.wal, &keyed, 1, 0, results, &log.error), CODE_OK);
    CHECK(results[0].code == CODE_OK && results[0].lsn == 5);
    keyed.payload = slice_of("other", 5);
    CHECK_EQ(wal_append(log.wal, &keyed, 1, 0, results, &log.error), CODE_OK);
    CHECK(results[0].code == CODE_DUPLICATE && results[0].lsn == 5);
    fixture_release(&log);
}

/* Opens a copy of the window by reopening, and asks both the same. */
static void the_window_is_the_same_after_recovery(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    log.options.dedupe_count = 100;
    log.options.dedupe_window_ms = 2000;
    log.options.frame_entries = 7;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    uint64_t next = 1, differing = 0;
    for (int life = 0; life < 12; life++) {
        for (int i = 0; i < 150; i++) {
            CHECK_EQ(append_one(&log, next++).code, CODE_OK);
            simulated_clock_advance(&log.clock, next % 700 == 0 ? 2500 : (int64_t)(next % 20));
            if (next % 9 == 0) CHECK(wait_last(&log));
            drain(log.wal);
        }
        CHECK(wait_last(&log));
        uint64_t durable = wal_durable(log.wal), oldest = wal_oldest_after(log.wal, durable, NULL);
        log.options.applied_lsn = durable;
        log.options.oldest_lsn = oldest;
        CHECK_EQ(wal_checkpoint(log.wal, durable, oldest, &log.error), CODE_OK);
        struct wal_stats before, after;
        wal_stats(log.wal, &before);
        CHECK_EQ(fixture_close(&log), CODE_OK);
        CHECK_EQ(fixture_open(&log), CODE_OK);
        wal_stats(log.wal, &after);
        CHECK_EQ(after.dedupe_entries, before.dedupe_entries);
        /* What it holds are the newest. */
        for (uint64_t id = next - before.dedupe_entries; id < next; id++) {
            CHECK_EQ(append_one(&log, id).code, CODE_DUPLICATE);
        }
        differing += before.dedupe_entries != 200;
    }
    CHECK(differing > 0);
    fixture_release(&log);
}

static void limits_refuse_before_an_lsn_is_given(struct test *t)
{
    struct fixture log;
    static uint8_t big[WAL_PAYLOAD_MAXIMUM_BYTES + 1];
    struct wal_record record = {.type = 1, .payload = slice_of(big, sizeof(big))};
    struct wal_result result;
    CHECK(fixture_init(&log));
    log.options.outstanding_bytes = 64 << 10;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(wal_append(log.wal, &record, 1, 0, &result, &log.error), CODE_INVALID);
    record.payload.bytes = 50000;
    CHECK_EQ(wal_append(log.wal, &record, 1, 0, &result, &log.error), CODE_INVALID);
    CHECK_EQ(wal_append(log.wal, &record, 0, 0, &result, &log.error), CODE_MISUSE);
    uint64_t accepted = 0;
    enum code code = CODE_OK;
    while (code == CODE_OK && accepted < 10000) {
        code = append_one(&log, accepted + 1).code;
        accepted += code == CODE_OK;
    }
    CHECK_EQ(code, CODE_LIMIT);
    CHECK(accepted > 10);
    CHECK_EQ(wal_last(log.wal), accepted);
    CHECK_EQ(drain(log.wal), wal_durable(log.wal));
    CHECK_EQ(append_one(&log, accepted + 1).code, CODE_OK);
    CHECK_EQ(wal_last(log.wal), accepted + 1);
    fixture_release(&log);
}

static void a_log_at_its_maximum_waits_for_a_checkpoint(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    log.options.maximum_bytes = 4 * WAL_SEGMENT_MINIMUM_BYTES;
    log.options.dedupe_count = 10;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    uint64_t id = 1;
    while (append_one(&log, id).code == CODE_OK && wait_last(&log)) {
        id++;
        drain(log.wal);
    }
    CHECK_EQ(log.error.code, CODE_LIMIT);
    uint64_t oldest = wal_oldest_after(log.wal, id - 1, NULL);
    CHECK_EQ(wal_checkpoint(log.wal, id - 1, oldest, &log.error), CODE_OK);
    CHECK_EQ(append_one(&log, id).code, CODE_OK);
    fixture_release(&log);
}

static void a_full_disk_refuses_and_nothing_is_lost(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    log.options.dedupe_count = 10;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    struct simulated_faults faults = {.space_bytes = 5 * WAL_SEGMENT_MINIMUM_BYTES};
    simulated_disk_set_faults(log.disk, &faults);
    uint64_t id = 1;
    while (append_one(&log, id).code == CODE_OK && wait_last(&log)) {
        id++;
        drain(log.wal);
    }
    CHECK_EQ(log.error.code, CODE_NO_SPACE);
    CHECK_EQ(wal_last(log.wal), id - 1);
    /* A checkpoint makes room, and the log goes on. */
    uint64_t oldest = wal_oldest_after(log.wal, id - 1, NULL);
    CHECK_EQ(wal_checkpoint(log.wal, id - 1, oldest, &log.error), CODE_OK);
    CHECK_EQ(append_one(&log, id).code, CODE_OK);
    CHECK(wait_last(&log));
    CHECK_EQ(fixture_close(&log), CODE_OK);
    simulated_disk_set_faults(log.disk, NULL);
    log.options.oldest_lsn = oldest;
    log.options.applied_lsn = id - 1;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK_EQ(log.report.last_lsn, id);
    fixture_release(&log);
}

/* One scripted run; returns the first error. */
static enum code script(struct fixture *log, uint64_t *acknowledged)
{
    enum code code = fixture_open(log);
    for (uint64_t id = 1; code == CODE_OK && id <= 120; id++) {
        code = append_one(log, id).code;
        if (code == CODE_OK && id % 2 == 0) {
            code = wal_wait(log->wal, wal_last(log->wal), &log->error);
        }
        if (log->wal) *acknowledged = wal_durable(log->wal);
        drain(log->wal);
        if (code == CODE_OK && id == 60) code = wal_checkpoint(log->wal, 50, 1, &log->error);
        if (code == CODE_OK && id % 10 == 0) code = wal_flush(log->wal, &log->error);
    }
    enum code closing = fixture_close(log);
    return code != CODE_OK ? code : closing;
}

/* Fails each operation of the script in turn; then all acknowledged must be there. */
static void any_operation_may_fail_and_nothing_acknowledged_is_lost(struct test *t)
{
    uint64_t operations = 1, failures = 0;
    for (uint64_t n = 0; n <= operations; n++) {
        struct fixture log;
        struct choices choices;
        uint64_t acknowledged = 0;
        choices_from_seed(&choices, n, NULL);
        CHECK(fixture_init(&log));
        struct simulated_faults faults = {.choices = &choices, .fail_at_operation = n};
        simulated_disk_set_faults(log.disk, &faults);
        enum code code = script(&log, &acknowledged);
        if (n == 0) {
            operations = simulated_disk_operations(log.disk);
            CHECK_EQ(code, CODE_OK);
        }
        failures += code != CODE_OK;
        simulated_disk_set_faults(log.disk, NULL);
        CHECK_EQ(fixture_open(&log), CODE_OK);
        CHECK(log.report.last_lsn >= acknowledged);
        struct seen seen = {.capacity = 200};
        CHECK_EQ(wal_replay(log.wal, 1, seen_visit, &seen, &log.error), CODE_OK);
        CHECK(!seen.wrong && seen.last_lsn == log.report.last_lsn);
        fixture_release(&log);
    }
    CHECK(operations > 100 && failures > operations / 2);
}

static void any_allocation_may_fail_and_nothing_acknowledged_is_lost(struct test *t)
{
    bool untouched = false;
    for (uint64_t n = 1; !untouched && n < 5000; n++) {
        struct fixture log;
        uint64_t acknowledged = 0;
        CHECK(fixture_init(&log));
        /* The disk's memory is not the log's. */
        struct memory memory;
        memory_init(&memory, 0);
        memory.fail_at_call = n;
        log.options.memory = &memory;
        enum code code = script(&log, &acknowledged);
        CHECK(code == CODE_OK || code == CODE_NO_MEMORY || code == CODE_FAILED);
        untouched = atomic_load(&memory.call_count) < n;
        CHECK(!untouched || code == CODE_OK);
        memory_release(&memory);
        log.options.memory = &log.memory;
        CHECK_EQ(fixture_open(&log), CODE_OK);
        CHECK(log.report.last_lsn >= acknowledged);
        fixture_release(&log);
    }
    CHECK(untouched);
}

static void after_a_failed_sync_the_handle_is_finished(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 10, 5));
    struct simulated_faults faults = {.fail_at_operation = 2};
    simulated_disk_set_faults(log.disk, &faults);
    CHECK_EQ(append_one(&log, 11).code, CODE_OK);
    CHECK(!wait_last(&log));
    CHECK_EQ(log.error.code, CODE_FAILED);
    CHECK(log.error.hint[0]);
    CHECK_EQ(append_one(&log, 12).code, CODE_FAILED);
    CHECK_EQ(wal_wait(log.wal, 11, &log.error), CODE_FAILED);
    CHECK_EQ(wal_wait(log.wal, 10, &log.error), CODE_OK);
    CHECK_EQ(wal_durable(log.wal), 10);
    CHECK_EQ(fixture_close(&log), CODE_FAILED);
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(log.report.last_lsn >= 10);
    fixture_release(&log);
}

/* Damages each byte of the log's files in turn (a stride of them): opening must give an error, or
 * all, or say that the last group is undecidable. */
static void damage_anywhere_is_told(struct test *t)
{
    uint64_t corrupt = 0, undecidable = 0, harmless = 0;
    for (uint64_t offset = 0; offset < WAL_SEGMENT_MINIMUM_BYTES; offset += 61) {
        struct fixture log;
        CHECK(fixture_init(&log));
        CHECK_EQ(fixture_open(&log), CODE_OK);
        CHECK(fill(&log, 1, 11, 3));
        wal_abandon(log.wal);
        log.wal = NULL;
        CHECK_EQ(simulated_disk_damage(log.disk, "wal/00000000000000000001.wal", offset, 0x10,
                                       &log.error),
                 CODE_OK);
        enum code code = fixture_open(&log);
        CHECK(code == CODE_OK || code == CODE_CORRUPT);
        if (code == CODE_CORRUPT) {
            corrupt++;
        } else if (log.report.last_lsn < 11) {
            CHECK(log.report.undecidable && log.report.last_lsn >= 9);
            CHECK(log.report.torn_segment == 1 && log.report.torn_bytes > 0);
            /* It is said again until something is appended. */
            CHECK_EQ(fixture_close(&log), CODE_OK);
            CHECK_EQ(fixture_open(&log), CODE_OK);
            CHECK(log.report.undecidable && log.report.torn_segment == 1);
            CHECK(append_one(&log, 77).code == CODE_OK && wait_last(&log));
            CHECK_EQ(fixture_close(&log), CODE_OK);
            CHECK_EQ(fixture_open(&log), CODE_OK);
            CHECK(!log.report.undecidable && log.report.last_lsn <= 11);
            undecidable++;
        } else {
            harmless++;
        }
        fixture_release(&log);
    }
    CHECK(corrupt > 0 && undecidable > 0 && harmless > 0);
}

static void a_mark_makes_the_last_group_decidable(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 11, 11));
    CHECK_EQ(wal_flush(log.wal, &log.error), CODE_OK);
    wal_abandon(log.wal);
    log.wal = NULL;
    CHECK_EQ(
        simulated_disk_damage(log.disk, "wal/00000000000000000001.wal", 4096 + 100, 1, &log.error),
        CODE_OK);
    struct wal_verify_options verify = {
        .disk = log.disk, .directory = "wal", .memory = &log.memory};
    CHECK_EQ(wal_verify(&verify, &log.report, &log.error), CODE_CORRUPT);
    CHECK_EQ(log.report.last_lsn, 0);
    CHECK_EQ(fixture_open(&log), CODE_CORRUPT);
    CHECK_EQ(log.error.position, 4096);
    CHECK(strstr(log.error.message, "00000000000000000001.wal"));
    fixture_release(&log);
}

static void a_missing_log_is_not_made_anew(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    log.options.oldest_lsn = 1;
    CHECK_EQ(fixture_open(&log), CODE_CORRUPT);
    log.options.oldest_lsn = 0;
    log.options.applied_lsn = 5;
    CHECK_EQ(fixture_open(&log), CODE_CORRUPT);
    log.options.applied_lsn = 0;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    fixture_release(&log);
}

static void a_missing_head_is_told_unless_it_was_removed_rightly(struct test *t)
{
    struct fixture log;
    char path[DISK_PATH_BYTES];
    CHECK(fixture_init(&log));
    log.options.dedupe_count = 20;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 400, 3));
    uint64_t oldest = wal_oldest_after(log.wal, 300, NULL);
    CHECK_EQ(wal_checkpoint(log.wal, 300, oldest, &log.error), CODE_OK);
    CHECK_EQ(fixture_close(&log), CODE_OK);
    struct disk_names names = {.memory = &log.memory};
    CHECK_EQ(disk_list(log.disk, "wal", &log.memory, &names, &log.error), CODE_OK);
    snprintf(path, sizeof(path), "wal/%.100s", names.names[0]);
    disk_names_release(&names);
    CHECK_EQ(disk_remove(log.disk, path, &log.error), CODE_OK);
    /* The store tells that the head must be there; and the log itself does. */
    log.options.mutant = WAL_MUTANT_NONE;
    log.options.applied_lsn = 300;
    log.options.oldest_lsn = oldest;
    CHECK_EQ(fixture_open(&log), CODE_CORRUPT);
    CHECK(strstr(log.error.message, "head"));
    log.options.applied_lsn = 0;
    log.options.oldest_lsn = 0;
    CHECK_EQ(fixture_open(&log), CODE_CORRUPT);
    log.options.mutant = WAL_MUTANT_NO_HEAD_CHECK;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    fixture_release(&log);
}

static void the_log_of_another_database_is_refused(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 3, 1));
    CHECK_EQ(fixture_close(&log), CODE_OK);
    log.options.database_id[0] ^= 1;
    CHECK_EQ(fixture_open(&log), CODE_CORRUPT);
    CHECK(strstr(log.error.message, "another database"));
    fixture_release(&log);
}

static void reading_only_changes_nothing(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 30, 4));
    wal_abandon(log.wal);
    simulated_disk_set_faults(log.disk, NULL);
    log.options.read_only = true;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    struct seen seen = {.capacity = 100};
    CHECK_EQ(wal_replay(log.wal, 5, seen_visit, &seen, &log.error), CODE_OK);
    CHECK(!seen.wrong && seen.first_lsn == 5 && seen.last_lsn == 30);
    CHECK_EQ(append_one(&log, 31).code, CODE_READ_ONLY);
    CHECK_EQ(wal_flush(log.wal, &log.error), CODE_READ_ONLY);
    CHECK_EQ(wal_checkpoint(log.wal, 30, 1, &log.error), CODE_READ_ONLY);
    CHECK_EQ(fixture_close(&log), CODE_OK);
    CHECK_EQ(simulated_disk_operations(log.disk), 0);
    fixture_release(&log);
}

static void a_forked_child_is_refused(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 3, 1));
    pid_t child = fork();
    if (child == 0) {
        bool refused = append_one(&log, 4).code == CODE_MISUSE &&
                       wal_flush(log.wal, &log.error) == CODE_MISUSE &&
                       wal_checkpoint(log.wal, 1, 1, &log.error) == CODE_MISUSE &&
                       wal_close(log.wal, &log.error) == CODE_MISUSE;
        _exit(refused ? 0 : 1);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQ(append_one(&log, 4).code, CODE_OK);
    CHECK(wait_last(&log));
    fixture_release(&log);
}

static void wrong_options_are_refused(struct test *t)
{
    struct fixture log;
    CHECK(fixture_init(&log));
    static const uint64_t sizes[] = {1, WAL_SEGMENT_MINIMUM_BYTES - 4096,
                                     WAL_SEGMENT_MINIMUM_BYTES + 1,
                                     WAL_SEGMENT_MAXIMUM_BYTES + 4096};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        log.options.segment_bytes = sizes[i];
        CHECK_EQ(fixture_open(&log), CODE_INVALID);
    }
    log.options.segment_bytes = 0;
    log.options.frame_entries = 65536;
    CHECK_EQ(fixture_open(&log), CODE_INVALID);
    fixture_release(&log);
}

static enum code cut_off(struct fixture *log, uint64_t bytes)
{
    struct disk_file *file;
    enum code code =
        disk_open(log->disk, "wal/00000000000000000001.wal", DISK_READ_WRITE, &file, &log->error);
    if (code != CODE_OK) return code;
    code = disk_truncate(file, bytes, &log->error);
    disk_close(file);
    return code;
}

/* From the last byte down to none: with frames, with the header alone, with less than that. */
static void a_segment_that_was_cut_off_is_damage(struct test *t)
{
    static const uint64_t lengths[] = {(1 << 20) - 1, 20 * 4096, 4097, 4096, 192, 191, 1, 0};
    struct fixture log;
    CHECK(fixture_init(&log));
    log.options.segment_bytes = 1 << 20;
    CHECK_EQ(fixture_open(&log), CODE_OK);
    CHECK(fill(&log, 1, 50, 1));
    CHECK_EQ(fixture_close(&log), CODE_OK);
    struct wal_verify_options verify = {
        .disk = log.disk, .directory = "wal", .memory = &log.memory};
    CHECK_EQ(wal_verify(&verify, &log.report, &log.error), CODE_OK);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        CHECK_EQ(cut_off(&log, lengths[i]), CODE_OK);
        CHECK_EQ(wal_verify(&verify, &log.report, &log.error), CODE_CORRUPT);
        CHECK_EQ(fixture_open(&log), CODE_CORRUPT);
        CHECK(strstr(log.error.message, "is cut off"));
        CHECK_EQ(log.error.position, lengths[i]);
    }
    fixture_release(&log);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_fresh_log_is_empty), CASE(ten_thousand_random_events_come_back),
               CASE(groups_give_what_replay_gives),
               CASE(a_repeat_is_told_the_lsn_of_the_first_also_after_reopening),
               CASE(repeats_within_one_call_are_duplicates_of_the_first),
               CASE(the_window_is_the_same_after_recovery),
               CASE(limits_refuse_before_an_lsn_is_given),
               CASE(a_log_at_its_maximum_waits_for_a_checkpoint),
               CASE(a_full_disk_refuses_and_nothing_is_lost),
               CASE(any_operation_may_fail_and_nothing_acknowledged_is_lost),
               CASE(any_allocation_may_fail_and_nothing_acknowledged_is_lost),
               CASE(after_a_failed_sync_the_handle_is_finished), CASE(damage_anywhere_is_told),
               CASE(a_mark_makes_the_last_group_decidable), CASE(a_missing_log_is_not_made_anew),
               CASE(a_missing_head_is_told_unless_it_was_removed_rightly),
               CASE(the_log_of_another_database_is_refused), CASE(reading_only_changes_nothing),
               CASE(a_forked_child_is_refused), CASE(wrong_options_are_refused),
               CASE(a_segment_that_was_cut_off_is_damage));
}
