#include "schema/expression.h"

#include "harness/test.h"
#include "schema/copy.h"
#include "schema/schema.h"
#include "unit/schema/declare.h"

#define mean_not_given __builtin_nan("")

struct fixture {
    struct declared declared;
    struct arena arena;
    struct violations violations;
};

static void fixture_init(struct fixture *f)
{
    declared_init(&f->declared);
    declare_everything(&f->declared);
    arena_init(&f->arena, &f->declared.memory, 1 << 20);
}

static void fixture_release(struct fixture *f)
{
    arena_release(&f->arena);
    declared_release(&f->declared);
}

static bool check_as(struct fixture *f, struct expression *expression, enum expression_type wanted)
{
    f->violations.count = 0;
    bool ok = expression_check(expression, f->declared.schema, wanted, &f->violations);
    return ok && f->violations.count == 0;
}

/* Accepted as a number between `from` and `to`. */
#define CHECK_NUMBER(fixture, tree, from, to)                                                      \
    do {                                                                                           \
        struct expression *tree_ = (tree);                                                         \
        if (!check_as(fixture, tree_, TYPE_NUMBER))                                                \
            fprintf(stderr, "    %s\n", (fixture)->violations.list[0].message);                    \
        CHECK((fixture)->violations.count == 0);                                                   \
        CHECK(tree_->type == TYPE_NUMBER);                                                         \
        CHECK(tree_->low == (from));                                                               \
        CHECK(tree_->high == (to));                                                                \
    } while (0)

#define CHECK_BOOLEAN(fixture, tree)                                                               \
    do {                                                                                           \
        struct expression *tree_ = (tree);                                                         \
        if (!check_as(fixture, tree_, TYPE_BOOLEAN))                                               \
            fprintf(stderr, "    %s\n", (fixture)->violations.list[0].message);                    \
        CHECK((fixture)->violations.count == 0);                                                   \
        CHECK(tree_->type == TYPE_BOOLEAN);                                                        \
    } while (0)

/* Refused with exactly one violation. */
#define CHECK_REFUSED(fixture, tree, wanted, part)                                                 \
    do {                                                                                           \
        CHECK(!check_as(fixture, tree, wanted));                                                   \
        if (!strstr((fixture)->violations.list[0].message, part))                                  \
            fprintf(stderr, "    %s\n", (fixture)->violations.list[0].message);                    \
        CHECK(strstr((fixture)->violations.list[0].message, part));                                \
        CHECK_EQ((fixture)->violations.count, 1);                                                  \
    } while (0)

static struct expression *decay(struct fixture *f, const char *signal)
{
    return call(&f->arena, FUNCTION_DECAY, 2, bare(&f->arena, signal), hours(&f->arena, 7 * 24));
}

static struct expression *add(struct fixture *f, struct expression *a, struct expression *b)
{
    return operation(&f->arena, EXPRESSION_ADD, 2, a, b);
}

static struct expression *divide(struct fixture *f, struct expression *a, struct expression *b)
{
    return operation(&f->arena, EXPRESSION_DIVIDE, 2, a, b);
}

static struct expression *ratio(struct fixture *f, double prior, double mean)
{
    struct expression *expression =
        call(&f->arena, FUNCTION_RATIO, 2, bare(&f->arena, "like"), bare(&f->arena, "view"));
    expression->prior = prior;
    expression->prior_mean = mean;
    return expression;
}

static void functions_have_the_intervals_of_what_they_compute(struct test *t)
{
    struct fixture f;
    struct arena *a = &f.arena;
    const double inf = __builtin_inf();
    fixture_init(&f);
    CHECK_NUMBER(&f, decay(&f, "view"), 0, inf);
    CHECK_NUMBER(&f, decay(&f, "vote"), -inf, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_RATE, 2, bare(a, "view"), hours(a, 1)), 0, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_COUNT, 1, bare(a, "vote")), 0, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_COUNT, 2, bare(a, "view"), hours(a, 24)), 0, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_SUM, 1, bare(a, "view")), 0, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_SUM, 1, bare(a, "vote")), -inf, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_MEAN, 2, bare(a, "vote"), hours(a, 7 * 24)), -inf, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_VELOCITY, 2, bare(a, "view"), hours(a, 1)), -inf, inf);
    CHECK_NUMBER(&f, ratio(&f, 20, mean_not_given), 0, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_AFFINITY, 2, subject_user(a), item_field(a, "category")), 0,
                 1);
    CHECK_NUMBER(&f, call(a, FUNCTION_RELATED, 2, subject_user(a), bare(a, "follows")), -inf, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_FRESHNESS, 2, item_field(a, "published"), hours(a, 48)), 0,
                 1);
    CHECK_NUMBER(&f, call(a, FUNCTION_AGE, 1, item_field(a, "published")), 0, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_SATURATE, 2, item_field(a, "rating"), whole(a, 5)), 0, 1);
    CHECK_NUMBER(&f, item_field(a, "rating"), -inf, inf);
    CHECK_NUMBER(&f, parameter(a, "weight"), -inf, inf);
    fixture_release(&f);
}

