/* Events that a number stands for, so that two processes, and an oracle, agree on them.
 *
 * Event n is a change and, unless its content identifies it, an idempotency key: sending it twice
 * is sending the same thing twice.  Each event adds what nothing else adds, so whether it was
 * applied, and how often, can be asked afterwards.  The order in which a log holds them, and the
 * clock at which it took each in (it stands still during a life of a database), is a `sequence`;
 * the oracle is a database in memory to which a sequence is written afresh. */
#ifndef TIDAL_TESTS_CRASH_WORKLOAD_H
#define TIDAL_TESTS_CRASH_WORKLOAD_H

#include "base/choices.h"
#include "engine/internal.h"
#include "entities/entities.h"
#include "relations/edges.h"
#include "signals/ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 2026-11-01T10:00:00Z */
#define WORKLOAD_EPOCH_MS INT64_C(1793527200000)
#define WORKLOAD_LIFE_MS  1000
/* From here on items that are put to be deleted. */
#define WORKLOAD_GONE_ITEM UINT64_C(1000000000)

/* Under a sanitizer everything takes several times as long, and finds what it is for sooner. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WORKLOAD_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WORKLOAD_SANITIZED 1
#endif
#ifndef WORKLOAD_SANITIZED
#define WORKLOAD_SANITIZED 0
#endif

static const char *const workload_definitions[] = {
    "DEFINE FIELD genre ON item KEYWORD",
    "DEFINE FIELD year ON item INTEGER",
    ("DEFINE SIGNAL view ON item HALF LIFE 1h, 24h WINDOWS 1h, 24h VELOCITY 1h TRENDING HALF "
     "LIFE 2h POPULAR 24h PER genre DISTINCT USERS 24h TOTALS PER "
     "genre VALUE sum ALLOW UNKNOWN"),
    /* With quotas that are counted, and that nobody reaches. */
    ("DEFINE SIGNAL like ON item HALF LIFE 7d WINDOWS 24h UNIQUE PER USER POSITIVE ALLOW UNKNOWN "
     "CAP 1000000 PER USER PER item PER 1h, 1000000 PER USER PER 24h POPULAR 7d"),
    "DEFINE RELATION follows FROM user TO creator",
    "DEFINE EXPOSURE ON item.genre HALF LIFE 6h",
};

enum {
    WORKLOAD_DEFINITIONS = sizeof workload_definitions / sizeof *workload_definitions,
    WORKLOAD_FIRST_EVENT = 1000, /* numbers below are definitions, from 0 */
    WORKLOAD_HOT_ITEMS = 7,
    WORKLOAD_USERS = 97,
    WORKLOAD_BATCH = 32
};

/* The ids that the definitions were given. */
struct workload {
    signal_id view, like;
    relation_id follows;
    field_id genre, year;
};

struct workload_event {
    struct change change;
    struct change parts[4];
    struct field_value fields[2];
    char key[32];
    size_t key_bytes;
};

static inline struct slice text_slice(const char *text)
{
    return slice_of(text, strlen(text));
}

static inline int64_t workload_life_ms(uint32_t life)
{
    return WORKLOAD_EPOCH_MS + (int64_t)life * WORKLOAD_LIFE_MS;
}

/* False if the schema has not all definitions. */
static inline bool workload_find(struct workload *workload, struct database *database)
{
    struct view view;
    struct error error;
    if (database_read_begin(database, &view, &error) != CODE_OK) return false;
    const struct signal *seen = schema_find_signal(view.schema, text_slice("view"));
    const struct signal *liked = schema_find_signal(view.schema, text_slice("like"));
    const struct relation *follows = schema_find_relation(view.schema, text_slice("follows"));
    const struct field *genre = schema_find_field(view.schema, ENTITY_ITEM, text_slice("genre"));
    const struct field *year = schema_find_field(view.schema, ENTITY_ITEM, text_slice("year"));
    bool found = seen && liked && follows && genre && year;
    if (found) {
        *workload = (struct workload){seen->id, liked->id, follows->id, genre->id, year->id};
    }
    database_read_end(database);
    return found;
}

