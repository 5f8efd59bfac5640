/* What an event of a user weighs, in units of 1/256, decided when it is applied:
 *
 *   weight = trust                                   TRUST: the user's field at this moment, else 1
 *          * (count < maximum ? 1 : 0)               for each CAP of the signal
 *          * round(256 / (count + 1)) / 256          SUBLINEAR: 1, 1/2, 1/3, ... of one subject
 *
 * `count` is how many events of this user, and of this subject unless the cap is one in all, have
 * counted in the period floor(event time / length), so periods are aligned to the epoch, and a late
 * event falls into the period of its time.  Only what weighs something is counted: an event that
 * one cap keeps out takes no place under another.  What is taken back leaves its place taken, as
 * liking and unliking in turns would else be free.
 *
 * Order: which five of six events count is decided by their order in the log, not by their times.
 * Any other rule would have to take back what is counted already.
 *
 * Bounds: a counter is over once time has passed its period's end by the signal's lateness bound:
 * no event that is in time falls into it then, and one that is late weighs nothing.  Counters that
 * are over go when a newer event of their user counts; whether they are is told by that event's
 * time, so that a user's row depends on what the user said alone.  A user has at most
 * QUOTA_COUNTERS_MAXIMUM counters; who would need more says too much to be counted. */
#include "behaviour/quota_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static enum code no_memory(struct error *error)
{
    return error_no_memory(error, AREA_BEHAVIOUR, sizeof(struct quota_user));
}

unsigned quota_trust(const struct value *value)
{
    if (value->type != VALUE_FLOAT || value->number >= 1) return EVENT_WEIGHT_ONE;
    return value->number <= 0 ? 0 : (unsigned)(value->number * EVENT_WEIGHT_ONE + 0.5);
}

unsigned quota_sublinear_weight(uint64_t k)
{
    assert(k > 0);
    if (k > QUOTA_SUBLINEAR_EVENTS) return 0;
    return (unsigned)((2 * EVENT_WEIGHT_ONE + k) / (2 * k));
}

int64_t quota_scale(int64_t value, unsigned weight)
{
    assert(weight <= EVENT_WEIGHT_ONE);
    return (value * (int64_t)weight + EVENT_WEIGHT_ONE / 2) >> 8;
}

_Static_assert(EVENT_WEIGHT_ONE == 1 << 8, "quota_scale shifts");

static int64_t period_of(const struct signal *signal, enum quota_kind kind, int64_t time_ms)
{
    int64_t length_ms = signal->quota_ms[kind];
    int64_t period = time_ms / length_ms;
    return period - (time_ms % length_ms < 0);
}

int64_t quota_over_ms(const struct signal *signal, enum quota_kind kind, int64_t period)
{
    __int128 over = ((__int128)period + 1) * signal->quota_ms[kind] + signal->lateness_ms;
    return over > INT64_MAX ? INT64_MAX : over < INT64_MIN ? INT64_MIN : (int64_t)over;
}

int quota_counter_compare(const struct quota_counter *a, const struct quota_counter *b)
{
    if (a->signal != b->signal) return a->signal < b->signal ? -1 : 1;
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    if (a->subject_id != b->subject_id) return a->subject_id < b->subject_id ? -1 : 1;
    if (a->period != b->period) return a->period < b->period ? -1 : 1;
    return 0;
}

struct quota_user *quota_user_find(const struct quota *quota, ordinal user)
{
    return user < quota->user_capacity ? quota->users[user] : NULL;
}

