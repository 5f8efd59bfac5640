/* Rows of quotas (docs/formats/rows.md): one per user with counters, in the users' keyspace,
 *
 *   version    u8       1
 *   newest     signed   of the events that counted, ms
 *   counters   varint   1 .. QUOTA_COUNTERS_MAXIMUM; for each, ascending by what precedes `count`:
 *              signal varint, kind u8 (enum quota_kind), [subject varint, unless in all],
 *              period signed, count varint
 *
 * and one of all, `capped` in the keyspace of the database, unless nothing ever was:
 *
 *   version    u8       1
 *   signals    varint, then of each with any, ascending: signal varint, capped varint */
#include "behaviour/quota_private.h"

#include "storage/key.h"

enum { ROW_VERSION = 1, ROW_BYTES_MAXIMUM = 1 << 17, CAPPED_BYTES_MAXIMUM = 4096 };

_Static_assert(QUOTA_COUNTERS_MAXIMUM * 27 + 32 < ROW_BYTES_MAXIMUM,
               "a row has room for the longest counters");

static void encode_user(const struct quota_user *user, struct buffer *out)
{
    buffer_put_u8(out, ROW_VERSION);
    buffer_put_signed(out, user->newest_ms);
    buffer_put_varint(out, user->count);
    for (uint32_t i = 0; i < user->count; i++) {
        const struct quota_counter *counter = &user->counters[i];
        buffer_put_varint(out, counter->signal);
        buffer_put_u8(out, counter->kind);
        if (counter->kind != QUOTA_USER) buffer_put_varint(out, counter->subject_id);
        buffer_put_signed(out, counter->period);
        buffer_put_varint(out, counter->count);
    }
}

static enum code write_user(const struct quota *quota, const struct quota_dirty *dirty,
                            struct store_batch *batch, struct buffer *row, struct error *error)
{
    struct key key = key_build(dirty->id, TAG_QUOTA, slice_of("", 0));
    const struct quota_user *user = quota_user_find(quota, dirty->user);
    if (!user) return store_batch_delete(batch, KEYSPACE_USERS, key_slice(&key), error);
    buffer_clear(row);
    encode_user(user, row);
    if (row->failed) return error_no_memory(error, AREA_BEHAVIOUR, ROW_BYTES_MAXIMUM);
    return store_batch_put(batch, KEYSPACE_USERS, key_slice(&key), buffer_slice(row), error);
}

static enum code write_capped(const struct quota *quota, struct store_batch *batch,
                              struct buffer *row, struct error *error)
{
    uint64_t signals = 0;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        signals += quota->capped[i] > 0;
    if (signals == 0) return store_batch_delete(batch, KEYSPACE_DATABASE, KEY_CAPPED, error);
    buffer_clear(row);
    buffer_put_u8(row, ROW_VERSION);
    buffer_put_varint(row, signals);
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        if (quota->capped[i] == 0) continue;
        buffer_put_varint(row, i);
        buffer_put_varint(row, quota->capped[i]);
    }
    if (row->failed) return error_no_memory(error, AREA_BEHAVIOUR, CAPPED_BYTES_MAXIMUM);
    return store_batch_put(batch, KEYSPACE_DATABASE, KEY_CAPPED, buffer_slice(row), error);
}

enum code quota_write(void *fold, struct store_batch *batch, struct error *error)
{
    const struct quota *quota = fold;
    const struct quota_dirty *rows = quota->rows.sealed.entries;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, quota->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < quota->rows.sealed.count; i++)
        TRY(write_user(quota, &rows[i], batch, &row, error));
    if (quota->capped_sealed) TRY(write_capped(quota, batch, &row, error));
out:
    buffer_release(&row);
    return code;
}

enum code quota_dump(const void *fold, struct store_batch *batch, struct error *error)
{
    const struct quota *quota = fold;
    enum code code = CODE_OK;
    struct buffer row;
    buffer_init(&row, quota->memory, ROW_BYTES_MAXIMUM);
    for (size_t i = 0; i < quota->user_capacity; i++) {
        if (!quota->users[i]) continue;
        struct quota_dirty one = {quota->users[i]->id, (ordinal)i};
        TRY(write_user(quota, &one, batch, &row, error));
    }
    TRY(write_capped(quota, batch, &row, error));
out:
    buffer_release(&row);
    return code;
}

static enum code damaged(entity_id user, struct error *error)
{
    return error_set(error, CODE_CORRUPT, AREA_BEHAVIOUR, "quota row of user '%llu' is damaged",
                     (unsigned long long)user);
}

