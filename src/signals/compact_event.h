/* An event as compact records take it in: what does not depend on the record is worked out before
 * one is there, and for many events together.
 *
 * Most events are near the newest one of their record, and then little is to be done:
 * compact_add_near.  one thread. */
#ifndef TIDAL_SIGNALS_COMPACT_EVENT_H
#define TIDAL_SIGNALS_COMPACT_EVENT_H

#include "signals/compact_private.h"

struct compact_event {
    const struct layout *layout;
    struct contribution what;
    bool decays;            /* false: it counts in totals and windows only */
    bool is_within;         /* its time has few enough bits; else there is nothing below */
    struct hop_place place; /* in the finest ring */
    int64_t number;         /* of its bucket there */
    int64_t quiet_ms;     /* nothing in a record is too old for it whose newest event is this old */
    int64_t near_from_ms; /* it is near to a newest event from here on, */
    uint64_t near_ms;     /* for so long; 0: to none */
    struct decay_parts parts; /* asked for, and made by decay_parts_init */
};

/* `layout`, `what` and `decays` are set.  Sets the rest, and asks for the parts. */
void compact_events_init(struct compact_event *events, size_t count);

enum compact_outcome {
    COMPACT_DONE,
    COMPACT_NEEDS_ROOM,   /* nothing is lost: move it to a larger block and add again */
    COMPACT_NEEDS_VALUES, /* likewise: compact_add_values, then again */
    COMPACT_DOES_NOT_FIT  /* likewise: make a record of it, then again */
};

/* Counts an event; `bytes` is what the block has. */
enum compact_outcome compact_add(struct compact *compact, size_t bytes,
                                 const struct compact_event *event);

/* An empty one, to which compact_add, or compact_add_near, adds the event as its first: where it
 * can, with the event's bucket, so that it is near. */
void compact_init_for(struct compact *compact, unsigned flags, const struct compact_event *first);

/* compact_add of an event that is in the newest bucket, and in the same epoch of every half-life as
 * the newest event, where no longest window ends in a bucket: nothing moves.  false: it is not, or
 * something does not fit. */
static ALWAYS_INLINE bool compact_add_near(struct compact *compact,
                                           const struct compact_event *event)
{
    const struct layout *layout = event->layout;
    int64_t newest_ms = compact_newest_ms(compact), newer_ms = event->what.time_ms - newest_ms;
    if ((uint64_t)(newest_ms - event->near_from_ms) >= event->near_ms) return false;
    if (compact_flags(compact) & (COMPACT_VALUED | COMPACT_EXTREMES)) return false;
    if (compact->count >= COUNT_MAXIMUM || level_count(compact, 0) == 0) return false;
    uint8_t *newest = (uint8_t *)(decays_of(compact) + layout->decay_count);
    uint32_t run = load_run(newest);
    if ((run ^ (uint32_t)event->number) & NUMBER_MASK) return false;
    if (!decay_join_small(decays_of(compact), layout->decay_count, &event->parts)) return false;
    compact->newest_and_flags += newer_ms > 0 ? newer_ms * 256 : 0;
    run += 1U << NUMBER_BITS;
    memcpy(newest, &run, sizeof run);
    compact->count++;
    return true;
}

/* Does the event leave all that is there where it is? */
static ALWAYS_INLINE bool compact_is_quiet(const struct compact *compact,
                                           const struct compact_event *event)
{
    return event->what.time_ms - compact_newest_ms(compact) <= event->quiet_ms;
}

/* Asks for what may be read or moved of one that is longer than a line of the cache: where each
 * ring's runs end. */
static ALWAYS_INLINE void compact_prefetch(const struct compact *compact,
                                           const struct layout *layout)
{
    size_t step = stride(compact_flags(compact));
    const uint8_t *runs = (const uint8_t *)compact + sizeof *compact + layout->decay_count * 8;
    for (uint32_t level = 0; level < RING_MAXIMUM; level++)
        __builtin_prefetch(
            runs + (level_start(compact, level) + level_count(compact, level)) * step, 1);
}

#endif
