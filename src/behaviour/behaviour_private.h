/* Inside of behaviour, shared by behaviour.c, pair.c and behaviour_row.c. */
#ifndef TIDAL_BEHAVIOUR_PRIVATE_H
#define TIDAL_BEHAVIOUR_PRIVATE_H

#include "base/id_map.h"
#include "behaviour/behaviour.h"
#include "schema/dirty_rows.h"

/* `newest_ms`, `positive_ms`, `negative_ms`: there was none. */
#define NEVER INT64_MIN

struct pair_link {
    struct pair *next, *previous;
};

/* What one user did with one subject. */
struct pair {
    entity_id user_id, subject_id;
    ordinal user, subject;
    enum entity_kind kind; /* of the subject */
    bool dirty;            /* it is in the dirty list */
    uint8_t state_count;
    uint32_t seen_count;
    int64_t seen_ms;
    int64_t positive_ms, negative_ms;     /* newest occurrence signal of that polarity */
    struct behaviour_state *states;       /* ascending by signal */
    struct pair_link of_user, of_subject; /* all pairs of the same user, of the same subject */
};

struct recent_list {
    struct behaviour_recent *list; /* newest first, then lower id */
    size_t count, capacity;
};

struct user {
    struct pair *pairs;
    struct recent_list positives, negatives;
};

struct dirty_pair {
    entity_id user_id, subject_id;
    ordinal user, subject;
    enum entity_kind kind;
};

struct subject_table {
    struct id_map pairs; /* (user, subject) -> struct pair * */
    struct pair **by_subject;
    size_t capacity;
};

struct behaviour {
    struct memory *memory;
    ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id);
    void *context;
    struct user *users; /* by ordinal */
    size_t user_capacity;
    struct subject_table subjects[ENTITY_KIND_COUNT];
    size_t pair_count;
    struct dirty_rows rows; /* entries: struct dirty_pair */
    size_t bytes;           /* held by pairs, users and their lists */
};

/* Whom a pair is of. */
struct pair_ends {
    entity_id user_id, subject_id;
    ordinal user, subject;
    enum entity_kind kind;
};

struct pair *pair_find(const struct behaviour *behaviour, ordinal user, enum entity_kind kind,
                       ordinal subject);
/* Finds or makes it.  NULL on no memory. */
struct pair *pair_admit(struct behaviour *behaviour, const struct pair_ends *ends);
/* Unlinks and frees it; its user's lists of what is recent still have it. */
void pair_remove(struct behaviour *behaviour, struct pair *pair);
/* NULL if there is none. */
struct behaviour_state *pair_state(const struct pair *pair, signal_id signal);
/* Finds or makes it; a new one is absent, since NEVER.  NULL on no memory. */
struct behaviour_state *pair_admit_state(struct behaviour *behaviour, struct pair *pair,
                                         signal_id signal);
/* Takes it away; there is one.  false: no memory. */
MUST_USE bool pair_remove_state(struct behaviour *behaviour, struct pair *pair, signal_id signal);
/* The newest thing of that polarity that stands; NEVER: none. */
int64_t pair_newest(const struct pair *pair, enum polarity polarity);

/* Puts an item at its place among the user's last positives or negatives, or takes it out (NEVER).
 * The pairs are as they are after the change.  false: no memory. */
MUST_USE bool recent_set(struct behaviour *behaviour, ordinal user, enum polarity polarity,
                         const struct behaviour_recent *recent);
/* recent_set for both lists of a pair with an item. */
MUST_USE bool recent_update(struct behaviour *behaviour, const struct pair *pair);

enum code behaviour_write(void *fold, struct store_batch *batch, struct error *error);
enum code behaviour_dump(const void *fold, struct store_batch *batch, struct error *error);
enum code behaviour_load(void *fold, struct store *store, const struct schema *schema,
                         struct error *error);

#endif
