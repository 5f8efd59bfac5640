/* The cut: what the store holds, which failures it survives, and what recovery makes of it. */
#include "engine/internal.h"
#include "unit/engine/world.h"

enum { VIEW = 2, LIKE = 3, SEES = 0 };

static const char *const definitions[] = {
    "DEFINE FIELD title ON item TEXT",
    "DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h, 24h",
    "DEFINE SIGNAL like ON item HALF LIFE 7d UNIQUE PER USER POSITIVE",
    "DEFINE RELATION sees FROM user TO item",
};

static bool write_some(struct world *world, uint64_t from, uint64_t count)
{
    for (uint64_t i = from; i < from + count; i++) {
        struct change changes[] = {put_of(i), signal_of(VIEW, i, i % 7, WORLD_NOW_MS - (int64_t)i),
                                   signal_of(LIKE, i, i % 5, WORLD_NOW_MS)};
        for (size_t j = 0; j < 3; j++) {
            enum code code = world_write(world, &changes[j]);
            if (code != CODE_OK && code != CODE_DUPLICATE) return false;
        }
    }
    return true;
}

static bool begin(struct world *world)
{
    return world_init(world) && world_open(world) == CODE_OK &&
           world_define_all(world, definitions, sizeof definitions / sizeof *definitions) &&
           write_some(world, 1, 30);
}

#define BEGIN()                                                                                    \
    struct world world;                                                                            \
    struct choices choices;                                                                        \
    choices_from_seed(&choices, 1, NULL);                                                          \
    CHECK(begin(&world))

static enum code hash_of(struct world *world, uint8_t hash[32])
{
    return database_state_hash(world->database, hash, &world->error);
}

static void a_crash_after_a_checkpoint_loses_nothing(struct test *t)
{
    BEGIN();
    uint8_t hash[32];
    struct database_status status;
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    CHECK(write_some(&world, 20, 20));
    CHECK_EQ(hash_of(&world, hash), CODE_OK);
    lsn applied = database_applied(world.database);
    CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    database_status(world.database, &status);
    CHECK_EQ(status.applied, applied);
    CHECK(status.replayed > 0 && status.replayed < applied);
    CHECK(world_same_hash(&world, hash));
    CHECK_EQ(database_check(world.database, &world.error), CODE_OK);
    world_release(&world);
}

static void a_crash_without_any_checkpoint_replays_the_log(struct test *t)
{
    BEGIN();
    uint8_t hash[32];
    CHECK_EQ(hash_of(&world, hash), CODE_OK);
    CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_same_hash(&world, hash));
    world_release(&world);
}

static void closing_checkpoints_and_opening_replays_nothing(struct test *t)
{
    BEGIN();
    uint8_t hash[32];
    struct database_status status;
    CHECK_EQ(hash_of(&world, hash), CODE_OK);
    lsn applied = database_applied(world.database);
    CHECK_EQ(world_close(&world), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    database_status(world.database, &status);
    CHECK_EQ(status.replayed, 0);
    CHECK_EQ(status.checkpoint, applied);
    CHECK(world_same_hash(&world, hash));
    world_release(&world);
}

/* The store refuses its n-th operation: 1 is the write, 2 the flush. */
static void a_failed_checkpoint_is_made_up_for_by_the_next(struct test *t)
{
    for (uint64_t operation = 1; operation <= 2; operation++) {
        BEGIN();
        uint8_t hash[32];
        struct database_status status;
        memory_store_fail_at(world.store, operation);
        CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_IO);
        database_status(world.database, &status);
        CHECK_EQ(status.checkpoint, 0);
        CHECK_EQ(status.checkpoint_error.code, CODE_IO);
        CHECK(status.checkpoint_error.message[0] != 0);
        CHECK(write_some(&world, 20, 20));
        CHECK_EQ(hash_of(&world, hash), CODE_OK);
        CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
        database_status(world.database, &status);
        CHECK_EQ(status.checkpoint, status.applied);
        CHECK_EQ(status.checkpoint_error.code, CODE_OK);
        CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
        CHECK_EQ(world_open(&world), CODE_OK);
        CHECK(world_same_hash(&world, hash));
        database_status(world.database, &status);
        CHECK_EQ(status.replayed, 0);
        world_release(&world);
    }
}

