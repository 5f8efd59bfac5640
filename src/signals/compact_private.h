/* What the files of compact records share: how runs lie (compact.c has the layout). */
#ifndef TIDAL_SIGNALS_COMPACT_PRIVATE_H
#define TIDAL_SIGNALS_COMPACT_PRIVATE_H

#include "signals/compact.h"

#include <assert.h>
#include <string.h>

enum { NUMBER_BITS = 9, NUMBER_MASK = (1 << NUMBER_BITS) - 1, LEVEL_BITS = 10 };
enum { COUNT_MAXIMUM = (1 << (32 - NUMBER_BITS)) - 1, RUNS_MAXIMUM = RING_MAXIMUM * 512 };

#define TIME_BOUND    DECAY_SMALL_TIME_BOUND
#define COMPACT_NEVER (-((int64_t)1 << 55)) /* newest_ms of an empty one */
#define SMALL_SUM     ((decay_sum)1 << 62)

_Static_assert(sizeof(struct compact) == 16, "the head of a compact record has 16 bytes");
_Static_assert(RING_MAXIMUM == 3, "level_start adds up two finer levels");

/* A run as it is thought of. */
struct run {
    uint32_t number; /* its last bits */
    uint32_t count;
    int64_t sum, minimum, maximum;
};

/* Of this machine's order: it never leaves memory. */
static inline uint32_t load_run(const uint8_t *at)
{
    uint32_t packed;
    memcpy(&packed, at, sizeof packed);
    return packed;
}

static inline size_t stride(unsigned flags)
{
    return flags & COMPACT_EXTREMES ? 28 : flags & COMPACT_VALUED ? 12 : 4;
}

static inline size_t runs_at(const struct layout *layout, unsigned flags)
{
    return sizeof(struct compact) + layout->decay_count * sizeof(int64_t) +
           (flags & COMPACT_VALUED ? 8 : 0) + (flags & COMPACT_EXTREMES ? 16 : 0);
}

/* The runs of one that has these flags, which the caller may know before. */
static inline uint8_t *runs_with(const struct compact *compact, const struct layout *layout,
                                 unsigned flags)
{
    return (uint8_t *)(uintptr_t)compact + runs_at(layout, flags);
}

static inline uint8_t *runs_of(const struct compact *compact, const struct layout *layout)
{
    return runs_with(compact, layout, compact_flags(compact));
}

static inline int64_t *decays_of(const struct compact *compact)
{
    return (int64_t *)((uintptr_t)compact + sizeof *compact);
}

/* Sum, minimum, maximum, as far as they are kept. */
static inline int64_t *totals_of(const struct compact *compact, const struct layout *layout)
{
    return decays_of(compact) + layout->decay_count;
}

static inline uint32_t level_count(const struct compact *compact, uint32_t level)
{
    return compact->run_counts[0] >> (level * LEVEL_BITS) & ((1U << LEVEL_BITS) - 1);
}

static inline void level_change(struct compact *compact, uint32_t level, int32_t by)
{
    compact->run_counts[0] += (uint32_t)by << (level * LEVEL_BITS);
}

/* Index of the first run of a level: those of all finer ones come before. */
static inline uint32_t level_start(const struct compact *compact, uint32_t level)
{
    uint32_t finer = compact->run_counts[0] & ((1U << (level * LEVEL_BITS)) - 1);
    return (finer & ((1U << LEVEL_BITS) - 1)) + (finer >> LEVEL_BITS);
}

static inline struct run run_load(const uint8_t *at, unsigned flags)
{
    uint32_t packed = load_run(at);
    struct run run = {.number = packed & NUMBER_MASK, .count = packed >> NUMBER_BITS};
    run.sum = (int64_t)run.count * SIGNAL_VALUE_ONE;
    run.minimum = INT64_MAX;
    run.maximum = INT64_MIN;
    if (flags & COMPACT_VALUED) memcpy(&run.sum, at + 4, sizeof run.sum);
    if (flags & COMPACT_EXTREMES) {
        memcpy(&run.minimum, at + 12, sizeof run.minimum);
        memcpy(&run.maximum, at + 20, sizeof run.maximum);
    }
    return run;
}

static inline void run_store(uint8_t *at, unsigned flags, const struct run *run)
{
    assert(run->count <= COUNT_MAXIMUM);
    uint32_t packed = (run->number & NUMBER_MASK) | run->count << NUMBER_BITS;
    memcpy(at, &packed, sizeof packed);
    if (flags & COMPACT_VALUED) memcpy(at + 4, &run->sum, sizeof run->sum);
    if (flags & COMPACT_EXTREMES) {
        memcpy(at + 12, &run->minimum, sizeof run->minimum);
        memcpy(at + 20, &run->maximum, sizeof run->maximum);
    }
}

static inline void run_join(struct run *run, const struct run *other)
{
    run->count += other->count;
    run->sum += other->sum;
    if (other->minimum < run->minimum) run->minimum = other->minimum;
    if (other->maximum > run->maximum) run->maximum = other->maximum;
}

static inline size_t counted_in_runs(const struct compact *compact, const struct layout *layout)
{
    size_t step = stride(compact_flags(compact)), sum = 0, count = compact_run_count(compact);
    const uint8_t *at = runs_of(compact, layout);
    for (size_t i = 0; i < count; i++)
        sum += load_run(at + i * step) >> NUMBER_BITS;
    return sum;
}

#endif
