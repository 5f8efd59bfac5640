/* Everything about a database that can be verified, and what of it is wrong.  one thread.
 *
 *   log     every hash, the chain over all frames, no LSN missing, every payload a change
 *   store   every row decodes, is what the folds would write for it, and there is no other; each
 *           fold's invariants hold at the store's LSN
 *   state   the log behind the store's LSN can be applied, and the invariants hold at its end;
 * where the log reaches back to LSN 1, folding it from nothing gives the same state */
#ifndef TIDAL_AUDIT_CHECK_H
#define TIDAL_AUDIT_CHECK_H

#include "audit/log.h"
#include "schema/ids.h"

struct check_report {
    struct wal_recovery log;
    lsn checkpoint;    /* of the store's rows */
    lsn state;         /* up to which the state was compared; 0: it was not */
    bool from_nothing; /* the log was folded from LSN 1 */
    uint64_t counts[ENTITY_KIND_COUNT];
    uint8_t state_hash[32]; /* of the state; zeros: it could not be made */
    struct error log_fault, store_fault, state_fault; /* code CODE_OK: there is none */
};

/* Checks all that it can, whatever it finds: OK, or the first of the faults.  The database may be
 * in use.  Takes the memory of the database twice, and as much time as opening it and folding the
 * whole log. */
MUST_USE enum code check_run(struct directory *directory, struct check_report *report,
                             struct error *error);

#endif
