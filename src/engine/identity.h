/* The file that says what a directory is, and the names of what else is in it.  one thread. */
#ifndef TIDAL_ENGINE_IDENTITY_H
#define TIDAL_ENGINE_IDENTITY_H

#include "os/disk.h"

#define IDENTITY_FILE   "tidal.format"
#define LOCK_FILE       "LOCK"
#define LOG_DIRECTORY   "wal"
#define STORE_DIRECTORY "store"

/* Is this directory a database's, or, with `may_create`, an empty one?  Touches nothing. */
MUST_USE enum code identity_check(struct disk *disk, bool may_create, struct error *error);
/* Reads the file; makes it in an empty directory with `may_create`: with the id `of`, or with a new
 * one where that is NULL. */
MUST_USE enum code identity_open(struct disk *disk, bool may_create, const uint8_t *of,
                                 uint8_t id[16], struct error *error);
/* Makes the file, durably, with this id. */
MUST_USE enum code identity_write(struct disk *disk, const uint8_t id[16], struct error *error);

#endif
