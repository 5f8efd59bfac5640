/* Databases that need not open: their logs, and what of them is whole. */
#include "api/handle.h"
#include "audit/backup.h"
#include "audit/check.h"
#include "audit/log.h"
#include "audit/salvage.h"

static bool is_path(const char *path)
{
    return path && path[0] != '\0';
}

static tidal_code give_no_path(tidal_error *error)
{
    return give_misuse(error, "the path is empty", "name a directory");
}

struct visitor {
    tidal_log_visit visit;
    void *context;
};

static enum code visitor_code(tidal_code code, struct error *error)
{
    if (code == TIDAL_OK) return CODE_OK;
    if (code < 0 || (int)code >= CODE_COUNT) code = TIDAL_CANCELLED;
    return error_set(error, (enum code)code, AREA_API, "the visitor ended the reading");
}

static enum code visit_entry(void *context, const struct wal_entry *entry, const char *change,
                             struct error *error)
{
    const struct visitor *visitor = context;
    tidal_log_entry shown = {.lsn = entry->lsn,
                             .time_ms = entry->time_ms,
                             .type = entry->type,
                             .flags = entry->flags,
                             .payload = entry->payload.data,
                             .payload_bytes = entry->payload.bytes,
                             .change = change};
    memcpy(shown.identity, entry->identity, sizeof shown.identity);
    return visitor_code(visitor->visit(visitor->context, &shown), error);
}

static tidal_log_report log_report(const struct wal_recovery *found)
{
    return (tidal_log_report){.first_lsn = found->first_lsn,
                              .last_lsn = found->last_lsn,
                              .durable_lsn = found->proved_lsn,
                              .checkpoint_lsn = found->checkpoint_lsn,
                              .segments = found->segment_count,
                              .torn_bytes = found->torn_bytes,
                              .torn_segment = found->torn_segment,
                              .torn_offset = found->torn_offset,
                              .closed = found->closed};
}

static tidal_code read_log(const char *path, const struct log_reading *reading,
                           tidal_log_report *report, tidal_error *error)
{
    struct directory directory;
    struct wal_recovery found = {0};
    struct error fault;
    if (!path || path[0] == '\0')
        return give_misuse(error, "the path is empty", "name a directory");
    enum code code = directory_open(&directory, path, &fault);
    if (code == CODE_OK) code = log_read(&directory, reading, &found, &fault);
    directory_close(&directory);
    if (report) *report = log_report(&found);
    return give_error(code, &fault, error);
}

tidal_code tidal_log_verify(const char *path, tidal_log_report *report, tidal_error *error)
{
    struct log_reading reading = {0};
    return read_log(path, &reading, report, error);
}

tidal_code tidal_log_read(const char *path, uint64_t from_lsn, uint64_t to_lsn,
                          tidal_log_visit visit, void *context, tidal_error *error)
{
    struct visitor visitor = {visit, context};
    struct log_reading reading = {
        .from_lsn = from_lsn, .to_lsn = to_lsn, .visit = visit_entry, .context = &visitor};
    if (!visit) return give_misuse(error, "visit is NULL", "pass a function, or verify the log");
    return read_log(path, &reading, NULL, error);
}

static tidal_error public_error(const struct error *error)
{
    tidal_error given = {.code = TIDAL_OK, .area = "", .position = TIDAL_NO_POSITION};
    (void)give_error(error->code, error, &given);
    return given;
}

static void give_report(const struct check_report *found, tidal_verify_report *report)
{
    *report = (tidal_verify_report){.log = log_report(&found->log),
                                    .checkpoint_lsn = found->checkpoint,
                                    .lsn = found->state,
                                    .folded = found->from_nothing,
                                    .items = found->counts[ENTITY_ITEM],
                                    .users = found->counts[ENTITY_USER],
                                    .creators = found->counts[ENTITY_CREATOR],
                                    .log_error = public_error(&found->log_fault),
                                    .store_error = public_error(&found->store_fault),
                                    .state_error = public_error(&found->state_fault)};
    memcpy(report->state_hash, found->state_hash, sizeof report->state_hash);
}

