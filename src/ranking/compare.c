/* Comparisons, IN and IS MISSING.
 *
 * A field of the item against constants is a set of items, computed once.  Numbers, times and
 * booleans else are columns.  Texts, lists and references have no column: where one of them is
 * chosen by coalesce or if, the comparison moves into the choice,
 *
 *   coalesce(a, b) = c    if(a IS MISSING, b = c, a = c)
 *   if(k, a, b) = c       if(k, a = c, b = c)
 *
 * until there are only fields and constants on both sides.  A list on either side is equal if any
 * of its values is; != is NOT =.  What is compared with a missing value is unknown. */
#include "ranking/program_private.h"

#include "base/text.h"
#include "entities/entities.h"

static bool is_item_field(const struct expression *expression)
{
    return expression->op == EXPRESSION_FIELD && expression->subject == ENTITY_ITEM;
}

static const struct field *field_of(const struct compiler *compiler,
                                    const struct expression *expression)
{
    return &compiler->program->scope.view->schema->fields[expression->field];
}

static bool chooses(const struct expression *expression)
{
    return expression->op == EXPRESSION_CALL &&
           (expression->function == FUNCTION_COALESCE || expression->function == FUNCTION_IF);
}

static bool has_column(const struct expression *expression)
{
    return expression->type == TYPE_NUMBER || expression->type == TYPE_TIMESTAMP ||
           expression->type == TYPE_BOOLEAN;
}

static enum code emit_not(struct compiler *compiler, uint32_t a, uint32_t *at)
{
    return compiler_emit(compiler, &(struct instruction){.op = OP_NOT, .a = a}, at);
}

static enum code emit_constant(struct compiler *compiler, bool truth, bool is_missing, uint32_t *at)
{
    struct instruction instruction = {
        .op = OP_CONSTANT, .number = truth && !is_missing, .is_missing = is_missing};
    return compiler_emit(compiler, &instruction, at);
}

/* --- A field against constants --- */

static enum code new_set(struct compiler *compiler, struct bitset **set)
{
    struct arena *arena = compiler->program->scope.arena;
    *set = arena_allocate(arena, sizeof **set);
    if (!*set) return compiler_no_memory(compiler);
    bitset_init(*set, arena->memory);
    return CODE_OK;
}

static bool to_integer(struct value *value)
{
    if (value->type != VALUE_REFERENCE) return value->type == VALUE_INTEGER;
    entity_id id = value->reference;
    *value = id <= INT64_MAX ? (struct value){.type = VALUE_INTEGER, .integer = (int64_t)id}
                             : (struct value){.type = VALUE_FLOAT, .number = (double)id};
    return true;
}

static bool to_time(struct value *value)
{
    int64_t time_ms = value->integer;
    if (value->type == VALUE_TEXT && !time_parse(value->text, &time_ms)) return false;
    bool ok =
        value->type == VALUE_TIMESTAMP || value->type == VALUE_INTEGER || value->type == VALUE_TEXT;
    *value = (struct value){.type = VALUE_TIMESTAMP, .integer = time_ms};
    return ok;
}

static bool to_reference(struct value *value)
{
    if (value->type == VALUE_INTEGER && value->integer >= 0)
        *value = (struct value){.type = VALUE_REFERENCE, .reference = (entity_id)value->integer};
    return value->type == VALUE_REFERENCE;
}

/* A constant as comparisons of the type take it: an id may be written as a number, a time as text
 * or a number. */
static bool adapt(enum field_type type, struct value *value)
{
    struct value adapted = *value;
    bool ok = false;
    switch (type) {
    case FIELD_KEYWORD:
    case FIELD_KEYWORD_LIST:
    case FIELD_TEXT:
        ok = value->type == VALUE_TEXT;
        break;
    case FIELD_INTEGER:
    case FIELD_FLOAT:
        ok = value->type == VALUE_FLOAT || to_integer(&adapted);
        break;
    case FIELD_TIMESTAMP:
        ok = to_time(&adapted);
        break;
    case FIELD_BOOLEAN:
        ok = value->type == VALUE_BOOLEAN;
        break;
    case FIELD_REFERENCE:
        ok = to_reference(&adapted);
        break;
    }
    if (ok) *value = adapted;
    return ok;
}

/* A list counts as its values, anything else as one. */
static size_t element_count(const struct value *value)
{
    if (value->type == VALUE_TEXT_LIST) return value->list.count;
    return value->type == VALUE_ID_LIST ? value->ids.count : 1;
}

