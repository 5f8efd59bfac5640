/* Opening and closing: in which order the parts come to life, and how they are given back. */
#include "engine/internal.h"

#include "behaviour/behaviour.h"
#include "behaviour/exposure.h"
#include "behaviour/quota.h"
#include "behaviour/served.h"
#include "entities/entities.h"
#include "os/entropy.h"
#include "os/pages.h"
#include "os/simulated.h"
#include "relations/edges.h"
#include "signals/groups.h"
#include "signals/ledger.h"
#include "signals/popular.h"
#include "signals/trending.h"
#include "signals/unique.h"
#include "storage/memory_store.h"
#include "storage/rocksdb_store.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define CHECKPOINT_LOG_BYTES_DEFAULT ((uint64_t)32 << 20)
#define LOG_LIMIT_BYTES_DEFAULT      ((uint64_t)4 << 30)
#define APPLY_ARENA_BYTES            ((size_t)64 << 20)
#define MEMORY_PATH                  ":memory:"

static ordinal ordinal_of(void *context, enum entity_kind kind, entity_id id)
{
    const struct database *database = context;
    return entities_find(database->entities, kind, id);
}

static entity_id id_of(void *context, enum entity_kind kind, ordinal entity)
{
    const struct database *database = context;
    return entities_id(database->entities, kind, entity);
}

static const uint32_t *codes_of(void *context, field_id field, ordinal item, size_t *count)
{
    const struct database *database = context;
    return entities_codes(database->entities, &database->schema->fields[field], item, count);
}

static enum code create_folds(struct database *database, struct error *error)
{
    struct memory *memory = &database->state_memory;
    struct fold *folds = database->folds;
    struct ledger_ids ids = {ordinal_of, id_of, database};
    enum code code;
    TRY(schema_create(memory, &database->schema, error));
    TRY(entities_create(memory, &folds[FOLD_ENTITIES], &database->entities, error));
    TRY(ledger_create(memory, &ids, &folds[FOLD_LEDGER], &database->ledger, error));
    TRY(ledger_set_budget(database->ledger, database->signal_memory_bytes, error));
    struct index_source source = {database->ledger, ids, codes_of};
    TRY(trending_create(memory, &source, &folds[FOLD_TRENDING], &database->trending, error));
    TRY(popular_create(memory, &source, &folds[FOLD_POPULAR], &database->popular, error));
    TRY(unique_create(memory, &ids, &folds[FOLD_UNIQUE], &database->unique, error));
    TRY(groups_create(memory, &folds[FOLD_GROUPS], &database->groups, error));
    TRY(edges_create(memory, ordinal_of, database, &folds[FOLD_EDGES], &database->edges, error));
    TRY(behaviour_create(memory, ordinal_of, database, &folds[FOLD_BEHAVIOUR], &database->behaviour,
                         error));
    TRY(quota_create(memory, ordinal_of, database, &folds[FOLD_QUOTA], &database->quota, error));
    TRY(exposure_create(memory, ordinal_of, database, &folds[FOLD_EXPOSURE], &database->exposure,
                        error));
    TRY(served_create(memory, ordinal_of, database, &folds[FOLD_SERVED], &database->served, error));
    TRY(coengagement_create(memory, ordinal_of, database, &folds[FOLD_COENGAGEMENT],
                            &database->coengagement, error));
    TRY(cursors_create(memory, &folds[FOLD_CURSORS], &database->cursors, error));
out:
    return code;
}

static enum code open_memory(struct database *database, struct error *error)
{
    enum code code;
    /* A page of the log that is refused would be a disk that failed. */
    TRY(simulated_disk_create(&database->state_memory, SIMULATED_PLAIN, &database->disk, error));
    database->owns_disk = true;
    TRY(memory_store_open(&database->state_memory, &database->store, error));
    database->owns_store = true;
    TRY(entropy_fill(database->id, sizeof database->id, error));
out:
    return code;
}

