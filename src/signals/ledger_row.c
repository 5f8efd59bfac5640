/* Rows of the ledger: one per entity and signal (docs/formats/rows.md).
 *
 *   version         u8        1
 *   flags           u8        1: the signal keeps extremes
 *   newest event    signed    milliseconds
 *   count           signed    all time
 *   sum             signed128 of values, fixed point
 *   [minimum, maximum  signed  if extremes are kept]
 *   decayed sums    u8, then for each: half-life varint (ms), spare bits u8, sum signed128
 *   rings           u8, then for each: hop varint (ms), longest window varint (ms), buckets varint,
 *                   then for each bucket: number (the first signed, then the distance to the one
 *                   before, varint), count signed, sum signed128, [minimum, maximum signed]
 *
 * Numbers are varints in their shortest form and lists are in order, so a record has one encoding:
 * two ledgers are equal if their rows are equal byte by byte.  A row says how it is laid out, so
 * that one written before its signal was defined anew can still be read. */
#include "signals/ledger_private.h"

#include "signals/eviction.h"
#include "storage/key.h"

enum { ROW_VERSION = 1, ROW_EXTREMES = 1, ROW_BYTES_MAXIMUM = 1 << 18 };

static void encode_extremes(int64_t minimum, int64_t maximum, bool kept, struct buffer *out)
{
    if (!kept) return;
    buffer_put_signed(out, minimum);
    buffer_put_signed(out, maximum);
}

static void encode_ring(const struct ring *ring, const struct ring_shape *shape, bool extremes,
                        struct buffer *out)
{
    buffer_put_varint(out, (uint64_t)shape->hop_ms);
    buffer_put_varint(out, (uint64_t)shape->longest_ms);
    buffer_put_varint(out, ring->count);
    for (uint32_t i = 0; i < ring->count; i++) {
        const struct bucket *bucket = &ring->buckets[i];
        if (i == 0)
            buffer_put_signed(out, bucket->number);
        else
            buffer_put_varint(out, (uint64_t)(bucket->number - bucket[-1].number));
        buffer_put_signed(out, bucket->count);
        buffer_put_signed128(out, bucket->sum);
        encode_extremes(bucket->minimum, bucket->maximum, extremes, out);
    }
}

void record_encode(const struct record *record, const struct layout *layout, struct buffer *out)
{
    bool extremes = layout->keeps_extremes;
    buffer_put_u8(out, ROW_VERSION);
    buffer_put_u8(out, extremes ? ROW_EXTREMES : 0);
    buffer_put_signed(out, record->newest_ms);
    buffer_put_signed(out, record->count);
    buffer_put_signed128(out, record->sum);
    encode_extremes(record->minimum, record->maximum, extremes, out);
    buffer_put_u8(out, (uint8_t)layout->decay_count);
    for (uint32_t i = 0; i < layout->decay_count; i++) {
        buffer_put_varint(out, (uint64_t)layout->decays[i].half_life_ms);
        buffer_put_u8(out, (uint8_t)layout->decays[i].spare_bits);
        buffer_put_signed128(out, record->decays[i]);
    }
    buffer_put_u8(out, (uint8_t)layout->ring_count);
    for (uint32_t i = 0; i < layout->ring_count; i++)
        encode_ring(&record->rings[i], &layout->rings[i], extremes, out);
}

/* What is read of a row, until it is known to be whole. */
struct row_head {
    int64_t newest_ms, count, minimum, maximum;
    __int128 sum;
    decay_sum decays[LIMIT_HALF_LIVES];
};

static void decode_extremes(struct cursor *cursor, bool kept, int64_t *minimum, int64_t *maximum)
{
    *minimum = kept ? cursor_signed(cursor) : INT64_MAX;
    *maximum = kept ? cursor_signed(cursor) : INT64_MIN;
}

