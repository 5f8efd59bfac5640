/* Shares, bounds, samples and velocities in the language, against the formulas by hand and the
 * golden values of their sources. */
#include "feed.h"

#include <math.h>

#define LN_2 0.69314718055994530942

static double score(struct feed *feed, const char *expression)
{
    return feed_score(feed, 1, expression);
}

static bool world_open(struct feed *feed)
{
    return feed_open(feed) &&
           feed_script(feed,
                       "DEFINE FIELD genre ON item KEYWORD; DEFINE FIELD year ON item INTEGER;"
                       "DEFINE FIELD tags ON item KEYWORD[];"
                       "DEFINE FIELD maker ON item REFERENCES creator;"
                       "DEFINE SIGNAL view ON item HALF LIFE 12h, 24h WINDOWS 24h, 7d "
                       "TOTALS PER genre, maker, tags;"
                       "DEFINE SIGNAL like ON item HALF LIFE 24h WINDOWS 24h, 7d "
                       "TOTALS PER genre, maker, tags;"
                       "DEFINE SIGNAL stars ON item WINDOWS 7d VALUE TOTALS PER genre;"
                       "DEFINE SIGNAL plain ON item HALF LIFE 24h WINDOWS 24h;");
}

/* `count` events, the first so long ago, each `step_ms` later. */
static bool say(struct feed *feed, const char *signal, int item, int count, int64_t ago_ms,
                int64_t step_ms)
{
    for (int i = 0; i < count; i++)
        if (!feed_do(feed, "SIGNAL %s ON item %d AT %lld", signal, item,
                     (long long)(feed->now_ms - ago_ms + i * step_ms)))
            return false;
    return true;
}

static double decayed(int count, int64_t ago_ms, int64_t step_ms, int64_t half_life_ms)
{
    double sum = 0;
    for (int i = 0; i < count; i++)
        sum += exp2(-(double)(ago_ms - i * step_ms) / (double)half_life_ms);
    return sum;
}

static void shares_are_of_the_time_that_is_named(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed) && feed_do(&feed, "PUT item 1 {}"));
    CHECK(say(&feed, "view", 1, 30, 11 * HOUR_MS, 1000) && say(&feed, "like", 1, 6, HOUR_MS, 500));
    feed.now_ms += 20 * HOUR_MS;
    CHECK(say(&feed, "view", 1, 10, HOUR_MS, 1000) && say(&feed, "like", 1, 1, HOUR_MS, 1));
    double views = decayed(30, 31 * HOUR_MS, 1000, DAY_MS) + decayed(10, HOUR_MS, 1000, DAY_MS);
    double likes = decayed(6, 21 * HOUR_MS, 500, DAY_MS) + decayed(1, HOUR_MS, 1, DAY_MS);
    /* 24h is a half-life of both; 7d a window. */
    CHECK(feed_near(score(&feed, "ratio(like, view, 24h, prior 10 MEAN 0.2)"),
                    (likes + 2) / (views + 10)));
    CHECK(feed_near(score(&feed, "ratio(like, view, 7d, prior 10 MEAN 0.2)"), 9.0 / 50));
    CHECK(feed_near(score(&feed, "ratio(like, view, prior 10 MEAN 0.2)"), 9.0 / 50));
    CHECK(feed_near(score(&feed, "ratio(like, view, 24h, prior 10)"),
                    (likes + 10 * 7.0 / 40) / (views + 10)));
    CHECK(feed_close(&feed));
}

/* The bound of p with n events, z deviations wide (Wilson, 1927). */
static double wilson(double p, double n, double z)
{
    double square = z * z;
    return (p + square / (2 * n) - z * sqrt(p * (1 - p) / n + square / (4 * n * n))) /
           (1 + square / n);
}

