/* Slates end to end on a world small enough to be worked out by hand. */
#include "feed.h"

/* Items 1-8 are put in this order, a minute apart, the last at FEED_NOW_MS - 1h.
 *
 *   item      1     2     3     4     5     6     7     8
 *   genre     jazz  jazz  jazz  soul  soul  folk  -     jazz
 *   creator   7     7     8     8     9     9     7     -
 *   year      2001  2002  2003  2004  2005  2006  2007  -
 *
 * User 1 follows 8 (0.5) and 9 (2), and blocks 9. */
static const char definitions[] =
    "DEFINE FIELD genre ON item KEYWORD; DEFINE FIELD tags ON item KEYWORD[];"
    "DEFINE FIELD year ON item INTEGER; DEFINE FIELD published ON item TIMESTAMP;"
    "DEFINE FIELD creator ON item REFERENCES creator; DEFINE FIELD owner ON item REFERENCES user;"
    "DEFINE FIELD country ON user KEYWORD;"
    "DEFINE EMBEDDING content ON item DIMENSIONS 3;"
    "DEFINE CONTEXT device KEYWORD; DEFINE CONTEXT hour INTEGER; DEFINE CONTEXT quiet BOOLEAN;"
    "DEFINE CONTEXT since TIMESTAMP; DEFINE CONTEXT bias FLOAT;"
    "DEFINE SIGNAL view ON item HALF LIFE 1h, 24h WINDOWS 1h, 24h VELOCITY 1h;"
    "DEFINE SIGNAL like ON item HALF LIFE 7d WINDOWS 24h UNIQUE PER USER POSITIVE;"
    "DEFINE SIGNAL skip ON item HALF LIFE 24h NEGATIVE;"
    "DEFINE RELATION follows FROM user TO creator;"
    "DEFINE RELATION saves FROM user TO item;"
    "DEFINE RELATION blocks FROM user TO creator EXCLUDING;"
    "DEFINE PROFILE by_year AS FROM all SCORE item.year;"
    "DEFINE PROFILE by_year AS FROM all SCORE -item.year;"
    "PUT user 1 {\"country\": \"de\"};";

static const char *const items[] = {
    "{\"genre\": \"jazz\", \"creator\": 7, \"year\": 2001, \"tags\": [\"live\", \"new\"]}",
    "{\"genre\": \"jazz\", \"creator\": 7, \"year\": 2002, \"tags\": [\"live\"]}",
    "{\"genre\": \"jazz\", \"creator\": 8, \"year\": 2003}",
    "{\"genre\": \"soul\", \"creator\": 8, \"year\": 2004}",
    "{\"genre\": \"soul\", \"creator\": 9, \"year\": 2005}",
    "{\"genre\": \"folk\", \"creator\": 9, \"year\": 2006, \"tags\": [\"new\"]}",
    "{\"creator\": 7, \"year\": 2007}",
    "{\"genre\": \"jazz\"}",
};

static bool open_world(struct feed *feed)
{
    if (!feed_open(feed)) return false;
    feed->now_ms = FEED_NOW_MS - 2 * HOUR_MS;
    if (!feed_script(feed, definitions)) return false;
    for (int i = 0; i < 8; i++) {
        feed->now_ms = FEED_NOW_MS - HOUR_MS + (i - 7) * 60000;
        if (!feed_do(feed, "PUT item %d %s", i + 1, items[i])) return false;
    }
    feed->now_ms = FEED_NOW_MS;
    return feed_script(feed, "RELATE user 1 follows creator 8 WEIGHT 0.5;"
                             "RELATE user 1 follows creator 9 WEIGHT 2;"
                             "RELATE user 1 blocks creator 9;");
}

