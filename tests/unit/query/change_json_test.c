#include "query/change_json.h"

#include "base/choices.h"
#include "query/json_fields.h"
#include "query/number.h"
#include "unit/query/world.h"

#include <math.h>
#include <stdlib.h>

/* The JSON of what a statement says; lent until the next call. */
static const char *json_of(struct world *world, const char *statement, bool named)
{
    static char text[4096];
    struct buffer out;
    buffer_init(&out, &world->declared.memory, sizeof text - 1);
    text[0] = '\0';
    if (world_bind(world, statement, NULL) == CODE_OK) {
        change_to_json(&world->write.change, named ? world->declared.schema : NULL, &out);
        if (!out.failed) memcpy(text, out.data, out.bytes);
        text[out.failed ? 0 : out.bytes] = '\0';
    }
    buffer_release(&out);
    return text;
}

static void each_kind_has_its_form(struct test *t)
{
    struct world w;
    world_init(&w);
    CHECK_TEXT(
        json_of(&w, "PUT item 1 KEY 'f-1' {\"year\": 2011, \"title\": \"a \\\"b\\\"\"}", true),
        "{\"kind\":\"put\",\"entity\":{\"kind\":\"item\",\"id\":1},\"key\":\"f-1\","
        "\"values\":{\"title\":\"a \\\"b\\\"\",\"year\":2011}}");
    CHECK_TEXT(json_of(&w, "PATCH item KEY 'f-1' {\"year\": null, \"look\": [0.1, -2, 3]}", true),
               "{\"kind\":\"patch\",\"entity\":{\"kind\":\"item\",\"key\":\"f-1\"},"
               "\"values\":{\"year\":null,\"look\":[0.1,-2,3]}}");
    CHECK_TEXT(
        json_of(&w, "DELETE creator 18446744073709551615", true),
        "{\"kind\":\"delete\",\"entity\":{\"kind\":\"creator\",\"id\":18446744073709551615}}");
    CHECK_TEXT(
        json_of(&w, "TRANSACTION { PUT item 1 {}; RELATE user 2 follows creator 7 WEIGHT 0.9; }",
                true),
        "{\"kind\":\"transaction\",\"changes\":[{\"kind\":\"put\",\"entity\":{\"kind\":\"item\","
        "\"id\":1},\"values\":{}},{\"kind\":\"relate\",\"name\":\"follows\",\"from\":{\"kind\":"
        "\"user\",\"id\":2},\"to\":{\"kind\":\"creator\",\"id\":7},\"weight\":0.9}]}");
    CHECK_TEXT(json_of(&w, "UNRELATE user 2 follows creator 7 AT '2026-11-01T10:00:00.5Z'", true),
               "{\"kind\":\"unrelate\",\"name\":\"follows\",\"from\":{\"kind\":\"user\",\"id\":2},"
               "\"to\":{\"kind\":\"creator\",\"id\":7},\"time\":\"2026-11-01T10:00:00.500Z\"}");
    world_release(&w);
}

static void a_signal_says_who_what_and_when(struct test *t)
{
    struct world w;
    world_init(&w);
    CHECK_TEXT(json_of(&w, "SIGNAL view ON item 9", true),
               "{\"kind\":\"signal\",\"name\":\"view\",\"entity\":{\"kind\":\"item\",\"id\":9},"
               "\"value\":1}");
    CHECK_TEXT(json_of(&w, "SIGNAL vote ON item 9 BY user 4 VALUE -0.25 AT 1000", true),
               "{\"kind\":\"signal\",\"name\":\"vote\",\"entity\":{\"kind\":\"item\",\"id\":9},"
               "\"user\":{\"kind\":\"user\",\"id\":4},\"value\":-0.25,"
               "\"time\":\"1970-01-01T00:00:01Z\"}");
    CHECK_TEXT(json_of(&w, "RETRACT SIGNAL like ON item 9 BY user 4", true),
               "{\"kind\":\"retract\",\"name\":\"like\",\"entity\":{\"kind\":\"item\",\"id\":9},"
               "\"user\":{\"kind\":\"user\",\"id\":4},\"value\":1}");
    CHECK_TEXT(json_of(&w, "SIGNAL hide ON item 9 BY user 4", false),
               "{\"kind\":\"signal\",\"name\":\"#1\",\"entity\":{\"kind\":\"item\",\"id\":9},"
               "\"user\":{\"kind\":\"user\",\"id\":4},\"value\":1}");
    world_release(&w);
}

