/* Functions of the language: most are a column of the ledger, or an operation on what their
 * operands give; those of the user are in personal.c, rates with priors in compile_rates.c. */
#include "ranking/program_private.h"

#include <assert.h>
#include <math.h>

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

/* 2^(-age/half-life) */
static enum code compile_freshness(struct compiler *compiler, const struct expression *call,
                                   uint32_t *at)
{
    struct instruction instruction = {.op = OP_FRESHNESS};
    enum code code;
    instruction.number = (double)call->operands[1]->value.integer;
    TRY(compile(compiler, call->operands[0], &instruction.a));
    code = compiler_emit(compiler, &instruction, at);
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

/* What a function becomes: what `compile` says, or a column of the item's ledger (OP_FEATURE), or
 * an operation on its operands. */
static const struct translation {
    enum code (*compile)(struct compiler *compiler, const struct expression *call, uint32_t *at);
    enum opcode op;
    enum feature_op feature;
} translations[] = {
    [FUNCTION_DECAY] = {.op = OP_FEATURE, .feature = FEATURE_DECAY},
    [FUNCTION_RATE] = {.compile = compile_rate},
    [FUNCTION_COUNT] = {.op = OP_FEATURE, .feature = FEATURE_COUNT},
    [FUNCTION_SUM] = {.op = OP_FEATURE, .feature = FEATURE_SUM},
    [FUNCTION_MEAN] = {.compile = compile_mean},
    [FUNCTION_UNIQUE] = {.compile = compile_unique},
    [FUNCTION_VELOCITY] = {.op = OP_FEATURE, .feature = FEATURE_VELOCITY},
    [FUNCTION_RATIO] = {.compile = compile_ratio},
    [FUNCTION_EFFECTIVE] = {.compile = compile_effective},
    [FUNCTION_SLOPE] = {.compile = compile_slope},
    [FUNCTION_SURGE] = {.op = OP_FEATURE, .feature = FEATURE_RELATIVE_VELOCITY},
    [FUNCTION_LOWEST] = {.op = OP_FEATURE, .feature = FEATURE_MINIMUM},
    [FUNCTION_HIGHEST] = {.op = OP_FEATURE, .feature = FEATURE_MAXIMUM},
    [FUNCTION_WILSON] = {.compile = compile_wilson},
    [FUNCTION_THOMPSON] = {.compile = compile_thompson},
    [FUNCTION_AFFINITY] = {.compile = compile_affinity},
    [FUNCTION_EXPOSURE] = {.compile = compile_exposure},
    [FUNCTION_LAST] = {.compile = compile_said},
    [FUNCTION_SINCE] = {.compile = compile_said},
    [FUNCTION_TIMES_SEEN] = {.compile = compile_said},
    [FUNCTION_LAST_SEEN] = {.compile = compile_said},
    [FUNCTION_COENGAGEMENT] = {.compile = compile_coengagement},
    [FUNCTION_RELATED] = {.compile = compile_related},
    [FUNCTION_SEEN] = {.compile = compile_seen},
    [FUNCTION_FRESHNESS] = {.compile = compile_freshness},
    [FUNCTION_AGE] = {.op = OP_AGE},
    [FUNCTION_SATURATE] = {.op = OP_SATURATE},
    [FUNCTION_LOG] = {.op = OP_LOG},
    [FUNCTION_LOG2] = {.op = OP_LOG2},
    [FUNCTION_LOG10] = {.op = OP_LOG10},
    [FUNCTION_SQRT] = {.op = OP_SQRT},
    [FUNCTION_POW] = {.compile = compile_pow},
    [FUNCTION_ABS] = {.op = OP_ABS},
    [FUNCTION_MIN] = {.op = OP_MIN},
    [FUNCTION_MAX] = {.op = OP_MAX},
    [FUNCTION_CLAMP] = {.compile = compile_clamp},
    [FUNCTION_COALESCE] = {.op = OP_COALESCE},
    [FUNCTION_IF] = {.compile = compile_if},
};
_Static_assert(sizeof translations / sizeof *translations == FUNCTION_COUNT_ALL,
               "every function has a translation");

enum code compile_call(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    const struct translation *translation = &translations[call->function];
    assert(translation->compile || translation->op != OP_CONSTANT);
    if (translation->compile) return translation->compile(compiler, call, at);
    if (translation->op == OP_FEATURE)
        return compile_feature(compiler, call, translation->feature, at);
    return compile_operation(compiler, translation->op, call, at);
}