static void sources_bring_in_what_they_say(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_gives(&feed, "RETRIEVE items", "8 7 6 5 4 3 2 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM all", "8 7 6 5 4 3 2 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM newest(3)", "8 7 6"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 FROM related(user follows creator)",
                     "6 5 4 3"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 FROM related(user follows creator, 3)",
                     "6 5 4"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 2 FROM related(user follows creator)", ""));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM related(user follows creator)", ""));
    CHECK(feed_do(&feed, "RELATE user 1 saves item 2"));
    CHECK(feed_gives(
        &feed, "RETRIEVE items FOR user 1 FROM related(user saves item), newest(2), newest(1)",
        "8 7 2"));
    CHECK_TEXT(feed_cell(&feed,
                         "RETRIEVE items FOR user 1 FROM related(user saves item), newest(2), "
                         "newest(1) RETURNING source",
                         0),
               "newest(2), newest(1)");
    CHECK(feed_close(&feed));
}

/* A source draws from what passes the gates, so that a slate is full if there is enough. */
static void a_source_gives_as_many_as_it_says_of_those_that_pass(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM newest(2) WHERE genre = 'jazz'", "8 3"));
    for (int i = 0; i < 200; i++)
        CHECK(feed_do(&feed, "SIGNAL view ON item 2"));
    for (int i = 0; i < 9; i++)
        CHECK(feed_do(&feed, "SIGNAL view ON item 4; "));
    CHECK(feed_do(&feed, "SIGNAL view ON item 3"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, 1h)", "2 4 3"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, 1h, 1)", "2"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, 1h, 1) WHERE genre = 'soul'", "4"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM trending(view, 1h, 2) WHERE creator = 8", "4 3"));
    CHECK(feed_close(&feed));
}

static void conditions_with_a_missing_value_hold_neither_way(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE genre = 'jazz'", "8 3 2 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE NOT genre = 'jazz'", "6 5 4"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE genre != 'jazz'", "6 5 4"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE genre IS MISSING", "7"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE year > 2005 OR genre = 'jazz'", "8 7 6 3 2 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE tags = 'new'", "6 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE tags != 'new'", "2"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE creator = 7 AND NOT year = 2002", "7 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 WHERE user.country = 'de' AND year < 2003",
                     "2 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 9 WHERE user.country = 'de'", ""));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 9 WHERE NOT user.country = 'de'", ""));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE user.country = 'de'", ""));
    CHECK(feed_close(&feed));
}

static void equal_scores_are_ordered_by_age_then_id(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_do(&feed, "TRANSACTION { PUT item 90 {}; PUT item 30 {}; PUT item 60 {}; }"));
    CHECK(feed_gives(&feed, "RETRIEVE items SCORE 1 LIMIT 5", "30 60 90 8 7"));
    CHECK(feed_gives(&feed, "RETRIEVE items SCORE if(genre = 'jazz', 2, 1) LIMIT 6",
                     "8 3 2 1 30 60"));
    CHECK(feed_close(&feed));
}

static void caps_let_better_items_fill_the_slate_first(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(
        feed_gives(&feed, "RETRIEVE items SCORE item.year DIVERSIFY max 1 per creator", "7 6 4 8"));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items SCORE item.year DIVERSIFY max 2 per creator, max 1 per genre",
                     "7 6 5 3"));
    CHECK(feed_gives(&feed, "RETRIEVE items SCORE -item.year DIVERSIFY max 1 per tags LIMIT 5",
                     "8 1 3 4 5"));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items SCORE item.year DIVERSIFY max 1 per creator LIMIT 2 "
                     "OFFSET 1",
                     "6 4"));
    CHECK(feed_close(&feed));
}

static void pages_by_offset_are_pages_of_one_order(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_gives(&feed, "RETRIEVE items USING by_year LIMIT 3", "8 1 2"));
    CHECK(feed_gives(&feed, "RETRIEVE items USING by_year VERSION 1 LIMIT 3", "7 6 5"));
    CHECK(feed_gives(&feed, "RETRIEVE items USING by_year VERSION 1 LIMIT 3 OFFSET 3", "4 3 2"));
    CHECK(feed_gives(&feed, "RETRIEVE items USING by_year VERSION 1 LIMIT 3 OFFSET 6", "1 8"));
    CHECK(feed_gives(&feed, "RETRIEVE items USING by_year LIMIT 3 OFFSET 8", ""));
    CHECK(feed_gives(&feed, "RETRIEVE items LIMIT 0", ""));
    CHECK(feed_gives(&feed, "RETRIEVE items OFFSET 18446744073709551615", ""));
    CHECK(feed_close(&feed));
}

