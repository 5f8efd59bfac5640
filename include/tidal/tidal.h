/* tidal.h - tidalDB: an embeddable database for personalised content ranking.
 *
 * Given a user and a context, what content should they see, in what order?  A database holds
 * entities (items, users, creators) with typed fields and embeddings, signals (events about them,
 * with decay, windows and velocity), weighted relations, and named, versioned ranking profiles.
 * One statement retrieves, filters, ranks and diversifies.  docs/language.md has the language.
 *
 *     tidal_db *db;
 *     tidal_query *query;
 *     tidal_error error;
 *     if (tidal_open("feed.tidal", NULL, &db, &error) != TIDAL_OK) return fail(&error);
 *     if (tidal_prepare(db, "RETRIEVE items FOR user $user USING for_you LIMIT 20", -1, &query,
 *                       &error) != TIDAL_OK) return fail(&error);
 *     tidal_bind_u64(query, "user", 42, &error);
 *     while (tidal_step(query, &error) == TIDAL_ROW)
 *         printf("%" PRIu64 "\n", tidal_column_u64(query, 0));
 *     tidal_query_free(query);
 *     tidal_close(db, &error);
 *
 * README.md has a whole program.
 *
 * CONCEPTS
 *
 * The log is the database.  Every write is one entry of a write-ahead log; a write has happened
 * when its entry is durable, and everything that queries read is derived from the log in its order.
 * An entry's number is its LSN (log sequence number, from 1, dense).
 *
 * A query sees exactly one LSN: all writes up to it, none after it.  A durable write that returned
 * is seen by every later query of this process; one that was only accepted is seen soon, and surely
 * after tidal_wait.  `AT LEAST lsn` in a statement waits for a write of which only the LSN is
 * known.
 *
 * A ranking is a function of (LSN, statement, parameters, NOW, SEED) alone: ask again with the same
 * and get the same.  NOW defaults to the clock, never earlier than the newest event.
 *
 * THREADS
 *
 * A tidal_db may be used by any number of threads at once.  A tidal_query belongs to one thread at
 * a time; tidal_cancel alone may be called on it from any thread.  A process that forks must not
 * use, nor close, its handles in the child.
 *
 * WHO OWNS WHAT
 *
 * *owned*: yours, until you pass it to the function named.  *lent*: yours to read until the event
 * named.  *copied*: the library keeps a copy; do with yours as you like.  All text that you pass in
 * is copied unless said otherwise; it is UTF-8.
 *
 * WHAT BLOCKS
 *
 * Writes wait for one disk sync, which concurrent writers share, unless they ask for
 * TIDAL_ACCEPTED.  Queries never wait for the disk.  tidal_open reads the whole store and replays
 * the log behind it; tidal_checkpoint and tidal_close write what is not yet in the store.
 *
 * WHAT THE LIBRARY NEVER DOES
 *
 * It prints and logs nothing, ends no process, installs no signal handler, reads no environment and
 * changes no locale.  Threads that it starts block all signals.
 *
 * ERRORS
 *
 * A function that can fail returns a tidal_code and takes a tidal_error, which may be NULL.  On
 * failure the error says what is wrong, where, and what to do; on success it is left as it was.  A
 * failed write has changed nothing, with one exception: after TIDAL_FAILED or TIDAL_IO from a write
 * the outcome is unknown until the database is opened again, because a failing disk cannot be
 * asked.
 */
#ifndef TIDAL_H
#define TIDAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define TIDAL_API      __attribute__((visibility("default")))
#define TIDAL_MUST_USE __attribute__((warn_unused_result))
#else
#define TIDAL_API
#define TIDAL_MUST_USE
#endif

#define TIDAL_VERSION "0.1.0"

/* --- Errors --- */

