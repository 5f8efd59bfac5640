/* What is read from signals, against the formulas by hand. */
#include "feed.h"

#include <math.h>

#define LN_2 0.69314718055994530942

static double score(struct feed *feed, const char *expression)
{
    return feed_score(feed, 1, expression);
}

static bool fill(struct feed *feed, const int64_t *ages_ms, size_t count)
{
    bool ok = feed_script(
        feed, "DEFINE FIELD published ON item TIMESTAMP;"
              "DEFINE SIGNAL view ON item HALF LIFE 1h, 24h WINDOWS 1h, 24h VELOCITY 1h;"
              "DEFINE SIGNAL like ON item;"
              "DEFINE SIGNAL stars ON item WINDOWS 24h VALUE MIN MAX;");
    ok = ok &&
         feed_do(feed, "PUT item 1 {\"published\": %lld}", (long long)(FEED_NOW_MS - HOUR_MS / 2));
    ok = ok && feed_do(feed, "PUT item 2 {}");
    for (size_t i = 0; i < count && ok; i++)
        ok = feed_do(feed, "SIGNAL view ON item 1 AT %lld", (long long)(FEED_NOW_MS - ages_ms[i]));
    return ok;
}

static double rate(const int64_t *ages_ms, size_t count, int64_t half_life_ms)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += exp2(-(double)ages_ms[i] / (double)half_life_ms);
    return sum * LN_2 / ((double)half_life_ms / 1000);
}

static const int64_t ages_ms[] = {1000, 60000, 61000, 600000, 1500000, 1799000};
enum { AGES = sizeof ages_ms / sizeof *ages_ms };

static void slope_and_the_rate_of_the_young_follow_from_decays(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed) && fill(&feed, ages_ms, AGES));
    double fast = rate(ages_ms, AGES, HOUR_MS), slow = rate(ages_ms, AGES, DAY_MS);
    CHECK(feed_near(score(&feed, "rate(view, 1h)"), fast));
    CHECK(feed_near(score(&feed, "slope(view, 1h, 24h)"), (fast - slow) * LN_2 / (23 * 3600)));
    CHECK(feed_near(score(&feed, "rate(view, 1h, item.published)"), fast / (1 - exp2(-0.5))));
    CHECK(feed_close(&feed));
}

/* A rate of 1 a second for 8 half-lives reads as 1, and for half of one as 1 when it is corrected.
 */
static void a_steady_rate_is_read_as_it_is(struct test *t)
{
    struct feed feed;
    static int64_t steady_ms[1800 / 5];
    for (size_t i = 0; i < sizeof steady_ms / sizeof *steady_ms; i++)
        steady_ms[i] = (int64_t)i * 5000 + 2500;
    CHECK(feed_open(&feed) && fill(&feed, steady_ms, sizeof steady_ms / sizeof *steady_ms));
    CHECK(fabs(score(&feed, "rate(view, 1h, item.published)") - 0.2) < 1e-5);
    CHECK(score(&feed, "rate(view, 1h)") < 0.06);
    CHECK(feed_close(&feed));
}

static void surge_has_one_prior_for_both_rates(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed) && fill(&feed, ages_ms, AGES));
    /* 6 an hour now, none before: (6 + 5) / (0 + 5). */
    CHECK(feed_near(score(&feed, "surge(view, 1h, prior 5)"), 11.0 / 5));
    CHECK(feed_close(&feed));
}

static void bounds_samples_and_extremes(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed) && fill(&feed, NULL, 0));
    for (int i = 0; i < 20; i++)
        CHECK(feed_do(&feed, "SIGNAL view ON item 1"));
    for (int i = 0; i < 10; i++)
        CHECK(feed_do(&feed, "SIGNAL like ON item 1"));
    CHECK(feed_do(&feed, "SIGNAL stars ON item 1 VALUE -2.5"));
    CHECK(feed_do(&feed, "SIGNAL stars ON item 1 VALUE 4"));
    CHECK(fabs(score(&feed, "wilson(like, view)") - 0.362262) < 1e-6);
    CHECK(fabs(score(&feed, "wilson(like, view, 1.96)") - 0.299295) < 1e-6);
    CHECK(feed_near(score(&feed, "lowest(stars, 24h) * 10 + highest(stars)"), -21));
    double first = score(&feed, "thompson(like, view, 7, prior 10 MEAN 0.5)");
    CHECK(first > 0.2 && first < 0.8);
    CHECK(first == score(&feed, "thompson(like, view, 7, prior 10 MEAN 0.5)"));
    CHECK(first != score(&feed, "thompson(like, view, 8, prior 10 MEAN 0.5)"));
    CHECK(feed_close(&feed));
}

static void what_makes_no_sense_is_refused(struct test *t)
{
    static const char *const wrong[] = {"slope(view, 24h, 1h)",
                                        "slope(view, 1h, 2h)",
                                        "surge(view, 1h)",
                                        "surge(view, 24h, prior 5)",
                                        "lowest(view)",
                                        "wilson(like, view, 0)",
                                        "wilson(like, view, item.published)",
                                        "thompson(like, view, 7)",
                                        "thompson(like, view, count(view), prior 5)",
                                        "thompson(like, view, 7, prior 5 MEAN 2)",
                                        "decay(view, 1h, item.published)",
                                        "wilson(like, view, prior 5)"};
    struct feed feed;
    CHECK(feed_open(&feed) && fill(&feed, NULL, 0));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[256];
        tidal_query *query = NULL;
        snprintf(text, sizeof text, "RETRIEVE items SCORE %s", wrong[i]);
        CHECK_EQ(tidal_prepare(feed.db, text, -1, &query, &feed.error), TIDAL_INVALID);
        CHECK(feed.error.message[0]);
        tidal_query_free(query);
    }
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(slope_and_the_rate_of_the_young_follow_from_decays),
               CASE(a_steady_rate_is_read_as_it_is), CASE(surge_has_one_prior_for_both_rates),
               CASE(bounds_samples_and_extremes), CASE(what_makes_no_sense_is_refused));
}
