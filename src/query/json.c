#include "query/json.h"

#include "base/text.h"
#include "query/number.h"

#include <stdlib.h>

struct reader {
    struct slice text;
    size_t at;
    unsigned depth;
    struct arena *arena;
    struct error *error;
};

static enum code read_value(struct reader *reader, struct json *value);

static enum code refuse(const struct reader *reader, size_t at, const char *what, const char *hint)
{
    error_set(reader->error, CODE_INVALID, AREA_QUERY, "JSON: %s", what);
    error_at(reader->error, at);
    error_hint(reader->error, "%s", hint);
    return CODE_INVALID;
}

static enum code no_memory(const struct reader *reader)
{
    return error_no_memory(reader->error, AREA_QUERY, reader->text.bytes);
}

/* The byte `ahead` of the present one; -1 behind the end. */
static int peek(const struct reader *reader, size_t ahead)
{
    if (reader->text.bytes - reader->at <= ahead) return -1;
    return reader->text.data[reader->at + ahead];
}

static void skip_spaces(struct reader *reader)
{
    for (int c = peek(reader, 0); c == ' ' || c == '\t' || c == '\n' || c == '\r';
         c = peek(reader, 0))
        reader->at++;
}

static bool accept(struct reader *reader, char wanted)
{
    skip_spaces(reader);
    if (peek(reader, 0) != wanted) return false;
    reader->at++;
    return true;
}

/* --- Strings --- */

/* The four digits of \uXXXX, or -1. */
static int32_t read_hex(const struct reader *reader, size_t at)
{
    int32_t number = 0;
    if (reader->text.bytes < 4 || at > reader->text.bytes - 4) return -1;
    for (size_t i = 0; i < 4; i++) {
        uint8_t c = reader->text.data[at + i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        number = number * 16 + digit;
    }
    return number;
}

/* After "\u".  Two surrogates make one code point. */
static enum code read_code_point(struct reader *reader, uint8_t *out, size_t *used)
{
    size_t start = reader->at - 2;
    int32_t first = read_hex(reader, reader->at);
    if (first < 0)
        return refuse(reader, start, "'\\u' is not followed by four hexadecimal digits",
                      "write it as \\u00e9");
    reader->at += 4;
    uint32_t code_point = (uint32_t)first;
    if (first >= 0xd800 && first <= 0xdbff && peek(reader, 0) == '\\' && peek(reader, 1) == 'u') {
        int32_t second = read_hex(reader, reader->at + 2);
        if (second >= 0xdc00 && second <= 0xdfff) {
            code_point = 0x10000 + ((uint32_t)(first - 0xd800) << 10) + (uint32_t)(second - 0xdc00);
            reader->at += 6;
        }
    }
    if (code_point >= 0xd800 && code_point <= 0xdfff)
        return refuse(reader, start, "half of a surrogate pair",
                      "write both halves, or the character itself");
    if (code_point == 0)
        return refuse(reader, start, "a text holds U+0000", "leave the character out");
    *used += utf8_encode(code_point, out + *used);
    return CODE_OK;
}

static enum code read_escape(struct reader *reader, uint8_t *out, size_t *used)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    size_t start = reader->at++;
    int c = peek(reader, 0);
    reader->at++;
    if (c == 'u') return read_code_point(reader, out, used);
    const char *found = c > 0 ? strchr(names, c) : NULL;
    if (!found)
        return refuse(reader, start, "an escape that there is not",
                      "there are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX");
    out[(*used)++] = (uint8_t)bytes[found - names];
    return CODE_OK;
}

/* The place of the closing quote; *escaped: there is a backslash before it. */
static bool find_end(const struct reader *reader, size_t *end, bool *escaped)
{
    *escaped = false;
    for (size_t i = reader->at; i < reader->text.bytes; i++) {
        uint8_t c = reader->text.data[i];
        if (c == '"') {
            *end = i;
            return true;
        }
        if (c != '\\') continue;
        *escaped = true;
        i++;
    }
    return false;
}

/* After the opening quote. */
static enum code read_string(struct reader *reader, struct slice *text)
{
    size_t start = reader->at, end, used = 0;
    bool escaped;
    if (!find_end(reader, &end, &escaped))
        return refuse(reader, start - 1, "the string has no end", "close its quotes");
    for (size_t i = start; i < end; i++)
        if (reader->text.data[i] < 0x20)
            return refuse(reader, i, "a control character in a string", "escape it, as \\n");
    *text = slice_of(reader->text.data + start, end - start);
    if (escaped) {
        /* What an escape stands for is never longer than the escape. */
        uint8_t *copy = arena_allocate(reader->arena, end - start);
        if (!copy) return no_memory(reader);
        while (reader->at < end) {
            if (reader->text.data[reader->at] != '\\') {
                copy[used++] = reader->text.data[reader->at++];
                continue;
            }
            enum code code = read_escape(reader, copy, &used);
            if (code != CODE_OK) return code;
        }
        *text = slice_of(copy, used);
    }
    reader->at = end + 1;
    return CODE_OK;
}

