/* Cursors: how a consumer of the log comes back to where it was. */
#include "feed.h"

#include "harness/folder.h"

static tidal_query *prepare(struct feed *feed, const char *text)
{
    tidal_query *query;
    if (tidal_prepare(feed->db, text, -1, &query, &feed->error) == TIDAL_OK) return query;
    fprintf(stderr, "%s: %s\n", text, feed->error.message);
    return NULL;
}

/* Reads up to `most` rows of the cursor and advances it behind them; their number, or -1. */
static int consume(struct feed *feed, tidal_query *tail, tidal_query *advance, uint64_t most)
{
    int rows = 0;
    tidal_code code;
    tidal_reset(tail);
    if (tidal_bind_u64(tail, "most", most, NULL) != TIDAL_OK) return -1;
    while ((code = tidal_step(tail, &feed->error)) == TIDAL_ROW)
        rows++;
    if (code != TIDAL_DONE) return -1;
    if (rows == 0) return 0;
    tidal_reset(advance);
    if (tidal_bind_u64(advance, "lsn", tidal_query_lsn(tail), NULL) != TIDAL_OK) return -1;
    return tidal_step(advance, &feed->error) == TIDAL_DONE ? rows : -1;
}

static void a_consumer_gets_each_change_once_also_after_a_restart(struct test *t)
{
    struct feed feed;
    struct folder folder;
    char path[300];
    int rows = 0, got;
    CHECK(folder_make(&folder));
    snprintf(path, sizeof path, "%s/db", folder.path);
    CHECK(feed_open_at(&feed, path, NULL) && feed_define(&feed));
    CHECK_EQ(feed_run(&feed, "DEFINE CURSOR search"), TIDAL_OK);
    for (int restart = 0; restart < 4; restart++) {
        for (int i = 0; i < 25; i++)
            CHECK_EQ(feed_run(&feed, "SIGNAL view ON item 1"), TIDAL_OK);
        tidal_query *tail = prepare(&feed, "TAIL CURSOR search LIMIT $most");
        tidal_query *advance = prepare(&feed, "ADVANCE CURSOR search TO $lsn");
        CHECK(tail && advance);
        for (int i = 0; i < (restart < 3 ? 2 : 100); i++) {
            got = consume(&feed, tail, advance, 7);
            CHECK(got >= 0);
            rows += got;
            if (got == 0) break; /* it does not read the notes that it makes */
        }
        tidal_query_free(tail);
        tidal_query_free(advance);
        CHECK(feed_close(&feed));
        CHECK(feed_open_at(&feed, path, NULL));
    }
    CHECK_EQ(got, 0);
    CHECK_EQ(rows, 100);
    CHECK(feed_close(&feed));
    folder_remove(&folder);
}

static void what_is_wrong_is_told_and_changes_nothing(struct test *t)
{
    static const struct {
        const char *text;
        tidal_code code;
        const char *message;
    } cases[] = {
        {"DEFINE CURSOR search", TIDAL_INVALID, "cursor 'search' is defined already"},
        {"DEFINE CURSOR ahead FROM 99", TIDAL_INVALID,
         "cursor 'ahead' cannot stand at LSN 98: the log ends at 13"},
        {"ADVANCE CURSOR search TO 4", TIDAL_INVALID,
         "cursor 'search' stands at LSN 5 and does not go back to 4"},
        {"ADVANCE CURSOR search TO 14", TIDAL_INVALID,
         "cursor 'search' cannot stand at LSN 14: the log ends at 13"},
        {"ADVANCE CURSOR serch TO 4", TIDAL_NOT_FOUND, "cursor 'serch' does not exist"},
        {"DROP CURSOR other", TIDAL_NOT_FOUND, "cursor 'other' does not exist"},
        {"TAIL CURSOR other", TIDAL_NOT_FOUND, "cursor 'other' does not exist"},
        {"DEFINE CURSOR Search", TIDAL_INVALID, NULL},
        {"DEFINE CURSOR user", TIDAL_INVALID, NULL},
        {"TRANSACTION { DROP CURSOR search; }", TIDAL_INVALID, NULL},
    };
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK_EQ(feed_run(&feed, "DEFINE CURSOR search FROM 1"), TIDAL_OK);
    CHECK_EQ(feed_run(&feed, "ADVANCE CURSOR search TO 5"), TIDAL_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_EQ(feed_run(&feed, cases[i].text), cases[i].code);
        if (cases[i].message) CHECK_TEXT(feed.error.message, cases[i].message);
        CHECK_EQ(tidal_lsn(feed.db), 13);
    }
    tidal_query *query = prepare(&feed, "SHOW CURSORS");
    CHECK(query);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_TEXT(tidal_column_text(query, 0, NULL), "search");
    CHECK_EQ(tidal_column_u64(query, 1), 5);
    CHECK_EQ(tidal_column_i64(query, 2), 8);
    CHECK(tidal_column_bool(query, 3));
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_DONE);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static uint64_t oldest(struct feed *feed)
{
    tidal_status status;
    tidal_get_status(feed->db, &status);
    return status.oldest_lsn;
}

