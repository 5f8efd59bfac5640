/* The unit-test frame: no registration, no signal handlers, no longjmp.
 *
 * A test is `static void name(struct test *t)`, its name a sentence.  List it in RUN; the compiler
 * reports one that is not listed.  CTest runs each test program in a process of its own. */
#ifndef TIDAL_TESTS_HARNESS_TEST_H
#define TIDAL_TESTS_HARNESS_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct test {
    const char *name;
    bool failed;
    bool skipped;
};

struct test_case {
    const char *name;
    void (*run)(struct test *t);
};

#define CASE(function)                                                                             \
    {                                                                                              \
#function, function                                                                        \
    }

/* Records a failure and leaves the test. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            test_fail(t, __FILE__, __LINE__, #condition);                                          \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define CHECK_EQ(actual, expected)                                                                 \
    do {                                                                                           \
        int64_t actual_ = (int64_t)(actual), expected_ = (int64_t)(expected);                      \
        if (actual_ != expected_) {                                                                \
            test_fail(t, __FILE__, __LINE__, #actual " == " #expected);                            \
            fprintf(stderr, "    got %" PRId64 ", want %" PRId64 "\n", actual_, expected_);        \
            return;                                                                                \
        }                                                                                          \
    } while (0)

#define CHECK_TEXT(actual, expected)                                                               \
    do {                                                                                           \
        const char *actual_ = (actual), *expected_ = (expected);                                   \
        if (strcmp(actual_, expected_) != 0) {                                                     \
            test_fail(t, __FILE__, __LINE__, #actual " == " #expected);                            \
            fprintf(stderr, "    got  \"%s\"\n    want \"%s\"\n", actual_, expected_);             \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* Leaves the test, loudly: it counts as skipped, not as passed. */
#define SKIP(reason)                                                                               \
    do {                                                                                           \
        t->skipped = true;                                                                         \
        fprintf(stderr, "SKIPPED %s: %s\n", t->name, (reason));                                    \
        return;                                                                                    \
    } while (0)

#define RUN(argc, argv, ...)                                                                       \
    test_main(argc, argv, (const struct test_case[]){__VA_ARGS__},                                 \
              sizeof((const struct test_case[]){__VA_ARGS__}) / sizeof(struct test_case))

static inline void test_fail(struct test *t, const char *file, int line, const char *what)
{
    t->failed = true;
    fprintf(stderr, "%s:%d: %s: %s\n", file, line, t->name, what);
}

/* Runs all cases, or those whose name contains argv[1].  Prints "N passed, N failed, N skipped". */
static inline int test_main(int argc, char **argv, const struct test_case *cases, size_t count)
{
    int passed = 0, failed = 0, skipped = 0;
    for (size_t i = 0; i < count; i++) {
        if (argc > 1 && !strstr(cases[i].name, argv[1])) continue;
        struct test t = {.name = cases[i].name};
        cases[i].run(&t);
        if (t.failed) {
            failed++;
            printf("FAILED %s\n", t.name);
        } else if (t.skipped) {
            skipped++;
        } else {
            passed++;
        }
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed != 0 || passed + failed + skipped == 0;
}

#endif
