/* The promise of the checker: what it accepts is never NaN or infinite, and lies in its interval.
 *
 * Random trees are checked, and those accepted are evaluated by a naive evaluator whose logarithms
 * and powers are its own, on data that seeks the edges: zero, denormals, the largest doubles. */
#include "schema/interval.h"

#include "base/choices.h"
#include "harness/test.h"
#include "schema/schema.h"
#include "unit/schema/declare.h"

#include <float.h>
#include <math.h>

static const double ln_2 = 0.693147180559945309417232121458176568;

static double clip(double x)
{
    if (x > DBL_MAX) return DBL_MAX;
    if (x < -DBL_MAX) return -DBL_MAX;
    return x;
}

/* By squaring the mantissa: each square that passes 2 gives one bit. */
static double naive_log2(double x)
{
    double result = 0, bit = 0.5;
    if (!(x > 0)) return __builtin_nan("");
    while (x >= 2) {
        x /= 2;
        result++;
    }
    while (x < 1) {
        x *= 2;
        result--;
    }
    for (int i = 0; i < 52; i++, bit /= 2) {
        x *= x;
        if (x < 2) continue;
        x /= 2;
        result += bit;
    }
    return result;
}

/* Multiplies the roots 2^(1/2), 2^(1/4), ... that the bits of the fraction ask for. */
static double naive_exp2(double x)
{
    if (x > 1100) return __builtin_inf();
    if (x < -1200) return 0;
    double result = 1, root = 2, bit = 1;
    while (x >= 1) {
        result *= 2;
        x--;
    }
    while (x < 0) {
        result /= 2;
        x++;
    }
    for (int i = 0; i < 52; i++) {
        root = __builtin_sqrt(root);
        bit /= 2;
        if (x < bit) continue;
        result *= root;
        x -= bit;
    }
    return result;
}

static double naive_pow(double base, const struct expression *exponent, double power)
{
    if (base > 0) return clip(naive_exp2(clip(power * naive_log2(base))));
    if (exponent->op != EXPRESSION_LITERAL || power < 0 || power != (double)(int)power)
        return __builtin_nan("");
    double result = 1;
    for (int i = 0; i < (int)power; i++)
        result = clip(result * base);
    return result;
}

/* One finite number that data could hold. */
static double draw_number(struct choices *choices)
{
    static const double edges[] = {0,     -0.0,   1,         -1,         0.5,  DBL_MAX, -DBL_MAX,
                                   1e200, 1e-200, 0x1p-1074, -0x1p-1074, 1e-3, 20,      1e9};
    uint64_t which = choose(choices, sizeof edges / sizeof *edges);
    if (which < sizeof edges / sizeof *edges) return edges[which];
    double mantissa = (double)choose(choices, 2000) / 1000 - 1;
    return mantissa * naive_exp2((double)choose(choices, 200) - 100);
}

static double magnitude(double x)
{
    return x < 0 ? -x : x;
}

/* What the data could give for a leaf, by what the function means. */
static double draw_leaf(const struct expression *leaf, struct choices *choices)
{
    double x = draw_number(choices);
    if (leaf->op != EXPRESSION_CALL) return x;
    switch (leaf->function) {
    case FUNCTION_DECAY:
        return slice_equal(leaf->operands[0]->name, text_of("vote")) ? x : magnitude(x);
    case FUNCTION_COUNT:
    case FUNCTION_AGE:
    case FUNCTION_RATIO:
        return magnitude(x);
    case FUNCTION_AFFINITY:
    case FUNCTION_FRESHNESS:
        return magnitude(x) > 1 ? 1 / magnitude(x) : magnitude(x);
    default:
        return x;
    }
}

struct evaluation {
    struct choices *choices;
    bool strayed; /* a value is NaN, infinite or outside its interval */
};

static double evaluate(struct evaluation *evaluation, const struct expression *e);

static double operand(struct evaluation *evaluation, const struct expression *e, size_t index)
{
    return evaluate(evaluation, e->operands[index]);
}

