/* Distinct users against a plain list of every user's every event. */
#include "signals/distinct.h"

#include "base/choices.h"
#include "base/hash.h"
#include "harness/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS_MAXIMUM = 40000 };

static const int64_t SPAN_MS = 7 * 86400000, HOUR_MS = 3600000, START_MS = 1700000000000;

struct event {
    uint64_t user;
    int64_t time_ms;
};

static struct event events[EVENTS_MAXIMUM], shuffled[EVENTS_MAXIMUM];

static bool add(struct distinct **set, struct memory *memory, const struct event *event)
{
    bool changed;
    return distinct_add(set, memory, SPAN_MS, hash_u64(event->user), event->time_ms, &changed);
}

static int by_user(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return (x->user > y->user) - (x->user < y->user);
}

/* How many users have an event in (after, ...]: sorts a copy. */
static size_t count_exactly(const struct event *list, size_t count, int64_t after_ms)
{
    static struct event inside[EVENTS_MAXIMUM];
    size_t found = 0, users = 0;
    for (size_t i = 0; i < count; i++)
        if (list[i].time_ms > after_ms) inside[found++] = list[i];
    qsort(inside, found, sizeof *inside, by_user);
    for (size_t i = 0; i < found; i++)
        users += i == 0 || inside[i].user != inside[i - 1].user;
    return users;
}

static void draw_events(struct choices *choices, size_t count, uint64_t users, int64_t length_ms)
{
    for (size_t i = 0; i < count; i++) {
        events[i].user = choose_between(choices, 1, users);
        /* Some at the same time, to the millisecond. */
        int64_t time_ms = (int64_t)choose(choices, (uint64_t)length_ms);
        if (choose_one_in(choices, 4)) time_ms -= time_ms % (length_ms / 50 + 1);
        events[i].time_ms = START_MS + time_ms;
    }
}

static bool same(const struct distinct *a, const struct distinct *b, int64_t before_ms)
{
    if (a->count != b->count || !a->sketch != !b->sketch) return false;
    if (memcmp(a->users, b->users, a->count * sizeof *a->users) != 0) return false;
    for (unsigned reg = 0; a->sketch && reg < DISTINCT_REGISTERS; reg++) {
        size_t m, n, i = 0, j = 0;
        const int64_t *x = sketch_marks(a->sketch, reg, &m), *y = sketch_marks(b->sketch, reg, &n);
        while (i < m && mark_time_ms(x[i]) <= before_ms)
            i++;
        while (j < n && mark_time_ms(y[j]) <= before_ms)
            j++;
        if (m - i != n - j || memcmp(x + i, y + j, (m - i) * sizeof *x) != 0) return false;
    }
    return true;
}

static void any_window_of_few_users_is_exact(struct test *t)
{
    struct memory memory;
    struct choices choices;
    memory_init(&memory, 0);
    choices_from_seed(&choices, 11, NULL);
    for (int round = 0; round < 200; round++) {
        struct distinct *set = distinct_create(1, &memory);
        size_t count = (size_t)choose_between(&choices, 1, 300);
        int64_t newest_ms = INT64_MIN;
        draw_events(&choices, count, choose_between(&choices, 1, 100), 3 * SPAN_MS);
        for (size_t i = 0; i < count; i++) {
            CHECK(add(&set, &memory, &events[i]));
            CHECK(distinct_check(set, SPAN_MS));
            if (events[i].time_ms > newest_ms) newest_ms = events[i].time_ms;
            int64_t now_ms = newest_ms + (int64_t)choose(&choices, (uint64_t)SPAN_MS);
            int64_t after_ms = now_ms - 1 - (int64_t)choose(&choices, (uint64_t)SPAN_MS - 1);
            size_t exact = count_exactly(events, i + 1, after_ms);
            double counted = distinct_count(set, after_ms);
            if (exact < DISTINCT_EXACT)
                CHECK_EQ((size_t)counted, exact);
            else
                CHECK(counted >= DISTINCT_EXACT && counted < (double)exact * 1.4);
        }
        distinct_free(set, &memory);
    }
    memory_release(&memory);
}

