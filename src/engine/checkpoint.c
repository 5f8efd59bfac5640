/* The checkpoint: a consistent cut at one LSN (docs/decisions/003-checkpoint-cut.md).
 *
 *   1. applying stops; each fold seals and encodes its dirty rows; applying goes on
 *   2. one atomic batch over all keyspaces, then a flush: durable
 *   3. a CHECKPOINT frame, durable; then old segments go
 *
 * The log ends its present segment before, if that has become old: what is older than
 * retain_log_max_age_ms must go, however little is written.
 *
 * Whatever fails before 2 has ended leaves the store as it was and the rows dirty. */
#include "engine/internal.h"

#include "storage/key.h"

#include <stdio.h>

struct cut {
    struct store_batch *batch;
    lsn applied;
    lsn oldest;
    uint64_t text_count;   /* definitions that the store has after it */
    uint64_t bytes_so_far; /* applied_bytes at the cut */
    int64_t applied_ms;    /* ingest time of `applied` */
    lsn history;           /* AS OF wants the log from here on; UINT64_MAX: it does not */
    size_t forgotten;      /* users that the store's list has after it */
};

static enum code put_number(struct store_batch *batch, struct slice key, uint64_t number,
                            struct error *error)
{
    uint8_t value[8];
    store_u64(value, number);
    return store_batch_put(batch, KEYSPACE_DATABASE, key, slice_of(value, sizeof value), error);
}

static enum code put_schema(struct database *database, struct cut *cut, struct error *error)
{
    enum code code = CODE_OK;
    const struct schema *schema = database->schema;
    for (uint64_t i = database->schema_texts_stored; i < schema->text_count; i++) {
        char key[32];
        int bytes = snprintf(key, sizeof key, KEY_SCHEMA_PREFIX "%08llx", (unsigned long long)i);
        TRY(store_batch_put(cut->batch, KEYSPACE_DATABASE, slice_of(key, (size_t)bytes),
                            schema->texts[i], error));
    }
    cut->text_count = schema->text_count;
out:
    return code;
}

static enum code put_meta(struct database *database, struct cut *cut, struct error *error)
{
    uint64_t format = database->schema->altered ? STORE_FORMAT : STORE_FORMAT_PLAIN;
    enum code code;
    TRY(put_number(cut->batch, KEY_FORMAT, format, error));
    TRY(put_number(cut->batch, KEY_APPLIED, cut->applied, error));
    TRY(put_number(cut->batch, KEY_OLDEST, cut->oldest, error));
    TRY(put_number(cut->batch, KEY_WATERMARK, (uint64_t)database->watermark_ms, error));
    TRY(put_number(cut->batch, KEY_RETAIN, (uint64_t)database->retain_ms, error));
    TRY(put_number(cut->batch, KEY_MAX_AGE, (uint64_t)database->max_age_ms, error));
    TRY(store_batch_put(cut->batch, KEYSPACE_DATABASE, KEY_UUID, slice_of(database->id, 16),
                        error));
    TRY(put_schema(database, cut, error));
out:
    return code;
}

/* The lowest LSN that the log must still hold: the least of what recovery, the window of identities
 * (both the log's own), cursors, retention and AS OF want; what is too old goes, whoever wants it.
 */
static lsn oldest_kept(struct database *database, const struct cut *cut)
{
    int64_t now_ms = clock_now_ms(database->clock);
    lsn cursors = cursors_wanted(database->cursors);
    struct wal_retention retention = {.wanted_lsn = cursors < cut->history ? cursors : cut->history,
                                      .since_ms = INT64_MAX,
                                      .before_ms = now_ms - database->max_age_ms};
    if (database->retain_ms > 0) retention.since_ms = now_ms - database->retain_ms;
    return wal_oldest_after(database->wal, cut->applied, &retention);
}

/* AS OF goes back as far as the log is to be kept: so from the last base before that on.  Where
 * nothing can be found out (no memory, say) it wants all that the log has. */
static lsn find_history(struct database *database)
{
    struct moment since = {true, clock_now_ms(database->clock) - database->retain_ms, 0};
    struct base newest, oldest;
    struct error ignored;
    if (database->retain_ms == 0) return UINT64_MAX;
    if (bases_find(database, &since, &newest, &oldest, &ignored) != CODE_OK) return 1;
    return newest.lsn > 0 ? newest.lsn + 1 : UINT64_MAX;
}

/* Step 1.  Under the apply mutex nothing changes, so rows are encoded while queries go on. */
static enum code gather(struct database *database, struct cut *cut, struct error *error)
{
    mutex_lock(&database->apply_mutex);
    /* Half a change must not become the truth. */
    enum code code = apply_check(database, error);
    if (code != CODE_OK) {
        mutex_unlock(&database->apply_mutex);
        return code;
    }
    phase_lock_write(&database->state);
    for (int i = 0; i < FOLD_COUNT; i++)
        database->folds[i].ops->seal(database->folds[i].state);
    cut->applied = atomic_load(&database->applied);
    cut->applied_ms = database->applied_ms;
    cut->bytes_so_far = atomic_load(&database->applied_bytes);
    phase_unlock_write(&database->state);

