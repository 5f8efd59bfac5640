/* Phase-fair ticket lock ("PF-T"), after Brandenburg and Anderson, "Spin-based reader-writer
 * synchronization for multiprocessor real-time systems", Real-Time Systems 46 (2010), section 3,
 * with sleeping in place of endless spinning.
 *
 * Four counters.  Readers count themselves in and out in steps of 256; the low bits of readers_in
 * are the writer's: PRESENT while one holds or drains, and the PHASE of its ticket, so that a
 * reader can tell the writer that it met from the next one.  A writer takes a ticket, waits until
 * it is served, announces itself in readers_in (that addition also tells it which readers came
 * before) and waits until as many have left.  A reader that meets a writer waits until the writer's
 * bits are gone or have changed phase; the next writer waits for it in its turn.
 *
 * Who sleeps and who wakes.  Each wait is on a word of its own; the sleeper first says that it
 * sleeps, then looks again, then sleeps; the waker first changes what is waited for, then looks
 * whether anybody said so.  All of it is sequentially consistent, so one of the two sees the other,
 * and the kernel compares the word once more before it puts a thread to sleep:
 *   - readers at the gate: readers_asleep, then readers_in; word `gate`;
 *   - the writer that drains: drained_at, then readers_out; word `readers_out`.  Only the reader
 *     that brings the count to drained_at wakes it;
 *   - writers in line: writers_asleep, then writers_out; word `writers_out`.
 *
 * Counters wrap; at most 2^24 - 1 readers at a time keep them unambiguous.
 * No fences: ThreadSanitizer does not follow them. */
#include "os/phase_lock.h"

#include "os/threads.h"

#include <assert.h>

#define READER             0x100u
#define WRITER_BITS        0x3u
#define PRESENT            0x2u
#define PHASE              0x1u
#define DRAIN_MARK         0x1u
#define LOOKS_BEFORE_SLEEP 64

/* Holding times are short: a few looks often save two system calls. */
static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

void phase_lock_init(struct phase_lock *lock, int rank)
{
    atomic_init(&lock->readers_in, 0);
    atomic_init(&lock->readers_out, 0);
    atomic_init(&lock->writers_in, 0);
    atomic_init(&lock->writers_out, 0);
    atomic_init(&lock->drained_at, 0);
    atomic_init(&lock->gate, 0);
    atomic_init(&lock->readers_asleep, 0);
    atomic_init(&lock->writers_asleep, 0);
    lock->rank = rank;
}

void phase_lock_release(struct phase_lock *lock)
{
    assert(atomic_load(&lock->readers_in) == atomic_load(&lock->readers_out));
    assert(atomic_load(&lock->writers_in) == atomic_load(&lock->writers_out));
    (void)lock;
}

static bool gate_is_shut(struct phase_lock *lock, uint32_t met)
{
    return met != 0 && (atomic_load(&lock->readers_in) & WRITER_BITS) == met;
}

void phase_lock_read(struct phase_lock *lock)
{
    lock_rank_push(lock->rank);
    uint32_t met = atomic_fetch_add(&lock->readers_in, READER) & WRITER_BITS;
    for (int i = 0; i < LOOKS_BEFORE_SLEEP && gate_is_shut(lock, met); i++)
        pause_briefly();
    if (!gate_is_shut(lock, met)) return;
    atomic_fetch_add(&lock->readers_asleep, 1);
    for (;;) {
        uint32_t gate = atomic_load(&lock->gate);
        if (!gate_is_shut(lock, met)) break;
        word_wait(&lock->gate, gate, WAIT_FOREVER);
    }
    atomic_fetch_sub(&lock->readers_asleep, 1);
}

void phase_unlock_read(struct phase_lock *lock)
{
    uint32_t left = atomic_fetch_add(&lock->readers_out, READER) + READER;
    if (atomic_load(&lock->drained_at) == (left | DRAIN_MARK)) word_wake_one(&lock->readers_out);
    lock_rank_pop(lock->rank);
}

static void wait_for_ticket(struct phase_lock *lock, uint32_t ticket)
{
    for (int i = 0; i < LOOKS_BEFORE_SLEEP; i++) {
        if (atomic_load(&lock->writers_out) == ticket) return;
        pause_briefly();
    }
    atomic_fetch_add(&lock->writers_asleep, 1);
    for (;;) {
        uint32_t served = atomic_load(&lock->writers_out);
        if (served == ticket) break;
        word_wait(&lock->writers_out, served, WAIT_FOREVER);
    }
    atomic_fetch_sub(&lock->writers_asleep, 1);
}

static void wait_for_readers(struct phase_lock *lock, uint32_t came_before)
{
    for (int i = 0; i < LOOKS_BEFORE_SLEEP; i++) {
        if (atomic_load(&lock->readers_out) == came_before) return;
        pause_briefly();
    }
    atomic_store(&lock->drained_at, came_before | DRAIN_MARK);
    for (;;) {
        uint32_t left = atomic_load(&lock->readers_out);
        if (left == came_before) break;
        word_wait(&lock->readers_out, left, WAIT_FOREVER);
    }
    atomic_store(&lock->drained_at, 0);
}

void phase_lock_write(struct phase_lock *lock)
{
    lock_rank_push(lock->rank);
    uint32_t ticket = atomic_fetch_add(&lock->writers_in, 1);
    wait_for_ticket(lock, ticket);
    uint32_t came_before = atomic_fetch_add(&lock->readers_in, PRESENT | (ticket & PHASE));
    assert((came_before & WRITER_BITS) == 0);
    wait_for_readers(lock, came_before);
}

void phase_unlock_write(struct phase_lock *lock)
{
    atomic_fetch_and(&lock->readers_in, ~WRITER_BITS);
    if (atomic_load(&lock->readers_asleep) != 0) {
        atomic_fetch_add(&lock->gate, 1);
        word_wake_all(&lock->gate);
    }
    atomic_fetch_add(&lock->writers_out, 1);
    if (atomic_load(&lock->writers_asleep) != 0) word_wake_all(&lock->writers_out);
    lock_rank_pop(lock->rank);
}
