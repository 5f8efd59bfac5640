/* Inside of what trends, shared by trending.c and trending_row.c. */
#ifndef TIDAL_SIGNALS_TRENDING_PRIVATE_H
#define TIDAL_SIGNALS_TRENDING_PRIVATE_H

#include "base/decay.h"
#include "schema/dirty_rows.h"
#include "signals/trending.h"

enum {
    TREND_USERS_MAXIMUM = 256,
    TREND_LEVEL_MAXIMUM = 40,
    TREND_HALF_LIVES = 3 /* for so long an item is listed after its peak */
};

#define TREND_NO_KEY INT64_MIN

/* Who signalled an item, and when last. */
struct trend_user {
    uint64_t hash; /* of the user's id, or of the time of an event by nobody */
    int64_t time_ms;
};

/* One item's trend by one signal. */
struct trend {
    entity_id id;
    int64_t key; /* of the held peak; TREND_NO_KEY: it never had one */
    int64_t peak_ms;
    struct trend_user *users; /* in the order in which they were counted */
    uint16_t user_count, user_capacity;
    uint8_t level; /* users whose hash begins with so many zero bits are kept */
    bool dirty;
};

/* All trends of one signal, and an index of those that have a peak. */
struct trend_table {
    struct trend **trends; /* by ordinal; NULL: none */
    size_t capacity;
    struct key_index index;
    bool has_index;
    size_t prune_at; /* when so many are in the index, the dead are taken out */
};

struct trend_dirty {
    entity_id id;
    ordinal entity;
    signal_id signal;
};

struct trending {
    struct memory *memory;
    struct index_source source;
    struct trend_table tables[LIMIT_SIGNAL_IDS];
    struct dirty_rows rows; /* entries: struct trend_dirty */
    size_t bytes;
};

static inline bool trend_is_over(int64_t peak_ms, int64_t now_ms, int64_t half_life_ms)
{
    return now_ms - peak_ms >= TREND_HALF_LIVES * half_life_ms;
}

static inline struct trend *trend_find(const struct trend_table *table, ordinal entity)
{
    return entity < table->capacity ? table->trends[entity] : NULL;
}
/* An empty trend where none is.  NULL on no memory. */
struct trend *trend_create(struct trending *trending, const struct signal *signal, ordinal entity,
                           entity_id id);
/* Room for `count` users.  false: no memory. */
MUST_USE bool trend_reserve(struct trending *trending, struct trend *trend, size_t count);

/* Puts a trend that has a peak into the index of its signal.  false: no memory. */
MUST_USE bool trend_index(struct trending *trending, const struct signal *signal, ordinal entity);

/* trending_row.c */
enum code trending_write(void *fold, struct store_batch *batch, struct error *error);
enum code trending_dump(const void *fold, struct store_batch *batch, struct error *error);
enum code trending_load(void *fold, struct store *store, const struct schema *schema,
                        struct error *error);

#endif
