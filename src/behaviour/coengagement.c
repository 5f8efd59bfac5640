/* Co-engagement: c_ij, how often the same person took items i and j well, lately.
 *
 * What counts.  An event counts if a user takes an item well by it (positive, effective, not late,
 * of some weight: see quota.h), and
 *
 *   - it is news: the user has not said so before by the same UNIQUE PER USER signal, and has not
 *     taken the item well for a half-life.  So one user adds at most 1 + 1/2 + 1/4 ... = 2 to an
 *     item by each signal, whatever is repeated, or taken back and said again
 *   - fewer than 20 of the user's last positives are of the hour of the event (a clock hour of
 *     event time) or later.  So who clicks through a catalogue couples 20 items with 20 others each
 *
 * It adds its weight, as it decays, to c_i, and to c_ij for each item j of the user's last 20
 * positives, in the neighbourhoods of both.  All this is decided in log order, from the state
 * before the event. Taking a state back takes nothing off: which pairs were counted is not kept, as
 * that would be a list of what each user did.  What is counted decays.
 *
 * Weights.  Forward decay, as in signals/decay.c: an event at time t weighs 2^(t/H) once for all,
 * H = 30 days; e = floor(t/H), the weight is round(2^(t/H - e) 2^16) in units of 2^(e-16).  A
 * neighbourhood has one epoch for its counters; a newer event halves them by shifts, an older one
 * is shifted itself.  A counter that comes to 2^31 halves the neighbourhood, and its epoch is one
 * more: so millions of events in a half-life only have fewer bits each.  2^x is
 * computed in integers, so state has the same bits everywhere.
 *
 * Neighbours.  SpaceSaving (Metwally, Agrawal, El Abbadi, ICDT 2005), which keeps its bounds under
 * forward decay (Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009).  When 32 neighbours are full the
 * one with the lowest counter goes (of equal ones the item that came last), and the new one
 * inherits its counter as its error: what is counted is never too low, and count - error is never
 * too high.  Whatever has more than a 32nd of all that was added is there.  Queries use count -
 * error.  Without inheriting, the newest would put out the one before it, for ever.
 *
 * A pair may be in one of two neighbourhoods alone: a film that few know has a neighbour that
 * everybody knows, which has no room for it.
 *
 * DELETE empties the item's neighbourhood and gives it a new generation.  Others that name it give
 * the generation that they counted, so these are void at once, wherever they are: they are not
 * read, and go when room is wanted. */
#include "behaviour/coengagement_private.h"

#include "schema/schema.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { SLOTS_LEAST = 4, FRACTION_BITS = 30 };
_Static_assert(sizeof(struct neighbourhood) % sizeof(uint32_t) == 0, "what follows is aligned");

static const int64_t hour_ms = 3600 * 1000;

/* Division that rounds down. */
static int64_t floor_of(int64_t dividend, int64_t divisor)
{
    int64_t quotient = dividend / divisor;
    return dividend % divisor < 0 ? quotient - 1 : quotient;
}

/* --- What counts --- */

static bool is_news(const struct behaviour *behaviour, const struct resolved_change *change)
{
    signal_id signal = change->change->signal.signal;
    struct behaviour_state state;
    if (change->schema->signals[signal].unique_per_user &&
        behaviour_state(behaviour, change->other, ENTITY_ITEM, change->subject, signal, &state))
        return false;
    int64_t newest_ms = behaviour_taken_well_ms(behaviour, change->other, change->subject);
    return newest_ms == INT64_MIN || newest_ms <= change->time_ms - COENGAGEMENT_HALF_LIFE_MS;
}

void coengagement_resolve(const struct behaviour *behaviour, struct resolved_change *change,
                          struct partner *partners)
{
    const struct signal *signal = &change->schema->signals[change->change->signal.signal];
    size_t recent_count, of_hour = 0;
    change->engages = false;
    change->partners = partners;
    change->partner_count = 0;
    if (signal->kind != ENTITY_ITEM || change->other == ORDINAL_NONE || !change->effective ||
        change->weight == 0 || change->late || change->polarity != POLARITY_POSITIVE ||
        !is_news(behaviour, change))
        return;
    const struct behaviour_recent *recent =
        behaviour_positives(behaviour, change->other, &recent_count);
    int64_t since_ms = floor_of(change->time_ms, hour_ms) * hour_ms;
    while (of_hour < recent_count && recent[of_hour].time_ms >= since_ms)
        of_hour++;
    if (of_hour >= COENGAGEMENT_HOUR_MAXIMUM) return;
    change->engages = true;
    for (size_t i = 0; i < recent_count && change->partner_count < COENGAGEMENT_PARTNERS_MAXIMUM;
         i++) {
        if (recent[i].item == change->subject) continue;
        partners[change->partner_count++] = (struct partner){recent[i].id, recent[i].item};
    }
}

