/* The life of a log's handle. */
#include "wal/wal.h"

#include "wal/recovery.h"
#include "wal/wal_private.h"

#include <inttypes.h>
#include <stdio.h>

enum code wal_check_process(const struct wal *wal, struct error *error)
{
    if (process_id() == wal->process) return CODE_OK;
    enum code code =
        error_set(error, CODE_MISUSE, AREA_WAL,
                  "the log was opened by process %" PRId64 ", and this is its child", wal->process);
    error_hint(error, "open the database after the fork, in one of the two");
    return code;
}

enum code wal_check_writable(const struct wal *wal, struct error *error)
{
    if (wal->read_only) {
        return error_set(error, CODE_READ_ONLY, AREA_WAL, "the log was opened to be read only");
    }
    if (!wal->failed) return CODE_OK;
    enum code code = error_set(error, CODE_FAILED, AREA_WAL, "the log failed earlier: %.180s",
                               wal->failure.message);
    error->os_error = wal->failure.os_error;
    error_hint(error, "close the database and open it again");
    return code;
}

static enum code options_check(const struct wal_options *options, struct error *error)
{
    uint64_t bytes = options->segment_bytes;
    if (bytes != 0 && (bytes < WAL_SEGMENT_MINIMUM_BYTES || bytes > WAL_SEGMENT_MAXIMUM_BYTES ||
                       bytes % FRAME_PAGE_BYTES != 0)) {
        return error_set(error, CODE_INVALID, AREA_WAL,
                         "a segment of %" PRIu64 " bytes is not from 64 KiB to 1 GiB in steps of "
                         "4 KiB",
                         bytes);
    }
    if (options->frame_entries > FRAME_COUNT_MAXIMUM) {
        return error_set(error, CODE_INVALID, AREA_WAL, "a frame of %" PRIu32 " entries is too big",
                         options->frame_entries);
    }
    if (!options->directory[0] || strlen(options->directory) + 32 > DISK_PATH_BYTES) {
        return error_set(error, CODE_INVALID, AREA_WAL, "the log's directory '%.100s' is no path",
                         options->directory);
    }
    return CODE_OK;
}

#define OR_DEFAULT(value, standard) ((value) != 0 ? (value) : (standard))

static void options_apply(struct wal *wal, const struct wal_options *options)
{
    wal->disk = options->disk;
    wal->memory = options->memory;
    wal->clock = options->clock;
    snprintf(wal->directory, sizeof(wal->directory), "%s", options->directory);
    memcpy(wal->database_id, options->database_id, sizeof(wal->database_id));
    wal->commit_interval_ns =
        (int64_t)OR_DEFAULT(options->commit_interval_ms, UINT32_C(10)) * 1000000;
    wal->commit_delay_ns = (int64_t)options->commit_delay_us * 1000;
    wal->outstanding_limit = OR_DEFAULT(options->outstanding_bytes, (size_t)8 << 20);
    wal->maximum_bytes = OR_DEFAULT(options->maximum_bytes, (uint64_t)4 << 30);
    wal->read_only = options->read_only;
    wal->mutant = options->mutant;
    wal->process = process_id();
    wal->layout.full_segment_bytes = OR_DEFAULT(options->segment_bytes, (uint64_t)64 << 20);
    wal->body_maximum = layout_body_maximum(&wal->layout);
    wal->layout.frame_entries = OR_DEFAULT(options->frame_entries, UINT32_C(100));
    dedup_init(&wal->dedup, wal->memory, OR_DEFAULT(options->dedupe_count, UINT32_C(131072)),
               OR_DEFAULT(options->dedupe_window_ms, UINT32_C(60000)),
               load_u64(options->database_id));
}

static void conditions_init(struct wal *wal)
{
    mutex_init(&wal->lock, LOCK_RANK_LOG);
    condition_init(&wal->room);
    condition_init(&wal->prepared);
    condition_init(&wal->untaken);
    condition_init(&wal->flush);
}

static void groups_free(struct wal_group *group)
{
    while (group) {
        struct wal_group *next = group->next;
        group_drop(group);
        group = next;
    }
}

static void wal_free(struct wal *wal)
{
    struct memory *memory = wal->memory;
    groups_free(wal->pending);
    groups_free(wal->durable);
    group_drop(wal->fresh);
    dedup_release(&wal->dedup);
    disk_close(wal->writer.file);
    memory_free(memory, wal->writer.page, wal->writer.page ? FRAME_PAGE_BYTES : 0);
    memory_free(memory, wal->segments, wal->segment_capacity * sizeof(*wal->segments));
    memory_free(memory, wal->spares, wal->spare_capacity * sizeof(*wal->spares));
    condition_release(&wal->room);
    condition_release(&wal->prepared);
    condition_release(&wal->untaken);
    condition_release(&wal->flush);
    mutex_release(&wal->lock);
    memory_free(memory, wal, sizeof(*wal));
}

