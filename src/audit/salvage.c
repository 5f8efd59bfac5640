#include "audit/salvage.h"

#include "base/arena.h"
#include "engine/shadow.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "query/change_json.h"
#include "storage/key.h"
#include "storage/rocksdb_store.h"

#include <inttypes.h>
#include <stdio.h>

#define BASES_DIRECTORY    "bases"
#define SEGMENT_BYTES      ((uint64_t)4 << 20)
#define BATCH_BYTES        ((size_t)1 << 20)
#define CHANGE_ARENA_BYTES ((size_t)64 << 20)
#define ENTRY_ARENA_BYTES  ((size_t)8 << 20)
#define WAITING_MAXIMUM    100

struct salvage {
    struct directory *from, *to;
    const struct salvage_options *options;
    struct salvage_report *report;
    uint8_t id[16]; /* of the new database */
    struct database *shadow;
    struct wal *wal;                           /* the new log */
    lsn next_lsn;                              /* that follows on what is kept */
    bool ended;                                /* at a gap */
    struct wal_entry waiting[WAITING_MAXIMUM]; /* to be appended as one frame */
    size_t waiting_count;
    struct arena entries; /* their payloads */
    struct arena change;
    struct buffer json;
};

/* --- Rows --- */

static enum code open_store(struct directory *directory, const char *name, bool create,
                            struct store **store, struct error *error)
{
    struct rocksdb_store_options options = {.create = create, .read_only = !create};
    char path[DIRECTORY_PATH_BYTES];
    *store = NULL;
    enum code code = directory_path(directory, name, path, error);
    if (code != CODE_OK) return code;
    return rocksdb_store_open(path, &options, &directory->memory, store, error);
}

/* Rows that are whole, in a fresh shadow. */
static enum code load_rows(struct salvage *salvage, const char *name, struct store **store,
                           struct error *error)
{
    lsn oldest;
    enum code code;
    database_abandon(salvage->shadow);
    salvage->shadow = NULL;
    TRY(shadow_create(&salvage->shadow, error));
    TRY(open_store(salvage->from, name, false, store, error));
    TRY(shadow_load(salvage->shadow, *store, &salvage->report->checkpoint, &oldest, error));
    TRY(database_check(salvage->shadow, error));
    TRY(shadow_compare(salvage->shadow, *store, error));
    snprintf(salvage->report->rows_from, SALVAGE_SOURCE_BYTES, "%s", name);
out:
    if (code != CODE_OK) {
        store_close(*store);
        *store = NULL;
        salvage->report->checkpoint = 0;
    }
    return code;
}

/* The newest base that is whole; *store is NULL if there is none. */
static enum code load_base(struct salvage *salvage, struct store **store, struct error *error)
{
    struct disk_names names = {.memory = &salvage->from->memory};
    bool exists = false;
    enum code code;
    TRY(disk_exists(salvage->from->disk, BASES_DIRECTORY, &exists, error));
    if (!exists) return CODE_OK;
    TRY(disk_list(salvage->from->disk, BASES_DIRECTORY, names.memory, &names, error));
    for (size_t i = names.count; i-- > 0 && !*store;) {
        char name[DISK_PATH_BYTES];
        struct error ignored;
        snprintf(name, sizeof name, BASES_DIRECTORY "/%s", names.names[i]);
        code = load_rows(salvage, name, store, &ignored);
        if (code == CODE_NO_MEMORY) *error = ignored;
        if (code == CODE_NO_MEMORY) goto out;
    }
    code = CODE_OK;
out:
    disk_names_release(&names);
    return code;
}

/* The store, a base, or nothing at all. */
static enum code choose_rows(struct salvage *salvage, struct store **store, struct error *error)
{
    struct error fault = {.code = CODE_OK};
    enum code code = load_rows(salvage, STORE_DIRECTORY, store, &fault);
    if (code == CODE_NO_MEMORY) *error = fault;
    if (code == CODE_NO_MEMORY) return code;
    if (code != CODE_OK) {
        salvage->report->store_fault = fault;
        TRY(load_base(salvage, store, error));
    }
    if (salvage->report->checkpoint > 0) return CODE_OK;
    /* Rows that no checkpoint wrote are none. */
    store_close(*store);
    *store = NULL;
    salvage->report->rows_from[0] = 0;
    database_abandon(salvage->shadow);
    salvage->shadow = NULL;
    code = shadow_create(&salvage->shadow, error);
out:
    return code;
}

static bool is_replaced(enum keyspace keyspace, struct slice key)
{
    return keyspace == KEYSPACE_DATABASE &&
           (slice_equal(key, KEY_UUID) || slice_equal(key, KEY_OLDEST));
}

static enum code copy_keyspace(struct store *from, struct store *to, enum keyspace keyspace,
                               struct store_batch *batch, struct error *error)
{
    struct store_scan *scan = NULL;
    struct slice key, row;
    bool has_row;
    enum code code;
    TRY(store_scan_open(from, keyspace, (struct key_range){0}, &scan, error));
    TRY(store_scan_next(scan, &key, &row, &has_row, error));
    while (has_row) {
        if (!is_replaced(keyspace, key)) TRY(store_batch_put(batch, keyspace, key, row, error));
        if (store_batch_bytes(batch) >= BATCH_BYTES) {
            TRY(store_write(to, batch, error));
            store_batch_clear(batch);
        }
        TRY(store_scan_next(scan, &key, &row, &has_row, error));
    }
out:
    store_scan_close(scan);
    return code;
}

