#include "engine/execute.h"

#include "behaviour/behaviour.h"
#include "behaviour/exposure.h"
#include "behaviour/quota.h"
#include "behaviour/served.h"
#include "engine/internal.h"
#include "engine/record.h"
#include "query/check.h"
#include "query/page.h"
#include "query/retrieve.h"
#include "signals/groups.h"
#include "signals/ledger.h"
#include "signals/unique.h"

#include <inttypes.h>

/* What a FORGET answers: by when nothing is left. */
static enum code tell_deadline(struct database *database, const struct execution *execution,
                               struct result *result, struct error *error)
{
    static const char *const columns[] = {"lsn", "deadline"};
    lsn given = result->lsn;
    struct cell *row =
        result_init(result, execution->arena, columns, 2) ? result_row(result) : NULL;
    if (!row) return error_no_memory(error, AREA_ENGINE, sizeof *row);
    result->lsn = given;
    cell_set_integer(&row[0], (int64_t)given);
    row[1].type = CELL_TIMESTAMP;
    row[1].integer = database_deadline_ms(database);
    return CODE_OK;
}

static enum code run_write(struct database *database, const struct execution *execution,
                           struct result *result, bool *duplicate, struct error *error)
{
    struct bound_write bound;
    struct write_result written;
    struct view view;
    enum code code;
    /* Ids are never given again, so that what is bound now fits every later schema, or is refused
     * by it. */
    TRY(database_read_begin(database, &view, error));
    code = bind_write(execution->statement, execution->bindings, view.schema, execution->arena,
                      &bound, error);
    bool from_now = bound.change.kind == CHANGE_CURSOR &&
                    bound.change.cursor.action == CURSOR_DEFINE &&
                    execution->statement->cursor.lsn.kind == OPERAND_NONE;
    if (code == CODE_OK && from_now) bound.change.cursor.position = view.lsn;
    database_read_end(database);
    if (code != CODE_OK) goto out;
    struct write write = {.change = &bound.change, .idempotency_key = bound.idempotency_key};
    struct write_batch batch = {&write, 1, execution->acknowledgement, &written, 0};
    TRY(database_write(database, &batch, error));
    *duplicate = written.code == CODE_DUPLICATE;
    result->lsn = written.lsn;
    if (!*duplicate) code = written.code;
    if (code == CODE_OK && execution->statement->kind == STATEMENT_FORGET)
        TRY(tell_deadline(database, execution, result, error));
    bool refused = code == CODE_INVALID || code == CODE_NOT_FOUND;
    if (refused && error->position == ERROR_NO_POSITION)
        error_at(error, write_position(execution->statement, code));
out:
    return code;
}

static enum code wait_at_least(struct database *database, const struct execution *execution,
                               struct error *error)
{
    const struct operand *at_least = &execution->statement->retrieve.at_least;
    uint64_t wanted;
    enum code code = CODE_OK;
    if (at_least->kind == OPERAND_NONE) return CODE_OK;
    TRY(bind_u64(at_least, execution->bindings, "AT LEAST", &wanted, error));
    TRY(database_wait(database, wanted, error));
out:
    return code;
}

/* What was made of a ledger that could not be read is no answer, whatever the question says. */
static enum code end_cold(struct cold_reader *cold, enum code code, struct error *error)
{
    enum code read = cold_reader_end(cold, error);
    return read != CODE_OK ? read : code;
}

/* At one LSN of `database`, which may be the engine of an earlier moment. */
static enum code ask(struct database *database, const struct execution *execution, int64_t clock_ms,
                     const struct slate_change **recorded, struct result *result,
                     struct error *error)
{
    struct page_rest rest;
    struct request request = {.statement = execution->statement,
                              .bindings = execution->bindings,
                              .clock_ms = clock_ms,
                              .arena = execution->arena,
                              .cancelled = execution->cancelled,
                              .recorded = recorded,
                              .rest = &rest};
    struct cold_reader cold;
    struct view view;
    enum code code;
    TRY(database_read_begin(database, &view, error));
    cold_reader_init(&cold, view.ledger, execution->arena->memory);
    view.cold = &cold;
    request.view = &view;
    if (execution->statement->kind == STATEMENT_RETRIEVE) {
        code = retrieve(&request, result, error);
    } else if (execution->statement->kind == STATEMENT_WHY_NOT) {
        code = why_not(&request, result, error);
    } else {
        code = show(&request, result, error);
    }
    code = end_cold(&cold, code, error);
    database_read_end(database);
    bool is_paged =
        execution->statement->kind == STATEMENT_RETRIEVE && execution->statement->retrieve.paged;
    if (code == CODE_OK && is_paged && rest.count > 0)
        code = pages_keep(&database->pages, execution, &rest, database_now_ms(database),
                          &result->page, error);
out:
    return code;
}

