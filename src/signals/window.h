/* Windows: sparse rings of buckets that count events and sum values by time; window.c has the
 * rules. */
#ifndef TIDAL_SIGNALS_WINDOW_H
#define TIDAL_SIGNALS_WINDOW_H

#include "base/decay.h"
#include "base/time_window.h"
#include "schema/resolved_change.h"

/* In a ring: 366 days, 12 days of hours or 12 hours of 5 minutes, and the ends. */
enum { RING_BUCKETS_MAXIMUM = 512 };

struct bucket {
    int64_t number; /* covers (number * hop, (number + 1) * hop] */
    int64_t count;
    __int128 sum;    /* of values, fixed point */
    int64_t minimum; /* of values that were added; taking one back does not undo it */
    int64_t maximum;
};

/* What a ring keeps: enough for its longest window at any time from the newest event on. */
struct ring_shape {
    int64_t hop_ms;
    int64_t longest_ms;
};

/* Ascending by number; no bucket is empty; none is older than the longest window at the newest
 * event can see. */
struct ring {
    struct bucket *buckets;
    uint32_t count;
    uint32_t capacity;
};

/* The bucket length of a window: 5 minutes, an hour or a day. */
int64_t window_hop_ms(int64_t window_ms);

/* Into an empty one.  false: no memory. */
MUST_USE bool ring_copy(const struct ring *ring, struct ring *copy, struct memory *memory);
void ring_release(struct ring *ring, struct memory *memory);
/* Adds (sign +1) or takes away (-1) an event; one too old for the ring leaves it as it is.
 * `newest_ms` >= time_ms.  false: no memory. */
MUST_USE bool ring_add(struct ring *ring, const struct ring_shape *shape, struct memory *memory,
                       int64_t newest_ms, const struct bucket *event);
/* Drops what the longest window cannot see any more. */
void ring_prune(struct ring *ring, const struct ring_shape *shape, int64_t newest_ms);
/* An event as a bucket of one, for ring_add. */
struct bucket bucket_of(const struct ring_shape *shape, int64_t time_ms, int64_t value, int sign);

enum {
    WINDOW_MINUTE_MS = 60000,
    WINDOW_HOUR_MS = 60 * WINDOW_MINUTE_MS,
    WINDOW_DAY_MS = 24 * WINDOW_HOUR_MS
};

/* Hops are written out so that none is divided by at run time. */
static ALWAYS_INLINE int64_t divide_by_hop(int64_t hop_ms, int64_t time_ms, int64_t *left)
{
    if (hop_ms == 5 * WINDOW_MINUTE_MS) return floor_divide(time_ms, 5 * WINDOW_MINUTE_MS, left);
    if (hop_ms == WINDOW_HOUR_MS) return floor_divide(time_ms, WINDOW_HOUR_MS, left);
    assert(hop_ms == WINDOW_DAY_MS);
    return floor_divide(time_ms, WINDOW_DAY_MS, left);
}

/* A time in the hops of a ring: in hop `number`, so long behind its start. */
struct hop_place {
    int64_t number, left_ms;
};

static ALWAYS_INLINE struct hop_place hop_place(int64_t hop_ms, int64_t time_ms)
{
    struct hop_place place;
    place.number = divide_by_hop(hop_ms, time_ms, &place.left_ms);
    return place;
}

static inline int64_t bucket_number(int64_t hop_ms, int64_t time_ms)
{
    int64_t left;
    int64_t number = divide_by_hop(hop_ms, time_ms, &left);
    return left == 0 ? number - 1 : number;
}

/* The oldest bucket that the window (now - window, now] touches. */
static inline int64_t bucket_first(int64_t hop_ms, int64_t window_ms, int64_t now_ms)
{
    int64_t left;
    return divide_by_hop(hop_ms, window_after_ms(now_ms, window_ms), &left);
}

/* A window at a time, with what follows from them. */
struct window_at {
    uint8_t ring; /* of a record, whose buckets it is read by */
    int64_t hop_ms, window_ms;
    int64_t first;       /* bucket_first */
    double tail_outside; /* the share of the first bucket's time that lies before the window */
};
struct window_at window_at(uint8_t ring, int64_t hop_ms, int64_t window_ms, int64_t now_ms);

/* Windows of a signal at one time, which are read together.  Where a first bucket begins and ends
 * is given in units of 5 minutes, of which every hop is so many, from `origin` on. */
enum { WINDOWS_TOGETHER = 32 };
struct windows {
    uint32_t count;
    uint8_t coarsest; /* ring of any */
    int64_t origin;   /* now, in whole units */
    struct window_at list[WINDOWS_TOGETHER];
    int32_t starts[WINDOWS_TOGETHER], ends[WINDOWS_TOGETHER];
};
void windows_init(struct windows *windows, int64_t now_ms);
/* The index of a window, which is added if it is not there. */
uint8_t windows_add(struct windows *windows, struct window_at window);

static ALWAYS_INLINE int32_t window_hop_units(int64_t hop_ms)
{
    return hop_ms == WINDOW_DAY_MS ? 24 * 12 : hop_ms == WINDOW_HOUR_MS ? 12 : 1;
}

/* What a window holds.  The whole of its oldest bucket is in count and sum; `tail_outside` is the
 * share of that bucket's time which lies before the window. */
struct window_reading {
    int64_t count, tail_count;
    __int128 sum, tail_sum;
    double tail_outside;
    int64_t minimum, maximum; /* INT64_MAX, INT64_MIN if there is nothing */
};
struct window_reading ring_read(const struct ring *ring, const struct window_at *window);

#endif
