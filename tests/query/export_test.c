/* EXPORT TRAINING: slates joined with later signals, against a loop over all of both. */
#include "feed.h"
#include "harness/folder.h"

#include "base/choices.h"

#define MINUTE_MS INT64_C(60000)
#define WITHIN_MS (10 * MINUTE_MS)

enum { USERS = 5, ITEMS = 12, STEPS = 6000, SERVED = 4, ROWS = STEPS * SERVED };

static const char definitions[] =
    "DEFINE FIELD year ON item INTEGER; DEFINE CONTEXT surface KEYWORD;"
    "DEFINE SIGNAL impression ON item LATENESS 1m;"
    "DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE LATENESS 1m;"
    "DEFINE SIGNAL view ON item; DEFINE SIGNAL visit ON creator;"
    "DEFINE PROFILE home AS FROM all SCORE item.year;"
    "DEFINE PROFILE other AS FROM newest(12) SCORE 0 - item.year;";

struct served_slate {
    uint64_t lsn, user, items[SERVED];
    int64_t now_ms;
    int count;
    bool home;
};

struct said {
    uint64_t lsn, user, item, slate; /* slate 0: it cites none */
    int64_t time_ms;
    bool like, retract; /* else an impression */
};

struct story {
    struct feed feed;
    struct choices choices;
    struct served_slate slates[STEPS];
    struct said said[STEPS];
    size_t slate_count, said_count;
    size_t labels, impressions;
};

static bool begin(struct story *story, uint64_t seed)
{
    memset(story, 0, sizeof *story);
    choices_from_seed(&story->choices, seed, NULL);
    if (!feed_open(&story->feed) || !feed_script(&story->feed, definitions)) return false;
    for (int i = 1; i <= ITEMS; i++)
        if (!feed_do(&story->feed, "PUT item %d {\"year\": %d}", i, i * 7 % 13)) return false;
    return true;
}

static bool serve(struct story *story)
{
    struct served_slate *slate = &story->slates[story->slate_count++];
    tidal_query *query;
    tidal_code code;
    char text[256];
    *slate = (struct served_slate){.user = choose_between(&story->choices, 1, USERS),
                                   .now_ms = story->feed.now_ms,
                                   .home = choose_one_in(&story->choices, 2)};
    snprintf(text, sizeof text,
             "RETRIEVE items FOR user %" PRIu64 " USING %s LIMIT %d OFFSET %d RECORD FEATURES",
             slate->user, slate->home ? "home" : "other", SERVED,
             (int)choose(&story->choices, ITEMS));
    query = feed_prepare(&story->feed, text);
    if (!query) return false;
    while ((code = tidal_step(query, &story->feed.error)) == TIDAL_ROW)
        slate->items[slate->count++] = tidal_column_u64(query, 0);
    slate->lsn = tidal_query_lsn(query);
    tidal_query_free(query);
    return code == TIDAL_DONE;
}

/* Mostly of what was served lately; some come late, some cite a slate, the right one or not. */
static bool say(struct story *story)
{
    struct choices *choices = &story->choices;
    struct said *said = &story->said[story->said_count];
    *said = (struct said){.user = choose_between(choices, 1, USERS),
                          .item = choose_between(choices, 1, ITEMS),
                          .time_ms = story->feed.now_ms - (int64_t)choose(choices, 55000),
                          .like = choose_one_in(choices, 2)};
    said->retract = said->like && choose_one_in(choices, 4);
    size_t back = (size_t)choose(choices, 6) + 1;
    if (back <= story->slate_count && !choose_one_in(choices, 4)) {
        const struct served_slate *slate = &story->slates[story->slate_count - back];
        if (slate->count > 0)
            said->item = slate->items[choose(choices, (uint64_t)slate->count - 1)];
        if (!choose_one_in(choices, 8)) said->user = slate->user;
        if (choose_one_in(choices, 2)) said->slate = slate->lsn;
    }
    char text[256], cites[64] = "";
    if (said->slate > 0)
        snprintf(cites, sizeof cites, " SLATE %" PRIu64 " POSITION 1", said->slate);
    snprintf(text, sizeof text,
             "%sSIGNAL %s ON item %" PRIu64 " BY user %" PRIu64 " AT %" PRId64 "%s",
             said->retract ? "RETRACT " : "", said->like ? "like" : "impression", said->item,
             said->user, said->time_ms, cites);
    tidal_code code = tidal_execute(story->feed.db, text, &said->lsn, &story->feed.error);
    if (code == TIDAL_OK) story->said_count++;
    return code == TIDAL_OK || code == TIDAL_INVALID || code == TIDAL_DUPLICATE;
}

