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
 * coarsest ring first:
 *
 *     days | hours | 5 minutes       old ... new
 *
 * What leaves the finest ring at its old end is next to the new end of the next coarser one, which
 * it joins where it lies.  No bucket of a ring is 512 buckets older than the newest event (a
 * longest window has at most 366), so 9 bits of its number say which it is.
 *
 * No run outgrows 23 bits: no more events than that are counted in one, and the runs together never
 * have more than there are of all time.
 *
 * A pair of few events takes 48 or 64 bytes, one of a thousand spread over a month about 500; three
 * rings of 64-bit buckets, each with all of its events, took ten times as much. */
#include "signals/compact.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { NUMBER_BITS = 9, NUMBER_MASK = (1 << NUMBER_BITS) - 1, LEVEL_BITS = 10 };
enum { COUNT_MAXIMUM = (1 << (32 - NUMBER_BITS)) - 1, RUNS_MAXIMUM = RING_MAXIMUM * 512 };

#define TIME_BOUND DECAY_SMALL_TIME_BOUND
#define NEVER      (-((int64_t)1 << 55)) /* newest_ms of an empty one */
#define SMALL_SUM  ((decay_sum)1 << 62)

_Static_assert(sizeof(struct compact) == 16, "the head of a compact record has 16 bytes");
_Static_assert(RING_MAXIMUM == 3, "level_start adds up two coarser levels");

/* A run as it is thought of. */
struct run {
    uint32_t number; /* its last bits */
    uint32_t count;
    int64_t sum, minimum, maximum;
};

/* Of this machine's order: it never leaves memory. */
static uint32_t load_run(const uint8_t *at)
{
    uint32_t packed;
    memcpy(&packed, at, sizeof packed);
    return packed;
}

static size_t stride(unsigned flags)
{
    return flags & COMPACT_EXTREMES ? 28 : flags & COMPACT_VALUED ? 12 : 4;
}

static size_t runs_at(const struct layout *layout, unsigned flags)
{
    return sizeof(struct compact) + layout->decay_count * sizeof(int64_t) +
           (flags & COMPACT_VALUED ? 8 : 0) + (flags & COMPACT_EXTREMES ? 16 : 0);
}

static uint8_t *runs_of(const struct compact *compact, const struct layout *layout)
{
    return (uint8_t *)(uintptr_t)compact + runs_at(layout, compact_flags(compact));
}

static int64_t *decays_of(const struct compact *compact)
{
    return (int64_t *)((uintptr_t)compact + sizeof *compact);
}

/* Sum, minimum, maximum, as far as they are kept. */
static int64_t *totals_of(const struct compact *compact, const struct layout *layout)
{
    return decays_of(compact) + layout->decay_count;
}

static uint32_t level_count(const struct compact *compact, uint32_t level)
{
    return compact->run_counts[0] >> (level * LEVEL_BITS) & ((1U << LEVEL_BITS) - 1);
}

static void level_change(struct compact *compact, uint32_t level, int32_t by)
{
    compact->run_counts[0] += (uint32_t)by << (level * LEVEL_BITS);
}

/* Index of the first run of a level: those of all coarser ones come before. */
static uint32_t level_start(const struct compact *compact, uint32_t level)
{
    const uint32_t mask = (1U << LEVEL_BITS) - 1;
    uint32_t coarser = compact->run_counts[0] >> (level * LEVEL_BITS) >> LEVEL_BITS;
    return (coarser & mask) + (coarser >> LEVEL_BITS & mask);
}

static struct run run_load(const uint8_t *at, unsigned flags)
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

static void run_store(uint8_t *at, unsigned flags, const struct run *run)
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

static void run_join(struct run *run, const struct run *other)
{
    run->count += other->count;
    run->sum += other->sum;
    if (other->minimum < run->minimum) run->minimum = other->minimum;
    if (other->maximum > run->maximum) run->maximum = other->maximum;
}

