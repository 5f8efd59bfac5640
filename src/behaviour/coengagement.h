/* Co-engagement: which items are taken well by the same people.
 *
 * A fold over SIGNAL changes by which a user takes an item well, and DELETE.  It counts, with a
 * half-life of 30 days, for each item how often it was taken well (c_i), and for each pair of items
 * how often the same user took both well (c_ij).  coengagement.c has what counts, and how.  Of an
 * item it keeps at most COENGAGEMENT_NEIGHBOURS_MAXIMUM others.  It knows no user: whose word it
 * was is forgotten as it is counted.  Written by the engine under its exclusive lock, read by any
 * thread under the shared one. */
#ifndef TIDAL_BEHAVIOUR_COENGAGEMENT_H
#define TIDAL_BEHAVIOUR_COENGAGEMENT_H

#include "behaviour/behaviour.h"

struct coengagement;

enum {
    COENGAGEMENT_NEIGHBOURS_MAXIMUM = 32,
    COENGAGEMENT_PARTNERS_MAXIMUM = 20, /* of a user's last positives that an event pairs with */
    COENGAGEMENT_HOUR_MAXIMUM = 20      /* items of one user that count in an hour */
};
#define COENGAGEMENT_HALF_LIFE_MS (INT64_C(30) * 24 * 3600 * 1000)

/* *coengagement is owned by *fold (fold->ops->free).  `ordinal_of` finds an item's ordinal at load,
 * ORDINAL_NONE if there is none; it and `context` are lent for the life of the fold. */
MUST_USE enum code coengagement_create(struct memory *memory,
                                       ordinal (*ordinal_of)(void *context, enum entity_kind kind,
                                                             entity_id id),
                                       void *context, struct fold *fold,
                                       struct coengagement **coengagement, struct error *error);

/* Fills `engages`, `partners` and `partner_count` of a SIGNAL change, after behaviour_resolve and
 * quota_resolve, from the user's behaviour before it.  `partners` has COENGAGEMENT_PARTNERS_MAXIMUM
 * places, and is lent to the change.  Changes no state. */
void coengagement_resolve(const struct behaviour *behaviour, struct resolved_change *change,
                          struct partner *partners);

/* One neighbour of an item: what was counted of both together, of the item and of the other alone,
 * as it has decayed at that time. */
struct coengaged {
    ordinal item;
    double together; /* never more than what happened */
    double own, other;
};
/* The neighbours of an item, in no order; at most COENGAGEMENT_NEIGHBOURS_MAXIMUM. */
size_t coengagement_neighbours(const struct coengagement *coengagement, ordinal item,
                               int64_t now_ms,
                               struct coengaged out[COENGAGEMENT_NEIGHBOURS_MAXIMUM]);

/* Items of which anything is kept. */
size_t coengagement_count(const struct coengagement *coengagement);

#endif
