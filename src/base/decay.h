/* Decayed sums in integers (epoch-aligned forward decay); decay.c has the algorithm and its proof.
 * Pure. */
#ifndef TIDAL_BASE_DECAY_H
#define TIDAL_BASE_DECAY_H

#include "base/error.h"

#include <assert.h>

enum {
    DECAY_MANTISSA_BITS = 22, /* of a contribution of 1: relative error <= 2^-23 */
    DECAY_VALUE_BITS = 16,    /* values are in units of 2^-16 */
    DECAY_SPARE_BITS_MAXIMUM = 60,
    DECAY_SUM_BITS = 126 /* a sum stays within +-2^126 */
};

/* One addition to, or removal from, what is counted. */
struct contribution {
    int64_t time_ms;
    int64_t value; /* fixed point */
    int sign;      /* +1 or -1 */
};

/* A sum of contributions, in units of 2^(epoch - DECAY_MANTISSA_BITS - spare bits). */
typedef __int128 decay_sum;

struct decay {
    int64_t half_life_ms;
    double inverse; /* 1 / half_life_ms, to divide by it faster */
    int spare_bits; /* half-lives of lateness within which the order of arrival leaves no trace */
};

struct decay decay_of(int64_t half_life_ms, int64_t lateness_ms);
/* The same from its parts. */
struct decay decay_with_spare_bits(int64_t half_life_ms, int spare_bits);

/* Brings a sum whose newest event was at `old_ms` to a newer `new_ms`. */
decay_sum decay_advance(const struct decay *decay, decay_sum sum, int64_t old_ms, int64_t new_ms);
/* Adds (sign +1) or takes away (-1) a value that happened at `time_ms`; `newest_ms` >= time_ms is
 * the sum's newest event. */
decay_sum decay_add(const struct decay *decay, decay_sum sum, int64_t newest_ms, int64_t time_ms,
                    int64_t value, int sign);

/* The epoch that a time is in. */
int64_t decay_epoch(const struct decay *decay, int64_t time_ms);

/* What an event says to a half-life, before it meets a sum. */
struct decay_event {
    int64_t epoch, left_ms; /* of its time: the half-life it is in, and how far */
    int64_t mantissa;       /* of its magnitude, in units of its own epoch; 0 without `adds` */
};
void decay_event_init(struct decay_event *of, const struct decay *decay,
                      const struct contribution *event, bool adds);

#define DECAY_LN_2 0x1.62e42fefa39efp-1
#define DECAY_UNIT (1 << (DECAY_MANTISSA_BITS - DECAY_VALUE_BITS))
extern const double decay_exp2_table[257]; /* 2^(i/256), correctly rounded */

/* Reading: the parts that depend on `now_ms` alone are computed once. */
struct decay_now {
    struct decay decay;
    int64_t epoch;
    double scale; /* 2^-(place of now within its epoch) */
};
struct decay_now decay_now(const struct decay *decay, int64_t now_ms);
/* The decayed sum in units of value. */
double decay_read(const struct decay_now *now, decay_sum sum, int64_t newest_ms);

/* 2^fraction for 0 <= fraction < 1 with additions and multiplications only, in a fixed order: the
 * same bits on every IEEE machine.  Relative error <= 3e-16. */
double exp2_fraction(double fraction);
/* 2^power: 0 below -1022. `power` <= 1023. */
double exp2_whole(int64_t power);

/* Division that rounds down, and what is left: 0 <= left < divisor. */
static ALWAYS_INLINE int64_t floor_divide(int64_t dividend, int64_t divisor, int64_t *left)
{
    assert(divisor > 0);
    if (dividend >= 0) { /* what is written out as a constant is cheaper to divide by so */
        uint64_t quotient = (uint64_t)dividend / (uint64_t)divisor;
        *left = (int64_t)((uint64_t)dividend - quotient * (uint64_t)divisor);
        return (int64_t)quotient;
    }
    int64_t quotient = dividend / divisor;
    *left = dividend % divisor;
    if (*left < 0) {
        *left += divisor;
        quotient--;
    }
    return quotient;
}

#endif