static void evidence_is_what_the_weights_are_worth(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed) && feed_do(&feed, "PUT item 1 {}"));
    CHECK(say(&feed, "view", 1, 8, 10 * HOUR_MS, 1) && say(&feed, "like", 1, 2, 10 * HOUR_MS, 1));
    /* Of the same age, each counts for one. */
    CHECK(feed_near(score(&feed, "effective(view, 24h)"), 8));
    CHECK(feed_near(score(&feed, "wilson(like, view, 24h, 1.96)"), wilson(0.25, 8, 1.96)));
    CHECK(feed_near(score(&feed, "wilson(like, view, 24h, 1.96)"),
                    score(&feed, "wilson(like, view, 1.96)")));
    CHECK(feed_near(score(&feed, "wilson(like, view, 7d, 1.96)"), wilson(0.25, 8, 1.96)));
    feed.now_ms += 30 * HOUR_MS;
    CHECK(say(&feed, "view", 1, 20, HOUR_MS, 60000) && say(&feed, "like", 1, 4, HOUR_MS, 1));
    double sum = decayed(8, 40 * HOUR_MS, 1, DAY_MS) + decayed(20, HOUR_MS, 60000, DAY_MS);
    double squares =
        decayed(8, 40 * HOUR_MS, 1, DAY_MS / 2) + decayed(20, HOUR_MS, 60000, DAY_MS / 2);
    double likes = decayed(2, 40 * HOUR_MS, 1, DAY_MS) + decayed(4, HOUR_MS, 1, DAY_MS);
    CHECK(feed_near(score(&feed, "effective(view, 24h)"), sum * sum / squares));
    CHECK(feed_near(score(&feed, "wilson(like, view, 24h)"),
                    wilson(likes / sum, sum * sum / squares, 1.281551565545)));
    CHECK(score(&feed, "wilson(like, plain, 7)") == 0);
    double drawn = score(&feed, "thompson(like, view, 24h, 7, prior 1000 MEAN 0.3)");
    CHECK(fabs(drawn - 0.3) < 0.08);
    CHECK(drawn == score(&feed, "thompson(like, view, 24h, 7, prior 1000 MEAN 0.3)"));
    CHECK(feed_close(&feed));
}

/* Two makers: of one's items a half is liked, of the other's a tenth. */
static void what_is_new_is_as_its_maker_is(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed));
    CHECK(feed_script(&feed, "PUT item 1 {\"maker\": 7, \"tags\": [\"a\", \"b\"]};"
                             "PUT item 2 {\"maker\": 7, \"genre\": \"jazz\"};"
                             "PUT item 3 {\"maker\": 8, \"genre\": \"soul\", \"tags\": [\"a\"]};"
                             "PUT item 4 {\"maker\": 8}; PUT item 5 {};"
                             "PUT item 6 {\"maker\": 99};"));
    CHECK(say(&feed, "view", 2, 40, HOUR_MS, 1) && say(&feed, "like", 2, 20, HOUR_MS, 1));
    CHECK(say(&feed, "view", 3, 60, HOUR_MS, 1) && say(&feed, "like", 3, 6, HOUR_MS, 1));
    const char *by_maker = "ratio(like, view, prior 10 FROM item.maker)";
    double all = 26.0 / 100, seven = (20 + 10 * all) / 50, eight = (6 + 10 * all) / 70;
    CHECK(feed_near(feed_score(&feed, 1, by_maker), seven));
    CHECK(feed_near(feed_score(&feed, 2, by_maker), (20 + 10 * seven) / 50));
    CHECK(feed_near(feed_score(&feed, 4, by_maker), eight));
    CHECK(feed_near(feed_score(&feed, 5, by_maker), all) &&
          feed_near(feed_score(&feed, 6, by_maker), all));
    CHECK(feed_near(feed_score(&feed, 4, "ratio(like, view, 7d, prior 10 FROM maker)"), eight));
    /* Decayed, both sides of a group shrink alike. */
    double fresh = exp2(-1.0 / 24);
    CHECK(fabs(feed_score(&feed, 4, "ratio(like, view, 24h, prior 10 FROM item.maker)") -
               (6 * fresh + 10 * all) / (60 * fresh + 10)) < 1e-5);
    /* A list's values together: a alone has events. */
    CHECK(feed_near(feed_score(&feed, 1, "ratio(like, view, prior 10 FROM item.tags)"), eight));
    CHECK(fabs(feed_score(&feed, 1, "thompson(like, view, 5, prior 2000 FROM item.maker)") -
               (20 + 2000 * all) / 2040) < 0.06);
    CHECK(feed_do(&feed, "SIGNAL stars ON item 2 VALUE 4"));
    CHECK(feed_do(&feed, "SIGNAL stars ON item 3 VALUE 1"));
    CHECK(feed_do(&feed, "PUT item 9 {\"genre\": \"jazz\"}"));
    CHECK(feed_near(feed_score(&feed, 9, "mean(stars, 7d, prior 2 FROM item.genre)"),
                    (4 + 2 * 2.5) / 3));
    CHECK(feed_near(feed_score(&feed, 2, "mean(stars, 7d, prior 2 FROM item.genre)"),
                    (4 + 2 * 3.0) / 3));
    /* An item that goes leaves what its group learnt of it. */
    CHECK(feed_do(&feed, "DELETE item 2"));
    CHECK(feed_score(&feed, 1, by_maker) > 0.4);
    CHECK(feed_close(&feed));
}

