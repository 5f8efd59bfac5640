/* A pool: blocks of a few sizes, found by 32-bit handles.
 *
 * Blocks of a size lie side by side in chunks of 32 KiB, on lines of the cache, without headers.
 * Once there is much, chunks are cut from slabs of 2 MiB, which are large pages of memory: an event
 * is about any entity, and half of what its blocks cost was finding their pages.
 * one thread; reading by handle: any thread while nobody writes. */
#ifndef TIDAL_SIGNALS_POOL_H
#define TIDAL_SIGNALS_POOL_H

#include "base/memory.h"

#include <stdint.h>

enum { POOL_CLASSES = 16, POOL_BLOCK_MAXIMUM = 4096 };
enum { POOL_LINE_BYTES = 64, POOL_PLACE_BITS = 28, POOL_SLOT_BITS = 11 };

/* Class in the upper 4 bits, place in the others, from 1; 0: none. */
typedef uint32_t block_handle;

struct pool_class {
    uint8_t **chunks;       /* lent by the slabs, on a line */
    size_t capacity, count; /* of chunks */
    uint32_t unused;        /* blocks of the last chunk never given */
    uint32_t free;          /* head of the list of blocks given back, by place; 0: none */
};

struct pool_slab {
    uint8_t *memory;
    size_t bytes;
};

struct pool {
    struct memory *memory; /* lent */
    struct pool_class classes[POOL_CLASSES];
    struct pool_slab *slabs;
    size_t slab_capacity, slab_count;
    size_t slab_left;  /* bytes of the last one that are in no chunk yet */
    size_t bytes;      /* held */
    size_t used_bytes; /* of blocks that were taken and not given back */
};

extern const uint16_t pool_block_sizes[POOL_CLASSES];

void pool_init(struct pool *pool, struct memory *memory);
void pool_release(struct pool *pool);

/* The smallest class whose blocks have `bytes`; POOL_CLASSES: none. */
unsigned pool_class_for(size_t bytes);
static inline size_t pool_block_bytes(unsigned block_class)
{
    return pool_block_sizes[block_class];
}

static inline unsigned pool_class_of(block_handle handle)
{
    return handle >> 28;
}

/* A block whose content is undefined; 0 on no memory. */
MUST_USE block_handle pool_take(struct pool *pool, unsigned block_class);
void pool_give(struct pool *pool, block_handle handle);
/* `handle` is not 0.  Lent until pool_give. */
static inline void *pool_block(const struct pool *pool, block_handle handle)
{
    unsigned block_class = pool_class_of(handle);
    uint32_t place = handle & ((1U << POOL_PLACE_BITS) - 1);
    uint8_t *chunk = pool->classes[block_class].chunks[(place >> POOL_SLOT_BITS) - 1];
    return chunk + (size_t)(place & ((1U << POOL_SLOT_BITS) - 1)) * pool_block_sizes[block_class];
}

#endif
