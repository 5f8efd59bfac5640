/* Our log against the logs of others: events of 100 bytes made durable, a second.
 *
 * A case is a load: so many producers, each with so many events under way.  In each round ours and
 * each peer take turns, each on an empty log, for the same time; a ratio is that of the medians.
 * What is open is closed, removed and synced before the next begins.
 *
 * bench/log.sh starts the servers and runs this. */
#include "log/system.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PRODUCERS_MAXIMUM = 64, PATH_BYTES = 4096 };

#ifdef BENCH_SQLITE
#define SQLITE &log_sqlite
#else
#define SQLITE NULL
#endif
#ifdef BENCH_REDIS
#define REDIS &log_redis
#else
#define REDIS NULL
#endif
#ifdef BENCH_POSTGRESQL
#define POSTGRESQL &log_postgresql
#else
#define POSTGRESQL NULL
#endif

static const struct peer {
    const char *name;
    const struct log_system *system; /* NULL: it was not there when this was built */
} peers[] = {
    {"rocksdb", &log_rocksdb}, {"sqlite", SQLITE}, {"redis", REDIS}, {"postgresql", POSTGRESQL}};
enum { PEERS = sizeof peers / sizeof *peers };

struct log_case {
    const char *name;
    struct log_load load;
    bool best;             /* a line for the best peer, too */
    double targets[PEERS]; /* of ours / theirs; 0: none */
    double target_best;
    bool only_first_peer;
    bool chosen;
    struct samples rates[PEERS + 1]; /* of each peer and, last, of ours: one a round */
};

static struct log_case cases[] = {
    {.name = "waiters1",
     .load = {.producers = 1, .in_flight = 1, .peer_batch = 1},
     .best = true,
     .target_best = 0.9},
    {.name = "waiters16", .load = {.producers = 16, .in_flight = 1, .peer_batch = 1}},
    {.name = "waiters64",
     .load = {.producers = 64, .in_flight = 1, .peer_batch = 1},
     .targets = {1.5, 0, 6, 5}},
    {.name = "inflight4x1000",
     .load = {.producers = 4, .in_flight = 1000, .peer_batch = 1000},
     .targets = {3, 2.5, 4.5, 0}},
    {.name = "nowait",
     .load = {.producers = 1, .in_flight = 1, .never_waits = true, .peer_batch = 100},
     .targets = {2},
     .only_first_peer = true},
    {.name = "nowait_unsynced",
     .load = {.producers = 1,
              .in_flight = 1,
              .never_waits = true,
              .peer_batch = 100,
              .peer_unsynced = true},
     .only_first_peer = true},
};
enum { CASES = sizeof cases / sizeof *cases };

struct producer {
    const struct log_system *system;
    void *connection;
    uint64_t random;
    pthread_barrier_t *start;
    atomic_bool *stop;
    size_t events;
};

static void *produce(void *context)
{
    struct producer *producer = context;
    uint8_t event[LOG_EVENT_BYTES];
    for (size_t i = 0; i < sizeof event; i++)
        event[i] = (uint8_t)measure_random(&producer->random);
    (void)pthread_barrier_wait(producer->start);
    while (!atomic_load_explicit(producer->stop, memory_order_relaxed)) {
        uint64_t unique = measure_random(&producer->random);
        memcpy(event, &unique, sizeof unique);
        producer->system->write(producer->connection, event);
        producer->events++;
    }
    producer->system->finish(producer->connection);
    return NULL;
}

/* Nothing of one turn is left for the next to wait for. */
static void settle(const char *directory)
{
    int folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    must_hold(folder >= 0 && syncfs(folder) == 0 && close(folder) == 0, "the disk is synced");
}

/* Events a second. */
static double drive(const struct log_system *system, void *log, const struct log_load *load,
                    double seconds)
{
    static struct producer producers[PRODUCERS_MAXIMUM];
    static uint64_t seed;
    pthread_t threads[PRODUCERS_MAXIMUM];
    pthread_barrier_t start;
    atomic_bool stop = false;
    size_t events = 0;
    must_hold(pthread_barrier_init(&start, NULL, (unsigned)load->producers + 1) == 0, "a barrier");
    for (size_t i = 0; i < load->producers; i++) {
        producers[i] = (struct producer){.system = system,
                                         .connection = system->connect(log, load),
                                         .random = ++seed * UINT64_C(0x9e3779b97f4a7c15),
                                         .start = &start,
                                         .stop = &stop};
        must_hold(pthread_create(&threads[i], NULL, produce, &producers[i]) == 0, "a thread");
    }
    (void)pthread_barrier_wait(&start);
    double begin = measure_seconds();
    must_hold(usleep((useconds_t)(seconds * 1e6)) == 0, "a round is waited for");
    atomic_store(&stop, true);
    for (size_t i = 0; i < load->producers; i++) {
        must_hold(pthread_join(threads[i], NULL) == 0, "a thread ends");
        events += producers[i].events;
    }
    double elapsed = measure_seconds() - begin;
    for (size_t i = 0; i < load->producers; i++)
        system->disconnect(producers[i].connection);
    must_hold(pthread_barrier_destroy(&start) == 0, "the barrier is free");
    return (double)events / elapsed;
}

