#include "base/hash.h"

#include "base/bytes.h"

uint64_t hash_bytes(const void *data, size_t bytes)
{
    const uint8_t *at = data;
    uint64_t hash = hash_u64(bytes);
    for (; bytes >= 8; at += 8, bytes -= 8)
        hash = hash_u64(hash ^ load_u64(at));
    uint64_t last = 0;
    for (size_t i = 0; i < bytes; i++)
        last |= (uint64_t)at[i] << (8 * i);
    return bytes > 0 ? hash_u64(hash ^ last) : hash;
}
