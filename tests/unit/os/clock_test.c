#include "harness/test.h"
#include "os/clock.h"
#include "os/entropy.h"
#include "os/threads.h"

#include <time.h>

/* Not of time(), which may be a tick behind this clock, and so in the second before. */
static int64_t wall_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void system_clock_tells_the_wall_time(struct test *t)
{
    int64_t before_ms = wall_ms(), now_ms = clock_now_ms(clock_system());
    CHECK(now_ms >= before_ms);
    CHECK(now_ms <= wall_ms());
}

static void monotonic_clock_never_goes_back_and_counts_nanoseconds(struct test *t)
{
    int64_t start = clock_monotonic_ns(clock_system()), last = start;
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_monotonic_ns(clock_system());
        CHECK(now >= last);
        last = now;
    }
    thread_sleep_ns(5000000);
    CHECK(clock_monotonic_ns(clock_system()) - start >= 5000000);
}

static void simulated_clock_stands_still_until_told(struct test *t)
{
    struct simulated_clock simulated;
    simulated_clock_init(&simulated, 1000);
    struct clock *clock = &simulated.clock;
    CHECK_EQ(clock_now_ms(clock), 1000);
    CHECK_EQ(clock_now_ms(clock), 1000);
    CHECK_EQ(clock_monotonic_ns(clock), 0);
    simulated_clock_advance(&simulated, 25);
    CHECK_EQ(clock_now_ms(clock), 1025);
    CHECK_EQ(clock_monotonic_ns(clock), 25000000);
    simulated_clock_set(&simulated, 7); /* the wall clock goes back, durations do not */
    CHECK_EQ(clock_now_ms(clock), 7);
    CHECK_EQ(clock_monotonic_ns(clock), 25000000);
}

static void entropy_fills_every_byte_and_differs(struct test *t)
{
    struct error error;
    /* 64 draws of 33 bytes: a byte that is never written stays zero in all of them. */
    uint8_t seen[33] = {0}, first[33], bytes[33];
    CHECK_EQ(entropy_fill(first, sizeof first, &error), CODE_OK);
    for (int i = 0; i < 64; i++) {
        memset(bytes, 0, sizeof bytes);
        CHECK_EQ(entropy_fill(bytes, sizeof bytes, &error), CODE_OK);
        CHECK(memcmp(bytes, first, sizeof bytes) != 0);
        for (size_t j = 0; j < sizeof bytes; j++)
            seen[j] |= bytes[j];
    }
    for (size_t j = 0; j < sizeof seen; j++)
        CHECK(seen[j] != 0);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(system_clock_tells_the_wall_time),
               CASE(monotonic_clock_never_goes_back_and_counts_nanoseconds),
               CASE(simulated_clock_stands_still_until_told),
               CASE(entropy_fills_every_byte_and_differs));
}
