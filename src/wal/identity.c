/* BLAKE3 of many short messages, eight side by side.
 *
 * The library hashes one message at a time, and hides the latency of its rounds only in messages of
 * many chunks.  An event is a block or two, of which each operation waits for the one before it: so
 * here word w of eight messages lies in one vector, and every step is taken for all of them.
 *
 * A message of at most 1,024 bytes is one chunk, and its chunk is the root.  Its blocks of 64
 * bytes, the last one filled up with zeros, are compressed one after the other into the chaining
 * value, which is IV before the first; the block's own length goes in, CHUNK_START with the first,
 * and CHUNK_END and ROOT with the last, whose first words are the hash (Aumasson, Neves, O'Connor,
 * Wilcox-O'Hearn: BLAKE3, one function, fast everywhere, 2.1 to 2.6).  Longer ones go to the
 * library.
 *
 * The vectors are the compiler's; compiled for AVX2 as well, where each is one register. */
#include "wal/identity.h"

#include <assert.h>

#define LANES       IDENTITY_LANES
#define BLOCK_BYTES ((size_t)64)
#define BLOCK_WORDS 16
#define CHUNK_START 1u
#define CHUNK_END   2u
#define ROOT        8u
#define INLINE      static inline __attribute__((always_inline))

/* The domain, and the type in two bytes. */
static const char domain[] = "tidal.event.1";
#define PREFIX_BYTES (sizeof domain - 1 + 2)

typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));
typedef uint8_t octets __attribute__((vector_size(4 * LANES)));

/* Word by word: that of each message, one beside the other. */
struct block {
    _Alignas(lanes) uint32_t words[BLOCK_WORDS][LANES];
    _Alignas(lanes) uint32_t bytes[LANES];
    _Alignas(lanes) uint32_t flags[LANES];
};

