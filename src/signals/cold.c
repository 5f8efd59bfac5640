/* Reading in what is cold.
 *
 * The row of a cold pair is that of the last checkpoint, and says all: a pair is given up only
 * while its row is as it is, and any change of it begins with reading it in.  So what is applied,
 * sealed and written is always in memory, and no reading can differ.
 *
 * The directory of a signal holds, for a cold pair, the handle of a block that leads to a record
 * which counts nothing.  Who looks pairs up meets it as one of the rare large records, so that
 * where nothing is cold, nothing is looked at in addition. */
#include "signals/cold.h"

#include "base/hash.h"
#include "signals/ledger_private.h"
#include "storage/key.h"

#include <assert.h>
#include <string.h>

enum {
    TOGETHER = 128,          /* rows asked for at once */
    KEPT_BYTES = 8 << 20,    /* records that a reader goes on with */
    ENTRIES_AT_LEAST = 1024, /* of its table; a power of two, as all sizes */
};

struct cold_entry {
    struct record *record; /* NULL: the entry is empty */
    struct cold_pair pair;
};

enum code ledger_set_budget(struct ledger *ledger, size_t bytes, struct error *error)
{
    static const struct layout largest = {.decay_count = LIMIT_HALF_LIVES};
    assert(!ledger->cold && ledger->pool.bytes == 0);
    if (bytes == 0) return CODE_OK;
    struct record *cold = record_create(&largest, 0, ledger->memory);
    block_handle handle = cold ? pool_take(&ledger->pool, 0) : 0;
    if (handle == 0) {
        record_free(cold, ledger->memory);
        return error_no_memory(error, AREA_SIGNALS, sizeof *cold);
    }
    *(struct record **)pool_block(&ledger->pool, handle) = cold;
    ledger->cold = cold;
    ledger->budget_bytes = bytes;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        ledger->tables[i].cold_handle = handle;
    return CODE_OK;
}

size_t ledger_resident_bytes(const struct ledger *ledger)
{
    size_t bytes = ledger->record_bytes + ledger->pool.used_bytes;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        bytes += ledger->tables[i].slots.page_bytes;
    return bytes;
}

size_t ledger_directory_bytes(const struct ledger *ledger)
{
    size_t bytes = 0;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        bytes += ledger->tables[i].slots.page_bytes + ledger->tables[i].slots.block_bytes;
    return bytes;
}

size_t ledger_allowed_bytes(const struct ledger *ledger)
{
    size_t least = ledger_directory_bytes(ledger) + ledger->budget_bytes / 8;
    return least > ledger->budget_bytes ? least : ledger->budget_bytes;
}

bool ledger_is_over_budget(const struct ledger *ledger)
{
    return ledger->budget_bytes > 0 && ledger_resident_bytes(ledger) > ledger_allowed_bytes(ledger);
}

/* --- Rows of many pairs --- */

struct cold_request {
    const struct ledger *ledger;
    const struct cold_pair *pairs; /* of one kind of entity */
    size_t count;
    struct memory *memory; /* of the records */
    cold_taker *take;
    void *context;
};

static enum entity_kind kind_of(const struct ledger *ledger, const struct cold_pair *pair)
{
    return ledger->tables[pair->signal].layout.kind;
}

static entity_id id_of(const struct ledger *ledger, const struct cold_pair *pair)
{
    return ledger->ids.id_of(ledger->ids.context, kind_of(ledger, pair), pair->entity);
}

static enum code unfit(entity_id id, const char *how, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_SIGNALS, "signal row of entity '%llu' %s",
                     (unsigned long long)id, how);
}

static enum code take_row(void *context, size_t index, const struct slice *row, struct error *error)
{
    const struct cold_request *request = context;
    const struct cold_pair *pair = &request->pairs[index];
    const struct ledger *ledger = request->ledger;
    struct layout layout;
    struct record *record;
    entity_id id = id_of(ledger, pair);
    if (!row) return unfit(id, "is not in the store", error);
    enum code code = record_decode(*row, id, request->memory, &layout, &record, error);
    if (code != CODE_OK) return code;
    if (!layout_same_records(&layout, &ledger->tables[pair->signal].layout)) {
        record_free(record, request->memory);
        return unfit(id, "is of another definition of the signal", error);
    }
    return request->take(request->context, pair, record, error);
}

