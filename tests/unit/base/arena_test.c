#include "base/arena.h"

#include "base/choices.h"
#include "harness/test.h"

#include <stdalign.h>

static void blocks_are_zeroed_aligned_and_apart(struct test *t)
{
    enum { BLOCKS = 2000 };
    static unsigned char *blocks[BLOCKS];
    static size_t sizes[BLOCKS];
    struct memory memory;
    struct arena arena;
    struct choices choices;
    memory_init(&memory, 0);
    choices_from_seed(&choices, 5, NULL);
    arena_init(&arena, &memory, (size_t)1 << 26);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < BLOCKS; i++) {
            sizes[i] = (size_t)choose(&choices, choose_one_in(&choices, 50) ? 40000 : 200);
            blocks[i] = arena_allocate(&arena, sizes[i]);
            CHECK(blocks[i]);
            CHECK_EQ((uintptr_t)blocks[i] % alignof(max_align_t), 0);
            for (size_t j = 0; j < sizes[i]; j++)
                CHECK_EQ(blocks[i][j], 0);
            if (sizes[i] > 0) memset(blocks[i], i & 0xff, sizes[i]);
        }
        for (int i = 0; i < BLOCKS; i++)
            for (size_t j = 0; j < sizes[i]; j++)
                CHECK_EQ(blocks[i][j], i & 0xff);
        arena_reset(&arena);
        CHECK_EQ(arena.used_bytes, 0);
    }
    arena_release(&arena);
    memory_release(&memory);
}

static void the_maximum_is_what_is_handed_out(struct test *t)
{
    struct memory memory;
    struct arena arena;
    memory_init(&memory, 0);
    arena_init(&arena, &memory, 1024);
    CHECK(!arena_allocate(&arena, 1025));
    CHECK(arena_allocate(&arena, 1000));
    CHECK(arena_allocate(&arena, 16));
    CHECK(!arena_allocate(&arena, 1));
    CHECK(!arena_allocate(&arena, SIZE_MAX));
    CHECK(!arena_array(&arena, SIZE_MAX / 2, 3));
    arena_reset(&arena);
    CHECK(arena_array(&arena, 128, 8));
    CHECK(!arena_array(&arena, 1, 1));
    arena_release(&arena);
    CHECK(arena_allocate(&arena, 1024));
    arena_release(&arena);
    memory_release(&memory);
}

static void a_reset_keeps_one_block_and_a_release_none(struct test *t)
{
    struct memory memory;
    struct arena arena;
    memory_init(&memory, 0);
    arena_init(&arena, &memory, (size_t)1 << 24);
    for (int i = 0; i < 100; i++)
        CHECK(arena_allocate(&arena, 5000));
    size_t full = atomic_load(&memory.used_bytes);
    arena_reset(&arena);
    size_t kept = atomic_load(&memory.used_bytes);
    CHECK(kept > 0 && kept < full);
    unsigned long long calls = atomic_load(&memory.call_count);
    CHECK(arena_allocate(&arena, 100));
    CHECK_EQ(atomic_load(&memory.call_count), calls);
    arena_release(&arena);
    CHECK_EQ(atomic_load(&memory.used_bytes), 0);
    arena_release(&arena);
    arena_reset(&arena);
    memory_release(&memory);
}

static void no_memory_leaves_what_was_handed_out(struct test *t)
{
    struct memory memory;
    struct arena arena;
    memory_init(&memory, 0);
    arena_init(&arena, &memory, (size_t)1 << 24);
    char *text = arena_copy(&arena, "kept", 4);
    CHECK(text);
    size_t used = arena.used_bytes;
    memory.fail_at_call = atomic_load(&memory.call_count) + 1;
    CHECK(!arena_allocate(&arena, 100000));
    CHECK_TEXT(text, "kept");
    CHECK_EQ(arena.used_bytes, used);
    CHECK(arena_allocate(&arena, 100000));
    arena_release(&arena);
    memory_release(&memory);
}

static void copies_and_formats_end_with_a_nul(struct test *t)
{
    struct memory memory;
    struct arena arena;
    memory_init(&memory, 0);
    arena_init(&arena, &memory, 1 << 16);
    const char *copy = arena_copy(&arena, "a\0b", 3);
    CHECK(copy && memcmp(copy, "a\0b", 4) == 0);
    const char *nothing = arena_copy(&arena, NULL, 0);
    CHECK(nothing && nothing[0] == '\0');
    CHECK_TEXT(arena_format(&arena, "%s-%d", "x", 42), "x-42");
    CHECK_EQ(strlen(arena_format(&arena, "%5000d", 1)), 5000);
    CHECK(!arena_format(&arena, "%70000d", 1));
    arena_release(&arena);
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(blocks_are_zeroed_aligned_and_apart),
               CASE(the_maximum_is_what_is_handed_out),
               CASE(a_reset_keeps_one_block_and_a_release_none),
               CASE(no_memory_leaves_what_was_handed_out), CASE(copies_and_formats_end_with_a_nul));
}
