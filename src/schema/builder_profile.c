#include "schema/builder.h"
#include "schema/names.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>

/* Far enough below the type's end that there is always a next version. */
static const int64_t version_maximum = 1000000000;

/* Where an item refers to a creator, an edge to the creator leads on to the item. */
static bool items_refer_to(const struct schema *schema, enum entity_kind kind)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        if (field->kind == ENTITY_ITEM && field->type == FIELD_REFERENCE &&
            field->references == kind && !field->dropped)
            return true;
    }
    return false;
}

bool relation_check_user(const struct schema *schema, const struct relation *relation,
                         uint64_t position, struct violations *violations)
{
    if (relation->from != ENTITY_USER) {
        violations_add(violations, position, "use a relation FROM user",
                       "relation '%.*s' begins at %s, not at user", NAME_ARGUMENTS(relation->name),
                       entity_kind_name(relation->from));
        return false;
    }
    if (relation->to != ENTITY_ITEM && !items_refer_to(schema, relation->to)) {
        char hint[HINT_BYTES];
        const char *kind = entity_kind_name(relation->to);
        snprintf(hint, sizeof hint, "DEFINE FIELD %s ON item REFERENCES %s", kind, kind);
        violations_add(violations, position, hint,
                       "relation '%.*s' leads to %s, and no field of item refers to one",
                       NAME_ARGUMENTS(relation->name), kind);
        return false;
    }
    return true;
}

/* NULL unless it is a signal on items. */
static const struct signal *check_item_signal(const struct name *name, const struct schema *schema,
                                              struct violations *violations)
{
    const struct signal *signal = schema_find_signal(schema, name->text);
    if (!signal) {
        char hint[HINT_BYTES];
        name_hint(schema, DEFINE_SIGNAL, ENTITY_ITEM, name->text, "define it with DEFINE SIGNAL",
                  hint);
        violations_add(violations, name->position, hint, "signal '%.*s' does not exist",
                       NAME_ARGUMENTS(name->text));
        return NULL;
    }
    if (signal->kind != ENTITY_ITEM) {
        violations_add(violations, name->position, "use a signal ON item",
                       "signal '%.*s' is about %s, and items are ranked",
                       NAME_ARGUMENTS(signal->name), entity_kind_name(signal->kind));
        return NULL;
    }
    return signal;
}

static const struct signal *check_source_signal(struct source_definition *source,
                                                const struct schema *schema,
                                                struct violations *violations)
{
    const struct signal *signal = check_item_signal(&source->signal, schema, violations);
    if (signal) source->signal_id = signal->id;
    return signal;
}

/* genre = 'jazz': of a field for whose values the source's index is kept. */
static void check_source_value(struct source_definition *source, const struct schema *schema,
                               const struct signal *signal, struct violations *violations)
{
    char hint[HINT_BYTES];
    if (source->field.text.bytes == 0) return;
    bool is_text =
        source->value->op == EXPRESSION_PARAMETER ||
        (source->value->op == EXPRESSION_LITERAL && source->value->value.type == VALUE_TEXT);
    if (!is_text)
        violations_add(violations, source->value->position, "write a text or a parameter",
                       "a source has one value of '%.*s'", NAME_ARGUMENTS(source->field.text));
    const struct field *field = schema_find_field(schema, ENTITY_ITEM, source->field.text);
    if (!field) {
        name_hint(schema, DEFINE_FIELD, ENTITY_ITEM, source->field.text, "define it first", hint);
        violations_add(violations, source->field.position, hint, "item has no field '%.*s'",
                       NAME_ARGUMENTS(source->field.text));
        return;
    }
    for (uint32_t i = 0; source->held && i < signal->index_field_count; i++) {
        if (signal->index_fields[i] != field->id) continue;
        source->index_field = (uint8_t)i;
        return;
    }
    violations_add(violations, source->field.position,
                   "filter with WHERE, or define the signal with an index PER field",
                   "there is no index of it PER '%.*s'", NAME_ARGUMENTS(source->field.text));
}

