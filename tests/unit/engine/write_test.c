/* Writes and what a view shows of them; answers to repeats; refusals. */
#include "unit/engine/world.h"

enum { VIEW = 2, LIKE = 3, SHARE = 4, FOLLOWS = 0 };

static const char *const definitions[] = {
    "DEFINE FIELD title ON item TEXT",
    "DEFINE FIELD creator ON item REFERENCES creator",
    "DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h, 24h LATENESS 2h",
    "DEFINE SIGNAL like ON item HALF LIFE 7d UNIQUE PER USER POSITIVE LATENESS 2h",
    "DEFINE SIGNAL share ON item ALLOW UNKNOWN LATENESS 7d",
    "DEFINE RELATION follows FROM user TO creator",
};

static bool begin(struct world *world)
{
    if (!world_init(world) || world_open(world) != CODE_OK ||
        !world_define_all(world, definitions, sizeof definitions / sizeof *definitions))
        return false;
    struct change put = put_of(1);
    return world_write(world, &put) == CODE_OK;
}

#define BEGIN()                                                                                    \
    struct world world;                                                                            \
    CHECK(begin(&world))

static void a_put_is_seen_by_the_next_view(struct test *t)
{
    BEGIN();
    struct view view;
    const struct field_value fields[] = {
        {0, {.type = VALUE_TEXT, .text = slice_of_text("Night drive")}},
        {1, {.type = VALUE_REFERENCE, .reference = 7}}};
    struct change put = {.kind = CHANGE_PUT,
                         .put = {.entity = item_of(9), .fields = fields, .field_count = 2}};
    CHECK_EQ(world_write(&world, &put), CODE_OK);
    CHECK_EQ(database_read_begin(world.database, &view, &world.error), CODE_OK);
    ordinal item = entities_find(view.entities, ENTITY_ITEM, 9);
    ordinal creator = entities_find(view.entities, ENTITY_CREATOR, 7);
    struct value title =
        item == ORDINAL_NONE
            ? (struct value){.type = VALUE_MISSING}
            : entities_value(view.entities, &view.schema->fields[0], item, NULL, 0);
    bool creator_lives =
        creator != ORDINAL_NONE && entities_live(view.entities, ENTITY_CREATOR, creator);
    bool right = title.type == VALUE_TEXT &&
                 slice_equal(title.text, slice_of_text("Night drive")) && creator_lives;
    lsn seen = view.lsn;
    database_read_end(world.database);
    CHECK(right);
    CHECK_EQ(seen, database_applied(world.database));
    world_release(&world);
}

static void a_patch_changes_the_named_field_alone(struct test *t)
{
    BEGIN();
    struct view view;
    const struct field_value fields[] = {
        {0, {.type = VALUE_TEXT, .text = slice_of_text("Night drive")}},
        {1, {.type = VALUE_REFERENCE, .reference = 7}}};
    const struct field_value mended = {1, {.type = VALUE_REFERENCE, .reference = 8}};
    struct change put = {.kind = CHANGE_PUT,
                         .put = {.entity = item_of(9), .fields = fields, .field_count = 2}};
    struct change patch = {.kind = CHANGE_PATCH,
                           .put = {.entity = item_of(9), .fields = &mended, .field_count = 1}};
    struct change patch_nobody = {
        .kind = CHANGE_PATCH, .put = {.entity = item_of(77), .fields = &mended, .field_count = 1}};
    CHECK_EQ(world_write(&world, &put), CODE_OK);
    CHECK_EQ(world_write(&world, &patch), CODE_OK);
    CHECK_EQ(database_read_begin(world.database, &view, &world.error), CODE_OK);
    ordinal item = entities_find(view.entities, ENTITY_ITEM, 9);
    struct value title = entities_value(view.entities, &view.schema->fields[0], item, NULL, 0);
    struct value creator = entities_value(view.entities, &view.schema->fields[1], item, NULL, 0);
    bool kept = title.type == VALUE_TEXT && slice_equal(title.text, slice_of_text("Night drive"));
    database_read_end(world.database);
    CHECK(kept);
    CHECK_EQ(creator.reference, 8);
    CHECK_EQ(world_write(&world, &patch_nobody), CODE_NOT_FOUND);
    CHECK_TEXT(world.error.message, "there is no item 77");
    CHECK_TEXT(world.error.hint, "PUT creates it");
    world_release(&world);
}

