#include "query/lexer.h"

#include "query/number.h"

#include <math.h>
#include <string.h>

void lexer_init(struct lexer *lexer, struct slice text)
{
    *lexer = (struct lexer){text, 0};
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int peek(const struct lexer *lexer, size_t ahead)
{
    size_t at = lexer->at + ahead;
    return at < lexer->text.bytes ? lexer->text.data[at] : -1;
}

static void skip_blank(struct lexer *lexer)
{
    for (;;) {
        int c = peek(lexer, 0);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            lexer->at++;
        } else if (c == '-' && peek(lexer, 1) == '-') {
            while (peek(lexer, 0) != '\n' && peek(lexer, 0) != -1)
                lexer->at++;
        } else {
            return;
        }
    }
}

static struct token bad(struct token token, const char *message)
{
    token.kind = TOKEN_BAD;
    token.message = message;
    return token;
}

/* Milliseconds of a unit, or 0. */
static double unit_ms(struct slice unit)
{
    static const struct {
        const char *unit;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1e3}, {"m", 6e4}, {"h", 36e5}, {"d", 864e5}, {"w", 6048e5}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (slice_equal(unit, slice_of(units[i].unit, strlen(units[i].unit)))) return units[i].ms;
    return 0;
}

static void skip_digits(struct lexer *lexer)
{
    while (is_digit(peek(lexer, 0)))
        lexer->at++;
}

static struct slice text_from(const struct lexer *lexer, size_t start)
{
    return slice_of(lexer->text.data + start, lexer->at - start);
}

/* 12, 1.5, 2e9, 30m */
static struct token read_number(struct lexer *lexer, struct token token)
{
    size_t start = lexer->at;
    bool whole = true;
    skip_digits(lexer);
    if (peek(lexer, 0) == '.' && is_digit(peek(lexer, 1))) {
        whole = false;
        lexer->at++;
        skip_digits(lexer);
    }
    int sign = peek(lexer, 1) == '+' || peek(lexer, 1) == '-';
    if ((peek(lexer, 0) == 'e' || peek(lexer, 0) == 'E') &&
        is_digit(peek(lexer, 1u + (size_t)sign))) {
        whole = false;
        lexer->at += 1 + (size_t)sign;
        skip_digits(lexer);
    }
    token.text = text_from(lexer, start);
    bool fits = digits_to_double(token.text, &token.number);
    size_t unit = lexer->at;
    while (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)))
        lexer->at++;
    if (lexer->at > unit) {
        double ms = unit_ms(text_from(lexer, unit));
        token.text = text_from(lexer, start);
        if (ms == 0)
            return bad(token, "a number ends with a unit that is none of ms, s, m, h, d, w");
        token.kind = TOKEN_DURATION;
        token.number *= ms;
        return fits && isfinite(token.number) ? token : bad(token, "the duration is too long");
    }
    if (!fits) return bad(token, "the number is too large");
    token.kind = whole && digits_to_u64(token.text, &token.integer) ? TOKEN_INTEGER : TOKEN_NUMBER;
    return token;
}

static struct token read_string(struct lexer *lexer, struct token token)
{
    size_t start = lexer->at++;
    for (;; lexer->at++) {
        int c = peek(lexer, 0);
        if (c == -1) {
            token.text = text_from(lexer, start);
            return bad(token, "the string has no end");
        }
        if (c != '\'') continue;
        if (peek(lexer, 1) != '\'') break;
        lexer->at++;
    }
    lexer->at++;
    token.kind = TOKEN_STRING;
    token.text = text_from(lexer, start);
    return token;
}

static struct token read_symbol(struct lexer *lexer, struct token token)
{
    int c = peek(lexer, 0), next = peek(lexer, 1);
    size_t bytes = 1;
    if ((next == '=' && (c == '<' || c == '>' || c == '!')) || (c == '<' && next == '>')) bytes = 2;
    token.text = slice_of(lexer->text.data + lexer->at, bytes);
    lexer->at += bytes;
    if (bytes == 1 && (c == 0 || !strchr("(){},;.+-*/=<>[]", c))) {
        /* A character of several bytes is shown whole. */
        while ((peek(lexer, 0) & 0xc0) == 0x80 && peek(lexer, 0) != -1)
            lexer->at++;
        token.text = text_from(lexer, token.position);
        return bad(token, "no statement has this character here");
    }
    token.kind = TOKEN_SYMBOL;
    return token;
}

struct token lexer_next(struct lexer *lexer)
{
    skip_blank(lexer);
    struct token token = {.kind = TOKEN_END, .position = lexer->at};
    size_t start = lexer->at;
    int c = peek(lexer, 0);
    token.text = slice_of(lexer->text.data + start, 0);
    if (c == -1) return token;
    if (is_digit(c)) return read_number(lexer, token);
    if (c == '\'') return read_string(lexer, token);
    if (!is_letter(c) && !(c == '$' && is_letter(peek(lexer, 1)))) return read_symbol(lexer, token);
    lexer->at++;
    while (is_letter(peek(lexer, 0)) || is_digit(peek(lexer, 0)))
        lexer->at++;
    token.kind = c == '$' ? TOKEN_PARAMETER : TOKEN_WORD;
    token.text = text_from(lexer, start);
    return token;
}

/* ASCII alone: keywords do not depend on a locale. */
static uint8_t to_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

bool slice_is_word(struct slice text, const char *word)
{
    if (text.bytes != strlen(word)) return false;
    for (size_t i = 0; i < text.bytes; i++)
        if (to_lower(text.data[i]) != to_lower((uint8_t)word[i])) return false;
    return true;
}

bool token_is_word(const struct token *token, const char *word)
{
    return token->kind == TOKEN_WORD && slice_is_word(token->text, word);
}

bool token_is_symbol(const struct token *token, const char *symbol)
{
    return token->kind == TOKEN_SYMBOL &&
           slice_equal(token->text, slice_of(symbol, strlen(symbol)));
}

size_t token_unquote(const struct token *token, char *out)
{
    size_t used = 0;
    for (size_t i = 1; i + 1 < token->text.bytes; i++) {
        out[used++] = (char)token->text.data[i];
        if (token->text.data[i] == '\'') i++;
    }
    return used;
}