/* --- Gates --- */

static void a_hide_is_honoured_by_the_next_slate(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    const char *asks = "RETRIEVE items FOR user 1 EXCLUDE hidden LIMIT 3";
    CHECK(feed_gives(&feed, asks, "8 7 6"));
    CHECK(feed_do(&feed, "SIGNAL hide ON item 7 BY user 1"));
    CHECK(feed_gives(&feed, asks, "8 6 5"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 2 EXCLUDE hidden LIMIT 3", "8 7 6"));
    CHECK(feed_do(&feed, "RETRACT SIGNAL hide ON item 7 BY user 1"));
    CHECK(feed_gives(&feed, asks, "8 7 6"));
    CHECK(feed_close(&feed));
}

static void what_was_seen_within_the_age_is_left_out(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_do(&feed, "SIGNAL impression ON item 8 BY user 1 AT %" PRId64,
                  FEED_NOW_MS - 3 * HOUR_MS));
    CHECK(feed_do(&feed, "SIGNAL skip ON item 7 BY user 1 AT %" PRId64, FEED_NOW_MS - HOUR_MS));
    CHECK(feed_do(&feed, "SIGNAL view ON item 6 BY user 1")); /* neutral: not seen */
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 EXCLUDE seen(2h) LIMIT 3", "8 6 5"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 EXCLUDE seen(7d) LIMIT 3", "6 5 4"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 WHERE seen", "8 7"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 WHERE NOT seen(2h) LIMIT 2", "8 6"));
    /* At the edge: (now - age, now]. */
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 EXCLUDE seen(1h) LIMIT 2", "8 7"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 EXCLUDE seen(3600001ms) LIMIT 2", "8 6"));
    CHECK(feed_close(&feed));
}

