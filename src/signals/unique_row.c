/* Rows of distinct users: one per item and signal with DISTINCT USERS (docs/formats/rows.md).
 *
 *   version    u8        1
 *   users      u8        1..64, ascending by time, then hash
 *   - time     signed of the first (ms), then the distance to the one before, varint
 *   - hash     u64
 *   sketch     only with 64 users: for each of 256 registers, marks in the span:
 *   - marks    u8        0..32
 *   -- age     varint    newest time less the mark's; falls
 *   -- rank    u8        1..32; falls
 *
 * Marks that are out of the span are not written, so that equal sets of events give equal rows. */
#include "signals/unique_private.h"

#include "base/time_window.h"

#include "storage/key.h"

enum { ROW_VERSION = 1, ROW_BYTES_MAXIMUM = 1 << 17 };

static void encode_register(const struct distinct *set, unsigned reg, int64_t before_ms,
                            struct buffer *out)
{
    size_t count, first = 0;
    const int64_t *marks = sketch_marks(set->sketch, reg, &count);
    while (first < count && mark_time_ms(marks[first]) <= before_ms)
        first++;
    buffer_put_u8(out, (uint8_t)(count - first));
    for (size_t i = first; i < count; i++) {
        buffer_put_varint(out, (uint64_t)(distinct_newest_ms(set) - mark_time_ms(marks[i])));
        buffer_put_u8(out, (uint8_t)mark_rank(marks[i]));
    }
}

static void encode(const struct distinct *set, int64_t span_ms, struct buffer *out)
{
    int64_t time_ms = 0;
    buffer_put_u8(out, ROW_VERSION);
    buffer_put_u8(out, (uint8_t)set->count);
    for (uint16_t i = 0; i < set->count; i++) {
        const struct distinct_user *user = &set->users[i];
        if (i == 0)
            buffer_put_signed(out, user->time_ms);
        else
            buffer_put_varint(out, (uint64_t)(user->time_ms - time_ms));
        time_ms = user->time_ms;
        buffer_put_u64(out, user->hash);
    }
    for (unsigned reg = 0; set->sketch && reg < DISTINCT_REGISTERS; reg++)
        encode_register(set, reg, window_after_ms(distinct_newest_ms(set), span_ms), out);
}

static enum code write_row(const struct unique *unique, const struct unique_dirty *dirty,
                           struct store_batch *batch, struct buffer *row, struct error *error)
{
    uint8_t suffix[2] = {(uint8_t)(dirty->signal >> 8), (uint8_t)dirty->signal};
    struct key key = key_build(dirty->id, TAG_UNIQUE, slice_of(suffix, sizeof suffix));
    const struct unique_table *table = &unique->tables[dirty->signal];
    const struct distinct *set = unique_find(table, dirty->item);
    if (!set) return store_batch_delete(batch, KEYSPACE_ITEMS, key_slice(&key), error);
    buffer_clear(row);
    encode(set, table->span_ms, row);
    if (row->failed) return error_no_memory(error, AREA_SIGNALS, ROW_BYTES_MAXIMUM);
    return store_batch_put(batch, KEYSPACE_ITEMS, key_slice(&key), buffer_slice(row), error);
}

enum code unique_write(void *fold, struct store_batch *batch, struct error *error)
{
    const struct unique *unique = fold;
    const struct unique_dirty *rows = unique->rows.sealed.entries;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, unique->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < unique->rows.sealed.count; i++)
        TRY(write_row(unique, &rows[i], batch, &row, error));
out:
    buffer_release(&row);
    return code;
}

enum code unique_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    const struct unique *unique = fold;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, unique->memory, ROW_BYTES_MAXIMUM);
    for (size_t signal = 0; signal < LIMIT_SIGNAL_IDS; signal++) {
        const struct unique_table *table = &unique->tables[signal];
        for (size_t item = 0; item < table->capacity; item++) {
            if (!table->sets[item]) continue;
            struct unique_dirty one = {table->sets[item]->id, (ordinal)item, (signal_id)signal};
            TRY(write_row(unique, &one, batch, &row, error));
        }
    }
out:
    buffer_release(&row);
    return code;
}

static enum code damaged(entity_id id, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_SIGNALS,
                     "row of distinct users of item '%llu' is damaged", (unsigned long long)id);
}

