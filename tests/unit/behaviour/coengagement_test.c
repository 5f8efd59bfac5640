#include "unit/behaviour/coengagement_world.h"

#include "base/choices.h"
#include "harness/store_rows.h"
#include "harness/test.h"

#include <stdlib.h>

enum {
    USERS = 12,
    FEW = 30,   /* items: all fit into a neighbourhood */
    MANY = 300, /* they do not */
    EVENTS = 3000,
    EVERY = 100
};

static bool near(double value, double wanted)
{
    return fabs(value - wanted) <= 1e-4 + 1e-5 * fabs(wanted);
}

/* --- The oracle: all that was said, and all pairs that were counted, with their times --- */

struct standing {
    bool has_like; /* said, maybe taken back */
    bool likes;
    int64_t like_ms, play_ms;
};

struct counted {
    ordinal a, b; /* b ORDINAL_NONE: of a alone */
    int64_t time_ms;
};

struct oracle {
    struct standing said[USERS][MANY];
    struct counted *counted;
    size_t count, capacity;
};

static int64_t taken_well_ms(const struct standing *said)
{
    int64_t like_ms = said->likes ? said->like_ms : INT64_MIN;
    return like_ms > said->play_ms ? like_ms : said->play_ms;
}

static void oracle_add(struct oracle *oracle, ordinal a, ordinal b, int64_t time_ms)
{
    if (oracle->count == oracle->capacity) {
        oracle->capacity = oracle->capacity > 0 ? oracle->capacity * 2 : 1024;
        oracle->counted = realloc(oracle->counted, oracle->capacity * sizeof *oracle->counted);
    }
    oracle->counted[oracle->count++] = (struct counted){a, b, time_ms};
}

/* The user's items by their newest positive, as a list sorted anew each time. */
static size_t oracle_recent(const struct oracle *oracle, ordinal user, ordinal *list, size_t limit)
{
    size_t count = 0;
    bool taken[MANY] = {false};
    for (; count < limit; count++) {
        ordinal best = ORDINAL_NONE;
        for (ordinal item = 0; item < MANY; item++) {
            int64_t time_ms = taken_well_ms(&oracle->said[user][item]);
            if (taken[item] || time_ms == INT64_MIN) continue;
            if (best == ORDINAL_NONE || time_ms > taken_well_ms(&oracle->said[user][best]))
                best = item;
        }
        if (best == ORDINAL_NONE) break;
        taken[best] = true;
        list[count] = best;
    }
    return count;
}

static void oracle_count(struct oracle *oracle, const struct said *said)
{
    const struct standing *before = &oracle->said[said->user][said->subject];
    int64_t newest_ms = taken_well_ms(before);
    ordinal recent[BEHAVIOUR_RECENT_MAXIMUM];
    size_t count = oracle_recent(oracle, said->user, recent, BEHAVIOUR_RECENT_MAXIMUM), of_hour = 0,
           paired = 0;
    if (said->signal == LIKE && before->has_like) return;
    if (newest_ms != INT64_MIN && newest_ms > said->time_ms - 30 * DAY) return;
    for (size_t i = 0; i < count; i++)
        of_hour +=
            taken_well_ms(&oracle->said[said->user][recent[i]]) / HOUR >= said->time_ms / HOUR;
    if (of_hour >= 20) return;
    oracle_add(oracle, said->subject, ORDINAL_NONE, said->time_ms);
    for (size_t i = 0; i < count && paired < 20; i++) {
        if (recent[i] == said->subject) continue;
        oracle_add(oracle, said->subject, recent[i], said->time_ms);
        paired++;
    }
}

static void oracle_say(struct oracle *oracle, const struct said *said)
{
    struct standing *state = &oracle->said[said->user][said->subject];
    bool older = said->signal == LIKE && state->has_like && said->time_ms < state->like_ms;
    if (!older && !said->retract) oracle_count(oracle, said);
    if (said->signal == PLAY) {
        if (said->time_ms > state->play_ms) state->play_ms = said->time_ms;
    } else if (!older && (said->retract || !state->likes)) {
        *state = (struct standing){true, !said->retract, said->time_ms, state->play_ms};
    }
}

static void oracle_delete(struct oracle *oracle, ordinal item)
{
    size_t kept = 0;
    for (size_t i = 0; i < oracle->count; i++)
        if (oracle->counted[i].a != item && oracle->counted[i].b != item)
            oracle->counted[kept++] = oracle->counted[i];
    oracle->count = kept;
    for (ordinal user = 0; user < USERS; user++)
        oracle->said[user][item] = (struct standing){.play_ms = INT64_MIN};
}

