#include "signals/groups_private.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define UNIT (1.0 / (double)SIGNAL_VALUE_ONE)

struct group_table *groups_table(struct groups *groups, signal_id signal, field_id field)
{
    struct group_table *tables = groups->signals[signal].tables;
    for (int i = 0; i < LIMIT_GROUP_FIELDS; i++)
        if (tables[i].known && tables[i].field == field) return &tables[i];
    return NULL;
}

void groups_know(struct groups *groups, const struct signal *signal)
{
    struct group_signal *known = &groups->signals[signal->id];
    if (known->known) return;
    known->known = true;
    known->is_state = signal->unique_per_user;
    known->decay_count = signal->half_life_count;
    for (uint32_t i = 0; i < signal->half_life_count; i++)
        known->decays[i] = decay_of(signal->half_life_ms[i], signal->lateness_ms);
    for (uint32_t i = 0; i < signal->group_count; i++) {
        known->tables[i].known = true;
        known->tables[i].field = signal->group_fields[i];
        id_map_init(&known->tables[i].places, groups->memory);
    }
}

static size_t group_bytes(uint32_t decay_count)
{
    return sizeof(struct group) + decay_count * sizeof(decay_sum);
}

struct group *group_find(const struct group_table *table, uint64_t value)
{
    const uint64_t *place = table && table->known ? id_map_find(&table->places, value) : NULL;
    return place ? table->list[*place] : NULL;
}

struct group *group_make(struct groups *groups, const struct group_signal *signal,
                         struct group_table *table, uint64_t value)
{
    size_t old = table->capacity;
    void *list = table->list;
    bool room = memory_grow(groups->memory, &list, &table->capacity, table->count + 1,
                            sizeof *table->list, GROUP_VALUES_MAXIMUM);
    table->list = list;
    if (!room) return NULL;
    groups->bytes += (table->capacity - old) * sizeof *table->list;
    struct group *group = memory_allocate_zeroed(groups->memory, group_bytes(signal->decay_count));
    if (!group) return NULL;
    if (!id_map_put(&table->places, value, table->count)) {
        memory_free(groups->memory, group, group_bytes(signal->decay_count));
        return NULL;
    }
    group->value = value;
    group->newest_ms = INT64_MIN;
    table->list[table->count++] = group;
    groups->bytes += group_bytes(signal->decay_count);
    return group;
}

/* --- Events --- */

static int by_quiet(const void *a, const void *b)
{
    const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;
    if (x->newest_ms != y->newest_ms) return x->newest_ms < y->newest_ms ? 1 : -1;
    return (x->value > y->value) - (x->value < y->value);
}

/* Those that have been quiet for longest go: of equal ones, those with the higher number. */
static bool make_room(struct groups *groups, struct group_signal *signal, signal_id id,
                      struct group_table *table)
{
    qsort(table->list, table->count, sizeof *table->list, by_quiet);
    for (size_t i = 0; i < GROUP_VALUES_DROPPED; i++) {
        struct group *group = table->list[table->count - 1];
        struct group_dirty one = {group->value, id, table->field};
        if (!dirty_rows_add(&groups->rows, &one)) return false;
        id_map_remove(&table->places, group->value);
        table->count--;
        groups->bytes -= group_bytes(signal->decay_count);
        memory_free(groups->memory, group, group_bytes(signal->decay_count));
    }
    for (size_t i = 0; i < table->count; i++)
        if (!id_map_put(&table->places, table->list[i]->value, i)) return false;
    return true;
}

static void add(struct group *group, const struct group_signal *signal,
                const struct contribution *event, bool decays)
{
    if (event->time_ms > group->newest_ms) {
        for (uint32_t i = 0; i < signal->decay_count && group->newest_ms != INT64_MIN; i++)
            group->decays[i] = decay_advance(&signal->decays[i], group->decays[i], group->newest_ms,
                                             event->time_ms);
        group->newest_ms = event->time_ms;
    }
    for (uint32_t i = 0; decays && i < signal->decay_count; i++)
        group->decays[i] = decay_add(&signal->decays[i], group->decays[i], group->newest_ms,
                                     event->time_ms, event->value, event->sign);
    group->count += event->sign;
    group->sum += event->sign * (__int128)event->value;
}

