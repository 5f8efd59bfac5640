/* A copy of a directory that is thrown away. */
#ifndef CLI_SCRATCH_H
#define CLI_SCRATCH_H

#include "cli/buffer.h"

#include <stdbool.h>

/* Copies a directory to a new one under $TMPDIR, or /tmp, whose name is put into `copy` (zeroed).
 * False, with a report; then nothing is left. */
bool scratch_copy(const char *directory, struct buffer *copy);
/* Removes it with all in it, and releases the name; nothing if there is none. */
void scratch_remove(struct buffer *copy);

#endif
