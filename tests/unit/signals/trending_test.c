#include "signals/trending_private.h"
#include "unit/signals/ledger_world.h"

#include "base/choices.h"
#include "base/hash.h"
#include "harness/test.h"

#include <stdlib.h>

enum { ITEMS = 30, EVENTS = 6000, EVERY = 100, NOBODY = 0, SERIES = 20000, BURSTS = 600 };

#define HALF_LIFE (2 * HOUR)

/* The field that the index is kept per: each item has up to two of its values. */
enum { VALUES = 5 };
static uint32_t values[ITEMS][2];
static size_t value_counts[ITEMS];

static const uint32_t *codes_of(void *context, field_id field, ordinal item, size_t *count)
{
    (void)context;
    *count = field == 0 && item < ITEMS ? value_counts[item] : 0;
    return *count > 0 ? values[item] : NULL;
}

/* A ledger and what trends by it. */
struct trend_world {
    struct world world;
    struct fold fold;
    struct trending *trending;
    struct arena arena;
};

static bool create(struct trend_world *w, struct fold *fold, struct trending **trending)
{
    struct index_source source = {w->world.ledger, world_ids, codes_of};
    return trending_create(&w->world.memory, &source, fold, trending, &w->world.error) == CODE_OK;
}

static bool trend_world_init(struct trend_world *w)
{
    if (!world_init(&w->world)) return false;
    struct signal *view = &w->world.signals[VIEW];
    world_windows(view, (const int64_t[]){HOUR, DAY}, 2);
    world_half_lives(view, (const int64_t[]){HOUR}, 1);
    view->velocity_count = 1;
    view->velocity_window[0] = 0;
    view->velocity_baseline[0] = 1;
    view->trending_half_life_ms = HALF_LIFE;
    view->trending_window = 0;
    w->world.signals[LIKE].trending_half_life_ms = HOUR;
    w->world.signals[LIKE].trending_window = 0;
    arena_init(&w->arena, &w->world.memory, (size_t)1 << 24);
    return create(w, &w->fold, &w->trending);
}

static void trend_world_release(struct trend_world *w)
{
    w->fold.ops->free(w->fold.state);
    arena_release(&w->arena);
    world_release(&w->world);
}

/* User NOBODY: an event without a user.  `sign` -1: it is taken back. */
static bool act(struct trend_world *w, signal_id signal, ordinal item, uint64_t user,
                int64_t time_ms, int sign)
{
    struct world *world = &w->world;
    struct change change = {.kind = CHANGE_SIGNAL,
                            .signal = {.signal = signal,
                                       .entity = {.kind = ENTITY_ITEM, .id = world_id(item)},
                                       .has_time = true,
                                       .time_ms = time_ms}};
    struct resolved_change resolved = {.change = &change,
                                       .schema = &world->schema,
                                       .watermark_ms = world->watermark_ms,
                                       .subject = item,
                                       .subject_id = world_id(item),
                                       .other = user == NOBODY ? ORDINAL_NONE : (ordinal)user,
                                       .other_id = user,
                                       .time_ms = time_ms,
                                       .effective = true,
                                       .contributions = {{time_ms, ONE, sign}},
                                       .contribution_count = 1};
    bool ok = world->fold.ops->apply(world->fold.state, &resolved, &world->error) == CODE_OK &&
              w->fold.ops->apply(w->fold.state, &resolved, &world->error) == CODE_OK;
    if (time_ms > world->watermark_ms) world->watermark_ms = time_ms;
    return ok;
}

static bool view(struct trend_world *w, ordinal item, uint64_t user, int64_t time_ms)
{
    return act(w, VIEW, item, user, time_ms, 1);
}

static bool delete_entity(struct trend_world *w, enum entity_kind kind, ordinal entity,
                          entity_id id)
{
    struct change change = {.kind = CHANGE_DELETE, .delete = {.kind = kind}};
    struct resolved_change resolved = {.change = &change,
                                       .schema = &w->world.schema,
                                       .subject = entity,
                                       .subject_id = id,
                                       .other = ORDINAL_NONE};
    struct error *error = &w->world.error;
    return w->world.fold.ops->apply(w->world.fold.state, &resolved, error) == CODE_OK &&
           w->fold.ops->apply(w->fold.state, &resolved, error) == CODE_OK;
}

