/* The rule of every window of time, of counts, gates and distinct users alike: W back from T are
 * the times in (T - W, T]. */
#ifndef TIDAL_BASE_TIME_WINDOW_H
#define TIDAL_BASE_TIME_WINDOW_H

#include <stdint.h>

/* The moment before a window: a time that is not after `now_ms` is in it if it is after this one.
 * INT64_MIN where the window reaches back to the beginning of time. */
static inline int64_t window_after_ms(int64_t now_ms, int64_t window_ms)
{
    int64_t after_ms;
    return __builtin_sub_overflow(now_ms, window_ms, &after_ms) ? INT64_MIN : after_ms;
}

#endif