static struct value element(const struct value *value, size_t index)
{
    if (value->type == VALUE_TEXT_LIST)
        return (struct value){.type = VALUE_TEXT, .text = value->list.texts[index]};
    if (value->type != VALUE_ID_LIST) return *value;
    return (struct value){.type = VALUE_REFERENCE, .reference = value->ids.ids[index]};
}

/* One comparison of a field with constants, as it grows. */
struct filter {
    const struct field *field;
    enum entity_comparison comparison;
    struct bitset *matches;
    bool has_missing; /* one of the constants is: what does not match another is unknown */
};

static enum code add_one(struct compiler *compiler, struct filter *filter,
                         const struct expression *constant, struct value value)
{
    const struct entities *entities = compiler->program->scope.view->entities;
    struct bitset found;
    if (!adapt(filter->field->type, &value))
        return compiler_wrong_type(compiler, constant, &value,
                                   field_type_name(filter->field->type));
    bitset_init(&found, filter->matches->memory);
    bool ok = entities_filter(entities, filter->field, filter->comparison, &value, &found) &&
              bitset_or(filter->matches, &found);
    bitset_release(&found);
    return ok ? CODE_OK : compiler_no_memory(compiler);
}

static enum code add_constant(struct compiler *compiler, struct filter *filter,
                              const struct expression *constant)
{
    struct value value;
    enum code code = CODE_OK;
    (void)compiler_constant(compiler, constant, &value);
    if (value.type == VALUE_MISSING) {
        filter->has_missing = true;
        return constant->op == EXPRESSION_PARAMETER ? compiler_unbound(compiler, constant)
                                                    : CODE_OK;
    }
    bool is_list = value.type == VALUE_TEXT_LIST || value.type == VALUE_ID_LIST;
    if (is_list && filter->comparison != COMPARE_EQUAL)
        return compiler_wrong_type(compiler, constant, &value, "a single value");
    for (size_t i = 0; i < element_count(&value); i++)
        TRY(add_one(compiler, filter, constant, element(&value, i)));
out:
    return code;
}

static bool find_unknown(const struct compiler *compiler, const struct filter *filter,
                         struct bitset *unknown)
{
    const struct entities *entities = compiler->program->scope.view->entities;
    if (!filter->has_missing)
        return entities_filter(entities, filter->field, COMPARE_MISSING, NULL, unknown);
    if (!entities_filter_live(entities, ENTITY_ITEM, unknown)) return false;
    bitset_and_not(unknown, filter->matches);
    return true;
}

/* The field compared with each of `constants`, any of which may match. */
static enum code compile_filter(struct compiler *compiler, const struct expression *item,
                                struct expression *const *constants, size_t count,
                                enum entity_comparison comparison, uint32_t *at)
{
    struct instruction instruction = {.op = OP_FILTER};
    struct filter filter = {.field = field_of(compiler, item), .comparison = comparison};
    enum code code;
    TRY(new_set(compiler, &instruction.matches));
    TRY(new_set(compiler, &instruction.unknown));
    filter.matches = instruction.matches;
    for (size_t i = 0; i < count; i++)
        TRY(add_constant(compiler, &filter, constants[i]));
    if (!find_unknown(compiler, &filter, instruction.unknown)) {
        code = compiler_no_memory(compiler);
        goto out;
    }
    code = compiler_emit(compiler, &instruction, at);
out:
    if (code != CODE_OK && instruction.matches) bitset_release(instruction.matches);
    if (code != CODE_OK && instruction.unknown) bitset_release(instruction.unknown);
    return code;
}

/* --- Constants against constants --- */

static bool are_equal(const struct value *a, const struct value *b)
{
    double left, right;
    if (a->type == b->type) return value_equal(a, b);
    return value_number(a, &left) && value_number(b, &right) && left == right;
}

bool values_meet(const struct value *a, const struct value *b)
{
    for (size_t i = 0; i < element_count(a); i++) {
        struct value left = element(a, i);
        for (size_t j = 0; j < element_count(b); j++) {
            struct value right = element(b, j);
            if (are_equal(&left, &right)) return true;
        }
    }
    return false;
}