static bool tell(struct story *story)
{
    for (int i = 0; i < STEPS; i++) {
        story->feed.now_ms += (int64_t)choose(&story->choices, 20000);
        bool ok = choose_one_in(&story->choices, 4) ? serve(story) : say(story);
        if (!ok) {
            fprintf(stderr, "    %s\n", story->feed.error.message);
            return false;
        }
    }
    return true;
}

/* What the row should say, by a look at everything that was ever said. */
static void judge(const struct story *story, const struct served_slate *slate, uint64_t item,
                  bool *impression, bool *label)
{
    int64_t newest_ms = INT64_MIN;
    *impression = *label = false;
    for (size_t i = 0; i < story->said_count; i++) {
        const struct said *said = &story->said[i];
        if (said->lsn < slate->lsn || said->user != slate->user || said->item != item) continue;
        if (said->slate > 0 && said->slate != slate->lsn) continue;
        if (said->time_ms < slate->now_ms || said->time_ms > slate->now_ms + WITHIN_MS) continue;
        if (!said->like) *impression = true;
        if (!said->like || said->time_ms < newest_ms) continue;
        newest_ms = said->time_ms;
        *label = !said->retract;
    }
}

enum { SLATE, TIME, USER, ITEM, POSITION, SOURCE, SCORE, FEATURES, IMPRESSION, LABEL, CLOSED };

static bool row_is(struct story *story, const tidal_query *query, const struct served_slate *slate,
                   int index)
{
    bool impression, label;
    uint64_t item = slate->items[index];
    char features[64];
    judge(story, slate, item, &impression, &label);
    story->labels += label;
    story->impressions += impression;
    snprintf(features, sizeof features, "{\"item.year\":%d}", (int)item * 7 % 13);
    double year = (double)(item * 7 % 13);
    bool right =
        tidal_column_u64(query, SLATE) == slate->lsn &&
        tidal_column_i64(query, TIME) == slate->now_ms &&
        tidal_column_u64(query, USER) == slate->user && tidal_column_u64(query, ITEM) == item &&
        tidal_column_double(query, SCORE) == (slate->home ? year : -year) &&
        strcmp(tidal_column_text(query, FEATURES, NULL), features) == 0 &&
        strcmp(tidal_column_text(query, SOURCE, NULL), slate->home ? "all" : "newest(12)") == 0 &&
        tidal_column_i64(query, IMPRESSION) == impression &&
        tidal_column_i64(query, LABEL) == label &&
        tidal_column_bool(query, CLOSED) == (story->feed.now_ms - slate->now_ms > WITHIN_MS);
    if (!right)
        fprintf(stderr,
                "    slate %" PRIu64 ", item %" PRIu64 ": impression %d, label %d; got %d, %d\n",
                slate->lsn, item, impression, label, (int)tidal_column_i64(query, IMPRESSION),
                (int)tidal_column_i64(query, LABEL));
    return right;
}

