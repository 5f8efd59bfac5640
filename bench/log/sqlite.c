/* SQLite, journal_mode=WAL, synchronous=FULL.  It has one writer at a time: producers share one
 * connection and take turns at a mutex, which is kinder to it than its own busy handler. */
#include "log/system.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lite {
    sqlite3 *database;
    sqlite3_stmt *begin, *insert, *commit;
    pthread_mutex_t lock;
};

struct lite_connection {
    struct lite *log;
    uint8_t *events; /* of the transaction to come */
    size_t count, limit;
};

static void must_lite(struct lite *log, int result)
{
    if (result == SQLITE_OK || result == SQLITE_DONE) return;
    fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(log->database));
    exit(1);
}

static const char *lite_missing(void)
{
    return NULL;
}

static void run(struct lite *log, const char *text)
{
    must_lite(log, sqlite3_exec(log->database, text, NULL, NULL, NULL));
}

static void *lite_open(const char *directory, const struct log_load *load)
{
    struct lite *log = calloc(1, sizeof *log);
    char path[4096];
    must_hold(log != NULL && !load->peer_unsynced, "memory");
    snprintf(path, sizeof path, "%s/events.db", directory);
    must_lite(log, sqlite3_open(path, &log->database));
    run(log, "PRAGMA journal_mode = WAL");
    run(log, "PRAGMA synchronous = FULL");
    run(log, "CREATE TABLE event (id INTEGER PRIMARY KEY, payload BLOB)");
    must_lite(log, sqlite3_prepare_v2(log->database, "BEGIN IMMEDIATE", -1, &log->begin, NULL));
    must_lite(log, sqlite3_prepare_v2(log->database, "INSERT INTO event (payload) VALUES (?)", -1,
                                      &log->insert, NULL));
    must_lite(log, sqlite3_prepare_v2(log->database, "COMMIT", -1, &log->commit, NULL));
    must_hold(pthread_mutex_init(&log->lock, NULL) == 0, "a mutex");
    return log;
}

static void *lite_connect(void *context, const struct log_load *load)
{
    struct lite_connection *connection = calloc(1, sizeof *connection);
    must_hold(connection != NULL, "memory");
    *connection = (struct lite_connection){.log = context,
                                           .events = malloc(load->peer_batch * LOG_EVENT_BYTES),
                                           .limit = load->peer_batch};
    must_hold(connection->events != NULL, "memory");
    return connection;
}

static void step(struct lite *log, sqlite3_stmt *statement)
{
    must_lite(log, sqlite3_step(statement));
    must_lite(log, sqlite3_reset(statement));
}

static void lite_finish(void *context)
{
    struct lite_connection *connection = context;
    struct lite *log = connection->log;
    if (connection->count == 0) return;
    pthread_mutex_lock(&log->lock);
    if (connection->count > 1) step(log, log->begin);
    for (size_t i = 0; i < connection->count; i++) {
        must_lite(log, sqlite3_bind_blob(log->insert, 1, connection->events + i * LOG_EVENT_BYTES,
                                         LOG_EVENT_BYTES, SQLITE_STATIC));
        step(log, log->insert);
    }
    if (connection->count > 1) step(log, log->commit);
    pthread_mutex_unlock(&log->lock);
    connection->count = 0;
}

static void lite_write(void *context, const uint8_t event[LOG_EVENT_BYTES])
{
    struct lite_connection *connection = context;
    memcpy(connection->events + connection->count++ * LOG_EVENT_BYTES, event, LOG_EVENT_BYTES);
    if (connection->count >= connection->limit) lite_finish(connection);
}

static void lite_disconnect(void *context)
{
    struct lite_connection *connection = context;
    free(connection->events);
    free(connection);
}

static void lite_close(void *context)
{
    struct lite *log = context;
    sqlite3_finalize(log->begin);
    sqlite3_finalize(log->insert);
    sqlite3_finalize(log->commit);
    must_hold(sqlite3_close(log->database) == SQLITE_OK, "sqlite closes");
    must_hold(pthread_mutex_destroy(&log->lock) == 0, "the mutex is free");
    free(log);
}

const struct log_system log_sqlite = {.name = "sqlite",
                                      .batches = true,
                                      .missing = lite_missing,
                                      .open = lite_open,
                                      .connect = lite_connect,
                                      .write = lite_write,
                                      .finish = lite_finish,
                                      .disconnect = lite_disconnect,
                                      .close = lite_close};
