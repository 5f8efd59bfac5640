/* Rule 6 of recovery (the rules are in scan.c): the log goes on in a new segment.
 *
 * It begins behind the last frame of entries that is proved durable, and chains to that one: marks
 * behind it may be gone after the next loss of power.  What follows is written again, frame by
 * frame with their times, so that no entry changes by it.  The file has all of it, durably, before
 * it has its name: the name hides the old tail. */
#include "wal/recovery.h"

#include <assert.h>

/* The first frame to write again; frame_used if there is none. */
static size_t first_uncertain(const struct scan *scan)
{
    size_t cut = 0;
    for (size_t i = 0; i < scan->frame_used; i++) {
        const struct scan_frame *frame = &scan->frames[i];
        bool proved = frame->first_lsn + frame->count - 1 <= scan->proved_lsn;
        if (frame->count > 0 && (proved || scan->mutant == WAL_MUTANT_TAIL_NOT_REWRITTEN)) {
            cut = i + 1;
        }
    }
    return cut;
}

static void header_at(const struct scan *scan, size_t cut, struct segment_header *header)
{
    if (scan->last == SIZE_MAX) {
        header->first_lsn = scan->next_lsn;
    } else if (cut < scan->frame_used) {
        const struct scan_frame *frame = &scan->frames[cut];
        header->first_lsn = frame->first_lsn;
        header->dedup = frame->dedup;
        header->last_time_ms = frame->last_time_ms;
        memcpy(header->chain, frame->chain, FRAME_CHAIN_BYTES);
    } else {
        header->first_lsn = scan->next_lsn;
        if (scan->dedup) header->dedup = dedup_state(scan->dedup);
        header->last_time_ms = scan->last_time_ms;
        memcpy(header->chain, scan->chain, FRAME_CHAIN_BYTES);
    }
}

static uint64_t uncertain_bytes(const struct scan *scan, size_t cut)
{
    uint64_t bytes = 0;
    for (size_t i = cut; i < scan->frame_used; i++) {
        if (scan->frames[i].count > 0) bytes += frame_padded(scan->frames[i].length);
    }
    return bytes;
}

/* Copies one frame of the old tail, with its time, into the new segment. */
static enum code rewrite_frame(const struct scan *scan, const struct scan_frame *old,
                               struct segment_reader *reader, struct recovery_segment *segment,
                               struct error *error)
{
    struct frame frame;
    bool found;
    enum code code = segment_read_frame(reader, old->offset, &frame, &found, error);
    if (code != CODE_OK) return code;
    if (!found) {
        error_set(error, CODE_IO, AREA_WAL, "the log reads differently a second time");
        error_at(error, old->offset);
        return CODE_IO;
    }
    uint8_t *copy = memory_allocate(scan->memory, frame.length);
    if (!copy) return error_no_memory(error, AREA_WAL, frame.length);
    memcpy(copy + FRAME_HEADER_BYTES, frame.body.data, frame.body.bytes);
    frame.segment = segment->header.number;
    if (scan->mutant == WAL_MUTANT_TAIL_RETIMED) frame.time_ms = segment->header.created_ms;
    frame.durable_lsn = segment->header.first_lsn - 1;
    memcpy(frame.chain, segment->chain, FRAME_CHAIN_BYTES);
    frame_seal(&frame, copy);
    code = disk_write(segment->file, segment->offset, copy, frame.length, error);
    memory_free(scan->memory, copy, frame.length);
    memcpy(segment->chain, frame.hash, FRAME_CHAIN_BYTES);
    segment->offset += frame_padded(frame.length);
    if (segment->first_time_ms == INT64_MAX) segment->first_time_ms = frame.time_ms;
    segment->rewritten_entries += frame.count;
    return code;
}

static enum code rewrite_tail(const struct scan *scan, size_t cut, struct recovery_segment *segment,
                              struct error *error)
{
    if (cut >= scan->frame_used) return CODE_OK;
    char path[DISK_PATH_BYTES];
    struct segment_reader reader = {0};
    enum code code;
    TRY(scan_open(scan, scan->segments[scan->last].header.number, &reader, path, error));
    for (size_t i = cut; i < scan->frame_used; i++) {
        if (scan->frames[i].count == 0) continue;
        TRY(rewrite_frame(scan, &scan->frames[i], &reader, segment, error));
    }
out:
    segment_reader_release(&reader);
    return code;
}