static void arithmetic_narrows_intervals(struct test *t)
{
    struct fixture f;
    struct arena *a = &f.arena;
    const double inf = __builtin_inf();
    fixture_init(&f);
    CHECK_NUMBER(&f, add(&f, whole(a, 1), decay(&f, "view")), 1, inf);
    CHECK_NUMBER(&f, operation(a, EXPRESSION_NEGATE, 1, decay(&f, "view")), -inf, 0);
    CHECK_NUMBER(&f, operation(a, EXPRESSION_SUBTRACT, 2, whole(a, 1), decay(&f, "view")), -inf, 1);
    CHECK_NUMBER(&f,
                 operation(a, EXPRESSION_MULTIPLY, 2, whole(a, -2),
                           call(a, FUNCTION_SATURATE, 2, item_field(a, "rating"), whole(a, 5))),
                 -2, 0);
    CHECK_NUMBER(&f, divide(&f, whole(a, 1), add(&f, whole(a, 2), decay(&f, "view"))), 0, 0.5);
    CHECK_NUMBER(&f, call(a, FUNCTION_MAX, 2, item_field(a, "rating"), number(a, 0.25)), 0.25, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_MIN, 2, decay(&f, "view"), whole(a, 3)), 0, 3);
    CHECK_NUMBER(&f, call(a, FUNCTION_CLAMP, 3, item_field(a, "rating"), whole(a, 1), whole(a, 9)),
                 1, 9);
    CHECK_NUMBER(&f, call(a, FUNCTION_ABS, 1, item_field(a, "rating")), 0, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_COALESCE, 2, decay(&f, "view"), whole(a, -5)), 0, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_IF, 3, item_field(a, "live"), whole(a, 2), whole(a, -1)), -1,
                 2);
    CHECK_NUMBER(&f, call(a, FUNCTION_LOG10, 1, add(&f, whole(a, 1), decay(&f, "view"))), 0,
                 1024 * 0.301029995663981195213738894724493027 + 1e-6);
    CHECK_NUMBER(&f, call(a, FUNCTION_SQRT, 1, decay(&f, "view")), 0, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_POW, 2, item_field(a, "rating"), whole(a, 2)), 0, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_POW, 2, item_field(a, "rating"), whole(a, 3)), -inf, inf);
    CHECK_NUMBER(&f, call(a, FUNCTION_POW, 2, item_field(a, "rating"), whole(a, 0)), 1, 1);
    fixture_release(&f);
}