static void oracle_init(struct oracle *oracle)
{
    memset(oracle, 0, sizeof *oracle);
    for (ordinal user = 0; user < USERS; user++)
        for (ordinal item = 0; item < MANY; item++)
            oracle->said[user][item].play_ms = INT64_MIN;
}

/* What is counted of each pair at that time; of an item alone at its own place. */
static double sums[MANY][MANY];

static void oracle_sum(const struct oracle *oracle, int64_t now_ms)
{
    memset(sums, 0, sizeof sums);
    for (size_t i = 0; i < oracle->count; i++) {
        const struct counted *one = &oracle->counted[i];
        ordinal other = one->b == ORDINAL_NONE ? one->a : one->b;
        double weight =
            (double)exp2l(-(long double)(now_ms - one->time_ms) / (30 * (long double)DAY));
        sums[one->a][other] += weight;
        if (other != one->a) sums[other][one->a] += weight;
    }
}

/* --- Properties --- */

/* One in some hundred is a DELETE, of an item or a user; *gone is the item. */
static bool random_step(struct pair_world *w, struct oracle *oracle, struct choices *choices,
                        ordinal items, int64_t *now_ms)
{
    *now_ms += (int64_t)choose(choices, 2 * (uint64_t)HOUR);
    if (choose_one_in(choices, 100)) *now_ms += (int64_t)choose(choices, 20 * (uint64_t)DAY);
    ordinal item = (ordinal)choose(choices, items - 1);
    if (choose_one_in(choices, 3)) item = (ordinal)choose(choices, items / 8);
    if (choose_one_in(choices, 150)) {
        if (oracle) oracle_delete(oracle, item);
        return pair_delete(w, ENTITY_ITEM, item);
    }
    struct said said = {.user = (ordinal)choose(choices, USERS - 1),
                        .subject = item,
                        .signal = choose_one_in(choices, 2) ? PLAY : LIKE,
                        .time_ms = *now_ms,
                        .value = ONE};
    if (choose_one_in(choices, 8)) said.time_ms -= (int64_t)choose(choices, 3 * (uint64_t)HOUR);
    said.retract = said.signal == LIKE && choose_one_in(choices, 5);
    /* Of two events of one moment the order is by id; the oracle knows no ids, but ids follow
     * ordinals, and so does its list. */
    if (oracle) oracle_say(oracle, &said);
    return pair_say(w, &said);
}

static bool agrees(const struct pair_world *w, const struct oracle *oracle, int64_t now_ms)
{
    oracle_sum(oracle, now_ms);
    for (ordinal a = 0; a < FEW; a++) {
        for (ordinal b = 0; b < FEW; b++) {
            struct coengaged found = pair_find_neighbour(w, a, b, now_ms);
            double together = a == b ? 0 : sums[a][b];
            bool right = near(found.together, together);
            if (found.together > 0)
                right = right && near(found.own, sums[a][a]) && near(found.other, sums[b][b]);
            if (right) continue;
            fprintf(stderr, "    %u with %u: %g of %g and %g, want %g\n", a, b, found.together,
                    found.own, found.other, together);
            return false;
        }
    }
    return true;
}

static void what_is_counted_is_what_a_list_of_all_events_says(struct test *t)
{
    static struct pair_world w;
    static struct oracle oracle;
    struct choices choices;
    int64_t now_ms = START;
    CHECK(pair_world_init(&w));
    oracle_init(&oracle);
    choices_from_seed(&choices, 61, NULL);
    for (int i = 0; i < EVENTS; i++) {
        CHECK(random_step(&w, &oracle, &choices, FEW, &now_ms));
        if (i % EVERY != 0) continue;
        CHECK(agrees(&w, &oracle, now_ms));
        CHECK(agrees(&w, &oracle, now_ms + 45 * DAY));
        CHECK(pair_check(&w));
    }
    CHECK(oracle.count > 5000);
    free(oracle.counted);
    pair_world_release(&w);
}

