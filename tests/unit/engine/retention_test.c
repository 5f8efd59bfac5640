/* How long the log is kept, and that it is not kept longer. */
#include "world.h"

#define DAY_MS (24 * HOUR_MS)

static const char *const definitions[] = {"DEFINE SIGNAL view ON item WINDOWS 24h ALLOW UNKNOWN"};

enum { VIEW = 2, ENTRIES = 4000 };

/* When the log took in each LSN. */
struct times {
    int64_t of[ENTRIES + 1];
    lsn last;
};

static bool view_item(struct world *world, struct times *times, int64_t after_ms)
{
    simulated_clock_advance(&world->clock, after_ms);
    struct change change = signal_of(VIEW, times->last % 50 + 1, times->last % 7 + 1,
                                     clock_now_ms(&world->clock.clock));
    struct write_result result;
    if (world_write_as(world, &change, "", ACKNOWLEDGE_DURABLE, &result) != CODE_OK) return false;
    times->last = result.lsn;
    times->of[result.lsn] = clock_now_ms(&world->clock.clock);
    return true;
}

static lsn oldest_of(struct world *world)
{
    struct database_status status;
    database_status(world->database, &status);
    return status.oldest;
}

static bool open_defined(struct world *world, struct times *times)
{
    *times = (struct times){0};
    if (world_open(world) != CODE_OK || !world_define_all(world, definitions, 1)) return false;
    times->last = 1;
    times->of[1] = clock_now_ms(&world->clock.clock);
    return true;
}

