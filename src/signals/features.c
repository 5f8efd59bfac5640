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

/* A window of a signal at a time: what does not depend on the entity. */
struct bound_window {
    uint8_t ring;
    struct window_at at;
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

/* Counts and sums as a ranking takes them. */
struct window_value {
    double count, sum;
    int64_t minimum, maximum;
};

static struct bound_window bind_window(const struct signal_table *table, uint8_t ring,
                                       int64_t window_ms, int64_t now_ms)
{
    if (gap_shows_in_window(&table->gaps.rings[ring], window_ms, now_ms)) {
        struct window_stand_in stand_in = window_stand_in(table, ring, window_ms, now_ms);
        return (struct bound_window){stand_in.ring, stand_in.at, stand_in.factor};
    }
    return (struct bound_window){ring,
                                 window_at(table->layout.rings[ring].hop_ms, window_ms, now_ms), 0};
}

/* No more than was ever counted. */
static void stretch(struct window_value *value, double factor, double all)
{
    if (!(value->count > 0)) return;
    if (value->count * factor > all) factor = all / value->count;
    if (factor < 1) return;
    value->count *= factor;
    value->sum *= factor;
}

static struct window_value read_window(struct held held, const struct layout *layout,
                                       const struct bound_window *window)
{
    struct window_reading reading = held_window(held, layout, window->ring, &window->at);
    double count = (double)reading.count - (double)reading.tail_count * reading.tail_outside;
    double sum =
        (to_double(reading.sum) - to_double(reading.tail_sum) * reading.tail_outside) * UNIT;
    struct window_value value = {
        .count = layout->is_weighted ? sum : count,
        .sum = sum,
        .minimum = reading.minimum,
        .maximum = reading.maximum,
    };
    if (window->factor > 0)
        stretch(&value, window->factor, counted(layout, held_count(held), held_sum(held, layout)));
    return value;
}

/* Of the feature's window, or of all time. */
static struct window_value read_slot(const struct bound_feature *bound, struct held held)
{
    const struct layout *layout = &bound->table->layout;
    if (bound->feature->slot != WINDOW_ALL) return read_window(held, layout, &bound->window);
    return (struct window_value){
        .count = counted_of(bound->table, held),
        .sum = to_double(held_sum(held, layout)) * UNIT,
        .minimum = held_minimum(held, layout),
        .maximum = held_maximum(held, layout),
    };
}

/* Counts of a velocity: in the window, and in its baseline before the window. */
struct velocity_counts {
    double recent, before;
};

static struct velocity_counts read_velocity(const struct bound_feature *bound, struct held held)
{
    const struct layout *layout = &bound->table->layout;
    struct velocity_counts counts = {.recent = read_window(held, layout, &bound->window).count};
    double all = read_window(held, layout, &bound->baseline).count;
    /* The two windows may have different buckets, and so differ at their tails. */
    if (all > counts.recent) counts.before = all - counts.recent;
    return counts;
}

/* The mean count per window over the baseline before it. */
static double usual_count(const struct bound_feature *bound, const struct velocity_counts *counts)
{
    return bound->before_ms > 0 ? counts->before * (bound->recent_ms / bound->before_ms) : 0;
}

static double z_velocity(const struct bound_feature *bound, struct held held)
{
    struct velocity_counts counts = read_velocity(bound, held);
    double mean = usual_count(bound, &counts);
    return (counts.recent - mean) / sqrt(mean + 1);
}

static double relative_velocity(const struct bound_feature *bound, struct held held)
{
    struct velocity_counts counts = read_velocity(bound, held);
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

static bool read_extreme(const struct bound_feature *bound, struct held held, double *value)
{
    if (!held_any(held) || !bound->table->layout.keeps_extremes) return false;
    struct window_value window = read_slot(bound, held);
    bool smallest = bound->feature->op == FEATURE_MINIMUM;
    if (window.minimum > window.maximum) return false;
    *value = (double)(smallest ? window.minimum : window.maximum) * UNIT;
    return true;
}

/* `of` is of the denominator, if there is one.  False: missing. */
static ALWAYS_INLINE bool read_held(const struct bound_feature *bound, struct held held,
                                    struct held of, double *value)
{
    const struct feature *feature = bound->feature;
    bool any = held_any(held);
    /* Nobody asks for a time before the newest event; a record would not know the answer. */
    assert(!any || held_newest_ms(held) <= bound->now_ms);
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
        if (any) *value = read_slot(bound, held).count;
        return true;
    case FEATURE_SUM:
        if (any) *value = read_slot(bound, held).sum;
        return true;
    case FEATURE_MEAN: {
        struct window_value window = {0};
        if (any) window = read_slot(bound, held);
        return smoothed(bound, window.sum, window.count, value);
    }
    case FEATURE_MINIMUM:
    case FEATURE_MAXIMUM:
        return read_extreme(bound, held, value);
    case FEATURE_VELOCITY:
        if (any) *value = z_velocity(bound, held);
        return true;
    case FEATURE_RELATIVE_VELOCITY:
        *value = bound->prior > 0 ? 1 : 0; /* nothing against nothing */
        if (any) *value = relative_velocity(bound, held);
        return true;
    case FEATURE_RATIO:
        assert(bound->denominator);
        return smoothed(bound, counted_of(bound->table, held), counted_of(bound->denominator, of),
                        value);
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

static bool reads_window(const struct feature *feature)
{
    return feature->op != FEATURE_DECAY && feature->op != FEATURE_RATE &&
           feature->op != FEATURE_RATIO && feature->slot != WINDOW_ALL;
}

static void bind_windows(struct bound_feature *bound)
{
    const struct layout *layout = &bound->table->layout;
    uint8_t slot = bound->feature->slot;
    int64_t window_ms = layout->window_ms[slot], baseline_ms = layout->baseline_ms[slot];
    bound->window = bind_window(bound->table, layout->window_ring[slot], window_ms, bound->now_ms);
    bound->baseline =
        bind_window(bound->table, layout->baseline_ring[slot], baseline_ms, bound->now_ms);
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

/* `stand_in`: where one is put if it is needed; it is lent to the bound feature. */
static void bind(struct bound_feature *bound, const struct ledger *ledger,
                 const struct feature *feature, int64_t now_ms, struct decay_stand_in *stand_in)
{
    static const struct signal_table nothing;
    assert(feature->signal < LIMIT_SIGNAL_IDS);
    const struct signal_table *table = &ledger->tables[feature->signal];
    bool has = has_slot(&table->layout, feature);
    *bound = (struct bound_feature){
        .feature = feature,
        .table = has ? table : &nothing,
        .now_ms = now_ms,
        .prior = feature->prior > 0 ? feature->prior : 0,
        .prior_mean = feature->prior_mean,
    };
    if (feature->op == FEATURE_RATIO) {
        assert(feature->denominator < LIMIT_SIGNAL_IDS);
        bound->denominator = &ledger->tables[feature->denominator];
    }
    if (has && reads_window(feature)) bind_windows(bound);
    if (isnan(bound->prior_mean)) bound->prior_mean = global_mean(bound);
    if (has && (feature->op == FEATURE_DECAY || feature->op == FEATURE_RATE))
        bind_decay(bound, stand_in);
}

bool features_estimated(const struct ledger *ledger, const struct feature *feature, int64_t now_ms)
{
    struct bound_feature bound;
    struct decay_stand_in stand_in;
    bind(&bound, ledger, feature, now_ms, &stand_in);
    return bound.stand_in || bound.window.factor > 0 ||
           (bound.baseline.factor > 0 &&
            (feature->op == FEATURE_VELOCITY || feature->op == FEATURE_RELATIVE_VELOCITY));
}

/* Features read in one pass, and the tables that they look into, each once.  It stays where it is:
 * features are lent their stand-ins. */
enum { READ_TOGETHER = 8, TABLES_TOGETHER = 2 * READ_TOGETHER };
struct pass {
    struct bound_feature features[READ_TOGETHER];
    struct decay_stand_in stand_ins[READ_TOGETHER];
    struct feature_column columns[READ_TOGETHER];
    uint8_t of_table[READ_TOGETHER], of_denominator[READ_TOGETHER]; /* which of those below */
    size_t count;
    const struct signal_table *tables[TABLES_TOGETHER];
    signal_id signals[TABLES_TOGETHER];
    size_t table_count;
};

static uint8_t pass_table(struct pass *pass, const struct signal_table *table, signal_id signal)
{
    size_t i = 0;
    while (i < pass->table_count && pass->tables[i] != table)
        i++;
    if (i == pass->table_count) {
        pass->tables[i] = table;
        pass->signals[i] = signal;
        pass->table_count++;
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
    bind(bound, ledger, feature, now_ms, &pass->stand_ins[at]);
    pass->columns[at] = question->out;
    pass->of_denominator[at] = 0; /* nobody looks at it */
    pass->of_table[at] = pass_table(pass, bound->table, feature->signal);
    if (bound->denominator)
        pass->of_denominator[at] = pass_table(pass, bound->denominator, feature->denominator);
}

/* Has the rows of what is cold read in; false: nothing is. */
static bool read_in(const struct pass *pass, const ordinal *ordinals, size_t count)
{
    struct cold_reader *cold = pass->columns[0].cold;
    bool any = false;
    for (size_t i = 0; i < pass->table_count; i++) {
        if (pass->tables[i]->cold_count == 0) continue;
        if (!any) cold_begin(cold);
        any = true;
        cold_read_in(cold, pass->signals[i], ordinals, count);
    }
    return any;
}

static void read_some(const struct pass *pass, size_t at, const struct held *held,
                      const struct held *of, size_t done, size_t some)
{
    const struct bound_feature *bound = &pass->features[at];
    const struct feature_column *out = &pass->columns[at];
    for (size_t i = 0; i < some; i++) {
        double *value = &out->values[done + i];
        *value = 0;
        out->missing[done + i] = !read_held(bound, held[i], of[i], value);
    }
}

static void pass_read(const struct pass *pass, const ordinal *ordinals, size_t count)
{
    struct held held[TABLES_TOGETHER][LOOKED_UP];
    bool has_cold = read_in(pass, ordinals, count);
    for (size_t done = 0; done < count; done += LOOKED_UP) {
        size_t some = count - done < LOOKED_UP ? count - done : LOOKED_UP;
        for (size_t i = 0; i < pass->table_count; i++) {
            table_find_all(pass->tables[i], ordinals + done, some, held[i]);
            if (has_cold)
                cold_find_all(pass->columns[0].cold, pass->signals[i], ordinals + done, some,
                              held[i]);
        }
        for (size_t i = 0; i < pass->count; i++)
            read_some(pass, i, held[pass->of_table[i]], held[pass->of_denominator[i]], done, some);
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
    assert(!table_is_cold(table, entity));
    if (!held_any(held)) return 0;
    if (slot == WINDOW_ALL) return held_count(held);
    if (slot >= layout->window_count) return 0;
    uint8_t ring = layout->window_ring[slot];
    struct window_at window =
        window_at(layout->rings[ring].hop_ms, layout->window_ms[slot], now_ms);
    return held_window(held, layout, ring, &window).count;
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
    double values[LISTED];
    bool missing[LISTED] = {false};
    size_t next = 0, count;
    const struct feature_column column = {values, missing, question->cold};
    pass_add(&pass, ledger, question->now_ms,
             &(struct feature_question){question->feature, column});
    const struct signal_table *table = pass.features[0].table;
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
    bind(&bound, ledger, &feature, now_ms, NULL);
    struct held held = table_find(bound.table, entity);
    assert(!table_is_cold(bound.table, entity));
    if (!held_any(held)) return (struct velocity_reading){0};
    struct velocity_counts counts = read_velocity(&bound, held);
    return (struct velocity_reading){counts.recent, usual_count(&bound, &counts)};
}
