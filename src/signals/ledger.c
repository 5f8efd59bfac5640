#include "signals/ledger_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static entity_id id_of(const struct ledger *ledger, signal_id signal, ordinal entity)
{
    return ledger->ids.id_of(ledger->ids.context, ledger->tables[signal].layout.kind, entity);
}

static void set_dirty(struct held held, bool dirty)
{
    if (held.record) {
        held.record->dirty = dirty;
    } else if (held.compact) {
        compact_set_flag(held.compact, COMPACT_DIRTY, dirty);
    }
}

bool ledger_list_dirty(struct ledger *ledger, signal_id signal, ordinal entity, struct held held)
{
    const struct dirty_record one = {entity, signal, (uint8_t)ledger->tables[signal].layout.kind};
    if (!dirty_rows_add(&ledger->rows, &one)) return false;
    set_dirty(held, true);
    return true;
}

bool ledger_mark_dirty(struct ledger *ledger, signal_id signal, ordinal entity)
{
    return ledger_mark_held(ledger, signal, entity, table_find(&ledger->tables[signal], entity));
}

void table_ask_pages(const struct signal_table *table, const ordinal *ordinals, size_t count)
{
    for (size_t i = 0; i < count; i++)
        slots_prefetch_page(&table->slots, ordinals[i]);
}

void table_ask_handles(const struct signal_table *table, const ordinal *ordinals, size_t count,
                       struct finding *finding)
{
    assert(count <= LOOKED_UP);
    for (size_t i = 0; i < count; i++) {
        finding->places[i] = slots_place(&table->slots, ordinals[i]);
        __builtin_prefetch(finding->places[i]);
    }
}

/* Asks for a block, as far as most windows reach. */
static ALWAYS_INLINE void ask_block(const struct signal_table *table, block_handle handle,
                                    const char *block)
{
    enum { FAR_BYTES = 4 * POOL_LINE_BYTES };
    size_t bytes = pool_block_bytes(pool_class_of(handle));
    compact_prefetch_head((const struct compact *)block, &table->layout);
    for (size_t at = POOL_LINE_BYTES; at < bytes && at < FAR_BYTES; at += POOL_LINE_BYTES)
        __builtin_prefetch(block + at);
}

void table_find_all(const struct signal_table *table, size_t count, struct finding *finding)
{
    void *blocks[LOOKED_UP];
    assert(count <= LOOKED_UP);
    for (size_t i = 0; i < count; i++) {
        if (!finding->places[i]) continue;
        blocks[i] = pool_block(table->pool, *finding->places[i]);
        ask_block(table, *finding->places[i], blocks[i]);
    }
    for (size_t i = 0; i < count; i++) {
        finding->held[i] = (struct held){NULL, NULL};
        if (finding->places[i]) finding->held[i] = held_of(*finding->places[i], blocks[i]);
    }
}

bool ledger_put_block(struct ledger *ledger, struct signal_table *table, ordinal entity,
                      block_handle handle)
{
    block_handle old = slots_find(&table->slots, entity);
    if (!slots_set(&table->slots, &ledger->pool, entity, handle)) {
        pool_give(&ledger->pool, handle);
        return false;
    }
    if (old != 0 && old != table->cold_handle) pool_give(&ledger->pool, old);
    return true;
}

bool ledger_put_record(struct ledger *ledger, struct signal_table *table, ordinal entity,
                       struct record *record)
{
    block_handle handle = pool_take(&ledger->pool, 0);
    if (handle == 0) return false;
    *(struct record **)pool_block(&ledger->pool, handle) = record;
    if (!ledger_put_block(ledger, table, entity, handle)) return false;
    ledger->record_bytes += record_bytes(record);
    return true;
}

block_handle ledger_take_block(struct ledger *ledger, size_t bytes)
{
    unsigned block_class = pool_class_for(bytes);
    return pool_take(&ledger->pool, block_class > 0 ? block_class : 1);
}

