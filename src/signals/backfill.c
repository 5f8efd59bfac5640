/* A pair is brought as the row that its record would have if the signal had been defined with
 * nothing but what has a gap: a record holds no half-life or window that another one needs.  It is
 * set, not added: the ledger it comes from has counted every event up to the LSN before it. */
#include "signals/backfill.h"

#include "signals/ledger_private.h"
#include "storage/key.h"

#include <assert.h>

bool backfill_is_due(const struct ledger *ledger, signal_id signal, lsn *defined)
{
    *defined = ledger->tables[signal].gaps.defined;
    return *defined > 0;
}

static void note_gap(struct backfill_state *state, const struct gap *gap)
{
    if (!state->is_estimated || gap->since_ms > state->since_ms) state->since_ms = gap->since_ms;
    state->is_estimated = true;
}

struct backfill_state backfill_state(const struct ledger *ledger, signal_id signal, int64_t now_ms)
{
    const struct signal_table *table = &ledger->tables[signal];
    const struct layout *layout = &table->layout;
    const struct gaps *gaps = &table->gaps;
    struct backfill_state state = {.is_due = gaps->defined > 0};
    for (uint32_t i = 0; i < layout->decay_count; i++)
        if (gap_shows_in_decay(&gaps->decays[i], layout->decays[i].half_life_ms, now_ms))
            note_gap(&state, &gaps->decays[i]);
    for (uint32_t i = 0; i < layout->ring_count; i++)
        if (gap_shows_in_window(&gaps->rings[i], layout->rings[i].longest_ms, now_ms))
            note_gap(&state, &gaps->rings[i]);
    return state;
}

bool backfill_focus(struct ledger *whole, const struct ledger *like,
                    const bool signals[LIMIT_SIGNAL_IDS])
{
    assert(!whole->focus && !whole->is_adopted);
    whole->focus = memory_allocate_zeroed(whole->memory, sizeof *whole->focus);
    if (!whole->focus) return false;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        if (!signals[i]) continue;
        whole->focus->is[i] = true;
        whole->focus->layouts[i] = like->tables[i].layout;
    }
    return true;
}

/* --- Collecting --- */

/* The layout of what has a gap, and nothing else. */
static void layout_of_gaps(const struct signal_table *table, struct layout *layout)
{
    *layout =
        (struct layout){.kind = table->layout.kind, .keeps_extremes = table->layout.keeps_extremes};
    for (uint32_t i = 0; i < table->layout.decay_count; i++)
        if (table->gaps.decays[i].due)
            layout->decays[layout->decay_count++] = table->layout.decays[i];
    for (uint32_t i = 0; i < table->layout.ring_count; i++)
        if (table->gaps.rings[i].due) layout->rings[layout->ring_count++] = table->layout.rings[i];
}

/* A copy of what there is, which may be cold. */
static enum code copy_record(const struct ledger *ledger, signal_id signal, ordinal entity,
                             struct record **record, struct error *error)
{
    if (table_is_cold(&ledger->tables[signal], entity))
        return cold_read(ledger, signal, entity, record, error);
    *record = ledger_copy(ledger, signal, entity);
    return *record ? CODE_OK : error_no_memory(error, AREA_SIGNALS, sizeof **record);
}

static enum code encode(const struct ledger *ledger, const struct backfill_part *part,
                        ordinal entity, const struct layout *layout, struct buffer *row,
                        struct error *error)
{
    const struct signal_table *table = &ledger->tables[part->signal];
    struct record *record = NULL, *cut = NULL;
    enum code code;
    buffer_clear(row);
    TRY(copy_record(ledger, part->signal, entity, &record, error));
    cut = record_convert(record, &table->layout, layout, ledger->memory);
    if (cut) record_encode(cut, layout, row);
    if (!cut || row->failed) code = error_no_memory(error, AREA_SIGNALS, CHANGE_BACKFILL_ROW);
out:
    record_free(record, ledger->memory);
    record_free(cut, ledger->memory);
    return code;
}

/* What both ledgers say of a pair that both have. */
struct comparison {
    const struct ledger *whole, *live;
    struct arena *arena; /* of the rows that are brought */
    struct layout layout;
    struct buffer whole_row, live_row;
};

