/* Signals: the ledger alone and through the log, and the same work done by Redis and SQLite.
 *
 *   apply           processor time of an event in the ledger: 3 half-lives, 3 rings, a million
 *                   entities
 *   read5x1000      five features of 1,000 entities drawn evenly
 *   memory          bytes of a live pair of entity and signal, with the directory
 *   ingest_durable  events a second through the log, durable by the thousand
 *   trending100     the list of what trends, and of what is popular; what they cost an event
 *   cold5x1000      the five features of 1,000 entities of which nothing is in memory
 *
 * Against peers ours and theirs take turns with the same events, fewer of them, as peers are slow;
 * what a server's process uses counts.  bench/signals.sh starts the server and runs this. */
#include "signals/ids.h"
#include "signals/quiet.h"
#include "signals/rising.h"
#include "signals/system.h"

#include "os/pages.h"
#include "schema/schema.h"
#include "signals/features.h"
#include "signals/ledger.h"

#include <stdio.h>
#include <stdlib.h>

#ifdef BENCH_SQLITE
#define SQLITE &signals_sqlite
#else
#define SQLITE NULL
#endif
#ifdef BENCH_REDIS
#define REDIS &signals_redis
#else
#define REDIS NULL
#endif

static const struct peer {
    const char *name;
    const struct signals_system *system; /* NULL: it was not there when this was built */
} peers[] = {{"redis", REDIS}, {"sqlite", SQLITE}};
enum { PEERS = sizeof peers / sizeof *peers, APPLY_BATCH = 128, CASES = 6 };
static const char *const case_names[CASES] = {"apply",          "read5x1000",  "memory",
                                              "ingest_durable", "trending100", "cold5x1000"};
enum { CASE_APPLY, CASE_READ, CASE_MEMORY, CASE_INGEST, CASE_TRENDING, CASE_COLD };

struct world {
    struct memory memory;
    struct schema schema;
    struct signal signals[SIGNALS + 2];
    struct fold fold;
    struct ledger *ledger;
    int64_t now_ms;
};

static void world_init(struct world *world)
{
    struct error error;
    *world = (struct world){.schema = {.signal_count = SIGNALS + 2}};
    memory_init(&world->memory, 0);
    world->memory.ask_pages = pages_ask_large; /* as the engine has it */
    for (signal_id i = 0; i < SIGNALS + 2; i++)
        ids_define(&world->signals[i], i);
    world->schema.signals = world->signals;
    struct ledger_ids ids = {ids_ordinal_of, ids_id_of, NULL};
    must_hold(ledger_create(&world->memory, &ids, &world->fold, &world->ledger, &error) == CODE_OK,
              "a ledger");
}

static void world_release(struct world *world)
{
    world->fold.ops->free(world->fold.state);
    memory_release(&world->memory);
}

/* A batch as the engine gives it to the ledger. */
struct batch {
    struct change changes[APPLY_BATCH];
    struct resolved_change resolved[APPLY_BATCH];
};

static void resolve(struct batch *batch, const struct world *world, const struct event *events,
                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        batch->changes[i] = (struct change){
            .kind = CHANGE_SIGNAL, .signal = {.signal = (signal_id)(events[i].signal + 2)}};
        batch->resolved[i] =
            (struct resolved_change){.schema = &world->schema,
                                     .change = &batch->changes[i],
                                     .subject = events[i].entity,
                                     .subject_id = events[i].entity,
                                     .other = ORDINAL_NONE,
                                     .time_ms = events[i].time_ms,
                                     .effective = true,
                                     .contributions = {{events[i].time_ms, SIGNAL_VALUE_ONE, 1}},
                                     .contribution_count = 1};
    }
}

typedef void batch_taker(struct world *world, const struct batch *batch, size_t count);

static void count_batch(struct world *world, const struct batch *batch, size_t count)
{
    struct error error;
    must_hold(world->fold.ops->apply_signals(world->fold.state, batch->resolved, count, &error) ==
                  CODE_OK,
              "events are applied");
}

static void leave_batch(struct world *world, const struct batch *batch, size_t count)
{
    (void)world, (void)count;
    must_hold(batch->resolved[0].effective, "a batch is resolved");
}

static double take_all(struct world *world, const struct event *events, size_t count,
                       batch_taker *volatile take)
{
    static struct batch batch;
    double start = measure_thread_seconds();
    for (size_t done = 0; done < count; done += APPLY_BATCH) {
        size_t some = count - done < APPLY_BATCH ? count - done : APPLY_BATCH;
        resolve(&batch, world, events + done, some);
        take(world, &batch, some);
    }
    return measure_thread_seconds() - start;
}

