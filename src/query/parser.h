/* The parser's state and the pieces that its files share. */
#ifndef TIDAL_QUERY_PARSER_H
#define TIDAL_QUERY_PARSER_H

#include "query/lexer.h"
#include "query/statement.h"

struct parser {
    struct lexer lexer;
    struct token token; /* the next one, not taken yet */
    size_t end;         /* where the last taken token ended */
    struct slice text;
    struct arena *arena;
    struct error *error;
    unsigned depth;
    struct slice *parameters; /* STATEMENT_PARAMETERS_MAXIMUM places */
    size_t parameter_count;
};

/* Takes the present token and reads the next. */
void parser_advance(struct parser *parser);
bool parser_at(const struct parser *parser, const char *word);
/* Takes the word (or the symbol) if it is next. */
bool parser_accept(struct parser *parser, const char *word);
bool parser_accept_symbol(struct parser *parser, const char *symbol);
/* The same, or an error that says what was expected and found. */
MUST_USE enum code parser_expect(struct parser *parser, const char *word);
MUST_USE enum code parser_expect_symbol(struct parser *parser, const char *symbol);
/* "expected WHAT, found 'x'", at the present token. */
enum code parser_expected(struct parser *parser, const char *what);
/* Adds "did you mean 'WORD'?" if the word at `position` is nearly one of these. */
void parser_suggest(struct parser *parser, struct slice found, const char *const *words,
                    size_t count);
/* The code; an error without a hint gets "write FORM". */
enum code parser_form(struct parser *parser, enum code code, const char *form);
/* "'x' is not available in this version", at the present token. */
enum code parser_unavailable(struct parser *parser, const char *what, const char *hint);
enum code parser_no_memory(struct parser *parser);
/* One level deeper; every enter that returned OK has its leave. */
MUST_USE enum code parser_enter(struct parser *parser);
void parser_leave(struct parser *parser);
/* The text from `start` to the end of the last taken token. */
struct slice parser_text_from(const struct parser *parser, uint64_t start);

MUST_USE enum code parser_name(struct parser *parser, const char *what, struct name *name);
/* A duration, with a sign if need be: the builder judges it. */
MUST_USE enum code parser_duration(struct parser *parser, struct duration *duration);
/* A whole number that fits int64. */
MUST_USE enum code parser_integer(struct parser *parser, int64_t *integer);
/* A number with a sign. */
MUST_USE enum code parser_number(struct parser *parser, double *number);
/* item, user or creator; `items` as well where `plural`. */
MUST_USE enum code parser_kind(struct parser *parser, bool plural, enum entity_kind *kind);
/* A number, duration, string, boolean or parameter. */
MUST_USE enum code parser_operand(struct parser *parser, const char *what, struct operand *operand);
MUST_USE enum code parser_reference(struct parser *parser, struct reference *reference);
/* The same, after its kind. */
MUST_USE enum code parser_reference_of(struct parser *parser, enum entity_kind kind,
                                       struct reference *reference);

/* A list that grows in the arena. */
struct list {
    void *items;
    size_t count;
    size_t capacity;
};
/* A new place at the end; NULL on no memory. */
void *list_add(struct parser *parser, struct list *list, size_t item_bytes);

/* parse_expression.c */
MUST_USE enum code parse_expression(struct parser *parser, struct expression **expression);
/* A sum, split at its top-level signs; each minus is folded into its term. */
MUST_USE enum code parse_terms(struct parser *parser, struct list *terms);
/* An expression without comparisons. */
MUST_USE enum code parse_sum(struct parser *parser, struct expression **expression);

/* parse_ranking.c: any of FROM, SCORE, TIMES, EXCLUDE, DIVERSIFY, in this order. */
MUST_USE enum code parse_ranking(struct parser *parser, struct ranking_definition *ranking);
MUST_USE enum code parse_seeds(struct parser *parser, struct seed_items *seeds);

/* parse_define.c: after DEFINE, which began at `start`. */
MUST_USE enum code parse_define(struct parser *parser, uint64_t start,
                                struct definition *definition);
/* After DROP (of no cursor), RENAME. */
MUST_USE enum code parse_drop(struct parser *parser, struct definition *definition);
MUST_USE enum code parse_rename(struct parser *parser, struct definition *definition);

/* parse_quota.c: after CAP, SUBLINEAR, TRUST. */
MUST_USE enum code parse_quotas(struct parser *parser, struct signal_definition *signal);
MUST_USE enum code parse_sublinear(struct parser *parser, struct signal_definition *signal);
MUST_USE enum code parse_trust(struct parser *parser, struct signal_definition *signal);

/* parse_tail.c: after TAIL. */
MUST_USE enum code parse_tail(struct parser *parser, struct tail_statement *tail);
/* parse_export.c: after EXPORT. */
MUST_USE enum code parse_export(struct parser *parser, struct export_statement *statement);
/* parse_tail.c: after DEFINE CURSOR, ADVANCE CURSOR, DROP CURSOR. */
MUST_USE enum code parse_cursor(struct parser *parser, enum cursor_action action,
                                struct cursor_statement *cursor);

#endif
