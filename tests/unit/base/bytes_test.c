#include "base/bytes.h"

#include "base/choices.h"
#include "harness/test.h"

#include <stdlib.h>

enum { PROPERTY_STEPS = 20000 };

static void slices_compare_as_memcmp_with_a_prefix_first(struct test *t)
{
    CHECK(slice_compare(slice_of("a", 1), slice_of("b", 1)) < 0);
    CHECK(slice_compare(slice_of("\xff", 1), slice_of("b", 1)) > 0);
    CHECK(slice_compare(slice_of("a", 1), slice_of("ab", 2)) < 0);
    CHECK(slice_compare(slice_of("b", 1), slice_of("ab", 2)) > 0);
    CHECK_EQ(slice_compare(slice_of("ab", 2), slice_of("ab", 2)), 0);
    CHECK(slice_compare((struct slice){0}, slice_of("", 1)) < 0);
    CHECK_EQ(slice_compare((struct slice){0}, slice_of("x", 0)), 0);
    CHECK(slice_equal((struct slice){0}, slice_of("x", 0)));
    CHECK(!slice_equal(slice_of("a", 1), slice_of("ab", 2)));
}

/* Reads back a random record and tells where it differs; true if it does not. */
static bool round_trip(struct choices *choices, struct buffer *buffer)
{
    uint64_t word = choose(choices, UINT64_MAX) >> choose(choices, 63);
    uint64_t high = choose(choices, UINT64_MAX) >> choose(choices, 63);
    __int128 wide = (__int128)((unsigned __int128)high << 64 | word);
    if (choose_one_in(choices, 2)) wide = -wide;
    double number;
    memcpy(&number, &word, sizeof number);
    buffer_clear(buffer);
    buffer_put_u8(buffer, (uint8_t)word);
    buffer_put_u16(buffer, (uint16_t)word);
    buffer_put_u32(buffer, (uint32_t)word);
    buffer_put_u64(buffer, word);
    buffer_put_double(buffer, number);
    buffer_put_varint(buffer, word);
    buffer_put_signed(buffer, (int64_t)word);
    buffer_put_signed(buffer, -(int64_t)(word >> 1));
    buffer_put_signed128(buffer, wide);
    buffer_put_string(buffer, slice_of(&word, 8));
    struct cursor cursor;
    cursor_init(&cursor, buffer_slice(buffer));
    bool same = cursor_u8(&cursor) == (uint8_t)word && cursor_u16(&cursor) == (uint16_t)word &&
                cursor_u32(&cursor) == (uint32_t)word && cursor_u64(&cursor) == word;
    double back = cursor_double(&cursor);
    same = same && memcmp(&back, &number, sizeof back) == 0;
    same = same && cursor_varint(&cursor) == word && cursor_signed(&cursor) == (int64_t)word &&
           cursor_signed(&cursor) == -(int64_t)(word >> 1) && cursor_signed128(&cursor) == wide;
    return same && slice_equal(cursor_string(&cursor), slice_of(&word, 8)) && cursor_done(&cursor);
}

static void what_is_written_is_read_back(struct test *t)
{
    struct memory memory;
    struct buffer buffer;
    struct choices choices;
    memory_init(&memory, 0);
    buffer_init(&buffer, &memory, 1024);
    choices_from_seed(&choices, 3, NULL);
    for (int i = 0; i < PROPERTY_STEPS; i++)
        CHECK(round_trip(&choices, &buffer));
    CHECK(!buffer.failed);
    buffer_release(&buffer);
    memory_release(&memory);
}

static void fixed_numbers_lie_as_their_names_say(struct test *t)
{
    struct memory memory;
    struct buffer buffer;
    memory_init(&memory, 0);
    buffer_init(&buffer, &memory, 64);
    buffer_put_u16(&buffer, 0x0102);
    buffer_put_u32(&buffer, 0x01020304);
    buffer_put_u64(&buffer, 1);
    buffer_put_u64(&buffer, 0);
    store_u64_be(buffer.data + 14, 1);
    buffer_put_double(&buffer, 1.0);
    static const uint8_t expected[] = {2, 1, 4, 3, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0,    0,
                                       0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f};
    CHECK(slice_equal(buffer_slice(&buffer), slice_of(expected, sizeof expected)));
    CHECK_EQ(load_u16(buffer.data), 0x0102);
    CHECK_EQ(load_u32(buffer.data + 2), 0x01020304);
    CHECK_EQ(load_u64(buffer.data + 6), 1);
    CHECK_EQ(load_u64_be(buffer.data + 14), 1);
    buffer_release(&buffer);
    memory_release(&memory);
}

static void a_varint_is_as_short_as_its_number_allows(struct test *t)
{
    struct memory memory;
    struct buffer buffer;
    memory_init(&memory, 0);
    buffer_init(&buffer, &memory, 64);
    for (unsigned bits = 0; bits <= 64; bits++) {
        uint64_t number = bits == 0 ? 0 : UINT64_MAX >> (64 - bits);
        buffer_clear(&buffer);
        buffer_put_varint(&buffer, number);
        CHECK_EQ(buffer.bytes, bits == 0 ? 1 : (bits + 6) / 7);
    }
    for (int64_t number = -64; number < 64; number++) {
        buffer_clear(&buffer);
        buffer_put_signed(&buffer, number);
        CHECK_EQ(buffer.bytes, 1);
    }
    buffer_release(&buffer);
    memory_release(&memory);
}

