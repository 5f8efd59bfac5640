/* DEFINE EXPOSURE: of which fields it is kept how much of each value a user was shown. */
#include "schema/builder.h"

#include "schema/names.h"

#define EXPOSURE_HALF_LIFE_MINIMUM_MS 60000

bool field_names_topics(const struct field *field)
{
    return field->kind == ENTITY_ITEM &&
           (field->type == FIELD_KEYWORD || field->type == FIELD_KEYWORD_LIST ||
            field->type == FIELD_REFERENCE);
}

static struct field *find_field(struct schema *schema, const struct exposure_definition *definition,
                                struct violations *violations)
{
    const struct name *name = &definition->field;
    const struct field *found = schema_find_field(schema, definition->kind, name->text);
    if (!found) {
        char hint[HINT_BYTES];
        name_hint(schema, DEFINE_FIELD, definition->kind, name->text, "define it first", hint);
        violations_add(violations, name->position, hint, "%s has no field '%.*s'",
                       entity_kind_name(definition->kind), NAME_ARGUMENTS(name->text));
        return NULL;
    }
    if (found->kind != ENTITY_ITEM) {
        violations_add(violations, name->position, "use a field of item",
                       "'%.*s' is a field of %s, and items are shown", NAME_ARGUMENTS(name->text),
                       entity_kind_name(found->kind));
        return NULL;
    }
    if (!field_names_topics(found)) {
        violations_add(violations, name->position, "use a keyword, keyword[] or reference",
                       "exposure cannot be kept for '%.*s', of type %s", NAME_ARGUMENTS(name->text),
                       field_type_name(found->type));
        return NULL;
    }
    return &schema->fields[found->id];
}

void builder_add_exposure(struct schema *schema, const struct exposure_definition *definition,
                          struct violations *violations)
{
    const struct duration *half_life = &definition->half_life;
    uint64_t position = definition->field.position;
    size_t kept = 0;
    for (size_t i = 0; i < schema->field_count; i++)
        kept += schema->fields[i].exposure_half_life_ms > 0;
    struct field *field = find_field(schema, definition, violations);
    if (field && field->exposure_half_life_ms > 0)
        violations_add(violations, position, "a definition stays as it is",
                       "exposure of '%.*s' is already defined", NAME_ARGUMENTS(field->name));
    if (kept >= LIMIT_EXPOSURES)
        violations_add(violations, position, "the limit is fixed", "there are already %d exposures",
                       LIMIT_EXPOSURES);
    if (duration_check(half_life, "half-life of EXPOSURE", violations) &&
        half_life->milliseconds < EXPOSURE_HALF_LIFE_MINIMUM_MS)
        violations_add(violations, half_life->position, "use 1m to 366d, best 1h to 24h",
                       "half-life of EXPOSURE is too short");
    if (field && violations->count == 0)
        field->exposure_half_life_ms = (int64_t)half_life->milliseconds;
}
