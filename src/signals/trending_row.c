/* Rows of what trends: one per item and signal with TRENDING (docs/formats/rows.md).
 *
 *   version    u8        1
 *   level      u8        of the sample of users
 *   peak       u8        0: none, 1: key signed, time signed (ms)
 *   users      varint, then for each: hash u64, time signed (ms), in the order of their counting */
#include "signals/trending_private.h"

#include "storage/key.h"

enum { ROW_VERSION = 1, ROW_BYTES_MAXIMUM = 1 << 14 };

static void encode(const struct trend *trend, struct buffer *out)
{
    bool has_peak = trend->key != TREND_NO_KEY;
    buffer_put_u8(out, ROW_VERSION);
    buffer_put_u8(out, trend->level);
    buffer_put_u8(out, has_peak);
    if (has_peak) {
        buffer_put_signed(out, trend->key);
        buffer_put_signed(out, trend->peak_ms);
    }
    buffer_put_varint(out, trend->user_count);
    for (uint16_t i = 0; i < trend->user_count; i++) {
        buffer_put_u64(out, trend->users[i].hash);
        buffer_put_signed(out, trend->users[i].time_ms);
    }
}

static enum code write_row(const struct trending *trending, const struct trend_dirty *dirty,
                           struct store_batch *batch, struct buffer *row, struct error *error)
{
    uint8_t suffix[2] = {(uint8_t)(dirty->signal >> 8), (uint8_t)dirty->signal};
    struct key key = key_build(dirty->id, TAG_TREND, slice_of(suffix, sizeof suffix));
    const struct trend *trend = trend_find(&trending->tables[dirty->signal], dirty->entity);
    if (!trend) return store_batch_delete(batch, KEYSPACE_ITEMS, key_slice(&key), error);
    buffer_clear(row);
    encode(trend, row);
    if (row->failed) return error_no_memory(error, AREA_SIGNALS, ROW_BYTES_MAXIMUM);
    return store_batch_put(batch, KEYSPACE_ITEMS, key_slice(&key), buffer_slice(row), error);
}

enum code trending_write(void *fold, struct store_batch *batch, struct error *error)
{
    const struct trending *trending = fold;
    const struct trend_dirty *rows = trending->rows.sealed.entries;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, trending->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < trending->rows.sealed.count; i++)
        TRY(write_row(trending, &rows[i], batch, &row, error));
out:
    buffer_release(&row);
    return code;
}

enum code trending_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    const struct trending *trending = fold;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, trending->memory, ROW_BYTES_MAXIMUM);
    for (size_t signal = 0; signal < LIMIT_SIGNAL_IDS; signal++) {
        const struct trend_table *table = &trending->tables[signal];
        for (size_t entity = 0; entity < table->capacity; entity++) {
            if (!table->trends[entity]) continue;
            struct trend_dirty one = {table->trends[entity]->id, (ordinal)entity,
                                      (signal_id)signal};
            TRY(write_row(trending, &one, batch, &row, error));
        }
    }
out:
    buffer_release(&row);
    return code;
}

static enum code damaged(entity_id id, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_SIGNALS, "trend row of item '%llu' is damaged",
                     (unsigned long long)id);
}

/* No event is later or earlier, so that differences of times do not overflow. */
static bool is_a_time(int64_t time_ms)
{
    const int64_t bound = INT64_C(1) << 53;
    return time_ms >= -bound && time_ms <= bound;
}

/* False: damaged.  *room false: no memory. */
static bool decode(struct cursor *cursor, struct trending *trending, struct trend *trend,
                   bool *room)
{
    trend->level = cursor_u8(cursor);
    uint8_t has_peak = cursor_u8(cursor);
    if (has_peak > 1 || trend->level > TREND_LEVEL_MAXIMUM) return false;
    if (has_peak) {
        trend->key = cursor_signed(cursor);
        trend->peak_ms = cursor_signed(cursor);
        if (trend->key == TREND_NO_KEY || !is_a_time(trend->peak_ms)) return false;
    }
    uint64_t count = cursor_varint(cursor);
    if (cursor->failed || count > TREND_USERS_MAXIMUM) return false;
    *room = trend_reserve(trending, trend, (size_t)count);
    if (!*room) return true;
    for (; trend->user_count < count; trend->user_count++) {
        struct trend_user *user = &trend->users[trend->user_count];
        user->hash = cursor_u64(cursor);
        user->time_ms = cursor_signed(cursor);
        if (!is_a_time(user->time_ms)) return false;
        if (trend->level > 0 && user->hash >> (64 - trend->level) != 0) return false;
    }
    return cursor_done(cursor);
}

struct loading {
    struct trending *trending;
    const struct schema *schema;
};

static enum code load_row(void *context, struct slice key, struct slice row, struct error *error)
{
    const struct loading *loading = context;
    struct trending *trending = loading->trending;
    const struct schema *schema = loading->schema;
    uint64_t id;
    uint8_t tag;
    struct slice suffix;
    struct cursor cursor;
    if (!key_parse(key, &id, &tag, &suffix)) return damaged(0, error);
    if (tag != TAG_TREND) return CODE_OK;
    if (suffix.bytes != 2) return damaged(id, error);
    signal_id signal = (signal_id)((unsigned)suffix.data[0] << 8 | suffix.data[1]);
    if (signal >= schema->signal_count || schema->signals[signal].trending_half_life_ms == 0)
        return damaged(id, error);
    ordinal entity = trending->source.ids.ordinal_of(trending->source.ids.context, ENTITY_ITEM, id);
    struct trend_table *table = &trending->tables[signal];
    if (entity == ORDINAL_NONE || trend_find(table, entity)) return damaged(id, error);
    cursor_init(&cursor, row);
    uint8_t version = cursor_u8(&cursor);
    if (version > ROW_VERSION)
        return error_set(error, CODE_VERSION, AREA_SIGNALS,
                         "trend row of item '%llu' has version %u, this build knows %d",
                         (unsigned long long)id, version, ROW_VERSION);
    if (version == 0) return damaged(id, error);
    struct trend *trend = trend_create(trending, &schema->signals[signal], entity, id);
    bool room = trend;
    if (room && !decode(&cursor, trending, trend, &room)) return damaged(id, error);
    if (room && trend->key != TREND_NO_KEY)
        room = trend_index(trending, &schema->signals[signal], entity);
    return room ? CODE_OK : error_no_memory(error, AREA_SIGNALS, sizeof *trend);
}

enum code trending_load(void *fold, struct store *store, const struct schema *schema,
                        struct error *error)
{
    struct loading loading = {fold, schema};
    return store_for_each(store, KEYSPACE_ITEMS, (struct key_range){0}, load_row, &loading, error);
}