/* The statement of the page, at the LSN of now. */
static enum code ask_page(struct database *database, const struct execution *execution,
                          struct page *page, uint64_t limit, struct result *result,
                          struct error *error)
{
    struct statement statement;
    struct cold_reader cold;
    struct view view;
    enum code code;
    TRY(statement_parse(page->text, execution->arena, &statement, error));
    if (page->rest.version != -1) statement.retrieve.version = page->rest.version;
    struct bindings bindings = {statement.parameters, page->values, statement.parameter_count};
    struct request request = {.statement = &statement,
                              .bindings = &bindings,
                              .clock_ms = database_now_ms(database),
                              .arena = execution->arena,
                              .cancelled = execution->cancelled,
                              .view = &view,
                              .goes_on = true};
    TRY(database_read_begin(database, &view, error));
    cold_reader_init(&cold, view.ledger, execution->arena->memory);
    view.cold = &cold;
    code = statement_check(&statement, view.schema, execution->arena, error);
    if (code == CODE_OK) code = retrieve_page(&request, &page->rest, limit, result, error);
    code = end_cold(&cold, code, error);
    database_read_end(database);
out:
    return code;
}

static enum code next_page(struct database *database, const struct execution *execution,
                           struct result *result, struct error *error)
{
    const struct page_statement *next = &execution->statement->page;
    uint64_t number, limit;
    struct page *page;
    enum code code;
    TRY(bind_u64(&next->page, execution->bindings, "PAGE", &number, error));
    TRY(pages_take(&database->pages, number, database_now_ms(database), &page, error));
    struct page_rest before = page->rest;
    limit = before.limit;
    if (next->limit.kind != OPERAND_NONE)
        code = bind_u64(&next->limit, execution->bindings, "LIMIT", &limit, error);
    if (code == CODE_OK) code = ask_page(database, execution, page, limit, result, error);
    if (code != CODE_OK) page->rest = before;
    result->page = page->rest.next < page->rest.count ? number : 0;
    pages_give(&database->pages, page);
out:
    return code;
}

/* AS OF: NOW is then, unless given. */
static enum code ask_past(struct database *database, const struct execution *execution,
                          struct result *result, struct error *error)
{
    const struct retrieve_statement *retrieve = &execution->statement->retrieve;
    struct moment moment = {.by_time = !retrieve->as_of_lsn};
    struct database *past;
    enum code code;
    if (moment.by_time) {
        TRY(bind_time(&retrieve->as_of, execution->bindings, "AS OF", &moment.time_ms, error));
    } else {
        TRY(bind_u64(&retrieve->as_of, execution->bindings, "AS OF LSN", &moment.lsn, error));
    }
    code = history_begin(database, &moment, execution->cancelled, &past, error);
    if (code != CODE_OK) {
        if (code == CODE_INVALID || code == CODE_NOT_RETAINED)
            error_at(error, retrieve->as_of.position);
        return code;
    }
    int64_t clock_ms = moment.by_time ? moment.time_ms : past->applied_ms;
    if (clock_ms == INT64_MIN) clock_ms = database_now_ms(database); /* before the first entry */
    code = ask(past, execution, clock_ms, NULL, result, error);
    history_end(database);
out:
    return code;
}

static enum code run_question(struct database *database, const struct execution *execution,
                              struct result *result, struct error *error)
{
    enum code code = CODE_OK;
    if (execution->statement->kind != STATEMENT_SHOW) {
        TRY(wait_at_least(database, execution, error));
        if (execution->statement->retrieve.as_of.kind != OPERAND_NONE)
            return ask_past(database, execution, result, error);
    }
    const struct slate_change *slate = NULL;
    TRY(ask(database, execution, database_now_ms(database), &slate, result, error));
    if (slate) code = record_write(database, execution, slate, result, error);
out:
    return code;
}

static bool add_count(struct result *result, const char *name, uint64_t count)
{
    struct cell *row = result_row(result);
    if (!row || !cell_set_format(result, &row[0], "%s", name)) return false;
    cell_set_integer(&row[1], count > INT64_MAX ? INT64_MAX : (int64_t)count);
    return true;
}

static bool add_error(struct result *result, const char *name, const struct error *error)
{
    if (error->code == CODE_OK) return true;
    struct cell *row = result_row(result);
    return row && cell_set_format(result, &row[0], "%s", name) &&
           cell_set_format(result, &row[1], "%s", error->message);
}

