#include "query/json_fields.h"

#include "unit/query/world.h"

static enum code read_as(struct world *world, const char *text, enum entity_kind kind,
                         struct put_change *put)
{
    struct json json;
    enum code code;
    *put = (struct put_change){.entity = {.kind = kind}};
    TRY(json_parse(text_of(text), &world->arena, &json, &world->error));
    code = json_to_fields(&json, world->declared.schema, &world->arena, put, &world->error);
out:
    return code;
}

static enum code read_item(struct world *world, const char *text, struct put_change *put)
{
    return read_as(world, text, ENTITY_ITEM, put);
}

static bool says(const struct value *value, const char *text)
{
    return value && value->type == VALUE_TEXT && slice_equal(value->text, text_of(text));
}

static void every_type_of_field_takes_its_json(struct test *t)
{
    struct world w;
    struct put_change put;
    world_init(&w);
    CHECK_EQ(read_item(&w,
                       "{\"creator\":18446744073709551615,\"published\":\"2026-11-01T10:00:00.5Z\","
                       "\"live\":false,\"rating\":4,\"year\":-3,\"tags\":[\"a\",\"b\"],"
                       "\"category\":\"film\",\"title\":\"\",\"look\":[1,-0.5,3e38]}",
                       &put),
             CODE_OK);
    CHECK_EQ(put.field_count, 8);
    for (size_t i = 1; i < put.field_count; i++)
        CHECK(put.fields[i - 1].field < put.fields[i].field);
    CHECK(says(world_field(&w, &put, ENTITY_ITEM, "title"), ""));
    CHECK(says(world_field(&w, &put, ENTITY_ITEM, "category"), "film"));
    const struct value *tags = world_field(&w, &put, ENTITY_ITEM, "tags");
    CHECK(tags->type == VALUE_TEXT_LIST && tags->list.count == 2);
    CHECK(slice_equal(tags->list.texts[1], text_of("b")));
    const struct value *year = world_field(&w, &put, ENTITY_ITEM, "year");
    CHECK(year->type == VALUE_INTEGER && year->integer == -3);
    const struct value *rating = world_field(&w, &put, ENTITY_ITEM, "rating");
    CHECK(rating->type == VALUE_FLOAT && rating->number == 4.0);
    const struct value *live = world_field(&w, &put, ENTITY_ITEM, "live");
    CHECK(live->type == VALUE_BOOLEAN && !live->boolean);
    const struct value *published = world_field(&w, &put, ENTITY_ITEM, "published");
    CHECK(published->type == VALUE_TIMESTAMP);
    CHECK_EQ(published->integer, INT64_C(1793527200500));
    const struct value *creator = world_field(&w, &put, ENTITY_ITEM, "creator");
    CHECK(creator->type == VALUE_REFERENCE && creator->reference == UINT64_MAX);
    CHECK_EQ(put.embedding_count, 1);
    CHECK_EQ(put.embeddings[0].value.type, VALUE_VECTOR);
    CHECK_EQ(put.embeddings[0].value.vector.dimensions, WORLD_DIMENSIONS);
    CHECK(put.embeddings[0].value.vector.numbers[1] == -0.5F);
    CHECK(put.embeddings[0].value.vector.numbers[2] == 3e38F);
    world_release(&w);
}

static void other_ways_to_write_a_value_are_taken(struct test *t)
{
    struct world w;
    struct put_change put;
    world_init(&w);
    CHECK_EQ(read_item(&w,
                       "{\"published\":-1,\"tags\":\"alone\",\"rating\":1.8446744073709551615e19,"
                       "\"creator\":0,\"look\":[18446744073709551615,0.0,-0]}",
                       &put),
             CODE_OK);
    CHECK_EQ(world_field(&w, &put, ENTITY_ITEM, "published")->integer, -1);
    const struct value *tags = world_field(&w, &put, ENTITY_ITEM, "tags");
    CHECK(tags->list.count == 1 && slice_equal(tags->list.texts[0], text_of("alone")));
    CHECK_EQ(world_field(&w, &put, ENTITY_ITEM, "creator")->reference, 0);
    CHECK(put.embeddings[0].value.vector.numbers[0] == 18446744073709551615.0F);
    CHECK_EQ(read_item(&w, "{\"tags\":[],\"rating\":18446744073709551615}", &put), CODE_OK);
    CHECK_EQ(world_field(&w, &put, ENTITY_ITEM, "tags")->list.count, 0);
    CHECK(world_field(&w, &put, ENTITY_ITEM, "rating")->number == 18446744073709551615.0);
    CHECK_EQ(read_item(&w, "{}", &put), CODE_OK);
    CHECK(put.field_count == 0 && put.embedding_count == 0);
    world_release(&w);
}

static void null_is_missing_for_every_field(struct test *t)
{
    static const char *const names[] = {"title", "category", "tags",      "year", "rating",
                                        "live",  "creator",  "published", "look"};
    struct world w;
    struct put_change put;
    char text[64];
    world_init(&w);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(text, sizeof text, "{\"%s\": null}", names[i]);
        CHECK_EQ(read_item(&w, text, &put), CODE_OK);
        CHECK_EQ(put.field_count + put.embedding_count, 1);
        const struct value *value =
            put.field_count > 0 ? &put.fields[0].value : &put.embeddings[0].value;
        CHECK_EQ(value->type, VALUE_MISSING);
    }
    world_release(&w);
}

/* The JSON that each type takes, as bits of `json` below. */
enum {
    STRING = 1,
    WHOLE = 2,
    NEGATIVE = 4,
    HUGE_WHOLE = 8,
    REAL = 16,
    BOOLEAN = 32,
    STRINGS = 64,
    NUMBERS = 128,
    OBJECT = 256,
    TIME = 512
};

