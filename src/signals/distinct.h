/* Distinct users over a sliding time: exact for the newest 64, HyperLogLog beyond.
 *
 * distinct.c has the rule and why it depends on the set of events alone.  One block of memory for a
 * set, one more for its sketch.  one thread; reading: any thread while nobody writes. */
#ifndef TIDAL_SIGNALS_DISTINCT_H
#define TIDAL_SIGNALS_DISTINCT_H

#include "base/memory.h"
#include "schema/ids.h"

enum {
    DISTINCT_EXACT = 64,      /* so many users are counted one by one */
    DISTINCT_REGISTERS = 256, /* standard error of what is more: 1.04 / sqrt(256) = 6.5 % */
    DISTINCT_RANK_MAXIMUM = 32,
    DISTINCT_MARKS_MAXIMUM = DISTINCT_REGISTERS * DISTINCT_RANK_MAXIMUM
};

/* A user, and their newest event. */
struct distinct_user {
    int64_t time_ms;
    uint64_t hash;
};

/* A mark is time * 64 + rank: by time, then by rank. */
struct sketch {
    uint16_t ends[DISTINCT_REGISTERS]; /* of each register's marks in `marks` */
    uint16_t capacity;
    int64_t marks[]; /* of each register: time rises, rank falls */
};

struct distinct {
    entity_id id;
    struct sketch *sketch; /* NULL: `users` are all there are in the span */
    uint16_t count, capacity;
    bool dirty;
    struct distinct_user users[]; /* the newest ones, ascending by time, then hash */
};

/* An empty one.  NULL on no memory. */
struct distinct *distinct_create(entity_id id, struct memory *memory);
void distinct_free(struct distinct *distinct, struct memory *memory);
size_t distinct_bytes(const struct distinct *distinct); /* at most 68,000 */

/* An event of a user; what is not newer than the newest event less the span is forgotten.  The
 * block may move.  *changed: is any row of it another?  false: no memory, and *distinct is as it
 * was, but for what is forgotten. */
MUST_USE bool distinct_add(struct distinct **distinct, struct memory *memory, int64_t span_ms,
                           uint64_t hash, int64_t time_ms, bool *changed);
/* Users with an event after `after_ms`, which is not before the newest event less the span. */
double distinct_count(const struct distinct *distinct, int64_t after_ms);
/* The same user under a name that is nobody's, and follows from the item and the time: counted, and
 * not to be found again.  false: they are not among the users that are counted one by one. */
bool distinct_forget(struct distinct *distinct, uint64_t hash);

/* For rows: places in an empty or partly filled one, in the order in which they are kept.  false:
 * out of order or out of range, or (*room false) no memory. */
MUST_USE bool distinct_put_user(struct distinct **distinct, struct memory *memory,
                                const struct distinct_user *user, bool *room);
MUST_USE bool distinct_put_mark(struct distinct *distinct, struct memory *memory, unsigned reg,
                                int64_t time_ms, unsigned rank, bool *room);
/* Is it what events within the span could have made of it? */
bool distinct_check(const struct distinct *distinct, int64_t span_ms);

/* Marks of a register, oldest first. */
static inline const int64_t *sketch_marks(const struct sketch *sketch, unsigned reg, size_t *count)
{
    unsigned begin = reg > 0 ? sketch->ends[reg - 1] : 0;
    *count = (size_t)(sketch->ends[reg] - begin);
    return sketch->marks + begin;
}

static inline int64_t mark_time_ms(int64_t mark)
{
    return (mark - (mark & 63)) / 64;
}

static inline unsigned mark_rank(int64_t mark)
{
    return (unsigned)(mark & 63);
}

static inline int64_t distinct_newest_ms(const struct distinct *distinct)
{
    return distinct->count > 0 ? distinct->users[distinct->count - 1].time_ms : INT64_MIN;
}

#endif