static enum code check_version(struct cursor *cursor, const char *what, struct error *error)
{
    uint8_t version = cursor_u8(cursor);
    if (version > ROW_VERSION)
        return error_set(error, CODE_VERSION, AREA_BEHAVIOUR,
                         "%s has version %u, this build knows %d", what, version, ROW_VERSION);
    if (version == ROW_VERSION) return CODE_OK;
    return error_set(error, CODE_CORRUPT, AREA_BEHAVIOUR, "%s is damaged", what);
}

/* False: damaged. */
static bool decode_counter(struct cursor *cursor, const struct schema *schema,
                           struct quota_user *user)
{
    struct quota_counter counter = {0};
    uint64_t signal = cursor_varint(cursor);
    counter.kind = cursor_u8(cursor);
    if (cursor->failed || signal >= schema->signal_count || counter.kind >= QUOTA_KIND_COUNT)
        return false;
    const struct signal *known = &schema->signals[signal];
    if (counter.kind != QUOTA_USER) counter.subject_id = cursor_varint(cursor);
    counter.period = cursor_signed(cursor);
    uint64_t count = cursor_varint(cursor);
    if (cursor->failed || count == 0 || count > known->quota_maximum[counter.kind]) return false;
    counter.signal = (signal_id)signal;
    counter.count = (uint32_t)count;
    uint32_t place = user->count;
    if (place > 0 && quota_counter_compare(&user->counters[place - 1], &counter) >= 0) return false;
    user->counters[user->count++] = counter;
    int64_t over_ms = quota_over_ms(known, (enum quota_kind)counter.kind, counter.period);
    if (over_ms < user->over_ms) user->over_ms = over_ms;
    return true;
}

struct loading {
    struct quota *quota;
    const struct schema *schema;
};

static enum code load_row(void *context, struct slice key, struct slice row, struct error *error)
{
    const struct loading *loading = context;
    struct quota *quota = loading->quota;
    const struct schema *schema = loading->schema;
    uint64_t id;
    uint8_t tag;
    struct slice suffix;
    struct cursor cursor;
    enum code code;
    if (!key_parse(key, &id, &tag, &suffix)) return damaged(0, error);
    if (tag != TAG_QUOTA) return CODE_OK;
    ordinal who = quota->ordinal_of(quota->context, ENTITY_USER, id);
    if (suffix.bytes > 0 || who == ORDINAL_NONE || quota_user_find(quota, who))
        return damaged(id, error);
    cursor_init(&cursor, row);
    TRY(check_version(&cursor, "a quota row", error));
    int64_t newest_ms = cursor_signed(&cursor);
    uint64_t count = cursor_varint(&cursor);
    if (cursor.failed || count == 0 || count > QUOTA_COUNTERS_MAXIMUM) return damaged(id, error);
    struct quota_user *user = quota_user_create(quota, who, id);
    if (!user || !quota_user_reserve(quota, user, (size_t)count))
        return error_no_memory(error, AREA_BEHAVIOUR, (size_t)count * sizeof *user->counters);
    user->newest_ms = newest_ms;
    bool right = true;
    while (right && user->count < count)
        right = decode_counter(&cursor, schema, user);
    quota->counter_count += user->count;
    if (!right || !cursor_done(&cursor)) return damaged(id, error);
out:
    return code;
}

static bool decode_capped(struct cursor *cursor, struct quota *quota)
{
    uint64_t count = cursor_varint(cursor), next = 0;
    if (cursor->failed || count == 0 || count > LIMIT_SIGNAL_IDS) return false;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t signal = cursor_varint(cursor), capped = cursor_varint(cursor);
        if (cursor->failed || signal < next || signal >= LIMIT_SIGNAL_IDS || capped == 0)
            return false;
        quota->capped[signal] = capped;
        next = signal + 1;
    }
    return cursor_done(cursor);
}

static enum code load_capped(struct quota *quota, struct store *store, struct error *error)
{
    static const char what[] = "the store's record 'capped'";
    struct buffer row;
    struct cursor cursor;
    bool found;
    enum code code;
    buffer_init(&row, quota->memory, CAPPED_BYTES_MAXIMUM);
    TRY(store_get(store, KEYSPACE_DATABASE, KEY_CAPPED, &row, &found, error));
    if (!found) goto out;
    cursor_init(&cursor, buffer_slice(&row));
    TRY(check_version(&cursor, what, error));
    if (!decode_capped(&cursor, quota))
        code = error_set(error, CODE_CORRUPT, AREA_BEHAVIOUR, "%s is damaged", what);
out:
    buffer_release(&row);
    return code;
}

enum code quota_load(void *fold, struct store *store, const struct schema *schema,
                     struct error *error)
{
    struct loading loading = {fold, schema};
    enum code code = load_capped(fold, store, error);
    if (code != CODE_OK) return code;
    return store_for_each(store, KEYSPACE_USERS, (struct key_range){0}, load_row, &loading, error);
}
