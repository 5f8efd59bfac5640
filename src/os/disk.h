/* The disk behind one seam: files under a root directory, real (os/posix_disk.c) or simulated
 * (os/simulated.h).  Nothing above this folder opens a file in any other way, so that a test can
 * take the power away between any two operations.
 *
 * A path is relative to the root, its parts separated by '/', none of them empty, "." or "..";
 * where a directory is asked for, "" is the root itself.  A path that is not of this form, or
 * longer than DISK_PATH_BYTES - 1, is CODE_MISUSE.
 *
 * What survives a loss of power: bytes and size of a file after disk_sync of it; its name after
 * disk_sync_directory of the directory that holds it.  Before that, any part of it may.
 *
 * any thread, also on one handle; two writes to the same bytes at once leave either. */
#ifndef TIDAL_OS_DISK_H
#define TIDAL_OS_DISK_H

#include "base/memory.h"

#define DISK_PATH_BYTES  256
#define DISK_BLOCK_BYTES 4096

enum disk_access { DISK_READ_ONLY, DISK_READ_WRITE };

/* The names in a directory, in byte order. */
struct disk_names {
    struct memory *memory; /* lent until disk_names_release */
    char **names;          /* without the directory */
    size_t count;
    size_t capacity;
};

struct disk;
struct disk_lock;

struct disk_file {
    struct disk *disk;
    enum disk_access access;
    atomic_bool failed; /* a sync failed: nothing more is written through this handle */
    char path[DISK_PATH_BYTES];
};

/* What a disk implements.  The functions below check paths and handles before they call it. */
struct disk_operations {
    enum code (*create)(struct disk *disk, const char *path, struct disk_file **file,
                        struct error *error);
    enum code (*open)(struct disk *disk, const char *path, enum disk_access access,
                      struct disk_file **file, struct error *error);
    void (*close)(struct disk_file *file);
    enum code (*read)(struct disk_file *file, uint64_t offset, void *buffer, size_t *bytes,
                      struct error *error); /* *bytes: wanted, then read */
    enum code (*write)(struct disk_file *file, uint64_t offset, const void *data, size_t bytes,
                       struct error *error);
    enum code (*write_direct)(struct disk_file *file, uint64_t offset, const void *data,
                              size_t bytes, struct error *error); /* NULL: write is called */
    enum code (*sync)(struct disk_file *file, struct error *error);
    enum code (*size)(struct disk_file *file, uint64_t *bytes, struct error *error);
    enum code (*truncate)(struct disk_file *file, uint64_t bytes, struct error *error);
    enum code (*sync_directory)(struct disk *disk, const char *directory, struct error *error);
    enum code (*rename)(struct disk *disk, const char *from, const char *to, struct error *error);
    enum code (*remove)(struct disk *disk, const char *path, struct error *error);
    enum code (*exists)(struct disk *disk, const char *path, bool *exists, struct error *error);
    enum code (*list)(struct disk *disk, const char *directory, struct disk_names *names,
                      struct error *error);
    enum code (*make_directory)(struct disk *disk, const char *directory, struct error *error);
    enum code (*lock)(struct disk *disk, const char *path, struct disk_lock **lock,
                      struct error *error);
    void (*unlock)(struct disk *disk, struct disk_lock *lock);
    const char *(*root_path)(struct disk *disk);
    void (*free)(struct disk *disk);
};

struct disk {
    const struct disk_operations *operations;
    struct memory *memory;       /* lent until disk_free */
    atomic_uint open_file_count; /* files and locks: none may be left at disk_free */
};

/* The directory `root` of the machine.  With `create_if_missing` its last part is made where it
 * does not exist, and its name made durable in any case; else CODE_NOT_FOUND.  CODE_INVALID: it is
 * no directory. */
MUST_USE enum code disk_open_posix(const char *root, bool create_if_missing, struct memory *memory,
                                   struct disk **disk, struct error *error);
