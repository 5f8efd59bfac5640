#include "base/choices.h"

#include "harness/test.h"

/* Draws with bounds that follow from what was drawn before. */
static uint64_t draw_case(struct choices *choices, int count)
{
    uint64_t sum = 0;
    for (int i = 0; i < count; i++) {
        uint64_t value = choose(choices, sum % 1000 + 1);
        sum = sum * 31 + value + choose_between(choices, 5, 9);
        if (choose_one_in(choices, 4)) sum++;
    }
    return sum;
}

static void every_answer_lies_within_its_bound(struct test *t)
{
    static const uint64_t bounds[] = {
        0, 1, 2, 9, 255, 256, UINT64_C(1) << 40, UINT64_MAX - 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        struct choices choices;
        uint64_t largest = 0;
        choices_from_seed(&choices, i, NULL);
        for (int n = 0; n < 2000; n++) {
            uint64_t value = choose(&choices, bounds[i]);
            CHECK(value <= bounds[i]);
            if (value > largest) largest = value;
        }
        CHECK(largest >= bounds[i] / 2);
    }
}

static void a_range_has_both_its_ends(struct test *t)
{
    struct choices choices;
    bool seen[3] = {false};
    choices_from_seed(&choices, 4, NULL);
    for (int i = 0; i < 200; i++) {
        uint64_t value = choose_between(&choices, 7, 9);
        CHECK(value >= 7 && value <= 9);
        seen[value - 7] = true;
    }
    CHECK(seen[0] && seen[1] && seen[2]);
    CHECK(choose_between(&choices, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
    (void)choose_between(&choices, 0, UINT64_MAX);
}

static void one_in_n_comes_about_once_in_n(struct test *t)
{
    struct choices choices;
    int count = 0;
    choices_from_seed(&choices, 4, NULL);
    for (int i = 0; i < 10000; i++)
        count += choose_one_in(&choices, 10);
    CHECK(count > 850 && count < 1150); /* 1000 expected, 30 is the standard deviation */
    CHECK(choose_one_in(&choices, 1));
}

static void equal_seeds_give_equal_answers(struct test *t)
{
    struct choices a, b, other;
    choices_from_seed(&a, 17, NULL);
    choices_from_seed(&b, 17, NULL);
    choices_from_seed(&other, 18, NULL);
    uint64_t drawn = draw_case(&a, 100);
    CHECK(draw_case(&b, 100) == drawn);
    CHECK(draw_case(&other, 100) != drawn);
}

static void what_was_recorded_replays_the_case(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct choices recorded, replayed;
        choices_from_seed(&recorded, seed, &memory);
        uint64_t drawn = draw_case(&recorded, 60);
        CHECK_EQ(recorded.drawn_count, 180);
        CHECK(!recorded.overrun);
        choices_from_list(&replayed, recorded.drawn, recorded.drawn_count, &memory);
        CHECK(draw_case(&replayed, 60) == drawn);
        CHECK_EQ(replayed.drawn_count, recorded.drawn_count);
        CHECK(memcmp(replayed.drawn, recorded.drawn, 180 * sizeof(uint64_t)) == 0);
        choices_release(&replayed);
        choices_release(&recorded);
    }
    memory_release(&memory);
}

static void a_list_or_bytes_that_are_used_up_answer_zero(struct test *t)
{
    static const uint64_t list[] = {3, 900};
    static const uint8_t bytes[] = {200, 1, 2};
    struct choices choices;
    choices_from_list(&choices, list, 2, NULL);
    CHECK_EQ(choose(&choices, 5), 3);
    CHECK_EQ(choose(&choices, 5), 5); /* a recorded answer over the bound is the bound */
    CHECK_EQ(choose(&choices, 5), 0);
    CHECK(!choose_one_in(&choices, 2));
    choices_from_list(&choices, NULL, 0, NULL);
    CHECK_EQ(choose(&choices, 5), 0);
    choices_from_bytes(&choices, bytes, sizeof bytes);
    CHECK_EQ(choose(&choices, 0), 0); /* what is certain takes no byte */
    CHECK_EQ(choose(&choices, 9), 200 % 10);
    CHECK_EQ(choose(&choices, 65535), 0x0102);
    CHECK_EQ(choose(&choices, 9), 0);
    choices_from_bytes(&choices, NULL, 0);
    CHECK_EQ(choose(&choices, 9), 0);
    choices_release(&choices);
}

static void a_record_without_memory_says_that_it_is_not_whole(struct test *t)
{
    struct memory memory;
    struct choices choices;
    memory_init(&memory, 64);
    choices_from_seed(&choices, 3, &memory);
    uint64_t drawn = draw_case(&choices, 10);
    CHECK(choices.overrun);
    CHECK_EQ(choices.drawn_count, 8);
    choices_release(&choices);
    choices_from_seed(&choices, 3, NULL);
    CHECK(draw_case(&choices, 10) == drawn);
    CHECK(!choices.overrun);
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(every_answer_lies_within_its_bound),
               CASE(a_range_has_both_its_ends), CASE(one_in_n_comes_about_once_in_n),
               CASE(equal_seeds_give_equal_answers), CASE(what_was_recorded_replays_the_case),
               CASE(a_list_or_bytes_that_are_used_up_answer_zero),
               CASE(a_record_without_memory_says_that_it_is_not_whole));
}
