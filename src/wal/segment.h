/* A segment: a file of the log.  One page of header, then frames, then zeros.
 * Bytes: docs/formats/wal.md.  one thread, each value. */
#ifndef TIDAL_WAL_SEGMENT_H
#define TIDAL_WAL_SEGMENT_H

#include "os/disk.h"
#include "wal/dedup.h"
#include "wal/frame.h"

#define SEGMENT_FORMAT       1
#define SEGMENT_HEADER_BYTES 192 /* of the page; the rest is zero */

struct segment_header {
    uint64_t number;
    uint64_t first_lsn;
    uint8_t database_id[16];
    uint8_t chain[FRAME_CHAIN_BYTES]; /* of the last frame before it that counts */
    uint64_t oldest_lsn;              /* the log had to hold it when this was made */
    int64_t created_ms;
    uint64_t segment_bytes;
    uint64_t durable_lsn; /* this file's existence proves it */
    struct dedup_state dedup;
    int64_t last_time_ms; /* of the last frame of entries before it */
    uint64_t torn_bytes;  /* given up when recovery made it, and where they were; 0: none */
    uint64_t torn_segment;
    uint64_t torn_offset;
};

void segment_header_encode(const struct segment_header *header, uint8_t page[FRAME_PAGE_BYTES]);
/* CORRUPT, or VERSION for a format of the future.  `name` is for the message. */
MUST_USE enum code segment_header_decode(struct slice bytes, const char *name,
                                         struct segment_header *header, struct error *error);

/* `directory`/00000000000000000007.wal, or .tmp. */
void segment_path(char out[DISK_PATH_BYTES], const char *directory, uint64_t number,
                  bool temporary);
enum segment_name { SEGMENT_NAME_OTHER, SEGMENT_NAME_WAL, SEGMENT_NAME_TEMPORARY };
enum segment_name segment_name_parse(const char *name, uint64_t *number);

/* Makes a file of `bytes` zeros at `path` (over one that exists) and syncs nothing. */
MUST_USE enum code segment_file_create(struct disk *disk, const char *path, uint64_t bytes,
                                       struct disk_file **file, struct error *error);

/* Bytes of a segment, read ahead; from a file, or from memory. */
struct segment_reader {
    struct memory *memory;  /* lent until segment_reader_release */
    struct disk_file *file; /* owned; NULL: all bytes are in `buffer`, which is lent */
    uint64_t file_bytes;
    uint8_t *owned;
    size_t capacity;
    struct slice buffer;
    uint64_t buffer_offset;
};

MUST_USE enum code segment_reader_open(struct segment_reader *reader, struct disk *disk,
                                       const char *path, struct memory *memory,
                                       struct error *error);
void segment_reader_of_bytes(struct segment_reader *reader, struct slice bytes,
                             struct memory *memory);
void segment_reader_release(struct segment_reader *reader);
/* What was read ahead may have been written since: the next read goes to the file. */
void segment_reader_forget(struct segment_reader *reader);
/* Lends [offset, offset + bytes) until the next read; shorter at the file's end. */
MUST_USE enum code segment_read(struct segment_reader *reader, uint64_t offset, size_t bytes,
                                struct slice *out, struct error *error);
/* Decodes what may be a frame at `offset`; *found is false if there is none that is whole. */
MUST_USE enum code segment_read_frame(struct segment_reader *reader, uint64_t offset,
                                      struct frame *frame, bool *found, struct error *error);

/* Follows the chain of frames through one segment. */
struct segment_walk {
    struct segment_reader *reader; /* lent */
    uint64_t number;
    uint64_t offset; /* of the next frame */
    uint64_t next_lsn;
    uint8_t chain[FRAME_CHAIN_BYTES];
};

void segment_walk_init(struct segment_walk *walk, struct segment_reader *reader,
                       const struct segment_header *header);
/* The next frame of the chain; *found is false where it ends, for whatever reason.  CORRUPT: the
 * frame is whole and in place, and its body is nonsense. */
MUST_USE enum code segment_walk_next(struct segment_walk *walk, struct frame *frame, bool *found,
                                     struct error *error);

#endif