bool ledger_put(struct ledger *ledger, struct signal_table *table, ordinal entity,
                struct record *record)
{
    size_t bytes = compact_measure(record, &table->layout);
    if (bytes == 0 || bytes > POOL_BLOCK_MAXIMUM)
        return ledger_put_record(ledger, table, entity, record);
    block_handle handle = ledger_take_block(ledger, bytes);
    if (handle == 0) return false;
    compact_fill(pool_block(&ledger->pool, handle), record, &table->layout);
    if (!ledger_put_block(ledger, table, entity, handle)) return false;
    record_free(record, ledger->memory);
    return true;
}

bool ledger_insert(struct ledger *ledger, signal_id signal, ordinal entity, struct record *record)
{
    struct signal_table *table = &ledger->tables[signal];
    assert(!held_any(table_find(table, entity)));
    int64_t count = record->count;
    __int128 sum = record->sum;
    if (!ledger_put(ledger, table, entity, record)) return false;
    table->record_count++;
    table->count += count;
    table->sum += sum;
    return true;
}

bool ledger_insert_cold(struct ledger *ledger, signal_id signal, ordinal entity,
                        const struct record *record)
{
    struct signal_table *table = &ledger->tables[signal];
    assert(!held_any(table_find(table, entity)) && !table->stays);
    if (!slots_set(&table->slots, &ledger->pool, entity, table->cold_handle)) return false;
    table->record_count++;
    table->cold_count++;
    table->count += record->count;
    table->sum += record->sum;
    return true;
}

static struct record *copy_held(const struct ledger *ledger, const struct signal_table *table,
                                struct held held, entity_id id)
{
    return held.compact ? compact_expand(held.compact, &table->layout, id, ledger->memory)
                        : record_copy(held.record, ledger->memory);
}

struct record *ledger_copy(const struct ledger *ledger, signal_id signal, ordinal entity)
{
    const struct signal_table *table = &ledger->tables[signal];
    assert(!table_is_cold(table, entity));
    return copy_held(ledger, table, table_find(table, entity), id_of(ledger, signal, entity));
}

/* Its block stays. */
static void free_record(struct ledger *ledger, struct held held)
{
    if (!held.record) return;
    ledger->record_bytes -= record_bytes(held.record);
    record_free(held.record, ledger->memory);
}

void ledger_give_up(struct ledger *ledger, signal_id signal, ordinal entity)
{
    struct signal_table *table = &ledger->tables[signal];
    struct held held = table_find(table, entity);
    assert(ledger->rows.sealed.count == 0 && !table->stays && !table_is_cold(table, entity));
    assert(!held_is_dirty(held));
    free_record(ledger, held);
    pool_give(&ledger->pool, slots_find(&table->slots, entity));
    bool replaced = slots_set(&table->slots, &ledger->pool, entity, table->cold_handle);
    assert(replaced); /* one handle by another */
    (void)replaced;
    table->cold_count++;
}

bool ledger_drop(struct ledger *ledger, signal_id signal, ordinal entity)
{
    struct signal_table *table = &ledger->tables[signal];
    struct held held = table_find(table, entity);
    if (!held_any(held)) return true;
    if (!ledger_mark_dirty(ledger, signal, entity)) return false;
    table->record_count--;
    table->count -= held_count(held);
    table->sum -= held_sum(held, &table->layout);
    free_record(ledger, held);
    pool_give(&ledger->pool, slots_find(&table->slots, entity));
    slots_remove(&table->slots, &ledger->pool, entity);
    return true;
}

bool ledger_replace(struct ledger *ledger, signal_id signal, ordinal entity, struct record *record)
{
    struct signal_table *table = &ledger->tables[signal];
    struct held before = table_find(table, entity);
    assert(held_count(before) == record->count && held_sum(before, &table->layout) == record->sum);
    if (!ledger_mark_held(ledger, signal, entity, before)) return false;
    record->dirty = true;
    if (!ledger_put(ledger, table, entity, record)) return false;
    free_record(ledger, before);
    return true;
}

