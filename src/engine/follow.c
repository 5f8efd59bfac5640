/* Following: frames of the source are appended to the copy's log as they are, made durable, and
 * applied as ever.
 *
 * Is the source still what it was when the copy took from it?  Both logs hold some LSNs; these are
 * compared, all that an entry says, before anything new is taken.  So a source that was restored
 * from a backup and went another way is found out at the first LSN where the two part. */
#include "engine/follow.h"

#include "engine/identity.h"
#include "engine/internal.h"
#include "wal/source.h"

#include <inttypes.h>

#define STEP_BYTES        ((size_t)1 << 20)
#define RESUMED_MAXIMUM   8
#define ENTRY_ABOUT_BYTES 32 /* beside its payload */

struct follow {
    struct memory memory;
    struct disk *disk; /* of the source */
    bool owns_disk;
    struct database *copy;
    uint8_t id[16];
    struct wal_source *source;
    struct wal_reader *reader; /* of the copy's log, while the two are compared */
    unsigned resumed_count;    /* since something new was taken */
    bool failed;
};

static enum code open_source(struct follow *follow, const struct follow_options *options,
                             struct error *error)
{
    enum code code;
    if (!options->disk) {
        TRY(disk_open_posix(options->source, false, &follow->memory, &follow->disk, error));
        follow->owns_disk = true;
    } else {
        follow->disk = options->disk;
    }
    TRY(identity_check(follow->disk, false, error));
    code = identity_open(follow->disk, false, NULL, follow->id, error);
out:
    return code;
}

/* A copy that is made now begins at LSN 1. */
static enum code oldest_of_source(struct follow *follow, uint64_t *oldest, struct error *error)
{
    const struct wal_source_options options = {.disk = follow->disk,
                                               .directory = LOG_DIRECTORY,
                                               .memory = &follow->memory,
                                               .database_id = follow->id,
                                               .from_lsn = 1};
    struct wal_source *source = NULL;
    enum code code;
    TRY(wal_source_open(&options, &source, error));
    code = wal_source_oldest(source, oldest, error);
out:
    wal_source_close(source);
    return code;
}

static enum code open_copy(struct follow *follow, struct database_options *copy,
                           struct error *error)
{
    uint64_t oldest;
    enum code code;
    TRY(oldest_of_source(follow, &oldest, error));
    copy->must_exist = copy->must_exist || oldest > 1;
    code = database_open(copy, &follow->copy, error);
    if (code == CODE_NOT_FOUND && oldest > 1) code = wal_source_not_retained(1, oldest, error);
out:
    return code;
}

/* Begins to read the source where both logs have something, or behind the copy's end. */
static enum code begin(struct follow *follow, struct error *error)
{
    struct wal_source_options options = {.disk = follow->disk,
                                         .directory = LOG_DIRECTORY,
                                         .memory = &follow->memory,
                                         .database_id = follow->id};
    struct wal *wal = follow->copy->wal;
    struct wal_stats stats;
    uint64_t oldest;
    enum code code;
    wal_source_close(follow->source);
    wal_reader_close(follow->reader);
    follow->reader = NULL;
    TRY(wal_source_open(&options, &follow->source, error));
    TRY(wal_source_oldest(follow->source, &oldest, error));
    wal_stats(wal, &stats);
    if (oldest < stats.oldest_lsn) oldest = stats.oldest_lsn;
    options.from_lsn = oldest <= stats.last_lsn ? oldest : stats.last_lsn + 1;
    if (options.from_lsn <= stats.last_lsn)
        TRY(wal_reader_open(wal, options.from_lsn, &follow->reader, error));
    wal_source_close(follow->source);
    code = wal_source_open(&options, &follow->source, error);
out:
    return code;
}

static enum code check_itself(const struct follow *follow, struct error *error)
{
    const char *source = disk_root_path(follow->disk);
    if (!follow->owns_disk || strcmp(source, disk_root_path(follow->copy->disk)) != 0)
        return CODE_OK;
    error_set(error, CODE_INVALID, AREA_ENGINE, "the database in '%s' cannot follow itself",
              source);
    error_hint(error, "name another directory for the copy");
    return CODE_INVALID;
}

enum code follow_open(const struct follow_options *options, struct follow **opened,
                      struct error *error)
{
    struct database_options copy = options->copy;
    struct follow *follow = memory_allocate_uncounted(sizeof *follow);
    enum code code;
    *opened = NULL;
    if (!follow) return error_no_memory(error, AREA_ENGINE, sizeof *follow);
    memory_init(&follow->memory, 0);
    TRY(open_source(follow, options, error));
    copy.follows = follow->id;
    TRY(open_copy(follow, &copy, error));
    TRY(check_itself(follow, error));
    TRY(begin(follow, error));
    *opened = follow;
    follow = NULL;
out:
    if (follow) {
        struct error ignored;
        (void)follow_close(follow, &ignored);
    }
    return code;
}

struct database *follow_database(struct follow *follow)
{
    return follow->copy;
}

