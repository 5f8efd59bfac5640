/* Edges: weighted and directed, an array of neighbours on either side.
 *
 * A fold over RELATE, UNRELATE and DELETE.  There is at most one edge per relation, from and to;
 * the last RELATE in the log gives its weight and time.  Deleting an entity drops the edges on both
 * sides of it.  Written by the engine under its exclusive lock, read by any thread under the shared
 * one; what is handed out is lent until that is given up. */
#ifndef TIDAL_RELATIONS_EDGES_H
#define TIDAL_RELATIONS_EDGES_H

#include "schema/fold.h"

struct edges;

/* *edges is owned by *fold (fold->ops->free).  `ordinal_of` finds an entity's ordinal at load,
 * ORDINAL_NONE if there is none; it and `context` are lent for the life of the fold. */
MUST_USE enum code
edges_create(struct memory *memory,
             ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id),
             void *context, struct fold *fold, struct edges **edges, struct error *error);

struct edge {
    entity_id id;  /* of the other end */
    ordinal other; /* the same */
    float weight;
    int64_t time_ms;
};

/* A walk over the edges of one entity, ascending by id of the other end:
 *     for (struct edge_walk walk = edges_out(edges, follows, user); (edge = edge_next(&walk));) */
struct edge_walk {
    const struct adjacency *list;
    size_t block;
    size_t position;
};
struct edge_walk edges_out(const struct edges *edges, relation_id relation, ordinal from);
struct edge_walk edges_in(const struct edges *edges, relation_id relation, ordinal to);
const struct edge *edge_next(struct edge_walk *walk); /* NULL at the end */
size_t edges_out_count(const struct edges *edges, relation_id relation, ordinal from);
size_t edges_in_count(const struct edges *edges, relation_id relation, ordinal to);

/* NULL if there is no such edge.  O(log degree). */
const struct edge *edges_find(const struct edges *edges, relation_id relation, ordinal from,
                              ordinal to);

/* Is there an edge of an EXCLUDING relation between the two, in either direction?  `relation`, if
 * not NULL, is given the first such relation: the evidence. */
bool edges_excluded(const struct edges *edges, ordinal user, enum entity_kind kind, ordinal other,
                    relation_id *relation);

#endif
