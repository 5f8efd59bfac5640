#include "schema/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Makes room at the place that keeps the list in order of position, the earlier added first among
 * equals; NULL if the list is full of earlier ones. */
static struct violation *place_for(struct violations *violations, uint64_t position)
{
    size_t kept = violations->count < VIOLATIONS_MAXIMUM ? violations->count : VIOLATIONS_MAXIMUM;
    size_t at = kept;
    while (at > 0 && violations->list[at - 1].position > position)
        at--;
    if (at == VIOLATIONS_MAXIMUM) return NULL;
    if (kept == VIOLATIONS_MAXIMUM) kept--;
    memmove(&violations->list[at + 1], &violations->list[at],
            (kept - at) * sizeof *violations->list);
    return &violations->list[at];
}

void violations_add(struct violations *violations, uint64_t position, const char *hint,
                    const char *format, ...)
{
    struct violation *violation = place_for(violations, position);
    violations->count++;
    if (!violation) return;
    violation->position = position;
    snprintf(violation->hint, sizeof violation->hint, "%s", hint ? hint : "");
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(violation->message, sizeof violation->message, format, arguments);
    va_end(arguments);
}

enum code violations_error(const struct violations *violations, struct error *error)
{
    const struct violation *first = &violations->list[0];
    enum code code;
    if (violations->count == 0) return CODE_OK;
    if (violations->count == 1) {
        code = error_set(error, CODE_INVALID, AREA_SCHEMA, "%s", first->message);
    } else {
        code = error_set(error, CODE_INVALID, AREA_SCHEMA, "%s (and %zu more)", first->message,
                         violations->count - 1);
    }
    if (first->hint[0]) error_hint(error, "%s", first->hint);
    error_at(error, first->position);
    return code;
}