static enum code open_directory(struct database *database, const struct database_options *options,
                                struct error *error)
{
    bool may_create = !options->must_exist && !options->read_only;
    enum code code;
    if (!options->disk) {
        TRY(disk_open_posix(options->path, may_create, &database->request_memory, &database->disk,
                            error));
        database->owns_disk = true;
    } else {
        database->disk = options->disk;
    }
    /* First, so that not even a lock is left in a directory that is not ours. */
    TRY(identity_check(database->disk, may_create, error));
    if (!options->read_only) TRY(disk_lock(database->disk, LOCK_FILE, &database->lock, error));
    TRY(identity_open(database->disk, may_create, options->follows, database->id, error));
    database->is_found = true;
    if (options->follows && memcmp(database->id, options->follows, sizeof database->id) != 0) {
        error_set(error, CODE_INVALID, AREA_ENGINE,
                  "'%s' is another database, not a copy of the one that it is to follow",
                  disk_root_path(database->disk));
        error_hint(error, "name an empty directory, or a copy made of that database");
        return CODE_INVALID;
    }
    if (options->store) {
        database->store = options->store;
        return CODE_OK;
    }
    char path[4096];
    int bytes = snprintf(path, sizeof path, "%s/" STORE_DIRECTORY, disk_root_path(database->disk));
    if (bytes < 0 || (size_t)bytes >= sizeof path) {
        return error_set(error, CODE_INVALID, AREA_ENGINE, "the path '%.100s...' is too long",
                         options->path);
    }
    struct rocksdb_store_options store_options = {.create = may_create,
                                                  .read_only = options->read_only};
    TRY(rocksdb_store_open(path, &store_options, &database->state_memory, &database->store, error));
    database->owns_store = true;
out:
    return code;
}

static enum code open_log(struct database *database, const struct database_options *options,
                          lsn applied, lsn oldest, struct error *error)
{
    struct wal_options wal = {.disk = database->disk,
                              .directory = LOG_DIRECTORY,
                              .memory = &database->request_memory,
                              .clock = database->clock,
                              .segment_bytes = options->segment_bytes,
                              .commit_delay_us = options->commit_delay_us,
                              .dedupe_count = options->dedupe_count,
                              .dedupe_window_ms = options->dedupe_window_ms,
                              .maximum_bytes = options->log_limit_bytes,
                              .applied_lsn = applied,
                              .oldest_lsn = oldest,
                              .read_only = options->read_only,
                              .flusher_thread = !options->no_threads && !options->read_only,
                              .mutant = (enum wal_mutant)options->wal_mutant};
    struct wal_recovery report = {0};
    memcpy(wal.database_id, database->id, sizeof wal.database_id);
    enum code code = wal_open(&wal, &database->wal, &report, error);
    database->torn_bytes = report.torn_bytes;
    if (code != CODE_OK) return code;
    struct wal_stats stats;
    wal_stats(database->wal, &stats);
    database->applied_ms = stats.last_ms;
    return CODE_OK;
}

/* A log that may not grow as far as the next checkpoint would end all writing. */
static uint64_t checkpoint_log_bytes(const struct database_options *options)
{
    uint64_t bytes = options->checkpoint_log_bytes;
    if (bytes == 0) bytes = CHECKPOINT_LOG_BYTES_DEFAULT;
    if (options->log_limit_bytes > 0 && bytes > options->log_limit_bytes / 4)
        bytes = options->log_limit_bytes / 4;
    return bytes > 0 ? bytes : 1;
}

