/* Logarithms, powers and roots that give the same bits on every IEEE machine: multiplications and
 * additions in a fixed order, no libm.  Relative error <= 1e-15.  Pure. */
#ifndef TIDAL_RANKING_MATH_H
#define TIDAL_RANKING_MATH_H

/* 2^x; 0 below -1022, DBL_MAX from 1024 on. */
double math_exp2(double x);
/* x > 0 and finite. */
double math_log2(double x);
double math_log(double x);
double math_log10(double x);
/* base > 0: 2^(exponent * log2 base).  base == 0: 0, or 1 if the exponent is 0. */
double math_pow(double base, double exponent);
/* |base|^n by repeated squaring; n >= 0. */
double math_power(double base, unsigned n);
/* x >= 0; IEEE's own square root is exact to the last bit. */
double math_sqrt(double x);
/* Brings an infinite result of two finite numbers back to the largest finite one (schema/interval.h
 * counts on it). */
double math_clip(double x);

#endif
