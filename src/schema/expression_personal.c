/* Functions of the user, or of what the user did. */
#include "schema/expression_calls.h"

#include "schema/builder.h"
#include "schema/names.h"

#include <stdio.h>
#include <string.h>

/* A field of item whose values are topics; NULL: it is none. */
static const struct field *visit_topics(struct checker *checker, struct expression *call)
{
    bool ok = argument_user(checker, call);
    struct expression *argument = call->operands[1];
    const char *by = expression_function_name(call->function);
    if (!argument_is_name(argument)) {
        (void)argument_refuse(checker, argument, by, "a field of item");
        return NULL;
    }
    if (!checker_visit(checker, argument) || !ok) return NULL;
    const struct field *field = &checker->schema->fields[argument->field];
    if (!field_names_topics(field)) {
        violations_add(checker->violations, argument->position,
                       "use a keyword, keyword[] or reference",
                       "%s cannot be kept for '%.*s', of type %s", by, NAME_ARGUMENTS(field->name),
                       field_type_name(field->type));
        return NULL;
    }
    call->field = field->id;
    call->can_be_missing = true;
    return field;
}

bool visit_affinity(struct checker *checker, struct expression *call)
{
    if (!visit_topics(checker, call)) return false;
    expression_set_number(call, interval_of(0, 1));
    return call->operand_count < 3 ||
           argument_positive_duration(checker, call, 2, "half-life of affinity");
}

bool visit_exposure(struct checker *checker, struct expression *call)
{
    const struct field *field = visit_topics(checker, call);
    if (!field) return false;
    expression_set_number(call, interval_from(0));
    if (field->exposure_half_life_ms > 0) return true;
    char hint[HINT_BYTES];
    snprintf(hint, sizeof hint, "DEFINE EXPOSURE ON item.%.*s HALF LIFE 6h",
             NAME_ARGUMENTS(field->name));
    violations_add(checker->violations, call->operands[1]->position, hint,
                   "no exposure is kept by '%.*s'", NAME_ARGUMENTS(field->name));
    return false;
}

/* last and since: of what a user says of an item one state is kept. */
bool visit_last(struct checker *checker, struct expression *call)
{
    if (!argument_user(checker, call)) return false;
    const struct signal *signal = argument_signal(checker, call, 1);
    if (!signal) return false;
    if (!signal->unique_per_user) {
        violations_add(checker->violations, call->operands[1]->position,
                       "only what is UNIQUE PER USER has a state",
                       "what a user last said with signal '%.*s' is not kept",
                       NAME_ARGUMENTS(signal->name));
        return false;
    }
    call->signal = signal->id;
    call->can_be_missing = true;
    expression_set_number(call,
                          call->function == FUNCTION_LAST ? interval_all() : interval_from(0));
    return true;
}

bool visit_times_seen(struct checker *checker, struct expression *call)
{
    if (!argument_user(checker, call)) return false;
    call->can_be_missing = call->function == FUNCTION_LAST_SEEN;
    expression_set_number(call, interval_from(0));
    return true;
}

static bool names_kind(const struct expression *expression, enum entity_kind kind)
{
    const char *name = entity_kind_name(kind);
    if (expression->op == EXPRESSION_SUBJECT) return expression->subject == kind;
    return argument_is_name(expression) &&
           slice_equal(expression->name, slice_of(name, strlen(name)));
}

bool visit_related(struct checker *checker, struct expression *call)
{
    struct expression *argument = call->operands[1];
    if (!argument_user(checker, call)) return false;
    if (!argument_is_name(argument))
        return argument_refuse(checker, argument, "related", "the name of a relation");
    const struct relation *relation = schema_find_relation(checker->schema, argument->name);
    if (!relation) {
        char hint[HINT_BYTES];
        name_hint(checker->schema, DEFINE_RELATION, ENTITY_ITEM, argument->name,
                  "define it with DEFINE RELATION", hint);
        violations_add(checker->violations, argument->position, hint,
                       "relation '%.*s' does not exist", NAME_ARGUMENTS(argument->name));
        return false;
    }
    if (!relation_check_user(checker->schema, relation, argument->position, checker->violations))
        return false;
    if (call->operand_count == 3 && !names_kind(call->operands[2], relation->to))
        return argument_refuse(checker, call->operands[2], "related",
                               entity_kind_name(relation->to));
    argument->type = TYPE_NAME;
    argument->relation = call->relation = relation->id;
    call->can_be_missing = true;
    expression_set_number(call, interval_all());
    return true;
}

bool visit_coengagement(struct checker *checker, struct expression *call)
{
    if (!call->seeds || !seeds_check(call->seeds, checker->schema, checker->violations))
        return false;
    call->can_be_missing = true;
    expression_set_number(call,
                          interval_of(0, call->seeds->of_item ? 1 : (double)call->seeds->count));
    return true;
}

bool visit_seen(struct checker *checker, struct expression *call)
{
    if (call->operand_count > 0 && !argument_positive_duration(checker, call, 0, "age of seen"))
        return false;
    call->type = TYPE_BOOLEAN;
    return true;
}
