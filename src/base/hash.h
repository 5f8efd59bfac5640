/* Hashes for tables in memory, and of topics and users in rows, so what they give stays as it is
 * (identities in the log are BLAKE3's).  Not keyed: a table
 * whose keys come from outside must bound its probe length by its load. */
#ifndef TIDAL_BASE_HASH_H
#define TIDAL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* splitmix64's finaliser */
static inline uint64_t hash_u64(uint64_t value)
{
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

uint64_t hash_bytes(const void *data, size_t bytes); /* 64 bits over any bytes */

#endif
