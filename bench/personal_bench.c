/* What a query of 1,000 candidates pays for what is the user's own: affinity, exposure, what was
 * said of each item and seen.
 *
 * 20,000 items with one of 2,000 creators and three of 500 tags; 200 users, each with 64 likes and
 * 400 impressions, which fill the 32 topics of a user and field.  A query is prepared once, then
 * bound to a user and run; a figure is the processor time of the mean query of a round, that of the
 * query without the term taken off.  The hash is over ids and scores. */
#include "measure.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NOW_MS INT64_C(1793527200000)

enum { ITEMS = 20000, USERS = 200, CREATORS = 2000, TAGS = 500, LIKES = 64, IMPRESSIONS = 400 };

struct variant {
    const char *name, *term;
    struct samples us; /* one a round */
    uint64_t hash;
};

static struct variant variants[] = {
    {.name = "without", .term = "1"},
    {.name = "affinity, creator", .term = "affinity(user, item.creator, 30d)"},
    {.name = "affinity, three tags", .term = "affinity(user, item.tags, 30d)"},
    {.name = "exposure, creator", .term = "exposure(user, item.creator)"},
    {.name = "exposure, three tags", .term = "exposure(user, item.tags)"},
    {.name = "last value of a state", .term = "last(user, like)"},
    {.name = "times seen", .term = "times_seen(user)"},
};
enum { VARIANTS = sizeof variants / sizeof *variants };

static int64_t clock_ms(void *context)
{
    return *(const int64_t *)context;
}

static void run(tidal_db *db, const char *text)
{
    tidal_error error;
    must(tidal_execute(db, text, NULL, &error), text, &error);
}

static void fill(tidal_db *db, int64_t *now_ms)
{
    static const char *const definitions[] = {
        "DEFINE FIELD creator ON item REFERENCES creator",
        "DEFINE FIELD tags ON item KEYWORD[]",
        "DEFINE EXPOSURE ON item.creator HALF LIFE 6h",
        "DEFINE EXPOSURE ON item.tags HALF LIFE 6h",
        "DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE",
    };
    uint64_t random = 88172645463325252;
    char text[300];
    for (size_t i = 0; i < sizeof definitions / sizeof *definitions; i++)
        run(db, definitions[i]);
    for (int item = 1; item <= ITEMS; item++) {
        snprintf(text, sizeof text,
                 "PUT item %d {\"creator\": %d, \"tags\": [\"tag-%d\", \"word-%d\", \"mood-%d\"]}",
                 item, 1 + (int)(measure_random(&random) % CREATORS),
                 (int)(measure_random(&random) % TAGS), (int)(measure_random(&random) % TAGS),
                 (int)(measure_random(&random) % TAGS));
        run(db, text);
    }
    for (int i = 0; i < USERS * (LIKES + IMPRESSIONS); i++) {
        *now_ms += 100;
        snprintf(text, sizeof text, "SIGNAL %s ON item %d BY user %d",
                 i % (LIKES + IMPRESSIONS) < LIKES ? "like" : "impression",
                 1 + (int)(measure_random(&random) % ITEMS), 1 + i / (LIKES + IMPRESSIONS));
        run(db, text);
    }
}

static void run_round(tidal_db *db, struct variant *variant, size_t queries)
{
    char text[300];
    tidal_query *query;
    tidal_error error;
    uint64_t random = 88172645463325252 + variant->us.count;
    snprintf(text, sizeof text, "RETRIEVE items FOR user $user FROM newest(1000) SCORE %s LIMIT 20",
             variant->term);
    must(tidal_prepare(db, text, -1, &query, &error), text, &error);
    double start = measure_thread_seconds();
    for (size_t i = 0; i < queries; i++) {
        tidal_code code;
        must(tidal_bind_u64(query, "user", 1 + measure_random(&random) % USERS, &error), text,
             &error);
        while ((code = tidal_step(query, &error)) == TIDAL_ROW)
            variant->hash = measure_hash(variant->hash, tidal_column_u64(query, 0),
                                         tidal_column_double(query, 1));
        must(code, text, &error);
        tidal_reset(query);
    }
    samples_add(&variant->us, (measure_thread_seconds() - start) * 1e6 / (double)queries);
    tidal_query_free(query);
}

int main(int argc, char **argv)
{
    struct benchmark benchmark;
    int64_t now_ms = NOW_MS;
    tidal_options options = {
        .size = sizeof options, .clock_ms = clock_ms, .clock_context = &now_ms};
    tidal_db *db;
    tidal_error error;
    benchmark_init(&benchmark, argc, argv);
    must(tidal_open(":memory:", &options, &db, &error), "open", &error);
    fill(db, &now_ms);
    for (size_t round = 0; round < benchmark.rounds; round++)
        for (size_t i = 0; i < VARIANTS; i++)
            run_round(db, &variants[i], benchmark.tiny ? 5 : 300);
    must(tidal_close(db, &error), "close", &error);
    for (size_t i = VARIANTS; i-- > 0;) {
        struct samples *us = &variants[i].us;
        for (size_t round = 0; i > 0 && round < us->count; round++)
            us->values[round] -= variants[0].us.values[round];
        benchmark_report(&benchmark, variants[i].name, "us/1000", us);
        printf("    hash %016" PRIx64 ": %s\n", variants[i].hash, variants[i].term);
    }
    for (size_t i = 0; i < VARIANTS; i++)
        samples_release(&variants[i].us);
    return 0;
}
