#include "signals/slots.h"

#include <assert.h>
#include <string.h>

static size_t page_capacity(const struct slot_page *page)
{
    return page->handles ? pool_block_bytes(pool_class_of(page->block)) / sizeof *page->handles : 0;
}

static void give_handles(struct slots *slots, struct pool *pool, struct slot_page *page)
{
    slots->block_bytes -= pool_block_bytes(pool_class_of(page->block));
    pool_give(pool, page->block);
    page->handles = NULL;
    page->block = 0;
}

/* Moves the handles to a larger block. */
static bool grow_page(struct slots *slots, struct pool *pool, struct slot_page *page, size_t count)
{
    unsigned block_class = pool_class_for((count + 1) * sizeof *page->handles);
    block_handle block = pool_take(pool, block_class);
    if (block == 0) return false;
    block_handle *handles = pool_block(pool, block);
    if (page->handles) {
        memcpy(handles, page->handles, count * sizeof *handles);
        give_handles(slots, pool, page);
    }
    page->handles = handles;
    page->block = block;
    slots->block_bytes += pool_block_bytes(block_class);
    return true;
}

void slots_release(struct slots *slots, struct memory *memory)
{
    memory_free(memory, slots->pages, slots->page_capacity * sizeof *slots->pages);
    *slots = (struct slots){0};
}

size_t slots_end(const struct slots *slots)
{
    return slots->page_capacity * 64;
}

static bool reserve_page(struct slots *slots, struct memory *memory, size_t number)
{
    if (number < slots->page_capacity) return true;
    size_t old = slots->page_capacity;
    void *pages = slots->pages;
    bool room = memory_grow(memory, &pages, &slots->page_capacity, number + 1, sizeof *slots->pages,
                            UINT32_MAX / 64 + 1);
    slots->pages = pages;
    if (!room) return false;
    memset(slots->pages + old, 0, (slots->page_capacity - old) * sizeof *slots->pages);
    slots->page_bytes += (slots->page_capacity - old) * sizeof *slots->pages;
    return true;
}

bool slots_set(struct slots *slots, struct pool *pool, ordinal entity, block_handle handle)
{
    if (!reserve_page(slots, pool->memory, entity / 64)) return false;
    struct slot_page *page = &slots->pages[entity / 64];
    uint64_t bit = UINT64_C(1) << (entity % 64);
    unsigned count = slots_ones(page->present);
    unsigned at = slots_ones(page->present & (bit - 1));
    if (page->present & bit) {
        page->handles[at] = handle;
        return true;
    }
    if (count == page_capacity(page) && !grow_page(slots, pool, page, count)) return false;
    memmove(page->handles + at + 1, page->handles + at, (count - at) * sizeof *page->handles);
    page->handles[at] = handle;
    page->present |= bit;
    page->moves++;
    return true;
}

void slots_remove(struct slots *slots, struct pool *pool, ordinal entity)
{
    assert(slots_find(slots, entity) != 0);
    struct slot_page *page = &slots->pages[entity / 64];
    uint64_t bit = UINT64_C(1) << (entity % 64);
    unsigned at = slots_ones(page->present & (bit - 1));
    page->present &= ~bit;
    unsigned left = slots_ones(page->present);
    memmove(page->handles + at, page->handles + at + 1, (left - at) * sizeof *page->handles);
    if (left == 0) give_handles(slots, pool, page);
    page->moves++;
}
