/* tidal import --into RELATION: each record becomes an edge. */
#include "cli/import.h"

#include <string.h>

struct ends {
    struct column from, to, weight;
    bool from_is_key, to_is_key;
    struct buffer from_key; /* a copy: the reader has one place for it */
};

static bool find_ends(struct import *import, struct ends *ends)
{
    static const char *const from[2] = {"from", NULL}, *const to[2] = {"to", NULL};
    const struct import_options *options = import->options;
    ends->from_is_key = options->from_key;
    ends->to_is_key = options->to_key;
    if (options->weight) {
        static const char *const weight[2] = {"weight", NULL};
        if (!import_need(import, &ends->weight, "weight", options->weight, weight)) return false;
    } else {
        (void)column_find(&ends->weight, &import->reader, "weight", NULL);
    }
    return import_need(import, &ends->from, "from",
                       options->from_key ? options->from_key : options->from, from) &&
           import_need(import, &ends->to, "to", options->to_key ? options->to_key : options->to,
                       to);
}

static bool read_weight(struct import *import, struct column *column, double *weight)
{
    const char *text;
    *weight = 1;
    if (!column_exists(column, &import->reader)) return true;
    if (!column_text(column, &import->reader, &text)) return false;
    if (!text || !text[0] || text_double(text, weight)) return true;
    return reader_refuse(&import->reader, "'%s' is '%.60s', not a number", column->names[0], text);
}

/* False: refused, with the reason. */
static bool read_edge(struct import *import, struct ends *ends, tidal_edge *edge)
{
    if (!read_weight(import, &ends->weight, &edge->weight)) return false;
    if (ends->from_is_key) {
        const char *key;
        if (!import_key(import, &ends->from, &key)) return false;
        buffer_clear(&ends->from_key);
        buffer_append_text(&ends->from_key, key);
        edge->from_key = ends->from_key.data;
    } else if (!import_id(import, &ends->from, &edge->from)) {
        return false;
    }
    return ends->to_is_key ? import_key(import, &ends->to, &edge->to_key)
                           : import_id(import, &ends->to, &edge->to);
}

static bool write_all(struct import *import, struct ends *ends)
{
    tidal_error error;
    bool well;
    while (import_next(import, &well)) {
        tidal_edge edge = {.relation = import->options->into};
        if (!read_edge(import, ends, &edge)) {
            import_refuse(import);
            continue;
        }
        if (tidal_relate(import->db, &edge, TIDAL_ACCEPTED, &import->last_lsn, &error) !=
            TIDAL_OK) {
            if (!import_refuse_write(import, &error)) return false;
            continue;
        }
        import->tally.pending++;
        if (import->tally.pending >= import->options->batch && !import_settle(import)) return false;
    }
    return import_settle(import) && well;
}

bool import_edges(struct import *import)
{
    struct ends ends = {0};
    bool well = find_ends(import, &ends) && import_begin(import) && write_all(import, &ends);
    buffer_release(&ends.from_key);
    return well;
}