static void a_cursor_says_what_is_done_to_it(struct test *t)
{
    struct world w;
    world_init(&w);
    CHECK_TEXT(json_of(&w, "DEFINE CURSOR search FROM 42", true),
               "{\"kind\":\"cursor\",\"action\":\"define\",\"name\":\"search\",\"position\":41}");
    CHECK_TEXT(json_of(&w, "ADVANCE CURSOR search TO 42", true),
               "{\"kind\":\"cursor\",\"action\":\"advance\",\"name\":\"search\",\"position\":42}");
    CHECK_TEXT(json_of(&w, "DROP CURSOR search", true),
               "{\"kind\":\"cursor\",\"action\":\"drop\",\"name\":\"search\"}");
    world_release(&w);
}

static void a_definition_is_its_text(struct test *t)
{
    struct world w;
    struct buffer out;
    struct change change = {.kind = CHANGE_DEFINE, .define = text_of("DEFINE\n'x'")};
    world_init(&w);
    buffer_init(&out, &w.declared.memory, 100);
    change_to_json(&change, w.declared.schema, &out);
    CHECK(slice_equal(buffer_slice(&out),
                      text_of("{\"kind\":\"define\",\"text\":\"DEFINE\\u000a'x'\"}")));
    buffer_release(&out);
    world_release(&w);
}

static struct value draw_value(struct choices *c, const struct field *field, struct slice *texts)
{
    static const char *const words[] = {"", "jazz", "\"\\\x01/", "\xc3\xa9\xf0\x9f\x8e\xb5"};
    struct value value = {.type = VALUE_MISSING};
    uint64_t bits = choose(c, UINT64_MAX);
    if (choose_one_in(c, 4)) return value;
    switch (field->type) {
    case FIELD_KEYWORD:
    case FIELD_TEXT:
        return (struct value){.type = VALUE_TEXT, .text = text_of(words[choose(c, 3)])};
    case FIELD_KEYWORD_LIST:
        for (int i = 0; i < 2; i++)
            texts[i] = text_of(words[choose(c, 3)]);
        return (struct value){.type = VALUE_TEXT_LIST, .list = {texts, choose(c, 2)}};
    case FIELD_INTEGER:
        return (struct value){.type = VALUE_INTEGER, .integer = (int64_t)bits};
    case FIELD_FLOAT:
        value.type = VALUE_FLOAT;
        memcpy(&value.number, &bits, sizeof bits);
        if (!isfinite(value.number)) value.number = 0.1;
        return value;
    case FIELD_BOOLEAN:
        return (struct value){.type = VALUE_BOOLEAN, .boolean = bits & 1};
    case FIELD_TIMESTAMP:
        return (struct value){.type = VALUE_TIMESTAMP,
                              .integer = (int64_t)(bits % 253402300800000)};
    case FIELD_REFERENCE:
        return (struct value){.type = VALUE_REFERENCE, .reference = bits};
    }
    return value;
}

static bool same_bits(const struct value *a, const struct value *b)
{
    if (a->type == VALUE_FLOAT && b->type == VALUE_FLOAT)
        return memcmp(&a->number, &b->number, sizeof a->number) == 0;
    return value_equal(a, b);
}

struct drawn_patch {
    struct field_value fields[LIMIT_FIELDS];
    struct slice texts[LIMIT_FIELDS][2];
    float numbers[WORLD_DIMENSIONS];
    struct embedding_value look;
    struct change change;
};