static void what_could_be_nan_or_infinite_is_refused_and_says_how_to_guard(struct test *t)
{
    struct fixture f;
    struct arena *a = &f.arena;
    fixture_init(&f);
    static const enum expression_function logs[] = {FUNCTION_LOG, FUNCTION_LOG2, FUNCTION_LOG10};
    for (size_t i = 0; i < 3; i++) {
        CHECK_REFUSED(&f, call(a, logs[i], 1, item_field(a, "rating")), TYPE_NUMBER,
                      "of 'rating', which can be 0 or less");
        CHECK(strstr(f.violations.list[0].hint, "(1 + x)"));
        CHECK(strstr(f.violations.list[0].hint, "(max(x, 0.001))"));
        CHECK_REFUSED(&f, call(a, logs[i], 1, decay(&f, "view")), TYPE_NUMBER, "can be 0 or less");
        CHECK_REFUSED(&f, call(a, logs[i], 1, add(&f, whole(a, 1), decay(&f, "vote"))), TYPE_NUMBER,
                      "can be 0 or less");
        CHECK_REFUSED(&f, call(a, logs[i], 1, whole(a, 0)), TYPE_NUMBER, "can be 0 or less");
    }
    CHECK_REFUSED(&f, call(a, FUNCTION_SQRT, 1, item_field(a, "rating")), TYPE_NUMBER,
                  "sqrt of 'rating', which can be negative");
    CHECK(strstr(f.violations.list[0].hint, "sqrt(max(x, 0))"));
    CHECK_REFUSED(&f, divide(&f, whole(a, 1), decay(&f, "view")), TYPE_NUMBER,
                  "division by 'decay', which can be 0");
    CHECK(strstr(f.violations.list[0].hint, "max(y, 0.001)"));
    CHECK_REFUSED(&f, divide(&f, whole(a, 1), whole(a, 0)), TYPE_NUMBER, "which can be 0");
    CHECK_REFUSED(&f, divide(&f, whole(a, 1), parameter(a, "p")), TYPE_NUMBER, "which can be 0");
    CHECK_REFUSED(&f, call(a, FUNCTION_POW, 2, item_field(a, "rating"), number(a, 0.5)),
                  TYPE_NUMBER, "pow of 'rating', which can be 0 or less");
    CHECK_REFUSED(&f, call(a, FUNCTION_POW, 2, decay(&f, "view"), whole(a, -1)), TYPE_NUMBER,
                  "pow of");
    CHECK_REFUSED(&f, call(a, FUNCTION_POW, 2, decay(&f, "view"), parameter(a, "p")), TYPE_NUMBER,
                  "pow of");
    CHECK_REFUSED(&f, call(a, FUNCTION_SATURATE, 2, whole(a, 1), whole(a, 0)), TYPE_NUMBER,
                  "pivot");
    CHECK_REFUSED(&f, ratio(&f, -1, mean_not_given), TYPE_NUMBER, "no prior above 0");
    CHECK_REFUSED(&f, ratio(&f, 0, mean_not_given), TYPE_NUMBER, "no prior above 0");
    CHECK_REFUSED(&f, ratio(&f, 20, -1), TYPE_NUMBER, "negative MEAN");
    CHECK_REFUSED(&f, ratio(&f, 20, 1e300), TYPE_NUMBER, "too large");
    CHECK_REFUSED(&f, ratio(&f, 1e300, 1), TYPE_NUMBER, "too large");
    fixture_release(&f);
}

static void guarded_forms_are_accepted(struct test *t)
{
    struct fixture f;
    struct arena *a = &f.arena;
    fixture_init(&f);
    CHECK(check_as(&f,
                   call(a, FUNCTION_LOG2, 1,
                        call(a, FUNCTION_MAX, 2, item_field(a, "rating"), number(a, 0.001))),
                   TYPE_NUMBER));
    CHECK(check_as(
        &f,
        call(a, FUNCTION_SQRT, 1, call(a, FUNCTION_MAX, 2, item_field(a, "rating"), whole(a, 0))),
        TYPE_NUMBER));
    CHECK(check_as(&f, divide(&f, decay(&f, "like"), add(&f, whole(a, 1), decay(&f, "view"))),
                   TYPE_NUMBER));
    CHECK(check_as(
        &f, call(a, FUNCTION_POW, 2, add(&f, whole(a, 1), decay(&f, "view")), parameter(a, "p")),
        TYPE_NUMBER));
    CHECK(check_as(&f,
                   divide(&f, whole(a, 1),
                          call(a, FUNCTION_LOG10, 1, add(&f, whole(a, 2), decay(&f, "view")))),
                   TYPE_NUMBER));
    fixture_release(&f);
}

