/* Shadows: folds without a log.  The same apply as ever, so that what a shadow says is what the
 * database would. */
#include "engine/shadow.h"

#include "engine/internal.h"
#include "storage/key.h"
#include "storage/memory_store.h"

enum code shadow_create(struct database **shadow, struct error *error)
{
    struct database_options options = {.read_only = true};
    return database_create(&options, shadow, error);
}

/* The store says itself whose it is. */
static enum code take_identity(struct database *shadow, struct store *store, struct error *error)
{
    struct buffer value;
    bool found;
    buffer_init(&value, &shadow->request_memory, 64);
    enum code code = store_get(store, KEYSPACE_DATABASE, KEY_UUID, &value, &found, error);
    if (code == CODE_OK && found && value.bytes == sizeof shadow->id)
        memcpy(shadow->id, value.data, sizeof shadow->id);
    buffer_release(&value);
    return code;
}

enum code shadow_load(struct database *shadow, struct store *store, lsn *applied, lsn *oldest,
                      struct error *error)
{
    enum code code;
    shadow->store = store;
    TRY(take_identity(shadow, store, error));
    code = recover_load(shadow, applied, oldest, error);
out:
    shadow->store = NULL;
    return code;
}

enum code shadow_load_schema(struct database *shadow, struct store *store, struct error *error)
{
    shadow->store = store;
    enum code code = recover_schema(shadow, error);
    shadow->store = NULL;
    return code;
}

enum code shadow_apply(struct database *shadow, const struct wal_entry *entry, struct error *error)
{
    enum code code = apply_entry(shadow, entry, error);
    if (code != CODE_OK) atomic_store(&shadow->failed, (int)code);
    return code;
}

void shadow_learn(struct database *shadow, const struct change *change)
{
    struct error ignored;
    if (change_alters_schema(change->kind)) (void)!recover_define(shadow, change->define, &ignored);
}

const struct schema *shadow_schema(const struct database *shadow)
{
    return shadow->schema;
}

/* A scan over rows of folds: what else the database has in the store is passed over. */
struct rows {
    struct store_scan *scan;
    enum keyspace keyspace;
    struct slice key, row;
    bool has_row;
};

static bool begins_with(struct slice key, struct slice prefix)
{
    return key.bytes >= prefix.bytes && memcmp(key.data, prefix.data, prefix.bytes) == 0;
}

static bool is_of_a_fold(const struct rows *rows)
{
    return rows->keyspace != KEYSPACE_DATABASE ||
           begins_with(rows->key, KEY_TEXT(KEY_COUNT_PREFIX)) || slice_equal(rows->key, KEY_GAPS) ||
           begins_with(rows->key, KEY_TEXT(KEY_GROUP_PREFIX));
}

static enum code rows_next(struct rows *rows, struct error *error)
{
    enum code code;
    do {
        TRY(store_scan_next(rows->scan, &rows->key, &rows->row, &rows->has_row, error));
    } while (rows->has_row && !is_of_a_fold(rows));
out:
    return code;
}

static enum code differs(const struct rows *rows, const char *how, struct error *error)
{
    static const char *const names[KEYSPACE_COUNT] = {"items", "users", "creators", "database"};
    uint64_t id;
    uint8_t tag;
    struct slice suffix;
    const char *keyspace = names[rows->keyspace];
    if (rows->keyspace != KEYSPACE_DATABASE && key_parse(rows->key, &id, &tag, &suffix)) {
        error_set(error, CODE_CORRUPT, AREA_STORE,
                  "the store's row '%c' of id %llu among the %s %s", tag, (unsigned long long)id,
                  keyspace, how);
    } else {
        error_set(error, CODE_CORRUPT, AREA_STORE, "the store's row '%.*s' among the %s %s",
                  (int)(rows->key.bytes < 40 ? rows->key.bytes : 40), (const char *)rows->key.data,
                  keyspace, how);
    }
    error_hint(error, "restore a backup, or keep what verifies: tidal salvage DIR NEW");
    return CODE_CORRUPT;
}

static enum code compare_keyspace(struct store *expected, struct store *found,
                                  enum keyspace keyspace, struct error *error)
{
    struct rows a = {.keyspace = keyspace}, b = {.keyspace = keyspace};
    struct key_range all = {0};
    enum code code;
    /* In this order: a scan in memory holds its store's lock, one of RocksDB's holds none. */
    TRY(store_scan_open(found, keyspace, all, &b.scan, error));
    TRY(store_scan_open(expected, keyspace, all, &a.scan, error));
    for (;;) {
        TRY(rows_next(&a, error));
        TRY(rows_next(&b, error));
        if (!a.has_row && !b.has_row) break;
        int order = !a.has_row ? 1 : !b.has_row ? -1 : slice_compare(a.key, b.key);
        if (order < 0) {
            code = differs(&a, "is missing", error);
            goto out;
        }
        if (order > 0 || !slice_equal(a.row, b.row)) {
            code = differs(&b, order > 0 ? "belongs to nothing" : "is not what it says", error);
            goto out;
        }
    }
out:
    store_scan_close(a.scan);
    store_scan_close(b.scan);
    return code;
}

enum code shadow_compare(struct database *shadow, struct store *store, struct error *error)
{
    struct store *expected = NULL;
    struct store_batch *batch = NULL;
    enum code code;
    TRY(memory_store_open(&shadow->request_memory, &expected, error));
    TRY(store_batch_create(expected, &batch, error));
    /* A store that no checkpoint has written has no counts either. */
    for (int i = 0; atomic_load(&shadow->applied) > 0 && i < FOLD_COUNT; i++)
        TRY(shadow->folds[i].ops->dump(shadow->folds[i].state, batch, error));
    TRY(store_write(expected, batch, error));
    for (int i = 0; i < KEYSPACE_COUNT; i++)
        TRY(compare_keyspace(expected, store, (enum keyspace)i, error));
out:
    store_batch_free(batch);
    store_close(expected);
    return code;
}