static void run_turn(const struct benchmark *benchmark, const struct log_system *system,
                     struct log_case *one, struct samples *rates)
{
    char directory[PATH_BYTES];
    snprintf(directory, sizeof directory, "%s/%s", benchmark->directory, system->name);
    must_hold(mkdir(directory, 0700) == 0, "a directory for a system");
    settle(benchmark->directory);
    void *log = system->open(directory, &one->load);
    samples_add(rates, drive(system, log, &one->load, benchmark->tiny ? 0.05 : 1.5));
    system->close(log);
    remove_tree(directory);
}

static bool is_measured(const struct log_case *one, size_t peer)
{
    const struct log_system *system = peers[peer].system;
    if (!system || system->missing()) return false;
    if (one->only_first_peer) return peer == 0;
    return !system->batches || one->load.producers == 1 || one->load.peer_batch > 1;
}

static void run_round(const struct benchmark *benchmark)
{
    for (size_t i = 0; i < CASES; i++) {
        if (!cases[i].chosen) continue;
        run_turn(benchmark, &log_ours, &cases[i], &cases[i].rates[PEERS]);
        for (size_t j = 0; j < PEERS; j++)
            if (is_measured(&cases[i], j))
                run_turn(benchmark, peers[j].system, &cases[i], &cases[i].rates[j]);
    }
}

static void compare(const struct benchmark *benchmark, struct log_case *one, size_t peer,
                    const char *name, double target)
{
    struct comparison comparison = {.name = one->name,
                                    .peer = name,
                                    .unit = "events/s",
                                    .ours = &one->rates[PEERS],
                                    .theirs = &one->rates[peer],
                                    .target = target};
    benchmark_compare(benchmark, &comparison);
}

static void report(const struct benchmark *benchmark, struct log_case *one)
{
    size_t best = PEERS;
    for (size_t i = 0; i < PEERS; i++) {
        if (!is_measured(one, i)) continue;
        compare(benchmark, one, i, peers[i].name, one->targets[i]);
        double median = samples_quantile(&one->rates[i], 0.5);
        if (best == PEERS || median > samples_quantile(&one->rates[best], 0.5)) best = i;
    }
    if (one->best && best < PEERS) compare(benchmark, one, best, "best", one->target_best);
    for (size_t i = 0; i <= PEERS; i++)
        samples_release(&one->rates[i]);
}

static void init(struct benchmark *benchmark, int argc, char **argv)
{
    const char *names[CASES];
    bool chosen[CASES];
    for (size_t i = 0; i < CASES; i++)
        names[i] = cases[i].name;
    benchmark_init_cases(benchmark, argc, argv, names, CASES, chosen);
    for (size_t i = 0; i < CASES; i++)
        cases[i].chosen = chosen[i];
}

/* Loud in a smoke run, an error in a full one. */
static void look_for_peers(const struct benchmark *benchmark)
{
    bool all = true;
    for (size_t i = 0; i < PEERS; i++) {
        const char *missing = "its library was not there when this was built";
        if (peers[i].system) missing = peers[i].system->missing();
        if (!missing) continue;
        fprintf(stderr, "SKIPPED peer %s: %s\n", peers[i].name, missing);
        all = false;
    }
    must_hold(all || benchmark->tiny, "all peers are here (make bench-log installs them)");
}

int main(int argc, char **argv)
{
    struct benchmark benchmark;
    init(&benchmark, argc, argv);
    look_for_peers(&benchmark);
    benchmark_make_directory(&benchmark);
    for (size_t round = 0; round < benchmark.rounds; round++)
        run_round(&benchmark);
    for (size_t i = 0; i < CASES; i++)
        if (cases[i].chosen) report(&benchmark, &cases[i]);
    remove_tree(benchmark.directory);
    return 0;
}
