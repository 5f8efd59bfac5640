/* Backfill: what the half-lives and windows that were added to a signal have missed, taken from a
 * ledger that never missed it.
 *
 * The whole ledger is one of a database that folds the same log with the new definition from the
 * beginning (engine/backfill.h).  Its records of a signal, with nothing in them but what has a gap,
 * are the pairs of BACKFILL changes; applied, they take the place of what the live ledger has.
 * one thread, as the ledgers. */
#ifndef TIDAL_SIGNALS_BACKFILL_H
#define TIDAL_SIGNALS_BACKFILL_H

#include "base/arena.h"
#include "signals/ledger.h"

/* Does the signal wait for a backfill?  *defined: what it is to be told to complete. */
bool backfill_is_due(const struct ledger *ledger, signal_id signal, lsn *defined);

/* What is read of a signal now. */
struct backfill_state {
    bool is_due;       /* a backfill is to come */
    bool is_estimated; /* some half-life or window lacks events, as far as NOW tells */
    int64_t since_ms;  /* of those: nothing is missing that happened after this */
};
struct backfill_state backfill_state(const struct ledger *ledger, signal_id signal, int64_t now_ms);

/* Makes an empty ledger count these signals only, in the layouts that `like` has them in.  Before
 * it is loaded or applied to.  false: no memory. */
MUST_USE bool backfill_focus(struct ledger *whole, const struct ledger *like,
                             const bool signals[LIMIT_SIGNAL_IDS]);

/* A part of the pairs of a signal, by ordinal. */
struct backfill_part {
    signal_id signal;
    ordinal next;      /* where to begin; then where to go on */
    size_t look_count; /* of pairs looked at, at most; then what is left of it */
    size_t pair_limit; /* <= CHANGE_BACKFILL_PAIRS */
    size_t byte_limit; /* about as many, of rows */
    bool is_last;      /* nothing comes after it */
};
/* The pairs in which the two ledgers, both of one LSN, differ: change->pairs, which lie in `arena`.
 * There may be none.  NO_MEMORY; and where pairs of `live` are cold, IO, CORRUPT. */
MUST_USE enum code backfill_collect(const struct ledger *whole, const struct ledger *live,
                                    struct backfill_part *part, struct arena *arena,
                                    struct backfill_change *change, struct error *error);

#endif
