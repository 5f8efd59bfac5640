/* RocksDB, by its C API (7.8).
 *
 * Its own log is on and unsynced: a batch is in it whole or not at all, and store_flush syncs it
 * (rocksdb_flush_wal).  A checkpoint writes one batch between two flushes, so a crash leaves all of
 * the newest batch or nothing; several unflushed batches could come back with a hole, which is why
 * nothing else may write (docs/decisions/003-checkpoint-cut.md).  Before a clean close every family
 * is flushed to tables, or the next open would replay RocksDB's log for seconds.
 *
 * What failed once is not written to again: RocksDB would clear the error by itself when there is
 * room again, and go on in a new log behind the torn one.  If that is still there at the next open,
 * RocksDB takes tables that are newer for damage ("SST file is ahead of WALs") and does not open.
 * So a handle with a failure is closed at once, while the torn log is the last one, and opened
 * again by the next call.
 *
 * Nothing is allocated ahead: RocksDB would ask for 18 MB for a new log before it writes the
 * manifest that makes an open valid, so that on a disk with less to spare no open succeeds, and
 * each attempt leaves its tables behind until there is nothing to spare at all.
 *
 * Not used, each for a reason found in its issues: atomic_flush with the log off (rocksdb_flush
 * then flushes one family), merge operators (not idempotent under replay), log recycling. */
#include "storage/rocksdb_store.h"

#include "os/phase_lock.h"
#include "os/threads.h"

#include <assert.h>
#include <rocksdb/c.h>
#include <stdlib.h>
#include <string.h>

#define WRITE_BUFFER_BYTES ((size_t)16 << 20)
#define ALL_BUFFERS_BYTES  ((size_t)96 << 20)
#define LOG_BYTES          ((uint64_t)64 << 20)
#define CACHE_BYTES        ((size_t)32 << 20)
#define OPEN_FILES         256 /* tables kept open */

struct rocksdb_store {
    struct store store; /* first: a store is cast to it */
    char *path;
    size_t path_bytes;
    struct phase_lock lock; /* over db and families: who reads has it shared */
    rocksdb_t *db;          /* NULL: closed, after a failure of the thread that writes */
    struct mutex stats_lock;
    struct store_stats stats; /* when they were last asked */
    rocksdb_options_t *options;
    rocksdb_block_based_table_options_t *table_options;
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *read_options;
    rocksdb_writeoptions_t *write_options;
    rocksdb_column_family_handle_t *families[KEYSPACE_COUNT];
    bool read_only;
    bool wrote;
};

struct rocksdb_scan {
    struct store_scan scan; /* first: a scan is cast to it */
    struct memory *memory;
    rocksdb_iterator_t *iterator;
    rocksdb_readoptions_t *read_options;
    struct buffer upper; /* RocksDB borrows the bound while it iterates */
    bool started;
};

/* Indexed by keyspace; the database's own records are in the family that every RocksDB has. */
static const char *const family_names[KEYSPACE_COUNT] = {"items", "users", "creators", "default"};

static struct rocksdb_store *rocksdb_store_of(struct store *store)
{
    return (struct rocksdb_store *)store;
}

enum code rocksdb_classify(const char *text)
{
    static const struct {
        const char *part;
        enum code code;
    } meanings[] = {
        {"No space left", CODE_NO_SPACE},
        {"Disk quota exceeded", CODE_NO_SPACE},
        {"Read-only file system", CODE_READ_ONLY},
        {"Permission denied", CODE_READ_ONLY},
        {"Too many open files", CODE_LIMIT},
        {"Not supported operation in read only mode", CODE_READ_ONLY},
        {"Resource temporarily unavailable", CODE_BUSY},
        {"lock hold by current process", CODE_BUSY},
        {"While lock file", CODE_BUSY},
        {"Corruption", CODE_CORRUPT},
        {"Directory exists", CODE_INVALID},
        {"does not exist", CODE_NOT_FOUND},
        {"/CURRENT: No such file", CODE_NOT_FOUND}, /* from a read-only open */
        {"Invalid argument", CODE_CORRUPT},
    };
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++)
        if (strstr(text, meanings[i].part)) return meanings[i].code;
    return CODE_IO;
}

