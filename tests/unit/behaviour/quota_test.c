#include "harness/damaged_row.h"
#include "unit/behaviour/quota_world.h"

static struct said draw_said(struct choices *choices, int64_t now_ms)
{
    static const signal_id signals[] = {VIEW, VIEW, VIEW, PLAY, PLAY,    LIKE,
                                        LIKE, STAR, STAR, POKE, TRUSTED, FREE};
    struct said said = {
        .user = (ordinal)choose(choices, WORLD_USERS - 1),
        .subject = (ordinal)choose(choices, choose_one_in(choices, 2) ? 2 : WORLD_SUBJECTS - 1),
        .signal = signals[choose(choices, 11)],
        .time_ms = now_ms - (int64_t)choose(choices, 1000),
        .trust = (unsigned)choose(choices, 256),
    };
    bool unique = said.signal == LIKE || said.signal == STAR;
    if (choose_one_in(choices, 4)) said.time_ms -= (int64_t)choose(choices, 3 * HOUR);
    if (choose_one_in(choices, 40)) said.time_ms -= 5 * HOUR;
    said.retract = unique && choose_one_in(choices, 3);
    if (!unique && choose_one_in(choices, 20)) said.user = ORDINAL_NONE;
    return said;
}

/* The state that stands of this user and subject; NULL: none. */
static struct model_event *model_state(struct model *model, const struct said *said)
{
    for (size_t i = 0; i < model->count; i++) {
        struct model_event *event = &model->events[i];
        if (event->stands && event->said.user == said->user &&
            event->said.subject == said->subject && event->said.signal == said->signal)
            return event;
    }
    return NULL;
}

/* What the ledger got, and what the model says that it should have: all of both, by signal and
 * subject. */
struct sums {
    int64_t count[WORLD_SIGNALS][WORLD_SUBJECTS], value[WORLD_SIGNALS][WORLD_SUBJECTS];
};

static void take_in(struct sums *sums, const struct resolved_change *change, signal_id signal)
{
    for (size_t i = 0; change->effective && i < change->contribution_count; i++) {
        const struct contribution *one = &change->contributions[i];
        sums->count[signal][change->subject] += one->sign;
        sums->value[signal][change->subject] += one->sign * one->value;
    }
}

static void model_sums(const struct model *model, const struct world *world, struct sums *sums)
{
    memset(sums, 0, sizeof *sums);
    for (size_t i = 0; i < model->count; i++) {
        const struct model_event *event = &model->events[i];
        signal_id signal = event->said.signal;
        if (event->weight == 0) continue;
        if (world->signals[signal].unique_per_user && !event->stands) continue;
        sums->count[signal][event->said.subject]++;
        sums->value[signal][event->said.subject] += ONE / 256 * (int64_t)event->weight;
    }
}

/* Of a state, the last word of the user and subject: what was said last and took effect. */
static const struct said *last_word(const struct model *model, const struct said *said)
{
    for (size_t i = model->word_count; i-- > 0;) {
        const struct said *word = &model->words[i];
        if (word->user == said->user && word->subject == said->subject &&
            word->signal == said->signal)
            return word;
    }
    return NULL;
}

/* An occurrence always does; a state unless it is older than the last word, or repeats it. */
static bool takes_effect(struct model *model, const struct signal *signal, const struct said *said)
{
    if (!signal->unique_per_user) return true;
    const struct said *last = last_word(model, said);
    if (last && said->time_ms < last->time_ms) return false;
    if (last && !last->retract && !said->retract) return false;
    if (last && last->retract && said->retract && said->time_ms == last->time_ms) return false;
    model->words[model->word_count++] = *said;
    return true;
}

static bool model_take(struct model *model, const struct world *world, const struct said *said,
                       int64_t watermark_ms)
{
    const struct signal *signal = &world->signals[said->signal];
    struct model_event event = {*said, 256, true};
    if (world->last.effective != takes_effect(model, signal, said)) return false;
    if (!world->last.effective) return true;
    if (!said->retract) event.weight = model_weigh(model, signal, said, watermark_ms);
    if (world->last.weight != event.weight) return false;
    struct model_event *state = signal->unique_per_user ? model_state(model, said) : NULL;
    if (state) state->stands = false;
    if (said->retract) return true;
    if (event.weight == 0) model->capped[said->signal]++;
    model->events[model->count++] = event;
    return true;
}