tidal_code tidal_verify(const char *path, tidal_verify_report *report, tidal_error *error)
{
    struct directory directory;
    struct check_report found = {0};
    struct error fault;
    if (!is_path(path)) return give_no_path(error);
    enum code code = directory_open(&directory, path, &fault);
    if (code == CODE_OK) code = check_run(&directory, &found, &fault);
    directory_close(&directory);
    if (report) give_report(&found, report);
    return give_error(code, &fault, error);
}

struct teller {
    tidal_salvage_options options;
    struct visitor visitor;
};

static enum code tell_lost(void *context, const struct wal_gap *gap, struct error *error)
{
    const struct teller *teller = context;
    const tidal_lost lost = {gap->from_lsn, gap->to_lsn, gap->segment, gap->offset};
    tidal_code code = TIDAL_OK;
    if (teller->options.lost) code = teller->options.lost(teller->options.context, &lost);
    return visitor_code(code, error);
}

static enum code tell_behind(void *context, const struct wal_entry *entry, const char *change,
                             struct error *error)
{
    struct teller *teller = context;
    if (!teller->visitor.visit) return CODE_OK;
    return visit_entry(&teller->visitor, entry, change, error);
}

static void give_salvaged(const struct salvage_report *found, tidal_salvage_report *report)
{
    *report = (tidal_salvage_report){.checkpoint_lsn = found->checkpoint,
                                     .lsn = found->last,
                                     .kept_entries = found->kept_count,
                                     .lost_entries = found->lost_count,
                                     .behind_entries = found->behind_count,
                                     .items = found->counts[ENTITY_ITEM],
                                     .users = found->counts[ENTITY_USER],
                                     .creators = found->counts[ENTITY_CREATOR],
                                     .store_error = public_error(&found->store_fault)};
    memcpy(report->rows_from, found->rows_from, sizeof report->rows_from);
    memcpy(report->state_hash, found->state_hash, sizeof report->state_hash);
}

static enum code salvage(const char *path, const char *to_path, struct teller *teller,
                         struct salvage_report *report, struct error *fault)
{
    const struct salvage_options options = {tell_lost, tell_behind, teller};
    struct directory from, to = {0};
    enum code code;
    memory_init(&to.memory, 0);
    TRY(directory_open(&from, path, fault));
    TRY(directory_make(&to, to_path, fault));
    code = salvage_run(&from, &to, &options, report, fault);
out:
    directory_close(&to);
    directory_close(&from);
    return code;
}

tidal_code tidal_salvage(const char *path, const char *to, const tidal_salvage_options *options,
                         tidal_salvage_report *report, tidal_error *error)
{
    struct teller teller = {0};
    struct salvage_report found = {0};
    struct error fault;
    if (!is_path(path) || !is_path(to)) return give_no_path(error);
    if (options && options->size == 0)
        return give_misuse(error, "the options have no size", "set size to sizeof of the struct");
    if (options) {
        size_t bytes =
            options->size < sizeof teller.options ? options->size : sizeof teller.options;
        memcpy(&teller.options, options, bytes);
    }
    teller.visitor = (struct visitor){teller.options.behind, teller.options.context};
    enum code code = salvage(path, to, &teller, &found, &fault);
    if (report) give_salvaged(&found, report);
    return give_error(code, &fault, error);
}

static void give_backup(const struct backup_report *found, tidal_backup_report *report)
{
    if (!report) return;
    *report = (tidal_backup_report){.lsn = found->last,
                                    .checkpoint_lsn = found->checkpoint,
                                    .files = found->files,
                                    .bytes = found->bytes};
}

tidal_code tidal_backup(tidal_db *db, const char *path, tidal_backup_report *report,
                        tidal_error *error)
{
    struct backup_report found = {0};
    struct error fault;
    if (!is_path(path)) return give_no_path(error);
    enum code code = backup_make(db->database, path, &found, &fault);
    give_backup(&found, report);
    return give_error(code, &fault, error);
}

tidal_code tidal_restore(const char *backup, const char *path, tidal_backup_report *report,
                         tidal_error *error)
{
    struct backup_report found = {0};
    struct error fault;
    if (!is_path(backup) || !is_path(path)) return give_no_path(error);
    enum code code = backup_restore(backup, path, &found, &fault);
    give_backup(&found, report);
    return give_error(code, &fault, error);
}
