/* The functions of the language: what arguments each takes, and between which bounds its value
 * lies.  docs/language.md says what each computes. */
#include "schema/expression_check.h"

#include "base/text.h"
#include "schema/builder.h"
#include "schema/names.h"

#include <math.h>
#include <stdio.h>

static const double ln_2 = 0.693147180559945309417232121458176568;
static const double PRIOR_MAXIMUM = 1e12;
static const double log10_2 = 0.301029995663981195213738894724493027;

struct signature {
    const char *usage;
    size_t arguments_minimum, arguments_maximum;
    bool (*visit)(struct checker *checker, struct expression *call);
};

/* Names arrive as names, or as fields of the item from a parser that cannot know better. */
static bool is_bare_name(const struct expression *expression)
{
    return expression->op == EXPRESSION_NAME ||
           (expression->op == EXPRESSION_FIELD && expression->subject == ENTITY_ITEM);
}

static bool refuse(struct checker *checker, const struct expression *expression, const char *by,
                   const char *wanted)
{
    violations_add(checker->violations, expression->position, NULL, "%s takes %s here, not '%.*s'",
                   by, wanted, SPELLING(expression));
    return false;
}

static const struct signal *visit_signal(struct checker *checker, const struct expression *call,
                                         size_t index)
{
    struct expression *argument = call->operands[index];
    const char *by = expression_function_name(call->function);
    if (!is_bare_name(argument)) {
        (void)refuse(checker, argument, by, "the name of a signal");
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

static bool literal_duration(struct checker *checker, const struct expression *call, size_t index,
                             int64_t *duration_ms)
{
    struct expression *argument = call->operands[index];
    const char *by = expression_function_name(call->function);
    if (argument->op != EXPRESSION_LITERAL || argument->value.type != VALUE_DURATION)
        return refuse(checker, argument, by, "a duration, as in 24h,");
    argument->type = TYPE_DURATION;
    *duration_ms = argument->value.integer;
    return true;
}

static bool positive_duration(struct checker *checker, const struct expression *call, size_t index,
                              const char *what)
{
    int64_t duration_ms;
    if (!literal_duration(checker, call, index, &duration_ms)) return false;
    struct duration duration = {(double)duration_ms, call->operands[index]->position};
    return duration_check(&duration, what, checker->violations);
}

static bool find_slot(const int64_t *list, size_t count, int64_t duration_ms, uint8_t *slot)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] != duration_ms) continue;
        *slot = (uint8_t)i;
        return true;
    }
    return false;
}

/* "it has 1h, 24h, 7d" */
static void list_durations(const int64_t *list, size_t count, const char *clause,
                           char out[HINT_BYTES])
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

static bool no_slot(struct checker *checker, const struct expression *argument,
                    const struct signal *signal, const char *what, const char *hint)
{
    char text[DURATION_TEXT_BYTES];
    duration_format(argument->value.integer, text);
    violations_add(checker->violations, argument->position, hint, "signal '%.*s' has no %s of %s",
                   NAME_ARGUMENTS(signal->name), what, text);
    return false;
}

static bool visit_half_life(struct checker *checker, const struct expression *call, size_t index,
                            const struct signal *signal, uint8_t *slot)
{
    int64_t duration_ms;
    char hint[HINT_BYTES];
    if (!literal_duration(checker, call, index, &duration_ms)) return false;
    if (find_slot(signal->half_life_ms, signal->half_life_count, duration_ms, slot)) return true;
    list_durations(signal->half_life_ms, signal->half_life_count, "HALF LIFE", hint);
    return no_slot(checker, call->operands[index], signal, "half-life", hint);
}

static bool visit_window(struct checker *checker, struct expression *call,
                         const struct signal *signal)
{
    int64_t duration_ms;
    char hint[HINT_BYTES];
    if (!literal_duration(checker, call, 1, &duration_ms)) return false;
    if (find_slot(signal->window_ms, signal->window_count, duration_ms, &call->slot)) return true;
    list_durations(signal->window_ms, signal->window_count, "WINDOWS", hint);
    return no_slot(checker, call->operands[1], signal, "window", hint);
}

