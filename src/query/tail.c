#include "query/tail.h"

#include "query/change_json.h"

/* Of a list bound as one parameter, its values stand here one by one. */
struct tail_wanted {
    enum tail_column column;
    bool negated;
    const struct value *values; /* TEXT or REFERENCE */
    size_t value_count;
};

static const char *const names[TAIL_COLUMN_COUNT] = {[TAIL_LSN] = "lsn",
                                                     [TAIL_TIME] = "time",
                                                     [TAIL_KIND] = "kind",
                                                     [TAIL_TARGET] = "target",
                                                     [TAIL_ID] = "id",
                                                     [TAIL_KEY] = "key",
                                                     [TAIL_NAME] = "name",
                                                     [TAIL_USER] = "user",
                                                     [TAIL_USER_KEY] = "user_key",
                                                     [TAIL_VALUE] = "value",
                                                     [TAIL_EVENT_TIME] = "event_time",
                                                     [TAIL_CHANGE] = "change"};

const char *tail_column_name(enum tail_column column)
{
    return names[column];
}

/* --- Binding --- */

static bool is_id(enum tail_column column)
{
    return column == TAIL_ID || column == TAIL_USER;
}

static enum code wrong_value(const struct tail_condition *condition, const char *wanted,
                             struct error *error)
{
    error_set(error, CODE_INVALID, AREA_QUERY, "'%s' is compared with %s", names[condition->column],
              wanted);
    error_at(error, condition->position);
    error_hint(error, "write %s = %s", names[condition->column],
               is_id(condition->column) ? "42" : "'signal', say");
    return CODE_INVALID;
}

/* A kind that is misspelt would never come. */
static enum code check_word(const struct tail_condition *condition, struct slice text,
                            struct error *error)
{
    static const char *const kinds[] = {"define", "put",     "patch",  "delete",
                                        "signal", "retract", "relate", "unrelate",
                                        "forget", "slate",   "drop",   "rename"};
    bool known = false;
    if (condition->column == TAIL_KIND) {
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            known |= slice_equal(text, slice_of(kinds[i], strlen(kinds[i])));
    } else if (condition->column == TAIL_TARGET) {
        for (int i = 0; i < ENTITY_KIND_COUNT; i++) {
            const char *kind = entity_kind_name((enum entity_kind)i);
            known |= slice_equal(text, slice_of(kind, strlen(kind)));
        }
    } else {
        return CODE_OK;
    }
    if (known) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_QUERY, "there is no %s '%.*s'", names[condition->column],
              text_cut(text, 64), (const char *)text.data);
    error_at(error, condition->position);
    error_hint(error,
               condition->column == TAIL_KIND
                   ? "kinds are define, drop, rename, put, patch, delete, forget, signal, retract, "
                     "relate, unrelate, slate"
                   : "targets are item, user, creator");
    return CODE_INVALID;
}

/* How many values an operand stands for. */
static size_t value_count(const struct value *value)
{
    if (value->type == VALUE_TEXT_LIST) return value->list.count;
    if (value->type == VALUE_ID_LIST) return value->ids.count;
    return 1;
}

static enum code bind_value(const struct tail_condition *condition, const struct value *value,
                            size_t index, struct value *out, struct error *error)
{
    if (is_id(condition->column)) {
        out->type = VALUE_REFERENCE;
        if (value->type == VALUE_ID_LIST) {
            out->reference = value->ids.ids[index];
        } else if (value->type == VALUE_REFERENCE) {
            out->reference = value->reference;
        } else if (value->type == VALUE_INTEGER && value->integer >= 0) {
            out->reference = (entity_id)value->integer;
        } else {
            return wrong_value(condition, "an id", error);
        }
        return CODE_OK;
    }
    out->type = VALUE_TEXT;
    if (value->type == VALUE_TEXT_LIST) {
        out->text = value->list.texts[index];
    } else if (value->type == VALUE_TEXT) {
        out->text = value->text;
    } else {
        return wrong_value(condition, "a text", error);
    }
    return check_word(condition, out->text, error);
}