static enum code ask_store(struct cold_request *request, struct error *error)
{
    const struct ledger *ledger = request->ledger;
    struct key keys[TOGETHER];
    struct slice slices[TOGETHER];
    assert(request->count <= TOGETHER);
    if (request->count == 0) return CODE_OK;
    for (size_t i = 0; i < request->count; i++) {
        const struct cold_pair *pair = &request->pairs[i];
        keys[i] = ledger_row_key(id_of(ledger, pair), pair->signal);
        slices[i] = key_slice(&keys[i]);
    }
    struct store_wanted wanted = {.keyspace = (enum keyspace)kind_of(ledger, request->pairs),
                                  .keys = slices,
                                  .count = request->count,
                                  .take = take_row,
                                  .context = request};
    return store_get_many(ledger->store, &wanted, error);
}

/* Asks for all cold pairs of a signal. */
static enum code ask_for_all(struct cold_request *request, signal_id signal, struct error *error)
{
    const struct signal_table *table = &request->ledger->tables[signal];
    struct cold_pair pairs[TOGETHER];
    size_t count = 0;
    enum code code = CODE_OK;
    request->pairs = pairs;
    for (size_t i = 0; table->cold_count > 0 && i < slots_end(&table->slots); i++) {
        if (!table_is_cold(table, (ordinal)i)) continue;
        pairs[count++] = (struct cold_pair){signal, (ordinal)i};
        if (count < TOGETHER) continue;
        request->count = count;
        TRY(ask_store(request, error));
        count = 0;
    }
    request->count = count;
    code = ask_store(request, error);
out:
    request->pairs = NULL;
    return code;
}

enum code cold_visit(const struct ledger *ledger, signal_id signal, cold_taker *take, void *context,
                     struct error *error)
{
    struct cold_request request = {
        .ledger = ledger, .memory = ledger->memory, .take = take, .context = context};
    return ask_for_all(&request, signal, error);
}

static enum code take_alone(void *context, const struct cold_pair *pair, struct record *record,
                            struct error *error)
{
    (void)pair, (void)error;
    *(struct record **)context = record;
    return CODE_OK;
}

enum code cold_read(const struct ledger *ledger, signal_id signal, ordinal entity,
                    struct record **record, struct error *error)
{
    const struct cold_pair pair = {signal, entity};
    struct cold_request request = {ledger, &pair, 1, ledger->memory, take_alone, record};
    return ask_store(&request, error);
}

/* --- Back into memory --- */

static enum code take_warm(void *context, const struct cold_pair *pair, struct record *record,
                           struct error *error)
{
    struct ledger *ledger = context;
    struct signal_table *table = &ledger->tables[pair->signal];
    assert(table_is_cold(table, pair->entity));
    if (!ledger_put(ledger, table, pair->entity, record)) {
        record_free(record, ledger->memory);
        return error_no_memory(error, AREA_SIGNALS, sizeof *record);
    }
    table->cold_count--;
    return CODE_OK;
}

bool ledger_has_cold(const struct ledger *ledger)
{
    bool any = false;
    for (size_t i = 0; ledger->cold && i < LIMIT_SIGNAL_IDS; i++)
        any = any || ledger->tables[i].cold_count > 0;
    return any;
}

static enum code warm_pairs(struct ledger *ledger, const struct cold_pair *pairs, size_t count,
                            struct error *error)
{
    struct cold_request request = {ledger, pairs, count, ledger->memory, take_warm, ledger};
    return ask_store(&request, error);
}

static enum code warm_entity(struct ledger *ledger, enum entity_kind kind, ordinal entity,
                             struct error *error)
{
    struct cold_pair pairs[LIMIT_SIGNALS];
    size_t count = 0;
    _Static_assert((int)LIMIT_SIGNALS <= (int)TOGETHER, "one call does");
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        const struct signal_table *table = &ledger->tables[i];
        if (table->cold_count == 0 || table->layout.kind != kind) continue;
        if (table_is_cold(table, entity)) pairs[count++] = (struct cold_pair){(signal_id)i, entity};
    }
    return warm_pairs(ledger, pairs, count, error);
}

