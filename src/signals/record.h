/* A record: what has been counted of one entity by one signal, and its layout.
 *
 * This is the form that holds whatever there is; most pairs fit into a compact one
 * (signals/compact.h).  one thread; reading: any thread while nobody writes. */
#ifndef TIDAL_SIGNALS_RECORD_H
#define TIDAL_SIGNALS_RECORD_H

#include "schema/resolved_change.h"
#include "schema/schema.h"
#include "signals/decay_small.h"
#include "signals/window.h"

enum { RING_MAXIMUM = 3 };

/* What a record of a signal holds.  Follows from the signal's definition. */
struct layout {
    enum entity_kind kind;
    bool keeps_extremes;
    bool is_state; /* UNIQUE PER USER: exempt from lateness, since it can be taken back any time */
    bool is_weighted; /* events may weigh less than 1: what counts of them is the sum, not the count
                       */
    uint32_t decay_count;
    struct decay decays[LIMIT_HALF_LIVES];
    struct decay_lanes lanes;        /* the same, for compact records */
    double lambda[LIMIT_HALF_LIVES]; /* per second */
    uint32_t window_count;
    int64_t window_ms[LIMIT_WINDOWS];
    uint8_t window_ring[LIMIT_WINDOWS];
    int64_t baseline_ms[LIMIT_WINDOWS]; /* of the window's velocity */
    uint8_t baseline_ring[LIMIT_WINDOWS];
    uint32_t ring_count;
    struct ring_shape rings[RING_MAXIMUM]; /* ascending by hop */
    int64_t ring_hops[RING_MAXIMUM];       /* the longest window in whole hops, */
    int64_t ring_rest_ms[RING_MAXIMUM];    /* and what is left of it */
    bool ends_align;  /* where longest windows of coarser rings end, a bucket of the finest ends */
    uint64_t near_ms; /* of a hop of the finest ring in which no epoch of a half-life and no longest
                         window ends: what is not its start; 0: there are others, too */
};

void layout_init(struct layout *layout, const struct signal *signal);
/* Do records of both have the same content? */
bool layout_same_records(const struct layout *a, const struct layout *b);

/* A window as a ring has it. */
struct window_at layout_window(const struct layout *layout, uint8_t ring, int64_t window_ms,
                               int64_t now_ms);

struct record {
    entity_id id;
    int64_t
        newest_ms; /* of all its events, those taken back as well: nobody knows the one before */
    int64_t count; /* all time; never 0 for long: such a record is dropped */
    __int128 sum;
    int64_t minimum, maximum; /* INT64_MAX, INT64_MIN unless kept */
    struct ring rings[RING_MAXIMUM];
    bool dirty; /* it is in the ledger's dirty list */
    uint8_t decay_count;
    decay_sum decays[];
};

/* An empty record: newest_ms is INT64_MIN.  NULL on no memory. */
struct record *record_create(const struct layout *layout, entity_id id, struct memory *memory);
/* NULL on no memory. */
struct record *record_copy(const struct record *record, struct memory *memory);
void record_free(struct record *record, struct memory *memory);
size_t record_bytes(const struct record *record);
/* Counts an event.  `decays` false: in totals and windows only.  false: no memory. */
MUST_USE bool record_add(struct record *record, const struct layout *layout, struct memory *memory,
                         const struct contribution *event, bool decays);
/* A copy of `old`, of layout `from`, in layout `to`: what both have in common is kept, and a ring
 * that is new starts with what the next finer one has.  Takes the rings that it can use out of
 * `old`.  NULL on no memory. */
struct record *record_convert(struct record *old, const struct layout *from,
                              const struct layout *to, struct memory *memory);
bool record_check(const struct record *record, const struct layout *layout, char *reason,
                  size_t reason_bytes);

#endif
