/* The ledger's budget in the engine: questions about what is cold, a store that cannot be read, and
 * the keeper, which holds to the budget while events come. */
#include "engine/execute.h"
#include "engine/internal.h"
#include "query/statement.h"
#include "unit/engine/world.h"

#include <time.h>

enum { VIEW = 2, KEPT = 3, ITEMS = 400 };

static const char *const definitions[] = {
    "DEFINE SIGNAL view ON item HALF LIFE 1h, 24h WINDOWS 1h, 24h",
    "DEFINE SIGNAL kept ON item HALF LIFE 24h POPULAR 24h",
};

/* One view of each item, by the minute, and one of KEPT. */
static bool begin(struct world *world, size_t signal_memory_bytes)
{
    if (!world_init(world)) return false;
    world->options.signal_memory_bytes = signal_memory_bytes;
    if (world_open(world) != CODE_OK || !world_define_all(world, definitions, 2)) return false;
    for (entity_id item = 1; item <= ITEMS; item++) {
        int64_t time_ms = WORLD_NOW_MS - (int64_t)(ITEMS - item) * 60000;
        struct change changes[] = {put_of(item), signal_of(VIEW, item, 1, time_ms),
                                   signal_of(KEPT, item, 1, time_ms)};
        for (size_t i = 0; i < 3; i++)
            if (world_write(world, &changes[i]) != CODE_OK) return false;
    }
    return true;
}

static struct ledger_size size_of(struct world *world, signal_id signal)
{
    struct ledger_size size = {0};
    struct view view;
    if (database_read_begin(world->database, &view, &world->error) != CODE_OK) return size;
    size = ledger_signal_size(view.ledger, signal);
    database_read_end(world->database);
    return size;
}

/* The first column of the first row. */
static enum code ask(struct world *world, const char *text, uint64_t *id)
{
    struct arena arena;
    struct statement statement;
    struct bindings bindings = {0};
    struct result result;
    bool duplicate;
    enum code code;
    arena_init(&arena, &world->memory, (size_t)64 << 20);
    TRY(statement_parse(slice_of_text(text), &arena, &statement, &world->error));
    TRY(execute_check(world->database, &statement, &arena, &world->error));
    struct execution execution = {.statement = &statement, .bindings = &bindings, .arena = &arena};
    TRY(execute(world->database, &execution, &result, &duplicate, &world->error));
    *id = result.row_count > 0 ? result.cells[0].id : 0;
out:
    arena_release(&arena);
    return code;
}

static void questions_read_what_is_cold(struct test *t)
{
    static const char *const texts[] = {
        "RETRIEVE items FROM popular(view, 1h, 5) LIMIT 1",
        "RETRIEVE items FROM popular(kept, 24h, 5) LIMIT 1",
        "RETRIEVE items SCORE decay(view, 24h) + count(view, 24h) LIMIT 1",
        "RETRIEVE items WHERE count(view) > 1 LIMIT 1",
    };
    struct world warm, cold;
    CHECK(begin(&warm, 0));
    CHECK(begin(&cold, 1));
    struct change again = signal_of(VIEW, 17, 2, WORLD_NOW_MS);
    CHECK_EQ(world_write(&warm, &again), CODE_OK);
    CHECK_EQ(world_write(&cold, &again), CODE_OK);
    CHECK_EQ(database_checkpoint(cold.database, &cold.error), CODE_OK);
    CHECK_EQ(size_of(&cold, VIEW).cold, ITEMS);
    CHECK_EQ(size_of(&cold, VIEW).pairs, 0);
    CHECK_EQ(size_of(&cold, KEPT).cold, 0); /* it has an index */
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint64_t expected = 0, found = 1;
        CHECK_EQ(ask(&warm, texts[i], &expected), CODE_OK);
        CHECK_EQ(ask(&cold, texts[i], &found), CODE_OK);
        CHECK_EQ(found, expected);
    }
    CHECK_EQ(size_of(&cold, VIEW).cold, ITEMS); /* a question makes nothing warm */
    world_release(&warm);
    world_release(&cold);
}

/* The value of a row of SHOW STATUS; NULL: there is no such row.  Lent by the world's arena. */
static const char *status_of(struct world *world, struct arena *arena, const char *name)
{
    struct statement statement;
    struct bindings bindings = {0};
    struct result result;
    bool duplicate;
    if (statement_parse(slice_of_text("SHOW STATUS"), arena, &statement, &world->error) != CODE_OK)
        return NULL;
    struct execution execution = {.statement = &statement, .bindings = &bindings, .arena = arena};
    if (execute(world->database, &execution, &result, &duplicate, &world->error) != CODE_OK)
        return NULL;
    for (size_t i = 0; i < result.row_count; i++) {
        const struct cell *row = &result.cells[i * result.column_count];
        if (slice_equal(row[0].text, slice_of_text(name)))
            return row[1].type == CELL_TEXT ? (const char *)row[1].text.data : "a number";
    }
    return NULL;
}

