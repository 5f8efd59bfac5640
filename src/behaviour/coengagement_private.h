/* Inside of co-engagement, shared by coengagement.c and coengagement_row.c. */
#ifndef TIDAL_BEHAVIOUR_COENGAGEMENT_PRIVATE_H
#define TIDAL_BEHAVIOUR_COENGAGEMENT_PRIVATE_H

#include "behaviour/coengagement.h"
#include "schema/dirty_rows.h"

/* An event at the beginning of an epoch weighs 2^16 units of it. */
enum { COENGAGEMENT_WEIGHT_BITS = 16 };
#define COENGAGEMENT_COUNTER_MAXIMUM INT32_MAX
/* Earlier than every time. */
#define EPOCH_NONE (INT32_MIN / 2)

/* What is kept of one item.  Counters are in units of 2^(epoch - COENGAGEMENT_WEIGHT_BITS).  Behind
 * it lie, each `capacity` long: u32 ordinals of the neighbours, u32 counts, u32 errors, u8
 * generations. */
struct neighbourhood {
    entity_id id;
    uint64_t total;     /* c_i */
    int32_t epoch;      /* EPOCH_NONE: nothing was counted since it was made, or deleted */
    uint32_t swept_at;  /* what `deletions` was; not state */
    uint8_t generation; /* grows with each DELETE: what names an older one is void */
    uint8_t count, capacity;
    bool dirty; /* it is in the dirty list */
};

static inline ordinal *neighbour_items(struct neighbourhood *hood)
{
    return (ordinal *)(hood + 1);
}

/* At least c_ij, at most `neighbour_errors` more. */
static inline uint32_t *neighbour_counts(struct neighbourhood *hood)
{
    return (uint32_t *)(hood + 1) + hood->capacity;
}

static inline uint32_t *neighbour_errors(struct neighbourhood *hood)
{
    return (uint32_t *)(hood + 1) + (size_t)2 * hood->capacity;
}

static inline uint8_t *neighbour_generations(struct neighbourhood *hood)
{
    return (uint8_t *)((uint32_t *)(hood + 1) + (size_t)3 * hood->capacity);
}

static inline size_t neighbourhood_bytes(size_t capacity)
{
    return sizeof(struct neighbourhood) + capacity * (3 * sizeof(uint32_t) + 1);
}

struct coengagement {
    struct memory *memory;
    ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id);
    void *context;
    struct neighbourhood **hoods; /* by ordinal; NULL: none */
    size_t capacity, count;
    uint32_t deletions;     /* since it was opened; not state */
    struct dirty_rows rows; /* entries: ordinal */
    size_t bytes;           /* of neighbourhoods and their table */
};

static inline struct neighbourhood *hood_find(const struct coengagement *coengagement, ordinal item)
{
    return item < coengagement->capacity ? coengagement->hoods[item] : NULL;
}
/* Makes an empty one where none is, with room for `slots`.  NULL on no memory. */
struct neighbourhood *hood_create(struct coengagement *coengagement, ordinal item, entity_id id,
                                  size_t slots);

/* coengagement_row.c */
enum code coengagement_write(void *fold, struct store_batch *batch, struct error *error);
enum code coengagement_dump(const void *fold, struct store_batch *batch, struct error *error);
enum code coengagement_load(void *fold, struct store *store, const struct schema *schema,
                            struct error *error);

#endif
