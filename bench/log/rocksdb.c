/* RocksDB with its log synced at each write; writers that come together share a sync. */
#include "log/system.h"

#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMTABLE_BYTES = 64 << 20, KEY_BYTES = 8 };

struct rocks {
    rocksdb_t *database;
    rocksdb_options_t *options;
    rocksdb_writeoptions_t *write_options;
    atomic_uint_fast64_t next_key;
};

struct rocks_connection {
    struct rocks *log;
    rocksdb_writebatch_t *batch;
    size_t limit;
};

static void must_rocks(const char *fault)
{
    if (!fault) return;
    fprintf(stderr, "rocksdb: %s\n", fault);
    exit(1);
}

static const char *rocks_missing(void)
{
    return NULL;
}

static void *rocks_open(const char *directory, const struct log_load *load)
{
    struct rocks *log = calloc(1, sizeof *log);
    char *fault = NULL;
    must_hold(log != NULL, "memory");
    log->options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(log->options, 1);
    rocksdb_options_set_write_buffer_size(log->options, MEMTABLE_BYTES);
    log->database = rocksdb_open(log->options, directory, &fault);
    must_rocks(fault);
    log->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(log->write_options, !load->peer_unsynced);
    return log;
}

static void *rocks_connect(void *context, const struct log_load *load)
{
    struct rocks_connection *connection = calloc(1, sizeof *connection);
    must_hold(connection != NULL, "memory");
    *connection = (struct rocks_connection){
        .log = context, .batch = rocksdb_writebatch_create(), .limit = load->peer_batch};
    return connection;
}

static void rocks_finish(void *context)
{
    struct rocks_connection *connection = context;
    char *fault = NULL;
    if (rocksdb_writebatch_count(connection->batch) == 0) return;
    rocksdb_write(connection->log->database, connection->log->write_options, connection->batch,
                  &fault);
    must_rocks(fault);
    rocksdb_writebatch_clear(connection->batch);
}

static void rocks_write(void *context, const uint8_t event[LOG_EVENT_BYTES])
{
    struct rocks_connection *connection = context;
    uint64_t number = atomic_fetch_add(&connection->log->next_key, 1);
    char key[KEY_BYTES];
    for (int i = 0; i < KEY_BYTES; i++)
        key[i] = (char)(number >> (8 * (KEY_BYTES - 1 - i)));
    rocksdb_writebatch_put(connection->batch, key, sizeof key, (const char *)event,
                           LOG_EVENT_BYTES);
    if ((size_t)rocksdb_writebatch_count(connection->batch) >= connection->limit)
        rocks_finish(connection);
}

static void rocks_disconnect(void *context)
{
    struct rocks_connection *connection = context;
    rocksdb_writebatch_destroy(connection->batch);
    free(connection);
}

static void rocks_close(void *context)
{
    struct rocks *log = context;
    rocksdb_close(log->database);
    rocksdb_writeoptions_destroy(log->write_options);
    rocksdb_options_destroy(log->options);
    free(log);
}

const struct log_system log_rocksdb = {.name = "rocksdb",
                                       .missing = rocks_missing,
                                       .open = rocks_open,
                                       .connect = rocks_connect,
                                       .write = rocks_write,
                                       .finish = rocks_finish,
                                       .disconnect = rocks_disconnect,
                                       .close = rocks_close};
