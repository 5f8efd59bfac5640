/* With T for now, W for a window, H for a half-life, S(W) for the sum of values in (T-W, T]:
 *
 *   window   1. a coarser ring that has all of W, read at W: its oldest bucket by share
 *            2. C(L) W / L of the longest window L < W of which nothing is missing, but never more
 *               than was ever counted: as if it had gone on like that before
 *            3. what there is
 *
 *   decay    of the past L of which the rings know all, against what its own sum covers (the time
 *            since the gap began), whichever is longer:
 *            1. sum over parts (a, b] of L: (S(b) - S(a)) 2^(-(a+b)/2H): each event as if it had
 *               happened in the middle of its part; at most 32 parts of whole buckets
 *            2. its own sum
 *            3. where there are no rings, another half-life G that has no gap: D_G H / G, which is
 *               so of a steady rate */
#include "signals/stand_in.h"

#define UNIT (1.0 / (double)SIGNAL_VALUE_ONE)

/* How far back a ring knows everything. */
static int64_t known_ms(const struct signal_table *table, uint32_t ring, int64_t now_ms)
{
    const struct gap *gap = &table->gaps.rings[ring];
    int64_t longest_ms = table->layout.rings[ring].longest_ms, since_ms;
    if (!gap->open) return longest_ms;
    if (__builtin_sub_overflow(now_ms, gap->since_ms, &since_ms)) since_ms = longest_ms;
    if (since_ms < gap->whole_ms) since_ms = gap->whole_ms;
    return since_ms < longest_ms ? since_ms : longest_ms;
}

/* The ring that knows most; of equal ones the finer.  *length_ms 0: none knows a bucket. */
static uint8_t best_ring(const struct signal_table *table, int64_t now_ms, int64_t *length_ms)
{
    uint8_t best = 0;
    *length_ms = 0;
    for (uint32_t i = 0; i < table->layout.ring_count; i++) {
        int64_t known = known_ms(table, i, now_ms);
        if (known < table->layout.rings[i].hop_ms || known <= *length_ms) continue;
        *length_ms = known;
        best = (uint8_t)i;
    }
    return best;
}

struct window_stand_in window_stand_in(const struct signal_table *table, uint8_t ring,
                                       int64_t window_ms, int64_t now_ms)
{
    const struct layout *layout = &table->layout;
    struct window_stand_in stand_in = {.factor = 1};
    int64_t length_ms;
    for (uint32_t i = 0; i < layout->ring_count; i++) {
        if (known_ms(table, i, now_ms) < window_ms) continue;
        stand_in.at = layout_window(layout, (uint8_t)i, window_ms, now_ms);
        return stand_in;
    }
    uint8_t best = best_ring(table, now_ms, &length_ms);
    if (length_ms > 0) {
        stand_in.factor = (double)window_ms / (double)length_ms;
        ring = best;
        window_ms = length_ms;
    }
    stand_in.at = layout_window(layout, ring, window_ms, now_ms);
    return stand_in;
}

/* 2^(-age/H) */
static double weight_at(int64_t age_ms, int64_t half_life_ms)
{
    int64_t left_ms, whole = floor_divide(age_ms, half_life_ms, &left_ms);
    return exp2_whole(-whole) / exp2_fraction((double)left_ms / (double)half_life_ms);
}

static void divide_past(struct decay_stand_in *stand_in, const struct signal_table *table,
                        uint8_t slot, uint8_t ring, int64_t now_ms, int64_t length_ms)
{
    enum { PARTS = WINDOWS_TOGETHER };
    int64_t hop_ms = table->layout.rings[ring].hop_ms, left_ms, before_ms = 0;
    int64_t hops = floor_divide(length_ms, hop_ms, &left_ms);
    int64_t step_ms = (hops + PARTS - 1) / PARTS * hop_ms;
    for (int64_t end_ms = step_ms; before_ms < length_ms; end_ms += step_ms) {
        if (end_ms > length_ms || stand_in->parts.count + 1 == PARTS) end_ms = length_ms;
        uint8_t at =
            windows_add(&stand_in->parts, layout_window(&table->layout, ring, end_ms, now_ms));
        stand_in->weights[at] = weight_at(before_ms + (end_ms - before_ms) / 2,
                                          table->layout.decays[slot].half_life_ms);
        before_ms = end_ms;
    }
}

void decay_stand_in_init(struct decay_stand_in *stand_in, const struct signal_table *table,
                         uint8_t slot, int64_t now_ms)
{
    const struct layout *layout = &table->layout;
    int64_t length_ms, own_ms;
    uint8_t ring = best_ring(table, now_ms, &length_ms);
    windows_init(&stand_in->parts, now_ms);
    stand_in->slot = slot;
    stand_in->factor = 1;
    if (__builtin_sub_overflow(now_ms, table->gaps.decays[slot].since_ms, &own_ms))
        own_ms = INT64_MAX;
    if (length_ms > own_ms) divide_past(stand_in, table, slot, ring, now_ms, length_ms);
    for (uint32_t i = 0; length_ms == 0 && i < layout->decay_count; i++) {
        if (table->gaps.decays[i].open) continue;
        stand_in->slot = (uint8_t)i;
        stand_in->factor =
            (double)layout->decays[slot].half_life_ms / (double)layout->decays[i].half_life_ms;
    }
    stand_in->now = decay_now(&layout->decays[stand_in->slot], now_ms);
}

double decay_stand_in_read(const struct decay_stand_in *stand_in, const struct layout *layout,
                           struct held held)
{
    struct window_reading readings[WINDOWS_TOGETHER];
    double decayed = 0, before = 0;
    if (stand_in->parts.count == 0)
        return decay_read(&stand_in->now, held_decay(held, stand_in->slot), held_newest_ms(held)) *
               stand_in->factor;
    held_windows(held, layout, &stand_in->parts, readings);
    for (uint32_t i = 0; i < stand_in->parts.count; i++) {
        const struct window_reading *reading = &readings[i];
        double sum =
            ((double)reading->sum - (double)reading->tail_sum * reading->tail_outside) * UNIT;
        decayed += (sum - before) * stand_in->weights[i];
        before = sum;
    }
    return decayed;
}
