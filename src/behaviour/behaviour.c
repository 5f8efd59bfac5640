#include "behaviour/behaviour_private.h"

#include "behaviour/quota.h"

#include <assert.h>
#include <stdio.h>

static enum code no_memory(struct error *error)
{
    return error_no_memory(error, AREA_BEHAVIOUR, sizeof(struct pair));
}

/* What the signal says of its subject at this value. */
static enum polarity polarity_of(const struct signal *signal, int64_t value)
{
    double units = (double)value / (double)SIGNAL_VALUE_ONE;
    if (signal->positive && units >= signal->positive_from) return POLARITY_POSITIVE;
    if (signal->negative && units < signal->negative_below) return POLARITY_NEGATIVE;
    return POLARITY_NEUTRAL;
}

static void contribute(struct resolved_change *change, int64_t time_ms, int64_t value, int sign)
{
    change->contributions[change->contribution_count++] =
        (struct contribution){time_ms, value, sign};
}

/* Takes back exactly what was added when the state was set. */
static void take_back(struct resolved_change *change, const struct behaviour_state *state)
{
    if (state->weight == 0) return;
    contribute(change, state->time_ms, quota_scale(state->value, state->weight), -1);
}

static void resolve_state(const struct behaviour_state *state, struct resolved_change *change)
{
    const struct signal_change *signal = &change->change->signal;
    bool present = state && state->present;
    bool repeats = present ? !signal->retract && signal->value == state->value
                           : state && signal->retract && change->time_ms == state->time_ms;
    if (repeats || (state && change->time_ms < state->time_ms)) return;
    change->effective = true;
    if (present) take_back(change, state);
    if (!signal->retract) contribute(change, change->time_ms, signal->value, 1);
}

void behaviour_resolve(const struct behaviour *behaviour, struct resolved_change *change)
{
    const struct signal_change *given = &change->change->signal;
    assert(change->change->kind == CHANGE_SIGNAL);
    assert(given->signal < change->schema->signal_count);
    const struct signal *signal = &change->schema->signals[given->signal];
    bool by_user = change->other != ORDINAL_NONE;
    change->effective = false;
    change->contribution_count = 0;
    change->weight = EVENT_WEIGHT_ONE;
    change->polarity = given->retract ? POLARITY_NEUTRAL : polarity_of(signal, given->value);
    if (signal->unique_per_user && by_user) {
        const struct pair *pair =
            pair_find(behaviour, change->other, signal->kind, change->subject);
        resolve_state(pair ? pair_state(pair, signal->id) : NULL, change);
    } else if (!given->retract) { /* an occurrence cannot be taken back: nothing says which */
        change->effective = true;
        contribute(change, change->time_ms, given->value, 1);
    }
}

static bool mark_dirty(struct behaviour *behaviour, struct pair *pair)
{
    if (pair->dirty) return true;
    const struct dirty_pair one = {pair->user_id, pair->subject_id, pair->user, pair->subject,
                                   pair->kind};
    if (!dirty_rows_add(&behaviour->rows, &one)) return false;
    pair->dirty = true;
    return true;
}

static void see(struct pair *pair, int64_t time_ms)
{
    if (pair->seen_count < UINT32_MAX) pair->seen_count++;
    if (time_ms > pair->seen_ms) pair->seen_ms = time_ms;
}

static bool apply_signal(struct behaviour *behaviour, const struct resolved_change *change)
{
    const struct signal_change *given = &change->change->signal;
    const struct signal *signal = &change->schema->signals[given->signal];
    if (!change->effective || change->other == ORDINAL_NONE || change->subject == ORDINAL_NONE)
        return true;
    bool polar = change->polarity != POLARITY_NEUTRAL;
    bool seen = signal->kind == ENTITY_ITEM && !given->retract &&
                (signal->id == SIGNAL_IMPRESSION || polar);
    if (!seen && !signal->unique_per_user) return true;
    struct pair_ends ends = {change->other_id, change->subject_id, change->other, change->subject,
                             signal->kind};
    struct pair *pair = pair_admit(behaviour, &ends);
    if (!pair || !mark_dirty(behaviour, pair)) return false;
    if (seen) see(pair, change->time_ms);
    if (signal->unique_per_user) {
        struct behaviour_state *state = pair_admit_state(behaviour, pair, signal->id);
        if (!state) return false;
        state->time_ms = change->time_ms;
        state->present = !given->retract;
        state->value = given->retract ? 0 : given->value;
        state->polarity = (uint8_t)change->polarity;
        state->weight = given->retract ? EVENT_WEIGHT_ONE : change->weight;
    } else if (polar) {
        bool positive = change->polarity == POLARITY_POSITIVE;
        int64_t *newest_ms = positive ? &pair->positive_ms : &pair->negative_ms;
        if (change->time_ms > *newest_ms) *newest_ms = change->time_ms;
    }
    return recent_update(behaviour, pair);
}