static bool all_rows(struct story *story, const char *text, bool home_only, size_t *rows)
{
    tidal_query *query = feed_prepare(&story->feed, text);
    bool right = query != NULL;
    *rows = 0;
    for (size_t i = 0; right && i < story->slate_count; i++) {
        const struct served_slate *slate = &story->slates[i];
        for (int j = 0; right && (slate->home || !home_only) && j < slate->count; j++, ++*rows)
            right = tidal_step(query, &story->feed.error) == TIDAL_ROW &&
                    row_is(story, query, slate, j);
    }
    right = right && tidal_step(query, &story->feed.error) == TIDAL_DONE;
    tidal_query_free(query);
    return right;
}

static void rows_are_those_of_a_loop_over_everything(struct test *t)
{
    static struct story story;
    size_t rows, some;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        CHECK(begin(&story, seed));
        CHECK(tell(&story));
        CHECK(all_rows(&story, "EXPORT TRAINING FROM SLATES LABEL like WITHIN 10m", false, &rows));
        CHECK(all_rows(&story,
                       "EXPORT TRAINING FROM SLATES LABEL like WITHIN 10m WHERE profile = 'home' "
                       "SINCE LSN 1",
                       true, &some));
        CHECK(some < rows);
        CHECK(feed_close(&story.feed));
        printf("%zu rows, %zu seen, %zu liked\n", rows, story.impressions, story.labels);
        CHECK(rows > 3000 && story.impressions > 500 && story.labels > 500);
        CHECK(story.labels < rows);
    }
}

static void a_part_is_exported_by_user_surface_time_and_limit(struct test *t)
{
    static struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, definitions));
    CHECK(feed_script(&feed, "PUT item 1 {}; PUT item 2 {};"));
    CHECK(feed_do(&feed, "RETRIEVE items FOR user 1 RECORD"));
    feed.now_ms += 1000;
    CHECK(feed_do(&feed, "RETRIEVE items FOR user 2 CONTEXT surface = 'tv' RECORD"));
    CHECK(feed_do(&feed, "RETRIEVE items RECORD"));
#define EXPORT "EXPORT TRAINING FROM SLATES LABEL like WITHIN 30m"
    CHECK(feed_ask(&feed, EXPORT));
    CHECK_EQ(feed.count, 6);
    CHECK(feed_ask(&feed, EXPORT " LIMIT 3"));
    CHECK_EQ(feed.count, 3);
    CHECK(feed_ask(&feed, EXPORT " WHERE user = 2"));
    CHECK_EQ(feed.count, 2);
    CHECK(feed_ask(&feed, EXPORT " WHERE surface = 'tv' AND user = 1"));
    CHECK_EQ(feed.count, 0);
    CHECK(feed_ask(&feed, EXPORT " SINCE '2026-11-01T10:00:01Z'"));
    CHECK_EQ(feed.count, 4);
    /* Served to nobody: who cites it says what became of it. */
    CHECK(feed_do(&feed, "SIGNAL like ON item 2 BY user 7 SLATE %" PRIu64, tidal_lsn(feed.db)));
    CHECK_TEXT(feed_cell(&feed, EXPORT " SINCE LSN 10 LIMIT 1", SOURCE), "all");
    CHECK(feed_close(&feed));
}

static void who_is_forgotten_is_in_no_row(struct test *t)
{
    static struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, definitions));
    CHECK(feed_script(&feed, "PUT item 1 {}; RETRIEVE items FOR user 1 RECORD;"
                             "RETRIEVE items FOR user 2 RECORD; SIGNAL like ON item 1 BY user 1;"));
    CHECK(feed_ask(&feed, EXPORT));
    CHECK_EQ(feed.count, 2);
    CHECK(feed_do(&feed, "FORGET user 1"));
    CHECK(feed_ask(&feed, EXPORT));
    CHECK_EQ(feed.count, 1);
    CHECK(feed_close(&feed));
}

