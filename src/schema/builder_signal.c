#include "schema/builder.h"
#include "schema/names.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>

#define TRENDING_HALF_LIFE_MINIMUM_MS 60000

static const double ln_2 = 0.693147180559945309417232121458176568;

double half_life_lambda(int64_t half_life_ms)
{
    return ln_2 / ((double)half_life_ms / 1000.0);
}

bool signal_is_builtin(signal_id id)
{
    return id == SIGNAL_IMPRESSION || id == SIGNAL_HIDE;
}

/* Inserts into an ascending list without duplicates; false if it is full. */
static bool insert_duration(int64_t *list, uint32_t *count, uint32_t limit, int64_t duration_ms)
{
    uint32_t at = 0;
    while (at < *count && list[at] < duration_ms)
        at++;
    if (at < *count && list[at] == duration_ms) return true;
    if (*count == limit) return false;
    for (uint32_t i = *count; i > at; i--)
        list[i] = list[i - 1];
    list[at] = duration_ms;
    (*count)++;
    return true;
}

static void check_name(const struct schema *schema, const struct name *name,
                       struct violations *violations)
{
    if (!name_check(name, "signal", violations)) return;
    const struct signal *other = schema_find_signal(schema, name->text);
    const struct builder_limit limit = {DEFINE_SIGNAL, "signals", LIMIT_SIGNALS,
                                        schema->signal_count, LIMIT_SIGNAL_IDS};
    if (!other) builder_check_count(schema, &limit, name->position, violations);
}

static void add_half_lives(struct signal *signal, const struct signal_definition *definition,
                           struct violations *violations)
{
    for (size_t i = 0; i < definition->half_life_count; i++) {
        const struct duration *half_life = &definition->half_lives[i];
        if (!duration_check(half_life, "half-life", violations)) continue;
        int64_t ms = (int64_t)half_life->milliseconds;
        if (ms % 1000 != 0) {
            violations_add(violations, half_life->position, "use whole seconds, at least 1s",
                           "half-life is not a whole number of seconds");
        } else if (!insert_duration(signal->half_life_ms, &signal->half_life_count,
                                    LIMIT_HALF_LIVES, ms)) {
            violations_add(violations, half_life->position, "keep the most useful ones",
                           "a signal has at most %d half-lives", LIMIT_HALF_LIVES);
            break;
        }
    }
    for (uint32_t i = 0; i < signal->half_life_count; i++)
        signal->lambda[i] = half_life_lambda(signal->half_life_ms[i]);
}

static void add_windows(struct signal *signal, const struct signal_definition *definition,
                        struct violations *violations)
{
    for (size_t i = 0; i < definition->window_count; i++) {
        const struct duration *window = &definition->windows[i];
        if (!duration_check(window, "window", violations)) continue;
        if (!insert_duration(signal->window_ms, &signal->window_count, LIMIT_WINDOWS,
                             (int64_t)window->milliseconds)) {
            violations_add(violations, window->position, "keep the most useful ones",
                           "a signal has at most %d windows", LIMIT_WINDOWS);
            break;
        }
    }
}

static bool find_window(const struct signal *signal, int64_t window_ms, uint32_t *index)
{
    for (uint32_t i = 0; i < signal->window_count; i++) {
        if (signal->window_ms[i] != window_ms) continue;
        *index = i;
        return true;
    }
    return false;
}

/* What is usual is measured over at least 24 windows, so that the burst itself weighs little in it;
 * failing that, over the longest window there is. */
static bool find_baseline(const struct signal *signal, uint32_t window, uint32_t *baseline)
{
    for (uint32_t i = window + 1; i < signal->window_count; i++) {
        *baseline = i;
        if (signal->window_ms[i] / 24 >= signal->window_ms[window]) return true;
    }
    return window + 1 < signal->window_count;
}

