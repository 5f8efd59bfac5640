/* The neighbours of one entity under one relation, ascending by id.
 *
 * Kept in blocks of bounded length, so that the millionth follower of a creator costs a move of a
 * few kilobytes and not of the whole list. */
#ifndef TIDAL_RELATIONS_ADJACENCY_H
#define TIDAL_RELATIONS_ADJACENCY_H

#include "base/memory.h"
#include "relations/edges.h"

enum { ADJACENCY_BLOCK_EDGES = 256 };

struct adjacency_block {
    struct edge *edges; /* ascending by id; at least one */
    size_t count, capacity;
};

struct adjacency {
    entity_id owner;
    struct adjacency_block *blocks; /* ascending */
    size_t block_count, block_capacity;
    size_t edge_count;
    size_t bytes; /* of blocks and edges */
};

void adjacency_release(struct adjacency *list, struct memory *memory);
/* NULL if absent. */
const struct edge *adjacency_find(const struct adjacency *list, entity_id id);
/* Adds or replaces; *added says which.  false: no memory, and the list is as it was. */
MUST_USE bool adjacency_put(struct adjacency *list, struct memory *memory, const struct edge *edge,
                            bool *added);
/* False: it was not there. */
bool adjacency_remove(struct adjacency *list, struct memory *memory, entity_id id);
bool adjacency_check(const struct adjacency *list);

#endif
