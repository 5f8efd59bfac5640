#include "base/text.h"

#include "base/choices.h"
#include "harness/test.h"

#include <time.h>

#define FIRST_MS INT64_C(-62135596800000) /* 0001-01-01 */
#define LAST_MS  INT64_C(253402300799999) /* the end of 9999 */
#define DAY_MS   INT64_C(86400000)

static struct slice text_of(const char *text)
{
    return slice_of(text, strlen(text));
}

/* --- UTF-8 --- */

static void every_code_point_is_encoded_as_valid_utf8(struct test *t)
{
    for (uint32_t code_point = 0; code_point <= 0x10ffff; code_point++) {
        uint8_t bytes[4];
        size_t bad_at, count;
        if (code_point >= 0xd800 && code_point <= 0xdfff) continue;
        count = utf8_encode(code_point, bytes);
        size_t expected = code_point < 0x80      ? 1
                          : code_point < 0x800   ? 2
                          : code_point < 0x10000 ? 3
                                                 : 4;
        CHECK_EQ(count, expected);
        CHECK(utf8_valid(slice_of(bytes, count), &bad_at));
        for (size_t cut = 1; cut < count; cut++) {
            CHECK(!utf8_valid(slice_of(bytes, cut), &bad_at));
            CHECK_EQ(bad_at, 0);
        }
    }
}

/* By the definition: the shortest encoding of a scalar value, found by decoding. */
static bool naive_valid(const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count;) {
        uint8_t first = bytes[i];
        size_t length = first < 0x80       ? 1
                        : first >> 5 == 6  ? 2
                        : first >> 4 == 14 ? 3
                        : first >> 3 == 30 ? 4
                                           : 0;
        if (length == 0 || i + length > count) return false;
        uint32_t value = length == 1 ? first : first & (0x7fu >> length);
        for (size_t j = 1; j < length; j++) {
            if (bytes[i + j] >> 6 != 2) return false;
            value = value << 6 | (bytes[i + j] & 0x3f);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
            return false;
        i += length;
    }
    return true;
}

static void utf8_is_what_decodes_to_scalar_values_in_the_shortest_form(struct test *t)
{
    /* Bytes at which a rule begins or ends. */
    static const uint8_t edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0,
                                    0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xee, 0xef, 0xf0, 0xf4, 0xf5};
    enum { EDGES = sizeof edges };
    size_t bad_at, valid = 0;
    for (size_t i = 0; i < (size_t)EDGES * EDGES * EDGES * EDGES; i++) {
        uint8_t bytes[4] = {edges[i % EDGES], edges[i / EDGES % EDGES],
                            edges[i / EDGES / EDGES % EDGES], edges[i / EDGES / EDGES / EDGES]};
        bool expected = naive_valid(bytes, 4);
        valid += expected;
        CHECK_EQ(utf8_valid(slice_of(bytes, 4), &bad_at), expected);
        /* What precedes the bad byte is well formed. */
        if (!expected) CHECK(bad_at < 4 && naive_valid(bytes, bad_at));
    }
    CHECK(valid > 100);
    CHECK(utf8_valid((struct slice){0}, &bad_at));
}

/* --- Times --- */

static void a_formatted_time_is_parsed_back(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, 99, NULL);
    for (int i = 0; i < 200000; i++) {
        int64_t time_ms = FIRST_MS + (int64_t)choose(&choices, (uint64_t)(LAST_MS - FIRST_MS));
        if (choose_one_in(&choices, 2)) time_ms -= time_ms % 1000;
        char text[TIME_TEXT_BYTES];
        int64_t parsed;
        time_format(time_ms, text);
        CHECK(time_parse(text_of(text), &parsed));
        CHECK_EQ(parsed, time_ms);
        CHECK_EQ(strlen(text), time_ms % 1000 == 0 ? 20 : 24);
    }
}

/* Each day from year 1 to 9999, counted one by one. */
static void every_date_is_one_day_after_the_one_before(struct test *t)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t expected_ms = FIRST_MS;
    for (int year = 1; year <= 9999; year++) {
        bool leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
        for (int month = 1; month <= 12; month++) {
            int days = lengths[month - 1] + (month == 2 && leap);
            for (int day = 1; day <= days; day++, expected_ms += DAY_MS) {
                char date[40], text[TIME_TEXT_BYTES];
                int64_t parsed;
                snprintf(date, sizeof date, "%04d-%02d-%02d", year, month, day);
                CHECK(time_parse(text_of(date), &parsed));
                CHECK_EQ(parsed, expected_ms);
                time_format(parsed, text);
                CHECK(memcmp(text, date, 10) == 0 && strcmp(text + 10, "T00:00:00Z") == 0);
            }
            char beyond[40];
            int64_t ignored;
            snprintf(beyond, sizeof beyond, "%04d-%02d-%02d", year, month, days + 1);
            CHECK(!time_parse(text_of(beyond), &ignored));
        }
    }
    CHECK_EQ(expected_ms, LAST_MS + 1);
}

