/* What windows hold, of compact records. */
#include "signals/compact_private.h"

#include <string.h>

/* Four runs without values, side by side. */
typedef int32_t four_runs __attribute__((vector_size(16)));

static ALWAYS_INLINE four_runs load_four(const uint8_t *at)
{
    four_runs runs;
    memcpy(&runs, at, sizeof runs);
    return runs;
}

static ALWAYS_INLINE uint32_t add_up(four_runs counts)
{
    return (uint32_t)(counts[0] + counts[1] + counts[2] + counts[3]);
}

/* How old the oldest bucket of a level is that a window touches, and the newest that is older than
 * all of the window but its first bucket. */
struct window_ages {
    int64_t newest; /* the number of the newest bucket */
    int64_t oldest, tail;
};

static int32_t clamp_age(int64_t age)
{
    return age < -1 ? -1 : age > NUMBER_MASK ? NUMBER_MASK : (int32_t)age;
}

struct plain_counts {
    uint32_t within, of_tail;
};

/* Those without values that are at most `oldest` buckets old, and of them those more than `tail`.
 * All runs together have no more than 23 bits, so 32 are enough for any sum.  Not by halves: four
 * at a time are quicker than a few jumps that nobody foresees. */
static ALWAYS_INLINE struct plain_counts read_counts(const uint8_t *runs, uint32_t count,
                                                     const struct window_ages *ages)
{
    int32_t oldest = clamp_age(ages->oldest), tail = clamp_age(ages->tail);
    uint32_t newest = (uint32_t)ages->newest;
    const four_runs zero = {0}, number_mask = zero + NUMBER_MASK;
    const four_runs count_mask = zero + COUNT_MAXIMUM, last = zero + (int32_t)newest;
    four_runs within = zero, of_tail = zero;
    uint32_t left = count % 4;
    for (const uint8_t *at = runs + left * 4, *end = runs + (size_t)count * 4; at < end; at += 16) {
        four_runs packed = load_four(at), age = (last - packed) & number_mask;
        four_runs counted = (packed >> NUMBER_BITS) & count_mask & (four_runs)(age <= oldest);
        within += counted;
        of_tail += counted & (four_runs)(age > tail);
    }
    struct plain_counts counts = {add_up(within), add_up(of_tail)};
    for (uint32_t i = 0; i < left; i++) {
        uint32_t packed = load_run(runs + (size_t)i * 4);
        int32_t age = (int32_t)((newest - packed) & NUMBER_MASK);
        uint32_t counted = age <= oldest ? packed >> NUMBER_BITS : 0;
        counts.within += counted;
        counts.of_tail += age > tail ? counted : 0;
    }
    return counts;
}

/* As many of the finer hop as there are in the coarser one. */
static int64_t hop_ratio(int64_t coarser_ms, int64_t finer_ms)
{
    if (coarser_ms == finer_ms) return 1;
    if (coarser_ms == WINDOW_HOUR_MS) return 12;
    return finer_ms == WINDOW_HOUR_MS ? 24 : 12 * 24;
}

static ALWAYS_INLINE struct window_ages ages_of(const struct compact *compact,
                                                const struct layout *layout, uint32_t level,
                                                const struct window_at *window)
{
    struct window_ages ages;
    int64_t hop_ms = layout->rings[level].hop_ms, ratio = hop_ratio(window->hop_ms, hop_ms);
    ages.newest = bucket_number(hop_ms, compact_newest_ms(compact));
    ages.oldest = ages.newest - window->first * ratio;
    ages.tail = ages.oldest - ratio;
    return ages;
}

/* The window of one without values. */
static struct window_reading read_plain(const struct compact *compact, const struct layout *layout,
                                        uint8_t ring, const struct window_at *window)
{
    uint32_t within = 0, of_tail = 0;
    const uint8_t *runs = runs_of(compact, layout);
    for (uint32_t level = 0; level <= ring; level++) {
        uint32_t count = level_count(compact, level);
        if (count == 0) continue;
        struct window_ages ages = ages_of(compact, layout, level, window);
        struct plain_counts counts =
            read_counts(runs + (size_t)level_start(compact, level) * 4, count, &ages);
        within += counts.within;
        of_tail += counts.of_tail;
    }
    return (struct window_reading){
        .count = within,
        .tail_count = of_tail,
        .sum = within * SIGNAL_VALUE_ONE,
        .tail_sum = of_tail * SIGNAL_VALUE_ONE,
        .tail_outside = window->tail_outside,
        .minimum = INT64_MAX,
        .maximum = INT64_MIN,
    };
}

/* Runs of one level that the window touches: those up to an age, of which the oldest are in the
 * window's first bucket. */
static void read_level(const struct compact *compact, const struct layout *layout, uint32_t level,
                       const struct window_at *window, struct window_reading *reading)
{
    uint32_t count = level_count(compact, level);
    if (count == 0) return;
    unsigned flags = compact_flags(compact);
    size_t step = stride(flags);
    struct window_ages ages = ages_of(compact, layout, level, window);
    const uint8_t *at = runs_of(compact, layout) + level_start(compact, level) * step;
    for (; count > 0; count--, at += step) {
        int64_t age = ((uint32_t)ages.newest - load_run(at)) & NUMBER_MASK;
        if (age > ages.oldest) return;
        struct run run = run_load(at, flags);
        reading->count += run.count;
        reading->sum += run.sum;
        if (run.minimum < reading->minimum) reading->minimum = run.minimum;
        if (run.maximum > reading->maximum) reading->maximum = run.maximum;
        if (age <= ages.tail) continue;
        reading->tail_count += run.count;
        reading->tail_sum += run.sum;
    }
}

struct window_reading compact_window(const struct compact *compact, const struct layout *layout,
                                     uint8_t ring, const struct window_at *window)
{
    if (!(compact_flags(compact) & COMPACT_VALUED))
        return read_plain(compact, layout, ring, window);
    struct window_reading reading = {
        .minimum = INT64_MAX, .maximum = INT64_MIN, .tail_outside = window->tail_outside};
    for (uint32_t level = 0; level <= ring; level++)
        read_level(compact, layout, level, window, &reading);
    return reading;
}
