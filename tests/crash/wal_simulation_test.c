/* The log under a disk that crashes, loses, tears, refuses and rots, a seed a run.
 *
 * A run appends (also entries as large as a segment takes), waits, checkpoints, reads back and
 * resends for a few lives, each ended by a crash at some operation (also inside a checkpoint or
 * recovery), a failed sync or write, or an orderly close; meanwhile the disk may be full or fail to
 * read, also while the log is opened.  What must hold:
 *
 *   a. every acknowledged entry is back, with its content and its time;
 *   b. the log is a dense prefix of what was appended, and an atomic call is there whole or not;
 *   c. what one recovery showed, the next one shows;
 *   d. damage to acknowledged entries is reported, never cut off silently: CORRUPT, or the report
 *      says that the very last group is undecidable;
 *   e. a resend within the window is a duplicate, and names the LSN of the original.
 *
 * Then the same with deliberately wrong logs: each must be caught, by the oracle stated, at the
 * seed stated, or this harness proves nothing.  Settings: seeds.h. */
#define EVENT_MAXIMUM_BYTES 49032 /* what a segment of 64 KiB takes */

#include "crash/seeds.h"
#include "unit/wal/fixture.h"

#define MAXIMUM_LSN  6000
#define MAXIMUM_ID   8000
#define DEDUPE_COUNT 64
#define BATCH        24

/* Sanitizers make everything some eight times slower. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SEEDS 2000
#else
#define SEEDS 10000
#endif

struct counts {
    uint64_t seeds, lives, crashes, power_losses, recoveries, crashes_in_recovery;
    uint64_t appended, large, refused, duplicates, failed_logs, failed_openings, read_errors;
    uint64_t full_disks, flips, corrupt, undecidable, rewritten, checkpoints, removed, closes;
    uint64_t pages_torn, looks_back, rotations;
};

struct run {
    struct fixture log;
    struct choices choices;
    struct counts *counts;
    uint64_t applied_lsn; /* the store's: always durable */
    uint64_t oldest_lsn;
    uint64_t forgotten;           /* identities before it may be, as their segments went early */
    uint64_t last_lsn;            /* given */
    uint64_t acknowledged;        /* up to here */
    uint64_t acknowledged_before; /* the last group */
    uint64_t shown;               /* up to here, by a recovery */
    uint64_t next_id;
    uint64_t ids[MAXIMUM_LSN];
    int64_t times[MAXIMUM_LSN];   /* 0: not seen yet */
    uint16_t atomic[MAXIMUM_LSN]; /* entries of the same atomic call that follow */
    uint64_t lsns[MAXIMUM_ID];    /* the last LSN of each id; 0: none */
    bool damaged;
    bool reads_fail;
    struct breach breach;
};

static void acknowledge(struct run *run)
{
    uint64_t durable = wal_durable(run->log.wal);
    if (durable <= run->acknowledged || durable <= run->shown) return;
    run->acknowledged_before = run->acknowledged;
    run->acknowledged = durable;
}

/* Looks at what is durable, as the engine would. */
static bool take(struct run *run)
{
    struct wal_group *group;
    struct wal_entry entry;
    while (wal_take(run->log.wal, &group)) {
        bool right = true;
        while (right && wal_group_next(group, &entry)) {
            right = event_id(&entry) == run->ids[entry.lsn];
            if (run->times[entry.lsn] != 0 && run->times[entry.lsn] != entry.time_ms) right = false;
            run->times[entry.lsn] = entry.time_ms;
        }
        wal_group_release(group);
        if (!right)
            return violated(&run->breach, 'a', "a group gave a wrong entry at %" PRIu64, entry.lsn);
    }
    return true;
}

static void note_result(struct run *run, uint64_t id, const struct wal_result *result)
{
    if (result->code != CODE_OK) {
        run->counts->duplicates++;
        return;
    }
    run->ids[result->lsn] = id;
    run->times[result->lsn] = 0;
    run->atomic[result->lsn] = 0;
    run->lsns[id] = result->lsn;
    run->last_lsn = result->lsn;
    run->counts->appended++;
    run->counts->large += event_is_large(id);
}

