/* Rows of co-engagement: one per item that was ever taken well (docs/formats/rows.md).
 *
 *   version      u8       1
 *   generation   u8
 *   epoch        signed
 *   total        varint   c_i, in units of 2^(epoch - 16)
 *   neighbours   varint, then for each, ascending by id: distance to the id before varint (of the
 *                first: its id), generation u8, counter varint, error varint */
#include "behaviour/coengagement_private.h"

#include "storage/key.h"

enum { ROW_VERSION = 1, ROW_BYTES_MAXIMUM = 1 << 12 };

struct named {
    entity_id id;
    size_t place;
};

/* All, ascending by id: void ones as well, as which are there follows from the log alone. */
static size_t sort_neighbours(const struct coengagement *coengagement, struct neighbourhood *hood,
                              struct named *sorted)
{
    size_t count = 0;
    for (size_t i = 0; i < hood->count; i++) {
        struct named named = {coengagement->hoods[neighbour_items(hood)[i]]->id, i};
        size_t at = count++;
        for (; at > 0 && sorted[at - 1].id > named.id; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = named;
    }
    return count;
}

static void encode(const struct coengagement *coengagement, struct neighbourhood *hood,
                   struct buffer *out)
{
    struct named sorted[COENGAGEMENT_NEIGHBOURS_MAXIMUM];
    size_t count = sort_neighbours(coengagement, hood, sorted);
    entity_id before = 0;
    buffer_put_u8(out, ROW_VERSION);
    buffer_put_u8(out, hood->generation);
    buffer_put_signed(out, hood->epoch);
    buffer_put_varint(out, hood->total);
    buffer_put_varint(out, count);
    for (size_t i = 0; i < count; i++) {
        size_t place = sorted[i].place;
        buffer_put_varint(out, sorted[i].id - before);
        buffer_put_u8(out, neighbour_generations(hood)[place]);
        buffer_put_varint(out, neighbour_counts(hood)[place]);
        buffer_put_varint(out, neighbour_errors(hood)[place]);
        before = sorted[i].id;
    }
}

static enum code write_row(const struct coengagement *coengagement, ordinal item,
                           struct store_batch *batch, struct buffer *row, struct error *error)
{
    struct neighbourhood *hood = coengagement->hoods[item];
    struct key key = key_build(hood->id, TAG_COENGAGEMENT, slice_of(NULL, 0));
    buffer_clear(row);
    encode(coengagement, hood, row);
    if (row->failed) return error_no_memory(error, AREA_BEHAVIOUR, ROW_BYTES_MAXIMUM);
    return store_batch_put(batch, KEYSPACE_ITEMS, key_slice(&key), buffer_slice(row), error);
}

enum code coengagement_write(void *fold, struct store_batch *batch, struct error *error)
{
    const struct coengagement *coengagement = fold;
    const ordinal *rows = coengagement->rows.sealed.entries;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, coengagement->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < coengagement->rows.sealed.count; i++)
        TRY(write_row(coengagement, rows[i], batch, &row, error));
out:
    buffer_release(&row);
    return code;
}

enum code coengagement_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    const struct coengagement *coengagement = fold;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, coengagement->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < coengagement->capacity; i++)
        if (coengagement->hoods[i]) TRY(write_row(coengagement, (ordinal)i, batch, &row, error));
out:
    buffer_release(&row);
    return code;
}

static enum code damaged(entity_id id, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_BEHAVIOUR,
                     "co-engagement row of item '%llu' is damaged", (unsigned long long)id);
}

/* One neighbour, behind the one with id `before`.  False: damaged. */
static bool decode_neighbour(struct cursor *cursor, const struct coengagement *coengagement,
                             struct neighbourhood *hood, entity_id *before)
{
    size_t place = hood->count;
    uint64_t distance = cursor_varint(cursor);
    uint8_t generation = cursor_u8(cursor);
    uint64_t counter = cursor_varint(cursor), error = cursor_varint(cursor);
    bool is_first = place == 0;
    if (cursor->failed || counter == 0 || counter > COENGAGEMENT_COUNTER_MAXIMUM || error > counter)
        return false;
    if ((!is_first && distance == 0) || distance > UINT64_MAX - *before) return false;
    *before += distance;
    ordinal item = coengagement->ordinal_of(coengagement->context, ENTITY_ITEM, *before);
    if (item == ORDINAL_NONE || *before == hood->id) return false;
    neighbour_items(hood)[place] = item;
    neighbour_counts(hood)[place] = (uint32_t)counter;
    neighbour_errors(hood)[place] = (uint32_t)error;
    neighbour_generations(hood)[place] = generation;
    hood->count++;
    return true;
}

static enum code load_row(void *context, struct slice key, struct slice row, struct error *error)
{
    struct coengagement *coengagement = context;
    uint64_t id;
    uint8_t tag;
    struct slice suffix;
    struct cursor cursor;
    if (!key_parse(key, &id, &tag, &suffix)) return damaged(0, error);
    if (tag != TAG_COENGAGEMENT) return CODE_OK;
    ordinal item = coengagement->ordinal_of(coengagement->context, ENTITY_ITEM, id);
    if (suffix.bytes != 0 || item == ORDINAL_NONE || hood_find(coengagement, item))
        return damaged(id, error);
    cursor_init(&cursor, row);
    uint8_t version = cursor_u8(&cursor);
    if (version > ROW_VERSION)
        return error_set(error, CODE_VERSION, AREA_BEHAVIOUR,
                         "co-engagement row of item '%llu' has version %u, this build knows %d",
                         (unsigned long long)id, version, ROW_VERSION);
    uint8_t generation = cursor_u8(&cursor);
    int64_t epoch = cursor_signed(&cursor);
    uint64_t total = cursor_varint(&cursor), count = cursor_varint(&cursor), before = 0;
    if (version == 0 || cursor.failed || epoch < EPOCH_NONE || epoch > -(int64_t)EPOCH_NONE ||
        count > COENGAGEMENT_NEIGHBOURS_MAXIMUM)
        return damaged(id, error);
    struct neighbourhood *hood = hood_create(coengagement, item, id, (size_t)count);
    if (!hood) return error_no_memory(error, AREA_BEHAVIOUR, neighbourhood_bytes((size_t)count));
    hood->generation = generation;
    hood->epoch = (int32_t)epoch;
    hood->total = total;
    hood->swept_at = coengagement->deletions - 1; /* what it names may be gone */
    for (uint64_t i = 0; i < count; i++)
        if (!decode_neighbour(&cursor, coengagement, hood, &before)) return damaged(id, error);
    return cursor_done(&cursor) ? CODE_OK : damaged(id, error);
}

/* Both of a pair have a row, whatever became of them. */
static enum code check_names(const struct coengagement *coengagement, struct error *error)
{
    for (size_t i = 0; i < coengagement->capacity; i++) {
        struct neighbourhood *hood = coengagement->hoods[i];
        for (size_t j = 0; hood && j < hood->count; j++)
            if (!hood_find(coengagement, neighbour_items(hood)[j])) return damaged(hood->id, error);
    }
    return CODE_OK;
}

enum code coengagement_load(void *fold, struct store *store, const struct schema *schema,
                            struct error *error)
{
    (void)schema; /* what counts was decided when it was applied */
    enum code code =
        store_for_each(store, KEYSPACE_ITEMS, (struct key_range){0}, load_row, fold, error);
    return code == CODE_OK ? check_names(fold, error) : code;
}
