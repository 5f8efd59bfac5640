/* What every backend owes: one suite, which each backend's test runs over itself.
 *
 * A backend opens an empty store, closes and opens it again (`restart`: nothing is lost), and dies
 * and opens again (`crash`: what was flushed is there). */
#ifndef TIDAL_TESTS_STORE_CONTRACT_H
#define TIDAL_TESTS_STORE_CONTRACT_H

#include "harness/folder.h"
#include "harness/store_rows.h"
#include "harness/test.h"
#include "os/threads.h"
#include "storage/key.h"
#include "unit/storage/store_model.h"

#include <stdatomic.h>

struct home {
    struct memory memory;
    struct folder folder;
    unsigned generation; /* of a backend that moves on a crash */
    struct store *store;
    struct error error;
};

/* Of the backend under test. */
static bool home_open(struct home *home);
static bool home_restart(struct home *home);
static bool home_crash(struct home *home);
static void home_close(struct home *home);

#define TEXT(text) slice_of(text, sizeof(text) - 1)
#define EVERYTHING ((struct key_range){0})

static bool has(struct home *home, enum keyspace keyspace, struct slice key, struct slice expected)
{
    struct buffer value;
    bool found = false;
    buffer_init(&value, &home->memory, 1 << 24);
    buffer_put_u8(&value, 'x');
    bool ok = store_get(home->store, keyspace, key, &value, &found, &home->error) == CODE_OK &&
              found && slice_equal(buffer_slice(&value), expected);
    buffer_release(&value);
    return ok;
}

static bool lacks(struct home *home, enum keyspace keyspace, struct slice key)
{
    struct buffer value;
    bool found = true;
    buffer_init(&value, &home->memory, 1 << 24);
    bool ok = store_get(home->store, keyspace, key, &value, &found, &home->error) == CODE_OK &&
              !found && value.bytes == 0;
    buffer_release(&value);
    return ok;
}

static bool put(struct home *home, enum keyspace keyspace, struct slice key, struct slice value)
{
    return store_put(home->store, keyspace, key, value, &home->error) == CODE_OK;
}

/* The keys of a range as "a,b,". */
static const char *keys_in(struct home *home, enum keyspace keyspace, struct key_range range)
{
    static char text[1024];
    struct store_scan *scan = NULL;
    struct slice key, value;
    bool has_row = true;
    size_t used = 0;
    text[0] = '\0';
    if (store_scan_open(home->store, keyspace, range, &scan, &home->error) != CODE_OK)
        return "cannot open";
    for (;;) {
        if (store_scan_next(scan, &key, &value, &has_row, &home->error) != CODE_OK || !has_row)
            break;
        used += (size_t)snprintf(text + used, sizeof text - used, "%.*s,", (int)key.bytes,
                                 (const char *)key.data);
    }
    store_scan_close(scan);
    return text;
}

static void a_row_is_read_as_it_was_put_until_it_is_deleted(struct test *t)
{
    struct home home;
    CHECK(home_open(&home));
    CHECK(lacks(&home, KEYSPACE_ITEMS, TEXT("k")));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("first")));
    CHECK(has(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("first")));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("2")));
    CHECK(has(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("2")));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("k"), (struct slice){0}));
    CHECK(has(&home, KEYSPACE_ITEMS, TEXT("k"), (struct slice){0}));
    CHECK(lacks(&home, KEYSPACE_ITEMS, TEXT("ke")));
    CHECK(lacks(&home, KEYSPACE_ITEMS, (struct slice){0}));
    CHECK_EQ(store_delete(home.store, KEYSPACE_ITEMS, TEXT("k"), &home.error), CODE_OK);
    CHECK(lacks(&home, KEYSPACE_ITEMS, TEXT("k")));
    CHECK_EQ(store_delete(home.store, KEYSPACE_ITEMS, TEXT("k"), &home.error), CODE_OK);
    home_close(&home);
}

/* What store_get_many gives, as "0=value,1-,": at most as many as `most`, then it is told to end.
 */
