/* The budget of the ledger: when its pairs are made cold, and read in again.
 *
 * Made cold: behind each checkpoint, which is when rows are in the store as they are; by the keeper
 * between two of them, where what is applied takes more; and behind the replay of an opening.  In
 * slices, under the exclusive lock, so that queries and changes come in between.
 *
 * Read in: a group's pairs are asked for together before the exclusive lock is taken, under the
 * shared one, so that no query waits for the disk behind an event: until they take a quarter of the
 * budget.  What is cold still when it is applied is read then, alone.  A store that cannot be read
 * ends the handle, as one that cannot be written does: the log has everything.
 *
 * Where the directory alone is about the budget, or over it, the rules are the same with more room:
 * pairs keep an eighth of the budget (signals/cold.h).  And what is done is bounded by what comes:
 * a walk over the directory comes when at least a sixteenth of its bytes have, and a checkpoint for
 * the budget's sake when what it would write is a quarter of it. */
#include "engine/internal.h"

#include "entities/entities.h"
#include "signals/eviction.h"

#include <assert.h>

void budget_note(struct database *database)
{
    if (database->signal_memory_bytes == 0) return;
    size_t bytes = ledger_resident_bytes(database->ledger);
    if (bytes > atomic_load(&database->ledger_mark_bytes))
        atomic_store(&database->over_budget, true);
}

static bool sweep(struct database *database, struct eviction *eviction)
{
    phase_lock_write(&database->state);
    bool more = eviction_sweep(eviction, database->ledger);
    phase_unlock_write(&database->state);
    return more;
}

static bool survey(struct database *database, struct eviction *eviction)
{
    phase_lock_read(&database->state);
    bool more = eviction_survey(eviction, database->ledger);
    phase_unlock_read(&database->state);
    return more;
}

void budget_keep(struct database *database)
{
    struct eviction eviction;
    const struct fold *fold = &database->folds[FOLD_LEDGER];
    size_t budget_bytes = database->signal_memory_bytes;
    if (budget_bytes == 0) return;
    phase_lock_read(&database->state);
    bool over = eviction_begin(&eviction, database->ledger, database->watermark_ms);
    phase_unlock_read(&database->state);
    if (over) {
        while (survey(database, &eviction)) {
        }
        while (sweep(database, &eviction)) {
        }
    }
    phase_lock_read(&database->state);
    size_t bytes = ledger_resident_bytes(database->ledger);
    size_t allowed_bytes = ledger_allowed_bytes(database->ledger);
    size_t directory_bytes = ledger_directory_bytes(database->ledger);
    size_t dirty_bytes = fold->ops->dirty_bytes(fold->state);
    phase_unlock_read(&database->state);
    over = bytes > allowed_bytes;
    /* Where nothing more can go it is looked again only when it has grown. */
    size_t mark_bytes = over ? bytes + budget_bytes / 8 : allowed_bytes;
    if (mark_bytes < bytes + directory_bytes / 16) mark_bytes = bytes + directory_bytes / 16;
    atomic_store(&database->ledger_mark_bytes, mark_bytes);
    atomic_store(&database->over_budget, false);
    size_t enough_bytes = (budget_bytes > directory_bytes ? budget_bytes : directory_bytes) / 4;
    bool helps = dirty_bytes > 0 && dirty_bytes >= enough_bytes; /* were it written */
    atomic_store(&database->awaits_checkpoint, over && helps);
}

/* Pairs that are asked for together. */
struct pairs {
    struct cold_pair list[128];
    size_t count;
};

static void add_pair(struct pairs *pairs, const struct database *database,
                     const struct change *change, struct cold_reader *cold)
{
    if (change->kind != CHANGE_SIGNAL) return;
    ordinal entity = entities_find_reference(database->entities, &change->signal.entity);
    if (entity == ORDINAL_NONE) return;
    pairs->list[pairs->count++] = (struct cold_pair){change->signal.signal, entity};
    if (pairs->count < sizeof pairs->list / sizeof *pairs->list) return;
    cold_read_pairs(cold, pairs->list, pairs->count);
    pairs->count = 0;
}

void budget_read_ahead(struct database *database, struct wal_group *group, struct cold_reader *cold)
{
    struct pairs pairs = {.count = 0};
    struct wal_entry entry;
    struct change change;
    struct error ignored;
    cold_reader_init(cold, database->ledger, &database->state_memory);
    if (database->signal_memory_bytes == 0) return;
    assert(database->signals.count == 0); /* so the arena is free */
    phase_lock_read(&database->state);
    bool any = ledger_has_cold(database->ledger);
    while (any && cold->bytes < database->signal_memory_bytes / 4 &&
           wal_group_next(group, &entry)) {
        arena_reset(&database->apply_arena);
        if (change_decode(entry.payload, &database->apply_arena, &change, &ignored) != CODE_OK)
            continue; /* whoever applies it says so */
        add_pair(&pairs, database, &change, cold);
        for (size_t i = 0; change.kind == CHANGE_TRANSACTION && i < change.transaction.count; i++)
            add_pair(&pairs, database, &change.transaction.changes[i], cold);
    }
    cold_read_pairs(cold, pairs.list, pairs.count);
    wal_group_rewind(group);
    phase_unlock_read(&database->state);
}
