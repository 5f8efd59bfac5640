#include "engine/backfill.h"

#include "engine/internal.h"
#include "signals/backfill.h"

enum {
    READ_AT_ONCE = 4096, /* entries */
    NEAR = 128,          /* so few behind, the rest is read while writing is held up, */
    NEAR_STILL = 4,      /* if it has not become so many times that */
    ROUND_PAIRS = 256,   /* looked at meanwhile */
    CHANGE_PAIRS = 64,   /* a change is applied as a whole: in well under a slice */
    CHANGE_BYTES = 8192,
    ROUND_CHANGES = ROUND_PAIRS / CHANGE_PAIRS + 1
};

struct backfill_job {
    struct arena arena;      /* of one round */
    struct database *shadow; /* NULL: the log tells nothing of before */
    struct wal_reader *reader;
    lsn first;        /* it reads */
    int64_t since_ms; /* what the shadow has counted: all, or what happened after this */
    bool signals[LIMIT_SIGNAL_IDS];
    lsn defined[LIMIT_SIGNAL_IDS];
    size_t signal;   /* being brought, */
    ordinal next;    /* from this entity on */
    lsn behind;      /* the shadow was, before it last read on beside writers */
    unsigned missed; /* times that writers were faster than it, less the rounds since */
    bool held;       /* the last step kept writers out */
};

void backfiller_init(struct backfiller *backfiller, int rank)
{
    mutex_init(&backfiller->mutex, rank);
    condition_init(&backfiller->wakes);
}

void backfiller_release(struct backfiller *backfiller)
{
    condition_release(&backfiller->wakes);
    mutex_release(&backfiller->mutex);
}

/* Frees a job that is under way. */
static void backfill_drop(struct database *database)
{
    struct backfiller *backfiller = &database->backfiller;
    struct backfill_job *job = backfiller->job;
    if (!job) return;
    wal_reader_close(job->reader);
    database_abandon(job->shadow);
    arena_release(&job->arena);
    memory_free(&database->request_memory, job, sizeof *job);
    backfiller->job = NULL;
    atomic_store(&backfiller->bytes, 0);
    atomic_store(&backfiller->read, 0);
    atomic_store(&backfiller->total, 0);
}

/* Under the shared lock. */
static bool find_due(const struct database *database, bool signals[LIMIT_SIGNAL_IDS],
                     lsn defined[LIMIT_SIGNAL_IDS])
{
    bool any = false;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        signals[i] = backfill_is_due(database->ledger, (signal_id)i, &defined[i]);
        any = any || signals[i];
    }
    return any;
}

/* --- 1: the shadow --- */

/* Where to begin: with nothing at LSN 1, or with the oldest base that the log follows; base->lsn is
 * then in use until it is loaded.  Without a reader there is neither. */
static enum code choose_start(struct database *database, struct backfill_job *job,
                              struct base *base, struct error *error)
{
    const struct moment ever = {.lsn = UINT64_MAX};
    struct base newest;
    *base = (struct base){0};
    mutex_lock(&database->bases_mutex);
    enum code code = wal_reader_open(database->wal, 1, &job->reader, error);
    if (code == CODE_NOT_RETAINED) {
        TRY(bases_find(database, &ever, &newest, base, error));
        if (base->lsn > 0) TRY(wal_reader_open(database->wal, base->lsn + 1, &job->reader, error));
    }
    database->base_of_backfill = base->lsn;
    job->first = base->lsn + 1;
out:
    mutex_unlock(&database->bases_mutex);
    return code;
}

/* What decides whether an event counts, and the ledger: the others would only cost. */
static unsigned idle_folds(const struct database *database, const struct backfill_job *job)
{
    bool is_state = false, is_limited = false;
    for (size_t i = 0; i < database->schema->signal_count; i++) {
        const struct signal *signal = &database->schema->signals[i];
        if (!job->signals[i]) continue;
        is_state = is_state || signal->unique_per_user;
        is_limited = is_limited || signal->is_limited;
    }
    unsigned needed = 1U << FOLD_ENTITIES | 1U << FOLD_LEDGER;
    if (is_state) needed |= 1U << FOLD_BEHAVIOUR;
    if (is_limited) needed |= 1U << FOLD_QUOTA;
    return ~needed;
}

static void limit_memory(const struct database *database, struct database *shadow)
{
    size_t limit = database->memory_limit_bytes;
    size_t used = atomic_load(&database->state_memory.used_bytes) +
                  atomic_load(&database->request_memory.used_bytes);
    /* At least a byte, as 0 is no limit. */
    if (limit > 0) shadow->state_memory.limit_bytes = used < limit ? limit - used : 1;
}

