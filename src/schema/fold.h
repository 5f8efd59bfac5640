/* The interface of every fold: what is derived from the log.
 *
 * The engine is a loop over folds.  `bytes`, `dirty_bytes`, `check`, `dump` and `write` come under
 * its shared lock, all other calls under its exclusive one.  `apply` must be deterministic: no
 * clock, no randomness, no libm, no float accumulation in what it keeps. */
#ifndef TIDAL_SCHEMA_FOLD_H
#define TIDAL_SCHEMA_FOLD_H

#include "schema/resolved_change.h"

struct store;
struct store_batch;

struct fold_ops {
    const char *name;
    /* Applies one change.  Fails only for want of memory, and the engine then ends the handle: what
     * is in the log is safe, but this fold's memory is not to be read again. */
    enum code (*apply)(void *fold, const struct resolved_change *change, struct error *error);
    /* The same for SIGNAL changes one after the other, under one schema.  Only of a fold that
     * nothing is looked up in to resolve a change; NULL: one by one. */
    enum code (*apply_signals)(void *fold, const struct resolved_change *changes, size_t count,
                               struct error *error);
    /* Checkpoint, step 1: fix the set of dirty rows as of now.  Nothing is applied between `seal`
     * and the end of `write`. */
    void (*seal)(void *fold);
    /* Step 2: put (or delete) every sealed row. */
    enum code (*write)(void *fold, struct store_batch *batch, struct error *error);
    /* Step 3: the batch is durable (forget the sealed set) or not (it is dirty again). */
    void (*sealed)(void *fold, bool durable);
    /* Puts every row as it stands, sealed or not: what loading would make of it is this fold. */
    enum code (*dump)(const void *fold, struct store_batch *batch, struct error *error);
    /* Fills an empty fold from the store's rows, by sequential scan. */
    enum code (*load)(void *fold, struct store *store, const struct schema *schema,
                      struct error *error);
    /* Verifies the invariants; false with a reason. */
    bool (*check)(const void *fold, char *reason, size_t reason_bytes);
    size_t (*bytes)(const void *fold);       /* of memory held */
    size_t (*dirty_bytes)(const void *fold); /* about what a checkpoint would write */
    void (*free)(void *fold);
};

struct fold {
    const struct fold_ops *ops;
    void *state; /* owned */
};

#endif