/* The field type that a value would have. */
static enum field_type field_type_like(const struct expression *expression,
                                       const struct value *value)
{
    if (expression->type == TYPE_TIMESTAMP || value->type == VALUE_TIMESTAMP)
        return FIELD_TIMESTAMP;
    switch (value->type) {
    case VALUE_TEXT:
        return FIELD_KEYWORD;
    case VALUE_BOOLEAN:
        return FIELD_BOOLEAN;
    case VALUE_REFERENCE:
        return FIELD_REFERENCE;
    default:
        return FIELD_FLOAT;
    }
}

/* Is any value of `left` equal to one of `right`? */
static enum code meet(struct compiler *compiler, const struct expression *left,
                      const struct expression *right, bool *equal)
{
    struct value a, b;
    (void)compiler_constant(compiler, left, &a);
    (void)compiler_constant(compiler, right, &b);
    *equal = false;
    for (size_t i = 0; i < element_count(&a); i++) {
        struct value one = element(&a, i);
        enum field_type type = field_type_like(left, &one);
        for (size_t j = 0; j < element_count(&b); j++) {
            struct value other = element(&b, j);
            if (!adapt(type, &other))
                return compiler_wrong_type(compiler, right, &other, field_type_name(type));
            if (!adapt(type, &one))
                return compiler_wrong_type(compiler, left, &one, field_type_name(type));
            *equal = *equal || are_equal(&one, &other);
        }
    }
    return CODE_OK;
}

static enum code fold_equality(struct compiler *compiler, const struct expression *left,
                               const struct expression *right, uint32_t *at)
{
    const struct expression *sides[] = {left, right};
    bool any_missing = false, equal = false;
    enum code code = CODE_OK;
    for (int i = 0; i < 2; i++) {
        struct value value;
        (void)compiler_constant(compiler, sides[i], &value);
        bool is_missing = value.type == VALUE_MISSING;
        if (is_missing && sides[i]->op == EXPRESSION_PARAMETER)
            return compiler_unbound(compiler, sides[i]);
        any_missing = any_missing || is_missing;
    }
    if (!any_missing) TRY(meet(compiler, left, right, &equal));
    code = emit_constant(compiler, equal, any_missing, at);
out:
    return code;
}

/* --- Any two sides --- */

static bool is_constant(struct compiler *compiler, const struct expression *expression)
{
    struct value value;
    return compiler_constant(compiler, expression, &value);
}

static bool all_constant(struct compiler *compiler, struct expression *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!is_constant(compiler, list[i])) return false;
    return true;
}

static enum code compile_equality(struct compiler *compiler, struct expression *left,
                                  struct expression *right, uint32_t *at);

/* `call`, coalesce or if, equals `other`: each of its choices does. */
static enum code distribute(struct compiler *compiler, const struct expression *call,
                            struct expression *other, uint32_t *at)
{
    struct instruction choice = {.op = OP_IF};
    size_t last = call->operand_count - 1;
    enum code code;
    if (call->function == FUNCTION_IF) {
        TRY(compile(compiler, call->operands[0], &choice.a));
        TRY(compile_equality(compiler, call->operands[1], other, &choice.b));
        TRY(compile_equality(compiler, call->operands[2], other, &choice.c));
        return compiler_emit(compiler, &choice, at);
    }
    TRY(compile_equality(compiler, call->operands[last], other, at));
    for (size_t i = last; i-- > 0;) {
        choice.b = *at;
        TRY(compile_missing(compiler, call->operands[i], &choice.a));
        TRY(compile_equality(compiler, call->operands[i], other, &choice.c));
        TRY(compiler_emit(compiler, &choice, at));
    }
out:
    return code;
}

static enum code compile_same(struct compiler *compiler, const struct expression *left,
                              const struct expression *right, uint32_t *at)
{
    struct instruction instruction = {
        .op = OP_SAME, .field = field_of(compiler, left), .other = field_of(compiler, right)};
    return compiler_emit(compiler, &instruction, at);
}

static enum code compile_equality(struct compiler *compiler, struct expression *left,
                                  struct expression *right, uint32_t *at)
{
    bool left_constant = is_constant(compiler, left), right_constant = is_constant(compiler, right);
    if (is_item_field(left) && right_constant)
        return compile_filter(compiler, left, &right, 1, COMPARE_EQUAL, at);
    if (is_item_field(right) && left_constant)
        return compile_filter(compiler, right, &left, 1, COMPARE_EQUAL, at);
    if (left_constant && right_constant) return fold_equality(compiler, left, right, at);
    if (has_column(left)) return compile_two(compiler, OP_EQUAL, left, right, at);
    if (chooses(left)) return distribute(compiler, left, right, at);
    if (chooses(right)) return distribute(compiler, right, left, at);
    return compile_same(compiler, left, right, at);
}

