#include "schema/schema.h"

#include "harness/test.h"
#include "unit/schema/declare.h"

/* One definition that must be refused: where, and with which words. */
#define CHECK_REFUSED(target, wrong, at, part)                                                     \
    do {                                                                                           \
        struct definition refused_ = (wrong);                                                      \
        CHECK_EQ(declare(target, &refused_), CODE_INVALID);                                        \
        const struct violation *violation_ = find_violation(&(target)->violations, at, part);      \
        if (!violation_) fprintf(stderr, "    first: %s\n", (target)->error.message);              \
        CHECK(violation_);                                                                         \
        CHECK(violation_->hint[0]);                                                                \
    } while (0)

static void every_violation_is_reported_in_order_of_position(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct duration half_lives[] = {lasting(0, 40), lasting(-HOUR_MS, 44), lasting(HOUR_MS, 48),
                                    lasting(1500, 52)};
    struct duration windows[] = {lasting(HOUR_MS, 70), lasting(400 * DAY_MS, 76),
                                 lasting(__builtin_inf(), 82)};
    struct duration velocities[] = {lasting(HOUR_MS, 96), lasting(DAY_MS, 100)};
    struct definition signal = define_signal("signal");
    signal.signal.half_lives = half_lives;
    signal.signal.half_life_count = 4;
    signal.signal.windows = windows;
    signal.signal.window_count = 3;
    signal.signal.velocities = velocities;
    signal.signal.velocity_count = 2;
    signal.signal.lateness = lasting(8 * DAY_MS, 120);
    signal.signal.positive = signal.signal.negative = true;
    signal.signal.position = 130;
    CHECK_EQ(declare(&d, &signal), CODE_INVALID);
    static const struct {
        uint64_t position;
        const char *part;
    } expected[] = {
        {14, "signal name 'signal' is a reserved word"},
        {40, "half-life is zero"},
        {44, "half-life is negative"},
        {52, "half-life is not a whole number of seconds"},
        {76, "window is longer than 366 days"},
        {82, "window is not finite"},
        {96, "velocity 1h has no longer window"},
        {100, "velocity 24h is not a declared window"},
        {120, "lateness of signal 'signal' is out of range"},
        {130, "positive and negative at once"},
    };
    CHECK_EQ(d.violations.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < d.violations.count; i++) {
        CHECK_EQ(d.violations.list[i].position, expected[i].position);
        CHECK(strstr(d.violations.list[i].message, expected[i].part));
        CHECK(d.violations.list[i].hint[0]);
    }
    CHECK_EQ(d.error.position, 14);
    CHECK_TEXT(d.error.message, "signal name 'signal' is a reserved word (and 9 more)");
    CHECK_TEXT(d.error.hint, "choose another name");
    declared_release(&d);
}

static void violations_beyond_the_maximum_are_counted_and_the_first_kept(struct test *t)
{
    static struct violations violations;
    violations.count = 0;
    for (unsigned i = 0; i < 100; i++)
        violations_add(&violations, 100 - i, NULL, "number %u", i);
    CHECK_EQ(violations.count, 100);
    for (unsigned i = 0; i < VIOLATIONS_MAXIMUM; i++)
        CHECK_EQ(violations.list[i].position, i + 1);
    struct error error;
    CHECK_EQ(violations_error(&violations, &error), CODE_INVALID);
    CHECK_TEXT(error.message, "number 99 (and 99 more)");
}

static void names_are_lower_case_words_of_at_most_64_bytes(struct test *t)
{
    static const char *const bad[] = {"",    "Title",       "1st",    "_x",       "a-b",
                                      "a b", "caf\xc3\xa9", "title$", "\xff\xfe", "a.b"};
    struct declared d;
    declared_init(&d);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK_REFUSED(&d, define_field(bad[i], ENTITY_ITEM, FIELD_TEXT), 13, "not a valid name");
    char name[66];
    memset(name, 'a', 65);
    name[65] = 0;
    CHECK_REFUSED(&d, define_field(name, ENTITY_ITEM, FIELD_TEXT), 13, "is too long");
    name[64] = 0;
    must_declare(&d, define_field(name, ENTITY_ITEM, FIELD_TEXT));
    must_declare(&d, define_field("a", ENTITY_ITEM, FIELD_TEXT));
    must_declare(&d, define_field("z9_", ENTITY_ITEM, FIELD_TEXT));
    declared_release(&d);
}

