#include "unit/entities/entities_world.h"

static const struct target item_one = {.kind = ENTITY_ITEM, .id = 1};

static struct content with_integer(int64_t length)
{
    struct content content = {0};
    content.given[LENGTH] = true;
    content.values[LENGTH] = (struct model_value){.present = true, .integer = length};
    return content;
}

static struct content with_words(int field, size_t count, uint8_t first, uint8_t second)
{
    struct content content = {0};
    content.given[field] = true;
    content.values[field] =
        (struct model_value){.present = true, .words = {first, second, first}, .word_count = count};
    return content;
}

static void random_events_agree_with_arrays(struct test *t)
{
    enum { EVENTS = 12000 };
    static struct world world;
    struct choices choices;
    CHECK(world_init(&world));
    choices_from_seed(&choices, 31, NULL);
    for (int i = 0; i < EVENTS; i++) {
        CHECK_EQ(world_step(&world, &choices), CODE_OK);
        bool agrees = world_agrees(&world);
        if (!agrees) fprintf(stderr, "    after event %d\n", i);
        CHECK(agrees);
    }
    CHECK(world.kinds[ENTITY_ITEM].count > 40);
    world_release(&world);
}

static void ordinals_follow_first_mentions_and_are_never_given_again(struct test *t)
{
    static struct world world;
    struct content nothing = {0};
    CHECK(world_init(&world));
    static const entity_id ids[] = {900, 5, UINT64_C(1) << 63, 0};
    for (ordinal i = 0; i < 4; i++) {
        struct target target = {.kind = ENTITY_ITEM, .id = ids[i]};
        CHECK_EQ(world_write(&world, target, &nothing, true), CODE_OK);
        CHECK_EQ(entities_find(world.entities, ENTITY_ITEM, ids[i]), i);
    }
    struct target five = {.kind = ENTITY_ITEM, .id = 5}, new = {.kind = ENTITY_ITEM, .id = 6};
    CHECK_EQ(world_remove(&world, five), CODE_OK);
    CHECK(!entities_live(world.entities, ENTITY_ITEM, 1));
    CHECK_EQ(world_write(&world, new, &nothing, true), CODE_OK);
    CHECK_EQ(entities_find(world.entities, ENTITY_ITEM, 6), 4);
    CHECK_EQ(world_write(&world, five, &nothing, true), CODE_OK);
    CHECK_EQ(entities_find(world.entities, ENTITY_ITEM, 5), 1);
    CHECK(entities_live(world.entities, ENTITY_ITEM, 1));
    CHECK_EQ(entities_count(world.entities, ENTITY_ITEM), 5);
    CHECK_EQ(entities_count(world.entities, ENTITY_USER), 0);
    world_release(&world);
}

static void a_put_replaces_all_and_a_patch_what_it_names(struct test *t)
{
    static struct world world;
    struct content length = with_integer(60), category = with_words(CATEGORY, 1, 5, 0);
    CHECK(world_init(&world));
    CHECK_EQ(world_write(&world, item_one, &length, true), CODE_OK);
    CHECK_EQ(world_write(&world, item_one, &category, false), CODE_OK);
    CHECK(same_value(&world, LENGTH, 0, &length.values[LENGTH]));
    CHECK(same_value(&world, CATEGORY, 0, &category.values[CATEGORY]));
    CHECK_EQ(world_write(&world, item_one, &category, true), CODE_OK);
    CHECK(same_value(&world, LENGTH, 0, &(struct model_value){0}));
    CHECK(same_value(&world, CATEGORY, 0, &category.values[CATEGORY]));
    struct content removal = {0};
    removal.given[CATEGORY] = true;
    CHECK_EQ(world_write(&world, item_one, &removal, false), CODE_OK);
    CHECK(same_value(&world, CATEGORY, 0, &(struct model_value){0}));
    world_release(&world);
}

static void a_deleted_entity_comes_back_empty_with_a_new_creation_time(struct test *t)
{
    static struct world world;
    struct content length = with_integer(60), nothing = {0};
    CHECK(world_init(&world));
    length.key = 3;
    int64_t first_ms = world.now_ms;
    CHECK_EQ(world_write(&world, item_one, &length, true), CODE_OK);
    world.now_ms += 10;
    CHECK_EQ(world_write(&world, item_one, &length, true), CODE_OK);
    CHECK_EQ(entities_created_ms(world.entities, ENTITY_ITEM, 0), first_ms);
    CHECK_EQ(world_remove(&world, item_one), CODE_OK);
    CHECK_EQ(entities_created_ms(world.entities, ENTITY_ITEM, 0), 0);
    CHECK_EQ(entities_find_key(world.entities, ENTITY_ITEM, text_of("key-3")), ORDINAL_NONE);
    world.now_ms += 10;
    CHECK_EQ(world_write(&world, item_one, &nothing, true), CODE_OK);
    CHECK_EQ(entities_created_ms(world.entities, ENTITY_ITEM, 0), first_ms + 20);
    CHECK_EQ(entities_key(world.entities, ENTITY_ITEM, 0).bytes, 0);
    CHECK(same_value(&world, LENGTH, 0, &(struct model_value){0}));
    world_release(&world);
}

