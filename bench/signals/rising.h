/* The hundred that trend, and the hundred that are popular: how fast they are read, and what
 * keeping them ready costs an event. */
#ifndef TIDAL_BENCH_SIGNALS_RISING_H
#define TIDAL_BENCH_SIGNALS_RISING_H

#include "signals/system.h"

struct trending_figures {
    struct samples p50, p99, popular, scan; /* us a list */
    struct samples trending_ns, popular_ns; /* an event, beyond what the ledger takes */
    struct samples listed;                  /* items in the index of what trends */
};

struct trending_bench;

/* `history` events of `entities` come first; a round adds `burst` and asks `queries` times. */
struct trending_scale {
    uint32_t entities;
    size_t history, burst, queries;
};
struct trending_bench *trending_bench_open(const struct trending_scale *scale);
void trending_bench_round(struct trending_bench *bench, struct trending_figures *figures);
/* The keys that ours holds, for a peer to hold: as many as `rank_of` is called for. */
size_t trending_bench_ranks(struct trending_bench *bench, struct rank **ranks);
/* Microseconds of processor time that a list of ours takes now. */
double trending_bench_top_us(struct trending_bench *bench);
void trending_bench_close(struct trending_bench *bench);

#endif
