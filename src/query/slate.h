/* The slate: from a RETRIEVE and a view to an ordered list of items.
 *
 *   eligible    alive, not expired, WHERE, gates a set
 *   candidates  what the sources bring in        a list
 *   scored      with a total order: score, newer, lower id
 *   chosen      by caps, OFFSET and LIMIT
 *
 * A function of the view, the statement, its parameters, NOW and SEED alone.  Everything in between
 * is kept, for EXPLAIN and WHY NOT.  one thread, while the view is lent. */
#ifndef TIDAL_QUERY_SLATE_H
#define TIDAL_QUERY_SLATE_H

#include "query/bind.h"
#include "query/candidates.h"
#include "query/gates.h"
#include "ranking/diversity.h"
#include "ranking/score.h"

struct page_rest;

struct request {
    const struct statement *statement;
    const struct bindings *bindings;
    const struct view *view;
    int64_t clock_ms;       /* NOW, unless given: this, but not before the newest event */
    struct arena *arena;    /* of the query: everything is freed with it */
    atomic_bool *cancelled; /* NULL: never */
    /* RETRIEVE ... RECORD: given what was served, in the arena; NULL: not wanted */
    const struct slate_change **recorded;
    /* RETRIEVE ... PAGED: given what comes behind the first page, in the arena */
    struct page_rest *rest;
    bool goes_on; /* a later page: a NOW that was given has been passed by newer events */
};

struct slate_item {
    double score;
    int64_t created_ms;
    entity_id id;
    ordinal item;
    uint32_t candidate; /* its place among the candidates */
};

struct slate {
    const struct request *request;
    const struct retrieve_statement *retrieve;
    struct scope scope;
    const struct ranking_definition *ranking;
    struct program *where;
    struct scoring *scoring;
    struct bitset eligible;
    struct candidates candidates;
    struct slate_item *items; /* all candidates; the first ordered_count are in order, best first */
    size_t ordered_count;
    struct slate_item *chosen;
    size_t chosen_count;
    uint64_t limit, offset, seed;
    uint64_t page_limit; /* of one that is PAGED: rows of a page; `limit` is then of all of them */
    size_t live_count, unexpired_count, where_count, gated_count; /* items left after each step */
    size_t capped_count; /* left out by caps before the slate was full */
};

/* Fills `slate`; slate_release on failure as well.  Errors: INVALID (types, unbound parameters, NOW
 * before the newest event), NOT_FOUND (profile), CANCELLED, NO_MEMORY. */
MUST_USE enum code slate_build(struct slate *slate, const struct request *request,
                               struct error *error);
/* Only as far as the eligible items.  Likewise. */
MUST_USE enum code slate_gate(struct slate *slate, const struct request *request,
                              struct error *error);
void slate_release(struct slate *slate);

/* Brings the first `count` items in order (at most all candidates). */
void slate_order(struct slate *slate, size_t count);

/* Scores one item with its lines; `lines` and `missing` have scoring_line_count places. */
void slate_lines(struct slate *slate, const struct slate_item *item, double *lines, bool *missing);

#endif
