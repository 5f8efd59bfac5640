/* Functions of two signals, or of values: shares and means, smoothed by a prior. */
#include "schema/expression_calls.h"

#include "base/text.h"
#include "schema/names.h"

#include <stdio.h>

static bool keeps_totals(struct checker *checker, const struct expression *call, signal_id id)
{
    const struct signal *signal = &checker->schema->signals[id];
    char hint[HINT_BYTES];
    for (uint32_t i = 0; i < signal->group_count; i++)
        if (signal->group_fields[i] == call->field) return true;
    snprintf(hint, sizeof hint, "define it with TOTALS PER %.*s",
             NAME_ARGUMENTS(call->prior_field));
    violations_add(checker->violations, call->prior_field_position, hint,
                   "signal '%.*s' keeps no totals per '%.*s'", NAME_ARGUMENTS(signal->name),
                   NAME_ARGUMENTS(call->prior_field));
    return false;
}

/* `prior n FROM item.field`; `signal` and `denominator` are set. */
static bool check_group(struct checker *checker, struct expression *call)
{
    if (call->prior_field.bytes == 0) return true;
    const struct field *field = schema_find_field(checker->schema, ENTITY_ITEM, call->prior_field);
    if (!field) {
        char hint[HINT_BYTES];
        name_hint(checker->schema, DEFINE_FIELD, ENTITY_ITEM, call->prior_field,
                  "define it with DEFINE FIELD", hint);
        violations_add(checker->violations, call->prior_field_position, hint,
                       "field '%.*s' of item does not exist", NAME_ARGUMENTS(call->prior_field));
        return false;
    }
    call->field = field->id;
    return keeps_totals(checker, call, call->signal) &&
           keeps_totals(checker, call, call->denominator);
}

bool visit_mean(struct checker *checker, struct expression *call)
{
    const struct signal *signal = argument_signal(checker, call, 0);
    if (!signal || !argument_window(checker, call, signal)) return false;
    bool has_prior = call->prior > 0;
    if (has_prior && !prior_check(checker, call)) return false;
    call->signal = call->denominator = signal->id;
    if (!check_group(checker, call)) return false;
    call->can_be_missing = !has_prior;
    struct interval means = signal_sums(signal);
    if (has_prior && call->prior_mean < 0) means = interval_all();
    expression_set_number(call, means);
    return true;
}

/* The two signals whose counts are compared. */
static bool visit_two_signals(struct checker *checker, struct expression *call)
{
    const struct signal *signal = argument_signal(checker, call, 0);
    const struct signal *denominator = argument_signal(checker, call, 1);
    if (!signal || !denominator) return false;
    call->signal = signal->id;
    call->denominator = denominator->id;
    return true;
}

/* A half-life that both have, or else a window that both have.  Decayed sums of values count no
 * events. */
static bool visit_span(struct checker *checker, struct expression *call)
{
    const struct signal *a = &checker->schema->signals[call->signal];
    const struct signal *b = &checker->schema->signals[call->denominator];
    int64_t duration_ms;
    char text[DURATION_TEXT_BYTES], hint[HINT_BYTES];
    if (!argument_duration(checker, call, 2, &duration_ms)) return false;
    call->span = SPAN_HALF_LIFE;
    if (a->values == SIGNAL_VALUE_NONE && b->values == SIGNAL_VALUE_NONE &&
        slot_find(a->half_life_ms, a->half_life_count, duration_ms, &call->slot) &&
        slot_find(b->half_life_ms, b->half_life_count, duration_ms, &call->denominator_slot))
        return true;
    call->span = SPAN_WINDOW;
    if (slot_find(a->window_ms, a->window_count, duration_ms, &call->slot) &&
        slot_find(b->window_ms, b->window_count, duration_ms, &call->denominator_slot))
        return true;
    duration_format(duration_ms, text);
    snprintf(hint, sizeof hint, "define both with WINDOWS %s or, without VALUE, with HALF LIFE %s",
             text, text);
    violations_add(
        checker->violations, call->operands[2]->position, hint,
        "signals '%.*s' and '%.*s' have neither a half-life nor a window of %s in common",
        NAME_ARGUMENTS(a->name), NAME_ARGUMENTS(b->name), text);
    return false;
}

static bool is_duration(const struct expression *expression)
{
    return expression->op == EXPRESSION_LITERAL && expression->value.type == VALUE_DURATION;
}