static void an_entity_known_by_key_alone_gets_the_id_above_the_largest(struct test *t)
{
    static struct world world;
    struct content nothing = {0};
    CHECK(world_init(&world));
    CHECK_EQ(world_write(&world, (struct target){.kind = ENTITY_USER, .id = 41}, &nothing, true),
             CODE_OK);
    CHECK_EQ(world_admit(&world, (struct target){.kind = ENTITY_USER, .key = 1}), CODE_OK);
    CHECK_EQ(entities_id(world.entities, ENTITY_USER, 1), 42);
    CHECK_EQ(entities_find_key(world.entities, ENTITY_USER, text_of("key-1")), 1);
    CHECK_EQ(world_admit(&world, (struct target){.kind = ENTITY_USER, .key = 1}), CODE_OK);
    CHECK_EQ(entities_count(world.entities, ENTITY_USER), 2);
    CHECK_EQ(entities_find_key(world.entities, ENTITY_ITEM, text_of("key-1")), ORDINAL_NONE);
    world_release(&world);
}

static void after_the_largest_id_keys_get_the_lowest_free_ones(struct test *t)
{
    static struct world world;
    CHECK(world_init(&world));
    static const entity_id ids[] = {1, 2, 4, UINT64_MAX};
    static const entity_id expected[] = {3, 5, 6};
    for (size_t i = 0; i < 4; i++)
        CHECK_EQ(world_admit(&world, (struct target){.kind = ENTITY_USER, .id = ids[i]}), CODE_OK);
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(world_admit(&world, (struct target){.kind = ENTITY_USER, .key = i + 1}), CODE_OK);
        CHECK_EQ(entities_id(world.entities, ENTITY_USER, (ordinal)(4 + i)), expected[i]);
    }
    world_release(&world);
}

static void a_key_stays_with_its_owner_until_that_gives_it_up(struct test *t)
{
    static struct world world;
    struct content keyed = {.key = 7}, other_key = {.key = 8};
    const struct target two = {.kind = ENTITY_ITEM, .id = 2};
    CHECK(world_init(&world));
    CHECK_EQ(world_write(&world, item_one, &keyed, true), CODE_OK);
    CHECK_EQ(world_write(&world, two, &keyed, true), CODE_OK);
    CHECK_EQ(entities_find_key(world.entities, ENTITY_ITEM, text_of("key-7")), 0);
    CHECK_EQ(entities_key(world.entities, ENTITY_ITEM, 1).bytes, 0);
    CHECK_EQ(world_write(&world, item_one, &other_key, true), CODE_OK);
    CHECK_EQ(entities_find_key(world.entities, ENTITY_ITEM, text_of("key-7")), ORDINAL_NONE);
    CHECK_EQ(entities_find_key(world.entities, ENTITY_ITEM, text_of("key-8")), 0);
    CHECK_EQ(world_write(&world, two, &keyed, true), CODE_OK);
    CHECK_EQ(entities_find_key(world.entities, ENTITY_ITEM, text_of("key-7")), 1);
    world_release(&world);
}

static void a_referenced_creator_exists_from_then_on(struct test *t)
{
    static struct world world;
    struct content content = {0};
    double number;
    bool missing;
    CHECK(world_init(&world));
    content.given[CREATOR] = true;
    content.values[CREATOR] = (struct model_value){.present = true, .integer = 77};
    CHECK_EQ(world_write(&world, item_one, &content, true), CODE_OK);
    CHECK_EQ(entities_find(world.entities, ENTITY_CREATOR, 77), 0);
    CHECK(entities_live(world.entities, ENTITY_CREATOR, 0));
    entities_numbers(world.entities, world_field(&world, CREATOR), (const ordinal[]){0}, 1, &number,
                     &missing);
    CHECK(!missing && number == 0);
    world_release(&world);
}

static void numbers_of_every_type_are_doubles_and_the_rest_is_missing(struct test *t)
{
    static struct world world;
    struct content content = {0};
    static const int fields[] = {LENGTH, RATING, KIDS, PUBLISHED, TITLE, CATEGORY};
    static const double expected[] = {60, 2.5, 1, 5000, 0, 0};
    CHECK(world_init(&world));
    for (int i = 0; i < FIELDS - 1; i++) {
        content.given[i] = true;
        content.values[i] = (struct model_value){.present = true, .word_count = 1, .number = 2.5};
    }
    content.values[LENGTH].integer = 60;
    content.values[KIDS].integer = 1;
    content.values[PUBLISHED].integer = 5000;
    CHECK_EQ(world_admit(&world, (struct target){.kind = ENTITY_ITEM, .id = 9}), CODE_OK);
    CHECK_EQ(world_write(&world, item_one, &content, true), CODE_OK);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        double numbers[2] = {9, 9};
        bool missing[2];
        entities_numbers(world.entities, world_field(&world, fields[i]), (const ordinal[]){1, 0}, 2,
                         numbers, missing);
        CHECK_EQ(missing[0], fields[i] == TITLE || fields[i] == CATEGORY);
        CHECK(numbers[0] == expected[i]);
        CHECK(missing[1] && numbers[1] == 0);
    }
    world_release(&world);
}

