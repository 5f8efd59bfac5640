/* What is popular, with V(T) the decayed sum of an item at time T and H its half-life:
 *
 *   V(T) = A 2^(E - floor(T/H)) c(T)     A, E: the ledger's integer and its epoch (decay.c);
 *                                        c(T) is the same for all items
 *
 * So A 2^E, which does not change without an event, orders items at every later time (forward
 * decay: Cormode et al., ICDE 2009).  With A = m 2^x, 16 <= m < 32, the key is
 *
 *   key = 16 (E + x) + (floor(m) - 16) + 1
 *
 * the first five bits of A 2^E as a floating-point number, and one more: a bound from above that is
 * at most 1/16 too high.  A sum must grow by so much before its key changes, so most events of what
 * is popular leave the index as it is.  A question walks down the keys, takes the exact sums from
 * the ledger, and ends where no further key can beat what it has: the answer is exact.
 *
 * A key is a function of the ledger's record alone, so the index needs no rows, and signals may be
 * applied many at a time. */
#include "signals/popular.h"

#include "signals/ledger_private.h"
#include "signals/ranked_top.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { STEPS = 16, STEP_BITS = 4, DOUBLE_MANTISSA_BITS = 52, DOUBLE_BIAS = 1023 };

/* The indexes of one signal. */
struct popular_table {
    uint32_t count;
    uint8_t slots[LIMIT_HALF_LIVES];
    struct decay decays[LIMIT_HALF_LIVES]; /* of these, in whose units keys are */
    struct key_index indexes[LIMIT_HALF_LIVES];
};

struct popular {
    struct memory *memory;
    struct index_source source;
    struct popular_table *tables[LIMIT_SIGNAL_IDS]; /* NULL: it has no index */
};

static int64_t key_of(const struct decay *decay, decay_sum sum, int64_t newest_ms)
{
    int64_t left, epoch = floor_divide(newest_ms, decay->half_life_ms, &left);
    double value = (double)sum;
    uint64_t bits;
    assert(sum > 0);
    memcpy(&bits, &value, sizeof bits);
    int64_t exponent = (int64_t)(bits >> DOUBLE_MANTISSA_BITS) - DOUBLE_BIAS - STEP_BITS;
    int64_t step = (int64_t)(bits >> (DOUBLE_MANTISSA_BITS - STEP_BITS)) & (STEPS - 1);
    return (epoch + exponent) * STEPS + step + 1;
}

/* What a sum with this key is at most: decay_read of the key's own. */
static double bound_of(const struct decay_now *now, int64_t key)
{
    int64_t step, exponent = floor_divide(key, STEPS, &step);
    int64_t power = exponent - now->epoch - DECAY_MANTISSA_BITS - now->decay.spare_bits;
    return (double)(STEPS + step) * exp2_whole(power > 1000 ? 1000 : power) * now->scale;
}

static const struct signal_table *ledger_table(const struct popular *popular, signal_id signal)
{
    return &popular->source.ledger->tables[signal];
}

/* False: the item has no sum above 0. */
static bool find_key(const struct signal_table *table, ordinal item, uint8_t slot, int64_t *key)
{
    struct held held = table_find(table, item);
    assert(!table_is_cold(table, item));
    if (!held_any(held) || slot >= table->layout.decay_count) return false;
    decay_sum sum = held_decay(held, slot);
    if (sum <= 0) return false;
    *key = key_of(&table->layout.decays[slot], sum, held_newest_ms(held));
    return true;
}

/* Brings an item's keys to what the ledger holds. */
static bool update(struct popular *popular, signal_id signal, ordinal item)
{
    struct popular_table *table = popular->tables[signal];
    for (uint32_t i = 0; i < table->count; i++) {
        int64_t key;
        if (!find_key(ledger_table(popular, signal), item, table->slots[i], &key)) {
            key_index_remove(&table->indexes[i], item);
        } else if (!key_index_put(&table->indexes[i], item, key)) {
            return false;
        }
    }
    return true;
}

static void table_free(struct memory *memory, struct popular_table *table)
{
    if (!table) return;
    for (uint32_t i = 0; i < table->count; i++)
        key_index_release(&table->indexes[i]);
    memory_free(memory, table, sizeof *table);
}

/* Makes the indexes of a signal anew from the ledger. */
static bool build(struct popular *popular, const struct signal *signal)
{
    const struct signal_table *records = ledger_table(popular, signal->id);
    struct popular_table *table = memory_allocate_zeroed(popular->memory, sizeof *table);
    if (!table) return false;
    table_free(popular->memory, popular->tables[signal->id]);
    popular->tables[signal->id] = table;
    table->count = signal->popular_count;
    for (uint32_t i = 0; i < table->count; i++) {
        table->slots[i] = signal->popular_slots[i];
        table->decays[i] = records->layout.decays[table->slots[i]];
        key_index_init(&table->indexes[i], popular->memory, &popular->source, signal);
    }
    for (size_t item = 0; item < slots_end(&records->slots); item++)
        if (!update(popular, signal->id, (ordinal)item)) return false;
    return true;
}

