/* Which value of a field a source is about: `trending(view, genre = 'jazz')` says it, or WHERE
 * does, since all that a source gives must pass it.  The source then reads that value's index
 * alone. */
#ifndef TIDAL_QUERY_SOURCE_GROUP_H
#define TIDAL_QUERY_SOURCE_GROUP_H

#include "ranking/program.h"
#include "signals/key_index.h"

/* INVALID: the source's value is a parameter that is unbound, or no text. */
MUST_USE enum code source_group_check(const struct source_definition *source,
                                      const struct scope *scope, struct error *error);

/* False: the source is about all items, or nothing says about which.  `where` may be NULL, and was
 * checked against the view's schema. */
bool source_group_find(const struct source_definition *source, const struct scope *scope,
                       const struct expression *where, struct index_group *group);

#endif