/* The directory, its name in the one above, and the names in it: what an earlier recovery renamed
 * may be seen and still be lost, and must not be built on before it is durable. */
static enum code make_directory(struct wal *wal, struct error *error)
{
    char parent[DISK_PATH_BYTES];
    enum code code = disk_make_directory(wal->disk, wal->directory, error);
    if (code != CODE_OK) return code;
    snprintf(parent, sizeof(parent), "%s", wal->directory);
    char *slash = strrchr(parent, '/');
    if (slash) {
        *slash = 0;
    } else {
        parent[0] = 0;
    }
    code = disk_sync_directory(wal->disk, parent, error);
    if (code != CODE_OK || wal->mutant == WAL_MUTANT_NO_DIRECTORY_SYNC) return code;
    return disk_sync_directory(wal->disk, wal->directory, error);
}

static enum code list_segments(struct wal *wal, const struct scan *scan, struct error *error)
{
    if (!memory_grow(wal->memory, (void **)&wal->segments, &wal->segment_capacity,
                     scan->segment_count + 1, sizeof(*wal->segments), SIZE_MAX / 64)) {
        return error_no_memory(error, AREA_WAL, scan->segment_count * sizeof(*wal->segments));
    }
    for (size_t i = 0; i < scan->segment_count; i++) {
        const struct segment_entry *entry = &scan->segments[i];
        if (!entry->valid || entry->removed) continue;
        wal->segments[wal->segment_count++] =
            (struct live_segment){.number = entry->header.number,
                                  .first_lsn = entry->header.first_lsn,
                                  .bytes = entry->header.segment_bytes,
                                  .earlier_ms = entry->header.last_time_ms,
                                  .oldest_ms = entry->first_time_ms};
        wal->segment_bytes += entry->header.segment_bytes;
    }
    return CODE_OK;
}

static void begin_writing(struct wal *wal, const struct recovery_segment *segment)
{
    wal->writer.file = segment->file;
    wal->writer.segment = segment->header.number;
    wal->writer.offset = segment->offset;
    wal->writer.claimed_lsn = segment->header.durable_lsn;
    wal->writer.oldest_ms = segment->first_time_ms;
    memcpy(wal->writer.chain, segment->chain, FRAME_CHAIN_BYTES);
    wal->layout.first_segment = segment->header.number;
    wal->layout.segment = segment->header.number;
    wal->layout.segment_bytes = segment->header.segment_bytes;
    wal->layout.offset = segment->offset;
    wal->segments[wal->segment_count++] =
        (struct live_segment){.number = segment->header.number,
                              .first_lsn = segment->header.first_lsn,
                              .bytes = segment->header.segment_bytes,
                              .earlier_ms = segment->header.last_time_ms,
                              .oldest_ms = segment->first_time_ms};
    wal->segment_bytes += segment->header.segment_bytes;
}

static enum code open_for_writing(struct wal *wal, struct scan *scan, struct wal_recovery *report,
                                  struct error *error)
{
    struct recovery_segment segment;
    uint64_t full = wal->layout.full_segment_bytes;
    wal->layout.first_segment_bytes =
        full < LAYOUT_FIRST_SEGMENT_BYTES ? full : LAYOUT_FIRST_SEGMENT_BYTES;
    wal->writer.page = memory_allocate(wal->memory, FRAME_PAGE_BYTES);
    if (!wal->writer.page) return error_no_memory(error, AREA_WAL, FRAME_PAGE_BYTES);
    enum code code = recovery_begin(scan, wal->layout.first_segment_bytes, clock_now_ms(wal->clock),
                                    &segment, error);
    if (code != CODE_OK) return code;
    wal->writer.file = segment.file;
    code = list_segments(wal, scan, error);
    if (code != CODE_OK) return code;
    begin_writing(wal, &segment);
    report->rewritten_entries = segment.rewritten_entries;
    report->removed_files = segment.removed_files;
    report->segment_count = wal->segment_count;
    return CODE_OK;
}

static enum code wal_recover(struct wal *wal, const struct wal_options *options,
                             struct wal_recovery *report, struct error *error)
{
    struct scan scan;
    enum code code;
    scan_init(&scan, wal->disk, wal->directory, wal->memory);
    scan.dedup = &wal->dedup;
    scan.database_id = wal->database_id;
    scan.applied_lsn = options->applied_lsn;
    scan.oldest_lsn = options->oldest_lsn;
    scan.mutant = options->mutant;
    if (options->first_lsn > 0) scan.first_lsn = scan.next_lsn = options->first_lsn;
    if (!wal->read_only) TRY(make_directory(wal, error));
    code = scan_run(&scan, error);
    scan_report(&scan, report);
    if (code != CODE_OK) goto out;
    atomic_store(&wal->last_lsn, scan.next_lsn - 1);
    atomic_store(&wal->durable_lsn, scan.next_lsn - 1);
    wal->last_time_ms = scan.last_time_ms;
    wal->oldest_lsn = scan.must_lsn;
    wal->durable_horizon = dedup_horizon(&wal->dedup);
    if (wal->read_only) {
        code = list_segments(wal, &scan, error);
    } else {
        code = open_for_writing(wal, &scan, report, error);
    }
    if (wal->mutant == WAL_MUTANT_DEDUPE_FORGOTTEN) {
        struct dedup_state nothing = {0};
        dedup_restore(&wal->dedup, &nothing);
    }
out:
    scan_release(&scan);
    return code;
}

