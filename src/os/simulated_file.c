#include "os/simulated_private.h"

#include <assert.h>
#include <string.h>

#define PAGE                   SIMULATED_PAGE_BYTES
#define SLOT_COUNT_MAXIMUM     ((size_t)1 << 28)
#define SECTOR_COUNT           (PAGE / SIMULATED_SECTOR_BYTES)
#define TORN_ONE_IN            4
#define EARLY_WRITEBACK_ONE_IN 8

static const uint8_t zeros[PAGE];

bool survives(enum survival survival, struct choices *choices)
{
    switch (survival) {
    case SURVIVES_ALL:
        return true;
    case SURVIVES_HALF:
        return choose(choices, 1) == 0;
    case SURVIVES_MOST:
        return !choose_one_in(choices, 8);
    case SURVIVES_NONE:
        return false;
    }
    return true;
}

static struct page *page_create(struct memory *memory)
{
    struct page *page = memory_allocate_zeroed(memory, sizeof *page);
    if (page) page->reference_count = 1;
    return page;
}

static struct page *page_hold(struct page *page)
{
    if (page) page->reference_count++;
    return page;
}

static void page_drop(struct memory *memory, struct page *page)
{
    if (page && --page->reference_count == 0) memory_free(memory, page, sizeof *page);
}

static const uint8_t *page_bytes(const struct page *page)
{
    return page ? page->bytes : zeros;
}

static uint64_t pages_for(uint64_t bytes)
{
    return bytes / PAGE + (bytes % PAGE != 0);
}

struct inode *inode_create(struct file_store *store, bool is_directory)
{
    struct inode *inode = memory_allocate_zeroed(store->memory, sizeof *inode);
    if (!inode) return NULL;
    inode->is_directory = is_directory;
    inode->reference_count = 1;
    inode->previous = store->last;
    if (store->last) store->last->next = inode;
    if (!store->first) store->first = inode;
    store->last = inode;
    return inode;
}

struct inode *inode_hold(struct inode *inode)
{
    inode->reference_count++;
    return inode;
}

void inode_drop(struct file_store *store, struct inode *inode)
{
    assert(inode->reference_count > 0);
    if (--inode->reference_count > 0) return;
    for (size_t i = 0; i < inode->slot_count; i++) {
        page_drop(store->memory, inode->slots[i].cached);
        page_drop(store->memory, inode->slots[i].durable);
        store->allocated_pages -= inode->slots[i].allocated;
    }
    memory_free(store->memory, inode->slots, inode->slot_capacity * sizeof *inode->slots);
    if (inode->next) inode->next->previous = inode->previous;
    if (inode->previous) inode->previous->next = inode->next;
    if (store->first == inode) store->first = inode->next;
    if (store->last == inode) store->last = inode->previous;
    memory_free(store->memory, inode, sizeof *inode);
}

size_t inode_read(const struct inode *inode, uint64_t offset, void *buffer, size_t bytes)
{
    if (offset >= inode->size) return 0;
    if (bytes > inode->size - offset) bytes = (size_t)(inode->size - offset);
    for (size_t done = 0; done < bytes;) {
        size_t index = (size_t)((offset + done) / PAGE), start = (size_t)((offset + done) % PAGE);
        size_t part = PAGE - start < bytes - done ? PAGE - start : bytes - done;
        const struct page *page = index < inode->slot_count ? inode->slots[index].cached : NULL;
        memcpy((uint8_t *)buffer + done, page_bytes(page) + start, part);
        done += part;
    }
    return bytes;
}

static bool reserve_slots(struct file_store *store, struct inode *inode, size_t count)
{
    if (count <= inode->slot_count) return true;
    void *array = inode->slots;
    if (!memory_grow(store->memory, &array, &inode->slot_capacity, count, sizeof *inode->slots,
                     SLOT_COUNT_MAXIMUM)) {
        return false;
    }
    inode->slots = array;
    memset(inode->slots + inode->slot_count, 0, (count - inode->slot_count) * sizeof *inode->slots);
    inode->slot_count = count;
    return true;
}

