#include "harness/damaged_row.h"
#include "unit/signals/ledger_world.h"

#include "base/choices.h"
#include "harness/test.h"

#include <stdlib.h>

enum { EVENTS = 12000, ENTITIES = 40 };

struct event {
    int64_t time_ms, value;
    int64_t arrival_ms;
    ordinal entity;
    signal_id signal;
};

static int compare_arrival(const void *left, const void *right)
{
    const struct event *a = left, *b = right;
    if (a->arrival_ms != b->arrival_ms) return a->arrival_ms < b->arrival_ms ? -1 : 1;
    if (a->time_ms != b->time_ms) return a->time_ms < b->time_ms ? -1 : 1;
    return a->entity < b->entity ? -1 : a->entity > b->entity;
}

static void draw_events(struct choices *choices, struct event *events, size_t count)
{
    static const signal_id signals[] = {VIEW, VIEW, RATING, FOLLOWED};
    int64_t clock_ms = START;
    for (size_t i = 0; i < count; i++) {
        clock_ms += (int64_t)choose(choices, 10 * (uint64_t)MINUTE);
        if (choose_one_in(choices, 500)) clock_ms += (int64_t)choose(choices, 9 * (uint64_t)DAY);
        events[i].time_ms = clock_ms;
        events[i].signal = signals[choose(choices, 3)];
        events[i].entity = (ordinal)choose(choices, ENTITIES - 1);
        if (choose_one_in(choices, 3)) events[i].entity = 0;
        events[i].value = (int64_t)choose(choices, 10 * ONE) - 2 * ONE;
    }
}

/* An order in which no event comes more than `late_ms` after a newer one: whatever has come has an
 * arrival, and so a time, of at most this one's arrival. */
static void delay_events(struct choices *choices, struct event *events, size_t count,
                         int64_t late_ms)
{
    for (size_t i = 0; i < count; i++)
        events[i].arrival_ms = events[i].time_ms + (int64_t)choose(choices, (uint64_t)late_ms);
    qsort(events, count, sizeof *events, compare_arrival);
}

static enum code take(struct world *world, const struct event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        enum code code = world_signal(world, events[i].signal, events[i].entity, events[i].time_ms,
                                      events[i].value);
        if (code != CODE_OK) return code;
    }
    return CODE_OK;
}

/* The rows that a ledger has after the events, in `out`. */
static bool rows_of(const struct event *events, size_t count, struct buffer *out)
{
    struct world world;
    struct store *store = NULL;
    if (!world_init(&world)) return false;
    bool done = memory_store_open(&world.memory, &store, &world.error) == CODE_OK &&
                take(&world, events, count) == CODE_OK && world_check(&world) &&
                fold_dump(&world.fold, store, out, &world.error) == CODE_OK;
    store_close(store);
    world_release(&world);
    return done;
}

static struct event *allocate_events(void)
{
    return calloc(EVENTS, sizeof(struct event));
}

static void any_order_within_the_bound_gives_the_same_rows(struct test *t)
{
    struct event *events = allocate_events();
    struct memory memory;
    struct buffer first, other;
    memory_init(&memory, 0);
    buffer_init(&first, &memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&other, &memory, FOLD_ROWS_MAXIMUM);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        draw_events(&choices, events, EVENTS);
        CHECK(rows_of(events, EVENTS, &first));
        CHECK(first.bytes > 10000);
        for (int order = 0; order < 3; order++) {
            delay_events(&choices, events, EVENTS, 12 * HOUR);
            CHECK(rows_of(events, EVENTS, &other));
            CHECK(slice_equal(buffer_slice(&first), buffer_slice(&other)));
        }
        delay_events(&choices, events, EVENTS, 40 * HOUR);
        CHECK(rows_of(events, EVENTS, &other));
        CHECK(!slice_equal(buffer_slice(&first), buffer_slice(&other)));
        choices_release(&choices);
    }
    buffer_release(&first);
    buffer_release(&other);
    memory_release(&memory);
    free(events);
}