/* Oracle e.  `before` is the last LSN before the call. */
static bool check_result(struct run *run, uint64_t id, uint64_t known, uint64_t before,
                         const struct wal_result *result)
{
    bool must_repeat = known != 0 && known >= run->forgotten && before - known < DEDUPE_COUNT;
    if (must_repeat && result->code != CODE_DUPLICATE) {
        return violated(&run->breach, 'e', "a resend of LSN %" PRIu64 " was accepted as %" PRIu64,
                        known, result->lsn);
    }
    if (result->code == CODE_DUPLICATE && (known == 0 || result->lsn != known)) {
        return violated(&run->breach, 'e', "event %" PRIu64 " is no duplicate of %" PRIu64, id,
                        result->lsn);
    }
    if (result->code == CODE_OK && result->lsn != run->last_lsn + 1) {
        return violated(&run->breach, 'b', "LSN %" PRIu64 " after %" PRIu64, result->lsn,
                        run->last_lsn);
    }
    return true;
}

static uint64_t pick_id(struct run *run, bool resend)
{
    uint64_t back = choose(&run->choices, DEDUPE_COUNT * 2);
    if (resend && back + 1 < run->next_id) return run->next_id - 1 - back;
    return run->next_id++;
}

/* False on a violation; *ended if the log refuses. */
static bool append(struct run *run, bool *ended)
{
    static uint8_t payloads[BATCH][EVENT_MAXIMUM_BYTES];
    struct wal_record records[BATCH];
    struct wal_result results[BATCH];
    uint64_t ids[BATCH], known[BATCH], before = run->last_lsn;
    bool many = choose_one_in(&run->choices, 8);
    size_t count = many ? (size_t)choose_between(&run->choices, 2, BATCH) : 1;
    unsigned flags = many && choose_one_in(&run->choices, 2) ? WAL_APPEND_ATOMIC : 0;
    for (size_t i = 0; i < count; i++) {
        ids[i] = pick_id(run, choose_one_in(&run->choices, 8));
        known[i] = run->lsns[ids[i]];
        records[i] = event_record(ids[i], payloads[i]);
    }
    enum code code = wal_append(run->log.wal, records, count, flags, results, &run->log.error);
    if (code != CODE_OK) {
        bool too_large = code == CODE_INVALID && flags && run->log.error.area == AREA_WAL;
        *ended = code != CODE_LIMIT && code != CODE_NO_SPACE && !too_large;
        run->counts->full_disks += code == CODE_NO_SPACE;
        run->counts->refused += too_large;
        return true;
    }
    uint64_t first = 0;
    for (size_t i = 0; i < count; i++) {
        if (run->lsns[ids[i]] > before) known[i] = run->lsns[ids[i]]; /* earlier in this call */
        uint64_t reached = known[i] > before ? run->last_lsn : before;
        if (!check_result(run, ids[i], known[i], reached, &results[i])) return false;
        note_result(run, ids[i], &results[i]);
        if (first == 0 && results[i].code == CODE_OK) first = results[i].lsn;
    }
    for (uint64_t lsn = first; flags && first != 0 && lsn < run->last_lsn; lsn++) {
        run->atomic[lsn] = (uint16_t)(run->last_lsn - lsn);
    }
    return true;
}

static bool checkpoint(struct run *run, bool *ended)
{
    struct wal *wal = run->log.wal;
    uint64_t durable = wal_durable(wal);
    if (durable == 0) return true;
    uint64_t least = run->applied_lsn > 0 ? run->applied_lsn : 1;
    uint64_t applied = choose_between(&run->choices, least, durable);
    /* What is kept longer, and what goes early, at times that mean something here. */
    int64_t now_ms = clock_now_ms(&run->log.clock.clock);
    struct wal_retention retention = {UINT64_MAX, INT64_MAX, INT64_MIN};
    if (choose_one_in(&run->choices, 3))
        retention.since_ms = now_ms - (int64_t)choose(&run->choices, 400);
    if (choose_one_in(&run->choices, 6))
        retention.before_ms = now_ms - (int64_t)choose(&run->choices, 200);
    uint64_t oldest = wal_oldest_after(wal, applied, &retention);
    if (retention.before_ms != INT64_MIN) run->forgotten = oldest;
    run->applied_lsn = applied;
    run->oldest_lsn = oldest;
    enum code code = wal_checkpoint(wal, applied, oldest, &run->log.error);
    if (code == CODE_OK) run->counts->checkpoints++;
    *ended = code != CODE_OK && code != CODE_NO_SPACE;
    return true;
}

