/* A signal that got half-lives and windows later, and was backfilled, against one that had them
 * from the beginning: the same bits in every row, for any stream of changes, crashes and recoveries
 * in the middle, and however the work was cut into steps. */
#include "engine/backfill.h"
#include "engine/internal.h"
#include "harness/folder.h"
#include "property/workload.h"
#include "signals/backfill.h"
#include "signals/cold.h"
#include "signals/features.h"
#include "storage/key.h"

#include <math.h>

enum {
    EVENTS = 1200,
    SIGNALS_AT = 9
}; /* so many definitions come before those of signals 0, 1, .. would */

/* What is added, to signals of every kind: of items, users and creators; occurrences, states and
 * values; with caps and trust; a half-life of which the bits of lateness are few, a ring between
 * two others, below and above them. */
static const struct {
    signal_id signal;
    const char *before, *after; /* in the text of its definition */
} additions[] = {
    {WATCH, "WINDOWS 1h, 24h, 7d", "WINDOWS 10m, 1h, 24h, 7d, 10d, 30d"},
    {LIKED, "HALF LIFE 7d WINDOWS 24h", "HALF LIFE 1h, 7d, 30d WINDOWS 1h, 24h, 60d"},
    {SKIP, "HALF LIFE 24h", "HALF LIFE 1s, 5m, 24h WINDOWS 24h"},
    {RATE, "HALF LIFE 24h", "HALF LIFE 1h, 24h WINDOWS 7d"},
    {VISIT, "HALF LIFE 1h WINDOWS 1h", "HALF LIFE 1h, 6h WINDOWS 1h, 40d"},
    {POKE, "HALF LIFE 1h", "HALF LIFE 10m, 1h WINDOWS 30m, 3h"},
    {SHARED, "WINDOWS 30d", "HALF LIFE 24h WINDOWS 1h, 30d, 366d"},
};
enum { ADDITIONS = sizeof additions / sizeof *additions };

static struct event events[EVENTS];

static void definition_of(size_t at, bool after, char out[1024])
{
    const char *text = workload_definitions[at];
    snprintf(out, 1024, "%s", text);
    for (size_t i = 0; after && i < ADDITIONS; i++) {
        const char *place = strstr(text, additions[i].before);
        if (at != (size_t)(SIGNALS_AT + additions[i].signal) || !place) continue;
        snprintf(out, 1024, "%.*s%s%s", (int)(place - text), text, additions[i].after,
                 place + strlen(additions[i].before));
    }
}

static bool begin(struct world *world, bool after, size_t budget_bytes)
{
    if (!world_init(world)) return false;
    world->options.signal_memory_bytes = budget_bytes;
    world->options.retain_log_ms = 20 * 24 * HOUR_MS;
    if (world_open(world) != CODE_OK) return false;
    for (size_t i = 0; i < sizeof workload_definitions / sizeof *workload_definitions; i++) {
        char text[1024];
        definition_of(i, after, text);
        if (world_define(world, text) == CODE_OK) continue;
        fprintf(stderr, "    %s: %s\n", text, world->error.message);
        return false;
    }
    return true;
}

static bool send(struct world *world, const struct event *event)
{
    struct write write = {&event->change, event->key};
    struct write_result result;
    struct write_batch batch = {&write, 1, ACKNOWLEDGE_DURABLE, &result, 0};
    simulated_clock_set(&world->clock, event->now_ms);
    return database_write(world->database, &batch, &world->error) == CODE_OK;
}

static bool define_later(struct world *world, size_t addition)
{
    char text[1024];
    definition_of((size_t)SIGNALS_AT + additions[addition].signal, true, text);
    if (world_define(world, text) == CODE_OK) return true;
    fprintf(stderr, "    %s: %s\n", text, world->error.message);
    return false;
}

/* --- Rows --- */

/* Rows of the ledger alone, into an ordered store. */
static bool dump(struct world *world, struct store **rows)
{
    const struct fold *fold = &world->database->folds[FOLD_LEDGER];
    struct store_batch *batch = NULL;
    struct error *error = &world->error;
    *rows = NULL;
    bool ok = memory_store_open(&world->memory, rows, error) == CODE_OK &&
              store_batch_create(*rows, &batch, error) == CODE_OK &&
              fold->ops->dump(fold->state, batch, error) == CODE_OK &&
              store_write(*rows, batch, error) == CODE_OK;
    store_batch_free(batch);
    return ok;
}