/* CODE_OK if there is no text; takes the text. */
static enum code check(char *text, const char *what, struct error *error)
{
    if (!text) return CODE_OK;
    enum code code =
        error_set(error, rocksdb_classify(text), AREA_STORE, "cannot %s the store: %s", what, text);
    rocksdb_free(text);
    if (code == CODE_LIMIT) error_hint(error, "raise the limit of open files: ulimit -n");
    return code;
}

/* Under the lock, or while nobody else is there. */
static enum code open_families(struct rocksdb_store *store, struct error *error)
{
    const rocksdb_options_t *options[KEYSPACE_COUNT];
    rocksdb_column_family_handle_t *families[KEYSPACE_COUNT];
    char *text = NULL;
    rocksdb_t *db;
    for (int i = 0; i < KEYSPACE_COUNT; i++)
        options[i] = store->options;
    if (store->read_only) {
        db = rocksdb_open_for_read_only_column_families(store->options, store->path, KEYSPACE_COUNT,
                                                        family_names, options, families, 0, &text);
    } else {
        db = rocksdb_open_column_families(store->options, store->path, KEYSPACE_COUNT, family_names,
                                          options, families, &text);
    }
    if (text) return check(text, "open", error);
    store->db = db;
    memcpy(store->families, families, sizeof families);
    return CODE_OK;
}

static void close_families(struct rocksdb_store *store)
{
    phase_lock_write(&store->lock);
    if (store->db) {
        for (int i = 0; i < KEYSPACE_COUNT; i++)
            rocksdb_column_family_handle_destroy(store->families[i]);
        rocksdb_close(store->db);
        store->db = NULL;
    }
    phase_unlock_write(&store->lock);
}

/* Takes the lock shared, over a store that is open; opens it again if a failure has closed it. */
static enum code begin_read(struct rocksdb_store *store, struct error *error)
{
    for (;;) {
        enum code code = CODE_OK;
        phase_lock_read(&store->lock);
        if (store->db) return CODE_OK;
        phase_unlock_read(&store->lock);
        phase_lock_write(&store->lock);
        if (!store->db) {
            rocksdb_options_set_create_if_missing(store->options, 0);
            code = open_families(store, error);
        }
        phase_unlock_write(&store->lock);
        if (code != CODE_OK) return code;
    }
}

static void end_read(struct rocksdb_store *store)
{
    phase_unlock_read(&store->lock);
}

/* For the thread that writes: nobody else closes what is open. */
static enum code ensure_open(struct rocksdb_store *store, struct error *error)
{
    enum code code = begin_read(store, error);
    if (code == CODE_OK) end_read(store);
    return code;
}

/* The end of all that writes. */
static enum code wrote(struct rocksdb_store *store, enum code code)
{
    if (code != CODE_OK && code != CODE_INVALID) close_families(store);
    return code;
}

static enum code rocksdb_get_row(struct store *base, enum keyspace keyspace, struct slice key,
                                 struct buffer *value, bool *found, struct error *error)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    char *text = NULL;
    enum code code = begin_read(store, error);
    if (code != CODE_OK) return code;
    rocksdb_pinnableslice_t *row =
        rocksdb_get_pinned_cf(store->db, store->read_options, store->families[keyspace],
                              (const char *)key.data, key.bytes, &text);
    code = check(text, "read", error);
    *found = code == CODE_OK && row;
    if (*found) {
        size_t bytes;
        const char *data = rocksdb_pinnableslice_value(row, &bytes);
        code = store_give(slice_of(data, bytes), value, error);
    }
    if (row) rocksdb_pinnableslice_destroy(row);
    end_read(store);
    return code;
}

/* Keys of one call of RocksDB's, which reads those of a block together. */
enum { TOGETHER = 128 };

/* Gives away what was read of the keys from `first` on, and frees it. */
static enum code take_rows(const struct store_wanted *wanted, size_t first,
                           rocksdb_pinnableslice_t **rows, char **texts, struct error *error)
{
    enum code code = CODE_OK;
    for (size_t i = 0; i < TOGETHER && first + i < wanted->count; i++) {
        if (code == CODE_OK && texts[i]) {
            code = check(texts[i], "read", error);
        } else {
            rocksdb_free(texts[i]);
        }
        struct slice row = {0};
        if (rows[i]) row.data = (const uint8_t *)rocksdb_pinnableslice_value(rows[i], &row.bytes);
        if (code == CODE_OK)
            code = wanted->take(wanted->context, first + i, rows[i] ? &row : NULL, error);
        if (rows[i]) rocksdb_pinnableslice_destroy(rows[i]);
    }
    return code;
}

