#include "relations/edges_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static enum code no_memory(struct error *error)
{
    return error_no_memory(error, AREA_RELATIONS, sizeof(struct edge));
}

static struct adjacency *side_find(const struct side *side, ordinal entity)
{
    return entity < side->capacity ? side->lists[entity] : NULL;
}

/* The list of an entity, made if it has none.  NULL on no memory. */
static struct adjacency *side_admit(struct edges *edges, struct side *side, ordinal entity,
                                    entity_id id)
{
    if (entity >= side->capacity) {
        size_t old = side->capacity;
        void *lists = side->lists;
        bool room = memory_grow(edges->memory, &lists, &side->capacity, (size_t)entity + 1,
                                sizeof *side->lists, UINT32_MAX);
        side->lists = lists;
        if (!room) return NULL;
        memset(side->lists + old, 0, (side->capacity - old) * sizeof *side->lists);
        edges->bytes += (side->capacity - old) * sizeof *side->lists;
    }
    if (!side->lists[entity]) {
        struct adjacency *list = memory_allocate_zeroed(edges->memory, sizeof *list);
        if (!list) return NULL;
        list->owner = id;
        side->lists[entity] = list;
        edges->bytes += sizeof *list;
    }
    return side->lists[entity];
}

static void side_drop(struct edges *edges, struct side *side, ordinal entity)
{
    struct adjacency *list = side_find(side, entity);
    if (!list) return;
    edges->bytes -= list->bytes + sizeof *list;
    adjacency_release(list, edges->memory);
    memory_free(edges->memory, list, sizeof *list);
    side->lists[entity] = NULL;
}

static bool side_put(struct edges *edges, struct side *side, ordinal entity, entity_id id,
                     const struct edge *edge)
{
    struct adjacency *list = side_admit(edges, side, entity, id);
    if (!list) return false;
    bool added;
    edges->bytes -= list->bytes;
    bool put = adjacency_put(list, edges->memory, edge, &added);
    edges->bytes += list->bytes;
    return put;
}

/* Drops the list with its last edge.  False: the edge was not there. */
static bool side_remove(struct edges *edges, struct side *side, ordinal entity, entity_id other)
{
    struct adjacency *list = side_find(side, entity);
    if (!list) return false;
    edges->bytes -= list->bytes;
    bool removed = adjacency_remove(list, edges->memory, other);
    edges->bytes += list->bytes;
    if (list->edge_count == 0) side_drop(edges, side, entity);
    return removed;
}

void edges_adopt(struct edges *edges, const struct schema *schema)
{
    if (edges->is_adopted && edges->text_count == schema->text_count) return;
    for (size_t i = 0; i < schema->relation_count && i < LIMIT_RELATION_IDS; i++) {
        struct relation_table *table = &edges->tables[i];
        table->from = schema->relations[i].from;
        table->to = schema->relations[i].to;
        table->excluding = schema->relations[i].excluding;
        table->dropped = schema->relations[i].dropped;
    }
    edges->table_count = schema->relation_count;
    edges->is_adopted = true;
    edges->text_count = schema->text_count;
}

bool edges_put(struct edges *edges, const struct edge_ends *ends, float weight, int64_t time_ms)
{
    assert(ends->relation < LIMIT_RELATION_IDS);
    struct relation_table *table = &edges->tables[ends->relation];
    struct edge out = {ends->to_id, ends->to, weight, time_ms};
    struct edge in = {ends->from_id, ends->from, weight, time_ms};
    return side_put(edges, &table->out, ends->from, ends->from_id, &out) &&
           side_put(edges, &table->in, ends->to, ends->to_id, &in);
}

static bool edges_remove(struct edges *edges, const struct edge_ends *ends)
{
    struct relation_table *table = &edges->tables[ends->relation];
    if (!side_remove(edges, &table->out, ends->from, ends->to_id)) return true;
    bool removed = side_remove(edges, &table->in, ends->to, ends->from_id);
    assert(removed);
    (void)removed;
    return dirty_rows_add(
        &edges->rows, &(struct dirty_edge){ends->from_id, ends->to_id, ends->from, ends->relation});
}

