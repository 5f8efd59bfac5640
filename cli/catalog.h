/* What a database has declared, as far as an import must know it. */
#ifndef CLI_CATALOG_H
#define CLI_CATALOG_H

#include <tidal/tidal.h>

/* How the text of a cell becomes JSON. */
enum shape { SHAPE_TEXT, SHAPE_LIST, SHAPE_NUMBER, SHAPE_INTEGER, SHAPE_BOOLEAN, SHAPE_VECTOR };

struct catalog_field {
    char *name;
    enum shape shape;
};

struct catalog {
    struct catalog_field *fields; /* of one kind */
    size_t field_count, field_capacity;
    char **signals;
    size_t signal_count, signal_capacity;
    char **relations;
    size_t relation_count, relation_capacity;
};

/* `kind` is whose fields.  False, with a report. */
bool catalog_read(struct catalog *catalog, tidal_db *db, tidal_kind kind);
void catalog_release(struct catalog *catalog);
/* NULL: there is none. */
const struct catalog_field *catalog_find_field(const struct catalog *catalog, const char *name);
/* Index in a list of names; `count` if it is not there. */
size_t catalog_find(char *const *names, size_t count, const char *name);

#endif
