/* What benchmarks share: a clock, samples and their quantiles, and the lines they report.
 *
 * A benchmark measures each case once a round, the cases taking turns, so that a disturbance of the
 * machine meets all of them; a case's figure is the median over the rounds, with the quartiles. */
#ifndef TIDAL_BENCH_MEASURE_H
#define TIDAL_BENCH_MEASURE_H

#include <tidal/tidal.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

double measure_seconds(void);
/* Processor time of the process, all its threads; of the calling thread.  On a shared machine they
 * say more than the clock. */
double measure_process_seconds(void);
double measure_thread_seconds(void);
/* A different number each time, the same in every run: xorshift64. */
uint64_t measure_random(uint64_t *state);
/* FNV-1a, gone on with over an id and the bits of its score. */
uint64_t measure_hash(uint64_t hash, uint64_t id, double score);

struct samples {
    double *values;
    size_t count;
    size_t capacity;
};
void samples_add(struct samples *samples, double value);
void samples_clear(struct samples *samples);
void samples_release(struct samples *samples);
/* The value below which the share `q` lies, between neighbours linearly.  Sorts.  count > 0. */
double samples_quantile(struct samples *samples, double q);

/* What was asked for on the command line: PROGRAM DIR OUT [tiny|full [CASE...]]. */
struct benchmark {
    const char *directory; /* of the database, or of what several systems write */
    const char *out;       /* JSON lines are appended to this file */
    bool tiny;
    size_t rounds;
};
/* Both end the program if the command line is wrong. */
void benchmark_init(struct benchmark *benchmark, int argc, char **argv);
/* The same for one of several cases; chosen[i]: names[i] was named there, or none was. */
void benchmark_init_cases(struct benchmark *benchmark, int argc, char **argv,
                          const char *const *names, size_t count, bool *chosen);
/* Makes benchmark->directory; ends the program if there is something of that name. */
void benchmark_make_directory(const struct benchmark *benchmark);
/* With all that is in it. */
void remove_tree(const char *path);
/* A line of the table, and one object of the file: {"case", "peer", "ours", "theirs", "unit",
 * "ratio", "n", "q1", "q3"}.  `rounds` holds one value a round. */
void benchmark_report(const struct benchmark *benchmark, const char *name, const char *unit,
                      struct samples *rounds);

struct comparison {
    const char *name, *peer, *unit;
    struct samples *ours, *theirs; /* one value a round; more is better */
    bool less_is_better;
    double target; /* of the ratio; 0: none */
};
/* The same for ours against a peer's; "ratio" is that of the medians, above 1 where ours is
 * better, and there are "theirs_q1" and "theirs_q3" as well. */
void benchmark_compare(const struct benchmark *benchmark, const struct comparison *comparison);

/* Ends the program with a message if `code` is not OK (or ROW, or DONE). */
void must(tidal_code code, const char *what, const tidal_error *error);
/* Ends the program with a message if what must be true is not. */
void must_hold(bool condition, const char *what);

#endif
