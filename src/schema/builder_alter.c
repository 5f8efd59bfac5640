/* DROP and RENAME.
 *
 * A DROP leaves a mark where the thing was, so that its id is not given again: what the log and the
 * store say of it can be told from what they say of another of the same name.  It is refused while
 * a definition mentions the thing, or a profile would not be right without it.
 *
 * A RENAME changes names alone: of the thing, and in the text of each definition that mentions it,
 * with which the parsed parts of profiles come to lie elsewhere (copy.h). */
#include "schema/builder.h"
#include "schema/copy.h"
#include "schema/mentions.h"
#include "schema/names.h"

#include <stdio.h>
#include <string.h>

/* What a DROP or RENAME is about. */
struct target {
    enum definition_kind kind;
    uint32_t id; /* as in a mention */
    const struct alteration *alteration;
};

/* --- What it is about --- */

static bool find_profile(const struct schema *schema, const struct alteration *alteration,
                         uint32_t *id)
{
    bool one = alteration->version != -1;
    if (one && (alteration->version < 1 || alteration->version > UINT32_MAX)) return false;
    const struct profile *profile =
        schema_find_profile(schema, alteration->name.text, one ? (uint32_t)alteration->version : 0);
    if (profile) *id = (uint32_t)(profile - schema->profiles);
    return profile;
}

static bool find_exposure(const struct schema *schema, const struct alteration *alteration,
                          uint32_t *id)
{
    const struct field *field = schema_find_field(schema, alteration->kind, alteration->name.text);
    if (field) *id = field->id;
    return field && field->exposure_half_life_ms > 0;
}

/* False: there is none. */
static bool find(const struct schema *schema, const struct definition *definition, uint32_t *id)
{
    const struct alteration *alteration = &definition->alteration;
    struct slice name = alteration->name.text;
    const struct field *field;
    const struct embedding *embedding;
    const struct signal *signal;
    const struct relation *relation;
    const struct context *context;
    switch (definition->kind) {
    case DEFINE_FIELD:
        field = schema_find_field(schema, alteration->kind, name);
        if (field) *id = field->id;
        return field;
    case DEFINE_EMBEDDING:
        embedding = schema_find_embedding(schema, alteration->kind, name);
        if (embedding) *id = embedding->id;
        return embedding;
    case DEFINE_SIGNAL:
        signal = schema_find_signal(schema, name);
        if (signal) *id = signal->id;
        return signal;
    case DEFINE_RELATION:
        relation = schema_find_relation(schema, name);
        if (relation) *id = relation->id;
        return relation;
    case DEFINE_CONTEXT:
        context = schema_find_context(schema, name);
        if (context) *id = context->id;
        return context;
    case DEFINE_EXPOSURE:
        return find_exposure(schema, alteration, id);
    case DEFINE_PROFILE:
        return find_profile(schema, alteration, id);
    }
    return false;
}

struct dropped schema_find_dropped(const struct schema *schema, const struct definition *drop)
{
    uint32_t id = ID_NONE;
    struct dropped dropped = {drop->kind, ID_NONE};
    if (drop->kind != DEFINE_PROFILE && find(schema, drop, &id)) dropped.id = (uint16_t)id;
    return dropped;
}

static void refuse_unknown(const struct schema *schema, const struct definition *definition,
                           struct violations *violations)
{
    const struct alteration *alteration = &definition->alteration;
    const struct name *name = &alteration->name;
    char hint[HINT_BYTES] = "SHOW SCHEMA lists what there is";
    bool by_field = definition->kind == DEFINE_EXPOSURE;
    if (!by_field || !schema_find_field(schema, alteration->kind, name->text))
        name_hint(schema, by_field ? DEFINE_FIELD : definition->kind, alteration->kind, name->text,
                  "SHOW SCHEMA lists what there is", hint);
    if (by_field) {
        violations_add(violations, name->position, hint,
                       "no exposure is kept by field '%.*s' of %s", NAME_ARGUMENTS(name->text),
                       entity_kind_name(alteration->kind));
    } else if (definition->kind == DEFINE_FIELD || definition->kind == DEFINE_EMBEDDING) {
        violations_add(violations, name->position, hint, "%s '%.*s' of %s does not exist",
                       definition_kind_name(definition->kind), NAME_ARGUMENTS(name->text),
                       entity_kind_name(alteration->kind));
    } else if (alteration->version != -1 && schema_find_profile(schema, name->text, 0)) {
        violations_add(violations, name->position, "SHOW PROFILES lists them",
                       "profile '%.*s' has no version %lld", NAME_ARGUMENTS(name->text),
                       (long long)alteration->version);
    } else {
        violations_add(violations, name->position, hint, "%s '%.*s' does not exist",
                       definition_kind_name(definition->kind), NAME_ARGUMENTS(name->text));
    }
}

