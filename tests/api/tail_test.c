/* TAIL: the log as rows.  The oracle is the list of what was written. */
#include "feed.h"

#include "base/choices.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { COLUMN_LSN, COLUMN_TIME, COLUMN_KIND, COLUMN_TARGET, COLUMN_ID, COLUMN_KEY, COLUMN_NAME };
enum { COLUMN_USER = 7, COLUMN_USER_KEY, COLUMN_VALUE, COLUMN_EVENT_TIME, COLUMN_CHANGE };

static tidal_query *prepare(struct feed *feed, const char *text)
{
    tidal_query *query;
    if (tidal_prepare(feed->db, text, -1, &query, &feed->error) == TIDAL_OK) return query;
    fprintf(stderr, "%s: %s\n", text, feed->error.message);
    return NULL;
}

static const char *text_at(const tidal_query *query, int index)
{
    return tidal_column_text(query, index, NULL);
}

static void a_signal_is_a_row_with_all_that_it_says(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    uint64_t begin = tidal_lsn(feed.db) + 1;
    CHECK_EQ(feed_run(&feed, "SIGNAL view ON item 2 BY user 42 VALUE 0.5 AT 1793527100000"),
             TIDAL_OK);
    tidal_query *query = prepare(&feed, "TAIL FROM $lsn");
    CHECK(query);
    CHECK_EQ(tidal_bind_u64(query, "lsn", begin, NULL), TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_EQ(tidal_column_count(query), 12);
    CHECK_TEXT(tidal_column_name(query, COLUMN_CHANGE), "change");
    CHECK_EQ(tidal_column_u64(query, COLUMN_LSN), begin);
    CHECK_EQ(tidal_column_i64(query, COLUMN_TIME), FEED_NOW_MS);
    CHECK_TEXT(text_at(query, COLUMN_KIND), "signal");
    CHECK_TEXT(text_at(query, COLUMN_TARGET), "item");
    CHECK_EQ(tidal_column_u64(query, COLUMN_ID), 2);
    CHECK_EQ(tidal_column_type(query, COLUMN_KEY), TIDAL_MISSING);
    CHECK_TEXT(text_at(query, COLUMN_NAME), "view");
    CHECK_EQ(tidal_column_u64(query, COLUMN_USER), 42);
    CHECK(tidal_column_double(query, COLUMN_VALUE) == 0.5);
    CHECK_EQ(tidal_column_i64(query, COLUMN_EVENT_TIME), INT64_C(1793527100000));
    CHECK_TEXT(text_at(query, COLUMN_CHANGE),
               "{\"kind\":\"signal\",\"name\":\"view\",\"entity\":{\"kind\":\"item\",\"id\":2},"
               "\"user\":{\"kind\":\"user\",\"id\":42},\"value\":0.5,"
               "\"time\":\"2026-11-01T09:58:20Z\"}");
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_DONE);
    CHECK_EQ(tidal_query_lsn(query), begin);
    CHECK_EQ(tidal_column_count(query), 12);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

/* Kinds of the rows from `lsn` on, separated by spaces; after an error its code's name. */
static const char *kinds(struct feed *feed, const char *text)
{
    static char out[512];
    tidal_query *query;
    tidal_code code = tidal_prepare(feed->db, text, -1, &query, &feed->error);
    if (code == TIDAL_OK) code = TIDAL_ROW;
    out[0] = '\0';
    while (query && (code = tidal_step(query, &feed->error)) == TIDAL_ROW) {
        size_t used = strlen(out);
        snprintf(out + used, sizeof out - used, "%s%s", used > 0 ? " " : "",
                 text_at(query, COLUMN_KIND));
    }
    if (code != TIDAL_DONE) snprintf(out, sizeof out, "%s", tidal_code_name(code));
    tidal_query_free(query);
    return out;
}

static void every_kind_of_change_has_its_word(struct test *t)
{
    static const char *const writes[] = {
        "PUT item 9 {}",
        "PATCH item 9 {\"year\": 1}",
        "SIGNAL like ON item 9 BY user KEY 'ann'",
        "RETRACT SIGNAL like ON item 9 BY user KEY 'ann'",
        "RELATE user 1 follows creator 7",
        "TRANSACTION { SIGNAL view ON item 9; UNRELATE user 1 follows creator 7; }",
        "DELETE item 9",
        "DEFINE FIELD month ON item INTEGER",
        "FORGET user KEY 'ann'",
    };
    struct feed feed;
    char text[200];
    CHECK(feed_open(&feed));
    int begin = (int)tidal_lsn(feed.db) + 1;
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++)
        CHECK_EQ(feed_run(&feed, writes[i]), TIDAL_OK);
    snprintf(text, sizeof text, "TAIL FROM %d", begin);
    CHECK_TEXT(kinds(&feed, text),
               "put patch signal retract relate signal unrelate delete define forget");
    snprintf(text, sizeof text, "TAIL FROM %d WHERE user_key = 'ann'", begin);
    CHECK_TEXT(kinds(&feed, text), "signal retract forget");
    snprintf(text, sizeof text, "TAIL FROM %d WHERE kind != 'put' AND id IN (9, 8) LIMIT 3", begin);
    CHECK_TEXT(kinds(&feed, text), "patch signal retract");
    snprintf(text, sizeof text, "TAIL FROM %d WHERE name = 'follows' AND target = 'creator'",
             begin);
    CHECK_TEXT(kinds(&feed, text), "relate unrelate");
    /* An entry is never split: its rows come together. */
    snprintf(text, sizeof text, "TAIL FROM %d LIMIT 1", begin + 5);
    CHECK_TEXT(kinds(&feed, text), "signal unrelate");
    snprintf(text, sizeof text, "TAIL FROM %d LIMIT 0", begin);
    CHECK_TEXT(kinds(&feed, text), "");
    CHECK(feed_close(&feed));
}

