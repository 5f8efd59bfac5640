/* DROP and RENAME: what is refused, what is left, what things are called afterwards. */
#include "feed.h"

#include "api/handle.h"

static const char definitions[] =
    "DEFINE FIELD title ON item TEXT; DEFINE FIELD genre ON item KEYWORD;"
    "DEFINE FIELD tags ON item KEYWORD[]; DEFINE FIELD year ON item INTEGER;"
    "DEFINE FIELD creator ON item REFERENCES creator; DEFINE FIELD trust ON user FLOAT;"
    "DEFINE EMBEDDING content ON item DIMENSIONS 3; DEFINE CONTEXT device KEYWORD;"
    "DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h, 24h VELOCITY 1h TRENDING HALF LIFE 2h"
    " POPULAR 1h PER genre, item.tags TOTALS PER genre, creator DISTINCT USERS 24h TRUST "
    "user.trust;"
    "DEFINE SIGNAL like ON item HALF LIFE 7d UNIQUE PER USER POSITIVE;"
    "DEFINE SIGNAL skip ON item WINDOWS 24h NEGATIVE TOTALS PER genre;"
    "DEFINE RELATION follows FROM user TO creator;"
    "DEFINE EXPOSURE ON item.creator HALF LIFE 6h;"
    "DEFINE PROFILE home AS FROM trending(view, 1h, genre = 'jazz', 50),"
    " coengaged(user.recent(like, 20), 40), related(user follows creator, 50), all\n"
    "  SCORE 2 * ratio(skip, view, prior 20 FROM item.genre) + count(view, 24h)\n"
    "      - exposure(user, item.creator) + if(context.device = 'view', 1, 0)\n"
    "  TIMES saturate(decay(like, 7d), 10)\n"
    "  DIVERSIFY max 2 per creator, max 5 per genre;"
    "DEFINE PROFILE home AS FROM all SCORE decay(like, 7d) + coalesce(item.year, 0);"
    "DEFINE PROFILE plain AS FROM all SCORE related(user, follows);"
    "PUT item 1 {\"title\": \"One\", \"genre\": \"jazz\", \"tags\": [\"a\"], \"year\": 2001,"
    " \"creator\": 7, \"content\": [1, 0, 0]};"
    "PUT item 2 {\"title\": \"Two\", \"genre\": \"soul\", \"year\": 2002, \"creator\": 8};"
    "RELATE user 1 follows creator 7;"
    "SIGNAL impression ON item 1 BY user 1 AT '2026-11-01T08:00:00Z';"
    "SIGNAL view ON item 1 BY user 1 AT '2026-11-01T09:00:00Z';"
    "SIGNAL view ON item 2 BY user 2 AT '2026-11-01T09:01:00Z';"
    "SIGNAL like ON item 1 BY user 1 AT '2026-11-01T09:02:00Z';"
    "SIGNAL like ON item 2 BY user 1 AT '2026-11-01T09:03:00Z';"
    "SIGNAL skip ON item 2 BY user 2 AT '2026-11-01T09:04:00Z';";

static bool begin(struct feed *feed)
{
    return feed_open(feed) && feed_script(feed, definitions);
}

static bool is_sound(struct feed *feed)
{
    struct error error;
    if (database_check(feed->db->database, &error) == CODE_OK) return true;
    fprintf(stderr, "    %s\n", error.message);
    return false;
}

/* Runs what is to be refused.  Does it change nothing? */
static bool changes_nothing(struct feed *feed, const char *text, tidal_code *code, tidal_error *got)
{
    uint8_t before[32], after[32];
    uint64_t lsn_before = tidal_lsn(feed->db);
    struct error error;
    *got = (tidal_error){0};
    bool ok = database_state_hash(feed->db->database, before, &error) == CODE_OK;
    *code = tidal_execute(feed->db, text, NULL, got);
    return ok && database_state_hash(feed->db->database, after, &error) == CODE_OK &&
           memcmp(before, after, sizeof before) == 0 && tidal_lsn(feed->db) == lsn_before;
}