static bool delete_item(struct trend_world *w, ordinal item)
{
    return delete_entity(w, ENTITY_ITEM, item, world_id(item));
}

static size_t answer(struct trend_world *w, const struct trending_question *question)
{
    size_t count = 0;
    arena_reset(&w->arena);
    if (trending_top(w->trending, question, &w->arena, &count, &w->world.error) != CODE_OK)
        return SIZE_MAX;
    return count;
}

static size_t top(struct trend_world *w, int64_t now_ms, const struct bitset *among,
                  struct ranked *out, size_t limit)
{
    struct trending_question question = {.signal = &w->world.signals[VIEW],
                                         .now_ms = now_ms,
                                         .among = among,
                                         .out = out,
                                         .limit = limit};
    return answer(w, &question);
}

/* The item gets other values, after which the fold is told of a PUT or PATCH. */
static bool put(struct trend_world *w, ordinal item, const uint32_t *codes, size_t count,
                bool patch)
{
    struct change change = {.kind = patch ? CHANGE_PATCH : CHANGE_PUT};
    struct resolved_change resolved = {.change = &change,
                                       .schema = &w->world.schema,
                                       .subject = item,
                                       .subject_id = world_id(item),
                                       .other = ORDINAL_NONE};
    for (size_t i = 0; i < count; i++)
        values[item][i] = codes[i];
    value_counts[item] = count;
    return w->fold.ops->apply(w->fold.state, &resolved, &w->world.error) == CODE_OK;
}

static bool near(double value, double wanted)
{
    return fabs(value / wanted - 1) < 1e-9;
}

static bool check(const struct trend_world *w)
{
    return fold_check(&w->fold);
}

/* Takes the fold to a store and a new one back from it; all rows are the same bytes. */
static bool reopen(struct trend_world *w)
{
    struct store *store = NULL, *copy = NULL;
    struct buffer before, after;
    struct fold loaded = {0};
    struct trending *trending;
    struct world *world = &w->world;
    struct error *error = &world->error;
    buffer_init(&before, &world->memory, FOLD_ROWS_MAXIMUM);
    buffer_init(&after, &world->memory, FOLD_ROWS_MAXIMUM);
    bool ok = memory_store_open(&world->memory, &store, error) == CODE_OK &&
              memory_store_open(&world->memory, &copy, error) == CODE_OK;
    struct store_batch *batch = NULL;
    ok = ok && store_batch_create(store, &batch, error) == CODE_OK &&
         w->fold.ops->dump(w->fold.state, batch, error) == CODE_OK &&
         store_write(store, batch, error) == CODE_OK;
    store_batch_free(batch);
    ok = ok && store_dump(store, &before, error) == CODE_OK && create(w, &loaded, &trending) &&
         loaded.ops->load(loaded.state, store, &world->schema, error) == CODE_OK;
    batch = NULL;
    ok = ok && store_batch_create(copy, &batch, error) == CODE_OK &&
         loaded.ops->dump(loaded.state, batch, error) == CODE_OK &&
         store_write(copy, batch, error) == CODE_OK && store_dump(copy, &after, error) == CODE_OK;
    store_batch_free(batch);
    ok = ok && slice_equal(buffer_slice(&before), buffer_slice(&after));
    if (ok) {
        w->fold.ops->free(w->fold.state);
        w->fold = loaded;
        w->trending = trending;
    } else if (loaded.ops) {
        loaded.ops->free(loaded.state);
    }
    buffer_release(&before);
    buffer_release(&after);
    store_close(store);
    store_close(copy);
    return ok;
}

/* The oracle: every event there was, and keys as logarithms. */
struct seen_event {
    ordinal item;
    uint64_t user;
    int64_t time_ms;
};

struct oracle {
    struct seen_event events[EVENTS];
    size_t count;
    double keys[ITEMS]; /* -HUGE_VAL: none */
    int64_t peaks_ms[ITEMS];
};

