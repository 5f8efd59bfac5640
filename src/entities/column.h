/* A column: the values of one field, by ordinal.  One array of the field's own type and a bit an
 * entity for presence; keywords are codes of a dictionary of their own.  Written under the engine's
 * exclusive lock, read under the shared one. */
#ifndef TIDAL_ENTITIES_COLUMN_H
#define TIDAL_ENTITIES_COLUMN_H

#include "base/bitset.h"
#include "base/string_map.h"
#include "schema/schema.h"

struct code_list {
    uint32_t *codes; /* distinct, in the order given */
    size_t count;
};

struct text_value {
    char *text;
    size_t bytes;
};

struct column {
    struct memory *memory;
    enum field_type type;
    struct bitset present;
    struct string_map dictionary; /* of keywords */
    size_t capacity;              /* elements of the array in use */
    union {
        uint32_t *codes;          /* KEYWORD */
        struct code_list *lists;  /* KEYWORD_LIST */
        struct text_value *texts; /* TEXT */
        int64_t *integers;        /* INTEGER, TIMESTAMP */
        double *floats;           /* FLOAT */
        uint8_t *booleans;        /* BOOLEAN */
        entity_id *references;    /* REFERENCE */
        void *any;
    };
    size_t owned_bytes; /* of texts and lists */
};

void column_init(struct column *column, struct memory *memory, enum field_type type);
void column_release(struct column *column);
/* Sets an entity's value (of the column's type, checked before) or, if MISSING, takes it away.
 * False on no memory; then the entity has no value. */
MUST_USE bool column_set(struct column *column, ordinal entity, const struct value *value);
/* The value; texts of a list go to `space`, at most `capacity` of them. */
struct value column_get(const struct column *column, ordinal entity, struct slice *space,
                        size_t capacity);
/* As a double: booleans 0 and 1; false if missing or not a number.  References: use column_get. */
bool column_number(const struct column *column, ordinal entity, double *number);
const uint32_t *column_codes(const struct column *column, ordinal entity, size_t *count);
size_t column_bytes(const struct column *column);

#endif
