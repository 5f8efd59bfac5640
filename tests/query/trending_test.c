/* The sources `trending` and `popular` in the language. */
#include "feed.h"

static bool world_open(struct feed *feed)
{
    return feed_open(feed) &&
           feed_script(feed, "DEFINE FIELD genre ON item KEYWORD;"
                             "DEFINE FIELD until ON item TIMESTAMP EXPIRES;"
                             "DEFINE SIGNAL view ON item HALF LIFE 7d WINDOWS 1h, 24h VELOCITY 1h "
                             "TRENDING HALF LIFE 2h; DEFINE SIGNAL plain ON item;"
                             "DEFINE SIGNAL like ON item WINDOWS 1h, 24h VELOCITY 1h;");
}

/* `users` users view an item. */
static bool views(struct feed *feed, int item, int users)
{
    for (int user = 1; user <= users; user++)
        if (!feed_do(feed, "SIGNAL view ON item %d BY user %d", item, user)) return false;
    return true;
}

static bool put(struct feed *feed, int item, const char *genre)
{
    return feed_do(feed, "PUT item %d {\"genre\": \"%s\"}", item, genre);
}

static void what_may_not_be_shown_leaves_its_place_to_others(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed));
    for (int item = 1; item <= 9; item++)
        CHECK(put(&feed, item, item % 2 ? "jazz" : "soul") && views(&feed, item, 20 - item));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, 3)", "1 2 3"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, 1h, 3)", "1 2 3"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, 3) WHERE genre = 'soul'", "2 4 6"));
    CHECK(feed_do(&feed, "DELETE item 1"));
    CHECK(feed_do(&feed, "PATCH item 2 {\"until\": \"2026-11-01T10:00:00Z\"}"));
    CHECK(feed_do(&feed, "SIGNAL hide ON item 3 BY user 99"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 99 FROM trending(view, 3) EXCLUDE hidden",
                     "4 5 6"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view) LIMIT 2", "3 4"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view) LIMIT 2 OFFSET 2", "5 6"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view) LIMIT 9 OFFSET 4", "7 8 9"));
    CHECK(feed_close(&feed));
}

static void what_is_quiet_sinks_and_leaves(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed) && put(&feed, 1, "jazz") && put(&feed, 2, "jazz"));
    CHECK(views(&feed, 1, 20));
    feed.now_ms += 4 * HOUR_MS;
    CHECK(views(&feed, 2, 6));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view)", "2 1"));
    CHECK(feed.scores[1] > 4.999 && feed.scores[1] < 5.001); /* 20, two half-lives ago */
    CHECK(feed_gives(&feed, "RETRIEVE items FROM popular(view, 7d, 10)", "1 2"));
    feed.now_ms += 2 * HOUR_MS;
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view)", "2"));
    feed.now_ms += 4 * HOUR_MS;
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view)", ""));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM popular(view, 7d, 1)", "1"));
    CHECK(feed_close(&feed));
}

static void without_trending_it_is_the_velocity_now(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed) && put(&feed, 1, "jazz"));
    CHECK(feed_do(&feed, "SIGNAL like ON item 1 BY user 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(like, 1h)", "1"));
    CHECK(feed_close(&feed));
}

static void mistakes_are_told(struct test *t)
{
    static const struct {
        const char *text, *message;
    } mistakes[] = {
        {"RETRIEVE items FROM trending(like)", "signal 'like' is not defined with TRENDING"},
        {"RETRIEVE items FROM trending(plain, 1h)", "signal 'plain' has no velocity of 1h"},
        {"RETRIEVE items FROM popular(view, 1d)", "signal 'view' has no half-life of 24h"},
        {"RETRIEVE items FROM popular(views, 7d)", "signal 'views' does not exist"},
        {"DEFINE SIGNAL a ON item TRENDING HALF LIFE 2h",
         "TRENDING needs a velocity, and signal 'a' has none"},
        {"DEFINE SIGNAL a ON item WINDOWS 1h, 24h VELOCITY 1h TRENDING HALF LIFE 1s",
         "half-life of TRENDING is too short"},
        {"DEFINE SIGNAL a ON creator WINDOWS 1h, 24h VELOCITY 1h TRENDING HALF LIFE 1h",
         "signal 'a' is about creator, and items trend"},
    };
    struct feed feed;
    CHECK(world_open(&feed));
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        tidal_query *query = NULL;
        tidal_code code = tidal_prepare(feed.db, mistakes[i].text, -1, &query, &feed.error);
        if (code == TIDAL_OK) code = tidal_step(query, &feed.error);
        CHECK_EQ(code, TIDAL_INVALID);
        CHECK_TEXT(feed.error.message, mistakes[i].message);
        tidal_query_free(query);
    }
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(what_may_not_be_shown_leaves_its_place_to_others),
               CASE(what_is_quiet_sinks_and_leaves), CASE(without_trending_it_is_the_velocity_now),
               CASE(mistakes_are_told));
}