static bool varint_accepted(const uint8_t *bytes, size_t count, bool wide)
{
    struct cursor cursor;
    cursor_init(&cursor, slice_of(bytes, count));
    if (wide) {
        (void)cursor_signed128(&cursor);
    } else {
        (void)cursor_varint(&cursor);
    }
    return cursor_done(&cursor);
}

static void only_the_shortest_form_of_a_varint_is_read(struct test *t)
{
    uint8_t bytes[20];
    for (size_t count = 1; count < sizeof bytes; count++) {
        memset(bytes, 0x80, sizeof bytes);
        bytes[count] = 0; /* a zero byte at the end says nothing */
        CHECK(!varint_accepted(bytes, count + 1, false));
        CHECK(!varint_accepted(bytes, count + 1, true));
        CHECK(!varint_accepted(bytes, count, false)); /* ends early */
        bytes[count] = 1;
        CHECK_EQ(varint_accepted(bytes, count + 1, false), count <= 9);
        CHECK_EQ(varint_accepted(bytes, count + 1, true), count <= 18);
    }
    memset(bytes, 0xff, sizeof bytes);
    bytes[9] = 1;
    CHECK(varint_accepted(bytes, 10, false));
    bytes[9] = 2; /* beyond 64 bits */
    CHECK(!varint_accepted(bytes, 10, false));
    bytes[9] = 0xff;
    bytes[18] = 3;
    CHECK(varint_accepted(bytes, 19, true));
    bytes[18] = 4; /* beyond 128 bits */
    CHECK(!varint_accepted(bytes, 19, true));
}

static void bytes_that_are_read_as_a_varint_are_its_encoding(struct test *t)
{
    struct memory memory;
    struct buffer buffer;
    struct choices choices;
    int accepted = 0;
    memory_init(&memory, 0);
    buffer_init(&buffer, &memory, 64);
    choices_from_seed(&choices, 8, NULL);
    for (int i = 0; i < PROPERTY_STEPS; i++) {
        uint8_t bytes[12];
        struct cursor cursor;
        for (size_t j = 0; j < sizeof bytes; j++)
            bytes[j] = (uint8_t)choose(&choices, choose_one_in(&choices, 3) ? 3 : 255);
        cursor_init(&cursor, slice_of(bytes, sizeof bytes));
        uint64_t number = cursor_varint(&cursor);
        if (cursor.failed) continue;
        accepted++;
        buffer_clear(&buffer);
        buffer_put_varint(&buffer, number);
        CHECK(slice_equal(buffer_slice(&buffer), slice_of(bytes, (size_t)(cursor.at - bytes))));
    }
    CHECK(accepted > PROPERTY_STEPS / 4);
    buffer_release(&buffer);
    memory_release(&memory);
}

/* One read of a random kind; how many bytes it needs at least. */
static void read_anything(struct choices *choices, struct cursor *cursor)
{
    switch (choose(choices, 8)) {
    case 0:
        (void)cursor_u8(cursor);
        break;
    case 1:
        (void)cursor_u16(cursor);
        break;
    case 2:
        (void)cursor_u32(cursor);
        break;
    case 3:
        (void)cursor_u64(cursor);
        break;
    case 4:
        (void)cursor_double(cursor);
        break;
    case 5:
        (void)cursor_signed(cursor);
        break;
    case 6:
        (void)cursor_signed128(cursor);
        break;
    case 7:
        (void)cursor_bytes(cursor, (size_t)choose(choices, 20));
        break;
    default:
        (void)cursor_string(cursor);
        break;
    }
}

static void no_cursor_reads_past_its_end(struct test *t)
{
    struct choices choices;
    int failures = 0;
    choices_from_seed(&choices, 4, NULL);
    for (int i = 0; i < PROPERTY_STEPS; i++) {
        /* Of the very size, so that a sanitizer sees the first byte beyond. */
        size_t count = (size_t)choose(&choices, 40);
        uint8_t *bytes = malloc(count + (count == 0));
        CHECK(bytes);
        for (size_t j = 0; j < count; j++)
            bytes[j] = (uint8_t)choose(&choices, 255);
        struct cursor cursor;
        cursor_init(&cursor, slice_of(bytes, count));
        for (int reads = 0; reads < 12 && !cursor.failed; reads++)
            read_anything(&choices, &cursor);
        bool inside = cursor.at >= bytes && cursor.at <= bytes + count;
        failures += cursor.failed;
        free(bytes);
        CHECK(inside);
    }
    CHECK(failures > PROPERTY_STEPS / 2);
}

