/* The page in front of a segment:
 *
 *    off size                          off size
 *      0    8  "TIDALWAL"               80    8  size of the file
 *      8    4  format: 1                88    8  durable LSN
 *     12    4  page size: 4096          96    8  window: first LSN of the previous generation
 *     16    8  segment number          104    8  window: first LSN of the current one
 *     24    8  first LSN               112    8  window: time of its first frame, ms
 *     32   16  database id             120    8  window: identities in it
 *     48   16  chain                   128    8  time of the last frame of entries before, ms
 *     64    8  oldest LSN              136   24  torn bytes given up, their segment, their offset
 *     72    8  created, ms             160   32  BLAKE3-256 of bytes 0..159
 *
 * A segment gets its name only once it is zero-filled, has its header, and both are durable; so a
 * name whose header does not verify means damage, not a crash.  Zeros to the end of the file mean
 * that what follows the last frame, if it is not zero, was written and is torn, or rotten. */
#include "wal/segment.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define READ_AHEAD_BYTES ((size_t)256 << 10)

static const char magic[8] = {'T', 'I', 'D', 'A', 'L', 'W', 'A', 'L'};

void segment_header_encode(const struct segment_header *header, uint8_t page[FRAME_PAGE_BYTES])
{
    memset(page, 0, FRAME_PAGE_BYTES);
    memcpy(page, magic, sizeof(magic));
    store_u32(page + 8, SEGMENT_FORMAT);
    store_u32(page + 12, FRAME_PAGE_BYTES);
    store_u64(page + 16, header->number);
    store_u64(page + 24, header->first_lsn);
    memcpy(page + 32, header->database_id, sizeof(header->database_id));
    memcpy(page + 48, header->chain, FRAME_CHAIN_BYTES);
    store_u64(page + 64, header->oldest_lsn);
    store_u64(page + 72, (uint64_t)header->created_ms);
    store_u64(page + 80, header->segment_bytes);
    store_u64(page + 88, header->durable_lsn);
    store_u64(page + 96, header->dedup.previous_lsn);
    store_u64(page + 104, header->dedup.current_lsn);
    store_u64(page + 112, (uint64_t)header->dedup.current_time_ms);
    store_u64(page + 120, header->dedup.current_count);
    store_u64(page + 128, (uint64_t)header->last_time_ms);
    store_u64(page + 136, header->torn_bytes);
    store_u64(page + 144, header->torn_segment);
    store_u64(page + 152, header->torn_offset);
    frame_hash(slice_of(page, 160), page + 160);
}

static enum code segment_header_check(struct slice bytes, const char *name, struct error *error)
{
    uint8_t hash[FRAME_HASH_BYTES];
    if (bytes.bytes < SEGMENT_HEADER_BYTES || memcmp(bytes.data, magic, sizeof(magic)) != 0) {
        return error_set(error, CODE_CORRUPT, AREA_WAL, "'%s' is no segment of a log", name);
    }
    frame_hash(slice_of(bytes.data, 160), hash);
    if (memcmp(hash, bytes.data + 160, sizeof(hash)) != 0) {
        return error_set(error, CODE_CORRUPT, AREA_WAL, "the header of segment '%s' is damaged",
                         name);
    }
    uint32_t format = load_u32(bytes.data + 8);
    if (format > SEGMENT_FORMAT) {
        enum code code = error_set(error, CODE_VERSION, AREA_WAL,
                                   "segment '%s' has format %" PRIu32 ", newer than %d", name,
                                   format, SEGMENT_FORMAT);
        error_hint(error, "open it with the version of the program that wrote it");
        return code;
    }
    if (format == 0 || load_u32(bytes.data + 12) != FRAME_PAGE_BYTES) {
        return error_set(error, CODE_CORRUPT, AREA_WAL, "the header of segment '%s' makes no sense",
                         name);
    }
    return CODE_OK;
}

