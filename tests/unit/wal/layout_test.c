#include "wal/layout.h"

#include "fixture.h"

static struct layout layout_of(uint64_t full)
{
    uint64_t first = full < LAYOUT_FIRST_SEGMENT_BYTES ? full : LAYOUT_FIRST_SEGMENT_BYTES;
    return (struct layout){.full_segment_bytes = full,
                           .first_segment = 5,
                           .first_segment_bytes = first,
                           .frame_entries = 100,
                           .segment = 5,
                           .segment_bytes = first,
                           .offset = FRAME_PAGE_BYTES};
}

static void segments_grow_to_their_full_size(struct test *t)
{
    struct layout layout = layout_of((uint64_t)64 << 20);
    CHECK_EQ(layout_segment_bytes(&layout, 5), 4 << 20);
    CHECK_EQ(layout_segment_bytes(&layout, 6), 16 << 20);
    CHECK_EQ(layout_segment_bytes(&layout, 7), 64 << 20);
    CHECK_EQ(layout_segment_bytes(&layout, 100), 64 << 20);
    struct layout small = layout_of(WAL_SEGMENT_MINIMUM_BYTES);
    CHECK_EQ(layout_segment_bytes(&small, 5), WAL_SEGMENT_MINIMUM_BYTES);
}

static void frames_stay_apart_and_inside_their_segment(struct test *t)
{
    uint64_t segments = 0, same = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct choices choices;
        choices_from_seed(&choices, seed, NULL);
        struct layout layout = layout_of(WAL_SEGMENT_MINIMUM_BYTES << choose(&choices, 8));
        uint64_t end = layout.offset, segment = layout.segment;
        for (int i = 0; i < 300; i++) {
            struct layout before = layout;
            bool control = choose_one_in(&choices, 10);
            uint64_t most = choose_one_in(&choices, 20) ? layout_body_maximum(&layout) : 3000;
            uint64_t bytes = choose_between(&choices, ENTRY_HEADER_BYTES, most);
            uint32_t count = (uint32_t)choose_between(&choices, 1, 3);
            enum layout_place place = control ? layout_place_control(&layout, CHECKPOINT_BYTES, 1)
                                              : layout_place_entries(&layout, bytes, count);
            if (place == LAYOUT_SAME_FRAME) {
                same++;
                CHECK(!control && layout.open_entries <= 100);
                CHECK_EQ(layout.open_bytes, before.open_bytes + bytes);
                CHECK_EQ(layout.offset, before.offset);
            } else {
                segments += place == LAYOUT_NEW_SEGMENT;
                CHECK_EQ(layout.segment, before.segment + (place == LAYOUT_NEW_SEGMENT));
                CHECK_EQ(layout.offset, place == LAYOUT_NEW_SEGMENT ? FRAME_PAGE_BYTES : end);
            }
            unsigned reserve = control ? 1 : LAYOUT_RESERVED_PAGES;
            end = layout.offset + frame_padded(layout.open_bytes);
            segment = layout.segment;
            CHECK(end + reserve * FRAME_PAGE_BYTES <= layout_segment_bytes(&layout, segment));
            if (control) layout_close_frame(&layout);
        }
        choices_release(&choices);
    }
    CHECK(segments > 1000 && same > 1000);
}

static void the_longest_frame_fits_every_segment(struct test *t)
{
    for (uint64_t full = WAL_SEGMENT_MINIMUM_BYTES; full <= WAL_SEGMENT_MAXIMUM_BYTES; full *= 2) {
        struct layout layout = layout_of(full);
        uint64_t most = layout_body_maximum(&layout);
        CHECK(most + FRAME_HEADER_BYTES <= FRAME_MAXIMUM_BYTES);
        CHECK_EQ(layout_place_entries(&layout, most, 1), LAYOUT_NEW_FRAME);
        CHECK_EQ(layout_place_entries(&layout, most, 1), LAYOUT_NEW_SEGMENT);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(segments_grow_to_their_full_size),
               CASE(frames_stay_apart_and_inside_their_segment),
               CASE(the_longest_frame_fits_every_segment));
}
