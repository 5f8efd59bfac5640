#include "schema/change.h"

#include "harness/test.h"
#include "unit/schema/declare.h"

#include <math.h>

static struct entity_reference entity(enum entity_kind kind, entity_id id)
{
    return (struct entity_reference){.kind = kind, .id = id, .key = text_of("")};
}

struct fixture {
    struct declared declared;
    struct error error;
};

static void fixture_init(struct fixture *f)
{
    declared_init(&f->declared);
    declare_everything(&f->declared);
    must_declare(&f->declared, define_embedding("content", 3));
}

static enum code check(struct fixture *f, const struct change *change)
{
    return change_check(change, f->declared.schema, &f->error);
}

#define CHECK_REFUSED(fixture, change, part)                                                       \
    do {                                                                                           \
        CHECK_EQ(check(fixture, change), CODE_INVALID);                                            \
        if (!strstr((fixture)->error.message, part))                                               \
            fprintf(stderr, "    %s\n", (fixture)->error.message);                                 \
        CHECK(strstr((fixture)->error.message, part));                                             \
    } while (0)

/* A PUT of one field of item 1. */
#define PUT_FIELD(...)                                                                             \
    {                                                                                              \
        .kind = CHANGE_PUT, .put = {                                                               \
            .entity = entity(ENTITY_ITEM, 1),                                                      \
            .fields = &(struct field_value)__VA_ARGS__,                                            \
            .field_count = 1,                                                                      \
        }                                                                                          \
    }

static struct change view_by_user(void)
{
    return (struct change){.kind = CHANGE_SIGNAL,
                           .signal = {.signal = 2,
                                      .entity = entity(ENTITY_ITEM, 1),
                                      .has_user = true,
                                      .user = entity(ENTITY_USER, 2),
                                      .value = SIGNAL_VALUE_ONE,
                                      .has_time = true,
                                      .time_ms = 1000}};
}

static void a_put_that_fits_is_accepted(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct slice tags[] = {text_of("jazz"), text_of("soul")};
    float numbers[] = {0.5f, -1, 0};
    struct field_value fields[] = {
        {0, {.type = VALUE_TEXT, .text = text_of("Night drive")}},
        {1, {.type = VALUE_TEXT, .text = text_of("jazz")}},
        {2, {.type = VALUE_TEXT_LIST, .list = {tags, 2}}},
        {3, {.type = VALUE_INTEGER, .integer = 1999}},
        {4, {.type = VALUE_FLOAT, .number = 8.5}},
        {5, {.type = VALUE_BOOLEAN, .boolean = true}},
        {6, {.type = VALUE_TIMESTAMP, .integer = -1}},
        {7, {.type = VALUE_REFERENCE, .reference = 7}},
    };
    struct embedding_value embedding = {0, {.type = VALUE_VECTOR, .vector = {numbers, 3}}};
    struct change change = {.kind = CHANGE_PUT,
                            .put = {.entity = entity(ENTITY_ITEM, 1),
                                    .key = text_of("night-drive"),
                                    .fields = fields,
                                    .field_count = 8,
                                    .embeddings = &embedding,
                                    .embedding_count = 1}};
    CHECK_EQ(check(&f, &change), CODE_OK);
    declared_release(&f.declared);
}

static void a_field_takes_only_its_type(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct change change = PUT_FIELD({0, {.type = VALUE_INTEGER, .integer = 1}});
    CHECK_REFUSED(&f, &change, "field 'title' takes text, not integer");
    change = (struct change)PUT_FIELD({4, {.type = VALUE_INTEGER, .integer = 1}});
    CHECK_REFUSED(&f, &change, "field 'rating' takes float, not integer");
    change = (struct change)PUT_FIELD({4, {.type = VALUE_FLOAT, .number = __builtin_nan("")}});
    CHECK_REFUSED(&f, &change, "field 'rating' is not finite");
    change = (struct change)PUT_FIELD({4, {.type = VALUE_FLOAT, .number = -__builtin_inf()}});
    CHECK_REFUSED(&f, &change, "field 'rating' is not finite");
    change = (struct change)PUT_FIELD({6, {.type = VALUE_TIMESTAMP, .integer = INT64_MAX}});
    CHECK_REFUSED(&f, &change, "outside the years 0001 to 9999");
    change = (struct change)PUT_FIELD({0, {.type = VALUE_TEXT, .text = text_of("a\xff")}});
    CHECK_REFUSED(&f, &change, "field 'title' is not UTF-8 at byte 1");
    change = (struct change)PUT_FIELD({0, {.type = VALUE_MISSING}});
    CHECK_REFUSED(&f, &change, "field 'title' takes text, not missing");
    change.kind = CHANGE_PATCH;
    CHECK_EQ(check(&f, &change), CODE_OK);
    change = (struct change)PUT_FIELD({99, {.type = VALUE_INTEGER, .integer = 1}});
    CHECK_REFUSED(&f, &change, "field 99 is not defined");
    change = (struct change)PUT_FIELD({8, {.type = VALUE_TEXT, .text = text_of("de")}});
    CHECK_REFUSED(&f, &change, "field 'country' takes user here, not item");
    declared_release(&f.declared);
}

