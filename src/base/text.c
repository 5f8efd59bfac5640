#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

/* --- UTF-8 (RFC 3629, section 4) --- */

/* Bytes of the well-formed sequence at `at`, or 0. */
static size_t sequence_bytes(const uint8_t *at, size_t left)
{
    uint8_t first = at[0], low = 0x80, high = 0xbf;
    size_t bytes;
    if (first < 0x80) return 1;
    if (first >= 0xc2 && first <= 0xdf) {
        bytes = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        bytes = 3;
        if (first == 0xe0) low = 0xa0;  /* else overlong */
        if (first == 0xed) high = 0x9f; /* else a surrogate */
    } else if (first >= 0xf0 && first <= 0xf4) {
        bytes = 4;
        if (first == 0xf0) low = 0x90;
        if (first == 0xf4) high = 0x8f; /* else beyond U+10FFFF */
    } else {
        return 0;
    }
    if (left < bytes || at[1] < low || at[1] > high) return 0;
    for (size_t i = 2; i < bytes; i++)
        if ((at[i] & 0xc0) != 0x80) return 0;
    return bytes;
}

bool utf8_valid(struct slice text, size_t *bad_at)
{
    for (size_t i = 0; i < text.bytes;) {
        size_t bytes = sequence_bytes(text.data + i, text.bytes - i);
        if (bytes == 0) {
            *bad_at = i;
            return false;
        }
        i += bytes;
    }
    return true;
}

size_t utf8_encode(uint32_t code_point, uint8_t out[4])
{
    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    size_t bytes = code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
    static const uint8_t marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = bytes - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (code_point & 0x3f));
        code_point >>= 6;
    }
    out[0] = (uint8_t)(marks[bytes] | code_point);
    return bytes;
}

/* --- Times --- */

enum { DAY_S = 86400 };

/* What RFC 3339 can write: the years 0001 to 9999, in UTC. */
#define TIME_FIRST_MS INT64_C(-62135596800000)
#define TIME_LAST_MS  INT64_C(253402300799999)

/* Days from 1970-01-01 to a date of the proleptic Gregorian calendar: a year is taken to begin in
 * March, so that the leap day is its last. */
