#include "schema/dirty_rows.h"

#include "base/choices.h"
#include "harness/test.h"

enum { STEPS = 5000, ROWS = 40 };

/* How often each row is listed, by a list of its own. */
struct world {
    struct memory memory;
    struct dirty_rows rows;
    unsigned changed[ROWS], sealed[ROWS];
    bool is_sealed;
};

static bool list_agrees(const struct dirty_list *list, const unsigned *expected)
{
    const uint32_t *entries = list->entries;
    unsigned found[ROWS] = {0};
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        found[entries[i]]++;
    for (size_t i = 0; i < ROWS; i++)
        count += expected[i];
    return count == list->count && memcmp(found, expected, sizeof found) == 0;
}

static bool agrees(const struct world *world)
{
    return list_agrees(&world->rows.changed, world->changed) &&
           list_agrees(&world->rows.sealed, world->sealed) &&
           dirty_rows_bytes(&world->rows) == atomic_load(&world->memory.used_bytes);
}

static void end_checkpoint(struct world *world, bool durable)
{
    dirty_rows_sealed(&world->rows, durable);
    for (size_t i = 0; i < ROWS; i++) {
        if (!durable) world->changed[i] += world->sealed[i];
        world->sealed[i] = 0;
    }
    world->is_sealed = false;
}

static void step(struct world *world, struct choices *choices)
{
    uint32_t row = (uint32_t)choose(choices, ROWS - 1);
    uint64_t kind = choose(choices, 99);
    if (kind < 90) {
        if (dirty_rows_add(&world->rows, &row)) world->changed[row]++;
    } else if (world->is_sealed) {
        end_checkpoint(world, choose_one_in(choices, 2));
    } else {
        dirty_rows_seal(&world->rows);
        memcpy(world->sealed, world->changed, sizeof world->sealed);
        memset(world->changed, 0, sizeof world->changed);
        world->is_sealed = true;
    }
}

static void random_steps_list_what_a_naive_count_does(struct test *t)
{
    struct world world = {0};
    struct choices choices;
    memory_init(&world.memory, 0);
    dirty_rows_init(&world.rows, &world.memory, sizeof(uint32_t));
    choices_from_seed(&choices, 31, NULL);
    for (int i = 0; i < STEPS; i++) {
        step(&world, &choices);
        CHECK(agrees(&world));
    }
    dirty_rows_release(&world.rows);
    choices_release(&choices);
    memory_release(&world.memory);
}

/* However little memory is left by then. */
static void what_was_sealed_comes_back_without_memory(struct test *t)
{
    struct world world = {0};
    memory_init(&world.memory, 0);
    dirty_rows_init(&world.rows, &world.memory, sizeof(uint32_t));
    for (uint32_t row = 0; row < ROWS; row++)
        CHECK(dirty_rows_add(&world.rows, &row));
    dirty_rows_seal(&world.rows);
    for (uint32_t row = 0; row < ROWS; row++)
        world.sealed[row] = 1;
    world.memory.fail_at_call = atomic_load(&world.memory.call_count) + 2;
    world.memory.fail_from_then_on = true;
    for (uint32_t row = 0; row < ROWS; row++)
        if (dirty_rows_add(&world.rows, &row)) world.changed[row]++;
    CHECK(agrees(&world));
    end_checkpoint(&world, false);
    CHECK(agrees(&world));
    dirty_rows_release(&world.rows);
    memory_release(&world.memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(random_steps_list_what_a_naive_count_does),
               CASE(what_was_sealed_comes_back_without_memory));
}
