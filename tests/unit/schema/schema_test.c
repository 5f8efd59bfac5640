#include "schema/schema.h"

#include "harness/test.h"
#include "unit/schema/declare.h"

static void empty_schema_has_the_built_in_signals_only(struct test *t)
{
    struct declared d;
    declared_init(&d);
    CHECK_EQ(d.schema->signal_count, 2);
    CHECK_EQ(d.schema->field_count + d.schema->relation_count + d.schema->text_count, 0);
    const struct signal *impression = schema_find_signal(d.schema, text_of("impression"));
    CHECK(impression && impression->id == SIGNAL_IMPRESSION && impression->builtin);
    CHECK_EQ(impression->window_count, 3);
    CHECK_EQ(impression->window_ms[2], 7 * 86400000);
    CHECK_EQ(impression->half_life_ms[0], 86400000);
    CHECK(!impression->positive && !impression->negative && !impression->unique_per_user);
    const struct signal *hide = schema_find_signal(d.schema, text_of("hide"));
    CHECK(hide && hide->id == SIGNAL_HIDE && hide->builtin);
    CHECK(hide->unique_per_user && hide->negative && hide->half_life_count == 0);
    declared_release(&d);
}

static void windows_and_half_lives_are_sorted_and_deduplicated(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct duration half_lives[] = {lasting(7 * DAY_MS, 0), lasting(HOUR_MS, 0),
                                    lasting(7 * DAY_MS, 0), lasting(DAY_MS, 0)};
    struct duration windows[] = {lasting(DAY_MS, 0), lasting(HOUR_MS, 0), lasting(HOUR_MS, 0)};
    struct definition view = define_signal("view");
    view.signal.half_lives = half_lives;
    view.signal.half_life_count = 4;
    view.signal.windows = windows;
    view.signal.window_count = 3;
    must_declare(&d, view);
    const struct signal *signal = schema_find_signal(d.schema, text_of("view"));
    CHECK(signal);
    CHECK_EQ(signal->id, 2);
    CHECK_EQ(signal->half_life_count, 3);
    CHECK_EQ(signal->half_life_ms[0], 3600000);
    CHECK_EQ(signal->half_life_ms[1], 86400000);
    CHECK_EQ(signal->half_life_ms[2], 7 * 86400000);
    CHECK_EQ(signal->window_count, 2);
    CHECK_EQ(signal->window_ms[0], 3600000);
    CHECK_EQ(signal->window_ms[1], 86400000);
    CHECK_EQ(signal->lateness_ms, LATENESS_DEFAULT_MS);
    declared_release(&d);
}

static void lambda_is_ln_2_over_the_half_life_in_seconds(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct duration half_lives[] = {lasting(1000, 0), lasting(HOUR_MS, 0)};
    struct definition view = define_signal("view");
    view.signal.half_lives = half_lives;
    view.signal.half_life_count = 2;
    must_declare(&d, view);
    const struct signal *signal = &d.schema->signals[2];
    CHECK(signal->lambda[0] == 0x1.62e42fefa39efp-1);
    CHECK(signal->lambda[1] == 0x1.62e42fefa39efp-1 / 3600.0);
    declared_release(&d);
}

static void velocity_is_compared_with_the_smallest_window_of_24_times_its_length(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct duration windows[] = {lasting(HOUR_MS, 0), lasting(12 * HOUR_MS, 0), lasting(DAY_MS, 0),
                                 lasting(30 * DAY_MS, 0)};
    struct duration velocities[] = {lasting(DAY_MS, 0), lasting(HOUR_MS, 0),
                                    lasting(12 * HOUR_MS, 0), lasting(HOUR_MS, 0)};
    struct definition view = define_signal("view");
    view.signal.windows = windows;
    view.signal.window_count = 4;
    view.signal.velocities = velocities;
    view.signal.velocity_count = 4;
    must_declare(&d, view);
    const struct signal *signal = &d.schema->signals[2];
    CHECK_EQ(signal->velocity_count, 3);
    CHECK_EQ(signal->velocity_window[0], 0);
    CHECK_EQ(signal->velocity_baseline[0], 2);
    CHECK_EQ(signal->velocity_window[1], 1);
    CHECK_EQ(signal->velocity_baseline[1], 3);
    CHECK_EQ(signal->velocity_window[2], 2);
    CHECK_EQ(signal->velocity_baseline[2], 3);
    declared_release(&d);
}