struct taken {
    char text[8192];
    size_t used, count, most;
};

static enum code take_row(void *context, size_t index, const struct slice *row, struct error *error)
{
    struct taken *taken = context;
    if (taken->count++ == taken->most)
        return error_set(error, CODE_CANCELLED, AREA_STORE, "enough");
    taken->used += (size_t)snprintf(taken->text + taken->used, sizeof taken->text - taken->used,
                                    row ? "%zu=%.*s," : "%zu-,", index, row ? (int)row->bytes : 0,
                                    row ? (const char *)row->data : "");
    return CODE_OK;
}

static void many_rows_are_given_in_the_order_they_are_asked_for(struct test *t)
{
    struct slice keys[] = {TEXT("m"), TEXT("a"), TEXT("none"), TEXT("m"), TEXT("empty"), TEXT("b")};
    struct taken taken = {.most = 6};
    struct store_wanted wanted = {KEYSPACE_USERS, keys, 6, take_row, &taken};
    struct home home;
    CHECK(home_open(&home));
    CHECK(put(&home, KEYSPACE_USERS, TEXT("a"), TEXT("1")));
    CHECK(put(&home, KEYSPACE_USERS, TEXT("m"), TEXT("2")));
    CHECK(put(&home, KEYSPACE_USERS, TEXT("empty"), (struct slice){0}));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("b"), TEXT("of another keyspace")));
    CHECK_EQ(store_get_many(home.store, &wanted, &home.error), CODE_OK);
    CHECK_TEXT(taken.text, "0=2,1=1,2-,3=2,4=,5-,");
    taken = (struct taken){.most = 2};
    CHECK_EQ(store_get_many(home.store, &wanted, &home.error), CODE_CANCELLED);
    CHECK_TEXT(taken.text, "0=2,1=1,");
    wanted.count = 0;
    CHECK_EQ(store_get_many(home.store, &wanted, &home.error), CODE_OK);
    home_close(&home);
}

/* More than any backend reads at once, before and after it was opened again. */
static void hundreds_of_rows_are_read_together(struct test *t)
{
    enum { ROWS = 700 };
    static char texts[ROWS][8];
    static struct slice keys[ROWS];
    static struct taken taken;
    struct home home;
    CHECK(home_open(&home));
    for (size_t i = 0; i < ROWS; i++) {
        int bytes = snprintf(texts[i], sizeof texts[i], "%zu", i * 7919 % ROWS);
        keys[i] = slice_of(texts[i], (size_t)bytes);
        if (i % 3 > 0) CHECK(put(&home, KEYSPACE_ITEMS, keys[i], keys[i]));
    }
    for (int again = 0; again < 2; again++) {
        char expected[sizeof taken.text];
        size_t used = 0;
        taken = (struct taken){.most = ROWS};
        struct store_wanted wanted = {KEYSPACE_ITEMS, keys, ROWS, take_row, &taken};
        CHECK_EQ(store_get_many(home.store, &wanted, &home.error), CODE_OK);
        for (size_t i = 0; i < ROWS; i++)
            used += (size_t)snprintf(expected + used, sizeof expected - used,
                                     i % 3 > 0 ? "%zu=%s," : "%zu-,", i, texts[i]);
        CHECK_TEXT(taken.text, expected);
        CHECK(home_restart(&home));
    }
    home_close(&home);
}

static void keyspaces_do_not_see_each_other(struct test *t)
{
    static const char *const values[KEYSPACE_COUNT] = {"items", "users", "creators", "database"};
    struct home home;
    CHECK(home_open(&home));
    for (enum keyspace i = 0; i < KEYSPACE_COUNT; i++)
        CHECK(put(&home, i, TEXT("k"), slice_of(values[i], strlen(values[i]))));
    CHECK_EQ(store_delete(home.store, KEYSPACE_USERS, TEXT("k"), &home.error), CODE_OK);
    CHECK(home_restart(&home));
    for (enum keyspace i = 0; i < KEYSPACE_COUNT; i++) {
        if (i == KEYSPACE_USERS) {
            CHECK(lacks(&home, i, TEXT("k")));
            CHECK_TEXT(keys_in(&home, i, EVERYTHING), "");
        } else {
            CHECK(has(&home, i, TEXT("k"), slice_of(values[i], strlen(values[i]))));
            CHECK_TEXT(keys_in(&home, i, EVERYTHING), "k,");
        }
    }
    home_close(&home);
}

