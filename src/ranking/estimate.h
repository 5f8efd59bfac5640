/* What a share may be, given how often something happened: a bound and a sample.
 *
 * The same bits on every IEEE machine.  Pure. */
#ifndef TIDAL_RANKING_ESTIMATE_H
#define TIDAL_RANKING_ESTIMATE_H

#include <stdint.h>

/* Lower end of Wilson's interval for `successes` of `trials`, z standard deviations wide; 0 without
 * trials.  Within [0, 1]; more successes than trials count as all.  Wilson, JASA 1927; as in
 * Reddit's best, whose z is 1.2816. */
double estimate_wilson(double successes, double trials, double z);

/* A draw from Beta(a, b), a, b > 0, that follows from `seed` alone: x / (x + y) of two gamma
 * variates.  Marsaglia and Tsang, ACM TOMS 2000. */
double estimate_beta(double a, double b, uint64_t seed);

#endif
