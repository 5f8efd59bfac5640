#include "wal/segment.h"

#include "fixture.h"

static struct segment_header sample(void)
{
    struct segment_header header = {
        .number = 3,
        .first_lsn = 41,
        .oldest_lsn = 7,
        .created_ms = 99,
        .segment_bytes = WAL_SEGMENT_MINIMUM_BYTES,
        .durable_lsn = 45,
        .dedup = {.previous_lsn = 8, .current_lsn = 20, .current_time_ms = 77, .current_count = 6},
        .last_time_ms = 98,
        .torn_bytes = 12,
        .torn_segment = 2,
        .torn_offset = 8192};
    memset(header.database_id, 'd', sizeof(header.database_id));
    memset(header.chain, 'c', sizeof(header.chain));
    return header;
}

static void a_header_has_the_bytes_that_the_format_says(struct test *t)
{
    static const struct {
        size_t at;
        uint64_t value;
    } numbers[] = {{16, 3},   {24, 41},  {64, 7},   {72, 99},    {80, WAL_SEGMENT_MINIMUM_BYTES},
                   {88, 45},  {96, 8},   {104, 20}, {112, 77},   {120, 6},
                   {128, 98}, {136, 12}, {144, 2},  {152, 8192}, {192, 0}};
    uint8_t page[FRAME_PAGE_BYTES], hash[FRAME_HASH_BYTES];
    struct segment_header header = sample();
    segment_header_encode(&header, page);
    CHECK(memcmp(page, "TIDALWAL\1\0\0\0\0\x10\0\0", 16) == 0);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        CHECK_EQ(load_u64(page + numbers[i].at), numbers[i].value);
    }
    CHECK(page[32] == 'd' && page[47] == 'd' && page[48] == 'c' && page[63] == 'c');
    frame_hash(slice_of(page, 160), hash);
    CHECK(memcmp(page + 160, hash, sizeof(hash)) == 0);
}

static void a_header_comes_back_as_it_was(struct test *t)
{
    uint8_t page[FRAME_PAGE_BYTES], again[FRAME_PAGE_BYTES];
    struct segment_header header = sample(), back;
    struct error error;
    segment_header_encode(&header, page);
    CHECK_EQ(segment_header_decode(slice_of(page, sizeof(page)), "x", &back, &error), CODE_OK);
    segment_header_encode(&back, again);
    CHECK(memcmp(page, again, sizeof(page)) == 0);
}

