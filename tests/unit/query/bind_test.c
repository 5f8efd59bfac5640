#include "query/bind.h"

#include "unit/query/world.h"

#include <math.h>

static bool bound_change_is_sound(struct world *w)
{
    struct buffer bytes, again;
    struct change decoded;
    struct error error;
    if (change_check(&w->write.change, w->declared.schema, &w->error) != CODE_OK) return false;
    buffer_init(&bytes, &w->declared.memory, 1 << 20);
    buffer_init(&again, &w->declared.memory, 1 << 20);
    bool same = change_encode(&w->write.change, &bytes, &error) == CODE_OK &&
                change_decode(buffer_slice(&bytes), &w->arena, &decoded, &error) == CODE_OK &&
                change_encode(&decoded, &again, &error) == CODE_OK &&
                slice_equal(buffer_slice(&bytes), buffer_slice(&again));
    buffer_release(&bytes);
    buffer_release(&again);
    return same;
}

static void a_null_is_left_out_of_a_put_and_kept_in_a_patch(struct test *t)
{
    const char *body = "item 7 {\"tags\":null,\"year\":1999,\"look\":null,\"title\":null}";
    struct world w;
    char text[128];
    world_init(&w);
    snprintf(text, sizeof text, "PUT %s", body);
    CHECK_EQ(world_bind(&w, text, NULL), CODE_OK);
    CHECK_EQ(w.write.change.kind, CHANGE_PUT);
    CHECK_EQ(w.write.change.put.field_count, 1);
    CHECK_EQ(w.write.change.put.embedding_count, 0);
    CHECK_EQ(world_field(&w, &w.write.change.put, ENTITY_ITEM, "year")->integer, 1999);
    CHECK(bound_change_is_sound(&w));
    snprintf(text, sizeof text, "PATCH %s", body);
    CHECK_EQ(world_bind(&w, text, NULL), CODE_OK);
    CHECK_EQ(w.write.change.kind, CHANGE_PATCH);
    CHECK_EQ(w.write.change.put.field_count, 3);
    CHECK_EQ(w.write.change.put.embedding_count, 1);
    CHECK_EQ(world_field(&w, &w.write.change.put, ENTITY_ITEM, "title")->type, VALUE_MISSING);
    CHECK_EQ(w.write.change.put.embeddings[0].value.type, VALUE_MISSING);
    CHECK(bound_change_is_sound(&w));
    world_release(&w);
}

static void an_entity_is_named_by_id_or_key_and_may_be_given_a_key(struct test *t)
{
    struct world w;
    world_init(&w);
    CHECK_EQ(world_bind(&w, "PUT item 18446744073709551615 KEY 'film-7' {}", NULL), CODE_OK);
    CHECK(w.write.change.put.entity.id == UINT64_MAX);
    CHECK(slice_equal(w.write.change.put.key, text_of("film-7")));
    CHECK(bound_change_is_sound(&w));
    CHECK_EQ(world_bind(&w, "PUT item KEY 'it''s' {}", NULL), CODE_OK);
    CHECK(slice_equal(w.write.change.put.entity.key, text_of("it's")));
    CHECK_EQ(w.write.change.put.entity.id, 0);
    CHECK_EQ(world_bind(&w, "DELETE user 0", NULL), CODE_OK);
    CHECK_EQ(w.write.change.kind, CHANGE_DELETE);
    CHECK_EQ(w.write.change.delete.kind, ENTITY_USER);
    CHECK(bound_change_is_sound(&w));
    CHECK_EQ(world_bind(&w, "DELETE item KEY ''", NULL), CODE_INVALID);
    CHECK_TEXT(w.error.message, "a key of 0 bytes: it must have 1 to 256");
    CHECK_EQ(w.error.position, 16);
    world_release(&w);
}