static enum code bind_condition(const struct tail_condition *condition,
                                const struct bindings *bindings, struct arena *arena,
                                struct tail_wanted *wanted, struct error *error)
{
    struct value *values = NULL, value;
    size_t count = 0;
    enum code code = CODE_OK;
    for (size_t i = 0; i < condition->value_count; i++) {
        TRY(bind_operand(&condition->values[i], bindings, &value, error));
        count += value_count(&value);
    }
    values = arena_array(arena, count + 1, sizeof *values);
    if (!values) return error_no_memory(error, AREA_QUERY, count * sizeof *values);
    *wanted = (struct tail_wanted){condition->column, condition->negated, values, count};
    for (size_t i = 0; i < condition->value_count; i++) {
        TRY(bind_operand(&condition->values[i], bindings, &value, error));
        for (size_t j = 0; j < value_count(&value); j++)
            TRY(bind_value(condition, &value, j, values++, error));
    }
out:
    return code;
}

static enum code bind_wait(const struct operand *operand, const struct bindings *bindings,
                           int64_t *wait_ms, struct error *error)
{
    struct value value;
    enum code code;
    TRY(bind_operand(operand, bindings, &value, error));
    bool is_duration = value.type == VALUE_DURATION || value.type == VALUE_INTEGER;
    if (is_duration && value.integer >= 0 && value.integer <= TAIL_WAIT_MAXIMUM_MS) {
        *wait_ms = value.integer;
        return CODE_OK;
    }
    error_set(error, CODE_INVALID, AREA_QUERY, "WAIT takes a duration of up to 24h");
    error_at(error, operand->position);
    error_hint(error, "write WAIT 500ms, or bind milliseconds");
    code = CODE_INVALID;
out:
    return code;
}

enum code tail_bind(const struct tail_statement *tail, const struct bindings *bindings,
                    struct arena *arena, struct tail_request *request, struct error *error)
{
    struct tail_wanted *wanted = arena_array(arena, tail->condition_count + 1, sizeof *wanted);
    enum code code = CODE_OK;
    if (!wanted) return error_no_memory(error, AREA_QUERY, sizeof *wanted);
    *request = (struct tail_request){.limit = UINT64_MAX,
                                     .waits = tail->wait.kind != OPERAND_NONE,
                                     .wanted = wanted,
                                     .wanted_count = tail->condition_count};
    if (tail->cursor.text.bytes == 0)
        TRY(bind_u64(&tail->from, bindings, "the LSN", &request->from, error));
    if (request->from == 0) request->from = 1;
    if (tail->limit.kind != OPERAND_NONE)
        TRY(bind_u64(&tail->limit, bindings, "LIMIT", &request->limit, error));
    if (request->waits) TRY(bind_wait(&tail->wait, bindings, &request->wait_ms, error));
    for (size_t i = 0; i < tail->condition_count; i++)
        TRY(bind_condition(&tail->conditions[i], bindings, arena, &wanted[i], error));
out:
    return code;
}

/* --- Rows --- */

bool tail_result_init(struct result *result, struct arena *arena)
{
    return result_init(result, arena, names, TAIL_COLUMN_COUNT);
}

/* What a change says in each column, before it is known whether the row is wanted. */
struct facts {
    const struct entity_reference *target, *user;
    struct slice name;      /* empty: none */
    struct slice given_key; /* that a PUT gives to an entity named by its id */
    bool has_value;
    double value;
    bool has_time;
    int64_t time_ms;
};

static void relate_facts(const struct relate_change *relate, bool weighs,
                         const struct schema *schema, struct facts *facts)
{
    facts->target = &relate->to;
    if (relate->from.kind == ENTITY_USER) facts->user = &relate->from;
    if (relate->relation < schema->relation_count)
        facts->name = schema->relations[relate->relation].name;
    facts->has_value = weighs;
    facts->value = (double)relate->weight;
    facts->has_time = relate->has_time;
    facts->time_ms = relate->time_ms;
}

static struct facts facts_of(const struct change *change, const struct schema *schema)
{
    struct facts facts = {0};
    const struct signal_change *signal = &change->signal;
    switch (change->kind) {
    case CHANGE_PUT:
    case CHANGE_PATCH:
        facts.target = &change->put.entity;
        facts.given_key = change->put.key;
        break;
    case CHANGE_DELETE:
        facts.target = &change->delete;
        break;
    case CHANGE_FORGET:
        facts.target = &change->delete;
        facts.user = &change->delete;
        break;
    case CHANGE_SIGNAL:
        facts = (struct facts){.target = &signal->entity,
                               .user = signal->has_user ? &signal->user : NULL,
                               .has_value = true,
                               .value = (double)signal->value / (double)SIGNAL_VALUE_ONE,
                               .has_time = signal->has_time,
                               .time_ms = signal->time_ms};
        if (signal->signal < schema->signal_count)
            facts.name = schema->signals[signal->signal].name;
        break;
    case CHANGE_RELATE:
    case CHANGE_UNRELATE:
        relate_facts(&change->relate, change->kind == CHANGE_RELATE, schema, &facts);
        break;
    case CHANGE_SLATE:
        facts = (struct facts){.user = change->slate->has_user ? &change->slate->user : NULL,
                               .name = change->slate->profile};
        break;
    case CHANGE_DEFINE:
    case CHANGE_DROP:
    case CHANGE_RENAME:
    case CHANGE_TRANSACTION:
    case CHANGE_CURSOR:
    case CHANGE_BACKFILL:
        break;
    }
    return facts;
}