static int64_t days_of_date(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* Reads `digits` digits; moves on. */
static bool read_number(struct slice *text, int digits, int *number)
{
    if (text->bytes < (size_t)digits) return false;
    *number = 0;
    for (int i = 0; i < digits; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') return false;
        *number = *number * 10 + (text->data[i] - '0');
    }
    *text = slice_of(text->data + digits, text->bytes - (size_t)digits);
    return true;
}

static bool read_byte(struct slice *text, const char *any)
{
    if (text->bytes == 0 || text->data[0] == 0 || !strchr(any, text->data[0])) return false;
    *text = slice_of(text->data + 1, text->bytes - 1);
    return true;
}

static bool read_date(struct slice *text, int64_t *days)
{
    int year, month, day;
    if (!read_number(text, 4, &year) || !read_byte(text, "-") || !read_number(text, 2, &month) ||
        !read_byte(text, "-") || !read_number(text, 2, &day))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
        return false;
    *days = days_of_date(year, month, day);
    return true;
}

/* hh:mm:ss[.f...]; digits beyond milliseconds are cut off. */
static bool read_clock(struct slice *text, int64_t *clock_ms)
{
    int hour, minute, second, fraction_ms = 0;
    if (!read_number(text, 2, &hour) || !read_byte(text, ":") || !read_number(text, 2, &minute) ||
        !read_byte(text, ":") || !read_number(text, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 59) return false;
    if (read_byte(text, ".")) {
        int digit, scale = 100;
        if (!read_number(text, 1, &digit)) return false;
        do {
            fraction_ms += digit * scale;
            scale /= 10;
        } while (read_number(text, 1, &digit));
    }
    *clock_ms = (hour * 3600 + minute * 60 + second) * INT64_C(1000) + fraction_ms;
    return true;
}

static bool read_zone(struct slice *text, int64_t *zone_ms)
{
    int hours, minutes;
    *zone_ms = 0;
    if (read_byte(text, "Zz")) return true;
    int sign = text->bytes > 0 && text->data[0] == '-' ? -1 : 1;
    if (!read_byte(text, "+-") || !read_number(text, 2, &hours) || !read_byte(text, ":") ||
        !read_number(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *zone_ms = sign * (hours * 60 + minutes) * INT64_C(60000);
    return true;
}

bool time_parse(struct slice text, int64_t *time_ms)
{
    int64_t days, clock_ms = 0, zone_ms = 0;
    if (!read_date(&text, &days)) return false;
    if (text.bytes > 0) {
        if (!read_byte(&text, "Tt ") || !read_clock(&text, &clock_ms) ||
            !read_zone(&text, &zone_ms))
            return false;
    }
    if (text.bytes > 0) return false;
    int64_t parsed_ms = days * DAY_S * 1000 + clock_ms - zone_ms;
    if (parsed_ms < TIME_FIRST_MS || parsed_ms > TIME_LAST_MS) return false;
    *time_ms = parsed_ms;
    return true;
}

static void date_of_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
    *month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

void time_format(int64_t time_ms, char out[TIME_TEXT_BYTES])
{
    /* What RFC 3339 cannot write is written as milliseconds. */
    if (time_ms < TIME_FIRST_MS || time_ms > TIME_LAST_MS) {
        snprintf(out, TIME_TEXT_BYTES, "%" PRId64 "ms", time_ms);
        return;
    }
    int year, month, day;
    int64_t second = time_ms / 1000 - (time_ms % 1000 < 0);
    int fraction_ms = (int)(time_ms - second * 1000);
    int64_t days = second / DAY_S - (second % DAY_S < 0);
    int clock = (int)(second - days * DAY_S);
    date_of_days(days, &year, &month, &day);
    char text[80];
    int bytes = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day,
                         clock / 3600, clock / 60 % 60, clock % 60);
    if (fraction_ms > 0)
        bytes += snprintf(text + bytes, sizeof text - (size_t)bytes, ".%03d", fraction_ms);
    snprintf(text + bytes, sizeof text - (size_t)bytes, "Z");
    memcpy(out, text, TIME_TEXT_BYTES);
    out[TIME_TEXT_BYTES - 1] = '\0';
}

void duration_format(int64_t duration_ms, char out[DURATION_TEXT_BYTES])
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;
    while (i < 4 && (duration_ms == 0 || duration_ms % units[i].ms != 0))
        i++;
    /* A single day reads better as 24h, as does what is declared so. */
    if (i == 0 && duration_ms == units[0].ms) i = 1;
    snprintf(out, DURATION_TEXT_BYTES, "%" PRId64 "%s", duration_ms / units[i].ms, units[i].unit);
}

static bool is_exchanged(struct slice a, struct slice b, size_t i, size_t j)
{
    return i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] && a.data[i - 2] == b.data[j - 1];
}

static size_t least_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What is above the limit in a whole row stays above it: an exchange costs no less than the two
 * letters' replacements would from the row between. */
size_t edit_distance(struct slice a, struct slice b, size_t limit)
{
    enum { BYTES_MAXIMUM = 128 };
    size_t rows[3][BYTES_MAXIMUM + 1];
    size_t gap = a.bytes > b.bytes ? a.bytes - b.bytes : b.bytes - a.bytes;
    if (gap > limit || b.bytes > BYTES_MAXIMUM) return limit + 1;
    for (size_t j = 0; j <= b.bytes; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.bytes; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        size_t least = row[0] = i;
        for (size_t j = 1; j <= b.bytes; j++) {
            row[j] = above[j - 1] + (a.data[i - 1] != b.data[j - 1]);
            row[j] = least_of(row[j], least_of(above[j], row[j - 1]) + 1);
            if (is_exchanged(a, b, i, j)) row[j] = least_of(row[j], second[j - 2] + 1);
            least = least_of(least, row[j]);
        }
        if (least > limit) return limit + 1;
    }
    size_t distance = rows[a.bytes % 3][b.bytes];
    return distance <= limit ? distance : limit + 1;
}
