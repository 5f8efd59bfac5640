#include "feed.h"

static void an_item_is_found_as_soon_as_its_put_returns(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM newest(10) RETURNING id, title, year", -1,
                           &query, &feed.error),
             TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_EQ(tidal_column_count(query), 3);
    CHECK_TEXT(tidal_column_name(query, 1), "title");
    CHECK_EQ(tidal_column_type(query, 0), TIDAL_ID);
    CHECK_EQ(tidal_column_u64(query, 0), 1);
    CHECK_TEXT(tidal_column_text(query, 1, NULL), "Night drive");
    CHECK_EQ(tidal_column_i64(query, 2), 2011);
    CHECK_EQ(tidal_query_lsn(query), tidal_lsn(feed.db));
    CHECK_EQ(tidal_query_now(query), FEED_NOW_MS);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

/* Ids of the rows, in order; the count is the return value, -1 on an error. */
static int ids_of(struct feed *feed, tidal_query *query, uint64_t *ids)
{
    int count = 0;
    for (;;) {
        tidal_code code = tidal_step(query, &feed->error);
        if (code == TIDAL_DONE) return count;
        if (code != TIDAL_ROW || count == 8) return -1;
        ids[count++] = tidal_column_u64(query, 0);
    }
}

static void a_query_runs_again_with_other_values_after_a_reset(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    uint64_t ids[8];
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db,
                           "RETRIEVE items FROM all SCORE item.year "
                           "WHERE genre = $genre AND year >= $from LIMIT $limit",
                           -1, &query, &feed.error),
             TIDAL_OK);
    CHECK_EQ(tidal_bind_text(query, "genre", "jazz", -1, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_i64(query, "from", 2000, NULL), TIDAL_OK);
    CHECK_EQ(tidal_bind_u64(query, "limit", 5, NULL), TIDAL_OK);
    CHECK_EQ(ids_of(&feed, query, ids), 2);
    CHECK_EQ(ids[0], 2);
    CHECK_EQ(ids[1], 1);
    tidal_reset(query);
    CHECK_EQ(tidal_bind_text(query, "genre", "soul!", 4, NULL), TIDAL_OK);
    CHECK_EQ(ids_of(&feed, query, ids), 1);
    CHECK_EQ(ids[0], 3);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void lists_of_ids_and_of_texts_can_be_bound(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    uint64_t ids[8];
    const uint64_t creators[] = {5, 7, UINT64_MAX};
    const char *const genres[] = {"soul", "folk"};
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM all WHERE creator IN $creators", -1,
                           &query, &feed.error),
             TIDAL_OK);
    CHECK_EQ(tidal_bind_u64_list(query, "creators", creators, 3, NULL), TIDAL_OK);
    CHECK_EQ(ids_of(&feed, query, ids), 1);
    CHECK_EQ(ids[0], 1);
    tidal_query_free(query);
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM all WHERE genre IN $genres", -1, &query,
                           &feed.error),
             TIDAL_OK);
    CHECK_EQ(tidal_bind_text_list(query, "genres", genres, 2, NULL), TIDAL_OK);
    CHECK_EQ(ids_of(&feed, query, ids), 1);
    CHECK_EQ(ids[0], 3);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void misspelt_names_are_told_when_the_statement_is_prepared(struct test *t)
{
    static const struct {
        const char *text;
        uint64_t position;
        const char *hint;
    } cases[] = {
        {"SIGNAL vew ON item 1", 7, "view"},
        {"RELATE user 1 folows creator 2", 14, "follows"},
        {"RETRIEVE items FROM all WHERE genr = 'jazz'", 30, "genre"},
        {"RETRIEVE items FROM all RETURNING titel", 34, "title"},
        {"RETRIEVE items USING nobody", 21, "SHOW PROFILES"},
    };
    struct feed feed;
    CHECK(feed_open(&feed));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tidal_query *query;
        tidal_code code = tidal_prepare(feed.db, cases[i].text, -1, &query, &feed.error);
        CHECK(code == TIDAL_NOT_FOUND || code == TIDAL_INVALID);
        CHECK(!query);
        CHECK_EQ(feed.error.position, cases[i].position);
        CHECK(strstr(feed.error.hint, cases[i].hint));
    }
    CHECK(feed_close(&feed));
}