typedef enum tidal_code {
    TIDAL_OK = 0,
    TIDAL_INVALID,       /* the request is wrong: mend it */
    TIDAL_NOT_FOUND,     /* a named thing does not exist */
    TIDAL_DUPLICATE,     /* this event is already in the log: nothing was done again */
    TIDAL_BUSY,          /* another process or statement holds it: try again later */
    TIDAL_LIMIT,         /* a stated limit is reached */
    TIDAL_NO_MEMORY,     /* the memory budget or the machine's memory is exhausted */
    TIDAL_NO_SPACE,      /* the disk is full */
    TIDAL_IO,            /* the operating system reported an error */
    TIDAL_CORRUPT,       /* stored bytes are damaged */
    TIDAL_VERSION_NEWER, /* written by a newer version of the format */
    TIDAL_READ_ONLY,     /* the database or its directory cannot be written */
    TIDAL_CANCELLED,     /* tidal_cancel stopped it */
    TIDAL_NOT_RETAINED,  /* the log does not reach back that far */
    TIDAL_FAILED,        /* an earlier fault ended this handle: close and reopen the database */
    TIDAL_MISUSE,        /* the library was called against its contract */
    TIDAL_ROW = 100,     /* tidal_step: a row is ready */
    TIDAL_DONE = 101     /* tidal_step: no more rows */
} tidal_code;

/* `position` of an error that has no place in a statement or file. */
#define TIDAL_NO_POSITION UINT64_MAX

typedef struct tidal_error {
    tidal_code code;
    const char *area;  /* who noticed: "query", "schema", "log", ...; static */
    int os_error;      /* errno, or 0 */
    uint64_t position; /* byte offset in the statement, or TIDAL_NO_POSITION */
    char message[256]; /* what is wrong, NUL-terminated */
    char hint[192];    /* what to do about it; may be empty */
} tidal_error;

/* "ok", "invalid", ...; static. */
TIDAL_API const char *tidal_code_name(tidal_code code);
/* TIDAL_VERSION of the library that is running; static. */
TIDAL_API const char *tidal_version(void);

/* --- Databases --- */

typedef struct tidal_db tidal_db;

/* When has a write happened? */
typedef enum tidal_ack {
    TIDAL_DURABLE = 0, /* when it would survive a power loss: the call waits for the sync */
    TIDAL_ACCEPTED = 1 /* when it is checked and in line: a crash can lose it; see tidal_wait */
} tidal_ack;

/* Zero means default, for every member.  They hold while the database is open. */
typedef struct tidal_options {
    size_t size;               /* sizeof(tidal_options): so that members can be added */
    bool read_only;            /* open at the last checkpoint plus the log; write nothing */
    bool must_exist;           /* do not create the database */
    tidal_ack ack;             /* of all writes that do not say otherwise */
    size_t memory_limit_bytes; /* of what the database holds; writes beyond it are refused, reading
                                  goes on.  A table that doubles for the last write let in may pass
                                  it.  Statements and their rows may take the same again; the
                                  store's buffers and cache, up to 128 MiB, are not in it.
                                  Default: none */
    uint64_t segment_bytes;    /* of one log file; 1 MiB .. 1 GiB, default 64 MiB */
    uint64_t log_limit_bytes;  /* writes fail with TIDAL_LIMIT beyond it; default 4 GiB */
    uint32_t commit_delay_us;  /* how long a group commit waits for company; default 0 */
    uint64_t dedupe_count;     /* events within which a repeat is recognised; default 131072 */
    uint32_t dedupe_window_ms; /* and for how long; default 60 s; a repeat is sure to be recognised
                                  while fewer events AND less time have passed, and the log holds
                                  the first: see retain_log_max_age_ms */
    uint64_t checkpoint_log_bytes;      /* of log that trigger a checkpoint; default 32 MiB */
    int64_t (*clock_ms)(void *context); /* Unix milliseconds, for tests; default: the system's */
    void *clock_context;
    /* The database keeps these two: 0 is what it was last opened with. */
    uint64_t retain_log_ms;         /* keep what the log took in since then, for AS OF, as far as
                                       half of log_limit_bytes allows; at first, and with 1, only
                                       what recovery and the recognition of repeats need.  At
                                       most 7/8 of the next */
    uint64_t retain_log_max_age_ms; /* while the database is open the log holds nothing older, for
                                       longer than a minute: the deadline of FORGET.  1 s .. 10
                                       years, at first 30 d */
    /* Not kept. */
    size_t signal_memory_bytes; /* of what signals hold in memory: beyond it the pairs of entity and
                                   signal whose newest event is oldest are in the store alone, and
                                   are read there when a query or an event asks for them; no answer
                                   changes by it.  Held to at each checkpoint; between two, what
                                   changed since the last comes on top, and a quarter of this
                                   brings the next about.  What says which pairs there are, some 8
                                   bytes a pair, counts and stays: if it takes nearly all, pairs
                                   still have an eighth of this.  Signals with POPULAR stay, and
                                   so does all of a database that is opened read_only, and the
                                   state of AS OF.  A query, or an event, for which the store
                                   cannot be read fails: the one with TIDAL_IO or TIDAL_CORRUPT, the
                                   other ends the handle (TIDAL_FAILED).  Default: no limit */
} tidal_options;

