/* A log that another process may be writing, read from outside: without its lock, and no further
 * than it proves itself durable.  one thread.
 *
 * A frame says up to which LSN all was durable when it was made, and a segment's name says so too;
 * only that far are entries given, so that nothing is given which a crash of the writer could
 * undo.  The newest entries come once a later frame, or a mark, tells: some milliseconds after the
 * writer has become idle; where its segment has no room for a mark, with its next write. */
#ifndef TIDAL_WAL_SOURCE_H
#define TIDAL_WAL_SOURCE_H

#include "wal/wal.h"

struct wal_source;

struct wal_source_options {
    struct disk *disk;     /* lent until wal_source_close */
    const char *directory; /* lent likewise */
    struct memory *memory; /* lent likewise */
    const uint8_t *database_id;
    uint64_t from_lsn; /* begins here, or where the log does */
};

/* The entries of one frame. */
struct wal_source_frame {
    const struct wal_entry *entries; /* ascending, of one time; lent until the next call */
    size_t count;                    /* 0: none is there yet */
};

/* NO_MEMORY.  The log may not be there yet. */
MUST_USE enum code wal_source_open(const struct wal_source_options *options,
                                   struct wal_source **source, struct error *error);
/* The next frame, its entries before `from_lsn` left out.  NOT_RETAINED where the log has let go
 * of what comes next; CORRUPT where it does not go on, or is another database's; VERSION, IO. */
MUST_USE enum code wal_source_next(struct wal_source *source, struct wal_source_frame *frame,
                                   struct error *error);
/* The oldest LSN of the log as it is now; 0: it has no segment. */
MUST_USE enum code wal_source_oldest(struct wal_source *source, uint64_t *oldest_lsn,
                                     struct error *error);
/* The error of a reader that wants `next_lsn` of a log that begins later. */
enum code wal_source_not_retained(uint64_t next_lsn, uint64_t oldest_lsn, struct error *error);
/* The last LSN that there is, proved or not, as the last wal_source_next without a frame saw it. */
uint64_t wal_source_end(const struct wal_source *source);
/* True once reading went on in a segment whose chain does not continue the one before: the writer
 * recovered, or its files were exchanged.  Who has an own copy compares it. */
bool wal_source_resumed(const struct wal_source *source);
void wal_source_close(struct wal_source *source); /* NULL is allowed */

#endif
