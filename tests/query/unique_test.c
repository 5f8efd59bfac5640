/* Distinct users in the language. */
#include "feed.h"

#include <math.h>

static bool world_open(struct feed *feed)
{
    return feed_open(feed) &&
           feed_script(feed, "DEFINE SIGNAL view ON item WINDOWS 24h DISTINCT USERS 7d;"
                             "DEFINE SIGNAL play ON item WINDOWS 24h;"
                             "PUT item 1 {}; PUT item 2 {}; PUT item 3 {};");
}

static bool views(struct feed *feed, int item, int first_user, int users, int64_t ago_ms)
{
    for (int user = first_user; user < first_user + users; user++)
        if (!feed_do(feed, "SIGNAL view ON item %d BY user %d AT %lld", item, user,
                     (long long)(feed->now_ms - ago_ms - user)))
            return false;
    return true;
}

static double score(struct feed *feed, const char *expression)
{
    return feed_score(feed, 1, expression);
}

static void users_are_counted_once(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed));
    for (int again = 0; again < 5; again++)
        CHECK(views(&feed, 1, 1, 3, again * 1000));
    CHECK(views(&feed, 2, 1, 5, 0));
    CHECK(feed_do(&feed, "SIGNAL view ON item 1"));
    CHECK(score(&feed, "unique(view, 24h)") == 3);
    CHECK(score(&feed, "count(view, 24h)") == 16);
    CHECK(score(&feed, "unique(view, 1h) / max(count(view), 1)") == 3.0 / 16);
    CHECK(feed_gives(&feed, "RETRIEVE items SCORE unique(view, 7d)", "2 1 3"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE unique(view, 7d) >= 4", "2"));
    feed.now_ms += DAY_MS;
    CHECK(score(&feed, "unique(view, 24h)") == 0 && score(&feed, "unique(view, 25h)") == 3);
    CHECK(feed_close(&feed));
}

static void many_are_estimated(struct test *t)
{
    struct feed feed;
    CHECK(world_open(&feed) && views(&feed, 1, 1, 64, 0));
    CHECK(score(&feed, "unique(view, 24h)") >= 64);
    CHECK(score(&feed, "unique(view, 62ms)") == 61); /* users 1 to 61 */
    CHECK(views(&feed, 1, 100, 900, 0));
    double users = score(&feed, "unique(view, 24h)");
    CHECK(fabs(users / 964 - 1) < 0.2);
    CHECK(feed_do(&feed, "FORGET user 5"));
    CHECK(score(&feed, "unique(view, 24h)") == users);
    CHECK(feed_close(&feed));
}

static void mistakes_are_told(struct test *t)
{
    static const struct {
        const char *text, *message;
    } mistakes[] = {
        {"RETRIEVE items SCORE unique(play, 24h)", "signal 'play' does not count distinct users"},
        {"RETRIEVE items SCORE unique(view, 8d)",
         "signal 'view' counts distinct users over at most 7d"},
        {"RETRIEVE items SCORE unique(view)", "unique has too few arguments"},
        {"RETRIEVE items SCORE unique(view, 0s)", "window is zero"},
        {"DEFINE SIGNAL a ON creator DISTINCT USERS 1d",
         "signal 'a' is about creator, and users of items are counted"},
        {"DEFINE SIGNAL a ON item UNIQUE PER USER DISTINCT USERS 1d",
         "signal 'a' counts each user once already"},
        {"DEFINE SIGNAL a ON item DISTINCT 1d", "expected USERS, found '1d'"},
    };
    struct feed feed;
    CHECK(world_open(&feed));
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++)
        CHECK(feed_refuses(&feed, mistakes[i].text, TIDAL_INVALID, mistakes[i].message));
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(users_are_counted_once), CASE(many_are_estimated),
               CASE(mistakes_are_told));
}