static void where_the_log_does_not_reach_it_says_so(struct test *t)
{
    struct feed feed = {.now_ms = FEED_NOW_MS};
    struct folder folder;
    CHECK(folder_make(&folder));
    tidal_options options = {.size = sizeof options,
                             .segment_bytes = 1 << 20,
                             .clock_ms = feed_clock,
                             .clock_context = &feed.now_ms};
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(tidal_open(folder.path, &options, &feed.db, &feed.error), TIDAL_OK);
        if (i == 0) CHECK(feed_script(&feed, definitions));
        char body[60001];
        memset(body, 'x', sizeof body - 1);
        body[sizeof body - 1] = '\0';
        for (int j = 0; j < 40; j++) {
            feed.now_ms += HOUR_MS;
            tidal_query *query = feed_prepare(
                &feed, "TRANSACTION { PUT item 1 {\"year\": 1}; PUT user KEY $k {}; }");
            CHECK(query);
            CHECK_EQ(tidal_bind_text(query, "k", "k", 1, &feed.error), TIDAL_OK);
            CHECK_EQ(tidal_step(query, &feed.error), TIDAL_DONE);
            tidal_query_free(query);
            CHECK(feed_do(&feed, "RETRIEVE items FOR user 1 RECORD"));
        }
        CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_OK);
    }
    CHECK_EQ(tidal_open(folder.path, &options, &feed.db, &feed.error), TIDAL_OK);
    tidal_query *query;
    CHECK_EQ(tidal_prepare(feed.db, EXPORT " SINCE LSN 1", -1, &query, &feed.error), TIDAL_OK);
    tidal_code code = tidal_step(query, &feed.error);
    CHECK(code == TIDAL_NOT_RETAINED);
    CHECK(strstr(feed.error.message, "not retained: the log begins at LSN "));
    tidal_query_free(query);
    CHECK_EQ(
        tidal_prepare(feed.db, EXPORT " SINCE '2026-11-01T10:00:00Z'", -1, &query, &feed.error),
        TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_NOT_RETAINED);
    tidal_query_free(query);
    CHECK_EQ(tidal_execute(feed.db, "SHOW SLATE 20", NULL, &feed.error), TIDAL_NOT_RETAINED);
    CHECK(strstr(feed.error.message, "slate 20 is not retained: the log begins at LSN "));
    CHECK(feed_ask(&feed, EXPORT));
    CHECK(feed_close(&feed));
    folder_remove(&folder);
}

static void what_is_wrong_is_told_with_its_place(struct test *t)
{
    static const struct {
        const char *text;
        uint64_t position;
        const char *message;
    } wrong[] = {
        {"EXPORT TRAINING FROM SLATES LABEL lik WITHIN 1h", 34, "signal 'lik' does not exist"},
        {"EXPORT TRAINING FROM SLATES LABEL visit WITHIN 1h", 34,
         "signal 'visit' is about creator, and items are served"},
        {"EXPORT TRAINING FROM SLATES LABEL like WITHIN 32d", 46, "WITHIN is out of range"},
        {"EXPORT TRAINING FROM SLATES LIMIT 3", 35,
         "expected LABEL signal WITHIN time, found the end of the statement"},
        {"EXPORT TRAINING FROM SLATES WHERE item = 3", 34,
         "expected profile, surface or user, each once, found 'item'"},
        {"EXPORT TRAINING FROM SLATES LABEL like WITHIN 1h WHERE profile = 3", 65,
         "'profile' is compared with a text"},
    };
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_script(&feed, definitions));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tidal_code code = tidal_execute(feed.db, wrong[i].text, NULL, &feed.error);
        CHECK(code == TIDAL_INVALID || code == TIDAL_NOT_FOUND);
        CHECK_EQ(feed.error.position, wrong[i].position);
        CHECK_TEXT(feed.error.message, wrong[i].message);
    }
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(rows_are_those_of_a_loop_over_everything),
               CASE(a_part_is_exported_by_user_surface_time_and_limit),
               CASE(who_is_forgotten_is_in_no_row), CASE(where_the_log_does_not_reach_it_says_so),
               CASE(what_is_wrong_is_told_with_its_place));
}
