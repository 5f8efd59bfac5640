#include "schema/schema.h"

#include "harness/test.h"
#include "unit/schema/declare.h"

static struct quota_definition cap_of(int64_t maximum, double period_ms, uint64_t position)
{
    return (struct quota_definition){
        .maximum = maximum, .period = lasting(period_ms, position + 9), .position = position};
}

static struct quota_definition towards(enum entity_kind kind, int64_t maximum, double period_ms,
                                       uint64_t position)
{
    struct quota_definition cap = cap_of(maximum, period_ms, position);
    cap.per_subject = true;
    cap.kind = kind;
    return cap;
}

static void quotas_are_kept_with_their_signal(struct test *t)
{
    struct declared d;
    declared_init(&d);
    must_declare(&d, define_field("trust", ENTITY_USER, FIELD_FLOAT));
    struct quota_definition caps[] = {cap_of(QUOTA_CAP_MAXIMUM, 366 * DAY_MS, 30),
                                      towards(ENTITY_ITEM, 1, 1000, 60)};
    struct definition play = define_signal("play");
    play.signal.caps = caps;
    play.signal.cap_count = 2;
    must_declare(&d, play);
    const struct signal *signal = schema_find_signal(d.schema, text_of("play"));
    CHECK(signal->is_limited && !signal->is_weighted && !signal->trusts);
    CHECK_EQ(signal->quota_maximum[QUOTA_USER], QUOTA_CAP_MAXIMUM);
    CHECK_EQ(signal->quota_ms[QUOTA_USER], 366 * (int64_t)DAY_MS);
    CHECK_EQ(signal->quota_maximum[QUOTA_SUBJECT], 1);
    CHECK_EQ(signal->quota_ms[QUOTA_SUBJECT], 1000);
    CHECK_EQ(signal->quota_ms[QUOTA_SUBLINEAR], 0);
    struct definition star = define_signal("star");
    star.signal.is_sublinear = star.signal.trusts = star.signal.unique_per_user = true;
    star.signal.sublinear = lasting(DAY_MS, 40);
    star.signal.trust = named("trust", 60);
    must_declare(&d, star);
    signal = schema_find_signal(d.schema, text_of("star"));
    CHECK(signal->is_limited && signal->is_weighted && signal->trusts);
    CHECK_EQ(signal->quota_ms[QUOTA_SUBLINEAR], (int64_t)DAY_MS);
    CHECK_EQ(signal->quota_maximum[QUOTA_SUBLINEAR], QUOTA_SUBLINEAR_EVENTS);
    CHECK_EQ(signal->trust_field, schema_find_field(d.schema, ENTITY_USER, text_of("trust"))->id);
    must_declare(&d, define_signal("plain"));
    signal = schema_find_signal(d.schema, text_of("plain"));
    CHECK(!signal->is_limited && !signal->is_weighted);
    declared_release(&d);
}

static void all_that_is_wrong_with_quotas_is_reported(struct test *t)
{
    static const struct {
        uint64_t position;
        const char *part, *hint;
    } expected[] = {
        {30, "CAP of signal 'play' is out of range", "let 1 to 1000000 events count"},
        {49, "period of CAP is too short", "use 1s to 366d, best 1h or 24h"},
        {50, "CAP of signal 'play' is out of range", "let 1 to 1000000"},
        {60, "signal 'play' is about item, not creator", "write PER USER PER item"},
        {69, "period of CAP is zero", "write a duration above 0"},
        {80, "signal 'play' has two caps PER USER", "keep one of them"},
        {100, "signal 'play' has two caps PER USER PER item", "keep one of them"},
        {120, "signal 'play' has a VALUE, which SUBLINEAR cannot weigh", "use CAP"},
        {120, "period of SUBLINEAR is longer than 366 days", "use at most 366d"},
        {140, "signal 'play' has a VALUE, which TRUST cannot weigh", "use CAP"},
        {140, "field 'trusts' of user does not exist", "did you mean 'trust'?"},
    };
    struct declared d;
    declared_init(&d);
    must_declare(&d, define_field("trust", ENTITY_USER, FIELD_FLOAT));
    struct quota_definition caps[] = {cap_of(0, HOUR_MS, 30),
                                      cap_of(3, 999, 40),
                                      cap_of(QUOTA_CAP_MAXIMUM + 1, HOUR_MS, 50),
                                      towards(ENTITY_CREATOR, 3, 0, 60),
                                      cap_of(3, HOUR_MS, 70),
                                      cap_of(4, DAY_MS, 80),
                                      towards(ENTITY_ITEM, 3, HOUR_MS, 90),
                                      towards(ENTITY_ITEM, 3, DAY_MS, 100)};
    struct definition play = define_signal("play");
    play.signal.values = SIGNAL_VALUE_SUM;
    play.signal.caps = caps;
    play.signal.cap_count = sizeof caps / sizeof *caps;
    play.signal.is_sublinear = play.signal.trusts = true;
    play.signal.sublinear = lasting(367 * DAY_MS, 120);
    play.signal.trust = named("trusts", 140);
    CHECK_EQ(declare(&d, &play), CODE_INVALID);
    CHECK_EQ(d.violations.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < d.violations.count; i++) {
        const struct violation *found = &d.violations.list[i];
        CHECK_EQ(found->position, expected[i].position);
        CHECK(strstr(found->message, expected[i].part));
        CHECK(strstr(found->hint, expected[i].hint));
    }
    declared_release(&d);
}

static void trust_is_a_float_of_users(struct test *t)
{
    struct declared d;
    declared_init(&d);
    must_declare(&d, define_field("level", ENTITY_USER, FIELD_INTEGER));
    must_declare(&d, define_field("quality", ENTITY_ITEM, FIELD_FLOAT));
    static const char *const wrong[] = {"level", "quality"};
    static const char *const parts[] = {"field 'level' of user is integer, and trust is a float",
                                        "field 'quality' of user does not exist"};
    for (int i = 0; i < 2; i++) {
        struct definition play = define_signal("play");
        play.signal.trusts = true;
        play.signal.trust = named(wrong[i], 33);
        CHECK_EQ(declare(&d, &play), CODE_INVALID);
        CHECK_EQ(d.violations.count, 1);
        CHECK(find_violation(&d.violations, 33, parts[i]));
        CHECK(d.violations.list[0].hint[0]);
    }
    declared_release(&d);
}

/* What is built in may be given quotas, and values let CAP stand. */
static void a_cap_goes_with_values_states_and_what_is_built_in(struct test *t)
{
    struct declared d;
    declared_init(&d);
    struct quota_definition caps[] = {towards(ENTITY_ITEM, 3, HOUR_MS, 60)};
    static const char *const names[] = {"impression", "hide", "rating"};
    for (int i = 0; i < 3; i++) {
        struct definition signal = define_signal(names[i]);
        signal.signal.caps = caps;
        signal.signal.cap_count = 1;
        signal.signal.unique_per_user = signal.signal.negative = i == 1;
        if (i == 2) signal.signal.values = SIGNAL_VALUE_MIN_MAX;
        must_declare(&d, signal);
        CHECK(schema_find_signal(d.schema, text_of(names[i]))->is_limited);
    }
    declared_release(&d);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(quotas_are_kept_with_their_signal),
               CASE(all_that_is_wrong_with_quotas_is_reported), CASE(trust_is_a_float_of_users),
               CASE(a_cap_goes_with_values_states_and_what_is_built_in));
}
