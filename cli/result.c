#include "cli/result.h"

#include "cli/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* One column of a table while its rows are gathered: all cells one after the other. */
struct column {
    struct buffer cells;
    size_t *ends; /* of each cell in `cells` */
    size_t capacity;
    size_t columns; /* of its widest line */
    bool left;      /* aligned: text */
};

struct table {
    struct column *columns;
    int count;
    size_t rows;
};

static const char *const format_names[] = {"table", "json", "csv"};

bool format_find(const char *name, enum format *format)
{
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, format_names[i]) != 0) continue;
        *format = (enum format)i;
        return true;
    }
    return false;
}

static void append_vector(struct buffer *out, const tidal_query *query, int index)
{
    size_t dimensions;
    const float *vector = tidal_column_vector(query, index, &dimensions);
    buffer_append_char(out, '[');
    for (size_t i = 0; i < dimensions; i++)
        buffer_print(out, "%s%.9g", i > 0 ? ", " : "", (double)vector[i]);
    buffer_append_char(out, ']');
}

/* The value without quotes; a missing one is empty. */
static void append_value(struct buffer *out, const tidal_query *query, int index)
{
    size_t bytes;
    const char *text;
    switch (tidal_column_type(query, index)) {
    case TIDAL_BOOLEAN:
        buffer_append_text(out, tidal_column_bool(query, index) ? "true" : "false");
        break;
    case TIDAL_INTEGER:
        buffer_print(out, "%" PRId64, tidal_column_i64(query, index));
        break;
    case TIDAL_DOUBLE:
        text_append_double(out, tidal_column_double(query, index));
        break;
    case TIDAL_TIMESTAMP:
        text_append_time(out, tidal_column_i64(query, index));
        break;
    case TIDAL_ID:
        buffer_print(out, "%" PRIu64, tidal_column_u64(query, index));
        break;
    case TIDAL_TEXT:
        text = tidal_column_text(query, index, &bytes);
        buffer_append(out, text, bytes);
        break;
    case TIDAL_VECTOR:
        append_vector(out, query, index);
        break;
    default:
        break;
    }
}

static void append_json_value(struct buffer *out, const tidal_query *query, int index)
{
    size_t bytes;
    switch (tidal_column_type(query, index)) {
    case TIDAL_MISSING:
        buffer_append_text(out, "null");
        break;
    case TIDAL_TEXT: {
        const char *text = tidal_column_text(query, index, &bytes);
        text_append_json(out, text, bytes);
        break;
    }
    case TIDAL_TIMESTAMP:
        buffer_append_char(out, '"');
        append_value(out, query, index);
        buffer_append_char(out, '"');
        break;
    default:
        append_value(out, query, index);
    }
}

/* `[{...},` newline ` {...}]`: an array, a row a line. */
static void print_json_row(const tidal_query *query, bool first, struct buffer *line, FILE *out)
{
    buffer_clear(line);
    buffer_append_text(line, first ? "[{" : ",\n {");
    for (int i = 0; i < tidal_column_count(query); i++) {
        const char *name = tidal_column_name(query, i);
        if (i > 0) buffer_append_text(line, ", ");
        text_append_json(line, name, strlen(name));
        buffer_append_text(line, ": ");
        append_json_value(line, query, i);
    }
    buffer_append_char(line, '}');
    (void)fwrite(line->data, 1, line->bytes, out);
}

static void print_csv_header(const tidal_query *query, struct buffer *line, FILE *out)
{
    buffer_clear(line);
    for (int i = 0; i < tidal_column_count(query); i++) {
        const char *name = tidal_column_name(query, i);
        if (i > 0) buffer_append_char(line, ',');
        text_append_csv(line, name, strlen(name));
    }
    buffer_append_char(line, '\n');
    (void)fwrite(line->data, 1, line->bytes, out);
}

