/* What a ranking reads, with T for now, W for a window, H for a half-life, B for a window's
 * baseline, C and S for count and sum.
 *
 *   decay      sum of w 2^(-(T-t)/H) (decay.c)
 *
 *   rate       lambda * decay, lambda = ln 2 / H: what an exponential kernel takes for the
 *              intensity
 *
 *   count      C in (T-W, T], the oldest bucket by its share in the window (window.c)
 *
 *              of a signal with SUBLINEAR or TRUST, C is what its events weigh: S
 *
 *   mean       (S + n m) / (C + n): Bayesian mean, a prior of strength n and mean m
 *
 *   ratio      (x + n m) / (y + n): the mean of a Beta posterior, likewise
 *
 *   velocity   z = (C_W - mu) / sqrt(mu + 1), mu = (C_B - C_W) W / (B - W), the mean count per W
 *              over the baseline before the window; a Poisson count's deviation in sigmas, the 1
 *              keeping what hardly ever happens from shouting
 *
 *   relative   (C_W / W + k) / ((C_B - C_W) / (B - W) + k), rates by the hour: one prior for both,
 *              so that a thing with five events is not seven times anything
 *
 * All is computed in doubles in the order written; a square root is exact in IEEE arithmetic. */
#include "signals/features.h"

#include "signals/ledger_private.h"
#include "signals/ranked_top.h"
#include "signals/stand_in.h"

#include <assert.h>
#include <math.h>

#define UNIT (1.0 / (double)SIGNAL_VALUE_ONE)

static const double hour_ms = 3600000;

/* A window of a feature. */
struct bound_window {
    uint8_t at;    /* which of the windows that are read together */
    double factor; /* 0: it is what it says, else a stand-in (stand_in.h) */
};

/* A feature with all that does not depend on the entity. */
struct bound_feature {
    const struct feature *feature;
    const struct signal_table *table;
    const struct signal_table *denominator;
    int64_t now_ms;
    struct decay_now decay;
    const struct decay_stand_in *stand_in; /* instead; NULL: none is needed */
    struct bound_window window, baseline;
    double recent_ms, before_ms; /* of a velocity: how long each is; before_ms 0: no baseline */
    double prior, prior_mean;
    double nothing; /* what it is where nothing is held */
    bool nothing_missing;
};

/* Most sums have few bits, and those are converted much faster; to the same double. */
static double to_double(__int128 sum)
{
    int64_t few = (int64_t)sum;
    return few == sum ? (double)few : (double)sum;
}

/* All that was ever counted. */
static double counted(const struct layout *layout, int64_t count, __int128 sum)
{
    return layout->is_weighted ? to_double(sum) * UNIT : (double)count;
}

static double counted_of(const struct signal_table *table, struct held held)
{
    if (!held_any(held)) return 0;
    if (!table->layout.is_weighted) return (double)held_count(held);
    return counted(&table->layout, 0, held_sum(held, &table->layout));
}

static struct bound_window bind_window(const struct signal_table *table, struct windows *windows,
                                       uint8_t ring, int64_t window_ms, int64_t now_ms)
{
    if (!gap_shows_in_window(&table->gaps.rings[ring], window_ms, now_ms))
        return (struct bound_window){
            windows_add(windows, layout_window(&table->layout, ring, window_ms, now_ms)), 0};
    struct window_stand_in stand_in = window_stand_in(table, ring, window_ms, now_ms);
    return (struct bound_window){windows_add(windows, stand_in.at), stand_in.factor};
}

/* An entity as a feature looks at it. */
struct sight {
    struct held held, of;                  /* of the signal, and of a ratio's denominator */
    const struct window_reading *readings; /* of the signal's windows; if anything is held */
};

static double sum_within(const struct window_reading *reading)
{
    return (to_double(reading->sum) - to_double(reading->tail_sum) * reading->tail_outside) * UNIT;
}

static double count_within(const struct bound_feature *bound, const struct window_reading *reading)
{
    if (bound->table->layout.is_weighted) return sum_within(reading);
    return (double)reading->count - (double)reading->tail_count * reading->tail_outside;
}

