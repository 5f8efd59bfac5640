/* Digits to numbers and back: exact, whatever the locale.  any thread. */
#ifndef TIDAL_QUERY_NUMBER_H
#define TIDAL_QUERY_NUMBER_H

#include "base/bytes.h"

/* `digits` are '0'..'9'.  False if it does not fit. */
bool digits_to_u64(struct slice digits, uint64_t *number);
/* Digits, perhaps a point and an exponent, no sign.  The nearest double; false if that is infinite,
 * or the text is longer than any sensible number. */
bool digits_to_double(struct slice text, double *number);

/* Writes a finite double with 17 digits and a NUL: digits_to_double gives back the same. */
#define DOUBLE_TEXT_BYTES 40
void double_format(double number, char out[DOUBLE_TEXT_BYTES]);
/* The fewest digits that read back as the same double, or the same float. */
void double_format_short(double number, char out[DOUBLE_TEXT_BYTES]);
void float_format_short(float number, char out[DOUBLE_TEXT_BYTES]);

#endif