static bool decode_head(struct cursor *cursor, struct layout *layout, struct row_head *head)
{
    uint8_t flags = cursor_u8(cursor);
    if (flags & ~ROW_EXTREMES) return false;
    layout->keeps_extremes = flags & ROW_EXTREMES;
    head->newest_ms = cursor_signed(cursor);
    head->count = cursor_signed(cursor);
    head->sum = cursor_signed128(cursor);
    decode_extremes(cursor, layout->keeps_extremes, &head->minimum, &head->maximum);
    layout->decay_count = cursor_u8(cursor);
    if (layout->decay_count > LIMIT_HALF_LIVES) return false;
    for (uint32_t i = 0; i < layout->decay_count; i++) {
        uint64_t half_life_ms = cursor_varint(cursor);
        uint8_t spare_bits = cursor_u8(cursor);
        head->decays[i] = cursor_signed128(cursor);
        if (half_life_ms == 0 || half_life_ms > INT64_MAX) return false;
        if (spare_bits > DECAY_SPARE_BITS_MAXIMUM) return false;
        decay_sum bound = (decay_sum)1 << DECAY_SUM_BITS;
        if (head->decays[i] > bound || head->decays[i] < -bound) return false;
        layout->decays[i] = decay_with_spare_bits((int64_t)half_life_ms, spare_bits);
    }
    layout->ring_count = cursor_u8(cursor);
    return !cursor->failed && layout->ring_count <= RING_MAXIMUM;
}

/* False: damaged.  *room false: no memory. */
static bool decode_ring(struct cursor *cursor, bool extremes, struct ring_shape *shape,
                        struct ring *ring, struct memory *memory, bool *room)
{
    uint64_t hop_ms = cursor_varint(cursor), longest_ms = cursor_varint(cursor);
    uint64_t count = cursor_varint(cursor);
    if (cursor->failed || longest_ms == 0 || longest_ms > DURATION_MAXIMUM_MS) return false;
    if (hop_ms != (uint64_t)window_hop_ms((int64_t)longest_ms)) return false;
    if (count > RING_BUCKETS_MAXIMUM) return false;
    *shape = (struct ring_shape){(int64_t)hop_ms, (int64_t)longest_ms};
    if (count == 0) return true;
    ring->buckets = memory_allocate(memory, count * sizeof *ring->buckets);
    *room = ring->buckets;
    if (!*room) return true;
    ring->capacity = (uint32_t)count;
    for (uint32_t i = 0; i < count; i++) {
        struct bucket *bucket = &ring->buckets[i];
        if (i == 0) {
            bucket->number = cursor_signed(cursor);
        } else {
            uint64_t distance = cursor_varint(cursor);
            if (distance == 0 || distance > RING_BUCKETS_MAXIMUM) return false;
            if (__builtin_add_overflow(bucket[-1].number, distance, &bucket->number)) return false;
        }
        bucket->count = cursor_signed(cursor);
        bucket->sum = cursor_signed128(cursor);
        decode_extremes(cursor, extremes, &bucket->minimum, &bucket->maximum);
        if (cursor->failed) return false;
        ring->count++;
    }
    return true;
}

static bool decode_rings(struct cursor *cursor, struct layout *layout, struct record *record,
                         struct memory *memory, bool *room)
{
    for (uint32_t i = 0; i < layout->ring_count && *room; i++) {
        if (!decode_ring(cursor, layout->keeps_extremes, &layout->rings[i], &record->rings[i],
                         memory, room))
            return false;
        if (i > 0 && layout->rings[i - 1].hop_ms >= layout->rings[i].hop_ms) return false;
    }
    if (!*room) return true;
    char reason[128];
    return cursor_done(cursor) && record_check(record, layout, reason, sizeof reason);
}

static enum code damaged(entity_id id, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_SIGNALS, "signal row of entity '%llu' is damaged",
                     (unsigned long long)id);
}

enum code record_decode(struct slice row, entity_id id, struct memory *memory,
                        struct layout *layout, struct record **record, struct error *error)
{
    struct cursor cursor;
    cursor_init(&cursor, row);
    uint8_t version = cursor_u8(&cursor);
    if (version > ROW_VERSION)
        return error_set(error, CODE_VERSION, AREA_SIGNALS,
                         "signal row of entity '%llu' has version %u, this build knows %d",
                         (unsigned long long)id, version, ROW_VERSION);
    struct row_head head;
    *layout = (struct layout){0};
    if (version == 0 || !decode_head(&cursor, layout, &head)) return damaged(id, error);
    struct record *read = record_create(layout, id, memory);
    if (!read) return error_no_memory(error, AREA_SIGNALS, sizeof *read);
    read->newest_ms = head.newest_ms;
    read->count = head.count;
    read->sum = head.sum;
    read->minimum = head.minimum;
    read->maximum = head.maximum;
    memcpy(read->decays, head.decays, layout->decay_count * sizeof *read->decays);
    bool room = true;
    bool whole = decode_rings(&cursor, layout, read, memory, &room);
    if (whole && room) {
        *record = read;
        return CODE_OK;
    }
    record_free(read, memory);
    return whole ? error_no_memory(error, AREA_SIGNALS, row.bytes) : damaged(id, error);
}

