/* What was served, with S for a slate's NOW:
 *
 *   bound    entries of the user with a time <= S - 24h go, on all surfaces
 *   take     each item of the slate, in order: an entry of it with a later time stays, else it is
 *            replaced by (slate, S, position) at the end
 *   bound    again, and of more than 1,024 on a surface the oldest go
 *   sweep    the same bound for two other users, whom the hash of the slate's LSN chooses among
 *            all there are: in as many slates as there are users each is met twice on average, so
 *            that what is held follows who was served within about a day, and whoever never comes
 *            back costs nothing for long.  A timer would not be the same at every replay.
 *
 * Entries stay in order of slate and position because slates are applied in log order. */
#include "behaviour/served_private.h"

#include "base/hash.h"
#include "base/time_window.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { SWEPT_EACH = 2 };

static bool mark_dirty(struct served *served, struct served_user *user, ordinal number)
{
    if (user->dirty) return true;
    const struct served_dirty one = {user->id, number};
    if (!dirty_rows_add(&served->rows, &one)) return false;
    user->dirty = true;
    return true;
}

struct served_user *served_admit(struct served *served, ordinal user, entity_id id)
{
    struct served_user *found = served_find(served, user);
    size_t old = served->user_capacity;
    if (found) return found;
    if (user >= old) {
        void *users = served->users;
        bool room = memory_grow(served->memory, &users, &served->user_capacity, (size_t)user + 1,
                                sizeof *served->users, UINT32_MAX);
        served->users = users;
        if (!room) return NULL;
        size_t grown = (served->user_capacity - old) * sizeof *served->users;
        memset(served->users + old, 0, grown);
        served->bytes += grown;
    }
    found = memory_allocate_zeroed(served->memory, sizeof *found);
    if (!found) return NULL;
    found->id = id;
    served->users[user] = found;
    served->bytes += sizeof *found;
    return found;
}

static void surface_free(struct served *served, struct served_user *user, size_t index)
{
    struct served_surface *surface = user->surfaces[index];
    size_t bytes = surface->capacity * sizeof *surface->entries;
    served->entry_count -= surface->count;
    served->bytes -= bytes + sizeof *surface;
    memory_free(served->memory, surface->entries, bytes);
    memory_free(served->memory, surface, sizeof *surface);
    user->surface_count--;
    memmove(user->surfaces + index, user->surfaces + index + 1,
            (user->surface_count - index) * sizeof(struct served_surface *));
}

static void user_free(struct served *served, ordinal number)
{
    struct served_user *user = served->users[number];
    while (user->surface_count > 0)
        surface_free(served, user, user->surface_count - 1u);
    served->users[number] = NULL;
    served->bytes -= sizeof *user;
    memory_free(served->memory, user, sizeof *user);
}

static lsn newest_slate(const struct served_surface *surface)
{
    return surface->count > 0 ? surface->entries[surface->count - 1].slate : 0;
}

static size_t stalest(const struct served_user *user)
{
    size_t stale = 0;
    for (size_t i = 1; i < user->surface_count; i++)
        if (newest_slate(user->surfaces[i]) < newest_slate(user->surfaces[stale])) stale = i;
    return stale;
}

/* Where a surface is, or would be. */
static size_t place_of(const struct served_user *user, struct slice name, bool *found)
{
    size_t i = 0;
    while (i < user->surface_count && slice_compare(served_name(user->surfaces[i]), name) < 0)
        i++;
    *found = i < user->surface_count && slice_equal(served_name(user->surfaces[i]), name);
    return i;
}

struct served_surface *served_admit_surface(struct served *served, struct served_user *user,
                                            struct slice name)
{
    bool found;
    size_t place = place_of(user, name, &found);
    assert(name.bytes <= LIMIT_SURFACE_BYTES);
    if (found) return user->surfaces[place];
    struct served_surface *surface = memory_allocate_zeroed(served->memory, sizeof *surface);
    if (!surface) return NULL;
    if (user->surface_count == SERVED_SURFACES_MAXIMUM) {
        surface_free(served, user, stalest(user));
        place = place_of(user, name, &found);
    }
    if (name.bytes > 0) memcpy(surface->name, name.data, name.bytes);
    surface->name_bytes = (uint8_t)name.bytes;
    memmove(user->surfaces + place + 1, user->surfaces + place,
            (user->surface_count - place) * sizeof(struct served_surface *));
    user->surfaces[place] = surface;
    user->surface_count++;
    served->bytes += sizeof *surface;
    return surface;
}

