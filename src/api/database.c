/* Opening, closing, and what a database says of itself. */
#include "api/handle.h"

#include <stdio.h>

enum { SEGMENT_BYTES_MINIMUM = 1 << 20, SEGMENT_BYTES_MAXIMUM = 1 << 30 };

#define MAX_AGE_MINIMUM_MS UINT64_C(1000)
#define MAX_AGE_MAXIMUM_MS (UINT64_C(3660) * 86400000)

static enum code check_retention(const tidal_options *options, struct error *error)
{
    uint64_t max_age_ms = options->retain_log_max_age_ms;
    if (max_age_ms != 0 && (max_age_ms < MAX_AGE_MINIMUM_MS || max_age_ms > MAX_AGE_MAXIMUM_MS)) {
        error_set(error, CODE_INVALID, AREA_API, "the option retain_log_max_age_ms is %llu",
                  (unsigned long long)max_age_ms);
        error_hint(error,
                   "it lies between a second and ten years; 0 is what it was, at first 30 days");
        return CODE_INVALID;
    }
    if (options->retain_log_ms <= MAX_AGE_MAXIMUM_MS) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_API, "the option retain_log_ms is %llu",
              (unsigned long long)options->retain_log_ms);
    error_hint(error, "it is at most 7/8 of retain_log_max_age_ms");
    return CODE_INVALID;
}

static enum code check_options(const tidal_options *options, struct error *error)
{
    uint64_t segment_bytes = options->segment_bytes;
    if (options->ack != TIDAL_DURABLE && options->ack != TIDAL_ACCEPTED) {
        error_set(error, CODE_INVALID, AREA_API, "the option ack is %d", (int)options->ack);
        error_hint(error, "it is TIDAL_DURABLE or TIDAL_ACCEPTED");
        return CODE_INVALID;
    }
    if (segment_bytes != 0 &&
        (segment_bytes < SEGMENT_BYTES_MINIMUM || segment_bytes > SEGMENT_BYTES_MAXIMUM)) {
        error_set(error, CODE_INVALID, AREA_API, "the option segment_bytes is %llu",
                  (unsigned long long)segment_bytes);
        error_hint(error, "it lies between 1 MiB and 1 GiB; 0 is the default");
        return CODE_INVALID;
    }
    if (options->dedupe_count > UINT32_MAX) {
        error_set(error, CODE_INVALID, AREA_API, "the option dedupe_count is %llu",
                  (unsigned long long)options->dedupe_count);
        error_hint(error, "it is at most %u; 0 is the default", UINT32_MAX);
        return CODE_INVALID;
    }
    return check_retention(options, error);
}

/* A caller compiled with an older header has a shorter struct: what it lacks is zero. */
enum code options_read(const tidal_options *given, tidal_options *options, struct error *error)
{
    *options = (tidal_options){0};
    if (!given) return CODE_OK;
    if (given->size == 0) {
        error_set(error, CODE_MISUSE, AREA_API, "the option size is 0");
        error_hint(error, "set it to sizeof(tidal_options)");
        return CODE_MISUSE;
    }
    if (given->size > sizeof *options) {
        error_set(error, CODE_INVALID, AREA_API,
                  "the options have %zu bytes, this library knows %zu of them", given->size,
                  sizeof *options);
        error_hint(error, "link the library that the header belongs to");
        return CODE_INVALID;
    }
    memcpy(options, given, given->size);
    return check_options(options, error);
}

struct database_options options_for(const char *path, const tidal_options *options)
{
    return (struct database_options){.path = path,
                                     .read_only = options->read_only,
                                     .must_exist = options->must_exist,
                                     .memory_limit_bytes = options->memory_limit_bytes,
                                     .signal_memory_bytes = options->signal_memory_bytes,
                                     .segment_bytes = options->segment_bytes,
                                     .log_limit_bytes = options->log_limit_bytes,
                                     .commit_delay_us = options->commit_delay_us,
                                     .dedupe_count = (uint32_t)options->dedupe_count,
                                     .dedupe_window_ms = options->dedupe_window_ms,
                                     .checkpoint_log_bytes = options->checkpoint_log_bytes,
                                     .retain_log_ms = (int64_t)options->retain_log_ms,
                                     .retain_log_max_age_ms =
                                         (int64_t)options->retain_log_max_age_ms,
                                     .clock_ms = options->clock_ms,
                                     .clock_context = options->clock_context};
}

