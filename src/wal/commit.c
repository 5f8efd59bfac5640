/* Group commit: from pending groups to durable ones.
 *
 * Whoever waits and finds nobody syncing leads: it writes the first pending group, syncs once, and
 * wakes that group's waiters and one of the next group's, who leads in turn.  While one group is
 * synced the next fills.  So a lone writer never lingers, and sixteen share a sync, without a
 * thread between them.  The flusher serves entries that nobody waits for, and writes marks: frames
 * without entries whose durable LSN tells recovery that the group before was acknowledged. */
#include "wal/wal_private.h"

#include <assert.h>
#include <inttypes.h>

/* The writer: whoever set wal->syncing. */

static enum code writer_sync(struct wal *wal, struct error *error)
{
    wal->writer.sync_count++;
    if (wal->mutant == WAL_MUTANT_NO_DATA_SYNC) return CODE_OK;
    enum code code = disk_sync(wal->writer.file, error);
    return wal->mutant == WAL_MUTANT_SYNC_ERROR_IGNORED ? CODE_OK : code;
}

/* What the writer knows of the segment that it fills, for those who hold the lock. */
static void note_oldest(struct wal *wal)
{
    wal->segments[wal->segment_count - 1].oldest_ms = wal->writer.oldest_ms;
}

/* The first spare, its file given up to the writer.  It stays in its list, and so keeps its place,
 * until it is a segment. */
static struct spare take_spare(struct wal *wal, uint64_t *oldest_lsn)
{
    mutex_lock(&wal->lock);
    struct spare spare = wal->spares[0];
    assert(wal->spare_count > 0 && spare.planned);
    wal->spares[0].file = NULL;
    *oldest_lsn = wal->oldest_lsn;
    note_oldest(wal);
    mutex_unlock(&wal->lock);
    return spare;
}

/* The first spare is a segment now. */
static void add_segment(struct wal *wal, uint64_t first_lsn)
{
    mutex_lock(&wal->lock);
    const struct spare *spare = &wal->spares[0];
    assert(wal->segment_count < wal->segment_capacity);
    wal->segments[wal->segment_count++] = (struct live_segment){.number = spare->number,
                                                                .first_lsn = first_lsn,
                                                                .bytes = spare->bytes,
                                                                .earlier_ms = spare->last_time_ms,
                                                                .oldest_ms = INT64_MAX};
    wal->spare_count--;
    memmove(wal->spares, wal->spares + 1, wal->spare_count * sizeof(*wal->spares));
    mutex_unlock(&wal->lock);
}

/* Header, sync, name, directory: what the name promises is there before the name is. */
static enum code spare_promote(struct wal *wal, const struct spare *spare,
                               const struct segment_header *header, struct error *error)
{
    char from[DISK_PATH_BYTES], to[DISK_PATH_BYTES];
    enum code code;
    segment_header_encode(header, wal->writer.page);
    segment_path(from, wal->directory, spare->number, true);
    segment_path(to, wal->directory, spare->number, false);
    TRY(disk_write(spare->file, 0, wal->writer.page, FRAME_PAGE_BYTES, error));
    TRY(disk_sync(spare->file, error));
    TRY(disk_rename(wal->disk, from, to, error));
    if (wal->mutant != WAL_MUTANT_NO_DIRECTORY_SYNC) {
        TRY(disk_sync_directory(wal->disk, wal->directory, error));
    }
out:
    return code;
}

/* The present segment is full: the next one's existence says that all before it is durable. */
static enum code writer_rotate(struct wal *wal, uint64_t number, uint64_t first_lsn,
                               struct error *error)
{
    struct writer *writer = &wal->writer;
    uint64_t oldest_lsn;
    enum code code = writer_sync(wal, error);
    if (code != CODE_OK) return code;
    struct spare spare = take_spare(wal, &oldest_lsn);
    assert(spare.number == number);
    disk_close(writer->file);
    writer->file = spare.file;
    writer->segment = number;
    writer->offset = FRAME_PAGE_BYTES;
    writer->oldest_ms = INT64_MAX;
    writer->sync_count++;
    struct segment_header header = {.number = number,
                                    .first_lsn = first_lsn,
                                    .oldest_lsn = oldest_lsn,
                                    .created_ms = clock_now_ms(wal->clock),
                                    .segment_bytes = spare.bytes,
                                    .durable_lsn = first_lsn - 1,
                                    .dedup = spare.dedup,
                                    .last_time_ms = spare.last_time_ms};
    memcpy(header.database_id, wal->database_id, sizeof(header.database_id));
    memcpy(header.chain, writer->chain, FRAME_CHAIN_BYTES);
    code = spare_promote(wal, &spare, &header, error);
    if (code == CODE_OK) add_segment(wal, first_lsn);
    return code;
}

