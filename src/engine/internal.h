/* The database's own struct, shared by the files of this folder alone. */
#ifndef TIDAL_ENGINE_INTERNAL_H
#define TIDAL_ENGINE_INTERNAL_H

#include "behaviour/coengagement.h"
#include "engine/backfill.h"
#include "engine/cursors.h"
#include "engine/database.h"
#include "engine/identity.h"
#include "engine/pages.h"
#include "os/clock.h"
#include "os/disk.h"
#include "os/phase_lock.h"
#include "os/threads.h"
#include "schema/fold.h"
#include "signals/cold.h"
#include "storage/store.h"
#include "wal/wal.h"

enum {
    RANK_ADMISSION = LOCK_RANK_ENGINE,
    RANK_CHECKPOINT = LOCK_RANK_ENGINE + 1,
    RANK_APPLY = LOCK_RANK_ENGINE + 2,
    RANK_HISTORY = LOCK_RANK_ENGINE + 3,
    RANK_BASES = LOCK_RANK_ENGINE + 4,
    RANK_KEEPER = LOCK_RANK_STATE + 50,
    RANK_BACKFILL = LOCK_RANK_STATE + 55,
    RANK_PAGES = LOCK_RANK_STATE + 60
};

enum fold_index {
    FOLD_ENTITIES,
    FOLD_LEDGER,
    FOLD_TRENDING,
    FOLD_POPULAR,
    FOLD_UNIQUE,
    FOLD_GROUPS,
    FOLD_EDGES,
    FOLD_BEHAVIOUR,
    FOLD_QUOTA,
    FOLD_EXPOSURE,
    FOLD_SERVED,
    FOLD_COENGAGEMENT,
    FOLD_CURSORS,
    FOLD_COUNT
};

/* Type of a log entry: there is one, the encoded change. */
#define ENTRY_CHANGE 1
/* Not a type of entry: the domain in which idempotency keys are hashed. */
#define ENTRY_KEY 0xffff

/* A moment of the log: up to an LSN, or up to the last entry of a time. */
struct moment {
    bool by_time;
    int64_t time_ms;
    lsn lsn;
};

/* A copy of the store at an LSN; 0: none. */
struct base {
    lsn lsn;
    int64_t time_ms; /* the ingest time of that LSN */
};

/* Users of whom bytes may be left in the store's files (forget.c). */
struct forgotten {
    entity_id *ids;
    size_t count;
    size_t stored; /* the first ones are in the store's list as well */
    size_t capacity;
};

/* Signals that are resolved and yet to be applied to the folds that take many at once; never
 * while the exclusive lock is free. */
enum { SIGNAL_QUEUE = 128 };
struct signal_queue {
    struct resolved_change list[SIGNAL_QUEUE];
    size_t count;
};

struct database {
    struct memory state_memory; /* of folds, store and a disk in memory: never refuses, so that what
                                   is in the log can be applied and written; admission keeps it
                                   in bounds */
    struct memory request_memory; /* of the log, statements and results */
    size_t memory_limit_bytes;
    size_t signal_memory_bytes;   /* the ledger's budget; 0: none */
    atomic_size_t reserved_bytes; /* for changes admitted and not yet applied */

    struct disk *disk;
    bool owns_disk;
    struct disk_lock *lock;
    struct store *store;
    bool owns_store;
    struct wal *wal;
    struct clock *clock;
    struct callback_clock callback_clock;
    bool read_only;
    bool follows;  /* takes another log's entries, and no writes of its own */
    bool is_found; /* its directory is a database's */
    enum engine_mutant mutant;
    uint8_t id[16];
    int64_t owner_process;

    struct phase_lock admission; /* shared: check and append; exclusive: a definition */
    struct mutex checkpoint_mutex;
    struct mutex apply_mutex;
    _Atomic unsigned apply_waiters; /* who want the mutex to see a write of their own */
    struct phase_lock state;        /* over all below */