/* Opens, or creates, the database in the directory `path`, or a fresh one in memory for ":memory:".
 * Recovery happens here.  *db is owned: tidal_close.  `options` may be NULL; copied.
 * TIDAL_BUSY: another process has it open (the message names its pid).  TIDAL_INVALID: the
 * directory holds something else.  TIDAL_VERSION_NEWER, TIDAL_CORRUPT, TIDAL_READ_ONLY,
 * TIDAL_NO_SPACE, TIDAL_IO, TIDAL_NO_MEMORY. */
TIDAL_API TIDAL_MUST_USE tidal_code tidal_open(const char *path, const tidal_options *options,
                                               tidal_db **db, tidal_error *error);
/* Checkpoints, unless the database is read-only or has failed, and frees everything.  All queries
 * must have been freed.  `db` may be NULL.  An error means that the checkpoint failed: nothing
 * acknowledged is lost, the next open replays the log. */
TIDAL_API tidal_code tidal_close(tidal_db *db, tidal_error *error);
/* Writes what changed to the store and shortens the log.  Blocks writers while rows are gathered,
 * queries never. */
TIDAL_API tidal_code tidal_checkpoint(tidal_db *db, tidal_error *error);
/* LSN up to which all is durable and visible; an atomic load. */
TIDAL_API uint64_t tidal_lsn(tidal_db *db);
/* Blocks until everything up to `lsn` is durable and visible.  TIDAL_FAILED if it never will be;
 * TIDAL_MISUSE for an LSN that no write was given. */
TIDAL_API tidal_code tidal_wait(tidal_db *db, uint64_t lsn, tidal_error *error);

/* What a database holds and costs. */
typedef struct tidal_status {
    uint64_t lsn, durable_lsn, checkpoint_lsn, oldest_lsn;
    uint64_t log_bytes, memory_bytes, memory_limit_bytes, store_bytes;
    uint64_t items, users, creators;
    int64_t newest_event_ms;      /* INT64_MIN: none yet */
    int64_t open_ms;              /* how long opening took */
    uint64_t replayed;            /* log entries applied while opening */
    uint64_t torn_bytes;          /* of an unacknowledged tail cut off while opening */
    tidal_code checkpoint_code;   /* why the last checkpoint failed, also one of the background;
                                     TIDAL_OK: it did not.  The log grows until one succeeds */
    char checkpoint_message[256]; /* empty: it did not */
} tidal_status;
TIDAL_API void tidal_get_status(tidal_db *db, tidal_status *status);

/* --- Statements --- */

typedef struct tidal_query tidal_query;

/* Compiles one statement of `bytes` bytes (-1: up to its NUL).  *query is owned: tidal_query_free,
 * before its database is closed.  Names and types are checked against the schema now, and again
 * whenever it runs; those of a statement with AS OF only then, against the schema of that moment.
 * TIDAL_INVALID or TIDAL_NOT_FOUND with `position` where the fault lies; TIDAL_LIMIT: too long, or
 * nested too deep. */
TIDAL_API TIDAL_MUST_USE tidal_code tidal_prepare(tidal_db *db, const char *text, int64_t bytes,
                                                  tidal_query **query, tidal_error *error);
TIDAL_API void tidal_query_free(tidal_query *query);

