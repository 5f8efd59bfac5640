/* Sparse rings of buckets.
 *
 * A window is (T - W, T]: half-open, so that windows one after the other share no event.  Buckets
 * are cut the same way: bucket b of a ring with hop h covers (b*h, (b+1)*h].  The hop follows from
 * the window (5 min under 12 h, 1 h under 12 d, else 1 d: Chronon's rule), and windows of one hop
 * share a ring.
 *
 * The whole-number read sums all buckets that touch the window: never less than the exact count,
 * and at most the events of one hop more.  The interpolated read takes the oldest of these buckets
 * by the share of its time that lies in the window; a bucket that `now` is in has run only until
 * now.
 *
 * A bucket is dropped as soon as the longest window at the newest event no longer touches it, and
 * an event for such a bucket is not taken in.  A window read at or after the newest event never
 * needs it, and whether it was dropped on arrival or counted and dropped later, the ring is the
 * same: so the ring depends on the set of events alone. */
#include "signals/window.h"

#include <assert.h>
#include <string.h>

int64_t window_hop_ms(int64_t window_ms)
{
    if (window_ms < 12 * (int64_t)WINDOW_HOUR_MS) return 5 * WINDOW_MINUTE_MS;
    if (window_ms < 12 * (int64_t)WINDOW_DAY_MS) return WINDOW_HOUR_MS;
    return WINDOW_DAY_MS;
}

struct bucket bucket_of(const struct ring_shape *shape, int64_t time_ms, int64_t value, int sign)
{
    return (struct bucket){
        .number = bucket_number(shape->hop_ms, time_ms),
        .count = sign,
        .sum = sign * (__int128)value,
        .minimum = sign > 0 ? value : INT64_MAX,
        .maximum = sign > 0 ? value : INT64_MIN,
    };
}

bool ring_copy(const struct ring *ring, struct ring *copy, struct memory *memory)
{
    if (ring->count == 0) return true;
    size_t bytes = ring->count * sizeof *ring->buckets;
    copy->buckets = memory_allocate(memory, bytes);
    if (!copy->buckets) return false;
    memcpy(copy->buckets, ring->buckets, bytes);
    copy->count = copy->capacity = ring->count;
    return true;
}

void ring_release(struct ring *ring, struct memory *memory)
{
    memory_free(memory, ring->buckets, ring->capacity * sizeof *ring->buckets);
    *ring = (struct ring){0};
}

