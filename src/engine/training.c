#include "engine/training.h"

#include "engine/internal.h"
#include "query/training.h"

#include <inttypes.h>

#define ROWS_ARENA_BYTES ((size_t)256 << 20) /* of one slate, with its features as JSON */

struct training_reader {
    struct database *database;
    atomic_bool *cancelled;
    struct training *training;
    struct wal_reader *log;
    struct arena rows;    /* of the result */
    struct arena scratch; /* of the entry being read */
    int64_t since_ms;     /* slates the log took in before are not given; INT64_MIN: all are */
    lsn to, read;
    uint64_t limit, row_count;
};

static enum code not_retained(struct database *database, const struct operand *since,
                              struct error *error)
{
    struct wal_stats stats;
    wal_stats(database->wal, &stats);
    error_set(error, CODE_NOT_RETAINED, AREA_ENGINE,
              "what to export is not retained: the log begins at LSN %" PRIu64, stats.oldest_lsn);
    error_at(error, since->position);
    error_hint(error, "export SINCE LSN %" PRIu64 ", or keep more with retain_log_ms",
               stats.oldest_lsn);
    return CODE_NOT_RETAINED;
}

/* The first LSN to read. */
static enum code bind_since(struct training_reader *reader, const struct execution *execution,
                            lsn *from, struct error *error)
{
    const struct export_statement *statement = &execution->statement->export;
    struct wal_stats stats;
    enum code code = CODE_OK;
    wal_stats(reader->database->wal, &stats);
    *from = stats.oldest_lsn > 0 ? stats.oldest_lsn : 1;
    reader->since_ms = INT64_MIN;
    if (statement->since.kind == OPERAND_NONE) return CODE_OK;
    if (statement->since_lsn)
        return bind_u64(&statement->since, execution->bindings, "SINCE LSN", from, error);
    TRY(bind_time(&statement->since, execution->bindings, "SINCE", &reader->since_ms, error));
out:
    return code;
}

/* Does the log reach back to a SINCE that is a time?  Its first entry may not be of after it. */
static enum code check_reach(struct training_reader *reader, const struct execution *execution,
                             lsn from, struct error *error)
{
    struct wal_reader *log = NULL;
    struct wal_entry entry;
    bool found = false;
    enum code code = CODE_OK;
    if (reader->since_ms == INT64_MIN || from <= 1 || from > reader->to) return CODE_OK;
    TRY(wal_reader_open(reader->database->wal, from, &log, error));
    TRY(wal_reader_next(log, reader->to, &entry, &found, error));
    if (found && entry.time_ms > reader->since_ms)
        code = not_retained(reader->database, &execution->statement->export.since, error);
out:
    wal_reader_close(log);
    return code;
}

static enum code bind(struct training_reader *reader, const struct execution *execution,
                      struct error *error)
{
    const struct export_statement *statement = &execution->statement->export;
    struct database *database = reader->database;
    struct training_request request;
    struct view view;
    enum code code;
    TRY(database_read_begin(database, &view, error));
    code = training_bind(statement, execution->bindings, view.schema, &request, error);
    reader->to = view.lsn;
    database_read_end(database);
    if (code != CODE_OK) return code;
    request.now_ms = database_now_ms(database);
    reader->limit = UINT64_MAX;
    if (statement->limit.kind != OPERAND_NONE)
        TRY(bind_u64(&statement->limit, execution->bindings, "LIMIT", &reader->limit, error));
    code = training_create(&request, &database->request_memory, &reader->training, error);
out:
    return code;
}

enum code training_reader_open(struct database *database, const struct execution *execution,
                               struct training_reader **opened, struct error *error)
{
    struct memory *memory = &database->request_memory;
    struct training_reader *reader = memory_allocate_zeroed(memory, sizeof *reader);
    lsn from;
    enum code code;
    *opened = NULL;
    if (!reader) return error_no_memory(error, AREA_ENGINE, sizeof *reader);
    reader->database = database;
    reader->cancelled = execution->cancelled;
    arena_init(&reader->rows, memory, ROWS_ARENA_BYTES);
    arena_init(&reader->scratch, memory, ROWS_ARENA_BYTES);
    TRY(bind(reader, execution, error));
    TRY(bind_since(reader, execution, &from, error));
    TRY(check_reach(reader, execution, from, error));
    reader->read = from > 0 ? from - 1 : 0;
    code = wal_reader_open(database->wal, from, &reader->log, error);
    if (code == CODE_NOT_RETAINED)
        code = not_retained(database, &execution->statement->export.since, error);
    if (code != CODE_OK) goto out;
    *opened = reader;
    reader = NULL;
out:
    training_reader_close(reader);
    return code;
}

void training_reader_close(struct training_reader *reader)
{
    if (!reader) return;
    wal_reader_close(reader->log);
    training_free(reader->training);
    arena_release(&reader->rows);
    arena_release(&reader->scratch);
    memory_free(&reader->database->request_memory, reader, sizeof *reader);
}

static enum code take(struct training_reader *reader, const struct wal_entry *entry,
                      struct error *error)
{
    struct change change;
    struct view view;
    enum code code;
    arena_reset(&reader->scratch);
    TRY(change_decode(entry->payload, &reader->scratch, &change, error));
    struct training_entry taken = {entry->lsn, entry->time_ms, entry->payload, &change,
                                   entry->time_ms >= reader->since_ms};
    TRY(database_read_begin(reader->database, &view, error));
    code = training_take(reader->training, &view, &taken, error);
    database_read_end(reader->database);
out:
    return code;
}

/* The rows of one slate. */
static enum code give(struct training_reader *reader, struct result *result, struct error *error)
{
    struct view view;
    enum code code;
    arena_reset(&reader->rows);
    if (!training_result_init(result, &reader->rows)) return error_no_memory(error, AREA_ENGINE, 0);
    TRY(database_read_begin(reader->database, &view, error));
    code = training_give(reader->training, &view, result, error);
    database_read_end(reader->database);
out:
    return code;
}

enum code training_reader_next(struct training_reader *reader, struct result *result,
                               struct error *error)
{
    bool at_end = false;
    enum code code = CODE_OK;
    arena_reset(&reader->rows);
    if (!training_result_init(result, &reader->rows)) return error_no_memory(error, AREA_ENGINE, 0);
    while (result->row_count == 0 && reader->row_count < reader->limit) {
        struct wal_entry entry;
        bool found;
        if (reader->cancelled && atomic_load(reader->cancelled))
            return error_set(error, CODE_CANCELLED, AREA_ENGINE, "the statement was cancelled");
        if (training_ready(reader->training, at_end)) {
            TRY(give(reader, result, error));
            continue;
        }
        if (at_end) break;
        TRY(wal_reader_next(reader->log, reader->to, &entry, &found, error));
        at_end = !found;
        if (!found) continue;
        reader->read = entry.lsn;
        TRY(take(reader, &entry, error));
    }
    if (result->row_count > reader->limit - reader->row_count)
        result->row_count = (size_t)(reader->limit - reader->row_count);
    reader->row_count += result->row_count;
out:
    result->lsn = reader->read;
    return code;
}
