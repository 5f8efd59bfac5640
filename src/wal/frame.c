/* Frames and entries, to bytes and back.
 *
 *    off size                                      off size
 *      0    4  length, no padding                    0    4  payload length
 *      4    2  kind                                  4    2  type
 *      6    2  count                                 6    2  flags
 *      8    8  first LSN                             8   16  identity
 *     16    8  segment number                       24    n  payload, zeros up to 8 bytes
 *     24    8  durable LSN
 *     32    8  time, ms
 *     40    8  0
 *     48   16  chain: first half of the previous frame's hash
 *     64   32  BLAKE3-256 of `length` bytes, this field as zeros
 *
 * The hash says that a frame is whole, the chain that none is missing before it, the segment number
 * that it was written for this file.  durable LSN is the log's evidence: a frame that says 90 tells
 * recovery that entries up to 90 had been acknowledged, so that their absence is damage and not a
 * torn tail. */
#include "wal/frame.h"

#include "os/threads.h"

#include <assert.h>
#include <blake3.h>

static pthread_once_t hash_once = PTHREAD_ONCE_INIT;

/* BLAKE3 looks for the processor's features at its first hash, without a lock. */
static void hash_something(void)
{
    blake3_hasher hasher;
    uint8_t out[FRAME_HASH_BYTES];
    blake3_hasher_init(&hasher);
    blake3_hasher_update(&hasher, "", 0);
    blake3_hasher_finalize(&hasher, out, sizeof(out));
}

static void hash_begin(blake3_hasher *hasher)
{
    pthread_once(&hash_once, hash_something);
    blake3_hasher_init(hasher);
}

void frame_hash(struct slice bytes, uint8_t out[FRAME_HASH_BYTES])
{
    blake3_hasher hasher;
    hash_begin(&hasher);
    blake3_hasher_update(&hasher, bytes.data, bytes.bytes);
    blake3_hasher_finalize(&hasher, out, FRAME_HASH_BYTES);
}

void wal_content_identity(uint16_t type, struct slice payload, uint8_t out[WAL_IDENTITY_BYTES])
{
    static const char domain[] = "tidal.event.1";
    uint8_t type_bytes[2];
    blake3_hasher hasher;
    store_u16(type_bytes, type);
    hash_begin(&hasher);
    blake3_hasher_update(&hasher, domain, sizeof(domain) - 1);
    blake3_hasher_update(&hasher, type_bytes, sizeof(type_bytes));
    if (payload.bytes > 0) blake3_hasher_update(&hasher, payload.data, payload.bytes);
    blake3_hasher_finalize(&hasher, out, WAL_IDENTITY_BYTES);
}

static void hash_of_frame(const uint8_t *at, uint32_t length, uint8_t out[FRAME_HASH_BYTES])
{
    static const uint8_t zeros[FRAME_HASH_BYTES];
    blake3_hasher hasher;
    uint8_t header[FRAME_HEADER_BYTES];
    memcpy(header, at, 64);
    memcpy(header + 64, zeros, sizeof(zeros));
    hash_begin(&hasher);
    blake3_hasher_update(&hasher, header, sizeof(header));
    if (length > FRAME_HEADER_BYTES) {
        blake3_hasher_update(&hasher, at + FRAME_HEADER_BYTES, length - FRAME_HEADER_BYTES);
    }
    blake3_hasher_finalize(&hasher, out, FRAME_HASH_BYTES);
}

void frame_seal(struct frame *frame, uint8_t *at)
{
    assert(frame->length >= FRAME_HEADER_BYTES && frame->length <= FRAME_MAXIMUM_BYTES);
    store_u32(at, frame->length);
    store_u16(at + 4, frame->kind);
    store_u16(at + 6, frame->count);
    store_u64(at + 8, frame->first_lsn);
    store_u64(at + 16, frame->segment);
    store_u64(at + 24, frame->durable_lsn);
    store_u64(at + 32, (uint64_t)frame->time_ms);
    store_u64(at + 40, 0);
    memcpy(at + 48, frame->chain, FRAME_CHAIN_BYTES);
    hash_of_frame(at, frame->length, frame->hash);
    memcpy(at + 64, frame->hash, FRAME_HASH_BYTES);
}

uint32_t frame_length(struct slice bytes)
{
    if (bytes.bytes < FRAME_HEADER_BYTES) return 0;
    uint32_t length = load_u32(bytes.data);
    return length >= FRAME_HEADER_BYTES && length <= FRAME_MAXIMUM_BYTES ? length : 0;
}

