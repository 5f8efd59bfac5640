/* Threads, locks with ranks, conditions and waiting on a word.
 *
 * A thread takes locks in strictly ascending order of rank; debug builds keep a stack of what the
 * thread holds and assert it.  any thread, except where a function says otherwise. */
#ifndef TIDAL_OS_THREADS_H
#define TIDAL_OS_THREADS_H

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>

/* One line a layer, from the top of the house down; a layer with several locks adds 1, 2, ... */
enum lock_rank {
    LOCK_RANK_ENGINE = 100,
    LOCK_RANK_STATE = 200, /* the engine's phase lock over the folds */
    LOCK_RANK_STORE = 300,
    LOCK_RANK_LOG = 400,
    LOCK_RANK_DISK = 500
};

/* Waits without end. */
#define WAIT_FOREVER INT64_MAX

struct thread {
    pthread_t handle;
    void (*run)(void *argument);
    void *argument;
    char name[16];
};

/* Starts `run(argument)`; `thread` stays where it is until thread_join.  The new thread blocks all
 * signals: they belong to the program that uses the library.  `name` is cut off at 15 bytes. */
MUST_USE enum code thread_start(struct thread *thread, const char *name, void (*run)(void *),
                                void *argument, struct error *error);
/* Once for each thread started. */
void thread_join(struct thread *thread);
/* At least that long, by CLOCK_MONOTONIC. */
void thread_sleep_ns(int64_t duration_ns);
/* Differs in a child made by fork(): a handle made before is known by it. */
int64_t process_id(void);

struct mutex {
    pthread_mutex_t handle;
    int rank;
};

void mutex_init(struct mutex *mutex, int rank);
void mutex_release(struct mutex *mutex);
void mutex_lock(struct mutex *mutex);
/* False, and nothing is locked, if another thread has it. */
MUST_USE bool mutex_try_lock(struct mutex *mutex);
void mutex_unlock(struct mutex *mutex);

struct condition {
    pthread_cond_t handle;
};

void condition_init(struct condition *condition);
void condition_release(struct condition *condition);
/* Gives the mutex up while it waits.  May return for no reason: ask the state again. */
void condition_wait(struct condition *condition, struct mutex *mutex);
/* As condition_wait, but no longer than until the system's clock_monotonic_ns() reaches
 * `deadline_ns`; false if it did. */
bool condition_wait_until(struct condition *condition, struct mutex *mutex, int64_t deadline_ns);
void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);

/* Sleeps while *word is `expected`, until a wake or `timeout_ns` (or WAIT_FOREVER) has passed.  May
 * return for no reason: ask the word again. */
void word_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns);
void word_wake_one(_Atomic uint32_t *word);
void word_wake_all(_Atomic uint32_t *word);

/* For locks: notes and checks what the calling thread holds.  Nothing in release builds. */
void lock_rank_push(int rank);
void lock_rank_pop(int rank);

#endif
