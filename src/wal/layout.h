/* Where the next entry goes: in the open frame, a new one, or a new segment.  Decided when an entry
 * is appended, long before it is written, so that room on the disk is made sure of before it gets
 * its LSN.  A plain value: a dry run works on a copy.  Pure; any thread. */
#ifndef TIDAL_WAL_LAYOUT_H
#define TIDAL_WAL_LAYOUT_H

#include "wal/frame.h"

#define LAYOUT_FIRST_SEGMENT_BYTES ((uint64_t)4 << 20)
#define LAYOUT_FRAME_FULL_BYTES    ((uint64_t)256 << 10)
/* Pages at a segment's end that entries leave free; marks leave one less, checkpoints two. */
#define LAYOUT_RESERVED_PAGES 3

enum layout_place { LAYOUT_SAME_FRAME, LAYOUT_NEW_FRAME, LAYOUT_NEW_SEGMENT };

struct layout {
    uint64_t full_segment_bytes; /* of segments once they have grown */
    uint64_t first_segment;      /* number of this session's first: it and the next ones grow */
    uint64_t first_segment_bytes;
    uint32_t frame_entries; /* of a frame at most */

    uint64_t segment;       /* number of the one that is filled */
    uint64_t segment_bytes; /* its size */
    uint64_t offset;        /* of the open frame, or of the next one */
    uint64_t open_bytes;    /* of the open frame, header included; 0: none is open */
    uint32_t open_entries;
};

/* The size of the segment of that number: small at first, so that opening is quick. */
uint64_t layout_segment_bytes(const struct layout *layout, uint64_t segment);
/* The longest body a frame may have. */
uint64_t layout_body_maximum(const struct layout *layout);
/* Places `count` entries of `bytes` together, which must stay in one frame. */
enum layout_place layout_place_entries(struct layout *layout, uint64_t bytes, uint32_t count);
/* Places a control frame with a body of `bytes`, leaving `reserved_pages`; never LAYOUT_SAME_FRAME.
 * The caller closes it. */
enum layout_place layout_place_control(struct layout *layout, uint64_t bytes,
                                       unsigned reserved_pages);
/* The open frame takes nothing more. */
void layout_close_frame(struct layout *layout);

#endif
