#include "schema/interval.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* What the evaluator's logarithm may be off by. */
static const double log_margin = 1e-6;

/* Bounds that overflowed mean values that saturated. */
static struct interval finish(double low, double high)
{
    assert(!isnan(low) && !isnan(high));
    if (low > DBL_MAX) low = DBL_MAX;
    if (high < -DBL_MAX) high = -DBL_MAX;
    return (struct interval){low, high};
}

struct interval interval_all(void)
{
    return (struct interval){-__builtin_inf(), __builtin_inf()};
}

struct interval interval_from(double low)
{
    return (struct interval){low, __builtin_inf()};
}

struct interval interval_of(double low, double high)
{
    assert(low <= high);
    return (struct interval){low, high};
}

bool interval_has_zero(struct interval a)
{
    return a.low <= 0 && a.high >= 0;
}

struct interval interval_negate(struct interval a)
{
    return (struct interval){-a.high, -a.low};
}

struct interval interval_add(struct interval a, struct interval b)
{
    return finish(a.low + b.low, a.high + b.high);
}

static double lower(double a, double b)
{
    return a < b ? a : b;
}

static double higher(double a, double b)
{
    return a > b ? a : b;
}

static struct interval hull(double a, double b, double c, double d)
{
    return finish(lower(lower(a, b), lower(c, d)), higher(higher(a, b), higher(c, d)));
}

/* Zero times "unbounded" is zero: the value itself is finite. */
static double multiply_bounds(double a, double b)
{
    return a == 0 || b == 0 ? 0 : a * b;
}

struct interval interval_multiply(struct interval a, struct interval b)
{
    return hull(multiply_bounds(a.low, b.low), multiply_bounds(a.low, b.high),
                multiply_bounds(a.high, b.low), multiply_bounds(a.high, b.high));
}

static double divide_bounds(double a, double b)
{
    return a == 0 || isinf(b) ? 0 : a / b;
}

struct interval interval_divide(struct interval a, struct interval b)
{
    assert(!interval_has_zero(b));
    return hull(divide_bounds(a.low, b.low), divide_bounds(a.low, b.high),
                divide_bounds(a.high, b.low), divide_bounds(a.high, b.high));
}

struct interval interval_abs(struct interval a)
{
    if (a.low >= 0) return a;
    if (a.high <= 0) return interval_negate(a);
    return (struct interval){0, higher(-a.low, a.high)};
}

struct interval interval_min(struct interval a, struct interval b)
{
    return (struct interval){lower(a.low, b.low), lower(a.high, b.high)};
}

struct interval interval_max(struct interval a, struct interval b)
{
    return (struct interval){higher(a.low, b.low), higher(a.high, b.high)};
}

struct interval interval_union(struct interval a, struct interval b)
{
    return (struct interval){lower(a.low, b.low), higher(a.high, b.high)};
}

/* floor(log2 x) of a finite x > 0, at least -1075. */
static int exponent_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int biased = (int)(bits >> 52);
    return biased == 0 ? -1075 : biased - 1023;
}

struct interval interval_log(struct interval a, double scale)
{
    assert(a.low > 0 && scale > 0);
    int low = exponent_of(a.low);
    int high = a.high > DBL_MAX ? 1024 : a.high == 1 ? 0 : exponent_of(a.high) + 1;
    /* The sign of a logarithm is exact; only its size has a margin. */
    return (struct interval){low == 0 ? 0 : low * scale - log_margin,
                             high == 0 ? 0 : high * scale + log_margin};
}

struct interval interval_sqrt(struct interval a)
{
    assert(a.low >= 0);
    return (struct interval){lower(a.low, 1), higher(a.high, 1)};
}

/* Powers may underflow to 0 and saturate, so only signs and the side of 1 are told. */
struct interval interval_pow(struct interval base, struct interval exponent)
{
    if (exponent.low == 0 && exponent.high == 0) return interval_of(1, 1);
    if (base.low < 0) {
        assert(exponent.low == exponent.high);
        /* Whole numbers from 2^53 on are even. */
        bool odd = exponent.low < 0x1p53 && (int64_t)exponent.low % 2 == 1;
        return odd ? interval_all() : interval_from(0);
    }
    bool rising = exponent.low >= 0, falling = exponent.high <= 0;
    if ((base.low >= 1 && rising) || (base.high <= 1 && falling)) return interval_from(1);
    if ((base.high <= 1 && rising) || (base.low >= 1 && falling)) return interval_of(0, 1);
    return interval_from(0);
}
