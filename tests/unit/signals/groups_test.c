/* Totals of groups against sums over a plain list of events. */
#include "signals/groups.h"
#include "unit/signals/ledger_world.h"

#include "base/choices.h"
#include "harness/store_rows.h"
#include "harness/test.h"

enum { EVENTS = 2000, VALUES = 12, BY_GENRE = 3, BY_MAKER = 7 };

struct crowd {
    struct memory memory;
    struct schema schema;
    struct signal signals[WORLD_SIGNALS];
    struct fold fold;
    struct groups *groups;
    struct store *store;
    struct error error;
};

struct happening {
    uint64_t value; /* of both fields */
    int64_t time_ms;
    int sign;
};

static struct happening list[EVENTS];

static bool crowd_open(struct crowd *crowd)
{
    return groups_create(&crowd->memory, &crowd->fold, &crowd->groups, &crowd->error) == CODE_OK;
}

static bool crowd_init(struct crowd *crowd)
{
    memset(crowd, 0, sizeof *crowd);
    memory_init(&crowd->memory, 0);
    for (uint16_t i = 0; i < WORLD_SIGNALS; i++)
        crowd->signals[i] = (struct signal){.id = i, .kind = ENTITY_ITEM, .lateness_ms = 12 * HOUR};
    struct signal *view = &crowd->signals[VIEW];
    world_half_lives(view, (const int64_t[]){HOUR, DAY}, 2);
    view->group_count = 2;
    view->group_fields[0] = BY_GENRE;
    view->group_fields[1] = BY_MAKER;
    crowd->schema.signals = crowd->signals;
    crowd->schema.signal_count = WORLD_SIGNALS;
    return memory_store_open(&crowd->memory, &crowd->store, &crowd->error) == CODE_OK &&
           crowd_open(crowd);
}

static void crowd_release(struct crowd *crowd)
{
    crowd->fold.ops->free(crowd->fold.state);
    store_close(crowd->store);
    memory_release(&crowd->memory);
}

static bool crowd_reopen(struct crowd *crowd)
{
    bool ok = fold_checkpoint(&crowd->fold, crowd->store, &crowd->error) == CODE_OK;
    crowd->fold.ops->free(crowd->fold.state);
    return crowd_open(crowd) && ok &&
           crowd->fold.ops->load(crowd->fold.state, crowd->store, &crowd->schema, &crowd->error) ==
               CODE_OK;
}

static bool apply(struct crowd *crowd, const struct happening *one)
{
    struct change change = {.kind = CHANGE_SIGNAL, .signal = {.signal = VIEW}};
    struct topic keys[] = {{BY_GENRE, one->value}, {BY_MAKER, one->value}};
    struct resolved_change resolved = {.change = &change,
                                       .schema = &crowd->schema,
                                       .time_ms = one->time_ms,
                                       .effective = true,
                                       .contributions = {{one->time_ms, ONE, one->sign}},
                                       .contribution_count = 1,
                                       .totalled = keys,
                                       .totalled_count = 2};
    return crowd->fold.ops->apply(crowd->fold.state, &resolved, &crowd->error) == CODE_OK;
}

static bool check(const struct crowd *crowd)
{
    return fold_check(&crowd->fold);
}

static uint64_t rows_of(struct crowd *crowd)
{
    struct buffer rows;
    uint64_t hash = 0;
    buffer_init(&rows, &crowd->memory, FOLD_ROWS_MAXIMUM);
    if (check(crowd) && fold_dump(&crowd->fold, crowd->store, &rows, &crowd->error) == CODE_OK)
        hash = bytes_hash(buffer_slice(&rows));
    buffer_release(&rows);
    return hash;
}

static double read(const struct crowd *crowd, uint64_t value, enum group_part part, uint8_t slot,
                   int64_t now_ms)
{
    struct group_question question = {.field = BY_MAKER,
                                      .signal = VIEW,
                                      .denominator = VIEW,
                                      .part = part,
                                      .slot = slot,
                                      .now_ms = now_ms};
    struct group_sums sums = {0};
    groups_add(crowd->groups, &question, value, &sums);
    return sums.amount;
}

/* All within the lateness of 12 hours.  Now and then one is taken back. */
static void draw(uint64_t seed)
{
    struct choices choices;
    choices_from_seed(&choices, seed, NULL);
    for (size_t i = 0; i < EVENTS; i++) {
        bool back = i > 0 && choose_one_in(&choices, 10) && list[i - 1].sign > 0;
        list[i] = (struct happening){choose(&choices, VALUES - 1),
                                     START + (int64_t)choose(&choices, 11 * HOUR), 1};
        if (back) list[i] = list[i - 1];
        if (back) list[i].sign = -1;
    }
}

static void shuffle(struct choices *choices)
{
    for (size_t i = EVENTS; i > 1; i--) {
        size_t j = (size_t)choose(choices, i - 1);
        struct happening swap = list[i - 1];
        list[i - 1] = list[j];
        list[j] = swap;
    }
}

static void sums_are_those_of_a_plain_list(struct test *t)
{
    struct crowd crowd;
    int64_t now_ms = START + 12 * HOUR;
    draw(1);
    CHECK(crowd_init(&crowd));
    for (size_t i = 0; i < EVENTS; i++)
        CHECK(apply(&crowd, &list[i]));
    for (uint64_t value = 0; value < VALUES; value++) {
        double count = 0, fast = 0, slow = 0;
        for (size_t i = 0; i < EVENTS; i++) {
            if (list[i].value != value) continue;
            double age_ms = (double)(now_ms - list[i].time_ms);
            count += list[i].sign;
            fast += list[i].sign * exp2(-age_ms / (double)HOUR);
            slow += list[i].sign * exp2(-age_ms / (double)DAY);
        }
        CHECK(read(&crowd, value, GROUP_COUNT, 0, now_ms) == count);
        CHECK(read(&crowd, value, GROUP_SUM, 0, now_ms) == count);
        CHECK(fabs(read(&crowd, value, GROUP_DECAY, 0, now_ms) / fast - 1) < 2.5e-7);
        CHECK(fabs(read(&crowd, value, GROUP_DECAY, 1, now_ms) / slow - 1) < 2.5e-7);
    }
    CHECK(read(&crowd, 99, GROUP_COUNT, 0, now_ms) == 0);
    CHECK_EQ(groups_signal_size(crowd.groups, VIEW).count, 2 * VALUES);
    crowd_release(&crowd);
}

