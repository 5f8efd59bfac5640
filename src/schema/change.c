#include "schema/change.h"

#include "base/text.h"
#include "schema/names.h"

#include <assert.h>
#include <math.h>

/* Years 0001 to 9999, so that every time can be printed and differences cannot overflow. */
static const int64_t time_minimum_ms = INT64_C(-62135596800000);
static const int64_t time_maximum_ms = INT64_C(253402300799999);

const char *change_kind_name(enum change_kind kind)
{
    switch (kind) {
    case CHANGE_DEFINE:
        return "define";
    case CHANGE_PUT:
        return "put";
    case CHANGE_PATCH:
        return "patch";
    case CHANGE_DELETE:
        return "delete";
    case CHANGE_SIGNAL:
        return "signal";
    case CHANGE_RELATE:
        return "relate";
    case CHANGE_UNRELATE:
        return "unrelate";
    case CHANGE_TRANSACTION:
        return "transaction";
    case CHANGE_FORGET:
        return "forget";
    case CHANGE_CURSOR:
        return "cursor";
    case CHANGE_SLATE:
        return "slate";
    case CHANGE_BACKFILL:
        return "backfill";
    case CHANGE_DROP:
        return "drop";
    case CHANGE_RENAME:
        return "rename";
    }
    return "unknown";
}

bool change_alters_schema(enum change_kind kind)
{
    return kind == CHANGE_DEFINE || kind == CHANGE_DROP || kind == CHANGE_RENAME;
}

static enum code invalid(struct error *error, const char *hint)
{
    error->code = CODE_INVALID;
    if (hint) error_hint(error, "%s", hint);
    return CODE_INVALID;
}

static enum code check_time(int64_t time_ms, const char *what, struct error *error)
{
    if (time_ms >= time_minimum_ms && time_ms <= time_maximum_ms) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_SCHEMA, "%s is outside the years 0001 to 9999", what);
    return invalid(error, "times are milliseconds since 1970, or RFC 3339");
}

static enum code check_text(struct slice text, size_t limit, const char *what, struct slice name,
                            struct error *error)
{
    size_t bad_at;
    if (text.bytes > limit) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "%s '%.*s' has %zu bytes", what,
                  NAME_ARGUMENTS(name), text.bytes);
        error_hint(error, "use at most %zu", limit);
        return CODE_INVALID;
    }
    if (!utf8_valid(text, &bad_at)) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "%s '%.*s' is not UTF-8 at byte %zu", what,
                  NAME_ARGUMENTS(name), bad_at);
        return invalid(error, "convert the text to UTF-8");
    }
    return CODE_OK;
}

static enum code check_key(struct slice key, struct error *error)
{
    size_t bad_at;
    if (key.bytes > LIMIT_KEY_BYTES) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "key '%.*s...' has %zu bytes",
                  NAME_ARGUMENTS(key), key.bytes);
        error_hint(error, "use at most %d", LIMIT_KEY_BYTES);
        return CODE_INVALID;
    }
    if (!utf8_valid(key, &bad_at)) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "a key is not UTF-8 at byte %zu", bad_at);
        return invalid(error, "convert the key to UTF-8");
    }
    return CODE_OK;
}

static enum code check_entity(const struct entity_reference *entity, struct error *error)
{
    assert(entity->kind < ENTITY_KIND_COUNT);
    if (entity->key.bytes > 0 && entity->id != 0) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "%s '%.*s' is named by id and by key",
                  entity_kind_name(entity->kind), NAME_ARGUMENTS(entity->key));
        return invalid(error, "give one of them");
    }
    return check_key(entity->key, error);
}

static enum code check_kind(const struct entity_reference *entity, enum entity_kind kind,
                            const char *what, struct slice name, struct error *error)
{
    if (entity->kind == kind) return check_entity(entity, error);
    error_set(error, CODE_INVALID, AREA_SCHEMA, "%s '%.*s' takes %s here, not %s", what,
              NAME_ARGUMENTS(name), entity_kind_name(kind), entity_kind_name(entity->kind));
    return invalid(error, "it was defined so: SHOW SCHEMA lists the definitions");
}