/* A signal may be defined anew, also with other half-lives in the same slots. */
static bool fits(const struct popular_table *table, const struct layout *layout,
                 const struct signal *signal)
{
    if (!table) return signal->popular_count == 0;
    if (table->count != signal->popular_count) return false;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct decay *decay = &layout->decays[signal->popular_slots[i]];
        if (table->slots[i] != signal->popular_slots[i] ||
            table->decays[i].half_life_ms != decay->half_life_ms ||
            table->decays[i].spare_bits != decay->spare_bits)
            return false;
    }
    return true;
}

static bool adopt(struct popular *popular, const struct schema *schema)
{
    for (size_t i = 0; i < schema->signal_count; i++) {
        const struct signal *signal = &schema->signals[i];
        const struct layout *layout = &ledger_table(popular, signal->id)->layout;
        if (signal->dropped) {
            table_free(popular->memory, popular->tables[i]);
            popular->tables[i] = NULL;
            continue;
        }
        if (!fits(popular->tables[i], layout, signal) && !build(popular, signal)) return false;
    }
    return true;
}

/* What a backfill brought has other sums. */
static bool apply_backfill(struct popular *popular, const struct resolved_change *change)
{
    const struct backfill_change *backfill = &change->change->backfill;
    for (size_t i = 0; popular->tables[backfill->signal] && i < backfill->pair_count; i++)
        if (change->items[i] != ORDINAL_NONE &&
            !update(popular, backfill->signal, change->items[i]))
            return false;
    return true;
}

static bool apply_signal(struct popular *popular, const struct resolved_change *change)
{
    const struct signal *signal = &change->schema->signals[change->change->signal.signal];
    if (signal->popular_count == 0 || change->subject == ORDINAL_NONE) return true;
    if (!popular->tables[signal->id]) return build(popular, signal);
    return update(popular, signal->id, change->subject);
}

static bool apply_delete(struct popular *popular, const struct resolved_change *change)
{
    if (change->change->delete.kind != ENTITY_ITEM || change->subject == ORDINAL_NONE) return true;
    for (size_t i = 0; i < change->schema->signal_count; i++)
        if (popular->tables[i] && !update(popular, (signal_id)i, change->subject)) return false;
    return true;
}

/* The item's fields are as the change left them. */
static bool apply_put(struct popular *popular, const struct resolved_change *change)
{
    if (change->change->put.entity.kind != ENTITY_ITEM) return true;
    for (size_t i = 0; i < change->schema->signal_count; i++) {
        struct popular_table *table = popular->tables[i];
        for (uint32_t j = 0; table && j < table->count; j++)
            if (!key_index_regroup(&table->indexes[j], change->subject)) return false;
    }
    return true;
}

static enum code no_memory(struct error *error)
{
    return error_no_memory(error, AREA_SIGNALS, sizeof(struct index_node));
}

static enum code popular_apply(void *fold, const struct resolved_change *change,
                               struct error *error)
{
    bool applied = true;
    switch (change->change->kind) {
    case CHANGE_DEFINE:
    case CHANGE_DROP:
        applied = adopt(fold, change->schema);
        break;
    case CHANGE_SIGNAL:
        applied = apply_signal(fold, change);
        break;
    case CHANGE_DELETE:
        applied = apply_delete(fold, change);
        break;
    case CHANGE_PUT:
    case CHANGE_PATCH:
        applied = apply_put(fold, change);
        break;
    case CHANGE_BACKFILL:
        applied = apply_backfill(fold, change);
        break;
    default:
        break;
    }
    return applied ? CODE_OK : no_memory(error);
}

static enum code popular_apply_signals(void *fold, const struct resolved_change *changes,
                                       size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!apply_signal(fold, &changes[i])) return no_memory(error);
    return CODE_OK;
}

static enum code popular_load(void *fold, struct store *store, const struct schema *schema,
                              struct error *error)
{
    (void)store;
    return adopt(fold, schema) ? CODE_OK : no_memory(error);
}

static bool check_index(const struct popular *popular, signal_id signal, uint32_t at)
{
    const struct popular_table *table = popular->tables[signal];
    const struct signal_table *records = ledger_table(popular, signal);
    const struct key_index *index = &table->indexes[at];
    for (size_t item = 0; item < slots_end(&records->slots); item++) {
        int64_t key;
        bool has = find_key(records, (ordinal)item, table->slots[at], &key);
        if (has != key_index_has(index, (ordinal)item)) return false;
        if (has && key_index_get(index, (ordinal)item) != key) return false;
    }
    return key_index_check(index);
}

