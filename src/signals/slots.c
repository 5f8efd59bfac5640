#include "signals/slots.h"

#include <assert.h>
#include <string.h>

enum { STEP = 4 }; /* handles that a page grows by */

static void free_handles(struct slots *slots, struct memory *memory, struct slot_page *page)
{
    size_t bytes = page->capacity * sizeof *page->handles;
    memory_free(memory, page->handles, bytes);
    slots->bytes -= bytes;
    page->handles = NULL;
    page->capacity = 0;
}

void slots_release(struct slots *slots, struct memory *memory)
{
    for (size_t i = 0; i < slots->page_capacity; i++)
        free_handles(slots, memory, &slots->pages[i]);
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
    slots->bytes += (slots->page_capacity - old) * sizeof *slots->pages;
    return true;
}

bool slots_set(struct slots *slots, struct memory *memory, ordinal entity, block_handle handle)
{
    if (!reserve_page(slots, memory, entity / 64)) return false;
    struct slot_page *page = &slots->pages[entity / 64];
    uint64_t bit = UINT64_C(1) << (entity % 64);
    unsigned count = slots_ones(page->present);
    unsigned at = slots_ones(page->present & (bit - 1));
    if (page->present & bit) {
        page->handles[at] = handle;
        return true;
    }
    if (count == page->capacity) {
        size_t bytes = page->capacity * sizeof *page->handles;
        size_t more = STEP * sizeof *page->handles;
        void *grown = memory_resize(memory, page->handles, bytes, bytes + more);
        if (!grown) return false;
        page->handles = grown;
        page->capacity += STEP;
        slots->bytes += more;
    }
    memmove(page->handles + at + 1, page->handles + at, (count - at) * sizeof *page->handles);
    page->handles[at] = handle;
    page->present |= bit;
    return true;
}

void slots_remove(struct slots *slots, struct memory *memory, ordinal entity)
{
    assert(slots_find(slots, entity) != 0);
    struct slot_page *page = &slots->pages[entity / 64];
    uint64_t bit = UINT64_C(1) << (entity % 64);
    unsigned at = slots_ones(page->present & (bit - 1));
    page->present &= ~bit;
    unsigned left = slots_ones(page->present);
    memmove(page->handles + at, page->handles + at + 1, (left - at) * sizeof *page->handles);
    if (left == 0) free_handles(slots, memory, page);
}