/* --- Weights --- */

/* 2^x for 0 <= x < 1, both in units of 2^-30: exp(x ln 2) as a series, in integers. */
static uint64_t exp2_fixed(uint64_t x)
{
    enum { TERMS = 12 };
    const uint64_t one = UINT64_C(1) << FRACTION_BITS, ln_2 = UINT64_C(744261118);
    uint64_t z = x * ln_2 >> FRACTION_BITS, sum = one;
    for (uint64_t k = TERMS; k > 0; k--)
        sum = one + (z * sum >> FRACTION_BITS) / k;
    return sum;
}

struct weight {
    int64_t epoch;
    uint32_t units; /* at most 2^17 */
};

static struct weight weight_at(int64_t time_ms)
{
    const int64_t half_life_ms = COENGAGEMENT_HALF_LIFE_MS;
    int64_t epoch = floor_of(time_ms, half_life_ms);
    uint64_t left = (uint64_t)(time_ms - epoch * half_life_ms);
    uint64_t power = exp2_fixed((left << FRACTION_BITS) / (uint64_t)half_life_ms);
    const int bits = FRACTION_BITS - COENGAGEMENT_WEIGHT_BITS;
    return (struct weight){epoch, (uint32_t)((power + (UINT64_C(1) << (bits - 1))) >> bits)};
}

/* --- Neighbourhoods --- */

static bool mark_dirty(struct coengagement *coengagement, struct neighbourhood *hood, ordinal item)
{
    if (hood->dirty) return true;
    if (!dirty_rows_add(&coengagement->rows, &item)) return false;
    hood->dirty = true;
    return true;
}

struct neighbourhood *hood_create(struct coengagement *coengagement, ordinal item, entity_id id,
                                  size_t slots)
{
    size_t old = coengagement->capacity;
    if (item >= old) {
        void *hoods = coengagement->hoods;
        bool room = memory_grow(coengagement->memory, &hoods, &coengagement->capacity,
                                (size_t)item + 1, sizeof *coengagement->hoods, UINT32_MAX);
        coengagement->hoods = hoods;
        if (!room) return NULL;
        size_t added = coengagement->capacity - old;
        memset(coengagement->hoods + old, 0, added * sizeof *coengagement->hoods);
        coengagement->bytes += added * sizeof *coengagement->hoods;
    }
    assert(!coengagement->hoods[item] && slots <= COENGAGEMENT_NEIGHBOURS_MAXIMUM);
    struct neighbourhood *hood =
        memory_allocate_zeroed(coengagement->memory, neighbourhood_bytes(slots));
    if (!hood) return NULL;
    hood->id = id;
    hood->epoch = EPOCH_NONE;
    hood->swept_at = coengagement->deletions;
    hood->capacity = (uint8_t)slots;
    coengagement->hoods[item] = hood;
    coengagement->bytes += neighbourhood_bytes(slots);
    coengagement->count++;
    return hood;
}

static void hood_free(struct coengagement *coengagement, struct neighbourhood *hood)
{
    size_t bytes = neighbourhood_bytes(hood->capacity);
    coengagement->bytes -= bytes;
    memory_free(coengagement->memory, hood, bytes);
}

/* Twice the room: the neighbourhood is another block then.  NULL on no memory. */
static struct neighbourhood *hood_grow(struct coengagement *coengagement, ordinal item)
{
    struct neighbourhood *old = coengagement->hoods[item];
    size_t capacity = old->capacity > 0 ? (size_t)2 * old->capacity : SLOTS_LEAST;
    if (capacity > COENGAGEMENT_NEIGHBOURS_MAXIMUM) capacity = COENGAGEMENT_NEIGHBOURS_MAXIMUM;
    struct neighbourhood *hood =
        memory_allocate_zeroed(coengagement->memory, neighbourhood_bytes(capacity));
    if (!hood) return NULL;
    *hood = *old;
    hood->capacity = (uint8_t)capacity;
    size_t words = old->count * sizeof(uint32_t);
    if (old->count > 0) {
        memcpy(neighbour_items(hood), neighbour_items(old), words);
        memcpy(neighbour_counts(hood), neighbour_counts(old), words);
        memcpy(neighbour_errors(hood), neighbour_errors(old), words);
        memcpy(neighbour_generations(hood), neighbour_generations(old), old->count);
    }
    coengagement->hoods[item] = hood;
    coengagement->bytes += neighbourhood_bytes(capacity);
    hood_free(coengagement, old);
    return hood;
}

