/* Functions of values: numbers, times, and the choice among several. */
#include "schema/expression_calls.h"

#include "schema/names.h"

#include <stdio.h>

static const double ln_2 = 0.693147180559945309417232121458176568;
static const double log10_2 = 0.301029995663981195213738894724493027;

bool visit_freshness(struct checker *checker, struct expression *call)
{
    struct expression *time = call->operands[0];
    const char *by = expression_function_name(call->function);
    bool ok = checker_visit_as(checker, time, TYPE_TIMESTAMP, by);
    if (call->function == FUNCTION_FRESHNESS)
        ok &= argument_positive_duration(checker, call, 1, "half-life of freshness");
    if (!ok) return false;
    if (time->op == EXPRESSION_FIELD) call->field = time->field;
    call->can_be_missing = time->can_be_missing;
    /* 2^(-age/half-life) underflows to 0 for what is very old. */
    bool freshness = call->function == FUNCTION_FRESHNESS;
    expression_set_number(call, freshness ? interval_of(0, 1) : interval_from(0));
    return true;
}

/* All arguments are numbers. */
static bool visit_numbers(struct checker *checker, struct expression *call)
{
    bool ok = true;
    for (size_t i = 0; i < call->operand_count; i++) {
        ok &= checker_visit_as(checker, call->operands[i], TYPE_NUMBER,
                               expression_function_name(call->function));
        call->can_be_missing |= call->operands[i]->can_be_missing;
    }
    return ok;
}

bool visit_saturate(struct checker *checker, struct expression *call)
{
    if (!visit_numbers(checker, call)) return false;
    const struct expression *pivot = call->operands[1];
    if (!(pivot->low > 0)) {
        violations_add(checker->violations, pivot->position, "write a number above 0",
                       "pivot '%.*s' of saturate can be 0 or less", SPELLING(pivot));
        return false;
    }
    expression_set_number(call, interval_of(0, 1));
    return true;
}

bool visit_log(struct checker *checker, struct expression *call)
{
    if (!visit_numbers(checker, call)) return false;
    const struct expression *argument = call->operands[0];
    const char *by = expression_function_name(call->function);
    if (!(argument->low > 0)) {
        char hint[HINT_BYTES];
        snprintf(hint, sizeof hint,
                 "guard it: %s(1 + x) where x is never negative, %s(max(x, 0.001))", by, by);
        violations_add(checker->violations, argument->position, hint,
                       "%s of '%.*s', which can be 0 or less", by, SPELLING(argument));
        return false;
    }
    double scale = call->function == FUNCTION_LOG     ? ln_2
                   : call->function == FUNCTION_LOG10 ? log10_2
                                                      : 1;
    expression_set_number(call, interval_log(expression_interval(argument), scale));
    return true;
}

bool visit_sqrt(struct checker *checker, struct expression *call)
{
    if (!visit_numbers(checker, call)) return false;
    const struct expression *argument = call->operands[0];
    if (argument->low < 0) {
        violations_add(checker->violations, argument->position,
                       "guard it: sqrt(max(x, 0)), sqrt(abs(x))",
                       "sqrt of '%.*s', which can be negative", SPELLING(argument));
        return false;
    }
    expression_set_number(call, interval_sqrt(expression_interval(argument)));
    return true;
}

/* Of a size that an evaluator can multiply out. */
static bool is_whole_literal(const struct expression *expression)
{
    return expression->op == EXPRESSION_LITERAL && expression->low >= 0 &&
           expression->low <= 1000 && expression->low == (double)(int)expression->low;
}

bool visit_pow(struct checker *checker, struct expression *call)
{
    if (!visit_numbers(checker, call)) return false;
    const struct expression *base = call->operands[0], *exponent = call->operands[1];
    if (!(base->low > 0) && !is_whole_literal(exponent)) {
        violations_add(checker->violations, base->position,
                       "guard the base, as in pow(max(x, 0.001), y), or use a whole power",
                       "pow of '%.*s', which can be 0 or less", SPELLING(base));
        return false;
    }
    expression_set_number(call,
                          interval_pow(expression_interval(base), expression_interval(exponent)));
    return true;
}

bool visit_abs(struct checker *checker, struct expression *call)
{
    if (!visit_numbers(checker, call)) return false;
    expression_set_number(call, interval_abs(expression_interval(call->operands[0])));
    return true;
}

bool visit_extreme(struct checker *checker, struct expression *call)
{
    if (!visit_numbers(checker, call)) return false;
    struct interval bounds = expression_interval(call->operands[0]);
    for (size_t i = 1; i < call->operand_count; i++) {
        struct interval next = expression_interval(call->operands[i]);
        bounds = call->function == FUNCTION_MIN ? interval_min(bounds, next)
                                                : interval_max(bounds, next);
    }
    expression_set_number(call, bounds);
    return true;
}

bool visit_clamp(struct checker *checker, struct expression *call)
{
    if (!visit_numbers(checker, call)) return false;
    struct interval low = expression_interval(call->operands[1]);
    struct interval high = expression_interval(call->operands[2]);
    if (low.low > high.high) {
        violations_add(checker->violations, call->operands[1]->position,
                       "write clamp(x, low, high)", "clamp has a low above its high");
        return false;
    }
    struct interval bounds = expression_interval(call->operands[0]);
    expression_set_number(call, interval_min(interval_max(bounds, low), high));
    return true;
}

/* The operands from `first` on are of one type, which becomes the call's. */
static bool visit_alternatives(struct checker *checker, struct expression *call, size_t first)
{
    const char *by = expression_function_name(call->function);
    bool ok = true;
    call->type = TYPE_ANY;
    for (size_t i = first; i < call->operand_count; i++) {
        bool fine = checker_visit(checker, call->operands[i]);
        if (fine && call->type == TYPE_ANY) call->type = call->operands[i]->type;
        ok &= fine;
    }
    for (size_t i = first; ok && i < call->operand_count; i++)
        ok &= checker_demand(checker, call->operands[i], call->type, by);
    return ok;
}

bool visit_coalesce(struct checker *checker, struct expression *call)
{
    if (!visit_alternatives(checker, call, 0)) return false;
    struct interval bounds = expression_interval(call->operands[0]);
    call->can_be_missing = call->operands[0]->can_be_missing;
    for (size_t i = 1; i < call->operand_count && call->can_be_missing; i++) {
        bounds = interval_union(bounds, expression_interval(call->operands[i]));
        call->can_be_missing = call->operands[i]->can_be_missing;
    }
    call->low = bounds.low;
    call->high = bounds.high;
    return true;
}

bool visit_if(struct checker *checker, struct expression *call)
{
    bool ok = checker_visit_as(checker, call->operands[0], TYPE_BOOLEAN, "if");
    if (!visit_alternatives(checker, call, 1) || !ok) return false;
    const struct expression *yes = call->operands[1], *no = call->operands[2];
    struct interval bounds = interval_union(expression_interval(yes), expression_interval(no));
    call->low = bounds.low;
    call->high = bounds.high;
    call->can_be_missing = yes->can_be_missing || no->can_be_missing;
    return true;
}
