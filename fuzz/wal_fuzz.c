/* Any bytes as a log: an error, or entries without a gap, which are the same when it is opened,
 * written to and opened again.
 *
 * The first byte says what the rest is: even, the bytes of one segment; odd, decisions from which
 * segments are made whose hashes and chains are right, but for what a decision breaks (no fuzzer
 * guesses a BLAKE3). */
#include "base/choices.h"
#include "fuzz/fuzz.h"
#include "os/clock.h"
#include "os/simulated.h"
#include "wal/segment.h"
#include "wal/source.h"

enum { SEGMENTS = 3, FRAMES = 6, ENTRIES = 4, PAYLOAD = 60, FLIPS = 3 };

static const uint8_t database_id[16] = {1, 2, 3};

/* What was read of a log: a hash over its entries, and whether they are dense. */
struct seen {
    uint64_t first_lsn, last_lsn;
    uint64_t hash;
};

static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static enum code see(void *context, const struct wal_entry *entry, struct error *error)
{
    struct seen *seen = context;
    (void)error;
    FUZZ_CHECK(entry->lsn > 0);
    FUZZ_CHECK(seen->last_lsn == 0 || entry->lsn == seen->last_lsn + 1);
    if (seen->first_lsn == 0) seen->first_lsn = entry->lsn;
    seen->last_lsn = entry->lsn;
    seen->hash = mix(seen->hash, &entry->lsn, sizeof entry->lsn);
    seen->hash = mix(seen->hash, entry->identity, sizeof entry->identity);
    seen->hash = mix(seen->hash, entry->payload.data, entry->payload.bytes);
    return CODE_OK;
}

/* --- One segment's bytes --- */

static void read_segment(struct slice bytes, struct memory *memory)
{
    struct frame frame;
    struct seen seen = {0};
    struct error error = {.message = ""};
    enum code code = wal_decode_segment(bytes, memory, see, &seen, &error);
    FUZZ_CHECK(code == CODE_OK || code == CODE_CORRUPT || code == CODE_VERSION);
    FUZZ_CHECK(code == CODE_OK || error.message[0] != '\0');
    FUZZ_CHECK(frame_length(bytes) <= FRAME_MAXIMUM_BYTES);
    if (frame_decode(bytes, &frame)) (void)frame_well_formed(&frame);
}

/* --- Segments that are made --- */

struct maker {
    struct choices choices;
    uint64_t next_lsn;
    bool has_checkpoint;
    uint8_t chain[FRAME_CHAIN_BYTES];
    uint8_t bytes[WAL_SEGMENT_MINIMUM_BYTES];
};

/* `right`, or now and then another number. */
static uint64_t mostly(struct maker *maker, uint64_t right)
{
    return choose_one_in(&maker->choices, 16) ? choose(&maker->choices, UINT64_MAX) : right;
}

static size_t make_entries(struct maker *maker, struct frame *frame, uint8_t *body)
{
    size_t used = 0;
    uint64_t count = choose(&maker->choices, ENTRIES - 1) + 1;
    for (uint64_t i = 0; i < count; i++) {
        uint8_t payload[PAYLOAD];
        struct wal_record record = {.type = (uint16_t)choose(&maker->choices, 3)};
        size_t bytes = (size_t)choose(&maker->choices, PAYLOAD);
        memset(payload, (int)choose(&maker->choices, 255), sizeof payload);
        record.payload = slice_of(payload, bytes);
        record.flags = (uint16_t)choose(&maker->choices, 3);
        wal_content_identity(record.type, record.payload, record.identity);
        entry_encode(&record, body + used);
        if (choose_one_in(&maker->choices, 32))
            store_u32(body + used, (uint32_t)mostly(maker, bytes));
        used += entry_bytes(bytes);
    }
    frame->count = (uint16_t)mostly(maker, count);
    return used;
}

static size_t make_checkpoint(struct maker *maker, uint8_t *body)
{
    struct frame_checkpoint checkpoint;
    maker->has_checkpoint = true;
    checkpoint.applied_lsn = mostly(maker, choose(&maker->choices, maker->next_lsn - 1));
    checkpoint.oldest_lsn = mostly(maker, 1);
    checkpoint_encode(&checkpoint, body);
    return CHECKPOINT_BYTES;
}