/* After the store's flush the log's frame fails at every operation of it in turn. */
static void a_checkpoint_whose_frame_fails_recovers_from_the_store(struct test *t)
{
    for (uint64_t operation = 1;; operation++) {
        BEGIN();
        uint8_t hash[32];
        struct simulated_faults faults = {.choices = &choices, .crash_at_operation = operation};
        CHECK_EQ(hash_of(&world, hash), CODE_OK);
        simulated_disk_set_faults(world.disk, &faults);
        enum code code = database_checkpoint(world.database, &world.error);
        bool crashed = simulated_disk_has_crashed(world.disk);
        CHECK_EQ(code != CODE_OK, crashed);
        CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
        CHECK_EQ(world_open(&world), CODE_OK);
        CHECK(world_same_hash(&world, hash));
        world_release(&world);
        if (!crashed) {
            CHECK(operation > 2);
            return;
        }
    }
}

static void rows_that_change_between_two_checkpoints_are_written_again(struct test *t)
{
    BEGIN();
    uint8_t hash[32];
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    struct change bury = delete_of(3), put = put_of(4);
    CHECK_EQ(world_write(&world, &bury), CODE_OK);
    CHECK_EQ(world_write(&world, &put), CODE_OK);
    CHECK_EQ(hash_of(&world, hash), CODE_OK);
    CHECK_EQ(world_close(&world), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_same_hash(&world, hash));
    CHECK(!world_item_lives(&world, 3));
    world_release(&world);
}

static void a_key_that_was_only_mentioned_survives(struct test *t)
{
    BEGIN();
    struct change relate = {.kind = CHANGE_RELATE,
                            .relate = {.relation = SEES, .from = user_of(1), .weight = 1}};
    relate.relate.to =
        (struct entity_reference){.kind = ENTITY_ITEM, .key = slice_of_text("not put yet")};
    CHECK_EQ(world_write(&world, &relate), CODE_OK);
    CHECK_EQ(world_close(&world), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    struct view view;
    CHECK_EQ(database_read_begin(world.database, &view, &world.error), CODE_OK);
    ordinal item = entities_find_key(view.entities, ENTITY_ITEM, slice_of_text("not put yet"));
    bool lives = item != ORDINAL_NONE && entities_live(view.entities, ENTITY_ITEM, item);
    database_read_end(world.database);
    CHECK(item != ORDINAL_NONE);
    CHECK(!lives);
    world_release(&world);
}

static void a_definition_right_before_a_checkpoint_is_followed_by_all_folds(struct test *t)
{
    BEGIN();
    uint8_t hash[32];
    struct change seen = signal_of(SIGNAL_IMPRESSION, 1, 2, WORLD_NOW_MS);
    CHECK_EQ(world_write(&world, &seen), CODE_OK);
    CHECK_EQ(world_define(&world, "DEFINE SIGNAL impression ON item HALF LIFE 1h WINDOWS 24h"),
             CODE_OK);
    CHECK_EQ(hash_of(&world, hash), CODE_OK);
    CHECK_EQ(world_close(&world), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_same_hash(&world, hash));
    world_release(&world);
}

static void the_log_is_cut_once_the_store_has_it(struct test *t)
{
    struct world world;
    struct database_status status;
    CHECK(world_init(&world));
    world.options.dedupe_count = 8;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_define_all(&world, definitions, sizeof definitions / sizeof *definitions));
    CHECK(write_some(&world, 1, 60));
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    database_status(world.database, &status);
    CHECK(status.oldest > 1);
    CHECK(status.oldest <= status.checkpoint + 1);
    uint8_t hash[32];
    CHECK_EQ(hash_of(&world, hash), CODE_OK);
    CHECK_EQ(world_close(&world), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_same_hash(&world, hash));
    /* The store knows what the log must hold: without it nothing is opened as if it were empty. */
    database_abandon(world.database);
    world.database = NULL;
    struct disk_names names = {.memory = &world.memory};
    CHECK_EQ(disk_list(world.disk, "wal", &world.memory, &names, &world.error), CODE_OK);
    for (size_t i = 0; i < names.count; i++) {
        char path[DISK_PATH_BYTES];
        snprintf(path, sizeof path, "wal/%s", names.names[i]);
        CHECK_EQ(disk_remove(world.disk, path, &world.error), CODE_OK);
    }
    disk_names_release(&names);
    CHECK_EQ(world_open(&world), CODE_CORRUPT);
    world_release(&world);
}

