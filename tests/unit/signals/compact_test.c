#include "signals/ledger_private.h"

#include "base/choices.h"
#include "harness/test.h"

#define ONE    SIGNAL_VALUE_ONE
#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define START  INT64_C(1700000000000)

/* The same events counted in both forms. */
struct pair {
    struct memory memory;
    struct layout layout;
    struct record *record;
    struct compact *compact;
    size_t bytes;  /* of the compact one's block */
    bool expanded; /* it did not fit at some time: nothing is compared any more */
};

static size_t near_events; /* counted by compact_add_near */

static const struct signal plain = {.half_life_ms = {HOUR, DAY, 7 * DAY},
                                    .half_life_count = 3,
                                    .window_ms = {HOUR, DAY, 7 * DAY, 30 * DAY},
                                    .window_count = 4,
                                    .lateness_ms = 12 * HOUR};

static void pair_init(struct pair *pair, const struct signal *signal)
{
    *pair = (struct pair){.bytes = 64};
    memory_init(&pair->memory, 0);
    layout_init(&pair->layout, signal);
    pair->record = record_create(&pair->layout, 7, &pair->memory);
    pair->compact = memory_allocate(&pair->memory, 4096);
    unsigned flags = pair->layout.keeps_extremes ? COMPACT_VALUED | COMPACT_EXTREMES : 0;
    compact_init(pair->compact, &pair->layout, flags);
    pair->bytes = compact_bytes(&pair->layout, flags, 0);
}

static void pair_release(struct pair *pair)
{
    record_free(pair->record, &pair->memory);
    memory_free(&pair->memory, pair->compact, 4096);
    memory_release(&pair->memory);
}

static void add_values(struct pair *pair)
{
    struct compact *to = memory_allocate(&pair->memory, 4096);
    compact_add_values(pair->compact, &pair->layout, to);
    memory_free(&pair->memory, pair->compact, 4096);
    pair->compact = to;
    pair->bytes = compact_bytes(&pair->layout, COMPACT_VALUED, compact_run_count(to));
}

static enum compact_outcome add_to(struct pair *pair, size_t bytes, const struct contribution *what,
                                   bool decays)
{
    struct compact_event event = {.layout = &pair->layout, .what = *what, .decays = decays};
    compact_events_init(&event, 1);
    decay_parts_init(&event.parts);
    if (!compact_add_near(pair->compact, &event)) return compact_add(pair->compact, bytes, &event);
    near_events++;
    return COMPACT_DONE;
}

static void pair_add(struct test *t, struct pair *pair, struct contribution event, bool decays)
{
    CHECK(record_add(pair->record, &pair->layout, &pair->memory, &event, decays));
    while (!pair->expanded) {
        switch (add_to(pair, pair->bytes, &event, decays)) {
        case COMPACT_DONE:
            return;
        case COMPACT_NEEDS_ROOM:
            pair->bytes += 28;
            CHECK(pair->bytes <= 4096);
            break;
        case COMPACT_NEEDS_VALUES:
            add_values(pair);
            break;
        case COMPACT_DOES_NOT_FIT:
            pair->expanded = true;
        }
    }
}

static void encode(struct pair *pair, const struct record *record, struct buffer *out)
{
    buffer_init(out, &pair->memory, 1 << 20);
    record_encode(record, &pair->layout, out);
}

/* Windows of a ring as others may ask for it: its own ones, and all hops up to its longest. */
static void ask_ring(const struct layout *layout, uint8_t ring, int64_t now_ms, uint32_t some,
                     struct windows *windows)
{
    const struct ring_shape *shape = &layout->rings[ring];
    for (uint32_t i = 0; i < layout->window_count; i++)
        if (layout->window_ring[i] == ring)
            windows_add(windows, layout_window(layout, ring, layout->window_ms[i], now_ms));
    for (uint32_t i = 1; i <= some; i++) {
        int64_t window_ms = shape->longest_ms / some * i;
        if (window_ms > 0) windows_add(windows, layout_window(layout, ring, window_ms, now_ms));
    }
}

/* The windows of up to each ring, read together, say what each ring says of each. */
static void compare_windows(struct test *t, struct pair *pair, int64_t now_ms)
{
    struct window_reading readings[WINDOWS_TOGETHER];
    for (uint8_t rings = 1; rings <= pair->layout.ring_count; rings++) {
        struct windows windows;
        windows_init(&windows, now_ms);
        for (uint8_t ring = 0; ring < rings; ring++)
            ask_ring(&pair->layout, ring, now_ms, ring + rings, &windows);
        CHECK(windows.count > 0);
        compact_windows(pair->compact, &pair->layout, &windows, readings);
        for (uint32_t i = 0; i < windows.count; i++) {
            const struct window_at *window = &windows.list[i];
            struct window_reading a = ring_read(&pair->record->rings[window->ring], window),
                                  b = readings[i];
            CHECK_EQ(a.count, b.count);
            CHECK(a.sum == b.sum && a.tail_count == b.tail_count && a.tail_sum == b.tail_sum);
            CHECK(a.minimum == b.minimum && a.maximum == b.maximum);
        }
    }
}

