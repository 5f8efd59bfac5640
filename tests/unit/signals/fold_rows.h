/* Checkpoints of one fold into a store, and all that the store then holds as bytes. */
#ifndef TIDAL_TESTS_FOLD_ROWS_H
#define TIDAL_TESTS_FOLD_ROWS_H

#include "schema/fold.h"
#include "storage/key.h"
#include "storage/memory_store.h"

enum { FOLD_ROWS_MAXIMUM = 1 << 26 };

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

/* Appends every row of the store: keyspace, key, value. */
static inline enum code store_dump(struct store *store, struct buffer *out, struct error *error)
{
    struct store_scan *scan = NULL;
    enum code code = CODE_OK;
    for (enum keyspace keyspace = 0; keyspace < KEYSPACE_COUNT; keyspace++) {
        struct slice key, value;
        bool has_row;
        TRY(store_scan_open(store, keyspace, (struct key_range){0}, &scan, error));
        for (;;) {
            TRY(store_scan_next(scan, &key, &value, &has_row, error));
            if (!has_row) break;
            buffer_put_u8(out, (uint8_t)keyspace);
            buffer_put_string(out, key);
            buffer_put_string(out, value);
        }
        store_scan_close(scan);
        scan = NULL;
    }
out:
    store_scan_close(scan);
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