/* False: the log refuses. */
static bool rotate(struct run *run)
{
    enum code code = wal_rotate(run->log.wal, &run->log.error);
    if (code == CODE_OK) run->counts->rotations++;
    return code == CODE_OK || code == CODE_NO_SPACE;
}

/* Oracles a to c, of what is read back. */
struct check {
    struct run *run;
    uint64_t next_lsn;
};

static enum code wrong_entry(struct run *run, char oracle, uint64_t lsn, struct error *error)
{
    violated(&run->breach, oracle, "wrong order, content or time at LSN %" PRIu64, lsn);
    return error_set(error, CODE_MISUSE, AREA_WAL, "%s", run->breach.why);
}

static enum code check_visit(void *context, const struct wal_entry *entry, struct error *error)
{
    struct check *check = context;
    struct run *run = check->run;
    uint64_t lsn = entry->lsn;
    if (lsn != check->next_lsn || lsn > run->last_lsn) return wrong_entry(run, 'b', lsn, error);
    if (event_id(entry) != run->ids[lsn]) {
        return wrong_entry(run, lsn <= run->acknowledged ? 'a' : 'c', lsn, error);
    }
    if (run->times[lsn] != 0 && run->times[lsn] != entry->time_ms) {
        return wrong_entry(run, 'c', lsn, error);
    }
    run->times[lsn] = entry->time_ms;
    check->next_lsn++;
    return CODE_OK;
}

/* What the log holds from `first_lsn` to `last_lsn` is what was appended. */
static bool check_content(struct run *run, uint64_t first_lsn, uint64_t last_lsn)
{
    struct check check = {run, first_lsn};
    enum code code = wal_replay(run->log.wal, first_lsn, check_visit, &check, &run->log.error);
    if (code == CODE_MISUSE) return false;
    bool crashed = simulated_disk_has_crashed(run->log.disk);
    if (code == CODE_IO && (run->reads_fail || crashed)) {
        run->counts->read_errors += !crashed;
        return true;
    }
    if (code != CODE_OK) {
        return violated(&run->breach, 'a', "replay: %s", run->log.error.message);
    }
    if (check.next_lsn == last_lsn + 1) return true;
    return violated(&run->breach, 'b', "replay ends before %" PRIu64, check.next_lsn);
}

/* Reads back while the log is open, also where the disk fails to read. */
static bool look_back(struct run *run)
{
    struct wal_stats stats;
    wal_stats(run->log.wal, &stats);
    if (stats.durable_lsn < stats.oldest_lsn) return true;
    run->counts->looks_back++;
    return check_content(run, stats.oldest_lsn, stats.durable_lsn);
}

static bool step(struct run *run, bool *ended)
{
    struct wal *wal = run->log.wal;
    bool right = true;
    switch (choose(&run->choices, 12)) {
    default:
        right = append(run, ended);
        break;
    case 7:
    case 8:
        *ended = wal_wait(wal, wal_last(wal), &run->log.error) != CODE_OK;
        break;
    case 9: {
        enum code code = wal_flush(wal, &run->log.error);
        *ended = code != CODE_OK;
        break;
    }
    case 10:
        simulated_clock_advance(&run->log.clock, (int64_t)choose(&run->choices, 12));
        break;
    case 11:
        if (choose_one_in(&run->choices, 3)) right = checkpoint(run, ended);
        if (!*ended && choose_one_in(&run->choices, 8)) *ended = !rotate(run);
        break;
    case 12:
        if (choose_one_in(&run->choices, 8)) right = look_back(run);
        break;
    }
    acknowledge(run);
    return right && take(run);
}

