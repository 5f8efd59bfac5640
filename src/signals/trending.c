/* What trends, with T for the time of the newest event, W for the window, H for the half-life:
 *
 *   score    z = (D - mu) / sqrt(mu + 1 + D^2 / 128 if D is an estimate)
 *            D distinct users in (T-W, T], mu the usual count per W before it (features.c)
 *   peak     at each event with z >= 2 and D >= 3: key = max(key, log2 z + T/H)
 *   value    at a later time T: 2^(key - T/H), the peak as it has decayed
 *
 * Between two events every value halves in H, so their order stays: nothing is ever sorted anew,
 * and what is quiet sinks below what rises.  An event can raise a key and never lower it: with
 * 2^(-t/H) z(t) of the newest event alone, a further view would push an item down.  The score is
 * taken at events only, as z can only fall between them.
 *
 * Key: x = z 2^(T/H) as a floating-point number with a 36-bit mantissa and as large an exponent as
 * times need, in one integer; no logarithm.  exp2_fraction, * and sqrt have the same bits on every
 * IEEE machine, so the key, which is kept, has too.
 *
 * Distinct users: the hash of each user of the window with the time of their last event, exact up
 * to 256.  When more come, only hashes that begin with one more zero bit are kept: adaptive
 * sampling (Wegman 1984; Flajolet 1990), D = kept 2^level with a standard error of at most
 * 1/sqrt(128), which the score counts as noise.  The level goes back to 0 when a window has nobody.
 * An event by nobody counts as one user in ten seconds.  The baseline counts events: who would push
 * an item by repeats raises only what is usual for it.
 *
 * The peak and the users are kept in rows: they depend on the order of events, and buckets that
 * knew the peak are long gone (docs/decisions/010-trending-keys.md).  The index is made from them.
 */
#include "signals/trending_private.h"

#include "base/hash.h"
#include "base/time_window.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { KEY_MANTISSA_BITS = 36, KEY_EXPONENT_MAXIMUM = 1 << 26, DOUBLE_MANTISSA_BITS = 52 };

static const double score_least = 2, users_least = 3;
static const double estimate_noise = 2.0 / TREND_USERS_MAXIMUM;
static const int64_t nobody_ms = 10000;

/* log2(score) + time / half-life, in an order-preserving form; `score` > 0. */
static int64_t trend_key(double score, int64_t time_ms, int64_t half_life_ms)
{
    int64_t left, whole = floor_divide(time_ms, half_life_ms, &left);
    double value = score * exp2_fraction((double)left / (double)half_life_ms);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int64_t exponent = whole + (int64_t)(bits >> DOUBLE_MANTISSA_BITS) - 1023;
    if (exponent > KEY_EXPONENT_MAXIMUM - 1) exponent = KEY_EXPONENT_MAXIMUM - 1;
    if (exponent < -KEY_EXPONENT_MAXIMUM) exponent = -KEY_EXPONENT_MAXIMUM;
    bits &= (UINT64_C(1) << DOUBLE_MANTISSA_BITS) - 1;
    return exponent * (INT64_C(1) << KEY_MANTISSA_BITS) +
           (int64_t)(bits >> (DOUBLE_MANTISSA_BITS - KEY_MANTISSA_BITS));
}

/* The score of a key at another time. */
static double trend_value(int64_t key, int64_t now_ms, int64_t half_life_ms)
{
    int64_t left, whole = floor_divide(now_ms, half_life_ms, &left), mantissa;
    int64_t exponent = floor_divide(key, INT64_C(1) << KEY_MANTISSA_BITS, &mantissa) - whole;
    double one = (double)(INT64_C(1) << KEY_MANTISSA_BITS);
    double value = 1 + (double)mantissa / one;
    if (exponent > 1000) exponent = 1000;
    return value / exp2_fraction((double)left / (double)half_life_ms) * exp2_whole(exponent);
}

static bool mark_dirty(struct trending *trending, struct trend *trend, ordinal entity,
                       signal_id signal)
{
    if (trend->dirty) return true;
    const struct trend_dirty one = {trend->id, entity, signal};
    if (!dirty_rows_add(&trending->rows, &one)) return false;
    trend->dirty = true;
    return true;
}

struct trend *trend_create(struct trending *trending, const struct signal *signal, ordinal entity,
                           entity_id id)
{
    struct trend_table *table = &trending->tables[signal->id];
    size_t old = table->capacity;
    if (!table->has_index)
        key_index_init(&table->index, trending->memory, &trending->source, signal);
    table->has_index = true;
    if (entity >= old) {
        void *trends = table->trends;
        bool room = memory_grow(trending->memory, &trends, &table->capacity, (size_t)entity + 1,
                                sizeof *table->trends, UINT32_MAX);
        table->trends = trends;
        if (!room) return NULL;
        memset(table->trends + old, 0, (table->capacity - old) * sizeof *table->trends);
        trending->bytes += (table->capacity - old) * sizeof *table->trends;
    }
    assert(!table->trends[entity]);
    struct trend *trend = memory_allocate_zeroed(trending->memory, sizeof *trend);
    if (!trend) return NULL;
    trend->id = id;
    trend->key = TREND_NO_KEY;
    table->trends[entity] = trend;
    trending->bytes += sizeof *trend;
    return trend;
}

