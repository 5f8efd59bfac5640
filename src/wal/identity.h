/* Identities of entries by their content: BLAKE3 of many short messages at once.  Pure; any thread.
 */
#ifndef TIDAL_WAL_IDENTITY_H
#define TIDAL_WAL_IDENTITY_H

#include "wal/wal.h"

enum {
    IDENTITY_LANES = 8,
    IDENTITY_SHORT_BYTES = 1009 /* of payload: with what is before it, a chunk of BLAKE3 */
};

/* The identities of 1 to IDENTITY_LANES records with payloads of at most IDENTITY_SHORT_BYTES, in
 * two forms that give the same.  identity_hash_avx2 only where identity_has_avx2 says so. */
bool identity_has_avx2(void);
void identity_hash_avx2(struct wal_record *const *records, size_t count);
void identity_hash_portable(struct wal_record *const *records, size_t count);

#endif