static bool drop_user(struct behaviour *behaviour, ordinal user)
{
    if (user >= behaviour->user_capacity) return true;
    struct user *owner = &behaviour->users[user];
    while (owner->pairs) {
        if (!mark_dirty(behaviour, owner->pairs)) return false;
        pair_remove(behaviour, owner->pairs);
    }
    owner->positives.count = 0;
    owner->negatives.count = 0;
    return true;
}

static bool drop_subject(struct behaviour *behaviour, enum entity_kind kind, ordinal subject)
{
    struct subject_table *table = &behaviour->subjects[kind];
    while (subject < table->capacity && table->by_subject[subject]) {
        struct pair *pair = table->by_subject[subject];
        struct behaviour_recent gone = {NEVER, pair->subject_id, subject};
        ordinal user = pair->user;
        if (!mark_dirty(behaviour, pair)) return false;
        pair_remove(behaviour, pair);
        if (kind != ENTITY_ITEM) continue;
        if (!recent_set(behaviour, user, POLARITY_POSITIVE, &gone)) return false;
        if (!recent_set(behaviour, user, POLARITY_NEGATIVE, &gone)) return false;
    }
    return true;
}

static bool apply_delete(struct behaviour *behaviour, const struct resolved_change *change)
{
    enum entity_kind kind = change->change->delete.kind;
    if (change->subject == ORDINAL_NONE) return true;
    if (kind == ENTITY_USER && !drop_user(behaviour, change->subject)) return false;
    return drop_subject(behaviour, kind, change->subject);
}

/* Takes the state of a signal off a pair; what nothing is left of goes. */
static bool drop_state(struct behaviour *behaviour, struct pair *pair, signal_id signal)
{
    if (!pair_state(pair, signal)) return true;
    if (!mark_dirty(behaviour, pair)) return false;
    if (!pair_remove_state(behaviour, pair, signal)) return false;
    if (pair->seen_count > 0 || pair->state_count > 0) return recent_update(behaviour, pair);
    pair_remove(behaviour, pair); /* it is in no list: what has a polarity was seen */
    return true;
}

/* What users have seen, and when they took it well or badly by signals that are no states, does not
 * say by which signals: it stays. */
static bool drop_signal(struct behaviour *behaviour, signal_id signal)
{
    for (size_t i = 0; i < behaviour->user_capacity; i++) {
        struct pair *pair = behaviour->users[i].pairs, *next;
        for (; pair; pair = next) {
            next = pair->of_user.next;
            if (!drop_state(behaviour, pair, signal)) return false;
        }
    }
    return true;
}

static enum code behaviour_apply(void *fold, const struct resolved_change *change,
                                 struct error *error)
{
    struct behaviour *behaviour = fold;
    bool applied = true;
    if (change->change->kind == CHANGE_SIGNAL) applied = apply_signal(behaviour, change);
    if (change->change->kind == CHANGE_DELETE) applied = apply_delete(behaviour, change);
    if (change_drops(change, DEFINE_SIGNAL)) applied = drop_signal(behaviour, change->dropped->id);
    return applied ? CODE_OK : no_memory(error);
}

static void set_dirty(struct behaviour *behaviour, bool dirty)
{
    const struct dirty_pair *rows = behaviour->rows.sealed.entries;
    for (size_t i = 0; i < behaviour->rows.sealed.count; i++) {
        const struct dirty_pair *sealed = &rows[i];
        struct pair *pair = pair_find(behaviour, sealed->user, sealed->kind, sealed->subject);
        if (pair) pair->dirty = dirty;
    }
}

static void behaviour_seal(void *fold)
{
    struct behaviour *behaviour = fold;
    dirty_rows_seal(&behaviour->rows);
    set_dirty(behaviour, false);
}

