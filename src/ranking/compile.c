/* Compiling: a checked tree becomes instructions in the order of evaluation.  What does not depend
 * on the item is computed here. */
#include "ranking/program_private.h"

#include "base/text.h"
#include "base/time_window.h"
#include "behaviour/behaviour.h"
#include "entities/entities.h"
#include "ranking/coengaged.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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
    error_hint(compiler->error, "bind it before the statement runs");
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
                      double number, uint32_t *at)
{
    struct instruction instruction = {.op = op, .number = number};
    enum code code;
    TRY(compile(compiler, operand, &instruction.a));
    code = compiler_emit(compiler, &instruction, at);
out:
    return code;
}

/* --- Functions --- */

static enum code compile_related(struct compiler *compiler, const struct expression *call,
                                 uint32_t *at)
{
    const struct schema *schema = compiler->program->scope.view->schema;
    const struct relation *relation = &schema->relations[call->relation];
    struct instruction instruction = {.op = OP_EDGE, .relation = relation->id};
    if (relation->to != ENTITY_ITEM) {
        instruction.field = schema_find_reference(schema, relation->to);
        if (!instruction.field) {
            error_set(compiler->error, CODE_INVALID, AREA_RANKING,
                      "no field of item refers to a %s, so '%.*s' says nothing about items",
                      entity_kind_name(relation->to), (int)call->text.bytes,
                      (const char *)call->text.data);
            error_at(compiler->error, call->position);
            error_hint(compiler->error, "DEFINE FIELD %s ON item REFERENCES %s",
                       entity_kind_name(relation->to), entity_kind_name(relation->to));
            return CODE_INVALID;
        }
    }
    return compiler_emit(compiler, &instruction, at);
}

/* The scores of all that go with the seeds; missing without seeds. */
static enum code compile_coengagement(struct compiler *compiler, const struct expression *call,
                                      uint32_t *at)
{
    const struct scope *scope = &compiler->program->scope;
    struct instruction instruction = {.op = OP_SCORES};
    struct ranked *list;
    ordinal seeds[SEEDS_MAXIMUM];
    size_t count;
    instruction.is_missing = seeds_find(call->seeds, scope, seeds) == 0;
    instruction.weights = arena_allocate(scope->arena, sizeof *instruction.weights);
    if (!instruction.weights) return compiler_no_memory(compiler);
    id_map_init(instruction.weights, scope->arena->memory);
    bool ok = coengaged_gather(call->seeds, scope, &list, &count);
    for (size_t i = 0; ok && i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &list[i].value, sizeof bits);
        ok = id_map_put(instruction.weights, list[i].entity, bits);
    }
    enum code code = ok ? compiler_emit(compiler, &instruction, at) : compiler_no_memory(compiler);
    if (code != CODE_OK) id_map_release(instruction.weights);
    return code;
}

static enum code compile_feature(struct compiler *compiler, const struct expression *call,
                                 enum feature_op op, uint32_t *at)
{
    bool over_all_time =
        op == FEATURE_COUNT || op == FEATURE_SUM || op == FEATURE_MINIMUM || op == FEATURE_MAXIMUM;
    struct instruction instruction = {.op = OP_FEATURE};
    instruction.feature = (struct feature){.op = op,
                                           .signal = call->signal,
                                           .denominator = call->denominator,
                                           .slot = call->slot,
                                           .prior = call->prior > 0 ? call->prior : 0,
                                           .prior_mean = call->prior_mean};
    if (over_all_time && call->operand_count < 2) instruction.feature.slot = WINDOW_ALL;
    return compiler_emit(compiler, &instruction, at);
}

static enum code compile_rate(struct compiler *compiler, const struct expression *call,
                              uint32_t *at)
{
    struct instruction instruction = {.op = OP_YOUNG};
    enum code code;
    if (call->operand_count < 3) return compile_feature(compiler, call, FEATURE_RATE, at);
    instruction.number = (double)call->operands[1]->value.integer;
    TRY(compile_feature(compiler, call, FEATURE_RATE, &instruction.a));
    TRY(compile(compiler, call->operands[2], &instruction.b));
    code = compiler_emit(compiler, &instruction, at);
out:
    return code;
}

/* An exponential kernel of rate lambda reads r - g / lambda of a rate r that grows by g a second,
 * so g = (r_short - r_long) / (1 / lambda_long - 1 / lambda_short). */