static bool apply_relate(struct edges *edges, const struct resolved_change *change, bool put)
{
    const struct relate_change *relate = &change->change->relate;
    struct edge_ends ends = {.relation = relate->relation,
                             .from = change->subject,
                             .from_id = change->subject_id,
                             .to = change->other,
                             .to_id = change->other_id};
    if (ends.from == ORDINAL_NONE || ends.to == ORDINAL_NONE) return true;
    if (!put) return edges_remove(edges, &ends);
    return dirty_rows_add(&edges->rows, &(struct dirty_edge){ends.from_id, ends.to_id, ends.from,
                                                             ends.relation}) &&
           edges_put(edges, &ends, relate->weight, change->time_ms);
}

/* Takes one edge after the other off an entity's list, until that is gone. */
static bool drop_side(struct edges *edges, relation_id relation, bool outgoing, ordinal entity)
{
    struct relation_table *table = &edges->tables[relation];
    struct side *side = outgoing ? &table->out : &table->in;
    const struct adjacency *list;
    while ((list = side_find(side, entity))) {
        const struct adjacency_block *block = &list->blocks[list->block_count - 1];
        struct edge last = block->edges[block->count - 1];
        struct edge_ends ends = {
            .relation = relation,
            .from = outgoing ? entity : last.other,
            .from_id = outgoing ? list->owner : last.id,
            .to = outgoing ? last.other : entity,
            .to_id = outgoing ? last.id : list->owner,
        };
        if (!edges_remove(edges, &ends)) return false;
    }
    return true;
}

static bool apply_delete(struct edges *edges, const struct resolved_change *change)
{
    enum entity_kind kind = change->change->delete.kind;
    for (size_t i = 0; i < edges->table_count; i++) {
        relation_id relation = (relation_id)i;
        if (edges->tables[i].from == kind && !drop_side(edges, relation, true, change->subject))
            return false;
        if (edges->tables[i].to == kind && !drop_side(edges, relation, false, change->subject))
            return false;
    }
    return true;
}

/* All edges of a relation; the rows go at the next checkpoint. */
static bool drop_relation(struct edges *edges, relation_id relation)
{
    struct side *out = &edges->tables[relation].out;
    for (size_t i = 0; i < out->capacity; i++)
        if (!drop_side(edges, relation, true, (ordinal)i)) return false;
    return true;
}

static enum code edges_apply(void *fold, const struct resolved_change *change, struct error *error)
{
    struct edges *edges = fold;
    bool applied = true;
    edges_adopt(edges, change->schema);
    if (change->change->kind == CHANGE_RELATE) applied = apply_relate(edges, change, true);
    if (change->change->kind == CHANGE_UNRELATE) applied = apply_relate(edges, change, false);
    if (change->change->kind == CHANGE_DELETE) applied = apply_delete(edges, change);
    if (change_drops(change, DEFINE_RELATION)) applied = drop_relation(edges, change->dropped->id);
    return applied ? CODE_OK : no_memory(error);
}

static void edges_seal(void *fold)
{
    struct edges *edges = fold;
    dirty_rows_seal(&edges->rows);
}

/* A row may be listed twice; what is written is its state, so that does no harm. */
static void edges_sealed(void *fold, bool durable)
{
    struct edges *edges = fold;
    dirty_rows_sealed(&edges->rows, durable);
}

static bool table_check(const struct relation_table *table, size_t *edge_count)
{
    size_t out = 0, in = 0;
    for (size_t i = 0; i < table->out.capacity; i++) {
        const struct adjacency *list = table->out.lists[i];
        if (!list) continue;
        if (list->edge_count == 0 || !adjacency_check(list)) return false;
        out += list->edge_count;
        struct edge_walk walk = {.list = list};
        for (const struct edge *edge; (edge = edge_next(&walk));) {
            const struct adjacency *other = side_find(&table->in, edge->other);
            if (!other || other->owner != edge->id) return false;
            const struct edge *back = adjacency_find(other, list->owner);
            if (!back || back->other != i || back->time_ms != edge->time_ms) return false;
        }
    }
    for (size_t i = 0; i < table->in.capacity; i++) {
        const struct adjacency *list = table->in.lists[i];
        if (!list) continue;
        if (list->edge_count == 0 || !adjacency_check(list)) return false;
        in += list->edge_count;
    }
    *edge_count += out;
    return out == in;
}

static bool edges_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct edges *edges = fold;
    size_t count = 0;
    for (size_t i = 0; i < LIMIT_RELATION_IDS; i++) {
        if (table_check(&edges->tables[i], &count)) continue;
        snprintf(reason, reason_bytes, "the two sides of relation %zu differ", i);
        return false;
    }
    return true;
}

