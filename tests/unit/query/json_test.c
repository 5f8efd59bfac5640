#include "query/json.h"

#include "base/choices.h"
#include "harness/folder.h"
#include "harness/test.h"
#include "query/number.h"
#include "unit/query/json_oracle.h"

#include <locale.h>
#include <math.h>

struct fixture {
    struct memory memory;
    struct arena arena;
    struct json json;
    struct error error;
};

static void fixture_init(struct fixture *f)
{
    *f = (struct fixture){0};
    memory_init(&f->memory, 0);
    arena_init(&f->arena, &f->memory, 1 << 24);
}

static void fixture_release(struct fixture *f)
{
    arena_release(&f->arena);
    memory_release(&f->memory);
}

static enum code parse_bytes(struct fixture *f, const void *bytes, size_t count)
{
    return json_parse(slice_of(bytes, count), &f->arena, &f->json, &f->error);
}

static enum code parse(struct fixture *f, const char *text)
{
    return parse_bytes(f, text, strlen(text));
}

static bool says(const struct json *json, const char *text)
{
    return json->type == JSON_STRING && slice_equal(json->text, slice_of(text, strlen(text)));
}

static void every_kind_of_value_is_read_with_its_place(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    CHECK_EQ(parse(&f, " {\"a\": [null, true,false],\r\n\t\"b\":{} , \"c\":\"x\",\"d\":-12,"
                       "\"e\":1.5,\"f\":[]} "),
             CODE_OK);
    CHECK_EQ(f.json.type, JSON_OBJECT);
    CHECK_EQ(f.json.position, 1);
    CHECK_EQ(f.json.object.count, 6);
    const struct json_member *members = f.json.object.members;
    CHECK(slice_equal(members[0].name, slice_of("a", 1)));
    CHECK_EQ(members[0].position, 2);
    CHECK_EQ(members[0].value.position, 7);
    const struct json *list = members[0].value.array.elements;
    CHECK_EQ(members[0].value.array.count, 3);
    CHECK_EQ(list[0].type, JSON_NULL);
    CHECK(list[1].type == JSON_BOOLEAN && list[1].boolean);
    CHECK(list[2].type == JSON_BOOLEAN && !list[2].boolean);
    CHECK_EQ(list[2].position, 19);
    CHECK(members[1].value.type == JSON_OBJECT && members[1].value.object.count == 0);
    CHECK(says(&members[2].value, "x"));
    CHECK(members[3].value.type == JSON_INTEGER && members[3].value.integer == -12);
    CHECK(members[4].value.type == JSON_NUMBER && members[4].value.number == 1.5);
    CHECK(members[5].value.type == JSON_ARRAY && members[5].value.array.count == 0);
    fixture_release(&f);
}

static void whole_numbers_are_exact_up_to_their_limits(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    CHECK(parse(&f, "9223372036854775807") == CODE_OK && f.json.type == JSON_INTEGER);
    CHECK(f.json.integer == INT64_MAX);
    CHECK(parse(&f, "-9223372036854775808") == CODE_OK && f.json.type == JSON_INTEGER);
    CHECK(f.json.integer == INT64_MIN);
    CHECK(parse(&f, "9223372036854775808") == CODE_OK && f.json.type == JSON_UNSIGNED);
    CHECK(f.json.natural == (uint64_t)INT64_MAX + 1);
    CHECK(parse(&f, "18446744073709551615") == CODE_OK && f.json.type == JSON_UNSIGNED);
    CHECK(f.json.natural == UINT64_MAX);
    CHECK(parse(&f, "-0") == CODE_OK && f.json.type == JSON_INTEGER && f.json.integer == 0);
    CHECK_EQ(parse(&f, "18446744073709551616"), CODE_INVALID);
    CHECK_EQ(parse(&f, "-9223372036854775809"), CODE_INVALID);
    CHECK_TEXT(f.error.message, "JSON: the number is out of range");
    CHECK_EQ(f.error.position, 0);
    fixture_release(&f);
}

