/* What is dropped was never there: a database that had signals, fields, embeddings, relations and
 * exposures, and dropped them, has the rows of one that never had them, in memory and in the store;
 * and what is renamed is the same under another name.
 *
 * What users did merges all signals (when they saw an item, what they took well), so here what goes
 * is neutral; and time is one for all, so what goes is never newer than what stays. */
#include "api/handle.h"
#include "base/choices.h"
#include "engine/internal.h"
#include "harness/folder.h"
#include "harness/test.h"
#include "signals/cold.h"
#include "storage/key.h"
#include "storage/memory_store.h"

#include <stdarg.h>
#include <tidal/tidal.h>

#define NOW_MS  INT64_C(1793527200000)
#define HOUR_MS INT64_C(3600000)

enum { ITEMS = 12, USERS = 9, STEPS = 400, ROUNDS = 6 };

static const char *const kept[] = {
    "DEFINE FIELD genre ON item KEYWORD",
    "DEFINE FIELD year ON item INTEGER",
    ("DEFINE SIGNAL watch ON item HALF LIFE 1h WINDOWS 1h, 24h VELOCITY 1h TRENDING HALF LIFE 2h "
     "POPULAR 1h PER genre DISTINCT USERS 24h TOTALS PER genre CAP 1000 PER USER PER 1h"),
    "DEFINE SIGNAL liked ON item WINDOWS 24h UNIQUE PER USER POSITIVE",
    "DEFINE RELATION follows FROM user TO user",
    "DEFINE EXPOSURE ON item.genre HALF LIFE 6h",
    "DEFINE PROFILE stays AS FROM trending(watch), all SCORE decay(watch, 1h) + count(liked, 24h)",
};

/* Come and go; behind the others, so that those have the same ids in both. */
static const char *const passing[] = {
    "DEFINE FIELD mood ON item KEYWORD[]",
    "DEFINE FIELD note ON item TEXT",
    "DEFINE FIELD lucky ON user FLOAT",
    "DEFINE EMBEDDING content ON item DIMENSIONS 2",
    ("DEFINE SIGNAL buzz ON item HALF LIFE 1h, 7d WINDOWS 1h, 24h VELOCITY 1h "
     "TRENDING HALF LIFE 2h POPULAR 1h, 7d PER mood, genre DISTINCT USERS 24h TOTALS PER mood, "
     "genre "
     "CAP 4 PER USER PER item PER 1h, 6 PER USER PER 1h"),
    "DEFINE SIGNAL mark ON item WINDOWS 24h UNIQUE PER USER TRUST user.lucky",
    "DEFINE SIGNAL nudge ON user HALF LIFE 1h VALUE MIN MAX",
    "DEFINE RELATION mutes FROM user TO item EXCLUDING",
    "DEFINE EXPOSURE ON item.mood HALF LIFE 1h",
    "DEFINE CONTEXT device KEYWORD",
    ("DEFINE PROFILE goes AS FROM popular(buzz, 1h) SCORE decay(buzz, 7d) + last(user, mark) "
     "+ exposure(user, item.mood) + related(user, mutes) + if(context.device = 'tv', 1, 0)"),
};

static const char *const drops[] = {
    "DROP PROFILE goes",          "DROP SIGNAL buzz",
    "DROP EXPOSURE ON item.mood", "DROP SIGNAL mark",
    "DROP FIELD mood ON item",    "DROP RELATION mutes",
    "DROP FIELD note ON item",    "DROP EMBEDDING content ON item",
    "DROP SIGNAL nudge",          "DROP FIELD lucky ON user",
    "DROP CONTEXT device",
};

#define COUNT(list) (sizeof(list) / sizeof *(list))

struct side {
    struct folder folder;
    tidal_db *db;
    int64_t now_ms;
    size_t signal_bytes; /* beyond which pairs go cold; 0: none do */
    tidal_error error;
};

struct run {
    struct side with, without;
    struct choices choices;
    int64_t newest_ms;             /* of all events */
    int64_t counted_ms[USERS + 1]; /* of each user's that a cap counts */
};

static int64_t side_clock(void *context)
{
    return ((struct side *)context)->now_ms;
}

static bool side_open(struct side *side)
{
    tidal_options options = {.size = sizeof options,
                             .segment_bytes = 1 << 20,
                             .signal_memory_bytes = side->signal_bytes,
                             .clock_ms = side_clock,
                             .clock_context = side};
    if (tidal_open(side->folder.path, &options, &side->db, &side->error) == TIDAL_OK) return true;
    fprintf(stderr, "    %s\n", side->error.message);
    return false;
}

