/* jansson beside our reader: both refuse a text, or both read the same from it.
 *
 * The differences that are meant, each checked for itself:
 *   whole numbers from 2^63 to 2^64 - 1   we read them (ids), jansson refuses
 *   more than 64 levels                   we refuse, jansson goes to 2048
 *   numbers of more than 400 characters   we refuse, jansson reads them
 *   a zero byte right behind a value       we refuse, jansson takes it for the end */
#ifndef TIDAL_TESTS_JSON_ORACLE_H
#define TIDAL_TESTS_JSON_ORACLE_H

/* Its names of types are ours as well. */
#define JSON_OBJECT  JANSSON_OBJECT
#define JSON_ARRAY   JANSSON_ARRAY
#define JSON_STRING  JANSSON_STRING
#define JSON_INTEGER JANSSON_INTEGER
#define JSON_NULL    JANSSON_NULL
#include <jansson.h>
#undef JSON_OBJECT
#undef JSON_ARRAY
#undef JSON_STRING
#undef JSON_INTEGER
#undef JSON_NULL

#include "query/json.h"

#include <stdio.h>
#include <string.h>

enum { ORACLE_ARENA_BYTES = 1 << 24, ORACLE_NUMBER_BYTES = 400, ORACLE_REASON_BYTES = 160 };

enum oracle_verdict { ORACLE_DIFFERENT, ORACLE_BOTH_READ, ORACLE_BOTH_REFUSE, ORACLE_MEANT };

static inline bool same_json(const struct json *ours, const json_t *theirs, bool as_real);

/* The same bits: -0.0 is not 0.0. */
static inline bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* `as_real`: jansson read whole numbers as doubles. */
static inline bool same_number(const struct json *ours, const json_t *theirs, bool as_real)
{
    switch (ours->type) {
    case JSON_INTEGER:
        return as_real ? json_is_real(theirs) && (double)ours->integer == json_real_value(theirs)
                       : json_typeof(theirs) == JANSSON_INTEGER &&
                             ours->integer == json_integer_value(theirs);
    case JSON_UNSIGNED:
        return as_real && json_is_real(theirs) && (double)ours->natural == json_real_value(theirs);
    default:
        return json_is_real(theirs) && same_double(ours->number, json_real_value(theirs));
    }
}

static inline bool same_text(struct slice ours, const json_t *theirs)
{
    return json_typeof(theirs) == JANSSON_STRING &&
           slice_equal(ours, slice_of(json_string_value(theirs), json_string_length(theirs)));
}

static inline bool same_array(const struct json *ours, const json_t *theirs, bool as_real)
{
    if (json_typeof(theirs) != JANSSON_ARRAY || json_array_size(theirs) != ours->array.count)
        return false;
    for (size_t i = 0; i < ours->array.count; i++)
        if (!same_json(&ours->array.elements[i], json_array_get(theirs, i), as_real)) return false;
    return true;
}

static inline bool same_object(const struct json *ours, const json_t *theirs, bool as_real)
{
    if (json_typeof(theirs) != JANSSON_OBJECT || json_object_size(theirs) != ours->object.count)
        return false;
    for (size_t i = 0; i < ours->object.count; i++) {
        const struct json_member *member = &ours->object.members[i];
        const json_t *value =
            json_object_getn(theirs, (const char *)member->name.data, member->name.bytes);
        if (!value || !same_json(&member->value, value, as_real)) return false;
    }
    return true;
}

static inline bool same_json(const struct json *ours, const json_t *theirs, bool as_real)
{
    switch (ours->type) {
    case JSON_NULL:
        return json_typeof(theirs) == JANSSON_NULL;
    case JSON_BOOLEAN:
        return ours->boolean ? json_is_true(theirs) : json_is_false(theirs);
    case JSON_STRING:
        return same_text(ours->text, theirs);
    case JSON_ARRAY:
        return same_array(ours, theirs, as_real);
    case JSON_OBJECT:
        return same_object(ours, theirs, as_real);
    default:
        return same_number(ours, theirs, as_real);
    }
}

static inline int oracle_depth(json_t *json)
{
    int deepest = 0, depth;
    for (size_t i = 0; i < json_array_size(json); i++)
        if ((depth = oracle_depth(json_array_get(json, i))) > deepest) deepest = depth;
    for (void *at = json_object_iter(json); at; at = json_object_iter_next(json, at))
        if ((depth = oracle_depth(json_object_iter_value(at))) > deepest) deepest = depth;
    bool nests = json_typeof(json) == JANSSON_ARRAY || json_typeof(json) == JANSSON_OBJECT;
    return nests ? deepest + 1 : 0;
}

/* Characters of a number from `at` on. */
static inline size_t oracle_number_bytes(struct slice text, uint64_t at)
{
    size_t end = (size_t)at;
    while (end < text.bytes && text.data[end] != 0 && strchr("+-.eE0123456789", text.data[end]))
        end++;
    return end - (size_t)at;
}

static inline bool holds_unsigned(const struct json *json)
{
    bool holds = json->type == JSON_UNSIGNED;
    if (json->type == JSON_ARRAY)
        for (size_t i = 0; i < json->array.count && !holds; i++)
            holds = holds_unsigned(&json->array.elements[i]);
    if (json->type == JSON_OBJECT)
        for (size_t i = 0; i < json->object.count && !holds; i++)
            holds = holds_unsigned(&json->object.members[i].value);
    return holds;
}

static inline enum oracle_verdict oracle_judge(struct slice text, const struct json *ours,
                                               const struct error *refused, json_t *theirs,
                                               bool as_real)
{
    if (!refused && theirs) {
        if (!same_json(ours, theirs, as_real)) return ORACLE_DIFFERENT;
        return as_real ? ORACLE_MEANT : ORACLE_BOTH_READ;
    }
    if (refused && !theirs) return ORACLE_BOTH_REFUSE;
    if (!refused) return ORACLE_DIFFERENT;
    bool meant = refused->code == CODE_LIMIT
                     ? oracle_depth(theirs) > JSON_DEPTH_MAXIMUM
                     : refused->position < text.bytes &&
                           (text.data[refused->position] == 0 ||
                            oracle_number_bytes(text, refused->position) > ORACLE_NUMBER_BYTES);
    return meant ? ORACLE_MEANT : ORACLE_DIFFERENT;
}

/* Reads `text` both ways; `reason` says what differs. */
static inline enum oracle_verdict oracle_compare(struct slice text, struct memory *memory,
                                                 char reason[ORACLE_REASON_BYTES])
{
    struct arena arena;
    struct json ours;
    struct error error = {.message = ""};
    json_error_t their_error = {.text = ""};
    const char *bytes = text.bytes > 0 ? (const char *)text.data : "";
    size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_ANY;
    arena_init(&arena, memory, ORACLE_ARENA_BYTES);
    bool read = json_parse(text, &arena, &ours, &error) == CODE_OK;
    bool as_real = read && holds_unsigned(&ours);
    json_t *theirs = json_loadb(bytes, text.bytes, flags, &their_error);
    if (as_real && !theirs)
        theirs = json_loadb(bytes, text.bytes, flags | JSON_DECODE_INT_AS_REAL, &their_error);
    else
        as_real = false;
    enum oracle_verdict verdict = oracle_judge(text, &ours, read ? NULL : &error, theirs, as_real);
    snprintf(reason, ORACLE_REASON_BYTES, "ours: %.70s; jansson: %.70s",
             read ? "read" : error.message, theirs ? "read" : their_error.text);
    json_decref(theirs);
    arena_release(&arena);
    return verdict;
}

#endif
