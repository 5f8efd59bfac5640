#include "query/number.h"

#include <langinfo.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_BYTES_MAXIMUM = 400 };

bool digits_to_u64(struct slice digits, uint64_t *number)
{
    *number = 0;
    for (size_t i = 0; i < digits.bytes; i++) {
        if (__builtin_mul_overflow(*number, (uint64_t)10, number) ||
            __builtin_add_overflow(*number, (uint64_t)(digits.data[i] - '0'), number))
            return false;
    }
    return true;
}

/* The decimal point of the thread's locale: what strtod wants and printf writes.  localeconv would
 * say the same through a struct that all threads share. */
static const char *decimal_point(void)
{
    return nl_langinfo(RADIXCHAR);
}

bool digits_to_double(struct slice text, double *number)
{
    char copy[NUMBER_BYTES_MAXIMUM + 8];
    const char *point = decimal_point();
    size_t used = 0;
    if (text.bytes > NUMBER_BYTES_MAXIMUM) return false;
    for (size_t i = 0; i < text.bytes; i++) {
        if (text.data[i] != '.') {
            copy[used++] = (char)text.data[i];
            continue;
        }
        for (size_t j = 0; point[j] && j < 4; j++)
            copy[used++] = point[j];
    }
    copy[used] = '\0';
    *number = strtod(copy, NULL);
    return isfinite(*number);
}

static void format_digits(double number, int digits, char out[DOUBLE_TEXT_BYTES])
{
    const char *point = decimal_point();
    snprintf(out, DOUBLE_TEXT_BYTES, "%.*g", digits, number);
    char *found = strstr(out, point);
    if (!found || strcmp(point, ".") == 0) return;
    size_t point_bytes = strlen(point);
    *found = '.';
    memmove(found + 1, found + point_bytes, strlen(found + point_bytes) + 1);
}

void double_format(double number, char out[DOUBLE_TEXT_BYTES])
{
    format_digits(number, 17, out);
}

/* What was written, without the sign that digits_to_double does not take. */
static double read_back(const char *text)
{
    double number;
    if (*text == '-') text++;
    return digits_to_double(slice_of(text, strlen(text)), &number) ? number : HUGE_VAL;
}

void double_format_short(double number, char out[DOUBLE_TEXT_BYTES])
{
    for (int digits = 1; digits <= 17; digits++) {
        format_digits(number, digits, out);
        if (read_back(out) == fabs(number)) return;
    }
}

void float_format_short(float number, char out[DOUBLE_TEXT_BYTES])
{
    for (int digits = 1; digits <= 9; digits++) {
        format_digits((double)number, digits, out);
        if ((float)read_back(out) == fabsf(number)) return;
    }
}