/* The window of identities needs no entry without one: an import is not held back by it. */
static void entries_without_identity_do_not_keep_the_log(struct test *t)
{
    BEGIN();
    struct database_status status;
    struct write_result first, again;
    lsn window = database_applied(world.database);
    simulated_clock_advance(&world.clock,
                            10 * 60000); /* what came before is forgotten twice over */
    for (entity_id id = 1; id <= 150; id++) {
        struct change put = put_of(id);
        if (id == 75) simulated_clock_advance(&world.clock, 10 * 60000);
        CHECK_EQ(world_write(&world, &put), CODE_OK);
    }
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    database_status(world.database, &status);
    CHECK(status.oldest > window + 75);
    /* One with an identity is kept, and is known after a crash. */
    struct change view = signal_of(VIEW, 1, 42, WORLD_NOW_MS);
    CHECK_EQ(world_write_as(&world, &view, "", ACKNOWLEDGE_DURABLE, &first), CODE_OK);
    for (entity_id id = 1; id <= 100; id++) {
        struct change put = put_of(id);
        CHECK_EQ(world_write(&world, &put), CODE_OK);
    }
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    database_status(world.database, &status);
    CHECK(status.oldest > window + 75 && status.oldest <= first.lsn);
    CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK_EQ(world_write_as(&world, &view, "", ACKNOWLEDGE_DURABLE, &again), CODE_DUPLICATE);
    CHECK_EQ(again.lsn, first.lsn);
    world_release(&world);
}

static void a_store_of_another_database_is_refused(struct test *t)
{
    BEGIN();
    struct store *store = world.store;
    CHECK_EQ(world_close(&world), CODE_OK);
    struct world other;
    CHECK(world_init(&other));
    other.options.store = store;
    CHECK_EQ(world_open(&other), CODE_CORRUPT);
    CHECK_TEXT(other.error.message, "the store is of another database");
    world_release(&other);
    world_release(&world);
}

struct first_view {
    struct wal_record record;
    uint8_t payload[64];
};

static enum code find_view(void *context, const struct wal_entry *entry, struct error *error)
{
    struct first_view *first = context;
    (void)error;
    if (entry->flags != 0 || first->record.type != 0) return CODE_OK;
    memcpy(first->payload, entry->payload.data, entry->payload.bytes);
    memcpy(first->record.identity, entry->identity, WAL_IDENTITY_BYTES);
    first->record.type = entry->type;
    first->record.payload = slice_of(first->payload, entry->payload.bytes);
    return CODE_OK;
}

/* The log itself is whole: what is wrong came to it so. */
static void content_that_is_not_what_its_identity_says_is_not_replayed(struct test *t)
{
    BEGIN();
    struct first_view first = {0};
    struct wal_result result;
    struct wal *wal = world.database->wal;
    CHECK_EQ(wal_replay(wal, 1, find_view, &first, &world.error), CODE_OK);
    CHECK(first.record.type != 0);
    first.record.identity[3] ^= 1;
    CHECK_EQ(wal_append(wal, &first.record, 1, 0, &result, &world.error), CODE_OK);
    CHECK_EQ(wal_wait(wal, result.lsn, &world.error), CODE_OK);
    CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_CORRUPT);
    CHECK(strstr(world.error.message, "is not what its identity says") != NULL);
    world_release(&world);
}

static const struct field_value title = {0,
                                         {.type = VALUE_TEXT, .text = {(const uint8_t *)"x", 1}}};

/* Applying a transaction finds no memory at its n-th allocation; false once it has that many. */
static bool apply_fails_at(struct world *world, unsigned long long n)
{
    struct change parts[] = {put_of(900), signal_of(VIEW, 900, 901, WORLD_NOW_MS),
                             signal_of(LIKE, 900, 901, WORLD_NOW_MS)};
    parts[0].put.fields = &title;
    parts[0].put.field_count = 1;
    struct change all = {.kind = CHANGE_TRANSACTION, .transaction = {parts, 3}};
    struct memory *memory = &world->database->state_memory;
    memory->fail_at_call = n > 0 ? memory->call_count + n : 0;
    enum code code = world_write(world, &all);
    memory->fail_at_call = 0;
    return code == CODE_FAILED;
}