/* Gives a parameter its value: `name` without the dollar sign.  Values stay bound over tidal_reset.
 * Text, lists and vectors are copied.  TIDAL_NOT_FOUND: the statement has no such parameter;
 * TIDAL_INVALID: NaN, infinity, text that is not UTF-8 or holds U+0000; TIDAL_MISUSE: between a
 * tidal_step and tidal_reset.  Whether the value fits its place is told when the statement runs. */
TIDAL_API tidal_code tidal_bind_u64(tidal_query *query, const char *name, uint64_t value,
                                    tidal_error *error);
TIDAL_API tidal_code tidal_bind_i64(tidal_query *query, const char *name, int64_t value,
                                    tidal_error *error);
TIDAL_API tidal_code tidal_bind_double(tidal_query *query, const char *name, double value,
                                       tidal_error *error);
TIDAL_API tidal_code tidal_bind_bool(tidal_query *query, const char *name, bool value,
                                     tidal_error *error);
/* Also for times (RFC 3339) and JSON objects.  bytes -1: up to the NUL. */
TIDAL_API tidal_code tidal_bind_text(tidal_query *query, const char *name, const char *value,
                                     int64_t bytes, tidal_error *error);
TIDAL_API tidal_code tidal_bind_u64_list(tidal_query *query, const char *name,
                                         const uint64_t *values, size_t count, tidal_error *error);
/* NUL-terminated texts. */
TIDAL_API tidal_code tidal_bind_text_list(tidal_query *query, const char *name,
                                          const char *const *values, size_t count,
                                          tidal_error *error);
TIDAL_API tidal_code tidal_bind_vector(tidal_query *query, const char *name, const float *values,
                                       size_t dimensions, tidal_error *error);

/* Runs the statement up to its next row.  TIDAL_ROW: a row is there for the column functions.
 * TIDAL_DONE: finished; a write is then done, with the ack of the database's options, and
 * tidal_query_lsn and tidal_query_duplicate tell of it (a FORGET has a row before: lsn, deadline).
 * Else an error; reset to run again. A RETRIEVE ranks on its first step, at one LSN, and later
 * steps only hand out its rows.  A TAIL reads the log as it is stepped, and keeps what it has yet
 * to read in the log: step it to its end, or reset it.  With WAIT a step blocks; tidal_cancel ends
 * that. TIDAL_INVALID (a parameter without a value, or of the wrong type), TIDAL_NOT_FOUND,
 * TIDAL_CANCELLED, TIDAL_MISUSE (a step after the end), TIDAL_LIMIT, TIDAL_NO_MEMORY; of a TAIL,
 * and of a RETRIEVE that is AS OF, also TIDAL_NOT_RETAINED (what is kept begins later; the message
 * says where); of writes also TIDAL_NO_SPACE, TIDAL_IO, TIDAL_READ_ONLY, TIDAL_FAILED. */
TIDAL_API TIDAL_MUST_USE tidal_code tidal_step(tidal_query *query, tidal_error *error);
/* Back to before the first step; parameters stay bound. */
TIDAL_API void tidal_reset(tidal_query *query);
/* Stops a step that is running in another thread: it returns TIDAL_CANCELLED soon.  Before a step:
 * the next one is stopped.  any thread. */
TIDAL_API void tidal_cancel(tidal_query *query);

typedef enum tidal_type {
    TIDAL_MISSING,
    TIDAL_BOOLEAN,
    TIDAL_INTEGER, /* signed 64 bits; ids are TIDAL_ID */
    TIDAL_DOUBLE,
    TIDAL_TIMESTAMP, /* tidal_column_i64: milliseconds since the Unix epoch, UTC */
    TIDAL_ID,        /* tidal_column_u64 */
    TIDAL_TEXT,      /* also keyword lists (as a JSON array) and explanations */
    TIDAL_VECTOR
} tidal_type;

/* Columns of the current row; `index` from 0.  Numbers convert among each other; a missing value is
 * 0, "" or NULL.  Text and vectors are lent until the next step, reset or free. */
