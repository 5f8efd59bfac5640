/* docs/signals.md, run: its blocks, and what it shows of the language within its lines. */
#include "feed.h"

#include "schema/expression.h"

enum { PAGE_BYTES = 1 << 18, TEXT_BYTES = 4096 };

static char page[PAGE_BYTES];

static bool read_page(void)
{
    FILE *file = fopen(TIDAL_SOURCE_DIR "/docs/signals.md", "rb");
    if (!file) return false;
    size_t bytes = fread(page, 1, sizeof page - 1, file);
    page[bytes] = '\0';
    return fclose(file) == 0 && bytes > 0 && bytes < sizeof page - 1;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* The next block of the language, in `text`, and where the page goes on; NULL: no more. */
static const char *next_block(const char *at, char text[TEXT_BYTES])
{
    static const char fence[] = "```tidal\n";
    at = strstr(at, fence);
    if (!at) return NULL;
    at += strlen(fence);
    const char *end = strstr(at, "```");
    if (!end || end - at >= TEXT_BYTES) return NULL;
    snprintf(text, TEXT_BYTES, "%.*s", (int)(end - at), at);
    return end + 3;
}

/* A database with what the page's first block defines and writes. */
static bool open_page(struct feed *feed)
{
    char text[TEXT_BYTES];
    return feed_open(feed) && next_block(page, text) && feed_script(feed, text);
}

/* A block that defines something has a database of its own. */
static void every_block_runs(struct test *t)
{
    struct feed feed;
    char text[TEXT_BYTES];
    int blocks = 0;
    CHECK(read_page());
    for (const char *at = page; (at = next_block(at, text)); blocks++) {
        CHECK(begins(text, "DEFINE") ? feed_open(&feed) : open_page(&feed));
        CHECK(feed_script(&feed, text));
        CHECK(feed_close(&feed));
    }
    CHECK_EQ(blocks, 6);
}

/* Does it call a function of the language?  Formulas, with = or ^, do not. */
static bool is_expression(const char *text)
{
    char call[64];
    if (strpbrk(text, "=^$|")) return strstr(text, "$seed") != NULL;
    for (int i = 0; i < FUNCTION_COUNT_ALL; i++) {
        snprintf(call, sizeof call, "%s(", expression_function_name((enum expression_function)i));
        if (strstr(text, call)) return true;
    }
    return false;
}

/* The statement in which the text is a part; false: it is not of the language, or is no whole. */
static bool complete(const char *text, char statement[TEXT_BYTES])
{
    static const struct {
        const char *begins, *before, *after;
    } parts[] = {
        {"FROM ", "RETRIEVE items FOR user 42, item 1001 ", ""},
        {"FOR item ", "RETRIEVE items ", ""},
        {"EXCLUDE ", "RETRIEVE items FOR user 42 ", ""},
        {"trending(", "RETRIEVE items FROM ", ""},
        {"popular(", "RETRIEVE items FROM ", ""},
        {"coengaged(", "RETRIEVE items FOR user 42 FROM ", ""},
        {"user.recent(", "RETRIEVE items FOR user 42 FROM coengaged(", ")"},
        {"seen(", "RETRIEVE items FOR user 42 EXCLUDE ", ""},
        {"SHOW S", "", ""},
        {"DEFINE SIGNAL ", "", ""},
        {"DEFINE EXPOSURE ", "", ""},
        {"CAP ", "DEFINE SIGNAL other ON item ", ""},
        {"SUBLINEAR ", "DEFINE SIGNAL other ON item ", ""},
        {"TRUST ", "DEFINE SIGNAL other ON item ", ""},
        {"UNIQUE ", "DEFINE SIGNAL other ON item ", ""},
        {"VALUE ", "DEFINE SIGNAL other ON item ", ""},
        {"TOTALS ", "DEFINE SIGNAL other ON item ", ""},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (!begins(text, parts[i].begins)) continue;
        snprintf(statement, TEXT_BYTES, "%s%s%s", parts[i].before, text, parts[i].after);
        return true;
    }
    if (!is_expression(text)) return false;
    snprintf(statement, TEXT_BYTES, "RETRIEVE items FOR user 42, item 1001 SCORE %s", text);
    return true;
}

/* What defines a signal or an exposure finds the fields alone. */
static bool run(const char *statement)
{
    struct feed feed;
    bool defines = begins(statement, "DEFINE");
    bool ok = defines ? feed_open(&feed) : open_page(&feed);
    if (ok && defines)
        ok = feed_script(&feed, "DEFINE FIELD category ON item KEYWORD;"
                                "DEFINE FIELD creator ON item REFERENCES creator;"
                                "DEFINE FIELD trust ON user FLOAT;");
    tidal_query *query = ok ? feed_prepare(&feed, statement) : NULL;
    ok = query != NULL;
    if (ok && strstr(statement, "$seed"))
        ok = tidal_bind_i64(query, "seed", 7, &feed.error) == TIDAL_OK;
    tidal_code code = TIDAL_ROW;
    while (ok && code == TIDAL_ROW)
        code = tidal_step(query, &feed.error);
    if (ok && code != TIDAL_DONE) fprintf(stderr, "    %s: %s\n", statement, feed.error.message);
    tidal_query_free(query);
    return feed_close(&feed) && ok && code == TIDAL_DONE;
}

/* Copies the page without its fenced blocks. */
static void prose(char *out)
{
    bool fenced = false;
    for (const char *at = page; *at;) {
        size_t bytes = strcspn(at, "\n") + 1;
        bool fence = begins(at, "```");
        if (!fenced && !fence) {
            memcpy(out, at, bytes);
            out += bytes;
        }
        if (fence) fenced = !fenced;
        at += bytes;
    }
    *out = '\0';
}

static void what_is_shown_within_the_lines_runs(struct test *t)
{
    static char text[PAGE_BYTES];
    char shown[TEXT_BYTES], statement[TEXT_BYTES];
    int ran = 0;
    CHECK(read_page());
    prose(text);
    for (const char *at = strchr(text, '`'); at; at = strchr(at, '`')) {
        const char *end = strchr(at + 1, '`');
        CHECK(end && end - at < TEXT_BYTES);
        snprintf(shown, sizeof shown, "%.*s", (int)(end - at - 1), at + 1);
        at = end + 1;
        if (!complete(shown, statement)) continue;
        CHECK(run(statement));
        ran++;
    }
    printf("%d examples\n", ran);
    CHECK(ran >= 50);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(every_block_runs), CASE(what_is_shown_within_the_lines_runs));
}