static bool read_rows(struct store *rows, struct buffer *all)
{
    struct error error;
    bool ok = true;
    for (int i = 0; ok && i < KEYSPACE_COUNT; i++) {
        struct store_scan *scan = NULL;
        struct slice key, row;
        bool has = true;
        ok = store_scan_open(rows, (enum keyspace)i, (struct key_range){0}, &scan, &error) ==
             CODE_OK;
        while (ok && has) {
            ok = store_scan_next(scan, &key, &row, &has, &error) == CODE_OK;
            if (!ok || !has || slice_equal(key, KEY_GAPS)) continue;
            buffer_put_string(all, key);
            buffer_put_string(all, row);
        }
        store_scan_close(scan);
    }
    return ok && !all->failed;
}

static bool rows_of(struct world *world, struct buffer *all)
{
    struct store *rows;
    buffer_init(all, &world->memory, SIZE_MAX / 2);
    bool ok = dump(world, &rows) && read_rows(rows, all);
    store_close(rows);
    return ok;
}

static bool same_rows(struct world *a, struct world *b)
{
    struct buffer left, right;
    bool left_ok = rows_of(a, &left), right_ok = rows_of(b, &right);
    bool same = left_ok && right_ok && left.bytes > 0 &&
                slice_equal(buffer_slice(&left), buffer_slice(&right));
    buffer_release(&left);
    buffer_release(&right);
    return same;
}

/* --- The job --- */

static bool step(struct world *world, bool *more)
{
    if (backfill_step(world->database, more, &world->error) == CODE_OK) return true;
    fprintf(stderr, "    %s\n", world->error.message);
    return false;
}

static bool finish(struct world *world)
{
    bool more = true;
    while (more)
        if (!step(world, &more)) return false;
    return true;
}

static bool is_exact(struct world *world)
{
    struct view view;
    bool exact = true;
    if (database_read_begin(world->database, &view, &world->error) != CODE_OK) return false;
    for (size_t i = 0; i < view.schema->signal_count; i++) {
        struct backfill_state state = backfill_state(view.ledger, (signal_id)i, view.watermark_ms);
        exact = exact && !state.is_due && !state.is_estimated;
    }
    database_read_end(world->database);
    return exact && database_check(world->database, &world->error) == CODE_OK;
}

/* --- Readings --- */

/* Where the later one says that it is exact, it reads what the first one reads. */
struct reading {
    const struct world *first, *later;
    struct view first_view, later_view;
    struct cold_reader cold; /* of the later one */
    size_t exact, estimated;
};

static bool same_values(struct reading *reading, const struct feature *first,
                        const struct feature *later, enum entity_kind kind)
{
    enum { MOST = 256 };
    ordinal ordinals[MOST];
    double a[MOST], b[MOST];
    bool missing[MOST];
    int64_t now_ms = reading->first_view.watermark_ms;
    size_t count = entities_count(reading->first_view.entities, kind);
    if (features_estimated(reading->later_view.ledger, later, now_ms)) {
        reading->estimated++;
        return true;
    }
    reading->exact++;
    if (count > MOST) count = MOST;
    for (size_t i = 0; i < count; i++)
        ordinals[i] = (ordinal)i;
    features_read(reading->first_view.ledger, first, now_ms, ordinals, count,
                  (struct feature_column){a, missing, NULL});
    features_read(reading->later_view.ledger, later, now_ms, ordinals, count,
                  (struct feature_column){b, missing, &reading->cold});
    bool decays = first->op == FEATURE_DECAY;
    for (size_t i = 0; i < count; i++) {
        double most = decays ? fabs(a[i]) * 2.5e-7 + 1e-6 : 0;
        if (fabs(a[i] - b[i]) <= most) continue;
        fprintf(stderr, "    %s of signal %u, entity %zu: %.17g, not %.17g\n",
                decays ? "decay" : "window", first->signal, i, b[i], a[i]);
        return false;
    }
    return true;
}

static uint8_t place_of(const int64_t *list, uint32_t count, int64_t duration_ms)
{
    uint8_t at = 0;
    while (at < count && list[at] != duration_ms)
        at++;
    return at;
}

static bool same_signal(struct reading *reading, signal_id id)
{
    const struct signal *first = &reading->first_view.schema->signals[id];
    const struct signal *later = &reading->later_view.schema->signals[id];
    bool same = true;
    for (uint8_t i = 0; same && i < later->half_life_count; i++) {
        struct feature a = {.op = FEATURE_DECAY, .signal = id}, b = a;
        a.slot = place_of(first->half_life_ms, first->half_life_count, later->half_life_ms[i]);
        b.slot = i;
        same = same_values(reading, &a, &b, first->kind);
    }
    for (uint8_t i = 0; same && i < later->window_count; i++) {
        struct feature a = {.op = FEATURE_COUNT, .signal = id}, b = a;
        a.slot = place_of(first->window_ms, first->window_count, later->window_ms[i]);
        b.slot = i;
        same = same_values(reading, &a, &b, first->kind);
        a.op = b.op = FEATURE_SUM;
        same = same && same_values(reading, &a, &b, first->kind);
    }
    return same;
}

