/* Parsing for tests: one statement at a time, its tree as text. */
#ifndef TIDAL_TESTS_QUERY_PARSE_H
#define TIDAL_TESTS_QUERY_PARSE_H

#include "harness/test.h"
#include "query/statement.h"

#include <stdarg.h>

struct parsed {
    struct memory memory;
    struct arena arena;
    struct statement statement;
    struct error error;
    char text[8192]; /* of the tree */
    size_t used;
};

static inline void parsed_init(struct parsed *parsed)
{
    memset(parsed, 0, sizeof *parsed);
    memory_init(&parsed->memory, 0);
    arena_init(&parsed->arena, &parsed->memory, (size_t)256 << 20);
}

static inline void parsed_release(struct parsed *parsed)
{
    arena_release(&parsed->arena);
    memory_release(&parsed->memory);
}

static inline enum code parse_bytes(struct parsed *parsed, const void *text, size_t bytes)
{
    arena_reset(&parsed->arena);
    return statement_parse(slice_of(text, bytes), &parsed->arena, &parsed->statement,
                           &parsed->error);
}

static inline enum code parse(struct parsed *parsed, const char *text)
{
    return parse_bytes(parsed, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static inline void tree_put(struct parsed *parsed,
                                                                  const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(parsed->text + parsed->used, sizeof parsed->text - parsed->used, format,
                          arguments);
    va_end(arguments);
    parsed->used += (size_t)bytes;
    if (parsed->used >= sizeof parsed->text) parsed->used = sizeof parsed->text - 1;
}

static inline void tree_value(struct parsed *parsed, const struct value *value)
{
    switch (value->type) {
    case VALUE_BOOLEAN:
        tree_put(parsed, "%s", value->boolean ? "true" : "false");
        return;
    case VALUE_INTEGER:
        tree_put(parsed, "%" PRId64, value->integer);
        return;
    case VALUE_DURATION:
        tree_put(parsed, "%" PRId64 "ms", value->integer);
        return;
    case VALUE_REFERENCE:
        tree_put(parsed, "#%" PRIu64, value->reference);
        return;
    case VALUE_FLOAT:
        tree_put(parsed, "%g", value->number);
        return;
    case VALUE_TEXT:
        tree_put(parsed, "'%.*s'", (int)value->text.bytes, (const char *)value->text.data);
        return;
    default:
        tree_put(parsed, "?");
        return;
    }
}

static inline void tree_name(struct parsed *parsed, const char *before, struct slice name)
{
    tree_put(parsed, "%s%.*s", before, (int)name.bytes, (const char *)name.data);
}

/* (+ 1 (* item.a $b)) */
static inline void tree_expression(struct parsed *parsed, const struct expression *expression)
{
    static const char *const signs[] = {
        [EXPRESSION_NEGATE] = "-",   [EXPRESSION_NOT] = "not",
        [EXPRESSION_ADD] = "+",      [EXPRESSION_SUBTRACT] = "-",
        [EXPRESSION_MULTIPLY] = "*", [EXPRESSION_DIVIDE] = "/",
        [EXPRESSION_EQUAL] = "=",    [EXPRESSION_NOT_EQUAL] = "!=",
        [EXPRESSION_LESS] = "<",     [EXPRESSION_LESS_EQUAL] = "<=",
        [EXPRESSION_GREATER] = ">",  [EXPRESSION_GREATER_EQUAL] = ">=",
        [EXPRESSION_AND] = "and",    [EXPRESSION_OR] = "or",
        [EXPRESSION_IN] = "in",      [EXPRESSION_IS_MISSING] = "missing"};
    static const char *const subjects[] = {"item.", "user.", "creator."};
    switch (expression->op) {
    case EXPRESSION_LITERAL:
        tree_value(parsed, &expression->value);
        return;
    case EXPRESSION_PARAMETER:
        tree_name(parsed, "$", expression->name);
        return;
    case EXPRESSION_FIELD:
        tree_name(parsed, subjects[expression->subject], expression->name);
        return;
    case EXPRESSION_CONTEXT:
        tree_name(parsed, "context.", expression->name);
        return;
    case EXPRESSION_SUBJECT:
        tree_put(parsed, "%s", expression->subject == ENTITY_USER ? "user" : "item");
        return;
    case EXPRESSION_NAME:
        tree_name(parsed, "", expression->name);
        return;
    case EXPRESSION_CALL:
        tree_put(parsed, "(%s", expression_function_name(expression->function));
        break;
    default:
        tree_put(parsed, "(%s", signs[expression->op]);
        break;
    }
    for (size_t i = 0; i < expression->operand_count; i++) {
        tree_put(parsed, " ");
        tree_expression(parsed, expression->operands[i]);
    }
    if (expression->prior >= 0) tree_put(parsed, " prior %g", expression->prior);
    if (expression->prior_mean == expression->prior_mean)
        tree_put(parsed, " mean %g", expression->prior_mean);
    tree_put(parsed, ")");
}

/* The tree of a WHERE; "" and the message on stderr if it does not parse. */
static inline const char *tree_of(struct parsed *parsed, const char *expression)
{
    char text[4096];
    parsed->used = 0;
    parsed->text[0] = '\0';
    snprintf(text, sizeof text, "RETRIEVE items WHERE %s", expression);
    if (parse(parsed, text) == CODE_OK) {
        tree_expression(parsed, parsed->statement.retrieve.where);
    } else {
        fprintf(stderr, "    %s: %s\n", expression, parsed->error.message);
    }
    return parsed->text;
}

#endif