/* Seconds of processor time that the ledger takes: of all, less that of what the engine would do.
 * To ask for the time around each batch would take a tenth of what is measured. */
static double apply(struct world *world, const struct event *events, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (events[i].time_ms > world->now_ms) world->now_ms = events[i].time_ms;
    double without = take_all(world, events, count, leave_batch);
    return take_all(world, events, count, count_batch) - without;
}

static void read_five(const struct world *world, const uint32_t *entities)
{
    static const struct feature features[FEATURES] = {
        {.op = FEATURE_COUNT, .signal = VIEW + 2, .slot = 0},
        {.op = FEATURE_COUNT, .signal = VIEW + 2, .slot = 1},
        {.op = FEATURE_COUNT, .signal = VIEW + 2, .slot = 2},
        {.op = FEATURE_COUNT, .signal = LIKE + 2, .slot = 1},
        {.op = FEATURE_DECAY, .signal = VIEW + 2, .slot = 1}};
    static double values[FEATURES][CANDIDATES];
    static bool missing[FEATURES][CANDIDATES];
    struct feature_question questions[FEATURES];
    for (size_t i = 0; i < FEATURES; i++)
        questions[i] = (struct feature_question){&features[i], {values[i], missing[i], NULL}};
    features_read_all(world->ledger, questions, FEATURES, world->now_ms, entities, CANDIDATES);
}

/* A checkpoint's list of what is to be written goes with it. */
static double bytes_per_pair(struct world *world)
{
    world->fold.ops->seal(world->fold.state);
    world->fold.ops->sealed(world->fold.state, true);
    return (double)world->fold.ops->bytes(world->fold.state) /
           (double)ledger_record_count(world->ledger);
}

struct scale {
    uint32_t entities;
    size_t history, burst;           /* events: over 40 days, and a round's at 500,000 a second */
    size_t peer_history, peer_burst; /* over a day */
    size_t queries;
    double ingest_seconds;
    struct trending_scale trending;
    struct cold_scale cold;
};

struct peer_figures {
    void *system;
    struct world ours;
    struct samples apply[2], read[2], memory[2], top[2]; /* ours, theirs */
};

struct run {
    struct benchmark *benchmark;
    struct scale scale;
    bool cases[CASES];
    struct world world;
    struct stream stream, peer_stream;
    struct event *events;
    struct samples apply, p50, p99, memory;
    struct ingest_figures ingest;
    struct trending_bench *trending;
    struct trending_figures trending_figures;
    struct cold_bench *cold;
    struct cold_figures cold_figures;
    struct peer_figures peers[PEERS];
};

static bool measures_ledger(const struct run *run)
{
    return run->cases[CASE_APPLY] || run->cases[CASE_READ] || run->cases[CASE_MEMORY];
}

static void fill(struct run *run)
{
    world_init(&run->world);
    stream_init(&run->stream, run->scale.entities, 1);
    run->stream.step_ms = 40.0 * (double)DAY_MS / (double)run->scale.history;
    for (size_t left = run->scale.history; left > 0;) {
        size_t some = left < run->scale.burst ? left : run->scale.burst;
        stream_draw(&run->stream, run->events, some);
        (void)apply(&run->world, run->events, some);
        left -= some;
    }
    run->stream.step_ms = 0.002;
    samples_add(&run->memory, bytes_per_pair(&run->world));
}

static void round_of_ours(struct run *run)
{
    static uint32_t entities[CANDIDATES];
    struct samples micros = {0};
    stream_draw(&run->stream, run->events, run->scale.burst);
    double seconds = apply(&run->world, run->events, run->scale.burst);
    samples_add(&run->apply, seconds / (double)run->scale.burst * 1e9);
    for (size_t i = 0; i < run->scale.queries; i++) {
        for (size_t j = 0; j < CANDIDATES; j++)
            entities[j] = (uint32_t)(measure_random(&run->stream.random) % run->scale.entities) + 1;
        double start = measure_thread_seconds();
        read_five(&run->world, entities);
        samples_add(&micros, (measure_thread_seconds() - start) * 1e6);
    }
    samples_add(&run->p50, samples_quantile(&micros, 0.5));
    samples_add(&run->p99, samples_quantile(&micros, 0.99));
    samples_release(&micros);
}

static double peer_time(const struct signals_system *system, void *context)
{
    return measure_process_seconds() + system->server_seconds(context);
}

