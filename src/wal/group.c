#include "wal/group.h"

#include <assert.h>

#define GROUP_FIRST_BYTES    ((size_t)8 << 10)
#define GROUP_MAXIMUM_FRAMES ((size_t)1 << 24)

struct wal_group *group_create(struct wal *wal, struct memory *memory)
{
    struct wal_group *group = memory_allocate_zeroed(memory, sizeof(*group));
    if (!group) return NULL;
    group->wal = wal;
    group->memory = memory;
    atomic_init(&group->references, 1);
    return group;
}

void group_drop(struct wal_group *group)
{
    if (!group || atomic_fetch_sub(&group->references, 1) > 1) return;
    memory_free(group->memory, group->frames, group->frame_capacity * sizeof(*group->frames));
    memory_free(group->memory, group->data, group->capacity);
    memory_free(group->memory, group, sizeof(*group));
}

size_t group_capacity_for(const struct wal_group *group, size_t body_bytes, size_t frame_count)
{
    size_t need = (size_t)frame_padded(group->bytes) + body_bytes +
                  frame_count * (FRAME_HEADER_BYTES + FRAME_PAGE_BYTES) + FRAME_PAGE_BYTES;
    if (need <= group->capacity) return group->capacity;
    size_t doubled = group->capacity > 0 ? group->capacity * 2 : GROUP_FIRST_BYTES;
    return need > doubled ? need : doubled;
}

bool group_reserve(struct wal_group *group, size_t body_bytes, size_t frame_count)
{
    size_t capacity = group_capacity_for(group, body_bytes, frame_count);
    if (!memory_grow(group->memory, (void **)&group->frames, &group->frame_capacity,
                     group->frame_count + frame_count, sizeof(*group->frames),
                     GROUP_MAXIMUM_FRAMES)) {
        return false;
    }
    if (capacity == group->capacity) return true;
    uint8_t *data = group->data
                        ? memory_resize(group->memory, group->data, group->capacity, capacity)
                        : memory_allocate(group->memory, capacity);
    if (!data) return false;
    group->data = data;
    group->capacity = capacity;
    return true;
}

void group_finish(struct wal_group *group)
{
    size_t padded = (size_t)frame_padded(group->bytes);
    assert(padded <= group->capacity);
    if (padded > group->bytes) memset(group->data + group->bytes, 0, padded - group->bytes);
    group->bytes = padded;
}

struct group_frame *group_add_frame(struct wal_group *group, enum frame_kind kind,
                                    uint64_t first_lsn, int64_t time_ms)
{
    assert(group->frame_count < group->frame_capacity);
    group_finish(group);
    struct group_frame *frame = &group->frames[group->frame_count++];
    *frame = (struct group_frame){.at = group->bytes,
                                  .length = FRAME_HEADER_BYTES,
                                  .kind = kind,
                                  .first_lsn = first_lsn,
                                  .time_ms = time_ms};
    group->bytes += FRAME_HEADER_BYTES;
    assert(group->bytes <= group->capacity);
    return frame;
}

void group_add_entry(struct wal_group *group, const struct wal_record *record)
{
    struct group_frame *frame = &group->frames[group->frame_count - 1];
    size_t bytes = entry_bytes(record->payload.bytes);
    assert(frame->kind == FRAME_ENTRIES && group->bytes + bytes <= group->capacity);
    entry_encode(record, group->data + group->bytes);
    group->bytes += bytes;
    frame->length += (uint32_t)bytes;
    group->last_lsn = frame->first_lsn + frame->count;
    frame->count++;
    group->entry_count++;
}

void group_add_body(struct wal_group *group, const uint8_t *body, size_t bytes)
{
    struct group_frame *frame = &group->frames[group->frame_count - 1];
    assert(frame->kind != FRAME_ENTRIES && group->bytes + bytes <= group->capacity);
    if (bytes > 0) memcpy(group->data + group->bytes, body, bytes);
    group->bytes += bytes;
    frame->length += (uint32_t)bytes;
}

bool wal_group_next(struct wal_group *group, struct wal_entry *entry)
{
    for (; group->read_frame < group->frame_count; group->read_frame++) {
        const struct group_frame *at = &group->frames[group->read_frame];
        struct frame frame = {.count = at->count,
                              .first_lsn = at->first_lsn,
                              .time_ms = at->time_ms,
                              .body = slice_of(group->data + at->at + FRAME_HEADER_BYTES,
                                               at->length - FRAME_HEADER_BYTES)};
        if (entry_next(&frame, &group->read_position, &group->read_index, entry)) return true;
        assert(group->read_index == at->count);
        group->read_position = 0;
        group->read_index = 0;
    }
    return false;
}

void wal_group_rewind(struct wal_group *group)
{
    group->read_frame = 0;
    group->read_position = 0;
    group->read_index = 0;
}

uint64_t wal_group_last(const struct wal_group *group)
{
    return group->last_lsn;
}
