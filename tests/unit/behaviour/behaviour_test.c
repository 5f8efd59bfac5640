#include "unit/behaviour/behaviour_world.h"

#include "base/choices.h"
#include "harness/test.h"

#include <stdlib.h>

/* Compares what the last signal was resolved to. */
static bool resolved_as(const struct world *world, bool effective, size_t count,
                        struct contribution first, struct contribution second)
{
    const struct resolved_change *last = &world->last;
    const struct contribution expected[] = {first, second};
    if (last->effective != effective || last->contribution_count != count) return false;
    for (size_t i = 0; i < count; i++) {
        const struct contribution *a = &last->contributions[i], *b = &expected[i];
        if (a->time_ms != b->time_ms || a->value != b->value || a->sign != b->sign) return false;
    }
    return true;
}

static const struct contribution none;

static void occurrence_contributes_each_time(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(world_signal(&world, 1, VIEW, 2, START), CODE_OK);
        CHECK(resolved_as(&world, true, 1, (struct contribution){START, ONE, 1}, none));
        CHECK_EQ(world.last.polarity, POLARITY_NEUTRAL);
    }
    CHECK_EQ(world_retract(&world, 1, VIEW, 2, START), CODE_OK);
    CHECK(resolved_as(&world, false, 0, none, none));
    CHECK_EQ(behaviour_pair_count(world.behaviour), 0); /* neutral, and not an impression */
    CHECK_EQ(world_signal(&world, ORDINAL_NONE, LIKE, 2, START), CODE_OK);
    CHECK(resolved_as(&world, true, 1, (struct contribution){START, ONE, 1}, none));
    CHECK_EQ(behaviour_pair_count(world.behaviour), 0); /* nobody in particular */
    world_release(&world);
}

static void repeating_a_state_is_nothing(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    CHECK_EQ(world_signal(&world, 1, LIKE, 2, START), CODE_OK);
    CHECK(resolved_as(&world, true, 1, (struct contribution){START, ONE, 1}, none));
    for (int64_t time_ms = START - 5; time_ms <= START + 5; time_ms += 5) {
        CHECK_EQ(world_signal(&world, 1, LIKE, 2, time_ms), CODE_OK);
        CHECK(resolved_as(&world, false, 0, none, none));
    }
    struct behaviour_seen seen;
    CHECK(behaviour_seen(world.behaviour, 1, 2, &seen));
    CHECK_EQ(seen.count, 1);
    CHECK_EQ(seen.newest_ms, START);
    CHECK_EQ(world_signal(&world, 2, LIKE, 2, START), CODE_OK); /* another user's is another */
    CHECK(resolved_as(&world, true, 1, (struct contribution){START, ONE, 1}, none));
    world_release(&world);
}

static void another_value_replaces_the_state_unless_it_is_older(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    CHECK_EQ(world_say(&world, &(struct said){1, 2, RATING, START, 5 * ONE, false}), CODE_OK);
    CHECK_EQ(world.last.polarity, POLARITY_POSITIVE);
    CHECK_EQ(world_say(&world, &(struct said){1, 2, RATING, START - 1, 3 * ONE, false}), CODE_OK);
    CHECK(resolved_as(&world, false, 0, none, none));
    CHECK_EQ(world_say(&world, &(struct said){1, 2, RATING, START, 3 * ONE, false}), CODE_OK);
    CHECK(resolved_as(&world, true, 2, (struct contribution){START, 5 * ONE, -1},
                      (struct contribution){START, 3 * ONE, 1}));
    CHECK_EQ(world.last.polarity, POLARITY_NEUTRAL);
    CHECK_EQ(world_say(&world, &(struct said){1, 2, RATING, START + 9, ONE, false}), CODE_OK);
    CHECK(resolved_as(&world, true, 2, (struct contribution){START, 3 * ONE, -1},
                      (struct contribution){START + 9, ONE, 1}));
    CHECK_EQ(world.last.polarity, POLARITY_NEGATIVE);
    struct behaviour_state state;
    CHECK(behaviour_state(world.behaviour, 1, ENTITY_ITEM, 2, RATING, &state));
    CHECK(state.present && state.value == ONE && state.time_ms == START + 9);
    world_release(&world);
}

