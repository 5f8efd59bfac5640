/* Exposure: of which topics was each user shown how much lately?
 *
 * A fold over impressions by users, and DELETE.  A topic is a value of a field of items that has an
 * exposure (DEFINE EXPOSURE): a creator, a category.  For each user and such field it keeps the
 * decayed number of impressions of at most EXPOSURE_SLOTS topics; exposure.c says which.  Written
 * by the engine under its exclusive lock, read by any thread under the shared one. */
#ifndef TIDAL_BEHAVIOUR_EXPOSURE_H
#define TIDAL_BEHAVIOUR_EXPOSURE_H

#include "schema/fold.h"

struct exposure;

enum { EXPOSURE_SLOTS = 32 };

/* *exposure is owned by *fold (fold->ops->free).  `ordinal_of` finds an entity's ordinal at load,
 * ORDINAL_NONE if there is none; it and `context` are lent for the life of the fold. */
MUST_USE enum code
exposure_create(struct memory *memory,
                ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id),
                void *context, struct fold *fold, struct exposure **exposure, struct error *error);

struct exposure_reading {
    uint64_t topic;
    double impressions; /* sum of 2^(-age / half-life) */
};
/* All that is kept of a user and a field with an exposure, ascending by topic; `now_ms` is not
 * before the newest event.  Returns their number. */
size_t exposure_read(const struct exposure *exposure, ordinal user, const struct field *field,
                     int64_t now_ms, struct exposure_reading out[EXPOSURE_SLOTS]);

/* Users times fields of which something is kept. */
size_t exposure_block_count(const struct exposure *exposure);

#endif