/* Bytes of the frame that is made at `at`. */
static size_t make_frame(struct maker *maker, uint64_t segment, uint8_t *at)
{
    static const uint16_t kinds[] = {FRAME_ENTRIES,    FRAME_ENTRIES, FRAME_ENTRIES,
                                     FRAME_CHECKPOINT, FRAME_MARK,    FRAME_CLOSE};
    struct frame frame = {.kind = kinds[choose(&maker->choices, 5)]};
    uint8_t *body = at + FRAME_HEADER_BYTES;
    size_t bytes = 0;
    frame.first_lsn = mostly(maker, maker->next_lsn);
    frame.segment = mostly(maker, segment);
    frame.durable_lsn = mostly(maker, choose(&maker->choices, maker->next_lsn - 1));
    frame.time_ms = (int64_t)mostly(maker, 1000 + maker->next_lsn);
    memcpy(frame.chain, maker->chain, sizeof frame.chain);
    if (frame.kind == FRAME_ENTRIES) bytes = make_entries(maker, &frame, body);
    if (frame.kind == FRAME_CHECKPOINT) bytes = make_checkpoint(maker, body);
    frame.kind = (uint16_t)mostly(maker, frame.kind);
    frame.length = (uint32_t)(FRAME_HEADER_BYTES + bytes);
    frame_seal(&frame, at);
    maker->next_lsn += frame.count;
    memcpy(maker->chain, frame.hash, sizeof maker->chain);
    return frame.length;
}

static void make_segment(struct maker *maker, uint64_t number)
{
    struct segment_header header = {.number = mostly(maker, number),
                                    .first_lsn = mostly(maker, maker->next_lsn),
                                    .oldest_lsn = mostly(maker, 1),
                                    .created_ms = (int64_t)mostly(maker, 1000),
                                    .segment_bytes = mostly(maker, sizeof maker->bytes),
                                    .durable_lsn = mostly(maker, maker->next_lsn - 1),
                                    .last_time_ms = (int64_t)mostly(maker, 0)};
    header.dedup.previous_lsn = mostly(maker, 1);
    header.dedup.current_lsn = mostly(maker, 1);
    header.dedup.current_time_ms = (int64_t)mostly(maker, 1000);
    header.dedup.current_count = mostly(maker, 0);
    memcpy(header.database_id, database_id, sizeof header.database_id);
    memcpy(header.chain, maker->chain, sizeof header.chain);
    memset(maker->bytes, 0, sizeof maker->bytes);
    segment_header_encode(&header, maker->bytes);
    size_t offset = FRAME_PAGE_BYTES;
    for (uint64_t left = choose(&maker->choices, FRAMES); left > 0; left--)
        offset += frame_padded(make_frame(maker, number, maker->bytes + offset));
    for (uint64_t left = choose_one_in(&maker->choices, 4) ? FLIPS : 0; left > 0; left--)
        maker->bytes[choose(&maker->choices, offset - 1)] ^= (uint8_t)choose(&maker->choices, 255);
}

static void write_segment(struct maker *maker, struct disk *disk, uint64_t number)
{
    char path[DISK_PATH_BYTES];
    struct disk_file *file;
    struct error error;
    uint64_t bytes = sizeof maker->bytes;
    segment_path(path, "wal", number, choose_one_in(&maker->choices, 16));
    if (choose_one_in(&maker->choices, 16)) bytes = choose(&maker->choices, bytes);
    FUZZ_CHECK(disk_create(disk, path, &file, &error) == CODE_OK);
    FUZZ_CHECK(disk_write(file, 0, maker->bytes, (size_t)bytes, &error) == CODE_OK);
    disk_close(file);
}

static void make_log(struct maker *maker, struct disk *disk)
{
    struct error error;
    uint64_t count = choose(&maker->choices, SEGMENTS - 1) + 1;
    maker->has_checkpoint = false;
    maker->next_lsn = choose_one_in(&maker->choices, 8) ? choose(&maker->choices, 1000) + 1 : 1;
    FUZZ_CHECK(disk_make_directory(disk, "wal", &error) == CODE_OK);
    for (uint64_t number = 1; number <= count; number++) {
        make_segment(maker, number);
        write_segment(maker, disk, number);
    }
}

/* --- Reading them from outside --- */

enum { OUTSIDE = SEGMENTS * FRAMES * ENTRIES };

/* A hash of each entry that a reader without the lock was given. */
struct outside {
    uint64_t first_lsn, count;
    uint64_t hashes[OUTSIDE];
};

static uint64_t hash_entry(const struct wal_entry *entry)
{
    uint64_t hash = mix(entry->type, &entry->time_ms, sizeof entry->time_ms);
    hash = mix(hash ^ entry->flags, entry->identity, sizeof entry->identity);
    return mix(hash, entry->payload.data, entry->payload.bytes);
}

static void read_outside(struct disk *disk, struct memory *memory, uint64_t from_lsn,
                         struct outside *outside)
{
    const struct wal_source_options options = {disk, "wal", memory, database_id, from_lsn};
    struct wal_source *source;
    struct wal_source_frame frame = {.count = 1};
    struct error error = {.message = ""};
    FUZZ_CHECK(wal_source_open(&options, &source, &error) == CODE_OK);
    *outside = (struct outside){.first_lsn = from_lsn};
    while (frame.count > 0) {
        enum code code = wal_source_next(source, &frame, &error);
        FUZZ_CHECK(code == CODE_OK || code == CODE_CORRUPT || code == CODE_VERSION ||
                   code == CODE_NOT_RETAINED);
        FUZZ_CHECK(code == CODE_OK || error.message[0] != '\0');
        if (code != CODE_OK) break;
        for (size_t i = 0; i < frame.count && outside->count < OUTSIDE; i++) {
            FUZZ_CHECK(frame.entries[i].lsn == from_lsn + outside->count);
            outside->hashes[outside->count++] = hash_entry(&frame.entries[i]);
        }
    }
    wal_source_close(source);
}