/* Gives the cache a page of its own; false on no memory. */
static bool own_cached(struct file_store *store, struct page_slot *slot)
{
    if (slot->cached && slot->cached->reference_count == 1) return true;
    struct page *page = page_create(store->memory);
    if (!page) return false;
    memcpy(page->bytes, page_bytes(slot->cached), PAGE);
    page_drop(store->memory, slot->cached);
    slot->cached = page;
    return true;
}

static void write_back(struct file_store *store, struct page_slot *slot)
{
    page_drop(store->memory, slot->durable);
    slot->durable = page_hold(slot->cached);
}

static bool has_space(const struct file_store *store, const struct page_slot *slot)
{
    if (slot->allocated || store->faults.space_bytes == 0) return true;
    return store->allocated_pages < store->faults.space_bytes / PAGE;
}

static enum code write_in_page(struct file_store *store, struct inode *inode, uint64_t offset,
                               const uint8_t *data, size_t bytes)
{
    size_t index = (size_t)(offset / PAGE), start = (size_t)(offset % PAGE);
    if (!reserve_slots(store, inode, index + 1)) return CODE_NO_MEMORY;
    struct page_slot *slot = &inode->slots[index];
    if (!has_space(store, slot)) return CODE_NO_SPACE;
    /* The kernel may write a page at any time: so a crash can show a version between the last
     * sync and the last write. */
    if (slot->dirty && store->faults.choices &&
        choose_one_in(store->faults.choices, EARLY_WRITEBACK_ONE_IN)) {
        write_back(store, slot);
    }
    /* Zeros over zeros, as when a log prepares its segments, take no page. */
    if (slot->cached || memcmp(data, zeros, bytes) != 0) {
        if (!own_cached(store, slot)) return CODE_NO_MEMORY;
        memcpy(slot->cached->bytes + start, data, bytes);
    }
    store->allocated_pages += !slot->allocated;
    slot->allocated = true;
    slot->dirty = store->faulty;
    if (inode->size < offset + bytes) {
        inode->size = offset + bytes;
        inode->size_dirty = store->faulty;
    }
    return CODE_OK;
}

enum code inode_write(struct file_store *store, struct inode *inode, uint64_t offset,
                      struct slice data)
{
    for (size_t done = 0; done < data.bytes;) {
        size_t start = (size_t)((offset + done) % PAGE);
        size_t part = PAGE - start < data.bytes - done ? PAGE - start : data.bytes - done;
        enum code code = write_in_page(store, inode, offset + done, data.data + done, part);
        if (code != CODE_OK) return code;
        done += part;
    }
    return CODE_OK;
}

/* Bytes behind the end of a file are zeros, so that growing shows zeros. */
static bool clear_behind(struct file_store *store, struct inode *inode, uint64_t bytes)
{
    size_t index = (size_t)(bytes / PAGE), start = (size_t)(bytes % PAGE);
    if (start == 0 || index >= inode->slot_count || !inode->slots[index].cached) return true;
    struct page_slot *slot = &inode->slots[index];
    if (!own_cached(store, slot)) return false;
    memset(slot->cached->bytes + start, 0, PAGE - start);
    slot->dirty = store->faulty;
    return true;
}

enum code inode_truncate(struct file_store *store, struct inode *inode, uint64_t bytes)
{
    if (bytes < inode->size && !clear_behind(store, inode, bytes)) return CODE_NO_MEMORY;
    for (size_t i = (size_t)pages_for(bytes); i < inode->slot_count; i++) {
        struct page_slot *slot = &inode->slots[i];
        page_drop(store->memory, slot->cached);
        slot->cached = NULL;
        slot->dirty = slot->durable != NULL;
        store->allocated_pages -= slot->allocated;
        slot->allocated = false;
    }
    if (bytes != inode->size) inode->size_dirty = store->faulty;
    inode->size = bytes;
    return CODE_OK;
}

void inode_sync(struct file_store *store, struct inode *inode)
{
    if (!store->faulty) return;
    for (size_t i = 0; i < inode->slot_count; i++) {
        if (inode->slots[i].dirty) write_back(store, &inode->slots[i]);
        inode->slots[i].dirty = false;
    }
    inode->durable_size = inode->size;
    inode->size_dirty = false;
}