static double oracle_count(const struct oracle *oracle, ordinal item, int64_t window_ms,
                           int64_t now_ms)
{
    int64_t hop_ms = window_ms < 12 * HOUR ? 5 * MINUTE : HOUR, after_ms = now_ms - window_ms;
    int64_t tail = after_ms / hop_ms;
    double count = 0;
    for (size_t i = 0; i < oracle->count; i++) {
        const struct seen_event *event = &oracle->events[i];
        int64_t bucket = (event->time_ms - 1) / hop_ms;
        if (event->item != item || bucket < tail) continue;
        count += bucket > tail ? 1 : 1 - (double)(after_ms % hop_ms) / (double)hop_ms;
    }
    return count;
}

static bool same_person(const struct seen_event *a, const struct seen_event *b)
{
    return a->user == b->user && (a->user != NOBODY || a->time_ms / 10000 == b->time_ms / 10000);
}

static double oracle_users(const struct oracle *oracle, ordinal item, int64_t now_ms)
{
    double users = 0;
    for (size_t i = 0; i < oracle->count; i++) {
        const struct seen_event *event = &oracle->events[i];
        if (event->item != item || event->time_ms <= now_ms - HOUR) continue;
        bool again = false;
        for (size_t j = 0; j < i && !again; j++)
            again = oracle->events[j].item == item && oracle->events[j].time_ms > now_ms - HOUR &&
                    same_person(event, &oracle->events[j]);
        users += !again;
    }
    return users;
}

static void oracle_view(struct oracle *oracle, ordinal item, uint64_t user, int64_t time_ms)
{
    oracle->events[oracle->count++] = (struct seen_event){item, user, time_ms};
    double users = oracle_users(oracle, item, time_ms);
    double recent = oracle_count(oracle, item, HOUR, time_ms);
    double before = oracle_count(oracle, item, DAY, time_ms) - recent;
    double mean = before > 0 ? before / 23 : 0;
    double score = (users - mean) / sqrt(mean + 1);
    if (users < 3 || score < 2) return;
    double key = log2(score) + (double)(time_ms - START) / (double)HALF_LIFE;
    if (key <= oracle->keys[item]) return;
    oracle->keys[item] = key;
    oracle->peaks_ms[item] = time_ms;
}

static void oracle_delete(struct oracle *oracle, ordinal item)
{
    oracle->keys[item] = -HUGE_VAL;
    for (size_t i = 0; i < oracle->count; i++)
        if (oracle->events[i].item == item) oracle->events[i].item = ORDINAL_NONE;
}

static size_t oracle_listed(const struct oracle *oracle, int64_t now_ms)
{
    size_t listed = 0;
    for (ordinal item = 0; item < ITEMS; item++)
        listed += oracle->keys[item] > -HUGE_VAL && now_ms - oracle->peaks_ms[item] < 3 * HALF_LIFE;
    return listed;
}

/* The list is the oracle's: its length, its values, its order. */
static bool agrees(struct trend_world *w, const struct oracle *oracle, int64_t now_ms)
{
    struct ranked list[ITEMS];
    size_t count = top(w, now_ms, NULL, list, ITEMS);
    if (count != oracle_listed(oracle, now_ms)) return false;
    for (size_t i = 0; i < count; i++) {
        double key = oracle->keys[list[i].entity];
        double value = exp2(key - (double)(now_ms - START) / (double)HALF_LIFE);
        if (!near(list[i].value, value)) return false;
        if (list[i].id != world_id(list[i].entity)) return false;
        if (i > 0 && oracle->keys[list[i - 1].entity] < key - 1e-9) return false;
    }
    return check(w);
}