TIDAL_API int tidal_column_count(const tidal_query *query);
TIDAL_API const char *tidal_column_name(const tidal_query *query, int index);
TIDAL_API tidal_type tidal_column_type(const tidal_query *query, int index);
TIDAL_API uint64_t tidal_column_u64(const tidal_query *query, int index);
TIDAL_API int64_t tidal_column_i64(const tidal_query *query, int index);
TIDAL_API double tidal_column_double(const tidal_query *query, int index);
TIDAL_API bool tidal_column_bool(const tidal_query *query, int index);
/* NUL-terminated; *bytes (may be NULL) without the NUL. */
TIDAL_API const char *tidal_column_text(const tidal_query *query, int index, size_t *bytes);
TIDAL_API const float *tidal_column_vector(const tidal_query *query, int index, size_t *dimensions);

/* LSN of a finished write, or at which a RETRIEVE read, or up to which a TAIL has read: go on from
 * the next one.  Of a RETRIEVE ... RECORD it is that of the write: the slate's number, which the
 * signals that come of it cite.  0 before. */
TIDAL_API uint64_t tidal_query_lsn(const tidal_query *query);
/* NOW and SEED that a RETRIEVE used: give them again to get the same ranking. */
TIDAL_API int64_t tidal_query_now(const tidal_query *query);
TIDAL_API uint64_t tidal_query_seed(const tidal_query *query);
/* Of a RETRIEVE ... PAGED or a NEXT PAGE that has run: the number that `NEXT PAGE OF` takes; 0 if
 * there is no more. */
TIDAL_API uint64_t tidal_query_page(const tidal_query *query);
/* True if a finished write was a repeat of one in the log: nothing was done again, and the LSN is
 * that of the first. */
TIDAL_API bool tidal_query_duplicate(const tidal_query *query);
/* True if the ranking's own limits ended it early. */
TIDAL_API bool tidal_query_cut(const tidal_query *query);

/* Prepares, runs and frees a statement without parameters; rows are dropped.  *lsn may be NULL. */
TIDAL_API tidal_code tidal_execute(tidal_db *db, const char *text, uint64_t *lsn,
                                   tidal_error *error);
/* Length of the first statement in a script of `bytes` bytes, with its semicolon; 0: none is
 * complete.  *blank: there is nothing but spaces and comments in it. */
TIDAL_API size_t tidal_statement_bytes(const char *script, size_t bytes, bool *blank);

/* --- Hot writes --- */

/* One event.  Zero means: no user, value 1, the time at which it is taken in. */
typedef struct tidal_event {
    const char *signal;     /* its name; lent during the call */
    uint64_t entity;        /* id of the item, user or creator that the signal is about */
    const char *entity_key; /* its external key instead; lent; NULL: by id */
    uint64_t user;          /* who; used if has_user or user != 0 */
    const char *user_key;   /* lent; NULL: by id */
    bool has_user;
    bool has_value;
    bool has_time;
    bool retract; /* takes back a UNIQUE PER USER signal */
    double value;
    int64_t time_ms;             /* Unix milliseconds; used if has_time or time_ms != 0 */
    const char *idempotency_key; /* lent; NULL: none */
    uint64_t slate;              /* the recorded slate in which it came about; 0: none is cited */
    uint32_t position;           /* of the entity in that slate, from 1; 0: not told */
} tidal_event;

typedef struct tidal_event_result {
    tidal_code code; /* TIDAL_OK, TIDAL_DUPLICATE (lsn: of the first), or why it was refused */
    uint64_t lsn;    /* 0 if refused */
} tidal_event_result;

/* Writes many events with one group commit.  Each is judged alone: those that are wrong are refused
 * in their own result and change nothing, the others are written.  Returns TIDAL_OK if the batch as
 * a whole could be handled, whatever the single results; `error` then describes the first refused
 * event, if any (its `position` is the index in `events`).  `results` has `count` places, or is
 * NULL: then the first refusal is returned.  At most 65,536 events.
 * On any other return (TIDAL_LIMIT, TIDAL_NO_SPACE, ...) a batch of more than 1 MiB may be written
 * in part: `results` tell which events have an LSN, the others were not written. */
