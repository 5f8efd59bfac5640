#include "unit/signals/ledger_world.h"

#include "harness/test.h"

static double decay_of_slot(const struct world *world, signal_id signal, uint8_t slot,
                            ordinal entity, int64_t now_ms)
{
    struct feature feature = {.op = FEATURE_DECAY, .signal = signal, .slot = slot};
    return world_read(world, feature, entity, now_ms);
}

static bool near(double a, double b)
{
    return fabs(a / b - 1) <= 2.5e-7;
}

static void late_event_counts_in_totals_and_windows_but_not_in_decay(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    CHECK_EQ(world_signal(&world, VIEW, 0, START, ONE), CODE_OK);
    CHECK_EQ(world_signal(&world, VIEW, 1, START - 12 * HOUR, ONE), CODE_OK);
    CHECK_EQ(world_signal(&world, VIEW, 2, START - 12 * HOUR - 1, ONE), CODE_OK);
    CHECK(decay_of_slot(&world, VIEW, 1, 1, START) > 0.7);
    CHECK(decay_of_slot(&world, VIEW, 1, 2, START) == 0);
    CHECK_EQ(ledger_entity_totals(world.ledger, VIEW, 2).count, 1);
    CHECK_EQ(features_count(world.ledger, VIEW, 2, 2, START), 1);
    CHECK_EQ(features_count(world.ledger, VIEW, 1, 2, START), 0);
    world_release(&world);
}

static void a_state_is_exempt_from_lateness(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    CHECK_EQ(world_signal(&world, VIEW, 0, START, ONE), CODE_OK);
    CHECK_EQ(world_signal(&world, LIKE, 0, START - 7 * DAY, ONE), CODE_OK);
    CHECK(near(decay_of_slot(&world, LIKE, 1, 0, START), 0.5));
    world_release(&world);
}

static void what_is_not_effective_changes_nothing(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    struct change change = {.kind = CHANGE_SIGNAL, .signal = {.signal = VIEW}};
    struct resolved_change resolved = {
        .change = &change, .subject = 0, .subject_id = world_id(0), .contribution_count = 1};
    resolved.contributions[0] = (struct contribution){START, ONE, 1};
    CHECK_EQ(world_apply(&world, &resolved), CODE_OK);
    CHECK_EQ(ledger_record_count(world.ledger), 0);
    resolved.effective = true;
    resolved.subject = ORDINAL_NONE; /* an unknown item that has no place */
    CHECK_EQ(world_apply(&world, &resolved), CODE_OK);
    CHECK_EQ(ledger_record_count(world.ledger), 0);
    CHECK_EQ(world.fold.ops->dirty_bytes(world.fold.state), 0);
    world_release(&world);
}

static void a_changed_value_moves_from_its_own_time(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    world.signals[RATING].unique_per_user = true;
    CHECK_EQ(world_signal(&world, RATING, 0, START, 2 * ONE), CODE_OK);
    struct contribution change[] = {{START, 2 * ONE, -1}, {START + 3 * DAY, 5 * ONE, 1}};
    CHECK_EQ(world_contribute(&world, RATING, 0, change, 2), CODE_OK);
    CHECK_EQ(ledger_entity_totals(world.ledger, RATING, 0).count, 1);
    CHECK(ledger_entity_totals(world.ledger, RATING, 0).sum == 5);
    CHECK(near(decay_of_slot(&world, RATING, 0, 0, START + 33 * DAY), 2.5));
    CHECK_EQ(features_count(world.ledger, RATING, 1, 0, START + 3 * DAY), 1);
    world_release(&world);
}

static void a_record_goes_with_its_last_event(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    CHECK_EQ(world_signal(&world, LIKE, 0, START, ONE), CODE_OK);
    CHECK_EQ(world_signal(&world, LIKE, 0, START + 300 * DAY, ONE), CODE_OK);
    CHECK_EQ(world_retract(&world, LIKE, 0, START, ONE), CODE_OK);
    CHECK_EQ(ledger_record_count(world.ledger), 1);
    CHECK(world_check(&world));
    CHECK_EQ(world_retract(&world, LIKE, 0, START + 300 * DAY, ONE), CODE_OK);
    CHECK_EQ(ledger_record_count(world.ledger), 0);
    CHECK_EQ(ledger_signal_totals(world.ledger, LIKE).count, 0);
    CHECK_EQ(world_retract(&world, LIKE, 0, START, ONE), CODE_OK); /* of what is not there */
    CHECK_EQ(ledger_record_count(world.ledger), 0);
    CHECK(world_check(&world));
    world_release(&world);
}