static void round_of_peer(struct run *run, const struct signals_system *system,
                          struct peer_figures *figures)
{
    static double values[FEATURES * CANDIDATES];
    static uint32_t entities[CANDIDATES];
    double events = (double)run->scale.peer_burst;
    stream_draw(&run->peer_stream, run->events, run->scale.peer_burst);
    samples_add(&figures->apply[0],
                apply(&figures->ours, run->events, run->scale.peer_burst) / events * 1e6);
    double start = peer_time(system, figures->system);
    system->apply(figures->system, run->events, run->scale.peer_burst);
    samples_add(&figures->apply[1], (peer_time(system, figures->system) - start) / events * 1e6);
    for (size_t i = 0; i < CANDIDATES; i++)
        entities[i] = run->events[i * (run->scale.peer_burst / CANDIDATES)].entity;
    enum { READS = 100 };
    start = measure_thread_seconds();
    for (int i = 0; i < READS; i++)
        read_five(&figures->ours, entities);
    samples_add(&figures->read[0], (measure_thread_seconds() - start) / READS * 1e3);
    start = peer_time(system, figures->system);
    system->read(figures->system, figures->ours.now_ms, entities, values);
    samples_add(&figures->read[1], (peer_time(system, figures->system) - start) * 1e3);
}

/* They are given the keys, which ours finds by itself. */
static void trending_round(struct run *run)
{
    static struct rank list[LISTED];
    struct rank *ranks;
    enum { READS = 100 };
    trending_bench_round(run->trending, &run->trending_figures);
    size_t count = trending_bench_ranks(run->trending, &ranks);
    for (size_t i = 0; i < PEERS; i++) {
        struct peer_figures *figures = &run->peers[i];
        const struct signals_system *system = peers[i].system;
        if (!figures->system) continue;
        system->hold(figures->system, ranks, count);
        samples_add(&figures->top[0], trending_bench_top_us(run->trending));
        double start = peer_time(system, figures->system);
        for (int j = 0; j < READS; j++)
            must_hold(system->top(figures->system, list) >= (count < LISTED ? count : LISTED),
                      "the peer's list is as long as ours, or holds what is over as well");
        samples_add(&figures->top[1], (peer_time(system, figures->system) - start) / READS * 1e6);
    }
    free(ranks);
}

static void open_peers(struct run *run)
{
    stream_init(&run->peer_stream, run->scale.entities, 2);
    run->peer_stream.step_ms =
        (double)DAY_MS / (double)(run->scale.peer_history + 9 * run->scale.peer_burst);
    for (size_t i = 0; i < PEERS; i++) {
        struct peer_figures *figures = &run->peers[i];
        if (!peers[i].system || peers[i].system->missing()) continue;
        figures->system = peers[i].system->open(run->benchmark->directory);
        world_init(&figures->ours);
    }
    stream_draw(&run->peer_stream, run->events, run->scale.peer_history);
    for (size_t i = 0; i < PEERS && measures_ledger(run); i++) {
        struct peer_figures *figures = &run->peers[i];
        if (!figures->system) continue;
        double empty = peers[i].system->bytes(figures->system);
        (void)apply(&figures->ours, run->events, run->scale.peer_history);
        peers[i].system->apply(figures->system, run->events, run->scale.peer_history);
        samples_add(&figures->memory[0], bytes_per_pair(&figures->ours));
        samples_add(&figures->memory[1], (peers[i].system->bytes(figures->system) - empty) /
                                             (double)ledger_record_count(figures->ours.ledger));
    }
}

static void compare(const struct run *run, const struct comparison *comparison, struct samples *two)
{
    struct comparison filled = *comparison;
    filled.less_is_better = true;
    filled.ours = &two[0];
    filled.theirs = &two[1];
    benchmark_compare(run->benchmark, &filled);
    samples_release(&two[0]);
    samples_release(&two[1]);
}

static void report_peers(struct run *run)
{
    for (size_t i = 0; i < PEERS; i++) {
        struct peer_figures *figures = &run->peers[i];
        if (!figures->system) continue;
        const char *name = peers[i].name;
        if (measures_ledger(run)) {
            compare(run, &(struct comparison){"apply", name, "us/event", .target = 100},
                    figures->apply);
            compare(run, &(struct comparison){"read5x1000", name, "ms", .target = 100},
                    figures->read);
            compare(run,
                    &(struct comparison){"memory", name, "bytes/pair", .target = i == 0 ? 2.5 : 0},
                    figures->memory);
        }
        if (run->cases[CASE_TRENDING])
            compare(run, &(struct comparison){"trending100", name, "us", .target = 0},
                    figures->top);
        peers[i].system->close(figures->system);
        world_release(&figures->ours);
    }
}