static enum value_type value_type_of(enum field_type type)
{
    switch (type) {
    case FIELD_KEYWORD:
    case FIELD_TEXT:
        return VALUE_TEXT;
    case FIELD_KEYWORD_LIST:
        return VALUE_TEXT_LIST;
    case FIELD_INTEGER:
        return VALUE_INTEGER;
    case FIELD_FLOAT:
        return VALUE_FLOAT;
    case FIELD_BOOLEAN:
        return VALUE_BOOLEAN;
    case FIELD_TIMESTAMP:
        return VALUE_TIMESTAMP;
    case FIELD_REFERENCE:
        return VALUE_REFERENCE;
    }
    assert(false && "a field has no such type");
    return VALUE_MISSING;
}

static enum code check_list(const struct field *field, const struct value *value,
                            struct error *error)
{
    if (value->list.count > LIMIT_LIST_VALUES) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "field '%.*s' has %zu values",
                  NAME_ARGUMENTS(field->name), value->list.count);
        error_hint(error, "use at most %d", LIMIT_LIST_VALUES);
        return CODE_INVALID;
    }
    for (size_t i = 0; i < value->list.count; i++) {
        enum code code =
            check_text(value->list.texts[i], LIMIT_TEXT_BYTES, "field", field->name, error);
        if (code != CODE_OK) return code;
    }
    return CODE_OK;
}

static enum code check_field_value(const struct field *field, const struct value *value,
                                   struct error *error)
{
    if (value->type != value_type_of(field->type)) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "field '%.*s' takes %s, not %s",
                  NAME_ARGUMENTS(field->name), field_type_name(field->type),
                  value_type_name(value->type));
        return invalid(error, value->type == VALUE_MISSING
                                  ? "leave the field out, or use PATCH to remove it"
                                  : NULL);
    }
    switch (value->type) {
    case VALUE_TEXT:
        return check_text(value->text, LIMIT_TEXT_BYTES, "field", field->name, error);
    case VALUE_TEXT_LIST:
        return check_list(field, value, error);
    case VALUE_TIMESTAMP:
        return check_time(value->integer, "a timestamp", error);
    case VALUE_FLOAT:
        if (isfinite(value->number)) return CODE_OK;
        error_set(error, CODE_INVALID, AREA_SCHEMA, "field '%.*s' is not finite",
                  NAME_ARGUMENTS(field->name));
        return invalid(error, "leave the field out where nothing is known");
    default:
        return CODE_OK;
    }
}

static enum code check_vector(const struct embedding *embedding, const struct value *value,
                              struct error *error)
{
    if (value->type != VALUE_VECTOR) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "embedding '%.*s' takes a vector, not %s",
                  NAME_ARGUMENTS(embedding->name), value_type_name(value->type));
        return invalid(error, NULL);
    }
    if (value->vector.dimensions != embedding->dimensions) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "vector of embedding '%.*s' has %zu numbers",
                  NAME_ARGUMENTS(embedding->name), value->vector.dimensions);
        error_hint(error, "it has %u dimensions", embedding->dimensions);
        return CODE_INVALID;
    }
    for (size_t i = 0; i < value->vector.dimensions; i++) {
        if (isfinite(value->vector.numbers[i])) continue;
        error_set(error, CODE_INVALID, AREA_SCHEMA,
                  "vector of embedding '%.*s' is not finite at number %zu",
                  NAME_ARGUMENTS(embedding->name), i);
        return invalid(error, "NaN and infinity cannot be compared");
    }
    return CODE_OK;
}

static enum code check_known(size_t id, size_t count, const char *what, struct error *error)
{
    if (id < count) return CODE_OK;
    return error_set(error, CODE_INVALID, AREA_SCHEMA, "%s %zu is not defined", what, id);
}

/* Between the look-up of its name and this moment it may have gone. */
static enum code check_stands(bool dropped, const char *what, struct slice name,
                              struct error *error)
{
    if (!dropped) return CODE_OK;
    error_set(error, CODE_NOT_FOUND, AREA_SCHEMA, "%s '%.*s' was dropped", what,
              NAME_ARGUMENTS(name));
    error_hint(error, "define it anew, or leave it out");
    return CODE_NOT_FOUND;
}

static enum code check_order(bool ordered, const char *what, struct error *error)
{
    if (ordered) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_SCHEMA, "%s are given twice or out of order", what);
    return invalid(error, "give each once, in order of definition");
}

