/* Intervals: between which bounds a number can lie, whatever the data.
 *
 * Closed, and sound for doubles that are always finite because arithmetic saturates at DBL_MAX: an
 * infinite bound says "unbounded".  Bounds are made by the operations that make the values, and
 * rounding is monotone, so no margin is needed for + - * and /.  Logarithms and powers belong to
 * the evaluator; here they are bounded by exponents alone, with a margin.  Pure. */
#ifndef TIDAL_SCHEMA_INTERVAL_H
#define TIDAL_SCHEMA_INTERVAL_H

#include <stdbool.h>

struct interval {
    double low, high;
};

struct interval interval_all(void);
struct interval interval_from(double low); /* low and above */
struct interval interval_of(double low, double high);
bool interval_has_zero(struct interval a);
struct interval interval_negate(struct interval a);
struct interval interval_add(struct interval a, struct interval b);
struct interval interval_multiply(struct interval a, struct interval b);
/* `b` has no zero. */
struct interval interval_divide(struct interval a, struct interval b);
struct interval interval_abs(struct interval a);
struct interval interval_min(struct interval a, struct interval b);
struct interval interval_max(struct interval a, struct interval b);
/* The smallest that holds both. */
struct interval interval_union(struct interval a, struct interval b);
/* log2 times `scale` > 0 (ln 2 for the natural logarithm); a.low > 0. */
struct interval interval_log(struct interval a, double scale);
/* a.low >= 0 */
struct interval interval_sqrt(struct interval a);
/* base.low > 0, or the exponent is one whole number >= 0. */
struct interval interval_pow(struct interval base, struct interval exponent);

#endif
