#include "base/hash.h"

#include "harness/test.h"

static void u64_hashing_is_splitmix64(struct test *t)
{
    /* The first outputs of splitmix64 seeded with 0, as published with the algorithm. */
    CHECK(hash_u64(0) == UINT64_C(0xe220a8397b1dcdaf));
    CHECK(hash_u64(UINT64_C(0x9e3779b97f4a7c15)) == UINT64_C(0x6e789e6aa1b965f4));
    CHECK(hash_u64(UINT64_C(0x9e3779b97f4a7c15) * 2) == UINT64_C(0x06c45d188009454f));
}

static void every_byte_and_the_length_change_the_hash(struct test *t)
{
    uint8_t bytes[40] = {0};
    for (size_t count = 0; count <= sizeof bytes; count++) {
        uint64_t hash = hash_bytes(bytes, count);
        if (count > 0) CHECK(hash != hash_bytes(bytes, count - 1));
        for (size_t i = 0; i < count; i++) {
            bytes[i] = 1;
            CHECK(hash_bytes(bytes, count) != hash);
            bytes[i] = 0;
        }
    }
}

static void the_place_in_memory_does_not_change_the_hash(struct test *t)
{
    uint8_t bytes[64];
    for (size_t at = 0; at < 16; at++) {
        memcpy(bytes + at, "twenty-one bytes here", 21);
        CHECK(hash_bytes(bytes + at, 21) == hash_bytes("twenty-one bytes here", 21));
    }
}

static void low_bits_spread_consecutive_numbers(struct test *t)
{
    enum { BUCKETS = 256, NUMBERS = BUCKETS * 64 };
    static int counts[2][BUCKETS];
    for (uint64_t i = 0; i < NUMBERS; i++) {
        counts[0][hash_u64(i) % BUCKETS]++;
        counts[1][hash_bytes(&i, sizeof i) % BUCKETS]++;
    }
    /* 64 are expected a bucket, 8 is the standard deviation. */
    for (int i = 0; i < BUCKETS; i++) {
        CHECK(counts[0][i] > 64 - 48 && counts[0][i] < 64 + 48);
        CHECK(counts[1][i] > 64 - 48 && counts[1][i] < 64 + 48);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(u64_hashing_is_splitmix64),
               CASE(every_byte_and_the_length_change_the_hash),
               CASE(the_place_in_memory_does_not_change_the_hash),
               CASE(low_bits_spread_consecutive_numbers));
}
