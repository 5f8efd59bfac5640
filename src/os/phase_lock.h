/* A reader-writer lock in which neither side starves: readers and writers take turns.
 *
 * A reader waits for at most one writer; a writer waits for the readers that came before it and for
 * the writers in line, one reader phase each.  Not recursive, for readers neither (a reader that
 * asks again behind a waiting writer waits for ever; the rank assertion finds it).  any thread. */
#ifndef TIDAL_OS_PHASE_LOCK_H
#define TIDAL_OS_PHASE_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct phase_lock {
    _Atomic uint32_t readers_in;     /* count in steps of 256; low bits: a writer, its phase */
    _Atomic uint32_t readers_out;    /* count in steps of 256 */
    _Atomic uint32_t writers_in;     /* tickets given */
    _Atomic uint32_t writers_out;    /* tickets served */
    _Atomic uint32_t drained_at;     /* readers_out that the writer sleeps for, + 1; or 0 */
    _Atomic uint32_t gate;           /* counts openings of the gate that readers sleep at */
    _Atomic uint32_t readers_asleep; /* at the gate */
    _Atomic uint32_t writers_asleep; /* waiting for their ticket */
    int rank;
};

void phase_lock_init(struct phase_lock *lock, int rank);
/* Nobody holds it or waits (asserted). */
void phase_lock_release(struct phase_lock *lock);
void phase_lock_read(struct phase_lock *lock);
void phase_unlock_read(struct phase_lock *lock);
void phase_lock_write(struct phase_lock *lock);
void phase_unlock_write(struct phase_lock *lock);

#endif