static void reserved_words_are_refused_for_every_kind(struct test *t)
{
    struct declared d;
    declared_init(&d);
    CHECK_REFUSED(&d, define_field("where", ENTITY_ITEM, FIELD_TEXT), 13, "reserved word");
    CHECK_REFUSED(&d, define_embedding("and", 3), 17, "reserved word");
    CHECK_REFUSED(&d, define_signal("limit"), 14, "reserved word");
    CHECK_REFUSED(&d, define_relation("user", ENTITY_USER, ENTITY_ITEM), 16, "reserved word");
    CHECK_REFUSED(&d, define_context("not", FIELD_KEYWORD), 15, "reserved word");
    CHECK_REFUSED(&d, define_profile("using", -1), 15, "reserved word");
    CHECK(name_reserved(text_of("and")) && name_reserved(text_of("windows")));
    CHECK(!name_reserved(text_of("creator")) && !name_reserved(text_of("title")));
    CHECK(!name_reserved(text_of("")) && !name_reserved(text_of("wherever")));
    declared_release(&d);
}

static void names_are_unique_within_their_kind(struct test *t)
{
    struct declared d;
    declared_init(&d);
    declare_everything(&d);
    must_declare(&d, define_embedding("content", 3));
    CHECK_REFUSED(&d, define_field("title", ENTITY_ITEM, FIELD_TEXT), 13,
                  "field 'title' of item is already defined");
    CHECK_REFUSED(&d, define_field("content", ENTITY_ITEM, FIELD_TEXT), 13,
                  "embedding 'content' of item is already defined");
    CHECK_REFUSED(&d, define_embedding("content", 3), 17, "already defined");
    CHECK_REFUSED(&d, define_embedding("title", 3), 17, "field 'title' of item");
    CHECK_REFUSED(&d, define_signal("view"), 14, "signal 'view' is already defined");
    CHECK_REFUSED(&d, define_relation("follows", ENTITY_USER, ENTITY_ITEM), 16, "already defined");
    CHECK_REFUSED(&d, define_context("device", FIELD_KEYWORD), 15, "already defined");
    /* Other kinds of things may share a name. */
    must_declare(&d, define_field("title", ENTITY_USER, FIELD_TEXT));
    must_declare(&d, define_signal("follows"));
    declared_release(&d);
}

static void only_one_time_of_items_expires(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct definition field = define_field("until", ENTITY_ITEM, FIELD_INTEGER);
    field.field.expires = true;
    CHECK_REFUSED(&d, field, 13, "a field of type integer cannot expire");
    field = define_field("until", ENTITY_USER, FIELD_TIMESTAMP);
    field.field.expires = true;
    CHECK_REFUSED(&d, field, 13, "only items expire, not a user");
    CHECK(!schema_find_expiry(d.schema));
    field = define_field("until", ENTITY_ITEM, FIELD_TIMESTAMP);
    field.field.expires = true;
    must_declare(&d, field);
    must_declare(&d, define_field("published", ENTITY_ITEM, FIELD_TIMESTAMP));
    CHECK(schema_find_expiry(d.schema));
    CHECK(slice_equal(schema_find_expiry(d.schema)->name, text_of("until")));
    field.field.name = named("gone", 13);
    CHECK_REFUSED(&d, field, 13, "items expire by field 'until' already");
    declared_release(&d);
}

static struct definition signal_of(struct duration *half_life, struct duration *window)
{
    struct definition signal = define_signal("view");
    signal.signal.half_lives = half_life;
    signal.signal.half_life_count = half_life != NULL;
    signal.signal.windows = window;
    signal.signal.window_count = window != NULL;
    return signal;
}

