#include "engine/tail.h"

#include "engine/internal.h"
#include "query/tail.h"

#include <inttypes.h>

#define ROWS_ARENA_BYTES ((size_t)64 << 20) /* of one entry: at most 1 MiB of changes */
#define WAIT_AT_ONCE_MS  20                 /* then it is asked whether it was cancelled */

struct tail {
    struct database *database;
    struct tail_request request;
    atomic_bool *cancelled;
    struct wal_reader *reader;
    struct arena rows; /* of one entry */
    lsn to;            /* reads up to here */
    lsn read;          /* has read up to here */
    uint64_t row_count;
};

/* Where its consumer left off. */
static enum code find_cursor(struct database *database, const struct name *name, lsn *from,
                             struct error *error)
{
    struct view view;
    enum code code;
    if (name->text.bytes == 0) return CODE_OK;
    TRY(database_read_begin(database, &view, error));
    code = cursors_find(database->cursors, name, from, error);
    database_read_end(database);
    (*from)++;
out:
    return code;
}

/* The cursor, or the LSN, was overrun. */
static void hint_overrun(struct database *database, const struct name *cursor, struct error *error)
{
    struct wal_stats stats;
    wal_stats(database->wal, &stats);
    if (cursor->text.bytes == 0) {
        error_hint(error, "read the present state with RETRIEVE, or TAIL FROM %" PRIu64,
                   stats.oldest_lsn);
    } else {
        error_hint(error,
                   "the cursor was overrun: read the present state, then ADVANCE CURSOR TO %" PRIu64
                   ", or later",
                   stats.oldest_lsn - 1);
    }
}

static enum code check_from(struct database *database, const struct tail_request *request,
                            struct error *error)
{
    lsn last = wal_last(database->wal);
    if (request->from <= last + 1) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_ENGINE,
              "LSN %" PRIu64 " was not given yet: the log ends at %" PRIu64, request->from, last);
    error_hint(error, "if this database was restored from a backup, begin at an older LSN");
    return CODE_INVALID;
}

enum code tail_open(struct database *database, const struct execution *execution,
                    struct tail **opened, struct error *error)
{
    struct memory *memory = &database->request_memory;
    struct tail *tail = memory_allocate_zeroed(memory, sizeof *tail);
    const struct name *cursor = &execution->statement->tail.cursor;
    enum code code;
    *opened = NULL;
    if (!tail) return error_no_memory(error, AREA_ENGINE, sizeof *tail);
    tail->database = database;
    tail->cancelled = execution->cancelled;
    arena_init(&tail->rows, memory, ROWS_ARENA_BYTES);
    TRY(tail_bind(&execution->statement->tail, execution->bindings, execution->arena,
                  &tail->request, error));
    TRY(find_cursor(database, cursor, &tail->request.from, error));
    TRY(check_from(database, &tail->request, error));
    code = wal_reader_open(database->wal, tail->request.from, &tail->reader, error);
    if (code == CODE_NOT_RETAINED) hint_overrun(database, cursor, error);
    if (code != CODE_OK) goto out;
    tail->read = tail->request.from - 1;
    tail->to = atomic_load(&database->applied);
    *opened = tail;
    tail = NULL;
out:
    tail_close(tail);
    return code;
}

void tail_close(struct tail *tail)
{
    if (!tail) return;
    wal_reader_close(tail->reader);
    arena_release(&tail->rows);
    memory_free(&tail->database->request_memory, tail, sizeof *tail);
}

static enum code check_cancelled(struct tail *tail, struct error *error)
{
    if (!tail->cancelled || !atomic_load(tail->cancelled)) return CODE_OK;
    return error_set(error, CODE_CANCELLED, AREA_ENGINE, "the statement was cancelled");
}

/* The rows of one entry; none if it is not wanted.  What is applied has its names in the schema. */
static enum code add_entry(struct tail *tail, const struct wal_entry *entry, struct result *result,
                           struct error *error)
{
    struct change change;
    struct view view;
    enum code code;
    arena_reset(&tail->rows);
    TRY(change_decode(entry->payload, &tail->rows, &change, error));
    if (!tail_result_init(result, &tail->rows)) return error_no_memory(error, AREA_ENGINE, 0);
    TRY(database_read_begin(tail->database, &view, error));
    bool ok = tail_add(&tail->request, view.schema, entry->lsn, entry->time_ms, &change, result);
    database_read_end(tail->database);
    if (!ok) code = error_no_memory(error, AREA_ENGINE, 0);
out:
    return code;
}

/* Until more was applied, or the time is over. */
static enum code wait_for_more(struct tail *tail, int64_t until_ns, struct error *error)
{
    struct database *database = tail->database;
    bool durable;
    enum code code = CODE_OK;
    for (;;) {
        TRY(check_cancelled(tail, error));
        tail->to = atomic_load(&database->applied);
        int64_t left_ms = (until_ns - clock_monotonic_ns(clock_system())) / 1000000;
        if (tail->to > tail->read || left_ms <= 0) break;
        uint32_t wait_ms = left_ms < WAIT_AT_ONCE_MS ? (uint32_t)left_ms : WAIT_AT_ONCE_MS;
        TRY(wal_wait_durable(database->wal, tail->read + 1, wait_ms, &durable, error));
        if (durable) TRY(apply_until(database, tail->read + 1, error));
    }
out:
    return code;
}

enum code tail_next(struct tail *tail, struct result *result, struct error *error)
{
    int64_t until_ns = clock_monotonic_ns(clock_system()) + tail->request.wait_ms * 1000000;
    struct wal_entry entry;
    bool found = true;
    enum code code = CODE_OK;
    arena_reset(&tail->rows);
    if (!tail_result_init(result, &tail->rows)) return error_no_memory(error, AREA_ENGINE, 0);
    while (found && result->row_count == 0 && tail->row_count < tail->request.limit) {
        TRY(check_cancelled(tail, error));
        TRY(wal_reader_next(tail->reader, tail->to, &entry, &found, error));
        if (found) {
            TRY(add_entry(tail, &entry, result, error));
            tail->read = entry.lsn;
        } else if (tail->request.waits) {
            TRY(wait_for_more(tail, until_ns, error));
            found = tail->to > tail->read;
        }
    }
    tail->row_count += result->row_count;
out:
    result->lsn = tail->read;
    return code;
}
