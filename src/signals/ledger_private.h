/* Inside of the ledger: what its own files share, and those that read it or bring it in. */
#ifndef TIDAL_SIGNALS_LEDGER_PRIVATE_H
#define TIDAL_SIGNALS_LEDGER_PRIVATE_H

#include "schema/dirty_rows.h"
#include "signals/cold.h"
#include "signals/compact_event.h"
#include "signals/gaps.h"
#include "signals/ledger.h"
#include "signals/slots.h"

#include <assert.h>

/* Row codec: ledger_row.c. */
void record_encode(const struct record *record, const struct layout *layout, struct buffer *out);
/* The record in the layout that the row states, given in *layout (as far as a row knows it). */
MUST_USE enum code record_decode(struct slice row, entity_id id, struct memory *memory,
                                 struct layout *layout, struct record **record,
                                 struct error *error);

struct dirty_record {
    ordinal entity;
    signal_id signal;
    uint8_t kind;
};

/* All records of one signal. */
struct signal_table {
    bool known;
    bool idle; /* of a ledger with a focus: nothing is counted */
    struct layout layout;
    struct gaps gaps;
    const struct pool *pool; /* the ledger's */
    struct slots slots;  /* blocks of class 0 hold a pointer to a record, others a compact one */
    size_t record_count; /* cold ones too */
    int64_t count;       /* sums over the records */
    __int128 sum;
    bool stays;               /* none of it is ever cold */
    block_handle cold_handle; /* of every cold pair (cold.c); 0: there is no budget */
    size_t cold_count;
};

struct ledger {
    struct memory *memory;
    struct ledger_ids ids;
    struct pool pool;
    bool is_adopted;              /* the layouts are those of a schema, */
    size_t text_count;            /* which has so many texts: no two of a database have as many */
    struct ledger_focus *focus;   /* NULL: it counts all signals, as the schema has them */
    bool gaps_dirty, gaps_sealed; /* their row is not as in the store; it is being written */
    struct signal_table tables[LIMIT_SIGNAL_IDS];
    struct dirty_rows rows; /* entries: struct dirty_record */
    size_t record_bytes;    /* held by records that are not compact */
    size_t budget_bytes;    /* 0: none */
    struct record *cold;    /* stands for those that are; NULL: there is no budget */
    struct store *store;    /* that was loaded from, with a budget; lent */
};

/* What there is of a pair, in one form or the other; neither: nothing. */
struct held {
    struct compact *compact;
    struct record *record;
};

/* What the block of a handle that is not 0 is. */
static inline struct held held_of(block_handle handle, void *block)
{
    struct held held = {NULL, NULL};
    assert(block);
    if (pool_class_of(handle) == 0)
        held.record = *(struct record **)block;
    else
        held.compact = block;
    return held;
}

/* What a handle, or 0, leads to. */
static inline struct held table_held(const struct signal_table *table, block_handle handle)
{
    if (handle == 0) return (struct held){NULL, NULL};
    return held_of(handle, pool_block(table->pool, handle));
}

static inline struct held table_find(const struct signal_table *table, ordinal entity)
{
    return table_held(table, slots_find(&table->slots, entity));
}

static inline bool table_is_cold(const struct signal_table *table, ordinal entity)
{
    return table->cold_count > 0 && slots_find(&table->slots, entity) == table->cold_handle;
}

enum { CLASS_OF_A_LINE = 3 }; /* of the pool: longer blocks take more */

static inline bool held_any(struct held held)
{
    return held.compact || held.record;
}

static inline bool held_is_dirty(struct held held)
{
    if (held.record) return held.record->dirty;
    assert(held.compact);
    return (compact_flags(held.compact) & COMPACT_DIRTY) != 0;
}

static inline int64_t held_newest_ms(struct held held)
{
    assert(held_any(held));
    return held.compact ? compact_newest_ms(held.compact) : held.record->newest_ms;
}

static inline int64_t held_count(struct held held)
{
    assert(held_any(held));
    return held.compact ? held.compact->count : held.record->count;
}

static inline __int128 held_sum(struct held held, const struct layout *layout)
{
    assert(held_any(held));
    return held.compact ? compact_sum(held.compact, layout) : held.record->sum;
}

static inline int64_t held_minimum(struct held held, const struct layout *layout)
{
    assert(held_any(held));
    return held.compact ? compact_minimum(held.compact, layout) : held.record->minimum;
}

static inline int64_t held_maximum(struct held held, const struct layout *layout)
{
    assert(held_any(held));
    return held.compact ? compact_maximum(held.compact, layout) : held.record->maximum;
}

static inline decay_sum held_decay(struct held held, uint32_t slot)
{
    assert(held_any(held));
    return held.compact ? compact_decay(held.compact, slot) : held.record->decays[slot];
}

/* readings[i] of windows->list[i]. */
static inline void held_windows(struct held held, const struct layout *layout,
                                const struct windows *windows, struct window_reading *readings)
{
    if (held.compact && windows->count > 0) {
        compact_windows(held.compact, layout, windows, readings);
        return;
    }
    for (uint32_t i = 0; i < windows->count; i++)
        readings[i] = ring_read(&held.record->rings[windows->list[i].ring], &windows->list[i]);
}

/* What there is of each of up to LOOKED_UP ordinals, found in steps, of which each asks for what
 * the next one looks at: in between there should be something else to do. */
enum { LOOKED_UP = 16 };
struct finding {
    const block_handle *places[LOOKED_UP]; /* NULL: nothing there */
    struct held held[LOOKED_UP];
};
void table_ask_pages(const struct signal_table *table, const ordinal *ordinals, size_t count);
void table_ask_handles(const struct signal_table *table, const ordinal *ordinals, size_t count,
                       struct finding *finding);
