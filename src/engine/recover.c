/* Recovery: load every fold from the store at LSN c, then apply the log from c + 1.  The same apply
 * as ever; nothing here decides anything about an event. */
#include "engine/internal.h"

#include "base/text.h"
#include "query/statement.h"
#include "storage/key.h"

#include <inttypes.h>

#define MAX_AGE_DEFAULT_MS (UINT64_C(30) * 86400000)

static enum code get_number(struct store *store, struct slice key, uint64_t absent,
                            uint64_t *number, struct error *error)
{
    struct memory memory;
    struct buffer value;
    bool found;
    memory_init(&memory, 0);
    buffer_init(&value, &memory, 64);
    enum code code = store_get(store, KEYSPACE_DATABASE, key, &value, &found, error);
    if (code == CODE_OK && found && value.bytes != 8) {
        code = error_set(error, CODE_CORRUPT, AREA_STORE, "the store's record '%.*s' is damaged",
                         (int)key.bytes, (const char *)key.data);
    }
    if (code == CODE_OK) *number = found ? load_u64(value.data) : absent;
    buffer_release(&value);
    memory_release(&memory);
    return code;
}

static enum code check_format(struct store *store, struct error *error)
{
    uint64_t format;
    enum code code = get_number(store, KEY_FORMAT, STORE_FORMAT, &format, error);
    if (code == CODE_OK && format > STORE_FORMAT) {
        error_set(error, CODE_VERSION, AREA_STORE,
                  "the store has format %llu, this library reads up to %d",
                  (unsigned long long)format, STORE_FORMAT);
        error_hint(error, "use the version that wrote it, or a newer one");
        code = CODE_VERSION;
    }
    return code;
}

/* A store and a log that were put together from two databases must not be taken for one. */
static enum code check_identity(struct database *database, struct error *error)
{
    struct buffer value;
    bool found;
    buffer_init(&value, &database->request_memory, 64);
    enum code code = store_get(database->store, KEYSPACE_DATABASE, KEY_UUID, &value, &found, error);
    if (code == CODE_OK && found &&
        !slice_equal(buffer_slice(&value), slice_of(database->id, sizeof database->id))) {
        error_set(error, CODE_CORRUPT, AREA_STORE, "the store is of another database");
        error_hint(error, "restore store and log from the same backup");
        code = CODE_CORRUPT;
    }
    buffer_release(&value);
    return code;
}

enum code recover_define(struct database *database, struct slice text, struct error *error)
{
    struct statement statement;
    struct schema *extended;
    struct violations violations = {0};
    enum code code;
    arena_reset(&database->apply_arena);
    TRY(statement_parse(text, &database->apply_arena, &statement, error));
    if (statement.kind != STATEMENT_DEFINE) {
        return error_set(error, CODE_CORRUPT, AREA_STORE, "a definition in the store is damaged");
    }
    TRY(schema_extend(database->schema, &statement.define, &extended, &violations, error));
    schema_free(database->schema);
    database->schema = extended;
    database->schema_version++;
    database->schema_texts_stored++;
out:
    return code;
}

/* The definitions, in the order in which they were made: ids follow from it. */
enum code recover_schema(struct database *database, struct error *error)
{
    struct slice prefix = slice_of(KEY_SCHEMA_PREFIX, sizeof KEY_SCHEMA_PREFIX - 1);
    struct store_scan *scan = NULL;
    struct key_bounds bounds;
    struct slice key, text;
    bool has_row;
    enum code code;
    TRY(store_scan_open(database->store, KEYSPACE_DATABASE, key_range_of_prefix(prefix, &bounds),
                        &scan, error));
    TRY(store_scan_next(scan, &key, &text, &has_row, error));
    while (has_row) {
        TRY(recover_define(database, text, error));
        TRY(store_scan_next(scan, &key, &text, &has_row, error));
    }
out:
    store_scan_close(scan);
    return code;
}