static void report_trending(struct run *run)
{
    struct trending_figures *figures = &run->trending_figures;
    const struct benchmark *benchmark = run->benchmark;
    benchmark_report(benchmark, "trending100 p50", "us", &figures->p50);
    benchmark_report(benchmark, "trending100 p99", "us", &figures->p99);
    benchmark_report(benchmark, "popular100", "us", &figures->popular);
    benchmark_report(benchmark, "popular100 by scan", "us", &figures->scan);
    benchmark_report(benchmark, "trending upkeep", "ns/event", &figures->trending_ns);
    benchmark_report(benchmark, "popular upkeep", "ns/event", &figures->popular_ns);
    benchmark_report(benchmark, "items that trend", "items", &figures->listed);
    trending_bench_close(run->trending);
}

static void report_cold(struct run *run)
{
    struct cold_figures *figures = &run->cold_figures;
    const struct benchmark *benchmark = run->benchmark;
    benchmark_report(benchmark, "cold5x1000 p50", "us", &figures->p50);
    benchmark_report(benchmark, "cold5x1000 p99", "us", &figures->p99);
    benchmark_report(benchmark, "- all in memory, p50", "us", &figures->warm_us);
    benchmark_report(benchmark, "event on a cold pair", "us/event", &figures->event_us);
    benchmark_report(benchmark, "memory of a cold pair", "bytes/pair", &figures->bytes);
    cold_bench_close(run->cold);
}

static void report(struct run *run)
{
    const struct benchmark *benchmark = run->benchmark;
    if (run->memory.count > 0) {
        benchmark_report(benchmark, "apply", "ns/event", &run->apply);
        benchmark_report(benchmark, "read5x1000 p50", "us", &run->p50);
        benchmark_report(benchmark, "read5x1000 p99", "us", &run->p99);
        benchmark_report(benchmark, "memory", "bytes/pair", &run->memory);
        world_release(&run->world);
    }
    report_peers(run);
    if (run->cases[CASE_TRENDING]) report_trending(run);
    if (run->cases[CASE_COLD]) report_cold(run);
    if (!run->cases[CASE_INGEST]) return;
    /* Wanted: a million a second, or, where the disk gives less, four fifths of the bytes alone. */
    bool is_million = samples_quantile(&run->ingest.counters, 0.5) >= 1e6;
    benchmark_compare(benchmark, &(struct comparison){.name = "ingest_durable",
                                                      .peer = "raw write+sync",
                                                      .unit = "events/s",
                                                      .ours = &run->ingest.counters,
                                                      .theirs = &run->ingest.raw,
                                                      .target = is_million ? 0 : 0.8});
    benchmark_report(benchmark, "ingest_durable, all folds", "events/s", &run->ingest.folds);
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
    must_hold(all || benchmark->tiny, "all peers are here (make bench-signals installs them)");
}

int main(int argc, char **argv)
{
    static struct run run;
    struct benchmark benchmark;
    benchmark_init_cases(&benchmark, argc, argv, case_names, CASES, run.cases);
    look_for_peers(&benchmark);
    run.benchmark = &benchmark;
    run.scale = benchmark.tiny ? (struct scale){2000,
                                                20000,
                                                4000,
                                                2000,
                                                1000,
                                                20,
                                                0.05,
                                                {2000, 20000, 4000, 20},
                                                {2000, 20000, 10}}
                               : (struct scale){1000000,
                                                20000000,
                                                1000000,
                                                400000,
                                                20000,
                                                500,
                                                1,
                                                {1000000, 4000000, 500000, 500},
                                                {500000, 2000000, 100}};
    benchmark_make_directory(&benchmark);
    run.events = malloc(run.scale.burst * sizeof *run.events);
    must_hold(run.events != NULL, "memory");
    bool ledger_cases = measures_ledger(&run);
    if (ledger_cases) fill(&run);
    if (ledger_cases || run.cases[CASE_TRENDING]) open_peers(&run);
    if (run.cases[CASE_TRENDING]) run.trending = trending_bench_open(&run.scale.trending);
    char directory[4096];
    snprintf(directory, sizeof directory, "%s/cold", benchmark.directory);
    if (run.cases[CASE_COLD]) run.cold = cold_bench_open(&run.scale.cold, directory);
    snprintf(directory, sizeof directory, "%s/ingest", benchmark.directory);
    for (size_t round = 0; round < benchmark.rounds; round++) {
        if (ledger_cases) round_of_ours(&run);
        for (size_t i = 0; ledger_cases && i < PEERS; i++)
            if (run.peers[i].system) round_of_peer(&run, peers[i].system, &run.peers[i]);
        if (run.cases[CASE_TRENDING]) trending_round(&run);
        if (run.cases[CASE_COLD]) cold_bench_round(run.cold, &run.cold_figures);
        if (run.cases[CASE_INGEST]) ingest_round(directory, run.scale.ingest_seconds, &run.ingest);
    }
    report(&run);
    remove_tree(benchmark.directory);
    free(run.events);
    return 0;
}