/* Whose records are laid out anew, or read by an index from now on, come back whole. */
static enum code warm_defined(struct ledger *ledger, const struct schema *schema,
                              struct error *error)
{
    struct cold_request request = {
        .ledger = ledger, .memory = ledger->memory, .take = take_warm, .context = ledger};
    enum code code = CODE_OK;
    for (size_t i = 0; i < schema->signal_count && i < LIMIT_SIGNAL_IDS; i++) {
        struct layout layout;
        if (ledger->tables[i].cold_count == 0) continue;
        layout_init(&layout, &schema->signals[i]);
        bool stays_so = layout.kind == ledger->tables[i].layout.kind &&
                        layout_same_records(&layout, &ledger->tables[i].layout) &&
                        schema->signals[i].popular_count == 0;
        if (!stays_so) TRY(ask_for_all(&request, (signal_id)i, error));
    }
out:
    return code;
}

static enum code warm_backfilled(struct ledger *ledger, const struct resolved_change *change,
                                 struct error *error)
{
    const struct backfill_change *backfill = &change->change->backfill;
    const struct signal_table *table = &ledger->tables[backfill->signal];
    struct cold_pair pairs[TOGETHER];
    size_t count = 0;
    enum code code;
    for (size_t i = 0; i < backfill->pair_count; i++) {
        ordinal entity = change->items[i];
        if (entity == ORDINAL_NONE || !table_is_cold(table, entity)) continue;
        if (count == TOGETHER) {
            TRY(warm_pairs(ledger, pairs, count, error));
            count = 0;
        }
        pairs[count++] = (struct cold_pair){backfill->signal, entity};
    }
    code = warm_pairs(ledger, pairs, count, error);
out:
    return code;
}

/* --- Readers --- */

void cold_reader_init(struct cold_reader *reader, const struct ledger *ledger,
                      struct memory *memory)
{
    *reader = (struct cold_reader){.ledger = ledger, .memory = memory};
}

static void forget_records(struct cold_reader *reader)
{
    for (size_t i = 0; i < reader->capacity; i++)
        record_free(reader->entries[i].record, reader->memory);
    if (reader->entries) memset(reader->entries, 0, reader->capacity * sizeof *reader->entries);
    reader->count = 0;
    reader->bytes = 0;
}

enum code cold_reader_end(struct cold_reader *reader, struct error *error)
{
    enum code code = reader->error.code;
    if (code != CODE_OK) *error = reader->error;
    forget_records(reader);
    memory_free(reader->memory, reader->entries, reader->capacity * sizeof *reader->entries);
    *reader = (struct cold_reader){0};
    return code;
}

/* Where the pair is, or would be.  There is an empty entry. */
static struct cold_entry *find_entry(const struct cold_reader *reader, struct cold_pair pair)
{
    size_t mask = reader->capacity - 1;
    size_t at = (size_t)hash_u64((uint64_t)pair.signal << 32 | pair.entity) & mask;
    while (reader->entries[at].record && (reader->entries[at].pair.signal != pair.signal ||
                                          reader->entries[at].pair.entity != pair.entity))
        at = (at + 1) & mask;
    return &reader->entries[at];
}

/* Makes room for one more. */
static bool reserve_entry(struct cold_reader *reader)
{
    struct cold_reader larger = *reader;
    if (reader->count < reader->capacity / 2) return true;
    larger.capacity = reader->capacity > 0 ? 2 * reader->capacity : ENTRIES_AT_LEAST;
    larger.entries =
        memory_allocate_zeroed(reader->memory, larger.capacity * sizeof *larger.entries);
    if (!larger.entries) return false;
    for (size_t i = 0; i < reader->capacity; i++)
        if (reader->entries[i].record)
            *find_entry(&larger, reader->entries[i].pair) = reader->entries[i];
    memory_free(reader->memory, reader->entries, reader->capacity * sizeof *reader->entries);
    *reader = larger;
    return true;
}