static void fractions_are_the_nearest_double(struct test *t)
{
    static const struct {
        const char *text;
        double number;
    } cases[] = {{"0.1", 0.1},
                 {"1e23", 1e23},
                 {"-2.5E-3", -0.0025},
                 {"1E+2", 100},
                 {"4.9406564584124654e-324", 0x1p-1074},
                 {"1e-400", 0},
                 {"1.7976931348623157e308", 0x1.fffffffffffffp+1023},
                 {"9007199254740993.0", 9007199254740992.0}};
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_EQ(parse(&f, cases[i].text), CODE_OK);
        CHECK(f.json.type == JSON_NUMBER && same_double(f.json.number, cases[i].number));
    }
    CHECK(parse(&f, "-0.0") == CODE_OK && signbit(f.json.number));
    fixture_release(&f);
}

static void escapes_become_what_they_stand_for(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    CHECK_EQ(parse(&f, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), CODE_OK);
    CHECK(says(&f.json, "\"\\/\b\f\n\r\t"));
    CHECK_EQ(parse(&f, "\"\\u00e9\\u20AC\\uD83D\\ude00\\u0001\\uffff\""), CODE_OK);
    CHECK(says(&f.json, "é€😀\001\xef\xbf\xbf"));
    CHECK_EQ(parse(&f, "\"é 😀 \x7f\""), CODE_OK);
    CHECK(says(&f.json, "é 😀 \x7f"));
    CHECK_EQ(parse(&f, "\"\""), CODE_OK);
    CHECK(says(&f.json, ""));
    fixture_release(&f);
}

struct refusal {
    const char *text;
    uint64_t position;
    const char *message;
};

static const struct refusal refusals[] = {
    {"", 0, "JSON: expected a value"},
    {"  ", 2, "JSON: expected a value"},
    {"nul", 0, "JSON: expected a value"},
    {"True", 0, "JSON: expected a value"},
    {"NaN", 0, "JSON: expected a value"},
    {"+1", 0, "JSON: expected a value"},
    {".5", 0, "JSON: expected a value"},
    {"'a'", 0, "JSON: expected a value"},
    {"\xef\xbb\xbf{}", 0, "JSON: expected a value"},
    {"nullx", 4, "JSON: something stands behind the value"},
    {"{} {}", 3, "JSON: something stands behind the value"},
    {"01", 1, "JSON: something stands behind the value"},
    {"0x10", 1, "JSON: something stands behind the value"},
    {"-", 0, "JSON: not a number"},
    {"[-a]", 1, "JSON: not a number"},
    {"[1, 1.]", 4, "JSON: not a number"},
    {"1e", 0, "JSON: not a number"},
    {"1e+", 0, "JSON: not a number"},
    {"[1e309]", 1, "JSON: the number is out of range"},
    {"-1e999", 0, "JSON: the number is out of range"},
    {"[1 2]", 3, "JSON: expected ',' or ']'"},
    {"[1,]", 3, "JSON: expected a value"},
    {"[", 1, "JSON: expected a value"},
    {"[1", 2, "JSON: expected ',' or ']'"},
    {"{", 1, "JSON: expected a name in quotes"},
    {"{a:1}", 1, "JSON: expected a name in quotes"},
    {"{\"a\" 1}", 5, "JSON: expected ':'"},
    {"{\"a\":}", 5, "JSON: expected a value"},
    {"{\"a\":1,}", 7, "JSON: expected a name in quotes"},
    {"{\"a\":1 \"b\":2}", 7, "JSON: expected ',' or '}'"},
    {"{\"a\":1", 6, "JSON: expected ',' or '}'"},
    {"{\"a\":1,\"b\":2,\"a\":3}", 13, "JSON: 'a' stands twice in an object"},
    {"[{\"a\":1,\"\\u0061\":2}]", 8, "JSON: 'a' stands twice in an object"},
    {"[\"abc]", 1, "JSON: the string has no end"},
    {"\"abc\\\"", 0, "JSON: the string has no end"},
    {"\"a\nb\"", 2, "JSON: a control character in a string"},
    {"\"\x1f\"", 1, "JSON: a control character in a string"},
    {"\"\\x41\"", 1, "JSON: an escape that there is not"},
    {"\"\\u12\"", 1, "JSON: '\\u' is not followed by four hexadecimal digits"},
    {"\"\\u12G4\"", 1, "JSON: '\\u' is not followed by four hexadecimal digits"},
    {"\"a\\u0000\"", 2, "JSON: a text holds U+0000"},
    {"{\"\\u0000\":1}", 2, "JSON: a text holds U+0000"},
    {"\"\\ud800\"", 1, "JSON: half of a surrogate pair"},
    {"\"\\udc00\"", 1, "JSON: half of a surrogate pair"},
    {"\"\\ud800\\u0041\"", 1, "JSON: half of a surrogate pair"},
    {"\"\\ud800\\ud800\"", 1, "JSON: half of a surrogate pair"},
    {"\"\\ud83d\\u\"", 1, "JSON: half of a surrogate pair"},
    {"\"\xff\"", 1, "JSON: bytes that are not UTF-8"},
    {"\"\xc0\x80\"", 1, "JSON: bytes that are not UTF-8"},
    {"\"\xed\xa0\x80\"", 1, "JSON: bytes that are not UTF-8"},
    {"{} // no", 3, "JSON: something stands behind the value"},
};

