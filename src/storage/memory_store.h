/* The store in memory: an ordered map a keyspace, behind a readers-writer lock.  Serves `:memory:`
 * databases, and tests of what a crash leaves. */
#ifndef TIDAL_STORAGE_MEMORY_STORE_H
#define TIDAL_STORAGE_MEMORY_STORE_H

#include "storage/store.h"

MUST_USE enum code memory_store_open(struct memory *memory, struct store **store,
                                     struct error *error);

/* One that keeps what was flushed apart from what was only written, so that a crash can take the
 * latter. */
MUST_USE enum code memory_store_open_faulty(struct memory *memory, struct store **store,
                                            struct error *error);

/* Of a faulty one: */

/* Batches written since the last flush. */
size_t memory_store_pending(const struct store *store);
/* The machine dies: of the pending batches the first `keep` survive. */
MUST_USE enum code memory_store_crash(struct store *store, size_t keep, struct error *error);
/* The n-th write or flush from now on (from 1) fails with CODE_IO and does nothing; 0: none. */
void memory_store_fail_at(struct store *store, uint64_t operation);
/* Until it is taken back, store_get_many fails with CODE_IO. */
void memory_store_refuse_many(struct store *store, bool refuse);
/* A wrong store, to prove that a harness notices: flush says yes and does nothing. */
void memory_store_ignore_flush(struct store *store, bool ignore);

#endif
