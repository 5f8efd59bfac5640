/* SQLite in the process, nothing synced: upserts of buckets and of a decayed score, in transactions
 * of 5,000 events. */
#include "signals/system.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

enum { TRANSACTION = 5000 };
static const double origin_ms = 1700000000000.0;

struct lite {
    sqlite3 *database;
    sqlite3_stmt *count, *decay, *window, *score, *hold, *top;
};

static void must_lite(struct lite *lite, int result)
{
    if (result == SQLITE_OK || result == SQLITE_DONE || result == SQLITE_ROW) return;
    fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(lite->database));
    exit(1);
}

static void run(struct lite *lite, const char *text)
{
    must_lite(lite, sqlite3_exec(lite->database, text, NULL, NULL, NULL));
}

static sqlite3_stmt *prepare(struct lite *lite, const char *text)
{
    sqlite3_stmt *statement;
    must_lite(lite, sqlite3_prepare_v2(lite->database, text, -1, &statement, NULL));
    return statement;
}

static const char *lite_missing(void)
{
    return NULL;
}

static void *lite_open(const char *directory)
{
    struct lite *lite = calloc(1, sizeof *lite);
    char path[4096];
    must_hold(lite != NULL, "memory");
    snprintf(path, sizeof path, "%s/signals.db", directory);
    must_lite(lite, sqlite3_open(path, &lite->database));
    run(lite, "PRAGMA journal_mode = WAL");
    run(lite, "PRAGMA synchronous = OFF");
    run(lite, "PRAGMA cache_size = -262144");
    run(lite, "CREATE TABLE bucket (entity INTEGER, signal INTEGER, hop INTEGER, number INTEGER, "
              "count INTEGER, PRIMARY KEY (entity, signal, hop, number)) WITHOUT ROWID");
    run(lite, "CREATE TABLE decay (entity INTEGER, signal INTEGER, score REAL, "
              "PRIMARY KEY (entity, signal)) WITHOUT ROWID");
    run(lite, "CREATE TABLE held (entity INTEGER PRIMARY KEY, key REAL)");
    run(lite, "CREATE INDEX held_key ON held (key DESC)");
    lite->hold = prepare(lite, "INSERT INTO held VALUES (?, ?2) ON CONFLICT DO UPDATE SET key = ?2 "
                               "WHERE key < ?2");
    lite->top = prepare(lite, "SELECT entity, key FROM held ORDER BY key DESC LIMIT ?");
    lite->count = prepare(lite, "INSERT INTO bucket VALUES (?, ?, ?, ?, 1) "
                                "ON CONFLICT DO UPDATE SET count = count + 1");
    lite->decay = prepare(lite, "INSERT INTO decay VALUES (?, ?, ?3) "
                                "ON CONFLICT DO UPDATE SET score = score + ?3");
    lite->window = prepare(lite, "SELECT sum(count) FROM bucket WHERE entity = ? AND signal = ? "
                                 "AND hop = ? AND number > ?");
    lite->score = prepare(lite, "SELECT score FROM decay WHERE entity = ? AND signal = ?");
    return lite;
}

static void bind(struct lite *lite, sqlite3_stmt *statement, uint32_t entity, uint32_t signal)
{
    must_lite(lite, sqlite3_bind_int64(statement, 1, entity));
    must_lite(lite, sqlite3_bind_int64(statement, 2, signal));
}

static void step(struct lite *lite, sqlite3_stmt *statement)
{
    must_lite(lite, sqlite3_step(statement));
    must_lite(lite, sqlite3_reset(statement));
}

static void lite_apply(void *context, const struct event *events, size_t count)
{
    static const int64_t hops_ms[] = {300000, HOUR_MS, DAY_MS};
    struct lite *lite = context;
    for (size_t i = 0; i < count; i++) {
        if (i % TRANSACTION == 0) run(lite, "BEGIN");
        for (int hop = 0; hop < 4; hop++) { /* the last is of all time */
            int64_t number = hop < 3 ? events[i].time_ms / hops_ms[hop] : 0;
            bind(lite, lite->count, events[i].entity, events[i].signal);
            must_lite(lite, sqlite3_bind_int64(lite->count, 3, hop));
            must_lite(lite, sqlite3_bind_int64(lite->count, 4, number));
            step(lite, lite->count);
        }
        bind(lite, lite->decay, events[i].entity, events[i].signal);
        double weight = exp2(((double)events[i].time_ms - origin_ms) / (double)DAY_MS);
        must_lite(lite, sqlite3_bind_double(lite->decay, 3, weight));
        step(lite, lite->decay);
        if ((i + 1) % TRANSACTION == 0 || i + 1 == count) run(lite, "COMMIT");
    }
}

