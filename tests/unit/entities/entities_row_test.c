/* Rows: what is written is what is loaded, whatever happened; and what is damaged is refused. */
#include "harness/store_rows.h"
#include "unit/entities/entities_world.h"

/* A world with a store. */
struct kept {
    struct world world;
    struct memory store_memory;
    struct store *store;
};

static bool kept_init(struct kept *kept)
{
    memory_init(&kept->store_memory, 0);
    return world_init(&kept->world) &&
           memory_store_open(&kept->store_memory, &kept->store, &kept->world.error) == CODE_OK;
}

static void kept_release(struct kept *kept)
{
    world_release(&kept->world);
    store_close(kept->store);
    memory_release(&kept->store_memory);
}

static enum code checkpoint(struct kept *kept)
{
    return fold_checkpoint(&kept->world.fold, kept->store, &kept->world.error);
}

/* A new fold in place of the old one, from the store's rows. */
static enum code reload(struct kept *kept)
{
    struct world *world = &kept->world;
    enum code code;
    world->fold.ops->free(world->fold.state);
    TRY(entities_create(&world->memory, &world->fold, &world->entities, &world->error));
    code = world->fold.ops->load(world->fold.state, kept->store, world->declared.schema,
                                 &world->error);
out:
    return code;
}

static bool same_rows(struct kept *a, struct kept *b)
{
    struct memory memory;
    struct buffer bytes[2];
    struct error error;
    bool same = true;
    memory_init(&memory, 0);
    for (int i = 0; i < 2; i++) {
        buffer_init(&bytes[i], &memory, FOLD_ROWS_MAXIMUM);
        same = same && store_dump(i == 0 ? a->store : b->store, &bytes[i], &error) == CODE_OK;
    }
    same =
        same && bytes[0].bytes > 0 && slice_equal(buffer_slice(&bytes[0]), buffer_slice(&bytes[1]));
    for (int i = 0; i < 2; i++)
        buffer_release(&bytes[i]);
    memory_release(&memory);
    return same;
}

static void a_fold_that_is_reloaded_is_the_fold_that_never_was(struct test *t)
{
    enum { EVENTS = 12000 };
    static struct kept steady, reloaded;
    struct choices choices[2];
    CHECK(kept_init(&steady) && kept_init(&reloaded));
    for (int i = 0; i < 2; i++)
        choices_from_seed(&choices[i], 41, NULL);
    for (int i = 0; i < EVENTS; i++) {
        CHECK_EQ(world_step(&steady.world, &choices[0]), CODE_OK);
        CHECK_EQ(world_step(&reloaded.world, &choices[1]), CODE_OK);
        if (i % 37 != 0) continue;
        CHECK_EQ(checkpoint(&steady), CODE_OK);
        CHECK_EQ(checkpoint(&reloaded), CODE_OK);
        CHECK_EQ(reload(&reloaded), CODE_OK);
        CHECK(world_agrees(&reloaded.world));
        CHECK_EQ(reloaded.world.fold.ops->dirty_bytes(reloaded.world.fold.state), 0);
        if (i > 0 && i % 370 == 0) CHECK(same_rows(&steady, &reloaded));
    }
    kept_release(&steady);
    kept_release(&reloaded);
}

static void a_key_of_what_is_not_yet_put_is_kept(struct test *t)
{
    static struct kept kept;
    struct target item = {.kind = ENTITY_ITEM, .key = 4};
    CHECK(kept_init(&kept));
    CHECK_EQ(world_admit(&kept.world, item), CODE_OK);
    (void)model_admit(&kept.world, item);
    CHECK(!entities_live(kept.world.entities, ENTITY_ITEM, 0));
    CHECK_EQ(checkpoint(&kept), CODE_OK);
    CHECK_EQ(reload(&kept), CODE_OK);
    CHECK_EQ(entities_find_key(kept.world.entities, ENTITY_ITEM, text_of("key-4")), 0);
    CHECK(world_agrees(&kept.world));
    kept_release(&kept);
}

static void an_entity_without_rows_is_an_empty_fold(struct test *t)
{
    static struct kept kept;
    CHECK(kept_init(&kept));
    CHECK_EQ(checkpoint(&kept), CODE_OK);
    CHECK_EQ(reload(&kept), CODE_OK);
    CHECK(world_agrees(&kept.world));
    CHECK_EQ(entities_count(kept.world.entities, ENTITY_ITEM), 0);
    kept_release(&kept);
}

