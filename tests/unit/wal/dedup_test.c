#include "wal/dedup.h"

#include "fixture.h"

/* The naive window: a list, and the LSNs where generations began. */
struct oracle {
    uint64_t ids[20000]; /* ids[i] was inserted with LSN lsns[i] */
    uint64_t lsns[20000];
    size_t count;
    size_t previous; /* index where the previous generation begins */
    size_t current;
    bool begun;
    int64_t time_ms;
};

static uint64_t oracle_find(const struct oracle *oracle, uint64_t id)
{
    for (size_t i = oracle->count; i > oracle->previous; i--) {
        if (oracle->ids[i - 1] == id) return oracle->lsns[i - 1];
    }
    return 0;
}

static void oracle_frame(struct oracle *oracle, uint64_t limit, int64_t window_ms, int64_t time_ms)
{
    bool full = oracle->count - oracle->current >= limit;
    if (full || (oracle->begun && time_ms - oracle->time_ms >= window_ms)) {
        oracle->previous = oracle->current;
        oracle->current = oracle->count;
        oracle->begun = false;
    }
    if (!oracle->begun) oracle->time_ms = time_ms;
    oracle->begun = true;
}

static void identity_of(uint64_t id, uint8_t out[WAL_IDENTITY_BYTES])
{
    memset(out, 0, WAL_IDENTITY_BYTES);
    store_u64(out + id % 2 * 8, id);
}

static void the_window_finds_what_the_naive_one_finds(struct test *t)
{
    static struct oracle oracle;
    uint64_t duplicates = 0, rotations = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct memory memory;
        struct dedup dedup;
        struct choices choices;
        memory_init(&memory, 0);
        choices_from_seed(&choices, seed, NULL);
        memset(&oracle, 0, sizeof(oracle));
        uint64_t limit = choose_between(&choices, 1, 300), next = 1, lsn = 1;
        int64_t window_ms = (int64_t)choose_between(&choices, 1, 5000), time_ms = 1;
        dedup_init(&dedup, &memory, limit, window_ms, seed);
        while (lsn < 4000) {
            uint64_t frame = choose_between(&choices, 1, 20);
            bool begun = false;
            time_ms += (int64_t)choose(&choices, 200);
            for (uint64_t i = 0; i < frame; i++) {
                uint8_t identity[WAL_IDENTITY_BYTES];
                uint64_t back = choose(&choices, limit * 3);
                uint64_t id = choose_one_in(&choices, 3) && back < next ? next - back : next++;
                if (id == 0) id = 1;
                identity_of(id, identity);
                uint64_t want = oracle_find(&oracle, id);
                CHECK_EQ(dedup_find(&dedup, identity, dedup_hash(&dedup, identity)), want);
                if (want != 0) {
                    duplicates++;
                    continue;
                }
                CHECK(dedup_reserve(&dedup, 1));
                if (!begun) {
                    dedup_frame(&dedup, lsn, time_ms);
                    oracle_frame(&oracle, limit, window_ms, time_ms);
                    begun = true;
                }
                dedup_insert(&dedup, identity, dedup_hash(&dedup, identity), lsn);
                oracle.ids[oracle.count] = id;
                oracle.lsns[oracle.count++] = lsn++;
            }
            CHECK_EQ(dedup_count(&dedup), oracle.count - oracle.previous);
            if (oracle.previous < oracle.count) {
                CHECK(dedup_horizon(&dedup) <= oracle.lsns[oracle.previous]);
            }
        }
        rotations += dedup.rotations;
        dedup_release(&dedup);
        choices_release(&choices);
        memory_release(&memory);
    }
    CHECK(duplicates > 1000 && rotations > 100);
}

static void a_window_restored_from_its_state_rotates_at_the_same_frames(struct test *t)
{
    struct memory memory;
    struct dedup whole, part;
    memory_init(&memory, 0);
    dedup_init(&whole, &memory, 50, 1000, 1);
    dedup_init(&part, &memory, 50, 1000, 2);
    uint64_t horizon_at_cut = 0;
    for (uint64_t lsn = 1; lsn <= 1000; lsn += 7) {
        uint8_t identity[WAL_IDENTITY_BYTES];
        int64_t time_ms = (int64_t)lsn * 13;
        if (lsn == 7 * 70 + 1) {
            struct dedup_state state = dedup_state(&whole);
            horizon_at_cut = lsn;
            dedup_restore(&part, &state);
        }
        CHECK(dedup_reserve(&whole, 7) && dedup_reserve(&part, 7));
        dedup_frame(&whole, lsn, time_ms);
        if (horizon_at_cut != 0) dedup_frame(&part, lsn, time_ms);
        for (uint64_t i = lsn; i < lsn + 7; i++) {
            identity_of(i, identity);
            dedup_insert(&whole, identity, dedup_hash(&whole, identity), i);
            if (horizon_at_cut != 0) dedup_insert(&part, identity, dedup_hash(&part, identity), i);
        }
        if (horizon_at_cut == 0) continue;
        struct dedup_state a = dedup_state(&whole), b = dedup_state(&part);
        CHECK(memcmp(&a, &b, sizeof(a)) == 0);
        if (dedup_horizon(&whole) < horizon_at_cut) continue;
        for (uint64_t i = 1; i < lsn + 7; i++) {
            identity_of(i, identity);
            CHECK_EQ(dedup_find(&whole, identity, dedup_hash(&whole, identity)),
                     dedup_find(&part, identity, dedup_hash(&part, identity)));
        }
    }
    CHECK(dedup_horizon(&part) > horizon_at_cut);
    dedup_release(&whole);
    dedup_release(&part);
    memory_release(&memory);
}

static void no_memory_leaves_the_window_as_it_was(struct test *t)
{
    struct memory memory;
    struct dedup dedup;
    uint8_t identity[WAL_IDENTITY_BYTES];
    memory_init(&memory, 0);
    dedup_init(&dedup, &memory, 100000, 1000, 1);
    CHECK(dedup_reserve(&dedup, 100));
    dedup_frame(&dedup, 1, 1);
    for (uint64_t i = 1; i <= 100; i++) {
        identity_of(i, identity);
        dedup_insert(&dedup, identity, dedup_hash(&dedup, identity), i);
    }
    memory.limit_bytes = atomic_load(&memory.used_bytes);
    CHECK(!dedup_reserve(&dedup, 1000));
    for (uint64_t i = 1; i <= 101; i++) {
        identity_of(i, identity);
        CHECK_EQ(dedup_find(&dedup, identity, dedup_hash(&dedup, identity)), i <= 100 ? i : 0);
    }
    dedup_release(&dedup);
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(the_window_finds_what_the_naive_one_finds),
               CASE(a_window_restored_from_its_state_rotates_at_the_same_frames),
               CASE(no_memory_leaves_the_window_as_it_was));
}