static double first_column(struct lite *lite, sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);
    must_lite(lite, result);
    double value = result == SQLITE_ROW ? sqlite3_column_double(statement, 0) : 0;
    must_lite(lite, sqlite3_reset(statement));
    return value;
}

static double window(struct lite *lite, uint32_t entity, uint32_t signal, int hop, int64_t after)
{
    bind(lite, lite->window, entity, signal);
    must_lite(lite, sqlite3_bind_int64(lite->window, 3, hop));
    must_lite(lite, sqlite3_bind_int64(lite->window, 4, after));
    return first_column(lite, lite->window);
}

static void lite_read(void *context, int64_t now_ms, const uint32_t *entities, double *values)
{
    struct lite *lite = context;
    double unit = exp2(-((double)now_ms - origin_ms) / (double)DAY_MS);
    for (size_t i = 0; i < CANDIDATES; i++, values += FEATURES) {
        values[0] = window(lite, entities[i], VIEW, 0, now_ms / 300000 - 12);
        values[1] = window(lite, entities[i], VIEW, 1, now_ms / HOUR_MS - 24);
        values[2] = window(lite, entities[i], VIEW, 2, now_ms / DAY_MS - 7);
        values[3] = window(lite, entities[i], LIKE, 1, now_ms / HOUR_MS - 24);
        bind(lite, lite->score, entities[i], VIEW);
        values[4] = first_column(lite, lite->score) * unit;
    }
}

static void lite_hold(void *context, const struct rank *ranks, size_t count)
{
    struct lite *lite = context;
    run(lite, "BEGIN");
    for (size_t i = 0; i < count; i++) {
        must_lite(lite, sqlite3_bind_int64(lite->hold, 1, ranks[i].entity));
        must_lite(lite, sqlite3_bind_double(lite->hold, 2, ranks[i].key));
        step(lite, lite->hold);
    }
    run(lite, "COMMIT");
}

static size_t lite_top(void *context, struct rank *out)
{
    struct lite *lite = context;
    size_t count = 0;
    must_lite(lite, sqlite3_bind_int64(lite->top, 1, LISTED));
    while (sqlite3_step(lite->top) == SQLITE_ROW)
        out[count++] = (struct rank){(uint32_t)sqlite3_column_int64(lite->top, 0),
                                     sqlite3_column_double(lite->top, 1)};
    must_lite(lite, sqlite3_reset(lite->top));
    return count;
}

static double lite_seconds(void *context)
{
    (void)context;
    return 0;
}

static double lite_bytes(void *context)
{
    struct lite *lite = context;
    sqlite3_stmt *pages = prepare(lite, "SELECT page_count * page_size FROM pragma_page_count(), "
                                        "pragma_page_size()");
    double bytes = first_column(lite, pages);
    must_lite(lite, sqlite3_finalize(pages));
    return bytes;
}

static void lite_close(void *context)
{
    struct lite *lite = context;
    sqlite3_finalize(lite->count);
    sqlite3_finalize(lite->decay);
    sqlite3_finalize(lite->window);
    sqlite3_finalize(lite->score);
    sqlite3_finalize(lite->hold);
    sqlite3_finalize(lite->top);
    must_hold(sqlite3_close(lite->database) == SQLITE_OK, "sqlite closes");
    free(lite);
}

const struct signals_system signals_sqlite = {.name = "sqlite",
                                              .missing = lite_missing,
                                              .open = lite_open,
                                              .apply = lite_apply,
                                              .read = lite_read,
                                              .hold = lite_hold,
                                              .top = lite_top,
                                              .server_seconds = lite_seconds,
                                              .bytes = lite_bytes,
                                              .close = lite_close};
