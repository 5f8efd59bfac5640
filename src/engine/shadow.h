/* A database without a log: its folds alone, filled from a store or fed with entries, to compare
 * with or to read by.  Everything that reads a `struct database` works on it; writing does not.
 * one thread; database_abandon frees it. */
#ifndef TIDAL_ENGINE_SHADOW_H
#define TIDAL_ENGINE_SHADOW_H

#include "engine/database.h"
#include "storage/store.h"
#include "wal/wal.h"

MUST_USE enum code shadow_create(struct database **shadow, struct error *error);
/* Fills an empty one with all that the store holds, whichever database's it is.  *applied is the
 * LSN of its rows, *oldest what it says the log must still hold (0: nothing).  CORRUPT, VERSION.
 * `store` is lent until the call returns. */
MUST_USE enum code shadow_load(struct database *shadow, struct store *store, lsn *applied,
                               lsn *oldest, struct error *error);
/* As shadow_load, but only the definitions: enough to name things by. */
MUST_USE enum code shadow_load_schema(struct database *shadow, struct store *store,
                                      struct error *error);
/* The next entry.  Only what is in a log of this database, in its order. */
MUST_USE enum code shadow_apply(struct database *shadow, const struct wal_entry *entry,
                                struct error *error);
/* Only what a definition among them says; other changes, and what cannot be read, change nothing.
 */
void shadow_learn(struct database *shadow, const struct change *change);
/* Lent until the next entry. */
const struct schema *shadow_schema(const struct database *shadow);
/* Are the store's rows those that the shadow would write, byte by byte, and no others?  CORRUPT
 * names the row.  The shadow is as shadow_load left it. */
MUST_USE enum code shadow_compare(struct database *shadow, struct store *store,
                                  struct error *error);

#endif
