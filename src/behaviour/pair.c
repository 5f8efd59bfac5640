#include "behaviour/behaviour_private.h"

#include <assert.h>
#include <string.h>

static uint64_t pair_key(ordinal user, ordinal subject)
{
    return (uint64_t)user << 32 | subject;
}

struct pair *pair_find(const struct behaviour *behaviour, ordinal user, enum entity_kind kind,
                       ordinal subject)
{
    const uint64_t *found = id_map_find(&behaviour->subjects[kind].pairs, pair_key(user, subject));
    return found ? (struct pair *)(uintptr_t)*found : NULL;
}

/* Room for `need` elements, the new ones zeroed. */
static bool grow_zeroed(struct behaviour *behaviour, void **array, size_t *capacity, size_t need,
                        size_t element_bytes)
{
    size_t old = *capacity;
    if (need <= old) return true;
    if (!memory_grow(behaviour->memory, array, capacity, need, element_bytes, UINT32_MAX))
        return false;
    memset((char *)*array + old * element_bytes, 0, (*capacity - old) * element_bytes);
    behaviour->bytes += (*capacity - old) * element_bytes;
    return true;
}

static bool admit_ends(struct behaviour *behaviour, const struct pair_ends *ends)
{
    struct subject_table *table = &behaviour->subjects[ends->kind];
    void *users = behaviour->users, *subjects = table->by_subject;
    bool room = grow_zeroed(behaviour, &users, &behaviour->user_capacity, (size_t)ends->user + 1,
                            sizeof *behaviour->users);
    behaviour->users = users;
    room = room && grow_zeroed(behaviour, &subjects, &table->capacity, (size_t)ends->subject + 1,
                               sizeof *table->by_subject);
    table->by_subject = subjects;
    return room;
}

struct pair *pair_admit(struct behaviour *behaviour, const struct pair_ends *ends)
{
    struct pair *pair = pair_find(behaviour, ends->user, ends->kind, ends->subject);
    if (pair) return pair;
    if (!admit_ends(behaviour, ends)) return NULL;
    pair = memory_allocate(behaviour->memory, sizeof *pair);
    if (!pair) return NULL;
    struct subject_table *table = &behaviour->subjects[ends->kind];
    if (!id_map_put(&table->pairs, pair_key(ends->user, ends->subject), (uintptr_t)pair)) {
        memory_free(behaviour->memory, pair, sizeof *pair);
        return NULL;
    }
    *pair = (struct pair){
        .user_id = ends->user_id,
        .subject_id = ends->subject_id,
        .user = ends->user,
        .subject = ends->subject,
        .kind = ends->kind,
        .seen_ms = NEVER,
        .positive_ms = NEVER,
        .negative_ms = NEVER,
        .of_user.next = behaviour->users[ends->user].pairs,
        .of_subject.next = table->by_subject[ends->subject],
    };
    if (pair->of_user.next) pair->of_user.next->of_user.previous = pair;
    if (pair->of_subject.next) pair->of_subject.next->of_subject.previous = pair;
    behaviour->users[ends->user].pairs = pair;
    table->by_subject[ends->subject] = pair;
    behaviour->pair_count++;
    behaviour->bytes += sizeof *pair;
    return pair;
}

void pair_remove(struct behaviour *behaviour, struct pair *pair)
{
    struct subject_table *table = &behaviour->subjects[pair->kind];
    if (pair->of_user.next) pair->of_user.next->of_user.previous = pair->of_user.previous;
    if (pair->of_user.previous)
        pair->of_user.previous->of_user.next = pair->of_user.next;
    else
        behaviour->users[pair->user].pairs = pair->of_user.next;
    if (pair->of_subject.next)
        pair->of_subject.next->of_subject.previous = pair->of_subject.previous;
    if (pair->of_subject.previous)
        pair->of_subject.previous->of_subject.next = pair->of_subject.next;
    else
        table->by_subject[pair->subject] = pair->of_subject.next;
    id_map_remove(&table->pairs, pair_key(pair->user, pair->subject));
    behaviour->pair_count--;
    size_t state_bytes = pair->state_count * sizeof *pair->states;
    behaviour->bytes -= sizeof *pair + state_bytes;
    memory_free(behaviour->memory, pair->states, state_bytes);
    memory_free(behaviour->memory, pair, sizeof *pair);
}

struct behaviour_state *pair_state(const struct pair *pair, signal_id signal)
{
    for (size_t i = 0; i < pair->state_count; i++) {
        if (pair->states[i].signal == signal) return &pair->states[i];
    }
    return NULL;
}