enum workload_kind { EVENT_VIEW, EVENT_HOT_VIEW, EVENT_PUT, EVENT_RELATE, EVENT_LIKE };

static inline enum workload_kind workload_kind(uint64_t number)
{
    static const enum workload_kind kinds[8] = {EVENT_HOT_VIEW, EVENT_PUT,  EVENT_RELATE,
                                                EVENT_LIKE,     EVENT_VIEW, EVENT_HOT_VIEW,
                                                EVENT_VIEW,     EVENT_VIEW};
    return kinds[number % 8];
}

/* The item that the event is about: its own, but for hot ones. */
static inline entity_id workload_item(uint64_t number)
{
    return workload_kind(number) == EVENT_HOT_VIEW ? 1 + number % WORKLOAD_HOT_ITEMS : number;
}

static inline int64_t workload_value(uint64_t number)
{
    return (int64_t)(1 + number * 2654435761u % 1000);
}

static inline struct change workload_signal(signal_id signal, uint64_t number)
{
    struct change change = {.kind = CHANGE_SIGNAL};
    change.signal = (struct signal_change){
        .signal = signal,
        .entity = {.kind = ENTITY_ITEM, .id = workload_item(number)},
        .has_user = true,
        .user = {.kind = ENTITY_USER, .id = 1 + number % WORKLOAD_USERS},
        .value = workload_value(number) * SIGNAL_VALUE_ONE,
        .has_time = true,
        .time_ms = WORKLOAD_EPOCH_MS - 3600000 + (int64_t)number,
    };
    return change;
}

static inline struct change workload_relate(relation_id relation, uint64_t number)
{
    struct change change = {.kind = CHANGE_RELATE};
    change.relate = (struct relate_change){
        .relation = relation,
        .from = {.kind = ENTITY_USER, .id = 1 + number % WORKLOAD_USERS},
        .to = {.kind = ENTITY_CREATOR, .id = number},
        .weight = (float)workload_value(number),
    };
    return change;
}

/* One entry of four changes: a new item, the end of an older one, and that the new one is shown. */
static inline struct change workload_put(const struct workload *workload, uint64_t number,
                                         struct workload_event *event)
{
    static const char *const genres[] = {"jazz", "soul", "tango"};
    struct change change = {.kind = CHANGE_TRANSACTION};
    event->fields[0] = (struct field_value){
        workload->genre, {.type = VALUE_TEXT, .text = text_slice(genres[number % 3])}};
    event->fields[1] = (struct field_value){
        workload->year, {.type = VALUE_INTEGER, .integer = (int64_t)(number % 77)}};
    event->parts[0] = (struct change){.kind = CHANGE_PUT};
    event->parts[0].put = (struct put_change){
        .entity = {.kind = ENTITY_ITEM, .id = number}, .fields = event->fields, .field_count = 2};
    /* What is deleted must be there: most of the older items never were. */
    struct entity_reference gone = {.kind = ENTITY_ITEM, .id = WORKLOAD_GONE_ITEM + number};
    event->parts[1] = (struct change){.kind = CHANGE_PUT};
    event->parts[1].put.entity = gone;
    event->parts[2] = (struct change){.kind = CHANGE_DELETE};
    event->parts[2].delete = gone;
    if (number % 16 == 1) event->parts[0].put.entity.id = gone.id + 80;
    event->parts[3] = workload_signal(SIGNAL_IMPRESSION, number);
    event->parts[3].signal.entity.id = event->parts[0].put.entity.id;
    event->parts[3].signal.value = SIGNAL_VALUE_ONE;
    change.transaction.changes = event->parts;
    change.transaction.count = 4;
    return change;
}

