#include "signals/record.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* The ring for a window: the one with its hop, which it may lengthen. */
static uint8_t layout_ring(struct layout *layout, int64_t window_ms)
{
    int64_t hop_ms = window_hop_ms(window_ms);
    uint8_t i = 0;
    while (i < layout->ring_count && layout->rings[i].hop_ms != hop_ms)
        i++;
    assert(i < RING_MAXIMUM);
    if (i == layout->ring_count)
        layout->rings[layout->ring_count++] = (struct ring_shape){.hop_ms = hop_ms};
    if (layout->rings[i].longest_ms < window_ms) layout->rings[i].longest_ms = window_ms;
    return i;
}

/* While the newest event goes through a hop of the finest ring, no sum may move, and no longest
 * window end in the middle of it. */
static uint64_t near_ms(const struct layout *layout)
{
    int64_t hop_ms = layout->rings[0].hop_ms;
    if (!layout->ends_align || layout->ring_rest_ms[0] > 0) return 0;
    for (uint32_t i = 0; i < layout->decay_count; i++)
        if (layout->decays[i].half_life_ms % hop_ms != 0) return 0;
    return (uint64_t)hop_ms - 1;
}

void layout_init(struct layout *layout, const struct signal *signal)
{
    memset(layout, 0, sizeof *layout); /* padding too: layouts are compared by content only */
    layout->kind = signal->kind;
    layout->keeps_extremes = signal->values == SIGNAL_VALUE_MIN_MAX;
    layout->is_state = signal->unique_per_user;
    layout->is_weighted = signal->is_weighted;
    layout->decay_count = signal->half_life_count;
    for (uint32_t i = 0; i < signal->half_life_count; i++) {
        layout->decays[i] = decay_of(signal->half_life_ms[i], signal->lateness_ms);
        layout->lambda[i] = signal->lambda[i];
    }
    decay_lanes_init(&layout->lanes, layout->decays, layout->decay_count);
    layout->window_count = signal->window_count;
    for (uint32_t i = 0; i < signal->window_count; i++) { /* ascending, and so are the hops */
        layout->window_ms[i] = signal->window_ms[i];
        layout->window_ring[i] = layout_ring(layout, signal->window_ms[i]);
        layout->baseline_ms[i] = signal->window_ms[signal->window_count - 1];
    }
    for (uint32_t i = 0; i < signal->velocity_count; i++)
        layout->baseline_ms[signal->velocity_window[i]] =
            signal->window_ms[signal->velocity_baseline[i]];
    for (uint32_t i = 0; i < signal->window_count; i++)
        layout->baseline_ring[i] = layout_ring(layout, layout->baseline_ms[i]);
    layout->ends_align = true;
    for (uint32_t i = 0; i < layout->ring_count; i++) {
        layout->ring_hops[i] = divide_by_hop(layout->rings[i].hop_ms, layout->rings[i].longest_ms,
                                             &layout->ring_rest_ms[i]);
        if (i > 0 && layout->ring_rest_ms[i] % layout->rings[0].hop_ms != 0)
            layout->ends_align = false;
    }
    if (layout->ring_count > 0) layout->near_ms = near_ms(layout);
}

bool layout_same_records(const struct layout *a, const struct layout *b)
{
    if (a->keeps_extremes != b->keeps_extremes || a->decay_count != b->decay_count ||
        a->ring_count != b->ring_count)
        return false;
    for (uint32_t i = 0; i < a->decay_count; i++) {
        if (a->decays[i].half_life_ms != b->decays[i].half_life_ms ||
            a->decays[i].spare_bits != b->decays[i].spare_bits)
            return false;
    }
    for (uint32_t i = 0; i < a->ring_count; i++) {
        if (a->rings[i].hop_ms != b->rings[i].hop_ms ||
            a->rings[i].longest_ms != b->rings[i].longest_ms)
            return false;
    }
    return true;
}

