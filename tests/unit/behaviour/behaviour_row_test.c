#include "unit/behaviour/behaviour_world.h"

#include "base/choices.h"
#include "harness/damaged_row.h"
#include "harness/fold_rows.h"
#include "harness/test.h"

static struct said draw_said(struct choices *choices, int step)
{
    static const signal_id signals[] = {LIKE, LIKE, RATING, SKIP, SIGNAL_HIDE, SIGNAL_IMPRESSION,
                                        TRUST};
    struct said said = {
        .user = (ordinal)choose(choices, 7),
        .subject = (ordinal)choose(choices, 99),
        .signal = signals[choose(choices, 6)],
        .time_ms = START + step * 10 - (int64_t)choose(choices, 400),
        .value = ONE,
        .retract = choose_one_in(choices, 4),
    };
    if (said.signal == RATING) said.value = (int64_t)choose_between(choices, 1, 5) * ONE;
    return said;
}

static enum code step(struct world *world, struct choices *choices, int number)
{
    if (choose_one_in(choices, 200))
        return world_delete(world, ENTITY_ITEM, (ordinal)choose(choices, 99));
    if (choose_one_in(choices, 500))
        return world_delete(world, ENTITY_USER, (ordinal)choose(choices, 7));
    struct said said = draw_said(choices, number);
    return world_say(world, &said);
}

static enum code reload(struct world *world, struct store *store)
{
    world->fold.ops->free(world->fold.state);
    enum code code = world_create(world);
    if (code != CODE_OK) return code;
    return world->fold.ops->load(world->fold.state, store, &world->schema, &world->error);
}

static void saved_and_loaded_goes_on_as_if_nothing_had_been(struct test *t)
{
    struct world straight, world;
    struct store *straight_store, *store;
    struct buffer straight_rows, rows;
    CHECK(world_init(&straight));
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&straight.memory, &straight_store, &straight.error), CODE_OK);
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    buffer_init(&straight_rows, &straight.memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&rows, &world.memory, FOLD_ROWS_MAXIMUM);
    struct choices first, second;
    choices_from_seed(&first, 12, NULL);
    choices_from_seed(&second, 12, NULL);
    for (int i = 0; i < 10000; i++) {
        CHECK_EQ(step(&straight, &first, i), CODE_OK);
        CHECK_EQ(step(&world, &second, i), CODE_OK);
        CHECK_EQ(straight.last.effective, world.last.effective);
        CHECK_EQ(straight.last.contribution_count, world.last.contribution_count);
        if (i % 700 != 699) continue;
        CHECK_EQ(fold_checkpoint(&world.fold, store, &world.error), CODE_OK);
        CHECK_EQ(reload(&world, store), CODE_OK);
        CHECK(world_check(&world));
        CHECK_EQ(world.fold.ops->dirty_bytes(world.fold.state), 0);
        CHECK_EQ(behaviour_pair_count(world.behaviour), behaviour_pair_count(straight.behaviour));
        for (ordinal user = 0; user < 8; user++) {
            size_t count, straight_count;
            const struct behaviour_recent *recent =
                behaviour_positives(world.behaviour, user, &count);
            const struct behaviour_recent *straight_recent =
                behaviour_positives(straight.behaviour, user, &straight_count);
            CHECK_EQ(count, straight_count);
            for (size_t j = 0; j < count; j++) {
                CHECK_EQ(recent[j].item, straight_recent[j].item);
                CHECK_EQ(recent[j].time_ms, straight_recent[j].time_ms);
            }
        }
    }
    CHECK_EQ(fold_dump(&straight.fold, straight_store, &straight_rows, &straight.error), CODE_OK);
    CHECK_EQ(fold_dump(&world.fold, store, &rows, &world.error), CODE_OK);
    CHECK(rows.bytes > 1000);
    CHECK(slice_equal(buffer_slice(&straight_rows), buffer_slice(&rows)));
    printf("behaviour rows: %zu bytes, hash %016" PRIx64 "\n", rows.bytes,
           bytes_hash(buffer_slice(&rows)));
    choices_release(&first);
    choices_release(&second);
    buffer_release(&straight_rows);
    buffer_release(&rows);
    store_close(straight_store);
    store_close(store);
    world_release(&straight);
    world_release(&world);
}

