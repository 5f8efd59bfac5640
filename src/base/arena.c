#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES_MINIMUM ((size_t)8192)

struct arena_block {
    struct arena_block *next; /* older */
    size_t capacity;          /* of `data` */
    size_t used;
    alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *arena, struct memory *memory, size_t maximum_bytes)
{
    *arena = (struct arena){.memory = memory, .maximum_bytes = maximum_bytes};
}

static void block_free(struct arena *arena, struct arena_block *block)
{
    memory_free(arena->memory, block, sizeof *block + block->capacity);
}

void arena_release(struct arena *arena)
{
    while (arena->blocks) {
        struct arena_block *next = arena->blocks->next;
        block_free(arena, arena->blocks);
        arena->blocks = next;
    }
    arena->used_bytes = 0;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->blocks;
    while (kept && kept->next) {
        struct arena_block *next = kept->next;
        block_free(arena, kept);
        kept = next;
    }
    if (kept) kept->used = 0;
    arena->blocks = kept;
    arena->used_bytes = 0;
}

static struct arena_block *block_add(struct arena *arena, size_t bytes)
{
    size_t capacity = bytes > BLOCK_BYTES_MINIMUM ? bytes : BLOCK_BYTES_MINIMUM, total;
    if (arena->blocks && arena->blocks->capacity > capacity / 2 &&
        arena->blocks->capacity < SIZE_MAX / 4)
        capacity = capacity > arena->blocks->capacity * 2 ? capacity : arena->blocks->capacity * 2;
    if (capacity > arena->maximum_bytes && bytes <= arena->maximum_bytes) capacity = bytes;
    if (!size_add(capacity, sizeof(struct arena_block), &total)) return NULL;
    struct arena_block *block = memory_allocate(arena->memory, total);
    if (!block) return NULL;
    block->next = arena->blocks;
    block->capacity = capacity;
    block->used = 0;
    arena->blocks = block;
    return block;
}

void *arena_allocate(struct arena *arena, size_t bytes)
{
    size_t rounded, used;
    if (!size_add(bytes, alignof(max_align_t) - 1, &rounded)) return NULL;
    rounded &= ~(alignof(max_align_t) - 1);
    if (rounded == 0) rounded = alignof(max_align_t);
    if (!size_add(arena->used_bytes, rounded, &used) || used > arena->maximum_bytes) return NULL;
    struct arena_block *block = arena->blocks;
    if (!block || block->capacity - block->used < rounded) block = block_add(arena, rounded);
    if (!block) return NULL;
    void *result = block->data + block->used;
    block->used += rounded;
    arena->used_bytes = used;
    return memset(result, 0, rounded);
}

void *arena_array(struct arena *arena, size_t count, size_t element_bytes)
{
    size_t bytes;
    return size_multiply(count, element_bytes, &bytes) ? arena_allocate(arena, bytes) : NULL;
}

char *arena_copy(struct arena *arena, const void *source, size_t bytes)
{
    size_t total;
    char *copy = size_add(bytes, 1, &total) ? arena_allocate(arena, total) : NULL;
    if (copy && bytes > 0) memcpy(copy, source, bytes);
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int bytes = vsnprintf(NULL, 0, format, arguments);
    char *text = bytes < 0 ? NULL : arena_allocate(arena, (size_t)bytes + 1);
    if (text) vsnprintf(text, (size_t)bytes + 1, format, again);
    va_end(again);
    va_end(arguments);
    return text;
}