bool served_reserve(struct served *served, struct served_surface *surface, size_t count)
{
    size_t old = surface->capacity;
    void *entries = surface->entries;
    bool room = memory_grow(served->memory, &entries, &surface->capacity, count,
                            sizeof *surface->entries, SERVED_ITEMS_MAXIMUM + LIMIT_SLATE_ITEMS);
    surface->entries = entries;
    served->bytes += (surface->capacity - old) * sizeof *surface->entries;
    return room;
}

/* Drops what is too old at `now_ms`, and what is too much.  *changed: something went. */
static void surface_bound(struct served *served, struct served_surface *surface, int64_t now_ms,
                          bool *changed)
{
    int64_t after_ms = window_after_ms(now_ms, SERVED_AGE_MAXIMUM_MS);
    size_t kept = 0, over = 0;
    for (size_t i = 0; i < surface->count; i++)
        if (surface->entries[i].time_ms > after_ms) surface->entries[kept++] = surface->entries[i];
    if (kept > SERVED_ITEMS_MAXIMUM) over = kept - SERVED_ITEMS_MAXIMUM;
    if (over > 0)
        memmove(surface->entries, surface->entries + over,
                (kept - over) * sizeof *surface->entries);
    kept -= over;
    *changed |= kept < surface->count;
    served->entry_count -= surface->count - kept;
    surface->count = kept;
}

/* False: no memory. */
static bool user_bound(struct served *served, ordinal number, int64_t now_ms)
{
    struct served_user *user = served_find(served, number);
    bool changed = false;
    if (!user) return true;
    for (size_t i = user->surface_count; i-- > 0;) {
        surface_bound(served, user->surfaces[i], now_ms, &changed);
        if (user->surfaces[i]->count == 0) surface_free(served, user, i);
    }
    if (changed && !mark_dirty(served, user, number)) return false;
    if (user->surface_count == 0) user_free(served, number);
    return true;
}

/* Takes the item's entry out, unless it is of a later time: then false. */
static bool make_way(struct served *served, struct served_surface *surface, ordinal item,
                     int64_t time_ms)
{
    size_t at = 0;
    while (at < surface->count && surface->entries[at].item != item)
        at++;
    if (at == surface->count) return true;
    if (surface->entries[at].time_ms > time_ms) return false;
    surface->count--;
    served->entry_count--;
    memmove(surface->entries + at, surface->entries + at + 1,
            (surface->count - at) * sizeof *surface->entries);
    return true;
}

static void take(struct served *served, struct served_surface *surface,
                 const struct resolved_change *change)
{
    const struct slate_change *slate = change->change->slate;
    for (size_t i = 0; i < slate->item_count; i++) {
        uint64_t position = slate->offset + i + 1;
        if (position > UINT32_MAX || position <= i) position = UINT32_MAX;
        if (change->items[i] == ORDINAL_NONE ||
            !make_way(served, surface, change->items[i], slate->now_ms))
            continue;
        surface->entries[surface->count++] = (struct served_entry){
            slate->items[i].item, change->lsn, slate->now_ms, change->items[i], (uint32_t)position};
        served->entry_count++;
    }
}

static bool sweep(struct served *served, const struct resolved_change *change)
{
    uint64_t hash = hash_u64(change->lsn);
    for (int i = 0; i < SWEPT_EACH && change->user_count > 0; i++) {
        ordinal number = (ordinal)(hash % change->user_count);
        if (!user_bound(served, number, change->change->slate->now_ms)) return false;
        hash = hash_u64(hash);
    }
    return true;
}

static bool apply_slate(struct served *served, const struct resolved_change *change)
{
    const struct slate_change *slate = change->change->slate;
    if (change->subject != ORDINAL_NONE && slate->item_count > 0) {
        /* First what is too old, so that it depends on no sweep which surface gives way. */
        if (!user_bound(served, change->subject, slate->now_ms)) return false;
        struct served_user *user = served_admit(served, change->subject, change->subject_id);
        if (!user || !mark_dirty(served, user, change->subject)) return false;
        struct served_surface *surface = served_admit_surface(served, user, slate->surface);
        if (!surface || !served_reserve(served, surface, surface->count + slate->item_count))
            return false;
        take(served, surface, change);
        if (!user_bound(served, change->subject, slate->now_ms)) return false;
    }
    return sweep(served, change);
}

static bool apply_delete(struct served *served, const struct resolved_change *change)
{
    struct served_user *user = served_find(served, change->subject);
    if (change->change->delete.kind != ENTITY_USER || !user) return true;
    if (!mark_dirty(served, user, change->subject)) return false;
    user_free(served, change->subject);
    return true;
}