tidal_db *handle_create(struct database *database, const tidal_options *options)
{
    tidal_db *db = memory_allocate_zeroed(database_memory(database), sizeof *db);
    if (!db) return NULL;
    db->database = database;
    db->acknowledgement =
        options->ack == TIDAL_ACCEPTED ? ACKNOWLEDGE_ACCEPTED : ACKNOWLEDGE_DURABLE;
    return db;
}

static enum code open_database(const char *path, const tidal_options *options, tidal_db **db,
                               struct error *error)
{
    struct database_options open = options_for(path, options);
    struct database *database;
    enum code code;
    TRY(database_open(&open, &database, error));
    *db = handle_create(database, options);
    if (!*db) {
        database_abandon(database);
        return error_no_memory(error, AREA_API, sizeof **db);
    }
out:
    return code;
}

tidal_code tidal_open(const char *path, const tidal_options *options, tidal_db **db,
                      tidal_error *error)
{
    struct error fault;
    tidal_options known;
    enum code code;
    if (!db) return give_misuse(error, "db is NULL", "pass the address of a tidal_db *");
    *db = NULL;
    if (!path || path[0] == '\0')
        return give_misuse(error, "the path is empty", "name a directory, or \":memory:\"");
    TRY(options_read(options, &known, &fault));
    if (strcmp(path, ":memory:") == 0 && (known.read_only || known.must_exist))
        return give_misuse(error, "a database in memory is always new",
                           "leave read_only and must_exist out, or name a directory");
    code = open_database(path, &known, db, &fault);
out:
    return give_error(code, &fault, error);
}

tidal_code tidal_close(tidal_db *db, tidal_error *error)
{
    struct error fault;
    if (!db) return TIDAL_OK;
    if (db->is_followers)
        return give_misuse(error, "the database belongs to a tidal_follow",
                           "tidal_follow_close ends both");
    if (atomic_load(&db->query_count) > 0)
        return give_misuse(error, "the database has queries that are not freed",
                           "tidal_query_free them, then close again");
    struct database *database = db->database;
    memory_free(database_memory(database), db, sizeof *db);
    return give_error(database_close(database, &fault), &fault, error);
}

tidal_code tidal_checkpoint(tidal_db *db, tidal_error *error)
{
    struct error fault;
    return give_error(database_checkpoint(db->database, &fault), &fault, error);
}

uint64_t tidal_lsn(tidal_db *db)
{
    return database_applied(db->database);
}

tidal_code tidal_wait(tidal_db *db, uint64_t wanted, tidal_error *error)
{
    struct error fault;
    return give_error(database_wait(db->database, wanted, &fault), &fault, error);
}

void tidal_get_status(tidal_db *db, tidal_status *status)
{
    struct database_status from;
    database_status(db->database, &from);
    *status = (tidal_status){.lsn = from.applied,
                             .durable_lsn = from.durable,
                             .checkpoint_lsn = from.checkpoint,
                             .oldest_lsn = from.oldest,
                             .log_bytes = from.log_bytes,
                             .memory_bytes = from.memory_bytes,
                             .memory_limit_bytes = from.memory_limit_bytes,
                             .store_bytes = from.store_bytes,
                             .items = from.live_counts[ENTITY_ITEM],
                             .users = from.live_counts[ENTITY_USER],
                             .creators = from.live_counts[ENTITY_CREATOR],
                             .newest_event_ms = from.watermark_ms,
                             .open_ms = from.open_ms,
                             .replayed = from.replayed,
                             .torn_bytes = from.torn_bytes,
                             .checkpoint_code = (tidal_code)from.checkpoint_error.code};
    snprintf(status->checkpoint_message, sizeof status->checkpoint_message, "%s",
             from.checkpoint_error.message);
}
