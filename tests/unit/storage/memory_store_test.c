/* The contract on the memory store (in its faulty form, which can crash), and what that form loses
 * and keeps. */
#include "storage/memory_store.h"

#include "unit/storage/store_contract.h"

static bool home_open(struct home *home)
{
    *home = (struct home){0};
    memory_init(&home->memory, 0);
    return memory_store_open_faulty(&home->memory, &home->store, &home->error) == CODE_OK;
}

static bool home_restart(struct home *home)
{
    return memory_store_crash(home->store, SIZE_MAX, &home->error) == CODE_OK;
}

static bool home_crash(struct home *home)
{
    return memory_store_crash(home->store, 0, &home->error) == CODE_OK;
}

static void home_close(struct home *home)
{
    store_close(home->store);
    memory_release(&home->memory);
}

static bool shows(struct home *home, uint64_t expected)
{
    uint64_t number;
    for (enum keyspace i = 0; i < KEYSPACE_COUNT; i++)
        if (!read_number(home->store, i, &number) || number != expected) return false;
    return true;
}

static void a_crash_leaves_a_prefix_of_the_batches_since_the_flush(struct test *t)
{
    for (uint64_t keep = 0; keep <= 4; keep++) {
        struct home home;
        CHECK(home_open(&home));
        CHECK_EQ(write_number(home.store, 1, &home.error), CODE_OK);
        CHECK_EQ(store_flush(home.store, &home.error), CODE_OK);
        CHECK_EQ(memory_store_pending(home.store), 0);
        for (uint64_t i = 2; i <= 4; i++)
            CHECK_EQ(write_number(home.store, i, &home.error), CODE_OK);
        CHECK_EQ(memory_store_pending(home.store), 3);
        CHECK_EQ(memory_store_crash(home.store, keep, &home.error), CODE_OK);
        CHECK(shows(&home, keep < 3 ? 1 + keep : 4));
        CHECK_EQ(memory_store_pending(home.store), 0);
        CHECK_EQ(memory_store_crash(home.store, 0, &home.error), CODE_OK);
        CHECK(shows(&home, keep < 3 ? 1 + keep : 4));
        home_close(&home);
    }
}

static void the_call_that_is_made_to_fail_does_nothing(struct test *t)
{
    struct home home;
    CHECK(home_open(&home));
    CHECK_EQ(write_number(home.store, 1, &home.error), CODE_OK);
    memory_store_fail_at(home.store, 2);
    CHECK_EQ(write_number(home.store, 2, &home.error), CODE_OK);
    CHECK_EQ(write_number(home.store, 3, &home.error), CODE_IO);
    CHECK(shows(&home, 2));
    memory_store_fail_at(home.store, 1);
    CHECK_EQ(store_flush(home.store, &home.error), CODE_IO);
    CHECK_EQ(memory_store_pending(home.store), 2);
    CHECK(home_crash(&home));
    CHECK(shows(&home, 0));
    home_close(&home);
}

static void a_store_that_ignores_flush_loses_what_was_flushed(struct test *t)
{
    struct home home;
    CHECK(home_open(&home));
    memory_store_ignore_flush(home.store, true);
    CHECK_EQ(write_number(home.store, 1, &home.error), CODE_OK);
    CHECK_EQ(store_flush(home.store, &home.error), CODE_OK);
    CHECK(home_crash(&home));
    CHECK(shows(&home, 0));
    home_close(&home);
}

static void a_flush_without_memory_leaves_a_prefix_to_crash_to(struct test *t)
{
    enum code code = CODE_NO_MEMORY;
    for (unsigned long long n = 1; code != CODE_OK; n++) {
        for (uint64_t keep = 0; keep < 3; keep++) {
            struct home home;
            uint64_t number;
            CHECK(home_open(&home));
            for (uint64_t i = 1; i <= 3; i++)
                CHECK_EQ(write_number(home.store, i, &home.error), CODE_OK);
            home.memory.fail_at_call = atomic_load(&home.memory.call_count) + n;
            code = store_flush(home.store, &home.error);
            home.memory.fail_at_call = 0;
            size_t pending = memory_store_pending(home.store);
            CHECK(code == CODE_OK ? pending == 0 : code == CODE_NO_MEMORY && pending > 0);
            CHECK_EQ(memory_store_crash(home.store, (size_t)keep, &home.error), CODE_OK);
            CHECK(read_number(home.store, KEYSPACE_ITEMS, &number));
            CHECK_EQ(number, 3 - pending + (keep < pending ? keep : pending));
            CHECK(shows(&home, number));
            home_close(&home);
        }
    }
}

static void a_plain_store_keeps_no_second_copy(struct test *t)
{
    struct memory plain, faulty;
    struct store *stores[2];
    struct error error;
    memory_init(&plain, 0);
    memory_init(&faulty, 0);
    CHECK_EQ(memory_store_open(&plain, &stores[0], &error), CODE_OK);
    CHECK_EQ(memory_store_open_faulty(&faulty, &stores[1], &error), CODE_OK);
    for (int i = 0; i < 2; i++) {
        for (uint64_t n = 0; n < 20; n++)
            CHECK_EQ(write_number(stores[i], n, &error), CODE_OK);
        CHECK_EQ(store_flush(stores[i], &error), CODE_OK);
    }
    CHECK(atomic_load(&plain.used_bytes) < atomic_load(&faulty.used_bytes));
    for (int i = 0; i < 2; i++)
        store_close(stores[i]);
    store_close(NULL);
    memory_release(&plain);
    memory_release(&faulty);
}

static void opening_without_memory_is_refused(struct test *t)
{
    struct memory memory;
    struct store *store;
    struct error error;
    memory_init(&memory, 64);
    CHECK_EQ(memory_store_open(&memory, &store, &error), CODE_NO_MEMORY);
    CHECK(!store);
    memory_release(&memory);
}

static void a_store_in_memory_is_not_copied_to_a_directory(struct test *t)
{
    struct home home;
    CHECK(home_open(&home));
    CHECK_EQ(store_checkpoint(home.store, home.folder.path, &home.error), CODE_INVALID);
    CHECK(strstr(home.error.message, "in memory"));
    home_close(&home);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, STORE_CONTRACT,
               CASE(a_crash_leaves_a_prefix_of_the_batches_since_the_flush),
               CASE(the_call_that_is_made_to_fail_does_nothing),
               CASE(a_store_that_ignores_flush_loses_what_was_flushed),
               CASE(a_flush_without_memory_leaves_a_prefix_to_crash_to),
               CASE(a_plain_store_keeps_no_second_copy),
               CASE(a_store_in_memory_is_not_copied_to_a_directory),
               CASE(opening_without_memory_is_refused));
}