struct behaviour_state *pair_admit_state(struct behaviour *behaviour, struct pair *pair,
                                         signal_id signal)
{
    struct behaviour_state *state = pair_state(pair, signal);
    if (state) return state;
    assert(pair->state_count < LIMIT_SIGNALS);
    size_t bytes = pair->state_count * sizeof *state;
    struct behaviour_state *states =
        memory_resize(behaviour->memory, pair->states, bytes, bytes + sizeof *state);
    if (!states) return NULL;
    pair->states = states;
    size_t at = pair->state_count++;
    for (; at > 0 && states[at - 1].signal > signal; at--)
        states[at] = states[at - 1];
    states[at] =
        (struct behaviour_state){.time_ms = NEVER, .signal = signal, .weight = EVENT_WEIGHT_ONE};
    behaviour->bytes += sizeof *state;
    return &states[at];
}

bool pair_remove_state(struct behaviour *behaviour, struct pair *pair, signal_id signal)
{
    size_t count = pair->state_count, bytes = count * sizeof *pair->states;
    size_t at = (size_t)(pair_state(pair, signal) - pair->states);
    struct behaviour_state *states = NULL;
    if (count > 1) {
        states = memory_allocate(behaviour->memory, bytes - sizeof *states);
        if (!states) return false;
        memcpy(states, pair->states, at * sizeof *states);
        memcpy(states + at, pair->states + at + 1, (count - at - 1) * sizeof *states);
    }
    memory_free(behaviour->memory, pair->states, bytes);
    pair->states = states;
    pair->state_count--;
    behaviour->bytes -= sizeof *states;
    return true;
}

int64_t pair_newest(const struct pair *pair, enum polarity polarity)
{
    int64_t newest_ms = polarity == POLARITY_POSITIVE ? pair->positive_ms : pair->negative_ms;
    for (size_t i = 0; i < pair->state_count; i++) {
        const struct behaviour_state *state = &pair->states[i];
        if (state->present && state->polarity == (uint8_t)polarity && state->time_ms > newest_ms)
            newest_ms = state->time_ms;
    }
    return newest_ms;
}

static bool recent_before(const struct behaviour_recent *a, const struct behaviour_recent *b)
{
    if (a->time_ms != b->time_ms) return a->time_ms > b->time_ms;
    return a->id < b->id;
}

/* Puts an item that is not there at its place; the last one of a full list leaves it. */
static bool recent_insert(struct behaviour *behaviour, struct recent_list *recent,
                          const struct behaviour_recent *item)
{
    bool full = recent->count == BEHAVIOUR_RECENT_MAXIMUM;
    if (full && !recent_before(item, &recent->list[recent->count - 1])) return true;
    if (full) recent->count--;
    void *list = recent->list;
    size_t old = recent->capacity;
    bool room = memory_grow(behaviour->memory, &list, &recent->capacity, recent->count + 1,
                            sizeof *recent->list, BEHAVIOUR_RECENT_MAXIMUM);
    recent->list = list;
    if (!room) return false;
    behaviour->bytes += (recent->capacity - old) * sizeof *recent->list;
    size_t at = recent->count++;
    for (; at > 0 && recent_before(item, &recent->list[at - 1]); at--)
        recent->list[at] = recent->list[at - 1];
    recent->list[at] = *item;
    return true;
}

/* From all that the user did: when an item has left a full list, another moves up. */
static bool recent_rebuild(struct behaviour *behaviour, const struct user *user,
                           enum polarity polarity, struct recent_list *recent)
{
    recent->count = 0;
    for (const struct pair *pair = user->pairs; pair; pair = pair->of_user.next) {
        struct behaviour_recent item = {pair_newest(pair, polarity), pair->subject_id,
                                        pair->subject};
        if (pair->kind != ENTITY_ITEM || item.time_ms == NEVER) continue;
        if (!recent_insert(behaviour, recent, &item)) return false;
    }
    return true;
}

bool recent_set(struct behaviour *behaviour, ordinal user, enum polarity polarity,
                const struct behaviour_recent *recent)
{
    struct user *owner = &behaviour->users[user];
    struct recent_list *list =
        polarity == POLARITY_POSITIVE ? &owner->positives : &owner->negatives;
    size_t at = 0;
    while (at < list->count && list->list[at].item != recent->item)
        at++;
    if (at < list->count) {
        int64_t listed_ms = list->list[at].time_ms;
        if (listed_ms == recent->time_ms) return true;
        if (recent->time_ms < listed_ms && list->count == BEHAVIOUR_RECENT_MAXIMUM)
            return recent_rebuild(behaviour, owner, polarity, list);
        memmove(list->list + at, list->list + at + 1, (list->count - at - 1) * sizeof *list->list);
        list->count--;
    }
    return recent->time_ms == NEVER || recent_insert(behaviour, list, recent);
}

bool recent_update(struct behaviour *behaviour, const struct pair *pair)
{
    if (pair->kind != ENTITY_ITEM) return true;
    struct behaviour_recent recent = {.id = pair->subject_id, .item = pair->subject};
    recent.time_ms = pair_newest(pair, POLARITY_POSITIVE);
    if (!recent_set(behaviour, pair->user, POLARITY_POSITIVE, &recent)) return false;
    recent.time_ms = pair_newest(pair, POLARITY_NEGATIVE);
    return recent_set(behaviour, pair->user, POLARITY_NEGATIVE, &recent);
}
