/* Reading the log along: the rows of TAIL, an entry at a time.  one thread. */
#ifndef TIDAL_ENGINE_TAIL_H
#define TIDAL_ENGINE_TAIL_H

#include "engine/execute.h"

struct tail;

/* Begins; what it has yet to read stays in the log until tail_close.  NOT_RETAINED, with the oldest
 * LSN, where the log begins later; INVALID for an LSN that was not given yet; NOT_FOUND: no such
 * cursor. */
MUST_USE enum code tail_open(struct database *database, const struct execution *execution,
                             struct tail **tail, struct error *error);
/* The rows of the next entry that has some; none: there is nothing more, or not yet.  *result is
 * lent until the next call; its `lsn` is the last one read.  Without WAIT it ends at what was
 * applied when it began.  The state is locked only while one entry's names are looked up.
 * CANCELLED while it waits. */
MUST_USE enum code tail_next(struct tail *tail, struct result *result, struct error *error);
void tail_close(struct tail *tail); /* NULL is allowed */

#endif
