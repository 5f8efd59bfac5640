/* Recorded slates: what was served is logged as it was, gates by it, and is read back. */
#include "feed.h"
#include "harness/folder.h"

#include "api/handle.h"

static const char definitions[] =
    "DEFINE FIELD genre ON item KEYWORD; DEFINE FIELD year ON item INTEGER;"
    "DEFINE CONTEXT surface KEYWORD;"
    "DEFINE SIGNAL view ON item HALF LIFE 24h WINDOWS 1h, 24h;"
    "DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE;"
    "PUT item 1 {\"genre\": \"jazz\", \"year\": 2001}; PUT item 2 {\"genre\": \"soul\"};"
    "PUT item 3 {\"genre\": \"jazz\", \"year\": 1999}; PUT item 4 {\"year\": 2020};"
    "SIGNAL view ON item 3; SIGNAL view ON item 3; SIGNAL view ON item 1;"
    "DEFINE PROFILE home AS FROM newest(10), all SCORE 2 * count(view, 24h) + "
    "saturate(item.year, 2000) - if(seen, 1, 0) EXCLUDE served(10m);";

#define ASK "RETRIEVE items FOR user 42 USING home LIMIT 2"

static bool open_feed(struct feed *feed)
{
    return feed_open(feed) && feed_script(feed, definitions);
}

/* The number of the recorded slate; 0: it failed. */
static uint64_t record(struct feed *feed, const char *text)
{
    uint64_t given = 0;
    if (tidal_execute(feed->db, text, &given, &feed->error) == TIDAL_OK) return given;
    fprintf(stderr, "    %s\n    -> %s\n", text, feed->error.message);
    return 0;
}

static void what_was_served_is_not_served_again_for_its_time(struct test *t)
{
    struct feed feed;
    CHECK(open_feed(&feed));
    CHECK(feed_gives(&feed, ASK, "3 1"));
    CHECK(feed_gives(&feed, ASK, "3 1"));
    CHECK(feed_gives(&feed, ASK " RECORD", "3 1"));
    CHECK(feed_gives(&feed, ASK, "4 2"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 42 USING home", "4 2"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 43 USING home LIMIT 2", "3 1"));
    CHECK(feed_gives(&feed, "RETRIEVE items USING home LIMIT 2", "3 1"));
    feed.now_ms += 10 * 60000 - 1;
    CHECK(feed_gives(&feed, ASK, "4 2"));
    feed.now_ms += 1;
    CHECK(feed_gives(&feed, ASK, "3 1"));
    CHECK(feed_close(&feed));
}

static void why_not_tells_slate_position_and_time(struct test *t)
{
    struct feed feed;
    CHECK(open_feed(&feed));
    uint64_t slate = record(&feed, ASK " OFFSET 1 RECORD");
    char wanted[128];
    snprintf(wanted, sizeof wanted,
             "served to the user in slate %" PRIu64 ", at position 2, at 2026-11-01T10:00:00Z",
             slate);
    const char *why = "WHY NOT item 1 IN RETRIEVE items FOR user 42 USING home";
    CHECK_TEXT(feed_cell(&feed, why, 0), "served");
    CHECK_TEXT(feed_cell(&feed, why, 1), wanted);
    CHECK_TEXT(feed_cell(&feed, "WHY NOT item 3 IN RETRIEVE items FOR user 42 USING home", 0),
               "none");
    CHECK(feed_close(&feed));
}

static void surfaces_are_apart(struct test *t)
{
    struct feed feed;
    CHECK(open_feed(&feed));
    CHECK(feed_gives(&feed, ASK " CONTEXT surface = 'home' RECORD", "3 1"));
    CHECK(feed_gives(&feed, ASK " CONTEXT surface = 'home'", "4 2"));
    CHECK(feed_gives(&feed, ASK " CONTEXT surface = 'search'", "3 1"));
    CHECK(feed_gives(&feed, ASK, "3 1"));
    CHECK(feed_close(&feed));
}

static void served_is_not_seen_and_counts_for_nothing(struct test *t)
{
    struct feed feed;
    CHECK(open_feed(&feed));
    CHECK(record(&feed, ASK " RECORD") > 0);
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 42 FROM all WHERE seen", ""));
    const char *counts = "RETRIEVE items FROM all SCORE count(impression) WHERE year = 1999";
    CHECK(feed_gives(&feed, counts, "3") && feed.scores[0] == 0);
    CHECK(feed_do(&feed, "SIGNAL impression ON item 3 BY user 42"));
    CHECK(feed_gives(&feed, counts, "3") && feed.scores[0] == 1);
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 42 FROM all WHERE seen", "3"));
    CHECK(feed_close(&feed));
}

