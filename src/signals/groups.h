/* What has been counted of each value of a field: of each creator, of each genre.
 *
 * A fold over SIGNAL changes of signals with TOTALS PER: an event counts for the values that its
 * item has when it happens.  What a group is known to do is the prior for an item of which little
 * is known.  It holds all-time counts and sums, and the signal's decayed sums, as exact in any
 * order of arrival as the ledger's (decay.c).
 *
 * At most 16,384 values of a field are kept for a signal, 150 to 300 bytes each; where one more
 * comes, the 1,024 that have been quiet for longest go.  Written by the engine under its exclusive
 * lock, read by any thread under the shared one. */
#ifndef TIDAL_SIGNALS_GROUPS_H
#define TIDAL_SIGNALS_GROUPS_H

#include "base/hash.h"
#include "schema/expression.h"
#include "schema/fold.h"
#include "schema/schema.h"

enum { GROUP_VALUES_MAXIMUM = 16384, GROUP_VALUES_DROPPED = 1024 };

struct groups;

/* *groups is owned by *fold (fold->ops->free). */
MUST_USE enum code groups_create(struct memory *memory, struct fold *fold, struct groups **groups,
                                 struct error *error);

/* The number that stands for a value: of a keyword its text's hash, of a reference its id's. */
static inline uint64_t group_of_text(struct slice text)
{
    return hash_bytes(text.data, text.bytes);
}
static inline uint64_t group_of_reference(entity_id id)
{
    return hash_u64(id);
}

/* What is asked of groups by a field: two signals, and what of each is meant.  Both have TOTALS PER
 * that field. */
struct group_question {
    field_id field;
    signal_id signal, denominator;
    enum group_part { GROUP_COUNT, GROUP_SUM, GROUP_DECAY } part, denominator_part;
    uint8_t slot, denominator_slot; /* of decays: index of the half-life */
    int64_t now_ms;                 /* not before the newest event */
};
struct group_sums {
    double amount, of; /* neither is below 0 */
};
/* Adds what a group holds; nothing if there is none. */
void groups_add(const struct groups *groups, const struct group_question *question, uint64_t value,
                struct group_sums *sums);

/* Groups of a signal, by all its fields, and what they take of memory. */
struct groups_size {
    size_t count, bytes;
};
struct groups_size groups_signal_size(const struct groups *groups, signal_id signal);

#endif
