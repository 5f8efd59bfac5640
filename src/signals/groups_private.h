/* Inside of groups, shared by groups.c and groups_row.c. */
#ifndef TIDAL_SIGNALS_GROUPS_PRIVATE_H
#define TIDAL_SIGNALS_GROUPS_PRIVATE_H

#include "base/decay.h"
#include "base/id_map.h"
#include "schema/dirty_rows.h"
#include "signals/groups.h"

struct group {
    uint64_t value;
    int64_t newest_ms;
    int64_t count; /* below 0 where what was taken back had come before the item had the value */
    __int128 sum;
    bool dirty;
    decay_sum decays[]; /* of the signal's half-lives */
};

/* Groups of one signal by one of its fields. */
struct group_table {
    bool known;
    field_id field;
    struct id_map places; /* value -> index in list */
    struct group **list;
    size_t count, capacity;
};

struct group_signal {
    bool known;
    bool is_state; /* UNIQUE PER USER: exempt from lateness, as in the ledger */
    uint32_t decay_count;
    struct decay decays[LIMIT_HALF_LIVES];
    struct group_table tables[LIMIT_GROUP_FIELDS];
};

struct group_dirty {
    uint64_t value;
    signal_id signal;
    field_id field;
};

struct groups {
    struct memory *memory;
    struct group_signal signals[LIMIT_SIGNAL_IDS];
    struct dirty_rows rows; /* entries: struct group_dirty */
    size_t bytes;           /* of groups and lists */
};

/* NULL: the signal has no groups by that field. */
struct group_table *groups_table(struct groups *groups, signal_id signal, field_id field);
/* Makes the tables of a signal as the schema has them. */
void groups_know(struct groups *groups, const struct signal *signal);
/* `table` may be NULL, as nothing is left of a signal that was dropped. */
struct group *group_find(const struct group_table *table, uint64_t value);
/* An empty one where there is none.  NULL on no memory. */
struct group *group_make(struct groups *groups, const struct group_signal *signal,
                         struct group_table *table, uint64_t value);

/* groups_row.c */
enum code groups_write(void *fold, struct store_batch *batch, struct error *error);
enum code groups_dump(const void *fold, struct store_batch *batch, struct error *error);
enum code groups_load(void *fold, struct store *store, const struct schema *schema,
                      struct error *error);

#endif