enum code follow_close(struct follow *follow, struct error *error)
{
    enum code code = CODE_OK;
    if (!follow) return CODE_OK;
    wal_source_close(follow->source);
    wal_reader_close(follow->reader);
    code = database_close(follow->copy, error);
    if (follow->owns_disk) disk_free(follow->disk);
    memory_release(&follow->memory);
    memory_free_uncounted(follow);
    return code;
}

/* --- Comparing --- */

static enum code parted(uint64_t at, struct error *error)
{
    error_set(error, CODE_CORRUPT, AREA_ENGINE,
              "the source and its copy part at LSN %" PRIu64 ": they say different things there",
              at);
    error_hint(error, "one of them was restored or written to; make the copy anew");
    return CODE_CORRUPT;
}

static bool same_entry(const struct wal_entry *a, const struct wal_entry *b)
{
    return a->lsn == b->lsn && a->time_ms == b->time_ms && a->type == b->type &&
           a->flags == b->flags && memcmp(a->identity, b->identity, WAL_IDENTITY_BYTES) == 0 &&
           slice_equal(a->payload, b->payload);
}

/* The entries of the frame that the copy has, against the copy's.  Returns how many those are in
 * *known. */
static enum code compare(struct follow *follow, const struct wal_source_frame *frame, size_t *known,
                         struct error *error)
{
    uint64_t last = wal_durable(follow->copy->wal);
    enum code code = CODE_OK;
    *known = 0;
    while (follow->reader && *known < frame->count && frame->entries[*known].lsn <= last) {
        struct wal_entry own;
        bool found;
        TRY(wal_reader_next(follow->reader, last, &own, &found, error));
        if (!found || !same_entry(&own, &frame->entries[*known]))
            return parted(frame->entries[*known].lsn, error);
        ++*known;
    }
    if (*known < frame->count) {
        wal_reader_close(follow->reader);
        follow->reader = NULL;
    }
out:
    return code;
}

/* The source has no more: does it have what the copy took from it? */
static enum code check_end(struct follow *follow, struct error *error)
{
    uint64_t end = wal_source_end(follow->source), last = wal_durable(follow->copy->wal);
    if (end >= last) return CODE_OK;
    error_set(error, CODE_CORRUPT, AREA_ENGINE,
              "the source and its copy part at LSN %" PRIu64
              ": the source ends before it, the copy at %" PRIu64,
              end + 1, last);
    error_hint(error, "the source was restored, or the copy written to; make the copy anew");
    return CODE_CORRUPT;
}

/* --- Taking --- */

static enum code take(struct follow *follow, const struct wal_entry *entries, size_t count,
                      size_t *bytes, struct error *error)
{
    struct database *copy = follow->copy;
    size_t reserved = 0;
    enum code code = CODE_OK;
    write_make_room(copy);
    for (; reserved < count; reserved++) {
        TRY(write_reserve(copy, entries[reserved].payload, error));
        *bytes += entries[reserved].payload.bytes + ENTRY_ABOUT_BYTES;
    }
    code = wal_append_copy(copy->wal, entries, count, error);
    follow->resumed_count = 0;
out:
    while (code != CODE_OK && reserved-- > 0)
        write_unreserve(copy, entries[reserved].payload);
    return code;
}

/* The writer of the source has recovered.  Read anew, its segments go on from one to the next;
 * where they do not, time after time, it was no recovery. */
static enum code begin_again(struct follow *follow, struct error *error)
{
    struct wal *wal = follow->copy->wal;
    enum code code;
    if (++follow->resumed_count > RESUMED_MAXIMUM) {
        error_set(error, CODE_CORRUPT, AREA_ENGINE,
                  "the source's log does not go on behind LSN %" PRIu64, wal_last(wal));
        error_hint(error, "verify it: tidal check");
        return CODE_CORRUPT;
    }
    TRY(database_wait(follow->copy, wal_last(wal), error));
    code = begin(follow, error);
out:
    return code;
}

static enum code step(struct follow *follow, uint64_t *taken, struct error *error)
{
    struct wal_source_frame frame = {.count = 1};
    struct wal *wal = follow->copy->wal;
    size_t bytes = 0, known;
    enum code code;
    TRY(write_check(follow->copy, error));
    while (bytes < STEP_BYTES) {
        TRY(wal_source_next(follow->source, &frame, error));
        if (wal_source_resumed(follow->source)) {
            TRY(begin_again(follow, error));
            continue;
        }
        if (frame.count == 0) {
            code = check_end(follow, error);
            break;
        }
        TRY(compare(follow, &frame, &known, error));
        for (size_t i = 0; i < known; i++)
            bytes += frame.entries[i].payload.bytes + ENTRY_ABOUT_BYTES;
        *taken += frame.count;
        if (known < frame.count)
            TRY(take(follow, frame.entries + known, frame.count - known, &bytes, error));
    }
out:
    if (code != CODE_OK) return code;
    return database_wait(follow->copy, wal_last(wal), error);
}

enum code follow_step(struct follow *follow, uint64_t *entries, struct error *error)
{
    *entries = 0;
    if (follow->failed) {
        return error_set(error, CODE_FAILED, AREA_ENGINE, "following ended with an error earlier");
    }
    enum code code = step(follow, entries, error);
    follow->failed = code != CODE_OK;
    return code;
}
