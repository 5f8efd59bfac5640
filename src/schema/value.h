/* One value of a field, a literal or a parameter.  Text and vectors are lent. */
#ifndef TIDAL_SCHEMA_VALUE_H
#define TIDAL_SCHEMA_VALUE_H

#include "base/bytes.h"
#include "schema/ids.h"

enum value_type {
    VALUE_MISSING,
    VALUE_BOOLEAN,
    VALUE_INTEGER,
    VALUE_FLOAT,     /* always finite */
    VALUE_TIMESTAMP, /* `integer`: milliseconds since the epoch, UTC */
    VALUE_DURATION,  /* `integer`: milliseconds; of literals only, no field has it */
    VALUE_TEXT,      /* keyword or text: valid UTF-8 */
    VALUE_TEXT_LIST, /* keyword[] */
    VALUE_REFERENCE, /* `reference`: id of an entity */
    VALUE_ID_LIST,   /* of parameters only, no field has it */
    VALUE_VECTOR     /* finite floats */
};

struct value {
    enum value_type type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct slice text;
        struct {
            const struct slice *texts;
            size_t count;
        } list;
        entity_id reference;
        struct {
            const entity_id *ids;
            size_t count;
        } ids;
        struct {
            const float *numbers;
            size_t dimensions;
        } vector;
    };
};

const char *value_type_name(enum value_type type);
bool value_equal(const struct value *a, const struct value *b);

#endif
