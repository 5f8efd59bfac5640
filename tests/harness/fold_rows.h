/* A fold and its rows: its own check, checkpoints into a store, and all that the store then holds
 * as bytes. */
#ifndef TIDAL_TESTS_HARNESS_FOLD_ROWS_H
#define TIDAL_TESTS_HARNESS_FOLD_ROWS_H

#include "harness/store_rows.h"
#include "schema/fold.h"
#include "storage/key.h"
#include "storage/memory_store.h"

enum { FOLD_ROWS_MAXIMUM = 1 << 26 };

/* Is it as it must be?  Says why not. */
static inline bool fold_check(const struct fold *fold)
{
    char reason[256];
    if (fold->ops->check(fold->state, reason, sizeof reason)) return true;
    fprintf(stderr, "    %s\n", reason);
    return false;
}

/* Seals, writes and says that it is durable. */
static inline enum code fold_checkpoint(struct fold *fold, struct store *store, struct error *error)
{
    struct store_batch *batch = NULL;
    enum code code;
    TRY(store_batch_create(store, &batch, error));
    fold->ops->seal(fold->state);
    code = fold->ops->write(fold->state, batch, error);
    if (code == CODE_OK) code = store_write(store, batch, error);
    fold->ops->sealed(fold->state, code == CODE_OK);
out:
    store_batch_free(batch);
    return code;
}

/* Checkpoints into the store and dumps it over what `out` held. */
static inline enum code fold_dump(struct fold *fold, struct store *store, struct buffer *out,
                                  struct error *error)
{
    buffer_clear(out);
    enum code code = fold_checkpoint(fold, store, error);
    return code == CODE_OK ? store_dump(store, out, error) : code;
}

/* FNV-1a, so that the figure does not follow the library's own hash. */
static inline uint64_t bytes_hash(struct slice bytes)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < bytes.bytes; i++)
        hash = (hash ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    return hash;
}

#endif
