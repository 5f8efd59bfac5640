/* Text as the terminal shows it, numbers and times as people write them. */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "cli/buffer.h"

#include <stdbool.h>
#include <stdint.h>

/* Columns that `bytes` of UTF-8 take on a terminal; bytes that are not UTF-8 take one each.
 * main sets a UTF-8 locale, on which it depends. */
size_t text_columns(const char *text, size_t bytes);
/* Number of characters. */
size_t text_characters(const char *text, size_t bytes);

bool text_is_utf8(const char *text, size_t bytes);

/* The whole text, or false. */
bool text_u64(const char *text, uint64_t *value);
bool text_i64(const char *text, int64_t *value);
/* "7d", "12h", "30m", "90s", "250ms", as in the language; not 0. */
bool text_duration(const char *text, uint64_t *duration_ms);
/* "4096", "512KiB", "256MiB", "2GiB"; not 0. */
bool text_size(const char *text, uint64_t *bytes);
/* Finite numbers alone. */
bool text_double(const char *text, double *value);

enum time_unit { TIME_AUTOMATIC, TIME_RFC3339, TIME_SECONDS, TIME_MILLISECONDS };

/* To Unix milliseconds.  TIME_AUTOMATIC takes RFC 3339 and milliseconds. */
bool text_time(const char *text, enum time_unit unit, int64_t *time_ms);
/* RFC 3339 in UTC: 2013-09-01T00:00:00Z, with .123 if there are milliseconds. */
void text_append_time(struct buffer *out, int64_t time_ms);

/* With its quotes. */
void text_append_json(struct buffer *out, const char *text, size_t bytes);
/* RFC 4180: quoted if need be. */
void text_append_csv(struct buffer *out, const char *text, size_t bytes);
/* The shortest decimal that reads back as the same double. */
void text_append_double(struct buffer *out, double value);
/* 1234567 as "1,234,567". */
void text_append_count(struct buffer *out, uint64_t count);
/* "1.5 MiB" */
void text_append_size(struct buffer *out, uint64_t bytes);

#endif
