/* The encoding of a signal's gaps (docs/formats/rows.md):
 *
 *   defined    varint   LSN, 0 if nothing is due
 *   gaps       u8       1 ..; for each, ascending:
 *     place    u8       index of a half-life, or 128 + index of a ring
 *     flags    u8       1: it is due
 *     since    signed   ms
 *     [whole   varint   ms, of a ring] */
#include "signals/gaps.h"

enum { PLACE_OF_RING = 128, FLAG_DUE = 1 };

/* Where `to` keeps what `from` keeps as well, the gap is that of before; what is new has one. */
static struct gap convert_decay(const struct gaps *gaps, const struct layout *from,
                                const struct decay *decay, int64_t since_ms)
{
    for (uint32_t i = 0; i < from->decay_count; i++)
        if (from->decays[i].half_life_ms == decay->half_life_ms) return gaps->decays[i];
    return (struct gap){.open = true, .due = true, .since_ms = since_ms};
}

static struct gap convert_ring(const struct gaps *gaps, const struct layout *from,
                               const struct ring_shape *shape, int64_t since_ms)
{
    struct gap gap = {.open = true, .due = true, .since_ms = since_ms};
    for (uint32_t i = 0; i < from->ring_count; i++) {
        if (from->rings[i].hop_ms != shape->hop_ms) continue;
        int64_t longest_ms = from->rings[i].longest_ms;
        gap.whole_ms = gaps->rings[i].open ? gaps->rings[i].whole_ms : longest_ms;
        if (shape->longest_ms <= gap.whole_ms) return (struct gap){0};
        if (shape->longest_ms <= longest_ms) return gaps->rings[i];
    }
    return gap;
}

static bool anything_due(const struct gaps *gaps)
{
    for (uint32_t i = 0; i < LIMIT_HALF_LIVES; i++)
        if (gaps->decays[i].due) return true;
    for (uint32_t i = 0; i < RING_MAXIMUM; i++)
        if (gaps->rings[i].due) return true;
    return false;
}

struct gaps gaps_convert(const struct gaps *gaps, const struct layout *from,
                         const struct layout *to, lsn defined, int64_t since_ms)
{
    struct gaps converted = {0};
    for (uint32_t i = 0; i < to->decay_count; i++)
        converted.decays[i] = convert_decay(gaps, from, &to->decays[i], since_ms);
    for (uint32_t i = 0; i < to->ring_count; i++)
        converted.rings[i] = convert_ring(gaps, from, &to->rings[i], since_ms);
    if (anything_due(&converted)) converted.defined = defined;
    return converted;
}

static void fill(struct gap *gap, int64_t since_ms)
{
    if (!gap->due) return;
    gap->due = false;
    if (since_ms < gap->since_ms) gap->since_ms = since_ms;
    if (gap->since_ms == INT64_MIN) *gap = (struct gap){0};
}

void gaps_fill(struct gaps *gaps, int64_t since_ms)
{
    for (uint32_t i = 0; i < LIMIT_HALF_LIVES; i++)
        fill(&gaps->decays[i], since_ms);
    for (uint32_t i = 0; i < RING_MAXIMUM; i++)
        fill(&gaps->rings[i], since_ms);
    gaps->defined = 0;
}

bool gap_shows_in_decay(const struct gap *gap, int64_t half_life_ms, int64_t now_ms)
{
    int64_t enough_ms, until_ms;
    if (!gap->open) return false;
    if (__builtin_mul_overflow(half_life_ms, (int64_t)GAP_HALF_LIVES, &enough_ms)) return true;
    if (__builtin_add_overflow(gap->since_ms, enough_ms, &until_ms)) return true;
    return now_ms < until_ms;
}

bool gap_shows_in_window(const struct gap *gap, int64_t window_ms, int64_t now_ms)
{
    int64_t start_ms;
    if (!gap->open || window_ms <= gap->whole_ms) return false;
    if (__builtin_sub_overflow(now_ms, window_ms, &start_ms)) return true;
    return start_ms < gap->since_ms;
}

bool gaps_any(const struct gaps *gaps)
{
    for (uint32_t i = 0; i < LIMIT_HALF_LIVES; i++)
        if (gaps->decays[i].open) return true;
    for (uint32_t i = 0; i < RING_MAXIMUM; i++)
        if (gaps->rings[i].open) return true;
    return false;
}

static void encode_gap(const struct gap *gap, uint32_t place, struct buffer *out)
{
    if (!gap->open) return;
    buffer_put_u8(out, (uint8_t)place);
    buffer_put_u8(out, gap->due ? FLAG_DUE : 0);
    buffer_put_signed(out, gap->since_ms);
    if (place >= PLACE_OF_RING) buffer_put_varint(out, (uint64_t)gap->whole_ms);
}

void gaps_encode(const struct gaps *gaps, struct buffer *out)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < LIMIT_HALF_LIVES; i++)
        count += gaps->decays[i].open;
    for (uint32_t i = 0; i < RING_MAXIMUM; i++)
        count += gaps->rings[i].open;
    buffer_put_varint(out, gaps->defined);
    buffer_put_u8(out, (uint8_t)count);
    for (uint32_t i = 0; i < LIMIT_HALF_LIVES; i++)
        encode_gap(&gaps->decays[i], i, out);
    for (uint32_t i = 0; i < RING_MAXIMUM; i++)
        encode_gap(&gaps->rings[i], PLACE_OF_RING + i, out);
}

static bool decode_gap(struct cursor *cursor, bool is_ring, struct gap *gap)
{
    uint8_t flags = cursor_u8(cursor);
    gap->open = true;
    gap->due = flags & FLAG_DUE;
    gap->since_ms = cursor_signed(cursor);
    uint64_t whole_ms = is_ring ? cursor_varint(cursor) : 0;
    gap->whole_ms = (int64_t)whole_ms;
    return !cursor->failed && !(flags & ~FLAG_DUE) && whole_ms <= DURATION_MAXIMUM_MS &&
           gap->since_ms != INT64_MIN;
}

bool gaps_decode(struct cursor *cursor, const struct layout *layout, struct gaps *gaps)
{
    int last = -1;
    *gaps = (struct gaps){.defined = cursor_varint(cursor)};
    unsigned count = cursor_u8(cursor);
    if (count == 0) return false;
    for (; count > 0; count--) {
        int place = cursor_u8(cursor);
        bool is_ring = place >= PLACE_OF_RING;
        uint32_t at = (uint32_t)(is_ring ? place - PLACE_OF_RING : place);
        if (place <= last || at >= (is_ring ? layout->ring_count : layout->decay_count))
            return false;
        if (!decode_gap(cursor, is_ring, is_ring ? &gaps->rings[at] : &gaps->decays[at]))
            return false;
        last = place;
    }
    return anything_due(gaps) == (gaps->defined > 0);
}