static bool same_readings(struct world *first, struct world *later, size_t *exact,
                          size_t *estimated)
{
    struct reading reading = {.first = first, .later = later};
    struct error error;
    bool same = true;
    if (database_read_begin(first->database, &reading.first_view, &error) != CODE_OK) return false;
    database_read_end(first->database); /* nobody writes meanwhile, and locks have ranks */
    if (database_read_begin(later->database, &reading.later_view, &error) != CODE_OK) return false;
    cold_reader_init(&reading.cold, reading.later_view.ledger, &later->memory);
    for (size_t i = 0; same && i < ADDITIONS; i++)
        same = same_signal(&reading, additions[i].signal);
    same = cold_reader_end(&reading.cold, &error) == CODE_OK && same;
    database_read_end(later->database);
    *exact += reading.exact;
    *estimated += reading.estimated;
    return same;
}

struct tally {
    size_t exact, estimated;
    size_t steps, crashes, checkpoints, compared;
};

static bool crash(struct world *world, struct choices *choices)
{
    enum simulated_crash kind = choose_one_in(choices, 2) ? SIMULATED_POWER : SIMULATED_PROCESS;
    return world_crash(world, kind, choose_one_in(choices, 2) ? SIZE_MAX : 0, choices) == CODE_OK &&
           world_open(world) == CODE_OK;
}

/* What may come between two changes. */
static bool meanwhile(struct world *world, struct choices *choices, struct tally *tally)
{
    bool more;
    if (choose_one_in(choices, 20)) {
        tally->steps++;
        if (!step(world, &more)) return false;
    }
    if (choose_one_in(choices, 200)) {
        tally->checkpoints++;
        if (database_checkpoint(world->database, &world->error) != CODE_OK) return false;
    }
    if (choose_one_in(choices, 300)) {
        tally->crashes++;
        if (!crash(world, choices)) return false;
    }
    return true;
}

/* Both are sent the same; the second is told later what the first knew from the beginning. */
static bool tell(struct world *first, struct world *later, struct choices *choices,
                 struct tally *tally)
{
    size_t at[ADDITIONS];
    for (size_t i = 0; i < ADDITIONS; i++)
        at[i] = (size_t)choose(choices, EVENTS - 1);
    for (size_t i = 0; i < EVENTS; i++) {
        for (size_t j = 0; j < ADDITIONS; j++)
            if (at[j] == i && !define_later(later, j)) return false;
        if (!send(first, &events[i]) || !send(later, &events[i])) return false;
        if (!meanwhile(later, choices, tally)) return false;
        if (choose_one_in(choices, 20) &&
            !same_readings(first, later, &tally->exact, &tally->estimated))
            return false;
    }
    return same_readings(first, later, &tally->exact, &tally->estimated);
}

static void a_backfilled_signal_has_the_bits_of_one_that_was_always_so(struct test *t)
{
    static struct world first, later;
    struct tally tally = {0};
    const size_t rounds = ROUNDS(25, 3);
    for (uint64_t seed = 1; seed <= rounds; seed++) {
        struct choices choices;
        struct workload workload;
        uint8_t hash[32];
        workload_init(&workload, seed);
        for (size_t i = 0; i < EVENTS; i++)
            workload_next(&workload, &events[i]);
        choices_from_seed(&choices, seed * 7919, NULL);
        /* In every second run all that may be cold is so behind each checkpoint. */
        CHECK(begin(&first, true, 0) && begin(&later, false, seed % 2));
        CHECK(tell(&first, &later, &choices, &tally));
        CHECK(finish(&later));
        CHECK(is_exact(&later));
        bool same = same_rows(&first, &later);
        if (!same) fprintf(stderr, "    seed %llu\n", (unsigned long long)seed);
        CHECK(same);
        tally.compared += ledger_record_count(later.database->ledger);
        /* And the log alone says so. */
        CHECK_EQ(database_state_hash(later.database, hash, &later.error), CODE_OK);
        CHECK(crash(&later, &choices));
        CHECK(world_same_hash(&later, hash));
        choices_release(&choices);
        choices_release(&workload.choices);
        world_release(&first);
        world_release(&later);
    }
    printf(
        "%zu records, %zu steps between changes, %zu crashes, %zu checkpoints; %zu exact readings "
        "and %zu estimated\n",
        tally.compared, tally.steps, tally.crashes, tally.checkpoints, tally.exact,
        tally.estimated);
    CHECK(tally.exact > 40 * rounds && tally.estimated > 4 * rounds);
    CHECK(tally.compared > 20 * rounds && tally.steps > 20 * rounds);
    CHECK(tally.crashes > 3 && tally.checkpoints > 3);
}

