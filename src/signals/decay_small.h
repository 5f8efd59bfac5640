/* Decayed sums of at most 62 bits, all half-lives of a signal at once: what base/decay.h says,
 * to the same bits, faster.  decay_small.c has two forms, a portable one and one for processors
 * with AVX2; both give the same bits.  Pure. */
#ifndef TIDAL_SIGNALS_DECAY_SMALL_H
#define TIDAL_SIGNALS_DECAY_SMALL_H

#include "base/decay.h"
#include "schema/ids.h"

/* Sums are from -2^62 to 2^62 - 1. */
#define DECAY_SMALL_BOUND (INT64_C(1) << 62)
/* Of times: half-lives are shorter, too. */
#define DECAY_SMALL_TIME_BOUND (INT64_C(1) << 51)

/* Half-lives side by side.  Those beyond `count` are endless, and give nothing. */
struct decay_lanes {
    double length_ms[LIMIT_HALF_LIVES];
    double inverse[LIMIT_HALF_LIVES];
    double unit[LIMIT_HALF_LIVES]; /* of amounts: 0 for those that give nothing */
    int64_t spare_bits[LIMIT_HALF_LIVES];
    struct decay decays[LIMIT_HALF_LIVES];
    uint32_t count;
    int64_t largest; /* no value of at most this magnitude gives an amount of more than 62 bits, or
                        a mantissa of more than 51 */
};

void decay_lanes_init(struct decay_lanes *lanes, const struct decay *decays, uint32_t count);

/* What an event says to each half-life, before it meets a sum.  It is asked for by the first line:
 * the time is within the bound, the value below 2^48. */
struct decay_parts {
    const struct decay_lanes *lanes;
    int64_t time_ms, value;
    double epoch[LIMIT_HALF_LIVES];   /* of its time: a whole number */
    int64_t amount[LIMIT_HALF_LIVES]; /* that its magnitude contributes in units of that epoch, with
                                         the spare bits */
    bool fits;                        /* no amount has more than 62 bits */
};
void decay_parts_init(struct decay_parts *parts);

/* +1: amounts are added; -1: taken away; 0: sums are brought to the event's time only. */
static ALWAYS_INLINE int decay_direction(const struct contribution *event, bool adds)
{
    return !adds ? 0 : (event->value < 0) == (event->sign < 0) ? 1 : -1;
}

/* Brings sums whose newest event was at `newest_ms`, within the bound, to the event's time if that
 * is newer, and then counts it in each.  false: a sum would have more than 62 bits; all are brought
 * to the newest time, and none has the event. */
MUST_USE bool decay_count_small(int64_t *sums, int64_t newest_ms, const struct decay_parts *event,
                                int direction);

/* Two sums side by side, wherever they lie. */
typedef int64_t two_sums __attribute__((vector_size(16), aligned(8), may_alias));

/* The same for sums whose newest event is in the same epoch of every half-life, so that nothing
 * moves, of an event that is added.  Where their number is odd, what lies behind them is read and
 * written as it was.  false: a sum would have more than 62 bits, and nothing has changed; or what
 * lies behind looks like one. */
static ALWAYS_INLINE bool decay_join_small(int64_t *sums, uint32_t count,
                                           const struct decay_parts *event)
{
    two_sums *at = (two_sums *)sums, beyond = {0, 0};
    const two_sums *amounts = (const two_sums *)event->amount;
    for (uint32_t i = 0; i < (count + 1) / 2; i++)
        beyond |= (at[i] + amounts[i]) ^ (at[i] + amounts[i]) << 1; /* sign, and the bit below */
    if (!event->fits || (beyond[0] | beyond[1]) < 0) return false;
    for (uint32_t i = 0; i < (count + 1) / 2; i++)
        at[i] += amounts[i];
    return true;
}

/* The forms, for tests.  AVX2 only where decay_has_avx2 says so. */
bool decay_has_avx2(void);
void decay_parts_init_portable(struct decay_parts *parts);
void decay_parts_init_avx2(struct decay_parts *parts);
bool decay_count_small_portable(int64_t *sums, int64_t newest_ms, const struct decay_parts *event,
                                int direction);
bool decay_count_small_avx2(int64_t *sums, int64_t newest_ms, const struct decay_parts *event,
                            int direction);

#endif
