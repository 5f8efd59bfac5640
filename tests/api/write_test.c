#include "feed.h"

#include "harness/await.h"

#include <pthread.h>
#include <stdatomic.h>

static void each_event_of_a_batch_is_judged_alone(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    const tidal_event events[] = {
        {.signal = "view", .entity = 1, .user = 42, .time_ms = FEED_NOW_MS - 1000},
        {.signal = "vew", .entity = 1, .user = 42},
        {.signal = "view", .entity = 99, .user = 42},
        {.signal = "view", .entity_key = "film-3", .user_key = "ada", .value = 0.5},
        {.signal = "view", .entity = 1, .user = 42, .time_ms = FEED_NOW_MS - 1000},
        {.signal = "view", .entity = 1, .time_ms = FEED_NOW_MS + 60000},
    };
    tidal_event_result results[6];
    CHECK_EQ(tidal_signal_batch(feed.db, events, 6, TIDAL_DURABLE, results, &feed.error), TIDAL_OK);
    CHECK_EQ(results[0].code, TIDAL_OK);
    CHECK_EQ(results[1].code, TIDAL_NOT_FOUND);
    CHECK_EQ(results[1].lsn, 0);
    CHECK_EQ(results[2].code, TIDAL_NOT_FOUND);
    CHECK_EQ(results[3].code, TIDAL_OK);
    CHECK_EQ(results[4].code, TIDAL_DUPLICATE);
    CHECK_EQ(results[4].lsn, results[0].lsn);
    CHECK_EQ(results[5].code, TIDAL_INVALID);
    CHECK_EQ(feed.error.position, 1);
    CHECK(strstr(feed.error.message, "'vew'"));
    CHECK_EQ(tidal_lsn(feed.db), results[3].lsn);
    CHECK(feed_close(&feed));
}

static void without_results_the_first_refusal_is_returned(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    const tidal_event events[] = {{.signal = "view", .entity = 1},
                                  {.signal = "view", .entity = 98}};
    CHECK_EQ(tidal_signal_batch(feed.db, events, 2, TIDAL_DURABLE, NULL, &feed.error),
             TIDAL_NOT_FOUND);
    CHECK_EQ(feed.error.position, 1);
    CHECK_EQ(tidal_signal_batch(feed.db, events, 1, TIDAL_DURABLE, NULL, &feed.error), TIDAL_OK);
    CHECK_EQ(tidal_signal_batch(feed.db, events, 0, TIDAL_DURABLE, NULL, &feed.error), TIDAL_OK);
    CHECK(feed_close(&feed));
}

static void a_batch_over_the_limit_is_refused_whole(struct test *t)
{
    static tidal_event events[65537];
    struct feed feed;
    CHECK(feed_open(&feed));
    uint64_t before = tidal_lsn(feed.db);
    for (size_t i = 0; i < 65537; i++)
        events[i] = (tidal_event){.signal = "view", .entity = 1};
    CHECK_EQ(tidal_signal_batch(feed.db, events, 65537, TIDAL_DURABLE, NULL, &feed.error),
             TIDAL_LIMIT);
    CHECK_EQ(tidal_lsn(feed.db), before);
    CHECK(feed_close(&feed));
}

