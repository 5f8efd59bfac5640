/* Appending: everything that can be refused is refused before the first LSN is given.
 *
 * A call is weighed on a copy of the layout; then room is made sure of, in the files, in memory, in
 * the window of identities; then it is carried out, which cannot fail.  Making room may give up the
 * lock, so weighing starts again after it. */
#include "wal/wal_private.h"

#include <assert.h>
#include <inttypes.h>

struct call {
    const struct wal_record *records;
    size_t count;
    unsigned flags;
    struct wal_result *results;
    int64_t now_ms;
    uint64_t copied_lsn; /* of the first record, if they are a frame of another log; else 0 */
    uint64_t *hashes;    /* of each record's identity, for the window */
    uint64_t hash;       /* of one record */
    uint32_t *originals; /* of each record, the first of this call like it; NULL for one record, and
                            for a copy */
};

/* What carrying it out takes. */
struct weight {
    size_t entries; /* that are no duplicates */
    size_t body_bytes;
    size_t frame_count;
    uint64_t last_segment;
};

static enum code call_hash(struct wal *wal, struct call *call, struct error *error)
{
    call->hashes = &call->hash;
    if (call->count > 1)
        call->hashes = memory_allocate(wal->memory, call->count * sizeof *call->hashes);
    if (!call->hashes) return error_no_memory(error, AREA_WAL, call->count * sizeof *call->hashes);
    for (size_t i = 0; i < call->count; i++)
        call->hashes[i] = dedup_hash(&wal->dedup, call->records[i].identity);
    return CODE_OK;
}

static void call_release(struct wal *wal, struct call *call)
{
    if (call->hashes != &call->hash)
        memory_free(wal->memory, call->hashes, call->count * sizeof *call->hashes);
    memory_free(wal->memory, call->originals, call->count * sizeof *call->originals);
}

/* Records of one call that are duplicates of each other. */
static enum code call_find_originals(struct wal *wal, struct call *call, struct error *error)
{
    size_t slot_count = 16;
    while (slot_count < call->count * 2)
        slot_count *= 2;
    size_t slot_bytes = slot_count * sizeof(uint32_t);
    uint32_t *slots = memory_allocate_zeroed(wal->memory, slot_bytes);
    call->originals = memory_allocate(wal->memory, call->count * sizeof(*call->originals));
    if (!slots || !call->originals) {
        memory_free(wal->memory, slots, slot_bytes);
        return error_no_memory(error, AREA_WAL, slot_bytes);
    }
    for (size_t i = 0; i < call->count; i++) {
        const struct wal_record *record = &call->records[i];
        call->originals[i] = (uint32_t)i;
        if (record->flags & WAL_ENTRY_NO_DEDUPE) continue;
        size_t at = (size_t)call->hashes[i] & (slot_count - 1);
        while (slots[at] != 0 && memcmp(call->records[slots[at] - 1].identity, record->identity,
                                        WAL_IDENTITY_BYTES) != 0) {
            at = (at + 1) & (slot_count - 1);
        }
        if (slots[at] == 0) {
            slots[at] = (uint32_t)i + 1;
        } else {
            call->originals[i] = slots[at] - 1;
        }
    }
    memory_free(wal->memory, slots, slot_bytes);
    return CODE_OK;
}

size_t wal_payload_maximum(const struct wal *wal)
{
    size_t most = (size_t)wal->body_maximum - ENTRY_HEADER_BYTES;
    return most < WAL_PAYLOAD_MAXIMUM_BYTES ? most : WAL_PAYLOAD_MAXIMUM_BYTES;
}

static enum code call_check(const struct wal *wal, const struct call *call, struct error *error)
{
    size_t most = wal_payload_maximum(wal);
    uint64_t total = 0;
    if (call->count == 0 || call->count >= UINT32_MAX / 4) {
        return error_set(error, CODE_MISUSE, AREA_WAL, "%zu records in one call", call->count);
    }
    for (size_t i = 0; i < call->count; i++) {
        size_t bytes = call->records[i].payload.bytes;
        if (bytes > most) {
            return error_set(error, CODE_INVALID, AREA_WAL,
                             "an entry of %zu bytes is too big for the log: it takes %zu", bytes,
                             most);
        }
        total += entry_bytes(bytes);
    }
    bool atomic = (call->flags & WAL_APPEND_ATOMIC) != 0;
    if (atomic && (total > wal->body_maximum || call->count > FRAME_COUNT_MAXIMUM)) {
        return error_set(error, CODE_INVALID, AREA_WAL,
                         "%zu entries of %" PRIu64 " bytes are too many to be written as one",
                         call->count, total);
    }
    return CODE_OK;
}