static enum code make_shadow(struct database *database, struct backfill_job *job,
                             const struct base *base, struct error *error)
{
    const struct database_options options = {.no_threads = true, .clock = database->clock};
    struct database *shadow;
    enum code code;
    TRY(database_create(&options, &shadow, error));
    job->shadow = shadow;
    memcpy(shadow->id, database->id, sizeof shadow->id);
    limit_memory(database, shadow);
    phase_lock_read(&database->state);
    shadow->idle_folds = idle_folds(database, job);
    bool focused = backfill_focus(shadow->ledger, database->ledger, job->signals);
    phase_unlock_read(&database->state);
    if (!focused) return error_no_memory(error, AREA_ENGINE, sizeof *shadow);
    TRY(history_load_base(shadow, database, base, error));
    job->since_ms = base->lsn > 0 ? shadow->watermark_ms : INT64_MIN;
out:
    return code;
}

static enum code begin(struct database *database, bool *more, struct error *error)
{
    struct backfill_job *job = memory_allocate_zeroed(&database->request_memory, sizeof *job);
    struct base base;
    enum code code;
    *more = false;
    if (!job) return error_no_memory(error, AREA_ENGINE, sizeof *job);
    database->backfiller.job = job;
    atomic_store(&database->backfiller.gives_way, false);
    arena_init(&job->arena, &database->request_memory, (size_t)64 << 20);
    phase_lock_read(&database->state);
    *more = find_due(database, job->signals, job->defined);
    phase_unlock_read(&database->state);
    if (!*more) {
        backfill_drop(database);
        return CODE_OK;
    }
    TRY(choose_start(database, job, &base, error));
    job->since_ms = INT64_MAX;
    if (job->reader) code = make_shadow(database, job, &base, error);
    mutex_lock(&database->bases_mutex);
    database->base_of_backfill = 0;
    mutex_unlock(&database->bases_mutex);
out:
    return code;
}

static void note_progress(struct database *database, const struct backfill_job *job)
{
    struct backfiller *backfiller = &database->backfiller;
    lsn last = atomic_load(&database->applied), read = atomic_load(&job->shadow->applied);
    atomic_store(&backfiller->read, read < job->first ? 0 : read - job->first + 1);
    atomic_store(&backfiller->total, last < job->first ? 0 : last - job->first + 1);
    atomic_store(&backfiller->bytes, atomic_load(&job->shadow->state_memory.used_bytes));
}

/* At most `limit` entries, none behind `last`. */
static enum code read_on(struct database *database, lsn last, size_t limit, struct error *error)
{
    struct backfiller *backfiller = &database->backfiller;
    struct backfill_job *job = backfiller->job;
    struct wal_entry entry;
    enum code code = CODE_OK;
    bool found = true;
    for (size_t i = 0; i < limit && found; i++) {
        if (atomic_load(&backfiller->stops))
            return error_set(error, CODE_CANCELLED, AREA_ENGINE, "the backfill was stopped");
        if (atomic_load(&backfiller->gives_way))
            return error_set(error, CODE_NO_MEMORY, AREA_ENGINE,
                             "the backfill gave its memory to writes");
        TRY(wal_reader_next(job->reader, last, &entry, &found, error));
        if (found) TRY(apply_entry(job->shadow, &entry, error));
    }
    note_progress(database, job);
out:
    return code;
}

/* --- 2: what differs goes to the log --- */

/* The changes of a round, encoded. */
struct round {
    struct wal_record records[ROUND_CHANGES + 1];
    struct wal_result results[ROUND_CHANGES + 1];
    size_t count;
};

static enum code add(struct database *database, struct round *round,
                     const struct backfill_change *backfill, struct error *error)
{
    const struct change change = {.kind = CHANGE_BACKFILL, .backfill = *backfill};
    struct arena *arena = &database->backfiller.job->arena;
    struct wal_record *record = &round->records[round->count];
    struct buffer bytes;
    buffer_init(&bytes, &database->request_memory, CHANGE_BYTES_MAXIMUM);
    enum code code = change_encode(&change, &bytes, error);
    *record = (struct wal_record){.type = ENTRY_CHANGE, .flags = WAL_ENTRY_NO_DEDUPE};
    if (code == CODE_OK)
        record->payload = slice_of(arena_copy(arena, bytes.data, bytes.bytes), bytes.bytes);
    if (code == CODE_OK && !record->payload.data)
        code = error_no_memory(error, AREA_ENGINE, bytes.bytes);
    buffer_release(&bytes);
    if (code == CODE_OK) code = write_reserve(database, record->payload, error);
    round->count += code == CODE_OK;
    return code;
}

