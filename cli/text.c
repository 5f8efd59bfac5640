#include "cli/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

/* Bytes of the UTF-8 character at `text`, and the character; 1 and the byte if it is not UTF-8. */
static size_t next_character(const char *text, size_t bytes, uint32_t *character)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t length = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    *character = at[0];
    if (length < 2 || length > bytes || at[0] > 0xf4) return 1;
    uint32_t decoded = at[0] & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) return 1;
        decoded = decoded << 6 | (at[i] & 0x3f);
    }
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    bool surrogate = decoded >= 0xd800 && decoded <= 0xdfff;
    if (decoded < smallest[length] || decoded > 0x10ffff || surrogate) return 1;
    *character = decoded;
    return length;
}

size_t text_columns(const char *text, size_t bytes)
{
    size_t columns = 0;
    for (size_t at = 0; at < bytes;) {
        uint32_t character;
        at += next_character(text + at, bytes - at, &character);
        int width = wcwidth((wchar_t)character);
        columns += width < 0 ? 1 : (size_t)width;
    }
    return columns;
}

size_t text_characters(const char *text, size_t bytes)
{
    size_t characters = 0;
    uint32_t character;
    for (size_t at = 0; at < bytes; characters++)
        at += next_character(text + at, bytes - at, &character);
    return characters;
}

bool text_is_utf8(const char *text, size_t bytes)
{
    uint32_t character;
    for (size_t at = 0; at < bytes;) {
        if ((unsigned char)text[at] < 0x80) {
            at++;
            continue;
        }
        size_t length = next_character(text + at, bytes - at, &character);
        if (length == 1) return false;
        at += length;
    }
    return true;
}

bool text_u64(const char *text, uint64_t *value)
{
    if (!isdigit((unsigned char)text[0])) return false;
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return errno == 0 && *end == 0;
}

struct unit {
    const char *name;
    uint64_t worth;
};

/* A whole number, not 0, with its unit. */
static bool with_unit(const char *text, const struct unit *units, size_t unit_count,
                      uint64_t *value)
{
    if (!isdigit((unsigned char)text[0])) return false;
    char *end;
    errno = 0;
    uint64_t count = strtoull(text, &end, 10);
    for (size_t i = 0; errno == 0 && i < unit_count; i++) {
        if (strcmp(end, units[i].name) != 0) continue;
        if (count == 0 || count > UINT64_MAX / units[i].worth) return false;
        *value = count * units[i].worth;
        return true;
    }
    return false;
}

bool text_duration(const char *text, uint64_t *duration_ms)
{
    static const struct unit units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {"w", 604800000}};
    return with_unit(text, units, sizeof units / sizeof *units, duration_ms);
}

bool text_size(const char *text, uint64_t *bytes)
{
    static const struct unit units[] = {
        {"", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    return with_unit(text, units, sizeof units / sizeof *units, bytes);
}

bool text_i64(const char *text, int64_t *value)
{
    if (!isdigit((unsigned char)text[text[0] == '-'])) return false;
    char *end;
    errno = 0;
    *value = strtoll(text, &end, 10);
    return errno == 0 && *end == 0;
}

bool text_double(const char *text, double *value)
{
    /* strtod also takes "inf", "nan", hexadecimal and leading spaces. */
    if (text[0] == 0 || text[strspn(text, "0123456789+-.eE")] != 0) return false;
    char *end;
    *value = strtod(text, &end);
    return *end == 0 && isfinite(*value);
}

/* Days from 1970-01-01 of a day in the proleptic Gregorian calendar (Howard Hinnant's
 * days_from_civil). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* `count` digits; moves *at behind them. */
static bool take_digits(const char **at, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (!isdigit((unsigned char)**at)) return false;
        *value = *value * 10 + (**at - '0');
    }
    return true;
}

static bool take_char(const char **at, const char *allowed)
{
    if (**at == 0 || !strchr(allowed, **at)) return false;
    (*at)++;
    return true;
}

/* ".123456" to 123; nothing to 0. */
static bool take_fraction(const char **at, int *milliseconds)
{
    *milliseconds = 0;
    if (**at != '.') return true;
    (*at)++;
    int digits = 0;
    for (; isdigit((unsigned char)**at); (*at)++, digits++) {
        if (digits < 3) *milliseconds = *milliseconds * 10 + (**at - '0');
    }
    for (int i = digits; i < 3; i++)
        *milliseconds *= 10;
    return digits > 0;
}

static bool take_zone(const char **at, int *minutes)
{
    *minutes = 0;
    if (take_char(at, "Zz")) return true;
    bool west = **at == '-';
    int hours, rest;
    if (!take_char(at, "+-") || !take_digits(at, 2, &hours) || !take_char(at, ":") ||
        !take_digits(at, 2, &rest) || hours > 23 || rest > 59)
        return false;
    *minutes = (hours * 60 + rest) * (west ? -1 : 1);
    return true;
}

static bool parse_rfc3339(const char *at, int64_t *time_ms)
{
    int year, month, day, hour, minute, second, milliseconds, zone;
    if (!take_digits(&at, 4, &year) || !take_char(&at, "-") || !take_digits(&at, 2, &month) ||
        !take_char(&at, "-") || !take_digits(&at, 2, &day) || !take_char(&at, "Tt ") ||
        !take_digits(&at, 2, &hour) || !take_char(&at, ":") || !take_digits(&at, 2, &minute) ||
        !take_char(&at, ":") || !take_digits(&at, 2, &second) ||
        !take_fraction(&at, &milliseconds) || !take_zone(&at, &zone) || *at != 0)
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month)) return false;
    if (hour > 23 || minute > 59 || second > 60) return false;
    int64_t minutes = (days_of(year, month, day) * 24 + hour) * 60 + minute - zone;
    *time_ms = (minutes * 60 + second) * 1000 + milliseconds;
    return true;
}