static void signals_edges_and_deletes_reach_their_folds(struct test *t)
{
    BEGIN();
    struct change view = signal_of(VIEW, 1, 42, WORLD_NOW_MS);
    struct change like = signal_of(LIKE, 1, 42, WORLD_NOW_MS);
    struct change relate = relate_of(FOLLOWS, 42, 7, 0.5F);
    struct view seen;
    CHECK_EQ(world_write(&world, &view), CODE_OK);
    CHECK_EQ(world_write(&world, &like), CODE_OK);
    CHECK_EQ(world_write(&world, &relate), CODE_OK);
    CHECK_EQ(world_count(&world, VIEW, 1), 1);
    CHECK_EQ(database_read_begin(world.database, &seen, &world.error), CODE_OK);
    ordinal user = entities_find(seen.entities, ENTITY_USER, 42);
    ordinal creator = entities_find(seen.entities, ENTITY_CREATOR, 7);
    const struct edge *edge = edges_find(seen.edges, FOLLOWS, user, creator);
    float weight = edge ? edge->weight : -1;
    size_t positives;
    (void)behaviour_positives(seen.behaviour, user, &positives);
    database_read_end(world.database);
    CHECK(weight == 0.5F);
    CHECK_EQ(positives, 1);

    struct change unrelate = relate;
    unrelate.kind = CHANGE_UNRELATE;
    struct change bury = delete_of(1);
    CHECK_EQ(world_write(&world, &unrelate), CODE_OK);
    CHECK_EQ(world_write(&world, &bury), CODE_OK);
    CHECK(!world_item_lives(&world, 1));
    CHECK_EQ(database_read_begin(world.database, &seen, &world.error), CODE_OK);
    size_t edges = edges_in_count(seen.edges, FOLLOWS, creator);
    database_read_end(world.database);
    CHECK_EQ(edges, 0);
    CHECK_EQ(world_write(&world, &bury), CODE_NOT_FOUND);
    CHECK_TEXT(world.error.message, "there is no item 1");
    CHECK_EQ(database_check(world.database, &world.error), CODE_OK);
    world_release(&world);
}

static void a_transaction_is_one_entry_and_its_parts_see_each_other(struct test *t)
{
    BEGIN();
    struct change parts[] = {put_of(5), signal_of(VIEW, 5, 42, WORLD_NOW_MS),
                             signal_of(VIEW, 6, 42, WORLD_NOW_MS)};
    struct change all = {.kind = CHANGE_TRANSACTION, .transaction = {parts, 3}};
    lsn before = database_applied(world.database);
    CHECK_EQ(world_write(&world, &all), CODE_NOT_FOUND); /* nobody is there to be viewed: 6 */
    CHECK_EQ(database_applied(world.database), before);
    all.transaction.count = 2;
    CHECK_EQ(world_write(&world, &all), CODE_OK);
    CHECK_EQ(database_applied(world.database), before + 1);
    CHECK_EQ(world_count(&world, VIEW, 5), 1);
    world_release(&world);
}

static void a_part_in_the_future_refuses_its_transaction(struct test *t)
{
    BEGIN();
    struct change parts[] = {put_of(5), signal_of(VIEW, 5, 42, WORLD_NOW_MS + HOUR_MS)};
    struct change all = {.kind = CHANGE_TRANSACTION, .transaction = {parts, 2}};
    CHECK_EQ(world_write(&world, &all), CODE_INVALID);
    CHECK(strstr(world.error.message, "is in the future"));
    CHECK(!world_item_lives(&world, 5));
    world_release(&world);
}

static void a_resent_event_is_a_duplicate_and_names_the_first(struct test *t)
{
    BEGIN();
    struct change view = signal_of(VIEW, 1, 42, WORLD_NOW_MS);
    struct write_result first, again;
    CHECK_EQ(world_write_as(&world, &view, "", ACKNOWLEDGE_DURABLE, &first), CODE_OK);
    CHECK_EQ(world_write_as(&world, &view, "", ACKNOWLEDGE_DURABLE, &again), CODE_DUPLICATE);
    CHECK_EQ(again.lsn, first.lsn);
    CHECK_EQ(world_count(&world, VIEW, 1), 1);
    world_release(&world);
}

