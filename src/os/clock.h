/* The time, from the machine or from a test.  any thread. */
#ifndef TIDAL_OS_CLOCK_H
#define TIDAL_OS_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct clock;

struct clock_operations {
    int64_t (*now_ms)(struct clock *clock);
    int64_t (*monotonic_ns)(struct clock *clock);
};

struct clock {
    const struct clock_operations *operations;
};

/* Milliseconds since 1970-01-01T00:00:00Z.  May jump, also backwards. */
int64_t clock_now_ms(struct clock *clock);
/* Nanoseconds since some moment; never goes back.  For durations and deadlines. */
int64_t clock_monotonic_ns(struct clock *clock);

/* The machine's; lives as long as the process. */
struct clock *clock_system(void);

/* Asks a function for the wall clock's time; its monotonic time is the machine's. */
struct callback_clock {
    struct clock clock; /* lend &callback.clock */
    int64_t (*now_ms)(void *context);
    void *context;
};

void callback_clock_init(struct callback_clock *callback, int64_t (*now_ms)(void *context),
                         void *context);

/* Stands still until it is told otherwise. */
struct simulated_clock {
    struct clock clock; /* lend &simulated.clock */
    _Atomic int64_t now_ms;
    _Atomic int64_t monotonic_ns;
};

void simulated_clock_init(struct simulated_clock *simulated, int64_t now_ms);
/* The wall clock jumps; the monotonic one does not move. */
void simulated_clock_set(struct simulated_clock *simulated, int64_t now_ms);
/* Both move on. */
void simulated_clock_advance(struct simulated_clock *simulated, int64_t by_ms);

#endif