bool trend_reserve(struct trending *trending, struct trend *trend, size_t count)
{
    size_t old = trend->user_capacity, capacity = old > 0 ? old : 1;
    if (count <= old) return true;
    while (capacity < count)
        capacity *= 2;
    struct trend_user *users = memory_resize(trending->memory, trend->users,
                                             old * sizeof *trend->users, capacity * sizeof *users);
    if (!users) return false;
    trend->users = users;
    trend->user_capacity = (uint16_t)capacity;
    trending->bytes += (capacity - old) * sizeof *users;
    return true;
}

static void trend_free(struct trending *trending, struct trend *trend)
{
    if (!trend) return;
    size_t users_bytes = trend->user_capacity * sizeof *trend->users;
    trending->bytes -= users_bytes + sizeof *trend;
    memory_free(trending->memory, trend->users, users_bytes);
    memory_free(trending->memory, trend, sizeof *trend);
}

/* Its trends are freed already. */
static void table_release(struct trending *trending, struct trend_table *table)
{
    size_t table_bytes = table->capacity * sizeof *table->trends;
    trending->bytes -= table_bytes;
    memory_free(trending->memory, table->trends, table_bytes);
    if (table->has_index) key_index_release(&table->index);
    *table = (struct trend_table){0};
}

static bool is_kept(const struct trend *trend, uint64_t hash)
{
    return trend->level == 0 || hash >> (64 - trend->level) == 0;
}

/* Forgets those whose last event lies before the window, and the one with `hash`, whose time is
 * given back: INT64_MIN if there is none. */
static int64_t forget_users(struct trend *trend, int64_t after_ms, uint64_t hash)
{
    int64_t time_ms = INT64_MIN;
    uint16_t kept = 0;
    for (uint16_t i = 0; i < trend->user_count; i++) {
        struct trend_user user = trend->users[i];
        if (user.hash == hash) time_ms = user.time_ms;
        if (user.hash != hash && user.time_ms > after_ms) trend->users[kept++] = user;
    }
    trend->user_count = kept;
    return time_ms;
}

static bool count_user(struct trending *trending, struct trend *trend, uint64_t hash,
                       int64_t time_ms, int64_t after_ms)
{
    int64_t old_ms = forget_users(trend, after_ms, hash);
    if (trend->user_count == 0) trend->level = 0;
    while (is_kept(trend, hash) && trend->user_count == TREND_USERS_MAXIMUM) {
        uint16_t kept = 0;
        trend->level++;
        for (uint16_t i = 0; i < trend->user_count; i++)
            if (is_kept(trend, trend->users[i].hash)) trend->users[kept++] = trend->users[i];
        trend->user_count = kept;
    }
    if (!is_kept(trend, hash)) return true;
    if (!trend_reserve(trending, trend, (size_t)trend->user_count + 1)) return false;
    if (old_ms > time_ms) time_ms = old_ms;
    trend->users[trend->user_count++] = (struct trend_user){hash, time_ms};
    return true;
}

/* 0: too little to be a trend. */
static double score(const struct trending *trending, const struct signal *signal,
                    const struct trend *trend, ordinal entity, int64_t now_ms)
{
    double users = (double)trend->user_count * exp2_whole(trend->level);
    if (users < users_least) return 0;
    struct velocity_reading reading = features_velocity(trending->source.ledger, signal->id,
                                                        signal->trending_window, entity, now_ms);
    double noise = reading.mean + 1;
    if (trend->level > 0) noise += users * users * estimate_noise;
    double deviation = (users - reading.mean) / sqrt(noise);
    return deviation < score_least ? 0 : deviation;
}

/* The event has a user, or stands for one in ten seconds of events by nobody. */
static uint64_t user_hash(const struct resolved_change *change)
{
    if (change->other != ORDINAL_NONE) return hash_u64(change->other_id);
    int64_t left;
    return hash_u64(~(uint64_t)floor_divide(change->time_ms, nobody_ms, &left));
}

bool trend_index(struct trending *trending, const struct signal *signal, ordinal entity)
{
    struct trend_table *table = &trending->tables[signal->id];
    return key_index_put(&table->index, entity, table->trends[entity]->key);
}

/* Takes out what is over, if the index has grown to twice its size since the last time.  What takes
 * the place of one that goes may be passed over until the next time. */
