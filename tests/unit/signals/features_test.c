#include "unit/signals/ledger_world.h"

#include "base/choices.h"
#include "harness/test.h"

enum { EVENTS = 4000, ENTITIES = 12 };

struct event {
    int64_t time_ms;
    int64_t value;
    ordinal entity;
};

/* Most events lie within minutes of each other, some days apart, and some come up to 12 h late. */
static void draw_events(struct choices *choices, struct event *events, size_t count)
{
    int64_t clock_ms = START;
    for (size_t i = 0; i < count; i++) {
        clock_ms += (int64_t)choose(choices, 4 * (uint64_t)MINUTE);
        if (choose_one_in(choices, 200)) clock_ms += (int64_t)choose(choices, 2 * (uint64_t)DAY);
        int64_t late_ms = choose_one_in(choices, 4)
                              ? (int64_t)choose(choices, 11 * (uint64_t)HOUR)
                              : (int64_t)choose(choices, 5 * (uint64_t)SECOND);
        ordinal entity = (ordinal)choose(choices, ENTITIES - 1);
        events[i].entity = choose_one_in(choices, 2) ? 0 : entity;
        events[i].time_ms = clock_ms - late_ms;
        events[i].value = ONE / 2 + (int64_t)choose(choices, 4 * ONE);
    }
}

/* Counts by the definition of a window, from all events: by whole buckets, and interpolated. */
struct expected {
    int64_t count, exact;
    double interpolated, sum;
};

static struct expected expect_window(const struct event *events, size_t count, ordinal entity,
                                     int64_t window_ms, int64_t now_ms)
{
    int64_t hop_ms = window_ms < 12 * HOUR ? 5 * MINUTE : window_ms < 12 * DAY ? HOUR : DAY;
    int64_t start_ms = now_ms - window_ms;
    struct expected expected = {0};
    for (size_t i = 0; i < count; i++) {
        if (events[i].entity != entity) continue;
        int64_t low_ms = (events[i].time_ms - 1) / hop_ms * hop_ms, high_ms = low_ms + hop_ms;
        if (high_ms <= start_ms) continue;
        if (high_ms > now_ms) high_ms = now_ms;
        double inside =
            low_ms >= start_ms ? 1 : (double)(high_ms - start_ms) / (double)(high_ms - low_ms);
        expected.count++;
        expected.exact += events[i].time_ms > start_ms;
        expected.interpolated += inside;
        expected.sum += inside * (double)events[i].value / (double)ONE;
    }
    return expected;
}

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b) + 1);
}

static bool compare_windows(const struct world *world, const struct event *events, size_t count,
                            ordinal entity, int64_t now_ms)
{
    const struct signal *view = &world->signals[VIEW];
    for (uint8_t slot = 0; slot < view->window_count; slot++) {
        struct expected expected =
            expect_window(events, count, entity, view->window_ms[slot], now_ms);
        int64_t shown = features_count(world->ledger, VIEW, slot, entity, now_ms);
        struct feature feature = {.op = FEATURE_COUNT, .signal = VIEW, .slot = slot};
        double counted = world_read(world, feature, entity, now_ms);
        feature.op = FEATURE_SUM;
        double sum = world_read(world, feature, entity, now_ms);
        feature.op = FEATURE_MEAN;
        feature.prior = 3;
        feature.prior_mean = 2.5;
        double mean = world_read(world, feature, entity, now_ms);
        if (shown != expected.count || shown < expected.exact) return false;
        if (!near(counted, expected.interpolated) || !near(sum, expected.sum)) return false;
        if (!near(mean, (expected.sum + 7.5) / (expected.interpolated + 3))) return false;
    }
    return true;
}