static enum code compile_slope(struct compiler *compiler, const struct expression *call,
                               uint32_t *at)
{
    const struct signal *signal = &compiler->program->scope.view->schema->signals[call->signal];
    struct instruction factor = {.op = OP_CONSTANT}, rate = {.op = OP_FEATURE},
                       difference = {.op = OP_SUBTRACT}, product = {.op = OP_MULTIPLY};
    enum code code;
    factor.number = 1 / (1 / signal->lambda[call->long_slot] - 1 / signal->lambda[call->slot]);
    rate.feature = (struct feature){.op = FEATURE_RATE, .signal = call->signal, .slot = call->slot};
    TRY(compiler_emit(compiler, &rate, &difference.a));
    rate.feature.slot = call->long_slot;
    TRY(compiler_emit(compiler, &rate, &difference.b));
    TRY(compiler_emit(compiler, &difference, &product.a));
    TRY(compiler_emit(compiler, &factor, &product.b));
    code = compiler_emit(compiler, &product, at);
out:
    return code;
}

static enum code compile_unique(struct compiler *compiler, const struct expression *call,
                                uint32_t *at)
{
    struct instruction instruction = {.op = OP_UNIQUE, .number = (double)call->window_ms};
    instruction.feature.signal = call->signal;
    return compiler_emit(compiler, &instruction, at);
}

static enum code compile_seen(struct compiler *compiler, const struct expression *call,
                              uint32_t *at)
{
    struct instruction instruction = {.op = OP_SEEN, .after_ms = INT64_MIN};
    if (call->operand_count > 0)
        instruction.after_ms =
            window_after_ms(compiler->program->scope.now_ms, call->operands[0]->value.integer);
    return compiler_emit(compiler, &instruction, at);
}

/* min, max, coalesce, AND, OR: two at a time, from the left. */
static enum code compile_many(struct compiler *compiler, enum opcode op,
                              const struct expression *call, uint32_t *at)
{
    enum code code;
    TRY(compile(compiler, call->operands[0], at));
    for (size_t i = 1; i < call->operand_count; i++) {
        struct instruction instruction = {.op = op, .a = *at};
        TRY(compile(compiler, call->operands[i], &instruction.b));
        TRY(compiler_emit(compiler, &instruction, at));
    }
out:
    return code;
}

/* clamp(x, low, high) = min(max(x, low), high) */
static enum code compile_clamp(struct compiler *compiler, const struct expression *call,
                               uint32_t *at)
{
    struct instruction instruction = {.op = OP_MIN};
    enum code code;
    TRY(compile_two(compiler, OP_MAX, call->operands[0], call->operands[1], &instruction.a));
    TRY(compile(compiler, call->operands[2], &instruction.b));
    code = compiler_emit(compiler, &instruction, at);
out:
    return code;
}

static enum code compile_if(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    struct instruction instruction = {.op = OP_IF};
    enum code code;
    TRY(compile(compiler, call->operands[0], &instruction.a));
    TRY(compile(compiler, call->operands[1], &instruction.b));
    TRY(compile(compiler, call->operands[2], &instruction.c));
    code = compiler_emit(compiler, &instruction, at);
out:
    return code;
}

static enum code compile_pow(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    const struct expression *exponent = call->operands[1];
    bool whole = exponent->op == EXPRESSION_LITERAL && exponent->low >= 0 &&
                 exponent->low <= UINT32_MAX && exponent->low == floor(exponent->low);
    return compile_two(compiler, whole ? OP_POWER : OP_POW, call->operands[0], exponent, at);
}