/* Sixteen texts of 64 KiB are one more than a change can hold. */
static void an_entity_larger_than_any_change_is_kept_whole(struct test *t)
{
    enum { TEXTS = 40 };
    static char text[LIMIT_TEXT_BYTES];
    static struct kept kept;
    CHECK(kept_init(&kept));
    struct world *world = &kept.world;
    size_t first = world->declared.schema->field_count;
    for (int i = 0; i < TEXTS; i++) {
        char name[16];
        snprintf(name, sizeof name, "text%d", i);
        must_declare(&world->declared, define_field(name, ENTITY_ITEM, FIELD_TEXT));
    }
    struct target item = {.kind = ENTITY_ITEM, .id = UINT64_MAX};
    struct content content = {.key = 2};
    content.given[TAGS] = true;
    content.values[TAGS] = (struct model_value){.present = true, .words = {5, 2}, .word_count = 2};
    content.vector_given = content.has_vector = true;
    CHECK_EQ(world_write(world, item, &content, true), CODE_OK);
    model_write(world, item, &content, true);
    for (int i = 0; i < TEXTS; i++) {
        memset(text, 'a' + i % 26, sizeof text);
        struct field_value value = {(field_id)(first + (size_t)i),
                                    {.type = VALUE_TEXT, .text = slice_of(text, sizeof text)}};
        struct change change = {.kind = CHANGE_PATCH,
                                .put = {.entity = {.kind = ENTITY_ITEM, .id = UINT64_MAX},
                                        .fields = &value,
                                        .field_count = 1}};
        CHECK_EQ(world_apply(world, &change, &change.put.entity), CODE_OK);
    }
    CHECK_EQ(checkpoint(&kept), CODE_OK);
    CHECK_EQ(reload(&kept), CODE_OK);
    CHECK(world_agrees(world));
    for (int i = 0; i < TEXTS; i++) {
        memset(text, 'a' + i % 26, sizeof text);
        struct value value =
            entities_value(world->entities, world_field(world, (int)first + i), 0, NULL, 0);
        CHECK(slice_equal(value.text, slice_of(text, sizeof text)));
    }
    kept_release(&kept);
}

/* A list as large as one change lets it be, named by the shortest key. */
static void the_largest_value_of_one_change_fits_a_piece(struct test *t)
{
    enum { PART = LIMIT_TEXT_BYTES, PARTS = 16 };
    static char text[PARTS * PART];
    static struct kept kept;
    struct slice parts[PARTS];
    struct memory memory;
    struct buffer encoded;
    CHECK(kept_init(&kept));
    struct world *world = &kept.world;
    memory_init(&memory, 0);
    buffer_init(&encoded, &memory, CHANGE_BYTES_MAXIMUM);
    CHECK_EQ(world_admit(world, (struct target){.kind = ENTITY_ITEM, .id = UINT64_MAX}), CODE_OK);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i / PART);
    struct field_value value = {TAGS, {.type = VALUE_TEXT_LIST}};
    value.value.list.texts = parts;
    value.value.list.count = PARTS;
    struct change change = {.kind = CHANGE_PUT,
                            .put = {.entity = {.kind = ENTITY_ITEM, .key = text_of("k")},
                                    .fields = &value,
                                    .field_count = 1}};
    size_t spare = 0;
    enum code code = CODE_LIMIT;
    for (; code == CODE_LIMIT; spare++) {
        for (size_t i = 0; i < PARTS; i++)
            parts[i] = slice_of(text + i * PART, i + 1 < PARTS ? (size_t)PART : PART - spare);
        buffer_clear(&encoded);
        code = change_encode(&change, &encoded, &world->error);
    }
    CHECK_EQ(code, CODE_OK);
    CHECK_EQ(encoded.bytes, CHANGE_BYTES_MAXIMUM);
    CHECK_EQ(world_apply(world, &change, &change.put.entity), CODE_OK);
    CHECK_EQ(checkpoint(&kept), CODE_OK);
    CHECK_EQ(reload(&kept), CODE_OK);
    struct slice space[PARTS];
    ordinal entity = entities_find_key(world->entities, ENTITY_ITEM, text_of("k"));
    struct value loaded =
        entities_value(world->entities, world_field(world, TAGS), entity, space, PARTS);
    CHECK_EQ(loaded.list.count, PARTS);
    for (size_t i = 0; i < PARTS; i++)
        CHECK(slice_equal(space[i], parts[i]));
    buffer_release(&encoded);
    memory_release(&memory);
    kept_release(&kept);
}