/* Which records are in the log already.  results[i].lsn is 0 for those that are not, and for
 * repeats within the call. */
static void call_find_duplicates(const struct wal *wal, struct call *call)
{
    enum { AHEAD = 8 };
    for (size_t i = 0; i < call->count; i++) {
        const struct wal_record *record = &call->records[i];
        if (i + AHEAD < call->count) dedup_prefetch(&wal->dedup, call->hashes[i + AHEAD]);
        uint64_t lsn = 0;
        if (!(record->flags & WAL_ENTRY_NO_DEDUPE) && call->copied_lsn == 0)
            lsn = dedup_find(&wal->dedup, record->identity, call->hashes[i]);
        bool repeat = call->originals && call->originals[i] != i;
        call->results[i] =
            (struct wal_result){.code = lsn != 0 || repeat ? CODE_DUPLICATE : CODE_OK, .lsn = lsn};
    }
}

static void weigh_place(struct weight *weight, enum layout_place place)
{
    if (place != LAYOUT_SAME_FRAME) weight->frame_count++;
}

static struct weight call_weigh(const struct wal *wal, const struct call *call)
{
    struct layout layout = wal->layout;
    struct weight weight = {0};
    for (size_t i = 0; i < call->count; i++) {
        if (call->results[i].code != CODE_OK) continue;
        size_t bytes = entry_bytes(call->records[i].payload.bytes);
        weight.entries++;
        weight.body_bytes += bytes;
        if (!(call->flags & WAL_APPEND_ATOMIC)) {
            weigh_place(&weight, layout_place_entries(&layout, bytes, 1));
        }
    }
    if (weight.entries > 0 && (call->flags & WAL_APPEND_ATOMIC)) {
        weigh_place(&weight,
                    layout_place_entries(&layout, weight.body_bytes, (uint32_t)weight.entries));
    }
    weight.last_segment = layout.segment;
    return weight;
}

/* The group that the next entry goes into; not among the pending ones while it is empty. */
static struct wal_group *group_to_fill(struct wal *wal)
{
    if (wal->open) return wal->open;
    if (!wal->fresh) {
        wal->fresh = group_create(wal, wal->memory);
        if (wal->fresh) wal->outstanding_bytes += sizeof(*wal->fresh);
    }
    return wal->fresh;
}

static enum code no_room(const struct wal *wal, struct error *error)
{
    enum code code =
        error_set(error, CODE_LIMIT, AREA_WAL, "%zu bytes of entries wait to be written or applied",
                  wal->outstanding_bytes);
    error_hint(error, "wait for earlier writes, or send less in one call");
    return code;
}

/* Waits until something was released.  The caller weighs again. */
static enum code wait_for_room(struct wal *wal, const struct call *call, struct error *error)
{
    if (call->flags & WAL_APPEND_NO_BLOCK) return no_room(wal, error);
    if (!wal->has_flusher) {
        if (!wal->pending || wal->syncing) return no_room(wal, error);
        commit_lead(wal);
        return CODE_OK;
    }
    wal->blocked_count++;
    condition_signal(&wal->flush);
    condition_wait(&wal->room, &wal->lock);
    wal->blocked_count--;
    return CODE_OK;
}