_Static_assert((int)KEYSPACE_ITEMS == (int)ENTITY_ITEM && (int)KEYSPACE_USERS == (int)ENTITY_USER &&
                   (int)KEYSPACE_CREATORS == (int)ENTITY_CREATOR,
               "a kind has the keyspace of its number");

struct key ledger_row_key(entity_id id, signal_id signal)
{
    uint8_t suffix[2] = {(uint8_t)(signal >> 8), (uint8_t)signal};
    return key_build(id, TAG_LEDGER, slice_of(suffix, sizeof suffix));
}

static enum code write_row(const struct ledger *ledger, const struct dirty_record *dirty,
                           struct store_batch *batch, struct buffer *row, struct error *error)
{
    const struct signal_table *table = &ledger->tables[dirty->signal];
    enum entity_kind kind = (enum entity_kind)dirty->kind;
    struct key key =
        ledger_row_key(ledger->ids.id_of(ledger->ids.context, kind, dirty->entity), dirty->signal);
    bool is_there = table->layout.kind == kind && held_any(table_find(table, dirty->entity));
    if (!is_there) return store_batch_delete(batch, (enum keyspace)kind, key_slice(&key), error);
    struct record *record = ledger_copy(ledger, dirty->signal, dirty->entity);
    if (!record) return error_no_memory(error, AREA_SIGNALS, sizeof *record);
    buffer_clear(row);
    record_encode(record, &table->layout, row);
    record_free(record, ledger->memory);
    if (row->failed) return error_no_memory(error, AREA_SIGNALS, ROW_BYTES_MAXIMUM);
    return store_batch_put(batch, (enum keyspace)kind, key_slice(&key), buffer_slice(row), error);
}

enum code ledger_write(void *fold, struct store_batch *batch, struct error *error)
{
    const struct ledger *ledger = fold;
    enum code code = CODE_OK;
    const struct dirty_record *rows = ledger->rows.sealed.entries;
    struct buffer row;
    buffer_init(&row, ledger->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < ledger->rows.sealed.count; i++)
        TRY(write_row(ledger, &rows[i], batch, &row, error));
    if (ledger->gaps_sealed) TRY(ledger_put_gaps(ledger, false, batch, error));
out:
    buffer_release(&row);
    return code;
}

/* Where the rows of cold pairs go. */
struct cold_dump {
    const struct ledger *ledger;
    struct store_batch *batch;
    struct buffer *row;
};

static enum code dump_cold(void *context, const struct cold_pair *pair, struct record *record,
                           struct error *error)
{
    const struct cold_dump *dump = context;
    const struct signal_table *table = &dump->ledger->tables[pair->signal];
    struct key key = ledger_row_key(record->id, pair->signal);
    buffer_clear(dump->row);
    record_encode(record, &table->layout, dump->row);
    record_free(record, dump->ledger->memory);
    if (dump->row->failed) return error_no_memory(error, AREA_SIGNALS, ROW_BYTES_MAXIMUM);
    return store_batch_put(dump->batch, (enum keyspace)table->layout.kind, key_slice(&key),
                           buffer_slice(dump->row), error);
}

enum code ledger_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    const struct ledger *ledger = fold;
    enum code code = CODE_OK;
    struct buffer row;
    struct cold_dump cold = {ledger, batch, &row};
    buffer_init(&row, ledger->memory, ROW_BYTES_MAXIMUM);
    for (size_t signal = 0; signal < LIMIT_SIGNAL_IDS; signal++) {
        const struct signal_table *table = &ledger->tables[signal];
        TRY(cold_visit(ledger, (signal_id)signal, dump_cold, &cold, error));
        for (size_t entity = 0; entity < slots_end(&table->slots); entity++) {
            if (slots_find(&table->slots, (ordinal)entity) == 0) continue;
            if (table_is_cold(table, (ordinal)entity)) continue;
            struct dirty_record one = {(ordinal)entity, (signal_id)signal,
                                       (uint8_t)table->layout.kind};
            TRY(write_row(ledger, &one, batch, &row, error));
        }
    }
    TRY(ledger_put_gaps(ledger, true, batch, error));
out:
    buffer_release(&row);
    return code;
}