static void check_trending(struct source_definition *source, const struct schema *schema,
                           struct violations *violations)
{
    char hint[HINT_BYTES], text[DURATION_TEXT_BYTES];
    const struct signal *signal = check_source_signal(source, schema, violations);
    bool trends = signal && signal->trending_half_life_ms > 0;
    source->held = false;
    if (!signal) return;
    if (isnan(source->window.milliseconds)) {
        if (!trends)
            violations_add(violations, source->signal.position,
                           "name a window, trending(view, 1h), or define it with TRENDING",
                           "signal '%.*s' is not defined with TRENDING",
                           NAME_ARGUMENTS(signal->name));
        source->held = trends;
        source->window_index = signal->trending_window;
        check_source_value(source, schema, signal, violations);
        return;
    }
    if (!duration_check(&source->window, "window", violations)) return;
    for (uint32_t i = 0; i < signal->velocity_count; i++) {
        if (signal->window_ms[signal->velocity_window[i]] != (int64_t)source->window.milliseconds)
            continue;
        source->window_index = signal->velocity_window[i];
        source->held = trends && source->window_index == signal->trending_window;
        check_source_value(source, schema, signal, violations);
        return;
    }
    duration_format((int64_t)source->window.milliseconds, text);
    snprintf(hint, sizeof hint, "define the signal with VELOCITY %s", text);
    violations_add(violations, source->window.position, hint, "signal '%.*s' has no velocity of %s",
                   NAME_ARGUMENTS(signal->name), text);
}

static void check_popular(struct source_definition *source, const struct schema *schema,
                          struct violations *violations)
{
    char hint[HINT_BYTES], text[DURATION_TEXT_BYTES];
    const struct signal *signal = check_source_signal(source, schema, violations);
    source->held = false;
    if (!signal || !duration_check(&source->window, "half-life", violations)) return;
    for (uint32_t i = 0; i < signal->half_life_count; i++) {
        if (signal->half_life_ms[i] != (int64_t)source->window.milliseconds) continue;
        source->window_index = (uint8_t)i;
        for (uint32_t j = 0; j < signal->popular_count; j++)
            source->held = source->held || signal->popular_slots[j] == i;
        check_source_value(source, schema, signal, violations);
        return;
    }
    duration_format((int64_t)source->window.milliseconds, text);
    snprintf(hint, sizeof hint, "define the signal with HALF LIFE %s", text);
    violations_add(violations, source->window.position, hint,
                   "signal '%.*s' has no half-life of %s", NAME_ARGUMENTS(signal->name), text);
}

static void check_related(struct source_definition *source, const struct schema *schema,
                          struct violations *violations)
{
    const struct relation *relation = schema_find_relation(schema, source->relation.text);
    if (!relation) {
        char hint[HINT_BYTES];
        name_hint(schema, DEFINE_RELATION, ENTITY_ITEM, source->relation.text,
                  "define it with DEFINE RELATION", hint);
        violations_add(violations, source->relation.position, hint,
                       "relation '%.*s' does not exist", NAME_ARGUMENTS(source->relation.text));
        return;
    }
    if (relation->to != source->other) {
        char hint[HINT_BYTES];
        snprintf(hint, sizeof hint, "write related(user %.*s %s)", NAME_ARGUMENTS(relation->name),
                 entity_kind_name(relation->to));
        violations_add(violations, source->relation.position, hint,
                       "relation '%.*s' leads to %s, not to %s", NAME_ARGUMENTS(relation->name),
                       entity_kind_name(relation->to), entity_kind_name(source->other));
        return;
    }
    if (relation_check_user(schema, relation, source->relation.position, violations))
        source->relation_id = relation->id;
}

static const int64_t recent_maximum = 64; /* of what is kept of a user */