/* Where the counter is, or would be. */
static uint32_t place_of(const struct quota_user *user, const struct quota_counter *counter,
                         bool *found)
{
    uint32_t low = 0, high = user->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (quota_counter_compare(&user->counters[middle], counter) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < user->count && quota_counter_compare(&user->counters[low], counter) == 0;
    return low;
}

static const struct signal *signal_of(const struct resolved_change *change)
{
    return &change->schema->signals[change->change->signal.signal];
}

/* The counter that an event falls into, at 0. */
static struct quota_counter counter_of(const struct resolved_change *change, enum quota_kind kind)
{
    const struct signal *signal = signal_of(change);
    return (struct quota_counter){.subject_id = kind == QUOTA_USER ? 0 : change->subject_id,
                                  .period = period_of(signal, kind, change->time_ms),
                                  .signal = signal->id,
                                  .kind = (uint8_t)kind};
}

static int64_t later(int64_t a_ms, int64_t b_ms)
{
    return a_ms > b_ms ? a_ms : b_ms;
}

/* The counters that are not over at a time. */
static uint32_t count_standing(const struct quota_user *user, const struct schema *schema,
                               int64_t now_ms)
{
    uint32_t standing = 0;
    for (uint32_t i = 0; i < user->count; i++) {
        const struct quota_counter *counter = &user->counters[i];
        const struct signal *signal = &schema->signals[counter->signal];
        standing += quota_over_ms(signal, (enum quota_kind)counter->kind, counter->period) > now_ms;
    }
    return standing;
}

/* Has the user no room for so many more counters? */
static bool is_full(const struct quota_user *user, const struct resolved_change *change,
                    uint32_t more)
{
    if (!user || user->count + more <= QUOTA_COUNTERS_MAXIMUM) return false;
    int64_t now_ms = later(user->newest_ms, change->time_ms);
    return count_standing(user, change->schema, now_ms) + more > QUOTA_COUNTERS_MAXIMUM;
}

static unsigned weigh(const struct quota *quota, unsigned weight,
                      const struct resolved_change *change)
{
    const struct signal *signal = signal_of(change);
    const struct quota_user *user = quota_user_find(quota, change->other);
    uint32_t missing = 0;
    for (enum quota_kind kind = 0; kind < QUOTA_KIND_COUNT; kind++) {
        if (signal->quota_ms[kind] == 0) continue;
        struct quota_counter counter = counter_of(change, kind);
        if (quota_over_ms(signal, kind, counter.period) <= change->watermark_ms) return 0;
        bool found = false;
        uint32_t place = user ? place_of(user, &counter, &found) : 0;
        uint32_t count = found ? user->counters[place].count : 0;
        if (count >= signal->quota_maximum[kind]) return 0;
        if (kind == QUOTA_SUBLINEAR)
            weight = (unsigned)quota_scale(weight, quota_sublinear_weight((uint64_t)count + 1));
        missing += !found;
    }
    return is_full(user, change, missing) ? 0 : weight;
}

/* Does it add something that is to be weighed? */
static bool is_weighed(const struct resolved_change *change)
{
    return signal_of(change)->is_limited && change->effective && !change->change->signal.retract &&
           change->other != ORDINAL_NONE;
}

void quota_resolve(const struct quota *quota, unsigned trust, struct resolved_change *change)
{
    assert(change->change->kind == CHANGE_SIGNAL && trust <= EVENT_WEIGHT_ONE);
    if (!is_weighed(change)) return;
    assert(change->contribution_count > 0);
    struct contribution *added = &change->contributions[change->contribution_count - 1];
    assert(added->sign > 0);
    change->weight = (uint16_t)weigh(quota, trust, change);
    if (change->weight == 0) {
        change->contribution_count--;
    } else {
        added->value = quota_scale(added->value, change->weight);
    }
}

/* --- Users --- */

static bool mark_dirty(struct quota *quota, ordinal who, struct quota_user *user)
{
    if (user->dirty) return true;
    const struct quota_dirty one = {user->id, who};
    if (!dirty_rows_add(&quota->rows, &one)) return false;
    user->dirty = true;
    return true;
}

struct quota_user *quota_user_create(struct quota *quota, ordinal user, entity_id id)
{
    size_t old = quota->user_capacity;
    if (user >= old) {
        void *users = quota->users;
        bool room = memory_grow(quota->memory, &users, &quota->user_capacity, (size_t)user + 1,
                                sizeof *quota->users, UINT32_MAX);
        quota->users = users;
        if (!room) return NULL;
        memset(quota->users + old, 0, (quota->user_capacity - old) * sizeof *quota->users);
        quota->bytes += (quota->user_capacity - old) * sizeof *quota->users;
    }
    assert(!quota->users[user]);
    struct quota_user *created = memory_allocate_zeroed(quota->memory, sizeof *created);
    if (!created) return NULL;
    created->id = id;
    created->newest_ms = INT64_MIN;
    created->over_ms = INT64_MAX;
    quota->users[user] = created;
    quota->bytes += sizeof *created;
    return created;
}

bool quota_user_reserve(struct quota *quota, struct quota_user *user, size_t count)
{
    size_t old = user->capacity, capacity = old > 0 ? old : 2;
    assert(count <= QUOTA_COUNTERS_MAXIMUM);
    if (count <= old) return true;
    while (capacity < count)
        capacity *= 2;
    struct quota_counter *counters =
        memory_resize(quota->memory, user->counters, old * sizeof *user->counters,
                      capacity * sizeof *user->counters);
    if (!counters) return false;
    user->counters = counters;
    user->capacity = (uint32_t)capacity;
    quota->bytes += (capacity - old) * sizeof *counters;
    return true;
}

static void user_free(struct quota *quota, struct quota_user *user)
{
    size_t counters_bytes = user->capacity * sizeof *user->counters;
    quota->bytes -= counters_bytes + sizeof *user;
    quota->counter_count -= user->count;
    memory_free(quota->memory, user->counters, counters_bytes);
    memory_free(quota->memory, user, sizeof *user);
}

/* The row goes at the next checkpoint. */
static bool drop_user(struct quota *quota, ordinal who)
{
    struct quota_user *user = quota_user_find(quota, who);
    if (!user) return true;
    if (!mark_dirty(quota, who, user)) return false;
    quota->users[who] = NULL;
    user_free(quota, user);
    return true;
}

/* Drops what is over. */
static void prune_user(struct quota *quota, struct quota_user *user, const struct schema *schema)
{
    if (user->over_ms > user->newest_ms) return;
    uint32_t kept = 0;
    int64_t first_ms = INT64_MAX;
    for (uint32_t i = 0; i < user->count; i++) {
        struct quota_counter counter = user->counters[i];
        const struct signal *signal = &schema->signals[counter.signal];
        int64_t over_ms = quota_over_ms(signal, (enum quota_kind)counter.kind, counter.period);
        if (over_ms <= user->newest_ms) continue;
        if (over_ms < first_ms) first_ms = over_ms;
        user->counters[kept++] = counter;
    }
    quota->counter_count -= user->count - kept;
    user->count = kept;
    user->over_ms = first_ms;
}

/* --- The fold --- */

static bool count_one(struct quota *quota, struct quota_user *user,
                      const struct resolved_change *change, enum quota_kind kind)
{
    struct quota_counter counter = counter_of(change, kind);
    int64_t over_ms = quota_over_ms(signal_of(change), kind, counter.period);
    bool found;
    uint32_t place = place_of(user, &counter, &found);
    if (found) {
        user->counters[place].count++;
        return true;
    }
    if (!quota_user_reserve(quota, user, (size_t)user->count + 1)) return false;
    memmove(&user->counters[place + 1], &user->counters[place],
            (user->count - place) * sizeof *user->counters);
    counter.count = 1;
    user->counters[place] = counter;
    user->count++;
    quota->counter_count++;
    if (over_ms < user->over_ms) user->over_ms = over_ms;
    return true;
}

static bool count_event(struct quota *quota, const struct resolved_change *change)
{
    const struct signal *signal = signal_of(change);
    bool counts = false;
    for (enum quota_kind kind = 0; kind < QUOTA_KIND_COUNT; kind++)
        counts = counts || signal->quota_ms[kind] != 0;
    if (!counts) return true;
    struct quota_user *user = quota_user_find(quota, change->other);
    if (!user) user = quota_user_create(quota, change->other, change->other_id);
    if (!user || !mark_dirty(quota, change->other, user)) return false;
    user->newest_ms = later(user->newest_ms, change->time_ms);
    prune_user(quota, user, change->schema);
    for (enum quota_kind kind = 0; kind < QUOTA_KIND_COUNT; kind++)
        if (signal->quota_ms[kind] != 0 && !count_one(quota, user, change, kind)) return false;
    return true;
}

static bool apply_signal(struct quota *quota, const struct resolved_change *change)
{
    if (!is_weighed(change)) return true;
    if (change->weight > 0) return count_event(quota, change);
    quota->capped[signal_of(change)->id]++;
    quota->capped_dirty = true;
    return true;
}

/* What others said of a user who is gone: no file may keep that.  Looks through everything, which
 * is rare. */
static bool forget_subject(struct quota *quota, entity_id id, const struct schema *schema)
{
    for (size_t i = 0; i < quota->user_capacity; i++) {
        struct quota_user *user = quota->users[i];
        uint32_t kept = 0;
        for (uint32_t j = 0; user && j < user->count; j++) {
            struct quota_counter counter = user->counters[j];
            bool gone = counter.kind != QUOTA_USER && counter.subject_id == id &&
                        schema->signals[counter.signal].kind == ENTITY_USER;
            if (!gone) user->counters[kept++] = counter;
        }
        if (!user || kept == user->count) continue;
        quota->counter_count -= user->count - kept;
        user->count = kept;
        if (!mark_dirty(quota, (ordinal)i, user)) return false;
        if (kept == 0 && !drop_user(quota, (ordinal)i)) return false;
    }
    return true;
}

/* What it counted, of all users; how much was said beyond its caps. */
static bool drop_signal(struct quota *quota, signal_id signal, const struct schema *schema)
{
    for (size_t i = 0; i < quota->user_capacity; i++) {
        struct quota_user *user = quota->users[i];
        uint32_t kept = 0;
        int64_t first_ms = INT64_MAX;
        for (uint32_t j = 0; user && j < user->count; j++) {
            struct quota_counter counter = user->counters[j];
            if (counter.signal == signal) continue;
            int64_t over_ms = quota_over_ms(&schema->signals[counter.signal],
                                            (enum quota_kind)counter.kind, counter.period);
            if (over_ms < first_ms) first_ms = over_ms;
            user->counters[kept++] = counter;
        }
        if (!user || kept == user->count) continue;
        quota->counter_count -= user->count - kept;
        user->count = kept;
        user->over_ms = first_ms;
        if (!mark_dirty(quota, (ordinal)i, user)) return false;
        if (kept == 0 && !drop_user(quota, (ordinal)i)) return false;
    }
    if (quota->capped[signal] > 0) quota->capped_dirty = true;
    quota->capped[signal] = 0;
    return true;
}

static enum code quota_apply(void *fold, const struct resolved_change *change, struct error *error)
{
    struct quota *quota = fold;
    bool applied = true;
    if (change->change->kind == CHANGE_SIGNAL) applied = apply_signal(quota, change);
    if (change->change->kind == CHANGE_DELETE && change->change->delete.kind == ENTITY_USER)
        applied = drop_user(quota, change->subject) &&
                  forget_subject(quota, change->subject_id, change->schema);
    if (change_drops(change, DEFINE_SIGNAL))
        applied = drop_signal(quota, change->dropped->id, change->schema);
    return applied ? CODE_OK : no_memory(error);
}

static void set_dirty(const struct quota *quota, bool dirty)
{
    const struct quota_dirty *rows = quota->rows.sealed.entries;
    for (size_t i = 0; i < quota->rows.sealed.count; i++) {
        struct quota_user *user = quota_user_find(quota, rows[i].user);
        if (user) user->dirty = dirty;
    }
}

static void quota_seal(void *fold)
{
    struct quota *quota = fold;
    dirty_rows_seal(&quota->rows);
    set_dirty(quota, false);
    quota->capped_sealed = quota->capped_dirty;
    quota->capped_dirty = false;
}

static void quota_sealed(void *fold, bool durable)
{
    struct quota *quota = fold;
    if (!durable) {
        set_dirty(quota, true);
        if (quota->capped_sealed) quota->capped_dirty = true;
    }
    dirty_rows_sealed(&quota->rows, durable);
    quota->capped_sealed = false;
}

static bool check_user(const struct quota_user *user)
{
    if (user->count == 0 || user->count > QUOTA_COUNTERS_MAXIMUM) return false;
    for (uint32_t i = 0; i < user->count; i++) {
        const struct quota_counter *counter = &user->counters[i];
        if (i > 0 && quota_counter_compare(counter - 1, counter) >= 0) return false;
        if (counter->count == 0 || counter->count > QUOTA_CAP_MAXIMUM) return false;
        if (counter->kind == QUOTA_USER && counter->subject_id != 0) return false;
    }
    return true;
}

static bool quota_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct quota *quota = fold;
    size_t count = 0;
    for (size_t i = 0; i < quota->user_capacity; i++) {
        const struct quota_user *user = quota->users[i];
        if (!user) continue;
        count += user->count;
        if (check_user(user)) continue;
        snprintf(reason, reason_bytes, "what counts of user '%llu' is out of order",
                 (unsigned long long)user->id);
        return false;
    }
    if (count == quota->counter_count) return true;
    snprintf(reason, reason_bytes, "%zu counters are counted and %zu found", quota->counter_count,
             count);
    return false;
}