/* What an item has room for is bounded on both sides; whatever is more than a 32nd is there. */
static bool is_bounded(struct pair_world *w, ordinal item, int64_t now_ms)
{
    struct neighbourhood *hood = hood_find(w->coengagement, item);
    double all = 0;
    for (ordinal other = 0; other < MANY; other++) {
        double truth = other == item ? 0 : sums[item][other];
        double together = pair_together(w, item, other, now_ms);
        all += truth;
        if (together > truth + 1e-4 + 1e-5 * truth) return false;
    }
    for (ordinal other = 0; hood && other < MANY; other++) {
        double truth = other == item ? 0 : sums[item][other];
        bool is_there = false;
        for (size_t i = 0; i < hood->count; i++)
            is_there = is_there || neighbour_items(hood)[i] == other;
        if (truth > all / COENGAGEMENT_NEIGHBOURS_MAXIMUM + 1e-3 && !is_there) return false;
    }
    return true;
}

static void a_full_neighbourhood_keeps_what_is_heavy_and_never_counts_too_much(struct test *t)
{
    static struct pair_world w;
    static struct oracle oracle;
    struct choices choices;
    int64_t now_ms = START;
    size_t full = 0;
    CHECK(pair_world_init(&w));
    oracle_init(&oracle);
    choices_from_seed(&choices, 62, NULL);
    for (int i = 0; i < EVENTS; i++) {
        CHECK(random_step(&w, &oracle, &choices, MANY, &now_ms));
        if (i % (10 * EVERY) != 0) continue;
        oracle_sum(&oracle, now_ms);
        CHECK(is_bounded(&w, 3, now_ms));
    }
    oracle_sum(&oracle, now_ms);
    for (ordinal item = 0; item < MANY; item += 7) {
        CHECK(is_bounded(&w, item, now_ms));
        struct neighbourhood *hood = hood_find(w.coengagement, item);
        full += hood && hood->count == COENGAGEMENT_NEIGHBOURS_MAXIMUM;
    }
    CHECK(full > 20);
    CHECK(pair_check(&w));
    free(oracle.counted);
    pair_world_release(&w);
}

static void a_checkpoint_anywhere_changes_nothing(struct test *t)
{
    static struct pair_world w, uninterrupted;
    struct choices choices, same;
    struct buffer ours, theirs;
    struct store *store;
    int64_t now_ms = START, same_ms = START;
    CHECK(pair_world_init(&w) && pair_world_init(&uninterrupted));
    CHECK_EQ(memory_store_open(&w.world.memory, &store, &w.world.error), CODE_OK);
    buffer_init(&ours, &w.world.memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&theirs, &w.world.memory, FOLD_ROWS_MAXIMUM);
    choices_from_seed(&choices, 63, NULL);
    choices_from_seed(&same, 63, NULL);
    for (int i = 0; i < EVENTS; i++) {
        CHECK(random_step(&w, NULL, &choices, MANY, &now_ms));
        CHECK(random_step(&uninterrupted, NULL, &same, MANY, &same_ms));
        if (i % 40 == 0) CHECK(pair_reopen(&w, store));
        if (i % 200 != 0) continue;
        CHECK(pair_dump(&w, &ours) && pair_dump(&uninterrupted, &theirs));
        CHECK(slice_equal(buffer_slice(&ours), buffer_slice(&theirs)));
    }
    CHECK(ours.bytes > 10000);
    buffer_release(&ours);
    buffer_release(&theirs);
    store_close(store);
    pair_world_release(&w);
    pair_world_release(&uninterrupted);
}

/* --- Cases --- */

static void an_event_halves_in_thirty_days(struct test *t)
{
    struct pair_world w;
    CHECK(pair_world_init(&w));
    for (int64_t at = 0; at < 4; at++) { /* at places of an epoch that differ */
        ordinal a = (ordinal)(2 * at), b = a + 1;
        int64_t time_ms = TEN + at * 7 * DAY;
        CHECK(pair_signal(&w, (ordinal)at, LIKE, a, time_ms));
        CHECK(pair_signal(&w, (ordinal)at, LIKE, b, time_ms));
        CHECK(pair_together(&w, a, b, time_ms) == 1);
        CHECK(pair_together(&w, b, a, time_ms) == 1);
        CHECK(pair_together(&w, a, b, time_ms + 30 * DAY) == 0.5);
        CHECK(pair_together(&w, a, b, time_ms + 300 * DAY) == 0x1p-10);
        CHECK(fabs(pair_together(&w, a, b, time_ms + 15 * DAY) - 0.70710678) < 1e-5);
        CHECK(pair_find_neighbour(&w, a, b, time_ms).own == 1);
    }
    CHECK(pair_together(&w, 0, 2, TEN + 30 * DAY) == 0); /* by other users */
    pair_world_release(&w);
}