static void names_are_resolved_to_ids_and_slots(struct test *t)
{
    struct fixture f;
    struct arena *a = &f.arena;
    fixture_init(&f);
    struct expression *tree = decay(&f, "view");
    CHECK(check_as(&f, tree, TYPE_NUMBER));
    CHECK_EQ(tree->signal, 2);
    CHECK_EQ(tree->slot, 1);
    tree = call(a, FUNCTION_COUNT, 2, bare(a, "view"), hours(a, 24));
    CHECK(check_as(&f, tree, TYPE_NUMBER));
    CHECK_EQ(tree->slot, 1);
    tree = ratio(&f, 20, 0.5);
    CHECK(check_as(&f, tree, TYPE_NUMBER));
    CHECK_EQ(tree->signal, 3);
    CHECK_EQ(tree->denominator, 2);
    tree = call(a, FUNCTION_RELATED, 3, subject_user(a), bare(a, "follows"), bare(a, "creator"));
    CHECK(check_as(&f, tree, TYPE_NUMBER));
    CHECK_EQ(tree->relation, 0);
    tree = call(a, FUNCTION_AFFINITY, 2, subject_user(a), item_field(a, "tags"));
    CHECK(check_as(&f, tree, TYPE_NUMBER));
    CHECK_EQ(tree->field, 2);
    /* A bare name where a value is wanted is a field of the item. */
    tree = add(&f, bare(a, "rating"), whole(a, 1));
    CHECK(check_as(&f, tree, TYPE_NUMBER));
    CHECK_EQ(tree->operands[0]->op, EXPRESSION_FIELD);
    CHECK_EQ(tree->operands[0]->field, 4);
    fixture_release(&f);
}

static void what_does_not_exist_is_refused_with_what_was_meant(struct test *t)
{
    struct fixture f;
    struct arena *a = &f.arena;
    fixture_init(&f);
    CHECK_REFUSED(&f, item_field(a, "ratng"), TYPE_NUMBER, "item has no field 'ratng'");
    CHECK_TEXT(f.violations.list[0].hint, "did you mean 'rating'?");
    CHECK_REFUSED(&f, item_field(a, "view"), TYPE_NUMBER, "item has no field 'view'");
    CHECK_TEXT(f.violations.list[0].hint, "'view' is a signal: use count(view)");
    CHECK_REFUSED(&f, decay(&f, "viwe"), TYPE_NUMBER, "signal 'viwe' does not exist");
    CHECK_REFUSED(&f, decay(&f, "views"), TYPE_NUMBER, "signal 'views' does not exist");
    CHECK_TEXT(f.violations.list[0].hint, "did you mean 'view'?");
    CHECK_REFUSED(&f, call(a, FUNCTION_DECAY, 2, bare(a, "view"), hours(a, 2)), TYPE_NUMBER,
                  "signal 'view' has no half-life of 2h");
    CHECK_TEXT(f.violations.list[0].hint, "it has 1h, 7d");
    CHECK_REFUSED(&f, call(a, FUNCTION_COUNT, 2, bare(a, "like"), hours(a, 2)), TYPE_NUMBER,
                  "signal 'like' has no window of 2h");
    CHECK_REFUSED(&f, call(a, FUNCTION_VELOCITY, 2, bare(a, "view"), hours(a, 24)), TYPE_NUMBER,
                  "signal 'view' has no velocity of 24h");
    CHECK_REFUSED(&f, call(a, FUNCTION_RELATED, 2, subject_user(a), bare(a, "folows")), TYPE_NUMBER,
                  "relation 'folows' does not exist");
    struct expression *place = node(a, EXPRESSION_CONTEXT, "devise");
    place->name = text_of("devise");
    CHECK_REFUSED(&f, operation(a, EXPRESSION_EQUAL, 2, place, quoted(a, "x")), TYPE_BOOLEAN,
                  "context 'devise' does not exist");
    CHECK_TEXT(f.violations.list[0].hint, "did you mean 'device'?");
    fixture_release(&f);
}

