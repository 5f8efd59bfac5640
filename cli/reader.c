#include "cli/reader.h"

#include "cli/report.h"
#include "cli/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool reader_refuse(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(reader->reason, sizeof reader->reason, format, arguments);
    va_end(arguments);
    return false;
}

/* --- Lines --- */

static void release_record(struct reader *reader)
{
    input_take(&reader->input, reader->taken);
    reader->next_line += reader->lines;
    reader->taken = reader->lines = 0;
    json_decref(reader->object);
    reader->object = NULL;
}

/* The record ends at `end` of the input and had so many lines. */
static void set_raw(struct reader *reader, size_t end, size_t lines)
{
    reader->taken = end;
    reader->lines = lines;
    reader->line = reader->next_line;
    reader->raw = input_text(&reader->input);
    reader->raw_bytes = end;
    while (reader->raw_bytes > 0 && strchr("\r\n", reader->raw[reader->raw_bytes - 1]) &&
           reader->raw[reader->raw_bytes - 1] != 0)
        reader->raw_bytes--;
}

static enum record refuse_long_line(struct reader *reader)
{
    enum { SHOWN_BYTES = 1000 };
    char shown[SHOWN_BYTES];
    memcpy(shown, input_text(&reader->input), sizeof shown);
    input_skip_line(&reader->input);
    set_raw(reader, 0, 1);
    buffer_clear(&reader->cells);
    buffer_append(&reader->cells, shown, sizeof shown);
    reader->raw = reader->cells.data;
    reader->raw_bytes = sizeof shown;
    (void)reader_refuse(reader, "the line is longer than %zu MiB", INPUT_BYTES_MAXIMUM >> 20);
    return RECORD_REFUSED;
}

/* The first line that is not blank; its end. */
static enum line first_line(struct reader *reader, size_t *end)
{
    for (;;) {
        enum line line = input_line(&reader->input, 0, end);
        if (line != LINE_FOUND) return line;
        const char *text = input_text(&reader->input);
        size_t blanks = 0;
        while (blanks < *end && (text[blanks] == '\r' || text[blanks] == '\n'))
            blanks++;
        if (blanks < *end) return LINE_FOUND;
        input_take(&reader->input, *end);
        reader->next_line++;
    }
}

static bool check_text(struct reader *reader)
{
    if (memchr(reader->raw, 0, reader->raw_bytes))
        return reader_refuse(reader, "the line holds a NUL byte");
    if (!text_is_utf8(reader->raw, reader->raw_bytes))
        return reader_refuse(reader, "the line is not UTF-8");
    return true;
}

/* --- JSONL --- */

static bool jsonl_parse(struct reader *reader)
{
    json_error_t fault;
    reader->object = json_loadb(reader->raw, reader->raw_bytes, JSON_REJECT_DUPLICATES, &fault);
    if (!reader->object)
        return reader_refuse(reader, "not JSON: %s (byte %d)", fault.text, fault.position);
    if (!json_is_object(reader->object)) return reader_refuse(reader, "not a JSON object");
    return true;
}

/* --- CSV --- */

/* Where a record is being read: bytes from its start. */
struct csv {
    size_t at;
    size_t end;        /* behind the current line */
    size_t first_line; /* end of the first line */
    size_t lines;
};

static size_t content_end(const struct reader *reader, const struct csv *csv)
{
    const char *text = input_text(&reader->input);
    size_t end = csv->end;
    if (end > csv->at && text[end - 1] == '\n') end--;
    if (end > csv->at && text[end - 1] == '\r') end--;
    return end;
}

static void begin_cell(struct reader *reader)
{
    reader->starts = heap_grow(reader->starts, &reader->cell_capacity, reader->cell_count + 1,
                               sizeof *reader->starts);
    reader->starts[reader->cell_count++] = reader->cells.bytes;
}

/* From behind the opening mark to behind the closing one. */
static enum line quoted_cell(struct reader *reader, struct csv *csv)
{
    for (;;) {
        const char *text = input_text(&reader->input) + csv->at;
        const char *mark = csv->end > csv->at ? memchr(text, '"', csv->end - csv->at) : NULL;
        size_t bytes = mark ? (size_t)(mark - text) : csv->end - csv->at;
        buffer_append(&reader->cells, text, bytes);
        csv->at += bytes + (mark ? 1 : 0);
        if (!mark) {
            size_t end;
            enum line line = input_line(&reader->input, csv->end, &end);
            if (line != LINE_FOUND) return line;
            csv->end = end;
            csv->lines++;
        } else if (csv->at < csv->end && mark[1] == '"') {
            buffer_append_char(&reader->cells, '"');
            csv->at++;
        } else {
            return LINE_FOUND;
        }
    }
}

