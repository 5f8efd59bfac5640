#include "behaviour/served.h"

#include "base/choices.h"
#include "harness/fold_rows.h"
#include "harness/test.h"

#include <stdlib.h>

#define START INT64_C(1700000000000)
#define HOUR  INT64_C(3600000)

enum { USERS = 12, ITEMS = 1500, SURFACES = 11, SLATES = 3000, NAIVE = 300000 };

static const char *const surface_names[SURFACES] = {"",     "home",  "search", "a", "b", "c",
                                                    "feed", "inbox", "tv",     "x", "zz"};

static entity_id id_of(ordinal entity)
{
    return UINT64_C(5) << 33 | (uint64_t)(entity * 3 + 100);
}

static ordinal ordinal_of(void *context, enum entity_kind kind, entity_id id)
{
    (void)context;
    (void)kind;
    return ((uint32_t)id - 100) / 3;
}

struct world {
    struct memory memory;
    struct fold fold;
    struct served *served;
    struct error error;
    lsn last;
};

static bool create(struct world *world)
{
    return served_create(&world->memory, ordinal_of, NULL, &world->fold, &world->served,
                         &world->error) == CODE_OK;
}

static bool world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    memory_init(&world->memory, 0);
    return create(world);
}

static void world_release(struct world *world)
{
    world->fold.ops->free(world->fold.state);
    memory_release(&world->memory);
}

static struct slice text_of(const char *text)
{
    return slice_of(text, strlen(text));
}

/* One slate as the engine would give it to the fold. */
struct given {
    ordinal user; /* ORDINAL_NONE: nobody */
    int surface;
    int64_t now_ms;
    uint64_t offset;
    ordinal items[LIMIT_SLATE_ITEMS];
    size_t count;
};

static enum code serve(struct world *world, const struct given *given)
{
    static struct served_item items[LIMIT_SLATE_ITEMS];
    struct slate_change slate = {.has_user = given->user != ORDINAL_NONE,
                                 .surface = text_of(surface_names[given->surface]),
                                 .now_ms = given->now_ms,
                                 .offset = given->offset,
                                 .items = items,
                                 .item_count = given->count};
    struct change change = {.kind = CHANGE_SLATE, .slate = &slate};
    struct resolved_change resolved = {.lsn = ++world->last,
                                       .change = &change,
                                       .subject = given->user,
                                       .subject_id = slate.has_user ? id_of(given->user) : 0,
                                       .other = ORDINAL_NONE,
                                       .items = given->items,
                                       .user_count = USERS};
    for (size_t i = 0; i < given->count; i++)
        items[i] = (struct served_item){.item = id_of(given->items[i])};
    return world->fold.ops->apply(world->fold.state, &resolved, &world->error);
}

static enum code forget(struct world *world, enum entity_kind kind, ordinal entity)
{
    struct change change = {.kind = CHANGE_DELETE, .delete = {.kind = kind}};
    struct resolved_change resolved = {.lsn = ++world->last,
                                       .change = &change,
                                       .subject = entity,
                                       .subject_id = id_of(entity),
                                       .other = ORDINAL_NONE};
    return world->fold.ops->apply(world->fold.state, &resolved, &world->error);
}

static bool check(const struct world *world)
{
    return fold_check(&world->fold);
}

static bool reload(struct world *world, struct store *store)
{
    world->fold.ops->free(world->fold.state);
    return create(world) &&
           world->fold.ops->load(world->fold.state, store, NULL, &world->error) == CODE_OK;
}

/* When the item was served last, as the gate would see it; INT64_MIN: never. */
static int64_t served_at(const struct world *world, ordinal user, const char *surface, ordinal item)
{
    size_t count;
    const struct served_entry *entries =
        served_entries(world->served, user, text_of(surface), &count);
    for (size_t i = 0; i < count; i++)
        if (entries[i].item == item) return entries[i].time_ms;
    return INT64_MIN;
}