static void half_lives_and_windows_out_of_range_are_refused(struct test *t)
{
    struct declared d;
    declared_init(&d);
    static const struct {
        double ms;
        const char *half_life, *window;
    } cases[] = {
        {0, "half-life is zero", "window is zero"},
        {-0.0, "half-life is zero", "window is zero"},
        {-1, "half-life is negative", "window is negative"},
        {-__builtin_inf(), "half-life is not finite", "window is not finite"},
        {__builtin_inf(), "half-life is not finite", "window is not finite"},
        {__builtin_nan(""), "half-life is not finite", "window is not finite"},
        {0.5, "not a whole number", "not a whole number of milliseconds"},
        {366 * DAY_MS + 1, "half-life is longer than 366 days", "window is longer than 366 days"},
        {1e300, "half-life is longer", "window is longer"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct duration half_life = lasting(cases[i].ms, 33), window = lasting(cases[i].ms, 55);
        CHECK_REFUSED(&d, signal_of(&half_life, &window), 33, cases[i].half_life);
        CHECK_REFUSED(&d, signal_of(&half_life, &window), 55, cases[i].window);
    }
    struct duration longest = lasting(366 * DAY_MS, 0), shortest = lasting(1000, 0);
    must_declare(&d, signal_of(&longest, &longest));
    struct definition brief = signal_of(&shortest, &shortest);
    brief.signal.name = named("brief", 14);
    must_declare(&d, brief);
    declared_release(&d);
}

static void lateness_is_between_zero_and_seven_days(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct definition signal = define_signal("view");
    signal.signal.lateness = lasting(-1, 60);
    CHECK_REFUSED(&d, signal, 60, "lateness");
    signal.signal.lateness = lasting(7 * DAY_MS + 1, 60);
    CHECK_REFUSED(&d, signal, 60, "lateness");
    signal.signal.lateness = lasting(__builtin_inf(), 60);
    CHECK_REFUSED(&d, signal, 60, "lateness");
    signal.signal.lateness = lasting(0, 60);
    must_declare(&d, signal);
    CHECK_EQ(d.schema->signals[2].lateness_ms, 0);
    declared_release(&d);
}

static void polarity_thresholds_may_not_overlap(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct definition vote = define_signal("vote");
    vote.signal.positive = vote.signal.negative = true;
    vote.signal.position = 77;
    CHECK_REFUSED(&d, vote, 77, "positive and negative at once");
    vote.signal.positive_from = 4;
    vote.signal.negative_below = 5;
    CHECK_REFUSED(&d, vote, 77, "positive and negative at once");
    vote.signal.positive_from = __builtin_nan("");
    CHECK_REFUSED(&d, vote, 77, "no number");
    vote.signal.positive_from = 7;
    must_declare(&d, vote);
    declared_release(&d);
}

static void too_many_of_a_kind_are_refused(struct test *t)
{
    struct declared d;
    declared_init(&d);
    char name[16];
    for (int i = 0; i < LIMIT_FIELDS; i++) {
        snprintf(name, sizeof name, "f%d", i);
        must_declare(&d, define_field(name, ENTITY_ITEM, FIELD_FLOAT));
    }
    CHECK_REFUSED(&d, define_field("more", ENTITY_ITEM, FIELD_FLOAT), 13, "already 256 fields");
    for (int i = 0; i < LIMIT_SIGNALS - 2; i++) {
        snprintf(name, sizeof name, "s%d", i);
        must_declare(&d, define_signal(name));
    }
    CHECK_REFUSED(&d, define_signal("more"), 14, "already 64 signals");
    must_declare(&d, define_signal("hide"));
    for (int i = 0; i < LIMIT_EMBEDDINGS; i++) {
        snprintf(name, sizeof name, "e%d", i);
        must_declare(&d, define_embedding(name, 1));
    }
    CHECK_REFUSED(&d, define_embedding("more", 3), 17, "already 8 embeddings");
    declared_release(&d);
}

static void too_many_half_lives_or_windows_are_refused(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct duration many[LIMIT_WINDOWS + 1];
    for (int i = 0; i <= LIMIT_WINDOWS; i++)
        many[i] = lasting((i + 1) * HOUR_MS, 30 + (uint64_t)i);
    struct definition signal = define_signal("view");
    signal.signal.half_lives = many;
    signal.signal.half_life_count = LIMIT_HALF_LIVES + 1;
    CHECK_REFUSED(&d, signal, 38, "at most 8 half-lives");
    signal.signal.half_life_count = LIMIT_HALF_LIVES;
    signal.signal.windows = many;
    signal.signal.window_count = LIMIT_WINDOWS + 1;
    CHECK_REFUSED(&d, signal, 46, "at most 16 windows");
    signal.signal.window_count = LIMIT_WINDOWS;
    must_declare(&d, signal);
    declared_release(&d);
}

static void embeddings_have_1_to_4096_dimensions(struct test *t)
{
    struct declared d;
    declared_init(&d);
    CHECK_REFUSED(&d, define_embedding("content", 0), 17, "cannot have 0 dimensions");
    CHECK_REFUSED(&d, define_embedding("content", -1), 17, "cannot have -1 dimensions");
    CHECK_REFUSED(&d, define_embedding("content", 4097), 17, "cannot have 4097 dimensions");
    must_declare(&d, define_embedding("content", 4096));
    must_declare(&d, define_embedding("tiny", 1));
    declared_release(&d);
}

static void options_of_a_field_must_fit_its_type(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct definition field = define_field("category", ENTITY_ITEM, FIELD_KEYWORD);
    field.field.weight = 2;
    CHECK_REFUSED(&d, field, 13, "a keyword field has no weight");
    field.field.weight = 1;
    field.field.analyzer = text_of("english");
    CHECK_REFUSED(&d, field, 13, "a keyword field has no analyzer");
    field = define_field("title", ENTITY_ITEM, FIELD_TEXT);
    field.field.weight = 0;
    CHECK_REFUSED(&d, field, 13, "weight of field 'title' is out of range");
    field.field.weight = __builtin_nan("");
    CHECK_REFUSED(&d, field, 13, "weight of field 'title' is out of range");
    field.field.weight = 2;
    field.field.analyzer = text_of("english");
    must_declare(&d, field);
    declared_release(&d);
}

static void relations_and_contexts_are_checked(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct definition relation = define_relation("blocks", ENTITY_ITEM, ENTITY_CREATOR);
    relation.relation.excluding = true;
    CHECK_REFUSED(&d, relation, 16, "only users exclude");
    CHECK_REFUSED(&d, define_context("place", FIELD_TEXT), 15, "cannot be a text");
    CHECK_REFUSED(&d, define_context("place", FIELD_KEYWORD_LIST), 15, "cannot be a keyword[]");
    must_declare(&d, define_context("place", FIELD_KEYWORD));
    declared_release(&d);
}

static void exposures_are_of_topics_and_have_a_limit(struct test *t)
{
    struct declared d;
    declared_init(&d);
    declare_everything(&d);
    CHECK_REFUSED(&d, define_exposure("year", HOUR_MS), 24, "cannot be kept for 'year'");
    CHECK_REFUSED(&d, define_exposure("nothing", HOUR_MS), 24, "item has no field 'nothing'");
    CHECK_REFUSED(&d, define_exposure("tags", 59999), 40, "is too short");
    CHECK_REFUSED(&d, define_exposure("tags", 0), 40, "is zero");
    CHECK_REFUSED(&d, define_exposure("tags", (int64_t)(367 * DAY_MS)), 40, "longer than 366 days");
    struct definition of_user = define_exposure("country", HOUR_MS);
    of_user.exposure.kind = ENTITY_USER;
    CHECK_REFUSED(&d, of_user, 24, "items are shown");
    must_declare(&d, define_exposure("tags", 60000));
    CHECK_REFUSED(&d, define_exposure("tags", HOUR_MS), 24, "already defined");
    static const char *const names[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++)
        must_declare(&d, define_field(names[i], ENTITY_ITEM, FIELD_KEYWORD));
    for (int i = 0; i < LIMIT_EXPOSURES - 1; i++)
        must_declare(&d, define_exposure(names[i], HOUR_MS));
    CHECK_REFUSED(&d, define_exposure("d", HOUR_MS), 24, "there are already 4 exposures");
    const struct field *field = schema_find_field(d.schema, ENTITY_ITEM, text_of("tags"));
    CHECK_EQ(field->exposure_half_life_ms, 60000);
    declared_release(&d);
}

static void profile_versions_out_of_range_are_refused(struct test *t)
{
    struct declared d;
    declared_init(&d);
    CHECK_REFUSED(&d, define_profile("feed", 0), 15, "cannot have version 0");
    CHECK_REFUSED(&d, define_profile("feed", -2), 15, "cannot have version -2");
    CHECK_REFUSED(&d, define_profile("feed", INT64_MAX), 15, "cannot have version");
    must_declare(&d, define_profile("feed", 1));
    declared_release(&d);
}

static enum code declare_ranking(struct declared *d, struct ranking_definition ranking)
{
    struct definition profile = define_profile("feed", -1);
    profile.profile.ranking = ranking;
    return declare(d, &profile);
}

struct expected_violation {
    uint64_t position;
    const char *message, *hint;
};

static void check_violations(struct test *t, const struct declared *d,
                             const struct expected_violation *expected, size_t count)
{
    CHECK_EQ(d->violations.count, count);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(d->violations.list[i].position, expected[i].position);
        CHECK_TEXT(d->violations.list[i].message, expected[i].message);
        CHECK_TEXT(d->violations.list[i].hint, expected[i].hint);
    }
}

