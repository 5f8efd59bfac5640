/* What is whole of a damaged log: every frame whose hash is right, wherever it lies.
 *
 * The chain is not asked: it ends at the damage, and what lies behind was as true as what lies
 * before.  But a segment that recovery made stands for the tail of the one before it, so entries of
 * a segment count only below the first LSN of the next one whose header is whole. */
#include "wal/segment.h"

#define SEGMENTS_MAXIMUM ((size_t)1 << 20)

struct candidate {
    uint64_t number;
    uint64_t first_lsn; /* as its header says; 0: that is damaged */
};

struct salvage {
    const struct wal_salvage_options *options;
    struct candidate *candidates; /* by number */
    size_t count;
    size_t capacity;
    uint64_t next_lsn; /* 0: no entry was found yet */
    uint64_t proved_lsn;
    uint64_t damaged_segment; /* where, since the last whole entry; 0: nothing is known to be */
    uint64_t damaged_offset;
    uint8_t database_id[16]; /* of the first header that is whole */
    bool has_database_id;
};

static void note_damage(struct salvage *salvage, uint64_t segment, uint64_t offset)
{
    if (salvage->damaged_segment != 0) return;
    salvage->damaged_segment = segment;
    salvage->damaged_offset = offset;
}

static void note_proved(struct salvage *salvage, uint64_t durable_lsn)
{
    if (durable_lsn > salvage->proved_lsn) salvage->proved_lsn = durable_lsn;
}

/* --- Which files there are --- */

static bool is_of_this_log(struct salvage *salvage, const struct segment_header *header)
{
    if (!salvage->has_database_id) {
        memcpy(salvage->database_id, header->database_id, sizeof salvage->database_id);
        salvage->has_database_id = true;
    }
    return memcmp(salvage->database_id, header->database_id, sizeof salvage->database_id) == 0;
}

static enum code open_segment(const struct salvage *salvage, uint64_t number,
                              char path[DISK_PATH_BYTES], struct segment_reader *reader,
                              struct error *error)
{
    segment_path(path, salvage->options->directory, number, false);
    return segment_reader_open(reader, salvage->options->disk, path, salvage->options->memory,
                               error);
}

/* A damaged header does not make the frames behind it less true; another log's does. */
static enum code read_header(struct salvage *salvage, struct candidate *candidate, bool *is_ours,
                             struct error *error)
{
    char path[DISK_PATH_BYTES];
    struct segment_reader reader = {0};
    struct segment_header header;
    struct slice bytes;
    enum code code;
    *is_ours = true;
    TRY(open_segment(salvage, candidate->number, path, &reader, error));
    TRY(segment_read(&reader, 0, SEGMENT_HEADER_BYTES, &bytes, error));
    code = segment_header_decode(bytes, path, &header, error);
    if (code == CODE_OK && header.number == candidate->number) {
        *is_ours = is_of_this_log(salvage, &header);
        candidate->first_lsn = header.first_lsn;
        if (*is_ours) note_proved(salvage, header.durable_lsn);
    }
    if (code == CODE_CORRUPT) code = CODE_OK;
out:
    segment_reader_release(&reader);
    return code;
}

static enum code list_candidates(struct salvage *salvage, struct error *error)
{
    struct memory *memory = salvage->options->memory;
    struct disk_names names = {.memory = memory};
    enum code code;
    TRY(disk_list(salvage->options->disk, salvage->options->directory, memory, &names, error));
    if (!memory_grow(memory, (void **)&salvage->candidates, &salvage->capacity, names.count + 1,
                     sizeof *salvage->candidates, SEGMENTS_MAXIMUM)) {
        code = error_no_memory(error, AREA_WAL, names.count * sizeof *salvage->candidates);
        goto out;
    }
    /* Names are in byte order, and a segment's has its number in 20 digits. */
    for (size_t i = 0; i < names.count; i++) {
        struct candidate candidate = {0};
        bool is_ours;
        if (segment_name_parse(names.names[i], &candidate.number) != SEGMENT_NAME_WAL) continue;
        TRY(read_header(salvage, &candidate, &is_ours, error));
        if (is_ours) salvage->candidates[salvage->count++] = candidate;
    }
out:
    disk_names_release(&names);
    return code;
}

