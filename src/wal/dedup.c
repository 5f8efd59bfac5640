/* Open addressing with linear probing, at most three quarters full.  Nothing is ever deleted from a
 * generation but the whole of it, so there are no tombstones.  Nearly every identity that is looked
 * for is new: a byte a slot says so, without a look into the slots, which do not fit a cache. */
#include "wal/dedup.h"

#include "base/hash.h"

#include <assert.h>

#define DEDUP_FIRST_CAPACITY 256

void dedup_init(struct dedup *dedup, struct memory *memory, uint64_t count_limit, int64_t window_ms,
                uint64_t seed)
{
    assert(count_limit > 0 && window_ms > 0);
    *dedup = (struct dedup){
        .memory = memory, .count_limit = count_limit, .window_ms = window_ms, .seed = seed};
}

static void generation_release(struct dedup *dedup, struct dedup_generation *generation)
{
    memory_free(dedup->memory, generation->slots, generation->capacity * sizeof(struct dedup_slot));
    memory_free(dedup->memory, generation->tags, generation->capacity);
    *generation = (struct dedup_generation){0};
}

void dedup_release(struct dedup *dedup)
{
    generation_release(dedup, &dedup->generations[0]);
    generation_release(dedup, &dedup->generations[1]);
}

/* Callers choose their keys, so the place in the table depends on what they do not know. */
uint64_t dedup_hash(const struct dedup *dedup, const uint8_t identity[WAL_IDENTITY_BYTES])
{
    uint64_t high = hash_u64(load_u64(identity + 8) + dedup->seed);
    return hash_u64(load_u64(identity) ^ high);
}

/* Other bits than those of the place; not 0. */
static uint8_t tag_of(uint64_t hash)
{
    return (uint8_t)((hash >> 57) + 1);
}

/* Its place, or the empty one where it would go.  capacity > held. */
static size_t generation_place(const struct dedup_generation *generation, const uint8_t *identity,
                               uint64_t hash)
{
    size_t at = (size_t)hash & (generation->capacity - 1);
    uint8_t tag = tag_of(hash);
    while (generation->tags[at] != 0 &&
           (generation->tags[at] != tag ||
            memcmp(generation->slots[at].identity, identity, WAL_IDENTITY_BYTES) != 0)) {
        at = (at + 1) & (generation->capacity - 1);
    }
    return at;
}

static size_t room_of(size_t capacity)
{
    return capacity - capacity / 4;
}

static bool generation_reserve(struct dedup *dedup, struct dedup_generation *generation,
                               size_t need)
{
    if (need <= room_of(generation->capacity)) return true;
    size_t capacity = generation->capacity > 0 ? generation->capacity : DEDUP_FIRST_CAPACITY;
    while (room_of(capacity) < need) {
        if (!size_multiply(capacity, 2, &capacity)) return false;
    }
    size_t bytes;
    if (!size_multiply(capacity, sizeof(struct dedup_slot), &bytes)) return false;
    struct dedup_generation grown = *generation;
    grown.capacity = capacity;
    grown.slots = memory_allocate_table(dedup->memory, bytes);
    grown.tags = memory_allocate_zeroed(dedup->memory, capacity);
    if (!grown.slots || !grown.tags) {
        memory_free(dedup->memory, grown.slots, bytes);
        memory_free(dedup->memory, grown.tags, capacity);
        return false;
    }
    for (size_t i = 0; i < generation->capacity; i++) {
        if (generation->tags[i] == 0) continue;
        const struct dedup_slot *old = &generation->slots[i];
        uint64_t hash = dedup_hash(dedup, old->identity);
        size_t at = generation_place(&grown, old->identity, hash);
        grown.slots[at] = *old;
        grown.tags[at] = tag_of(hash);
    }
    generation_release(dedup, generation);
    *generation = grown;
    return true;
}

bool dedup_reserve(struct dedup *dedup, size_t count)
{
    struct dedup_generation *current = &dedup->generations[dedup->current];
    struct dedup_generation *next = &dedup->generations[1 - dedup->current];
    if (!generation_reserve(dedup, current, current->held + count)) return false;
    /* After a rotation the present previous one, emptied, takes the inserts. */
    return room_of(next->capacity) >= count || generation_reserve(dedup, next, next->held + count);
}