static void sources_refer_only_to_what_exists(struct test *t)
{
    struct declared d;
    declared_init(&d);
    declare_everything(&d);
    struct source_definition sources[] = {
        {.kind = SOURCE_NEWEST, .limit = 0, .position = 30},
        {.kind = SOURCE_NEWEST, .limit = 10001, .position = 31},
        {.kind = SOURCE_TRENDING,
         .limit = 9,
         .signal = named("vew", 40),
         .window = lasting(HOUR_MS, 45)},
        {.kind = SOURCE_TRENDING,
         .limit = 9,
         .signal = named("view", 50),
         .window = lasting(DAY_MS, 55)},
        {.kind = SOURCE_RELATED,
         .limit = 9,
         .relation = named("folows", 60),
         .other = ENTITY_CREATOR},
        {.kind = SOURCE_RELATED,
         .limit = 9,
         .relation = named("follows", 70),
         .other = ENTITY_ITEM},
    };
    struct ranking_definition ranking = {.sources = sources, .source_count = 6};
    CHECK_EQ(declare_ranking(&d, ranking), CODE_INVALID);
    static const struct expected_violation expected[] = {
        {30, "a source cannot give 0 candidates", "use 1 to 10000"},
        {31, "a source cannot give 10001 candidates", "use 1 to 10000"},
        {40, "signal 'vew' does not exist", "did you mean 'view'?"},
        {55, "signal 'view' has no velocity of 24h", "define the signal with VELOCITY 24h"},
        {60, "relation 'folows' does not exist", "did you mean 'follows'?"},
        {70, "relation 'follows' leads to creator, not to item",
         "write related(user follows creator)"},
    };
    check_violations(t, &d, expected, sizeof expected / sizeof *expected);
    declared_release(&d);
}

