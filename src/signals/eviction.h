/* Evictions: making the pairs of a ledger cold whose newest event is oldest, until it is within its
 * budget (signals/cold.h).
 *
 * In steps so short that a lock can be held for each, and that may lie as far apart as one likes:
 * `survey` until it says false, under the shared lock, then `sweep`, under the exclusive one. */
#ifndef TIDAL_SIGNALS_EVICTION_H
#define TIDAL_SIGNALS_EVICTION_H

#include "signals/ledger.h"

enum { EVICTION_AGES = 512 };

struct eviction {
    size_t signal, entity; /* where it has come */
    int64_t now_ms;
    size_t wanted_bytes;                /* to be freed */
    size_t bytes_of_age[EVICTION_AGES]; /* what could be, by the age of the newest event */
    unsigned youngest;                  /* class of age from which on pairs go */
};

/* False: the ledger is within its budget, and there is nothing to do.  Ages are counted from
 * `now_ms`. */
bool eviction_begin(struct eviction *eviction, const struct ledger *ledger, int64_t now_ms);
bool eviction_survey(struct eviction *eviction, const struct ledger *ledger);
/* Does nothing while a checkpoint is under way: what is sealed is in the store only then. */
bool eviction_sweep(struct eviction *eviction, struct ledger *ledger);
/* All of it, where nobody else is there. */
void eviction_run(struct eviction *eviction, struct ledger *ledger, int64_t now_ms);
/* After a survey: whether all pairs go whose newest event was then. */
bool eviction_takes(const struct eviction *eviction, int64_t newest_ms);

#endif
