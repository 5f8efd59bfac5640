#include "storage/key.h"

#include "base/choices.h"
#include "harness/test.h"

enum { PROPERTY_STEPS = 20000 };

struct parts {
    uint64_t id;
    uint8_t tag;
    uint8_t suffix[6];
    size_t suffix_bytes;
};

/* Ids near each other and near powers of 256, so that every byte decides somewhere. */
static uint64_t draw_id(struct choices *choices)
{
    uint64_t id = choose(choices, 3);
    unsigned shift = (unsigned)choose(choices, 63);
    return choose_one_in(choices, 2) ? id : (UINT64_C(1) << shift) - 2 + id;
}

static struct parts draw_parts(struct choices *choices)
{
    static const enum key_tag tags[] = {TAG_BEHAVIOUR, TAG_ENTITY, TAG_EDGE, TAG_LEDGER};
    static const uint8_t symbols[] = {0x00, 0xff, 'e'};
    struct parts parts = {.id = draw_id(choices), .tag = (uint8_t)tags[choose(choices, 3)]};
    parts.suffix_bytes = (size_t)choose(choices, sizeof parts.suffix);
    for (size_t i = 0; i < parts.suffix_bytes; i++)
        parts.suffix[i] = symbols[choose(choices, 2)];
    return parts;
}

static struct key key_of(const struct parts *parts)
{
    return key_build(parts->id, (enum key_tag)parts->tag,
                     slice_of(parts->suffix, parts->suffix_bytes));
}

static int compare_parts(const struct parts *a, const struct parts *b)
{
    if (a->id != b->id) return a->id < b->id ? -1 : 1;
    if (a->tag != b->tag) return a->tag < b->tag ? -1 : 1;
    int order =
        slice_compare(slice_of(a->suffix, a->suffix_bytes), slice_of(b->suffix, b->suffix_bytes));
    return (order > 0) - (order < 0);
}

static void a_key_is_parsed_to_what_it_was_built_of(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, 1, NULL);
    for (int i = 0; i < PROPERTY_STEPS; i++) {
        struct parts parts = draw_parts(&choices);
        struct key key = key_of(&parts);
        struct slice suffix;
        uint64_t id;
        uint8_t tag;
        CHECK_EQ(key.count, KEY_HEAD_BYTES + parts.suffix_bytes);
        CHECK(key_parse(key_slice(&key), &id, &tag, &suffix));
        CHECK(id == parts.id && tag == parts.tag);
        CHECK(slice_equal(suffix, slice_of(parts.suffix, parts.suffix_bytes)));
    }
}

static void byte_order_is_the_order_of_ids_then_tags_then_suffixes(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, 2, NULL);
    for (int i = 0; i < PROPERTY_STEPS; i++) {
        struct parts a = draw_parts(&choices), b = draw_parts(&choices);
        struct key key_a = key_of(&a), key_b = key_of(&b);
        int order = slice_compare(key_slice(&key_a), key_slice(&key_b));
        CHECK_EQ((order > 0) - (order < 0), compare_parts(&a, &b));
    }
}

static bool in_range(struct slice key, struct key_range range)
{
    return slice_compare(key, range.lower) >= 0 &&
           (range.upper.bytes == 0 || slice_compare(key, range.upper) < 0);
}

static bool begins_with(struct slice key, struct slice prefix)
{
    return key.bytes >= prefix.bytes && slice_equal(slice_of(key.data, prefix.bytes), prefix);
}

static void the_range_of_an_entity_holds_its_keys_alone(struct test *t)
{
    struct choices choices;
    int inside = 0;
    choices_from_seed(&choices, 3, NULL);
    for (int i = 0; i < PROPERTY_STEPS; i++) {
        struct parts a = draw_parts(&choices), b = draw_parts(&choices);
        struct key key = key_of(&b);
        struct key_bounds bounds;
        bool same = a.id == b.id;
        CHECK_EQ(in_range(key_slice(&key), key_range_of_entity(a.id, &bounds)), same);
        inside += same;
    }
    CHECK(inside > 20);
}

static void the_range_of_a_prefix_holds_what_begins_with_it_alone(struct test *t)
{
    static const uint8_t symbols[] = {0x00, 0xff, 'a'};
    struct choices choices;
    choices_from_seed(&choices, 4, NULL);
    for (int i = 0; i < PROPERTY_STEPS; i++) {
        uint8_t bytes[2][4];
        struct slice slices[2];
        struct key_bounds bounds;
        for (int k = 0; k < 2; k++) {
            slices[k] = slice_of(bytes[k], (size_t)choose(&choices, 4));
            for (size_t j = 0; j < slices[k].bytes; j++)
                bytes[k][j] = symbols[choose(&choices, 2)];
        }
        struct key_range range = key_range_of_prefix(slices[0], &bounds);
        CHECK_EQ(in_range(slices[1], range), begins_with(slices[1], slices[0]));
    }
}

static void a_prefix_of_0xff_alone_has_no_end(struct test *t)
{
    struct key end;
    CHECK_EQ(key_prefix_end(slice_of("\xff\xff", 2), &end).bytes, 0);
    CHECK_EQ(key_prefix_end((struct slice){0}, &end).bytes, 0);
    struct slice after = key_prefix_end(slice_of("a\xff", 2), &end);
    CHECK(slice_equal(after, slice_of("b", 1)));
}

static void what_is_no_key_is_not_parsed(struct test *t)
{
    struct key key = key_build(7, TAG_ENTITY, (struct slice){0});
    struct slice suffix;
    uint64_t id;
    uint8_t tag;
    for (size_t bytes = 0; bytes < KEY_HEAD_BYTES; bytes++)
        CHECK(!key_parse(slice_of(key.bytes, bytes), &id, &tag, &suffix));
    key.bytes[8] = 1;
    CHECK(!key_parse(key_slice(&key), &id, &tag, &suffix));
}

static void the_longest_suffix_fits(struct test *t)
{
    uint8_t suffix[KEY_BYTES_MAXIMUM - KEY_HEAD_BYTES];
    struct key_bounds bounds;
    memset(suffix, 0xff, sizeof suffix);
    struct key key = key_build(UINT64_MAX, TAG_LEDGER, slice_of(suffix, sizeof suffix));
    CHECK_EQ(key.count, KEY_BYTES_MAXIMUM);
    struct key_range range = key_range_of_prefix(key_slice(&key), &bounds);
    CHECK_EQ(range.upper.bytes, KEY_HEAD_BYTES);
    CHECK_EQ(range.upper.data[9], TAG_LEDGER + 1);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_key_is_parsed_to_what_it_was_built_of),
               CASE(byte_order_is_the_order_of_ids_then_tags_then_suffixes),
               CASE(the_range_of_an_entity_holds_its_keys_alone),
               CASE(the_range_of_a_prefix_holds_what_begins_with_it_alone),
               CASE(a_prefix_of_0xff_alone_has_no_end), CASE(what_is_no_key_is_not_parsed),
               CASE(the_longest_suffix_fits));
}