bool seeds_check(struct seed_items *seeds, const struct schema *schema,
                 struct violations *violations)
{
    char hint[HINT_BYTES];
    seeds->signal_id = ID_NONE;
    if (seeds->of_item) return true;
    if (seeds->count < 1 || seeds->count > recent_maximum) {
        violations_add(violations, seeds->position, "use 1 to 64", "recent cannot give %lld items",
                       (long long)seeds->count);
        return false;
    }
    if (seeds->signal.text.bytes == 0) return true;
    const struct signal *signal = check_item_signal(&seeds->signal, schema, violations);
    if (!signal) return false;
    if (!signal->positive || !signal->unique_per_user) {
        snprintf(hint, sizeof hint, "write user.recent(%lld): by any positive signal",
                 (long long)seeds->count);
        violations_add(violations, seeds->signal.position, hint,
                       "signal '%.*s' is not UNIQUE PER USER and POSITIVE: who said it last is not "
                       "kept",
                       NAME_ARGUMENTS(signal->name));
        return false;
    }
    seeds->signal_id = signal->id;
    return true;
}

static void check_source(struct source_definition *source, const struct schema *schema,
                         struct violations *violations)
{
    if (source->limit != -1 && (source->limit < 1 || source->limit > LIMIT_CANDIDATES))
        violations_add(violations, source->position, "use 1 to 10000",
                       "a source cannot give %lld candidates", (long long)source->limit);
    if (source->kind == SOURCE_TRENDING) check_trending(source, schema, violations);
    if (source->kind == SOURCE_POPULAR) check_popular(source, schema, violations);
    if (source->kind == SOURCE_RELATED) check_related(source, schema, violations);
    if (source->kind == SOURCE_COENGAGED) (void)seeds_check(&source->seeds, schema, violations);
}

static void check_gate(const struct gate_definition *gate, struct violations *violations)
{
    switch (gate->kind) {
    case GATE_SEEN:
        if (isnan(gate->age.milliseconds)) {
            violations_add(violations, gate->position, "write seen(7d)", "seen has no age");
        } else {
            (void)duration_check(&gate->age, "age of seen", violations);
        }
        break;
    case GATE_SERVED:
        if (isnan(gate->age.milliseconds)) {
            violations_add(violations, gate->position, "write served(10m)", "served has no age");
        } else if (duration_check(&gate->age, "age of served", violations) &&
                   gate->age.milliseconds > SERVED_AGE_MAXIMUM_MS) {
            violations_add(violations, gate->age.position, "use seen(7d) for what was seen",
                           "served reaches back at most 24h");
        }
        break;
    case GATE_BLOCKED:
    case GATE_HIDDEN:
        break;
    }
}

static void check_cap(struct cap_definition *cap, const struct schema *schema,
                      struct violations *violations)
{
    if (cap->maximum < 1)
        violations_add(violations, cap->position, "write max 1 or more",
                       "a cap of %lld lets nothing through", (long long)cap->maximum);
    const struct field *field = schema_find_field(schema, ENTITY_ITEM, cap->field.text);
    if (!field) {
        char hint[HINT_BYTES];
        name_hint(schema, DEFINE_FIELD, ENTITY_ITEM, cap->field.text, "define it first", hint);
        violations_add(violations, cap->field.position, hint, "item has no field '%.*s'",
                       NAME_ARGUMENTS(cap->field.text));
        return;
    }
    if (field->type != FIELD_KEYWORD && field->type != FIELD_KEYWORD_LIST &&
        field->type != FIELD_REFERENCE) {
        violations_add(violations, cap->field.position, "use a keyword, keyword[] or reference",
                       "a cap cannot be put on '%.*s', of type %s", NAME_ARGUMENTS(field->name),
                       field_type_name(field->type));
        return;
    }
    cap->field_id = field->id;
}

static void check_factor(struct expression *factor, const struct schema *schema,
                         struct violations *violations)
{
    if (!expression_check(factor, schema, TYPE_NUMBER, violations)) return;
    if (factor->low < 0)
        violations_add(violations, factor->position, "guard it: max(x, 0)",
                       "TIMES of '%.*s', which can be negative", NAME_ARGUMENTS(factor->text));
}