/* Both look for the thing, which is not to be a built-in one. */
static bool find_target(const struct schema *schema, const struct definition *definition,
                        const char *what, struct target *target, struct violations *violations)
{
    const struct name *name = &definition->alteration.name;
    *target = (struct target){definition->kind, 0, &definition->alteration};
    if (!find(schema, definition, &target->id)) {
        refuse_unknown(schema, definition, violations);
        return false;
    }
    if (target->kind != DEFINE_SIGNAL || !signal_is_builtin((signal_id)target->id)) return true;
    violations_add(violations, name->position, "the database counts on it",
                   "built-in signal '%.*s' cannot be %s", NAME_ARGUMENTS(name->text), what);
    return false;
}

/* --- DROP --- */

/* Of a DROP PROFILE without a version: does it go with the one that was found? */
static bool is_target(const struct schema *schema, const struct target *target,
                      enum definition_kind kind, uint32_t id)
{
    if (kind != target->kind) return false;
    if (kind != DEFINE_PROFILE || target->alteration->version != -1) return id == target->id;
    return !schema->profiles[id].dropped &&
           slice_equal(schema->profiles[id].name, target->alteration->name.text);
}

/* "profile 'for_you' version 3" and "DROP PROFILE for_you VERSION 3" */
struct dependent {
    char what[128];
    char drop[128];
};

static void describe(const struct schema *schema, const struct defined *defined,
                     struct dependent *dependent)
{
    size_t what_bytes = sizeof dependent->what, drop_bytes = sizeof dependent->drop;
    if (defined->kind == DEFINE_PROFILE) {
        const struct profile *profile = &schema->profiles[defined->id];
        snprintf(dependent->what, what_bytes, "profile '%.*s' version %u",
                 NAME_ARGUMENTS(profile->name), profile->version);
        snprintf(dependent->drop, drop_bytes, "DROP PROFILE %.*s VERSION %u",
                 NAME_ARGUMENTS(profile->name), profile->version);
    } else if (defined->kind == DEFINE_EXPOSURE) {
        const struct field *field = &schema->fields[defined->id];
        snprintf(dependent->what, what_bytes, "the exposure by '%.*s'",
                 NAME_ARGUMENTS(field->name));
        snprintf(dependent->drop, drop_bytes, "DROP EXPOSURE ON %s.%.*s",
                 entity_kind_name(field->kind), NAME_ARGUMENTS(field->name));
    } else { /* nothing else mentions others */
        const struct signal *signal = &schema->signals[defined->id];
        snprintf(dependent->what, what_bytes, "signal '%.*s'", NAME_ARGUMENTS(signal->name));
        snprintf(dependent->drop, drop_bytes, "DROP SIGNAL %.*s", NAME_ARGUMENTS(signal->name));
    }
}

/* The first one's hint says all that is to be done, as far as it has room. */
struct refusals {
    const struct target *target;
    struct violations *violations;
    char hint[HINT_BYTES];
    size_t hint_bytes;
};

static void refuse(struct refusals *refusals, const struct dependent *dependent, const char *why)
{
    const struct name *name = &refusals->target->alteration->name;
    size_t used = refusals->hint_bytes, bytes = strlen(dependent->drop);
    violations_add(refusals->violations, name->position, dependent->drop,
                   "%s '%.*s' is needed by %s%s%s", definition_kind_name(refusals->target->kind),
                   NAME_ARGUMENTS(name->text), dependent->what, why[0] ? ": " : "", why);
    if (used + bytes + sizeof ", ..." + sizeof "first " > sizeof refusals->hint) {
        if (used > 0 && refusals->hint[used - 1] != '.')
            refusals->hint_bytes +=
                (size_t)snprintf(refusals->hint + used, sizeof refusals->hint - used, ", ...");
        return;
    }
    refusals->hint_bytes += (size_t)snprintf(refusals->hint + used, sizeof refusals->hint - used,
                                             "%s%s", used > 0 ? ", " : "first ", dependent->drop);
}

