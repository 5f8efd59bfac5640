/* The type checker: one walk over the tree, from the leaves up.
 *
 * A node that fails returns false and its parent makes no claim of its own, so that one mistake is
 * reported once; its siblings are still visited, so that all mistakes are. */
#include "schema/expression_check.h"

#include "base/text.h"
#include "schema/names.h"

#include <assert.h>
#include <stdio.h>

int spelling_bytes(const struct expression *expression)
{
    return name_printed_bytes(expression->text);
}

struct interval expression_interval(const struct expression *expression)
{
    return (struct interval){expression->low, expression->high};
}

void expression_set_number(struct expression *expression, struct interval interval)
{
    expression->type = TYPE_NUMBER;
    expression->low = interval.low;
    expression->high = interval.high;
}

static bool operands_can_be_missing(const struct expression *expression)
{
    for (size_t i = 0; i < expression->operand_count; i++) {
        if (expression->operands[i]->can_be_missing) return true;
    }
    return false;
}

static enum expression_type type_of_field(enum field_type type)
{
    switch (type) {
    case FIELD_KEYWORD:
    case FIELD_TEXT:
        return TYPE_TEXT;
    case FIELD_KEYWORD_LIST:
        return TYPE_TEXT_LIST;
    case FIELD_INTEGER:
    case FIELD_FLOAT:
        return TYPE_NUMBER;
    case FIELD_BOOLEAN:
        return TYPE_BOOLEAN;
    case FIELD_TIMESTAMP:
        return TYPE_TIMESTAMP;
    case FIELD_REFERENCE:
        return TYPE_REFERENCE;
    }
    assert(false && "a field has no such type");
    return TYPE_ANY;
}

static void set_field_type(struct expression *expression, enum field_type type)
{
    if (type == FIELD_INTEGER || type == FIELD_FLOAT)
        expression_set_number(expression, interval_all());
    expression->type = type_of_field(type);
    expression->can_be_missing = true;
}

static bool visit_literal(struct expression *expression)
{
    const struct value *value = &expression->value;
    switch (value->type) {
    case VALUE_MISSING:
        expression->type = TYPE_ANY;
        expression->can_be_missing = true;
        break;
    case VALUE_BOOLEAN:
        expression->type = TYPE_BOOLEAN;
        break;
    case VALUE_INTEGER:
        expression_set_number(expression,
                              interval_of((double)value->integer, (double)value->integer));
        break;
    case VALUE_FLOAT:
        expression_set_number(expression, interval_of(value->number, value->number));
        break;
    case VALUE_TIMESTAMP:
        expression->type = TYPE_TIMESTAMP;
        break;
    case VALUE_DURATION:
        expression->type = TYPE_DURATION;
        break;
    case VALUE_TEXT:
        expression->type = TYPE_TEXT;
        break;
    case VALUE_TEXT_LIST:
        expression->type = TYPE_TEXT_LIST;
        break;
    case VALUE_REFERENCE:
    case VALUE_ID_LIST:
        expression->type = TYPE_REFERENCE;
        break;
    case VALUE_VECTOR:
        expression->type = TYPE_VECTOR;
        break;
    }
    return true;
}

static bool unknown_name(struct checker *checker, const struct expression *expression,
                         enum entity_kind kind)
{
    char hint[HINT_BYTES];
    struct slice name = expression->name;
    if (schema_find_signal(checker->schema, name)) {
        snprintf(hint, sizeof hint, "'%.*s' is a signal: use count(%.*s)", NAME_ARGUMENTS(name),
                 NAME_ARGUMENTS(name));
    } else if (schema_find_context(checker->schema, name)) {
        snprintf(hint, sizeof hint, "write context.%.*s", NAME_ARGUMENTS(name));
    } else {
        name_hint(checker->schema, DEFINE_FIELD, kind, name,
                  "define it first; a text stands in single quotes: 'jazz'", hint);
    }
    violations_add(checker->violations, expression->position, hint, "%s has no field '%.*s'",
                   entity_kind_name(kind), NAME_ARGUMENTS(name));
    return false;
}

static bool visit_field(struct checker *checker, struct expression *expression)
{
    enum entity_kind kind = expression->subject;
    if (kind == ENTITY_CREATOR) {
        violations_add(checker->violations, expression->position,
                       "only fields of item and user can be used", "'%.*s' is a field of a creator",
                       NAME_ARGUMENTS(expression->name));
        return false;
    }
    const struct field *field = schema_find_field(checker->schema, kind, expression->name);
    if (!field) return unknown_name(checker, expression, kind);
    expression->field = field->id;
    set_field_type(expression, field->type);
    return true;
}

