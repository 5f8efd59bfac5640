/* The source `coengaged`, FOR item, and the function `coengagement` in the language. */
#include "feed.h"

#include <math.h>

static bool world_open(struct feed *feed)
{
    return feed_open(feed) &&
           feed_script(feed, "DEFINE FIELD genre ON item KEYWORD;"
                             "DEFINE FIELD creator ON item REFERENCES creator;"
                             "DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE;"
                             "DEFINE SIGNAL save ON item UNIQUE PER USER POSITIVE;"
                             "DEFINE SIGNAL play ON item POSITIVE;"
                             "DEFINE SIGNAL skip ON item NEGATIVE;"
                             "PUT item 1 {\"genre\": \"jazz\"}; PUT item 2 {\"genre\": \"jazz\"};"
                             "PUT item 3 {\"genre\": \"soul\"}; PUT item 4 {\"genre\": \"soul\"};"
                             "PUT item 5 KEY 'five' {};");
}

/* Users from `first` on like both. */
static bool couple(struct feed *feed, int first, int users, int a, int b)
{
    for (int user = first; user < first + users; user++)
        if (!feed_do(feed, "SIGNAL like ON item %d BY user %d", a, user) ||
            !feed_do(feed, "SIGNAL like ON item %d BY user %d", b, user))
            return false;
    return true;
}

static bool near(double value, double wanted)
{
    return fabs(value - wanted) < 1e-4;
}

/* c_12 = 4, c_13 = 2, c_14 = 1; c_1 = 7, c_2 = 4, c_3 = 2 + 7 by others. */
static bool fill(struct feed *feed)
{
    bool ok =
        couple(feed, 100, 4, 1, 2) && couple(feed, 200, 2, 1, 3) && couple(feed, 300, 1, 1, 4);
    for (int user = 400; ok && user < 407; user++)
        ok = feed_do(feed, "SIGNAL like ON item 3 BY user %d", user);
    return ok;
}

static void the_score_is_the_cosine_of_the_counts(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed) && fill(&feed));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR item 1 FROM coengaged(item, 10)", "2 3"));
    CHECK(near(feed.scores[0], 4 / sqrt(7.0 * 4)));
    CHECK(near(feed.scores[1], 2 / sqrt(7.0 * 9))); /* item 4 has the support of one alone */
    CHECK(feed_gives(&feed, "RETRIEVE items FOR item 3 FROM coengaged(item)", "1"));
    CHECK(near(feed.scores[0], 2 / sqrt(7.0 * 9)));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR item 1 FROM coengaged(item, 1)", "2"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR item KEY 'five' FROM coengaged(item)", ""));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR item 777 FROM coengaged(item)", ""));
    CHECK(feed_close(&feed));
}

static void support_decays_below_its_floor(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed) && fill(&feed));
    feed.now_ms += 30 * DAY_MS - 60000;
    CHECK(feed_gives(&feed, "RETRIEVE items FOR item 1 FROM coengaged(item)", "2"));
    CHECK(near(feed.scores[0], 4 / sqrt(7.0 * 4))); /* all have halved: the score stays */
    feed.now_ms += 120000;
    CHECK(feed_gives(&feed, "RETRIEVE items FOR item 1 FROM coengaged(item)", ""));
    CHECK(feed_close(&feed));
}

static void seeds_are_the_last_positives_that_are_asked_for(struct test *t)
{
    static const char of_like[] =
        "RETRIEVE items FOR user 1 FROM coengaged(user.recent(like, 20), 400)";
    struct feed feed;
    CHECK(world_open(&feed) && fill(&feed));
    CHECK(feed_gives(&feed, of_like, ""));
    CHECK(feed_do(&feed, "SIGNAL save ON item 1 BY user 1"));
    CHECK(feed_gives(&feed, of_like, ""));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 FROM coengaged(user.recent(20))", "2 3"));
    CHECK(
        feed_gives(&feed, "RETRIEVE items FOR user 1 FROM coengaged(user.recent(save, 1))", "2 3"));
    CHECK(feed_do(&feed, "SIGNAL like ON item 1 BY user 1"));
    CHECK(feed_gives(&feed, of_like, "2 3"));
    CHECK(feed_do(&feed, "RETRACT SIGNAL like ON item 1 BY user 1"));
    CHECK(feed_gives(&feed, of_like, ""));
    /* The newest one. */
    feed.now_ms += 1000;
    CHECK(feed_do(&feed, "SIGNAL like ON item 3 BY user 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 FROM coengaged(user.recent(1))", "1"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM coengaged(user.recent(1))", ""));
    CHECK(feed_close(&feed));
}

static void scores_of_several_seeds_add_up(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed) && couple(&feed, 100, 3, 1, 3) && couple(&feed, 200, 3, 2, 3));
    CHECK(feed_do(&feed, "SIGNAL like ON item 1 BY user 1"));
    CHECK(feed_do(&feed, "SIGNAL like ON item 2 BY user 1"));
    CHECK(feed_gives(
        &feed, "RETRIEVE items FOR user 1 FROM coengaged(user.recent(20)) EXCLUDE seen(1d)", "3"));
    CHECK(near(feed.scores[0], 2 * 3 / sqrt(4.0 * 6)));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items FOR user 1 SCORE coengagement(user.recent(like, 9)) "
                     "EXCLUDE seen(1d)",
                     "3 4 5"));
    CHECK(near(feed.scores[0], 2 * 3 / sqrt(4.0 * 6)) && feed.scores[1] == 0);
    CHECK(feed_close(&feed));
}

