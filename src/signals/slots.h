/* Slots: a sparse array of handles by ordinal, four bytes for each that is there.
 *
 * A page has 64 ordinals: a bitmap says which are there, their handles lie packed in order.  It
 * gives memory back when it is empty.
 * one thread; reading: any thread while nobody writes. */
#ifndef TIDAL_SIGNALS_SLOTS_H
#define TIDAL_SIGNALS_SLOTS_H

#include "schema/ids.h"
#include "signals/pool.h"

struct slot_page {
    uint64_t present;
    block_handle *handles;
    uint8_t capacity;
};

struct slots {
    struct slot_page *pages;
    size_t page_capacity;
    size_t bytes; /* held */
};

void slots_release(struct slots *slots, struct memory *memory);
/* All ordinals that are there are below this. */
size_t slots_end(const struct slots *slots);
/* Puts a handle in, or in place of another.  false: no memory. */
MUST_USE bool slots_set(struct slots *slots, struct memory *memory, ordinal entity,
                        block_handle handle);
/* It is there. */
void slots_remove(struct slots *slots, struct memory *memory, ordinal entity);

/* The machine's own instruction is not in every machine that this is built for. */
static inline unsigned slots_ones(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(bits * UINT64_C(0x0101010101010101) >> 56);
}

/* 0: nothing there. */
static inline block_handle slots_find(const struct slots *slots, ordinal entity)
{
    size_t number = entity / 64;
    if (number >= slots->page_capacity) return 0;
    const struct slot_page *page = &slots->pages[number];
    uint64_t bit = UINT64_C(1) << (entity % 64);
    if (!(page->present & bit)) return 0;
    return page->handles[slots_ones(page->present & (bit - 1))];
}

/* Asks for what slots_find will need: first the page, some calls later the handle. */
static ALWAYS_INLINE void slots_prefetch_page(const struct slots *slots, ordinal entity)
{
    if (entity / 64 < slots->page_capacity) __builtin_prefetch(&slots->pages[entity / 64]);
}

static ALWAYS_INLINE void slots_prefetch(const struct slots *slots, ordinal entity)
{
    size_t number = entity / 64;
    if (number >= slots->page_capacity) return;
    const struct slot_page *page = &slots->pages[number];
    uint64_t before = (UINT64_C(1) << (entity % 64)) - 1;
    if (page->handles) __builtin_prefetch(page->handles + slots_ones(page->present & before));
}

#endif