static void every_event_weighs_what_a_walk_over_all_before_it_says(struct test *t)
{
    enum { STEPS = 6000 };
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world world;
        struct model model;
        struct choices choices;
        struct sums given = {0}, expected;
        unsigned partial = 0;
        CHECK(world_init(&world));
        model_init(&model);
        choices_from_seed(&choices, seed, NULL);
        int64_t now_ms = START;
        for (int i = 0; i < STEPS; i++) {
            now_ms += (int64_t)choose(&choices, choose_one_in(&choices, 200) ? HOUR : 12000);
            struct said said = draw_said(&choices, now_ms);
            int64_t watermark_ms = world.watermark_ms;
            CHECK_EQ(world_say(&world, &said), CODE_OK);
            CHECK(model_take(&model, &world, &said, watermark_ms));
            take_in(&given, &world.last, said.signal);
            partial += world.last.weight > 0 && world.last.weight < 256;
            if (i % 500 != 499) continue;
            CHECK(world_check(&world));
            model_sums(&model, &world, &expected);
            CHECK_EQ(memcmp(&given, &expected, sizeof given), 0);
        }
        uint64_t capped = 0;
        for (signal_id i = 0; i < WORLD_SIGNALS; i++) {
            CHECK_EQ(quota_capped(world.quota, i), model.capped[i]);
            capped += model.capped[i];
        }
        CHECK(capped > 400 && partial > 400);
        CHECK_EQ(model.capped[FREE], 0);
        printf("%zu events counted or not, %" PRIu64 " weighed nothing, %u less than one\n",
               model.count, capped, partial);
        model_release(&model);
        choices_release(&choices);
        world_release(&world);
    }
}

static void saved_and_loaded_anywhere_goes_on_as_if_nothing_had_been(struct test *t)
{
    enum { STEPS = 8000 };
    struct world straight, world;
    struct store *store;
    struct buffer straight_rows, rows, stored;
    struct choices first, second, places;
    CHECK(world_init(&straight));
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    buffer_init(&straight_rows, &straight.memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&rows, &world.memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&stored, &world.memory, FOLD_ROWS_MAXIMUM);
    choices_from_seed(&first, 12, NULL);
    choices_from_seed(&second, 12, NULL);
    choices_from_seed(&places, 13, NULL);
    int64_t now_ms = START;
    for (int i = 0; i < STEPS; i++) {
        now_ms += 30000;
        if (i % 700 == 350) {
            ordinal user = (ordinal)(i / 700 % WORLD_USERS);
            CHECK_EQ(world_delete(&straight, ENTITY_USER, user), CODE_OK);
            CHECK_EQ(world_delete(&world, ENTITY_USER, user), CODE_OK);
        }
        struct said said = draw_said(&first, now_ms), same = draw_said(&second, now_ms);
        CHECK_EQ(world_say(&straight, &said), CODE_OK);
        CHECK_EQ(world_say(&world, &same), CODE_OK);
        CHECK_EQ(straight.last.weight, world.last.weight);
        CHECK_EQ(straight.last.contribution_count, world.last.contribution_count);
        if (!choose_one_in(&places, 60)) continue;
        CHECK_EQ(world_checkpoint(&world, store), CODE_OK);
        if (choose_one_in(&places, 2)) CHECK_EQ(world_reload(&world, store), CODE_OK);
        CHECK(world_check(&world));
        buffer_clear(&straight_rows);
        buffer_clear(&rows);
        buffer_clear(&stored);
        CHECK(world_rows(&straight, &straight_rows));
        CHECK(world_rows(&world, &rows));
        CHECK_EQ(store_dump(store, &stored, &world.error), CODE_OK);
        CHECK(slice_equal(buffer_slice(&straight_rows), buffer_slice(&rows)));
        CHECK(slice_equal(buffer_slice(&stored), buffer_slice(&rows)));
    }
    CHECK(rows.bytes > 1000);
    printf("rows: %zu bytes, hash %016" PRIx64 "\n", rows.bytes, bytes_hash(buffer_slice(&rows)));
    choices_release(&first);
    choices_release(&second);
    choices_release(&places);
    buffer_release(&straight_rows);
    buffer_release(&rows);
    buffer_release(&stored);
    store_close(store);
    world_release(&straight);
    world_release(&world);
}

