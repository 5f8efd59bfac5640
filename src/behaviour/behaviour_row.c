/* Rows of behaviour: one per user and subject, in the users' keyspace (docs/formats/rows.md).
 *
 *   key suffix   kind of the subject u8, its id u64 big-endian
 *   version      u8       1; 2 if a state weighs less than a whole event
 *   flags        u8       1: seen, 2: has a positive occurrence, 4: has a negative one
 *   [seen        varint times, signed newest (ms)]
 *   [newest positive occurrence, newest negative occurrence   signed, ms]
 *   states       varint, then for each, ascending by signal: signal varint,
 *                flags u8 (1: present, 2 and 4: polarity, 8: weighs less), time signed, [value
 * signed if present], [weight u8, in units of 1/256, if it weighs less]
 *
 * The lists of what is recent are not stored: they follow from the pairs. */
#include "behaviour/behaviour_private.h"

#include "storage/key.h"

#include <assert.h>

enum {
    ROW_VERSION = 1,
    ROW_VERSION_WEIGHED = 2, /* the newest */
    ROW_BYTES_MAXIMUM = 4096,
    SUFFIX_BYTES = 9,
    ROW_SEEN = 1,
    ROW_POSITIVE = 2,
    ROW_NEGATIVE = 4,
    STATE_PRESENT = 1,
    STATE_POLARITY = 6,
    STATE_POLARITY_SHIFT = 1,
    STATE_WEIGHED = 8
};

static bool is_weighed(const struct behaviour_state *state)
{
    assert(state->present || state->weight == EVENT_WEIGHT_ONE);
    return state->weight < EVENT_WEIGHT_ONE;
}

static uint8_t version_of(const struct pair *pair)
{
    for (size_t i = 0; i < pair->state_count; i++)
        if (is_weighed(&pair->states[i])) return ROW_VERSION_WEIGHED;
    return ROW_VERSION;
}

static void encode_state(const struct behaviour_state *state, struct buffer *out)
{
    bool weighed = is_weighed(state);
    buffer_put_varint(out, state->signal);
    buffer_put_u8(out, (uint8_t)((state->present ? STATE_PRESENT : 0) |
                                 ((unsigned)state->polarity << STATE_POLARITY_SHIFT) |
                                 (weighed ? STATE_WEIGHED : 0)));
    buffer_put_signed(out, state->time_ms);
    if (state->present) buffer_put_signed(out, state->value);
    if (weighed) buffer_put_u8(out, (uint8_t)state->weight);
}

static void encode_pair(const struct pair *pair, struct buffer *out)
{
    buffer_put_u8(out, version_of(pair));
    buffer_put_u8(out, (uint8_t)((pair->seen_count > 0 ? ROW_SEEN : 0) |
                                 (pair->positive_ms != NEVER ? ROW_POSITIVE : 0) |
                                 (pair->negative_ms != NEVER ? ROW_NEGATIVE : 0)));
    if (pair->seen_count > 0) {
        buffer_put_varint(out, pair->seen_count);
        buffer_put_signed(out, pair->seen_ms);
    }
    if (pair->positive_ms != NEVER) buffer_put_signed(out, pair->positive_ms);
    if (pair->negative_ms != NEVER) buffer_put_signed(out, pair->negative_ms);
    buffer_put_varint(out, pair->state_count);
    for (size_t i = 0; i < pair->state_count; i++)
        encode_state(&pair->states[i], out);
}

/* False: damaged. */
static bool decode_state(struct cursor *cursor, unsigned flags, struct behaviour_state *state)
{
    unsigned polarity = (flags & STATE_POLARITY) >> STATE_POLARITY_SHIFT;
    bool weighed = flags & STATE_WEIGHED;
    state->present = flags & STATE_PRESENT;
    if (flags & ~(unsigned)(STATE_PRESENT | STATE_POLARITY | STATE_WEIGHED)) return false;
    if (polarity > POLARITY_NEGATIVE || (weighed && !state->present)) return false;
    state->polarity = (uint8_t)polarity;
    state->time_ms = cursor_signed(cursor);
    if (state->present) state->value = cursor_signed(cursor);
    if (weighed) state->weight = cursor_u8(cursor);
    return true;
}

/* Fills an empty pair.  False: damaged; *room false: no memory. */
static bool decode_pair(struct cursor *cursor, struct behaviour *behaviour, struct pair *pair,
                        bool *room)
{
    uint8_t flags = cursor_u8(cursor);
    if (flags & ~(ROW_SEEN | ROW_POSITIVE | ROW_NEGATIVE)) return false;
    if (flags & ROW_SEEN) {
        uint64_t count = cursor_varint(cursor);
        if (count == 0 || count > UINT32_MAX) return false;
        pair->seen_count = (uint32_t)count;
        pair->seen_ms = cursor_signed(cursor);
    }
    if (flags & ROW_POSITIVE) pair->positive_ms = cursor_signed(cursor);
    if (flags & ROW_NEGATIVE) pair->negative_ms = cursor_signed(cursor);
    uint64_t count = cursor_varint(cursor);
    if (cursor->failed || count > LIMIT_SIGNALS) return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t signal = cursor_varint(cursor);
        uint8_t state_flags = cursor_u8(cursor);
        if (cursor->failed || signal >= LIMIT_SIGNAL_IDS) return false;
        if (i > 0 && pair->states[i - 1].signal >= signal) return false;
        struct behaviour_state *state = pair_admit_state(behaviour, pair, (signal_id)signal);
        *room = state;
        if (!*room) return true;
        if (!decode_state(cursor, state_flags, state)) return false;
    }
    return cursor_done(cursor) && (pair->seen_count > 0 || pair->state_count > 0);
}