static bool visit_context(struct checker *checker, struct expression *expression)
{
    const struct context *context = schema_find_context(checker->schema, expression->name);
    if (!context) {
        char hint[HINT_BYTES];
        name_hint(checker->schema, DEFINE_CONTEXT, ENTITY_ITEM, expression->name,
                  "define it with DEFINE CONTEXT", hint);
        violations_add(checker->violations, expression->position, hint,
                       "context '%.*s' does not exist", NAME_ARGUMENTS(expression->name));
        return false;
    }
    expression->field = context->id;
    set_field_type(expression, context->type);
    return true;
}

/* A text or a whole number that the user wrote where a time or an entity is wanted. */
static bool coerce_literal(struct expression *expression, enum expression_type type)
{
    struct value *value = &expression->value;
    if (expression->op != EXPRESSION_LITERAL) return false;
    if (type == TYPE_TIMESTAMP && value->type == VALUE_TEXT) {
        int64_t time_ms;
        if (!time_parse(value->text, &time_ms)) return false;
        *value = (struct value){.type = VALUE_TIMESTAMP, .integer = time_ms};
    } else if (type == TYPE_TIMESTAMP && value->type == VALUE_INTEGER) {
        value->type = VALUE_TIMESTAMP;
    } else if (type == TYPE_REFERENCE && value->type == VALUE_INTEGER && value->integer >= 0) {
        *value = (struct value){.type = VALUE_REFERENCE, .reference = (uint64_t)value->integer};
    } else {
        return false;
    }
    expression->type = type;
    return true;
}

static const char *conversion_hint(const struct expression *expression, enum expression_type wanted)
{
    if (wanted == TYPE_NUMBER && expression->type == TYPE_BOOLEAN)
        return "write if(condition, 1, 0)";
    if (wanted == TYPE_NUMBER && expression->type == TYPE_TIMESTAMP)
        return "write age(item.field), which is in hours, or freshness(item.field, 24h)";
    if (wanted == TYPE_NUMBER && expression->type == TYPE_DURATION)
        return "write the number of hours";
    if (wanted == TYPE_BOOLEAN && expression->type == TYPE_NUMBER) return "compare it: x > 0";
    if (wanted == TYPE_TIMESTAMP && expression->type == TYPE_TEXT)
        return "write a time as '2026-11-01T10:00:00Z'";
    if (wanted == TYPE_TEXT) return "write a text in single quotes";
    if (wanted == TYPE_NUMBER) return "write a number";
    return NULL;
}

/* What nothing had given a type takes this one, with all that it chooses between. */
static void adopt(struct expression *expression, enum expression_type type)
{
    if (expression->type != TYPE_ANY) return;
    if (type == TYPE_NUMBER) expression_set_number(expression, interval_all());
    expression->type = type;
    if (expression->op != EXPRESSION_CALL) return;
    for (size_t i = 0; i < expression->operand_count; i++)
        adopt(expression->operands[i], type);
}

bool checker_demand(struct checker *checker, struct expression *expression,
                    enum expression_type type, const char *by)
{
    if (expression->type == type || type == TYPE_ANY) return true;
    if (expression->type == TYPE_ANY) {
        adopt(expression, type);
        return true;
    }
    if (coerce_literal(expression, type)) return true;
    violations_add(checker->violations, expression->position, conversion_hint(expression, type),
                   "%s takes a %s, but '%.*s' is a %s", by, expression_type_name(type),
                   SPELLING(expression), expression_type_name(expression->type));
    return false;
}

bool checker_visit_as(struct checker *checker, struct expression *expression,
                      enum expression_type type, const char *by)
{
    return checker_visit(checker, expression) && checker_demand(checker, expression, type, by);
}

static bool visit_operands_as(struct checker *checker, struct expression *expression,
                              enum expression_type type, const char *by)
{
    bool ok = true;
    for (size_t i = 0; i < expression->operand_count; i++)
        ok &= checker_visit_as(checker, expression->operands[i], type, by);
    return ok;
}

