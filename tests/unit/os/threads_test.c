#include "harness/test.h"
#include "os/clock.h"
#include "os/threads.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define MILLISECOND_NS 1000000

struct shared {
    struct mutex mutex;
    struct condition condition;
    _Atomic uint32_t word;
    int64_t sum;
    int turn;
    bool signals_blocked;
};

static void shared_init(struct shared *shared)
{
    *shared = (struct shared){0};
    mutex_init(&shared->mutex, LOCK_RANK_LOG);
    condition_init(&shared->condition);
}

static void shared_release(struct shared *shared)
{
    condition_release(&shared->condition);
    mutex_release(&shared->mutex);
}

static void add_ten_thousand(void *argument)
{
    struct shared *shared = argument;
    for (int i = 0; i < 10000; i++) {
        mutex_lock(&shared->mutex);
        shared->sum++;
        mutex_unlock(&shared->mutex);
    }
}

static void mutex_keeps_threads_apart(struct test *t)
{
    struct shared shared;
    struct thread threads[4];
    struct error error;
    shared_init(&shared);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(thread_start(&threads[i], "adder", add_ten_thousand, &shared, &error), CODE_OK);
    }
    for (int i = 0; i < 4; i++)
        thread_join(&threads[i]);
    CHECK_EQ(shared.sum, 40000);
    shared_release(&shared);
}

static void take_odd_turns(void *argument)
{
    struct shared *shared = argument;
    sigset_t blocked;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    mutex_lock(&shared->mutex);
    shared->signals_blocked = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGINT);
    while (shared->turn < 200) {
        while (shared->turn % 2 == 0)
            condition_wait(&shared->condition, &shared->mutex);
        shared->turn++;
        condition_signal(&shared->condition);
    }
    mutex_unlock(&shared->mutex);
}

static void condition_hands_turns_over_and_new_threads_take_no_signals(struct test *t)
{
    struct shared shared;
    struct thread thread;
    struct error error;
    shared_init(&shared);
    CHECK_EQ(thread_start(&thread, "odd", take_odd_turns, &shared, &error), CODE_OK);
    mutex_lock(&shared.mutex);
    while (shared.turn < 201) {
        while (shared.turn % 2 == 1)
            condition_wait(&shared.condition, &shared.mutex);
        shared.turn++;
        condition_broadcast(&shared.condition);
    }
    mutex_unlock(&shared.mutex);
    thread_join(&thread);
    CHECK(shared.signals_blocked);
    sigset_t mine;
    (void)pthread_sigmask(SIG_BLOCK, NULL, &mine);
    CHECK(!sigismember(&mine, SIGTERM));
    shared_release(&shared);
}

static void timed_wait_ends_at_its_deadline(struct test *t)
{
    struct shared shared;
    shared_init(&shared);
    int64_t deadline = clock_monotonic_ns(clock_system()) + 20 * MILLISECOND_NS;
    mutex_lock(&shared.mutex);
    while (condition_wait_until(&shared.condition, &shared.mutex, deadline)) {
    }
    CHECK(clock_monotonic_ns(clock_system()) >= deadline);
    CHECK(!condition_wait_until(&shared.condition, &shared.mutex, 0)); /* long past */
    mutex_unlock(&shared.mutex);
    shared_release(&shared);
}

static void wake_word(void *argument)
{
    struct shared *shared = argument;
    thread_sleep_ns(5 * MILLISECOND_NS);
    atomic_store(&shared->word, 1);
    word_wake_all(&shared->word);
}

static void word_wait_sleeps_until_the_word_changes(struct test *t)
{
    struct shared shared;
    struct thread thread;
    struct error error;
    shared_init(&shared);
    word_wait(&shared.word, 7, WAIT_FOREVER); /* not the expected value: no sleep */
    int64_t start = clock_monotonic_ns(clock_system());
    word_wait(&shared.word, 0, 10 * MILLISECOND_NS);
    CHECK(clock_monotonic_ns(clock_system()) - start >= 5 * MILLISECOND_NS);
    CHECK_EQ(thread_start(&thread, "waker", wake_word, &shared, &error), CODE_OK);
    while (atomic_load(&shared.word) == 0)
        word_wait(&shared.word, 0, WAIT_FOREVER);
    thread_join(&thread);
    shared_release(&shared);
}

/* The signal that ended a child which takes a lock of rank `second` while it holds `first`. */
static int signal_of_locking(int first, int second)
{
    pid_t child = fork();
    if (child == 0) {
        int nowhere = open("/dev/null", O_WRONLY);
        if (nowhere >= 0) (void)dup2(nowhere, STDERR_FILENO);
        struct mutex outer, inner;
        mutex_init(&outer, first);
        mutex_init(&inner, second);
        mutex_lock(&outer);
        mutex_lock(&inner);
        mutex_unlock(&outer); /* any order is good for giving back */
        mutex_unlock(&inner);
        _exit(0);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) return -1;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void locks_out_of_rank_are_asserted_in_debug_builds(struct test *t)
{
    CHECK_EQ(signal_of_locking(LOCK_RANK_LOG, LOCK_RANK_DISK), 0);
#ifdef NDEBUG
    SKIP("a release build does not check ranks");
#else
    CHECK_EQ(signal_of_locking(LOCK_RANK_DISK, LOCK_RANK_LOG), SIGABRT);
    CHECK_EQ(signal_of_locking(LOCK_RANK_LOG, LOCK_RANK_LOG), SIGABRT);
#endif
}

static void a_process_knows_its_number(struct test *t)
{
    CHECK_EQ(process_id(), getpid());
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(mutex_keeps_threads_apart),
               CASE(condition_hands_turns_over_and_new_threads_take_no_signals),
               CASE(timed_wait_ends_at_its_deadline), CASE(word_wait_sleeps_until_the_word_changes),
               CASE(locks_out_of_rank_are_asserted_in_debug_builds),
               CASE(a_process_knows_its_number));
}
