#include "signals/window.h"

#include "base/choices.h"
#include "harness/test.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct ring_shape hourly = {HOUR, DAY};

static bool add(struct ring *ring, struct memory *memory, int64_t newest_ms, int64_t time_ms,
                int sign)
{
    struct bucket event = bucket_of(&hourly, time_ms, 1, sign);
    return ring_add(ring, &hourly, memory, newest_ms, &event);
}

static struct window_reading read(const struct ring *ring, int64_t window_ms, int64_t now_ms)
{
    struct window_at window = window_at(0, HOUR, window_ms, now_ms);
    return ring_read(ring, &window);
}

static void hop_follows_the_window(struct test *t)
{
    CHECK_EQ(window_hop_ms(MINUTE), 5 * MINUTE);
    CHECK_EQ(window_hop_ms(12 * HOUR - 1), 5 * MINUTE);
    CHECK_EQ(window_hop_ms(12 * HOUR), HOUR);
    CHECK_EQ(window_hop_ms(12 * DAY - 1), HOUR);
    CHECK_EQ(window_hop_ms(12 * DAY), DAY);
    CHECK_EQ(window_hop_ms(366 * DAY), DAY);
}

static void a_bucket_has_its_end_and_not_its_start(struct test *t)
{
    CHECK_EQ(bucket_of(&hourly, 5 * HOUR, 1, 1).number, 4);
    CHECK_EQ(bucket_of(&hourly, 5 * HOUR + 1, 1, 1).number, 5);
    CHECK_EQ(bucket_of(&hourly, 0, 1, 1).number, -1);
    CHECK_EQ(bucket_of(&hourly, -HOUR, 1, 1).number, -2);
    CHECK_EQ(bucket_of(&hourly, INT64_MIN, 1, 1).number, INT64_MIN / HOUR - 1);
}

static void a_window_has_its_end_and_not_its_start(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    struct ring ring = {0};
    int64_t now_ms = 100 * DAY;
    CHECK(add(&ring, &memory, now_ms, now_ms, 1));
    CHECK(add(&ring, &memory, now_ms, now_ms - DAY + 1, 1));
    CHECK(add(&ring, &memory, now_ms, now_ms - DAY, 1)); /* outside, and its bucket too */
    struct window_reading reading = read(&ring, DAY, now_ms);
    CHECK_EQ(reading.count, 2);
    CHECK(reading.tail_outside == 0);
    ring_release(&ring, &memory);
    memory_release(&memory);
}

static void the_oldest_bucket_counts_by_its_share(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    struct ring ring = {0};
    int64_t start_ms = 100 * DAY;
    for (int i = 0; i < 8; i++)
        CHECK(add(&ring, &memory, start_ms + HOUR, start_ms + 1 + i, 1));
    struct window_reading reading = read(&ring, DAY, start_ms + DAY + HOUR / 4);
    CHECK_EQ(reading.count, 8);
    CHECK_EQ(reading.tail_count, 8);
    CHECK(reading.tail_outside == 0.25);
    /* A bucket that is still running has run only until now. */
    reading = read(&ring, HOUR / 4, start_ms + HOUR / 2);
    CHECK_EQ(reading.tail_count, 8);
    CHECK(reading.tail_outside == 0.5);
    ring_release(&ring, &memory);
    memory_release(&memory);
}

static void what_the_window_cannot_see_is_dropped_on_arrival_as_later(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        int64_t times_ms[200], newest_ms = 0;
        for (int i = 0; i < 200; i++) {
            times_ms[i] = 50 * DAY + (int64_t)choose(&choices, 3 * (uint64_t)DAY);
            if (times_ms[i] > newest_ms) newest_ms = times_ms[i];
        }
        struct ring rings[2] = {{0}, {0}};
        int64_t seen_ms[2] = {INT64_MIN, INT64_MIN};
        for (int i = 0; i < 200; i++) {
            for (int r = 0; r < 2; r++) { /* one forwards, one backwards */
                int64_t time_ms = times_ms[r ? 199 - i : i];
                if (time_ms > seen_ms[r]) seen_ms[r] = time_ms;
                CHECK(add(&rings[r], &memory, seen_ms[r], time_ms, 1));
            }
        }
        for (int r = 0; r < 2; r++)
            ring_prune(&rings[r], &hourly, newest_ms);
        CHECK_EQ(rings[0].count, rings[1].count);
        CHECK(rings[0].count <= 25);
        for (uint32_t i = 0; i < rings[0].count; i++) {
            CHECK_EQ(rings[0].buckets[i].number, rings[1].buckets[i].number);
            CHECK_EQ(rings[0].buckets[i].count, rings[1].buckets[i].count);
        }
        for (int r = 0; r < 2; r++)
            ring_release(&rings[r], &memory);
        choices_release(&choices);
    }
    memory_release(&memory);
}

static void a_bucket_goes_with_its_last_event(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    struct ring ring = {0};
    int64_t now_ms = 100 * DAY;
    CHECK(add(&ring, &memory, now_ms, now_ms, 1));
    CHECK(add(&ring, &memory, now_ms, now_ms - 3 * HOUR, 1));
    CHECK(add(&ring, &memory, now_ms, now_ms - 3 * HOUR - 9, -1));
    CHECK_EQ(ring.count, 1);
    CHECK(add(&ring, &memory, now_ms, now_ms - 9 * HOUR, -1)); /* never counted */
    CHECK_EQ(ring.count, 1);
    CHECK_EQ(ring.buckets[0].count, 1);
    ring_release(&ring, &memory);
    memory_release(&memory);
}

static void a_ring_never_outgrows_its_maximum(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    static const struct ring_shape daily = {DAY, 366 * DAY};
    struct ring ring = {0};
    for (int day = 0; day < 2000; day++) {
        struct bucket event = bucket_of(&daily, day * DAY + 1, 1, 1);
        CHECK(ring_add(&ring, &daily, &memory, day * DAY + 1, &event));
    }
    CHECK_EQ(ring.count, 367);
    CHECK(ring.capacity <= RING_BUCKETS_MAXIMUM);
    ring_release(&ring, &memory);
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(hop_follows_the_window), CASE(a_bucket_has_its_end_and_not_its_start),
        CASE(a_window_has_its_end_and_not_its_start), CASE(the_oldest_bucket_counts_by_its_share),
        CASE(what_the_window_cannot_see_is_dropped_on_arrival_as_later),
        CASE(a_bucket_goes_with_its_last_event), CASE(a_ring_never_outgrows_its_maximum));
}