/* Any disk; NULL is allowed.  All files and locks are closed by then (asserted). */
void disk_free(struct disk *disk);

/* Makes a file of no bytes and opens it to read and write.  CODE_INVALID if the name exists. */
MUST_USE enum code disk_create(struct disk *disk, const char *path, struct disk_file **file,
                               struct error *error);
/* CODE_NOT_FOUND if it does not exist, CODE_INVALID if it is a directory. */
MUST_USE enum code disk_open(struct disk *disk, const char *path, enum disk_access access,
                             struct disk_file **file, struct error *error);
/* Makes nothing durable; NULL is allowed. */
void disk_close(struct disk_file *file);

/* Reads up to `bytes`; *bytes_read is less only at the end of the file. */
MUST_USE enum code disk_read(struct disk_file *file, uint64_t offset, void *buffer, size_t bytes,
                             size_t *bytes_read, struct error *error);
/* Writes all, growing the file where need be (a gap reads as zeros).  After an error the bytes
 * may be old, new or mixed, and the file may have grown by a part. */
MUST_USE enum code disk_write(struct disk_file *file, uint64_t offset, const void *data,
                              size_t bytes, struct error *error);
/* As disk_write of zeros, for many of them: where the disk can, they do not pass its cache.
 * Nothing else uses these bytes meanwhile, and the file still has the name it was opened by.
 * offset, bytes: multiples of DISK_BLOCK_BYTES. */
MUST_USE enum code disk_write_zeros(struct disk_file *file, uint64_t offset, uint64_t bytes,
                                    struct error *error);
/* Makes bytes and size durable.  A failure is final: what was not written may already count as
 * clean in the system's cache, so every later write, truncation or sync through this handle gives
 * CODE_FAILED. */
MUST_USE enum code disk_sync(struct disk_file *file, struct error *error);
MUST_USE enum code disk_size(struct disk_file *file, uint64_t *bytes, struct error *error);
/* Cuts off, or grows with zeros. */
MUST_USE enum code disk_truncate(struct disk_file *file, uint64_t bytes, struct error *error);

/* Makes the names in `directory` durable (not the contents of its files). */
MUST_USE enum code disk_sync_directory(struct disk *disk, const char *directory,
                                       struct error *error);
/* Files only.  Atomic; replaces a file that had the new name. */
MUST_USE enum code disk_rename(struct disk *disk, const char *from, const char *to,
                               struct error *error);
/* A file or an empty directory.  Open handles of it stay good.  CODE_NOT_FOUND if absent. */
MUST_USE enum code disk_remove(struct disk *disk, const char *path, struct error *error);
/* File or directory. */
MUST_USE enum code disk_exists(struct disk *disk, const char *path, bool *exists,
                               struct error *error);
/* Done as well if it exists already.  Its parent must exist. */
MUST_USE enum code disk_make_directory(struct disk *disk, const char *directory,
                                       struct error *error);
/* Fills `names` (over whatever it held before) with files and directories.  The caller releases
 * it, after an error as well. */
MUST_USE enum code disk_list(struct disk *disk, const char *directory, struct memory *memory,
                             struct disk_names *names, struct error *error);
void disk_names_release(struct disk_names *names);

/* Takes the lock whose file is `path` (made where missing; never removed).  It ends with
 * disk_unlock, or when its process has ended and all that it forked meanwhile: they share it until
 * they end or exec.  CODE_BUSY, with the holder's pid in the message, while any other process, or
 * this one, holds it. */
MUST_USE enum code disk_lock(struct disk *disk, const char *path, struct disk_lock **lock,
                             struct error *error);
/* NULL is allowed. */
void disk_unlock(struct disk *disk, struct disk_lock *lock);

/* The absolute path of the root, lent until disk_free; NULL on a disk that has none. */
const char *disk_root_path(struct disk *disk);

/* For those who implement a disk: adds a copy of a name; false on no memory. */
MUST_USE bool disk_names_add(struct disk_names *names, const char *name, size_t name_bytes);

#endif
