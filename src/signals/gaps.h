/* Gaps: what the half-lives and windows of a signal that was defined anew have not counted.
 *
 * A half-life or window that is added counts from that moment on; what was before is missing until
 * a backfill brings it (signals/backfill.h).  Which ones have a gap, and since when they are right,
 * is state as any other: it follows from the log, and has a row.  Pure; one thread. */
#ifndef TIDAL_SIGNALS_GAPS_H
#define TIDAL_SIGNALS_GAPS_H

#include "signals/record.h"

/* All zero: there is none. */
struct gap {
    bool open;        /* events may be missing, */
    bool due;         /* which a backfill is to bring */
    int64_t since_ms; /* no event after this time is missing */
    int64_t whole_ms; /* of a ring: from windows up to this long nothing is */
};

/* Of one signal, in the order of its layout. */
struct gaps {
    lsn defined; /* of the DEFINE that left what is due; 0: nothing is */
    struct gap decays[LIMIT_HALF_LIVES];
    struct gap rings[RING_MAXIMUM];
};

/* Decayed sums lose half of what is missing with each half-life: after so many since the gap began
 * it is less than what their integers leave out. */
enum { GAP_HALF_LIVES = 24 };

/* The gaps of records that are brought from one layout into another at `defined`, when the newest
 * event was at `since_ms`. */
struct gaps gaps_convert(const struct gaps *gaps, const struct layout *from,
                         const struct layout *to, lsn defined, int64_t since_ms);
/* What a backfill brought is there, complete since `since_ms` (INT64_MIN: all). */
void gaps_fill(struct gaps *gaps, int64_t since_ms);

/* May what is read at `now_ms` lack events? */
bool gap_shows_in_decay(const struct gap *gap, int64_t half_life_ms, int64_t now_ms);
bool gap_shows_in_window(const struct gap *gap, int64_t window_ms, int64_t now_ms);

bool gaps_any(const struct gaps *gaps);
/* Appends the encoding of those of one signal; there are some. */
void gaps_encode(const struct gaps *gaps, struct buffer *out);
/* False: these bytes are not of such a layout. */
MUST_USE bool gaps_decode(struct cursor *cursor, const struct layout *layout, struct gaps *gaps);

#endif
