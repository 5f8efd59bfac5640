/* The fold of distinct users: what depends on neither order, batch, checkpoint nor replay, and rows
 * that are not what was written. */
#include "signals/unique.h"
#include "unit/signals/ledger_world.h"

#include "base/choices.h"
#include "base/hash.h"
#include "harness/store_rows.h"
#include "harness/test.h"

enum { ITEMS = 6, EVENTS = 3000, USERS = 300 };

#define SPAN (2 * DAY)

struct crowd {
    struct memory memory;
    struct schema schema;
    struct signal signals[WORLD_SIGNALS];
    struct fold fold;
    struct unique *unique;
    struct store *store;
    struct error error;
};

struct happening {
    ordinal item;
    uint64_t user; /* 0: nobody */
    int64_t time_ms;
};

static struct happening list[EVENTS];

static bool crowd_open(struct crowd *crowd)
{
    return unique_create(&crowd->memory, &world_ids, &crowd->fold, &crowd->unique, &crowd->error) ==
           CODE_OK;
}

static bool crowd_init(struct crowd *crowd)
{
    memset(crowd, 0, sizeof *crowd);
    memory_init(&crowd->memory, 0);
    for (uint16_t i = 0; i < WORLD_SIGNALS; i++)
        crowd->signals[i] = (struct signal){.id = i, .kind = ENTITY_ITEM};
    crowd->signals[VIEW].distinct_ms = SPAN;
    crowd->schema.signals = crowd->signals;
    crowd->schema.signal_count = WORLD_SIGNALS;
    return memory_store_open(&crowd->memory, &crowd->store, &crowd->error) == CODE_OK &&
           crowd_open(crowd);
}

static void crowd_release(struct crowd *crowd)
{
    crowd->fold.ops->free(crowd->fold.state);
    store_close(crowd->store);
    memory_release(&crowd->memory);
}

/* Checkpoints into its store and opens again from there. */
static bool crowd_reopen(struct crowd *crowd)
{
    bool ok = fold_checkpoint(&crowd->fold, crowd->store, &crowd->error) == CODE_OK;
    crowd->fold.ops->free(crowd->fold.state);
    return crowd_open(crowd) && ok &&
           crowd->fold.ops->load(crowd->fold.state, crowd->store, &crowd->schema, &crowd->error) ==
               CODE_OK;
}

static void resolve(struct crowd *crowd, const struct happening *one, struct change *change,
                    struct resolved_change *resolved)
{
    *change = (struct change){.kind = CHANGE_SIGNAL, .signal = {.signal = VIEW}};
    *resolved = (struct resolved_change){.change = change,
                                         .schema = &crowd->schema,
                                         .subject = one->item,
                                         .subject_id = world_id(one->item),
                                         .other = one->user == 0 ? ORDINAL_NONE : 1,
                                         .other_id = one->user,
                                         .time_ms = one->time_ms,
                                         .effective = true,
                                         .contributions = {{one->time_ms, ONE, 1}},
                                         .contribution_count = 1};
}

/* Applies events [from, to) in batches of up to `most`. */
static bool apply(struct crowd *crowd, size_t from, size_t to, size_t most)
{
    static struct change changes[EVENTS];
    static struct resolved_change resolved[EVENTS];
    while (from < to) {
        size_t count = to - from < most ? to - from : most;
        for (size_t i = 0; i < count; i++)
            resolve(crowd, &list[from + i], &changes[i], &resolved[i]);
        if (crowd->fold.ops->apply_signals(crowd->fold.state, resolved, count, &crowd->error) !=
            CODE_OK)
            return false;
        from += count;
    }
    return true;
}

static bool delete (struct crowd *crowd, enum entity_kind kind, ordinal entity, entity_id id)
{
    struct change change = {.kind = CHANGE_DELETE, .delete = {.kind = kind}};
    struct resolved_change resolved = {.lsn = 77,
                                       .change = &change,
                                       .schema = &crowd->schema,
                                       .subject = entity,
                                       .subject_id = id,
                                       .other = ORDINAL_NONE};
    return crowd->fold.ops->apply(crowd->fold.state, &resolved, &crowd->error) == CODE_OK;
}

static double users_of(const struct crowd *crowd, ordinal item, int64_t window_ms, int64_t now_ms)
{
    double value;
    bool missing;
    struct unique_window window = {VIEW, window_ms, now_ms};
    unique_read(crowd->unique, &window, &item, 1, (struct feature_column){&value, &missing, NULL});
    return missing ? -1 : value;
}

