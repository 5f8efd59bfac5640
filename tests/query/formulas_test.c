/* Formulas of others and their published values, asked for in the language.  Where a value is given
 * without a source it was computed from the source's definition in double precision.
 *
 *   decayed counter     c 2^(-(t - t0) / h); of r a second in the long run c = r h / ln 2
 *   slope, acceleration r(T - s) = r - g s + a s^2 / 2: half-lives with 1 / lambda = u read
 *                       r - g u + a u^2, so two give g and three a; or differences of windows
 *   smoothed rate       (w + x) / (w G_n / G_x + n): Metarank, `rate`
 *   trending by days    sum of count weight decay^days: Metarank, `trending`
 *   cold start          Beta(0.75 + x, 49.25 + n - x): X, 2026
 *   fatigue             0.2 14 days after, a fifth more every 35 days: X, `feedback fatigue`
 *   ranks               Reddit, Hacker News, Lemmy, Mastodon, Elasticsearch's decays, X's sigmoid
 */
#include "feed.h"

#define LN_2 0.69314718055994530942

static bool near(double a, double b, double error)
{
    if (fabs(a - b) <= error) return true;
    fprintf(stderr, "    got %.17g, want %.17g\n", a, b);
    return false;
}

static double score(struct feed *feed, const char *expression)
{
    return feed_score(feed, 1, expression);
}

static void a_decayed_counter_forgets_also_what_comes_late(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, "DEFINE SIGNAL watched ON item HALF LIFE 30s VALUE;"
                             "DEFINE SIGNAL like ON item HALF LIFE 30s UNIQUE PER USER;"
                             "PUT item 1 {}; PUT item 2 {};"));
    long long now_ms = (long long)feed.now_ms;
    for (int item = 1; item <= 2; item++) { /* of item 2 the older comes last */
        CHECK(feed_do(&feed, "SIGNAL watched ON item %d VALUE %d AT %lld", item, item == 1 ? 10 : 1,
                      item == 1 ? now_ms - 60000 : now_ms));
        CHECK(feed_do(&feed, "SIGNAL watched ON item %d VALUE %d AT %lld", item, item == 1 ? 1 : 10,
                      item == 1 ? now_ms : now_ms - 60000));
        CHECK(near(feed_score(&feed, (uint64_t)item, "decay(watched, 30s)"), 3.5, 1e-6));
    }
    CHECK(score(&feed, "decay(watched, 30s)") == feed_score(&feed, 2, "decay(watched, 30s)"));
    CHECK(feed_do(&feed, "SIGNAL like ON item 1 BY user 1 AT %lld", now_ms - 77777));
    double one = score(&feed, "decay(like, 30s)");
    CHECK(feed_do(&feed, "SIGNAL like ON item 1 BY user 2 AT %lld", now_ms - 33333));
    CHECK(score(&feed, "decay(like, 30s)") > one);
    CHECK(feed_do(&feed, "RETRACT SIGNAL like ON item 1 BY user 2"));
    CHECK(score(&feed, "decay(like, 30s)") == one); /* at its own time, to the bit */
    CHECK(feed_close(&feed));
}

/* An event every five seconds for twelve hours: a fifth of one a second. */
static void a_steady_rate_is_what_its_counter_says(struct test *t)
{
    struct feed feed;
    enum { EACH_MS = 5000, EVENTS = 24 * 360 };
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, "DEFINE FIELD published ON item TIMESTAMP; PUT item 1 {}; "
                             "DEFINE SIGNAL view ON item HALF LIFE 15m, 30m LATENESS 1d;"));
    for (int i = EVENTS; i > 0; i--)
        CHECK(feed_do(&feed, "SIGNAL view ON item 1 AT %lld",
                      (long long)(feed.now_ms - i * EACH_MS + EACH_MS / 2)));
    CHECK(near(5 * score(&feed, "decay(view, 30m)"), 2596.851, 1e-3));
    CHECK(near(5 * score(&feed, "rate(view, 30m)"), 1, 1e-6));
    /* Evidence of weights that fade: (sum w)^2 / sum w^2 is twice their sum. */
    CHECK(near(score(&feed, "effective(view, 30m)"), 2 * 2596.851 / 5, 2e-3));
    CHECK(feed_close(&feed));
}