static void the_list_is_that_of_all_events_sorted(struct test *t)
{
    static struct trend_world w;
    static struct oracle oracle;
    struct choices choices;
    memset(&oracle, 0, sizeof oracle);
    for (ordinal item = 0; item < ITEMS; item++)
        oracle.keys[item] = -HUGE_VAL;
    CHECK(trend_world_init(&w));
    choices_from_seed(&choices, 11, &w.world.memory);
    int64_t now_ms = START;
    ordinal hot = 0;
    size_t longest = 0;
    for (size_t i = 0; i < EVENTS; i++) {
        now_ms += (int64_t)choose(&choices, 2 * (uint64_t)MINUTE);
        if (choose_one_in(&choices, 60)) hot = (ordinal)choose(&choices, ITEMS - 1);
        if (choose_one_in(&choices, 900)) now_ms += (int64_t)choose(&choices, 9 * (uint64_t)HOUR);
        ordinal item = choose_one_in(&choices, 2) ? hot : (ordinal)choose(&choices, ITEMS - 1);
        uint64_t user = choose(&choices, 60);
        if (choose_one_in(&choices, 300)) {
            CHECK(delete_item(&w, item));
            oracle_delete(&oracle, item);
        }
        CHECK(view(&w, item, user, now_ms));
        oracle_view(&oracle, item, user, now_ms);
        if (i % EVERY != 0) continue;
        CHECK(agrees(&w, &oracle, now_ms));
        CHECK(agrees(&w, &oracle, now_ms + 5 * HOUR));
        size_t listed = oracle_listed(&oracle, now_ms);
        if (listed > longest) longest = listed;
        if (choose_one_in(&choices, 4)) CHECK(reopen(&w));
    }
    CHECK(longest >= ITEMS / 4);
    choices_release(&choices);
    trend_world_release(&w);
}

/* Bursts of `per_item` distinct users over 20 minutes. */
static bool burst(struct trend_world *w, ordinal item, uint64_t users, int64_t time_ms)
{
    for (uint64_t i = 0; i < users; i++)
        if (!view(w, item, 1000 + i, time_ms)) return false;
    return true;
}

/* The list of a value is what the list of all has of it, whatever came first: the item's values or
 * its peak. */
static bool group_agrees(struct trend_world *w, uint32_t code, int64_t now_ms)
{
    struct ranked all[ITEMS], list[ITEMS];
    struct index_group group = {0, code};
    struct trending_question question = {.signal = &w->world.signals[VIEW],
                                         .now_ms = now_ms,
                                         .group = &group,
                                         .out = list,
                                         .limit = ITEMS};
    size_t count = answer(w, &question), found = 0;
    size_t all_count = top(w, now_ms, NULL, all, ITEMS);
    for (size_t i = 0; i < all_count; i++) {
        bool has = false;
        for (size_t j = 0; j < value_counts[all[i].entity]; j++)
            has = has || values[all[i].entity][j] == code;
        if (!has) continue;
        if (found == count || list[found].entity != all[i].entity ||
            list[found].value != all[i].value)
            return false;
        found++;
    }
    return found == count && count <= trending_count(w->trending, VIEW, &group);
}

static void a_list_per_value_follows_the_fields_of_its_items(struct test *t)
{
    static struct trend_world w;
    struct choices choices;
    size_t listed = 0;
    memset(value_counts, 0, sizeof value_counts);
    CHECK(trend_world_init(&w));
    w.world.signals[VIEW].index_field_count = 1;
    w.world.signals[VIEW].index_fields[0] = 0;
    choices_from_seed(&choices, 21, &w.world.memory);
    int64_t now_ms = START;
    for (size_t i = 0; i < EVENTS; i++) {
        now_ms += (int64_t)choose(&choices, 2 * (uint64_t)MINUTE);
        ordinal item = (ordinal)choose(&choices, ITEMS - 1);
        if (choose_one_in(&choices, 40)) CHECK(burst(&w, item, 8, now_ms));
        if (choose_one_in(&choices, 500)) CHECK(delete_item(&w, item));
        if (choose_one_in(&choices, 5)) {
            uint32_t first = (uint32_t)choose(&choices, VALUES - 1);
            uint32_t codes[2] = {first, (first + 1) % VALUES};
            CHECK(put(&w, item, codes, (size_t)choose(&choices, 2), choose_one_in(&choices, 2)));
        }
        CHECK(view(&w, item, choose(&choices, 60), now_ms));
        if (i % 20 != 0) continue;
        CHECK(check(&w));
        for (uint32_t code = 0; code <= VALUES; code++)
            CHECK(group_agrees(&w, code, now_ms));
        struct index_group group = {0, 1};
        listed += trending_count(w.trending, VIEW, &group);
        if (choose_one_in(&choices, 9)) CHECK(reopen(&w));
    }
    CHECK(listed > EVENTS / 20);
    choices_release(&choices);
    trend_world_release(&w);
    memset(value_counts, 0, sizeof value_counts);
}