static void texts_and_lists_have_limits(struct test *t)
{
    struct fixture f;
    static char text[LIMIT_TEXT_BYTES + 1];
    static struct slice many[LIMIT_LIST_VALUES + 1];
    fixture_init(&f);
    memset(text, 'x', sizeof text);
    struct change change =
        PUT_FIELD({0, {.type = VALUE_TEXT, .text = slice_of(text, sizeof text)}});
    CHECK_REFUSED(&f, &change, "field 'title' has 65537 bytes");
    change = (struct change)PUT_FIELD({2, {.type = VALUE_TEXT_LIST, .list = {many, 257}}});
    CHECK_REFUSED(&f, &change, "field 'tags' has 257 values");
    change = (struct change)PUT_FIELD({2, {.type = VALUE_TEXT_LIST, .list = {many, 256}}});
    CHECK_EQ(check(&f, &change), CODE_OK);
    change.put.key = slice_of(text, LIMIT_KEY_BYTES + 1);
    CHECK_REFUSED(&f, &change, "has 257 bytes");
    change.put.key = text_of("k");
    change.put.entity.id = 0;
    change.put.entity.key = text_of("k");
    CHECK_REFUSED(&f, &change, "item 'k' is given a second key");
    declared_release(&f.declared);
}

static void fields_given_twice_are_refused(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct field_value fields[] = {{3, {.type = VALUE_INTEGER, .integer = 1}},
                                   {3, {.type = VALUE_INTEGER, .integer = 2}}};
    struct change change = {
        .kind = CHANGE_PUT,
        .put = {.entity = entity(ENTITY_ITEM, 1), .fields = fields, .field_count = 2}};
    CHECK_REFUSED(&f, &change, "fields are given twice or out of order");
    declared_release(&f.declared);
}

static void a_vector_of_the_wrong_size_or_with_nan_is_refused(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    float numbers[] = {1, 2, 3, 4};
    struct embedding_value embedding = {0, {.type = VALUE_VECTOR, .vector = {numbers, 4}}};
    struct change change = {
        .kind = CHANGE_PUT,
        .put = {.entity = entity(ENTITY_ITEM, 1), .embeddings = &embedding, .embedding_count = 1}};
    CHECK_REFUSED(&f, &change, "vector of embedding 'content' has 4 numbers");
    CHECK_TEXT(f.error.hint, "it has 3 dimensions");
    embedding.value.vector.dimensions = 0;
    CHECK_REFUSED(&f, &change, "has 0 numbers");
    embedding.value.vector.dimensions = 3;
    numbers[2] = NAN;
    CHECK_REFUSED(&f, &change, "vector of embedding 'content' is not finite at number 2");
    numbers[2] = INFINITY;
    CHECK_REFUSED(&f, &change, "is not finite at number 2");
    numbers[2] = 3;
    CHECK_EQ(check(&f, &change), CODE_OK);
    embedding.value.type = VALUE_MISSING;
    CHECK_REFUSED(&f, &change, "embedding 'content' takes a vector");
    change.kind = CHANGE_PATCH;
    CHECK_EQ(check(&f, &change), CODE_OK);
    embedding.embedding = 1;
    CHECK_REFUSED(&f, &change, "embedding 1 is not defined");
    declared_release(&f.declared);
}

static void a_signal_must_be_known_and_about_the_right_kind(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct change change = view_by_user();
    CHECK_EQ(check(&f, &change), CODE_OK);
    change.signal.has_user = false;
    CHECK_EQ(check(&f, &change), CODE_OK);
    change.signal.signal = 40;
    CHECK_REFUSED(&f, &change, "signal 40 is not defined");
    change = view_by_user();
    change.signal.entity.kind = ENTITY_USER;
    CHECK_REFUSED(&f, &change, "signal 'view' takes item here, not user");
    change = view_by_user();
    change.signal.user.kind = ENTITY_CREATOR;
    CHECK_REFUSED(&f, &change, "signal 'view' takes user here, not creator");
    change = view_by_user();
    change.signal.time_ms = INT64_MIN;
    CHECK_REFUSED(&f, &change, "the event's time is outside the years");
    declared_release(&f.declared);
}

static void values_of_signals_have_bounds(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct change change = view_by_user();
    change.signal.value = SIGNAL_VALUE_MAXIMUM;
    CHECK_REFUSED(&f, &change, "value of signal 'view' is too large");
    change.signal.value = SIGNAL_VALUE_MAXIMUM - 1;
    CHECK_EQ(check(&f, &change), CODE_OK);
    change.signal.value = -1;
    CHECK_REFUSED(&f, &change, "value of signal 'view' is negative");
    change.signal.signal = 4; /* vote, defined with VALUE */
    CHECK_EQ(check(&f, &change), CODE_OK);
    change.signal.value = -SIGNAL_VALUE_MAXIMUM;
    CHECK_REFUSED(&f, &change, "value of signal 'vote' is too large");
    declared_release(&f.declared);
}

