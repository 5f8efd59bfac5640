#include "feed.h"

#include "harness/folder.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void what_was_written_is_there_after_reopening(struct test *t)
{
    struct feed feed;
    struct folder folder;
    tidal_query *query;
    tidal_status status;
    CHECK(folder_make(&folder));
    CHECK(feed_open_at(&feed, folder.path, NULL) && feed_define(&feed));
    CHECK_EQ(feed_run(&feed, "SIGNAL view ON item 2 BY user 7 VALUE 3"), TIDAL_OK);
    uint64_t lsn = tidal_lsn(feed.db);
    CHECK(feed_close(&feed));
    CHECK(feed_open_at(&feed, folder.path, NULL));
    tidal_get_status(feed.db, &status);
    CHECK_EQ(status.lsn, lsn);
    CHECK_EQ(status.checkpoint_lsn, lsn);
    CHECK_EQ(status.items, 3);
    CHECK_EQ(status.users, 1);
    CHECK_EQ(status.replayed, 0);
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM all SCORE count(view, 24h) LIMIT 1", -1,
                           &query, &feed.error),
             TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_EQ(tidal_column_u64(query, 0), 2);
    CHECK(tidal_column_double(query, 1) == 1.0);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
    folder_remove(&folder);
}

static void a_database_that_is_open_is_busy_and_names_the_holder(struct test *t)
{
    struct feed feed;
    struct folder folder;
    CHECK(folder_make(&folder));
    CHECK(feed_open_at(&feed, folder.path, NULL));
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        tidal_db *db;
        tidal_error error;
        char pid[32];
        snprintf(pid, sizeof pid, "%d", (int)getppid());
        bool right = tidal_open(folder.path, NULL, &db, &error) == TIDAL_BUSY &&
                     strstr(error.message, pid) && error.hint[0] != '\0';
        _exit(right ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(status, 0);
    CHECK(feed_close(&feed));
    folder_remove(&folder);
}

static void directories_that_are_no_database_are_left_alone(struct test *t)
{
    struct folder folder;
    tidal_db *db;
    tidal_error error;
    char path[512];
    CHECK(folder_make(&folder));
    const tidal_options must_exist = {.size = sizeof must_exist, .must_exist = true};
    CHECK_EQ(tidal_open(folder.path, &must_exist, &db, &error), TIDAL_NOT_FOUND);
    CHECK(!db);
    snprintf(path, sizeof path, "%s/letter.txt", folder.path);
    FILE *letter = fopen(path, "w");
    CHECK(letter && fputs("dear", letter) >= 0 && fclose(letter) == 0);
    CHECK_EQ(tidal_open(folder.path, NULL, &db, &error), TIDAL_INVALID);
    CHECK(strstr(error.message, "not a tidalDB database"));
    CHECK_EQ(tidal_open(path, NULL, &db, &error), TIDAL_INVALID);
    CHECK_EQ(tidal_open("", NULL, &db, &error), TIDAL_MISUSE);
    folder_remove(&folder);
}

static void a_newer_format_is_refused_with_its_writer(struct test *t)
{
    struct feed feed;
    struct folder folder;
    tidal_db *db;
    tidal_error error;
    char path[512];
    CHECK(folder_make(&folder));
    CHECK(feed_open_at(&feed, folder.path, NULL));
    CHECK(feed_close(&feed));
    snprintf(path, sizeof path, "%s/tidal.format", folder.path);
    FILE *format = fopen(path, "w");
    CHECK(format);
    fputs("tidalDB database\nformat 2\nwritten by 9.1.0\nid 0123456789abcdef0123456789abcdef\n",
          format);
    CHECK(fclose(format) == 0);
    CHECK_EQ(tidal_open(folder.path, NULL, &db, &error), TIDAL_VERSION_NEWER);
    CHECK(strstr(error.hint, "9.1.0"));
    folder_remove(&folder);
}

static void options_out_of_range_are_refused(struct test *t)
{
    tidal_db *db;
    tidal_error error;
    tidal_options options = {.size = sizeof options, .segment_bytes = 100};
    CHECK_EQ(tidal_open(":memory:", &options, &db, &error), TIDAL_INVALID);
    CHECK(strstr(error.message, "segment_bytes"));
    options = (tidal_options){.size = sizeof options, .retain_log_max_age_ms = 999};
    CHECK_EQ(tidal_open(":memory:", &options, &db, &error), TIDAL_INVALID);
    CHECK(strstr(error.message, "retain_log_max_age_ms is 999"));
    options = (tidal_options){
        .size = sizeof options, .retain_log_ms = 876, .retain_log_max_age_ms = 1000};
    CHECK_EQ(tidal_open(":memory:", &options, &db, &error), TIDAL_INVALID);
    CHECK(strstr(error.message,
                 "cannot be kept for 876ms (retain_log_ms): it holds nothing older than 1s"));
    options = (tidal_options){.size = 0};
    CHECK_EQ(tidal_open(":memory:", &options, &db, &error), TIDAL_MISUSE);
    options = (tidal_options){.size = sizeof options + 8};
    CHECK_EQ(tidal_open(":memory:", &options, &db, &error), TIDAL_INVALID);
    options = (tidal_options){.size = sizeof options, .ack = (tidal_ack)7};
    CHECK_EQ(tidal_open(":memory:", &options, &db, &error), TIDAL_INVALID);
    /* As a program sees it that was compiled when there were fewer options. */
    options = (tidal_options){.size = offsetof(tidal_options, ack), .ack = (tidal_ack)7};
    CHECK_EQ(tidal_open(":memory:", &options, &db, &error), TIDAL_OK);
    CHECK_EQ(tidal_close(db, &error), TIDAL_OK);
}

static void a_read_only_database_answers_and_refuses_writes(struct test *t)
{
    struct feed feed;
    struct folder folder;
    tidal_query *query;
    CHECK(folder_make(&folder));
    CHECK(feed_open_at(&feed, folder.path, NULL) && feed_define(&feed));
    CHECK(feed_close(&feed));
    const tidal_options read_only = {.size = sizeof read_only, .read_only = true};
    CHECK(feed_open_at(&feed, folder.path, &read_only));
    CHECK_EQ(feed_run(&feed, "PUT item 5 {}"), TIDAL_READ_ONLY);
    CHECK_EQ(feed_run(&feed, "DEFINE FIELD more ON item KEYWORD"), TIDAL_READ_ONLY);
    CHECK_EQ(tidal_checkpoint(feed.db, &feed.error), TIDAL_READ_ONLY);
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM all", -1, &query, NULL), TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
    folder_remove(&folder);
}

static void a_directory_that_cannot_be_written_says_so(struct test *t)
{
    struct folder folder;
    tidal_db *db;
    tidal_error error;
    char path[512];
    if (geteuid() == 0) SKIP("root may write anywhere");
    CHECK(folder_make(&folder));
    CHECK(chmod(folder.path, 0500) == 0);
    snprintf(path, sizeof path, "%s/db", folder.path);
    CHECK_EQ(tidal_open(path, NULL, &db, &error), TIDAL_READ_ONLY);
    CHECK(error.hint[0] != '\0');
    CHECK(chmod(folder.path, 0700) == 0);
    folder_remove(&folder);
}

static void the_memory_limit_refuses_writes_and_leaves_reading(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    tidal_code code = TIDAL_OK;
    char text[200];
    const tidal_options small = {.size = sizeof small, .memory_limit_bytes = (size_t)48 << 20};
    CHECK(feed_open_at(&feed, ":memory:", &small));
    CHECK(feed_define(&feed));
    int put = 0;
    for (; put < 1000000 && code == TIDAL_OK; put++) {
        snprintf(text, sizeof text, "PUT item %d {\"title\": \"%0100d\"}", put + 10, put);
        code = feed_run(&feed, text);
    }
    CHECK_EQ(code, TIDAL_NO_MEMORY);
    CHECK(strstr(feed.error.hint, "memory_limit_bytes"));
    CHECK(put > 1000);
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FROM newest(5)", -1, &query, &feed.error),
             TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void queries_must_be_freed_before_their_database_closes(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db, "SHOW STATUS", -1, &query, NULL), TIDAL_OK);
    CHECK_EQ(tidal_close(feed.db, &feed.error), TIDAL_MISUSE);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
    CHECK_EQ(tidal_close(NULL, NULL), TIDAL_OK);
}

static void codes_have_names(struct test *t)
{
    CHECK_TEXT(tidal_code_name(TIDAL_OK), "ok");
    CHECK_TEXT(tidal_code_name(TIDAL_MISUSE), "misuse");
    CHECK_TEXT(tidal_code_name(TIDAL_ROW), "row");
    CHECK_TEXT(tidal_code_name((tidal_code)77), "unknown");
    CHECK_TEXT(tidal_version(), TIDAL_VERSION);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(what_was_written_is_there_after_reopening),
               CASE(a_database_that_is_open_is_busy_and_names_the_holder),
               CASE(directories_that_are_no_database_are_left_alone),
               CASE(a_newer_format_is_refused_with_its_writer),
               CASE(options_out_of_range_are_refused),
               CASE(a_read_only_database_answers_and_refuses_writes),
               CASE(a_directory_that_cannot_be_written_says_so),
               CASE(the_memory_limit_refuses_writes_and_leaves_reading),
               CASE(queries_must_be_freed_before_their_database_closes), CASE(codes_have_names));
}