/* By how much a stand-in's reading is stretched: to no more than was ever counted. */
static double stretch_of(const struct bound_feature *bound, const struct sight *sight,
                         const struct bound_window *window)
{
    const struct layout *layout = &bound->table->layout;
    double factor = window->factor, count = count_within(bound, &sight->readings[window->at]);
    double all = counted(layout, held_count(sight->held), held_sum(sight->held, layout));
    if (!(count > 0)) return 1;
    if (count * factor > all) factor = all / count;
    return factor < 1 ? 1 : factor;
}

/* Counts and sums as a ranking takes them. */
static double window_count(const struct bound_feature *bound, const struct sight *sight,
                           const struct bound_window *window)
{
    double count = count_within(bound, &sight->readings[window->at]);
    return window->factor > 0 ? count * stretch_of(bound, sight, window) : count;
}

static double window_sum(const struct bound_feature *bound, const struct sight *sight,
                         const struct bound_window *window)
{
    double sum = sum_within(&sight->readings[window->at]);
    return window->factor > 0 ? sum * stretch_of(bound, sight, window) : sum;
}

/* Of the feature's window, or of all time. */
static double read_count(const struct bound_feature *bound, const struct sight *sight)
{
    if (bound->feature->slot == WINDOW_ALL) return counted_of(bound->table, sight->held);
    return window_count(bound, sight, &bound->window);
}

static double read_sum(const struct bound_feature *bound, const struct sight *sight)
{
    if (bound->feature->slot != WINDOW_ALL) return window_sum(bound, sight, &bound->window);
    return to_double(held_sum(sight->held, &bound->table->layout)) * UNIT;
}

/* Counts of a velocity: in the window, and in its baseline before the window. */
struct velocity_counts {
    double recent, before;
};

static struct velocity_counts read_velocity(const struct bound_feature *bound,
                                            const struct sight *sight)
{
    struct velocity_counts counts = {.recent = window_count(bound, sight, &bound->window)};
    double all = window_count(bound, sight, &bound->baseline);
    /* The two windows may have different buckets, and so differ at their tails. */
    if (all > counts.recent) counts.before = all - counts.recent;
    return counts;
}

/* The mean count per window over the baseline before it. */
static double usual_count(const struct bound_feature *bound, const struct velocity_counts *counts)
{
    return bound->before_ms > 0 ? counts->before * (bound->recent_ms / bound->before_ms) : 0;
}

static double z_velocity(const struct bound_feature *bound, const struct sight *sight)
{
    struct velocity_counts counts = read_velocity(bound, sight);
    double mean = usual_count(bound, &counts);
    return (counts.recent - mean) / sqrt(mean + 1);
}

static double relative_velocity(const struct bound_feature *bound, const struct sight *sight)
{
    struct velocity_counts counts = read_velocity(bound, sight);
    double recent = counts.recent / (bound->recent_ms / hour_ms) + bound->prior;
    double before = bound->prior;
    if (bound->before_ms > 0) before += counts.before / (bound->before_ms / hour_ms);
    return before > 0 ? recent / before : 0;
}

/* (amount + prior) / (of + prior); false: nothing to divide by. */
static bool smoothed(const struct bound_feature *bound, double amount, double of, double *value)
{
    double divisor = of + bound->prior;
    if (!(divisor > 0)) return false;
    *value = (amount + bound->prior * bound->prior_mean) / divisor;
    return true;
}

static bool read_extreme(const struct bound_feature *bound, const struct sight *sight,
                         double *value)
{
    const struct layout *layout = &bound->table->layout;
    if (!held_any(sight->held) || !layout->keeps_extremes) return false;
    bool ever = bound->feature->slot == WINDOW_ALL,
         smallest = bound->feature->op == FEATURE_MINIMUM;
    const struct window_reading *reading = &sight->readings[bound->window.at];
    int64_t minimum = ever ? held_minimum(sight->held, layout) : reading->minimum;
    int64_t maximum = ever ? held_maximum(sight->held, layout) : reading->maximum;
    if (minimum > maximum) return false;
    *value = (double)(smallest ? minimum : maximum) * UNIT;
    return true;
}

