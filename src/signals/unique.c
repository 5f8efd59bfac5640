#include "signals/unique_private.h"

#include "base/hash.h"
#include "base/time_window.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool mark_dirty(struct unique *unique, struct distinct *set, ordinal item, signal_id signal)
{
    if (set->dirty) return true;
    const struct unique_dirty one = {set->id, item, signal};
    if (!dirty_rows_add(&unique->rows, &one)) return false;
    set->dirty = true;
    return true;
}

struct distinct **unique_make(struct unique *unique, signal_id signal, ordinal item, entity_id id)
{
    struct unique_table *table = &unique->tables[signal];
    size_t old = table->capacity;
    if (item >= old) {
        void *sets = table->sets;
        bool room = memory_grow(unique->memory, &sets, &table->capacity, (size_t)item + 1,
                                sizeof *table->sets, UINT32_MAX);
        table->sets = sets;
        if (!room) return NULL;
        memset(table->sets + old, 0, (table->capacity - old) * sizeof *table->sets);
        unique->bytes += (table->capacity - old) * sizeof *table->sets;
    }
    assert(!table->sets[item]);
    table->sets[item] = distinct_create(id, unique->memory);
    if (!table->sets[item]) return NULL;
    unique->bytes += distinct_bytes(table->sets[item]);
    return &table->sets[item];
}

static bool apply_signal(struct unique *unique, const struct resolved_change *change)
{
    const struct signal *signal = &change->schema->signals[change->change->signal.signal];
    if (signal->distinct_ms == 0 || change->other == ORDINAL_NONE ||
        change->subject == ORDINAL_NONE || !change->effective || change->contribution_count == 0)
        return true;
    struct unique_table *table = &unique->tables[signal->id];
    struct distinct *found = unique_find(table, change->subject), **set;
    bool changed = false;
    table->span_ms = signal->distinct_ms;
    set = found ? &table->sets[change->subject]
                : unique_make(unique, signal->id, change->subject, change->subject_id);
    if (!set) return false;
    size_t before = distinct_bytes(*set);
    bool added = distinct_add(set, unique->memory, signal->distinct_ms, hash_u64(change->other_id),
                              change->time_ms, &changed);
    unique->bytes += distinct_bytes(*set) - before;
    if (!added) return false;
    return !changed || mark_dirty(unique, *set, change->subject, signal->id);
}

/* No file may keep a person who is gone: looks through everything, which is rare. */
static bool forget_user(struct unique *unique, const struct resolved_change *change)
{
    uint64_t hash = hash_u64(change->subject_id);
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        const struct unique_table *table = &unique->tables[i];
        for (size_t item = 0; item < table->capacity; item++) {
            struct distinct *set = table->sets[item];
            if (!set || !distinct_forget(set, hash)) continue;
            if (!mark_dirty(unique, set, (ordinal)item, (signal_id)i)) return false;
        }
    }
    return true;
}

static bool apply_delete(struct unique *unique, const struct resolved_change *change)
{
    if (change->change->delete.kind == ENTITY_USER) return forget_user(unique, change);
    if (change->change->delete.kind != ENTITY_ITEM) return true;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        struct unique_table *table = &unique->tables[i];
        struct distinct *set = unique_find(table, change->subject);
        if (!set) continue;
        if (!mark_dirty(unique, set, change->subject, (signal_id)i)) return false;
        table->sets[change->subject] = NULL;
        unique->bytes -= distinct_bytes(set);
        distinct_free(set, unique->memory);
    }
    return true;
}

/* The rows go at the next checkpoint. */
static bool drop_signal(struct unique *unique, signal_id signal)
{
    struct unique_table *table = &unique->tables[signal];
    size_t table_bytes = table->capacity * sizeof *table->sets;
    for (size_t i = 0; i < table->capacity; i++) {
        struct distinct *set = table->sets[i];
        if (!set) continue;
        if (!mark_dirty(unique, set, (ordinal)i, signal)) return false;
        unique->bytes -= distinct_bytes(set);
        distinct_free(set, unique->memory);
    }
    memory_free(unique->memory, table->sets, table_bytes);
    unique->bytes -= table_bytes;
    *table = (struct unique_table){0};
    return true;
}

static enum code unique_apply(void *fold, const struct resolved_change *change, struct error *error)
{
    bool applied = true;
    if (change->change->kind == CHANGE_SIGNAL) applied = apply_signal(fold, change);
    if (change->change->kind == CHANGE_DELETE) applied = apply_delete(fold, change);
    if (change_drops(change, DEFINE_SIGNAL)) applied = drop_signal(fold, change->dropped->id);
    return applied ? CODE_OK : error_no_memory(error, AREA_SIGNALS, sizeof(struct distinct));
}