void table_find_all(const struct signal_table *table, size_t count, struct finding *finding);

/* Takes the record over where none is, in the form that suits it.  false: no memory, and the
 * caller still owns it. */
MUST_USE bool ledger_insert(struct ledger *ledger, signal_id signal, ordinal entity,
                            struct record *record);
/* The same for a pair that is cold from the start; the record stays the caller's. */
MUST_USE bool ledger_insert_cold(struct ledger *ledger, signal_id signal, ordinal entity,
                                 const struct record *record);
/* Puts a new block, or another one instead of what is there.  false: no memory; the block is given
 * back, and nothing else is changed. */
MUST_USE bool ledger_put_block(struct ledger *ledger, struct signal_table *table, ordinal entity,
                               block_handle handle);
/* A block for a compact record of so many bytes; 0: no memory. */
MUST_USE block_handle ledger_take_block(struct ledger *ledger, size_t bytes);
/* Puts a record as it is, and takes it over.  false: no memory, and the caller still owns it. */
MUST_USE bool ledger_put_record(struct ledger *ledger, struct signal_table *table, ordinal entity,
                                struct record *record);
/* Takes away what is there, if there is anything; its row goes at the next checkpoint.  false: no
 * memory, and nothing is changed. */
MUST_USE bool ledger_drop(struct ledger *ledger, signal_id signal, ordinal entity);
/* Lists what is there as dirty, unless it is, and leaves room for the sealed ones to come back; the
 * same of what is known not to be dirty, and of what has been found.  false: no memory. */
MUST_USE bool ledger_mark_dirty(struct ledger *ledger, signal_id signal, ordinal entity);
MUST_USE bool ledger_list_dirty(struct ledger *ledger, signal_id signal, ordinal entity,
                                struct held held);
MUST_USE static ALWAYS_INLINE bool ledger_mark_held(struct ledger *ledger, signal_id signal,
                                                    ordinal entity, struct held held)
{
    assert(!held.record || held.record != ledger->cold);
    return held_is_dirty(held) || ledger_list_dirty(ledger, signal, entity, held);
}

/* Puts a record instead of what is there, in the form that suits it; totals stay.  false: no
 * memory, and the caller still owns it. */
MUST_USE bool ledger_put(struct ledger *ledger, struct signal_table *table, ordinal entity,
                         struct record *record);
/* Makes a pair cold, which is neither dirty nor sealed. */
void ledger_give_up(struct ledger *ledger, signal_id signal, ordinal entity);
/* A copy as a record.  Something is there, and not cold.  NULL: no memory. */
struct record *ledger_copy(const struct ledger *ledger, signal_id signal, ordinal entity);
/* Takes the record over instead of what is there, which counts as many events and as much.  false:
 * no memory, and the caller still owns it. */
MUST_USE bool ledger_replace(struct ledger *ledger, signal_id signal, ordinal entity,
                             struct record *record);

/* Follows the schema: a signal that was defined anew at `defined`, with the newest event at
 * `since_ms`, has its records brought into its new layout, where a new half-life or window starts
 * at what is known, with a gap.  false: no memory. */
MUST_USE bool ledger_adopt(struct ledger *ledger, const struct schema *schema, lsn defined,
                           int64_t since_ms);

/* backfill.c.  The row of all gaps: puts it, or takes it away; and reads it. */
enum code ledger_put_gaps(const struct ledger *ledger, bool is_new, struct store_batch *batch,
                          struct error *error);
enum code ledger_load_gaps(struct ledger *ledger, struct store *store, struct error *error);
/* What a BACKFILL says.  false: no memory. */
MUST_USE bool ledger_backfill(struct ledger *ledger, const struct resolved_change *change);

/* The only signals that a ledger counts, in layouts of their own. */
struct ledger_focus {
    bool is[LIMIT_SIGNAL_IDS];
    struct layout layouts[LIMIT_SIGNAL_IDS];
};

/* cold.c: */

/* Takes the record over, also if it fails. */
typedef enum code cold_taker(void *context, const struct cold_pair *pair, struct record *record,
                             struct error *error);
/* Gives the records of all cold pairs of a signal, in the order of ordinals; they are of the
 * ledger's memory. */
MUST_USE enum code cold_visit(const struct ledger *ledger, signal_id signal, cold_taker *take,
                              void *context, struct error *error);
/* That of one, which is cold; owned by the caller. */
MUST_USE enum code cold_read(const struct ledger *ledger, signal_id signal, ordinal entity,
                             struct record **record, struct error *error);

/* A look: begin, read in what is cold of the ordinals (of several signals, if need be), and find it
 * in place of what stands for it.  Where reading failed, the reader says so at its end, and what is
 * found counts nothing. */
void cold_begin(struct cold_reader *reader);
void cold_read_in(struct cold_reader *reader, signal_id signal, const ordinal *ordinals,
                  size_t count);
void cold_find_all(const struct cold_reader *reader, signal_id signal, const ordinal *ordinals,
                   size_t count, struct held *held);

/* ledger_apply.c: */

enum code ledger_apply(void *fold, const struct resolved_change *change, struct error *error);
enum code ledger_apply_signals(void *fold, const struct resolved_change *changes, size_t count,
                               struct error *error);

/* ledger_row.c: */

struct key ledger_row_key(entity_id id, signal_id signal);
enum code ledger_write(void *fold, struct store_batch *batch, struct error *error);
enum code ledger_dump(const void *fold, struct store_batch *batch, struct error *error);
enum code ledger_load(void *fold, struct store *store, const struct schema *schema,
                      struct error *error);

#endif