/* False: missing, and 0. */
static ALWAYS_INLINE bool read_feature(const struct bound_feature *bound, const struct sight *sight,
                                       double *value)
{
    const struct feature *feature = bound->feature;
    struct held held = sight->held;
    bool any = held_any(held);
    /* Nobody asks for a time before the newest event; a record would not know the answer. */
    assert(!any || held_newest_ms(held) <= bound->now_ms);
    *value = 0;
    switch (feature->op) {
    case FEATURE_DECAY:
    case FEATURE_RATE:
        if (!any) return true;
        *value = bound->stand_in ? decay_stand_in_read(bound->stand_in, &bound->table->layout, held)
                                 : decay_read(&bound->decay, held_decay(held, feature->slot),
                                              held_newest_ms(held));
        if (feature->op == FEATURE_RATE) *value *= bound->table->layout.lambda[feature->slot];
        return true;
    case FEATURE_COUNT:
        if (any) *value = read_count(bound, sight);
        return true;
    case FEATURE_SUM:
        if (any) *value = read_sum(bound, sight);
        return true;
    case FEATURE_MEAN:
        return smoothed(bound, any ? read_sum(bound, sight) : 0, any ? read_count(bound, sight) : 0,
                        value);
    case FEATURE_MINIMUM:
    case FEATURE_MAXIMUM:
        return read_extreme(bound, sight, value);
    case FEATURE_VELOCITY:
        if (any) *value = z_velocity(bound, sight);
        return true;
    case FEATURE_RELATIVE_VELOCITY:
        *value = bound->prior > 0 ? 1 : 0; /* nothing against nothing */
        if (any) *value = relative_velocity(bound, sight);
        return true;
    case FEATURE_RATIO:
        assert(bound->denominator);
        return smoothed(bound, counted_of(bound->table, held),
                        counted_of(bound->denominator, sight->of), value);
    }
    return false;
}

/* The mean over all entities, where the query names none. */
static double global_mean(const struct bound_feature *bound)
{
    const struct signal_table *table = bound->table;
    bool is_ratio = bound->feature->op == FEATURE_RATIO;
    const struct signal_table *divisor = is_ratio ? bound->denominator : table;
    double amount =
        is_ratio ? counted(&table->layout, table->count, table->sum) : (double)table->sum * UNIT;
    double of = counted(&divisor->layout, divisor->count, divisor->sum);
    return of > 0 ? amount / of : 0;
}

/* Is there such a half-life or window?  Not in records that are older than its definition. */
static bool has_slot(const struct layout *layout, const struct feature *feature)
{
    if (feature->op == FEATURE_DECAY || feature->op == FEATURE_RATE)
        return feature->slot < layout->decay_count;
    return feature->op == FEATURE_RATIO || feature->slot == WINDOW_ALL ||
           feature->slot < layout->window_count;
}

static bool reads_baseline(const struct feature *feature)
{
    return feature->op == FEATURE_VELOCITY || feature->op == FEATURE_RELATIVE_VELOCITY;
}

static bool reads_window(const struct feature *feature)
{
    return feature->op != FEATURE_DECAY && feature->op != FEATURE_RATE &&
           feature->op != FEATURE_RATIO && feature->slot != WINDOW_ALL;
}

static void bind_windows(struct bound_feature *bound, struct windows *windows)
{
    const struct signal_table *table = bound->table;
    const struct layout *layout = &table->layout;
    uint8_t slot = bound->feature->slot;
    int64_t window_ms = layout->window_ms[slot], baseline_ms = layout->baseline_ms[slot];
    bound->window =
        bind_window(table, windows, layout->window_ring[slot], window_ms, bound->now_ms);
    if (!reads_baseline(bound->feature)) return;
    bound->baseline =
        bind_window(table, windows, layout->baseline_ring[slot], baseline_ms, bound->now_ms);
    bound->recent_ms = (double)window_ms;
    bound->before_ms = (double)(baseline_ms - window_ms);
}

static void bind_decay(struct bound_feature *bound, struct decay_stand_in *stand_in)
{
    const struct signal_table *table = bound->table;
    uint8_t slot = bound->feature->slot;
    const struct decay *decay = &table->layout.decays[slot];
    if (!gap_shows_in_decay(&table->gaps.decays[slot], decay->half_life_ms, bound->now_ms)) {
        bound->decay = decay_now(decay, bound->now_ms);
        return;
    }
    decay_stand_in_init(stand_in, table, slot, bound->now_ms);
    bound->stand_in = stand_in;
}