static void a_scan_gives_its_range_in_order_of_bytes(struct test *t)
{
    static const char *const keys[] = {"b", "a", "bb", "ab", "c", "\xff", "b\xff", "B"};
    struct home home;
    struct key_bounds bounds;
    CHECK(home_open(&home));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        CHECK(put(&home, KEYSPACE_USERS, slice_of(keys[i], strlen(keys[i])), TEXT("v")));
    CHECK_TEXT(keys_in(&home, KEYSPACE_USERS, EVERYTHING), "B,a,ab,b,bb,b\xff,c,\xff,");
    struct key_range range = {TEXT("a"), TEXT("b")};
    CHECK_TEXT(keys_in(&home, KEYSPACE_USERS, range), "a,ab,");
    range = (struct key_range){TEXT("aa"), TEXT("bbb")};
    CHECK_TEXT(keys_in(&home, KEYSPACE_USERS, range), "ab,b,bb,");
    range = (struct key_range){TEXT("bb"), {0}};
    CHECK_TEXT(keys_in(&home, KEYSPACE_USERS, range), "bb,b\xff,c,\xff,");
    range = (struct key_range){{0}, TEXT("ab")};
    CHECK_TEXT(keys_in(&home, KEYSPACE_USERS, range), "B,a,");
    range = (struct key_range){TEXT("c"), TEXT("a")};
    CHECK_TEXT(keys_in(&home, KEYSPACE_USERS, range), "");
    range = (struct key_range){TEXT("b"), TEXT("b")};
    CHECK_TEXT(keys_in(&home, KEYSPACE_USERS, range), "");
    range = key_range_of_prefix(TEXT("b"), &bounds);
    CHECK_TEXT(keys_in(&home, KEYSPACE_USERS, range), "b,bb,b\xff,");
    range = key_range_of_prefix(TEXT("\xff"), &bounds);
    CHECK_TEXT(keys_in(&home, KEYSPACE_USERS, range), "\xff,");
    range = key_range_of_prefix((struct slice){0}, &bounds);
    CHECK_TEXT(keys_in(&home, KEYSPACE_USERS, range), "B,a,ab,b,bb,b\xff,c,\xff,");
    home_close(&home);
}

/* Joins keys; fails at the one that it is told. */
struct joined {
    char text[64];
    const char *failing;
};

static enum code join(void *context, struct slice key, struct slice value, struct error *error)
{
    struct joined *joined = context;
    (void)value;
    if (slice_equal(key, slice_of(joined->failing, strlen(joined->failing))))
        return error_set(error, CODE_CORRUPT, AREA_STORE, "row '%s'", joined->failing);
    size_t used = strlen(joined->text);
    snprintf(joined->text + used, sizeof joined->text - used, "%.*s,", (int)key.bytes,
             (const char *)key.data);
    return CODE_OK;
}

static void each_row_of_a_range_is_given_until_one_fails(struct test *t)
{
    struct home home;
    struct joined all = {.failing = "none"}, some = {.failing = "c"};
    struct key_range range = {TEXT("b"), {0}};
    CHECK(home_open(&home));
    for (char key = 'a'; key <= 'd'; key++)
        CHECK(put(&home, KEYSPACE_ITEMS, slice_of(&key, 1), TEXT("v")));
    CHECK_EQ(store_for_each(home.store, KEYSPACE_ITEMS, range, join, &all, &home.error), CODE_OK);
    CHECK_TEXT(all.text, "b,c,d,");
    CHECK_EQ(store_for_each(home.store, KEYSPACE_ITEMS, range, join, &some, &home.error),
             CODE_CORRUPT);
    CHECK_TEXT(some.text, "b,");
    CHECK_TEXT(home.error.message, "row 'c'");
    home_close(&home);
}

