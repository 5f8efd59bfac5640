/* Behaviour: what each user did with each item (and creator, and user).
 *
 * A fold over SIGNAL changes that name a user, and DELETE.  For a pair of user and subject it keeps
 * when and how often the user has seen it, when it was last taken well or badly, and the state of
 * each UNIQUE PER USER signal.  Written by the engine under its exclusive lock, read by any thread
 * under the shared one; what is handed out is lent until that is given up. */
#ifndef TIDAL_BEHAVIOUR_BEHAVIOUR_H
#define TIDAL_BEHAVIOUR_BEHAVIOUR_H

#include "schema/fold.h"

struct behaviour;

enum { BEHAVIOUR_RECENT_MAXIMUM = 64 };

/* *behaviour is owned by *fold (fold->ops->free).  `ordinal_of` finds an entity's ordinal at load,
 * ORDINAL_NONE if there is none; it and `context` are lent for the life of the fold. */
MUST_USE enum code behaviour_create(struct memory *memory,
                                    ordinal (*ordinal_of)(void *context, enum entity_kind kind,
                                                          entity_id id),
                                    void *context, struct fold *fold, struct behaviour **behaviour,
                                    struct error *error);

/* Fills `effective`, `polarity`, a full `weight` and the contributions of a SIGNAL change from the
 * state before it. `schema`, `change`, `subject`, `other` and `time_ms` are set.  Changes no state.
 *
 *   occurrence signal           one contribution; always effective
 *   UNIQUE PER USER, new        + new
 *     same value as now         nothing, not effective
 *     other value, not older    - old (at its own time), + new
 *     older than the state      nothing, not effective
 *     taken back, not older     - old (at its own time); an event older than the taking back stays
 *                               out
 *     taken back before it came nothing is counted, but what is older than this stays out
 *                               (effective)
 *
 * What goes is what it weighed when it came: of what weighed nothing, nothing goes.
 * A change that takes something back has neutral polarity. */
void behaviour_resolve(const struct behaviour *behaviour, struct resolved_change *change);

/* Has the user seen the item: by an impression, or any positive or negative signal? */
struct behaviour_seen {
    int64_t newest_ms;
    uint32_t count;
};
bool behaviour_seen(const struct behaviour *behaviour, ordinal user, ordinal item,
                    struct behaviour_seen *seen);
/* Is the item hidden by the user (signal `hide`)? `since_ms` may be NULL. */
bool behaviour_hidden(const struct behaviour *behaviour, ordinal user, ordinal item,
                      int64_t *since_ms);

/* The state of a UNIQUE PER USER signal; false if it never had one.  A state that was taken back
 * has `present` false and the time of the taking back. */
struct behaviour_state {
    int64_t time_ms;
    int64_t value; /* fixed point */
    signal_id signal;
    uint16_t weight; /* of the event that set it: what it takes back when it goes */
    bool present;
    uint8_t polarity; /* enum polarity */
};
bool behaviour_state(const struct behaviour *behaviour, ordinal user, enum entity_kind kind,
                     ordinal subject, signal_id signal, struct behaviour_state *state);

/* The items that a user last took well (or badly), distinct, newest first, equal times by lower id;
 * at most BEHAVIOUR_RECENT_MAXIMUM.  What was taken back is not among them. */
struct behaviour_recent {
    int64_t time_ms;
    entity_id id;
    ordinal item;
};
const struct behaviour_recent *behaviour_positives(const struct behaviour *behaviour, ordinal user,
                                                   size_t *count);
const struct behaviour_recent *behaviour_negatives(const struct behaviour *behaviour, ordinal user,
                                                   size_t *count);

/* When the user last took the item well, as it stands; INT64_MIN: never, or taken back. */
int64_t behaviour_taken_well_ms(const struct behaviour *behaviour, ordinal user, ordinal item);

/* Every item that the user has seen or hidden: for gates that work on sets.  *position starts at
 * NULL; false at the end; no order. */
struct behaviour_item {
    ordinal item;
    bool hidden;
    struct behaviour_seen seen; /* count 0: never */
};
bool behaviour_next_item(const struct behaviour *behaviour, ordinal user, const void **position,
                         struct behaviour_item *item);

/* Pairs of all users. */
size_t behaviour_pair_count(const struct behaviour *behaviour);

#endif
