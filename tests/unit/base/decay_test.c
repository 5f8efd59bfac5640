#include "base/decay.h"

#include "base/choices.h"
#include "harness/test.h"

#include <math.h>

#define ONE  (INT64_C(1) << DECAY_VALUE_BITS)
#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

enum { EVENTS = 400 };

struct event {
    int64_t time_ms;
    int64_t value;
};

/* What the sum should be, from all events, by the definition. */
static long double oracle(const struct event *events, size_t count, int64_t half_life_ms,
                          int64_t now_ms)
{
    long double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (long double)events[i].value / ONE *
               exp2l(-((long double)(now_ms - events[i].time_ms) / half_life_ms));
    return sum;
}

struct state {
    decay_sum sum;
    int64_t newest_ms;
};

static void take(struct state *state, const struct decay *decay, const struct event *event,
                 int sign)
{
    if (event->time_ms > state->newest_ms) {
        if (state->newest_ms != INT64_MIN)
            state->sum = decay_advance(decay, state->sum, state->newest_ms, event->time_ms);
        state->newest_ms = event->time_ms;
    }
    state->sum = decay_add(decay, state->sum, state->newest_ms, event->time_ms, event->value, sign);
}

static struct state take_all(const struct decay *decay, const struct event *events, size_t count)
{
    struct state state = {.newest_ms = INT64_MIN};
    for (size_t i = 0; i < count; i++)
        take(&state, decay, &events[i], 1);
    return state;
}

/* Events in order of time, none more than `spread_ms` from the newest. */
static void draw_events(struct choices *choices, struct event *events, size_t count,
                        int64_t spread_ms)
{
    int64_t start_ms = INT64_C(1700000000000) + (int64_t)choose(choices, (uint64_t)DAY);
    for (size_t i = 0; i < count; i++) {
        events[i].time_ms = start_ms + (int64_t)choose(choices, (uint64_t)spread_ms);
        events[i].value = ONE / 2 + (int64_t)choose(choices, 100 * ONE);
    }
}

static void shuffle(struct choices *choices, struct event *events, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t j = choose(choices, i - 1);
        struct event swap = events[i - 1];
        events[i - 1] = events[j];
        events[j] = swap;
    }
}

static void table_of_powers_is_right_to_the_last_bit(struct test *t)
{
    for (int i = 0; i < 256; i++)
        CHECK(exp2_fraction(i / 256.0) == (double)exp2l((long double)i / 256));
}

static void fractional_powers_are_within_3e_16(struct test *t)
{
    long double worst = 0;
    for (int i = 0; i < 200000; i++) {
        double x = i / 200000.0;
        long double right = exp2l((long double)x),
                    error = fabsl(((long double)exp2_fraction(x) - right) / right);
        if (error > worst) worst = error;
    }
    CHECK(worst <= 3e-16L);
}

static void whole_powers_are_exact_and_vanish_below_the_smallest(struct test *t)
{
    for (int i = -1022; i <= 1023; i++)
        CHECK(exp2_whole(i) == ldexp(1, i));
    CHECK(exp2_whole(-1023) == 0);
    CHECK(exp2_whole(INT64_MIN) == 0);
}

static void division_rounds_down_on_both_sides_of_zero(struct test *t)
{
    int64_t left;
    CHECK_EQ(floor_divide(7, 3, &left), 2);
    CHECK_EQ(left, 1);
    CHECK_EQ(floor_divide(-7, 3, &left), -3);
    CHECK_EQ(left, 2);
    CHECK_EQ(floor_divide(-6, 3, &left), -2);
    CHECK_EQ(left, 0);
    CHECK_EQ(floor_divide(INT64_MIN, 1000, &left), INT64_MIN / 1000 - 1);
}

static void spare_bits_cover_the_lateness_bound(struct test *t)
{
    CHECK_EQ(decay_of(HOUR, 12 * HOUR).spare_bits, 13);
    CHECK_EQ(decay_of(DAY, 12 * HOUR).spare_bits, 2);
    CHECK_EQ(decay_of(7 * DAY, 12 * HOUR).spare_bits, 2);
    CHECK_EQ(decay_of(HOUR, 0).spare_bits, 1);
    CHECK_EQ(decay_of(1000, 12 * HOUR).spare_bits, DECAY_SPARE_BITS_MAXIMUM);
}

