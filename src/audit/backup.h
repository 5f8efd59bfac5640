/* Backups: a copy of a database, with a manifest of what is in it; and databases made of one.
 *
 * A backup has no identity file, so nothing takes it for a database; and until its manifest is
 * there, which is written last, nothing takes it for a backup.  A restored database gets its
 * identity file last, likewise.  one thread. */
#ifndef TIDAL_AUDIT_BACKUP_H
#define TIDAL_AUDIT_BACKUP_H

#include "audit/directory.h"
#include "audit/manifest.h"
#include "engine/database.h"

struct backup_report {
    lsn checkpoint; /* of the store */
    lsn last;       /* up to here the backup holds everything */
    uint64_t files;
    uint64_t bytes; /* of them */
};

/* Backs up an open database into the directory `path`, which is new or empty, durably.  Reading and
 * writing go on, checkpoints wait.  After an error what was made is removed as far as that goes. */
MUST_USE enum code backup_make(struct database *database, const char *path,
                               struct backup_report *report, struct error *error);
/* Makes a database in `path`, which is new or empty, of the backup in `from`; each file is verified
 * as it is copied.  INVALID: there is no whole backup in `from`; CORRUPT names the file; after an
 * error what was made is removed. */
MUST_USE enum code backup_restore(const char *from, const char *path, struct backup_report *report,
                                  struct error *error);

#endif