/* Loading, and what is given up meanwhile. */
struct loading {
    struct ledger *ledger;
    enum entity_kind kind;
    int64_t newest_ms;        /* of what was loaded */
    struct eviction eviction; /* the last one */
    size_t look_at_bytes;     /* resident, before the next one; 0: none was yet */
};

/* Takes a record over that is too old to be in memory; false: it is not. */
static bool admit_cold(struct loading *loading, signal_id signal, ordinal entity,
                       struct record *record, bool *room)
{
    if (loading->look_at_bytes == 0 || loading->ledger->tables[signal].stays) return false;
    if (!eviction_takes(&loading->eviction, record->newest_ms)) return false;
    *room = ledger_insert_cold(loading->ledger, signal, entity, record);
    return true;
}

/* What stays may be more than the budget: an eviction walks over all, so the next one waits until
 * the ledger has grown by a part of itself. */
static void keep_budget(struct loading *loading)
{
    struct ledger *ledger = loading->ledger;
    if (!ledger_is_over_budget(ledger)) return;
    if (ledger_resident_bytes(ledger) < loading->look_at_bytes) return;
    eviction_run(&loading->eviction, ledger, loading->newest_ms);
    size_t bytes = ledger_resident_bytes(ledger);
    loading->look_at_bytes = bytes + bytes / 8;
}

/* Takes a record over, in the layout that its signal has now. */
static enum code admit_row(struct loading *loading, signal_id signal, ordinal entity,
                           const struct layout *from, struct record *record, struct error *error)
{
    struct ledger *ledger = loading->ledger;
    struct signal_table *table = &ledger->tables[signal];
    bool convert = !layout_same_records(from, &table->layout), room;
    if (record->newest_ms > loading->newest_ms) loading->newest_ms = record->newest_ms;
    if (!convert && admit_cold(loading, signal, entity, record, &room)) {
        record_free(record, ledger->memory);
        return room ? CODE_OK : error_no_memory(error, AREA_SIGNALS, sizeof *record);
    }
    if (convert) {
        struct record *converted = record_convert(record, from, &table->layout, ledger->memory);
        record_free(record, ledger->memory);
        record = converted;
    }
    room = record && ledger_insert(ledger, signal, entity, record);
    if (!room) record_free(record, ledger->memory);
    if (room && convert) room = ledger_mark_dirty(ledger, signal, entity);
    keep_budget(loading);
    return room ? CODE_OK : error_no_memory(error, AREA_SIGNALS, sizeof *record);
}

static enum code load_row(void *context, struct slice key, struct slice row, struct error *error)
{
    struct loading *loading = context;
    struct ledger *ledger = loading->ledger;
    enum entity_kind kind = loading->kind;
    uint64_t id;
    uint8_t tag;
    struct slice suffix;
    if (!key_parse(key, &id, &tag, &suffix)) return damaged(0, error);
    if (tag != TAG_LEDGER) return CODE_OK;
    if (suffix.bytes != 2) return damaged(id, error);
    signal_id signal = (signal_id)((unsigned)suffix.data[0] << 8 | suffix.data[1]);
    if (signal >= LIMIT_SIGNAL_IDS || !ledger->tables[signal].known ||
        ledger->tables[signal].layout.kind != kind)
        return damaged(id, error);
    if (ledger->tables[signal].idle) return CODE_OK;
    ordinal entity = ledger->ids.ordinal_of(ledger->ids.context, kind, id);
    if (entity == ORDINAL_NONE || slots_find(&ledger->tables[signal].slots, entity) != 0)
        return damaged(id, error);
    struct layout layout;
    struct record *record = NULL;
    enum code code = record_decode(row, id, ledger->memory, &layout, &record, error);
    if (code != CODE_OK) return code;
    assert(record);
    return admit_row(loading, signal, entity, &layout, record, error);
}

enum code ledger_load(void *fold, struct store *store, const struct schema *schema,
                      struct error *error)
{
    struct ledger *ledger = fold;
    struct loading loading = {.ledger = ledger, .newest_ms = INT64_MIN};
    enum code code = CODE_OK;
    if (!ledger_adopt(ledger, schema, 0, INT64_MIN))
        return error_no_memory(error, AREA_SIGNALS, sizeof *ledger);
    if (ledger->budget_bytes > 0) ledger->store = store;
    for (; loading.kind < ENTITY_KIND_COUNT; loading.kind++)
        TRY(store_for_each(store, (enum keyspace)loading.kind, (struct key_range){0}, load_row,
                           &loading, error));
    code = ledger_load_gaps(ledger, store, error);
out:
    return code;
}
