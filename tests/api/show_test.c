#include "feed.h"

/* Rows of a statement as "a|b|c" lines in `text`; false: it failed, or they do not fit. */
static bool rows_of(struct feed *feed, const char *statement, char *text, size_t capacity)
{
    tidal_query *query;
    tidal_code code;
    size_t bytes = 0;
    text[0] = 0;
    if (tidal_prepare(feed->db, statement, -1, &query, &feed->error) != TIDAL_OK) return false;
    while ((code = tidal_step(query, &feed->error)) == TIDAL_ROW) {
        for (int i = 0; i < tidal_column_count(query); i++) {
            const char *cell = tidal_column_text(query, i, NULL);
            bytes += (size_t)snprintf(text + bytes, capacity - bytes, "%s%s", i ? "|" : "", cell);
            if (bytes + 2 > capacity) break;
        }
        if (bytes + 2 > capacity) break;
        text[bytes++] = '\n';
        text[bytes] = 0;
    }
    tidal_query_free(query);
    return code == TIDAL_DONE;
}

static void fields_are_shown_with_their_kind_and_type(struct test *t)
{
    struct feed feed;
    char text[1024];
    CHECK(feed_open(&feed));
    CHECK_EQ(feed_run(&feed, "DEFINE FIELD tags ON creator KEYWORD[]"), TIDAL_OK);
    CHECK_EQ(feed_run(&feed, "DEFINE FIELD until ON item TIMESTAMP EXPIRES"), TIDAL_OK);
    CHECK(rows_of(&feed, "SHOW FIELDS", text, sizeof text));
    CHECK_TEXT(text, "item|title|text\nitem|genre|keyword\nitem|year|integer\n"
                     "item|creator|reference\ncreator|tags|keyword[]\n"
                     "item|until|timestamp expires\n"
                     "item|content|embedding\n");
    CHECK(feed_close(&feed));
}

static void relations_are_shown_with_both_ends(struct test *t)
{
    struct feed feed;
    char text[1024];
    CHECK(feed_open(&feed));
    CHECK_EQ(feed_run(&feed, "DEFINE RELATION blocks FROM user TO creator EXCLUDING"), TIDAL_OK);
    CHECK(rows_of(&feed, "SHOW RELATIONS", text, sizeof text));
    CHECK_TEXT(text, "follows|user|creator|\nblocks|user|creator|excluding\n");
    CHECK(feed_close(&feed));
}

static void what_cannot_be_shown_is_told_with_what_can(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK_EQ(feed_run(&feed, "SHOW tables"), TIDAL_INVALID);
    CHECK_TEXT(feed.error.message, "expected SCHEMA, FIELDS, SIGNALS, RELATIONS, PROFILES, "
                                   "STATUS, CURSORS, SIZE or SLATE, found 'tables'");
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(fields_are_shown_with_their_kind_and_type),
               CASE(relations_are_shown_with_both_ends),
               CASE(what_cannot_be_shown_is_told_with_what_can));
}