enum code wal_open(const struct wal_options *options, struct wal **wal_out,
                   struct wal_recovery *report, struct error *error)
{
    *wal_out = NULL;
    *report = (struct wal_recovery){0};
    enum code code = options_check(options, error);
    if (code != CODE_OK) return code;
    struct wal *wal = memory_allocate_zeroed(options->memory, sizeof(*wal));
    if (!wal) return error_no_memory(error, AREA_WAL, sizeof(*wal));
    options_apply(wal, options);
    conditions_init(wal);
    TRY(wal_recover(wal, options, report, error));
    if (options->flusher_thread && !wal->read_only) {
        TRY(thread_start(&wal->flusher, "tidal-log", commit_flusher, wal, error));
        wal->flusher_started = true;
        mutex_lock(&wal->lock);
        wal->has_flusher = true;
        mutex_unlock(&wal->lock);
    }
    *wal_out = wal;
out:
    if (code != CODE_OK) wal_free(wal);
    return code;
}

static void stop_flusher(struct wal *wal)
{
    if (!wal->flusher_started) return;
    mutex_lock(&wal->lock);
    wal->stopping = true;
    wal->has_flusher = false;
    condition_signal(&wal->flush);
    mutex_unlock(&wal->lock);
    thread_join(&wal->flusher);
    wal->flusher_started = false;
}

/* All that is pending, then a close frame where there is room for one: in a group of its own, so
 * that its durable LSN proves the last entry. */
static enum code finish(struct wal *wal, struct error *error)
{
    struct wal_group *group;
    enum code code = wal_check_writable(wal, error);
    if (code == CODE_OK && wal->pending_last) code = commit_wait(wal, wal->pending_last, error);
    if (code != CODE_OK) return code;
    struct layout layout = wal->layout;
    if (layout_place_control(&layout, 0, WAL_CLOSE_RESERVE) != LAYOUT_NEW_FRAME) return CODE_OK;
    code = append_control(wal, FRAME_CLOSE, slice_of(NULL, 0), WAL_CLOSE_RESERVE, &group, error);
    return code == CODE_OK ? commit_wait(wal, group, error) : code;
}

enum code wal_close(struct wal *wal, struct error *error)
{
    if (!wal) return CODE_OK;
    /* In a forked child the files and the flusher are the parent's. */
    enum code code = wal_check_process(wal, error);
    if (code != CODE_OK) return code;
    stop_flusher(wal);
    if (!wal->read_only) {
        mutex_lock(&wal->lock);
        code = finish(wal, error);
        mutex_unlock(&wal->lock);
        spare_release_all(wal, code == CODE_OK);
    }
    wal_free(wal);
    return code;
}

void wal_abandon(struct wal *wal)
{
    if (!wal) return;
    stop_flusher(wal);
    spare_release_all(wal, false);
    wal_free(wal);
}

uint64_t wal_durable(const struct wal *wal)
{
    return atomic_load(&wal->durable_lsn);
}

uint64_t wal_last(const struct wal *wal)
{
    return atomic_load(&wal->last_lsn);
}

void wal_stats(struct wal *wal, struct wal_stats *stats)
{
    mutex_lock(&wal->lock);
    *stats = wal->stats;
    stats->last_lsn = atomic_load(&wal->last_lsn);
    stats->durable_lsn = atomic_load(&wal->durable_lsn);
    stats->oldest_lsn = wal->segment_count > 0 ? wal->segments[0].first_lsn : 1;
    stats->last_ms = wal->last_time_ms;
    stats->oldest_ms = INT64_MAX;
    for (size_t i = wal->segment_count; i-- > 0;) {
        if (wal->segments[i].oldest_ms < stats->oldest_ms)
            stats->oldest_ms = wal->segments[i].oldest_ms;
    }
    stats->segment_oldest_ms =
        wal->segment_count > 0 ? wal->segments[wal->segment_count - 1].oldest_ms : INT64_MAX;
    stats->segment_count = wal->segment_count;
    stats->segment_bytes = wal->segment_bytes;
    stats->outstanding_bytes = wal->outstanding_bytes;
    stats->dedupe_entries = dedup_count(&wal->dedup);
    stats->dedupe_rotations = wal->dedup.rotations;
    stats->failed = wal->failed;
    mutex_unlock(&wal->lock);
}