static void wrong_types_are_refused_with_place_and_reason(struct test *t)
{
    static const char *const json[] = {
        "\"x\"",   "7",       "-7", "9223372036854775808", "1.5", "true",
        "[\"a\"]", "[1,2,3]", "{}", "\"2026-01-01\""};
    static const struct {
        const char *name;
        int takes;
    } fields[] = {{"title", STRING | TIME},
                  {"category", STRING | TIME},
                  {"tags", STRING | TIME | STRINGS},
                  {"year", WHOLE | NEGATIVE},
                  {"rating", WHOLE | NEGATIVE | HUGE_WHOLE | REAL},
                  {"live", BOOLEAN},
                  {"published", WHOLE | NEGATIVE | TIME},
                  {"creator", WHOLE | HUGE_WHOLE},
                  {"look", NUMBERS}};
    struct world w;
    struct put_change put;
    char text[64];
    world_init(&w);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        for (size_t j = 0; j < sizeof json / sizeof *json; j++) {
            int bytes = snprintf(text, sizeof text, "{\"%s\": ", fields[i].name);
            snprintf(text + bytes, sizeof text - (size_t)bytes, "%s}", json[j]);
            bool taken = fields[i].takes >> j & 1;
            CHECK_EQ(read_item(&w, text, &put), taken ? CODE_OK : CODE_INVALID);
            if (taken) continue;
            CHECK(w.error.position >= (uint64_t)bytes && w.error.position < strlen(text));
            CHECK(strstr(w.error.message, fields[i].name));
            CHECK(w.error.hint[0] != '\0');
        }
    }
    world_release(&w);
}

static void refusals_say_what_is_wanted(struct test *t)
{
    static const struct {
        const char *text, *message;
        uint64_t position;
    } cases[] = {
        {"[1]", "fields are an object, not a list", 0},
        {"{\"year\": 1.5}", "'year' takes a whole number of 64 bits with a sign, not a number", 9},
        {"{\"tags\": [\"a\", 1]}", "'tags' takes texts alone in its list, not an integer", 15},
        {"{\"published\": \"soon\"}", "field 'published': 'soon' is not a time", 14},
        {"{\"published\": \"2026-02-30\"}", "field 'published': '2026-02-30' is not a time", 14},
        {"{\"creator\": -1}", "'creator' takes an id (a whole number from 0), not an integer", 12},
        {"{\"look\": [1,2]}", "embedding 'look' takes 3 numbers, not 2", 9},
        {"{\"look\": []}", "embedding 'look' takes 3 numbers, not 0", 9},
        {"{\"look\": [1,null,3]}", "'look' takes numbers alone in its list, not null", 12},
        {"{\"look\": [1,2,3.5e38]}", "embedding 'look' takes no number as large as this", 14},
    };
    struct world w;
    struct put_change put;
    world_init(&w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_EQ(read_item(&w, cases[i].text, &put), CODE_INVALID);
        CHECK_TEXT(w.error.message, cases[i].message);
        CHECK_EQ(w.error.position, cases[i].position);
    }
    world_release(&w);
}

static void an_unknown_field_is_named_with_the_nearest_one(struct test *t)
{
    struct world w;
    struct put_change put;
    world_init(&w);
    CHECK_EQ(read_item(&w, "{\"year\": 1, \"tilte\": \"x\"}", &put), CODE_NOT_FOUND);
    CHECK_TEXT(w.error.message, "field 'tilte' of item does not exist");
    CHECK_TEXT(w.error.hint, "did you mean 'title'?");
    CHECK_EQ(w.error.position, 12);
    CHECK_EQ(read_item(&w, "{\"zzzzzz\": 1}", &put), CODE_NOT_FOUND);
    CHECK_TEXT(w.error.hint, "SHOW SCHEMA lists the fields");
    /* Fields of another kind of entity, and of none. */
    CHECK_EQ(read_as(&w, "{\"title\": \"x\"}", ENTITY_USER, &put), CODE_NOT_FOUND);
    CHECK_EQ(read_as(&w, "{\"country\": \"fr\"}", ENTITY_USER, &put), CODE_OK);
    CHECK_EQ(read_as(&w, "{\"\": null}", ENTITY_ITEM, &put), CODE_NOT_FOUND);
    world_release(&w);
}

static void without_memory_it_is_an_error_at_every_place(struct test *t)
{
    const char *text = "{\"tags\":[\"a\",\"b\"],\"look\":[1,2,3],\"year\":1,\"title\":\"x\"}";
    enum code code = CODE_NO_MEMORY;
    size_t failures = 0;
    struct world w;
    struct json json;
    world_init(&w);
    CHECK_EQ(json_parse(text_of(text), &w.arena, &json, &w.error), CODE_OK);
    for (size_t maximum = 0; code != CODE_OK; maximum += 16, failures++) {
        struct arena arena;
        struct put_change put = {.entity = {.kind = ENTITY_ITEM}};
        arena_init(&arena, &w.declared.memory, maximum);
        code = json_to_fields(&json, w.declared.schema, &arena, &put, &w.error);
        CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
        arena_release(&arena);
    }
    CHECK(failures > 10);
    world_release(&w);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(every_type_of_field_takes_its_json),
               CASE(other_ways_to_write_a_value_are_taken), CASE(null_is_missing_for_every_field),
               CASE(wrong_types_are_refused_with_place_and_reason),
               CASE(refusals_say_what_is_wanted),
               CASE(an_unknown_field_is_named_with_the_nearest_one),
               CASE(without_memory_it_is_an_error_at_every_place));
}