/* The write of event `number`; borrows from *event. */
static inline struct write workload_event(const struct workload *workload, uint64_t number,
                                          struct workload_event *event)
{
    *event = (struct workload_event){0};
    switch (workload_kind(number)) {
    case EVENT_PUT:
        event->change = workload_put(workload, number, event);
        break;
    case EVENT_RELATE:
        event->change = workload_relate(workload->follows, number);
        break;
    case EVENT_LIKE:
        event->change = workload_signal(workload->like, number);
        break;
    default:
        event->change = workload_signal(workload->view, number);
        return (struct write){.change = &event->change};
    }
    int bytes = snprintf(event->key, sizeof event->key, "event-%" PRIu64, number);
    return (struct write){&event->change, slice_of(event->key, (size_t)bytes)};
}

/* The number of a logged change. */
static inline uint64_t workload_number(const struct change *change)
{
    switch (change->kind) {
    case CHANGE_SIGNAL:
        return (uint64_t)(change->signal.time_ms - WORKLOAD_EPOCH_MS + 3600000);
    case CHANGE_RELATE:
        return change->relate.to.id;
    case CHANGE_TRANSACTION:
        return change->transaction.changes[2].delete.id - WORKLOAD_GONE_ITEM;
    default:
        break;
    }
    for (uint64_t i = 0; change->kind == CHANGE_DEFINE && i < WORKLOAD_DEFINITIONS; i++) {
        struct slice text = text_slice(workload_definitions[i]);
        if (text.bytes == change->define.bytes &&
            memcmp(text.data, change->define.data, text.bytes) == 0)
            return i;
    }
    return UINT64_MAX;
}

/* Writes `count` events (at most WORKLOAD_BATCH) with one call.  False if any is refused; the
 * error then says so. */
static inline bool workload_write(const struct workload *workload, struct database *database,
                                  const uint64_t *numbers, size_t count,
                                  enum acknowledgement acknowledgement,
                                  struct write_result *results)
{
    struct workload_event events[WORKLOAD_BATCH];
    struct write writes[WORKLOAD_BATCH];
    struct write_batch batch = {writes, count, acknowledgement, results, 0};
    struct error error = {0};
    assert(count <= WORKLOAD_BATCH);
    for (size_t i = 0; i < count; i++)
        writes[i] = workload_event(workload, numbers[i], &events[i]);
    if (database_write(database, &batch, &error) == CODE_OK && batch.first_refused == count)
        return true;
    fprintf(stderr, "an event was refused: %s\n", error.message);
    return false;
}

/* What the log holds, from LSN 1 on. */
struct sequence_entry {
    uint64_t number; /* of an event, or a definition's index */
    uint32_t life;
    bool known;
};

struct sequence {
    struct sequence_entry *entries; /* [lsn - 1] */
    size_t count;                   /* largest LSN noted */
    size_t capacity;
};

/* False if the LSN was noted before for another event. */
static inline bool sequence_note(struct sequence *sequence, lsn at, uint64_t number, uint32_t life)
{
    assert(at > 0);
    if (at > sequence->capacity) {
        size_t capacity = at * 2;
        sequence->entries = realloc(sequence->entries, capacity * sizeof *sequence->entries);
        assert(sequence->entries);
        memset(sequence->entries + sequence->capacity, 0,
               (capacity - sequence->capacity) * sizeof *sequence->entries);
        sequence->capacity = capacity;
    }
    struct sequence_entry *entry = &sequence->entries[at - 1];
    if (entry->known && entry->number != number) return false;
    if (!entry->known) *entry = (struct sequence_entry){number, life, true};
    if (at > sequence->count) sequence->count = at;
    return true;
}

/* The first LSN of which nothing is known; count + 1 if there is no gap. */
static inline lsn sequence_gap(const struct sequence *sequence)
{
    lsn gap = 1;
    while (gap <= sequence->count && sequence->entries[gap - 1].known)
        gap++;
    return gap;
}

static inline void sequence_release(struct sequence *sequence)
{
    free(sequence->entries);
    *sequence = (struct sequence){0};
}

/* --- The oracle --- */

struct oracle {
    struct database *database;
    struct workload workload;
    int64_t now_ms;
    lsn applied;
};

static inline int64_t workload_clock(void *context)
{
    return *(const int64_t *)context;
}

