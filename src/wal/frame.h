/* A frame: the unit that is written, hashed and chained.  A group of entries, or a word of control.
 * Bytes: docs/formats/wal.md.  Pure; any thread. */
#ifndef TIDAL_WAL_FRAME_H
#define TIDAL_WAL_FRAME_H

#include "wal/wal.h"

#define FRAME_PAGE_BYTES    4096 /* frames begin at multiples of it */
#define FRAME_HEADER_BYTES  96
#define FRAME_MAXIMUM_BYTES ((uint32_t)4 << 20)
#define FRAME_HASH_BYTES    32
#define FRAME_CHAIN_BYTES   16
#define FRAME_COUNT_MAXIMUM 65535
#define ENTRY_HEADER_BYTES  24
#define CHECKPOINT_BYTES    16

enum frame_kind { FRAME_ENTRIES = 1, FRAME_CHECKPOINT, FRAME_MARK, FRAME_CLOSE };

struct frame {
    uint32_t length; /* header and body, no padding */
    uint16_t kind;
    uint16_t count;     /* entries; 0 unless FRAME_ENTRIES */
    uint64_t first_lsn; /* of its first entry, or of the next entry to come */
    uint64_t segment;
    uint64_t durable_lsn; /* known durable when it was made */
    int64_t time_ms;
    uint8_t chain[FRAME_CHAIN_BYTES]; /* of the frame before */
    uint8_t hash[FRAME_HASH_BYTES];   /* its first FRAME_CHAIN_BYTES chain the next frame */
    struct slice body;                /* of decoding: lent from the bytes decoded */
};

struct frame_checkpoint {
    uint64_t applied_lsn;
    uint64_t oldest_lsn;
};

/* Bytes up to the next page. */
static inline uint64_t frame_padded(uint64_t length)
{
    return (length + FRAME_PAGE_BYTES - 1) / FRAME_PAGE_BYTES * FRAME_PAGE_BYTES;
}
/* Bytes of an entry in a frame. */
static inline size_t entry_bytes(size_t payload_bytes)
{
    return ENTRY_HEADER_BYTES + (payload_bytes + 7) / 8 * 8;
}

/* Writes the header, with the hash, in front of a body that is in place behind it; fills
 * frame->hash.  `at` has frame->length bytes. */
void frame_seal(struct frame *frame, uint8_t *at);
/* What a frame at `bytes` says of its length, or 0 if that cannot be one. */
uint32_t frame_length(struct slice bytes);
/* False if the bytes do not begin with a whole frame whose hash is right. */
bool frame_decode(struct slice bytes, struct frame *frame);

/* Writes an entry; `at` has entry_bytes(record->payload.bytes) bytes. */
void entry_encode(const struct wal_record *record, uint8_t *at);
/* Walks a frame's entries: *position and *index start at 0.  False at the end, and where the bytes
 * are no entry (then *index < frame->count). */
bool entry_next(const struct frame *frame, size_t *position, uint32_t *index,
                struct wal_entry *entry);
/* True if its entries fill its body exactly, or its body is that of its kind; and its time is one.
 */
bool frame_well_formed(const struct frame *frame);
/* No clock shows a time so far off, and two that are not have a difference. */
static inline bool frame_time_is_sane(int64_t time_ms)
{
    return time_ms > -(INT64_C(1) << 61) && time_ms < INT64_C(1) << 61;
}

void checkpoint_encode(const struct frame_checkpoint *checkpoint, uint8_t at[CHECKPOINT_BYTES]);
/* `frame` is a well-formed FRAME_CHECKPOINT. */
struct frame_checkpoint checkpoint_decode(const struct frame *frame);

/* BLAKE3-256, safe to call first from several threads at once. */
void frame_hash(struct slice bytes, uint8_t out[FRAME_HASH_BYTES]);

#endif