static bool check_recovered(struct run *run)
{
    const struct wal_recovery *report = &run->log.report;
    uint64_t last = report->last_lsn, head = run->oldest_lsn > 0 ? run->oldest_lsn : 1;
    uint64_t needed = run->acknowledged > run->shown ? run->acknowledged : run->shown;
    if (last < needed) {
        bool excused = run->damaged && report->undecidable && last >= run->acknowledged_before;
        char oracle = 'a';
        if (last >= run->acknowledged) oracle = 'c';
        if (run->damaged) oracle = 'd';
        if (!excused) {
            return violated(&run->breach, oracle,
                            "acknowledged up to %" PRIu64 ", shown up to %" PRIu64
                            ", recovered up to %" PRIu64,
                            run->acknowledged, run->shown, last);
        }
        run->counts->undecidable++;
    }
    if (last > run->last_lsn)
        return violated(&run->breach, 'b', "more came back than was appended");
    if (report->first_lsn > head) {
        return violated(&run->breach, 'a', "the head is gone: begins at %" PRIu64 ", not %" PRIu64,
                        report->first_lsn, head);
    }
    if (last > 0 && run->atomic[last] > 0) {
        return violated(&run->breach, 'b', "an atomic call was cut at %" PRIu64, last);
    }
    run->counts->rewritten += report->rewritten_entries > 0;
    if (check_content(run, report->first_lsn, last)) return true;
    /* An oracle of what is damaged: that it is told. */
    if (run->damaged && run->breach.oracle == 'a') run->breach.oracle = 'd';
    return false;
}

static void forget_after(struct run *run, uint64_t last)
{
    for (uint64_t lsn = last + 1; lsn <= run->last_lsn; lsn++) {
        run->lsns[run->ids[lsn]] = 0;
        run->ids[lsn] = 0;
        run->times[lsn] = 0;
        run->atomic[lsn] = 0;
    }
    for (uint64_t lsn = 1; lsn <= last; lsn++)
        run->lsns[run->ids[lsn]] = lsn;
    run->last_lsn = last;
    /* The new segment's header says that all of it is durable. */
    run->acknowledged_before = last;
    if (run->acknowledged > last) run->acknowledged = last;
    run->shown = last;
    run->damaged = false; /* all that counts has been read, and is right */
}

static void crash(struct run *run, bool power)
{
    run->counts->crashes++;
    run->counts->power_losses += power;
    wal_abandon(run->log.wal);
    run->log.wal = NULL;
    simulated_disk_crash(run->log.disk, power ? SIMULATED_POWER : SIMULATED_PROCESS, &run->choices);
    run->counts->pages_torn += simulated_disk_losses(run->log.disk).pages_torn;
}

static void set_recovery_faults(struct run *run, struct simulated_faults *faults, int attempt)
{
    *faults = (struct simulated_faults){.choices = &run->choices};
    if (attempt < 6) {
        if (choose_one_in(&run->choices, 3)) {
            faults->crash_at_operation = choose_between(&run->choices, 1, 12);
        }
        if (choose_one_in(&run->choices, 12)) faults->read_error_one_in = 20;
        if (choose_one_in(&run->choices, 12)) {
            faults->fail_at_operation = choose_between(&run->choices, 1, 12);
        }
        if (choose_one_in(&run->choices, 20)) {
            faults->space_bytes = choose_between(&run->choices, 1, 24) * WAL_SEGMENT_MINIMUM_BYTES;
        }
    }
    simulated_disk_set_faults(run->log.disk, faults);
}

/* An opening that the disk refused: the next one may do better. */
static bool may_try_again(struct run *run, const struct simulated_faults *faults, enum code code)
{
    bool fails = faults->read_error_one_in > 0 || faults->fail_at_operation > 0;
    if (code == CODE_NO_SPACE && faults->space_bytes > 0) {
        run->counts->full_disks++;
        return true;
    }
    run->counts->failed_openings += code == CODE_IO && fails;
    return code == CODE_IO && fails;
}