static void rows_that_did_not_become_durable_are_written_again(struct test *t)
{
    static struct kept kept;
    struct choices choices;
    struct store_batch *batch;
    CHECK(kept_init(&kept));
    struct world *world = &kept.world;
    choices_from_seed(&choices, 43, NULL);
    for (int i = 0; i < 300; i++) {
        CHECK_EQ(world_step(world, &choices), CODE_OK);
        if (i % 10 != 0) continue;
        CHECK_EQ(store_batch_create(kept.store, &batch, &world->error), CODE_OK);
        world->fold.ops->seal(world->fold.state);
        CHECK_EQ(world->fold.ops->write(world->fold.state, batch, &world->error), CODE_OK);
        /* Events go on before it is known that the batch is lost, and there is no memory left. */
        for (int j = 0; j < (int)choose(&choices, 5); j++)
            CHECK_EQ(world_step(world, &choices), CODE_OK);
        world->memory.fail_at_call = atomic_load(&world->memory.call_count) + 1;
        world->memory.fail_from_then_on = true;
        world->fold.ops->sealed(world->fold.state, false);
        world->memory.fail_at_call = 0;
        store_batch_free(batch);
        CHECK(world->fold.ops->dirty_bytes(world->fold.state) > 0);
        if (i % 50 != 0) continue;
        CHECK_EQ(checkpoint(&kept), CODE_OK);
        CHECK_EQ(world->fold.ops->dirty_bytes(world->fold.state), 0);
        CHECK_EQ(reload(&kept), CODE_OK);
        CHECK(world_agrees(world));
    }
    kept_release(&kept);
}

/* --- Damage --- */

static bool kept_with_rows(struct kept *kept, uint64_t seed)
{
    struct choices choices;
    if (!kept_init(kept)) return false;
    choices_from_seed(&choices, seed, NULL);
    for (int i = 0; i < 200; i++)
        if (world_step(&kept->world, &choices) != CODE_OK) return false;
    return checkpoint(kept) == CODE_OK;
}

/* The number of rows of entities; the one that is asked for, in `key` and `row`. */
static size_t find_row(struct kept *kept, enum keyspace keyspace, size_t wanted, struct key *key,
                       struct buffer *row)
{
    struct store_scan *scan = NULL;
    struct slice found, value;
    struct error error;
    bool has_row = false;
    size_t count = 0;
    if (store_scan_open(kept->store, keyspace, (struct key_range){0}, &scan, &error) != CODE_OK)
        return 0;
    while (store_scan_next(scan, &found, &value, &has_row, &error) == CODE_OK && has_row) {
        if (count++ != wanted) continue;
        key->count = found.bytes;
        memcpy(key->bytes, found.data, found.bytes);
        buffer_clear(row);
        buffer_append(row, value.data, value.bytes);
    }
    store_scan_close(scan);
    return count;
}

static enum code put_row(struct kept *kept, enum keyspace keyspace, const struct key *key,
                         struct slice row)
{
    return store_put(kept->store, keyspace, key_slice(key), row, &kept->world.error);
}

static void any_damaged_byte_is_refused_or_harmless(struct test *t)
{
    enum { DAMAGES = 12000 };
    static struct kept kept;
    struct choices choices;
    struct buffer row, damaged;
    struct key key;
    int refused = 0;
    CHECK(kept_with_rows(&kept, 51));
    struct world *world = &kept.world;
    buffer_init(&row, &kept.store_memory, 1 << 20);
    buffer_init(&damaged, &kept.store_memory, 1 << 20);
    choices_from_seed(&choices, 52, NULL);
    for (int i = 0; i < DAMAGES; i++) {
        enum keyspace keyspace = choose_one_in(&choices, 3) ? KEYSPACE_USERS : KEYSPACE_ITEMS;
        char reason[256];
        size_t count = find_row(&kept, keyspace, SIZE_MAX, &key, &row);
        CHECK(find_row(&kept, keyspace, (size_t)choose(&choices, count - 1), &key, &row) == count);
        buffer_clear(&damaged);
        buffer_append(&damaged, row.data, row.bytes);
        switch (choose(&choices, 2)) {
        case 0:
            damaged.data[choose(&choices, row.bytes - 1)] ^= (uint8_t)(1u << choose(&choices, 7));
            break;
        case 1:
            damaged.bytes = (size_t)choose(&choices, row.bytes - 1);
            break;
        default:
            buffer_put_u8(&damaged, (uint8_t)choose(&choices, 255));
            break;
        }
        CHECK_EQ(put_row(&kept, keyspace, &key, buffer_slice(&damaged)), CODE_OK);
        enum code code = reload(&kept);
        CHECK(code == CODE_OK || code == CODE_CORRUPT || code == CODE_VERSION);
        if (code == CODE_OK)
            CHECK(world->fold.ops->check(world->fold.state, reason, sizeof reason));
        refused += code != CODE_OK;
        CHECK_EQ(put_row(&kept, keyspace, &key, buffer_slice(&row)), CODE_OK);
    }
    CHECK(refused > DAMAGES / 2);
    CHECK_EQ(reload(&kept), CODE_OK);
    CHECK(world_agrees(world));
    buffer_release(&row);
    buffer_release(&damaged);
    kept_release(&kept);
}