/* Memory for the entries; *again: the lock was given up. */
static enum code make_room(struct wal *wal, const struct call *call, const struct weight *weight,
                           bool *again, struct error *error)
{
    struct wal_group *group = group_to_fill(wal);
    if (!group) return error_no_memory(error, AREA_WAL, sizeof(*group));
    size_t growth = group_capacity_for(group, weight->body_bytes, weight->frame_count);
    growth -= group->capacity;
    if (wal->outstanding_bytes + growth > wal->outstanding_limit) {
        bool alone = !wal->pending && !wal->durable && group == wal->fresh &&
                     wal->outstanding_bytes == sizeof(*group) + group->capacity;
        *again = true;
        return alone ? no_room(wal, error) : wait_for_room(wal, call, error);
    }
    size_t capacity = group->capacity;
    bool room = group_reserve(group, weight->body_bytes, weight->frame_count);
    wal->outstanding_bytes += group->capacity - capacity;
    if (!room || !dedup_reserve(&wal->dedup, weight->entries)) {
        return error_no_memory(error, AREA_WAL, weight->body_bytes);
    }
    return CODE_OK;
}

/* A frame takes the time of its first entry; what comes later than that by an interval gets a
 * frame, and a time, of its own. */
static int64_t frame_time(struct wal *wal, int64_t now)
{
    int64_t interval_ms = wal->commit_interval_ns / 1000000;
    if (wal->layout.open_bytes > 0 && now - wal->last_time_ms >= interval_ms) {
        layout_close_frame(&wal->layout);
    }
    return now > wal->last_time_ms ? now : wal->last_time_ms;
}

/* What is copied keeps its time, and a frame of its own. */
static enum code copy_time(struct wal *wal, const struct call *call, int64_t *time_ms,
                           struct error *error)
{
    uint64_t next_lsn = atomic_load(&wal->last_lsn) + 1;
    *time_ms = call->now_ms;
    if (call->copied_lsn != next_lsn) {
        return error_set(error, CODE_MISUSE, AREA_WAL,
                         "LSN %" PRIu64 " is copied to a log whose next is %" PRIu64,
                         call->copied_lsn, next_lsn);
    }
    if (call->now_ms < wal->last_time_ms) {
        return error_set(error, CODE_CORRUPT, AREA_WAL,
                         "the time of LSN %" PRIu64 " is before that of the entry before it",
                         call->copied_lsn);
    }
    layout_close_frame(&wal->layout);
    return CODE_OK;
}

static enum code call_prepare(struct wal *wal, struct call *call, struct weight *weight,
                              int64_t *time_ms, struct error *error)
{
    for (bool again = true; again;) {
        again = false;
        enum code code = wal_check_writable(wal, error);
        if (code != CODE_OK) return code;
        if (call->copied_lsn > 0) {
            code = copy_time(wal, call, time_ms, error);
            if (code != CODE_OK) return code;
        } else {
            *time_ms = frame_time(wal, call->now_ms);
        }
        call_find_duplicates(wal, call);
        *weight = call_weigh(wal, call);
        if (weight->entries == 0) return CODE_OK;
        if (!spare_ready(wal, weight->last_segment)) {
            code = spare_prepare(wal, SPARE_FOR_ENTRIES, error);
            again = true;
        } else {
            code = make_room(wal, call, weight, &again, error);
        }
        if (code != CODE_OK) return code;
        if (again && call->copied_lsn == 0) call->now_ms = clock_now_ms(wal->clock);
    }
    return CODE_OK;
}

static struct wal_group *group_begin(struct wal *wal)
{
    if (wal->open) return wal->open;
    struct wal_group *group = wal->fresh;
    wal->fresh = NULL;
    wal->open = group;
    group->opened_ns = clock_monotonic_ns(clock_system());
    if (wal->pending_last) {
        wal->pending_last->next = group;
    } else {
        wal->pending = group;
    }
    wal->pending_last = group;
    return group;
}

static void begin_frame(struct wal *wal, struct wal_group *group, enum layout_place place,
                        enum frame_kind kind, int64_t time_ms)
{
    uint64_t next_lsn = atomic_load(&wal->last_lsn) + 1;
    if (place == LAYOUT_NEW_SEGMENT) spare_plan(wal, wal->layout.segment);
    struct group_frame *frame = group_add_frame(group, kind, next_lsn, time_ms);
    frame->segment = wal->layout.segment;
    frame->offset = wal->layout.offset;
    if (kind != FRAME_ENTRIES) return;
    wal->last_time_ms = time_ms;
    dedup_frame(&wal->dedup, next_lsn, time_ms);
}