static void a_repeat_of_a_statement_is_done_once_and_says_so(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db,
                           "SIGNAL view ON item 1 BY user 5 AT '2026-11-01T09:00:00Z' KEY 'k1'", -1,
                           &query, NULL),
             TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_DONE);
    CHECK(!tidal_query_duplicate(query));
    uint64_t first = tidal_query_lsn(query);
    tidal_reset(query);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_DONE);
    CHECK(tidal_query_duplicate(query));
    CHECK_EQ(tidal_query_lsn(query), first);
    CHECK_EQ(tidal_lsn(feed.db), first);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void put_and_relate_are_what_their_statements_are(struct test *t)
{
    struct feed feed;
    uint64_t lsn = 0;
    tidal_query *query;
    CHECK(feed_open(&feed));
    const tidal_entity film = {.kind = TIDAL_ITEM, .id = 50};
    CHECK_EQ(tidal_put(feed.db, &film, "{\"genre\": \"folk\", \"creator\": 8}", TIDAL_DURABLE, &lsn,
                       &feed.error),
             TIDAL_OK);
    CHECK_EQ(lsn, tidal_lsn(feed.db));
    const tidal_edge edge = {.relation = "follows", .from = 3, .to = 8, .weight = 0.5};
    CHECK_EQ(tidal_relate(feed.db, &edge, TIDAL_DURABLE, NULL, &feed.error), TIDAL_OK);
    CHECK_EQ(tidal_prepare(feed.db,
                           "RETRIEVE items FOR user 3 FROM related(user follows creator, 10)", -1,
                           &query, NULL),
             TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_EQ(tidal_column_u64(query, 0), 50);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_DONE);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void wrong_hot_writes_name_what_is_wrong(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    uint64_t before = tidal_lsn(feed.db);
    const tidal_entity film = {.kind = TIDAL_ITEM, .id = 50};
    const tidal_entity none = {.kind = (tidal_kind)9};
    CHECK_EQ(tidal_put(feed.db, &film, "{\"genr\": \"folk\"}", TIDAL_DURABLE, NULL, &feed.error),
             TIDAL_NOT_FOUND);
    CHECK(strstr(feed.error.message, "'genr'") && strstr(feed.error.hint, "genre"));
    CHECK_EQ(tidal_put(feed.db, &film, "{\"genre\": \"folk\"", TIDAL_DURABLE, NULL, &feed.error),
             TIDAL_INVALID);
    CHECK_EQ(tidal_put(feed.db, &film, "{\"content\": [1, 2]}", TIDAL_DURABLE, NULL, &feed.error),
             TIDAL_INVALID);
    CHECK_EQ(tidal_put(feed.db, &none, "{}", TIDAL_DURABLE, NULL, &feed.error), TIDAL_MISUSE);
    const tidal_edge edge = {.relation = "folows", .from = 3, .to = 8, .weight = 1};
    CHECK_EQ(tidal_relate(feed.db, &edge, TIDAL_DURABLE, NULL, &feed.error), TIDAL_NOT_FOUND);
    CHECK(strstr(feed.error.hint, "follows"));
    CHECK_EQ(tidal_lsn(feed.db), before);
    CHECK(feed_close(&feed));
}

static void accepted_writes_are_there_after_a_wait(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    const tidal_event event = {.signal = "view", .entity = 1, .user = 1};
    tidal_event_result result;
    CHECK_EQ(tidal_signal_batch(feed.db, &event, 1, TIDAL_ACCEPTED, &result, &feed.error),
             TIDAL_OK);
    CHECK_EQ(result.code, TIDAL_OK);
    CHECK_EQ(tidal_wait(feed.db, result.lsn, &feed.error), TIDAL_OK);
    CHECK(tidal_lsn(feed.db) >= result.lsn);
    CHECK_EQ(tidal_wait(feed.db, result.lsn + 1000, &feed.error), TIDAL_MISUSE);
    CHECK(feed_close(&feed));
}

static void a_hide_is_honoured_by_the_next_retrieve(struct test *t)
{
    struct feed feed;
    tidal_query *query;
    CHECK(feed_open(&feed));
    CHECK_EQ(tidal_prepare(feed.db, "RETRIEVE items FOR user 5 FROM newest(10) EXCLUDE hidden", -1,
                           &query, NULL),
             TIDAL_OK);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_EQ(tidal_column_u64(query, 0), 1);
    CHECK_EQ(feed_run(&feed, "SIGNAL hide ON item 1 BY user 5"), TIDAL_OK);
    tidal_reset(query);
    CHECK_EQ(tidal_step(query, &feed.error), TIDAL_ROW);
    CHECK_EQ(tidal_column_u64(query, 0), 2);
    tidal_query_free(query);
    CHECK(feed_close(&feed));
}

static void a_batch_that_fails_tells_what_is_written(struct test *t)
{
    static tidal_event events[60000];
    static tidal_event_result results[60000];
    static char keys[60000][200];
    struct feed feed;
    const tidal_options small = {
        .size = sizeof small, .segment_bytes = 1 << 20, .log_limit_bytes = 4 << 20};
    CHECK(feed_open_at(&feed, ":memory:", &small) && feed_define(&feed));
    uint64_t before = tidal_lsn(feed.db), written = 0;
    for (size_t i = 0; i < 60000; i++) {
        snprintf(keys[i], sizeof keys[i], "%0190zu", i);
        events[i] = (tidal_event){.signal = "view", .entity = 1, .user_key = keys[i]};
    }
    tidal_code code =
        tidal_signal_batch(feed.db, events, 60000, TIDAL_DURABLE, results, &feed.error);
    CHECK_EQ(code, TIDAL_LIMIT);
    for (size_t i = 0; i < 60000; i++) {
        CHECK_EQ(results[i].code == TIDAL_OK, results[i].lsn > 0);
        CHECK(results[i].code == TIDAL_OK || results[i].code == TIDAL_LIMIT);
        written += results[i].lsn > 0;
    }
    CHECK_EQ(written, tidal_lsn(feed.db) - before);
    CHECK(written > 0 && written < 60000);
    CHECK(feed_close(&feed));
}

static void idempotency_keys_of_a_batch_are_checked(struct test *t)
{
    static char long_key[400];
    struct feed feed;
    CHECK(feed_open(&feed));
    memset(long_key, 'k', sizeof long_key - 1);
    const char *const keys[] = {"", long_key, "\xff"};
    for (int i = 0; i < 3; i++) {
        const tidal_event event = {.signal = "view", .entity = 1, .idempotency_key = keys[i]};
        CHECK_EQ(tidal_signal_batch(feed.db, &event, 1, TIDAL_DURABLE, NULL, &feed.error),
                 TIDAL_INVALID);
        CHECK(strstr(feed.error.message, "idempotency_key"));
    }
    CHECK(feed_close(&feed));
}

static void hand_made_statements_have_no_place_in_a_text(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    const tidal_edge edge = {.relation = "follows", .from_key = "", .to = 8, .weight = 1};
    CHECK_EQ(tidal_relate(feed.db, &edge, TIDAL_DURABLE, NULL, &feed.error), TIDAL_INVALID);
    CHECK(feed.error.position == TIDAL_NO_POSITION);
    const tidal_entity film = {.kind = TIDAL_ITEM, .id = 9};
    CHECK_EQ(tidal_put(feed.db, &film, "{\"genr\": 1}", TIDAL_DURABLE, NULL, &feed.error),
             TIDAL_NOT_FOUND);
    CHECK_EQ(feed.error.position, 1);
    CHECK(feed_close(&feed));
}

static void a_transaction_with_a_part_that_cannot_be_done_is_refused_whole(struct test *t)
{
    static const char *const wrong[] = {
        "TRANSACTION { PUT item 20 {}; PATCH item 777 {}; }",
        "TRANSACTION { PUT item 20 {}; DELETE item 778; }",
        "TRANSACTION { SIGNAL view ON item 20 BY user 1; PUT item 20 {}; }",
        "TRANSACTION { PUT item 20 {}; DELETE item 20; PATCH item 20 {}; }",
        "TRANSACTION { DELETE item 1; SIGNAL view ON item 1; }",
    };
    struct feed feed;
    CHECK(feed_open(&feed));
    uint64_t before = tidal_lsn(feed.db);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        CHECK_EQ(feed_run(&feed, wrong[i]), TIDAL_NOT_FOUND);
    CHECK_EQ(tidal_lsn(feed.db), before);
    CHECK_EQ(feed_run(&feed, "TRANSACTION { PUT item 20 KEY 'k' {}; PATCH item 20 {}; "
                             "SIGNAL view ON item KEY 'k' BY user 1; DELETE item 20; "
                             "PUT item 20 {}; SIGNAL view ON item 20; }"),
             TIDAL_OK);
    CHECK(feed_close(&feed));
}

static void edges_without_a_time_make_no_event_late(struct test *t)
{
    struct feed feed;
    CHECK(feed_open(&feed));
    CHECK_EQ(feed_run(&feed, "RELATE user 1 follows creator 7"), TIDAL_OK);
    CHECK_EQ(feed_run(&feed, "SIGNAL view ON item 1 BY user 1 AT '2020-01-01T00:00:00Z'"),
             TIDAL_OK);
    CHECK_EQ(feed_run(&feed, "RELATE user 1 follows creator 8 AT '2026-11-01T09:00:00Z'"),
             TIDAL_OK);
    CHECK_EQ(feed_run(&feed, "SIGNAL view ON item 1 BY user 1 AT '2020-01-01T00:00:01Z'"),
             TIDAL_INVALID);
    CHECK(feed_close(&feed));
}

struct accepter {
    tidal_db *db;
    atomic_bool stops;
    tidal_code code;
};

static void *accept_for_ever(void *argument)
{
    struct accepter *accepter = argument;
    tidal_event events[500];
    tidal_error error;
    for (unsigned n = 0; !atomic_load(&accepter->stops) && accepter->code == TIDAL_OK;) {
        for (int i = 0; i < 500; i++, n++)
            events[i] = (tidal_event){.signal = "view", .entity = n % 3 + 1, .user = n % 1000 + 1};
        accepter->code =
            tidal_signal_batch(accepter->db, events, 500, TIDAL_ACCEPTED, NULL, &error);
    }
    return NULL;
}

static void checkpoints_come_while_accepted_writes_go_on(struct test *t)
{
    struct feed feed;
    pthread_t threads[3];
    tidal_status status = {0};
    struct accepter accepter = {.code = TIDAL_OK};
    const tidal_options often = {.size = sizeof often, .checkpoint_log_bytes = 1 << 20};
    CHECK(feed_open_at(&feed, ":memory:", &often) && feed_define(&feed));
    accepter.db = feed.db;
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, accept_for_ever, &accepter) == 0);
    struct await await = {0};
    while (status.checkpoint_lsn == 0 && await_more(&await))
        tidal_get_status(feed.db, &status);
    atomic_store(&accepter.stops, true);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK_EQ(accepter.code, TIDAL_OK);
    CHECK(status.checkpoint_lsn > 0);
    CHECK(feed_close(&feed));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(each_event_of_a_batch_is_judged_alone),
               CASE(without_results_the_first_refusal_is_returned),
               CASE(a_batch_over_the_limit_is_refused_whole),
               CASE(a_repeat_of_a_statement_is_done_once_and_says_so),
               CASE(put_and_relate_are_what_their_statements_are),
               CASE(wrong_hot_writes_name_what_is_wrong),
               CASE(accepted_writes_are_there_after_a_wait),
               CASE(a_hide_is_honoured_by_the_next_retrieve),
               CASE(a_batch_that_fails_tells_what_is_written),
               CASE(idempotency_keys_of_a_batch_are_checked),
               CASE(hand_made_statements_have_no_place_in_a_text),
               CASE(checkpoints_come_while_accepted_writes_go_on),
               CASE(a_transaction_with_a_part_that_cannot_be_done_is_refused_whole),
               CASE(edges_without_a_time_make_no_event_late));
}
