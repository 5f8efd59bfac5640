/* Any rows of what users were served: an error, or a fold whose invariants hold, also after slates,
 * that is dumped as it was read, and whose checkpoint loads again.
 *
 *   row     id of the user u8, row bytes u16, row */
#include "behaviour/served.h"
#include "fuzz/fuzz.h"
#include "harness/fold_rows.h"

#define TIME_MS     INT64_C(1700000000000)
#define LIMIT_BYTES ((size_t)64 << 20)

enum { KNOWN_IDS = 200 };

struct world {
    struct memory memory;
    struct store *store;
    struct fold fold;
    struct served *served;
    struct error error;
};

static ordinal ordinal_of(void *context, enum entity_kind kind, entity_id id)
{
    (void)context;
    (void)kind;
    return id < KNOWN_IDS ? (ordinal)id : ORDINAL_NONE;
}

static void put_rows(struct world *world, struct cursor *cursor)
{
    while (cursor_left(cursor) > 0) {
        uint64_t id = cursor_u8(cursor);
        size_t bytes = cursor_u16(cursor);
        if (bytes > cursor_left(cursor)) bytes = cursor_left(cursor);
        struct slice row = cursor_bytes(cursor, bytes);
        if (cursor->failed) break;
        struct key key = key_build(id, TAG_SERVED, (struct slice){0});
        FUZZ_CHECK(store_put(world->store, KEYSPACE_USERS, key_slice(&key), row, &world->error) ==
                   CODE_OK);
    }
}

static void check_fold(const struct world *world)
{
    char reason[256] = "";
    if (world->fold.ops->check(world->fold.state, reason, sizeof reason)) return;
    fprintf(stderr, "%s\n", reason);
    abort();
}

static bool load(struct world *world)
{
    FUZZ_CHECK(served_create(&world->memory, ordinal_of, NULL, &world->fold, &world->served,
                             &world->error) == CODE_OK);
    enum code code = world->fold.ops->load(world->fold.state, world->store, NULL, &world->error);
    if (code == CODE_OK) {
        check_fold(world);
        return true;
    }
    FUZZ_CHECK(code == CODE_CORRUPT || code == CODE_VERSION || code == CODE_NO_MEMORY);
    FUZZ_CHECK(world->error.message[0] != '\0');
    world->fold.ops->free(world->fold.state);
    return false;
}

/* A state has one encoding. */
static void check_dump(struct world *world)
{
    struct store *store;
    struct store_batch *batch;
    struct buffer read, dumped;
    buffer_init(&read, &world->memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&dumped, &world->memory, FOLD_ROWS_MAXIMUM);
    FUZZ_CHECK(memory_store_open(&world->memory, &store, &world->error) == CODE_OK);
    FUZZ_CHECK(store_batch_create(store, &batch, &world->error) == CODE_OK);
    FUZZ_CHECK(world->fold.ops->dump(world->fold.state, batch, &world->error) == CODE_OK);
    FUZZ_CHECK(store_write(store, batch, &world->error) == CODE_OK);
    FUZZ_CHECK(store_dump(world->store, &read, &world->error) == CODE_OK);
    FUZZ_CHECK(store_dump(store, &dumped, &world->error) == CODE_OK);
    FUZZ_CHECK(slice_equal(buffer_slice(&read), buffer_slice(&dumped)));
    store_batch_free(batch);
    buffer_release(&read);
    buffer_release(&dumped);
    store_close(store);
}

static void apply_slate(struct world *world, ordinal user, const char *surface, int64_t now_ms)
{
    static const struct served_item items[] = {{.item = 5}, {.item = 9}, {.item = 5}};
    static const ordinal ordinals[] = {5, 9, 5};
    struct slate_change slate = {.has_user = true,
                                 .surface = slice_of(surface, strlen(surface)),
                                 .now_ms = now_ms,
                                 .offset = UINT64_MAX - 1,
                                 .items = items,
                                 .item_count = 3};
    struct change change = {.kind = CHANGE_SLATE, .slate = &slate};
    /* No slate of the rows is newer. */
    struct resolved_change resolved = {.lsn = UINT64_MAX,
                                       .change = &change,
                                       .subject = user,
                                       .subject_id = user,
                                       .other = ORDINAL_NONE,
                                       .items = ordinals,
                                       .user_count = KNOWN_IDS};
    enum code code = world->fold.ops->apply(world->fold.state, &resolved, &world->error);
    FUZZ_CHECK(code == CODE_OK);
    check_fold(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct world world = {0};
    struct cursor cursor;
    memory_init(&world.memory, LIMIT_BYTES);
    FUZZ_CHECK(memory_store_open(&world.memory, &world.store, &world.error) == CODE_OK);
    cursor_init(&cursor, slice_of(data, bytes));
    put_rows(&world, &cursor);
    if (load(&world)) {
        check_dump(&world);
        apply_slate(&world, 1, "home", TIME_MS);
        apply_slate(&world, 2, "", TIME_MS + SERVED_AGE_MAXIMUM_MS);
        FUZZ_CHECK(fold_checkpoint(&world.fold, world.store, &world.error) == CODE_OK);
        world.fold.ops->free(world.fold.state);
        FUZZ_CHECK(load(&world));
        check_dump(&world);
        world.fold.ops->free(world.fold.state);
    }
    store_close(world.store);
    memory_release(&world.memory);
    return 0;
}