static bool side_do(struct side *side, const char *text)
{
    if (tidal_execute(side->db, text, NULL, &side->error) == TIDAL_OK) return true;
    fprintf(stderr, "    %s\n    -> %s (%s)\n", text, side->error.message, side->error.hint);
    return false;
}

__attribute__((format(printf, 3, 4))) static bool run_do(struct run *run, bool both,
                                                         const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return side_do(&run->with, text) && (!both || side_do(&run->without, text));
}

static bool run_begin(struct run *run, uint64_t seed)
{
    *run = (struct run){.newest_ms = NOW_MS - 10 * HOUR_MS};
    run->with.now_ms = run->without.now_ms = NOW_MS;
    run->with.signal_bytes = seed % 2;
    choices_from_seed(&run->choices, seed, NULL);
    bool right = folder_make(&run->with.folder) && folder_make(&run->without.folder) &&
                 side_open(&run->with) && side_open(&run->without);
    for (size_t i = 0; i < COUNT(kept); i++)
        right = right && run_do(run, true, "%s", kept[i]);
    for (int i = 1; i <= ITEMS; i++)
        right = right && run_do(run, true, "PUT item %d {\"genre\": \"g%d\", \"year\": %d}", i,
                                i % 3, 2000 + i);
    for (int i = 1; i <= USERS; i++)
        right = right && run_do(run, true, "PUT user %d {}", i);
    /* The watermark is there before what goes begins. */
    return right &&
           run_do(run, true, "SIGNAL watch ON item 1 BY user 1 AT %lld", (long long)run->newest_ms);
}

static bool run_end(struct run *run)
{
    bool right = tidal_close(run->with.db, &run->with.error) == TIDAL_OK &&
                 tidal_close(run->without.db, &run->without.error) == TIDAL_OK;
    choices_release(&run->choices);
    folder_remove(&run->with.folder);
    folder_remove(&run->without.folder);
    return right;
}

static int item_of(struct run *run)
{
    return (int)choose_between(&run->choices, 1, ITEMS);
}

static int user_of(struct run *run)
{
    return (int)choose_between(&run->choices, 1, USERS);
}

/* What both do. */
static bool keep_on(struct run *run)
{
    int item = item_of(run), user = user_of(run);
    run->newest_ms += (int64_t)choose(&run->choices, 60000) + 1;
    long long time_ms = (long long)run->newest_ms;
    switch (choose(&run->choices, 7)) {
    case 0:
        return run_do(run, true, "SIGNAL liked ON item %d BY user %d AT %lld", item, user, time_ms);
    case 1:
        return run_do(run, true, "SIGNAL impression ON item %d BY user %d AT %lld", item, user,
                      time_ms);
    case 2:
        return run_do(run, true, "RELATE user %d follows user %d", user, user_of(run));
    case 3:
        return run_do(run, true, "PATCH item %d {\"genre\": \"g%d\"}", item,
                      (int)choose(&run->choices, 4));
    default:
        run->counted_ms[user] = run->newest_ms;
        return run_do(run, true, "SIGNAL watch ON item %d BY user %d AT %lld", item, user, time_ms);
    }
}

/* What one does alone. */
static bool pass_by(struct run *run)
{
    int item = item_of(run), user = user_of(run);
    long long time_ms = (long long)run->newest_ms - (long long)choose(&run->choices, 600000);
    switch (choose(&run->choices, 8)) {
    case 0:
        return run_do(run, false, "SIGNAL mark ON item %d BY user %d VALUE %d AT %lld", item, user,
                      (int)choose(&run->choices, 4), time_ms);
    case 1:
        return run_do(run, false, "RETRACT SIGNAL mark ON item %d BY user %d AT %lld", item, user,
                      time_ms);
    case 2:
        return run_do(run, false, "SIGNAL nudge ON user %d BY user %d VALUE 2 AT %lld",
                      user_of(run), user, time_ms);
    case 3:
        return run_do(run, false, "RELATE user %d mutes item %d", user, item);
    case 4:
        return run_do(run, false,
                      "PATCH item %d {\"mood\": [\"m%d\", \"x\"], \"note\": \"n\", \"content\": "
                      "[1, 2]}",
                      item, (int)choose(&run->choices, 3));
    case 5:
        return run_do(run, false, "PATCH user %d {\"lucky\": 0.5}", user);
    default:
        /* Never newer than what else is counted of the user, if anything is. */
        if (run->counted_ms[user] > 0) time_ms = (long long)run->counted_ms[user];
        return run_do(run, false, "SIGNAL buzz ON item %d BY user %d AT %lld", item, user, time_ms);
    }
}

