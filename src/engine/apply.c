/* Apply: the one deterministic function between the log and the folds.
 *
 * Groups are taken from the log under the apply mutex, so whoever calls applies them in log order.
 * The exclusive lock is held in slices: a reader waits for at most one. */
#include "engine/internal.h"

#include "entities/entities.h"
#include "query/statement.h"

#include <assert.h>

#define SLICE_NS 500000

size_t apply_need_bytes(struct slice payload)
{
    enum { PART_BYTES = 8192, NEIGHBOURS_BYTES = 5120, BYTES_PER_BYTE = 8 };
    enum { BACKFILL_PER_BYTE = 64 }; /* a pair of 20 bytes may make a record of a compact one */
    struct cursor cursor;
    uint64_t parts = 1;
    cursor_init(&cursor, payload);
    (void)cursor_u8(&cursor); /* format */
    uint8_t kind = cursor_u8(&cursor);
    if (kind == CHANGE_TRANSACTION) parts = cursor_varint(&cursor);
    assert(parts <= CHANGE_TRANSACTION_MAXIMUM);
    /* A first event on a new pair by a new user makes a handful of rows and may double a table, and
     * an impression adds up to LIMIT_EXPOSURES * EXPOSED_TOPICS slots; text is kept once as it is
     * and once in a dictionary.  A positive one may double what 20 items have of neighbours. */
    size_t part_bytes = PART_BYTES;
    if (kind == CHANGE_BACKFILL) return PART_BYTES + BACKFILL_PER_BYTE * payload.bytes;
    if (kind == CHANGE_SIGNAL || kind == CHANGE_TRANSACTION) part_bytes += NEIGHBOURS_BYTES;
    return part_bytes * (size_t)parts + BYTES_PER_BYTE * payload.bytes;
}

/* One with TRENDING may not wait: what trends reads that signal's ledger as it is after each. */
static bool may_wait(const struct database *database, const struct change *change)
{
    return change->kind == CHANGE_SIGNAL &&
           database->schema->signals[change->signal.signal].trending_half_life_ms == 0;
}

/* Applies the signals that wait, to the folds that take them together. */
static enum code apply_waiting(struct database *database, struct error *error)
{
    struct signal_queue *queue = &database->signals;
    enum code code = CODE_OK;
    for (int i = 0; i < FOLD_COUNT && queue->count > 0; i++) {
        struct fold *fold = &database->folds[i];
        if (fold->ops->apply_signals && !fold_is_idle(database, i))
            TRY(fold->ops->apply_signals(fold->state, queue->list, queue->count, error));
    }
out:
    queue->count = 0;
    return code;
}

/* To the folds it is the DELETE of a user. */
static enum code apply_forget(struct database *database, struct resolved_change *resolved,
                              struct error *error)
{
    struct change *deletion = arena_array(&database->apply_arena, 1, sizeof *deletion);
    if (!deletion) return error_no_memory(error, AREA_ENGINE, sizeof *deletion);
    deletion->kind = CHANGE_DELETE;
    deletion->delete = resolved->change->delete;
    resolved->change = deletion;
    return forget_note(database, resolved->subject, error);
}

static enum code apply_change(struct database *database, const struct wal_entry *entry,
                              const struct change *change, const struct dropped *dropped,
                              struct error *error)
{
    struct signal_queue *queue = &database->signals;
    bool skip, waits = may_wait(database, change);
    enum code code = CODE_OK;
    if (change->kind != CHANGE_SIGNAL) TRY(apply_waiting(database, error));
    struct resolved_change *resolved = &queue->list[queue->count]; /* where it stays if it waits */
    *resolved = (struct resolved_change){.lsn = entry->lsn,
                                         .ingest_ms = entry->time_ms,
                                         .watermark_ms = database->watermark_ms,
                                         .schema = database->schema,
                                         .change = change,
                                         .dropped = dropped,
                                         .subject = ORDINAL_NONE,
                                         .other = ORDINAL_NONE};
    TRY(resolve_change(database, change, resolved, &skip, error));
    if (change->kind == CHANGE_FORGET) TRY(apply_forget(database, resolved, error));
    if (!skip) TRY(ledger_warm(database->ledger, resolved, database->cold, error));
    for (int i = 0; !skip && i < FOLD_COUNT; i++) {
        struct fold *fold = &database->folds[i];
        if ((waits && fold->ops->apply_signals) || fold_is_idle(database, i)) continue;
        TRY(fold->ops->apply(fold->state, resolved, error));
    }
    /* An edge without a time is no event: who is loaded first must not make old events late. */
    bool moves_time =
        change->kind == CHANGE_SIGNAL || (change->kind == CHANGE_RELATE && change->relate.has_time);
    if (moves_time && !skip && resolved->time_ms > database->watermark_ms)
        database->watermark_ms = resolved->time_ms;
    if (waits && !skip) queue->count++;
    if (queue->count == SIGNAL_QUEUE) TRY(apply_waiting(database, error));
out:
    return code;
}

