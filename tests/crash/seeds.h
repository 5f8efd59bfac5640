/* What the simulations share: which seeds run, what a violation is, and the proof that each
 * deliberately wrong variant is caught.
 *
 * TIDAL_SEEDS sets the number of seeds, TIDAL_FIRST_SEED the first; with TIDAL_SECONDS a simulation
 * goes on beyond that number until so much time has passed.  A wrong variant has a seed that
 * catches it; TIDAL_MUTANT_SEEDS=N looks for the first such seed among 1 .. N instead. */
#ifndef TIDAL_TESTS_CRASH_SEEDS_H
#define TIDAL_TESTS_CRASH_SEEDS_H

#include "base/error.h"
#include "harness/test.h"
#include "os/clock.h"

#include <stdarg.h>
#include <stdlib.h>

static inline uint64_t from_environment(const char *name, uint64_t standard)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : standard;
}

struct seeds {
    uint64_t next;
    uint64_t left;
    int64_t until_ns;
};

static inline struct seeds seeds_wanted(uint64_t standard)
{
    int64_t seconds = (int64_t)from_environment("TIDAL_SECONDS", 0);
    return (struct seeds){.next = from_environment("TIDAL_FIRST_SEED", 1),
                          .left = from_environment("TIDAL_SEEDS", standard),
                          .until_ns = clock_monotonic_ns(clock_system()) + seconds * 1000000000};
}

static inline bool seeds_next(struct seeds *seeds, uint64_t *seed)
{
    if (seeds->left == 0 && clock_monotonic_ns(clock_system()) >= seeds->until_ns) return false;
    if (seeds->left > 0) seeds->left--;
    *seed = seeds->next++;
    return true;
}

/* Which promise was broken; the letters are told at the top of each simulation. */
struct breach {
    char oracle; /* 0: none */
    char why[240];
};

static inline bool violated(struct breach *breach, char oracle, const char *format, ...)
    PRINTF_LIKE(3, 4);
static inline bool violated(struct breach *breach, char oracle, const char *format, ...)
{
    va_list arguments;
    breach->oracle = oracle;
    va_start(arguments, format);
    vsnprintf(breach->why, sizeof(breach->why), format, arguments);
    va_end(arguments);
    return false;
}

/* A wrong variant, and the seed of the run that notices by this oracle. */
struct mutant_proof {
    const char *name;
    char oracle;
    uint64_t seed;
};

/* One run of the variant of that index in the caller's table. */
typedef bool (*mutant_run)(size_t index, uint64_t seed, struct breach *breach);

static inline bool mutant_is_caught(const struct mutant_proof *proof, size_t index, mutant_run run,
                                    uint64_t seed, struct breach *breach)
{
    *breach = (struct breach){0};
    return !run(index, seed, breach) && breach->oracle == proof->oracle;
}

/* Each variant must be caught by its seed, and each letter of `oracles` must have caught one. */
static inline void check_mutants(struct test *t, const struct mutant_proof *proofs, size_t count,
                                 const char *oracles, mutant_run run)
{
    uint64_t most = from_environment("TIDAL_MUTANT_SEEDS", 0);
    bool bites[128] = {false};
    for (size_t i = 0; i < count; i++) {
        const struct mutant_proof *proof = &proofs[i];
        struct breach breach;
        uint64_t seed = most > 0 ? 1 : proof->seed, last = most > 0 ? most : proof->seed;
        bool caught = false;
        while (!(caught = mutant_is_caught(proof, i, run, seed, &breach)) && seed < last)
            seed++;
        printf("mutant %s: %s by %c at seed %" PRIu64 " (%s)\n", proof->name,
               caught ? "caught" : "NOT CAUGHT", proof->oracle, seed, breach.why);
        bites[proof->oracle & 127] |= caught;
        if (caught) continue;
        test_fail(t, __FILE__, __LINE__, proof->name);
        fprintf(stderr, "    another seed may: run this with TIDAL_MUTANT_SEEDS=5000\n");
    }
    for (const char *oracle = oracles; *oracle; oracle++) {
        if (bites[*oracle & 127]) continue;
        test_fail(t, __FILE__, __LINE__, "an oracle caught nothing");
        fprintf(stderr, "    oracle %c\n", *oracle);
    }
}

#endif