static void call_carry_out(struct wal *wal, struct call *call, const struct weight *weight,
                           int64_t time_ms)
{
    struct wal_group *group = group_begin(wal);
    bool atomic = (call->flags & WAL_APPEND_ATOMIC) != 0;
    bool placed = false;
    for (size_t i = 0; i < call->count; i++) {
        const struct wal_record *record = &call->records[i];
        if (call->results[i].code != CODE_OK) continue;
        if (!atomic || !placed) {
            size_t bytes = atomic ? weight->body_bytes : entry_bytes(record->payload.bytes);
            uint32_t count = atomic ? (uint32_t)weight->entries : 1;
            enum layout_place place = layout_place_entries(&wal->layout, bytes, count);
            if (place != LAYOUT_SAME_FRAME) begin_frame(wal, group, place, FRAME_ENTRIES, time_ms);
            placed = true;
        }
        uint64_t lsn = atomic_load(&wal->last_lsn) + 1;
        group_add_entry(group, record);
        assert(group->last_lsn == lsn);
        if (!(record->flags & WAL_ENTRY_NO_DEDUPE)) {
            dedup_insert(&wal->dedup, record->identity, call->hashes[i], lsn);
        }
        call->results[i].lsn = lsn;
        atomic_store_explicit(&wal->last_lsn, lsn, memory_order_release);
    }
    assert(wal->layout.segment == weight->last_segment);
    group->horizon = dedup_horizon(&wal->dedup); /* with the identities that it brought */
    if (group->bytes >= WAL_GROUP_FULL_BYTES) {
        wal->open = NULL;
        layout_close_frame(&wal->layout);
    }
}

static void call_finish(struct wal *wal, struct call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        if (call->results[i].code == CODE_DUPLICATE) wal->stats.duplicate_count++;
        if (call->results[i].lsn != 0 || !call->originals) continue;
        call->results[i].lsn = call->results[call->originals[i]].lsn;
    }
}

static enum code append_locked(struct wal *wal, struct call *call, struct error *error)
{
    struct weight weight;
    int64_t time_ms;
    enum code code = call_prepare(wal, call, &weight, &time_ms, error);
    if (code != CODE_OK) return code;
    if (weight.entries > 0) {
        call_carry_out(wal, call, &weight, time_ms);
        wal->stats.entry_count += weight.entries;
        commit_notice(wal);
    }
    call_finish(wal, call);
    return CODE_OK;
}

enum code wal_append(struct wal *wal, const struct wal_record *records, size_t count,
                     unsigned flags, struct wal_result *results, struct error *error)
{
    struct call call = {.records = records, .count = count, .flags = flags, .results = results};
    if (wal->mutant == WAL_MUTANT_ATOMIC_SPLIT) call.flags &= ~(unsigned)WAL_APPEND_ATOMIC;
    enum code code;
    TRY(wal_check_process(wal, error));
    TRY(call_check(wal, &call, error));
    TRY(call_hash(wal, &call, error)); /* outside the lock, as all of these */
    if (count > 1) TRY(call_find_originals(wal, &call, error));
    call.now_ms = clock_now_ms(wal->clock);
    mutex_lock(&wal->lock);
    code = append_locked(wal, &call, error);
    mutex_unlock(&wal->lock);
out:
    call_release(wal, &call);
    return code;
}

enum code wal_append_copy(struct wal *wal, const struct wal_entry *entries, size_t count,
                          struct error *error)
{
    struct wal_record *records = memory_allocate(wal->memory, count * sizeof *records);
    struct wal_result *results = memory_allocate(wal->memory, count * sizeof *results);
    struct call call = {.records = records,
                        .count = count,
                        .flags = WAL_APPEND_ATOMIC,
                        .results = results,
                        .now_ms = entries[0].time_ms,
                        .copied_lsn = entries[0].lsn};
    enum code code = CODE_OK;
    if (!records || !results) {
        code = error_no_memory(error, AREA_WAL, count * sizeof *records);
        goto out;
    }
    for (size_t i = 0; i < count; i++) {
        records[i] = (struct wal_record){
            .type = entries[i].type, .flags = entries[i].flags, .payload = entries[i].payload};
        memcpy(records[i].identity, entries[i].identity, WAL_IDENTITY_BYTES);
    }
    TRY(wal_check_process(wal, error));
    TRY(call_check(wal, &call, error));
    TRY(call_hash(wal, &call, error));
    mutex_lock(&wal->lock);
    code = append_locked(wal, &call, error);
    mutex_unlock(&wal->lock);
out:
    call_release(wal, &call);
    memory_free(wal->memory, records, count * sizeof *records);
    memory_free(wal->memory, results, count * sizeof *results);
    return code;
}