/* False if there are too many to look at each. */
static bool check_counts(const struct ranking_definition *ranking, struct violations *violations)
{
    const struct {
        size_t count, limit;
        const char *what;
    } limits[] = {
        {ranking->source_count, LIMIT_SOURCES, "sources"},
        {ranking->term_count, LIMIT_TERMS, "terms of SCORE"},
        {ranking->factor_count, LIMIT_FACTORS, "factors of TIMES"},
        {ranking->gate_count, LIMIT_GATES, "gates"},
        {ranking->cap_count, LIMIT_CAPS, "caps"},
    };
    bool ok = true;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        if (limits[i].count <= limits[i].limit) continue;
        violations_add(violations, 0, "leave some out", "a ranking has at most %zu %s",
                       limits[i].limit, limits[i].what);
        ok = false;
    }
    return ok;
}

bool ranking_check(struct ranking_definition *ranking, const struct schema *schema,
                   struct violations *violations)
{
    size_t before = violations->count;
    if (!check_counts(ranking, violations)) return false;
    bool ok = true;
    for (size_t i = 0; i < ranking->source_count; i++)
        check_source(&ranking->sources[i], schema, violations);
    for (size_t i = 0; i < ranking->term_count; i++)
        ok &= expression_check(ranking->terms[i], schema, TYPE_NUMBER, violations);
    for (size_t i = 0; i < ranking->factor_count; i++)
        check_factor(ranking->factors[i], schema, violations);
    for (size_t i = 0; i < ranking->gate_count; i++)
        check_gate(&ranking->gates[i], violations);
    for (size_t i = 0; i < ranking->cap_count; i++)
        check_cap(&ranking->caps[i], schema, violations);
    return ok && violations->count == before;
}

/* Of those that are there, or were: slates may name them. */
static uint32_t next_version(const struct schema *schema, struct slice name)
{
    uint32_t newest = 0;
    for (size_t i = 0; i < schema->profile_count; i++) {
        const struct profile *profile = &schema->profiles[i];
        if (profile->version > newest && profile_was_named(schema, i, name))
            newest = profile->version;
    }
    return newest + 1;
}

static const struct profile *find_version(const struct schema *schema, struct slice name,
                                          int64_t version)
{
    for (size_t i = 0; i < schema->profile_count; i++) {
        const struct profile *profile = &schema->profiles[i];
        if ((int64_t)profile->version == version && profile_was_named(schema, i, name))
            return profile;
    }
    return NULL;
}

static void check_version(const struct schema *schema, const struct profile_definition *definition,
                          struct violations *violations)
{
    const struct name *name = &definition->name;
    const struct profile *taken = find_version(schema, name->text, definition->version);
    bool stands = taken && !taken->dropped && slice_equal(taken->name, name->text);
    if (definition->version == -1) return;
    if (definition->version < 1 || definition->version > version_maximum) {
        violations_add(violations, name->position, "count versions from 1, or leave VERSION out",
                       "profile '%.*s' cannot have version %lld", NAME_ARGUMENTS(name->text),
                       (long long)definition->version);
    } else if (taken) {
        violations_add(violations, name->position,
                       "a version never changes: leave VERSION out to make the next one",
                       "version %lld of profile '%.*s' %s", (long long)definition->version,
                       NAME_ARGUMENTS(name->text),
                       stands ? "already exists" : "was there, and is not given again");
    }
}

void builder_add_profile(struct schema *schema, const struct profile_definition *definition,
                         struct slice text, struct violations *violations)
{
    struct profile profile = {
        .name = definition->name.text, .text = text, .ranking = definition->ranking};
    if (name_check(&definition->name, "profile", violations))
        check_version(schema, definition, violations);
    const struct builder_limit limit = {
        .kind = DEFINE_PROFILE, .what = "versions of profiles", .live = LIMIT_PROFILES};
    builder_check_count(schema, &limit, definition->name.position, violations);
    if (!ranking_check(&profile.ranking, schema, violations) || violations->count > 0) return;
    profile.version = definition->version == -1 ? next_version(schema, profile.name)
                                                : (uint32_t)definition->version;
    schema->profiles[schema->profile_count++] = profile;
}
