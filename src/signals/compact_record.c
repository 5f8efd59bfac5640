/* Compact records from and to `struct record`, whose rings each hold all of their events: what a
 * coarser ring has beyond the finer ones is what is left when theirs is taken off. */
#include "signals/compact_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Adds the runs of `level` to the buckets of a ring as fine or coarser. */
static bool expand_level(const struct compact *compact, const struct layout *layout, uint32_t level,
                         uint32_t ring, struct record *record, struct memory *memory)
{
    size_t step = stride(compact_flags(compact));
    uint32_t count = level_count(compact, level);
    const uint8_t *at = runs_of(compact, layout) + (level_start(compact, level) + count) * step;
    int64_t left, ratio = layout->rings[ring].hop_ms / layout->rings[level].hop_ms;
    int64_t newest = bucket_number(layout->rings[level].hop_ms, compact_newest_ms(compact));
    for (; count > 0; count--) {
        at -= step;
        struct run run = run_load(at, compact_flags(compact));
        int64_t number = newest - (((uint32_t)newest - run.number) & NUMBER_MASK);
        struct bucket bucket = {floor_divide(number, ratio, &left), run.count, run.sum, run.minimum,
                                run.maximum};
        if (!ring_add(&record->rings[ring], &layout->rings[ring], memory,
                      compact_newest_ms(compact), &bucket))
            return false;
    }
    return true;
}

struct record *compact_expand(const struct compact *compact, const struct layout *layout,
                              entity_id id, struct memory *memory)
{
    struct record *record = record_create(layout, id, memory);
    if (!record) return NULL;
    record->newest_ms =
        compact_newest_ms(compact) == COMPACT_NEVER ? INT64_MIN : compact_newest_ms(compact);
    record->count = compact->count;
    record->sum = compact_sum(compact, layout);
    record->minimum = compact_minimum(compact, layout);
    record->maximum = compact_maximum(compact, layout);
    record->dirty = compact_flags(compact) & COMPACT_DIRTY;
    for (uint32_t i = 0; i < layout->decay_count; i++)
        record->decays[i] = compact_decay(compact, i);
    for (uint32_t ring = 0; ring < layout->ring_count; ring++) {
        for (uint32_t level = ring + 1; level-- > 0;) { /* the oldest first */
            if (expand_level(compact, layout, level, ring, record, memory)) continue;
            record_free(record, memory);
            return NULL;
        }
    }
    return record;
}

/* A record as runs, if it can be one. */
struct runs {
    struct run list[RUNS_MAXIMUM]; /* the oldest first */
    uint32_t count;
    uint32_t level_counts[RING_MAXIMUM];
    uint64_t counted;
    bool valued;
};

/* Takes what a finer ring has in that bucket off it; *taken: the extremes of what it has. */
static void take_off(const struct ring *finer, uint32_t *at, int64_t ratio, struct bucket *bucket,
                     struct bucket *taken)
{
    int64_t left;
    *taken = (struct bucket){.minimum = INT64_MAX, .maximum = INT64_MIN};
    for (; *at < finer->count; (*at)++) {
        const struct bucket *fine = &finer->buckets[*at];
        if (floor_divide(fine->number, ratio, &left) != bucket->number) return;
        bucket->count -= fine->count;
        bucket->sum -= fine->sum;
        if (fine->minimum < taken->minimum) taken->minimum = fine->minimum;
        if (fine->maximum > taken->maximum) taken->maximum = fine->maximum;
    }
}

static bool put_run(struct runs *runs, uint32_t level, const struct bucket *bucket)
{
    if (bucket->count < 0 || bucket->count > COUNT_MAXIMUM) return false;
    if (bucket->sum >= SMALL_SUM || bucket->sum <= -SMALL_SUM) return false;
    if (runs->level_counts[level] >= NUMBER_MASK) return false;
    runs->list[runs->count++] =
        (struct run){(uint32_t)bucket->number & NUMBER_MASK, (uint32_t)bucket->count,
                     (int64_t)bucket->sum, bucket->minimum, bucket->maximum};
    runs->level_counts[level]++;
    runs->counted += (uint64_t)bucket->count;
    if (bucket->sum != bucket->count * SIGNAL_VALUE_ONE) runs->valued = true;
    return true;
}