static void the_window_is_open_at_its_old_end(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    struct distinct *set = distinct_create(1, &memory);
    struct event old = {1, START_MS}, new = {2, START_MS + SPAN_MS - 1};
    CHECK(add(&set, &memory, &old) && add(&set, &memory, &new));
    CHECK_EQ((size_t)distinct_count(set, START_MS - 1), 2);
    CHECK_EQ((size_t)distinct_count(set, START_MS), 1);
    /* One more millisecond, and the first is out of the span, whenever it comes. */
    new.time_ms++;
    CHECK(add(&set, &memory, &new) && add(&set, &memory, &old));
    CHECK_EQ(set->count, 1);
    distinct_free(set, &memory);
    memory_release(&memory);
}

/* Each order of the same events, each repeat of some, gives the same bits. */
static void order_and_repeats_leave_no_trace(struct test *t)
{
    struct memory memory;
    struct choices choices;
    memory_init(&memory, 0);
    choices_from_seed(&choices, 12, NULL);
    for (int round = 0; round < 60; round++) {
        struct distinct *set = distinct_create(1, &memory);
        size_t count = (size_t)choose_between(&choices, 1, 3000);
        draw_events(&choices, count, choose_between(&choices, 1, 4000), 2 * SPAN_MS);
        for (size_t i = 0; i < count; i++)
            CHECK(add(&set, &memory, &events[i]));
        CHECK(distinct_check(set, SPAN_MS));
        for (int order = 0; order < 4; order++) {
            struct distinct *other = distinct_create(1, &memory);
            memcpy(shuffled, events, count * sizeof *events);
            for (size_t i = count; i > 1; i--) {
                size_t j = (size_t)choose(&choices, i - 1);
                struct event swap = shuffled[i - 1];
                shuffled[i - 1] = shuffled[j];
                shuffled[j] = swap;
            }
            for (size_t i = 0; i < count; i++) {
                CHECK(add(&other, &memory, &shuffled[i]));
                if (choose_one_in(&choices, 8))
                    CHECK(add(&other, &memory, &shuffled[choose(&choices, i)]));
            }
            CHECK(same(set, other, distinct_newest_ms(set) - SPAN_MS));
            distinct_free(other, &memory);
        }
        distinct_free(set, &memory);
    }
    memory_release(&memory);
}

/* Relative errors over many sets of a size: bias, and standard deviation against 1.04 / 16. */
static bool errors_of(size_t users, int rounds, double *bias, double *deviation)
{
    struct memory memory;
    bool ok = true;
    double sum = 0, squares = 0;
    memory_init(&memory, 0);
    for (int round = 0; round < rounds && ok; round++) {
        struct distinct *set = distinct_create(1, &memory);
        for (size_t i = 0; i < users && ok; i++) {
            struct event event = {(uint64_t)round * 1000003 + i, START_MS + (int64_t)i};
            ok = add(&set, &memory, &event);
        }
        double error = distinct_count(set, START_MS - 1) / (double)users - 1;
        sum += error;
        squares += error * error;
        ok = ok && distinct_check(set, SPAN_MS);
        distinct_free(set, &memory);
    }
    memory_release(&memory);
    *bias = sum / rounds;
    *deviation = sqrt(squares / rounds);
    return ok;
}

static void errors_are_those_of_the_theory(struct test *t)
{
    static const struct {
        size_t users;
        int rounds;
    } sizes[] = {{100, 400}, {300, 400}, {700, 400}, {1500, 300}, {10000, 150}, {100000, 20}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        double bias, deviation;
        CHECK(errors_of(sizes[i].users, sizes[i].rounds, &bias, &deviation));
        printf("    %zu users: bias %+.2f %%, deviation %.2f %%\n", sizes[i].users, bias * 100,
               deviation * 100);
        double least = 0.065 / sqrt(sizes[i].rounds);
        CHECK(fabs(bias) < 4 * least);
        /* Of a deviation of n draws, the relative error is about 1 / sqrt(2 n). */
        CHECK(deviation < 0.065 * (1 + 4 / sqrt(2.0 * sizes[i].rounds)));
    }
}