/* Is the item that neighbour `index` names still the one that was counted? */
static bool neighbour_lives(const struct coengagement *coengagement, struct neighbourhood *hood,
                            size_t index)
{
    const struct neighbourhood *other = hood_find(coengagement, neighbour_items(hood)[index]);
    return other && other->generation == neighbour_generations(hood)[index];
}

static void neighbour_remove(struct neighbourhood *hood, size_t index)
{
    size_t last = --hood->count;
    neighbour_items(hood)[index] = neighbour_items(hood)[last];
    neighbour_counts(hood)[index] = neighbour_counts(hood)[last];
    neighbour_errors(hood)[index] = neighbour_errors(hood)[last];
    neighbour_generations(hood)[index] = neighbour_generations(hood)[last];
}

/* Makes room of what is void.  Only a DELETE makes anything so. */
static void hood_sweep(const struct coengagement *coengagement, struct neighbourhood *hood)
{
    if (hood->swept_at == coengagement->deletions) return;
    hood->swept_at = coengagement->deletions;
    for (size_t i = hood->count; i-- > 0;)
        if (!neighbour_lives(coengagement, hood, i)) neighbour_remove(hood, i);
}

/* What has decayed to nothing goes. */
static void hood_halve(struct neighbourhood *hood, int64_t times)
{
    uint32_t *counts = neighbour_counts(hood), *errors = neighbour_errors(hood);
    hood->total = times < 64 ? hood->total >> times : 0;
    for (size_t i = hood->count; i-- > 0;) {
        counts[i] = times < 32 ? counts[i] >> times : 0;
        errors[i] = times < 32 ? errors[i] >> times : 0;
        if (counts[i] == 0) neighbour_remove(hood, i);
    }
    hood->epoch = (int32_t)(hood->epoch + times);
}

/* Brings a neighbourhood to the epoch of an event, and gives the event's weight in its units. */
static uint32_t hood_advance(struct neighbourhood *hood, struct weight weight)
{
    int64_t behind = weight.epoch - hood->epoch;
    if (behind > 0) hood_halve(hood, behind);
    if (behind >= 0) return weight.units;
    return behind > -32 ? weight.units >> -behind : 0;
}

/* The neighbour that goes when there is no room: the lowest counter, of equal ones the last item.
 */
static size_t find_lowest(struct neighbourhood *hood)
{
    const uint32_t *counts = neighbour_counts(hood);
    const ordinal *items = neighbour_items(hood);
    size_t lowest = 0;
    for (size_t i = 1; i < hood->count; i++)
        if (counts[i] < counts[lowest] || (counts[i] == counts[lowest] && items[i] > items[lowest]))
            lowest = i;
    return lowest;
}

/* Room for one more; what had it before gives its counter to the new one.  SIZE_MAX on no memory.
 */
static size_t neighbour_place(struct coengagement *coengagement, ordinal item, uint32_t *inherited)
{
    struct neighbourhood *hood = coengagement->hoods[item];
    *inherited = 0;
    if (hood->count == COENGAGEMENT_NEIGHBOURS_MAXIMUM) hood_sweep(coengagement, hood);
    if (hood->count == COENGAGEMENT_NEIGHBOURS_MAXIMUM) {
        size_t lowest = find_lowest(hood);
        *inherited = neighbour_counts(hood)[lowest];
        return lowest;
    }
    if (hood->count == hood->capacity && !(hood = hood_grow(coengagement, item))) return SIZE_MAX;
    return hood->count++;
}

/* The place of a neighbour, which may be new.  SIZE_MAX on no memory. */
static size_t neighbour_admit(struct coengagement *coengagement, ordinal item, ordinal other)
{
    struct neighbourhood *hood = coengagement->hoods[item];
    uint8_t generation = coengagement->hoods[other]->generation;
    uint32_t inherited = 0;
    size_t place = 0;
    while (place < hood->count && neighbour_items(hood)[place] != other)
        place++;
    if (place < hood->count && neighbour_generations(hood)[place] == generation) return place;
    if (place == hood->count) place = neighbour_place(coengagement, item, &inherited);
    if (place == SIZE_MAX) return SIZE_MAX;
    hood = coengagement->hoods[item];
    neighbour_items(hood)[place] = other;
    neighbour_counts(hood)[place] = neighbour_errors(hood)[place] = inherited;
    neighbour_generations(hood)[place] = generation;
    return place;
}

