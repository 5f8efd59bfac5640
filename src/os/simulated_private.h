/* The parts of the simulated disk: files (simulated_file.c) and names (simulated_names.c).  The
 * model is told in simulated.c.  one thread: the disk's mutex is held. */
#ifndef TIDAL_OS_SIMULATED_PRIVATE_H
#define TIDAL_OS_SIMULATED_PRIVATE_H

#include "base/bytes.h"
#include "os/simulated.h"
#include "os/threads.h"

/* Shared between cache and disk while both hold the same bytes; copied before it is written. */
struct page {
    unsigned reference_count;
    uint8_t bytes[SIMULATED_PAGE_BYTES];
};

struct page_slot {
    struct page *cached;  /* NULL: zeros */
    struct page *durable; /* NULL: zeros; not kept on a plain disk */
    bool dirty;           /* written since the last sync */
    bool allocated;       /* counts against the space, zeros or not */
};

/* A file or directory apart from its name. */
struct inode {
    struct inode *next; /* in order of creation, so that a run is repeatable */
    struct inode *previous;
    unsigned reference_count; /* names, pending changes, handles, locks */
    bool is_directory;
    bool locked;
    bool size_dirty;
    uint64_t size;
    uint64_t durable_size;
    struct page_slot *slots;
    size_t slot_count;
    size_t slot_capacity;
};

struct file_store {
    struct memory *memory;
    bool faulty;
    struct simulated_faults faults;
    struct simulated_losses losses;
    struct inode *first;
    struct inode *last;
    uint64_t allocated_pages;
};

/* How much of the unsynced survives a power cut: drawn once a crash, so that the rare states (one
 * thing lost among many, one kept) come up as well as the mixed ones. */
enum survival { SURVIVES_ALL, SURVIVES_HALF, SURVIVES_MOST, SURVIVES_NONE };
bool survives(enum survival survival, struct choices *choices);

/* With one reference; NULL on no memory. */
struct inode *inode_create(struct file_store *store, bool is_directory);
struct inode *inode_hold(struct inode *inode);
void inode_drop(struct file_store *store, struct inode *inode);

/* Bytes inside the size; returns how many. */
size_t inode_read(const struct inode *inode, uint64_t offset, void *buffer, size_t bytes);
/* CODE_OK, CODE_NO_SPACE or CODE_NO_MEMORY, with what came before written. */
enum code inode_write(struct file_store *store, struct inode *inode, uint64_t offset,
                      struct slice data);
/* CODE_OK or CODE_NO_MEMORY, then unchanged. */
enum code inode_truncate(struct file_store *store, struct inode *inode, uint64_t bytes);
void inode_sync(struct file_store *store, struct inode *inode);
/* Some pages reach the disk; all count as clean. */
void inode_fail_sync(struct file_store *store, struct inode *inode);
/* What is on the disk becomes what is read. */
void inode_lose_power(struct file_store *store, struct inode *inode, enum survival survival,
                      struct choices *choices);
/* The durable byte changes by `mask`; false if there is no such byte or no memory. */
bool inode_damage(struct file_store *store, struct inode *inode, uint64_t offset, uint8_t mask);

struct name {
    char path[DISK_PATH_BYTES];
    struct inode *inode; /* a reference */
};

/* In order of path, so that a directory comes before what it holds. */
struct name_table {
    struct name *names;
    size_t count;
    size_t capacity;
};

enum name_change_kind { NAME_ADDED, NAME_MOVED, NAME_REMOVED };

struct name_change {
    enum name_change_kind kind;
    char path[DISK_PATH_BYTES]; /* the new name, where it moved */
    char from[DISK_PATH_BYTES]; /* the old name, where it moved; else empty */
    struct inode *inode;        /* a reference */
};

struct name_store {
    struct file_store *files;
    struct name_table seen;      /* what a running program sees */
    struct name_table durable;   /* empty on a plain disk */
    struct name_change *changes; /* seen but not durable, in order */
    size_t change_count;
    size_t change_capacity;
};

void names_release(struct name_store *store);
struct inode *names_find(const struct name_table *table, const char *path);
/* True if `path` lies directly in `directory`. */
bool path_is_in(const char *path, const char *directory);

/* Makes room for one more change, so that none of the following can fail; false on no memory. */
MUST_USE bool names_reserve(struct name_store *store);
void names_add(struct name_store *store, const char *path, struct inode *inode);
void names_move(struct name_store *store, const char *from, const char *to);
void names_remove(struct name_store *store, const char *path);
/* Makes the changes in `directory` durable. */
void names_sync(struct name_store *store, const char *directory);
void names_lose_power(struct name_store *store, enum survival survival, struct choices *choices);

struct simulated_disk {
    struct disk disk; /* first: a struct disk is one of these */
    struct mutex mutex;
    struct file_store files;
    struct name_store names;
    uint64_t operation_count;
    uint64_t generation; /* of handles and locks: one a crash */
    bool crashed;
};

#endif
