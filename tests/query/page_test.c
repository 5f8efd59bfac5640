/* RETRIEVE ... PAGED and NEXT PAGE: one order, cut into pages. */
#include "feed.h"

enum { ITEMS = 100 };

static bool world_open(struct feed *feed)
{
    if (!feed_open(feed) ||
        !feed_script(feed, "DEFINE FIELD genre ON item KEYWORD; DEFINE FIELD year ON item INTEGER;"
                           "DEFINE SIGNAL view ON item HALF LIFE 7d;"))
        return false;
    for (int item = 1; item <= ITEMS; item++)
        if (!feed_do(feed, "PUT item %d {\"genre\": \"%s\", \"year\": %d}", item,
                     item % 2 ? "jazz" : "soul", 2100 - item))
            return false;
    return true;
}

/* The statement's rows, and the number of what comes behind them. */
static bool ask(struct feed *feed, const char *text, uint64_t *page)
{
    tidal_query *query = feed_prepare(feed, text);
    tidal_code code = query ? feed_rows(feed, query) : TIDAL_INVALID;
    *page = query ? tidal_query_page(query) : 0;
    tidal_query_free(query);
    return code == TIDAL_DONE;
}

static bool next(struct feed *feed, uint64_t *page)
{
    char text[64];
    snprintf(text, sizeof text, "NEXT PAGE OF %" PRIu64, *page);
    return ask(feed, text, page);
}

/* While what ranks them changes with every page. */
static void pages_together_are_the_order_of_the_first_moment(struct test *t)
{
    struct feed feed;
    uint64_t page;
    CHECK(world_open(&feed));
    CHECK(
        ask(&feed, "RETRIEVE items SCORE item.year + 1000 * decay(view, 7d) LIMIT 7 PAGED", &page));
    uint64_t wanted = 1;
    for (int pages = 1;; pages++) {
        CHECK_EQ(feed.count, pages <= ITEMS / 7 ? 7 : ITEMS % 7);
        for (size_t i = 0; i < feed.count; i++, wanted++) {
            CHECK_EQ(feed.ids[i], wanted);
            CHECK_EQ(feed.scores[i], 2100 - (double)wanted);
        }
        if (page == 0) break;
        CHECK(feed_do(&feed, "SIGNAL view ON item %d BY user 1", ITEMS - pages));
        CHECK(feed_do(&feed, "PATCH item 1 {\"year\": %d}", pages));
        feed.now_ms += 60000;
        CHECK(next(&feed, &page));
    }
    CHECK_EQ(wanted, ITEMS + 1);
    CHECK(feed_close(&feed));
}

static void what_may_not_be_shown_any_more_is_left_out(struct test *t)
{
    struct feed feed;
    uint64_t page;
    CHECK(world_open(&feed));
    CHECK(ask(&feed,
              "RETRIEVE items FOR user 5 SCORE item.year EXCLUDE hidden WHERE genre = 'jazz' LIMIT "
              "2 PAGED",
              &page));
    CHECK_EQ(feed.ids[1], 3);
    CHECK(feed_do(&feed, "SIGNAL hide ON item 5 BY user 5"));
    CHECK(feed_do(&feed, "DELETE item 9"));
    CHECK(feed_do(&feed, "PATCH item 11 {\"genre\": \"soul\"}"));
    CHECK(feed_do(&feed, "PATCH item 2 {\"genre\": \"jazz\"}")); /* too late for this order */
    CHECK(next(&feed, &page));
    CHECK_EQ(feed.count, 2);
    CHECK_EQ(feed.ids[0], 7);
    CHECK_EQ(feed.ids[1], 13);
    CHECK(feed_close(&feed));
}

