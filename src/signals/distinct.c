/* Distinct users over (now - W, now], for any W up to the span S, and any now from the newest event
 * on, from two things:
 *
 *   users    the 64 users whose newest events in the span are newest, each with its time
 *   sketch   only when there are 64 of them: a HyperLogLog that slides (Chabchoub and Hebrail,
 *            2010).  A user's hash names one of 256 registers and a rank, the place of the first
 *            one bit in the rest (rank k: one hash in 2^k).  A register keeps those (time, rank) of
 *            which no other is as new and as high: the front.  In any window its highest rank is
 *            that of the oldest mark in the window.
 *
 *   count    users in the window, if the oldest of the 64 lies before it or there are fewer: exact.
 *            Otherwise Ertl's estimate from the ranks (arXiv 1702.01284, algorithm 6: without bias
 *            at any size, no table, no logarithm), at least 64; standard error 1.04 / sqrt(256).
 *
 * Content alone: the time of a user's newest event is a maximum, the 64 first of an order and a
 * front are functions of a set, what is older than the newest event less S is forgotten now or
 * later alike.  Fewer than 64 users are all the users of the span, so a sketch can be made of them
 * the moment they are 64, and dropped when they are fewer.  So any order of arrival, however late,
 * any batch and any repeat give the same bits; and two sets could be merged.
 *
 * Size: a mark is beaten by each newer one of its register that is as high, so that n users in the
 * span leave about 0.5 log2(n / 256) + 1 marks a register: 1,100 for 10,000 users, 2,000 for a
 * million (8 bytes each).  Ranks end at 32, so there are never more than 32 a register: 64 KiB. */
#include "signals/distinct.h"

#include "base/hash.h"
#include "base/time_window.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { MARKS_STEP = 128, RANK_SHIFT = 6 };

static const int64_t TIME_BOUND_MS = INT64_C(1) << 56; /* a mark has room for it */

static size_t block_bytes(size_t capacity)
{
    return sizeof(struct distinct) + capacity * sizeof(struct distinct_user);
}

static size_t sketch_bytes(size_t capacity)
{
    return sizeof(struct sketch) + capacity * sizeof(int64_t);
}

struct distinct *distinct_create(entity_id id, struct memory *memory)
{
    struct distinct *distinct = memory_allocate_zeroed(memory, block_bytes(1));
    if (!distinct) return NULL;
    distinct->id = id;
    distinct->capacity = 1;
    return distinct;
}

static void drop_sketch(struct distinct *distinct, struct memory *memory)
{
    if (!distinct->sketch) return;
    memory_free(memory, distinct->sketch, sketch_bytes(distinct->sketch->capacity));
    distinct->sketch = NULL;
}

void distinct_free(struct distinct *distinct, struct memory *memory)
{
    if (!distinct) return;
    drop_sketch(distinct, memory);
    memory_free(memory, distinct, block_bytes(distinct->capacity));
}

size_t distinct_bytes(const struct distinct *distinct)
{
    return block_bytes(distinct->capacity) +
           (distinct->sketch ? sketch_bytes(distinct->sketch->capacity) : 0);
}

static bool reserve_users(struct distinct **distinct, struct memory *memory, size_t count)
{
    size_t old = (*distinct)->capacity, capacity = old;
    if (count <= old) return true;
    while (capacity < count)
        capacity *= 2;
    void *block = memory_resize(memory, *distinct, block_bytes(old), block_bytes(capacity));
    if (!block) return false;
    *distinct = block;
    (*distinct)->capacity = (uint16_t)capacity;
    return true;
}

/* --- The sketch --- */

static unsigned register_of(uint64_t hash)
{
    return (unsigned)(hash >> 56);
}

static unsigned rank_of(uint64_t hash)
{
    uint64_t rest = hash << 8;
    unsigned rank = rest == 0 ? 64 : (unsigned)__builtin_clzll(rest) + 1;
    return rank < DISTINCT_RANK_MAXIMUM ? rank : DISTINCT_RANK_MAXIMUM;
}

static int64_t mark_of(int64_t time_ms, unsigned rank)
{
    return time_ms * (1 << RANK_SHIFT) + (int64_t)rank;
}

static bool reserve_marks(struct distinct *distinct, struct memory *memory, size_t count)
{
    struct sketch *sketch = distinct->sketch;
    size_t old = sketch->capacity, capacity = old + MARKS_STEP;
    if (count <= old) return true;
    assert(count <= DISTINCT_MARKS_MAXIMUM && capacity >= count);
    sketch = memory_resize(memory, sketch, sketch_bytes(old), sketch_bytes(capacity));
    if (!sketch) return false;
    distinct->sketch = sketch;
    sketch->capacity = (uint16_t)capacity;
    return true;
}