static void times_agree_with_the_c_library(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, 7, NULL);
    for (int i = 0; i < 20000; i++) {
        int64_t second =
            (FIRST_MS + (int64_t)choose(&choices, (uint64_t)(LAST_MS - FIRST_MS))) / 1000;
        time_t clock = (time_t)second;
        struct tm parts;
        char expected[64], text[TIME_TEXT_BYTES];
        CHECK(gmtime_r(&clock, &parts));
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02dZ", parts.tm_year + 1900,
                 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
        time_format(second * 1000, text);
        CHECK_TEXT(text, expected);
    }
}

static void all_forms_of_rfc_3339_are_read(struct test *t)
{
    static const struct {
        const char *text;
        int64_t time_ms;
    } forms[] = {
        {"1970-01-01", 0},
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01 00:00:00.5Z", 500},
        {"1970-01-01T00:00:00.123456789Z", 123},
        {"1970-01-01T01:30:00+01:30", 0},
        {"1969-12-31T23:00:00-01:00", 0},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2000-02-29T12:00:00Z", INT64_C(951825600000)},
        {"2026-11-01T10:00:00.250+02:00", INT64_C(1793520000250)},
        {"0001-01-01T00:00:00Z", FIRST_MS},
        {"9999-12-31T23:59:59.999Z", LAST_MS},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        int64_t time_ms;
        CHECK(time_parse(text_of(forms[i].text), &time_ms));
        CHECK_EQ(time_ms, forms[i].time_ms);
    }
}

static void what_is_no_time_is_refused(struct test *t)
{
    static const char *const texts[] = {"",
                                        "1970",
                                        "1970-1-1",
                                        "1970-01-01Z",
                                        "1970-01-01T",
                                        "1970-01-01T00:00Z",
                                        "1970-01-01T00:00:00",
                                        "1970-01-01T00:00:00.Z",
                                        "1970-01-01T00:00:00Zx",
                                        "1970-01-01T24:00:00Z",
                                        "1970-01-01T00:60:00Z",
                                        "1970-01-01T00:00:60Z",
                                        "1970-01-01T00:00:00+24:00",
                                        "1970-01-01T00:00:00+01:60",
                                        "1970-01-01T00:00:00+0100",
                                        "1970-00-01",
                                        "1970-13-01",
                                        "1970-01-00",
                                        "1970-02-29",
                                        "1900-02-29",
                                        "0000-01-01",
                                        "10000-01-01",
                                        "-001-01-01",
                                        " 1970-01-01",
                                        "1970-01-01 ",
                                        "0001-01-01T00:00:00+00:01",
                                        "9999-12-31T23:59:59-00:01"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        int64_t time_ms;
        bool refused = !time_parse(text_of(texts[i]), &time_ms);
        if (!refused) fprintf(stderr, "    '%s'\n", texts[i]);
        CHECK(refused);
    }
    int64_t time_ms;
    CHECK(!time_parse(slice_of("1970-01-01\0", 11), &time_ms));
}

static void a_prefix_of_a_time_is_read_no_further_than_its_end(struct test *t)
{
    static const char text[] = "2026-11-01T10:00:00.250+02:00";
    for (size_t bytes = 0; bytes < sizeof text - 1; bytes++) {
        int64_t time_ms;
        CHECK_EQ(time_parse(slice_of(text, bytes), &time_ms), bytes == 10);
    }
}

static void a_time_beyond_the_calendar_is_written_in_milliseconds(struct test *t)
{
    char text[TIME_TEXT_BYTES];
    time_format(LAST_MS + 1, text);
    CHECK_TEXT(text, "253402300800000ms");
    time_format(INT64_MIN, text);
    CHECK_TEXT(text, "-9223372036854775808ms");
    time_format(-1, text);
    CHECK_TEXT(text, "1969-12-31T23:59:59.999Z");
}

/* --- Durations --- */

