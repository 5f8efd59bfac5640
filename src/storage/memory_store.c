/* A faulty store keeps two maps: what reads see, and what is durable; and between them the batches
 * written since the last flush.  A flush applies those to the durable map; a crash makes the map
 * that reads see anew from the durable one and the batches that survive. */
#include "storage/memory_store.h"

#include "os/phase_lock.h"
#include "os/threads.h"
#include "storage/skip_list.h"

#include <errno.h>
#include <stdatomic.h>

struct memory_store {
    struct store store; /* first: a store is cast to it */
    struct phase_lock lock;
    struct skip_list rows[KEYSPACE_COUNT];
    bool faulty;
    struct skip_list durable[KEYSPACE_COUNT];
    struct store_batch **pending; /* copies, in order */
    size_t pending_count;
    size_t pending_capacity;
    uint64_t fail_at;
    bool ignore_flush;
    atomic_bool refuses_many;
};

struct memory_scan {
    struct store_scan scan; /* first: a scan is cast to it */
    struct memory_store *store;
    const struct skip_node *next;
    struct buffer upper;
};

static struct memory_store *memory_store_of(struct store *store)
{
    return (struct memory_store *)store;
}

static enum code no_memory(struct error *error)
{
    return error_no_memory(error, AREA_STORE, 0);
}

static enum code refuse(const char *what, struct error *error)
{
    return error_os(error, AREA_STORE, EIO, "cannot %s the store", what);
}

static enum code memory_get(struct store *base, enum keyspace keyspace, struct slice key,
                            struct buffer *value, bool *found, struct error *error)
{
    struct memory_store *store = memory_store_of(base);
    phase_lock_read(&store->lock);
    const struct skip_node *node = skip_list_seek(&store->rows[keyspace], key);
    *found = node && slice_equal(skip_node_key(node), key);
    enum code code = *found ? store_give(skip_node_value(node), value, error) : CODE_OK;
    phase_unlock_read(&store->lock);
    return code;
}

static enum code memory_get_many(struct store *base, const struct store_wanted *wanted,
                                 struct error *error)
{
    struct memory_store *store = memory_store_of(base);
    enum code code = CODE_OK;
    phase_lock_read(&store->lock);
    if (atomic_load(&store->refuses_many)) code = refuse("read", error);
    for (size_t i = 0; i < wanted->count && code == CODE_OK; i++) {
        const struct skip_node *node =
            skip_list_seek(&store->rows[wanted->keyspace], wanted->keys[i]);
        bool found = node && slice_equal(skip_node_key(node), wanted->keys[i]);
        struct slice row = found ? skip_node_value(node) : (struct slice){0};
        code = wanted->take(wanted->context, i, found ? &row : NULL, error);
    }
    phase_unlock_read(&store->lock);
    return code;
}

static enum code scan_next(struct store_scan *base, struct slice *key, struct slice *value,
                           bool *has_row, struct error *error)
{
    struct memory_scan *scan = (struct memory_scan *)base;
    const struct skip_node *node = scan->next;
    (void)error;
    *has_row = node && (scan->upper.bytes == 0 ||
                        slice_compare(skip_node_key(node), buffer_slice(&scan->upper)) < 0);
    if (!*has_row) return CODE_OK;
    *key = skip_node_key(node);
    *value = skip_node_value(node);
    scan->next = node->next[0];
    return CODE_OK;
}

static void scan_close(struct store_scan *base)
{
    struct memory_scan *scan = (struct memory_scan *)base;
    struct memory_store *store = scan->store;
    buffer_release(&scan->upper);
    memory_free(store->store.memory, scan, sizeof *scan);
    phase_unlock_read(&store->lock);
}

static const struct store_scan_operations scan_operations = {scan_next, scan_close};

static enum code memory_scan(struct store *base, enum keyspace keyspace, struct key_range range,
                             struct store_scan **opened, struct error *error)
{
    struct memory_store *store = memory_store_of(base);
    struct memory_scan *scan = memory_allocate_zeroed(base->memory, sizeof *scan);
    if (!scan) return no_memory(error);
    scan->scan.operations = &scan_operations;
    scan->store = store;
    buffer_init(&scan->upper, base->memory, SIZE_MAX);
    buffer_append(&scan->upper, range.upper.data, range.upper.bytes);
    if (scan->upper.failed) {
        memory_free(base->memory, scan, sizeof *scan);
        return no_memory(error);
    }
    phase_lock_read(&store->lock);
    scan->next = skip_list_seek(&store->rows[keyspace], range.lower);
    *opened = &scan->scan;
    return CODE_OK;
}