static bool put_level(const struct record *record, const struct layout *layout, uint32_t level,
                      struct runs *runs)
{
    static const struct ring none;
    const struct ring *ring = &record->rings[level], *finer = level > 0 ? ring - 1 : &none;
    int64_t ratio = 1, finer_first = INT64_MAX;
    uint32_t at = 0;
    if (level > 0) {
        const struct ring_shape *shape = &layout->rings[level - 1];
        ratio = layout->rings[level].hop_ms / shape->hop_ms;
        finer_first = bucket_first(shape->hop_ms, shape->longest_ms, record->newest_ms);
    }
    for (uint32_t i = 0; i < ring->count; i++) {
        struct bucket bucket = ring->buckets[i], taken;
        take_off(finer, &at, ratio, &bucket, &taken);
        if (bucket.count == 0) {
            bool same = taken.minimum == bucket.minimum && taken.maximum == bucket.maximum;
            if (bucket.sum != 0 || (layout->keeps_extremes && !same)) return false;
            continue;
        }
        /* What is in no finer bucket must be older than those. */
        if (level > 0 && bucket.number * ratio >= finer_first) return false;
        if (!put_run(runs, level, &bucket)) return false;
    }
    return at == finer->count;
}

static bool decompose(const struct record *record, const struct layout *layout, struct runs *runs)
{
    runs->count = 0;
    runs->counted = 0;
    memset(runs->level_counts, 0, sizeof runs->level_counts);
    if (record->newest_ms <= -TIME_BOUND || record->newest_ms >= TIME_BOUND) return false;
    if (record->count <= 0 || record->count > COUNT_MAXIMUM) return false;
    if (record->sum >= SMALL_SUM || record->sum <= -SMALL_SUM) return false;
    runs->valued = layout->keeps_extremes || record->sum != record->count * SIGNAL_VALUE_ONE;
    for (uint32_t i = 0; i < layout->decay_count; i++)
        if (record->decays[i] >= SMALL_SUM || record->decays[i] < -SMALL_SUM) return false;
    for (uint32_t level = layout->ring_count; level-- > 0;)
        if (!put_level(record, layout, level, runs)) return false;
    return runs->counted <= (uint64_t)record->count;
}

static unsigned flags_of(const struct layout *layout, const struct runs *runs)
{
    if (layout->keeps_extremes) return COMPACT_VALUED | COMPACT_EXTREMES;
    return runs->valued ? COMPACT_VALUED : 0;
}

size_t compact_measure(const struct record *record, const struct layout *layout)
{
    struct runs runs;
    if (!decompose(record, layout, &runs)) return 0;
    return compact_bytes(layout, flags_of(layout, &runs), runs.count);
}

void compact_fill(struct compact *compact, const struct record *record, const struct layout *layout)
{
    struct runs runs;
    bool fits = decompose(record, layout, &runs);
    assert(fits);
    (void)fits;
    unsigned flags = flags_of(layout, &runs);
    compact_init(compact, layout, flags);
    compact->newest_and_flags = record->newest_ms * 256 | flags;
    compact->count = (uint32_t)record->count;
    compact_set_flag(compact, COMPACT_DIRTY, record->dirty);
    for (uint32_t i = 0; i < layout->decay_count; i++)
        decays_of(compact)[i] = (int64_t)record->decays[i];
    int64_t *totals = totals_of(compact, layout);
    if (flags & COMPACT_VALUED) totals[0] = (int64_t)record->sum;
    if (flags & COMPACT_EXTREMES) {
        totals[1] = record->minimum;
        totals[2] = record->maximum;
    }
    for (uint32_t i = 0; i < RING_MAXIMUM; i++)
        level_change(compact, i, (int32_t)runs.level_counts[i]);
    for (uint32_t i = 0; i < runs.count; i++)
        run_store(runs_of(compact, layout) + i * stride(flags), flags,
                  &runs.list[runs.count - 1 - i]);
}

static bool check_level(const struct compact *compact, const struct layout *layout, uint32_t level)
{
    const struct ring_shape *shape = &layout->rings[level];
    int64_t newest_ms = compact_newest_ms(compact);
    int64_t newest = bucket_number(shape->hop_ms, newest_ms);
    int64_t first = bucket_first(shape->hop_ms, shape->longest_ms, newest_ms), last = newest + 1;
    size_t step = stride(compact_flags(compact));
    const uint8_t *at = runs_of(compact, layout) + level_start(compact, level) * step;
    for (uint32_t i = level_count(compact, level); i > 0; i--, at += step) {
        struct run run = run_load(at, compact_flags(compact));
        int64_t number = newest - (((uint32_t)newest - run.number) & NUMBER_MASK);
        if (number >= last || number < first || run.count == 0) return false;
        last = number;
    }
    return true;
}

bool compact_check(const struct compact *compact, const struct layout *layout, char *reason,
                   size_t reason_bytes)
{
    bool right = compact->count > 0 && counted_in_runs(compact, layout) <= compact->count;
    for (uint32_t level = 0; level < RING_MAXIMUM && right; level++)
        right = level < layout->ring_count ? check_level(compact, layout, level)
                                           : level_count(compact, level) == 0;
    if (!right) snprintf(reason, reason_bytes, "a compact record is out of order");
    return right;
}
