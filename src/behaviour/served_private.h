/* Inside of what was served, shared by served.c and served_row.c. */
#ifndef TIDAL_BEHAVIOUR_SERVED_PRIVATE_H
#define TIDAL_BEHAVIOUR_SERVED_PRIVATE_H

#include "behaviour/served.h"
#include "schema/dirty_rows.h"

/* What a user was served on one surface; never empty but while a slate is being taken in. */
struct served_surface {
    uint8_t name[LIMIT_SURFACE_BYTES];
    uint8_t name_bytes;
    size_t count, capacity;
    struct served_entry *entries; /* ascending by slate, position; distinct items */
};

struct served_user {
    entity_id id;
    bool dirty; /* it is in the dirty list */
    uint8_t surface_count;
    struct served_surface *surfaces[SERVED_SURFACES_MAXIMUM]; /* ascending by name */
};

struct served_dirty {
    entity_id id;
    ordinal user;
};

struct served {
    struct memory *memory;
    ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id);
    void *context;
    struct served_user **users; /* by ordinal; NULL: served nothing lately */
    size_t user_capacity;
    size_t entry_count;
    struct dirty_rows rows; /* entries: struct served_dirty */
    size_t bytes;           /* held by users, surfaces and entries */
};

static inline struct slice served_name(const struct served_surface *surface)
{
    return slice_of(surface->name, surface->name_bytes);
}
static inline struct served_user *served_find(const struct served *served, ordinal user)
{
    return user < served->user_capacity ? served->users[user] : NULL;
}
/* Finds or makes them; NULL on no memory.  A ninth surface takes the place of the one whose newest
 * slate is oldest. */
struct served_user *served_admit(struct served *served, ordinal user, entity_id id);
struct served_surface *served_admit_surface(struct served *served, struct served_user *user,
                                            struct slice name);
/* Room for `count` entries.  false: no memory. */
MUST_USE bool served_reserve(struct served *served, struct served_surface *surface, size_t count);

/* served_row.c */
enum code served_write(void *fold, struct store_batch *batch, struct error *error);
enum code served_dump(const void *fold, struct store_batch *batch, struct error *error);
enum code served_load(void *fold, struct store *store, const struct schema *schema,
                      struct error *error);

#endif