static bool convert_one(struct ledger *ledger, signal_id signal, ordinal entity,
                        const struct layout *to)
{
    struct signal_table *table = &ledger->tables[signal];
    if (!held_any(table_find(table, entity))) return true;
    if (table->layout.kind != to->kind) return ledger_drop(ledger, signal, entity);
    if (!ledger_mark_dirty(ledger, signal, entity)) return false;
    struct record *old = ledger_copy(ledger, signal, entity);
    struct record *record = old ? record_convert(old, &table->layout, to, ledger->memory) : NULL;
    record_free(old, ledger->memory);
    if (!record) return false;
    record->dirty = true;
    /* All have the old layout until all are converted: in the form that no layout is needed to
     * read. */
    struct held before = table_find(table, entity);
    if (ledger_put_record(ledger, table, entity, record)) {
        free_record(ledger, before);
        return true;
    }
    record_free(record, ledger->memory);
    return false;
}

/* Brings the records of a signal that was defined anew into its new layout. */
static bool table_convert(struct ledger *ledger, signal_id signal, const struct layout *to)
{
    struct signal_table *table = &ledger->tables[signal];
    for (size_t entity = 0; entity < slots_end(&table->slots); entity++)
        if (!convert_one(ledger, signal, (ordinal)entity, to)) return false;
    table->layout = *to;
    for (size_t entity = 0; entity < slots_end(&table->slots); entity++) {
        struct held held = table_find(table, (ordinal)entity);
        if (!held.record || compact_measure(held.record, to) == 0) continue;
        size_t bytes = record_bytes(held.record);
        if (!ledger_put(ledger, table, (ordinal)entity, held.record)) return false;
        ledger->record_bytes -= bytes;
    }
    return true;
}

/* All that there is of a signal that was dropped; the rows go at the next checkpoint.  What is cold
 * goes unread: nothing but its row is left of it. */
static bool table_drop(struct ledger *ledger, signal_id signal)
{
    struct signal_table *table = &ledger->tables[signal];
    struct held nothing = {NULL, NULL};
    for (size_t i = 0; i < slots_end(&table->slots); i++) {
        ordinal entity = (ordinal)i;
        if (!table_is_cold(table, entity)) {
            if (!ledger_drop(ledger, signal, entity)) return false;
            continue;
        }
        if (!ledger_list_dirty(ledger, signal, entity, nothing)) return false;
        slots_remove(&table->slots, &ledger->pool, entity);
        table->cold_count--;
        table->record_count--;
    }
    assert(table->record_count == 0 && table->cold_count == 0);
    slots_release(&table->slots, ledger->memory);
    table->count = 0;
    table->sum = 0;
    table->known = false;
    ledger->gaps_dirty = ledger->gaps_dirty || gaps_any(&table->gaps);
    table->gaps = (struct gaps){0};
    return true;
}

static void convert_gaps(struct ledger *ledger, struct signal_table *table, const struct layout *to,
                         lsn defined, int64_t since_ms)
{
    /* Where nothing was counted nothing is missing. */
    struct gaps gaps = {0};
    if (table->record_count > 0)
        gaps = gaps_convert(&table->gaps, &table->layout, to, defined, since_ms);
    ledger->gaps_dirty = ledger->gaps_dirty || gaps_any(&gaps) || gaps_any(&table->gaps);
    table->gaps = gaps;
}

static void layout_of(const struct ledger *ledger, const struct signal *signal,
                      struct layout *layout)
{
    if (ledger->focus && ledger->focus->is[signal->id])
        *layout = ledger->focus->layouts[signal->id];
    else
        layout_init(layout, signal);
}