static void seal(struct wal *wal, const struct group_frame *from, uint64_t durable_lsn, uint8_t *at)
{
    struct writer *writer = &wal->writer;
    struct frame frame = {.length = from->length,
                          .kind = (uint16_t)from->kind,
                          .count = from->count,
                          .first_lsn = from->first_lsn,
                          .segment = writer->segment,
                          .durable_lsn = durable_lsn,
                          .time_ms = from->time_ms};
    memcpy(frame.chain, writer->chain, FRAME_CHAIN_BYTES);
    frame_seal(&frame, at);
    memcpy(writer->chain, frame.hash, FRAME_CHAIN_BYTES);
    writer->claimed_lsn = durable_lsn;
    if (from->kind == FRAME_ENTRIES && writer->oldest_ms == INT64_MAX)
        writer->oldest_ms = from->time_ms;
    writer->frame_count++;
}

static enum code writer_write(struct wal *wal, const uint8_t *data, size_t bytes,
                              struct error *error)
{
    struct writer *writer = &wal->writer;
    if (bytes == 0) return CODE_OK;
    enum code code = disk_write(writer->file, writer->offset, data, bytes, error);
    writer->offset += bytes;
    writer->written_bytes += bytes;
    return code;
}

static enum code group_write(struct wal *wal, struct wal_group *group, uint64_t durable_lsn,
                             struct error *error)
{
    size_t written = 0;
    enum code code;
    group_finish(group);
    for (size_t i = 0; i < group->frame_count; i++) {
        const struct group_frame *frame = &group->frames[i];
        if (frame->segment != wal->writer.segment) {
            TRY(writer_write(wal, group->data + written, frame->at - written, error));
            written = frame->at;
            TRY(writer_rotate(wal, frame->segment, frame->first_lsn, error));
        }
        assert(wal->writer.offset + (frame->at - written) == frame->offset);
        seal(wal, frame, durable_lsn, group->data + frame->at);
    }
    TRY(writer_write(wal, group->data + written, group->bytes - written, error));
    TRY(writer_sync(wal, error));
out:
    return code;
}

/* Leading. */

static void copy_counts(struct wal *wal)
{
    wal->stats.frame_count = wal->writer.frame_count;
    wal->stats.written_bytes = wal->writer.written_bytes;
    wal->stats.sync_count = wal->writer.sync_count;
    note_oldest(wal);
}

static void release_charge(struct wal *wal, const struct wal_group *group)
{
    wal->outstanding_bytes -= sizeof(*group) + group->capacity;
    condition_broadcast(&wal->room);
}

/* Those who sleep on a group are woken after the lock was given up, so that they do not meet it. */
struct wakes {
    struct wal_group *done; /* all of its waiters; NULL: none */
    struct wal_group *lead; /* one of its waiters, to lead; NULL: nobody */
    bool lead_last;         /* after the others, so that they can join */
};

/* The first pending group is durable. */
static void group_done(struct wal *wal, struct wal_group *group, struct wakes *wakes)
{
    wal->pending = group->next;
    if (!wal->pending) wal->pending_last = NULL;
    group->next = NULL;
    wal->durable_at_ns = clock_monotonic_ns(clock_system());
    wal->stats.group_count++;
    bool has_entries = group->entry_count > 0;
    bool one_each = group->waiter_count == group->entry_count;
    wal->returning_count = one_each ? group->waiter_count : 0;
    if (has_entries) atomic_store(&wal->durable_lsn, group->last_lsn);
    if (group->waiter_count > 0) {
        group_keep(group);
        wakes->done = group;
        wal->waiter_count -= group->waiter_count;
        group->waiter_count = 0;
    }
    atomic_fetch_or(&group->word, GROUP_DONE);
    if (!has_entries) {
        release_charge(wal, group);
        group_drop(group);
        return;
    }
    wal->durable_horizon = group->horizon;
    if (wal->durable_last) {
        wal->durable_last->next = group;
    } else {
        wal->durable = group;
    }
    wal->durable_last = group;
    condition_broadcast(&wal->untaken);
}

