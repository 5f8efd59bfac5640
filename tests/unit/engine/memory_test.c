/* A database in memory: what its log takes is not a request's to refuse. */
#include "engine/internal.h"
#include "harness/await.h"
#include "unit/engine/world.h"

static bool begin_in_memory(struct world *world)
{
    *world = (struct world){0};
    memory_init(&world->memory, 0);
    simulated_clock_init(&world->clock, WORLD_NOW_MS);
    world->options = (struct database_options){.path = ":memory:",
                                               .no_threads = true,
                                               .segment_bytes = (uint64_t)64 << 10,
                                               .clock = &world->clock.clock};
    return world_open(world) == CODE_OK;
}

/* A write that cannot have its memory is refused; the next one, which can, is not. */
static void no_want_of_memory_ends_writing(struct test *t)
{
    struct world world;
    CHECK(begin_in_memory(&world));
    struct memory *memory = database_memory(world.database);
    entity_id id = 0;
    int refused = 0;
    for (unsigned long long at = 1;; at++) {
        struct change put = put_of(++id);
        unsigned long long calls = atomic_load(&memory->call_count);
        memory->fail_at_call = calls + at;
        enum code code = world_write(&world, &put);
        memory->fail_at_call = 0;
        if (code == CODE_OK && atomic_load(&memory->call_count) < calls + at) break;
        CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
        refused += code == CODE_NO_MEMORY;
        put = put_of(++id);
        CHECK_EQ(world_write(&world, &put), CODE_OK);
        CHECK(world_item_lives(&world, id));
    }
    CHECK(refused > 3);
    CHECK_EQ(world_close(&world), CODE_OK);
    memory_release(&world.memory);
}

static void the_log_counts_as_memory_in_use(struct test *t)
{
    struct world world;
    struct database_status before, after;
    static char text[4000];
    memset(text, 'x', sizeof text - 1);
    CHECK(begin_in_memory(&world));
    CHECK_EQ(world_define(&world, "DEFINE FIELD title ON item TEXT"), CODE_OK);
    const struct field_value field = {0, {.type = VALUE_TEXT, .text = slice_of_text(text)}};
    struct change put = put_of(1);
    put.put.fields = &field;
    put.put.field_count = 1;
    CHECK_EQ(world_write(&world, &put), CODE_OK);
    database_status(world.database, &before);
    for (int i = 0; i < 100; i++)
        CHECK_EQ(world_write(&world, &put), CODE_OK);
    database_status(world.database, &after);
    /* The item is the same; each of its versions is in the log. */
    CHECK(after.memory_bytes > before.memory_bytes + 100 * sizeof text);
    CHECK_EQ(world_close(&world), CODE_OK);
    memory_release(&world.memory);
}

static void write_run(void *argument)
{
    struct world *world = argument;
    struct change put = put_of(2);
    if (world_write(world, &put) != CODE_OK) fprintf(stderr, "write: %s\n", world->error.message);
}

/* All of it is near the limit, so that every write wants the engine of the AS OF to go. */
static void a_write_does_not_wait_for_a_question_as_of(struct test *t)
{
    struct world world;
    struct thread writer;
    struct database *past;
    struct error error;
    const struct moment moment = {.lsn = 1};
    CHECK(world_init(&world));
    world.options.memory_limit_bytes = (size_t)15 << 20;
    CHECK_EQ(world_open(&world), CODE_OK);
    struct change put = put_of(1);
    CHECK_EQ(world_write(&world, &put), CODE_OK);
    CHECK_EQ(history_begin(world.database, &moment, NULL, &past, &error), CODE_OK);
    CHECK_EQ(thread_start(&writer, "writer", write_run, &world, &error), CODE_OK);
    thread_join(&writer); /* while the past is in use */
    CHECK(world_item_lives(&world, 2));
    CHECK_EQ(database_applied(past), 1);
    history_end(world.database);
    CHECK(world.database->past == NULL);
    CHECK_EQ(history_begin(world.database, &moment, NULL, &past, &error), CODE_OK);
    history_end(world.database);
    CHECK(world.database->past != NULL);
    world_release(&world);
}

struct asker {
    struct world *world;
    struct error error;
    enum code code;
    atomic_bool over;
};

static void ask_run(void *argument)
{
    struct asker *asker = argument;
    const struct moment moment = {.lsn = database_applied(asker->world->database)};
    struct database *past;
    asker->code = history_begin(asker->world->database, &moment, NULL, &past, &asker->error);
    if (asker->code == CODE_OK) history_end(asker->world->database);
    atomic_store(&asker->over, true);
}

static void a_replay_ends_where_its_memory_is_needed(struct test *t)
{
    struct world world;
    struct asker asker = {.world = &world};
    struct thread thread;
    CHECK(world_init(&world));
    CHECK_EQ(world_open(&world), CODE_OK);
    for (entity_id id = 1; id <= 3000; id++) {
        struct change put = put_of(id);
        CHECK_EQ(world_write(&world, &put), CODE_OK);
    }
    /* Once more, if it was done before its memory was wanted. */
    struct await await = {0};
    do {
        atomic_store(&asker.over, false);
        CHECK_EQ(thread_start(&thread, "asker", ask_run, &asker, &world.error), CODE_OK);
        while (!atomic_load(&asker.over))
            history_drop(world.database);
        thread_join(&thread);
    } while (asker.code == CODE_OK && await_more(&await));
    CHECK_EQ(asker.code, CODE_NO_MEMORY);
    CHECK(strstr(asker.error.message, "the state AS OF that moment needs more than"));
    CHECK(world.database->past == NULL);
    world_release(&world);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_write_does_not_wait_for_a_question_as_of),
               CASE(a_replay_ends_where_its_memory_is_needed), CASE(no_want_of_memory_ends_writing),
               CASE(the_log_counts_as_memory_in_use));
}
