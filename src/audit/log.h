/* The log of a database that need not open: its hash chain, and its entries as JSON.  one thread.
 */
#ifndef TIDAL_AUDIT_LOG_H
#define TIDAL_AUDIT_LOG_H

#include "audit/directory.h"
#include "wal/wal.h"

/* `change` is the entry's change as JSON text (query/change_json.h), or NULL if its payload is not
 * one; all is lent during the call.  A code other than OK ends the reading and is its answer. */
typedef enum code (*log_visit)(void *context, const struct wal_entry *entry, const char *change,
                               struct error *error);

struct log_reading {
    uint64_t from_lsn;
    uint64_t to_lsn; /* entries behind it are not visited; 0: to the end */
    log_visit visit; /* NULL: the log is only verified */
    void *context;
};

/* Verifies the log from its oldest entry on, up to `to_lsn`, and visits its entries up to the first
 * damage.  OK; CORRUPT with segment, place and LSN; NOT_RETAINED: the log begins behind `from_lsn`.
 * A database that is in use is read as well: what changes under the reader is read again. */
MUST_USE enum code log_read(struct directory *directory, const struct log_reading *reading,
                            struct wal_recovery *report, struct error *error);

#endif
