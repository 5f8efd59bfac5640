/* The rules of recovery.
 *
 *  1. Files are taken by number.  *.tmp never had their name: removed.  A segment with a damaged
 *     header is left out, and the chain decides whether anything is missing; but if it is the
 *     newest and has frames, nothing after it could tell: CORRUPT.  A file shorter than its header
 *     says, or the newest if shorter than any segment, is CORRUPT: it had its full size before it
 *     had its name.
 *  2. `must` is the largest "oldest LSN" that the store or a header tells.  Reading begins at the
 *     last segment that begins at or before it; there is none: the head is missing, CORRUPT.
 *     Who has no store to ask takes the newest checkpoint frame's: it is in the log before anything
 *     is removed.
 *  3. The chain is followed: a frame is whole, its segment and first LSN are right, its chain is
 *     the hash of the one before.  The next segment goes on where its header's first LSN and chain
 *     match; that may be before the end of the present one, whose tail it then stands for (rule 6).
 *     A chain that ends with a segment still to come is a gap: CORRUPT.
 *  4. D, the LSN proved durable, is the largest that any whole frame, any header or the store
 *     claims; also the frames behind the end of the chain are asked.  Log ends before D: CORRUPT.
 *  5. What else lies behind the end is torn: never acknowledged.  (Or it was the very last group,
 *     and is rotten, and no later frame tells: said in the report.)
 *  6. The log goes on in a new segment, always.  Entries beyond D may be in the page cache only, or
 *     be pages that a failed sync called clean: they are written again, into the new segment, which
 *     gets its name after it is durable.  Only then do the files that it stands for go.
 *  7. The window of identities is rebuilt on the way, from the state that the first header tells.
 *
 * Rule 6 is carried out by recovery.c, once the others have been satisfied. */
#include "wal/scan.h"

#include <inttypes.h>
#include <stdlib.h>

#define SCAN_MAXIMUM_FILES  ((size_t)1 << 20)
#define SCAN_MAXIMUM_FRAMES ((size_t)1 << 20)

void scan_init(struct scan *scan, struct disk *disk, const char *directory, struct memory *memory)
{
    *scan = (struct scan){.disk = disk,
                          .directory = directory,
                          .memory = memory,
                          .last = SIZE_MAX,
                          .first_lsn = 1,
                          .next_lsn = 1};
}

void scan_release(struct scan *scan)
{
    struct memory *memory = scan->memory;
    memory_free(memory, scan->segments, scan->segment_capacity * sizeof(*scan->segments));
    memory_free(memory, scan->temporaries, scan->temporary_capacity * sizeof(*scan->temporaries));
    memory_free(memory, scan->frames, scan->frame_capacity * sizeof(*scan->frames));
    scan->segments = NULL;
    scan->temporaries = NULL;
    scan->frames = NULL;
}

void scan_report(const struct scan *scan, struct wal_recovery *report)
{
    *report = (struct wal_recovery){.first_lsn = scan->first_lsn,
                                    .last_lsn = scan->next_lsn - 1,
                                    .proved_lsn = scan->proved_lsn,
                                    .torn_bytes = scan->torn_bytes,
                                    .torn_segment = scan->torn_segment,
                                    .torn_offset = scan->torn_offset,
                                    .undecidable = scan->torn_bytes > 0,
                                    .closed = scan->closed,
                                    .checkpoint_lsn = scan->checkpoint_lsn};
    for (size_t i = 0; i < scan->segment_count; i++) {
        if (scan->segments[i].valid && !scan->segments[i].removed) report->segment_count++;
    }
    if (scan->dedup) report->dedupe_entries = dedup_count(scan->dedup);
}

static enum code corrupt_at(struct error *error, uint64_t offset)
{
    error_at(error, offset);
    error_hint(
        error,
        "restore a backup, or keep what verifies: tidal salvage DIR NEW; nothing was changed");
    return error->code;
}

static enum code cut_off(struct error *error, const char *path, uint64_t bytes, uint64_t least)
{
    error_set(error, CODE_CORRUPT, AREA_WAL,
              "'%s' is cut off: it has %" PRIu64 " bytes, and had at least %" PRIu64, path, bytes,
              least);
    return corrupt_at(error, bytes);
}

/* Files. */