static void a_repeat_of_what_is_not_yet_durable_waits_for_it(struct test *t)
{
    BEGIN();
    struct change view = signal_of(VIEW, 1, 42, WORLD_NOW_MS);
    struct write_result first, again;
    CHECK_EQ(world_write_as(&world, &view, "", ACKNOWLEDGE_ACCEPTED, &first), CODE_OK);
    CHECK(database_applied(world.database) < first.lsn);
    CHECK_EQ(world_write_as(&world, &view, "", ACKNOWLEDGE_DURABLE, &again), CODE_DUPLICATE);
    CHECK_EQ(again.lsn, first.lsn);
    CHECK_EQ(database_applied(world.database), first.lsn);
    world_release(&world);
}

static void an_idempotency_key_makes_any_write_a_repeat(struct test *t)
{
    BEGIN();
    struct change put = put_of(5), other = put_of(6), bury = delete_of(5);
    struct write_result first, again;
    CHECK_EQ(world_write_as(&world, &put, "k1", ACKNOWLEDGE_DURABLE, &first), CODE_OK);
    CHECK_EQ(world_write_as(&world, &other, "k1", ACKNOWLEDGE_DURABLE, &again), CODE_DUPLICATE);
    CHECK_EQ(again.lsn, first.lsn);
    CHECK(!world_item_lives(&world, 6));
    /* What the first one led to would refuse the second: it is a repeat all the same. */
    CHECK_EQ(world_write_as(&world, &bury, "k2", ACKNOWLEDGE_DURABLE, &first), CODE_OK);
    CHECK_EQ(world_write_as(&world, &bury, "k2", ACKNOWLEDGE_DURABLE, &again), CODE_DUPLICATE);
    CHECK_EQ(again.lsn, first.lsn);
    CHECK_EQ(world_write_as(&world, &bury, "", ACKNOWLEDGE_DURABLE, &again), CODE_NOT_FOUND);
    world_release(&world);
}

static void an_event_that_became_too_late_is_a_duplicate_when_it_is_resent(struct test *t)
{
    BEGIN();
    struct change early = signal_of(VIEW, 1, 42, WORLD_NOW_MS - HOUR_MS);
    struct change newest = signal_of(VIEW, 1, 43, WORLD_NOW_MS + 2 * HOUR_MS);
    struct write_result first, again;
    CHECK_EQ(world_write_as(&world, &early, "", ACKNOWLEDGE_DURABLE, &first), CODE_OK);
    simulated_clock_set(&world.clock, WORLD_NOW_MS + 2 * HOUR_MS);
    CHECK_EQ(world_write(&world, &newest), CODE_OK);
    CHECK_EQ(world_write_as(&world, &early, "", ACKNOWLEDGE_DURABLE, &again), CODE_DUPLICATE);
    CHECK_EQ(again.lsn, first.lsn);
    world_release(&world);
}

static void an_event_past_the_lateness_bound_is_refused_with_both_times(struct test *t)
{
    BEGIN();
    struct change now = signal_of(VIEW, 1, 42, WORLD_NOW_MS);
    struct change edge = signal_of(VIEW, 1, 42, WORLD_NOW_MS - 2 * HOUR_MS);
    struct change late = signal_of(VIEW, 1, 42, WORLD_NOW_MS - 2 * HOUR_MS - 1);
    struct change back = signal_of(LIKE, 1, 42, WORLD_NOW_MS - 2 * HOUR_MS - 1);
    CHECK_EQ(world_write(&world, &late), CODE_OK); /* no event yet: nothing is late */
    CHECK_EQ(world_write(&world, &now), CODE_OK);
    CHECK_EQ(world_write(&world, &edge), CODE_OK);
    CHECK_EQ(world_count(&world, VIEW, 1), 3);
    late.signal.time_ms--;
    CHECK_EQ(world_write(&world, &late), CODE_INVALID);
    CHECK_TEXT(
        world.error.message,
        "the event of 'view' at 2026-11-01T07:59:59.998Z is too late: the newest event is at "
        "2026-11-01T10:00:00Z, the bound is 2h");
    CHECK_TEXT(world.error.hint,
               "send events in time order, or declare a longer LATENESS (at most 7d)");
    back.signal.retract = true; /* however old, it takes back */
    CHECK_EQ(world_write(&world, &back), CODE_OK);
    CHECK_EQ(world_count(&world, VIEW, 1), 3);
    world_release(&world);
}