static void velocity_without_a_window_of_24_times_takes_the_largest(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct duration windows[] = {lasting(HOUR_MS, 0), lasting(2 * HOUR_MS, 0),
                                 lasting(5 * HOUR_MS, 0)};
    struct duration velocity = lasting(HOUR_MS, 0);
    struct definition view = define_signal("view");
    view.signal.windows = windows;
    view.signal.window_count = 3;
    view.signal.velocities = &velocity;
    view.signal.velocity_count = 1;
    must_declare(&d, view);
    CHECK_EQ(d.schema->signals[2].velocity_baseline[0], 2);
    declared_release(&d);
}

static void built_in_signal_is_defined_once_and_keeps_its_id(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct duration half_life = lasting(DAY_MS, 0);
    struct definition hide = define_signal("hide");
    hide.signal.half_lives = &half_life;
    hide.signal.half_life_count = 1;
    must_declare(&d, hide);
    CHECK_EQ(d.schema->signal_count, 2);
    const struct signal *signal = &d.schema->signals[SIGNAL_HIDE];
    CHECK(signal->unique_per_user && signal->negative && !signal->builtin);
    CHECK_EQ(signal->half_life_count, 1);
    CHECK_EQ(declare(&d, &hide), CODE_INVALID);
    CHECK(find_violation(&d.violations, 14, "signal 'hide' is already defined"));
    declared_release(&d);
}

static void built_in_signal_keeps_its_meaning(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct definition hide = define_signal("hide");
    hide.signal.positive = true;
    CHECK_EQ(declare(&d, &hide), CODE_INVALID);
    CHECK(find_violation(&d.violations, 14, "'hide' cannot be redefined"));
    struct definition impression = define_signal("impression");
    impression.signal.negative = true;
    CHECK_EQ(declare(&d, &impression), CODE_INVALID);
    impression = define_signal("impression");
    impression.signal.kind = ENTITY_CREATOR;
    CHECK_EQ(declare(&d, &impression), CODE_INVALID);
    declared_release(&d);
}

static void ids_follow_the_order_of_definition(struct test *t)
{
    struct declared d;
    declared_init(&d);
    declare_everything(&d);
    CHECK_EQ(schema_find_field(d.schema, ENTITY_ITEM, text_of("title"))->id, 0);
    CHECK_EQ(schema_find_field(d.schema, ENTITY_USER, text_of("country"))->id, 8);
    CHECK_EQ(schema_find_signal(d.schema, text_of("vote"))->id, 4);
    CHECK_EQ(schema_find_relation(d.schema, text_of("likes"))->id, 2);
    CHECK_EQ(schema_find_context(d.schema, text_of("device"))->id, 0);
    for (size_t i = 0; i < d.schema->field_count; i++)
        CHECK_EQ(d.schema->fields[i].id, i);
    CHECK(!schema_find_field(d.schema, ENTITY_USER, text_of("title")));
    CHECK(!schema_find_signal(d.schema, text_of("vie")));
    declared_release(&d);
}

static void a_schema_keeps_nothing_of_what_it_was_made_from(struct test *t)
{
    struct declared d;
    declared_init(&d);
    char text[] = "DEFINE FIELD title ON item TEXT";
    struct definition definition = define_field("", ENTITY_ITEM, FIELD_TEXT);
    definition.text = text_of(text);
    definition.field.name.text = slice_of(text + 13, 5);
    must_declare(&d, definition);
    memset(text, 'x', sizeof text);
    CHECK(schema_find_field(d.schema, ENTITY_ITEM, text_of("title")));
    CHECK(slice_equal(d.schema->texts[0], text_of("DEFINE FIELD title ON item TEXT")));
    /* A name inside the statement's text lies inside the copy of the text. */
    CHECK(d.schema->fields[0].name.data == d.schema->texts[0].data + 13);
    declared_release(&d);
}

static void extending_leaves_the_old_schema_as_it_was(struct test *t)
{
    struct declared d;
    declared_init(&d);
    declare_everything(&d);
    uint64_t before = schema_fingerprint(d.schema);
    struct schema *next;
    struct definition more = define_field("more", ENTITY_ITEM, FIELD_FLOAT);
    CHECK_EQ(schema_extend(d.schema, &more, &next, &d.violations, &d.error), CODE_OK);
    CHECK(schema_fingerprint(d.schema) == before);
    CHECK(schema_fingerprint(next) != before);
    CHECK(!schema_find_field(d.schema, ENTITY_ITEM, text_of("more")));
    CHECK(schema_find_field(next, ENTITY_ITEM, text_of("more")));
    CHECK_EQ(next->text_count, d.schema->text_count + 1);
    schema_free(next);
    declared_release(&d);
}