static void a_scan_stays_at_its_end(struct test *t)
{
    struct home home;
    struct store_scan *scan;
    struct slice key, value;
    bool has_row;
    CHECK(home_open(&home));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("a"), TEXT("1")));
    CHECK_EQ(store_scan_open(home.store, KEYSPACE_ITEMS, EVERYTHING, &scan, &home.error), CODE_OK);
    CHECK_EQ(store_scan_next(scan, &key, &value, &has_row, &home.error), CODE_OK);
    CHECK(has_row);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(store_scan_next(scan, &key, &value, &has_row, &home.error), CODE_OK);
        CHECK(!has_row);
    }
    store_scan_close(scan);
    store_scan_close(NULL);
    home_close(&home);
}

static void a_scan_keeps_its_own_copy_of_the_range(struct test *t)
{
    struct home home;
    struct store_scan *scan;
    struct slice key, value;
    char lower[] = "b", upper[] = "c";
    bool has_row;
    CHECK(home_open(&home));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("a"), TEXT("1")));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("b"), TEXT("2")));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("c"), TEXT("3")));
    struct key_range range = {slice_of(lower, 1), slice_of(upper, 1)};
    CHECK_EQ(store_scan_open(home.store, KEYSPACE_ITEMS, range, &scan, &home.error), CODE_OK);
    lower[0] = 'a';
    upper[0] = 'z';
    CHECK_EQ(store_scan_next(scan, &key, &value, &has_row, &home.error), CODE_OK);
    CHECK(has_row && slice_equal(key, TEXT("b")) && slice_equal(value, TEXT("2")));
    CHECK_EQ(store_scan_next(scan, &key, &value, &has_row, &home.error), CODE_OK);
    CHECK(!has_row);
    store_scan_close(scan);
    home_close(&home);
}

static void write_new_rows(void *argument)
{
    struct home *home = argument;
    struct error error;
    enum code code = store_put(home->store, KEYSPACE_ITEMS, TEXT("aa"), TEXT("new"), &error);
    if (code == CODE_OK) code = store_delete(home->store, KEYSPACE_ITEMS, TEXT("b"), &error);
    if (code == CODE_OK)
        code = store_put(home->store, KEYSPACE_ITEMS, TEXT("a"), TEXT("2"), &error);
    (void)code; /* what it has done is looked at */
}

static void a_scan_shows_rows_as_they_were_when_it_was_opened(struct test *t)
{
    struct home home;
    struct store_scan *scan;
    struct slice key, value;
    struct thread writer;
    bool has_row;
    CHECK(home_open(&home));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("a"), TEXT("1")));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("b"), TEXT("1")));
    CHECK_EQ(store_scan_open(home.store, KEYSPACE_ITEMS, EVERYTHING, &scan, &home.error), CODE_OK);
    CHECK_EQ(thread_start(&writer, "writer", write_new_rows, &home, &home.error), CODE_OK);
    thread_sleep_ns(20000000);
    CHECK_EQ(store_scan_next(scan, &key, &value, &has_row, &home.error), CODE_OK);
    CHECK(has_row && slice_equal(key, TEXT("a")) && slice_equal(value, TEXT("1")));
    CHECK_EQ(store_scan_next(scan, &key, &value, &has_row, &home.error), CODE_OK);
    CHECK(has_row && slice_equal(key, TEXT("b")));
    CHECK_EQ(store_scan_next(scan, &key, &value, &has_row, &home.error), CODE_OK);
    CHECK(!has_row);
    store_scan_close(scan);
    thread_join(&writer);
    CHECK_TEXT(keys_in(&home, KEYSPACE_ITEMS, EVERYTHING), "a,aa,");
    CHECK(has(&home, KEYSPACE_ITEMS, TEXT("a"), TEXT("2")));
    home_close(&home);
}