/* The rows after the events, given to the ledger `batch` at a time, all in time. */
static bool batched_rows_of(const struct event *events, size_t count, size_t batch,
                            struct buffer *out)
{
    static struct change changes[EVENTS];
    static struct resolved_change resolved[EVENTS];
    struct world world;
    struct store *store = NULL;
    if (!world_init(&world)) return false;
    for (size_t i = 0; i < count; i++) {
        changes[i] = (struct change){.kind = CHANGE_SIGNAL, .signal = {.signal = events[i].signal}};
        resolved[i] =
            (struct resolved_change){.schema = &world.schema,
                                     .change = &changes[i],
                                     .subject = events[i].entity,
                                     .subject_id = world_id(events[i].entity),
                                     .other = ORDINAL_NONE,
                                     .time_ms = events[i].time_ms,
                                     .effective = true,
                                     .contributions = {{events[i].time_ms, events[i].value, 1}},
                                     .contribution_count = 1};
    }
    bool done = memory_store_open(&world.memory, &store, &world.error) == CODE_OK;
    for (size_t at = 0; at < count && done; at += batch) {
        size_t some = count - at < batch ? count - at : batch;
        done = world.fold.ops->apply_signals(world.fold.state, resolved + at, some, &world.error) ==
               CODE_OK;
    }
    done = done && fold_dump(&world.fold, store, out, &world.error) == CODE_OK;
    store_close(store);
    world_release(&world);
    return done;
}

static void batches_of_any_size_give_the_same_rows(struct test *t)
{
    static const size_t sizes[] = {1, 2, 7, 24, 25, 128, 1000, EVENTS};
    struct event *events = allocate_events();
    struct memory memory;
    struct buffer first, other;
    struct choices choices;
    memory_init(&memory, 0);
    buffer_init(&first, &memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&other, &memory, FOLD_ROWS_MAXIMUM);
    choices_from_seed(&choices, 11, NULL);
    draw_events(&choices, events, EVENTS);
    CHECK(rows_of(events, EVENTS, &first));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        delay_events(&choices, events, EVENTS, 12 * HOUR);
        CHECK(batched_rows_of(events, EVENTS, sizes[i], &other));
        CHECK(slice_equal(buffer_slice(&first), buffer_slice(&other)));
    }
    choices_release(&choices);
    buffer_release(&first);
    buffer_release(&other);
    memory_release(&memory);
    free(events);
}

static void one_millisecond_past_the_bound_is_late(struct test *t)
{
    struct memory memory;
    struct buffer first, other;
    memory_init(&memory, 0);
    buffer_init(&first, &memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&other, &memory, FOLD_ROWS_MAXIMUM);
    for (int past = 0; past < 2; past++) {
        struct event events[] = {
            {.time_ms = START, .value = ONE, .signal = VIEW},
            {.time_ms = START + 12 * HOUR + past, .value = ONE, .signal = VIEW}};
        CHECK(rows_of(events, 2, &first));
        struct event swapped[] = {events[1], events[0]};
        CHECK(rows_of(swapped, 2, &other));
        CHECK_EQ(slice_equal(buffer_slice(&first), buffer_slice(&other)), !past);
    }
    buffer_release(&first);
    buffer_release(&other);
    memory_release(&memory);
}

/* The same bytes from every compiler, optimiser and machine. */
static void rows_of_a_fixed_run_have_a_known_hash(struct test *t)
{
    struct event *events = allocate_events();
    struct memory memory;
    struct buffer rows;
    struct choices choices;
    memory_init(&memory, 0);
    buffer_init(&rows, &memory, FOLD_ROWS_MAXIMUM);
    choices_from_seed(&choices, 2026, NULL);
    draw_events(&choices, events, EVENTS);
    delay_events(&choices, events, EVENTS, 20 * HOUR);
    CHECK(rows_of(events, EVENTS, &rows));
    uint64_t hash = bytes_hash(buffer_slice(&rows));
    printf("ledger rows: %zu bytes, hash %016" PRIx64 "\n", rows.bytes, hash);
    CHECK(hash == UINT64_C(0x46c65c63fcd5d3bf));
    choices_release(&choices);
    buffer_release(&rows);
    memory_release(&memory);
    free(events);
}

