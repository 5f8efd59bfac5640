/* Two walks along the chain of frames: one gives entries, the other scouts ahead of it for what is
 * proved durable.  What was read ahead may be older than what is there now, so that the end of the
 * chain is always looked at twice.
 *
 * A writer that crashed and recovered goes on in a new segment, which may begin before the end of
 * the one that it stands for, and has the same entries: what is proved is in both.  Where the chain
 * ends and no segment takes it up, the last one that begins at or before the next LSN does. */
#include "wal/source.h"

#include "wal/segment.h"

#include <inttypes.h>
#include <stdlib.h>

#define SCOUT_BYTES     ((uint64_t)4 << 20) /* ahead of what is given, once something is proved */
#define LIST_ATTEMPTS   8                   /* segments go while they are listed */
#define ENTRIES_MAXIMUM ((size_t)FRAME_COUNT_MAXIMUM)

struct place {
    bool is_open;
    bool has_next; /* a segment after it was there when it was opened */
    struct segment_header next;
    struct segment_reader reader;
    struct segment_walk walk;
};

struct wal_source {
    struct disk *disk;
    const char *directory;
    struct memory *memory;
    uint8_t database_id[16];
    uint64_t next_lsn; /* of the next entry to give; 0: where the log begins */
    uint64_t proved_lsn;
    uint64_t end_lsn;
    bool resumed;
    struct place give, scout;
    struct wal_entry *entries;
    size_t capacity;
    char path[DISK_PATH_BYTES]; /* of the segment opened last */
};

enum code wal_source_open(const struct wal_source_options *options, struct wal_source **opened,
                          struct error *error)
{
    struct wal_source *source = memory_allocate_zeroed(options->memory, sizeof *source);
    *opened = source;
    if (!source) return error_no_memory(error, AREA_WAL, sizeof *source);
    source->disk = options->disk;
    source->directory = options->directory;
    source->memory = options->memory;
    memcpy(source->database_id, options->database_id, sizeof source->database_id);
    source->next_lsn = options->from_lsn;
    return CODE_OK;
}

static void place_close(struct place *place)
{
    if (place->is_open) segment_reader_release(&place->reader);
    place->is_open = false;
}

void wal_source_close(struct wal_source *source)
{
    if (!source) return;
    place_close(&source->give);
    place_close(&source->scout);
    memory_free(source->memory, source->entries, source->capacity * sizeof *source->entries);
    memory_free(source->memory, source, sizeof *source);
}

uint64_t wal_source_end(const struct wal_source *source)
{
    return source->end_lsn;
}

bool wal_source_resumed(const struct wal_source *source)
{
    return source->resumed;
}

/* --- Segments --- */

/* *found is false if the file has gone since it was listed. */
static enum code read_header(struct wal_source *source, uint64_t number,
                             struct segment_header *header, bool *found, struct error *error)
{
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    struct disk_file *file = NULL;
    size_t got = 0;
    enum code code;
    segment_path(source->path, source->directory, number, false);
    code = disk_open(source->disk, source->path, DISK_READ_ONLY, &file, error);
    *found = code == CODE_OK;
    if (code == CODE_NOT_FOUND) return CODE_OK;
    if (code == CODE_OK) code = disk_read(file, 0, bytes, sizeof bytes, &got, error);
    if (code == CODE_OK)
        code = segment_header_decode(slice_of(bytes, got), source->path, header, error);
    disk_close(file);
    if (code != CODE_OK) return code;
    if (memcmp(header->database_id, source->database_id, sizeof source->database_id) == 0)
        return CODE_OK;
    return error_set(error, CODE_CORRUPT, AREA_WAL, "'%s' belongs to the log of another database",
                     source->path);
}

/* What a look at the directory tells about the segments after `after` (number 0: all). */
struct look {
    uint64_t after;
    uint64_t next_lsn;    /* wanted */
    const uint8_t *chain; /* of the frame before it; NULL: not known */
    bool found;           /* a segment that holds it, or will */
    bool exact;           /* it goes on there with the same chain */
    struct segment_header header;
    bool has_next; /* one after the one that was found */
    struct segment_header next;
    uint64_t oldest_lsn; /* first LSN of the segments seen; 0: there are none */
    bool gone;           /* a file went meanwhile */
};