void dedup_prefetch(const struct dedup *dedup, uint64_t hash)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct dedup_generation *generation = &dedup->generations[i];
        if (generation->capacity == 0) continue;
        size_t at = (size_t)hash & (generation->capacity - 1);
        __builtin_prefetch(&generation->tags[at], 1);
        if (i == dedup->current) __builtin_prefetch(&generation->slots[at], 1);
    }
}

uint64_t dedup_find(const struct dedup *dedup, const uint8_t identity[WAL_IDENTITY_BYTES],
                    uint64_t hash)
{
    for (unsigned i = 0; i < 2; i++) {
        const struct dedup_generation *generation = &dedup->generations[i];
        if (generation->held == 0) continue;
        size_t at = generation_place(generation, identity, hash);
        if (generation->tags[at] != 0) return generation->slots[at].lsn;
    }
    return 0;
}

static void dedup_rotate(struct dedup *dedup)
{
    dedup->current = 1 - dedup->current;
    struct dedup_generation *current = &dedup->generations[dedup->current];
    if (current->held > 0) memset(current->tags, 0, current->capacity);
    *current = (struct dedup_generation){
        .slots = current->slots, .tags = current->tags, .capacity = current->capacity};
    dedup->rotations++;
}

void dedup_frame(struct dedup *dedup, uint64_t first_lsn, int64_t time_ms)
{
    const struct dedup_generation *current = &dedup->generations[dedup->current];
    bool full = current->count >= dedup->count_limit;
    bool old = current->first_lsn != 0 && time_ms - current->time_ms >= dedup->window_ms;
    if (full || old) dedup_rotate(dedup);
    struct dedup_generation *now = &dedup->generations[dedup->current];
    if (now->first_lsn == 0) {
        now->first_lsn = first_lsn;
        now->time_ms = time_ms;
    }
}

void dedup_insert(struct dedup *dedup, const uint8_t identity[WAL_IDENTITY_BYTES], uint64_t hash,
                  uint64_t lsn)
{
    struct dedup_generation *current = &dedup->generations[dedup->current];
    assert(lsn != 0 && current->first_lsn != 0 && current->held < room_of(current->capacity));
    size_t at = generation_place(current, identity, hash);
    struct dedup_slot *slot = &current->slots[at];
    current->count++;
    if (current->tags[at] == 0) {
        if (current->held == 0) current->first_identity_lsn = lsn;
        current->held++;
        current->tags[at] = tag_of(hash);
        memcpy(slot->identity, identity, WAL_IDENTITY_BYTES);
    }
    slot->lsn = lsn;
}

uint64_t dedup_horizon(const struct dedup *dedup)
{
    uint64_t previous = dedup->generations[1 - dedup->current].first_identity_lsn;
    uint64_t current = dedup->generations[dedup->current].first_identity_lsn;
    if (previous != 0) return previous;
    return current != 0 ? current : UINT64_MAX;
}

uint64_t dedup_count(const struct dedup *dedup)
{
    return dedup->generations[0].held + dedup->generations[1].held;
}

struct dedup_state dedup_state(const struct dedup *dedup)
{
    const struct dedup_generation *current = &dedup->generations[dedup->current];
    return (struct dedup_state){.previous_lsn = dedup->generations[1 - dedup->current].first_lsn,
                                .current_lsn = current->first_lsn,
                                .current_time_ms = current->time_ms,
                                .current_count = current->count};
}

void dedup_restore(struct dedup *dedup, const struct dedup_state *state)
{
    generation_release(dedup, &dedup->generations[0]);
    generation_release(dedup, &dedup->generations[1]);
    dedup->current = 0;
    dedup->generations[0].first_lsn = state->current_lsn;
    dedup->generations[0].time_ms = state->current_time_ms;
    dedup->generations[0].count = state->current_count;
    dedup->generations[1].first_lsn = state->previous_lsn;
}
