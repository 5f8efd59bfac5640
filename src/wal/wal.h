/* The write-ahead log: the truth of a database, as a dense sequence of entries.
 *
 * An entry is a type, a 16-byte identity and a payload of bytes; what they mean is not the log's
 * business.  Each gets a log sequence number (LSN): 1, 2, 3, ... without a gap.  The life of an
 * entry:
 *
 *   wal_append   checks it against the window of recent identities, gives it an LSN, copies it into
 *                the open group.  Returns before it is durable.
 *   wal_wait     returns once it is durable.  Whoever waits and finds nobody syncing leads: takes
 *                the open group, writes it as frames, syncs once, wakes the group's waiters.
 *   wal_take     hands durable groups to the one that applies them, in log order, each once.
 *   wal_replay   streams entries of earlier runs, the same way.
 *   wal_checkpoint  says that the store holds everything up to an LSN; whole segments that nobody
 *                needs any more are removed.
 *
 * Bytes on disk: docs/formats/wal.md.  Rules of recovery: scan.c.
 *
 * A write or sync that fails ends the handle: every later call gives FAILED, the fate of entries
 * not yet durable is unknown until the log is opened again.  A full disk is not such a failure:
 * room is made sure of before an entry gets its LSN (NO_SPACE, nothing was appended).
 *
 * any thread, except where a function says otherwise.  A handle is refused in a forked child
 * (MISUSE). */
#ifndef TIDAL_WAL_WAL_H
#define TIDAL_WAL_WAL_H

#include "base/bytes.h"
#include "base/memory.h"

struct disk;
struct clock;
struct wal;
struct wal_group;

#define WAL_IDENTITY_BYTES        16
#define WAL_SEGMENT_MINIMUM_BYTES ((uint64_t)64 << 10)
#define WAL_SEGMENT_MAXIMUM_BYTES ((uint64_t)1 << 30)
#define WAL_PAYLOAD_MAXIMUM_BYTES ((size_t)1 << 20)

/* Deliberate faults, so that the simulation can prove that it would notice.  Tests only. */
enum wal_mutant {
    WAL_MUTANT_NONE,
    WAL_MUTANT_NO_DATA_SYNC,         /* a group is called durable without a sync */
    WAL_MUTANT_TAIL_NOT_REWRITTEN,   /* recovery trusts what may be in the page cache only */
    WAL_MUTANT_DURABLE_MARK_IGNORED, /* recovery takes lost acknowledged entries for a torn tail */
    WAL_MUTANT_NO_DIRECTORY_SYNC,    /* a new segment's name is not made durable */
    WAL_MUTANT_NO_HEAD_CHECK,        /* recovery does not ask where the log must begin */
    WAL_MUTANT_NO_TEMPORARY_NAME,    /* recovery's segment has its name before its content */
    WAL_MUTANT_DEDUPE_FORGOTTEN,     /* recovery does not rebuild the window */
    WAL_MUTANT_SYNC_ERROR_IGNORED,   /* a failed sync counts as done */
    WAL_MUTANT_GAP_ACCEPTED,         /* recovery goes on behind a gap between segments */
    WAL_MUTANT_TAIL_RETIMED,         /* what recovery writes again gets a new time */
    WAL_MUTANT_ATOMIC_SPLIT,         /* the entries of an atomic call may get frames of their own */
};

struct wal_options {
    struct disk *disk;     /* lent until wal_close */
    const char *directory; /* lent during wal_open only; made if missing */
    struct memory *memory; /* lent until wal_close and the last wal_group_release */
    struct clock *clock;   /* lent until wal_close: gives the time of frames */
    uint8_t database_id[16];
    uint64_t segment_bytes;      /* 0: 64 MiB */
    uint32_t frame_entries;      /* entries of a frame at most; 0: 100 */
    uint32_t commit_interval_ms; /* entries that nobody waits for are durable after; 0: 10 */
    uint32_t commit_delay_us;    /* a leader lingers, where 4 others append; 0: never */
    uint32_t dedupe_count;       /* identities of a generation; 0: 131072 */
    uint32_t dedupe_window_ms;   /* age of a generation; 0: 60000 */
    size_t outstanding_bytes;    /* appended and not yet released, at most; 0: 8 MiB */
    uint64_t maximum_bytes;      /* all segments together; 0: 4 GiB */
    uint64_t applied_lsn;        /* what the store's last checkpoint proves durable; 0: nothing */
    uint64_t oldest_lsn;         /* what the store says must still be here; 0: nothing */
    uint64_t first_lsn;          /* where there is no log, one is made that begins here; 0: 1 */
    bool read_only;              /* opens what is there, changes nothing, appends nothing */
    bool flusher_thread;         /* false: wal_flush does what the flusher would */
    enum wal_mutant mutant;
};