static void discard(struct skip_list rows[KEYSPACE_COUNT], const struct store_batch *batch,
                    struct skip_node *const *nodes)
{
    struct batch_operation operation;
    size_t offset = 0;
    for (size_t i = 0; store_batch_next(batch, &offset, &operation); i++)
        if (nodes[i]) skip_list_discard(&rows[operation.keyspace], nodes[i]);
}

/* A node for each put of the batch, outside of the lists. */
static bool prepare(struct skip_list rows[KEYSPACE_COUNT], const struct store_batch *batch,
                    struct skip_node **nodes)
{
    struct batch_operation operation;
    size_t offset = 0;
    for (size_t i = 0; store_batch_next(batch, &offset, &operation); i++) {
        if (operation.is_delete) continue;
        nodes[i] = skip_list_prepare(&rows[operation.keyspace], operation.key, operation.value);
        if (!nodes[i]) return false;
    }
    return true;
}

static void place(struct skip_list rows[KEYSPACE_COUNT], const struct store_batch *batch,
                  struct skip_node *const *nodes)
{
    struct batch_operation operation;
    size_t offset = 0;
    for (size_t i = 0; store_batch_next(batch, &offset, &operation); i++) {
        if (operation.is_delete) {
            skip_list_remove(&rows[operation.keyspace], operation.key);
        } else {
            skip_list_place(&rows[operation.keyspace], nodes[i]);
        }
    }
}

/* All of a batch or nothing: what needs memory comes first, what changes rows cannot fail. */
static bool apply(struct skip_list rows[KEYSPACE_COUNT], const struct store_batch *batch,
                  struct memory *memory)
{
    size_t bytes = store_batch_count(batch) * sizeof(struct skip_node *);
    if (bytes == 0) return true;
    struct skip_node **nodes = memory_allocate_zeroed(memory, bytes);
    bool ready = nodes && prepare(rows, batch, nodes);
    if (ready) {
        place(rows, batch, nodes);
    } else if (nodes) {
        discard(rows, batch, nodes);
    }
    memory_free(memory, nodes, bytes);
    return ready;
}

static bool copy_rows(struct skip_list to[KEYSPACE_COUNT],
                      const struct skip_list from[KEYSPACE_COUNT])
{
    for (int i = 0; i < KEYSPACE_COUNT; i++) {
        const struct skip_node *node = from[i].first[0];
        for (; node; node = node->next[0])
            if (!skip_list_put(&to[i], skip_node_key(node), skip_node_value(node))) return false;
    }
    return true;
}

static enum code keep_pending(struct memory_store *store, const struct store_batch *batch,
                              struct error *error)
{
    struct batch_operation operation;
    struct store_batch *copy = NULL;
    void *pending = store->pending;
    size_t offset = 0;
    enum code code;
    bool room = memory_grow(store->store.memory, &pending, &store->pending_capacity,
                            store->pending_count + 1, sizeof copy, SIZE_MAX / sizeof copy);
    store->pending = pending;
    if (!room) return no_memory(error);
    TRY(store_batch_create(&store->store, &copy, error));
    while (store_batch_next(batch, &offset, &operation)) {
        TRY(operation.is_delete
                ? store_batch_delete(copy, operation.keyspace, operation.key, error)
                : store_batch_put(copy, operation.keyspace, operation.key, operation.value, error));
    }
    store->pending[store->pending_count++] = copy;
    copy = NULL;
out:
    store_batch_free(copy);
    return code;
}

static bool made_to_fail(struct memory_store *store)
{
    return store->fail_at > 0 && --store->fail_at == 0;
}

static enum code memory_write(struct store *base, const struct store_batch *batch,
                              struct error *error)
{
    struct memory_store *store = memory_store_of(base);
    enum code code = CODE_OK;
    phase_lock_write(&store->lock);
    if (made_to_fail(store)) {
        code = refuse("write", error);
        goto out;
    }
    if (store->faulty) TRY(keep_pending(store, batch, error));
    if (!apply(store->rows, batch, base->memory)) {
        if (store->faulty) store_batch_free(store->pending[--store->pending_count]);
        code = no_memory(error);
    }
out:
    phase_unlock_write(&store->lock);
    return code;
}

static void drop_pending(struct memory_store *store)
{
    for (size_t i = 0; i < store->pending_count; i++)
        store_batch_free(store->pending[i]);
    store->pending_count = 0;
}

/* Each batch leaves the pending ones as it becomes durable, so that a failure between two of them
 * leaves a prefix. */
static enum code make_durable(struct memory_store *store, struct error *error)
{
    size_t done = 0;
    while (done < store->pending_count &&
           apply(store->durable, store->pending[done], store->store.memory))
        store_batch_free(store->pending[done++]);
    store->pending_count -= done;
    for (size_t i = 0; i < store->pending_count; i++)
        store->pending[i] = store->pending[done + i];
    return store->pending_count == 0 ? CODE_OK : no_memory(error);
}