/* Columns of SHOW SLATE. */
enum {
    SLATE,
    TIME,
    USER,
    USER_KEY,
    PROFILE,
    VERSION,
    SURFACE,
    SEED,
    LSN,
    QUERY,
    POSITION,
    ITEM,
    SCORE,
    SOURCE,
    FEATURES
};

/* A text as it is, a number in digits; empty: missing. */
static void cell_text(const tidal_query *query, int column, char out[4096])
{
    switch (tidal_column_type(query, column)) {
    case TIDAL_ID:
        snprintf(out, 4096, "%" PRIu64, tidal_column_u64(query, column));
        break;
    case TIDAL_INTEGER:
    case TIDAL_TIMESTAMP:
        snprintf(out, 4096, "%" PRId64, tidal_column_i64(query, column));
        break;
    default:
        snprintf(out, 4096, "%s", tidal_column_text(query, column, NULL));
    }
}

static bool shows(struct feed *feed, uint64_t slate, int column, const char *wanted)
{
    char text[64];
    snprintf(text, sizeof text, "SHOW SLATE %" PRIu64, slate);
    char got[4096] = "";
    tidal_query *query = feed_prepare(feed, text);
    if (query && tidal_step(query, &feed->error) == TIDAL_ROW) cell_text(query, column, got);
    tidal_query_free(query);
    if (strcmp(got, wanted) == 0) return true;
    fprintf(stderr, "    column %d: got '%s', want '%s'\n", column, got, wanted);
    return false;
}

static void a_slate_is_read_back_as_it_was_served(struct test *t)
{
    struct feed feed;
    char number[32];
    CHECK(open_feed(&feed));
    uint64_t before = tidal_lsn(feed.db);
    uint64_t slate = record(&feed, ASK " CONTEXT surface = 'home' SEED 9 RECORD FEATURES");
    CHECK_EQ(slate, before + 1);
    /* What comes later does not change it. */
    CHECK(feed_script(&feed, "SIGNAL view ON item 3; PUT item 3 {\"year\": 1900};"
                             "DEFINE PROFILE home AS FROM all; DELETE item 1;"));
    snprintf(number, sizeof number, "%" PRIu64, before);
    CHECK(shows(&feed, slate, TIME, "1793527200000"));
    CHECK(shows(&feed, slate, USER, "42"));
    CHECK(shows(&feed, slate, PROFILE, "home"));
    CHECK(shows(&feed, slate, VERSION, "1"));
    CHECK(shows(&feed, slate, SURFACE, "home"));
    CHECK(shows(&feed, slate, SEED, "9"));
    CHECK(shows(&feed, slate, LSN, number));
    CHECK(shows(&feed, slate, QUERY, ASK " CONTEXT surface = 'home' SEED 9 RECORD FEATURES"));
    CHECK(shows(&feed, slate, POSITION, "1"));
    CHECK(shows(&feed, slate, ITEM, "3"));
    CHECK(shows(&feed, slate, SOURCE, "newest(10), all"));
    CHECK(shows(&feed, slate, FEATURES, "{\"count(view, 24h)\":2,\"item.year\":1999,\"seen\":0}"));
    snprintf(number, sizeof number, "SHOW SLATE %" PRIu64, slate);
    CHECK(feed_ask(&feed, number));
    CHECK_EQ(feed.count, 2);
    CHECK(feed_close(&feed));
}

/* The score is what the features say, computed here. */
static void the_features_are_those_that_were_scored(struct test *t)
{
    struct feed feed;
    CHECK(open_feed(&feed));
    uint64_t slate = record(&feed, "RETRIEVE items FOR user 42 USING home LIMIT 4 RECORD FEATURES");
    char text[64];
    snprintf(text, sizeof text, "SHOW SLATE %" PRIu64, slate);
    tidal_query *query = feed_prepare(&feed, text);
    size_t rows = 0;
    while (query && tidal_step(query, &feed.error) == TIDAL_ROW) {
        double count = 0, year = 0, seen = -1;
        const char *features = tidal_column_text(query, FEATURES, NULL);
        bool has_year =
            sscanf(features, "{\"count(view, 24h)\":%lf,\"item.year\":%lf,\"seen\":%lf}", &count,
                   &year, &seen) == 3;
        CHECK(has_year ||
              sscanf(features, "{\"count(view, 24h)\":%lf,\"item.year\":null,\"seen\":%lf}", &count,
                     &seen) == 2);
        double score = 2 * count + (has_year ? year / (year + 2000) : 0) - seen;
        CHECK(tidal_column_double(query, SCORE) == score);
        rows++;
    }
    tidal_query_free(query);
    CHECK_EQ(rows, 4);
    CHECK(feed_close(&feed));
}