static const uint32_t iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* Which word of the block goes where, by round. */
static const uint8_t schedule[7][BLOCK_WORDS] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
    {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
    {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

/* Vectors go by address: how they are passed otherwise depends on the processor. */
#define ALL(word)           ((lanes){0} + (word))
#define SHIFTED(word, bits) ((word) >> (bits) | (word) << (32 - (bits)))

/* By whole bytes, as one shuffle of them, where the processor has that. */
#define SHUFFLED(word, a, b, c, d)                                                                 \
    (lanes) __builtin_shufflevector(                                                               \
        (octets)(word), (octets)(word), QUAD(0, a, b, c, d), QUAD(4, a, b, c, d),                  \
        QUAD(8, a, b, c, d), QUAD(12, a, b, c, d), QUAD(16, a, b, c, d), QUAD(20, a, b, c, d),     \
        QUAD(24, a, b, c, d), QUAD(28, a, b, c, d))
#define QUAD(from, a, b, c, d) (from) + (a), (from) + (b), (from) + (c), (from) + (d)

/* The columns, then the diagonals. */
static const uint8_t mixed[8][4] = {{0, 4, 8, 12},  {1, 5, 9, 13},  {2, 6, 10, 14}, {3, 7, 11, 15},
                                    {0, 5, 10, 15}, {1, 6, 11, 12}, {2, 7, 8, 13},  {3, 4, 9, 14}};

INLINE void mix(lanes *v, const uint8_t at[4], const uint32_t *x, const uint32_t *y, bool shuffles)
{
    lanes *a = &v[at[0]], *b = &v[at[1]], *c = &v[at[2]], *d = &v[at[3]], first, second, turned;
    memcpy(&first, x, sizeof first);
    memcpy(&second, y, sizeof second);
    *a += *b + first;
    turned = *d ^ *a;
    *d = shuffles ? SHUFFLED(turned, 2, 3, 0, 1) : SHIFTED(turned, 16);
    *c += *d;
    *b = SHIFTED(*b ^ *c, 12);
    *a += *b + second;
    turned = *d ^ *a;
    *d = shuffles ? SHUFFLED(turned, 1, 2, 3, 0) : SHIFTED(turned, 8);
    *c += *d;
    *b = SHIFTED(*b ^ *c, 7);
}

/* The chaining values behind the block, which may be the last one of some messages; those that were
 * at their end before it keep theirs. */
INLINE void compress(lanes chaining[8], const struct block *block, bool shuffles)
{
    lanes v[16], bytes, flags;
    memcpy(&bytes, block->bytes, sizeof bytes);
    memcpy(&flags, block->flags, sizeof flags);
    for (int i = 0; i < 8; i++)
        v[i] = chaining[i];
    for (int i = 0; i < 4; i++)
        v[8 + i] = ALL(iv[i]);
    v[12] = v[13] = ALL(0); /* the number of the chunk */
    v[14] = bytes;
    v[15] = flags;
#pragma GCC unroll 56
    for (int i = 0; i < 56; i++) {
        const uint8_t *order = &schedule[i / 8][i % 8 * 2];
        mix(v, mixed[i % 8], block->words[order[0]], block->words[order[1]], shuffles);
    }
    lanes takes_part = (lanes)(bytes != 0);
    for (int i = 0; i < 8; i++)
        chaining[i] = ((v[i] ^ v[8 + i]) & takes_part) | (chaining[i] & ~takes_part);
}

/* Puts block `index` of the message into a lane: zeros if it has none. */
INLINE void fill(struct block *block, unsigned lane, const struct wal_record *record, size_t index)
{
    uint8_t bytes[BLOCK_BYTES] = {0};
    size_t total = PREFIX_BYTES + record->payload.bytes, begin = index * BLOCK_BYTES, before = 0;
    block->bytes[lane] = block->flags[lane] = 0;
    if (index == 0) {
        memcpy(bytes, domain, sizeof domain - 1);
        store_u16(bytes + sizeof domain - 1, record->type);
        before = PREFIX_BYTES;
        block->flags[lane] = CHUNK_START;
    }
    if (begin < total) {
        size_t end = total - begin < BLOCK_BYTES ? total - begin : BLOCK_BYTES;
        if (end > before)
            memcpy(bytes + before, record->payload.data + (begin + before - PREFIX_BYTES),
                   end - before);
        block->bytes[lane] = (uint32_t)end;
        if (total - begin <= BLOCK_BYTES) block->flags[lane] |= CHUNK_END | ROOT;
    }
    for (int i = 0; i < BLOCK_WORDS; i++)
        block->words[i][lane] = load_u32(bytes + 4 * i);
}

INLINE void hash_lanes(struct wal_record *const *records, size_t count, bool shuffles)
{
    lanes chaining[8];
    struct block block;
    size_t blocks = 1;
    assert(count >= 1 && count <= LANES);
    if (count < LANES) memset(&block, 0, sizeof block);
    for (size_t i = 0; i < count; i++) {
        size_t total = PREFIX_BYTES + records[i]->payload.bytes;
        assert(records[i]->payload.bytes <= IDENTITY_SHORT_BYTES);
        while (blocks * BLOCK_BYTES < total)
            blocks++;
    }
    for (int i = 0; i < 8; i++)
        chaining[i] = ALL(iv[i]);
    for (size_t index = 0; index < blocks; index++) {
        for (unsigned i = 0; i < count; i++)
            fill(&block, i, records[i], index);
        compress(chaining, &block, shuffles);
    }
    for (size_t i = 0; i < count; i++)
        for (int j = 0; j < WAL_IDENTITY_BYTES / 4; j++)
            store_u32(records[i]->identity + 4 * j, chaining[j][i]);
}

void identity_hash_portable(struct wal_record *const *records, size_t count)
{
    hash_lanes(records, count, false);
}

#if defined(__x86_64__) && !defined(TIDAL_PORTABLE)

__attribute__((target("avx2"))) void identity_hash_avx2(struct wal_record *const *records,
                                                        size_t count)
{
    hash_lanes(records, count, true);
}

bool identity_has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

#else

void identity_hash_avx2(struct wal_record *const *records, size_t count)
{
    hash_lanes(records, count, false);
}

bool identity_has_avx2(void)
{
    return false;
}

#endif

/* Lanes that stay empty take as long as the others: two by themselves are no slower. */
static void hash_some(struct wal_record *const *records, size_t count)
{
    if (count <= 2) {
        for (size_t i = 0; i < count; i++)
            wal_content_identity(records[i]->type, records[i]->payload, records[i]->identity);
    } else if (identity_has_avx2()) {
        identity_hash_avx2(records, count);
    } else {
        identity_hash_portable(records, count);
    }
}

void wal_identify(struct wal_record *records, size_t count)
{
    struct wal_record *some[LANES];
    size_t held = 0;
    for (size_t i = 0; i < count; i++) {
        struct wal_record *record = &records[i];
        if (record->flags != 0) continue;
        if (record->payload.bytes > IDENTITY_SHORT_BYTES) {
            wal_content_identity(record->type, record->payload, record->identity);
            continue;
        }
        some[held++] = record;
        if (held < LANES) continue;
        hash_some(some, held);
        held = 0;
    }
    hash_some(some, held);
}