    struct schema *schema;
    uint64_t schema_version;
    struct fold folds[FOLD_COUNT];
    unsigned idle_folds; /* of the shadow of a backfill: bits of those that it leaves empty */
    struct entities *entities;
    struct ledger *ledger;
    struct trending *trending;
    struct popular *popular;
    struct unique *unique;
    struct groups *groups;
    struct edges *edges;
    struct behaviour *behaviour;
    struct quota *quota;
    struct exposure *exposure;
    struct served *served;
    struct coengagement *coengagement;
    struct partner partners[COENGAGEMENT_PARTNERS_MAXIMUM]; /* of the signal being applied */
    struct cursors *cursors;
    int64_t watermark_ms;
    struct arena apply_arena; /* of the change being applied, and of the signals that wait */
    struct cold_reader *cold; /* what was read in for the group being applied; NULL: nothing */
    struct signal_queue signals;

    struct forgotten forgotten;
    int64_t applied_ms; /* ingest time of the newest entry applied */

    atomic_size_t ledger_mark_bytes; /* of the ledger; from here on the keeper is to look at it */
    atomic_bool over_budget;         /* it is there */
    atomic_bool awaits_checkpoint;   /* it is over, and only a checkpoint makes that better */

    uint64_t bytes_since_base; /* of log; under checkpoint_mutex */
    struct mutex bases_mutex;  /* over the next two, and the removal of bases */
    lsn base_in_use;           /* 0: none */
    lsn base_of_backfill;      /* likewise */
    struct mutex history_mutex;
    struct database *past;      /* the engine of the last AS OF; NULL: none; under history_mutex */
    atomic_size_t past_bytes;   /* that it takes */
    atomic_bool past_gives_way; /* a write needs these: what is asked there ends soon */

    _Atomic uint64_t applied;
    _Atomic int failed;             /* enum code: what an entry could not be applied for, or 0 */
    _Atomic uint64_t applied_bytes; /* of log payload since the last checkpoint */
    _Atomic uint64_t accepted;      /* newest LSN that nobody waits for */
    _Atomic uint64_t checkpoint;    /* LSN of the last one */
    uint64_t schema_texts_stored;   /* definitions that the store has; under checkpoint_mutex */
    uint64_t checkpoint_log_bytes;
    uint64_t log_limit_bytes;
    int64_t retain_ms;
    int64_t max_age_ms;    /* the log holds nothing older, if recovery can do without */
    bool settings_changed; /* these two are not what the store has; under checkpoint_mutex */

    struct pages pages; /* of RETRIEVE ... PAGED */

    struct backfiller backfiller;

    struct thread keeper;
    bool has_keeper;
    struct mutex keeper_mutex;
    struct condition keeper_wakes;
    bool keeper_stops;             /* under keeper_mutex, as the next */
    struct error checkpoint_error; /* why the last checkpoint failed; CODE_OK: it did not */

    int64_t open_ms;
    uint64_t replayed;
    uint64_t torn_bytes;
};

/* database.c: a handle with empty folds, and no log and no store yet; database_abandon frees it. */
enum code database_create(const struct database_options *options, struct database **created,
                          struct error *error);

/* check.c: is this change, which fits the schema, right as things stand at now_ms, which the
 * clock said?  Under the shared lock. */
enum code check_change(const struct database *database, const struct change *change, int64_t now_ms,
                       struct error *error);

/* Is this one of those that the database leaves empty? */
static inline bool fold_is_idle(const struct database *database, int fold)
{
    return database->idle_folds >> fold & 1;
}

/* write.c: MISUSE in a forked child, READ_ONLY, FAILED. */
enum code write_check(struct database *database, struct error *error);
/* Before write_reserve: gives up the engine of an AS OF where memory is short. */
void write_make_room(struct database *database);
/* Takes memory for applying `payload` off the budget, which applying gives back, or
 * write_unreserve; NO_MEMORY. */
enum code write_reserve(struct database *database, struct slice payload, struct error *error);
void write_unreserve(struct database *database, struct slice payload);

/* apply.c: takes durable groups from the log and applies them, until `wanted` is applied or there
 * are none. */
enum code apply_until(struct database *database, lsn wanted, struct error *error);
/* All that is durable, a group at a time, giving way to those who wait: a mutex alone would go to
 * whoever runs already, again and again. */
enum code apply_behind(struct database *database, struct error *error);
/* FAILED if an entry could not be applied: the folds are then not to be read, written or stored. */
enum code apply_check(struct database *database, struct error *error);
/* Applies one log entry.  Under the exclusive lock, or while nobody else is there. */
enum code apply_entry(struct database *database, const struct wal_entry *entry,
                      struct error *error);
