/* Served: which items recorded slates gave each user lately, surface by surface.
 *
 * A fold over SLATE changes that name a user, and DELETE.  Served is not seen: nothing here counts
 * for ratios or `seen`, which are the impressions'.  It remembers an item for at most a day
 * (SERVED_AGE_MAXIMUM_MS), at most 1,024 items on each of at most 8 surfaces: those that were
 * served longest ago go first.  served.c says how users who never come back are forgotten.  Written
 * by the engine under its exclusive lock, read by any thread under the shared one. */
#ifndef TIDAL_BEHAVIOUR_SERVED_H
#define TIDAL_BEHAVIOUR_SERVED_H

#include "schema/fold.h"

struct served;

enum {
    SERVED_ITEMS_MAXIMUM = 1024, /* of a user on a surface: more than one slate can have */
    SERVED_SURFACES_MAXIMUM = 8  /* of a user */
};

/* *served is owned by *fold (fold->ops->free).  `ordinal_of` finds an entity's ordinal at load,
 * ORDINAL_NONE if there is none; it and `context` are lent for the life of the fold. */
MUST_USE enum code
served_create(struct memory *memory,
              ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id),
              void *context, struct fold *fold, struct served **served, struct error *error);

/* One item as the user was last served it on a surface. */
struct served_entry {
    entity_id id;
    lsn slate;       /* which slate */
    int64_t time_ms; /* its NOW */
    ordinal item;
    uint32_t position; /* in the slate, from 1; beyond 2^32 - 1: that */
};

/* The entries of a user on a surface (empty: without one), ascending by slate and position: lent
 * until the lock is given up.  NULL, *count 0: there are none.  Those that are too old for a gate
 * may still be among them. */
const struct served_entry *served_entries(const struct served *served, ordinal user,
                                          struct slice surface, size_t *count);

/* Entries of all users: for figures. */
size_t served_count(const struct served *served);

#endif