static void errors_in_a_body_point_into_the_statement(struct test *t)
{
    struct slice name = text_of("film");
    struct value value = {.type = VALUE_TEXT, .text = text_of("{\"year\": true}")};
    struct bindings bindings = {&name, &value, 1};
    struct world w;
    world_init(&w);
    CHECK_EQ(world_bind(&w, "PUT item 7 {\"year\": true}", NULL), CODE_INVALID);
    CHECK_EQ(w.error.position, 20);
    CHECK_EQ(world_bind(&w, "PUT item 7 {\"year\" 5}", NULL), CODE_INVALID);
    CHECK_EQ(w.error.position, 19);
    CHECK_EQ(world_bind(&w, "PUT item 7 {\"yaer\": 5}", NULL), CODE_NOT_FOUND);
    CHECK_EQ(w.error.position, 12);
    CHECK_EQ(world_bind(&w, "PUT item 7 $film", &bindings), CODE_INVALID);
    CHECK_TEXT(w.error.message, "'year' takes a whole number of 64 bits with a sign, not a "
                                "boolean, at byte 9 of '$film'");
    CHECK_EQ(w.error.position, 11);
    value = (struct value){.type = VALUE_INTEGER, .integer = 1};
    CHECK_EQ(world_bind(&w, "PUT item 7 $film", &bindings), CODE_INVALID);
    CHECK_TEXT(w.error.message, "the object must be a text, not an integer");
    CHECK_EQ(world_bind(&w, "PUT item 7 $film", NULL), CODE_INVALID);
    CHECK_TEXT(w.error.message, "parameter '$film' has no value");
    CHECK_EQ(w.error.position, 11);
    world_release(&w);
}

static void a_signal_takes_value_time_user_and_key(struct test *t)
{
    struct world w;
    world_init(&w);
    CHECK_EQ(world_bind(&w,
                        "SIGNAL vote ON item 5 BY USER 9 VALUE -2.5 AT '2026-11-01T10:00:00Z' "
                        "KEY 'abc'",
                        NULL),
             CODE_OK);
    const struct signal_change *signal = &w.write.change.signal;
    CHECK(signal->has_user && signal->user.id == 9 && signal->user.kind == ENTITY_USER);
    CHECK_EQ(signal->value, -5 * SIGNAL_VALUE_ONE / 2);
    CHECK(signal->has_time && signal->time_ms == INT64_C(1793527200000));
    CHECK(slice_equal(w.write.idempotency_key, text_of("abc")));
    CHECK(bound_change_is_sound(&w));
    CHECK_EQ(world_bind(&w, "SIGNAL view ON item 5 AT 1793527200000", NULL), CODE_OK);
    CHECK(!signal->has_user && signal->has_time && !signal->retract);
    CHECK_EQ(signal->value, SIGNAL_VALUE_ONE);
    CHECK_EQ(w.write.idempotency_key.bytes, 0);
    CHECK_EQ(world_bind(&w, "RETRACT SIGNAL like ON item 5 BY USER KEY 'u'", NULL), CODE_OK);
    CHECK(signal->retract && !signal->has_time);
    CHECK(bound_change_is_sound(&w));
    CHECK_EQ(world_bind(&w, "SIGNAL vew ON item 5", NULL), CODE_NOT_FOUND);
    CHECK_TEXT(w.error.hint, "did you mean 'view'?");
    CHECK_EQ(w.error.position, 7);
    CHECK_EQ(world_bind(&w, "SIGNAL view ON item 5 AT 'soon'", NULL), CODE_INVALID);
    CHECK_EQ(w.error.position, 25);
    world_release(&w);
}

static void values_of_signals_are_fixed_point_within_their_limits(struct test *t)
{
    int64_t value;
    struct error error;
    CHECK_EQ(bind_signal_value(1, &value, &error), CODE_OK);
    CHECK_EQ(value, SIGNAL_VALUE_ONE);
    CHECK_EQ(bind_signal_value(0x1p-16, &value, &error), CODE_OK);
    CHECK_EQ(value, 1);
    CHECK_EQ(bind_signal_value(-0x1.8p-16, &value, &error), CODE_OK);
    CHECK_EQ(value, -2);
    CHECK_EQ(bind_signal_value(2147483647, &value, &error), CODE_OK);
    CHECK(value < SIGNAL_VALUE_MAXIMUM);
    /* The last that is below the maximum once it is rounded, and the first that is not. */
    double limit = 2147483648 - 0x1p-17;
    CHECK_EQ(bind_signal_value(nextafter(limit, 0), &value, &error), CODE_OK);
    CHECK_EQ(value, SIGNAL_VALUE_MAXIMUM - 1);
    CHECK_EQ(bind_signal_value(-nextafter(limit, 0), &value, &error), CODE_OK);
    CHECK_EQ(value, 1 - SIGNAL_VALUE_MAXIMUM);
    CHECK_EQ(bind_signal_value(limit, &value, &error), CODE_INVALID);
    CHECK_EQ(bind_signal_value(-limit, &value, &error), CODE_INVALID);
    CHECK_EQ(bind_signal_value((double)INFINITY, &value, &error), CODE_INVALID);
    CHECK_EQ(bind_signal_value((double)NAN, &value, &error), CODE_INVALID);
}

