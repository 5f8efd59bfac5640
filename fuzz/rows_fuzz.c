/* Any rows of a store, loaded into one of the folds: an error, or a fold whose invariants hold,
 * also after changes, and whose checkpoint loads again.
 *
 *   input   fold u8 (bits 0 and 1; or bits 4 to 7: 1 quotas, 2 exposure, 4 what trends,
 *           8 co-engagement, 3 distinct users, 5 groups, 6 a ledger with gaps; and, of entities,
 *           how many rows are lost: bits 2 and 3), then rows
 *   row     keyspace u8, id u8, suffix bytes u8, suffix, row bytes u16, row
 *   gaps    before its rows: bytes u16, the row of all gaps; bytes u16, what a backfill brings */
#include "behaviour/coengagement.h"
#include "behaviour/exposure.h"
#include "behaviour/quota.h"
#include "entities/entities.h"
#include "fuzz/fuzz.h"
#include "fuzz/world.h"
#include "harness/fold_rows.h"
#include "relations/edges.h"
#include "signals/backfill.h"
#include "signals/groups.h"
#include "signals/trending.h"
#include "signals/unique.h"

#define TIME_MS     INT64_C(1700000000000)
#define LIMIT_BYTES ((size_t)256 << 20)

enum {
    SUFFIX_MAXIMUM = 16,
    KNOWN_IDS = 200,
    QUOTAS_BIT = 16,
    EXPOSURE_BIT = 32,
    TRENDING_BIT = 64,
    COENGAGEMENT_BIT = 128
};
enum {
    ENTITIES,
    LEDGER,
    EDGES,
    BEHAVIOUR,
    QUOTAS,
    EXPOSURE,
    TRENDING,
    COENGAGEMENT,
    UNIQUE,
    GROUPS,
    FOLDS
};

struct world {
    struct memory memory;
    const struct schema *schema;
    struct store *store;
    unsigned which;
    struct fold fold;
    struct fold counts; /* of what trends: a ledger without records */
    struct ledger *ledger;
    bool has_gaps;
    struct slice brought; /* the row of a pair, to fill the gaps with */
    struct behaviour *behaviour;
    struct quota *quota;
    struct error error;
};

static ordinal ordinal_of(void *context, enum entity_kind kind, entity_id id)
{
    (void)context;
    (void)kind;
    return id < KNOWN_IDS ? (ordinal)id : ORDINAL_NONE;
}

static entity_id id_of(void *context, enum entity_kind kind, ordinal entity)
{
    (void)context;
    (void)kind;
    return entity;
}

static const struct ledger_ids ids = {ordinal_of, id_of, NULL};

static enum code make_trending(struct world *world)
{
    struct index_source source = {.ids = ids};
    struct trending *trending;
    struct ledger *ledger;
    if (!world->counts.ops) {
        enum code code =
            ledger_create(&world->memory, &ids, &world->counts, &ledger, &world->error);
        if (code != CODE_OK) return code;
    }
    source.ledger = world->counts.state;
    return trending_create(&world->memory, &source, &world->fold, &trending, &world->error);
}

static enum code make_fold(struct world *world)
{
    struct entities *entities;
    struct edges *edges;
    struct exposure *exposure;
    struct coengagement *coengagement;
    struct unique *unique;
    struct groups *groups;
    switch (world->which) {
    case ENTITIES:
        return entities_create(&world->memory, &world->fold, &entities, &world->error);
    case LEDGER:
        return ledger_create(&world->memory, &ids, &world->fold, &world->ledger, &world->error);
    case EDGES:
        return edges_create(&world->memory, ordinal_of, NULL, &world->fold, &edges, &world->error);
    case QUOTAS:
        return quota_create(&world->memory, ordinal_of, NULL, &world->fold, &world->quota,
                            &world->error);
    case UNIQUE:
        return unique_create(&world->memory, &ids, &world->fold, &unique, &world->error);
    case GROUPS:
        return groups_create(&world->memory, &world->fold, &groups, &world->error);
    case EXPOSURE:
        return exposure_create(&world->memory, ordinal_of, NULL, &world->fold, &exposure,
                               &world->error);
    case TRENDING:
        return make_trending(world);
    case COENGAGEMENT:
        return coengagement_create(&world->memory, ordinal_of, NULL, &world->fold, &coengagement,
                                   &world->error);
    default:
        return behaviour_create(&world->memory, ordinal_of, NULL, &world->fold, &world->behaviour,
                                &world->error);
    }
}

