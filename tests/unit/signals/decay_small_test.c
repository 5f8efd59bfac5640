#include "signals/decay_small.h"

#include "base/choices.h"
#include "harness/test.h"

#define ONE   (INT64_C(1) << DECAY_VALUE_BITS)
#define HOUR  INT64_C(3600000)
#define DAY   (24 * HOUR)
#define START INT64_C(1700000000000)

typedef bool count_form(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                        const struct contribution *event, bool adds);

/* Half-lives from a second to a year, of any number. */
static void draw_lanes(struct choices *choices, struct decay_lanes *lanes)
{
    struct decay decays[LIMIT_HALF_LIVES];
    uint32_t count = (uint32_t)choose(choices, LIMIT_HALF_LIVES);
    for (uint32_t i = 0; i < count; i++) {
        int64_t longest = choose_one_in(choices, 3) ? 366 * DAY : 30 * HOUR;
        int64_t half_life_ms = (1 + (int64_t)choose(choices, (uint64_t)longest / 1000)) * 1000;
        decays[i] = decay_of(half_life_ms, (int64_t)choose(choices, 2 * (uint64_t)DAY));
    }
    decay_lanes_init(lanes, decays, count);
}

static struct contribution draw_event(struct choices *choices, int64_t newest_ms)
{
    static const int64_t spreads_ms[] = {1000, HOUR, 3 * DAY, 2000 * DAY};
    int64_t spread_ms = spreads_ms[choose(choices, 3)];
    struct contribution event = {.sign = choose_one_in(choices, 4) ? -1 : 1};
    event.time_ms = newest_ms + (int64_t)choose(choices, 2 * (uint64_t)spread_ms) - spread_ms;
    if (choose_one_in(choices, 8)) event.time_ms = newest_ms;
    event.value = ONE;
    if (choose_one_in(choices, 3))
        event.value = (int64_t)choose(choices, UINT64_C(1) << choose(choices, 47));
    if (choose_one_in(choices, 3)) event.value = -event.value;
    return event;
}

static bool count_small(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                        const struct contribution *event, bool adds)
{
    struct decay_parts parts = {.lanes = lanes, .time_ms = event->time_ms, .value = event->value};
    decay_parts_init(&parts);
    return decay_count_small(sums, newest_ms, &parts, decay_direction(event, adds));
}

static bool count_portable(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                           const struct contribution *event, bool adds)
{
    struct decay_parts parts = {.lanes = lanes, .time_ms = event->time_ms, .value = event->value};
    decay_parts_init_portable(&parts);
    return decay_count_small_portable(sums, newest_ms, &parts, decay_direction(event, adds));
}

static bool count_avx2(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                       const struct contribution *event, bool adds)
{
    struct decay_parts parts = {.lanes = lanes, .time_ms = event->time_ms, .value = event->value};
    decay_parts_init_avx2(&parts);
    return decay_count_small_avx2(sums, newest_ms, &parts, decay_direction(event, adds));
}

static size_t joined;

/* decay_join_small where nothing moves. */
static bool count_joined(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                         const struct contribution *event, bool adds)
{
    struct decay_parts parts = {.lanes = lanes, .time_ms = event->time_ms, .value = event->value};
    bool moves = false;
    for (uint32_t i = 0; i < lanes->count; i++)
        moves = moves || decay_epoch(&lanes->decays[i], event->time_ms) !=
                             decay_epoch(&lanes->decays[i], newest_ms);
    decay_parts_init(&parts);
    if (!moves && decay_direction(event, adds) > 0 &&
        decay_join_small(sums, lanes->count, &parts)) {
        joined++;
        return true;
    }
    return count_small(lanes, sums, newest_ms, event, adds);
}

/* The same in 128 bits, by the definition.  false: not within 62. */
static bool count_large(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                        const struct contribution *event, bool adds)
{
    int64_t counted[LIMIT_HALF_LIVES], later_ms = newest_ms;
    bool fits = true;
    if (event->time_ms > newest_ms) later_ms = event->time_ms;
    for (uint32_t i = 0; i < lanes->count; i++) {
        decay_sum sum = decay_advance(&lanes->decays[i], sums[i], newest_ms, later_ms);
        sums[i] = (int64_t)sum;
        if (!adds) continue;
        sum =
            decay_add(&lanes->decays[i], sum, later_ms, event->time_ms, event->value, event->sign);
        fits = fits && sum < DECAY_SMALL_BOUND && sum >= -DECAY_SMALL_BOUND;
        counted[i] = (int64_t)sum;
    }
    for (uint32_t i = 0; adds && fits && i < lanes->count; i++)
        sums[i] = counted[i];
    return fits;
}

