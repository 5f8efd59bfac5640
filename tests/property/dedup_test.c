/* Repeats, exactly as specified (docs/formats/wal.md, decision 001): every answer of a log through
 * restarts and crashes against a list of all its entries, and the rule read off the list.
 *
 * The list is what the files say: after each call the new frames are read from outside
 * (wal/source.h).  A generation begins with a frame, so where frames begin must be known; nothing
 * of the log's own tables is. */
#include "base/choices.h"
#include "unit/engine/world.h"
#include "wal/source.h"

#include "engine/internal.h"
#include "unit/wal/fixture.h"

enum { ENTRIES = 6000, CALL = 12, SEEDS = 12, STEPS = 220 };

struct listed {
    uint8_t identity[WAL_IDENTITY_BYTES];
    bool counts; /* it is in the window */
};

struct list {
    struct listed entries[ENTRIES + 1]; /* by LSN */
    uint64_t last_lsn;
    /* What the rule says of them. */
    uint64_t previous_lsn, current_lsn; /* where the generations begin; 0: not begun */
    int64_t current_ms;
    uint64_t current_count;
};

/* The rule: before the entries of a frame. */
static void list_frame(struct list *list, const struct fixture *log, uint64_t first_lsn,
                       int64_t time_ms)
{
    bool full = list->current_count >= log->options.dedupe_count;
    bool old = list->current_lsn > 0 &&
               time_ms - list->current_ms >= (int64_t)log->options.dedupe_window_ms;
    if (full || old) {
        list->previous_lsn = list->current_lsn;
        list->current_lsn = 0;
        list->current_count = 0;
    }
    if (list->current_lsn > 0) return;
    list->current_lsn = first_lsn;
    list->current_ms = time_ms;
}

/* A loop over all that the two generations hold; the later LSN stands. */
static uint64_t list_find(const struct list *list, const uint8_t identity[WAL_IDENTITY_BYTES])
{
    uint64_t from = list->previous_lsn > 0 ? list->previous_lsn : list->current_lsn;
    for (uint64_t at = list->last_lsn; from > 0 && at >= from; at--) {
        const struct listed *entry = &list->entries[at];
        if (entry->counts && memcmp(entry->identity, identity, WAL_IDENTITY_BYTES) == 0) return at;
    }
    return 0;
}

/* Adds the frames that are new in the files. */
static bool list_read(struct list *list, struct fixture *log)
{
    struct wal_source_options options = {.disk = log->disk,
                                         .directory = log->options.directory,
                                         .memory = &log->memory,
                                         .database_id = log->options.database_id,
                                         .from_lsn = list->last_lsn + 1};
    struct wal_source *source;
    struct wal_source_frame frame = {.count = 1};
    enum code code = wal_source_open(&options, &source, &log->error);
    while (code == CODE_OK && frame.count > 0) {
        code = wal_source_next(source, &frame, &log->error);
        if (code != CODE_OK || frame.count == 0) break;
        list_frame(list, log, frame.entries[0].lsn, frame.entries[0].time_ms);
        for (size_t i = 0; i < frame.count && list->last_lsn < ENTRIES; i++) {
            struct listed *entry = &list->entries[++list->last_lsn];
            memcpy(entry->identity, frame.entries[i].identity, WAL_IDENTITY_BYTES);
            entry->counts = !(frame.entries[i].flags & WAL_ENTRY_NO_DEDUPE);
            list->current_count += entry->counts;
        }
    }
    wal_source_close(source);
    return code == CODE_OK && list->last_lsn == wal_durable(log->wal);
}

struct run {
    struct fixture log;
    struct choices choices;
    struct list *list;
    uint64_t next_id;
    uint64_t duplicates, forgotten; /* repeats that were found; and not, as they must not be */
};