static const char *operator_spelling(enum expression_op op)
{
    switch (op) {
    case EXPRESSION_NEGATE:
    case EXPRESSION_SUBTRACT:
        return "'-'";
    case EXPRESSION_ADD:
        return "'+'";
    case EXPRESSION_MULTIPLY:
        return "'*'";
    case EXPRESSION_DIVIDE:
        return "'/'";
    case EXPRESSION_NOT:
        return "NOT";
    case EXPRESSION_AND:
        return "AND";
    case EXPRESSION_OR:
        return "OR";
    case EXPRESSION_IN:
        return "IN";
    default:
        return "comparison";
    }
}

static bool visit_division(struct checker *checker, struct expression *expression)
{
    const struct expression *divisor = expression->operands[1];
    struct interval bounds = expression_interval(divisor);
    if (interval_has_zero(bounds)) {
        violations_add(checker->violations, divisor->position,
                       "guard it: x / (1 + y), x / max(y, 0.001)",
                       "division by '%.*s', which can be 0", SPELLING(divisor));
        return false;
    }
    expression_set_number(expression,
                          interval_divide(expression_interval(expression->operands[0]), bounds));
    return true;
}

static bool visit_arithmetic(struct checker *checker, struct expression *expression)
{
    if (!visit_operands_as(checker, expression, TYPE_NUMBER, operator_spelling(expression->op)))
        return false;
    expression->can_be_missing = operands_can_be_missing(expression);
    struct interval a = expression_interval(expression->operands[0]);
    if (expression->op == EXPRESSION_NEGATE) {
        expression_set_number(expression, interval_negate(a));
        return true;
    }
    struct interval b = expression_interval(expression->operands[1]);
    switch (expression->op) {
    case EXPRESSION_ADD:
        expression_set_number(expression, interval_add(a, b));
        break;
    case EXPRESSION_SUBTRACT:
        expression_set_number(expression, interval_add(a, interval_negate(b)));
        break;
    case EXPRESSION_MULTIPLY:
        expression_set_number(expression, interval_multiply(a, b));
        break;
    default:
        return visit_division(checker, expression);
    }
    return true;
}

static bool has_equality(enum expression_type type)
{
    return type == TYPE_NUMBER || type == TYPE_BOOLEAN || type == TYPE_TEXT ||
           type == TYPE_TIMESTAMP || type == TYPE_REFERENCE || type == TYPE_ANY;
}

static bool has_order(enum expression_type type)
{
    return type == TYPE_NUMBER || type == TYPE_TIMESTAMP || type == TYPE_ANY;
}

/* Makes `b` of the type that is compared with `a`: a list is compared value by value. */
static bool match(struct checker *checker, struct expression *a, struct expression *b)
{
    enum expression_type type = a->type == TYPE_TEXT_LIST ? TYPE_TEXT : a->type;
    if (type == TYPE_TEXT && b->type == TYPE_TEXT_LIST) return true;
    if (b->type == type || b->type == TYPE_ANY || coerce_literal(b, type))
        return checker_demand(checker, b, type, "comparison");
    const char *hint = conversion_hint(b, type);
    violations_add(checker->violations, b->position, hint, "%s '%.*s' is compared with %s '%.*s'",
                   expression_type_name(a->type), SPELLING(a), expression_type_name(b->type),
                   SPELLING(b));
    return false;
}

/* The side that says what is compared: a literal or parameter follows the other. */
static bool leads(const struct expression *a, const struct expression *b)
{
    if (a->type == TYPE_ANY) return b->type == TYPE_ANY;
    if (b->type == TYPE_TEXT_LIST) return a->type == TYPE_TEXT_LIST;
    return a->op != EXPRESSION_LITERAL || b->op == EXPRESSION_LITERAL || b->type == TYPE_ANY;
}

static bool visit_comparison(struct checker *checker, struct expression *expression)
{
    struct expression *a = expression->operands[0], *b = expression->operands[1];
    bool equality = expression->op == EXPRESSION_EQUAL || expression->op == EXPRESSION_NOT_EQUAL;
    bool ok = checker_visit(checker, a);
    ok &= checker_visit(checker, b);
    if (!ok) return false;
    struct expression *leader = leads(a, b) ? a : b;
    if (!match(checker, leader, leader == a ? b : a)) return false;
    enum expression_type type = leader->type;
    if (equality ? !(has_equality(type) || type == TYPE_TEXT_LIST) : !has_order(type)) {
        violations_add(checker->violations, expression->position,
                       has_equality(type) || type == TYPE_TEXT_LIST ? "use =, != or IN" : NULL,
                       "%s '%.*s' cannot be compared%s", expression_type_name(type),
                       SPELLING(leader), equality ? "" : " by order");
        return false;
    }
    expression->type = TYPE_BOOLEAN;
    expression->can_be_missing = operands_can_be_missing(expression);
    return true;
}

