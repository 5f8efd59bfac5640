/* AS OF on a feed small enough to be worked out by hand. */
#include "feed.h"

static const char definitions[] =
    "DEFINE FIELD year ON item INTEGER; DEFINE SIGNAL view ON item HALF LIFE 1h;"
    "DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE;"
    "DEFINE PROFILE by_views AS FROM all SCORE decay(view, 1h) EXCLUDE seen(7d), hidden;";

/* An hour apart: item 1, item 2, a view of 1, a hide of 1, a change of 2, a profile. */
static bool open_story(struct feed *feed)
{
    static const char *const events[] = {
        "PUT item 1 {\"year\": 2001}",     "PUT item 2 {\"year\": 2002}",
        "SIGNAL view ON item 1 BY user 5", "SIGNAL hide ON item 1 BY user 5",
        "PATCH item 2 {\"year\": 2012}",   "DEFINE PROFILE by_year AS FROM all SCORE item.year",
    };
    if (!feed_open(feed) || !feed_script(feed, definitions)) return false;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        feed->now_ms += HOUR_MS;
        if (!feed_do(feed, "%s", events[i])) return false;
    }
    feed->now_ms += HOUR_MS;
    return true;
}

static void a_ranking_is_that_of_then(struct test *t)
{
    struct feed feed;
    CHECK(open_story(&feed));
    CHECK(feed_gives(&feed, "RETRIEVE items AS OF '2026-11-01T10:59:59Z'", ""));
    CHECK(feed_gives(&feed, "RETRIEVE items AS OF '2026-11-01T11:00:00Z'", "1"));
    CHECK(feed_gives(&feed, "RETRIEVE items AS OF '2026-11-01T12:30:00Z'", "2 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items USING by_views AS OF '2026-11-01T13:00:00Z'", "1 2"));
    /* NOW is then: an hour after the view half of it is left. */
    CHECK(feed_gives(&feed, "RETRIEVE items SCORE decay(view, 1h) AS OF '2026-11-01T14:00:00Z'",
                     "1 2"));
    CHECK(feed.scores[0] > 0.4999 && feed.scores[0] < 0.5001);
    CHECK(feed_gives(&feed,
                     "RETRIEVE items SCORE decay(view, 1h) NOW '2026-11-01T15:00:00Z' "
                     "AS OF '2026-11-01T14:00:00Z'",
                     "1 2"));
    CHECK(feed.scores[0] > 0.2499 && feed.scores[0] < 0.2501);
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 5 EXCLUDE hidden AS OF '2026-11-01T13:00:00Z'",
                     "2 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 5 EXCLUDE hidden AS OF '2026-11-01T14:00:00Z'",
                     "2"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE year = 2002 AS OF '2026-11-01T14:00:00Z'", "2"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE year = 2002", ""));
    CHECK(feed_close(&feed));
}