static size_t edges_bytes(const void *fold)
{
    const struct edges *edges = fold;
    return sizeof *edges + edges->bytes + dirty_rows_bytes(&edges->rows);
}

static size_t edges_dirty_bytes(const void *fold)
{
    enum { ROW_BYTES_ABOUT = 40 };
    return ((const struct edges *)fold)->rows.changed.count * ROW_BYTES_ABOUT;
}

static void side_release(struct edges *edges, struct side *side)
{
    for (size_t i = 0; i < side->capacity; i++)
        side_drop(edges, side, (ordinal)i);
    memory_free(edges->memory, side->lists, side->capacity * sizeof *side->lists);
}

static void edges_free(void *fold)
{
    struct edges *edges = fold;
    if (!edges) return;
    for (size_t i = 0; i < LIMIT_RELATION_IDS; i++) {
        side_release(edges, &edges->tables[i].out);
        side_release(edges, &edges->tables[i].in);
    }
    dirty_rows_release(&edges->rows);
    memory_free(edges->memory, edges, sizeof *edges);
}

static const struct fold_ops edges_ops = {
    .name = "relations",
    .apply = edges_apply,
    .seal = edges_seal,
    .write = edges_write,
    .sealed = edges_sealed,
    .dump = edges_dump,
    .load = edges_load,
    .check = edges_check,
    .bytes = edges_bytes,
    .dirty_bytes = edges_dirty_bytes,
    .free = edges_free,
};

enum code edges_create(struct memory *memory,
                       ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id),
                       void *context, struct fold *fold, struct edges **edges, struct error *error)
{
    struct edges *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_RELATIONS, sizeof *created);
    created->memory = memory;
    dirty_rows_init(&created->rows, memory, sizeof(struct dirty_edge));
    created->ordinal_of = ordinal_of;
    created->context = context;
    *edges = created;
    *fold = (struct fold){.ops = &edges_ops, .state = created};
    return CODE_OK;
}

struct edge_walk edges_out(const struct edges *edges, relation_id relation, ordinal from)
{
    assert(relation < LIMIT_RELATION_IDS);
    return (struct edge_walk){.list = side_find(&edges->tables[relation].out, from)};
}

struct edge_walk edges_in(const struct edges *edges, relation_id relation, ordinal to)
{
    assert(relation < LIMIT_RELATION_IDS);
    return (struct edge_walk){.list = side_find(&edges->tables[relation].in, to)};
}

const struct edge *edge_next(struct edge_walk *walk)
{
    const struct adjacency *list = walk->list;
    if (!list || walk->block == list->block_count) return NULL;
    const struct adjacency_block *block = &list->blocks[walk->block];
    const struct edge *edge = &block->edges[walk->position++];
    if (walk->position == block->count) {
        walk->block++;
        walk->position = 0;
    }
    return edge;
}

size_t edges_out_count(const struct edges *edges, relation_id relation, ordinal from)
{
    struct edge_walk walk = edges_out(edges, relation, from);
    return walk.list ? walk.list->edge_count : 0;
}

size_t edges_in_count(const struct edges *edges, relation_id relation, ordinal to)
{
    struct edge_walk walk = edges_in(edges, relation, to);
    return walk.list ? walk.list->edge_count : 0;
}

const struct edge *edges_find(const struct edges *edges, relation_id relation, ordinal from,
                              ordinal to)
{
    assert(relation < LIMIT_RELATION_IDS);
    const struct relation_table *table = &edges->tables[relation];
    const struct adjacency *out = side_find(&table->out, from);
    const struct adjacency *in = out ? side_find(&table->in, to) : NULL;
    return in ? adjacency_find(out, in->owner) : NULL;
}

bool edges_excluded(const struct edges *edges, ordinal user, enum entity_kind kind, ordinal other,
                    relation_id *relation)
{
    for (size_t i = 0; i < edges->table_count; i++) {
        const struct relation_table *table = &edges->tables[i];
        relation_id id = (relation_id)i;
        if (!table->excluding) continue;
        bool forth =
            table->from == ENTITY_USER && table->to == kind && edges_find(edges, id, user, other);
        bool back =
            table->from == kind && table->to == ENTITY_USER && edges_find(edges, id, other, user);
        if (!forth && !back) continue;
        if (relation) *relation = id;
        return true;
    }
    return false;
}
