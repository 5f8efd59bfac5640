/* Unpredictable bytes: database ids, seeds nobody gave.  any thread. */
#ifndef TIDAL_OS_ENTROPY_H
#define TIDAL_OS_ENTROPY_H

#include "base/error.h"

/* Fills `bytes` bytes.  CODE_IO if the machine has none to give. */
MUST_USE enum code entropy_fill(void *buffer, size_t bytes, struct error *error);

#endif
