#include "query/bind.h"

#include "base/text.h"
#include "query/check.h"
#include "query/json.h"
#include "query/json_fields.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { NAME_BYTES_SHOWN = 64 };

#define SHOWN(slice)                                                                               \
    (int)((slice).bytes < NAME_BYTES_SHOWN ? (slice).bytes : NAME_BYTES_SHOWN),                    \
        (const char *)(slice).data

struct value bindings_get(const struct bindings *bindings, struct slice name)
{
    for (size_t i = 0; i < bindings->count; i++)
        if (slice_equal(bindings->names[i], name)) return bindings->values[i];
    return (struct value){.type = VALUE_MISSING};
}

enum code bind_operand(const struct operand *operand, const struct bindings *bindings,
                       struct value *value, struct error *error)
{
    if (operand->kind != OPERAND_PARAMETER) {
        *value = operand->value;
        return CODE_OK;
    }
    *value = bindings_get(bindings, operand->parameter);
    if (value->type != VALUE_MISSING) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_QUERY, "parameter '$%.*s' has no value",
              SHOWN(operand->parameter));
    error_at(error, operand->position);
    error_hint(error, "bind it before the statement runs (tidal DIR --param NAME=VALUE)");
    return CODE_INVALID;
}

static enum code wrong_type(const struct operand *operand, const char *what, const char *wanted,
                            const struct value *value, struct error *error)
{
    const char *type = value_type_name(value->type);
    error_set(error, CODE_INVALID, AREA_QUERY, "%s must be %s, not %s %s", what, wanted,
              type[0] == 'i' ? "an" : "a", type);
    error_at(error, operand->position);
    error_hint(error, "write or bind %s", wanted);
    return CODE_INVALID;
}

enum code bind_u64(const struct operand *operand, const struct bindings *bindings, const char *what,
                   uint64_t *number, struct error *error)
{
    struct value value;
    enum code code;
    TRY(bind_operand(operand, bindings, &value, error));
    if (value.type == VALUE_REFERENCE) {
        *number = value.reference;
    } else if (value.type == VALUE_INTEGER && value.integer >= 0) {
        *number = (uint64_t)value.integer;
    } else {
        code = wrong_type(operand, what, "a whole number from 0", &value, error);
    }
out:
    return code;
}

enum code bind_time(const struct operand *operand, const struct bindings *bindings,
                    const char *what, int64_t *time_ms, struct error *error)
{
    struct value value;
    enum code code;
    TRY(bind_operand(operand, bindings, &value, error));
    if (value.type == VALUE_INTEGER || value.type == VALUE_TIMESTAMP) {
        *time_ms = value.integer;
    } else if (value.type != VALUE_TEXT || !time_parse(value.text, time_ms)) {
        code = wrong_type(operand, what, "a time", &value, error);
        if (value.type == VALUE_TEXT)
            error_set(error, CODE_INVALID, AREA_QUERY, "%s is '%.*s', which is no time", what,
                      SHOWN(value.text));
        error_at(error, operand->position);
        error_hint(error, "write '2026-11-01T10:00:00Z' or milliseconds since 1970");
    }
out:
    return code;
}

static enum code bind_number(const struct operand *operand, const struct bindings *bindings,
                             const char *what, double *number, struct error *error)
{
    struct value value;
    enum code code;
    TRY(bind_operand(operand, bindings, &value, error));
    if (value.type == VALUE_INTEGER) {
        *number = (double)value.integer;
    } else if (value.type == VALUE_REFERENCE) {
        *number = (double)value.reference;
    } else if (value.type == VALUE_FLOAT) {
        *number = value.number;
    } else {
        code = wrong_type(operand, what, "a number", &value, error);
    }
out:
    return code;
}

static enum code bind_text(const struct operand *operand, const struct bindings *bindings,
                           const char *what, struct slice *text, struct error *error)
{
    struct value value;
    enum code code;
    TRY(bind_operand(operand, bindings, &value, error));
    if (value.type != VALUE_TEXT) return wrong_type(operand, what, "a text", &value, error);
    *text = value.text;
out:
    return code;
}