/* More than the flusher leaves to wait for company. */
static bool is_much(const struct wal_group *group)
{
    return group->bytes >= WAL_FLUSH_BYTES || group->entry_count >= WAL_FLUSH_ENTRIES;
}

/* The lead is free: one who waits takes it, or else the flusher.  A full group is not left until
 * somebody waits for it, or the disk would idle while producers fill the next.
 *
 * Few waiters that were served, of one entry each, come back within a part of a sync.  If the next
 * group were written at once, they would always be a group of their own, and each sync would serve
 * one half; so it is written when the last of them is back, or when the one that is called runs,
 * which is woken after them: nobody waits for a clock.  Many take longer than a sync to come back.
 */
static void hand_over(struct wal *wal, struct wakes *wakes)
{
    struct wal_group *group = wal->pending;
    copy_counts(wal);
    while (group && group->waiter_count == 0)
        group = group->next;
    wal->called = group && wal->returning_count > 0 && wal->returning_count <= WAL_SOON_BACK;
    wal->syncing = wal->called;
    wakes->lead_last = wal->called;
    if (group) {
        atomic_fetch_add(&group->word, GROUP_AGAIN);
        group_keep(group);
        wakes->lead = group;
    } else if (wal->flusher_idle || (wal->pending && is_much(wal->pending))) {
        condition_signal(&wal->flush);
    }
}

static void wake(const struct wakes *wakes)
{
    if (wakes->lead && !wakes->lead_last) word_wake_one(&wakes->lead->word);
    if (wakes->done) word_wake_all(&wakes->done->word);
    if (wakes->lead && wakes->lead_last) word_wake_one(&wakes->lead->word);
    group_drop(wakes->lead);
    group_drop(wakes->done);
}

static void commit_fail(struct wal *wal, const struct error *error)
{
    if (!wal->failed) {
        wal->failed = true;
        wal->failure = *error;
    }
    for (struct wal_group *group = wal->pending; group; group = group->next) {
        atomic_fetch_add(&group->word, GROUP_AGAIN);
        word_wake_all(&group->word);
    }
    condition_broadcast(&wal->room);
    condition_broadcast(&wal->untaken);
    condition_broadcast(&wal->prepared);
    condition_broadcast(&wal->flush);
}

static void linger(struct wal *wal)
{
    if (wal->commit_delay_ns == 0 || wal->waiter_count <= WAL_DELAY_COMPANIONS) return;
    mutex_unlock(&wal->lock);
    thread_sleep_ns(wal->commit_delay_ns);
    mutex_lock(&wal->lock);
}

/* Returns without the lock. */
static void lead(struct wal *wal)
{
    struct wakes wakes = {0};
    struct error error;
    assert(wal->pending && !wal->failed);
    wal->syncing = true;
    wal->called = false;
    linger(wal);
    struct wal_group *group = wal->pending;
    uint64_t durable_lsn = atomic_load(&wal->durable_lsn);
    if (group == wal->open) {
        wal->open = NULL;
        layout_close_frame(&wal->layout);
    }
    mutex_unlock(&wal->lock);
    enum code code = group_write(wal, group, durable_lsn, &error);
    mutex_lock(&wal->lock);
    if (code == CODE_OK) {
        group_done(wal, group, &wakes);
    } else {
        commit_fail(wal, &error);
    }
    hand_over(wal, &wakes);
    mutex_unlock(&wal->lock);
    wake(&wakes);
}

void commit_lead(struct wal *wal)
{
    assert(!wal->syncing);
    lead(wal);
    mutex_lock(&wal->lock);
}

/* Returns without the lock; true if the group is durable, false if the log has failed.  Whoever was
 * woken may be the one called to lead, and so may the last of those who were served before. */