static void add_velocity(struct signal *signal, const struct duration *velocity,
                         struct violations *violations)
{
    uint32_t window, baseline;
    int64_t ms = (int64_t)velocity->milliseconds;
    char text[DURATION_TEXT_BYTES], hint[HINT_BYTES];
    duration_format(ms, text);
    if (!find_window(signal, ms, &window)) {
        snprintf(hint, sizeof hint, "add %s to its WINDOWS", text);
        violations_add(violations, velocity->position, hint,
                       "velocity %s is not a declared window of signal '%.*s'", text,
                       NAME_ARGUMENTS(signal->name));
        return;
    }
    if (!find_baseline(signal, window, &baseline)) {
        violations_add(violations, velocity->position,
                       "declare a longer window as well, at best 24 times as long",
                       "velocity %s has no longer window to compare with", text);
        return;
    }
    for (uint32_t i = 0; i < signal->velocity_count; i++) {
        if (signal->velocity_window[i] == window) return;
    }
    uint32_t at = signal->velocity_count++;
    for (; at > 0 && signal->velocity_window[at - 1] > window; at--) {
        signal->velocity_window[at] = signal->velocity_window[at - 1];
        signal->velocity_baseline[at] = signal->velocity_baseline[at - 1];
    }
    signal->velocity_window[at] = (uint8_t)window;
    signal->velocity_baseline[at] = (uint8_t)baseline;
}

static void add_lateness(struct signal *signal, const struct duration *lateness,
                         struct violations *violations)
{
    double ms = lateness->milliseconds;
    signal->lateness_ms = LATENESS_DEFAULT_MS;
    if (isnan(ms)) return;
    if (ms < 0 || ms > (double)LATENESS_MAXIMUM_MS || ms != (double)(int64_t)ms) {
        violations_add(violations, lateness->position, "use 0s to 7d, in whole milliseconds",
                       "lateness of signal '%.*s' is out of range", NAME_ARGUMENTS(signal->name));
        return;
    }
    signal->lateness_ms = (int64_t)ms;
}

static void add_trending(struct signal *signal, const struct duration *half_life,
                         struct violations *violations)
{
    if (!duration_check(half_life, "half-life of TRENDING", violations)) return;
    if (half_life->milliseconds < TRENDING_HALF_LIFE_MINIMUM_MS)
        violations_add(violations, half_life->position, "use 1m to 366d, best 1h to 4h",
                       "half-life of TRENDING is too short");
    if (signal->kind != ENTITY_ITEM)
        violations_add(violations, half_life->position, "use a signal ON item",
                       "signal '%.*s' is about %s, and items trend", NAME_ARGUMENTS(signal->name),
                       entity_kind_name(signal->kind));
    if (signal->velocity_count == 0)
        violations_add(violations, half_life->position,
                       "add a velocity and its windows: WINDOWS 1h, 24h VELOCITY 1h",
                       "TRENDING needs a velocity, and signal '%.*s' has none",
                       NAME_ARGUMENTS(signal->name));
    signal->trending_half_life_ms = (int64_t)half_life->milliseconds;
    signal->trending_window = signal->velocity_window[0];
}

static void add_populars(struct signal *signal, const struct signal_definition *definition,
                         struct violations *violations)
{
    bool wanted[LIMIT_HALF_LIVES] = {false};
    if (definition->popular_count > 0 && signal->kind != ENTITY_ITEM)
        violations_add(violations, definition->populars[0].position, "use a signal ON item",
                       "signal '%.*s' is about %s, and items are popular",
                       NAME_ARGUMENTS(signal->name), entity_kind_name(signal->kind));
    for (size_t i = 0; i < definition->popular_count; i++) {
        const struct duration *half_life = &definition->populars[i];
        char text[DURATION_TEXT_BYTES], hint[HINT_BYTES];
        uint32_t slot = 0;
        if (!duration_check(half_life, "half-life of POPULAR", violations)) continue;
        while (slot < signal->half_life_count &&
               signal->half_life_ms[slot] != (int64_t)half_life->milliseconds)
            slot++;
        if (slot < signal->half_life_count) {
            wanted[slot] = true;
            continue;
        }
        duration_format((int64_t)half_life->milliseconds, text);
        snprintf(hint, sizeof hint, "add %s to its HALF LIFE", text);
        violations_add(violations, half_life->position, hint,
                       "POPULAR %s is not a declared half-life of signal '%.*s'", text,
                       NAME_ARGUMENTS(signal->name));
    }
    for (unsigned slot = 0; slot < LIMIT_HALF_LIVES; slot++)
        if (wanted[slot]) signal->popular_slots[signal->popular_count++] = (uint8_t)slot;
}