static void bare_cell(struct reader *reader, struct csv *csv)
{
    const char *delimiter = reader->options->delimiter;
    const char *text = input_text(&reader->input) + csv->at;
    size_t bytes = content_end(reader, csv) - csv->at;
    const char *found = bytes > 0 ? memmem(text, bytes, delimiter, strlen(delimiter)) : NULL;
    if (found) bytes = (size_t)(found - text);
    buffer_append(&reader->cells, text, bytes);
    csv->at += bytes;
}

/* RECORD_READ, or RECORD_REFUSED with its reason. */
static enum record csv_cell(struct reader *reader, struct csv *csv)
{
    const char *text = input_text(&reader->input);
    begin_cell(reader);
    if (!reader->options->no_quotes && csv->at < csv->end && text[csv->at] == '"') {
        csv->at++;
        enum line line = quoted_cell(reader, csv);
        if (line == LINE_FAILED) return RECORD_FAILED;
        if (line != LINE_FOUND) {
            (void)reader_refuse(reader,
                                "the quotation mark that opens column %zu is never closed%s",
                                reader->cell_count, line == LINE_TOO_LONG ? " (in 16 MiB)" : "");
            return RECORD_REFUSED;
        }
    } else {
        bare_cell(reader, csv);
    }
    buffer_append(&reader->cells, "", 1);
    return RECORD_READ;
}

static enum record csv_cells(struct reader *reader, struct csv *csv)
{
    const char *delimiter = reader->options->delimiter;
    size_t delimiter_bytes = strlen(delimiter);
    buffer_clear(&reader->cells);
    reader->cell_count = 0;
    for (;;) {
        enum record record = csv_cell(reader, csv);
        if (record != RECORD_READ) return record;
        size_t left = content_end(reader, csv) - csv->at;
        if (left == 0) return RECORD_READ;
        const char *text = input_text(&reader->input) + csv->at;
        if (left < delimiter_bytes || memcmp(text, delimiter, delimiter_bytes) != 0) {
            (void)reader_refuse(reader,
                                "there is text behind the closing quotation mark of "
                                "column %zu",
                                reader->cell_count);
            return RECORD_REFUSED;
        }
        csv->at += delimiter_bytes;
    }
}

static bool check_cell_count(struct reader *reader)
{
    if (reader->name_count == 0 || reader->cell_count == reader->name_count) return true;
    return reader_refuse(reader, "the line has %zu column%s, the file has %zu", reader->cell_count,
                         reader->cell_count == 1 ? "" : "s", reader->name_count);
}

static enum record csv_next(struct reader *reader, size_t end)
{
    struct csv csv = {.end = end, .first_line = end, .lines = 1};
    enum record record = csv_cells(reader, &csv);
    if (record == RECORD_FAILED) return record;
    if (record == RECORD_REFUSED) {
        set_raw(reader, csv.first_line, 1);
        return record;
    }
    set_raw(reader, csv.end, csv.lines);
    return check_text(reader) && check_cell_count(reader) ? RECORD_READ : RECORD_REFUSED;
}

enum record reader_next(struct reader *reader)
{
    size_t end = 0;
    release_record(reader);
    switch (first_line(reader, &end)) {
    case LINE_FOUND:
        break;
    case LINE_END:
        return RECORD_END;
    case LINE_TOO_LONG:
        return refuse_long_line(reader);
    case LINE_FAILED:
        return RECORD_FAILED;
    }
    if (reader->format == FILE_CSV) return csv_next(reader, end);
    set_raw(reader, end, 1);
    return check_text(reader) && jsonl_parse(reader) ? RECORD_READ : RECORD_REFUSED;
}

/* --- Names --- */

static bool has_suffix(const char *path, const char *suffix)
{
    size_t path_bytes = strlen(path), bytes = strlen(suffix);
    return path_bytes > bytes && strcasecmp(path + path_bytes - bytes, suffix) == 0;
}

static void add_name(struct reader *reader, const char *name)
{
    reader->names = heap_grow(reader->names, &reader->name_capacity, reader->name_count + 1,
                              sizeof *reader->names);
    reader->names[reader->name_count++] = heap_copy(name, strlen(name));
}