static void a_slate_returns_its_number(struct test *t)
{
    struct feed feed;
    CHECK(open_feed(&feed));
    CHECK(feed_ask(&feed, "RETRIEVE items FOR user 42 USING home RETURNING slate, id RECORD"));
    CHECK_EQ(feed.count, 4);
    CHECK_EQ(feed.ids[0], tidal_lsn(feed.db));
    CHECK_EQ(feed.ids[3], tidal_lsn(feed.db));
    CHECK(feed_close(&feed));
}

static void an_empty_slate_is_recorded_too(struct test *t)
{
    struct feed feed;
    CHECK(open_feed(&feed));
    uint64_t slate = record(&feed, "RETRIEVE items FOR user KEY 'ann' FROM all WHERE year = 1 "
                                   "RECORD FEATURES");
    CHECK(slate > 0);
    CHECK(shows(&feed, slate, USER_KEY, "ann"));
    CHECK(shows(&feed, slate, ITEM, ""));
    CHECK(feed_close(&feed));
}

static void a_record_is_a_write_of_what_is_served_now(struct test *t)
{
    struct feed feed;
    CHECK(open_feed(&feed));
    CHECK(feed_refuses(&feed, ASK " AS OF LSN 5 RECORD", TIDAL_INVALID,
                       "RECORD and AS OF exclude each other"));
    CHECK(feed_refuses(&feed, "EXPLAIN " ASK " RECORD", TIDAL_INVALID,
                       "EXPLAIN serves nothing that RECORD could log"));
    CHECK(feed_refuses(&feed, "WHY NOT item 1 IN " ASK " RECORD", TIDAL_INVALID,
                       "WHY NOT serves nothing that RECORD could log"));
    CHECK(feed_refuses(&feed, ASK " RETURNING slate", TIDAL_INVALID,
                       "RETURNING slate without RECORD"));
    CHECK(feed_refuses(&feed, ASK " NOW '2026-11-01T10:00:06Z' RECORD", TIDAL_INVALID,
                       "the slate's NOW 2026-11-01T10:00:06Z is in the future: it is "
                       "2026-11-01T10:00:00Z now"));
    CHECK(feed_refuses(&feed,
                       ASK " CONTEXT surface = '0123456789012345678901234567890123456789"
                           "0123456789012345678901234' RECORD",
                       TIDAL_LIMIT, "the surface has 65 bytes"));
    CHECK(feed_refuses(&feed, "SHOW SLATE 3", TIDAL_NOT_FOUND,
                       "there is no slate 3: that LSN is of a define"));
    CHECK(feed_refuses(&feed, "SHOW SLATE 99", TIDAL_NOT_FOUND,
                       "there is no slate 99: that LSN was not given yet"));
    CHECK(feed_refuses(&feed, "SIGNAL view ON item 1 SLATE 99", TIDAL_INVALID,
                       "slate 99 was not served yet: the log ends at 13"));
    CHECK(feed_refuses(&feed, "SIGNAL view ON item 1 SLATE 0", TIDAL_INVALID, "SLATE cannot be 0"));
    CHECK(feed_refuses(&feed, "SIGNAL view ON item 1 SLATE 1 POSITION 4294967295", TIDAL_INVALID,
                       "POSITION cannot be 4294967295"));
    CHECK(feed_close(&feed));
}

static uint64_t retain_ms;

static bool open_at(struct feed *feed, const struct folder *folder, bool read_only)
{
    tidal_options options = {.size = sizeof options,
                             .read_only = read_only,
                             .retain_log_ms = retain_ms,
                             .clock_ms = feed_clock,
                             .clock_context = &feed->now_ms};
    return tidal_open(folder->path, &options, &feed->db, &feed->error) == TIDAL_OK;
}