static void order_stays_without_any_event(struct test *t)
{
    static struct ranked before[SERIES], later[SERIES];
    struct trend_world w;
    CHECK(trend_world_init(&w));
    for (ordinal item = 0; item < 2000; item++)
        CHECK(burst(&w, item, 5 + item * 7 % 23, START + item * 2 * SECOND));
    int64_t now_ms = w.world.watermark_ms;
    size_t count = top(&w, now_ms, NULL, before, SERIES);
    CHECK_EQ(count, 2000);
    for (int64_t hours = 1; hours <= 5; hours++) {
        size_t left = top(&w, now_ms + hours * HOUR, NULL, later, SERIES), at = 0;
        for (size_t i = 0; i < count && at < left; i++)
            at += before[i].entity == later[at].entity;
        CHECK_EQ(at, left); /* what is left is in the order in which it was */
        CHECK(left > 0);
    }
    CHECK_EQ(top(&w, now_ms + 3 * HALF_LIFE, NULL, later, SERIES), 0);
    trend_world_release(&w);
}

static void a_quiet_item_leaves_within_three_half_lives(struct test *t)
{
    struct trend_world w;
    struct ranked list[4];
    CHECK(trend_world_init(&w));
    CHECK(burst(&w, 1, 200, START));
    CHECK_EQ(top(&w, START, NULL, list, 4), 1);
    CHECK(near(list[0].value, 200));
    CHECK_EQ(top(&w, START + HALF_LIFE, NULL, list, 4), 1);
    CHECK(near(list[0].value, 100));
    CHECK_EQ(top(&w, START + 3 * HALF_LIFE - 1, NULL, list, 4), 1);
    CHECK_EQ(top(&w, START + 3 * HALF_LIFE, NULL, list, 4), 0);
    trend_world_release(&w);
}

static void a_further_view_never_lowers_an_item(struct test *t)
{
    struct trend_world w;
    struct ranked list[4];
    CHECK(trend_world_init(&w));
    CHECK(burst(&w, 1, 50, START));
    CHECK(view(&w, 1, 7, START + 2 * HOUR));
    CHECK_EQ(top(&w, START + 2 * HOUR, NULL, list, 4), 1);
    CHECK(near(list[0].value, 25));
    trend_world_release(&w);
}

static void one_user_cannot_make_an_item_trend(struct test *t)
{
    struct trend_world w;
    struct ranked list[4];
    CHECK(trend_world_init(&w));
    for (int i = 0; i < 1000; i++)
        CHECK(view(&w, 1, 42, START + i * SECOND));
    CHECK(view(&w, 1, 43, START + 1000 * SECOND));
    CHECK_EQ(top(&w, START + 1000 * SECOND, NULL, list, 4), 0);
    CHECK(view(&w, 1, 44, START + 1001 * SECOND));
    CHECK_EQ(top(&w, START + 1001 * SECOND, NULL, list, 4), 1);
    CHECK(near(list[0].value, 3));
    /* Nobody: one user in ten seconds, whatever comes. */
    for (int i = 0; i < 1000; i++)
        CHECK(view(&w, 2, NOBODY, START + 1001 * SECOND));
    CHECK_EQ(top(&w, START + 1001 * SECOND, NULL, list, 4), 1);
    trend_world_release(&w);
}