static enum code scan_add(struct scan *scan, const char *name, struct error *error)
{
    uint64_t number;
    enum segment_name kind = segment_name_parse(name, &number);
    if (kind == SEGMENT_NAME_OTHER) return CODE_OK;
    if (number > scan->highest_number) scan->highest_number = number;
    bool room;
    if (kind == SEGMENT_NAME_TEMPORARY) {
        room =
            memory_grow(scan->memory, (void **)&scan->temporaries, &scan->temporary_capacity,
                        scan->temporary_count + 1, sizeof(*scan->temporaries), SCAN_MAXIMUM_FILES);
        if (room) scan->temporaries[scan->temporary_count++] = number;
    } else {
        room = memory_grow(scan->memory, (void **)&scan->segments, &scan->segment_capacity,
                           scan->segment_count + 1, sizeof(*scan->segments), SCAN_MAXIMUM_FILES);
        if (room) {
            scan->segments[scan->segment_count++] =
                (struct segment_entry){.header = {.number = number}, .first_time_ms = INT64_MAX};
        }
    }
    return room ? CODE_OK : error_no_memory(error, AREA_WAL, sizeof(*scan->segments));
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = ((const struct segment_entry *)a)->header.number;
    uint64_t y = ((const struct segment_entry *)b)->header.number;
    return x < y ? -1 : x > y;
}

static enum code scan_list(struct scan *scan, struct error *error)
{
    struct disk_names names = {.memory = scan->memory};
    enum code code;
    TRY(disk_list(scan->disk, scan->directory, scan->memory, &names, error));
    for (size_t i = 0; i < names.count; i++)
        TRY(scan_add(scan, names.names[i], error));
    if (scan->segment_count > 1) {
        qsort(scan->segments, scan->segment_count, sizeof(*scan->segments), by_number);
    }
out:
    disk_names_release(&names);
    return code;
}

enum code scan_open(const struct scan *scan, uint64_t number, struct segment_reader *reader,
                    char path[DISK_PATH_BYTES], struct error *error)
{
    segment_path(path, scan->directory, number, false);
    return segment_reader_open(reader, scan->disk, path, scan->memory, error);
}

/* A header that verifies, of another log. */
static enum code scan_check_header(struct scan *scan, const struct segment_header *header,
                                   uint64_t number, const char *path, struct error *error)
{
    if (header->number != number) {
        return error_set(error, CODE_CORRUPT, AREA_WAL, "'%s' holds segment %" PRIu64 " of the log",
                         path, header->number);
    }
    if (!scan->database_id) {
        memcpy(scan->first_database_id, header->database_id, sizeof(scan->first_database_id));
        scan->database_id = scan->first_database_id;
    }
    if (memcmp(header->database_id, scan->database_id, sizeof(header->database_id)) != 0) {
        return error_set(error, CODE_CORRUPT, AREA_WAL,
                         "'%s' belongs to the log of another database", path);
    }
    return CODE_OK;
}

static enum code scan_header(struct scan *scan, struct segment_entry *entry, struct error *error)
{
    char path[DISK_PATH_BYTES];
    struct segment_reader reader = {0};
    struct slice bytes;
    uint64_t number = entry->header.number;
    enum code code;
    TRY(scan_open(scan, number, &reader, path, error));
    TRY(segment_read(&reader, 0, SEGMENT_HEADER_BYTES, &bytes, error));
    code = segment_header_decode(bytes, path, &entry->header, error);
    if (code == CODE_CORRUPT) {
        entry->header = (struct segment_header){.number = number};
        code = CODE_OK;
        goto out;
    }
    if (code != CODE_OK) goto out;
    if (reader.file_bytes < entry->header.segment_bytes) {
        code = cut_off(error, path, reader.file_bytes, entry->header.segment_bytes);
        goto out;
    }
    entry->valid = true;
    if (entry->header.oldest_lsn > scan->must_lsn) scan->must_lsn = entry->header.oldest_lsn;
    code = scan_check_header(scan, &entry->header, number, path, error);
out:
    segment_reader_release(&reader);
    return code;
}

/* What lies in a segment from `from` on, page by page. */
struct remains {
    uint64_t frame_count; /* whole, and of this segment */
    uint64_t durable_lsn; /* the largest that they claim */
    uint64_t end_offset;  /* behind the last page that is not all zeros */
    uint64_t file_bytes;
};

static bool all_zero(struct slice bytes)
{
    static const uint8_t zeros[FRAME_PAGE_BYTES];
    return bytes.bytes <= sizeof(zeros) && memcmp(bytes.data, zeros, bytes.bytes) == 0;
}