struct window_at layout_window(const struct layout *layout, uint8_t ring, int64_t window_ms,
                               int64_t now_ms)
{
    return window_at(ring, layout->rings[ring].hop_ms, window_ms, now_ms);
}

static size_t record_size(uint32_t decay_count)
{
    return sizeof(struct record) + decay_count * sizeof(decay_sum);
}

struct record *record_create(const struct layout *layout, entity_id id, struct memory *memory)
{
    struct record *record = memory_allocate_zeroed(memory, record_size(layout->decay_count));
    if (!record) return NULL;
    record->id = id;
    record->newest_ms = INT64_MIN;
    record->minimum = INT64_MAX;
    record->maximum = INT64_MIN;
    record->decay_count = (uint8_t)layout->decay_count;
    return record;
}

void record_free(struct record *record, struct memory *memory)
{
    if (!record) return;
    for (uint32_t i = 0; i < RING_MAXIMUM; i++)
        ring_release(&record->rings[i], memory);
    memory_free(memory, record, record_size(record->decay_count));
}

struct record *record_copy(const struct record *record, struct memory *memory)
{
    struct record *copy = memory_allocate(memory, record_size(record->decay_count));
    if (!copy) return NULL;
    memcpy(copy, record, record_size(record->decay_count));
    memset(copy->rings, 0, sizeof copy->rings);
    for (uint32_t i = 0; i < RING_MAXIMUM; i++) {
        if (ring_copy(&record->rings[i], &copy->rings[i], memory)) continue;
        record_free(copy, memory);
        return NULL;
    }
    return copy;
}

size_t record_bytes(const struct record *record)
{
    size_t bytes = record_size(record->decay_count);
    for (uint32_t i = 0; i < RING_MAXIMUM; i++)
        bytes += record->rings[i].capacity * sizeof(struct bucket);
    return bytes;
}

static void record_advance(struct record *record, const struct layout *layout, int64_t newest_ms)
{
    if (record->newest_ms != INT64_MIN) {
        for (uint32_t i = 0; i < layout->decay_count; i++)
            record->decays[i] =
                decay_advance(&layout->decays[i], record->decays[i], record->newest_ms, newest_ms);
    }
    record->newest_ms = newest_ms;
}

bool record_add(struct record *record, const struct layout *layout, struct memory *memory,
                const struct contribution *event, bool decays)
{
    if (event->time_ms > record->newest_ms) record_advance(record, layout, event->time_ms);
    for (uint32_t i = 0; decays && i < layout->decay_count; i++)
        record->decays[i] = decay_add(&layout->decays[i], record->decays[i], record->newest_ms,
                                      event->time_ms, event->value, event->sign);
    for (uint32_t i = 0; i < layout->ring_count; i++) {
        struct bucket bucket =
            bucket_of(&layout->rings[i], event->time_ms, event->value, event->sign);
        if (!layout->keeps_extremes) {
            bucket.minimum = INT64_MAX;
            bucket.maximum = INT64_MIN;
        }
        if (!ring_add(&record->rings[i], &layout->rings[i], memory, record->newest_ms, &bucket))
            return false;
    }
    record->count += event->sign;
    record->sum += event->sign * (__int128)event->value;
    if (layout->keeps_extremes && event->sign > 0) {
        if (event->value < record->minimum) record->minimum = event->value;
        if (event->value > record->maximum) record->maximum = event->value;
    }
    return true;
}

static decay_sum convert_decay(const struct record *old, const struct layout *from,
                               const struct decay *decay)
{
    for (uint32_t i = 0; i < from->decay_count; i++) {
        if (from->decays[i].half_life_ms != decay->half_life_ms) continue;
        int shift = decay->spare_bits - from->decays[i].spare_bits;
        if (shift <= 0) return old->decays[i] >> -shift;
        decay_sum bound = (decay_sum)1 << (DECAY_SUM_BITS - shift);
        decay_sum sum = old->decays[i];
        return (sum > bound ? bound : sum < -bound ? -bound : sum) * ((decay_sum)1 << shift);
    }
    return 0;
}