static void what_is_wrong_is_told_with_its_place(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK_TEXT(kinds(&feed, "TAIL FROM 1 WHERE kind = 'singal'"), "invalid");
    CHECK_EQ(feed.error.position, 18);
    CHECK_TEXT(kinds(&feed, "TAIL FROM 1 WHERE user = 'ann'"), "invalid");
    CHECK_TEXT(kinds(&feed, "TAIL FROM 1 WHERE color = 3"), "invalid");
    CHECK_TEXT(kinds(&feed, "TAIL FROM 1 WHERE name < 'a'"), "invalid");
    CHECK_TEXT(kinds(&feed, "TAIL FROM 1 WHERE name = 'a' OR name = 'b'"), "invalid");
    CHECK_TEXT(kinds(&feed, "TAIL FROM 1 WAIT 25h"), "invalid");
    CHECK_TEXT(kinds(&feed, "TAIL FROM 1 LIMIT 1 LIMIT 2"), "invalid");
    CHECK_TEXT(kinds(&feed, "TAIL 1"), "invalid");
    CHECK_TEXT(kinds(&feed, "TAIL FROM 1000"), "invalid");
    CHECK_TEXT(feed.error.message, "LSN 1000 was not given yet: the log ends at 11");
    CHECK_TEXT(kinds(&feed, "TAIL FROM 12"), "");
    CHECK(feed_close(&feed));
}

static void a_log_that_begins_later_says_where(struct test *t)
{
    const tidal_options options = {.segment_bytes = 1 << 20, .dedupe_count = 1};
    struct feed feed;
    tidal_status status;
    char text[64];
    CHECK(feed_open_at(&feed, ":memory:", &options) && feed_define(&feed));
    do {
        CHECK_EQ(feed_run(&feed, "SIGNAL view ON item 1"), TIDAL_OK);
        if (tidal_lsn(feed.db) % 500 == 0) CHECK_EQ(tidal_checkpoint(feed.db, NULL), TIDAL_OK);
        tidal_get_status(feed.db, &status);
    } while (status.oldest_lsn == 1);
    CHECK_TEXT(kinds(&feed, "TAIL FROM 1 LIMIT 1"), "not retained");
    snprintf(text, sizeof text, "LSN 1 is not in the log any more: it begins at %" PRIu64,
             status.oldest_lsn);
    CHECK_TEXT(feed.error.message, text);
    snprintf(text, sizeof text, "TAIL FROM %" PRIu64 " LIMIT 1", status.oldest_lsn);
    CHECK_TEXT(kinds(&feed, text), "signal");
    CHECK(feed_close(&feed));
}

