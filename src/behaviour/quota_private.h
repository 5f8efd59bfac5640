/* Inside of quotas, shared by quota.c and quota_row.c. */
#ifndef TIDAL_BEHAVIOUR_QUOTA_PRIVATE_H
#define TIDAL_BEHAVIOUR_QUOTA_PRIVATE_H

#include "behaviour/quota.h"
#include "schema/dirty_rows.h"

/* How many events of a user counted in one period. */
struct quota_counter {
    entity_id subject_id; /* 0 of QUOTA_USER */
    int64_t period;       /* floor(event time / its length) */
    uint32_t count;       /* not 0 */
    signal_id signal;
    uint8_t kind; /* enum quota_kind */
};

/* Counters ascend by signal, kind, subject and period.  A user without any has no block. */
struct quota_user {
    entity_id id;
    struct quota_counter *counters;
    uint32_t count, capacity;
    int64_t newest_ms; /* of all events that counted */
    int64_t over_ms;   /* the time at which the first counter is over */
    bool dirty;        /* it is in the dirty list */
};

struct quota_dirty {
    entity_id id;
    ordinal user;
};

struct quota {
    struct memory *memory;
    ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id);
    void *context;
    struct quota_user **users; /* by ordinal */
    size_t user_capacity;
    uint64_t capped[LIMIT_SIGNAL_IDS]; /* events that weighed nothing */
    bool capped_dirty;                 /* not as in the store */
    bool capped_sealed;
    size_t counter_count;
    size_t bytes;           /* held by users and their counters */
    struct dirty_rows rows; /* entries: struct quota_dirty */
};

/* The watermark from which on no event within the lateness bound falls into a period: then its
 * counter is over. */
int64_t quota_over_ms(const struct signal *signal, enum quota_kind kind, int64_t period);
int quota_counter_compare(const struct quota_counter *a, const struct quota_counter *b);

/* NULL: has no counters. */
struct quota_user *quota_user_find(const struct quota *quota, ordinal user);
/* Makes one, which has none yet.  NULL on no memory. */
struct quota_user *quota_user_create(struct quota *quota, ordinal user, entity_id id);
/* Room for so many counters.  false: no memory. */
MUST_USE bool quota_user_reserve(struct quota *quota, struct quota_user *user, size_t count);

enum code quota_write(void *fold, struct store_batch *batch, struct error *error);
enum code quota_dump(const void *fold, struct store_batch *batch, struct error *error);
enum code quota_load(void *fold, struct store *store, const struct schema *schema,
                     struct error *error);

#endif