static size_t quota_bytes(const void *fold)
{
    const struct quota *quota = fold;
    return sizeof *quota + quota->bytes + dirty_rows_bytes(&quota->rows);
}

static size_t quota_dirty_bytes(const void *fold)
{
    enum { ROW_BYTES_ABOUT = 64, CAPPED_BYTES_ABOUT = 64 };
    const struct quota *quota = fold;
    return quota->rows.changed.count * ROW_BYTES_ABOUT +
           (quota->capped_dirty ? CAPPED_BYTES_ABOUT : 0);
}

static void quota_free(void *fold)
{
    struct quota *quota = fold;
    if (!quota) return;
    struct memory *memory = quota->memory;
    for (size_t i = 0; i < quota->user_capacity; i++)
        if (quota->users[i]) user_free(quota, quota->users[i]);
    memory_free(memory, quota->users, quota->user_capacity * sizeof *quota->users);
    dirty_rows_release(&quota->rows);
    memory_free(memory, quota, sizeof *quota);
}

static const struct fold_ops quota_ops = {
    .name = "quotas",
    .apply = quota_apply,
    .seal = quota_seal,
    .write = quota_write,
    .sealed = quota_sealed,
    .dump = quota_dump,
    .load = quota_load,
    .check = quota_check,
    .bytes = quota_bytes,
    .dirty_bytes = quota_dirty_bytes,
    .free = quota_free,
};

enum code quota_create(struct memory *memory,
                       ordinal (*ordinal_of)(void *context, enum entity_kind kind, entity_id id),
                       void *context, struct fold *fold, struct quota **quota, struct error *error)
{
    struct quota *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_BEHAVIOUR, sizeof *created);
    created->memory = memory;
    dirty_rows_init(&created->rows, memory, sizeof(struct quota_dirty));
    created->ordinal_of = ordinal_of;
    created->context = context;
    *quota = created;
    *fold = (struct fold){.ops = &quota_ops, .state = created};
    return CODE_OK;
}

uint64_t quota_capped(const struct quota *quota, signal_id signal)
{
    assert(signal < LIMIT_SIGNAL_IDS);
    return quota->capped[signal];
}

size_t quota_counter_count(const struct quota *quota)
{
    return quota->counter_count;
}