size_t compact_bytes(const struct layout *layout, unsigned flags, size_t run_count)
{
    return runs_at(layout, flags) + run_count * stride(flags);
}

size_t compact_run_count(const struct compact *compact)
{
    return (size_t)level_start(compact, 0) + level_count(compact, 0);
}

unsigned compact_flags_for(const struct layout *layout, const struct contribution *event)
{
    if (layout->keeps_extremes) return COMPACT_VALUED | COMPACT_EXTREMES;
    return event->value == SIGNAL_VALUE_ONE ? 0 : COMPACT_VALUED;
}

void compact_init(struct compact *compact, const struct layout *layout, unsigned flags)
{
    memset(compact, 0, runs_at(layout, flags));
    compact->newest_and_flags = NEVER * 256 | flags;
    if (!(flags & COMPACT_EXTREMES)) return;
    totals_of(compact, layout)[1] = INT64_MAX;
    totals_of(compact, layout)[2] = INT64_MIN;
}

/* A time in the hops of a ring: in hop `number`, so long behind its start. */
struct hop_place {
    int64_t number, left_ms;
};

static ALWAYS_INLINE struct hop_place hop_place(const struct ring_shape *shape, int64_t time_ms)
{
    struct hop_place place;
    place.number = divide_by_hop(shape->hop_ms, time_ms, &place.left_ms);
    return place;
}

/* The same of a time that is `apart_ms` later: most are in the same hop. */
static ALWAYS_INLINE struct hop_place later_place(const struct ring_shape *shape,
                                                  struct hop_place place, int64_t time_ms,
                                                  int64_t apart_ms)
{
    if (apart_ms >= shape->hop_ms - place.left_ms) return hop_place(shape, time_ms + apart_ms);
    place.left_ms += apart_ms;
    return place;
}

/* As bucket_number and bucket_first say of its time. */
static ALWAYS_INLINE int64_t place_bucket(struct hop_place place)
{
    return place.number - (place.left_ms == 0);
}

static ALWAYS_INLINE int64_t place_first(const struct layout *layout, uint32_t level,
                                         struct hop_place place)
{
    return place.number - layout->ring_hops[level] - (place.left_ms < layout->ring_rest_ms[level]);
}

/* The bucket of the next coarser ring that a bucket lies in.  Ratios are written out so that none
 * is divided by at run time. */
static int64_t coarser_bucket(int64_t number, int64_t ratio)
{
    int64_t left;
    if (ratio == 12) return floor_divide(number, 12, &left);
    if (ratio == 24) return floor_divide(number, 24, &left);
    assert(ratio == 12 * 24);
    return floor_divide(number, 12 * 24, &left);
}

/* Moves the runs of `level` that are too old for it, those of buckets before `first`, from its old
 * end to the next coarser one, or away.  `old_ms` was the newest event when their numbers were
 * written. */
static void expire(struct compact *compact, const struct layout *layout, uint32_t level,
                   int64_t old_ms, int64_t first)
{
    const struct ring_shape *shape = &layout->rings[level];
    uint32_t count = level_count(compact, level), gone = 0;
    if (count == 0) return;
    unsigned flags = compact_flags(compact);
    size_t step = stride(flags);
    int64_t newest = bucket_number(shape->hop_ms, old_ms);
    bool has_coarser = level + 1 < layout->ring_count;
    int64_t ratio = has_coarser ? layout->rings[level + 1].hop_ms / shape->hop_ms : 1;
    uint32_t coarser = has_coarser ? level_count(compact, level + 1) : 0;
    uint8_t *read = runs_of(compact, layout) + level_start(compact, level) * step, *write = read;
    for (; gone < count; gone++, read += step) {
        uint32_t stored = load_run(read) & NUMBER_MASK;
        int64_t number = newest - (((uint32_t)newest - stored) & NUMBER_MASK);
        if (number >= first) break;
        if (!has_coarser) continue;
        struct run run = run_load(read, flags);
        run.number = (uint32_t)coarser_bucket(number, ratio) & NUMBER_MASK;
        struct run last = {.count = 0};
        if (coarser > 0) last = run_load(write - step, flags);
        if (coarser > 0 && last.number == run.number) {
            run_join(&last, &run);
            run_store(write - step, flags, &last);
        } else {
            run_store(write, flags, &run);
            write += step;
            coarser++;
        }
    }
    if (gone == 0) return;
    uint8_t *end = runs_of(compact, layout) + compact_run_count(compact) * step;
    memmove(write, read, (size_t)(end - read));
    if (has_coarser)
        level_change(compact, level + 1, (int32_t)(coarser - level_count(compact, level + 1)));
    level_change(compact, level, -(int32_t)gone);
}