static enum code served_apply(void *fold, const struct resolved_change *change, struct error *error)
{
    bool applied = true;
    if (change->change->kind == CHANGE_SLATE) applied = apply_slate(fold, change);
    if (change->change->kind == CHANGE_DELETE) applied = apply_delete(fold, change);
    return applied ? CODE_OK
                   : error_no_memory(error, AREA_BEHAVIOUR, sizeof(struct served_surface));
}

static void set_dirty(const struct served *served, bool dirty)
{
    const struct served_dirty *rows = served->rows.sealed.entries;
    for (size_t i = 0; i < served->rows.sealed.count; i++) {
        struct served_user *user = served_find(served, rows[i].user);
        if (user) user->dirty = dirty;
    }
}

static void served_seal(void *fold)
{
    struct served *served = fold;
    dirty_rows_seal(&served->rows);
    set_dirty(served, false);
}

static void served_sealed(void *fold, bool durable)
{
    struct served *served = fold;
    if (!durable) set_dirty(served, true);
    dirty_rows_sealed(&served->rows, durable);
}

static bool entry_before(const struct served_entry *a, const struct served_entry *b)
{
    return a->slate < b->slate || (a->slate == b->slate && a->position < b->position) ||
           (a->slate == b->slate && a->position == UINT32_MAX && b->position == UINT32_MAX);
}

static bool check_surface(const struct served_surface *surface)
{
    if (surface->count == 0 || surface->count > SERVED_ITEMS_MAXIMUM) return false;
    for (size_t i = 1; i < surface->count; i++)
        if (!entry_before(&surface->entries[i - 1], &surface->entries[i])) return false;
    return true;
}

static bool check_user(const struct served_user *user, size_t *entries)
{
    if (user->surface_count == 0 || user->surface_count > SERVED_SURFACES_MAXIMUM) return false;
    for (size_t i = 0; i < user->surface_count; i++) {
        const struct served_surface *surface = user->surfaces[i];
        *entries += surface->count;
        if (!check_surface(surface)) return false;
        if (i > 0 && slice_compare(served_name(user->surfaces[i - 1]), served_name(surface)) >= 0)
            return false;
    }
    return true;
}

static bool served_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct served *served = fold;
    size_t entries = 0;
    for (size_t i = 0; i < served->user_capacity; i++) {
        const struct served_user *user = served->users[i];
        if (!user || check_user(user, &entries)) continue;
        snprintf(reason, reason_bytes, "what user '%llu' was served is out of order",
                 (unsigned long long)user->id);
        return false;
    }
    if (entries == served->entry_count) return true;
    snprintf(reason, reason_bytes, "%zu entries are counted and %zu found", served->entry_count,
             entries);
    return false;
}

static size_t served_bytes(const void *fold)
{
    const struct served *served = fold;
    return sizeof *served + served->bytes + dirty_rows_bytes(&served->rows);
}

static size_t served_dirty_bytes(const void *fold)
{
    enum { ROW_BYTES_ABOUT = 1024 };
    return ((const struct served *)fold)->rows.changed.count * ROW_BYTES_ABOUT;
}

static void served_free(void *fold)
{
    struct served *served = fold;
    if (!served) return;
    struct memory *memory = served->memory;
    for (size_t i = 0; i < served->user_capacity; i++)
        if (served->users[i]) user_free(served, (ordinal)i);
    memory_free(memory, served->users, served->user_capacity * sizeof *served->users);
    dirty_rows_release(&served->rows);
    memory_free(memory, served, sizeof *served);
}

static const struct fold_ops served_ops = {
    .name = "served",
    .apply = served_apply,
    .seal = served_seal,
    .write = served_write,
    .sealed = served_sealed,
    .dump = served_dump,
    .load = served_load,
    .check = served_check,
    .bytes = served_bytes,
    .dirty_bytes = served_dirty_bytes,
    .free = served_free,
};

enum code served_create(struct memory *memory,
                        ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id),
                        void *context, struct fold *fold, struct served **served,
                        struct error *error)
{
    struct served *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_BEHAVIOUR, sizeof *created);
    created->memory = memory;
    dirty_rows_init(&created->rows, memory, sizeof(struct served_dirty));
    created->ordinal_of = ordinal_of;
    created->context = context;
    *served = created;
    *fold = (struct fold){.ops = &served_ops, .state = created};
    return CODE_OK;
}

const struct served_entry *served_entries(const struct served *served, ordinal user,
                                          struct slice surface, size_t *count)
{
    const struct served_user *found = served_find(served, user);
    bool has = false;
    size_t place = found ? place_of(found, surface, &has) : 0;
    *count = has ? found->surfaces[place]->count : 0;
    return has ? found->surfaces[place]->entries : NULL;
}

size_t served_count(const struct served *served)
{
    return served->entry_count;
}