static void behaviour_sealed(void *fold, bool durable)
{
    struct behaviour *behaviour = fold;
    if (!durable) set_dirty(behaviour, true);
    dirty_rows_sealed(&behaviour->rows, durable);
}

/* What the lists should hold is what a walk over all pairs finds, in order. */
static bool check_recent(const struct user *user, const struct recent_list *recent,
                         enum polarity polarity)
{
    size_t expected = 0;
    for (const struct pair *pair = user->pairs; pair; pair = pair->of_user.next)
        expected += pair->kind == ENTITY_ITEM && pair_newest(pair, polarity) != NEVER;
    if (expected > BEHAVIOUR_RECENT_MAXIMUM) expected = BEHAVIOUR_RECENT_MAXIMUM;
    if (recent->count != expected) return false;
    for (size_t i = 1; i < recent->count; i++) {
        const struct behaviour_recent *a = &recent->list[i - 1], *b = &recent->list[i];
        if (a->time_ms < b->time_ms || (a->time_ms == b->time_ms && a->id >= b->id)) return false;
    }
    return true;
}

static bool check_pair(const struct behaviour *behaviour, const struct pair *pair)
{
    if (pair_find(behaviour, pair->user, pair->kind, pair->subject) != pair) return false;
    if ((pair->seen_count == 0) != (pair->seen_ms == NEVER)) return false;
    for (size_t i = 1; i < pair->state_count; i++) {
        if (pair->states[i - 1].signal >= pair->states[i].signal) return false;
    }
    return pair->seen_count > 0 || pair->state_count > 0;
}

static bool behaviour_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct behaviour *behaviour = fold;
    size_t count = 0;
    for (size_t i = 0; i < behaviour->user_capacity; i++) {
        const struct user *user = &behaviour->users[i];
        for (const struct pair *pair = user->pairs; pair; pair = pair->of_user.next, count++) {
            if (pair->user == i && check_pair(behaviour, pair)) continue;
            snprintf(reason, reason_bytes, "what user '%llu' did with '%llu' is out of order",
                     (unsigned long long)pair->user_id, (unsigned long long)pair->subject_id);
            return false;
        }
        if (check_recent(user, &user->positives, POLARITY_POSITIVE) &&
            check_recent(user, &user->negatives, POLARITY_NEGATIVE))
            continue;
        snprintf(reason, reason_bytes, "the last positives of user number %zu are not the last", i);
        return false;
    }
    if (count == behaviour->pair_count) return true;
    snprintf(reason, reason_bytes, "%zu pairs are counted and %zu found", behaviour->pair_count,
             count);
    return false;
}

static size_t behaviour_bytes(const void *fold)
{
    const struct behaviour *behaviour = fold;
    size_t bytes = sizeof *behaviour + behaviour->bytes;
    for (size_t i = 0; i < ENTITY_KIND_COUNT; i++)
        bytes += id_map_bytes(&behaviour->subjects[i].pairs);
    return bytes + dirty_rows_bytes(&behaviour->rows);
}

static size_t behaviour_dirty_bytes(const void *fold)
{
    enum { ROW_BYTES_ABOUT = 56 };
    return ((const struct behaviour *)fold)->rows.changed.count * ROW_BYTES_ABOUT;
}

static void recent_release(struct recent_list *recent, struct memory *memory)
{
    memory_free(memory, recent->list, recent->capacity * sizeof *recent->list);
}

static void behaviour_free(void *fold)
{
    struct behaviour *behaviour = fold;
    if (!behaviour) return;
    struct memory *memory = behaviour->memory;
    for (size_t i = 0; i < behaviour->user_capacity; i++) {
        struct user *user = &behaviour->users[i];
        while (user->pairs)
            pair_remove(behaviour, user->pairs);
        recent_release(&user->positives, memory);
        recent_release(&user->negatives, memory);
    }
    memory_free(memory, behaviour->users, behaviour->user_capacity * sizeof *behaviour->users);
    for (size_t i = 0; i < ENTITY_KIND_COUNT; i++) {
        struct subject_table *table = &behaviour->subjects[i];
        id_map_release(&table->pairs);
        memory_free(memory, table->by_subject, table->capacity * sizeof *table->by_subject);
    }
    dirty_rows_release(&behaviour->rows);
    memory_free(memory, behaviour, sizeof *behaviour);
}