/* --- Numbers --- */

static bool skip_digits(struct reader *reader)
{
    size_t start = reader->at;
    while (peek(reader, 0) >= '0' && peek(reader, 0) <= '9')
        reader->at++;
    return reader->at > start;
}

/* Checks the form; *whole: neither point nor exponent. */
static bool skip_number(struct reader *reader, bool *whole)
{
    *whole = true;
    if (peek(reader, 0) == '-') reader->at++;
    if (peek(reader, 0) == '0') {
        reader->at++;
    } else if (!skip_digits(reader)) {
        return false;
    }
    if (peek(reader, 0) == '.') {
        *whole = false;
        reader->at++;
        if (!skip_digits(reader)) return false;
    }
    if (peek(reader, 0) == 'e' || peek(reader, 0) == 'E') {
        *whole = false;
        reader->at++;
        if (peek(reader, 0) == '+' || peek(reader, 0) == '-') reader->at++;
        if (!skip_digits(reader)) return false;
    }
    return true;
}

static bool whole_number(struct slice digits, bool negative, struct json *value)
{
    uint64_t number;
    if (!digits_to_u64(digits, &number)) return false;
    if (!negative && number > INT64_MAX) {
        value->type = JSON_UNSIGNED;
        value->natural = number;
        return true;
    }
    if (number > (uint64_t)INT64_MAX + negative) return false;
    value->type = JSON_INTEGER;
    value->integer = negative ? (int64_t)(0 - number) : (int64_t)number;
    return true;
}

static enum code read_number(struct reader *reader, struct json *value)
{
    size_t start = reader->at;
    bool negative = peek(reader, 0) == '-', whole;
    if (!skip_number(reader, &whole))
        return refuse(reader, start, "not a number", "write it as 12, -0.5 or 2e9");
    struct slice text =
        slice_of(reader->text.data + start + negative, reader->at - start - negative);
    if (whole && whole_number(text, negative, value)) return CODE_OK;
    value->type = JSON_NUMBER;
    if (whole || !digits_to_double(text, &value->number))
        return refuse(reader, start, "the number is out of range",
                      "numbers are doubles, or integers of 64 bits");
    if (negative) value->number = -value->number;
    return CODE_OK;
}

/* --- Arrays and objects --- */

static enum code enter(struct reader *reader)
{
    if (++reader->depth <= JSON_DEPTH_MAXIMUM) return CODE_OK;
    error_set(reader->error, CODE_LIMIT, AREA_QUERY, "JSON: nested more than %d deep",
              JSON_DEPTH_MAXIMUM);
    error_at(reader->error, reader->at);
    error_hint(reader->error, "values of fields are flat: texts, numbers, lists of them");
    return CODE_LIMIT;
}

/* One more place at the end of an array that doubles. */
static void *grow(struct arena *arena, void *array, size_t count, size_t *capacity,
                  size_t element_bytes)
{
    if (count < *capacity) return array;
    size_t larger = *capacity > 0 ? *capacity * 2 : 8;
    void *copy = arena_array(arena, larger, element_bytes);
    if (copy && count > 0) memcpy(copy, array, count * element_bytes);
    *capacity = larger;
    return copy;
}

/* After the opening bracket. */
static enum code read_array(struct reader *reader, struct json *value)
{
    struct json *elements = NULL;
    size_t count = 0, capacity = 0;
    enum code code = CODE_OK;
    if (!accept(reader, ']')) {
        do {
            elements = grow(reader->arena, elements, count, &capacity, sizeof *elements);
            if (!elements) return no_memory(reader);
            TRY(read_value(reader, &elements[count++]));
        } while (accept(reader, ','));
        if (!accept(reader, ']'))
            return refuse(reader, reader->at, "expected ',' or ']'", "close the list");
    }
    value->type = JSON_ARRAY;
    value->array.elements = elements;
    value->array.count = count;
out:
    return code;
}

static int compare_members(const void *left, const void *right)
{
    const struct json_member *const *a = left, *const *b = right;
    int order = slice_compare((*a)->name, (*b)->name);
    return order != 0 ? order
                      : ((*a)->position > (*b)->position) - ((*a)->position < (*b)->position);
}

