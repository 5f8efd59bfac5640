/* Gaps: what has one and for how long it shows, their row, and what is read meanwhile. */
#include "signals/gaps.h"

#include "base/choices.h"
#include "harness/store_rows.h"
#include "harness/test.h"
#include "ledger_world.h"
#include "signals/backfill.h"

static struct layout layout_of(const int64_t *half_lives_ms, uint32_t half_life_count,
                               const int64_t *windows_ms, uint32_t window_count)
{
    struct signal signal = {.kind = ENTITY_ITEM, .lateness_ms = 12 * HOUR};
    struct layout layout;
    world_half_lives(&signal, half_lives_ms, half_life_count);
    world_windows(&signal, windows_ms, window_count);
    layout_init(&layout, &signal);
    return layout;
}

#define LIST(...)                                                                                  \
    (const int64_t[])                                                                              \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

static void what_is_added_has_a_gap_and_what_was_there_has_none(struct test *t)
{
    struct layout from = layout_of(LIST(DAY), 1, LIST(DAY, 7 * DAY), 2);
    struct layout to =
        layout_of(LIST(HOUR, DAY), 2, LIST(HOUR, DAY, 7 * DAY, 10 * DAY, 30 * DAY), 5);
    struct gaps none = {0}, gaps = gaps_convert(&none, &from, &to, 77, START);
    CHECK_EQ(gaps.defined, 77);
    CHECK(gaps.decays[0].open && gaps.decays[0].due && gaps.decays[0].since_ms == START);
    CHECK(!gaps.decays[1].open);
    CHECK(gaps.rings[0].open && gaps.rings[0].whole_ms == 0);       /* of 5 minutes: new */
    CHECK(gaps.rings[1].open && gaps.rings[1].whole_ms == 7 * DAY); /* of hours: longer */
    CHECK(gaps.rings[2].open && gaps.rings[2].whole_ms == 0);       /* of days: new */

    /* A shorter window of a ring is no gap. */
    to = layout_of(LIST(DAY), 1, LIST(DAY, 3 * DAY, 7 * DAY), 3);
    gaps = gaps_convert(&none, &from, &to, 78, START);
    CHECK(!gaps_any(&gaps));
    CHECK_EQ(gaps.defined, 0);
}

static void a_gap_stays_when_more_is_added(struct test *t)
{
    struct layout first = layout_of(LIST(DAY), 1, LIST(7 * DAY), 1);
    struct layout second = layout_of(LIST(HOUR, DAY), 2, LIST(7 * DAY, 10 * DAY), 2);
    struct layout third =
        layout_of(LIST(HOUR, DAY, 30 * DAY), 3, LIST(7 * DAY, 9 * DAY, 10 * DAY), 3);
    struct gaps none = {0}, gaps = gaps_convert(&none, &first, &second, 10, START);
    gaps_fill(&gaps, START - DAY); /* in part: the log began there */
    CHECK_EQ(gaps.defined, 0);
    gaps = gaps_convert(&gaps, &second, &third, 20, START + DAY);
    CHECK_EQ(gaps.defined, 20);
    CHECK(gaps.decays[0].open && !gaps.decays[0].due && gaps.decays[0].since_ms == START - DAY);
    CHECK(!gaps.decays[1].open);
    CHECK(gaps.decays[2].due && gaps.decays[2].since_ms == START + DAY);
    /* 9 days are in a ring that was whole up to 7. */
    CHECK(gaps.rings[0].open && !gaps.rings[0].due && gaps.rings[0].whole_ms == 7 * DAY);
    CHECK(gap_shows_in_window(&gaps.rings[0], 9 * DAY, START));
    CHECK(!gap_shows_in_window(&gaps.rings[0], 7 * DAY, START));
    gaps_fill(&gaps, INT64_MIN);
    CHECK(!gaps.decays[2].open && gaps.decays[0].open);
}

static void a_gap_shows_until_all_that_is_missing_is_past(struct test *t)
{
    struct gap gap = {.open = true, .since_ms = START};
    CHECK(gap_shows_in_window(&gap, HOUR, START + HOUR - 1));
    CHECK(!gap_shows_in_window(&gap, HOUR, START + HOUR));
    CHECK(gap_shows_in_decay(&gap, HOUR, START + GAP_HALF_LIVES * HOUR - 1));
    CHECK(!gap_shows_in_decay(&gap, HOUR, START + GAP_HALF_LIVES * HOUR));
    gap.since_ms = INT64_MAX;
    CHECK(gap_shows_in_window(&gap, HOUR, INT64_MAX));
    CHECK(gap_shows_in_decay(&gap, INT64_MAX, INT64_MAX));
}

static struct gap draw_gap(struct choices *choices, bool is_ring)
{
    struct gap gap = {.open = choose_one_in(choices, 2)};
    if (!gap.open) return gap;
    gap.due = choose_one_in(choices, 2);
    gap.since_ms = START - (int64_t)choose(choices, 1000000);
    if (is_ring) gap.whole_ms = (int64_t)choose(choices, (uint64_t)(300 * DAY));
    return gap;
}