static void a_block_removes_both_ways_and_only_for_the_two(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 EXCLUDE blocked", "8 7 4 3 2 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 2 EXCLUDE blocked", "8 7 6 5 4 3 2 1"));
    CHECK(feed_do(&feed, "UNRELATE user 1 blocks creator 9"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 EXCLUDE blocked", "8 7 6 5 4 3 2 1"));
    CHECK(feed_do(&feed, "DEFINE RELATION mutes FROM user TO user EXCLUDING"));
    CHECK(feed_do(&feed, "PATCH item 3 {\"owner\": 5}"));
    CHECK(feed_do(&feed, "RELATE user 5 mutes user 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 EXCLUDE blocked", "8 7 6 5 4 2 1"));
    CHECK(feed_close(&feed));
}

/* Nobody has seen, hidden or blocked anything. */
static void without_a_user_the_gates_take_nothing_out(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_do(&feed, "SIGNAL hide ON item 8 BY user 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items EXCLUDE seen(7d), blocked, hidden LIMIT 2", "8 7"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 77 EXCLUDE seen(7d), blocked, hidden LIMIT 2",
                     "8 7"));
    CHECK(feed_close(&feed));
}

/* --- EXPLAIN --- */

static void the_lines_of_an_explanation_add_up_to_the_bit(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    size_t items_seen = 0, lines = 0;
    double sum = 0;
    CHECK(open_world(&feed));
    CHECK(feed_do(&feed, "SIGNAL view ON item 2; "));
    query = feed_prepare(&feed, "EXPLAIN RETRIEVE items FOR user 1 SCORE 0.1 * item.year - 0.7 * "
                                "count(view) + 0.3 * related(user follows creator) - "
                                "250 * if(genre = 'jazz', 1, 0) TIMES 0.7 "
                                "TIMES freshness(item.published, 24h) TIMES 1.1");
    CHECK(query);
    while (tidal_step(query, &feed.error) == TIDAL_ROW) {
        const char *step = tidal_column_text(query, 3, NULL);
        double value = tidal_column_double(query, 4);
        if (strcmp(tidal_column_text(query, 0, NULL), "score") != 0) continue;
        if (strcmp(step, "= score") != 0) {
            sum += value;
            lines++;
            continue;
        }
        CHECK(sum == value);
        CHECK(sum >= 0);
        CHECK_EQ(lines, 8);
        items_seen++;
        lines = 0;
        sum = 0;
    }
    CHECK_EQ(items_seen, 8);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void scores_saturate_and_their_lines_still_add_up(struct test *t)
{
    static const char *const rankings[] = {"SCORE 1e308 + 1e308 - 1e308",
                                           "SCORE pow(item.year, 300) + pow(item.year, 300)",
                                           "SCORE -1e308 - 1.7e308 + item.year TIMES 1e300",
                                           "SCORE 1e300 TIMES 1e300 TIMES 1e300",
                                           "SCORE 1.7e308 * item.year - 1.7e308 * item.year - 5",
                                           "SCORE 0 * item.year TIMES 0"};
    struct feed feed;
    CHECK(open_world(&feed));
    for (size_t i = 0; i < sizeof rankings / sizeof *rankings; i++) {
        char text[512];
        snprintf(text, sizeof text, "EXPLAIN RETRIEVE items %s", rankings[i]);
        tidal_query *query = feed_prepare(&feed, text);
        double sum = 0;
        CHECK(query);
        while (tidal_step(query, &feed.error) == TIDAL_ROW) {
            double value = tidal_column_double(query, 4);
            if (strcmp(tidal_column_text(query, 0, NULL), "score") != 0) continue;
            CHECK(value - value == 0); /* finite */
            if (strcmp(tidal_column_text(query, 3, NULL), "= score") == 0) {
                CHECK(sum == value);
                sum = 0;
            } else {
                sum += value;
            }
        }
        tidal_query_free(query);
    }
    CHECK(feed_close(&feed));
}

/* A penalty stays a penalty: a factor does not lift what is below zero over what is above. */
static void a_factor_never_lifts_a_penalised_item(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items SCORE 1 * if(year = 2001, 1, 0) - 1 * if(year = 2002, 1, 0) "
                     "TIMES if(year = 2002, 0.01, 1) WHERE year < 2004",
                     "1 3 2"));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items SCORE 1 * if(year = 2001, 1, 0) - 1 * if(year = 2002, 1, 0) "
                     "TIMES if(year = 2002, 100, 1) WHERE year < 2004",
                     "1 3 2"));
    CHECK(feed_close(&feed));
}

