#include "cli/catalog.h"

#include "cli/buffer.h"
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {"item", "user", "creator"};

struct reading {
    struct catalog *catalog;
    const char *kind;
};

static enum shape shape_of(const char *type)
{
    static const struct {
        const char *type;
        enum shape shape;
    } shapes[] = {{"keyword[]", SHAPE_LIST},    {"integer", SHAPE_INTEGER},
                  {"float", SHAPE_NUMBER},      {"boolean", SHAPE_BOOLEAN},
                  {"timestamp", SHAPE_INTEGER}, {"reference", SHAPE_INTEGER},
                  {"embedding", SHAPE_VECTOR}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        if (strcmp(type, shapes[i].type) == 0) return shapes[i].shape;
    }
    return SHAPE_TEXT; /* keyword, text */
}

static char *cell_copy(const tidal_query *query, int index)
{
    size_t bytes;
    const char *text = tidal_column_text(query, index, &bytes);
    return heap_copy(text, bytes);
}

static void take_field(struct reading *reading, const tidal_query *query)
{
    struct catalog *catalog = reading->catalog;
    if (strcmp(tidal_column_text(query, 0, NULL), reading->kind) != 0) return;
    catalog->fields = heap_grow(catalog->fields, &catalog->field_capacity, catalog->field_count + 1,
                                sizeof *catalog->fields);
    catalog->fields[catalog->field_count++] = (struct catalog_field){
        .name = cell_copy(query, 1), .shape = shape_of(tidal_column_text(query, 2, NULL))};
}

static void take_signal(struct reading *reading, const tidal_query *query)
{
    struct catalog *catalog = reading->catalog;
    catalog->signals = heap_grow(catalog->signals, &catalog->signal_capacity,
                                 catalog->signal_count + 1, sizeof *catalog->signals);
    catalog->signals[catalog->signal_count++] = cell_copy(query, 0);
}

static void take_relation(struct reading *reading, const tidal_query *query)
{
    struct catalog *catalog = reading->catalog;
    catalog->relations = heap_grow(catalog->relations, &catalog->relation_capacity,
                                   catalog->relation_count + 1, sizeof *catalog->relations);
    catalog->relations[catalog->relation_count++] = cell_copy(query, 0);
}

static bool read_rows(struct reading *reading, tidal_db *db, const char *statement,
                      void (*take)(struct reading *reading, const tidal_query *query))
{
    tidal_query *query = NULL;
    tidal_error error;
    tidal_code code = tidal_prepare(db, statement, -1, &query, &error);
    if (code == TIDAL_OK) {
        while ((code = tidal_step(query, &error)) == TIDAL_ROW)
            take(reading, query);
    }
    tidal_query_free(query);
    if (code != TIDAL_DONE) report_error(&error);
    return code == TIDAL_DONE;
}

bool catalog_read(struct catalog *catalog, tidal_db *db, tidal_kind kind)
{
    struct reading reading = {.catalog = catalog, .kind = kinds[kind]};
    *catalog = (struct catalog){0};
    return read_rows(&reading, db, "SHOW FIELDS", take_field) &&
           read_rows(&reading, db, "SHOW SIGNALS", take_signal) &&
           read_rows(&reading, db, "SHOW RELATIONS", take_relation);
}

void catalog_release(struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->field_count; i++)
        free(catalog->fields[i].name);
    for (size_t i = 0; i < catalog->signal_count; i++)
        free(catalog->signals[i]);
    for (size_t i = 0; i < catalog->relation_count; i++)
        free(catalog->relations[i]);
    free(catalog->fields);
    free(catalog->signals);
    free(catalog->relations);
    *catalog = (struct catalog){0};
}

const struct catalog_field *catalog_find_field(const struct catalog *catalog, const char *name)
{
    for (size_t i = 0; i < catalog->field_count; i++) {
        if (strcmp(catalog->fields[i].name, name) == 0) return &catalog->fields[i];
    }
    return NULL;
}

size_t catalog_find(char *const *names, size_t count, const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    return i;
}