static void print_csv_row(const tidal_query *query, struct buffer *line, FILE *out)
{
    struct buffer value = {0};
    buffer_clear(line);
    for (int i = 0; i < tidal_column_count(query); i++) {
        buffer_clear(&value);
        append_value(&value, query, i);
        if (i > 0) buffer_append_char(line, ',');
        text_append_csv(line, value.data ? value.data : "", value.bytes);
    }
    buffer_append_char(line, '\n');
    (void)fwrite(line->data, 1, line->bytes, out);
    buffer_release(&value);
}

/* Columns of the widest line of a cell. */
static size_t cell_columns(const char *cell, size_t bytes)
{
    size_t widest = 0;
    for (size_t at = 0; at <= bytes;) {
        const char *newline = at < bytes ? memchr(cell + at, '\n', bytes - at) : NULL;
        size_t length = newline ? (size_t)(newline - cell) - at : bytes - at;
        size_t columns = text_columns(cell + at, length);
        if (columns > widest) widest = columns;
        at += length + 1;
    }
    return widest;
}

static void table_end_cell(struct column *column, size_t row)
{
    column->ends = heap_grow(column->ends, &column->capacity, row + 1, sizeof *column->ends);
    size_t start = row > 0 ? column->ends[row - 1] : 0;
    column->ends[row] = column->cells.bytes;
    if (!column->cells.data) return;
    size_t columns = cell_columns(column->cells.data + start, column->cells.bytes - start);
    if (columns > column->columns) column->columns = columns;
}

/* Row 0 holds the names. */
static void table_init(struct table *table, const tidal_query *query)
{
    table->count = tidal_column_count(query);
    table->rows = 1;
    size_t bytes = (size_t)table->count * sizeof *table->columns;
    table->columns = heap_resize(NULL, bytes);
    memset(table->columns, 0, bytes);
    for (int i = 0; i < table->count; i++) {
        buffer_append_text(&table->columns[i].cells, tidal_column_name(query, i));
        table_end_cell(&table->columns[i], 0);
    }
}

static void table_add(struct table *table, const tidal_query *query)
{
    for (int i = 0; i < table->count; i++) {
        struct column *column = &table->columns[i];
        tidal_type type = tidal_column_type(query, i);
        if (type == TIDAL_TEXT) column->left = true;
        if (type == TIDAL_DOUBLE) {
            buffer_print(&column->cells, "%.4f", tidal_column_double(query, i));
        } else {
            append_value(&column->cells, query, i);
        }
        table_end_cell(column, table->rows);
    }
    table->rows++;
}

/* Line `wanted` of a cell, empty if it has fewer; returns whether there are lines behind it. */
static bool cell_line(const char *cell, size_t bytes, size_t wanted, const char **line,
                      size_t *length)
{
    const char *at = cell, *end = cell + bytes, *newline = memchr(at, '\n', bytes);
    for (size_t i = 0; i < wanted; i++) {
        at = newline ? newline + 1 : end;
        newline = memchr(at, '\n', (size_t)(end - at));
    }
    *line = at;
    *length = (size_t)((newline ? newline : end) - at);
    return newline;
}

/* Terminals obey control characters; a table shows them as '?'. */
static void append_shown(struct buffer *out, const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        unsigned char next = i + 1 < bytes ? (unsigned char)text[i + 1] : 0;
        bool long_control = c == 0xc2 && next >= 0x80 && next < 0xa0; /* U+0080 .. U+009F */
        buffer_append_char(out, c < 0x20 || c == 0x7f || long_control ? '?' : text[i]);
        i += long_control;
    }
}

static void append_repeated(struct buffer *out, char c, size_t count)
{
    while (count-- > 0)
        buffer_append_char(out, c);
}

