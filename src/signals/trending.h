/* What trends: for each item and signal with TRENDING, the peak of its velocity, held and sinking.
 *
 * A fold over SIGNAL changes, after the ledger, whose counts it reads.  trending.c has the score
 * and why its key never needs sorting anew.  Written by the engine under its exclusive lock, read
 * by any thread under the shared one. */
#ifndef TIDAL_SIGNALS_TRENDING_H
#define TIDAL_SIGNALS_TRENDING_H

#include "signals/features.h"
#include "signals/key_index.h"

struct trending;

/* *trending is owned by *fold (fold->ops->free). */
MUST_USE enum code trending_create(struct memory *memory, const struct index_source *source,
                                   struct fold *fold, struct trending **trending,
                                   struct error *error);

struct trending_question {
    const struct signal *signal;
    int64_t now_ms;                  /* not before the newest event */
    const struct index_group *group; /* only items with this value; NULL: all */
    const struct bitset *among;      /* only these count; NULL: all */
    struct ranked *out;              /* has room for `limit` */
    size_t limit;
};
/* The items with the highest held peaks, highest first, equal ones by lower id; their values are
 * the peaks as they have decayed.  `limit` items come if so many of `among` trend; *count is their
 * number.  An item is listed for three half-lives after its peak.  Costs O(v log v), v the items
 * of the group looked at: those that come, and those better ones that are not in `among`. */
MUST_USE enum code trending_top(const struct trending *trending,
                                const struct trending_question *question, struct arena *arena,
                                size_t *count, struct error *error);

/* Items in the index of a signal, or in a group of it: a bound on what trending_top gives. */
size_t trending_count(const struct trending *trending, signal_id signal,
                      const struct index_group *group);

#endif