enum code bind_context(const struct operand *operand, const struct bindings *bindings,
                       const struct context *context, struct value *value, struct error *error)
{
    char what[NAME_BYTES_SHOWN + 16];
    enum code code;
    bool fits = false;
    snprintf(what, sizeof what, "context '%.*s'", SHOWN(context->name));
    if (context->type == FIELD_TIMESTAMP) {
        *value = (struct value){.type = VALUE_TIMESTAMP};
        return bind_time(operand, bindings, what, &value->integer, error);
    }
    TRY(bind_operand(operand, bindings, value, error));
    if (context->type == FIELD_KEYWORD) {
        fits = value->type == VALUE_TEXT;
    } else if (context->type == FIELD_BOOLEAN) {
        fits = value->type == VALUE_BOOLEAN;
    } else {
        fits = value->type == VALUE_INTEGER ||
               (value->type == VALUE_FLOAT && context->type == FIELD_FLOAT);
    }
    static const char *const wanted[] = {[FIELD_KEYWORD] = "a text",
                                         [FIELD_INTEGER] = "a whole number",
                                         [FIELD_FLOAT] = "a number",
                                         [FIELD_BOOLEAN] = "true or false"};
    if (!fits) code = wrong_type(operand, what, wanted[context->type], value, error);
out:
    return code;
}

static enum code check_key(struct slice key, uint64_t position, struct error *error)
{
    if (key.bytes > 0 && key.bytes <= LIMIT_KEY_BYTES) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_QUERY, "a key of %zu bytes: it must have 1 to %d",
              key.bytes, LIMIT_KEY_BYTES);
    error_at(error, position);
    error_hint(error, "use a name of the application's, such as a UUID or a slug");
    return CODE_INVALID;
}

enum code bind_reference(const struct reference *reference, const struct bindings *bindings,
                         struct entity_reference *entity, struct error *error)
{
    enum code code;
    *entity = (struct entity_reference){.kind = reference->kind};
    if (reference->by_key) {
        TRY(bind_text(&reference->operand, bindings, "the key", &entity->key, error));
        code = check_key(entity->key, reference->operand.position, error);
    } else {
        code = bind_u64(&reference->operand, bindings, "the id", &entity->id, error);
    }
out:
    return code;
}

/* Errors inside a JSON body point into the statement: at the byte of a literal, or at the
 * parameter, and then the message says at which byte of its value. */
static void place_in_statement(const struct operand *body, struct error *error)
{
    if (error->position == ERROR_NO_POSITION) return;
    if (body->kind == OPERAND_LITERAL) {
        error->position += body->position;
        return;
    }
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used,
             ", at byte %" PRIu64 " of '$%.*s'", error->position, SHOWN(body->parameter));
    error->position = body->position;
}

/* A null in a PUT is a field left out; in a PATCH it takes the field away. */
static void drop_missing(struct put_change *put, struct field_value *fields,
                         struct embedding_value *embeddings)
{
    size_t kept = 0;
    for (size_t i = 0; i < put->field_count; i++)
        if (put->fields[i].value.type != VALUE_MISSING) fields[kept++] = put->fields[i];
    put->fields = fields;
    put->field_count = kept;
    kept = 0;
    for (size_t i = 0; i < put->embedding_count; i++)
        if (put->embeddings[i].value.type != VALUE_MISSING) embeddings[kept++] = put->embeddings[i];
    put->embeddings = embeddings;
    put->embedding_count = kept;
}

static enum code bind_body(const struct put_statement *statement, const struct bindings *bindings,
                           const struct schema *schema, struct arena *arena, struct put_change *put,
                           struct error *error)
{
    struct slice text = {0};
    struct json object;
    enum code code;
    TRY(bind_text(&statement->body, bindings, "the object", &text, error));
    code = json_parse(text, arena, &object, error);
    if (code == CODE_OK) code = json_to_fields(&object, schema, arena, put, error);
    if (code != CODE_OK) place_in_statement(&statement->body, error);
out:
    return code;
}

static enum code bind_put(const struct statement *statement, const struct bindings *bindings,
                          const struct schema *schema, struct arena *arena, struct change *change,
                          struct error *error)
{
    const struct put_statement *from = &statement->put;
    struct put_change *put = &change->put;
    enum code code;
    change->kind = statement->kind == STATEMENT_PUT ? CHANGE_PUT : CHANGE_PATCH;
    TRY(bind_reference(&from->entity, bindings, &put->entity, error));
    if (from->key.kind != OPERAND_NONE) {
        TRY(bind_text(&from->key, bindings, "the key", &put->key, error));
        TRY(check_key(put->key, from->key.position, error));
    }
    TRY(bind_body(from, bindings, schema, arena, put, error));
    if (change->kind == CHANGE_PATCH) goto out;
    struct field_value *fields = arena_array(arena, put->field_count + 1, sizeof *fields);
    struct embedding_value *embeddings =
        arena_array(arena, put->embedding_count + 1, sizeof *embeddings);
    if (!fields || !embeddings) return error_no_memory(error, AREA_QUERY, 0);
    drop_missing(put, fields, embeddings);
out:
    return code;
}

