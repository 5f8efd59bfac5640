/* The log alone (src/wal), through its own interface: no folds, no store. */
#include "log/system.h"

#include "os/clock.h"
#include "os/disk.h"
#include "os/pages.h"
#include "wal/wal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENT_TYPE = 1, CALLS_UNDER_WAY = 10 };

struct ours {
    struct memory memory;
    struct disk *disk;
    struct wal *wal;
    pthread_mutex_t delivery;
    atomic_uint_fast64_t delivered; /* LSN */
    pthread_t applier;              /* of a load that never waits */
    bool has_applier;
    atomic_bool stopping;
};

/* Appends in one call what a producer has collected: with many under way a tenth of them. */
struct ours_connection {
    struct ours *log;
    bool waits;
    struct wal_record *records;
    struct wal_result *results;
    uint8_t *payloads;
    size_t count, call_limit; /* of the call to come */
    uint64_t *lsns;           /* the last of each call under way: a ring */
    size_t first, calls, call_slots;
    uint64_t last;
};

static void must_wal(enum code code, const char *what, const struct error *error)
{
    if (code == CODE_OK) return;
    fprintf(stderr, "ours: %s: %s\n", what, error->message);
    exit(1);
}

/* What the engine does with durable groups, but for applying them. */
static void deliver(struct ours *log, uint64_t wanted)
{
    struct wal_group *group;
    if (wanted <= atomic_load(&log->delivered)) return;
    if (pthread_mutex_trylock(&log->delivery) != 0) return;
    while (wal_take(log->wal, &group)) {
        atomic_store(&log->delivered, wal_group_last(group));
        wal_group_release(group);
    }
    pthread_mutex_unlock(&log->delivery);
}

static void *apply(void *context)
{
    struct ours *log = context;
    while (!atomic_load(&log->stopping)) {
        (void)wal_wait_untaken(log->wal, 100);
        deliver(log, UINT64_MAX);
    }
    return NULL;
}

static const char *ours_missing(void)
{
    return NULL;
}

static void *ours_open(const char *directory, const struct log_load *load)
{
    struct ours *log = calloc(1, sizeof *log);
    struct error error;
    struct wal_recovery report;
    must_hold(log != NULL, "memory");
    memory_init(&log->memory, 0);
    log->memory.ask_pages = pages_ask_large; /* as the engine has it */
    must_wal(disk_open_posix(directory, false, &log->memory, &log->disk, &error), "disk", &error);
    struct wal_options options = {.disk = log->disk,
                                  .directory = "wal",
                                  .memory = &log->memory,
                                  .clock = clock_system(),
                                  .database_id = {1},
                                  .flusher_thread = true};
    must_wal(wal_open(&options, &log->wal, &report, &error), "open", &error);
    must_hold(pthread_mutex_init(&log->delivery, NULL) == 0, "a mutex");
    log->has_applier = load->never_waits;
    if (log->has_applier)
        must_hold(pthread_create(&log->applier, NULL, apply, log) == 0, "a thread");
    return log;
}

static void *ours_connect(void *context, const struct log_load *load)
{
    struct ours_connection *connection = calloc(1, sizeof *connection);
    must_hold(connection != NULL, "memory");
    size_t call_limit = load->in_flight >= CALLS_UNDER_WAY ? load->in_flight / CALLS_UNDER_WAY : 1;
    *connection =
        (struct ours_connection){.log = context,
                                 .waits = !load->never_waits,
                                 .records = calloc(call_limit, sizeof *connection->records),
                                 .results = calloc(call_limit, sizeof *connection->results),
                                 .payloads = calloc(call_limit, LOG_EVENT_BYTES),
                                 .call_limit = call_limit,
                                 .call_slots = load->in_flight / call_limit};
    connection->lsns = calloc(connection->call_slots, sizeof *connection->lsns);
    must_hold(connection->records && connection->results && connection->payloads &&
                  connection->lsns,
              "memory");
    return connection;
}

/* Until fewer than the most are under way. */
static void wait_for_oldest(struct ours_connection *connection)
{
    struct ours *log = connection->log;
    struct error error;
    must_wal(wal_wait(log->wal, connection->lsns[connection->first], &error), "wait", &error);
    deliver(log, connection->lsns[connection->first]);
    uint64_t durable = wal_durable(log->wal);
    while (connection->calls > 0 && connection->lsns[connection->first] <= durable) {
        connection->first = (connection->first + 1) % connection->call_slots;
        connection->calls--;
    }
}

static void append(struct ours_connection *connection)
{
    struct error error;
    size_t count = connection->count;
    if (count == 0) return;
    wal_identify(connection->records, count);
    must_wal(wal_append(connection->log->wal, connection->records, count, 0, connection->results,
                        &error),
             "append", &error);
    for (size_t i = 0; i < count; i++)
        must_hold(connection->results[i].code == CODE_OK, "no event is taken for a repeat");
    connection->last = connection->results[count - 1].lsn;
    connection->count = 0;
    if (!connection->waits) return;
    connection->lsns[(connection->first + connection->calls++) % connection->call_slots] =
        connection->last;
    if (connection->calls == connection->call_slots) wait_for_oldest(connection);
}

static void ours_write(void *context, const uint8_t event[LOG_EVENT_BYTES])
{
    struct ours_connection *connection = context;
    uint8_t *payload = connection->payloads + connection->count * LOG_EVENT_BYTES;
    struct wal_record *record = &connection->records[connection->count++];
    memcpy(payload, event, LOG_EVENT_BYTES);
    *record =
        (struct wal_record){.type = EVENT_TYPE, .payload = slice_of(payload, LOG_EVENT_BYTES)};
    if (connection->count == connection->call_limit) append(connection);
}

static void ours_finish(void *context)
{
    struct ours_connection *connection = context;
    struct error error;
    append(connection);
    must_wal(wal_wait(connection->log->wal, connection->last, &error), "wait", &error);
}

static void ours_disconnect(void *context)
{
    struct ours_connection *connection = context;
    free(connection->records);
    free(connection->results);
    free(connection->payloads);
    free(connection->lsns);
    free(connection);
}

static void ours_close(void *context)
{
    struct ours *log = context;
    struct error error;
    atomic_store(&log->stopping, true);
    if (log->has_applier) {
        wal_wake(log->wal);
        must_hold(pthread_join(log->applier, NULL) == 0, "a thread ends");
    }
    deliver(log, UINT64_MAX);
    must_wal(wal_close(log->wal, &error), "close", &error);
    must_hold(pthread_mutex_destroy(&log->delivery) == 0, "the mutex is free");
    disk_free(log->disk);
    memory_release(&log->memory);
    free(log);
}

const struct log_system log_ours = {.name = "ours",
                                    .missing = ours_missing,
                                    .open = ours_open,
                                    .connect = ours_connect,
                                    .write = ours_write,
                                    .finish = ours_finish,
                                    .disconnect = ours_disconnect,
                                    .close = ours_close};