static const struct fold_ops behaviour_ops = {
    .name = "behaviour",
    .apply = behaviour_apply,
    .seal = behaviour_seal,
    .write = behaviour_write,
    .sealed = behaviour_sealed,
    .dump = behaviour_dump,
    .load = behaviour_load,
    .check = behaviour_check,
    .bytes = behaviour_bytes,
    .dirty_bytes = behaviour_dirty_bytes,
    .free = behaviour_free,
};

enum code behaviour_create(struct memory *memory,
                           ordinal (*ordinal_of)(void *context, enum entity_kind kind,
                                                 entity_id id),
                           void *context, struct fold *fold, struct behaviour **behaviour,
                           struct error *error)
{
    struct behaviour *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_BEHAVIOUR, sizeof *created);
    created->memory = memory;
    dirty_rows_init(&created->rows, memory, sizeof(struct dirty_pair));
    created->ordinal_of = ordinal_of;
    created->context = context;
    for (size_t i = 0; i < ENTITY_KIND_COUNT; i++)
        id_map_init(&created->subjects[i].pairs, memory);
    *behaviour = created;
    *fold = (struct fold){.ops = &behaviour_ops, .state = created};
    return CODE_OK;
}

bool behaviour_seen(const struct behaviour *behaviour, ordinal user, ordinal item,
                    struct behaviour_seen *seen)
{
    const struct pair *pair = pair_find(behaviour, user, ENTITY_ITEM, item);
    if (!pair || pair->seen_count == 0) return false;
    *seen = (struct behaviour_seen){pair->seen_ms, pair->seen_count};
    return true;
}

static const struct behaviour_state *hide_of(const struct pair *pair)
{
    const struct behaviour_state *state = pair ? pair_state(pair, SIGNAL_HIDE) : NULL;
    return state && state->present ? state : NULL;
}

bool behaviour_hidden(const struct behaviour *behaviour, ordinal user, ordinal item,
                      int64_t *since_ms)
{
    const struct behaviour_state *hide = hide_of(pair_find(behaviour, user, ENTITY_ITEM, item));
    if (hide && since_ms) *since_ms = hide->time_ms;
    return hide;
}

bool behaviour_state(const struct behaviour *behaviour, ordinal user, enum entity_kind kind,
                     ordinal subject, signal_id signal, struct behaviour_state *state)
{
    const struct pair *pair = pair_find(behaviour, user, kind, subject);
    const struct behaviour_state *found = pair ? pair_state(pair, signal) : NULL;
    if (found) *state = *found;
    return found;
}

int64_t behaviour_taken_well_ms(const struct behaviour *behaviour, ordinal user, ordinal item)
{
    const struct pair *pair = pair_find(behaviour, user, ENTITY_ITEM, item);
    return pair ? pair_newest(pair, POLARITY_POSITIVE) : NEVER;
}

const struct behaviour_recent *behaviour_positives(const struct behaviour *behaviour, ordinal user,
                                                   size_t *count)
{
    *count = user < behaviour->user_capacity ? behaviour->users[user].positives.count : 0;
    return *count > 0 ? behaviour->users[user].positives.list : NULL;
}

const struct behaviour_recent *behaviour_negatives(const struct behaviour *behaviour, ordinal user,
                                                   size_t *count)
{
    *count = user < behaviour->user_capacity ? behaviour->users[user].negatives.count : 0;
    return *count > 0 ? behaviour->users[user].negatives.list : NULL;
}

bool behaviour_next_item(const struct behaviour *behaviour, ordinal user, const void **position,
                         struct behaviour_item *item)
{
    const struct pair *pair = *position;
    if (pair)
        pair = pair->of_user.next;
    else if (user < behaviour->user_capacity)
        pair = behaviour->users[user].pairs;
    while (pair && pair->kind != ENTITY_ITEM)
        pair = pair->of_user.next;
    if (!pair) return false;
    *position = pair;
    *item = (struct behaviour_item){
        .item = pair->subject,
        .hidden = hide_of(pair),
        .seen = {pair->seen_ms, pair->seen_count},
    };
    return true;
}

size_t behaviour_pair_count(const struct behaviour *behaviour)
{
    return behaviour->pair_count;
}
