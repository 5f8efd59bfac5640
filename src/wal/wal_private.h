/* The handle of a log, for the files of this folder: wal.c (life), append.c, commit.c (groups to
 * disk), spare.c (segments ahead of need), checkpoint.c, reader.c, replay.c.
 *
 * One lock guards all but the writer, which belongs to whoever set `syncing`, and what is atomic.
 * It is never held over a write or a sync. */
#ifndef TIDAL_WAL_WAL_PRIVATE_H
#define TIDAL_WAL_WAL_PRIVATE_H

#include "os/clock.h"
#include "wal/group.h"
#include "wal/layout.h"
#include "wal/segment.h"

#define WAL_PIN_COUNT          64
#define WAL_GROUP_FULL_BYTES   ((size_t)1 << 20) /* takes no further call */
#define WAL_FLUSH_BYTES        ((size_t)256 << 10)
#define WAL_FLUSH_ENTRIES      100
#define WAL_MARK_IDLE_NS       ((int64_t)5000000)
#define WAL_SPARE_RETRY_NS     ((int64_t)1000000000)
#define WAL_DELAY_COMPANIONS   4
#define WAL_SOON_BACK          16 /* waiters that the next group is kept open for */
#define WAL_MARK_RESERVE       2  /* pages, as LAYOUT_RESERVED_PAGES for entries */
#define WAL_CHECKPOINT_RESERVE 1
#define WAL_CLOSE_RESERVE      0

/* A segment that is there. */
struct live_segment {
    uint64_t number;
    uint64_t first_lsn;
    uint64_t bytes;
    int64_t earlier_ms; /* of the last frame of entries before it */
    int64_t oldest_ms;  /* of its first frame of entries; INT64_MAX: none */
};

/* A zero-filled file that will be a segment. */
struct spare {
    uint64_t number;
    uint64_t bytes;
    struct disk_file *file;
    bool planned;             /* frames are on their way to it */
    struct dedup_state dedup; /* before the first of them */
    int64_t last_time_ms;
};

/* Where the next frame is written. */
struct writer {
    struct disk_file *file;
    uint64_t segment;
    uint64_t offset;
    uint64_t claimed_lsn; /* durable LSN of the last frame written */
    uint8_t chain[FRAME_CHAIN_BYTES];
    int64_t oldest_ms; /* of the segment's first frame of entries; INT64_MAX: none */
    uint8_t *page;     /* one, for headers and marks */
    uint64_t frame_count;
    uint64_t written_bytes;
    uint64_t sync_count;
};

struct wal {
    struct disk *disk;
    struct memory *memory;
    struct clock *clock;
    char directory[DISK_PATH_BYTES];
    uint8_t database_id[16];
    int64_t commit_interval_ns;
    int64_t commit_delay_ns;
    size_t outstanding_limit;
    uint64_t maximum_bytes;
    uint64_t body_maximum; /* bytes of a frame's body, as the layout has it */
    bool read_only;
    bool has_flusher;
    enum wal_mutant mutant;
    int64_t process;

    struct mutex lock;
    atomic_uint_fast64_t last_lsn;
    atomic_uint_fast64_t durable_lsn;

    /* Appending. */
    struct dedup dedup;
    struct layout layout;
    int64_t last_time_ms;      /* of the newest frame of entries */
    struct wal_group *fresh;   /* made, and still empty */
    struct wal_group *open;    /* the last pending one, while it takes more */
    struct wal_group *pending; /* not yet durable, in order */
    struct wal_group *pending_last;
    struct wal_group *durable; /* not yet taken, in order */
    struct wal_group *durable_last;
    size_t outstanding_bytes;
    unsigned waiter_count;  /* in wal_wait */
    unsigned blocked_count; /* in wal_append */
    struct condition room;

    /* Segments. */
    struct live_segment *segments;
    size_t segment_count;
    size_t segment_capacity;
    size_t removing_count; /* taken off the list, until their files are gone or they come back */
    struct spare *spares;
    size_t spare_count;
    size_t spare_capacity;
    uint64_t segment_bytes; /* of all files, spares too */
    bool preparing;
    int64_t spare_retry_ns; /* the flusher makes none before */
    struct condition prepared;
    uint64_t durable_horizon; /* what the window needs, if only durable entries survive */
    uint64_t oldest_lsn;      /* recorded: the log must hold it */
    uint64_t pins[WAL_PIN_COUNT];
    size_t pin_count;

    /* Writing. */
    bool syncing;             /* somebody writes, or is called to */
    bool called;              /* one of a group's waiters was woken to lead, and has not begun */
    unsigned returning_count; /* waiters of the last group that did not wait again since */
    struct writer writer;
    bool failed;
    struct error failure;

    /* Delivery and the flusher. */
    struct condition untaken;
    bool woken;
    struct thread flusher;
    bool flusher_started;
    bool flusher_idle; /* sleeps without a deadline */
    bool stopping;
    struct condition flush;
    int64_t durable_at_ns;

    struct wal_stats stats;
};

/* wal.c */

/* MISUSE in a forked child. */
MUST_USE enum code wal_check_process(const struct wal *wal, struct error *error);
/* READ_ONLY or FAILED.  Lock held. */
MUST_USE enum code wal_check_writable(const struct wal *wal, struct error *error);

/* spare.c: lock held, and given up while a file is made. */

enum spare_need {
    SPARE_AHEAD,       /* the flusher's: commits what is due meanwhile */
    SPARE_FOR_ENTRIES, /* an appender waits for it */
    SPARE_FOR_CONTROL, /* a checkpoint does: may be beyond maximum_bytes */
};

/* Makes the next spare, or waits for the one that is being made.  The caller looks again. */
MUST_USE enum code spare_prepare(struct wal *wal, enum spare_need need, struct error *error);
/* True if all segments up to that number are there. */
bool spare_ready(const struct wal *wal, uint64_t segment);
/* True if the flusher should make one ahead of need; after a failure not at once again. */
bool spare_wanted(const struct wal *wal, int64_t now_ns);
/* Notes where the window of identities stood when frames for that segment begin. */
void spare_plan(struct wal *wal, uint64_t segment);
/* Removes the files of all spares. */
void spare_release_all(struct wal *wal, bool remove);

/* append.c: lock held. */

/* Adds a control frame behind all entries; *group carries it.  May give the lock up. */
MUST_USE enum code append_control(struct wal *wal, enum frame_kind kind, struct slice body,
                                  unsigned reserved_pages, struct wal_group **group,
                                  struct error *error);
/* A mark that begins a new segment, whatever room the present one has.  May give the lock up. */
MUST_USE enum code append_rotation(struct wal *wal, struct wal_group **group, struct error *error);

/* commit.c: lock held, and given up while something is written. */

/* Until the group is durable, or the log has failed.  Frees the group if it may. */
MUST_USE enum code commit_wait(struct wal *wal, struct wal_group *group, struct error *error);
/* Writes the first pending group.  Nobody is syncing, and there is one. */
void commit_lead(struct wal *wal);
/* Writes the first pending group if it is due and nobody is syncing: true if it did. */
bool commit_due(struct wal *wal);
/* The flusher thread: `argument` is the log. */
void commit_flusher(void *argument);
/* Something became pending. */
void commit_notice(struct wal *wal);

/* checkpoint.c: lock held. */
MUST_USE enum code pin_add(struct wal *wal, uint64_t lsn, struct error *error);
void pin_move(struct wal *wal, uint64_t from_lsn, uint64_t to_lsn);

#endif
