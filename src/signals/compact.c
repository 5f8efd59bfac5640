/* The layout of a compact record.
 *
 *   16 bytes       struct compact
 *   8 each         decayed sums
 *   8              sum of values of all time           if VALUED, else it is the count
 *   16             minimum and maximum of all time     if EXTREMES
 *   4, 12 or 28    runs: 9 bits of a bucket's number and 23 of its count; sum; minimum, maximum
 *
 * Rings hold each event once.  A bucket of 5 minutes lies within one of an hour and that within one
 * of a day, so an event is kept in a run of the finest ring whose longest window still touches it,
 * and a coarser ring is the sum of its own runs and the finer ones.  Runs lie in order of time, the
 * newest first:
 *
 *     5 minutes | hours | days       new ... old
 *
 * Most events are new, so one touches the first line of the cache alone.  What leaves the finest
 * ring at its old end is next to the new end of the next coarser one, which it joins where it
 * lies.  No bucket of a ring is 512 buckets older than the newest event (a
 * longest window has at most 366), so 9 bits of its number say which it is.
 *
 * No run outgrows 23 bits: no more events than that are counted in one, and the runs together never
 * have more than there are of all time.
 *
 * A pair of few events takes 48 or 64 bytes, one of a thousand spread over a month about 500; three
 * rings of 64-bit buckets, each with all of its events, took ten times as much. */
#include "signals/compact_private.h"

#include <assert.h>
#include <string.h>

size_t compact_bytes(const struct layout *layout, unsigned flags, size_t run_count)
{
    return runs_at(layout, flags) + run_count * stride(flags);
}

size_t compact_run_count(const struct compact *compact)
{
    return (size_t)level_start(compact, RING_MAXIMUM - 1) + level_count(compact, RING_MAXIMUM - 1);
}

unsigned compact_flags_for(const struct layout *layout, const struct contribution *event)
{
    if (layout->keeps_extremes) return COMPACT_VALUED | COMPACT_EXTREMES;
    return event->value == SIGNAL_VALUE_ONE ? 0 : COMPACT_VALUED;
}

void compact_init(struct compact *compact, const struct layout *layout, unsigned flags)
{
    memset(compact, 0, runs_at(layout, flags));
    compact->newest_and_flags = COMPACT_NEVER * 256 | flags;
    if (!(flags & COMPACT_EXTREMES)) return;
    totals_of(compact, layout)[1] = INT64_MAX;
    totals_of(compact, layout)[2] = INT64_MIN;
}

void compact_add_values(const struct compact *from, const struct layout *layout, struct compact *to)
{
    assert(!(compact_flags(from) & (COMPACT_VALUED | COMPACT_EXTREMES)));
    memcpy(to, from, sizeof *to + layout->decay_count * sizeof(int64_t));
    compact_set_flag(to, COMPACT_VALUED, true);
    totals_of(to, layout)[0] = (int64_t)from->count * SIGNAL_VALUE_ONE;
    size_t count = compact_run_count(from), step = stride(compact_flags(from));
    const uint8_t *read = runs_of(from, layout);
    uint8_t *write = runs_of(to, layout);
    for (size_t i = 0; i < count; i++) {
        struct run run = run_load(read + i * step, compact_flags(from));
        run_store(write + i * stride(compact_flags(to)), compact_flags(to), &run);
    }
}

__int128 compact_sum(const struct compact *compact, const struct layout *layout)
{
    if (compact_flags(compact) & COMPACT_VALUED) return totals_of(compact, layout)[0];
    return (__int128)compact->count * SIGNAL_VALUE_ONE;
}

int64_t compact_decay(const struct compact *compact, uint32_t slot)
{
    return decays_of(compact)[slot];
}

int64_t compact_minimum(const struct compact *compact, const struct layout *layout)
{
    return compact_flags(compact) & COMPACT_EXTREMES ? totals_of(compact, layout)[1] : INT64_MAX;
}

int64_t compact_maximum(const struct compact *compact, const struct layout *layout)
{
    return compact_flags(compact) & COMPACT_EXTREMES ? totals_of(compact, layout)[2] : INT64_MIN;
}
