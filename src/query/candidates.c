#include "query/candidates.h"

#include "entities/entities.h"
#include "query/source_group.h"
#include "ranking/coengaged.h"
#include "relations/edges.h"
#include "signals/features.h"
#include "signals/popular.h"
#include "signals/trending.h"

#include <stdlib.h>

void candidates_init(struct candidates *candidates, const struct scope *scope,
                     const struct bitset *eligible, const struct expression *where)
{
    *candidates = (struct candidates){.scope = *scope, .eligible = eligible, .where = where};
    id_map_init(&candidates->index, scope->arena->memory);
}

void candidates_release(struct candidates *candidates)
{
    id_map_release(&candidates->index);
}

size_t candidates_find(const struct candidates *candidates, ordinal item)
{
    if (candidates->indexed) {
        const uint64_t *place = id_map_find(&candidates->index, item);
        return place ? (size_t)*place : SIZE_MAX;
    }
    for (size_t place = 0; place < candidates->count; place++)
        if (candidates->items[place] == item) return place;
    return SIZE_MAX;
}

static bool add(struct candidates *candidates, size_t source, ordinal item, double base)
{
    size_t place = candidates->indexed ? candidates_find(candidates, item) : SIZE_MAX;
    candidates->source_counts[source]++;
    if (place == SIZE_MAX) {
        if (candidates->count == candidates->capacity ||
            (candidates->indexed && !id_map_put(&candidates->index, item, candidates->count)))
            return false;
        place = candidates->count++;
        candidates->items[place] = item;
        candidates->base[place] = base;
        candidates->sources[place] = 0;
    }
    candidates->sources[place] |= 1u << source;
    if (base > candidates->base[place]) candidates->base[place] = base;
    return true;
}

static bool add_all(struct candidates *candidates, size_t source, const struct bitset *items)
{
    for (uint32_t item = bitset_next(items, 0); item != UINT32_MAX;
         item = bitset_next(items, item + 1))
        if (!add(candidates, source, item, 0)) return false;
    return true;
}

/* The newest `limit` of a set (-1: all of it). */
static bool draw_newest(struct candidates *candidates, size_t source, const struct bitset *among,
                        int64_t limit)
{
    const struct scope *scope = &candidates->scope;
    if (limit < 0) return add_all(candidates, source, among);
    ordinal *newest = arena_array(scope->arena, (size_t)limit + 1, sizeof *newest);
    if (!newest) return false;
    size_t count = entities_newest(scope->view->entities, among, (size_t)limit, newest);
    for (size_t i = 0; i < count; i++)
        if (!add(candidates, source, newest[i], 0)) return false;
    return true;
}

static bool add_ranked(struct candidates *candidates, size_t index, const struct ranked *list,
                       size_t count, size_t limit)
{
    for (size_t i = 0; i < count && limit > 0; i++) {
        if (!bitset_has(candidates->eligible, list[i].entity)) continue;
        limit--;
        if (!add(candidates, index, list[i].entity, list[i].value)) return false;
    }
    return true;
}

/* From an index: of what trends, by the held peak, or of what is popular. */
static bool draw_held(struct candidates *candidates, size_t index,
                      const struct source_definition *source)
{
    const struct scope *scope = &candidates->scope;
    const struct view *view = scope->view;
    const struct signal *signal = &view->schema->signals[source->signal_id];
    struct index_group group;
    bool has_group = source_group_find(source, scope, candidates->where, &group);
    struct popular_question popular = {.signal = signal,
                                       .slot = source->window_index,
                                       .now_ms = scope->now_ms,
                                       .group = has_group ? &group : NULL,
                                       .among = candidates->eligible};
    struct trending_question trending = {.signal = signal,
                                         .now_ms = scope->now_ms,
                                         .group = popular.group,
                                         .among = candidates->eligible};
    bool trends = source->kind == SOURCE_TRENDING;
    size_t wanted = trends ? trending_count(view->trending, signal->id, trending.group)
                           : popular_count(view->popular, &popular),
           count;
    struct error error;
    if (source->limit >= 0 && wanted > (size_t)source->limit) wanted = (size_t)source->limit;
    struct ranked *list = arena_array(scope->arena, wanted + 1, sizeof *list);
    if (!list) return false;
    trending.out = popular.out = list;
    trending.limit = popular.limit = wanted;
    enum code code = trends ? trending_top(view->trending, &trending, scope->arena, &count, &error)
                            : popular_top(view->popular, &popular, scope->arena, &count, &error);
    return code == CODE_OK && add_ranked(candidates, index, list, count, wanted);
}

/* By a feature of all records. */
static bool draw_top(struct candidates *candidates, size_t index,
                     const struct source_definition *source)
{
    const struct scope *scope = &candidates->scope;
    size_t all = entities_count(scope->view->entities, ENTITY_ITEM);
    size_t wanted = source->limit < 0 || (size_t)source->limit > all ? all : (size_t)source->limit;
    struct feature feature = {.op =
                                  source->kind == SOURCE_POPULAR ? FEATURE_DECAY : FEATURE_VELOCITY,
                              .signal = source->signal_id,
                              .slot = source->window_index};
    struct ranked *list = arena_array(scope->arena, wanted + 1, sizeof *list);
    if (!list) return false;
    size_t found =
        features_top(scope->view->ledger, &(struct top_question){.feature = &feature,
                                                                 .now_ms = scope->now_ms,
                                                                 .among = candidates->eligible,
                                                                 .out = list,
                                                                 .limit = wanted,
                                                                 .cold = scope->view->cold});
    return add_ranked(candidates, index, list, found, wanted);
}