static enum code unique_apply_signals(void *fold, const struct resolved_change *changes,
                                      size_t count, struct error *error)
{
    enum { AHEAD = 8 };
    const struct unique *unique = fold;
    enum code code = CODE_OK;
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) {
            const struct resolved_change *next = &changes[i + AHEAD];
            const struct distinct *set =
                unique_find(&unique->tables[next->change->signal.signal], next->subject);
            if (set) __builtin_prefetch(set);
        }
        TRY(unique_apply(fold, &changes[i], error));
    }
out:
    return code;
}

static void set_dirty(const struct unique *unique, bool dirty)
{
    const struct unique_dirty *rows = unique->rows.sealed.entries;
    for (size_t i = 0; i < unique->rows.sealed.count; i++) {
        const struct unique_dirty *one = &rows[i];
        struct distinct *set = unique_find(&unique->tables[one->signal], one->item);
        if (set) set->dirty = dirty;
    }
}

static void unique_seal(void *fold)
{
    struct unique *unique = fold;
    dirty_rows_seal(&unique->rows);
    set_dirty(unique, false);
}

static void unique_sealed(void *fold, bool durable)
{
    struct unique *unique = fold;
    if (!durable) set_dirty(unique, true);
    dirty_rows_sealed(&unique->rows, durable);
}

static bool unique_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct unique *unique = fold;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        const struct unique_table *table = &unique->tables[i];
        for (size_t item = 0; item < table->capacity; item++) {
            if (!table->sets[item] || distinct_check(table->sets[item], table->span_ms)) continue;
            snprintf(reason, reason_bytes, "distinct users of item '%llu' by signal %zu are wrong",
                     (unsigned long long)table->sets[item]->id, i);
            return false;
        }
    }
    return true;
}

static size_t unique_bytes(const void *fold)
{
    const struct unique *unique = fold;
    return sizeof *unique + unique->bytes + dirty_rows_bytes(&unique->rows);
}

static size_t unique_dirty_bytes(const void *fold)
{
    enum { ROW_BYTES_ABOUT = 128 };
    return ((const struct unique *)fold)->rows.changed.count * ROW_BYTES_ABOUT;
}

static void unique_free(void *fold)
{
    struct unique *unique = fold;
    if (!unique) return;
    struct memory *memory = unique->memory;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        struct unique_table *table = &unique->tables[i];
        for (size_t item = 0; item < table->capacity; item++)
            distinct_free(table->sets[item], memory);
        memory_free(memory, table->sets, table->capacity * sizeof *table->sets);
    }
    dirty_rows_release(&unique->rows);
    memory_free(memory, unique, sizeof *unique);
}

static const struct fold_ops unique_ops = {
    .name = "unique",
    .apply = unique_apply,
    .apply_signals = unique_apply_signals,
    .seal = unique_seal,
    .write = unique_write,
    .sealed = unique_sealed,
    .dump = unique_dump,
    .load = unique_load,
    .check = unique_check,
    .bytes = unique_bytes,
    .dirty_bytes = unique_dirty_bytes,
    .free = unique_free,
};

enum code unique_create(struct memory *memory, const struct ledger_ids *ids, struct fold *fold,
                        struct unique **unique, struct error *error)
{
    struct unique *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_SIGNALS, sizeof *created);
    created->memory = memory;
    dirty_rows_init(&created->rows, memory, sizeof(struct unique_dirty));
    created->ids = *ids;
    *unique = created;
    *fold = (struct fold){.ops = &unique_ops, .state = created};
    return CODE_OK;
}

void unique_read(const struct unique *unique, const struct unique_window *window,
                 const ordinal *items, size_t count, struct feature_column out)
{
    enum { AHEAD = 8 };
    const struct unique_table *table = &unique->tables[window->signal];
    int64_t after_ms = window_after_ms(window->now_ms, window->window_ms);
    for (size_t i = 0; i < count; i++) {
        if (i + AHEAD < count) __builtin_prefetch(unique_find(table, items[i + AHEAD]));
        const struct distinct *set = unique_find(table, items[i]);
        out.values[i] = set ? distinct_count(set, after_ms) : 0;
        out.missing[i] = false;
    }
}

struct ledger_size unique_signal_size(const struct unique *unique, signal_id signal)
{
    const struct unique_table *table = &unique->tables[signal];
    struct ledger_size size = {.bytes = table->capacity * sizeof *table->sets};
    for (size_t item = 0; item < table->capacity; item++) {
        if (!table->sets[item]) continue;
        size.pairs++;
        size.bytes += distinct_bytes(table->sets[item]);
    }
    return size;
}
