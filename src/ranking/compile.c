/* Compiling: a checked tree becomes instructions in the order of evaluation.  What does not depend
 * on the item is computed here. */
#include "ranking/program_private.h"

#include "base/text.h"
#include "entities/entities.h"

enum code compiler_no_memory(struct compiler *compiler)
{
    error_set(compiler->error, CODE_NO_MEMORY, AREA_RANKING,
              "the statement needs more memory than it may have");
    error_hint(compiler->error, "shorten its expressions, or raise memory_limit_bytes");
    return CODE_NO_MEMORY;
}

/* --- Constants --- */

static struct value user_field(struct compiler *compiler, const struct expression *expression)
{
    const struct scope *scope = &compiler->program->scope;
    const struct field *field = &scope->view->schema->fields[expression->field];
    size_t capacity = field->type == FIELD_KEYWORD_LIST ? LIMIT_LIST_VALUES : 0;
    struct slice *space = NULL;
    struct value missing = {.type = VALUE_MISSING};
    if (scope->user == ORDINAL_NONE) return missing;
    if (capacity > 0) {
        space = arena_array(scope->arena, capacity, sizeof *space);
        compiler->no_memory = compiler->no_memory || !space;
        if (!space) return missing;
    }
    return entities_value(scope->view->entities, field, scope->user, space, capacity);
}

static void negate(struct value *value)
{
    if (value->type == VALUE_INTEGER && value->integer == INT64_MIN) {
        *value = (struct value){.type = VALUE_FLOAT, .number = 0x1p63};
    } else if (value->type == VALUE_INTEGER) {
        value->integer = -value->integer;
    } else if (value->type == VALUE_FLOAT) {
        value->number = -value->number;
    } else if (value->type == VALUE_REFERENCE) {
        *value = (struct value){.type = VALUE_FLOAT, .number = -(double)value->reference};
    }
}

bool compiler_constant(struct compiler *compiler, const struct expression *expression,
                       struct value *value)
{
    const struct scope *scope = &compiler->program->scope;
    *value = (struct value){.type = VALUE_MISSING};
    switch (expression->op) {
    case EXPRESSION_LITERAL:
        *value = expression->value;
        return true;
    case EXPRESSION_PARAMETER:
        if (scope->parameter) *value = scope->parameter(scope->parameter_context, expression->name);
        return true;
    case EXPRESSION_CONTEXT:
        if (scope->contexts) *value = scope->contexts[expression->field];
        return true;
    case EXPRESSION_FIELD:
        if (expression->subject != ENTITY_USER) return false;
        *value = user_field(compiler, expression);
        return true;
    case EXPRESSION_NEGATE:
        /* Of a parameter without a value the parameter speaks. */
        if (!compiler_constant(compiler, expression->operands[0], value)) return false;
        negate(value);
        return value->type != VALUE_MISSING;
    default:
        return false;
    }
}

bool value_number(const struct value *value, double *number)
{
    switch (value->type) {
    case VALUE_INTEGER:
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
        *number = (double)value->integer;
        return true;
    case VALUE_FLOAT:
        *number = value->number;
        return true;
    case VALUE_BOOLEAN:
        *number = value->boolean;
        return true;
    case VALUE_REFERENCE: /* an id where a number is wanted is a whole number */
        *number = (double)value->reference;
        return true;
    default:
        *number = 0;
        return value->type == VALUE_MISSING;
    }
}

/* --- Instructions --- */

static enum code too_long(struct compiler *compiler)
{
    error_set(compiler->error, CODE_LIMIT, AREA_RANKING, "the expression has more than %d steps",
              PROGRAM_INSTRUCTIONS_MAXIMUM);
    error_hint(compiler->error, "write IN with a list, bound as one parameter");
    return CODE_LIMIT;
}

enum code compiler_emit(struct compiler *compiler, const struct instruction *instruction,
                        uint32_t *at)
{
    struct program *program = compiler->program;
    struct arena *arena = program->scope.arena;
    if (program->count == PROGRAM_INSTRUCTIONS_MAXIMUM) return too_long(compiler);
    if (program->count == program->capacity) {
        size_t capacity = program->capacity > 0 ? program->capacity * 2 : 16;
        struct instruction *grown = arena_array(arena, capacity, sizeof *grown);
        if (!grown) return compiler_no_memory(compiler);
        for (size_t i = 0; i < program->count; i++)
            grown[i] = program->instructions[i];
        program->instructions = grown;
        program->capacity = capacity;
    }
    struct instruction *added = &program->instructions[program->count];
    *added = *instruction;
    added->values = arena_array(arena, PROGRAM_BATCH, sizeof *added->values);
    added->missing = arena_array(arena, PROGRAM_BATCH, sizeof *added->missing);
    if (!added->values || !added->missing) return compiler_no_memory(compiler);
    *at = (uint32_t)program->count++;
    return CODE_OK;
}

enum code compiler_unbound(struct compiler *compiler, const struct expression *expression)
{
    error_set(compiler->error, CODE_INVALID, AREA_RANKING, "parameter '$%.*s' has no value",
              (int)expression->name.bytes, (const char *)expression->name.data);
    error_at(compiler->error, expression->position);
    error_hint(compiler->error, "bind it before the statement runs (tidal DIR --param NAME=VALUE)");
    return CODE_INVALID;
}

