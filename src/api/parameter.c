/* Giving parameters their values. */
#include "api/handle.h"

#include "base/text.h"

#include <math.h>

static enum code find_bound(tidal_query *query, const char *name, struct bound **bound,
                            struct error *error)
{
    if (!query || !name) {
        error_set(error, CODE_MISUSE, AREA_API, "the query or the parameter's name is NULL");
        error_hint(error, "see what tidal_prepare returned");
        return CODE_MISUSE;
    }
    const struct statement *statement = &query->statement;
    struct slice wanted = slice_of(name, strlen(name));
    if (query->state != QUERY_READY) {
        error_set(error, CODE_MISUSE, AREA_API, "parameter '$%.64s' is bound while rows are read",
                  name);
        error_hint(error, "tidal_reset the query first");
        return CODE_MISUSE;
    }
    for (size_t i = 0; i < statement->parameter_count; i++) {
        if (!slice_equal(statement->parameters[i], wanted)) continue;
        *bound = &query->bound[i];
        return CODE_OK;
    }
    error_set(error, CODE_NOT_FOUND, AREA_API, "the statement has no parameter '$%.64s'", name);
    error_hint(error, "name it as in the statement, without the dollar sign");
    return CODE_NOT_FOUND;
}

/* A value that needs no room of its own. */
static tidal_code bind_plain(tidal_query *query, const char *name, struct value value,
                             tidal_error *error)
{
    struct error fault;
    struct bound *bound;
    enum code code;
    TRY(find_bound(query, name, &bound, &fault));
    bound->value = value;
out:
    return give_error(code, &fault, error);
}

/* Makes the block of a parameter `bytes` long; what was bound is gone. */
static enum code make_room(tidal_query *query, struct bound *bound, size_t bytes,
                           struct error *error)
{
    struct memory *memory = database_memory(query->db->database);
    void *block = memory_allocate(memory, bytes + 1);
    if (!block) return error_no_memory(error, AREA_API, bytes + 1);
    memory_free(memory, bound->block, bound->block_bytes);
    bound->block = block;
    bound->block_bytes = bytes + 1;
    return CODE_OK;
}

static enum code check_utf8(struct slice text, const char *name, struct error *error)
{
    size_t bad_at;
    if (memchr(text.data, 0, text.bytes)) {
        error_set(error, CODE_INVALID, AREA_API, "the value of '$%.64s' holds U+0000", name);
        error_hint(error, "leave the character out: texts end with it elsewhere");
        return CODE_INVALID;
    }
    if (utf8_valid(text, &bad_at)) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_API, "the value of '$%.64s' is not valid UTF-8 at byte %zu",
              name, bad_at);
    error_hint(error, "convert it to UTF-8");
    return CODE_INVALID;
}

static enum code check_finite(double number, const char *name, struct error *error)
{
    if (isfinite(number)) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_API, "the value of '$%.64s' is not a finite number", name);
    error_hint(error, "NaN and infinity have no place in a ranking");
    return CODE_INVALID;
}

static struct value whole_number(uint64_t value)
{
    if (value <= INT64_MAX) return (struct value){.type = VALUE_INTEGER, .integer = (int64_t)value};
    return (struct value){.type = VALUE_REFERENCE, .reference = value};
}

tidal_code tidal_bind_u64(tidal_query *query, const char *name, uint64_t value, tidal_error *error)
{
    return bind_plain(query, name, whole_number(value), error);
}

tidal_code tidal_bind_i64(tidal_query *query, const char *name, int64_t value, tidal_error *error)
{
    return bind_plain(query, name, (struct value){.type = VALUE_INTEGER, .integer = value}, error);
}

tidal_code tidal_bind_double(tidal_query *query, const char *name, double value, tidal_error *error)
{
    struct error fault;
    enum code code = check_finite(value, name, &fault);
    if (code != CODE_OK) return give_error(code, &fault, error);
    return bind_plain(query, name, (struct value){.type = VALUE_FLOAT, .number = value}, error);
}

tidal_code tidal_bind_bool(tidal_query *query, const char *name, bool value, tidal_error *error)
{
    return bind_plain(query, name, (struct value){.type = VALUE_BOOLEAN, .boolean = value}, error);
}

tidal_code tidal_bind_text(tidal_query *query, const char *name, const char *value, int64_t bytes,
                           tidal_error *error)
{
    struct slice text = text_slice(value, bytes);
    struct error fault;
    struct bound *bound;
    enum code code;
    TRY(find_bound(query, name, &bound, &fault));
    TRY(check_utf8(text, name, &fault));
    TRY(make_room(query, bound, text.bytes, &fault));
    memcpy(bound->block, text.data, text.bytes);
    bound->value = (struct value){.type = VALUE_TEXT, .text = slice_of(bound->block, text.bytes)};
out:
    return give_error(code, &fault, error);
}

tidal_code tidal_bind_u64_list(tidal_query *query, const char *name, const uint64_t *values,
                               size_t count, tidal_error *error)
{
    struct error fault;
    struct bound *bound;
    size_t bytes;
    enum code code;
    TRY(find_bound(query, name, &bound, &fault));
    if (!size_multiply(count, sizeof *values, &bytes)) bytes = SIZE_MAX - 1;
    TRY(make_room(query, bound, bytes, &fault));
    if (bytes > 0) memcpy(bound->block, values, bytes);
    bound->value =
        (struct value){.type = VALUE_ID_LIST, .ids = {.ids = bound->block, .count = count}};
out:
    return give_error(code, &fault, error);
}

/* The slices first, the texts behind them. */
tidal_code tidal_bind_text_list(tidal_query *query, const char *name, const char *const *values,
                                size_t count, tidal_error *error)
{
    struct error fault;
    struct bound *bound;
    size_t bytes;
    enum code code;
    TRY(find_bound(query, name, &bound, &fault));
    if (!size_multiply(count, sizeof(struct slice), &bytes)) bytes = SIZE_MAX - 1;
    for (size_t i = 0; i < count; i++) {
        struct slice text = text_slice(values[i], -1);
        TRY(check_utf8(text, name, &fault));
        if (!size_add(bytes, text.bytes, &bytes)) bytes = SIZE_MAX - 1;
    }
    TRY(make_room(query, bound, bytes, &fault));
    struct slice *slices = bound->block;
    char *texts = (char *)(slices + count);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(values[i]);
        memcpy(texts, values[i], length);
        slices[i] = slice_of(texts, length);
        texts += length;
    }
    bound->value =
        (struct value){.type = VALUE_TEXT_LIST, .list = {.texts = slices, .count = count}};
out:
    return give_error(code, &fault, error);
}

tidal_code tidal_bind_vector(tidal_query *query, const char *name, const float *values,
                             size_t dimensions, tidal_error *error)
{
    struct error fault;
    struct bound *bound;
    size_t bytes;
    enum code code;
    TRY(find_bound(query, name, &bound, &fault));
    for (size_t i = 0; i < dimensions; i++)
        TRY(check_finite((double)values[i], name, &fault));
    if (!size_multiply(dimensions, sizeof *values, &bytes)) bytes = SIZE_MAX - 1;
    TRY(make_room(query, bound, bytes, &fault));
    if (bytes > 0) memcpy(bound->block, values, bytes);
    bound->value = (struct value){.type = VALUE_VECTOR,
                                  .vector = {.numbers = bound->block, .dimensions = dimensions}};
out:
    return give_error(code, &fault, error);
}
