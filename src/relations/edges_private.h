/* Inside of the edges, shared by edges.c and edge_row.c. */
#ifndef TIDAL_RELATIONS_EDGES_PRIVATE_H
#define TIDAL_RELATIONS_EDGES_PRIVATE_H

#include "relations/adjacency.h"
#include "relations/edges.h"
#include "schema/dirty_rows.h"

/* Adjacency lists by ordinal; NULL where there is no edge. */
struct side {
    struct adjacency **lists;
    size_t capacity;
};

struct relation_table {
    enum entity_kind from, to;
    bool excluding;
    bool dropped;
    struct side out; /* by from: sorted by to */
    struct side in;  /* by to: sorted by from; the same edges */
};

struct edge_ends {
    relation_id relation;
    ordinal from, to;
    entity_id from_id, to_id;
};

struct dirty_edge {
    entity_id from_id, to_id;
    ordinal from;
    relation_id relation;
};

struct edges {
    struct memory *memory;
    ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id);
    void *context;
    bool is_adopted;   /* the tables are those of a schema, */
    size_t text_count; /* which has so many texts: no two of a database have as many */
    struct relation_table tables[LIMIT_RELATION_IDS];
    size_t table_count;
    struct dirty_rows rows; /* entries: struct dirty_edge */
    size_t bytes;           /* held by lists */
};

void edges_adopt(struct edges *edges, const struct schema *schema);
/* Adds or replaces an edge on both sides; marks nothing.  false: no memory. */
MUST_USE bool edges_put(struct edges *edges, const struct edge_ends *ends, float weight,
                        int64_t time_ms);

enum code edges_write(void *fold, struct store_batch *batch, struct error *error);
enum code edges_dump(const void *fold, struct store_batch *batch, struct error *error);
enum code edges_load(void *fold, struct store *store, const struct schema *schema,
                     struct error *error);

#endif