static void a_header_with_any_bit_flipped_is_refused(struct test *t)
{
    uint8_t page[FRAME_PAGE_BYTES];
    struct segment_header header = sample(), back;
    struct error error;
    segment_header_encode(&header, page);
    for (size_t bit = 0; bit < SEGMENT_HEADER_BYTES * 8; bit++) {
        page[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_EQ(segment_header_decode(slice_of(page, sizeof(page)), "x", &back, &error),
                 CODE_CORRUPT);
        page[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    for (size_t bytes = 0; bytes < SEGMENT_HEADER_BYTES; bytes++) {
        CHECK_EQ(segment_header_decode(slice_of(page, bytes), "x", &back, &error), CODE_CORRUPT);
    }
}

static void a_newer_format_is_named_as_such(struct test *t)
{
    uint8_t page[FRAME_PAGE_BYTES];
    struct segment_header header = sample(), back;
    struct error error;
    segment_header_encode(&header, page);
    store_u32(page + 8, SEGMENT_FORMAT + 1);
    frame_hash(slice_of(page, 160), page + 160);
    CHECK_EQ(segment_header_decode(slice_of(page, sizeof(page)), "x", &back, &error), CODE_VERSION);
    CHECK(error.hint[0]);
}

static void a_header_that_contradicts_itself_is_refused(struct test *t)
{
    uint8_t page[FRAME_PAGE_BYTES];
    struct segment_header header = sample(), back;
    struct error error;
    struct slice bytes = slice_of(page, sizeof(page));
    header.durable_lsn = header.first_lsn - 1; /* what came before it was durable */
    segment_header_encode(&header, page);
    CHECK_EQ(segment_header_decode(bytes, "x", &back, &error), CODE_OK);
    header.durable_lsn = header.first_lsn - 2;
    segment_header_encode(&header, page);
    CHECK_EQ(segment_header_decode(bytes, "x", &back, &error), CODE_CORRUPT);
    header.durable_lsn = UINT64_MAX; /* no sum with it goes beyond 64 bits */
    segment_header_encode(&header, page);
    CHECK_EQ(segment_header_decode(bytes, "x", &back, &error), CODE_OK);
    header.last_time_ms = INT64_MAX;
    segment_header_encode(&header, page);
    CHECK_EQ(segment_header_decode(bytes, "x", &back, &error), CODE_CORRUPT);
    header.last_time_ms = 98;
    header.dedup.current_time_ms = INT64_MIN;
    segment_header_encode(&header, page);
    CHECK_EQ(segment_header_decode(bytes, "x", &back, &error), CODE_CORRUPT);
    header.dedup.current_time_ms = 77;
    header.first_lsn = 0;
    segment_header_encode(&header, page);
    CHECK_EQ(segment_header_decode(bytes, "x", &back, &error), CODE_CORRUPT);
}

/* A log of one segment that claims that the last LSN of all was durable. */
static void a_claim_that_all_lsns_are_durable_is_not_taken_for_none(struct test *t)
{
    uint8_t page[FRAME_PAGE_BYTES];
    struct segment_header header = sample();
    struct fixture log;
    struct disk_file *file;
    header.number = header.first_lsn = header.oldest_lsn = 1;
    header.durable_lsn = UINT64_MAX;
    memcpy(header.chain, (uint8_t[FRAME_CHAIN_BYTES]){0}, FRAME_CHAIN_BYTES);
    segment_header_encode(&header, page);
    CHECK(fixture_init(&log));
    memcpy(log.options.database_id, header.database_id, sizeof(header.database_id));
    CHECK_EQ(disk_make_directory(log.disk, "wal", &log.error), CODE_OK);
    CHECK_EQ(disk_create(log.disk, "wal/00000000000000000001.wal", &file, &log.error), CODE_OK);
    CHECK_EQ(disk_write(file, 0, page, sizeof(page), &log.error), CODE_OK);
    CHECK_EQ(disk_truncate(file, header.segment_bytes, &log.error), CODE_OK);
    disk_close(file);
    CHECK_EQ(fixture_open(&log), CODE_CORRUPT);
    CHECK(strstr(log.error.message, "18446744073709551615 was durable"));
    fixture_release(&log);
}

static void names_are_read_as_they_are_written(struct test *t)
{
    static const char *const others[] = {"",
                                         "LOCK",
                                         "0000000000000000007.wal",
                                         "000000000000000000007.wal",
                                         "0000000000000000000x.wal",
                                         "00000000000000000000.wal",
                                         "00000000000000000007.wax",
                                         "99999999999999999999.wal",
                                         "18446744073709551615.wal"};
    static const uint64_t numbers[] = {1, 9, 123456789, UINT64_MAX - 1};
    char path[DISK_PATH_BYTES];
    uint64_t number;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        segment_path(path, "wal", numbers[i], false);
        CHECK_EQ(segment_name_parse(path + 4, &number), SEGMENT_NAME_WAL);
        CHECK_EQ(number, numbers[i]);
        segment_path(path, "wal", numbers[i], true);
        CHECK_EQ(segment_name_parse(path + 4, &number), SEGMENT_NAME_TEMPORARY);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        CHECK_EQ(segment_name_parse(others[i], &number), SEGMENT_NAME_OTHER);
    }
}

static enum code count_visit(void *context, const struct wal_entry *entry, struct error *error)
{
    (void)error;
    *(uint64_t *)context += event_id(entry) != 0;
    return CODE_OK;
}

/* A segment of 20 frames; *bytes is what it takes of the image. */
static void build_image(uint8_t *image, size_t *bytes)
{
    struct segment_header header = sample();
    segment_header_encode(&header, image);
    size_t at = FRAME_PAGE_BYTES;
    uint8_t chain[FRAME_CHAIN_BYTES];
    memcpy(chain, header.chain, sizeof(chain));
    for (uint64_t i = 0; i < 20; i++) {
        uint8_t payload[EVENT_MAXIMUM_BYTES];
        struct wal_record record = event_record(i + 1, payload);
        struct frame frame = {.kind = FRAME_ENTRIES, .count = 1, .first_lsn = 41 + i, .segment = 3};
        frame.length = (uint32_t)(FRAME_HEADER_BYTES + entry_bytes(record.payload.bytes));
        memcpy(frame.chain, chain, sizeof(chain));
        entry_encode(&record, image + at + FRAME_HEADER_BYTES);
        frame_seal(&frame, image + at);
        memcpy(chain, frame.hash, sizeof(chain));
        at += frame_padded(frame.length);
    }
    *bytes = at;
}

static void any_bytes_give_entries_up_to_the_damage(struct test *t)
{
    static uint8_t image[WAL_SEGMENT_MINIMUM_BYTES * 2];
    struct memory memory;
    struct error error;
    struct choices choices;
    size_t bytes;
    uint64_t whole = 0, less = 0;
    memory_init(&memory, 0);
    choices_from_seed(&choices, 5, NULL);
    build_image(image, &bytes);
    CHECK_EQ(wal_decode_segment(slice_of(image, bytes), &memory, count_visit, &whole, &error),
             CODE_OK);
    CHECK_EQ(whole, 20);
    for (int i = 0; i < 3000; i++) {
        size_t at = (size_t)choose_between(&choices, FRAME_PAGE_BYTES, bytes - 1);
        uint8_t old = image[at];
        uint64_t count = 0;
        image[at] ^= (uint8_t)choose_between(&choices, 1, 255);
        enum code code =
            wal_decode_segment(slice_of(image, bytes), &memory, count_visit, &count, &error);
        CHECK(code == CODE_OK && count <= whole);
        CHECK(count >= (at - FRAME_PAGE_BYTES) / FRAME_PAGE_BYTES);
        less += count < whole;
        image[at] = old;
        size_t cut = (size_t)choose(&choices, bytes);
        code = wal_decode_segment(slice_of(image, cut), &memory, count_visit, &count, &error);
        CHECK(code == CODE_OK || code == CODE_CORRUPT);
    }
    CHECK(less > 50);
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(a_header_has_the_bytes_that_the_format_says),
        CASE(a_header_comes_back_as_it_was), CASE(a_header_with_any_bit_flipped_is_refused),
        CASE(a_newer_format_is_named_as_such), CASE(a_header_that_contradicts_itself_is_refused),
        CASE(a_claim_that_all_lsns_are_durable_is_not_taken_for_none),
        CASE(names_are_read_as_they_are_written), CASE(any_bytes_give_entries_up_to_the_damage));
}