static void the_plan_counts_what_each_step_left(struct test *t)
{
    static const char *const steps[] = {
        "alive 8",  "where year > 2001 6", "exclude 4", "from newest(3) 3", "from all 4",
        "scored 4", "diversify 2",         "slate 2"};
    struct feed feed;
    size_t step = 0;
    CHECK(open_world(&feed));
    tidal_query *query = feed_prepare(
        &feed, "EXPLAIN RETRIEVE items FOR user 1 FROM newest(3), all EXCLUDE blocked DIVERSIFY "
               "max 1 per creator WHERE year > 2001");
    CHECK(query);
    while (tidal_step(query, &feed.error) == TIDAL_ROW &&
           strcmp(tidal_column_text(query, 0, NULL), "plan") == 0) {
        char line[256];
        snprintf(line, sizeof line, "%s %g", tidal_column_text(query, 3, NULL),
                 tidal_column_double(query, 4));
        CHECK(step < sizeof steps / sizeof *steps);
        CHECK_TEXT(line, steps[step]);
        step++;
    }
    CHECK_EQ(step, sizeof steps / sizeof *steps);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

/* --- WHY NOT --- */

static bool why(struct feed *feed, const char *text, const char *gate, const char *evidence)
{
    char got[512];
    snprintf(got, sizeof got, "%s", feed_cell(feed, text, 0));
    if (strcmp(got, gate) != 0) {
        fprintf(stderr, "    %s\n    -> gate '%s', want '%s'\n", text, got, gate);
        return false;
    }
    snprintf(got, sizeof got, "%s", feed_cell(feed, text, 1));
    if (strcmp(got, evidence) == 0) return true;
    fprintf(stderr, "    %s\n    -> '%s', want '%s'\n", text, got, evidence);
    return false;
}

static void the_first_gate_is_named_with_its_evidence(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_do(&feed, "DELETE item 1"));
    CHECK(why(&feed, "WHY NOT item 1 IN RETRIEVE items", "deleted",
              "the item was deleted, or never PUT"));
    CHECK(why(&feed, "WHY NOT item 2 IN RETRIEVE items WHERE year > 2000 AND genre = 'soul'",
              "where", "'genre = 'soul'' is false"));
    CHECK(why(&feed, "WHY NOT item 8 IN RETRIEVE items WHERE genre = 'jazz' AND year > 2000",
              "where", "'year > 2000' is unknown: a value is missing"));
    CHECK(why(&feed, "WHY NOT item 5 IN RETRIEVE items FOR user 1 EXCLUDE blocked", "blocked",
              "relation 'blocks' lies between the user and creator 9"));
    CHECK(feed_do(&feed, "SIGNAL hide ON item 4 BY user 1 AT '2026-11-01T09:30:00Z'"));
    CHECK(why(&feed, "WHY NOT item 4 IN RETRIEVE items FOR user 1 EXCLUDE hidden", "hidden",
              "hidden by the user at 2026-11-01T09:30:00Z"));
    CHECK(feed_do(&feed, "SIGNAL impression ON item 3 BY user 1 AT '2026-11-01T09:30:00Z'"));
    CHECK(feed_do(&feed, "SIGNAL impression ON item 3 BY user 1 AT '2026-11-01T09:40:00Z'"));
    CHECK(why(&feed, "WHY NOT item 3 IN RETRIEVE items FOR user 1 EXCLUDE blocked, seen(1h)",
              "seen", "seen by the user 2 times, last at 2026-11-01T09:40:00Z"));
    CHECK(why(&feed, "WHY NOT item 3 IN RETRIEVE items FROM newest(2)", "source",
              "no source brought it in: newest(2)"));
    CHECK(why(&feed, "WHY NOT item 2 IN RETRIEVE items SCORE item.year DIVERSIFY max 1 per creator",
              "diversify", "max 1 per creator: better items fill it"));
    CHECK(why(&feed, "WHY NOT item 2 IN RETRIEVE items SCORE item.year LIMIT 3", "rank",
              "5 items rank higher; the slate ends at place 3"));
    CHECK(why(&feed, "WHY NOT item 7 IN RETRIEVE items SCORE item.year LIMIT 3 OFFSET 1", "rank",
              "it ranks before OFFSET 1"));
    CHECK(why(&feed, "WHY NOT item 7 IN RETRIEVE items SCORE item.year LIMIT 3", "none",
              "it is in the slate, at place 1"));
    CHECK(feed_close(&feed));
}