static void half_a_change_is_neither_read_nor_stored(struct test *t)
{
    uint8_t hash[32], whole[32];
    struct view view;
    BEGIN();
    CHECK(!apply_fails_at(&world, 0));
    CHECK_EQ(hash_of(&world, whole), CODE_OK);
    world_release(&world);
    unsigned long long n = 1;
    for (;; n++) {
        CHECK(begin(&world));
        if (!apply_fails_at(&world, n)) break;
        CHECK_TEXT(world.error.message, "a change in the log could not be applied: no memory");
        CHECK(world.error.hint[0] != 0);
        struct change put = put_of(1);
        lsn last = wal_last(world.database->wal);
        CHECK_EQ(world_write(&world, &put), CODE_FAILED);
        CHECK_EQ(wal_last(world.database->wal), last);
        CHECK_EQ(database_read_begin(world.database, &view, &world.error), CODE_FAILED);
        CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_FAILED);
        CHECK_EQ(hash_of(&world, hash), CODE_FAILED);
        CHECK_EQ(world_define(&world, "DEFINE SIGNAL other ON item"), CODE_FAILED);
        CHECK_EQ(world_close(&world), CODE_OK);
        CHECK_EQ(world_open(&world), CODE_OK);
        CHECK(world_same_hash(&world, whole));
        world_release(&world);
    }
    world_release(&world);
    CHECK(n > 5);
}

/* The n-th allocation for a write or a checkpoint fails, for every n in turn. */
static void a_request_that_finds_no_memory_leaves_nothing_behind(struct test *t)
{
    BEGIN();
    CHECK(choose(&choices, 0) == 0);
    struct memory *memory = &world.database->request_memory;
    uint8_t before[32];
    uint64_t refused = 0;
    for (unsigned long long n = 1;; n++) {
        struct change changes[] = {put_of(500 + n), signal_of(VIEW, 1, 900, WORLD_NOW_MS)};
        struct write writes[] = {{.change = &changes[0]}, {.change = &changes[1]}};
        struct write_result results[2] = {0};
        struct write_batch batch = {writes, 2, ACKNOWLEDGE_DURABLE, results, 0};
        CHECK_EQ(hash_of(&world, before), CODE_OK);
        memory->fail_at_call = memory->call_count + n;
        enum code code = database_write(world.database, &batch, &world.error);
        memory->fail_at_call = 0;
        CHECK_EQ(world.database->reserved_bytes, 0);
        if (code == CODE_OK && results[0].code == CODE_OK) break;
        CHECK_EQ(code == CODE_OK ? results[0].code : code, CODE_NO_MEMORY);
        if (code != CODE_OK) CHECK(world_same_hash(&world, before));
        refused++;
    }
    CHECK(refused > 3);
    CHECK_EQ(hash_of(&world, before), CODE_OK);
    CHECK_EQ(world_close(&world), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_same_hash(&world, before));
    world_release(&world);
}

static void an_opening_that_finds_no_memory_can_be_tried_again(struct test *t)
{
    BEGIN();
    uint8_t before[32];
    unsigned long long n = 1;
    CHECK_EQ(hash_of(&world, before), CODE_OK);
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    for (;; n++) {
        CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
        world.memory.fail_at_call = world.memory.call_count + n;
        enum code code = world_open(&world);
        world.memory.fail_at_call = 0;
        if (code == CODE_OK) break;
        CHECK_EQ(code, CODE_NO_MEMORY);
        CHECK(!world.database);
    }
    CHECK(n > 10);
    CHECK(world_same_hash(&world, before));
    world_release(&world);
}

/* A store that lets another world write and checkpoint once its n-th scan is closed. */
struct hooked_store {
    struct store store; /* first */
    struct store *inner;
    struct world *writer;
    uint64_t scan_count;
    uint64_t hook_at; /* 0: never */
};

struct hooked_scan {
    struct store_scan scan; /* first */
    struct store_scan *inner;
    struct hooked_store *store;
};

static enum code hooked_next(struct store_scan *base, struct slice *key, struct slice *value,
                             bool *has_row, struct error *error)
{
    return store_scan_next(((struct hooked_scan *)base)->inner, key, value, has_row, error);
}

