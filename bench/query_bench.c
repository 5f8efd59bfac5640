/* RETRIEVE on the demo's films, and what they take in memory and on disk.
 *
 * A query is prepared once, then bound to a user, run, and all its rows read.  Users are drawn
 * evenly from all; NOW is the end of the data's last day.  The table's p50 and p99 are the medians
 * over the rounds of each round's own. */
#include "measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW       "NOW '2013-09-02T00:00:00Z' "
#define RETURNING "RETURNING id, title, score"

struct variant {
    const char *name, *statement;
    struct samples p50, p99, cpu; /* ms, one a round */
    uint64_t rows, hash;          /* of all rounds: the same on copies of a database */
};

static struct variant variants[] = {
    {.name = "for_you, 20 rows",
     .statement = "RETRIEVE items FOR user $user USING for_you " NOW "LIMIT 20 " RETURNING},
    {.name = "for_you WHERE year >= 2010, 20 rows",
     .statement = "RETRIEVE items FOR user $user USING for_you WHERE year >= 2010 " NOW
                  "LIMIT 20 " RETURNING},
    {.name = "rising, 20 rows",
     .statement = "RETRIEVE items FOR user $user USING rising " NOW "LIMIT 20 " RETURNING},
    {.name = "newest(100) by decay, 20 rows",
     .statement = "RETRIEVE items FOR user $user FROM newest(100) SCORE decay(rating, 7d) "
                  "EXCLUDE seen(366d) " NOW "LIMIT 20 " RETURNING},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static double run_query(tidal_query *query, struct variant *variant, uint64_t user)
{
    tidal_error error;
    double start = measure_seconds();
    must(tidal_bind_u64(query, "user", user, &error), "bind", &error);
    for (;;) {
        tidal_code code = tidal_step(query, &error);
        must(code, variant->name, &error);
        if (code == TIDAL_DONE) break;
        variant->rows++;
        variant->hash =
            measure_hash(variant->hash, tidal_column_u64(query, 0), tidal_column_double(query, 2));
    }
    double elapsed_ms = (measure_seconds() - start) * 1e3;
    tidal_reset(query);
    return elapsed_ms;
}

static void run_round(tidal_db *db, struct variant *variant, size_t queries, uint64_t users)
{
    struct samples times_ms = {0};
    tidal_query *query;
    tidal_error error;
    uint64_t random = 88172645463325252 + variant->p50.count;
    must(tidal_prepare(db, variant->statement, -1, &query, &error), variant->statement, &error);
    double cpu_start = measure_thread_seconds();
    for (size_t i = 0; i < queries; i++)
        samples_add(&times_ms, run_query(query, variant, 1 + measure_random(&random) % users));
    samples_add(&variant->cpu, (measure_thread_seconds() - cpu_start) * 1e3 / (double)queries);
    tidal_query_free(query);
    samples_add(&variant->p50, samples_quantile(&times_ms, 0.5));
    samples_add(&variant->p99, samples_quantile(&times_ms, 0.99));
    samples_release(&times_ms);
}

static void report(const struct benchmark *benchmark, struct variant *variant)
{
    char name[96];
    snprintf(name, sizeof name, "%s: p50", variant->name);
    benchmark_report(benchmark, name, "ms", &variant->p50);
    snprintf(name, sizeof name, "%s: p99", variant->name);
    benchmark_report(benchmark, name, "ms", &variant->p99);
    snprintf(name, sizeof name, "%s: processor time", variant->name);
    benchmark_report(benchmark, name, "ms", &variant->cpu);
    printf("    %" PRIu64 " rows, hash %016" PRIx64 ": %s\n", variant->rows, variant->hash,
           variant->statement);
    must_hold(variant->rows > 0, "the query has rows");
    samples_release(&variant->p50);
    samples_release(&variant->p99);
    samples_release(&variant->cpu);
}

static void report_size(const struct benchmark *benchmark, const tidal_status *status)
{
    const struct {
        const char *name;
        double bytes;
    } sizes[] = {{"memory, of all", (double)status->memory_bytes},
                 {"store, of all", (double)status->store_bytes}};
    for (size_t i = 0; i < 2; i++) {
        struct samples one = {0};
        samples_add(&one, sizes[i].bytes / (double)status->items);
        benchmark_report(benchmark, sizes[i].name, "B/item", &one);
        samples_release(&one);
    }
    printf("    %" PRIu64 " items, %" PRIu64 " users\n", status->items, status->users);
}

int main(int argc, char **argv)
{
    struct benchmark benchmark;
    tidal_options options = {.size = sizeof options, .must_exist = true};
    tidal_status status;
    tidal_db *db;
    tidal_error error;
    benchmark_init(&benchmark, argc, argv);
    must(tidal_open(benchmark.directory, &options, &db, &error), "open", &error);
    tidal_get_status(db, &status);
    for (size_t round = 0; round < benchmark.rounds; round++)
        for (size_t i = 0; i < VARIANTS; i++)
            run_round(db, &variants[i], benchmark.tiny ? 5 : 500, status.users);
    must(tidal_close(db, &error), "close", &error);
    for (size_t i = 0; i < VARIANTS; i++)
        report(&benchmark, &variants[i]);
    report_size(&benchmark, &status);
    return 0;
}
