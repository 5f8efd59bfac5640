/* A set of small numbers (ordinals), a bit each.  Grown on demand up to its stated maximum.
 * one thread for writing, any thread for reading while nobody writes. */
#ifndef TIDAL_BASE_BITSET_H
#define TIDAL_BASE_BITSET_H

#include "base/memory.h"

struct bitset {
    struct memory *memory; /* lent until bitset_release */
    uint64_t *words;
    size_t word_count;
    size_t word_capacity;
};

void bitset_init(struct bitset *set, struct memory *memory);
void bitset_release(struct bitset *set);
MUST_USE bool bitset_set(struct bitset *set, uint32_t bit); /* grows; false on no memory */
void bitset_unset(struct bitset *set, uint32_t bit);        /* beyond the end: nothing */
bool bitset_has(const struct bitset *set, uint32_t bit);    /* beyond the end: false */
uint64_t bitset_count(const struct bitset *set);
/* The first member >= bit, or UINT32_MAX. */
uint32_t bitset_next(const struct bitset *set, uint32_t bit);
/* In place; `set` grows to the length of `other` where it must (false on no memory). */
MUST_USE bool bitset_or(struct bitset *set, const struct bitset *other);
void bitset_and(struct bitset *set, const struct bitset *other);
void bitset_and_not(struct bitset *set, const struct bitset *other);

#endif