static void gaps_survive_their_encoding_and_no_prefix_is_taken(struct test *t)
{
    struct layout layout = layout_of(LIST(HOUR, DAY, 7 * DAY), 3, LIST(HOUR, DAY, 30 * DAY), 3);
    struct memory memory;
    struct buffer bytes;
    memory_init(&memory, 0);
    buffer_init(&bytes, &memory, 4096);
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        struct choices choices;
        struct gaps gaps = {0}, back;
        struct cursor cursor;
        choices_from_seed(&choices, seed, NULL);
        for (uint32_t i = 0; i < 3; i++) {
            gaps.decays[i] = draw_gap(&choices, false);
            gaps.rings[i] = draw_gap(&choices, true);
            if (gaps.decays[i].due || gaps.rings[i].due) gaps.defined = 1 + seed;
        }
        if (!gaps_any(&gaps)) continue;
        buffer_clear(&bytes);
        gaps_encode(&gaps, &bytes);
        cursor_init(&cursor, buffer_slice(&bytes));
        CHECK(gaps_decode(&cursor, &layout, &back) && cursor_done(&cursor));
        CHECK(memcmp(&gaps, &back, sizeof gaps) == 0);
        for (size_t i = 0; i < bytes.bytes; i++) {
            cursor_init(&cursor, slice_of(bytes.data, i));
            CHECK(!gaps_decode(&cursor, &layout, &back));
        }
    }
    buffer_release(&bytes);
    memory_release(&memory);
}

/* --- Stand-ins --- */

static enum code define(struct world *world)
{
    struct change change = {.kind = CHANGE_DEFINE};
    struct resolved_change resolved = {.lsn = 1000, .change = &change, .subject = ORDINAL_NONE};
    world->schema.text_count++;
    return world_apply(world, &resolved);
}

/* An event an hour for 20 days; then the signal is defined anew. */
static bool count_hours(struct world *world, const int64_t *windows_ms, uint32_t window_count)
{
    if (!world_init(world)) return false;
    world_half_lives(&world->signals[VIEW], LIST(7 * DAY), 1);
    world_windows(&world->signals[VIEW], windows_ms, window_count);
    world->signals[VIEW].velocity_count = 0;
    for (int i = 1; i <= 20 * 24; i++)
        if (world_signal(world, VIEW, 0, START + i * HOUR, ONE) != CODE_OK) return false;
    return true;
}

static double read_slot(struct world *world, enum feature_op op, uint8_t slot)
{
    struct feature feature = {.op = op, .signal = VIEW, .slot = slot};
    if (!features_estimated(world->ledger, &feature, world->watermark_ms)) return -1;
    return world_read(world, feature, 0, world->watermark_ms);
}

static void a_longer_window_is_read_as_if_it_had_gone_on_like_that(struct test *t)
{
    struct world world;
    CHECK(count_hours(&world, LIST(DAY), 1));
    world_windows(&world.signals[VIEW], LIST(HOUR, DAY, 10 * DAY, 40 * DAY), 4);
    CHECK_EQ(define(&world), CODE_OK);
    double hour = read_slot(&world, FEATURE_COUNT, 0);
    CHECK(hour >= 1 && hour <= 2); /* by the ring of hours */
    CHECK(read_slot(&world, FEATURE_COUNT, 1) < 0);
    double days = read_slot(&world, FEATURE_COUNT, 2);
    CHECK(days > 230 && days < 250);
    CHECK(read_slot(&world, FEATURE_COUNT, 3) == 480); /* no more than there ever were */
    CHECK(read_slot(&world, FEATURE_SUM, 3) == 480);
    CHECK(world_check(&world));
    world_release(&world);
}

static void a_half_life_is_read_from_the_rings(struct test *t)
{
    struct world world;
    CHECK(count_hours(&world, LIST(DAY, 30 * DAY), 2));
    double week = world_read(&world, (struct feature){.op = FEATURE_DECAY, .signal = VIEW}, 0,
                             world.watermark_ms);
    world_half_lives(&world.signals[VIEW], LIST(2 * DAY, 7 * DAY), 2);
    CHECK_EQ(define(&world), CODE_OK);
    CHECK(read_slot(&world, FEATURE_DECAY, 1) < 0);
    CHECK(world_read(&world, (struct feature){.op = FEATURE_DECAY, .signal = VIEW, .slot = 1}, 0,
                     world.watermark_ms) == week);
    double exact = 0;
    for (int i = 1; i <= 20 * 24; i++)
        exact += exp2(-(double)(480 - i) / 48);
    double estimate = read_slot(&world, FEATURE_DECAY, 0);
    CHECK(fabs(estimate / exact - 1) < 0.02);
    CHECK(fabs(read_slot(&world, FEATURE_RATE, 0) / (estimate * world.signals[VIEW].lambda[0]) -
               1) < 1e-9);
    world_release(&world);
}

