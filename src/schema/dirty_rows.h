/* Dirty rows: which rows of a fold a checkpoint has to write.
 *
 * Two lists: what changed since the last seal, and what is sealed, which the present checkpoint
 * writes.  An entry names a row as its fold likes; the fold keeps a mark beside its state so that
 * none is added twice.  If the checkpoint fails the sealed ones are dirty again, and one may then
 * be listed twice: what is written is a row's state, so that does no harm.
 * one thread; reading: any thread while nobody writes. */
#ifndef TIDAL_SCHEMA_DIRTY_ROWS_H
#define TIDAL_SCHEMA_DIRTY_ROWS_H

#include "base/memory.h"

struct dirty_list {
    void *entries; /* of `entry_bytes` each */
    size_t count, capacity;
};

struct dirty_rows {
    struct memory *memory; /* lent */
    size_t entry_bytes;
    struct dirty_list changed, sealed;
};

void dirty_rows_init(struct dirty_rows *rows, struct memory *memory, size_t entry_bytes);
void dirty_rows_release(struct dirty_rows *rows);

/* Copies an entry, and leaves room for the sealed ones to come back.  false: no memory, and nothing
 * is changed. */
MUST_USE bool dirty_rows_add(struct dirty_rows *rows, const void *entry);
/* What changed is sealed; nothing was. */
void dirty_rows_seal(struct dirty_rows *rows);
/* The sealed ones are written, or dirty again. */
void dirty_rows_sealed(struct dirty_rows *rows, bool durable);

/* Held by both lists. */
size_t dirty_rows_bytes(const struct dirty_rows *rows);

#endif