/* The sums of what the finer ring has. */
static bool fill_ring(struct record *record, const struct layout *layout, uint32_t ring,
                      struct memory *memory)
{
    const struct ring *finer = &record->rings[ring - 1];
    int64_t ratio = layout->rings[ring].hop_ms / layout->rings[ring - 1].hop_ms;
    for (uint32_t i = 0; i < finer->count; i++) {
        struct bucket bucket = finer->buckets[i];
        int64_t left;
        bucket.number = floor_divide(bucket.number, ratio, &left);
        if (!ring_add(&record->rings[ring], &layout->rings[ring], memory, record->newest_ms,
                      &bucket))
            return false;
    }
    return true;
}

static bool convert_ring(struct record *record, uint32_t ring, struct record *old,
                         const struct layout *from, const struct layout *to, struct memory *memory)
{
    const struct ring_shape *shape = &to->rings[ring];
    for (uint32_t i = 0; i < from->ring_count; i++) {
        if (from->rings[i].hop_ms != shape->hop_ms) continue;
        record->rings[ring] = old->rings[i];
        old->rings[i] = (struct ring){0};
        ring_prune(&record->rings[ring], shape, record->newest_ms);
        return true;
    }
    return ring == 0 || fill_ring(record, to, ring, memory);
}

struct record *record_convert(struct record *old, const struct layout *from,
                              const struct layout *to, struct memory *memory)
{
    struct record *record = record_create(to, old->id, memory);
    if (!record) return NULL;
    record->newest_ms = old->newest_ms;
    record->count = old->count;
    record->sum = old->sum;
    if (to->keeps_extremes && from->keeps_extremes) {
        record->minimum = old->minimum;
        record->maximum = old->maximum;
    }
    for (uint32_t i = 0; i < to->decay_count; i++)
        record->decays[i] = convert_decay(old, from, &to->decays[i]);
    for (uint32_t i = 0; i < to->ring_count; i++) {
        if (!convert_ring(record, i, old, from, to, memory)) {
            record_free(record, memory);
            return NULL;
        }
        for (uint32_t b = 0; !to->keeps_extremes && b < record->rings[i].count; b++) {
            record->rings[i].buckets[b].minimum = INT64_MAX;
            record->rings[i].buckets[b].maximum = INT64_MIN;
        }
    }
    return record;
}

static bool ring_check(const struct ring *ring, const struct ring_shape *shape,
                       const struct record *record)
{
    int64_t first = bucket_first(shape->hop_ms, shape->longest_ms, record->newest_ms);
    int64_t last = bucket_of(shape, record->newest_ms, 0, 1).number;
    for (uint32_t i = 0; i < ring->count; i++) {
        const struct bucket *bucket = &ring->buckets[i];
        if (bucket->number < first || bucket->number > last) return false;
        if (i > 0 && bucket[-1].number >= bucket->number) return false;
        if (bucket->count == 0 && bucket->sum == 0) return false;
    }
    return ring->count <= ring->capacity;
}

bool record_check(const struct record *record, const struct layout *layout, char *reason,
                  size_t reason_bytes)
{
    if (record->count <= 0) {
        snprintf(reason, reason_bytes, "record of entity '%llu' counts nothing",
                 (unsigned long long)record->id);
        return false;
    }
    if (record->decay_count != layout->decay_count) {
        snprintf(reason, reason_bytes, "record of entity '%llu' has %u decayed sums, not %u",
                 (unsigned long long)record->id, record->decay_count, layout->decay_count);
        return false;
    }
    for (uint32_t i = 0; i < layout->ring_count; i++) {
        if (ring_check(&record->rings[i], &layout->rings[i], record)) continue;
        snprintf(reason, reason_bytes, "ring %u of entity '%llu' is out of order", i,
                 (unsigned long long)record->id);
        return false;
    }
    return true;
}