/* Without the backfill they differ: the comparison bites. */
static void without_a_backfill_the_bits_differ(struct test *t)
{
    static struct world first, later;
    struct choices choices;
    struct workload workload;
    workload_init(&workload, 1);
    choices_from_seed(&choices, 1, NULL);
    CHECK(begin(&first, true, 0) && begin(&later, false, 0));
    for (size_t i = 0; i < EVENTS; i++) {
        workload_next(&workload, &events[i]);
        if (i == EVENTS / 2)
            for (size_t j = 0; j < ADDITIONS; j++)
                CHECK(define_later(&later, j));
        CHECK(send(&first, &events[i]) && send(&later, &events[i]));
    }
    CHECK(!same_rows(&first, &later));
    CHECK(!is_exact(&later));
    CHECK(finish(&later));
    CHECK(same_rows(&first, &later));
    CHECK(is_exact(&later));
    choices_release(&choices);
    choices_release(&workload.choices);
    world_release(&first);
    world_release(&later);
}

/* In a directory, where the log is kept for some minutes, and bases are.  Signals are defined anew
 * when neither reaches back to the beginning: what is brought is complete since the oldest base,
 * and whatever is called exact is so. */
static bool open_directory(struct world *world, struct folder *folder)
{
    *world = (struct world){0};
    memory_init(&world->memory, 0);
    simulated_clock_init(&world->clock, WORLD_NOW_MS);
    world->options = (struct database_options){.path = folder->path,
                                               .no_threads = true,
                                               .segment_bytes = 1 << 16,
                                               .dedupe_window_ms = 60000,
                                               .retain_log_ms = 60000,
                                               .clock = &world->clock.clock};
    return folder_make(folder) && world_open(world) == CODE_OK;
}

static bool define_before(struct world *world)
{
    return world_define_all(world, workload_definitions,
                            sizeof workload_definitions / sizeof *workload_definitions);
}

static void from_a_base_it_is_complete_since_then(struct test *t)
{
    static struct world first, later;
    struct folder folder;
    struct tally tally = {0};
    struct choices choices;
    struct workload workload;
    workload_init(&workload, 3);
    choices_from_seed(&choices, 3, NULL);
    CHECK(begin(&first, true, 0) && open_directory(&later, &folder) && define_before(&later));
    for (size_t i = 0; i < EVENTS; i++) {
        workload_next(&workload, &events[i]);
        CHECK(send(&first, &events[i]) && send(&later, &events[i]));
        if (i % 100 == 99) CHECK_EQ(database_checkpoint(later.database, &later.error), CODE_OK);
        if (i != EVENTS / 2) continue;
        const struct moment ever = {.lsn = UINT64_MAX};
        struct database_status status;
        struct base newest, oldest;
        database_status(later.database, &status);
        CHECK(status.oldest > 1);
        CHECK_EQ(bases_find(later.database, &ever, &newest, &oldest, &later.error), CODE_OK);
        CHECK(oldest.lsn > 0);
        for (size_t j = 0; j < ADDITIONS; j++)
            CHECK(define_later(&later, j));
        CHECK(same_readings(&first, &later, &tally.exact, &tally.estimated));
        CHECK(finish(&later));
        struct backfill_state state = backfill_state(later.database->ledger, SHARED, INT64_MIN / 2);
        CHECK(!state.is_due && state.is_estimated);
        CHECK(state.since_ms < later.database->watermark_ms);
        CHECK(same_readings(&first, &later, &tally.exact, &tally.estimated));
    }
    CHECK(same_readings(&first, &later, &tally.exact, &tally.estimated));
    printf("%zu exact readings and %zu estimated\n", tally.exact, tally.estimated);
    CHECK_EQ(database_close(later.database, &later.error), CODE_OK);
    memory_release(&later.memory);
    folder_remove(&folder);
    choices_release(&choices);
    choices_release(&workload.choices);
    world_release(&first);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_backfilled_signal_has_the_bits_of_one_that_was_always_so),
               CASE(without_a_backfill_the_bits_differ),
               CASE(from_a_base_it_is_complete_since_then));
}