static bool apply_group(struct groups *groups, const struct resolved_change *change,
                        const struct topic *topic)
{
    signal_id id = change->change->signal.signal;
    struct group_signal *signal = &groups->signals[id];
    struct group_table *table = groups_table(groups, id, topic->field);
    assert(table);
    struct group *group = group_find(table, topic->value);
    if (!group && table->count == GROUP_VALUES_MAXIMUM && !make_room(groups, signal, id, table))
        return false;
    if (!group) group = group_make(groups, signal, table, topic->value);
    if (!group) return false;
    for (size_t i = 0; i < change->contribution_count; i++)
        add(group, signal, &change->contributions[i], !change->late || signal->is_state);
    if (group->dirty) return true;
    group->dirty = true;
    struct group_dirty one = {topic->value, id, topic->field};
    return dirty_rows_add(&groups->rows, &one);
}

/* The rows go at the next checkpoint. */
static bool drop_table(struct groups *groups, signal_id id, struct group_table *table)
{
    size_t each_bytes = group_bytes(groups->signals[id].decay_count);
    for (size_t i = 0; i < table->count; i++) {
        struct group *group = table->list[i];
        struct group_dirty one = {group->value, id, table->field};
        if (!group->dirty && !dirty_rows_add(&groups->rows, &one)) return false;
        memory_free(groups->memory, group, each_bytes);
    }
    groups->bytes -= table->count * each_bytes + table->capacity * sizeof *table->list;
    memory_free(groups->memory, table->list, table->capacity * sizeof *table->list);
    if (table->known) id_map_release(&table->places);
    *table = (struct group_table){0};
    return true;
}

static bool drop_signal(struct groups *groups, signal_id id)
{
    struct group_signal *signal = &groups->signals[id];
    for (int i = 0; i < LIMIT_GROUP_FIELDS; i++)
        if (!drop_table(groups, id, &signal->tables[i])) return false;
    *signal = (struct group_signal){0};
    return true;
}

static enum code groups_apply(void *fold, const struct resolved_change *change, struct error *error)
{
    struct groups *groups = fold;
    if (change_drops(change, DEFINE_SIGNAL) && !drop_signal(groups, change->dropped->id))
        return error_no_memory(error, AREA_SIGNALS, sizeof(struct group));
    if (change->change->kind != CHANGE_SIGNAL || !change->effective ||
        change->totalled_count == 0 || change->contribution_count == 0)
        return CODE_OK;
    groups_know(groups, &change->schema->signals[change->change->signal.signal]);
    for (size_t i = 0; i < change->totalled_count; i++)
        if (!apply_group(groups, change, &change->totalled[i]))
            return error_no_memory(error, AREA_SIGNALS, sizeof(struct group));
    return CODE_OK;
}

/* --- Reading --- */

static double read_part(const struct groups *groups, const struct group_question *question,
                        bool denominator, uint64_t value)
{
    signal_id id = denominator ? question->denominator : question->signal;
    enum group_part part = denominator ? question->denominator_part : question->part;
    uint8_t slot = denominator ? question->denominator_slot : question->slot;
    const struct group_signal *signal = &groups->signals[id];
    const struct group *group = NULL;
    for (int i = 0; i < LIMIT_GROUP_FIELDS && !group; i++)
        if (signal->tables[i].known && signal->tables[i].field == question->field)
            group = group_find(&signal->tables[i], value);
    if (!group) return 0;
    if (part == GROUP_COUNT) return group->count > 0 ? (double)group->count : 0;
    if (part == GROUP_SUM) return (double)group->sum * UNIT;
    if (slot >= signal->decay_count) return 0;
    struct decay_now now = decay_now(&signal->decays[slot], question->now_ms);
    double decayed = decay_read(&now, group->decays[slot], group->newest_ms);
    return decayed > 0 ? decayed : 0;
}

void groups_add(const struct groups *groups, const struct group_question *question, uint64_t value,
                struct group_sums *sums)
{
    sums->amount += read_part(groups, question, false, value);
    sums->of += read_part(groups, question, true, value);
}

