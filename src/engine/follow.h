/* A warm copy: a database that takes the log of another one, which may be open in another process.
 * one thread; the copy itself may be read by any. */
#ifndef TIDAL_ENGINE_FOLLOW_H
#define TIDAL_ENGINE_FOLLOW_H

#include "engine/database.h"

struct follow;

struct follow_options {
    const char *source;           /* its directory; lent during follow_open */
    struct disk *disk;            /* instead of it; lent until follow_close */
    struct database_options copy; /* of the copy: path, limits */
};

/* Opens the copy, makes it if it is not there.  NOT_FOUND: the source is no database; INVALID: the
 * copy is of another one; the errors of database_open. */
MUST_USE enum code follow_open(const struct follow_options *options, struct follow **follow,
                               struct error *error);
/* Takes what the source proves durable: at most about a MiB; *entries tells how many that were, 0:
 * there are no more now.  First, and when the writer of the source has recovered, what both logs
 * hold is compared, entry by entry.  NOT_RETAINED: the source has let go of what comes next;
 * CORRUPT: the two part, with the LSN.  After an error only follow_close. */
MUST_USE enum code follow_step(struct follow *follow, uint64_t *entries, struct error *error);
struct database *follow_database(struct follow *follow); /* lent until follow_close */
/* Closes the copy, as database_close; NULL is allowed. */
enum code follow_close(struct follow *follow, struct error *error);

#endif
