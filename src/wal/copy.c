/* A copy of an open log, as it is durable at one moment, while others append.
 *
 * Segments are copied byte by byte, so that hashes and chain are those of the log: whole frames
 * that say nothing of entries behind that moment, then zeros.  What is read later than it was
 * listed may have grown meanwhile; a frame that knows more than the moment knew would prove entries
 * that the copy has not, so the copy ends before it. */
#include "wal/wal_private.h"

#include <inttypes.h>

struct log_copy {
    struct wal *wal;
    struct disk *disk; /* to */
    const char *directory;
    struct live_segment *segments; /* as listed */
    size_t segment_count;
    size_t segment_capacity;
    uint64_t durable_lsn; /* at the moment */
    uint64_t next_lsn;    /* behind what was copied */
    bool ended;
};

/* Lock held. */
static enum code list(struct log_copy *copy, struct error *error)
{
    struct wal *wal = copy->wal;
    size_t bytes = wal->segment_count * sizeof(*copy->segments);
    copy->durable_lsn = atomic_load(&wal->durable_lsn);
    if (!memory_grow(wal->memory, (void **)&copy->segments, &copy->segment_capacity,
                     wal->segment_count, sizeof(*copy->segments), SIZE_MAX / 64)) {
        return error_no_memory(error, AREA_WAL, bytes);
    }
    memcpy(copy->segments, wal->segments, bytes);
    copy->segment_count = wal->segment_count;
    return pin_add(wal, copy->segments[0].first_lsn, error);
}

static bool knows_more(const struct log_copy *copy, const struct frame *frame)
{
    return frame->first_lsn + frame->count - 1 > copy->durable_lsn ||
           frame->durable_lsn > copy->durable_lsn;
}

static enum code copy_bytes(struct segment_reader *reader, uint64_t offset, size_t bytes,
                            struct disk_file *to, struct error *error)
{
    struct slice part;
    enum code code = segment_read(reader, offset, bytes, &part, error);
    return code == CODE_OK ? disk_write(to, offset, part.data, part.bytes, error) : code;
}

static enum code copy_frames(struct log_copy *copy, struct segment_walk *walk, struct disk_file *to,
                             struct error *error)
{
    struct frame frame;
    enum code code;
    for (;;) {
        uint64_t offset = walk->offset;
        bool found;
        TRY(segment_walk_next(walk, &frame, &found, error));
        copy->ended = found && knows_more(copy, &frame);
        if (!found || copy->ended) break;
        TRY(copy_bytes(walk->reader, offset, frame.length, to, error));
        copy->next_lsn = walk->next_lsn;
    }
out:
    return code;
}

static enum code make_file(struct log_copy *copy, struct segment_reader *reader,
                           const struct segment_header *header, struct error *error)
{
    char path[DISK_PATH_BYTES];
    struct disk_file *to = NULL;
    struct segment_walk walk;
    enum code code;
    segment_path(path, copy->directory, header->number, false);
    TRY(disk_create(copy->disk, path, &to, error));
    TRY(disk_truncate(to, header->segment_bytes, error));
    TRY(copy_bytes(reader, 0, FRAME_PAGE_BYTES, to, error));
    segment_walk_init(&walk, reader, header);
    TRY(copy_frames(copy, &walk, to, error));
    code = disk_sync(to, error);
out:
    disk_close(to);
    return code;
}

static enum code copy_segment(struct log_copy *copy, uint64_t number, struct error *error)
{
    char path[DISK_PATH_BYTES];
    struct segment_reader reader = {0};
    struct segment_header header;
    struct slice bytes;
    enum code code;
    segment_path(path, copy->wal->directory, number, false);
    TRY(segment_reader_open(&reader, copy->wal->disk, path, copy->wal->memory, error));
    TRY(segment_read(&reader, 0, SEGMENT_HEADER_BYTES, &bytes, error));
    TRY(segment_header_decode(bytes, path, &header, error));
    copy->ended = header.durable_lsn > copy->durable_lsn;
    if (!copy->ended) code = make_file(copy, &reader, &header, error);
out:
    segment_reader_release(&reader);
    return code;
}

enum code wal_copy(struct wal *wal, struct disk *disk, const char *directory, uint64_t *last_lsn,
                   struct error *error)
{
    struct log_copy copy = {.wal = wal, .disk = disk, .directory = directory};
    mutex_lock(&wal->lock);
    enum code code = list(&copy, error);
    mutex_unlock(&wal->lock);
    if (code != CODE_OK) goto out;
    copy.next_lsn = copy.segments[0].first_lsn;
    for (size_t i = 0; i < copy.segment_count && code == CODE_OK && !copy.ended; i++)
        code = copy_segment(&copy, copy.segments[i].number, error);
    wal_unpin(wal, copy.segments[0].first_lsn);
    if (code == CODE_OK && copy.next_lsn <= copy.durable_lsn) {
        code = error_set(error, CODE_CORRUPT, AREA_WAL,
                         "the log is damaged at LSN %" PRIu64 ": %" PRIu64 " was durable",
                         copy.next_lsn, copy.durable_lsn);
        error_hint(error, "close the database and check it");
    }
    if (code == CODE_OK) code = disk_sync_directory(disk, directory, error);
    *last_lsn = copy.next_lsn - 1;
out:
    memory_free(wal->memory, copy.segments, copy.segment_capacity * sizeof(*copy.segments));
    return code;
}