static void init(struct database *database, const struct database_options *options)
{
    memory_init(&database->state_memory, 0);
    database->state_memory.ask_pages = pages_ask_large;
    memory_init(&database->request_memory, options->memory_limit_bytes);
    database->request_memory.ask_pages = pages_ask_large;
    database->memory_limit_bytes = options->memory_limit_bytes;
    /* Who writes may remove the files that one who reads would ask later. */
    if (!options->read_only) database->signal_memory_bytes = options->signal_memory_bytes;
    atomic_store(&database->ledger_mark_bytes, database->signal_memory_bytes);
    database->clock = options->clock ? options->clock : clock_system();
    if (options->clock_ms) {
        callback_clock_init(&database->callback_clock, options->clock_ms, options->clock_context);
        database->clock = &database->callback_clock.clock;
    }
    database->read_only = options->read_only;
    database->follows = options->follows != NULL;
    database->mutant = options->mutant;
    database->owner_process = process_id();
    database->watermark_ms = INT64_MIN;
    database->checkpoint_log_bytes = checkpoint_log_bytes(options);
    database->log_limit_bytes =
        options->log_limit_bytes > 0 ? options->log_limit_bytes : LOG_LIMIT_BYTES_DEFAULT;
    database->retain_ms = options->retain_log_ms;
    database->max_age_ms = options->retain_log_max_age_ms;
    assert(database->retain_ms >= 0 && database->max_age_ms >= 0);
    phase_lock_init(&database->admission, RANK_ADMISSION);
    mutex_init(&database->checkpoint_mutex, RANK_CHECKPOINT);
    mutex_init(&database->apply_mutex, RANK_APPLY);
    phase_lock_init(&database->state, LOCK_RANK_STATE);
    mutex_init(&database->keeper_mutex, RANK_KEEPER);
    condition_init(&database->keeper_wakes);
    mutex_init(&database->bases_mutex, RANK_BASES);
    pages_init(&database->pages, &database->request_memory, RANK_PAGES);
    backfiller_init(&database->backfiller, RANK_BACKFILL);
    mutex_init(&database->history_mutex, RANK_HISTORY);
    arena_init(&database->apply_arena, &database->state_memory, APPLY_ARENA_BYTES);
}

/* Gives everything back, in the opposite order of opening; nothing is written. */
static void release(struct database *database)
{
    backfill_stop(database);
    keeper_stop(database);
    history_release(database);
    wal_abandon(database->wal);
    for (int i = FOLD_COUNT - 1; i >= 0; i--)
        if (database->folds[i].ops) database->folds[i].ops->free(database->folds[i].state);
    schema_free(database->schema);
    forget_release(database);
    arena_release(&database->apply_arena);
    if (database->owns_store) store_close(database->store);
    disk_unlock(database->disk, database->lock);
    if (database->owns_disk) disk_free(database->disk);
    mutex_release(&database->history_mutex);
    backfiller_release(&database->backfiller);
    pages_release(&database->pages);
    mutex_release(&database->bases_mutex);
    condition_release(&database->keeper_wakes);
    mutex_release(&database->keeper_mutex);
    phase_lock_release(&database->state);
    mutex_release(&database->apply_mutex);
    mutex_release(&database->checkpoint_mutex);
    phase_lock_release(&database->admission);
    memory_release(&database->state_memory);
    memory_release(&database->request_memory);
    memory_free_uncounted(database);
}

enum code database_create(const struct database_options *options, struct database **created,
                          struct error *error)
{
    struct database *database = memory_allocate_uncounted(sizeof *database);
    *created = NULL;
    if (!database) return error_no_memory(error, AREA_ENGINE, sizeof *database);
    init(database, options);
    enum code code = create_folds(database, error);
    if (code == CODE_OK) {
        *created = database;
    } else {
        release(database);
    }
    return code;
}

static enum code open_parts(struct database *database, const struct database_options *options,
                            struct error *error)
{
    lsn applied, oldest;
    enum code code;
    if (!options->disk && strcmp(options->path, MEMORY_PATH) == 0) {
        TRY(open_memory(database, error));
    } else {
        TRY(open_directory(database, options, error));
    }
    /* A flush may have failed in an earlier life, and the log is cut by what the store says. */
    if (!options->read_only) TRY(store_flush(database->store, error));
    TRY(recover_load(database, &applied, &oldest, error));
    TRY(open_log(database, options, applied, oldest, error));
    TRY(recover_replay(database, applied, error));
    if (!options->no_threads && !options->read_only) {
        TRY(keeper_start(database, error));
        backfill_wake(database);
    }
out:
    return code;
}

/* A reader takes no lock, so a writer may checkpoint between its look at the store and at the log,
 * and remove what the one still needs of the other. */
static bool may_have_moved(const struct database *database, enum code code)
{
    return database->read_only && database->is_found &&
           (code == CODE_CORRUPT || code == CODE_IO || code == CODE_NOT_FOUND ||
            code == CODE_NOT_RETAINED);
}

