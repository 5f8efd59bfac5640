/* Rows of groups: one per signal, field and value, in the keyspace of the database, under `group/`,
 * signal u16, field u16, value u64, all big-endian (docs/formats/rows.md).
 *
 *   version    u8         1
 *   newest     signed     time of the newest event, ms
 *   count      signed
 *   sum        signed128  of values, in units of 2^-16
 *   decays     u8         number; for each: half-life varint, spare bits u8, sum signed128 */
#include "signals/groups_private.h"

#include "storage/key.h"

enum { ROW_VERSION = 1, ROW_BYTES_MAXIMUM = 512, KEY_PREFIX_BYTES = 6, KEY_BYTES = 18 };

_Static_assert(sizeof(KEY_GROUP_PREFIX) - 1 == KEY_PREFIX_BYTES, "the prefix has its length");

static void make_key(const struct group_dirty *one, uint8_t key[KEY_BYTES])
{
    memcpy(key, KEY_GROUP_PREFIX, KEY_PREFIX_BYTES);
    key[6] = (uint8_t)(one->signal >> 8);
    key[7] = (uint8_t)one->signal;
    key[8] = (uint8_t)(one->field >> 8);
    key[9] = (uint8_t)one->field;
    for (int i = 0; i < 8; i++)
        key[10 + i] = (uint8_t)(one->value >> (56 - 8 * i));
}

static void parse_key(struct slice key, struct group_dirty *one)
{
    const uint8_t *at = key.data;
    one->signal = (signal_id)((unsigned)at[6] << 8 | at[7]);
    one->field = (field_id)((unsigned)at[8] << 8 | at[9]);
    one->value = 0;
    for (int i = 0; i < 8; i++)
        one->value = one->value << 8 | at[10 + i];
}

static void encode(const struct group *group, const struct group_signal *signal, struct buffer *out)
{
    buffer_put_u8(out, ROW_VERSION);
    buffer_put_signed(out, group->newest_ms);
    buffer_put_signed(out, group->count);
    buffer_put_signed128(out, group->sum);
    buffer_put_u8(out, (uint8_t)signal->decay_count);
    for (uint32_t i = 0; i < signal->decay_count; i++) {
        buffer_put_varint(out, (uint64_t)signal->decays[i].half_life_ms);
        buffer_put_u8(out, (uint8_t)signal->decays[i].spare_bits);
        buffer_put_signed128(out, group->decays[i]);
    }
}

static enum code write_row(const struct groups *groups, const struct group_dirty *one,
                           struct store_batch *batch, struct buffer *row, struct error *error)
{
    uint8_t bytes[KEY_BYTES];
    const struct group_signal *signal = &groups->signals[one->signal];
    const struct group *group = NULL;
    make_key(one, bytes);
    for (int i = 0; i < LIMIT_GROUP_FIELDS && !group; i++)
        if (signal->tables[i].known && signal->tables[i].field == one->field)
            group = group_find(&signal->tables[i], one->value);
    struct slice key = slice_of(bytes, sizeof bytes);
    if (!group) return store_batch_delete(batch, KEYSPACE_DATABASE, key, error);
    buffer_clear(row);
    encode(group, signal, row);
    if (row->failed) return error_no_memory(error, AREA_SIGNALS, ROW_BYTES_MAXIMUM);
    return store_batch_put(batch, KEYSPACE_DATABASE, key, buffer_slice(row), error);
}

enum code groups_write(void *fold, struct store_batch *batch, struct error *error)
{
    const struct groups *groups = fold;
    const struct group_dirty *rows = groups->rows.sealed.entries;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, groups->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < groups->rows.sealed.count; i++)
        TRY(write_row(groups, &rows[i], batch, &row, error));
out:
    buffer_release(&row);
    return code;
}

static enum code dump_table(const struct groups *groups, signal_id signal,
                            const struct group_table *table, struct store_batch *batch,
                            struct error *error)
{
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, groups->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < table->count; i++) {
        struct group_dirty one = {table->list[i]->value, signal, table->field};
        TRY(write_row(groups, &one, batch, &row, error));
    }
out:
    buffer_release(&row);
    return code;
}

enum code groups_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    const struct groups *groups = fold;
    enum code code = CODE_OK;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        for (int j = 0; j < LIMIT_GROUP_FIELDS; j++)
            TRY(dump_table(groups, (signal_id)i, &groups->signals[i].tables[j], batch, error));
out:
    return code;
}

static enum code damaged(const struct group_dirty *one, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_SIGNALS,
                     "group row of signal %u by field %u is damaged", one->signal, one->field);
}

static bool decode(struct cursor *cursor, const struct group_signal *signal, struct group *group)
{
    const decay_sum bound = (decay_sum)1 << DECAY_SUM_BITS;
    group->newest_ms = cursor_signed(cursor);
    group->count = cursor_signed(cursor);
    group->sum = cursor_signed128(cursor);
    if (cursor_u8(cursor) != signal->decay_count) return false;
    for (uint32_t i = 0; i < signal->decay_count; i++) {
        uint64_t half_life_ms = cursor_varint(cursor);
        uint8_t spare_bits = cursor_u8(cursor);
        group->decays[i] = cursor_signed128(cursor);
        if (half_life_ms != (uint64_t)signal->decays[i].half_life_ms ||
            spare_bits != signal->decays[i].spare_bits || group->decays[i] > bound ||
            group->decays[i] < -bound)
            return false;
    }
    return cursor_done(cursor);
}

struct loading {
    struct groups *groups;
    const struct schema *schema;
};

static enum code load_row(void *context, struct slice key, struct slice row, struct error *error)
{
    const struct loading *loading = context;
    struct groups *groups = loading->groups;
    const struct schema *schema = loading->schema;
    struct group_dirty one = {0};
    struct cursor cursor;
    if (key.bytes != KEY_BYTES) return damaged(&one, error);
    parse_key(key, &one);
    if (one.signal >= schema->signal_count) return damaged(&one, error);
    groups_know(groups, &schema->signals[one.signal]);
    struct group_table *table = groups_table(groups, one.signal, one.field);
    if (!table || table->count == GROUP_VALUES_MAXIMUM) return damaged(&one, error);
    cursor_init(&cursor, row);
    uint8_t version = cursor_u8(&cursor);
    if (version > ROW_VERSION)
        return error_set(error, CODE_VERSION, AREA_SIGNALS,
                         "group row of signal %u has version %u, this build knows %d", one.signal,
                         version, ROW_VERSION);
    if (version == 0) return damaged(&one, error);
    struct group *group = group_make(groups, &groups->signals[one.signal], table, one.value);
    if (!group) return error_no_memory(error, AREA_SIGNALS, sizeof *group);
    return decode(&cursor, &groups->signals[one.signal], group) ? CODE_OK : damaged(&one, error);
}

enum code groups_load(void *fold, struct store *store, const struct schema *schema,
                      struct error *error)
{
    struct loading loading = {fold, schema};
    struct key_bounds bounds;
    struct key_range range = key_range_of_prefix(KEY_TEXT(KEY_GROUP_PREFIX), &bounds);
    return store_for_each(store, KEYSPACE_DATABASE, range, load_row, &loading, error);
}