/* What opening found. */
struct wal_recovery {
    uint64_t segment_count;
    uint64_t first_lsn;         /* of the oldest segment; last_lsn + 1 where there are no entries */
    uint64_t last_lsn;          /* 0: none */
    uint64_t proved_lsn;        /* up to here the log itself proves that entries were durable */
    uint64_t rewritten_entries; /* beyond that, and written again */
    uint64_t torn_bytes;        /* beyond the end, given up: never acknowledged, or undecidable */
    uint64_t torn_segment;      /* where they are; 0: nowhere */
    uint64_t torn_offset;
    bool undecidable;        /* torn bytes may be a damaged last group: nothing proves otherwise */
    bool closed;             /* the log ended with a close frame */
    uint64_t checkpoint_lsn; /* of the newest CHECKPOINT frame; 0: none */
    uint64_t removed_files;  /* temporaries and segments that a newer one stands for */
    uint64_t dedupe_entries; /* identities in the window */
};

enum wal_entry_flag {
    WAL_ENTRY_CALLERS_KEY = 1, /* the identity is a key of the caller's, not a content hash */
    WAL_ENTRY_NO_DEDUPE = 2,   /* never a duplicate, and none is found by it */
};

/* One entry, as replay and groups give it. */
struct wal_entry {
    uint64_t lsn;
    int64_t time_ms; /* of its frame: the ingest time.  Never decreases with the LSN */
    uint16_t type;
    uint16_t flags;
    uint8_t identity[WAL_IDENTITY_BYTES];
    struct slice payload; /* lent during the callback, or until the group is released */
};

/* One entry to append; all of it is copied. */
struct wal_record {
    uint16_t type;
    uint16_t flags;
    uint8_t identity[WAL_IDENTITY_BYTES]; /* wal_content_identity, or the caller's key */
    struct slice payload;                 /* at most WAL_PAYLOAD_MAXIMUM_BYTES */
};

struct wal_result {
    enum code code; /* OK, or DUPLICATE */
    uint64_t lsn;   /* given, or that of the original: wait for it just the same */
};

enum wal_append_flag {
    WAL_APPEND_ATOMIC = 1,   /* one frame: after a crash all of the call is there, or nothing */
    WAL_APPEND_NO_BLOCK = 2, /* LIMIT at once where it would wait for room */
};

/* The first 16 bytes of BLAKE3("tidal.event.1" + type u16 + payload).  Pure; call it before
 * wal_append, outside any lock. */
void wal_content_identity(uint16_t type, struct slice payload, uint8_t out[WAL_IDENTITY_BYTES]);
/* The same for many, in a part of the time: sets the identity of each record that has no flags. */
void wal_identify(struct wal_record *records, size_t count);

/* Opens or makes the log, and recovers: what was acknowledged is there, in order, or the answer is
 * CORRUPT with segment, offset and LSN, and nothing was changed.  A log that may not be missing
 * (oldest_lsn > 0) and is, is CORRUPT.  *report is filled on CORRUPT as far as it got.
 * Errors: INVALID (options), CORRUPT, VERSION, IO, NO_SPACE, READ_ONLY, NO_MEMORY. */
MUST_USE enum code wal_open(const struct wal_options *options, struct wal **wal,
                            struct wal_recovery *report, struct error *error);
/* Makes what was appended durable, writes a close frame, frees the handle (on failure too).
 * Durable groups not taken are dropped: replay gives them again.  Groups taken must have been
 * released.  `wal` may be NULL.  Nobody may be inside another call, except a wal_wait_untaken that
 * wal_wake has ended.  In a forked child: MISUSE, and nothing is done or freed. */
enum code wal_close(struct wal *wal, struct error *error);
/* Frees the handle and writes nothing: for a log that failed, and for simulated crashes. */
void wal_abandon(struct wal *wal);

typedef enum code (*wal_visit)(void *context, const struct wal_entry *entry, struct error *error);
/* Calls `visit` for each durable entry from `from_lsn` on, in order, up to wal_durable at the time
 * of the call.  An error of `visit` ends it.  NOT_RETAINED if the log begins later.  May run while
 * others append; what it reads is kept from removal meanwhile. */
MUST_USE enum code wal_replay(struct wal *wal, uint64_t from_lsn, wal_visit visit, void *context,
                              struct error *error);

/* Reading along: the same entries, pulled one by one, also those that become durable meanwhile.
 * The segments from the next entry on are kept from removal until the reader is closed, before
 * its log.  NOT_RETAINED if the log begins later; LIMIT: 64 hold the log already.  one thread. */