bool ledger_adopt(struct ledger *ledger, const struct schema *schema, lsn defined, int64_t since_ms)
{
    if (ledger->is_adopted && ledger->text_count == schema->text_count) return true;
    for (size_t i = 0; i < schema->signal_count && i < LIMIT_SIGNAL_IDS; i++) {
        struct signal_table *table = &ledger->tables[i];
        struct layout layout;
        if (schema->signals[i].dropped) {
            if (table->known && !table_drop(ledger, (signal_id)i)) return false;
            continue;
        }
        layout_of(ledger, &schema->signals[i], &layout);
        bool same =
            layout.kind == table->layout.kind && layout_same_records(&layout, &table->layout);
        if (table->known && !same) {
            convert_gaps(ledger, table, &layout, defined, since_ms);
            if (!table_convert(ledger, (signal_id)i, &layout)) return false;
        }
        table->layout = layout;
        table->pool = &ledger->pool;
        table->stays = schema->signals[i].popular_count > 0;
        assert(!table->stays || table->cold_count == 0);
        table->known = true;
        table->idle = ledger->focus && !ledger->focus->is[i];
    }
    ledger->is_adopted = true;
    ledger->text_count = schema->text_count;
    return true;
}

static void set_sealed_dirty(const struct ledger *ledger, bool dirty)
{
    const struct dirty_record *rows = ledger->rows.sealed.entries;
    for (size_t i = 0; i < ledger->rows.sealed.count; i++)
        set_dirty(table_find(&ledger->tables[rows[i].signal], rows[i].entity), dirty);
}

static void ledger_seal(void *fold)
{
    struct ledger *ledger = fold;
    dirty_rows_seal(&ledger->rows);
    set_sealed_dirty(ledger, false);
    ledger->gaps_sealed = ledger->gaps_dirty;
    ledger->gaps_dirty = false;
}

static void ledger_sealed(void *fold, bool durable)
{
    struct ledger *ledger = fold;
    if (!durable) {
        set_sealed_dirty(ledger, true);
        ledger->gaps_dirty = ledger->gaps_dirty || ledger->gaps_sealed;
    }
    dirty_rows_sealed(&ledger->rows, durable);
    ledger->gaps_sealed = false;
}

/* What a signal's totals are to be. */
struct sums {
    const struct ledger *ledger;
    size_t found, cold;
    int64_t count;
    __int128 sum;
};

static enum code add_cold(void *context, const struct cold_pair *pair, struct record *record,
                          struct error *error)
{
    struct sums *sums = context;
    (void)pair, (void)error;
    sums->found++;
    sums->cold++;
    sums->count += record->count;
    sums->sum += record->sum;
    record_free(record, sums->ledger->memory);
    return CODE_OK;
}

static bool table_check(const struct ledger *ledger, signal_id signal, char *reason,
                        size_t reason_bytes)
{
    const struct signal_table *table = &ledger->tables[signal];
    struct sums sums = {.ledger = ledger};
    struct error error;
    for (size_t i = 0; i < slots_end(&table->slots); i++) {
        struct held held = table_find(table, (ordinal)i);
        if (!held_any(held) || table_is_cold(table, (ordinal)i)) continue;
        bool right = held.compact
                         ? compact_check(held.compact, &table->layout, reason, reason_bytes)
                         : record_check(held.record, &table->layout, reason, reason_bytes);
        if (!right) return false;
        sums.found++;
        sums.count += held_count(held);
        sums.sum += held_sum(held, &table->layout);
    }
    if (cold_visit(ledger, signal, add_cold, &sums, &error) != CODE_OK) {
        snprintf(reason, reason_bytes, "%s", error.message);
        return false;
    }
    if (sums.found == table->record_count && sums.cold == table->cold_count &&
        sums.count == table->count && sums.sum == table->sum)
        return true;
    snprintf(reason, reason_bytes, "a signal's totals differ from the sum of its records");
    return false;
}

static bool ledger_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct ledger *ledger = fold;
    for (unsigned i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        if (!table_check(ledger, (signal_id)i, reason, reason_bytes)) return false;
    }
    return true;
}

static size_t ledger_bytes(const void *fold)
{
    const struct ledger *ledger = fold;
    size_t bytes = sizeof *ledger + ledger->record_bytes + ledger->pool.bytes;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        bytes += ledger->tables[i].slots.page_bytes;
    return bytes + dirty_rows_bytes(&ledger->rows);
}

static size_t ledger_dirty_bytes(const void *fold)
{
    enum { ROW_BYTES_ABOUT = 128 };
    return ((const struct ledger *)fold)->rows.changed.count * ROW_BYTES_ABOUT;
}