static void without_windows_it_is_read_from_another_half_life(struct test *t)
{
    struct world world;
    CHECK(count_hours(&world, NULL, 0));
    double week = world_read(&world, (struct feature){.op = FEATURE_DECAY, .signal = VIEW}, 0,
                             world.watermark_ms);
    world_half_lives(&world.signals[VIEW], LIST(DAY, 7 * DAY), 2);
    CHECK_EQ(define(&world), CODE_OK);
    CHECK(fabs(read_slot(&world, FEATURE_DECAY, 0) / (week / 7) - 1) < 1e-12);
    world_release(&world);
}

static void a_ledger_is_loaded_with_its_gaps(struct test *t)
{
    struct world world;
    struct store *store;
    struct buffer rows, again;
    lsn defined;
    CHECK(count_hours(&world, LIST(DAY), 1));
    world_half_lives(&world.signals[VIEW], LIST(DAY, 7 * DAY), 2);
    CHECK_EQ(define(&world), CODE_OK);
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    buffer_init(&rows, &world.memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&again, &world.memory, FOLD_ROWS_MAXIMUM);
    CHECK_EQ(fold_dump(&world.fold, store, &rows, &world.error), CODE_OK);
    double estimate = read_slot(&world, FEATURE_DECAY, 0);
    world.fold.ops->free(world.fold.state);
    CHECK_EQ(ledger_create(&world.memory, &world_ids, &world.fold, &world.ledger, &world.error),
             CODE_OK);
    CHECK_EQ(world.fold.ops->load(world.fold.state, store, &world.schema, &world.error), CODE_OK);
    CHECK(backfill_is_due(world.ledger, VIEW, &defined));
    CHECK_EQ(defined, 1000);
    CHECK(estimate > 0 && read_slot(&world, FEATURE_DECAY, 0) == estimate);
    CHECK_EQ(fold_dump(&world.fold, store, &again, &world.error), CODE_OK);
    CHECK(slice_equal(buffer_slice(&rows), buffer_slice(&again)));
    buffer_release(&rows);
    buffer_release(&again);
    store_close(store);
    world_release(&world);
}

/* Whatever is in the row is refused by name, or is what would be written. */
static void a_damaged_row_is_refused(struct test *t)
{
    static const uint8_t row[] = {1, 1, 2, 7, 1, 0, 1, 2};
    size_t refused = 0, loaded = 0;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct world world;
        struct store *store;
        struct choices choices;
        uint8_t bytes[sizeof row];
        choices_from_seed(&choices, seed, NULL);
        memcpy(bytes, row, sizeof row);
        size_t count = choose_one_in(&choices, 4) ? choose(&choices, sizeof row) : sizeof row;
        if (seed > 0 && count > 0)
            bytes[choose(&choices, count - 1)] = (uint8_t)choose(&choices, 12);
        CHECK(world_init(&world));
        CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
        CHECK_EQ(
            store_put(store, KEYSPACE_DATABASE, KEY_GAPS, slice_of(bytes, count), &world.error),
            CODE_OK);
        enum code code = world.fold.ops->load(world.fold.state, store, &world.schema, &world.error);
        CHECK(code == CODE_OK || code == CODE_CORRUPT || code == CODE_VERSION);
        CHECK(code == CODE_OK || strstr(world.error.message, "'gaps'"));
        loaded += code == CODE_OK;
        refused += code != CODE_OK;
        if (code == CODE_OK) {
            struct store_batch *batch;
            struct buffer value;
            bool found;
            buffer_init(&value, &world.memory, 4096);
            CHECK_EQ(store_batch_create(store, &batch, &world.error), CODE_OK);
            CHECK_EQ(world.fold.ops->dump(world.fold.state, batch, &world.error), CODE_OK);
            CHECK_EQ(store_write(store, batch, &world.error), CODE_OK);
            CHECK_EQ(store_get(store, KEYSPACE_DATABASE, KEY_GAPS, &value, &found, &world.error),
                     CODE_OK);
            CHECK(found && slice_equal(buffer_slice(&value), slice_of(bytes, count)));
            store_batch_free(batch);
            buffer_release(&value);
        }
        store_close(store);
        world_release(&world);
    }
    CHECK(loaded > 100 && refused > 100);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(what_is_added_has_a_gap_and_what_was_there_has_none),
               CASE(a_gap_stays_when_more_is_added),
               CASE(a_gap_shows_until_all_that_is_missing_is_past),
               CASE(gaps_survive_their_encoding_and_no_prefix_is_taken),
               CASE(a_longer_window_is_read_as_if_it_had_gone_on_like_that),
               CASE(a_half_life_is_read_from_the_rings),
               CASE(without_windows_it_is_read_from_another_half_life),
               CASE(a_ledger_is_loaded_with_its_gaps), CASE(a_damaged_row_is_refused));
}
