#include "engine/record.h"

#include "engine/internal.h"
#include "query/change_json.h"
#include "query/record.h"
#include "query/training.h"

#include <inttypes.h>
#include <stdio.h>

static void tell_number(const struct execution *execution, lsn given, struct result *result)
{
    const struct retrieve_statement *retrieve = &execution->statement->retrieve;
    result->lsn = given;
    for (size_t column = 0; column < retrieve->returning_count; column++) {
        if (retrieve->returning[column].kind != RETURNING_SLATE) continue;
        for (size_t row = 0; row < result->row_count; row++)
            cell_set_id(&result->cells[row * result->column_count + column], given);
    }
}

enum code record_write(struct database *database, const struct execution *execution,
                       const struct slate_change *slate, struct result *result, struct error *error)
{
    struct change change = {.kind = CHANGE_SLATE, .slate = slate};
    struct write write = {.change = &change};
    struct write_result written;
    struct write_batch batch = {&write, 1, execution->acknowledgement, &written, 0};
    enum code code;
    TRY(database_write(database, &batch, error));
    code = written.code;
    if (code == CODE_OK) tell_number(execution, written.lsn, result);
    if (code != CODE_OK && error->position == ERROR_NO_POSITION)
        error_at(error, execution->statement->retrieve.record_position);
out:
    return code;
}

static enum code no_slate(const struct operand *operand, lsn wanted, const char *why,
                          struct error *error)
{
    error_set(error, CODE_NOT_FOUND, AREA_ENGINE, "there is no slate %" PRIu64 ": %s", wanted, why);
    error_at(error, operand->position);
    error_hint(error, "a slate's number is the LSN that its RETRIEVE ... RECORD gave");
    return CODE_NOT_FOUND;
}

/* The entry of that LSN, lent until the reader is closed. */
static enum code read_entry(struct database *database, lsn wanted, struct wal_reader **reader,
                            struct wal_entry *entry, struct error *error)
{
    bool found;
    enum code code = wal_reader_open(database->wal, wanted, reader, error);
    if (code == CODE_NOT_RETAINED) {
        struct wal_stats stats;
        wal_stats(database->wal, &stats);
        error_set(error, CODE_NOT_RETAINED, AREA_ENGINE,
                  "slate %" PRIu64 " is not retained: the log begins at LSN %" PRIu64, wanted,
                  stats.oldest_lsn);
        error_hint(error, "open the database with a longer retain_log_ms to keep slates");
    }
    if (code != CODE_OK) return code;
    TRY(wal_reader_next(*reader, wanted, entry, &found, error));
    if (!found) code = error_set(error, CODE_CORRUPT, AREA_ENGINE, "the log has no such entry");
out:
    return code;
}

static enum code show_entry(struct database *database, const struct execution *execution,
                            const struct wal_entry *entry, struct result *result,
                            struct error *error)
{
    const struct operand *operand = &execution->statement->show_slate;
    struct change change;
    struct view view;
    enum code code;
    TRY(change_decode(entry->payload, execution->arena, &change, error));
    if (change.kind != CHANGE_SLATE) {
        char why[64];
        snprintf(why, sizeof why, "that LSN is of a %s", change_word(&change));
        return no_slate(operand, entry->lsn, why, error);
    }
    TRY(database_read_begin(database, &view, error));
    bool gone = slate_user_gone(&view, change.slate, entry->time_ms);
    result->lsn = view.lsn;
    database_read_end(database);
    if (gone) return no_slate(operand, entry->lsn, "its user is gone", error);
    lsn read_at = result->lsn;
    if (!record_rows(change.slate, entry->lsn, execution->arena, result))
        return error_no_memory(error, AREA_ENGINE, 0);
    result->lsn = read_at;
out:
    return code;
}

enum code record_show(struct database *database, const struct execution *execution,
                      struct result *result, struct error *error)
{
    const struct operand *operand = &execution->statement->show_slate;
    struct wal_reader *reader = NULL;
    struct wal_entry entry;
    lsn wanted;
    enum code code;
    TRY(bind_u64(operand, execution->bindings, "SLATE", &wanted, error));
    if (wanted == 0 || wanted > database_applied(database))
        return no_slate(operand, wanted, "that LSN was not given yet", error);
    code = read_entry(database, wanted, &reader, &entry, error);
    if (code == CODE_NOT_RETAINED) error_at(error, operand->position);
    if (code == CODE_OK) code = show_entry(database, execution, &entry, result, error);
    wal_reader_close(reader);
out:
    return code;
}