static void what_is_not_json_is_refused_with_its_place(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const struct refusal *refusal = &refusals[i];
        CHECK_EQ(parse(&f, refusal->text), CODE_INVALID);
        CHECK_TEXT(f.error.message, refusal->message);
        CHECK_EQ(f.error.position, refusal->position);
        CHECK_EQ(f.error.area, AREA_QUERY);
        CHECK(f.error.hint[0] != '\0');
    }
    CHECK_EQ(parse_bytes(&f, "1\0", 2), CODE_INVALID);
    CHECK_EQ(f.error.position, 1);
    CHECK_EQ(parse_bytes(&f, "\"a\0\"", 4), CODE_INVALID);
    CHECK_EQ(f.error.position, 2);
    CHECK_EQ(parse_bytes(&f, NULL, 0), CODE_INVALID);
    fixture_release(&f);
}

static void nesting_ends_at_64_lists_and_objects(struct test *t)
{
    struct fixture f;
    char text[400];
    fixture_init(&f);
    for (int depth = JSON_DEPTH_MAXIMUM; depth <= JSON_DEPTH_MAXIMUM + 1; depth++) {
        size_t used = 0;
        for (int i = 0; i < depth; i++)
            used += (size_t)snprintf(text + used, sizeof text - used, i % 2 ? "{\"\":" : "[");
        text[used++] = '7';
        for (int i = depth; i-- > 0;)
            text[used++] = i % 2 ? '}' : ']';
        enum code expected = depth == JSON_DEPTH_MAXIMUM ? CODE_OK : CODE_LIMIT;
        CHECK_EQ(parse_bytes(&f, text, used), expected);
    }
    CHECK_TEXT(f.error.message, "JSON: nested more than 64 deep");
    CHECK_EQ(f.error.position, 32 + 32 * 4);
    /* Beside each other they may be as many as will. */
    memset(text, 0, sizeof text);
    for (int i = 0; i < 100; i++)
        memcpy(text + 1 + i * 3, "[],", 3);
    text[0] = '[';
    text[300] = ']';
    CHECK_EQ(parse(&f, text), CODE_OK);
    CHECK_EQ(f.json.array.count, 100);
    fixture_release(&f);
}

static const char document[] =
    "{\"title\":\"Un \\u00e9t\\u00e9\",\"tags\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\","
    "\"i\",\"j\"],\"deep\":[[[{\"x\":null}]]],\"n\":[-1.5e3,18446744073709551615,true],\"o\":{}}";

static void every_shorter_text_is_refused(struct test *t)
{
    struct fixture f;
    fixture_init(&f);
    CHECK_EQ(parse(&f, document), CODE_OK);
    for (size_t bytes = 0; bytes < sizeof document - 1; bytes++) {
        CHECK_EQ(parse_bytes(&f, document, bytes), CODE_INVALID);
        CHECK(f.error.position <= bytes);
    }
    fixture_release(&f);
}

static void without_memory_it_is_an_error_at_every_place(struct test *t)
{
    enum code code = CODE_NO_MEMORY;
    size_t maximum = 0, failures = 0;
    for (; code != CODE_OK; maximum += 16, failures++) {
        struct fixture f;
        fixture_init(&f);
        f.arena.maximum_bytes = maximum;
        code = parse(&f, document);
        CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
        fixture_release(&f);
    }
    CHECK(failures > 30);
}

/* --- Against jansson --- */

enum { TEXT_BYTES = 1 << 14 };

struct writer {
    struct choices choices;
    char text[TEXT_BYTES];
    size_t used;
};

static void put(struct writer *writer, const char *text)
{
    size_t bytes = strlen(text);
    if (writer->used + bytes > sizeof writer->text) return;
    memcpy(writer->text + writer->used, text, bytes);
    writer->used += bytes;
}