static bool compare_velocity(const struct world *world, const struct event *events, size_t count,
                             ordinal entity, int64_t now_ms)
{
    const struct signal *view = &world->signals[VIEW];
    for (uint32_t i = 0; i < view->velocity_count; i++) {
        uint8_t slot = view->velocity_window[i];
        int64_t window_ms = view->window_ms[slot],
                baseline_ms = view->window_ms[view->velocity_baseline[i]];
        double recent = expect_window(events, count, entity, window_ms, now_ms).interpolated;
        double all = expect_window(events, count, entity, baseline_ms, now_ms).interpolated;
        double mean = fmax(all - recent, 0) * (double)window_ms / (double)(baseline_ms - window_ms);
        struct feature feature = {.op = FEATURE_VELOCITY, .signal = VIEW, .slot = slot};
        double velocity = world_read(world, feature, entity, now_ms);
        if (!near(velocity, (recent - mean) / sqrt(mean + 1))) return false;
    }
    return true;
}

static long double worst_decay_error(const struct world *world, const struct event *events,
                                     size_t count, ordinal entity, int64_t now_ms)
{
    const struct signal *view = &world->signals[VIEW];
    long double worst = 0;
    for (uint8_t slot = 0; slot < view->half_life_count; slot++) {
        long double right = 0;
        for (size_t i = 0; i < count; i++) {
            if (events[i].entity != entity) continue;
            right += (long double)events[i].value / ONE *
                     exp2l(-(long double)(now_ms - events[i].time_ms) / view->half_life_ms[slot]);
        }
        struct feature feature = {.op = FEATURE_DECAY, .signal = VIEW, .slot = slot};
        long double read = (long double)world_read(world, feature, entity, now_ms);
        long double error = right > 1e-6L ? fabsl((read - right) / right) : fabsl(read - right);
        if (error > worst) worst = error;
    }
    return worst;
}

static void every_feature_agrees_with_all_the_events(struct test *t)
{
    static struct event events[EVENTS];
    long double worst = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        struct world world;
        CHECK(world_init(&world));
        draw_events(&choices, events, EVENTS);
        for (size_t i = 0; i < EVENTS; i++) {
            struct event *event = &events[i];
            CHECK_EQ(world_signal(&world, VIEW, event->entity, event->time_ms, event->value),
                     CODE_OK);
            if (i % 100 != 99) continue;
            CHECK(world_check(&world));
            int64_t now_ms = world.watermark_ms;
            if (i % 300 == 299) now_ms += (int64_t)choose(&choices, 40 * (uint64_t)DAY);
            if (i % 500 == 499) now_ms = (now_ms / HOUR + 1) * HOUR;
            for (ordinal entity = 0; entity < 3; entity++) {
                CHECK(compare_windows(&world, events, i + 1, entity, now_ms));
                CHECK(compare_velocity(&world, events, i + 1, entity, now_ms));
                long double error = worst_decay_error(&world, events, i + 1, entity, now_ms);
                if (error > worst) worst = error;
            }
        }
        world_release(&world);
        choices_release(&choices);
    }
    CHECK(worst > 0);
    CHECK(worst <= 2.5e-7L);
}

static void rate_is_lambda_times_decay(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    /* One event a minute for long: the rate tends to 1/60 a second. */
    for (int i = 0; i < 24 * 60; i++)
        CHECK_EQ(world_signal(&world, VIEW, 0, START + i * MINUTE, ONE), CODE_OK);
    struct feature rate = {.op = FEATURE_RATE, .signal = VIEW, .slot = 0};
    double read = world_read(&world, rate, 0, world.watermark_ms + MINUTE / 2);
    CHECK(fabs(read * 60 - 1) < 1e-3);
    world_release(&world);
}

/* Of all entities, in a ledger without a budget. */
static size_t top_of(const struct ledger *ledger, const struct feature *feature, int64_t now_ms,
                     struct ranked *out, size_t limit)
{
    return features_top(
        ledger,
        &(struct top_question){.feature = feature, .now_ms = now_ms, .out = out, .limit = limit});
}

