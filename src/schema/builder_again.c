/* A signal that is defined anew: it may get half-lives, windows, velocities and indexes of what is
 * popular.  All else says what its events meant when they were counted, and stays as it was; and
 * nothing is dropped by leaving it out. */
#include "schema/builder.h"
#include "schema/names.h"

#include "base/text.h"

static bool same_meaning(const struct signal *a, const struct signal *b)
{
    return a->kind == b->kind && a->values == b->values &&
           a->unique_per_user == b->unique_per_user && a->allow_unknown == b->allow_unknown &&
           a->lateness_ms == b->lateness_ms;
}

static bool same_polarity(const struct signal *a, const struct signal *b)
{
    return a->positive == b->positive && a->negative == b->negative &&
           (!a->positive || a->positive_from == b->positive_from) &&
           (!a->negative || a->negative_below == b->negative_below);
}

static bool same_quotas(const struct signal *a, const struct signal *b)
{
    for (int i = 0; i < QUOTA_KIND_COUNT; i++)
        if (a->quota_ms[i] != b->quota_ms[i] || a->quota_maximum[i] != b->quota_maximum[i])
            return false;
    return a->trusts == b->trusts && (!a->trusts || a->trust_field == b->trust_field);
}

static bool same_fields(const field_id *a, uint32_t a_count, const field_id *b, uint32_t b_count)
{
    for (uint32_t i = 0; i < a_count && a_count == b_count; i++)
        if (a[i] != b[i]) return false;
    return a_count == b_count;
}

static int64_t trending_baseline_ms(const struct signal *signal)
{
    return signal->window_ms[signal->velocity_baseline[0]];
}

/* A held peak was measured by one window against one baseline. */
static bool same_trending(const struct signal *a, const struct signal *b)
{
    if (a->trending_half_life_ms != b->trending_half_life_ms) return false;
    return a->trending_half_life_ms == 0 ||
           (a->window_ms[a->trending_window] == b->window_ms[b->trending_window] &&
            trending_baseline_ms(a) == trending_baseline_ms(b));
}

static bool same_half_lives(const struct signal *a, const struct signal *b)
{
    for (uint32_t i = 0; i < a->half_life_count && i < b->half_life_count; i++)
        if (a->half_life_ms[i] != b->half_life_ms[i]) return false;
    return a->half_life_count == b->half_life_count;
}

/* What of the signal's meaning differs; NULL: nothing. */
static const char *changed_clause(const struct signal *old, const struct signal *signal)
{
    if (!same_meaning(old, signal))
        return "with another target, LATENESS, VALUE, UNIQUE PER USER or ALLOW UNKNOWN";
    if (!same_polarity(old, signal)) return "with another POSITIVE or NEGATIVE";
    if (!same_quotas(old, signal)) return "with another CAP, SUBLINEAR or TRUST";
    if (!same_trending(old, signal))
        return "with another TRENDING, or another shortest VELOCITY to measure it by";
    if (old->distinct_ms != signal->distinct_ms) return "with another DISTINCT USERS";
    if (!same_fields(old->index_fields, old->index_field_count, signal->index_fields,
                     signal->index_field_count))
        return "with another PER of its indexes";
    if (!same_fields(old->group_fields, old->group_count, signal->group_fields,
                     signal->group_count))
        return "with other TOTALS PER";
    if (old->group_count > 0 && !same_half_lives(old, signal))
        return "with TOTALS PER, to which no half-life can be added";
    return NULL;
}

static bool has(const int64_t *list, uint32_t count, int64_t duration_ms)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i] == duration_ms) return true;
    return false;
}

static void left_out(const struct signal *signal, const char *what, int64_t duration_ms,
                     uint64_t position, struct violations *violations)
{
    char text[DURATION_TEXT_BYTES];
    duration_format(duration_ms, text);
    violations_add(violations, position, "repeat what it has: more can be added, nothing left out",
                   "signal '%.*s' is already defined, with a %s of %s",
                   NAME_ARGUMENTS(signal->name), what, text);
}

static void check_nothing_left_out(const struct signal *old, const struct signal *signal,
                                   uint64_t position, struct violations *violations)
{
    for (uint32_t i = 0; i < old->half_life_count; i++)
        if (!has(signal->half_life_ms, signal->half_life_count, old->half_life_ms[i]))
            left_out(old, "half-life", old->half_life_ms[i], position, violations);
    for (uint32_t i = 0; i < old->window_count; i++)
        if (!has(signal->window_ms, signal->window_count, old->window_ms[i]))
            left_out(old, "window", old->window_ms[i], position, violations);
    int64_t velocities[LIMIT_WINDOWS];
    for (uint32_t i = 0; i < signal->velocity_count; i++)
        velocities[i] = signal->window_ms[signal->velocity_window[i]];
    for (uint32_t i = 0; i < old->velocity_count; i++) {
        int64_t velocity_ms = old->window_ms[old->velocity_window[i]];
        if (!has(velocities, signal->velocity_count, velocity_ms))
            left_out(old, "velocity", velocity_ms, position, violations);
    }
}

static bool adds_nothing(const struct signal *old, const struct signal *signal)
{
    return old->half_life_count == signal->half_life_count &&
           old->window_count == signal->window_count &&
           old->velocity_count == signal->velocity_count &&
           old->popular_count == signal->popular_count;
}

void builder_check_again(const struct signal *old, const struct signal *signal,
                         const struct signal_definition *definition, struct violations *violations)
{
    uint64_t position = definition->name.position;
    if (violations->count > 0) return; /* what is wrong in itself says enough */
    const char *changed = changed_clause(old, signal);
    if (changed)
        violations_add(
            violations, position, "say that as it was (SHOW SCHEMA), or choose another name",
            "signal '%.*s' is already defined, %s", NAME_ARGUMENTS(signal->name), changed);
    check_nothing_left_out(old, signal, position, violations);
    if (violations->count == 0 && adds_nothing(old, signal))
        violations_add(violations, position, "add a half-life or a window, or choose another name",
                       "signal '%.*s' is already defined", NAME_ARGUMENTS(signal->name));
}