static void terms_gates_and_caps_refer_only_to_what_exists(struct test *t)
{
    struct declared d;
    declared_init(&d);
    declare_everything(&d);
    struct arena arena;
    arena_init(&arena, &d.memory, 1 << 20);
    struct source_definition source = {.kind = SOURCE_ALL, .limit = -1};
    struct expression *term = item_field(&arena, "titel");
    term->position = 100;
    struct expression *factor = item_field(&arena, "rating");
    factor->position = 120;
    struct gate_definition gates[] = {
        {.kind = GATE_SEEN, .age = lasting(__builtin_nan(""), 0), .position = 130},
        {.kind = GATE_SEEN, .age = lasting(0, 141), .position = 140},
        {.kind = GATE_SERVED, .age = lasting(__builtin_nan(""), 0), .position = 150},
        {.kind = GATE_BLOCKED, .position = 160}};
    struct cap_definition caps[] = {
        {.maximum = 0, .field = named("creator", 171), .position = 170},
        {.maximum = 2, .field = named("creater", 181), .position = 180},
        {.maximum = 2, .field = named("rating", 191), .position = 190},
    };
    struct ranking_definition ranking = {.sources = &source,
                                         .source_count = 1,
                                         .terms = &term,
                                         .term_count = 1,
                                         .factors = &factor,
                                         .factor_count = 1,
                                         .gates = gates,
                                         .gate_count = 4,
                                         .caps = caps,
                                         .cap_count = 3};
    CHECK_EQ(declare_ranking(&d, ranking), CODE_INVALID);
    static const struct expected_violation expected[] = {
        {100, "item has no field 'titel'", "did you mean 'title'?"},
        {120, "TIMES of 'rating', which can be negative", "guard it: max(x, 0)"},
        {130, "seen has no age", "write seen(7d)"},
        {141, "age of seen is zero", "write a duration above 0, as in 24h"},
        {150, "served has no age", "write served(10m)"},
        {170, "a cap of 0 lets nothing through", "write max 1 or more"},
        {181, "item has no field 'creater'", "did you mean 'creator'?"},
        {191, "a cap cannot be put on 'rating', of type float",
         "use a keyword, keyword[] or reference"},
    };
    check_violations(t, &d, expected, sizeof expected / sizeof *expected);
    arena_release(&arena);
    declared_release(&d);
}

