/* TAIL: where to begin, and which entries are wanted; and the cursors of those who read it. */
#include "query/parser.h"
#include "query/tail.h"

#include <string.h>

static enum code parse_column(struct parser *parser, enum tail_column *column)
{
    for (int i = TAIL_KIND; i <= TAIL_USER_KEY; i++) {
        if (!parser_accept(parser, tail_column_name((enum tail_column)i))) continue;
        *column = (enum tail_column)i;
        return CODE_OK;
    }
    return parser_expected(parser, "kind, target, id, key, name, user or user_key");
}

static enum code parse_value(struct parser *parser, struct list *values)
{
    struct operand *value = list_add(parser, values, sizeof *value);
    if (!value) return parser_no_memory(parser);
    return parser_operand(parser, "a text, an id or a parameter", value);
}

/* IN ('like', 'view'), IN $names */
static enum code parse_values(struct parser *parser, struct list *values)
{
    enum code code;
    if (parser->token.kind == TOKEN_PARAMETER) return parse_value(parser, values);
    TRY(parser_expect_symbol(parser, "("));
    do {
        TRY(parse_value(parser, values));
    } while (parser_accept_symbol(parser, ","));
    code = parser_expect_symbol(parser, ")");
out:
    return code;
}

static enum code parse_condition(struct parser *parser, struct tail_condition *condition)
{
    struct list values = {0};
    enum code code;
    *condition = (struct tail_condition){.position = parser->token.position};
    TRY(parse_column(parser, &condition->column));
    if (parser_accept(parser, "in")) {
        code = parse_values(parser, &values);
    } else {
        condition->negated =
            parser_accept_symbol(parser, "!=") || parser_accept_symbol(parser, "<>");
        if (!condition->negated && !parser_accept_symbol(parser, "="))
            return parser_expected(parser, "=, != or IN");
        code = parse_value(parser, &values);
    }
    condition->values = values.items;
    condition->value_count = values.count;
out:
    return code;
}

static enum code parse_where(struct parser *parser, struct tail_statement *tail)
{
    struct list conditions = {0};
    enum code code = CODE_OK;
    do {
        struct tail_condition *condition = list_add(parser, &conditions, sizeof *condition);
        if (!condition) return parser_no_memory(parser);
        TRY(parse_condition(parser, condition));
    } while (parser_accept(parser, "and"));
    tail->conditions = conditions.items;
    tail->condition_count = conditions.count;
out:
    return code;
}

enum code parse_tail(struct parser *parser, struct tail_statement *tail)
{
    enum code code = CODE_OK;
    if (parser_accept(parser, "cursor")) {
        TRY(parser_name(parser, "a cursor", &tail->cursor));
    } else if (parser_accept(parser, "from")) {
        TRY(parser_operand(parser, "an LSN or a parameter", &tail->from));
    } else {
        return parser_expected(parser, "FROM or CURSOR");
    }
    for (;;) {
        if (parser_at(parser, "where") && !tail->conditions) {
            parser_advance(parser);
            TRY(parse_where(parser, tail));
        } else if (parser_at(parser, "limit") && tail->limit.kind == OPERAND_NONE) {
            parser_advance(parser);
            TRY(parser_operand(parser, "a whole number or a parameter", &tail->limit));
        } else if (parser_at(parser, "wait") && tail->wait.kind == OPERAND_NONE) {
            parser_advance(parser);
            TRY(parser_operand(parser, "a duration such as 500ms", &tail->wait));
        } else {
            break;
        }
    }
out:
    return code;
}

enum code parse_cursor(struct parser *parser, enum cursor_action action,
                       struct cursor_statement *cursor)
{
    enum code code;
    cursor->action = action;
    TRY(parser_name(parser, "a cursor", &cursor->name));
    if (action == CURSOR_ADVANCE) TRY(parser_expect(parser, "TO"));
    bool has_lsn =
        action == CURSOR_ADVANCE || (action == CURSOR_DEFINE && parser_accept(parser, "from"));
    if (has_lsn) code = parser_operand(parser, "an LSN or a parameter", &cursor->lsn);
out:
    return code;
}
