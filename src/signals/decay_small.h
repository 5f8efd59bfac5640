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
};

void decay_lanes_init(struct decay_lanes *lanes, const struct decay *decays, uint32_t count);

/* Brings sums whose newest event was at `newest_ms` to the event's time, if that is newer, and
 * then, with `adds`, counts it in each.  Times are within the bound.  false: a sum would have more
 * than 62 bits; all are brought to the newest time, and none has the event. */
MUST_USE bool decay_count_small(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                                const struct contribution *event, bool adds);

/* The forms, for tests.  AVX2 only where decay_has_avx2 says so. */
bool decay_has_avx2(void);
bool decay_count_small_portable(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                                const struct contribution *event, bool adds);
bool decay_count_small_avx2(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                            const struct contribution *event, bool adds);

#endif
