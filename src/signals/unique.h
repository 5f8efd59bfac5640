/* Who, not how often: the distinct users of each item by each signal with DISTINCT USERS.
 *
 * A fold over SIGNAL changes of users; distinct.c has how they are counted.  It depends on the set
 * of events alone: any order, batch or repeat gives the same rows.  Events by nobody are nobody's;
 * a late event counts, where it lies in the span.  A user who is deleted stays counted, and their
 * name goes.  Written by the engine under its exclusive lock, read by any thread under the shared
 * one. */
#ifndef TIDAL_SIGNALS_UNIQUE_H
#define TIDAL_SIGNALS_UNIQUE_H

#include "signals/features.h"

struct unique;

/* *unique is owned by *fold (fold->ops->free).  What `ids` refers to is lent for its life. */
MUST_USE enum code unique_create(struct memory *memory, const struct ledger_ids *ids,
                                 struct fold *fold, struct unique **unique, struct error *error);

struct unique_window {
    signal_id signal;
    int64_t window_ms; /* at most the signal's span */
    int64_t now_ms;    /* not before the newest event */
};
/* Users with an event in (now - window, now] for each item; 0 where there is none.  Up to 64 it is
 * exact, beyond an estimate with a standard error of 6.5 %, never below 64. */
void unique_read(const struct unique *unique, const struct unique_window *window,
                 const ordinal *items, size_t count, struct feature_column out);

/* Sets of a signal, and what they take of memory with their part of the table.  Walks over all. */
struct ledger_size unique_signal_size(const struct unique *unique, signal_id signal);

#endif