static enum code write_header(const struct scan *scan, const struct recovery_segment *segment,
                              struct error *error)
{
    uint8_t *page = memory_allocate(scan->memory, FRAME_PAGE_BYTES);
    if (!page) return error_no_memory(error, AREA_WAL, FRAME_PAGE_BYTES);
    segment_header_encode(&segment->header, page);
    enum code code = disk_write(segment->file, 0, page, FRAME_PAGE_BYTES, error);
    memory_free(scan->memory, page, FRAME_PAGE_BYTES);
    return code;
}

/* Rule 6: content, then name, then the directory. */
static enum code make_segment(const struct scan *scan, size_t cut, struct recovery_segment *segment,
                              struct error *error)
{
    char temporary[DISK_PATH_BYTES], path[DISK_PATH_BYTES];
    const struct segment_header *header = &segment->header;
    bool named = scan->mutant == WAL_MUTANT_NO_TEMPORARY_NAME;
    enum code code;
    segment_path(path, scan->directory, header->number, false);
    segment_path(temporary, scan->directory, header->number, !named);
    TRY(segment_file_create(scan->disk, temporary, header->segment_bytes, &segment->file, error));
    TRY(write_header(scan, segment, error));
    if (named) TRY(disk_sync_directory(scan->disk, scan->directory, error));
    TRY(rewrite_tail(scan, cut, segment, error));
    TRY(disk_sync(segment->file, error));
    if (!named) TRY(disk_rename(scan->disk, temporary, path, error));
    if (scan->mutant != WAL_MUTANT_NO_DIRECTORY_SYNC) {
        TRY(disk_sync_directory(scan->disk, scan->directory, error));
    }
out:
    return code;
}

/* Failures leave files that the next opening leaves out again. */
static void remove_file(const struct scan *scan, uint64_t number, bool temporary,
                        uint64_t *removed_files)
{
    char path[DISK_PATH_BYTES];
    struct error ignored;
    segment_path(path, scan->directory, number, temporary);
    if (disk_remove(scan->disk, path, &ignored) == CODE_OK) *removed_files += 1;
}

/* The new segment stands for those that begin where it does.  One with control alone may begin at
 * the same LSN as the one after it: it stays, as the chain runs through it. */
static bool supersedes(const struct segment_header *header, const struct segment_header *old)
{
    return old->first_lsn > header->first_lsn ||
           (old->first_lsn == header->first_lsn &&
            memcmp(old->chain, header->chain, FRAME_CHAIN_BYTES) == 0);
}

static void remove_superseded(struct scan *scan, struct recovery_segment *segment)
{
    struct error ignored;
    for (size_t i = 0; i < scan->temporary_count; i++) {
        remove_file(scan, scan->temporaries[i], true, &segment->removed_files);
    }
    for (size_t i = 0; i < scan->segment_count; i++) {
        struct segment_entry *entry = &scan->segments[i];
        if (entry->valid && supersedes(&segment->header, &entry->header)) entry->removed = true;
        if (entry->removed) remove_file(scan, entry->header.number, false, &segment->removed_files);
    }
    if (segment->removed_files > 0) {
        (void)!disk_sync_directory(scan->disk, scan->directory, &ignored);
    }
}

enum code recovery_begin(struct scan *scan, uint64_t segment_bytes, int64_t now_ms,
                         struct recovery_segment *segment, struct error *error)
{
    size_t cut = first_uncertain(scan);
    assert(scan->database_id);
    /* Behind a cut without entries there is only control, which is not written again. */
    uint64_t tail_bytes = uncertain_bytes(scan, cut);
    uint64_t need = FRAME_PAGE_BYTES + tail_bytes + WAL_SEGMENT_MINIMUM_BYTES;
    *segment = (struct recovery_segment){
        .header = {.number = scan->highest_number + 1,
                   .oldest_lsn = scan->must_lsn,
                   .created_ms = now_ms,
                   .segment_bytes =
                       tail_bytes > 0 && need > segment_bytes ? frame_padded(need) : segment_bytes,
                   .durable_lsn = scan->next_lsn - 1,
                   .torn_bytes = scan->torn_bytes,
                   .torn_segment = scan->torn_segment,
                   .torn_offset = scan->torn_offset},
        .offset = FRAME_PAGE_BYTES,
        .first_time_ms = INT64_MAX};
    memcpy(segment->header.database_id, scan->database_id, sizeof(segment->header.database_id));
    header_at(scan, cut, &segment->header);
    memcpy(segment->chain, segment->header.chain, FRAME_CHAIN_BYTES);
    enum code code = make_segment(scan, cut, segment, error);
    if (code != CODE_OK) {
        disk_close(segment->file);
        segment->file = NULL;
        return code;
    }
    remove_superseded(scan, segment);
    return CODE_OK;
}
