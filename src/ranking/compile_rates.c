/* Shares and means: of what there is of an item, of what its group does, of what all do. */
#include "ranking/program_private.h"

#include <math.h>
#include <string.h>

/* One side of a share: all events of a signal, its decayed sum, or those in a window. */
static enum code compile_side(struct compiler *compiler, const struct expression *call,
                              signal_id signal, uint8_t slot, uint32_t *at)
{
    struct instruction side = {.op = OP_FEATURE};
    bool decays = call->span == SPAN_HALF_LIFE;
    side.feature = (struct feature){.op = decays ? FEATURE_DECAY : FEATURE_COUNT,
                                    .signal = signal,
                                    .slot = call->span == SPAN_ALL_TIME ? WINDOW_ALL : slot};
    return compiler_emit(compiler, &side, at);
}

static enum code compile_sides(struct compiler *compiler, const struct expression *call,
                               struct instruction *of)
{
    enum code code;
    TRY(compile_side(compiler, call, call->signal, call->slot, &of->a));
    code = compile_side(compiler, call, call->denominator, call->denominator_slot, &of->b);
out:
    return code;
}

/* The share over all items, or 0. */
static double share_of_all(const struct compiler *compiler, const struct expression *call)
{
    if (!isnan(call->prior_mean)) return call->prior_mean;
    const struct ledger *ledger = compiler->program->scope.view->ledger;
    double amount = (double)ledger_signal_totals(ledger, call->signal).count;
    double of = (double)ledger_signal_totals(ledger, call->denominator).count;
    if (call->function == FUNCTION_MEAN) amount = ledger_signal_totals(ledger, call->signal).sum;
    return of > 0 ? amount / of : 0;
}

/* The same as a draw takes it. */
static double chance_of_all(const struct compiler *compiler, const struct expression *call)
{
    const struct ledger *ledger = compiler->program->scope.view->ledger;
    double share = share_of_all(compiler, call);
    if (isnan(call->prior_mean) && ledger_signal_totals(ledger, call->denominator).count <= 0)
        return 0.5;
    return share < 1 ? share : 1;
}

/* The column of prior means.  A group's own share is smoothed by that of all: one of which nothing
 * is known is as all are. */
static enum code compile_prior(struct compiler *compiler, const struct expression *call,
                               double mean, uint32_t *at)
{
    const struct scope *scope = &compiler->program->scope;
    struct instruction prior = {.op = OP_CONSTANT, .number = mean};
    if (call->prior_field.bytes > 0) {
        bool decays = call->span == SPAN_HALF_LIFE;
        enum group_part part = decays ? GROUP_DECAY : GROUP_COUNT;
        prior.op = OP_PRIOR;
        prior.field = &scope->view->schema->fields[call->field];
        prior.feature.prior = call->prior;
        prior.feature.prior_mean = mean;
        prior.group = (struct group_question){
            .field = call->field,
            .signal = call->signal,
            .denominator = call->denominator,
            .part = call->function == FUNCTION_MEAN ? GROUP_SUM : part,
            .denominator_part = part,
            .slot = call->slot,
            .denominator_slot = call->denominator_slot,
            .now_ms = scope->now_ms,
        };
    }
    return compiler_emit(compiler, &prior, at);
}

enum code compile_ratio(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    struct instruction smoothed = {.op = OP_SMOOTHED, .number = call->prior};
    enum code code;
    TRY(compile_sides(compiler, call, &smoothed));
    TRY(compile_prior(compiler, call, share_of_all(compiler, call), &smoothed.c));
    code = compiler_emit(compiler, &smoothed, at);
out:
    return code;
}

enum code compile_mean(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    struct instruction feature = {.op = OP_FEATURE},
                       smoothed = {.op = OP_SMOOTHED, .number = call->prior};
    enum code code;
    feature.feature = (struct feature){.op = FEATURE_MEAN,
                                       .signal = call->signal,
                                       .slot = call->slot,
                                       .prior = call->prior > 0 ? call->prior : 0,
                                       .prior_mean = call->prior_mean};
    if (call->prior_field.bytes == 0) return compiler_emit(compiler, &feature, at);
    feature.feature.op = FEATURE_SUM;
    TRY(compiler_emit(compiler, &feature, &smoothed.a));
    feature.feature.op = FEATURE_COUNT;
    TRY(compiler_emit(compiler, &feature, &smoothed.b));
    TRY(compile_prior(compiler, call, share_of_all(compiler, call), &smoothed.c));
    code = compiler_emit(compiler, &smoothed, at);
out:
    return code;
}

/* (sum w)^2 / sum w^2 of a signal's weights: of what a half-life h leaves, w^2 is what h / 2 does.
 */
static enum code compile_evidence(struct compiler *compiler, signal_id signal, uint8_t slot,
                                  uint8_t half_slot, uint32_t *at)
{
    struct instruction decay = {.op = OP_FEATURE}, effective = {.op = OP_EFFECTIVE};
    enum code code;
    decay.feature = (struct feature){.op = FEATURE_DECAY, .signal = signal, .slot = slot};
    TRY(compiler_emit(compiler, &decay, &effective.a));
    decay.feature.slot = half_slot;
    TRY(compiler_emit(compiler, &decay, &effective.b));
    code = compiler_emit(compiler, &effective, at);
out:
    return code;
}

enum code compile_effective(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    return compile_evidence(compiler, call->signal, call->slot, call->half_slot, at);
}

enum code compile_wilson(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    static const double z_default = 1.281551565545; /* 80 % */
    struct instruction wilson = {.op = OP_WILSON, .number = z_default};
    size_t named = call->span == SPAN_ALL_TIME ? 2 : 3;
    enum code code;
    if (call->operand_count > named) wilson.number = call->operands[named]->low;
    TRY(compile_sides(compiler, call, &wilson));
    if (call->span == SPAN_HALF_LIFE) {
        wilson.op = OP_WILSON_SHARE;
        TRY(compile_evidence(compiler, call->denominator, call->denominator_slot, call->half_slot,
                             &wilson.c));
    }
    code = compiler_emit(compiler, &wilson, at);
out:
    return code;
}

enum code compile_thompson(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    struct instruction thompson = {.op = OP_THOMPSON};
    const struct expression *seed = call->operands[call->operand_count - 1];
    struct value value;
    double number = 0;
    enum code code;
    (void)compiler_constant(compiler, seed, &value); /* a literal or a parameter */
    if (value.type == VALUE_MISSING) return compiler_unbound(compiler, seed);
    if (!value_number(&value, &number))
        return compiler_wrong_type(compiler, seed, &value, "a number");
    memcpy(&thompson.seed, &number, sizeof thompson.seed);
    thompson.feature.prior = call->prior;
    TRY(compile_sides(compiler, call, &thompson));
    TRY(compile_prior(compiler, call, chance_of_all(compiler, call), &thompson.c));
    code = compiler_emit(compiler, &thompson, at);
out:
    return code;
}
