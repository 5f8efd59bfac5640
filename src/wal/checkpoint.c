/* Checkpoints, pins, and the removal of segments that nobody needs.
 *
 * The order matters: the store records the oldest LSN that must be here, durably; then the log
 * does, in a CHECKPOINT frame; only then does a file go.  So a log whose head is missing is known
 * as damaged, and a head that was rightly removed is not missed. */
#include "wal/wal_private.h"

#include <inttypes.h>

#define REMOVED_AT_ONCE 16

enum code pin_add(struct wal *wal, uint64_t lsn, struct error *error)
{
    uint64_t oldest = wal->segment_count > 0 ? wal->segments[0].first_lsn : 1;
    if (lsn < oldest) {
        return error_set(error, CODE_NOT_RETAINED, AREA_WAL,
                         "LSN %" PRIu64 " is not in the log any more: it begins at %" PRIu64, lsn,
                         oldest);
    }
    if (wal->pin_count == WAL_PIN_COUNT) {
        return error_set(error, CODE_LIMIT, AREA_WAL, "%d readers of the log hold its segments",
                         WAL_PIN_COUNT);
    }
    wal->pins[wal->pin_count++] = lsn;
    return CODE_OK;
}

static void pin_remove(struct wal *wal, uint64_t lsn)
{
    for (size_t i = 0; i < wal->pin_count; i++) {
        if (wal->pins[i] != lsn) continue;
        wal->pins[i] = wal->pins[--wal->pin_count];
        return;
    }
}

void pin_move(struct wal *wal, uint64_t from_lsn, uint64_t to_lsn)
{
    for (size_t i = 0; i < wal->pin_count; i++) {
        if (wal->pins[i] != from_lsn) continue;
        wal->pins[i] = to_lsn;
        return;
    }
}

enum code wal_pin(struct wal *wal, uint64_t lsn, struct error *error)
{
    mutex_lock(&wal->lock);
    enum code code = pin_add(wal, lsn, error);
    mutex_unlock(&wal->lock);
    return code;
}

void wal_unpin(struct wal *wal, uint64_t lsn)
{
    mutex_lock(&wal->lock);
    pin_remove(wal, lsn);
    mutex_unlock(&wal->lock);
}

/* `lsn`, or what a pin holds before it. */
static uint64_t pinned_from(const struct wal *wal, uint64_t lsn)
{
    for (size_t i = 0; i < wal->pin_count; i++) {
        if (wal->pins[i] < lsn) lsn = wal->pins[i];
    }
    return lsn;
}

/* The first LSN of the segments that together have at most half of what the log may: more is kept
 * for nobody but recovery.  Else the rest would fill up, and no frame could begin any more that
 * moves on what is kept. */
static uint64_t half_from(const struct wal *wal)
{
    uint64_t bytes = wal->segment_bytes;
    size_t i = 0;
    for (; i + 1 < wal->segment_count && bytes > wal->maximum_bytes / 2; i++)
        bytes -= wal->segments[i].bytes;
    return wal->segments[i].first_lsn;
}

/* The first LSN of the segment with the first entry at or after the time; all after it are. */
static uint64_t since_from(const struct wal *wal, int64_t time_ms)
{
    size_t i = 0;
    while (i + 1 < wal->segment_count && wal->segments[i + 1].earlier_ms < time_ms)
        i++;
    return wal->segments[i].first_lsn;
}

/* The first LSN behind the last segment with an entry before the time. */
static uint64_t before_to(const struct wal *wal, int64_t time_ms)
{
    size_t i = wal->segment_count;
    while (i > 0 && wal->segments[i - 1].oldest_ms >= time_ms)
        i--;
    return i < wal->segment_count ? wal->segments[i].first_lsn : UINT64_MAX;
}

/* The first LSN that must be readable once the store holds all up to `applied_lsn`. */
static uint64_t keep_from(const struct wal *wal, uint64_t applied_lsn,
                          const struct wal_retention *retention)
{
    uint64_t needed = applied_lsn + 1, wanted = wal->durable_horizon;
    if (retention) {
        uint64_t since = since_from(wal, retention->since_ms);
        if (since < wanted) wanted = since;
        if (retention->wanted_lsn < wanted) wanted = retention->wanted_lsn;
    }
    uint64_t half = half_from(wal);
    if (wanted < half) wanted = half;
    uint64_t gone = retention ? before_to(wal, retention->before_ms) : 0;
    if (wanted < gone) wanted = gone;
    return pinned_from(wal, wanted < needed ? wanted : needed);
}

/* How many segments lie wholly below `lsn`. */
static size_t segments_below(const struct wal *wal, uint64_t lsn)
{
    size_t count = 0;
    while (count + 1 < wal->segment_count && wal->segments[count + 1].first_lsn <= lsn)
        count++;
    return count;
}

uint64_t wal_oldest_after(struct wal *wal, uint64_t applied_lsn,
                          const struct wal_retention *retention)
{
    mutex_lock(&wal->lock);
    uint64_t oldest = 1;
    if (wal->segment_count > 0) {
        uint64_t keep = keep_from(wal, applied_lsn, retention);
        oldest = wal->segments[segments_below(wal, keep)].first_lsn;
    }
    if (oldest < wal->oldest_lsn) oldest = wal->oldest_lsn;
    mutex_unlock(&wal->lock);
    return oldest;
}