static void an_event_in_the_future_is_refused_and_moves_no_watermark(struct test *t)
{
    BEGIN();
    struct database_status status;
    struct change bound = signal_of(VIEW, 1, 42, WORLD_NOW_MS + FUTURE_BOUND_MS);
    struct change past = signal_of(VIEW, 1, 42, WORLD_NOW_MS + FUTURE_BOUND_MS + 1);
    struct change back = signal_of(LIKE, 1, 42, WORLD_NOW_MS + HOUR_MS);
    struct change edge = relate_of(FOLLOWS, 42, 7, 1);
    CHECK_EQ(world_write(&world, &bound), CODE_OK);
    CHECK_EQ(world_write(&world, &past), CODE_INVALID);
    CHECK_TEXT(world.error.message, "the event of 'view' at 2026-11-01T10:00:05.001Z is in the "
                                    "future: it is 2026-11-01T10:00:00Z now");
    CHECK_TEXT(world.error.hint, "an event may lie at most 5s ahead of this machine's clock");
    back.signal.retract = true;
    CHECK_EQ(world_write(&world, &back), CODE_INVALID);
    edge.relate.has_time = true;
    edge.relate.time_ms = WORLD_NOW_MS + HOUR_MS;
    CHECK_EQ(world_write(&world, &edge), CODE_INVALID);
    edge.kind = CHANGE_UNRELATE;
    CHECK_EQ(world_write(&world, &edge), CODE_INVALID);
    database_status(world.database, &status);
    CHECK_EQ(status.watermark_ms, WORLD_NOW_MS + FUTURE_BOUND_MS);
    world_release(&world);
}

static void a_signal_on_nobody_is_refused_unless_unknown_is_allowed(struct test *t)
{
    BEGIN();
    struct change view = signal_of(VIEW, 404, 42, WORLD_NOW_MS);
    struct change share = signal_of(SHARE, 404, 42, WORLD_NOW_MS);
    CHECK_EQ(world_write(&world, &view), CODE_NOT_FOUND);
    CHECK_TEXT(world.error.message, "there is no item 404");
    CHECK_TEXT(world.error.hint, "PUT it first, or declare the signal ALLOW UNKNOWN");
    CHECK_EQ(world_write(&world, &share), CODE_OK);
    CHECK_EQ(world_count(&world, SHARE, 404), 1);
    world_release(&world);
}

static void a_key_is_not_taken_from_its_owner(struct test *t)
{
    BEGIN();
    struct change first = put_of(5), second = put_of(6);
    first.put.key = slice_of_text("film-5");
    second.put.key = first.put.key;
    CHECK_EQ(world_write(&world, &first), CODE_OK);
    CHECK_EQ(world_write(&world, &first), CODE_OK);
    CHECK_EQ(world_write(&world, &second), CODE_INVALID);
    CHECK_TEXT(world.error.message, "key 'film-5' belongs to item 5 already");
    CHECK(!world_item_lives(&world, 6));
    struct change bury = delete_of(5);
    CHECK_EQ(world_write(&world, &bury), CODE_OK);
    CHECK_EQ(world_write(&world, &second), CODE_OK);
    world_release(&world);
}

