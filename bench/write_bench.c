/* Durable events a second: one producer, sixteen, and batches of 1,000.
 *
 * An event is a rating: item, user, value and time, about 20 bytes of payload in an entry of 48.
 * The call returns when it is synced and applied to all folds, so that the next query sees it: the
 * ledger (2 half-lives, 4 windows, velocity), behaviour (seen, recent positives) and the window of
 * identities in which repeats are found.  Checkpoints happen as they do, within the rounds.
 *
 * `sync alone` is what the disk allows: 4 KiB written into a file that is there already, then
 * fdatasync, again and again. */
#include "measure.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ITEMS = 10000, USERS = 20000, PRODUCERS_MAXIMUM = 16, BATCH_MAXIMUM = 1000 };
enum { EVENTS_A_ROUND_MAXIMUM = 200000, SYNC_FILE_PAGES = 1024, PAGE = 4096 };

static _Atomic int64_t next_time_ms = INT64_C(1370000000000);

struct producer {
    tidal_db *db;
    size_t batch;
    tidal_ack ack;
    double seconds;
    uint64_t random;
    size_t events; /* written */
    struct samples latency_ms;
};

/* Squared, so that a few items get most of the events. */
static tidal_event next_event(uint64_t *random)
{
    double x = (double)(measure_random(random) >> 11) / 0x1p53;
    return (tidal_event){.signal = "rating",
                         .entity = 1 + (uint64_t)(x * x * ITEMS),
                         .user = 1 + measure_random(random) % USERS,
                         .has_value = true,
                         .value = (double)(measure_random(random) % 11),
                         .time_ms = atomic_fetch_add(&next_time_ms, 1)};
}

static void *produce(void *context)
{
    struct producer *producer = context;
    tidal_event events[BATCH_MAXIMUM];
    double start = measure_seconds(), now = start;
    while (now - start < producer->seconds && producer->events < EVENTS_A_ROUND_MAXIMUM) {
        tidal_error error;
        for (size_t i = 0; i < producer->batch; i++)
            events[i] = next_event(&producer->random);
        double before = measure_seconds();
        must(tidal_signal_batch(producer->db, events, producer->batch, producer->ack, NULL, &error),
             "write", &error);
        now = measure_seconds();
        samples_add(&producer->latency_ms, (now - before) * 1e3);
        producer->events += producer->batch;
    }
    return NULL;
}

struct variant {
    const char *name;
    size_t producers, batch;
    tidal_ack ack;
    struct samples rate, cpu_us, p50, p99; /* one a round */
};

static void run_round(tidal_db *db, struct variant *variant, double seconds, uint64_t seed)
{
    static struct producer producers[PRODUCERS_MAXIMUM];
    pthread_t threads[PRODUCERS_MAXIMUM];
    struct samples latency_ms = {0};
    size_t events = 0;
    uint64_t first_lsn = tidal_lsn(db);
    tidal_error error;
    double start = measure_seconds(), cpu_start = measure_process_seconds();
    for (size_t i = 0; i < variant->producers; i++) {
        producers[i] = (struct producer){.db = db,
                                         .batch = variant->batch,
                                         .ack = variant->ack,
                                         .seconds = seconds,
                                         .random = seed * 1000003 + i + 1};
        must_hold(pthread_create(&threads[i], NULL, produce, &producers[i]) == 0, "a thread");
    }
    for (size_t i = 0; i < variant->producers; i++) {
        must_hold(pthread_join(threads[i], NULL) == 0, "a thread ends");
        events += producers[i].events;
        for (size_t j = 0; j < producers[i].latency_ms.count; j++)
            samples_add(&latency_ms, producers[i].latency_ms.values[j]);
        samples_release(&producers[i].latency_ms);
    }
    must(tidal_wait(db, first_lsn + events, &error), "wait", &error);
    samples_add(&variant->rate, (double)events / (measure_seconds() - start));
    samples_add(&variant->cpu_us, (measure_process_seconds() - cpu_start) / (double)events * 1e6);
    must_hold(tidal_lsn(db) == first_lsn + events, "every event has an LSN");
    samples_add(&variant->p50, samples_quantile(&latency_ms, 0.5));
    samples_add(&variant->p99, samples_quantile(&latency_ms, 0.99));
    samples_release(&latency_ms);
}