/* A quarter of a half-life old, and as often as the one that is old. */
static void a_young_counter_is_divided_by_the_part_that_it_has_seen(struct test *t)
{
    struct feed feed;
    enum { EACH_MS = 1000, EVENTS = 450 };
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, "DEFINE FIELD published ON item TIMESTAMP;"
                             "DEFINE SIGNAL view ON item HALF LIFE 30m;"));
    CHECK(feed_do(&feed, "PUT item 1 {\"published\": %lld}",
                  (long long)(feed.now_ms - EVENTS * EACH_MS)));
    for (int i = EVENTS; i > 0; i--)
        CHECK(feed_do(&feed, "SIGNAL view ON item 1 AT %lld",
                      (long long)(feed.now_ms - i * EACH_MS + EACH_MS / 2)));
    CHECK(near(score(&feed, "rate(view, 30m)"), 1 - exp2(-0.25), 1e-6));
    CHECK(near(score(&feed, "rate(view, 30m, item.published)"), 1, 1e-6));
    CHECK(feed_close(&feed));
}

/* Values so large that their rate is r - g s + a s^2 / 2, s seconds ago, for 24 half-lives. */
static bool follow(struct feed *feed, int item, double r, double g, double a)
{
    for (int i = 24 * 120; i > 0; i--) {
        double s = i - 0.5;
        if (!feed_do(feed, "SIGNAL flow ON item %d VALUE %.6f AT %lld", item,
                     r - g * s + a * s * s / 2, (long long)(feed->now_ms - 1000 * i + 500)))
            return false;
    }
    return true;
}

static void slope_and_acceleration_follow_from_rates(struct test *t)
{
    /* (g12 - g23) / (u3 - u1), with u = H / ln 2. */
    static const char acceleration[] =
        "(slope(flow, 30s, 1m) - slope(flow, 1m, 2m)) * 0.6931471805599453 / 90";
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, "DEFINE SIGNAL flow ON item HALF LIFE 30s, 1m, 2m VALUE;"
                             "PUT item 1 {}; PUT item 2 {}; PUT item 3 {};"));
    CHECK(follow(&feed, 1, 500, 0, 0) && follow(&feed, 2, 500, 0.5, 0));
    CHECK(follow(&feed, 3, 500, 0.5, 0.001));
    CHECK(near(feed_score(&feed, 1, "slope(flow, 30s, 2m)"), 0, 1e-3));
    CHECK(near(feed_score(&feed, 2, "slope(flow, 30s, 2m)"), 0.5, 1e-3));
    CHECK(near(feed_score(&feed, 2, "slope(flow, 30s, 1m)"), 0.5, 1e-3));
    CHECK(near(feed_score(&feed, 2, acceleration), 0, 2e-5));
    CHECK(near(feed_score(&feed, 3, acceleration), 0.001, 2e-5));
    CHECK(feed_close(&feed));
}

/* 2, 5 and 11 events in three hours: 6 more than 3 more. */
static void windows_have_differences_too(struct test *t)
{
    static const int counts[] = {2, 5, 11};
    struct feed feed;
    CHECK(feed_open(&feed) && feed_script(&feed, "DEFINE SIGNAL view ON item WINDOWS 1h, 2h, 3h;"
                                                 "PUT item 1 {};"));
    for (int hour = 0; hour < 3; hour++)
        for (int i = 0; i < counts[hour]; i++)
            CHECK(feed_do(&feed, "SIGNAL view ON item 1 AT %lld",
                          (long long)(feed.now_ms - (3 - hour) * HOUR_MS + 60000 * (i + 1))));
    CHECK(score(&feed, "2 * count(view, 1h) - count(view, 2h)") == 11 - 5);
    CHECK(score(&feed, "3 * count(view, 1h) - 3 * count(view, 2h) + count(view, 3h)") ==
          11 - 2 * 5 + 2);
    CHECK(feed_close(&feed));
}