static void a_checkpoint_that_failed_is_made_good_by_the_next(struct test *t)
{
    struct world world;
    struct store *store;
    struct store_batch *batch;
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    CHECK_EQ(store_batch_create(store, &batch, &world.error), CODE_OK);
    for (ordinal i = 0; i < 20; i++)
        CHECK_EQ(world_signal(&world, 1, LIKE, i, START + i), CODE_OK);
    world.fold.ops->seal(world.fold.state);
    CHECK_EQ(world.fold.ops->write(world.fold.state, batch, &world.error), CODE_OK);
    CHECK_EQ(store_batch_count(batch), 20);
    CHECK_EQ(world_retract(&world, 1, LIKE, 5, START + 50), CODE_OK);
    CHECK_EQ(world_delete(&world, ENTITY_ITEM, 6), CODE_OK);
    CHECK_EQ(world_signal(&world, 2, LIKE, 6, START + 60), CODE_OK);
    world.fold.ops->sealed(world.fold.state, false);
    CHECK_EQ(fold_checkpoint(&world.fold, store, &world.error), CODE_OK);
    CHECK_EQ(reload(&world, store), CODE_OK);
    CHECK(world_check(&world));
    size_t count;
    (void)behaviour_positives(world.behaviour, 1, &count);
    CHECK_EQ(count, 18);
    struct behaviour_seen seen;
    CHECK(behaviour_seen(world.behaviour, 1, 5, &seen)); /* taken back, but it was seen */
    CHECK(!behaviour_seen(world.behaviour, 1, 6, &seen));
    CHECK(behaviour_seen(world.behaviour, 2, 6, &seen));
    store_batch_free(batch);
    store_close(store);
    world_release(&world);
}

static enum code reload_checked(void *context, struct store *store)
{
    struct world *world = context;
    enum code code = reload(world, store);
    return code == CODE_OK && !world_check(world) ? CODE_FAILED : code;
}

static void damaged_rows_are_refused_and_never_followed(struct test *t)
{
    struct world world;
    struct store *store;
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    CHECK_EQ(world_signal(&world, 1, SIGNAL_IMPRESSION, 2, START), CODE_OK);
    CHECK_EQ(world_signal(&world, 1, SKIP, 2, START + 1), CODE_OK);
    CHECK_EQ(world_signal(&world, 1, LIKE, 2, START + 2), CODE_OK);
    CHECK_EQ(world_retract(&world, 1, SIGNAL_HIDE, 2, START + 3), CODE_OK);
    CHECK_EQ(fold_checkpoint(&world.fold, store, &world.error), CODE_OK);
    uint8_t suffix[9] = {ENTITY_ITEM};
    store_u64_be(suffix + 1, world_id(2));
    struct key key = key_build(world_id(1), TAG_BEHAVIOUR, slice_of(suffix, sizeof suffix));
    struct damaged_row row = {.store = store,
                              .keyspace = KEYSPACE_USERS,
                              .key = key_slice(&key),
                              .head_bytes = 1,
                              .reload = reload_checked,
                              .world = &world};
    CHECK(damaged_row_is_refused(&row));
    store_close(store);
    world_release(&world);
}

static void loading_without_memory_is_an_error_at_every_place(struct test *t)
{
    struct world world;
    struct store *store;
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    struct choices choices;
    choices_from_seed(&choices, 3, NULL);
    for (int i = 0; i < 200; i++)
        CHECK_EQ(step(&world, &choices, i), CODE_OK);
    CHECK_EQ(fold_checkpoint(&world.fold, store, &world.error), CODE_OK);
    world.fold.ops->free(world.fold.state);
    enum code code = CODE_NO_MEMORY;
    int failures = 0;
    for (unsigned long long n = 1; code != CODE_OK; n++, failures++) {
        world.memory.fail_at_call = atomic_load(&world.memory.call_count) + n;
        code = world_create(&world);
        if (code != CODE_OK) continue;
        code = world.fold.ops->load(world.fold.state, store, &world.schema, &world.error);
        CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
        world.fold.ops->free(world.fold.state);
    }
    CHECK(failures > 50);
    choices_release(&choices);
    store_close(store);
    memory_release(&world.memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(saved_and_loaded_goes_on_as_if_nothing_had_been),
               CASE(a_checkpoint_that_failed_is_made_good_by_the_next),
               CASE(damaged_rows_are_refused_and_never_followed),
               CASE(loading_without_memory_is_an_error_at_every_place));
}