/* The half-open rule of all times: at its time it is over. */
static void an_item_is_gone_from_the_time_at_which_it_expires(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM newest(2)", "8 7"));
    CHECK(feed_do(&feed, "DEFINE FIELD until ON item TIMESTAMP EXPIRES"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM newest(2)", "8 7"));
    CHECK(feed_do(&feed, "PATCH item 8 {\"until\": \"2026-11-01T10:00:00Z\"}"));
    CHECK(feed_do(&feed, "PATCH item 7 {\"until\": \"2026-11-01T10:00:00.001Z\"}"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM newest(2)", "7 6"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM newest(2) NOW '2026-11-01T10:00:01Z'", "6 5"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE until IS MISSING LIMIT 2", "6 5"));
    CHECK(why(&feed, "WHY NOT item 8 IN RETRIEVE items WHERE year = 1", "expired",
              "'until' is 2026-11-01T10:00:00Z: it has expired"));
    CHECK(why(&feed, "WHY NOT item 7 IN RETRIEVE items SCORE item.year LIMIT 1", "none",
              "it is in the slate, at place 1"));
    tidal_query *query = feed_prepare(&feed, "EXPLAIN RETRIEVE items");
    CHECK(query);
    CHECK_EQ(tidal_step(query, NULL), TIDAL_ROW);
    CHECK_EQ(tidal_step(query, NULL), TIDAL_ROW);
    CHECK_TEXT(tidal_column_text(query, 3, NULL), "expired");
    CHECK_EQ(tidal_column_i64(query, 4), 7);
    tidal_query_free(query);
    CHECK(feed_do(&feed, "PATCH item 8 {\"until\": null}"));
    CHECK(feed_gives(&feed, "RETRIEVE items FROM newest(2)", "8 7"));
    CHECK(feed_close(&feed));
}

/* What a cap leaves out takes no place: the rank told is that among those that are left. */
static void the_rank_of_an_item_counts_what_the_caps_left(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    /* 7 6 4 8 with caps; 5, 3, 2, 1 are left out */
    CHECK(why(&feed,
              "WHY NOT item 6 IN RETRIEVE items SCORE item.year DIVERSIFY max 1 per creator "
              "LIMIT 1 OFFSET 2",
              "rank", "it ranks before OFFSET 2"));
    CHECK(why(&feed,
              "WHY NOT item 8 IN RETRIEVE items SCORE item.year DIVERSIFY max 1 per creator "
              "LIMIT 2",
              "rank", "3 items rank higher; the slate ends at place 2"));
    CHECK(why(&feed,
              "WHY NOT item 4 IN RETRIEVE items SCORE item.year DIVERSIFY max 1 per creator "
              "LIMIT 1 OFFSET 3",
              "rank", "it ranks before OFFSET 3"));
    CHECK(feed_close(&feed));
}

/* --- NOW, SEED, CONTEXT, parameters --- */

static void now_and_seed_are_echoed_and_give_the_same_slate_again(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    for (int i = 0; i < 30; i++)
        CHECK(feed_do(&feed, "SIGNAL view ON item %d AT %" PRId64, i % 7 + 1,
                      FEED_NOW_MS - (30 - i) * 60000));
    const char *ranking = "RETRIEVE items SCORE decay(view, 1h) + 0.1 * velocity(view, 1h)";
    tidal_query *query = feed_prepare(&feed, ranking);
    CHECK(query);
    CHECK_EQ(feed_rows(&feed, query), TIDAL_DONE);
    CHECK_EQ(tidal_query_now(query), FEED_NOW_MS);
    CHECK_EQ(tidal_query_seed(query), 0);
    tidal_query_free(query);
    struct feed before = feed;
    feed.now_ms += 5 * DAY_MS;
    char text[256];
    snprintf(text, sizeof text, "%s NOW %" PRId64 " SEED 77", ranking, FEED_NOW_MS);
    query = feed_prepare(&feed, text);
    CHECK(query);
    CHECK_EQ(feed_rows(&feed, query), TIDAL_DONE);
    CHECK_EQ(tidal_query_now(query), FEED_NOW_MS);
    CHECK_EQ(tidal_query_seed(query), 77);
    CHECK_EQ(feed.count, 8);
    CHECK(memcmp(feed.ids, before.ids, sizeof feed.ids) == 0);
    CHECK(memcmp(feed.scores, before.scores, sizeof feed.scores) == 0);
    tidal_query_free(query);
    CHECK(feed_ask(&feed, ranking));
    CHECK(feed.scores[0] < before.scores[0]);
    CHECK(feed_close(&feed));
}

static void a_context_is_given_with_the_query_or_missing(struct test *t)
{
    struct feed feed;
    CHECK(open_world(&feed));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE context.device = 'tv' AND year > 2006", ""));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items WHERE context.device = 'tv' AND year > 2006 "
                     "CONTEXT device = 'tv'",
                     "7"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE context.device IS MISSING LIMIT 1", "8"));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items SCORE if(context.quiet, -item.year, item.year) * "
                     "context.hour LIMIT 2 CONTEXT quiet = true, hour = 3",
                     "8 1"));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items SCORE coalesce(context.bias, 1) * item.year LIMIT 1 "
                     "CONTEXT bias = -0.5",
                     "8"));
    CHECK(feed_gives(&feed,
                     "RETRIEVE items WHERE context.since < '2026-01-01T00:00:00Z' LIMIT 1 "
                     "CONTEXT since = '2025-01-01T00:00:00Z'",
                     "8"));
    tidal_query *query = feed_prepare(
        &feed, "RETRIEVE items WHERE context.device = 'tv' LIMIT 1 CONTEXT device = $d");
    CHECK(query);
    CHECK_EQ(tidal_bind_text(query, "d", "phone", -1, NULL), TIDAL_OK);
    CHECK_EQ(feed_rows(&feed, query), TIDAL_DONE);
    CHECK_EQ(feed.count, 0);
    tidal_reset(query);
    CHECK_EQ(tidal_bind_text(query, "d", "tv", -1, NULL), TIDAL_OK);
    CHECK_EQ(feed_rows(&feed, query), TIDAL_DONE);
    CHECK_EQ(feed.count, 1);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void parameters_of_every_type_take_the_place_of_literals(struct test *t)
{
    struct feed feed;
    const uint64_t years[] = {2001, 2003}, creators[] = {9, UINT64_MAX};
    const char *const genres[] = {"soul", "folk"};
    CHECK(open_world(&feed));
    tidal_query *query = feed_prepare(
        &feed, "RETRIEVE items FOR user $user SCORE $w * item.year WHERE (year IN $years OR "
               "creator IN $creators OR genre IN $genres) AND $yes AND published IS MISSING "
               "LIMIT $limit OFFSET $offset NOW $now SEED $seed");
    CHECK(query);
    CHECK_EQ(tidal_bind_u64(query, "user", 1, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_double(query, "w", -1, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_u64_list(query, "years", years, 2, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_u64_list(query, "creators", creators, 2, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_text_list(query, "genres", genres, 2, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_bool(query, "yes", true, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_u64(query, "limit", 3, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_u64(query, "offset", 1, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_text(query, "now", "2026-11-02T00:00:00Z", -1, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_i64(query, "seed", 12, NULL), TIDAL_OK);
    CHECK_EQ(feed_rows(&feed, query), TIDAL_DONE);
    CHECK_EQ(feed.count, 3); /* of 1 3 4 5 6 */
    CHECK(feed.ids[0] == 3 && feed.ids[1] == 4 && feed.ids[2] == 5);
    CHECK_EQ(tidal_query_seed(query), 12);
    tidal_reset(query);
    CHECK_EQ(tidal_bind_u64_list(query, "creators", NULL, 0, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_text_list(query, "genres", NULL, 0, NULL), TIDAL_OK);
    CHECK_EQ(feed_rows(&feed, query), TIDAL_DONE);
    CHECK_EQ(feed.count, 1);
    CHECK_EQ(feed.ids[0], 3);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(sources_bring_in_what_they_say),
        CASE(a_source_gives_as_many_as_it_says_of_those_that_pass),
        CASE(conditions_with_a_missing_value_hold_neither_way),
        CASE(equal_scores_are_ordered_by_age_then_id),
        CASE(caps_let_better_items_fill_the_slate_first),
        CASE(pages_by_offset_are_pages_of_one_order), CASE(a_hide_is_honoured_by_the_next_slate),
        CASE(what_was_seen_within_the_age_is_left_out),
        CASE(a_block_removes_both_ways_and_only_for_the_two),
        CASE(without_a_user_the_gates_take_nothing_out),
        CASE(the_lines_of_an_explanation_add_up_to_the_bit),
        CASE(scores_saturate_and_their_lines_still_add_up),
        CASE(a_factor_never_lifts_a_penalised_item), CASE(the_plan_counts_what_each_step_left),
        CASE(the_first_gate_is_named_with_its_evidence),
        CASE(an_item_is_gone_from_the_time_at_which_it_expires),
        CASE(the_rank_of_an_item_counts_what_the_caps_left),
        CASE(now_and_seed_are_echoed_and_give_the_same_slate_again),
        CASE(a_context_is_given_with_the_query_or_missing),
        CASE(parameters_of_every_type_take_the_place_of_literals));
}