/* Of the ledger's budget, if there is one. */
static bool add_budget(struct result *result, const struct database_status *status)
{
    if (status->signal_memory_limit_bytes == 0) return true;
    bool ok = add_count(result, "signal_memory_bytes", status->signal_memory_bytes) &&
              add_count(result, "signal_memory_limit_bytes", status->signal_memory_limit_bytes);
    /* Pairs have an eighth of the budget whatever the directory takes. */
    if (status->signal_directory_bytes <= status->signal_memory_limit_bytes / 8 * 7) return ok;
    struct cell *row = ok ? result_row(result) : NULL;
    return row && cell_set_format(result, &row[0], "signal_memory_warning") &&
           cell_set_format(result, &row[1],
                           "the directory alone takes %" PRIu64 " bytes: raise signal_memory_bytes",
                           status->signal_directory_bytes);
}

static enum code show_status(struct database *database, const struct execution *execution,
                             struct result *result, struct error *error)
{
    static const char *const columns[] = {"name", "value"};
    struct database_status status;
    database_status(database, &status);
    const struct {
        const char *name;
        uint64_t count;
    } counts[] = {{"lsn", status.applied},
                  {"durable_lsn", status.durable},
                  {"checkpoint_lsn", status.checkpoint},
                  {"oldest_lsn", status.oldest},
                  {"items", status.live_counts[ENTITY_ITEM]},
                  {"users", status.live_counts[ENTITY_USER]},
                  {"creators", status.live_counts[ENTITY_CREATOR]},
                  {"log_bytes", status.log_bytes},
                  {"store_bytes", status.store_bytes},
                  {"memory_bytes", status.memory_bytes},
                  {"memory_limit_bytes", status.memory_limit_bytes},
                  {"open_ms", (uint64_t)status.open_ms},
                  {"replayed", status.replayed},
                  {"torn_bytes", status.torn_bytes}};
    bool ok = result_init(result, execution->arena, columns, 2);
    for (size_t i = 0; ok && i < sizeof counts / sizeof *counts; i++)
        ok = add_count(result, counts[i].name, counts[i].count);
    struct cell *row = ok ? result_row(result) : NULL;
    ok = row && cell_set_format(result, &row[0], "newest_event");
    if (ok && status.watermark_ms != INT64_MIN) {
        row[1].type = CELL_TIMESTAMP;
        row[1].integer = status.watermark_ms;
    }
    ok = ok && add_budget(result, &status) &&
         add_error(result, "checkpoint_error", &status.checkpoint_error) &&
         add_error(result, "backfill_error", &status.backfill_error);
    result->lsn = status.applied;
    return ok ? CODE_OK : error_no_memory(error, AREA_ENGINE, 0);
}

/* What of a cursor is yet to be read, and whether the log still has it. */
static enum code show_cursors(struct database *database, const struct execution *execution,
                              struct result *result, struct error *error)
{
    static const char *const columns[] = {"cursor", "lsn", "behind", "retained"};
    struct database_status status;
    struct view view;
    enum code code;
    database_status(database, &status);
    TRY(database_read_begin(database, &view, error));
    bool ok = result_init(result, execution->arena, columns, 4);
    for (size_t i = 0; ok && i < cursors_count(database->cursors); i++) {
        struct cell *row = result_row(result);
        struct slice name;
        lsn position;
        cursors_get(database->cursors, i, &name, &position);
        ok = row && cell_set_text(result, &row[0], name);
        if (!ok) break;
        cell_set_id(&row[1], position);
        cell_set_integer(&row[2], (int64_t)(view.lsn - position));
        row[3].type = CELL_BOOLEAN;
        row[3].boolean = position + 1 >= status.oldest;
    }
    result->lsn = view.lsn;
    database_read_end(database);
    if (!ok) code = error_no_memory(error, AREA_ENGINE, 0);
out:
    return code;
}

static bool add_size(struct result *result, const char *what, struct slice name, uint64_t count,
                     uint64_t bytes)
{
    struct cell *row = result_row(result);
    if (!row || !cell_set_format(result, &row[0], "%s", what)) return false;
    if (name.bytes > 0 && !cell_set_text(result, &row[1], name)) return false;
    cell_set_integer(&row[2], (int64_t)count);
    cell_set_integer(&row[3], (int64_t)bytes);
    if (count > 0) cell_set_double(&row[4], (double)bytes / (double)count);
    return true;
}

