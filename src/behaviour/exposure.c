/* Exposure by topic, with T for now, H for the half-life that the field's exposure was given:
 *
 *   exposure   sum over impressions of items with the topic of 2^(-(T - t)/H)
 *
 * The sum is an integer (base/decay.c) with as many spare bits as the longest lateness asks for, so
 * impressions in any order give the same bits.  A late one counts nothing, as in the ledger.
 *
 * A user has at most EXPOSURE_SLOTS topics of a field.  When another one comes the topic with the
 * lowest exposure goes, as of the newest impression of them all; of equals the one whose newest is
 * older, then the higher topic.  The new one begins with its own impression alone, so an exposure
 * is never too high, and too low by what a topic had when it went: at most the lowest of 32. The
 * half-life is short, so that is about what it would have decayed to anyway.  Not chosen: to give
 * the newcomer what the one that goes had (Space-Saving; Metwally et al., ICDT 2005), which would
 * tire a user of what was shown once; to keep all topics, of which an open vocabulary has no end.
 *
 * Which topics an item has is looked up when the impression is applied.  What happens to the item
 * later does not change what was shown. */
#include "behaviour/exposure_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static struct decay decay_of_field(const struct field *field)
{
    assert(field->exposure_half_life_ms > 0);
    return decay_of(field->exposure_half_life_ms, LATENESS_MAXIMUM_MS);
}

struct exposure_block *exposure_find(const struct exposure *exposure, ordinal user, field_id field)
{
    struct exposure_block *block = user < exposure->user_capacity ? exposure->users[user] : NULL;
    while (block && block->field != field)
        block = block->next;
    return block;
}

static bool admit_user(struct exposure *exposure, ordinal user)
{
    size_t old = exposure->user_capacity;
    if (user < old) return true;
    void *users = exposure->users;
    bool room = memory_grow(exposure->memory, &users, &exposure->user_capacity, (size_t)user + 1,
                            sizeof *exposure->users, UINT32_MAX);
    exposure->users = users;
    if (!room) return false;
    size_t added_bytes = (exposure->user_capacity - old) * sizeof *exposure->users;
    memset(exposure->users + old, 0, added_bytes);
    exposure->bytes += added_bytes;
    return true;
}

struct exposure_block *exposure_admit(struct exposure *exposure, ordinal user, entity_id user_id,
                                      field_id field)
{
    struct exposure_block *block = exposure_find(exposure, user, field);
    if (block) return block;
    if (!admit_user(exposure, user)) return NULL;
    block = memory_allocate_zeroed(exposure->memory, sizeof *block);
    if (!block) return NULL;
    block->user_id = user_id;
    block->user = user;
    block->field = field;
    struct exposure_block **place = &exposure->users[user];
    while (*place && (*place)->field < field)
        place = &(*place)->next;
    block->next = *place;
    *place = block;
    exposure->block_count++;
    exposure->bytes += sizeof *block;
    return block;
}

bool exposure_reserve(struct exposure *exposure, struct exposure_block *block, size_t count)
{
    size_t old = block->capacity, capacity = old > 0 ? old : 1;
    assert(count <= EXPOSURE_SLOTS);
    if (count <= old) return true;
    while (capacity < count)
        capacity *= 2;
    struct exposure_slot *slots = memory_resize(exposure->memory, block->slots, old * sizeof *slots,
                                                capacity * sizeof *slots);
    if (!slots) return false;
    block->slots = slots;
    block->capacity = (uint8_t)capacity;
    exposure->bytes += (capacity - old) * sizeof *slots;
    return true;
}

static void free_block(struct exposure *exposure, struct exposure_block *block)
{
    size_t slot_bytes = block->capacity * sizeof *block->slots;
    exposure->block_count--;
    exposure->bytes -= sizeof *block + slot_bytes;
    memory_free(exposure->memory, block->slots, slot_bytes);
    memory_free(exposure->memory, block, sizeof *block);
}

static void drop_user(struct exposure *exposure, ordinal user)
{
    while (exposure->users[user]) {
        struct exposure_block *block = exposure->users[user];
        exposure->users[user] = block->next;
        free_block(exposure, block);
    }
}

static bool mark_dirty(struct exposure *exposure, struct exposure_block *block)
{
    if (block->dirty) return true;
    const struct exposure_dirty one = {block->user_id, block->user, block->field};
    if (!dirty_rows_add(&exposure->rows, &one)) return false;
    block->dirty = true;
    return true;
}

