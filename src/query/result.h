/* Results: rows of cells, copied out of the folds, so that they outlive the lock.  All lies in the
 * arena.  one thread. */
#ifndef TIDAL_QUERY_RESULT_H
#define TIDAL_QUERY_RESULT_H

#include "base/arena.h"
#include "schema/value.h"

enum cell_type {
    CELL_MISSING,
    CELL_BOOLEAN,
    CELL_INTEGER,
    CELL_DOUBLE,
    CELL_TIMESTAMP, /* `integer` */
    CELL_ID,
    CELL_TEXT, /* NUL-terminated */
    CELL_VECTOR
};

struct cell {
    enum cell_type type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        uint64_t id;
        struct slice text;
        struct {
            const float *numbers;
            size_t dimensions;
        } vector;
    };
};

struct result {
    struct arena *arena;
    const char **columns;
    size_t column_count;
    struct cell *cells; /* row by row */
    size_t row_count;
    size_t row_capacity;
    lsn lsn;
    int64_t now_ms;
    uint64_t seed;
    uint64_t page; /* NEXT PAGE OF it has more; 0: there is no more, or it was not asked for */
    bool cut;
};

/* `columns` has `count` NUL-terminated names; copied.  False on no memory, as all below. */
MUST_USE bool result_init(struct result *result, struct arena *arena, const char *const *columns,
                          size_t count);
/* A new row of missing cells; NULL on no memory.  Valid until the next row. */
struct cell *result_row(struct result *result);
MUST_USE bool cell_set_text(struct result *result, struct cell *cell, struct slice text);
MUST_USE bool cell_set_format(struct result *result, struct cell *cell, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Copies a field's value; lists become JSON arrays. */
MUST_USE bool cell_set_value(struct result *result, struct cell *cell, const struct value *value);
void cell_set_integer(struct cell *cell, int64_t integer);
void cell_set_double(struct cell *cell, double number);
void cell_set_id(struct cell *cell, uint64_t id);

/* At most `most` bytes of text, cut between characters, as printf's precision. */
int text_cut(struct slice text, int most);
/* Appends text as a JSON string, with its quotes. */
void json_quote(struct buffer *out, struct slice text);

#endif