/* Index of the first bucket that is not before `number`. */
static uint32_t ring_find(const struct ring *ring, int64_t number)
{
    uint32_t low = 0, high = ring->count;
    if (high > 0 && ring->buckets[high - 1].number < number) return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (ring->buckets[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void ring_remove(struct ring *ring, uint32_t index, uint32_t count)
{
    memmove(ring->buckets + index, ring->buckets + index + count,
            (ring->count - index - count) * sizeof *ring->buckets);
    ring->count -= count;
}

static bool ring_insert(struct ring *ring, struct memory *memory, uint32_t index,
                        const struct bucket *bucket)
{
    if (ring->count == ring->capacity) {
        /* Starts at one: most records see one event. */
        uint32_t capacity = ring->capacity == 0 ? 1 : ring->capacity * 2;
        if (capacity > RING_BUCKETS_MAXIMUM) capacity = RING_BUCKETS_MAXIMUM;
        assert(capacity > ring->count);
        void *grown = memory_resize(memory, ring->buckets, ring->capacity * sizeof *bucket,
                                    capacity * sizeof *bucket);
        if (!grown) return false;
        ring->buckets = grown;
        ring->capacity = capacity;
    }
    memmove(ring->buckets + index + 1, ring->buckets + index,
            (ring->count - index) * sizeof *bucket);
    ring->buckets[index] = *bucket;
    ring->count++;
    return true;
}

void ring_prune(struct ring *ring, const struct ring_shape *shape, int64_t newest_ms)
{
    int64_t first = bucket_first(shape->hop_ms, shape->longest_ms, newest_ms);
    if (ring->count > 0 && ring->buckets[0].number < first)
        ring_remove(ring, 0, ring_find(ring, first));
}

bool ring_add(struct ring *ring, const struct ring_shape *shape, struct memory *memory,
              int64_t newest_ms, const struct bucket *event)
{
    ring_prune(ring, shape, newest_ms);
    if (event->number < bucket_first(shape->hop_ms, shape->longest_ms, newest_ms)) return true;
    uint32_t index = ring_find(ring, event->number);
    if (index == ring->count || ring->buckets[index].number != event->number) {
        /* What is taken back may have been counted before the window was declared. */
        return event->count < 0 || ring_insert(ring, memory, index, event);
    }
    struct bucket *bucket = &ring->buckets[index];
    bucket->count += event->count;
    bucket->sum += event->sum;
    if (event->minimum < bucket->minimum) bucket->minimum = event->minimum;
    if (event->maximum > bucket->maximum) bucket->maximum = event->maximum;
    if (bucket->count == 0 && bucket->sum == 0) ring_remove(ring, index, 1);
    return true;
}

/* The share of bucket `number` that lies before the window. */
static double share_outside(int64_t number, int64_t hop_ms, int64_t window_ms, int64_t now_ms)
{
    if (now_ms < INT64_MIN / 2) return 0; /* before all events */
    int64_t start_ms = number * hop_ms;
    int64_t end_ms = start_ms + hop_ms < now_ms ? start_ms + hop_ms : now_ms;
    int64_t outside_ms = now_ms - window_ms - start_ms;
    assert(outside_ms >= 0 && end_ms > start_ms);
    return (double)outside_ms / (double)(end_ms - start_ms);
}

struct window_at window_at(uint8_t ring, int64_t hop_ms, int64_t window_ms, int64_t now_ms)
{
    int64_t first = bucket_first(hop_ms, window_ms, now_ms);
    return (struct window_at){
        .ring = ring,
        .hop_ms = hop_ms,
        .window_ms = window_ms,
        .first = first,
        .tail_outside = share_outside(first, hop_ms, window_ms, now_ms),
    };
}

void windows_init(struct windows *windows, int64_t now_ms)
{
    windows->count = windows->coarsest = 0;
    windows->origin = bucket_first(5 * WINDOW_MINUTE_MS, 0, now_ms);
    for (uint32_t i = 0; i < WINDOWS_TOGETHER; i++)
        windows->starts[i] = windows->ends[i] = INT32_MAX;
}

uint8_t windows_add(struct windows *windows, struct window_at window)
{
    uint32_t i = 0;
    while (i < windows->count &&
           (windows->list[i].ring != window.ring || windows->list[i].window_ms != window.window_ms))
        i++;
    if (i < windows->count) return (uint8_t)i;
    assert(i < WINDOWS_TOGETHER);
    int32_t hop = window_hop_units(window.hop_ms);
    windows->list[i] = window;
    windows->starts[i] = (int32_t)(window.first * hop - windows->origin);
    windows->ends[i] = windows->starts[i] + hop;
    windows->count++;
    if (window.ring > windows->coarsest) windows->coarsest = window.ring;
    return (uint8_t)i;
}

struct window_reading ring_read(const struct ring *ring, const struct window_at *window)
{
    struct window_reading reading = {.minimum = INT64_MAX, .maximum = INT64_MIN};
    for (uint32_t i = ring_find(ring, window->first); i < ring->count; i++) {
        const struct bucket *bucket = &ring->buckets[i];
        reading.count += bucket->count;
        reading.sum += bucket->sum;
        if (bucket->minimum < reading.minimum) reading.minimum = bucket->minimum;
        if (bucket->maximum > reading.maximum) reading.maximum = bucket->maximum;
        if (bucket->number != window->first) continue;
        reading.tail_count = bucket->count;
        reading.tail_sum = bucket->sum;
        reading.tail_outside = window->tail_outside;
    }
    return reading;
}