static void prune(struct trend_table *table, int64_t now_ms, int64_t half_life_ms)
{
    enum { PRUNE_AT_LEAST = 1024 };
    const struct index_heap *all = &table->index.all;
    if (all->count < PRUNE_AT_LEAST || all->count < table->prune_at) return;
    for (size_t i = all->count; i-- > 0;) {
        ordinal item = all->nodes[i].item;
        if (trend_is_over(table->trends[item]->peak_ms, now_ms, half_life_ms))
            key_index_remove(&table->index, item);
    }
    table->prune_at = 2 * all->count;
}

static bool apply_signal(struct trending *trending, const struct resolved_change *change)
{
    const struct signal *signal = &change->schema->signals[change->change->signal.signal];
    if (signal->trending_half_life_ms == 0 || !change->effective ||
        change->contribution_count == 0 || change->subject == ORDINAL_NONE)
        return true;
    struct trend_table *table = &trending->tables[signal->id];
    struct trend *trend = trend_find(table, change->subject);
    bool adds = change->contributions[change->contribution_count - 1].sign > 0;
    int64_t now_ms =
        change->time_ms > change->watermark_ms ? change->time_ms : change->watermark_ms;
    int64_t after_ms = window_after_ms(now_ms, signal->window_ms[signal->trending_window]);
    if (change->time_ms <= after_ms || (!trend && !adds)) return true;
    if (!trend) trend = trend_create(trending, signal, change->subject, change->subject_id);
    if (!trend || !mark_dirty(trending, trend, change->subject, signal->id)) return false;
    if (!adds) {
        forget_users(trend, after_ms, user_hash(change));
        return true;
    }
    if (!count_user(trending, trend, user_hash(change), change->time_ms, after_ms)) return false;
    double deviation = score(trending, signal, trend, change->subject, now_ms);
    if (!(deviation > 0)) return true;
    int64_t key = trend_key(deviation, now_ms, signal->trending_half_life_ms);
    if (key <= trend->key) return true;
    trend->key = key;
    trend->peak_ms = now_ms;
    prune(table, now_ms, signal->trending_half_life_ms);
    return trend_index(trending, signal, change->subject);
}

/* No file may keep a person who is gone: looks through everything, which is rare. */
static bool forget_user(struct trending *trending, uint64_t hash)
{
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        const struct trend_table *table = &trending->tables[i];
        for (size_t entity = 0; entity < table->capacity; entity++) {
            struct trend *trend = table->trends[entity];
            if (!trend || forget_users(trend, INT64_MIN, hash) == INT64_MIN) continue;
            if (!mark_dirty(trending, trend, (ordinal)entity, (signal_id)i)) return false;
        }
    }
    return true;
}

static bool apply_delete(struct trending *trending, const struct resolved_change *change)
{
    if (change->change->delete.kind == ENTITY_USER)
        return forget_user(trending, hash_u64(change->subject_id));
    if (change->change->delete.kind != ENTITY_ITEM) return true;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        struct trend_table *table = &trending->tables[i];
        struct trend *trend = trend_find(table, change->subject);
        if (!trend) continue;
        if (!mark_dirty(trending, trend, change->subject, (signal_id)i)) return false;
        key_index_remove(&table->index, change->subject);
        table->trends[change->subject] = NULL;
        trend_free(trending, trend);
    }
    return true;
}

/* The rows go at the next checkpoint. */
static bool drop_signal(struct trending *trending, signal_id signal)
{
    struct trend_table *table = &trending->tables[signal];
    for (size_t i = 0; i < table->capacity; i++) {
        struct trend *trend = table->trends[i];
        if (!trend) continue;
        if (!mark_dirty(trending, trend, (ordinal)i, signal)) return false;
        trend_free(trending, trend);
    }
    table_release(trending, table);
    return true;
}

/* The item's fields are as the change left them. */
static bool apply_put(struct trending *trending, const struct resolved_change *change)
{
    if (change->change->put.entity.kind != ENTITY_ITEM) return true;
    for (size_t i = 0; i < change->schema->signal_count; i++)
        if (!key_index_regroup(&trending->tables[i].index, change->subject)) return false;
    return true;
}

static enum code trending_apply(void *fold, const struct resolved_change *change,
                                struct error *error)
{
    bool applied = true;
    if (change->change->kind == CHANGE_SIGNAL) applied = apply_signal(fold, change);
    if (change->change->kind == CHANGE_DELETE) applied = apply_delete(fold, change);
    if (change->change->kind == CHANGE_PUT || change->change->kind == CHANGE_PATCH)
        applied = apply_put(fold, change);
    if (change_drops(change, DEFINE_SIGNAL)) applied = drop_signal(fold, change->dropped->id);
    return applied ? CODE_OK : error_no_memory(error, AREA_SIGNALS, sizeof(struct trend));
}