/* Of 1,000 views of everything 100 were clicked: the prior is 10 clicks of 100 views. */
static void a_smoothed_rate_is_that_of_metarank(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, "DEFINE SIGNAL view ON item; DEFINE SIGNAL click ON item;"
                             "PUT item 1 {}; PUT item 2 {};"));
    for (int i = 0; i < 1000; i++)
        CHECK(feed_do(&feed, "SIGNAL view ON item %d", i < 40 ? 1 : 2));
    for (int i = 0; i < 100; i++)
        CHECK(feed_do(&feed, "SIGNAL click ON item %d", i < 12 ? 1 : 2));
    double wanted = (10 + 12) / (10 * 1000.0 / 100 + 40);
    CHECK(near(score(&feed, "ratio(click, view, prior 100)"), wanted, 1e-12));
    CHECK(near(score(&feed, "ratio(click, view, prior 100 MEAN 0.1)"), wanted, 1e-12));
    CHECK(feed_close(&feed));
}

/* Days of which each counts for half of the next one: 8 views, 4 the day before, 2 before that, and
 * a like, worth 3, yesterday. */
static void trending_by_days_is_that_of_metarank(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed,
                      "DEFINE SIGNAL view ON item HALF LIFE 24h LATENESS 7d;"
                      "DEFINE SIGNAL like ON item HALF LIFE 24h LATENESS 7d; PUT item 1 {};"));
    for (int day = 2, count = 2; day >= 0; day--, count *= 2)
        for (int i = 0; i < count; i++)
            CHECK(feed_do(&feed, "SIGNAL view ON item 1 AT %lld",
                          (long long)(feed.now_ms - day * DAY_MS - i)));
    CHECK(feed_do(&feed, "SIGNAL like ON item 1 AT %lld", (long long)(feed.now_ms - DAY_MS)));
    CHECK(near(score(&feed, "decay(view, 24h) + 3 * decay(like, 24h)"),
               8 + 4 * 0.5 + 2 * 0.25 + 3 * 0.5, 1e-5));
    CHECK(feed_close(&feed));
}

/* X's 0.75 likes of 50 views, and 2 of 10: Beta(2.75, 57.25). */
static void draws_are_of_the_beta_of_prior_and_events(struct test *t)
{
    enum { DRAWS = 3000 };
    double a = 2.75, b = 57.25, n = a + b, sum = 0, squares = 0;
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed,
                      "DEFINE SIGNAL view ON item; DEFINE SIGNAL like ON item; PUT item 1 {};"));
    for (int i = 0; i < 10; i++)
        CHECK(feed_do(&feed, "SIGNAL view ON item 1") &&
              (i >= 2 || feed_do(&feed, "SIGNAL like ON item 1")));
    tidal_query *query = feed_prepare(
        &feed, "RETRIEVE items SCORE thompson(like, view, $seed, prior 50 MEAN 0.015)");
    for (int64_t seed = 0; seed < DRAWS; seed++) {
        CHECK_EQ(tidal_bind_i64(query, "seed", seed, &feed.error), TIDAL_OK);
        CHECK_EQ(feed_rows(&feed, query), TIDAL_DONE);
        CHECK_EQ(feed.count, 1);
        sum += feed.scores[0];
        squares += feed.scores[0] * feed.scores[0];
        tidal_reset(query);
    }
    tidal_query_free(query);
    double mean = sum / DRAWS, variance = a * b / (n * n * (n + 1));
    CHECK(near(mean, a / n, 5 * sqrt(variance / DRAWS)));
    CHECK(near(squares / DRAWS - mean * mean, variance, 0.15 * variance));
    CHECK(feed_close(&feed));
}

static void what_was_disliked_comes_back_over_months(struct test *t)
{
    static const struct {
        int days;
        double value;
    } golden[] = {{13, 0},    {14, 0.2},       {49, 0.4}, {84, 0.6},
                  {119, 0.8}, {153, 0.994286}, {154, 1},  {400, 1}};
    static const char fatigue[] =
        "RETRIEVE items FOR user 9 SCORE if(since(user, dislike) < 336, 0, "
        "min(1, 0.2 + (coalesce(since(user, dislike), 0) / 24 - 14) / 35 * 0.2))";
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, "DEFINE SIGNAL dislike ON item UNIQUE PER USER NEGATIVE;"
                             "PUT item 1 {}; SIGNAL dislike ON item 1 BY user 9;"));
    int64_t start_ms = feed.now_ms;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        feed.now_ms = start_ms + golden[i].days * DAY_MS;
        CHECK(feed_ask(&feed, fatigue) && feed.count == 1);
        CHECK(near(feed.scores[0], golden[i].value, 1e-6));
    }
    CHECK(feed_close(&feed));
}