static void types_that_do_not_fit_are_refused(struct test *t)
{
    struct fixture f;
    struct arena *a = &f.arena;
    fixture_init(&f);
    CHECK_REFUSED(&f, add(&f, item_field(a, "title"), whole(a, 1)), TYPE_NUMBER,
                  "'+' takes a number, but 'title' is a text");
    CHECK_REFUSED(&f, add(&f, item_field(a, "live"), whole(a, 1)), TYPE_NUMBER, "is a boolean");
    CHECK_REFUSED(&f, add(&f, item_field(a, "published"), whole(a, 1)), TYPE_NUMBER,
                  "is a timestamp");
    CHECK_REFUSED(&f, item_field(a, "live"), TYPE_NUMBER, "takes a number");
    CHECK_REFUSED(&f, item_field(a, "rating"), TYPE_BOOLEAN, "takes a boolean");
    CHECK_REFUSED(&f, operation(a, EXPRESSION_EQUAL, 2, item_field(a, "title"), whole(a, 1)),
                  TYPE_BOOLEAN, "text 'title' is compared with number");
    CHECK_REFUSED(&f, operation(a, EXPRESSION_LESS, 2, item_field(a, "title"), quoted(a, "m")),
                  TYPE_BOOLEAN, "cannot be compared by order");
    CHECK_REFUSED(&f,
                  operation(a, EXPRESSION_LESS, 2, item_field(a, "published"), quoted(a, "soon")),
                  TYPE_BOOLEAN, "timestamp 'published' is compared with text");
    CHECK_REFUSED(&f, operation(a, EXPRESSION_LESS, 2, item_field(a, "published"), hours(a, 3)),
                  TYPE_BOOLEAN, "is compared with duration");
    CHECK_REFUSED(
        &f, operation(a, EXPRESSION_IN, 3, item_field(a, "category"), quoted(a, "x"), whole(a, 2)),
        TYPE_BOOLEAN, "text 'category' is compared with number");
    CHECK_REFUSED(&f, operation(a, EXPRESSION_IN, 1, item_field(a, "category")), TYPE_BOOLEAN,
                  "IN has no values");
    CHECK_REFUSED(&f,
                  operation(a, EXPRESSION_AND, 2, item_field(a, "live"), item_field(a, "rating")),
                  TYPE_BOOLEAN, "AND takes a boolean, but 'rating' is a number");
    CHECK_REFUSED(&f, call(a, FUNCTION_COALESCE, 2, item_field(a, "title"), whole(a, 0)), TYPE_ANY,
                  "coalesce takes a text");
    CHECK_REFUSED(&f, call(a, FUNCTION_AFFINITY, 2, subject_user(a), item_field(a, "rating")),
                  TYPE_NUMBER, "affinity cannot be kept for 'rating', of type float");
    CHECK_REFUSED(&f, call(a, FUNCTION_DECAY, 1, bare(a, "view")), TYPE_NUMBER, "too few");
    CHECK_REFUSED(&f, call(a, FUNCTION_ABS, 2, whole(a, 1), whole(a, 1)), TYPE_NUMBER, "too many");
    CHECK_REFUSED(&f, call(a, FUNCTION_DECAY, 2, bare(a, "view"), whole(a, 1)), TYPE_NUMBER,
                  "decay takes a duration");
    CHECK_REFUSED(&f, call(a, FUNCTION_CLAMP, 3, whole(a, 1), whole(a, 5), whole(a, 2)),
                  TYPE_NUMBER, "clamp has a low above its high");
    CHECK_REFUSED(&f, call(a, FUNCTION_SEEN, 1, hours(a, 0)), TYPE_BOOLEAN, "age of seen is zero");
    fixture_release(&f);
}

static void each_mistake_is_reported_once(struct test *t)
{
    struct fixture f;
    struct arena *a = &f.arena;
    fixture_init(&f);
    struct expression *left = item_field(a, "nothing_like_it");
    struct expression *right = decay(&f, "no_such_signal");
    left->position = 3;
    right->operands[0]->position = 9;
    struct expression *tree =
        divide(&f, call(a, FUNCTION_LOG, 1, left), call(a, FUNCTION_SQRT, 1, right));
    CHECK(!check_as(&f, tree, TYPE_NUMBER));
    CHECK_EQ(f.violations.count, 2);
    CHECK_EQ(f.violations.list[0].position, 3);
    CHECK_EQ(f.violations.list[1].position, 9);
    fixture_release(&f);
}