/* Marks [begin, end) of all give way to one.  There is room. */
static void replace_marks(struct sketch *sketch, unsigned reg, size_t begin, size_t end,
                          int64_t mark)
{
    size_t count = sketch->ends[DISTINCT_REGISTERS - 1];
    if (begin + 1 != end) {
        memmove(sketch->marks + begin + 1, sketch->marks + end,
                (count - end) * sizeof *sketch->marks);
        for (unsigned i = reg; i < DISTINCT_REGISTERS; i++)
            sketch->ends[i] = (uint16_t)(sketch->ends[i] + 1 - (end - begin));
    }
    sketch->marks[begin] = mark;
}

/* Marks not after `before_ms` are dropped, of this register. */
static bool sketch_add(struct distinct *distinct, struct memory *memory, uint64_t hash,
                       int64_t time_ms, int64_t before_ms, bool *changed)
{
    unsigned reg = register_of(hash), rank = rank_of(hash);
    size_t first = reg > 0 ? distinct->sketch->ends[reg - 1] : 0;
    size_t end = distinct->sketch->ends[reg];
    const int64_t *marks = distinct->sketch->marks;
    size_t at = end;
    while (at > first && mark_time_ms(marks[at - 1]) >= time_ms)
        at--;
    if (at < end && mark_rank(marks[at]) >= rank) return true; /* beaten */
    size_t after = at;
    if (at < end && mark_time_ms(marks[at]) == time_ms) after++; /* lower, at the same time */
    while (at > first && mark_rank(marks[at - 1]) <= rank)
        at--;
    if (at > first && mark_time_ms(marks[at - 1]) <= before_ms) at = first; /* all are as old */
    size_t total = distinct->sketch->ends[DISTINCT_REGISTERS - 1];
    if (at == after && !reserve_marks(distinct, memory, total + 1)) return false;
    replace_marks(distinct->sketch, reg, at, after, mark_of(time_ms, rank));
    *changed = true;
    return true;
}

/* Of the users, who are all there are. */
static bool make_sketch(struct distinct *distinct, struct memory *memory)
{
    bool changed, made = true;
    distinct->sketch = memory_allocate(memory, sketch_bytes(MARKS_STEP));
    if (!distinct->sketch) return false;
    memset(distinct->sketch->ends, 0, sizeof distinct->sketch->ends);
    distinct->sketch->capacity = MARKS_STEP;
    for (uint16_t i = 0; i < distinct->count && made; i++) {
        const struct distinct_user *user = &distinct->users[i];
        made = sketch_add(distinct, memory, user->hash, user->time_ms, INT64_MIN, &changed);
    }
    return made; /* 64 marks have room */
}

/* --- Events --- */

static bool comes_before(const struct distinct_user *a, const struct distinct_user *b)
{
    return a->time_ms < b->time_ms || (a->time_ms == b->time_ms && a->hash < b->hash);
}

static void forget_older(struct distinct *distinct, struct memory *memory, int64_t before_ms)
{
    uint16_t old = 0;
    while (old < distinct->count && distinct->users[old].time_ms <= before_ms)
        old++;
    if (old == 0) return;
    distinct->count = (uint16_t)(distinct->count - old);
    memmove(distinct->users, distinct->users + old, distinct->count * sizeof *distinct->users);
    drop_sketch(distinct, memory); /* what is not among the 64 is older still */
}

static uint16_t find_user(const struct distinct *distinct, uint64_t hash)
{
    uint16_t at = 0;
    while (at < distinct->count && distinct->users[at].hash != hash)
        at++;
    return at;
}

/* Puts a user into the place `at`, which is free, and further up until the order is right. */
static void settle_up(struct distinct *distinct, uint16_t at, const struct distinct_user *user)
{
    uint16_t to = (uint16_t)(distinct->count - 1); /* most events are the newest */
    while (to > at && comes_before(user, &distinct->users[to]))
        to--;
    memmove(&distinct->users[at], &distinct->users[at + 1], (size_t)(to - at) * sizeof *user);
    distinct->users[to] = *user;
}

static void settle_down(struct distinct *distinct, uint16_t at, const struct distinct_user *user)
{
    for (; at > 0 && comes_before(user, &distinct->users[at - 1]); at--)
        distinct->users[at] = distinct->users[at - 1];
    distinct->users[at] = *user;
}