static enum code copy_rows(struct salvage *salvage, struct store *from, struct error *error)
{
    struct store *to = NULL;
    struct store_batch *batch = NULL;
    uint8_t oldest[8];
    enum code code;
    TRY(open_store(salvage->to, STORE_DIRECTORY, true, &to, error));
    TRY(store_batch_create(to, &batch, error));
    for (int i = 0; from && i < KEYSPACE_COUNT; i++)
        TRY(copy_keyspace(from, to, (enum keyspace)i, batch, error));
    if (from) {
        store_u64(oldest, salvage->report->checkpoint + 1);
        TRY(store_batch_put(batch, KEYSPACE_DATABASE, KEY_OLDEST, slice_of(oldest, sizeof oldest),
                            error));
        TRY(store_batch_put(batch, KEYSPACE_DATABASE, KEY_UUID,
                            slice_of(salvage->id, sizeof salvage->id), error));
    }
    TRY(store_write(to, batch, error));
    TRY(store_flush(to, error));
out:
    store_batch_free(batch);
    store_close(to);
    return code;
}

/* --- The log --- */

static enum code open_new_log(struct salvage *salvage, struct error *error)
{
    struct wal_options options = {.disk = salvage->to->disk,
                                  .directory = LOG_DIRECTORY,
                                  .memory = &salvage->to->memory,
                                  .clock = clock_system(),
                                  .segment_bytes = SEGMENT_BYTES,
                                  .maximum_bytes = UINT64_MAX / 2,
                                  .applied_lsn = salvage->report->checkpoint,
                                  .first_lsn = salvage->report->checkpoint + 1};
    struct wal_recovery ignored;
    memcpy(options.database_id, salvage->id, sizeof options.database_id);
    return wal_open(&options, &salvage->wal, &ignored, error);
}

/* What waits becomes a frame, durable. */
static enum code append_waiting(struct salvage *salvage, struct error *error)
{
    struct wal_group *group;
    enum code code;
    if (salvage->waiting_count == 0) return CODE_OK;
    TRY(wal_append_copy(salvage->wal, salvage->waiting, salvage->waiting_count, error));
    TRY(wal_wait(salvage->wal, wal_last(salvage->wal), error));
    while (wal_take(salvage->wal, &group))
        wal_group_release(group);
    salvage->waiting_count = 0;
    arena_reset(&salvage->entries);
out:
    return code;
}

static enum code keep(struct salvage *salvage, const struct wal_entry *entry, struct error *error)
{
    bool other_time = salvage->waiting_count > 0 && salvage->waiting[0].time_ms != entry->time_ms;
    enum code code;
    if (other_time || salvage->waiting_count == WAITING_MAXIMUM ||
        salvage->entries.used_bytes > BATCH_BYTES)
        TRY(append_waiting(salvage, error));
    char *payload = arena_copy(&salvage->entries, entry->payload.data, entry->payload.bytes);
    if (!payload) return error_no_memory(error, AREA_ENGINE, entry->payload.bytes);
    TRY(shadow_apply(salvage->shadow, entry, error));
    salvage->waiting[salvage->waiting_count] = *entry;
    salvage->waiting[salvage->waiting_count++].payload = slice_of(payload, entry->payload.bytes);
    salvage->next_lsn = entry->lsn + 1;
    salvage->report->kept_count++;
out:
    return code;
}

static enum code hand_out(struct salvage *salvage, const struct wal_entry *entry,
                          const struct change *change, struct error *error)
{
    const char *text = NULL;
    salvage->report->behind_count++;
    if (!salvage->options->behind) return CODE_OK;
    buffer_clear(&salvage->json);
    if (change) {
        change_to_json(change, shadow_schema(salvage->shadow), &salvage->json);
        buffer_put_u8(&salvage->json, 0);
        if (salvage->json.failed) return error_no_memory(error, AREA_ENGINE, entry->payload.bytes);
        text = (const char *)salvage->json.data;
    }
    return salvage->options->behind(salvage->options->context, entry, text, error);
}

static enum code tell_lost(void *context, const struct wal_gap *found, struct error *error)
{
    struct salvage *salvage = context;
    struct wal_gap gap = *found;
    /* What the rows hold is not lost. */
    if (gap.from_lsn < salvage->next_lsn) gap.from_lsn = salvage->next_lsn;
    if (gap.from_lsn > gap.to_lsn) return CODE_OK;
    salvage->ended = true;
    salvage->report->lost_count += gap.to_lsn - gap.from_lsn + 1;
    if (!salvage->options->lost) return CODE_OK;
    return salvage->options->lost(salvage->options->context, &gap, error);
}