static void what_is_served_is_remembered_with_its_slate_and_position(struct test *t)
{
    struct world world;
    size_t count;
    CHECK(world_init(&world));
    struct given given = {.user = 3, .now_ms = START, .offset = 20, .items = {7, 5}, .count = 2};
    CHECK_EQ(serve(&world, &given), CODE_OK);
    const struct served_entry *entries = served_entries(world.served, 3, text_of(""), &count);
    CHECK_EQ(count, 2);
    CHECK_EQ(entries[0].item, 7);
    CHECK_EQ(entries[0].id, id_of(7));
    CHECK_EQ(entries[0].slate, 1);
    CHECK_EQ(entries[0].position, 21);
    CHECK_EQ(entries[1].position, 22);
    CHECK_EQ(entries[1].time_ms, START);
    CHECK_EQ(served_at(&world, 4, "", 7), INT64_MIN);
    world_release(&world);
}

static void surfaces_are_apart(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    struct given given = {.user = 3, .surface = 1, .now_ms = START, .items = {7}, .count = 1};
    CHECK_EQ(serve(&world, &given), CODE_OK);
    CHECK_EQ(served_at(&world, 3, "home", 7), START);
    CHECK_EQ(served_at(&world, 3, "search", 7), INT64_MIN);
    CHECK_EQ(served_at(&world, 3, "", 7), INT64_MIN);
    world_release(&world);
}

static void a_slate_without_a_user_or_without_items_leaves_nothing(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    struct given given = {.user = ORDINAL_NONE, .now_ms = START, .items = {7}, .count = 1};
    CHECK_EQ(serve(&world, &given), CODE_OK);
    given.user = 2;
    given.count = 0;
    CHECK_EQ(serve(&world, &given), CODE_OK);
    CHECK_EQ(served_count(world.served), 0);
    CHECK_EQ(world.fold.ops->dirty_bytes(world.fold.state), 0);
    world_release(&world);
}

static void an_item_of_a_later_time_is_not_made_older(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    struct given given = {.user = 3, .now_ms = START, .items = {7, 8}, .count = 2};
    CHECK_EQ(serve(&world, &given), CODE_OK);
    given.now_ms = START - HOUR;
    given.items[1] = 9;
    CHECK_EQ(serve(&world, &given), CODE_OK);
    CHECK_EQ(served_at(&world, 3, "", 7), START);
    CHECK_EQ(served_at(&world, 3, "", 9), START - HOUR);
    CHECK(check(&world));
    world_release(&world);
}

static void a_deleted_user_was_served_nothing(struct test *t)
{
    struct world world;
    struct store *store;
    struct buffer rows;
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    buffer_init(&rows, &world.memory, FOLD_ROWS_MAXIMUM);
    struct given given = {.user = 3, .now_ms = START, .items = {7, 8}, .count = 2};
    CHECK_EQ(serve(&world, &given), CODE_OK);
    CHECK_EQ(fold_dump(&world.fold, store, &rows, &world.error), CODE_OK);
    CHECK(rows.bytes > 0);
    CHECK_EQ(forget(&world, ENTITY_ITEM, 3), CODE_OK);
    CHECK_EQ(served_count(world.served), 2);
    CHECK_EQ(forget(&world, ENTITY_USER, 3), CODE_OK);
    CHECK_EQ(served_count(world.served), 0);
    CHECK_EQ(fold_dump(&world.fold, store, &rows, &world.error), CODE_OK);
    CHECK_EQ(rows.bytes, 0);
    buffer_release(&rows);
    store_close(store);
    world_release(&world);
}

static void who_never_comes_back_is_forgotten(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    struct given given = {.now_ms = START, .items = {7, 8}, .count = 2};
    for (given.user = 0; given.user < USERS; given.user++)
        CHECK_EQ(serve(&world, &given), CODE_OK);
    CHECK_EQ(served_count(world.served), 2 * USERS);
    given.user = 0;
    given.now_ms = START + 25 * HOUR;
    for (int i = 0; i < 20 * USERS; i++)
        CHECK_EQ(serve(&world, &given), CODE_OK);
    CHECK_EQ(served_count(world.served), 2);
    CHECK(check(&world));
    world_release(&world);
}

