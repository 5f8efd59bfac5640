/* What changes do to the ledger: one, and signals by the batch.
 *
 * Signals of many entities lie all over memory.  So a tile of them is looked up together, step by
 * step: what each step reads has been asked for by the one before it, side by side; and while the
 * last of it comes, the tile before is counted.  What they say of themselves is worked out side by
 * side as well.  A look-up is not done again unless a handle of its page has come to lie elsewhere
 * since. */
#include "signals/ledger_private.h"

#include <assert.h>
#include <string.h>

static enum code no_memory(struct error *error)
{
    return error_no_memory(error, AREA_SIGNALS, sizeof(struct record));
}

static ALWAYS_INLINE struct signal_table *table_of(struct ledger *ledger,
                                                   const struct resolved_change *change)
{
    assert(change->change->signal.signal < LIMIT_SIGNAL_IDS);
    return &ledger->tables[change->change->signal.signal];
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
        if (record && ledger_put_record(ledger, table, entity, record)) return true;
        record_free(record, ledger->memory);
        return false;
    }
    block_handle handle = ledger_take_block(ledger, bytes);
    if (handle == 0) return false;
    struct compact *larger = pool_block(&ledger->pool, handle);
    if (missing == COMPACT_NEEDS_VALUES)
        compact_add_values(compact, &table->layout, larger);
    else
        memcpy(larger, compact,
               compact_bytes(&table->layout, compact_flags(compact), compact_run_count(compact)));
    return ledger_put_block(ledger, table, entity, handle);
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
    block_handle handle = ledger_take_block(ledger, compact_bytes(first->layout, flags, 1));
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
    if (!ledger_mark_held(ledger, change->change->signal.signal, change->subject, held))
        return false;
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
    event_set(event, table, change, contribution);
    compact_events_init(event, 1);
    decay_parts_init(&event->parts);
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

enum code ledger_apply(void *fold, const struct resolved_change *change, struct error *error)
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
};

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
    for (size_t i = 0; i < tile->count; i++)
        decay_parts_init(&tile->events[i].parts);
    for (size_t i = 0; i < tile->count; i++) {
        struct look_up *look_up = &tile->look_ups[i];
        struct found *found = &look_up->found;
        if (!look_up->place) continue;
        found->handle = *look_up->place;
        found->block = pool_block(&ledger->pool, found->handle);
        compact_prefetch_head(found->block, &found->table->layout);
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

enum code ledger_apply_signals(void *fold, const struct resolved_change *changes, size_t count,
                               struct error *error)
{
    struct ledger *ledger = fold;
    struct tile tiles[2];
    if (count > 0 &&
        !ledger_adopt(ledger, changes[0].schema, changes[0].lsn, changes[0].watermark_ms))
        return no_memory(error);
    size_t taken = tile_fill(&tiles[0], ledger, changes, count);
    tile_look_up(&tiles[0], ledger);
    for (unsigned at = 0; tiles[at].count > 0; at ^= 1) {
        taken += tile_fill(&tiles[at ^ 1], ledger, changes + taken, count - taken);
        tile_look_up(&tiles[at ^ 1], ledger);
        if (!tile_apply(&tiles[at], &tiles[at ^ 1], ledger)) return no_memory(error);
    }
    return CODE_OK;
}
