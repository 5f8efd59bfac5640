/* The ledger: for each entity and signal, what has been counted.
 *
 * A fold over SIGNAL changes.  A record holds decayed sums (base/decay.h), buckets of the
 * declared windows, and all-time totals.  For occurrence signals a record depends only on the set
 * of its events, not on the order in which they came, as long as none is late.
 *
 * Written by the engine under its exclusive lock, read by any thread under the shared one.  What a
 * ranking reads is in signals/features.h. */
#ifndef TIDAL_SIGNALS_LEDGER_H
#define TIDAL_SIGNALS_LEDGER_H

#include "schema/fold.h"

struct ledger;

/* Which ordinal has an id (ORDINAL_NONE: none, at load), and which id an ordinal.  Lent for the
 * life of the fold. */
struct ledger_ids {
    ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id);
    entity_id (*id_of)(void *context, enum entity_kind kind, ordinal entity);
    void *context;
};

/* *ledger is owned by *fold (fold->ops->free). */
MUST_USE enum code ledger_create(struct memory *memory, const struct ledger_ids *ids,
                                 struct fold *fold, struct ledger **ledger, struct error *error);

/* All-time totals: of an entity (0 if it has no record; a count of -1: it is cold, and its row
 * could not be read), or of all entities that are not deleted. */
struct ledger_totals {
    int64_t count;
    double sum; /* of values, in units */
};
struct ledger_totals ledger_entity_totals(const struct ledger *ledger, signal_id signal,
                                          ordinal entity);
struct ledger_totals ledger_signal_totals(const struct ledger *ledger, signal_id signal);

/* What a signal takes of memory: with its part of the directory, without what is free in blocks for
 * all.  Walks over all its records. */
struct ledger_size {
    size_t pairs; /* in memory */
    size_t cold;  /* in the store alone (signals/cold.h) */
    size_t bytes;
    size_t cold_bytes; /* of them the directory's entries of cold ones */
};
struct ledger_size ledger_signal_size(const struct ledger *ledger, signal_id signal);

/* Records of all signals, cold ones too. */
size_t ledger_record_count(const struct ledger *ledger);

#endif
