/* log2: x = m 2^e with m in [sqrt 1/2, sqrt 2); ln m = 2 artanh s, s = (m - 1)/(m + 1), by its
 * series 2 (s + s^3/3 + s^5/5 + ...).  |s| <= 0.1716, so the first term left out, s^23/23, is below
 * 1e-18. exp2: a whole part by exponent bits, a fraction by table and polynomial (base/decay.c).
 */
#include "ranking/math.h"

#include "base/decay.h"

#include <assert.h>
#include <float.h>
#include <string.h>

#define LN_2       0x1.62e42fefa39efp-1
#define LOG2_E     0x1.71547652b82fep+0
#define LOG10_2    0x1.34413509f79ffp-2
#define SQRT_2     0x1.6a09e667f3bcdp+0
#define CLIP       DBL_MAX
#define EXP2_BOUND 1024.0

double math_exp2(double x)
{
    if (x >= EXP2_BOUND) return CLIP;
    if (x < -1022) return 0;
    int64_t whole = (int64_t)x;
    if ((double)whole > x) whole--;
    double fraction = x - (double)whole;
    if (fraction >= 1) { /* x was a hair below a whole number */
        whole++;
        fraction = 0;
    }
    double power = exp2_fraction(fraction) * exp2_whole(whole);
    return power < CLIP ? power : CLIP;
}

/* x = mantissa * 2^exponent, mantissa in [1, 2). */
static double split(double x, int *exponent)
{
    uint64_t bits;
    *exponent = 0;
    if (x < 0x1p-1022) { /* subnormal */
        x *= 0x1p54;
        *exponent = -54;
    }
    memcpy(&bits, &x, sizeof bits);
    *exponent += (int)(bits >> 52 & 0x7ff) - 1023;
    bits = (bits & 0x000fffffffffffff) | 0x3ff0000000000000;
    memcpy(&x, &bits, sizeof x);
    return x;
}

double math_log2(double x)
{
    int exponent;
    assert(x > 0);
    double m = split(x, &exponent);
    if (m >= SQRT_2) {
        m *= 0.5;
        exponent++;
    }
    double s = (m - 1) / (m + 1), square = s * s, series = 0;
    for (int odd = 21; odd >= 1; odd -= 2)
        series = series * square + 1.0 / odd;
    return (double)exponent + 2 * s * series * LOG2_E;
}

double math_log(double x)
{
    return math_log2(x) * LN_2;
}

double math_log10(double x)
{
    return math_log2(x) * LOG10_2;
}

double math_pow(double base, double exponent)
{
    if (base <= 0) return exponent == 0 ? 1 : 0;
    return math_exp2(exponent * math_log2(base));
}

double math_power(double base, unsigned n)
{
    double result = 1;
    for (; n > 0; n /= 2) {
        if (n % 2 == 1) result = math_clip(result * base);
        base = math_clip(base * base);
    }
    return result;
}

double math_sqrt(double x)
{
    return __builtin_sqrt(x);
}

double math_clip(double x)
{
    if (x > CLIP) return CLIP;
    return x < -CLIP ? -CLIP : x;
}