/* Opens, with crashes inside.  *over ends the run without a violation. */
static bool recover(struct run *run, bool *over)
{
    run->log.options.applied_lsn = run->applied_lsn;
    run->log.options.oldest_lsn = run->oldest_lsn;
    run->reads_fail = false;
    for (int attempt = 0;; attempt++) {
        struct simulated_faults faults;
        set_recovery_faults(run, &faults, attempt);
        enum code code = fixture_open(&run->log);
        bool crashed = simulated_disk_has_crashed(run->log.disk);
        run->counts->recoveries++;
        if (!crashed && may_try_again(run, &faults, code)) continue;
        if (code == CODE_OK && !crashed) {
            simulated_disk_set_faults(run->log.disk, NULL);
            if (!check_recovered(run)) return false;
            forget_after(run, run->log.report.last_lsn);
            return true;
        }
        if (code == CODE_CORRUPT) {
            *over = true;
            run->counts->corrupt++;
            if (run->damaged) return true;
            return violated(&run->breach, 'a', "false alarm: %s", run->log.error.message);
        }
        if (!crashed) {
            return violated(&run->breach, 'a', "cannot open: %s", run->log.error.message);
        }
        run->counts->crashes_in_recovery++;
        crash(run, choose_one_in(&run->choices, 2));
    }
}

static void set_faults(struct run *run)
{
    struct simulated_faults faults = {.choices = &run->choices};
    if (!choose_one_in(&run->choices, 4)) {
        uint64_t most = choose_one_in(&run->choices, 3) ? 400 : 80;
        faults.crash_at_operation = choose_between(&run->choices, 1, most);
    }
    if (choose_one_in(&run->choices, 5)) {
        faults.sync_error_one_in = choose_between(&run->choices, 2, 60);
    }
    if (choose_one_in(&run->choices, 6)) {
        faults.space_bytes = choose_between(&run->choices, 4, 24) * WAL_SEGMENT_MINIMUM_BYTES;
    }
    if (choose_one_in(&run->choices, 12)) {
        faults.fail_at_operation = choose_between(&run->choices, 1, 200);
    }
    if (choose_one_in(&run->choices, 8)) faults.read_error_one_in = 8;
    run->reads_fail = faults.read_error_one_in > 0;
    simulated_disk_set_faults(run->log.disk, &faults);
}

static void end_life(struct run *run, bool ended)
{
    struct wal_stats stats;
    wal_stats(run->log.wal, &stats);
    run->counts->removed += stats.removed_segments;
    run->counts->failed_logs += stats.failed && !simulated_disk_has_crashed(run->log.disk);
    if (!ended && choose_one_in(&run->choices, 4)) {
        uint64_t last = wal_last(run->log.wal);
        if (fixture_close(&run->log) == CODE_OK) {
            run->counts->closes++;
            run->acknowledged = last;
        }
    }
    crash(run, !choose_one_in(&run->choices, 3));
    if (choose_one_in(&run->choices, 6)) {
        size_t flipped = simulated_disk_flip_bits(run->log.disk, "wal/", 1, &run->choices);
        run->counts->flips += flipped;
        run->damaged = run->damaged || flipped > 0;
    }
}

static bool live(struct run *run, bool *over)
{
    bool ended = false;
    run->counts->lives++;
    if (!recover(run, over)) return false;
    if (*over) return true;
    set_faults(run);
    uint64_t steps = choose(&run->choices, 300);
    for (uint64_t i = 0; i < steps && !ended; i++) {
        if (run->last_lsn + BATCH >= MAXIMUM_LSN || run->next_id + BATCH >= MAXIMUM_ID) break;
        if (!step(run, &ended)) return false;
    }
    end_life(run, ended);
    return true;
}

static bool run_seed(struct run *run, uint64_t seed, enum wal_mutant mutant, struct counts *counts)
{
    memset(run, 0, sizeof(*run));
    run->counts = counts;
    run->next_id = 1;
    if (!fixture_init(&run->log)) return violated(&run->breach, 'a', "no disk");
    choices_from_seed(&run->choices, seed, NULL);
    run->log.options.dedupe_count = DEDUPE_COUNT;
    run->log.options.frame_entries = (uint32_t)choose_between(&run->choices, 1, 40);
    run->log.options.mutant = mutant;
    counts->seeds++;
    bool right = true, over = false;
    uint64_t lives = choose_between(&run->choices, 2, 6);
    for (uint64_t i = 0; i < lives && right && !over; i++)
        right = live(run, &over);
    if (right && !over) right = recover(run, &over);
    fixture_release(&run->log);
    choices_release(&run->choices);
    return right;
}