static void one_event_halves_with_each_half_life(struct test *t)
{
    struct decay decay = decay_of(HOUR, 12 * HOUR);
    struct event event = {1000 * HOUR, 3 * ONE};
    struct state state = take_all(&decay, &event, 1);
    for (int i = 0; i < 40; i++) {
        struct decay_now now = decay_now(&decay, event.time_ms + i * HOUR);
        CHECK(decay_read(&now, state.sum, state.newest_ms) == ldexp(3, -i));
    }
    struct decay_now much_later = decay_now(&decay, event.time_ms + 10000 * HOUR);
    CHECK(decay_read(&much_later, state.sum, state.newest_ms) == 0);
}

static void sum_is_within_its_error_of_the_oracle(struct test *t)
{
    static const int64_t half_lives[] = {HOUR, DAY, 7 * DAY, 1000, 91 * HOUR + 7000};
    struct event events[EVENTS];
    long double worst = 0;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        int64_t half_life_ms = half_lives[seed % 5];
        struct decay decay = decay_of(half_life_ms, 12 * HOUR);
        draw_events(&choices, events, EVENTS, seed % 2 ? 11 * HOUR : HOUR);
        struct state state = take_all(&decay, events, EVENTS);
        for (int i = 0; i < 5; i++) {
            int64_t now_ms =
                state.newest_ms + (int64_t)choose(&choices, 6 * (uint64_t)half_life_ms);
            struct decay_now now = decay_now(&decay, now_ms);
            long double right = oracle(events, EVENTS, half_life_ms, now_ms);
            long double error =
                fabsl(((long double)decay_read(&now, state.sum, state.newest_ms) - right) / right);
            if (error > worst) worst = error;
        }
        choices_release(&choices);
    }
    CHECK(worst > 0); /* the oracle is not the implementation */
    CHECK(worst <= 2.5e-7L);
}

static void any_order_within_the_bound_gives_the_same_bits(struct test *t)
{
    static const int64_t half_lives[] = {HOUR, DAY, 7 * DAY, 15 * 60000};
    struct event events[EVENTS];
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        struct decay decay = decay_of(half_lives[seed % 4], 12 * HOUR);
        draw_events(&choices, events, EVENTS, 12 * HOUR);
        for (int i = 0; i < EVENTS; i += 3)
            events[i].value = -events[i].value;
        struct state state = take_all(&decay, events, EVENTS);
        for (int order = 0; order < 4; order++) {
            shuffle(&choices, events, EVENTS);
            struct state other = take_all(&decay, events, EVENTS);
            CHECK(other.sum == state.sum);
            CHECK_EQ(other.newest_ms, state.newest_ms);
        }
        choices_release(&choices);
    }
}

/* Events of odd mantissa that come `late` half-lives after the newest, against the same in order.
 */
static int orders_that_differ(int64_t half_life_ms, int late)
{
    struct decay decay = decay_of(half_life_ms, 12 * HOUR);
    int different = 0;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        struct event events[21];
        for (int i = 0; i < 20; i++)
            events[i] = (struct event){1000 * half_life_ms + 1 +
                                           (int64_t)choose(&choices, (uint64_t)half_life_ms - 2),
                                       ONE + (int64_t)choose(&choices, ONE)};
        events[20] = (struct event){(1000 + late) * half_life_ms + 5, ONE};
        struct state in_order = take_all(&decay, events, 21);
        struct state late_ones = take_all(&decay, events + 20, 1);
        for (int i = 0; i < 20; i++)
            take(&late_ones, &decay, &events[i], 1);
        different += in_order.sum != late_ones.sum;
        choices_release(&choices);
    }
    return different;
}

/* One half-life more than there are bits for, and nearly every order is another sum. */
static void order_leaves_a_trace_only_beyond_the_spare_bits(struct test *t)
{
    static const int64_t half_lives_ms[] = {15 * 60000, HOUR, 5 * HOUR, DAY, 7 * DAY};
    for (size_t i = 0; i < sizeof half_lives_ms / sizeof *half_lives_ms; i++) {
        int spare_bits = decay_of(half_lives_ms[i], 12 * HOUR).spare_bits;
        CHECK_EQ(orders_that_differ(half_lives_ms[i], spare_bits - 1), 0);
        CHECK_EQ(orders_that_differ(half_lives_ms[i], spare_bits), 0);
        CHECK(orders_that_differ(half_lives_ms[i], spare_bits + 1) > 25);
    }
}