/* The oracle: every serving ever, in a list; who has what follows from it by a look at all. */
struct serving {
    ordinal user, item;
    int surface;
    int64_t time_ms;
    bool gone;
};

struct naive {
    struct serving *list; /* in the order of the log */
    size_t count;
};

static bool same_place(const struct serving *a, ordinal user, int surface)
{
    return !a->gone && a->user == user && a->surface == surface;
}

static void naive_bound(struct naive *naive, ordinal user, int64_t now_ms)
{
    for (size_t i = 0; i < naive->count; i++)
        if (naive->list[i].user == user && naive->list[i].time_ms <= now_ms - 24 * HOUR)
            naive->list[i].gone = true;
    for (int surface = 0; surface < SURFACES; surface++) {
        size_t left = 0;
        for (size_t i = naive->count; i-- > 0;)
            if (same_place(&naive->list[i], user, surface) && ++left > SERVED_ITEMS_MAXIMUM)
                naive->list[i].gone = true;
    }
}

/* The surface that gives way to a ninth: the one on which the newest serving that is left is
 * oldest. */
static void naive_surfaces(struct naive *naive, ordinal user, int coming)
{
    size_t newest[SURFACES] = {0};
    int held = 0, oldest = -1;
    for (size_t i = 0; i < naive->count; i++)
        if (!naive->list[i].gone && naive->list[i].user == user)
            newest[naive->list[i].surface] = i + 1;
    if (newest[coming] > 0) return;
    for (int surface = 0; surface < SURFACES; surface++) {
        if (newest[surface] == 0) continue;
        held++;
        if (oldest < 0 || newest[surface] < newest[oldest]) oldest = surface;
    }
    for (size_t i = 0; held == SERVED_SURFACES_MAXIMUM && i < naive->count; i++)
        if (same_place(&naive->list[i], user, oldest)) naive->list[i].gone = true;
}

static void naive_serve(struct naive *naive, const struct given *given)
{
    if (given->count == 0) return;
    naive_bound(naive, given->user, given->now_ms);
    naive_surfaces(naive, given->user, given->surface);
    for (size_t i = 0; i < given->count; i++) {
        struct serving *old = NULL;
        for (size_t j = 0; j < naive->count; j++)
            if (same_place(&naive->list[j], given->user, given->surface) &&
                naive->list[j].item == given->items[i])
                old = &naive->list[j];
        if (old && old->time_ms > given->now_ms) continue;
        if (old) old->gone = true;
        naive->list[naive->count++] =
            (struct serving){given->user, given->items[i], given->surface, given->now_ms, false};
    }
    naive_bound(naive, given->user, given->now_ms);
    size_t kept = 0;
    for (size_t i = 0; i < naive->count; i++)
        if (!naive->list[i].gone) naive->list[kept++] = naive->list[i];
    naive->count = kept;
}

/* What the gates of the ages up to a day can see is the same: the sweep takes what is older. */
static bool agrees(const struct world *world, const struct naive *naive, ordinal user, int surface,
                   int64_t now_ms)
{
    size_t count, seen = 0, wanted = 0;
    const struct served_entry *entries =
        served_entries(world->served, user, text_of(surface_names[surface]), &count);
    for (size_t i = 0; i < count; i++)
        seen += entries[i].time_ms > now_ms - 24 * HOUR;
    size_t at = 0;
    for (size_t i = 0; i < naive->count; i++) {
        const struct serving *serving = &naive->list[i];
        if (!same_place(serving, user, surface) || serving->time_ms <= now_ms - 24 * HOUR) continue;
        wanted++;
        while (at < count && entries[at].time_ms <= now_ms - 24 * HOUR)
            at++;
        if (at == count || entries[at].item != serving->item ||
            entries[at].time_ms != serving->time_ms)
            return false;
        at++;
    }
    return seen == wanted;
}

