/* Running programs; compile.c makes them. */
#include "ranking/program_private.h"

#include "behaviour/behaviour.h"
#include "entities/entities.h"
#include "ranking/estimate.h"
#include "ranking/math.h"
#include "relations/edges.h"
#include "signals/unique.h"

#include <float.h>
#include <string.h>

#define HOUR_MS 3600000.0

static void read_constant(const struct instruction *instruction, struct columns *at)
{
    for (size_t i = 0; i < at->count; i++) {
        instruction->values[i] = instruction->number;
        instruction->missing[i] = instruction->is_missing;
    }
}

/* Keywords, texts, exact integers: the set was computed once, for all items. */
static void read_filter(const struct instruction *instruction, struct columns *at)
{
    for (size_t i = 0; i < at->count; i++) {
        instruction->values[i] = bitset_has(instruction->matches, at->items[i]);
        instruction->missing[i] = bitset_has(instruction->unknown, at->items[i]);
    }
}

static void read_same(const struct instruction *instruction, struct columns *at)
{
    const struct entities *entities = at->program->scope.view->entities;
    struct slice left[LIMIT_LIST_VALUES], right[LIMIT_LIST_VALUES];
    for (size_t i = 0; i < at->count; i++) {
        struct value a =
            entities_value(entities, instruction->field, at->items[i], left, LIMIT_LIST_VALUES);
        struct value b =
            entities_value(entities, instruction->other, at->items[i], right, LIMIT_LIST_VALUES);
        bool missing = a.type == VALUE_MISSING || b.type == VALUE_MISSING;
        instruction->values[i] = !missing && values_meet(&a, &b);
        instruction->missing[i] = missing;
    }
}

static void read_edge(const struct instruction *instruction, struct columns *at)
{
    const struct scope *scope = &at->program->scope;
    struct slice none;
    for (size_t i = 0; i < at->count; i++) {
        const struct edge *edge = NULL;
        ordinal to = at->items[i];
        if (instruction->field) {
            struct value value =
                entities_value(scope->view->entities, instruction->field, at->items[i], &none, 0);
            to = value.type != VALUE_REFERENCE
                     ? ORDINAL_NONE
                     : entities_find(scope->view->entities, instruction->field->references,
                                     value.reference);
        }
        if (to != ORDINAL_NONE && scope->user != ORDINAL_NONE)
            edge = edges_find(scope->view->edges, instruction->relation, scope->user, to);
        instruction->values[i] = edge ? (double)edge->weight : 0;
        instruction->missing[i] = !edge;
    }
}

static void read_seen(const struct instruction *instruction, struct columns *at)
{
    const struct scope *scope = &at->program->scope;
    for (size_t i = 0; i < at->count; i++) {
        struct behaviour_seen seen;
        bool any = scope->user != ORDINAL_NONE &&
                   behaviour_seen(scope->view->behaviour, scope->user, at->items[i], &seen);
        instruction->values[i] = any && seen.newest_ms > instruction->after_ms;
        instruction->missing[i] = false;
    }
}

static void read_scores(const struct instruction *instruction, struct columns *at)
{
    for (size_t i = 0; i < at->count; i++) {
        const uint64_t *bits = id_map_find(instruction->weights, at->items[i]);
        instruction->values[i] = 0;
        if (bits) memcpy(&instruction->values[i], bits, sizeof *bits);
        instruction->missing[i] = instruction->is_missing;
    }
}

/* A draw from the posterior Beta: which follows from the seed and the item's id. */
static void read_thompson(const struct instruction *instruction, struct columns *at)
{
    static const double least = 1e-3; /* of a shape */
    const struct program *program = at->program;
    const struct feature *prior = &instruction->feature;
    for (size_t i = 0; i < at->count; i++) {
        double hits = program->instructions[instruction->a].values[i];
        double misses = program->instructions[instruction->b].values[i] - hits;
        double mean = program->instructions[instruction->c].values[i];
        if (mean > 1) mean = 1;
        double a = hits + prior->prior * mean;
        double b = (misses > 0 ? misses : 0) + prior->prior * (1 - mean);
        entity_id id = entities_id(program->scope.view->entities, ENTITY_ITEM, at->items[i]);
        instruction->values[i] =
            estimate_beta(a > least ? a : least, b > least ? b : least,
                          instruction->seed ^ id * UINT64_C(0xd6e8feb86659fd93));
        instruction->missing[i] = false;
    }
}

