#include "relations/adjacency.h"

#include <assert.h>
#include <string.h>

void adjacency_release(struct adjacency *list, struct memory *memory)
{
    for (size_t i = 0; i < list->block_count; i++) {
        struct adjacency_block *block = &list->blocks[i];
        memory_free(memory, block->edges, block->capacity * sizeof *block->edges);
    }
    memory_free(memory, list->blocks, list->block_capacity * sizeof *list->blocks);
    *list = (struct adjacency){.owner = list->owner};
}

/* The block that holds the id if any does: the last that does not begin after it. */
static size_t find_block(const struct adjacency *list, entity_id id)
{
    /* The first block's start does not matter, and it has none while it is new. */
    size_t low = 1, high = list->block_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->blocks[middle].edges[0].id <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

/* The first edge of the block that is not below the id. */
static size_t find_edge(const struct adjacency_block *block, entity_id id)
{
    size_t low = 0, high = block->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (block->edges[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct edge *adjacency_find(const struct adjacency *list, entity_id id)
{
    if (list->block_count == 0) return NULL;
    const struct adjacency_block *block = &list->blocks[find_block(list, id)];
    size_t at = find_edge(block, id);
    return at < block->count && block->edges[at].id == id ? &block->edges[at] : NULL;
}

static bool grow_block(struct adjacency *list, struct adjacency_block *block, struct memory *memory)
{
    if (block->count < block->capacity) return true;
    size_t capacity = block->capacity == 0 ? 2 : block->capacity * 2;
    assert(capacity <= ADJACENCY_BLOCK_EDGES);
    void *edges = memory_resize(memory, block->edges, block->capacity * sizeof *block->edges,
                                capacity * sizeof *block->edges);
    if (!edges) return false;
    list->bytes += (capacity - block->capacity) * sizeof *block->edges;
    block->edges = edges;
    block->capacity = capacity;
    return true;
}

/* Opens a gap for an empty block. */
static bool insert_block(struct adjacency *list, struct memory *memory, size_t at)
{
    if (list->block_count == list->block_capacity) {
        size_t capacity = list->block_capacity == 0 ? 1 : list->block_capacity * 2;
        void *blocks =
            memory_resize(memory, list->blocks, list->block_capacity * sizeof *list->blocks,
                          capacity * sizeof *list->blocks);
        if (!blocks) return false;
        list->bytes += (capacity - list->block_capacity) * sizeof *list->blocks;
        list->blocks = blocks;
        list->block_capacity = capacity;
    }
    memmove(list->blocks + at + 1, list->blocks + at,
            (list->block_count - at) * sizeof *list->blocks);
    list->blocks[at] = (struct adjacency_block){0};
    list->block_count++;
    return true;
}

static void remove_block(struct adjacency *list, struct memory *memory, size_t at)
{
    struct adjacency_block *block = &list->blocks[at];
    memory_free(memory, block->edges, block->capacity * sizeof *block->edges);
    list->bytes -= block->capacity * sizeof *block->edges;
    memmove(block, block + 1, (list->block_count - at - 1) * sizeof *block);
    list->block_count--;
}

/* Moves the upper half of a full block to a new one behind it. */
static bool split_block(struct adjacency *list, struct memory *memory, size_t at)
{
    if (!insert_block(list, memory, at + 1)) return false;
    struct adjacency_block *low = &list->blocks[at], *high = low + 1;
    high->edges = memory_allocate(memory, low->capacity * sizeof *low->edges);
    if (!high->edges) {
        remove_block(list, memory, at + 1);
        return false;
    }
    high->capacity = low->capacity;
    list->bytes += high->capacity * sizeof *high->edges;
    high->count = low->count / 2;
    low->count -= high->count;
    memcpy(high->edges, low->edges + low->count, high->count * sizeof *high->edges);
    return true;
}

bool adjacency_put(struct adjacency *list, struct memory *memory, const struct edge *edge,
                   bool *added)
{
    if (list->block_count == 0) {
        if (!insert_block(list, memory, 0)) return false;
        if (!grow_block(list, &list->blocks[0], memory)) {
            list->block_count = 0;
            return false;
        }
    }
    size_t number = find_block(list, edge->id);
    struct adjacency_block *block = &list->blocks[number];
    size_t at = find_edge(block, edge->id);
    *added = at == block->count || block->edges[at].id != edge->id;
    if (!*added) {
        block->edges[at] = *edge;
        return true;
    }
    if (block->count == ADJACENCY_BLOCK_EDGES) {
        if (!split_block(list, memory, number)) return false;
        block = &list->blocks[number];
        if (at > block->count) {
            at -= block->count;
            block++;
        }
    }
    if (!grow_block(list, block, memory)) return false;
    memmove(block->edges + at + 1, block->edges + at, (block->count - at) * sizeof *block->edges);
    block->edges[at] = *edge;
    block->count++;
    list->edge_count++;
    return true;
}

bool adjacency_remove(struct adjacency *list, struct memory *memory, entity_id id)
{
    if (list->block_count == 0) return false;
    size_t number = find_block(list, id);
    struct adjacency_block *block = &list->blocks[number];
    size_t at = find_edge(block, id);
    if (at == block->count || block->edges[at].id != id) return false;
    memmove(block->edges + at, block->edges + at + 1,
            (block->count - at - 1) * sizeof *block->edges);
    block->count--;
    list->edge_count--;
    if (block->count == 0) remove_block(list, memory, number);
    return true;
}

bool adjacency_check(const struct adjacency *list)
{
    size_t count = 0;
    const struct edge *before = NULL;
    for (size_t i = 0; i < list->block_count; i++) {
        const struct adjacency_block *block = &list->blocks[i];
        if (block->count == 0 || block->count > block->capacity) return false;
        for (size_t j = 0; j < block->count; j++) {
            if (before && before->id >= block->edges[j].id) return false;
            before = &block->edges[j];
        }
        count += block->count;
    }
    return count == list->edge_count;
}