static void draw(struct choices *choices, int64_t now_ms, struct given *given)
{
    bool large = choose_one_in(choices, 60);
    *given = (struct given){.user = (ordinal)choose(choices, USERS - 1),
                            .surface = (int)choose(choices, choose_one_in(choices, 3) ? 10 : 2),
                            .now_ms = now_ms,
                            .offset = choose(choices, 3) * 20,
                            .count = choose(choices, large ? LIMIT_SLATE_ITEMS : 12)};
    if (choose_one_in(choices, 10)) given->now_ms -= (int64_t)choose(choices, 30) * HOUR;
    ordinal first = (ordinal)choose(choices, ITEMS - 1);
    for (size_t i = 0; i < given->count; i++)
        given->items[i] = (ordinal)((first + i * 7) % ITEMS);
}

static void it_agrees_with_the_list_of_all_servings(struct test *t)
{
    struct world world;
    struct choices choices;
    static struct given given;
    struct store *store;
    struct naive naive = {calloc(NAIVE, sizeof *naive.list), 0};
    int64_t now_ms = START;
    size_t most = 0;
    CHECK(world_init(&world) && naive.list);
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    choices_from_seed(&choices, 77, NULL);
    for (int i = 0; i < SLATES; i++) {
        now_ms += (int64_t)choose(&choices, 200000);
        draw(&choices, now_ms, &given);
        CHECK_EQ(serve(&world, &given), CODE_OK);
        naive_serve(&naive, &given);
        for (int surface = 0; surface < SURFACES; surface++)
            CHECK(agrees(&world, &naive, given.user, surface, now_ms));
        size_t count;
        (void)served_entries(world.served, given.user, text_of(surface_names[given.surface]),
                             &count);
        if (count > most) most = count;
        if (i % 200 != 199) continue;
        CHECK(check(&world));
        CHECK_EQ(fold_checkpoint(&world.fold, store, &world.error), CODE_OK);
        CHECK(reload(&world, store));
        CHECK(check(&world));
    }
    CHECK_EQ(most, SERVED_ITEMS_MAXIMUM);
    store_close(store);
    free(naive.list);
    world_release(&world);
}

static void saved_and_loaded_goes_on_as_if_nothing_had_been(struct test *t)
{
    struct world straight, world;
    struct store *straight_store, *store;
    struct buffer straight_rows, rows;
    struct choices choices;
    static struct given given;
    CHECK(world_init(&straight) && world_init(&world));
    CHECK_EQ(memory_store_open(&straight.memory, &straight_store, &straight.error), CODE_OK);
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    buffer_init(&straight_rows, &straight.memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&rows, &world.memory, FOLD_ROWS_MAXIMUM);
    choices_from_seed(&choices, 5, NULL);
    for (int i = 0; i < SLATES; i++) {
        draw(&choices, START + i * HOUR / 20, &given);
        CHECK_EQ(serve(&straight, &given), CODE_OK);
        CHECK_EQ(serve(&world, &given), CODE_OK);
        if (choose_one_in(&choices, 50)) {
            CHECK_EQ(forget(&straight, ENTITY_USER, given.user), CODE_OK);
            CHECK_EQ(forget(&world, ENTITY_USER, given.user), CODE_OK);
        }
        if (i % 170 != 169) continue;
        CHECK_EQ(fold_checkpoint(&world.fold, store, &world.error), CODE_OK);
        CHECK(reload(&world, store));
        CHECK_EQ(world.fold.ops->dirty_bytes(world.fold.state), 0);
    }
    CHECK_EQ(fold_dump(&straight.fold, straight_store, &straight_rows, &straight.error), CODE_OK);
    CHECK_EQ(fold_dump(&world.fold, store, &rows, &world.error), CODE_OK);
    CHECK(slice_equal(buffer_slice(&straight_rows), buffer_slice(&rows)));
    buffer_release(&rows);
    buffer_release(&straight_rows);
    store_close(store);
    store_close(straight_store);
    world_release(&world);
    world_release(&straight);
}

