/* Reading the log for EXPORT TRAINING: the rows of its slates, a slate at a time.  one thread. */
#ifndef TIDAL_ENGINE_TRAINING_H
#define TIDAL_ENGINE_TRAINING_H

#include "engine/execute.h"

struct training_reader;

/* Begins at SINCE, or where the log does, and ends at what is applied now; what it has yet to read
 * stays in the log until training_reader_close.  NOT_RETAINED, with the oldest LSN, where the log
 * begins later than SINCE; INVALID, NOT_FOUND as of training_bind. */
MUST_USE enum code training_reader_open(struct database *database,
                                        const struct execution *execution,
                                        struct training_reader **reader, struct error *error);
/* The rows of the next slates that are decided; none: the end.  *result is lent until the next
 * call; its `lsn` is the last one read.  The state is locked for one entry at a time.  CANCELLED.
 */
MUST_USE enum code training_reader_next(struct training_reader *reader, struct result *result,
                                        struct error *error);
void training_reader_close(struct training_reader *reader); /* NULL is allowed */

#endif