/* What is kept of a signal beside its ledger. */
static bool add_sizes_beside(struct result *result, const struct view *view,
                             const struct signal *signal)
{
    bool ok = true;
    if (signal->distinct_ms > 0) {
        struct ledger_size size = unique_signal_size(view->unique, signal->id);
        ok = add_size(result, "distinct", signal->name, size.pairs, size.bytes);
    }
    if (ok && signal->group_count > 0) {
        struct groups_size size = groups_signal_size(view->groups, signal->id);
        ok = add_size(result, "totals", signal->name, size.count, size.bytes);
    }
    return ok;
}

/* What each fold and each signal takes of memory. */
static enum code show_size(struct database *database, const struct execution *execution,
                           struct result *result, struct error *error)
{
    static const char *const columns[] = {"what", "name", "count", "bytes", "bytes_each"};
    struct database_status status;
    struct view view;
    enum code code;
    database_status(database, &status);
    TRY(database_read_begin(database, &view, error));
    uint64_t entities = 0;
    for (enum entity_kind kind = 0; kind < ENTITY_KIND_COUNT; kind++)
        entities += status.live_counts[kind];
    bool ok = result_init(result, execution->arena, columns, 5);
    for (int i = 0; ok && i < FOLD_COUNT; i++) {
        const struct fold *fold = &database->folds[i];
        uint64_t count = i == FOLD_ENTITIES       ? entities
                         : i == FOLD_LEDGER       ? ledger_record_count(view.ledger)
                         : i == FOLD_SERVED       ? served_count(view.served)
                         : i == FOLD_BEHAVIOUR    ? behaviour_pair_count(view.behaviour)
                         : i == FOLD_QUOTA        ? quota_counter_count(view.quota)
                         : i == FOLD_EXPOSURE     ? exposure_block_count(view.exposure)
                         : i == FOLD_COENGAGEMENT ? coengagement_count(view.coengagement)
                                                  : 0;
        ok = add_size(result, "fold", slice_of(fold->ops->name, strlen(fold->ops->name)), count,
                      fold->ops->bytes(fold->state));
    }
    for (size_t i = 0; ok && i < view.schema->signal_count; i++) {
        if (view.schema->signals[i].dropped) continue;
        struct ledger_size size = ledger_signal_size(view.ledger, (signal_id)i);
        ok = add_size(result, "signal", view.schema->signals[i].name, size.pairs, size.bytes);
        if (ok && size.cold > 0)
            ok = add_size(result, "cold", view.schema->signals[i].name, size.cold, size.cold_bytes);
        ok = ok && add_sizes_beside(result, &view, &view.schema->signals[i]);
    }
    result->lsn = view.lsn;
    database_read_end(database);
    if (!ok) code = error_no_memory(error, AREA_ENGINE, 0);
out:
    return code;
}

enum code execute(struct database *database, const struct execution *execution,
                  struct result *result, bool *duplicate, struct error *error)
{
    *result = (struct result){.arena = execution->arena};
    *duplicate = false;
    switch (execution->statement->kind) {
    case STATEMENT_DEFINE:
        return database_define(database, execution->statement->text, &result->lsn, error);
    case STATEMENT_CHECKPOINT:
        result->lsn = database_applied(database);
        return database_checkpoint(database, error);
    case STATEMENT_SHOW:
        if (execution->statement->show == SHOW_STATUS)
            return show_status(database, execution, result, error);
        if (execution->statement->show == SHOW_CURSORS)
            return show_cursors(database, execution, result, error);
        if (execution->statement->show == SHOW_SIZE)
            return show_size(database, execution, result, error);
        if (execution->statement->show == SHOW_SLATE)
            return record_show(database, execution, result, error);
        return run_question(database, execution, result, error);
    case STATEMENT_RETRIEVE:
    case STATEMENT_WHY_NOT:
        return run_question(database, execution, result, error);
    case STATEMENT_NEXT_PAGE:
        return next_page(database, execution, result, error);
    case STATEMENT_TAIL: /* see engine/tail.h */
        return error_set(error, CODE_MISUSE, AREA_ENGINE, "TAIL is read row by row");
    case STATEMENT_EXPORT: /* see engine/training.h */
        return error_set(error, CODE_MISUSE, AREA_ENGINE, "EXPORT is read row by row");
    default:
        return run_write(database, execution, result, duplicate, error);
    }
}

enum code execute_check(struct database *database, const struct statement *statement,
                        struct arena *arena, struct error *error)
{
    struct view view;
    enum code code;
    TRY(database_read_begin(database, &view, error));
    code = statement_check(statement, view.schema, arena, error);
    database_read_end(database);
out:
    return code;
}
