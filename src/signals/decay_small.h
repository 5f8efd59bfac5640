/* Decayed sums of at most 62 bits, all half-lives of a signal at once: what base/decay.h says,
 * to the same bits, faster.  decay_small.c has two forms, a portable one and one for processors
 * with AVX2; both give the same bits.  Pure. */
#ifndef TIDAL_SIGNALS_DECAY_SMALL_H
#define TIDAL_SIGNALS_DECAY_SMALL_H

#include "base/decay.h"
#include "schema/ids.h"

#define DECAY_SMALL_BOUND (INT64_C(1) << 62)
/* Of times: half-lives are shorter, too. */
#define DECAY_SMALL_TIME_BOUND (INT64_C(1) << 51)

/* Half-lives side by side.  Those beyond `count` are endless, and what they give is dropped. */
struct decay_lanes {
    double length_ms[LIMIT_HALF_LIVES];
    double inverse[LIMIT_HALF_LIVES];
    int64_t spare_bits[LIMIT_HALF_LIVES];
    struct decay decays[LIMIT_HALF_LIVES];
    uint32_t count;
    int64_t largest; /* no value of at most this magnitude gives an amount of more than 62 bits, or
                        a mantissa of more than 51 */
};

void decay_lanes_init(struct decay_lanes *lanes, const struct decay *decays, uint32_t count);

/* What an event says to each half-life, before it meets a sum: its epoch, a whole number, and what
 * its magnitude contributes in units of that epoch, with the spare bits. */
struct decay_parts {
    double epoch[LIMIT_HALF_LIVES];
    int64_t amount[LIMIT_HALF_LIVES];
    bool fits; /* no amount has more than 62 bits */
};

/* An event whose parts are asked for: its time is within the bound, its value below 2^48. */
struct decay_asked {
    const struct decay_lanes *lanes;
    int64_t time_ms, value;
    struct decay_parts *parts;
};
enum { DECAY_ASKED_MAXIMUM = 32 };

/* Of up to DECAY_ASKED_MAXIMUM events: many at once take half of the time. */
void decay_parts_init(const struct decay_asked *asked, size_t count);

/* +1: amounts are added; -1: taken away; 0: sums are brought to the event's time only. */
static ALWAYS_INLINE int decay_direction(const struct contribution *event, bool adds)
{
    return !adds ? 0 : (event->value < 0) == (event->sign < 0) ? 1 : -1;
}

/* Brings sums whose newest event was at `newest_ms`, within the bound, to the event's time if that
 * is newer, and then counts it in each.  false: a sum would have more than 62 bits; all are brought
 * to the newest time, and none has the event. */
MUST_USE bool decay_count_small(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                                const struct decay_parts *event, int direction);

/* The forms, for tests.  AVX2 only where decay_has_avx2 says so. */
bool decay_has_avx2(void);
void decay_parts_init_portable(const struct decay_asked *asked, size_t count);
void decay_parts_init_avx2(const struct decay_asked *asked, size_t count);
bool decay_count_small_portable(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                                const struct decay_parts *event, int direction);
bool decay_count_small_avx2(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                            const struct decay_parts *event, int direction);

#endif