/* The store says how many ordinals there are. */
static void put_counts(struct world *world, const uint32_t counts[ENTITY_KIND_COUNT])
{
    static const char *const keys[] = {KEY_COUNT_PREFIX "item", KEY_COUNT_PREFIX "user",
                                       KEY_COUNT_PREFIX "creator"};
    uint8_t count[4];
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++) {
        if (counts[kind] == 0) continue;
        store_u32(count, counts[kind]);
        FUZZ_CHECK(store_put(world->store, KEYSPACE_DATABASE, text_of(keys[kind]),
                             slice_of(count, sizeof count), &world->error) == CODE_OK);
    }
}

/* Its key is the database's own. */
static void put_group(struct world *world, struct slice suffix, struct slice row)
{
    uint8_t key[sizeof KEY_GROUP_PREFIX + SUFFIX_MAXIMUM];
    struct slice prefix = KEY_TEXT(KEY_GROUP_PREFIX);
    memcpy(key, prefix.data, prefix.bytes);
    if (suffix.bytes > 0) memcpy(key + prefix.bytes, suffix.data, suffix.bytes);
    FUZZ_CHECK(store_put(world->store, KEYSPACE_DATABASE,
                         slice_of(key, prefix.bytes + suffix.bytes), row,
                         &world->error) == CODE_OK);
}

static struct slice read_bytes(struct cursor *cursor)
{
    size_t bytes = cursor_u16(cursor);
    if (bytes > cursor_left(cursor)) bytes = cursor_left(cursor);
    return cursor_bytes(cursor, bytes);
}

static void put_gaps(struct world *world, struct cursor *cursor)
{
    struct slice row = read_bytes(cursor);
    FUZZ_CHECK(store_put(world->store, KEYSPACE_DATABASE, KEY_GAPS, row, &world->error) == CODE_OK);
    world->brought = read_bytes(cursor);
}

static void put_rows(struct world *world, struct cursor *cursor, uint32_t lost)
{
    uint32_t counts[ENTITY_KIND_COUNT] = {lost};
    static const enum key_tag tags[FOLDS] = {TAG_ENTITY,    TAG_LEDGER,       TAG_EDGE,
                                             TAG_BEHAVIOUR, TAG_QUOTA,        TAG_EXPOSURE,
                                             TAG_TREND,     TAG_COENGAGEMENT, TAG_UNIQUE};
    while (cursor_left(cursor) > 0) {
        enum keyspace keyspace = (enum keyspace)(cursor_u8(cursor) % ENTITY_KIND_COUNT);
        bool is_total = world->which == QUOTAS && keyspace == KEYSPACE_ITEMS;
        if (world->which >= BEHAVIOUR) keyspace = KEYSPACE_USERS; /* nobody looks elsewhere */
        if (world->which == TRENDING || world->which == COENGAGEMENT || world->which == UNIQUE)
            keyspace = KEYSPACE_ITEMS;
        uint64_t id = cursor_u8(cursor);
        struct slice suffix = cursor_bytes(cursor, cursor_u8(cursor) % (SUFFIX_MAXIMUM + 1));
        struct slice row = read_bytes(cursor);
        if (cursor->failed) break;
        if (world->which == GROUPS) {
            put_group(world, suffix, row);
            continue;
        }
        struct key key = key_build(id, tags[world->which], suffix);
        enum code code =
            is_total ? store_put(world->store, KEYSPACE_DATABASE, KEY_CAPPED, row, &world->error)
                     : store_put(world->store, keyspace, key_slice(&key), row, &world->error);
        FUZZ_CHECK(code == CODE_OK);
        counts[keyspace]++;
    }
    if (world->which == ENTITIES) put_counts(world, counts);
}

