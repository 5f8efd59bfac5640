#include "signals/ledger_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static enum code no_memory(struct error *error)
{
    return error_no_memory(error, AREA_SIGNALS, sizeof(struct record));
}

static entity_id id_of(const struct ledger *ledger, signal_id signal, ordinal entity)
{
    return ledger->ids.id_of(ledger->ids.context, ledger->tables[signal].layout.kind, entity);
}

static ALWAYS_INLINE struct signal_table *table_of(struct ledger *ledger,
                                                   const struct resolved_change *change)
{
    assert(change->change->signal.signal < LIMIT_SIGNAL_IDS);
    return &ledger->tables[change->change->signal.signal];
}

static void set_dirty(struct held held, bool dirty)
{
    if (held.record) {
        held.record->dirty = dirty;
    } else if (held.compact) {
        compact_set_flag(held.compact, COMPACT_DIRTY, dirty);
    }
}

static bool list_dirty(struct ledger *ledger, signal_id signal, ordinal entity, struct held held)
{
    const struct dirty_record one = {entity, signal, (uint8_t)ledger->tables[signal].layout.kind};
    if (!dirty_rows_add(&ledger->rows, &one)) return false;
    set_dirty(held, true);
    return true;
}

static ALWAYS_INLINE bool mark_dirty(struct ledger *ledger, signal_id signal, ordinal entity,
                                     struct held held)
{
    assert(!held.record || held.record != ledger->cold);
    return held_is_dirty(held) || list_dirty(ledger, signal, entity, held);
}

