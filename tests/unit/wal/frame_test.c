#include "wal/frame.h"

#include "fixture.h"

/* BLAKE3's published vector for no input. */
static void the_hash_is_blake3(struct test *t)
{
    static const uint8_t want[FRAME_HASH_BYTES] = {0xaf, 0x13, 0x49, 0xb9, 0xf5, 0xf9, 0xa1, 0xa6,
                                                   0xa0, 0x40, 0x4d, 0xea, 0x36, 0xdc, 0xc9, 0x49,
                                                   0x9b, 0xcb, 0x25, 0xc9, 0xad, 0xc1, 0x12, 0xb7,
                                                   0xcc, 0x9a, 0x93, 0xca, 0xe4, 0x1f, 0x32, 0x62};
    uint8_t hash[FRAME_HASH_BYTES];
    frame_hash(slice_of("", 0), hash);
    CHECK(memcmp(hash, want, sizeof(hash)) == 0);
}

static void identity_is_the_hash_of_domain_type_and_payload(struct test *t)
{
    static const char whole[] = "tidal.event.1\x02\x01hello";
    uint8_t hash[FRAME_HASH_BYTES], identity[WAL_IDENTITY_BYTES], other[WAL_IDENTITY_BYTES];
    frame_hash(slice_of(whole, sizeof(whole) - 1), hash);
    wal_content_identity(0x0102, slice_of("hello", 5), identity);
    CHECK(memcmp(hash, identity, sizeof(identity)) == 0);
    wal_content_identity(0x0103, slice_of("hello", 5), other);
    CHECK(memcmp(other, identity, sizeof(identity)) != 0);
}

static size_t build(struct frame *frame, const struct wal_record *records, uint16_t count,
                    uint8_t *at)
{
    size_t length = FRAME_HEADER_BYTES;
    for (uint16_t i = 0; i < count; i++) {
        entry_encode(&records[i], at + length);
        length += entry_bytes(records[i].payload.bytes);
    }
    frame->kind = FRAME_ENTRIES;
    frame->count = count;
    frame->length = (uint32_t)length;
    frame_seal(frame, at);
    return length;
}

static void a_frame_has_the_bytes_that_the_format_says(struct test *t)
{
    static const uint8_t want[] = {
        0x80, 0,    0,    0,    1,    0,    1,    0,    /* length, kind, count */
        0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* first LSN */
        9,    0,    0,    0,    0,    0,    0,    0,    /* segment */
        7,    0,    0,    0,    0,    0,    0,    0,    /* durable LSN */
        0xe8, 3,    0,    0,    0,    0,    0,    0,    /* time */
        0,    0,    0,    0,    0,    0,    0,    0};
    static const uint8_t want_entry[] = {
        5,   0,   0,   0,   0x0b, 0,   2,   0, /* length, type, flags */
        'k', 'k', 'k', 'k', 'k',  'k', 'k', 'k', 'k', 'k', 'k', 'k', 'k', 'k', /* identity */
        'k', 'k', 'h', 'e', 'l',  'l', 'o', 0,   0,   0};
    uint8_t bytes[256];
    struct frame frame = {
        .first_lsn = 0x0102030405060708, .segment = 9, .durable_lsn = 7, .time_ms = 1000};
    struct wal_record record = {
        .type = 11, .flags = WAL_ENTRY_NO_DEDUPE, .payload = slice_of("hello", 5)};
    memset(frame.chain, 'c', sizeof(frame.chain));
    memset(record.identity, 'k', sizeof(record.identity));
    memset(bytes, 0xee, sizeof(bytes));
    CHECK_EQ(build(&frame, &record, 1, bytes), 128);
    CHECK(memcmp(bytes, want, sizeof(want)) == 0);
    CHECK(memcmp(bytes + 48, frame.chain, FRAME_CHAIN_BYTES) == 0);
    CHECK(memcmp(bytes + FRAME_HEADER_BYTES, want_entry, sizeof(want_entry)) == 0);
    uint8_t hash[FRAME_HASH_BYTES], copy[128];
    memcpy(copy, bytes, sizeof(copy));
    memset(copy + 64, 0, FRAME_HASH_BYTES);
    frame_hash(slice_of(copy, sizeof(copy)), hash);
    CHECK(memcmp(bytes + 64, hash, sizeof(hash)) == 0);
}

