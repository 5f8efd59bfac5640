#include "wal/identity.h"

#include "wal/frame.h"

#include "fixture.h"

typedef void hash_form(struct wal_record *const *records, size_t count);

enum { LONGEST = 3000, RECORDS = 40 };

/* By the definition: the hash of all the bytes in one piece. */
static void identity_of(const struct wal_record *record, uint8_t out[WAL_IDENTITY_BYTES])
{
    static uint8_t whole[LONGEST + 15] = "tidal.event.1";
    uint8_t hash[FRAME_HASH_BYTES];
    store_u16(whole + 13, record->type);
    if (record->payload.bytes > 0) memcpy(whole + 15, record->payload.data, record->payload.bytes);
    frame_hash(slice_of(whole, record->payload.bytes + 15), hash);
    memcpy(out, hash, WAL_IDENTITY_BYTES);
}

/* Lengths about the ends of blocks and of the chunk, too. */
static void draw(struct choices *choices, size_t longest, const uint8_t *bytes,
                 struct wal_record *record)
{
    size_t length =
        choose_one_in(choices, 2) ? (size_t)choose(choices, 130) : (size_t)choose(choices, longest);
    if (choose_one_in(choices, 3)) {
        length = 64 * (size_t)choose(choices, longest / 64) + 48 + (size_t)choose(choices, 2);
        if (length > longest) length = longest - (size_t)choose(choices, 2);
    }
    *record = (struct wal_record){.type = (uint16_t)choose(choices, UINT16_MAX),
                                  .payload = slice_of(bytes + choose(choices, 999), length)};
    memset(record->identity, 0xee, WAL_IDENTITY_BYTES);
}

static const uint8_t *draw_bytes(struct choices *choices)
{
    static uint8_t bytes[LONGEST + 1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)choose(choices, 255);
    return bytes;
}

static void check_form(struct test *t, hash_form *form)
{
    struct wal_record records[IDENTITY_LANES], *pointers[IDENTITY_LANES];
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        const uint8_t *bytes = draw_bytes(&choices);
        for (size_t round = 0; round < 60; round++) {
            size_t count = 1 + (size_t)choose(&choices, IDENTITY_LANES - 1);
            for (size_t i = 0; i < count; i++) {
                draw(&choices, IDENTITY_SHORT_BYTES, bytes, &records[i]);
                pointers[i] = &records[i];
            }
            form(pointers, count);
            for (size_t i = 0; i < count; i++) {
                uint8_t want[WAL_IDENTITY_BYTES];
                identity_of(&records[i], want);
                CHECK(memcmp(records[i].identity, want, sizeof want) == 0);
            }
        }
    }
}

static void short_messages_side_by_side_have_the_hashes_of_each(struct test *t)
{
    check_form(t, identity_hash_portable);
}

static void the_avx2_form_gives_the_same(struct test *t)
{
    if (!identity_has_avx2()) SKIP("the processor has no AVX2");
    check_form(t, identity_hash_avx2);
}

static void records_without_flags_get_the_identity_of_their_content(struct test *t)
{
    static const uint16_t flags[] = {0, WAL_ENTRY_CALLERS_KEY, WAL_ENTRY_NO_DEDUPE};
    struct wal_record records[RECORDS];
    size_t identified = 0, left = 0;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        const uint8_t *bytes = draw_bytes(&choices);
        size_t count = (size_t)choose(&choices, RECORDS);
        for (size_t i = 0; i < count; i++) {
            draw(&choices, choose_one_in(&choices, 4) ? LONGEST : 200, bytes, &records[i]);
            if (choose_one_in(&choices, 3)) records[i].flags = flags[choose(&choices, 2)];
        }
        wal_identify(records, count);
        for (size_t i = 0; i < count; i++) {
            uint8_t want[WAL_IDENTITY_BYTES], single[WAL_IDENTITY_BYTES];
            memset(want, 0xee, sizeof want);
            if (records[i].flags == 0) {
                identity_of(&records[i], want);
                wal_content_identity(records[i].type, records[i].payload, single);
                CHECK(memcmp(single, want, sizeof want) == 0);
            }
            CHECK(memcmp(records[i].identity, want, sizeof want) == 0);
            records[i].flags == 0 ? identified++ : left++;
        }
    }
    CHECK(identified > 100 && left > 50);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(short_messages_side_by_side_have_the_hashes_of_each),
               CASE(the_avx2_form_gives_the_same),
               CASE(records_without_flags_get_the_identity_of_their_content));
}
