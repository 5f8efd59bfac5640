/* The database: a log, a store, and the folds between them.
 *
 *   write   check (shared lock) -> log (group commit) -> apply (exclusive lock, in log order)
 *   read    database_read_begin (shared lock) -> any number of folds -> database_read_end
 *   open    load the folds from the store at LSN c, apply the log from c + 1
 *
 * Locks, in the order in which they are taken: admission, checkpoint, apply, state (the phase lock
 * over the folds), then those of the store and the log.  docs/decisions/005-the-lock.md.
 * any thread, unless said otherwise. */
#ifndef TIDAL_ENGINE_DATABASE_H
#define TIDAL_ENGINE_DATABASE_H

#include "ranking/view.h"
#include "schema/change.h"

struct clock;
struct disk;
struct store;
struct database;

enum acknowledgement {
    ACKNOWLEDGE_DURABLE, /* after the sync, applied and visible */
    ACKNOWLEDGE_ACCEPTED /* checked and in line */
};

/* Deliberate faults, so that tests can prove that they would notice. */
enum engine_mutant {
    ENGINE_MUTANT_NONE,
    ENGINE_MUTANT_FRAME_BEFORE_FLUSH /* the log forgets before the store remembers */
};

/* Zero means default. */
struct database_options {
    const char *path; /* a directory, or ":memory:"; lent during database_open */
    bool read_only;
    bool must_exist;
    bool no_threads; /* no flusher and no keeper: for simulation; then only checkpoint on demand */
    size_t memory_limit_bytes;  /* writes are refused beyond it; the tables that double for the last
                                   one let in may pass it */
    size_t signal_memory_bytes; /* the ledger makes pairs cold beyond it (signals/cold.h); 0, and
                                   of one that is read only: never */
    uint64_t segment_bytes;
    uint64_t log_limit_bytes;
    uint32_t commit_delay_us;
    uint32_t dedupe_count;
    uint32_t dedupe_window_ms;
    uint64_t checkpoint_log_bytes;      /* 0: 32 MiB */
    int64_t retain_log_ms;              /* 0: as before; at first what recovery and the window need;
                                           at most 7/8 of the next */
    int64_t retain_log_max_age_ms;      /* 0: as before; at first 30 d */
    struct clock *clock;                /* lent until close; NULL: the system's */
    int64_t (*clock_ms)(void *context); /* instead of `clock`; any thread calls it */
    void *clock_context;
    struct disk *disk;      /* with `store`: used instead of `path`; lent until close */
    struct store *store;    /* lent until close */
    const uint8_t *follows; /* id of the database of which this is a copy: it takes entries of that
                               one's log and nothing else (engine/follow.h); lent during
                               database_open.  NULL: none */
    int wal_mutant;         /* enum wal_mutant */
    enum engine_mutant mutant;
};

struct database_status {
    lsn applied, durable, checkpoint, oldest;
    uint64_t log_bytes, memory_bytes, memory_limit_bytes, store_bytes;
    /* Of the ledger, with a budget (signals/cold.h); otherwise 0. */
    uint64_t signal_memory_bytes, signal_memory_limit_bytes, signal_directory_bytes;
    uint64_t live_counts[ENTITY_KIND_COUNT];
    int64_t watermark_ms;
    int64_t open_ms;
    uint64_t replayed;
    uint64_t torn_bytes;
    uint64_t schema_version;
    struct error checkpoint_error; /* why the last checkpoint failed; CODE_OK: it did not */
    struct error backfill_error;   /* likewise, of the last attempt to backfill */
};

/* As tidal_open: CODE_BUSY, INVALID, VERSION, CORRUPT, READ_ONLY, NO_SPACE, IO, NO_MEMORY. */
MUST_USE enum code database_open(const struct database_options *options, struct database **database,
                                 struct error *error);
/* Checkpoints (unless read-only or failed), then frees all.  An error is the checkpoint's. */
enum code database_close(struct database *database, struct error *error);
/* Frees all and writes nothing, as a crash would: for tests. */
void database_abandon(struct database *database);

/* One write.  Everything is lent during the call. */
struct write {
    const struct change *change;  /* anything but a definition */
    struct slice idempotency_key; /* empty: none */
};

struct write_result {
    enum code code; /* OK; DUPLICATE; or why this one was refused */
    lsn lsn;        /* its own, or of the first; 0: refused */
};

enum { DATABASE_WRITES_MAXIMUM = 65536 };

/* Writes that share a group commit.  The caller fills all but `first_refused`. */
struct write_batch {
    const struct write *writes; /* lent during the call */
    size_t count;
    enum acknowledgement acknowledgement;
    struct write_result *results; /* `count`: what became of each */
    size_t first_refused;         /* `error` describes that one; `count`: none was refused */
};

/* Each write is checked alone, against the state before the batch.  The return value speaks of the
 * batch: OK, or what kept it from being written (FAILED, NO_SPACE, LIMIT, READ_ONLY, ...).  A batch
 * of more than 1 MiB may be written in part: `results` has the rest refused with the same code.
 * After FAILED, only opening the database again can tell which writes with an LSN there are. */
MUST_USE enum code database_write(struct database *database, struct write_batch *batch,
                                  struct error *error);
/* Applies a DEFINE statement: a barrier.  `text` is the statement's, without a semicolon; on
 * CODE_INVALID `error` has the first violation and the count of the others. */
MUST_USE enum code database_define(struct database *database, struct slice text, lsn *given,
                                   struct error *error);
/* Until all up to `wanted` is durable and applied. */
MUST_USE enum code database_wait(struct database *database, lsn wanted, struct error *error);
MUST_USE enum code database_checkpoint(struct database *database, struct error *error);
/* What the keeper does about once a minute: checkpoints if the log holds what is too old, or the
 * store may have bytes of who is forgotten (docs/decisions/008-retention-and-erasure.md). */
MUST_USE enum code database_retain(struct database *database, struct error *error);
/* By when nothing is left in the log of what is in it now, nor in the store's files of what is
 * forgotten now, if the database is open then. */
int64_t database_deadline_ms(struct database *database);

struct database_copied {
    uint8_t id[16];
    lsn checkpoint; /* of the store */
    lsn last;       /* of the log */
};
/* Checkpoints, then copies store and log into an empty directory of the machine, so that with an
 * identity file of the same id it would be this database at `last`.  Writing goes on, checkpoints
 * wait.  The copied log is durable, the store's files are shared where they can be.
 * INVALID: the store is in memory; READ_ONLY; what a checkpoint or the disk says. */
MUST_USE enum code database_copy(struct database *database, struct disk *disk,
                                 struct database_copied *copied, struct error *error);

/* Takes the shared lock; every begin that returned OK has its end, in the same thread.  FAILED if
 * the folds are not to be read any more. */
MUST_USE enum code database_read_begin(struct database *database, struct view *view,
                                       struct error *error);
void database_read_end(struct database *database);

/* LSN up to which all is durable and applied. */
lsn database_applied(const struct database *database);
/* The clock, but never before the newest event. */
int64_t database_now_ms(struct database *database);
void database_status(struct database *database, struct database_status *status);
/* Heap of statements and results: counted against the database's limit. */
struct memory *database_memory(struct database *database);
/* Verifies every fold's invariants; CODE_CORRUPT with the reason. */
MUST_USE enum code database_check(struct database *database, struct error *error);
/* BLAKE3 over the canonical rows of all folds, in key order: equal states, equal hashes.  Written
 * from memory, not read from the store. */
MUST_USE enum code database_state_hash(struct database *database, uint8_t out[32],
                                       struct error *error);

#endif