static struct said event(ordinal user, ordinal subject, signal_id signal, int64_t time_ms)
{
    return (struct said){user, subject, signal, time_ms, 256, false};
}

static enum code say_plain(struct world *world, struct said said)
{
    return world_say(world, &said);
}

static bool weighs(struct world *world, struct said said, unsigned weight)
{
    if (world_say(world, &said) != CODE_OK) return false;
    if (world->last.weight == weight) return true;
    fprintf(stderr, "    weighs %u, not %u\n", world->last.weight, weight);
    return false;
}

static void a_period_begins_at_the_epochs_multiples_also_before_it(struct test *t)
{
    static const int64_t borders[] = {-HOUR * 10000, 0, HOUR * 472222};
    for (size_t i = 0; i < 3; i++) {
        struct world world;
        int64_t border_ms = borders[i];
        CHECK(world_init(&world));
        for (int n = 0; n < 5; n++)
            CHECK(weighs(&world, event(1, 2, VIEW, border_ms - 1), n < 3 ? 256 : 0));
        CHECK(weighs(&world, event(1, 2, VIEW, border_ms + HOUR - 1), 256));
        for (int n = 0; n < 5; n++)
            CHECK(weighs(&world, event(1, 2, VIEW, border_ms), n < 2 ? 256 : 0));
        CHECK(weighs(&world, event(1, 2, VIEW, border_ms + HOUR - 1), 0));
        CHECK(weighs(&world, event(1, 3, VIEW, border_ms), 256)); /* another item */
        CHECK(weighs(&world, event(2, 2, VIEW, border_ms), 256)); /* another user */
        CHECK(weighs(&world, event(1, 2, FREE, border_ms), 256)); /* another signal */
        CHECK(weighs(&world, event(1, 2, VIEW, border_ms + HOUR), 256));
        world_release(&world);
    }
}

static void a_cap_in_all_and_one_towards_an_item_leave_each_others_places_free(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    int64_t time_ms = START - START % (6 * HOUR);
    for (int n = 0; n < 50; n++) /* far beyond the item's cap: no place is taken in all */
        CHECK(weighs(&world, event(1, 0, VIEW, time_ms), n < 3 ? 256 : 0));
    for (ordinal item = 1; item < 30; item++)
        CHECK(weighs(&world, event(1, item, VIEW, time_ms), item <= 22 ? 256 : 0));
    CHECK(weighs(&world, event(1, 29, VIEW, time_ms + 6 * HOUR), 256));
    CHECK_EQ(quota_capped(world.quota, VIEW), 47 + 7);
    CHECK(weighs(&world, event(ORDINAL_NONE, 0, VIEW, time_ms), 256)); /* by nobody */
    world_release(&world);
}

static void the_weights_of_many_grow_as_a_logarithm(struct test *t)
{
    static const unsigned first[] = {256, 128, 85, 64, 51, 43, 37, 32, 28, 26};
    struct world world;
    CHECK(world_init(&world));
    unsigned sum = 0;
    for (unsigned k = 1; k <= 600; k++) {
        unsigned weight = quota_sublinear_weight(k);
        if (k <= 10) CHECK_EQ(weight, first[k - 1]);
        CHECK_EQ(weight, k <= 512 ? (unsigned)floor(256.0 / k + 0.5) : 0);
        CHECK(weighs(&world, event(1, 2, PLAY, START - START % HOUR), weight));
        if (k <= 100) sum += weight;
    }
    CHECK(fabs(sum / 256.0 - (log(100) + 0.5772)) < 0.02);
    CHECK_EQ(quota_capped(world.quota, PLAY), 88);
    CHECK(weighs(&world, event(1, 2, PLAY, START - START % HOUR + HOUR), 256));
    world_release(&world);
}

static void trust_is_a_number_from_0_to_1_and_1_if_missing(struct test *t)
{
    static const struct {
        double said;
        unsigned weight;
    } cases[] = {{0, 0},     {-3, 0},      {1, 256},   {7, 256},    {0.5, 128},   {0.001, 0},
                 {0.002, 1}, {0.999, 256}, {0.25, 64}, {-1e308, 0}, {1e308, 256}, {0.1, 26}};
    struct value missing = {.type = VALUE_MISSING};
    CHECK_EQ(quota_trust(&missing), 256);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct value value = {.type = VALUE_FLOAT, .number = cases[i].said};
        CHECK_EQ(quota_trust(&value), cases[i].weight);
    }
}