/* The next pairs of the signal: all that there are, or as many as go into a round. */
static enum code gather(struct database *database, struct round *round, bool *is_last,
                        struct error *error)
{
    struct backfill_job *job = database->backfiller.job;
    struct backfill_part part = {.signal = (signal_id)job->signal,
                                 .next = job->next,
                                 .look_count = ROUND_PAIRS,
                                 .pair_limit = CHANGE_PAIRS,
                                 .byte_limit = CHANGE_BYTES,
                                 .is_last = !job->shadow};
    enum code code = CODE_OK;
    while (!part.is_last && part.look_count > 0 && round->count < ROUND_CHANGES) {
        struct backfill_change change;
        phase_lock_read(&database->state);
        code = backfill_collect(job->shadow->ledger, database->ledger, &part, &job->arena, &change,
                                error);
        phase_unlock_read(&database->state);
        if (code == CODE_OK && change.pair_count > 0) code = add(database, round, &change, error);
        if (code != CODE_OK) return code;
    }
    job->next = part.next;
    *is_last = part.is_last;
    if (!part.is_last) return CODE_OK;
    struct backfill_change end = {.signal = part.signal,
                                  .defined = job->defined[part.signal],
                                  .ends = true,
                                  .since_ms = job->since_ms};
    return add(database, round, &end, error);
}

/* *brought: the last LSN of it. */
static enum code append(struct database *database, struct round *round, lsn *brought,
                        struct error *error)
{
    enum code code = CODE_OK;
    if (round->count == 0) return CODE_OK;
    code = wal_append(database->wal, round->records, round->count, 0, round->results, error);
    if (code == CODE_OK) {
        *brought = round->results[round->count - 1].lsn;
        return CODE_OK;
    }
    for (size_t i = 0; i < round->count; i++)
        write_unreserve(database, round->records[i].payload);
    if (code == CODE_LIMIT) keeper_wake(database);
    return code;
}

/* A signal that was defined anew meanwhile waits for the next job. */
static bool is_still_due(struct database *database, const struct backfill_job *job)
{
    lsn defined;
    phase_lock_read(&database->state);
    bool due = backfill_is_due(database->ledger, (signal_id)job->signal, &defined);
    phase_unlock_read(&database->state);
    return due && defined == job->defined[job->signal];
}

static enum code bring(struct database *database, lsn *brought, struct error *error)
{
    struct backfill_job *job = database->backfiller.job;
    struct round round = {.count = 0};
    bool is_last = true;
    enum code code = CODE_OK;
    arena_reset(&job->arena);
    if (is_still_due(database, job)) {
        code = gather(database, &round, &is_last, error);
        if (code == CODE_OK) {
            code = append(database, &round, brought, error);
        } else {
            for (size_t i = 0; i < round.count; i++)
                write_unreserve(database, round.records[i].payload);
        }
    }
    if (!is_last) return code;
    job->signal++;
    job->next = 0;
    return code;
}

/* May the rest be read in a round?  Where others write faster than the shadow reads, time after
 * time, more of it may. */
static bool is_near(const struct backfill_job *job, lsn behind)
{
    return behind <= (lsn)NEAR_STILL * NEAR << job->missed;
}

static void note_missed(struct backfill_job *job)
{
    if (job->missed < 32) job->missed++;
}

/* Before it reads on beside writers: has it come no nearer since the last time? */
static void note_behind(struct backfill_job *job, lsn behind)
{
    if (job->behind > 0 && behind >= job->behind) note_missed(job);
    job->behind = behind;
}

/* While this holds the lock nothing is written, and all that was is applied.  What is brought is
 * synced when it is given up: what is written then comes behind it in the log. */
static enum code bring_exclusively(struct database *database, struct error *error)
{
    struct backfill_job *job = database->backfiller.job;
    lsn brought = 0;
    /* So that there is little left to wait for under the lock. */
    enum code code = database_wait(database, wal_last(database->wal), error);
    if (code != CODE_OK) return code;
    phase_lock_write(&database->admission);
    lsn last = wal_last(database->wal);
    code = database_wait(database, last, error);
    bool near = !job->shadow || is_near(job, last - atomic_load(&job->shadow->applied));
    if (code == CODE_OK && near && job->shadow) code = read_on(database, last, SIZE_MAX, error);
    if (code == CODE_OK && near) code = bring(database, &brought, error);
    phase_unlock_write(&database->admission);
    job->held = near;
    job->behind = 0;
    if (!near)
        note_missed(job);
    else if (job->missed > 0)
        job->missed--;
    return code == CODE_OK && brought > 0 ? database_wait(database, brought, error) : code;
}