static void a_budget_that_the_directory_takes_is_told(struct test *t)
{
    static const size_t budgets[] = {0, 100, 1 << 20};
    for (size_t i = 0; i < 3; i++) {
        struct world world;
        struct arena arena;
        CHECK(begin(&world, budgets[i]));
        arena_init(&arena, &world.memory, (size_t)64 << 20);
        const char *warning = status_of(&world, &arena, "signal_memory_warning");
        CHECK_EQ(warning != NULL, budgets[i] == 100);
        if (warning) CHECK(strstr(warning, "raise signal_memory_bytes"));
        CHECK_EQ(status_of(&world, &arena, "signal_memory_bytes") != NULL, budgets[i] > 0);
        CHECK_EQ(status_of(&world, &arena, "signal_memory_limit_bytes") != NULL, budgets[i] > 0);
        arena_release(&arena);
        world_release(&world);
    }
}

static void a_question_about_what_cannot_be_read_is_refused(struct test *t)
{
    struct world world;
    uint64_t id;
    const char *text = "RETRIEVE items SCORE decay(view, 1h) LIMIT 1";
    CHECK(begin(&world, 1));
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    memory_store_refuse_many(world.store, true);
    CHECK_EQ(ask(&world, text, &id), CODE_IO);
    CHECK_EQ(ask(&world, "RETRIEVE items FROM popular(view, 1h, 5) LIMIT 1", &id), CODE_IO);
    CHECK_EQ(ask(&world, "RETRIEVE items LIMIT 1", &id), CODE_OK); /* which is not about it */
    uint8_t hash[32];
    CHECK_EQ(database_state_hash(world.database, hash, &world.error), CODE_IO);
    memory_store_refuse_many(world.store, false);
    CHECK_EQ(ask(&world, text, &id), CODE_OK);
    CHECK_EQ(id, ITEMS);
    world_release(&world);
}

static void an_event_on_what_cannot_be_read_ends_the_handle_and_is_in_the_log(struct test *t)
{
    struct world world;
    CHECK(begin(&world, 1));
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    memory_store_refuse_many(world.store, true);
    struct change event = signal_of(VIEW, 7, 2, WORLD_NOW_MS);
    CHECK_EQ(world_write(&world, &event), CODE_FAILED);
    CHECK(strstr(world.error.message, "could not be applied"));
    database_abandon(world.database);
    world.database = NULL;
    /* Nor can it be opened: the log has an event for what cannot be read. */
    CHECK_EQ(world_open(&world), CODE_IO);
    memory_store_refuse_many(world.store, false);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK_EQ(world_count(&world, VIEW, 7), 2);
    CHECK_EQ(database_check(world.database, &world.error), CODE_OK);
    world_release(&world);
}

/* One that lays records out anew reads all cold ones in.  Nothing is asked of the half-way state,
 * and closing writes none of it; what was defined is defined when the store can be read again. */
static void a_definition_for_which_a_store_cannot_be_read_ends_the_handle_likewise(struct test *t)
{
    static const char later[] = "DEFINE SIGNAL view ON item HALF LIFE 1h, 24h WINDOWS 1h, 24h, 7d";
    struct world world;
    struct database_status status;
    struct change event = signal_of(VIEW, 7, 2, WORLD_NOW_MS);
    uint8_t hash[32];
    uint64_t id;
    CHECK(begin(&world, 1));
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    memory_store_refuse_many(world.store, true);
    CHECK_EQ(world_define(&world, later), CODE_FAILED);
    CHECK_EQ(world_write(&world, &event), CODE_FAILED);
    CHECK_EQ(world_define(&world, "DEFINE FIELD year ON item INTEGER"), CODE_FAILED);
    CHECK_EQ(ask(&world, "RETRIEVE items LIMIT 1", &id), CODE_FAILED);
    CHECK_EQ(database_state_hash(world.database, hash, &world.error), CODE_FAILED);
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_FAILED);
    budget_keep(world.database);
    database_status(world.database, &status);
    CHECK_EQ(world_close(&world), CODE_OK); /* which writes nothing */
    memory_store_refuse_many(world.store, false);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK_EQ(world_write(&world, &event), CODE_OK);
    CHECK_EQ(ask(&world, "RETRIEVE items SCORE count(view, 7d) LIMIT 1", &id), CODE_OK);
    CHECK_EQ(id, 7);
    CHECK_EQ(database_check(world.database, &world.error), CODE_OK);
    world_release(&world);
}

