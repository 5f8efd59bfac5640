#include "signals/trending_private.h"

#include <assert.h>

enum { PRUNE_AT_LEAST = 1024 };

bool trend_before(const struct trend_node *a, const struct trend_node *b)
{
    if (a->key != b->key) return a->key > b->key;
    return a->id < b->id;
}

static void place(struct trend_table *table, size_t at, const struct trend_node *node)
{
    table->heap[at] = *node;
    table->trends[node->entity]->place = (uint32_t)at;
}

static void sift_up(struct trend_table *table, size_t at)
{
    struct trend_node node = table->heap[at];
    while (at > 0 && trend_before(&node, &table->heap[(at - 1) / 2])) {
        place(table, at, &table->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(table, at, &node);
}

static void sift_down(struct trend_table *table, size_t at)
{
    struct trend_node node = table->heap[at];
    for (size_t child = 2 * at + 1; child < table->heap_count; child = 2 * at + 1) {
        if (child + 1 < table->heap_count &&
            trend_before(&table->heap[child + 1], &table->heap[child]))
            child++;
        if (!trend_before(&table->heap[child], &node)) break;
        place(table, at, &table->heap[child]);
        at = child;
    }
    place(table, at, &node);
}

bool trend_heap_put(struct trending *trending, struct trend_table *table, ordinal entity)
{
    struct trend *trend = table->trends[entity];
    if (trend->place == TREND_NO_PLACE) {
        size_t old = table->heap_capacity;
        void *heap = table->heap;
        bool room = memory_grow(trending->memory, &heap, &table->heap_capacity,
                                table->heap_count + 1, sizeof *table->heap, TREND_NO_PLACE);
        table->heap = heap;
        if (!room) return false;
        trending->bytes += (table->heap_capacity - old) * sizeof *table->heap;
        trend->place = (uint32_t)table->heap_count++;
    }
    table->heap[trend->place] = (struct trend_node){trend->key, trend->peak_ms, trend->id, entity};
    sift_up(table, trend->place); /* keys only rise */
    return true;
}

void trend_heap_remove(struct trend_table *table, struct trend *trend)
{
    size_t at = trend->place;
    if (at == TREND_NO_PLACE) return;
    trend->place = TREND_NO_PLACE;
    struct trend_node last = table->heap[--table->heap_count];
    if (at == table->heap_count) return;
    place(table, at, &last);
    sift_up(table, at);
    sift_down(table, table->trends[last.entity]->place);
}

void trend_heap_prune(struct trend_table *table, int64_t now_ms, int64_t half_life_ms)
{
    if (table->heap_count < PRUNE_AT_LEAST || table->heap_count < table->prune_at) return;
    size_t kept = 0;
    for (size_t i = 0; i < table->heap_count; i++) {
        struct trend_node node = table->heap[i];
        if (trend_is_over(node.peak_ms, now_ms, half_life_ms))
            table->trends[node.entity]->place = TREND_NO_PLACE;
        else
            place(table, kept++, &node);
    }
    table->heap_count = kept;
    for (size_t at = kept / 2; at-- > 0;)
        sift_down(table, at);
    table->prune_at = 2 * kept;
}

bool trend_heap_check(const struct trend_table *table)
{
    for (size_t i = 0; i < table->heap_count; i++) {
        const struct trend_node *node = &table->heap[i];
        const struct trend *trend = trend_find(table, node->entity);
        if (!trend || trend->place != i || trend->key != node->key || trend->id != node->id ||
            trend->peak_ms != node->peak_ms)
            return false;
        if (i > 0 && trend_before(node, &table->heap[(i - 1) / 2])) return false;
    }
    return true;
}
