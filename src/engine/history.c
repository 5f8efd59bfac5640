/* AS OF: the state as the log had it at some moment, in an engine of its own.
 *
 *   1. the newest base that is not after the moment, or nothing, where the log begins at LSN 1
 *   2. the log behind it, applied up to the moment: by the same function as ever
 *   3. the question is asked there
 *
 * It is kept for the next question, which may be of a later moment: then step 2 goes on from it. It
 * has no log and no store of its own, and nothing is ever written to it.  One question at a time;
 * writers and other readers never wait for it.  Near the memory limit it gives way to writes. */
#include "engine/internal.h"

#include "base/text.h"
#include "storage/memory_store.h"
#include "storage/rocksdb_store.h"

#include <inttypes.h>

bool moment_holds(const struct moment *moment, lsn given, int64_t time_ms)
{
    return moment->by_time ? time_ms <= moment->time_ms : given <= moment->lsn;
}

void history_release(struct database *database)
{
    database_abandon(database->past);
    database->past = NULL;
    atomic_store(&database->past_bytes, 0);
}

void history_drop(struct database *database)
{
    atomic_store(&database->past_gives_way, true);
    if (!mutex_try_lock(&database->history_mutex)) return;
    history_release(database);
    mutex_unlock(&database->history_mutex);
}

static enum code check_moment(struct database *database, const struct moment *moment,
                              struct error *error)
{
    char then[TIME_TEXT_BYTES], now[TIME_TEXT_BYTES];
    int64_t now_ms = clock_now_ms(database->clock);
    if (moment->by_time && moment->time_ms > now_ms) {
        time_format(moment->time_ms, then);
        time_format(now_ms, now);
        error_set(error, CODE_INVALID, AREA_ENGINE, "AS OF %s is in the future: it is %s now", then,
                  now);
        error_hint(error, "leave AS OF out, or use NOW");
        return CODE_INVALID;
    }
    lsn applied = atomic_load(&database->applied);
    if (moment->by_time || moment->lsn <= applied) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_ENGINE,
              "AS OF LSN %" PRIu64 " is not there yet: the newest is %" PRIu64, moment->lsn,
              applied);
    error_hint(error, "AT LEAST waits for it");
    return CODE_INVALID;
}

/* --- Step 1 --- */

static enum code not_retained(const struct base *oldest, struct error *error)
{
    char time[TIME_TEXT_BYTES];
    if (oldest->lsn == 0) {
        error_set(error, CODE_NOT_RETAINED, AREA_ENGINE, "AS OF: no earlier state is kept");
        error_hint(error,
                   "it is kept from when the database is opened with retain_log_ms (tidal DIR "
                   "--retain-log 7d) on");
    } else {
        time_format(oldest->time_ms, time);
        error_set(error, CODE_NOT_RETAINED, AREA_ENGINE,
                  "AS OF reaches back to %s, LSN %" PRIu64 ": no earlier state is kept", time,
                  oldest->lsn);
        error_hint(error, "ask for a later one, or open the database with a longer retain_log_ms "
                          "(tidal DIR --retain-log 14d)");
    }
    return CODE_NOT_RETAINED;
}

/* Where to begin; LSN 0: with nothing.  The log behind it is pinned. */
static enum code choose_base(struct database *database, const struct moment *moment,
                             struct base *base, struct error *error)
{
    struct base oldest;
    enum code code;
    mutex_lock(&database->bases_mutex);
    TRY(bases_find(database, moment, base, &oldest, error));
    code = wal_pin(database->wal, base->lsn + 1, error);
    if (code == CODE_NOT_RETAINED) code = not_retained(&oldest, error);
    if (code == CODE_OK) database->base_in_use = base->lsn;
out:
    mutex_unlock(&database->bases_mutex);
    return code;
}

static enum code open_base(struct database *past, const struct database *present,
                           const struct base *base, struct error *error)
{
    struct rocksdb_store_options options = {.read_only = true};
    char path[4096];
    if (base->lsn == 0) return memory_store_open(&past->state_memory, &past->store, error);
    enum code code = base_path(present, base, path, sizeof path, error);
    if (code == CODE_OK)
        code = rocksdb_store_open(path, &options, &past->state_memory, &past->store, error);
    return code;
}

enum code history_load_base(struct database *past, const struct database *present,
                            const struct base *base, struct error *error)
{
    lsn applied, oldest;
    enum code code;
    TRY(open_base(past, present, base, error));
    past->owns_store = true;
    TRY(recover_load(past, &applied, &oldest, error));
    if (applied != base->lsn) {
        return error_set(error, CODE_CORRUPT, AREA_ENGINE,
                         "the base of LSN %" PRIu64 " holds what was so at LSN %" PRIu64, base->lsn,
                         applied);
    }
    past->applied_ms = base->lsn > 0 ? base->time_ms : INT64_MIN;
    /* The folds have all of it. */
    store_close(past->store);
    past->store = NULL;
    past->owns_store = false;
out:
    return code;
}

