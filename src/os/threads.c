#include "os/threads.h"

#include "os/clock.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* A pthread function that can only fail when it is called against its contract. */
static void must(int result)
{
    assert(result == 0);
    (void)result;
}

static struct timespec timespec_of_ns(int64_t time_ns)
{
    return (struct timespec){.tv_sec = (time_t)(time_ns / 1000000000),
                             .tv_nsec = (long)(time_ns % 1000000000)};
}

/* --- threads --- */

static void *thread_main(void *argument)
{
    struct thread *thread = argument;
    /* A name is a help for debuggers; without it all works the same. */
    (void)pthread_setname_np(pthread_self(), thread->name);
    thread->run(thread->argument);
    return NULL;
}

enum code thread_start(struct thread *thread, const char *name, void (*run)(void *), void *argument,
                       struct error *error)
{
    thread->run = run;
    thread->argument = argument;
    (void)snprintf(thread->name, sizeof thread->name, "%s", name);
    /* A thread inherits the mask of its creator, so the creator wears it for a moment. */
    sigset_t all, before;
    sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &before));
    int failed = pthread_create(&thread->handle, NULL, thread_main, thread);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    if (failed) return error_os(error, AREA_OS, failed, "cannot start thread '%s'", name);
    return CODE_OK;
}

void thread_join(struct thread *thread)
{
    must(pthread_join(thread->handle, NULL));
}

void thread_sleep_ns(int64_t duration_ns)
{
    struct timespec until =
        timespec_of_ns(clock_monotonic_ns(clock_system()) + (duration_ns > 0 ? duration_ns : 0));
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

/* Asked for at each call of a handle: a system call there would be a tenth of an append. */
static _Atomic int64_t known_process; /* 0: not asked yet */
static pthread_once_t forks_once = PTHREAD_ONCE_INIT;
static bool forks_are_watched;

static void forget_process(void)
{
    atomic_store(&known_process, 0);
}

static void watch_forks(void)
{
    forks_are_watched = pthread_atfork(NULL, NULL, forget_process) == 0;
}

int64_t process_id(void)
{
    int64_t process = atomic_load(&known_process);
    if (process != 0) return process;
    must(pthread_once(&forks_once, watch_forks));
    process = getpid();
    if (forks_are_watched) atomic_store(&known_process, process);
    return process;
}

/* --- ranks --- */

#ifndef NDEBUG
#define HELD_MAXIMUM 16
static _Thread_local int held_ranks[HELD_MAXIMUM];
static _Thread_local int held_count;
#endif

void lock_rank_push(int rank)
{
#ifndef NDEBUG
    assert(held_count < HELD_MAXIMUM);
    assert(held_count == 0 || held_ranks[held_count - 1] < rank);
    held_ranks[held_count++] = rank;
#else
    (void)rank;
#endif
}

void lock_rank_pop(int rank)
{
#ifndef NDEBUG
    /* Locks may be given back in any order; what is left is still ascending. */
    int at = held_count - 1;
    while (at >= 0 && held_ranks[at] != rank)
        at--;
    assert(at >= 0);
    for (; at + 1 < held_count; at++)
        held_ranks[at] = held_ranks[at + 1];
    held_count--;
#else
    (void)rank;
#endif
}

/* --- mutexes and conditions --- */

void mutex_init(struct mutex *mutex, int rank)
{
    pthread_mutexattr_t attributes;
    must(pthread_mutexattr_init(&attributes));
    /* What they guard takes less than a microsecond: shorter than going to sleep. */
    must(pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP));
    must(pthread_mutex_init(&mutex->handle, &attributes));
    must(pthread_mutexattr_destroy(&attributes));
    mutex->rank = rank;
}

void mutex_release(struct mutex *mutex)
{
    must(pthread_mutex_destroy(&mutex->handle));
}

void mutex_lock(struct mutex *mutex)
{
    /* Before the lock, so that a deadlock in the making is reported and not entered. */
    lock_rank_push(mutex->rank);
    must(pthread_mutex_lock(&mutex->handle));
}

bool mutex_try_lock(struct mutex *mutex)
{
    int failure = pthread_mutex_trylock(&mutex->handle);
    if (failure == EBUSY) return false;
    must(failure);
    lock_rank_push(mutex->rank);
    return true;
}

void mutex_unlock(struct mutex *mutex)
{
    must(pthread_mutex_unlock(&mutex->handle));
    lock_rank_pop(mutex->rank);
}

void condition_init(struct condition *condition)
{
    pthread_condattr_t attributes;
    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_cond_init(&condition->handle, &attributes));
    must(pthread_condattr_destroy(&attributes));
}

void condition_release(struct condition *condition)
{
    must(pthread_cond_destroy(&condition->handle));
}

void condition_wait(struct condition *condition, struct mutex *mutex)
{
    must(pthread_cond_wait(&condition->handle, &mutex->handle));
}

bool condition_wait_until(struct condition *condition, struct mutex *mutex, int64_t deadline_ns)
{
    if (deadline_ns == WAIT_FOREVER) {
        condition_wait(condition, mutex);
        return true;
    }
    struct timespec until = timespec_of_ns(deadline_ns > 0 ? deadline_ns : 0);
    int result = pthread_cond_timedwait(&condition->handle, &mutex->handle, &until);
    assert(result == 0 || result == ETIMEDOUT);
    return result != ETIMEDOUT;
}

void condition_signal(struct condition *condition)
{
    must(pthread_cond_signal(&condition->handle));
}

void condition_broadcast(struct condition *condition)
{
    must(pthread_cond_broadcast(&condition->handle));
}

/* --- words --- */

_Static_assert(sizeof(_Atomic uint32_t) == sizeof(uint32_t), "the kernel sees the plain word");

void word_wait(_Atomic uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
    struct timespec timeout = timespec_of_ns(timeout_ns > 0 ? timeout_ns : 0);
    long result = syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected,
                          timeout_ns == WAIT_FOREVER ? NULL : &timeout, NULL, 0);
    assert(result == 0 || errno == EAGAIN || errno == EINTR || errno == ETIMEDOUT);
    (void)result;
}

static void word_wake(_Atomic uint32_t *word, int count)
{
    long result = syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
    assert(result >= 0);
    (void)result;
}

void word_wake_one(_Atomic uint32_t *word)
{
    word_wake(word, 1);
}

void word_wake_all(_Atomic uint32_t *word)
{
    word_wake(word, INT_MAX);
}