/* Drops and moves what the longest windows at `time_ms`, which is newer than all before it, do not
 * see any more; places[level]: of that time. */
static ALWAYS_INLINE void advance(struct compact *compact, const struct layout *layout,
                                  int64_t old_ms, int64_t time_ms, const struct hop_place *places)
{
    int64_t apart_ms = time_ms - old_ms;
    compact->newest_and_flags = time_ms * 256 | compact_flags(compact);
    if (old_ms == NEVER) return;
    for (uint32_t level = 0; level < layout->ring_count; level++) {
        /* Both within one hop, and on one side of where the longest window ends in it: nothing
         * has become too old. */
        struct hop_place place = places[level];
        int64_t rest_ms = layout->ring_rest_ms[level];
        bool same_hop = apart_ms <= place.left_ms;
        bool same_side = (place.left_ms - apart_ms < rest_ms) == (place.left_ms < rest_ms);
        if (same_hop && same_side) continue;
        expire(compact, layout, level, old_ms, place_first(layout, level, place));
    }
}

/* Where an event's run is, or would be. */
struct place {
    uint32_t level; /* RING_MAXIMUM: too old for every ring */
    uint32_t index; /* of the run, among all */
    uint32_t number;
    bool found;
};

static ALWAYS_INLINE struct place locate(const struct compact *compact, const struct layout *layout,
                                         unsigned flags, int64_t time_ms,
                                         const struct hop_place *places)
{
    size_t step = stride(flags);
    int64_t apart_ms = compact_newest_ms(compact) - time_ms;
    for (uint32_t level = 0; level < layout->ring_count; level++) {
        int64_t number = place_bucket(places[level]);
        struct hop_place newest =
            later_place(&layout->rings[level], places[level], time_ms, apart_ms);
        if (number < place_first(layout, level, newest)) continue;
        uint32_t last = (uint32_t)place_bucket(newest);
        uint32_t age = last - (uint32_t)number, start = level_start(compact, level);
        uint32_t index = start + level_count(compact, level);
        const uint8_t *at = runs_of(compact, layout) + index * step;
        bool found = false;
        for (; index > start; index--, at -= step) {
            uint32_t other = (last - load_run(at - step)) & NUMBER_MASK;
            found = other == age;
            if (other >= age) break;
        }
        return (struct place){level, index - found, (uint32_t)number & NUMBER_MASK, found};
    }
    return (struct place){.level = RING_MAXIMUM};
}

static size_t counted_in_runs(const struct compact *compact, const struct layout *layout)
{
    size_t step = stride(compact_flags(compact)), sum = 0, count = compact_run_count(compact);
    const uint8_t *at = runs_of(compact, layout);
    for (size_t i = 0; i < count; i++)
        sum += load_run(at + i * step) >> NUMBER_BITS;
    return sum;
}

