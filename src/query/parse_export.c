/* EXPORT TRAINING FROM SLATES: which slates, and the signal that labels their items. */
#include "query/parser.h"

static enum code parse_filter(struct parser *parser, struct export_statement *statement)
{
    static const char *const words[] = {"profile", "surface", "user"};
    struct operand *operands[] = {&statement->profile, &statement->surface, &statement->user};
    enum code code;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (operands[i]->kind != OPERAND_NONE || !parser_accept(parser, words[i])) continue;
        TRY(parser_expect_symbol(parser, "="));
        return parser_operand(parser, i < 2 ? "a text or a parameter" : "an id or a parameter",
                              operands[i]);
    }
    code = parser_expected(parser, "profile, surface or user, each once");
out:
    return code;
}

static enum code parse_label(struct parser *parser, struct export_statement *statement)
{
    enum code code;
    TRY(parser_name(parser, "a signal", &statement->label));
    TRY(parser_expect(parser, "WITHIN"));
    code = parser_duration(parser, &statement->within);
out:
    return parser_form(parser, code, "LABEL like WITHIN 30m");
}

static enum code parse_clause(struct parser *parser, struct export_statement *statement,
                              bool *found)
{
    enum code code = CODE_OK;
    *found = true;
    if (statement->since.kind == OPERAND_NONE && parser_accept(parser, "since")) {
        statement->since_lsn = parser_accept(parser, "lsn");
        return parser_operand(parser, "a time, or LSN and a whole number", &statement->since);
    }
    if (parser_accept(parser, "where")) {
        do {
            TRY(parse_filter(parser, statement));
        } while (parser_accept(parser, "and"));
    } else if (statement->label.text.bytes == 0 && parser_accept(parser, "label")) {
        return parse_label(parser, statement);
    } else if (statement->limit.kind == OPERAND_NONE && parser_accept(parser, "limit")) {
        return parser_operand(parser, "a whole number or a parameter", &statement->limit);
    } else {
        *found = false;
    }
out:
    return code;
}

enum code parse_export(struct parser *parser, struct export_statement *statement)
{
    bool found = true;
    enum code code;
    TRY(parser_expect(parser, "TRAINING"));
    TRY(parser_expect(parser, "FROM"));
    TRY(parser_expect(parser, "SLATES"));
    while (found)
        TRY(parse_clause(parser, statement, &found));
    if (statement->label.text.bytes == 0)
        code = parser_expected(parser, "LABEL signal WITHIN time");
out:
    return parser_form(parser, code, "EXPORT TRAINING FROM SLATES LABEL like WITHIN 30m");
}