/* Replaces the schema by the one that a DEFINE, DROP or RENAME makes of it.  What is in the log was
 * checked, so that it fails here means that the log was written by another version. */
static enum code apply_define(struct database *database, const struct wal_entry *entry,
                              const struct change *change, struct error *error)
{
    struct statement statement;
    struct schema *extended;
    struct violations violations = {0};
    struct dropped dropped = {DEFINE_PROFILE, ID_NONE};
    enum code code;
    TRY(statement_parse(change->define, &database->apply_arena, &statement, error));
    assert(statement.kind == STATEMENT_DEFINE);
    if (statement.define.action == DEFINITION_DROP)
        dropped = schema_find_dropped(database->schema, &statement.define);
    TRY(schema_extend(database->schema, &statement.define, &extended, &violations, error));
    TRY(apply_waiting(database, error));
    schema_free(database->schema);
    database->schema = extended;
    database->schema_version++;
    /* Folds follow the schema at once, so that their rows do not depend on what comes next. */
    code = apply_change(database, entry, change, &dropped, error);
out:
    return code;
}

static enum code decode(struct database *database, const struct wal_entry *entry,
                        struct change **decoded, struct error *error)
{
    struct change *change = arena_array(&database->apply_arena, 1, sizeof *change);
    *decoded = change;
    if (!change) return error_no_memory(error, AREA_ENGINE, sizeof *change);
    return change_decode(entry->payload, &database->apply_arena, change, error);
}

/* The signals of an entry may wait.  They need the entry, and what the arena has of them. */
static enum code apply_one(struct database *database, const struct wal_entry *entry,
                           const struct change *change, struct error *error)
{
    enum code code = CODE_OK;
    if (change_alters_schema(change->kind)) {
        TRY(apply_define(database, entry, change, error));
    } else if (change->kind == CHANGE_TRANSACTION) {
        for (size_t i = 0; i < change->transaction.count; i++)
            TRY(apply_change(database, entry, &change->transaction.changes[i], NULL, error));
    } else {
        TRY(apply_change(database, entry, change, NULL, error));
    }
    atomic_store_explicit(&database->applied, entry->lsn, memory_order_release);
    database->applied_ms = entry->time_ms;
out:
    return code;
}

static void note_bytes(struct database *database, uint64_t payload_bytes, size_t entry_count)
{
    atomic_fetch_add(&database->applied_bytes, payload_bytes + 64 * (uint64_t)entry_count);
}

enum code apply_entry(struct database *database, const struct wal_entry *entry, struct error *error)
{
    struct change *change;
    enum code code;
    arena_reset(&database->apply_arena);
    TRY(decode(database, entry, &change, error));
    TRY(apply_one(database, entry, change, error));
    note_bytes(database, entry->payload.bytes, 1);
    code = apply_waiting(database, error);
out:
    return code;
}

/* Entries read ahead of applying them, so that what they will look at is fetched meanwhile. */
enum { AHEAD = 16 };
struct ahead {
    struct wal_entry entries[AHEAD];
    struct change *changes[AHEAD];
    size_t count;
    uint64_t payload_bytes;
    size_t need_bytes; /* reserved for them */
};

/* Signals, which decode to little; another change is the last one. */
static enum code read_ahead(struct database *database, struct wal_group *group, struct ahead *ahead,
                            struct error *error)
{
    enum code code = CODE_OK;
    ahead->count = ahead->payload_bytes = ahead->need_bytes = 0;
    if (database->signals.count > SIGNAL_QUEUE - AHEAD) TRY(apply_waiting(database, error));
    if (database->signals.count == 0) arena_reset(&database->apply_arena);
    while (ahead->count < AHEAD && wal_group_next(group, &ahead->entries[ahead->count])) {
        struct slice payload = ahead->entries[ahead->count].payload;
        struct change **change = &ahead->changes[ahead->count++];
        ahead->payload_bytes += payload.bytes;
        ahead->need_bytes += apply_need_bytes(payload);
        TRY(decode(database, &ahead->entries[ahead->count - 1], change, error));
        if ((*change)->kind != CHANGE_SIGNAL) break;
        const struct signal_change *signal = &(*change)->signal;
        entities_prefetch(database->entities, &signal->entity);
        if (signal->has_user) entities_prefetch(database->entities, &signal->user);
    }
out:
    return code;
}