static bool contributed(const struct world *world, size_t count, int64_t time_ms, int64_t value)
{
    const struct contribution *last = &world->last.contributions[count > 0 ? count - 1 : 0];
    if (world->last.contribution_count != count) return false;
    return count == 0 || (last->time_ms == time_ms && last->value * last->sign == value);
}

static void what_is_taken_back_is_what_it_weighed_whatever_the_trust_is_now(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    int64_t time_ms = START - START % (2 * HOUR);
    CHECK(weighs(&world, (struct said){1, 2, STAR, time_ms, 77, false}, 77));
    CHECK(contributed(&world, 1, time_ms, ONE / 256 * 77));
    CHECK(weighs(&world, (struct said){1, 2, STAR, time_ms + 1, 200, true}, 256));
    CHECK(contributed(&world, 1, time_ms, -ONE / 256 * 77));
    CHECK(weighs(&world, (struct said){1, 2, STAR, time_ms + 2, 200, false}, 100)); /* the second */
    CHECK(weighs(&world, (struct said){1, 2, STAR, time_ms + 3, 0, true}, 256));
    CHECK(contributed(&world, 1, time_ms + 2, -ONE / 256 * 100));
    /* One that weighed nothing gives nothing back, and its user has it all the same. */
    for (ordinal item = 0; item < 5; item++)
        CHECK(weighs(&world, event(1, item, LIKE, time_ms), item < 4 ? 256 : 0));
    CHECK(world.last.effective && contributed(&world, 0, 0, 0));
    struct behaviour_state state;
    CHECK(behaviour_state(world.behaviour, 1, ENTITY_ITEM, 4, LIKE, &state));
    CHECK(state.present && state.weight == 0);
    CHECK(weighs(&world, (struct said){1, 4, LIKE, time_ms + 9, 0, true}, 256));
    CHECK(world.last.effective && contributed(&world, 0, 0, 0));
    /* Its place stays taken. */
    CHECK(weighs(&world, (struct said){1, 3, LIKE, time_ms + 9, 0, true}, 256));
    CHECK(contributed(&world, 1, time_ms, -ONE));
    CHECK(weighs(&world, event(1, 3, LIKE, time_ms + 10), 0));
    CHECK_EQ(quota_capped(world.quota, LIKE), 2);
    CHECK_EQ(say_plain(&world, event(1, 3, LIKE, time_ms + 11)), CODE_OK);
    CHECK(!world.last.effective); /* a repeat is no event: it is neither counted nor capped */
    CHECK_EQ(quota_capped(world.quota, LIKE), 2);
    world_release(&world);
}

/* Another value of a state is another event, and takes a place of its own. */
static void another_value_beyond_the_cap_takes_the_old_one_and_adds_nothing(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    int64_t time_ms = START - START % HOUR;
    world.value = -3 * ONE;
    CHECK(weighs(&world, event(1, 2, RATED, time_ms), 256));
    world.value = 5 * ONE;
    CHECK(weighs(&world, event(1, 2, RATED, time_ms + 1), 256));
    CHECK_EQ(world.last.contributions[0].value * world.last.contributions[0].sign, 3 * ONE);
    CHECK(contributed(&world, 2, time_ms + 1, 5 * ONE));
    world.value = 4 * ONE;
    CHECK(weighs(&world, event(1, 2, RATED, time_ms + 2), 0));
    CHECK(contributed(&world, 1, time_ms + 1, -5 * ONE));
    struct behaviour_state state;
    CHECK(behaviour_state(world.behaviour, 1, ENTITY_ITEM, 2, RATED, &state));
    CHECK(state.present && state.value == 4 * ONE && state.weight == 0);
    world.value = 2 * ONE;
    CHECK(weighs(&world, event(1, 2, RATED, time_ms + HOUR), 256)); /* the next hour's */
    CHECK(contributed(&world, 1, time_ms + HOUR, 2 * ONE));
    CHECK_EQ(quota_capped(world.quota, RATED), 1);
    world_release(&world);
}