static void equal_texts_in_equal_order_give_equal_fingerprints(struct test *t)
{
    struct declared a, b, c;
    declared_init(&a);
    declared_init(&b);
    declared_init(&c);
    must_declare(&a, define_field("one", ENTITY_ITEM, FIELD_FLOAT));
    must_declare(&a, define_field("two", ENTITY_ITEM, FIELD_FLOAT));
    must_declare(&b, define_field("one", ENTITY_ITEM, FIELD_FLOAT));
    must_declare(&b, define_field("two", ENTITY_ITEM, FIELD_FLOAT));
    must_declare(&c, define_field("two", ENTITY_ITEM, FIELD_FLOAT));
    must_declare(&c, define_field("one", ENTITY_ITEM, FIELD_FLOAT));
    CHECK(schema_fingerprint(a.schema) == schema_fingerprint(b.schema));
    CHECK(schema_fingerprint(a.schema) != schema_fingerprint(c.schema));
    declared_release(&a);
    declared_release(&b);
    declared_release(&c);
}

/* Fails the N-th allocation, for every N that there is. */
static void want_of_memory_at_any_place_leaves_nothing_behind(struct test *t)
{
    struct declared d;
    declared_init(&d);
    declare_everything(&d);
    struct arena arena;
    arena_init(&arena, &d.memory, 1 << 20);
    struct definition profile = define_profile("for_you", -1);
    struct source_definition source = {.kind = SOURCE_NEWEST, .limit = 100};
    struct expression *term =
        call(&arena, FUNCTION_DECAY, 2, bare(&arena, "view"), hours(&arena, 1));
    profile.profile.ranking.sources = &source;
    profile.profile.ranking.source_count = 1;
    profile.profile.ranking.terms = &term;
    profile.profile.ranking.term_count = 1;
    must_declare(&d, profile);
    size_t used = d.memory.used_bytes;
    unsigned failures = 0;
    for (;;) {
        struct schema *next = NULL;
        d.memory.call_count = 0;
        d.memory.fail_at_call = failures + 1;
        enum code code = schema_extend(d.schema, &profile, &next, &d.violations, &d.error);
        if (code == CODE_OK) {
            schema_free(next);
            break;
        }
        failures++;
        CHECK_EQ(code, CODE_NO_MEMORY);
        CHECK_EQ(d.memory.used_bytes, used);
        CHECK(failures < 1000);
    }
    d.memory.fail_at_call = 0;
    CHECK(failures >= 2);
    arena_release(&arena);
    declared_release(&d);
}

static void profile_versions_are_counted_and_all_stay(struct test *t)
{
    struct declared d;
    declared_init(&d);
    must_declare(&d, define_profile("feed", -1));
    must_declare(&d, define_profile("feed", 7));
    must_declare(&d, define_profile("feed", -1));
    must_declare(&d, define_profile("feed", 3));
    CHECK_EQ(schema_find_profile(d.schema, text_of("feed"), 0)->version, 8);
    CHECK_EQ(schema_find_profile(d.schema, text_of("feed"), 1)->version, 1);
    CHECK_EQ(schema_find_profile(d.schema, text_of("feed"), 7)->version, 7);
    CHECK(!schema_find_profile(d.schema, text_of("feed"), 2));
    CHECK(!schema_find_profile(d.schema, text_of("fee"), 0));
    struct definition again = define_profile("feed", 7);
    CHECK_EQ(declare(&d, &again), CODE_INVALID);
    CHECK(find_violation(&d.violations, 15, "version 7 of profile 'feed' already exists"));
    declared_release(&d);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(empty_schema_has_the_built_in_signals_only),
               CASE(windows_and_half_lives_are_sorted_and_deduplicated),
               CASE(lambda_is_ln_2_over_the_half_life_in_seconds),
               CASE(velocity_is_compared_with_the_smallest_window_of_24_times_its_length),
               CASE(velocity_without_a_window_of_24_times_takes_the_largest),
               CASE(built_in_signal_is_defined_once_and_keeps_its_id),
               CASE(built_in_signal_keeps_its_meaning), CASE(ids_follow_the_order_of_definition),
               CASE(a_schema_keeps_nothing_of_what_it_was_made_from),
               CASE(extending_leaves_the_old_schema_as_it_was),
               CASE(equal_texts_in_equal_order_give_equal_fingerprints),
               CASE(want_of_memory_at_any_place_leaves_nothing_behind),
               CASE(profile_versions_are_counted_and_all_stay));
}
