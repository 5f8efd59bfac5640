#include "feed.h"

static void a_built_in_signal_may_not_be_redefined_under_a_profile_that_needs_it(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK_EQ(feed_run(&feed, "DEFINE PROFILE p AS FROM all SCORE count(impression, 24h)"),
             TIDAL_OK);
    CHECK_EQ(feed_run(&feed, "DEFINE SIGNAL impression ON item WINDOWS 10m, 30m"), TIDAL_INVALID);
    CHECK(strstr(feed.error.message, "profile 'p' version 1"));
    CHECK_EQ(feed_run(&feed, "DEFINE SIGNAL impression ON item WINDOWS 10m, 30m, 24h"), TIDAL_OK);
    CHECK(feed_close(&feed));
}

/* What the first row of a statement says in its second column. */
static double value_of(struct feed *feed, const char *text)
{
    tidal_query *query;
    double value = -1;
    if (tidal_prepare(feed->db, text, -1, &query, &feed->error) != TIDAL_OK) return value;
    if (tidal_step(query, &feed->error) == TIDAL_ROW) value = tidal_column_double(query, 1);
    tidal_query_free(query);
    return value;
}

static void a_redefined_signal_is_read_by_its_new_windows_at_once(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK_EQ(feed_run(&feed, "DEFINE PROFILE p AS FROM all SCORE count(impression, 1h)"), TIDAL_OK);
    CHECK_EQ(feed_run(&feed, "SIGNAL impression ON item 2 BY user 1 AT '2026-11-01T05:00:00Z'"),
             TIDAL_OK);
    CHECK_EQ(feed_run(&feed, "SIGNAL impression ON item 2 BY user 1 AT '2026-11-01T09:59:00Z'"),
             TIDAL_OK);
    CHECK(value_of(&feed, "RETRIEVE items USING p LIMIT 1") == 1);
    CHECK_EQ(feed_run(&feed, "DEFINE SIGNAL impression ON item WINDOWS 10m, 1h, 24h"), TIDAL_OK);
    CHECK(value_of(&feed, "RETRIEVE items USING p LIMIT 1") == 1);
    CHECK(value_of(&feed, "RETRIEVE items FROM all SCORE count(impression, 24h) LIMIT 1") == 2);
    CHECK(feed_close(&feed));
}

static void a_prior_beyond_all_measure_is_refused(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK_EQ(feed_run(&feed, "RETRIEVE items FROM all SCORE ratio(like, view, prior 1e300 MEAN 1)"),
             TIDAL_INVALID);
    CHECK_EQ(feed_run(&feed, "RETRIEVE items FROM all SCORE ratio(like, view, prior 2 MEAN 1e300)"),
             TIDAL_INVALID);
    CHECK_EQ(feed_run(&feed, "RETRIEVE items FROM all SCORE mean(view, 1h, prior 2 MEAN -1e300)"),
             TIDAL_INVALID);
    CHECK_EQ(feed_run(&feed, "RETRIEVE items FROM all SCORE mean(view, 1h, prior 2 MEAN -1e3)"),
             TIDAL_OK);
    CHECK(feed_close(&feed));
}

static void an_analyzer_must_exist(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK_EQ(feed_run(&feed, "DEFINE FIELD plot ON item TEXT (analyzer = klingon)"), TIDAL_INVALID);
    CHECK(strstr(feed.error.message, "'klingon'") && strstr(feed.error.hint, "english"));
    CHECK_EQ(feed_run(&feed, "DEFINE FIELD plot ON item TEXT (analyzer = english)"), TIDAL_OK);
    CHECK(feed_close(&feed));
}

static void a_definition_takes_no_parameters(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db, "DEFINE PROFILE p AS FROM all SCORE item.year * $boost", -1,
                           &query, &feed.error),
             TIDAL_INVALID);
    CHECK(strstr(feed.error.message, "'$boost'"));
    CHECK(feed_close(&feed));
}

static void a_field_may_not_hide_a_column_of_every_item(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK_EQ(feed_run(&feed, "DEFINE FIELD id ON item INTEGER"), TIDAL_INVALID);
    CHECK(strstr(feed.error.message, "'id'"));
    CHECK_EQ(feed_run(&feed, "DEFINE FIELD rank ON item KEYWORD"), TIDAL_INVALID);
    CHECK_EQ(feed_run(&feed, "DEFINE FIELD rank ON user KEYWORD"), TIDAL_OK);
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(a_built_in_signal_may_not_be_redefined_under_a_profile_that_needs_it),
        CASE(a_redefined_signal_is_read_by_its_new_windows_at_once),
        CASE(a_prior_beyond_all_measure_is_refused), CASE(an_analyzer_must_exist),
        CASE(a_definition_takes_no_parameters), CASE(a_field_may_not_hide_a_column_of_every_item));
}
