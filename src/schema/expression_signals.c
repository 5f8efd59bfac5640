/* Functions of one signal of the item. */
#include "schema/expression_calls.h"

#include "base/text.h"
#include "schema/names.h"

bool visit_decay(struct checker *checker, struct expression *call)
{
    const struct signal *signal = argument_signal(checker, call, 0);
    if (!signal || !argument_half_life(checker, call, 1, signal, &call->slot)) return false;
    if (call->operand_count == 3) { /* rate: since when there is something to count */
        struct expression *time = call->operands[2];
        if (!checker_visit_as(checker, time, TYPE_TIMESTAMP, "rate")) return false;
        call->can_be_missing = time->can_be_missing;
    }
    call->signal = signal->id;
    expression_set_number(call, signal_sums(signal));
    return true;
}

bool visit_slope(struct checker *checker, struct expression *call)
{
    const struct signal *signal = argument_signal(checker, call, 0);
    if (!signal || !argument_half_life(checker, call, 1, signal, &call->slot)) return false;
    if (!argument_half_life(checker, call, 2, signal, &call->long_slot)) return false;
    if (call->slot >= call->long_slot) { /* they ascend */
        violations_add(checker->violations, call->operands[1]->position,
                       "write slope(signal, short half life, long half life)",
                       "the first half-life of slope is not the shorter one");
        return false;
    }
    call->signal = signal->id;
    expression_set_number(call, interval_all());
    return true;
}

bool visit_lowest(struct checker *checker, struct expression *call)
{
    const struct signal *signal = argument_signal(checker, call, 0);
    if (!signal) return false;
    if (signal->values != SIGNAL_VALUE_MIN_MAX) {
        violations_add(
            checker->violations, call->operands[0]->position, "define it with VALUE MIN MAX",
            "signal '%.*s' keeps no smallest and largest value", NAME_ARGUMENTS(signal->name));
        return false;
    }
    if (call->operand_count > 1 && !argument_window(checker, call, signal)) return false;
    call->signal = signal->id;
    call->can_be_missing = true;
    expression_set_number(call, interval_all());
    return true;
}

bool visit_count(struct checker *checker, struct expression *call)
{
    const struct signal *signal = argument_signal(checker, call, 0);
    if (!signal) return false;
    if (call->operand_count > 1 && !argument_window(checker, call, signal)) return false;
    call->signal = signal->id;
    bool counts = call->function == FUNCTION_COUNT;
    expression_set_number(call, counts ? interval_from(0) : signal_sums(signal));
    return true;
}

bool visit_unique(struct checker *checker, struct expression *call)
{
    const struct signal *signal = argument_signal(checker, call, 0);
    char text[DURATION_TEXT_BYTES];
    if (!signal || !argument_positive_duration(checker, call, 1, "window")) return false;
    call->window_ms = call->operands[1]->value.integer;
    if (signal->distinct_ms == 0) {
        violations_add(checker->violations, call->operands[0]->position,
                       "define it with DISTINCT USERS and the longest window, as in 7d",
                       "signal '%.*s' does not count distinct users", NAME_ARGUMENTS(signal->name));
        return false;
    }
    if (call->window_ms > signal->distinct_ms) {
        duration_format(signal->distinct_ms, text);
        violations_add(checker->violations, call->operands[1]->position, "ask for a shorter window",
                       "signal '%.*s' counts distinct users over at most %s",
                       NAME_ARGUMENTS(signal->name), text);
        return false;
    }
    call->signal = signal->id;
    expression_set_number(call, interval_from(0));
    return true;
}

bool visit_velocity(struct checker *checker, struct expression *call)
{
    const struct signal *signal = argument_signal(checker, call, 0);
    if (!signal || !argument_velocity(checker, call, signal)) return false;
    call->signal = signal->id;
    expression_set_number(call, interval_all());
    return true;
}

bool visit_surge(struct checker *checker, struct expression *call)
{
    if (!visit_velocity(checker, call) ||
        !prior_demand(checker, call, "surge(signal, window, prior 5)"))
        return false;
    expression_set_number(call, interval_from(0));
    return true;
}
