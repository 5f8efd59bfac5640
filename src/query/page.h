/* Pages: a RETRIEVE ... PAGED ranks once and keeps the order; NEXT PAGE goes on in it.
 *
 * What is kept is the ranked ids, with their scores as ranked.  For each page WHERE, expiry and the
 * gates run again, at the LSN of that page: nothing repeats, and nothing that was hidden, blocked
 * or seen since appears. */
#ifndef TIDAL_QUERY_PAGE_H
#define TIDAL_QUERY_PAGE_H

#include "query/slate.h"

struct page_item {
    entity_id id;
    double score;
    uint32_t sources; /* a bit for each that brought it in */
};

/* Behind the pages that were shown. */
struct page_rest {
    const struct page_item *items; /* at most STATEMENT_LIMIT_MAXIMUM */
    size_t count, next;            /* `next` of them were shown or left out */
    uint64_t shown;                /* rows of all pages so far, and OFFSET */
    uint64_t limit;                /* rows of a page, unless it says otherwise */
    int64_t version;               /* of the profile that ranked; -1: none */
    uint64_t seed;
};

/* Leaves the first page in the slate; what comes behind it lies in the arena.  false: no memory. */
MUST_USE bool page_split(struct slate *slate, uint64_t limit, struct page_rest *rest);

/* Gates what is left for `request`, the same RETRIEVE at another LSN, and makes the next `limit`
 * that pass the slate's choice.  slate_release on failure as well.  Errors as slate_build's. */
MUST_USE enum code page_build(struct slate *slate, const struct request *request,
                              struct page_rest *rest, uint64_t limit, struct error *error);

#endif