static void who_only_reads_has_all_in_memory(struct test *t)
{
    struct world world;
    CHECK(begin(&world, 1));
    CHECK_EQ(world_close(&world), CODE_OK);
    world.options.read_only = true;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK_EQ(size_of(&world, VIEW).cold, 0);
    CHECK_EQ(size_of(&world, VIEW).pairs, ITEMS);
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

static size_t resident_bytes(struct world *world)
{
    phase_lock_read(&world->database->state);
    size_t bytes = ledger_resident_bytes(world->database->ledger);
    phase_unlock_read(&world->database->state);
    return bytes;
}

/* New pairs without end, of which the newest stay. */
static void the_keeper_holds_to_the_budget_while_events_come(struct test *t)
{
    enum { BUDGET = 200000, EVENTS = 20000, AT_ONCE = 100 };
    static struct change changes[AT_ONCE];
    static struct write writes[AT_ONCE];
    static struct write_result results[AT_ONCE];
    struct world world;
    struct database_status status;
    size_t most = 0;
    CHECK(begin(&world, BUDGET));
    CHECK_EQ(world_close(&world), CODE_OK);
    world.options.no_threads = false;
    CHECK_EQ(world_open(&world), CODE_OK);
    for (entity_id next = 1000; next < 1000 + EVENTS; next += AT_ONCE) {
        for (entity_id i = 0; i < AT_ONCE; i++)
            changes[i] = put_of(next + i);
        for (int step = 0; step < 2; step++) {
            for (size_t i = 0; i < AT_ONCE; i++)
                writes[i] = (struct write){.change = &changes[i]};
            struct write_batch batch = {writes, AT_ONCE, ACKNOWLEDGE_DURABLE, results, 0};
            CHECK_EQ(database_write(world.database, &batch, &world.error), CODE_OK);
            for (entity_id i = 0; i < AT_ONCE; i++)
                changes[i] =
                    signal_of(VIEW, next + i, 1, WORLD_NOW_MS - 60000 + (int64_t)(next + i));
        }
        size_t bytes = resident_bytes(&world);
        if (bytes > most) most = bytes;
        if (bytes > 2 * BUDGET) thread_sleep_ns(1000000); /* a machine with other things to do */
    }
    printf("at most %zu bytes\n", most);
    CHECK(most < 4 * BUDGET);
    for (int i = 0; i < 5000 && resident_bytes(&world) > BUDGET / 4 * 5; i++)
        thread_sleep_ns(1000000);
    CHECK(resident_bytes(&world) <= BUDGET / 4 * 5);
    database_status(world.database, &status);
    CHECK(status.checkpoint > 0);
    CHECK(size_of(&world, VIEW).cold > EVENTS / 2);
    CHECK_EQ(world_count(&world, VIEW, 1000), 1);
    CHECK_EQ(database_check(world.database, &world.error), CODE_OK);
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

static void the_keeper_rests_where_nothing_changes(struct test *t)
{
    struct world world;
    struct wal_stats before, after;
    CHECK(begin(&world, 1));
    CHECK_EQ(world_close(&world), CODE_OK);
    world.options.no_threads = false;
    CHECK_EQ(world_open(&world), CODE_OK);
    struct change event = signal_of(VIEW, 7, 2, WORLD_NOW_MS);
    CHECK_EQ(world_write(&world, &event), CODE_OK);
    thread_sleep_ns(200000000);
    wal_stats(world.database->wal, &before);
    thread_sleep_ns(200000000);
    wal_stats(world.database->wal, &after);
    CHECK(after.sync_count - before.sync_count < 10);
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

/* What the keeper does after a write; how often it walked over the ledger, and checkpointed. */
static bool keep(struct world *world, size_t *walks, size_t *checkpoints)
{
    struct database *database = world->database;
    if (!atomic_load(&database->over_budget)) return true;
    (*walks)++;
    budget_keep(database);
    if (!atomic_load(&database->awaits_checkpoint)) return true;
    (*checkpoints)++;
    return database_checkpoint(database, &world->error) == CODE_OK;
}

/* However small the budget is against the directory. */
static void what_is_done_for_a_budget_is_bounded_by_what_comes(struct test *t)
{
    enum { ROUNDS = 4, ROW_BYTES = 128, PAIR_BYTES = 200 };
    struct world world;
    size_t walks = 0, checkpoints = 0, events = ROUNDS * ITEMS;
    CHECK(begin(&world, 1));
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    size_t directory = ledger_directory_bytes(world.database->ledger);
    for (int64_t round = 1; round <= ROUNDS; round++) {
        for (entity_id item = 1; item <= ITEMS; item++) {
            struct change event = signal_of(VIEW, item, 1, WORLD_NOW_MS + round);
            CHECK_EQ(world_write(&world, &event), CODE_OK);
            CHECK(keep(&world, &walks, &checkpoints));
        }
    }
    printf("%zu events, a directory of %zu bytes: %zu walks, %zu checkpoints\n", events, directory,
           walks, checkpoints);
    CHECK(checkpoints > 0 && checkpoints <= events * ROW_BYTES / (directory / 4) + 2);
    CHECK(walks <= events * PAIR_BYTES / (directory / 16) + 2);
    CHECK(size_of(&world, VIEW).cold > 0);
    world_release(&world);
}

/* Writes in calls of up to CALL. */
enum { CALL = 1000 };
static enum code write_many(struct world *world, const struct change *changes, size_t count)
{
    static struct write writes[CALL];
    static struct write_result results[CALL];
    for (size_t i = 0; i < count; i++)
        writes[i] = (struct write){.change = &changes[i]};
    struct write_batch batch = {writes, count, ACKNOWLEDGE_DURABLE, results, 0};
    return database_write(world->database, &batch, &world->error);
}

/* Of one call on pairs of which all are cold; 128 are asked for at once. */
static void what_is_read_ahead_is_a_part_of_the_budget(struct test *t)
{
    enum { BUDGET = 60000, HOURS = 20 };
    static struct change changes[CALL];
    struct world world;
    CHECK(world_init(&world));
    world.options.signal_memory_bytes = BUDGET;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_define_all(&world, definitions, 1));
    for (int64_t hour = 0; hour <= HOURS; hour++) {
        for (size_t i = 0; i < CALL; i++)
            changes[i] = hour == 0 ? put_of(i + 1)
                                   : signal_of(VIEW, i + 1, (entity_id)hour,
                                               WORLD_NOW_MS - (HOURS - hour) * HOUR_MS);
        if (hour < HOURS) CHECK_EQ(write_many(&world, changes, CALL), CODE_OK);
    }
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    struct memory *memory = &world.database->state_memory;
    CHECK(size_of(&world, VIEW).cold > CALL / 2);
    atomic_store(&memory->peak_bytes, atomic_load(&memory->used_bytes));
    CHECK_EQ(write_many(&world, changes, CALL), CODE_OK);
    CHECK(atomic_load(&memory->peak_bytes) - atomic_load(&memory->used_bytes) <
          BUDGET / 4 + 128 * 2000);
    world_release(&world);
}

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* What opening takes, with pairs that stay in memory and alone are over the budget; 0: a fault. */
static double opening_ms(size_t items)
{
    static struct change changes[CALL];
    struct world world;
    if (!world_init(&world) || world_open(&world) != CODE_OK) return 0;
    bool ok = world_define_all(&world, definitions, 2);
    for (size_t done = 0; ok && done < items; done += CALL) {
        for (int what = 0; ok && what < 3; what++) {
            for (size_t i = 0; i < CALL; i++) {
                int64_t time_ms = WORLD_NOW_MS - HOUR_MS + (int64_t)(done + i);
                signal_id signal = what == 1 ? VIEW : KEPT;
                changes[i] =
                    what == 0 ? put_of(done + i + 1) : signal_of(signal, done + i + 1, 1, time_ms);
            }
            ok = write_many(&world, changes, CALL) == CODE_OK;
        }
    }
    ok = ok && world_close(&world) == CODE_OK;
    world.options.signal_memory_bytes = 20000;
    double began_ms = cpu_ms();
    ok = ok && world_open(&world) == CODE_OK;
    double ms = cpu_ms() - began_ms;
    world_release(&world);
    return ok ? ms : 0;
}

/* A walk over all pairs for each that is loaded would take sixteen times as long. */
static void opening_takes_as_long_as_there_is_to_load(struct test *t)
{
    double few_ms = opening_ms(2 * CALL), many_ms = opening_ms(8 * CALL);
    CHECK(few_ms > 0 && many_ms > 0);
    if (many_ms > 8 * few_ms) fprintf(stderr, "    %.1f and %.1f ms\n", few_ms, many_ms);
    CHECK(many_ms <= 8 * few_ms);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(questions_read_what_is_cold),
               CASE(a_budget_that_the_directory_takes_is_told),
               CASE(the_keeper_rests_where_nothing_changes),
               CASE(what_is_done_for_a_budget_is_bounded_by_what_comes),
               CASE(what_is_read_ahead_is_a_part_of_the_budget),
               CASE(opening_takes_as_long_as_there_is_to_load),
               CASE(a_question_about_what_cannot_be_read_is_refused),
               CASE(an_event_on_what_cannot_be_read_ends_the_handle_and_is_in_the_log),
               CASE(a_definition_for_which_a_store_cannot_be_read_ends_the_handle_likewise),
               CASE(who_only_reads_has_all_in_memory),
               CASE(the_keeper_holds_to_the_budget_while_events_come));
}