static bool add_user(struct distinct **set, struct memory *memory, const struct distinct_user *user)
{
    struct distinct *distinct = *set;
    if (distinct->count == DISTINCT_EXACT) {
        /* The oldest one leaves, who may be this one. */
        if (comes_before(&distinct->users[0], user)) settle_up(distinct, 0, user);
        return true;
    }
    if (!reserve_users(set, memory, (size_t)distinct->count + 1)) return false;
    distinct = *set;
    settle_down(distinct, distinct->count++, user);
    return distinct->count < DISTINCT_EXACT || make_sketch(distinct, memory);
}

bool distinct_add(struct distinct **set, struct memory *memory, int64_t span_ms, uint64_t hash,
                  int64_t time_ms, bool *changed)
{
    struct distinct *distinct = *set;
    struct distinct_user user = {time_ms, hash};
    int64_t newest_ms = distinct_newest_ms(distinct);
    assert(span_ms > 0 && time_ms > -TIME_BOUND_MS && time_ms < TIME_BOUND_MS);
    *changed = false;
    if (time_ms > newest_ms) newest_ms = time_ms;
    int64_t before_ms = window_after_ms(newest_ms, span_ms);
    if (time_ms <= before_ms) return true;
    forget_older(distinct, memory, before_ms);
    uint16_t at = find_user(distinct, hash);
    if (at < distinct->count && distinct->users[at].time_ms >= time_ms) return true;
    if (distinct->sketch && !sketch_add(distinct, memory, hash, time_ms, before_ms, changed))
        return false;
    if (at == distinct->count) {
        bool older = at == DISTINCT_EXACT && !comes_before(&distinct->users[0], &user);
        *changed = *changed || !older;
        return add_user(set, memory, &user);
    }
    *changed = true;
    settle_up(distinct, at, &user);
    return true;
}

bool distinct_forget(struct distinct *distinct, uint64_t hash)
{
    uint16_t at = find_user(distinct, hash);
    if (at == distinct->count) return false;
    struct distinct_user user = distinct->users[at];
    /* Register and rank are in the sketch, and stay. */
    uint64_t name = hash_u64(distinct->id ^ hash_u64((uint64_t)user.time_ms));
    uint64_t rest = UINT64_MAX >> (8 + rank_of(hash));
    do {
        user.hash = (hash & ~rest) | (name & rest);
        name = hash_u64(name);
    } while (find_user(distinct, user.hash) < distinct->count);
    distinct->users[at] = user;
    settle_up(distinct, at, &user);
    settle_down(distinct, find_user(distinct, user.hash), &user);
    return true;
}

/* --- Reading --- */

/* The part of the estimate for registers without any mark: x + sum of 2^(k-1) x^(2^k); x < 1. */
static double sigma(double x)
{
    double sum = x, factor = 1, before;
    do {
        x *= x;
        before = sum;
        sum += x * factor;
        factor += factor;
    } while (sum != before);
    return sum;
}

/* The part for registers with the highest rank. */
static double tau(double x)
{
    double sum = 1 - x, factor = 1, before;
    if (x == 0 || x == 1) return 0;
    do {
        x = sqrt(x);
        before = sum;
        factor *= 0.5;
        sum -= (1 - x) * (1 - x) * factor;
    } while (sum != before);
    return sum / 3;
}

static double estimate(const unsigned registers[DISTINCT_RANK_MAXIMUM + 1])
{
    static const double half_per_ln_2 = 0.721347520444481703680;
    double m = DISTINCT_REGISTERS;
    double sum = m * tau(1 - registers[DISTINCT_RANK_MAXIMUM] / m);
    for (unsigned rank = DISTINCT_RANK_MAXIMUM - 1; rank > 0; rank--)
        sum = 0.5 * (sum + registers[rank]);
    sum += m * sigma(registers[0] / m);
    return half_per_ln_2 * m * m / sum;
}

double distinct_count(const struct distinct *distinct, int64_t after_ms)
{
    unsigned registers[DISTINCT_RANK_MAXIMUM + 1] = {0};
    uint16_t older = 0;
    while (older < distinct->count && distinct->users[older].time_ms <= after_ms)
        older++;
    if (older > 0 || !distinct->sketch) return distinct->count - older;
    for (unsigned reg = 0; reg < DISTINCT_REGISTERS; reg++) {
        size_t count, i = 0;
        const int64_t *marks = sketch_marks(distinct->sketch, reg, &count);
        while (i < count && mark_time_ms(marks[i]) <= after_ms)
            i++;
        registers[i < count ? mark_rank(marks[i]) : 0]++;
    }
    if (registers[0] == DISTINCT_REGISTERS) return distinct->count; /* only in damaged rows */
    double users = estimate(registers);
    return users > DISTINCT_EXACT ? users : DISTINCT_EXACT;
}