static void saved_and_loaded_goes_on_as_if_nothing_had_been(struct test *t)
{
    struct event *events = allocate_events();
    struct memory memory;
    struct buffer straight, other;
    struct choices choices;
    memory_init(&memory, 0);
    buffer_init(&straight, &memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&other, &memory, FOLD_ROWS_MAXIMUM);
    choices_from_seed(&choices, 5, NULL);
    draw_events(&choices, events, EVENTS);
    delay_events(&choices, events, EVENTS, 14 * HOUR);
    CHECK(rows_of(events, EVENTS, &straight));
    for (int round = 0; round < 4; round++) {
        struct world world;
        struct store *store;
        CHECK(world_init(&world));
        CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
        size_t at = 0;
        while (at < EVENTS) {
            size_t some = choose(&choices, 5000);
            if (some > EVENTS - at) some = EVENTS - at;
            CHECK_EQ(take(&world, events + at, some), CODE_OK);
            at += some;
            CHECK_EQ(fold_dump(&world.fold, store, &other, &world.error), CODE_OK);
            if (round % 2) continue; /* only checkpoints */
            size_t records = ledger_record_count(world.ledger);
            struct ledger_totals totals = ledger_signal_totals(world.ledger, VIEW);
            world.fold.ops->free(world.fold.state);
            CHECK_EQ(
                ledger_create(&world.memory, &world_ids, &world.fold, &world.ledger, &world.error),
                CODE_OK);
            CHECK_EQ(world.fold.ops->load(world.fold.state, store, &world.schema, &world.error),
                     CODE_OK);
            CHECK(world_check(&world));
            CHECK_EQ(ledger_record_count(world.ledger), records);
            CHECK_EQ(ledger_signal_totals(world.ledger, VIEW).count, totals.count);
            CHECK(ledger_signal_totals(world.ledger, VIEW).sum == totals.sum);
            CHECK_EQ(world.fold.ops->dirty_bytes(world.fold.state), 0);
        }
        CHECK(slice_equal(buffer_slice(&straight), buffer_slice(&other)));
        store_close(store);
        world_release(&world);
    }
    choices_release(&choices);
    buffer_release(&straight);
    buffer_release(&other);
    memory_release(&memory);
    free(events);
}

static void a_checkpoint_that_failed_is_made_good_by_the_next(struct test *t)
{
    for (int between = 0; between < 2; between++) {
        struct world world;
        struct store *store;
        struct store_batch *batch;
        struct buffer rows;
        CHECK(world_init(&world));
        CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
        CHECK_EQ(store_batch_create(store, &batch, &world.error), CODE_OK);
        buffer_init(&rows, &world.memory, FOLD_ROWS_MAXIMUM);
        for (ordinal i = 0; i < 30; i++)
            CHECK_EQ(world_signal(&world, VIEW, i, START, ONE), CODE_OK);
        world.fold.ops->seal(world.fold.state);
        CHECK_EQ(world.fold.ops->write(world.fold.state, batch, &world.error), CODE_OK);
        CHECK_EQ(store_batch_count(batch), 30);
        if (between) { /* what is applied meanwhile is of the next checkpoint */
            CHECK_EQ(world_signal(&world, VIEW, 3, START + 1, ONE), CODE_OK);
            CHECK_EQ(world_delete(&world, ENTITY_ITEM, 4), CODE_OK);
            CHECK_EQ(world_signal(&world, LIKE, 50, START + 1, ONE), CODE_OK);
        }
        world.fold.ops->sealed(world.fold.state, false);
        CHECK_EQ(fold_dump(&world.fold, store, &rows, &world.error), CODE_OK);
        size_t expected = ledger_record_count(world.ledger);
        CHECK_EQ(expected, 30);
        world.fold.ops->free(world.fold.state);
        CHECK_EQ(ledger_create(&world.memory, &world_ids, &world.fold, &world.ledger, &world.error),
                 CODE_OK);
        CHECK_EQ(world.fold.ops->load(world.fold.state, store, &world.schema, &world.error),
                 CODE_OK);
        CHECK_EQ(ledger_record_count(world.ledger), expected);
        CHECK_EQ(ledger_entity_totals(world.ledger, VIEW, 3).count, 1 + between);
        CHECK_EQ(ledger_entity_totals(world.ledger, VIEW, 4).count, 1 - between);
        buffer_release(&rows);
        store_batch_free(batch);
        store_close(store);
        world_release(&world);
    }
}