/* Which of them count is the log's to decide, how many is not. */
static void as_many_count_in_any_order_of_events_in_time(struct test *t)
{
    enum { EVENTS = 1000, ORDERS = 20 };
    static struct said events[EVENTS];
    static int64_t first[WORLD_SUBJECTS], counted[WORLD_SUBJECTS];
    struct choices choices;
    choices_from_seed(&choices, 5, NULL);
    bool differs = false;
    int64_t time_sum = 0;
    for (int i = 0; i < EVENTS; i++)
        events[i] = (struct said){(ordinal)choose(&choices, 2),
                                  (ordinal)choose(&choices, 9),
                                  POKE,
                                  START + (int64_t)choose(&choices, 3 * HOUR),
                                  256,
                                  false};
    for (int order = 0; order < ORDERS; order++) {
        struct world world;
        int64_t sum = 0;
        CHECK(world_init(&world));
        memset(counted, 0, sizeof counted);
        for (int i = 0; i < EVENTS; i++) {
            int other = i + (int)choose(&choices, (uint64_t)(EVENTS - 1 - i));
            struct said swap = events[i];
            events[i] = events[other];
            events[other] = swap;
            CHECK_EQ(world_say(&world, &events[i]), CODE_OK);
            counted[events[i].subject] += world.last.weight > 0;
            if (world.last.weight > 0) sum += events[i].time_ms;
        }
        if (order == 0) memcpy(first, counted, sizeof first);
        CHECK_EQ(memcmp(first, counted, sizeof first), 0);
        differs = differs || (order > 0 && sum != time_sum);
        time_sum = sum;
        world_release(&world);
    }
    CHECK(differs); /* but not the same ones */
    choices_release(&choices);
}

static void who_says_too_much_has_no_counters_left_until_a_period_is_over(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    world.signals[VIEW].quota_ms[QUOTA_USER] = 0;
    int64_t time_ms = START - START % HOUR;
    for (ordinal item = 0; item < QUOTA_COUNTERS_MAXIMUM; item++)
        CHECK(weighs(&world, event(1, item, VIEW, time_ms), 256));
    CHECK_EQ(quota_counter_count(world.quota), QUOTA_COUNTERS_MAXIMUM);
    CHECK(weighs(&world, event(1, 5000, VIEW, time_ms), 0));
    CHECK(weighs(&world, event(1, 5, VIEW, time_ms), 256)); /* it has that one */
    CHECK(weighs(&world, event(2, 5000, VIEW, time_ms), 256));
    CHECK(world_check(&world));
    size_t bytes = world.folds[1].ops->bytes(world.folds[1].state);
    CHECK(bytes < QUOTA_COUNTERS_MAXIMUM * sizeof(
                                               struct { int64_t all[3]; }) +
                      4096);
    /* Of the next hour too, until the first is over: three hours of lateness behind its end. */
    CHECK(weighs(&world, event(1, 5001, VIEW, time_ms + 4 * HOUR - 1), 0));
    CHECK(weighs(&world, event(3, 1, FREE, time_ms + 4 * HOUR), 256));
    CHECK(weighs(&world, event(1, 5001, VIEW, time_ms + 4 * HOUR), 256));
    CHECK(weighs(&world, event(1, 1, VIEW, time_ms), 0)); /* too late to be counted */
    CHECK(world_check(&world));
    CHECK(quota_counter_count(world.quota) < 4);
    world_release(&world);
}

static bool user_row(struct world *world, ordinal user, struct buffer *row)
{
    struct store *store;
    struct key key = key_build(world_id(user), TAG_QUOTA, slice_of("", 0));
    bool found = false;
    if (memory_store_open(&world->memory, &store, &world->error) != CODE_OK) return false;
    bool ok =
        world_checkpoint(world, store) == CODE_OK &&
        store_get(store, KEYSPACE_USERS, key_slice(&key), row, &found, &world->error) == CODE_OK;
    store_close(store);
    return ok && found;
}

