/* CAP, SUBLINEAR and TRUST from a definition to a score. */
#include "feed.h"

#include <math.h>

static double score(struct feed *feed, const char *expression)
{
    return feed_score(feed, 1, expression);
}

/* The last two columns of SHOW SIGNALS for a signal. */
static bool shows(struct feed *feed, const char *signal, const char *limits, int64_t capped)
{
    tidal_query *query;
    bool found = false;
    if (tidal_prepare(feed->db, "SHOW SIGNALS", -1, &query, &feed->error) != TIDAL_OK) return false;
    while (tidal_step(query, &feed->error) == TIDAL_ROW) {
        if (strcmp(tidal_column_text(query, 0, NULL), signal) != 0) continue;
        const char *text = tidal_column_text(query, 5, NULL);
        found = strcmp(text, limits) == 0 && tidal_column_i64(query, 6) == capped;
        if (!found)
            fprintf(stderr, "    %s, %lld capped\n", text, (long long)tidal_column_i64(query, 6));
    }
    tidal_query_free(query);
    return found;
}

static bool fill(struct feed *feed)
{
    return feed_open(feed) &&
           feed_script(feed,
                       "DEFINE FIELD trust ON user FLOAT;"
                       "DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h, 24h VELOCITY 1h "
                       "CAP 2 PER USER PER item PER 1h, 4 PER USER PER 24h;"
                       "DEFINE SIGNAL play ON item HALF LIFE 1h WINDOWS 1h, 24h VELOCITY 1h "
                       "SUBLINEAR PER 24h TRUST user.trust;"
                       "DEFINE SIGNAL like ON item HALF LIFE 1h UNIQUE PER USER POSITIVE TRUST "
                       "user.trust;"
                       "DEFINE SIGNAL plain ON item WINDOWS 1h;"
                       "PUT item 1 {}; PUT item 2 {}; PUT item 3 {};");
}

static void who_repeats_himself_is_counted_up_to_the_cap(struct test *t)
{
    struct feed feed;
    CHECK(fill(&feed));
    for (int i = 0; i < 5; i++)
        CHECK(feed_do(&feed, "SIGNAL view ON item 1 BY user 7"));
    CHECK(score(&feed, "count(view, 1h)") == 2);
    CHECK(feed_near(score(&feed, "decay(view, 1h)"), 2));
    CHECK(feed_do(&feed, "SIGNAL view ON item 1 BY user 8"));
    CHECK(feed_do(&feed, "SIGNAL view ON item 1")); /* by nobody */
    CHECK(score(&feed, "count(view)") == 4);
    /* The next hour is another period of the one cap, not of the other. */
    feed.now_ms += HOUR_MS;
    for (int i = 0; i < 5; i++)
        CHECK(feed_do(&feed, "SIGNAL view ON item %d BY user 7", 1 + i % 3));
    CHECK(score(&feed, "count(view)") == 5);
    CHECK(shows(&feed, "view", "cap 2 per item per 1h, cap 4 per 24h", 3 + 3));
    CHECK(shows(&feed, "plain", "", 0));
    CHECK(feed_close(&feed));
}

static void what_events_weigh_is_what_is_counted_of_them(struct test *t)
{
    struct feed feed;
    CHECK(fill(&feed));
    CHECK(feed_do(&feed, "PUT user 7 {\"trust\": 0.5}"));
    CHECK(feed_do(&feed, "PUT user 9 {\"trust\": 0}"));
    for (int i = 0; i < 3; i++)
        CHECK(feed_do(&feed, "SIGNAL play ON item 1 BY user 7"));
    CHECK(feed_do(&feed, "SIGNAL play ON item 1 BY user 8"));
    CHECK(feed_do(&feed, "SIGNAL play ON item 1 BY user 9"));
    /* 256 + 128 + 85 of 256, halved and rounded; and one more. */
    double weight = (128 + 64 + 43 + 256) / 256.0;
    CHECK(feed_near(score(&feed, "count(play, 1h)"), weight));
    CHECK(feed_near(score(&feed, "count(play)"), weight));
    CHECK(feed_near(score(&feed, "decay(play, 1h)"), weight));
    CHECK(feed_near(score(&feed, "velocity(play, 1h)"), weight));
    CHECK(feed_do(&feed, "SIGNAL plain ON item 1 BY user 7"));
    CHECK(feed_near(score(&feed, "ratio(plain, play, prior 2 MEAN 0.5)"), 2 / (weight + 2)));
    CHECK(shows(&feed, "play", "sublinear per 24h, trust", 1));
    CHECK(feed_close(&feed));
}

static void a_like_is_taken_back_at_the_weight_that_it_had(struct test *t)
{
    struct feed feed;
    CHECK(fill(&feed));
    CHECK(feed_do(&feed, "PUT user 7 {\"trust\": 0.3}"));
    CHECK(feed_do(&feed, "SIGNAL like ON item 1 BY user 7"));
    CHECK(feed_do(&feed, "SIGNAL like ON item 1 BY user 8"));
    CHECK(feed_near(score(&feed, "decay(like, 1h)"), 1 + 77 / 256.0));
    CHECK(feed_do(&feed, "PUT user 7 {\"trust\": 1}"));
    CHECK(feed_near(score(&feed, "decay(like, 1h)"), 1 + 77 / 256.0));
    feed.now_ms += 1000;
    CHECK(feed_do(&feed, "RETRACT SIGNAL like ON item 1 BY user 7"));
    CHECK(feed_near(score(&feed, "count(like)"), 1));
    CHECK(feed_do(&feed, "PUT user 8 {\"trust\": 0}"));
    feed.now_ms += 2000;
    CHECK(feed_do(&feed, "RETRACT SIGNAL like ON item 1 BY user 8"));
    CHECK(score(&feed, "decay(like, 1h)") == 0 && score(&feed, "count(like)") == 0);
    CHECK(feed_do(&feed, "SIGNAL like ON item 1 BY user 8")); /* weighs nothing, and is liked */
    CHECK(score(&feed, "count(like)") == 0);
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 8 FROM all EXCLUDE seen(1d)", "2 3"));
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(who_repeats_himself_is_counted_up_to_the_cap),
               CASE(what_events_weigh_is_what_is_counted_of_them),
               CASE(a_like_is_taken_back_at_the_weight_that_it_had));
}
