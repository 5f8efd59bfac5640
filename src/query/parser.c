/* What all parts of the parser use: tokens, names, numbers, references, and errors that say what
 * was expected and what was found. */
#include "query/parser.h"

#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FOUND_BYTES = 60 };

void parser_advance(struct parser *parser)
{
    parser->end = parser->token.position + parser->token.text.bytes;
    parser->token = lexer_next(&parser->lexer);
}

bool parser_at(const struct parser *parser, const char *word)
{
    return token_is_word(&parser->token, word);
}

bool parser_accept(struct parser *parser, const char *word)
{
    if (!parser_at(parser, word)) return false;
    parser_advance(parser);
    return true;
}

bool parser_accept_symbol(struct parser *parser, const char *symbol)
{
    if (!token_is_symbol(&parser->token, symbol)) return false;
    parser_advance(parser);
    return true;
}

/* What is there, short enough to be shown, cut between characters. */
static void describe_found(const struct token *token, char out[FOUND_BYTES])
{
    size_t bytes = token->text.bytes, most = FOUND_BYTES - 8;
    if (token->kind == TOKEN_END) {
        snprintf(out, FOUND_BYTES, "the end of the statement");
        return;
    }
    if (bytes > most) {
        bytes = most;
        while (bytes > 0 && (token->text.data[bytes] & 0xc0) == 0x80)
            bytes--;
    }
    snprintf(out, FOUND_BYTES, "'%.*s%s'", (int)bytes, (const char *)token->text.data,
             bytes < token->text.bytes ? "..." : "");
}

enum { WORD_BYTES = 32 };