/* Memory that applying an encoded change may take: what admission reserves. */
size_t apply_need_bytes(struct slice payload);

/* resolve.c: the facts that folds need of a change, from the state before it.  *skip: there is
 * nothing to apply (an item that is gone, say).  Fails only for want of memory or at a limit. */
enum code resolve_change(struct database *database, const struct change *change,
                         struct resolved_change *resolved, bool *skip, struct error *error);

/* resolve_topics.c: of an item that is signalled, those by which the signal is totalled, and those
 * that an impression exposes a user to. */
enum code resolve_totalled(struct database *database, struct resolved_change *resolved,
                           struct error *error);
enum code resolve_exposed(struct database *database, struct resolved_change *resolved,
                          struct error *error);

/* budget.c: the ledger's memory (signals/cold.h). */
/* Makes cold what is over, in slices as short as those of applying; `awaits_checkpoint` may be said
 * then.  any thread. */
void budget_keep(struct database *database);
/* After each group, under the exclusive lock: is the keeper to look? */
void budget_note(struct database *database);
/* Reads in what is cold of a group, before the exclusive lock; under the apply mutex. */
void budget_read_ahead(struct database *database, struct wal_group *group,
                       struct cold_reader *cold);

/* forget.c: a FORGET is applied.  As deterministic as the folds, but no state: nothing depends on
 * it but which of the store's files are written anew. */
enum code forget_note(struct database *database, ordinal user, struct error *error);
/* Puts those that the store does not list yet into the checkpoint's batch; *listed: what forgotten.
 * stored is once it is durable.  Under the apply mutex. */
enum code forget_put(struct database *database, struct store_batch *batch, size_t *listed,
                     struct error *error);
/* Writes the files with rows of the listed ones anew, and takes them off the list.  Under the
 * checkpoint mutex. */
enum code forget_erase(struct database *database, struct error *error);
bool forget_is_due(struct database *database);
enum code forget_load(struct database *database, struct error *error);
void forget_release(struct database *database);

/* bases.c: copies of the store (only of a database in a directory). */
/* Where it lies on the machine. */
enum code base_path(const struct database *database, const struct base *base, char *path,
                    size_t capacity, struct error *error);
/* Of the bases that the log follows: the newest that is not after the moment, and the oldest. */
enum code bases_find(struct database *database, const struct moment *moment, struct base *newest,
                     struct base *oldest, struct error *error);
/* Makes one of the store as it is, if it is time.  Under the checkpoint mutex, as the next. */
enum code bases_make(struct database *database, const struct base *base, struct error *error);
/* Removes those that the log does not follow any more, and what crashes have left. */
enum code bases_remove(struct database *database, struct error *error);

/* history.c: the state at a moment. */
bool moment_holds(const struct moment *moment, lsn given, int64_t time_ms);
/* *past is lent until history_end: a database that is only read (database_read_begin,
 * database_state_hash).  One thread at a time has it.  INVALID: the moment is not there yet;
 * NOT_RETAINED, CANCELLED, NO_MEMORY, CORRUPT, IO.  After an error there is nothing to end. */
enum code history_begin(struct database *database, const struct moment *moment,
                        atomic_bool *cancelled, struct database **past, struct error *error);
void history_end(struct database *database);
/* Fills an empty engine with what the base of `present` holds; of LSN 0, with nothing. */
enum code history_load_base(struct database *past, const struct database *present,
                            const struct base *base, struct error *error);
/* Frees the engine that is kept.  Where it is at work it is told to go, and this does not wait: a
 * replay ends with NO_MEMORY, and behind a question that has begun it is freed. */
void history_drop(struct database *database);
/* The same where nobody can: under history_mutex, or at the end. */
void history_release(struct database *database);

/* recover.c */
/* Adds a definition that was accepted once. */
enum code recover_define(struct database *database, struct slice text, struct error *error);
enum code recover_schema(struct database *database, struct error *error);
enum code recover_load(struct database *database, lsn *applied, lsn *oldest, struct error *error);
enum code recover_replay(struct database *database, lsn applied, struct error *error);

/* keeper.c: the thread that applies what nobody waits for, and checkpoints. */
enum code keeper_start(struct database *database, struct error *error);
void keeper_wake(struct database *database);
void keeper_stop(struct database *database);

#endif