enum code compiler_wrong_type(struct compiler *compiler, const struct expression *expression,
                              const struct value *value, const char *wanted)
{
    size_t bytes = expression->text.bytes;
    error_set(compiler->error, CODE_INVALID, AREA_RANKING, "'%.*s' is of type %s, wanted is %s",
              (int)(bytes < 64 ? bytes : 64), (const char *)expression->text.data,
              value_type_name(value->type), wanted);
    error_at(compiler->error, expression->position);
    error_hint(compiler->error, "bind or write a value of that type");
    return CODE_INVALID;
}

static enum code compile_constant(struct compiler *compiler, const struct expression *expression,
                                  const struct value *value, uint32_t *at)
{
    struct instruction instruction = {.op = OP_CONSTANT};
    int64_t time_ms;
    instruction.is_missing = value->type == VALUE_MISSING;
    if (instruction.is_missing && expression->op == EXPRESSION_PARAMETER)
        return compiler_unbound(compiler, expression);
    if ((expression->type == TYPE_BOOLEAN) != (value->type == VALUE_BOOLEAN) &&
        !instruction.is_missing && expression->op == EXPRESSION_PARAMETER)
        return compiler_wrong_type(compiler, expression, value,
                                   expression->type == TYPE_BOOLEAN ? "true or false" : "a number");
    bool is_time = expression->type == TYPE_TIMESTAMP && value->type == VALUE_TEXT &&
                   time_parse(value->text, &time_ms);
    if (is_time) {
        instruction.number = (double)time_ms;
    } else if (!value_number(value, &instruction.number)) {
        return compiler_wrong_type(compiler, expression, value,
                                   expression->type == TYPE_TIMESTAMP ? "a time" : "a number");
    }
    return compiler_emit(compiler, &instruction, at);
}

/* --- Operators --- */

enum code compile_two(struct compiler *compiler, enum opcode op, const struct expression *left,
                      const struct expression *right, uint32_t *at)
{
    struct instruction instruction = {.op = op};
    enum code code;
    TRY(compile(compiler, left, &instruction.a));
    TRY(compile(compiler, right, &instruction.b));
    code = compiler_emit(compiler, &instruction, at);
out:
    return code;
}

enum code compile_one(struct compiler *compiler, enum opcode op, const struct expression *operand,
                      uint32_t *at)
{
    struct instruction instruction = {.op = op};
    enum code code;
    TRY(compile(compiler, operand, &instruction.a));
    code = compiler_emit(compiler, &instruction, at);
out:
    return code;
}

enum code compile_operation(struct compiler *compiler, enum opcode op,
                            const struct expression *expression, uint32_t *at)
{
    enum code code;
    if (op < OP_FIRST_OF_TWO) return compile_one(compiler, op, expression->operands[0], at);
    TRY(compile(compiler, expression->operands[0], at));
    for (size_t i = 1; i < expression->operand_count; i++) {
        struct instruction instruction = {.op = op, .a = *at};
        TRY(compile(compiler, expression->operands[i], &instruction.b));
        TRY(compiler_emit(compiler, &instruction, at));
    }
out:
    return code;
}

static enum code compile_field(struct compiler *compiler, const struct expression *expression,
                               uint32_t *at)
{
    const struct schema *schema = compiler->program->scope.view->schema;
    struct instruction instruction = {.op = OP_NUMBER, .field = &schema->fields[expression->field]};
    return compiler_emit(compiler, &instruction, at);
}

static const enum opcode operators[] = {
    [EXPRESSION_NEGATE] = OP_NEGATE,     [EXPRESSION_NOT] = OP_NOT,
    [EXPRESSION_ADD] = OP_ADD,           [EXPRESSION_SUBTRACT] = OP_SUBTRACT,
    [EXPRESSION_MULTIPLY] = OP_MULTIPLY, [EXPRESSION_DIVIDE] = OP_DIVIDE,
    [EXPRESSION_AND] = OP_AND,           [EXPRESSION_OR] = OP_OR,
};

enum code compile(struct compiler *compiler, const struct expression *expression, uint32_t *at)
{
    struct value value;
    if (compiler_constant(compiler, expression, &value))
        return compile_constant(compiler, expression, &value, at);
    switch (expression->op) {
    case EXPRESSION_FIELD:
        return compile_field(compiler, expression, at);
    case EXPRESSION_CALL:
        return compile_call(compiler, expression, at);
    case EXPRESSION_NEGATE:
    case EXPRESSION_NOT:
    case EXPRESSION_ADD:
    case EXPRESSION_SUBTRACT:
    case EXPRESSION_MULTIPLY:
    case EXPRESSION_DIVIDE:
    case EXPRESSION_AND:
    case EXPRESSION_OR:
        return compile_operation(compiler, operators[expression->op], expression, at);
    case EXPRESSION_IN:
        return compile_in(compiler, expression, at);
    case EXPRESSION_IS_MISSING:
        return compile_missing(compiler, expression->operands[0], at);
    default:
        return compile_comparison(compiler, expression, at);
    }
}

enum code program_compile(const struct expression *expression, const struct scope *scope,
                          struct program **compiled, struct error *error)
{
    struct program *program = arena_allocate(scope->arena, sizeof *program);
    struct compiler compiler = {.program = program, .error = error};
    uint32_t last;
    *compiled = NULL;
    if (!program) return compiler_no_memory(&compiler);
    program->scope = *scope;
    enum code code = compile(&compiler, expression, &last);
    if (code == CODE_OK && compiler.no_memory) code = compiler_no_memory(&compiler);
    if (code == CODE_OK) {
        *compiled = program;
    } else {
        program_free(program);
    }
    return code;
}