static enum code compile_call(struct compiler *compiler, const struct expression *call,
                              uint32_t *at)
{
    struct expression *const *operands = call->operands;
    switch (call->function) {
    case FUNCTION_DECAY:
        return compile_feature(compiler, call, FEATURE_DECAY, at);
    case FUNCTION_RATE:
        return compile_rate(compiler, call, at);
    case FUNCTION_COUNT:
        return compile_feature(compiler, call, FEATURE_COUNT, at);
    case FUNCTION_SUM:
        return compile_feature(compiler, call, FEATURE_SUM, at);
    case FUNCTION_MEAN:
        return compile_mean(compiler, call, at);
    case FUNCTION_UNIQUE:
        return compile_unique(compiler, call, at);
    case FUNCTION_VELOCITY:
        return compile_feature(compiler, call, FEATURE_VELOCITY, at);
    case FUNCTION_RATIO:
        return compile_ratio(compiler, call, at);
    case FUNCTION_EFFECTIVE:
        return compile_effective(compiler, call, at);
    case FUNCTION_SLOPE:
        return compile_slope(compiler, call, at);
    case FUNCTION_SURGE:
        return compile_feature(compiler, call, FEATURE_RELATIVE_VELOCITY, at);
    case FUNCTION_LOWEST:
        return compile_feature(compiler, call, FEATURE_MINIMUM, at);
    case FUNCTION_HIGHEST:
        return compile_feature(compiler, call, FEATURE_MAXIMUM, at);
    case FUNCTION_WILSON:
        return compile_wilson(compiler, call, at);
    case FUNCTION_THOMPSON:
        return compile_thompson(compiler, call, at);
    case FUNCTION_AFFINITY:
        return compile_affinity(compiler, call, at);
    case FUNCTION_EXPOSURE:
        return compile_exposure(compiler, call, at);
    case FUNCTION_LAST:
    case FUNCTION_SINCE:
    case FUNCTION_TIMES_SEEN:
    case FUNCTION_LAST_SEEN:
        return compile_said(compiler, call, at);
    case FUNCTION_COENGAGEMENT:
        return compile_coengagement(compiler, call, at);
    case FUNCTION_RELATED:
        return compile_related(compiler, call, at);
    case FUNCTION_SEEN:
        return compile_seen(compiler, call, at);
    case FUNCTION_FRESHNESS:
        return compile_one(compiler, OP_FRESHNESS, operands[0], (double)operands[1]->value.integer,
                           at);
    case FUNCTION_AGE:
        return compile_one(compiler, OP_AGE, operands[0], 0, at);
    case FUNCTION_SATURATE:
        return compile_two(compiler, OP_SATURATE, operands[0], operands[1], at);
    case FUNCTION_LOG:
        return compile_one(compiler, OP_LOG, operands[0], 0, at);
    case FUNCTION_LOG2:
        return compile_one(compiler, OP_LOG2, operands[0], 0, at);
    case FUNCTION_LOG10:
        return compile_one(compiler, OP_LOG10, operands[0], 0, at);
    case FUNCTION_SQRT:
        return compile_one(compiler, OP_SQRT, operands[0], 0, at);
    case FUNCTION_POW:
        return compile_pow(compiler, call, at);
    case FUNCTION_ABS:
        return compile_one(compiler, OP_ABS, operands[0], 0, at);
    case FUNCTION_MIN:
        return compile_many(compiler, OP_MIN, call, at);
    case FUNCTION_MAX:
        return compile_many(compiler, OP_MAX, call, at);
    case FUNCTION_CLAMP:
        return compile_clamp(compiler, call, at);
    case FUNCTION_COALESCE:
        return compile_many(compiler, OP_COALESCE, call, at);
    case FUNCTION_IF:
        return compile_if(compiler, call, at);
    case FUNCTION_COUNT_ALL:
        break;
    }
    return error_set(compiler->error, CODE_INVALID, AREA_RANKING, "unknown function");
}

enum code compile(struct compiler *compiler, const struct expression *expression, uint32_t *at)
{
    struct expression *const *operands = expression->operands;
    struct value value;
    if (compiler_constant(compiler, expression, &value))
        return compile_constant(compiler, expression, &value, at);
    switch (expression->op) {
    case EXPRESSION_FIELD:
        return compiler_emit(
            compiler,
            &(struct instruction){
                .op = OP_NUMBER,
                .field = &compiler->program->scope.view->schema->fields[expression->field]},
            at);
    case EXPRESSION_CALL:
        return compile_call(compiler, expression, at);
    case EXPRESSION_NEGATE:
        return compile_one(compiler, OP_NEGATE, operands[0], 0, at);
    case EXPRESSION_NOT:
        return compile_one(compiler, OP_NOT, operands[0], 0, at);
    case EXPRESSION_ADD:
        return compile_two(compiler, OP_ADD, operands[0], operands[1], at);
    case EXPRESSION_SUBTRACT:
        return compile_two(compiler, OP_SUBTRACT, operands[0], operands[1], at);
    case EXPRESSION_MULTIPLY:
        return compile_two(compiler, OP_MULTIPLY, operands[0], operands[1], at);
    case EXPRESSION_DIVIDE:
        return compile_two(compiler, OP_DIVIDE, operands[0], operands[1], at);
    case EXPRESSION_AND:
        return compile_many(compiler, OP_AND, expression, at);
    case EXPRESSION_OR:
        return compile_many(compiler, OP_OR, expression, at);
    case EXPRESSION_IN:
        return compile_in(compiler, expression, at);
    case EXPRESSION_IS_MISSING:
        return compile_missing(compiler, operands[0], at);
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
