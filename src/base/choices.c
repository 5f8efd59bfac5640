#include "base/choices.h"

#include "base/hash.h"

#include <assert.h>

#define DRAWN_MAXIMUM ((size_t)1 << 20)

void choices_from_seed(struct choices *choices, uint64_t seed, struct memory *memory)
{
    *choices = (struct choices){.state = seed, .memory = memory};
}

void choices_from_list(struct choices *choices, const uint64_t *list, size_t count,
                       struct memory *memory)
{
    static const uint64_t nothing;
    *choices =
        (struct choices){.replay = list ? list : &nothing, .replay_count = count, .memory = memory};
}

void choices_from_bytes(struct choices *choices, const uint8_t *bytes, size_t count)
{
    static const uint8_t nothing;
    *choices = (struct choices){.bytes = bytes ? bytes : &nothing, .byte_count = count};
}

void choices_release(struct choices *choices)
{
    if (!choices->memory) return;
    memory_free(choices->memory, choices->drawn, choices->drawn_capacity * sizeof *choices->drawn);
    choices->drawn = NULL;
    choices->drawn_count = choices->drawn_capacity = 0;
}

static uint64_t from_bytes(struct choices *choices, uint64_t bound)
{
    uint64_t value = 0;
    for (uint64_t rest = bound; rest > 0 && choices->byte_count > 0; rest >>= 8) {
        value = value << 8 | *choices->bytes++;
        choices->byte_count--;
    }
    return value;
}

static uint64_t answer(struct choices *choices, uint64_t bound)
{
    uint64_t value;
    if (choices->replay) {
        if (choices->replay_count == 0) return 0;
        choices->replay_count--;
        value = *choices->replay++;
        return value < bound ? value : bound;
    }
    if (choices->bytes) {
        value = from_bytes(choices, bound);
    } else {
        value = hash_u64(choices->state);
        choices->state += 0x9e3779b97f4a7c15u;
    }
    return bound == UINT64_MAX ? value : value % (bound + 1);
}

static void record(struct choices *choices, uint64_t value)
{
    void *drawn = choices->drawn;
    bool room = memory_grow(choices->memory, &drawn, &choices->drawn_capacity,
                            choices->drawn_count + 1, sizeof value, DRAWN_MAXIMUM);
    choices->drawn = drawn;
    if (!room) {
        choices->overrun = true;
        return;
    }
    choices->drawn[choices->drawn_count++] = value;
}

uint64_t choose(struct choices *choices, uint64_t bound)
{
    uint64_t value = answer(choices, bound);
    assert(value <= bound);
    if (choices->memory && !choices->overrun) record(choices, value);
    return value;
}

bool choose_one_in(struct choices *choices, uint64_t n)
{
    assert(n > 0);
    return choose(choices, n - 1) == n - 1;
}

uint64_t choose_between(struct choices *choices, uint64_t low, uint64_t high)
{
    assert(low <= high);
    return low + choose(choices, high - low);
}