static void random_frames_come_back_as_they_were(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct choices choices;
        static uint8_t bytes[128 << 10], payloads[64][EVENT_MAXIMUM_BYTES];
        struct wal_record records[64];
        choices_from_seed(&choices, seed, NULL);
        uint16_t count = (uint16_t)choose_between(&choices, 1, 64);
        uint64_t id = choose(&choices, 100000) + 1;
        for (uint16_t i = 0; i < count; i++)
            records[i] = event_record(id + i, payloads[i]);
        struct frame frame = {.first_lsn = choose(&choices, UINT32_MAX) + 1,
                              .segment = choose(&choices, 1000),
                              .durable_lsn = choose(&choices, 1000),
                              .time_ms = (int64_t)choose(&choices, UINT32_MAX)};
        size_t length = build(&frame, records, count, bytes);
        struct frame back;
        CHECK(frame_decode(slice_of(bytes, length), &back));
        CHECK(frame_well_formed(&back));
        CHECK(!frame_decode(slice_of(bytes, length - 1), &back));
        CHECK(frame_decode(slice_of(bytes, sizeof(bytes)), &back));
        CHECK(back.first_lsn == frame.first_lsn && back.segment == frame.segment);
        CHECK(back.durable_lsn == frame.durable_lsn && back.time_ms == frame.time_ms);
        struct wal_entry entry;
        size_t position = 0;
        uint32_t index = 0;
        for (uint16_t i = 0; i < count; i++) {
            CHECK(entry_next(&back, &position, &index, &entry));
            CHECK_EQ(entry.lsn, frame.first_lsn + i);
            CHECK_EQ(event_id(&entry), id + i);
            CHECK_EQ(entry.time_ms, frame.time_ms);
        }
        CHECK(!entry_next(&back, &position, &index, &entry));
        choices_release(&choices);
    }
    memory_release(&memory);
}

static void a_frame_with_any_bit_flipped_is_refused(struct test *t)
{
    uint8_t bytes[512], payload[EVENT_MAXIMUM_BYTES];
    struct wal_record record = event_record(77, payload);
    struct frame frame = {.first_lsn = 5, .segment = 1, .time_ms = 3}, back;
    size_t length = build(&frame, &record, 1, bytes);
    for (size_t bit = 0; bit < length * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK(!frame_decode(slice_of(bytes, length), &back));
        bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK(frame_decode(slice_of(bytes, length), &back));
}

/* A right hash over nonsense: what a hostile writer could make. */
static void a_body_that_is_not_of_its_kind_is_not_well_formed(struct test *t)
{
    uint8_t bytes[1024] = {0}, payload[EVENT_MAXIMUM_BYTES];
    struct wal_record record = event_record(3, payload);
    struct frame frame = {.first_lsn = 5, .segment = 1}, back;
    size_t length = build(&frame, &record, 1, bytes);
    uint8_t *entry = bytes + FRAME_HEADER_BYTES;
    static const uint32_t lengths[] = {0, 1 << 20, (1 << 20) + 1, UINT32_MAX, UINT32_MAX - 7};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        store_u32(entry, lengths[i]);
        frame_seal(&frame, bytes);
        CHECK(frame_decode(slice_of(bytes, length), &back));
        CHECK(!frame_well_formed(&back));
    }
    store_u32(entry, (uint32_t)record.payload.bytes);
    for (unsigned kind = 0; kind < 8; kind++) {
        for (unsigned count = 0; count < 3; count++) {
            frame.kind = (uint16_t)kind;
            frame.count = (uint16_t)count;
            frame_seal(&frame, bytes);
            CHECK(frame_decode(slice_of(bytes, length), &back));
            CHECK_EQ(frame_well_formed(&back), kind == FRAME_ENTRIES && count == 1);
        }
    }
    frame = (struct frame){
        .kind = FRAME_CHECKPOINT, .first_lsn = 9, .length = FRAME_HEADER_BYTES + CHECKPOINT_BYTES};
    checkpoint_encode(&(struct frame_checkpoint){8, 3}, bytes + FRAME_HEADER_BYTES);
    frame_seal(&frame, bytes);
    CHECK(frame_decode(slice_of(bytes, sizeof(bytes)), &back) && frame_well_formed(&back));
    CHECK_EQ(checkpoint_decode(&back).applied_lsn, 8);
    CHECK_EQ(checkpoint_decode(&back).oldest_lsn, 3);
    static const int64_t times[] = {INT64_MIN, INT64_MAX, -(INT64_C(1) << 61), INT64_C(1) << 61};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) { /* no time of any clock */
        frame.time_ms = times[i];
        frame_seal(&frame, bytes);
        CHECK(frame_decode(slice_of(bytes, sizeof(bytes)), &back) && !frame_well_formed(&back));
    }
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(the_hash_is_blake3), CASE(identity_is_the_hash_of_domain_type_and_payload),
        CASE(a_frame_has_the_bytes_that_the_format_says),
        CASE(random_frames_come_back_as_they_were), CASE(a_frame_with_any_bit_flipped_is_refused),
        CASE(a_body_that_is_not_of_its_kind_is_not_well_formed));
}
