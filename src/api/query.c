/* Statements: prepared once, run as often as wanted. */
#include "api/handle.h"

#include "engine/execute.h"
#include "engine/tail.h"
#include "engine/training.h"
#include "query/tail.h"
#include "query/training.h"

#define STATEMENT_ARENA_BYTES ((size_t)64 << 20)
#define RUN_ARENA_BYTES       ((size_t)4 << 30)

static void query_free(tidal_query *query)
{
    struct memory *memory = database_memory(query->db->database);
    tail_close(query->tail);
    training_reader_close(query->training);
    for (size_t i = 0; query->bound && i < query->statement.parameter_count; i++)
        memory_free(memory, query->bound[i].block, query->bound[i].block_bytes);
    arena_release(&query->run);
    arena_release(&query->arena);
    atomic_fetch_sub(&query->db->query_count, 1);
    memory_free(memory, query, sizeof *query);
}

static enum code query_create(tidal_db *db, tidal_query **query, struct error *error)
{
    struct memory *memory = database_memory(db->database);
    tidal_query *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) {
        error_no_memory(error, AREA_API, sizeof *created);
        return CODE_NO_MEMORY;
    }
    created->db = db;
    arena_init(&created->arena, memory, STATEMENT_ARENA_BYTES);
    arena_init(&created->run, memory, RUN_ARENA_BYTES);
    atomic_fetch_add(&db->query_count, 1);
    *query = created;
    return CODE_OK;
}

static enum code compile(tidal_query *query, struct slice text, struct error *error)
{
    enum code code;
    if (text.bytes > STATEMENT_BYTES_MAXIMUM) /* judged before it is copied */
        return statement_parse(text, &query->arena, &query->statement, error);
    const char *copy = arena_copy(&query->arena, text.data, text.bytes);
    if (!copy) return error_no_memory(error, AREA_API, text.bytes);
    TRY(statement_parse(slice_of(copy, text.bytes), &query->arena, &query->statement, error));
    size_t count = query->statement.parameter_count;
    query->bound = arena_array(&query->arena, count + 1, sizeof *query->bound);
    if (!query->bound) return error_no_memory(error, AREA_API, count * sizeof *query->bound);
    code = execute_check(query->db->database, &query->statement, &query->run, error);
    arena_reset(&query->run);
out:
    return code;
}

tidal_code tidal_prepare(tidal_db *db, const char *text, int64_t bytes, tidal_query **query,
                         tidal_error *error)
{
    struct error fault;
    tidal_query *made = NULL;
    enum code code;
    if (!query) return give_misuse(error, "query is NULL", "pass the address of a tidal_query *");
    *query = NULL;
    if (!text) return give_misuse(error, "the statement is NULL", "pass its text");
    TRY(query_create(db, &made, &fault));
    TRY(compile(made, text_slice(text, bytes), &fault));
    *query = made;
    made = NULL;
out:
    if (made) query_free(made);
    return give_error(code, &fault, error);
}

void tidal_query_free(tidal_query *query)
{
    if (query) query_free(query);
}

static enum code gather_bindings(tidal_query *query, struct error *error)
{
    const struct statement *statement = &query->statement;
    size_t count = statement->parameter_count;
    query->values = arena_array(&query->run, count + 1, sizeof *query->values);
    if (!query->values) return error_no_memory(error, AREA_API, count * sizeof *query->values);
    for (size_t i = 0; i < count; i++)
        query->values[i] = query->bound[i].value;
    query->bindings =
        (struct bindings){.names = statement->parameters, .values = query->values, .count = count};
    return CODE_OK;
}