struct groups_size groups_signal_size(const struct groups *groups, signal_id signal)
{
    const struct group_signal *known = &groups->signals[signal];
    struct groups_size size = {0};
    for (int i = 0; i < LIMIT_GROUP_FIELDS; i++) {
        const struct group_table *table = &known->tables[i];
        if (!table->known) continue;
        size.count += table->count;
        size.bytes += table->count * group_bytes(known->decay_count) +
                      table->capacity * sizeof *table->list + id_map_bytes(&table->places);
    }
    return size;
}

/* --- Fold --- */

static void set_dirty(struct groups *groups, bool dirty)
{
    const struct group_dirty *rows = groups->rows.sealed.entries;
    for (size_t i = 0; i < groups->rows.sealed.count; i++) {
        const struct group_dirty *one = &rows[i];
        struct group *group = group_find(groups_table(groups, one->signal, one->field), one->value);
        if (group) group->dirty = dirty;
    }
}

static void groups_seal(void *fold)
{
    struct groups *groups = fold;
    dirty_rows_seal(&groups->rows);
    set_dirty(groups, false);
}

static void groups_sealed(void *fold, bool durable)
{
    struct groups *groups = fold;
    if (!durable) set_dirty(groups, true);
    dirty_rows_sealed(&groups->rows, durable);
}

static bool groups_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct groups *groups = fold;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        for (int j = 0; j < LIMIT_GROUP_FIELDS; j++) {
            const struct group_table *table = &groups->signals[i].tables[j];
            bool fits = table->count <= GROUP_VALUES_MAXIMUM;
            for (size_t k = 0; k < table->count && fits; k++)
                fits = group_find(table, table->list[k]->value) == table->list[k];
            if (fits && (!table->known || table->places.count == table->count)) continue;
            snprintf(reason, reason_bytes, "groups of signal %zu by field %u are wrong", i,
                     table->field);
            return false;
        }
    return true;
}

static size_t groups_bytes(const void *fold)
{
    const struct groups *groups = fold;
    size_t bytes = sizeof *groups + groups->bytes + dirty_rows_bytes(&groups->rows);
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        for (int j = 0; j < LIMIT_GROUP_FIELDS; j++)
            if (groups->signals[i].tables[j].known)
                bytes += id_map_bytes(&groups->signals[i].tables[j].places);
    return bytes;
}

static size_t groups_dirty_bytes(const void *fold)
{
    enum { ROW_BYTES_ABOUT = 80 };
    return ((const struct groups *)fold)->rows.changed.count * ROW_BYTES_ABOUT;
}

static void groups_free(void *fold)
{
    struct groups *groups = fold;
    if (!groups) return;
    struct memory *memory = groups->memory;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        for (int j = 0; j < LIMIT_GROUP_FIELDS; j++) {
            struct group_signal *signal = &groups->signals[i];
            struct group_table *table = &signal->tables[j];
            for (size_t k = 0; k < table->count; k++)
                memory_free(memory, table->list[k], group_bytes(signal->decay_count));
            memory_free(memory, table->list, table->capacity * sizeof *table->list);
            if (table->known) id_map_release(&table->places);
        }
    dirty_rows_release(&groups->rows);
    memory_free(memory, groups, sizeof *groups);
}

static const struct fold_ops groups_ops = {
    .name = "groups",
    .apply = groups_apply,
    .seal = groups_seal,
    .write = groups_write,
    .sealed = groups_sealed,
    .dump = groups_dump,
    .load = groups_load,
    .check = groups_check,
    .bytes = groups_bytes,
    .dirty_bytes = groups_dirty_bytes,
    .free = groups_free,
};

enum code groups_create(struct memory *memory, struct fold *fold, struct groups **groups,
                        struct error *error)
{
    struct groups *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_SIGNALS, sizeof *created);
    created->memory = memory;
    dirty_rows_init(&created->rows, memory, sizeof(struct group_dirty));
    *groups = created;
    *fold = (struct fold){.ops = &groups_ops, .state = created};
    return CODE_OK;
}
