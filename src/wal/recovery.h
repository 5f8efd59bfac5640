/* Going on after a scan: the segment in which the log continues.  one thread. */
#ifndef TIDAL_WAL_RECOVERY_H
#define TIDAL_WAL_RECOVERY_H

#include "wal/scan.h"

/* Where the log goes on. */
struct recovery_segment {
    struct disk_file *file; /* owned by the caller on success */
    struct segment_header header;
    uint64_t offset;       /* of the next frame */
    int64_t first_time_ms; /* of the first frame written again; INT64_MAX: none was */
    uint8_t chain[FRAME_CHAIN_BYTES];
    uint64_t rewritten_entries;
    uint64_t removed_files;
};

/* Makes the segment after all that there are, with the entries that may be in the page cache only
 * written into it once more; then removes what it stands for.  `segment_bytes` at least. */
MUST_USE enum code recovery_begin(struct scan *scan, uint64_t segment_bytes, int64_t now_ms,
                                  struct recovery_segment *segment, struct error *error);

#endif