/* The place of the topic, or where it would be. */
static size_t find_slot(const struct exposure_block *block, uint64_t topic)
{
    size_t low = 0, high = block->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (block->slots[middle].topic < topic) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The slot that goes when another topic comes. */
static size_t find_lowest(const struct exposure_block *block, const struct decay *decay)
{
    const struct exposure_slot *slots = block->slots;
    int64_t newest_ms = slots[0].newest_ms;
    for (size_t i = 1; i < block->count; i++)
        if (slots[i].newest_ms > newest_ms) newest_ms = slots[i].newest_ms;
    size_t lowest = 0;
    decay_sum least = decay_advance(decay, slots[0].sum, slots[0].newest_ms, newest_ms);
    for (size_t i = 1; i < block->count; i++) {
        decay_sum sum = decay_advance(decay, slots[i].sum, slots[i].newest_ms, newest_ms);
        if (sum > least) continue;
        if (sum == least && slots[i].newest_ms > slots[lowest].newest_ms) continue;
        lowest = i; /* slots ascend by topic: of equals the last is the highest */
        least = sum;
    }
    return lowest;
}

static bool expose(struct exposure *exposure, struct exposure_block *block,
                   const struct decay *decay, uint64_t topic, int64_t time_ms)
{
    size_t at = find_slot(block, topic);
    if (at == block->count || block->slots[at].topic != topic) {
        if (block->count == EXPOSURE_SLOTS) {
            size_t gone = find_lowest(block, decay);
            memmove(block->slots + gone, block->slots + gone + 1,
                    (block->count - gone - 1) * sizeof *block->slots);
            block->count--;
            if (gone < at) at--;
        }
        if (!exposure_reserve(exposure, block, (size_t)block->count + 1)) return false;
        memmove(block->slots + at + 1, block->slots + at,
                (block->count - at) * sizeof *block->slots);
        block->slots[at] = (struct exposure_slot){.topic = topic, .newest_ms = time_ms};
        block->count++;
    }
    struct exposure_slot *slot = &block->slots[at];
    if (time_ms > slot->newest_ms) {
        slot->sum = decay_advance(decay, slot->sum, slot->newest_ms, time_ms);
        slot->newest_ms = time_ms;
    }
    slot->sum = decay_add(decay, slot->sum, slot->newest_ms, time_ms, SIGNAL_VALUE_ONE, 1);
    return true;
}

static bool apply_signal(struct exposure *exposure, const struct resolved_change *change)
{
    if (change->late || change->other == ORDINAL_NONE) return true;
    for (size_t i = 0; i < change->exposed_count; i++) {
        const struct topic *topic = &change->exposed[i];
        struct decay decay = decay_of_field(&change->schema->fields[topic->field]);
        struct exposure_block *block =
            exposure_admit(exposure, change->other, change->other_id, topic->field);
        if (!block || !mark_dirty(exposure, block)) return false;
        if (!expose(exposure, block, &decay, topic->value, change->time_ms)) return false;
    }
    return true;
}

static bool apply_delete(struct exposure *exposure, const struct resolved_change *change)
{
    if (change->change->delete.kind != ENTITY_USER || change->subject >= exposure->user_capacity)
        return true;
    struct exposure_block *block = exposure->users[change->subject];
    for (; block; block = block->next)
        if (!mark_dirty(exposure, block)) return false;
    drop_user(exposure, change->subject);
    return true;
}

/* What was shown by a field whose exposure is not kept any more. */
static bool drop_field(struct exposure *exposure, field_id field)
{
    for (size_t i = 0; i < exposure->user_capacity; i++) {
        struct exposure_block **place = &exposure->users[i];
        while (*place && (*place)->field < field)
            place = &(*place)->next;
        struct exposure_block *block = *place;
        if (!block || block->field != field) continue;
        if (!mark_dirty(exposure, block)) return false;
        *place = block->next;
        free_block(exposure, block);
    }
    return true;
}

static enum code exposure_apply(void *fold, const struct resolved_change *change,
                                struct error *error)
{
    bool applied = true;
    if (change->change->kind == CHANGE_SIGNAL) applied = apply_signal(fold, change);
    if (change->change->kind == CHANGE_DELETE) applied = apply_delete(fold, change);
    if (change_drops(change, DEFINE_EXPOSURE)) applied = drop_field(fold, change->dropped->id);
    return applied ? CODE_OK
                   : error_no_memory(error, AREA_BEHAVIOUR, sizeof(struct exposure_block));
}

static void set_dirty(const struct exposure *exposure, bool dirty)
{
    const struct exposure_dirty *rows = exposure->rows.sealed.entries;
    for (size_t i = 0; i < exposure->rows.sealed.count; i++) {
        struct exposure_block *block = exposure_find(exposure, rows[i].user, rows[i].field);
        if (block) block->dirty = dirty;
    }
}

static void exposure_seal(void *fold)
{
    struct exposure *exposure = fold;
    dirty_rows_seal(&exposure->rows);
    set_dirty(exposure, false);
}

static void exposure_sealed(void *fold, bool durable)
{
    struct exposure *exposure = fold;
    if (!durable) set_dirty(exposure, true);
    dirty_rows_sealed(&exposure->rows, durable);
}

static bool check_block(const struct exposure_block *block)
{
    if (block->count == 0 || block->count > EXPOSURE_SLOTS || block->count > block->capacity)
        return false;
    if (block->next && block->next->field <= block->field) return false;
    for (size_t i = 0; i < block->count; i++) {
        if (i > 0 && block->slots[i - 1].topic >= block->slots[i].topic) return false;
        if (block->slots[i].sum < 0) return false;
    }
    return true;
}

static bool exposure_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct exposure *exposure = fold;
    size_t count = 0;
    for (size_t i = 0; i < exposure->user_capacity; i++) {
        for (const struct exposure_block *block = exposure->users[i]; block; block = block->next) {
            count++;
            if (block->user == i && check_block(block)) continue;
            snprintf(reason, reason_bytes, "what user '%llu' was shown by field %d is out of order",
                     (unsigned long long)block->user_id, (int)block->field);
            return false;
        }
    }
    if (count == exposure->block_count) return true;
    snprintf(reason, reason_bytes, "%zu blocks are counted and %zu found", exposure->block_count,
             count);
    return false;
}