static enum code apply_group(struct database *database, struct wal_group *group,
                             struct error *error)
{
    struct cold_reader cold;
    struct ahead ahead;
    struct error ignored;
    enum code code;
    size_t need_bytes = 0;
    budget_read_ahead(database, group, &cold);
    database->cold = &cold;
    phase_lock_write(&database->state);
    int64_t slice_ends_ns = clock_monotonic_ns(clock_system()) + SLICE_NS;
    for (;;) {
        TRY(read_ahead(database, group, &ahead, error));
        if (ahead.count == 0) break;
        need_bytes += ahead.need_bytes;
        for (size_t i = 0; i < ahead.count; i++)
            TRY(apply_one(database, &ahead.entries[i], ahead.changes[i], error));
        note_bytes(database, ahead.payload_bytes, ahead.count);
        if (clock_monotonic_ns(clock_system()) < slice_ends_ns) continue;
        TRY(apply_waiting(database, error));
        phase_unlock_write(&database->state);
        phase_lock_write(&database->state);
        slice_ends_ns = clock_monotonic_ns(clock_system()) + SLICE_NS;
    }
    code = apply_waiting(database, error);
out:
    /* Before the lock is given up: nobody may see half a change. */
    if (code != CODE_OK) atomic_store(&database->failed, (int)code);
    budget_note(database);
    phase_unlock_write(&database->state);
    database->cold = NULL;
    (void)!cold_reader_end(&cold, &ignored); /* what could not be read ahead was asked for again */
    atomic_fetch_sub(&database->reserved_bytes, need_bytes);
    return code;
}

enum code apply_check(struct database *database, struct error *error)
{
    enum code cause = (enum code)atomic_load(&database->failed);
    if (cause == CODE_OK) return CODE_OK;
    error_set(error, CODE_FAILED, AREA_ENGINE, "a change in the log could not be applied: %s",
              code_name(cause));
    error_hint(error, "close the database and open it again: the log has everything");
    return CODE_FAILED;
}

/* The next group, if there is one.  Under the apply mutex. */
static enum code apply_next(struct database *database, bool *found, struct error *error)
{
    struct wal_group *group;
    enum code code = apply_check(database, error);
    *found = code == CODE_OK && wal_take(database->wal, &group);
    if (!*found) return code;
    /* The cause is not the caller's: its change is in the log for good. */
    if (apply_group(database, group, error) != CODE_OK) code = apply_check(database, error);
    wal_group_release(group);
    return code;
}

enum code apply_until(struct database *database, lsn wanted, struct error *error)
{
    bool found = true;
    atomic_fetch_add(&database->apply_waiters, 1);
    mutex_lock(&database->apply_mutex);
    atomic_fetch_sub(&database->apply_waiters, 1);
    enum code code = apply_check(database, error);
    while (code == CODE_OK && found && atomic_load(&database->applied) < wanted)
        code = apply_next(database, &found, error);
    mutex_unlock(&database->apply_mutex);
    if (atomic_load(&database->applied_bytes) >= database->checkpoint_log_bytes ||
        atomic_load(&database->over_budget))
        keeper_wake(database);
    return code;
}

enum code apply_behind(struct database *database, struct error *error)
{
    enum { GIVE_WAY_NS = 20 * 1000, GROUPS_AT_ONCE = 16 };
    enum code code = CODE_OK;
    bool found = true;
    for (int i = 0; i < GROUPS_AT_ONCE && found && code == CODE_OK; i++) {
        while (atomic_load(&database->apply_waiters) > 0)
            thread_sleep_ns(GIVE_WAY_NS);
        mutex_lock(&database->apply_mutex);
        code = apply_next(database, &found, error);
        mutex_unlock(&database->apply_mutex);
    }
    return code;
}

enum code database_wait(struct database *database, lsn wanted, struct error *error)
{
    enum code code = CODE_OK;
    if (wanted <= atomic_load(&database->applied)) return CODE_OK;
    TRY(wal_wait(database->wal, wanted, error));
    if (wanted <= atomic_load(&database->applied)) return CODE_OK;
    TRY(apply_until(database, wanted, error));
    assert(atomic_load(&database->applied) >= wanted);
out:
    return code;
}

enum code database_read_begin(struct database *database, struct view *view, struct error *error)
{
    phase_lock_read(&database->state);
    enum code code = apply_check(database, error);
    if (code != CODE_OK) {
        phase_unlock_read(&database->state);
        return code;
    }
    *view = (struct view){.schema = database->schema,
                          .schema_version = database->schema_version,
                          .entities = database->entities,
                          .ledger = database->ledger,
                          .trending = database->trending,
                          .popular = database->popular,
                          .unique = database->unique,
                          .groups = database->groups,
                          .edges = database->edges,
                          .behaviour = database->behaviour,
                          .quota = database->quota,
                          .exposure = database->exposure,
                          .served = database->served,
                          .coengagement = database->coengagement,
                          .backfill_read = atomic_load(&database->backfiller.read),
                          .backfill_total = atomic_load(&database->backfiller.total),
                          .lsn = atomic_load(&database->applied),
                          .watermark_ms = database->watermark_ms};
    return CODE_OK;
}

void database_read_end(struct database *database)
{
    phase_unlock_read(&database->state);
}

lsn database_applied(const struct database *database)
{
    return atomic_load(&database->applied);
}

int64_t database_now_ms(struct database *database)
{
    phase_lock_read(&database->state);
    int64_t watermark_ms = database->watermark_ms;
    phase_unlock_read(&database->state);
    int64_t now_ms = clock_now_ms(database->clock);
    return now_ms > watermark_ms ? now_ms : watermark_ms;
}