static void a_users_row_depends_on_what_the_user_said_alone(struct test *t)
{
    struct world alone, among;
    struct choices first, second;
    struct buffer rows, other_rows;
    CHECK(world_init(&alone));
    CHECK(world_init(&among));
    buffer_init(&rows, &alone.memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&other_rows, &among.memory, FOLD_ROWS_MAXIMUM);
    choices_from_seed(&first, 9, NULL);
    choices_from_seed(&second, 10, NULL);
    for (int i = 0; i < 2000; i++) {
        struct said said = draw_said(&first, START + i * 60000);
        said.user = 3;
        CHECK_EQ(world_say(&alone, &said), CODE_OK);
        CHECK_EQ(world_say(&among, &said), CODE_OK);
        said = draw_said(&second, START + i * 60000);
        if (said.user == 3) said.user = 4;
        if (said.time_ms > among.watermark_ms) said.time_ms = among.watermark_ms;
        CHECK_EQ(world_say(&among, &said), CODE_OK);
    }
    CHECK(user_row(&alone, 3, &rows) && user_row(&among, 3, &other_rows));
    CHECK(rows.bytes > 100);
    CHECK(slice_equal(buffer_slice(&rows), buffer_slice(&other_rows)));
    /* What is over is gone: a day of a minute's steps leaves some hours of it. */
    CHECK(quota_counter_count(alone.quota) < 300);
    choices_release(&first);
    choices_release(&second);
    buffer_release(&rows);
    buffer_release(&other_rows);
    world_release(&alone);
    world_release(&among);
}

static void who_is_gone_is_in_no_counter(struct test *t)
{
    struct world world;
    struct buffer rows;
    CHECK(world_init(&world));
    buffer_init(&rows, &world.memory, FOLD_ROWS_MAXIMUM);
    for (ordinal user = 0; user < 5; user++) {
        CHECK(weighs(&world, event(user, 3, POKE, START), 256)); /* about a user */
        if (user < 4) CHECK(weighs(&world, event(user, 3, VIEW, START), 256));
    }
    CHECK_EQ(quota_counter_count(world.quota), 5 + 2 * 4);
    CHECK_EQ(world_delete(&world, ENTITY_ITEM, 3), CODE_OK); /* of an item they stay */
    CHECK_EQ(quota_counter_count(world.quota), 5 + 2 * 4);
    CHECK_EQ(world_delete(&world, ENTITY_USER, 3), CODE_OK);
    CHECK_EQ(quota_counter_count(world.quota), 2 * 3); /* 0, 1 and 2 have theirs of item 3 */
    CHECK(world_check(&world));
    CHECK(weighs(&world, event(3, 3, POKE, START), 256)); /* and may begin anew */
    CHECK(world_check(&world));
    buffer_release(&rows);
    world_release(&world);
}

/* --- Rows --- */

static bool say_some(struct world *world, uint64_t seed, int count)
{
    struct choices choices;
    bool said = true;
    choices_from_seed(&choices, seed, NULL);
    for (int i = 0; i < count && said; i++) {
        struct said one = draw_said(&choices, START + i * 10000);
        said = world_say(world, &one) == CODE_OK;
    }
    choices_release(&choices);
    return said;
}

static void a_checkpoint_that_failed_is_made_good_by_the_next(struct test *t)
{
    struct world world;
    struct store *store;
    struct store_batch *batch;
    struct buffer rows, stored;
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    CHECK_EQ(store_batch_create(store, &batch, &world.error), CODE_OK);
    buffer_init(&rows, &world.memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&stored, &world.memory, FOLD_ROWS_MAXIMUM);
    CHECK(say_some(&world, 1, 300));
    for (int i = 0; i < 2; i++) {
        world.folds[i].ops->seal(world.folds[i].state);
        CHECK_EQ(world.folds[i].ops->write(world.folds[i].state, batch, &world.error), CODE_OK);
        if (i == 0) CHECK(store_batch_count(batch) > 10);
    }
    CHECK(say_some(&world, 2, 40));
    CHECK_EQ(world_delete(&world, ENTITY_USER, 2), CODE_OK);
    for (int i = 0; i < 2; i++)
        world.folds[i].ops->sealed(world.folds[i].state, false);
    CHECK_EQ(world_checkpoint(&world, store), CODE_OK);
    CHECK_EQ(world.folds[1].ops->dirty_bytes(world.folds[1].state), 0);
    CHECK(world_rows(&world, &rows));
    CHECK_EQ(store_dump(store, &stored, &world.error), CODE_OK);
    CHECK(slice_equal(buffer_slice(&rows), buffer_slice(&stored)));
    store_batch_free(batch);
    buffer_release(&rows);
    buffer_release(&stored);
    store_close(store);
    world_release(&world);
}