/* Is it refused so, and does it change nothing?  Meanwhile a thread may bring what a signal that
 * was defined anew has missed: a few changes, and then no more. */
static bool refuses(struct feed *feed, const char *text, tidal_code wanted, const char *message,
                    const char *hint)
{
    enum { TRIES = 10 };
    tidal_error got;
    tidal_code code;
    bool ok = changes_nothing(feed, text, &code, &got);
    for (int i = 1; i < TRIES && !ok; i++)
        ok = changes_nothing(feed, text, &code, &got);
    ok = ok && code == wanted && strcmp(got.message, message) == 0 && strcmp(got.hint, hint) == 0;
    if (!ok)
        fprintf(stderr, "    %s\n    -> %s at %d: %s (%s)\n", text, tidal_code_name(code),
                (int)got.position, got.message, got.hint);
    return ok;
}

/* A number in the first row; -1 on failure. */
static double number(struct feed *feed, const char *text, int column)
{
    tidal_query *query = feed_prepare(feed, text);
    double found = -1;
    if (query && tidal_step(query, &feed->error) == TIDAL_ROW)
        found = tidal_column_double(query, column);
    tidal_query_free(query);
    return found;
}

#define CHECK_REFUSES(feed, text, message, hint)                                                   \
    CHECK(refuses(feed, text, TIDAL_INVALID, message, hint))

static void what_others_need_is_not_dropped(struct test *t)
{
    struct feed feed;
    CHECK(begin(&feed));
    CHECK_REFUSES(&feed, "DROP SIGNAL view", "signal 'view' is needed by profile 'home' version 1",
                  "DROP PROFILE home VERSION 1");
    CHECK_REFUSES(&feed, "DROP SIGNAL like",
                  "signal 'like' is needed by profile 'home' version 1 (and 1 more)",
                  "first DROP PROFILE home VERSION 1, DROP PROFILE home VERSION 2");
    CHECK_REFUSES(&feed, "DROP SIGNAL skip", "signal 'skip' is needed by profile 'home' version 1",
                  "DROP PROFILE home VERSION 1");
    CHECK_REFUSES(&feed, "DROP FIELD genre ON item",
                  "field 'genre' is needed by profile 'home' version 1 (and 2 more)",
                  "first DROP PROFILE home VERSION 1, DROP SIGNAL view, DROP SIGNAL skip");
    CHECK_REFUSES(&feed, "DROP FIELD tags ON item", "field 'tags' is needed by signal 'view'",
                  "DROP SIGNAL view");
    CHECK_REFUSES(&feed, "DROP FIELD trust ON user", "field 'trust' is needed by signal 'view'",
                  "DROP SIGNAL view");
    CHECK_REFUSES(&feed, "DROP FIELD year ON item",
                  "field 'year' is needed by profile 'home' version 2",
                  "DROP PROFILE home VERSION 2");
    /* `plain` mentions the relation alone, which leads nowhere without the field. */
    CHECK_REFUSES(&feed, "DROP FIELD creator ON item",
                  "field 'creator' is needed by profile 'home' version 1 (and 3 more)",
                  "first DROP PROFILE home VERSION 1, DROP PROFILE plain VERSION 1, DROP SIGNAL "
                  "view, DROP EXPOSURE ON item.creator");
    CHECK_REFUSES(&feed, "DROP RELATION follows",
                  "relation 'follows' is needed by profile 'home' version 1 (and 1 more)",
                  "first DROP PROFILE home VERSION 1, DROP PROFILE plain VERSION 1");
    CHECK_REFUSES(&feed, "DROP CONTEXT device",
                  "context 'device' is needed by profile 'home' version 1",
                  "DROP PROFILE home VERSION 1");
    CHECK_REFUSES(&feed, "DROP EXPOSURE ON item.creator",
                  "exposure 'creator' is needed by profile 'home' version 1: no exposure is kept "
                  "by 'creator'",
                  "DROP PROFILE home VERSION 1");
    CHECK(feed_do(&feed, "DROP PROFILE home"));
    CHECK(feed_do(&feed, "DROP PROFILE plain"));
    CHECK(feed_do(&feed, "DROP SIGNAL view"));
    CHECK(feed_do(&feed, "DROP SIGNAL like"));
    CHECK(feed_do(&feed, "DROP SIGNAL skip"));
    CHECK(feed_do(&feed, "DROP EXPOSURE ON item.creator"));
    CHECK(feed_do(&feed, "DROP FIELD creator ON item"));
    CHECK(feed_do(&feed, "DROP FIELD genre ON item"));
    CHECK(feed_do(&feed, "DROP FIELD trust ON user"));
    CHECK(feed_do(&feed, "DROP EMBEDDING content ON item"));
    CHECK(feed_do(&feed, "DROP RELATION follows"));
    CHECK(feed_do(&feed, "DROP CONTEXT device"));
    CHECK(is_sound(&feed));
    CHECK_TEXT(feed_cell(&feed, "SHOW SCHEMA", 0), "DEFINE FIELD title ON item TEXT");
    CHECK(feed_close(&feed));
}

