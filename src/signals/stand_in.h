/* Stand-ins: what is read of a half-life or window while it has a gap (signals/gaps.h).
 *
 * Estimates, of what the same record knows for certain; each is marked as one where a ranking is
 * explained (features_estimated).  Pure reads: as features. */
#ifndef TIDAL_SIGNALS_STAND_IN_H
#define TIDAL_SIGNALS_STAND_IN_H

#include "signals/ledger_private.h"

/* A window by another ring, or by a shorter one. */
struct window_stand_in {
    struct window_at at;
    double factor; /* by how much longer the window is that was asked for; 1: no longer */
};
struct window_stand_in window_stand_in(const struct signal_table *table, uint8_t ring,
                                       int64_t window_ms, int64_t now_ms);

/* A decayed sum from the sums of windows, or from another half-life. */
struct decay_stand_in {
    struct windows parts; /* of the past that a ring knows; each holds those before it */
    double weights[WINDOWS_TOGETHER]; /* of what a part has more than the one before */
    uint8_t slot; /* if there are no parts: of this half-life, which may be the own one, */
    struct decay_now now;
    double factor; /* times this */
};
void decay_stand_in_init(struct decay_stand_in *stand_in, const struct signal_table *table,
                         uint8_t slot, int64_t now_ms);
/* In units of value.  Something is held. */
double decay_stand_in_read(const struct decay_stand_in *stand_in, const struct layout *layout,
                           struct held held);

#endif
