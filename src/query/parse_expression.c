/* Expressions, by precedence climbing: OR, AND, NOT, comparisons, sums, products, signs. */
#include "query/parser.h"

#include <math.h>
#include <string.h>

enum { PRECEDENCE_OR = 1, PRECEDENCE_AND, PRECEDENCE_COMPARE, PRECEDENCE_SUM, PRECEDENCE_PRODUCT };

static enum code parse_level(struct parser *parser, int least, struct expression **out);

static enum code new_node(struct parser *parser, enum expression_op op, uint64_t position,
                          struct expression **node)
{
    *node = arena_allocate(parser->arena, sizeof **node);
    if (!*node) {
        parser_no_memory(parser);
        return CODE_LIMIT;
    }
    (*node)->op = op;
    (*node)->position = position;
    (*node)->height = 1;
    (*node)->prior = -1;
    (*node)->prior_mean = (double)NAN;
    return CODE_OK;
}

/* Has all its operands and ends here. */
static enum code finish(struct parser *parser, struct expression *node)
{
    node->text = parser_text_from(parser, node->position);
    for (size_t i = 0; i < node->operand_count; i++)
        if (node->operands[i]->height >= node->height) node->height = node->operands[i]->height + 1;
    if (node->height <= EXPRESSION_HEIGHT_MAXIMUM) return CODE_OK;
    error_set(parser->error, CODE_LIMIT, AREA_QUERY, "the expression has more than %d levels",
              EXPRESSION_HEIGHT_MAXIMUM);
    error_hint(parser->error, "put parentheses around parts of a long sum or product");
    error_at(parser->error, node->position);
    return CODE_LIMIT;
}

static enum code set_operands(struct parser *parser, struct expression *node,
                              struct expression *first, struct expression *second)
{
    size_t count = second ? 2 : 1;
    node->operands = arena_array(parser->arena, count, sizeof *node->operands);
    if (!node->operands) return parser_no_memory(parser);
    node->operands[0] = first;
    if (second) node->operands[1] = second;
    node->operand_count = count;
    return finish(parser, node);
}

/* a AND b AND c is one AND of three; the array doubles when its length is a power of two. */
static enum code append_operand(struct parser *parser, struct expression *node,
                                struct expression *operand)
{
    size_t count = node->operand_count;
    if ((count & (count - 1)) == 0) {
        struct expression **grown = arena_array(parser->arena, count * 2, sizeof *grown);
        if (!grown) return parser_no_memory(parser);
        memcpy(grown, node->operands, count * sizeof *grown);
        node->operands = grown;
    }
    node->operands[count] = operand;
    node->operand_count++;
    node->text = parser_text_from(parser, node->position);
    if (operand->height >= node->height) node->height = operand->height + 1;
    return CODE_OK;
}

/* --- Calls --- */

/* `user follows creator` is three arguments without commas; `prior 20 MEAN 0.1` and
 * `prior 20 FROM item.creator` are none. */
static enum code parse_prior(struct parser *parser, struct expression *call)
{
    enum code code;
    if (token_is_symbol(&parser->token, "-")) return parser_expected(parser, "a number from 0");
    TRY(parser_number(parser, &call->prior));
    if (parser_accept(parser, "mean")) {
        TRY(parser_number(parser, &call->prior_mean));
    } else if (parser_accept(parser, "from")) {
        struct name field;
        if (parser_accept(parser, "item")) TRY(parser_expect_symbol(parser, "."));
        TRY(parser_name(parser, "a field of item", &field));
        call->prior_field = field.text;
        call->prior_field_position = field.position;
    }
out:
    return code;
}

static enum code parse_arguments(struct parser *parser, struct expression *call)
{
    struct list operands = {0};
    enum code code = CODE_OK;
    bool more = !token_is_symbol(&parser->token, ")");
    while (more) {
        if (parser_accept(parser, "prior")) {
            TRY(parse_prior(parser, call));
            more = false;
            continue;
        }
        struct expression **operand = list_add(parser, &operands, sizeof *operand);
        if (!operand) return parser_no_memory(parser);
        TRY(parse_expression(parser, operand));
        bool names_follow = call->function == FUNCTION_RELATED && parser->token.kind == TOKEN_WORD;
        more = parser_accept_symbol(parser, ",") || names_follow ||
               (parser_at(parser, "prior") && operands.count > 0);
    }
    TRY(parser_expect_symbol(parser, ")"));
    call->operands = operands.items;
    call->operand_count = operands.count;
    code = finish(parser, call);
out:
    return code;
}