static void the_last_operation_on_a_key_wins_in_a_batch(struct test *t)
{
    struct home home;
    struct store_batch *batch;
    CHECK(home_open(&home));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("c"), TEXT("old")));
    CHECK_EQ(store_batch_create(home.store, &batch, &home.error), CODE_OK);
    struct error *error = &home.error;
    CHECK_EQ(store_batch_put(batch, KEYSPACE_ITEMS, TEXT("a"), TEXT("1"), error), CODE_OK);
    CHECK_EQ(store_batch_put(batch, KEYSPACE_ITEMS, TEXT("a"), TEXT("2"), error), CODE_OK);
    CHECK_EQ(store_batch_put(batch, KEYSPACE_ITEMS, TEXT("b"), TEXT("1"), error), CODE_OK);
    CHECK_EQ(store_batch_delete(batch, KEYSPACE_ITEMS, TEXT("b"), error), CODE_OK);
    CHECK_EQ(store_batch_delete(batch, KEYSPACE_ITEMS, TEXT("c"), error), CODE_OK);
    CHECK_EQ(store_batch_put(batch, KEYSPACE_ITEMS, TEXT("c"), TEXT("3"), error), CODE_OK);
    CHECK_EQ(store_batch_count(batch), 6);
    CHECK(lacks(&home, KEYSPACE_ITEMS, TEXT("a")));
    CHECK_EQ(store_write(home.store, batch, error), CODE_OK);
    CHECK(has(&home, KEYSPACE_ITEMS, TEXT("a"), TEXT("2")));
    CHECK(lacks(&home, KEYSPACE_ITEMS, TEXT("b")));
    CHECK(has(&home, KEYSPACE_ITEMS, TEXT("c"), TEXT("3")));
    store_batch_clear(batch);
    CHECK_EQ(store_batch_count(batch), 0);
    CHECK_EQ(store_batch_bytes(batch), 0);
    CHECK_EQ(store_write(home.store, batch, error), CODE_OK);
    CHECK_TEXT(keys_in(&home, KEYSPACE_ITEMS, EVERYTHING), "a,c,");
    store_batch_free(batch);
    store_batch_free(NULL);
    home_close(&home);
}

static void a_batch_copies_what_it_is_given(struct test *t)
{
    struct home home;
    struct store_batch *batch;
    char key[] = "key", value[] = "value";
    CHECK(home_open(&home));
    CHECK_EQ(store_batch_create(home.store, &batch, &home.error), CODE_OK);
    CHECK_EQ(store_batch_put(batch, KEYSPACE_DATABASE, slice_of(key, 3), slice_of(value, 5),
                             &home.error),
             CODE_OK);
    memset(key, 'x', 3);
    memset(value, 'x', 5);
    CHECK_EQ(store_write(home.store, batch, &home.error), CODE_OK);
    store_batch_free(batch);
    CHECK(has(&home, KEYSPACE_DATABASE, TEXT("key"), TEXT("value")));
    home_close(&home);
}

static void what_was_flushed_survives_a_crash(struct test *t)
{
    struct home home;
    CHECK(home_open(&home));
    for (enum keyspace i = 0; i < KEYSPACE_COUNT; i++)
        CHECK(put(&home, i, TEXT("k"), TEXT("v")));
    CHECK_EQ(store_delete(home.store, KEYSPACE_ITEMS, TEXT("k"), &home.error), CODE_OK);
    CHECK_EQ(store_flush(home.store, &home.error), CODE_OK);
    CHECK(home_crash(&home));
    CHECK(lacks(&home, KEYSPACE_ITEMS, TEXT("k")));
    for (enum keyspace i = KEYSPACE_USERS; i < KEYSPACE_COUNT; i++)
        CHECK(has(&home, i, TEXT("k"), TEXT("v")));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("again")));
    CHECK_EQ(store_flush(home.store, &home.error), CODE_OK);
    CHECK(home_crash(&home));
    CHECK(has(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("again")));
    home_close(&home);
}

