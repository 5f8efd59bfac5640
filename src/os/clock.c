#include "os/clock.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

int64_t clock_now_ms(struct clock *clock)
{
    return clock->operations->now_ms(clock);
}

int64_t clock_monotonic_ns(struct clock *clock)
{
    return clock->operations->monotonic_ns(clock);
}

static struct timespec read_time(clockid_t which)
{
    struct timespec time = {0};
    /* Both clocks exist on every system that this compiles for. */
    int failed = clock_gettime(which, &time);
    assert(failed == 0);
    (void)failed;
    return time;
}

static int64_t system_now_ms(struct clock *clock)
{
    (void)clock;
    struct timespec time = read_time(CLOCK_REALTIME);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int64_t system_monotonic_ns(struct clock *clock)
{
    (void)clock;
    struct timespec time = read_time(CLOCK_MONOTONIC);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

struct clock *clock_system(void)
{
    static const struct clock_operations operations = {system_now_ms, system_monotonic_ns};
    static struct clock system = {&operations};
    return &system;
}

static int64_t callback_now_ms(struct clock *clock)
{
    struct callback_clock *callback =
        (struct callback_clock *)((char *)clock - offsetof(struct callback_clock, clock));
    return callback->now_ms(callback->context);
}

void callback_clock_init(struct callback_clock *callback, int64_t (*now_ms)(void *context),
                         void *context)
{
    static const struct clock_operations operations = {callback_now_ms, system_monotonic_ns};
    *callback = (struct callback_clock){{&operations}, now_ms, context};
}

static struct simulated_clock *simulated_of(struct clock *clock)
{
    return (struct simulated_clock *)((char *)clock - offsetof(struct simulated_clock, clock));
}

static int64_t simulated_now_ms(struct clock *clock)
{
    return atomic_load(&simulated_of(clock)->now_ms);
}

static int64_t simulated_monotonic_ns(struct clock *clock)
{
    return atomic_load(&simulated_of(clock)->monotonic_ns);
}

void simulated_clock_init(struct simulated_clock *simulated, int64_t now_ms)
{
    static const struct clock_operations operations = {simulated_now_ms, simulated_monotonic_ns};
    simulated->clock.operations = &operations;
    atomic_init(&simulated->now_ms, now_ms);
    atomic_init(&simulated->monotonic_ns, 0);
}

void simulated_clock_set(struct simulated_clock *simulated, int64_t now_ms)
{
    atomic_store(&simulated->now_ms, now_ms);
}

void simulated_clock_advance(struct simulated_clock *simulated, int64_t by_ms)
{
    assert(by_ms >= 0 && by_ms <= INT64_MAX / 1000000);
    atomic_fetch_add(&simulated->now_ms, by_ms);
    atomic_fetch_add(&simulated->monotonic_ns, by_ms * 1000000);
}
