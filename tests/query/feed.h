/* A database in memory for tests of the language: statements in, slates out. */
#ifndef TIDAL_TESTS_QUERY_FEED_H
#define TIDAL_TESTS_QUERY_FEED_H

#include "harness/test.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <tidal/tidal.h>

/* 2026-11-01T10:00:00Z: where the clock stands until it is moved. */
#define FEED_NOW_MS INT64_C(1793527200000)
#define HOUR_MS     INT64_C(3600000)
#define DAY_MS      (24 * HOUR_MS)

enum { FEED_ROWS = 1000 };

struct feed {
    tidal_db *db;
    int64_t now_ms;
    tidal_error error;
    /* of the last RETRIEVE that returned ids */
    size_t count;
    uint64_t ids[FEED_ROWS];
    double scores[FEED_ROWS];
};

static inline int64_t feed_clock(void *context)
{
    return *(const int64_t *)context;
}

static inline bool feed_open(struct feed *feed)
{
    tidal_options options = {
        .size = sizeof options, .clock_ms = feed_clock, .clock_context = &feed->now_ms};
    memset(feed, 0, sizeof *feed);
    feed->now_ms = FEED_NOW_MS;
    return tidal_open(":memory:", &options, &feed->db, &feed->error) == TIDAL_OK;
}

static inline bool feed_close(struct feed *feed)
{
    return tidal_close(feed->db, &feed->error) == TIDAL_OK;
}

/* Runs one statement that is to succeed. */
__attribute__((format(printf, 2, 3))) static inline bool feed_do(struct feed *feed,
                                                                 const char *format, ...)
{
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (tidal_execute(feed->db, text, NULL, &feed->error) == TIDAL_OK) return true;
    fprintf(stderr, "    %s\n    -> %s (%s)\n", text, feed->error.message, feed->error.hint);
    return false;
}

/* Is the statement refused so, and nothing of it logged? */
static inline bool feed_refuses(struct feed *feed, const char *text, tidal_code code,
                                const char *message)
{
    uint64_t before = tidal_lsn(feed->db);
    tidal_code got = tidal_execute(feed->db, text, NULL, &feed->error);
    if (got == code && strcmp(feed->error.message, message) == 0 && tidal_lsn(feed->db) == before)
        return true;
    fprintf(stderr, "    %s\n    -> %s: %s\n", text, tidal_code_name(got), feed->error.message);
    return false;
}

/* Runs statements, each ended by a semicolon. */
static inline bool feed_script(struct feed *feed, const char *script)
{
    size_t left = strlen(script);
    for (;;) {
        bool blank;
        size_t bytes = tidal_statement_bytes(script, left, &blank);
        if (bytes == 0) return blank;
        if (!feed_do(feed, "%.*s", (int)bytes, script)) return false;
        script += bytes;
        left -= bytes;
    }
}

/* Fills ids and scores from the rest of a query's rows: its first two columns. */
static inline tidal_code feed_rows(struct feed *feed, tidal_query *query)
{
    tidal_code code;
    feed->count = 0;
    while ((code = tidal_step(query, &feed->error)) == TIDAL_ROW && feed->count < FEED_ROWS) {
        feed->ids[feed->count] = tidal_column_u64(query, 0);
        feed->scores[feed->count] =
            tidal_column_count(query) > 1 ? tidal_column_double(query, 1) : 0;
        feed->count++;
    }
    return code;
}

static inline tidal_query *feed_prepare(struct feed *feed, const char *text)
{
    tidal_query *query = NULL;
    if (tidal_prepare(feed->db, text, -1, &query, &feed->error) == TIDAL_OK) return query;
    fprintf(stderr, "    %s\n    -> %s (%s)\n", text, feed->error.message, feed->error.hint);
    return NULL;
}

static inline bool feed_ask(struct feed *feed, const char *text)
{
    tidal_query *query = feed_prepare(feed, text);
    if (!query) return false;
    tidal_code code = feed_rows(feed, query);
    if (code != TIDAL_DONE) fprintf(stderr, "    %s\n    -> %s\n", text, feed->error.message);
    tidal_query_free(query);
    return code == TIDAL_DONE;
}

/* Does the statement give exactly these ids in this order?  "3 1 2" */
static inline bool feed_gives(struct feed *feed, const char *text, const char *ids)
{
    char got[8192] = "";
    size_t used = 0;
    if (!feed_ask(feed, text)) return false;
    for (size_t i = 0; i < feed->count && used < sizeof got - 32; i++)
        used += (size_t)snprintf(got + used, sizeof got - used, "%s%" PRIu64, i > 0 ? " " : "",
                                 feed->ids[i]);
    if (strcmp(got, ids) == 0) return true;
    fprintf(stderr, "    %s\n    -> got '%s', want '%s'\n", text, got, ids);
    return false;
}

/* Equal but for what decayed sums in integers round off. */
static inline bool feed_near(double a, double b)
{
    return fabs(a - b) <= 1e-6 * (fabs(a) + fabs(b) + 1e-9);
}

/* The item's score by an expression; NaN: it has none. */
static inline double feed_score(struct feed *feed, uint64_t item, const char *expression)
{
    char text[1024];
    snprintf(text, sizeof text, "RETRIEVE items SCORE %s LIMIT 1000", expression);
    if (!feed_ask(feed, text)) return (double)NAN;
    for (size_t i = 0; i < feed->count; i++)
        if (feed->ids[i] == item) return feed->scores[i];
    return (double)NAN;
}

/* One cell of the first row, as text; "" on failure. */
static inline const char *feed_cell(struct feed *feed, const char *text, int column)
{
    static char cell[4096];
    tidal_query *query = feed_prepare(feed, text);
    cell[0] = '\0';
    if (!query) return cell;
    if (tidal_step(query, &feed->error) == TIDAL_ROW) {
        const char *found = tidal_column_text(query, column, NULL);
        snprintf(cell, sizeof cell, "%s", found ? found : "");
    } else {
        fprintf(stderr, "    %s\n    -> %s\n", text, feed->error.message);
    }
    tidal_query_free(query);
    return cell;
}

#endif
