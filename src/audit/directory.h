/* A database's directory, looked at from outside: nobody need be able to open the database, and
 * nothing in it changes.  one thread. */
#ifndef TIDAL_AUDIT_DIRECTORY_H
#define TIDAL_AUDIT_DIRECTORY_H

#include "base/memory.h"
#include "engine/identity.h"

struct store;

struct directory {
    struct memory memory; /* of all that is done with it */
    struct disk *disk;
    bool has_id;    /* its identity file is there and whole */
    uint8_t id[16]; /* else zeros */
};

/* NOT_FOUND: it does not exist; INVALID: it holds neither a log nor an identity.  directory_close
 * also after an error. */
MUST_USE enum code directory_open(struct directory *directory, const char *path,
                                  struct error *error);
/* A new or empty directory to write to; INVALID if there is anything in it. */
MUST_USE enum code directory_make(struct directory *directory, const char *path,
                                  struct error *error);
void directory_close(struct directory *directory);
/* The path of what is in it; LIMIT if that is longer than `path`. */
enum { DIRECTORY_PATH_BYTES = 4096 };
MUST_USE enum code directory_path(const struct directory *directory, const char *name,
                                  char path[DIRECTORY_PATH_BYTES], struct error *error);
/* The store in it, to read. */
MUST_USE enum code directory_open_store(struct directory *directory, struct store **store,
                                        struct error *error);

#endif
