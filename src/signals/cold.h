/* Cold pairs: those whose record lies in the store alone.
 *
 * A ledger with a budget gives up the pairs whose newest event is oldest, as long as what it holds
 * is over.  Only what the store has as it is goes, so nothing is written for it: four bytes in
 * the directory stay, and say that the pair is there.  No reading, row or total tells whether a
 * pair is cold (docs/decisions/014-cold-pairs.md).  Pairs of a signal with POPULAR stay: an index
 * over all of them reads them as it likes.
 *
 * Under the engine's lock, as the ledger: shared for what takes it const. */
#ifndef TIDAL_SIGNALS_COLD_H
#define TIDAL_SIGNALS_COLD_H

#include "base/memory.h"
#include "signals/ledger.h"

/* Once, before anything is in it.  Over `bytes` it gives pairs up; 0: never. */
MUST_USE enum code ledger_set_budget(struct ledger *ledger, size_t bytes, struct error *error);
/* What a budget is about: the directory and the pairs in memory, without what is free in blocks. */
size_t ledger_resident_bytes(const struct ledger *ledger);
/* Of that, the directory, which stays: what says which pairs there are, cold ones too. */
size_t ledger_directory_bytes(const struct ledger *ledger);
/* How much of it there may be: the budget.  But pairs in memory may always take an eighth of it:
 * where the directory leaves less, that much on top of the directory. */
size_t ledger_allowed_bytes(const struct ledger *ledger);
bool ledger_is_over_budget(const struct ledger *ledger);

/* Reads cold pairs, and keeps them for the next look.
 * one thread.  What it has read holds as long as nothing is applied. */
struct cold_reader {
    const struct ledger *ledger; /* lent */
    struct memory *memory;       /* lent */
    struct cold_entry *entries;  /* a hash table */
    size_t capacity, count;
    size_t bytes;       /* of records */
    struct error error; /* the first; CODE_OK: none */
};
void cold_reader_init(struct cold_reader *reader, const struct ledger *ledger,
                      struct memory *memory);
/* Gives back what it holds.  An error if a read failed: what was computed with it is nothing. */
MUST_USE enum code cold_reader_end(struct cold_reader *reader, struct error *error);

struct cold_pair {
    signal_id signal;
    ordinal entity;
};
/* Reads in those of the pairs that are cold, ahead of their use. */
void cold_read_pairs(struct cold_reader *reader, const struct cold_pair *pairs, size_t count);

/* Reads in what a change will touch of the ledger: before any fold applies it.  Where nothing of it
 * is cold, this costs a look at the directory.  `ahead` may have read it already, into the ledger's
 * memory; NULL: nobody has.  IO, CORRUPT: the store cannot be read. */
MUST_USE enum code ledger_warm(struct ledger *ledger, const struct resolved_change *change,
                               struct cold_reader *ahead, struct error *error);
bool ledger_has_cold(const struct ledger *ledger);

#endif