static void a_long_list_of_what_is_to_go_first_is_cut(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK(feed_do(&feed, "DEFINE SIGNAL view ON item"));
    for (int i = 0; i < 30; i++)
        CHECK(feed_do(&feed, "DEFINE PROFILE p%02d AS FROM all SCORE count(view)", i));
    CHECK_REFUSES(&feed, "DROP SIGNAL view",
                  "signal 'view' is needed by profile 'p00' version 1 (and 29 more)",
                  "first DROP PROFILE p00 VERSION 1, DROP PROFILE p01 VERSION 1, DROP PROFILE p02 "
                  "VERSION 1, DROP PROFILE p03 VERSION 1, DROP PROFILE p04 VERSION 1, ...");
    CHECK(feed_close(&feed));
}

static void what_is_not_there_or_built_in_is_refused(struct test *t)
{
    struct feed feed;
    CHECK(begin(&feed));
    CHECK_REFUSES(&feed, "DROP SIGNAL veiw", "signal 'veiw' does not exist",
                  "did you mean 'view'?");
    CHECK_REFUSES(&feed, "DROP SIGNAL glance", "signal 'glance' does not exist",
                  "SHOW SCHEMA lists what there is");
    CHECK_REFUSES(&feed, "DROP FIELD gener ON item", "field 'gener' of item does not exist",
                  "did you mean 'genre'?");
    CHECK_REFUSES(&feed, "DROP FIELD genre ON user", "field 'genre' of user does not exist",
                  "SHOW SCHEMA lists what there is");
    CHECK_REFUSES(&feed, "RENAME EMBEDDING content ON user TO vector",
                  "embedding 'content' of user does not exist", "SHOW SCHEMA lists what there is");
    CHECK_REFUSES(&feed, "DROP EXPOSURE ON item.genre",
                  "no exposure is kept by field 'genre' of item",
                  "SHOW SCHEMA lists what there is");
    CHECK_REFUSES(&feed, "DROP PROFILE home VERSION 3", "profile 'home' has no version 3",
                  "SHOW PROFILES lists them");
    CHECK_REFUSES(&feed, "DROP PROFILE away", "profile 'away' does not exist",
                  "SHOW SCHEMA lists what there is");
    CHECK_REFUSES(&feed, "DROP SIGNAL impression", "built-in signal 'impression' cannot be dropped",
                  "the database counts on it");
    CHECK_REFUSES(&feed, "RENAME SIGNAL hide TO bury", "built-in signal 'hide' cannot be renamed",
                  "the database counts on it");
    CHECK(feed_do(&feed, "DEFINE SIGNAL hide ON item UNIQUE PER USER NEGATIVE WINDOWS 24h"));
    CHECK_REFUSES(&feed, "DROP SIGNAL hide", "built-in signal 'hide' cannot be dropped",
                  "the database counts on it");
    CHECK_REFUSES(&feed, "RENAME SIGNAL view TO like", "signal 'like' is already defined",
                  "choose another name");
    CHECK_REFUSES(&feed, "RENAME SIGNAL view TO view", "signal 'view' is already defined",
                  "choose another name");
    CHECK_REFUSES(&feed, "RENAME SIGNAL view TO where", "signal name 'where' is a reserved word",
                  "choose another name");
    CHECK_REFUSES(&feed, "RENAME FIELD genre ON item TO content",
                  "embedding 'content' of item is already defined", "choose another name");
    CHECK_REFUSES(&feed, "RENAME FIELD genre ON item TO rank", "every item has a column 'rank'",
                  "choose another name");
    CHECK_REFUSES(&feed, "RENAME RELATION follows TO Follows",
                  "relation name 'Follows' is not a valid name",
                  "begin with a letter a-z, then use a-z, 0-9 and '_'");
    CHECK_REFUSES(&feed, "RENAME PROFILE home TO plain", "profile 'plain' is already defined",
                  "choose another name");
    CHECK_REFUSES(&feed, "RENAME EXPOSURE ON item.genre TO x",
                  "expected FIELD, EMBEDDING, SIGNAL, RELATION, CONTEXT or PROFILE, found "
                  "'EXPOSURE'",
                  "");
    CHECK(feed_close(&feed));
}

