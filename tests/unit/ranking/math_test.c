#include "ranking/math.h"

#include "base/choices.h"
#include "harness/test.h"
#include "ranking/score.h"

#include <float.h>
#include <math.h>

static bool near(double got, long double right, double relative)
{
    bool ok = fabsl((long double)got - right) <= (long double)relative * fabsl(right);
    if (!ok) fprintf(stderr, "    got %.17g, right is %.20Lg\n", got, right);
    return ok;
}

/* Magnitudes of all sizes: a mantissa and an exponent. */
static double draw(struct choices *choices, int exponent)
{
    double mantissa = 1 + (double)choose(choices, UINT64_C(1) << 52) * 0x1p-52;
    return ldexp(mantissa, (int)choose(choices, (uint64_t)exponent * 2) - exponent);
}

static void logarithms_are_right_to_a_bit_or_two(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, 1, NULL);
    for (int i = 0; i < 200000; i++) {
        double x = i % 4 == 0 ? 1 + (draw(&choices, 1) - 1) * 1e-3 : draw(&choices, 1000);
        CHECK(near(math_log2(x), log2l((long double)x), 1e-15));
        CHECK(near(math_log(x), logl((long double)x), 1e-15));
        CHECK(near(math_log10(x), log10l((long double)x), 1e-15));
    }
}

static void logarithms_of_powers_of_two_are_exact(struct test *t)
{
    for (int exponent = -1074; exponent <= 1023; exponent++)
        CHECK(math_log2(ldexp(1, exponent)) == exponent);
    CHECK(math_log10(1) == 0 && math_log(1) == 0);
}

static void exponentials_are_right_to_a_few_bits(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, 2, NULL);
    for (int i = 0; i < 200000; i++) {
        double x = ((double)choose(&choices, UINT64_C(1) << 52) * 0x1p-51 - 1) * 1000;
        if (i % 4 == 0) x *= 1e-4;
        CHECK(near(math_exp2(x), exp2l((long double)x), 1e-15));
    }
    for (int exponent = -1022; exponent < 1024; exponent++)
        CHECK(math_exp2(exponent) == ldexp(1, exponent));
    CHECK(math_exp2(-1022.5) == 0);
    CHECK(math_exp2(-1e300) == 0);
    CHECK(math_exp2(1e300) == DBL_MAX);
    CHECK(math_exp2(0x1.fffffffffffffp+9) <= DBL_MAX); /* the largest below 1024 */
    CHECK(math_exp2(1010.5) > math_exp2(1010) && math_exp2(1023.5) > math_exp2(1023));
    CHECK(math_exp2(-0x1p-60) == 1);
}

static void powers_are_right_and_never_leave_the_finite(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, 3, NULL);
    for (int i = 0; i < 100000; i++) {
        double base = draw(&choices, 20), exponent = (double)choose(&choices, 400) / 16 - 12.5;
        CHECK(
            near(math_pow(base, exponent), powl((long double)base, (long double)exponent), 1e-12));
        unsigned n = (unsigned)choose(&choices, 30);
        CHECK(near(math_power(-base, n), powl(-(long double)base, n), 1e-13));
    }
    CHECK(math_pow(0, 0) == 1 && math_pow(0, 2) == 0 && math_pow(0, -1) == 0);
    CHECK(math_power(0, 0) == 1 && math_power(0, 5) == 0);
    CHECK(math_power(1e10, 1000) == DBL_MAX);
    CHECK(math_power(-1e10, 999) == -DBL_MAX);
    CHECK(math_power(1e-10, UINT32_MAX) == 0);
    CHECK(isfinite(math_pow(DBL_MAX, DBL_MAX)) && math_pow(DBL_MAX, -DBL_MAX) == 0);
    CHECK(math_clip(HUGE_VAL) == DBL_MAX && math_clip(-HUGE_VAL) == -DBL_MAX);
    CHECK(math_clip(-3.5) == -3.5);
}

/* The same bits on every machine: a hash over many results, as first computed on x86-64. */
static void the_bits_are_those_of_every_machine(struct test *t)
{
    struct choices choices;
    uint64_t hash = 0;
    choices_from_seed(&choices, 4, NULL);
    for (int i = 0; i < 10000; i++) {
        double x = draw(&choices, 30);
        const double results[] = {math_log2(x), math_log10(x), math_exp2(math_log(x)),
                                  math_pow(x, 0.3), math_power(x, 7)};
        for (size_t j = 0; j < sizeof results / sizeof *results; j++) {
            uint64_t bits;
            memcpy(&bits, &results[j], sizeof bits);
            hash = (hash ^ bits) * UINT64_C(0x100000001b3);
        }
    }
    CHECK_EQ(hash, UINT64_C(0x8bb5083c2519fe61));
}

/* X's ranker, September 2026: P = 43.32, N = 367.22. */
static void the_offset_gives_the_published_values(struct test *t)
{
    CHECK(near(score_offset(0.3, 43.32, 367.22), 0.301L, 1e-12));
    CHECK(score_offset(0, 43.32, 367.22) == 0.001);
    CHECK(near(score_offset(-0.5, 43.32, 367.22), 0.00089326L, 1e-5));
    CHECK(score_offset(-367.22, 43.32, 367.22) == 0);
    CHECK(score_offset(-1e9, 43.32, 367.22) == 0);
    CHECK(score_offset(-1, 0, 0) == 0);
}

static void the_offset_keeps_the_order(struct test *t)
{
    double before = -1;
    for (int i = -4000; i <= 4000; i++) {
        double after = score_offset(i * 0.1, 43.32, 367.22);
        CHECK(after >= before && (after > before || i * 0.1 <= -367.22 + 0.1));
        before = after;
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(logarithms_are_right_to_a_bit_or_two),
               CASE(logarithms_of_powers_of_two_are_exact),
               CASE(exponentials_are_right_to_a_few_bits),
               CASE(powers_are_right_and_never_leave_the_finite),
               CASE(the_bits_are_those_of_every_machine),
               CASE(the_offset_gives_the_published_values), CASE(the_offset_keeps_the_order));
}