enum code bind_signal_value(double number, int64_t *value, struct error *error)
{
    double scaled = number * (double)SIGNAL_VALUE_ONE;
    /* What rounds up to the maximum is too large as well. */
    if (!(fabs(scaled) < (double)SIGNAL_VALUE_MAXIMUM - 0.5)) {
        error_set(error, CODE_INVALID, AREA_QUERY, "the value %g is out of range", number);
        error_hint(error, "a signal's value lies between -2^31 and 2^31");
        return CODE_INVALID;
    }
    *value = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    return CODE_OK;
}

static enum code bind_value(const struct signal_statement *from, const struct bindings *bindings,
                            struct signal_change *signal, struct error *error)
{
    double number = 0;
    enum code code;
    signal->value = SIGNAL_VALUE_ONE;
    if (from->value.kind == OPERAND_NONE) return CODE_OK;
    TRY(bind_number(&from->value, bindings, "the value", &number, error));
    code = bind_signal_value(number, &signal->value, error);
    if (code != CODE_OK) error_at(error, from->value.position);
out:
    return code;
}

/* A number from 1; 0 where it is left out. */
static enum code bind_from_one(const struct operand *operand, const struct bindings *bindings,
                               const char *what, uint64_t most, uint64_t *number,
                               struct error *error)
{
    enum code code = CODE_OK;
    *number = 0;
    if (operand->kind == OPERAND_NONE) return CODE_OK;
    TRY(bind_u64(operand, bindings, what, number, error));
    if (*number >= 1 && *number <= most) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_QUERY, "%s cannot be %" PRIu64, what, *number);
    error_at(error, operand->position);
    error_hint(error, "use a number from 1 to %" PRIu64, most);
    code = CODE_INVALID;
out:
    return code;
}

static enum code bind_citation(const struct signal_statement *from, const struct bindings *bindings,
                               struct signal_change *signal, struct error *error)
{
    uint64_t position;
    enum code code;
    TRY(bind_from_one(&from->slate, bindings, "SLATE", UINT64_MAX, &signal->slate, error));
    TRY(bind_from_one(&from->position, bindings, "POSITION", SIGNAL_POSITION_MAXIMUM, &position,
                      error));
    signal->position = (uint32_t)position;
out:
    return code;
}

static enum code bind_signal(const struct statement *statement, const struct bindings *bindings,
                             const struct schema *schema, struct change *change,
                             struct error *error)
{
    const struct signal_statement *from = &statement->signal;
    struct signal_change *signal = &change->signal;
    const struct signal *defined = schema_find_signal(schema, from->signal.text);
    enum code code;
    change->kind = CHANGE_SIGNAL;
    if (!defined) return unknown_signal(schema, from->signal.text, from->signal.position, error);
    signal->signal = defined->id;
    signal->retract = from->retract;
    TRY(bind_reference(&from->entity, bindings, &signal->entity, error));
    signal->has_user = from->has_user;
    if (from->has_user) TRY(bind_reference(&from->user, bindings, &signal->user, error));
    TRY(bind_value(from, bindings, signal, error));
    signal->has_time = from->time.kind != OPERAND_NONE;
    if (signal->has_time)
        TRY(bind_time(&from->time, bindings, "the time", &signal->time_ms, error));
    code = bind_citation(from, bindings, signal, error);
out:
    return code;
}

static enum code refuse_weight(const struct relate_statement *from, double weight,
                               struct error *error)
{
    error_set(error, CODE_INVALID, AREA_QUERY, "the weight %g is out of range", weight);
    error_at(error, from->weight.position);
    error_hint(error, "a weight is a float of 32 bits: below 3.4e38 in magnitude");
    return CODE_INVALID;
}