static bool check(const struct crowd *crowd)
{
    return fold_check(&crowd->fold);
}

/* Bytes of all rows after a checkpoint. */
static uint64_t rows_of(struct crowd *crowd)
{
    struct buffer rows;
    buffer_init(&rows, &crowd->memory, FOLD_ROWS_MAXIMUM);
    uint64_t hash = 0;
    if (check(crowd) && fold_dump(&crowd->fold, crowd->store, &rows, &crowd->error) == CODE_OK)
        hash = bytes_hash(buffer_slice(&rows));
    buffer_release(&rows);
    return hash;
}

static void draw(uint64_t seed)
{
    struct choices choices;
    choices_from_seed(&choices, seed, NULL);
    for (size_t i = 0; i < EVENTS; i++) {
        ordinal item = (ordinal)choose(&choices, ITEMS - 1);
        uint64_t users = item == 0 ? USERS * 10 : item == 1 ? USERS : 40;
        list[i] = (struct happening){item, choose(&choices, users),
                                     START + (int64_t)choose(&choices, 3 * SPAN)};
    }
}

static void shuffle(struct choices *choices)
{
    for (size_t i = EVENTS; i > 1; i--) {
        size_t j = (size_t)choose(choices, i - 1);
        struct happening swap = list[i - 1];
        list[i - 1] = list[j];
        list[j] = swap;
    }
}

static void no_order_batch_or_checkpoint_changes_a_bit(struct test *t)
{
    static const size_t batches[] = {1, 2, 7, 128, EVENTS};
    struct choices choices;
    choices_from_seed(&choices, 21, NULL);
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct crowd crowd;
        draw(seed);
        CHECK(crowd_init(&crowd) && apply(&crowd, 0, EVENTS, 1));
        uint64_t wanted = rows_of(&crowd);
        crowd_release(&crowd);
        for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
            size_t middle = (size_t)choose(&choices, EVENTS);
            shuffle(&choices);
            CHECK(crowd_init(&crowd) && apply(&crowd, 0, middle, batches[i]));
            CHECK(crowd_reopen(&crowd) && check(&crowd));
            CHECK(apply(&crowd, middle, EVENTS, batches[i]));
            CHECK(apply(&crowd, middle / 2, middle, 3)); /* said again */
            CHECK_EQ(rows_of(&crowd), wanted);
            CHECK(crowd_reopen(&crowd));
            CHECK_EQ(rows_of(&crowd), wanted);
            crowd_release(&crowd);
        }
    }
}

static void counts_are_those_of_a_plain_list(struct test *t)
{
    struct crowd crowd;
    int64_t now_ms = START + 3 * SPAN;
    draw(9);
    CHECK(crowd_init(&crowd) && apply(&crowd, 0, EVENTS, 100));
    for (ordinal item = 0; item < ITEMS; item++)
        for (int64_t window_ms = SPAN; window_ms > HOUR; window_ms /= 2) {
            static bool there[USERS * 10 + 1];
            double exact = 0, counted = users_of(&crowd, item, window_ms, now_ms);
            memset(there, 0, sizeof there);
            for (size_t i = 0; i < EVENTS; i++) {
                const struct happening *one = &list[i];
                if (one->item != item || one->user == 0 || there[one->user]) continue;
                there[one->user] = one->time_ms > now_ms - window_ms;
                exact += there[one->user];
            }
            if (exact < 64)
                CHECK(counted == exact);
            else
                CHECK(fabs(counted / exact - 1) < 0.26);
        }
    CHECK(users_of(&crowd, 99, SPAN, now_ms) == 0);
    crowd_release(&crowd);
}