/* Nothing is written, and still the deadline comes. */
static void a_quiet_log_loses_what_is_too_old(struct test *t)
{
    static struct times times;
    struct world world;
    struct choices choices;
    uint8_t hash[32];
    choices_from_seed(&choices, 1, NULL);
    CHECK(world_init(&world) && open_defined(&world, &times));
    for (int i = 0; i < 20; i++)
        CHECK(view_item(&world, &times, 1000));
    CHECK_EQ(database_state_hash(world.database, hash, &world.error), CODE_OK);
    simulated_clock_advance(&world.clock, 29 * DAY_MS);
    CHECK_EQ(database_retain(world.database, &world.error), CODE_OK);
    CHECK_EQ(oldest_of(&world), 1);
    simulated_clock_advance(&world.clock, DAY_MS);
    CHECK_EQ(database_retain(world.database, &world.error), CODE_OK);
    CHECK_EQ(oldest_of(&world), times.last + 1);
    CHECK(world_same_hash(&world, hash));
    CHECK_EQ(database_retain(world.database, &world.error), CODE_OK);
    CHECK_EQ(world_crash(&world, SIMULATED_POWER, 0, &choices), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK_EQ(oldest_of(&world), times.last + 1);
    CHECK(world_same_hash(&world, hash));
    CHECK(view_item(&world, &times, 1000));
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
    choices_release(&choices);
}

/* An open log takes no second handle, so a database that was closed over its deadline meets it at
 * the first look. */
static void a_log_that_was_closed_too_long_is_cut_at_the_first_look(struct test *t)
{
    static struct times times;
    struct world world;
    CHECK(world_init(&world) && open_defined(&world, &times));
    for (int i = 0; i < 20; i++)
        CHECK(view_item(&world, &times, 1000));
    CHECK_EQ(world_close(&world), CODE_OK);
    simulated_clock_advance(&world.clock, 31 * DAY_MS);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(oldest_of(&world) <= times.last);
    CHECK_EQ(database_retain(world.database, &world.error), CODE_OK);
    CHECK_EQ(oldest_of(&world), times.last + 1);
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

/* Each day a checkpoint; what is younger than 10 days is there, what is older than 16 is not. */
static void the_log_reaches_back_as_far_as_asked_and_not_beyond_the_deadline(struct test *t)
{
    static struct times times;
    struct world world;
    CHECK(world_init(&world));
    world.options.retain_log_ms = 10 * DAY_MS;
    world.options.retain_log_max_age_ms = 16 * DAY_MS;
    CHECK(open_defined(&world, &times));
    for (int hour = 1; hour <= 40 * 24; hour++) {
        for (int i = 0; i < 4; i++)
            CHECK(view_item(&world, &times, HOUR_MS / 4));
        CHECK_EQ(database_retain(world.database, &world.error), CODE_OK);
        if (hour % 24 != 0) continue;
        if (hour % 96 == 0) {
            CHECK_EQ(world_close(&world), CODE_OK);
            CHECK_EQ(world_open(&world), CODE_OK);
        }
        CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
        int64_t now_ms = clock_now_ms(&world.clock.clock);
        lsn oldest = oldest_of(&world);
        CHECK(oldest == 1 || times.of[oldest - 1] < now_ms - 10 * DAY_MS);
        CHECK(times.of[oldest] >= now_ms - 16 * DAY_MS);
    }
    CHECK(oldest_of(&world) > 1000);
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

/* Whoever opens it without a word goes on as before. */
static void the_database_keeps_how_long_its_log_is_kept(struct test *t)
{
    static struct times times;
    struct world world;
    CHECK(world_init(&world));
    world.options.retain_log_ms = 10 * DAY_MS;
    world.options.retain_log_max_age_ms = 20 * DAY_MS;
    CHECK(open_defined(&world, &times));
    CHECK_EQ(world_close(&world), CODE_OK);
    world.options.retain_log_ms = 0;
    world.options.retain_log_max_age_ms = 0;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK_EQ(database_deadline_ms(world.database) - clock_now_ms(&world.clock.clock),
             20 * DAY_MS + HOUR_MS / 12);
    for (int i = 0; i < 12 * 24; i++)
        CHECK(view_item(&world, &times, HOUR_MS));
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    CHECK(times.of[oldest_of(&world)] < clock_now_ms(&world.clock.clock) - 9 * DAY_MS);
    CHECK_EQ(world_close(&world), CODE_OK);
    /* An opening that changes nothing but these is noted as well. */
    world.options.retain_log_ms = 18 * DAY_MS;
    CHECK_EQ(world_open(&world), CODE_INVALID);
    CHECK(strstr(world.error.message, "cannot be kept for 18d (retain_log_ms)"));
    world.options.retain_log_ms = 1;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK_EQ(world_close(&world), CODE_OK);
    world.options.retain_log_ms = 0;
    CHECK_EQ(world_open(&world), CODE_OK);
    for (int i = 0; i < 2; i++)
        CHECK(view_item(&world, &times, DAY_MS));
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    CHECK(times.of[oldest_of(&world)] > clock_now_ms(&world.clock.clock) - 9 * DAY_MS);
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

/* By default only the window of identities and what recovery needs. */
static void without_being_asked_the_log_keeps_what_it_needs(struct test *t)
{
    static struct times times;
    struct world world;
    CHECK(world_init(&world));
    world.options.dedupe_count = 50;
    CHECK(open_defined(&world, &times));
    for (int i = 0; i < 1000; i++)
        CHECK(view_item(&world, &times, 1000));
    CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
    CHECK(oldest_of(&world) > 800);
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

/* Sixty writes, and then not a byte of room: however old the segment is that cannot be ended. */
static void a_full_disk_stops_no_checkpoint(struct test *t)
{
    for (int days = 0; days <= 4; days += 4) {
        static struct times times;
        struct simulated_faults faults = {.space_bytes = 1};
        struct database_status status;
        struct world world;
        CHECK(world_init(&world) && open_defined(&world, &times));
        for (int i = 0; i < 60; i++)
            CHECK(view_item(&world, &times, 1));
        simulated_clock_advance(&world.clock, days * DAY_MS);
        simulated_disk_set_faults(world.disk, &faults);
        CHECK_EQ(database_checkpoint(world.database, &world.error), CODE_OK);
        database_status(world.database, &status);
        CHECK_EQ(status.checkpoint, times.last);
        simulated_clock_advance(&world.clock, 31 * DAY_MS);
        CHECK_EQ(database_retain(world.database, &world.error), CODE_OK);
        world_release(&world);
    }
}

/* Times never go back: what is written after a clock was a week ahead goes a week later. */
static void a_clock_that_was_ahead_moves_the_deadline(struct test *t)
{
    static struct times times;
    struct world world;
    CHECK(world_init(&world) && open_defined(&world, &times));
    CHECK(view_item(&world, &times, 7 * DAY_MS));
    int64_t ahead_ms = clock_now_ms(&world.clock.clock);
    simulated_clock_init(&world.clock, ahead_ms - 7 * DAY_MS);
    int64_t deadline_ms = database_deadline_ms(world.database);
    CHECK_EQ(deadline_ms, ahead_ms + 30 * DAY_MS + HOUR_MS / 12);
    simulated_clock_advance(&world.clock, deadline_ms - clock_now_ms(&world.clock.clock));
    CHECK_EQ(database_retain(world.database, &world.error), CODE_OK);
    CHECK_EQ(oldest_of(&world), times.last + 1);
    CHECK_EQ(world_close(&world), CODE_OK);
    world_release(&world);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_full_disk_stops_no_checkpoint),
               CASE(a_clock_that_was_ahead_moves_the_deadline),
               CASE(a_quiet_log_loses_what_is_too_old),
               CASE(a_log_that_was_closed_too_long_is_cut_at_the_first_look),
               CASE(the_log_reaches_back_as_far_as_asked_and_not_beyond_the_deadline),
               CASE(the_database_keeps_how_long_its_log_is_kept),
               CASE(without_being_asked_the_log_keeps_what_it_needs));
}