static void draw_record(struct run *run, struct wal_record *record,
                        uint8_t payload[EVENT_MAXIMUM_BYTES])
{
    struct choices *c = &run->choices;
    uint64_t back = choose(c, run->log.options.dedupe_count * 3);
    bool again = choose_one_in(c, 2) && back < run->next_id;
    uint64_t id = again ? run->next_id - back : ++run->next_id;
    *record = event_record(id > 0 ? id : 1, payload);
    if (choose_one_in(c, 5)) {
        record->flags = WAL_ENTRY_CALLERS_KEY; /* the same key, whatever the payload */
        memset(record->identity, 'k', WAL_IDENTITY_BYTES);
        store_u64(record->identity, id / 3);
    } else if (choose_one_in(c, 6)) {
        record->flags = WAL_ENTRY_NO_DEDUPE;
    }
}

/* What must become of records[index]: its LSN if it is a repeat, else 0. */
static uint64_t expected(struct run *run, const struct wal_record *records,
                         const struct wal_result *results, size_t index)
{
    const struct wal_record *record = &records[index];
    if (record->flags & WAL_ENTRY_NO_DEDUPE) return 0;
    uint64_t at = list_find(run->list, record->identity);
    for (size_t i = 0; i < index && at == 0; i++) {
        bool same = !(records[i].flags & WAL_ENTRY_NO_DEDUPE) &&
                    memcmp(records[i].identity, record->identity, WAL_IDENTITY_BYTES) == 0;
        if (same) at = results[i].lsn;
    }
    return at;
}

static bool was_ever(const struct list *list, const uint8_t identity[WAL_IDENTITY_BYTES])
{
    for (uint64_t at = 1; at <= list->last_lsn; at++) {
        const struct listed *entry = &list->entries[at];
        if (entry->counts && memcmp(entry->identity, identity, WAL_IDENTITY_BYTES) == 0)
            return true;
    }
    return false;
}

static bool append_some(struct run *run)
{
    static uint8_t payloads[CALL][EVENT_MAXIMUM_BYTES];
    struct wal_record records[CALL];
    struct wal_result results[CALL];
    struct choices *c = &run->choices;
    size_t count = choose_between(c, 1, CALL);
    uint64_t next_lsn = run->list->last_lsn + 1;
    for (size_t i = 0; i < count; i++)
        draw_record(run, &records[i], payloads[i]);
    unsigned flags = choose_one_in(c, 3) ? WAL_APPEND_ATOMIC : 0;
    if (wal_append(run->log.wal, records, count, flags, results, &run->log.error) != CODE_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint64_t at = expected(run, records, results, i);
        if (results[i].code != (at > 0 ? CODE_DUPLICATE : CODE_OK)) return false;
        if (results[i].lsn != (at > 0 ? at : next_lsn)) return false;
        next_lsn += at == 0;
        run->duplicates += at > 0;
        bool meant = records[i].flags & WAL_ENTRY_NO_DEDUPE;
        run->forgotten += at == 0 && !meant && was_ever(run->list, records[i].identity);
    }
    return true;
}

/* Durable, told so in the files, and read from them. */
static bool settle(struct run *run)
{
    struct fixture *log = &run->log;
    bool ok = wal_wait(log->wal, wal_last(log->wal), &log->error) == CODE_OK &&
              wal_flush(log->wal, &log->error) == CODE_OK;
    drain(log->wal);
    return ok && list_read(run->list, log);
}

static bool checkpoint(struct run *run)
{
    struct fixture *log = &run->log;
    uint64_t durable = wal_durable(log->wal), oldest = wal_oldest_after(log->wal, durable, NULL);
    log->options.applied_lsn = durable;
    log->options.oldest_lsn = oldest;
    return wal_checkpoint(log->wal, durable, oldest, &log->error) == CODE_OK;
}

/* With entries on their way that may be lost, or not. */
static bool crash(struct run *run)
{
    struct fixture *log = &run->log;
    if (!append_some(run)) return false;
    wal_abandon(log->wal);
    log->wal = NULL;
    simulated_disk_crash(log->disk,
                         choose_one_in(&run->choices, 2) ? SIMULATED_POWER : SIMULATED_PROCESS,
                         &run->choices);
    return fixture_open(log) == CODE_OK && list_read(run->list, log);
}

