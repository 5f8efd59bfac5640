/* Strict JSON (RFC 8259): what a PUT's object, a line of an import file or a request's body says.
 *
 * Refused, with the byte at which it stands: anything behind the value, duplicate names, numbers
 * that no double or 64-bit integer holds, lone surrogates, U+0000 (texts end with it elsewhere),
 * bytes that are not UTF-8, more than JSON_DEPTH_MAXIMUM lists and objects inside each other. */
#ifndef TIDAL_QUERY_JSON_H
#define TIDAL_QUERY_JSON_H

#include "base/arena.h"
#include "base/bytes.h"

enum { JSON_DEPTH_MAXIMUM = 64 };

enum json_type {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_INTEGER,  /* a whole number without point or exponent that fits int64 */
    JSON_UNSIGNED, /* one beyond that, which fits uint64 */
    JSON_NUMBER,   /* any other; finite */
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json {
    enum json_type type;
    uint64_t position; /* of its first byte in the text */
    union {
        bool boolean;
        int64_t integer;
        uint64_t natural;
        double number;
        struct slice text; /* unescaped; in the arena, or lent from the parsed text */
        struct {
            const struct json *elements;
            size_t count;
        } array;
        struct {
            const struct json_member *members; /* in the order of the text */
            size_t count;
        } object;
    };
};

struct json_member {
    struct slice name;
    struct json value; /* its `position` is the value's */
    uint64_t position; /* of the name */
};

/* Reads the whole text as one value.  INVALID, or LIMIT where it is nested too deep, with the
 * place; NO_MEMORY. */
MUST_USE enum code json_parse(struct slice text, struct arena *arena, struct json *value,
                              struct error *error);

/* "an object", "a text", ... */
const char *json_type_name(enum json_type type);

#endif
