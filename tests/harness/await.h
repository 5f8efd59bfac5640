/* Waiting for what another thread or process has to do.  How long that takes depends on what else
 * the machine does, so no test says how fast it has to be: it looks again and again, and gives up
 * after a time in which only a fault leaves it undone:
 *
 *     struct await await = {0};
 *     while (!done() && await_more(&await)) {
 *     }
 *     CHECK(done()); */
#ifndef TIDAL_TESTS_HARNESS_AWAIT_H
#define TIDAL_TESTS_HARNESS_AWAIT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

enum { AWAIT_SECONDS = 120 };

struct await {
    int64_t until_ms; /* 0: not begun */
};

static inline int64_t await_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Lets a millisecond go by; false, at once, when the time is over. */
static inline bool await_more(struct await *await)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    int64_t now_ms = await_now_ms();
    if (await->until_ms == 0) await->until_ms = now_ms + AWAIT_SECONDS * 1000;
    if (now_ms >= await->until_ms) return false;
    (void)nanosleep(&pause, NULL);
    return true;
}

#endif
