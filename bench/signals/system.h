/* Counted signals, ours and those of each peer behind one interface: what happens is one event
 * after the other, what is asked for is five features of 1,000 entities.
 *
 * Kept by all: counts by 5 minutes, hour and day, of all time, and a decayed sum of one half-life;
 * ours keeps three half-lives. */
#ifndef TIDAL_BENCH_SIGNALS_SYSTEM_H
#define TIDAL_BENCH_SIGNALS_SYSTEM_H

#include "measure.h"

enum { SIGNALS = 4, CANDIDATES = 1000, FEATURES = 5 };
enum { VIEW, LIKE, SKIP, SHARE }; /* of 100 events: 70, 15, 10, 5 */

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

struct event {
    int64_t time_ms;
    uint32_t entity; /* from 1 */
    uint32_t signal;
};

/* Zipf 1.1 over the entities; 90 % of the events come within seconds of their time (exponential,
 * mean 2 s), 9 % up to 5 minutes after it and 1 % up to 12 hours. */
struct stream {
    uint64_t random;
    uint32_t entities;
    double clock_ms, step_ms;
    double zipf_low, zipf_high; /* of the rejection sampler */
};
void stream_init(struct stream *stream, uint32_t entities, uint64_t seed);
void stream_draw(struct stream *stream, struct event *events, size_t count);

/* A key by which an entity is ranked, the higher the better. */
struct rank {
    uint32_t entity;
    double key;
};
enum { LISTED = 100 };

struct signals_system {
    const char *name;
    const char *(*missing)(void); /* NULL, or why it cannot be measured here */
    void *(*open)(const char *directory);
    void (*apply)(void *system, const struct event *events, size_t count);
    /* In the window of an hour: views; of a day: views, likes; of a week: views; and the decayed
     * views.  `values` has FEATURES times CANDIDATES places. */
    void (*read)(void *system, int64_t now_ms, const uint32_t *entities, double *values);
    /* Holds the keys, each instead of a lower one; then the LISTED highest, best first: their
     * number. */
    void (*hold)(void *system, const struct rank *ranks, size_t count);
    size_t (*top)(void *system, struct rank *out);
    double (*server_seconds)(void *system); /* of processor, outside this process */
    double (*bytes)(void *system);          /* held for what was applied */
    void (*close)(void *system);
};

extern const struct signals_system signals_redis, signals_sqlite;

/* Events a second through the log of a database in `directory`, durable by the thousand; the same
 * bytes in the same groups written and synced alone. */
struct ingest_figures {
    struct samples counters, raw, folds;
};
void ingest_round(const char *directory, double seconds, struct ingest_figures *figures);

#endif
