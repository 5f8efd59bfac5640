/* Inside of exposure, shared by exposure.c and exposure_row.c. */
#ifndef TIDAL_BEHAVIOUR_EXPOSURE_PRIVATE_H
#define TIDAL_BEHAVIOUR_EXPOSURE_PRIVATE_H

#include "base/decay.h"
#include "behaviour/exposure.h"
#include "schema/dirty_rows.h"

struct exposure_slot {
    uint64_t topic;
    int64_t newest_ms; /* of its impressions */
    decay_sum sum;     /* of impressions, >= 0 */
};

/* What one user was shown, by one field. */
struct exposure_block {
    struct exposure_block *next; /* of the same user, ascending by field */
    struct exposure_slot *slots; /* ascending by topic */
    entity_id user_id;
    ordinal user;
    field_id field;
    uint8_t count, capacity; /* of slots: at most EXPOSURE_SLOTS */
    bool dirty;              /* it is in the dirty list */
};

struct exposure_dirty {
    entity_id user_id;
    ordinal user;
    field_id field;
};

struct exposure {
    struct memory *memory;
    ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id);
    void *context;
    struct exposure_block **users; /* by ordinal; NULL: none */
    size_t user_capacity;
    size_t block_count;
    struct dirty_rows rows; /* entries: struct exposure_dirty */
    size_t bytes;           /* held by users, blocks and slots */
};

/* NULL if there is none. */
struct exposure_block *exposure_find(const struct exposure *exposure, ordinal user, field_id field);
/* Finds or makes it.  NULL on no memory. */
struct exposure_block *exposure_admit(struct exposure *exposure, ordinal user, entity_id user_id,
                                      field_id field);
/* Room for `count` slots.  false: no memory. */
MUST_USE bool exposure_reserve(struct exposure *exposure, struct exposure_block *block,
                               size_t count);

enum code exposure_write(void *fold, struct store_batch *batch, struct error *error);
enum code exposure_dump(const void *fold, struct store_batch *batch, struct error *error);
enum code exposure_load(void *fold, struct store *store, const struct schema *schema,
                        struct error *error);

#endif
