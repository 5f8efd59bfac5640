/* Quotas: how much of what one user says counts.
 *
 * A fold over SIGNAL changes whose signal has a CAP, SUBLINEAR or TRUST, and DELETE.  It counts the
 * events of each user that counted, by period, so that the next one is weighed from the state
 * before it: in log order, whatever the order of the events' times.  quota.c has the rules.
 *
 * Nothing is refused here: what is beyond a cap is in the log, the user did it (behaviour has it),
 * and it weighs nothing in ledgers and in what trends.  Written by the engine under its exclusive
 * lock, read by any thread under the shared one. */
#ifndef TIDAL_BEHAVIOUR_QUOTA_H
#define TIDAL_BEHAVIOUR_QUOTA_H

#include "schema/fold.h"

struct quota;

/* Of one user at once.  What would need one more weighs nothing until a period is over. */
enum { QUOTA_COUNTERS_MAXIMUM = 4096 };

/* *quota is owned by *fold (fold->ops->free).  `ordinal_of` finds an entity's ordinal at load,
 * ORDINAL_NONE if there is none; it and `context` are lent for the life of the fold. */
MUST_USE enum code
quota_create(struct memory *memory,
             ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id),
             void *context, struct fold *fold, struct quota **quota, struct error *error);

/* What a user's field of trust says, in units of 1/EVENT_WEIGHT_ONE: 0 to 1, and 1 if missing. */
unsigned quota_trust(const struct value *value);

/* Weighs a SIGNAL change of a limited signal that behaviour_resolve has resolved: sets `weight` and
 * scales what it adds, or takes that out of the contributions.  Changes no state.  What is not
 * effective, is said by nobody or takes back keeps the weight it has. */
void quota_resolve(const struct quota *quota, unsigned trust, struct resolved_change *change);

/* Of the k-th event of a user, k from 1: round(EVENT_WEIGHT_ONE / k), so that n weigh about
 * ln n + 0.58 together. */
unsigned quota_sublinear_weight(uint64_t k);
/* A value as it counts: value * weight / EVENT_WEIGHT_ONE, rounded. */
int64_t quota_scale(int64_t value, unsigned weight);

/* Effective events of a signal that weighed nothing, ever. */
uint64_t quota_capped(const struct quota *quota, signal_id signal);
/* Counters of all users. */
size_t quota_counter_count(const struct quota *quota);

#endif