/* What names it: profiles, or all else. */
static void refuse_mentions(const struct schema *schema, bool profiles, struct refusals *refusals)
{
    const struct target *target = refusals->target;
    for (size_t i = 0; i < schema->definition_count; i++) {
        const struct defined *defined = &schema->definitions[i];
        struct dependent dependent;
        if ((defined->kind == DEFINE_PROFILE) != profiles) continue;
        if (is_target(schema, target, defined->kind, defined->id)) continue;
        if (!mentions_has(defined, target->kind, target->id)) continue;
        describe(schema, defined, &dependent);
        refuse(refusals, &dependent, "");
    }
}

/* Profiles that do without its name and yet not without it: one with `related` needs a field that
 * refers to creators, say. */
static void refuse_profiles(struct schema *schema, struct refusals *refusals)
{
    const struct target *target = refusals->target;
    for (size_t i = 0; i < schema->definition_count; i++) {
        const struct defined *defined = &schema->definitions[i];
        struct violations found = {.count = 0};
        struct dependent dependent;
        if (defined->kind != DEFINE_PROFILE || mentions_has(defined, target->kind, target->id))
            continue;
        if (is_target(schema, target, DEFINE_PROFILE, defined->id)) continue;
        if (ranking_check(&schema->profiles[defined->id].ranking, schema, &found)) continue;
        describe(schema, defined, &dependent);
        refuse(refusals, &dependent, found.count > 0 ? found.list[0].message : "");
    }
}

/* Leaves a mark where it was. */
static void mark_dropped(struct schema *schema, enum definition_kind kind, uint32_t id)
{
    switch (kind) {
    case DEFINE_FIELD: {
        struct field *field = &schema->fields[id];
        *field = (struct field){.name = field->name,
                                .id = field->id,
                                .kind = field->kind,
                                .type = field->type,
                                .references = field->references,
                                .dropped = true};
        break;
    }
    case DEFINE_EMBEDDING:
        schema->embeddings[id].dropped = true;
        break;
    case DEFINE_SIGNAL: {
        struct signal *signal = &schema->signals[id];
        *signal = (struct signal){
            .name = signal->name, .id = signal->id, .kind = signal->kind, .dropped = true};
        break;
    }
    case DEFINE_RELATION:
        schema->relations[id].excluding = false;
        schema->relations[id].dropped = true;
        break;
    case DEFINE_CONTEXT:
        schema->contexts[id].dropped = true;
        break;
    case DEFINE_EXPOSURE:
        schema->fields[id].exposure_half_life_ms = 0;
        break;
    case DEFINE_PROFILE: {
        struct profile *profile = &schema->profiles[id];
        *profile =
            (struct profile){.name = profile->name, .version = profile->version, .dropped = true};
        break;
    }
    }
}

void builder_drop(struct schema *schema, const struct definition *definition,
                  struct violations *violations)
{
    struct target target;
    if (!find_target(schema, definition, "dropped", &target, violations)) return;
    struct refusals refusals = {.target = &target, .violations = violations};
    refuse_mentions(schema, true, &refusals);
    size_t kept = 0, count = schema->definition_count;
    for (size_t i = 0; i < count; i++) {
        struct defined defined = schema->definitions[i];
        if (is_target(schema, &target, defined.kind, defined.id)) {
            mark_dropped(schema, defined.kind, defined.id);
        } else {
            schema->definitions[kept++] = defined;
        }
    }
    schema->definition_count = kept;
    if (target.kind != DEFINE_PROFILE) refuse_profiles(schema, &refusals);
    refuse_mentions(schema, false, &refusals); /* last: profiles may need these too */
    if (violations->count > 1)
        snprintf(violations->list[0].hint, sizeof violations->list[0].hint, "%s", refusals.hint);
}

/* --- RENAME --- */

/* A profile's version under a name that it, or another, has had: slates may name that. */
static bool name_was_used(const struct schema *schema, struct slice name, uint32_t version)
{
    for (size_t i = 0; i < schema->profile_count; i++)
        if (schema->profiles[i].version == version && profile_was_named(schema, i, name))
            return true;
    return false;
}

static void check_profile_name(const struct schema *schema, const struct target *target,
                               struct violations *violations)
{
    const struct name *to = &target->alteration->to;
    if (schema_find_profile(schema, to->text, 0)) {
        violations_add(violations, to->position, "choose another name",
                       "profile '%.*s' is already defined", NAME_ARGUMENTS(to->text));
        return;
    }
    for (size_t i = 0; i < schema->profile_count; i++) {
        const struct profile *profile = &schema->profiles[i];
        if (!is_target(schema, target, DEFINE_PROFILE, (uint32_t)i)) continue;
        if (!name_was_used(schema, to->text, profile->version)) continue;
        violations_add(violations, to->position, "choose another name: recorded slates may name it",
                       "there was a version %u of a profile '%.*s'", profile->version,
                       NAME_ARGUMENTS(to->text));
    }
}

