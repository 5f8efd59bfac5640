#include "query/json_fields.h"

#include "base/text.h"
#include "schema/names.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static enum code refuse(const struct json *json, struct slice name, const char *wanted,
                        struct error *error)
{
    error_set(error, CODE_INVALID, AREA_QUERY, "'%.*s' takes %s, not %s", NAME_ARGUMENTS(name),
              wanted, json_type_name(json->type));
    error_at(error, json->position);
    error_hint(error, "write it as the field was defined; SHOW SCHEMA lists the definitions");
    return CODE_INVALID;
}

static enum code no_memory(size_t count, struct error *error)
{
    return error_no_memory(error, AREA_QUERY, count);
}

static bool to_double(const struct json *json, double *number)
{
    switch (json->type) {
    case JSON_INTEGER:
        *number = (double)json->integer;
        return true;
    case JSON_UNSIGNED:
        *number = (double)json->natural;
        return true;
    case JSON_NUMBER:
        *number = json->number;
        return true;
    default:
        return false;
    }
}

static enum code to_timestamp(const struct json *json, struct slice name, struct value *value,
                              struct error *error)
{
    const char *wanted = "a time (RFC 3339, or milliseconds since 1970)";
    value->type = VALUE_TIMESTAMP;
    value->integer = json->integer;
    if (json->type == JSON_INTEGER) return CODE_OK;
    if (json->type != JSON_STRING) return refuse(json, name, wanted, error);
    if (time_parse(json->text, &value->integer)) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_QUERY, "field '%.*s': '%.*s' is not a time",
              NAME_ARGUMENTS(name), NAME_ARGUMENTS(json->text));
    error_at(error, json->position);
    error_hint(error, "write \"2026-11-01T10:00:00Z\" or milliseconds since 1970");
    return CODE_INVALID;
}

static bool to_reference(const struct json *json, struct value *value)
{
    value->type = VALUE_REFERENCE;
    value->reference = json->type == JSON_UNSIGNED ? json->natural : (entity_id)json->integer;
    return json->type == JSON_UNSIGNED || (json->type == JSON_INTEGER && json->integer >= 0);
}

/* A list of texts; one text is a list of one. */
static enum code to_text_list(const struct json *json, struct slice name, struct arena *arena,
                              struct value *value, struct error *error)
{
    bool alone = json->type == JSON_STRING;
    const struct json *elements = alone ? json : json->array.elements;
    if (!alone && json->type != JSON_ARRAY) return refuse(json, name, "a list of texts", error);
    size_t count = alone ? 1 : json->array.count;
    struct slice *texts = arena_array(arena, count + 1, sizeof *texts);
    if (!texts) return no_memory(count, error);
    for (size_t i = 0; i < count; i++) {
        if (elements[i].type != JSON_STRING)
            return refuse(&elements[i], name, "texts alone in its list", error);
        texts[i] = elements[i].text;
    }
    *value = (struct value){.type = VALUE_TEXT_LIST, .list = {.texts = texts, .count = count}};
    return CODE_OK;
}

static enum code too_large(const struct json *json, struct slice name, struct error *error)
{
    error_set(error, CODE_INVALID, AREA_QUERY, "embedding '%.*s' takes no number as large as this",
              NAME_ARGUMENTS(name));
    error_at(error, json->position);
    error_hint(error, "its numbers are floats of 32 bits: below 3.4e38 in magnitude");
    return CODE_INVALID;
}

static enum code to_vector(const struct json *json, const struct embedding *embedding,
                           struct arena *arena, struct value *value, struct error *error)
{
    if (json->type != JSON_ARRAY) return refuse(json, embedding->name, "a list of numbers", error);
    size_t count = json->array.count;
    if (count != embedding->dimensions) {
        error_set(error, CODE_INVALID, AREA_QUERY, "embedding '%.*s' takes %u numbers, not %zu",
                  NAME_ARGUMENTS(embedding->name), embedding->dimensions, count);
        error_at(error, json->position);
        error_hint(error, "vectors have the dimensions that DEFINE EMBEDDING gave");
        return CODE_INVALID;
    }
    float *numbers = arena_array(arena, count, sizeof *numbers);
    if (!numbers) return no_memory(count * sizeof *numbers, error);
    for (size_t i = 0; i < count; i++) {
        const struct json *element = &json->array.elements[i];
        double number;
        if (!to_double(element, &number))
            return refuse(element, embedding->name, "numbers alone in its list", error);
        if (fabs(number) > (double)FLT_MAX) return too_large(element, embedding->name, error);
        numbers[i] = (float)number;
    }
    *value =
        (struct value){.type = VALUE_VECTOR, .vector = {.numbers = numbers, .dimensions = count}};
    return CODE_OK;
}