static enum code scan_remains(struct segment_reader *reader, uint64_t number, uint64_t from,
                              struct remains *remains, struct error *error)
{
    *remains = (struct remains){.end_offset = from, .file_bytes = reader->file_bytes};
    for (uint64_t at = from; at < reader->file_bytes;) {
        struct slice page;
        struct frame frame;
        bool found = false;
        enum code code = segment_read(reader, at, FRAME_PAGE_BYTES, &page, error);
        if (code != CODE_OK) return code;
        if (page.bytes == 0) break;
        if (!all_zero(page)) {
            remains->end_offset = at + FRAME_PAGE_BYTES;
            code = segment_read_frame(reader, at, &frame, &found, error);
            if (code != CODE_OK) return code;
        }
        if (!found || frame.segment != number) {
            at += FRAME_PAGE_BYTES;
            continue;
        }
        remains->frame_count++;
        if (frame.durable_lsn > remains->durable_lsn) remains->durable_lsn = frame.durable_lsn;
        at += frame_padded(frame.length);
        remains->end_offset = at;
    }
    return CODE_OK;
}

/* Rule 1: nothing follows the newest segments to tell whether they held anything. */
static enum code scan_check_newest(struct scan *scan, struct error *error)
{
    for (size_t i = scan->segment_count; i-- > 0 && !scan->segments[i].valid;) {
        char path[DISK_PATH_BYTES];
        struct segment_reader reader = {0};
        struct remains remains = {0};
        uint64_t number = scan->segments[i].header.number;
        enum code code = scan_open(scan, number, &reader, path, error);
        if (code == CODE_OK) {
            code = scan_remains(&reader, number, FRAME_PAGE_BYTES, &remains, error);
        }
        segment_reader_release(&reader);
        if (code != CODE_OK) return code;
        if (remains.file_bytes < WAL_SEGMENT_MINIMUM_BYTES) {
            return cut_off(error, path, remains.file_bytes, WAL_SEGMENT_MINIMUM_BYTES);
        }
        if (remains.frame_count > 0) {
            error_set(error, CODE_CORRUPT, AREA_WAL,
                      "the header of '%s' is damaged, and it holds entries", path);
            return corrupt_at(error, 0);
        }
    }
    return CODE_OK;
}

/* What the checkpoint frames of a segment say, as far as its chain goes. */
static enum code scan_ask_segment(struct scan *scan, const struct segment_header *header,
                                  bool *found_checkpoint, struct error *error)
{
    char path[DISK_PATH_BYTES];
    struct segment_reader reader = {0};
    struct segment_walk walk;
    struct frame frame;
    bool found = true;
    enum code code;
    TRY(scan_open(scan, header->number, &reader, path, error));
    segment_walk_init(&walk, &reader, header);
    while (found) {
        code = segment_walk_next(&walk, &frame, &found, error);
        if (code == CODE_CORRUPT) code = CODE_OK; /* if it counts, following the chain tells */
        if (code != CODE_OK) goto out;
        if (!found || frame.kind != FRAME_CHECKPOINT) continue;
        struct frame_checkpoint checkpoint = checkpoint_decode(&frame);
        if (checkpoint.oldest_lsn > scan->must_lsn) scan->must_lsn = checkpoint.oldest_lsn;
        *found_checkpoint = true;
    }
out:
    segment_reader_release(&reader);
    return code;
}

/* Rule 2, without a store: the newest segment with a checkpoint has the newest checkpoint. */
static enum code scan_ask_checkpoints(struct scan *scan, struct error *error)
{
    bool found = false;
    for (size_t i = scan->segment_count; i-- > 0 && !found;) {
        const struct segment_entry *entry = &scan->segments[i];
        enum code code =
            entry->valid ? scan_ask_segment(scan, &entry->header, &found, error) : CODE_OK;
        if (code != CODE_OK) return code;
    }
    return CODE_OK;
}

/* Rule 2.  *begin is SIZE_MAX for a log that has no segment, and may. */
static enum code scan_find_begin(struct scan *scan, size_t *begin, struct error *error)
{
    size_t lowest = SIZE_MAX;
    *begin = SIZE_MAX;
    if (scan->oldest_lsn > scan->must_lsn) scan->must_lsn = scan->oldest_lsn;
    bool begins_later = scan->next_lsn > 1; /* asked for by who makes a log */
    bool may_be_missing = begins_later || (scan->must_lsn == 0 && scan->applied_lsn == 0);
    if (scan->must_lsn == 0) scan->must_lsn = scan->next_lsn;
    for (size_t i = 0; i < scan->segment_count; i++) {
        if (!scan->segments[i].valid) continue;
        if (lowest == SIZE_MAX) lowest = i;
        if (scan->segments[i].header.first_lsn <= scan->must_lsn) *begin = i;
    }
    if (*begin == SIZE_MAX && scan->mutant == WAL_MUTANT_NO_HEAD_CHECK) *begin = lowest;
    if (*begin != SIZE_MAX || (lowest == SIZE_MAX && may_be_missing)) return CODE_OK;
    if (lowest == SIZE_MAX) {
        error_set(error, CODE_CORRUPT, AREA_WAL,
                  "the log in '%s' is missing: LSN %" PRIu64 " must be in it", scan->directory,
                  scan->must_lsn);
    } else {
        error_set(error, CODE_CORRUPT, AREA_WAL,
                  "the head of the log in '%s' is missing: it begins at LSN %" PRIu64
                  ", and must hold %" PRIu64,
                  scan->directory, scan->segments[lowest].header.first_lsn, scan->must_lsn);
    }
    return corrupt_at(error, ERROR_NO_POSITION);
}

