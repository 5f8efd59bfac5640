/* Rows of a store, outside of checkpoints. */
#ifndef TIDAL_TESTS_HARNESS_STORE_ROWS_H
#define TIDAL_TESTS_HARNESS_STORE_ROWS_H

#include "storage/store.h"

#include <stdio.h>

/* NULL: the row goes. */
static inline enum code store_write_one(struct store *store, enum keyspace keyspace,
                                        struct slice key, const struct slice *value,
                                        struct error *error)
{
    struct store_batch *batch = NULL;
    enum code code;
    TRY(store_batch_create(store, &batch, error));
    TRY(value ? store_batch_put(batch, keyspace, key, *value, error)
              : store_batch_delete(batch, keyspace, key, error));
    code = store_write(store, batch, error);
out:
    store_batch_free(batch);
    return code;
}

static inline enum code store_put(struct store *store, enum keyspace keyspace, struct slice key,
                                  struct slice value, struct error *error)
{
    return store_write_one(store, keyspace, key, &value, error);
}

static inline enum code store_delete(struct store *store, enum keyspace keyspace, struct slice key,
                                     struct error *error)
{
    return store_write_one(store, keyspace, key, NULL, error);
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

#endif