/* *pair: what is to be brought; its row is empty where nothing is. */
static enum code compare(struct comparison *comparison, const struct backfill_part *part,
                         ordinal entity, struct backfill_pair *pair, struct error *error)
{
    const struct ledger *live = comparison->live;
    const struct signal_table *table = &live->tables[part->signal];
    struct buffer *row = &comparison->whole_row;
    enum code code = CODE_OK;
    *pair = (struct backfill_pair){0};
    if (!held_any(table_find(table, entity))) return CODE_OK;
    TRY(encode(comparison->whole, part, entity, &comparison->layout, row, error));
    TRY(encode(live, part, entity, &comparison->layout, &comparison->live_row, error));
    if (slice_equal(buffer_slice(row), buffer_slice(&comparison->live_row))) return CODE_OK;
    pair->entity = live->ids.id_of(live->ids.context, table->layout.kind, entity);
    pair->row = slice_of(arena_copy(comparison->arena, row->data, row->bytes), row->bytes);
    if (!pair->row.data) code = error_no_memory(error, AREA_SIGNALS, row->bytes);
out:
    return code;
}

static enum code collect(struct comparison *comparison, struct backfill_part *part,
                         struct backfill_pair *pairs, size_t *count, struct error *error)
{
    const struct signal_table *table = &comparison->whole->tables[part->signal];
    size_t bytes = 0, end = slots_end(&table->slots);
    enum code code = CODE_OK;
    while (part->next < end && part->look_count > 0 && *count < part->pair_limit &&
           bytes < part->byte_limit) {
        ordinal entity = part->next++;
        if (!held_any(table_find(table, entity))) continue;
        part->look_count--;
        TRY(compare(comparison, part, entity, &pairs[*count], error));
        bytes += pairs[*count].row.bytes;
        *count += pairs[*count].row.bytes > 0;
    }
    part->is_last = part->next >= end;
out:
    return code;
}

enum code backfill_collect(const struct ledger *whole, const struct ledger *live,
                           struct backfill_part *part, struct arena *arena,
                           struct backfill_change *change, struct error *error)
{
    struct comparison comparison = {.whole = whole, .live = live, .arena = arena};
    struct backfill_pair *pairs = arena_array(arena, part->pair_limit, sizeof *pairs);
    size_t count = 0;
    enum code code;
    assert(part->pair_limit > 0 && part->pair_limit <= CHANGE_BACKFILL_PAIRS);
    layout_of_gaps(&live->tables[part->signal], &comparison.layout);
    buffer_init(&comparison.whole_row, whole->memory, CHANGE_BACKFILL_ROW);
    buffer_init(&comparison.live_row, whole->memory, CHANGE_BACKFILL_ROW);
    code = pairs ? collect(&comparison, part, pairs, &count, error)
                 : error_no_memory(error, AREA_SIGNALS, part->pair_limit * sizeof *pairs);
    buffer_release(&comparison.whole_row);
    buffer_release(&comparison.live_row);
    *change = (struct backfill_change){.signal = part->signal,
                                       .defined = live->tables[part->signal].gaps.defined,
                                       .pairs = pairs,
                                       .pair_count = count};
    return code;
}

/* --- Applying --- */

/* Both are of the same half-life. */
static void take_decay(struct record *record, uint32_t slot, const struct decay *decay,
                       const struct record *given, uint32_t given_slot)
{
    record->decays[slot] =
        decay_advance(decay, given->decays[given_slot], given->newest_ms, record->newest_ms);
}

static void take_decays(struct record *record, const struct signal_table *table,
                        const struct record *given, const struct layout *layout)
{
    for (uint32_t i = 0; i < table->layout.decay_count; i++) {
        const struct decay *decay = &table->layout.decays[i];
        for (uint32_t j = 0; j < layout->decay_count && table->gaps.decays[i].due; j++)
            if (layout->decays[j].half_life_ms == decay->half_life_ms &&
                layout->decays[j].spare_bits == decay->spare_bits)
                take_decay(record, i, decay, given, j);
    }
}

static void take_rings(struct record *record, const struct signal_table *table,
                       struct record *given, const struct layout *layout)
{
    for (uint32_t i = 0; i < table->layout.ring_count; i++) {
        const struct ring_shape *shape = &table->layout.rings[i];
        for (uint32_t j = 0; j < layout->ring_count && table->gaps.rings[i].due; j++) {
            if (layout->rings[j].hop_ms != shape->hop_ms ||
                layout->rings[j].longest_ms != shape->longest_ms)
                continue;
            struct ring ring = record->rings[i];
            record->rings[i] = given->rings[j];
            given->rings[j] = ring;
            ring_prune(&record->rings[i], shape, record->newest_ms);
        }
    }
}

/* Of a log that was cut out of another (salvage) a row may fit nothing here: it says nothing then.
 * `given` stays the caller's. */