TIDAL_API tidal_code tidal_signal_batch(tidal_db *db, const tidal_event *events, size_t count,
                                        tidal_ack ack, tidal_event_result *results,
                                        tidal_error *error);

typedef enum tidal_kind { TIDAL_ITEM, TIDAL_USER, TIDAL_CREATOR } tidal_kind;

/* An entity by its id, or by its external key (then `id` is not used).  Lent during the call. */
typedef struct tidal_entity {
    tidal_kind kind;
    uint64_t id;
    const char *key; /* NULL: by id */
} tidal_entity;

/* PUT: replaces an entity.  `json` is an object of field names to values; lent.  *lsn may be NULL.
 * INVALID, NOT_FOUND: `position` is a byte of `json`. */
TIDAL_API tidal_code tidal_put(tidal_db *db, const tidal_entity *entity, const char *json,
                               tidal_ack ack, uint64_t *lsn, tidal_error *error);

/* An edge.  Lent during the call. */
typedef struct tidal_edge {
    const char *relation;
    uint64_t from, to;             /* ids; their kinds are the relation's */
    const char *from_key, *to_key; /* external keys instead; NULL: by id */
    double weight;
} tidal_edge;

/* RELATE: makes an edge, or sets its weight.  *lsn may be NULL. */
TIDAL_API tidal_code tidal_relate(tidal_db *db, const tidal_edge *edge, tidal_ack ack,
                                  uint64_t *lsn, tidal_error *error);

/* --- The log --- */

/* These take a path, change nothing, and work on a database that does not open; `path` is the
 * database's directory.  They may run while another process has it open. */

/* What a log is, as far as it was read. */
typedef struct tidal_log_report {
    uint64_t first_lsn, last_lsn; /* last < first: there are no entries */
    uint64_t durable_lsn;         /* up to here the log itself proves that writes were durable */
    uint64_t checkpoint_lsn;      /* of the newest checkpoint that it tells of; 0: none */
    uint64_t segments;            /* files */
    uint64_t torn_bytes;          /* of an unfinished write behind its end: most likely never
                                     acknowledged, but a last write that rotted looks the same */
    uint64_t torn_segment, torn_offset; /* where they are */
    bool closed;                        /* it was closed in order */
} tidal_log_report;

typedef struct tidal_log_entry {
    uint64_t lsn;
    int64_t time_ms; /* when it was taken in */
    int type;        /* 1: a change */
    unsigned flags;  /* 1: `identity` is a key of the caller's, hashed; 2: it has none */
    uint8_t identity[16];
    const void *payload; /* the change as docs/formats/change.md has it */
    size_t payload_bytes;
    const char *change; /* as JSON, {"kind":"signal",...}; NULL: the payload is no change */
} tidal_log_entry;

/* Gets an entry, lent during the call.  TIDAL_OK goes on; any other code ends the reading and is
 * what it returns. */
typedef tidal_code (*tidal_log_visit)(void *context, const tidal_log_entry *entry);

/* Verifies the whole log: every header's and frame's hash, the chain of hashes over all frames,
 * that no LSN is missing, and that it reaches as far as it says that writes were durable.
 * `report` may be NULL.  TIDAL_CORRUPT names the file, the place (`position`) and the LSN, and the
 * report says how far the log is whole; TIDAL_NOT_FOUND: there is no database; TIDAL_VERSION_NEWER,
 * TIDAL_IO, TIDAL_NO_MEMORY. */
TIDAL_API tidal_code tidal_log_verify(const char *path, tidal_log_report *report,
                                      tidal_error *error);
/* Verifies as it goes, and visits the entries from `from_lsn` (0: the oldest) to `to_lsn` (0: the
 * newest), in order, up to the first damage: then as tidal_log_verify.  TIDAL_NOT_RETAINED: the log
 * begins behind `from_lsn`. */
TIDAL_API tidal_code tidal_log_read(const char *path, uint64_t from_lsn, uint64_t to_lsn,
                                    tidal_log_visit visit, void *context, tidal_error *error);

/* --- Verifying --- */

