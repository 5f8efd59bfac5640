#include "base/id_map.h"

#include "base/choices.h"
#include "base/hash.h"
#include "harness/test.h"

/* The oracle: values by key, for keys that are given by a small number. */
enum { KEYS = 400, STEPS = 200000 };

struct oracle {
    bool present[KEYS];
    uint64_t values[KEYS];
    size_t count;
};

/* Zero, the largest, small ones, and ones that share their low bits. */
static uint64_t key_of(uint64_t number)
{
    if (number == 0) return 0;
    if (number == 1) return UINT64_MAX;
    return number % 2 == 0 ? number : number << 40;
}

static bool agrees(const struct id_map *map, const struct oracle *oracle)
{
    for (uint64_t number = 0; number < KEYS; number++) {
        const uint64_t *value = id_map_find(map, key_of(number));
        if ((value != NULL) != oracle->present[number]) return false;
        if (value && *value != oracle->values[number]) return false;
    }
    return map->count == oracle->count;
}

static bool step(struct id_map *map, struct oracle *oracle, struct choices *choices)
{
    uint64_t number = choose(choices, KEYS - 1), value = choose(choices, UINT64_MAX);
    bool present = oracle->present[number];
    uint64_t *found = id_map_find(map, key_of(number));
    if ((found != NULL) != present || (found && *found != oracle->values[number])) return false;
    if (choose_one_in(choices, 2)) {
        if (id_map_remove(map, key_of(number)) != present) return false;
        oracle->count -= present;
        oracle->present[number] = false;
        return !id_map_find(map, key_of(number));
    }
    oracle->present[number] = true;
    oracle->values[number] = value;
    oracle->count += !present;
    return id_map_put(map, key_of(number), value);
}

static void random_puts_and_removals_agree_with_an_array(struct test *t)
{
    static struct oracle oracle;
    struct memory memory;
    struct id_map map;
    struct choices choices;
    memory_init(&memory, 0);
    id_map_init(&map, &memory);
    choices_from_seed(&choices, 6, NULL);
    for (int i = 0; i < STEPS; i++) {
        CHECK(step(&map, &oracle, &choices));
        CHECK_EQ(map.count, oracle.count);
        if (i % 100 == 0) CHECK(agrees(&map, &oracle));
    }
    CHECK_EQ(id_map_bytes(&map), atomic_load(&memory.used_bytes));
    id_map_release(&map);
    memory_release(&memory);
}

static void an_empty_map_finds_and_removes_nothing(struct test *t)
{
    struct memory memory;
    struct id_map map;
    memory_init(&memory, 0);
    id_map_init(&map, &memory);
    CHECK(!id_map_find(&map, 0));
    CHECK(!id_map_remove(&map, 0));
    CHECK_EQ(id_map_bytes(&map), 0);
    CHECK(id_map_put(&map, 0, 5));
    CHECK(id_map_remove(&map, 0));
    CHECK(!id_map_find(&map, 0));
    id_map_release(&map);
    id_map_release(&map);
    memory_release(&memory);
}

static void a_value_is_writable_in_place(struct test *t)
{
    struct memory memory;
    struct id_map map;
    memory_init(&memory, 0);
    id_map_init(&map, &memory);
    CHECK(id_map_put(&map, 9, 1));
    *id_map_find(&map, 9) = 2;
    CHECK_EQ(*id_map_find(&map, 9), 2);
    CHECK_EQ(map.count, 1);
    id_map_release(&map);
    memory_release(&memory);
}

static void a_put_without_memory_changes_nothing(struct test *t)
{
    struct memory memory;
    struct id_map map;
    memory_init(&memory, 0);
    id_map_init(&map, &memory);
    uint64_t refused = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        for (int failing = 2; failing >= 0; failing--) {
            memory.fail_at_call =
                failing > 0 ? atomic_load(&memory.call_count) + (unsigned)failing : 0;
            if (id_map_put(&map, i, i * 3)) break;
            refused++;
            CHECK_EQ(map.count, i);
            CHECK(!id_map_find(&map, i));
            for (uint64_t j = 0; j < i; j++)
                CHECK_EQ(*id_map_find(&map, j), j * 3);
        }
    }
    CHECK(refused >= 10);
    id_map_release(&map);
    memory_release(&memory);
}

static void removal_closes_runs_that_go_round_the_end(struct test *t)
{
    /* Keys whose home is the last slot of a table of sixteen, so that the run wraps. */
    uint64_t keys[6];
    size_t count = 0;
    for (uint64_t key = 0; count < 6; key++)
        if ((hash_u64(key) & 15) >= 14) keys[count++] = key;
    for (size_t removed = 0; removed < 6; removed++) {
        struct memory memory;
        struct id_map map;
        memory_init(&memory, 0);
        id_map_init(&map, &memory);
        for (size_t i = 0; i < 6; i++)
            CHECK(id_map_put(&map, keys[i], i));
        CHECK_EQ(map.capacity, 16);
        CHECK(id_map_remove(&map, keys[removed]));
        for (size_t i = 0; i < 6; i++) {
            const uint64_t *value = id_map_find(&map, keys[i]);
            CHECK_EQ(value != NULL, i != removed);
            if (value) CHECK_EQ(*value, i);
        }
        id_map_release(&map);
        memory_release(&memory);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(random_puts_and_removals_agree_with_an_array),
               CASE(an_empty_map_finds_and_removes_nothing), CASE(a_value_is_writable_in_place),
               CASE(a_put_without_memory_changes_nothing),
               CASE(removal_closes_runs_that_go_round_the_end));
}
