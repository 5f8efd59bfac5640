/* The sources `trending` and `popular` in the language. */
#include "feed.h"

static bool world_open(struct feed *feed)
{
    return feed_open(feed) &&
           feed_script(feed, "DEFINE FIELD genre ON item KEYWORD;"
                             "DEFINE FIELD tags ON item KEYWORD[];"
                             "DEFINE FIELD until ON item TIMESTAMP EXPIRES;"
                             "DEFINE SIGNAL view ON item HALF LIFE 1d, 7d WINDOWS 1h, 24h "
                             "VELOCITY 1h TRENDING HALF LIFE 2h POPULAR 7d "
                             "PER item.genre, tags; DEFINE SIGNAL plain ON item;"
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

/* The same answer from the index of a value, from the index of all, and by looking at all. */
static void a_value_has_an_index_of_its_own(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed));
    for (int item = 1; item <= 9; item++)
        CHECK(feed_do(&feed, "PUT item %d {\"genre\": \"%s\", \"tags\": [\"a\", \"t%d\"]}", item,
                      item % 3 ? "jazz" : "soul", item % 2) &&
              views(&feed, item, 20 - item));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, genre = 'soul')", "3 6 9"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, 1h, genre = 'soul', 2)", "3 6"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, 2) WHERE genre = 'soul'", "3 6"));
    CHECK(
        feed_gives(&feed, "RETRIEVE items FROM popular(view, 7d, item.genre = 'soul', 2)", "3 6"));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items FROM popular(view, 7d, 2) WHERE 'soul' = genre AND NOT "
                     "tags IN ('t1')",
                     "6"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, tags = 't0', 9)", "2 4 6 8"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM popular(view, 7d, 9) WHERE tags = 'a' LIMIT 3",
                     "1 2 3"));
    CHECK(
        feed_gives(&feed, "RETRIEVE items FROM popular(view, 1d, 2) WHERE genre = 'soul'", "3 6"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, genre = 'rock')", ""));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items FROM trending(view, genre = 'soul', 1), "
                     "popular(view, 7d, genre = 'jazz', 1)",
                     "1 3"));
    CHECK(feed_do(&feed, "PATCH item 3 {\"genre\": \"jazz\"}"));
    CHECK(feed_do(&feed, "PATCH item 1 {\"genre\": \"soul\", \"tags\": null}"));
    CHECK(feed_do(&feed, "DELETE item 6"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, genre = 'soul')", "1 9"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM popular(view, 7d, genre = 'jazz', 2)", "2 3"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, tags = 'a', 1)", "2"));
    CHECK(feed_close(&feed));
}

static void a_value_may_be_a_parameter(struct test *t)
{
    static const char text[] = "RETRIEVE items FROM trending(view, genre = $genre, 5)";
    struct feed feed;
    CHECK(world_open(&feed) && put(&feed, 1, "jazz") && put(&feed, 2, "soul"));
    CHECK(views(&feed, 1, 9) && views(&feed, 2, 8));
    tidal_query *query = feed_prepare(&feed, text);
    CHECK(query != NULL);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_INVALID);
    CHECK_TEXT(feed.error.message, "parameter '$genre' has no value");
    CHECK_EQ(feed.error.position, 43);
    tidal_reset(query);
    CHECK_EQ(tidal_bind_i64(query, "genre", 7, &feed.error), TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_INVALID);
    CHECK_TEXT(feed.error.message, "parameter '$genre' is no text");
    tidal_reset(query);
    CHECK_EQ(tidal_bind_text(query, "genre", "soul", -1, &feed.error), TIDAL_OK);
    CHECK_EQ(feed_rows(&feed, query), TIDAL_DONE);
    CHECK_EQ(feed.count, 1);
    CHECK_EQ(feed.ids[0], 2);
    tidal_query_free(query);
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
        {"RETRIEVE items FROM popular(view, 3d)", "signal 'view' has no half-life of 3d"},
        {"RETRIEVE items FROM popular(views, 7d)", "signal 'views' does not exist"},
        {"DEFINE SIGNAL a ON item TRENDING HALF LIFE 2h",
         "TRENDING needs a velocity, and signal 'a' has none"},
        {"DEFINE SIGNAL a ON item WINDOWS 1h, 24h VELOCITY 1h TRENDING HALF LIFE 1s",
         "half-life of TRENDING is too short"},
        {"DEFINE SIGNAL a ON creator WINDOWS 1h, 24h VELOCITY 1h TRENDING HALF LIFE 1h",
         "signal 'a' is about creator, and items trend"},
        {"DEFINE SIGNAL a ON item HALF LIFE 1h POPULAR 2h",
         "POPULAR 2h is not a declared half-life of signal 'a'"},
        {"DEFINE SIGNAL a ON creator HALF LIFE 1h POPULAR 1h",
         "signal 'a' is about creator, and items are popular"},
        {"DEFINE SIGNAL a ON item HALF LIFE 1h PER genre",
         "PER says for which values an index is kept, and signal 'a' has none"},
        {"DEFINE SIGNAL a ON item HALF LIFE 1h POPULAR 1h PER until",
         "an index cannot be PER 'until', of type timestamp"},
        {"DEFINE SIGNAL a ON item HALF LIFE 1h POPULAR 1h PER item.genres",
         "item has no field 'genres'"},
        {"RETRIEVE items FROM trending(like, 1h, genre = 'a')",
         "there is no index of it PER 'genre'"},
        {"RETRIEVE items FROM popular(view, 1d, genre = 'a')",
         "there is no index of it PER 'genre'"},
        {"RETRIEVE items FROM popular(view, 7d, until = 'a')",
         "there is no index of it PER 'until'"},
        {"RETRIEVE items FROM trending(view, genre = 1 + 2)", "a source has one value of 'genre'"},
        {"RETRIEVE items FROM trending(view, genres = 'a')", "item has no field 'genres'"},
    };
    struct feed feed;
    CHECK(world_open(&feed));
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        CHECK(feed_refuses(&feed, mistakes[i].text, TIDAL_INVALID, mistakes[i].message));
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(what_may_not_be_shown_leaves_its_place_to_others),
               CASE(what_is_quiet_sinks_and_leaves), CASE(a_value_has_an_index_of_its_own),
               CASE(a_value_may_be_a_parameter), CASE(without_trending_it_is_the_velocity_now),
               CASE(mistakes_are_told));
}