static enum code check_embeddings(const struct put_change *put, bool patch,
                                  const struct schema *schema, struct error *error)
{
    enum code code = CODE_OK;
    for (size_t i = 0; i < put->embedding_count; i++) {
        const struct embedding_value *given = &put->embeddings[i];
        TRY(check_known(given->embedding, schema->embedding_count, "embedding", error));
        TRY(check_order(i == 0 || given[-1].embedding < given->embedding, "embeddings", error));
        const struct embedding *embedding = &schema->embeddings[given->embedding];
        TRY(check_stands(embedding->dropped, "embedding", embedding->name, error));
        TRY(check_kind(&put->entity, embedding->kind, "embedding", embedding->name, error));
        if (patch && given->value.type == VALUE_MISSING) continue;
        TRY(check_vector(embedding, &given->value, error));
    }
out:
    return code;
}

static enum code check_put(const struct put_change *put, bool patch, const struct schema *schema,
                           struct error *error)
{
    enum code code = CODE_OK;
    TRY(check_entity(&put->entity, error));
    TRY(check_key(put->key, error));
    if (put->key.bytes > 0 && put->entity.key.bytes > 0) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "%s '%.*s' is given a second key",
                  entity_kind_name(put->entity.kind), NAME_ARGUMENTS(put->entity.key));
        return invalid(error, "name it by its id to give it a key");
    }
    for (size_t i = 0; i < put->field_count; i++) {
        const struct field_value *given = &put->fields[i];
        TRY(check_known(given->field, schema->field_count, "field", error));
        TRY(check_order(i == 0 || given[-1].field < given->field, "fields", error));
        const struct field *field = &schema->fields[given->field];
        TRY(check_stands(field->dropped, "field", field->name, error));
        TRY(check_kind(&put->entity, field->kind, "field", field->name, error));
        if (patch && given->value.type == VALUE_MISSING) continue;
        TRY(check_field_value(field, &given->value, error));
    }
    TRY(check_embeddings(put, patch, schema, error));
out:
    return code;
}

static enum code check_signal_value(const struct signal *signal, int64_t value, struct error *error)
{
    if (value <= -SIGNAL_VALUE_MAXIMUM || value >= SIGNAL_VALUE_MAXIMUM) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "value of signal '%.*s' is too large",
                  NAME_ARGUMENTS(signal->name));
        return invalid(error, "use values below 2147483648 in magnitude");
    }
    if (value < 0 && signal->values == SIGNAL_VALUE_NONE) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "value of signal '%.*s' is negative",
                  NAME_ARGUMENTS(signal->name));
        return invalid(error, "define the signal with VALUE to allow it");
    }
    return CODE_OK;
}

static enum code check_signal_user(const struct signal *signal, const struct signal_change *change,
                                   struct error *error)
{
    if (change->retract && !signal->unique_per_user) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "signal '%.*s' cannot be taken back",
                  NAME_ARGUMENTS(signal->name));
        return invalid(error, "only signals UNIQUE PER USER can be");
    }
    if (!change->has_user && signal->unique_per_user) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "signal '%.*s' names no user",
                  NAME_ARGUMENTS(signal->name));
        return invalid(error, "it is UNIQUE PER USER: add BY user");
    }
    if (!change->has_user) return CODE_OK;
    return check_kind(&change->user, ENTITY_USER, "signal", signal->name, error);
}

static enum code check_signal(const struct signal_change *change, const struct schema *schema,
                              struct error *error)
{
    enum code code;
    TRY(check_known(change->signal, schema->signal_count, "signal", error));
    const struct signal *signal = &schema->signals[change->signal];
    TRY(check_stands(signal->dropped, "signal", signal->name, error));
    TRY(check_kind(&change->entity, signal->kind, "signal", signal->name, error));
    TRY(check_signal_user(signal, change, error));
    TRY(check_signal_value(signal, change->value, error));
    if (change->has_time) TRY(check_time(change->time_ms, "the event's time", error));
    if (change->position > 0 && change->slate == 0) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "signal '%.*s' has a position and no slate",
                  NAME_ARGUMENTS(signal->name));
        return invalid(error, "name the slate in which it has that position");
    }
out:
    return code;
}

static enum code check_relate(const struct relate_change *change, bool weighs,
                              const struct schema *schema, struct error *error)
{
    enum code code;
    TRY(check_known(change->relation, schema->relation_count, "relation", error));
    const struct relation *relation = &schema->relations[change->relation];
    TRY(check_stands(relation->dropped, "relation", relation->name, error));
    TRY(check_kind(&change->from, relation->from, "relation", relation->name, error));
    TRY(check_kind(&change->to, relation->to, "relation", relation->name, error));
    if (weighs && !isfinite(change->weight)) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "weight of relation '%.*s' is not finite",
                  NAME_ARGUMENTS(relation->name));
        return invalid(error, "use a number, such as 1");
    }
    if (change->has_time) TRY(check_time(change->time_ms, "the edge's time", error));
