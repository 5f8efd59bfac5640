/* What is wrong is refused with its name, its place and what to do, and changes nothing. */
#include "feed.h"

#include "api/handle.h"

static const char definitions[] =
    "DEFINE FIELD title ON item TEXT; DEFINE FIELD genre ON item KEYWORD;"
    "DEFINE FIELD tags ON item KEYWORD[]; DEFINE FIELD year ON item INTEGER;"
    "DEFINE FIELD rating ON item FLOAT; DEFINE FIELD published ON item TIMESTAMP;"
    "DEFINE FIELD creator ON item REFERENCES creator;"
    "DEFINE EMBEDDING content ON item DIMENSIONS 3;"
    "DEFINE CONTEXT device KEYWORD; DEFINE CONTEXT hour INTEGER;"
    "DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h, 24h VELOCITY 1h;"
    "DEFINE SIGNAL like ON item HALF LIFE 7d UNIQUE PER USER POSITIVE;"
    "DEFINE RELATION follows FROM user TO creator;"
    "DEFINE PROFILE home AS FROM all SCORE 1;"
    "PUT item 1 {\"genre\": \"jazz\", \"year\": 2001};"
    "SIGNAL view ON item 1 BY user 1 AT '2026-11-01T09:00:00Z';";

struct mistake {
    const char *text;
    uint64_t position;
    tidal_code code;
    const char *message, *hint;
};

static bool is_refused(struct feed *feed, const struct mistake *mistake)
{
    tidal_error got = {0};
    tidal_code code = tidal_execute(feed->db, mistake->text, NULL, &got);
    bool ok = code == mistake->code && got.position == mistake->position &&
              strcmp(got.message, mistake->message) == 0 && strcmp(got.hint, mistake->hint) == 0;
    if (!ok)
        fprintf(stderr, "    %s\n    -> %s at %d: %s (%s)\n", mistake->text, tidal_code_name(code),
                (int)got.position, got.message, got.hint);
    return ok;
}

static bool all_refused(struct feed *feed, const struct mistake *mistakes, size_t count)
{
    uint8_t before[32], after[32];
    uint64_t lsn_before = tidal_lsn(feed->db);
    struct error error;
    bool ok = database_state_hash(feed->db->database, before, &error) == CODE_OK;
    for (size_t i = 0; i < count; i++)
        ok = is_refused(feed, &mistakes[i]) && ok;
    ok = ok && database_state_hash(feed->db->database, after, &error) == CODE_OK &&
         database_check(feed->db->database, &error) == CODE_OK;
    return ok && memcmp(before, after, sizeof before) == 0 && tidal_lsn(feed->db) == lsn_before;
}