static bool take_record(struct ledger *ledger, signal_id signal, ordinal entity,
                        struct record *given, const struct layout *layout)
{
    struct signal_table *table = &ledger->tables[signal];
    struct held held = table_find(table, entity);
    if (!held_any(held) || held_newest_ms(held) < given->newest_ms ||
        layout->keeps_extremes != table->layout.keeps_extremes)
        return true;
    struct record *record = ledger_copy(ledger, signal, entity);
    if (!record) return false;
    take_decays(record, table, given, layout);
    take_rings(record, table, given, layout);
    if (ledger_replace(ledger, signal, entity, record)) return true;
    record_free(record, ledger->memory);
    return false;
}

static bool take_pair(struct ledger *ledger, signal_id signal, ordinal entity,
                      const struct backfill_pair *pair)
{
    struct layout layout;
    struct record *given = NULL;
    struct error error;
    if (entity == ORDINAL_NONE) return true;
    enum code code =
        record_decode(pair->row, pair->entity, ledger->memory, &layout, &given, &error);
    bool ok = code != CODE_NO_MEMORY;
    if (code == CODE_OK) ok = take_record(ledger, signal, entity, given, &layout);
    record_free(given, ledger->memory);
    return ok;
}

bool ledger_backfill(struct ledger *ledger, const struct resolved_change *change)
{
    const struct backfill_change *backfill = &change->change->backfill;
    struct signal_table *table = &ledger->tables[backfill->signal];
    if (ledger->focus || backfill->defined != table->gaps.defined || table->gaps.defined == 0)
        return true;
    for (size_t i = 0; i < backfill->pair_count; i++)
        if (!take_pair(ledger, backfill->signal, change->items[i], &backfill->pairs[i]))
            return false;
    if (!backfill->ends) return true;
    gaps_fill(&table->gaps, backfill->since_ms);
    ledger->gaps_dirty = true;
    return true;
}

/* --- The row of all gaps --- */

enum { ROW_VERSION = 1, ROW_BYTES_MAXIMUM = LIMIT_SIGNAL_IDS * 512 };

static void encode_gaps(const struct ledger *ledger, struct buffer *row)
{
    size_t count = 0;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        count += gaps_any(&ledger->tables[i].gaps);
    if (count == 0) return;
    buffer_put_u8(row, ROW_VERSION);
    buffer_put_varint(row, count);
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        if (!gaps_any(&ledger->tables[i].gaps)) continue;
        buffer_put_varint(row, i);
        gaps_encode(&ledger->tables[i].gaps, row);
    }
}

enum code ledger_put_gaps(const struct ledger *ledger, bool is_new, struct store_batch *batch,
                          struct error *error)
{
    struct buffer row;
    enum code code = CODE_OK;
    buffer_init(&row, ledger->memory, ROW_BYTES_MAXIMUM);
    encode_gaps(ledger, &row);
    if (row.failed) {
        code = error_no_memory(error, AREA_SIGNALS, ROW_BYTES_MAXIMUM);
    } else if (row.bytes > 0) {
        code = store_batch_put(batch, KEYSPACE_DATABASE, KEY_GAPS, buffer_slice(&row), error);
    } else if (!is_new) {
        code = store_batch_delete(batch, KEYSPACE_DATABASE, KEY_GAPS, error);
    }
    buffer_release(&row);
    return code;
}

static bool decode_gaps(struct ledger *ledger, struct cursor *cursor)
{
    uint64_t last = 0, count = cursor_varint(cursor);
    if (count == 0) return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t signal = cursor_varint(cursor);
        if (cursor->failed || signal >= LIMIT_SIGNAL_IDS || (i > 0 && signal <= last)) return false;
        struct signal_table *table = &ledger->tables[signal];
        if (!table->known || !gaps_decode(cursor, &table->layout, &table->gaps)) return false;
        last = signal;
    }
    return cursor_done(cursor);
}

enum code ledger_load_gaps(struct ledger *ledger, struct store *store, struct error *error)
{
    struct buffer row;
    struct cursor cursor;
    bool found;
    if (ledger->focus) return CODE_OK; /* it has none */
    buffer_init(&row, ledger->memory, ROW_BYTES_MAXIMUM);
    enum code code = store_get(store, KEYSPACE_DATABASE, KEY_GAPS, &row, &found, error);
    cursor_init(&cursor, buffer_slice(&row));
    uint8_t version = code == CODE_OK && found ? cursor_u8(&cursor) : ROW_VERSION;
    if (version > ROW_VERSION) {
        code = error_set(error, CODE_VERSION, AREA_SIGNALS,
                         "the store's record 'gaps' has version %u, this build knows %d", version,
                         ROW_VERSION);
    } else if (code == CODE_OK && found && (version == 0 || !decode_gaps(ledger, &cursor))) {
        code = error_set(error, CODE_CORRUPT, AREA_SIGNALS, "the store's record 'gaps' is damaged");
    }
    buffer_release(&row);
    return code;
}