/* An engine with what the base holds: database->past. */
static enum code open_past(struct database *database, const struct base *base, struct error *error)
{
    const struct database_options options = {.no_threads = true, .clock = database->clock};
    size_t limit = database->memory_limit_bytes;
    struct database *past;
    enum code code;
    TRY(database_create(&options, &past, error));
    memcpy(past->id, database->id, sizeof past->id);
    if (limit > 0) {
        size_t used = atomic_load(&database->state_memory.used_bytes) +
                      atomic_load(&database->request_memory.used_bytes);
        /* At least a byte, as 0 is no limit. */
        past->state_memory.limit_bytes = used < limit ? limit - used : 1;
    }
    database->past = past;
    code = history_load_base(past, database, base, error);
out:
    return code;
}

/* *pinned: the LSN at which the log is, if it succeeds. */
static enum code begin_past(struct database *database, const struct moment *moment, lsn *pinned,
                            struct error *error)
{
    struct base base;
    history_release(database);
    enum code code = choose_base(database, moment, &base, error);
    if (code != CODE_OK) return code;
    code = open_past(database, &base, error);
    mutex_lock(&database->bases_mutex);
    database->base_in_use = 0;
    mutex_unlock(&database->bases_mutex);
    *pinned = base.lsn + 1;
    if (code != CODE_OK) wal_unpin(database->wal, *pinned);
    return code;
}

/* --- Step 2 --- */

struct replay {
    struct database *past;
    const struct moment *moment;
    atomic_bool *cancelled;
    const atomic_bool *gives_way;
    bool reached;
};

static enum code replay_entry(void *context, const struct wal_entry *entry, struct error *error)
{
    struct replay *replay = context;
    replay->reached = !moment_holds(replay->moment, entry->lsn, entry->time_ms);
    if (replay->reached) return CODE_CANCELLED; /* no error: there is no other way to end it */
    if (replay->cancelled && atomic_load(replay->cancelled))
        return error_set(error, CODE_CANCELLED, AREA_QUERY, "the statement was cancelled");
    if (atomic_load(replay->gives_way)) return CODE_NO_MEMORY; /* reach says which */
    return apply_entry(replay->past, entry, error);
}

static enum code advance(struct database *database, const struct moment *moment,
                         atomic_bool *cancelled, struct error *error)
{
    struct replay replay = {database->past, moment, cancelled, &database->past_gives_way, false};
    lsn from = atomic_load(&database->past->applied) + 1;
    enum code code = CODE_OK;
    if (from <= wal_durable(database->wal))
        code = wal_replay(database->wal, from, replay_entry, &replay, error);
    return code == CODE_CANCELLED && replay.reached ? CODE_OK : code;
}

/* Can the engine that is kept be taken there?  Not one that the log does not follow any more: it
 * would answer what nobody could be told again.  If so, the log is pinned at *pinned. */
static bool goes_on(struct database *database, const struct moment *moment, lsn *pinned)
{
    const struct database *past = database->past;
    struct error ignored;
    if (!past || !moment_holds(moment, atomic_load(&past->applied), past->applied_ms)) return false;
    *pinned = atomic_load(&past->applied) + 1;
    return wal_pin(database->wal, *pinned, &ignored) == CODE_OK;
}

static enum code no_memory(const struct database *database, struct error *error)
{
    error_set(error, CODE_NO_MEMORY, AREA_ENGINE,
              "the state AS OF that moment needs more than the memory limit of %zu bytes leaves",
              database->memory_limit_bytes);
    error_hint(error, "raise memory_limit_bytes");
    return CODE_NO_MEMORY;
}

/* Brings database->past to the moment, or there is none. */
static enum code reach(struct database *database, const struct moment *moment,
                       atomic_bool *cancelled, struct error *error)
{
    enum code code;
    lsn pinned;
    if (!goes_on(database, moment, &pinned)) TRY(begin_past(database, moment, &pinned, error));
    code = advance(database, moment, cancelled, error);
    wal_unpin(database->wal, pinned);
    atomic_store(&database->past_bytes, atomic_load(&database->past->state_memory.used_bytes));
out:
    if (code != CODE_OK) history_release(database);
    return code == CODE_NO_MEMORY ? no_memory(database, error) : code;
}

enum code history_begin(struct database *database, const struct moment *moment,
                        atomic_bool *cancelled, struct database **past, struct error *error)
{
    enum code code = check_moment(database, moment, error);
    if (code != CODE_OK) return code;
    mutex_lock(&database->history_mutex);
    atomic_store(&database->past_gives_way, false);
    code = reach(database, moment, cancelled, error);
    *past = database->past;
    if (code != CODE_OK) mutex_unlock(&database->history_mutex);
    return code;
}

void history_end(struct database *database)
{
    if (atomic_load(&database->past_gives_way)) history_release(database);
    mutex_unlock(&database->history_mutex);
}