/* formulas.md of the research: 4.0, 4.13, 4.15. */
static void golden_values(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, "DEFINE FIELD published ON item TIMESTAMP;"
                             "DEFINE SIGNAL watched ON item HALF LIFE 30s VALUE WINDOWS 7d;"
                             "DEFINE SIGNAL view ON item HALF LIFE 1h, 24h WINDOWS 2d, 16d "
                             "VELOCITY 2d LATENESS 7d; DEFINE SIGNAL old ON item;"));
    feed.now_ms = FEED_NOW_MS / DAY_MS * DAY_MS; /* no bucket lies across a window's end */
    CHECK(feed_do(&feed, "PUT item 1 {\"published\": %lld}", (long long)(feed.now_ms - HOUR_MS)));
    CHECK(feed_do(&feed, "PUT item 2 {}"));
    CHECK(feed_do(&feed, "PUT item 3 {}"));
    CHECK(feed_do(&feed, "SIGNAL watched ON item 1 VALUE 10 AT %lld",
                  (long long)(feed.now_ms - 60000)));
    CHECK(feed_do(&feed, "SIGNAL watched ON item 1 VALUE 1 AT %lld", (long long)feed.now_ms));
    CHECK(feed_near(score(&feed, "decay(watched, 30s)"), 3.5));
    CHECK(feed_near(score(&feed, "mean(watched, 7d, prior 5 MEAN 3)"), (11 + 15) / 7.0));
    /* Recent and usual events a day, 5 a day the prior: (5, 0) and (400, 350). */
    for (int i = 0; i < 350; i++)
        CHECK(feed_do(&feed, "SIGNAL view ON item 2 AT %lld",
                      (long long)(feed.now_ms - 6 * DAY_MS - i)));
    CHECK(say(&feed, "view", 2, 400, DAY_MS, 1) && say(&feed, "view", 1, 5, DAY_MS, 1));
    CHECK(feed_near(score(&feed, "surge(view, 2d, prior 0.20833333333333334)"), 1.5));
    CHECK(
        feed_near(feed_score(&feed, 2, "surge(view, 2d, prior 0.20833333333333334)"), 205.0 / 30));
    CHECK(feed_score(&feed, 2, "min(6, surge(view, 2d, prior 0.20833333333333334))") == 6);
    /* z = (C - mu) / sqrt(mu + 1), mu = 350 in 14 days, 50 in two. */
    CHECK(feed_near(feed_score(&feed, 2, "velocity(view, 2d)"), 350 / sqrt(51)));
    CHECK(feed_near(score(&feed, "velocity(view, 2d)"), 5));
    /* From two decayed counters, each corrected for what is young. */
    double fast = decayed(5, DAY_MS, 1, HOUR_MS) * LN_2 / 3600 / 0.5;
    double slow = decayed(5, DAY_MS, 1, DAY_MS) * LN_2 / 86400 / (1 - exp2(-1.0 / 24));
    CHECK(feed_near(score(&feed, "(rate(view, 1h, item.published) + 0.001) / "
                                 "(rate(view, 24h, item.published) + 0.001)"),
                    (fast + 0.001) / (slow + 0.001)));
    CHECK(feed_close(&feed));
}