static enum code parse_coengagement(struct parser *parser, struct expression *call)
{
    enum code code;
    call->seeds = arena_array(parser->arena, 1, sizeof *call->seeds);
    if (!call->seeds) return parser_no_memory(parser);
    TRY(parse_seeds(parser, call->seeds));
    TRY(parser_expect_symbol(parser, ")"));
    code = finish(parser, call);
out:
    return code;
}

/* Functions are keywords: in any case. */
static bool find_function(struct slice name, enum expression_function *function)
{
    for (int i = 0; i < FUNCTION_COUNT_ALL; i++) {
        *function = (enum expression_function)i;
        if (slice_is_word(name, expression_function_name(*function))) return true;
    }
    return false;
}

static bool is_source(struct slice name)
{
    static const char *const sources[] = {"newest", "trending", "popular", "coengaged"};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        if (slice_is_word(name, sources[i])) return true;
    return false;
}

static enum code no_function(struct parser *parser, const struct name *name)
{
    static const char *const later[] = {"similarity", "model", "rank"};
    const char *words[FUNCTION_COUNT_ALL];
    size_t next = 0;
    while (next < sizeof later / sizeof *later && !slice_is_word(name->text, later[next]))
        next++;
    if (next < sizeof later / sizeof *later) {
        (void)parser_unavailable(parser, later[next], "leave the term out");
    } else {
        error_set(parser->error, CODE_INVALID, AREA_QUERY, "there is no function '%.*s'",
                  (int)(name->text.bytes > 64 ? 64 : name->text.bytes),
                  (const char *)name->text.data);
        error_hint(parser->error, is_source(name->text)
                                      ? "it is a source: FROM newest(200), trending(view, 1h, 200)"
                                      : "docs/language.md lists the functions");
        for (int i = 0; i < FUNCTION_COUNT_ALL; i++)
            words[i] = expression_function_name((enum expression_function)i);
        parser_suggest(parser, name->text, words, FUNCTION_COUNT_ALL);
    }
    error_at(parser->error, name->position);
    return CODE_INVALID;
}

static enum code parse_call(struct parser *parser, struct name name, struct expression **out)
{
    struct expression *call;
    enum code code;
    TRY(new_node(parser, EXPRESSION_CALL, name.position, &call));
    if (!find_function(name.text, &call->function)) return no_function(parser, &name);
    *out = call;
    code = call->function == FUNCTION_COENGAGEMENT ? parse_coengagement(parser, call)
                                                   : parse_arguments(parser, call);
out:
    return code;
}

/* --- Primaries --- */

static enum code parse_subject(struct parser *parser, struct name name, struct expression **out)
{
    bool user = slice_is_word(name.text, "user"), context = slice_is_word(name.text, "context");
    struct name field;
    enum code code;
    TRY(new_node(parser, EXPRESSION_SUBJECT, name.position, out));
    (*out)->subject = user ? ENTITY_USER : ENTITY_ITEM;
    if (parser_accept_symbol(parser, ".")) {
        TRY(parser_name(parser, "a field", &field));
        (*out)->op = context ? EXPRESSION_CONTEXT : EXPRESSION_FIELD;
        (*out)->name = field.text;
    } else if (context) {
        return parser_expected(parser, "'.' and the name of a context");
    }
    (*out)->text = parser_text_from(parser, name.position);
out:
    return code;
}

static enum code parse_word(struct parser *parser, struct expression **out)
{
    struct name name;
    enum code code;
    TRY(parser_name(parser, "a field, signal or function", &name));
    if (parser_accept_symbol(parser, "(")) return parse_call(parser, name, out);
    if (slice_is_word(name.text, "item") || slice_is_word(name.text, "user") ||
        slice_is_word(name.text, "context"))
        return parse_subject(parser, name, out);
    if (slice_is_word(name.text, "seen")) {
        TRY(new_node(parser, EXPRESSION_CALL, name.position, out));
        (*out)->function = FUNCTION_SEEN;
    } else {
        TRY(new_node(parser, EXPRESSION_NAME, name.position, out));
        (*out)->name = name.text;
    }
    (*out)->text = name.text;
out:
    return code;
}