/* All but the windows. */
static void bind(struct bound_feature *bound, const struct ledger *ledger,
                 const struct feature *feature, int64_t now_ms)
{
    static const struct signal_table nothing;
    assert(feature->signal < LIMIT_SIGNAL_IDS);
    const struct signal_table *table = &ledger->tables[feature->signal];
    *bound = (struct bound_feature){
        .feature = feature,
        .table = has_slot(&table->layout, feature) ? table : &nothing,
        .now_ms = now_ms,
        .prior = feature->prior > 0 ? feature->prior : 0,
        .prior_mean = feature->prior_mean,
    };
    if (feature->op == FEATURE_RATIO) {
        assert(feature->denominator < LIMIT_SIGNAL_IDS);
        bound->denominator = &ledger->tables[feature->denominator];
    }
    if (isnan(bound->prior_mean)) bound->prior_mean = global_mean(bound);
}

/* Its windows, of the table; `stand_in`: where one is put if it is needed, lent to the feature. */
static void bind_slot(struct bound_feature *bound, struct windows *windows,
                      struct decay_stand_in *stand_in)
{
    const struct feature *feature = bound->feature;
    if (!has_slot(&bound->table->layout, feature)) return;
    if (reads_window(feature)) bind_windows(bound, windows);
    if (feature->op == FEATURE_DECAY || feature->op == FEATURE_RATE) bind_decay(bound, stand_in);
}

bool features_estimated(const struct ledger *ledger, const struct feature *feature, int64_t now_ms)
{
    struct bound_feature bound;
    struct decay_stand_in stand_in;
    struct windows windows;
    windows_init(&windows, now_ms);
    bind(&bound, ledger, feature, now_ms);
    bind_slot(&bound, &windows, &stand_in);
    return bound.stand_in || bound.window.factor > 0 || bound.baseline.factor > 0;
}

/* Features read in one pass, and the tables that they look into, each once.  It stays where it is:
 * features are lent their stand-ins. */
enum { READ_TOGETHER = 8, TABLES_TOGETHER = 2 * READ_TOGETHER };
_Static_assert(WINDOWS_TOGETHER >= 2 * READ_TOGETHER, "a feature has two windows at most");

struct pass_table {
    const struct signal_table *table;
    signal_id signal;
    struct windows windows;
};

struct pass {
    struct bound_feature features[READ_TOGETHER];
    struct decay_stand_in stand_ins[READ_TOGETHER];
    struct feature_column columns[READ_TOGETHER];
    uint8_t of_table[READ_TOGETHER], of_denominator[READ_TOGETHER]; /* which of those below */
    size_t count;
    struct pass_table tables[TABLES_TOGETHER];
    size_t table_count;
};

static uint8_t pass_table(struct pass *pass, const struct signal_table *table, signal_id signal,
                          int64_t now_ms)
{
    size_t i = 0;
    while (i < pass->table_count && pass->tables[i].table != table)
        i++;
    if (i == pass->table_count) {
        struct pass_table *added = &pass->tables[pass->table_count++];
        added->table = table;
        added->signal = signal;
        windows_init(&added->windows, now_ms);
    }
    return (uint8_t)i;
}

static void pass_add(struct pass *pass, const struct ledger *ledger, int64_t now_ms,
                     const struct feature_question *question)
{
    assert(pass->count < READ_TOGETHER);
    size_t at = pass->count++;
    struct bound_feature *bound = &pass->features[at];
    const struct feature *feature = question->feature;
    bind(bound, ledger, feature, now_ms);
    pass->columns[at] = question->out;
    pass->of_table[at] = pass->of_denominator[at] =
        pass_table(pass, bound->table, feature->signal, now_ms);
    if (bound->denominator)
        pass->of_denominator[at] =
            pass_table(pass, bound->denominator, feature->denominator, now_ms);
    bind_slot(bound, &pass->tables[pass->of_table[at]].windows, &pass->stand_ins[at]);
    bound->nothing_missing = !read_feature(bound, &(struct sight){0}, &bound->nothing);
}

/* Has the rows of what is cold read in; false: nothing is. */
static bool read_in(const struct pass *pass, const ordinal *ordinals, size_t count)
{
    struct cold_reader *cold = pass->columns[0].cold;
    bool any = false;
    for (size_t i = 0; i < pass->table_count; i++) {
        if (pass->tables[i].table->cold_count == 0) continue;
        if (!any) cold_begin(cold);
        any = true;
        cold_read_in(cold, pass->tables[i].signal, ordinals, count);
    }
    return any;
}

