#include "unit/signals/ledger_world.h"

#include "base/choices.h"
#include "harness/test.h"

#include <stdlib.h>

/* Batches against one by one: entities that come up first within a batch, that grow out of their
 * blocks in it, that are taken back to nothing and come again. */

enum { CHANGES = 30000, ENTITIES = 4000 };

struct batch {
    struct change *changes;
    struct resolved_change *resolved;
};

static bool batch_create(struct batch *batch)
{
    batch->changes = calloc(CHANGES, sizeof *batch->changes);
    batch->resolved = calloc(CHANGES, sizeof *batch->resolved);
    return batch->changes && batch->resolved;
}

static void batch_free(struct batch *batch)
{
    free(batch->changes);
    free(batch->resolved);
}

/* Views of 1, or of values; likes that are set, changed and taken back. */
static void draw(struct choices *choices, bool valued, struct batch *batch)
{
    static int64_t liked_ms[ENTITIES];
    int64_t clock_ms = START;
    memset(liked_ms, 0, sizeof liked_ms);
    for (size_t i = 0; i < CHANGES; i++) {
        clock_ms += (int64_t)choose(choices, 5 * (uint64_t)MINUTE);
        bool often = choose_one_in(choices, 2), like = choose_one_in(choices, 4);
        ordinal entity = (ordinal)choose(choices, often ? 30 : ENTITIES - 1);
        int64_t time_ms = clock_ms - (int64_t)choose(choices, 11 * (uint64_t)HOUR);
        struct contribution one = {time_ms, ONE, 1};
        struct resolved_change *resolved = &batch->resolved[i];
        if (valued && choose_one_in(choices, 2))
            one.value = (int64_t)choose(choices, 8 * (uint64_t)ONE) - ONE;
        batch->changes[i].kind = CHANGE_SIGNAL;
        batch->changes[i].signal.signal = like ? LIKE : VIEW;
        resolved->change = &batch->changes[i];
        resolved->subject = entity;
        resolved->subject_id = world_id(entity);
        resolved->other = ORDINAL_NONE;
        resolved->time_ms = time_ms;
        resolved->effective = !choose_one_in(choices, 50);
        resolved->contribution_count = 1;
        resolved->contributions[0] = one;
        if (!like || !resolved->effective) continue;
        one.value = ONE;
        if (liked_ms[entity] != 0) {
            resolved->contributions[0] = (struct contribution){liked_ms[entity], ONE, -1};
            bool again = choose_one_in(choices, 2);
            if (again) resolved->contributions[resolved->contribution_count++] = one;
            liked_ms[entity] = again ? time_ms : 0;
        } else {
            resolved->contributions[0] = one;
            liked_ms[entity] = time_ms;
        }
    }
}

/* The rows after the changes, `size` at a time; 0: one by one, as a change alone is applied. */
static bool rows_of(struct batch *batch, size_t size, struct buffer *out)
{
    struct world world;
    struct store *store = NULL;
    if (!world_init(&world)) return false;
    const struct fold_ops *ops = world.fold.ops;
    bool done = memory_store_open(&world.memory, &store, &world.error) == CODE_OK;
    for (size_t i = 0; i < CHANGES; i++)
        batch->resolved[i].schema = &world.schema;
    for (size_t at = 0, some = 0; at < CHANGES && done; at += some) {
        some = size == 0 ? 1 : size < CHANGES - at ? size : CHANGES - at;
        enum code code =
            size == 0
                ? ops->apply(world.fold.state, &batch->resolved[at], &world.error)
                : ops->apply_signals(world.fold.state, &batch->resolved[at], some, &world.error);
        done = code == CODE_OK;
        if (at / 5000 != (at + some) / 5000) /* a checkpoint between two batches */
            done = done && fold_checkpoint(&world.fold, store, &world.error) == CODE_OK;
    }
    done =
        done && world_check(&world) && fold_dump(&world.fold, store, out, &world.error) == CODE_OK;
    store_close(store);
    world_release(&world);
    return done;
}

static void batches_are_as_one_by_one(struct test *t)
{
    static const size_t sizes[] = {1, 23, 24, 25, 128, 1000, CHANGES};
    struct batch batch;
    struct memory memory;
    struct buffer first, other;
    CHECK(batch_create(&batch));
    memory_init(&memory, 0);
    buffer_init(&first, &memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&other, &memory, FOLD_ROWS_MAXIMUM);
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        draw(&choices, seed % 2 == 0, &batch);
        CHECK(rows_of(&batch, 0, &first));
        CHECK(first.bytes > 100000);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            CHECK(rows_of(&batch, sizes[i], &other));
            CHECK(slice_equal(buffer_slice(&first), buffer_slice(&other)));
        }
        choices_release(&choices);
    }
    buffer_release(&first);
    buffer_release(&other);
    memory_release(&memory);
    batch_free(&batch);
}