static void gates_leave_their_place_to_others(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed) && fill(&feed));
    CHECK(feed_gives(
        &feed, "RETRIEVE items FOR item 1 FROM coengaged(item, 1) WHERE genre = 'soul'", "3"));
    CHECK(feed_do(&feed, "SIGNAL skip ON item 2 BY user 9"));
    CHECK(feed_gives(
        &feed, "RETRIEVE items FOR user 9, item 1 FROM coengaged(item, 1) EXCLUDE seen(1d)", "3"));
    CHECK(feed_do(&feed, "DELETE item 2"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR item 1 FROM coengaged(item)", "3"));
    CHECK(feed_do(&feed, "PUT item 2 {}"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR item 1 FROM coengaged(item)", "3"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR item 2 FROM coengaged(item)", ""));
    CHECK(feed_do(&feed, "FORGET user 200"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR item 1 FROM coengaged(item)", "3"));
    CHECK(feed_close(&feed));
}

static void the_item_that_a_query_is_for_is_not_in_its_answer(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed) && fill(&feed));
    CHECK(
        feed_gives(&feed, "RETRIEVE items FOR item 1 FROM coengaged(item), newest(5)", "2 3 4 5"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1, item 5 FROM all", "1 2 3 4"));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items FOR item 1 FROM all SCORE coalesce(coengagement(item), "
                     "7)",
                     "2 3 4 5"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM all SCORE coalesce(coengagement(item), 7) LIMIT 1",
                     "1"));
    CHECK(feed.scores[0] == 7);
    CHECK(feed_close(&feed));
}

static void it_is_told_by_which_source_an_item_came(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed) && fill(&feed));
    CHECK(feed_do(&feed, "DEFINE PROFILE next AS FROM coengaged(item, 9), newest(5)"));
    CHECK_TEXT(feed_cell(&feed, "RETRIEVE items FOR item 1 USING next RETURNING source", 0),
               "coengaged(item, 9), newest(5)");
    CHECK_TEXT(
        feed_cell(&feed, "RETRIEVE items FOR item 1 USING next RETURNING source OFFSET 2", 0),
        "newest(5)");
    CHECK_TEXT(feed_cell(&feed, "WHY NOT item 1 IN RETRIEVE items FOR item 1 USING next", 0),
               "for");
    CHECK_TEXT(
        feed_cell(&feed, "WHY NOT item 4 IN RETRIEVE items FOR item 1 FROM coengaged(item)", 1),
        "no source brought it in: coengaged(item)");
    CHECK(feed_close(&feed));
}

static void mistakes_are_told(struct test *t)
{
    static const struct {
        const char *text, *message, *hint;
    } mistakes[] = {
        {"RETRIEVE items FROM coengaged(item, 9)",
         "the source coengaged(item, 9) needs an item, and the statement names none",
         "write RETRIEVE items FOR item 1001"},
        {"RETRIEVE items FOR user 1 FROM coengaged(user.recent(65))", "recent cannot give 65 items",
         "use 1 to 64"},
        {"RETRIEVE items FOR user 1 FROM coengaged(user.recent(0))", "recent cannot give 0 items",
         "use 1 to 64"},
        {"RETRIEVE items FOR user 1 FROM coengaged(user.recent(9), 10001)",
         "a source cannot give 10001 candidates", "use 1 to 10000"},
        {"RETRIEVE items FOR user 1 FROM coengaged(user.recent(lyke, 9))",
         "signal 'lyke' does not exist", "did you mean 'like'?"},
        {"RETRIEVE items FOR user 1 SCORE coengagement(user.recent(play, 9))",
         "signal 'play' is not UNIQUE PER USER and POSITIVE: who said it last is not kept",
         "write user.recent(9): by any positive signal"},
        {"RETRIEVE items FOR user 1 FROM coengaged(user.recent)", "expected '(', found ')'", ""},
        {"RETRIEVE items FOR user 1 FROM coengaged(genre, 9)",
         "expected item or user.recent(20), found 'genre'", ""},
        {"RETRIEVE items FOR creator 1 FROM all", "expected user or item, found 'creator'", ""},
    };
    struct feed feed;
    CHECK(world_open(&feed));
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        CHECK(tidal_execute(feed.db, mistakes[i].text, NULL, &feed.error) == TIDAL_INVALID);
        CHECK_TEXT(feed.error.message, mistakes[i].message);
        CHECK_TEXT(feed.error.hint, mistakes[i].hint);
    }
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(the_score_is_the_cosine_of_the_counts),
               CASE(support_decays_below_its_floor),
               CASE(seeds_are_the_last_positives_that_are_asked_for),
               CASE(scores_of_several_seeds_add_up), CASE(gates_leave_their_place_to_others),
               CASE(the_item_that_a_query_is_for_is_not_in_its_answer),
               CASE(it_is_told_by_which_source_an_item_came), CASE(mistakes_are_told));
}
