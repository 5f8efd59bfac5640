/* Hot writes: the same changes as the statements', without a text to parse. */
#include "api/handle.h"

#include "base/text.h"
#include "engine/execute.h"
#include "query/check.h"

#define WRITE_ARENA_BYTES ((size_t)1 << 30)

static struct slice optional_text(const char *text)
{
    return text ? slice_of(text, strlen(text)) : (struct slice){0};
}

/* --- Batches of events --- */

/* A batch on its way: the events that could be bound, and where they came from. */
struct batch {
    struct change *changes;
    struct write *writes;
    size_t *indexes; /* of each write's event */
    struct write_result *written;
    size_t count;
    tidal_event_result *results; /* one an event */
    size_t first_refused;        /* index of an event; the number of events: none */
};

static enum code name_entity(const char *key, uint64_t id, enum entity_kind kind, const char *what,
                             struct entity_reference *reference, struct error *error)
{
    *reference = (struct entity_reference){.kind = kind, .id = key ? 0 : id};
    if (!key) return CODE_OK;
    reference->key = optional_text(key);
    if (reference->key.bytes > 0 && reference->key.bytes <= LIMIT_KEY_BYTES) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_API, "%s has %zu bytes: it must have 1 to %d", what,
              reference->key.bytes, LIMIT_KEY_BYTES);
    return CODE_INVALID;
}

static enum code check_idempotency_key(const char *key, struct error *error)
{
    size_t bytes = key ? strlen(key) : 1, bad_at;
    if (bytes == 0 || bytes > LIMIT_KEY_BYTES) {
        error_set(error, CODE_INVALID, AREA_API,
                  "idempotency_key has %zu bytes: it must have 1 to %d", bytes, LIMIT_KEY_BYTES);
        error_hint(error, "NULL: none");
        return CODE_INVALID;
    }
    if (key && !utf8_valid(slice_of(key, bytes), &bad_at)) {
        error_set(error, CODE_INVALID, AREA_API, "idempotency_key is not valid UTF-8 at byte %zu",
                  bad_at);
        error_hint(error, "convert it to UTF-8");
        return CODE_INVALID;
    }
    return CODE_OK;
}

static enum code bind_event(const struct schema *schema, const tidal_event *event,
                            struct signal_change *signal, struct error *error)
{
    struct slice name = optional_text(event->signal);
    const struct signal *defined = schema_find_signal(schema, name);
    enum code code = CODE_OK;
    if (!defined) return unknown_signal(schema, name, ERROR_NO_POSITION, error);
    *signal =
        (struct signal_change){.signal = defined->id,
                               .has_user = event->has_user || event->user != 0 || event->user_key,
                               .value = SIGNAL_VALUE_ONE,
                               .has_time = event->has_time || event->time_ms != 0,
                               .time_ms = event->time_ms,
                               .retract = event->retract,
                               .slate = event->slate,
                               .position = event->position};
    TRY(name_entity(event->entity_key, event->entity, defined->kind, "entity_key", &signal->entity,
                    error));
    if (signal->has_user)
        TRY(name_entity(event->user_key, event->user, ENTITY_USER, "user_key", &signal->user,
                        error));
    TRY(check_idempotency_key(event->idempotency_key, error));
    if (event->has_value || event->value != 0)
        TRY(bind_signal_value(event->value, &signal->value, error));
out:
    return code;
}

static enum code batch_create(struct batch *batch, struct arena *arena, size_t count,
                              struct error *error)
{
    batch->changes = arena_array(arena, count, sizeof *batch->changes);
    batch->writes = arena_array(arena, count, sizeof *batch->writes);
    batch->indexes = arena_array(arena, count, sizeof *batch->indexes);
    batch->written = arena_array(arena, count, sizeof *batch->written);
    if (!batch->results) batch->results = arena_array(arena, count, sizeof *batch->results);
    batch->first_refused = count;
    if (batch->changes && batch->writes && batch->indexes && batch->written && batch->results)
        return CODE_OK;
    return error_no_memory(error, AREA_API, count * sizeof *batch->changes);
}

static enum code bind_batch(struct database *database, const tidal_event *events, size_t count,
                            struct batch *batch, struct error *error)
{
    struct view view;
    struct error refusal;
    enum code code;
    TRY(database_read_begin(database, &view, error));
    for (size_t i = 0; i < count; i++) {
        struct change *change = &batch->changes[batch->count];
        change->kind = CHANGE_SIGNAL;
        enum code bound = bind_event(view.schema, &events[i], &change->signal, &refusal);
        batch->results[i] = (tidal_event_result){.code = (tidal_code)bound};
        if (bound == CODE_OK) {
            batch->writes[batch->count] =
                (struct write){change, optional_text(events[i].idempotency_key)};
            batch->indexes[batch->count++] = i;
        } else if (batch->first_refused == count) {
            batch->first_refused = i;
            *error = refusal;
        }
    }
    database_read_end(database);
out:
    return code;
}

/* What became of each event is told whatever became of the batch: a part may be written already. */
static enum code write_batch(struct database *database, struct batch *batch,
                             enum acknowledgement acknowledgement, struct error *error)
{
    struct error fault;
    struct write_batch writes = {batch->writes, batch->count, acknowledgement, batch->written, 0};
    enum code code = database_write(database, &writes, &fault);
    size_t refused = writes.first_refused;
    if (code != CODE_OK) {
        *error = fault;
    } else if (refused < batch->count && batch->indexes[refused] < batch->first_refused) {
        batch->first_refused = batch->indexes[refused];
        *error = fault;
    }
    for (size_t i = 0; i < batch->count; i++) {
        const struct write_result *written = &batch->written[i];
        bool untouched = written->code == CODE_OK && written->lsn == 0;
        batch->results[batch->indexes[i]] = (tidal_event_result){
            .code = (tidal_code)(untouched ? code : written->code), .lsn = written->lsn};
    }
    return code;
}