static void one_bad_write_leaves_the_rest_of_its_batch_alone(struct test *t)
{
    BEGIN();
    static char title[LIMIT_TEXT_BYTES];
    static struct change parts[20];
    memset(title, 'x', sizeof title);
    const struct field_value field = {0,
                                      {.type = VALUE_TEXT, .text = slice_of(title, sizeof title)}};
    for (size_t i = 0; i < 20; i++) {
        parts[i] = put_of(100 + i);
        parts[i].put.fields = &field;
        parts[i].put.field_count = 1;
    }
    struct change changes[] = {put_of(5),
                               {.kind = CHANGE_TRANSACTION, .transaction = {parts, 20}},
                               signal_of(VIEW, 404, 42, WORLD_NOW_MS),
                               signal_of(VIEW, 1, 42, WORLD_NOW_MS),
                               parts[0]};
    struct write writes[5];
    struct write_result results[5];
    for (size_t i = 0; i < 5; i++)
        writes[i] = (struct write){.change = &changes[i]};
    struct write_batch batch = {writes, 5, ACKNOWLEDGE_DURABLE, results, 0};
    CHECK_EQ(database_write(world.database, &batch, &world.error), CODE_OK);
    CHECK_EQ(results[0].code, CODE_OK);
    CHECK_EQ(results[1].code, CODE_LIMIT);
    CHECK_EQ(results[1].lsn, 0);
    CHECK_EQ(results[2].code, CODE_NOT_FOUND);
    CHECK_EQ(results[3].code, CODE_OK);
    CHECK_EQ(results[4].code, CODE_LIMIT); /* this database's segments have 64 KiB */
    CHECK_EQ(batch.first_refused, 1);
    CHECK_TEXT(world.error.message, "the encoded transaction is too large");
    CHECK(world_item_lives(&world, 5));
    CHECK_EQ(world_count(&world, VIEW, 1), 1);
    world_release(&world);
}

static void a_batch_larger_than_the_logs_room_is_written_without_threads(struct test *t)
{
    enum { COUNT = 200 };
    struct world world;
    static char title[LIMIT_TEXT_BYTES];
    static struct change changes[COUNT];
    static struct write writes[COUNT];
    static struct write_result results[COUNT];
    CHECK(world_init(&world));
    world.options.segment_bytes = (uint64_t)1 << 20;
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_define_all(&world, definitions, sizeof definitions / sizeof *definitions));
    memset(title, 'x', sizeof title);
    const struct field_value field = {0,
                                      {.type = VALUE_TEXT, .text = slice_of(title, sizeof title)}};
    for (size_t i = 0; i < COUNT; i++) {
        changes[i] = put_of(1000 + i);
        changes[i].put.fields = &field;
        changes[i].put.field_count = 1;
        writes[i] = (struct write){.change = &changes[i]};
    }
    struct write_batch batch = {writes, COUNT, ACKNOWLEDGE_DURABLE, results, 0};
    CHECK_EQ(database_write(world.database, &batch, &world.error), CODE_OK);
    CHECK_EQ(batch.first_refused, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        CHECK_EQ(results[i].code, CODE_OK);
    CHECK(world_item_lives(&world, 1000 + COUNT - 1));
    world_release(&world);
}

static void an_accepted_write_is_applied_once_somebody_waits(struct test *t)
{
    BEGIN();
    struct change put = put_of(5);
    struct write_result result;
    CHECK_EQ(world_write_as(&world, &put, "", ACKNOWLEDGE_ACCEPTED, &result), CODE_OK);
    CHECK(!world_item_lives(&world, 5));
    CHECK_EQ(database_wait(world.database, result.lsn, &world.error), CODE_OK);
    CHECK(world_item_lives(&world, 5));
    CHECK_EQ(database_wait(world.database, result.lsn + 1, &world.error), CODE_MISUSE);
    world_release(&world);
}

static void a_definition_reports_all_that_is_wrong_and_changes_nothing(struct test *t)
{
    BEGIN();
    struct database_status before, after;
    database_status(world.database, &before);
    CHECK_EQ(world_define(&world, "DEFINE SIGNAL bad ON item HALF LIFE 0s VELOCITY 3h"),
             CODE_INVALID);
    CHECK(strstr(world.error.message, "half-life") && strstr(world.error.message, "1 more"));
    CHECK(world.error.hint[0] != 0);
    CHECK(world.error.position != ERROR_NO_POSITION);
    CHECK_EQ(world_define(&world, "DEFINE SIGNAL view ON item"), CODE_INVALID);
    CHECK_EQ(world_define(&world, "PUT item 1 {}"), CODE_INVALID);
    CHECK_EQ(world_define(&world, "DEFINE SIGNAL"), CODE_INVALID);
    database_status(world.database, &after);
    CHECK_EQ(after.applied, before.applied);
    CHECK_EQ(after.schema_version, before.schema_version);
    CHECK_EQ(world_define(&world, "DEFINE SIGNAL good ON item"), CODE_OK);
    database_status(world.database, &after);
    CHECK_EQ(after.applied, before.applied + 1);
    CHECK_EQ(after.schema_version, before.schema_version + 1);
    world_release(&world);
}

