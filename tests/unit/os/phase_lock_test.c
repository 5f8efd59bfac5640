#include "harness/await.h"
#include "harness/test.h"
#include "os/clock.h"
#include "os/phase_lock.h"
#include "os/threads.h"

#include <sched.h>

#define THREAD_COUNT     4
#define WRITES_WANTED    300
#define READS_WANTED     300
#define TURNS_WANTED     30 /* of each of the others */
#define MIXED_ITERATIONS 20000

/* What the lock guards is plain memory: ThreadSanitizer sees a lock that does not order it. */
struct guarded {
    struct phase_lock lock;
    int64_t a;
    int64_t b; /* always == a outside a write */
    _Atomic int readers_inside;
    _Atomic int writers_inside;
    _Atomic int most_readers_inside;
    _Atomic int well_served; /* threads that had their turns */
    _Atomic bool broken;
    _Atomic bool stop;
};

struct worker {
    struct thread thread;
    struct guarded *guarded;
    uint64_t state;
    int64_t read_count;
    int64_t write_count;
};

static void note_most(_Atomic int *most, int value)
{
    int seen = atomic_load(most);
    while (seen < value && !atomic_compare_exchange_weak(most, &seen, value)) {
    }
}

static void read_once(struct worker *worker, int64_t hold_ns)
{
    struct guarded *guarded = worker->guarded;
    phase_lock_read(&guarded->lock);
    note_most(&guarded->most_readers_inside, atomic_fetch_add(&guarded->readers_inside, 1) + 1);
    if (atomic_load(&guarded->writers_inside) != 0) atomic_store(&guarded->broken, true);
    if (guarded->a != guarded->b) atomic_store(&guarded->broken, true);
    if (hold_ns > 0) thread_sleep_ns(hold_ns);
    atomic_fetch_sub(&guarded->readers_inside, 1);
    phase_unlock_read(&guarded->lock);
    worker->read_count++;
}

static void write_once(struct worker *worker)
{
    struct guarded *guarded = worker->guarded;
    phase_lock_write(&guarded->lock);
    if (atomic_fetch_add(&guarded->writers_inside, 1) != 0) atomic_store(&guarded->broken, true);
    if (atomic_load(&guarded->readers_inside) != 0) atomic_store(&guarded->broken, true);
    guarded->a++;
    if (guarded->a % 16 == 0) (void)sched_yield();
    guarded->b++;
    atomic_fetch_sub(&guarded->writers_inside, 1);
    phase_unlock_write(&guarded->lock);
    worker->write_count++;
}

static bool start(struct worker *workers, struct guarded *guarded, void (*const runs[])(void *))
{
    struct error error;
    *guarded = (struct guarded){0};
    phase_lock_init(&guarded->lock, LOCK_RANK_STATE);
    bool started = true;
    for (int i = 0; i < THREAD_COUNT; i++) {
        workers[i] = (struct worker){.guarded = guarded, .state = (uint64_t)i * 977 + 1};
        started =
            thread_start(&workers[i].thread, "worker", runs[i], &workers[i], &error) == CODE_OK &&
            started;
    }
    return started;
}

static void run_mixed(void *argument)
{
    struct worker *worker = argument;
    for (int i = 0; i < MIXED_ITERATIONS; i++) {
        worker->state = worker->state * 6364136223846793005u + 1442695040888963407u;
        if (worker->state >> 62 == 0) {
            write_once(worker);
        } else {
            read_once(worker, 0);
        }
    }
}

static void mixed_readers_and_writers_keep_the_invariant(struct test *t)
{
    struct guarded guarded;
    struct worker workers[THREAD_COUNT];
    void (*const runs[])(void *) = {run_mixed, run_mixed, run_mixed, run_mixed};
    CHECK(start(workers, &guarded, runs));
    int64_t writes = 0;
    for (int i = 0; i < THREAD_COUNT; i++) {
        thread_join(&workers[i].thread);
        writes += workers[i].write_count;
    }
    phase_lock_release(&guarded.lock);
    CHECK(!atomic_load(&guarded.broken));
    CHECK_EQ(guarded.a, writes);
    CHECK_EQ(guarded.b, writes);
    CHECK(writes > THREAD_COUNT * MIXED_ITERATIONS / 8);
}

/* Holds the lock for most of its time, so that with three of these somebody always reads. */
static void run_reader(void *argument)
{
    struct worker *worker = argument;
    while (!atomic_load(&worker->guarded->stop)) {
        read_once(worker, 100000);
        if (worker->read_count == TURNS_WANTED) atomic_fetch_add(&worker->guarded->well_served, 1);
    }
}

static void run_writer(void *argument)
{
    struct worker *worker = argument;
    while (!atomic_load(&worker->guarded->stop)) {
        write_once(worker);
        if (worker->write_count == TURNS_WANTED) atomic_fetch_add(&worker->guarded->well_served, 1);
    }
}

/* Until it has what it wants and each of the others had its turn, which may begin late. */
static void run_until(struct worker *worker, const int64_t *count, int64_t wanted,
                      void (*step)(struct worker *))
{
    struct guarded *guarded = worker->guarded;
    int64_t until_ms = await_now_ms() + AWAIT_SECONDS * 1000;
    while ((*count < wanted || atomic_load(&guarded->well_served) < THREAD_COUNT - 1) &&
           await_now_ms() < until_ms)
        step(worker);
    atomic_store(&guarded->stop, true);
}

