#include "base/string_map.h"

#include "base/choices.h"
#include "base/hash.h"
#include "harness/test.h"

enum { STRINGS = 3000, STEPS = 20000, TEXT_BYTES = 6 };

struct text {
    uint8_t bytes[TEXT_BYTES];
    size_t count;
};

static struct text draw(struct choices *choices)
{
    struct text text = {.count = (size_t)choose(choices, TEXT_BYTES)};
    for (size_t i = 0; i < text.count; i++)
        text.bytes[i] = (uint8_t)(choose_one_in(choices, 2) ? choose(choices, 255) : 0);
    return text;
}

static void codes_follow_the_order_of_first_interning(struct test *t)
{
    static struct text known[STRINGS];
    struct memory memory;
    struct string_map map;
    struct choices choices;
    uint32_t count = 0;
    memory_init(&memory, 0);
    string_map_init(&map, &memory);
    choices_from_seed(&choices, 12, NULL);
    for (int step = 0; step < STEPS && count < STRINGS; step++) {
        struct text text = draw(&choices);
        struct slice slice = slice_of(text.bytes, text.count);
        uint32_t expected = 0;
        while (expected < count &&
               !slice_equal(slice_of(known[expected].bytes, known[expected].count), slice))
            expected++;
        CHECK(string_map_find(&map, slice) == (expected < count ? expected : STRING_MAP_ABSENT));
        if (choose_one_in(&choices, 4)) continue;
        CHECK_EQ(string_map_intern(&map, slice), expected);
        if (expected == count) known[count++] = text;
        CHECK_EQ(map.count, count);
        CHECK(slice_equal(string_map_get(&map, expected), slice));
    }
    CHECK(count > STRINGS / 2);
    for (uint32_t i = 0; i < count; i++)
        CHECK(slice_equal(string_map_get(&map, i), slice_of(known[i].bytes, known[i].count)));
    CHECK_EQ(string_map_bytes(&map), atomic_load(&memory.used_bytes));
    string_map_release(&map);
    memory_release(&memory);
}

static void an_empty_string_is_a_string(struct test *t)
{
    struct memory memory;
    struct string_map map;
    memory_init(&memory, 0);
    string_map_init(&map, &memory);
    CHECK(string_map_find(&map, (struct slice){0}) == STRING_MAP_ABSENT);
    CHECK_EQ(string_map_intern(&map, (struct slice){0}), 0);
    CHECK_EQ(string_map_intern(&map, slice_of("", 1)), 1);
    CHECK_EQ(string_map_intern(&map, slice_of("x", 0)), 0);
    CHECK(string_map_get(&map, 0).data);
    string_map_release(&map);
    memory_release(&memory);
}

static void strings_are_copied_and_stay_where_they_are(struct test *t)
{
    struct memory memory;
    struct string_map map;
    char text[] = "abc";
    memory_init(&memory, 0);
    string_map_init(&map, &memory);
    CHECK_EQ(string_map_intern(&map, slice_of(text, 3)), 0);
    struct slice first = string_map_get(&map, 0);
    text[0] = 'x';
    for (uint32_t i = 1; i < 200; i++)
        CHECK_EQ(string_map_intern(&map, slice_of(&i, sizeof i)), i);
    CHECK(slice_equal(first, slice_of("abc", 3)));
    CHECK(string_map_get(&map, 0).data == first.data);
    CHECK_EQ(string_map_intern(&map, first), 0);
    string_map_release(&map);
    memory_release(&memory);
}

static void a_string_is_found_by_its_hash(struct test *t)
{
    struct memory memory;
    struct string_map map;
    memory_init(&memory, 0);
    string_map_init(&map, &memory);
    CHECK(string_map_find_hash(&map, 5) == STRING_MAP_ABSENT);
    for (uint32_t i = 0; i < STRINGS; i++)
        CHECK_EQ(string_map_intern(&map, slice_of(&i, sizeof i)), i);
    for (uint32_t i = 0; i < 2 * STRINGS; i++) {
        uint32_t code = string_map_find_hash(&map, hash_bytes(&i, sizeof i));
        CHECK_EQ(code, i < STRINGS ? i : STRING_MAP_ABSENT);
    }
    string_map_release(&map);
    memory_release(&memory);
}

/* Rows hold hashes of keywords: they must never become others. */
static void hashes_are_what_rows_hold(struct test *t)
{
    CHECK(hash_bytes("", 0) == UINT64_C(0xe220a8397b1dcdaf));
    CHECK(hash_bytes("jazz", 4) == UINT64_C(0xcb11b433d74369b5));
    CHECK(hash_bytes("electronica", 11) == UINT64_C(0xc84c2b2dcfcd74da));
}

static void interning_without_memory_changes_nothing(struct test *t)
{
    struct memory memory;
    struct string_map map;
    int refused = 0;
    memory_init(&memory, 0);
    string_map_init(&map, &memory);
    for (uint32_t i = 0; i < 300; i++) {
        struct slice text = slice_of(&i, sizeof i);
        for (unsigned failing = 1;; failing++) {
            memory.fail_at_call = atomic_load(&memory.call_count) + failing;
            uint32_t code = string_map_intern(&map, text);
            if (code == i) break;
            CHECK(code == STRING_MAP_ABSENT);
            CHECK(string_map_find(&map, text) == STRING_MAP_ABSENT);
            CHECK_EQ(map.count, i);
            for (uint32_t j = 0; j < i; j++)
                CHECK_EQ(string_map_find(&map, slice_of(&j, sizeof j)), j);
            refused++;
        }
    }
    CHECK(refused >= 300);
    string_map_release(&map);
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(codes_follow_the_order_of_first_interning),
               CASE(an_empty_string_is_a_string), CASE(strings_are_copied_and_stay_where_they_are),
               CASE(a_string_is_found_by_its_hash), CASE(hashes_are_what_rows_hold),
               CASE(interning_without_memory_changes_nothing));
}