/* Of user 9. */
static double affinity(struct feed *feed, uint64_t item, const char *half_life)
{
    char text[200];
    snprintf(text, sizeof text, "RETRIEVE items FOR user 9 SCORE affinity(user, item.genre%s)",
             half_life);
    if (!feed_ask(feed, text)) return (double)NAN;
    for (size_t i = 0; i < feed->count; i++)
        if (feed->ids[i] == item) return feed->scores[i];
    return (double)NAN;
}

/* The likes of docs/signals.md: jazz twice now, soul, jazz and folk 1, 2 and 3 half-lives ago. */
static void affinity_weighs_likes_by_their_age(struct test *t)
{
    static const char *const genres[] = {"folk", "jazz", "soul", "jazz", "jazz"};
    static const int ages[] = {3, 2, 1, 0, 0};
    struct feed feed;
    CHECK(feed_open(&feed));
    int64_t now_ms = feed.now_ms;
    feed.now_ms -= 90 * DAY_MS; /* the log's time does not go back */
    CHECK(feed_script(&feed, "DEFINE FIELD genre ON item KEYWORD;"
                             "DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE;"));
    for (int i = 0; i < 5; i++) {
        feed.now_ms = now_ms - ages[i] * 30 * DAY_MS;
        CHECK(feed_do(&feed, "PUT item %d {\"genre\": \"%s\"}", i + 1, genres[i]));
        CHECK(feed_do(&feed, "SIGNAL like ON item %d BY user 9", i + 1));
    }
    for (int i = 0; i < 5; i++)
        CHECK(near(affinity(&feed, (uint64_t)i + 1, ""), i == 1 || i > 2 ? 0.6 : 0.2, 1e-12));
    CHECK(near(affinity(&feed, 4, ", 30d"), 2.25 / 2.875, 1e-9));
    CHECK(near(affinity(&feed, 3, ", 30d"), 0.5 / 2.875, 1e-9));
    CHECK(near(affinity(&feed, 1, ", 30d"), 0.125 / 2.875, 1e-9));
    CHECK(feed_close(&feed));
}

/* An item with so many ups and downs, so old, and what a rank gives for it. */
struct ranked {
    int ups, downs;
    double age_hours;
    double value;
    const char *rank;
};

#define NET  "(count(up) - count(down))"
#define SIGN "if(" NET " > 0, 1, if(" NET " < 0, -1, 0))"
#define HOT  SIGN " * log10(max(abs(" NET "), 1)) - age(item.published) * 0.08"
#define CONTRO                                                                                     \
    "if(count(up) > 0 AND count(down) > 0, pow(max(count(up) + count(down), 1), "                  \
    "min(count(up), count(down)) / max(count(up), count(down), 1)), 0)"
#define HN                                                                                         \
    "if(count(up) > 1, pow(max(count(up) - 1, 1), 0.8), count(up) - 1) "                           \
    "/ pow(age(item.published) + 2, 1.8)"
#define LEMMY "log10(max(2, " NET " + 2)) / pow(age(item.published) + 2, 1.8)"
#define MASTODON                                                                                   \
    "if(count(up) >= 5, pow(max(count(up) - 1, 0), 2), 0) * freshness(item.published, 1h)"
#define SIGMOID "0.6 + 0.4 / (1 + pow(2.718281828459045, 4 / 6 * (age(item.published) - 6)))"
#define WILSON  "wilson(up, vote, 1.281551565545)"

/* Hot of the time when it was published, less what all have in common: Reddit's epoch. */
#define HOT_AT(value, hours) ((value)-12577.1554889 - (hours)*0.08)