void inode_fail_sync(struct file_store *store, struct inode *inode)
{
    struct choices *choices = store->faults.choices;
    for (size_t i = 0; i < inode->slot_count; i++) {
        struct page_slot *slot = &inode->slots[i];
        if (slot->dirty && choices && choose(choices, 1)) write_back(store, slot);
        slot->dirty = false;
    }
    if (inode->size_dirty && choices && choose(choices, 1)) inode->durable_size = inode->size;
    inode->size_dirty = false;
}

/* The page on the disk takes the sectors of the cached one whose bit is in `sectors`. */
static void tear(struct file_store *store, struct page_slot *slot, uint64_t sectors)
{
    struct page *page = page_create(store->memory);
    if (!page) return; /* the page is lost whole: a legal state as well */
    for (size_t i = 0; i < SECTOR_COUNT; i++) {
        const uint8_t *from = page_bytes(sectors >> i & 1 ? slot->cached : slot->durable);
        size_t at = i * SIMULATED_SECTOR_BYTES;
        memcpy(page->bytes + at, from + at, SIMULATED_SECTOR_BYTES);
    }
    page_drop(store->memory, slot->durable);
    slot->durable = page;
}

static void settle_page(struct file_store *store, struct page_slot *slot, enum survival survival,
                        struct choices *choices)
{
    if (!slot->dirty) {
        /* Durable, or given up by a failed sync. */
    } else if (!survives(survival, choices)) {
        store->losses.pages_lost++;
    } else if (survival != SURVIVES_ALL && choose_one_in(choices, TORN_ONE_IN)) {
        tear(store, slot, choose_between(choices, 1, (1u << SECTOR_COUNT) - 2));
        store->losses.pages_torn++;
    } else {
        write_back(store, slot);
        store->losses.pages_kept++;
    }
    page_drop(store->memory, slot->cached);
    slot->cached = page_hold(slot->durable);
    slot->dirty = false;
}

static void settle_size(struct file_store *store, struct inode *inode, enum survival survival,
                        struct choices *choices)
{
    uint64_t old = inode->durable_size, new = inode->size;
    if (inode->size_dirty && survives(survival, choices)) {
        inode->durable_size = new;
    } else if (inode->size_dirty && choose_one_in(choices, 2)) {
        /* A file that grew by several writes may have kept the first few. */
        inode->durable_size =
            old < new ? choose_between(choices, old, new) : choose_between(choices, new, old);
    }
    store->losses.sizes_lost += inode->size_dirty && inode->durable_size != new;
    inode->size = inode->durable_size;
    inode->size_dirty = false;
}

void inode_lose_power(struct file_store *store, struct inode *inode, enum survival survival,
                      struct choices *choices)
{
    for (size_t i = 0; i < inode->slot_count; i++) {
        settle_page(store, &inode->slots[i], survival, choices);
    }
    settle_size(store, inode, survival, choices);
    for (size_t i = 0; i < inode->slot_count; i++) {
        struct page_slot *slot = &inode->slots[i];
        uint64_t start = (uint64_t)i * PAGE;
        if (start >= inode->size) {
            page_drop(store->memory, slot->cached);
            page_drop(store->memory, slot->durable);
            store->allocated_pages -= slot->allocated;
            *slot = (struct page_slot){0};
        } else if (slot->cached && inode->size - start < PAGE) {
            /* Cache and disk hold the same page now, and nobody else does. */
            size_t end = (size_t)(inode->size - start);
            memset(slot->cached->bytes + end, 0, PAGE - end);
        }
        if (slot->cached && !slot->allocated) {
            slot->allocated = true;
            store->allocated_pages++;
        }
    }
}

bool inode_damage(struct file_store *store, struct inode *inode, uint64_t offset, uint8_t mask)
{
    size_t index = (size_t)(offset / PAGE);
    if (offset >= inode->durable_size || !reserve_slots(store, inode, index + 1)) return false;
    struct page_slot *slot = &inode->slots[index];
    if (!slot->durable) {
        slot->durable = page_create(store->memory);
        if (!slot->durable) return false;
        if (!slot->dirty && !slot->cached) slot->cached = page_hold(slot->durable);
    }
    slot->durable->bytes[offset % PAGE] ^= mask;
    return true;
}