static void run_counted_writer(void *argument)
{
    struct worker *worker = argument;
    run_until(worker, &worker->write_count, WRITES_WANTED, write_once);
}

static void read_at_once(struct worker *worker)
{
    read_once(worker, 0);
}

static void run_counted_reader(void *argument)
{
    struct worker *worker = argument;
    run_until(worker, &worker->read_count, READS_WANTED, read_at_once);
}

static void writer_gets_in_while_somebody_always_reads(struct test *t)
{
    struct guarded guarded;
    struct worker workers[THREAD_COUNT];
    void (*const runs[])(void *) = {run_reader, run_reader, run_reader, run_counted_writer};
    CHECK(start(workers, &guarded, runs));
    for (int i = 0; i < THREAD_COUNT; i++)
        thread_join(&workers[i].thread);
    phase_lock_release(&guarded.lock);
    CHECK(!atomic_load(&guarded.broken));
    CHECK(workers[3].write_count >= WRITES_WANTED);
    CHECK(atomic_load(&guarded.most_readers_inside) >= 2); /* they do share it */
    /* The writer never stops asking, and still each reader gets its turn. */
    for (int i = 0; i < 3; i++)
        CHECK(workers[i].read_count >= TURNS_WANTED);
}

static void reader_gets_in_while_writers_queue(struct test *t)
{
    struct guarded guarded;
    struct worker workers[THREAD_COUNT];
    void (*const runs[])(void *) = {run_writer, run_writer, run_writer, run_counted_reader};
    CHECK(start(workers, &guarded, runs));
    for (int i = 0; i < THREAD_COUNT; i++)
        thread_join(&workers[i].thread);
    phase_lock_release(&guarded.lock);
    CHECK(!atomic_load(&guarded.broken));
    CHECK(workers[3].read_count >= READS_WANTED);
    for (int i = 0; i < 3; i++)
        CHECK(workers[i].write_count >= TURNS_WANTED);
    CHECK_EQ(guarded.a, workers[0].write_count + workers[1].write_count + workers[2].write_count);
}

/* Two readers hold; a writer waits; a third reader that comes then waits for the writer. */
struct scene {
    struct phase_lock lock;
    _Atomic int order;
    _Atomic int writer_at;
    _Atomic int late_reader_at;
};

static void enter_as_writer(void *argument)
{
    struct scene *scene = argument;
    phase_lock_write(&scene->lock);
    atomic_store(&scene->writer_at, atomic_fetch_add(&scene->order, 1) + 1);
    phase_unlock_write(&scene->lock);
}

static void enter_as_reader(void *argument)
{
    struct scene *scene = argument;
    phase_lock_read(&scene->lock);
    atomic_store(&scene->late_reader_at, atomic_fetch_add(&scene->order, 1) + 1);
    phase_unlock_read(&scene->lock);
}

static void late_reader_waits_for_the_writer_before_it(struct test *t)
{
    struct scene scene = {0};
    struct thread writer, reader;
    struct error error;
    phase_lock_init(&scene.lock, LOCK_RANK_STATE);
    phase_lock_read(&scene.lock);
    CHECK_EQ(thread_start(&writer, "writer", enter_as_writer, &scene, &error), CODE_OK);
    while ((atomic_load(&scene.lock.readers_in) & 2) == 0)
        (void)sched_yield(); /* it has announced */
    CHECK_EQ(thread_start(&reader, "reader", enter_as_reader, &scene, &error), CODE_OK);
    while (atomic_load(&scene.lock.readers_asleep) == 0)
        thread_sleep_ns(100000);
    CHECK_EQ(atomic_load(&scene.order), 0); /* nobody is in beside us */
    phase_unlock_read(&scene.lock);
    thread_join(&writer);
    thread_join(&reader);
    CHECK_EQ(atomic_load(&scene.writer_at), 1);
    CHECK_EQ(atomic_load(&scene.late_reader_at), 2);
    phase_lock_release(&scene.lock);
}

static void counters_may_wrap(struct test *t)
{
    struct guarded guarded;
    struct worker worker = {.guarded = &guarded};
    guarded = (struct guarded){0};
    phase_lock_init(&guarded.lock, LOCK_RANK_STATE);
    atomic_store(&guarded.lock.readers_in, 0xffffff00u - 0x300u);
    atomic_store(&guarded.lock.readers_out, 0xffffff00u - 0x300u);
    atomic_store(&guarded.lock.writers_in, UINT32_MAX - 2);
    atomic_store(&guarded.lock.writers_out, UINT32_MAX - 2);
    for (int i = 0; i < 8; i++) {
        read_once(&worker, 0);
        write_once(&worker);
    }
    CHECK_EQ(guarded.b, 8);
    CHECK(!atomic_load(&guarded.broken));
    phase_lock_release(&guarded.lock);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(mixed_readers_and_writers_keep_the_invariant),
               CASE(writer_gets_in_while_somebody_always_reads),
               CASE(reader_gets_in_while_writers_queue),
               CASE(late_reader_waits_for_the_writer_before_it), CASE(counters_may_wrap));
}