/* The text or id that stands in the column; MISSING: nothing. */
static struct value fact(const struct facts *facts, const char *word, enum tail_column column)
{
    struct value value = {.type = VALUE_MISSING};
    bool of_user = column == TAIL_USER || column == TAIL_USER_KEY;
    const struct entity_reference *entity = of_user ? facts->user : facts->target;
    struct slice text = {0};
    if (column == TAIL_KIND) {
        text = slice_of(word, strlen(word));
    } else if (column == TAIL_NAME) {
        text = facts->name;
    } else if (!entity) {
        return value;
    } else if (column == TAIL_TARGET) {
        text = slice_of(entity_kind_name(entity->kind), strlen(entity_kind_name(entity->kind)));
    } else if (!is_id(column)) {
        text = entity->key;
        if (text.bytes == 0 && !of_user) text = facts->given_key;
    } else if (entity->key.bytes == 0) {
        return (struct value){.type = VALUE_REFERENCE, .reference = entity->id};
    }
    return text.bytes > 0 ? (struct value){.type = VALUE_TEXT, .text = text} : value;
}

/* A comparison with what is not there is false, and so is its negation. */
static bool is_wanted(const struct tail_request *request, const struct facts *facts,
                      const char *word)
{
    for (size_t i = 0; i < request->wanted_count; i++) {
        const struct tail_wanted *wanted = &request->wanted[i];
        struct value value = fact(facts, word, wanted->column);
        bool found = false;
        if (value.type == VALUE_MISSING) return false;
        for (size_t j = 0; j < wanted->value_count && !found; j++)
            found = value_equal(&value, &wanted->values[j]);
        if (found == wanted->negated) return false;
    }
    return true;
}

static bool set_json(struct result *result, struct cell *cell, const struct change *change,
                     const struct schema *schema)
{
    struct buffer json;
    buffer_init(&json, result->arena->memory, SIZE_MAX / 2);
    change_to_json(change, schema, &json);
    bool ok = !json.failed && cell_set_text(result, cell, buffer_slice(&json));
    buffer_release(&json);
    return ok;
}

static void set_time(struct cell *cell, int64_t time_ms)
{
    cell->type = CELL_TIMESTAMP;
    cell->integer = time_ms;
}

static bool add_row(const struct tail_request *request, const struct schema *schema, lsn at,
                    int64_t time_ms, const struct change *change, struct result *result)
{
    struct facts facts = facts_of(change, schema);
    const char *word = change_word(change);
    if (!is_wanted(request, &facts, word)) return true;
    struct cell *row = result_row(result);
    if (!row) return false;
    cell_set_id(&row[TAIL_LSN], at);
    set_time(&row[TAIL_TIME], time_ms);
    for (int i = TAIL_KIND; i <= TAIL_USER_KEY; i++) {
        struct value value = fact(&facts, word, (enum tail_column)i);
        if (!cell_set_value(result, &row[i], &value)) return false;
    }
    if (facts.has_value) cell_set_double(&row[TAIL_VALUE], facts.value);
    if (facts.has_value || change->kind == CHANGE_UNRELATE)
        set_time(&row[TAIL_EVENT_TIME], facts.has_time ? facts.time_ms : time_ms);
    return set_json(result, &row[TAIL_CHANGE], change, schema);
}

bool tail_add(const struct tail_request *request, const struct schema *schema, lsn at,
              int64_t time_ms, const struct change *change, struct result *result)
{
    if (change->kind == CHANGE_CURSOR || change->kind == CHANGE_BACKFILL) return true;
    if (change->kind != CHANGE_TRANSACTION)
        return add_row(request, schema, at, time_ms, change, result);
    for (size_t i = 0; i < change->transaction.count; i++) {
        if (!add_row(request, schema, at, time_ms, &change->transaction.changes[i], result))
            return false;
    }
    return true;
}