bool ledger_mark_dirty(struct ledger *ledger, signal_id signal, ordinal entity)
{
    return mark_dirty(ledger, signal, entity, table_find(&ledger->tables[signal], entity));
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

/* Puts a new block, or another one instead of what is there.  false: no memory; nothing is
 * changed. */
static bool put_block(struct ledger *ledger, struct signal_table *table, ordinal entity,
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

/* Takes the record over.  false: no memory, and the caller still owns it. */
static bool put_record(struct ledger *ledger, struct signal_table *table, ordinal entity,
                       struct record *record)
{
    block_handle handle = pool_take(&ledger->pool, 0);
    if (handle == 0) return false;
    *(struct record **)pool_block(&ledger->pool, handle) = record;
    if (!put_block(ledger, table, entity, handle)) return false;
    ledger->record_bytes += record_bytes(record);
    return true;
}

/* A block for a compact record of so many bytes; 0: no memory. */
static block_handle take_block(struct ledger *ledger, size_t bytes)
{
    unsigned block_class = pool_class_for(bytes);
    return pool_take(&ledger->pool, block_class > 0 ? block_class : 1);
}

bool ledger_put(struct ledger *ledger, struct signal_table *table, ordinal entity,
                struct record *record)
{
    size_t bytes = compact_measure(record, &table->layout);
    if (bytes == 0 || bytes > POOL_BLOCK_MAXIMUM) return put_record(ledger, table, entity, record);
    block_handle handle = take_block(ledger, bytes);
    if (handle == 0) return false;
    compact_fill(pool_block(&ledger->pool, handle), record, &table->layout);
    if (!put_block(ledger, table, entity, handle)) return false;
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

/* The row goes at the next checkpoint. */
static bool ledger_drop(struct ledger *ledger, signal_id signal, ordinal entity)
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
    if (!mark_dirty(ledger, signal, entity, before)) return false;
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
    if (put_record(ledger, table, entity, record)) {
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
        if (!list_dirty(ledger, signal, entity, nothing)) return false;
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

/* Gives a compact record what compact_add found missing. */
static bool change_form(struct ledger *ledger, signal_id signal, ordinal entity,
                        enum compact_outcome missing)
{
    struct signal_table *table = &ledger->tables[signal];
    struct compact *compact = table_find(table, entity).compact;
    assert(compact); /* whoever changes its form has found one */
    unsigned flags =
        compact_flags(compact) | (missing == COMPACT_NEEDS_VALUES ? COMPACT_VALUED : 0);
    size_t bytes = compact_bytes(&table->layout, flags, compact_run_count(compact) + 1);
    if (missing == COMPACT_DOES_NOT_FIT || bytes > POOL_BLOCK_MAXIMUM) {
        struct record *record = ledger_copy(ledger, signal, entity);
        if (record && put_record(ledger, table, entity, record)) return true;
        record_free(record, ledger->memory);
        return false;
    }
    block_handle handle = take_block(ledger, bytes);
    if (handle == 0) return false;
    struct compact *larger = pool_block(&ledger->pool, handle);
    if (missing == COMPACT_NEEDS_VALUES)
        compact_add_values(compact, &table->layout, larger);
    else
        memcpy(larger, compact,
               compact_bytes(&table->layout, compact_flags(compact), compact_run_count(compact)));
    return put_block(ledger, table, entity, handle);
}

/* What there is of a pair, as it has been found. */
struct found {
    struct signal_table *table;
    block_handle handle; /* 0: nothing */
    void *block;
};

static ALWAYS_INLINE struct found find(struct ledger *ledger, const struct resolved_change *change)
{
    struct found found = {.table = table_of(ledger, change)};
    found.handle = slots_find(&found.table->slots, change->subject);
    if (found.handle != 0) found.block = pool_block(&ledger->pool, found.handle);
    return found;
}

/* Puts one without events where none is, for its first. */
static bool put_empty(struct ledger *ledger, struct found *found, ordinal entity,
                      const struct compact_event *first)
{
    unsigned flags = compact_flags_for(first->layout, &first->what);
    block_handle handle = take_block(ledger, compact_bytes(first->layout, flags, 1));
    if (handle == 0) return false;
    found->block = pool_block(&ledger->pool, handle);
    compact_init_for(found->block, flags, first);
    if (!slots_set(&found->table->slots, &ledger->pool, entity, handle)) {
        pool_give(&ledger->pool, handle);
        return false;
    }
    found->handle = handle;
    found->table->record_count++;
    return true;
}

/* Counts an event in what there is. */
static bool add_event(struct ledger *ledger, struct found *found,
                      const struct resolved_change *change, const struct compact_event *event)
{
    while (pool_class_of(found->handle) != 0) {
        enum compact_outcome outcome =
            compact_add(found->block, pool_block_bytes(pool_class_of(found->handle)), event);
        if (outcome == COMPACT_DONE) return true;
        if (!change_form(ledger, change->change->signal.signal, change->subject, outcome))
            return false;
        *found = find(ledger, change);
    }
    assert(found->block);
    struct record *record = *(struct record **)found->block;
    ledger->record_bytes -= record_bytes(record);
    bool added = record_add(record, event->layout, ledger->memory, &event->what, event->decays);
    ledger->record_bytes += record_bytes(record);
    return added;
}

/* `found`: what there is of the pair now, and then. */
static ALWAYS_INLINE bool count_event(struct ledger *ledger, struct found *found,
                                      const struct resolved_change *change,
                                      const struct compact_event *event)
{
    struct signal_table *table = found->table;
    if (found->handle == 0) {
        if (event->what.sign < 0) return true; /* what it took back went with the entity */
        if (!put_empty(ledger, found, change->subject, event)) return false;
    }
    struct held held = held_of(found->handle, found->block);
    if (!mark_dirty(ledger, change->change->signal.signal, change->subject, held)) return false;
    bool is_near = held.compact && compact_add_near(held.compact, event);
    if (!is_near && !add_event(ledger, found, change, event)) return false;
    table->count += event->what.sign;
    table->sum += event->what.sign * (__int128)event->what.value;
    return true;
}

static ALWAYS_INLINE void event_set(struct compact_event *event, const struct signal_table *table,
                                    const struct resolved_change *change, size_t contribution)
{
    event->layout = &table->layout;
    event->what = change->contributions[contribution];
    event->decays = !change->late || table->layout.is_state;
}

static void event_init(struct compact_event *event, const struct signal_table *table,
                       const struct resolved_change *change, size_t contribution)
{
    struct decay_parts *parts = &event->parts;
    event_set(event, table, change, contribution);
    compact_events_init(event, 1);
    decay_parts_init(&parts, 1);
}

/* Does it count anything? */
static ALWAYS_INLINE bool counts(struct ledger *ledger, const struct resolved_change *change)
{
    return change->effective && change->subject != ORDINAL_NONE && change->contribution_count > 0 &&
           !table_of(ledger, change)->idle;
}

/* It counts something; `event` is its first contribution. */
static ALWAYS_INLINE bool apply_signal(struct ledger *ledger, const struct resolved_change *change,
                                       struct compact_event *event, struct found *found)
{
    bool takes_back = event->what.sign < 0;
    if (!count_event(ledger, found, change, event)) return false;
    for (size_t i = 1; i < change->contribution_count; i++) {
        event_init(event, found->table, change, i);
        takes_back = takes_back || event->what.sign < 0;
        if (!count_event(ledger, found, change, event)) return false;
    }
    if (!takes_back || found->handle == 0) return true;
    if (held_count(held_of(found->handle, found->block)) != 0) return true;
    return ledger_drop(ledger, change->change->signal.signal, change->subject);
}

static bool apply_delete(struct ledger *ledger, const struct resolved_change *change)
{
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        const struct signal_table *table = &ledger->tables[i];
        if (!table->known || table->layout.kind != change->change->delete.kind) continue;
        if (!ledger_drop(ledger, (signal_id)i, change->subject)) return false;
    }
    return true;
}

static enum code ledger_apply(void *fold, const struct resolved_change *change, struct error *error)
{
    struct ledger *ledger = fold;
    if (!ledger_adopt(ledger, change->schema, change->lsn, change->watermark_ms))
        return no_memory(error);
    bool applied = true;
    if (change->change->kind == CHANGE_SIGNAL && counts(ledger, change)) {
        struct found found = find(ledger, change);
        struct compact_event event;
        event_init(&event, found.table, change, 0);
        applied = apply_signal(ledger, change, &event, &found);
    }
    if (change->change->kind == CHANGE_DELETE) applied = apply_delete(ledger, change);
    if (change->change->kind == CHANGE_BACKFILL) applied = ledger_backfill(ledger, change);
    return applied ? CODE_OK : no_memory(error);
}

/* Signals of many entities lie all over memory.  So a tile of them is looked up together, step by
 * step: what each step reads has been asked for by the one before it, side by side; and while the
 * last of it comes, the tile before is counted.  What they say of themselves is worked out side by
 * side as well.  A look-up is not done again unless a handle of its page has come to lie elsewhere
 * since. */
enum { TILE = 16 };

struct look_up {
    const struct resolved_change *change;
    struct found found;
    const block_handle *place; /* NULL: nothing there */
    uint32_t moves;            /* of its page of slots, when `place` was right */
};

struct tile {
    size_t count;
    struct look_up look_ups[TILE];
    struct compact_event events[TILE];
    struct decay_parts *parts[TILE]; /* of the events */
};

static void tile_init(struct tile *tile)
{
    for (size_t i = 0; i < TILE; i++)
        tile->parts[i] = &tile->events[i].parts;
}

/* Takes the next changes that count something; returns how many it has gone over. */
static ALWAYS_INLINE size_t tile_fill(struct tile *tile, struct ledger *ledger,
                                      const struct resolved_change *changes, size_t count)
{
    size_t at = 0, taken = 0;
    for (; at < count && taken < TILE; at++) {
        const struct resolved_change *change = &changes[at];
        assert(change->change->kind == CHANGE_SIGNAL);
        assert(change->schema == changes[0].schema);
        if (!counts(ledger, change)) continue;
        struct signal_table *table = table_of(ledger, change);
        slots_prefetch_page(&table->slots, change->subject);
        tile->look_ups[taken].change = change;
        tile->look_ups[taken].found = (struct found){.table = table};
        event_set(&tile->events[taken++], table, change, 0);
    }
    tile->count = taken;
    compact_events_init(tile->events, taken);
    return at;
}

/* The pages have been asked for. */
static ALWAYS_INLINE void tile_look_up(struct tile *tile, const struct ledger *ledger)
{
    for (size_t i = 0; i < tile->count; i++) {
        struct look_up *look_up = &tile->look_ups[i];
        const struct slots *slots = &look_up->found.table->slots;
        look_up->place = slots_place(slots, look_up->change->subject);
        if (!look_up->place) {
            slots_prefetch_gap(slots, look_up->change->subject);
            continue;
        }
        look_up->moves = slots_moves(slots, look_up->change->subject);
        __builtin_prefetch(look_up->place);
    }
    decay_parts_init(tile->parts, tile->count);
    for (size_t i = 0; i < tile->count; i++) {
        struct look_up *look_up = &tile->look_ups[i];
        struct found *found = &look_up->found;
        if (!look_up->place) continue;
        found->handle = *look_up->place;
        found->block = pool_block(&ledger->pool, found->handle);
        __builtin_prefetch(found->block, 1);
    }
}

/* Asks for the rest of a longer record, if the event will move more than its first line. */
static ALWAYS_INLINE void look_further(const struct look_up *look_up,
                                       const struct compact_event *event)
{
    const struct found *found = &look_up->found;
    if (pool_class_of(found->handle) > CLASS_OF_A_LINE && !compact_is_quiet(found->block, event))
        compact_prefetch(found->block, event->layout);
}

/* What was looked up, if it is so still. */
static ALWAYS_INLINE struct found find_again(struct ledger *ledger, const struct look_up *look_up)
{
    const struct resolved_change *change = look_up->change;
    if (look_up->place &&
        slots_moves(&look_up->found.table->slots, change->subject) == look_up->moves &&
        *look_up->place == look_up->found.handle)
        return look_up->found;
    return find(ledger, change);
}

/* `next` has been looked up, too. */
static ALWAYS_INLINE bool tile_apply(struct tile *tile, const struct tile *next,
                                     struct ledger *ledger)
{
    enum { AHEAD = TILE / 2 };
    for (size_t i = 0; i < tile->count; i++) {
        const struct tile *ahead = i + AHEAD < TILE ? tile : next;
        size_t at = (i + AHEAD) % TILE;
        if (at < ahead->count) look_further(&ahead->look_ups[at], &ahead->events[at]);
        struct found found = find_again(ledger, &tile->look_ups[i]);
        if (!apply_signal(ledger, tile->look_ups[i].change, &tile->events[i], &found)) return false;
    }
    return true;
}

static enum code ledger_apply_signals(void *fold, const struct resolved_change *changes,
                                      size_t count, struct error *error)
{
    struct ledger *ledger = fold;
    struct tile tiles[2];
    if (count > 0 &&
        !ledger_adopt(ledger, changes[0].schema, changes[0].lsn, changes[0].watermark_ms))
        return no_memory(error);
    tile_init(&tiles[0]);
    tile_init(&tiles[1]);
    size_t taken = tile_fill(&tiles[0], ledger, changes, count);
    tile_look_up(&tiles[0], ledger);
    for (unsigned at = 0; tiles[at].count > 0; at ^= 1) {
        taken += tile_fill(&tiles[at ^ 1], ledger, changes + taken, count - taken);
        tile_look_up(&tiles[at ^ 1], ledger);
        if (!tile_apply(&tiles[at], &tiles[at ^ 1], ledger)) return no_memory(error);
    }
    return CODE_OK;
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