static enum code meet_entry(void *context, const struct wal_entry *entry, struct error *error)
{
    struct salvage *salvage = context;
    struct change change;
    struct error damage;
    if (entry->lsn < salvage->next_lsn) return CODE_OK;
    arena_reset(&salvage->change);
    enum code code = change_decode(entry->payload, &salvage->change, &change, &damage);
    if (code == CODE_NO_MEMORY) *error = damage;
    if (code == CODE_NO_MEMORY) return code;
    bool is_change = code == CODE_OK;
    if (salvage->next_lsn < entry->lsn && !salvage->ended) {
        /* The log begins behind what there is to build on. */
        struct wal_gap gap = {.from_lsn = salvage->next_lsn, .to_lsn = entry->lsn - 1};
        code = tell_lost(salvage, &gap, error);
        if (code != CODE_OK) return code;
    }
    if (!is_change) salvage->ended = true;
    if (salvage->ended) return hand_out(salvage, entry, is_change ? &change : NULL, error);
    return keep(salvage, entry, error);
}

static enum code copy_entries(struct salvage *salvage, struct error *error)
{
    struct wal_salvage_options options = {.disk = salvage->from->disk,
                                          .directory = LOG_DIRECTORY,
                                          .memory = &salvage->from->memory,
                                          .visit = meet_entry,
                                          .lost = tell_lost,
                                          .context = salvage};
    struct error closing;
    uint64_t proved_lsn = 0;
    enum code code;
    bool has_log;
    TRY(open_new_log(salvage, error));
    TRY(disk_exists(salvage->from->disk, LOG_DIRECTORY, &has_log, error));
    if (has_log) TRY(wal_salvage(&options, &proved_lsn, error));
    if (has_log && !salvage->ended) {
        struct wal_gap end = {.from_lsn = salvage->next_lsn, .to_lsn = proved_lsn};
        TRY(tell_lost(salvage, &end, error));
    }
    TRY(append_waiting(salvage, error));
    code = wal_close(salvage->wal, error);
    salvage->wal = NULL;
out:
    if (code != CODE_OK) (void)wal_close(salvage->wal, &closing);
    return code;
}

/* --- The whole --- */

static enum code check_result(struct salvage *salvage, struct error *error)
{
    struct salvage_report *report = salvage->report;
    struct database_options options = {.path = disk_root_path(salvage->to->disk),
                                       .must_exist = true,
                                       .segment_bytes = SEGMENT_BYTES};
    struct database *database = NULL;
    struct database_status status;
    struct error closing;
    uint8_t expected[32];
    enum code code;
    TRY(database_state_hash(salvage->shadow, expected, error));
    TRY(database_open(&options, &database, error));
    TRY(database_check(database, error));
    TRY(database_state_hash(database, report->state_hash, error));
    database_status(database, &status);
    report->last = status.applied;
    memcpy(report->counts, status.live_counts, sizeof report->counts);
    if (memcmp(expected, report->state_hash, sizeof expected) != 0)
        code = error_set(error, CODE_CORRUPT, AREA_ENGINE,
                         "the new database is not what was written to it");
out:
    if (code == CODE_OK) return database_close(database, error);
    (void)database_close(database, &closing);
    return code;
}

static enum code nothing_to_build_on(const struct salvage *salvage, struct error *error)
{
    error_set(error, CODE_CORRUPT, AREA_ENGINE,
              "there is nothing to build on: no rows can be read, and of the log %" PRIu64
              " entries, which do not follow on anything",
              salvage->report->behind_count);
    error_hint(error, "restore a backup");
    return CODE_CORRUPT;
}

enum code salvage_run(struct directory *from, struct directory *to,
                      const struct salvage_options *options, struct salvage_report *report,
                      struct error *error)
{
    struct salvage *salvage = memory_allocate_zeroed(&to->memory, sizeof *salvage);
    struct store *store = NULL;
    enum code code;
    *report = (struct salvage_report){0};
    if (!salvage) return error_no_memory(error, AREA_ENGINE, sizeof *salvage);
    salvage->from = from;
    salvage->to = to;
    salvage->options = options;
    salvage->report = report;
    arena_init(&salvage->entries, &to->memory, ENTRY_ARENA_BYTES);
    arena_init(&salvage->change, &to->memory, CHANGE_ARENA_BYTES);
    buffer_init(&salvage->json, &to->memory, SIZE_MAX / 2);
    TRY(entropy_fill(salvage->id, sizeof salvage->id, error));
    TRY(choose_rows(salvage, &store, error));
    salvage->next_lsn = report->checkpoint + 1;
    TRY(copy_rows(salvage, store, error));
    TRY(copy_entries(salvage, error));
    if (report->checkpoint == 0 && report->kept_count == 0 && report->behind_count > 0) {
        code = nothing_to_build_on(salvage, error);
        goto out;
    }
    /* Last: without it the directory is no database. */
    TRY(identity_write(to->disk, salvage->id, error));
    code = check_result(salvage, error);
out:
    store_close(store);
    database_abandon(salvage->shadow);
    buffer_release(&salvage->json);
    arena_release(&salvage->change);
    arena_release(&salvage->entries);
    memory_free(&to->memory, salvage, sizeof *salvage);
    return code;
}
