#include "base/bitset.h"

#include "base/choices.h"
#include "harness/test.h"

enum { BITS = 300, STEPS = 20000 };

/* Two sets and two arrays of truths. */
struct world {
    struct memory memory;
    struct bitset sets[2];
    bool truth[2][BITS];
};

static bool agrees(const struct world *world, int which)
{
    const struct bitset *set = &world->sets[which];
    uint64_t count = 0;
    uint32_t next = UINT32_MAX;
    for (uint32_t bit = BITS; bit-- > 0;) {
        count += world->truth[which][bit];
        if (world->truth[which][bit]) next = bit;
        if (bitset_has(set, bit) != world->truth[which][bit]) return false;
        if (bitset_next(set, bit) != next) return false;
    }
    return bitset_count(set) == count && bitset_next(set, BITS) == UINT32_MAX;
}

static bool combine(struct world *world, int which, uint64_t how)
{
    struct bitset *set = &world->sets[which];
    const struct bitset *other = &world->sets[!which];
    bool *truth = world->truth[which], ok = true;
    const bool *others = world->truth[!which];
    if (how == 0) ok = bitset_or(set, other);
    if (how == 1) bitset_and(set, other);
    if (how == 2) bitset_and_not(set, other);
    for (int i = 0; i < BITS; i++)
        truth[i] = how == 0   ? truth[i] || others[i]
                   : how == 1 ? truth[i] && others[i]
                              : truth[i] && !others[i];
    return ok;
}

static bool step(struct world *world, struct choices *choices)
{
    int which = (int)choose(choices, 1);
    struct bitset *set = &world->sets[which];
    /* Sets of different lengths meet more often if most bits are low. */
    uint32_t bit = (uint32_t)choose(choices, choose_one_in(choices, 10) ? BITS - 1 : 150);
    uint64_t kind = choose(choices, 95);
    if (kind < 60) {
        world->truth[which][bit] = true;
        return bitset_set(set, bit);
    }
    if (kind < 80) {
        world->truth[which][bit] = false;
        bitset_unset(set, bit);
        return true;
    }
    if (kind < 95) return combine(world, which, kind % 3);
    bitset_release(set);
    memset(world->truth[which], 0, BITS);
    return true;
}

static void random_steps_agree_with_arrays_of_truths(struct test *t)
{
    static struct world world;
    struct choices choices;
    memory_init(&world.memory, 0);
    for (int i = 0; i < 2; i++)
        bitset_init(&world.sets[i], &world.memory);
    choices_from_seed(&choices, 13, NULL);
    for (int i = 0; i < STEPS; i++) {
        CHECK(step(&world, &choices));
        CHECK(agrees(&world, 0) && agrees(&world, 1));
    }
    for (int i = 0; i < 2; i++)
        bitset_release(&world.sets[i]);
    memory_release(&world.memory);
}

static void an_empty_set_answers_for_every_number(struct test *t)
{
    struct memory memory;
    struct bitset set, other;
    memory_init(&memory, 0);
    bitset_init(&set, &memory);
    bitset_init(&other, &memory);
    CHECK(!bitset_has(&set, 0));
    CHECK(!bitset_has(&set, UINT32_MAX));
    CHECK(bitset_next(&set, 0) == UINT32_MAX);
    CHECK(bitset_next(&set, UINT32_MAX) == UINT32_MAX);
    bitset_unset(&set, UINT32_MAX);
    CHECK(bitset_or(&set, &other));
    bitset_and(&set, &other);
    bitset_and_not(&set, &other);
    CHECK_EQ(bitset_count(&set), 0);
    CHECK_EQ(atomic_load(&memory.used_bytes), 0);
    bitset_release(&set);
    memory_release(&memory);
}

static void growth_without_memory_changes_nothing(struct test *t)
{
    struct memory memory;
    struct bitset set, longer;
    memory_init(&memory, 0);
    bitset_init(&set, &memory);
    bitset_init(&longer, &memory);
    CHECK(bitset_set(&set, 5));
    CHECK(bitset_set(&longer, 100000));
    memory.fail_at_call = atomic_load(&memory.call_count) + 1;
    memory.fail_from_then_on = true;
    CHECK(!bitset_set(&set, 100000));
    CHECK(!bitset_or(&set, &longer));
    CHECK_EQ(bitset_count(&set), 1);
    CHECK(bitset_has(&set, 5));
    CHECK(bitset_or(&longer, &set));
    CHECK_EQ(bitset_count(&longer), 2);
    bitset_release(&set);
    bitset_release(&longer);
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(random_steps_agree_with_arrays_of_truths),
               CASE(an_empty_set_answers_for_every_number),
               CASE(growth_without_memory_changes_nothing));
}
