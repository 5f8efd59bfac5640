/* Counted memory: every heap allocation of the library goes through here.
 *
 * A `struct memory` counts the bytes of one database, enforces its limit and, in tests, fails the
 * N-th call.  The caller states the size again when it resizes or frees, so a block has no header.
 * any thread. */
#ifndef TIDAL_BASE_MEMORY_H
#define TIDAL_BASE_MEMORY_H

#include "base/error.h"

#include <stdatomic.h>

struct memory {
    size_t limit_bytes;       /* 0: no limit */
    atomic_size_t used_bytes; /* allocated now */
    atomic_size_t peak_bytes;
    atomic_ullong call_count;        /* allocations and growing resizes asked for so far */
    unsigned long long fail_at_call; /* the call of this number (from 1) fails; 0: none */
    bool fail_from_then_on;          /* every later call fails as well */
    void (*ask_pages)(void *block, size_t bytes); /* as os/pages.h does; NULL: nobody asks */
};

void memory_init(struct memory *memory, size_t limit_bytes);
/* Asserts that everything was given back. */
void memory_release(struct memory *memory);

/* NULL if the limit, the test's fault or the machine says no.  `bytes` may be 0 (gives NULL).
 * Contents are undefined; memory_allocate_zeroed gives zeros. */
MUST_USE void *memory_allocate(struct memory *memory, size_t bytes);
MUST_USE void *memory_allocate_zeroed(struct memory *memory, size_t bytes);
/* On failure returns NULL and leaves the old block as it was.  `new_bytes` must be > 0. */
MUST_USE void *memory_resize(struct memory *memory, void *block, size_t old_bytes,
                             size_t new_bytes);
/* Memory that is read all over the place: aligned to MEMORY_PAGE_BYTES, of which `bytes` is a
 * multiple, and asked for in pages of that size.  Given back by memory_free. */
enum { MEMORY_PAGE_BYTES = 2 << 20 };
MUST_USE void *memory_allocate_pages(struct memory *memory, size_t bytes);
/* For a table of any size, such memory where its size is a multiple, or else as memory_allocate. */
MUST_USE void *memory_allocate_table(struct memory *memory, size_t bytes);
/* `block` may be NULL. */
void memory_free(struct memory *memory, void *block, size_t bytes);

/* Zeros for what itself holds the memory that counts for it, and so is counted by none. */
MUST_USE void *memory_allocate_uncounted(size_t bytes);
void memory_free_uncounted(void *block);

/* Grows an array to hold at least `need` elements of `element_bytes`: doubles from 8, never beyond
 * `maximum` elements (then false, as on no memory).  *array, *capacity are updated on success. */
MUST_USE bool memory_grow(struct memory *memory, void **array, size_t *capacity, size_t need,
                          size_t element_bytes, size_t maximum);

/* Checked sizes: false on overflow, *result untouched. */
MUST_USE bool size_add(size_t a, size_t b, size_t *result);
MUST_USE bool size_multiply(size_t a, size_t b, size_t *result);

#endif