static void twenty_items_of_a_user_count_in_an_hour(struct test *t)
{
    struct pair_world w;
    CHECK(pair_world_init(&w));
    for (ordinal item = 0; item < 22; item++) {
        CHECK(pair_signal(&w, 1, LIKE, item, TEN + item));
        CHECK_EQ(w.world.last.engages, item < 20);
        CHECK_EQ(w.world.last.partner_count, item < 20 ? item : 0);
    }
    /* The hour ends with its last millisecond. */
    CHECK(pair_signal(&w, 1, LIKE, 30, TEN + HOUR - 1));
    CHECK(!w.world.last.engages);
    CHECK(pair_signal(&w, 1, LIKE, 31, TEN + HOUR));
    CHECK(w.world.last.engages);
    CHECK_EQ(w.world.last.partner_count, 20);
    CHECK_EQ(w.world.last.partners[0].item, 30); /* the newest, counted or not */
    /* What comes late is of a full hour, or before one. */
    CHECK(pair_signal(&w, 1, LIKE, 32, TEN + 5));
    CHECK(!w.world.last.engages);
    CHECK(pair_signal(&w, 1, LIKE, 33, TEN - HOUR));
    CHECK(!w.world.last.engages);
    /* Another user has an hour of his own. */
    CHECK(pair_signal(&w, 2, LIKE, 34, TEN + 5));
    CHECK(w.world.last.engages);
    pair_world_release(&w);
}

static void one_user_cannot_couple_items_by_repeating(struct test *t)
{
    struct pair_world w;
    int64_t now_ms = TEN;
    CHECK(pair_world_init(&w));
    for (int i = 0; i < 2000; i++, now_ms += 10 * 60000) { /* two weeks of it */
        CHECK(pair_signal(&w, 1, PLAY, (ordinal)(i % 2), now_ms));
        CHECK(pair_signal(&w, 1, LIKE, (ordinal)(2 + i % 2), now_ms));
        CHECK(pair_say(&w, &(struct said){1, (ordinal)(2 + i % 2), LIKE, now_ms + 1, ONE, true}));
    }
    CHECK(pair_together(&w, 0, 1, now_ms) <= 1);
    CHECK(pair_together(&w, 2, 3, now_ms) <= 1);
    /* With years of patience: one for each half-life, from both sides. */
    for (int i = 0; i < 400; i++, now_ms += 15 * DAY)
        CHECK(pair_signal(&w, 1, PLAY, (ordinal)(10 + i % 2), now_ms));
    CHECK(pair_together(&w, 10, 11, now_ms) < 4);
    pair_world_release(&w);
}

static void what_is_taken_back_stays_counted_and_does_not_count_again(struct test *t)
{
    struct pair_world w;
    CHECK(pair_world_init(&w));
    CHECK(pair_signal(&w, 1, LIKE, 0, TEN) && pair_signal(&w, 1, LIKE, 1, TEN));
    CHECK(pair_say(&w, &(struct said){1, 1, LIKE, TEN + 1, ONE, true}));
    CHECK(!w.world.last.engages);
    CHECK(pair_together(&w, 0, 1, TEN) == 1);
    CHECK(pair_signal(&w, 1, LIKE, 1, TEN + 100 * DAY));
    CHECK(w.world.last.effective && !w.world.last.engages);
    pair_world_release(&w);
}

static void only_what_is_taken_well_counts(struct test *t)
{
    struct pair_world w;
    CHECK(pair_world_init(&w));
    CHECK(pair_say(&w, &(struct said){1, 0, RATING, TEN, 5 * ONE, false}));
    CHECK(w.world.last.engages);
    CHECK(pair_say(&w, &(struct said){1, 1, RATING, TEN, 3 * ONE, false}));
    CHECK(!w.world.last.engages);
    CHECK(pair_signal(&w, 1, SKIP, 2, TEN));
    CHECK(!w.world.last.engages);
    CHECK(pair_say(&w, &(struct said){1, 3, TRUST, TEN, ONE, false})); /* of a user */
    CHECK(!w.world.last.engages);
    CHECK_EQ(coengagement_count(w.coengagement), 1);
    pair_world_release(&w);
}