enum code database_open(const struct database_options *options, struct database **opened,
                        struct error *error)
{
    enum { ATTEMPTS = 20, PAUSE_NS = 20 * 1000 * 1000 };
    int64_t started_ns = clock_monotonic_ns(clock_system());
    *opened = NULL;
    for (int attempt = 1;; attempt++) {
        struct database *database;
        enum code code = database_create(options, &database, error);
        if (code != CODE_OK) return code;
        assert(database);
        code = open_parts(database, options, error);
        if (code == CODE_OK) {
            database->open_ms = (clock_monotonic_ns(clock_system()) - started_ns) / 1000000;
            *opened = database;
            return CODE_OK;
        }
        bool again = attempt < ATTEMPTS && may_have_moved(database, code);
        release(database);
        if (!again) return code;
        thread_sleep_ns(PAUSE_NS);
    }
}

void database_abandon(struct database *database)
{
    if (database && process_id() == database->owner_process) release(database);
}

enum code database_close(struct database *database, struct error *error)
{
    enum code code = CODE_OK, closed;
    struct error close_error;
    if (!database) return CODE_OK;
    /* Threads, files and locks are the parent's: nothing here is the child's to end. */
    if (process_id() != database->owner_process) {
        return error_set(error, CODE_MISUSE, AREA_ENGINE,
                         "the database was opened by another process, before a fork");
    }
    backfill_stop(database);
    keeper_stop(database);
    bool writes = !database->read_only && !atomic_load(&database->failed);
    if (writes) {
        code = wal_wait(database->wal, wal_last(database->wal), error);
        bool stale = wal_last(database->wal) > atomic_load(&database->checkpoint) ||
                     database->settings_changed;
        if (code == CODE_OK && stale) code = database_checkpoint(database, error);
    }
    closed = wal_close(database->wal, &close_error);
    database->wal = NULL;
    if (code == CODE_OK && closed != CODE_OK && writes) {
        *error = close_error;
        code = closed;
    }
    release(database);
    return code;
}

void database_status(struct database *database, struct database_status *status)
{
    struct wal_stats wal;
    struct store_stats store;
    struct error error;
    if (store_stats(database->store, &store, &error) != CODE_OK) store = (struct store_stats){0};
    phase_lock_read(&database->state);
    wal_stats(database->wal, &wal); /* what is applied cannot be newer than this */
    *status = (struct database_status){
        .applied = atomic_load(&database->applied),
        .durable = wal.durable_lsn,
        .checkpoint = atomic_load(&database->checkpoint),
        .oldest = wal.oldest_lsn,
        .log_bytes = wal.segment_bytes,
        .memory_bytes = atomic_load(&database->state_memory.used_bytes) +
                        atomic_load(&database->request_memory.used_bytes) +
                        atomic_load(&database->past_bytes) +
                        atomic_load(&database->backfiller.bytes),
        .memory_limit_bytes = database->memory_limit_bytes,
        .store_bytes = store.bytes,
        .watermark_ms = database->watermark_ms,
        .open_ms = database->open_ms,
        .replayed = database->replayed,
        .torn_bytes = database->torn_bytes,
        .schema_version = database->schema_version,
    };
    if (database->signal_memory_bytes > 0) {
        status->signal_memory_limit_bytes = database->signal_memory_bytes;
        status->signal_memory_bytes = ledger_resident_bytes(database->ledger);
        status->signal_directory_bytes = ledger_directory_bytes(database->ledger);
    }
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++)
        status->live_counts[kind] = entities_live_count(database->entities, (enum entity_kind)kind);
    phase_unlock_read(&database->state);
    mutex_lock(&database->keeper_mutex);
    status->checkpoint_error = database->checkpoint_error;
    mutex_unlock(&database->keeper_mutex);
    mutex_lock(&database->backfiller.mutex);
    status->backfill_error = database->backfiller.error;
    mutex_unlock(&database->backfiller.mutex);
}

struct memory *database_memory(struct database *database)
{
    return &database->request_memory;
}

enum code database_check(struct database *database, struct error *error)
{
    char reason[200];
    enum code code = CODE_OK;
    phase_lock_read(&database->state);
    for (int i = 0; i < FOLD_COUNT && code == CODE_OK; i++) {
        const struct fold *fold = &database->folds[i];
        if (fold->ops->check(fold->state, reason, sizeof reason)) continue;
        code = error_set(error, CODE_CORRUPT, AREA_ENGINE, "%s: %s", fold->ops->name, reason);
    }
    phase_unlock_read(&database->state);
    return code;
}
