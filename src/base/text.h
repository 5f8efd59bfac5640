/* Small facts about text: UTF-8, durations, times.  Pure. */
#ifndef TIDAL_BASE_TEXT_H
#define TIDAL_BASE_TEXT_H

#include "base/bytes.h"

/* True if all bytes are well-formed UTF-8 (RFC 3629: no overlong form, no surrogate, at most
 * U+10FFFF); otherwise *bad_at is the offset of the first bad byte. */
bool utf8_valid(struct slice text, size_t *bad_at);
/* Appends the 1..4 bytes of a code point (a valid scalar value) to `out`; returns their number. */
size_t utf8_encode(uint32_t code_point, uint8_t out[4]);

/* Milliseconds since 1970-01-01T00:00:00Z from RFC 3339 (`2026-11-01T10:00:00[.fff](Z|+hh:mm)`,
 * or a date alone: midnight UTC); proleptic Gregorian, years 0001..9999 (in UTC as well), no leap
 * seconds. */
MUST_USE bool time_parse(struct slice text, int64_t *time_ms);
/* Writes `2026-11-01T10:00:00Z` (with .fff where not a whole second; beyond those years as
 * milliseconds, `253402300800000ms`) and a NUL. */
#define TIME_TEXT_BYTES 32
void time_format(int64_t time_ms, char out[TIME_TEXT_BYTES]);
/* Writes the largest unit that divides it: 90m, 7d, 1500ms (but one day as 24h), and a NUL. */
#define DURATION_TEXT_BYTES 32
void duration_format(int64_t duration_ms, char out[DURATION_TEXT_BYTES]);

/* How many letters are to be added, left out, replaced, or exchanged with the next one (optimal
 * string alignment), cut off above `limit` (then limit + 1 is returned): finds the name that a
 * misspelt one was meant to be. */
size_t edit_distance(struct slice a, struct slice b, size_t limit);

#endif