/* (X + n m) / (Y + n) of what is known of the item's values together. */
static void read_prior(const struct instruction *instruction, struct columns *at)
{
    const struct view *view = at->program->scope.view;
    const struct feature *all = &instruction->feature;
    struct slice texts[LIMIT_LIST_VALUES];
    for (size_t i = 0; i < at->count; i++) {
        struct group_sums sums = {0};
        struct value value = entities_value(view->entities, instruction->field, at->items[i], texts,
                                            LIMIT_LIST_VALUES);
        if (value.type == VALUE_REFERENCE)
            groups_add(view->groups, &instruction->group, group_of_reference(value.reference),
                       &sums);
        if (value.type == VALUE_TEXT)
            groups_add(view->groups, &instruction->group, group_of_text(value.text), &sums);
        for (size_t j = 0; value.type == VALUE_TEXT_LIST && j < value.list.count; j++)
            groups_add(view->groups, &instruction->group, group_of_text(value.list.texts[j]),
                       &sums);
        instruction->values[i] =
            math_clip((sums.amount + all->prior * all->prior_mean) / (sums.of + all->prior));
        instruction->missing[i] = false;
    }
}

static void read_unique(const struct instruction *instruction, struct columns *at)
{
    const struct scope *scope = &at->program->scope;
    struct unique_window window = {instruction->feature.signal, (int64_t)instruction->number,
                                   scope->now_ms};
    unique_read(
        scope->view->unique, &window, at->items, at->count,
        (struct feature_column){.values = instruction->values, .missing = instruction->missing});
}

/* All that are asked of the ledger, together: an item's records are looked up once. */
static void read_features(const struct columns *at)
{
    enum { TOGETHER = 32 };
    const struct program *program = at->program;
    const struct scope *scope = &program->scope;
    struct feature_question questions[TOGETHER];
    size_t asked = 0;
    for (size_t i = 0; i < program->count; i++) {
        const struct instruction *instruction = &program->instructions[i];
        if (instruction->op == OP_FEATURE)
            questions[asked++] = (struct feature_question){
                &instruction->feature,
                {instruction->values, instruction->missing, scope->view->cold}};
        if (asked < TOGETHER && (asked == 0 || i + 1 < program->count)) continue;
        features_read_all(scope->view->ledger, questions, asked, scope->now_ms, at->items,
                          at->count);
        asked = 0;
    }
}

static void read_leaf(const struct instruction *instruction, struct columns *at)
{
    const struct scope *scope = &at->program->scope;
    switch (instruction->op) {
    case OP_CONSTANT:
        read_constant(instruction, at);
        return;
    case OP_NUMBER:
        entities_numbers(scope->view->entities, instruction->field, at->items, at->count,
                         instruction->values, instruction->missing);
        return;
    case OP_FILTER:
        read_filter(instruction, at);
        return;
    case OP_FEATURE:
        return; /* read_features has been there */
    case OP_PRIOR:
        read_prior(instruction, at);
        return;
    case OP_UNIQUE:
        read_unique(instruction, at);
        return;
    case OP_SAME:
        read_same(instruction, at);
        return;
    case OP_EDGE:
        read_edge(instruction, at);
        return;
    case OP_SEEN:
        read_seen(instruction, at);
        return;
    case OP_THOMPSON:
        read_thompson(instruction, at);
        return;
    case OP_SAID:
        read_said(instruction, at);
        return;
    case OP_SCORES:
        read_scores(instruction, at);
        return;
    default:
        read_weights(instruction, at);
        return;
    }
}

/* One argument, never missing. */
static double apply_one(const struct instruction *instruction, const struct scope *scope, double a)
{
    switch (instruction->op) {
    case OP_NEGATE:
        return -a;
    case OP_NOT:
        return a == 0;
    case OP_LOG:
        return math_log(a);
    case OP_LOG2:
        return math_log2(a);
    case OP_LOG10:
        return math_log10(a);
    case OP_SQRT:
        return math_sqrt(a);
    case OP_ABS:
        return a < 0 ? -a : a;
    case OP_AGE: {
        double age_ms = (double)scope->now_ms - a;
        return age_ms > 0 ? age_ms / HOUR_MS : 0;
    }
    default: { /* OP_FRESHNESS */
        double age_ms = (double)scope->now_ms - a;
        return age_ms > 0 ? math_exp2(-age_ms / instruction->number) : 1;
    }
    }
}

/* What is younger than its kernel is long has had no time to fill it. */
static double correct_young(double rate, double age_ms, double half_life_ms)
{
    const double least_ms = 1000;
    if (age_ms < least_ms) age_ms = least_ms;
    return math_clip(rate / (1 - math_exp2(-age_ms / half_life_ms)));
}

/* Two arguments, neither missing. */
static double apply_two(const struct instruction *instruction, const struct scope *scope, double a,
                        double b)
{
    switch (instruction->op) {
    case OP_WILSON:
        return estimate_wilson(a, b, instruction->number);
    case OP_EFFECTIVE:
        return b > 0 ? math_clip(a * a / b) : 0;
    case OP_YOUNG:
        return correct_young(a, (double)scope->now_ms - b, instruction->number);
    case OP_ADD:
        return math_clip(a + b);
    case OP_SUBTRACT:
        return math_clip(a - b);
    case OP_MULTIPLY:
        return math_clip(a * b);
    case OP_DIVIDE:
        return math_clip(a / b);
    case OP_POW:
        return math_clip(math_pow(a, b));
    case OP_POWER:
        return math_clip(math_power(a, (unsigned)b));
    case OP_SATURATE:
        if (!(a > 0)) return 0;
        return a + b <= DBL_MAX ? a / (a + b) : 0.5 * a / (0.5 * a + 0.5 * b);
    case OP_MIN:
        return a < b ? a : b;
    case OP_MAX:
        return a > b ? a : b;
    case OP_EQUAL:
        return a == b;
    case OP_NOT_EQUAL:
        return a != b;
    case OP_LESS:
        return a < b;
    default: /* OP_LESS_EQUAL */
        return a <= b;
    }
}

