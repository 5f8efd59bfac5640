#include "audit/check.h"

#include "engine/shadow.h"
#include "os/threads.h"

#include <inttypes.h>

struct check {
    struct directory *directory;
    struct check_report *report;
    struct database *shadow;
};

/* What a part of the check met; an error that was got over is none. */
static void note(enum code code, const struct error *error, struct error *fault)
{
    *fault = code == CODE_OK ? (struct error){.code = CODE_OK} : *error;
}

static enum code wrong_payload(const struct wal_entry *entry, struct error *error)
{
    error_set(error, CODE_CORRUPT, AREA_WAL,
              "LSN %" PRIu64 " of the log is whole, and its payload is no change", entry->lsn);
    error_hint(error, "it was not written by this library, or by a newer one");
    return CODE_CORRUPT;
}

static enum code meet_entry(void *context, const struct wal_entry *entry, const char *change,
                            struct error *error)
{
    (void)context;
    return change ? CODE_OK : wrong_payload(entry, error);
}

static void check_log(struct check *check)
{
    struct log_reading reading = {.visit = meet_entry};
    struct error error;
    enum code code = log_read(check->directory, &reading, &check->report->log, &error);
    note(code, &error, &check->report->log_fault);
}

/* The rows at the store's LSN, in a shadow of their own. */
static enum code load_rows(struct check *check, struct store *store, struct error *error)
{
    struct check_report *report = check->report;
    lsn oldest;
    enum code code;
    TRY(shadow_create(&check->shadow, error));
    TRY(shadow_load(check->shadow, store, &report->checkpoint, &oldest, error));
    TRY(database_check(check->shadow, error));
    code = shadow_compare(check->shadow, store, error);
out:
    return code;
}

static void drop_shadow(struct check *check)
{
    database_abandon(check->shadow);
    check->shadow = NULL;
}

/* A writer beside us may remove a file between its name and its bytes.  Damage stays. */
static void check_store(struct check *check)
{
    enum { ATTEMPTS = 3, PAUSE_NS = 20 * 1000 * 1000 };
    enum code code = CODE_CORRUPT;
    struct error error;
    for (int i = 0; i < ATTEMPTS && code != CODE_OK; i++) {
        struct store *store;
        if (i > 0) thread_sleep_ns(PAUSE_NS);
        code = directory_open_store(check->directory, &store, &error);
        if (code == CODE_OK) code = load_rows(check, store, &error);
        drop_shadow(check);
        store_close(store);
    }
    if (code != CODE_OK && error.hint[0] == '\0')
        error_hint(&error, "restore a backup, or keep what verifies: tidal salvage DIR NEW");
    note(code, &error, &check->report->store_fault);
}

static enum code open_whole(struct check *check, struct database **database, struct error *error)
{
    struct database_options options = {
        .path = disk_root_path(check->directory->disk), .read_only = true, .must_exist = true};
    struct database_status status;
    enum code code;
    TRY(database_open(&options, database, error));
    TRY(database_check(*database, error));
    TRY(database_state_hash(*database, check->report->state_hash, error));
    database_status(*database, &status);
    check->report->state = status.applied;
    memcpy(check->report->counts, status.live_counts, sizeof status.live_counts);
out:
    return code;
}

static enum code fold_entry(void *context, const struct wal_entry *entry, const char *change,
                            struct error *error)
{
    struct check *check = context;
    if (!change) return wrong_payload(entry, error);
    return shadow_apply(check->shadow, entry, error);
}

/* The log from LSN 1 to the state's, folded from nothing, has to give the same state. */
static enum code fold_from_nothing(struct check *check, struct error *error)
{
    struct check_report *report = check->report;
    struct wal_recovery again;
    struct log_reading reading = {
        .from_lsn = 1, .to_lsn = report->state, .visit = fold_entry, .context = check};
    uint8_t hash[sizeof report->state_hash];
    enum code code;
    if (report->state == 0) return CODE_OK;
    TRY(shadow_create(&check->shadow, error));
    TRY(log_read(check->directory, &reading, &again, error));
    TRY(database_check(check->shadow, error));
    TRY(database_state_hash(check->shadow, hash, error));
    report->from_nothing = true;
    if (memcmp(hash, report->state_hash, sizeof hash) == 0) goto out;
    code = error_set(error, CODE_CORRUPT, AREA_ENGINE,
                     "the store's rows are not what the log says: folding LSN 1 to %" PRIu64
                     " from nothing gives another state",
                     report->state);
    error_hint(error, "the log is whole: tidal salvage DIR NEW makes a database of it alone");
out:
    drop_shadow(check);
    return code;
}

static void check_state(struct check *check)
{
    struct check_report *report = check->report;
    struct database *database = NULL;
    struct error error, closing;
    enum code code = open_whole(check, &database, &error);
    (void)database_close(database, &closing);
    if (code == CODE_OK && report->log_fault.code == CODE_OK && report->log.first_lsn == 1)
        code = fold_from_nothing(check, &error);
    /* A writer beside us has removed the beginning meanwhile. */
    if (code == CODE_NOT_RETAINED) code = CODE_OK;
    note(code, &error, &report->state_fault);
}

enum code check_run(struct directory *directory, struct check_report *report, struct error *error)
{
    struct check check = {.directory = directory, .report = report};
    *report = (struct check_report){0};
    check_log(&check);
    check_store(&check);
    check_state(&check);
    const struct error *faults[] = {&report->log_fault, &report->store_fault, &report->state_fault};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (faults[i]->code == CODE_OK) continue;
        *error = *faults[i];
        return error->code;
    }
    return CODE_OK;
}