static void what_is_deleted_leaves_no_name(struct test *t)
{
    struct crowd crowd;
    struct buffer rows;
    uint8_t hash[8];
    CHECK(crowd_init(&crowd));
    list[0] = (struct happening){0, 5, START};
    list[1] = (struct happening){0, 6, START + 1};
    list[2] = (struct happening){1, 6, START + 2};
    list[3] = (struct happening){1, 0, START + 3};
    CHECK(apply(&crowd, 0, 4, 4) && rows_of(&crowd) != 0);
    CHECK(delete (&crowd, ENTITY_USER, 1, 6) && delete (&crowd, ENTITY_CREATOR, 0, 5));
    CHECK(users_of(&crowd, 0, SPAN, START + 9) == 2 && users_of(&crowd, 1, SPAN, START + 9) == 1);
    buffer_init(&rows, &crowd.memory, FOLD_ROWS_MAXIMUM);
    CHECK(fold_dump(&crowd.fold, crowd.store, &rows, &crowd.error) == CODE_OK);
    store_u64(hash, hash_u64(6));
    CHECK(!memmem(rows.data, rows.bytes, hash, sizeof hash));
    store_u64(hash, hash_u64(5));
    CHECK(memmem(rows.data, rows.bytes, hash, sizeof hash));
    CHECK(delete (&crowd, ENTITY_ITEM, 0, world_id(0)));
    CHECK(users_of(&crowd, 0, SPAN, START + 9) == 0);
    CHECK(fold_dump(&crowd.fold, crowd.store, &rows, &crowd.error) == CODE_OK);
    CHECK(!memmem(rows.data, rows.bytes, hash, sizeof hash));
    CHECK_EQ(unique_signal_size(crowd.unique, VIEW).pairs, 1);
    buffer_release(&rows);
    crowd_release(&crowd);
}

/* Each row, cut short or with a byte changed, is refused, or is a set whose invariants hold. */
static void damaged_rows_are_refused(struct test *t)
{
    struct crowd crowd;
    struct choices choices;
    struct buffer row;
    bool found;
    uint8_t suffix[2] = {0, VIEW};
    choices_from_seed(&choices, 31, NULL);
    draw(3);
    CHECK(crowd_init(&crowd) && apply(&crowd, 0, EVENTS, 100) && rows_of(&crowd) != 0);
    size_t refused = 0, tried = 0;
    for (ordinal item = 0; item < 3; item++) {
        struct key key = key_build(world_id(item), TAG_UNIQUE, slice_of(suffix, 2));
        buffer_init(&row, &crowd.memory, 1 << 20);
        CHECK(store_get(crowd.store, KEYSPACE_ITEMS, key_slice(&key), &row, &found, &crowd.error) ==
                  CODE_OK &&
              found);
        for (int i = 0; i < 300; i++, tried++) {
            size_t at = (size_t)choose(&choices, row.bytes - 1);
            uint8_t old = row.data[at];
            bool cut = i % 3 == 0;
            if (!cut) row.data[at] ^= (uint8_t)(1u << choose(&choices, 7));
            struct slice bytes = slice_of(row.data, cut ? at : row.bytes);
            CHECK(store_put(crowd.store, KEYSPACE_ITEMS, key_slice(&key), bytes, &crowd.error) ==
                  CODE_OK);
            crowd.fold.ops->free(crowd.fold.state);
            CHECK(crowd_open(&crowd));
            enum code code =
                crowd.fold.ops->load(crowd.fold.state, crowd.store, &crowd.schema, &crowd.error);
            CHECK(code == CODE_CORRUPT || code == CODE_VERSION || (code == CODE_OK && !cut));
            if (code == CODE_OK) CHECK(check(&crowd));
            refused += code != CODE_OK;
            row.data[at] = old;
        }
        CHECK(store_put(crowd.store, KEYSPACE_ITEMS, key_slice(&key), buffer_slice(&row),
                        &crowd.error) == CODE_OK);
        buffer_release(&row);
    }
    CHECK(refused > tried / 3 && refused < tried);
    crowd_release(&crowd);
}

static void each_allocation_may_fail(struct test *t)
{
    struct crowd crowd;
    draw(4);
    for (unsigned long long fail = 3;; fail++) {
        CHECK(crowd_init(&crowd));
        crowd.memory.fail_at_call = fail;
        bool ok = apply(&crowd, 0, EVENTS, 64);
        crowd.memory.fail_at_call = 0;
        if (!ok) CHECK_EQ(crowd.error.code, CODE_NO_MEMORY);
        crowd_release(&crowd);
        if (ok) break;
        CHECK(fail < 400);
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(no_order_batch_or_checkpoint_changes_a_bit),
               CASE(counts_are_those_of_a_plain_list), CASE(what_is_deleted_leaves_no_name),
               CASE(damaged_rows_are_refused), CASE(each_allocation_may_fail));
}