static void a_row_over_the_readers_maximum_is_refused(struct test *t)
{
    struct home home;
    struct buffer value;
    bool found;
    CHECK(home_open(&home));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("12345")));
    buffer_init(&value, &home.memory, 5);
    CHECK_EQ(store_get(home.store, KEYSPACE_ITEMS, TEXT("k"), &value, &found, &home.error),
             CODE_OK);
    buffer_release(&value);
    buffer_init(&value, &home.memory, 4);
    CHECK_EQ(store_get(home.store, KEYSPACE_ITEMS, TEXT("k"), &value, &found, &home.error),
             CODE_LIMIT);
    CHECK_TEXT(home.error.message, "a row of 5 bytes is over 4 bytes");
    CHECK_EQ(home.error.area, AREA_STORE);
    buffer_release(&value);
    home_close(&home);
}

static void large_keys_and_values_come_back_whole(struct test *t)
{
    enum { KEY_BYTES = 1 << 14, VALUE_BYTES = 3 << 20 };
    struct home home;
    struct buffer bytes;
    CHECK(home_open(&home));
    buffer_init(&bytes, &home.memory, VALUE_BYTES);
    for (uint32_t i = 0; i < VALUE_BYTES / 4; i++)
        buffer_put_u32(&bytes, i * 2654435761u);
    struct slice key = slice_of(bytes.data, KEY_BYTES);
    CHECK(put(&home, KEYSPACE_CREATORS, key, buffer_slice(&bytes)));
    CHECK(has(&home, KEYSPACE_CREATORS, key, buffer_slice(&bytes)));
    CHECK(home_restart(&home));
    CHECK(has(&home, KEYSPACE_CREATORS, key, buffer_slice(&bytes)));
    buffer_release(&bytes);
    home_close(&home);
}

static void statistics_grow_with_the_rows(struct test *t)
{
    struct home home;
    struct store_stats stats;
    CHECK(home_open(&home));
    for (uint32_t i = 0; i < 200; i++) {
        struct key key = key_build(i, TAG_ENTITY, (struct slice){0});
        CHECK(put(&home, KEYSPACE_ITEMS, key_slice(&key), TEXT("0123456789")));
    }
    CHECK_EQ(store_stats(home.store, &stats, &home.error), CODE_OK);
    CHECK_EQ(stats.keys, 200);
    CHECK(stats.bytes >= 200 * 20);
    home_close(&home);
}

/* In each keyspace two rows; a batch sets all eight to one number. */
static enum code write_number(struct store *store, uint64_t number, struct error *error)
{
    struct store_batch *batch = NULL;
    struct slice value = slice_of(&number, sizeof number);
    enum code code;
    TRY(store_batch_create(store, &batch, error));
    for (enum keyspace i = 0; i < KEYSPACE_COUNT; i++) {
        TRY(store_batch_put(batch, i, TEXT("first"), value, error));
        TRY(store_batch_put(batch, i, TEXT("second"), value, error));
    }
    code = store_write(store, batch, error);
out:
    store_batch_free(batch);
    return code;
}

/* The number that a keyspace shows; false if its rows differ or are not two (none: 0). */
static bool read_number(struct store *store, enum keyspace keyspace, uint64_t *number)
{
    struct store_scan *scan = NULL;
    struct slice key, value;
    struct error error;
    uint64_t numbers[3] = {0};
    size_t count = 0;
    bool has_row = false;
    bool ok = store_scan_open(store, keyspace, EVERYTHING, &scan, &error) == CODE_OK;
    while (ok) {
        ok = store_scan_next(scan, &key, &value, &has_row, &error) == CODE_OK;
        if (!ok || !has_row) break;
        ok = value.bytes == sizeof *numbers && count < 2;
        if (ok) memcpy(&numbers[count++], value.data, sizeof *numbers);
    }
    store_scan_close(scan);
    *number = numbers[0];
    return ok && (count == 0 || (count == 2 && numbers[0] == numbers[1]));
}

struct reading {
    struct home *home;
    atomic_bool stop;
    atomic_bool torn;
    atomic_uint reads;
};