static struct slice lower(struct slice text, uint8_t out[WORD_BYTES])
{
    size_t bytes = text.bytes < WORD_BYTES ? text.bytes : WORD_BYTES;
    for (size_t i = 0; i < bytes; i++) {
        uint8_t c = text.data[i];
        out[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
    }
    return slice_of(out, bytes);
}

void parser_suggest(struct parser *parser, struct slice found, const char *const *words,
                    size_t count)
{
    uint8_t left[WORD_BYTES], right[WORD_BYTES];
    size_t least = found.bytes < 5 ? 2 : 3; /* one more than the edits that are forgiven */
    if (found.bytes > WORD_BYTES) return;
    for (size_t i = 0; i < count; i++) {
        struct slice word = slice_of(words[i], strlen(words[i]));
        size_t distance = edit_distance(lower(found, left), lower(word, right), least);
        if (distance == 0 || distance >= least) continue;
        least = distance;
        error_hint(parser->error, "did you mean '%s'?", words[i]);
    }
}

/* A keyword that was misspelt is suggested. */
static void suggest(struct parser *parser, const char *what)
{
    bool is_word = what[0] >= 'A' && what[0] <= 'Z' && !strchr(what, ' ');
    if (is_word && parser->token.kind == TOKEN_WORD)
        parser_suggest(parser, parser->token.text, &what, 1);
}

enum code parser_expected(struct parser *parser, const char *what)
{
    char found[FOUND_BYTES];
    describe_found(&parser->token, found);
    if (parser->token.kind == TOKEN_BAD) {
        error_set(parser->error, CODE_INVALID, AREA_QUERY, "%s: %s", parser->token.message, found);
        if (parser->token.text.bytes > 0 && parser->token.text.data[0] == '"')
            error_hint(parser->error, "texts stand in single quotes: 'jazz'");
    } else {
        error_set(parser->error, CODE_INVALID, AREA_QUERY, "expected %s, found %s", what, found);
        suggest(parser, what);
    }
    error_at(parser->error, parser->token.position);
    return CODE_INVALID;
}

enum code parser_form(struct parser *parser, enum code code, const char *form)
{
    if (code == CODE_INVALID && parser->error->hint[0] == '\0')
        error_hint(parser->error, "write %s", form);
    return code;
}

enum code parser_unavailable(struct parser *parser, const char *what, const char *hint)
{
    error_set(parser->error, CODE_INVALID, AREA_QUERY, "'%s' is not available in this version",
              what);
    error_hint(parser->error, "%s", hint);
    error_at(parser->error, parser->token.position);
    return CODE_INVALID;
}

enum code parser_no_memory(struct parser *parser)
{
    error_set(parser->error, CODE_LIMIT, AREA_QUERY, "the statement is too large");
    error_hint(parser->error, "split it, or bind long lists and texts as parameters");
    error_at(parser->error, parser->token.position);
    return CODE_LIMIT;
}

enum code parser_expect(struct parser *parser, const char *word)
{
    return parser_accept(parser, word) ? CODE_OK : parser_expected(parser, word);
}

enum code parser_expect_symbol(struct parser *parser, const char *symbol)
{
    char what[8];
    if (parser_accept_symbol(parser, symbol)) return CODE_OK;
    snprintf(what, sizeof what, "'%s'", symbol);
    return parser_expected(parser, what);
}

enum code parser_enter(struct parser *parser)
{
    if (parser->depth < STATEMENT_DEPTH_MAXIMUM) {
        parser->depth++;
        return CODE_OK;
    }
    error_set(parser->error, CODE_LIMIT, AREA_QUERY, "the statement is nested more than %d deep",
              STATEMENT_DEPTH_MAXIMUM);
    error_hint(parser->error, "take parentheses and NOTs away, or split the expression");
    error_at(parser->error, parser->token.position);
    return CODE_LIMIT;
}

void parser_leave(struct parser *parser)
{
    parser->depth--;
}

struct slice parser_text_from(const struct parser *parser, uint64_t start)
{
    return slice_of(parser->text.data + start, parser->end - (size_t)start);
}

enum code parser_name(struct parser *parser, const char *what, struct name *name)
{
    char expected[80];
    if (parser->token.kind != TOKEN_WORD) {
        snprintf(expected, sizeof expected, "the name of %s", what);
        return parser_expected(parser, expected);
    }
    *name = (struct name){parser->token.text, parser->token.position};
    parser_advance(parser);
    return CODE_OK;
}

enum code parser_duration(struct parser *parser, struct duration *duration)
{
    double sign = 1;
    duration->position = parser->token.position;
    if (parser_accept_symbol(parser, "-")) sign = -1;
    if (parser->token.kind == TOKEN_INTEGER && parser->token.integer == 0) {
        duration->milliseconds = 0;
    } else if (parser_at(parser, "infinity") || parser_at(parser, "inf")) {
        duration->milliseconds = sign * HUGE_VAL;
    } else if (parser->token.kind == TOKEN_DURATION) {
        duration->milliseconds = sign * parser->token.number;
    } else {
        enum code code = parser_expected(parser, "a duration");
        if (parser->error->hint[0] == '\0')
            error_hint(parser->error, "write a number and a unit: 30m, 24h, 7d");
        return code;
    }
    parser_advance(parser);
    return CODE_OK;
}

enum code parser_integer(struct parser *parser, int64_t *integer)
{
    bool negative = parser_accept_symbol(parser, "-");
    if (parser->token.kind != TOKEN_INTEGER || parser->token.integer > INT64_MAX)
        return parser_expected(parser, "a whole number");
    *integer = negative ? -(int64_t)parser->token.integer : (int64_t)parser->token.integer;
    parser_advance(parser);
    return CODE_OK;
}

enum code parser_number(struct parser *parser, double *number)
{
    double sign = parser_accept_symbol(parser, "-") ? -1 : 1;
    if (parser->token.kind == TOKEN_INTEGER) {
        *number = sign * (double)parser->token.integer;
    } else if (parser->token.kind == TOKEN_NUMBER) {
        *number = sign * parser->token.number;
    } else {
        return parser_expected(parser, "a number");
    }
    parser_advance(parser);
    return CODE_OK;
}

enum code parser_kind(struct parser *parser, bool plural, enum entity_kind *kind)
{
    if (parser_accept(parser, "item") || (plural && parser_accept(parser, "items"))) {
        *kind = ENTITY_ITEM;
    } else if (parser_accept(parser, "user")) {
        *kind = ENTITY_USER;
    } else if (parser_accept(parser, "creator")) {
        *kind = ENTITY_CREATOR;
    } else {
        return parser_expected(parser, "item, user or creator");
    }
    return CODE_OK;
}

/* Notes the parameter of the present token and takes it; *name is lent from the text. */
static enum code parser_parameter(struct parser *parser, struct slice *name)
{
    *name = slice_of(parser->token.text.data + 1, parser->token.text.bytes - 1);
    for (size_t i = 0; i < parser->parameter_count; i++) {
        if (!slice_equal(parser->parameters[i], *name)) continue;
        parser_advance(parser);
        return CODE_OK;
    }
    if (parser->parameter_count == STATEMENT_PARAMETERS_MAXIMUM) {
        error_set(parser->error, CODE_LIMIT, AREA_QUERY,
                  "the statement has more than %d parameters", STATEMENT_PARAMETERS_MAXIMUM);
        error_hint(parser->error, "bind a list as one parameter");
        error_at(parser->error, parser->token.position);
        return CODE_LIMIT;
    }
    parser->parameters[parser->parameter_count++] = *name;
    parser_advance(parser);
    return CODE_OK;
}

static enum code unquote(struct parser *parser, struct value *value)
{
    char *text = arena_allocate(parser->arena, parser->token.text.bytes + 1);
    if (!text) return parser_no_memory(parser);
    value->type = VALUE_TEXT;
    value->text = slice_of(text, token_unquote(&parser->token, text));
    return CODE_OK;
}

/* A number of any kind, with its sign taken into account. */
static bool number_value(const struct token *token, bool negative, struct value *value)
{
    if (token->kind == TOKEN_INTEGER && token->integer <= INT64_MAX) {
        value->type = VALUE_INTEGER;
        value->integer = negative ? -(int64_t)token->integer : (int64_t)token->integer;
    } else if (token->kind == TOKEN_INTEGER && !negative) {
        value->type = VALUE_REFERENCE; /* beyond int64: an id */
        value->reference = token->integer;
    } else if (token->kind == TOKEN_INTEGER || token->kind == TOKEN_NUMBER) {
        value->type = VALUE_FLOAT;
        value->number = negative ? -token->number : token->number;
    } else if (token->kind == TOKEN_DURATION && token->number < 0x1p62) {
        value->type = VALUE_DURATION;
        value->integer = (int64_t)(negative ? -token->number : token->number);
    } else {
        return false;
    }
    return true;
}

enum code parser_operand(struct parser *parser, const char *what, struct operand *operand)
{
    enum code code = CODE_OK;
    *operand = (struct operand){.kind = OPERAND_LITERAL, .position = parser->token.position};
    if (parser->token.kind == TOKEN_PARAMETER) {
        operand->kind = OPERAND_PARAMETER;
        return parser_parameter(parser, &operand->parameter);
    }
    if (parser->token.kind == TOKEN_STRING) {
        code = unquote(parser, &operand->value);
    } else if (parser_at(parser, "true") || parser_at(parser, "false")) {
        operand->value.type = VALUE_BOOLEAN;
        operand->value.boolean = parser_at(parser, "true");
    } else {
        bool negative = parser_accept_symbol(parser, "-");
        if (!number_value(&parser->token, negative, &operand->value))
            return parser_expected(parser, what);
    }
    if (code == CODE_OK) parser_advance(parser);
    return code;
}

enum code parser_reference_of(struct parser *parser, enum entity_kind kind,
                              struct reference *reference)
{
    enum code code;
    *reference = (struct reference){.kind = kind};
    if (parser_accept(parser, "key")) {
        reference->by_key = true;
        if (parser->token.kind != TOKEN_STRING && parser->token.kind != TOKEN_PARAMETER)
            return parser_expected(parser, "a key in quotes or a parameter");
        return parser_operand(parser, "a key", &reference->operand);
    }
    if (parser->token.kind != TOKEN_INTEGER && parser->token.kind != TOKEN_PARAMETER) {
        code = parser_expected(parser, "an id, KEY or a parameter");
        error_hint(parser->error, "an id is a whole number; a text of yours stands behind KEY: "
                                  "item KEY 'film-7'");
        return code;
    }
    uint64_t id = parser->token.integer;
    TRY(parser_operand(parser, "an id", &reference->operand));
    if (reference->operand.kind == OPERAND_LITERAL) {
        reference->operand.value.type = VALUE_REFERENCE;
        reference->operand.value.reference = id;
    }
out:
    return code;
}

enum code parser_reference(struct parser *parser, struct reference *reference)
{
    enum entity_kind kind;
    enum code code;
    TRY(parser_kind(parser, false, &kind));
    code = parser_reference_of(parser, kind, reference);
out:
    return code;
}

void *list_add(struct parser *parser, struct list *list, size_t item_bytes)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity > 0 ? list->capacity * 2 : 4;
        void *items = arena_array(parser->arena, capacity, item_bytes);
        if (!items) return NULL;
        if (list->count > 0) memcpy(items, list->items, list->count * item_bytes);
        list->items = items;
        list->capacity = capacity;
    }
    return (char *)list->items + list->count++ * item_bytes;
}