static enum code check_distinct(struct reader *reader, const struct json_member *members,
                                size_t count)
{
    const struct json_member **sorted = arena_array(reader->arena, count + 1, sizeof *sorted);
    if (!sorted) return no_memory(reader);
    for (size_t i = 0; i < count; i++)
        sorted[i] = &members[i];
    qsort(sorted, count, sizeof *sorted, compare_members);
    for (size_t i = 1; i < count; i++) {
        if (!slice_equal(sorted[i - 1]->name, sorted[i]->name)) continue;
        struct slice name = sorted[i]->name;
        error_set(reader->error, CODE_INVALID, AREA_QUERY, "JSON: '%.*s' stands twice in an object",
                  (int)(name.bytes < 64 ? name.bytes : 64), (const char *)name.data);
        error_at(reader->error, sorted[i]->position);
        error_hint(reader->error, "keep one of them");
        return CODE_INVALID;
    }
    return CODE_OK;
}

static enum code read_member(struct reader *reader, struct json_member *member)
{
    enum code code;
    skip_spaces(reader);
    member->position = reader->at;
    if (!accept(reader, '"'))
        return refuse(reader, reader->at, "expected a name in quotes", "write {\"name\": value}");
    TRY(read_string(reader, &member->name));
    if (!accept(reader, ':'))
        return refuse(reader, reader->at, "expected ':'", "write {\"name\": value}");
    code = read_value(reader, &member->value);
out:
    return code;
}

/* After the opening brace. */
static enum code read_object(struct reader *reader, struct json *value)
{
    struct json_member *members = NULL;
    size_t count = 0, capacity = 0;
    enum code code = CODE_OK;
    if (!accept(reader, '}')) {
        do {
            members = grow(reader->arena, members, count, &capacity, sizeof *members);
            if (!members) return no_memory(reader);
            TRY(read_member(reader, &members[count++]));
        } while (accept(reader, ','));
        if (!accept(reader, '}'))
            return refuse(reader, reader->at, "expected ',' or '}'", "close the object");
        TRY(check_distinct(reader, members, count));
    }
    value->type = JSON_OBJECT;
    value->object.members = members;
    value->object.count = count;
out:
    return code;
}

/* --- Values --- */

static bool accept_word(struct reader *reader, const char *word)
{
    size_t bytes = strlen(word);
    if (reader->text.bytes - reader->at < bytes ||
        memcmp(reader->text.data + reader->at, word, bytes) != 0)
        return false;
    reader->at += bytes;
    return true;
}

static enum code read_word(struct reader *reader, struct json *value)
{
    size_t start = reader->at;
    value->type = JSON_BOOLEAN;
    if (accept_word(reader, "true")) {
        value->boolean = true;
    } else if (accept_word(reader, "false")) {
        value->boolean = false;
    } else if (accept_word(reader, "null")) {
        value->type = JSON_NULL;
    } else {
        return refuse(reader, start, "expected a value",
                      "a text in quotes, a number, true, false, null, a list or an object");
    }
    return CODE_OK;
}

static enum code read_value(struct reader *reader, struct json *value)
{
    enum code code;
    skip_spaces(reader);
    *value = (struct json){.position = reader->at};
    int c = peek(reader, 0);
    if (c == '{' || c == '[') {
        TRY(enter(reader));
        reader->at++;
        code = c == '{' ? read_object(reader, value) : read_array(reader, value);
        reader->depth--;
    } else if (accept(reader, '"')) {
        value->type = JSON_STRING;
        code = read_string(reader, &value->text);
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        code = read_number(reader, value);
    } else {
        code = read_word(reader, value);
    }
out:
    return code;
}

enum code json_parse(struct slice text, struct arena *arena, struct json *value,
                     struct error *error)
{
    struct reader reader = {.text = text, .arena = arena, .error = error};
    size_t bad_at;
    enum code code;
    if (!utf8_valid(text, &bad_at))
        return refuse(&reader, bad_at, "bytes that are not UTF-8", "convert the text to UTF-8");
    TRY(read_value(&reader, value));
    skip_spaces(&reader);
    if (reader.at < text.bytes)
        code = refuse(&reader, reader.at, "something stands behind the value", "remove it");
out:
    return code;
}

const char *json_type_name(enum json_type type)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",           [JSON_BOOLEAN] = "a boolean", [JSON_INTEGER] = "an integer",
        [JSON_UNSIGNED] = "an integer", [JSON_NUMBER] = "a number",   [JSON_STRING] = "a text",
        [JSON_ARRAY] = "a list",        [JSON_OBJECT] = "an object"};
    return names[type];
}