/* Where a row is changed and how; what is said then. */
static enum code load_changed(struct kept *kept, size_t offset, uint8_t byte)
{
    struct buffer row;
    struct key key;
    enum code code = CODE_MISUSE;
    buffer_init(&row, &kept->store_memory, 1 << 20);
    if (find_row(kept, KEYSPACE_ITEMS, 3, &key, &row) > 3 && offset < row.bytes) {
        row.data[offset] = byte;
        code = put_row(kept, KEYSPACE_ITEMS, &key, buffer_slice(&row));
    }
    buffer_release(&row);
    return code == CODE_OK ? reload(kept) : code;
}

static void what_a_row_cannot_say_is_refused_with_its_name(struct test *t)
{
    static const struct {
        size_t offset;
        uint8_t byte;
        enum code code;
    } changes[] = {
        {0, 0, CODE_CORRUPT},    /* no version */
        {0, 2, CODE_VERSION},    /* a newer one */
        {1, 2, CODE_CORRUPT},    /* unknown flag */
        {5, 0xff, CODE_CORRUPT}, /* an ordinal that would take 64 GiB */
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        static struct kept kept;
        CHECK(kept_with_rows(&kept, 53));
        CHECK_EQ(load_changed(&kept, changes[i].offset, changes[i].byte), changes[i].code);
        CHECK(strstr(kept.world.error.message, "the row of item "));
        CHECK(atomic_load(&kept.world.memory.peak_bytes) < (size_t)1 << 24);
        kept_release(&kept);
    }
}

static void an_ordinal_is_not_given_to_two(struct test *t)
{
    static struct kept kept;
    struct buffer row;
    struct key key;
    CHECK(kept_with_rows(&kept, 54));
    buffer_init(&row, &kept.store_memory, 1 << 20);
    (void)find_row(&kept, KEYSPACE_ITEMS, 0, &key, &row);
    uint32_t taken = load_u32(row.data + 2);
    buffer_release(&row);
    CHECK_EQ(load_changed(&kept, 2, (uint8_t)taken), CODE_CORRUPT);
    kept_release(&kept);
}

static void a_lost_row_is_noticed(struct test *t)
{
    static struct kept kept;
    struct buffer row;
    struct key key;
    CHECK(kept_with_rows(&kept, 55));
    buffer_init(&row, &kept.store_memory, 1 << 20);
    (void)find_row(&kept, KEYSPACE_USERS, 2, &key, &row);
    CHECK_EQ(store_delete(kept.store, KEYSPACE_USERS, key_slice(&key), &kept.world.error), CODE_OK);
    CHECK_EQ(reload(&kept), CODE_CORRUPT);
    CHECK(strstr(kept.world.error.message, "1 of "));
    buffer_release(&row);
    kept_release(&kept);
}

