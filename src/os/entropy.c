#include "os/entropy.h"

#include <errno.h>
#include <sys/random.h>

enum code entropy_fill(void *buffer, size_t bytes, struct error *error)
{
    uint8_t *at = buffer;
    while (bytes > 0) {
        ssize_t got = getrandom(at, bytes, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            return error_os(error, AREA_OS, got < 0 ? errno : EIO,
                            "cannot read random bytes from the system");
        }
        at += got;
        bytes -= (size_t)got;
    }
    return CODE_OK;
}