static void an_entity_without_a_record_reads_as_nothing(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    for (int with_others = 0; with_others < 2; with_others++) {
        CHECK(world_read(&world, (struct feature){.op = FEATURE_DECAY, .signal = VIEW}, 7,
                         START + DAY) == 0);
        CHECK(world_read(&world, (struct feature){.op = FEATURE_RATE, .signal = VIEW}, 7,
                         START + DAY) == 0);
        CHECK(world_read(&world, (struct feature){.op = FEATURE_COUNT, .signal = VIEW, .slot = 1},
                         7, START + DAY) == 0);
        CHECK(world_read(&world,
                         (struct feature){.op = FEATURE_VELOCITY, .signal = VIEW, .slot = 1}, 7,
                         START + DAY) == 0);
        CHECK(
            world_read(&world,
                       (struct feature){
                           .op = FEATURE_RELATIVE_VELOCITY, .signal = VIEW, .slot = 1, .prior = 5},
                       7, START + DAY) == 1);
        CHECK(isnan(world_read(&world,
                               (struct feature){.op = FEATURE_MEAN, .signal = VIEW, .slot = 1}, 7,
                               START + DAY)));
        CHECK(isnan(world_read(
            &world, (struct feature){.op = FEATURE_MINIMUM, .signal = RATING, .slot = WINDOW_ALL},
            7, START + DAY)));
        CHECK(isnan(world_read(
            &world, (struct feature){.op = FEATURE_RATIO, .signal = LIKE, .denominator = VIEW}, 7,
            START + DAY)));
        CHECK(world_read(&world,
                         (struct feature){.op = FEATURE_RATIO,
                                          .signal = LIKE,
                                          .denominator = VIEW,
                                          .prior = 20,
                                          .prior_mean = 0.25},
                         7, START + DAY) == 0.25);
        CHECK_EQ(features_count(world.ledger, VIEW, 1, 7, START), 0);
        CHECK_EQ(ledger_entity_totals(world.ledger, VIEW, 7).count, 0);
        CHECK_EQ(world_signal(&world, VIEW, 3, START, ONE), CODE_OK);
    }
    world_release(&world);
}

/* A query may come between a definition and the first event after it. */
static void what_a_record_is_too_old_to_have_reads_as_nothing(struct test *t)
{
    struct world world;
    struct ranked found;
    CHECK(world_init(&world));
    CHECK_EQ(world_signal(&world, SIGNAL_IMPRESSION, 0, START, ONE), CODE_OK);
    struct feature count = {.op = FEATURE_COUNT, .signal = SIGNAL_IMPRESSION, .slot = 0};
    struct feature rate = {.op = FEATURE_RATE, .signal = SIGNAL_IMPRESSION, .slot = 7};
    CHECK(world_read(&world, count, 0, START) == 0);
    CHECK(world_read(&world, rate, 0, START) == 0);
    CHECK_EQ(features_count(world.ledger, SIGNAL_IMPRESSION, 0, 0, START), 0);
    CHECK_EQ(
        top_of(world.ledger,
               &(struct feature){.op = FEATURE_VELOCITY, .signal = SIGNAL_IMPRESSION, .slot = 0},
               START, &found, 1),
        0);
    count.slot = WINDOW_ALL;
    CHECK(world_read(&world, count, 0, START) == 1);
    world_release(&world);
}