static void print_counts(const struct counts *c, uint64_t violations)
{
    printf("%" PRIu64 " seeds, %" PRIu64 " violations; %" PRIu64 " lives, %" PRIu64
           " crashes (%" PRIu64 " of power, %" PRIu64 " inside recovery), %" PRIu64
           " recoveries, %" PRIu64 " closes\n",
           c->seeds, violations, c->lives, c->crashes, c->power_losses, c->crashes_in_recovery,
           c->recoveries, c->closes);
    printf("%" PRIu64 " entries (%" PRIu64 " as large as a segment), %" PRIu64
           " duplicates, %" PRIu64 " checkpoints, %" PRIu64 " segments ended early, %" PRIu64
           " removed, %" PRIu64 " tails rewritten, %" PRIu64 " pages torn\n",
           c->appended, c->large, c->duplicates, c->checkpoints, c->rotations, c->removed,
           c->rewritten, c->pages_torn);
    printf("%" PRIu64 " failed logs, %" PRIu64 " failed openings, %" PRIu64
           " failed reads of %" PRIu64 ", %" PRIu64 " full disks, %" PRIu64 " flips: %" PRIu64
           " corrupt, %" PRIu64 " undecidable\n",
           c->failed_logs, c->failed_openings, c->read_errors, c->looks_back, c->full_disks,
           c->flips, c->corrupt, c->undecidable);
}

static struct run run;

static void no_seed_breaks_the_promises(struct test *t)
{
    struct counts c = {0};
    struct seeds seeds = seeds_wanted(SEEDS);
    uint64_t seed, violations = 0;
    while (violations < 10 && seeds_next(&seeds, &seed)) {
        if (run_seed(&run, seed, WAL_MUTANT_NONE, &c)) continue;
        fprintf(stderr, "seed %" PRIu64 ": oracle %c: %s\n", seed, run.breach.oracle,
                run.breach.why);
        violations++;
    }
    print_counts(&c, violations);
    CHECK_EQ(violations, 0);
    if (c.seeds < 1000) return;
    CHECK(c.crashes_in_recovery > 0 && c.failed_logs > 0 && c.full_disks > 0 && c.corrupt > 0);
    CHECK(c.rewritten > 0 && c.removed > 0 && c.pages_torn > 0 && c.duplicates > 0);
    CHECK(c.large > 0 && c.refused > 0 && c.failed_openings > 0 && c.read_errors > 0);
}

static const enum wal_mutant mutants[] = {
    WAL_MUTANT_NO_DATA_SYNC,         WAL_MUTANT_SYNC_ERROR_IGNORED, WAL_MUTANT_TAIL_NOT_REWRITTEN,
    WAL_MUTANT_NO_DIRECTORY_SYNC,    WAL_MUTANT_NO_TEMPORARY_NAME,  WAL_MUTANT_NO_HEAD_CHECK,
    WAL_MUTANT_ATOMIC_SPLIT,         WAL_MUTANT_TAIL_RETIMED,       WAL_MUTANT_GAP_ACCEPTED,
    WAL_MUTANT_DURABLE_MARK_IGNORED, WAL_MUTANT_DEDUPE_FORGOTTEN,
};

static bool run_mutant(size_t index, uint64_t seed, struct breach *breach)
{
    struct counts counts = {0};
    bool right = run_seed(&run, seed, mutants[index], &counts);
    *breach = run.breach;
    return right;
}

static void every_wrong_log_is_caught(struct test *t)
{
    static const struct mutant_proof proofs[] = {
        {"no data sync", 'a', 2},
        {"failed sync ignored", 'a', 12},
        {"tail not rewritten", 'a', 9},
        {"no directory sync", 'a', 1},
        {"no temporary name", 'a', 8},
        {"no head check", 'a', 943},
        {"atomic call split", 'b', 45},
        {"tail with a new time", 'c', 2},
        {"gap accepted", 'd', 5},
        {"durable mark ignored", 'd', 26},
        {"dedupe window forgotten", 'e', 1},
    };
    check_mutants(t, proofs, sizeof(proofs) / sizeof(proofs[0]), "abcde", run_mutant);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(no_seed_breaks_the_promises), CASE(every_wrong_log_is_caught));
}