static void a_duration_is_written_in_its_largest_unit(struct test *t)
{
    static const struct {
        int64_t ms;
        const char *text;
    } durations[] = {{0, "0ms"},
                     {1, "1ms"},
                     {1500, "1500ms"},
                     {1000, "1s"},
                     {90 * 1000, "90s"},
                     {60 * 1000, "1m"},
                     {90 * 60 * 1000, "90m"},
                     {3600 * 1000, "1h"},
                     {DAY_MS, "24h"},
                     {36 * 3600 * 1000, "36h"},
                     {2 * DAY_MS, "2d"},
                     {7 * DAY_MS, "7d"},
                     {366 * DAY_MS, "366d"},
                     {-90 * 60 * 1000, "-90m"},
                     {INT64_MAX, "9223372036854775807ms"},
                     {INT64_MIN, "-9223372036854775808ms"}};
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        char text[DURATION_TEXT_BYTES];
        duration_format(durations[i].ms, text);
        CHECK_TEXT(text, durations[i].text);
    }
}

/* --- Edit distance --- */

/* By its definition, without a table. */
static size_t naive_distance(struct slice a, struct slice b)
{
    size_t table[12][12];
    for (size_t i = 0; i <= a.bytes; i++) {
        for (size_t j = 0; j <= b.bytes; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = i + j;
                continue;
            }
            size_t best = table[i - 1][j - 1] + (a.data[i - 1] != b.data[j - 1]);
            if (table[i - 1][j] + 1 < best) best = table[i - 1][j] + 1;
            if (table[i][j - 1] + 1 < best) best = table[i][j - 1] + 1;
            if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
                a.data[i - 2] == b.data[j - 1] && table[i - 2][j - 2] + 1 < best)
                best = table[i - 2][j - 2] + 1;
            table[i][j] = best;
        }
    }
    return table[a.bytes][b.bytes];
}

static void the_edit_distance_is_that_of_the_full_table_up_to_its_limit(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, 21, NULL);
    for (int i = 0; i < 50000; i++) {
        uint8_t bytes[2][11];
        struct slice texts[2];
        for (int k = 0; k < 2; k++) {
            texts[k] = slice_of(bytes[k], (size_t)choose(&choices, 11));
            for (size_t j = 0; j < texts[k].bytes; j++)
                bytes[k][j] = (uint8_t)('a' + choose(&choices, 2));
        }
        size_t limit = (size_t)choose(&choices, 11);
        size_t distance = naive_distance(texts[0], texts[1]);
        CHECK_EQ(edit_distance(texts[0], texts[1], limit),
                 distance <= limit ? distance : limit + 1);
    }
}

static void known_distances_are_found(struct test *t)
{
    CHECK_EQ(edit_distance(text_of("kitten"), text_of("sitting"), 5), 3);
    CHECK_EQ(edit_distance(text_of("titel"), text_of("title"), 2), 1);
    CHECK_EQ(edit_distance(text_of("veiw"), text_of("view"), 1), 1);
    CHECK_EQ(edit_distance(text_of("ca"), text_of("abc"), 3), 3);
    CHECK_EQ(edit_distance(text_of(""), text_of("abc"), 3), 3);
    CHECK_EQ(edit_distance(text_of(""), text_of(""), 0), 0);
}

static void texts_longer_than_a_name_are_beyond_the_limit(struct test *t)
{
    char a[200], b[200];
    memset(a, 'a', sizeof a);
    memset(b, 'a', sizeof b);
    CHECK_EQ(edit_distance(slice_of(a, 128), slice_of(b, 128), 2), 0);
    CHECK_EQ(edit_distance(slice_of(a, 130), slice_of(b, 128), 2), 2);
    CHECK_EQ(edit_distance(slice_of(a, 129), slice_of(b, 129), 2), 3);
    CHECK_EQ(edit_distance(slice_of(a, 200), slice_of(b, 1), 2), 3);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(every_code_point_is_encoded_as_valid_utf8),
        CASE(utf8_is_what_decodes_to_scalar_values_in_the_shortest_form),
        CASE(a_formatted_time_is_parsed_back), CASE(every_date_is_one_day_after_the_one_before),
        CASE(times_agree_with_the_c_library), CASE(all_forms_of_rfc_3339_are_read),
        CASE(what_is_no_time_is_refused), CASE(a_prefix_of_a_time_is_read_no_further_than_its_end),
        CASE(a_time_beyond_the_calendar_is_written_in_milliseconds),
        CASE(a_duration_is_written_in_its_largest_unit),
        CASE(the_edit_distance_is_that_of_the_full_table_up_to_its_limit),
        CASE(known_distances_are_found), CASE(texts_longer_than_a_name_are_beyond_the_limit));
}
