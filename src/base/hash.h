/* Hashes for tables in memory (never for what is stored: the log uses BLAKE3).  Not keyed: a table
 * whose keys come from outside must bound its probe length by its load. */
#ifndef TIDAL_BASE_HASH_H
#define TIDAL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_u64(uint64_t value);                   /* splitmix64's finaliser */
uint64_t hash_bytes(const void *data, size_t bytes); /* 64 bits over any bytes */

#endif