static void check_fold(const struct world *world)
{
    char reason[256] = "";
    if (world->fold.ops->check(world->fold.state, reason, sizeof reason)) return;
    fprintf(stderr, "%s: %s\n", world->fold.ops->name, reason);
    abort();
}

/* NO_MEMORY is an answer to rows that ask for more than the limit. */
static bool load(struct world *world)
{
    FUZZ_CHECK(make_fold(world) == CODE_OK);
    enum code code =
        world->fold.ops->load(world->fold.state, world->store, world->schema, &world->error);
    if (code == CODE_OK) {
        check_fold(world);
        return true;
    }
    FUZZ_CHECK(code == CODE_CORRUPT || code == CODE_VERSION || code == CODE_NO_MEMORY);
    FUZZ_CHECK(world->error.message[0] != '\0');
    world->fold.ops->free(world->fold.state);
    return false;
}

static void apply(struct world *world, const struct change *change, ordinal subject, ordinal other)
{
    const struct signal *signal =
        &world->schema->signals[change->kind == CHANGE_SIGNAL ? change->signal.signal : 0];
    const struct topic keys[LIMIT_GROUP_FIELDS] = {{signal->group_fields[0], 1},
                                                   {signal->group_fields[1], 2}};
    static const struct topic topics[] = {{7, 2}, {7, 40}}; /* of field `creator` */
    static const struct partner partners[] = {{2, 2}, {150, 150}};
    static const ordinal items[] = {1, 2}; /* of a backfill's pairs */
    struct resolved_change resolved = {.lsn = 1,
                                       .ingest_ms = TIME_MS,
                                       .watermark_ms = TIME_MS,
                                       .schema = world->schema,
                                       .change = change,
                                       .subject = subject,
                                       .subject_id = subject,
                                       .other = other,
                                       .other_id = other,
                                       .time_ms = TIME_MS,
                                       .effective = true,
                                       .contributions = {{TIME_MS, SIGNAL_VALUE_ONE, 1}},
                                       .totalled = keys,
                                       .totalled_count = signal->group_count,
                                       .contribution_count = 1,
                                       .weight = EVENT_WEIGHT_ONE,
                                       .exposed = topics,
                                       .exposed_count = change->kind == CHANGE_SIGNAL ? 2 : 0,
                                       .engages = change->kind == CHANGE_SIGNAL,
                                       .partners = partners,
                                       .partner_count = 2,
                                       .items = items};
    if (world->behaviour && change->kind == CHANGE_SIGNAL)
        behaviour_resolve(world->behaviour, &resolved);
    if (world->quota && change->kind == CHANGE_SIGNAL)
        quota_resolve(world->quota, EVENT_WEIGHT_ONE / 2, &resolved);
    enum code code = world->fold.ops->apply(world->fold.state, &resolved, &world->error);
    FUZZ_CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
    if (code == CODE_OK) check_fold(world);
}

/* Of each signal that waits for it two pairs are brought, and then the end. */
static void backfill_all(struct world *world)
{
    const struct backfill_pair pairs[] = {{1, world->brought}, {2, world->brought}};
    for (signal_id signal = 0; signal < world->schema->signal_count; signal++) {
        struct change change = {.kind = CHANGE_BACKFILL, .backfill = {.signal = signal}};
        struct backfill_change *backfill = &change.backfill;
        if (!backfill_is_due(world->ledger, signal, &backfill->defined)) continue;
        backfill->pairs = pairs;
        backfill->pair_count = 2;
        apply(world, &change, ORDINAL_NONE, ORDINAL_NONE);
        backfill->pair_count = 0;
        backfill->ends = true;
        backfill->since_ms = world->brought.bytes % 2 ? TIME_MS : INT64_MIN;
        apply(world, &change, ORDINAL_NONE, ORDINAL_NONE);
        lsn defined;
        FUZZ_CHECK(!backfill_is_due(world->ledger, signal, &defined));
    }
}

