/* A signal handler may do next to nothing, so it writes a byte into a pipe.  While a query runs, a
 * thread waits at the other end and cancels it; while a line is edited, the reader of keys does. */
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static int ends[2] = {-1, -1};
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changes = PTHREAD_COND_INITIALIZER;
static tidal_query *running;

static void on_interrupt(int number)
{
    (void)number;
    int saved = errno;
    ssize_t written = write(ends[1], "", 1);
    (void)written; /* full: there are interrupts enough in it */
    errno = saved;
}

int interrupt_file(void)
{
    return ends[0];
}

void interrupt_take(void)
{
    char bytes[64];
    while (read(ends[0], bytes, sizeof bytes) > 0) {
    }
}

void interrupt_running(tidal_query *query)
{
    pthread_mutex_lock(&mutex);
    running = query;
    pthread_cond_signal(&changes);
    pthread_mutex_unlock(&mutex);
}

/* Lives as long as the process.  Its waits are short, so that it lets go when the query ends. */
static void *cancel_on_interrupt(void *unused)
{
    enum { WAIT_MS = 50 };
    (void)unused;
    pthread_mutex_lock(&mutex);
    for (;;) {
        while (!running)
            pthread_cond_wait(&changes, &mutex);
        pthread_mutex_unlock(&mutex);
        struct pollfd end = {.fd = ends[0], .events = POLLIN};
        bool interrupted = poll(&end, 1, WAIT_MS) > 0;
        pthread_mutex_lock(&mutex);
        if (!interrupted || !running) continue;
        interrupt_take();
        tidal_cancel(running);
    }
    return NULL;
}

bool interrupt_catch(void)
{
    pthread_t thread;
    sigset_t interrupt, before;
    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return false;
    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &interrupt, &before);
    bool started = pthread_create(&thread, NULL, cancel_on_interrupt, NULL) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (started) (void)pthread_detach(thread);
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    return started && sigaction(SIGINT, &action, NULL) == 0;
}