static void a_name_that_was_dropped_is_free_for_another_kind(struct test *t)
{
    struct feed feed;
    CHECK(begin(&feed));
    CHECK(feed_do(&feed, "DROP PROFILE home"));
    CHECK(feed_do(&feed, "DROP SIGNAL view"));
    CHECK(refuses(&feed, "SIGNAL view ON item 1 BY user 1", TIDAL_NOT_FOUND,
                  "signal 'view' does not exist", "'view' was dropped"));
    CHECK_REFUSES(&feed, "RETRIEVE items SCORE count(view)", "signal 'view' does not exist",
                  "'view' was dropped");
    CHECK(feed_do(&feed, "DEFINE SIGNAL view ON item UNIQUE PER USER WINDOWS 24h"));
    CHECK(number(&feed, "RETRIEVE items SCORE count(view, 24h) LIMIT 1", 1) == 0);
    CHECK(feed_do(&feed, "SIGNAL view ON item 1 BY user 1 AT '2026-11-01T09:30:00Z'"));
    CHECK(feed_do(&feed, "SIGNAL view ON item 1 BY user 1 AT '2026-11-01T09:31:00Z'"));
    CHECK(number(&feed, "RETRIEVE items SCORE count(view, 24h) LIMIT 1", 1) == 1);
    CHECK(feed_do(&feed, "DROP FIELD year ON item"));
    CHECK(refuses(&feed, "PUT item 1 {\"year\": 2001}", TIDAL_NOT_FOUND,
                  "field 'year' of item does not exist", "'year' was dropped"));
    CHECK(feed_do(&feed, "DEFINE FIELD year ON item KEYWORD"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE year IS MISSING", "1 2"));
    CHECK(feed_do(&feed, "PATCH item 2 {\"year\": \"MMII\"}"));
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE year = 'MMII'", "2"));
    CHECK(feed_do(&feed, "DROP EMBEDDING content ON item"));
    CHECK(feed_do(&feed, "DEFINE EMBEDDING content ON item DIMENSIONS 2"));
    CHECK(feed_do(&feed, "PATCH item 1 {\"content\": [0, 1]}"));
    CHECK(feed_do(&feed, "DROP PROFILE plain"));
    CHECK(feed_do(&feed, "DROP RELATION follows"));
    CHECK(feed_do(&feed, "DEFINE RELATION follows FROM user TO item"));
    CHECK(feed_do(&feed, "RELATE user 1 follows item 2"));
    CHECK(feed_gives(&feed, "RETRIEVE items FOR user 1 FROM related(user follows item)", "2"));
    CHECK(is_sound(&feed));
    CHECK(feed_close(&feed));
}

/* The log says of what it was, whatever has that name now. */
static void the_log_tells_the_old_from_the_new(struct test *t)
{
    struct feed feed;
    CHECK(begin(&feed));
    CHECK(feed_do(&feed, "DROP PROFILE home"));
    CHECK(feed_do(&feed, "RENAME SIGNAL view TO watch"));
    CHECK(feed_do(&feed, "DROP SIGNAL skip"));
    CHECK(feed_do(&feed, "DEFINE SIGNAL skip ON item"));
    CHECK(feed_do(&feed, "SIGNAL skip ON item 1 BY user 2 AT '2026-11-01T09:30:00Z'"));
    CHECK(number(&feed, "TAIL FROM 1 WHERE kind = 'drop'", 0) > 0);
    CHECK_TEXT(feed_cell(&feed, "TAIL FROM 1 WHERE kind = 'rename'", 11),
               "{\"kind\":\"rename\",\"text\":\"RENAME SIGNAL view TO watch\"}");
    CHECK(number(&feed, "TAIL FROM 1 WHERE kind = 'signal' AND name = 'watch'", 4) == 1);
    CHECK_TEXT(feed_cell(&feed, "TAIL FROM 1 WHERE kind = 'signal' AND name = 'skip'", 11),
               "{\"kind\":\"signal\",\"name\":\"skip\",\"dropped\":true,"
               "\"entity\":{\"kind\":\"item\",\"id\":2},\"user\":{\"kind\":\"user\",\"id\":2},"
               "\"value\":1,\"time\":\"2026-11-01T09:04:00Z\"}");
    CHECK(feed_close(&feed));
}

static void a_renamed_thing_goes_on_under_its_new_name(struct test *t)
{
    struct feed feed;
    CHECK(begin(&feed));
    const char *score = "RETRIEVE items FOR user 1 USING home VERSION 1 NOW '2026-11-01T10:00:00Z'"
                        " LIMIT 1 CONTEXT device = 'view'";
    double before = number(&feed, score, 1);
    CHECK(feed_do(&feed, "RENAME SIGNAL view TO watch"));
    CHECK(feed_do(&feed, "RENAME SIGNAL like TO heart"));
    CHECK(feed_do(&feed, "RENAME FIELD creator ON item TO author"));
    CHECK(feed_do(&feed, "RENAME FIELD genre ON item TO category_of_it"));
    CHECK(feed_do(&feed, "RENAME RELATION follows TO reads"));
    CHECK(feed_do(&feed, "RENAME CONTEXT device TO screen"));
    CHECK(feed_do(&feed, "RENAME EMBEDDING content ON item TO v"));
    CHECK(feed_do(&feed, "RENAME PROFILE home TO front"));
    CHECK(is_sound(&feed));
    CHECK(number(&feed,
                 "RETRIEVE items FOR user 1 USING front VERSION 1 NOW '2026-11-01T10:00:00Z'"
                 " LIMIT 1 CONTEXT screen = 'view'",
                 1) == before &&
          before > 0);
    CHECK_TEXT(
        feed_cell(&feed, "SHOW PROFILES", 2),
        "DEFINE PROFILE front AS FROM trending(watch, 1h, category_of_it = 'jazz', 50),"
        " coengaged(user.recent(heart, 20), 40), related(user reads creator, 50), all\n"
        "  SCORE 2 * ratio(skip, watch, prior 20 FROM item.category_of_it) + count(watch, 24h)\n"
        "      - exposure(user, item.author) + if(context.screen = 'view', 1, 0)\n"
        "  TIMES saturate(decay(heart, 7d), 10)\n"
        "  DIVERSIFY max 2 per author, max 5 per category_of_it");
    CHECK_TEXT(feed_cell(&feed, "SHOW PROFILES", 0), "front");
    CHECK(feed_gives(&feed, "RETRIEVE items WHERE author = 7", "1"));
    /* What was defined before is used by what is defined now. */
    CHECK(feed_do(&feed, "DEFINE PROFILE front AS FROM all SCORE count(watch)"));
    CHECK_REFUSES(&feed, "DROP SIGNAL watch",
                  "signal 'watch' is needed by profile 'front' version 1 (and 1 more)",
                  "first DROP PROFILE front VERSION 1, DROP PROFILE front VERSION 3");
    CHECK(feed_close(&feed));
}

static void a_former_name_says_what_it_is_now(struct test *t)
{
    struct feed feed;
    CHECK(begin(&feed));
    CHECK(feed_do(&feed, "RENAME SIGNAL view TO watch"));
    CHECK(feed_do(&feed, "RENAME SIGNAL watch TO play"));
    CHECK(feed_do(&feed, "RENAME FIELD year ON item TO made_in"));
    CHECK(feed_do(&feed, "RENAME EMBEDDING content ON item TO v"));
    CHECK(feed_do(&feed, "RENAME RELATION follows TO reads"));
    CHECK(feed_do(&feed, "RENAME CONTEXT device TO screen"));
    CHECK(feed_do(&feed, "RENAME PROFILE home TO front"));
    CHECK(refuses(&feed, "SIGNAL view ON item 1 BY user 1", TIDAL_NOT_FOUND,
                  "signal 'view' does not exist", "'view' was renamed to 'play'"));
    CHECK_REFUSES(&feed, "RETRIEVE items SCORE count(watch)", "signal 'watch' does not exist",
                  "'watch' was renamed to 'play'");
    CHECK(refuses(&feed, "PUT item 1 {\"year\": 2001}", TIDAL_NOT_FOUND,
                  "field 'year' of item does not exist", "'year' was renamed to 'made_in'"));
    CHECK(refuses(&feed, "PUT item 1 {\"content\": [1, 2, 3]}", TIDAL_NOT_FOUND,
                  "field 'content' of item does not exist", "'content' was renamed to 'v'"));
    CHECK(refuses(&feed, "RELATE user 1 follows creator 7", TIDAL_NOT_FOUND,
                  "relation 'follows' does not exist", "'follows' was renamed to 'reads'"));
    CHECK(refuses(&feed, "RETRIEVE items CONTEXT device = 'tv'", TIDAL_NOT_FOUND,
                  "context 'device' does not exist", "'device' was renamed to 'screen'"));
    CHECK(refuses(&feed, "RETRIEVE items USING home", TIDAL_NOT_FOUND,
                  "profile 'home' does not exist", "'home' was renamed to 'front'"));
    CHECK_REFUSES(&feed, "RENAME SIGNAL view TO x", "signal 'view' does not exist",
                  "'view' was renamed to 'play'");
    /* Until another has the name, or the thing is gone. */
    CHECK(feed_do(&feed, "DROP PROFILE front"));
    CHECK(feed_do(&feed, "DROP SIGNAL play"));
    CHECK(refuses(&feed, "SIGNAL view ON item 1 BY user 1", TIDAL_NOT_FOUND,
                  "signal 'view' does not exist", "'view' was dropped"));
    CHECK(feed_do(&feed, "DEFINE SIGNAL view ON item"));
    CHECK(feed_do(&feed, "SIGNAL view ON item 1 BY user 1"));
    CHECK(feed_close(&feed));
}

static void versions_of_profiles_are_never_given_again(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    for (int i = 0; i < 3; i++)
        CHECK(feed_do(&feed, "DEFINE PROFILE p AS FROM all SCORE %d", i));
    CHECK(feed_do(&feed, "DROP PROFILE p VERSION 3"));
    CHECK(feed_gives(&feed, "RETRIEVE items USING p LIMIT 1", ""));
    CHECK_REFUSES(&feed, "DEFINE PROFILE p VERSION 3 AS FROM all SCORE 9",
                  "version 3 of profile 'p' was there, and is not given again",
                  "a version never changes: leave VERSION out to make the next one");
    CHECK(feed_do(&feed, "DEFINE PROFILE p AS FROM all SCORE 4"));
    CHECK(feed_do(&feed, "DROP PROFILE p"));
    CHECK(refuses(&feed, "RETRIEVE items USING p", TIDAL_NOT_FOUND, "profile 'p' does not exist",
                  "'p' was dropped"));
    CHECK(feed_do(&feed, "DEFINE PROFILE p AS FROM all SCORE 5"));
    CHECK(number(&feed, "SHOW PROFILES", 1) == 5);
    CHECK(feed_do(&feed, "RENAME PROFILE p TO q"));
    CHECK(feed_do(&feed, "DEFINE PROFILE p AS FROM all SCORE 6"));
    CHECK(feed_do(&feed, "DROP PROFILE q"));
    CHECK(number(&feed, "SHOW PROFILES", 1) == 6);
    CHECK(feed_do(&feed, "DEFINE PROFILE r VERSION 5 AS FROM all SCORE 1"));
    CHECK_REFUSES(&feed, "RENAME PROFILE r TO p", "profile 'p' is already defined",
                  "choose another name");
    CHECK_REFUSES(&feed, "RENAME PROFILE r TO q", "there was a version 5 of a profile 'q'",
                  "choose another name: recorded slates may name it");
    CHECK(feed_close(&feed));
}

/* Its definition takes the place of the one before, and goes with it, filled or not. */
static void a_signal_that_was_defined_anew_is_renamed_and_dropped(struct test *t)
{
    struct feed feed;
    CHECK(begin(&feed));
    CHECK(feed_do(&feed, "DROP PROFILE home"));
    CHECK(feed_do(&feed, "RENAME SIGNAL skip TO pass"));
    CHECK(feed_do(&feed, "DEFINE SIGNAL pass ON item WINDOWS 24h, 7d NEGATIVE TOTALS PER genre"));
    CHECK_REFUSES(&feed, "DROP FIELD genre ON item",
                  "field 'genre' is needed by signal 'view' (and 1 more)",
                  "first DROP SIGNAL view, DROP SIGNAL pass");
    CHECK(is_sound(&feed));
    CHECK(feed_do(&feed, "DROP SIGNAL pass"));
    CHECK(is_sound(&feed));
    CHECK(feed_do(&feed, "DEFINE SIGNAL pass ON user UNIQUE PER USER"));
    CHECK(feed_do(&feed, "SIGNAL pass ON user 1 BY user 2"));
    CHECK(is_sound(&feed));
    CHECK(feed_close(&feed));
}

static void a_prepared_query_notices(struct test *t)
{
    struct feed feed;
    CHECK(begin(&feed));
    tidal_query *by_name = feed_prepare(&feed, "SIGNAL skip ON item 1 BY user 5");
    tidal_query *scored = feed_prepare(&feed, "RETRIEVE items SCORE count(skip)");
    CHECK_EQ(tidal_step(by_name, &feed.error), TIDAL_DONE);
    CHECK(feed_do(&feed, "DROP PROFILE home"));
    CHECK(feed_do(&feed, "RENAME SIGNAL skip TO pass"));
    tidal_reset(by_name);
    CHECK_EQ(tidal_step(by_name, &feed.error), TIDAL_NOT_FOUND);
    CHECK_TEXT(feed.error.hint, "'skip' was renamed to 'pass'");
    CHECK_EQ(tidal_step(scored, &feed.error), TIDAL_INVALID);
    CHECK_TEXT(feed.error.hint, "'skip' was renamed to 'pass'");
    tidal_query_free(by_name);
    tidal_query_free(scored);
    CHECK(feed_close(&feed));
}

static void as_many_as_there_may_be_can_be_dropped_and_made_anew(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    for (int i = 0; i < 62; i++)
        CHECK(feed_do(&feed, "DEFINE SIGNAL s%d ON item", i));
    CHECK_REFUSES(&feed, "DEFINE SIGNAL more ON item", "there are already 64 signals",
                  "the limit is fixed");
    for (int i = 0; i < 128 - 64; i++) {
        CHECK(feed_do(&feed, "DROP SIGNAL s%d", i));
        CHECK(feed_do(&feed, "DEFINE SIGNAL s%d ON item WINDOWS 1h", i + 62));
    }
    CHECK(feed_do(&feed, "DROP SIGNAL s100"));
    CHECK_REFUSES(&feed, "DEFINE SIGNAL more ON item",
                  "128 signals have been defined, with those that were dropped",
                  "what is dropped keeps its number: rename what is left");
    CHECK(feed_do(&feed, "PUT item 1 {}"));
    CHECK(feed_do(&feed, "SIGNAL s125 ON item 1 BY user 1 AT '2026-11-01T09:30:00Z'"));
    CHECK(number(&feed, "RETRIEVE items SCORE count(s125, 1h)", 1) == 1);
    CHECK(is_sound(&feed));
    CHECK(feed_close(&feed));
}

/* SHOW SCHEMA lists what stands: typed into an empty database it lists the same. */
static void what_stands_can_be_defined_anew(struct test *t)
{
    struct feed feed, other;
    CHECK(begin(&feed));
    CHECK(feed_do(&feed, "RENAME SIGNAL view TO watch"));
    CHECK(feed_do(&feed, "RENAME FIELD creator ON item TO author"));
    CHECK(feed_do(&feed, "RENAME CONTEXT device TO screen"));
    CHECK(feed_do(&feed, "DROP PROFILE plain"));
    CHECK(feed_do(&feed, "DROP EMBEDDING content ON item"));
    CHECK(feed_do(&feed, "RENAME PROFILE home TO front"));
    CHECK(feed_open(&other));
    tidal_query *ours = feed_prepare(&feed, "SHOW SCHEMA");
    while (tidal_step(ours, &feed.error) == TIDAL_ROW)
        CHECK(feed_do(&other, "%s", tidal_column_text(ours, 0, NULL)));
    tidal_reset(ours);
    tidal_query *theirs = feed_prepare(&other, "SHOW SCHEMA");
    int count = 0;
    for (; tidal_step(ours, &feed.error) == TIDAL_ROW; count++) {
        CHECK_EQ(tidal_step(theirs, &other.error), TIDAL_ROW);
        CHECK_TEXT(tidal_column_text(theirs, 0, NULL), tidal_column_text(ours, 0, NULL));
    }
    CHECK_EQ(count, 14);
    CHECK_EQ(tidal_step(theirs, &other.error), TIDAL_DONE);
    tidal_query_free(ours);
    tidal_query_free(theirs);
    CHECK(feed_close(&other));
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(what_others_need_is_not_dropped),
        CASE(a_long_list_of_what_is_to_go_first_is_cut),
        CASE(what_is_not_there_or_built_in_is_refused),
        CASE(a_name_that_was_dropped_is_free_for_another_kind),
        CASE(the_log_tells_the_old_from_the_new), CASE(a_renamed_thing_goes_on_under_its_new_name),
        CASE(a_former_name_says_what_it_is_now), CASE(versions_of_profiles_are_never_given_again),
        CASE(a_signal_that_was_defined_anew_is_renamed_and_dropped), CASE(a_prepared_query_notices),
        CASE(as_many_as_there_may_be_can_be_dropped_and_made_anew),
        CASE(what_stands_can_be_defined_anew));
}