static void what_is_taken_back_goes_at_its_own_time_and_the_older_stays_out(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    CHECK_EQ(world_signal(&world, 1, LIKE, 2, START), CODE_OK);
    CHECK_EQ(world_retract(&world, 1, LIKE, 2, START - 1), CODE_OK); /* older than the like */
    CHECK(resolved_as(&world, false, 0, none, none));
    CHECK_EQ(world_retract(&world, 1, LIKE, 2, START + 50), CODE_OK);
    CHECK(resolved_as(&world, true, 1, (struct contribution){START, ONE, -1}, none));
    CHECK_EQ(world.last.polarity, POLARITY_NEUTRAL);
    CHECK_EQ(world_retract(&world, 1, LIKE, 2, START + 50), CODE_OK);
    CHECK(resolved_as(&world, false, 0, none, none));
    CHECK_EQ(world_signal(&world, 1, LIKE, 2, START + 49), CODE_OK);
    CHECK(resolved_as(&world, false, 0, none, none));
    CHECK_EQ(world_signal(&world, 1, LIKE, 2, START + 50), CODE_OK); /* given again */
    CHECK(resolved_as(&world, true, 1, (struct contribution){START + 50, ONE, 1}, none));
    world_release(&world);
}

static void taking_back_first_keeps_the_older_out(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    CHECK_EQ(world_retract(&world, 1, LIKE, 2, START), CODE_OK);
    CHECK(resolved_as(&world, true, 0, none, none));
    CHECK_EQ(world_signal(&world, 1, LIKE, 2, START - 1), CODE_OK);
    CHECK(resolved_as(&world, false, 0, none, none));
    size_t count;
    CHECK(!behaviour_positives(world.behaviour, 1, &count));
    CHECK_EQ(count, 0);
    struct behaviour_seen seen;
    CHECK(!behaviour_seen(world.behaviour, 1, 2, &seen));
    CHECK_EQ(world_signal(&world, 1, LIKE, 2, START + 1), CODE_OK);
    CHECK(resolved_as(&world, true, 1, (struct contribution){START + 1, ONE, 1}, none));
    world_release(&world);
}

static void hide_is_taken_back(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    int64_t since_ms = 0;
    CHECK(!behaviour_hidden(world.behaviour, 1, 2, NULL));
    CHECK_EQ(world_signal(&world, 1, SIGNAL_HIDE, 2, START), CODE_OK);
    CHECK(behaviour_hidden(world.behaviour, 1, 2, &since_ms));
    CHECK_EQ(since_ms, START);
    CHECK(!behaviour_hidden(world.behaviour, 2, 2, NULL));
    CHECK(!behaviour_hidden(world.behaviour, 1, 1, NULL));
    CHECK_EQ(world_retract(&world, 1, SIGNAL_HIDE, 2, START + 1), CODE_OK);
    CHECK(!behaviour_hidden(world.behaviour, 1, 2, NULL));
    world_release(&world);
}

static void impressions_and_polar_signals_are_seen(struct test *t)
{
    struct world world;
    struct behaviour_seen seen;
    CHECK(world_init(&world));
    CHECK_EQ(world_signal(&world, 1, VIEW, 2, START), CODE_OK);
    CHECK(!behaviour_seen(world.behaviour, 1, 2, &seen));
    CHECK_EQ(world_signal(&world, 1, SIGNAL_IMPRESSION, 2, START + 9), CODE_OK);
    CHECK_EQ(world_signal(&world, 1, SIGNAL_IMPRESSION, 2, START + 3), CODE_OK);
    CHECK_EQ(world_signal(&world, 1, SKIP, 2, START + 4), CODE_OK);
    CHECK(behaviour_seen(world.behaviour, 1, 2, &seen));
    CHECK_EQ(seen.count, 3);
    CHECK_EQ(seen.newest_ms, START + 9);
    CHECK_EQ(world_signal(&world, 1, TRUST, 3, START + 4), CODE_OK); /* about a user */
    CHECK(!behaviour_seen(world.behaviour, 1, 3, &seen));
    world_release(&world);
}

/* The model: pairs as plain arrays, lists by sorting everything. */
enum { USERS = 4, ITEMS = 90 };

struct model_state {
    bool known, present;
    int64_t time_ms, value;
};

struct model_pair {
    uint32_t seen_count;
    int64_t seen_ms;
    int64_t skip_ms; /* newest occurrence of SKIP; 0: none */
    struct model_state states[WORLD_SIGNALS];
};

struct model {
    struct model_pair pairs[USERS][ITEMS];
    int64_t counts[ITEMS][WORLD_SIGNALS];
    int64_t sums[ITEMS][WORLD_SIGNALS];
};