static void add_index_field(const struct schema *schema, struct signal *signal,
                            const struct name *name, struct violations *violations)
{
    const struct field *field = schema_find_field(schema, ENTITY_ITEM, name->text);
    if (!field) {
        char hint[HINT_BYTES];
        name_hint(schema, DEFINE_FIELD, ENTITY_ITEM, name->text, "define it first", hint);
        violations_add(violations, name->position, hint, "item has no field '%.*s'",
                       NAME_ARGUMENTS(name->text));
        return;
    }
    if (field->type != FIELD_KEYWORD && field->type != FIELD_KEYWORD_LIST) {
        violations_add(violations, name->position, "use a keyword or keyword[]",
                       "an index cannot be PER '%.*s', of type %s", NAME_ARGUMENTS(field->name),
                       field_type_name(field->type));
        return;
    }
    for (uint32_t i = 0; i < signal->index_field_count; i++)
        if (signal->index_fields[i] == field->id) return;
    if (signal->index_field_count == LIMIT_INDEX_FIELDS) {
        violations_add(violations, name->position, "keep the most useful ones",
                       "a signal has indexes PER at most %d fields", LIMIT_INDEX_FIELDS);
        return;
    }
    signal->index_fields[signal->index_field_count++] = field->id;
}

static void add_index_fields(const struct schema *schema, struct signal *signal,
                             const struct signal_definition *definition,
                             struct violations *violations)
{
    if (definition->index_field_count > 0 && !definition->trends && definition->popular_count == 0)
        violations_add(violations, definition->index_fields[0].position,
                       "add TRENDING HALF LIFE 2h, or POPULAR and a half-life",
                       "PER says for which values an index is kept, and signal '%.*s' has none",
                       NAME_ARGUMENTS(signal->name));
    for (size_t i = 0; i < definition->index_field_count; i++)
        add_index_field(schema, signal, &definition->index_fields[i], violations);
}

static void add_distinct(struct signal *signal, const struct duration *span,
                         struct violations *violations)
{
    if (!duration_check(span, "span of DISTINCT USERS", violations)) return;
    if (signal->kind != ENTITY_ITEM)
        violations_add(violations, span->position, "use a signal ON item",
                       "signal '%.*s' is about %s, and users of items are counted",
                       NAME_ARGUMENTS(signal->name), entity_kind_name(signal->kind));
    if (signal->unique_per_user)
        violations_add(violations, span->position, "leave it out, and use count(signal, window)",
                       "signal '%.*s' counts each user once already", NAME_ARGUMENTS(signal->name));
    signal->distinct_ms = (int64_t)span->milliseconds;
}

static void add_group(struct schema *schema, struct signal *signal, const struct name *name,
                      struct violations *violations)
{
    const struct field *field = schema_find_field(schema, ENTITY_ITEM, name->text);
    char hint[HINT_BYTES];
    if (!field) {
        name_hint(schema, DEFINE_FIELD, ENTITY_ITEM, name->text,
                  "define it first, with DEFINE FIELD", hint);
        violations_add(violations, name->position, hint, "field '%.*s' of item does not exist",
                       NAME_ARGUMENTS(name->text));
        return;
    }
    if (field->type != FIELD_KEYWORD && field->type != FIELD_KEYWORD_LIST &&
        field->type != FIELD_REFERENCE) {
        violations_add(violations, name->position, "use a keyword, keyword[] or reference",
                       "totals cannot be kept per '%.*s', of type %s", NAME_ARGUMENTS(field->name),
                       field_type_name(field->type));
        return;
    }
    for (uint32_t i = 0; i < signal->group_count; i++)
        if (signal->group_fields[i] == field->id) return;
    if (signal->group_count == LIMIT_GROUP_FIELDS) {
        violations_add(violations, name->position, "keep the most useful ones",
                       "a signal has totals per at most %d fields", LIMIT_GROUP_FIELDS);
        return;
    }
    signal->group_fields[signal->group_count++] = field->id;
}

static void add_groups(struct schema *schema, struct signal *signal,
                       const struct signal_definition *definition, struct violations *violations)
{
    if (definition->group_count > 0 && signal->kind != ENTITY_ITEM)
        violations_add(violations, definition->groups[0].position, "use a signal ON item",
                       "signal '%.*s' is about %s, and totals are per field of item",
                       NAME_ARGUMENTS(signal->name), entity_kind_name(signal->kind));
    for (size_t i = 0; i < definition->group_count; i++)
        add_group(schema, signal, &definition->groups[i], violations);
}