static bool fill(struct feed *feed, int count)
{
    for (int i = 0; i < count; i++)
        if (feed_run(feed, "SIGNAL view ON item 1") != TIDAL_OK) return false;
    return tidal_checkpoint(feed->db, &feed->error) == TIDAL_OK;
}

/* 16 MiB of log: a cursor may hold 8 MiB of it. */
static void a_cursor_holds_the_log_as_long_as_half_of_it_is_enough(struct test *t)
{
    const tidal_options options = {
        .segment_bytes = 1 << 20, .log_limit_bytes = 16 << 20, .dedupe_count = 1};
    struct feed feed;
    char text[80];
    CHECK(feed_open_at(&feed, ":memory:", &options) && feed_define(&feed));
    CHECK_EQ(feed_run(&feed, "DEFINE CURSOR slow FROM 5"), TIDAL_OK);
    CHECK(fill(&feed, 1000));
    CHECK_EQ(oldest(&feed), 1);
    CHECK_EQ(feed_run(&feed, "DEFINE CURSOR fast"), TIDAL_OK);
    CHECK_EQ(feed_run(&feed, "ADVANCE CURSOR slow TO 500"), TIDAL_OK);
    CHECK(fill(&feed, 200));
    CHECK(oldest(&feed) > 1 && oldest(&feed) <= 501);
    for (int i = 0; i < 10; i++)
        CHECK(fill(&feed, 500));
    uint64_t begin = oldest(&feed);
    CHECK(begin > 501); /* writing went on, the cursor was overrun */
    tidal_query *query = prepare(&feed, "TAIL CURSOR slow");
    CHECK(query);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_NOT_RETAINED);
    snprintf(text, sizeof text, "LSN 501 is not in the log any more: it begins at %" PRIu64, begin);
    CHECK_TEXT(feed.error.message, text);
    CHECK(strstr(feed.error.hint, "overrun"));
    snprintf(text, sizeof text, "ADVANCE CURSOR slow TO %" PRIu64, begin - 1);
    CHECK_EQ(feed_run(&feed, text), TIDAL_OK);
    tidal_reset(query);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_EQ(tidal_column_u64(query, 0), begin);
    tidal_query_free(query);
    CHECK_EQ(feed_run(&feed, "DROP CURSOR slow"), TIDAL_OK);
    CHECK_EQ(feed_run(&feed, "DROP CURSOR fast"), TIDAL_OK);
    CHECK(fill(&feed, 300));
    CHECK(oldest(&feed) + 1000 > tidal_lsn(feed.db));
    CHECK(feed_close(&feed));
}

static void a_database_opened_read_only_can_be_tailed(struct test *t)
{
    const tidal_options options = {.read_only = true};
    struct feed feed;
    struct folder folder;
    char path[300];
    CHECK(folder_make(&folder));
    snprintf(path, sizeof path, "%s/db", folder.path);
    CHECK(feed_open_at(&feed, path, NULL) && feed_define(&feed));
    CHECK_EQ(feed_run(&feed, "DEFINE CURSOR search FROM 1"), TIDAL_OK);
    CHECK(feed_close(&feed));
    CHECK(feed_open_at(&feed, path, &options));
    CHECK_EQ(feed_run(&feed, "DROP CURSOR search"), TIDAL_READ_ONLY);
    tidal_query *query = prepare(&feed, "TAIL CURSOR search WHERE kind IN ('put')");
    CHECK(query);
    for (uint64_t item = 1; item <= 2; item++) {
        CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
        CHECK_EQ(tidal_column_u64(query, 4), item);
    }
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_TEXT(tidal_column_text(query, 5, NULL), "film-3");
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_DONE);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
    folder_remove(&folder);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_consumer_gets_each_change_once_also_after_a_restart),
               CASE(what_is_wrong_is_told_and_changes_nothing),
               CASE(a_cursor_holds_the_log_as_long_as_half_of_it_is_enough),
               CASE(a_database_opened_read_only_can_be_tailed));
}
