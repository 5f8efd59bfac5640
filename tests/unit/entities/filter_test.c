#include "unit/entities/entities_world.h"

static const enum entity_comparison comparisons[] = {
    COMPARE_EQUAL,   COMPARE_NOT_EQUAL,     COMPARE_LESS,   COMPARE_LESS_EQUAL,
    COMPARE_GREATER, COMPARE_GREATER_EQUAL, COMPARE_MISSING};
enum { COMPARISONS = sizeof comparisons / sizeof *comparisons };

static bool holds(enum entity_comparison comparison, int sign)
{
    switch (comparison) {
    case COMPARE_EQUAL:
        return sign == 0;
    case COMPARE_NOT_EQUAL:
        return sign != 0;
    case COMPARE_LESS:
        return sign < 0;
    case COMPARE_LESS_EQUAL:
        return sign <= 0;
    case COMPARE_GREATER:
        return sign > 0;
    case COMPARE_GREATER_EQUAL:
        return sign >= 0;
    case COMPARE_MISSING:
        break;
    }
    return false;
}

/* Wide enough for both an int64_t and a double, exactly. */
static long double wide(const struct value *value)
{
    return value->type == VALUE_FLOAT ? (long double)value->number : (long double)value->integer;
}

static int sign_of(int field, const struct model_value *model, const struct value *with)
{
    struct slice space[WORDS_MAXIMUM];
    struct value value = value_of(field, model, space);
    long double a = 0, b = 0;
    if (field == TITLE) return slice_compare(value.text, with->text);
    if (field == LENGTH || field == RATING || field == PUBLISHED) {
        a = wide(&value);
        b = wide(with);
    } else if (field == KIDS) {
        a = value.boolean;
        b = with->boolean;
    } else {
        a = (long double)value.reference;
        b = (long double)with->reference;
    }
    return (a > b) - (a < b);
}

static bool naive_matches(int field, const struct model_entity *entity,
                          enum entity_comparison comparison, const struct value *with)
{
    const struct model_value *model = &entity->fields[field];
    if (!entity->alive) return false;
    if (comparison == COMPARE_MISSING) return !model->present;
    if (!model->present) return false;
    if (field != CATEGORY && field != TAGS && field != COUNTRY)
        return holds(comparison, sign_of(field, model, with));
    bool any = false;
    for (size_t i = 0; i < model->word_count; i++)
        any = any || slice_equal(word_of(model->words[i]), with->text);
    return comparison == COMPARE_EQUAL ? any : comparison == COMPARE_NOT_EQUAL && !any;
}

/* A value to compare with: of the field's type, or a number of the other kind. */
static struct value draw_comparand(struct choices *choices, int field)
{
    struct slice space[WORDS_MAXIMUM];
    struct model_value model;
    struct value value;
    draw_value(choices, field, &model);
    if (field == TAGS) {
        value = value_of(CATEGORY, &model, space);
        if (choose_one_in(choices, 10)) value.text = text_of("in no dictionary");
        return value;
    }
    bool other = choose_one_in(choices, 2);
    if (field == LENGTH && other) return value_of(RATING, &model, space);
    if (field == RATING && other) return value_of(LENGTH, &model, space);
    return value_of(field, &model, space);
}

static bool filter_agrees(const struct world *world, struct choices *choices, struct bitset *out,
                          uint64_t *matches)
{
    int field = (int)choose(choices, FIELDS - 1);
    enum entity_comparison comparison = comparisons[choose(choices, COMPARISONS - 1)];
    struct value with = draw_comparand(choices, field);
    const struct model_kind *kind = &world->kinds[world_field(world, field)->kind];
    uint64_t count = 0;
    if (!entities_filter(world->entities, world_field(world, field), comparison, &with, out))
        return false;
    for (ordinal i = 0; i < kind->count; i++) {
        bool expected = naive_matches(field, &kind->entities[i], comparison, &with);
        count += expected;
        if (bitset_has(out, i) == expected) continue;
        fprintf(stderr, "    field %d, comparison %d, ordinal %u\n", field, (int)comparison, i);
        return false;
    }
    *matches += count;
    return bitset_count(out) == count;
}

static void filters_agree_with_a_loop_over_all_entities(struct test *t)
{
    enum { EVENTS = 12000 };
    static struct world world;
    struct choices choices;
    struct bitset out;
    uint64_t matches = 0;
    CHECK(world_init(&world));
    bitset_init(&out, &world.memory);
    choices_from_seed(&choices, 32, NULL);
    for (int i = 0; i < EVENTS; i++) {
        CHECK_EQ(world_step(&world, &choices), CODE_OK);
        for (int filters = 0; filters < 3; filters++)
            CHECK(filter_agrees(&world, &choices, &out, &matches));
    }
    CHECK(matches > EVENTS);
    bitset_release(&out);
    world_release(&world);
}

