/* Redis, nothing synced: a hash per entity and signal whose fields are buckets, and a sorted set
 * per signal of forward-decayed scores; pipelined by 200 events. */
#include "signals/system.h"

#include <hiredis/hiredis.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SOCKET  "BENCH_REDIS_SOCKET"
#define HALF_MS ((double)DAY_MS)
enum { PIPELINE = 200, BUCKETS = 12 + 24 + 24 + 7 };
static const double origin_ms = 1700000000000.0;

static const char *redis_missing(void)
{
    return getenv(SOCKET) ? NULL : "no server: " SOCKET " is not set";
}

static void must_reply(const redisReply *reply)
{
    if (reply && reply->type != REDIS_REPLY_ERROR) return;
    fprintf(stderr, "redis: %s\n", reply ? reply->str : "no answer");
    exit(1);
}

static double info_number(redisContext *client, const char *section, const char *name)
{
    redisReply *reply = redisCommand(client, "INFO %s", section);
    must_reply(reply);
    const char *at = strstr(reply->str, name);
    must_hold(at != NULL, "redis says what it uses");
    double number = strtod(at + strlen(name), NULL);
    freeReplyObject(reply);
    return number;
}

static double redis_seconds(void *client)
{
    return info_number(client, "cpu", "used_cpu_sys:") +
           info_number(client, "cpu", "used_cpu_user:");
}

static double redis_bytes(void *client)
{
    return info_number(client, "memory", "used_memory_dataset:");
}

static void *redis_open(const char *directory)
{
    (void)directory;
    redisContext *client = redisConnectUnix(getenv(SOCKET));
    must_hold(client != NULL && client->err == 0, "redis answers");
    redisReply *reply = redisCommand(client, "FLUSHALL");
    must_reply(reply);
    freeReplyObject(reply);
    return client;
}

static void take_replies(redisContext *client, size_t count)
{
    for (; count > 0; count--) {
        void *reply = NULL;
        if (redisGetReply(client, &reply) != REDIS_OK) reply = NULL;
        must_reply(reply);
        freeReplyObject(reply);
    }
}

static void redis_apply(void *context, const struct event *events, size_t count)
{
    redisContext *client = context;
    size_t waiting = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned entity = events[i].entity, signal = events[i].signal;
        long long five = events[i].time_ms / 300000;
        redisAppendCommand(client, "HINCRBY %u:%u m%lld 1", entity, signal, five);
        redisAppendCommand(client, "HINCRBY %u:%u h%lld 1", entity, signal, five / 12);
        redisAppendCommand(client, "HINCRBY %u:%u d%lld 1", entity, signal, five / 288);
        redisAppendCommand(client, "HINCRBY %u:%u n 1", entity, signal);
        redisAppendCommand(client, "ZINCRBY z%u %.17g %u", signal,
                           exp2(((double)events[i].time_ms - origin_ms) / HALF_MS), entity);
        waiting += 5;
        if (waiting < (size_t)5 * PIPELINE && i + 1 < count) continue;
        take_replies(client, waiting);
        waiting = 0;
    }
}

static double sum_fields(const redisReply *reply, size_t from, size_t count)
{
    double sum = 0;
    for (size_t i = from; i < from + count && i < reply->elements; i++)
        if (reply->element[i]->str) sum += strtod(reply->element[i]->str, NULL);
    return sum;
}

static void ask(redisContext *client, uint32_t entity, unsigned signal, int64_t now_ms)
{
    static char words[BUCKETS + 2][32];
    const char *list[BUCKETS + 2];
    long long five = now_ms / 300000;
    int count = 0;
    snprintf(words[count++], sizeof *words, "HMGET");
    snprintf(words[count++], sizeof *words, "%u:%u", entity, signal);
    for (int i = 0; i < 12 && signal == VIEW; i++)
        snprintf(words[count++], sizeof *words, "m%lld", five - i);
    for (int i = 0; i < 24; i++)
        snprintf(words[count++], sizeof *words, "h%lld", five / 12 - i);
    for (int i = 0; i < 7 && signal == VIEW; i++)
        snprintf(words[count++], sizeof *words, "d%lld", five / 288 - i);
    for (int i = 0; i < count; i++)
        list[i] = words[i];
    must_hold(redisAppendCommandArgv(client, count, list, NULL) == REDIS_OK, "memory");
}

static void redis_read(void *context, int64_t now_ms, const uint32_t *entities, double *values)
{
    redisContext *client = context;
    double unit = exp2(-((double)now_ms - origin_ms) / HALF_MS);
    for (size_t i = 0; i < CANDIDATES; i++) {
        ask(client, entities[i], VIEW, now_ms);
        ask(client, entities[i], LIKE, now_ms);
        redisAppendCommand(client, "ZSCORE z0 %u", entities[i]);
    }
    for (size_t i = 0; i < CANDIDATES; i++, values += FEATURES) {
        redisReply *replies[3];
        for (int j = 0; j < 3; j++) {
            void *reply = NULL;
            if (redisGetReply(client, &reply) != REDIS_OK) reply = NULL;
            must_reply(reply);
            replies[j] = reply;
        }
        values[0] = sum_fields(replies[0], 0, 12);
        values[1] = sum_fields(replies[0], 12, 24);
        values[2] = sum_fields(replies[0], 36, 7);
        values[3] = sum_fields(replies[1], 0, 24);
        values[4] = replies[2]->str ? strtod(replies[2]->str, NULL) * unit : 0;
        for (int j = 0; j < 3; j++)
            freeReplyObject(replies[j]);
    }
}

static void redis_hold(void *client, const struct rank *ranks, size_t count)
{
    for (size_t i = 0, waiting = 0; i < count; i++) {
        redisAppendCommand(client, "ZADD held GT %.17g %u", ranks[i].key, ranks[i].entity);
        if (++waiting < PIPELINE && i + 1 < count) continue;
        take_replies(client, waiting);
        waiting = 0;
    }
}

static size_t redis_top(void *client, struct rank *out)
{
    redisReply *reply = redisCommand(client, "ZREVRANGE held 0 %d WITHSCORES", LISTED - 1);
    must_reply(reply);
    size_t count = reply->elements / 2;
    for (size_t i = 0; i < count; i++)
        out[i] = (struct rank){(uint32_t)strtoul(reply->element[2 * i]->str, NULL, 10),
                               strtod(reply->element[2 * i + 1]->str, NULL)};
    freeReplyObject(reply);
    return count;
}

static void redis_close(void *client)
{
    redisFree(client);
}

const struct signals_system signals_redis = {.name = "redis",
                                             .missing = redis_missing,
                                             .open = redis_open,
                                             .apply = redis_apply,
                                             .read = redis_read,
                                             .hold = redis_hold,
                                             .top = redis_top,
                                             .server_seconds = redis_seconds,
                                             .bytes = redis_bytes,
                                             .close = redis_close};