/* AND and OR of what may be unknown: one side alone can decide. */
static void apply_logic(const struct instruction *instruction, const struct instruction *a,
                        const struct instruction *b, size_t i)
{
    double decisive = instruction->op == OP_OR ? 1 : 0;
    bool a_decides = !a->missing[i] && a->values[i] == decisive;
    bool b_decides = !b->missing[i] && b->values[i] == decisive;
    instruction->missing[i] = !a_decides && !b_decides && (a->missing[i] || b->missing[i]);
    bool decided = a_decides || b_decides;
    instruction->values[i] = instruction->missing[i] ? 0 : decided ? decisive : 1 - decisive;
}

static void apply_choice(const struct instruction *instruction, const struct instruction *condition,
                         const struct instruction *a, const struct instruction *b, size_t i)
{
    bool yes = !condition->missing[i] && condition->values[i] != 0;
    const struct instruction *chosen = yes ? a : b;
    instruction->values[i] = chosen->values[i];
    instruction->missing[i] = chosen->missing[i];
}

/* Three arguments, none missing. */
static double apply_three(const struct instruction *instruction, double a, double b, double c)
{
    if (instruction->op == OP_SMOOTHED)
        return math_clip((a + instruction->number * c) / (b + instruction->number));
    double share = !(b > 0) ? 0 : a < b ? a / b : 1;
    return estimate_wilson(share * c, c, instruction->number);
}

static void combine(struct program *program, const struct instruction *instruction, size_t count)
{
    const struct instruction *a = &program->instructions[instruction->a];
    const struct instruction *b = &program->instructions[instruction->b];
    const struct instruction *c = &program->instructions[instruction->c];
    for (size_t i = 0; i < count; i++) {
        double value = 0;
        bool missing = a->missing[i];
        if (instruction->op == OP_AND || instruction->op == OP_OR) {
            apply_logic(instruction, a, b, i);
            continue;
        }
        if (instruction->op == OP_IF) {
            apply_choice(instruction, a, b, c, i);
            continue;
        }
        if (instruction->op > OP_IF) {
            instruction->missing[i] = missing || b->missing[i] || c->missing[i];
            instruction->values[i] =
                instruction->missing[i]
                    ? 0
                    : apply_three(instruction, a->values[i], b->values[i], c->values[i]);
            continue;
        }
        if (instruction->op == OP_IS_MISSING) {
            value = missing;
            missing = false;
        } else if (instruction->op == OP_COALESCE) {
            value = missing ? b->values[i] : a->values[i];
            missing = missing && b->missing[i];
        } else if (instruction->op < OP_FIRST_OF_TWO) {
            if (!missing) value = apply_one(instruction, &program->scope, a->values[i]);
        } else {
            missing = missing || b->missing[i];
            if (!missing)
                value = apply_two(instruction, &program->scope, a->values[i], b->values[i]);
        }
        instruction->values[i] = value;
        instruction->missing[i] = missing;
    }
}

struct program_result program_run(struct program *program, const ordinal *items, size_t count)
{
    struct columns at = {.program = program, .items = items, .count = count};
    read_features(&at);
    for (size_t i = 0; i < program->count; i++) {
        const struct instruction *instruction = &program->instructions[i];
        if (instruction->op < OP_FIRST_OF_ONE) {
            read_leaf(instruction, &at);
        } else {
            combine(program, instruction, count);
        }
    }
    const struct instruction *last = &program->instructions[program->count - 1];
    return (struct program_result){last->values, last->missing};
}

bool program_is_estimated(const struct program *program)
{
    const struct scope *scope = &program->scope;
    for (size_t i = 0; i < program->count; i++) {
        const struct instruction *instruction = &program->instructions[i];
        if (instruction->op == OP_FEATURE &&
            features_estimated(scope->view->ledger, &instruction->feature, scope->now_ms))
            return true;
    }
    return false;
}

void program_free(struct program *program)
{
    if (!program) return;
    for (size_t i = 0; i < program->count; i++) {
        struct instruction *instruction = &program->instructions[i];
        if (instruction->matches) bitset_release(instruction->matches);
        if (instruction->unknown) bitset_release(instruction->unknown);
        if (instruction->weights) id_map_release(instruction->weights);
    }
}
