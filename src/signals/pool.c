#include "signals/pool.h"

#include <assert.h>
#include <string.h>

enum { CHUNK_BYTES = 32768, SMALL_SLAB_BYTES = CHUNK_BYTES + POOL_LINE_BYTES };
enum { SLAB_BYTES = MEMORY_PAGE_BYTES, SLABS_FROM_BYTES = 4 * SLAB_BYTES };
enum { PLACE_BITS = POOL_PLACE_BITS, SLOT_BITS = POOL_SLOT_BITS };

const uint16_t pool_block_sizes[POOL_CLASSES] = {16,  32,  48,  64,   96,   128,  192,  256,
                                                 384, 512, 768, 1024, 1536, 2048, 3072, 4096};

void pool_init(struct pool *pool, struct memory *memory)
{
    *pool = (struct pool){.memory = memory};
}

void pool_release(struct pool *pool)
{
    for (size_t i = 0; i < pool->slab_count; i++)
        memory_free(pool->memory, pool->slabs[i].memory, pool->slabs[i].bytes);
    memory_free(pool->memory, pool->slabs, pool->slab_capacity * sizeof *pool->slabs);
    for (unsigned i = 0; i < POOL_CLASSES; i++) {
        struct pool_class *blocks = &pool->classes[i];
        memory_free(pool->memory, blocks->chunks, blocks->capacity * sizeof *blocks->chunks);
    }
    *pool = (struct pool){.memory = pool->memory};
}

unsigned pool_class_for(size_t bytes)
{
    unsigned i = 0;
    while (i < POOL_CLASSES && pool_block_sizes[i] < bytes)
        i++;
    return i;
}

static bool add_slab(struct pool *pool)
{
    size_t old = pool->slab_capacity;
    void *slabs = pool->slabs;
    bool room = memory_grow(pool->memory, &slabs, &pool->slab_capacity, pool->slab_count + 1,
                            sizeof *pool->slabs, SIZE_MAX / sizeof *pool->slabs);
    pool->slabs = slabs;
    pool->bytes += (pool->slab_capacity - old) * sizeof *pool->slabs;
    if (!room) return false;
    bool large = pool->bytes >= SLABS_FROM_BYTES;
    struct pool_slab slab = {.bytes = large ? SLAB_BYTES : SMALL_SLAB_BYTES};
    slab.memory = large ? memory_allocate_pages(pool->memory, slab.bytes)
                        : memory_allocate(pool->memory, slab.bytes);
    if (!slab.memory) return false;
    pool->slabs[pool->slab_count++] = slab;
    pool->slab_left = large ? SLAB_BYTES : CHUNK_BYTES;
    pool->bytes += slab.bytes;
    return true;
}

static bool add_chunk(struct pool *pool, unsigned block_class)
{
    struct pool_class *blocks = &pool->classes[block_class];
    size_t most = ((size_t)1 << (PLACE_BITS - SLOT_BITS)) - 1, old = blocks->capacity;
    void *chunks = blocks->chunks;
    bool room = memory_grow(pool->memory, &chunks, &blocks->capacity, blocks->count + 1,
                            sizeof *blocks->chunks, most);
    blocks->chunks = chunks;
    pool->bytes += (blocks->capacity - old) * sizeof *blocks->chunks;
    if (!room || (pool->slab_left == 0 && !add_slab(pool))) return false;
    const struct pool_slab *slab = &pool->slabs[pool->slab_count - 1];
    size_t to_line = -(uintptr_t)slab->memory % POOL_LINE_BYTES;
    size_t whole = slab->bytes / CHUNK_BYTES * CHUNK_BYTES;
    blocks->chunks[blocks->count++] = slab->memory + to_line + (whole - pool->slab_left);
    blocks->unused = CHUNK_BYTES / pool_block_sizes[block_class];
    pool->slab_left -= CHUNK_BYTES;
    return true;
}

block_handle pool_take(struct pool *pool, unsigned block_class)
{
    assert(block_class < POOL_CLASSES);
    struct pool_class *blocks = &pool->classes[block_class];
    if (blocks->free != 0) {
        block_handle handle = block_class << PLACE_BITS | blocks->free;
        memcpy(&blocks->free, pool_block(pool, handle), sizeof blocks->free);
        if (blocks->free != 0) /* for the next time */
            __builtin_prefetch(pool_block(pool, block_class << PLACE_BITS | blocks->free), 1);
        pool->used_bytes += pool_block_sizes[block_class];
        return handle;
    }
    if (blocks->unused == 0 && !add_chunk(pool, block_class)) return 0;
    pool->used_bytes += pool_block_sizes[block_class];
    uint32_t slot = CHUNK_BYTES / pool_block_sizes[block_class] - blocks->unused--;
    return block_class << PLACE_BITS | (uint32_t)(blocks->count << SLOT_BITS) | slot;
}

void pool_give(struct pool *pool, block_handle handle)
{
    struct pool_class *blocks = &pool->classes[pool_class_of(handle)];
    memcpy(pool_block(pool, handle), &blocks->free, sizeof blocks->free);
    blocks->free = handle & ((1U << PLACE_BITS) - 1);
    pool->used_bytes -= pool_block_sizes[pool_class_of(handle)];
}
