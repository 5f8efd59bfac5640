/* A disk in memory behind the seam of os/disk.h: the disk of a `:memory:` database, and the one
 * that loses, tears, reorders and refuses when a test's stream of choices says so.  What it models
 * is told in simulated.c.
 *
 * any thread; a run is repeatable only if one thread uses it. */
#ifndef TIDAL_OS_SIMULATED_H
#define TIDAL_OS_SIMULATED_H

#include "base/choices.h"
#include "os/disk.h"

#define SIMULATED_PAGE_BYTES   4096
#define SIMULATED_SECTOR_BYTES 512

enum simulated_kind {
    SIMULATED_PLAIN, /* bytes kept once; cannot crash and takes no faults */
    SIMULATED_FAULTY /* what is durable is kept apart from what was written */
};

enum simulated_crash {
    SIMULATED_PROCESS, /* the process dies: what was written stays, handles and locks are gone */
    SIMULATED_POWER    /* the machine dies: of what was not synced, any part survives */
};

/* All zero: no faults.  "One in" is a chance drawn from `choices`; 0 is never. */
struct simulated_faults {
    struct choices *choices; /* lent while these faults are set; NULL only if nothing is drawn:
                                then what a crash or a failed sync cuts short is not done at all */
    /* Counted from simulated_disk_set_faults, from 1; operations are those that change the disk:
     * create, write, truncate, sync, sync_directory, rename, remove, make_directory.  0: never. */
    uint64_t crash_at_operation;   /* cut short; from then on everything is CODE_IO until
                                      simulated_disk_crash */
    uint64_t fail_at_operation;    /* CODE_IO, once; a sync that fails so is a failed sync */
    uint64_t fails_from_operation; /* from this one on each is CODE_IO */
    uint64_t sync_error_one_in;    /* some pages written, all marked clean, the cache kept */
    uint64_t read_error_one_in;
    uint64_t space_bytes; /* what all files may take, in whole pages; 0: no limit */
    /* Wrong disks, to prove that a harness notices them. */
    bool ignore_sync;           /* disk_sync does nothing and says that it did */
    bool ignore_directory_sync; /* likewise disk_sync_directory */
};

/* What the last crash did, so that a test can prove that its faults happen. */
struct simulated_losses {
    uint64_t pages_kept; /* unsynced pages that survived whole */
    uint64_t pages_lost;
    uint64_t pages_torn; /* some sectors new, some old */
    uint64_t sizes_lost; /* files whose unsynced size is not the one they have now */
    uint64_t names_kept; /* unsynced creations, renames, removals that survived */
    uint64_t names_lost;
};

/* Released with disk_free. */
MUST_USE enum code simulated_disk_create(struct memory *memory, enum simulated_kind kind,
                                         struct disk **disk, struct error *error);

/* Copies `faults` (NULL: none) and counts operations from 1 again.  SIMULATED_FAULTY only. */
void simulated_disk_set_faults(struct disk *disk, const struct simulated_faults *faults);
/* Operations counted since then: run once without faults to learn how many places there are. */
uint64_t simulated_disk_operations(struct disk *disk);
/* True from the crash at crash_at_operation on, until simulated_disk_crash. */
bool simulated_disk_has_crashed(struct disk *disk);

/* Ends the life of every handle and lock: their owners may only close them.  The disk then has the
 * state that the next life finds; faults are cleared.  SIMULATED_FAULTY only. */
void simulated_disk_crash(struct disk *disk, enum simulated_crash kind, struct choices *choices);
struct simulated_losses simulated_disk_losses(struct disk *disk);

/* Flips `count` bits, each in a durable page that was written, of a file whose path begins
 * with `prefix` ("" is any).  Returns how many it could. */
size_t simulated_disk_flip_bits(struct disk *disk, const char *prefix, size_t count,
                                struct choices *choices);
/* Changes one durable byte: it becomes itself xor `mask`.  CODE_NOT_FOUND: no such file or byte. */
MUST_USE enum code simulated_disk_damage(struct disk *disk, const char *path, uint64_t offset,
                                         uint8_t mask, struct error *error);

#endif