static const struct ranked ranks[] = {
    {100, 10, 0, HOT_AT(12579.1097314, 0), HOT},
    {3, 8, 0, HOT_AT(12576.4565189, 0), HOT},
    {0, 0, 0, HOT_AT(12577.1554889, 0), HOT},
    {100, 10, 12.5, HOT_AT(12579.1097314, 12.5), HOT},
    {100, 90, 0, 112.428972, CONTRO},
    {90, 100, 0, 112.428972, CONTRO},
    {50, 50, 0, 100, CONTRO},
    {100, 1, 0, 1.047233, CONTRO},
    {100, 0, 0, 0, CONTRO},
    {100, 10, 0, 0.867689, WILSON},
    {1, 0, 0, 0.378448, WILSON},
    {0, 1, 0, 0, WILSON},
    {10, 10, 0, 0.362262, WILSON},
    {100, 10, 0, 0.840703, "wilson(up, vote, 1.959963984540054)"},
    {1, 0, 0, 0.206549, "wilson(up, vote, 1.959963984540054)"},
    {100, 0, 0, 11.341073, HN},
    {100, 0, 1, 5.466255, HN},
    {100, 0, 24, 0.112087, HN},
    {1, 0, 0, 0, HN},
    {0, 0, 1, -0.138415, HN},
    {1, 0, 0, 0.137017, LEMMY},
    {100, 0, 1, 0.278019, LEMMY},
    {100, 0, 24, 0.005701, LEMMY},
    {0, 50, 1, 0.041667, LEMMY},
    {100, 0, 1, 0.923561, LEMMY " / log10(2 + 0)"},
    {100, 0, 1, 0.069503, LEMMY " / log10(2 + 10000)"},
    {50, 0, 0, 2401, MASTODON},
    {50, 0, 1, 1200.5, MASTODON},
    {50, 0, 6, 37.515625, MASTODON},
    {4, 0, 0, 0, MASTODON},
    {0, 0, 2, 0.0625, "pow(0.5, age(item.published) * age(item.published))"},
    {0, 0, 0.5, 0.840896, "pow(0.5, age(item.published) * age(item.published))"},
    {0, 0, 2, 0.25, "freshness(item.published, 1h)"},
    {0, 0, 0.5, 0.707107, "freshness(item.published, 1h)"},
    {0, 0, 2, 0, "max(2 - age(item.published), 0) / 2"},
    {0, 0, 0.5, 0.75, "max(2 - age(item.published), 0) / 2"},
    {0, 0, 0, 0.992806, SIGMOID},
    {0, 0, 6, 0.8, SIGMOID},
    {0, 0, 12, 0.607194, SIGMOID},
};

static void ranks_of_other_sites_have_their_published_values(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, "DEFINE FIELD published ON item TIMESTAMP; DEFINE SIGNAL vote ON item;"
                             "DEFINE SIGNAL up ON item; DEFINE SIGNAL down ON item;"));
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        const struct ranked *ranked = &ranks[i];
        int64_t age_ms = (int64_t)(ranked->age_hours * (double)HOUR_MS);
        CHECK(i == 0 || feed_do(&feed, "DELETE item 1"));
        CHECK(
            feed_do(&feed, "PUT item 1 {\"published\": %lld}", (long long)(feed.now_ms - age_ms)));
        for (int vote = 0; vote < ranked->ups + ranked->downs; vote++) {
            CHECK(feed_do(&feed, "SIGNAL vote ON item 1"));
            CHECK(feed_do(&feed, "SIGNAL %s ON item 1", vote < ranked->ups ? "up" : "down"));
        }
        if (!near(score(&feed, ranked->rank), ranked->value, 1e-6)) {
            fprintf(stderr, "    %s of %d, %d, %g h\n", ranked->rank, ranked->ups, ranked->downs,
                    ranked->age_hours);
            CHECK(false);
        }
    }
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(a_decayed_counter_forgets_also_what_comes_late),
        CASE(a_steady_rate_is_what_its_counter_says),
        CASE(a_young_counter_is_divided_by_the_part_that_it_has_seen),
        CASE(slope_and_acceleration_follow_from_rates), CASE(windows_have_differences_too),
        CASE(a_smoothed_rate_is_that_of_metarank), CASE(trending_by_days_is_that_of_metarank),
        CASE(draws_are_of_the_beta_of_prior_and_events),
        CASE(what_was_disliked_comes_back_over_months), CASE(affinity_weighs_likes_by_their_age),
        CASE(ranks_of_other_sites_have_their_published_values));
}