struct outcome {
    size_t counted;   /* events that fitted */
    size_t different; /* runs that did not end alike */
};

/* Runs both over the same events, each run until one does not fit. */
static struct outcome compare(count_form *one, count_form *other)
{
    struct outcome outcome = {0};
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct choices choices;
        struct decay_lanes lanes;
        int64_t sums[2][LIMIT_HALF_LIVES + 1], newest_ms = START;
        bool fits = true, same = true;
        choices_from_seed(&choices, seed, NULL);
        if (choose_one_in(&choices, 4)) newest_ms = -START;
        draw_lanes(&choices, &lanes);
        /* Behind them lies something else, which may look like a sum that is too large. */
        int64_t behind = choose_one_in(&choices, 2) ? DECAY_SMALL_BOUND | 1 : -1;
        for (size_t i = 0; i <= LIMIT_HALF_LIVES; i++)
            sums[0][i] = sums[1][i] = i < lanes.count ? 0 : behind;
        for (int i = 0; i < 200 && fits && same; i++) {
            struct contribution event = draw_event(&choices, newest_ms);
            bool adds = !choose_one_in(&choices, 10);
            fits = one(&lanes, sums[0], newest_ms, &event, adds);
            /* What is too large on its way may fit in the end: 128 bits do not see it. */
            same = other(&lanes, sums[1], newest_ms, &event, adds) == fits ||
                   (!fits && other == count_large);
            if (fits || other != count_large)
                same = same && memcmp(sums[0], sums[1], sizeof sums[0]) == 0;
            if (event.time_ms > newest_ms) newest_ms = event.time_ms;
            outcome.counted += fits;
        }
        for (size_t i = lanes.count; i <= LIMIT_HALF_LIVES; i++)
            same = same && sums[0][i] == behind && sums[1][i] == behind;
        outcome.different += !same;
        choices_release(&choices);
    }
    return outcome;
}

static void small_sums_are_those_of_the_definition(struct test *t)
{
    struct outcome outcome = compare(count_small, count_large);
    CHECK(outcome.counted > 10000);
    CHECK_EQ(outcome.different, 0);
}

static void every_form_gives_the_same_bits(struct test *t)
{
    if (!decay_has_avx2()) SKIP("this processor has no AVX2");
    struct outcome outcome = compare(count_portable, count_avx2);
    CHECK(outcome.counted > 10000);
    CHECK_EQ(outcome.different, 0);
}

static void sums_that_do_not_move_are_joined(struct test *t)
{
    struct outcome outcome = compare(count_small, count_joined);
    CHECK(joined > 1000);
    CHECK_EQ(outcome.different, 0);
}

static void sums_end_at_the_bound_in_every_form(struct test *t)
{
    static count_form *const forms[] = {count_small, count_portable, count_joined, count_large};
    struct decay decay = decay_of(1 << 30, 0);
    struct contribution event = {0, ONE, 1}, back = {0, ONE, -1};
    struct decay_lanes lanes;
    decay_lanes_init(&lanes, &decay, 1);
    int64_t amount = (int64_t)DECAY_UNIT * ONE << decay.spare_bits;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        int64_t sums[LIMIT_HALF_LIVES] = {DECAY_SMALL_BOUND - 1 - amount};
        CHECK(forms[i](&lanes, sums, 0, &event, true));
        CHECK_EQ(sums[0], DECAY_SMALL_BOUND - 1);
        sums[0] = DECAY_SMALL_BOUND - amount;
        CHECK(!forms[i](&lanes, sums, 0, &event, true));
        sums[0] = -DECAY_SMALL_BOUND + amount;
        CHECK(forms[i](&lanes, sums, 0, &back, true));
        CHECK_EQ(sums[0], -DECAY_SMALL_BOUND);
        sums[0] = -DECAY_SMALL_BOUND + amount - 1;
        CHECK(!forms[i](&lanes, sums, 0, &back, true));
    }
}

static bool count_a_bit_off(const struct decay_lanes *lanes, int64_t *sums, int64_t newest_ms,
                            const struct contribution *event, bool adds)
{
    bool fits = count_portable(lanes, sums, newest_ms, event, adds);
    if (fits && adds && event->time_ms % 100 == 0 && lanes->count > 0) sums[0] ^= 1;
    return fits;
}

static void a_bit_off_is_noticed(struct test *t)
{
    CHECK(compare(count_portable, count_a_bit_off).different > 0);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(small_sums_are_those_of_the_definition),
               CASE(every_form_gives_the_same_bits), CASE(sums_that_do_not_move_are_joined),
               CASE(sums_end_at_the_bound_in_every_form), CASE(a_bit_off_is_noticed));
}
