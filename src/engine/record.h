/* Recorded slates: what a RETRIEVE ... RECORD served goes to the log, and is read back from it. */
#ifndef TIDAL_ENGINE_RECORD_H
#define TIDAL_ENGINE_RECORD_H

#include "engine/execute.h"

/* Logs the slate, with the acknowledgement of the execution: its LSN is its number, and becomes
 * that of the result, and the value of its columns `slate`.  Errors of database_write. */
MUST_USE enum code record_write(struct database *database, const struct execution *execution,
                                const struct slate_change *slate, struct result *result,
                                struct error *error);
/* SHOW SLATE.  NOT_RETAINED where the log begins later, with its oldest LSN; NOT_FOUND: no slate
 * has that number, or it was served to a user who is gone since. */
MUST_USE enum code record_show(struct database *database, const struct execution *execution,
                               struct result *result, struct error *error);

#endif
