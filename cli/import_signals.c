/* tidal import --into signals: all events are read, sorted by time, and sent in batches.
 *
 * Sorted, because lateness is measured against the newest event: a file in any order would have
 * its old events refused.  So all of the file is held in memory: about 100 bytes an event, its
 * keys, and its line if refused lines are kept. */
#include "cli/import.h"
#include "cli/report.h"

#include <stdlib.h>
#include <string.h>

enum { NO_TEXT = 0 };

/* Texts are offsets into the pool; 0: none. */
struct event {
    int64_t time_ms;
    uint64_t entity, user;
    double value;
    size_t entity_key, user_key, raw, raw_bytes;
    uint64_t line;
    size_t order; /* in the file: equal times stay as they are */
    uint32_t signal;
    bool has_user, has_value, has_time;
};

struct events {
    struct import *import;
    struct column entity, user, time, value, event;
    bool has_user, has_time, has_value, has_event;
    uint32_t signal; /* of --signal */
    struct buffer pool;
    struct event *list;
    size_t count, capacity;
};

/* --- Columns --- */

/* A column that need not be there, unless its option names it. */
static bool find_optional(struct import *import, struct column *column, const char *option,
                          const char *given, const char *const defaults[2])
{
    if (given) return import_need(import, column, option, given, defaults);
    (void)column_find(column, &import->reader, defaults[0], defaults[1]);
    return true;
}

static bool find_signal(struct events *events)
{
    static const char *const names[2] = {"event", "signal"};
    struct import *import = events->import;
    const struct catalog *catalog = &import->catalog;
    const char *signal = import->options->signal;
    if (!signal) {
        events->has_event = true;
        return import_need(import, &events->event, "event", import->options->event, names);
    }
    events->signal = (uint32_t)catalog_find(catalog->signals, catalog->signal_count, signal);
    if (events->signal < catalog->signal_count) return true;
    report("signal '%s' does not exist", signal);
    report_hint("SHOW SIGNALS lists them; DEFINE SIGNAL makes one");
    return false;
}

static bool find_columns(struct events *events)
{
    static const char *const entity[2] = {"item", "item_id"}, *const user[2] = {"user", "user_id"},
                             *const time[2] = {"time", "timestamp"}, *const value[2] = {"value"};
    struct import *import = events->import;
    const struct import_options *options = import->options;
    const char *user_column = options->user_key ? options->user_key : options->user;
    bool found = find_signal(events) &&
                 import_need(import, &events->entity, "id",
                             options->key ? options->key : options->id, entity) &&
                 find_optional(import, &events->user, "user", user_column, user) &&
                 find_optional(import, &events->time, "time", options->time, time) &&
                 find_optional(import, &events->value, "value", options->value, value);
    events->has_user = column_exists(&events->user, &import->reader);
    events->has_time = column_exists(&events->time, &import->reader);
    events->has_value = column_exists(&events->value, &import->reader);
    return found;
}

/* --- Reading --- */

static size_t keep_text(struct events *events, const char *text, size_t bytes)
{
    if (events->pool.bytes == 0) buffer_append(&events->pool, "", 1); /* offset 0 is none */
    size_t at = events->pool.bytes;
    buffer_append(&events->pool, text, bytes);
    buffer_append(&events->pool, "", 1);
    return at;
}

static bool read_entity(struct events *events, struct event *event)
{
    struct import *import = events->import;
    const char *key;
    if (!import->options->key) return import_id(import, &events->entity, &event->entity);
    if (!import_key(import, &events->entity, &key)) return false;
    event->entity_key = keep_text(events, key, strlen(key));
    return true;
}

static bool read_user(struct events *events, struct event *event)
{
    struct import *import = events->import;
    const char *text;
    if (!events->has_user) return true;
    if (!column_text(&events->user, &import->reader, &text)) return false;
    if (!text || !text[0]) return true; /* nobody known did it */
    event->has_user = true;
    if (!import->options->user_key) return import_id(import, &events->user, &event->user);
    event->user_key = keep_text(events, text, strlen(text));
    return true;
}

static bool read_time(struct events *events, struct event *event)
{
    struct import *import = events->import;
    const char *text;
    if (!events->has_time) return true;
    if (!column_text(&events->time, &import->reader, &text)) return false;
    if (!text || !text[0]) {
        if (import->reader.format == FILE_JSONL && !import->options->time) return true;
        return reader_refuse(&import->reader, "'%s' is missing", events->time.names[0]);
    }
    event->has_time = true;
    if (text_time(text, import->options->time_unit, &event->time_ms)) return true;
    return reader_refuse(&import->reader,
                         "'%s' is '%.60s', not a time (RFC 3339, or see --time-unit)",
                         events->time.names[0], text);
}

static bool read_value(struct events *events, struct event *event)
{
    struct import *import = events->import;
    const char *text;
    if (!events->has_value) return true;
    if (!column_text(&events->value, &import->reader, &text)) return false;
    if (!text || !text[0]) return true;
    event->has_value = true;
    if (text_double(text, &event->value)) return true;
    return reader_refuse(&import->reader, "'%s' is '%.60s', not a number", events->value.names[0],
                         text);
}