static inline bool oracle_open(struct oracle *oracle)
{
    struct error error;
    *oracle = (struct oracle){.now_ms = WORKLOAD_EPOCH_MS};
    struct database_options options = {.path = ":memory:",
                                       .no_threads = true,
                                       .clock_ms = workload_clock,
                                       .clock_context = &oracle->now_ms};
    return database_open(&options, &oracle->database, &error) == CODE_OK;
}

static inline bool oracle_define(struct oracle *oracle, uint64_t index)
{
    struct error error = {0};
    lsn given = 0;
    if (index >= WORKLOAD_DEFINITIONS) return false;
    if (database_define(oracle->database, text_slice(workload_definitions[index]), &given,
                        &error) != CODE_OK) {
        fprintf(stderr, "%s: %s\n", workload_definitions[index], error.message);
        return false;
    }
    oracle->applied = given;
    (void)workload_find(&oracle->workload, oracle->database);
    return true;
}

/* Writes the sequence up to LSN `to`, in batches of one life. */
static inline bool oracle_extend(struct oracle *oracle, const struct sequence *sequence, lsn to)
{
    while (oracle->applied < to) {
        const struct sequence_entry *next = &sequence->entries[oracle->applied];
        uint64_t numbers[WORKLOAD_BATCH];
        struct write_result results[WORKLOAD_BATCH];
        size_t count = 0;
        oracle->now_ms = workload_life_ms(next->life);
        if (next->number < WORKLOAD_FIRST_EVENT) {
            if (!oracle_define(oracle, next->number)) return false;
            continue;
        }
        while (count < WORKLOAD_BATCH && oracle->applied + count < to &&
               next[count].life == next->life && next[count].number >= WORKLOAD_FIRST_EVENT) {
            numbers[count] = next[count].number;
            count++;
        }
        if (!workload_write(&oracle->workload, oracle->database, numbers, count,
                            ACKNOWLEDGE_DURABLE, results))
            return false;
        for (size_t i = 0; i < count; i++)
            if (results[i].lsn != ++oracle->applied) return false;
    }
    return true;
}

static inline bool oracle_hash(struct oracle *oracle, uint8_t out[32])
{
    struct error error;
    return database_state_hash(oracle->database, out, &error) == CODE_OK;
}

static inline void oracle_close(struct oracle *oracle)
{
    database_abandon(oracle->database);
    oracle->database = NULL;
}

/* --- The past --- */

/* The bases of a database: the LSNs of the oldest and the newest, 0 if there are none.  False: they
 * cannot be listed. */
static inline bool past_bases(struct database *database, lsn *oldest, lsn *newest)
{
    const struct moment ever = {.lsn = UINT64_MAX};
    struct base first, last;
    struct error error;
    if (bases_find(database, &ever, &last, &first, &error) != CODE_OK) return false;
    *oldest = first.lsn;
    *newest = last.lsn;
    return true;
}

/* Is the state AS OF that LSN the one of the sequence up to it?  `why` is given what is wrong. */
static inline bool past_right(struct database *database, const struct sequence *sequence, lsn at,
                              struct error *why)
{
    const struct moment moment = {.lsn = at};
    struct database *past;
    struct oracle oracle;
    uint8_t ours[32], theirs[32];
    enum code code = history_begin(database, &moment, NULL, &past, why);
    if (code == CODE_NOT_RETAINED) {
        /* A checkpoint may have come in between. */
        lsn oldest, newest;
        return past_bases(database, &oldest, &newest) && (oldest == 0 || oldest > at);
    }
    if (code != CODE_OK) return false;
    bool right =
        database_state_hash(past, ours, why) == CODE_OK && database_check(past, why) == CODE_OK;
    history_end(database);
    if (!right) return false;
    right = oracle_open(&oracle) && oracle_extend(&oracle, sequence, at) &&
            oracle_hash(&oracle, theirs) && memcmp(ours, theirs, sizeof ours) == 0;
    oracle_close(&oracle);
    if (!right) (void)error_set(why, CODE_MISUSE, AREA_ENGINE, "it is another state");
    return right;
}

#endif