static bool model_counts_state(struct model_state *state, const struct said *said)
{
    if (state->known && said->time_ms < state->time_ms) return false;
    if (state->present && !said->retract && said->value == state->value) return false;
    if (state->known && !state->present && said->retract && said->time_ms == state->time_ms)
        return false;
    *state =
        (struct model_state){true, !said->retract, said->time_ms, said->retract ? 0 : said->value};
    return true;
}

static bool model_positive(signal_id signal, int64_t value)
{
    return signal == LIKE || (signal == RATING && value >= 4 * ONE);
}

static bool model_negative(signal_id signal, int64_t value)
{
    return signal == SIGNAL_HIDE || signal == SKIP || (signal == RATING && value < 2 * ONE);
}

static void model_say(struct model *model, const struct world *world, const struct said *said)
{
    struct model_pair *pair = &model->pairs[said->user][said->subject];
    if (world->signals[said->signal].unique_per_user) {
        if (!model_counts_state(&pair->states[said->signal], said)) return;
    } else if (said->retract) {
        return;
    }
    bool polar =
        model_positive(said->signal, said->value) || model_negative(said->signal, said->value);
    if (!said->retract && (polar || said->signal == SIGNAL_IMPRESSION)) {
        pair->seen_count++;
        if (said->time_ms > pair->seen_ms) pair->seen_ms = said->time_ms;
    }
    if (said->signal == SKIP && said->time_ms > pair->skip_ms) pair->skip_ms = said->time_ms;
}

static int64_t model_newest(const struct model_pair *pair, bool positive)
{
    int64_t newest_ms = positive ? 0 : pair->skip_ms;
    for (signal_id i = 0; i < WORLD_SIGNALS; i++) {
        const struct model_state *state = &pair->states[i];
        bool counts = state->present && (positive ? model_positive(i, state->value)
                                                  : model_negative(i, state->value));
        if (counts && state->time_ms > newest_ms) newest_ms = state->time_ms;
    }
    return newest_ms;
}

static int compare_recent(const void *left, const void *right)
{
    const struct behaviour_recent *a = left, *b = right;
    if (a->time_ms != b->time_ms) return a->time_ms > b->time_ms ? -1 : 1;
    return a->id < b->id ? -1 : a->id > b->id;
}

static bool same_recent(const struct world *world, const struct model *model, ordinal user,
                        bool positive)
{
    struct behaviour_recent expected[ITEMS];
    size_t count = 0, found_count;
    for (ordinal item = 0; item < ITEMS; item++) {
        int64_t newest_ms = model_newest(&model->pairs[user][item], positive);
        if (newest_ms == 0) continue;
        expected[count++] = (struct behaviour_recent){newest_ms, world_id(item), item};
    }
    qsort(expected, count, sizeof *expected, compare_recent);
    if (count > BEHAVIOUR_RECENT_MAXIMUM) count = BEHAVIOUR_RECENT_MAXIMUM;
    const struct behaviour_recent *found =
        positive ? behaviour_positives(world->behaviour, user, &found_count)
                 : behaviour_negatives(world->behaviour, user, &found_count);
    if (found_count != count) return false;
    for (size_t i = 0; i < count; i++) {
        if (compare_recent(&found[i], &expected[i]) != 0) return false;
    }
    return true;
}

static bool same_user(const struct world *world, const struct model *model, ordinal user)
{
    for (ordinal item = 0; item < ITEMS; item++) {
        const struct model_pair *pair = &model->pairs[user][item];
        struct behaviour_seen seen = {0};
        if (behaviour_seen(world->behaviour, user, item, &seen) != (pair->seen_count > 0))
            return false;
        if (pair->seen_count > 0 &&
            (seen.count != pair->seen_count || seen.newest_ms != pair->seen_ms))
            return false;
        if (behaviour_hidden(world->behaviour, user, item, NULL) !=
            pair->states[SIGNAL_HIDE].present)
            return false;
    }
    return same_recent(world, model, user, true) && same_recent(world, model, user, false);
}

/* What a user did is also found by the walk over items. */
static bool same_walk(const struct world *world, const struct model *model, ordinal user)
{
    size_t expected = 0, found = 0;
    for (ordinal item = 0; item < ITEMS; item++) {
        const struct model_pair *pair = &model->pairs[user][item];
        expected += pair->seen_count > 0 || pair->states[SIGNAL_HIDE].present;
    }
    const void *position = NULL;
    struct behaviour_item item;
    while (behaviour_next_item(world->behaviour, user, &position, &item)) {
        const struct model_pair *pair = &model->pairs[user][item.item];
        if (item.hidden != pair->states[SIGNAL_HIDE].present) return false;
        if (item.seen.count != pair->seen_count) return false;
        found += item.hidden || item.seen.count > 0;
    }
    return found == expected;
}