static bool wait_for(struct wal *wal, struct wal_group *group)
{
    bool may_be_called = wal->returning_count > 0 && --wal->returning_count == 0;
    group_keep(group);
    group->waiter_count++;
    wal->waiter_count++;
    while (!wal->failed) {
        uint32_t seen = atomic_load(&group->word);
        if (!wal->syncing || (wal->called && may_be_called)) {
            lead(wal);
        } else {
            /* Once: a wake that came to who arrived after the call is the call all the same. */
            mutex_unlock(&wal->lock);
            word_wait(&group->word, seen, WAIT_FOREVER);
        }
        may_be_called = true; /* also by oneself, if the group led was another one */
        if (group_is_done(group)) {
            group_drop(group);
            return true;
        }
        mutex_lock(&wal->lock);
        if (group_is_done(group)) break;
    }
    bool done = group_is_done(group);
    if (!done) {
        group->waiter_count--;
        wal->waiter_count--;
    }
    mutex_unlock(&wal->lock);
    group_drop(group);
    return done;
}

enum code commit_wait(struct wal *wal, struct wal_group *group, struct error *error)
{
    bool done = wait_for(wal, group);
    mutex_lock(&wal->lock);
    return done ? CODE_OK : wal_check_writable(wal, error);
}

static struct wal_group *pending_with(const struct wal *wal, uint64_t lsn)
{
    struct wal_group *group = wal->pending;
    while (group && group->last_lsn < lsn)
        group = group->next;
    return group;
}

enum code wal_wait(struct wal *wal, uint64_t lsn, struct error *error)
{
    if (lsn <= atomic_load(&wal->durable_lsn)) return CODE_OK;
    enum code code = wal_check_process(wal, error);
    if (code != CODE_OK) return code;
    if (lsn > atomic_load(&wal->last_lsn)) {
        return error_set(error, CODE_MISUSE, AREA_WAL, "LSN %" PRIu64 " was not given yet", lsn);
    }
    mutex_lock(&wal->lock);
    if (lsn <= atomic_load(&wal->durable_lsn)) {
        mutex_unlock(&wal->lock);
        return CODE_OK;
    }
    struct wal_group *group = pending_with(wal, lsn);
    assert(group);
    if (wait_for(wal, group)) return CODE_OK;
    mutex_lock(&wal->lock);
    code = wal_check_writable(wal, error);
    mutex_unlock(&wal->lock);
    return code;
}

/* Marks. */

static bool mark_is_due(const struct wal *wal)
{
    return !wal->read_only && !wal->failed && !wal->pending && !wal->syncing &&
           wal->writer.claimed_lsn < atomic_load(&wal->durable_lsn);
}

/* Writes a mark if that says something new, nothing is pending, and there is room. */
static void commit_mark(struct wal *wal)
{
    struct layout layout = wal->layout;
    struct wakes wakes = {0};
    struct error error;
    if (!mark_is_due(wal)) return;
    if (layout_place_control(&layout, 0, WAL_MARK_RESERVE) != LAYOUT_NEW_FRAME) {
        /* No room: the next segment's header will say it. */
        wal->writer.claimed_lsn = atomic_load(&wal->durable_lsn);
        return;
    }
    layout_close_frame(&layout);
    wal->layout = layout;
    wal->syncing = true;
    uint64_t durable_lsn = atomic_load(&wal->durable_lsn);
    struct group_frame mark = {.length = FRAME_HEADER_BYTES,
                               .kind = FRAME_MARK,
                               .first_lsn = durable_lsn + 1,
                               .time_ms = wal->last_time_ms};
    mutex_unlock(&wal->lock);
    memset(wal->writer.page, 0, FRAME_PAGE_BYTES);
    seal(wal, &mark, durable_lsn, wal->writer.page);
    enum code code = writer_write(wal, wal->writer.page, FRAME_PAGE_BYTES, &error);
    mutex_lock(&wal->lock);
    wal->stats.mark_count++;
    if (code != CODE_OK) commit_fail(wal, &error);
    hand_over(wal, &wakes);
    mutex_unlock(&wal->lock);
    wake(&wakes);
    mutex_lock(&wal->lock);
}

enum code wal_flush(struct wal *wal, struct error *error)
{
    enum code code = wal_check_process(wal, error);
    if (code != CODE_OK) return code;
    mutex_lock(&wal->lock);
    code = wal_check_writable(wal, error);
    if (code == CODE_OK && wal->pending_last) {
        code = commit_wait(wal, wal->pending_last, error);
    } else if (code == CODE_OK) {
        commit_mark(wal);
        code = wal_check_writable(wal, error);
    }
    mutex_unlock(&wal->lock);
    return code;
}