static const struct mistake questions[] = {
    {"RETRIEVE items WHERE gener = 'jazz'", 21, TIDAL_INVALID, "item has no field 'gener'",
     "did you mean 'genre'?"},
    {"RETRIEVE items SCORE decay(veiw, 1h)", 27, TIDAL_INVALID, "signal 'veiw' does not exist",
     "did you mean 'view'?"},
    {"RETRIEVE items SCORE decay(glance, 1h)", 27, TIDAL_INVALID, "signal 'glance' does not exist",
     "define it with DEFINE SIGNAL"},
    {"RETRIEVE items WHERE genre = jazz", 29, TIDAL_INVALID, "item has no field 'jazz'",
     "define it first; a text stands in single quotes: 'jazz'"},
    {"RETRIEVE items USING hom", 21, TIDAL_NOT_FOUND, "profile 'hom' does not exist",
     "did you mean 'home'?"},
    {"RETRIEVE items USING home VERSION 7", 21, TIDAL_NOT_FOUND, "profile 'home' has no version 7",
     "SHOW PROFILES lists the versions"},
    {"RETRIEVE items USING home VERSION 0", 21, TIDAL_NOT_FOUND, "profile 'home' has no version 0",
     "SHOW PROFILES lists the versions"},
    {"RETRIEVE items USING home VERSION 4294967297", 21, TIDAL_NOT_FOUND,
     "profile 'home' has no version 4294967297", "SHOW PROFILES lists the versions"},
    {"RETRIEVE items USING home SCORE 2", 21, TIDAL_INVALID,
     "USING 'home' and clauses of a ranking exclude each other",
     "leave out USING, or define a profile with these clauses"},
    {"RETRIEVE items FROM related(user folows creator)", 33, TIDAL_INVALID,
     "relation 'folows' does not exist", "did you mean 'follows'?"},
    {"RETRIEVE items FROM trending(view, 24h)", 35, TIDAL_INVALID,
     "signal 'view' has no velocity of 24h", "define the signal with VELOCITY 24h"},
    {"RETRIEVE items FROM newest(0)", 20, TIDAL_INVALID, "a source cannot give 0 candidates",
     "use 1 to 10000"},
    {"RETRIEVE items RETURNING titel", 25, TIDAL_NOT_FOUND, "field 'titel' of item does not exist",
     "did you mean 'title'?"},
    {"RETRIEVE items CONTEXT devise = 'tv'", 23, TIDAL_NOT_FOUND, "context 'devise' does not exist",
     "did you mean 'device'?"},
    {"RETRIEVE items CONTEXT hour = 'late'", 30, TIDAL_INVALID,
     "context 'hour' must be a whole number, not a text", "write or bind a whole number"},
    {"WHY NOT item 9 IN RETRIEVE items", 13, TIDAL_NOT_FOUND, "there is no item 9", "PUT it first"},
    {"WHY NOT item KEY 'x' IN RETRIEVE items", 17, TIDAL_NOT_FOUND, "there is no item KEY 'x'",
     "PUT it first"},
    {"RETRIEVE items WHERE genre = 7", 29, TIDAL_INVALID,
     "text 'genre' is compared with number '7'", "write a text in single quotes"},
    {"RETRIEVE items WHERE year = 'x'", 28, TIDAL_INVALID,
     "number 'year' is compared with text ''x''", "write a number"},
    {"RETRIEVE items WHERE genre < 'x'", 21, TIDAL_INVALID,
     "text 'genre' cannot be compared by order", "use =, != or IN"},
    {"RETRIEVE items WHERE year", 21, TIDAL_INVALID,
     "this place takes a boolean, but 'year' is a number", "compare it: x > 0"},
    {"RETRIEVE items SCORE genre", 21, TIDAL_INVALID,
     "this place takes a number, but 'genre' is a text", "write a number"},
    {"RETRIEVE items SCORE item.year / item.rating", 33, TIDAL_INVALID,
     "division by 'item.rating', which can be 0", "guard it: x / (1 + y), x / max(y, 0.001)"},
    {"RETRIEVE items SCORE log10(item.year)", 27, TIDAL_INVALID,
     "log10 of 'item.year', which can be 0 or less",
     "guard it: log10(1 + x) where x is never negative, log10(max(x, 0.001))"},
    {"RETRIEVE items SCORE sqrt(item.year)", 26, TIDAL_INVALID,
     "sqrt of 'item.year', which can be negative", "guard it: sqrt(max(x, 0)), sqrt(abs(x))"},
    {"RETRIEVE items SCORE 1 TIMES item.year", 29, TIDAL_INVALID,
     "TIMES of 'item.year', which can be negative", "guard it: max(x, 0)"},
    {"RETRIEVE items SCORE decay(view, 2h)", 33, TIDAL_INVALID,
     "signal 'view' has no half-life of 2h", "it has 1h"},
    {"RETRIEVE items SCORE count(view, 2h)", 33, TIDAL_INVALID, "signal 'view' has no window of 2h",
     "it has 1h, 24h"},
    {"RETRIEVE items SCORE velocity(view, 24h)", 36, TIDAL_INVALID,
     "signal 'view' has no velocity of 24h", "it has 1h"},
    {"RETRIEVE items SCORE ratio(like, view)", 21, TIDAL_INVALID,
     "'ratio(like, view)' has no prior above 0",
     "write ratio(a, b, prior 20): how many events the prior counts for"},
    {"RETRIEVE items SCORE log10(2, prior 3)", 21, TIDAL_INVALID, "log10 takes no prior",
     "ratio, mean, surge and thompson alone have one"},
    {"RETRIEVE items SCORE min(1)", 21, TIDAL_INVALID, "min has too few arguments",
     "write min(x, y)"},
    {"RETRIEVE items EXCLUDE seen", 23, TIDAL_INVALID, "seen has no age", "write seen(7d)"},
    {"RETRIEVE items EXCLUDE seen(0d)", 28, TIDAL_INVALID, "age of seen is zero",
     "write a duration above 0, as in 24h"},
    {"RETRIEVE items EXCLUDE served", 23, TIDAL_INVALID, "served has no age", "write served(10m)"},
    {"RETRIEVE items EXCLUDE served(25h)", 30, TIDAL_INVALID, "served reaches back at most 24h",
     "use seen(7d) for what was seen"},
    {"RETRIEVE items RECORD RECORD", 22, TIDAL_INVALID, "expected each clause once, found 'RECORD'",
     ""},
    {"RETRIEVE items AS OF LSN 3 RECORD", 27, TIDAL_INVALID, "RECORD and AS OF exclude each other",
     "what is recorded is served now: leave out one of them"},
    {"EXPLAIN RETRIEVE items RECORD", 23, TIDAL_INVALID,
     "EXPLAIN serves nothing that RECORD could log", "leave out RECORD"},
    {"SHOW SLATE 1", 11, TIDAL_NOT_FOUND, "there is no slate 1: that LSN is of a define",
     "a slate's number is the LSN that its RETRIEVE ... RECORD gave"},
    {"RETRIEVE items DIVERSIFY max 0 per genre", 25, TIDAL_INVALID,
     "a cap of 0 lets nothing through", "write max 1 or more"},
    {"RETRIEVE items DIVERSIFY max 1 per year", 35, TIDAL_INVALID,
     "a cap cannot be put on 'year', of type integer", "use a keyword, keyword[] or reference"},
    {"RETRIEVE items LIMIT 1001", 21, TIDAL_LIMIT, "LIMIT 1001 is above 1000",
     "ask for pages with OFFSET"},
    {"RETRIEVE items LIMIT -1", 21, TIDAL_INVALID,
     "LIMIT must be a whole number from 0, not an integer", "write or bind a whole number from 0"},
    {"RETRIEVE items LIMIT 1.5", 21, TIDAL_INVALID,
     "LIMIT must be a whole number from 0, not a float", "write or bind a whole number from 0"},
    {"RETRIEVE items NOW '2026-11-01T08:59:59Z'", 19, TIDAL_INVALID,
     "NOW 2026-11-01T08:59:59Z is before the newest event, at 2026-11-01T09:00:00Z",
     "use a later time, or ask AS OF the earlier one"},
    {"RETRIEVE items NOW 'yesterday'", 19, TIDAL_INVALID, "NOW is 'yesterday', which is no time",
     "write '2026-11-01T10:00:00Z' or milliseconds since 1970"},
    {"RETRIEVE items AS OF '2026-11-01T10:00:01Z'", 21, TIDAL_INVALID,
     "AS OF 2026-11-01T10:00:01Z is in the future: it is 2026-11-01T10:00:00Z now",
     "leave AS OF out, or use NOW"},
    {"RETRIEVE items AS OF LSN 99", 25, TIDAL_INVALID,
     "AS OF LSN 99 is not there yet: the newest is 16", "AT LEAST waits for it"},
    {"RETRIEVE items AS OF LSN 'x'", 25, TIDAL_INVALID,
     "AS OF LSN must be a whole number from 0, not a text", "write or bind a whole number from 0"},
    {"RETRIEVE items AS OF LSN 1 USING", 27, TIDAL_INVALID,
     "expected a clause or the end of the statement, found 'USING'",
     "FOR and USING stand in this order, behind RETRIEVE items"},
    {"RETRIEVE items WHERE year = $y", 28, TIDAL_INVALID, "parameter '$y' has no value",
     "bind it before the statement runs (tidal DIR --param NAME=VALUE)"},
    {"RETRIEVE items LIMIT $n", 21, TIDAL_INVALID, "parameter '$n' has no value",
     "bind it before the statement runs (tidal DIR --param NAME=VALUE)"},
};