static void it_is_explained_as_it_was(struct test *t)
{
    struct feed feed;
    CHECK(open_story(&feed));
    CHECK_TEXT(feed_cell(&feed,
                         "WHY NOT item 1 IN RETRIEVE items FOR user 5 EXCLUDE hidden "
                         "AS OF '2026-11-01T13:59:59Z'",
                         0),
               "none");
    CHECK_TEXT(feed_cell(&feed,
                         "WHY NOT item 1 IN RETRIEVE items FOR user 5 EXCLUDE hidden "
                         "AS OF '2026-11-01T14:00:00Z'",
                         0),
               "hidden");
    tidal_query *query = feed_prepare(&feed, "EXPLAIN RETRIEVE items AS OF $then");
    CHECK(query);
    CHECK_EQ(tidal_bind_text(query, "then", "2026-11-01T11:00:00Z", -1, NULL), TIDAL_OK);
    CHECK_EQ(tidal_step(query, NULL), TIDAL_ROW);
    CHECK_EQ(tidal_column_i64(query, 4), 1); /* alive then */
    CHECK_EQ(tidal_query_lsn(query), 5);
    CHECK_EQ(tidal_query_now(query), FEED_NOW_MS + HOUR_MS);
    tidal_reset(query);
    CHECK_EQ(tidal_bind_i64(query, "then", FEED_NOW_MS + 2 * HOUR_MS, NULL), TIDAL_OK);
    CHECK_EQ(tidal_step(query, NULL), TIDAL_ROW);
    CHECK_EQ(tidal_column_i64(query, 4), 2);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void an_lsn_is_a_moment_too(struct test *t)
{
    struct feed feed;
    CHECK(open_story(&feed));
    CHECK(feed_gives(&feed, "RETRIEVE items AS OF LSN 0", ""));
    CHECK(feed_gives(&feed, "RETRIEVE items AS OF LSN 6", "2 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items AS OF LSN 5", "1"));
    CHECK(feed_gives(&feed, "RETRIEVE items AS OF LSN 10", "2 1"));
    CHECK(feed_close(&feed));
}

/* What was not defined then is not there. */
static void names_are_those_of_then(struct test *t)
{
    struct feed feed;
    CHECK(open_story(&feed));
    const char *text = "RETRIEVE items USING by_year AS OF '2026-11-01T15:59:59Z'";
    CHECK(feed_refuses(&feed, text, TIDAL_NOT_FOUND, "profile 'by_year' does not exist"));
    CHECK(feed_gives(&feed, "RETRIEVE items USING by_year AS OF '2026-11-01T16:00:00Z'", "2 1"));
    CHECK(feed_close(&feed));
}

/* What was dropped is there then, by the name of then, whatever has that name now. */
static void what_was_dropped_and_renamed_since_is_as_it_was(struct test *t)
{
    struct feed feed;
    CHECK(open_story(&feed));
    CHECK(feed_script(&feed, "DROP PROFILE by_views; DROP SIGNAL view; DEFINE SIGNAL view ON item;"
                             "DROP PROFILE by_year; RENAME FIELD year ON item TO made_in;"
                             "DEFINE FIELD year ON item KEYWORD; RENAME SIGNAL like TO heart;"
                             "SIGNAL view ON item 2 BY user 5; PATCH item 2 {\"year\": \"now\"};"));
    CHECK(feed_gives(&feed, "RETRIEVE items SCORE count(view)", "2 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE year = 'now' AND made_in = 2012", "2"));
    CHECK(
        feed_gives(&feed, "RETRIEVE items SCORE count(view) AS OF '2026-11-01T14:00:00Z'", "1 2"));
    CHECK(feed_gives(&feed, "RETRIEVE items USING by_views AS OF '2026-11-01T13:00:00Z'", "1 2"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE year = 2002 AS OF '2026-11-01T14:00:00Z'", "2"));
    CHECK(
        feed_gives(&feed, "RETRIEVE items SCORE count(like) AS OF '2026-11-01T16:00:00Z'", "2 1"));
    const char *text = "RETRIEVE items SCORE count(heart) AS OF '2026-11-01T16:00:00Z'";
    CHECK(feed_refuses(&feed, text, TIDAL_INVALID, "signal 'heart' does not exist"));
    CHECK(feed_close(&feed));
}

/* The engine of then counts, and gives way to writes. */
static void the_memory_limit_holds_for_the_past_as_well(struct test *t)
{
    struct feed feed = {.now_ms = FEED_NOW_MS};
    tidal_status before, with, after;
    tidal_options options = {.size = sizeof options,
                             .clock_ms = feed_clock,
                             .clock_context = &feed.now_ms,
                             .memory_limit_bytes = 24 << 20};
    CHECK_EQ(tidal_open(":memory:", &options, &feed.db, &feed.error), TIDAL_OK);
    CHECK(feed_do(&feed, "DEFINE FIELD title ON item TEXT"));
    static char title[60001];
    memset(title, 'x', sizeof title - 1);
    char json[61000], *text = json;
    snprintf(text, sizeof json, "{\"title\": \"%s\"}", title);
    uint64_t id = 1;
    tidal_code code = TIDAL_OK;
    for (; id <= 60 && code == TIDAL_OK; id++)
        code = tidal_put(feed.db, &(tidal_entity){TIDAL_ITEM, id, NULL}, json, TIDAL_DURABLE, NULL,
                         &feed.error);
    CHECK_EQ(code, TIDAL_OK);
    tidal_get_status(feed.db, &before);
    CHECK(feed_gives(&feed, "RETRIEVE items LIMIT 1 AS OF LSN 61", "1"));
    tidal_get_status(feed.db, &with);
    CHECK(with.memory_bytes > before.memory_bytes + 3000000);
    CHECK(with.memory_bytes < 24 << 20);
    /* Writes go on until the present alone reaches the limit. */
    for (; code == TIDAL_OK; id++)
        code = tidal_put(feed.db, &(tidal_entity){TIDAL_ITEM, id, NULL}, json, TIDAL_DURABLE, NULL,
                         &feed.error);
    CHECK_EQ(code, TIDAL_NO_MEMORY);
    tidal_get_status(feed.db, &after);
    CHECK(after.memory_bytes > with.memory_bytes - 3000000);
    CHECK_EQ(tidal_execute(feed.db, "RETRIEVE items AS OF LSN 100", NULL, &feed.error),
             TIDAL_NO_MEMORY);
    CHECK(strstr(feed.error.message, "AS OF"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM newest(1) AS OF LSN 2", "1"));
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_ranking_is_that_of_then), CASE(it_is_explained_as_it_was),
               CASE(an_lsn_is_a_moment_too), CASE(names_are_those_of_then),
               CASE(what_was_dropped_and_renamed_since_is_as_it_was),
               CASE(the_memory_limit_holds_for_the_past_as_well));
}
