/* What a backup holds: the file that makes a directory one (docs/formats/backup.md).  Pure. */
#ifndef TIDAL_AUDIT_MANIFEST_H
#define TIDAL_AUDIT_MANIFEST_H

#include "base/bytes.h"
#include "os/disk.h"
#include "wal/digest.h"

#define MANIFEST_FILE   "tidal.backup"
#define MANIFEST_FORMAT 1

enum { MANIFEST_FILES_MAXIMUM = 1 << 17, MANIFEST_BYTES_MAXIMUM = 64 << 20 };

struct manifest_file {
    char path[DISK_PATH_BYTES]; /* "store/NAME" or "wal/NAME" */
    uint64_t bytes;
    uint8_t hash[DIGEST_BYTES];
};

struct manifest {
    struct memory *memory;       /* lent until manifest_release */
    uint8_t id[16];              /* of the database */
    uint64_t checkpoint;         /* of the store */
    uint64_t last_lsn;           /* of the log */
    struct manifest_file *files; /* ascending by path */
    size_t file_count;
    size_t file_capacity;
};

void manifest_init(struct manifest *manifest, struct memory *memory);
void manifest_release(struct manifest *manifest);
/* Adds a file, behind those that stand before it in order; its path is one that may be in a
 * manifest (asserted).  LIMIT, NO_MEMORY. */
MUST_USE enum code manifest_add(struct manifest *manifest, const struct manifest_file *file,
                                struct error *error);
/* May this path be in a manifest?  "store/" or "wal/" and a name of letters, digits, '.', '-', '_'
 * that does not begin with a full stop. */
bool manifest_path_fits(struct slice path);

/* Appends the text; out->failed tells of no memory. */
void manifest_print(const struct manifest *manifest, struct buffer *out);
/* Any bytes give a manifest or CORRUPT, VERSION, NO_MEMORY.  What it accepts, manifest_print writes
 * again bit for bit.  *manifest is to be released in any case. */
MUST_USE enum code manifest_parse(struct slice text, struct manifest *manifest,
                                  struct error *error);

#endif