static void read_until_stopped(void *argument)
{
    struct reading *reading = argument;
    uint64_t newest = 0, number;
    while (!atomic_load(&reading->stop)) {
        if (!read_number(reading->home->store, KEYSPACE_USERS, &number) || number < newest)
            atomic_store(&reading->torn, true);
        newest = number;
        atomic_fetch_add(&reading->reads, 1);
    }
}

static void a_scan_never_sees_half_a_batch(struct test *t)
{
    struct home home;
    struct thread readers[2];
    CHECK(home_open(&home));
    struct reading reading = {.home = &home};
    for (int i = 0; i < 2; i++)
        CHECK_EQ(thread_start(&readers[i], "reader", read_until_stopped, &reading, &home.error),
                 CODE_OK);
    enum code code = CODE_OK;
    for (uint64_t i = 1; code == CODE_OK && (i <= 1000 || atomic_load(&reading.reads) < 100); i++)
        code = write_number(home.store, i, &home.error);
    atomic_store(&reading.stop, true);
    for (int i = 0; i < 2; i++)
        thread_join(&readers[i]);
    CHECK_EQ(code, CODE_OK);
    CHECK(!atomic_load(&reading.torn));
    home_close(&home);
}

static void a_write_without_memory_changes_nothing(struct test *t)
{
    struct home home;
    enum code code = CODE_NO_MEMORY;
    uint64_t number;
    int failures = 0;
    CHECK(home_open(&home));
    CHECK_EQ(write_number(home.store, 1, &home.error), CODE_OK);
    for (unsigned long long n = 1; code != CODE_OK; n++) {
        home.memory.fail_at_call = atomic_load(&home.memory.call_count) + n;
        home.memory.fail_from_then_on = true;
        code = write_number(home.store, 2, &home.error);
        home.memory.fail_at_call = 0;
        if (code == CODE_OK) break;
        CHECK_EQ(code, CODE_NO_MEMORY);
        failures++;
        for (enum keyspace i = 0; i < KEYSPACE_COUNT; i++) {
            CHECK(read_number(home.store, i, &number));
            CHECK_EQ(number, 1);
        }
    }
    CHECK(failures >= 2);
    CHECK(read_number(home.store, KEYSPACE_DATABASE, &number));
    CHECK_EQ(number, 2);
    home_close(&home);
}

static void a_scan_without_memory_is_refused(struct test *t)
{
    struct home home;
    struct store_scan *scan;
    struct key_range range = {TEXT("a"), TEXT("b")};
    enum code code = CODE_NO_MEMORY;
    int failures = 0;
    CHECK(home_open(&home));
    for (unsigned long long n = 1; code != CODE_OK; n++) {
        home.memory.fail_at_call = atomic_load(&home.memory.call_count) + n;
        code = store_scan_open(home.store, KEYSPACE_ITEMS, range, &scan, &home.error);
        home.memory.fail_at_call = 0;
        if (code == CODE_OK) break;
        CHECK_EQ(code, CODE_NO_MEMORY);
        CHECK(!scan);
        failures++;
    }
    CHECK_EQ(failures, 2);
    store_scan_close(scan);
    home_close(&home);
}

/* --- The model --- */

static bool random_batch(struct home *home, struct model *model, struct choices *choices)
{
    struct store_batch *batch;
    struct model_row row;
    struct error *error = &home->error;
    if (store_batch_create(home->store, &batch, error) != CODE_OK) return false;
    bool ok = true;
    for (uint64_t left = choose(choices, 8); ok && left > 0; left--) {
        enum keyspace keyspace = (enum keyspace)choose(choices, KEYSPACE_COUNT - 1);
        model_draw(choices, &row);
        if (choose_one_in(choices, 3)) {
            ok = store_batch_delete(batch, keyspace, model_key(&row), error) == CODE_OK;
            model_delete(model, keyspace, model_key(&row));
        } else {
            ok = store_batch_put(batch, keyspace, model_key(&row), model_value(&row), error) ==
                 CODE_OK;
            model_put(model, keyspace, &row);
        }
    }
    ok = ok && store_write(home->store, batch, error) == CODE_OK;
    store_batch_free(batch);
    return ok;
}

