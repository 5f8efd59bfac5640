/* Reading what a crash, or time, has left: which files and frames count, and where the log ends.
 * Changes nothing.  The rules are in scan.c.  one thread. */
#ifndef TIDAL_WAL_SCAN_H
#define TIDAL_WAL_SCAN_H

#include "wal/segment.h"

/* A file found, or a segment in use. */
struct segment_entry {
    struct segment_header header;
    int64_t first_time_ms; /* of its first frame of entries; INT64_MAX: none */
    bool valid;            /* its header verifies */
    bool removed;          /* to be removed: another stands for it, or nothing needs it */
};

/* A frame of the segment scanned last, for those that must be written again. */
struct scan_frame {
    uint64_t offset;
    uint32_t length;
    uint64_t first_lsn;
    uint32_t count;                   /* 0: control */
    int64_t last_time_ms;             /* before it */
    struct dedup_state dedup;         /* before it */
    uint8_t chain[FRAME_CHAIN_BYTES]; /* before it */
};

struct scan {
    /* Given. */
    struct disk *disk;          /* lent until scan_release */
    const char *directory;      /* lent */
    struct memory *memory;      /* lent */
    struct dedup *dedup;        /* rebuilt; NULL: not */
    const uint8_t *database_id; /* NULL: that of the first segment */
    uint64_t applied_lsn;
    uint64_t oldest_lsn; /* as the store says; 0: nothing */
    bool without_store;  /* nobody knows what it says: the log's checkpoints stand for it */
    enum wal_mutant mutant;
    wal_visit visit; /* NULL: none */
    void *context;

    /* Found. */
    struct segment_entry *segments; /* by number */
    size_t segment_count;
    size_t segment_capacity;
    uint64_t *temporaries;
    size_t temporary_count;
    size_t temporary_capacity;
    uint8_t first_database_id[16];
    uint64_t highest_number;          /* of any file seen */
    uint64_t must_lsn;                /* the log must begin here or before */
    uint64_t first_lsn;               /* it does begin here */
    uint64_t next_lsn;                /* behind its last entry */
    uint64_t proved_lsn;              /* durable, as the log itself proves */
    uint8_t chain[FRAME_CHAIN_BYTES]; /* behind the last frame */
    int64_t last_time_ms;
    uint64_t checkpoint_lsn;
    uint64_t entry_count;
    uint64_t frame_count;
    bool closed;
    size_t last;               /* index of the segment where it ends; SIZE_MAX: there is none */
    struct scan_frame *frames; /* of that one */
    size_t frame_used;
    size_t frame_capacity;
    uint64_t end_offset; /* there, behind the last frame */
    uint64_t torn_bytes;
    uint64_t torn_segment;
    uint64_t torn_offset;
};

void scan_init(struct scan *scan, struct disk *disk, const char *directory, struct memory *memory);
void scan_release(struct scan *scan);
/* OK, or CORRUPT with the place; `scan` holds what was found up to there. */
MUST_USE enum code scan_run(struct scan *scan, struct error *error);
void scan_report(const struct scan *scan, struct wal_recovery *report);
/* Opens the segment of that number, which is in the directory, to read; fills `path`.  The caller
 * releases the reader, after an error too. */
MUST_USE enum code scan_open(const struct scan *scan, uint64_t number,
                             struct segment_reader *reader, char path[DISK_PATH_BYTES],
                             struct error *error);

#endif