/* The other one is a neighbour once more, by an event of that weight.  false: no memory. */
static bool hood_count(struct coengagement *coengagement, ordinal item, ordinal other,
                       struct weight weight)
{
    uint32_t units = hood_advance(coengagement->hoods[item], weight);
    if (units == 0) return true;
    size_t place = neighbour_admit(coengagement, item, other);
    if (place == SIZE_MAX) return false;
    struct neighbourhood *hood = coengagement->hoods[item];
    neighbour_counts(hood)[place] += units;
    if (neighbour_counts(hood)[place] > COENGAGEMENT_COUNTER_MAXIMUM) hood_halve(hood, 1);
    return true;
}

static struct neighbourhood *hood_admit(struct coengagement *coengagement, ordinal item,
                                        entity_id id)
{
    struct neighbourhood *hood = hood_find(coengagement, item);
    if (!hood) hood = hood_create(coengagement, item, id, 0);
    return hood && mark_dirty(coengagement, hood, item) ? hood : NULL;
}

/* --- The fold --- */

static bool apply_signal(struct coengagement *coengagement, const struct resolved_change *change)
{
    if (!change->engages) return true;
    struct weight weight = weight_at(change->time_ms);
    weight.units = weight.units * change->weight / EVENT_WEIGHT_ONE;
    ordinal item = change->subject;
    struct neighbourhood *hood = hood_admit(coengagement, item, change->subject_id);
    if (!hood) return false;
    hood->total += hood_advance(hood, weight);
    for (size_t i = 0; i < change->partner_count; i++) {
        const struct partner *partner = &change->partners[i];
        if (!hood_admit(coengagement, partner->item, partner->id) ||
            !hood_count(coengagement, item, partner->item, weight) ||
            !hood_count(coengagement, partner->item, item, weight))
            return false;
    }
    return true;
}

/* After 256 generations the first would be taken for the last. */
static bool forget_generations(struct coengagement *coengagement, ordinal gone)
{
    for (size_t i = 0; i < coengagement->capacity; i++) {
        struct neighbourhood *hood = coengagement->hoods[i];
        for (size_t j = hood ? hood->count : 0; j-- > 0;) {
            if (neighbour_items(hood)[j] != gone) continue;
            if (!mark_dirty(coengagement, hood, (ordinal)i)) return false;
            neighbour_remove(hood, j);
        }
    }
    return true;
}

static bool apply_delete(struct coengagement *coengagement, const struct resolved_change *change)
{
    if (change->change->delete.kind != ENTITY_ITEM || change->subject == ORDINAL_NONE) return true;
    struct neighbourhood *hood = hood_find(coengagement, change->subject);
    if (!hood) return true;
    if (!mark_dirty(coengagement, hood, change->subject)) return false;
    hood->total = 0;
    hood->count = 0;
    hood->epoch = EPOCH_NONE;
    hood->generation++;
    coengagement->deletions++;
    return hood->generation > 0 || forget_generations(coengagement, change->subject);
}

static enum code coengagement_apply(void *fold, const struct resolved_change *change,
                                    struct error *error)
{
    bool applied = true;
    if (change->change->kind == CHANGE_SIGNAL) applied = apply_signal(fold, change);
    if (change->change->kind == CHANGE_DELETE) applied = apply_delete(fold, change);
    size_t most = neighbourhood_bytes(COENGAGEMENT_NEIGHBOURS_MAXIMUM);
    return applied ? CODE_OK : error_no_memory(error, AREA_BEHAVIOUR, most);
}

static void set_dirty(const struct coengagement *coengagement, bool dirty)
{
    const ordinal *rows = coengagement->rows.sealed.entries;
    for (size_t i = 0; i < coengagement->rows.sealed.count; i++)
        coengagement->hoods[rows[i]]->dirty = dirty;
}

static void coengagement_seal(void *fold)
{
    struct coengagement *coengagement = fold;
    dirty_rows_seal(&coengagement->rows);
    set_dirty(coengagement, false);
}

static void coengagement_sealed(void *fold, bool durable)
{
    struct coengagement *coengagement = fold;
    if (!durable) set_dirty(coengagement, true);
    dirty_rows_sealed(&coengagement->rows, durable);
}

static bool check_hood(struct neighbourhood *hood, ordinal item)
{
    const ordinal *items = neighbour_items(hood);
    if (hood->count > hood->capacity || hood->capacity > COENGAGEMENT_NEIGHBOURS_MAXIMUM)
        return false;
    for (size_t i = 0; i < hood->count; i++) {
        uint32_t counter = neighbour_counts(hood)[i];
        if (items[i] == item || counter == 0 || counter > COENGAGEMENT_COUNTER_MAXIMUM ||
            neighbour_errors(hood)[i] > counter)
            return false;
        for (size_t j = 0; j < i; j++)
            if (items[i] == items[j]) return false;
    }
    return true;
}

