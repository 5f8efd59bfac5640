/* tidal_follow: a copy that is read while it follows, in one process. */
#include "feed.h"

#include "harness/folder.h"

struct place {
    struct folder folder;
    char source[300], copy[300];
};

static bool place_make(struct place *place)
{
    if (!folder_make(&place->folder)) return false;
    snprintf(place->source, sizeof place->source, "%s/source", place->folder.path);
    snprintf(place->copy, sizeof place->copy, "%s/copy", place->folder.path);
    return true;
}

/* Until the copy is where the source is. */
static tidal_code catch_up(tidal_follow *follow, tidal_db *source, tidal_error *error)
{
    tidal_code code = TIDAL_OK;
    while (code == TIDAL_OK && tidal_lsn(tidal_follow_db(follow)) < tidal_lsn(source))
        code = tidal_follow_step(follow, 1000, NULL, error);
    return code;
}

static uint64_t newest(tidal_db *db)
{
    tidal_query *query;
    uint64_t id = 0;
    if (tidal_prepare(db, "RETRIEVE items FROM newest(1)", -1, &query, NULL) != TIDAL_OK) return 0;
    if (tidal_step(query, NULL) == TIDAL_ROW) id = tidal_column_u64(query, 0);
    tidal_query_free(query);
    return id;
}

static void what_is_written_to_the_source_is_read_from_the_copy(struct test *t)
{
    struct place place;
    struct feed feed;
    tidal_follow *follow;
    tidal_error error;
    char text[64];
    CHECK(place_make(&place));
    CHECK(feed_open_at(&feed, place.source, NULL) && feed_define(&feed));
    CHECK_EQ(tidal_follow_open(place.source, place.copy, NULL, &follow, &error), TIDAL_OK);
    tidal_db *copy = tidal_follow_db(follow);
    for (int i = 10; i < 30; i++) {
        snprintf(text, sizeof text, "PUT item %d {}", i);
        feed.now_ms++;
        CHECK_EQ(feed_run(&feed, text), TIDAL_OK);
        if (i % 5 == 0) CHECK_EQ(tidal_checkpoint(copy, &error), TIDAL_OK);
        CHECK_EQ(catch_up(follow, feed.db, &error), TIDAL_OK);
        CHECK_EQ(newest(copy), i);
    }
    CHECK_EQ(tidal_execute(copy, "PUT item 1 {}", NULL, &error), TIDAL_READ_ONLY);
    CHECK_EQ(tidal_execute(copy, "DEFINE CURSOR c", NULL, &error), TIDAL_READ_ONLY);
    CHECK_EQ(tidal_close(copy, &error), TIDAL_MISUSE);
    CHECK_EQ(tidal_follow_close(follow, &error), TIDAL_OK);
    CHECK_EQ(tidal_follow_open(place.source, place.copy, NULL, &follow, &error), TIDAL_OK);
    CHECK_EQ(newest(tidal_follow_db(follow)), 29);
    CHECK_EQ(tidal_follow_close(follow, &error), TIDAL_OK);
    CHECK(feed_close(&feed));
    folder_remove(&place.folder);
}

static void what_cannot_be_followed_is_told(struct test *t)
{
    const tidal_options read_only = {.size = sizeof read_only, .read_only = true};
    struct place place;
    struct feed feed;
    tidal_follow *follow;
    tidal_error error;
    CHECK(place_make(&place));
    CHECK_EQ(tidal_follow_open(place.source, place.copy, NULL, &follow, &error), TIDAL_NOT_FOUND);
    CHECK(!follow);
    CHECK(feed_open_at(&feed, place.source, NULL) && feed_define(&feed));
    CHECK_EQ(tidal_follow_open(place.source, place.copy, &read_only, &follow, &error),
             TIDAL_MISUSE);
    CHECK_EQ(tidal_follow_open(place.source, ":memory:", NULL, &follow, &error), TIDAL_MISUSE);
    CHECK_EQ(tidal_follow_open(place.source, place.source, NULL, &follow, &error), TIDAL_BUSY);
    CHECK_EQ(tidal_follow_close(NULL, &error), TIDAL_OK);
    CHECK(feed_close(&feed));
    CHECK_EQ(tidal_follow_open(place.source, place.source, NULL, &follow, &error), TIDAL_INVALID);
    CHECK(strstr(error.message, "cannot follow itself"));
    folder_remove(&place.folder);
}

/* Whoever makes a copy in that directory next finds it as it was. */
static void a_copy_that_cannot_begin_is_not_made(struct test *t)
{
    const tidal_options options = {.segment_bytes = 1 << 20, .dedupe_count = 1};
    struct place place;
    struct feed feed;
    struct stat stat_of_copy;
    tidal_follow *follow;
    tidal_status status;
    tidal_error error;
    CHECK(place_make(&place));
    CHECK(feed_open_at(&feed, place.source, &options) && feed_define(&feed));
    do {
        for (int i = 0; i < 500; i++)
            CHECK_EQ(tidal_execute(feed.db, "SIGNAL view ON item 1", NULL, &error), TIDAL_OK);
        CHECK_EQ(tidal_checkpoint(feed.db, NULL), TIDAL_OK);
        tidal_get_status(feed.db, &status);
    } while (status.oldest_lsn == 1);
    CHECK_EQ(tidal_follow_open(place.source, place.copy, NULL, &follow, &error),
             TIDAL_NOT_RETAINED);
    CHECK(!follow && strstr(error.message, "LSN 1 is not in the log any more"));
    CHECK(stat(place.copy, &stat_of_copy) != 0);
    CHECK(feed_close(&feed));
    folder_remove(&place.folder);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(what_is_written_to_the_source_is_read_from_the_copy),
               CASE(what_cannot_be_followed_is_told), CASE(a_copy_that_cannot_begin_is_not_made));
}
