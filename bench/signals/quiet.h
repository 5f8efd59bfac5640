/* What it costs to ask for, and to count on, pairs that are in the store alone. */
#ifndef TIDAL_BENCH_SIGNALS_QUIET_H
#define TIDAL_BENCH_SIGNALS_QUIET_H

#include "signals/system.h"

struct cold_figures {
    struct samples p50, p99; /* us of a read of FEATURES of CANDIDATES, all cold */
    struct samples warm_us;  /* the same of a ledger that has all in memory */
    struct samples event_us; /* an event on a cold pair, read in by the group */
    struct samples bytes;    /* in memory, a cold pair */
};

struct cold_scale {
    uint32_t entities;
    size_t history, queries;
};

struct cold_bench;
/* Two ledgers of the same events: one on a budget of a byte, over RocksDB in `directory`. */
struct cold_bench *cold_bench_open(const struct cold_scale *scale, const char *directory);
void cold_bench_round(struct cold_bench *bench, struct cold_figures *figures);
void cold_bench_close(struct cold_bench *bench);

#endif