/* Can it be taken back here? */
static bool can_retract(const struct compact *compact, const struct layout *layout,
                        const struct place *place, const struct contribution *event)
{
    if (compact->count == 0 || compact_flags(compact) & COMPACT_EXTREMES) return false;
    if (layout->ring_count == 0) return true;
    if (place->level == RING_MAXIMUM) /* runs never have more than all */
        return counted_in_runs(compact, layout) < compact->count;
    if (!place->found) return false;
    size_t step = stride(compact_flags(compact));
    struct run run =
        run_load(runs_of(compact, layout) + place->index * step, compact_flags(compact));
    return run.count > 1 || run.sum == event->value;
}

static ALWAYS_INLINE void change_run(struct compact *compact, const struct layout *layout,
                                     unsigned flags, const struct place *place,
                                     const struct contribution *event)
{
    size_t step = stride(flags);
    uint8_t *at = runs_of(compact, layout) + place->index * step;
    size_t after = (compact_run_count(compact) - place->index) * step;
    struct run one = {place->number, 1, event->value, event->value, event->value};
    if (!place->found) {
        if (after > 0) memmove(at + step, at, after); /* most are the newest */
        run_store(at, flags, &one);
        level_change(compact, place->level, 1);
        return;
    }
    struct run run = run_load(at, flags);
    if (event->sign > 0) {
        run_join(&run, &one);
        run_store(at, flags, &run);
    } else if (run.count > 1) {
        run.count--;
        run.sum -= event->value;
        run_store(at, flags, &run);
    } else {
        memmove(at, at + step, after - step);
        level_change(compact, place->level, -1);
    }
}

/* The sum of all values with this event; false: it has too many bits. */
static bool sum_with(const struct compact *compact, const struct layout *layout,
                     const struct contribution *event, int64_t *sum)
{
    if (!(compact_flags(compact) & COMPACT_VALUED)) return true;
    return !__builtin_add_overflow(totals_of(compact, layout)[0], event->sign * event->value, sum);
}

static void set_totals(struct compact *compact, const struct layout *layout,
                       const struct contribution *event, int64_t sum)
{
    compact->count += (uint32_t)event->sign;
    if (!(compact_flags(compact) & COMPACT_VALUED)) return;
    int64_t *totals = totals_of(compact, layout);
    totals[0] = sum;
    if (!(compact_flags(compact) & COMPACT_EXTREMES)) return;
    if (event->value < totals[1]) totals[1] = event->value;
    if (event->value > totals[2]) totals[2] = event->value;
}

static ALWAYS_INLINE enum compact_outcome add(struct compact *compact, const struct layout *layout,
                                              unsigned flags, size_t bytes,
                                              const struct contribution *event, bool decays)
{
    int64_t time_ms = event->time_ms, old_ms = compact_newest_ms(compact), sum = 0;
    struct hop_place places[RING_MAXIMUM];
    for (uint32_t level = 0; level < layout->ring_count; level++)
        places[level] = hop_place(&layout->rings[level], time_ms);
    if (time_ms > old_ms) advance(compact, layout, old_ms, time_ms, places);
    struct place place = locate(compact, layout, flags, time_ms, places);
    bool in_ring = place.level < RING_MAXIMUM, needs_run = in_ring && !place.found;
    enum compact_outcome outcome = COMPACT_DONE;
    if (event->sign < 0 && !can_retract(compact, layout, &place, event))
        outcome = COMPACT_DOES_NOT_FIT;
    else if (!sum_with(compact, layout, event, &sum))
        outcome = COMPACT_DOES_NOT_FIT;
    else if (needs_run && compact_bytes(layout, flags, compact_run_count(compact) + 1) > bytes)
        outcome = COMPACT_NEEDS_ROOM;
    /* Moves them on in any case. */
    bool adds = decays && outcome == COMPACT_DONE;
    int64_t from_ms = old_ms == NEVER ? time_ms : old_ms;
    if (!decay_count_small(&layout->lanes, decays_of(compact), from_ms, event, adds))
        return COMPACT_DOES_NOT_FIT;
    if (outcome != COMPACT_DONE) return outcome;
    if (in_ring) change_run(compact, layout, flags, &place, event);
    set_totals(compact, layout, event, sum);
    return COMPACT_DONE;
}