static void deleting_an_entity_drops_its_records_of_its_kind_alone(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    CHECK_EQ(world_signal(&world, VIEW, 4, START, ONE), CODE_OK);
    CHECK_EQ(world_signal(&world, LIKE, 4, START, ONE), CODE_OK);
    CHECK_EQ(world_signal(&world, VIEW, 5, START, ONE), CODE_OK);
    CHECK_EQ(world_signal(&world, FOLLOWED, 4, START, ONE), CODE_OK);
    CHECK_EQ(world_delete(&world, ENTITY_ITEM, 4), CODE_OK);
    CHECK_EQ(ledger_record_count(world.ledger), 2);
    CHECK_EQ(ledger_entity_totals(world.ledger, FOLLOWED, 4).count, 1);
    CHECK_EQ(ledger_signal_totals(world.ledger, VIEW).count, 1);
    CHECK(decay_of_slot(&world, VIEW, 0, 4, START) == 0);
    CHECK_EQ(world_delete(&world, ENTITY_ITEM, 400), CODE_OK);
    CHECK(world_check(&world));
    world_release(&world);
}

static void a_signal_defined_anew_keeps_what_both_definitions_have(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    for (int i = 0; i < 100; i++)
        CHECK_EQ(world_signal(&world, VIEW, 0, START + i * HOUR, ONE), CODE_OK);
    int64_t now_ms = world.watermark_ms;
    double day = decay_of_slot(&world, VIEW, 1, 0, now_ms);
    int64_t week = features_count(world.ledger, VIEW, 3, 0, now_ms);

    struct schema next = world.schema;
    next.text_count++;
    world_half_lives(&world.signals[VIEW], (const int64_t[]){DAY, 30 * DAY}, 2);
    world_windows(&world.signals[VIEW], (const int64_t[]){2 * DAY, 7 * DAY, 60 * DAY}, 3);
    world.signals[VIEW].velocity_count = 0;
    world.signals[VIEW].lateness_ms = 3 * DAY;
    world.schema = next;
    struct change change = {.kind = CHANGE_DEFINE};
    struct resolved_change resolved = {.lsn = 101, .change = &change, .subject = ORDINAL_NONE};
    CHECK_EQ(world_apply(&world, &resolved), CODE_OK);

    CHECK(world_check(&world));
    CHECK(fabs(decay_of_slot(&world, VIEW, 0, 0, now_ms) / day - 1) < 1e-6);
    struct feature month = {.op = FEATURE_DECAY, .signal = VIEW, .slot = 1};
    CHECK(features_estimated(world.ledger, &month, now_ms)); /* a new one is to be backfilled */
    month.slot = 0;
    CHECK(!features_estimated(world.ledger, &month, now_ms));
    CHECK_EQ(features_count(world.ledger, VIEW, 1, 0, now_ms), week);
    CHECK_EQ(features_count(world.ledger, VIEW, 2, 0, now_ms), 100); /* days were kept for 30 d */
    CHECK_EQ(ledger_entity_totals(world.ledger, VIEW, 0).count, 100);
    world_release(&world);
}

/* The N-th allocation fails, for every N that there is. */
static void no_memory_is_an_error_at_every_place(struct test *t)
{
    unsigned long long last = 0;
    for (unsigned long long fail_at = 1; fail_at == last + 1; fail_at++) {
        struct world world;
        memset(&world, 0, sizeof world);
        world.watermark_ms = INT64_MIN;
        memory_init(&world.memory, 0);
        world_schema(&world);
        world.memory.fail_at_call = fail_at;
        enum code code =
            ledger_create(&world.memory, &world_ids, &world.fold, &world.ledger, &world.error);
        if (code != CODE_OK) {
            CHECK_EQ(code, CODE_NO_MEMORY);
            last = fail_at;
            memory_release(&world.memory);
            continue;
        }
        for (int i = 0; i < 60 && code == CODE_OK; i++)
            code = world_signal(&world, i % 2 ? VIEW : LIKE, (ordinal)(i * 7 % 40),
                                START + i * 5 * HOUR, ONE);
        for (int i = 0; i < 10 && code == CODE_OK; i++)
            code = world_delete(&world, ENTITY_ITEM, (ordinal)i);
        if (code == CODE_OK) {
            world_half_lives(&world.signals[VIEW], (const int64_t[]){DAY}, 1);
            world.schema.text_count++;
            code = world_signal(&world, VIEW, 1, world.watermark_ms, ONE);
        }
        if (code != CODE_OK) {
            CHECK_EQ(code, CODE_NO_MEMORY);
            CHECK(world.error.message[0]);
            last = fail_at;
        }
        world_release(&world); /* asserts that nothing was lost */
    }
    CHECK(last > 50);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(late_event_counts_in_totals_and_windows_but_not_in_decay),
               CASE(a_state_is_exempt_from_lateness), CASE(what_is_not_effective_changes_nothing),
               CASE(a_changed_value_moves_from_its_own_time),
               CASE(a_record_goes_with_its_last_event),
               CASE(deleting_an_entity_drops_its_records_of_its_kind_alone),
               CASE(a_signal_defined_anew_keeps_what_both_definitions_have),
               CASE(no_memory_is_an_error_at_every_place));
}
