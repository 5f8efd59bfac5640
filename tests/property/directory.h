/* A database in a directory, with RocksDB's store; what it was at some LSNs; and the ways to come
 * to that again: a recovery by the log, by a checkpoint, or by both; AS OF, from a base; a copy
 * that follows; the verifier, which folds the log anew.
 *
 * There are no threads, and the clock stands until it is moved. */
#ifndef TIDAL_TESTS_PROPERTY_DIRECTORY_H
#define TIDAL_TESTS_PROPERTY_DIRECTORY_H

#include "api/handle.h"
#include "base/hash.h"
#include "engine/backfill.h"
#include "engine/follow.h"
#include "engine/internal.h"
#include "harness/folder.h"
#include "property/workload.h"

#include <tidal/tidal.h>

enum { MARKS = 4000 };
#define MINUTE_MS INT64_C(60000)

/* What was at an LSN. */
struct mark {
    lsn lsn;
    uint8_t state[32];
    uint64_t definitions;
};

/* How often: statements were refused, checkpoints made, moments asked for (from a base), changes
 * of backfills logged. */
struct tally {
    size_t refused, checkpoints, moments, bases, brought;
};

struct run {
    struct folder folder;
    char source[300], copy[300], backup[300], restored[300];
    struct choices choices;
    int64_t now_ms;
    size_t signal_bytes;
    tidal_db *db;
    struct follow *follow;
    struct mark marks[MARKS];
    size_t mark_count;
    struct tally *tally;
    struct error error;
};

static inline int64_t run_clock(void *context)
{
    return *(const int64_t *)context;
}

static inline bool told(const struct run *run, const char *what)
{
    fprintf(stderr, "    %s: %s\n", what, run->error.message);
    return false;
}

static inline struct database_options options_of(struct run *run, const char *path)
{
    return (struct database_options){.path = path,
                                     .no_threads = true,
                                     .segment_bytes = 1 << 16,
                                     .dedupe_window_ms = 1000,
                                     .retain_log_ms = 8 * MINUTE_MS,
                                     .signal_memory_bytes = run->signal_bytes,
                                     .clock_ms = run_clock,
                                     .clock_context = &run->now_ms};
}

static inline bool open_at(struct run *run, const char *path)
{
    const struct database_options options = options_of(run, path);
    const tidal_options known = {.ack = TIDAL_ACCEPTED};
    struct database *database;
    if (database_open(&options, &database, &run->error) != CODE_OK) return told(run, path);
    run->db = handle_create(database, &known);
    return run->db;
}

/* Nothing is written: as if the process had been killed. */
static inline void kill_it(struct run *run)
{
    struct database *database = run->db->database;
    memory_free(database_memory(database), run->db, sizeof *run->db);
    database_abandon(database);
    run->db = NULL;
}

static inline bool close_it(struct run *run)
{
    tidal_error error;
    if (tidal_close(run->db, &error) == TIDAL_OK) return true;
    fprintf(stderr, "    close: %s\n", error.message);
    return false;
}

static inline unsigned one_of(struct run *run, unsigned count)
{
    return (unsigned)choose(&run->choices, count - 1);
}

static inline bool is_refusal(tidal_code code)
{
    return code == TIDAL_INVALID || code == TIDAL_NOT_FOUND || code == TIDAL_DUPLICATE ||
           code == TIDAL_LIMIT;
}

/* *accepted: it is in the log. */
static inline bool run_text(struct run *run, const char *text, bool *accepted)
{
    tidal_error error;
    tidal_query *query = NULL;
    tidal_code code = tidal_prepare(run->db, text, -1, &query, &error);
    lsn before = wal_last(run->db->database->wal);
    if (code == TIDAL_OK) do {
            code = tidal_step(query, &error);
        } while (code == TIDAL_ROW);
    tidal_query_free(query);
    *accepted = code == TIDAL_DONE && wal_last(run->db->database->wal) > before;
    run->tally->refused += !*accepted;
    if (code == TIDAL_DONE || is_refusal(code)) return true;
    fprintf(stderr, "    %s\n    -> %s: %s\n", text, tidal_code_name(code), error.message);
    return false;
}

static inline uint64_t hash_of_definitions(const struct schema *schema)
{
    uint64_t hash = schema->definition_count;
    for (size_t i = 0; i < schema->definition_count; i++) {
        struct slice text = schema->definitions[i].text;
        hash = hash_u64(hash ^ hash_bytes(text.data, text.bytes));
    }
    return hash;
}

static inline bool mark_of(struct run *run, struct database *database, struct mark *mark)
{
    *mark = (struct mark){.lsn = database_applied(database),
                          .definitions = hash_of_definitions(database->schema)};
    return database_state_hash(database, mark->state, &run->error) == CODE_OK ||
           told(run, "state hash");
}

static inline bool same_mark(const struct mark *a, const struct mark *b)
{
    bool same_state = memcmp(a->state, b->state, sizeof a->state) == 0;
    if (a->lsn == b->lsn && same_state && a->definitions == b->definitions) return true;
    fprintf(stderr, "    LSN %" PRIu64 " and %" PRIu64 ", state %d, definitions %d\n", a->lsn,
            b->lsn, same_state, a->definitions == b->definitions);
    return false;
}

/* All that was said is durable and applied then. */
static inline bool remember(struct run *run)
{
    struct database *database = run->db->database;
    if (database_wait(database, wal_last(database->wal), &run->error) != CODE_OK)
        return told(run, "wait");
    if (run->mark_count == MARKS) return true;
    return mark_of(run, run->db->database, &run->marks[run->mark_count++]);
}

