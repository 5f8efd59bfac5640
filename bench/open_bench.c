/* How long opening takes: with a tail of the log to replay, and after a clean close; and how fast a
 * tail is replayed.
 *
 * The tail comes from a process that writes events and ends without closing.  Opening read-only
 * replays it and leaves it in place, so that every round finds the same.  A round's time is that of
 * the call of tidal_open; the files are in the system's cache.
 *
 * `open_tail32` opens with 32 MiB of log to replay, as a crash leaves them when the next checkpoint
 * was due: views, each with an identity of its own.  `replay` are these views a second of processor
 * time (opening uses one thread) beyond what opening takes without them: reading, both hashes of
 * the log, the window of identities, and applying. */
#include "measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BATCH = 1000 };
/* A frame has 100 entries, here in two pages. */
enum { TAIL32_EVENTS = (32 << 20) / 8192 * 100 / BATCH * BATCH };

#define DEFINE_VIEW "DEFINE SIGNAL view ON item HALF LIFE 1h, 24h WINDOWS 1h, 24h, 7d VELOCITY 1h"

static void write_tail(const char *directory, const char *signal, size_t count)
{
    bool has_value = strcmp(signal, "rating") == 0;
    tidal_options options = {
        .size = sizeof options, .must_exist = true, .checkpoint_log_bytes = UINT64_C(1) << 30};
    static tidal_event events[BATCH];
    tidal_status status;
    tidal_db *db;
    tidal_error error;
    uint64_t random = 1;
    must(tidal_open(directory, &options, &db, &error), "open", &error);
    tidal_get_status(db, &status);
    tidal_query *query;
    must(tidal_prepare(db, "RETRIEVE items LIMIT 1000", -1, &query, &error), "prepare", &error);
    uint64_t items[BATCH];
    size_t item_count = 0;
    while (tidal_step(query, &error) == TIDAL_ROW && item_count < BATCH)
        items[item_count++] = tidal_column_u64(query, 0);
    tidal_query_free(query);
    must_hold(item_count > 0, "the database has items");
    for (size_t i = 0; i < count; i++) {
        events[i % BATCH] =
            (tidal_event){.signal = signal,
                          .entity = items[measure_random(&random) % item_count],
                          .user = 1 + measure_random(&random) % status.users,
                          .has_value = has_value,
                          .value = has_value ? (double)(measure_random(&random) % 11) : 0,
                          .time_ms = status.newest_event_ms + (int64_t)i + 1};
        if ((i + 1) % BATCH == 0)
            must(tidal_signal_batch(db, events, BATCH, TIDAL_DURABLE, NULL, &error), "write",
                 &error);
    }
}

/* In a process of its own, which ends as a crash would. */
static void leave_tail(const char *directory, const char *signal, size_t count)
{
    int status = 0;
    (void)fflush(stdout);
    pid_t child = fork();
    must_hold(child >= 0, "a process");
    if (child == 0) {
        write_tail(directory, signal, count);
        _exit(0);
    }
    must_hold(waitpid(child, &status, 0) == child && status == 0, "the tail is written");
}

struct openings {
    struct samples times_ms, cpu_ms; /* one a round */
};

static void time_open(const struct benchmark *benchmark, bool read_only, struct openings *openings,
                      tidal_status *status)
{
    tidal_options options = {.size = sizeof options, .must_exist = true, .read_only = read_only};
    tidal_db *db;
    tidal_error error;
    double start = measure_seconds(), cpu_start = measure_process_seconds();
    must(tidal_open(benchmark->directory, &options, &db, &error), "open", &error);
    samples_add(&openings->times_ms, (measure_seconds() - start) * 1e3);
    samples_add(&openings->cpu_ms, (measure_process_seconds() - cpu_start) * 1e3);
    tidal_get_status(db, status);
    must(tidal_close(db, &error), "close", &error);
}

static void report(const struct benchmark *benchmark, const char *name, struct openings *openings)
{
    char cpu_name[112];
    snprintf(cpu_name, sizeof cpu_name, "%s: processor time", name);
    benchmark_report(benchmark, name, "ms", &openings->times_ms);
    benchmark_report(benchmark, cpu_name, "ms", &openings->cpu_ms);
    samples_release(&openings->times_ms);
    samples_release(&openings->cpu_ms);
}

static void define_view(const char *directory)
{
    tidal_options options = {.size = sizeof options, .must_exist = true};
    tidal_db *db;
    tidal_error error;
    must(tidal_open(directory, &options, &db, &error), "open", &error);
    must(tidal_execute(db, DEFINE_VIEW, NULL, &error), "define", &error);
    must(tidal_close(db, &error), "close", &error);
}

/* After a clean close. */
static void bench_replay(const struct benchmark *benchmark, const char *signal)
{
    char name[96];
    struct openings without = {0}, with = {0};
    struct samples rate = {0};
    tidal_status status;
    size_t count = benchmark->tiny ? 2000 : TAIL32_EVENTS;
    for (size_t round = 0; round < benchmark->rounds; round++)
        time_open(benchmark, true, &without, &status);
    leave_tail(benchmark->directory, signal, count);
    for (size_t round = 0; round < benchmark->rounds; round++) {
        time_open(benchmark, true, &with, &status);
        must_hold(status.replayed == count, "the tail is replayed");
    }
    for (size_t round = 0; round < benchmark->rounds; round++) {
        double all_ms = with.cpu_ms.values[round];
        double tail_ms = all_ms - without.cpu_ms.values[round];
        /* A small tail can hide in the noise. */
        samples_add(&rate, (double)count * 1e3 / (tail_ms > 0 ? tail_ms : all_ms));
    }
    snprintf(name, sizeof name, "replay, %ss", signal);
    benchmark_report(benchmark, name, "events/s", &rate);
    snprintf(name, sizeof name, "open_tail32, %ss", signal);
    report(benchmark, name, &with);
    samples_release(&rate);
    samples_release(&without.times_ms);
    samples_release(&without.cpu_ms);
}

int main(int argc, char **argv)
{
    struct benchmark benchmark;
    struct openings with_tail = {0}, clean = {0}, first = {0};
    tidal_status status;
    char name[96];
    benchmark_init(&benchmark, argc, argv);
    size_t tail = benchmark.tiny ? 2000 : 100000;

    leave_tail(benchmark.directory, "rating", tail);
    for (size_t round = 0; round < benchmark.rounds; round++) {
        time_open(&benchmark, true, &with_tail, &status);
        must_hold(status.replayed >= tail, "the tail is replayed");
    }
    snprintf(name, sizeof name, "open, %" PRIu64 " events to replay", status.replayed);
    report(&benchmark, name, &with_tail);

    time_open(&benchmark, false, &first, &status); /* whose close makes the checkpoint */
    for (size_t round = 0; round < benchmark.rounds; round++) {
        time_open(&benchmark, false, &clean, &status);
        must_hold(status.replayed == 0, "a clean close leaves nothing to replay");
    }
    snprintf(name, sizeof name, "open after a clean close, %" PRIu64 " items, %" PRIu64 " users",
             status.items, status.users);
    report(&benchmark, name, &clean);
    define_view(benchmark.directory);
    bench_replay(&benchmark, "view");
    time_open(&benchmark, false, &first, &status); /* whose close makes the checkpoint */
    bench_replay(&benchmark, "rating");
    samples_release(&first.times_ms);
    samples_release(&first.cpu_ms);
    return 0;
}