static void many_users_are_estimated(struct test *t)
{
    struct trend_world w;
    CHECK(trend_world_init(&w));
    const struct trend_table *table = &w.trending->tables[VIEW];
    for (uint64_t user = 1; user <= 100000; user++) {
        CHECK(view(&w, 1, user, START + (int64_t)user));
        const struct trend *trend = trend_find(table, 1);
        double users = trend->user_count * exp2(trend->level);
        if (user <= TREND_USERS_MAXIMUM) CHECK_EQ(users, user);
        CHECK(fabs(users / (double)user - 1) < 0.35);
        CHECK(trend->user_count <= TREND_USERS_MAXIMUM);
    }
    CHECK(reopen(&w));
    /* The next window counts exactly again. */
    CHECK(view(&w, 1, 5, START + 3 * HOUR));
    CHECK_EQ(trend_find(&w.trending->tables[VIEW], 1)->level, 0);
    trend_world_release(&w);
}

static void a_like_taken_back_is_no_user(struct test *t)
{
    struct trend_world w;
    CHECK(trend_world_init(&w));
    CHECK(act(&w, LIKE, 1, 5, START, 1));
    CHECK(act(&w, LIKE, 1, 6, START, 1));
    CHECK(act(&w, LIKE, 1, 5, START, -1));
    CHECK_EQ(trend_find(&w.trending->tables[LIKE], 1)->user_count, 1);
    trend_world_release(&w);
}

static void a_deleted_user_leaves_no_trace(struct test *t)
{
    struct trend_world w;
    CHECK(trend_world_init(&w));
    CHECK(view(&w, 1, 5, START));
    CHECK(view(&w, 1, 6, START));
    CHECK(view(&w, 2, 6, START));
    CHECK(delete_entity(&w, ENTITY_USER, 6, 6));
    CHECK_EQ(trend_find(&w.trending->tables[VIEW], 1)->user_count, 1);
    CHECK_EQ(trend_find(&w.trending->tables[VIEW], 2)->user_count, 0);
    CHECK(reopen(&w));
    trend_world_release(&w);
}

static void only_items_that_are_wanted_fill_the_list(struct test *t)
{
    struct trend_world w;
    struct ranked list[10];
    struct bitset among;
    CHECK(trend_world_init(&w));
    bitset_init(&among, &w.world.memory);
    for (ordinal item = 0; item < 500; item++) {
        CHECK(burst(&w, item, 5 + item % 50, START));
        if (item % 10 == 3) CHECK(bitset_set(&among, item));
    }
    CHECK_EQ(top(&w, START, &among, list, 10), 10);
    for (int i = 0; i < 10; i++) {
        CHECK(list[i].entity % 10 == 3);
        CHECK(near(list[i].value, 48));
        if (i > 0) CHECK(list[i - 1].id < list[i].id);
    }
    bitset_release(&among);
    trend_world_release(&w);
}

static void a_damaged_row_is_refused(struct test *t)
{
    static const uint8_t rows[][16] = {
        {1, 0, 2, 0}, {1, 99, 0, 0}, {1, 0, 0, 1, 7}, {0}, {1, 0, 1}};
    static const size_t bytes[] = {4, 4, 5, 1, 3};
    struct trend_world w;
    CHECK(trend_world_init(&w));
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        struct store *store = NULL;
        struct store_batch *batch = NULL;
        struct error *error = &w.world.error;
        uint8_t suffix[2] = {0, VIEW};
        struct key key = key_build(world_id((ordinal)i), TAG_TREND, slice_of(suffix, 2));
        CHECK(memory_store_open(&w.world.memory, &store, error) == CODE_OK);
        CHECK(store_batch_create(store, &batch, error) == CODE_OK);
        CHECK(store_batch_put(batch, KEYSPACE_ITEMS, key_slice(&key), slice_of(rows[i], bytes[i]),
                              error) == CODE_OK);
        CHECK(store_write(store, batch, error) == CODE_OK);
        CHECK(w.fold.ops->load(w.fold.state, store, &w.world.schema, error) == CODE_CORRUPT);
        store_batch_free(batch);
        store_close(store);
    }
    trend_world_release(&w);
}

/* Planted one-hour bursts in a stream of 20,000 series with a daily cycle. */
struct burst_kind {
    double low, high; /* what a burst adds, times the series' rate */
    double least;     /* and at least so many in five minutes */
};