static void an_edge_takes_weight_and_time(struct test *t)
{
    struct world w;
    world_init(&w);
    CHECK_EQ(world_bind(&w, "RELATE user 1 follows creator KEY 'ada' WEIGHT 0.5 AT 12", NULL),
             CODE_OK);
    const struct relate_change *relate = &w.write.change.relate;
    CHECK_EQ(w.write.change.kind, CHANGE_RELATE);
    CHECK(relate->weight == 0.5F && relate->has_time && relate->time_ms == 12);
    CHECK(slice_equal(relate->to.key, text_of("ada")));
    CHECK(bound_change_is_sound(&w));
    CHECK_EQ(world_bind(&w, "RELATE user 1 follows creator 2", NULL), CODE_OK);
    CHECK(relate->weight == 1 && !relate->has_time);
    CHECK_EQ(world_bind(&w, "UNRELATE user 1 follows creator 2", NULL), CODE_OK);
    CHECK_EQ(w.write.change.kind, CHANGE_UNRELATE);
    CHECK(bound_change_is_sound(&w));
    CHECK_EQ(world_bind(&w, "RELATE user 1 folows creator 2", NULL), CODE_NOT_FOUND);
    CHECK_TEXT(w.error.hint, "did you mean 'follows'?");
    /* Beyond what a float holds: refused before it is logged. */
    CHECK_EQ(world_bind(&w, "RELATE user 1 follows creator 2 WEIGHT 1e39", NULL), CODE_INVALID);
    CHECK_TEXT(w.error.message, "the weight 1e+39 is out of range");
    CHECK_EQ(w.error.position, 39);
    world_release(&w);
}

static void parameters_stand_for_every_operand(struct test *t)
{
    struct slice names[] = {text_of("item"), text_of("who"), text_of("much"), text_of("when"),
                            text_of("key")};
    struct value values[] = {{.type = VALUE_REFERENCE, .reference = UINT64_MAX},
                             {.type = VALUE_INTEGER, .integer = 9},
                             {.type = VALUE_INTEGER, .integer = 3},
                             {.type = VALUE_TIMESTAMP, .integer = 77},
                             {.type = VALUE_TEXT, .text = text_of("k")}};
    struct bindings bindings = {names, values, 5};
    const char *text = "SIGNAL vote ON item $item BY USER $who VALUE $much AT $when KEY $key";
    struct world w;
    world_init(&w);
    CHECK_EQ(world_bind(&w, text, &bindings), CODE_OK);
    const struct signal_change *signal = &w.write.change.signal;
    CHECK(signal->entity.id == UINT64_MAX && signal->user.id == 9 && signal->time_ms == 77);
    CHECK_EQ(signal->value, 3 * SIGNAL_VALUE_ONE);
    CHECK(slice_equal(w.write.idempotency_key, text_of("k")));
    CHECK(bound_change_is_sound(&w));
    for (size_t i = 0; i < 5; i++) { /* none of them takes a boolean, or may be missing */
        struct value kept = values[i];
        values[i] = (struct value){.type = VALUE_BOOLEAN, .boolean = true};
        CHECK_EQ(world_bind(&w, text, &bindings), CODE_INVALID);
        values[i] = (struct value){.type = VALUE_MISSING};
        CHECK_EQ(world_bind(&w, text, &bindings), CODE_INVALID);
        CHECK(strstr(w.error.message, "has no value"));
        values[i] = kept;
    }
    values[0] = (struct value){.type = VALUE_INTEGER, .integer = -1};
    CHECK_EQ(world_bind(&w, text, &bindings), CODE_INVALID);
    CHECK_TEXT(w.error.message, "the id must be a whole number from 0, not an integer");
    world_release(&w);
}

