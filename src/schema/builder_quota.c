/* What of one user's events counts: CAP, SUBLINEAR and TRUST of a signal. */
#include "schema/builder.h"
#include "schema/names.h"

#include <stdio.h>

/* Of SUBLINEAR or a CAP; false: it is wrong. */
static bool period_check(const struct duration *period, const char *what,
                         struct violations *violations)
{
    if (!duration_check(period, what, violations)) return false;
    if (period->milliseconds >= (double)QUOTA_PERIOD_MINIMUM_MS) return true;
    violations_add(violations, period->position, "use 1s to 366d, best 1h or 24h",
                   "%s is too short", what);
    return false;
}

static void add_cap(struct signal *signal, const struct quota_definition *cap,
                    struct violations *violations)
{
    enum quota_kind kind = cap->per_subject ? QUOTA_SUBJECT : QUOTA_USER;
    bool right = period_check(&cap->period, "period of CAP", violations);
    if (cap->maximum < 1 || cap->maximum > QUOTA_CAP_MAXIMUM) {
        violations_add(violations, cap->position, "let 1 to 1000000 events count",
                       "CAP of signal '%.*s' is out of range", NAME_ARGUMENTS(signal->name));
        right = false;
    }
    if (cap->per_subject && cap->kind != signal->kind) {
        char hint[HINT_BYTES];
        snprintf(hint, sizeof hint, "write PER USER PER %s, or PER USER alone for a cap in all",
                 entity_kind_name(signal->kind));
        violations_add(violations, cap->position, hint, "signal '%.*s' is about %s, not %s",
                       NAME_ARGUMENTS(signal->name), entity_kind_name(signal->kind),
                       entity_kind_name(cap->kind));
        return;
    }
    if (!right) return;
    if (signal->quota_ms[kind] != 0) {
        violations_add(violations, cap->position, "keep one of them",
                       "signal '%.*s' has two caps PER USER%s%s", NAME_ARGUMENTS(signal->name),
                       cap->per_subject ? " PER " : "",
                       cap->per_subject ? entity_kind_name(cap->kind) : "");
        return;
    }
    signal->quota_ms[kind] = (int64_t)cap->period.milliseconds;
    signal->quota_maximum[kind] = (uint32_t)cap->maximum;
}

static void add_trust(const struct schema *schema, struct signal *signal, const struct name *name,
                      struct violations *violations)
{
    const struct field *field = schema_find_field(schema, ENTITY_USER, name->text);
    char hint[HINT_BYTES];
    if (!field) {
        name_hint(schema, DEFINE_FIELD, ENTITY_USER, name->text,
                  "define it first: DEFINE FIELD trust ON user FLOAT", hint);
        violations_add(violations, name->position, hint, "field '%.*s' of user does not exist",
                       NAME_ARGUMENTS(name->text));
    } else if (field->type != FIELD_FLOAT) {
        violations_add(violations, name->position, "use a FLOAT of 0 to 1",
                       "field '%.*s' of user is %s, and trust is a float",
                       NAME_ARGUMENTS(name->text), field_type_name(field->type));
    } else {
        signal->trusts = true;
        signal->trust_field = field->id;
    }
}

/* A mean would need the weights' sum beside the count, which no record keeps. */
static void check_values(const struct signal *signal, uint64_t position, const char *what,
                         struct violations *violations)
{
    if (signal->values == SIGNAL_VALUE_NONE) return;
    violations_add(violations, position, "use CAP, which lets an event count in full or not at all",
                   "signal '%.*s' has a VALUE, which %s cannot weigh", NAME_ARGUMENTS(signal->name),
                   what);
}

void builder_add_quotas(const struct schema *schema, struct signal *signal,
                        const struct signal_definition *definition, struct violations *violations)
{
    for (size_t i = 0; i < definition->cap_count; i++)
        add_cap(signal, &definition->caps[i], violations);
    if (definition->is_sublinear) {
        check_values(signal, definition->sublinear.position, "SUBLINEAR", violations);
        if (period_check(&definition->sublinear, "period of SUBLINEAR", violations)) {
            signal->quota_ms[QUOTA_SUBLINEAR] = (int64_t)definition->sublinear.milliseconds;
            signal->quota_maximum[QUOTA_SUBLINEAR] = QUOTA_SUBLINEAR_EVENTS;
        }
    }
    if (definition->trusts) {
        check_values(signal, definition->trust.position, "TRUST", violations);
        add_trust(schema, signal, &definition->trust, violations);
    }
    signal->is_weighted = signal->trusts || signal->quota_ms[QUOTA_SUBLINEAR] != 0;
    signal->is_limited = signal->is_weighted || signal->quota_ms[QUOTA_SUBJECT] != 0 ||
                         signal->quota_ms[QUOTA_USER] != 0;
}