static void a_page_keeps_its_parameters_columns_and_profile(struct test *t)
{
    struct feed feed;
    char text[96];
    CHECK(world_open(&feed));
    CHECK(feed_do(&feed, "DEFINE PROFILE home AS FROM newest(50), all SCORE item.year"));
    tidal_query *query = feed_prepare(&feed, "RETRIEVE items USING home WHERE genre IN $genres "
                                             "RETURNING rank, key, source LIMIT 3 OFFSET 1 PAGED");
    const char *genres[] = {"soul", "rock"};
    CHECK_EQ(tidal_bind_text_list(query, "genres", genres, 2, &feed.error), TIDAL_OK);
    CHECK_EQ(feed_rows(&feed, query), TIDAL_DONE);
    uint64_t page = tidal_query_page(query);
    tidal_query_free(query);
    CHECK(page != 0);
    CHECK(feed_do(&feed, "DEFINE PROFILE home AS SCORE -item.year"));
    snprintf(text, sizeof text, "NEXT PAGE OF %" PRIu64 " LIMIT 2", page);
    query = feed_prepare(&feed, text);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_EQ(tidal_column_count(query), 3);
    CHECK_EQ(tidal_column_i64(query, 0), 5); /* OFFSET 1, and a page of 3 */
    CHECK_TEXT(tidal_column_text(query, 2, NULL), "newest(50), all");
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_DONE);
    CHECK_EQ(tidal_query_page(query), page);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void a_now_that_was_given_stays_until_events_pass_it(struct test *t)
{
    struct feed feed;
    uint64_t page;
    CHECK(world_open(&feed));
    CHECK(ask(&feed, "RETRIEVE items LIMIT 3 NOW '2026-11-01T10:10:00Z' PAGED", &page));
    feed.now_ms += HOUR_MS / 2;
    CHECK(feed_do(&feed, "SIGNAL view ON item 1 BY user 1"));
    CHECK(next(&feed, &page));
    CHECK_EQ(feed.count, 3);
    CHECK(feed_close(&feed));
}

static void old_pages_make_room_for_new_ones(struct test *t)
{
    struct feed feed;
    uint64_t first, second, page;
    CHECK(world_open(&feed));
    CHECK(ask(&feed, "RETRIEVE items LIMIT 1 PAGED", &first));
    feed.now_ms += 1000;
    CHECK(ask(&feed, "RETRIEVE items LIMIT 1 PAGED", &second));
    feed.now_ms += 1000;
    CHECK(next(&feed, &first)); /* so that it was asked for later */
    for (int i = 0; i < 1023; i++)
        CHECK(ask(&feed, "RETRIEVE items LIMIT 1 PAGED", &page));
    CHECK(next(&feed, &first));
    char text[64], message[64];
    snprintf(text, sizeof text, "NEXT PAGE OF %" PRIu64, second);
    snprintf(message, sizeof message, "there is no page %" PRIu64, second);
    CHECK(feed_refuses(&feed, text, TIDAL_NOT_FOUND, message));
    feed.now_ms += HOUR_MS;
    snprintf(text, sizeof text, "NEXT PAGE OF %" PRIu64, first);
    snprintf(message, sizeof message, "there is no page %" PRIu64, first);
    CHECK(feed_refuses(&feed, text, TIDAL_NOT_FOUND, message));
    CHECK(feed_close(&feed));
}

static void mistakes_are_told(struct test *t)
{
    struct feed feed;
    uint64_t page;
    CHECK(world_open(&feed));
    CHECK(feed_refuses(&feed, "NEXT PAGE OF 12", TIDAL_NOT_FOUND, "there is no page 12"));
    CHECK(feed_refuses(&feed, "EXPLAIN RETRIEVE items PAGED", TIDAL_INVALID,
                       "PAGED and EXPLAIN exclude each other"));
    CHECK(feed_refuses(&feed, "WHY NOT item 1 IN RETRIEVE items PAGED", TIDAL_INVALID,
                       "PAGED and WHY NOT exclude each other"));
    CHECK(feed_refuses(&feed, "RETRIEVE items PAGED AS OF LSN 1", TIDAL_INVALID,
                       "PAGED and AS OF exclude each other"));
    CHECK(feed_refuses(&feed, "RETRIEVE items PAGED RECORD", TIDAL_INVALID,
                       "PAGED and RECORD exclude each other"));
    CHECK(feed_refuses(&feed, "RETRIEVE items RETURNING id, explain PAGED", TIDAL_INVALID,
                       "PAGED and RETURNING explain exclude each other"));
    CHECK(ask(&feed, "RETRIEVE items LIMIT 100 PAGED", &page));
    CHECK_EQ(page, 0); /* there is no more */
    CHECK(ask(&feed, "RETRIEVE items LIMIT 5", &page));
    CHECK_EQ(page, 0);
    /* What fails leaves the page as it was. */
    CHECK(ask(&feed, "RETRIEVE items SCORE item.year LIMIT 2 PAGED", &page));
    char text[64];
    snprintf(text, sizeof text, "NEXT PAGE OF %" PRIu64 " LIMIT $n", page);
    CHECK(feed_refuses(&feed, text, TIDAL_INVALID, "parameter '$n' has no value"));
    CHECK(next(&feed, &page));
    CHECK_EQ(feed.ids[0], 3);
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(pages_together_are_the_order_of_the_first_moment),
               CASE(what_may_not_be_shown_any_more_is_left_out),
               CASE(a_page_keeps_its_parameters_columns_and_profile),
               CASE(a_now_that_was_given_stays_until_events_pass_it),
               CASE(old_pages_make_room_for_new_ones), CASE(mistakes_are_told));
}