static void ledger_free(void *fold)
{
    struct ledger *ledger = fold;
    if (!ledger) return;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        struct signal_table *table = &ledger->tables[i];
        for (size_t j = 0; j < slots_end(&table->slots); j++)
            if (!table_is_cold(table, (ordinal)j))
                record_free(table_find(table, (ordinal)j).record, ledger->memory);
        slots_release(&table->slots, ledger->memory);
    }
    memory_free(ledger->memory, ledger->focus, sizeof *ledger->focus);
    pool_release(&ledger->pool);
    record_free(ledger->cold, ledger->memory);
    dirty_rows_release(&ledger->rows);
    memory_free(ledger->memory, ledger, sizeof *ledger);
}

static const struct fold_ops ledger_ops = {
    .name = "signals",
    .apply = ledger_apply,
    .apply_signals = ledger_apply_signals,
    .seal = ledger_seal,
    .write = ledger_write,
    .sealed = ledger_sealed,
    .dump = ledger_dump,
    .load = ledger_load,
    .check = ledger_check,
    .bytes = ledger_bytes,
    .dirty_bytes = ledger_dirty_bytes,
    .free = ledger_free,
};

enum code ledger_create(struct memory *memory, const struct ledger_ids *ids, struct fold *fold,
                        struct ledger **ledger, struct error *error)
{
    struct ledger *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_SIGNALS, sizeof *created);
    created->memory = memory;
    dirty_rows_init(&created->rows, memory, sizeof(struct dirty_record));
    created->ids = *ids;
    pool_init(&created->pool, memory);
    *ledger = created;
    *fold = (struct fold){.ops = &ledger_ops, .state = created};
    return CODE_OK;
}

static struct ledger_totals totals_from(int64_t count, __int128 sum)
{
    return (struct ledger_totals){count, (double)sum / (double)SIGNAL_VALUE_ONE};
}

struct ledger_totals ledger_entity_totals(const struct ledger *ledger, signal_id signal,
                                          ordinal entity)
{
    assert(signal < LIMIT_SIGNAL_IDS);
    const struct signal_table *table = &ledger->tables[signal];
    struct held held = table_find(table, entity);
    struct error error;
    if (!held_any(held)) return (struct ledger_totals){0};
    if (table_is_cold(table, entity)) {
        struct record *record = NULL;
        if (cold_read(ledger, signal, entity, &record, &error) != CODE_OK)
            return (struct ledger_totals){.count = -1};
        struct ledger_totals totals = totals_from(record->count, record->sum);
        record_free(record, ledger->memory);
        return totals;
    }
    return totals_from(held_count(held), held_sum(held, &table->layout));
}

struct ledger_totals ledger_signal_totals(const struct ledger *ledger, signal_id signal)
{
    assert(signal < LIMIT_SIGNAL_IDS);
    const struct signal_table *table = &ledger->tables[signal];
    return totals_from(table->count, table->sum);
}

struct ledger_size ledger_signal_size(const struct ledger *ledger, signal_id signal)
{
    assert(signal < LIMIT_SIGNAL_IDS);
    const struct signal_table *table = &ledger->tables[signal];
    struct ledger_size size = {.pairs = table->record_count - table->cold_count,
                               .cold = table->cold_count,
                               .bytes = table->slots.page_bytes + table->slots.block_bytes,
                               .cold_bytes = table->cold_count * sizeof(block_handle)};
    for (size_t i = 0; i < slots_end(&table->slots); i++) {
        block_handle handle = slots_find(&table->slots, (ordinal)i);
        if (handle == 0 || handle == table->cold_handle) continue;
        size.bytes += pool_block_bytes(pool_class_of(handle));
        struct held held = table_find(table, (ordinal)i);
        if (held.record) size.bytes += record_bytes(held.record);
    }
    return size;
}

size_t ledger_record_count(const struct ledger *ledger)
{
    size_t count = 0;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        count += ledger->tables[i].record_count;
    return count;
}
