/* The store: rows in four isolated keyspaces, and atomic batches over all of them.
 *
 * A backend implements `struct store_operations` (memory_store.c, rocksdb_store.c) and passes one
 * contract suite.  What was written is visible to every later read at once; it is durable after
 * store_flush.  Each batch is atomic, also over a crash; of batches since the last flush a crash
 * leaves any prefix.
 * any thread for reading; one thread at a time for writing. */
#ifndef TIDAL_STORAGE_STORE_H
#define TIDAL_STORAGE_STORE_H

#include "base/bytes.h"

enum keyspace {
    KEYSPACE_ITEMS,
    KEYSPACE_USERS,
    KEYSPACE_CREATORS,
    KEYSPACE_DATABASE, /* the database's own records */
    KEYSPACE_COUNT
};

/* The newest, and the one that is written unless there is a DROP or RENAME among the definitions.
 */
#define STORE_FORMAT       2
#define STORE_FORMAT_PLAIN 1

struct store;
struct store_scan;
struct store_batch;

/* Keys in byte order: lower <= key < upper.  An empty bound is none. */
struct key_range {
    struct slice lower;
    struct slice upper;
};

struct store_stats {
    uint64_t bytes; /* about what the rows take */
    uint64_t keys;  /* about how many there are */
};

/* Rows asked for together. */
struct store_wanted {
    enum keyspace keyspace;
    const struct slice *keys; /* in any order */
    size_t count;
    /* Is given the row of keys[index], in order; `row` is lent during the call, NULL: there is
     * none.  It does not ask the store for anything; what it returns, unless OK, ends the asking.
     */
    enum code (*take)(void *context, size_t index, const struct slice *row, struct error *error);
    void *context;
};

struct store_scan_operations {
    enum code (*next)(struct store_scan *scan, struct slice *key, struct slice *value,
                      bool *has_row, struct error *error);
    void (*close)(struct store_scan *scan);
};

struct store_scan {
    const struct store_scan_operations *operations;
};

struct store_operations {
    enum code (*get)(struct store *store, enum keyspace keyspace, struct slice key,
                     struct buffer *value, bool *found, struct error *error);
    enum code (*get_many)(struct store *store, const struct store_wanted *wanted,
                          struct error *error);
    enum code (*scan)(struct store *store, enum keyspace keyspace, struct key_range range,
                      struct store_scan **scan, struct error *error);
    enum code (*write)(struct store *store, const struct store_batch *batch, struct error *error);
    enum code (*flush)(struct store *store, struct error *error);
    enum code (*stats)(struct store *store, struct store_stats *stats, struct error *error);
    enum code (*checkpoint)(struct store *store, const char *path, struct error *error);
    enum code (*compact)(struct store *store, enum keyspace keyspace, struct key_range range,
                         struct error *error);
    void (*close)(struct store *store);
};

struct store {
    const struct store_operations *operations;
    struct memory *memory; /* lent until store_close */
};

/* Fills `value` (over what it held).  The buffer's own maximum bounds what is read: CODE_LIMIT for
 * a larger row. */
MUST_USE enum code store_get(struct store *store, enum keyspace keyspace, struct slice key,
                             struct buffer *value, bool *found, struct error *error);
/* Many rows with as few turns to the disk as can be. */
MUST_USE enum code store_get_many(struct store *store, const struct store_wanted *wanted,
                                  struct error *error);
/* Rows of a range in key order, as they were when the scan was opened.  The range is copied.  A
 * backend may make writers wait for the scan's end, so its thread closes it before it asks the
 * store for anything else. */
MUST_USE enum code store_scan_open(struct store *store, enum keyspace keyspace,
                                   struct key_range range, struct store_scan **scan,
                                   struct error *error);
/* Key and value are lent until the next call on the scan. */
MUST_USE enum code store_scan_next(struct store_scan *scan, struct slice *key, struct slice *value,
                                   bool *has_row, struct error *error);
void store_scan_close(struct store_scan *scan); /* NULL is allowed */
/* A whole scan: calls `row` for each row of the range, until it fails. */
typedef enum code store_row_fn(void *context, struct slice key, struct slice value,
                               struct error *error);
MUST_USE enum code store_for_each(struct store *store, enum keyspace keyspace,
                                  struct key_range range, store_row_fn *row, void *context,
                                  struct error *error);

/* A batch: puts and deletes in order, the last of a key winning.  Keys and values are copied. */
MUST_USE enum code store_batch_create(struct store *store, struct store_batch **batch,
                                      struct error *error);
void store_batch_free(struct store_batch *batch); /* NULL is allowed */
void store_batch_clear(struct store_batch *batch);
MUST_USE enum code store_batch_put(struct store_batch *batch, enum keyspace keyspace,
                                   struct slice key, struct slice value, struct error *error);
MUST_USE enum code store_batch_delete(struct store_batch *batch, enum keyspace keyspace,
                                      struct slice key, struct error *error);
size_t store_batch_count(const struct store_batch *batch);
size_t store_batch_bytes(const struct store_batch *batch);

/* All of the batch or nothing of it. */
MUST_USE enum code store_write(struct store *store, const struct store_batch *batch,
                               struct error *error);
/* All that was written is durable when it returns. */
MUST_USE enum code store_flush(struct store *store, struct error *error);
MUST_USE enum code store_stats(struct store *store, struct store_stats *stats, struct error *error);
/* A copy of the store, as it is now, in the directory `path` of the machine, which is made; its
 * parent exists.  A store of the same backend opens there.  Files that never change again are
 * shared where the file system can (hard links), so it costs little, and neither store sees what
 * the other does.  The copy is durable when it returns, but for its name in the parent.  Counts as
 * writing: one thread at a time; reading goes on.  After an error the directory is not there, and
 * one named `path`.tmp may be (the next attempt removes it).
 * CODE_INVALID: the directory exists, or the store is in memory; CODE_READ_ONLY: it was opened so;
 * CODE_NO_SPACE, CODE_IO. */
MUST_USE enum code store_checkpoint(struct store *store, const char *path, struct error *error);
/* Writes anew what holds rows of the range, so that rows that were deleted or replaced before leave
 * no bytes in the store's files (of open scans maybe until they are closed; copies made by
 * store_checkpoint keep theirs).  Counts as writing.  Whether the disk had room for it is not known
 * (RocksDB's C API does not tell): if it had not, a later call does it. */
MUST_USE enum code store_compact(struct store *store, enum keyspace keyspace,
                                 struct key_range range, struct error *error);
void store_close(struct store *store); /* NULL is allowed */

/* For backends: copies a row's value out, or says why it does not fit. */
MUST_USE enum code store_give(struct slice row, struct buffer *value, struct error *error);

/* For backends: the next operation of a batch; *offset starts at 0; false at the end. */
struct batch_operation {
    enum keyspace keyspace;
    bool is_delete;
    struct slice key;
    struct slice value;
};
bool store_batch_next(const struct store_batch *batch, size_t *offset,
                      struct batch_operation *operation);

#endif
