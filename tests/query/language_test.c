/* docs/language.md, run: every block of it, every reserved word, every function. */
#include "feed.h"

#include "schema/expression.h"
#include "schema/schema.h"

enum { PAGE_BYTES = 1 << 18 };

static char page[PAGE_BYTES];

static bool read_page(void)
{
    FILE *file = fopen(TIDAL_SOURCE_DIR "/docs/language.md", "rb");
    if (!file) return false;
    size_t bytes = fread(page, 1, sizeof page - 1, file);
    page[bytes] = '\0';
    return fclose(file) == 0 && bytes > 0 && bytes < sizeof page - 1;
}

static void every_block_of_the_page_runs_in_order(struct test *t)
{
    struct feed feed;
    const char *at = page;
    int blocks = 0;
    CHECK(read_page());
    CHECK(feed_open(&feed));
    while ((at = strstr(at, "```tidal\n"))) {
        at += strlen("```tidal\n");
        const char *end = strstr(at, "```");
        CHECK(end);
        char block[8192];
        CHECK((size_t)(end - at) < sizeof block);
        snprintf(block, sizeof block, "%.*s", (int)(end - at), at);
        CHECK(feed_script(&feed, block));
        blocks++;
        at = end;
    }
    CHECK_EQ(blocks, 18);
    CHECK(feed_close(&feed));
}

/* The list under the heading, word by word, is what the schema refuses as a name. */
static void the_page_lists_the_reserved_words(struct test *t)
{
    int listed = 0;
    CHECK(read_page());
    const char *at = strstr(page, "\n## Reserved words");
    CHECK(at);
    const char *end = strstr(at + 4, "\n## ");
    CHECK(end);
    for (at = strchr(at, '`'); at && at < end; at = strchr(at, '`')) {
        const char *close = strchr(at + 1, '`');
        CHECK(close);
        CHECK(name_reserved(slice_of(at + 1, (size_t)(close - at) - 1)));
        listed++;
        at = close + 1;
    }
    CHECK_EQ(listed, 54);
}

static void the_page_has_every_function(struct test *t)
{
    CHECK(read_page());
    const char *table = strstr(page, "\n## Functions");
    CHECK(table);
    for (int i = 0; i < FUNCTION_COUNT_ALL; i++) {
        char call[64];
        const char *name = expression_function_name((enum expression_function)i);
        snprintf(call, sizeof call, "`%s(", name);
        if (!strstr(table, call)) fprintf(stderr, "    %s is not in the table\n", name);
        CHECK(strstr(table, call));
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(every_block_of_the_page_runs_in_order),
               CASE(the_page_lists_the_reserved_words), CASE(the_page_has_every_function));
}
