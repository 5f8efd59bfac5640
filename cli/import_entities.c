/* tidal import --into item | user | creator: each record becomes a PUT. */
#include "cli/import.h"
#include "cli/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a CSV column becomes. */
struct cell_plan {
    const struct catalog_field *field; /* NULL: it is left out */
    const char *split;                 /* cuts a list; NULL: not given */
};

struct plan {
    struct import *import;
    struct column id, key;
    bool has_id, has_key;
    struct cell_plan *cells; /* of CSV, one a column; owned */
    tidal_query *put;
    struct buffer body;
};

static const char *split_of(const struct import_options *options, const char *column)
{
    for (size_t i = 0; i < options->split.count; i++) {
        if (strcmp(options->split.list[i].left, column) == 0) return options->split.list[i].right;
    }
    return NULL;
}

/* The field that a column fills: by --map, or of the same name. */
static const char *field_of(const struct import_options *options, const char *column)
{
    for (size_t i = 0; i < options->map.count; i++) {
        if (strcmp(options->map.list[i].right, column) == 0) return options->map.list[i].left;
    }
    return column;
}

static bool is_left_out(const struct plan *plan, const char *column)
{
    const struct import_options *options = plan->import->options;
    const char *const taken[] = {plan->has_id ? plan->id.names[0] : NULL,
                                 plan->has_key ? plan->key.names[0] : NULL};
    for (size_t i = 0; i < 2; i++) {
        /* A column may be both: the id, and the field that --map names. */
        if (taken[i] && strcmp(taken[i], column) == 0 && field_of(options, column) == column)
            return true;
    }
    return catalog_find(options->skip.list, options->skip.count, column) < options->skip.count;
}

/* --- Cells to JSON --- */

static void append_text(struct buffer *out, const char *text)
{
    text_append_json(out, text, strlen(text));
}

/* As JSON writes numbers: 007 is 7, .5 is 0.5. */
static void append_number(struct buffer *out, const char *text)
{
    uint64_t natural;
    int64_t integer;
    double number;
    if (text_u64(text, &natural))
        buffer_print(out, "%" PRIu64, natural);
    else if (text_i64(text, &integer))
        buffer_print(out, "%" PRId64, integer);
    else if (text_double(text, &number))
        text_append_double(out, number);
    else
        append_text(out, text);
}

/* The pieces of a text, each a text, or a number if it is one in a list of `numbers`. */
static void append_list(struct buffer *out, const char *text, const char *split, bool numbers)
{
    size_t bytes = strlen(split);
    buffer_append_char(out, '[');
    for (bool first = true;; first = false) {
        const char *end = strstr(text, split);
        size_t piece = end ? (size_t)(end - text) : strlen(text);
        if (!first) buffer_append_char(out, ',');
        if (numbers) {
            char *number = heap_copy(text, piece);
            append_number(out, number);
            free(number);
        } else {
            text_append_json(out, text, piece);
        }
        if (!end) break;
        text = end + bytes;
    }
    buffer_append_char(out, ']');
}

/* JSON as it stands, if it is a list; else the text, which the database will refuse or take. */
static void append_json_list(struct buffer *out, const char *text)
{
    json_t *value = text[0] == '[' ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    char *dumped = json_is_array(value) ? json_dumps(value, JSON_COMPACT) : NULL;
    if (dumped)
        buffer_append_text(out, dumped);
    else
        append_text(out, text);
    free(dumped);
    json_decref(value);
}

/* What is not of the field's type goes as a text, so that the database says what is wrong. */
static void append_cell(struct buffer *out, const char *text, const struct cell_plan *cell)
{
    if (cell->split) {
        append_list(out, text, cell->split, cell->field->shape == SHAPE_VECTOR);
        return;
    }
    switch (cell->field->shape) {
    case SHAPE_LIST:
    case SHAPE_VECTOR:
        append_json_list(out, text);
        return;
    case SHAPE_NUMBER:
    case SHAPE_INTEGER:
        append_number(out, text);
        return;
    case SHAPE_BOOLEAN:
        if (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0)
            buffer_append_text(out, "true");
        else if (strcasecmp(text, "false") == 0 || strcmp(text, "0") == 0)
            buffer_append_text(out, "false");
        else
            append_text(out, text);
        return;
    case SHAPE_TEXT:
        append_text(out, text);
    }
}

static void csv_body(struct plan *plan)
{
    const struct reader *reader = &plan->import->reader;
    bool first = true;
    buffer_clear(&plan->body);
    buffer_append_char(&plan->body, '{');
    for (size_t i = 0; i < reader->name_count; i++) {
        const char *text = reader->cells.data + reader->starts[i];
        if (!plan->cells[i].field || text[0] == 0) continue; /* an empty cell is a missing value */
        if (!first) buffer_append_char(&plan->body, ',');
        first = false;
        append_text(&plan->body, plan->cells[i].field->name);
        buffer_append_char(&plan->body, ':');
        append_cell(&plan->body, text, &plan->cells[i]);
    }
    buffer_append_char(&plan->body, '}');
}

/* The members that are fields, under their fields' names; values stay as they are. */
static void jsonl_body(struct plan *plan)
{
    const struct import_options *options = plan->import->options;
    const char *name;
    json_t *value;
    bool first = true;
    buffer_clear(&plan->body);
    buffer_append_char(&plan->body, '{');
    json_object_foreach(plan->import->reader.object, name, value)
    {
        if (is_left_out(plan, name)) continue;
        if (!first) buffer_append_char(&plan->body, ',');
        first = false;
        append_text(&plan->body, field_of(options, name));
        buffer_append_char(&plan->body, ':');
        const char *split = json_is_string(value) ? split_of(options, name) : NULL;
        if (split) {
            const struct catalog_field *field =
                catalog_find_field(&plan->import->catalog, field_of(options, name));
            append_list(&plan->body, json_string_value(value), split,
                        field && field->shape == SHAPE_VECTOR);
            continue;
        }
        char *dumped = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        buffer_append_text(&plan->body, dumped ? dumped : "null");
        free(dumped);
    }
    buffer_append_char(&plan->body, '}');
}