static double evaluate_call(struct evaluation *evaluation, const struct expression *e)
{
    double x, y, z;
    switch (e->function) {
    case FUNCTION_SATURATE:
        x = operand(evaluation, e, 0);
        y = operand(evaluation, e, 1);
        return x > 0 ? x / clip(x + y) : 0;
    case FUNCTION_LOG:
        return naive_log2(operand(evaluation, e, 0)) * ln_2;
    case FUNCTION_LOG2:
        return naive_log2(operand(evaluation, e, 0));
    case FUNCTION_LOG10:
        return naive_log2(operand(evaluation, e, 0)) * 0.30102999566398120;
    case FUNCTION_SQRT:
        return __builtin_sqrt(operand(evaluation, e, 0));
    case FUNCTION_POW:
        x = operand(evaluation, e, 0);
        return naive_pow(x, e->operands[1], operand(evaluation, e, 1));
    case FUNCTION_ABS:
        return magnitude(operand(evaluation, e, 0));
    case FUNCTION_MIN:
        x = operand(evaluation, e, 0);
        y = operand(evaluation, e, 1);
        return x < y ? x : y;
    case FUNCTION_MAX:
        x = operand(evaluation, e, 0);
        y = operand(evaluation, e, 1);
        return x > y ? x : y;
    case FUNCTION_CLAMP:
        x = operand(evaluation, e, 0);
        y = operand(evaluation, e, 1);
        z = operand(evaluation, e, 2);
        x = x > y ? x : y;
        return x < z ? x : z;
    case FUNCTION_COALESCE:
        x = operand(evaluation, e, 0);
        y = operand(evaluation, e, 1);
        return e->operands[0]->can_be_missing && choose_one_in(evaluation->choices, 2) ? y : x;
    case FUNCTION_IF:
        x = operand(evaluation, e, 1);
        y = operand(evaluation, e, 2);
        return choose_one_in(evaluation->choices, 2) ? x : y;
    default:
        return draw_leaf(e, evaluation->choices);
    }
}

static double evaluate_node(struct evaluation *evaluation, const struct expression *e)
{
    double x, y;
    switch (e->op) {
    case EXPRESSION_LITERAL:
        return e->value.type == VALUE_INTEGER ? (double)e->value.integer : e->value.number;
    case EXPRESSION_CALL:
        return evaluate_call(evaluation, e);
    case EXPRESSION_NEGATE:
        return -operand(evaluation, e, 0);
    case EXPRESSION_ADD:
        x = operand(evaluation, e, 0);
        return clip(x + operand(evaluation, e, 1));
    case EXPRESSION_SUBTRACT:
        x = operand(evaluation, e, 0);
        return clip(x - operand(evaluation, e, 1));
    case EXPRESSION_MULTIPLY:
        x = operand(evaluation, e, 0);
        return clip(x * operand(evaluation, e, 1));
    case EXPRESSION_DIVIDE:
        x = operand(evaluation, e, 0);
        y = operand(evaluation, e, 1);
        return y == 0 ? __builtin_nan("") : clip(x / y);
    default:
        return draw_leaf(e, evaluation->choices);
    }
}

static double evaluate(struct evaluation *evaluation, const struct expression *e)
{
    double x = evaluate_node(evaluation, e);
    if (isnan(x) || isinf(x) || x < e->low || x > e->high) {
        if (!evaluation->strayed)
            fprintf(stderr, "    %.*s op %d gives %a, not in [%a, %a]\n", (int)e->text.bytes,
                    (const char *)e->text.data, (int)e->op, x, e->low, e->high);
        evaluation->strayed = true;
    }
    return x;
}

