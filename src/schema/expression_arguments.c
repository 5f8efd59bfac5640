/* Arguments of calls: names of signals, half-lives and windows that they have, the user, priors. */
#include "schema/expression_calls.h"

#include "base/text.h"
#include "schema/builder.h"
#include "schema/names.h"

#include <math.h>
#include <stdio.h>

static const double PRIOR_MAXIMUM = 1e12;

bool argument_is_name(const struct expression *expression)
{
    return expression->op == EXPRESSION_NAME ||
           (expression->op == EXPRESSION_FIELD && expression->subject == ENTITY_ITEM);
}

bool argument_refuse(struct checker *checker, const struct expression *expression, const char *by,
                     const char *wanted)
{
    violations_add(checker->violations, expression->position, NULL, "%s takes %s here, not '%.*s'",
                   by, wanted, SPELLING(expression));
    return false;
}

const struct signal *argument_signal(struct checker *checker, const struct expression *call,
                                     size_t index)
{
    struct expression *argument = call->operands[index];
    const char *by = expression_function_name(call->function);
    if (!argument_is_name(argument)) {
        (void)argument_refuse(checker, argument, by, "the name of a signal");
        return NULL;
    }
    const struct signal *signal = schema_find_signal(checker->schema, argument->name);
    if (!signal) {
        char hint[HINT_BYTES];
        name_hint(checker->schema, DEFINE_SIGNAL, ENTITY_ITEM, argument->name,
                  "define it with DEFINE SIGNAL", hint);
        violations_add(checker->violations, argument->position, hint,
                       "signal '%.*s' does not exist", NAME_ARGUMENTS(argument->name));
        return NULL;
    }
    if (signal->kind != ENTITY_ITEM) {
        violations_add(checker->violations, argument->position, "use a signal ON item",
                       "signal '%.*s' is about %s, and items are ranked",
                       NAME_ARGUMENTS(argument->name), entity_kind_name(signal->kind));
        return NULL;
    }
    argument->type = TYPE_NAME;
    argument->signal = signal->id;
    return signal;
}

bool argument_duration(struct checker *checker, const struct expression *call, size_t index,
                       int64_t *duration_ms)
{
    struct expression *argument = call->operands[index];
    const char *by = expression_function_name(call->function);
    if (argument->op != EXPRESSION_LITERAL || argument->value.type != VALUE_DURATION)
        return argument_refuse(checker, argument, by, "a duration, as in 24h,");
    argument->type = TYPE_DURATION;
    *duration_ms = argument->value.integer;
    return true;
}

bool argument_positive_duration(struct checker *checker, const struct expression *call,
                                size_t index, const char *what)
{
    int64_t duration_ms;
    if (!argument_duration(checker, call, index, &duration_ms)) return false;
    struct duration duration = {(double)duration_ms, call->operands[index]->position};
    return duration_check(&duration, what, checker->violations);
}

bool slot_find(const int64_t *list, size_t count, int64_t duration_ms, uint8_t *slot)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] != duration_ms) continue;
        *slot = (uint8_t)i;
        return true;
    }
    return false;
}

/* "it has 1h, 24h, 7d" */
static void slots_list(const int64_t *list, size_t count, const char *clause, char out[HINT_BYTES])
{
    if (count == 0) {
        snprintf(out, HINT_BYTES, "define the signal with %s", clause);
        return;
    }
    size_t used = (size_t)snprintf(out, HINT_BYTES, "it has");
    for (size_t i = 0; i < count && used < HINT_BYTES; i++) {
        char text[DURATION_TEXT_BYTES];
        duration_format(list[i], text);
        used += (size_t)snprintf(out + used, HINT_BYTES - used, "%s %s", i > 0 ? "," : "", text);
    }
}

static bool slot_refuse(struct checker *checker, const struct expression *argument,
                        const struct signal *signal, const char *what, const char *hint)
{
    char text[DURATION_TEXT_BYTES];
    duration_format(argument->value.integer, text);
    violations_add(checker->violations, argument->position, hint, "signal '%.*s' has no %s of %s",
                   NAME_ARGUMENTS(signal->name), what, text);
    return false;
}

bool argument_half_life(struct checker *checker, const struct expression *call, size_t index,
                        const struct signal *signal, uint8_t *slot)
{
    int64_t duration_ms;
    char hint[HINT_BYTES];
    if (!argument_duration(checker, call, index, &duration_ms)) return false;
    if (slot_find(signal->half_life_ms, signal->half_life_count, duration_ms, slot)) return true;
    slots_list(signal->half_life_ms, signal->half_life_count, "HALF LIFE", hint);
    return slot_refuse(checker, call->operands[index], signal, "half-life", hint);
}

bool argument_window(struct checker *checker, struct expression *call, const struct signal *signal)
{
    int64_t duration_ms;
    char hint[HINT_BYTES];
    if (!argument_duration(checker, call, 1, &duration_ms)) return false;
    if (slot_find(signal->window_ms, signal->window_count, duration_ms, &call->slot)) return true;
    slots_list(signal->window_ms, signal->window_count, "WINDOWS", hint);
    return slot_refuse(checker, call->operands[1], signal, "window", hint);
}

bool argument_velocity(struct checker *checker, struct expression *call,
                       const struct signal *signal)
{
    int64_t windows[LIMIT_WINDOWS];
    char hint[HINT_BYTES];
    uint8_t position;
    if (!argument_window(checker, call, signal)) return false;
    for (uint32_t i = 0; i < signal->velocity_count; i++)
        windows[i] = signal->window_ms[signal->velocity_window[i]];
    if (slot_find(windows, signal->velocity_count, signal->window_ms[call->slot], &position))
        return true;
    slots_list(windows, signal->velocity_count, "VELOCITY", hint);
    return slot_refuse(checker, call->operands[1], signal, "velocity", hint);
}

bool argument_user(struct checker *checker, const struct expression *call)
{
    struct expression *argument = call->operands[0];
    if (argument->op != EXPRESSION_SUBJECT || argument->subject != ENTITY_USER)
        return argument_refuse(checker, argument, expression_function_name(call->function),
                               "'user'");
    argument->type = TYPE_SUBJECT;
    return true;
}

/* Sums of values that may be negative have no lower bound; without VALUE none is negative. */
struct interval signal_sums(const struct signal *signal)
{
    return signal->values == SIGNAL_VALUE_NONE ? interval_from(0) : interval_all();
}

/* Within these bounds a smoothed value is finite whatever was counted. */
bool prior_check(struct checker *checker, const struct expression *call)
{
    if (call->prior <= PRIOR_MAXIMUM &&
        (isnan(call->prior_mean) || fabs(call->prior_mean) <= PRIOR_MAXIMUM))
        return true;
    violations_add(checker->violations, call->position, "keep prior and MEAN within 1e12",
                   "'%.*s' has a prior that is too large", SPELLING(call));
    return false;
}

bool prior_demand(struct checker *checker, const struct expression *call, const char *example)
{
    char hint[HINT_BYTES];
    if (call->prior > 0) return prior_check(checker, call);
    snprintf(hint, sizeof hint, "write %s: how many events the prior counts for", example);
    violations_add(checker->violations, call->position, hint, "'%.*s' has no prior above 0",
                   SPELLING(call));
    return false;
}