static enum code reload_checked(void *context, struct store *store)
{
    struct world *world = context;
    enum code code = world_reload(world, store);
    return code == CODE_OK && !world_check(world) ? CODE_FAILED : code;
}

static bool damage(struct world *world, struct store *store, enum keyspace keyspace,
                   struct slice key)
{
    struct damaged_row row = {.store = store,
                              .keyspace = keyspace,
                              .key = key,
                              .head_bytes = 1,
                              .reload = reload_checked,
                              .world = world};
    return damaged_row_is_refused(&row);
}

static void damaged_rows_are_refused_and_never_followed(struct test *t)
{
    struct world world;
    struct store *store;
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    for (int i = 0; i < 4; i++) {
        CHECK_EQ(say_plain(&world, event(1, 2, VIEW, START + i * HOUR / 2)), CODE_OK);
        CHECK_EQ(say_plain(&world, event(1, 2, VIEW, START)), CODE_OK);
        CHECK_EQ(world_say(&world, &(struct said){1, 2, STAR, START + i, 90, i % 2 == 1}), CODE_OK);
        CHECK_EQ(world_say(&world, &(struct said){1, 3, STAR, START + i, 90, false}), CODE_OK);
    }
    CHECK_EQ(world_checkpoint(&world, store), CODE_OK);
    struct key key = key_build(world_id(1), TAG_QUOTA, slice_of("", 0));
    CHECK(damage(&world, store, KEYSPACE_USERS, key_slice(&key)));
    CHECK(damage(&world, store, KEYSPACE_DATABASE, KEY_CAPPED));
    uint8_t suffix[9] = {ENTITY_ITEM};
    store_u64_be(suffix + 1, world_id(3)); /* a state that weighs less */
    key = key_build(world_id(1), TAG_BEHAVIOUR, slice_of(suffix, sizeof suffix));
    CHECK(damage(&world, store, KEYSPACE_USERS, key_slice(&key)));
    store_close(store);
    world_release(&world);
}

static void loading_without_memory_is_an_error_at_every_place(struct test *t)
{
    struct world world;
    struct store *store;
    CHECK(world_init(&world));
    CHECK_EQ(memory_store_open(&world.memory, &store, &world.error), CODE_OK);
    CHECK(say_some(&world, 3, 200));
    CHECK_EQ(world_checkpoint(&world, store), CODE_OK);
    world_free_folds(&world);
    enum code code = CODE_NO_MEMORY;
    int failures = 0;
    for (unsigned long long n = 1; code != CODE_OK; n++, failures++) {
        world.memory.fail_at_call = atomic_load(&world.memory.call_count) + n;
        code = world_create(&world);
        if (code != CODE_OK) continue;
        code = world_load(&world, store);
        CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
        world_free_folds(&world);
    }
    CHECK(failures > 50);
    store_close(store);
    memory_release(&world.memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(every_event_weighs_what_a_walk_over_all_before_it_says),
               CASE(saved_and_loaded_anywhere_goes_on_as_if_nothing_had_been),
               CASE(a_period_begins_at_the_epochs_multiples_also_before_it),
               CASE(a_cap_in_all_and_one_towards_an_item_leave_each_others_places_free),
               CASE(the_weights_of_many_grow_as_a_logarithm),
               CASE(trust_is_a_number_from_0_to_1_and_1_if_missing),
               CASE(what_is_taken_back_is_what_it_weighed_whatever_the_trust_is_now),
               CASE(another_value_beyond_the_cap_takes_the_old_one_and_adds_nothing),
               CASE(as_many_count_in_any_order_of_events_in_time),
               CASE(who_says_too_much_has_no_counters_left_until_a_period_is_over),
               CASE(a_users_row_depends_on_what_the_user_said_alone),
               CASE(who_is_gone_is_in_no_counter),
               CASE(a_checkpoint_that_failed_is_made_good_by_the_next),
               CASE(damaged_rows_are_refused_and_never_followed),
               CASE(loading_without_memory_is_an_error_at_every_place));
}