static bool read_signal(struct events *events, struct event *event)
{
    struct import *import = events->import;
    const struct catalog *catalog = &import->catalog;
    const char *text;
    event->signal = events->signal;
    if (!events->has_event) return true;
    if (!import_key(import, &events->event, &text)) return false;
    event->signal = (uint32_t)catalog_find(catalog->signals, catalog->signal_count, text);
    if (event->signal < catalog->signal_count) return true;
    return reader_refuse(&import->reader, "signal '%.60s' does not exist", text);
}

static void read_event(struct events *events)
{
    struct import *import = events->import;
    struct event event = {.line = import->reader.line, .order = events->count};
    if (!read_signal(events, &event) || !read_entity(events, &event) ||
        !read_user(events, &event) || !read_time(events, &event) || !read_value(events, &event)) {
        import_refuse(import);
        return;
    }
    if (import->tally.refused) {
        event.raw_bytes = import->reader.raw_bytes;
        event.raw = keep_text(events, import->reader.raw, event.raw_bytes);
    }
    events->list =
        heap_grow(events->list, &events->capacity, events->count + 1, sizeof *events->list);
    events->list[events->count++] = event;
}

/* Events without a time happen when they are sent: last. */
static int compare_events(const void *left, const void *right)
{
    const struct event *a = left, *b = right;
    if (a->has_time != b->has_time) return a->has_time ? -1 : 1;
    if (a->time_ms != b->time_ms) return a->time_ms < b->time_ms ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

/* --- Sending --- */

static const char *pool_text(const struct events *events, size_t at)
{
    return at == NO_TEXT ? NULL : events->pool.data + at;
}

static tidal_event as_sent(const struct events *events, const struct event *event)
{
    return (tidal_event){.signal = events->import->catalog.signals[event->signal],
                         .entity = event->entity,
                         .entity_key = pool_text(events, event->entity_key),
                         .user = event->user,
                         .user_key = pool_text(events, event->user_key),
                         .has_user = event->has_user,
                         .has_value = event->has_value,
                         .value = event->value,
                         .has_time = event->has_time,
                         .time_ms = event->time_ms};
}

/* Asks again for one that was refused, since a batch tells the reason of its first alone. */
static bool settle_refused(struct events *events, const struct event *event,
                           const tidal_event *sent)
{
    struct tally *tally = &events->import->tally;
    tidal_event_result result;
    tidal_error error;
    tidal_code code =
        tidal_signal_batch(events->import->db, sent, 1, TIDAL_DURABLE, &result, &error);
    if (code == TIDAL_OK && result.code == TIDAL_OK) {
        tally->taken++;
    } else if (code == TIDAL_OK && result.code == TIDAL_DUPLICATE) {
        tally->duplicates++;
    } else if (import_is_fatal(code != TIDAL_OK ? code : result.code)) {
        report_error(&error);
        return false;
    } else {
        tally_refuse(tally, event->line, error.message, pool_text(events, event->raw),
                     event->raw_bytes);
    }
    return true;
}

static bool send_batch(struct events *events, size_t start, size_t count, tidal_event *sent,
                       tidal_event_result *results)
{
    struct tally *tally = &events->import->tally;
    tidal_error error;
    for (size_t i = 0; i < count; i++)
        sent[i] = as_sent(events, &events->list[start + i]);
    if (tidal_signal_batch(events->import->db, sent, count, TIDAL_DURABLE, results, &error) !=
        TIDAL_OK) {
        report_error(&error);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (results[i].code == TIDAL_OK) {
            tally->taken++;
        } else if (results[i].code == TIDAL_DUPLICATE) {
            tally->duplicates++;
        } else if (!settle_refused(events, &events->list[start + i], &sent[i])) {
            return false;
        }
    }
    tally_tell(tally);
    return true;
}

static bool send_all(struct events *events)
{
    size_t batch = events->import->options->batch, start = 0;
    tidal_event *sent = heap_resize(NULL, batch * sizeof *sent);
    tidal_event_result *results = heap_resize(NULL, batch * sizeof *results);
    bool well = true;
    while (well && start < events->count) {
        size_t left = events->count - start, count = left < batch ? left : batch;
        if (import_interrupted()) {
            report("stopped before %zu of the events were sent", left);
            well = false;
        } else {
            well = send_batch(events, start, count, sent, results);
        }
        start += count;
    }
    free(sent);
    free(results);
    return well;
}

bool import_signals(struct import *import)
{
    struct events events = {.import = import};
    bool well = find_columns(&events) && import_begin(import);
    if (well) {
        while (import_next(import, &well))
            read_event(&events);
    }
    if (events.count > 0) qsort(events.list, events.count, sizeof *events.list, compare_events);
    /* A file that could not be read to its end is not sent in part. */
    well = well && send_all(&events);
    buffer_release(&events.pool);
    free(events.list);
    return well;
}