static void ratio_leans_on_its_prior(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    for (int i = 0; i < 8; i++)
        CHECK_EQ(world_signal(&world, VIEW, 0, START + i, ONE), CODE_OK);
    for (int i = 0; i < 32; i++)
        CHECK_EQ(world_signal(&world, VIEW, 1, START + i, ONE), CODE_OK);
    for (int i = 0; i < 6; i++)
        CHECK_EQ(world_signal(&world, LIKE, 0, START + i, ONE), CODE_OK);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(world_signal(&world, LIKE, 1, START + i, ONE), CODE_OK);
    struct feature ratio = {.op = FEATURE_RATIO, .signal = LIKE, .denominator = VIEW};
    CHECK(world_read(&world, ratio, 0, START + HOUR) == 6.0 / 8);
    ratio.prior = 20;
    ratio.prior_mean = 0.1;
    CHECK(world_read(&world, ratio, 0, START + HOUR) == (6 + 20 * 0.1) / 28);
    ratio.prior_mean = (double)NAN; /* 10 likes of 40 views, over all */
    CHECK(world_read(&world, ratio, 0, START + HOUR) == (6 + 20 * 0.25) / 28);
    CHECK(world_read(&world, ratio, 1, START + HOUR) == (4 + 20 * 0.25) / 52);
    CHECK(world_read(&world, ratio, 9, START + HOUR) == 0.25);
    CHECK_EQ(ledger_signal_totals(world.ledger, VIEW).count, 40);
    world_release(&world);
}

static void mean_leans_on_its_prior_and_extremes_are_kept_where_declared(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    CHECK_EQ(world_signal(&world, RATING, 0, START, 5 * ONE), CODE_OK);
    CHECK_EQ(world_signal(&world, RATING, 0, START + 1, 4 * ONE), CODE_OK);
    CHECK_EQ(world_signal(&world, RATING, 1, START + 2, 1 * ONE), CODE_OK);
    CHECK_EQ(world_signal(&world, RATING, 1, START + 3, -2 * ONE), CODE_OK);
    struct feature mean = {.op = FEATURE_MEAN, .signal = RATING, .slot = WINDOW_ALL};
    CHECK(world_read(&world, mean, 0, START + HOUR) == 4.5);
    mean.prior = 2;
    mean.prior_mean = (double)NAN; /* 8 of 4 events: 2 */
    CHECK(world_read(&world, mean, 0, START + HOUR) == (9 + 2 * 2.0) / 4);
    struct feature low = {.op = FEATURE_MINIMUM, .signal = RATING, .slot = WINDOW_ALL};
    struct feature high = {.op = FEATURE_MAXIMUM, .signal = RATING, .slot = 0};
    CHECK(world_read(&world, low, 1, START + HOUR) == -2);
    CHECK(world_read(&world, high, 0, START + HOUR) == 5);
    CHECK(isnan(world_read(&world, high, 0, START + 5 * DAY))); /* gone from the window */
    low.signal = VIEW;
    CHECK_EQ(world_signal(&world, VIEW, 1, START + 3, ONE), CODE_OK);
    CHECK(isnan(world_read(&world, low, 1, START + HOUR))); /* a view keeps none */
    world_release(&world);
}

/* Figures of RAWeb, PR 4477: recent over 2 days, base over 14, prior 5 a day. */
static void relative_velocity_gives_a_few_events_no_more_than_their_due(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    world_windows(&world.signals[RATING], (const int64_t[]){2 * DAY, 16 * DAY}, 2);
    world.signals[RATING].velocity_count = 1;
    world.signals[RATING].velocity_baseline[0] = 1;
    int64_t now_ms = START / DAY * DAY;
    struct feature velocity = {
        .op = FEATURE_RELATIVE_VELOCITY, .signal = RATING, .prior = 5.0 / 24};
    for (int i = 0; i < 350; i++)
        CHECK_EQ(world_signal(&world, RATING, 0, now_ms - 13 * DAY + i, ONE), CODE_OK);
    for (int i = 0; i < 400; i++)
        CHECK_EQ(world_signal(&world, RATING, 0, now_ms - DAY + i, ONE), CODE_OK);
    for (int i = 0; i < 5; i++)
        CHECK_EQ(world_signal(&world, RATING, 1, now_ms - HOUR + i, ONE), CODE_OK);
    CHECK(fabs(world_read(&world, velocity, 0, now_ms) - 205.0 / 30) < 1e-12);
    CHECK(fabs(world_read(&world, velocity, 1, now_ms) - 1.5) < 1e-12);
    world_release(&world);
}