/* What was verified, and what is wrong. */
typedef struct tidal_verify_report {
    tidal_log_report log;
    uint64_t checkpoint_lsn; /* of the store's rows */
    uint64_t lsn;            /* of the state: rows and log together; 0: it could not be made */
    bool folded; /* the log reaches back to LSN 1, and folding it from nothing was compared */
    uint64_t items, users, creators;
    uint8_t state_hash[32]; /* equal states have equal hashes, on any machine */
    tidal_error log_error, store_error, state_error; /* code TIDAL_OK: nothing is wrong */
} tidal_verify_report;

/* Verifies all that can be of the database in the directory `path`, whatever it finds, and changes
 * nothing: the log as tidal_log_verify, and that each payload is a change; that each row of the
 * store decodes and is what the state would write, and that there is no other; the invariants of
 * each part of the state, at the checkpoint and at the log's end; and, if the log reaches back to
 * LSN 1, that folding it from nothing gives the same state.  The database may be in use.
 * Returns TIDAL_OK or the first of the report's errors; `report` may be NULL.  TIDAL_NOT_FOUND:
 * there is no database.  Needs up to twice the memory of the database, and the time to open it
 * three times. */
TIDAL_API tidal_code tidal_verify(const char *path, tidal_verify_report *report,
                                  tidal_error *error);

/* --- Salvage --- */

/* LSNs of the log that are lost. */
typedef struct tidal_lost {
    uint64_t from_lsn, to_lsn;
    uint64_t segment, offset; /* where something is damaged there; segment 0: a file is missing */
} tidal_lost;

/* Zero means: nobody is told. */
typedef struct tidal_salvage_options {
    size_t size; /* sizeof(tidal_salvage_options) */
    /* Each stretch of the log that is lost, in order.  Any code but TIDAL_OK ends the salvage. */
    tidal_code (*lost)(void *context, const tidal_lost *lost);
    /* Each entry that is whole and lies behind a gap.  It is not in the new database: a definition
     * may be among what is lost, and changes name fields by number. */
    tidal_log_visit behind;
    void *context;
} tidal_salvage_options;

typedef struct tidal_salvage_report {
    char rows_from[64];      /* where its rows come from: "store", "bases/..."; "": the log alone */
    uint64_t checkpoint_lsn; /* of those rows; 0: there are none */
    uint64_t lsn;            /* up to which the new database is the old one */
    uint64_t kept_entries;   /* of the log behind the rows */
    uint64_t lost_entries;   /* behind the rows, in no whole frame */
    uint64_t behind_entries; /* whole, behind a gap, not applied */
    uint64_t items, users, creators;
    uint8_t state_hash[32];
    tidal_error store_error; /* why the store's rows were not taken; code TIDAL_OK: they were */
} tidal_salvage_report;

/* Makes a database in the new or empty directory `to` of what is whole in the database in `path`,
 * which is only read and need not open: the rows of the store, or else of the newest base that is
 * whole, and the entries of the log that follow on them without a gap; without rows the log alone,
 * where it begins at LSN 1.  The new database has an id of its own and the same LSNs, and was
 * opened and checked when this returns TIDAL_OK, also if something is lost: the report tells.
 * `options` and `report` may be NULL.  TIDAL_INVALID: `to` is not empty.  TIDAL_CORRUPT: there is
 * nothing to build on.  TIDAL_NOT_FOUND, TIDAL_IO, TIDAL_NO_SPACE, TIDAL_NO_MEMORY. */
TIDAL_API tidal_code tidal_salvage(const char *path, const char *to,
                                   const tidal_salvage_options *options,
                                   tidal_salvage_report *report, tidal_error *error);

/* --- Warm copies --- */

/* A database that takes the log of another one, the source, which may be open and written to in
 * another process.  It has the same entries, LSNs, times and identities, and so the same state at
 * each LSN; it takes no writes of its own.  one thread, but for the database that it lends. */
typedef struct tidal_follow tidal_follow;

