#include "unit/query/parse.h"

static void operators_bind_as_everybody_expects(struct test *t)
{
    static const char *const cases[][2] = {
        {"a + b * c", "(+ a (* b c))"},
        {"a * b + c", "(+ (* a b) c)"},
        {"a - b - c", "(- (- a b) c)"},
        {"a / b / c", "(/ (/ a b) c)"},
        {"a - (b - c)", "(- a (- b c))"},
        {"-a * b", "(* (- a) b)"},
        {"- -a", "(- (- a))"},
        {"a + -1", "(+ a (- 1))"},
        {"a = b + 1", "(= a (+ b 1))"},
        {"a = 1 AND b = 2 OR c = 3", "(or (and (= a 1) (= b 2)) (= c 3))"},
        {"a OR b AND c", "(or a (and b c))"},
        {"NOT a AND b", "(and (not a) b)"},
        {"NOT a = b", "(not (= a b))"},
        {"NOT NOT a", "(not (not a))"},
        {"not (a or b)", "(not (or a b))"},
        {"a AND b AND c AND d AND e", "(and a b c d e)"},
        {"a OR (b OR c) OR d", "(or a (or b c) d)"},
        {"a <> b", "(!= a b)"},
        {"a<=b and c>=d", "(and (<= a b) (>= c d))"},
        {"a IS MISSING", "(missing a)"},
        {"a IS NOT MISSING OR b", "(or (not (missing a)) b)"},
        {"a + 1 IS MISSING", "(missing (+ a 1))"},
        {"a IN ('x', 'y', $z)", "(in a 'x' 'y' $z)"},
        {"NOT a IN $list", "(not (in a $list))"},
        {"a IN user.langs", "(in a user.langs)"},
        {"a IN (1) = true", "(= (in a 1) true)"},
    };
    struct parsed parsed;
    parsed_init(&parsed);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_TEXT(tree_of(&parsed, cases[i][0]), cases[i][1]);
    parsed_release(&parsed);
}

static void functions_and_subjects_are_keywords_in_any_case(struct test *t)
{
    static const char *const cases[][2] = {
        {"LOG10(1 + Count(view, 24h)) > 1", "(> (log10 (+ 1 (count view 86400000ms))) 1)"},
        {"USER.age > Item.year", "(> user.age item.year)"},
        {"Context.device = 'tv'", "(= context.device 'tv')"},
        {"SEEN OR seen(7d)", "(or (seen) (seen 604800000ms))"},
        {"related(user follows creator) > 0", "(> (related user follows creator) 0)"},
        {"ratio(skip, view, prior 20 MEAN 0.1) < 1", "(< (ratio skip view prior 20 mean 0.1) 1)"},
        {"mean(rate, 24h prior 5) < 1", "(< (mean rate 86400000ms prior 5) 1)"},
        {"affinity(user, item.genre) > if(live, 1, 0)",
         "(> (affinity user item.genre) (if live 1 0))"},
        {"max(1, 2, 3) = coalesce(a, b)", "(= (max 1 2 3) (coalesce a b))"},
    };
    struct parsed parsed;
    parsed_init(&parsed);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CHECK_TEXT(tree_of(&parsed, cases[i][0]), cases[i][1]);
    parsed_release(&parsed);
}

static void every_node_knows_its_place_and_spelling(struct test *t)
{
    struct parsed parsed;
    parsed_init(&parsed);
    CHECK_EQ(parse(&parsed, "RETRIEVE items WHERE a = 1 AND (b + 2) > count( view )"), CODE_OK);
    const struct expression *where = parsed.statement.retrieve.where;
    CHECK_EQ(where->position, 21);
    CHECK(slice_equal(where->text, slice_of("a = 1 AND (b + 2) > count( view )", 33)));
    const struct expression *greater = where->operands[1];
    CHECK(slice_equal(greater->text, slice_of("(b + 2) > count( view )", 23)));
    CHECK_EQ(greater->operands[0]->position, 31);
    CHECK(slice_equal(greater->operands[0]->text, slice_of("(b + 2)", 7)));
    CHECK(slice_equal(greater->operands[1]->text, slice_of("count( view )", 13)));
    parsed_release(&parsed);
}

