/* Inside of distinct users, shared by unique.c and unique_row.c. */
#ifndef TIDAL_SIGNALS_UNIQUE_PRIVATE_H
#define TIDAL_SIGNALS_UNIQUE_PRIVATE_H

#include "schema/dirty_rows.h"
#include "signals/distinct.h"
#include "signals/unique.h"

/* All sets of one signal. */
struct unique_table {
    struct distinct **sets; /* by ordinal; NULL: none */
    size_t capacity;
    int64_t span_ms; /* 0: nothing has been counted yet */
};

struct unique_dirty {
    entity_id id;
    ordinal item;
    signal_id signal;
};

struct unique {
    struct memory *memory;
    struct ledger_ids ids;
    struct unique_table tables[LIMIT_SIGNAL_IDS];
    struct dirty_rows rows; /* entries: struct unique_dirty */
    size_t bytes;           /* of sets and tables */
};

static inline struct distinct *unique_find(const struct unique_table *table, ordinal item)
{
    return item < table->capacity ? table->sets[item] : NULL;
}

/* An empty set where none is; its place in the table.  NULL on no memory. */
struct distinct **unique_make(struct unique *unique, signal_id signal, ordinal item, entity_id id);

/* unique_row.c */
enum code unique_write(void *fold, struct store_batch *batch, struct error *error);
enum code unique_dump(const void *fold, struct store_batch *batch, struct error *error);
enum code unique_load(void *fold, struct store *store, const struct schema *schema,
                      struct error *error);

#endif
