#include "signals/system.h"

#include <math.h>

#define EXPONENT 1.1

static double uniform(struct stream *stream)
{
    return (double)(measure_random(&stream->random) >> 11) * 0x1p-53;
}

/* Integral of x^-EXPONENT, and its inverse. */
static double area(double x)
{
    return (pow(x, 1 - EXPONENT) - 1) / (1 - EXPONENT);
}

static double area_inverse(double a)
{
    return pow(1 + a * (1 - EXPONENT), 1 / (1 - EXPONENT));
}

void stream_init(struct stream *stream, uint32_t entities, uint64_t seed)
{
    *stream = (struct stream){.random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1,
                              .entities = entities,
                              .clock_ms = 1700000000000.0,
                              .zipf_low = area(1.5) - 1,
                              .zipf_high = area((double)entities + 0.5)};
}

/* Rejection-inversion: Hoermann and Derflinger 1996. */
static uint32_t draw_entity(struct stream *stream)
{
    for (;;) {
        double a = stream->zipf_low + uniform(stream) * (stream->zipf_high - stream->zipf_low);
        double x = area_inverse(a), k = floor(x + 0.5);
        if (k < 1) k = 1;
        if (k > stream->entities) k = stream->entities;
        if (a >= area(k + 0.5) - pow(k, -EXPONENT)) return (uint32_t)k;
    }
}

static double draw_delay_ms(struct stream *stream)
{
    double kind = uniform(stream), place = uniform(stream);
    if (kind < 0.90) return -2000 * log(1 - place);
    return kind < 0.99 ? place * 300000 : place * 12 * (double)HOUR_MS;
}

void stream_draw(struct stream *stream, struct event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        stream->clock_ms += stream->step_ms;
        double kind = uniform(stream);
        /* Neighbours in popularity are not neighbours in memory. */
        uint64_t rank = draw_entity(stream) - 1;
        events[i] =
            (struct event){.time_ms = (int64_t)(stream->clock_ms - draw_delay_ms(stream)),
                           .entity = (uint32_t)(rank * UINT64_C(2654435761) % stream->entities) + 1,
                           .signal = kind < 0.70   ? VIEW
                                     : kind < 0.85 ? LIKE
                                     : kind < 0.95 ? SKIP
                                                   : SHARE};
    }
}
