/* What is the same for every backend: batches, and the way through the operations table.
 *
 * A batch is one run of bytes: for each operation keyspace u8, kind u8 (0 put, 1 delete), key
 * length u32, value length u32, key, value. */
#include "storage/store.h"

#include <assert.h>

enum { OPERATION_HEAD_BYTES = 10, KIND_PUT = 0, KIND_DELETE = 1 };

#define BATCH_BYTES_MAXIMUM ((size_t)4 << 30)

struct store_batch {
    struct memory *memory;
    struct buffer bytes;
    size_t count;
};

enum code store_get(struct store *store, enum keyspace keyspace, struct slice key,
                    struct buffer *value, bool *found, struct error *error)
{
    buffer_clear(value);
    *found = false;
    return store->operations->get(store, keyspace, key, value, found, error);
}

enum code store_get_many(struct store *store, const struct store_wanted *wanted,
                         struct error *error)
{
    return store->operations->get_many(store, wanted, error);
}

enum code store_give(struct slice row, struct buffer *value, struct error *error)
{
    if (row.bytes > value->maximum_bytes)
        return error_set(error, CODE_LIMIT, AREA_STORE, "a row of %zu bytes is over %zu bytes",
                         row.bytes, value->maximum_bytes);
    buffer_append(value, row.data, row.bytes);
    return value->failed ? error_no_memory(error, AREA_STORE, row.bytes) : CODE_OK;
}

enum code store_scan_open(struct store *store, enum keyspace keyspace, struct key_range range,
                          struct store_scan **scan, struct error *error)
{
    *scan = NULL;
    return store->operations->scan(store, keyspace, range, scan, error);
}

enum code store_scan_next(struct store_scan *scan, struct slice *key, struct slice *value,
                          bool *has_row, struct error *error)
{
    return scan->operations->next(scan, key, value, has_row, error);
}

void store_scan_close(struct store_scan *scan)
{
    if (scan) scan->operations->close(scan);
}

enum code store_for_each(struct store *store, enum keyspace keyspace, struct key_range range,
                         store_row_fn *row, void *context, struct error *error)
{
    struct store_scan *scan = NULL;
    struct slice key, value;
    bool has_row;
    enum code code;
    TRY(store_scan_open(store, keyspace, range, &scan, error));
    for (;;) {
        TRY(store_scan_next(scan, &key, &value, &has_row, error));
        if (!has_row) break;
        TRY(row(context, key, value, error));
    }
out:
    store_scan_close(scan);
    return code;
}

enum code store_batch_create(struct store *store, struct store_batch **created, struct error *error)
{
    struct store_batch *batch = memory_allocate_zeroed(store->memory, sizeof *batch);
    *created = batch;
    if (!batch) return error_no_memory(error, AREA_STORE, sizeof *batch);
    batch->memory = store->memory;
    buffer_init(&batch->bytes, store->memory, BATCH_BYTES_MAXIMUM);
    return CODE_OK;
}

void store_batch_free(struct store_batch *batch)
{
    if (!batch) return;
    buffer_release(&batch->bytes);
    memory_free(batch->memory, batch, sizeof *batch);
}

void store_batch_clear(struct store_batch *batch)
{
    buffer_clear(&batch->bytes);
    batch->count = 0;
}

static enum code add(struct store_batch *batch, uint8_t kind, enum keyspace keyspace,
                     struct slice key, struct slice value, struct error *error)
{
    size_t before = batch->bytes.bytes, left = BATCH_BYTES_MAXIMUM - before;
    if (key.bytes > UINT32_MAX || value.bytes > UINT32_MAX ||
        key.bytes + value.bytes + OPERATION_HEAD_BYTES > left)
        return error_set(error, CODE_LIMIT, AREA_STORE,
                         "a row of %zu bytes does not fit in a batch of %zu", value.bytes, before);
    buffer_put_u8(&batch->bytes, (uint8_t)keyspace);
    buffer_put_u8(&batch->bytes, kind);
    buffer_put_u32(&batch->bytes, (uint32_t)key.bytes);
    buffer_put_u32(&batch->bytes, (uint32_t)value.bytes);
    buffer_append(&batch->bytes, key.data, key.bytes);
    buffer_append(&batch->bytes, value.data, value.bytes);
    if (batch->bytes.failed) {
        batch->bytes.bytes = before;
        batch->bytes.failed = false;
        return error_no_memory(error, AREA_STORE, key.bytes + value.bytes);
    }
    batch->count++;
    return CODE_OK;
}

enum code store_batch_put(struct store_batch *batch, enum keyspace keyspace, struct slice key,
                          struct slice value, struct error *error)
{
    return add(batch, KIND_PUT, keyspace, key, value, error);
}

enum code store_batch_delete(struct store_batch *batch, enum keyspace keyspace, struct slice key,
                             struct error *error)
{
    return add(batch, KIND_DELETE, keyspace, key, (struct slice){0}, error);
}

size_t store_batch_count(const struct store_batch *batch)
{
    return batch->count;
}

size_t store_batch_bytes(const struct store_batch *batch)
{
    return batch->bytes.bytes;
}

bool store_batch_next(const struct store_batch *batch, size_t *offset,
                      struct batch_operation *operation)
{
    if (*offset == batch->bytes.bytes) return false;
    const uint8_t *at = batch->bytes.data + *offset;
    size_t key_bytes = load_u32(at + 2), value_bytes = load_u32(at + 6);
    *operation = (struct batch_operation){
        .keyspace = (enum keyspace)at[0],
        .is_delete = at[1] == KIND_DELETE,
        .key = slice_of(at + OPERATION_HEAD_BYTES, key_bytes),
        .value = slice_of(at + OPERATION_HEAD_BYTES + key_bytes, value_bytes)};
    *offset += OPERATION_HEAD_BYTES + key_bytes + value_bytes;
    assert(*offset <= batch->bytes.bytes);
    return true;
}

enum code store_write(struct store *store, const struct store_batch *batch, struct error *error)
{
    return store->operations->write(store, batch, error);
}

enum code store_flush(struct store *store, struct error *error)
{
    return store->operations->flush(store, error);
}

enum code store_stats(struct store *store, struct store_stats *stats, struct error *error)
{
    return store->operations->stats(store, stats, error);
}

enum code store_compact(struct store *store, enum keyspace keyspace, struct key_range range,
                        struct error *error)
{
    return store->operations->compact(store, keyspace, range, error);
}

enum code store_checkpoint(struct store *store, const char *path, struct error *error)
{
    return store->operations->checkpoint(store, path, error);
}

void store_close(struct store *store)
{
    if (store) store->operations->close(store);
}