static enum code to_value(const struct json *json, const struct field *field, struct arena *arena,
                          struct value *value, struct error *error)
{
    const char *wanted = "";
    bool right = false;
    *value = (struct value){.type = VALUE_MISSING};
    switch (field->type) {
    case FIELD_KEYWORD:
    case FIELD_TEXT:
        wanted = "a text";
        right = json->type == JSON_STRING;
        if (right) *value = (struct value){.type = VALUE_TEXT, .text = json->text};
        break;
    case FIELD_KEYWORD_LIST:
        return to_text_list(json, field->name, arena, value, error);
    case FIELD_INTEGER:
        wanted = "a whole number of 64 bits with a sign";
        right = json->type == JSON_INTEGER;
        if (right) *value = (struct value){.type = VALUE_INTEGER, .integer = json->integer};
        break;
    case FIELD_FLOAT:
        wanted = "a number";
        right = to_double(json, &value->number);
        value->type = VALUE_FLOAT;
        break;
    case FIELD_BOOLEAN:
        wanted = "true or false";
        right = json->type == JSON_BOOLEAN;
        if (right) *value = (struct value){.type = VALUE_BOOLEAN, .boolean = json->boolean};
        break;
    case FIELD_TIMESTAMP:
        return to_timestamp(json, field->name, value, error);
    case FIELD_REFERENCE:
        wanted = "an id (a whole number from 0)";
        right = to_reference(json, value);
        break;
    }
    return right ? CODE_OK : refuse(json, field->name, wanted, error);
}

static enum code unknown_field(const struct json_member *member, enum entity_kind kind,
                               const struct schema *schema, struct error *error)
{
    char hint[HINT_BYTES];
    name_hint(schema, DEFINE_FIELD, kind, member->name, "SHOW SCHEMA lists the fields", hint);
    error_set(error, CODE_NOT_FOUND, AREA_QUERY, "field '%.*s' of %s does not exist",
              NAME_ARGUMENTS(member->name), entity_kind_name(kind));
    error_at(error, member->position);
    error_hint(error, "%s", hint);
    return CODE_NOT_FOUND;
}

static int compare_fields(const void *left, const void *right)
{
    const struct field_value *a = left, *b = right;
    return (a->field > b->field) - (a->field < b->field);
}

static int compare_embeddings(const void *left, const void *right)
{
    const struct embedding_value *a = left, *b = right;
    return (a->embedding > b->embedding) - (a->embedding < b->embedding);
}

enum code json_to_fields(const struct json *object, const struct schema *schema,
                         struct arena *arena, struct put_change *put, struct error *error)
{
    size_t count = object->type == JSON_OBJECT ? object->object.count : 0;
    struct field_value *fields = arena_array(arena, count + 1, sizeof *fields);
    struct embedding_value *embeddings = arena_array(arena, count + 1, sizeof *embeddings);
    size_t field_count = 0, embedding_count = 0;
    enum code code = CODE_OK;
    if (object->type != JSON_OBJECT) {
        error_set(error, CODE_INVALID, AREA_QUERY, "fields are an object, not %s",
                  json_type_name(object->type));
        error_at(error, object->position);
        error_hint(error, "write {\"field\": value, ...}");
        return CODE_INVALID;
    }
    if (!fields || !embeddings) return no_memory(count * sizeof *fields, error);
    for (size_t i = 0; i < count; i++) {
        const struct json_member *member = &object->object.members[i];
        const struct field *field = schema_find_field(schema, put->entity.kind, member->name);
        const struct embedding *embedding =
            schema_find_embedding(schema, put->entity.kind, member->name);
        bool missing = member->value.type == JSON_NULL;
        if (field) {
            struct field_value *to = &fields[field_count++];
            *to = (struct field_value){.field = field->id};
            if (!missing) TRY(to_value(&member->value, field, arena, &to->value, error));
        } else if (embedding) {
            struct embedding_value *to = &embeddings[embedding_count++];
            *to = (struct embedding_value){.embedding = embedding->id};
            if (!missing) TRY(to_vector(&member->value, embedding, arena, &to->value, error));
        } else {
            return unknown_field(member, put->entity.kind, schema, error);
        }
    }
    qsort(fields, field_count, sizeof *fields, compare_fields);
    qsort(embeddings, embedding_count, sizeof *embeddings, compare_embeddings);
    put->fields = fields;
    put->field_count = field_count;
    put->embeddings = embeddings;
    put->embedding_count = embedding_count;
out:
    return code;
}