uint64_t wal_find(struct wal *wal, const uint8_t identity[WAL_IDENTITY_BYTES])
{
    mutex_lock(&wal->lock);
    uint64_t lsn = dedup_find(&wal->dedup, identity, dedup_hash(&wal->dedup, identity));
    mutex_unlock(&wal->lock);
    return lsn;
}

/* Tries where it would go; if that is a segment that cannot be had, uses the last pages. */
static enum code control_place(struct wal *wal, size_t body_bytes, unsigned *reserved_pages,
                               struct error *error)
{
    for (;;) {
        struct layout layout = wal->layout;
        enum layout_place place = layout_place_control(&layout, body_bytes, *reserved_pages);
        if (place == LAYOUT_NEW_FRAME || spare_ready(wal, layout.segment)) return CODE_OK;
        enum code code = spare_prepare(wal, SPARE_FOR_CONTROL, error);
        if (code == CODE_OK) {
            code = wal_check_writable(wal, error);
            if (code != CODE_OK) return code;
        } else if (*reserved_pages > 0) {
            *reserved_pages = 0;
        } else {
            return code;
        }
    }
}

/* Room for it was made sure of. */
static struct wal_group *control_write(struct wal *wal, enum frame_kind kind, struct slice body,
                                       unsigned reserved_pages)
{
    struct wal_group *group = group_begin(wal);
    enum layout_place place = layout_place_control(&wal->layout, body.bytes, reserved_pages);
    int64_t now = clock_now_ms(wal->clock);
    begin_frame(wal, group, place, kind, now > wal->last_time_ms ? now : wal->last_time_ms);
    group_add_body(group, body.data, body.bytes);
    layout_close_frame(&wal->layout);
    return group;
}

enum code append_control(struct wal *wal, enum frame_kind kind, struct slice body,
                         unsigned reserved_pages, struct wal_group **group, struct error *error)
{
    enum code code = wal_check_writable(wal, error);
    if (code == CODE_OK) code = control_place(wal, body.bytes, &reserved_pages, error);
    if (code != CODE_OK) return code;
    struct wal_group *into = group_to_fill(wal);
    size_t capacity = into ? into->capacity : 0;
    if (!into || !group_reserve(into, body.bytes, 1)) {
        return error_no_memory(error, AREA_WAL, FRAME_PAGE_BYTES);
    }
    wal->outstanding_bytes += into->capacity - capacity;
    *group = control_write(wal, kind, body, reserved_pages);
    return CODE_OK;
}

enum code append_rotation(struct wal *wal, struct wal_group **group, struct error *error)
{
    struct slice nothing = slice_of(NULL, 0);
    enum code code = CODE_OK;
    /* The file first: if it cannot be had, the present segment goes on. */
    do {
        if (code == CODE_OK) code = wal_check_writable(wal, error);
        if (code != CODE_OK) return code;
        if (spare_ready(wal, wal->layout.segment + 1)) break;
        code = spare_prepare(wal, SPARE_FOR_CONTROL, error);
    } while (true);
    struct wal_group *into = group_to_fill(wal);
    size_t capacity = into ? into->capacity : 0;
    if (!into || !group_reserve(into, 0, 1)) {
        return error_no_memory(error, AREA_WAL, FRAME_PAGE_BYTES);
    }
    wal->outstanding_bytes += into->capacity - capacity;
    layout_close_frame(&wal->layout);
    wal->layout.offset = wal->layout.segment_bytes;
    *group = control_write(wal, FRAME_MARK, nothing, WAL_MARK_RESERVE);
    return CODE_OK;
}
