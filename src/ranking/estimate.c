#include "ranking/estimate.h"

#include "ranking/math.h"

double estimate_wilson(double successes, double trials, double z)
{
    if (!(trials > 0)) return 0;
    double share = successes < trials ? successes / trials : 1;
    double square = z * z;
    double variance = share * (1 - share) / trials + square / (4 * trials * trials);
    double middle = share + square / (2 * trials);
    double bound = (middle - z * math_sqrt(variance)) / (1 + square / trials);
    return bound > 0 ? bound : 0; /* rounding may leave it just below */
}

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014), as a number between 0 and 1, neither of both. */
static double uniform(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t x = *state;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return ((double)(x >> 11) + 0.5) * 0x1p-53;
}

/* Marsaglia's polar method: no sines. */
static double normal(uint64_t *state)
{
    for (;;) {
        double x = 2 * uniform(state) - 1, y = 2 * uniform(state) - 1;
        double square = x * x + y * y;
        if (square >= 1 || square == 0) continue;
        return x * math_sqrt(-2 * math_log(square) / square);
    }
}

static double gamma_of(double shape, uint64_t *state)
{
    double boost = 1;
    if (shape < 1) {
        boost = math_pow(uniform(state), 1 / shape);
        shape += 1;
    }
    double d = shape - 1.0 / 3, c = 1 / math_sqrt(9 * d);
    for (;;) {
        double x = normal(state), v = 1 + c * x;
        if (v <= 0) continue;
        v = v * v * v;
        if (math_log(uniform(state)) < 0.5 * x * x + d - d * v + d * math_log(v))
            return d * v * boost;
    }
}

double estimate_beta(double a, double b, uint64_t seed)
{
    uint64_t state = seed;
    double x = gamma_of(a, &state), y = gamma_of(b, &state);
    return x + y > 0 ? x / (x + y) : a / (a + b); /* both underflowed */
}