static bool random_row(struct home *home, struct model *model, struct choices *choices)
{
    enum keyspace keyspace = (enum keyspace)choose(choices, KEYSPACE_COUNT - 1);
    struct model_row row;
    model_draw(choices, &row);
    if (choose_one_in(choices, 3)) {
        model_delete(model, keyspace, model_key(&row));
        return store_delete(home->store, keyspace, model_key(&row), &home->error) == CODE_OK;
    }
    model_put(model, keyspace, &row);
    return put(home, keyspace, model_key(&row), model_value(&row));
}

static bool random_read(struct home *home, struct model *model, struct choices *choices)
{
    enum keyspace keyspace = (enum keyspace)choose(choices, KEYSPACE_COUNT - 1);
    struct key_bounds bounds;
    struct model_row a, b;
    model_draw(choices, &a);
    model_draw(choices, &b);
    const struct model_row *row = model_find(model, keyspace, model_key(&a));
    bool ok = row ? has(home, keyspace, model_key(&a), model_value(row))
                  : lacks(home, keyspace, model_key(&a));
    struct key_range range = {model_key(&a), model_key(&b)};
    ok = ok && model_agrees(model, home->store, keyspace, range);
    range = key_range_of_prefix(model_key(&a), &bounds);
    return ok && model_agrees(model, home->store, keyspace, range);
}

static bool random_step(struct home *home, struct model *model, struct choices *choices)
{
    uint64_t kind = choose(choices, 999);
    if (kind == 999) return home_restart(home);
    if (kind == 998) return store_flush(home->store, &home->error) == CODE_OK && home_crash(home);
    if (kind >= 980) return store_flush(home->store, &home->error) == CODE_OK;
    if (kind >= 700) return random_read(home, model, choices);
    if (kind >= 400) return random_batch(home, model, choices);
    return random_row(home, model, choices);
}

static void random_steps_agree_with_a_sorted_array(struct test *t)
{
    enum { STEPS = 10000 };
    static struct model model;
    struct choices choices;
    struct home home;
    CHECK(home_open(&home));
    memset(&model, 0, sizeof model);
    choices_from_seed(&choices, 20240817, NULL);
    for (int step = 0; step < STEPS; step++) {
        bool agrees =
            random_step(&home, &model, &choices) && model_agrees_everywhere(&model, home.store);
        if (!agrees) fprintf(stderr, "    at step %d: %s\n", step, home.error.message);
        CHECK(agrees);
    }
    CHECK(home_restart(&home));
    CHECK(model_agrees_everywhere(&model, home.store));
    home_close(&home);
}

#define STORE_CONTRACT                                                                             \
    CASE(a_row_is_read_as_it_was_put_until_it_is_deleted),                                         \
        CASE(many_rows_are_given_in_the_order_they_are_asked_for),                                 \
        CASE(hundreds_of_rows_are_read_together), CASE(keyspaces_do_not_see_each_other),           \
        CASE(a_scan_gives_its_range_in_order_of_bytes), CASE(a_scan_stays_at_its_end),             \
        CASE(each_row_of_a_range_is_given_until_one_fails),                                        \
        CASE(a_scan_keeps_its_own_copy_of_the_range),                                              \
        CASE(a_scan_shows_rows_as_they_were_when_it_was_opened),                                   \
        CASE(the_last_operation_on_a_key_wins_in_a_batch), CASE(a_batch_copies_what_it_is_given),  \
        CASE(what_was_flushed_survives_a_crash), CASE(a_row_over_the_readers_maximum_is_refused),  \
        CASE(large_keys_and_values_come_back_whole), CASE(statistics_grow_with_the_rows),          \
        CASE(a_scan_never_sees_half_a_batch), CASE(a_write_without_memory_changes_nothing),        \
        CASE(a_scan_without_memory_is_refused), CASE(random_steps_agree_with_a_sorted_array)

#endif