static enum code signal_batch(struct database *database, const tidal_event *events, size_t count,
                              enum acknowledgement acknowledgement, struct batch *batch,
                              struct error *error)
{
    struct arena arena;
    enum code code;
    if (count > DATABASE_WRITES_MAXIMUM) {
        error_set(error, CODE_LIMIT, AREA_API, "a batch has %zu events, the limit is %d", count,
                  DATABASE_WRITES_MAXIMUM);
        error_hint(error, "send it in parts");
        return CODE_LIMIT;
    }
    arena_init(&arena, database_memory(database), WRITE_ARENA_BYTES);
    TRY(batch_create(batch, &arena, count, error));
    TRY(bind_batch(database, events, count, batch, error));
    if (batch->count > 0) code = write_batch(database, batch, acknowledgement, error);
out:
    arena_release(&arena);
    return code;
}

static enum acknowledgement acknowledgement_of(tidal_ack ack)
{
    return ack == TIDAL_ACCEPTED ? ACKNOWLEDGE_ACCEPTED : ACKNOWLEDGE_DURABLE;
}

tidal_code tidal_signal_batch(tidal_db *db, const tidal_event *events, size_t count, tidal_ack ack,
                              tidal_event_result *results, tidal_error *error)
{
    struct batch batch = {.results = results};
    struct error fault;
    if (count == 0) return TIDAL_OK;
    enum code code =
        signal_batch(db->database, events, count, acknowledgement_of(ack), &batch, &fault);
    if (code != CODE_OK) return give_error(code, &fault, error);
    if (batch.first_refused == count) return TIDAL_OK;
    error_at(&fault, batch.first_refused);
    tidal_code refusal = give_error(fault.code, &fault, error);
    return results ? TIDAL_OK : refusal;
}

/* --- Single writes: statements made by hand --- */

static struct operand operand_text(struct slice text)
{
    return (struct operand){.kind = OPERAND_LITERAL,
                            .value = {.type = VALUE_TEXT, .text = text},
                            .position = ERROR_NO_POSITION};
}

static struct reference reference_to(enum entity_kind kind, uint64_t id, const char *key)
{
    if (key)
        return (struct reference){
            .kind = kind, .by_key = true, .operand = operand_text(optional_text(key))};
    return (struct reference){.kind = kind,
                              .operand = {.kind = OPERAND_LITERAL,
                                          .value = {.type = VALUE_REFERENCE, .reference = id},
                                          .position = ERROR_NO_POSITION}};
}

static tidal_code run_write(tidal_db *db, const struct statement *statement, tidal_ack ack,
                            uint64_t *given, tidal_error *error)
{
    const struct bindings none = {0};
    struct arena arena;
    struct execution execution = {.statement = statement,
                                  .bindings = &none,
                                  .arena = &arena,
                                  .acknowledgement = acknowledgement_of(ack)};
    struct result result;
    struct error fault;
    bool duplicate;
    arena_init(&arena, database_memory(db->database), WRITE_ARENA_BYTES);
    enum code code = execute(db->database, &execution, &result, &duplicate, &fault);
    if (code == CODE_OK && given) *given = result.lsn;
    arena_release(&arena);
    return give_error(code, &fault, error);
}

tidal_code tidal_put(tidal_db *db, const tidal_entity *entity, const char *json, tidal_ack ack,
                     uint64_t *given, tidal_error *error)
{
    if ((int)entity->kind < TIDAL_ITEM || (int)entity->kind > TIDAL_CREATOR)
        return give_misuse(error, "there is no such kind of entity",
                           "it is TIDAL_ITEM, TIDAL_USER or TIDAL_CREATOR");
    struct statement statement = {
        .kind = STATEMENT_PUT,
        .put = {.entity = reference_to((enum entity_kind)entity->kind, entity->id, entity->key),
                .body = operand_text(optional_text(json))}};
    statement.put.body.position = 0; /* errors tell the byte of `json` */
    return run_write(db, &statement, ack, given, error);
}

static enum code find_kinds(struct database *database, const struct name *name,
                            enum entity_kind *from, enum entity_kind *to, struct error *error)
{
    struct view view;
    enum code code;
    TRY(database_read_begin(database, &view, error));
    const struct relation *relation = schema_find_relation(view.schema, name->text);
    if (relation) {
        *from = relation->from;
        *to = relation->to;
    } else {
        code = unknown_relation(view.schema, name, error);
    }
    database_read_end(database);
out:
    return code;
}

tidal_code tidal_relate(tidal_db *db, const tidal_edge *edge, tidal_ack ack, uint64_t *given,
                        tidal_error *error)
{
    struct statement statement = {.kind = STATEMENT_RELATE};
    struct relate_statement *relate = &statement.relate;
    enum entity_kind from_kind = ENTITY_ITEM, to_kind = ENTITY_ITEM;
    struct error fault;
    enum code code;
    relate->relation = (struct name){optional_text(edge->relation), ERROR_NO_POSITION};
    TRY(find_kinds(db->database, &relate->relation, &from_kind, &to_kind, &fault));
    relate->from = reference_to(from_kind, edge->from, edge->from_key);
    relate->to = reference_to(to_kind, edge->to, edge->to_key);
    relate->weight = (struct operand){.kind = OPERAND_LITERAL,
                                      .value = {.type = VALUE_FLOAT, .number = edge->weight},
                                      .position = ERROR_NO_POSITION};
    return run_write(db, &statement, ack, given, error);
out:
    return give_error(code, &fault, error);
}
