#include "ranking/estimate.h"

#include "harness/test.h"

#include <math.h>

static bool near(double a, double b, double error)
{
    return fabs(a - b) <= error;
}

/* Golden values of Reddit's confidence, of (ups, downs). */
static void wilsons_bound_has_known_values(struct test *t)
{
    CHECK(near(estimate_wilson(100, 110, 1.281551565545), 0.867689, 1e-6));
    CHECK(near(estimate_wilson(1, 1, 1.281551565545), 0.378448, 1e-6));
    CHECK(near(estimate_wilson(0, 1, 1.281551565545), 0, 1e-12));
    CHECK(near(estimate_wilson(10, 20, 1.281551565545), 0.362262, 1e-6));
    CHECK(near(estimate_wilson(100, 110, 1.959963984540054), 0.840703, 1e-6));
    CHECK(near(estimate_wilson(1, 1, 1.959963984540054), 0.206549, 1e-6));
    CHECK(estimate_wilson(0, 0, 1.5) == 0);
    CHECK(estimate_wilson(3, 2, 1.5) == estimate_wilson(2, 2, 1.5));
}

static void a_sample_follows_from_its_seed(struct test *t)
{
    CHECK(estimate_beta(3, 7, 42) == estimate_beta(3, 7, 42));
    CHECK(estimate_beta(3, 7, 42) != estimate_beta(3, 7, 43));
    /* One figure for every compiler and machine. */
    CHECK(estimate_beta(3, 7, 42) == 0x1.6d69855eb4f2p-2);
}

static void samples_have_the_mean_and_variance_of_a_beta(struct test *t)
{
    static const double shapes[][2] = {{3, 7}, {0.5, 0.5}, {1, 49}, {400, 100}, {0.01, 2}};
    enum { DRAWS = 40000 };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        double a = shapes[i][0], b = shapes[i][1], n = a + b, sum = 0, squares = 0;
        for (uint64_t seed = 0; seed < DRAWS; seed++) {
            double x = estimate_beta(a, b, seed * UINT64_C(0xd6e8feb86659fd93));
            CHECK(x >= 0 && x <= 1);
            sum += x;
            squares += x * x;
        }
        double mean = sum / DRAWS, variance = squares / DRAWS - mean * mean;
        double right = a * b / (n * n * (n + 1));
        CHECK(near(mean, a / n, 5 * sqrt(right / DRAWS)));
        CHECK(near(variance, right, 0.1 * right));
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(wilsons_bound_has_known_values),
               CASE(a_sample_follows_from_its_seed),
               CASE(samples_have_the_mean_and_variance_of_a_beta));
}
