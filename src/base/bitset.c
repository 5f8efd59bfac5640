#include "base/bitset.h"

#include <string.h>

#define WORDS_MAXIMUM ((size_t)UINT32_MAX / 64 + 1)

void bitset_init(struct bitset *set, struct memory *memory)
{
    *set = (struct bitset){.memory = memory};
}

void bitset_release(struct bitset *set)
{
    memory_free(set->memory, set->words, set->word_capacity * sizeof *set->words);
    bitset_init(set, set->memory);
}

static bool grow(struct bitset *set, size_t word_count)
{
    if (word_count <= set->word_count) return true;
    void *words = set->words;
    bool ok = memory_grow(set->memory, &words, &set->word_capacity, word_count, sizeof(uint64_t),
                          WORDS_MAXIMUM);
    set->words = words;
    if (!ok) return false;
    memset(set->words + set->word_count, 0, (word_count - set->word_count) * sizeof(uint64_t));
    set->word_count = word_count;
    return true;
}

bool bitset_set(struct bitset *set, uint32_t bit)
{
    if (!grow(set, (size_t)bit / 64 + 1)) return false;
    set->words[bit / 64] |= (uint64_t)1 << (bit % 64);
    return true;
}

void bitset_unset(struct bitset *set, uint32_t bit)
{
    if (bit / 64 < set->word_count) set->words[bit / 64] &= ~((uint64_t)1 << (bit % 64));
}

bool bitset_has(const struct bitset *set, uint32_t bit)
{
    return bit / 64 < set->word_count && (set->words[bit / 64] >> (bit % 64) & 1);
}

uint64_t bitset_count(const struct bitset *set)
{
    uint64_t count = 0;
    for (size_t i = 0; i < set->word_count; i++)
        count += (uint64_t)__builtin_popcountll(set->words[i]);
    return count;
}

uint32_t bitset_next(const struct bitset *set, uint32_t bit)
{
    size_t word = bit / 64;
    if (word >= set->word_count) return UINT32_MAX;
    uint64_t rest = set->words[word] >> (bit % 64) << (bit % 64);
    while (rest == 0) {
        if (++word >= set->word_count) return UINT32_MAX;
        rest = set->words[word];
    }
    return (uint32_t)(word * 64 + (size_t)__builtin_ctzll(rest));
}

bool bitset_or(struct bitset *set, const struct bitset *other)
{
    if (!grow(set, other->word_count)) return false;
    for (size_t i = 0; i < other->word_count; i++)
        set->words[i] |= other->words[i];
    return true;
}

void bitset_and(struct bitset *set, const struct bitset *other)
{
    for (size_t i = 0; i < set->word_count; i++)
        set->words[i] &= i < other->word_count ? other->words[i] : 0;
}

void bitset_and_not(struct bitset *set, const struct bitset *other)
{
    for (size_t i = 0; i < set->word_count && i < other->word_count; i++)
        set->words[i] &= ~other->words[i];
}