static enum code memory_flush(struct store *base, struct error *error)
{
    struct memory_store *store = memory_store_of(base);
    enum code code = CODE_OK;
    phase_lock_write(&store->lock);
    if (made_to_fail(store)) {
        code = refuse("flush", error);
    } else if (store->faulty && !store->ignore_flush) {
        code = make_durable(store, error);
    }
    phase_unlock_write(&store->lock);
    return code;
}

static enum code memory_stats(struct store *base, struct store_stats *stats, struct error *error)
{
    struct memory_store *store = memory_store_of(base);
    (void)error;
    *stats = (struct store_stats){0};
    phase_lock_read(&store->lock);
    for (int i = 0; i < KEYSPACE_COUNT; i++) {
        stats->bytes += store->rows[i].bytes;
        stats->keys += store->rows[i].count;
    }
    phase_unlock_read(&store->lock);
    return CODE_OK;
}

/* There are no files. */
static enum code memory_compact(struct store *base, enum keyspace keyspace, struct key_range range,
                                struct error *error)
{
    (void)base, (void)keyspace, (void)range, (void)error;
    return CODE_OK;
}

static enum code memory_checkpoint(struct store *base, const char *path, struct error *error)
{
    (void)base;
    error_set(error, CODE_INVALID, AREA_STORE,
              "a store in memory cannot be copied to the directory '%.150s'", path);
    error_hint(error, "keep the database in a directory");
    return CODE_INVALID;
}

static void release_rows(struct skip_list rows[KEYSPACE_COUNT])
{
    for (int i = 0; i < KEYSPACE_COUNT; i++)
        skip_list_release(&rows[i]);
}

static void memory_close(struct store *base)
{
    struct memory_store *store = memory_store_of(base);
    drop_pending(store);
    memory_free(base->memory, store->pending, store->pending_capacity * sizeof *store->pending);
    release_rows(store->rows);
    release_rows(store->durable);
    phase_lock_release(&store->lock);
    memory_free(base->memory, store, sizeof *store);
}

static const struct store_operations memory_operations = {.get = memory_get,
                                                          .get_many = memory_get_many,
                                                          .scan = memory_scan,
                                                          .write = memory_write,
                                                          .flush = memory_flush,
                                                          .stats = memory_stats,
                                                          .checkpoint = memory_checkpoint,
                                                          .compact = memory_compact,
                                                          .close = memory_close};

static enum code open_store(struct memory *memory, bool faulty, struct store **opened,
                            struct error *error)
{
    struct memory_store *store = memory_allocate_zeroed(memory, sizeof *store);
    *opened = NULL;
    if (!store) return error_no_memory(error, AREA_STORE, sizeof *store);
    store->store = (struct store){&memory_operations, memory};
    store->faulty = faulty;
    phase_lock_init(&store->lock, LOCK_RANK_STORE);
    for (int i = 0; i < KEYSPACE_COUNT; i++) {
        skip_list_init(&store->rows[i], memory);
        skip_list_init(&store->durable[i], memory);
    }
    *opened = &store->store;
    return CODE_OK;
}

enum code memory_store_open(struct memory *memory, struct store **store, struct error *error)
{
    return open_store(memory, false, store, error);
}

enum code memory_store_open_faulty(struct memory *memory, struct store **store, struct error *error)
{
    return open_store(memory, true, store, error);
}

size_t memory_store_pending(const struct store *store)
{
    return ((const struct memory_store *)store)->pending_count;
}

enum code memory_store_crash(struct store *base, size_t keep, struct error *error)
{
    struct memory_store *store = memory_store_of(base);
    bool ok = true;
    phase_lock_write(&store->lock);
    for (size_t i = 0; i < keep && i < store->pending_count; i++)
        ok = ok && apply(store->durable, store->pending[i], base->memory);
    drop_pending(store);
    release_rows(store->rows);
    ok = ok && copy_rows(store->rows, store->durable);
    store->fail_at = 0;
    phase_unlock_write(&store->lock);
    return ok ? CODE_OK : no_memory(error);
}

void memory_store_fail_at(struct store *store, uint64_t operation)
{
    memory_store_of(store)->fail_at = operation;
}

void memory_store_refuse_many(struct store *store, bool refuse)
{
    atomic_store(&memory_store_of(store)->refuses_many, refuse);
}

void memory_store_ignore_flush(struct store *store, bool ignore)
{
    memory_store_of(store)->ignore_flush = ignore;
}