static void what_is_late_capped_or_by_nobody_does_not_count(struct test *t)
{
    struct pair_world w;
    struct change change = {.kind = CHANGE_SIGNAL, .signal = {.signal = PLAY, .value = ONE}};
    CHECK(pair_world_init(&w));
    struct resolved_change resolved = {.schema = &w.world.schema,
                                       .change = &change,
                                       .subject = 1,
                                       .other = 1,
                                       .time_ms = TEN,
                                       .late = true};
    behaviour_resolve(w.world.behaviour, &resolved);
    coengagement_resolve(w.world.behaviour, &resolved, w.partners);
    CHECK(!resolved.engages);
    resolved.late = false;
    coengagement_resolve(w.world.behaviour, &resolved, w.partners);
    CHECK(resolved.engages);
    resolved.weight = 0; /* beyond a cap */
    coengagement_resolve(w.world.behaviour, &resolved, w.partners);
    CHECK(!resolved.engages);
    resolved.weight = EVENT_WEIGHT_ONE;
    resolved.other = ORDINAL_NONE;
    coengagement_resolve(w.world.behaviour, &resolved, w.partners);
    CHECK(!resolved.engages);
    pair_world_release(&w);
}

/* User `user` takes both well. */
static bool couple(struct pair_world *w, ordinal user, ordinal a, ordinal b, int64_t time_ms)
{
    return pair_signal(w, user, LIKE, a, time_ms) && pair_signal(w, user, LIKE, b, time_ms);
}

static void the_lightest_neighbour_gives_its_place_and_its_count_as_an_error(struct test *t)
{
    struct pair_world w;
    ordinal user = 0;
    CHECK(pair_world_init(&w));
    for (ordinal other = 1; other <= 32; other++) /* item 7 twice, all others three times */
        for (int i = 0; i < (other == 7 ? 2 : 3); i++)
            CHECK(couple(&w, user++, 0, other, TEN));
    CHECK(couple(&w, user++, 0, 100, TEN)); /* in place of 7: 2 + 1, of which 1 is sure */
    CHECK(pair_together(&w, 0, 7, TEN) == 0);
    CHECK(pair_together(&w, 0, 100, TEN) == 1);
    CHECK(pair_together(&w, 7, 0, TEN) == 2); /* it has room for what has none for it */
    CHECK(couple(&w, user++, 0, 7, TEN));     /* all have 3 now: the last item goes */
    CHECK(pair_together(&w, 0, 100, TEN) == 0);
    CHECK(pair_together(&w, 0, 7, TEN) == 1);
    CHECK(pair_check(&w));
    pair_world_release(&w);
}

static void a_deleted_item_leaves_nothing(struct test *t)
{
    struct pair_world w;
    struct store *store;
    CHECK(pair_world_init(&w));
    CHECK_EQ(memory_store_open(&w.world.memory, &store, &w.world.error), CODE_OK);
    CHECK(couple(&w, 1, 0, 1, TEN) && couple(&w, 2, 0, 2, TEN));
    for (int i = 0; i < 600; i++) { /* generations go round after 256 */
        CHECK(pair_delete(&w, ENTITY_ITEM, 0));
        for (ordinal other = 1; other <= 2; other++) {
            CHECK(pair_together(&w, 0, other, TEN) == 0 && pair_together(&w, other, 0, TEN) == 0);
        }
        if (i % 3 == 0) CHECK(pair_reopen(&w, store));
        if (i % 255 != 1) continue;
        CHECK(couple(&w, (ordinal)(10 + i), 0, 1, TEN + 1));
        CHECK(pair_together(&w, 0, 1, TEN + 1) == 1 && pair_together(&w, 1, 0, TEN + 1) == 1);
        CHECK(pair_find_neighbour(&w, 0, 1, TEN + 1).own == 1);
        CHECK(pair_together(&w, 2, 0, TEN + 1) == 0);
        CHECK(pair_check(&w));
    }
    store_close(store);
    pair_world_release(&w);
}

static void what_deleted_items_held_is_the_first_to_go(struct test *t)
{
    struct pair_world w;
    ordinal user = 0;
    CHECK(pair_world_init(&w));
    for (ordinal other = 1; other <= 32; other++)
        CHECK(couple(&w, user++, 0, other, TEN));
    CHECK(pair_delete(&w, ENTITY_ITEM, 5));
    CHECK(couple(&w, user++, 0, 100, TEN));
    CHECK(pair_together(&w, 0, 100, TEN) == 1);
    for (ordinal other = 1; other <= 32; other++)
        CHECK(pair_together(&w, 0, other, TEN) == (other != 5));
    pair_world_release(&w);
}

