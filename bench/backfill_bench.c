/* What a backfill costs: how long it takes to bring a window and a half-life that are added to a
 * signal with a million events, and how long it holds writers up meanwhile.
 *
 * First without threads, a step at a time: a step that brings something, a round, keeps writers out
 * but for the sync of what it has brought; they do not notice the others.  Then with its thread,
 * beside a writer that waits for each event's sync: how long each took, before and meanwhile. */
#include "api/handle.h"
#include "engine/backfill.h"
#include "engine/database.h"
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 1000, USERS = 20000, ROUNDS_MOST = 3 };
#define FIRST_MS  INT64_C(1793527200000)
#define SPREAD_MS (INT64_C(20) * 86400000)

#define DEFINED    "DEFINE SIGNAL view ON item HALF LIFE 24h WINDOWS 24h ALLOW UNKNOWN"
#define WITH_MONTH "DEFINE SIGNAL view ON item HALF LIFE 24h WINDOWS 24h, 30d ALLOW UNKNOWN"
#define WITH_WEEK  "DEFINE SIGNAL view ON item HALF LIFE 24h, 7d WINDOWS 24h, 30d ALLOW UNKNOWN"

struct figures {
    struct samples define_ms; /* the definition, which lays all records out anew */
    struct samples steps_ms;  /* the whole, without threads, one a round */
    struct samples held_median_ms, held_longest_ms; /* of the steps that bring something */
    struct samples cpu_median_ms, cpu_longest_ms;   /* processor time of these */
    struct samples thread_ms;                       /* the whole, with the thread */
    struct samples before_ms, before_longest_ms;    /* a durable event: p50 and longest */
    struct samples beside_ms, beside_longest_ms;
};

static size_t event_count, item_count;
static int64_t now_ms;

static int64_t clock_ms(void *context)
{
    return *(const int64_t *)context;
}

static tidal_db *open_database(const char *directory)
{
    tidal_options options = {.size = sizeof options,
                             .retain_log_ms = UINT64_C(25) * 86400000,
                             .clock_ms = clock_ms,
                             .clock_context = &now_ms};
    tidal_db *db;
    tidal_error error;
    must(tidal_open(directory, &options, &db, &error), "open", &error);
    return db;
}

static tidal_event draw_event(uint64_t *random, int64_t time_ms)
{
    return (tidal_event){.signal = "view",
                         .entity = 1 + measure_random(random) % item_count,
                         .user = 1 + measure_random(random) % USERS,
                         .time_ms = time_ms};
}

static void fill(const char *directory)
{
    static tidal_event events[BATCH];
    tidal_error error;
    uint64_t random = 1;
    now_ms = FIRST_MS;
    tidal_db *db = open_database(directory);
    must(tidal_execute(db, DEFINED, NULL, &error), "define", &error);
    for (size_t done = 0; done < event_count; done += BATCH) {
        now_ms = FIRST_MS + (int64_t)((double)SPREAD_MS * (double)done / (double)event_count);
        for (size_t i = 0; i < BATCH; i++)
            events[i] = draw_event(&random, now_ms - BATCH + (int64_t)i);
        must(tidal_signal_batch(db, events, BATCH, TIDAL_ACCEPTED, NULL, &error), "write", &error);
    }
    must(tidal_close(db, &error), "close", &error);
}

static void add_times(struct samples *median, struct samples *longest, struct samples *times_ms)
{
    must_hold(times_ms->count > 0, "there are times");
    samples_add(median, samples_quantile(times_ms, 0.5));
    samples_add(longest, samples_quantile(times_ms, 1));
    samples_release(times_ms);
}

/* --- A step at a time --- */

static void step_through(const char *directory, struct figures *figures)
{
    const struct database_options options = {
        .path = directory, .no_threads = true, .clock_ms = clock_ms, .clock_context = &now_ms};
    static const char text[] = WITH_MONTH;
    struct database *database;
    struct samples held_ms = {0}, cpu_ms = {0};
    struct error error;
    lsn given;
    bool more = true;
    must_hold(database_open(&options, &database, &error) == CODE_OK, "open");
    double define_start = measure_seconds();
    must_hold(database_define(database, slice_of(text, sizeof text - 1), &given, &error) == CODE_OK,
              "define");
    samples_add(&figures->define_ms, (measure_seconds() - define_start) * 1e3);
    double start = measure_seconds();
    while (more) {
        lsn before = database_applied(database);
        double step_start = measure_seconds(), cpu_start = measure_thread_seconds();
        must_hold(backfill_step(database, &more, &error) == CODE_OK, "backfill");
        if (database_applied(database) == before) continue;
        samples_add(&held_ms, (measure_seconds() - step_start) * 1e3);
        samples_add(&cpu_ms, (measure_thread_seconds() - cpu_start) * 1e3);
    }
    samples_add(&figures->steps_ms, (measure_seconds() - start) * 1e3);
    add_times(&figures->held_median_ms, &figures->held_longest_ms, &held_ms);
    add_times(&figures->cpu_median_ms, &figures->cpu_longest_ms, &cpu_ms);
    must_hold(database_close(database, &error) == CODE_OK, "close");
}

