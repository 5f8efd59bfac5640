#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void memory_init(struct memory *memory, size_t limit_bytes)
{
    memory->limit_bytes = limit_bytes;
    memory->fail_at_call = 0;
    memory->fail_from_then_on = false;
    memory->ask_pages = NULL;
    atomic_init(&memory->used_bytes, 0);
    atomic_init(&memory->peak_bytes, 0);
    atomic_init(&memory->call_count, 0);
}

void memory_release(struct memory *memory)
{
    assert(atomic_load(&memory->used_bytes) == 0);
    (void)memory;
}

/* Takes `bytes` off the budget; false if they do not fit. */
static bool take(struct memory *memory, size_t bytes)
{
    size_t used = atomic_load(&memory->used_bytes), wanted;
    do {
        if (!size_add(used, bytes, &wanted)) return false;
        if (memory->limit_bytes > 0 && wanted > memory->limit_bytes) return false;
    } while (!atomic_compare_exchange_weak(&memory->used_bytes, &used, wanted));
    size_t peak = atomic_load(&memory->peak_bytes);
    while (peak < wanted && !atomic_compare_exchange_weak(&memory->peak_bytes, &peak, wanted)) {
    }
    return true;
}

static void give_back(struct memory *memory, size_t bytes)
{
    size_t before = atomic_fetch_sub(&memory->used_bytes, bytes);
    assert(before >= bytes);
    (void)before;
}

/* Does a test want this call to fail? */
static bool made_to_fail(struct memory *memory)
{
    unsigned long long call = atomic_fetch_add(&memory->call_count, 1) + 1;
    unsigned long long fail_at = memory->fail_at_call;
    return fail_at > 0 && (call == fail_at || (memory->fail_from_then_on && call > fail_at));
}

static void *allocate(struct memory *memory, size_t bytes, bool zeroed)
{
    if (bytes == 0 || made_to_fail(memory) || !take(memory, bytes)) return NULL;
    void *block = zeroed ? calloc(1, bytes) : malloc(bytes);
    if (!block) give_back(memory, bytes);
    return block;
}

void *memory_allocate(struct memory *memory, size_t bytes)
{
    return allocate(memory, bytes, false);
}

void *memory_allocate_zeroed(struct memory *memory, size_t bytes)
{
    return allocate(memory, bytes, true);
}

void *memory_allocate_pages(struct memory *memory, size_t bytes)
{
    assert(bytes % MEMORY_PAGE_BYTES == 0);
    if (bytes == 0 || made_to_fail(memory) || !take(memory, bytes)) return NULL;
    void *block = aligned_alloc(MEMORY_PAGE_BYTES, bytes);
    if (!block) give_back(memory, bytes);
    if (block && memory->ask_pages) memory->ask_pages(block, bytes);
    return block;
}

void *memory_allocate_table(struct memory *memory, size_t bytes)
{
    return bytes % MEMORY_PAGE_BYTES == 0 ? memory_allocate_pages(memory, bytes)
                                          : memory_allocate(memory, bytes);
}

void *memory_resize(struct memory *memory, void *block, size_t old_bytes, size_t new_bytes)
{
    assert(new_bytes > 0);
    if (!block) return memory_allocate(memory, new_bytes);
    bool grows = new_bytes > old_bytes;
    if (grows && (made_to_fail(memory) || !take(memory, new_bytes - old_bytes))) return NULL;
    void *moved = realloc(block, new_bytes);
    if (!moved) {
        if (grows) give_back(memory, new_bytes - old_bytes);
        return NULL;
    }
    if (!grows) give_back(memory, old_bytes - new_bytes);
    return moved;
}

void memory_free(struct memory *memory, void *block, size_t bytes)
{
    if (!block) return;
    free(block);
    give_back(memory, bytes);
}

void *memory_allocate_uncounted(size_t bytes)
{
    return calloc(1, bytes);
}

void memory_free_uncounted(void *block)
{
    free(block);
}

bool memory_grow(struct memory *memory, void **array, size_t *capacity, size_t need,
                 size_t element_bytes, size_t maximum)
{
    size_t wanted = *capacity > 0 ? *capacity : 8, bytes;
    if (need <= *capacity) return true;
    if (need > maximum) return false;
    while (wanted < need)
        wanted = wanted > maximum / 2 ? maximum : wanted * 2;
    if (wanted > maximum) wanted = maximum;
    if (!size_multiply(wanted, element_bytes, &bytes)) return false;
    void *grown = memory_resize(memory, *array, *capacity * element_bytes, bytes);
    if (!grown) return false;
    *array = grown;
    *capacity = wanted;
    return true;
}

bool size_add(size_t a, size_t b, size_t *result)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *result = sum;
    return true;
}

bool size_multiply(size_t a, size_t b, size_t *result)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *result = product;
    return true;
}