static bool perhaps_reopen(struct run *run)
{
    if (choose_one_in(&run->choices, 60) &&
        tidal_checkpoint(run->with.db, &run->with.error) != TIDAL_OK)
        return false;
    if (!choose_one_in(&run->choices, 150)) return true;
    return tidal_close(run->with.db, &run->with.error) == TIDAL_OK && side_open(&run->with);
}

/* --- Rows --- */

struct row {
    enum keyspace keyspace;
    struct slice key, row;
};

struct rows {
    struct arena arena;
    struct row *list;
    size_t count, capacity;
};

static bool is_of_a_fold(enum keyspace keyspace, struct slice key)
{
    static const char *const own[] = {KEY_COUNT_PREFIX, KEY_GROUP_PREFIX, "capped"};
    bool found = keyspace != KEYSPACE_DATABASE;
    for (size_t i = 0; i < COUNT(own); i++)
        found = found || (key.bytes >= strlen(own[i]) && !memcmp(key.data, own[i], strlen(own[i])));
    return found;
}

static struct slice copy(struct arena *arena, struct slice bytes)
{
    if (bytes.bytes == 0) return bytes;
    const char *copied = arena_copy(arena, bytes.data, bytes.bytes);
    if (!copied) abort();
    return slice_of(copied, bytes.bytes);
}

static void read_keyspace(struct rows *rows, struct store *store, enum keyspace keyspace)
{
    struct store_scan *scan;
    struct slice key, row;
    bool has_row = true;
    struct error error;
    if (store_scan_open(store, keyspace, (struct key_range){0}, &scan, &error) != CODE_OK) abort();
    while (has_row) {
        if (store_scan_next(scan, &key, &row, &has_row, &error) != CODE_OK) abort();
        if (!has_row || !is_of_a_fold(keyspace, key)) continue;
        if (rows->count == rows->capacity) {
            rows->capacity = 2 * rows->capacity + 64;
            rows->list = realloc(rows->list, rows->capacity * sizeof *rows->list);
            if (!rows->list) abort();
        }
        rows->list[rows->count++] =
            (struct row){keyspace, copy(&rows->arena, key), copy(&rows->arena, row)};
    }
    store_scan_close(scan);
}

/* Those of the folds. */
static void rows_read(struct rows *rows, struct side *side, struct store *store)
{
    *rows = (struct rows){0};
    arena_init(&rows->arena, &side->db->database->request_memory, SIZE_MAX / 2);
    for (int i = 0; i < KEYSPACE_COUNT; i++)
        read_keyspace(rows, store, (enum keyspace)i);
}

/* As the folds would write them all. */
static void rows_dump(struct rows *rows, struct side *side)
{
    struct database *database = side->db->database;
    struct store *store = NULL;
    struct store_batch *batch = NULL;
    struct error error;
    bool right = memory_store_open(&database->request_memory, &store, &error) == CODE_OK &&
                 store_batch_create(store, &batch, &error) == CODE_OK;
    phase_lock_read(&database->state); /* the keeper may make pairs cold */
    for (int i = 0; right && i < FOLD_COUNT; i++)
        right = database->folds[i].ops->dump(database->folds[i].state, batch, &error) == CODE_OK;
    phase_unlock_read(&database->state);
    if (!right || store_write(store, batch, &error) != CODE_OK) abort();
    store_batch_free(batch);
    rows_read(rows, side, store);
    store_close(store);
}

static void rows_release(struct rows *rows)
{
    arena_release(&rows->arena);
    free(rows->list);
}

static bool rows_equal(const struct rows *a, const struct rows *b)
{
    size_t i = 0;
    for (; i < a->count && i < b->count; i++) {
        const struct row *x = &a->list[i], *y = &b->list[i];
        if (x->keyspace != y->keyspace || !slice_equal(x->key, y->key) ||
            !slice_equal(x->row, y->row))
            break;
    }
    if (i == a->count && i == b->count) return true;
    const struct row *first = i < a->count ? &a->list[i] : &b->list[i];
    fprintf(stderr, "    keyspace %d, of %zu and %zu rows: number %zu, key", (int)first->keyspace,
            a->count, b->count, i);
    for (size_t j = 0; j < first->key.bytes; j++)
        fprintf(stderr, " %02x", first->key.data[j]);
    fprintf(stderr, "\n");
    return false;
}