out:
    return code;
}

static enum code check_define(struct slice text, struct error *error)
{
    const char *name = "statement";
    if (text.bytes == 0)
        return error_set(error, CODE_INVALID, AREA_SCHEMA, "a definition has no text");
    return check_text(text, CHANGE_DEFINE_MAXIMUM, "the text of a", slice_of(name, strlen(name)),
                      error);
}

static enum code check_forget(const struct entity_reference *user, struct error *error)
{
    if (user->kind == ENTITY_USER) return check_entity(user, error);
    error_set(error, CODE_INVALID, AREA_SCHEMA, "only users are forgotten, and this is of kind %s",
              entity_kind_name(user->kind));
    return invalid(error, "DELETE it");
}

static enum code check_cursor(const struct cursor_change *change, struct error *error)
{
    struct name name = {change->name, ERROR_NO_POSITION};
    struct violations violations = {0};
    if (name_check(&name, "cursor", &violations)) return CODE_OK;
    return violations_error(&violations, error);
}

static enum code check_slate(const struct slate_change *slate, struct error *error)
{
    struct slice name = slate->profile;
    enum code code = CODE_OK;
    assert(slate->item_count <= LIMIT_SLATE_ITEMS && slate->source_count <= LIMIT_SOURCES);
    assert(slate->feature_count <= LIMIT_SLATE_FEATURES);
    if (slate->has_user) {
        assert(slate->user.kind == ENTITY_USER);
        TRY(check_entity(&slate->user, error));
    }
    TRY(check_text(slate->surface, LIMIT_SURFACE_BYTES, "the surface of a slate by", name, error));
    code = check_time(slate->now_ms, "NOW of a slate", error);
out:
    return code;
}

static enum code check_transaction(const struct change *change, const struct schema *schema,
                                   struct error *error)
{
    enum code code = CODE_OK;
    size_t count = change->transaction.count;
    if (count == 0 || count > CHANGE_TRANSACTION_MAXIMUM) {
        error_set(error, CODE_INVALID, AREA_SCHEMA, "a transaction has %zu changes", count);
        error_hint(error, "use 1 to %d", CHANGE_TRANSACTION_MAXIMUM);
        return CODE_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        const struct change *part = &change->transaction.changes[i];
        if (part->kind == CHANGE_TRANSACTION || change_alters_schema(part->kind) ||
            part->kind == CHANGE_FORGET || part->kind == CHANGE_CURSOR ||
            part->kind == CHANGE_SLATE || part->kind == CHANGE_BACKFILL) {
            error_set(error, CODE_INVALID, AREA_SCHEMA, "a transaction cannot hold a %s",
                      change_kind_name(part->kind));
            return invalid(error, "send it by itself");
        }
        TRY(change_check(part, schema, error));
    }
out:
    return code;
}

enum code change_check(const struct change *change, const struct schema *schema,
                       struct error *error)
{
    switch (change->kind) {
    case CHANGE_DEFINE:
    case CHANGE_DROP:
    case CHANGE_RENAME:
        return check_define(change->define, error);
    case CHANGE_PUT:
    case CHANGE_PATCH:
        return check_put(&change->put, change->kind == CHANGE_PATCH, schema, error);
    case CHANGE_DELETE:
        return check_entity(&change->delete, error);
    case CHANGE_FORGET:
        return check_forget(&change->delete, error);
    case CHANGE_SIGNAL:
        return check_signal(&change->signal, schema, error);
    case CHANGE_RELATE:
    case CHANGE_UNRELATE:
        return check_relate(&change->relate, change->kind == CHANGE_RELATE, schema, error);
    case CHANGE_TRANSACTION:
        return check_transaction(change, schema, error);
    case CHANGE_CURSOR:
        return check_cursor(&change->cursor, error);
    case CHANGE_SLATE:
        return check_slate(change->slate, error);
    case CHANGE_BACKFILL: /* the engine's own */
        return check_known(change->backfill.signal, schema->signal_count, "signal", error);
    }
    return error_set(error, CODE_INVALID, AREA_SCHEMA, "a change has no kind %d", change->kind);
}