struct wal_reader;
MUST_USE enum code wal_reader_open(struct wal *wal, uint64_t from_lsn, struct wal_reader **reader,
                                   struct error *error);
/* The next entry up to `to_lsn`, which is durable; *found is false where there is none: ask again
 * later.  *entry is lent until the next call. */
MUST_USE enum code wal_reader_next(struct wal_reader *reader, uint64_t to_lsn,
                                   struct wal_entry *entry, bool *found, struct error *error);
void wal_reader_close(struct wal_reader *reader); /* NULL is allowed */
/* Blocks until `lsn`, which may not have been given yet, is durable, or the timeout is over: then
 * *durable is false.  Syncs nothing itself.  FAILED. */
MUST_USE enum code wal_wait_durable(struct wal *wal, uint64_t lsn, uint32_t timeout_ms,
                                    bool *durable, struct error *error);

/* Appends `count` >= 1 records in order: results[i] says what became of records[i].  All or nothing
 * on an error: INVALID (payload or atomic call too big), LIMIT (more than outstanding_bytes; the
 * log at maximum_bytes), NO_SPACE, NO_MEMORY, FAILED, READ_ONLY, MISUSE.
 * Blocks while the entries not yet released leave no room, unless it may not, or nobody else could
 * make room (no flusher thread). */
MUST_USE enum code wal_append(struct wal *wal, const struct wal_record *records, size_t count,
                              unsigned flags, struct wal_result *results, struct error *error);
/* Appends the entries of one frame of another log, whose LSNs are the next ones here: with their
 * time and their identities, as one frame.  No duplicate is looked for: there is none.  For a log
 * that follows another (wal/source.h) and takes nothing else.  As wal_append; MISUSE for other
 * LSNs, CORRUPT for a time that goes back, INVALID for a frame that is too big for its segments. */
MUST_USE enum code wal_append_copy(struct wal *wal, const struct wal_entry *entries, size_t count,
                                   struct error *error);
/* Bytes that one payload may have: less than WAL_PAYLOAD_MAXIMUM_BYTES where segments are small. */
size_t wal_payload_maximum(const struct wal *wal);
/* The LSN of the entry with this identity inside the window, durable or not; 0: there is none. */
uint64_t wal_find(struct wal *wal, const uint8_t identity[WAL_IDENTITY_BYTES]);
/* Returns once all up to `lsn` is durable.  `lsn` 0: at once.  FAILED, or MISUSE for an LSN that
 * was not given yet. */
MUST_USE enum code wal_wait(struct wal *wal, uint64_t lsn, struct error *error);
/* What the flusher does each time it wakes: writes what is pending; if nothing is, writes a mark
 * (unsynced) where that says something new. */
MUST_USE enum code wal_flush(struct wal *wal, struct error *error);

uint64_t wal_durable(const struct wal *wal); /* last durable LSN; an atomic load */
uint64_t wal_last(const struct wal *wal);    /* last LSN given; an atomic load */

/* Delivery.  One thread at a time takes; the groups come in log order, each once. */

/* The next durable group not taken yet; false if there is none. */
bool wal_take(struct wal *wal, struct wal_group **group);
/* The next entry of a taken group; false at its end.  *entry is lent until the release. */
bool wal_group_next(struct wal_group *group, struct wal_entry *entry);
/* The next is the first again. */
void wal_group_rewind(struct wal_group *group);
uint64_t wal_group_last(const struct wal_group *group); /* LSN of its last entry */
/* Gives the room back.  Every taken group, before wal_close. */
void wal_group_release(struct wal_group *group);
/* Blocks until a group can be taken (true), wal_wake, a failure or the timeout (false). */
bool wal_wait_untaken(struct wal *wal, uint32_t timeout_ms);
/* Ends the present wal_wait_untaken, or else the next one. */
void wal_wake(struct wal *wal);

/* What is kept beyond what recovery needs, and what is not. */
struct wal_retention {
    uint64_t wanted_lsn; /* from here on; UINT64_MAX: nothing */
    int64_t since_ms;    /* entries at or after it; INT64_MAX: none */
    int64_t before_ms;   /* segments with an entry before it go, as soon as recovery can do without,
                            whatever else is wanted; INT64_MIN: none */
};
/* The oldest LSN that the log will still hold after wal_checkpoint(applied_lsn): the first of the
 * segment that holds min(applied_lsn + 1, the window of identities, what `retention` wants, the
 * pins).  All but the first and the last of these only as far as half of maximum_bytes allows, and
 * `before_ms`: opening the log again then forgets the identities before.  The store records it in
 * the same batch as `applied`, so that it is durable before anything is removed.  `retention` may
 * be NULL. */
