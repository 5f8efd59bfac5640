/* Cursors against a naive map, through crashes, checkpoints and restarts. */
#include "base/choices.h"
#include "engine/cursors.h"
#include "engine/internal.h"
#include "world.h"

#include "schema/change.h"

enum { NAMES = 6 };

static const char *const names[NAMES] = {"a", "b", "search", "zz", "search2", "archive"};

struct oracle {
    bool exists[NAMES];
    lsn position[NAMES];
};

static struct change cursor_change(enum cursor_action action, int name, lsn position)
{
    return (struct change){.kind = CHANGE_CURSOR,
                           .cursor = {action, slice_of_text(names[name]), position}};
}

/* What admission must answer, by the map alone. */
static enum code expected(const struct oracle *oracle, const struct cursor_change *change, int name,
                          lsn applied)
{
    if (change->action == CURSOR_DEFINE && oracle->exists[name]) return CODE_INVALID;
    if (change->action != CURSOR_DEFINE && !oracle->exists[name]) return CODE_NOT_FOUND;
    if (change->position > applied) return CODE_INVALID;
    bool back = change->action == CURSOR_ADVANCE && change->position < oracle->position[name];
    return back ? CODE_INVALID : CODE_OK;
}

static bool same(const struct oracle *oracle, const struct database *database)
{
    size_t count = 0;
    lsn wanted = UINT64_MAX;
    for (int i = 0; i < NAMES; i++) {
        struct name name = {slice_of_text(names[i]), 0};
        struct error error;
        lsn position = 0;
        enum code code = cursors_find(database->cursors, &name, &position, &error);
        if ((code == CODE_OK) != oracle->exists[i]) return false;
        if (!oracle->exists[i]) continue;
        if (position != oracle->position[i]) return false;
        if (position + 1 < wanted) wanted = position + 1;
        count++;
    }
    return cursors_count(database->cursors) == count && cursors_wanted(database->cursors) == wanted;
}

static void act(struct oracle *oracle, const struct cursor_change *change, int name)
{
    oracle->exists[name] = change->action != CURSOR_DROP;
    oracle->position[name] = change->position;
}

static void cursors_are_what_a_map_says_whatever_happens(struct test *t)
{
    int refused = 0, accepted = 0, crashes = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct world w;
        struct choices c;
        struct oracle oracle = {0};
        uint8_t before[32], after[32];
        CHECK(world_init(&w));
        choices_from_seed(&c, seed, NULL);
        CHECK_EQ(world_open(&w), CODE_OK);
        for (int i = 0; i < 250; i++) {
            uint64_t event = choose(&c, 20);
            int name = (int)choose(&c, NAMES - 1);
            lsn applied = database_applied(w.database);
            if (event < 16) {
                enum cursor_action action = (enum cursor_action)(CURSOR_DEFINE + choose(&c, 2));
                lsn position = action == CURSOR_DROP ? 0 : choose(&c, applied + applied / 8 + 1);
                struct change change = cursor_change(action, name, position);
                enum code want = expected(&oracle, &change.cursor, name, applied);
                CHECK_EQ(world_write(&w, &change), want);
                if (want == CODE_OK) act(&oracle, &change.cursor, name);
                accepted += want == CODE_OK;
                refused += want != CODE_OK;
            } else if (event < 18) {
                CHECK_EQ(database_checkpoint(w.database, &w.error), CODE_OK);
            } else if (event < 19) {
                CHECK_EQ(world_close(&w), CODE_OK);
                CHECK_EQ(world_open(&w), CODE_OK);
            } else {
                CHECK_EQ(database_state_hash(w.database, before, &w.error), CODE_OK);
                CHECK_EQ(world_crash(&w, choose_one_in(&c, 2) ? SIMULATED_PROCESS : SIMULATED_POWER,
                                     choose(&c, 3), &c),
                         CODE_OK);
                CHECK_EQ(world_open(&w), CODE_OK);
                CHECK_EQ(database_state_hash(w.database, after, &w.error), CODE_OK);
                CHECK(memcmp(before, after, sizeof before) == 0);
                crashes++;
            }
            CHECK(same(&oracle, w.database));
            CHECK_EQ(database_check(w.database, &w.error), CODE_OK);
        }
        world_release(&w);
    }
    CHECK(refused > 200 && accepted > 200 && crashes > 50);
}

static void a_database_without_cursors_hashes_as_one_that_never_had_any(struct test *t)
{
    struct world w;
    uint8_t before[32], with[32], after[32];
    struct change define = cursor_change(CURSOR_DEFINE, 2, 0);
    struct change drop = cursor_change(CURSOR_DROP, 2, 0);
    CHECK(world_init(&w));
    CHECK_EQ(world_open(&w), CODE_OK);
    CHECK_EQ(database_state_hash(w.database, before, &w.error), CODE_OK);
    CHECK_EQ(world_write(&w, &define), CODE_OK);
    CHECK_EQ(database_state_hash(w.database, with, &w.error), CODE_OK);
    CHECK_EQ(database_checkpoint(w.database, &w.error), CODE_OK);
    CHECK_EQ(world_write(&w, &drop), CODE_OK);
    CHECK_EQ(world_close(&w), CODE_OK);
    CHECK_EQ(world_open(&w), CODE_OK);
    CHECK_EQ(database_state_hash(w.database, after, &w.error), CODE_OK);
    CHECK(memcmp(before, with, sizeof before) != 0);
    CHECK(memcmp(before, after, sizeof before) == 0);
    world_release(&w);
}

static void there_are_as_many_as_the_limit_says(struct test *t)
{
    struct world w;
    char name[LIMIT_NAME_BYTES + 1];
    CHECK(world_init(&w));
    CHECK_EQ(world_open(&w), CODE_OK);
    for (int i = 0; i <= LIMIT_CURSORS; i++) {
        snprintf(name, sizeof name, "c%063d", i * 37 % 101);
        struct change change = {.kind = CHANGE_CURSOR,
                                .cursor = {CURSOR_DEFINE, slice_of_text(name), 0}};
        CHECK_EQ(world_write(&w, &change), i < LIMIT_CURSORS ? CODE_OK : CODE_LIMIT);
    }
    CHECK_EQ(database_check(w.database, &w.error), CODE_OK);
    CHECK_EQ(world_close(&w), CODE_OK);
    CHECK_EQ(world_open(&w), CODE_OK);
    CHECK_EQ(cursors_count(w.database->cursors), LIMIT_CURSORS);
    world_release(&w);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(cursors_are_what_a_map_says_whatever_happens),
               CASE(a_database_without_cursors_hashes_as_one_that_never_had_any),
               CASE(there_are_as_many_as_the_limit_says));
}