static void an_unbound_parameter_is_an_error_that_names_it(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db, "SIGNAL view ON item $item", -1, &query, &feed.error),
             TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_INVALID);
    CHECK(strstr(feed.error.message, "'$item'"));
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_MISUSE);
    tidal_reset(query);
    CHECK_EQ(tidal_bind_u64(query, "item", 1, NULL), TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_DONE);
    CHECK_EQ(tidal_query_lsn(query), tidal_lsn(feed.db));
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void values_that_are_no_values_are_refused_when_bound(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    const float vector[] = {1, 0.0f / 0.0f, 0};
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM all WHERE year > $x", -1, &query, NULL),
             TIDAL_OK);
    CHECK_EQ(tidal_bind_double(query, "x", 1.0 / 0.0, &feed.error), TIDAL_INVALID);
    CHECK_EQ(tidal_bind_vector(query, "x", vector, 3, &feed.error), TIDAL_INVALID);
    CHECK_EQ(tidal_bind_text(query, "x", "\xff", -1, &feed.error), TIDAL_INVALID);
    CHECK_EQ(tidal_bind_text(query, "x", "a\0b", 3, &feed.error), TIDAL_INVALID);
    CHECK_EQ(tidal_bind_u64(query, "y", 1, &feed.error), TIDAL_NOT_FOUND);
    CHECK_EQ(tidal_bind_i64(query, "x", 1, &feed.error), TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_EQ(tidal_bind_i64(query, "x", 2, &feed.error), TIDAL_MISUSE);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void what_is_null_is_misuse(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db, NULL, -1, &query, &feed.error), TIDAL_MISUSE);
    CHECK(!query);
    CHECK_EQ(tidal_prepare(feed.db, "SHOW STATUS", -1, NULL, &feed.error), TIDAL_MISUSE);
    CHECK_EQ(tidal_execute(feed.db, NULL, NULL, &feed.error), TIDAL_MISUSE);
    CHECK_EQ(tidal_step(NULL, &feed.error), TIDAL_MISUSE);
    CHECK_EQ(tidal_bind_u64(NULL, "x", 1, &feed.error), TIDAL_MISUSE);
    CHECK(feed_close(&feed));
}

