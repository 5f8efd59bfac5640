/* A group: entries that one sync makes durable, as the very bytes of their frames.  Filled under
 * the log's lock, written by the leader, read by the one that applies, freed.  one thread at a
 * time. */
#ifndef TIDAL_WAL_GROUP_H
#define TIDAL_WAL_GROUP_H

#include "os/threads.h"
#include "wal/frame.h"

struct group_frame {
    size_t at;       /* in the group's bytes */
    uint32_t length; /* header and body, no padding */
    enum frame_kind kind;
    uint16_t count;
    uint64_t first_lsn;
    int64_t time_ms;
    uint64_t segment; /* where it goes */
    uint64_t offset;
};

/* In a group's word: it is durable. */
#define GROUP_DONE  1U
#define GROUP_AGAIN 2U

struct wal_group {
    struct wal *wal;
    struct memory *memory;
    uint8_t *data;
    size_t bytes; /* used; the last frame's padding is missing until group_finish */
    size_t capacity;
    struct group_frame *frames;
    size_t frame_count;
    size_t frame_capacity;
    uint64_t entry_count;
    uint64_t last_lsn; /* of its last entry; 0: it has none */
    int64_t opened_ns; /* monotonic */
    uint64_t horizon;  /* of the window of identities, once it is durable */

    /* What waiters sleep on: GROUP_DONE, or a count of reasons to look again. */
    _Atomic uint32_t word;
    atomic_uint references; /* the log's, or its taker's; one of each waiter */
    unsigned waiter_count;  /* while it is not done */
    struct wal_group *next;

    size_t read_frame; /* where wal_group_next stands */
    size_t read_position;
    uint32_t read_index;
};

/* With one reference.  NULL on no memory. */
struct wal_group *group_create(struct wal *wal, struct memory *memory);
/* Gives a reference up; the last one frees it.  NULL is allowed.  any thread. */
void group_drop(struct wal_group *group);
static inline void group_keep(struct wal_group *group)
{
    atomic_fetch_add(&group->references, 1);
}
static inline bool group_is_done(const struct wal_group *group)
{
    return atomic_load(&group->word) & GROUP_DONE;
}
/* Bytes that it would take after group_reserve of so much. */
size_t group_capacity_for(const struct wal_group *group, size_t body_bytes, size_t frame_count);
/* Makes room for bodies of `body_bytes` in all, in `frame_count` frames more; false on no memory.
 */
MUST_USE bool group_reserve(struct wal_group *group, size_t body_bytes, size_t frame_count);
/* Room was reserved. */
struct group_frame *group_add_frame(struct wal_group *group, enum frame_kind kind,
                                    uint64_t first_lsn, int64_t time_ms);
void group_add_entry(struct wal_group *group, const struct wal_record *record);
void group_add_body(struct wal_group *group, const uint8_t *body, size_t bytes);
/* Pads the last frame.  Nothing more is added. */
void group_finish(struct wal_group *group);

#endif