static void live_entities_are_those_that_the_oracle_has(struct test *t)
{
    static struct world world;
    struct choices choices;
    struct bitset out;
    CHECK(world_init(&world));
    bitset_init(&out, &world.memory);
    CHECK(bitset_set(&out, 1000)); /* is emptied first */
    choices_from_seed(&choices, 33, NULL);
    for (int i = 0; i < 500; i++) {
        CHECK_EQ(world_step(&world, &choices), CODE_OK);
        for (enum entity_kind kind = 0; kind < ENTITY_KIND_COUNT; kind++) {
            CHECK(entities_filter_live(world.entities, kind, &out));
            CHECK(!bitset_has(&out, 1000));
            for (ordinal j = 0; j < world.kinds[kind].count; j++)
                CHECK_EQ(bitset_has(&out, j), world.kinds[kind].entities[j].alive);
        }
    }
    bitset_release(&out);
    world_release(&world);
}

/* The position in the order newest first, then by id. */
static size_t naive_rank(const struct world *world, const struct bitset *among, ordinal item)
{
    const struct model_kind *kind = &world->kinds[ENTITY_ITEM];
    const struct model_entity *a = &kind->entities[item];
    size_t rank = 0;
    for (ordinal i = 0; i < kind->count; i++) {
        const struct model_entity *b = &kind->entities[i];
        if (!b->alive || (among && !bitset_has(among, i))) continue;
        rank += b->created_ms > a->created_ms || (b->created_ms == a->created_ms && b->id < a->id);
    }
    return rank;
}

static void the_newest_are_in_order_of_creation_then_id(struct test *t)
{
    static struct world world;
    struct choices choices;
    struct bitset among;
    ordinal out[MODEL_ENTITIES];
    CHECK(world_init(&world));
    bitset_init(&among, &world.memory);
    choices_from_seed(&choices, 34, NULL);
    for (int i = 0; i < 3000; i++) {
        int64_t now_ms = world.now_ms;
        CHECK_EQ(world_step(&world, &choices), CODE_OK);
        if (choose_one_in(&choices, 2)) world.now_ms = now_ms; /* so that ties occur */
        const struct bitset *only = choose_one_in(&choices, 2) ? &among : NULL;
        for (ordinal j = 0; j < MODEL_ENTITIES; j++) {
            bitset_unset(&among, j);
            if (choose_one_in(&choices, 3)) CHECK(bitset_set(&among, j));
        }
        size_t limit = (size_t)choose(&choices, 60), all = 0;
        for (ordinal j = 0; j < world.kinds[ENTITY_ITEM].count; j++)
            all += world.kinds[ENTITY_ITEM].entities[j].alive && (!only || bitset_has(only, j));
        size_t count = entities_newest(world.entities, only, limit, out);
        CHECK_EQ(count, all < limit ? all : limit);
        for (size_t j = 0; j < count; j++) {
            CHECK(world.kinds[ENTITY_ITEM].entities[out[j]].alive);
            CHECK_EQ(naive_rank(&world, only, out[j]), j);
        }
    }
    bitset_release(&among);
    world_release(&world);
}

static void integers_beyond_doubles_are_compared_exactly(struct test *t)
{
    static struct world world;
    struct content content = {0};
    struct bitset out;
    const int64_t odd = (INT64_C(1) << 53) + 1; /* no double is equal to it */
    CHECK(world_init(&world));
    bitset_init(&out, &world.memory);
    content.given[LENGTH] = true;
    content.values[LENGTH] = (struct model_value){.present = true, .integer = odd};
    struct target item = {.kind = ENTITY_ITEM, .id = 1};
    CHECK_EQ(world_write(&world, item, &content, true), CODE_OK);
    struct value with = {.type = VALUE_FLOAT, .number = (double)odd};
    const struct field *length = world_field(&world, LENGTH);
    CHECK(entities_filter(world.entities, length, COMPARE_EQUAL, &with, &out));
    CHECK(!bitset_has(&out, 0));
    CHECK(entities_filter(world.entities, length, COMPARE_GREATER, &with, &out));
    CHECK(bitset_has(&out, 0));
    bitset_release(&out);
    world_release(&world);
}

static void a_filter_without_memory_says_so(struct test *t)
{
    static struct world world;
    struct memory scarce;
    struct choices choices;
    struct bitset out;
    struct value with = {.type = VALUE_TEXT, .text = text_of("in no dictionary")};
    CHECK(world_init(&world));
    choices_from_seed(&choices, 35, NULL);
    for (int i = 0; i < 300; i++)
        CHECK_EQ(world_step(&world, &choices), CODE_OK);
    memory_init(&scarce, 1);
    bitset_init(&out, &scarce);
    const struct field *field = world_field(&world, CATEGORY);
    CHECK(!entities_filter(world.entities, field, COMPARE_NOT_EQUAL, &with, &out));
    CHECK(!entities_filter(world.entities, field, COMPARE_MISSING, &with, &out));
    CHECK(!entities_filter_live(world.entities, ENTITY_ITEM, &out));
    bitset_release(&out);
    memory_release(&scarce);
    world_release(&world);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(filters_agree_with_a_loop_over_all_entities),
               CASE(live_entities_are_those_that_the_oracle_has),
               CASE(the_newest_are_in_order_of_creation_then_id),
               CASE(integers_beyond_doubles_are_compared_exactly),
               CASE(a_filter_without_memory_says_so));
}