static bool coengagement_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct coengagement *coengagement = fold;
    size_t count = 0;
    for (size_t i = 0; i < coengagement->capacity; i++) {
        struct neighbourhood *hood = coengagement->hoods[i];
        if (!hood) continue;
        count++;
        if (check_hood(hood, (ordinal)i)) continue;
        snprintf(reason, reason_bytes, "the neighbours of item '%llu' are out of order",
                 (unsigned long long)hood->id);
        return false;
    }
    if (count == coengagement->count) return true;
    snprintf(reason, reason_bytes, "%zu neighbourhoods are counted and %zu found",
             coengagement->count, count);
    return false;
}

static size_t coengagement_bytes(const void *fold)
{
    const struct coengagement *coengagement = fold;
    return sizeof *coengagement + coengagement->bytes + dirty_rows_bytes(&coengagement->rows);
}

static size_t coengagement_dirty_bytes(const void *fold)
{
    enum { ROW_BYTES_ABOUT = 200 };
    return ((const struct coengagement *)fold)->rows.changed.count * ROW_BYTES_ABOUT;
}

static void coengagement_free(void *fold)
{
    struct coengagement *coengagement = fold;
    if (!coengagement) return;
    struct memory *memory = coengagement->memory;
    for (size_t i = 0; i < coengagement->capacity; i++)
        if (coengagement->hoods[i]) hood_free(coengagement, coengagement->hoods[i]);
    memory_free(memory, coengagement->hoods, coengagement->capacity * sizeof *coengagement->hoods);
    dirty_rows_release(&coengagement->rows);
    memory_free(memory, coengagement, sizeof *coengagement);
}

static const struct fold_ops coengagement_ops = {
    .name = "coengagement",
    .apply = coengagement_apply,
    .seal = coengagement_seal,
    .write = coengagement_write,
    .sealed = coengagement_sealed,
    .dump = coengagement_dump,
    .load = coengagement_load,
    .check = coengagement_check,
    .bytes = coengagement_bytes,
    .dirty_bytes = coengagement_dirty_bytes,
    .free = coengagement_free,
};

enum code coengagement_create(struct memory *memory,
                              ordinal (*ordinal_of)(void *context, enum entity_kind kind,
                                                    entity_id id),
                              void *context, struct fold *fold, struct coengagement **coengagement,
                              struct error *error)
{
    struct coengagement *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_BEHAVIOUR, sizeof *created);
    created->memory = memory;
    dirty_rows_init(&created->rows, memory, sizeof(ordinal));
    created->ordinal_of = ordinal_of;
    created->context = context;
    *coengagement = created;
    *fold = (struct fold){.ops = &coengagement_ops, .state = created};
    return CODE_OK;
}

/* --- Reading --- */

/* 2^power; 0 where that is below 2^-1022, and 2^1023 where it is above. */
static double power_of_two(int64_t power)
{
    double result;
    if (power < -1022) return 0;
    uint64_t bits = (uint64_t)((power < 1023 ? power : 1023) + 1023) << 52;
    memcpy(&result, &bits, sizeof result);
    return result;
}

size_t coengagement_neighbours(const struct coengagement *coengagement, ordinal item,
                               int64_t now_ms,
                               struct coengaged out[COENGAGEMENT_NEIGHBOURS_MAXIMUM])
{
    struct neighbourhood *hood = hood_find(coengagement, item);
    struct weight now = weight_at(now_ms);
    size_t count = 0;
    if (!hood) return 0;
    /* First the power of two, which is exact: an event of now reads as 1. */
    double power = power_of_two(hood->epoch - now.epoch), units = (double)now.units;
    for (size_t i = 0; i < hood->count; i++) {
        uint32_t together = neighbour_counts(hood)[i] - neighbour_errors(hood)[i];
        if (together == 0 || !neighbour_lives(coengagement, hood, i)) continue;
        const struct neighbourhood *other = coengagement->hoods[neighbour_items(hood)[i]];
        double other_power = power_of_two(other->epoch - now.epoch);
        out[count++] = (struct coengaged){.item = neighbour_items(hood)[i],
                                          .together = (double)together * power / units,
                                          .own = (double)hood->total * power / units,
                                          .other = (double)other->total * other_power / units};
    }
    return count;
}

size_t coengagement_count(const struct coengagement *coengagement)
{
    return coengagement->count;
}