static bool step(struct run *run)
{
    struct fixture *log = &run->log;
    uint64_t event = choose(&run->choices, 24);
    simulated_clock_advance(&log->clock, (int64_t)choose(&run->choices, 40));
    if (event < 18) return append_some(run) && settle(run);
    if (event < 19) { /* to the very end of the generation, or just before */
        int64_t end_ms = run->list->current_ms + (int64_t)log->options.dedupe_window_ms;
        int64_t left_ms = end_ms - clock_now_ms(&log->clock.clock);
        if (left_ms > 1)
            simulated_clock_advance(&log->clock, left_ms - choose_one_in(&run->choices, 3));
        return append_some(run) && settle(run);
    }
    if (event < 21) return checkpoint(run);
    if (event < 23) return crash(run);
    return fixture_close(log) == CODE_OK && fixture_open(log) == CODE_OK &&
           list_read(run->list, log);
}

static void a_repeat_is_recognised_exactly_as_the_list_says(struct test *t)
{
    static struct list list;
    uint64_t duplicates = 0, forgotten = 0, entries = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct run run = {.list = &list};
        memset(&list, 0, sizeof list);
        CHECK(fixture_init(&run.log));
        choices_from_seed(&run.choices, seed, NULL);
        run.log.options.dedupe_count = (uint32_t)choose_between(&run.choices, 1, 120);
        run.log.options.dedupe_window_ms = (uint32_t)choose_between(&run.choices, 50, 3000);
        run.log.options.frame_entries = (uint32_t)choose_between(&run.choices, 1, 20);
        CHECK_EQ(fixture_open(&run.log), CODE_OK);
        for (int i = 0; i < STEPS && list.last_lsn + 2 * CALL < ENTRIES; i++) {
            if (step(&run)) continue;
            fprintf(stderr, "    seed %" PRIu64 ", step %d: %s\n", seed, i, run.log.error.message);
            CHECK(false);
        }
        duplicates += run.duplicates;
        forgotten += run.forgotten;
        entries += list.last_lsn;
        fixture_release(&run.log);
    }
    printf("    %" PRIu64 " entries, %" PRIu64 " repeats found, %" PRIu64 " beyond the window\n",
           entries, duplicates, forgotten);
    CHECK(duplicates > 1500 && forgotten > 1500);
}

static void a_repeat_is_answered_once_its_first_is_durable(struct test *t)
{
    struct world w;
    struct write_result first, again;
    CHECK(world_init(&w));
    CHECK_EQ(world_open(&w), CODE_OK);
    CHECK_EQ(world_define(&w, "DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h ALLOW UNKNOWN"),
             CODE_OK);
    struct change view = {.kind = CHANGE_SIGNAL,
                          .signal = {.signal = 2,
                                     .entity = item_of(1),
                                     .value = SIGNAL_VALUE_ONE,
                                     .has_time = true,
                                     .time_ms = WORLD_NOW_MS}};
    for (int i = 0; i < 20; i++) {
        const char *key = i % 2 == 0 ? "" : "key";
        struct change put = {.kind = CHANGE_PUT, .put = {.entity = item_of(7)}};
        const struct change *change = i % 2 == 0 ? &view : &put;
        char number[8];
        view.signal.time_ms--;
        snprintf(number, sizeof number, "k%d", i);
        if (key[0] != '\0') key = number;
        CHECK_EQ(world_write_as(&w, change, key, ACKNOWLEDGE_ACCEPTED, &first), CODE_OK);
        CHECK(wal_durable(w.database->wal) < first.lsn);
        CHECK_EQ(world_write_as(&w, change, key, ACKNOWLEDGE_DURABLE, &again), CODE_DUPLICATE);
        CHECK_EQ(again.lsn, first.lsn);
        CHECK(wal_durable(w.database->wal) >= first.lsn);
        CHECK(database_applied(w.database) >= first.lsn);
    }
    world_release(&w);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_repeat_is_recognised_exactly_as_the_list_says),
               CASE(a_repeat_is_answered_once_its_first_is_durable));
}