static void a_cursor_that_failed_gives_zero_and_stays_failed(struct test *t)
{
    struct cursor cursor;
    cursor_init(&cursor, slice_of("abc", 3));
    CHECK_EQ(cursor_u32(&cursor), 0);
    CHECK(cursor.failed);
    CHECK_EQ(cursor_u8(&cursor), 0);
    CHECK_EQ(cursor_varint(&cursor), 0);
    CHECK(!cursor_string(&cursor).data);
    CHECK_EQ(cursor_left(&cursor), 3);
    CHECK(!cursor_done(&cursor));
    cursor_init(&cursor, (struct slice){0});
    CHECK(cursor_done(&cursor));
    CHECK_EQ(cursor_bytes(&cursor, 0).bytes, 0);
    CHECK(cursor_done(&cursor));
    CHECK_EQ(cursor_u8(&cursor), 0);
    CHECK(cursor.failed);
}

static void a_string_longer_than_what_is_left_is_refused(struct test *t)
{
    static const uint8_t too_long[] = {4, 'a', 'b', 'c'};
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 'a'};
    struct cursor cursor;
    cursor_init(&cursor, slice_of(too_long, sizeof too_long));
    CHECK_EQ(cursor_string(&cursor).bytes, 0);
    CHECK(cursor.failed);
    cursor_init(&cursor, slice_of(huge, sizeof huge));
    CHECK_EQ(cursor_string(&cursor).bytes, 0);
    CHECK(cursor.failed);
}

static void a_buffer_fills_to_its_maximum_and_then_fails(struct test *t)
{
    struct memory memory;
    struct buffer buffer;
    memory_init(&memory, 0);
    buffer_init(&buffer, &memory, 100);
    for (int i = 0; i < 25; i++)
        buffer_put_u32(&buffer, (uint32_t)i);
    CHECK(!buffer.failed);
    CHECK_EQ(buffer.bytes, 100);
    CHECK_EQ(buffer.capacity, 100);
    buffer_append(&buffer, NULL, 0);
    CHECK(!buffer.failed);
    buffer_put_u8(&buffer, 1);
    CHECK(buffer.failed);
    CHECK_EQ(buffer.bytes, 100);
    buffer_clear(&buffer);
    CHECK(!buffer.failed);
    buffer_put_u8(&buffer, 1);
    CHECK_EQ(buffer.bytes, 1);
    buffer_append(&buffer, "x", SIZE_MAX);
    CHECK(buffer.failed);
    buffer_put_u8(&buffer, 1);
    CHECK_EQ(buffer.bytes, 1);
    buffer_release(&buffer);
    CHECK_EQ(buffer.bytes, 0);
    memory_release(&memory);
}

static void a_buffer_without_memory_fails_and_keeps_its_bytes(struct test *t)
{
    struct memory memory;
    struct buffer buffer;
    memory_init(&memory, 0);
    buffer_init(&buffer, &memory, 1 << 20);
    buffer_append(&buffer, "kept", 4);
    memory.fail_at_call = atomic_load(&memory.call_count) + 1;
    for (int i = 0; i < 100; i++)
        buffer_put_u64(&buffer, 1);
    CHECK(buffer.failed);
    CHECK(memcmp(buffer.data, "kept", 4) == 0);
    buffer_release(&buffer);
    memory_release(&memory);
}

static void formatted_text_of_any_length_is_appended_without_its_nul(struct test *t)
{
    struct memory memory;
    struct buffer buffer;
    memory_init(&memory, 0);
    buffer_init(&buffer, &memory, 1200);
    for (int width = 500; width < 530; width++) {
        buffer_clear(&buffer);
        buffer_append(&buffer, "<", 1);
        buffer_printf(&buffer, "%*d", width, 7);
        buffer_append(&buffer, ">", 1);
        CHECK(!buffer.failed);
        CHECK_EQ(buffer.bytes, (size_t)width + 2);
        CHECK_EQ(buffer.data[width], '7');
        CHECK_EQ(buffer.data[width + 1], '>');
    }
    buffer_clear(&buffer);
    buffer_printf(&buffer, "%1200d", 7);
    CHECK(!buffer.failed);
    CHECK_EQ(buffer.bytes, 1200);
    buffer_clear(&buffer);
    buffer_printf(&buffer, "%1201d", 7);
    CHECK(buffer.failed);
    CHECK_EQ(buffer.bytes, 0);
    buffer_release(&buffer);
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(slices_compare_as_memcmp_with_a_prefix_first),
               CASE(what_is_written_is_read_back), CASE(fixed_numbers_lie_as_their_names_say),
               CASE(a_varint_is_as_short_as_its_number_allows),
               CASE(only_the_shortest_form_of_a_varint_is_read),
               CASE(bytes_that_are_read_as_a_varint_are_its_encoding),
               CASE(no_cursor_reads_past_its_end),
               CASE(a_cursor_that_failed_gives_zero_and_stays_failed),
               CASE(a_string_longer_than_what_is_left_is_refused),
               CASE(a_buffer_fills_to_its_maximum_and_then_fails),
               CASE(a_buffer_without_memory_fails_and_keeps_its_bytes),
               CASE(formatted_text_of_any_length_is_appended_without_its_nul));
}