static struct said draw_said(struct choices *choices, int step)
{
    static const signal_id signals[] = {LIKE, LIKE, RATING, SKIP, SIGNAL_HIDE, SIGNAL_IMPRESSION,
                                        VIEW};
    struct said said = {
        .user = (ordinal)choose(choices, USERS - 1),
        .subject = (ordinal)choose(choices, ITEMS - 1),
        .signal = signals[choose(choices, 6)],
        .time_ms = START + step * 10 - (int64_t)choose(choices, 400),
        .value = ONE,
        .retract = choose_one_in(choices, 4),
    };
    if (said.signal == RATING) said.value = (int64_t)choose_between(choices, 1, 5) * ONE;
    return said;
}

static void agrees_with_a_model_that_keeps_everything(struct test *t)
{
    static struct model model;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        struct world world;
        CHECK(world_init(&world));
        memset(&model, 0, sizeof model);
        for (int step = 0; step < 3000; step++) {
            if (choose_one_in(&choices, 150)) {
                ordinal item = (ordinal)choose(&choices, ITEMS - 1);
                CHECK_EQ(world_delete(&world, ENTITY_ITEM, item), CODE_OK);
                for (int user = 0; user < USERS; user++)
                    memset(&model.pairs[user][item], 0, sizeof model.pairs[user][item]);
                memset(model.counts[item], 0, sizeof model.counts[item]);
                memset(model.sums[item], 0, sizeof model.sums[item]);
            } else if (choose_one_in(&choices, 1500)) {
                ordinal user = (ordinal)choose(&choices, USERS - 1);
                CHECK_EQ(world_delete(&world, ENTITY_USER, user), CODE_OK);
                memset(model.pairs[user], 0, sizeof model.pairs[user]);
                memset(model.counts, 0, sizeof model.counts); /* his part of them stays counted */
                memset(model.sums, 0, sizeof model.sums);
                for (int other = 0; other < USERS; other++) {
                    for (int item = 0; item < ITEMS; item++) {
                        for (int i = 0; i < WORLD_SIGNALS; i++) {
                            const struct model_state *state = &model.pairs[other][item].states[i];
                            model.counts[item][i] += state->present;
                            model.sums[item][i] += state->present ? state->value : 0;
                        }
                    }
                }
            } else {
                struct said said = draw_said(&choices, step);
                CHECK_EQ(world_say(&world, &said), CODE_OK);
                model_say(&model, &world, &said);
                for (size_t i = 0; i < world.last.contribution_count; i++) {
                    const struct contribution *given = &world.last.contributions[i];
                    if (!world.signals[said.signal].unique_per_user) continue;
                    model.counts[said.subject][said.signal] += given->sign;
                    model.sums[said.subject][said.signal] += given->sign * given->value;
                }
                CHECK(same_recent(&world, &model, said.user, true));
                CHECK(same_recent(&world, &model, said.user, false));
            }
            if (step % 100 != 99) continue;
            CHECK(world_check(&world));
            for (ordinal user = 0; user < USERS; user++) {
                CHECK(same_user(&world, &model, user));
                CHECK(same_walk(&world, &model, user));
            }
            /* Contributions add up to the states that stand. */
            for (int item = 0; item < ITEMS; item++) {
                for (int i = 0; i < WORLD_SIGNALS; i++) {
                    int64_t count = 0, sum = 0;
                    for (int user = 0; user < USERS; user++) {
                        const struct model_state *state = &model.pairs[user][item].states[i];
                        count += state->present;
                        sum += state->present ? state->value : 0;
                    }
                    CHECK_EQ(model.counts[item][i], count);
                    CHECK_EQ(model.sums[item][i], sum);
                }
            }
        }
        choices_release(&choices);
        world_release(&world);
    }
}

