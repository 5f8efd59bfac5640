/* The window of recent identities: is this entry in the log already?
 *
 * Two generations.  A new identity goes into the current one; when that holds `count_limit` of
 * them, or its first frame is `window_ms` old, the previous is dropped and the current takes its
 * place.  So a repeat is found if fewer than count_limit other entries came since the original and
 * less than window_ms passed; nothing is remembered for more than twice that.
 *
 * Generations change only at the border of a frame, by the frame's own time and the log's own
 * count: reading the log again gives the very same window.  one thread (the log's lock). */
#ifndef TIDAL_WAL_DEDUP_H
#define TIDAL_WAL_DEDUP_H

#include "wal/wal.h"

struct dedup_slot {
    uint8_t identity[WAL_IDENTITY_BYTES];
    uint64_t lsn;
};

struct dedup_generation {
    struct dedup_slot *slots;
    uint8_t *tags;               /* of each slot: 0 if it is empty, or else some bits of its hash */
    size_t capacity;             /* 0 or a power of two */
    size_t held;                 /* in `slots` */
    uint64_t count;              /* entered, also those that a removed segment held */
    uint64_t first_lsn;          /* 0: not begun */
    uint64_t first_identity_lsn; /* of those held; 0: none */
    int64_t time_ms;
};

struct dedup {
    struct memory *memory; /* lent until dedup_release */
    uint64_t count_limit;
    int64_t window_ms;
    uint64_t seed;
    struct dedup_generation generations[2];
    unsigned current;
    uint64_t rotations;
};

/* Where the window stands, without its identities: what a segment's header records. */
struct dedup_state {
    uint64_t previous_lsn; /* first LSN of the previous generation; 0: none */
    uint64_t current_lsn;
    int64_t current_time_ms;
    uint64_t current_count;
};

void dedup_init(struct dedup *dedup, struct memory *memory, uint64_t count_limit, int64_t window_ms,
                uint64_t seed);
void dedup_release(struct dedup *dedup);
/* Makes room for `count` inserts with any frame borders between them; false on no memory. */
MUST_USE bool dedup_reserve(struct dedup *dedup, size_t count);
/* Of an identity, for the functions below; the same until dedup_release.  Any thread. */
uint64_t dedup_hash(const struct dedup *dedup, const uint8_t identity[WAL_IDENTITY_BYTES]);
/* Fetches what finding and inserting it will look at: for calls of many. */
void dedup_prefetch(const struct dedup *dedup, uint64_t hash);
/* The LSN of the original, or 0. */
uint64_t dedup_find(const struct dedup *dedup, const uint8_t identity[WAL_IDENTITY_BYTES],
                    uint64_t hash);
/* A frame of entries begins: before its first insert. */
void dedup_frame(struct dedup *dedup, uint64_t first_lsn, int64_t time_ms);
/* Room was reserved. */
void dedup_insert(struct dedup *dedup, const uint8_t identity[WAL_IDENTITY_BYTES], uint64_t hash,
                  uint64_t lsn);
/* The oldest LSN that rebuilding the window needs; UINT64_MAX where it is empty.  When a generation
 * began is not lost with its segment: the next one's header says it. */
uint64_t dedup_horizon(const struct dedup *dedup);
uint64_t dedup_count(const struct dedup *dedup);

struct dedup_state dedup_state(const struct dedup *dedup);
/* Empties it and goes on as if from that state; the identities before it are not known. */
void dedup_restore(struct dedup *dedup, const struct dedup_state *state);

#endif
