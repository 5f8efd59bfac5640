/* The order of a slate against an oracle: the naive selection of the best that is left. */
#include "harness/test.h"

#include <tidal/tidal.h>

#include <stdio.h>

enum { ITEMS = 700, GROUPS = 90, SCORES = 37 };

/* A linear congruence: scattered, many ties. */
static int score_of(int id)
{
    return id * 7919 % SCORES;
}

static int group_of(int id)
{
    return id * 104729 % GROUPS;
}

static int64_t fixed_clock(void *context)
{
    (void)context;
    return INT64_C(1793527200000);
}

static bool run(tidal_db *db, const char *text)
{
    tidal_error error;
    if (tidal_execute(db, text, NULL, &error) == TIDAL_OK) return true;
    fprintf(stderr, "%.60s: %s\n", text, error.message);
    return false;
}

/* All items are of one moment, so that ids break the ties. */
static tidal_db *open_items(void)
{
    tidal_options options = {.size = sizeof options, .clock_ms = fixed_clock};
    tidal_db *db = NULL;
    tidal_error error;
    char text[128];
    if (tidal_open(":memory:", &options, &db, &error) != TIDAL_OK) return NULL;
    bool ok = run(db, "DEFINE FIELD points ON item INTEGER") &&
              run(db, "DEFINE FIELD team ON item KEYWORD") &&
              run(db, "DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h, 24h VELOCITY 1h");
    for (int id = 1; ok && id <= ITEMS; id++) {
        snprintf(text, sizeof text, "PUT item %d {\"points\": %d, \"team\": \"t%d\"}", id,
                 score_of(id), group_of(id));
        ok = run(db, text);
    }
    if (ok) return db;
    (void)tidal_close(db, NULL);
    return NULL;
}

/* The ids of a RETRIEVE, or -1. */
static int retrieve(tidal_db *db, const char *text, uint64_t ids[ITEMS])
{
    tidal_query *query;
    tidal_error error;
    int count = 0;
    tidal_code code = tidal_prepare(db, text, -1, &query, &error);
    if (code != TIDAL_OK) return -1;
    while ((code = tidal_step(query, &error)) == TIDAL_ROW && count < ITEMS)
        ids[count++] = tidal_column_u64(query, 0);
    tidal_query_free(query);
    return code == TIDAL_DONE ? count : -1;
}

/* The best first; with `cap` > 0, at most so many of a group. */
static int oracle(int cap, uint64_t ids[ITEMS])
{
    bool used[ITEMS + 1] = {false};
    int taken[GROUPS] = {0}, count = 0;
    for (int round = 0; round < ITEMS; round++) {
        int best = 0;
        for (int id = 1; id <= ITEMS; id++)
            if (!used[id] && (best == 0 || score_of(id) > score_of(best))) best = id;
        used[best] = true;
        if (cap > 0 && taken[group_of(best)]++ >= cap) continue;
        ids[count++] = (uint64_t)best;
    }
    return count;
}

static void a_slate_holds_the_best_in_order_whatever_its_limit(struct test *t)
{
    static const int limits[] = {1, 2, 3, 10, 255, 256, 257, 699, 700, 1000};
    tidal_db *db = open_items();
    uint64_t wanted[ITEMS], got[ITEMS];
    char text[96];
    CHECK(db);
    CHECK_EQ(oracle(0, wanted), ITEMS);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        snprintf(text, sizeof text, "RETRIEVE items SCORE points LIMIT %d", limits[i]);
        int count = limits[i] < ITEMS ? limits[i] : ITEMS;
        CHECK_EQ(retrieve(db, text, got), count);
        CHECK(memcmp(got, wanted, (size_t)count * sizeof *got) == 0);
    }
    CHECK_EQ(tidal_close(db, NULL), TIDAL_OK);
}

static void caps_look_as_far_down_as_they_must(struct test *t)
{
    tidal_db *db = open_items();
    uint64_t wanted[ITEMS], got[ITEMS];
    CHECK(db);
    int count = oracle(2, wanted);
    CHECK(count > 150 && count < ITEMS);
    CHECK_EQ(retrieve(db, "RETRIEVE items SCORE points DIVERSIFY max 2 per team LIMIT 1000", got),
             count);
    CHECK(memcmp(got, wanted, (size_t)count * sizeof *got) == 0);
    CHECK_EQ(retrieve(db, "RETRIEVE items SCORE points DIVERSIFY max 2 per team LIMIT 40", got),
             40);
    CHECK(memcmp(got, wanted, 40 * sizeof *got) == 0);
    CHECK_EQ(tidal_close(db, NULL), TIDAL_OK);
}

static void two_sources_bring_an_item_in_once(struct test *t)
{
    tidal_db *db = open_items();
    uint64_t one[ITEMS], two[ITEMS];
    CHECK(db);
    int count = retrieve(db, "RETRIEVE items FROM all SCORE points LIMIT 1000", one);
    CHECK_EQ(count, ITEMS);
    CHECK_EQ(retrieve(db, "RETRIEVE items FROM newest(300), all SCORE points LIMIT 1000", two),
             count);
    CHECK(memcmp(one, two, (size_t)count * sizeof *one) == 0);
    CHECK_EQ(tidal_close(db, NULL), TIDAL_OK);
}

static void why_not_counts_all_that_rank_before(struct test *t)
{
    static const int places[] = {2, 77, 500, 700};
    tidal_db *db = open_items();
    uint64_t wanted[ITEMS];
    char text[96];
    tidal_query *query;
    tidal_error error;
    CHECK(db);
    CHECK_EQ(oracle(0, wanted), ITEMS);
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(text, sizeof text,
                 "WHY NOT ITEM %" PRIu64 " IN RETRIEVE items SCORE points LIMIT 1",
                 wanted[places[i] - 1]);
        CHECK_EQ(tidal_prepare(db, text, -1, &query, &error), TIDAL_OK);
        CHECK_EQ(tidal_step(query, &error), TIDAL_ROW);
        CHECK_TEXT(tidal_column_text(query, 0, NULL), "rank");
        CHECK_EQ(tidal_column_i64(query, 2), places[i]);
        tidal_query_free(query);
    }
    CHECK_EQ(tidal_close(db, NULL), TIDAL_OK);
}

static void why_not_tells_what_a_single_source_left_out(struct test *t)
{
    tidal_db *db = open_items();
    tidal_query *query;
    tidal_error error;
    CHECK(db);
    CHECK_EQ(tidal_prepare(db, "WHY NOT ITEM 1 IN RETRIEVE items FROM newest(5) SCORE points", -1,
                           &query, &error),
             TIDAL_OK);
    CHECK_EQ(tidal_step(query, &error), TIDAL_ROW);
    /* All are as new: the five lowest ids are the newest five, and item 1 is among them. */
    CHECK_TEXT(tidal_column_text(query, 0, NULL), "none");
    tidal_query_free(query);
    CHECK_EQ(tidal_prepare(db, "WHY NOT ITEM 6 IN RETRIEVE items FROM newest(5) SCORE points", -1,
                           &query, &error),
             TIDAL_OK);
    CHECK_EQ(tidal_step(query, &error), TIDAL_ROW);
    CHECK_TEXT(tidal_column_text(query, 0, NULL), "source");
    tidal_query_free(query);
    CHECK_EQ(tidal_close(db, NULL), TIDAL_OK);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_slate_holds_the_best_in_order_whatever_its_limit),
               CASE(caps_look_as_far_down_as_they_must), CASE(two_sources_bring_an_item_in_once),
               CASE(why_not_counts_all_that_rank_before),
               CASE(why_not_tells_what_a_single_source_left_out));
}
