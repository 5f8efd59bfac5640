/* TAIL's rows: what a change of the log says, as columns; and which rows are wanted.  Knows no log:
 * the engine hands it one change after the other.  Pure; one thread. */
#ifndef TIDAL_QUERY_TAIL_H
#define TIDAL_QUERY_TAIL_H

#include "query/bind.h"
#include "query/result.h"

enum { TAIL_WAIT_MAXIMUM_MS = 86400000 };

struct tail_wanted; /* a condition with its values */

/* A TAIL with the values of its parameters. */
struct tail_request {
    lsn from;        /* 1 of a TAIL CURSOR: the cursor says */
    uint64_t limit;  /* of rows; UINT64_MAX: none */
    int64_t wait_ms; /* for more, at the end of the log; 0: not at all */
    bool waits;      /* WAIT was given, if only of nothing */
    const struct tail_wanted *wanted;
    size_t wanted_count;
};

/* "lsn", "time", "kind", ... */
const char *tail_column_name(enum tail_column column);
/* INVALID, with its place, for a value of the wrong type, or a kind of change that there is not. */
MUST_USE enum code tail_bind(const struct tail_statement *tail, const struct bindings *bindings,
                             struct arena *arena, struct tail_request *request,
                             struct error *error);
/* An empty result with TAIL's columns; false on no memory. */
MUST_USE bool tail_result_init(struct result *result, struct arena *arena);
/* Adds the rows of a change that are wanted: one, or one for each part of a transaction.  None of a
 * cursor's: a consumer that notes how far it has come would read its own note.  False on no memory.
 */
MUST_USE bool tail_add(const struct tail_request *request, const struct schema *schema, lsn at,
                       int64_t time_ms, const struct change *change, struct result *result);

#endif