/* The weights' squares decay twice as fast. */
static bool visit_half(struct checker *checker, struct expression *call, size_t index,
                       const struct signal *signal)
{
    int64_t half_ms = call->operands[index]->value.integer / 2;
    char text[DURATION_TEXT_BYTES], hint[HINT_BYTES];
    if (slot_find(signal->half_life_ms, signal->half_life_count, half_ms, &call->half_slot) &&
        half_ms * 2 == call->operands[index]->value.integer)
        return true;
    duration_format(half_ms, text);
    snprintf(hint, sizeof hint, "add %s to its HALF LIFE", text);
    violations_add(checker->violations, call->operands[index]->position, hint,
                   "%s needs half of that half-life of signal '%.*s' as well",
                   expression_function_name(call->function), NAME_ARGUMENTS(signal->name));
    return false;
}

bool visit_effective(struct checker *checker, struct expression *call)
{
    const struct signal *signal = argument_signal(checker, call, 0);
    if (!signal || !argument_half_life(checker, call, 1, signal, &call->slot)) return false;
    if (signal->values != SIGNAL_VALUE_NONE) {
        violations_add(checker->violations, call->operands[0]->position,
                       "use a signal without VALUE",
                       "signal '%.*s' has values, and its decayed sums count no events",
                       NAME_ARGUMENTS(signal->name));
        return false;
    }
    if (!visit_half(checker, call, 1, signal)) return false;
    call->signal = signal->id;
    expression_set_number(call, interval_from(0));
    return true;
}

bool visit_wilson(struct checker *checker, struct expression *call)
{
    if (!visit_two_signals(checker, call)) return false;
    bool has_span = call->operand_count > 2 && is_duration(call->operands[2]);
    if (has_span && !visit_span(checker, call)) return false;
    if (call->span == SPAN_HALF_LIFE &&
        !visit_half(checker, call, 2, &checker->schema->signals[call->denominator]))
        return false;
    if (call->operand_count == 4 && !has_span)
        return argument_refuse(checker, call->operands[2], "wilson", "a duration, as in 24h,");
    if (call->operand_count > 2u + has_span) {
        struct expression *z = call->operands[2 + has_span];
        if (!checker_visit_as(checker, z, TYPE_NUMBER, "wilson")) return false;
        if (z->op != EXPRESSION_LITERAL || !(z->low > 0 && z->low <= 10)) {
            violations_add(checker->violations, z->position, "1.96 is 95 %, 1.2816 is 80 %",
                           "wilson takes a number above 0 and up to 10 here, not '%.*s'",
                           SPELLING(z));
            return false;
        }
    }
    expression_set_number(call, interval_of(0, 1));
    return true;
}

bool visit_thompson(struct checker *checker, struct expression *call)
{
    if (!visit_two_signals(checker, call) ||
        !prior_demand(checker, call, "thompson(a, b, $seed, prior 20)"))
        return false;
    if (!check_group(checker, call)) return false;
    if (call->operand_count == 4 && !visit_span(checker, call)) return false;
    struct expression *seed = call->operands[call->operand_count - 1];
    if (!checker_visit_as(checker, seed, TYPE_NUMBER, "thompson")) return false;
    if (seed->op != EXPRESSION_LITERAL && seed->op != EXPRESSION_PARAMETER)
        return argument_refuse(checker, seed, "thompson", "a number or a parameter");
    if (call->prior_mean < 0 || call->prior_mean > 1) {
        violations_add(checker->violations, call->position, "write a number from 0 to 1",
                       "'%.*s' has a MEAN that is no share", SPELLING(call));
        return false;
    }
    expression_set_number(call, interval_of(0, 1));
    return true;
}

bool visit_ratio(struct checker *checker, struct expression *call)
{
    if (!visit_two_signals(checker, call) || !prior_demand(checker, call, "ratio(a, b, prior 20)"))
        return false;
    if (!check_group(checker, call)) return false;
    if (call->operand_count == 3 && !visit_span(checker, call)) return false;
    if (call->prior_mean < 0) {
        violations_add(checker->violations, call->position, "write a number from 0",
                       "'%.*s' has a negative MEAN", SPELLING(call));
        return false;
    }
    expression_set_number(call, interval_from(0));
    return true;
}
