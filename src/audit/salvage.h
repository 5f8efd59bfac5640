/* A new database of what is whole in a damaged one.  one thread.
 *
 *   rows     of the store, if it reads, decodes and is as the folds would write it; else of the
 *            newest base (engine/bases.c) that does; else none, and the log's beginning stands for
 *            them where it is there
 *   entries  of the log that follow on those rows without a gap
 *
 * What lies behind a gap is not applied: a definition may be among what is lost, and changes name
 * fields by number.  It is handed out, for somebody to judge.  The new database has an id of its
 * own and the LSNs of the old one; the old one is only read. */
#ifndef TIDAL_AUDIT_SALVAGE_H
#define TIDAL_AUDIT_SALVAGE_H

#include "audit/log.h"
#include "schema/ids.h"

enum { SALVAGE_SOURCE_BYTES = 64 };

struct salvage_report {
    char rows_from[SALVAGE_SOURCE_BYTES]; /* "store", "bases/NAME"; "": no rows were kept */
    struct error store_fault;             /* why not of the store; CODE_OK: they are */
    lsn checkpoint;                       /* of those rows; 0: none */
    lsn last;                             /* of the new database */
    uint64_t kept_count;                  /* entries of the log behind the rows */
    uint64_t lost_count;                  /* entries behind the rows that are lost */
    uint64_t behind_count;                /* entries behind a gap, handed out and not applied */
    uint64_t counts[ENTITY_KIND_COUNT];
    uint8_t state_hash[32];
};

struct salvage_options {
    /* Each stretch of the log that is lost; may be NULL. */
    enum code (*lost)(void *context, const struct wal_gap *gap, struct error *error);
    log_visit behind; /* what lies behind a gap; names are those known before it; may be NULL */
    void *context;
};

/* `to` is a new or empty directory; after an error it is to be thrown away, and does not open.
 * CORRUPT: there are neither rows nor the beginning of the log, so there is nothing to build on
 * (and what entries there are were handed out).  IO, NO_SPACE, NO_MEMORY. */
MUST_USE enum code salvage_run(struct directory *from, struct directory *to,
                               const struct salvage_options *options, struct salvage_report *report,
                               struct error *error);

#endif