static void draw_patch(struct choices *c, const struct schema *schema, struct drawn_patch *drawn)
{
    size_t count = 0;
    for (size_t i = 0; i < schema->field_count; i++) {
        if (schema->fields[i].kind != ENTITY_ITEM) continue;
        drawn->fields[count++] = (struct field_value){
            schema->fields[i].id, draw_value(c, &schema->fields[i], drawn->texts[i])};
    }
    for (int i = 0; i < WORLD_DIMENSIONS; i++) {
        uint32_t bits = (uint32_t)choose(c, UINT32_MAX);
        memcpy(&drawn->numbers[i], &bits, sizeof bits);
        if (!isfinite(drawn->numbers[i])) drawn->numbers[i] = 0.1F;
    }
    drawn->look = (struct embedding_value){
        schema_find_embedding(schema, ENTITY_ITEM, text_of("look"))->id,
        {.type = VALUE_VECTOR, .vector = {drawn->numbers, WORLD_DIMENSIONS}}};
    drawn->change = (struct change){.kind = CHANGE_PATCH,
                                    .put = {.fields = drawn->fields,
                                            .field_count = count,
                                            .embeddings = &drawn->look,
                                            .embedding_count = 1}};
}

/* What json_to_fields, which other tests hold to what was meant, makes of the printed values. */
static void values_read_back_as_they_were(struct test *t)
{
    static struct drawn_patch drawn;
    struct world w;
    struct choices c;
    struct buffer out;
    world_init(&w);
    choices_from_seed(&c, 11, NULL);
    buffer_init(&out, &w.declared.memory, 1 << 16);
    for (int round = 0; round < 2000; round++) {
        struct json json;
        struct put_change back = {.entity = {.kind = ENTITY_ITEM}};
        draw_patch(&c, w.declared.schema, &drawn);
        buffer_clear(&out);
        arena_reset(&w.arena);
        change_to_json(&drawn.change, w.declared.schema, &out);
        CHECK(!out.failed);
        CHECK_EQ(json_parse(buffer_slice(&out), &w.arena, &json, &w.error), CODE_OK);
        const struct json_member *last = &json.object.members[json.object.count - 1];
        CHECK(slice_equal(last->name, text_of("values")));
        CHECK_EQ(json_to_fields(&last->value, w.declared.schema, &w.arena, &back, &w.error),
                 CODE_OK);
        CHECK_EQ(back.field_count, drawn.change.put.field_count);
        for (size_t i = 0; i < back.field_count; i++) {
            CHECK_EQ(back.fields[i].field, drawn.fields[i].field);
            CHECK(same_bits(&back.fields[i].value, &drawn.fields[i].value));
        }
        CHECK_EQ(back.embedding_count, 1);
        const float *numbers = back.embeddings[0].value.vector.numbers;
        CHECK(memcmp(numbers, drawn.numbers, sizeof drawn.numbers) == 0);
    }
    buffer_release(&out);
    world_release(&w);
}

static void the_shortest_digits_read_back(struct test *t)
{
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0.1, "0.1"},       {1.0 / 3, "0.3333333333333333"}, {-1e300, "-1e+300"}, {0, "0"},
                 {5e-324, "5e-324"}, {123456789, "123456789"}};
    char text[DOUBLE_TEXT_BYTES];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double_format_short(cases[i].number, text);
        CHECK(strtod(text, NULL) == cases[i].number);
        if (i != 5) CHECK_TEXT(text, cases[i].text);
    }
    float_format_short(0.9F, text);
    CHECK_TEXT(text, "0.9");
    float_format_short(16777216.0F, text);
    CHECK(strtof(text, NULL) == 16777216.0F);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(each_kind_has_its_form), CASE(a_signal_says_who_what_and_when),
               CASE(a_cursor_says_what_is_done_to_it), CASE(a_definition_is_its_text),
               CASE(values_read_back_as_they_were), CASE(the_shortest_digits_read_back));
}