enum { EVENTS = 3000 };

/* Random events and filters; the rows are those of a naive loop over all events. */
static void rows_are_those_of_a_loop_over_all_events(struct test *t)
{
    static const char *const names[] = {"view", "like"};
    static struct {
        int name;
        uint64_t item, user;
    } events[EVENTS];
    struct feed feed;
    struct choices c;
    CHECK(feed_open(&feed));
    uint64_t first = tidal_lsn(feed.db) + 1;
    choices_from_seed(&c, 3, NULL);
    for (int i = 0; i < EVENTS; i++) {
        events[i].name = (int)choose(&c, 1);
        events[i].item = choose_between(&c, 1, 3);
        events[i].user = choose_between(&c, 1, 20);
        tidal_event event = {.signal = names[events[i].name],
                             .entity = events[i].item,
                             .user = events[i].user,
                             .has_user = true};
        CHECK_EQ(tidal_signal_batch(feed.db, &event, 1, TIDAL_ACCEPTED, NULL, &feed.error),
                 TIDAL_OK);
    }
    CHECK_EQ(tidal_wait(feed.db, first + EVENTS - 1, NULL), TIDAL_OK);
    tidal_query *query = prepare(&feed, "TAIL FROM $lsn WHERE name = $name AND user IN $users AND "
                                        "id != $not LIMIT $limit");
    CHECK(query);
    for (int round = 0; round < 200; round++) {
        uint64_t from = choose(&c, EVENTS), limit = choose(&c, 100), not_item = choose(&c, 3);
        uint64_t users[2] = {choose_between(&c, 1, 20), choose_between(&c, 1, 20)}, rows = 0;
        int name = (int)choose(&c, 1);
        tidal_reset(query);
        CHECK_EQ(tidal_bind_u64(query, "lsn", first + from, NULL), TIDAL_OK);
        CHECK_EQ(tidal_bind_u64(query, "limit", limit, NULL), TIDAL_OK);
        CHECK_EQ(tidal_bind_u64(query, "not", not_item, NULL), TIDAL_OK);
        CHECK_EQ(tidal_bind_text(query, "name", names[name], -1, NULL), TIDAL_OK);
        CHECK_EQ(tidal_bind_u64_list(query, "users", users, 2, NULL), TIDAL_OK);
        for (uint64_t i = from; i < EVENTS && rows < limit; i++) {
            bool in = events[i].user == users[0] || events[i].user == users[1];
            if (events[i].name != name || !in || events[i].item == not_item) continue;
            rows++;
            CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
            CHECK_EQ(tidal_column_u64(query, COLUMN_LSN), first + i);
            CHECK_EQ(tidal_column_u64(query, COLUMN_USER), events[i].user);
            CHECK_EQ(tidal_query_lsn(query), first + i);
        }
        CHECK_EQ(tidal_step(query, &feed.error), TIDAL_DONE);
        if (rows < limit) CHECK_EQ(tidal_query_lsn(query), first + EVENTS - 1);
    }
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

/* --- While others write --- */

struct writer {
    tidal_db *db;
    int count;
    atomic_bool failed;
};

static void *write_on(void *argument)
{
    struct writer *writer = argument;
    for (int i = 0; i < writer->count; i++) {
        tidal_event event = {.signal = "view", .entity = 1, .has_value = true, .value = i};
        tidal_ack ack = i % 10 == 0 ? TIDAL_DURABLE : TIDAL_ACCEPTED;
        if (tidal_signal_batch(writer->db, &event, 1, ack, NULL, NULL) != TIDAL_OK)
            atomic_store(&writer->failed, true);
        if (i == writer->count / 2 &&
            tidal_execute(writer->db, "DEFINE FIELD late ON item INTEGER", NULL, NULL) != TIDAL_OK)
            atomic_store(&writer->failed, true);
        if (i % 1000 == 999 && tidal_checkpoint(writer->db, NULL) != TIDAL_OK)
            atomic_store(&writer->failed, true);
    }
    return NULL;
}

static void a_tail_that_waits_sees_each_write_once_and_in_order(struct test *t)
{
    const tidal_options options = {.segment_bytes = 1 << 20, .dedupe_count = 1};
    enum { COUNT = 4000, TAILS = 2 };
    struct feed feed;
    pthread_t thread;
    CHECK(feed_open_at(&feed, ":memory:", &options) && feed_define(&feed));
    struct writer writer = {.db = feed.db, .count = COUNT};
    uint64_t first = tidal_lsn(feed.db) + 1;
    tidal_query *queries[TAILS];
    for (int i = 0; i < TAILS; i++) {
        queries[i] = prepare(&feed, "TAIL FROM $lsn LIMIT $limit WAIT 4m");
        CHECK(queries[i]);
        CHECK_EQ(tidal_bind_u64(queries[i], "lsn", first, NULL), TIDAL_OK);
        CHECK_EQ(tidal_bind_u64(queries[i], "limit", COUNT + 1, NULL), TIDAL_OK);
    }
    CHECK(pthread_create(&thread, NULL, write_on, &writer) == 0);
    uint64_t next = first;
    int signals = 0;
    while (next < first + COUNT + 1) {
        for (int i = 0; i < TAILS; i++) {
            CHECK_EQ(tidal_step(queries[i], &feed.error), TIDAL_ROW);
            CHECK_EQ(tidal_column_u64(queries[i], COLUMN_LSN), next);
        }
        if (strcmp(text_at(queries[0], COLUMN_KIND), "signal") == 0)
            CHECK(tidal_column_double(queries[0], COLUMN_VALUE) == signals++);
        next++;
    }
    CHECK_EQ(signals, COUNT);
    for (int i = 0; i < TAILS; i++) {
        CHECK_EQ(tidal_step(queries[i], &feed.error), TIDAL_DONE);
        tidal_query_free(queries[i]);
    }
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(!atomic_load(&writer.failed));
    CHECK(feed_close(&feed));
}

static void *cancel_soon(void *argument)
{
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    nanosleep(&pause, NULL);
    tidal_cancel(argument);
    return NULL;
}

static void a_waiting_tail_ends_when_its_time_is_over_or_it_is_cancelled(struct test *t)
{
    struct feed feed;
    pthread_t thread;
    CHECK(feed_open(&feed));
    CHECK_TEXT(kinds(&feed, "TAIL FROM 12 WAIT 5ms"), "");
    tidal_query *query = prepare(&feed, "TAIL FROM 12 WAIT 24h");
    CHECK(query);
    CHECK(pthread_create(&thread, NULL, cancel_soon, query) == 0);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_CANCELLED);
    CHECK_EQ(tidal_query_lsn(query), 11);
    CHECK(pthread_join(thread, NULL) == 0);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void a_tail_left_unread_holds_the_log_until_it_is_reset(struct test *t)
{
    const tidal_options options = {.segment_bytes = 1 << 20, .dedupe_count = 1};
    struct feed feed;
    tidal_status status;
    CHECK(feed_open_at(&feed, ":memory:", &options) && feed_define(&feed));
    tidal_query *query = prepare(&feed, "TAIL FROM 1");
    CHECK(query);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    for (int i = 0; i < 2500; i++)
        CHECK_EQ(feed_run(&feed, "SIGNAL view ON item 1"), TIDAL_OK);
    CHECK_EQ(tidal_checkpoint(feed.db, NULL), TIDAL_OK);
    tidal_get_status(feed.db, &status);
    CHECK_EQ(status.oldest_lsn, 1);
    tidal_reset(query);
    CHECK_EQ(tidal_checkpoint(feed.db, NULL), TIDAL_OK);
    tidal_get_status(feed.db, &status);
    CHECK(status.oldest_lsn > 1);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_signal_is_a_row_with_all_that_it_says),
               CASE(every_kind_of_change_has_its_word), CASE(what_is_wrong_is_told_with_its_place),
               CASE(a_log_that_begins_later_says_where),
               CASE(rows_are_those_of_a_loop_over_all_events),
               CASE(a_tail_that_waits_sees_each_write_once_and_in_order),
               CASE(a_waiting_tail_ends_when_its_time_is_over_or_it_is_cancelled),
               CASE(a_tail_left_unread_holds_the_log_until_it_is_reset));
}