enum code segment_header_decode(struct slice bytes, const char *name, struct segment_header *header,
                                struct error *error)
{
    enum code code = segment_header_check(bytes, name, error);
    if (code != CODE_OK) return code;
    const uint8_t *page = bytes.data;
    header->number = load_u64(page + 16);
    header->first_lsn = load_u64(page + 24);
    memcpy(header->database_id, page + 32, sizeof(header->database_id));
    memcpy(header->chain, page + 48, FRAME_CHAIN_BYTES);
    header->oldest_lsn = load_u64(page + 64);
    header->created_ms = (int64_t)load_u64(page + 72);
    header->segment_bytes = load_u64(page + 80);
    header->durable_lsn = load_u64(page + 88);
    header->dedup.previous_lsn = load_u64(page + 96);
    header->dedup.current_lsn = load_u64(page + 104);
    header->dedup.current_time_ms = (int64_t)load_u64(page + 112);
    header->dedup.current_count = load_u64(page + 120);
    header->last_time_ms = (int64_t)load_u64(page + 128);
    header->torn_bytes = load_u64(page + 136);
    header->torn_segment = load_u64(page + 144);
    header->torn_offset = load_u64(page + 152);
    if (header->first_lsn == 0 || header->durable_lsn < header->first_lsn - 1 ||
        !frame_time_is_sane(header->last_time_ms) ||
        !frame_time_is_sane(header->dedup.current_time_ms)) {
        return error_set(error, CODE_CORRUPT, AREA_WAL, "the header of segment '%s' makes no sense",
                         name);
    }
    return CODE_OK;
}

void segment_path(char out[DISK_PATH_BYTES], const char *directory, uint64_t number, bool temporary)
{
    int written = snprintf(out, DISK_PATH_BYTES, "%s/%020" PRIu64 ".%s", directory, number,
                           temporary ? "tmp" : "wal");
    assert(written > 0 && written < DISK_PATH_BYTES);
    (void)written;
}

enum segment_name segment_name_parse(const char *name, uint64_t *number)
{
    uint64_t value = 0;
    if (strlen(name) != 24) return SEGMENT_NAME_OTHER;
    for (size_t i = 0; i < 20; i++) {
        unsigned digit = (unsigned)(unsigned char)name[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10) return SEGMENT_NAME_OTHER;
        value = value * 10 + digit;
    }
    *number = value;
    if (value == 0 || value == UINT64_MAX) return SEGMENT_NAME_OTHER;
    if (strcmp(name + 20, ".wal") == 0) return SEGMENT_NAME_WAL;
    return strcmp(name + 20, ".tmp") == 0 ? SEGMENT_NAME_TEMPORARY : SEGMENT_NAME_OTHER;
}

/* A failed attempt may have left its file. */
static enum code create_anew(struct disk *disk, const char *path, struct disk_file **file,
                             struct error *error)
{
    bool exists;
    enum code code = disk_exists(disk, path, &exists, error);
    if (code == CODE_OK && exists) code = disk_remove(disk, path, error);
    return code == CODE_OK ? disk_create(disk, path, file, error) : code;
}

enum code segment_file_create(struct disk *disk, const char *path, uint64_t bytes,
                              struct disk_file **file, struct error *error)
{
    *file = NULL;
    enum code code = create_anew(disk, path, file, error);
    if (code == CODE_OK) code = disk_write_zeros(*file, 0, bytes, error);
    if (code != CODE_OK && *file) {
        struct error ignored;
        disk_close(*file);
        *file = NULL;
        (void)!disk_remove(disk, path, &ignored);
    }
    return code;
}

enum code segment_reader_open(struct segment_reader *reader, struct disk *disk, const char *path,
                              struct memory *memory, struct error *error)
{
    *reader = (struct segment_reader){.memory = memory};
    enum code code = disk_open(disk, path, DISK_READ_ONLY, &reader->file, error);
    if (code != CODE_OK) return code;
    return disk_size(reader->file, &reader->file_bytes, error);
}

void segment_reader_of_bytes(struct segment_reader *reader, struct slice bytes,
                             struct memory *memory)
{
    *reader = (struct segment_reader){.memory = memory, .file_bytes = bytes.bytes, .buffer = bytes};
}