static const struct mistake declarations[] = {
    {"DEFINE SIGNAL s ON item HALF LIFE 0", 34, TIDAL_INVALID, "half-life is zero",
     "write a duration above 0, as in 24h"},
    {"DEFINE SIGNAL s ON item HALF LIFE 0h", 34, TIDAL_INVALID, "half-life is zero",
     "write a duration above 0, as in 24h"},
    {"DEFINE SIGNAL s ON item HALF LIFE -1h", 34, TIDAL_INVALID, "half-life is negative",
     "write a duration above 0, as in 24h"},
    {"DEFINE SIGNAL s ON item HALF LIFE infinity", 34, TIDAL_INVALID, "half-life is not finite",
     "write a number and a unit, as in 24h"},
    {"DEFINE SIGNAL s ON item HALF LIFE 1e308d", 34, TIDAL_INVALID,
     "the duration is too long: '1e308d'", "write a number and a unit: 30m, 24h, 7d"},
    {"DEFINE SIGNAL s ON item WINDOWS 367d", 32, TIDAL_INVALID, "window is longer than 366 days",
     "use at most 366d"},
    {"DEFINE SIGNAL s ON item WINDOWS 1h VELOCITY 2h", 44, TIDAL_INVALID,
     "velocity 2h is not a declared window of signal 's'", "add 2h to its WINDOWS"},
    {"DEFINE SIGNAL view ON item", 14, TIDAL_INVALID,
     "signal 'view' is already defined, with a half-life of 1h (and 3 more)",
     "repeat what it has: more can be added, nothing left out"},
    {"DEFINE FIELD year ON item FLOAT", 13, TIDAL_INVALID,
     "field 'year' of item is already defined", "choose another name"},
    {"DEFINE FIELD content ON item TEXT", 13, TIDAL_INVALID,
     "embedding 'content' of item is already defined", "choose another name"},
    {"DEFINE FIELD where ON item TEXT", 13, TIDAL_INVALID, "field name 'where' is a reserved word",
     "choose another name"},
    {"DEFINE FIELD Year ON item TEXT", 13, TIDAL_INVALID, "field name 'Year' is not a valid name",
     "begin with a letter a-z, then use a-z, 0-9 and '_'"},
    {"DEFINE RELATION follows FROM user TO item", 16, TIDAL_INVALID,
     "relation 'follows' is already defined", "choose another name"},
    {"DEFINE CONTEXT device KEYWORD", 15, TIDAL_INVALID, "context 'device' is already defined",
     "choose another name"},
    {"DEFINE CONTEXT words TEXT", 15, TIDAL_INVALID, "context 'words' cannot be a text",
     "use keyword, integer, float, boolean or timestamp"},
    {"DEFINE PROFILE home VERSION 1 AS FROM all", 15, TIDAL_INVALID,
     "version 1 of profile 'home' already exists",
     "a version never changes: leave VERSION out to make the next one"},
    {"DEFINE PROFILE other AS SCORE decay(view, 2h) + missing_one", 42, TIDAL_INVALID,
     "signal 'view' has no half-life of 2h (and 1 more)", "it has 1h"},
    {"DEFINE EMBEDDING e ON item DIMENSIONS 0", 17, TIDAL_INVALID,
     "embedding 'e' cannot have 0 dimensions", "use 1 to 4096 dimensions"},
    {"DEFINE EMBEDDING e ON item DIMENSIONS 4097", 17, TIDAL_INVALID,
     "embedding 'e' cannot have 4097 dimensions", "use 1 to 4096 dimensions"},
    {"DROP SIGNAL", 11, TIDAL_INVALID,
     "expected the name of a signal, found the end of the statement", ""},
    {"DROP EMBEDDING 7 ON item", 15, TIDAL_INVALID, "expected the name of an embedding, found '7'",
     ""},
    {"RENAME PROFILE home TO", 22, TIDAL_INVALID,
     "expected a new name, found the end of the statement", ""},
};

