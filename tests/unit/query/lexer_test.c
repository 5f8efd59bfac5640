#include "query/lexer.h"

#include "harness/test.h"

#include <float.h>

static struct token only_token(const char *text)
{
    struct lexer lexer;
    lexer_init(&lexer, slice_of(text, strlen(text)));
    return lexer_next(&lexer);
}

static bool is_number(const char *text, enum token_kind kind, double number)
{
    struct token token = only_token(text);
    return token.kind == kind && token.number == number && token.text.bytes == strlen(text);
}

static void numbers_and_durations_are_read_to_the_last_digit(struct test *t)
{
    CHECK(is_number("0", TOKEN_INTEGER, 0));
    CHECK(is_number("42", TOKEN_INTEGER, 42));
    CHECK_EQ(only_token("18446744073709551615").integer, UINT64_MAX);
    CHECK(is_number("18446744073709551616", TOKEN_NUMBER, 0x1p64));
    CHECK(is_number("1.5", TOKEN_NUMBER, 1.5));
    CHECK(is_number("2e3", TOKEN_NUMBER, 2000));
    CHECK(is_number("1E-2", TOKEN_NUMBER, 0.01));
    CHECK(is_number("1.7976931348623157e308", TOKEN_NUMBER, DBL_MAX));
    CHECK(is_number("250ms", TOKEN_DURATION, 250));
    CHECK(is_number("90s", TOKEN_DURATION, 90e3));
    CHECK(is_number("30m", TOKEN_DURATION, 30 * 60e3));
    CHECK(is_number("1.5h", TOKEN_DURATION, 1.5 * 3600e3));
    CHECK(is_number("7d", TOKEN_DURATION, 7 * 86400e3));
    CHECK(is_number("2w", TOKEN_DURATION, 14 * 86400e3));
}

static void numbers_that_are_none_are_refused_with_a_reason(struct test *t)
{
    char long_number[512], long_duration[513];
    CHECK_TEXT(only_token("1e999").message, "the number is too large");
    CHECK_TEXT(only_token("3y").message,
               "a number ends with a unit that is none of ms, s, m, h, d, w");
    CHECK_EQ(only_token("3H").kind, TOKEN_BAD);
    CHECK_EQ(only_token("12abc").kind, TOKEN_BAD);
    memset(long_number, '9', sizeof long_number - 1);
    long_number[sizeof long_number - 1] = '\0';
    CHECK_TEXT(only_token(long_number).message, "the number is too large");
    snprintf(long_duration, sizeof long_duration, "%.511sh", long_number);
    CHECK_TEXT(only_token(long_duration).message, "the duration is too long");
}

static void a_quote_in_a_string_is_written_twice(struct test *t)
{
    char said[32];
    struct token token = only_token("'it''s' rest");
    CHECK_EQ(token.kind, TOKEN_STRING);
    CHECK_EQ(token.text.bytes, 7);
    said[token_unquote(&token, said)] = '\0';
    CHECK_TEXT(said, "it's");
    token = only_token("''''");
    said[token_unquote(&token, said)] = '\0';
    CHECK_TEXT(said, "'");
    token = only_token("''");
    CHECK_EQ(token_unquote(&token, said), 0);
    CHECK_TEXT(only_token("'open").message, "the string has no end");
    CHECK_TEXT(only_token("'open''").message, "the string has no end");
}

static void spaces_and_comments_separate_tokens(struct test *t)
{
    static const struct {
        const char *text;
        uint64_t position;
    } expected[] = {{"a", 1}, {"-", 11}, {"b", 13}, {"<=", 30}, {"$c", 32}, {";", 34}};
    const char *text = " a -- one\n\t- b--two - 'three\r\n<=$c;--end";
    struct lexer lexer;
    lexer_init(&lexer, slice_of(text, strlen(text)));
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        struct token token = lexer_next(&lexer);
        CHECK(slice_equal(token.text, slice_of(expected[i].text, strlen(expected[i].text))));
        CHECK_EQ(token.position, expected[i].position);
    }
    CHECK_EQ(lexer_next(&lexer).kind, TOKEN_END);
    CHECK_EQ(lexer_next(&lexer).kind, TOKEN_END);
}

static void what_no_statement_has_is_shown_whole(struct test *t)
{
    struct token token = only_token("\xe2\x82\xac 1");
    CHECK_EQ(token.kind, TOKEN_BAD);
    CHECK_EQ(token.text.bytes, 3);
    CHECK_EQ(only_token("\"double\"").kind, TOKEN_BAD);
    CHECK_EQ(only_token("$").kind, TOKEN_BAD);
    CHECK_EQ(only_token("$1").kind, TOKEN_BAD);
    CHECK_EQ(only_token("!").kind, TOKEN_BAD);
}

static void words_match_in_any_case_of_ascii_alone(struct test *t)
{
    struct token token = only_token("ReTrIeVe");
    CHECK(token_is_word(&token, "retrieve"));
    CHECK(!token_is_word(&token, "retrieves"));
    CHECK(!token_is_word(&token, "retriev"));
    token = only_token("[");
    CHECK(!slice_is_word(token.text, "{")); /* 0x5b and 0x7b differ in the bit of case */
}

static void any_bytes_end_the_lexer_after_as_many_tokens_as_there_are_bytes(struct test *t)
{
    uint64_t state = 1;
    for (int round = 0; round < 2000; round++) {
        uint8_t bytes[64];
        struct lexer lexer;
        size_t tokens = 0, end = 0;
        for (size_t i = 0; i < sizeof bytes; i++) {
            state = state * 6364136223846793005 + 1442695040888963407;
            bytes[i] = (uint8_t) "a0'$-. \n(e9\xff"[(state >> 33) % 12];
        }
        lexer_init(&lexer, slice_of(bytes, sizeof bytes));
        for (;;) {
            struct token token = lexer_next(&lexer);
            CHECK(token.position >= end);
            end = (size_t)token.position + token.text.bytes;
            CHECK(end <= sizeof bytes);
            if (token.kind == TOKEN_END) break;
            CHECK(token.text.bytes > 0 || token.kind == TOKEN_BAD);
            CHECK(++tokens <= sizeof bytes);
        }
        CHECK_EQ(end, sizeof bytes);
    }
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(numbers_and_durations_are_read_to_the_last_digit),
        CASE(numbers_that_are_none_are_refused_with_a_reason),
        CASE(a_quote_in_a_string_is_written_twice), CASE(spaces_and_comments_separate_tokens),
        CASE(what_no_statement_has_is_shown_whole), CASE(words_match_in_any_case_of_ascii_alone),
        CASE(any_bytes_end_the_lexer_after_as_many_tokens_as_there_are_bytes));
}
