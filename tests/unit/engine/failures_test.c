/* The N-th call fails, for N = 1, 2, ... until a run passes untouched: operations of the disk
 * (writes, syncs, renames, ...), of the store, and allocations, each once and from then on.  A run
 * opens a database, writes, checkpoints, closes and opens it again.  Whatever failed, an error said
 * so, and once nothing fails any more all that was acknowledged is there, after a loss of power
 * too. */
#include "unit/engine/world.h"

#include "engine/internal.h"

enum { FIRST_ITEM = 100, ITEMS = 12 };

enum victim { VICTIM_DISK, VICTIM_STORE, VICTIM_MEMORY };

struct script {
    struct world world;
    struct choices choices;
    enum victim victim;
    uint64_t n;
    bool keeps_failing;
    uint64_t acknowledged; /* items, from FIRST_ITEM on */
    bool untouched;
};

static struct memory *victim_memory(struct script *script)
{
    return &script->world.database->request_memory;
}

static void arm_memory(struct script *script)
{
    if (script->victim != VICTIM_MEMORY || !script->world.database) return;
    struct memory *memory = victim_memory(script);
    memory->fail_at_call = memory->call_count + script->n;
}

static void arm(struct script *script)
{
    struct simulated_faults faults = {.choices = &script->choices};
    if (script->victim == VICTIM_DISK) faults.fail_at_operation = script->n;
    if (script->victim == VICTIM_DISK && script->keeps_failing)
        faults.fails_from_operation = script->n;
    simulated_disk_set_faults(script->world.disk, &faults);
    if (script->victim == VICTIM_STORE) memory_store_fail_at(script->world.store, script->n);
}

static void disarm(struct script *script)
{
    simulated_disk_set_faults(script->world.disk, NULL);
    memory_store_fail_at(script->world.store, 0);
}

static enum code write_items(struct script *script, uint64_t count)
{
    enum code code = CODE_OK;
    for (uint64_t i = 0; i < count && code == CODE_OK; i++) {
        struct change put = put_of(FIRST_ITEM + script->acknowledged);
        code = world_write(&script->world, &put);
        script->acknowledged += code == CODE_OK;
    }
    return code;
}

/* Any step may fail; the next is tried all the same.  The first error. */
static enum code play(struct script *script)
{
    struct world *world = &script->world;
    enum code first = world_open(world);
    if (first != CODE_OK) return first;
    arm_memory(script);
    enum code steps[] = {
        world_define(world, "DEFINE FIELD title ON item TEXT"), write_items(script, ITEMS / 3),
        database_checkpoint(world->database, &world->error),    write_items(script, ITEMS / 3),
        database_checkpoint(world->database, &world->error),    write_items(script, ITEMS / 3),
    };
    if (script->victim == VICTIM_MEMORY) {
        script->untouched = victim_memory(script)->call_count < victim_memory(script)->fail_at_call;
        if (script->untouched) victim_memory(script)->fail_at_call = 0;
    }
    for (size_t i = 0; i < sizeof steps / sizeof *steps && first == CODE_OK; i++)
        first = steps[i];
    enum code code = world_close(world);
    if (first == CODE_OK) first = code;
    code = world_open(world);
    return first == CODE_OK ? code : first;
}

static bool all_there(struct script *script)
{
    struct view view;
    struct world *world = &script->world;
    if (database_check(world->database, &world->error) != CODE_OK) return false;
    if (database_read_begin(world->database, &view, &world->error) != CODE_OK) return false;
    uint64_t found = 0;
    for (uint64_t i = 0; i < script->acknowledged; i++) {
        ordinal item = entities_find(view.entities, ENTITY_ITEM, FIRST_ITEM + i);
        found += item != ORDINAL_NONE && entities_live(view.entities, ENTITY_ITEM, item);
    }
    database_read_end(world->database);
    return found == script->acknowledged;
}

/* One run; then everything is well again. */
static void run_once(struct test *t, struct script *script)
{
    struct world *world = &script->world;
    CHECK(world_init(world));
    choices_from_seed(&script->choices, script->n, NULL);
    arm(script);
    enum code code = play(script);
    if (script->victim == VICTIM_DISK)
        script->untouched = simulated_disk_operations(world->disk) < script->n;
    if (script->victim == VICTIM_STORE) script->untouched = code == CODE_OK;
    CHECK(!script->untouched || code == CODE_OK);
    CHECK(code == CODE_OK || world->error.message[0] != 0);
    disarm(script);
    database_abandon(world->database);
    world->database = NULL;
    CHECK_EQ(world_open(world), CODE_OK);
    CHECK(all_there(script));
    CHECK_EQ(world_crash(world, SIMULATED_POWER, 0, &script->choices), CODE_OK);
    CHECK_EQ(world_open(world), CODE_OK);
    CHECK(all_there(script));
    CHECK(!script->untouched || script->acknowledged == ITEMS);
}

static void fail_each(struct test *t, enum victim victim, bool keeps_failing, uint64_t at_least)
{
    uint64_t n = 0;
    for (bool untouched = false; !untouched;) {
        struct script script = {.victim = victim, .n = ++n, .keeps_failing = keeps_failing};
        run_once(t, &script);
        untouched = script.untouched;
        world_release(&script.world);
        if (t->failed) fprintf(stderr, "    call %" PRIu64 "\n", n);
        if (t->failed) return;
    }
    printf("%" PRIu64 " calls failed in turn\n", n - 1);
    CHECK(n > at_least);
}

static void any_operation_of_the_disk_may_fail_once(struct test *t)
{
    fail_each(t, VICTIM_DISK, false, 60);
}

static void any_operation_of_the_disk_may_fail_and_all_after_it(struct test *t)
{
    fail_each(t, VICTIM_DISK, true, 60);
}

static void any_operation_of_the_store_may_fail(struct test *t)
{
    fail_each(t, VICTIM_STORE, false, 5);
}

static void any_allocation_of_a_request_may_fail(struct test *t)
{
    fail_each(t, VICTIM_MEMORY, false, 20);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(any_operation_of_the_disk_may_fail_once),
               CASE(any_operation_of_the_disk_may_fail_and_all_after_it),
               CASE(any_operation_of_the_store_may_fail),
               CASE(any_allocation_of_a_request_may_fail));
}