static void writes_stop_at_the_memory_limit_and_reads_go_on(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    world.options.memory_limit_bytes = (size_t)2 << 20;
    CHECK_EQ(world_open(&world), CODE_OK);
    enum code code = CODE_OK;
    entity_id id = 0;
    while (code == CODE_OK && id < 200000) {
        struct change put = put_of(++id);
        code = world_write(&world, &put);
    }
    CHECK_EQ(code, CODE_NO_MEMORY);
    CHECK(strstr(world.error.message, "the memory limit of 2097152 bytes is reached"));
    CHECK(world.error.hint[0] != 0);
    CHECK(id > 1000);
    CHECK(world_item_lives(&world, id - 1) && !world_item_lives(&world, id));
    struct database_status status;
    database_status(world.database, &status);
    CHECK_EQ(status.live_counts[ENTITY_ITEM], id - 1);
    /* Passed at most by the tables that doubled for the last write that was let in. */
    CHECK(status.memory_bytes <= status.memory_limit_bytes / 2 * 3);
    /* What is not admitted takes nothing: the refusal is the same again and again. */
    for (int i = 0; i < 100; i++) {
        struct change put = put_of(id);
        CHECK_EQ(world_write(&world, &put), CODE_NO_MEMORY);
    }
    CHECK_EQ(world_close(&world), CODE_OK);
    CHECK_EQ(world_open(&world), CODE_OK);
    CHECK(world_item_lives(&world, id - 1));
    world_release(&world);
}

static void a_full_disk_refuses_writes_changes_nothing_and_reads_go_on(struct test *t)
{
    BEGIN();
    struct simulated_faults faults = {.space_bytes = (uint64_t)384 << 10};
    uint8_t hash[32];
    enum code code = CODE_OK;
    entity_id id = 1;
    simulated_disk_set_faults(world.disk, &faults);
    while (code == CODE_OK && id < 10000) {
        struct change put = put_of(++id);
        code = world_write(&world, &put);
    }
    CHECK_EQ(code, CODE_NO_SPACE);
    CHECK(world.error.hint[0] != 0);
    CHECK(world_item_lives(&world, id - 1) && !world_item_lives(&world, id));
    CHECK_EQ(database_state_hash(world.database, hash, &world.error), CODE_OK);
    struct change put = put_of(id);
    CHECK_EQ(world_write(&world, &put), CODE_NO_SPACE);
    CHECK(world_same_hash(&world, hash));
    /* Room again: writing goes on where it stopped. */
    simulated_disk_set_faults(world.disk, NULL);
    CHECK_EQ(world_write(&world, &put), CODE_OK);
    CHECK(world_item_lives(&world, id));
    world_release(&world);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_put_is_seen_by_the_next_view),
               CASE(a_patch_changes_the_named_field_alone),
               CASE(signals_edges_and_deletes_reach_their_folds),
               CASE(a_transaction_is_one_entry_and_its_parts_see_each_other),
               CASE(a_part_in_the_future_refuses_its_transaction),
               CASE(a_resent_event_is_a_duplicate_and_names_the_first),
               CASE(a_repeat_of_what_is_not_yet_durable_waits_for_it),
               CASE(an_idempotency_key_makes_any_write_a_repeat),
               CASE(an_event_that_became_too_late_is_a_duplicate_when_it_is_resent),
               CASE(an_event_past_the_lateness_bound_is_refused_with_both_times),
               CASE(an_event_in_the_future_is_refused_and_moves_no_watermark),
               CASE(a_signal_on_nobody_is_refused_unless_unknown_is_allowed),
               CASE(a_key_is_not_taken_from_its_owner),
               CASE(one_bad_write_leaves_the_rest_of_its_batch_alone),
               CASE(a_batch_larger_than_the_logs_room_is_written_without_threads),
               CASE(an_accepted_write_is_applied_once_somebody_waits),
               CASE(a_definition_reports_all_that_is_wrong_and_changes_nothing),
               CASE(writes_stop_at_the_memory_limit_and_reads_go_on),
               CASE(a_full_disk_refuses_writes_changes_nothing_and_reads_go_on));
}