/* Where the entries of a segment end: another one stands for what it has from there on. */
static uint64_t end_lsn(const struct salvage *salvage, size_t index)
{
    uint64_t end = UINT64_MAX;
    for (size_t i = index + 1; i < salvage->count; i++) {
        uint64_t first = salvage->candidates[i].first_lsn;
        if (first > 0 && first < end) end = first;
    }
    return end;
}

/* --- What they hold --- */

static enum code meet_entry(struct salvage *salvage, const struct wal_entry *entry,
                            struct error *error)
{
    const struct wal_salvage_options *options = salvage->options;
    if (entry->lsn < salvage->next_lsn) return CODE_OK;
    if (salvage->next_lsn > 0 && entry->lsn > salvage->next_lsn) {
        struct wal_gap gap = {salvage->next_lsn, entry->lsn - 1, salvage->damaged_segment,
                              salvage->damaged_offset};
        enum code code = options->lost(options->context, &gap, error);
        if (code != CODE_OK) return code;
    }
    salvage->damaged_segment = 0;
    salvage->next_lsn = entry->lsn + 1;
    return options->visit(options->context, entry, error);
}

static enum code meet_frame(struct salvage *salvage, const struct frame *frame, uint64_t end,
                            struct error *error)
{
    struct wal_entry entry;
    size_t position = 0;
    uint32_t index = 0;
    note_proved(salvage, frame->durable_lsn);
    if (frame->kind != FRAME_ENTRIES) return CODE_OK;
    while (entry_next(frame, &position, &index, &entry)) {
        enum code code = entry.lsn < end ? meet_entry(salvage, &entry, error) : CODE_OK;
        if (code != CODE_OK) return code;
    }
    return CODE_OK;
}

static bool all_zero(struct slice bytes)
{
    for (size_t i = 0; i < bytes.bytes; i++)
        if (bytes.data[i] != 0) return false;
    return true;
}

static enum code read_segment(struct salvage *salvage, size_t index, struct error *error)
{
    const struct candidate *candidate = &salvage->candidates[index];
    char path[DISK_PATH_BYTES];
    struct segment_reader reader = {0};
    uint64_t at = FRAME_PAGE_BYTES, end = end_lsn(salvage, index);
    enum code code;
    TRY(open_segment(salvage, candidate->number, path, &reader, error));
    while (at < reader.file_bytes) {
        struct slice page;
        struct frame frame;
        bool found = false;
        TRY(segment_read(&reader, at, FRAME_PAGE_BYTES, &page, error));
        bool is_empty = all_zero(page);
        if (!is_empty) TRY(segment_read_frame(&reader, at, &frame, &found, error));
        if (found && frame.segment == candidate->number && frame_well_formed(&frame)) {
            TRY(meet_frame(salvage, &frame, end, error));
            at += frame_padded(frame.length);
        } else {
            if (!is_empty) note_damage(salvage, candidate->number, at);
            at += FRAME_PAGE_BYTES;
        }
    }
out:
    segment_reader_release(&reader);
    return code;
}

enum code wal_salvage(const struct wal_salvage_options *options, uint64_t *proved_lsn,
                      struct error *error)
{
    struct salvage salvage = {.options = options};
    enum code code;
    TRY(list_candidates(&salvage, error));
    for (size_t i = 0; i < salvage.count; i++)
        TRY(read_segment(&salvage, i, error));
    if (salvage.next_lsn > 0 && salvage.proved_lsn >= salvage.next_lsn) {
        struct wal_gap gap = {salvage.next_lsn, salvage.proved_lsn, salvage.damaged_segment,
                              salvage.damaged_offset};
        code = options->lost(options->context, &gap, error);
    }
out:
    *proved_lsn = salvage.proved_lsn;
    memory_free(options->memory, salvage.candidates, salvage.capacity * sizeof *salvage.candidates);
    return code;
}
