/* Spares: zero-filled, durable files under a temporary name, so that a write never allocates.
 *
 * A sync of bytes that were there before is half the price of one that also changes a file's size
 * and extents; and a full disk is met here, before any entry has its LSN.  A file is filled in
 * slices, each synced: between them the flusher commits what has become due. */
#include "wal/wal_private.h"

#include <assert.h>
#include <inttypes.h>

#define SPARE_MAXIMUM     ((size_t)1 << 16)
#define SPARE_SLICE_BYTES ((uint64_t)4 << 20)

static uint64_t next_number(const struct wal *wal)
{
    return wal->spare_count > 0 ? wal->spares[wal->spare_count - 1].number + 1
                                : wal->layout.segment + 1;
}

bool spare_ready(const struct wal *wal, uint64_t segment)
{
    return segment < next_number(wal);
}

bool spare_wanted(const struct wal *wal, int64_t now_ns)
{
    uint64_t number = wal->layout.segment + 1;
    return !wal->preparing && !wal->failed && now_ns >= wal->spare_retry_ns &&
           !spare_ready(wal, number) && wal->layout.offset > wal->layout.segment_bytes / 2 &&
           wal->segment_bytes + layout_segment_bytes(&wal->layout, number) <= wal->maximum_bytes;
}

void spare_plan(struct wal *wal, uint64_t segment)
{
    for (size_t i = 0; i < wal->spare_count; i++) {
        struct spare *spare = &wal->spares[i];
        if (spare->number != segment) continue;
        assert(!spare->planned);
        spare->planned = true;
        spare->dedup = dedup_state(&wal->dedup);
        spare->last_time_ms = wal->last_time_ms;
        return;
    }
    assert(false);
}

/* Room for it in both lists: becoming a segment must not fail for memory. */
static bool spare_reserve(struct wal *wal)
{
    return memory_grow(wal->memory, (void **)&wal->spares, &wal->spare_capacity,
                       wal->spare_count + 1, sizeof(*wal->spares), SPARE_MAXIMUM) &&
           memory_grow(wal->memory, (void **)&wal->segments, &wal->segment_capacity,
                       wal->segment_count + wal->removing_count + wal->spare_count + 1,
                       sizeof(*wal->segments), SPARE_MAXIMUM);
}

/* One more slice of the file, which the first one makes.  Outside the lock. */
static enum code spare_extend(struct wal *wal, struct spare *spare, uint64_t *filled_bytes,
                              struct error *error)
{
    char path[DISK_PATH_BYTES];
    uint64_t from = *filled_bytes, left = spare->bytes - from;
    uint64_t to = from + (left < SPARE_SLICE_BYTES ? left : SPARE_SLICE_BYTES);
    enum code code;
    if (from == 0) {
        segment_path(path, wal->directory, spare->number, true);
        TRY(segment_file_create(wal->disk, path, to, &spare->file, error));
    } else {
        TRY(disk_write_zeros(spare->file, from, to - from, error));
    }
    TRY(disk_sync(spare->file, error));
    *filled_bytes = to;
out:
    return code;
}

static void spare_discard(struct wal *wal, struct spare *spare)
{
    char path[DISK_PATH_BYTES];
    struct error ignored;
    if (!spare->file) return;
    disk_close(spare->file);
    spare->file = NULL;
    segment_path(path, wal->directory, spare->number, true);
    (void)!disk_remove(wal->disk, path, &ignored);
}

/* The whole file.  Lock held, and given up for each slice. */
static enum code spare_fill(struct wal *wal, struct spare *spare, enum spare_need need,
                            struct error *error)
{
    uint64_t filled_bytes = 0;
    enum code code = CODE_OK;
    while (code == CODE_OK && filled_bytes < spare->bytes) {
        mutex_unlock(&wal->lock);
        code = spare_extend(wal, spare, &filled_bytes, error);
        if (code != CODE_OK) spare_discard(wal, spare);
        mutex_lock(&wal->lock);
        if (need == SPARE_AHEAD) commit_due(wal);
    }
    if (code == CODE_NO_SPACE) {
        error_hint(error, "free space on the disk, then try again");
    } else if (code != CODE_OK && error->hint[0] == 0) {
        error_hint(error, "nothing was written: look at the disk, then try again");
    }
    return code;
}

enum code spare_prepare(struct wal *wal, enum spare_need need, struct error *error)
{
    if (wal->preparing) {
        condition_wait(&wal->prepared, &wal->lock);
        return CODE_OK;
    }
    struct spare spare = {.number = next_number(wal)};
    spare.bytes = layout_segment_bytes(&wal->layout, spare.number);
    if (need != SPARE_FOR_CONTROL && wal->segment_bytes + spare.bytes > wal->maximum_bytes) {
        enum code code = error_set(error, CODE_LIMIT, AREA_WAL,
                                   "the log is full: another segment would pass %" PRIu64 " bytes",
                                   wal->maximum_bytes);
        error_hint(error, "a checkpoint makes room; if it fails, see why");
        return code;
    }
    if (!spare_reserve(wal)) return error_no_memory(error, AREA_WAL, sizeof(spare));
    wal->preparing = true;
    wal->segment_bytes += spare.bytes;
    enum code code = spare_fill(wal, &spare, need, error);
    wal->preparing = false;
    if (code == CODE_OK) {
        wal->spares[wal->spare_count++] = spare;
    } else {
        wal->segment_bytes -= spare.bytes;
    }
    condition_broadcast(&wal->prepared);
    return code;
}

void spare_release_all(struct wal *wal, bool remove)
{
    for (size_t i = 0; i < wal->spare_count; i++) {
        char path[DISK_PATH_BYTES];
        struct error ignored;
        disk_close(wal->spares[i].file);
        segment_path(path, wal->directory, wal->spares[i].number, true);
        if (remove) (void)!disk_remove(wal->disk, path, &ignored);
    }
    wal->spare_count = 0;
}
