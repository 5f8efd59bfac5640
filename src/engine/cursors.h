/* Cursors: how far each consumer of the log has come.  A fold: positions are changes in the log,
 * and one row of the store.  Under the database's locks, as every fold. */
#ifndef TIDAL_ENGINE_CURSORS_H
#define TIDAL_ENGINE_CURSORS_H

#include "schema/fold.h"

struct cursors;

MUST_USE enum code cursors_create(struct memory *memory, struct fold *fold,
                                  struct cursors **cursors, struct error *error);
/* Is the change right, with all up to `applied` applied?  INVALID: there is one of that name; it
 * would go back, or beyond `applied`.  NOT_FOUND; LIMIT: there are LIMIT_CURSORS. */
MUST_USE enum code cursors_check(const struct cursors *cursors, const struct cursor_change *change,
                                 lsn applied, struct error *error);
/* The position of the cursor, the last LSN that its consumer is done with; NOT_FOUND. */
MUST_USE enum code cursors_find(const struct cursors *cursors, const struct name *name,
                                lsn *position, struct error *error);
/* The first LSN that any of them has yet to read; UINT64_MAX: there is none. */
lsn cursors_wanted(const struct cursors *cursors);

size_t cursors_count(const struct cursors *cursors);
/* By name, from 0; *name is lent until the next change. */
void cursors_get(const struct cursors *cursors, size_t index, struct slice *name, lsn *position);

#endif
