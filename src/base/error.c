#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CODE_TEXT(name, text, meaning) text,
#define AREA_TEXT(name, text)          text,
static const char *const code_texts[] = {ERROR_CODES(CODE_TEXT)};
static const char *const area_texts[] = {ERROR_AREAS(AREA_TEXT)};

/* Ends a text that vsnprintf cut off between two characters (of UTF-8). */
static void end_between_characters(char *text, size_t room)
{
    size_t bytes = strlen(text), start = bytes;
    if (bytes + 1 < room) return; /* not cut off */
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0) return;
    unsigned char first = (unsigned char)text[--start];
    size_t wanted = first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (start + wanted > bytes) text[start] = '\0';
}

PRINTF_LIKE(4, 0)
static void fill(struct error *error, enum code code, enum area area, const char *format,
                 va_list arguments)
{
    error->code = code;
    error->area = area;
    error->os_error = 0;
    error->position = ERROR_NO_POSITION;
    error->hint[0] = '\0';
    vsnprintf(error->message, sizeof error->message, format, arguments);
    end_between_characters(error->message, sizeof error->message);
}

enum code error_set(struct error *error, enum code code, enum area area, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fill(error, code, area, format, arguments);
    va_end(arguments);
    return code;
}

void error_hint(struct error *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->hint, sizeof error->hint, format, arguments);
    end_between_characters(error->hint, sizeof error->hint);
    va_end(arguments);
}

void error_at(struct error *error, uint64_t position)
{
    error->position = position;
}

static enum code code_of_errno(int os_error)
{
    switch (os_error) {
    case ENOSPC:
    case EDQUOT:
        return CODE_NO_SPACE;
    case EROFS:
    case EACCES:
    case EPERM:
        return CODE_READ_ONLY;
    case ENOMEM:
        return CODE_NO_MEMORY;
    case ENOENT:
        return CODE_NOT_FOUND;
    case EMFILE:
    case ENFILE:
        return CODE_LIMIT;
    default:
        return CODE_IO;
    }
}

enum code error_os(struct error *error, enum area area, int os_error, const char *format, ...)
{
    char text[96];
    va_list arguments;
    va_start(arguments, format);
    fill(error, code_of_errno(os_error), area, format, arguments);
    va_end(arguments);
    error->os_error = os_error;
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used, ": %s",
             strerror_r(os_error, text, sizeof text));
    if (error->code == CODE_LIMIT) error_hint(error, "raise the limit of open files: ulimit -n");
    return error->code;
}

enum code error_no_memory(struct error *error, enum area area, size_t bytes)
{
    return error_set(error, CODE_NO_MEMORY, area, "no memory for %zu bytes", bytes);
}

const char *code_name(enum code code)
{
    return (unsigned)code < CODE_COUNT ? code_texts[code] : "unknown";
}

const char *area_name(enum area area)
{
    return (unsigned)area < AREA_COUNT ? area_texts[area] : "unknown";
}
