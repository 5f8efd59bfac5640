/* Candidates: the items that the sources of a ranking bring in, each once, with what its source
 * says of it.  Sources draw only from the items that passed the gates, so that a slate is full if
 * there is enough to fill it. */
#ifndef TIDAL_QUERY_CANDIDATES_H
#define TIDAL_QUERY_CANDIDATES_H

#include "base/bitset.h"
#include "base/id_map.h"
#include "ranking/program.h"

enum { SOURCES_MAXIMUM = 32 };

struct candidates {
    struct scope scope;
    const struct bitset *eligible;  /* lent */
    const struct expression *where; /* what all eligible items fulfil; lent, NULL: nothing */
    ordinal *items;
    double *base;      /* the highest score that a source gives: velocity; 0 for the others */
    uint32_t *sources; /* a bit a source that brought it in */
    size_t count;
    size_t capacity;
    bool indexed;                          /* `index` is kept: there are several sources */
    struct id_map index;                   /* item -> its place */
    size_t source_counts[SOURCES_MAXIMUM]; /* items that each source brought */
};

void candidates_init(struct candidates *candidates, const struct scope *scope,
                     const struct bitset *eligible, const struct expression *where);
void candidates_release(struct candidates *candidates);
/* Draws from every source in order; without sources, all eligible items.  Of an index kept per
 * value, a source reads the value that it names, or that `where` demands.  INVALID: a parameter of
 * a source is no text.  NO_MEMORY. */
MUST_USE enum code candidates_draw(struct candidates *candidates,
                                   const struct ranking_definition *ranking, struct error *error);
/* The place of an item, or SIZE_MAX. */
size_t candidates_find(const struct candidates *candidates, ordinal item);

#endif
