#include "signals/pool.h"

#include <assert.h>
#include <string.h>

enum { CHUNK_BYTES = 32768, ALLOCATED_BYTES = CHUNK_BYTES + POOL_LINE_BYTES };
enum { PLACE_BITS = POOL_PLACE_BITS, SLOT_BITS = POOL_SLOT_BITS };

const uint16_t pool_block_sizes[POOL_CLASSES] = {16,  32,  48,  64,   96,   128,  192,  256,
                                                 384, 512, 768, 1024, 1536, 2048, 3072, 4096};

void pool_init(struct pool *pool, struct memory *memory)
{
    *pool = (struct pool){.memory = memory};
}

void pool_release(struct pool *pool)
{
    for (unsigned i = 0; i < POOL_CLASSES; i++) {
        struct pool_class *blocks = &pool->classes[i];
        for (size_t j = 0; j < blocks->count; j++)
            memory_free(pool->memory, blocks->chunks[j], ALLOCATED_BYTES);
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

static bool add_chunk(struct pool *pool, unsigned block_class)
{
    struct pool_class *blocks = &pool->classes[block_class];
    size_t most = ((size_t)1 << (PLACE_BITS - SLOT_BITS)) - 1, old = blocks->capacity;
    void *chunks = blocks->chunks;
    bool room = memory_grow(pool->memory, &chunks, &blocks->capacity, blocks->count + 1,
                            sizeof *blocks->chunks, most);
    blocks->chunks = chunks;
    pool->bytes += (blocks->capacity - old) * sizeof *blocks->chunks;
    uint8_t *chunk = room ? memory_allocate(pool->memory, ALLOCATED_BYTES) : NULL;
    if (!chunk) return false;
    blocks->chunks[blocks->count++] = chunk;
    blocks->unused = CHUNK_BYTES / pool_block_sizes[block_class];
    pool->bytes += ALLOCATED_BYTES;
    return true;
}

block_handle pool_take(struct pool *pool, unsigned block_class)
{
    assert(block_class < POOL_CLASSES);
    struct pool_class *blocks = &pool->classes[block_class];
    if (blocks->free != 0) {
        block_handle handle = block_class << PLACE_BITS | blocks->free;
        memcpy(&blocks->free, pool_block(pool, handle), sizeof blocks->free);
        return handle;
    }
    if (blocks->unused == 0 && !add_chunk(pool, block_class)) return 0;
    uint32_t slot = CHUNK_BYTES / pool_block_sizes[block_class] - blocks->unused--;
    return block_class << PLACE_BITS | (uint32_t)(blocks->count << SLOT_BITS) | slot;
}

void pool_give(struct pool *pool, block_handle handle)
{
    struct pool_class *blocks = &pool->classes[pool_class_of(handle)];
    memcpy(pool_block(pool, handle), &blocks->free, sizeof blocks->free);
    blocks->free = handle & ((1U << PLACE_BITS) - 1);
}