#define PUT_ONE_OF(writer, ...)                                                                    \
    do {                                                                                           \
        static const char *const some_[] = {__VA_ARGS__};                                          \
        put(writer, some_[choose(&(writer)->choices, sizeof some_ / sizeof *some_ - 1)]);          \
    } while (0)

static void put_spaces(struct writer *writer)
{
    if (choose_one_in(&writer->choices, 4)) PUT_ONE_OF(writer, " ", "\n", "\t", "\r", "  ");
}

static void put_string(struct writer *writer)
{
    put(writer, "\"");
    for (uint64_t left = choose(&writer->choices, 6); left > 0; left--)
        PUT_ONE_OF(writer, "a", "b", "name", " ", "é", "€", "😀", "\x7f", "\\n", "\\\"", "\\\\",
                   "\\/", "\\u0041", "\\u00e9", "\\u20ac", "\\ud83d\\ude00", "\\uffff");
    put(writer, "\"");
}

static void put_number(struct writer *writer)
{
    char digits[64];
    uint64_t wide = choose(&writer->choices, UINT64_MAX);
    if (choose_one_in(&writer->choices, 2)) put(writer, "-");
    snprintf(digits, sizeof digits, "%" PRIu64, wide >> choose(&writer->choices, 63));
    put(writer, digits);
    if (choose_one_in(&writer->choices, 2)) {
        snprintf(digits, sizeof digits, ".%" PRIu64, choose(&writer->choices, UINT64_MAX));
        put(writer, digits);
    }
    if (choose_one_in(&writer->choices, 3)) {
        PUT_ONE_OF(writer, "e", "E", "e+", "E-", "e-");
        snprintf(digits, sizeof digits, "%" PRIu64, choose(&writer->choices, 320));
        put(writer, digits);
    }
}

static void put_value(struct writer *writer, int depth)
{
    uint64_t kind = choose(&writer->choices, depth > 0 ? 6 : 4), count;
    put_spaces(writer);
    switch (kind) {
    case 0:
        PUT_ONE_OF(writer, "null", "true", "false");
        break;
    case 1:
    case 2:
        put_string(writer);
        break;
    case 3:
    case 4:
        put_number(writer);
        break;
    default:
        count = choose(&writer->choices, 5);
        put(writer, kind == 5 ? "[" : "{");
        for (uint64_t i = 0; i < count; i++) {
            if (i > 0) put(writer, ",");
            put_spaces(writer);
            if (kind == 6) put_string(writer);
            put_spaces(writer);
            if (kind == 6) put(writer, ":");
            put_value(writer, depth - 1);
        }
        put_spaces(writer);
        put(writer, kind == 5 ? "]" : "}");
    }
    put_spaces(writer);
}

static void mutate(struct writer *writer)
{
    for (uint64_t left = choose(&writer->choices, 2) + 1; left > 0 && writer->used > 0; left--) {
        size_t at = (size_t)choose(&writer->choices, writer->used - 1);
        switch (choose(&writer->choices, 3)) {
        case 0:
            writer->text[at] = (char)choose(&writer->choices, 255);
            break;
        case 1:
            writer->text[at] = "{}[]\",:\\u0-+.eE1d8 \n"[choose(&writer->choices, 20)];
            break;
        case 2:
            memmove(writer->text + at, writer->text + at + 1, writer->used - at - 1);
            writer->used--;
            break;
        default:
            writer->used = at;
        }
    }
}

static void jansson_reads_and_refuses_the_same(struct test *t)
{
    static struct writer writer;
    struct memory memory;
    char reason[ORACLE_REASON_BYTES];
    unsigned verdicts[ORACLE_MEANT + 1] = {0};
    memory_init(&memory, 0);
    for (uint64_t seed = 0; seed < 60000; seed++) {
        writer.used = 0;
        choices_from_seed(&writer.choices, seed, NULL);
        put_value(&writer, 4);
        if (seed % 2) mutate(&writer);
        struct slice text = slice_of(writer.text, writer.used);
        enum oracle_verdict verdict = oracle_compare(text, &memory, reason);
        if (verdict == ORACLE_DIFFERENT)
            fprintf(stderr, "    seed %" PRIu64 ": %s\n    %.*s\n", seed, reason, (int)writer.used,
                    writer.text);
        CHECK(verdict != ORACLE_DIFFERENT);
        verdicts[verdict]++;
        choices_release(&writer.choices);
    }
    printf("json: %u read alike, %u refused alike, %u meant to differ\n",
           verdicts[ORACLE_BOTH_READ], verdicts[ORACLE_BOTH_REFUSE], verdicts[ORACLE_MEANT]);
    CHECK(verdicts[ORACLE_BOTH_READ] > 20000);
    CHECK(verdicts[ORACLE_BOTH_REFUSE] > 10000);
    CHECK(verdicts[ORACLE_MEANT] > 0);
    memory_release(&memory);
}