enum compact_outcome compact_add(struct compact *compact, const struct layout *layout, size_t bytes,
                                 const struct contribution *event, bool decays)
{
    unsigned flags = compact_flags(compact) & (COMPACT_VALUED | COMPACT_EXTREMES);
    if (event->time_ms <= -TIME_BOUND || event->time_ms >= TIME_BOUND) return COMPACT_DOES_NOT_FIT;
    if (compact->count >= COUNT_MAXIMUM) return COMPACT_DOES_NOT_FIT;
    if (flags != 0) return add(compact, layout, flags, bytes, event, decays);
    if (event->value != SIGNAL_VALUE_ONE) return COMPACT_NEEDS_VALUES;
    return add(compact, layout, 0, bytes, event, decays); /* most are so: of its own code */
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

/* Adds the runs of `level` to the buckets of a ring as fine or coarser. */
static bool expand_level(const struct compact *compact, const struct layout *layout, uint32_t level,
                         uint32_t ring, struct record *record, struct memory *memory)
{
    size_t step = stride(compact_flags(compact));
    const uint8_t *at = runs_of(compact, layout) + level_start(compact, level) * step;
    int64_t left, ratio = layout->rings[ring].hop_ms / layout->rings[level].hop_ms;
    int64_t newest = bucket_number(layout->rings[level].hop_ms, compact_newest_ms(compact));
    for (uint32_t i = level_count(compact, level); i > 0; i--, at += step) {
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
        compact_newest_ms(compact) == NEVER ? INT64_MIN : compact_newest_ms(compact);
    record->count = compact->count;
    record->sum = compact_sum(compact, layout);
    record->minimum = compact_minimum(compact, layout);
    record->maximum = compact_maximum(compact, layout);
    record->dirty = compact_flags(compact) & COMPACT_DIRTY;
    for (uint32_t i = 0; i < layout->decay_count; i++)
        record->decays[i] = compact_decay(compact, i);
    for (uint32_t ring = 0; ring < layout->ring_count; ring++) {
        for (uint32_t level = ring + 1; level-- > 0;) {
            if (expand_level(compact, layout, level, ring, record, memory)) continue;
            record_free(record, memory);
            return NULL;
        }
    }
    return record;
}

/* A record as runs, if it can be one. */
struct runs {
    struct run list[RUNS_MAXIMUM]; /* of each ring, the coarsest first */
    uint32_t count;
    uint32_t level_counts[RING_MAXIMUM];
    uint64_t counted;
    bool valued;
};

/* Takes what a finer ring has in bucket `number` off `bucket`; *extremes: of what it has. */
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
        if (record->decays[i] >= SMALL_SUM || record->decays[i] <= -SMALL_SUM) return false;
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
        run_store(runs_of(compact, layout) + i * stride(flags), flags, &runs.list[i]);
}

static bool check_level(const struct compact *compact, const struct layout *layout, uint32_t level)
{
    const struct ring_shape *shape = &layout->rings[level];
    int64_t newest_ms = compact_newest_ms(compact);
    int64_t newest = bucket_number(shape->hop_ms, newest_ms);
    int64_t first = bucket_first(shape->hop_ms, shape->longest_ms, newest_ms), last = first - 1;
    size_t step = stride(compact_flags(compact));
    const uint8_t *at = runs_of(compact, layout) + level_start(compact, level) * step;
    for (uint32_t i = level_count(compact, level); i > 0; i--, at += step) {
        struct run run = run_load(at, compact_flags(compact));
        int64_t number = newest - (((uint32_t)newest - run.number) & NUMBER_MASK);
        if (number <= last || run.count == 0) return false;
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
    const uint8_t *at = runs_of(compact, layout) + (level_start(compact, level) + count) * step;
    for (; count > 0; count--) {
        at -= step;
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
