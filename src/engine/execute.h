/* Executing one parsed statement: a write goes to the log, a question is answered at one LSN. */
#ifndef TIDAL_ENGINE_EXECUTE_H
#define TIDAL_ENGINE_EXECUTE_H

#include "engine/database.h"
#include "query/bind.h"
#include "query/result.h"

struct execution {
    const struct statement *statement;
    const struct bindings *bindings;
    struct arena *arena; /* of this run: rows lie in it */
    enum acknowledgement acknowledgement;
    atomic_bool *cancelled; /* stops a RETRIEVE; NULL: never */
};

/* Runs the statement.  A write leaves *result without columns, with its LSN; *duplicate: it was a
 * repeat, the LSN is of the first, nothing was done again.  Errors: those of binding, of the
 * question (query/retrieve.h) and of database_write. */
MUST_USE enum code execute(struct database *database, const struct execution *execution,
                           struct result *result, bool *duplicate, struct error *error);
/* Are the names in the statement known, its definition right, its expressions well typed?  As far
 * as can be said before parameters have values. */
MUST_USE enum code execute_check(struct database *database, const struct statement *statement,
                                 struct arena *arena, struct error *error);

#endif