/* --- Beside a writer --- */

static bool is_exact(tidal_db *db)
{
    tidal_query *query;
    tidal_error error;
    bool exact = false;
    must(tidal_prepare(db, "SHOW SIGNALS", -1, &query, &error), "prepare", &error);
    while (tidal_step(query, &error) == TIDAL_ROW) {
        const char *name = tidal_column_text(query, 0, NULL);
        const char *state = tidal_column_text(query, tidal_column_count(query) - 1, NULL);
        if (name && state && strcmp(name, "view") == 0) exact = strcmp(state, "exact") == 0;
    }
    tidal_query_free(query);
    return exact;
}

static void write_one(tidal_db *db, uint64_t *random, struct samples *times_ms)
{
    tidal_error error;
    now_ms++;
    tidal_event event = draw_event(random, now_ms);
    double start = measure_seconds();
    must(tidal_signal_batch(db, &event, 1, TIDAL_DURABLE, NULL, &error), "write", &error);
    samples_add(times_ms, (measure_seconds() - start) * 1e3);
}

static void write_beside(const char *directory, struct figures *figures)
{
    enum { WRITES_BEFORE = 500, LOOK_EACH = 50 };
    struct samples times_ms = {0};
    tidal_error error;
    uint64_t random = 2;
    tidal_db *db = open_database(directory);
    for (int i = 0; i < WRITES_BEFORE; i++)
        write_one(db, &random, &times_ms);
    add_times(&figures->before_ms, &figures->before_longest_ms, &times_ms);
    must(tidal_execute(db, WITH_WEEK, NULL, &error), "define", &error);
    double start = measure_seconds();
    do {
        for (int i = 0; i < LOOK_EACH; i++)
            write_one(db, &random, &times_ms);
    } while (!is_exact(db));
    samples_add(&figures->thread_ms, (measure_seconds() - start) * 1e3);
    add_times(&figures->beside_ms, &figures->beside_longest_ms, &times_ms);
    must(tidal_close(db, &error), "close", &error);
}

static void report(const struct benchmark *benchmark, const char *what, struct samples *rounds)
{
    char name[112];
    snprintf(name, sizeof name, "backfill, %zu events, %zu pairs: %s", event_count, item_count,
             what);
    benchmark_report(benchmark, name, "ms", rounds);
    samples_release(rounds);
}

int main(int argc, char **argv)
{
    struct benchmark benchmark;
    struct figures figures = {0};
    benchmark_init(&benchmark, argc, argv);
    event_count = benchmark.tiny ? 10000 : 1000000;
    item_count = benchmark.tiny ? 2000 : 100000;
    for (size_t round = 0; round < benchmark.rounds && round < ROUNDS_MOST; round++) {
        fill(benchmark.directory);
        step_through(benchmark.directory, &figures);
        write_beside(benchmark.directory, &figures);
        remove_tree(benchmark.directory);
    }
    report(&benchmark, "the definition", &figures.define_ms);
    report(&benchmark, "a window of 30d, alone", &figures.steps_ms);
    report(&benchmark, "a round, p50", &figures.held_median_ms);
    report(&benchmark, "a round, longest", &figures.held_longest_ms);
    report(&benchmark, "a round, p50 of processor time", &figures.cpu_median_ms);
    report(&benchmark, "a round, longest processor time", &figures.cpu_longest_ms);
    report(&benchmark, "a half-life of 7d, beside a writer", &figures.thread_ms);
    report(&benchmark, "a durable event before, p50", &figures.before_ms);
    report(&benchmark, "a durable event before, longest", &figures.before_longest_ms);
    report(&benchmark, "a durable event meanwhile, p50", &figures.beside_ms);
    report(&benchmark, "a durable event meanwhile, longest", &figures.beside_longest_ms);
    return 0;
}