/* An index is of what was counted, and not of an estimate; only of one are there groups. */
static bool reads_index(const struct candidates *candidates, const struct source_definition *source)
{
    const struct scope *scope = &candidates->scope;
    struct feature decay = {
        .op = FEATURE_DECAY, .signal = source->signal_id, .slot = source->window_index};
    return source->held && (source->kind != SOURCE_POPULAR || source->field.text.bytes > 0 ||
                            !features_estimated(scope->view->ledger, &decay, scope->now_ms));
}

/* Is there an edge from the user to the item, or to what its field refers to? */
static bool is_related(const struct scope *scope, relation_id relation, const struct field *field,
                       ordinal item)
{
    ordinal to = item;
    if (field) {
        struct value value = entities_value(scope->view->entities, field, item, NULL, 0);
        if (value.type != VALUE_REFERENCE) return false;
        to = entities_find(scope->view->entities, field->references, value.reference);
    }
    return to != ORDINAL_NONE && edges_find(scope->view->edges, relation, scope->user, to);
}

static bool draw_related(struct candidates *candidates, size_t index,
                         const struct source_definition *source)
{
    const struct scope *scope = &candidates->scope;
    const struct relation *relation = &scope->view->schema->relations[source->relation_id];
    const struct field *field = relation->to == ENTITY_ITEM
                                    ? NULL
                                    : schema_find_reference(scope->view->schema, relation->to);
    struct bitset related;
    bool ok = true;
    if (scope->user == ORDINAL_NONE ||
        edges_out_count(scope->view->edges, relation->id, scope->user) == 0 ||
        (relation->to != ENTITY_ITEM && !field))
        return true;
    bitset_init(&related, scope->arena->memory);
    for (uint32_t item = bitset_next(candidates->eligible, 0); ok && item != UINT32_MAX;
         item = bitset_next(candidates->eligible, item + 1))
        if (is_related(scope, relation->id, field, item)) ok = bitset_set(&related, item);
    ok = ok && draw_newest(candidates, index, &related, source->limit);
    bitset_release(&related);
    return ok;
}

static int compare_ranked(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->value != b->value) return a->value > b->value ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static bool draw_coengaged(struct candidates *candidates, size_t index,
                           const struct source_definition *source)
{
    struct ranked *list;
    size_t count, eligible = 0;
    if (!coengaged_gather(&source->seeds, &candidates->scope, &list, &count)) return false;
    for (size_t i = 0; i < count; i++)
        if (bitset_has(candidates->eligible, list[i].entity)) list[eligible++] = list[i];
    qsort(list, eligible, sizeof *list, compare_ranked);
    return add_ranked(candidates, index, list, eligible,
                      source->limit < 0 ? eligible : (size_t)source->limit);
}

static bool draw(struct candidates *candidates, size_t index,
                 const struct source_definition *source)
{
    switch (source->kind) {
    case SOURCE_NEWEST:
        return draw_newest(candidates, index, candidates->eligible, source->limit);
    case SOURCE_TRENDING:
    case SOURCE_POPULAR:
        return reads_index(candidates, source) ? draw_held(candidates, index, source)
                                               : draw_top(candidates, index, source);
    case SOURCE_RELATED:
        return draw_related(candidates, index, source);
    case SOURCE_COENGAGED:
        return draw_coengaged(candidates, index, source);
    case SOURCE_ALL:
        return add_all(candidates, index, candidates->eligible);
    }
    return false;
}

enum code candidates_draw(struct candidates *candidates, const struct ranking_definition *ranking,
                          struct error *error)
{
    struct arena *arena = candidates->scope.arena;
    size_t capacity = (size_t)bitset_count(candidates->eligible);
    candidates->items = arena_array(arena, capacity, sizeof *candidates->items);
    candidates->base = arena_array(arena, capacity, sizeof *candidates->base);
    candidates->sources = arena_array(arena, capacity, sizeof *candidates->sources);
    candidates->capacity = capacity;
    /* A source alone brings in no item twice. */
    candidates->indexed = ranking->source_count > 1;
    for (size_t i = 0; i < ranking->source_count; i++) {
        enum code code = source_group_check(&ranking->sources[i], &candidates->scope, error);
        if (code != CODE_OK) return code;
    }
    bool ok = candidates->items && candidates->base && candidates->sources;
    for (size_t i = 0; ok && i < ranking->source_count; i++)
        ok = draw(candidates, i, &ranking->sources[i]);
    if (ok && ranking->source_count == 0) ok = add_all(candidates, 0, candidates->eligible);
    return ok ? CODE_OK : error_no_memory(error, AREA_QUERY, capacity);
}