static void keywords_are_codes_of_a_dictionary_of_their_field(struct test *t)
{
    static struct world world;
    struct content tags = with_words(TAGS, 3, 5, 1);
    struct content category = with_words(CATEGORY, 1, 1, 0);
    size_t count;
    CHECK(world_init(&world));
    const struct field *tags_field = world_field(&world, TAGS);
    const struct field *category_field = world_field(&world, CATEGORY);
    CHECK(entities_code(world.entities, tags_field, text_of("jazz")) == UINT32_MAX);
    CHECK(!entities_codes(world.entities, tags_field, 0, &count));
    CHECK_EQ(world_write(&world, item_one, &tags, true), CODE_OK);
    CHECK_EQ(world_write(&world, item_one, &category, false), CODE_OK);
    const uint32_t *codes = entities_codes(world.entities, tags_field, 0, &count);
    CHECK_EQ(count, 2); /* jazz, a, jazz: each once */
    CHECK_EQ(entities_code(world.entities, tags_field, text_of("jazz")), codes[0]);
    CHECK_EQ(entities_code(world.entities, tags_field, text_of("a")), codes[1]);
    CHECK(slice_equal(entities_code_text(world.entities, tags_field, codes[1]), text_of("a")));
    CHECK_EQ(entities_code(world.entities, category_field, text_of("a")), 0);
    codes = entities_codes(world.entities, category_field, 0, &count);
    CHECK(count == 1 && codes[0] == 0);
    CHECK(!entities_codes(world.entities, world_field(&world, TITLE), 0, &count));
    world_release(&world);
}

static void a_list_is_cut_to_the_space_that_there_is(struct test *t)
{
    static struct world world;
    struct content tags = with_words(TAGS, 2, 5, 1);
    struct slice space[1];
    CHECK(world_init(&world));
    CHECK_EQ(world_write(&world, item_one, &tags, true), CODE_OK);
    struct value value = entities_value(world.entities, world_field(&world, TAGS), 0, space, 1);
    CHECK_EQ(value.type, VALUE_TEXT_LIST);
    CHECK_EQ(value.list.count, 1);
    CHECK(slice_equal(space[0], text_of("jazz")));
    world_release(&world);
}

static void memory_that_is_told_is_memory_that_is_held(struct test *t)
{
    static struct world world;
    struct choices choices;
    CHECK(world_init(&world));
    choices_from_seed(&choices, 5, NULL);
    for (int i = 0; i < 2000; i++)
        CHECK_EQ(world_step(&world, &choices), CODE_OK);
    size_t told = world.fold.ops->bytes(world.fold.state);
    size_t held = atomic_load(&world.memory.used_bytes);
    CHECK(told <= held && told >= held - held / 8);
    world_release(&world);
}

static void an_event_without_memory_fails_and_says_so(struct test *t)
{
    int failures = 0;
    enum code code = CODE_NO_MEMORY;
    for (unsigned long long n = 1; code != CODE_OK; n++) {
        static struct world world;
        struct choices choices;
        CHECK(world_init(&world));
        choices_from_seed(&choices, 8, NULL);
        world.memory.fail_at_call = atomic_load(&world.memory.call_count) + n;
        code = CODE_OK;
        for (int i = 0; i < 60 && code == CODE_OK; i++)
            code = world_step(&world, &choices);
        world.memory.fail_at_call = 0;
        CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
        failures += code != CODE_OK;
        world_release(&world); /* frees all, whatever was half-way */
    }
    CHECK(failures > 50);
}

static void creating_without_memory_is_refused(struct test *t)
{
    struct memory memory;
    struct fold fold;
    struct entities *entities;
    struct error error;
    memory_init(&memory, 16);
    CHECK_EQ(entities_create(&memory, &fold, &entities, &error), CODE_NO_MEMORY);
    CHECK_EQ(error.area, AREA_ENTITIES);
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(random_events_agree_with_arrays),
               CASE(ordinals_follow_first_mentions_and_are_never_given_again),
               CASE(a_put_replaces_all_and_a_patch_what_it_names),
               CASE(a_deleted_entity_comes_back_empty_with_a_new_creation_time),
               CASE(an_entity_known_by_key_alone_gets_the_id_above_the_largest),
               CASE(after_the_largest_id_keys_get_the_lowest_free_ones),
               CASE(a_key_stays_with_its_owner_until_that_gives_it_up),
               CASE(a_referenced_creator_exists_from_then_on),
               CASE(numbers_of_every_type_are_doubles_and_the_rest_is_missing),
               CASE(keywords_are_codes_of_a_dictionary_of_their_field),
               CASE(a_list_is_cut_to_the_space_that_there_is),
               CASE(memory_that_is_told_is_memory_that_is_held),
               CASE(an_event_without_memory_fails_and_says_so),
               CASE(creating_without_memory_is_refused));
}