static enum code write_row(const struct behaviour *behaviour, const struct dirty_pair *dirty,
                           struct store_batch *batch, struct buffer *row, struct error *error)
{
    uint8_t suffix[SUFFIX_BYTES] = {(uint8_t)dirty->kind};
    store_u64_be(suffix + 1, dirty->subject_id);
    struct key key = key_build(dirty->user_id, TAG_BEHAVIOUR, slice_of(suffix, sizeof suffix));
    const struct pair *pair = pair_find(behaviour, dirty->user, dirty->kind, dirty->subject);
    if (!pair) return store_batch_delete(batch, KEYSPACE_USERS, key_slice(&key), error);
    buffer_clear(row);
    encode_pair(pair, row);
    if (row->failed) return error_no_memory(error, AREA_BEHAVIOUR, ROW_BYTES_MAXIMUM);
    return store_batch_put(batch, KEYSPACE_USERS, key_slice(&key), buffer_slice(row), error);
}

enum code behaviour_write(void *fold, struct store_batch *batch, struct error *error)
{
    const struct behaviour *behaviour = fold;
    const struct dirty_pair *rows = behaviour->rows.sealed.entries;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, behaviour->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < behaviour->rows.sealed.count; i++)
        TRY(write_row(behaviour, &rows[i], batch, &row, error));
out:
    buffer_release(&row);
    return code;
}

enum code behaviour_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    const struct behaviour *behaviour = fold;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, behaviour->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < behaviour->user_capacity; i++) {
        const struct pair *pair = behaviour->users[i].pairs;
        for (; pair; pair = pair->of_user.next) {
            struct dirty_pair one = {pair->user_id, pair->subject_id, pair->user, pair->subject,
                                     pair->kind};
            TRY(write_row(behaviour, &one, batch, &row, error));
        }
    }
out:
    buffer_release(&row);
    return code;
}

static enum code damaged(entity_id user, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_BEHAVIOUR, "behaviour row of user '%llu' is damaged",
                     (unsigned long long)user);
}

static enum code no_memory(struct error *error)
{
    return error_no_memory(error, AREA_BEHAVIOUR, sizeof(struct pair));
}

/* Whom a row is of; false: damaged. */
static bool parse_ends(const struct behaviour *behaviour, struct slice suffix,
                       struct pair_ends *ends)
{
    if (suffix.bytes != SUFFIX_BYTES || suffix.data[0] >= ENTITY_KIND_COUNT) return false;
    ends->kind = (enum entity_kind)suffix.data[0];
    ends->subject_id = load_u64_be(suffix.data + 1);
    ends->user = behaviour->ordinal_of(behaviour->context, ENTITY_USER, ends->user_id);
    ends->subject = behaviour->ordinal_of(behaviour->context, ends->kind, ends->subject_id);
    return ends->user != ORDINAL_NONE && ends->subject != ORDINAL_NONE &&
           !pair_find(behaviour, ends->user, ends->kind, ends->subject);
}

static enum code load_row(void *context, struct slice key, struct slice row, struct error *error)
{
    struct behaviour *behaviour = context;
    struct pair_ends ends = {0};
    uint8_t tag;
    struct slice suffix;
    if (!key_parse(key, &ends.user_id, &tag, &suffix)) return damaged(0, error);
    if (tag != TAG_BEHAVIOUR) return CODE_OK;
    if (!parse_ends(behaviour, suffix, &ends)) return damaged(ends.user_id, error);
    struct cursor cursor;
    cursor_init(&cursor, row);
    uint8_t version = cursor_u8(&cursor);
    if (version > ROW_VERSION_WEIGHED)
        return error_set(error, CODE_VERSION, AREA_BEHAVIOUR,
                         "behaviour row of user '%llu' has version %u, this build knows %d",
                         (unsigned long long)ends.user_id, version, ROW_VERSION_WEIGHED);
    if (version == 0) return damaged(ends.user_id, error);
    struct pair *pair = pair_admit(behaviour, &ends);
    if (!pair) return no_memory(error);
    bool room = true;
    if (!decode_pair(&cursor, behaviour, pair, &room) || (room && version_of(pair) != version))
        return damaged(ends.user_id, error);
    return room && recent_update(behaviour, pair) ? CODE_OK : no_memory(error);
}

enum code behaviour_load(void *fold, struct store *store, const struct schema *schema,
                         struct error *error)
{
    (void)schema; /* a row says all: it was resolved when it was applied */
    return store_for_each(store, KEYSPACE_USERS, (struct key_range){0}, load_row, fold, error);
}