static enum code go_on(struct database *database, struct error *error)
{
    struct backfill_job *job = database->backfiller.job;
    lsn applied = atomic_load(&database->applied);
    while (job->signal < LIMIT_SIGNAL_IDS && !job->signals[job->signal])
        job->signal++;
    if (job->signal == LIMIT_SIGNAL_IDS) {
        backfill_drop(database);
        return CODE_OK;
    }
    lsn behind = job->shadow ? applied - atomic_load(&job->shadow->applied) : 0;
    if (behind > NEAR) note_behind(job, behind);
    if (behind <= NEAR || (job->missed > 0 && is_near(job, behind)))
        return bring_exclusively(database, error);
    job->held = false;
    return read_on(database, applied, READ_AT_ONCE, error);
}

enum code backfill_step(struct database *database, bool *more, struct error *error)
{
    enum code code = apply_check(database, error);
    *more = true;
    if (code == CODE_OK) {
        bool begins = !database->backfiller.job;
        code = begins ? begin(database, more, error) : go_on(database, error);
    }
    if (code != CODE_OK) backfill_drop(database);
    return code;
}

/* --- The thread --- */

#define ERROR_REST_NS         (INT64_C(1) * 1000000000)
#define ERROR_REST_MAXIMUM_NS (INT64_C(60) * 1000000000)

/* So long, or until it is woken (WAIT_FOREVER: only that); false: stop. */
static bool rest(struct backfiller *backfiller, int64_t duration_ns)
{
    int64_t now_ns = clock_monotonic_ns(clock_system());
    bool ends = duration_ns != WAIT_FOREVER;
    int64_t until_ns = ends ? now_ns + duration_ns : WAIT_FOREVER;
    mutex_lock(&backfiller->mutex);
    while (!atomic_load(&backfiller->stops) && (ends || !backfiller->is_woken) &&
           condition_wait_until(&backfiller->wakes, &backfiller->mutex, until_ns)) {
    }
    if (!ends) backfiller->is_woken = false;
    mutex_unlock(&backfiller->mutex);
    return !atomic_load(&backfiller->stops);
}

static void note_error(struct backfiller *backfiller, const struct error *error)
{
    mutex_lock(&backfiller->mutex);
    backfiller->error = error ? *error : (struct error){0};
    mutex_unlock(&backfiller->mutex);
}

/* Half of the time is left to writers, who are held up by each step of the second part; only where
 * they are faster than it reads it does not rest from reading. */
static int64_t rest_after(const struct backfill_job *job, int64_t duration_ns)
{
    return job && !job->held && job->missed > 0 ? 0 : duration_ns;
}

static void run(void *argument)
{
    struct database *database = argument;
    struct backfiller *backfiller = &database->backfiller;
    int64_t rest_ns = 0, error_rest_ns = ERROR_REST_NS;
    while (rest(backfiller, rest_ns)) {
        struct error error;
        bool more;
        int64_t began_ns = clock_monotonic_ns(clock_system());
        enum code code = backfill_step(database, &more, &error);
        note_error(backfiller, code == CODE_OK ? NULL : &error);
        if (code == CODE_OK) {
            int64_t duration_ns = clock_monotonic_ns(clock_system()) - began_ns;
            rest_ns = more ? rest_after(backfiller->job, duration_ns) : WAIT_FOREVER;
            error_rest_ns = ERROR_REST_NS;
        } else {
            rest_ns = error_rest_ns;
            if (error_rest_ns < ERROR_REST_MAXIMUM_NS) error_rest_ns *= 2;
        }
    }
    backfill_drop(database);
}

void backfill_wake(struct database *database)
{
    struct backfiller *backfiller = &database->backfiller;
    bool signals[LIMIT_SIGNAL_IDS];
    lsn defined[LIMIT_SIGNAL_IDS];
    struct error ignored;
    if (!database->has_keeper || database->follows) return;
    phase_lock_read(&database->state);
    bool due = find_due(database, signals, defined);
    phase_unlock_read(&database->state);
    if (!due) return;
    mutex_lock(&backfiller->mutex);
    backfiller->is_woken = true;
    condition_signal(&backfiller->wakes);
    mutex_unlock(&backfiller->mutex);
    if (backfiller->has_thread) return;
    /* Where there is no thread to be had the estimates stay until the next opening. */
    backfiller->has_thread = true;
    if (thread_start(&backfiller->thread, "tidal-backfill", run, database, &ignored) != CODE_OK)
        backfiller->has_thread = false;
}

void backfill_stop(struct database *database)
{
    struct backfiller *backfiller = &database->backfiller;
    if (backfiller->has_thread) {
        mutex_lock(&backfiller->mutex);
        atomic_store(&backfiller->stops, true);
        condition_signal(&backfiller->wakes);
        mutex_unlock(&backfiller->mutex);
        thread_join(&backfiller->thread);
        backfiller->has_thread = false;
    }
    backfill_drop(database);
}