    phase_lock_read(&database->state);
    cut->oldest = oldest_kept(database, cut);
    TRY(put_meta(database, cut, error));
    TRY(forget_put(database, cut->batch, &cut->forgotten, error));
    for (int i = 0; i < FOLD_COUNT; i++)
        TRY(database->folds[i].ops->write(database->folds[i].state, cut->batch, error));
out:
    phase_unlock_read(&database->state);
    mutex_unlock(&database->apply_mutex);
    return code;
}

static void finish(struct database *database, bool durable)
{
    phase_lock_write(&database->state);
    for (int i = 0; i < FOLD_COUNT; i++)
        database->folds[i].ops->sealed(database->folds[i].state, durable);
    phase_unlock_write(&database->state);
}

static enum code make_durable(struct database *database, const struct cut *cut, struct error *error)
{
    bool frame_first = database->mutant == ENGINE_MUTANT_FRAME_BEFORE_FLUSH;
    enum code code;
    TRY(store_write(database->store, cut->batch, error));
    if (frame_first) TRY(wal_checkpoint(database->wal, cut->applied, cut->oldest, error));
    TRY(store_flush(database->store, error));
out:
    return code;
}

/* History is extra: what fails (a full disk, say) makes AS OF reach less far, and is tried again by
 * the next checkpoint. */
static void keep_bases(struct database *database, const struct cut *cut)
{
    struct error ignored;
    struct base base = {cut->applied, cut->applied_ms};
    database->bytes_since_base += cut->bytes_so_far;
    (void)!bases_make(database, &base, &ignored);
    (void)!bases_remove(database, &ignored);
}

static enum code checkpoint(struct database *database, struct error *error)
{
    struct cut cut = {.history = find_history(database)};
    bool durable = false;
    enum code code;
    TRY(store_batch_create(database->store, &cut.batch, error));
    code = gather(database, &cut, error);
    if (code == CODE_OK) code = make_durable(database, &cut, error);
    durable = code == CODE_OK;
    finish(database, durable);
    if (!durable) goto out;

    database->schema_texts_stored = cut.text_count;
    database->forgotten.stored = cut.forgotten;
    database->settings_changed = false;
    atomic_store(&database->checkpoint, cut.applied);
    /* If this fails the log keeps more than it needs, and a checkpoint stays due. */
    TRY(wal_checkpoint(database->wal, cut.applied, cut.oldest, error));
    atomic_fetch_sub(&database->applied_bytes, cut.bytes_so_far);
    code = forget_erase(database, error);
    keep_bases(database, &cut);
    budget_keep(database);
out:
    store_batch_free(cut.batch);
    return code;
}

/* A segment goes as a whole, when its oldest entry is too old: so it may not be filled for long. */
static enum code end_old_segment(struct database *database, struct error *error)
{
    struct wal_stats stats;
    wal_stats(database->wal, &stats);
    int64_t ended_ms = clock_now_ms(database->clock) - database->max_age_ms / 8;
    return stats.segment_oldest_ms < ended_ms ? wal_rotate(database->wal, error) : CODE_OK;
}

int64_t database_deadline_ms(struct database *database)
{
    /* The keeper's look, and what it finds to do. */
    enum { SLACK_MS = 5 * 60 * 1000 };
    struct wal_stats stats;
    wal_stats(database->wal, &stats);
    /* After a clock that was ahead the log's times are: they never go back. */
    int64_t from_ms = clock_now_ms(database->clock);
    if (stats.last_ms > from_ms) from_ms = stats.last_ms;
    return from_ms + database->max_age_ms + SLACK_MS;
}

static bool lacks_room(enum code code)
{
    return code == CODE_NO_SPACE || code == CODE_NO_MEMORY || code == CODE_LIMIT;
}

enum code database_retain(struct database *database, struct error *error)
{
    struct wal_stats stats;
    enum code code;
    code = end_old_segment(database, error);
    if (code != CODE_OK && !lacks_room(code)) return code;
    wal_stats(database->wal, &stats);
    bool is_old = stats.oldest_ms < clock_now_ms(database->clock) - database->max_age_ms;
    if (is_old || forget_is_due(database)) code = database_checkpoint(database, error);
    return code;
}

/* Where there is no room to end the segment it is tried again behind the checkpoint, which may make
 * some, and else at the next look. */
static enum code end_and_checkpoint(struct database *database, struct error *error)
{
    struct error ignored;
    enum code code = end_old_segment(database, error);
    bool again = lacks_room(code);
    if (code != CODE_OK && !again) return code;
    TRY(apply_until(database, wal_durable(database->wal), error));
    mutex_lock(&database->checkpoint_mutex);
    code = checkpoint(database, error);
    mutex_unlock(&database->checkpoint_mutex);
    if (again && code == CODE_OK) (void)!end_old_segment(database, &ignored);
out:
    return code;
}

enum code database_checkpoint(struct database *database, struct error *error)
{
    enum code code = write_check(database, error);
    if (code != CODE_OK) return code;
    code = end_and_checkpoint(database, error);
    mutex_lock(&database->keeper_mutex);
    database->checkpoint_error = code == CODE_OK ? (struct error){0} : *error;
    mutex_unlock(&database->keeper_mutex);
    return code;
}
