#include "signals/system.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    BATCH = 1000,
    ENTITIES = 100000,
    USERS = 100000,
    PAGE = 4096,
    RAW_BYTES = 64 << 20,
    SAMPLE = 10
};

static tidal_db *open_database(const char *directory, const char *definition)
{
    static char text[64 * 1000 + 64];
    tidal_db *db;
    tidal_error error;
    must(tidal_open(directory, NULL, &db, &error), "open", &error);
    must(tidal_execute(db, definition, NULL, &error), "define", &error);
    for (unsigned item = 1; item <= ENTITIES;) {
        size_t used = (size_t)snprintf(text, sizeof text, "TRANSACTION {");
        for (unsigned end = item + 1000; item < end; item++)
            used += (size_t)snprintf(text + used, sizeof text - used, "PUT item %u {};", item);
        snprintf(text + used, sizeof text - used, "}");
        must(tidal_execute(db, text, NULL, &error), "put", &error);
    }
    must(tidal_checkpoint(db, &error), "checkpoint", &error);
    return db;
}

/* 10 % of those that have a user are positive. */
static void draw(struct stream *stream, bool has_user, tidal_event *batch)
{
    static struct event events[BATCH];
    stream_draw(stream, events, BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        batch[i] = (tidal_event){.signal = has_user ? "rating" : "view",
                                 .entity = events[i].entity,
                                 .has_time = true,
                                 .time_ms = events[i].time_ms};
        if (!has_user) continue;
        uint64_t random = measure_random(&stream->random);
        batch[i].user = random % USERS + 1;
        batch[i].has_value = true;
        batch[i].value = random % 10 == 0 ? 8 : 6;
    }
}

/* Events a second; *group_bytes: of log, a batch. */
static double ingest(const char *directory, const char *definition, bool has_user, double seconds,
                     size_t *group_bytes)
{
    static tidal_event batch[BATCH];
    struct stream stream;
    tidal_error error;
    tidal_db *db = open_database(directory, definition);
    tidal_status before, after;
    size_t events = 0;
    double spent = 0;
    stream_init(&stream, ENTITIES, 11);
    stream.step_ms = 0.01;
    tidal_get_status(db, &before);
    while (spent < seconds) {
        draw(&stream, has_user, batch);
        double start = measure_seconds();
        must(tidal_signal_batch(db, batch, BATCH, TIDAL_DURABLE, NULL, &error), "signals", &error);
        spent += measure_seconds() - start;
        events += BATCH;
        if (events != (size_t)SAMPLE * BATCH) continue;
        tidal_get_status(db, &after); /* no checkpoint has shortened the log yet */
        if (after.log_bytes > before.log_bytes)
            *group_bytes = (size_t)(after.log_bytes - before.log_bytes) / SAMPLE;
    }
    must(tidal_close(db, &error), "close", &error);
    remove_tree(directory);
    return (double)events / spent;
}

/* The same bytes a group, written into a file that is there already and synced. */
static double write_raw(const char *directory, size_t group_bytes, double seconds)
{
    static uint8_t bytes[1 << 20];
    char path[4096];
    snprintf(path, sizeof path, "%s.raw", directory);
    size_t padded = (group_bytes + PAGE - 1) / PAGE * PAGE, groups = 0;
    must_hold(padded > 0 && padded <= sizeof bytes, "a group of the log fits");
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    must_hold(file >= 0, "a file");
    for (off_t at = 0; at < RAW_BYTES; at += (off_t)sizeof bytes)
        must_hold(pwrite(file, bytes, sizeof bytes, at) == (ssize_t)sizeof bytes, "it is written");
    must_hold(fsync(file) == 0, "it is synced");
    double start = measure_seconds(), now = start;
    for (off_t at = 0; now - start < seconds; groups++) {
        memset(bytes, (int)groups, padded);
        must_hold(pwrite(file, bytes, padded, at) == (ssize_t)padded && fdatasync(file) == 0,
                  "a group is written and synced");
        at = at + 2 * (off_t)padded < RAW_BYTES ? at + (off_t)padded : 0;
        now = measure_seconds();
    }
    must_hold(close(file) == 0 && unlink(path) == 0, "the file is closed");
    return (double)(groups * BATCH) / (now - start);
}

void ingest_round(const char *directory, double seconds, struct ingest_figures *figures)
{
    static size_t group_bytes = 48 * BATCH;
    size_t unused = 0;
    samples_add(&figures->counters, ingest(directory,
                                           "DEFINE SIGNAL view ON item HALF LIFE 1h, 24h, 7d "
                                           "WINDOWS 1h, 24h, 7d, 30d VELOCITY 1h",
                                           false, seconds, &group_bytes));
    samples_add(&figures->raw, write_raw(directory, group_bytes, seconds));
    samples_add(&figures->folds, ingest(directory,
                                        "DEFINE SIGNAL rating ON item HALF LIFE 7d, 30d "
                                        "WINDOWS 24h, 7d, 30d, 366d VELOCITY 24h VALUE SUM "
                                        "UNIQUE PER USER POSITIVE FROM 7 NEGATIVE BELOW 5",
                                        true, seconds, &unused));
}