/* False: damaged, or (*room false) no memory. */
static bool decode_users(struct cursor *cursor, struct unique *unique, struct distinct **set,
                         bool *room)
{
    unsigned count = cursor_u8(cursor);
    int64_t time_ms = 0;
    if (count == 0 || count > DISTINCT_EXACT) return false;
    for (unsigned i = 0; i < count; i++) {
        if (i == 0) {
            time_ms = cursor_signed(cursor);
        } else if (__builtin_add_overflow(time_ms, cursor_varint(cursor), &time_ms)) {
            return false;
        }
        struct distinct_user user = {time_ms, cursor_u64(cursor)};
        if (cursor->failed || !distinct_put_user(set, unique->memory, &user, room)) return false;
    }
    return true;
}

static bool decode_sketch(struct cursor *cursor, struct unique *unique, struct distinct *set,
                          bool *room)
{
    int64_t newest_ms = distinct_newest_ms(set), time_ms;
    for (unsigned reg = 0; reg < DISTINCT_REGISTERS; reg++) {
        unsigned count = cursor_u8(cursor);
        if (count > DISTINCT_RANK_MAXIMUM) return false;
        for (unsigned i = 0; i < count; i++) {
            bool over = __builtin_sub_overflow(newest_ms, cursor_varint(cursor), &time_ms);
            unsigned rank = cursor_u8(cursor);
            if (over || cursor->failed ||
                !distinct_put_mark(set, unique->memory, reg, time_ms, rank, room))
                return false;
        }
    }
    return true;
}

/* No mark is out of the span, as none is written. */
static bool in_span(const struct distinct *set, int64_t span_ms)
{
    int64_t before_ms = window_after_ms(distinct_newest_ms(set), span_ms);
    for (unsigned reg = 0; set->sketch && reg < DISTINCT_REGISTERS; reg++) {
        size_t count;
        const int64_t *marks = sketch_marks(set->sketch, reg, &count);
        if (count > 0 && mark_time_ms(marks[0]) <= before_ms) return false;
    }
    return distinct_check(set, span_ms);
}

static bool decode(struct cursor *cursor, struct unique *unique, struct distinct **set,
                   int64_t span_ms, bool *room)
{
    if (!decode_users(cursor, unique, set, room)) return false;
    if ((*set)->count == DISTINCT_EXACT && !decode_sketch(cursor, unique, *set, room)) return false;
    return cursor_done(cursor) && in_span(*set, span_ms);
}

struct loading {
    struct unique *unique;
    const struct schema *schema;
};

static enum code load_row(void *context, struct slice key, struct slice row, struct error *error)
{
    const struct loading *loading = context;
    struct unique *unique = loading->unique;
    const struct schema *schema = loading->schema;
    uint64_t id;
    uint8_t tag;
    struct slice suffix;
    struct cursor cursor;
    if (!key_parse(key, &id, &tag, &suffix)) return damaged(0, error);
    if (tag != TAG_UNIQUE) return CODE_OK;
    if (suffix.bytes != 2) return damaged(id, error);
    signal_id signal = (signal_id)((unsigned)suffix.data[0] << 8 | suffix.data[1]);
    if (signal >= schema->signal_count || schema->signals[signal].distinct_ms == 0)
        return damaged(id, error);
    ordinal item = unique->ids.ordinal_of(unique->ids.context, ENTITY_ITEM, id);
    struct unique_table *table = &unique->tables[signal];
    if (item == ORDINAL_NONE || unique_find(table, item)) return damaged(id, error);
    cursor_init(&cursor, row);
    uint8_t version = cursor_u8(&cursor);
    if (version > ROW_VERSION)
        return error_set(error, CODE_VERSION, AREA_SIGNALS,
                         "row of distinct users of item '%llu' has version %u, this build knows %d",
                         (unsigned long long)id, version, ROW_VERSION);
    if (version == 0) return damaged(id, error);
    table->span_ms = schema->signals[signal].distinct_ms;
    struct distinct **set = unique_make(unique, signal, item, id);
    if (!set) return error_no_memory(error, AREA_SIGNALS, sizeof **set);
    size_t before = distinct_bytes(*set);
    bool room = true, whole = decode(&cursor, unique, set, table->span_ms, &room);
    unique->bytes += distinct_bytes(*set) - before;
    if (!room) return error_no_memory(error, AREA_SIGNALS, sizeof **set);
    return whole ? CODE_OK : damaged(id, error);
}

enum code unique_load(void *fold, struct store *store, const struct schema *schema,
                      struct error *error)
{
    struct loading loading = {fold, schema};
    return store_for_each(store, KEYSPACE_ITEMS, (struct key_range){0}, load_row, &loading, error);
}