static void what_was_taken_back_leaves_the_rows_as_if_it_had_never_been(struct test *t)
{
    struct world world[2];
    struct store *store[2];
    struct buffer rows[2];
    struct choices choices;
    choices_from_seed(&choices, 8, NULL);
    for (int i = 0; i < 2; i++) {
        CHECK(world_init(&world[i]));
        CHECK_EQ(memory_store_open(&world[i].memory, &store[i], &world[i].error), CODE_OK);
        buffer_init(&rows[i], &world[i].memory, FOLD_ROWS_MAXIMUM);
    }
    int64_t time_ms = START;
    for (int i = 0; i < 2000; i++) {
        time_ms += (int64_t)choose(&choices, 20 * (uint64_t)MINUTE);
        ordinal entity = (ordinal)choose(&choices, 9);
        bool fleeting = choose_one_in(&choices, 3);
        CHECK_EQ(world_signal(&world[0], LIKE, entity, time_ms, ONE), CODE_OK);
        if (fleeting && choose_one_in(&choices, 2)) /* at once, or below, some time after */
            CHECK_EQ(world_retract(&world[0], LIKE, entity, time_ms, ONE), CODE_OK);
        else if (fleeting) {
            CHECK_EQ(world_signal(&world[0], LIKE, entity, time_ms + 5 * HOUR, ONE), CODE_OK);
            CHECK_EQ(world_retract(&world[0], LIKE, entity, time_ms, ONE), CODE_OK);
            CHECK_EQ(world_signal(&world[1], LIKE, entity, time_ms + 5 * HOUR, ONE), CODE_OK);
        } else {
            CHECK_EQ(world_signal(&world[1], LIKE, entity, time_ms, ONE), CODE_OK);
        }
    }
    /* The newest event's time is not taken back: a last one for each makes it the same. */
    for (ordinal entity = 0; entity < 10; entity++) {
        for (int i = 0; i < 2; i++)
            CHECK_EQ(world_signal(&world[i], LIKE, entity, time_ms + DAY, ONE), CODE_OK);
    }
    for (int i = 0; i < 2; i++)
        CHECK_EQ(fold_dump(&world[i].fold, store[i], &rows[i], &world[i].error), CODE_OK);
    CHECK(slice_equal(buffer_slice(&rows[0]), buffer_slice(&rows[1])));
    /* The last like of all leaves no row. */
    for (int i = 0; i < 2; i++) {
        CHECK_EQ(world_signal(&world[i], LIKE, 77, time_ms, ONE), CODE_OK);
        CHECK_EQ(fold_dump(&world[i].fold, store[i], &rows[i], &world[i].error), CODE_OK);
        CHECK_EQ(world_retract(&world[i], LIKE, 77, time_ms, ONE), CODE_OK);
    }
    CHECK_EQ(fold_dump(&world[0].fold, store[0], &rows[0], &world[0].error), CODE_OK);
    CHECK(rows[0].bytes < rows[1].bytes);
    for (int i = 0; i < 2; i++) {
        buffer_release(&rows[i]);
        store_close(store[i]);
        world_release(&world[i]);
    }
    choices_release(&choices);
}

