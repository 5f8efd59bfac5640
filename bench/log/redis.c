/* Redis, appendonly yes, appendfsync always: a stream, over a Unix socket, pipelined in batches.
 * One sync serves all commands of a turn of its loop, so its clients share syncs too. */
#include "log/system.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKET "BENCH_REDIS_SOCKET"

struct redis_connection {
    redisContext *client;
    size_t count, limit; /* commands of the pipeline */
};

static const char *redis_missing(void)
{
    return getenv(SOCKET) ? NULL : "no server: " SOCKET " is not set";
}

static redisContext *redis_dial(void)
{
    redisContext *client = redisConnectUnix(getenv(SOCKET));
    must_hold(client != NULL && client->err == 0, "redis answers");
    return client;
}

static void must_reply(redisReply *reply)
{
    if (reply && reply->type != REDIS_REPLY_ERROR) {
        freeReplyObject(reply);
        return;
    }
    fprintf(stderr, "redis: %s\n", reply ? reply->str : "no answer");
    exit(1);
}

static void *redis_open(const char *directory, const struct log_load *load)
{
    redisContext *client = redis_dial();
    (void)directory;
    must_hold(!load->peer_unsynced, "redis is synced");
    must_reply(redisCommand(client, "DEL events"));
    return client;
}

static void *redis_connect(void *context, const struct log_load *load)
{
    struct redis_connection *connection = calloc(1, sizeof *connection);
    (void)context;
    must_hold(connection != NULL, "memory");
    *connection = (struct redis_connection){.client = redis_dial(), .limit = load->peer_batch};
    return connection;
}

static void redis_finish(void *context)
{
    struct redis_connection *connection = context;
    for (; connection->count > 0; connection->count--) {
        void *reply = NULL;
        if (redisGetReply(connection->client, &reply) != REDIS_OK) reply = NULL;
        must_reply(reply);
    }
}

static void redis_write(void *context, const uint8_t event[LOG_EVENT_BYTES])
{
    struct redis_connection *connection = context;
    const char *words[] = {"XADD", "events", "*", "e", (const char *)event};
    const size_t lengths[] = {4, 6, 1, 1, LOG_EVENT_BYTES};
    must_hold(redisAppendCommandArgv(connection->client, 5, words, lengths) == REDIS_OK, "memory");
    if (++connection->count >= connection->limit) redis_finish(connection);
}

static void redis_disconnect(void *context)
{
    struct redis_connection *connection = context;
    redisFree(connection->client);
    free(connection);
}

static void redis_close(void *context)
{
    redisContext *client = context;
    must_reply(redisCommand(client, "DEL events"));
    redisFree(client);
}

const struct log_system log_redis = {.name = "redis",
                                     .server = true,
                                     .missing = redis_missing,
                                     .open = redis_open,
                                     .connect = redis_connect,
                                     .write = redis_write,
                                     .finish = redis_finish,
                                     .disconnect = redis_disconnect,
                                     .close = redis_close};