static void comparisons_take_the_type_of_the_field(struct test *t)
{
    struct fixture f;
    struct arena *a = &f.arena;
    fixture_init(&f);
    struct expression *time = quoted(a, "2026-11-01T10:00:00Z");
    CHECK_BOOLEAN(&f, operation(a, EXPRESSION_LESS, 2, item_field(a, "published"), time));
    CHECK_EQ(time->value.type, VALUE_TIMESTAMP);
    CHECK_EQ(time->value.integer, INT64_C(1793527200000));
    time = whole(a, 1000);
    CHECK_BOOLEAN(&f, operation(a, EXPRESSION_LESS, 2, time, item_field(a, "published")));
    CHECK_EQ(time->value.type, VALUE_TIMESTAMP);
    struct expression *creator = whole(a, 7);
    CHECK_BOOLEAN(&f, operation(a, EXPRESSION_EQUAL, 2, item_field(a, "creator"), creator));
    CHECK_EQ(creator->value.type, VALUE_REFERENCE);
    CHECK_EQ(creator->value.reference, 7);
    struct expression *given = parameter(a, "p");
    CHECK_BOOLEAN(&f, operation(a, EXPRESSION_NOT_EQUAL, 2, given, item_field(a, "category")));
    CHECK_EQ(given->type, TYPE_TEXT);
    CHECK_BOOLEAN(&f, operation(a, EXPRESSION_EQUAL, 2, quoted(a, "x"), item_field(a, "tags")));
    given = parameter(a, "p");
    CHECK_BOOLEAN(&f, operation(a, EXPRESSION_IN, 3, item_field(a, "tags"), quoted(a, "x"), given));
    CHECK_EQ(given->type, TYPE_TEXT);
    CHECK_BOOLEAN(&f, operation(a, EXPRESSION_IN, 2, item_field(a, "year"), whole(a, 1999)));
    CHECK_BOOLEAN(&f, operation(a, EXPRESSION_IS_MISSING, 1, item_field(a, "title")));
    CHECK_BOOLEAN(&f, operation(a, EXPRESSION_NOT, 1, call(a, FUNCTION_SEEN, 0)));
    struct expression *first = parameter(a, "p");
    CHECK(check_as(&f,
                   add(&f, call(a, FUNCTION_COALESCE, 2, first, parameter(a, "q")), whole(a, 1)),
                   TYPE_NUMBER));
    CHECK_EQ(first->type, TYPE_NUMBER);
    CHECK(first->high > 1e308);
    fixture_release(&f);
}

static void missing_comes_from_fields_and_ends_at_coalesce(struct test *t)
{
    struct fixture f;
    struct arena *a = &f.arena;
    fixture_init(&f);
    struct expression *tree = add(&f, item_field(a, "rating"), decay(&f, "view"));
    CHECK(check_as(&f, tree, TYPE_NUMBER));
    CHECK(tree->can_be_missing);
    CHECK(!tree->operands[1]->can_be_missing);
    tree = call(a, FUNCTION_COALESCE, 2, item_field(a, "rating"), parameter(a, "p"));
    CHECK(check_as(&f, tree, TYPE_NUMBER));
    CHECK(!tree->can_be_missing);
    tree = operation(a, EXPRESSION_IS_MISSING, 1, item_field(a, "rating"));
    CHECK(check_as(&f, tree, TYPE_BOOLEAN));
    CHECK(!tree->can_be_missing);
    tree = call(a, FUNCTION_IF, 3, item_field(a, "live"), whole(a, 1), whole(a, 2));
    CHECK(check_as(&f, tree, TYPE_NUMBER));
    CHECK(!tree->can_be_missing);
    fixture_release(&f);
}

static void a_copy_is_deep_and_keeps_what_the_check_found(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    char name[] = "view";
    struct expression *tree = decay(&f, name);
    CHECK(check_as(&f, tree, TYPE_NUMBER));
    struct arena other;
    arena_init(&other, &f.declared.memory, 1 << 20);
    struct copier copier;
    copier_init(&copier, &other, slice_of("", 0));
    struct expression *copy = copy_expression(&copier, tree);
    CHECK(copy && !copier.failed);
    name[0] = 'x';
    tree->operands[1]->value.integer = 0;
    CHECK_EQ(copy->slot, tree->slot);
    CHECK(slice_equal(copy->operands[0]->name, text_of("view")));
    CHECK_EQ(copy->operands[1]->value.integer, INT64_C(7) * 86400000);
    arena_release(&other);
    fixture_release(&f);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(functions_have_the_intervals_of_what_they_compute),
               CASE(arithmetic_narrows_intervals),
               CASE(what_could_be_nan_or_infinite_is_refused_and_says_how_to_guard),
               CASE(guarded_forms_are_accepted), CASE(names_are_resolved_to_ids_and_slots),
               CASE(what_does_not_exist_is_refused_with_what_was_meant),
               CASE(types_that_do_not_fit_are_refused), CASE(each_mistake_is_reported_once),
               CASE(comparisons_take_the_type_of_the_field),
               CASE(missing_comes_from_fields_and_ends_at_coalesce),
               CASE(a_copy_is_deep_and_keeps_what_the_check_found));
}