static enum code rocksdb_get_rows(struct store *base, const struct store_wanted *wanted,
                                  struct error *error)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    const char *keys[TOGETHER];
    size_t bytes[TOGETHER];
    rocksdb_pinnableslice_t *rows[TOGETHER] = {NULL};
    char *texts[TOGETHER] = {NULL};
    enum code code = begin_read(store, error);
    if (code != CODE_OK) return code;
    for (size_t first = 0; first < wanted->count && code == CODE_OK; first += TOGETHER) {
        size_t left = wanted->count - first, count = left < TOGETHER ? left : TOGETHER;
        for (size_t i = 0; i < count; i++) {
            keys[i] = (const char *)wanted->keys[first + i].data;
            bytes[i] = wanted->keys[first + i].bytes;
        }
        rocksdb_batched_multi_get_cf(store->db, store->read_options,
                                     store->families[wanted->keyspace], count, keys, bytes, rows,
                                     texts, false);
        code = take_rows(wanted, first, rows, texts, error);
    }
    end_read(store);
    return code;
}

static enum code scan_next(struct store_scan *base, struct slice *key, struct slice *value,
                           bool *has_row, struct error *error)
{
    struct rocksdb_scan *scan = (struct rocksdb_scan *)base;
    char *text = NULL;
    size_t bytes;
    if (scan->started && rocksdb_iter_valid(scan->iterator)) rocksdb_iter_next(scan->iterator);
    scan->started = true;
    *has_row = rocksdb_iter_valid(scan->iterator);
    if (!*has_row) {
        rocksdb_iter_get_error(scan->iterator, &text);
        return check(text, "scan", error);
    }
    const char *data = rocksdb_iter_key(scan->iterator, &bytes);
    *key = slice_of(data, bytes);
    data = rocksdb_iter_value(scan->iterator, &bytes);
    *value = slice_of(data, bytes);
    return CODE_OK;
}

static void scan_close(struct store_scan *base)
{
    struct rocksdb_scan *scan = (struct rocksdb_scan *)base;
    rocksdb_iter_destroy(scan->iterator);
    rocksdb_readoptions_destroy(scan->read_options);
    buffer_release(&scan->upper);
    memory_free(scan->memory, scan, sizeof *scan);
}

static const struct store_scan_operations scan_operations = {scan_next, scan_close};

static enum code rocksdb_scan_open(struct store *base, enum keyspace keyspace,
                                   struct key_range range, struct store_scan **opened,
                                   struct error *error)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    enum code code = ensure_open(store, error);
    if (code != CODE_OK) return code;
    struct rocksdb_scan *scan = memory_allocate_zeroed(base->memory, sizeof *scan);
    if (!scan) return error_no_memory(error, AREA_STORE, sizeof *scan);
    scan->scan.operations = &scan_operations;
    scan->memory = base->memory;
    buffer_init(&scan->upper, base->memory, SIZE_MAX);
    buffer_append(&scan->upper, range.upper.data, range.upper.bytes);
    if (scan->upper.failed) {
        buffer_release(&scan->upper);
        memory_free(base->memory, scan, sizeof *scan);
        return error_no_memory(error, AREA_STORE, range.upper.bytes);
    }
    scan->read_options = rocksdb_readoptions_create();
    if (scan->upper.bytes > 0)
        rocksdb_readoptions_set_iterate_upper_bound(
            scan->read_options, (const char *)scan->upper.data, scan->upper.bytes);
    scan->iterator =
        rocksdb_create_iterator_cf(store->db, scan->read_options, store->families[keyspace]);
    if (range.lower.bytes > 0) {
        rocksdb_iter_seek(scan->iterator, (const char *)range.lower.data, range.lower.bytes);
    } else {
        rocksdb_iter_seek_to_first(scan->iterator);
    }
    *opened = &scan->scan;
    return CODE_OK;
}

static enum code refuse_read_only(struct error *error)
{
    return error_set(error, CODE_READ_ONLY, AREA_STORE, "the store was opened read-only");
}