/* Sums of values that may be negative have no lower bound; without VALUE none is negative. */
static struct interval sums_of(const struct signal *signal)
{
    return signal->values == SIGNAL_VALUE_NONE ? interval_from(0) : interval_all();
}

static bool visit_decay(struct checker *checker, struct expression *call)
{
    const struct signal *signal = visit_signal(checker, call, 0);
    if (!signal || !visit_half_life(checker, call, 1, signal, &call->slot)) return false;
    if (call->operand_count == 3) { /* rate: since when there is something to count */
        struct expression *time = call->operands[2];
        if (!checker_visit_as(checker, time, TYPE_TIMESTAMP, "rate")) return false;
        call->can_be_missing = time->can_be_missing;
    }
    call->signal = signal->id;
    expression_set_number(call, sums_of(signal));
    return true;
}

static bool visit_slope(struct checker *checker, struct expression *call)
{
    const struct signal *signal = visit_signal(checker, call, 0);
    if (!signal || !visit_half_life(checker, call, 1, signal, &call->slot)) return false;
    if (!visit_half_life(checker, call, 2, signal, &call->long_slot)) return false;
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

static bool visit_lowest(struct checker *checker, struct expression *call)
{
    const struct signal *signal = visit_signal(checker, call, 0);
    if (!signal) return false;
    if (signal->values != SIGNAL_VALUE_MIN_MAX) {
        violations_add(
            checker->violations, call->operands[0]->position, "define it with VALUE MIN MAX",
            "signal '%.*s' keeps no smallest and largest value", NAME_ARGUMENTS(signal->name));
        return false;
    }
    if (call->operand_count > 1 && !visit_window(checker, call, signal)) return false;
    call->signal = signal->id;
    call->can_be_missing = true;
    expression_set_number(call, interval_all());
    return true;
}

static bool visit_count(struct checker *checker, struct expression *call)
{
    const struct signal *signal = visit_signal(checker, call, 0);
    if (!signal) return false;
    if (call->operand_count > 1 && !visit_window(checker, call, signal)) return false;
    call->signal = signal->id;
    bool counts = call->function == FUNCTION_COUNT;
    expression_set_number(call, counts ? interval_from(0) : sums_of(signal));
    return true;
}

static bool visit_unique(struct checker *checker, struct expression *call)
{
    const struct signal *signal = visit_signal(checker, call, 0);
    char text[DURATION_TEXT_BYTES];
    if (!signal || !positive_duration(checker, call, 1, "window")) return false;
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

/* Within these bounds a smoothed value is finite whatever was counted. */
static bool check_prior(struct checker *checker, const struct expression *call)
{
    if (call->prior <= PRIOR_MAXIMUM &&
        (isnan(call->prior_mean) || fabs(call->prior_mean) <= PRIOR_MAXIMUM))
        return true;
    violations_add(checker->violations, call->position, "keep prior and MEAN within 1e12",
                   "'%.*s' has a prior that is too large", SPELLING(call));
    return false;
}

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

static bool visit_mean(struct checker *checker, struct expression *call)
{
    const struct signal *signal = visit_signal(checker, call, 0);
    if (!signal || !visit_window(checker, call, signal)) return false;
    bool has_prior = call->prior > 0;
    if (has_prior && !check_prior(checker, call)) return false;
    call->signal = call->denominator = signal->id;
    if (!check_group(checker, call)) return false;
    call->can_be_missing = !has_prior;
    struct interval means = sums_of(signal);
    if (has_prior && call->prior_mean < 0) means = interval_all();
    expression_set_number(call, means);
    return true;
}

static bool visit_velocity(struct checker *checker, struct expression *call)
{
    const struct signal *signal = visit_signal(checker, call, 0);
    if (!signal || !visit_window(checker, call, signal)) return false;
    int64_t windows[LIMIT_WINDOWS];
    uint8_t position;
    for (uint32_t i = 0; i < signal->velocity_count; i++)
        windows[i] = signal->window_ms[signal->velocity_window[i]];
    if (!find_slot(windows, signal->velocity_count, signal->window_ms[call->slot], &position)) {
        char hint[HINT_BYTES];
        list_durations(windows, signal->velocity_count, "VELOCITY", hint);
        return no_slot(checker, call->operands[1], signal, "velocity", hint);
    }
    call->signal = signal->id;
    expression_set_number(call, interval_all());
    return true;
}

static bool need_prior(struct checker *checker, const struct expression *call)
{
    char hint[HINT_BYTES];
    if (call->prior > 0) return check_prior(checker, call);
    snprintf(hint, sizeof hint, "write %s: how many events the prior counts for",
             call->function == FUNCTION_RATIO      ? "ratio(a, b, prior 20)"
             : call->function == FUNCTION_THOMPSON ? "thompson(a, b, $seed, prior 20)"
                                                   : "surge(signal, window, prior 5)");
    violations_add(checker->violations, call->position, hint, "'%.*s' has no prior above 0",
                   SPELLING(call));
    return false;
}

static bool visit_surge(struct checker *checker, struct expression *call)
{
    if (!visit_velocity(checker, call) || !need_prior(checker, call)) return false;
    expression_set_number(call, interval_from(0));
    return true;
}

/* The two signals whose counts are compared. */
static bool visit_two_signals(struct checker *checker, struct expression *call)
{
    const struct signal *signal = visit_signal(checker, call, 0);
    const struct signal *denominator = visit_signal(checker, call, 1);
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
    if (!literal_duration(checker, call, 2, &duration_ms)) return false;
    call->span = SPAN_HALF_LIFE;
    if (a->values == SIGNAL_VALUE_NONE && b->values == SIGNAL_VALUE_NONE &&
        find_slot(a->half_life_ms, a->half_life_count, duration_ms, &call->slot) &&
        find_slot(b->half_life_ms, b->half_life_count, duration_ms, &call->denominator_slot))
        return true;
    call->span = SPAN_WINDOW;
    if (find_slot(a->window_ms, a->window_count, duration_ms, &call->slot) &&
        find_slot(b->window_ms, b->window_count, duration_ms, &call->denominator_slot))
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
    if (find_slot(signal->half_life_ms, signal->half_life_count, half_ms, &call->half_slot) &&
        half_ms * 2 == call->operands[index]->value.integer)
        return true;
    duration_format(half_ms, text);
    snprintf(hint, sizeof hint, "add %s to its HALF LIFE", text);
    violations_add(checker->violations, call->operands[index]->position, hint,
                   "%s needs half of that half-life of signal '%.*s' as well",
                   expression_function_name(call->function), NAME_ARGUMENTS(signal->name));
    return false;
}

static bool visit_effective(struct checker *checker, struct expression *call)
{
    const struct signal *signal = visit_signal(checker, call, 0);
    if (!signal || !visit_half_life(checker, call, 1, signal, &call->slot)) return false;
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

static bool visit_wilson(struct checker *checker, struct expression *call)
{
    if (!visit_two_signals(checker, call)) return false;
    bool has_span = call->operand_count > 2 && is_duration(call->operands[2]);
    if (has_span && !visit_span(checker, call)) return false;
    if (call->span == SPAN_HALF_LIFE &&
        !visit_half(checker, call, 2, &checker->schema->signals[call->denominator]))
        return false;
    if (call->operand_count == 4 && !has_span)
        return refuse(checker, call->operands[2], "wilson", "a duration, as in 24h,");
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

static bool visit_thompson(struct checker *checker, struct expression *call)
{
    if (!visit_two_signals(checker, call) || !need_prior(checker, call)) return false;
    if (!check_group(checker, call)) return false;
    if (call->operand_count == 4 && !visit_span(checker, call)) return false;
    struct expression *seed = call->operands[call->operand_count - 1];
    if (!checker_visit_as(checker, seed, TYPE_NUMBER, "thompson")) return false;
    if (seed->op != EXPRESSION_LITERAL && seed->op != EXPRESSION_PARAMETER)
        return refuse(checker, seed, "thompson", "a number or a parameter");
    if (call->prior_mean < 0 || call->prior_mean > 1) {
        violations_add(checker->violations, call->position, "write a number from 0 to 1",
                       "'%.*s' has a MEAN that is no share", SPELLING(call));
        return false;
    }
    expression_set_number(call, interval_of(0, 1));
    return true;
}

static bool visit_ratio(struct checker *checker, struct expression *call)
{
    if (!visit_two_signals(checker, call) || !need_prior(checker, call)) return false;
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

static bool visit_user(struct checker *checker, const struct expression *call)
{
    struct expression *argument = call->operands[0];
    if (argument->op != EXPRESSION_SUBJECT || argument->subject != ENTITY_USER)
        return refuse(checker, argument, expression_function_name(call->function), "'user'");
    argument->type = TYPE_SUBJECT;
    return true;
}

/* A field of item whose values are topics; NULL: it is none. */
static const struct field *visit_topics(struct checker *checker, struct expression *call)
{
    bool ok = visit_user(checker, call);
    struct expression *argument = call->operands[1];
    const char *by = expression_function_name(call->function);
    if (!is_bare_name(argument)) {
        (void)refuse(checker, argument, by, "a field of item");
        return NULL;
    }
    if (!checker_visit(checker, argument) || !ok) return NULL;
    const struct field *field = &checker->schema->fields[argument->field];
    if (!field_names_topics(field)) {
        violations_add(checker->violations, argument->position,
                       "use a keyword, keyword[] or reference",
                       "%s cannot be kept for '%.*s', of type %s", by, NAME_ARGUMENTS(field->name),
                       field_type_name(field->type));
        return NULL;
    }
    call->field = field->id;
    call->can_be_missing = true;
    return field;
}

static bool visit_affinity(struct checker *checker, struct expression *call)
{
    if (!visit_topics(checker, call)) return false;
    expression_set_number(call, interval_of(0, 1));
    return call->operand_count < 3 || positive_duration(checker, call, 2, "half-life of affinity");
}

static bool visit_exposure(struct checker *checker, struct expression *call)
{
    const struct field *field = visit_topics(checker, call);
    if (!field) return false;
    expression_set_number(call, interval_from(0));
    if (field->exposure_half_life_ms > 0) return true;
    char hint[HINT_BYTES];
    snprintf(hint, sizeof hint, "DEFINE EXPOSURE ON item.%.*s HALF LIFE 6h",
             NAME_ARGUMENTS(field->name));
    violations_add(checker->violations, call->operands[1]->position, hint,
                   "no exposure is kept by '%.*s'", NAME_ARGUMENTS(field->name));
    return false;
}

/* last and since: of what a user says of an item one state is kept. */
static bool visit_last(struct checker *checker, struct expression *call)
{
    if (!visit_user(checker, call)) return false;
    const struct signal *signal = visit_signal(checker, call, 1);
    if (!signal) return false;
    if (!signal->unique_per_user) {
        violations_add(checker->violations, call->operands[1]->position,
                       "only what is UNIQUE PER USER has a state",
                       "what a user last said with signal '%.*s' is not kept",
                       NAME_ARGUMENTS(signal->name));
        return false;
    }
    call->signal = signal->id;
    call->can_be_missing = true;
    expression_set_number(call,
                          call->function == FUNCTION_LAST ? interval_all() : interval_from(0));
    return true;
}

static bool visit_times_seen(struct checker *checker, struct expression *call)
{
    if (!visit_user(checker, call)) return false;
    call->can_be_missing = call->function == FUNCTION_LAST_SEEN;
    expression_set_number(call, interval_from(0));
    return true;
}

static bool names_kind(const struct expression *expression, enum entity_kind kind)
{
    const char *name = entity_kind_name(kind);
    if (expression->op == EXPRESSION_SUBJECT) return expression->subject == kind;
    return is_bare_name(expression) && slice_equal(expression->name, slice_of(name, strlen(name)));
}

static bool visit_related(struct checker *checker, struct expression *call)
{
    struct expression *argument = call->operands[1];
    if (!visit_user(checker, call)) return false;
    if (!is_bare_name(argument))
        return refuse(checker, argument, "related", "the name of a relation");
    const struct relation *relation = schema_find_relation(checker->schema, argument->name);
    if (!relation) {
        char hint[HINT_BYTES];
        name_hint(checker->schema, DEFINE_RELATION, ENTITY_ITEM, argument->name,
                  "define it with DEFINE RELATION", hint);
        violations_add(checker->violations, argument->position, hint,
                       "relation '%.*s' does not exist", NAME_ARGUMENTS(argument->name));
        return false;
    }
    if (!relation_check_user(checker->schema, relation, argument->position, checker->violations))
        return false;
    if (call->operand_count == 3 && !names_kind(call->operands[2], relation->to))
        return refuse(checker, call->operands[2], "related", entity_kind_name(relation->to));
    argument->type = TYPE_NAME;
    argument->relation = call->relation = relation->id;
    call->can_be_missing = true;
    expression_set_number(call, interval_all());
    return true;
}

static bool visit_coengagement(struct checker *checker, struct expression *call)
{
    if (!call->seeds || !seeds_check(call->seeds, checker->schema, checker->violations))
        return false;
    call->can_be_missing = true;
    expression_set_number(call,
                          interval_of(0, call->seeds->of_item ? 1 : (double)call->seeds->count));
    return true;
}

static bool visit_seen(struct checker *checker, struct expression *call)
{
    if (call->operand_count > 0 && !positive_duration(checker, call, 0, "age of seen"))
        return false;
    call->type = TYPE_BOOLEAN;
    return true;
}

static bool visit_freshness(struct checker *checker, struct expression *call)
{
    struct expression *time = call->operands[0];
    const char *by = expression_function_name(call->function);
    bool ok = checker_visit_as(checker, time, TYPE_TIMESTAMP, by);
    if (call->function == FUNCTION_FRESHNESS)
        ok &= positive_duration(checker, call, 1, "half-life of freshness");
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

static bool visit_saturate(struct checker *checker, struct expression *call)
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

static bool visit_log(struct checker *checker, struct expression *call)
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

static bool visit_sqrt(struct checker *checker, struct expression *call)
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

static bool visit_pow(struct checker *checker, struct expression *call)
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

static bool visit_abs(struct checker *checker, struct expression *call)
{
    if (!visit_numbers(checker, call)) return false;
    expression_set_number(call, interval_abs(expression_interval(call->operands[0])));
    return true;
}

static bool visit_extreme(struct checker *checker, struct expression *call)
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

static bool visit_clamp(struct checker *checker, struct expression *call)
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

static bool visit_coalesce(struct checker *checker, struct expression *call)
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

static bool visit_if(struct checker *checker, struct expression *call)
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

enum { ANY_NUMBER = 64 };

static const struct signature signatures[] = {
    [FUNCTION_DECAY] = {"decay(signal, half life)", 2, 2, visit_decay},
    [FUNCTION_RATE] = {"rate(signal, half life, item.time)", 2, 3, visit_decay},
    [FUNCTION_COUNT] = {"count(signal, window)", 1, 2, visit_count},
    [FUNCTION_SUM] = {"sum(signal, window)", 1, 2, visit_count},
    [FUNCTION_MEAN] = {"mean(signal, window)", 2, 2, visit_mean},
    [FUNCTION_UNIQUE] = {"unique(signal, window)", 2, 2, visit_unique},
    [FUNCTION_VELOCITY] = {"velocity(signal, window)", 2, 2, visit_velocity},
    [FUNCTION_RATIO] = {"ratio(signal, signal, time, prior 20)", 2, 3, visit_ratio},
    [FUNCTION_EFFECTIVE] = {"effective(signal, half life)", 2, 2, visit_effective},
    [FUNCTION_SLOPE] = {"slope(signal, half life, half life)", 3, 3, visit_slope},
    [FUNCTION_SURGE] = {"surge(signal, window, prior 5)", 2, 2, visit_surge},
    [FUNCTION_LOWEST] = {"lowest(signal, window)", 1, 2, visit_lowest},
    [FUNCTION_HIGHEST] = {"highest(signal, window)", 1, 2, visit_lowest},
    [FUNCTION_WILSON] = {"wilson(signal, signal, time, 1.96)", 2, 4, visit_wilson},
    [FUNCTION_THOMPSON] = {"thompson(signal, signal, time, $seed, prior 20)", 3, 4, visit_thompson},
    [FUNCTION_AFFINITY] = {"affinity(user, item.field, half life)", 2, 3, visit_affinity},
    [FUNCTION_EXPOSURE] = {"exposure(user, item.field)", 2, 2, visit_exposure},
    [FUNCTION_LAST] = {"last(user, signal)", 2, 2, visit_last},
    [FUNCTION_SINCE] = {"since(user, signal)", 2, 2, visit_last},
    [FUNCTION_TIMES_SEEN] = {"times_seen(user)", 1, 1, visit_times_seen},
    [FUNCTION_LAST_SEEN] = {"last_seen(user)", 1, 1, visit_times_seen},
    [FUNCTION_COENGAGEMENT] = {"coengagement(user.recent(20))", 0, 0, visit_coengagement},
    [FUNCTION_RELATED] = {"related(user relation creator)", 2, 3, visit_related},
    [FUNCTION_SEEN] = {"seen(age)", 0, 1, visit_seen},
    [FUNCTION_FRESHNESS] = {"freshness(item.field, half life)", 2, 2, visit_freshness},
    [FUNCTION_AGE] = {"age(item.field)", 1, 1, visit_freshness},
    [FUNCTION_SATURATE] = {"saturate(x, pivot)", 2, 2, visit_saturate},
    [FUNCTION_LOG] = {"log(x)", 1, 1, visit_log},
    [FUNCTION_LOG2] = {"log2(x)", 1, 1, visit_log},
    [FUNCTION_LOG10] = {"log10(x)", 1, 1, visit_log},
    [FUNCTION_SQRT] = {"sqrt(x)", 1, 1, visit_sqrt},
    [FUNCTION_POW] = {"pow(x, y)", 2, 2, visit_pow},
    [FUNCTION_ABS] = {"abs(x)", 1, 1, visit_abs},
    [FUNCTION_MIN] = {"min(x, y)", 2, ANY_NUMBER, visit_extreme},
    [FUNCTION_MAX] = {"max(x, y)", 2, ANY_NUMBER, visit_extreme},
    [FUNCTION_CLAMP] = {"clamp(x, low, high)", 3, 3, visit_clamp},
    [FUNCTION_COALESCE] = {"coalesce(x, y)", 2, ANY_NUMBER, visit_coalesce},
    [FUNCTION_IF] = {"if(condition, then, else)", 3, 3, visit_if},
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
    bool takes_prior = call->function == FUNCTION_RATIO || call->function == FUNCTION_MEAN ||
                       call->function == FUNCTION_SURGE || call->function == FUNCTION_THOMPSON;
    if (call->prior >= 0 && !takes_prior) {
        violations_add(checker->violations, call->position,
                       "ratio, mean, surge and thompson alone have one", "%s takes no prior",
                       expression_function_name(call->function));
        return false;
    }
    if (call->prior_field.bytes > 0 && call->function == FUNCTION_SURGE) {
        violations_add(checker->violations, call->prior_field_position,
                       "ratio, mean and thompson alone have one",
                       "surge takes no prior of a field");
        return false;
    }
    return signature->visit(checker, call);
}
