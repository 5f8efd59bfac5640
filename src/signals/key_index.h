/* An index of items by a static key, over all of them and per value of chosen keyword fields.
 *
 * Items that are in it are in one heap for all, and, for each indexed field, in the heap of each
 * value that they have of it.  Keys need no sorting as time passes (trending.c, popular.c), so a
 * heap changes with an event of its item or a change of the item's fields alone.  An index: made
 * anew at load, nothing depends on its layout.
 *
 * Memory: 20 bytes an item, with fields 16 more an item and 28 more a value of it, and 24 bytes a
 * value that any item ever had.  Written under the engine's exclusive lock, read under the shared
 * one. */
#ifndef TIDAL_SIGNALS_KEY_INDEX_H
#define TIDAL_SIGNALS_KEY_INDEX_H

#include "base/arena.h"
#include "base/bitset.h"
#include "signals/ledger.h"

/* What folds of indexes read.  All is lent for the life of the fold. */
struct index_source {
    const struct ledger *ledger; /* has applied each change before */
    struct ledger_ids ids;
    /* Codes of an item's values of a keyword field, as they are after the same change; with the
     * context of `ids`.  NULL where no signal has an index per field. */
    const uint32_t *(*codes_of)(void *context, field_id field, ordinal item, size_t *count);
};

struct index_node {
    int64_t key;
    ordinal item;
    uint32_t member; /* its place in the item's list of members; INDEX_ALL: in the heap of all */
};

/* No node comes before its parent (node 0 has no parent, that of node i is (i - 1) / 2). */
struct index_heap {
    struct index_node *nodes;
    size_t count, capacity;
};

struct index_member {
    uint32_t code;
    uint32_t place; /* in its heap */
    uint16_t field; /* its place among the index's fields */
};

struct index_members {
    struct index_member *list;
    uint32_t count, capacity;
};

struct index_field {
    field_id field;
    struct index_heap *heaps; /* by code */
    size_t capacity;
};

struct key_index {
    struct memory *memory;
    const struct index_source *source;
    struct index_heap all;
    uint32_t *places; /* in the heap of all, by ordinal; INDEX_NO_PLACE: not there */
    size_t place_capacity;
    struct index_field fields[LIMIT_INDEX_FIELDS];
    uint32_t field_count;
    struct index_members *members; /* by ordinal */
    size_t member_capacity;
    size_t bytes;
};

#define INDEX_NO_PLACE UINT32_MAX
#define INDEX_ALL      UINT32_MAX

void key_index_init(struct key_index *index, struct memory *memory,
                    const struct index_source *source, const struct signal *signal);
void key_index_release(struct key_index *index);

static inline bool key_index_has(const struct key_index *index, ordinal item)
{
    return item < index->place_capacity && index->places[item] != INDEX_NO_PLACE;
}

/* Of an item that is there. */
static inline int64_t key_index_get(const struct key_index *index, ordinal item)
{
    return index->all.nodes[index->places[item]].key;
}

/* Puts an item in, or gives it another key.  false: no memory, and it is not there as it should. */
MUST_USE bool key_index_put(struct key_index *index, ordinal item, int64_t key);
/* Does nothing where it is not there. */
void key_index_remove(struct key_index *index, ordinal item);
/* The item's fields may have changed: brings it into the heaps of its values.  false: as above. */
MUST_USE bool key_index_regroup(struct key_index *index, ordinal item);
/* Heaps are in order, and each item is where its fields say. */
bool key_index_check(const struct key_index *index);

/* The items of a heap: `group` NULL is all of them. */
struct index_group {
    uint32_t field; /* its place among the signal's index fields */
    uint32_t code;  /* UINT32_MAX: a value that no item ever had */
};
size_t key_index_count(const struct key_index *index, const struct index_group *group);

/* Best first: equal keys by lower id.  Each step costs O(log of the steps so far). */
struct index_walk {
    const struct key_index *index;
    const struct index_heap *heap;
    struct arena *arena;
    uint32_t *places; /* nodes whose parents were taken: a heap of places in the heap */
    size_t count, capacity;
    bool failed; /* there was no memory */
};
void index_walk_begin(struct index_walk *walk, const struct key_index *index,
                      const struct index_group *group, struct arena *arena);
/* NULL: there is no more, or the walk has failed. */
const struct index_node *index_walk_next(struct index_walk *walk);

#endif