static void rows_of_an_old_definition_are_brought_into_the_new(struct test *t)
{
    struct world world;
    struct store *store;
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    for (int i = 0; i < 50; i++)
        CHECK_EQ(world_signal(&world, VIEW, 0, START + i * HOUR, ONE), CODE_OK);
    int64_t now_ms = world.watermark_ms;
    int64_t week = features_count(world.ledger, VIEW, 3, 0, now_ms);
    CHECK_EQ(fold_checkpoint(&world.fold, store, &world.error), CODE_OK);
    world.fold.ops->free(world.fold.state);
    world_half_lives(&world.signals[VIEW], (const int64_t[]){HOUR}, 1);
    world_windows(&world.signals[VIEW], (const int64_t[]){7 * DAY}, 1);
    world.signals[VIEW].velocity_count = 0;
    CHECK_EQ(ledger_create(&world.memory, &world_ids, &world.fold, &world.ledger, &world.error),
             CODE_OK);
    CHECK_EQ(world.fold.ops->load(world.fold.state, store, &world.schema, &world.error), CODE_OK);
    CHECK(world_check(&world));
    CHECK_EQ(features_count(world.ledger, VIEW, 0, 0, now_ms), week);
    CHECK(world.fold.ops->dirty_bytes(world.fold.state) > 0); /* and written so the next time */
    store_close(store);
    world_release(&world);
}

/* Loads a store into a fresh ledger; what that says. */
static enum code load_fresh(void *context, struct store *store)
{
    struct world *world = context;
    enum code code =
        ledger_create(&world->memory, &world_ids, &world->fold, &world->ledger, &world->error);
    if (code != CODE_OK) return code;
    code = world->fold.ops->load(world->fold.state, store, &world->schema, &world->error);
    if (code == CODE_OK && !world_check(world)) code = CODE_FAILED;
    world->fold.ops->free(world->fold.state);
    return code;
}

static void damaged_rows_are_refused_and_never_followed(struct test *t)
{
    struct world world;
    struct store *store;
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    for (int i = 0; i < 40; i++)
        CHECK_EQ(world_signal(&world, RATING, 0, START + i * 5 * HOUR, (i - 3) * ONE), CODE_OK);
    CHECK_EQ(fold_checkpoint(&world.fold, store, &world.error), CODE_OK);
    world.fold.ops->free(world.fold.state);
    uint8_t suffix[2] = {0, RATING};
    struct key key = key_build(world_id(0), TAG_LEDGER, slice_of(suffix, 2));
    struct damaged_row row = {.store = store,
                              .keyspace = KEYSPACE_ITEMS,
                              .key = key_slice(&key),
                              .head_bytes = 1,
                              .stride = 31, /* a ledger is large to load */
                              .reload = load_fresh,
                              .world = &world};
    CHECK(damaged_row_is_refused(&row));
    static const uint8_t newer[] = {2}; /* a version to come */
    CHECK_EQ(damaged_row_load(&row, newer, sizeof newer), CODE_VERSION);
    store_close(store);
    memory_release(&world.memory);
}

static void loading_without_memory_is_an_error_at_every_place(struct test *t)
{
    struct world world;
    struct store *store;
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    for (int i = 0; i < 40; i++)
        CHECK_EQ(world_signal(&world, VIEW, (ordinal)(i % 9), START + i * HOUR, ONE), CODE_OK);
    CHECK_EQ(fold_checkpoint(&world.fold, store, &world.error), CODE_OK);
    world.fold.ops->free(world.fold.state);
    world_half_lives(&world.signals[VIEW], (const int64_t[]){HOUR}, 1); /* conversion as well */
    enum code code = CODE_NO_MEMORY;
    int failures = 0;
    for (unsigned long long n = 1; code != CODE_OK; n++, failures++) {
        world.memory.fail_at_call = atomic_load(&world.memory.call_count) + n;
        code = load_fresh(&world, store);
        CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
    }
    CHECK(failures > 30);
    store_close(store);
    memory_release(&world.memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(any_order_within_the_bound_gives_the_same_rows),
               CASE(batches_of_any_size_give_the_same_rows),
               CASE(one_millisecond_past_the_bound_is_late),
               CASE(rows_of_a_fixed_run_have_a_known_hash),
               CASE(saved_and_loaded_goes_on_as_if_nothing_had_been),
               CASE(a_checkpoint_that_failed_is_made_good_by_the_next),
               CASE(what_was_taken_back_leaves_the_rows_as_if_it_had_never_been),
               CASE(rows_of_an_old_definition_are_brought_into_the_new),
               CASE(damaged_rows_are_refused_and_never_followed),
               CASE(loading_without_memory_is_an_error_at_every_place));
}
