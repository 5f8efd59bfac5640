/* Training rows: recorded slates joined with the signals that came after them.
 *
 * The log is read once, in its order.  A slate waits in memory until no event that would count for
 * it can come any more: an event is refused that lies further behind the newest one than its
 * signal's lateness, so a slate of time t is decided once an event of t + WITHIN + lateness was
 * met.  At the end of the log all others are given as they stand.  Knows no log: the engine hands
 * it one change after the other.  one thread. */
#ifndef TIDAL_QUERY_TRAINING_H
#define TIDAL_QUERY_TRAINING_H

#include "query/bind.h"
#include "query/result.h"
#include "ranking/view.h"

enum { TRAINING_WAITING_MAXIMUM = 1 << 20, TRAINING_WITHIN_MAXIMUM_DAYS = 31 };

/* EXPORT TRAINING with the values of its parameters. */
struct training_request {
    signal_id label;
    int64_t within_ms;
    int64_t lateness_ms;           /* the longer one of the label's and of impressions */
    struct slice profile, surface; /* empty: any */
    bool has_user;
    entity_id user;
    int64_t now_ms; /* where the windows of slates are closed, for the column that says so */
};

/* INVALID, NOT_FOUND: with the place in the statement. */
MUST_USE enum code training_bind(const struct export_statement *statement,
                                 const struct bindings *bindings, const struct schema *schema,
                                 struct training_request *request, struct error *error);
/* The same of names alone, before parameters have values. */
MUST_USE enum code training_check(const struct export_statement *statement,
                                  const struct schema *schema, struct error *error);

struct training;
/* `memory` is lent. */
MUST_USE enum code training_create(const struct training_request *request, struct memory *memory,
                                   struct training **training, struct error *error);
void training_free(struct training *training); /* NULL is allowed */

/* Takes the next change of the log; `payload` is its encoding, `wanted`: if it is a slate, it may
 * be given.  LIMIT: 2^20 slates wait; NO_MEMORY. */
struct training_entry {
    lsn lsn;
    int64_t time_ms;
    struct slice payload;
    const struct change *change;
    bool wanted;
};
MUST_USE enum code training_take(struct training *training, const struct view *view,
                                 const struct training_entry *entry, struct error *error);
/* Is the oldest slate that waits decided, or (at the end of the log) to be given as it is? */
bool training_ready(const struct training *training, bool at_end);
/* An empty result with the columns; false on no memory. */
MUST_USE bool training_result_init(struct result *result, struct arena *arena);
/* Lets go of the oldest slate and adds its rows, none if its user is gone since. */
MUST_USE enum code training_give(struct training *training, const struct view *view,
                                 struct result *result, struct error *error);

/* Was the slate, logged at `time_ms`, of a user who was deleted or forgotten since?  One who came
 * back is a stranger to it. */
bool slate_user_gone(const struct view *view, const struct slate_change *slate, int64_t time_ms);

#endif