static void jansson_differs_where_we_mean_it(struct test *t)
{
    struct memory memory;
    char reason[ORACLE_REASON_BYTES], text[1024];
    memory_init(&memory, 0);
    CHECK_EQ(oracle_compare(slice_of("[9223372036854775808]", 21), &memory, reason), ORACLE_MEANT);
    CHECK_EQ(oracle_compare(slice_of("8\0", 2), &memory, reason), ORACLE_MEANT);
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    CHECK_EQ(oracle_compare(slice_of(text, 130), &memory, reason), ORACLE_MEANT);
    CHECK_EQ(oracle_compare(slice_of(text + 1, 128), &memory, reason), ORACLE_BOTH_READ);
    memset(text, '0', sizeof text);
    text[1] = '.';
    CHECK_EQ(oracle_compare(slice_of(text, 400), &memory, reason), ORACLE_BOTH_READ);
    CHECK_EQ(oracle_compare(slice_of(text, 401), &memory, reason), ORACLE_MEANT);
    memory_release(&memory);
}

/* --- Locales --- */

/* Makes a locale whose decimal point is a comma and sets it. */
static bool set_comma_locale(const struct folder *folder)
{
    char command[600];
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1",
             folder->path, folder->path);
    if (system(command) != 0) return false;
    setenv("LOCPATH", folder->path, 1);
    return setlocale(LC_ALL, "de_DE.UTF-8") && strcmp(localeconv()->decimal_point, ",") == 0;
}

static void the_host_programs_locale_changes_no_number(struct test *t)
{
    struct fixture f;
    struct folder folder;
    char text[DOUBLE_TEXT_BYTES];
    CHECK(folder_make(&folder));
    if (!set_comma_locale(&folder)) {
        folder_remove(&folder);
        SKIP("localedef cannot make a locale with a decimal comma here");
    }
    fixture_init(&f);
    enum code code = parse(&f, "-1234.5");
    enum code comma = parse(&f, "1,5");
    double_format(0.25, text);
    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    folder_remove(&folder);
    CHECK_EQ(code, CODE_OK);
    CHECK_EQ(comma, CODE_INVALID);
    CHECK_TEXT(text, "0.25");
    CHECK_EQ(parse(&f, "-1234.5"), CODE_OK);
    CHECK(f.json.number == -1234.5);
    fixture_release(&f);
}

static void a_double_is_written_so_that_it_is_read_back(struct test *t)
{
    struct choices choices;
    char text[DOUBLE_TEXT_BYTES];
    double numbers[] = {0, 0.1, 1e300, 0x1p-1074, 123456789.125}, back;
    choices_from_seed(&choices, 4, NULL);
    for (int i = 0; i < 10000; i++) {
        uint64_t bits = choose(&choices, UINT64_C(0x7fefffffffffffff));
        double number;
        memcpy(&number, &bits, sizeof number);
        if (i < 5) number = numbers[i];
        double_format(number, text);
        CHECK(digits_to_double(slice_of(text, strlen(text)), &back));
        CHECK(same_double(back, number));
    }
    choices_release(&choices);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(every_kind_of_value_is_read_with_its_place),
               CASE(whole_numbers_are_exact_up_to_their_limits),
               CASE(fractions_are_the_nearest_double), CASE(escapes_become_what_they_stand_for),
               CASE(what_is_not_json_is_refused_with_its_place),
               CASE(nesting_ends_at_64_lists_and_objects), CASE(every_shorter_text_is_refused),
               CASE(without_memory_it_is_an_error_at_every_place),
               CASE(jansson_reads_and_refuses_the_same), CASE(jansson_differs_where_we_mean_it),
               CASE(the_host_programs_locale_changes_no_number),
               CASE(a_double_is_written_so_that_it_is_read_back));
}