/* The first line, as names unless the options have them. */
static bool read_header(struct reader *reader)
{
    switch (reader_next(reader)) {
    case RECORD_READ:
        break;
    case RECORD_END:
        report("'%s' is empty: it has no line that names its columns", reader->path);
        report_hint("--columns names the columns of a file without a header line");
        return false;
    case RECORD_REFUSED:
        report("the header line of '%s' cannot be read: %s", reader->path, reader->reason);
        return false;
    case RECORD_FAILED:
        report("'%s' cannot be read: %s", reader->path, strerror(reader->input.os_error));
        return false;
    }
    for (size_t i = 0; i < reader->cell_count && reader->options->column_count == 0; i++)
        add_name(reader, reader->cells.data + reader->starts[i]);
    return true;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool check_names(const struct reader *reader)
{
    size_t count = reader->name_count, i = 1;
    char **sorted = heap_resize(NULL, count * sizeof *sorted);
    if (count > 0) memcpy(sorted, reader->names, count * sizeof *sorted);
    if (count > 0) qsort(sorted, count, sizeof *sorted, compare_names);
    while (i < count && (sorted[i][0] == 0 || strcmp(sorted[i], sorted[i - 1]) != 0))
        i++;
    if (i < count) {
        report("'%s' has two columns named '%s'", reader->path, sorted[i]);
        report_hint("--header --columns A,B,C gives the columns other names");
    }
    free(sorted);
    return i >= count;
}

/* Passes over the byte order mark that spreadsheets write. */
static void skip_mark(struct reader *reader)
{
    size_t end;
    if (input_line(&reader->input, 0, &end) == LINE_FOUND && end >= 3 &&
        memcmp(input_text(&reader->input), "\xef\xbb\xbf", 3) == 0)
        input_take(&reader->input, 3);
}

bool reader_open(struct reader *reader, const char *path, const struct reader_options *options)
{
    *reader = (struct reader){.path = strcmp(path, "-") == 0 ? "stdin" : path,
                              .options = options,
                              .format = options->format,
                              .next_line = 1};
    if (reader->format == FILE_BY_NAME) {
        bool jsonl = has_suffix(path, ".jsonl") || has_suffix(path, ".ndjson");
        reader->format = jsonl ? FILE_JSONL : FILE_CSV;
    }
    if (!input_open(&reader->input, path)) {
        report("'%s' cannot be read: %s", reader->path, strerror(errno));
        return false;
    }
    skip_mark(reader);
    if (reader->input.os_error) {
        report("'%s' cannot be read: %s", reader->path, strerror(reader->input.os_error));
        return false;
    }
    if (reader->format == FILE_JSONL) return true;
    if ((options->header || options->column_count == 0) && !read_header(reader)) return false;
    for (size_t i = 0; i < options->column_count; i++)
        add_name(reader, options->columns[i]);
    return check_names(reader);
}

void reader_close(struct reader *reader)
{
    json_decref(reader->object);
    input_close(&reader->input);
    for (size_t i = 0; i < reader->name_count; i++)
        free(reader->names[i]);
    free(reader->names);
    free(reader->starts);
    buffer_release(&reader->cells);
}

size_t reader_find(const struct reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->name_count; i++) {
        if (strcmp(reader->names[i], name) == 0) return i;
    }
    return SIZE_MAX;
}

void reader_append_names(const struct reader *reader, struct buffer *out)
{
    for (size_t i = 0; i < reader->name_count; i++)
        buffer_print(out, "%s%s", i > 0 ? ", " : "", reader->names[i]);
}

/* --- Columns --- */

bool column_find(struct column *column, const struct reader *reader, const char *name,
                 const char *other)
{
    *column = (struct column){.names = {name, other}, .index = SIZE_MAX};
    for (int i = 0; i < 2 && column->index == SIZE_MAX; i++) {
        if (column->names[i]) column->index = reader_find(reader, column->names[i]);
    }
    return column_exists(column, reader);
}

bool column_exists(const struct column *column, const struct reader *reader)
{
    return column->index != SIZE_MAX || (reader->format == FILE_JSONL && column->names[0]);
}

bool column_text(struct column *column, struct reader *reader, const char **text)
{
    *text = NULL;
    if (reader->format == FILE_CSV) {
        if (column->index != SIZE_MAX) *text = reader->cells.data + reader->starts[column->index];
        return true;
    }
    const json_t *value = NULL;
    int name = 0;
    for (; name < 2 && !value && column->names[name]; name++)
        value = json_object_get(reader->object, column->names[name]);
    if (!value || json_is_null(value)) return true;
    *text = column->scalar;
    switch (json_typeof(value)) {
    case JSON_STRING:
        *text = json_string_value(value);
        return true;
    case JSON_INTEGER:
        (void)snprintf(column->scalar, sizeof column->scalar, "%" JSON_INTEGER_FORMAT,
                       json_integer_value(value));
        return true;
    case JSON_REAL:
        (void)snprintf(column->scalar, sizeof column->scalar, "%.17g", json_real_value(value));
        return true;
    case JSON_TRUE:
    case JSON_FALSE:
        *text = json_is_true(value) ? "true" : "false";
        return true;
    default:
        return reader_refuse(reader, "'%s' is %s, not a single value", column->names[name - 1],
                             json_is_array(value) ? "a list" : "an object");
    }
}