/* Opens the copy in the directory `copy`, or makes it, to follow the database in the directory
 * `source`.  Of that nothing but log files is read, and no lock is taken.  A copy begins at LSN 1,
 * or is a copy of the source's directory made while it was closed, or a backup of it.  `options`
 * are the copy's; its segment_bytes are at least the source's.  *follow is owned:
 * tidal_follow_close.  TIDAL_NOT_FOUND: the source is no database; TIDAL_NOT_RETAINED: there is no
 * copy yet, and the source's log begins after LSN 1 (nothing is made); TIDAL_INVALID: the directory
 * `copy` holds something else; TIDAL_MISUSE: read_only, or ":memory:"; and the errors of
 * tidal_open. */
TIDAL_API TIDAL_MUST_USE tidal_code tidal_follow_open(const char *source, const char *copy,
                                                      const tidal_options *options,
                                                      tidal_follow **follow, tidal_error *error);
/* Takes and applies what the source proves durable, at most about a MiB of it, and makes it
 * durable; waits up to `wait_ms` where there is nothing yet.  *entries (may be NULL) tells how many
 * entries were read, 0: none came.  What was just written comes when the source's log says that it
 * is durable: some milliseconds later, or with its next write if a log file just became full.
 * First, and whenever the source has recovered from a crash, what both logs hold is compared.
 * TIDAL_CORRUPT: source and copy part, and at which LSN; TIDAL_NOT_RETAINED: the source's log has
 * let go of what comes next (a cursor, or retain_log_ms, keeps it): the copy is to be made anew;
 * TIDAL_IO, TIDAL_NO_SPACE, TIDAL_LIMIT, TIDAL_NO_MEMORY.  After an error, close. */
TIDAL_API TIDAL_MUST_USE tidal_code tidal_follow_step(tidal_follow *follow, uint32_t wait_ms,
                                                      uint64_t *entries, tidal_error *error);
/* The copy, to read: any thread may.  Lent until tidal_follow_close.  Writes to it are refused with
 * TIDAL_READ_ONLY. */
TIDAL_API tidal_db *tidal_follow_db(tidal_follow *follow);
/* Checkpoints the copy and frees all; as tidal_close. */
TIDAL_API tidal_code tidal_follow_close(tidal_follow *follow, tidal_error *error);

/* --- Backups --- */

typedef struct tidal_backup_report {
    uint64_t lsn;            /* the backup holds all up to here */
    uint64_t checkpoint_lsn; /* of its store; the rest is in its log */
    uint64_t files, bytes;
} tidal_backup_report;

/* Backs up a database that is open, while it is read and written, into the directory `path`, which
 * is new or empty: the store at a checkpoint that is made first, the log, and a manifest of sizes
 * and hashes that is written last; all of it durable when the call returns, and without the
 * manifest nothing takes it for a backup.  On one file system the store's tables are hard links: to
 * survive the disk, the directory has to be on another.  Checkpoints wait until it is done, so
 * that the log grows meanwhile.  What FORGET removes stays in backups; bases for AS OF are not in
 * them.
 * After an error what was made is removed.  `report` may be NULL.  TIDAL_INVALID: the directory is
 * not empty, or the database is in memory; TIDAL_READ_ONLY: it was opened so; TIDAL_FAILED,
 * TIDAL_NO_SPACE, TIDAL_IO, TIDAL_NO_MEMORY. */
TIDAL_API tidal_code tidal_backup(tidal_db *db, const char *path, tidal_backup_report *report,
                                  tidal_error *error);
/* Makes a database in the directory `path`, which is new or empty, of the backup in `backup`; the
 * bytes of each file are verified as they are copied.  It has the id of the database that was
 * backed up.  After an error what was made is removed.  `report` may be NULL.  TIDAL_INVALID: there
 * is no whole backup; TIDAL_CORRUPT names the file that is damaged or missing;
 * TIDAL_VERSION_NEWER, TIDAL_NOT_FOUND, TIDAL_NO_SPACE, TIDAL_IO, TIDAL_NO_MEMORY. */
TIDAL_API tidal_code tidal_restore(const char *backup, const char *path,
                                   tidal_backup_report *report, tidal_error *error);

#ifdef __cplusplus
}
#endif

#endif