/* Numbers in (0, 1): too many to be recorded as choices. */
static double uniform(uint64_t *random)
{
    return (double)((hash_u64(++*random) >> 34) + 1) / (double)(1u << 30);
}

static unsigned poisson(uint64_t *random, double mean)
{
    if (mean > 60) { /* near enough */
        double normal = sqrt(-2 * log(uniform(random))) * cos(6.283185307179586 * uniform(random));
        double value = mean + sqrt(mean) * normal;
        return value > 0 ? (unsigned)(value + 0.5) : 0;
    }
    unsigned count = 0;
    double least = exp(-mean);
    for (double product = uniform(random); product > least; count++)
        product *= uniform(random);
    return count;
}

/* The share of bursts that were among the top 100 while they lasted; below 0: failed. */
static double share_seen(const struct burst_kind *kind)
{
    enum { DAYS = 5, STEPS = DAYS * 288, FIRST = 2 * 288, LASTS = 12, SHOWN = 100 };
    static struct trend_world w;
    static int starts[BURSTS], planted[SERIES];
    static ordinal items[BURSTS];
    static double times[BURSTS];
    static bool seen[BURSTS];
    struct ranked list[SHOWN];
    uint64_t random = 77, user = 1;
    memset(seen, 0, sizeof seen);
    for (int b = 0; b < BURSTS; b++) {
        starts[b] = FIRST + (int)(uniform(&random) * (STEPS - FIRST - LASTS));
        items[b] = (ordinal)(b * 10 + (int)(uniform(&random) * 10)); /* each its own */
        times[b] = kind->low + (kind->high - kind->low) * uniform(&random);
    }
    if (!trend_world_init(&w)) return -1;
    w.world.signals[VIEW].trending_half_life_ms = HOUR;
    for (int step = 0; step < STEPS; step++) {
        double cycle = 1 + 0.6 * sin(6.283185307179586 * step / 288);
        memset(planted, 0, sizeof planted);
        for (int b = 0; b < BURSTS; b++)
            if (step >= starts[b] && step < starts[b] + LASTS) planted[items[b]] = b + 1;
        int64_t start_ms = START + step * 5 * MINUTE;
        for (ordinal item = 0; item < SERIES; item++) {
            double rate = (60 * pow(item + 1, -0.9) + 0.002) * cycle, mean = rate;
            int b = planted[item];
            if (b) mean += fmax(rate * times[b - 1], kind->least);
            for (unsigned n = poisson(&random, mean); n > 0; n--)
                if (!view(&w, item, user++ % 4000000000u + 1, start_ms)) return -1;
        }
        size_t count = top(&w, start_ms, NULL, list, SHOWN);
        for (size_t i = 0; i < count && count != SIZE_MAX; i++)
            if (planted[list[i].entity]) seen[planted[list[i].entity] - 1] = true;
    }
    trend_world_release(&w);
    int found = 0;
    for (int b = 0; b < BURSTS; b++)
        found += seen[b];
    printf("    bursts x%.1f to x%.1f: %.1f %% seen in the top %d\n", 1 + kind->low, 1 + kind->high,
           100.0 * found / BURSTS, SHOWN);
    return (double)found / BURSTS;
}

static void bursts_are_seen_while_they_last(struct test *t)
{
    CHECK(share_seen(&(struct burst_kind){3, 10, 1.5}) >= 1);
    CHECK(share_seen(&(struct burst_kind){0.5, 3, 0.4}) >= 0.7);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(the_list_is_that_of_all_events_sorted),
               CASE(a_list_per_value_follows_the_fields_of_its_items),
               CASE(order_stays_without_any_event),
               CASE(a_quiet_item_leaves_within_three_half_lives),
               CASE(a_further_view_never_lowers_an_item), CASE(one_user_cannot_make_an_item_trend),
               CASE(many_users_are_estimated), CASE(a_like_taken_back_is_no_user),
               CASE(a_deleted_user_leaves_no_trace), CASE(only_items_that_are_wanted_fill_the_list),
               CASE(a_damaged_row_is_refused), CASE(bursts_are_seen_while_they_last));
}