static enum code run(tidal_query *query, struct error *error)
{
    const struct execution execution = {.statement = &query->statement,
                                        .bindings = &query->bindings,
                                        .arena = &query->run,
                                        .acknowledgement = query->db->acknowledgement,
                                        .cancelled = &query->cancelled};
    enum code code;
    TRY(gather_bindings(query, error));
    if (query->statement.kind == STATEMENT_TAIL) {
        TRY(tail_open(query->db->database, &execution, &query->tail, error));
        return tail_next(query->tail, &query->result, error);
    }
    if (query->statement.kind == STATEMENT_EXPORT) {
        TRY(training_reader_open(query->db->database, &execution, &query->training, error));
        return training_reader_next(query->training, &query->result, error);
    }
    code = execute(query->db->database, &execution, &query->result, &query->duplicate, error);
out:
    return code;
}

static enum code check_cancelled(tidal_query *query, struct error *error)
{
    if (!atomic_load(&query->cancelled)) return CODE_OK;
    return error_set(error, CODE_CANCELLED, AREA_API, "the statement was cancelled");
}

/* Lets go of the log, as tail_end. */
static void training_end(tidal_query *query)
{
    if (!query->training) return;
    lsn read = query->result.lsn;
    if (!training_result_init(&query->result, &query->run)) query->result = (struct result){0};
    query->result.lsn = read;
    training_reader_close(query->training);
    query->training = NULL;
}

/* Lets go of the log; the LSN that was read up to, and the columns, are still told. */
static void tail_end(tidal_query *query)
{
    if (!query->tail) return;
    lsn read = query->result.lsn;
    if (!tail_result_init(&query->result, &query->run)) query->result = (struct result){0};
    query->result.lsn = read;
    tail_close(query->tail);
    query->tail = NULL;
}

static tidal_code step(tidal_query *query, tidal_error *error)
{
    struct error fault;
    enum code code;
    if (query->state == QUERY_ENDED)
        return give_misuse(error, "the query has ended", "tidal_reset it to run it again");
    TRY(check_cancelled(query, &fault));
    if (query->state == QUERY_READY) {
        TRY(run(query, &fault));
        query->row = 0;
    } else if (++query->row == query->result.row_count && query->tail) {
        TRY(tail_next(query->tail, &query->result, &fault));
        query->row = 0;
    } else if (query->row == query->result.row_count && query->training) {
        TRY(training_reader_next(query->training, &query->result, &fault));
        query->row = 0;
    }
    bool has_row = query->row < query->result.row_count;
    query->state = has_row ? QUERY_ROWS : QUERY_ENDED;
    if (!has_row) tail_end(query);
    if (!has_row) training_end(query);
    return has_row ? TIDAL_ROW : TIDAL_DONE;
out:
    query->state = QUERY_ENDED;
    tail_end(query);
    training_end(query);
    if (code == CODE_CANCELLED) atomic_store(&query->cancelled, false);
    return give_error(code, &fault, error);
}

tidal_code tidal_step(tidal_query *query, tidal_error *error)
{
    if (!query) return give_misuse(error, "the query is NULL", "see what tidal_prepare returned");
    return step(query, error);
}

void tidal_reset(tidal_query *query)
{
    query->state = QUERY_READY;
    tail_close(query->tail);
    query->tail = NULL;
    training_reader_close(query->training);
    query->training = NULL;
    query->result = (struct result){0};
    query->duplicate = false;
    arena_reset(&query->run);
}

void tidal_cancel(tidal_query *query)
{
    atomic_store(&query->cancelled, true);
}

tidal_code tidal_execute(tidal_db *db, const char *text, uint64_t *given, tidal_error *error)
{
    tidal_query *query;
    tidal_code code = tidal_prepare(db, text, -1, &query, error);
    if (!query) return code;
    do {
        code = step(query, error);
    } while (code == TIDAL_ROW);
    if (code == TIDAL_DONE) {
        if (given) *given = query->result.lsn;
        code = TIDAL_OK;
    }
    query_free(query);
    return code;
}

size_t tidal_statement_bytes(const char *script, size_t bytes, bool *blank)
{
    bool nothing;
    return statement_bytes(slice_of(script, bytes), blank ? blank : &nothing);
}