/* FORGET is a DELETE to the folds. */
static void a_forgotten_user_leaves_no_trace_of_whom(struct test *t)
{
    struct pair_world w, other;
    struct buffer ours, theirs;
    CHECK(pair_world_init(&w) && pair_world_init(&other));
    buffer_init(&ours, &w.world.memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&theirs, &w.world.memory, FOLD_ROWS_MAXIMUM);
    CHECK(couple(&w, 77, 0, 1, TEN) && couple(&other, 78, 0, 1, TEN));
    CHECK(pair_delete(&w, ENTITY_USER, 77));
    CHECK(pair_dump(&w, &ours) && pair_dump(&other, &theirs));
    CHECK(slice_equal(buffer_slice(&ours), buffer_slice(&theirs)));
    buffer_release(&ours);
    buffer_release(&theirs);
    pair_world_release(&w);
    pair_world_release(&other);
}

/* More than 2^32 units, which is 32,768 events of the end of an epoch. */
static void a_million_people_are_counted_by_their_weight(struct test *t)
{
    enum { PEOPLE = 1000000 };
    struct pair_world w;
    CHECK(pair_world_init(&w));
    struct change change = {.kind = CHANGE_SIGNAL};
    struct partner partner = {world_id(1), 1};
    struct resolved_change resolved = {.change = &change,
                                       .subject = 0,
                                       .subject_id = world_id(0),
                                       .time_ms = TEN,
                                       .weight = EVENT_WEIGHT_ONE,
                                       .engages = true,
                                       .partners = &partner,
                                       .partner_count = 1};
    for (int i = 0; i < PEOPLE; i++)
        CHECK_EQ(w.fold.ops->apply(w.fold.state, &resolved, &w.world.error), CODE_OK);
    struct coengaged found = pair_find_neighbour(&w, 0, 1, TEN);
    CHECK(fabs(found.together / PEOPLE - 1) < 1e-3);
    CHECK(fabs(found.own / PEOPLE - 1) < 1e-3);
    partner = (struct partner){world_id(2), 2};
    resolved.weight = EVENT_WEIGHT_ONE / 4;
    CHECK_EQ(w.fold.ops->apply(w.fold.state, &resolved, &w.world.error), CODE_OK);
    CHECK(pair_together(&w, 2, 0, TEN) == 0.25);
    CHECK(fabs(pair_together(&w, 0, 1, TEN + 30 * DAY) / PEOPLE - 0.5) < 1e-3);
    pair_world_release(&w);
}

static void memory_is_bounded_and_counted(struct test *t)
{
    struct pair_world w;
    ordinal user = 0;
    CHECK(pair_world_init(&w));
    for (ordinal other = 1; other <= 500; other++)
        CHECK(couple(&w, user++, 0, other, TEN));
    struct neighbourhood *hood = hood_find(w.coengagement, 0);
    CHECK_EQ(hood->count, COENGAGEMENT_NEIGHBOURS_MAXIMUM);
    CHECK_EQ(neighbourhood_bytes(hood->capacity), 448);
    CHECK(w.fold.ops->bytes(w.fold.state) < sizeof *w.coengagement + 448 + 500 * 84 + 8192 + 4096);
    pair_world_release(&w);
}

/* --- Rows --- */

static bool put_row(struct pair_world *w, struct store *store, entity_id id, struct slice row)
{
    struct key key = key_build(id, TAG_COENGAGEMENT, slice_of(NULL, 0));
    return store_put(store, KEYSPACE_ITEMS, key_slice(&key), row, &w->world.error) == CODE_OK;
}

/* Loads this row, beside empty ones of items 1 and 2. */
static bool load_one(struct pair_world *w, entity_id id, const uint8_t *row, size_t bytes,
                     enum code wanted)
{
    static const uint8_t empty[] = {1, 0, 0, 0, 0};
    struct store *store = NULL;
    struct error *error = &w->world.error;
    w->fold.ops->free(w->fold.state);
    bool ok = pair_world_create(w) == CODE_OK &&
              memory_store_open(&w->world.memory, &store, error) == CODE_OK &&
              put_row(w, store, world_id(1), slice_of(empty, sizeof empty)) &&
              put_row(w, store, world_id(2), slice_of(empty, sizeof empty)) &&
              put_row(w, store, id, slice_of(row, bytes));
    enum code code =
        ok ? w->fold.ops->load(w->fold.state, store, &w->world.schema, error) : CODE_OK;
    store_close(store);
    return ok && code == wanted && (code == CODE_OK || error->message[0] != '\0');
}

