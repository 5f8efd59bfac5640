/* For benches of folds alone: an entity's id is its ordinal. */
#ifndef TIDAL_BENCH_SIGNALS_IDS_H
#define TIDAL_BENCH_SIGNALS_IDS_H

#include "signals/ledger.h"
#include "signals/system.h"

#include <string.h>

static inline ordinal ids_ordinal_of(void *context, enum entity_kind kind, entity_id id)
{
    (void)context;
    (void)kind;
    return (ordinal)id;
}

static inline entity_id ids_id_of(void *context, enum entity_kind kind, ordinal entity)
{
    (void)context;
    (void)kind;
    return entity;
}

/* What the ledger bench counts: three half-lives, and windows of three rings. */
static inline void ids_define(struct signal *signal, signal_id id)
{
    static const int64_t half_lives_ms[] = {HOUR_MS, DAY_MS, 7 * DAY_MS};
    static const int64_t windows_ms[] = {HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS};
    *signal = (struct signal){.id = id, .kind = ENTITY_ITEM, .lateness_ms = 12 * HOUR_MS};
    signal->half_life_count = 3;
    signal->window_count = 4;
    memcpy(signal->half_life_ms, half_lives_ms, sizeof half_lives_ms);
    memcpy(signal->window_ms, windows_ms, sizeof windows_ms);
}

#endif
