/* What is popular: for each signal with POPULAR, its items in the order of a decayed sum.
 *
 * A fold after the ledger, of which it is a function: it has no rows, and is made from the ledger
 * at load.  popular.c has the key, and why time does not change the order.  Written by the engine
 * under its exclusive lock, read by any thread under the shared one. */
#ifndef TIDAL_SIGNALS_POPULAR_H
#define TIDAL_SIGNALS_POPULAR_H

#include "signals/features.h"
#include "signals/key_index.h"

struct popular;

/* *popular is owned by *fold (fold->ops->free). */
MUST_USE enum code popular_create(struct memory *memory, const struct index_source *source,
                                  struct fold *fold, struct popular **popular, struct error *error);

struct popular_question {
    const struct signal *signal;
    uint8_t slot;                    /* of its half-lives; it is in popular_slots */
    int64_t now_ms;                  /* not before the newest event */
    const struct index_group *group; /* only items with this value; NULL: all */
    const struct bitset *among;      /* only these count; NULL: all */
    struct ranked *out;              /* has room for `limit` */
    size_t limit;
};
/* The items with the highest decayed sums above 0, highest first, equal ones by lower id: what
 * features_top finds by looking at all records.  `limit` items come if there are so many; *count is
 * their number.  Costs O(v log v), v the items of the group looked at: those that come, those
 * whose sums are within 1/16 of the last one's, and those better ones that are not in `among`. */
MUST_USE enum code popular_top(const struct popular *popular,
                               const struct popular_question *question, struct arena *arena,
                               size_t *count, struct error *error);

/* Items in the index of a half-life, or in a group of it: a bound on what popular_top gives. */
size_t popular_count(const struct popular *popular, const struct popular_question *question);

#endif