static void a_damaged_row_is_refused(struct test *t)
{
    struct pair_world w;
    struct buffer row;
    CHECK(pair_world_init(&w));
    buffer_init(&row, &w.world.memory, 4096);
    buffer_put_u8(&row, 1);
    buffer_put_u8(&row, 0);
    buffer_put_signed(&row, 691);
    buffer_put_varint(&row, 200000);
    buffer_put_varint(&row, 2);
    for (ordinal other = 1; other <= 2; other++) {
        buffer_put_varint(&row, other == 1 ? world_id(1) : world_id(2) - world_id(1));
        buffer_put_u8(&row, 0);
        buffer_put_varint(&row, 100000);
        buffer_put_varint(&row, 100000); /* an error may be the whole count */
    }
    uint8_t bytes[128];
    size_t count = row.bytes;
    CHECK(count < sizeof bytes - 1);
    memcpy(bytes, row.data, count);
    CHECK(load_one(&w, world_id(0), bytes, count, CODE_OK));
    CHECK(load_one(&w, world_id(9), bytes, count, CODE_OK));
    bytes[count - 8] += 3; /* another neighbour, which has no row */
    CHECK(load_one(&w, world_id(0), bytes, count, CODE_CORRUPT));
    bytes[count - 8] -= 3;
    for (size_t cut = 0; cut < count; cut++)
        CHECK(load_one(&w, world_id(0), bytes, cut, CODE_CORRUPT));
    bytes[count] = 0;
    CHECK(load_one(&w, world_id(0), bytes, count + 1, CODE_CORRUPT));
    CHECK(load_one(&w, world_id(1), bytes, count, CODE_CORRUPT)); /* its own neighbour */
    bytes[0] = 2;
    CHECK(load_one(&w, world_id(0), bytes, count, CODE_VERSION));
    bytes[0] = 0;
    CHECK(load_one(&w, world_id(0), bytes, count, CODE_CORRUPT));
    bytes[0] = 1;
    bytes[count - 1]++; /* the error is above the count */
    CHECK(load_one(&w, world_id(0), bytes, count, CODE_CORRUPT));
    buffer_release(&row);
    pair_world_release(&w);
}

static void any_call_that_fails_is_an_error(struct test *t)
{
    size_t failures = 0;
    for (unsigned long long n = 1;; n++) {
        struct pair_world w;
        bool ok = true;
        memset(&w, 0, sizeof w);
        CHECK(pair_world_init(&w));
        CHECK(couple(&w, 1, 0, 1, TEN));
        w.world.memory.fail_at_call = atomic_load(&w.world.memory.call_count) + n;
        for (ordinal item = 2; ok && item < 9; item++)
            ok = pair_signal(&w, 1, LIKE, item, TEN + item);
        bool failed = !ok;
        w.world.memory.fail_at_call = 0;
        if (failed) CHECK_EQ(w.world.error.code, CODE_NO_MEMORY);
        failures += failed;
        pair_world_release(&w); /* asserts that all is given back */
        if (!failed) break;
    }
    CHECK(failures > 10);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, CASE(what_is_counted_is_what_a_list_of_all_events_says),
        CASE(a_full_neighbourhood_keeps_what_is_heavy_and_never_counts_too_much),
        CASE(a_checkpoint_anywhere_changes_nothing), CASE(an_event_halves_in_thirty_days),
        CASE(twenty_items_of_a_user_count_in_an_hour),
        CASE(one_user_cannot_couple_items_by_repeating),
        CASE(what_is_taken_back_stays_counted_and_does_not_count_again),
        CASE(only_what_is_taken_well_counts), CASE(what_is_late_capped_or_by_nobody_does_not_count),
        CASE(the_lightest_neighbour_gives_its_place_and_its_count_as_an_error),
        CASE(a_deleted_item_leaves_nothing), CASE(what_deleted_items_held_is_the_first_to_go),
        CASE(a_forgotten_user_leaves_no_trace_of_whom),
        CASE(a_million_people_are_counted_by_their_weight), CASE(memory_is_bounded_and_counted),
        CASE(a_damaged_row_is_refused), CASE(any_call_that_fails_is_an_error));
}