static void a_right_profile_is_resolved(struct test *t)
{
    struct declared d;
    declared_init(&d);
    declare_everything(&d);
    struct arena arena;
    arena_init(&arena, &d.memory, 1 << 20);
    struct source_definition sources[] = {
        {.kind = SOURCE_ALL, .limit = -1},
        {.kind = SOURCE_TRENDING,
         .limit = 200,
         .signal = named("view", 0),
         .window = lasting(HOUR_MS, 0)},
        {.kind = SOURCE_RELATED,
         .limit = 10000,
         .relation = named("likes", 0),
         .other = ENTITY_ITEM},
    };
    struct expression *term =
        call(&arena, FUNCTION_DECAY, 2, bare(&arena, "view"), hours(&arena, 7 * 24));
    struct expression *factor =
        call(&arena, FUNCTION_FRESHNESS, 2, item_field(&arena, "published"), hours(&arena, 48));
    struct gate_definition gate = {.kind = GATE_SEEN, .age = lasting(7 * DAY_MS, 0)};
    struct cap_definition cap = {.maximum = 2, .field = named("creator", 0)};
    struct definition definition = define_profile("feed", -1);
    definition.profile.ranking = (struct ranking_definition){.sources = sources,
                                                             .source_count = 3,
                                                             .terms = &term,
                                                             .term_count = 1,
                                                             .factors = &factor,
                                                             .factor_count = 1,
                                                             .gates = &gate,
                                                             .gate_count = 1,
                                                             .caps = &cap,
                                                             .cap_count = 1};
    must_declare(&d, definition);
    must_declare(&d, define_field("later", ENTITY_ITEM, FIELD_FLOAT));
    arena_release(&arena);

    const struct profile *profile = schema_find_profile(d.schema, text_of("feed"), 0);
    CHECK(profile);
    const struct ranking_definition *ranking = &profile->ranking;
    CHECK_EQ(ranking->sources[1].signal_id, 2);
    CHECK_EQ(ranking->sources[1].window_index, 0);
    CHECK_EQ(ranking->sources[2].relation_id, 2);
    CHECK_EQ(ranking->terms[0]->signal, 2);
    CHECK_EQ(ranking->terms[0]->slot, 1);
    CHECK(slice_equal(ranking->terms[0]->operands[0]->name, text_of("view")));
    CHECK_EQ(ranking->factors[0]->operands[0]->field, 6);
    CHECK_EQ(ranking->caps[0].field_id, 7);
    declared_release(&d);
}

static void a_ranking_has_limits(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct source_definition sources[LIMIT_SOURCES + 1];
    for (int i = 0; i <= LIMIT_SOURCES; i++)
        sources[i] = (struct source_definition){.kind = SOURCE_ALL, .limit = -1};
    struct ranking_definition ranking = {.sources = sources, .source_count = LIMIT_SOURCES + 1};
    d.violations.count = 0;
    CHECK(!ranking_check(&ranking, d.schema, &d.violations));
    CHECK(find_violation(&d.violations, 0, "at most 16 sources"));
    ranking.source_count = LIMIT_SOURCES;
    d.violations.count = 0;
    CHECK(ranking_check(&ranking, d.schema, &d.violations));
    declared_release(&d);
}

static void a_refused_definition_changes_nothing(struct test *t)
{
    struct declared d;
    declared_init(&d);
    declare_everything(&d);
    uint64_t fingerprint = schema_fingerprint(d.schema);
    size_t used = d.memory.used_bytes;
    CHECK_REFUSED(&d, define_signal("view"), 14, "already defined");
    CHECK(schema_fingerprint(d.schema) == fingerprint);
    CHECK_EQ(d.memory.used_bytes, used);
    declared_release(&d);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(every_violation_is_reported_in_order_of_position),
        CASE(violations_beyond_the_maximum_are_counted_and_the_first_kept),
        CASE(names_are_lower_case_words_of_at_most_64_bytes),
        CASE(reserved_words_are_refused_for_every_kind), CASE(names_are_unique_within_their_kind),
        CASE(only_one_time_of_items_expires), CASE(half_lives_and_windows_out_of_range_are_refused),
        CASE(lateness_is_between_zero_and_seven_days), CASE(polarity_thresholds_may_not_overlap),
        CASE(too_many_of_a_kind_are_refused), CASE(too_many_half_lives_or_windows_are_refused),
        CASE(embeddings_have_1_to_4096_dimensions), CASE(options_of_a_field_must_fit_its_type),
        CASE(relations_and_contexts_are_checked), CASE(exposures_are_of_topics_and_have_a_limit),
        CASE(profile_versions_out_of_range_are_refused), CASE(sources_refer_only_to_what_exists),
        CASE(terms_gates_and_caps_refer_only_to_what_exists), CASE(a_right_profile_is_resolved),
        CASE(a_ranking_has_limits), CASE(a_refused_definition_changes_nothing));
}