static void sync_alone(const char *path, double seconds, struct samples *rate)
{
    static const char page[PAGE] = "a page";
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must_hold(file >= 0, "a file for sync alone");
    for (int i = 0; i < SYNC_FILE_PAGES; i++)
        must_hold(pwrite(file, page, PAGE, (off_t)i * PAGE) == PAGE, "the file is written");
    must_hold(fsync(file) == 0, "the file is synced");
    size_t count = 0;
    double start = measure_seconds(), now = start;
    while (now - start < seconds) {
        off_t at = (off_t)(count++ % SYNC_FILE_PAGES) * PAGE;
        must_hold(pwrite(file, page, PAGE, at) == PAGE && fdatasync(file) == 0, "a sync");
        now = measure_seconds();
    }
    samples_add(rate, (double)count / (now - start));
    must_hold(close(file) == 0 && unlink(path) == 0, "the file is closed");
}

static void prepare(tidal_db *db)
{
    tidal_error error;
    must(tidal_execute(db,
                       "DEFINE SIGNAL rating ON item HALF LIFE 7d, 30d WINDOWS 24h, 7d, 30d, 366d "
                       "VELOCITY 24h VALUE SUM POSITIVE FROM 7 NEGATIVE BELOW 5",
                       NULL, &error),
         "define", &error);
    static char text[64 * 1000 + 64];
    for (unsigned item = 1; item <= ITEMS;) {
        size_t used = (size_t)snprintf(text, sizeof text, "TRANSACTION {");
        for (unsigned end = item + 1000; item < end; item++)
            used += (size_t)snprintf(text + used, sizeof text - used, "PUT item %u {};", item);
        snprintf(text + used, sizeof text - used, "}");
        must(tidal_execute(db, text, NULL, &error), "put", &error);
    }
}

static void report(const struct benchmark *benchmark, struct variant *variant)
{
    char name[96];
    benchmark_report(benchmark, variant->name, "events/s", &variant->rate);
    snprintf(name, sizeof name, "%s: processor time", variant->name);
    benchmark_report(benchmark, name, "us/event", &variant->cpu_us);
    snprintf(name, sizeof name, "%s: call p50", variant->name);
    benchmark_report(benchmark, name, "ms", &variant->p50);
    snprintf(name, sizeof name, "%s: call p99", variant->name);
    benchmark_report(benchmark, name, "ms", &variant->p99);
    samples_release(&variant->rate);
    samples_release(&variant->cpu_us);
    samples_release(&variant->p50);
    samples_release(&variant->p99);
}

int main(int argc, char **argv)
{
    static struct variant variants[] = {
        {.name = "durable, 1 producer", .producers = 1, .batch = 1, .ack = TIDAL_DURABLE},
        {.name = "durable, 16 producers", .producers = 16, .batch = 1, .ack = TIDAL_DURABLE},
        {.name = "durable, batches of 1,000", .producers = 1, .batch = 1000, .ack = TIDAL_DURABLE},
        {.name = "accepted, 1 producer", .producers = 1, .batch = 1, .ack = TIDAL_ACCEPTED},
    };
    enum { VARIANTS = sizeof variants / sizeof *variants };
    struct benchmark benchmark;
    struct samples sync_rate = {0};
    tidal_db *db;
    tidal_error error;
    char sync_path[4096];
    benchmark_init(&benchmark, argc, argv);
    double seconds = benchmark.tiny ? 0.05 : 2;
    snprintf(sync_path, sizeof sync_path, "%s.sync", benchmark.directory);

    must(tidal_open(benchmark.directory, NULL, &db, &error), "open", &error);
    prepare(db);
    for (size_t round = 0; round < benchmark.rounds; round++) {
        sync_alone(sync_path, seconds, &sync_rate);
        for (size_t i = 0; i < VARIANTS; i++)
            run_round(db, &variants[i], seconds, round * VARIANTS + i + 1);
    }
    must(tidal_close(db, &error), "close", &error);

    benchmark_report(&benchmark, "sync alone (4 KiB, fdatasync)", "syncs/s", &sync_rate);
    for (size_t i = 0; i < VARIANTS; i++)
        report(&benchmark, &variants[i]);
    samples_release(&sync_rate);
    return 0;
}