static size_t exposure_bytes(const void *fold)
{
    const struct exposure *exposure = fold;
    return sizeof *exposure + exposure->bytes + dirty_rows_bytes(&exposure->rows);
}

static size_t exposure_dirty_bytes(const void *fold)
{
    enum { ROW_BYTES_ABOUT = 256 };
    return ((const struct exposure *)fold)->rows.changed.count * ROW_BYTES_ABOUT;
}

static void exposure_free(void *fold)
{
    struct exposure *exposure = fold;
    if (!exposure) return;
    struct memory *memory = exposure->memory;
    for (size_t i = 0; i < exposure->user_capacity; i++)
        drop_user(exposure, (ordinal)i);
    memory_free(memory, exposure->users, exposure->user_capacity * sizeof *exposure->users);
    dirty_rows_release(&exposure->rows);
    memory_free(memory, exposure, sizeof *exposure);
}

static const struct fold_ops exposure_ops = {
    .name = "exposure",
    .apply = exposure_apply,
    .seal = exposure_seal,
    .write = exposure_write,
    .sealed = exposure_sealed,
    .dump = exposure_dump,
    .load = exposure_load,
    .check = exposure_check,
    .bytes = exposure_bytes,
    .dirty_bytes = exposure_dirty_bytes,
    .free = exposure_free,
};

enum code exposure_create(struct memory *memory,
                          ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id),
                          void *context, struct fold *fold, struct exposure **exposure,
                          struct error *error)
{
    struct exposure *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_BEHAVIOUR, sizeof *created);
    created->memory = memory;
    dirty_rows_init(&created->rows, memory, sizeof(struct exposure_dirty));
    created->ordinal_of = ordinal_of;
    created->context = context;
    *exposure = created;
    *fold = (struct fold){.ops = &exposure_ops, .state = created};
    return CODE_OK;
}

size_t exposure_read(const struct exposure *exposure, ordinal user, const struct field *field,
                     int64_t now_ms, struct exposure_reading out[EXPOSURE_SLOTS])
{
    const struct exposure_block *block = exposure_find(exposure, user, field->id);
    if (!block) return 0;
    struct decay decay = decay_of_field(field);
    struct decay_now now = decay_now(&decay, now_ms);
    for (size_t i = 0; i < block->count; i++) {
        const struct exposure_slot *slot = &block->slots[i];
        out[i] =
            (struct exposure_reading){slot->topic, decay_read(&now, slot->sum, slot->newest_ms)};
    }
    return block->count;
}

size_t exposure_block_count(const struct exposure *exposure)
{
    return exposure->block_count;
}