static enum code parse_literal(struct parser *parser, struct expression **out)
{
    struct operand operand;
    uint64_t position = parser->token.position;
    enum code code;
    TRY(new_node(parser, EXPRESSION_LITERAL, position, out));
    TRY(parser_operand(parser, "a value, field, signal or function", &operand));
    (*out)->value = operand.value;
    if (operand.kind == OPERAND_PARAMETER) {
        (*out)->op = EXPRESSION_PARAMETER;
        (*out)->name = operand.parameter;
    }
    (*out)->text = parser_text_from(parser, position);
out:
    return code;
}

static enum code parse_primary(struct parser *parser, struct expression **out)
{
    uint64_t position = parser->token.position;
    enum code code;
    if (parser_accept_symbol(parser, "(")) {
        TRY(parse_expression(parser, out));
        TRY(parser_expect_symbol(parser, ")"));
        (*out)->text = parser_text_from(parser, position);
        (*out)->position = position;
        return CODE_OK;
    }
    bool is_value = parser_at(parser, "true") || parser_at(parser, "false");
    if (parser->token.kind == TOKEN_WORD && !is_value) return parse_word(parser, out);
    code = parse_literal(parser, out);
out:
    return code;
}

static enum code parse_unary(struct parser *parser, struct expression **out)
{
    uint64_t position = parser->token.position;
    bool is_not = parser_at(parser, "not"), negates = token_is_symbol(&parser->token, "-");
    struct expression *operand = NULL;
    enum code code;
    if (!is_not && !negates) return parse_primary(parser, out);
    parser_advance(parser);
    TRY(parser_enter(parser));
    code =
        is_not ? parse_level(parser, PRECEDENCE_COMPARE, &operand) : parse_unary(parser, &operand);
    parser_leave(parser);
    if (code != CODE_OK) return code;
    TRY(new_node(parser, is_not ? EXPRESSION_NOT : EXPRESSION_NEGATE, position, out));
    code = set_operands(parser, *out, operand, NULL);
out:
    return code;
}

/* --- Operators --- */

struct infix {
    const char *spelling;
    bool is_word;
    enum expression_op op;
    int precedence;
};

static const struct infix infixes[] = {
    {"or", true, EXPRESSION_OR, PRECEDENCE_OR},
    {"and", true, EXPRESSION_AND, PRECEDENCE_AND},
    {"=", false, EXPRESSION_EQUAL, PRECEDENCE_COMPARE},
    {"!=", false, EXPRESSION_NOT_EQUAL, PRECEDENCE_COMPARE},
    {"<>", false, EXPRESSION_NOT_EQUAL, PRECEDENCE_COMPARE},
    {"<", false, EXPRESSION_LESS, PRECEDENCE_COMPARE},
    {"<=", false, EXPRESSION_LESS_EQUAL, PRECEDENCE_COMPARE},
    {">", false, EXPRESSION_GREATER, PRECEDENCE_COMPARE},
    {">=", false, EXPRESSION_GREATER_EQUAL, PRECEDENCE_COMPARE},
    {"in", true, EXPRESSION_IN, PRECEDENCE_COMPARE},
    {"is", true, EXPRESSION_IS_MISSING, PRECEDENCE_COMPARE},
    {"+", false, EXPRESSION_ADD, PRECEDENCE_SUM},
    {"-", false, EXPRESSION_SUBTRACT, PRECEDENCE_SUM},
    {"*", false, EXPRESSION_MULTIPLY, PRECEDENCE_PRODUCT},
    {"/", false, EXPRESSION_DIVIDE, PRECEDENCE_PRODUCT},
};

static const struct infix *next_infix(const struct parser *parser)
{
    for (size_t i = 0; i < sizeof infixes / sizeof *infixes; i++) {
        const struct infix *infix = &infixes[i];
        if (infix->is_word ? parser_at(parser, infix->spelling)
                           : token_is_symbol(&parser->token, infix->spelling))
            return infix;
    }
    return NULL;
}