static void hooked_close(struct store_scan *base)
{
    struct hooked_scan *scan = (struct hooked_scan *)base;
    struct hooked_store *store = scan->store;
    store_scan_close(scan->inner);
    memory_free(store->store.memory, scan, sizeof *scan);
    if (++store->scan_count != store->hook_at) return;
    bool wrote = write_some(store->writer, 100, 100) &&
                 database_checkpoint(store->writer->database, &store->writer->error) == CODE_OK;
    if (!wrote) store->scan_count = 0; /* noticed by the test */
}

static enum code hooked_scan(struct store *base, enum keyspace keyspace, struct key_range range,
                             struct store_scan **opened, struct error *error)
{
    static const struct store_scan_operations operations = {hooked_next, hooked_close};
    struct hooked_store *store = (struct hooked_store *)base;
    struct hooked_scan *scan = memory_allocate_zeroed(base->memory, sizeof *scan);
    if (!scan) return error_no_memory(error, AREA_STORE, sizeof *scan);
    *scan = (struct hooked_scan){.scan = {&operations}, .store = store};
    enum code code = store_scan_open(store->inner, keyspace, range, &scan->inner, error);
    if (code == CODE_OK) {
        *opened = &scan->scan;
    } else {
        memory_free(base->memory, scan, sizeof *scan);
    }
    return code;
}

static enum code hooked_get(struct store *base, enum keyspace keyspace, struct slice key,
                            struct buffer *value, bool *found, struct error *error)
{
    return store_get(((struct hooked_store *)base)->inner, keyspace, key, value, found, error);
}

static void a_reader_looks_again_where_a_checkpoint_came_in_between(struct test *t)
{
    static const struct store_operations operations = {.get = hooked_get, .scan = hooked_scan};
    struct world world;
    struct database *reader = NULL;
    CHECK(world_init(&world));
    world.options.dedupe_count = 8;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_define_all(&world, definitions, sizeof definitions / sizeof *definitions));
    CHECK(write_some(&world, 1, 30));
    struct hooked_store store = {{&operations, &world.memory}, world.store, &world, 0, 0};
    struct database_options options = world.options;
    options.read_only = true;
    options.store = &store.store;
    CHECK_EQ(database_open(&options, &reader, &world.error), CODE_OK);
    CHECK_EQ(database_applied(reader), database_applied(world.database));
    CHECK_EQ(database_close(reader, &world.error), CODE_OK);
    uint64_t scans = store.scan_count;
    CHECK(scans > 4);
    /* All rows are loaded, the log is not: then what it should go on from is removed. */
    store.scan_count = 0;
    store.hook_at = scans;
    CHECK_EQ(database_open(&options, &reader, &world.error), CODE_OK);
    CHECK_EQ(store.scan_count, 2 * scans);
    uint8_t hash[32], hash_read[32];
    CHECK_EQ(hash_of(&world, hash), CODE_OK);
    CHECK_EQ(database_state_hash(reader, hash_read, &world.error), CODE_OK);
    CHECK(memcmp(hash, hash_read, sizeof hash) == 0);
    CHECK_EQ(database_close(reader, &world.error), CODE_OK);
    world_release(&world);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_crash_after_a_checkpoint_loses_nothing),
               CASE(a_crash_without_any_checkpoint_replays_the_log),
               CASE(closing_checkpoints_and_opening_replays_nothing),
               CASE(a_failed_checkpoint_is_made_up_for_by_the_next),
               CASE(a_checkpoint_whose_frame_fails_recovers_from_the_store),
               CASE(rows_that_change_between_two_checkpoints_are_written_again),
               CASE(a_key_that_was_only_mentioned_survives),
               CASE(a_definition_right_before_a_checkpoint_is_followed_by_all_folds),
               CASE(the_log_is_cut_once_the_store_has_it),
               CASE(entries_without_identity_do_not_keep_the_log),
               CASE(a_store_of_another_database_is_refused),
               CASE(content_that_is_not_what_its_identity_says_is_not_replayed),
               CASE(half_a_change_is_neither_read_nor_stored),
               CASE(a_request_that_finds_no_memory_leaves_nothing_behind),
               CASE(an_opening_that_finds_no_memory_can_be_tried_again),
               CASE(a_reader_looks_again_where_a_checkpoint_came_in_between));
}
