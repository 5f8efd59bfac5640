#include "wal/layout.h"

#include <assert.h>

uint64_t layout_segment_bytes(const struct layout *layout, uint64_t segment)
{
    assert(segment >= layout->first_segment);
    uint64_t bytes = layout->first_segment_bytes;
    for (uint64_t i = layout->first_segment; i < segment && bytes < layout->full_segment_bytes;
         i++) {
        bytes *= 4;
    }
    return bytes < layout->full_segment_bytes ? bytes : layout->full_segment_bytes;
}

uint64_t layout_body_maximum(const struct layout *layout)
{
    uint64_t segment = layout->full_segment_bytes < LAYOUT_FIRST_SEGMENT_BYTES
                           ? layout->full_segment_bytes
                           : LAYOUT_FIRST_SEGMENT_BYTES;
    return segment - (uint64_t)(1 + LAYOUT_RESERVED_PAGES) * FRAME_PAGE_BYTES - FRAME_HEADER_BYTES;
}

void layout_close_frame(struct layout *layout)
{
    layout->offset += frame_padded(layout->open_bytes);
    layout->open_bytes = 0;
    layout->open_entries = 0;
}

static bool layout_fits(const struct layout *layout, uint64_t frame_bytes, unsigned reserved_pages)
{
    uint64_t reserved = (uint64_t)reserved_pages * FRAME_PAGE_BYTES;
    return layout->offset + frame_padded(frame_bytes) + reserved <= layout->segment_bytes;
}

static enum layout_place layout_new_frame(struct layout *layout, uint64_t frame_bytes,
                                          unsigned reserved_pages)
{
    layout_close_frame(layout);
    layout->open_bytes = frame_bytes;
    if (layout_fits(layout, frame_bytes, reserved_pages)) return LAYOUT_NEW_FRAME;
    layout->segment++;
    layout->segment_bytes = layout_segment_bytes(layout, layout->segment);
    layout->offset = FRAME_PAGE_BYTES;
    assert(layout_fits(layout, frame_bytes, reserved_pages));
    return LAYOUT_NEW_SEGMENT;
}

enum layout_place layout_place_entries(struct layout *layout, uint64_t bytes, uint32_t count)
{
    assert(count > 0 && bytes <= layout_body_maximum(layout));
    uint64_t grown = layout->open_bytes + bytes;
    bool room = layout->open_bytes > 0 && grown <= LAYOUT_FRAME_FULL_BYTES &&
                layout->open_entries + count <= layout->frame_entries;
    if (room && layout_fits(layout, grown, LAYOUT_RESERVED_PAGES)) {
        layout->open_bytes = grown;
        layout->open_entries += count;
        return LAYOUT_SAME_FRAME;
    }
    enum layout_place place =
        layout_new_frame(layout, FRAME_HEADER_BYTES + bytes, LAYOUT_RESERVED_PAGES);
    layout->open_entries = count;
    return place;
}

enum layout_place layout_place_control(struct layout *layout, uint64_t bytes,
                                       unsigned reserved_pages)
{
    return layout_new_frame(layout, FRAME_HEADER_BYTES + bytes, reserved_pages);
}