/* Entities give ordinals themselves, so they are asked by reference, in the engine. */
static void apply_some(struct world *world)
{
    for (signal_id signal = 0; signal < world->schema->signal_count; signal++) {
        struct change change = {
            .kind = CHANGE_SIGNAL,
            .signal = {.signal = signal,
                       .entity = {.kind = world->schema->signals[signal].kind, .id = 1},
                       .has_user = true,
                       .user = {.kind = ENTITY_USER, .id = 2},
                       .value = SIGNAL_VALUE_ONE,
                       .has_time = true,
                       .time_ms = TIME_MS}};
        apply(world, &change, 1, 2);
    }
    struct change relate = {.kind = CHANGE_RELATE,
                            .relate = {.relation = 0,
                                       .from = {.kind = ENTITY_USER, .id = 1},
                                       .to = {.kind = ENTITY_CREATOR, .id = 2},
                                       .weight = 1}};
    apply(world, &relate, 1, 2);
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++) {
        struct change change = {.kind = CHANGE_DELETE,
                                .delete = {.kind = (enum entity_kind)kind, .id = 1}};
        apply(world, &change, 1, ORDINAL_NONE);
    }
}

/* What was loaded is dumped as it was read: a state has one encoding.  But rows of a signal that
 * was defined anew are converted, pieces of an entity are put together, and then stay. */
static void check_dump(struct world *world, bool exact)
{
    struct store_batch *batch;
    struct buffer read, dumped;
    struct store *read_store = world->store, *dump_store;
    buffer_init(&read, &world->memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&dumped, &world->memory, FOLD_ROWS_MAXIMUM);
    FUZZ_CHECK(memory_store_open(&world->memory, &dump_store, &world->error) == CODE_OK);
    FUZZ_CHECK(store_batch_create(dump_store, &batch, &world->error) == CODE_OK);
    FUZZ_CHECK(world->fold.ops->dump(world->fold.state, batch, &world->error) == CODE_OK);
    FUZZ_CHECK(store_write(dump_store, batch, &world->error) == CODE_OK);
    FUZZ_CHECK(store_dump(read_store, &read, &world->error) == CODE_OK);
    FUZZ_CHECK(store_dump(dump_store, &dumped, &world->error) == CODE_OK);
    bool same = slice_equal(buffer_slice(&read), buffer_slice(&dumped));
    FUZZ_CHECK(same || !exact);
    store_batch_free(batch);
    buffer_release(&read);
    buffer_release(&dumped);
    world->store = same ? read_store : dump_store;
    store_close(same ? dump_store : read_store);
}

static void load_twice(struct world *world)
{
    if (!load(world)) return;
    bool exact = world->which != LEDGER && world->which != ENTITIES;
    check_dump(world, exact);
    if (!exact) {
        world->fold.ops->free(world->fold.state);
        FUZZ_CHECK(load(world));
        check_dump(world, true);
    }
    if (world->has_gaps) backfill_all(world);
    if (world->which > 0) apply_some(world);
    FUZZ_CHECK(fold_checkpoint(&world->fold, world->store, &world->error) == CODE_OK);
    check_fold(world);
    world->fold.ops->free(world->fold.state);
    FUZZ_CHECK(load(world));
    world->fold.ops->free(world->fold.state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct world world = {.schema = fuzz_schema()};
    struct cursor cursor;
    if (bytes == 0) return 0;
    memory_init(&world.memory, LIMIT_BYTES);
    FUZZ_CHECK(memory_store_open(&world.memory, &world.store, &world.error) == CODE_OK);
    cursor_init(&cursor, slice_of(data, bytes));
    uint8_t first = cursor_u8(&cursor);
    world.has_gaps = first / 16 == 6;
    world.which = world.has_gaps             ? LEDGER
                  : first / 16 == 3          ? UNIQUE
                  : first / 16 == 5          ? GROUPS
                  : first & QUOTAS_BIT       ? QUOTAS
                  : first & EXPOSURE_BIT     ? EXPOSURE
                  : first & TRENDING_BIT     ? TRENDING
                  : first & COENGAGEMENT_BIT ? COENGAGEMENT
                                             : first % 4;
    if (world.has_gaps) put_gaps(&world, &cursor);
    put_rows(&world, &cursor, first / 4 % 4);
    load_twice(&world);
    if (world.counts.ops) world.counts.ops->free(world.counts.state);
    store_close(world.store);
    memory_release(&world.memory);
    return 0;
}
