/* Rows of what was served: one per user with some, in the users' keyspace (docs/formats/rows.md).
 *
 *   version    u8        1
 *   surfaces   varint    1 .. 8, by name ascending; for each:
 *     name     string    at most 64 bytes; empty: slates without a surface
 *     entries  varint    1 .. 1024, ascending by slate and position; for each:
 *       slate varint, position varint, time signed (ms), item varint */
#include "behaviour/served_private.h"

#include "base/text.h"
#include "storage/key.h"

enum { ROW_VERSION = 1, ROW_BYTES_MAXIMUM = 1 << 20 };

static void encode(const struct served_user *user, struct buffer *out)
{
    buffer_put_u8(out, ROW_VERSION);
    buffer_put_varint(out, user->surface_count);
    for (size_t i = 0; i < user->surface_count; i++) {
        const struct served_surface *surface = user->surfaces[i];
        buffer_put_string(out, served_name(surface));
        buffer_put_varint(out, surface->count);
        for (size_t j = 0; j < surface->count; j++) {
            const struct served_entry *entry = &surface->entries[j];
            buffer_put_varint(out, entry->slate);
            buffer_put_varint(out, entry->position);
            buffer_put_signed(out, entry->time_ms);
            buffer_put_varint(out, entry->id);
        }
    }
}

static enum code write_row(const struct served *served, const struct served_dirty *dirty,
                           struct store_batch *batch, struct buffer *row, struct error *error)
{
    struct key key = key_build(dirty->id, TAG_SERVED, (struct slice){0});
    const struct served_user *user = served_find(served, dirty->user);
    if (!user) return store_batch_delete(batch, KEYSPACE_USERS, key_slice(&key), error);
    buffer_clear(row);
    encode(user, row);
    if (row->failed) return error_no_memory(error, AREA_BEHAVIOUR, ROW_BYTES_MAXIMUM);
    return store_batch_put(batch, KEYSPACE_USERS, key_slice(&key), buffer_slice(row), error);
}

enum code served_write(void *fold, struct store_batch *batch, struct error *error)
{
    const struct served *served = fold;
    const struct served_dirty *rows = served->rows.sealed.entries;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, served->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < served->rows.sealed.count; i++)
        TRY(write_row(served, &rows[i], batch, &row, error));
out:
    buffer_release(&row);
    return code;
}

enum code served_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    const struct served *served = fold;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, served->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < served->user_capacity; i++) {
        if (!served->users[i]) continue;
        struct served_dirty one = {served->users[i]->id, (ordinal)i};
        TRY(write_row(served, &one, batch, &row, error));
    }
out:
    buffer_release(&row);
    return code;
}

static enum code damaged(entity_id id, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_BEHAVIOUR,
                     "the row of what user '%llu' was served is damaged", (unsigned long long)id);
}

/* Is it behind the last one, and of an item that is not there yet? */
static bool fits(const struct served_surface *surface, const struct served_entry *entry)
{
    if (entry->item == ORDINAL_NONE || entry->slate == 0 || entry->position == 0) return false;
    for (size_t i = 0; i < surface->count; i++)
        if (surface->entries[i].item == entry->item) return false;
    if (surface->count == 0) return true;
    const struct served_entry *last = &surface->entries[surface->count - 1];
    bool far = last->position == UINT32_MAX && entry->position == UINT32_MAX;
    return last->slate < entry->slate ||
           (last->slate == entry->slate && (last->position < entry->position || far));
}

/* False: damaged.  *room false: no memory. */
static bool decode_surface(struct cursor *cursor, struct served *served, struct served_user *user,
                           bool *room)
{
    size_t bad_at;
    struct slice name = cursor_string(cursor);
    uint64_t count = cursor_varint(cursor);
    if (cursor->failed || count == 0 || count > SERVED_ITEMS_MAXIMUM) return false;
    if (name.bytes > LIMIT_SURFACE_BYTES || !utf8_valid(name, &bad_at)) return false;
    size_t before = user->surface_count;
    if (before > 0 && slice_compare(served_name(user->surfaces[before - 1]), name) >= 0)
        return false;
    struct served_surface *surface = served_admit_surface(served, user, name);
    *room = surface && served_reserve(served, surface, (size_t)count);
    if (!*room) return true;
    for (; surface->count < count; surface->count++, served->entry_count++) {
        struct served_entry entry = {.slate = cursor_varint(cursor)};
        uint64_t position = cursor_varint(cursor);
        entry.time_ms = cursor_signed(cursor);
        entry.id = cursor_varint(cursor);
        if (cursor->failed || position > UINT32_MAX) return false;
        entry.position = (uint32_t)position;
        entry.item = served->ordinal_of(served->context, ENTITY_ITEM, entry.id);
        if (!fits(surface, &entry)) return false;
        surface->entries[surface->count] = entry;
    }
    return true;
}

static bool decode(struct cursor *cursor, struct served *served, struct served_user *user,
                   bool *room)
{
    uint64_t count = cursor_varint(cursor);
    if (cursor->failed || count == 0 || count > SERVED_SURFACES_MAXIMUM) return false;
    for (uint64_t i = 0; i < count; i++) {
        if (!decode_surface(cursor, served, user, room)) return false;
        if (!*room) return true;
    }
    return cursor_done(cursor);
}

static enum code load_row(void *context, struct slice key, struct slice row, struct error *error)
{
    struct served *served = context;
    uint64_t id;
    uint8_t tag;
    struct slice suffix;
    struct cursor cursor;
    if (!key_parse(key, &id, &tag, &suffix)) return damaged(0, error);
    if (tag != TAG_SERVED) return CODE_OK;
    ordinal number = served->ordinal_of(served->context, ENTITY_USER, id);
    if (suffix.bytes != 0 || number == ORDINAL_NONE || served_find(served, number))
        return damaged(id, error);
    cursor_init(&cursor, row);
    uint8_t version = cursor_u8(&cursor);
    if (version > ROW_VERSION)
        return error_set(error, CODE_VERSION, AREA_BEHAVIOUR,
                         "the row of what user '%llu' was served has version %u, this build knows "
                         "%d",
                         (unsigned long long)id, version, ROW_VERSION);
    if (version == 0) return damaged(id, error);
    struct served_user *user = served_admit(served, number, id);
    bool room = user;
    if (room && !decode(&cursor, served, user, &room)) return damaged(id, error);
    return room ? CODE_OK : error_no_memory(error, AREA_BEHAVIOUR, sizeof *user);
}

enum code served_load(void *fold, struct store *store, const struct schema *schema,
                      struct error *error)
{
    (void)schema;
    return store_for_each(store, KEYSPACE_USERS, (struct key_range){0}, load_row, fold, error);
}
