/* Reading along an open log, one entry at a time.
 *
 * What is durable is in the files, whole, so a frame that does not decode was read ahead of its
 * time: it is read anew.  The list of segments is looked at where one ends, and the reader's pin
 * moves on then; between two looks a segment may only be added behind the last one. */
#include "wal/wal_private.h"

#include <inttypes.h>

struct wal_reader {
    struct wal *wal;
    uint64_t next_lsn; /* of the next entry to give */
    uint64_t pin_lsn;
    bool is_open; /* `bytes` is the segment `number` */
    uint64_t number;
    uint64_t end_lsn; /* first LSN of the next segment; UINT64_MAX: this is the last */
    struct segment_reader bytes;
    struct segment_walk walk;
    struct frame frame; /* being given; count 0: none */
    size_t position;
    uint32_t index;
    char path[DISK_PATH_BYTES];
};

enum code wal_reader_open(struct wal *wal, uint64_t from_lsn, struct wal_reader **opened,
                          struct error *error)
{
    struct wal_reader *reader = memory_allocate_zeroed(wal->memory, sizeof *reader);
    *opened = NULL;
    if (!reader) return error_no_memory(error, AREA_WAL, sizeof *reader);
    reader->wal = wal;
    reader->next_lsn = reader->pin_lsn = from_lsn > 0 ? from_lsn : 1;
    enum code code = wal_pin(wal, reader->pin_lsn, error);
    if (code != CODE_OK) {
        memory_free(wal->memory, reader, sizeof *reader);
        return code;
    }
    *opened = reader;
    return CODE_OK;
}

void wal_reader_close(struct wal_reader *reader)
{
    if (!reader) return;
    wal_unpin(reader->wal, reader->pin_lsn);
    if (reader->is_open) segment_reader_release(&reader->bytes);
    memory_free(reader->wal->memory, reader, sizeof *reader);
}

/* The segment with the next entry; the pin moves on to it.  Returns its number. */
static uint64_t locate(struct wal_reader *reader)
{
    struct wal *wal = reader->wal;
    size_t i = 0;
    mutex_lock(&wal->lock);
    while (i + 1 < wal->segment_count && wal->segments[i + 1].first_lsn <= reader->next_lsn)
        i++;
    uint64_t number = wal->segments[i].number;
    reader->end_lsn = i + 1 < wal->segment_count ? wal->segments[i + 1].first_lsn : UINT64_MAX;
    pin_move(wal, reader->pin_lsn, reader->next_lsn);
    reader->pin_lsn = reader->next_lsn;
    mutex_unlock(&wal->lock);
    return number;
}

/* A log that another process writes may have lost the file since it was opened here. */
static enum code gone(const struct wal_reader *reader, enum code code, struct error *error)
{
    if (code != CODE_NOT_FOUND || !reader->wal->read_only) return code;
    error_set(error, CODE_NOT_RETAINED, AREA_WAL,
              "LSN %" PRIu64 " is not in the log any more: the process that writes it let it go",
              reader->next_lsn);
    error_hint(error, "open the database again");
    return CODE_NOT_RETAINED;
}

static enum code open_segment(struct wal_reader *reader, uint64_t number, struct error *error)
{
    struct wal *wal = reader->wal;
    struct segment_header header;
    struct slice bytes;
    enum code code;
    if (reader->is_open) segment_reader_release(&reader->bytes);
    reader->is_open = true;
    reader->number = number;
    segment_path(reader->path, wal->directory, number, false);
    code = segment_reader_open(&reader->bytes, wal->disk, reader->path, wal->memory, error);
    if (code != CODE_OK) return gone(reader, code, error);
    TRY(segment_read(&reader->bytes, 0, SEGMENT_HEADER_BYTES, &bytes, error));
    TRY(segment_header_decode(bytes, reader->path, &header, error));
    segment_walk_init(&reader->walk, &reader->bytes, &header);
out:
    return code;
}

/* The frame that comes next in the segments, of whatever kind. */
static enum code next_frame(struct wal_reader *reader, struct error *error)
{
    enum code code = CODE_OK;
    bool found = false;
    for (int attempt = 0; attempt < 2 && !found; attempt++) {
        if (!reader->is_open || attempt > 0 || reader->walk.next_lsn >= reader->end_lsn) {
            uint64_t number = locate(reader);
            if (!reader->is_open || number != reader->number) {
                TRY(open_segment(reader, number, error));
            } else {
                segment_reader_forget(&reader->bytes);
            }
        }
        TRY(segment_walk_next(&reader->walk, &reader->frame, &found, error));
    }
    if (!found) {
        code =
            error_set(error, CODE_CORRUPT, AREA_WAL, "the log is damaged in '%s' at LSN %" PRIu64,
                      reader->path, reader->walk.next_lsn);
        error_at(error, reader->walk.offset);
    }
out:
    if (code != CODE_OK || reader->frame.kind != FRAME_ENTRIES) reader->frame.count = 0;
    reader->position = 0;
    reader->index = 0;
    return code;
}

enum code wal_reader_next(struct wal_reader *reader, uint64_t to_lsn, struct wal_entry *entry,
                          bool *found, struct error *error)
{
    *found = false;
    while (reader->next_lsn <= to_lsn) {
        if (reader->frame.count > 0 &&
            entry_next(&reader->frame, &reader->position, &reader->index, entry)) {
            if (entry->lsn < reader->next_lsn) continue;
            reader->next_lsn = entry->lsn + 1;
            *found = true;
            return CODE_OK;
        }
        enum code code = next_frame(reader, error);
        if (code != CODE_OK) return code;
    }
    return CODE_OK;
}

enum code wal_wait_durable(struct wal *wal, uint64_t lsn, uint32_t timeout_ms, bool *durable,
                           struct error *error)
{
    int64_t deadline_ns = clock_monotonic_ns(clock_system()) + (int64_t)timeout_ms * 1000000;
    mutex_lock(&wal->lock);
    while (atomic_load(&wal->durable_lsn) < lsn && !wal->failed) {
        if (!condition_wait_until(&wal->untaken, &wal->lock, deadline_ns)) break;
    }
    *durable = atomic_load(&wal->durable_lsn) >= lsn;
    enum code code = wal->failed && !*durable ? wal_check_writable(wal, error) : CODE_OK;
    mutex_unlock(&wal->lock);
    return code;
}