bool text_time(const char *text, enum time_unit unit, int64_t *time_ms)
{
    double seconds;
    switch (unit) {
    case TIME_RFC3339:
        return parse_rfc3339(text, time_ms);
    case TIME_MILLISECONDS:
        return text_i64(text, time_ms);
    case TIME_SECONDS:
        if (!text_double(text, &seconds) || fabs(seconds) > 1e15) return false;
        *time_ms = (int64_t)llround(seconds * 1000);
        return true;
    case TIME_AUTOMATIC:
        break;
    }
    return text_i64(text, time_ms) || parse_rfc3339(text, time_ms);
}

void text_append_time(struct buffer *out, int64_t time_ms)
{
    int64_t milliseconds = (time_ms % 1000 + 1000) % 1000;
    int64_t seconds = (time_ms - milliseconds) / 1000;
    int64_t second_of_day = (seconds % 86400 + 86400) % 86400;
    /* civil_from_days, the inverse of days_of. */
    int64_t days = (seconds - second_of_day) / 86400 + 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    int64_t month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    buffer_print(out, "%04" PRId64 "-%02" PRId64 "-%02" PRId64 "T%02" PRId64 ":%02" PRId64,
                 year_of_era + era * 400 + (month <= 2), month,
                 day_of_year - (153 * shifted_month + 2) / 5 + 1, second_of_day / 3600,
                 second_of_day / 60 % 60);
    buffer_print(out, ":%02" PRId64, second_of_day % 60);
    if (milliseconds) buffer_print(out, ".%03" PRId64, milliseconds);
    buffer_append_char(out, 'Z');
}

void text_append_json(struct buffer *out, const char *text, size_t bytes)
{
    buffer_append_char(out, '"');
    for (size_t i = 0; i < bytes; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\') {
            buffer_append_char(out, '\\');
            buffer_append_char(out, (char)c);
        } else if (c == '\n') {
            buffer_append_text(out, "\\n");
        } else if (c == '\t') {
            buffer_append_text(out, "\\t");
        } else if (c < 0x20 || c == 0x7f) {
            buffer_print(out, "\\u%04x", c);
        } else {
            buffer_append_char(out, (char)c);
        }
    }
    buffer_append_char(out, '"');
}

void text_append_csv(struct buffer *out, const char *text, size_t bytes)
{
    bool plain = true;
    for (size_t i = 0; i < bytes && plain; i++)
        plain = !strchr(",\"\r\n", text[i]) && text[i] != 0;
    if (plain && (bytes == 0 || (text[0] != ' ' && text[bytes - 1] != ' '))) {
        buffer_append(out, text, bytes);
        return;
    }
    buffer_append_char(out, '"');
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] == '"') buffer_append_char(out, '"');
        buffer_append_char(out, text[i]);
    }
    buffer_append_char(out, '"');
}

void text_append_double(struct buffer *out, double value)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        (void)snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    buffer_append_text(out, text);
}

void text_append_count(struct buffer *out, uint64_t count)
{
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, count);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) buffer_append_char(out, ',');
        buffer_append_char(out, digits[i]);
    }
}

void text_append_size(struct buffer *out, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes;
    size_t unit = 0;
    for (; size >= 1024 && unit < 4; unit++)
        size /= 1024;
    buffer_print(out, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}