/* How long the log is kept: as this opening says, else as an earlier one did. */
static enum code load_settings(struct database *database, struct error *error)
{
    bool is_asked = database->retain_ms > 0;
    uint64_t retain_ms, max_age_ms;
    enum code code;
    TRY(get_number(database->store, KEY_RETAIN, 0, &retain_ms, error));
    TRY(get_number(database->store, KEY_MAX_AGE, MAX_AGE_DEFAULT_MS, &max_age_ms, error));
    if (database->retain_ms == 0) database->retain_ms = (int64_t)retain_ms;
    if (database->max_age_ms == 0) database->max_age_ms = (int64_t)max_age_ms;
    int64_t most_ms = database->max_age_ms / 8 * 7;
    if (database->retain_ms > most_ms && is_asked) {
        char asked[DURATION_TEXT_BYTES], age[DURATION_TEXT_BYTES], most[DURATION_TEXT_BYTES];
        duration_format(database->retain_ms, asked);
        duration_format(database->max_age_ms, age);
        duration_format(most_ms, most);
        error_set(error, CODE_INVALID, AREA_ENGINE,
                  "the log cannot be kept for %s (retain_log_ms): it holds nothing older than %s "
                  "(retain_log_max_age_ms), of which 7/8 can be kept",
                  asked, age);
        error_hint(error, "ask for at most %s, or open with a longer retain_log_max_age_ms", most);
        return CODE_INVALID;
    }
    if (database->retain_ms > most_ms) database->retain_ms = most_ms;
    database->settings_changed =
        (uint64_t)database->retain_ms != retain_ms || (uint64_t)database->max_age_ms != max_age_ms;
out:
    return code;
}

enum code recover_load(struct database *database, lsn *applied, lsn *oldest, struct error *error)
{
    uint64_t watermark;
    enum code code;
    TRY(check_format(database->store, error));
    TRY(check_identity(database, error));
    TRY(get_number(database->store, KEY_APPLIED, 0, applied, error));
    TRY(get_number(database->store, KEY_OLDEST, 0, oldest, error));
    TRY(get_number(database->store, KEY_WATERMARK, (uint64_t)INT64_MIN, &watermark, error));
    database->watermark_ms = (int64_t)watermark;
    TRY(load_settings(database, error));
    TRY(recover_schema(database, error));
    TRY(forget_load(database, error));
    for (int i = 0; i < FOLD_COUNT; i++) {
        struct fold *fold = &database->folds[i];
        if (fold_is_idle(database, i)) continue;
        TRY(fold->ops->load(fold->state, database->store, database->schema, error));
    }
    atomic_store(&database->applied, *applied);
    atomic_store(&database->checkpoint, *applied);
out:
    return code;
}

/* An identity that is of the content must be its hash.  The log's own hash was made later: this one
 * tells what was damaged in between, and a log that another program wrote. */
static enum code check_content(const struct wal_entry *entry, struct error *error)
{
    uint8_t identity[WAL_IDENTITY_BYTES];
    if (entry->flags & (WAL_ENTRY_CALLERS_KEY | WAL_ENTRY_NO_DEDUPE)) return CODE_OK;
    wal_content_identity(entry->type, entry->payload, identity);
    if (memcmp(identity, entry->identity, sizeof identity) == 0) return CODE_OK;
    error_set(error, CODE_CORRUPT, AREA_WAL,
              "the content of LSN %" PRIu64 " in the log is not what its identity says",
              entry->lsn);
    error_hint(error, "restore a backup, or keep what verifies: tidal salvage DIR NEW");
    return CODE_CORRUPT;
}

static enum code replay_entry(void *context, const struct wal_entry *entry, struct error *error)
{
    struct database *database = context;
    enum code code = check_content(entry, error);
    if (code != CODE_OK) return code;
    database->replayed++;
    return apply_entry(database, entry, error);
}

enum code recover_replay(struct database *database, lsn applied, struct error *error)
{
    enum code code = CODE_OK;
    if (wal_last(database->wal) > applied)
        code = wal_replay(database->wal, applied + 1, replay_entry, database, error);
    if (code == CODE_OK) budget_keep(database);
    return code;
}