/* Line `index` of every cell of a row; returns whether a cell has more. */
static bool table_append_line(const struct table *table, size_t row, size_t index,
                              struct buffer *out)
{
    bool more = false;
    for (int i = 0; i < table->count; i++) {
        const struct column *column = &table->columns[i];
        size_t start = row > 0 ? column->ends[row - 1] : 0;
        const char *line, *cells = column->cells.data ? column->cells.data : "";
        size_t bytes;
        more |= cell_line(cells + start, column->ends[row] - start, index, &line, &bytes);
        size_t padding = column->columns - text_columns(line, bytes);
        if (i > 0) append_repeated(out, ' ', 2);
        if (!column->left) append_repeated(out, ' ', padding);
        append_shown(out, line, bytes);
        if (column->left) append_repeated(out, ' ', padding);
    }
    while (out->bytes > 0 && out->data[out->bytes - 1] == ' ')
        out->bytes--;
    buffer_append_char(out, '\n');
    return more;
}

static void table_print(const struct table *table, FILE *out)
{
    struct buffer line = {0};
    for (size_t row = 0; row < table->rows; row++) {
        bool more = true;
        for (size_t index = 0; more; index++) {
            buffer_clear(&line);
            more = table_append_line(table, row, index, &line);
            (void)fwrite(line.data, 1, line.bytes, out);
        }
        if (row > 0) continue;
        buffer_clear(&line);
        for (int i = 0; i < table->count; i++) {
            if (i > 0) append_repeated(&line, ' ', 2);
            append_repeated(&line, '-', table->columns[i].columns);
        }
        buffer_append_char(&line, '\n');
        (void)fwrite(line.data, 1, line.bytes, out);
    }
    buffer_release(&line);
}

static void table_release(struct table *table)
{
    for (int i = 0; i < table->count; i++) {
        buffer_release(&table->columns[i].cells);
        free(table->columns[i].ends);
    }
    free(table->columns);
}

static tidal_code print_table(tidal_query *query, FILE *out, uint64_t *rows, tidal_error *error)
{
    struct table table = {0};
    tidal_code code;
    while ((code = tidal_step(query, error)) == TIDAL_ROW) {
        if (table.count == 0) table_init(&table, query);
        table_add(&table, query);
        (*rows)++;
    }
    if (code == TIDAL_DONE && table.count == 0 && tidal_column_count(query) > 0)
        table_init(&table, query);
    if (code == TIDAL_DONE && table.count > 0) table_print(&table, out);
    table_release(&table);
    return code;
}

static tidal_code print_json(tidal_query *query, FILE *out, uint64_t *rows, tidal_error *error)
{
    struct buffer line = {0};
    tidal_code code;
    while ((code = tidal_step(query, error)) == TIDAL_ROW)
        print_json_row(query, (*rows)++ == 0, &line, out);
    if (*rows > 0) {
        fputs("]\n", out);
    } else if (code == TIDAL_DONE && tidal_column_count(query) > 0) {
        fputs("[]\n", out);
    }
    buffer_release(&line);
    return code;
}

static tidal_code print_csv(tidal_query *query, FILE *out, uint64_t *rows, tidal_error *error)
{
    struct buffer line = {0};
    tidal_code code;
    while ((code = tidal_step(query, error)) == TIDAL_ROW) {
        if ((*rows)++ == 0) print_csv_header(query, &line, out);
        print_csv_row(query, &line, out);
    }
    if (code == TIDAL_DONE && *rows == 0 && tidal_column_count(query) > 0)
        print_csv_header(query, &line, out);
    buffer_release(&line);
    return code;
}

tidal_code result_print(tidal_query *query, enum format format, FILE *out, uint64_t *rows,
                        tidal_error *error)
{
    *rows = 0;
    tidal_code code = TIDAL_DONE;
    switch (format) {
    case FORMAT_TABLE:
        code = print_table(query, out, rows, error);
        break;
    case FORMAT_JSON:
        code = print_json(query, out, rows, error);
        break;
    case FORMAT_CSV:
        code = print_csv(query, out, rows, error);
        break;
    }
    return code == TIDAL_DONE ? TIDAL_OK : code;
}