static enum code take_read(void *context, const struct cold_pair *pair, struct record *record,
                           struct error *error)
{
    struct cold_reader *reader = context;
    struct cold_entry *entry = reserve_entry(reader) ? find_entry(reader, *pair) : NULL;
    if (!entry || entry->record) { /* asked for twice */
        record_free(record, reader->memory);
        return entry ? CODE_OK : error_no_memory(error, AREA_SIGNALS, sizeof *entry);
    }
    *entry = (struct cold_entry){record, *pair};
    reader->count++;
    reader->bytes += record_bytes(record);
    return CODE_OK;
}

void cold_begin(struct cold_reader *reader)
{
    assert(reader); /* who reads a ledger with a budget has one */
    if (reader->bytes > KEPT_BYTES) forget_records(reader);
}

void cold_read_pairs(struct cold_reader *reader, const struct cold_pair *pairs, size_t count)
{
    const struct ledger *ledger = reader->ledger;
    struct cold_pair wanted[TOGETHER];
    struct cold_request request = {ledger, wanted, 0, reader->memory, take_read, reader};
    for (size_t i = 0; i < count && reader->error.code == CODE_OK; i++) {
        const struct signal_table *table = &ledger->tables[pairs[i].signal];
        if (!table_is_cold(table, pairs[i].entity)) continue;
        if (reader->capacity > 0 && find_entry(reader, pairs[i])->record) continue;
        bool is_of_kind = request.count == 0 || table->layout.kind == kind_of(ledger, wanted);
        if (request.count == TOGETHER || !is_of_kind) {
            (void)!ask_store(&request, &reader->error);
            request.count = 0;
        }
        wanted[request.count++] = pairs[i];
    }
    if (reader->error.code == CODE_OK) (void)!ask_store(&request, &reader->error);
}

void cold_read_in(struct cold_reader *reader, signal_id signal, const ordinal *ordinals,
                  size_t count)
{
    struct cold_pair pairs[TOGETHER];
    for (size_t done = 0; done < count; done += TOGETHER) {
        size_t some = count - done < TOGETHER ? count - done : TOGETHER;
        for (size_t i = 0; i < some; i++)
            pairs[i] = (struct cold_pair){signal, ordinals[done + i]};
        cold_read_pairs(reader, pairs, some);
    }
}

void cold_find_all(const struct cold_reader *reader, signal_id signal, const ordinal *ordinals,
                   size_t count, struct held *held)
{
    for (size_t i = 0; i < count; i++) {
        if (!held[i].record || held[i].record != reader->ledger->cold) continue;
        struct record *record = NULL;
        if (reader->capacity > 0)
            record = find_entry(reader, (struct cold_pair){signal, ordinals[i]})->record;
        assert(record || reader->error.code != CODE_OK);
        if (record) held[i].record = record;
    }
}

/* Takes what was read ahead; NULL: it was not. */
static struct record *take_ahead(struct cold_reader *ahead, struct cold_pair pair)
{
    if (!ahead || ahead->capacity == 0) return NULL;
    struct record *record = find_entry(ahead, pair)->record;
    return record ? record_copy(record, ahead->memory) : NULL;
}

enum code ledger_warm(struct ledger *ledger, const struct resolved_change *change,
                      struct cold_reader *ahead, struct error *error)
{
    if (!ledger->cold) return CODE_OK;
    if (change->change->kind == CHANGE_SIGNAL && change->subject != ORDINAL_NONE) {
        struct cold_pair pair = {change->change->signal.signal, change->subject};
        if (!table_is_cold(&ledger->tables[pair.signal], pair.entity)) return CODE_OK;
        struct record *record = take_ahead(ahead, pair);
        return record ? take_warm(ledger, &pair, record, error)
                      : warm_pairs(ledger, &pair, 1, error);
    }
    if (change->change->kind == CHANGE_DELETE && change->subject != ORDINAL_NONE)
        return warm_entity(ledger, change->change->delete.kind, change->subject, error);
    if (change->change->kind == CHANGE_BACKFILL) return warm_backfilled(ledger, change, error);
    if (change->change->kind == CHANGE_DEFINE) return warm_defined(ledger, change->schema, error);
    return CODE_OK;
}
