/* An arena: many small allocations, one free.  Holds what belongs to one query or one statement.
 * Made with its maximum size.  one thread. */
#ifndef TIDAL_BASE_ARENA_H
#define TIDAL_BASE_ARENA_H

#include "base/memory.h"

struct arena {
    struct memory *memory; /* lent until arena_release */
    struct arena_block *blocks;
    size_t used_bytes;
    size_t maximum_bytes;
};

void arena_init(struct arena *arena, struct memory *memory, size_t maximum_bytes);
/* Frees everything allocated from it. */
void arena_release(struct arena *arena);
/* As arena_release, but keeps one block for reuse. */
void arena_reset(struct arena *arena);

/* Zeroed, aligned for any type; NULL when the maximum or the memory is exhausted. */
MUST_USE void *arena_allocate(struct arena *arena, size_t bytes);
/* As arena_allocate for `count` elements, with checked multiplication. */
MUST_USE void *arena_array(struct arena *arena, size_t count, size_t element_bytes);
/* A copy of `bytes` bytes with a NUL behind them. */
MUST_USE char *arena_copy(struct arena *arena, const void *source, size_t bytes);
/* printf into the arena. */
MUST_USE char *arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
