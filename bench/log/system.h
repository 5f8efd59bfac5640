/* A log under load: ours and each peer behind one interface.
 *
 * A producer hands over events one by one.  The system makes them durable in the way that its users
 * would: ours in calls of a tenth of `in_flight`, which wait for the oldest when so many are under
 * way; a peer collects as many and commits them as one batch, transaction or pipeline. */
#ifndef TIDAL_BENCH_LOG_SYSTEM_H
#define TIDAL_BENCH_LOG_SYSTEM_H

#include "measure.h"

enum { LOG_EVENT_BYTES = 100 };

struct log_load {
    size_t producers;
    size_t in_flight;  /* events that a producer may have under way; 1: it waits for each */
    bool never_waits;  /* ours: events are only accepted, the end of the round waits for all */
    size_t peer_batch; /* events of one commit */
    bool peer_unsynced;
};

struct log_system {
    const char *name;
    bool server;  /* that bench/log.sh started */
    bool batches; /* it has one writer: only loads in batches, or one producer, are put on it */
    /* NULL, or why it cannot be measured here. */
    const char *(*missing)(void);
    /* An empty log in `directory`, which is there; a server has its own. */
    void *(*open)(const char *directory, const struct log_load *load);
    void *(*connect)(void *log, const struct log_load *load);
    void (*write)(void *connection, const uint8_t event[LOG_EVENT_BYTES]);
    /* Returns when all that the connection wrote is durable. */
    void (*finish)(void *connection);
    void (*disconnect)(void *connection);
    void (*close)(void *log);
};

extern const struct log_system log_ours, log_rocksdb, log_sqlite, log_redis, log_postgresql;

#endif
