/* Tokens of the language.  Pure; one thread. */
#ifndef TIDAL_QUERY_LEXER_H
#define TIDAL_QUERY_LEXER_H

#include "base/bytes.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,      /* a keyword or a name */
    TOKEN_INTEGER,   /* `integer`, without a sign */
    TOKEN_NUMBER,    /* `number`, finite */
    TOKEN_DURATION,  /* `number`: milliseconds, finite */
    TOKEN_STRING,    /* `text` with its quotes; lexer_string has what it says */
    TOKEN_PARAMETER, /* `text`: with the dollar sign */
    TOKEN_SYMBOL,    /* one of ( ) { } , ; . + - * / = < > [ ] or <= >= != <> */
    TOKEN_BAD        /* `message` says why */
};

struct token {
    enum token_kind kind;
    struct slice text;
    uint64_t position;
    uint64_t integer;
    double number;
    const char *message;
};

struct lexer {
    struct slice text;
    size_t at;
};

void lexer_init(struct lexer *lexer, struct slice text);
/* Skips spaces and comments (`-- ...` to the end of the line), reads one token. */
struct token lexer_next(struct lexer *lexer);
/* The word, in any case of its ASCII letters? */
bool slice_is_word(struct slice text, const char *word);
bool token_is_word(const struct token *token, const char *word);
bool token_is_symbol(const struct token *token, const char *symbol);
/* Writes what a string token says ('' is ') to `out`, which has room for its length. */
size_t token_unquote(const struct token *token, char *out);

#endif