static bool popular_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct popular *popular = fold;
    for (size_t signal = 0; signal < LIMIT_SIGNAL_IDS; signal++) {
        const struct popular_table *table = popular->tables[signal];
        for (uint32_t i = 0; table && i < table->count; i++) {
            if (check_index(popular, (signal_id)signal, i)) continue;
            snprintf(reason, reason_bytes,
                     "the index of what is popular by signal %zu is not what the ledger says",
                     signal);
            return false;
        }
    }
    return true;
}

static size_t popular_bytes(const void *fold)
{
    const struct popular *popular = fold;
    size_t bytes = sizeof *popular;
    for (size_t signal = 0; signal < LIMIT_SIGNAL_IDS; signal++) {
        const struct popular_table *table = popular->tables[signal];
        if (table) bytes += sizeof *table;
        for (uint32_t i = 0; table && i < table->count; i++)
            bytes += table->indexes[i].bytes;
    }
    return bytes;
}

static void popular_free(void *fold)
{
    struct popular *popular = fold;
    if (!popular) return;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        table_free(popular->memory, popular->tables[i]);
    memory_free(popular->memory, popular, sizeof *popular);
}

/* There are no rows. */
static void popular_seal(void *fold)
{
    (void)fold;
}

static enum code popular_write(void *fold, struct store_batch *batch, struct error *error)
{
    (void)fold;
    (void)batch;
    (void)error;
    return CODE_OK;
}

static void popular_sealed(void *fold, bool durable)
{
    (void)fold;
    (void)durable;
}

static enum code popular_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    (void)fold;
    (void)batch;
    (void)error;
    return CODE_OK;
}

static size_t popular_dirty_bytes(const void *fold)
{
    (void)fold;
    return 0;
}

static const struct fold_ops popular_ops = {
    .name = "popular",
    .apply = popular_apply,
    .apply_signals = popular_apply_signals,
    .seal = popular_seal,
    .write = popular_write,
    .sealed = popular_sealed,
    .dump = popular_dump,
    .load = popular_load,
    .check = popular_check,
    .bytes = popular_bytes,
    .dirty_bytes = popular_dirty_bytes,
    .free = popular_free,
};

enum code popular_create(struct memory *memory, const struct index_source *source,
                         struct fold *fold, struct popular **popular, struct error *error)
{
    struct popular *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_SIGNALS, sizeof *created);
    created->memory = memory;
    created->source = *source;
    *popular = created;
    *fold = (struct fold){.ops = &popular_ops, .state = created};
    return CODE_OK;
}

/* --- Questions --- */

static const struct key_index *find_index(const struct popular *popular,
                                          const struct popular_question *question)
{
    const struct popular_table *table = popular->tables[question->signal->id];
    for (uint32_t i = 0; table && i < table->count; i++)
        if (table->slots[i] == question->slot) return &table->indexes[i];
    return NULL;
}

size_t popular_count(const struct popular *popular, const struct popular_question *question)
{
    const struct key_index *index = find_index(popular, question);
    return index ? key_index_count(index, question->group) : 0;
}

enum code popular_top(const struct popular *popular, const struct popular_question *question,
                      struct arena *arena, size_t *count, struct error *error)
{
    const struct key_index *index = find_index(popular, question);
    const struct signal_table *table = ledger_table(popular, question->signal->id);
    const struct ledger_ids *ids = &popular->source.ids;
    const struct index_node *node;
    struct index_walk walk;
    struct ranked_top top = {question->out, question->limit, 0};
    *count = 0;
    if (!index || question->limit == 0) return CODE_OK;
    struct decay_now now = decay_now(&table->layout.decays[question->slot], question->now_ms);
    index_walk_begin(&walk, index, question->group, arena);
    while ((node = index_walk_next(&walk))) {
        if (top.count == top.limit && bound_of(&now, node->key) < top.list[0].value) break;
        if (question->among && !bitset_has(question->among, node->item)) continue;
        struct held held = table_find(table, node->item);
        double value = decay_read(&now, held_decay(held, question->slot), held_newest_ms(held));
        if (!(value > 0)) continue;
        ranked_top_offer(
            &top,
            &(struct ranked){node->item, ids->id_of(ids->context, ENTITY_ITEM, node->item), value});
    }
    if (walk.failed) return error_no_memory(error, AREA_SIGNALS, walk.capacity);
    ranked_top_finish(&top);
    *count = top.count;
    return CODE_OK;
}
