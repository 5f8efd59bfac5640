/* What a RETRIEVE ... RECORD served, as a change; and a recorded slate as rows. */
#ifndef TIDAL_QUERY_RECORD_H
#define TIDAL_QUERY_RECORD_H

#include "query/result.h"
#include "query/slate.h"

/* Makes the change of a slate that was built: all of it lies in the request's arena.  With FEATURES
 * it has what the ranking read of each item, unweighted, as it was when it was scored.  LIMIT: more
 * than 64 of these, or a surface of more than 64 bytes.  NO_MEMORY. */
MUST_USE enum code record_slate(struct slate *slate, const struct slate_change **change,
                                struct error *error);

/* Appends the texts of the sources that brought an item in: "newest(100), trending(view, 1h)". */
void record_sources(const struct slate_change *slate, const struct served_item *item,
                    struct buffer *out);

/* The rows of SHOW SLATE: one an item, each with what is the whole slate's; one without an item if
 * there are none.  False on no memory. */
MUST_USE bool record_rows(const struct slate_change *slate, lsn id, struct arena *arena,
                          struct result *result);

#endif