static void only_unique_signals_of_a_user_are_taken_back(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct change change = view_by_user();
    change.signal.retract = true;
    CHECK_REFUSED(&f, &change, "signal 'view' cannot be taken back");
    change.signal.signal = 3; /* like, UNIQUE PER USER */
    CHECK_EQ(check(&f, &change), CODE_OK);
    change.signal.has_user = false;
    CHECK_REFUSED(&f, &change, "signal 'like' names no user");
    declared_release(&f.declared);
}

static void an_edge_must_fit_its_relation(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct change change = {.kind = CHANGE_RELATE,
                            .relate = {.relation = 0,
                                       .from = entity(ENTITY_USER, 1),
                                       .to = entity(ENTITY_CREATOR, 2),
                                       .weight = 1}};
    CHECK_EQ(check(&f, &change), CODE_OK);
    change.relate.weight = NAN;
    CHECK_REFUSED(&f, &change, "weight of relation 'follows' is not finite");
    change.kind = CHANGE_UNRELATE;
    CHECK_EQ(check(&f, &change), CODE_OK);
    change.relate.to.kind = ENTITY_ITEM;
    CHECK_REFUSED(&f, &change, "relation 'follows' takes creator here, not item");
    change.relate.relation = 3;
    CHECK_REFUSED(&f, &change, "relation 3 is not defined");
    declared_release(&f.declared);
}

static void transactions_do_not_nest_and_do_not_define(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct change part = view_by_user();
    struct change change = {.kind = CHANGE_TRANSACTION, .transaction = {&part, 1}};
    CHECK_EQ(check(&f, &change), CODE_OK);
    change.transaction.count = 0;
    CHECK_REFUSED(&f, &change, "a transaction has 0 changes");
    change.transaction.count = 1001;
    CHECK_REFUSED(&f, &change, "a transaction has 1001 changes");
    change.transaction.count = 1;
    part.signal.signal = 60;
    CHECK_REFUSED(&f, &change, "signal 60 is not defined");
    part = (struct change){.kind = CHANGE_DEFINE, .define = text_of("DEFINE")};
    CHECK_REFUSED(&f, &change, "a transaction cannot hold a define");
    part = (struct change){.kind = CHANGE_TRANSACTION};
    CHECK_REFUSED(&f, &change, "a transaction cannot hold a transaction");
    part = (struct change){.kind = CHANGE_FORGET, .delete = entity(ENTITY_USER, 5)};
    CHECK_REFUSED(&f, &change, "a transaction cannot hold a forget");
    change = part;
    CHECK_EQ(check(&f, &change), CODE_OK);
    change.delete.kind = ENTITY_ITEM;
    CHECK_REFUSED(&f, &change, "only users are forgotten, and this is of kind item");
    change = (struct change){.kind = CHANGE_TRANSACTION, .transaction = {&part, 1}};
    part = (struct change){.kind = CHANGE_CURSOR, .cursor = {CURSOR_DROP, text_of("c"), 0}};
    CHECK_REFUSED(&f, &change, "a transaction cannot hold a cursor");
    CHECK_EQ(check(&f, &part), CODE_OK);
    part.cursor.name = text_of("Cursor");
    CHECK_REFUSED(&f, &part, "cursor");
    declared_release(&f.declared);
}

static void definitions_and_deletions_are_checked(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    struct change change = {.kind = CHANGE_DEFINE, .define = text_of("")};
    CHECK_REFUSED(&f, &change, "a definition has no text");
    change.define = text_of("\xc0\x80");
    CHECK_REFUSED(&f, &change, "not UTF-8");
    change.define = text_of("DEFINE FIELD x ON item TEXT");
    CHECK_EQ(check(&f, &change), CODE_OK);
    change = (struct change){.kind = CHANGE_DELETE, .delete = entity(ENTITY_ITEM, 5)};
    CHECK_EQ(check(&f, &change), CODE_OK);
    change.delete.key = text_of("five");
    CHECK_REFUSED(&f, &change, "item 'five' is named by id and by key");
    declared_release(&f.declared);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(a_put_that_fits_is_accepted), CASE(a_field_takes_only_its_type),
        CASE(texts_and_lists_have_limits), CASE(fields_given_twice_are_refused),
        CASE(a_vector_of_the_wrong_size_or_with_nan_is_refused),
        CASE(a_signal_must_be_known_and_about_the_right_kind), CASE(values_of_signals_have_bounds),
        CASE(only_unique_signals_of_a_user_are_taken_back), CASE(an_edge_must_fit_its_relation),
        CASE(transactions_do_not_nest_and_do_not_define),
        CASE(definitions_and_deletions_are_checked));
}