/* Frames. */

static enum code scan_entries(struct scan *scan, const struct frame *frame, struct error *error)
{
    struct wal_entry entry;
    size_t position = 0;
    uint32_t index = 0;
    if (scan->dedup) {
        if (!dedup_reserve(scan->dedup, frame->count)) {
            return error_no_memory(error, AREA_WAL, frame->count * sizeof(struct dedup_slot));
        }
        dedup_frame(scan->dedup, frame->first_lsn, frame->time_ms);
    }
    while (entry_next(frame, &position, &index, &entry)) {
        bool counts = scan->dedup && !(entry.flags & WAL_ENTRY_NO_DEDUPE);
        if (counts) {
            uint64_t hash = dedup_hash(scan->dedup, entry.identity);
            dedup_insert(scan->dedup, entry.identity, hash, entry.lsn);
        }
        enum code code = scan->visit ? scan->visit(scan->context, &entry, error) : CODE_OK;
        if (code != CODE_OK) return code;
    }
    struct segment_entry *segment = &scan->segments[scan->last];
    if (segment->first_time_ms == INT64_MAX) segment->first_time_ms = frame->time_ms;
    scan->entry_count += frame->count;
    scan->last_time_ms = frame->time_ms;
    return CODE_OK;
}

static enum code scan_remember(struct scan *scan, const struct frame *frame, uint64_t offset,
                               struct error *error)
{
    if (!memory_grow(scan->memory, (void **)&scan->frames, &scan->frame_capacity,
                     scan->frame_used + 1, sizeof(*scan->frames), SCAN_MAXIMUM_FRAMES)) {
        return error_no_memory(error, AREA_WAL, sizeof(*scan->frames));
    }
    struct scan_frame *at = &scan->frames[scan->frame_used++];
    *at = (struct scan_frame){.offset = offset,
                              .length = frame->length,
                              .first_lsn = frame->first_lsn,
                              .count = frame->count,
                              .last_time_ms = scan->last_time_ms};
    if (scan->dedup) at->dedup = dedup_state(scan->dedup);
    memcpy(at->chain, frame->chain, FRAME_CHAIN_BYTES);
    return CODE_OK;
}

static enum code scan_frame(struct scan *scan, const struct frame *frame, uint64_t offset,
                            struct error *error)
{
    enum code code = scan_remember(scan, frame, offset, error);
    if (code != CODE_OK) return code;
    scan->frame_count++;
    scan->closed = frame->kind == FRAME_CLOSE;
    if (frame->durable_lsn > scan->proved_lsn) scan->proved_lsn = frame->durable_lsn;
    if (frame->kind == FRAME_CHECKPOINT) {
        struct frame_checkpoint checkpoint = checkpoint_decode(frame);
        scan->checkpoint_lsn = checkpoint.applied_lsn;
        if (checkpoint.oldest_lsn > scan->must_lsn) scan->must_lsn = checkpoint.oldest_lsn;
    }
    return frame->kind == FRAME_ENTRIES ? scan_entries(scan, frame, error) : CODE_OK;
}

static bool continues(const struct segment_entry *next, const struct segment_walk *walk)
{
    return next && next->header.first_lsn == walk->next_lsn &&
           memcmp(next->header.chain, walk->chain, FRAME_CHAIN_BYTES) == 0;
}

/* Rules 4 and 5: what lies behind the end of the chain, in the last segment. */
static enum code scan_tail(struct scan *scan, const struct segment_walk *walk, struct error *error)
{
    const struct segment_header *header = &scan->segments[scan->last].header;
    struct remains remains;
    enum code code = scan_remains(walk->reader, walk->number, walk->offset, &remains, error);
    if (code != CODE_OK) return code;
    if (remains.durable_lsn > scan->proved_lsn) scan->proved_lsn = remains.durable_lsn;
    scan->end_offset = walk->offset;
    scan->torn_bytes = remains.end_offset - walk->offset;
    if (scan->torn_bytes > 0) {
        scan->closed = false;
        scan->torn_segment = walk->number;
        scan->torn_offset = walk->offset;
    } else if (walk->next_lsn == header->durable_lsn + 1) {
        /* Nothing was appended since a recovery gave something up: it may not have been told. */
        scan->torn_bytes = header->torn_bytes;
        scan->torn_segment = header->torn_segment;
        scan->torn_offset = header->torn_offset;
    }
    return CODE_OK;
}