static bool visit_in(struct checker *checker, struct expression *expression)
{
    struct expression *subject = expression->operands[0];
    bool ok = true;
    for (size_t i = 0; i < expression->operand_count; i++)
        ok &= checker_visit(checker, expression->operands[i]);
    if (!ok) return false;
    if (expression->operand_count < 2) {
        violations_add(checker->violations, expression->position, "write IN ('a', 'b')",
                       "IN has no values");
        return false;
    }
    if (!has_equality(subject->type) && subject->type != TYPE_TEXT_LIST) {
        violations_add(checker->violations, subject->position, NULL,
                       "%s '%.*s' cannot be looked for with IN",
                       expression_type_name(subject->type), SPELLING(subject));
        return false;
    }
    for (size_t i = 1; i < expression->operand_count && subject->type == TYPE_ANY; i++)
        ok &= checker_demand(checker, subject, expression->operands[i]->type, "IN");
    for (size_t i = 1; i < expression->operand_count; i++)
        ok &= match(checker, subject, expression->operands[i]);
    expression->type = TYPE_BOOLEAN;
    expression->can_be_missing = operands_can_be_missing(expression);
    return ok;
}

static bool visit_logic(struct checker *checker, struct expression *expression)
{
    if (!visit_operands_as(checker, expression, TYPE_BOOLEAN, operator_spelling(expression->op)))
        return false;
    expression->type = TYPE_BOOLEAN;
    expression->can_be_missing = operands_can_be_missing(expression);
    return true;
}

static bool visit_is_missing(struct checker *checker, struct expression *expression)
{
    struct expression *operand = expression->operands[0];
    if (!checker_visit(checker, operand)) return false;
    if (operand->type == TYPE_SUBJECT) {
        violations_add(checker->violations, operand->position, "name one of its fields",
                       "'%.*s' is an entity, not a value", SPELLING(operand));
        return false;
    }
    expression->type = TYPE_BOOLEAN;
    return true;
}

bool checker_visit(struct checker *checker, struct expression *expression)
{
    expression->low = expression->high = 0;
    expression->can_be_missing = false;
    switch (expression->op) {
    case EXPRESSION_LITERAL:
        return visit_literal(expression);
    case EXPRESSION_PARAMETER:
        expression->type = TYPE_ANY;
        return true;
    case EXPRESSION_SUBJECT:
        expression->type = TYPE_SUBJECT;
        return true;
    case EXPRESSION_NAME:
        /* Where a value is wanted a bare name is a field of the item. */
        expression->op = EXPRESSION_FIELD;
        expression->subject = ENTITY_ITEM;
        return visit_field(checker, expression);
    case EXPRESSION_FIELD:
        return visit_field(checker, expression);
    case EXPRESSION_CONTEXT:
        return visit_context(checker, expression);
    case EXPRESSION_CALL:
        return checker_visit_call(checker, expression);
    case EXPRESSION_NEGATE:
    case EXPRESSION_ADD:
    case EXPRESSION_SUBTRACT:
    case EXPRESSION_MULTIPLY:
    case EXPRESSION_DIVIDE:
        return visit_arithmetic(checker, expression);
    case EXPRESSION_EQUAL:
    case EXPRESSION_NOT_EQUAL:
    case EXPRESSION_LESS:
    case EXPRESSION_LESS_EQUAL:
    case EXPRESSION_GREATER:
    case EXPRESSION_GREATER_EQUAL:
        return visit_comparison(checker, expression);
    case EXPRESSION_NOT:
    case EXPRESSION_AND:
    case EXPRESSION_OR:
        return visit_logic(checker, expression);
    case EXPRESSION_IN:
        return visit_in(checker, expression);
    case EXPRESSION_IS_MISSING:
        return visit_is_missing(checker, expression);
    }
    assert(false && "an expression has no such operation");
    return false;
}

bool expression_check(struct expression *expression, const struct schema *schema,
                      enum expression_type wanted, struct violations *violations)
{
    struct checker checker = {.schema = schema, .violations = violations};
    return checker_visit_as(&checker, expression, wanted, "this place");
}