/* The flusher. */

void commit_notice(struct wal *wal)
{
    /* Whoever syncs hands over when it is done. */
    if (!wal->has_flusher || wal->syncing) return;
    const struct wal_group *group = wal->pending;
    if (wal->flusher_idle || (is_much(group) && group->waiter_count == 0))
        condition_signal(&wal->flush);
}

/* When the first pending group is due: at once if it is big or somebody needs its room. */
static int64_t flush_deadline(const struct wal *wal)
{
    const struct wal_group *group = wal->pending;
    if (is_much(group) || wal->blocked_count > 0) return 0;
    return group->opened_ns + wal->commit_interval_ns;
}

static void flusher_sleep(struct wal *wal, int64_t deadline_ns)
{
    if (deadline_ns == WAIT_FOREVER) {
        wal->flusher_idle = true;
        condition_wait(&wal->flush, &wal->lock);
        wal->flusher_idle = false;
    } else {
        condition_wait_until(&wal->flush, &wal->lock, deadline_ns);
    }
}

bool commit_due(struct wal *wal)
{
    if (!wal->pending || wal->syncing || wal->failed) return false;
    if (flush_deadline(wal) > clock_monotonic_ns(clock_system())) return false;
    commit_lead(wal);
    return true;
}

/* A failure is met again, and told, by the one who needs the spare. */
static void flusher_prepare(struct wal *wal)
{
    struct error ignored;
    if (spare_prepare(wal, SPARE_AHEAD, &ignored) != CODE_OK) {
        wal->spare_retry_ns = clock_monotonic_ns(clock_system()) + WAL_SPARE_RETRY_NS;
    }
}

/* Does what is due and returns true: the lock may have been given up, and all may have changed.
 * Or tells when something will be. */
static bool flusher_step(struct wal *wal, int64_t *deadline_ns)
{
    int64_t now_ns = clock_monotonic_ns(clock_system());
    *deadline_ns = wal->syncing ? now_ns + wal->commit_interval_ns : WAIT_FOREVER;
    if (wal->failed || wal->syncing) return false;
    if (commit_due(wal)) return true;
    if (spare_wanted(wal, now_ns)) {
        flusher_prepare(wal);
        return true;
    }
    if (wal->pending) {
        *deadline_ns = flush_deadline(wal);
    } else if (mark_is_due(wal)) {
        *deadline_ns = wal->durable_at_ns + WAL_MARK_IDLE_NS;
        if (*deadline_ns <= now_ns) {
            commit_mark(wal);
            return true;
        }
    }
    return false;
}

void commit_flusher(void *argument)
{
    struct wal *wal = argument;
    mutex_lock(&wal->lock);
    while (!wal->stopping) {
        int64_t deadline_ns;
        if (!flusher_step(wal, &deadline_ns) && !wal->stopping) flusher_sleep(wal, deadline_ns);
    }
    mutex_unlock(&wal->lock);
}

/* Delivery. */

bool wal_take(struct wal *wal, struct wal_group **group)
{
    mutex_lock(&wal->lock);
    *group = wal->durable;
    if (*group) {
        wal->durable = (*group)->next;
        if (!wal->durable) wal->durable_last = NULL;
        (*group)->next = NULL;
    }
    mutex_unlock(&wal->lock);
    return *group != NULL;
}

void wal_group_release(struct wal_group *group)
{
    if (!group) return;
    struct wal *wal = group->wal;
    mutex_lock(&wal->lock);
    release_charge(wal, group);
    mutex_unlock(&wal->lock);
    group_drop(group);
}

bool wal_wait_untaken(struct wal *wal, uint32_t timeout_ms)
{
    int64_t deadline_ns = clock_monotonic_ns(clock_system()) + (int64_t)timeout_ms * 1000000;
    mutex_lock(&wal->lock);
    while (!wal->durable && !wal->woken && !wal->failed) {
        if (!condition_wait_until(&wal->untaken, &wal->lock, deadline_ns)) break;
    }
    wal->woken = false;
    bool ready = wal->durable != NULL;
    mutex_unlock(&wal->lock);
    return ready;
}

void wal_wake(struct wal *wal)
{
    mutex_lock(&wal->lock);
    wal->woken = true;
    condition_broadcast(&wal->untaken);
    mutex_unlock(&wal->lock);
}