static void a_damaged_count_or_key_is_refused(struct test *t)
{
    static const char *const values[] = {"\x01\0\0\0", "\x00\0\0", "\xff\xff\xff\xff"};
    static const size_t bytes[] = {4, 3, 4};
    static struct kept kept;
    CHECK(kept_with_rows(&kept, 56));
    struct slice key = text_of(KEY_COUNT_PREFIX "item");
    struct buffer right;
    bool found;
    buffer_init(&right, &kept.store_memory, 64);
    CHECK_EQ(store_get(kept.store, KEYSPACE_DATABASE, key, &right, &found, &kept.world.error),
             CODE_OK);
    CHECK(found);
    for (size_t i = 0; i < 3; i++) {
        CHECK_EQ(store_put(kept.store, KEYSPACE_DATABASE, key, slice_of(values[i], bytes[i]),
                           &kept.world.error),
                 CODE_OK);
        CHECK_EQ(reload(&kept), CODE_CORRUPT);
    }
    CHECK_EQ(store_put(kept.store, KEYSPACE_DATABASE, key, buffer_slice(&right), &kept.world.error),
             CODE_OK);
    CHECK_EQ(reload(&kept), CODE_OK);
    CHECK_EQ(store_put(kept.store, KEYSPACE_ITEMS, text_of("odd"), text_of("x"), &kept.world.error),
             CODE_OK);
    CHECK_EQ(reload(&kept), CODE_CORRUPT);
    buffer_release(&right);
    kept_release(&kept);
}

static void values_that_the_schema_does_not_know_are_damage(struct test *t)
{
    static struct kept kept;
    CHECK(kept_init(&kept));
    struct world *world = &kept.world;
    struct content content = {0};
    content.given[LENGTH] = true;
    content.values[LENGTH] = (struct model_value){.present = true, .integer = 4};
    CHECK_EQ(world_write(world, (struct target){.kind = ENTITY_ITEM, .id = 8}, &content, true),
             CODE_OK);
    CHECK_EQ(checkpoint(&kept), CODE_OK);
    declared_release(&world->declared);
    declared_init(&world->declared); /* nothing is defined */
    CHECK_EQ(reload(&kept), CODE_CORRUPT);
    CHECK_TEXT(world->error.message, "the row of item 8 is damaged");
    kept_release(&kept);
}

/* --- Without memory --- */

static void writing_without_memory_fails_and_leaves_the_rows_dirty(struct test *t)
{
    static struct kept kept;
    struct choices choices;
    int failures = 0;
    CHECK(kept_init(&kept));
    struct world *world = &kept.world;
    choices_from_seed(&choices, 61, NULL);
    for (int i = 0; i < 200; i++)
        CHECK_EQ(world_step(world, &choices), CODE_OK);
    enum code code = CODE_NO_MEMORY;
    for (unsigned long long n = 1; code != CODE_OK; n++) {
        world->memory.fail_at_call = atomic_load(&world->memory.call_count) + n;
        code = checkpoint(&kept);
        world->memory.fail_at_call = 0;
        CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
        failures += code != CODE_OK;
        CHECK(world_agrees(world));
    }
    CHECK(failures >= 3);
    CHECK_EQ(reload(&kept), CODE_OK);
    CHECK(world_agrees(world));
    kept_release(&kept);
}

static void loading_without_memory_is_not_taken_for_damage(struct test *t)
{
    static struct kept kept;
    int failures = 0;
    enum code code = CODE_NO_MEMORY;
    CHECK(kept_with_rows(&kept, 62));
    struct world *world = &kept.world;
    for (unsigned long long n = 1; code != CODE_OK; n++) {
        world->fold.ops->free(world->fold.state);
        CHECK_EQ(entities_create(&world->memory, &world->fold, &world->entities, &world->error),
                 CODE_OK);
        world->memory.fail_at_call = atomic_load(&world->memory.call_count) + n;
        code = world->fold.ops->load(world->fold.state, kept.store, world->declared.schema,
                                     &world->error);
        world->memory.fail_at_call = 0;
        CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
        failures += code != CODE_OK;
    }
    CHECK(failures > 50);
    CHECK(world_agrees(world));
    kept_release(&kept);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(a_fold_that_is_reloaded_is_the_fold_that_never_was),
        CASE(a_key_of_what_is_not_yet_put_is_kept), CASE(an_entity_without_rows_is_an_empty_fold),
        CASE(an_entity_larger_than_any_change_is_kept_whole),
        CASE(the_largest_value_of_one_change_fits_a_piece),
        CASE(rows_that_did_not_become_durable_are_written_again),
        CASE(any_damaged_byte_is_refused_or_harmless),
        CASE(what_a_row_cannot_say_is_refused_with_its_name), CASE(an_ordinal_is_not_given_to_two),
        CASE(a_lost_row_is_noticed), CASE(a_damaged_count_or_key_is_refused),
        CASE(values_that_the_schema_does_not_know_are_damage),
        CASE(writing_without_memory_fails_and_leaves_the_rows_dirty),
        CASE(loading_without_memory_is_not_taken_for_damage));
}