/* One segment, up to where `next` goes on (NULL: to its end). */
static enum code scan_segment(struct scan *scan, size_t index, const struct segment_entry *next,
                              struct error *error)
{
    const struct segment_header *header = &scan->segments[index].header;
    char path[DISK_PATH_BYTES];
    struct segment_reader reader = {0};
    struct segment_walk walk;
    struct frame frame;
    enum code code;
    scan->last = index;
    scan->frame_used = 0;
    if (header->durable_lsn > scan->proved_lsn) scan->proved_lsn = header->durable_lsn;
    TRY(scan_open(scan, header->number, &reader, path, error));
    segment_walk_init(&walk, &reader, header);
    while (!continues(next, &walk)) {
        uint64_t offset = walk.offset;
        bool found;
        TRY(segment_walk_next(&walk, &frame, &found, error));
        if (!found) break;
        TRY(scan_frame(scan, &frame, offset, error));
        scan->next_lsn = walk.next_lsn;
    }
    memcpy(scan->chain, walk.chain, FRAME_CHAIN_BYTES);
    if (!next) {
        code = scan_tail(scan, &walk, error);
    } else if (!continues(next, &walk) && scan->mutant != WAL_MUTANT_GAP_ACCEPTED) {
        error_set(error, CODE_CORRUPT, AREA_WAL,
                  "the log is damaged in '%s': LSN %" PRIu64
                  " does not follow, and segment %" PRIu64 " begins at %" PRIu64,
                  path, walk.next_lsn, next->header.number, next->header.first_lsn);
        code = corrupt_at(error, walk.offset);
    }
out:
    segment_reader_release(&reader);
    return code;
}

static const struct segment_entry *next_valid(const struct scan *scan, size_t after)
{
    for (size_t i = after + 1; i < scan->segment_count; i++) {
        if (scan->segments[i].valid) return &scan->segments[i];
    }
    return NULL;
}

/* Rule 4. */
static enum code scan_judge(struct scan *scan, struct error *error)
{
    uint64_t needed = scan->proved_lsn;
    if (scan->must_lsn > 0 && scan->must_lsn - 1 > needed) needed = scan->must_lsn - 1;
    if (scan->next_lsn > needed || scan->mutant == WAL_MUTANT_DURABLE_MARK_IGNORED) return CODE_OK;
    char path[DISK_PATH_BYTES];
    segment_path(path, scan->directory, scan->segments[scan->last].header.number, false);
    error_set(error, CODE_CORRUPT, AREA_WAL,
              "the log is damaged in '%s': it ends at LSN %" PRIu64 ", and %" PRIu64 " was durable",
              path, scan->next_lsn - 1, needed);
    return corrupt_at(error, scan->end_offset);
}

static enum code scan_chain(struct scan *scan, size_t begin, struct error *error)
{
    const struct segment_header *first = &scan->segments[begin].header;
    scan->first_lsn = first->first_lsn;
    scan->next_lsn = first->first_lsn;
    scan->last_time_ms = first->last_time_ms;
    scan->proved_lsn = scan->applied_lsn;
    if (scan->dedup) dedup_restore(scan->dedup, &first->dedup);
    for (size_t i = 0; i < begin; i++)
        scan->segments[i].removed = true;
    for (size_t i = begin; i < scan->segment_count; i++) {
        if (!scan->segments[i].valid) {
            scan->segments[i].removed = true;
            continue;
        }
        enum code code = scan_segment(scan, i, next_valid(scan, i), error);
        if (code != CODE_OK) return code;
    }
    return scan_judge(scan, error);
}

enum code scan_run(struct scan *scan, struct error *error)
{
    size_t begin;
    enum code code;
    TRY(scan_list(scan, error));
    for (size_t i = 0; i < scan->segment_count; i++) {
        TRY(scan_header(scan, &scan->segments[i], error));
    }
    TRY(scan_check_newest(scan, error));
    if (scan->without_store) TRY(scan_ask_checkpoints(scan, error));
    TRY(scan_find_begin(scan, &begin, error));
    if (begin != SIZE_MAX) {
        TRY(scan_chain(scan, begin, error));
    } else {
        for (size_t i = 0; i < scan->segment_count; i++)
            scan->segments[i].removed = true;
    }
out:
    return code;
}