static void a_cancelled_query_stops_and_runs_again_after_a_reset(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM all", -1, &query, NULL), TIDAL_OK);
    tidal_cancel(query);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_CANCELLED);
    tidal_reset(query);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void a_prepared_statement_outlives_a_definition(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    uint64_t ids[8];
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM all WHERE year > 2012", -1, &query, NULL),
             TIDAL_OK);
    CHECK_EQ(ids_of(&feed, query, ids), 2);
    CHECK_EQ(feed_run(&feed, "DEFINE FIELD added ON item TIMESTAMP"), TIDAL_OK);
    CHECK_EQ(feed_run(&feed, "PUT item 4 {\"year\": 2013}"), TIDAL_OK);
    tidal_reset(query);
    CHECK_EQ(ids_of(&feed, query, ids), 3);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void at_least_reads_what_another_wrote(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    uint64_t lsn;
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_execute(feed.db, "PUT item 9 {}", &lsn, NULL), TIDAL_OK);
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM all AT LEAST $lsn", -1, &query, NULL),
             TIDAL_OK);
    CHECK_EQ(tidal_bind_u64(query, "lsn", lsn, NULL), TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK(tidal_query_lsn(query) >= lsn);
    tidal_reset(query);
    CHECK_EQ(tidal_bind_u64(query, "lsn", lsn + 1000, NULL), TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_MISUSE);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void a_script_is_cut_at_its_semicolons(struct test *t)
{
    const char *script = "PUT item 1 {\"title\": \"a;b\"};\n-- a comment;\nSHOW STATUS; DEFINE";
    bool blank;
    size_t first = tidal_statement_bytes(script, strlen(script), &blank);
    CHECK_EQ(first, strlen("PUT item 1 {\"title\": \"a;b\"};"));
    CHECK(!blank);
    script += first;
    size_t second = tidal_statement_bytes(script, strlen(script), &blank);
    CHECK_EQ(second, strlen("\n-- a comment;\nSHOW STATUS;"));
    CHECK_EQ(tidal_statement_bytes(script + second, strlen(script + second), &blank), 0);
    CHECK(!blank);
}

static void columns_convert_and_missing_is_zero(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    size_t dimensions, bytes;
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db,
                           "RETRIEVE items FROM all WHERE year = 2015 "
                           "RETURNING key, year, creator, content, score",
                           -1, &query, NULL),
             TIDAL_OK);
    CHECK_EQ(tidal_column_u64(query, 1), 0);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_TEXT(tidal_column_text(query, 0, &bytes), "film-3");
    CHECK_EQ(bytes, 6);
    CHECK(tidal_column_double(query, 1) == 2015.0);
    CHECK_EQ(tidal_column_type(query, 2), TIDAL_MISSING);
    CHECK_EQ(tidal_column_u64(query, 2), 0);
    CHECK_TEXT(tidal_column_text(query, 2, NULL), "");
    const float *content = tidal_column_vector(query, 3, &dimensions);
    CHECK_EQ(dimensions, 3);
    CHECK(content[2] == 0.5f);
    CHECK_EQ(tidal_column_type(query, 99), TIDAL_MISSING);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_DONE);
    CHECK_EQ(tidal_column_u64(query, 1), 0);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void a_parameter_must_be_a_truth_where_one_is_wanted(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM all WHERE $n OR year = 1", -1, &query,
                           &feed.error),
             TIDAL_OK);
    CHECK_EQ(tidal_bind_u64(query, "n", 5, NULL), TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_INVALID);
    CHECK(strstr(feed.error.message, "true or false"));
    tidal_reset(query);
    CHECK_EQ(tidal_bind_bool(query, "n", true, NULL), TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    tidal_query_free(query);
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM all SCORE item.year * $n", -1, &query,
                           &feed.error),
             TIDAL_OK);
    CHECK_EQ(tidal_bind_bool(query, "n", true, NULL), TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_INVALID);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void now_lies_within_the_calendar(struct test *t)
{
    tidal_db *db;
    tidal_query *query;
    tidal_error error;
    CHECK_EQ(tidal_open(":memory:", NULL, &db, &error), TIDAL_OK);
    CHECK_EQ(tidal_prepare(db, "RETRIEVE items FOR user 1 FROM all EXCLUDE seen(7d) NOW $now", -1,
                           &query, &error),
             TIDAL_OK);
    CHECK_EQ(tidal_bind_i64(query, "now", INT64_MIN, NULL), TIDAL_OK);
    CHECK_EQ(tidal_step(query, &error), TIDAL_INVALID);
    CHECK(strstr(error.message, "NOW"));
    tidal_query_free(query);
    CHECK_EQ(tidal_close(db, &error), TIDAL_OK);
}

static void why_not_and_retrieve_tell_the_same_rank(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    CHECK(feed_open(&feed));
    /* By year: 2 (jazz), 3 (soul), 1 (jazz); of jazz one alone, then 3 is second. */
    CHECK_EQ(tidal_prepare(feed.db,
                           "WHY NOT item 3 IN RETRIEVE items FROM all SCORE item.year "
                           "DIVERSIFY max 1 per genre",
                           -1, &query, &feed.error),
             TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_TEXT(tidal_column_text(query, 0, NULL), "none");
    CHECK_EQ(tidal_column_i64(query, 2), 2);
    tidal_query_free(query);
    CHECK_EQ(feed_run(&feed, "PUT item 4 {\"genre\": \"jazz\", \"year\": 2018}"), TIDAL_OK);
    CHECK_EQ(tidal_prepare(feed.db,
                           "WHY NOT item 3 IN RETRIEVE items FROM all SCORE item.year "
                           "DIVERSIFY max 1 per genre",
                           -1, &query, &feed.error),
             TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_EQ(tidal_column_i64(query, 2), 2);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(an_item_is_found_as_soon_as_its_put_returns),
               CASE(a_query_runs_again_with_other_values_after_a_reset),
               CASE(lists_of_ids_and_of_texts_can_be_bound),
               CASE(misspelt_names_are_told_when_the_statement_is_prepared),
               CASE(an_unbound_parameter_is_an_error_that_names_it),
               CASE(values_that_are_no_values_are_refused_when_bound), CASE(what_is_null_is_misuse),
               CASE(a_cancelled_query_stops_and_runs_again_after_a_reset),
               CASE(a_prepared_statement_outlives_a_definition),
               CASE(at_least_reads_what_another_wrote), CASE(a_script_is_cut_at_its_semicolons),
               CASE(columns_convert_and_missing_is_zero),
               CASE(a_parameter_must_be_a_truth_where_one_is_wanted),
               CASE(now_lies_within_the_calendar), CASE(why_not_and_retrieve_tell_the_same_rank));
}