static void no_order_or_checkpoint_changes_a_bit(struct test *t)
{
    struct choices choices;
    choices_from_seed(&choices, 5, NULL);
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct crowd crowd;
        uint64_t wanted = 0;
        draw(seed);
        for (int order = 0; order < 5; order++) {
            size_t middle = (size_t)choose(&choices, EVENTS - 1);
            CHECK(crowd_init(&crowd));
            for (size_t i = 0; i < EVENTS; i++) {
                CHECK(apply(&crowd, &list[i]));
                if (i == middle) CHECK(crowd_reopen(&crowd));
            }
            if (order == 0) wanted = rows_of(&crowd);
            CHECK_EQ(rows_of(&crowd), wanted);
            CHECK(crowd_reopen(&crowd));
            CHECK_EQ(rows_of(&crowd), wanted);
            crowd_release(&crowd);
            shuffle(&choices);
        }
    }
}

static void the_quiet_ones_give_way(struct test *t)
{
    struct crowd crowd;
    CHECK(crowd_init(&crowd));
    for (uint64_t value = 0; value < GROUP_VALUES_MAXIMUM; value++) {
        struct happening one = {value, START + (int64_t)(value ^ 1), 1};
        CHECK(apply(&crowd, &one));
    }
    CHECK_EQ(groups_signal_size(crowd.groups, VIEW).count, 2 * GROUP_VALUES_MAXIMUM);
    uint64_t before = rows_of(&crowd);
    struct happening more = {GROUP_VALUES_MAXIMUM, START, 1};
    CHECK(apply(&crowd, &more) && rows_of(&crowd) != before);
    CHECK_EQ(groups_signal_size(crowd.groups, VIEW).count,
             2 * (GROUP_VALUES_MAXIMUM - GROUP_VALUES_DROPPED + 1));
    CHECK(read(&crowd, GROUP_VALUES_DROPPED - 1, GROUP_COUNT, 0, START + DAY) == 0);
    CHECK(read(&crowd, GROUP_VALUES_DROPPED, GROUP_COUNT, 0, START + DAY) == 1);
    CHECK(read(&crowd, GROUP_VALUES_MAXIMUM, GROUP_COUNT, 0, START + DAY) == 1);
    CHECK(crowd_reopen(&crowd));
    CHECK_EQ(groups_signal_size(crowd.groups, VIEW).count,
             2 * (GROUP_VALUES_MAXIMUM - GROUP_VALUES_DROPPED + 1));
    CHECK(check(&crowd));
    struct groups_size size = groups_signal_size(crowd.groups, VIEW);
    CHECK(size.bytes / size.count < 300);
    crowd_release(&crowd);
}

static void damaged_rows_are_refused(struct test *t)
{
    struct crowd crowd;
    struct choices choices;
    struct buffer rows;
    choices_from_seed(&choices, 6, NULL);
    draw(2);
    CHECK(crowd_init(&crowd));
    for (size_t i = 0; i < 100; i++)
        CHECK(apply(&crowd, &list[i]));
    CHECK(rows_of(&crowd) != 0);
    uint8_t key[18] = {'g', 'r', 'o', 'u', 'p', '/', 0, VIEW, 0, BY_MAKER};
    key[17] = (uint8_t)list[0].value;
    bool found;
    buffer_init(&rows, &crowd.memory, 1024);
    struct slice name = slice_of(key, sizeof key);
    CHECK_EQ(store_get(crowd.store, KEYSPACE_DATABASE, name, &rows, &found, &crowd.error), CODE_OK);
    CHECK(found);
    for (size_t cut = 0; cut < rows.bytes; cut++) {
        CHECK_EQ(
            store_put(crowd.store, KEYSPACE_DATABASE, name, slice_of(rows.data, cut), &crowd.error),
            CODE_OK);
        crowd.fold.ops->free(crowd.fold.state);
        CHECK(crowd_open(&crowd));
        CHECK_EQ(crowd.fold.ops->load(crowd.fold.state, crowd.store, &crowd.schema, &crowd.error),
                 CODE_CORRUPT);
    }
    buffer_release(&rows);
    crowd_release(&crowd);
}

static void each_allocation_may_fail(struct test *t)
{
    draw(4);
    for (unsigned long long fail = 3;; fail++) {
        struct crowd crowd;
        bool ok = true;
        CHECK(crowd_init(&crowd));
        crowd.memory.fail_at_call = fail;
        for (size_t i = 0; i < EVENTS && ok; i++)
            ok = apply(&crowd, &list[i]);
        crowd.memory.fail_at_call = 0;
        if (!ok) CHECK_EQ(crowd.error.code, CODE_NO_MEMORY);
        crowd_release(&crowd);
        if (ok) break;
        CHECK(fail < 200);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(sums_are_those_of_a_plain_list),
               CASE(no_order_or_checkpoint_changes_a_bit), CASE(the_quiet_ones_give_way),
               CASE(damaged_rows_are_refused), CASE(each_allocation_may_fail));
}