/* What was given is there for good. */
static enum code check_outside(void *context, const struct wal_entry *entry, struct error *error)
{
    struct outside *outside = context;
    (void)error;
    if (entry->lsn < outside->first_lsn) return CODE_OK;
    uint64_t at = entry->lsn - outside->first_lsn;
    if (at < outside->count) FUZZ_CHECK(outside->hashes[at] == hash_entry(entry));
    return CODE_OK;
}

/* --- Opening them --- */

static bool refused(enum code code, const struct error *error)
{
    if (code == CODE_OK) return false;
    FUZZ_CHECK(code == CODE_CORRUPT || code == CODE_VERSION);
    FUZZ_CHECK(error->message[0] != '\0');
    return true;
}

static struct seen replay(struct wal *wal, const struct wal_recovery *report)
{
    struct seen seen = {0};
    struct error error;
    FUZZ_CHECK(report->proved_lsn <= report->last_lsn);
    FUZZ_CHECK(wal_replay(wal, report->first_lsn, see, &seen, &error) == CODE_OK);
    FUZZ_CHECK(seen.last_lsn == 0 || seen.last_lsn == report->last_lsn);
    return seen;
}

static void append_one(struct wal *wal, uint64_t expected_lsn)
{
    struct wal_record record = {.type = 1, .flags = WAL_ENTRY_NO_DEDUPE};
    struct wal_result result;
    struct error error;
    FUZZ_CHECK(wal_append(wal, &record, 1, 0, &result, &error) == CODE_OK);
    FUZZ_CHECK(result.lsn == expected_lsn);
    FUZZ_CHECK(wal_wait(wal, result.lsn, &error) == CODE_OK);
}

/* Verifying has no store to ask and believes the checkpoints; without those it reads as opening. */
static void open_log(struct disk *disk, struct memory *memory, bool same_as_verified)
{
    struct simulated_clock clock;
    struct wal_recovery report, again;
    struct wal *wal;
    struct error error = {.message = ""};
    struct seen verified = {0};
    struct wal_verify_options verify = {disk, "wal", memory, see, &verified};
    simulated_clock_init(&clock, 2000);
    struct wal_options options = {.disk = disk,
                                  .directory = "wal",
                                  .memory = memory,
                                  .clock = &clock.clock,
                                  .segment_bytes = WAL_SEGMENT_MINIMUM_BYTES,
                                  .dedupe_count = 16};
    memcpy(options.database_id, database_id, sizeof options.database_id);
    bool bad = refused(wal_verify(&verify, &report, &error), &error);
    static struct outside outside;
    read_outside(disk, memory, report.first_lsn, &outside);
    if (refused(wal_open(&options, &wal, &report, &error), &error)) return;
    struct seen first = replay(wal, &report);
    if (report.first_lsn <= outside.first_lsn) {
        FUZZ_CHECK(outside.first_lsn + outside.count <= report.last_lsn + 1);
        FUZZ_CHECK(wal_replay(wal, report.first_lsn, check_outside, &outside, &error) == CODE_OK);
    }
    if (same_as_verified) {
        if (bad) fprintf(stderr, "verified: %s\n", error.message);
        FUZZ_CHECK(!bad);
        FUZZ_CHECK(first.last_lsn == verified.last_lsn && first.hash == verified.hash);
    }
    append_one(wal, report.last_lsn + 1);
    FUZZ_CHECK(wal_close(wal, &error) == CODE_OK);
    enum code code = wal_open(&options, &wal, &again, &error);
    if (code != CODE_OK) fprintf(stderr, "opened again: %s\n", error.message);
    FUZZ_CHECK(code == CODE_OK);
    FUZZ_CHECK(again.last_lsn == report.last_lsn + 1 && again.first_lsn == report.first_lsn);
    FUZZ_CHECK(again.closed && again.torn_bytes == 0);
    (void)replay(wal, &again);
    FUZZ_CHECK(wal_close(wal, &error) == CODE_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static struct maker maker;
    struct memory memory;
    struct disk *disk;
    struct error error;
    if (bytes == 0) return 0;
    memory_init(&memory, 0);
    if (data[0] % 2 == 0) {
        read_segment(slice_of(data + 1, bytes - 1), &memory);
    } else {
        memset(maker.chain, 0, sizeof maker.chain);
        choices_from_bytes(&maker.choices, data + 1, bytes - 1);
        FUZZ_CHECK(simulated_disk_create(&memory, SIMULATED_PLAIN, &disk, &error) == CODE_OK);
        make_log(&maker, disk);
        open_log(disk, &memory, !maker.has_checkpoint);
        disk_free(disk);
    }
    memory_release(&memory);
    return 0;
}