static enum entity_comparison comparison_of(enum expression_op op, bool swapped)
{
    switch (op) {
    case EXPRESSION_LESS:
        return swapped ? COMPARE_GREATER : COMPARE_LESS;
    case EXPRESSION_LESS_EQUAL:
        return swapped ? COMPARE_GREATER_EQUAL : COMPARE_LESS_EQUAL;
    case EXPRESSION_GREATER:
        return swapped ? COMPARE_LESS : COMPARE_GREATER;
    default:
        return swapped ? COMPARE_LESS_EQUAL : COMPARE_GREATER_EQUAL;
    }
}

enum code compile_comparison(struct compiler *compiler, const struct expression *expression,
                             uint32_t *at)
{
    struct expression *left = expression->operands[0], *right = expression->operands[1];
    enum expression_op op = expression->op;
    uint32_t equal;
    enum code code;
    if (op == EXPRESSION_EQUAL) return compile_equality(compiler, left, right, at);
    if (op == EXPRESSION_NOT_EQUAL) {
        TRY(compile_equality(compiler, left, right, &equal));
        return emit_not(compiler, equal, at);
    }
    if (is_item_field(left) && is_constant(compiler, right))
        return compile_filter(compiler, left, &right, 1, comparison_of(op, false), at);
    if (is_item_field(right) && is_constant(compiler, left))
        return compile_filter(compiler, right, &left, 1, comparison_of(op, true), at);
    bool swapped = op == EXPRESSION_GREATER || op == EXPRESSION_GREATER_EQUAL;
    bool strict = op == EXPRESSION_LESS || op == EXPRESSION_GREATER;
    code = compile_two(compiler, strict ? OP_LESS : OP_LESS_EQUAL, swapped ? right : left,
                       swapped ? left : right, at);
out:
    return code;
}

/* x IN (a, b) is x = a OR x = b. */
enum code compile_in(struct compiler *compiler, const struct expression *expression, uint32_t *at)
{
    struct expression *const *list = expression->operands + 1;
    size_t count = expression->operand_count - 1;
    struct expression *subject = expression->operands[0];
    enum code code;
    if (is_item_field(subject) && all_constant(compiler, list, count))
        return compile_filter(compiler, subject, list, count, COMPARE_EQUAL, at);
    TRY(compile_equality(compiler, subject, list[0], at));
    for (size_t i = 1; i < count; i++) {
        struct instruction either = {.op = OP_OR, .a = *at};
        TRY(compile_equality(compiler, subject, list[i], &either.b));
        TRY(compiler_emit(compiler, &either, at));
    }
out:
    return code;
}

/* --- IS MISSING --- */

static enum code missing_choice(struct compiler *compiler, const struct expression *call,
                                uint32_t *at)
{
    bool is_if = call->function == FUNCTION_IF;
    struct instruction both = {.op = is_if ? OP_IF : OP_AND};
    enum code code;
    if (is_if) {
        TRY(compile(compiler, call->operands[0], &both.a));
        TRY(compile_missing(compiler, call->operands[1], &both.b));
        TRY(compile_missing(compiler, call->operands[2], &both.c));
        return compiler_emit(compiler, &both, at);
    }
    TRY(compile_missing(compiler, call->operands[0], at));
    for (size_t i = 1; i < call->operand_count; i++) {
        both.a = *at;
        TRY(compile_missing(compiler, call->operands[i], &both.b));
        TRY(compiler_emit(compiler, &both, at));
    }
out:
    return code;
}

enum code compile_missing(struct compiler *compiler, const struct expression *operand, uint32_t *at)
{
    struct instruction asks = {.op = OP_IS_MISSING};
    struct value value;
    enum code code;
    if (compiler_constant(compiler, operand, &value)) {
        bool is_missing = value.type == VALUE_MISSING;
        if (is_missing && operand->op == EXPRESSION_PARAMETER)
            return compiler_unbound(compiler, operand);
        return emit_constant(compiler, is_missing, false, at);
    }
    if (is_item_field(operand)) {
        TRY(compile_filter(compiler, operand, NULL, 0, COMPARE_EQUAL, &asks.a));
        return compiler_emit(compiler, &asks, at);
    }
    if (chooses(operand)) return missing_choice(compiler, operand, at);
    code = compile_one(compiler, OP_IS_MISSING, operand, at);
out:
    return code;
}
