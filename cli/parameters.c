#include "cli/parameters.h"

#include "cli/report.h"
#include "cli/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct parameter {
    char *name;
    char *text;
    json_t *list;  /* NULL: not one */
    uint64_t *ids; /* of a list of whole numbers, which JSON's reader would have below 2^63 */
    size_t id_count;
};

static bool well_named(const char *text, size_t bytes)
{
    if (bytes == 0) return false;
    for (size_t i = 0; i < bytes; i++) {
        if (!strchr("abcdefghijklmnopqrstuvwxyz_0123456789", text[i])) return false;
    }
    return true;
}

/* "[1, 2, 18446744073709551615]"; false: it is another kind of list. */
static bool read_ids(const char *text, struct parameter *parameter)
{
    static const char spaces[] = " \t\r\n";
    size_t capacity = 0;
    for (text++;; text++) {
        text += strspn(text, spaces);
        char number[24];
        size_t bytes = strspn(text, "0123456789");
        if (bytes == 0 || bytes >= sizeof number) return false;
        memcpy(number, text, bytes);
        number[bytes] = 0;
        parameter->ids =
            heap_grow(parameter->ids, &capacity, parameter->id_count + 1, sizeof *parameter->ids);
        if (!text_u64(number, &parameter->ids[parameter->id_count++])) return false;
        text += bytes;
        text += strspn(text, spaces);
        if (*text != ',') break;
    }
    return text[0] == ']' && text[1 + strspn(text + 1, spaces)] == 0;
}

static void release(struct parameter *parameter)
{
    free(parameter->name);
    free(parameter->text);
    free(parameter->ids);
    json_decref(parameter->list);
}

/* False: not a list, which is reported. */
static bool read_list(struct parameter *parameter)
{
    json_error_t fault;
    if (read_ids(parameter->text, parameter)) return true;
    parameter->id_count = 0;
    parameter->list = json_loads(parameter->text, 0, &fault);
    if (parameter->list) return true;
    report("the list in '%s=%s' is not well-formed: %s", parameter->name, parameter->text,
           fault.text);
    return false;
}

bool parameters_add(struct parameters *parameters, const char *text)
{
    if (text[0] == '$') text++;
    const char *equals = strchr(text, '=');
    if (!equals || !well_named(text, (size_t)(equals - text))) {
        report("'%s' is no parameter", text);
        report_hint("write --param name=value, as in --param user=42");
        return false;
    }
    struct parameter parameter = {.name = heap_copy(text, (size_t)(equals - text)),
                                  .text = heap_copy(equals + 1, strlen(equals + 1))};
    if (equals[1] == '[' && !read_list(&parameter)) {
        release(&parameter);
        return false;
    }
    parameters->list = heap_grow(parameters->list, &parameters->capacity, parameters->count + 1,
                                 sizeof *parameters->list);
    parameters->list[parameters->count++] = parameter;
    return true;
}

static bool all_are(const json_t *list, bool (*is)(const json_t *))
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (!is(json_array_get(list, i))) return false;
    }
    return true;
}

static bool is_text(const json_t *value)
{
    return json_is_string(value);
}

static bool is_number(const json_t *value)
{
    return json_is_number(value);
}

static tidal_code bind_texts(const struct parameter *parameter, tidal_query *query,
                             tidal_error *error)
{
    size_t count = json_array_size(parameter->list);
    const char **texts = heap_resize(NULL, count * sizeof *texts);
    for (size_t i = 0; i < count; i++)
        texts[i] = json_string_value(json_array_get(parameter->list, i));
    tidal_code code = tidal_bind_text_list(query, parameter->name, texts, count, error);
    free(texts);
    return code;
}

static tidal_code bind_vector(const struct parameter *parameter, tidal_query *query,
                              tidal_error *error)
{
    size_t count = json_array_size(parameter->list);
    float *values = heap_resize(NULL, count * sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)json_number_value(json_array_get(parameter->list, i));
    tidal_code code = tidal_bind_vector(query, parameter->name, values, count, error);
    free(values);
    return code;
}

static tidal_code bind_list(const struct parameter *parameter, tidal_query *query,
                            tidal_error *error)
{
    if (parameter->id_count > 0 || json_array_size(parameter->list) == 0)
        return tidal_bind_u64_list(query, parameter->name, parameter->ids, parameter->id_count,
                                   error);
    if (all_are(parameter->list, is_text)) return bind_texts(parameter, query, error);
    if (all_are(parameter->list, is_number)) return bind_vector(parameter, query, error);
    return tidal_bind_text(query, parameter->name, parameter->text, -1, error);
}

static tidal_code bind_one(const struct parameter *parameter, tidal_query *query,
                           tidal_error *error)
{
    const char *name = parameter->name, *text = parameter->text;
    uint64_t unsigned_value;
    int64_t signed_value;
    double number;
    if (text[0] == '[') return bind_list(parameter, query, error);
    if (text_u64(text, &unsigned_value)) return tidal_bind_u64(query, name, unsigned_value, error);
    if (text_i64(text, &signed_value)) return tidal_bind_i64(query, name, signed_value, error);
    if (text_double(text, &number)) return tidal_bind_double(query, name, number, error);
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return tidal_bind_bool(query, name, text[0] == 't', error);
    size_t bytes = strlen(text);
    bool quoted = bytes >= 2 && text[0] == '\'' && text[bytes - 1] == '\'';
    if (quoted) return tidal_bind_text(query, name, text + 1, (int64_t)bytes - 2, error);
    return tidal_bind_text(query, name, text, (int64_t)bytes, error);
}

tidal_code parameters_bind(const struct parameters *parameters, tidal_query *query,
                           tidal_error *error)
{
    for (size_t i = 0; i < parameters->count; i++) {
        tidal_code code = bind_one(&parameters->list[i], query, error);
        if (code != TIDAL_OK && code != TIDAL_NOT_FOUND) return code;
    }
    return TIDAL_OK;
}

void parameters_release(struct parameters *parameters)
{
    for (size_t i = 0; i < parameters->count; i++)
        release(&parameters->list[i]);
    free(parameters->list);
    *parameters = (struct parameters){0};
}