static struct expression *generate_leaf(struct arena *a, struct choices *choices)
{
    static const double literals[] = {1, 0, 0.001, -1, 2, 20, 0.5, 1e300, -1e300, 1e-300};
    switch (choose(choices, 9)) {
    case 0:
        return number(a, literals[choose(choices, 9)]);
    case 1:
        return whole(a, (int64_t)choose(choices, 5));
    case 2:
        return item_field(a, "rating");
    case 3:
        return call(a, FUNCTION_DECAY, 2, bare(a, "view"), hours(a, 1));
    case 4:
        return call(a, FUNCTION_DECAY, 2, bare(a, "vote"), hours(a, 7 * 24));
    case 5:
        return call(a, FUNCTION_COUNT, 1, bare(a, "like"));
    case 6:
        return call(a, FUNCTION_AFFINITY, 2, subject_user(a), item_field(a, "category"));
    case 7:
        return call(a, FUNCTION_FRESHNESS, 2, item_field(a, "published"), hours(a, 1));
    case 8:
        return call(a, FUNCTION_VELOCITY, 2, bare(a, "view"), hours(a, 1));
    default:
        return parameter(a, "p");
    }
}

static struct expression *generate(struct arena *a, struct choices *choices, int depth);

/* Half of all divisors, logarithms and powers are guarded, in one of the ways that hints give. */
static struct expression *generate_guarded(struct arena *a, struct choices *choices, int depth)
{
    struct expression *x = generate(a, choices, depth);
    switch (choose(choices, 5)) {
    case 0:
        return operation(a, EXPRESSION_ADD, 2, whole(a, 1), call(a, FUNCTION_ABS, 1, x));
    case 1:
        return call(a, FUNCTION_MAX, 2, x, number(a, 0.001));
    case 2:
        return call(a, FUNCTION_CLAMP, 3, x, number(a, 0.5), number(a, 8));
    case 3:
        return operation(a, EXPRESSION_ADD, 2, whole(a, 2), x);
    default:
        return x;
    }
}

static struct expression *generate_call(struct arena *a, struct choices *choices, int depth)
{
    struct expression *x = generate_guarded(a, choices, depth);
    switch (choose(choices, 11)) {
    case 0:
        return call(a, FUNCTION_ABS, 1, x);
    case 1:
        return call(a, FUNCTION_LOG, 1, x);
    case 2:
        return call(a, FUNCTION_LOG2, 1, x);
    case 3:
        return call(a, FUNCTION_LOG10, 1, x);
    case 4:
        return call(a, FUNCTION_SQRT, 1, x);
    case 5:
        return call(a, FUNCTION_POW, 2, x, generate(a, choices, depth));
    case 6:
        return call(a, FUNCTION_SATURATE, 2, x, generate_guarded(a, choices, depth));
    case 7:
        return call(a, FUNCTION_MIN, 2, x, generate(a, choices, depth));
    case 8:
        return call(a, FUNCTION_MAX, 2, x, generate(a, choices, depth));
    case 9:
        return call(a, FUNCTION_CLAMP, 3, x, generate(a, choices, depth),
                    generate(a, choices, depth));
    case 10:
        return call(a, FUNCTION_COALESCE, 2, x, generate(a, choices, depth));
    default:
        return call(a, FUNCTION_IF, 3, item_field(a, "live"), x, generate(a, choices, depth));
    }
}

static struct expression *generate(struct arena *a, struct choices *choices, int depth)
{
    if (depth == 0 || choose_one_in(choices, 4)) return generate_leaf(a, choices);
    struct expression *x;
    switch (choose(choices, 6)) {
    case 0:
        return operation(a, EXPRESSION_NEGATE, 1, generate(a, choices, depth - 1));
    case 1:
        x = generate(a, choices, depth - 1);
        return operation(a, EXPRESSION_ADD, 2, x, generate(a, choices, depth - 1));
    case 2:
        x = generate(a, choices, depth - 1);
        return operation(a, EXPRESSION_SUBTRACT, 2, x, generate(a, choices, depth - 1));
    case 3:
        x = generate(a, choices, depth - 1);
        return operation(a, EXPRESSION_MULTIPLY, 2, x, generate(a, choices, depth - 1));
    case 4:
        x = generate(a, choices, depth - 1);
        return operation(a, EXPRESSION_DIVIDE, 2, x, generate_guarded(a, choices, depth - 1));
    default:
        return generate_call(a, choices, depth - 1);
    }
}

