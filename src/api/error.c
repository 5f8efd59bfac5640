#include "api/handle.h"

#include <assert.h>
#include <stdio.h>

static_assert((int)TIDAL_MISUSE == (int)CODE_MISUSE && (int)TIDAL_IO == (int)CODE_IO &&
                  (int)TIDAL_MISUSE == CODE_COUNT - 1,
              "public and internal codes are the same numbers");
static_assert(TIDAL_NO_POSITION == ERROR_NO_POSITION, "no position is the same");

tidal_code give_error(enum code code, const struct error *error, tidal_error *out)
{
    if (code == CODE_OK || !out) return (tidal_code)code;
    *out = (tidal_error){.code = (tidal_code)code,
                         .area = area_name(error->area),
                         .os_error = error->os_error,
                         .position = error->position};
    snprintf(out->message, sizeof out->message, "%s", error->message);
    snprintf(out->hint, sizeof out->hint, "%s", error->hint);
    return (tidal_code)code;
}

tidal_code give_misuse(tidal_error *out, const char *message, const char *hint)
{
    struct error error;
    enum code code = error_set(&error, CODE_MISUSE, AREA_API, "%s", message);
    error_hint(&error, "%s", hint);
    return give_error(code, &error, out);
}

const char *tidal_code_name(tidal_code code)
{
    if (code == TIDAL_ROW) return "row";
    if (code == TIDAL_DONE) return "done";
    if ((int)code < 0 || (int)code >= CODE_COUNT) return "unknown";
    return code_name((enum code)code);
}

const char *tidal_version(void)
{
    return TIDAL_VERSION;
}

struct slice text_slice(const char *text, int64_t bytes)
{
    return slice_of(text, bytes < 0 ? strlen(text) : (size_t)bytes);
}
