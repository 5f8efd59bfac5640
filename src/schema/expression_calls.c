/* The functions of the language: what arguments each takes, and between which bounds its value
 * lies.  docs/language.md says what each computes. */
#include "schema/expression_calls.h"

#include "schema/names.h"

#include <stdio.h>

enum { ANY_NUMBER = 64 };

static const struct signature {
    const char *usage;
    size_t arguments_minimum, arguments_maximum;
    bool (*visit)(struct checker *checker, struct expression *call);
    enum { NO_PRIOR, PRIOR, PRIOR_BY_FIELD } prior;
} signatures[] = {
    [FUNCTION_DECAY] = {"decay(signal, half life)", 2, 2, visit_decay, NO_PRIOR},
    [FUNCTION_RATE] = {"rate(signal, half life, item.time)", 2, 3, visit_decay, NO_PRIOR},
    [FUNCTION_COUNT] = {"count(signal, window)", 1, 2, visit_count, NO_PRIOR},
    [FUNCTION_SUM] = {"sum(signal, window)", 1, 2, visit_count, NO_PRIOR},
    [FUNCTION_MEAN] = {"mean(signal, window)", 2, 2, visit_mean, PRIOR_BY_FIELD},
    [FUNCTION_UNIQUE] = {"unique(signal, window)", 2, 2, visit_unique, NO_PRIOR},
    [FUNCTION_VELOCITY] = {"velocity(signal, window)", 2, 2, visit_velocity, NO_PRIOR},
    [FUNCTION_RATIO] = {"ratio(signal, signal, time, prior 20)", 2, 3, visit_ratio, PRIOR_BY_FIELD},
    [FUNCTION_EFFECTIVE] = {"effective(signal, half life)", 2, 2, visit_effective, NO_PRIOR},
    [FUNCTION_SLOPE] = {"slope(signal, half life, half life)", 3, 3, visit_slope, NO_PRIOR},
    [FUNCTION_SURGE] = {"surge(signal, window, prior 5)", 2, 2, visit_surge, PRIOR},
    [FUNCTION_LOWEST] = {"lowest(signal, window)", 1, 2, visit_lowest, NO_PRIOR},
    [FUNCTION_HIGHEST] = {"highest(signal, window)", 1, 2, visit_lowest, NO_PRIOR},
    [FUNCTION_WILSON] = {"wilson(signal, signal, time, 1.96)", 2, 4, visit_wilson, NO_PRIOR},
    [FUNCTION_THOMPSON] = {"thompson(signal, signal, [time,] $seed, prior 20)", 3, 4,
                           visit_thompson, PRIOR_BY_FIELD},
    [FUNCTION_AFFINITY] = {"affinity(user, item.field, half life)", 2, 3, visit_affinity, NO_PRIOR},
    [FUNCTION_EXPOSURE] = {"exposure(user, item.field)", 2, 2, visit_exposure, NO_PRIOR},
    [FUNCTION_LAST] = {"last(user, signal)", 2, 2, visit_last, NO_PRIOR},
    [FUNCTION_SINCE] = {"since(user, signal)", 2, 2, visit_last, NO_PRIOR},
    [FUNCTION_TIMES_SEEN] = {"times_seen(user)", 1, 1, visit_times_seen, NO_PRIOR},
    [FUNCTION_LAST_SEEN] = {"last_seen(user)", 1, 1, visit_times_seen, NO_PRIOR},
    [FUNCTION_COENGAGEMENT] = {"coengagement(user.recent(20))", 0, 0, visit_coengagement, NO_PRIOR},
    [FUNCTION_RELATED] = {"related(user relation creator)", 2, 3, visit_related, NO_PRIOR},
    [FUNCTION_SEEN] = {"seen(age)", 0, 1, visit_seen, NO_PRIOR},
    [FUNCTION_FRESHNESS] = {"freshness(item.field, half life)", 2, 2, visit_freshness, NO_PRIOR},
    [FUNCTION_AGE] = {"age(item.field)", 1, 1, visit_freshness, NO_PRIOR},
    [FUNCTION_SATURATE] = {"saturate(x, pivot)", 2, 2, visit_saturate, NO_PRIOR},
    [FUNCTION_LOG] = {"log(x)", 1, 1, visit_log, NO_PRIOR},
    [FUNCTION_LOG2] = {"log2(x)", 1, 1, visit_log, NO_PRIOR},
    [FUNCTION_LOG10] = {"log10(x)", 1, 1, visit_log, NO_PRIOR},
    [FUNCTION_SQRT] = {"sqrt(x)", 1, 1, visit_sqrt, NO_PRIOR},
    [FUNCTION_POW] = {"pow(x, y)", 2, 2, visit_pow, NO_PRIOR},
    [FUNCTION_ABS] = {"abs(x)", 1, 1, visit_abs, NO_PRIOR},
    [FUNCTION_MIN] = {"min(x, y)", 2, ANY_NUMBER, visit_extreme, NO_PRIOR},
    [FUNCTION_MAX] = {"max(x, y)", 2, ANY_NUMBER, visit_extreme, NO_PRIOR},
    [FUNCTION_CLAMP] = {"clamp(x, low, high)", 3, 3, visit_clamp, NO_PRIOR},
    [FUNCTION_COALESCE] = {"coalesce(x, y)", 2, ANY_NUMBER, visit_coalesce, NO_PRIOR},
    [FUNCTION_IF] = {"if(condition, then, else)", 3, 3, visit_if, NO_PRIOR},
};
_Static_assert(sizeof signatures / sizeof *signatures == FUNCTION_COUNT_ALL,
               "every function has a signature");

bool checker_visit_call(struct checker *checker, struct expression *call)
{
    const struct signature *signature = &signatures[call->function];
    size_t count = call->operand_count;
    if (count < signature->arguments_minimum || count > signature->arguments_maximum) {
        char hint[HINT_BYTES];
        snprintf(hint, sizeof hint, "write %s", signature->usage);
        violations_add(checker->violations, call->position, hint, "%s has too %s arguments",
                       expression_function_name(call->function),
                       count < signature->arguments_minimum ? "few" : "many");
        return false;
    }
    if (call->prior >= 0 && signature->prior == NO_PRIOR) {
        violations_add(checker->violations, call->position,
                       "ratio, mean, surge and thompson alone have one", "%s takes no prior",
                       expression_function_name(call->function));
        return false;
    }
    if (call->prior_field.bytes > 0 && signature->prior != PRIOR_BY_FIELD) {
        violations_add(checker->violations, call->prior_field_position,
                       "ratio, mean and thompson alone have one", "%s takes no prior of a field",
                       expression_function_name(call->function));
        return false;
    }
    return signature->visit(checker, call);
}