/* Applies a batch of which the N-th allocation fails; N is more than there are if it does not. */
static enum code apply_with_fault(struct batch *batch, size_t count, unsigned long long fail_at)
{
    struct world world;
    if (!world_init(&world)) return CODE_INVALID;
    for (size_t i = 0; i < count; i++)
        batch->resolved[i].schema = &world.schema;
    world.memory.fail_at_call = atomic_load(&world.memory.call_count) + fail_at;
    enum code code =
        world.fold.ops->apply_signals(world.fold.state, batch->resolved, count, &world.error);
    if (code == CODE_OK && !world_check(&world)) code = CODE_INVALID;
    world_release(&world); /* asserts that nothing was lost */
    return code;
}

static void no_memory_in_a_batch_is_an_error_at_every_place(struct test *t)
{
    struct batch batch;
    struct choices choices;
    unsigned long long fail_at = 0;
    enum code code;
    CHECK(batch_create(&batch));
    choices_from_seed(&choices, 4, NULL);
    draw(&choices, true, &batch);
    do {
        code = apply_with_fault(&batch, CHANGES, ++fail_at);
        CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
    } while (code == CODE_NO_MEMORY);
    CHECK(fail_at > 30);
    choices_release(&choices);
    batch_free(&batch);
}

static void features_of_many_are_those_of_each(struct test *t)
{
    enum { FEATURES = 10 };
    static ordinal ordinals[1000];
    static double values[FEATURES][1000];
    static bool missing[FEATURES][1000];
    struct feature_question questions[FEATURES];
    struct world world;
    struct choices choices;
    CHECK(world_init(&world));
    choices_from_seed(&choices, 3, NULL);
    for (int i = 0; i < 20000; i++) {
        ordinal entity = (ordinal)choose(&choices, choose_one_in(&choices, 2) ? 20 : 600);
        int64_t time_ms = START + i * 2 * MINUTE - (int64_t)choose(&choices, (uint64_t)HOUR);
        CHECK_EQ(world_signal(&world, choose_one_in(&choices, 3) ? LIKE : VIEW, entity, time_ms,
                              entity % 3 ? ONE : ONE / 2),
                 CODE_OK);
    }
    for (size_t i = 0; i < 1000; i++)
        ordinals[i] = (ordinal)choose(&choices, 900);
    int64_t now_ms = world.watermark_ms + (int64_t)choose(&choices, (uint64_t)HOUR);
    static const struct feature features[] = {
        {.op = FEATURE_COUNT, .signal = VIEW, .slot = 1},
        {.op = FEATURE_SUM, .signal = VIEW, .slot = 4},
        {.op = FEATURE_DECAY, .signal = VIEW, .slot = 1},
        {.op = FEATURE_VELOCITY, .signal = VIEW, .slot = 2},
        {.op = FEATURE_RATIO, .signal = LIKE, .denominator = VIEW, .prior = 2, .prior_mean = 0.5},
        {.op = FEATURE_MEAN, .signal = VIEW, .slot = WINDOW_ALL},
        {.op = FEATURE_RATIO, .signal = VIEW, .denominator = LIKE, .prior = 1, .prior_mean = 0.1},
        {.op = FEATURE_COUNT, .signal = VIEW, .slot = 0},
        {.op = FEATURE_COUNT, .signal = LIKE, .slot = WINDOW_ALL},
        {.op = FEATURE_COUNT, .signal = VIEW, .slot = 99}}; /* there is none */
    for (size_t some = 1; some <= FEATURES; some++) {       /* of one look, and of more */
        memset(values, 255, sizeof values);
        for (size_t i = 0; i < some; i++)
            questions[i] = (struct feature_question){&features[i], {values[i], missing[i], NULL}};
        features_read_all(world.ledger, questions, some, now_ms, ordinals, 1000);
        for (size_t i = 0; i < some; i++) {
            for (size_t j = 0; j < 1000; j++) {
                double alone = world_read(&world, features[i], ordinals[j], now_ms);
                CHECK_EQ(isnan(alone), missing[i][j]);
                CHECK(missing[i][j] || alone == values[i][j]);
            }
        }
    }
    choices_release(&choices);
    world_release(&world);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(batches_are_as_one_by_one),
               CASE(no_memory_in_a_batch_is_an_error_at_every_place),
               CASE(features_of_many_are_those_of_each));
}