static void the_sixty_fifth_moves_up_when_one_is_taken_back(struct test *t)
{
    struct world world;
    CHECK(world_init(&world));
    size_t count;
    for (ordinal item = 0; item < 70; item++)
        CHECK_EQ(world_signal(&world, 1, LIKE, item, START + item), CODE_OK);
    const struct behaviour_recent *recent = behaviour_positives(world.behaviour, 1, &count);
    CHECK_EQ(count, BEHAVIOUR_RECENT_MAXIMUM);
    CHECK_EQ(recent[0].item, 69);
    CHECK_EQ(recent[63].item, 6);
    CHECK_EQ(world_retract(&world, 1, LIKE, 50, START + 100), CODE_OK);
    recent = behaviour_positives(world.behaviour, 1, &count);
    CHECK_EQ(count, BEHAVIOUR_RECENT_MAXIMUM);
    CHECK_EQ(recent[63].item, 5);
    CHECK_EQ(world_delete(&world, ENTITY_ITEM, 69), CODE_OK);
    recent = behaviour_positives(world.behaviour, 1, &count);
    CHECK_EQ(recent[0].item, 68);
    CHECK_EQ(recent[63].item, 4);
    CHECK(world_check(&world));
    world_release(&world);
}

static void deleting_either_end_forgets_what_was_between(struct test *t)
{
    struct world world;
    struct behaviour_state state;
    CHECK(world_init(&world));
    CHECK_EQ(world_signal(&world, 1, LIKE, 5, START), CODE_OK);
    CHECK_EQ(world_signal(&world, 2, LIKE, 5, START), CODE_OK);
    CHECK_EQ(world_signal(&world, 2, LIKE, 6, START), CODE_OK);
    CHECK_EQ(world_signal(&world, 1, TRUST, 2, START), CODE_OK);
    CHECK_EQ(world_signal(&world, 2, TRUST, 1, START), CODE_OK);
    CHECK_EQ(world_delete(&world, ENTITY_USER, 1), CODE_OK); /* as a subject, too */
    CHECK(!behaviour_state(world.behaviour, 2, ENTITY_USER, 1, TRUST, &state));
    CHECK_EQ(behaviour_pair_count(world.behaviour), 2);
    CHECK_EQ(world_delete(&world, ENTITY_ITEM, 5), CODE_OK);
    CHECK_EQ(behaviour_pair_count(world.behaviour), 1);
    /* A like of the item that comes back is a first like. */
    CHECK_EQ(world_signal(&world, 2, LIKE, 5, START), CODE_OK);
    CHECK(resolved_as(&world, true, 1, (struct contribution){START, ONE, 1}, none));
    CHECK_EQ(world_delete(&world, ENTITY_CREATOR, 6), CODE_OK); /* another kind, same number */
    CHECK_EQ(world_delete(&world, ENTITY_ITEM, 1000), CODE_OK);
    CHECK_EQ(behaviour_pair_count(world.behaviour), 2);
    CHECK(world_check(&world));
    world_release(&world);
}

static void no_memory_is_an_error_at_every_place(struct test *t)
{
    unsigned long long last = 0;
    for (unsigned long long fail_at = 1; fail_at == last + 1; fail_at++) {
        struct world world;
        memset(&world, 0, sizeof world);
        memory_init(&world.memory, 0);
        world_schema(&world);
        world.memory.fail_at_call = fail_at;
        enum code code = world_create(&world);
        if (code != CODE_OK) {
            CHECK_EQ(code, CODE_NO_MEMORY);
            last = fail_at;
            memory_release(&world.memory);
            continue;
        }
        struct choices choices;
        choices_from_seed(&choices, 3, NULL);
        for (int i = 0; i < 150 && code == CODE_OK; i++) {
            struct said said = draw_said(&choices, i);
            code = world_say(&world, &said);
        }
        if (code == CODE_OK) code = world_delete(&world, ENTITY_USER, 1);
        if (code == CODE_OK) code = world_delete(&world, ENTITY_ITEM, 3);
        if (code != CODE_OK) {
            CHECK_EQ(code, CODE_NO_MEMORY);
            last = fail_at;
        }
        choices_release(&choices);
        world_release(&world); /* asserts that nothing was lost */
    }
    CHECK(last > 50);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(occurrence_contributes_each_time),
               CASE(repeating_a_state_is_nothing),
               CASE(another_value_replaces_the_state_unless_it_is_older),
               CASE(what_is_taken_back_goes_at_its_own_time_and_the_older_stays_out),
               CASE(taking_back_first_keeps_the_older_out), CASE(hide_is_taken_back),
               CASE(impressions_and_polar_signals_are_seen),
               CASE(agrees_with_a_model_that_keeps_everything),
               CASE(the_sixty_fifth_moves_up_when_one_is_taken_back),
               CASE(deleting_either_end_forgets_what_was_between),
               CASE(no_memory_is_an_error_at_every_place));
}
