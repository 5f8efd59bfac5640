/* Counting an event in a compact record.
 *
 * What the event makes too old moves on: from the old end of a ring's runs to the new end of the
 * next coarser ring's, or away (`expire`).  Then its run is found or put in, and the sums take it
 * up.  Three ways, each for fewer events than the one before, lead to the same record: near the
 * newest event (compact_add_near), where nothing becomes too old (`add_quiet`), and any (`add`).
 * What works on runs is made twice: for records without values, as most are, and for the others. */
#include "signals/compact_event.h"

#include <assert.h>
#include <string.h>

/* Of a time that is `apart_ms` later than one at `place`: most are in the same hop. */
static ALWAYS_INLINE struct hop_place later_place(const struct ring_shape *shape,
                                                  struct hop_place place, int64_t time_ms,
                                                  int64_t apart_ms)
{
    if (apart_ms >= shape->hop_ms - place.left_ms)
        return hop_place(shape->hop_ms, time_ms + apart_ms);
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

/* Most records have few runs, which are moved before memmove would have found out how many. */
enum { FEW = 64, WORD = 4 };

static ALWAYS_INLINE void open_gap(uint8_t *at, size_t step, size_t after)
{
    if (after > FEW) {
        memmove(at + step, at, after);
        return;
    }
    for (; after > 0; after -= WORD)
        memcpy(at + after - WORD + step, at + after - WORD, WORD);
}

static ALWAYS_INLINE void close_gap(uint8_t *to, const uint8_t *from, size_t bytes)
{
    if (bytes > FEW) {
        memmove(to, from, bytes);
        return;
    }
    for (size_t done = 0; done < bytes; done += WORD)
        memcpy(to + done, from + done, WORD);
}

/* How many runs at the old end of `level` are of buckets before `first`. */
static ALWAYS_INLINE uint32_t count_old(const struct compact *compact, const struct layout *layout,
                                        unsigned flags, uint32_t level, int64_t newest,
                                        int64_t first)
{
    uint32_t count = level_count(compact, level), old = 0;
    size_t step = stride(flags);
    const uint8_t *at =
        runs_with(compact, layout, flags) + (level_start(compact, level) + count) * step;
    for (; old < count; old++) {
        at -= step;
        if (newest - (((uint32_t)newest - load_run(at)) & NUMBER_MASK) >= first) break;
    }
    return old;
}

/* Moves the runs of `level` that are too old for it, those of buckets before `first`, from its old
 * end to the next coarser one, or away.  `old_ms` was the newest event when their numbers were
 * written. */
static ALWAYS_INLINE void expire(struct compact *compact, const struct layout *layout,
                                 unsigned flags, uint32_t level, int64_t old_ms, int64_t first)
{
    const struct ring_shape *shape = &layout->rings[level];
    int64_t newest = bucket_number(shape->hop_ms, old_ms);
    uint32_t gone = count_old(compact, layout, flags, level, newest, first);
    if (gone == 0) return;
    size_t step = stride(flags);
    uint8_t *runs = runs_with(compact, layout, flags),
            *end = runs + compact_run_count(compact) * step;
    level_change(compact, level, -(int32_t)gone);
    if (level + 1 == layout->ring_count) return; /* nothing is behind them */
    int64_t ratio = layout->rings[level + 1].hop_ms / shape->hop_ms;
    uint8_t *left = runs + level_start(compact, level + 1) * step, *read = left + gone * step;
    uint8_t *write = read;
    uint32_t coarser = level_count(compact, level + 1), before = coarser;
    for (uint32_t i = 0; i < gone; i++) {
        read -= step;
        struct run run = run_load(read, flags), last = {.count = 0};
        int64_t number = newest - (((uint32_t)newest - run.number) & NUMBER_MASK);
        run.number = (uint32_t)coarser_bucket(number, ratio) & NUMBER_MASK;
        if (coarser > 0) last = run_load(write, flags);
        if (coarser > 0 && last.number == run.number) {
            run_join(&last, &run);
            run_store(write, flags, &last);
        } else {
            write -= step;
            run_store(write, flags, &run);
            coarser++;
        }
    }
    if (write > left) close_gap(left, write, (size_t)(end - write));
    level_change(compact, level + 1, (int32_t)(coarser - before));
}

/* How far ahead of the newest event of a record one at `place` may be so that nothing in a ring
 * becomes too old: both within one hop, and on one side of where the longest window ends in it. */
static ALWAYS_INLINE int64_t quiet_ms(const struct layout *layout, uint32_t level,
                                      struct hop_place place)
{
    int64_t rest_ms = layout->ring_rest_ms[level];
    return place.left_ms < rest_ms ? place.left_ms : place.left_ms - rest_ms;
}

/* Drops and moves what the longest windows at the event's time, which is newer than all before it,
 * do not see any more. */
static ALWAYS_INLINE void advance(struct compact *compact, const struct layout *layout,
                                  unsigned flags, int64_t old_ms, const struct compact_event *event)
{
    int64_t time_ms = event->what.time_ms;
    struct hop_place place = event->place;
    compact->newest_and_flags = time_ms * 256 | compact_flags(compact);
    if (old_ms == COMPACT_NEVER) return;
    for (uint32_t level = 0; level < layout->ring_count; level++) {
        if (level_count(compact, level) == 0) continue;
        if (level > 0) place = hop_place(layout->rings[level].hop_ms, time_ms);
        if (time_ms - old_ms <= quiet_ms(layout, level, place)) continue;
        expire(compact, layout, flags, level, old_ms, place_first(layout, level, place));
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
                                         unsigned flags, const struct compact_event *event)
{
    size_t step = stride(flags);
    int64_t time_ms = event->what.time_ms, apart_ms = compact_newest_ms(compact) - time_ms;
    struct hop_place place = event->place;
    for (uint32_t level = 0; level < layout->ring_count; level++) {
        if (level > 0) place = hop_place(layout->rings[level].hop_ms, time_ms);
        int64_t number = place_bucket(place);
        struct hop_place newest = later_place(&layout->rings[level], place, time_ms, apart_ms);
        if (number < place_first(layout, level, newest)) continue;
        uint32_t last = (uint32_t)place_bucket(newest), age = last - (uint32_t)number;
        uint32_t index = level_start(compact, level), end = index + level_count(compact, level);
        const uint8_t *at = runs_with(compact, layout, flags) + index * step;
        bool found = false;
        for (; index < end; index++, at += step) {
            uint32_t other = (last - load_run(at)) & NUMBER_MASK;
            found = other == age;
            if (other >= age) break;
        }
        return (struct place){level, index, (uint32_t)number & NUMBER_MASK, found};
    }
    return (struct place){.level = RING_MAXIMUM};
}

/* The same for an event that is the newest. */
static ALWAYS_INLINE struct place newest_place(const struct compact *compact,
                                               const struct layout *layout, unsigned flags,
                                               const struct compact_event *event)
{
    if (layout->ring_count == 0) return (struct place){.level = RING_MAXIMUM};
    struct place place = {.number = (uint32_t)event->number & NUMBER_MASK};
    place.found = level_count(compact, 0) > 0 &&
                  (load_run(runs_with(compact, layout, flags)) & NUMBER_MASK) == place.number;
    return place;
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
    uint8_t *at = runs_with(compact, layout, flags) + place->index * step;
    size_t after = (compact_run_count(compact) - place->index) * step;
    struct run one = {place->number, 1, event->value, event->value, event->value};
    if (!place->found) {
        open_gap(at, step, after);
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
static ALWAYS_INLINE bool sum_with(const struct compact *compact, const struct layout *layout,
                                   unsigned flags, const struct contribution *event, int64_t *sum)
{
    if (!(flags & COMPACT_VALUED)) return true;
    return !__builtin_add_overflow(totals_of(compact, layout)[0], event->sign * event->value, sum);
}

static ALWAYS_INLINE void set_totals(struct compact *compact, const struct layout *layout,
                                     unsigned flags, const struct contribution *event, int64_t sum)
{
    compact->count += (uint32_t)event->sign;
    if (!(flags & COMPACT_VALUED)) return;
    int64_t *totals = totals_of(compact, layout);
    totals[0] = sum;
    if (!(flags & COMPACT_EXTREMES)) return;
    if (event->value < totals[1]) totals[1] = event->value;
    if (event->value > totals[2]) totals[2] = event->value;
}

void compact_events_init(struct compact_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct compact_event *event = &events[i];
        const struct layout *layout = event->layout;
        const struct contribution *what = &event->what;
        event->is_within = what->time_ms > -TIME_BOUND && what->time_ms < TIME_BOUND;
        int64_t time_ms = event->is_within ? what->time_ms : 0;
        event->parts.lanes = &layout->lanes;
        event->parts.time_ms = time_ms;
        event->parts.value = what->value;
        event->number = 0;
        event->quiet_ms = 0;
        event->near_from_ms = 0;
        event->near_ms = 0;
        if (layout->ring_count == 0) continue;
        event->place = hop_place(layout->rings[0].hop_ms, time_ms);
        event->number = place_bucket(event->place);
        if (layout->ends_align) event->quiet_ms = quiet_ms(layout, 0, event->place);
        /* In its hop, but for the hop's start: that is of the bucket before. */
        event->near_from_ms = time_ms - event->place.left_ms + 1;
        if (event->is_within && event->decays && what->sign > 0 &&
            what->value == SIGNAL_VALUE_ONE && event->place.left_ms > 0)
            event->near_ms = layout->near_ms;
    }
}

static ALWAYS_INLINE enum compact_outcome add(struct compact *compact, const struct layout *layout,
                                              unsigned flags, size_t bytes,
                                              const struct compact_event *event)
{
    const struct contribution *what = &event->what;
    int64_t time_ms = what->time_ms, old_ms = compact_newest_ms(compact), sum = 0;
    struct place place;
    if (time_ms > old_ms) {
        advance(compact, layout, flags, old_ms, event);
        place = newest_place(compact, layout, flags, event);
    } else {
        place = locate(compact, layout, flags, event);
    }
    bool in_ring = place.level < RING_MAXIMUM, needs_run = in_ring && !place.found;
    enum compact_outcome outcome = COMPACT_DONE;
    if (what->sign < 0 && !can_retract(compact, layout, &place, what))
        outcome = COMPACT_DOES_NOT_FIT;
    else if (!sum_with(compact, layout, flags, what, &sum))
        outcome = COMPACT_DOES_NOT_FIT;
    else if (needs_run && compact_bytes(layout, flags, compact_run_count(compact) + 1) > bytes)
        outcome = COMPACT_NEEDS_ROOM;
    /* Moves them on in any case. */
    int direction = decay_direction(what, event->decays && outcome == COMPACT_DONE);
    int64_t from_ms = old_ms == COMPACT_NEVER ? time_ms : old_ms;
    if (!decay_count_small(decays_of(compact), from_ms, &event->parts, direction))
        return COMPACT_DOES_NOT_FIT;
    if (outcome != COMPACT_DONE) return outcome;
    if (in_ring) change_run(compact, layout, flags, &place, what);
    set_totals(compact, layout, flags, what, sum);
    return COMPACT_DONE;
}

static enum compact_outcome add_without_values(struct compact *compact, const struct layout *layout,
                                               size_t bytes, const struct compact_event *event)
{
    return add(compact, layout, 0, bytes, event);
}

static enum compact_outcome add_with_values(struct compact *compact, const struct layout *layout,
                                            size_t bytes, const struct compact_event *event)
{
    unsigned flags = compact_flags(compact) & (COMPACT_VALUED | COMPACT_EXTREMES);
    return add(compact, layout, flags, bytes, event);
}

/* The run of an event without a value that makes nothing too old, which is there and in the finest
 * ring, as most are; NULL: it may be anywhere. */
static ALWAYS_INLINE uint8_t *find_quiet(const struct compact *compact, const struct layout *layout,
                                         const struct compact_event *event, int64_t newest_ms)
{
    if (layout->ring_count == 0) return NULL;
    int64_t newest = bucket_number(layout->rings[0].hop_ms, newest_ms);
    int64_t age = newest - event->number;
    if (age >= layout->ring_hops[0]) return NULL; /* it may be too old for it */
    uint8_t *at = (uint8_t *)(decays_of(compact) + layout->decay_count);
    for (uint32_t left = level_count(compact, 0); left > 0; left--, at += 4) {
        int64_t other = ((uint32_t)newest - load_run(at)) & NUMBER_MASK;
        if (other >= age) return other == age ? at : NULL;
    }
    return NULL;
}

/* add of an event without a value, of which most touch little. */
static ALWAYS_INLINE enum compact_outcome add_quiet(struct compact *compact,
                                                    const struct layout *layout, size_t bytes,
                                                    const struct compact_event *event)
{
    int64_t old_ms = compact_newest_ms(compact), time_ms = event->what.time_ms;
    int64_t newest_ms = time_ms > old_ms ? time_ms : old_ms;
    uint8_t *at = NULL;
    if (compact_is_quiet(compact, event) && event->what.sign > 0)
        at = find_quiet(compact, layout, event, newest_ms);
    if (!at) return add_without_values(compact, layout, bytes, event);
    compact->newest_and_flags = newest_ms * 256 | compact_flags(compact);
    if (!decay_count_small(decays_of(compact), old_ms, &event->parts, event->decays))
        return COMPACT_DOES_NOT_FIT;
    uint32_t packed = load_run(at) + (1U << NUMBER_BITS);
    memcpy(at, &packed, sizeof packed);
    compact->count++;
    return COMPACT_DONE;
}

enum compact_outcome compact_add(struct compact *compact, size_t bytes,
                                 const struct compact_event *event)
{
    const struct layout *layout = event->layout;
    unsigned flags = compact_flags(compact) & (COMPACT_VALUED | COMPACT_EXTREMES);
    if (!event->is_within || compact->count >= COUNT_MAXIMUM) return COMPACT_DOES_NOT_FIT;
    if (flags != 0) return add_with_values(compact, layout, bytes, event);
    if (event->what.value != SIGNAL_VALUE_ONE) return COMPACT_NEEDS_VALUES;
    return add_quiet(compact, layout, bytes, event);
}

void compact_init_for(struct compact *compact, unsigned flags, const struct compact_event *first)
{
    const struct layout *layout = first->layout;
    struct run bucket = {.number = (uint32_t)first->number};
    compact_init(compact, layout, flags);
    if (flags != 0 || first->near_ms == 0 || !first->parts.fits) return;
    compact->newest_and_flags = first->what.time_ms * 256;
    level_change(compact, 0, 1);
    run_store(runs_of(compact, layout), flags, &bucket);
}