static void check_new_name(const struct schema *schema, const struct target *target,
                           struct violations *violations)
{
    const struct name *to = &target->alteration->to;
    const char *what = definition_kind_name(target->kind);
    bool taken = false;
    if (!name_check(to, what, violations)) return;
    if (target->kind == DEFINE_FIELD || target->kind == DEFINE_EMBEDDING) {
        builder_check_unused(schema, target->alteration->kind, to, violations);
    } else if (target->kind == DEFINE_PROFILE) {
        check_profile_name(schema, target, violations);
    } else if (target->kind == DEFINE_SIGNAL) {
        taken = schema_find_signal(schema, to->text);
    } else if (target->kind == DEFINE_RELATION) {
        taken = schema_find_relation(schema, to->text);
    } else {
        taken = schema_find_context(schema, to->text);
    }
    if (taken)
        violations_add(violations, to->position, "choose another name",
                       "%s '%.*s' is already defined", what, NAME_ARGUMENTS(to->text));
}

/* The name of the thing itself; of a profile, of one of its versions. */
static struct slice *name_of(struct schema *schema, enum definition_kind kind, uint32_t id)
{
    switch (kind) {
    case DEFINE_FIELD:
        return &schema->fields[id].name;
    case DEFINE_EMBEDDING:
        return &schema->embeddings[id].name;
    case DEFINE_SIGNAL:
        return &schema->signals[id].name;
    case DEFINE_RELATION:
        return &schema->relations[id].name;
    case DEFINE_CONTEXT:
        return &schema->contexts[id].name;
    case DEFINE_PROFILE:
    case DEFINE_EXPOSURE: /* has no name of its own */
        break;
    }
    return &schema->profiles[id].name;
}

/* Writes the new name into the text of a definition wherever it mentions the thing. */
static bool rewrite(struct schema *schema, struct defined *defined, const struct target *target)
{
    struct slice to = target->alteration->to.text;
    struct edit *edits = arena_array(schema->arena, defined->mention_count, sizeof *edits);
    size_t edit_count = 0;
    if (!edits) return defined->mention_count == 0;
    for (size_t i = 0; i < defined->mention_count; i++) {
        const struct mention *mention = &defined->mentions[i];
        if (mention->bytes > 0 && is_target(schema, target, mention->kind, mention->id))
            edits[edit_count++] = (struct edit){mention->offset, mention->bytes};
    }
    if (edit_count == 0) return true;
    struct copier copier;
    copier_init_edited(&copier, schema->arena, defined->text, edits, edit_count, to);
    if (copier.failed) return false;
    if (defined->kind == DEFINE_PROFILE) {
        struct profile *profile = &schema->profiles[defined->id];
        struct ranking_definition ranking = profile->ranking;
        copy_ranking(&copier, &ranking, &profile->ranking);
        profile->text = copier.to;
    }
    defined->text = copier.to;
    for (size_t i = 0; i < defined->mention_count; i++) {
        struct mention *mention = &defined->mentions[i];
        size_t end = copier_end(&copier, mention->offset + mention->bytes);
        mention->offset = copier_start(&copier, mention->offset);
        mention->bytes = end - mention->offset;
    }
    return !copier.failed;
}

bool builder_rename(struct schema *schema, const struct definition *definition,
                    struct violations *violations)
{
    struct target target;
    if (!find_target(schema, definition, "renamed", &target, violations)) return true;
    check_new_name(schema, &target, violations);
    if (violations->count > 0) return true;
    /* All texts while the things still have the name that says which are meant. */
    for (size_t i = 0; i < schema->definition_count; i++)
        if (!rewrite(schema, &schema->definitions[i], &target)) return false;
    struct copier copier;
    copier_init(&copier, schema->arena, slice_of("", 0));
    schema->former_names = copy_array(&copier, schema->former_names, schema->former_name_count,
                                      schema->profile_count + 1, sizeof *schema->former_names);
    if (copier.failed) return false;
    for (size_t i = 0; i < schema->definition_count; i++) {
        const struct defined *defined = &schema->definitions[i];
        if (!is_target(schema, &target, defined->kind, defined->id)) continue;
        struct slice *name = name_of(schema, defined->kind, defined->id);
        schema->former_names[schema->former_name_count++] =
            (struct former_name){defined->kind, defined->id, *name};
        *name = target.alteration->to.text;
    }
    return true;
}
