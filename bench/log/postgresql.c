/* PostgreSQL, fsync and synchronous_commit on, over a Unix socket: a prepared insert that commits
 * by itself, or a COPY in the binary form for a batch.  The table has no index.  Connections that
 * commit together share a sync. */
#include "log/system.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKETS "BENCH_POSTGRESQL_SOCKETS"

/* Columns u16, length u32, bytes. */
enum { ROW_BYTES = 6 + LOG_EVENT_BYTES, HEADER_BYTES = 19, TRAILER_BYTES = 2 };

struct postgres_connection {
    PGconn *client;
    char *rows; /* a COPY: header, `count` rows, trailer */
    size_t count, limit;
};

static const char *postgres_missing(void)
{
    return getenv(SOCKETS) ? NULL : "no server: " SOCKETS " is not set";
}

static void must_result(PGconn *client, PGresult *result, ExecStatusType wanted)
{
    if (PQresultStatus(result) != wanted) {
        fprintf(stderr, "postgresql: %s\n", PQerrorMessage(client));
        exit(1);
    }
    PQclear(result);
}

static void run(PGconn *client, const char *text)
{
    must_result(client, PQexec(client, text), PGRES_COMMAND_OK);
}

static PGconn *postgres_dial(void)
{
    const char *names[] = {"host", "user", "dbname", NULL};
    const char *values[] = {getenv(SOCKETS), "bench", "postgres", NULL};
    PGconn *client = PQconnectdbParams(names, values, 0);
    if (PQstatus(client) != CONNECTION_OK) {
        fprintf(stderr, "postgresql: %s\n", PQerrorMessage(client));
        exit(1);
    }
    return client;
}

static void *postgres_open(const char *directory, const struct log_load *load)
{
    PGconn *client = postgres_dial();
    (void)directory;
    must_hold(!load->peer_unsynced, "postgresql is synced");
    run(client, "SET client_min_messages = error");
    run(client, "DROP TABLE IF EXISTS event");
    run(client, "CREATE TABLE event (payload bytea NOT NULL)");
    return client;
}

static void *postgres_connect(void *context, const struct log_load *load)
{
    struct postgres_connection *connection = calloc(1, sizeof *connection);
    static const char header[HEADER_BYTES] = "PGCOPY\n\377\r\n";
    (void)context;
    must_hold(connection != NULL, "memory");
    *connection = (struct postgres_connection){
        .client = postgres_dial(),
        .rows = malloc(HEADER_BYTES + load->peer_batch * ROW_BYTES + TRAILER_BYTES),
        .limit = load->peer_batch};
    must_hold(connection->rows != NULL, "memory");
    memcpy(connection->rows, header, sizeof header);
    must_result(
        connection->client,
        PQprepare(connection->client, "insert", "INSERT INTO event VALUES ($1::bytea)", 1, NULL),
        PGRES_COMMAND_OK);
    return connection;
}

static void insert(struct postgres_connection *connection, const uint8_t *event)
{
    const char *values[] = {(const char *)event};
    const int lengths[] = {LOG_EVENT_BYTES}, formats[] = {1};
    must_result(connection->client,
                PQexecPrepared(connection->client, "insert", 1, values, lengths, formats, 1),
                PGRES_COMMAND_OK);
}

static void postgres_finish(void *context)
{
    struct postgres_connection *connection = context;
    PGconn *client = connection->client;
    size_t bytes = HEADER_BYTES + connection->count * ROW_BYTES;
    if (connection->count == 0) return;
    memset(connection->rows + bytes, 0xff, TRAILER_BYTES);
    must_result(client, PQexec(client, "COPY event FROM STDIN (FORMAT binary)"), PGRES_COPY_IN);
    must_hold(PQputCopyData(client, connection->rows, (int)(bytes + TRAILER_BYTES)) == 1 &&
                  PQputCopyEnd(client, NULL) == 1,
              "postgresql takes a batch");
    must_result(client, PQgetResult(client), PGRES_COMMAND_OK);
    must_hold(PQgetResult(client) == NULL, "postgresql answers once");
    connection->count = 0;
}

static void postgres_write(void *context, const uint8_t event[LOG_EVENT_BYTES])
{
    struct postgres_connection *connection = context;
    if (connection->limit == 1) {
        insert(connection, event);
        return;
    }
    char *row = connection->rows + HEADER_BYTES + connection->count++ * ROW_BYTES;
    uint16_t columns = htons(1);
    uint32_t length = htonl(LOG_EVENT_BYTES);
    memcpy(row, &columns, sizeof columns);
    memcpy(row + 2, &length, sizeof length);
    memcpy(row + 6, event, LOG_EVENT_BYTES);
    if (connection->count >= connection->limit) postgres_finish(connection);
}

static void postgres_disconnect(void *context)
{
    struct postgres_connection *connection = context;
    PQfinish(connection->client);
    free(connection->rows);
    free(connection);
}

static void postgres_close(void *context)
{
    PGconn *client = context;
    run(client, "DROP TABLE event");
    run(client, "CHECKPOINT"); /* its log's files are used again, as in a server that runs */
    PQfinish(client);
}

const struct log_system log_postgresql = {.name = "postgresql",
                                          .server = true,
                                          .missing = postgres_missing,
                                          .open = postgres_open,
                                          .connect = postgres_connect,
                                          .write = postgres_write,
                                          .finish = postgres_finish,
                                          .disconnect = postgres_disconnect,
                                          .close = postgres_close};
