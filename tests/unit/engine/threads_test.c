/* Writers, readers, definitions and checkpoints at once, on the memory backend. */
#include "engine/internal.h"
#include "harness/await.h"
#include "unit/engine/world.h"

enum { VIEW = 2, LIKE = 3, WRITERS = 4, READERS = 2, WRITES = 400 };

static const char *const definitions[] = {
    "DEFINE FIELD title ON item TEXT",
    "DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h, 24h ALLOW UNKNOWN",
    "DEFINE SIGNAL like ON item HALF LIFE 7d UNIQUE PER USER POSITIVE ALLOW UNKNOWN",
};

struct crowd {
    struct world world;
    _Atomic uint64_t acknowledged; /* views */
    atomic_bool over;
    atomic_int faults;
};

struct worker {
    struct crowd *crowd;
    struct thread thread;
    uint64_t number;
    enum acknowledgement acknowledgement;
    lsn last;
};

static void fault(struct crowd *crowd, const char *what, const struct error *error)
{
    fprintf(stderr, "%s: %s\n", what, error->message);
    atomic_fetch_add(&crowd->faults, 1);
}

/* A transaction of a view on two items each: a reader must see both or neither. */
static void write_run(void *argument)
{
    struct worker *worker = argument;
    struct crowd *crowd = worker->crowd;
    struct error error;
    for (uint64_t i = 0; i < WRITES; i++) {
        int64_t time_ms = WORLD_NOW_MS - (int64_t)(worker->number * WRITES + i);
        struct change parts[] = {signal_of(VIEW, 1, worker->number, time_ms),
                                 signal_of(VIEW, 2, worker->number, time_ms)};
        struct change changes[] = {{.kind = CHANGE_TRANSACTION, .transaction = {parts, 2}},
                                   signal_of(LIKE, i % 50, worker->number, time_ms)};
        struct write writes[] = {{.change = &changes[0]}, {.change = &changes[1]}};
        struct write_result results[2];
        struct write_batch batch = {writes, 2, worker->acknowledgement, results, 0};
        if (database_write(crowd->world.database, &batch, &error) != CODE_OK ||
            results[0].code != CODE_OK || results[1].code != CODE_OK) {
            fault(crowd, "write", &error);
            return;
        }
        worker->last = results[1].lsn;
        if (worker->acknowledgement == ACKNOWLEDGE_DURABLE)
            atomic_fetch_add(&crowd->acknowledged, 1);
    }
}

static void read_run(void *argument)
{
    struct worker *worker = argument;
    struct crowd *crowd = worker->crowd;
    struct error error = {0};
    struct view view;
    lsn newest = 0;
    while (!atomic_load(&crowd->over)) {
        uint64_t least = atomic_load(&crowd->acknowledged);
        if (database_read_begin(crowd->world.database, &view, &error) != CODE_OK) {
            fault(crowd, "read", &error);
            return;
        }
        ordinal one = entities_find(view.entities, ENTITY_ITEM, 1);
        ordinal two = entities_find(view.entities, ENTITY_ITEM, 2);
        int64_t ones = one == ORDINAL_NONE ? 0 : ledger_entity_totals(view.ledger, VIEW, one).count;
        int64_t twos = two == ORDINAL_NONE ? 0 : ledger_entity_totals(view.ledger, VIEW, two).count;
        bool ahead = view.lsn >= newest;
        newest = view.lsn;
        database_read_end(crowd->world.database);
        if (ones != twos) fault(crowd, "half a transaction was seen", &error);
        if (ones < (int64_t)least) fault(crowd, "an acknowledged write was not seen", &error);
        if (!ahead) fault(crowd, "a later view was older", &error);
        struct database_status status;
        database_status(crowd->world.database, &status);
        if (status.applied > status.durable) fault(crowd, "applied before durable", &error);
    }
}

/* Views of items 1 and 2 in a state of then; false: it cannot be read. */
static bool past_views(struct database *past, int64_t counts[2], struct error *error)
{
    struct view view;
    if (database_read_begin(past, &view, error) != CODE_OK) return false;
    for (entity_id id = 1; id <= 2; id++) {
        ordinal item = entities_find(view.entities, ENTITY_ITEM, id);
        counts[id - 1] =
            item == ORDINAL_NONE ? 0 : ledger_entity_totals(view.ledger, VIEW, item).count;
    }
    database_read_end(past);
    return true;
}

