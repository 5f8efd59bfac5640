/* Slots: a sparse array of handles by ordinal, four bytes for each that is there.
 *
 * A page has 64 ordinals: a bitmap says which are there, their handles lie packed in order.  It
 * gives memory back when it is empty.
 * one thread; reading: any thread while nobody writes. */
#ifndef TIDAL_SIGNALS_SLOTS_H
#define TIDAL_SIGNALS_SLOTS_H

#include "schema/ids.h"
#include "signals/pool.h"

#include <assert.h>

struct slot_page {
    uint64_t present;
    block_handle *handles; /* in block `block` of the pool; NULL: none */
    block_handle block;
    uint32_t moves; /* how often a handle has come to lie elsewhere */
};

struct slots {
    struct slot_page *pages;
    size_t page_capacity;
    size_t page_bytes;  /* held by pages, */
    size_t block_bytes; /* and of the pool */
};

/* Its blocks go with the pool. */
void slots_release(struct slots *slots, struct memory *memory);
/* All ordinals that are there are below this. */
size_t slots_end(const struct slots *slots);
/* Puts a handle in, or in place of another.  false: no memory. */
MUST_USE bool slots_set(struct slots *slots, struct pool *pool, ordinal entity,
                        block_handle handle);
/* It is there. */
void slots_remove(struct slots *slots, struct pool *pool, ordinal entity);

/* The machine's own instruction is not in every machine that this is built for. */
static inline unsigned slots_ones(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(bits * UINT64_C(0x0101010101010101) >> 56);
}

/* Where the handle lies, until slots_moves changes; NULL: nothing there. */
static inline const block_handle *slots_place(const struct slots *slots, ordinal entity)
{
    size_t number = entity / 64;
    if (number >= slots->page_capacity) return NULL;
    const struct slot_page *page = &slots->pages[number];
    uint64_t bit = UINT64_C(1) << (entity % 64);
    if (!(page->present & bit)) return NULL;
    return page->handles + slots_ones(page->present & (bit - 1));
}

/* Of a page that is there. */
static ALWAYS_INLINE uint32_t slots_moves(const struct slots *slots, ordinal entity)
{
    assert(entity / 64 < slots->page_capacity);
    return slots->pages[entity / 64].moves;
}

/* 0: nothing there. */
static inline block_handle slots_find(const struct slots *slots, ordinal entity)
{
    const block_handle *place = slots_place(slots, entity);
    return place ? *place : 0;
}

/* Asks for the page that slots_place will look at. */
static ALWAYS_INLINE void slots_prefetch_page(const struct slots *slots, ordinal entity)
{
    if (entity / 64 < slots->page_capacity) __builtin_prefetch(&slots->pages[entity / 64]);
}

/* Asks for what slots_set will move to put in a handle that is not there. */
static ALWAYS_INLINE void slots_prefetch_gap(const struct slots *slots, ordinal entity)
{
    if (entity / 64 >= slots->page_capacity) return;
    const struct slot_page *page = &slots->pages[entity / 64];
    uint64_t before = page->present & ((UINT64_C(1) << (entity % 64)) - 1);
    if (!page->handles) return;
    __builtin_prefetch(page->handles + slots_ones(before), 1);
    __builtin_prefetch(page->handles + slots_ones(page->present), 1);
}

#endif