static void a_score_is_split_into_its_terms(struct test *t)
{
    static const char *const trees[] = {"(* 0.6 (affinity user item.genre))", "(- (* 0.8 a))",
                                        "(+ b c)", "(- 1)"};
    struct parsed parsed;
    parsed_init(&parsed);
    CHECK_EQ(parse(&parsed, "RETRIEVE items SCORE 0.6 * affinity(user, item.genre) - 0.8 * a + "
                            "(b + c) + -1 TIMES 2 TIMES a / 2"),
             CODE_OK);
    const struct ranking_definition *ranking = &parsed.statement.retrieve.ranking;
    CHECK_EQ(ranking->term_count, 4);
    CHECK_EQ(ranking->factor_count, 2);
    for (size_t i = 0; i < 4; i++) {
        parsed.used = 0;
        tree_expression(&parsed, ranking->terms[i]);
        CHECK_TEXT(parsed.text, trees[i]);
    }
    CHECK(slice_equal(ranking->terms[1]->text, slice_of("- 0.8 * a", 9)));
    CHECK(slice_equal(ranking->factors[1]->text, slice_of("a / 2", 5)));
    parsed_release(&parsed);
}

/* In the arena: before, `count` times `part`, after. */
static enum code parse_repeated(struct parsed *parsed, const char *before, const char *part,
                                size_t count, const char *after)
{
    struct buffer text;
    buffer_init(&text, &parsed->memory, (size_t)4 << 20);
    buffer_printf(&text, "%s", before);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&text, "%s", part);
    buffer_printf(&text, "%s", after);
    struct slice slice = buffer_slice(&text);
    enum code code = parse_bytes(parsed, slice.data, slice.bytes);
    buffer_release(&text);
    return code;
}

static void nesting_has_a_limit_and_no_depth_of_it_breaks_the_parser(struct test *t)
{
    static const char *const parts[] = {"(",         "NOT ",  "- ",      "abs(",
                                        "if(a, 1, ", "1 + (", "a AND (", "a IN (("};
    struct parsed parsed;
    parsed_init(&parsed);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        CHECK_EQ(parse_repeated(&parsed, "RETRIEVE items WHERE ", parts[i], 100000, "a"),
                 CODE_LIMIT);
        CHECK_TEXT(parsed.error.message, "the statement is nested more than 64 deep");
        CHECK(parsed.error.position != ERROR_NO_POSITION);
        CHECK(parsed.error.hint[0] != '\0');
    }
    CHECK_EQ(parse_repeated(&parsed, "", "TRANSACTION {", 1000, ""), CODE_LIMIT);
    CHECK_EQ(parse(&parsed, "RETRIEVE items WHERE ((((((((((((((((((((((((((((((a"
                            "))))))))))))))))))))))))))))))"),
             CODE_OK);
    parsed_release(&parsed);
}

/* What walks a tree may recurse: a chain of operators is as deep as it is long. */
static void a_long_chain_of_operators_does_not_make_a_deep_tree(struct test *t)
{
    static const char *const chains[] = {" + a", " - 1", " * a", " / a", " = a", " IS MISSING"};
    struct parsed parsed;
    parsed_init(&parsed);
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        CHECK_EQ(parse_repeated(&parsed, "RETRIEVE items WHERE a", chains[i], 80000, ""),
                 CODE_LIMIT);
        CHECK_TEXT(parsed.error.message, "the expression has more than 256 levels");
        CHECK_EQ(parsed.error.position, 21);
        CHECK_EQ(parse_repeated(&parsed, "RETRIEVE items WHERE a", chains[i], 255, ""), CODE_OK);
        CHECK_EQ(parsed.statement.retrieve.where->height, 256);
    }
    CHECK_EQ(parse_repeated(&parsed, "RETRIEVE items WHERE a", " OR a = 1", 80000, ""), CODE_OK);
    CHECK_EQ(parsed.statement.retrieve.where->height, 3);
    CHECK_EQ(parsed.statement.retrieve.where->operand_count, 80001);
    CHECK_EQ(parse_repeated(&parsed, "RETRIEVE items WHERE a IN (1", ", 1", 80000, ")"), CODE_OK);
    CHECK_EQ(parsed.statement.retrieve.where->operand_count, 80002);
    parsed_release(&parsed);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(operators_bind_as_everybody_expects),
               CASE(functions_and_subjects_are_keywords_in_any_case),
               CASE(every_node_knows_its_place_and_spelling), CASE(a_score_is_split_into_its_terms),
               CASE(nesting_has_a_limit_and_no_depth_of_it_breaks_the_parser),
               CASE(a_long_chain_of_operators_does_not_make_a_deep_tree));
}