/* Asks AS OF here and there: whole transactions, and what is later has no less. */
static void ask_run(void *argument)
{
    struct worker *worker = argument;
    struct crowd *crowd = worker->crowd;
    struct error error = {0};
    lsn least = sizeof definitions / sizeof *definitions;
    do {
        lsn newest = database_applied(crowd->world.database), at[] = {least, least};
        int64_t counts[2][2] = {{0}};
        at[0] += (newest - least) / 3 * (worker->number % 2);
        at[1] += (newest - least) / 2 + worker->number % 7 * (newest - least) / 16;
        worker->number++;
        for (int i = 0; i < 2; i++) {
            struct moment moment = {.lsn = at[i]};
            struct database *past;
            if (history_begin(crowd->world.database, &moment, NULL, &past, &error) != CODE_OK) {
                fault(crowd, "as of", &error);
                return;
            }
            if (!past_views(past, counts[i], &error) || database_applied(past) != at[i])
                fault(crowd, "another moment", &error);
            history_end(crowd->world.database);
            if (counts[i][0] != counts[i][1]) fault(crowd, "half a transaction was", &error);
        }
        if (counts[0][0] > counts[1][0]) fault(crowd, "there was more before", &error);
    } while (!atomic_load(&crowd->over)); /* once, however late it began */
}

static void define_run(void *argument)
{
    struct worker *worker = argument;
    struct crowd *crowd = worker->crowd;
    struct error error;
    char text[64];
    for (int i = 0; i < 12; i++) {
        snprintf(text, sizeof text, "DEFINE SIGNAL extra_%d ON item HALF LIFE 1h", i);
        lsn given;
        if (database_define(crowd->world.database, slice_of_text(text), &given, &error) != CODE_OK)
            fault(crowd, text, &error);
        if (database_applied(crowd->world.database) < given) fault(crowd, "not applied", &error);
        if (database_checkpoint(crowd->world.database, &error) != CODE_OK)
            fault(crowd, "checkpoint", &error);
        /* What it did to items stays. */
        struct change forget = {.kind = CHANGE_FORGET, .delete = user_of(0)};
        struct write write = {.change = &forget};
        struct write_result result;
        struct write_batch batch = {&write, 1, ACKNOWLEDGE_DURABLE, &result, 0};
        if (database_write(crowd->world.database, &batch, &error) != CODE_OK ||
            (result.code != CODE_OK && result.code != CODE_NOT_FOUND) ||
            database_retain(crowd->world.database, &error) != CODE_OK)
            fault(crowd, "forget", &error);
    }
}

static bool start(struct worker *worker, void (*run)(void *), struct error *error)
{
    return thread_start(&worker->thread, "test", run, worker, error) == CODE_OK;
}

static void a_crowd_sees_whole_transactions_and_its_own_writes(struct test *t)
{
    static struct crowd crowd;
    struct worker writers[WRITERS] = {0}, readers[READERS] = {0}, definer = {.crowd = &crowd};
    struct worker asker = {.crowd = &crowd};
    struct error error;
    memset(&crowd, 0, sizeof crowd);
    CHECK(world_init(&crowd.world));
    crowd.world.options.no_threads = false;
    crowd.world.options.checkpoint_log_bytes = 16384;
    crowd.world.options.retain_log_ms = HOUR_MS; /* all of it: the clock stands */
    CHECK_EQ(world_open(&crowd.world), CODE_OK);
    CHECK(world_define_all(&crowd.world, definitions, sizeof definitions / sizeof *definitions));
    for (size_t i = 0; i < READERS; i++) {
        readers[i].crowd = &crowd;
        CHECK(start(&readers[i], read_run, &error));
    }
    for (size_t i = 0; i < WRITERS; i++) {
        writers[i] = (struct worker){.crowd = &crowd, .number = i};
        writers[i].acknowledgement = i % 2 ? ACKNOWLEDGE_ACCEPTED : ACKNOWLEDGE_DURABLE;
        CHECK(start(&writers[i], write_run, &error));
    }
    CHECK(start(&definer, define_run, &error));
    CHECK(start(&asker, ask_run, &error));
    for (size_t i = 0; i < WRITERS; i++)
        thread_join(&writers[i].thread);
    thread_join(&definer.thread);
    for (size_t i = 0; i < WRITERS; i++)
        CHECK_EQ(database_wait(crowd.world.database, writers[i].last, &error), CODE_OK);
    atomic_store(&crowd.over, true);
    for (size_t i = 0; i < READERS; i++)
        thread_join(&readers[i].thread);
    thread_join(&asker.thread);
    CHECK(asker.number > 0);
    CHECK_EQ(atomic_load(&crowd.faults), 0);
    CHECK_EQ(world_count(&crowd.world, VIEW, 1), WRITERS * WRITES);
    CHECK_EQ(database_check(crowd.world.database, &error), CODE_OK);
    CHECK_EQ(crowd.world.database->reserved_bytes, 0);

    uint8_t hash[32];
    struct database_status status;
    CHECK_EQ(database_state_hash(crowd.world.database, hash, &error), CODE_OK);
    database_status(crowd.world.database, &status);
    CHECK(status.checkpoint > 0);
    CHECK_EQ(status.schema_version, 15);
    CHECK_EQ(world_close(&crowd.world), CODE_OK);
    CHECK_EQ(world_open(&crowd.world), CODE_OK);
    CHECK(world_same_hash(&crowd.world, hash));
    world_release(&crowd.world);
}