static enum code rocksdb_write_batch(struct store *base, const struct store_batch *batch,
                                     struct error *error)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    struct batch_operation operation;
    size_t offset = 0;
    char *text = NULL;
    enum code code = store->read_only ? refuse_read_only(error) : ensure_open(store, error);
    if (code != CODE_OK) return code;
    rocksdb_writebatch_t *rows = rocksdb_writebatch_create();
    while (store_batch_next(batch, &offset, &operation)) {
        rocksdb_column_family_handle_t *family = store->families[operation.keyspace];
        const char *key = (const char *)operation.key.data;
        if (operation.is_delete) {
            rocksdb_writebatch_delete_cf(rows, family, key, operation.key.bytes);
        } else {
            rocksdb_writebatch_put_cf(rows, family, key, operation.key.bytes,
                                      (const char *)operation.value.data, operation.value.bytes);
        }
    }
    store->wrote = true;
    rocksdb_write(store->db, store->write_options, rows, &text);
    rocksdb_writebatch_destroy(rows);
    return wrote(store, check(text, "write", error));
}

static enum code rocksdb_flush_log(struct store *base, struct error *error)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    char *text = NULL;
    enum code code = store->read_only ? refuse_read_only(error) : ensure_open(store, error);
    if (code != CODE_OK) return code;
    rocksdb_flush_wal(store->db, 1, &text);
    return wrote(store, check(text, "flush", error));
}

static enum code rocksdb_read_stats(struct store *base, struct store_stats *stats,
                                    struct error *error)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    (void)error;
    phase_lock_read(&store->lock);
    mutex_lock(&store->stats_lock);
    if (store->db) store->stats = (struct store_stats){0};
    for (int i = 0; store->db && i < KEYSPACE_COUNT; i++) {
        uint64_t number = 0;
        if (!rocksdb_property_int_cf(store->db, store->families[i], "rocksdb.estimate-num-keys",
                                     &number))
            store->stats.keys += number;
        number = 0;
        if (!rocksdb_property_int_cf(store->db, store->families[i], "rocksdb.total-sst-files-size",
                                     &number))
            store->stats.bytes += number;
        number = 0;
        if (!rocksdb_property_int_cf(store->db, store->families[i],
                                     "rocksdb.cur-size-all-mem-tables", &number))
            store->stats.bytes += number;
    }
    *stats = store->stats;
    mutex_unlock(&store->stats_lock);
    phase_unlock_read(&store->lock);
    return CODE_OK;
}

/* Flushes to tables first, so that there is no log of RocksDB's to copy: a batch would be in it
 * unsynced. */
static enum code rocksdb_copy(struct store *base, const char *path, struct error *error)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    char *text = NULL;
    enum code code = store->read_only ? refuse_read_only(error) : ensure_open(store, error);
    if (code != CODE_OK) return code;
    rocksdb_checkpoint_t *checkpoint = rocksdb_checkpoint_object_create(store->db, &text);
    if (!text) rocksdb_checkpoint_create(checkpoint, path, 0, &text);
    if (checkpoint) rocksdb_checkpoint_object_destroy(checkpoint);
    return wrote(store, check(text, "copy", error));
}

/* Tables for what is in RocksDB's log, so that the next open need not replay it.  What fails here
 * is in that log, so nothing is lost. */
static void flush_families(struct rocksdb_store *store)
{
    rocksdb_flushoptions_t *options = rocksdb_flushoptions_create();
    for (int i = 0; i < KEYSPACE_COUNT; i++) {
        char *text = NULL;
        rocksdb_flush_cf(store->db, options, store->families[i], &text);
        rocksdb_free(text);
    }
    rocksdb_flushoptions_destroy(options);
}

/* All families are flushed, as RocksDB's log goes only when none needs it any more; and the lowest
 * level is written anew too, or what was replaced there long ago would stay. */
static enum code rocksdb_compact(struct store *base, enum keyspace keyspace, struct key_range range,
                                 struct error *error)
{
    enum { FORCE = 2 };
    struct rocksdb_store *store = rocksdb_store_of(base);
    const char *lower = (const char *)range.lower.data, *upper = (const char *)range.upper.data;
    enum code code = store->read_only ? refuse_read_only(error) : ensure_open(store, error);
    if (code != CODE_OK) return code;
    flush_families(store);
    rocksdb_compactoptions_t *options = rocksdb_compactoptions_create();
    rocksdb_compactoptions_set_bottommost_level_compaction(options, FORCE);
    rocksdb_compact_range_cf_opt(store->db, store->families[keyspace], options,
                                 range.lower.bytes > 0 ? lower : NULL, range.lower.bytes,
                                 range.upper.bytes > 0 ? upper : NULL, range.upper.bytes);
    rocksdb_compactoptions_destroy(options);
    return CODE_OK;
}

