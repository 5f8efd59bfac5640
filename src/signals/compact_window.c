/* What windows hold, of compact records.
 *
 * All windows that are asked for are read in one pass over the runs, four of them side by side.  A
 * bucket lies within one of any coarser hop.  So a run is in a window if its bucket begins no
 * earlier than the window's first one, and in that one if it begins before its end, whichever rings
 * the two are of.  What is in a coarser ring than the window's own has left that ring, and is
 * before the window.
 *
 * Times are in units of 5 minutes from the windows' origin, so that 32 bits are enough.  Nothing in
 * the loop over the runs is a jump but its end: nobody foresees in which window a run is. */
#include "signals/compact_private.h"

#include <string.h>

/* Beyond every window, and far from the end of 32 bits. */
#define LONG_AGO (INT32_MIN / 2)

/* The newest bucket of a level. */
struct level {
    uint32_t newest; /* its number, */
    int32_t start;   /* when it begins, */
    int32_t hop;     /* and how long it is */
};

/* The runs of a record, of the levels that are read. */
struct reader {
    const uint8_t *runs;
    uint32_t count, ends[RING_MAXIMUM - 1]; /* of the finer levels */
    struct level levels[RING_MAXIMUM];
};

static ALWAYS_INLINE void reader_init(struct reader *reader, const struct compact *compact,
                                      const struct layout *layout, const struct windows *windows)
{
    uint32_t coarsest = windows->coarsest;
    reader->runs = runs_of(compact, layout);
    reader->count = level_start(compact, coarsest) + level_count(compact, coarsest);
    reader->ends[0] = level_start(compact, 1);
    reader->ends[1] = level_start(compact, 2);
    for (uint32_t i = 0; i <= coarsest; i++) {
        int64_t hop_ms = layout->rings[i].hop_ms;
        int64_t newest = bucket_number(hop_ms, compact_newest_ms(compact));
        int32_t hop = window_hop_units(hop_ms);
        int64_t start = newest * hop - windows->origin;
        if (start < LONG_AGO) start = LONG_AGO;
        reader->levels[i] = (struct level){(uint32_t)newest, (int32_t)start, hop};
    }
}

/* When the bucket of a run begins. */
static ALWAYS_INLINE int32_t start_of(const struct reader *reader, uint32_t index, uint32_t number)
{
    int level = (index >= reader->ends[0]) + (index >= reader->ends[1]);
    const struct level *of = &reader->levels[level];
    return of->start - (int32_t)((of->newest - number) & NUMBER_MASK) * of->hop;
}

typedef int32_t four_windows __attribute__((vector_size(16)));

static ALWAYS_INLINE four_windows load_four(const int32_t *of)
{
    four_windows windows;
    memcpy(&windows, of, sizeof windows);
    return windows;
}

/* Counts of a record without values, in up to four windows from `first` on.  All runs together have
 * no more than 23 bits. */
static ALWAYS_INLINE void read_four(const struct reader *reader, const struct windows *windows,
                                    uint32_t first, struct window_reading *readings)
{
    const four_windows starts = load_four(windows->starts + first);
    const four_windows ends = load_four(windows->ends + first);
    four_windows within = {0}, of_tail = {0};
    int32_t counts[4], tail_counts[4];
    for (uint32_t i = 0; i < reader->count; i++) {
        uint32_t packed = load_run(reader->runs + (size_t)i * 4);
        const four_windows zero = {0}, start = zero + start_of(reader, i, packed);
        four_windows counted = (start >= starts) & (zero + (int32_t)(packed >> NUMBER_BITS));
        within += counted;
        of_tail += counted & (start < ends);
    }
    memcpy(counts, &within, sizeof counts);
    memcpy(tail_counts, &of_tail, sizeof tail_counts);
    for (uint32_t i = 0; i < 4 && first + i < windows->count; i++)
        readings[first + i] = (struct window_reading){
            .count = counts[i],
            .tail_count = tail_counts[i],
            .sum = counts[i] * SIGNAL_VALUE_ONE,
            .tail_sum = tail_counts[i] * SIGNAL_VALUE_ONE,
            .tail_outside = windows->list[first + i].tail_outside,
            .minimum = INT64_MAX,
            .maximum = INT64_MIN,
        };
}

static void count_run(const struct run *run, bool in_tail, struct window_reading *reading)
{
    reading->count += run->count;
    reading->sum += run->sum;
    if (run->minimum < reading->minimum) reading->minimum = run->minimum;
    if (run->maximum > reading->maximum) reading->maximum = run->maximum;
    if (!in_tail) return;
    reading->tail_count += run->count;
    reading->tail_sum += run->sum;
}

static void read_values(const struct reader *reader, unsigned flags, const struct windows *windows,
                        struct window_reading *readings)
{
    for (uint32_t i = 0; i < windows->count; i++)
        readings[i] = (struct window_reading){.minimum = INT64_MAX,
                                              .maximum = INT64_MIN,
                                              .tail_outside = windows->list[i].tail_outside};
    for (uint32_t i = 0; i < reader->count; i++) {
        struct run run = run_load(reader->runs + i * stride(flags), flags);
        int32_t start = start_of(reader, i, run.number);
        for (uint32_t j = 0; j < windows->count; j++)
            if (start >= windows->starts[j])
                count_run(&run, start < windows->ends[j], &readings[j]);
    }
}

void compact_windows(const struct compact *compact, const struct layout *layout,
                     const struct windows *windows, struct window_reading *readings)
{
    struct reader reader;
    unsigned flags = compact_flags(compact);
    reader_init(&reader, compact, layout, windows);
    if (flags & COMPACT_VALUED) {
        read_values(&reader, flags, windows, readings);
        return;
    }
    for (uint32_t i = 0; i < windows->count; i += 4)
        read_four(&reader, windows, i, readings);
}
