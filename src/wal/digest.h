/* BLAKE3 over many pieces, for those who compare states.  one thread. */
#ifndef TIDAL_WAL_DIGEST_H
#define TIDAL_WAL_DIGEST_H

#include "base/bytes.h"

#define DIGEST_BYTES 32

struct digest {
    uint64_t state[240]; /* the hasher's own */
};

void digest_init(struct digest *digest);
void digest_number(struct digest *digest, uint64_t number);
/* The length, then the bytes: no two lists of slices run together. */
void digest_slice(struct digest *digest, struct slice slice);
/* The bytes alone: what b3sum hashes. */
void digest_bytes(struct digest *digest, struct slice bytes);
void digest_finish(const struct digest *digest, uint8_t out[DIGEST_BYTES]);

#endif