/* A window is (T - W, T]: an event at its old end is out, one at now is in.  A ranking takes the
 * oldest bucket by its share, and never more than all of it. */
static void windows_are_open_at_their_old_end(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed) && feed_script(&feed, "DEFINE SIGNAL view ON item WINDOWS 24h "
                                                 "DISTINCT USERS 24h LATENESS 2d; PUT item 1 {};"));
    feed.now_ms = FEED_NOW_MS / DAY_MS * DAY_MS;
    CHECK(feed_do(&feed, "SIGNAL view ON item 1 BY user 1 AT %lld",
                  (long long)(feed.now_ms - DAY_MS)));
    CHECK(score(&feed, "count(view, 24h)") == 0 && score(&feed, "unique(view, 24h)") == 0);
    CHECK(feed_do(&feed, "SIGNAL view ON item 1 BY user 2 AT %lld",
                  (long long)(feed.now_ms - DAY_MS + 1)));
    CHECK(feed_do(&feed, "SIGNAL view ON item 1 BY user 3 AT %lld", (long long)feed.now_ms));
    CHECK(score(&feed, "count(view, 24h)") == 2 && score(&feed, "unique(view, 24h)") == 2);
    feed.now_ms += HOUR_MS / 2;
    CHECK(score(&feed, "count(view, 24h)") == 1.5 && score(&feed, "unique(view, 24h)") == 1);
    CHECK(feed_close(&feed));
}

static void mistakes_are_told(struct test *t)
{
    static const struct {
        const char *text, *message;
    } mistakes[] = {
        {"RETRIEVE items SCORE ratio(like, view, 2d, prior 5)",
         "signals 'like' and 'view' have neither a half-life nor a window of 2d in common"},
        {"RETRIEVE items SCORE ratio(stars, view, 24h, prior 5)",
         "signals 'stars' and 'view' have neither a half-life nor a window of 24h in common"},
        {"RETRIEVE items SCORE ratio(like, view, 5, prior 5)",
         "ratio takes a duration, as in 24h, here, not '5'"},
        {"RETRIEVE items SCORE ratio(like, plain, prior 5 FROM item.genre)",
         "signal 'plain' keeps no totals per 'genre'"},
        {"RETRIEVE items SCORE ratio(like, view, prior 5 FROM item.colour)",
         "field 'colour' of item does not exist"},
        {"RETRIEVE items SCORE mean(stars, 7d, prior 5 FROM item.maker)",
         "signal 'stars' keeps no totals per 'maker'"},
        {"RETRIEVE items SCORE wilson(view, like, 24h)",
         "wilson needs half of that half-life of signal 'like' as well"},
        {"RETRIEVE items SCORE effective(view, 12h)",
         "effective needs half of that half-life of signal 'view' as well"},
        {"RETRIEVE items SCORE wilson(like, view, 2, 3)",
         "wilson takes a duration, as in 24h, here, not '2'"},
        {"DEFINE SIGNAL a ON item TOTALS PER colour", "field 'colour' of item does not exist"},
        {"DEFINE SIGNAL a ON item TOTALS PER year",
         "totals cannot be kept per 'year', of type integer"},
        {"DEFINE SIGNAL a ON creator TOTALS PER genre",
         "signal 'a' is about creator, and totals are per field of item"},
    };
    struct feed feed;
    CHECK(world_open(&feed));
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        CHECK(feed_refuses(&feed, mistakes[i].text, TIDAL_INVALID, mistakes[i].message));
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(shares_are_of_the_time_that_is_named),
               CASE(evidence_is_what_the_weights_are_worth), CASE(what_is_new_is_as_its_maker_is),
               CASE(golden_values), CASE(windows_are_open_at_their_old_end),
               CASE(mistakes_are_told));
}