static bool sides_agree(struct run *run)
{
    struct error error;
    struct rows with, without;
    rows_dump(&with, &run->with);
    rows_dump(&without, &run->without);
    bool same =
        rows_equal(&with, &without) && database_check(run->with.db->database, &error) == CODE_OK;
    rows_release(&with);
    rows_release(&without);
    return same;
}

/* Is what a checkpoint leaves in the store what is in memory? */
static bool store_agrees(struct run *run)
{
    struct rows memory, store;
    if (tidal_checkpoint(run->with.db, &run->with.error) != TIDAL_OK) return false;
    rows_dump(&memory, &run->with);
    rows_read(&store, &run->with, run->with.db->database->store);
    bool same = rows_equal(&memory, &store);
    rows_release(&memory);
    rows_release(&store);
    return same;
}

static bool drop_all(struct run *run)
{
    bool right = true;
    for (size_t i = 0; i < COUNT(drops) && right; i++) {
        right = run_do(run, false, "%s", drops[i]) && perhaps_reopen(run);
        if (choose_one_in(&run->choices, 3)) right = right && keep_on(run);
    }
    return right;
}

static bool come_and_go(struct run *run)
{
    bool right = true;
    for (size_t i = 0; i < COUNT(passing) && right; i++)
        right = run_do(run, false, "%s", passing[i]);
    for (int i = 0; i < STEPS && right; i++)
        right =
            (choose_one_in(&run->choices, 2) ? keep_on(run) : pass_by(run)) && perhaps_reopen(run);
    /* Of what goes, some is in the store alone. */
    if (right && run->with.signal_bytes > 0)
        right = tidal_checkpoint(run->with.db, &run->with.error) == TIDAL_OK &&
                ledger_has_cold(run->with.db->database->ledger);
    return right && drop_all(run);
}

static void what_is_dropped_was_never_there(struct test *t)
{
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct run run;
        CHECK(run_begin(&run, seed));
        CHECK(come_and_go(&run));
        CHECK(sides_agree(&run));
        CHECK(store_agrees(&run));
        CHECK(tidal_close(run.with.db, &run.with.error) == TIDAL_OK && side_open(&run.with));
        CHECK(sides_agree(&run));
        /* Nor do those of the same names have anything of theirs. */
        CHECK(come_and_go(&run));
        CHECK(sides_agree(&run) && store_agrees(&run));
        CHECK(run_end(&run));
    }
}

static double best(struct run *run, const char *profile)
{
    char text[64];
    double score = -1;
    tidal_query *query = NULL;
    snprintf(text, sizeof text, "RETRIEVE items USING %s LIMIT 1", profile);
    if (tidal_prepare(run->with.db, text, -1, &query, &run->with.error) == TIDAL_OK &&
        tidal_step(query, &run->with.error) == TIDAL_ROW)
        score = tidal_column_double(query, 1);
    tidal_query_free(query);
    return score;
}

static void a_rename_changes_no_row(struct test *t)
{
    static const char *const renames[] = {
        "RENAME FIELD genre ON item TO kind",  "RENAME SIGNAL watch TO play",
        "RENAME SIGNAL liked TO heart",        "RENAME RELATION follows TO watch",
        "RENAME PROFILE stays TO still_there", "RENAME FIELD year ON item TO genre",
    };
    struct run run;
    CHECK(run_begin(&run, 99));
    for (int i = 0; i < STEPS; i++)
        CHECK(keep_on(&run));
    double before = best(&run, "stays");
    for (size_t i = 0; i < COUNT(renames); i++)
        CHECK(run_do(&run, false, "%s", renames[i]) && sides_agree(&run));
    for (int i = 0; i < 2; i++) { /* by the log alone, and by the store */
        CHECK(best(&run, "still_there") == before && before > 0);
        CHECK(tidal_close(run.with.db, &run.with.error) == TIDAL_OK && side_open(&run.with));
        CHECK(sides_agree(&run) && best(&run, "still_there") == before);
        CHECK(store_agrees(&run));
    }
    CHECK(run_end(&run));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(what_is_dropped_was_never_there), CASE(a_rename_changes_no_row));
}