/* Takes the oldest `count` segments off the list. */
static void take_oldest(struct wal *wal, size_t count, struct live_segment *gone)
{
    memcpy(gone, wal->segments, count * sizeof(*gone));
    wal->segment_count -= count;
    wal->removing_count = count;
    memmove(wal->segments, wal->segments + count, wal->segment_count * sizeof(*wal->segments));
}

/* Back to where they were: there is room, as `removing_count` was counted. */
static void put_back(struct wal *wal, const struct live_segment *kept, size_t count)
{
    memmove(wal->segments + count, wal->segments, wal->segment_count * sizeof(*wal->segments));
    memcpy(wal->segments, kept, count * sizeof(*kept));
    wal->segment_count += count;
}

/* Removes files, oldest first, up to one that stays: what is left is whole.  Returns how many. */
static size_t remove_files(const struct wal *wal, const struct live_segment *gone, size_t count)
{
    struct error ignored;
    size_t removed = 0;
    for (; removed < count; removed++) {
        char path[DISK_PATH_BYTES];
        segment_path(path, wal->directory, gone[removed].number, false);
        enum code code = disk_remove(wal->disk, path, &ignored);
        if (code != CODE_OK && code != CODE_NOT_FOUND) break;
    }
    if (removed > 0) (void)!disk_sync_directory(wal->disk, wal->directory, &ignored);
    return removed;
}

/* Lock held, and given up, so that pins are asked again each time.  What cannot be removed is there
 * as before, for the next checkpoint. */
static void remove_below(struct wal *wal, uint64_t oldest_lsn)
{
    struct live_segment gone[REMOVED_AT_ONCE];
    size_t count = 0, removed = 0;
    if (wal->removing_count > 0) return; /* another checkpoint is at it */
    while (removed == count) {
        count = segments_below(wal, pinned_from(wal, oldest_lsn));
        if (count > REMOVED_AT_ONCE) count = REMOVED_AT_ONCE;
        if (count == 0) return;
        take_oldest(wal, count, gone);
        mutex_unlock(&wal->lock);
        removed = remove_files(wal, gone, count);
        mutex_lock(&wal->lock);
        put_back(wal, gone + removed, count - removed);
        wal->removing_count = 0;
        for (size_t i = 0; i < removed; i++)
            wal->segment_bytes -= gone[i].bytes;
        wal->stats.removed_segments += removed;
    }
}

static enum code checkpoint_check(const struct wal *wal, uint64_t applied_lsn, uint64_t oldest_lsn,
                                  struct error *error)
{
    if (applied_lsn > atomic_load(&wal->durable_lsn)) {
        return error_set(error, CODE_MISUSE, AREA_WAL,
                         "a checkpoint at LSN %" PRIu64 " is ahead of what is durable",
                         applied_lsn);
    }
    if (oldest_lsn == 0 || oldest_lsn > applied_lsn + 1) {
        return error_set(error, CODE_MISUSE, AREA_WAL,
                         "a checkpoint at LSN %" PRIu64 " cannot do without LSN %" PRIu64,
                         applied_lsn, oldest_lsn);
    }
    return CODE_OK;
}

enum code wal_checkpoint(struct wal *wal, uint64_t applied_lsn, uint64_t oldest_lsn,
                         struct error *error)
{
    uint8_t body[CHECKPOINT_BYTES];
    struct wal_group *group;
    struct frame_checkpoint checkpoint = {applied_lsn, oldest_lsn};
    enum code code = wal_check_process(wal, error);
    if (code != CODE_OK) return code;
    mutex_lock(&wal->lock);
    TRY(checkpoint_check(wal, applied_lsn, oldest_lsn, error));
    checkpoint_encode(&checkpoint, body);
    TRY(append_control(wal, FRAME_CHECKPOINT, slice_of(body, sizeof(body)), WAL_CHECKPOINT_RESERVE,
                       &group, error));
    TRY(commit_wait(wal, group, error));
    wal->stats.checkpoint_count++;
    if (oldest_lsn > wal->oldest_lsn) wal->oldest_lsn = oldest_lsn;
    remove_below(wal, oldest_lsn);
out:
    mutex_unlock(&wal->lock);
    return code;
}

enum code wal_rotate(struct wal *wal, struct error *error)
{
    struct wal_group *group;
    enum code code = wal_check_process(wal, error);
    if (code != CODE_OK) return code;
    mutex_lock(&wal->lock);
    TRY(wal_check_writable(wal, error));
    if (wal->pending_last) TRY(commit_wait(wal, wal->pending_last, error));
    if (wal->segments[wal->segment_count - 1].oldest_ms == INT64_MAX) goto out;
    TRY(append_rotation(wal, &group, error));
    TRY(commit_wait(wal, group, error));
out:
    mutex_unlock(&wal->lock);
    return code;
}
