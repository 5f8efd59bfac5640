/* Definitions by their kinds; relations and contexts. */
#include "schema/builder.h"

#include "schema/mentions.h"
#include "schema/names.h"

static void add_relation(struct schema *schema, const struct relation_definition *definition,
                         struct violations *violations)
{
    const struct name *name = &definition->name;
    if (name_check(name, "relation", violations) && schema_find_relation(schema, name->text))
        violations_add(violations, name->position, "choose another name",
                       "relation '%.*s' is already defined", NAME_ARGUMENTS(name->text));
    const struct builder_limit limit = {DEFINE_RELATION, "relations", LIMIT_RELATIONS,
                                        schema->relation_count, LIMIT_RELATION_IDS};
    builder_check_count(schema, &limit, name->position, violations);
    if (definition->excluding && definition->from != ENTITY_USER)
        violations_add(violations, name->position, "define it FROM user",
                       "excluding relation '%.*s' begins at %s, but only users exclude",
                       NAME_ARGUMENTS(name->text), entity_kind_name(definition->from));
    if (violations->count > 0) return;
    schema->relations[schema->relation_count] = (struct relation){
        .name = name->text,
        .id = (relation_id)schema->relation_count,
        .from = definition->from,
        .to = definition->to,
        .excluding = definition->excluding,
    };
    schema->relation_count++;
}

static bool context_type_allowed(enum field_type type)
{
    return type == FIELD_KEYWORD || type == FIELD_INTEGER || type == FIELD_FLOAT ||
           type == FIELD_BOOLEAN || type == FIELD_TIMESTAMP;
}

static void add_context(struct schema *schema, const struct context_definition *definition,
                        struct violations *violations)
{
    const struct name *name = &definition->name;
    if (name_check(name, "context", violations) && schema_find_context(schema, name->text))
        violations_add(violations, name->position, "choose another name",
                       "context '%.*s' is already defined", NAME_ARGUMENTS(name->text));
    const struct builder_limit limit = {DEFINE_CONTEXT, "contexts", LIMIT_CONTEXTS,
                                        schema->context_count, LIMIT_CONTEXT_IDS};
    builder_check_count(schema, &limit, name->position, violations);
    if (!context_type_allowed(definition->type))
        violations_add(violations, name->position,
                       "use keyword, integer, float, boolean or timestamp",
                       "context '%.*s' cannot be a %s", NAME_ARGUMENTS(name->text),
                       field_type_name(definition->type));
    if (violations->count > 0) return;
    schema->contexts[schema->context_count] = (struct context){
        .name = name->text, .id = (uint16_t)schema->context_count, .type = definition->type};
    schema->context_count++;
}

static void add(struct schema *schema, const struct definition *definition,
                struct violations *violations)
{
    switch (definition->kind) {
    case DEFINE_FIELD:
        builder_add_field(schema, &definition->field, violations);
        break;
    case DEFINE_EMBEDDING:
        builder_add_embedding(schema, &definition->embedding, violations);
        break;
    case DEFINE_SIGNAL:
        builder_add_signal(schema, &definition->signal, violations);
        break;
    case DEFINE_RELATION:
        add_relation(schema, &definition->relation, violations);
        break;
    case DEFINE_CONTEXT:
        add_context(schema, &definition->context, violations);
        break;
    case DEFINE_EXPOSURE:
        builder_add_exposure(schema, &definition->exposure, violations);
        break;
    case DEFINE_PROFILE:
        builder_add_profile(schema, &definition->profile, definition->text, violations);
        break;
    }
}

bool builder_follow(struct schema *schema, const struct definition *definition,
                    struct slice written, struct violations *violations)
{
    if (definition->action != DEFINITION_ADD) schema->altered = true;
    if (definition->action == DEFINITION_RENAME)
        return builder_rename(schema, definition, violations);
    if (definition->action == DEFINITION_DROP) {
        builder_drop(schema, definition, violations);
        return true;
    }
    add(schema, definition, violations);
    return violations->count > 0 || mentions_note(schema, definition, written);
}
