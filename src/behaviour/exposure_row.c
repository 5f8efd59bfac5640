/* Rows of exposure: one per user and field with an exposure, in the users' keyspace
 * (docs/formats/rows.md).
 *
 *   key suffix   field u16 big-endian
 *   version      u8        1
 *   topics       varint, then for each, ascending: topic u64, newest signed (ms), sum signed128 */
#include "behaviour/exposure_private.h"

#include "storage/key.h"

enum { ROW_VERSION = 1, ROW_BYTES_MAXIMUM = 4096, SUFFIX_BYTES = 2 };

static void encode(const struct exposure_block *block, struct buffer *out)
{
    buffer_put_u8(out, ROW_VERSION);
    buffer_put_varint(out, block->count);
    for (size_t i = 0; i < block->count; i++) {
        buffer_put_u64(out, block->slots[i].topic);
        buffer_put_signed(out, block->slots[i].newest_ms);
        buffer_put_signed128(out, block->slots[i].sum);
    }
}

static enum code write_row(const struct exposure *exposure, const struct exposure_dirty *dirty,
                           struct store_batch *batch, struct buffer *row, struct error *error)
{
    uint8_t suffix[SUFFIX_BYTES] = {(uint8_t)(dirty->field >> 8), (uint8_t)dirty->field};
    struct key key = key_build(dirty->user_id, TAG_EXPOSURE, slice_of(suffix, sizeof suffix));
    const struct exposure_block *block = exposure_find(exposure, dirty->user, dirty->field);
    if (!block) return store_batch_delete(batch, KEYSPACE_USERS, key_slice(&key), error);
    buffer_clear(row);
    encode(block, row);
    if (row->failed) return error_no_memory(error, AREA_BEHAVIOUR, ROW_BYTES_MAXIMUM);
    return store_batch_put(batch, KEYSPACE_USERS, key_slice(&key), buffer_slice(row), error);
}

enum code exposure_write(void *fold, struct store_batch *batch, struct error *error)
{
    const struct exposure *exposure = fold;
    const struct exposure_dirty *rows = exposure->rows.sealed.entries;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, exposure->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < exposure->rows.sealed.count; i++)
        TRY(write_row(exposure, &rows[i], batch, &row, error));
out:
    buffer_release(&row);
    return code;
}

enum code exposure_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    const struct exposure *exposure = fold;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, exposure->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < exposure->user_capacity; i++) {
        for (const struct exposure_block *block = exposure->users[i]; block; block = block->next) {
            struct exposure_dirty one = {block->user_id, block->user, block->field};
            TRY(write_row(exposure, &one, batch, &row, error));
        }
    }
out:
    buffer_release(&row);
    return code;
}

static enum code damaged(entity_id user, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_BEHAVIOUR, "exposure row of user '%llu' is damaged",
                     (unsigned long long)user);
}

/* Fills an empty block.  False: damaged.  *room false: no memory. */
static bool decode(struct cursor *cursor, struct exposure *exposure, struct exposure_block *block,
                   bool *room)
{
    const decay_sum bound = (decay_sum)1 << DECAY_SUM_BITS;
    uint64_t count = cursor_varint(cursor);
    if (cursor->failed || count == 0 || count > EXPOSURE_SLOTS) return false;
    *room = exposure_reserve(exposure, block, (size_t)count);
    if (!*room) return true;
    for (; block->count < count; block->count++) {
        struct exposure_slot *slot = &block->slots[block->count];
        slot->topic = cursor_u64(cursor);
        slot->newest_ms = cursor_signed(cursor);
        slot->sum = cursor_signed128(cursor);
        if (cursor->failed || slot->sum < 0 || slot->sum > bound) return false;
        if (block->count > 0 && slot[-1].topic >= slot->topic) return false;
    }
    return cursor_done(cursor);
}

struct loading {
    struct exposure *exposure;
    const struct schema *schema;
};

static enum code load_row(void *context, struct slice key, struct slice row, struct error *error)
{
    const struct loading *loading = context;
    struct exposure *exposure = loading->exposure;
    const struct schema *schema = loading->schema;
    entity_id id;
    uint8_t tag;
    struct slice suffix;
    struct cursor cursor;
    if (!key_parse(key, &id, &tag, &suffix)) return damaged(0, error);
    if (tag != TAG_EXPOSURE) return CODE_OK;
    if (suffix.bytes != SUFFIX_BYTES) return damaged(id, error);
    field_id field = (field_id)((unsigned)suffix.data[0] << 8 | suffix.data[1]);
    if (field >= schema->field_count || schema->fields[field].exposure_half_life_ms == 0)
        return damaged(id, error);
    ordinal user = exposure->ordinal_of(exposure->context, ENTITY_USER, id);
    if (user == ORDINAL_NONE || exposure_find(exposure, user, field)) return damaged(id, error);
    cursor_init(&cursor, row);
    uint8_t version = cursor_u8(&cursor);
    if (version > ROW_VERSION)
        return error_set(error, CODE_VERSION, AREA_BEHAVIOUR,
                         "exposure row of user '%llu' has version %u, this build knows %d",
                         (unsigned long long)id, version, ROW_VERSION);
    if (version == 0) return damaged(id, error);
    struct exposure_block *block = exposure_admit(exposure, user, id, field);
    bool room = block;
    if (room && !decode(&cursor, exposure, block, &room)) return damaged(id, error);
    return room ? CODE_OK : error_no_memory(error, AREA_BEHAVIOUR, sizeof *block);
}

enum code exposure_load(void *fold, struct store *store, const struct schema *schema,
                        struct error *error)
{
    struct loading loading = {fold, schema};
    return store_for_each(store, KEYSPACE_USERS, (struct key_range){0}, load_row, &loading, error);
}
