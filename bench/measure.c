#include "measure.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static double read_clock(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double measure_seconds(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

double measure_process_seconds(void)
{
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

double measure_thread_seconds(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t measure_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

uint64_t measure_hash(uint64_t hash, uint64_t id, double score)
{
    uint64_t words[2] = {id, 0};
    memcpy(&words[1], &score, sizeof score);
    for (size_t i = 0; i < sizeof words; i++)
        hash = (hash ^ ((words[i / 8] >> (i % 8 * 8)) & 0xff)) * UINT64_C(0x100000001b3);
    return hash;
}

void samples_add(struct samples *samples, double value)
{
    if (samples->count == samples->capacity) {
        samples->capacity = samples->capacity > 0 ? samples->capacity * 2 : 256;
        samples->values = realloc(samples->values, samples->capacity * sizeof *samples->values);
        must_hold(samples->values != NULL, "memory for samples");
    }
    samples->values[samples->count++] = value;
}

void samples_clear(struct samples *samples)
{
    samples->count = 0;
}

void samples_release(struct samples *samples)
{
    free(samples->values);
    *samples = (struct samples){0};
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double samples_quantile(struct samples *samples, double q)
{
    must_hold(samples->count > 0, "at least one sample");
    qsort(samples->values, samples->count, sizeof *samples->values, compare);
    double place = q * (double)(samples->count - 1);
    size_t below = (size_t)place;
    size_t above = below + 1 < samples->count ? below + 1 : below;
    double share = place - (double)below;
    return samples->values[below] * (1 - share) + samples->values[above] * share;
}

enum { ARGUMENTS_BEFORE_CASES = 4 };

_Noreturn static void unknown_case(const char *wanted, const char *const *names, size_t count)
{
    fprintf(stderr, "there is no case '%s'; the cases are:", wanted);
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, " %s", names[i]);
    fprintf(stderr, "\n");
    exit(2);
}

static void choose_cases(int argc, char **argv, const char *const *names, size_t count,
                         bool *chosen)
{
    for (size_t i = 0; i < count; i++)
        chosen[i] = argc <= ARGUMENTS_BEFORE_CASES;
    for (int i = ARGUMENTS_BEFORE_CASES; i < argc; i++) {
        size_t at = 0;
        while (at < count && strcmp(argv[i], names[at]) != 0)
            at++;
        if (at == count) unknown_case(argv[i], names, count);
        chosen[at] = true;
    }
}

void benchmark_init_cases(struct benchmark *benchmark, int argc, char **argv,
                          const char *const *names, size_t count, bool *chosen)
{
    bool tiny = argc > 3 && strcmp(argv[3], "tiny") == 0;
    bool right = argc == 3 || (argc > 3 && (tiny || strcmp(argv[3], "full") == 0));
    if (!right || (count == 0 && argc > ARGUMENTS_BEFORE_CASES)) {
        fprintf(stderr, "usage: %s DIR OUT.jsonl [tiny|full%s]\n", argv[0],
                count > 0 ? " [CASE...]" : "");
        exit(2);
    }
    choose_cases(argc, argv, names, count, chosen);
    *benchmark = (struct benchmark){
        .directory = argv[1], .out = argv[2], .tiny = tiny, .rounds = tiny ? 2 : 9};
    printf("\n%s: %zu rounds; to repeat:", program_invocation_short_name, benchmark->rounds);
    for (int i = 0; i < argc; i++)
        printf(" %s", argv[i]);
    printf("\n");
}

void benchmark_init(struct benchmark *benchmark, int argc, char **argv)
{
    benchmark_init_cases(benchmark, argc, argv, NULL, 0, NULL);
}

void benchmark_make_directory(const struct benchmark *benchmark)
{
    if (mkdir(benchmark->directory, 0700) == 0) return;
    bool exists = errno == EEXIST;
    fprintf(stderr, "the directory '%s' cannot be made: %s\n", benchmark->directory,
            strerror(errno));
    if (exists) fprintf(stderr, "remove what an earlier run left, or name one that is not there\n");
    exit(2);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void remove_tree(const char *path)
{
    must_hold(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0, "a directory is removed");
}

void benchmark_report(const struct benchmark *benchmark, const char *name, const char *unit,
                      struct samples *rounds)
{
    double median = samples_quantile(rounds, 0.5);
    double q1 = samples_quantile(rounds, 0.25), q3 = samples_quantile(rounds, 0.75);
    printf("  %-58s %12.3f %-9s (%.3f .. %.3f)\n", name, median, unit, q1, q3);
    FILE *out = fopen(benchmark->out, "a");
    must_hold(out != NULL, "the file for results");
    fprintf(out,
            "{\"case\": \"%s\", \"peer\": null, \"ours\": %.6g, \"theirs\": null, \"unit\": "
            "\"%s\", \"ratio\": null, \"n\": %zu, \"q1\": %.6g, \"q3\": %.6g}\n",
            name, median, unit, rounds->count, q1, q3);
    must_hold(fclose(out) == 0, "the file for results is written");
}

void benchmark_compare(const struct benchmark *benchmark, const struct comparison *comparison)
{
    struct samples *ours = comparison->ours, *theirs = comparison->theirs;
    double ratio = samples_quantile(ours, 0.5) / samples_quantile(theirs, 0.5);
    if (comparison->less_is_better) ratio = 1 / ratio;
    double target = comparison->target;
    int digits = comparison->less_is_better ? 3 : 0;
    printf("  %-16s %-10s ours %10.*f (%.*f .. %.*f), theirs %10.*f (%.*f .. %.*f) %s: %.2fx",
           comparison->name, comparison->peer, digits, samples_quantile(ours, 0.5), digits,
           samples_quantile(ours, 0.25), digits, samples_quantile(ours, 0.75), digits,
           samples_quantile(theirs, 0.5), digits, samples_quantile(theirs, 0.25), digits,
           samples_quantile(theirs, 0.75), comparison->unit, ratio);
    if (target > 0) printf(", target %.1fx: %s", target, ratio >= target ? "met" : "NOT MET");
    printf("\n");
    FILE *out = fopen(benchmark->out, "a");
    must_hold(out != NULL, "the file for results");
    fprintf(out,
            "{\"case\": \"%s\", \"peer\": \"%s\", \"ours\": %.6g, \"theirs\": %.6g, \"unit\": "
            "\"%s\", \"ratio\": %.4g, \"n\": %zu, \"q1\": %.6g, \"q3\": %.6g, \"theirs_q1\": %.6g, "
            "\"theirs_q3\": %.6g}\n",
            comparison->name, comparison->peer, samples_quantile(ours, 0.5),
            samples_quantile(theirs, 0.5), comparison->unit, ratio, ours->count,
            samples_quantile(ours, 0.25), samples_quantile(ours, 0.75),
            samples_quantile(theirs, 0.25), samples_quantile(theirs, 0.75));
    must_hold(fclose(out) == 0, "the file for results is written");
}

void must(tidal_code code, const char *what, const tidal_error *error)
{
    if (code == TIDAL_OK || code == TIDAL_ROW || code == TIDAL_DONE) return;
    fprintf(stderr, "%s: %s: %s\n", what, tidal_code_name(code), error->message);
    exit(1);
}

void must_hold(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "this does not hold: %s\n", what);
    exit(1);
}