static void it_is_there_after_a_restart_and_refused_where_nothing_is_written(struct test *t)
{
    struct feed feed = {.now_ms = FEED_NOW_MS};
    struct folder folder;
    CHECK(folder_make(&folder));
    retain_ms = DAY_MS;
    CHECK(open_at(&feed, &folder, false));
    CHECK(feed_script(&feed, definitions));
    uint64_t slate = record(&feed, ASK " RECORD");
    CHECK(feed_gives(&feed, ASK, "4 2"));
    CHECK(feed_close(&feed));
    CHECK(open_at(&feed, &folder, true));
    CHECK(feed_gives(&feed, ASK, "4 2"));
    CHECK(feed_refuses(&feed, ASK " RECORD", TIDAL_READ_ONLY, "the database was opened read-only"));
    CHECK(shows(&feed, slate, ITEM, "3"));
    CHECK(feed_close(&feed));
    CHECK(open_at(&feed, &folder, false));
    CHECK(feed_gives(&feed, ASK, "4 2"));
    CHECK(feed_close(&feed));
    folder_remove(&folder);
}

static void who_is_forgotten_was_served_nothing(struct test *t)
{
    struct feed feed;
    CHECK(open_feed(&feed));
    uint64_t slate = record(&feed, ASK " RECORD");
    feed.now_ms += 1000;
    CHECK(feed_do(&feed, "FORGET user 42"));
    char text[64], message[96];
    snprintf(text, sizeof text, "SHOW SLATE %" PRIu64, slate);
    snprintf(message, sizeof message, "there is no slate %" PRIu64 ": its user is gone", slate);
    CHECK(feed_refuses(&feed, text, TIDAL_NOT_FOUND, message));
    CHECK(feed_gives(&feed, ASK, "3 1"));
    /* A stranger by the same id. */
    CHECK(record(&feed, ASK " RECORD") > 0);
    CHECK(feed_refuses(&feed, text, TIDAL_NOT_FOUND, message));
    CHECK(feed_close(&feed));
}

static void a_signal_cites_its_slate(struct test *t)
{
    struct feed feed;
    char text[64];
    CHECK(open_feed(&feed));
    uint64_t slate = record(&feed, ASK " RECORD");
    tidal_event event = {
        .signal = "impression", .entity = 3, .user = 42, .slate = slate, .position = 1};
    CHECK_EQ(tidal_signal_batch(feed.db, &event, 1, TIDAL_DURABLE, NULL, &feed.error), TIDAL_OK);
    CHECK(feed_do(&feed, "SIGNAL like ON item 3 BY user 42 SLATE %" PRIu64 " POSITION 1", slate));
    snprintf(text, sizeof text, "TAIL FROM %" PRIu64, slate + 1);
    const char *change = feed_cell(&feed, text, 11);
    snprintf(text, sizeof text, "\"slate\":%" PRIu64 ",\"position\":1}", slate);
    CHECK(strstr(change, text) != NULL);
    event.slate = 0;
    CHECK_EQ(tidal_signal_batch(feed.db, &event, 1, TIDAL_DURABLE, NULL, &feed.error),
             TIDAL_INVALID);
    CHECK_TEXT(feed.error.message, "signal 'impression' has a position and no slate");
    CHECK(feed_close(&feed));
}

static void the_tail_has_slates(struct test *t)
{
    struct feed feed;
    CHECK(open_feed(&feed));
    uint64_t slate = record(&feed, ASK " RECORD");
    CHECK(feed_ask(&feed, "TAIL FROM 1 WHERE kind = 'slate' AND user = 42 AND name = 'home'"));
    CHECK_EQ(feed.count, 1);
    CHECK_EQ(feed.ids[0], slate);
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(what_was_served_is_not_served_again_for_its_time),
               CASE(why_not_tells_slate_position_and_time), CASE(surfaces_are_apart),
               CASE(served_is_not_seen_and_counts_for_nothing),
               CASE(a_slate_is_read_back_as_it_was_served),
               CASE(the_features_are_those_that_were_scored), CASE(a_slate_returns_its_number),
               CASE(an_empty_slate_is_recorded_too),
               CASE(a_record_is_a_write_of_what_is_served_now),
               CASE(it_is_there_after_a_restart_and_refused_where_nothing_is_written),
               CASE(who_is_forgotten_was_served_nothing), CASE(a_signal_cites_its_slate),
               CASE(the_tail_has_slates));
}
