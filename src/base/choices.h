/* One stream of small decisions that drives every generated test and every simulated fault.
 *
 * A generator asks for a number in [0, bound].  Three sources answer: a seed, a recorded list
 * (replay and shrinking), or a fuzzer's bytes.  All that is drawn is recorded, so a failing case is
 * its list of choices.  Rule for generators: 0 is the simplest answer.  one thread. */
#ifndef TIDAL_BASE_CHOICES_H
#define TIDAL_BASE_CHOICES_H

#include "base/memory.h"

struct choices {
    uint64_t state;         /* of the seeded source */
    const uint64_t *replay; /* recorded answers; NULL unless replaying; 0 once they are used up */
    size_t replay_count;
    const uint8_t *bytes; /* a fuzzer's input; NULL unless fuzzing; 0 once it is used up */
    size_t byte_count;
    struct memory *memory; /* for `drawn`; NULL: nothing is recorded */
    uint64_t *drawn;
    size_t drawn_count;
    size_t drawn_capacity;
    bool overrun; /* more was drawn than is kept: the case cannot be replayed */
};

void choices_from_seed(struct choices *choices, uint64_t seed, struct memory *memory);
void choices_from_list(struct choices *choices, const uint64_t *list, size_t count,
                       struct memory *memory);
void choices_from_bytes(struct choices *choices, const uint8_t *bytes, size_t count);
void choices_release(struct choices *choices);

uint64_t choose(struct choices *choices, uint64_t bound); /* 0 .. bound */
bool choose_one_in(struct choices *choices, uint64_t n);  /* true once in n; false is simplest */
uint64_t choose_between(struct choices *choices, uint64_t low, uint64_t high); /* low .. high */

#endif