static enum code bind_relate(const struct statement *statement, const struct bindings *bindings,
                             const struct schema *schema, struct change *change,
                             struct error *error)
{
    const struct relate_statement *from = &statement->relate;
    struct relate_change *relate = &change->relate;
    const struct relation *relation = schema_find_relation(schema, from->relation.text);
    double weight = 1;
    enum code code;
    change->kind = statement->kind == STATEMENT_RELATE ? CHANGE_RELATE : CHANGE_UNRELATE;
    if (!relation) return unknown_relation(schema, &from->relation, error);
    relate->relation = relation->id;
    TRY(bind_reference(&from->from, bindings, &relate->from, error));
    TRY(bind_reference(&from->to, bindings, &relate->to, error));
    if (from->weight.kind != OPERAND_NONE)
        TRY(bind_number(&from->weight, bindings, "the weight", &weight, error));
    if (!(fabs(weight) <= (double)FLT_MAX)) return refuse_weight(from, weight, error);
    relate->weight = (float)weight;
    relate->has_time = from->time.kind != OPERAND_NONE;
    if (relate->has_time)
        TRY(bind_time(&from->time, bindings, "the time", &relate->time_ms, error));
out:
    return code;
}

static enum code bind_transaction(const struct statement *statement,
                                  const struct bindings *bindings, const struct schema *schema,
                                  struct arena *arena, struct change *change, struct error *error)
{
    size_t count = statement->transaction.count;
    struct change *changes = arena_array(arena, count, sizeof *changes);
    enum code code = CODE_OK;
    if (!changes) return error_no_memory(error, AREA_QUERY, count * sizeof *changes);
    for (size_t i = 0; i < count; i++) {
        struct bound_write part;
        TRY(bind_write(&statement->transaction.statements[i], bindings, schema, arena, &part,
                       error));
        changes[i] = part.change;
    }
    change->kind = CHANGE_TRANSACTION;
    change->transaction.changes = changes;
    change->transaction.count = count;
out:
    return code;
}

static enum code bind_cursor(const struct statement *statement, const struct bindings *bindings,
                             struct change *change, struct error *error)
{
    const struct cursor_statement *from = &statement->cursor;
    struct cursor_change *cursor = &change->cursor;
    enum code code = CODE_OK;
    change->kind = CHANGE_CURSOR;
    cursor->action = from->action;
    cursor->name = from->name.text;
    if (from->lsn.kind == OPERAND_NONE) return CODE_OK;
    TRY(bind_u64(&from->lsn, bindings, "the LSN", &cursor->position, error));
    /* FROM is the first to read, a position the last one read. */
    if (from->action == CURSOR_DEFINE && cursor->position > 0) cursor->position--;
out:
    return code;
}

uint64_t write_position(const struct statement *statement, enum code code)
{
    bool missing = code == CODE_NOT_FOUND;
    switch (statement->kind) {
    case STATEMENT_PUT:
    case STATEMENT_PATCH:
        return statement->put.entity.operand.position;
    case STATEMENT_DELETE:
    case STATEMENT_FORGET:
        return statement->delete.operand.position;
    case STATEMENT_SIGNAL:
        return missing ? statement->signal.entity.operand.position
                       : statement->signal.signal.position;
    case STATEMENT_RELATE:
    case STATEMENT_UNRELATE:
        return statement->relate.relation.position;
    case STATEMENT_CURSOR:
        return statement->cursor.name.position;
    default:
        return ERROR_NO_POSITION;
    }
}

enum code bind_write(const struct statement *statement, const struct bindings *bindings,
                     const struct schema *schema, struct arena *arena, struct bound_write *write,
                     struct error *error)
{
    struct change *change = &write->change;
    *write = (struct bound_write){0};
    switch (statement->kind) {
    case STATEMENT_PUT:
    case STATEMENT_PATCH:
        return bind_put(statement, bindings, schema, arena, change, error);
    case STATEMENT_DELETE:
    case STATEMENT_FORGET:
        change->kind = statement->kind == STATEMENT_DELETE ? CHANGE_DELETE : CHANGE_FORGET;
        return bind_reference(&statement->delete, bindings, &change->delete, error);
    case STATEMENT_SIGNAL:
        if (statement->signal.idempotency_key.kind != OPERAND_NONE) {
            enum code code = bind_text(&statement->signal.idempotency_key, bindings,
                                       "the idempotency key", &write->idempotency_key, error);
            if (code == CODE_OK)
                code = check_key(write->idempotency_key, statement->signal.idempotency_key.position,
                                 error);
            if (code != CODE_OK) return code;
        }
        return bind_signal(statement, bindings, schema, change, error);
    case STATEMENT_RELATE:
    case STATEMENT_UNRELATE:
        return bind_relate(statement, bindings, schema, change, error);
    case STATEMENT_TRANSACTION:
        return bind_transaction(statement, bindings, schema, arena, change, error);
    case STATEMENT_CURSOR:
        return bind_cursor(statement, bindings, change, error);
    default:
        return error_set(error, CODE_MISUSE, AREA_QUERY, "the statement is not a write");
    }
}