static const struct mistake writes[] = {
    {"PUT item 2 {\"gener\": \"jazz\"}", 12, TIDAL_NOT_FOUND,
     "field 'gener' of item does not exist", "did you mean 'genre'?"},
    {"PUT item 2 {\"year\": \"jazz\"}", 20, TIDAL_INVALID,
     "'year' takes a whole number of 64 bits with a sign, not a text",
     "write it as the field was defined; SHOW SCHEMA lists the definitions"},
    {"PUT item 2 {\"year\": 1.5}", 20, TIDAL_INVALID,
     "'year' takes a whole number of 64 bits with a sign, not a number",
     "write it as the field was defined; SHOW SCHEMA lists the definitions"},
    {"PUT item 2 {\"genre\": 7}", 21, TIDAL_INVALID, "'genre' takes a text, not an integer",
     "write it as the field was defined; SHOW SCHEMA lists the definitions"},
    {"PUT item 2 {\"content\": [1, 2]}", 23, TIDAL_INVALID,
     "embedding 'content' takes 3 numbers, not 2",
     "vectors have the dimensions that DEFINE EMBEDDING gave"},
    {"PUT item 2 {\"content\": [1, 2, NaN]}", 30, TIDAL_INVALID, "JSON: expected a value",
     "a text in quotes, a number, true, false, null, a list or an object"},
    {"PUT item 2 {\"content\": [1, 2, 1e39]}", 30, TIDAL_INVALID,
     "embedding 'content' takes no number as large as this",
     "its numbers are floats of 32 bits: below 3.4e38 in magnitude"},
    {"PUT item 2 {\"year\": 1, \"year\": 2}", 23, TIDAL_INVALID,
     "JSON: 'year' stands twice in an object", "keep one of them"},
    {"PUT item 2 {\"year\": 1,}", 22, TIDAL_INVALID, "JSON: expected a name in quotes",
     "write {\"name\": value}"},
    {"PUT item 2 {year: 1}", 12, TIDAL_INVALID, "JSON: expected a name in quotes",
     "write {\"name\": value}"},
    {"PUT item 2 {\"genre\": \"\\ud800\"}", 22, TIDAL_INVALID, "JSON: half of a surrogate pair",
     "write both halves, or the character itself"},
    {"PUT item 2 {\"genre\": \"\xc3\x28\"}", 22, TIDAL_INVALID, "the statement is not valid UTF-8",
     "convert it to UTF-8"},
    {"PUT item 2 $body", 11, TIDAL_INVALID, "parameter '$body' has no value",
     "bind it before the statement runs (tidal DIR --param NAME=VALUE)"},
    {"SIGNAL veiw ON item 1", 7, TIDAL_NOT_FOUND, "signal 'veiw' does not exist",
     "did you mean 'view'?"},
    {"SIGNAL view ON item 9", 20, TIDAL_NOT_FOUND, "there is no item 9",
     "PUT it first, or declare the signal ALLOW UNKNOWN"},
    {"SIGNAL view ON user 1", 7, TIDAL_INVALID, "signal 'view' takes item here, not user",
     "it was defined so: SHOW SCHEMA lists the definitions"},
    {"SIGNAL view ON item 1 VALUE 'x'", 28, TIDAL_INVALID, "the value must be a number, not a text",
     "write or bind a number"},
    {"SIGNAL view ON item 1 AT 'noon'", 25, TIDAL_INVALID, "the time is 'noon', which is no time",
     "write '2026-11-01T10:00:00Z' or milliseconds since 1970"},
    {"SIGNAL view ON item 1 AT '2027-11-01T09:00:00Z'", 7, TIDAL_INVALID,
     "the event of 'view' at 2027-11-01T09:00:00Z is in the future: it is "
     "2026-11-01T10:00:00Z now",
     "an event may lie at most 5s ahead of this machine's clock"},
    {"SIGNAL like ON item 1", 7, TIDAL_INVALID, "signal 'like' names no user",
     "it is UNIQUE PER USER: add BY user"},
    {"SIGNAL view ON item 1 KEY ''", 26, TIDAL_INVALID, "a key of 0 bytes: it must have 1 to 256",
     "use a name of the application's, such as a UUID or a slug"},
    {"RETRACT SIGNAL view ON item 1 BY user 1", 15, TIDAL_INVALID,
     "signal 'view' cannot be taken back", "only signals UNIQUE PER USER can be"},
    {"RELATE user 1 folows creator 2", 14, TIDAL_NOT_FOUND, "relation 'folows' does not exist",
     "did you mean 'follows'?"},
    {"RELATE user 1 follows item 2", 14, TIDAL_INVALID,
     "relation 'follows' takes creator here, not item",
     "it was defined so: SHOW SCHEMA lists the definitions"},
    {"RELATE user 1 follows creator 2 WEIGHT 1e39", 39, TIDAL_INVALID,
     "the weight 1e+39 is out of range",
     "a weight is a float of 32 bits: below 3.4e38 in magnitude"},
    {"RELATE user 1 follows creator 2 WEIGHT 'much'", 39, TIDAL_INVALID,
     "the weight must be a number, not a text", "write or bind a number"},
    {"TRANSACTION { PUT item 2 {}; SIGNAL view ON item 2 KEY 'k'; }", 55, TIDAL_INVALID,
     "a signal in a transaction takes no idempotency key",
     "leave out KEY, or run the signal by itself"},
    {"TRANSACTION { PUT item 2 {}; SIGNAL veiw ON item 2; }", 36, TIDAL_NOT_FOUND,
     "signal 'veiw' does not exist", "did you mean 'view'?"},
};

#define REFUSED(feed, list) all_refused(feed, list, sizeof(list) / sizeof *(list))

static void a_wrong_question_is_refused(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed) && feed_script(&feed, definitions));
    CHECK(REFUSED(&feed, questions));
    CHECK(feed_close(&feed));
}

static void a_wrong_definition_is_refused(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed) && feed_script(&feed, definitions));
    CHECK(REFUSED(&feed, declarations));
    CHECK(feed_close(&feed));
}

static void a_wrong_write_is_refused(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed) && feed_script(&feed, definitions));
    CHECK(REFUSED(&feed, writes));
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_wrong_question_is_refused), CASE(a_wrong_definition_is_refused),
               CASE(a_wrong_write_is_refused));
}