/* Shorter windows of a set that slid past its beginning. */
static void windows_of_many_users_slide(struct test *t)
{
    enum { USERS = 30000, EVERY = 3000 };
    struct memory memory;
    struct choices choices;
    memory_init(&memory, 0);
    choices_from_seed(&choices, 13, NULL);
    struct distinct *set = distinct_create(1, &memory);
    int64_t step_ms = 3 * SPAN_MS / EVENTS_MAXIMUM;
    double squares = 0;
    size_t readings = 0;
    for (size_t i = 0; i < EVENTS_MAXIMUM; i++) {
        events[i] = (struct event){choose(&choices, USERS), START_MS + (int64_t)i * step_ms};
        CHECK(add(&set, &memory, &events[i]));
        if (i % EVERY != EVERY - 1) continue;
        for (int64_t window_ms = SPAN_MS; window_ms > 6 * HOUR_MS; window_ms /= 2) {
            size_t exact = count_exactly(events, i + 1, events[i].time_ms - window_ms);
            double error = distinct_count(set, events[i].time_ms - window_ms) / (double)exact - 1;
            CHECK(fabs(error) < 0.26); /* four deviations */
            squares += error * error;
            readings++;
        }
    }
    CHECK(sqrt(squares / (double)readings) < 0.1);
    CHECK(distinct_bytes(set) < 20000);
    distinct_free(set, &memory);
    memory_release(&memory);
}

static void memory_stays_in_its_bounds(struct test *t)
{
    struct memory memory;
    struct choices choices;
    memory_init(&memory, 0);
    choices_from_seed(&choices, 14, NULL);
    struct distinct *set = distinct_create(1, &memory);
    bool changed;
    /* The worst there is: in each register, ranks that fall as time goes on. */
    for (unsigned rank = DISTINCT_RANK_MAXIMUM; rank > 0; rank--)
        for (uint64_t reg = 0; reg < DISTINCT_REGISTERS; reg++) {
            uint64_t hash = reg << 56 | (UINT64_C(1) << 56 >> rank);
            CHECK(distinct_add(&set, &memory, SPAN_MS, hash, START_MS + 1000 - rank, &changed));
            CHECK(changed);
        }
    CHECK(distinct_check(set, SPAN_MS));
    CHECK(distinct_bytes(set) <= 67 * 1024);
    CHECK_EQ(set->sketch->ends[DISTINCT_REGISTERS - 1], DISTINCT_MARKS_MAXIMUM);
    distinct_free(set, &memory);
    memory_release(&memory);
}

static void a_forgotten_user_is_counted_and_not_found(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    struct distinct *set = distinct_create(1, &memory);
    for (uint64_t user = 1; user <= 200; user++) {
        struct event event = {user, START_MS + (int64_t)(user % 2)};
        CHECK(add(&set, &memory, &event));
    }
    double before = distinct_count(set, START_MS - 1);
    size_t found = 0;
    for (uint64_t user = 1; user <= 200; user++)
        found += distinct_forget(set, hash_u64(user));
    CHECK_EQ(found, DISTINCT_EXACT);
    for (uint64_t user = 1; user <= 200; user++)
        CHECK(!distinct_forget(set, hash_u64(user)));
    CHECK(distinct_check(set, SPAN_MS));
    CHECK(distinct_count(set, START_MS - 1) == before);
    distinct_free(set, &memory);
    memory_release(&memory);
}

static void each_allocation_may_fail(struct test *t)
{
    struct memory memory;
    for (unsigned long long fail = 1;; fail++) {
        memory_init(&memory, 0);
        memory.fail_at_call = fail;
        struct distinct *set = distinct_create(1, &memory);
        bool ok = set;
        for (uint64_t user = 1; user <= 2000 && ok; user++) {
            struct event event = {user, START_MS + (int64_t)user};
            ok = add(&set, &memory, &event);
        }
        distinct_free(set, &memory);
        memory_release(&memory);
        if (ok) break;
        CHECK(fail < 40);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(any_window_of_few_users_is_exact),
               CASE(the_window_is_open_at_its_old_end), CASE(order_and_repeats_leave_no_trace),
               CASE(errors_are_those_of_the_theory), CASE(windows_of_many_users_slide),
               CASE(memory_stays_in_its_bounds), CASE(a_forgotten_user_is_counted_and_not_found),
               CASE(each_allocation_may_fail));
}