static void consider(struct wal_source *source, struct look *look,
                     const struct segment_header *header)
{
    if (header->durable_lsn > source->proved_lsn) source->proved_lsn = header->durable_lsn;
    if (look->oldest_lsn == 0 || header->first_lsn < look->oldest_lsn)
        look->oldest_lsn = header->first_lsn;
    if (look->exact || header->first_lsn > look->next_lsn) {
        if (look->found && !look->has_next) look->next = *header;
        look->has_next = look->found;
        return;
    }
    look->found = true;
    look->exact = look->chain && header->first_lsn == look->next_lsn &&
                  memcmp(header->chain, look->chain, FRAME_CHAIN_BYTES) == 0;
    look->header = *header;
    look->has_next = false;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static enum code look_once(struct wal_source *source, struct look *look, struct error *error)
{
    struct disk_names names = {.memory = source->memory};
    uint64_t *numbers = NULL;
    size_t count = 0, capacity = 0;
    enum code code;
    look->found = look->exact = look->has_next = look->gone = false;
    look->oldest_lsn = 0;
    TRY(disk_list(source->disk, source->directory, source->memory, &names, error));
    for (size_t i = 0; i < names.count; i++) {
        uint64_t number;
        if (segment_name_parse(names.names[i], &number) != SEGMENT_NAME_WAL) continue;
        if (number <= look->after) continue;
        if (!memory_grow(source->memory, (void **)&numbers, &capacity, count + 1, sizeof *numbers,
                         (size_t)1 << 20)) {
            code = error_no_memory(error, AREA_WAL, sizeof *numbers);
            goto out;
        }
        numbers[count++] = number;
    }
    if (count > 1) qsort(numbers, count, sizeof *numbers, by_value);
    for (size_t i = 0; i < count; i++) {
        struct segment_header header;
        bool found;
        TRY(read_header(source, numbers[i], &header, &found, error));
        if (found) consider(source, look, &header);
        if (!found) look->gone = true;
    }
out:
    memory_free(source->memory, numbers, capacity * sizeof *numbers);
    disk_names_release(&names);
    return code == CODE_NOT_FOUND ? CODE_OK : code; /* the directory is not there yet */
}

static enum code look_around(struct wal_source *source, struct look *look, struct error *error)
{
    enum code code = CODE_OK;
    look->gone = true;
    for (int attempt = 0; attempt < LIST_ATTEMPTS && look->gone && code == CODE_OK; attempt++)
        code = look_once(source, look, error);
    return code;
}

enum code wal_source_oldest(struct wal_source *source, uint64_t *oldest_lsn, struct error *error)
{
    struct look look = {.next_lsn = UINT64_MAX};
    enum code code = look_around(source, &look, error);
    *oldest_lsn = look.oldest_lsn;
    return code;
}

enum code wal_source_not_retained(uint64_t next_lsn, uint64_t oldest_lsn, struct error *error)
{
    error_set(error, CODE_NOT_RETAINED, AREA_WAL,
              "LSN %" PRIu64 " is not in the log any more: it begins at %" PRIu64, next_lsn,
              oldest_lsn);
    error_hint(error,
               "restore a new backup of the source into an empty directory, and follow into that");
    return CODE_NOT_RETAINED;
}

/* --- Walking --- */

/* Goes on in that segment; *found is false, and nothing changes, if its file is gone. */
static enum code place_open(struct wal_source *source, struct place *place,
                            const struct segment_header *header, bool *found, struct error *error)
{
    struct segment_reader reader = {0};
    segment_path(source->path, source->directory, header->number, false);
    enum code code =
        segment_reader_open(&reader, source->disk, source->path, source->memory, error);
    *found = code == CODE_OK;
    if (code != CODE_OK) segment_reader_release(&reader);
    if (code != CODE_OK) return code == CODE_NOT_FOUND ? CODE_OK : code;
    place_close(place);
    place->reader = reader;
    place->is_open = true;
    segment_walk_init(&place->walk, &place->reader, header);
    return CODE_OK;
}

static struct look look_behind(const struct place *place, uint64_t next_lsn)
{
    if (!place->is_open) return (struct look){.next_lsn = next_lsn};
    return (struct look){
        .after = place->walk.number, .next_lsn = place->walk.next_lsn, .chain = place->walk.chain};
}

/* Where the chain of the present segment ends: goes on to the one that takes it up; *moved is false
 * if there is none yet, or it has gone since the look.  The first time: to the one where reading
 * begins. */
static enum code place_move(struct wal_source *source, struct place *place, const struct look *look,
                            bool *moved, struct error *error)
{
    bool resumed = place == &source->give && place->is_open && !look->exact;
    *moved = false;
    if (!look->found) {
        bool goes_on = look->oldest_lsn > 0;
        return goes_on ? wal_source_not_retained(look->next_lsn, look->oldest_lsn, error) : CODE_OK;
    }
    enum code code = place_open(source, place, &look->header, moved, error);
    if (!*moved) return code;
    if (resumed) source->resumed = true;
    place->has_next = look->has_next;
    place->next = look->next;
    return code;
}

/* A segment may begin before the end of the one that it stands for. */
static bool ends_here(const struct place *place)
{
    return place->has_next && place->next.first_lsn == place->walk.next_lsn &&
           memcmp(place->next.chain, place->walk.chain, FRAME_CHAIN_BYTES) == 0;
}

/* The next frame of the chain, of whatever kind; *found is false where it ends for now.  A segment
 * that was there when its directory was looked at follows on what was written before: so the
 * present one is walked again after the look, before that is judged. */
static enum code place_next(struct wal_source *source, struct place *place, uint64_t next_lsn,
                            struct frame *frame, bool *found, struct error *error)
{
    bool moved = false;
    enum code code = CODE_OK;
    *found = false;
    for (int gone = 0; !*found && gone < LIST_ATTEMPTS; gone += !moved) {
        bool goes_on = place->is_open && !ends_here(place);
        if (goes_on) TRY(segment_walk_next(&place->walk, frame, found, error));
        if (*found) break;
        struct look look = look_behind(place, next_lsn);
        TRY(look_around(source, &look, error));
        if (goes_on) {
            segment_reader_forget(&place->reader);
            TRY(segment_walk_next(&place->walk, frame, found, error));
        }
        if (*found) break;
        TRY(place_move(source, place, &look, &moved, error));
        if (!look.found) break;
        if (!moved && gone + 1 == LIST_ATTEMPTS)
            code = wal_source_not_retained(look.next_lsn, look.oldest_lsn, error);
    }
    if (*found && frame->durable_lsn > source->proved_lsn) source->proved_lsn = frame->durable_lsn;
out:
    return *found ? CODE_OK : code;
}

/* What follows a segment proves all of it. */
static enum code prove_by_followers(struct wal_source *source, struct error *error)
{
    struct look look = look_behind(&source->give, source->next_lsn);
    return look_around(source, &look, error);
}

/* Looks ahead, from where entries are given, for a proof of all up to `wanted_lsn`. */
static enum code scout(struct wal_source *source, uint64_t wanted_lsn, struct error *error)
{
    struct segment_header header = {.number = source->give.walk.number};
    struct frame frame;
    bool found;
    uint64_t seen_bytes = 0;
    enum code code;
    TRY(place_open(source, &source->scout, &header, &found, error));
    source->end_lsn = UINT64_MAX;
    if (!found) {
        code = prove_by_followers(source, error); /* it was removed meanwhile */
        goto out;
    }
    source->scout.has_next = source->give.has_next;
    source->scout.next = source->give.next;
    source->scout.walk = source->give.walk;
    source->scout.walk.reader = &source->scout.reader;
    while (found && (source->proved_lsn < wanted_lsn || seen_bytes < SCOUT_BYTES)) {
        TRY(place_next(source, &source->scout, 0, &frame, &found, error));
        if (found) seen_bytes += frame.length;
    }
    source->end_lsn = source->scout.walk.next_lsn - 1;
out:
    place_close(&source->scout);
    return code;
}

/* --- Giving --- */

static enum code give_entries(struct wal_source *source, const struct frame *frame,
                              struct wal_source_frame *out, struct error *error)
{
    struct wal_entry entry;
    size_t position = 0;
    uint32_t index = 0;
    if (!memory_grow(source->memory, (void **)&source->entries, &source->capacity, frame->count,
                     sizeof *source->entries, ENTRIES_MAXIMUM)) {
        return error_no_memory(error, AREA_WAL, frame->count * sizeof *source->entries);
    }
    while (entry_next(frame, &position, &index, &entry)) {
        if (entry.lsn < source->next_lsn) continue;
        source->entries[out->count++] = entry;
    }
    out->entries = source->entries;
    source->next_lsn = frame->first_lsn + frame->count;
    return CODE_OK;
}

/* Where reading begins: the LSN asked for, or the oldest there is. */
static enum code begin(struct wal_source *source, struct error *error)
{
    if (source->next_lsn > 0) return CODE_OK;
    return wal_source_oldest(source, &source->next_lsn, error);
}

/* Back before the frame, where the scout begins: it is not given before it is proved. */
static enum code hold_back(struct wal_source *source, const struct frame *frame,
                           struct error *error)
{
    struct segment_walk *walk = &source->give.walk;
    walk->offset -= frame_padded(frame->length);
    walk->next_lsn = frame->first_lsn;
    memcpy(walk->chain, frame->chain, FRAME_CHAIN_BYTES);
    return scout(source, frame->first_lsn + frame->count - 1, error);
}

enum code wal_source_next(struct wal_source *source, struct wal_source_frame *out,
                          struct error *error)
{
    struct frame frame;
    bool found = true;
    enum code code;
    *out = (struct wal_source_frame){0};
    TRY(begin(source, error));
    while (found && out->count == 0 && source->next_lsn > 0) {
        TRY(place_next(source, &source->give, source->next_lsn, &frame, &found, error));
        if (!found) {
            source->end_lsn = source->give.is_open ? source->give.walk.next_lsn - 1 : 0;
            break;
        }
        uint64_t last_lsn = frame.first_lsn + frame.count - 1;
        if (frame.kind != FRAME_ENTRIES || last_lsn < source->next_lsn) continue;
        if (last_lsn > source->proved_lsn) {
            TRY(hold_back(source, &frame, error));
            found = last_lsn <= source->proved_lsn;
        } else {
            TRY(give_entries(source, &frame, out, error));
        }
    }
out:
    return code;
}