/* Is it now as it was at the last mark? */
static inline bool is_as_before(struct run *run)
{
    struct mark now;
    return mark_of(run, run->db->database, &now) &&
           same_mark(&run->marks[run->mark_count - 1], &now) &&
           (database_check(run->db->database, &run->error) == CODE_OK || told(run, "check"));
}

static inline bool follow_on(struct run *run)
{
    uint64_t entries = 1;
    if (wal_flush(run->db->database->wal, &run->error) != CODE_OK) return told(run, "flush");
    while (entries > 0)
        if (follow_step(run->follow, &entries, &run->error) != CODE_OK) return told(run, "follow");
    return true;
}

/* What the copy has not got by then is gone for it. */
static inline bool checkpoint(struct run *run)
{
    if (!follow_on(run)) return false;
    run->tally->checkpoints++;
    run->now_ms += 2 * MINUTE_MS; /* an eighth of what is kept: a base is due */
    return database_checkpoint(run->db->database, &run->error) == CODE_OK ||
           told(run, "checkpoint");
}

static inline bool backfill_on(struct run *run)
{
    bool more;
    lsn before = database_applied(run->db->database);
    if (backfill_step(run->db->database, &more, &run->error) != CODE_OK)
        return told(run, "backfill");
    run->tally->brought += database_applied(run->db->database) - before;
    return true;
}

static inline bool begin(struct run *run, uint64_t seed, struct tally *tally)
{
    memset(run, 0, sizeof *run);
    run->tally = tally;
    run->now_ms = WORLD_NOW_MS;
    run->signal_bytes = seed % 2; /* in every second run all that can be is cold */
    choices_from_seed(&run->choices, seed, NULL);
    if (!folder_make(&run->folder)) return false;
    snprintf(run->source, sizeof run->source, "%s/source", run->folder.path);
    snprintf(run->copy, sizeof run->copy, "%s/copy", run->folder.path);
    snprintf(run->backup, sizeof run->backup, "%s/backup", run->folder.path);
    snprintf(run->restored, sizeof run->restored, "%s/restored", run->folder.path);
    if (!open_at(run, run->source)) return false;
    const struct follow_options options = {.source = run->source,
                                           .copy = options_of(run, run->copy)};
    return follow_open(&options, &run->follow, &run->error) == CODE_OK || told(run, "follow");
}

static inline bool end(struct run *run)
{
    bool right = close_it(run);
    choices_release(&run->choices);
    folder_remove(&run->folder);
    return right;
}

/* Of marks that are kept still: from the base before each, in any order. */
static inline bool the_past_is_the_same(struct run *run)
{
    for (int i = 0; i < 25; i++) {
        size_t back = one_of(run, (unsigned)(run->mark_count + 2) / 3);
        const struct mark *mark = &run->marks[run->mark_count - 1 - back];
        const struct moment moment = {.lsn = mark->lsn};
        struct database *past;
        struct base newest, oldest;
        struct mark then;
        enum code code = history_begin(run->db->database, &moment, NULL, &past, &run->error);
        if (code == CODE_NOT_RETAINED) continue;
        if (code != CODE_OK) return told(run, "AS OF");
        bool same = mark_of(run, past, &then) && same_mark(mark, &then);
        history_end(run->db->database);
        if (!same) return false;
        run->tally->moments++;
        if (bases_find(run->db->database, &moment, &newest, &oldest, &run->error) != CODE_OK)
            return told(run, "bases");
        run->tally->bases += newest.lsn > 0;
    }
    return true;
}

static inline bool the_copy_is_the_same(struct run *run)
{
    struct mark copied;
    if (!remember(run) || !follow_on(run)) return false;
    const struct mark *last = &run->marks[run->mark_count - 1];
    if (!mark_of(run, follow_database(run->follow), &copied) || !same_mark(last, &copied))
        return false;
    return follow_close(run->follow, &run->error) == CODE_OK || told(run, "close the copy");
}

/* What TAIL says of the log from an LSN on; 0: it fails. */
static inline uint64_t hash_of_tail(tidal_db *db, lsn from)
{
    char text[64];
    tidal_query *query = NULL;
    tidal_error error;
    uint64_t hash = 1, rows = 0;
    snprintf(text, sizeof text, "TAIL FROM %" PRIu64, from);
    tidal_code code = tidal_prepare(db, text, -1, &query, &error);
    while (code == TIDAL_OK || code == TIDAL_ROW) {
        code = tidal_step(query, &error);
        if (code != TIDAL_ROW) break;
        for (int i = 0; i < tidal_column_count(query); i++) {
            size_t bytes = 0;
            const char *cell = tidal_column_text(query, i, &bytes);
            hash = hash_u64(hash ^ (cell ? hash_bytes(cell, bytes) : 0));
        }
        rows++;
    }
    tidal_query_free(query);
    if (code == TIDAL_DONE && rows > 0) return hash;
    fprintf(stderr, "    %s: %s\n", text, error.message);
    return 0;
}

static inline lsn oldest_of(tidal_db *db)
{
    struct database_status status;
    database_status(db->database, &status);
    return status.oldest;
}

static inline bool is_verified(const char *path)
{
    tidal_error error;
    if (tidal_verify(path, NULL, &error) == TIDAL_OK) return true;
    fprintf(stderr, "    %s: %s\n", path, error.message);
    return false;
}

#endif
