/* The background job that brings half-lives and windows, which were added to a signal, what was
 * before (docs/decisions/013-backfill.md).
 *
 *   1. a shadow folds the log with the new definitions, from as early as log and bases reach
 *   2. when it has come near the end, all writing is held up for some milliseconds, time after
 *      time: shadow and database are then of one LSN, and pairs that differ go to the log as
 *      BACKFILL changes, which every fold of this log applies alike
 *   3. the last of them says that the signal is complete, and from its LSN on it is read so
 *
 * What is due is state, so a crash loses nothing but the work: it begins anew, and finds what was
 * brought already equal.  A copy that follows another database gets the changes with its log. */
#ifndef TIDAL_ENGINE_BACKFILL_H
#define TIDAL_ENGINE_BACKFILL_H

#include "engine/database.h"
#include "os/threads.h"

struct backfill_job;

/* Part of the database's struct. */
struct backfiller {
    struct backfill_job *job;     /* under way; NULL: none.  Of the thread that does it */
    atomic_size_t bytes;          /* that it takes */
    atomic_bool gives_way;        /* a write needs these: the job ends, to begin anew later */
    _Atomic uint64_t read, total; /* entries of the log, as far as it has come; 0 of 0: no job */
    atomic_bool stops;
    struct thread thread;
    bool has_thread;
    struct mutex mutex; /* over the next */
    struct condition wakes;
    bool is_woken;
    struct error error; /* why the last attempt failed; CODE_OK: it did not */
};

void backfiller_init(struct backfiller *backfiller, int rank);
void backfiller_release(struct backfiller *backfiller);

/* A part of the work: reads some entries, or brings some pairs.  *more: there is work left.  After
 * an error the job is gone and a further step begins anew: NO_MEMORY, LIMIT (the log has no room),
 * CANCELLED (backfill_stop), IO, CORRUPT, FAILED.  One thread at a time. */
MUST_USE enum code backfill_step(struct database *database, bool *more, struct error *error);

/* Has a thread do it, if there is something to do and the database has threads.  Under the
 * admission lock, exclusively, or while nobody else is there. */
void backfill_wake(struct database *database);
void backfill_stop(struct database *database);

#endif