/* Entities that go through a pass together. */
struct tile {
    size_t done, count; /* so many, after those that are done */
    const ordinal *ordinals;
    struct finding found[TABLES_TOGETHER];
};

static void tile_ask_pages(struct tile *tile, const struct pass *pass)
{
    for (size_t i = 0; i < pass->table_count; i++)
        table_ask_pages(pass->tables[i].table, tile->ordinals, tile->count);
}

static void tile_ask_handles(struct tile *tile, const struct pass *pass)
{
    for (size_t i = 0; i < pass->table_count; i++)
        table_ask_handles(pass->tables[i].table, tile->ordinals, tile->count, &tile->found[i]);
}

static void tile_find(struct tile *tile, const struct pass *pass, bool has_cold)
{
    for (size_t i = 0; i < pass->table_count; i++) {
        const struct pass_table *of = &pass->tables[i];
        table_find_all(of->table, tile->count, &tile->found[i]);
        if (has_cold)
            cold_find_all(pass->columns[0].cold, of->signal, tile->ordinals, tile->count,
                          tile->found[i].held);
    }
}

/* Those of a tile of which a table holds something, and what is in its windows of each. */
struct present {
    size_t count;
    uint8_t list[LOOKED_UP];
    struct window_reading readings[LOOKED_UP][2 * READ_TOGETHER];
};

static void find_present(struct present *present, const struct tile *tile,
                         const struct pass_table *of, const struct held *held)
{
    present->count = 0;
    for (size_t i = 0; i < tile->count; i++) {
        present->list[present->count] = (uint8_t)i;
        present->count += held_any(held[i]);
    }
    for (size_t i = 0; i < present->count; i++) {
        uint8_t at = present->list[i];
        held_windows(held[at], &of->table->layout, &of->windows, present->readings[at]);
    }
}

/* Where nothing is held a feature is the same for all, unless it is of two tables. */
static void tile_read_feature(const struct tile *tile, const struct pass *pass, size_t feature,
                              const struct present *present)
{
    const struct bound_feature *bound = &pass->features[feature];
    const struct held *held = tile->found[pass->of_table[feature]].held;
    const struct held *of = tile->found[pass->of_denominator[feature]].held;
    double *values = pass->columns[feature].values + tile->done;
    bool *missing = pass->columns[feature].missing + tile->done;
    for (size_t i = 0; i < tile->count; i++) {
        values[i] = bound->nothing;
        missing[i] = bound->nothing_missing;
    }
    size_t count = bound->denominator ? tile->count : present->count;
    for (size_t i = 0; i < count; i++) {
        size_t at = bound->denominator ? i : present->list[i];
        struct sight sight = {held[at], of[at], present->readings[at]};
        missing[at] = !read_feature(bound, &sight, &values[at]);
    }
}

static void tile_read(const struct tile *tile, const struct pass *pass)
{
    struct present present;
    for (size_t i = 0; i < pass->table_count && tile->count > 0; i++) {
        find_present(&present, tile, &pass->tables[i], tile->found[i].held);
        for (size_t j = 0; j < pass->count; j++)
            if (pass->of_table[j] == i) tile_read_feature(tile, pass, j, &present);
    }
}

/* While one tile is read, three are on their way, each a step further than the next. */
static void pass_read(const struct pass *pass, const ordinal *ordinals, size_t count)
{
    enum { STEPS = 4 };
    struct tile tiles[STEPS];
    bool has_cold = read_in(pass, ordinals, count);
    for (size_t i = 0; i < STEPS; i++)
        tiles[i].count = 0;
    size_t done = 0;
    for (size_t step = 0; done < count + (STEPS - 1) * LOOKED_UP; step++, done += LOOKED_UP) {
        struct tile *tile = &tiles[step % STEPS];
        size_t left = done < count ? count - done : 0;
        tile->done = done;
        tile->count = left < LOOKED_UP ? left : LOOKED_UP;
        tile->ordinals = ordinals + (left > 0 ? done : 0);
        tile_ask_pages(tile, pass);
        tile_ask_handles(&tiles[(step + 3) % STEPS], pass);
        tile_find(&tiles[(step + 2) % STEPS], pass, has_cold);
        tile_read(&tiles[(step + 1) % STEPS], pass);
    }
}