static bool row_is(struct world *world, const char *row, size_t bytes, enum code wanted)
{
    struct store *store;
    struct key key = key_build(id_of(3), TAG_SERVED, (struct slice){0});
    if (memory_store_open(&world->memory, &store, &world->error) != CODE_OK) return false;
    world->fold.ops->free(world->fold.state);
    enum code code = create(world) ? CODE_OK : CODE_NO_MEMORY;
    if (code == CODE_OK)
        code =
            store_put(store, KEYSPACE_USERS, key_slice(&key), slice_of(row, bytes), &world->error);
    if (code == CODE_OK)
        code = world->fold.ops->load(world->fold.state, store, NULL, &world->error);
    store_close(store);
    return code == wanted;
}

#define ROW_IS(world, row, wanted) row_is(world, row, sizeof(row) - 1, wanted)
/* Item 3 of the world, and item 4. */
#define ITEM  "\xed\x80\x80\x80\xa0\x01"
#define OTHER "\xf0\x80\x80\x80\xa0\x01"

/* The format is on disk: these bytes may never change. */
static void rows_have_their_bytes_and_damaged_ones_are_refused(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    CHECK(ROW_IS(&world, "\x01\x01\x04home\x01\x09\x02\xc8\x01" ITEM, CODE_OK));
    CHECK_EQ(served_at(&world, 3, "home", 3), 100);
    CHECK(
        ROW_IS(&world, "\x01\x02\x00\x01\x09\x02\x02" ITEM "\x01x\x01\x09\x02\x02" ITEM, CODE_OK));
    CHECK(ROW_IS(&world, "\x01\x01\x00\x02\x09\x02\x02" ITEM "\x0a\x01\x02" OTHER, CODE_OK));
    CHECK(ROW_IS(&world, "\x02\x01", CODE_VERSION));
    CHECK(ROW_IS(&world, "", CODE_CORRUPT));
    CHECK(ROW_IS(&world, "\x01\x00", CODE_CORRUPT));
    CHECK(ROW_IS(&world, "\x01\x01\x00\x00", CODE_CORRUPT));
    CHECK(ROW_IS(&world, "\x01\x09\x00\x01\x09\x02\x02" ITEM, CODE_CORRUPT));
    CHECK(ROW_IS(&world, "\x01\x01\x00\x01\x00\x02\x02" ITEM, CODE_CORRUPT));
    CHECK(ROW_IS(&world, "\x01\x01\x00\x01\x09\x00\x02" ITEM, CODE_CORRUPT));
    CHECK(ROW_IS(&world, "\x01\x01\x00\x01\x09\x02\x02" ITEM "\x00", CODE_CORRUPT));
    CHECK(ROW_IS(&world, "\x01\x02\x01x\x01\x09\x02\x02" ITEM "\x00\x01\x09\x02\x02" ITEM,
                 CODE_CORRUPT));
    CHECK(ROW_IS(&world, "\x01\x01\x00\x02\x09\x02\x02" ITEM "\x0a\x01\x02" ITEM, CODE_CORRUPT));
    CHECK(ROW_IS(&world, "\x01\x01\x00\x02\x09\x02\x02" ITEM "\x09\x01\x02" OTHER, CODE_CORRUPT));
    CHECK(ROW_IS(&world, "\x01\x01\x01\xff\x01\x09\x02\x02" ITEM, CODE_CORRUPT));
    world_release(&world);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(what_is_served_is_remembered_with_its_slate_and_position),
        CASE(surfaces_are_apart), CASE(a_slate_without_a_user_or_without_items_leaves_nothing),
        CASE(an_item_of_a_later_time_is_not_made_older), CASE(a_deleted_user_was_served_nothing),
        CASE(who_never_comes_back_is_forgotten), CASE(it_agrees_with_the_list_of_all_servings),
        CASE(saved_and_loaded_goes_on_as_if_nothing_had_been),
        CASE(rows_have_their_bytes_and_damaged_ones_are_refused));
}
