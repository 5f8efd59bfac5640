#include "wal/digest.h"

#include <blake3.h>

_Static_assert(sizeof(blake3_hasher) <= sizeof(struct digest), "the hasher fits its place");

static blake3_hasher *hasher_of(struct digest *digest)
{
    return (blake3_hasher *)digest->state;
}

void digest_init(struct digest *digest)
{
    blake3_hasher_init(hasher_of(digest));
}

void digest_number(struct digest *digest, uint64_t number)
{
    uint8_t bytes[8];
    store_u64(bytes, number);
    blake3_hasher_update(hasher_of(digest), bytes, sizeof bytes);
}

void digest_slice(struct digest *digest, struct slice slice)
{
    digest_number(digest, slice.bytes);
    blake3_hasher_update(hasher_of(digest), slice.data, slice.bytes);
}

void digest_bytes(struct digest *digest, struct slice bytes)
{
    if (bytes.bytes > 0) blake3_hasher_update(hasher_of(digest), bytes.data, bytes.bytes);
}

void digest_finish(const struct digest *digest, uint8_t out[DIGEST_BYTES])
{
    blake3_hasher_finalize((const blake3_hasher *)digest->state, out, DIGEST_BYTES);
}
