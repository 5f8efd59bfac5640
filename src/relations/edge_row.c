/* Rows of edges: one per edge, in the keyspace of its from-entity (docs/formats/rows.md).
 *
 *   key suffix   relation u16 big-endian, id of the to-entity u64 big-endian
 *   version      u8       1
 *   weight       u32      bits of the float, little-endian
 *   time         signed   milliseconds */
#include "relations/edges_private.h"

#include "storage/key.h"

#include <math.h>

enum { ROW_VERSION = 1, ROW_BYTES_MAXIMUM = 64, SUFFIX_BYTES = 10 };

_Static_assert((int)KEYSPACE_ITEMS == (int)ENTITY_ITEM && (int)KEYSPACE_USERS == (int)ENTITY_USER &&
                   (int)KEYSPACE_CREATORS == (int)ENTITY_CREATOR,
               "a kind has the keyspace of its number");

static enum code damaged(entity_id id, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_RELATIONS, "edge row of entity '%llu' is damaged",
                     (unsigned long long)id);
}

static enum code write_row(const struct edges *edges, const struct dirty_edge *dirty,
                           struct store_batch *batch, struct buffer *row, struct error *error)
{
    const struct relation_table *table = &edges->tables[dirty->relation];
    uint8_t suffix[SUFFIX_BYTES] = {(uint8_t)(dirty->relation >> 8), (uint8_t)dirty->relation};
    store_u64_be(suffix + 2, dirty->to_id);
    struct key key = key_build(dirty->from_id, TAG_EDGE, slice_of(suffix, sizeof suffix));
    enum keyspace keyspace = (enum keyspace)table->from;
    const struct adjacency *list =
        dirty->from < table->out.capacity ? table->out.lists[dirty->from] : NULL;
    const struct edge *edge = list ? adjacency_find(list, dirty->to_id) : NULL;
    if (!edge) return store_batch_delete(batch, keyspace, key_slice(&key), error);
    uint32_t weight_bits;
    memcpy(&weight_bits, &edge->weight, sizeof weight_bits);
    buffer_clear(row);
    buffer_put_u8(row, ROW_VERSION);
    buffer_put_u32(row, weight_bits);
    buffer_put_signed(row, edge->time_ms);
    if (row->failed) return error_no_memory(error, AREA_RELATIONS, ROW_BYTES_MAXIMUM);
    return store_batch_put(batch, keyspace, key_slice(&key), buffer_slice(row), error);
}

enum code edges_write(void *fold, struct store_batch *batch, struct error *error)
{
    const struct edges *edges = fold;
    const struct dirty_edge *rows = edges->rows.sealed.entries;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, edges->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < edges->rows.sealed.count; i++)
        TRY(write_row(edges, &rows[i], batch, &row, error));
out:
    buffer_release(&row);
    return code;
}

static enum code dump_list(const struct edges *edges, relation_id relation, ordinal from,
                           struct store_batch *batch, struct buffer *row, struct error *error)
{
    const struct adjacency *list = edges->tables[relation].out.lists[from];
    struct edge_walk walk = {.list = list};
    enum code code = CODE_OK;
    for (const struct edge *edge; (edge = edge_next(&walk));) {
        struct dirty_edge one = {list->owner, edge->id, from, relation};
        TRY(write_row(edges, &one, batch, row, error));
    }
out:
    return code;
}

enum code edges_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    const struct edges *edges = fold;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, edges->memory, ROW_BYTES_MAXIMUM);
    for (size_t relation = 0; relation < edges->table_count; relation++) {
        const struct side *out = &edges->tables[relation].out;
        for (size_t from = 0; from < out->capacity; from++) {
            if (!out->lists[from]) continue;
            TRY(dump_list(edges, (relation_id)relation, (ordinal)from, batch, &row, error));
        }
    }
out:
    buffer_release(&row);
    return code;
}

static bool decode_row(struct cursor *cursor, float *weight, int64_t *time_ms)
{
    uint32_t weight_bits = cursor_u32(cursor);
    memcpy(weight, &weight_bits, sizeof *weight);
    *time_ms = cursor_signed(cursor);
    return cursor_done(cursor) && isfinite(*weight);
}

struct loading {
    struct edges *edges;
    enum entity_kind kind;
};

static enum code load_row(void *context, struct slice key, struct slice row, struct error *error)
{
    const struct loading *loading = context;
    struct edges *edges = loading->edges;
    enum entity_kind kind = loading->kind;
    struct edge_ends ends = {0};
    uint8_t tag;
    struct slice suffix;
    if (!key_parse(key, &ends.from_id, &tag, &suffix)) return damaged(0, error);
    if (tag != TAG_EDGE) return CODE_OK;
    if (suffix.bytes != SUFFIX_BYTES) return damaged(ends.from_id, error);
    ends.relation = (relation_id)((unsigned)suffix.data[0] << 8 | suffix.data[1]);
    ends.to_id = load_u64_be(suffix.data + 2);
    if (ends.relation >= edges->table_count || edges->tables[ends.relation].from != kind ||
        edges->tables[ends.relation].dropped)
        return damaged(ends.from_id, error);
    ends.from = edges->ordinal_of(edges->context, kind, ends.from_id);
    ends.to = edges->ordinal_of(edges->context, edges->tables[ends.relation].to, ends.to_id);
    if (ends.from == ORDINAL_NONE || ends.to == ORDINAL_NONE) return damaged(ends.from_id, error);
    struct cursor cursor;
    cursor_init(&cursor, row);
    uint8_t version = cursor_u8(&cursor);
    if (version > ROW_VERSION)
        return error_set(error, CODE_VERSION, AREA_RELATIONS,
                         "edge row of entity '%llu' has version %u, this build knows %d",
                         (unsigned long long)ends.from_id, version, ROW_VERSION);
    float weight;
    int64_t time_ms;
    if (version == 0 || !decode_row(&cursor, &weight, &time_ms))
        return damaged(ends.from_id, error);
    if (edges_put(edges, &ends, weight, time_ms)) return CODE_OK;
    return error_no_memory(error, AREA_RELATIONS, sizeof(struct edge));
}

enum code edges_load(void *fold, struct store *store, const struct schema *schema,
                     struct error *error)
{
    struct edges *edges = fold;
    enum code code = CODE_OK;
    edges_adopt(edges, schema);
    for (enum entity_kind kind = 0; kind < ENTITY_KIND_COUNT; kind++) {
        struct loading loading = {edges, kind};
        TRY(store_for_each(store, (enum keyspace)kind, (struct key_range){0}, load_row, &loading,
                           error));
    }
out:
    return code;
}
