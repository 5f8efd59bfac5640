#include "query/source_group.h"

#include "entities/entities.h"

/* MISSING unless it is a literal or a parameter. */
static struct value constant(const struct expression *expression, const struct scope *scope)
{
    if (expression->op == EXPRESSION_LITERAL) return expression->value;
    if (expression->op == EXPRESSION_PARAMETER)
        return scope->parameter(scope->parameter_context, expression->name);
    return (struct value){.type = VALUE_MISSING};
}

enum code source_group_check(const struct source_definition *source, const struct scope *scope,
                             struct error *error)
{
    if (source->field.text.bytes == 0) return CODE_OK;
    struct value value = constant(source->value, scope);
    struct slice name = source->value->name;
    if (value.type == VALUE_TEXT) return CODE_OK;
    if (value.type == VALUE_MISSING) {
        error_set(error, CODE_INVALID, AREA_QUERY, "parameter '$%.*s' has no value",
                  (int)name.bytes, (const char *)name.data);
        error_hint(error, "bind it before the statement runs (tidal DIR --param NAME=VALUE)");
    } else {
        error_set(error, CODE_INVALID, AREA_QUERY, "parameter '$%.*s' is no text", (int)name.bytes,
                  (const char *)name.data);
        error_hint(error, "bind one text: a source reads one value's index");
    }
    error_at(error, source->value->position);
    return CODE_INVALID;
}

static bool set_group(const struct signal *signal, uint32_t field, struct slice text,
                      const struct scope *scope, struct index_group *group)
{
    const struct view *view = scope->view;
    const struct field *indexed = &view->schema->fields[signal->index_fields[field]];
    *group = (struct index_group){field, entities_code(view->entities, indexed, text)};
    return true;
}

/* genre = 'jazz', 'jazz' = genre, genre IN ('jazz') */
static bool demands_value(const struct expression *comparison, const struct signal *signal,
                          const struct scope *scope, struct index_group *group)
{
    bool fits = (comparison->op == EXPRESSION_EQUAL || comparison->op == EXPRESSION_IN) &&
                comparison->operand_count == 2;
    for (size_t side = 0; fits && side < 2; side++) {
        const struct expression *field = comparison->operands[side];
        struct value value = constant(comparison->operands[1 - side], scope);
        if (field->op != EXPRESSION_FIELD || field->subject != ENTITY_ITEM) continue;
        if (value.type != VALUE_TEXT) continue;
        for (uint32_t i = 0; i < signal->index_field_count; i++)
            if (signal->index_fields[i] == field->field)
                return set_group(signal, i, value.text, scope, group);
    }
    return false;
}

bool source_group_find(const struct source_definition *source, const struct scope *scope,
                       const struct expression *where, struct index_group *group)
{
    const struct signal *signal = &scope->view->schema->signals[source->signal_id];
    if (source->field.text.bytes > 0)
        return set_group(signal, source->index_field, constant(source->value, scope).text, scope,
                         group);
    if (!where) return false;
    if (where->op != EXPRESSION_AND) return demands_value(where, signal, scope, group);
    for (size_t i = 0; i < where->operand_count; i++)
        if (demands_value(where->operands[i], signal, scope, group)) return true;
    return false;
}