bool frame_decode(struct slice bytes, struct frame *frame)
{
    uint32_t length = frame_length(bytes);
    if (length == 0 || length > bytes.bytes) return false;
    uint8_t hash[FRAME_HASH_BYTES];
    hash_of_frame(bytes.data, length, hash);
    if (memcmp(hash, bytes.data + 64, sizeof(hash)) != 0) return false;
    frame->length = length;
    frame->kind = load_u16(bytes.data + 4);
    frame->count = load_u16(bytes.data + 6);
    frame->first_lsn = load_u64(bytes.data + 8);
    frame->segment = load_u64(bytes.data + 16);
    frame->durable_lsn = load_u64(bytes.data + 24);
    frame->time_ms = (int64_t)load_u64(bytes.data + 32);
    memcpy(frame->chain, bytes.data + 48, FRAME_CHAIN_BYTES);
    memcpy(frame->hash, hash, sizeof(hash));
    frame->body = slice_of(bytes.data + FRAME_HEADER_BYTES, length - FRAME_HEADER_BYTES);
    return true;
}

void entry_encode(const struct wal_record *record, uint8_t *at)
{
    size_t payload_bytes = record->payload.bytes;
    size_t padding = entry_bytes(payload_bytes) - ENTRY_HEADER_BYTES - payload_bytes;
    store_u32(at, (uint32_t)payload_bytes);
    store_u16(at + 4, record->type);
    store_u16(at + 6, record->flags);
    memcpy(at + 8, record->identity, WAL_IDENTITY_BYTES);
    if (payload_bytes > 0) memcpy(at + ENTRY_HEADER_BYTES, record->payload.data, payload_bytes);
    memset(at + ENTRY_HEADER_BYTES + payload_bytes, 0, padding);
}

bool entry_next(const struct frame *frame, size_t *position, uint32_t *index,
                struct wal_entry *entry)
{
    size_t left = frame->body.bytes - *position;
    if (*index >= frame->count || left < ENTRY_HEADER_BYTES) return false;
    const uint8_t *at = frame->body.data + *position;
    size_t payload_bytes = load_u32(at);
    if (payload_bytes > WAL_PAYLOAD_MAXIMUM_BYTES || entry_bytes(payload_bytes) > left) {
        return false;
    }
    entry->lsn = frame->first_lsn + *index;
    entry->time_ms = frame->time_ms;
    entry->type = load_u16(at + 4);
    entry->flags = load_u16(at + 6);
    memcpy(entry->identity, at + 8, WAL_IDENTITY_BYTES);
    entry->payload = slice_of(at + ENTRY_HEADER_BYTES, payload_bytes);
    *position += entry_bytes(payload_bytes);
    *index += 1;
    return true;
}

static bool entries_fill(const struct frame *frame)
{
    struct wal_entry entry;
    size_t position = 0;
    uint32_t index = 0;
    while (entry_next(frame, &position, &index, &entry)) {
    }
    return frame->count > 0 && index == frame->count && position == frame->body.bytes &&
           frame->first_lsn > 0 && frame->first_lsn <= UINT64_MAX - FRAME_COUNT_MAXIMUM;
}

bool frame_well_formed(const struct frame *frame)
{
    if (!frame_time_is_sane(frame->time_ms)) return false;
    switch (frame->kind) {
    case FRAME_ENTRIES:
        return entries_fill(frame);
    case FRAME_CHECKPOINT:
        return frame->count == 0 && frame->body.bytes == CHECKPOINT_BYTES;
    case FRAME_MARK:
    case FRAME_CLOSE:
        return frame->count == 0 && frame->body.bytes == 0;
    default:
        return false;
    }
}

void checkpoint_encode(const struct frame_checkpoint *checkpoint, uint8_t at[CHECKPOINT_BYTES])
{
    store_u64(at, checkpoint->applied_lsn);
    store_u64(at + 8, checkpoint->oldest_lsn);
}

struct frame_checkpoint checkpoint_decode(const struct frame *frame)
{
    assert(frame->kind == FRAME_CHECKPOINT && frame->body.bytes == CHECKPOINT_BYTES);
    return (struct frame_checkpoint){load_u64(frame->body.data), load_u64(frame->body.data + 8)};
}