/* --- Rows --- */

bool distinct_put_user(struct distinct **set, struct memory *memory,
                       const struct distinct_user *user, bool *room)
{
    struct distinct *distinct = *set;
    bool in_order =
        distinct->count == 0 || comes_before(&distinct->users[distinct->count - 1], user);
    *room = true;
    if (!in_order || distinct->count == DISTINCT_EXACT || user->time_ms <= -TIME_BOUND_MS ||
        user->time_ms >= TIME_BOUND_MS || find_user(distinct, user->hash) < distinct->count)
        return false;
    *room = reserve_users(set, memory, (size_t)distinct->count + 1);
    if (!*room) return false;
    (*set)->users[(*set)->count++] = *user;
    return true;
}

bool distinct_put_mark(struct distinct *distinct, struct memory *memory, unsigned reg,
                       int64_t time_ms, unsigned rank, bool *room)
{
    *room = true;
    if (rank == 0 || rank > DISTINCT_RANK_MAXIMUM || time_ms <= -TIME_BOUND_MS ||
        time_ms >= TIME_BOUND_MS)
        return false;
    if (!distinct->sketch) {
        distinct->sketch = memory_allocate_zeroed(memory, sketch_bytes(MARKS_STEP));
        *room = distinct->sketch;
        if (!*room) return false;
        distinct->sketch->capacity = MARKS_STEP;
    }
    size_t count, all = distinct->sketch->ends[DISTINCT_REGISTERS - 1];
    const int64_t *marks = sketch_marks(distinct->sketch, reg, &count);
    if (count > 0 &&
        (mark_time_ms(marks[count - 1]) >= time_ms || mark_rank(marks[count - 1]) <= rank))
        return false;
    *room = reserve_marks(distinct, memory, all + 1);
    if (!*room) return false;
    replace_marks(distinct->sketch, reg, distinct->sketch->ends[reg], distinct->sketch->ends[reg],
                  mark_of(time_ms, rank));
    return true;
}

static bool check_register(const struct sketch *sketch, unsigned reg, int64_t newest_ms)
{
    size_t count;
    const int64_t *marks = sketch_marks(sketch, reg, &count);
    for (size_t i = 0; i < count; i++) {
        unsigned rank = mark_rank(marks[i]);
        if (rank == 0 || rank > DISTINCT_RANK_MAXIMUM) return false;
        if (mark_time_ms(marks[i]) > newest_ms) return false;
        if (i > 0 && (marks[i - 1] >= marks[i] || mark_rank(marks[i - 1]) <= rank)) return false;
    }
    return true;
}

/* A user's register has a mark as new and as high as theirs. */
static bool is_marked(const struct sketch *sketch, const struct distinct_user *user)
{
    size_t count, i = 0;
    const int64_t *marks = sketch_marks(sketch, register_of(user->hash), &count);
    while (i < count && mark_time_ms(marks[i]) < user->time_ms)
        i++;
    return i < count && mark_rank(marks[i]) >= rank_of(user->hash);
}

bool distinct_check(const struct distinct *distinct, int64_t span_ms)
{
    int64_t newest_ms = distinct_newest_ms(distinct);
    int64_t before_ms = window_after_ms(newest_ms, span_ms);
    if (distinct->count == 0 || distinct->count > DISTINCT_EXACT) return false;
    if ((distinct->count == DISTINCT_EXACT) != (distinct->sketch != NULL)) return false;
    if (distinct->users[0].time_ms <= before_ms) return false;
    for (uint16_t i = 0; i < distinct->count; i++) {
        const struct distinct_user *user = &distinct->users[i];
        if (i > 0 && !comes_before(user - 1, user)) return false;
        if (find_user(distinct, user->hash) != i) return false;
        if (distinct->sketch && !is_marked(distinct->sketch, user)) return false;
    }
    for (unsigned reg = 0; distinct->sketch && reg < DISTINCT_REGISTERS; reg++)
        if (!check_register(distinct->sketch, reg, newest_ms)) return false;
    return true;
}