static void set_dirty(const struct trending *trending, bool dirty)
{
    const struct trend_dirty *rows = trending->rows.sealed.entries;
    for (size_t i = 0; i < trending->rows.sealed.count; i++) {
        const struct trend_dirty *one = &rows[i];
        struct trend *trend = trend_find(&trending->tables[one->signal], one->entity);
        if (trend) trend->dirty = dirty;
    }
}

static void trending_seal(void *fold)
{
    struct trending *trending = fold;
    dirty_rows_seal(&trending->rows);
    set_dirty(trending, false);
}

static void trending_sealed(void *fold, bool durable)
{
    struct trending *trending = fold;
    if (!durable) set_dirty(trending, true);
    dirty_rows_sealed(&trending->rows, durable);
}

static bool check_table(const struct trend_table *table)
{
    for (size_t i = 0; i < table->index.all.count; i++) {
        const struct index_node *node = &table->index.all.nodes[i];
        const struct trend *trend = trend_find(table, node->item);
        if (!trend || trend->key != node->key) return false;
    }
    return !table->has_index || key_index_check(&table->index);
}

static bool trending_check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct trending *trending = fold;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        if (check_table(&trending->tables[i])) continue;
        snprintf(reason, reason_bytes, "what trends by signal %zu is out of order", i);
        return false;
    }
    return true;
}

static size_t trending_bytes(const void *fold)
{
    const struct trending *trending = fold;
    size_t index_bytes = 0;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++)
        index_bytes += trending->tables[i].index.bytes;
    return sizeof *trending + trending->bytes + index_bytes + dirty_rows_bytes(&trending->rows);
}

static size_t trending_dirty_bytes(const void *fold)
{
    enum { ROW_BYTES_ABOUT = 96 };
    return ((const struct trending *)fold)->rows.changed.count * ROW_BYTES_ABOUT;
}

static void trending_free(void *fold)
{
    struct trending *trending = fold;
    if (!trending) return;
    struct memory *memory = trending->memory;
    for (size_t i = 0; i < LIMIT_SIGNAL_IDS; i++) {
        struct trend_table *table = &trending->tables[i];
        for (size_t j = 0; j < table->capacity; j++)
            trend_free(trending, table->trends[j]);
        table_release(trending, table);
    }
    dirty_rows_release(&trending->rows);
    memory_free(memory, trending, sizeof *trending);
}

static const struct fold_ops trending_ops = {
    .name = "trending",
    .apply = trending_apply,
    .seal = trending_seal,
    .write = trending_write,
    .sealed = trending_sealed,
    .dump = trending_dump,
    .load = trending_load,
    .check = trending_check,
    .bytes = trending_bytes,
    .dirty_bytes = trending_dirty_bytes,
    .free = trending_free,
};

enum code trending_create(struct memory *memory, const struct index_source *source,
                          struct fold *fold, struct trending **trending, struct error *error)
{
    struct trending *created = memory_allocate_zeroed(memory, sizeof *created);
    if (!created) return error_no_memory(error, AREA_SIGNALS, sizeof *created);
    created->memory = memory;
    dirty_rows_init(&created->rows, memory, sizeof(struct trend_dirty));
    created->source = *source;
    *trending = created;
    *fold = (struct fold){.ops = &trending_ops, .state = created};
    return CODE_OK;
}

size_t trending_count(const struct trending *trending, signal_id signal,
                      const struct index_group *group)
{
    assert(signal < LIMIT_SIGNAL_IDS);
    return key_index_count(&trending->tables[signal].index, group);
}

enum code trending_top(const struct trending *trending, const struct trending_question *question,
                       struct arena *arena, size_t *count, struct error *error)
{
    const struct trend_table *table = &trending->tables[question->signal->id];
    int64_t now_ms = question->now_ms, half_life_ms = question->signal->trending_half_life_ms;
    const struct bitset *among = question->among;
    const struct index_node *node;
    struct index_walk walk;
    *count = 0;
    if (!table->has_index) return CODE_OK;
    index_walk_begin(&walk, &table->index, question->group, arena);
    /* Below this all peaks are over. */
    int64_t least = trend_key(score_least, now_ms - TREND_HALF_LIVES * half_life_ms, half_life_ms);
    while (*count < question->limit && (node = index_walk_next(&walk)) && node->key >= least) {
        const struct trend *trend = table->trends[node->item];
        if (trend_is_over(trend->peak_ms, now_ms, half_life_ms)) continue;
        if (among && !bitset_has(among, node->item)) continue;
        question->out[(*count)++] =
            (struct ranked){node->item, trend->id, trend_value(node->key, now_ms, half_life_ms)};
    }
    return walk.failed ? error_no_memory(error, AREA_SIGNALS, walk.capacity) : CODE_OK;
}
