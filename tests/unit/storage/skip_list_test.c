#include "storage/skip_list.h"

#include "base/choices.h"
#include "harness/test.h"

enum { KEYS = 600, STEPS = 40000 };

/* The oracle: the value of each key, whose order is that of its number. */
struct oracle {
    bool present[KEYS];
    uint8_t value_bytes[KEYS];
};

static struct slice key_of(uint32_t number, uint8_t bytes[8])
{
    /* A key of every length from 1 to 8; big-endian, so that bytes are in order of numbers. */
    size_t count = 4 + number % 5;
    memset(bytes, 0, 8);
    store_u64_be(bytes, (uint64_t)number << 32);
    return slice_of(bytes, count);
}

static bool agrees(const struct skip_list *list, const struct oracle *oracle, uint32_t from)
{
    uint8_t bytes[8];
    size_t count = 0, total = 0;
    const struct skip_node *node = skip_list_seek(list, key_of(from, bytes));
    for (uint32_t i = 0; i < KEYS; i++) {
        if (!oracle->present[i]) continue;
        struct slice key = key_of(i, bytes);
        count++;
        total += key.bytes + oracle->value_bytes[i];
        if (i < from) continue;
        if (!node || !slice_equal(skip_node_key(node), key) ||
            skip_node_value(node).bytes != oracle->value_bytes[i])
            return false;
        node = node->next[0];
    }
    return !node && list->count == count && list->bytes == total;
}

/* Each level is a part of the one below, in order. */
static bool levels_are_sound(const struct skip_list *list)
{
    size_t above = 0;
    for (int level = SKIP_LIST_LEVELS - 1; level >= 0; level--) {
        size_t count = 0;
        for (const struct skip_node *node = list->first[level]; node; node = node->next[level]) {
            const struct skip_node *next = node->next[level];
            if ((int)node->level_count <= level) return false;
            if (next && slice_compare(skip_node_key(node), skip_node_key(next)) >= 0) return false;
            count++;
        }
        if (count < above) return false;
        above = count;
    }
    return above == list->count;
}

static void random_puts_and_removals_agree_with_an_array(struct test *t)
{
    static struct oracle oracle;
    struct memory memory;
    struct skip_list list;
    struct choices choices;
    uint8_t bytes[8], value[255] = {0};
    memory_init(&memory, 0);
    skip_list_init(&list, &memory);
    choices_from_seed(&choices, 71, NULL);
    for (int i = 0; i < STEPS; i++) {
        uint32_t number = (uint32_t)choose(&choices, KEYS - 1);
        if (choose_one_in(&choices, 2)) {
            CHECK_EQ(skip_list_remove(&list, key_of(number, bytes)), oracle.present[number]);
            oracle.present[number] = false;
        } else {
            oracle.value_bytes[number] = (uint8_t)choose(&choices, 255);
            oracle.present[number] = true;
            CHECK(skip_list_put(&list, key_of(number, bytes),
                                slice_of(value, oracle.value_bytes[number])));
        }
        if (i % 20 != 0) continue;
        CHECK(agrees(&list, &oracle, (uint32_t)choose(&choices, KEYS - 1)));
        CHECK(levels_are_sound(&list));
    }
    CHECK(list.first[2]); /* there are levels at all */
    skip_list_release(&list);
    CHECK(!skip_list_seek(&list, (struct slice){0}));
    memory_release(&memory);
}

static void a_node_that_is_prepared_changes_nothing_until_it_is_placed(struct test *t)
{
    struct memory memory;
    struct skip_list list;
    struct slice key = slice_of("k", 1);
    memory_init(&memory, 0);
    skip_list_init(&list, &memory);
    CHECK(skip_list_put(&list, key, slice_of("old", 3)));
    struct skip_node *placed = skip_list_prepare(&list, key, slice_of("longer", 6));
    struct skip_node *discarded = skip_list_prepare(&list, slice_of("x", 1), slice_of("y", 1));
    CHECK(placed && discarded);
    CHECK_EQ(list.count, 1);
    CHECK(slice_equal(skip_node_value(skip_list_seek(&list, key)), slice_of("old", 3)));
    memory.fail_at_call = atomic_load(&memory.call_count) + 1;
    memory.fail_from_then_on = true;
    skip_list_place(&list, placed);
    skip_list_discard(&list, discarded);
    CHECK_EQ(list.count, 1);
    CHECK_EQ(list.bytes, 7);
    CHECK(slice_equal(skip_node_value(skip_list_seek(&list, key)), slice_of("longer", 6)));
    CHECK(!skip_list_put(&list, key, slice_of("z", 1)));
    CHECK(slice_equal(skip_node_value(skip_list_seek(&list, key)), slice_of("longer", 6)));
    skip_list_release(&list);
    memory_release(&memory);
}

static void no_memory_for_the_node_gives_its_value_back(struct test *t)
{
    struct memory memory;
    struct skip_list list;
    memory_init(&memory, 0);
    skip_list_init(&list, &memory);
    for (unsigned n = 1; n <= 2; n++) {
        memory.fail_at_call = atomic_load(&memory.call_count) + n;
        CHECK(!skip_list_prepare(&list, slice_of("k", 1), slice_of("v", 1)));
        CHECK_EQ(atomic_load(&memory.used_bytes), 0);
    }
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(random_puts_and_removals_agree_with_an_array),
               CASE(a_node_that_is_prepared_changes_nothing_until_it_is_placed),
               CASE(no_memory_for_the_node_gives_its_value_back));
}