/* IN ('a', 'b'), IN $list, IN user.languages */
static enum code parse_in(struct parser *parser, struct expression *left, struct expression **out)
{
    struct list operands = {0};
    struct expression **operand = list_add(parser, &operands, sizeof *operand);
    enum code code;
    if (!operand) return parser_no_memory(parser);
    *operand = left;
    TRY(new_node(parser, EXPRESSION_IN, left->position, out));
    bool listed = parser_accept_symbol(parser, "(");
    if (!listed && parser->token.kind != TOKEN_PARAMETER && !parser_at(parser, "user"))
        return parser_expected(parser, "'(', a parameter or a field of user");
    do {
        operand = list_add(parser, &operands, sizeof *operand);
        if (!operand) return parser_no_memory(parser);
        TRY(parse_sum(parser, operand));
    } while (listed && parser_accept_symbol(parser, ","));
    if (listed) TRY(parser_expect_symbol(parser, ")"));
    (*out)->operands = operands.items;
    (*out)->operand_count = operands.count;
    code = finish(parser, *out);
out:
    return code;
}

/* IS MISSING, IS NOT MISSING */
static enum code parse_is(struct parser *parser, struct expression *left, struct expression **out)
{
    struct expression *asks;
    bool negated = parser_accept(parser, "not");
    enum code code;
    if (!parser_accept(parser, "missing")) {
        code = parser_expected(parser, "MISSING");
        error_hint(parser->error, "write IS MISSING or IS NOT MISSING");
        return code;
    }
    TRY(new_node(parser, EXPRESSION_IS_MISSING, left->position, &asks));
    TRY(set_operands(parser, asks, left, NULL));
    *out = asks;
    if (!negated) return CODE_OK;
    TRY(new_node(parser, EXPRESSION_NOT, left->position, out));
    code = set_operands(parser, *out, asks, NULL);
out:
    return code;
}

static enum code parse_right(struct parser *parser, const struct infix *infix,
                             struct expression *left, struct expression **out)
{
    struct expression *right;
    enum code code;
    if (infix->op == EXPRESSION_IN) return parse_in(parser, left, out);
    if (infix->op == EXPRESSION_IS_MISSING) return parse_is(parser, left, out);
    TRY(parse_level(parser, infix->precedence + 1, &right));
    bool joins = infix->op == EXPRESSION_AND || infix->op == EXPRESSION_OR;
    if (joins && left->op == infix->op) {
        *out = left;
        return append_operand(parser, left, right);
    }
    TRY(new_node(parser, infix->op, left->position, out));
    code = set_operands(parser, *out, left, right);
out:
    return code;
}

/* Operators that bind at least as strongly as `least`. */
static enum code parse_level(struct parser *parser, int least, struct expression **out)
{
    const struct infix *infix;
    enum code code;
    TRY(parser_enter(parser));
    code = parse_unary(parser, out);
    while (code == CODE_OK && (infix = next_infix(parser)) && infix->precedence >= least) {
        parser_advance(parser);
        code = parse_right(parser, infix, *out, out);
    }
    parser_leave(parser);
out:
    return code;
}

enum code parse_expression(struct parser *parser, struct expression **expression)
{
    return parse_level(parser, PRECEDENCE_OR, expression);
}

enum code parse_sum(struct parser *parser, struct expression **expression)
{
    return parse_level(parser, PRECEDENCE_SUM, expression);
}

static enum code parse_term(struct parser *parser, bool negated, uint64_t sign_position,
                            struct expression **term)
{
    struct expression *operand;
    enum code code;
    TRY(parse_level(parser, PRECEDENCE_PRODUCT, &operand));
    *term = operand;
    if (!negated) return CODE_OK;
    TRY(new_node(parser, EXPRESSION_NEGATE, sign_position, term));
    code = set_operands(parser, *term, operand, NULL);
out:
    return code;
}

enum code parse_terms(struct parser *parser, struct list *terms)
{
    bool negated = false, more = true;
    uint64_t sign_position = parser->token.position;
    enum code code = CODE_OK;
    while (more) {
        struct expression **term = list_add(parser, terms, sizeof *term);
        if (!term) return parser_no_memory(parser);
        TRY(parse_term(parser, negated, sign_position, term));
        sign_position = parser->token.position;
        negated = token_is_symbol(&parser->token, "-");
        more = negated || token_is_symbol(&parser->token, "+");
        if (more) parser_advance(parser);
    }
out:
    return code;
}
