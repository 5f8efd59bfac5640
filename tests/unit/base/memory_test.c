#include "base/memory.h"

#include "harness/test.h"

/* Sanitizers end the program at a size that no machine has, unless told to say NULL as malloc does.
 */
#define SEEN_BY_RUNTIME __attribute__((visibility("default")))
SEEN_BY_RUNTIME const char *__asan_default_options(void);
SEEN_BY_RUNTIME const char *__tsan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void bytes_are_counted_until_they_are_given_back(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    char *a = memory_allocate(&memory, 100), *b = memory_allocate_zeroed(&memory, 50);
    CHECK(a && b);
    for (int i = 0; i < 50; i++)
        CHECK_EQ(b[i], 0);
    CHECK_EQ(atomic_load(&memory.used_bytes), 150);
    a[99] = 'x';
    a = memory_resize(&memory, a, 100, 300);
    CHECK(a);
    CHECK_EQ(a[99], 'x');
    CHECK_EQ(atomic_load(&memory.used_bytes), 350);
    a = memory_resize(&memory, a, 300, 10);
    CHECK(a);
    CHECK_EQ(atomic_load(&memory.used_bytes), 60);
    CHECK_EQ(atomic_load(&memory.peak_bytes), 350);
    memory_free(&memory, a, 10);
    memory_free(&memory, b, 50);
    memory_free(&memory, NULL, 77);
    CHECK_EQ(atomic_load(&memory.used_bytes), 0);
    memory_release(&memory);
}

static void nothing_is_given_for_zero_bytes(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    CHECK(!memory_allocate(&memory, 0));
    CHECK(!memory_allocate_zeroed(&memory, 0));
    CHECK_EQ(atomic_load(&memory.call_count), 0);
    memory_release(&memory);
}

static void the_limit_is_the_last_byte_that_is_given(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 100);
    CHECK(!memory_allocate(&memory, 101));
    CHECK_EQ(atomic_load(&memory.used_bytes), 0);
    char *a = memory_allocate(&memory, 60);
    CHECK(a);
    CHECK(!memory_allocate(&memory, 41));
    CHECK(!memory_resize(&memory, a, 60, 101));
    CHECK_EQ(atomic_load(&memory.used_bytes), 60);
    a[59] = 'x';
    a = memory_resize(&memory, a, 60, 100);
    CHECK(a);
    CHECK_EQ(a[59], 'x');
    CHECK(!memory_allocate(&memory, 1));
    CHECK(!memory_allocate(&memory, SIZE_MAX));
    CHECK_EQ(atomic_load(&memory.peak_bytes), 100);
    memory_free(&memory, a, 100);
    memory_release(&memory);
}

static void the_machine_that_has_no_memory_is_not_charged(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    CHECK(!memory_allocate(&memory, SIZE_MAX / 2));
    CHECK_EQ(atomic_load(&memory.used_bytes), 0);
    memory_release(&memory);
}

static void the_nth_call_fails_and_later_ones_only_if_told(struct test *t)
{
    for (int from_then_on = 0; from_then_on < 2; from_then_on++) {
        struct memory memory;
        void *blocks[4];
        memory_init(&memory, 0);
        memory.fail_at_call = 2;
        memory.fail_from_then_on = from_then_on;
        for (int i = 0; i < 4; i++)
            blocks[i] = memory_allocate(&memory, 8);
        CHECK(blocks[0] && !blocks[1]);
        CHECK_EQ(blocks[2] != NULL, !from_then_on);
        CHECK_EQ(blocks[3] != NULL, !from_then_on);
        CHECK_EQ(atomic_load(&memory.call_count), 4);
        for (int i = 0; i < 4; i++)
            memory_free(&memory, blocks[i], 8);
        memory_release(&memory);
    }
}

static void growing_can_be_made_to_fail_and_shrinking_cannot(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    char *block = memory_allocate(&memory, 8);
    CHECK(block);
    block[0] = 'x';
    memory.fail_at_call = 2;
    memory.fail_from_then_on = true;
    CHECK(!memory_resize(&memory, block, 8, 16));
    CHECK_EQ(block[0], 'x');
    block = memory_resize(&memory, block, 8, 4);
    CHECK(block);
    CHECK_EQ(block[0], 'x');
    CHECK_EQ(atomic_load(&memory.used_bytes), 4);
    memory_free(&memory, block, 4);
    memory_release(&memory);
}

static void an_array_doubles_from_eight_to_its_maximum(struct test *t)
{
    struct memory memory;
    void *array = NULL;
    size_t capacity = 0;
    memory_init(&memory, 0);
    CHECK(memory_grow(&memory, &array, &capacity, 0, 4, 50));
    CHECK_EQ(capacity, 0);
    static const struct {
        size_t need, capacity;
    } steps[] = {{1, 8}, {8, 8}, {9, 16}, {33, 50}, {50, 50}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        CHECK(memory_grow(&memory, &array, &capacity, steps[i].need, 4, 50));
        CHECK_EQ(capacity, steps[i].capacity);
        CHECK_EQ(atomic_load(&memory.used_bytes), 4 * capacity);
    }
    void *before = array;
    CHECK(!memory_grow(&memory, &array, &capacity, 51, 4, 50));
    CHECK(array == before);
    CHECK_EQ(capacity, 50);
    memory_free(&memory, array, capacity * 4);
    memory_release(&memory);
}

static void an_array_that_cannot_grow_stays_as_it_was(struct test *t)
{
    struct memory memory;
    void *array = NULL;
    size_t capacity = 0;
    memory_init(&memory, 100);
    CHECK(memory_grow(&memory, &array, &capacity, 3, 10, SIZE_MAX));
    memset(array, 'x', 80);
    CHECK(!memory_grow(&memory, &array, &capacity, 9, 10, SIZE_MAX));
    CHECK(!memory_grow(&memory, &array, &capacity, SIZE_MAX / 2, 10, SIZE_MAX));
    CHECK_EQ(capacity, 8);
    CHECK_EQ(((char *)array)[79], 'x');
    memory_free(&memory, array, 80);
    memory_release(&memory);
}

static void sizes_that_overflow_are_refused(struct test *t)
{
    size_t result = 7;
    CHECK(size_add(SIZE_MAX - 1, 1, &result) && result == SIZE_MAX);
    CHECK(!size_add(SIZE_MAX, 1, &result) && result == SIZE_MAX);
    CHECK(size_multiply(SIZE_MAX / 2, 2, &result) && result == SIZE_MAX - 1);
    CHECK(!size_multiply(SIZE_MAX / 2 + 1, 2, &result) && result == SIZE_MAX - 1);
    CHECK(size_multiply(0, SIZE_MAX, &result) && result == 0);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(bytes_are_counted_until_they_are_given_back),
        CASE(nothing_is_given_for_zero_bytes), CASE(the_limit_is_the_last_byte_that_is_given),
        CASE(the_machine_that_has_no_memory_is_not_charged),
        CASE(the_nth_call_fails_and_later_ones_only_if_told),
        CASE(growing_can_be_made_to_fail_and_shrinking_cannot),
        CASE(an_array_doubles_from_eight_to_its_maximum),
        CASE(an_array_that_cannot_grow_stays_as_it_was), CASE(sizes_that_overflow_are_refused));
}