static void an_accepted_tree_is_never_nan_or_infinite_and_stays_in_its_interval(struct test *t)
{
    struct declared d;
    struct arena arena;
    declared_init(&d);
    declare_everything(&d);
    arena_init(&arena, &d.memory, 4 << 20);
    int accepted = 0, refused = 0, calls = 0;
    for (uint64_t seed = 1; accepted < 20000 && seed < 200000; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        arena_reset(&arena);
        struct expression *tree = generate(&arena, &choices, 4);
        d.violations.count = 0;
        if (!expression_check(tree, d.schema, TYPE_NUMBER, &d.violations)) {
            refused++;
            CHECK(d.violations.count > 0);
            continue;
        }
        accepted++;
        calls += tree->op != EXPRESSION_LITERAL && tree->operand_count > 0;
        for (int round = 0; round < 8; round++) {
            struct evaluation evaluation = {.choices = &choices};
            (void)evaluate(&evaluation, tree);
            if (evaluation.strayed) fprintf(stderr, "    seed %llu\n", (unsigned long long)seed);
            CHECK(!evaluation.strayed);
        }
    }
    /* The generator must give both, or the property says little. */
    CHECK(accepted >= 20000 && refused >= 2000 && calls >= 10000);
    arena_release(&arena);
    declared_release(&d);
}

static bool holds(struct interval interval, double x)
{
    return x >= interval.low && x <= interval.high;
}

static struct interval draw_interval(struct choices *choices)
{
    double a = draw_number(choices), b = draw_number(choices);
    struct interval interval = {a < b ? a : b, a < b ? b : a};
    if (choose_one_in(choices, 5)) interval.low = -__builtin_inf();
    if (choose_one_in(choices, 5)) interval.high = __builtin_inf();
    return interval;
}

static double draw_within(struct interval interval, struct choices *choices)
{
    double x = draw_number(choices);
    if (x < interval.low) x = interval.low;
    if (x > interval.high) x = interval.high;
    return x;
}

static void operations_on_intervals_hold_the_operations_on_their_members(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, 7, NULL);
    for (int i = 0; i < 100000; i++) {
        struct interval a = draw_interval(&choices), b = draw_interval(&choices);
        double x = draw_within(a, &choices), y = draw_within(b, &choices);
        CHECK(holds(interval_add(a, b), clip(x + y)));
        CHECK(holds(interval_add(a, interval_negate(b)), clip(x - y)));
        CHECK(holds(interval_multiply(a, b), clip(x * y)));
        if (!interval_has_zero(b)) CHECK(holds(interval_divide(a, b), clip(x / y)));
        CHECK(holds(interval_abs(a), magnitude(x)));
        CHECK(holds(interval_min(a, b), x < y ? x : y));
        CHECK(holds(interval_max(a, b), x > y ? x : y));
        CHECK(holds(interval_union(a, b), x) && holds(interval_union(a, b), y));
        if (a.low > 0) CHECK(holds(interval_log(a, 1), naive_log2(x)));
        if (a.low > 0) CHECK(holds(interval_log(a, ln_2), naive_log2(x) * ln_2));
        if (a.low >= 0) CHECK(holds(interval_sqrt(a), __builtin_sqrt(x)));
    }
}

static void logarithms_of_numbers_from_one_are_not_negative(struct test *t)
{
    CHECK(interval_log(interval_from(1), ln_2).low == 0);
    CHECK(interval_log(interval_of(0.5, 1), ln_2).high == 0);
    CHECK(interval_log(interval_of(0.999, 1), 1).low < -0.9);
    CHECK(interval_log(interval_of(0x1p-1074, 1), 1).low < -1074);
    CHECK(interval_log(interval_of(2, 3), 1).low > 0.99);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv,
               CASE(an_accepted_tree_is_never_nan_or_infinite_and_stays_in_its_interval),
               CASE(operations_on_intervals_hold_the_operations_on_their_members),
               CASE(logarithms_of_numbers_from_one_are_not_negative));
}