static void trending_is_what_a_sort_of_all_velocities_gives(struct test *t)
{
    enum { MANY = 300, LIMIT = 25 };
    struct world world;
    CHECK(world_init(&world));
    struct choices choices;
    choices_from_seed(&choices, 11, NULL);
    for (int i = 0; i < 6000; i++) {
        ordinal entity = (ordinal)choose(&choices, MANY - 1);
        int64_t time_ms = START + (int64_t)choose(&choices, (uint64_t)(11 * HOUR));
        CHECK_EQ(world_signal(&world, VIEW, entity, time_ms, ONE), CODE_OK);
    }
    int64_t now_ms = START + 11 * HOUR;
    struct feature feature = {.op = FEATURE_VELOCITY, .signal = VIEW, .slot = 1};
    struct ranked found[MANY];
    for (size_t limit = 1; limit <= MANY; limit = limit == 1 ? LIMIT : limit + 275) {
        size_t count = top_of(world.ledger,
                              &(struct feature){.op = FEATURE_VELOCITY, .signal = VIEW, .slot = 1},
                              now_ms, found, limit);
        CHECK(count <= limit && count > 0);
        for (size_t i = 0; i < count; i++) {
            CHECK(found[i].value > 0);
            CHECK(found[i].value == world_read(&world, feature, found[i].entity, now_ms));
            CHECK(found[i].id == world_id(found[i].entity));
            if (i == 0) continue;
            CHECK(found[i - 1].value > found[i].value ||
                  (found[i - 1].value == found[i].value && found[i - 1].id < found[i].id));
        }
        /* Nobody left out comes before the last. */
        for (ordinal entity = 0; entity < MANY; entity++) {
            double velocity = world_read(&world, feature, entity, now_ms);
            bool listed = false;
            for (size_t i = 0; i < count; i++)
                listed |= found[i].entity == entity;
            if (listed || velocity <= 0) continue;
            CHECK(count == limit);
            CHECK(velocity < found[count - 1].value ||
                  (velocity == found[count - 1].value && world_id(entity) > found[count - 1].id));
        }
    }
    CHECK_EQ(top_of(world.ledger,
                    &(struct feature){.op = FEATURE_VELOCITY, .signal = VIEW, .slot = 1}, now_ms,
                    found, 0),
             0);
    CHECK_EQ(top_of(world.ledger,
                    &(struct feature){.op = FEATURE_VELOCITY, .signal = VIEW, .slot = 1},
                    now_ms + 60 * DAY, found, LIMIT),
             0);
    choices_release(&choices);
    world_release(&world);
}

static void a_burst_trends_above_what_is_merely_popular(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    int64_t now_ms = START + DAY;
    for (int i = 0; i < 24 * 30; i++) /* 30 an hour, all day */
        CHECK_EQ(world_signal(&world, VIEW, 0, START + i * 2 * MINUTE, ONE), CODE_OK);
    for (int i = 0; i < 15; i++) /* 15 in the last hour, nothing before */
        CHECK_EQ(world_signal(&world, VIEW, 1, now_ms - i * MINUTE, ONE), CODE_OK);
    struct ranked found[2];
    CHECK(top_of(world.ledger, &(struct feature){.op = FEATURE_VELOCITY, .signal = VIEW, .slot = 1},
                 now_ms, found, 2) >= 1);
    CHECK_EQ(found[0].entity, 1);
    world_release(&world);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(every_feature_agrees_with_all_the_events),
               CASE(rate_is_lambda_times_decay), CASE(an_entity_without_a_record_reads_as_nothing),
               CASE(what_a_record_is_too_old_to_have_reads_as_nothing),
               CASE(ratio_leans_on_its_prior),
               CASE(mean_leans_on_its_prior_and_extremes_are_kept_where_declared),
               CASE(relative_velocity_gives_a_few_events_no_more_than_their_due),
               CASE(trending_is_what_a_sort_of_all_velocities_gives),
               CASE(a_burst_trends_above_what_is_merely_popular));
}