static void check_polarity(const struct signal_definition *definition,
                           struct violations *violations)
{
    uint64_t position = definition->position;
    if (isnan(definition->positive_from) || isnan(definition->negative_below)) {
        violations_add(violations, position, "write a number", "polarity threshold is no number");
    } else if (definition->positive && definition->negative &&
               definition->positive_from < definition->negative_below) {
        violations_add(violations, position,
                       "give thresholds that do not overlap: POSITIVE FROM 4 NEGATIVE BELOW 2",
                       "signal '%.*s' is positive and negative at once",
                       NAME_ARGUMENTS(definition->name.text));
    }
}

/* The engine counts on what these two mean, so a definition may only say how they are measured. */
static void check_builtin(struct signal *signal, const struct signal_definition *definition,
                          struct violations *violations)
{
    bool hide = signal->id == SIGNAL_HIDE;
    const char *hint = hide ? "it is ON item, UNIQUE PER USER and NEGATIVE"
                            : "it is ON item, neutral, and counts every occurrence";
    bool fits = signal->kind == ENTITY_ITEM && !definition->positive &&
                (hide ? isinf(definition->negative_below) || !definition->negative
                      : !definition->negative && !definition->unique_per_user);
    if (!fits)
        violations_add(violations, definition->name.position, hint,
                       "built-in signal '%.*s' cannot be redefined so",
                       NAME_ARGUMENTS(signal->name));
    signal->unique_per_user = hide;
    signal->negative = hide;
}

/* Profiles were resolved against the signal as it was: resolve them again, and refuse a definition
 * with which one of them would not be right. */
static void recheck_profiles(struct schema *schema, const struct signal_definition *definition,
                             struct violations *violations)
{
    for (size_t i = 0; i < schema->profile_count; i++) {
        struct profile *profile = &schema->profiles[i];
        struct violations found = {.count = 0};
        if (profile->dropped || ranking_check(&profile->ranking, schema, &found)) continue;
        violations_add(
            violations, definition->name.position, "define the signal as the profile needs it",
            "profile '%.*s' version %u does not go with it: %.80s", NAME_ARGUMENTS(profile->name),
            profile->version, found.count > 0 ? found.list[0].message : "");
    }
}

void builder_add_signal(struct schema *schema, const struct signal_definition *definition,
                        struct violations *violations)
{
    const struct signal *replaced = schema_find_signal(schema, definition->name.text);
    struct signal signal = {
        .name = definition->name.text,
        .id = replaced ? replaced->id : (signal_id)schema->signal_count,
        .kind = definition->kind,
        .values = definition->values,
        .unique_per_user = definition->unique_per_user,
        .allow_unknown = definition->allow_unknown,
        .positive = definition->positive,
        .negative = definition->negative,
        .positive_from = definition->positive_from,
        .negative_below = definition->negative_below,
    };
    check_name(schema, &definition->name, violations);
    add_half_lives(&signal, definition, violations);
    add_windows(&signal, definition, violations);
    for (size_t i = 0; i < definition->velocity_count; i++) {
        if (duration_check(&definition->velocities[i], "velocity", violations))
            add_velocity(&signal, &definition->velocities[i], violations);
    }
    add_lateness(&signal, &definition->lateness, violations);
    if (definition->trends) add_trending(&signal, &definition->trending, violations);
    add_populars(&signal, definition, violations);
    add_index_fields(schema, &signal, definition, violations);
    add_groups(schema, &signal, definition, violations);
    if (definition->counts_distinct) add_distinct(&signal, &definition->distinct, violations);
    check_polarity(definition, violations);
    builder_add_quotas(schema, &signal, definition, violations);
    if (signal_is_builtin(signal.id)) check_builtin(&signal, definition, violations);
    if (replaced && !replaced->builtin)
        builder_check_again(replaced, &signal, definition, violations);
    if (violations->count > 0) return;
    schema->signals[signal.id] = signal;
    if (replaced) {
        recheck_profiles(schema, definition, violations);
    } else {
        schema->signal_count++;
    }
}