uint64_t wal_oldest_after(struct wal *wal, uint64_t applied_lsn,
                          const struct wal_retention *retention);
/* Ends the present segment if it has entries, so that it can be removed before it is full: a mark,
 * synced, begins the next.  As wal_checkpoint it may pass maximum_bytes.  NO_SPACE: nothing was
 * changed. */
MUST_USE enum code wal_rotate(struct wal *wal, struct error *error);
/* Records durably that the store holds all up to `applied_lsn` (which must be durable), then
 * removes the segments wholly below `oldest_lsn` (what wal_oldest_after said) and the pins.
 * A failure to remove is not an error: the next checkpoint tries again. */
MUST_USE enum code wal_checkpoint(struct wal *wal, uint64_t applied_lsn, uint64_t oldest_lsn,
                                  struct error *error);
/* Entries from `lsn` on stay until the same is unpinned.  At most 64 pins: LIMIT.  NOT_RETAINED if
 * it is gone already. */
MUST_USE enum code wal_pin(struct wal *wal, uint64_t lsn, struct error *error);
void wal_unpin(struct wal *wal, uint64_t lsn);

/* Copies the log, as it is durable now, into a directory (which is there, and empty) of another
 * disk, durably but for that directory's own name; a log of the same database opens there.
 * *last_lsn is of its last entry.  Writers go on; the caller sees to it that no wal_checkpoint
 * comes meanwhile.  CORRUPT: this log has been damaged; LIMIT: too many pins; and what the other
 * disk says. */
MUST_USE enum code wal_copy(struct wal *wal, struct disk *disk, const char *directory,
                            uint64_t *last_lsn, struct error *error);

struct wal_stats {
    uint64_t last_lsn;
    uint64_t durable_lsn;
    uint64_t oldest_lsn;       /* first of the oldest segment */
    int64_t last_ms;           /* of the newest frame of entries */
    int64_t oldest_ms;         /* of the oldest entry; INT64_MAX: there is none */
    int64_t segment_oldest_ms; /* of the oldest one in the segment that is written */
    uint64_t segment_count;
    uint64_t segment_bytes; /* all segments and spares */
    uint64_t outstanding_bytes;
    uint64_t entry_count; /* appended through this handle, as all below */
    uint64_t duplicate_count;
    uint64_t group_count;
    uint64_t frame_count;
    uint64_t written_bytes;
    uint64_t sync_count;
    uint64_t mark_count;
    uint64_t checkpoint_count;
    uint64_t removed_segments;
    uint64_t dedupe_entries;
    uint64_t dedupe_rotations;
    bool failed;
};
void wal_stats(struct wal *wal, struct wal_stats *stats);

/* Reads a log that nobody has open and changes nothing: for `check` and `log`.  Works on a damaged
 * one; needs no database. */
struct wal_verify_options {
    struct disk *disk;
    const char *directory;
    struct memory *memory;
    wal_visit visit; /* for each entry, in order, up to the first damage; may be NULL */
    void *context;
};
/* OK, or CORRUPT with place and LSN; *report says what was found up to there. */
MUST_USE enum code wal_verify(const struct wal_verify_options *options, struct wal_recovery *report,
                              struct error *error);

/* Entries that were lost: the LSNs that no whole frame has, between others that do. */
struct wal_gap {
    uint64_t from_lsn, to_lsn;
    uint64_t segment; /* in which something is damaged there, at `offset`; 0: a file is missing */
    uint64_t offset;
};
struct wal_salvage_options {
    struct disk *disk;
    const char *directory;
    struct memory *memory;
    wal_visit visit; /* for each entry of a whole frame, in order, also behind damage */
    enum code (*lost)(void *context, const struct wal_gap *gap, struct error *error);
    void *context;
};
/* Reads what is whole of a log that is damaged, whatever is, and changes nothing.  *proved_lsn is
 * the largest LSN that anything whole in it proves to have been durable.  The errors of `visit` and
 * `lost`, IO, VERSION, NO_MEMORY. */
MUST_USE enum code wal_salvage(const struct wal_salvage_options *options, uint64_t *proved_lsn,
                               struct error *error);

/* Decodes a segment file's bytes: any bytes give OK or CORRUPT, and the entries of its valid frames
 * before that.  Follows the chain within the segment; for fuzzing and tools. */
MUST_USE enum code wal_decode_segment(struct slice bytes, struct memory *memory, wal_visit visit,
                                      void *context, struct error *error);

#endif