void features_read_all(const struct ledger *ledger, const struct feature_question *questions,
                       size_t question_count, int64_t now_ms, const ordinal *ordinals, size_t count)
{
    for (size_t i = 0; i < question_count;) {
        struct pass pass;
        pass.count = pass.table_count = 0;
        for (; i < question_count && pass.count < READ_TOGETHER; i++)
            pass_add(&pass, ledger, now_ms, &questions[i]);
        pass_read(&pass, ordinals, count);
    }
}

void features_read(const struct ledger *ledger, const struct feature *feature, int64_t now_ms,
                   const ordinal *ordinals, size_t count, struct feature_column out)
{
    struct feature_question question = {feature, out};
    features_read_all(ledger, &question, 1, now_ms, ordinals, count);
}

int64_t features_count(const struct ledger *ledger, signal_id signal, uint8_t slot, ordinal entity,
                       int64_t now_ms)
{
    const struct signal_table *table = &ledger->tables[signal];
    const struct layout *layout = &table->layout;
    struct held held = table_find(table, entity);
    struct windows windows;
    struct window_reading reading;
    windows_init(&windows, now_ms);
    assert(!table_is_cold(table, entity));
    if (!held_any(held)) return 0;
    if (slot == WINDOW_ALL) return held_count(held);
    if (slot >= layout->window_count) return 0;
    windows_add(&windows,
                layout_window(layout, layout->window_ring[slot], layout->window_ms[slot], now_ms));
    held_windows(held, layout, &windows, &reading);
    return reading.count;
}

enum { LISTED = 512 };

/* Those of the signal from *next on that are among the wanted, so many at a time. */
static size_t list_some(const struct signal_table *table, const struct bitset *among, size_t *next,
                        ordinal ordinals[LISTED])
{
    size_t count = 0;
    for (; *next < slots_end(&table->slots) && count < LISTED; ++*next) {
        if (among && !bitset_has(among, (uint32_t)*next)) continue;
        if (slots_find(&table->slots, (ordinal)*next) != 0) ordinals[count++] = (ordinal)*next;
    }
    return count;
}

size_t features_top(const struct ledger *ledger, const struct top_question *question)
{
    struct pass pass;
    pass.count = pass.table_count = 0;
    struct ranked_top top = {question->out, question->limit, 0};
    ordinal ordinals[LISTED];
    double values[LISTED] = {0};
    bool missing[LISTED] = {false};
    size_t next = 0, count;
    const struct feature_column column = {values, missing, question->cold};
    pass_add(&pass, ledger, question->now_ms,
             &(struct feature_question){question->feature, column});
    const struct signal_table *table = pass.tables[0].table;
    if (question->limit == 0) return 0;
    while ((count = list_some(table, question->among, &next, ordinals)) > 0) {
        pass_read(&pass, ordinals, count);
        for (size_t i = 0; i < count; i++) {
            struct ranked found = {.entity = ordinals[i], .value = values[i]};
            if (missing[i] || !(found.value > 0)) continue;
            found.id = ledger->ids.id_of(ledger->ids.context, table->layout.kind, found.entity);
            ranked_top_offer(&top, &found);
        }
    }
    ranked_top_finish(&top);
    return top.count;
}

struct velocity_reading features_velocity(const struct ledger *ledger, signal_id signal,
                                          uint8_t slot, ordinal entity, int64_t now_ms)
{
    struct feature feature = {.op = FEATURE_VELOCITY, .signal = signal, .slot = slot};
    struct bound_feature bound;
    struct windows windows;
    struct window_reading readings[2] = {{0}};
    windows_init(&windows, now_ms);
    bind(&bound, ledger, &feature, now_ms);
    bind_slot(&bound, &windows, NULL);
    struct sight sight = {.held = table_find(bound.table, entity), .readings = readings};
    assert(!table_is_cold(bound.table, entity));
    if (!held_any(sight.held)) return (struct velocity_reading){0};
    held_windows(sight.held, &bound.table->layout, &windows, readings);
    struct velocity_counts counts = read_velocity(&bound, &sight);
    return (struct velocity_reading){counts.recent, usual_count(&bound, &counts)};
}
