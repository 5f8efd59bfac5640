/* What the log's tests share: a log on a simulated disk, and events that can be known again. */
#ifndef TIDAL_TESTS_WAL_FIXTURE_H
#define TIDAL_TESTS_WAL_FIXTURE_H

#include "harness/test.h"
#include "os/clock.h"
#include "os/simulated.h"
#include "wal/wal.h"

#include <stdlib.h>

struct fixture {
    struct memory memory;
    struct disk *disk;
    struct simulated_clock clock;
    struct wal_options options;
    struct wal *wal;
    struct wal_recovery report;
    struct error error;
};

static inline bool fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){0};
    memory_init(&fixture->memory, 0);
    simulated_clock_init(&fixture->clock, 1000000);
    fixture->options = (struct wal_options){.directory = "wal",
                                            .memory = &fixture->memory,
                                            .clock = &fixture->clock.clock,
                                            .database_id = {1, 2, 3},
                                            .segment_bytes = WAL_SEGMENT_MINIMUM_BYTES};
    enum code code =
        simulated_disk_create(&fixture->memory, SIMULATED_FAULTY, &fixture->disk, &fixture->error);
    fixture->options.disk = fixture->disk;
    return code == CODE_OK;
}

static inline void fixture_release(struct fixture *fixture)
{
    wal_abandon(fixture->wal);
    disk_free(fixture->disk);
    memory_release(&fixture->memory);
}

static inline enum code fixture_open(struct fixture *fixture)
{
    return wal_open(&fixture->options, &fixture->wal, &fixture->report, &fixture->error);
}

static inline enum code fixture_close(struct fixture *fixture)
{
    enum code code = wal_close(fixture->wal, &fixture->error);
    fixture->wal = NULL;
    return code;
}

/* A test may say more: then some events have it, or a few bytes less. */
#ifndef EVENT_MAXIMUM_BYTES
#define EVENT_MAXIMUM_BYTES 1500
#endif

static inline bool event_is_large(uint64_t id)
{
    return EVENT_MAXIMUM_BYTES > 1500 && id % 251 == 0;
}

/* The payload of event `id`: its length and bytes follow from the id. */
static inline size_t event_payload(uint64_t id, uint8_t out[EVENT_MAXIMUM_BYTES])
{
    size_t bytes = 8 + (size_t)(id * 2654435761U >> 7) % (id % 50 == 0 ? 1400 : 120);
    if (event_is_large(id)) bytes = EVENT_MAXIMUM_BYTES - (size_t)(id / 251 % 12);
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(id * 31 + i * (id >> 3 | 1));
    store_u64(out, id);
    return bytes;
}

static inline struct wal_record event_record(uint64_t id, uint8_t payload[EVENT_MAXIMUM_BYTES])
{
    struct wal_record record = {.type = (uint16_t)(id % 7 + 1)};
    record.payload = slice_of(payload, event_payload(id, payload));
    wal_content_identity(record.type, record.payload, record.identity);
    return record;
}

static inline enum code event_append(struct wal *wal, uint64_t id, struct wal_result *result,
                                     struct error *error)
{
    uint8_t payload[EVENT_MAXIMUM_BYTES];
    struct wal_record record = event_record(id, payload);
    return wal_append(wal, &record, 1, 0, result, error);
}

/* The id of an entry that event_append made; 0 if it is not exactly that. */
static inline uint64_t event_id(const struct wal_entry *entry)
{
    uint8_t payload[EVENT_MAXIMUM_BYTES];
    if (entry->payload.bytes < 8) return 0;
    uint64_t id = load_u64(entry->payload.data);
    struct wal_record record = event_record(id, payload);
    bool same = entry->type == record.type && slice_equal(entry->payload, record.payload) &&
                memcmp(entry->identity, record.identity, WAL_IDENTITY_BYTES) == 0;
    return same ? id : 0;
}

/* Takes and frees all that is durable; returns how many entries that were. */
static inline uint64_t drain(struct wal *wal)
{
    struct wal_group *group;
    struct wal_entry entry;
    uint64_t count = 0;
    while (wal_take(wal, &group)) {
        while (wal_group_next(group, &entry))
            count++;
        wal_group_release(group);
    }
    return count;
}

/* Ids by LSN, as replay gives them. */
struct seen {
    uint64_t *ids; /* ids[lsn] */
    size_t capacity;
    uint64_t first_lsn; /* 0: none */
    uint64_t last_lsn;
    int64_t last_time_ms;
    bool wrong;
};

static inline enum code seen_visit(void *context, const struct wal_entry *entry,
                                   struct error *error)
{
    struct seen *seen = context;
    (void)error;
    if (seen->first_lsn == 0) seen->first_lsn = entry->lsn;
    if (seen->last_lsn != 0 && entry->lsn != seen->last_lsn + 1) seen->wrong = true;
    if (entry->time_ms < seen->last_time_ms) seen->wrong = true;
    seen->last_lsn = entry->lsn;
    seen->last_time_ms = entry->time_ms;
    uint64_t id = event_id(entry);
    if (id == 0 || entry->lsn >= seen->capacity) {
        seen->wrong = true;
    } else if (seen->ids) {
        seen->ids[entry->lsn] = id;
    }
    return CODE_OK;
}

static inline struct wal_result append_one(struct fixture *log, uint64_t id)
{
    struct wal_result result = {.code = CODE_FAILED};
    enum code code = event_append(log->wal, id, &result, &log->error);
    if (code != CODE_OK) result.code = code;
    return result;
}

static inline bool wait_last(struct fixture *log)
{
    return wal_wait(log->wal, wal_last(log->wal), &log->error) == CODE_OK;
}

/* Appends ids first .. last, waiting now and then; false on any surprise. */
static inline bool fill(struct fixture *log, uint64_t first, uint64_t last, uint64_t wait_each)
{
    for (uint64_t id = first; id <= last; id++) {
        if (append_one(log, id).code != CODE_OK) return false;
        if (id % wait_each == 0 && !wait_last(log)) return false;
        drain(log->wal);
    }
    return wait_last(log);
}

#endif