void segment_reader_release(struct segment_reader *reader)
{
    disk_close(reader->file);
    memory_free(reader->memory, reader->owned, reader->capacity);
    *reader = (struct segment_reader){0};
}

void segment_reader_forget(struct segment_reader *reader)
{
    if (reader->file) reader->buffer = (struct slice){0};
}

static enum code reader_fill(struct segment_reader *reader, uint64_t offset, size_t bytes,
                             struct error *error)
{
    size_t want = bytes > READ_AHEAD_BYTES ? bytes : READ_AHEAD_BYTES;
    if (want > reader->capacity) {
        memory_free(reader->memory, reader->owned, reader->capacity);
        reader->buffer = (struct slice){0};
        reader->capacity = 0;
        reader->owned = memory_allocate(reader->memory, want);
        if (!reader->owned) return error_no_memory(error, AREA_WAL, want);
        reader->capacity = want;
    }
    size_t got = 0;
    enum code code = disk_read(reader->file, offset, reader->owned, reader->capacity, &got, error);
    reader->buffer = slice_of(reader->owned, code == CODE_OK ? got : 0);
    reader->buffer_offset = offset;
    return code;
}

enum code segment_read(struct segment_reader *reader, uint64_t offset, size_t bytes,
                       struct slice *out, struct error *error)
{
    *out = slice_of(NULL, 0);
    if (offset >= reader->file_bytes) return CODE_OK;
    uint64_t left = reader->file_bytes - offset;
    if (bytes > left) bytes = (size_t)left;
    uint64_t end = reader->buffer_offset + reader->buffer.bytes;
    if (reader->file && (offset < reader->buffer_offset || offset + bytes > end)) {
        enum code code = reader_fill(reader, offset, bytes, error);
        if (code != CODE_OK) return code;
        if (bytes > reader->buffer.bytes) bytes = reader->buffer.bytes;
    }
    *out = slice_of(reader->buffer.data + (offset - reader->buffer_offset), bytes);
    return CODE_OK;
}

enum code segment_read_frame(struct segment_reader *reader, uint64_t offset, struct frame *frame,
                             bool *found, struct error *error)
{
    struct slice bytes;
    *found = false;
    enum code code = segment_read(reader, offset, FRAME_HEADER_BYTES, &bytes, error);
    if (code != CODE_OK) return code;
    uint32_t length = frame_length(bytes);
    if (length == 0) return CODE_OK;
    code = segment_read(reader, offset, length, &bytes, error);
    if (code == CODE_OK) *found = frame_decode(bytes, frame);
    return code;
}

void segment_walk_init(struct segment_walk *walk, struct segment_reader *reader,
                       const struct segment_header *header)
{
    *walk = (struct segment_walk){.reader = reader,
                                  .number = header->number,
                                  .offset = FRAME_PAGE_BYTES,
                                  .next_lsn = header->first_lsn};
    memcpy(walk->chain, header->chain, FRAME_CHAIN_BYTES);
}

enum code segment_walk_next(struct segment_walk *walk, struct frame *frame, bool *found,
                            struct error *error)
{
    enum code code = segment_read_frame(walk->reader, walk->offset, frame, found, error);
    if (code != CODE_OK || !*found) return code;
    if (frame->segment != walk->number || frame->first_lsn != walk->next_lsn ||
        memcmp(frame->chain, walk->chain, FRAME_CHAIN_BYTES) != 0) {
        *found = false;
        return CODE_OK;
    }
    if (!frame_well_formed(frame)) {
        *found = false;
        code = error_set(error, CODE_CORRUPT, AREA_WAL,
                         "a frame in segment %" PRIu64 " of the log makes no sense at LSN %" PRIu64,
                         walk->number, walk->next_lsn);
        error_at(error, walk->offset);
        return code;
    }
    walk->offset += frame_padded(frame->length);
    walk->next_lsn += frame->count;
    memcpy(walk->chain, frame->hash, FRAME_CHAIN_BYTES);
    return CODE_OK;
}