static void a_transaction_holds_its_writes_in_order(struct test *t)
{
    struct world w;
    world_init(&w);
    CHECK_EQ(world_bind(&w,
                        "TRANSACTION { PUT item 1 {\"title\": \"a; }\"}; SIGNAL view ON item 1; "
                        "RELATE user 2 likes item 1; PATCH item 1 {\"title\": null}; };",
                        NULL),
             CODE_OK);
    CHECK_EQ(w.write.change.kind, CHANGE_TRANSACTION);
    CHECK_EQ(w.write.change.transaction.count, 4);
    const struct change *parts = w.write.change.transaction.changes;
    CHECK(parts[0].kind == CHANGE_PUT && parts[1].kind == CHANGE_SIGNAL);
    CHECK(parts[2].kind == CHANGE_RELATE && parts[3].kind == CHANGE_PATCH);
    CHECK_EQ(parts[3].put.field_count, 1);
    CHECK(bound_change_is_sound(&w));
    world_release(&w);
}

static void a_key_in_a_transaction_is_refused_rather_than_dropped(struct test *t)
{
    struct world w;
    world_init(&w);
    CHECK_EQ(world_bind(&w, "TRANSACTION { SIGNAL view ON item 1 KEY 'once'; }", NULL),
             CODE_INVALID);
    CHECK_TEXT(w.error.message, "a signal in a transaction takes no idempotency key");
    CHECK_EQ(w.error.position, 40);
    world_release(&w);
}

static void what_is_no_write_is_not_bound(struct test *t)
{
    struct world w;
    world_init(&w);
    CHECK_EQ(world_bind(&w, "RETRIEVE items", NULL), CODE_MISUSE);
    CHECK_EQ(world_bind(&w, "CHECKPOINT", NULL), CODE_MISUSE);
    world_release(&w);
}

static void a_duration_without_bound_is_refused(struct test *t)
{
    struct world w;
    char text[600];
    world_init(&w);
    CHECK_EQ(world_bind(&w, "DEFINE SIGNAL s ON item HALF LIFE 1e308w", NULL), CODE_INVALID);
    CHECK_TEXT(w.error.message, "the duration is too long: '1e308w'");
    CHECK_EQ(world_bind(&w, "DEFINE SIGNAL s ON item HALF LIFE 1e999h", NULL), CODE_INVALID);
    CHECK_TEXT(w.error.message, "the duration is too long: '1e999h'");
    /* More digits than are read: not taken for 0. */
    snprintf(text, sizeof text, "DELETE item %0450d", 7);
    CHECK_EQ(world_bind(&w, text, NULL), CODE_INVALID);
    CHECK(strstr(w.error.message, "the number is too large"));
    world_release(&w);
}

static void a_statement_holds_no_zero_byte(struct test *t)
{
    static const char text[] = "DELETE item KEY 'a\0b'";
    struct world w;
    world_init(&w);
    CHECK_EQ(statement_parse(slice_of(text, sizeof text - 1), &w.arena, &w.statement, &w.error),
             CODE_INVALID);
    CHECK_TEXT(w.error.message, "the statement holds U+0000");
    CHECK_EQ(w.error.position, 18);
    world_release(&w);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_null_is_left_out_of_a_put_and_kept_in_a_patch),
               CASE(an_entity_is_named_by_id_or_key_and_may_be_given_a_key),
               CASE(errors_in_a_body_point_into_the_statement),
               CASE(a_signal_takes_value_time_user_and_key),
               CASE(values_of_signals_are_fixed_point_within_their_limits),
               CASE(an_edge_takes_weight_and_time), CASE(parameters_stand_for_every_operand),
               CASE(a_transaction_holds_its_writes_in_order),
               CASE(a_key_in_a_transaction_is_refused_rather_than_dropped),
               CASE(what_is_no_write_is_not_bound), CASE(a_duration_without_bound_is_refused),
               CASE(a_statement_holds_no_zero_byte));
}