/* Both say the same: as rows, and when they are read. */
static void compare(struct test *t, struct pair *pair, int64_t now_ms)
{
    struct buffer row, other, again;
    char reason[128];
    struct record *expanded = compact_expand(pair->compact, &pair->layout, 7, &pair->memory);
    encode(pair, pair->record, &row);
    encode(pair, expanded, &other);
    CHECK(slice_equal(buffer_slice(&row), buffer_slice(&other)));
    CHECK(compact_check(pair->compact, &pair->layout, reason, sizeof reason));
    size_t bytes = compact_measure(pair->record, &pair->layout);
    CHECK(bytes > 0 && bytes <= 4096);
    struct compact *filled = memory_allocate(&pair->memory, 4096);
    compact_fill(filled, pair->record, &pair->layout);
    struct record *refilled = compact_expand(filled, &pair->layout, 7, &pair->memory);
    encode(pair, refilled, &again);
    CHECK(slice_equal(buffer_slice(&row), buffer_slice(&again)));
    compare_windows(t, pair, now_ms);
    record_free(expanded, &pair->memory);
    record_free(refilled, &pair->memory);
    memory_free(&pair->memory, filled, 4096);
    buffer_release(&row);
    buffer_release(&other);
    buffer_release(&again);
}

/* Steps from seconds to months, events up to 40 days late, some where a bucket ends, and some taken
 * back. */
static void run(struct test *t, const struct signal *signal, uint64_t seed, bool valued,
                bool retracts)
{
    enum { EVENTS = 600 };
    static struct contribution said[EVENTS];
    struct pair pair;
    struct choices choices;
    int64_t clock_ms = START;
    size_t count = 0;
    choices_from_seed(&choices, seed, NULL);
    pair_init(&pair, signal);
    for (int i = 0; i < EVENTS && !pair.expanded; i++) {
        static const int64_t steps[] = {MINUTE, 10 * MINUTE, 2 * HOUR, 3 * DAY};
        int64_t step_ms = steps[choose_one_in(&choices, 20) ? choose(&choices, 3) : 0];
        clock_ms += (int64_t)choose(&choices, (uint64_t)step_ms);
        if (choose_one_in(&choices, 200)) clock_ms += 40 * DAY;
        int64_t late_ms = 0;
        if (choose_one_in(&choices, 3)) late_ms = (int64_t)choose(&choices, 12 * (uint64_t)HOUR);
        if (choose_one_in(&choices, 20)) late_ms = (int64_t)choose(&choices, 40 * (uint64_t)DAY);
        int64_t value = valued ? (int64_t)choose(&choices, 9 * ONE) - ONE : ONE;
        bool back = retracts && count > 2 && choose_one_in(&choices, 3);
        if (choose_one_in(&choices, 10)) late_ms += (clock_ms - late_ms) % (5 * MINUTE);
        struct contribution event = {clock_ms - late_ms, value, 1};
        if (back) {
            size_t which = choose(&choices, count - 1);
            event = said[which];
            event.sign = -1;
            said[which] = said[--count];
        } else {
            said[count++] = event;
        }
        pair_add(t, &pair, event, late_ms <= 12 * HOUR);
        if (pair.expanded || pair.compact->count == 0) continue;
        int64_t now_ms = clock_ms + (int64_t)choose(&choices, 2 * (uint64_t)HOUR);
        compare(t, &pair, now_ms);
        compare_windows(t, &pair, now_ms + (int64_t)choose(&choices, 40 * (uint64_t)DAY));
        /* In units of 5 minutes, what 32 bits take for no time at all. */
        compare_windows(t, &pair, now_ms + (INT64_C(1) << 32) * 5 * MINUTE);
    }
    CHECK(!pair.expanded || retracts);
    choices_release(&choices);
    pair_release(&pair);
}

static void counts_are_as_in_a_record(struct test *t)
{
    near_events = 0;
    for (uint64_t seed = 1; seed <= 10; seed++)
        run(t, &plain, seed, false, false);
    CHECK(near_events > 1000);
}

static void values_are_as_in_a_record(struct test *t)
{
    for (uint64_t seed = 1; seed <= 10; seed++)
        run(t, &plain, seed, true, false);
}

static void extremes_are_as_in_a_record(struct test *t)
{
    struct signal signal = plain;
    signal.values = SIGNAL_VALUE_MIN_MAX;
    for (uint64_t seed = 1; seed <= 5; seed++)
        run(t, &signal, seed, true, false);
}

static void what_is_taken_back_is_as_in_a_record_or_makes_one(struct test *t)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        run(t, &plain, seed, seed % 2 == 0, true);
}

static void other_windows_are_as_in_a_record(struct test *t)
{
    static const int64_t windows[][3] = {
        {DAY, 0, 0},
        {11 * DAY, 366 * DAY, 0},
        {5 * MINUTE, 12 * HOUR - 1, 60 * DAY},
        {7 * MINUTE, DAY, 30 * DAY},              /* ends within a bucket of the finest ring, */
        {HOUR, 13 * HOUR + 3 * MINUTE, 30 * DAY}, /* and so does this */
        {0, 0, 0}};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        struct signal signal = plain;
        signal.window_count = 0;
        for (int j = 0; j < 3 && windows[i][j] > 0; j++)
            signal.window_ms[signal.window_count++] = windows[i][j];
        for (uint64_t seed = 1; seed <= 3; seed++)
            run(t, &signal, seed, false, false);
    }
}

static void what_is_too_large_does_not_fit(struct test *t)
{
    struct pair pair;
    pair_init(&pair, &plain);
    struct contribution early = {-(INT64_C(1) << 52), ONE, 1}, large = {START, INT64_C(1) << 38, 1};
    CHECK_EQ(add_to(&pair, 64, &early, true), COMPACT_DOES_NOT_FIT);
    add_values(&pair);
    int count = 0;
    while (add_to(&pair, 4096, &large, true) == COMPACT_DONE)
        count++;
    CHECK(count > 1 && count < 1000);
    pair_release(&pair);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(counts_are_as_in_a_record), CASE(values_are_as_in_a_record),
               CASE(extremes_are_as_in_a_record),
               CASE(what_is_taken_back_is_as_in_a_record_or_makes_one),
               CASE(other_windows_are_as_in_a_record), CASE(what_is_too_large_does_not_fit));
}