static void removal_cancels_to_the_bit_within_the_bound(struct test *t)
{
    struct event events[EVENTS];
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        struct decay decay = decay_of(seed % 2 ? HOUR : 7 * DAY, 12 * HOUR);
        draw_events(&choices, events, EVENTS, 12 * HOUR);
        struct state half = {.newest_ms = INT64_MIN}, all;
        for (int i = 0; i < EVENTS; i += 2)
            take(&half, &decay, &events[i], 1);
        all = take_all(&decay, events, EVENTS);
        for (int i = 1; i < EVENTS; i += 2)
            take(&all, &decay, &events[i], -1);
        /* The newest event may be one that was taken back: it still says where the sum stands. */
        half.sum = decay_advance(&decay, half.sum, half.newest_ms, all.newest_ms);
        CHECK(all.sum == half.sum);
        choices_release(&choices);
    }
}

static void removal_long_after_is_within_a_unit_and_alone_exact(struct test *t)
{
    struct decay decay = decay_of(HOUR, 12 * HOUR);
    struct event like = {1000 * HOUR + 77, ONE}, other = {1000 * HOUR + 999, ONE},
                 later = {1030 * HOUR, ONE};
    struct state state = {.newest_ms = INT64_MIN}, without = state;
    take(&state, &decay, &like, 1);
    state.sum = decay_advance(&decay, state.sum, like.time_ms, later.time_ms);
    state.newest_ms = later.time_ms;
    take(&state, &decay, &like, -1);
    CHECK(state.sum == 0);

    struct event before[] = {other, later};
    without = take_all(&decay, before, 2);
    struct event all[] = {other, like, later};
    state = take_all(&decay, all, 3);
    take(&state, &decay, &like, -1);
    CHECK(state.sum - without.sum >= -1 && state.sum - without.sum <= 1);
}

static void a_sum_stays_at_its_bound(struct test *t)
{
    struct decay decay = decay_of(1000, 12 * HOUR);
    struct event event = {1999, (INT64_C(1) << 47) - 1};
    struct state state = {.newest_ms = INT64_MIN};
    for (int i = 0; i < 20000; i++)
        take(&state, &decay, &event, 1);
    CHECK(state.sum == (decay_sum)1 << DECAY_SUM_BITS);
    for (int i = 0; i < 40000; i++)
        take(&state, &decay, &event, -1);
    CHECK(state.sum == -((decay_sum)1 << DECAY_SUM_BITS));
    struct decay_now now = decay_now(&decay, 1999);
    CHECK(isfinite(decay_read(&now, state.sum, state.newest_ms)));
}

static void times_before_1970_decay_as_well(struct test *t)
{
    struct decay decay = decay_of(HOUR, 12 * HOUR);
    struct event events[] = {{-5 * HOUR - 1800000, ONE}, {-3 * HOUR, 2 * ONE}, {HOUR / 3, ONE}};
    struct state state = take_all(&decay, events, 3);
    struct decay_now now = decay_now(&decay, 2 * HOUR);
    long double right = oracle(events, 3, HOUR, 2 * HOUR);
    CHECK(fabsl((long double)decay_read(&now, state.sum, state.newest_ms) / right - 1) < 2.5e-7L);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(table_of_powers_is_right_to_the_last_bit),
        CASE(fractional_powers_are_within_3e_16),
        CASE(whole_powers_are_exact_and_vanish_below_the_smallest),
        CASE(division_rounds_down_on_both_sides_of_zero), CASE(spare_bits_cover_the_lateness_bound),
        CASE(one_event_halves_with_each_half_life), CASE(sum_is_within_its_error_of_the_oracle),
        CASE(any_order_within_the_bound_gives_the_same_bits),
        CASE(order_leaves_a_trace_only_beyond_the_spare_bits),
        CASE(removal_cancels_to_the_bit_within_the_bound),
        CASE(removal_long_after_is_within_a_unit_and_alone_exact), CASE(a_sum_stays_at_its_bound),
        CASE(times_before_1970_decay_as_well));
}