/* --- Plan --- */

static bool unknown_column(const struct import *import, const char *column)
{
    static const char *const kinds[] = {"item", "user", "creator"};
    const char *kind = kinds[import->options->kind];
    report("column '%s' of '%s' is no field of %s", column, import->reader.path, kind);
    char hint[200];
    (void)snprintf(hint, sizeof hint,
                   "--skip %.60s leaves it out, --map FIELD=%.60s gives it to a field", column,
                   column);
    report_hint(hint);
    return false;
}

static bool plan_cells(struct plan *plan)
{
    struct import *import = plan->import;
    const struct reader *reader = &import->reader;
    plan->cells = heap_resize(NULL, (reader->name_count + 1) * sizeof *plan->cells);
    for (size_t i = 0; i < reader->name_count; i++) {
        const char *column = reader->names[i];
        plan->cells[i] = (struct cell_plan){.split = split_of(import->options, column)};
        if (column[0] == 0 || is_left_out(plan, column)) continue; /* unnamed: row numbers */
        const char *field = field_of(import->options, column);
        plan->cells[i].field = catalog_find_field(&import->catalog, field);
        if (!plan->cells[i].field) return unknown_column(import, column);
    }
    return true;
}

/* --map and --split name columns that there are, --map fields that there are. */
static bool check_pairs(const struct import *import)
{
    const struct import_options *options = import->options;
    const struct reader *reader = &import->reader;
    for (size_t i = 0; i < options->map.count; i++) {
        const struct pair *pair = &options->map.list[i];
        if (!catalog_find_field(&import->catalog, pair->left)) {
            report("'--map %s=%s': there is no field '%s'", pair->left, pair->right, pair->left);
            return false;
        }
        if (reader->format == FILE_CSV && reader_find(reader, pair->right) == SIZE_MAX) {
            report("'%s' has no column '%s'", reader->path, pair->right);
            return false;
        }
    }
    for (size_t i = 0; i < options->split.count; i++) {
        const char *column = options->split.list[i].left;
        if (reader->format == FILE_CSV && reader_find(reader, column) == SIZE_MAX) {
            report("'%s' has no column '%s'", reader->path, column);
            return false;
        }
    }
    return true;
}

static bool plan_names(struct plan *plan)
{
    static const char *const id_names[2] = {"id", NULL};
    struct import *import = plan->import;
    const struct import_options *options = import->options;
    plan->has_key = options->key;
    if (plan->has_key && !import_need(import, &plan->key, "key", options->key, id_names))
        return false;
    plan->has_id = options->id || !options->key;
    return !plan->has_id || import_need(import, &plan->id, "id", options->id, id_names);
}

static bool plan_make(struct plan *plan)
{
    static const char *const kinds[] = {"item", "user", "creator"};
    struct import *import = plan->import;
    tidal_error error;
    if (!plan_names(plan) || !check_pairs(import) || !plan_cells(plan)) return false;
    char text[64];
    (void)snprintf(text, sizeof text, "PUT %s %s%s $fields", kinds[import->options->kind],
                   plan->has_id ? "$id " : "", plan->has_key ? "KEY $key" : "");
    if (tidal_prepare(import->db, text, -1, &plan->put, &error) == TIDAL_OK) return true;
    report_error(&error);
    return false;
}

/* --- Writing --- */

/* False: refused, with the reason. */
static bool bind_names(struct plan *plan, uint64_t *id, const char **key)
{
    struct import *import = plan->import;
    *key = NULL;
    if (plan->has_id && !import_id(import, &plan->id, id)) return false;
    return !plan->has_key || import_key(import, &plan->key, key);
}

static bool write_record(struct plan *plan, uint64_t id, const char *key)
{
    struct import *import = plan->import;
    tidal_query *put = plan->put;
    tidal_error error;
    tidal_reset(put);
    tidal_code code = TIDAL_OK;
    if (plan->has_id) code = tidal_bind_u64(put, "id", id, &error);
    if (code == TIDAL_OK && key) code = tidal_bind_text(put, "key", key, -1, &error);
    if (code == TIDAL_OK)
        code = tidal_bind_text(put, "fields", plan->body.data, (int64_t)plan->body.bytes, &error);
    if (code == TIDAL_OK) code = tidal_step(put, &error);
    if (code != TIDAL_DONE) return import_refuse_write(import, &error);
    import->last_lsn = tidal_query_lsn(put);
    import->tally.pending++;
    return import->tally.pending < import->options->batch || import_settle(import);
}

static bool write_all(struct plan *plan)
{
    struct import *import = plan->import;
    bool well;
    while (import_next(import, &well)) {
        uint64_t id = 0;
        const char *key;
        if (!bind_names(plan, &id, &key)) {
            import_refuse(import);
            continue;
        }
        if (import->reader.format == FILE_CSV)
            csv_body(plan);
        else
            jsonl_body(plan);
        if (!write_record(plan, id, key)) return false;
    }
    return import_settle(import) && well;
}

bool import_entities(struct import *import)
{
    struct plan plan = {.import = import};
    bool well = plan_make(&plan) && import_begin(import) && write_all(&plan);
    tidal_query_free(plan.put);
    free(plan.cells);
    buffer_release(&plan.body);
    return well;
}