/* Nobody waits, nobody calls again: the keeper applies. */
static void accepted_writes_are_applied_by_the_keeper(struct test *t)
{
    struct world world;
    struct write_result result;
    CHECK(world_init(&world));
    world.options.no_threads = false;
    CHECK_EQ(world_open(&world), CODE_OK);
    struct change put = put_of(5);
    CHECK_EQ(world_write_as(&world, &put, "", ACKNOWLEDGE_ACCEPTED, &result), CODE_OK);
    struct await await = {0};
    while (database_applied(world.database) < result.lsn && await_more(&await)) {
    }
    CHECK(world_item_lives(&world, 5));
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

/* The store refuses; the log grows meanwhile; a later attempt of the keeper's succeeds. */
static void the_keeper_tries_a_failed_checkpoint_again(struct test *t)
{
    struct world world;
    struct database_status status;
    CHECK(world_init(&world));
    world.options.no_threads = false;
    world.options.checkpoint_log_bytes = 4096;
    CHECK_EQ(world_open(&world), CODE_OK);
    memory_store_fail_at(world.store, 1);
    for (entity_id id = 1; id <= 100; id++) {
        struct change put = put_of(id);
        CHECK_EQ(world_write(&world, &put), CODE_OK);
    }
    struct await await = {0};
    do {
        database_status(world.database, &status);
    } while (status.checkpoint == 0 && await_more(&await));
    CHECK(status.checkpoint > 0);
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

/* A disk that fails ends the log: everybody is told, nobody hangs, closing returns. */
static void a_failed_log_ends_writing_and_leaves_reading(struct test *t)
{
    struct world world;
    struct choices choices;
    choices_from_seed(&choices, 1, NULL);
    CHECK(world_init(&world));
    world.options.no_threads = false;
    CHECK_EQ(world_open(&world), CODE_OK);
    struct change first = put_of(1), second = put_of(2);
    struct write_result result;
    CHECK_EQ(world_write(&world, &first), CODE_OK);
    struct simulated_faults faults = {.choices = &choices, .sync_error_one_in = 1};
    simulated_disk_set_faults(world.disk, &faults);
    CHECK(world_write_as(&world, &second, "", ACKNOWLEDGE_DURABLE, &result) != CODE_OK);
    CHECK_EQ(world_write_as(&world, &second, "", ACKNOWLEDGE_ACCEPTED, &result), CODE_FAILED);
    CHECK(world_item_lives(&world, 1));
    CHECK(!world_item_lives(&world, 2));
    CHECK(database_checkpoint(world.database, &world.error) != CODE_OK);
    CHECK(world_close(&world) != CODE_OK);
    simulated_disk_set_faults(world.disk, NULL);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_item_lives(&world, 1));
    world_release(&world);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_crowd_sees_whole_transactions_and_its_own_writes),
               CASE(accepted_writes_are_applied_by_the_keeper),
               CASE(the_keeper_tries_a_failed_checkpoint_again),
               CASE(a_failed_log_ends_writing_and_leaves_reading));
}