static void rocksdb_store_close(struct store *base)
{
    struct rocksdb_store *store = rocksdb_store_of(base);
    if (store->db && store->wrote) flush_families(store);
    close_families(store);
    rocksdb_readoptions_destroy(store->read_options);
    rocksdb_writeoptions_destroy(store->write_options);
    rocksdb_options_destroy(store->options);
    rocksdb_block_based_options_destroy(store->table_options);
    rocksdb_cache_destroy(store->cache);
    mutex_release(&store->stats_lock);
    phase_lock_release(&store->lock);
    memory_free(base->memory, store->path, store->path ? store->path_bytes : 0);
    memory_free(base->memory, store, sizeof *store);
}

static const struct store_operations rocksdb_operations = {.get = rocksdb_get_row,
                                                           .get_many = rocksdb_get_rows,
                                                           .scan = rocksdb_scan_open,
                                                           .write = rocksdb_write_batch,
                                                           .flush = rocksdb_flush_log,
                                                           .stats = rocksdb_read_stats,
                                                           .checkpoint = rocksdb_copy,
                                                           .compact = rocksdb_compact,
                                                           .close = rocksdb_store_close};

/* The C API has no function for this option. */
static void allocate_nothing_ahead(rocksdb_options_t *options)
{
    rocksdb_options_t *standard = rocksdb_options_create();
    char *text = NULL;
    rocksdb_get_options_from_string(standard, "allow_fallocate=false", options, &text);
    assert(!text);
    rocksdb_free(text);
    rocksdb_options_destroy(standard);
}

static void set_options(struct rocksdb_store *store, bool create)
{
    rocksdb_options_t *options = store->options;
    allocate_nothing_ahead(options); /* first: it sets all others to their standard */
    rocksdb_block_based_options_set_block_cache(store->table_options, store->cache);
    rocksdb_block_based_options_set_filter_policy(store->table_options,
                                                  rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(store->table_options, 1);
    rocksdb_block_based_options_set_format_version(store->table_options, 5);
    rocksdb_options_set_block_based_table_factory(options, store->table_options);
    rocksdb_options_set_create_if_missing(options, create);
    /* Also where none is created: a crash may have ended an earlier creation half-way. */
    rocksdb_options_set_create_missing_column_families(options, !store->read_only);
    rocksdb_options_set_paranoid_checks(options, 1);
    rocksdb_options_set_write_buffer_size(options, WRITE_BUFFER_BYTES);
    rocksdb_options_set_db_write_buffer_size(options, ALL_BUFFERS_BYTES);
    rocksdb_options_set_max_total_wal_size(options, LOG_BYTES);
    rocksdb_options_set_max_background_jobs(options, 2);
    rocksdb_options_set_compression(options, rocksdb_lz4_compression);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(options, 1);
    rocksdb_options_set_keep_log_file_num(options, 2);
    rocksdb_options_set_info_log_level(options, 4); /* fatal only */
    rocksdb_options_set_max_open_files(options, OPEN_FILES);
}

enum code rocksdb_store_open(const char *path, const struct rocksdb_store_options *options,
                             struct memory *memory, struct store **opened, struct error *error)
{
    struct rocksdb_store *store = memory_allocate_zeroed(memory, sizeof *store);
    *opened = NULL;
    if (!store) return error_no_memory(error, AREA_STORE, sizeof *store);
    store->store = (struct store){&rocksdb_operations, memory};
    store->read_only = options->read_only;
    store->options = rocksdb_options_create();
    store->table_options = rocksdb_block_based_options_create();
    store->cache = rocksdb_cache_create_lru(CACHE_BYTES);
    store->read_options = rocksdb_readoptions_create();
    store->write_options = rocksdb_writeoptions_create();
    set_options(store, options->create);
    phase_lock_init(&store->lock, LOCK_RANK_STORE);
    mutex_init(&store->stats_lock, LOCK_RANK_STORE + 1);
    store->path_bytes = strlen(path) + 1;
    store->path = memory_allocate(memory, store->path_bytes);
    if (store->path) memcpy(store->path, path, store->path_bytes);
    enum code code = store->path ? open_families(store, error)
                                 : error_no_memory(error, AREA_STORE, store->path_bytes);
    if (code == CODE_OK) {
        *opened = &store->store;
    } else {
        rocksdb_store_close(&store->store);
    }
    return code;
}
