/* A compact record: what `struct record` holds, as small as it can be; compact.c has the layout.
 *
 * It is a form of the same content: both give the same row and the same readings.  What does not
 * fit (sums beyond 62 bits, millions of events, retractions of what is not there) is kept as a
 * record. one thread; reading: any thread while nobody writes. */
#ifndef TIDAL_SIGNALS_COMPACT_H
#define TIDAL_SIGNALS_COMPACT_H

#include "signals/record.h"

enum {
    COMPACT_DIRTY = 1,   /* it is in the ledger's dirty list */
    COMPACT_VALUED = 2,  /* values other than 1 were said: sums are kept */
    COMPACT_EXTREMES = 4 /* and minima and maxima */
};

struct compact {
    int64_t newest_and_flags; /* 56 bits of time, 8 of flags */
    uint32_t count;           /* events of all time */
    uint32_t run_counts[1];   /* of rings: 10 bits each, the finest lowest */
    /* int64_t decays[], then what the flags say, then runs: compact.c */
};

static inline int64_t compact_newest_ms(const struct compact *compact)
{
    return compact->newest_and_flags >> 8;
}

static inline unsigned compact_flags(const struct compact *compact)
{
    return (unsigned)(compact->newest_and_flags & 255);
}

static inline void compact_set_flag(struct compact *compact, unsigned flag, bool on)
{
    compact->newest_and_flags = (compact->newest_and_flags & ~(int64_t)flag) | (on ? flag : 0);
}

/* Bytes of one that has `run_count` runs. */
size_t compact_bytes(const struct layout *layout, unsigned flags, size_t run_count);
size_t compact_run_count(const struct compact *compact);

/* VALUED and EXTREMES, as the layout and the first event need them. */
unsigned compact_flags_for(const struct layout *layout, const struct contribution *event);
/* An empty one, of no newest event, in a block of compact_bytes(layout, flags, 0) bytes. */
void compact_init(struct compact *compact, const struct layout *layout, unsigned flags);

/* Asks for one up to its first run: blocks of 48 bytes may lie on two lines of the cache. */
static ALWAYS_INLINE void compact_prefetch_head(const struct compact *compact,
                                                const struct layout *layout)
{
    __builtin_prefetch(compact);
    __builtin_prefetch((const char *)compact + sizeof *compact + layout->decay_count * 8);
}

/* A copy with VALUED set, in a block large enough. */
void compact_add_values(const struct compact *from, const struct layout *layout,
                        struct compact *to);

/* As a record of its own.  NULL on no memory. */
struct record *compact_expand(const struct compact *compact, const struct layout *layout,
                              entity_id id, struct memory *memory);
/* The bytes that the record takes in compact form; 0: it does not fit. */
size_t compact_measure(const struct record *record, const struct layout *layout);
/* Into a block of compact_measure bytes. */
void compact_fill(struct compact *compact, const struct record *record,
                  const struct layout *layout);

bool compact_check(const struct compact *compact, const struct layout *layout, char *reason,
                   size_t reason_bytes);

__int128 compact_sum(const struct compact *compact, const struct layout *layout);
int64_t compact_decay(const struct compact *compact, uint32_t slot);
/* INT64_MAX, INT64_MIN unless kept. */
int64_t compact_minimum(const struct compact *compact, const struct layout *layout);
int64_t compact_maximum(const struct compact *compact, const struct layout *layout);
/* readings[i] of windows->list[i]. */
void compact_windows(const struct compact *compact, const struct layout *layout,
                     const struct windows *windows, struct window_reading *readings);

#endif
