/* The database on a disk and a store that crash, lose, tear and refuse, a seed a run.
 *
 * A run sends at least 10,000 changes in some lives, each ended by a crash of the disk at some
 * operation (also inside a checkpoint, also inside recovery), a failed sync or write, a store that
 * refuses, or an orderly close.  Opening meets a disk that is full or fails as well, and in every
 * fourth run bits of the log flip.  The store keeps what was flushed apart from what was only
 * written: a crash takes any number of the last unflushed batches.  What must hold whenever it is
 * open again:
 *
 *   a. every acknowledged change is there, and whatever a reader ever saw;
 *   b. the log is a dense prefix of what was given an LSN;
 *   c. the state is that of a fold of exactly that prefix, bit for bit: another database, which
 *      never crashed and never checkpointed, is given the same entries;
 *   d. every fold's invariants hold;
 *   e. a resend within the window is a duplicate and names the LSN of the first.
 *
 *   f. damage is told: the database does not open, or says that its last group may be torn.
 *
 * Every other run has a ledger that keeps in memory only what a checkpoint has yet to write.
 *
 * Definitions come and go among the changes: new ones, of names that were dropped too, and events
 * that mention them; drops and renames; half-lives and windows that are added later, with the steps
 * of their backfill.  What a backfill writes the other database reads in the log.
 *
 * Then the same with deliberately wrong engines, logs and stores: each must be caught, by the
 * oracle stated, at the seed stated, or this harness proves nothing.  Settings: seeds.h. */
#include "crash/seeds.h"
#include "engine/internal.h"
#include "property/workload.h"

enum {
    EVENTS = 10000,
    BATCH = 6,
    MAXIMUM_EVENTS = EVENTS + BATCH,
    MAXIMUM_LSN = MAXIMUM_EVENTS + 2000, /* resends beyond the window get an LSN again */
    DEFINITIONS = sizeof workload_definitions / sizeof *workload_definitions,
    TEXTS = 400, /* definitions that come among the changes, at most */
    TEXT_BYTES = 320,
    PASSING_NAMES = 3,
    OF_A_BACKFILL = INT32_MIN,
    DEDUPE_COUNT = 64,
    DEDUPE_WINDOW_MS = 60000,
    LARGE_BYTES = 48900 /* nearly what a segment takes */
};

struct wrong {
    enum engine_mutant engine;
    enum wal_mutant log;
    bool store_ignores_flush;
};

struct counts {
    uint64_t seeds, lives, crashes, power_losses, crashes_in_recovery, crashes_in_checkpoint;
    uint64_t sent, written, refused, duplicates, checkpoints, failed_checkpoints, closes, cut_early;
    uint64_t lost_batches, failed_logs, full_disks, replayed, forgotten, large, failed_openings;
    uint64_t flips, corrupt, undecidable;
    uint64_t defined, defined_anew, dropped, renamed, passing, backfills, brought;
};

/* What an LSN was given to: an event, definition ~event, or a change OF_A_BACKFILL, which is read
 * in the log when it can be. */
struct given {
    int32_t event;
    int64_t time_ms;
    char *payload; /* owned; NULL: not read yet */
    size_t bytes;
};

struct run {
    struct world world;
    struct world fold; /* the one that never crashes */
    struct choices choices;
    struct workload workload;
    struct counts *counts;
    struct event events[MAXIMUM_EVENTS];
    lsn lsns[MAXIMUM_EVENTS]; /* of each event; 0: none */
    struct given given[MAXIMUM_LSN];
    size_t event_count;
    char texts[TEXTS][TEXT_BYTES]; /* definitions from DEFINITIONS on */
    size_t text_count;
    lsn last, acknowledged, acknowledged_before;
    lsn kept_from; /* the log begins here */
    bool flips, damaged, over;
    struct breach breach;
};

/* What is applied may have been read, and what was answered is applied. */
static void acknowledge(struct run *run)
{
    lsn applied = database_applied(run->world.database);
    if (applied <= run->acknowledged) return;
    run->acknowledged_before = run->acknowledged;
    run->acknowledged = applied;
}

static void note_given(struct run *run, lsn given, int32_t event)
{
    free(run->given[given].payload);
    run->given[given] = (struct given){event, run->workload.now_ms, NULL, 0};
    if (event >= 0) run->lsns[event] = given;
    run->last = given;
}

/* In the place of what the workload drew: a title that nearly fills a segment. */
static void make_large(struct run *run, struct event *event)
{
    static char text[LARGE_BYTES];
    if (text[0] == 0) memset(text, 'x', sizeof text);
    size_t bytes = LARGE_BYTES - (size_t)choose(&run->choices, 3000);
    event->fields[0] =
        (struct field_value){TITLE, {.type = VALUE_TEXT, .text = slice_of(text, bytes)}};
    event->change = put_of(1 + choose(&run->choices, 50));
    event->change.put.fields = event->fields;
    event->change.put.field_count = 1;
    event->is_unique = event->key.bytes > 0;
}

/* A segment goes with its oldest entry once that is too old, whatever else is in it: recovery may
 * have written an old tail again, or a full disk kept a segment from ending in time. */
static bool went_for_age(const struct run *run, lsn original)
{
    enum { SEGMENT_ENTRIES = 600, AGE_MS = 4 * DEDUPE_WINDOW_MS };
    if (original >= run->kept_from) return false;
    for (lsn i = original; i > 0 && original - i < SEGMENT_ENTRIES; i--) {
        if (run->workload.now_ms - run->given[i].time_ms >= AGE_MS) return true;
    }
    return false;
}

static bool must_repeat(const struct run *run, lsn original)
{
    if (went_for_age(run, original)) return false;
    return run->last - original < DEDUPE_COUNT - 2 * BATCH &&
           run->workload.now_ms - run->given[original].time_ms < DEDUPE_WINDOW_MS;
}

/* Oracle e, and that LSNs are dense.  `known` is the LSN of an event that is sent again, or 0. */
static bool note_result(struct run *run, int32_t event, lsn known,
                        const struct write_result *result)
{
    run->counts->refused += result->lsn == 0;
    if (known > 0 && must_repeat(run, known) && result->lsn != known) {
        return violated(&run->breach, 'e',
                        "a resend of LSN %" PRIu64 " was answered with %s, %" PRIu64, known,
                        code_name(result->code), result->lsn);
    }
    if (result->lsn == 0) return true;
    if (result->lsn <= run->last) {
        run->counts->duplicates++;
        if (result->lsn == known) return true;
        return violated(&run->breach, 'e', "event %d is no duplicate of LSN %" PRIu64, event,
                        result->lsn);
    }
    if (result->lsn != run->last + 1)
        return violated(&run->breach, 'b', "LSN %" PRIu64 " after %" PRIu64, result->lsn,
                        run->last);
    run->counts->written++;
    note_given(run, result->lsn, event);
    return true;
}

static bool ends(enum code code)
{
    return code != CODE_OK && code != CODE_NO_SPACE && code != CODE_LIMIT;
}

/* --- What comes and goes --- */

static const struct schema *schema_of(const struct run *run)
{
    return run->world.database->schema;
}

/* Of a kind behind those of the workload, any that is there; ID_NONE: none is. */
#define DRAW_PASSING(run, list, first) draw_passing(run, schema_of(run)->list##_count, first)

static size_t draw_passing(struct run *run, size_t count, size_t first)
{
    return count <= first ? SIZE_MAX : first + (size_t)choose(&run->choices, count - first - 1);
}

/* In the place of an event about an item: one that mentions what may be dropped. */
static void mention_passing(struct run *run, struct event *event)
{
    struct change *change = &event->change;
    size_t signal = DRAW_PASSING(run, signal, SHARED + 1),
           field = DRAW_PASSING(run, field, TRUST + 1);
    size_t relation = DRAW_PASSING(run, relation, SAVED + 1);
    if (change->kind == CHANGE_SIGNAL && signal != SIZE_MAX &&
        change->signal.entity.kind == ENTITY_ITEM && !change->signal.retract) {
        change->signal.signal = (signal_id)signal;
        change->signal.value = SIGNAL_VALUE_ONE;
        event->is_unique = event->key.bytes > 0 || change->signal.has_time;
    } else if (change->kind == CHANGE_PUT && field != SIZE_MAX) {
        event->fields[0] = (struct field_value){
            (field_id)field, {.type = VALUE_TEXT, .text = slice_of_text("jazz")}};
        *change = put_of(1 + choose(&run->choices, 50));
        change->kind = CHANGE_PATCH;
        change->put.fields = event->fields;
        change->put.field_count = 1;
        event->is_unique = event->key.bytes > 0;
    } else if (change->kind == CHANGE_RELATE && relation != SIZE_MAX) {
        change->relate.relation = (relation_id)relation;
        change->relate.to = item_of(1 + choose(&run->choices, 50));
    } else {
        return;
    }
    run->counts->passing++;
}

/* Does it mention what was dropped?  Then it is refused before it is a duplicate. */
static bool mentions_dropped(const struct run *run, const struct change *change)
{
    const struct schema *schema = schema_of(run);
    switch (change->kind) {
    case CHANGE_SIGNAL:
        return change->signal.signal >= schema->signal_count ||
               schema->signals[change->signal.signal].dropped;
    case CHANGE_PATCH:
        for (size_t i = 0; i < change->put.field_count; i++) {
            field_id field = change->put.fields[i].field;
            if (field >= schema->field_count || schema->fields[field].dropped) return true;
        }
        return false;
    case CHANGE_RELATE:
        return change->relate.relation >= schema->relation_count ||
               schema->relations[change->relate.relation].dropped;
    default:
        return false;
    }
}

static const char *const passing_definitions[] = {
    "DEFINE FIELD f%u ON item KEYWORD",
    "DEFINE FIELD f%u ON item KEYWORD",
    "DEFINE RELATION r%u FROM user TO item",
    "DEFINE EXPOSURE ON item.f%u HALF LIFE 2h",
    "DEFINE SIGNAL s%u ON item HALF LIFE 1h WINDOWS 1h, 24h ALLOW UNKNOWN",
    ("DEFINE SIGNAL s%u ON item HALF LIFE 1h WINDOWS 1h, 24h VELOCITY 1h TRENDING HALF LIFE 2h "
     "POPULAR 1h PER f%u TOTALS PER f%u DISTINCT USERS 24h"),
    "DEFINE SIGNAL s%u ON item WINDOWS 24h CAP 3 PER USER PER 1h TRUST user.trust POSITIVE",
    "DEFINE PROFILE p%u AS FROM all SCORE count(s%u) + coalesce(item.year, 0)",
};
static const char *const alterations[] = {
    "DROP SIGNAL s%u",
    "DROP SIGNAL s%u",
    "DROP FIELD f%u ON item",
    "DROP RELATION r%u",
    "DROP PROFILE p%u",
    "DROP EXPOSURE ON item.f%u",
    "RENAME SIGNAL s%u TO s%u",
    "RENAME FIELD f%u ON item TO f%u",
    "RENAME RELATION r%u TO r%u",
    "RENAME PROFILE p%u TO p%u",
    "RENAME SIGNAL shared TO told_on",
    "RENAME SIGNAL told_on TO shared",
    "RENAME FIELD title ON item TO headline",
    "RENAME FIELD headline ON item TO title",
    "RENAME RELATION saved TO kept",
    "RENAME RELATION kept TO saved",
};

/* Sets a number for each %u. */
static void spell(struct run *run, const char *text, char out[TEXT_BYTES])
{
    size_t used = 0;
    for (; *text && used + 1 < TEXT_BYTES; text++) {
        bool is_name = text[0] == '%';
        text += is_name;
        out[used++] = is_name ? (char)('0' + choose(&run->choices, PASSING_NAMES - 1)) : *text;
    }
    out[used] = '\0';
}

/* A signal as it is, with one more half-life or window; false: none has such. */
static bool spell_anew(struct run *run, char out[TEXT_BYTES])
{
    const struct schema *schema = schema_of(run);
    const char *clause = choose_one_in(&run->choices, 2) ? " HALF LIFE " : " WINDOWS ";
    size_t count = schema->definition_count, first = (size_t)choose(&run->choices, count - 1);
    int hours = 2 + (int)choose(&run->choices, 80);
    for (size_t i = 0; i < count; i++) {
        const struct defined *defined = &schema->definitions[(first + i) % count];
        char text[TEXT_BYTES];
        snprintf(text, sizeof text, "%.*s", (int)defined->text.bytes,
                 (const char *)defined->text.data);
        char *at = defined->kind == DEFINE_SIGNAL ? strstr(text, clause) : NULL;
        if (!at) continue;
        int bytes = snprintf(out, TEXT_BYTES, "%.*s%s%dh, %s", (int)(at - text), text, clause,
                             hours, at + strlen(clause));
        return bytes < TEXT_BYTES;
    }
    return false;
}

static void count_definition(struct run *run, const char *text, bool anew)
{
    run->counts->defined_anew += anew;
    run->counts->defined += !anew && strncmp(text, "DEFINE", 6) == 0;
    run->counts->dropped += strncmp(text, "DROP", 4) == 0;
    run->counts->renamed += strncmp(text, "RENAME", 6) == 0;
}

/* A definition, drop or rename; most that are refused name what is there already, or not there. */
static bool alter(struct run *run, bool *ended)
{
    struct database *database = run->world.database;
    bool anew = choose_one_in(&run->choices, 4);
    char *text = run->texts[run->text_count];
    if (run->text_count == TEXTS) return true;
    if (anew && !spell_anew(run, text)) return true;
    size_t kinds = sizeof passing_definitions / sizeof *passing_definitions;
    size_t changes = sizeof alterations / sizeof *alterations;
    if (!anew) {
        bool defines = choose_one_in(&run->choices, 2);
        uint64_t at = choose(&run->choices, (defines ? kinds : changes) - 1);
        spell(run, defines ? passing_definitions[at] : alterations[at], text);
    }
    simulated_clock_set(&run->world.clock, run->workload.now_ms);
    enum code code = world_define(&run->world, text);
    lsn last = wal_last(database->wal);
    if (last > run->last + 1) return violated(&run->breach, 'b', "a definition took two LSNs");
    if (last > run->last) note_given(run, last, ~(int32_t)(DEFINITIONS + run->text_count++));
    if (code == CODE_OK) count_definition(run, text, anew);
    *ended = code != CODE_INVALID && code != CODE_NOT_FOUND && ends(code);
    return true;
}

/* Reads what backfills wrote, as far as it is durable; *whole: all of it up to `to`. */
static bool read_backfills(struct run *run, lsn to)
{
    struct wal_reader *reader = NULL;
    struct error error;
    bool right = true;
    for (lsn at = 1; at <= to && right; at++) {
        struct given *given = &run->given[at];
        struct wal_entry entry;
        bool found = false;
        if (given->event != OF_A_BACKFILL || given->payload) continue;
        right = wal_reader_open(run->world.database->wal, at, &reader, &error) == CODE_OK &&
                wal_reader_next(reader, at, &entry, &found, &error) == CODE_OK && found;
        if (right) given->payload = malloc(entry.payload.bytes);
        right = right && given->payload;
        if (right) {
            memcpy(given->payload, entry.payload.data, entry.payload.bytes);
            given->bytes = entry.payload.bytes;
            given->time_ms = entry.time_ms;
        }
        wal_reader_close(reader);
    }
    return right;
}

/* A step of what is due, which writes behind the last LSN.  What an error leaves of it, recovery
 * finds; the job begins again. */
static bool backfill(struct run *run, bool *ended)
{
    struct database *database = run->world.database;
    bool more;
    simulated_clock_set(&run->world.clock, run->workload.now_ms);
    enum code code = backfill_step(database, &more, &run->world.error);
    run->counts->backfills += run->last < wal_last(database->wal);
    while (run->last < wal_last(database->wal)) {
        note_given(run, run->last + 1, OF_A_BACKFILL);
        run->counts->brought++;
    }
    /* Reading it may meet the disk's fault as well: one that fails does so once. */
    bool read = code != CODE_OK || read_backfills(run, run->last) || read_backfills(run, run->last);
    *ended = simulated_disk_has_crashed(run->world.disk);
    if (!read && !*ended)
        return violated(&run->breach, 'c', "what a backfill wrote cannot be read");
    return true;
}

/* --- Steps --- */

/* Sends new events, or one of the last ones again.  False on a violation. */
static bool send(struct run *run, bool again, bool *ended)
{
    struct write writes[BATCH];
    struct write_result results[BATCH] = {0};
    int32_t indexes[BATCH];
    lsn known[BATCH] = {0};
    size_t count = again ? 1 : 1 + (size_t)choose(&run->choices, BATCH - 1);
    uint64_t back = choose(&run->choices, 2 * WORKLOAD_RESEND_BACK);
    simulated_clock_set(&run->world.clock, run->workload.now_ms);
    if (again) {
        if (back >= run->event_count) return true;
        indexes[0] = (int32_t)(run->event_count - 1 - back);
        known[0] = run->lsns[indexes[0]];
        const struct event *event = &run->events[indexes[0]];
        if (known[0] == 0 || !event->is_unique || mentions_dropped(run, &event->change))
            return true;
    }
    for (size_t i = 0; i < count && !again; i++) {
        /* The clock stands within a batch. */
        run->workload.stands = i > 0;
        indexes[i] = (int32_t)run->event_count;
        struct event *event = &run->events[run->event_count++];
        struct change *change = &event->change;
        workload_next(&run->workload, event);
        if (choose_one_in(&run->choices, 150)) make_large(run, event);
        if (run->workload.slates && choose_one_in(&run->choices, 4)) mention_passing(run, event);
        bool of_user = change->kind == CHANGE_DELETE && change->delete.kind == ENTITY_USER;
        if (of_user && choose_one_in(&run->choices, 2)) change->kind = CHANGE_FORGET;
        if (i == 0) simulated_clock_set(&run->world.clock, run->workload.now_ms);
        run->counts->sent++;
    }
    for (size_t i = 0; i < count; i++) {
        const struct event *event = &run->events[indexes[i]];
        writes[i] = (struct write){&event->change, event->key};
    }
    enum acknowledgement acknowledgement =
        choose_one_in(&run->choices, 2) ? ACKNOWLEDGE_ACCEPTED : ACKNOWLEDGE_DURABLE;
    struct write_batch batch = {writes, count, acknowledgement, results, 0};
    enum code code = database_write(run->world.database, &batch, &run->world.error);
    for (size_t i = 0; i < count; i++) {
        if (code == CODE_OK || results[i].lsn > 0) {
            if (!note_result(run, indexes[i], known[i], &results[i])) return false;
            const struct event *event = &run->events[indexes[i]];
            run->counts->large += results[i].lsn > 0 && event->change.kind == CHANGE_PUT &&
                                  event->change.put.field_count == 1 &&
                                  event->fields[0].value.text.bytes > LARGE_BYTES / 2;
        }
    }
    run->counts->full_disks += code == CODE_NO_SPACE;
    *ended = ends(code);
    return true;
}

static lsn wal_oldest(struct run *run)
{
    struct database_status status;
    database_status(run->world.database, &status);
    return status.oldest;
}

static void checkpoint(struct run *run, bool *ended)
{
    if (choose_one_in(&run->choices, 5)) {
        struct simulated_faults faults = {
            .choices = &run->choices, .crash_at_operation = choose_between(&run->choices, 1, 5)};
        simulated_disk_set_faults(run->world.disk, &faults);
    }
    enum code code = database_checkpoint(run->world.database, &run->world.error);
    bool crashed = simulated_disk_has_crashed(run->world.disk);
    run->counts->checkpoints += code == CODE_OK;
    run->kept_from = wal_oldest(run);
    run->counts->crashes_in_checkpoint += crashed;
    run->counts->failed_checkpoints += code != CODE_OK && !crashed;
    /* A store that refused may go on, or be given up. */
    *ended = crashed || (code != CODE_OK && choose_one_in(&run->choices, 2));
}

/* What the keeper does on a database that was quiet for a while. */
static void retain(struct run *run, bool *ended)
{
    lsn oldest = wal_oldest(run);
    run->workload.now_ms += (int64_t)choose(&run->choices, 8 * DEDUPE_WINDOW_MS);
    simulated_clock_set(&run->world.clock, run->workload.now_ms);
    *ended = ends(database_retain(run->world.database, &run->world.error));
    run->counts->cut_early += !*ended && wal_oldest(run) > oldest;
    run->kept_from = wal_oldest(run);
}

static bool same_state(struct run *run);

static bool step(struct run *run, bool *ended)
{
    struct database *database = run->world.database;
    bool right = true;
    /* The seeds that catch what is wrong are of runs without these. */
    if (run->workload.slates && choose_one_in(&run->choices, 12)) {
        right = choose_one_in(&run->choices, 2) ? alter(run, ended) : backfill(run, ended);
        acknowledge(run);
        return right;
    }
    switch (choose(&run->choices, 24)) {
    default:
        right = send(run, false, ended);
        break;
    case 18:
    case 19:
        right = send(run, true, ended);
        break;
    case 20:
        *ended = ends(database_wait(database, wal_last(database->wal), &run->world.error));
        break;
    case 21:
        *ended = ends(wal_flush(database->wal, &run->world.error));
        break;
    case 22:
        if (choose_one_in(&run->choices, 3)) checkpoint(run, ended);
        if (!*ended && choose_one_in(&run->choices, 4)) retain(run, ended);
        break;
    case 24:
        if (choose_one_in(&run->choices, 8)) right = same_state(run);
        break;
    }
    acknowledge(run);
    return right;
}

static struct change definition_of(const struct run *run, int32_t index)
{
    const char *text =
        index < DEFINITIONS ? workload_definitions[index] : run->texts[index - DEFINITIONS];
    enum change_kind kind = text[0] == 'R'   ? CHANGE_RENAME
                            : text[1] == 'R' ? CHANGE_DROP
                                             : CHANGE_DEFINE;
    return (struct change){.kind = kind, .define = slice_of_text(text)};
}

/* Gives the other database what the log holds, up to what this one has applied. */
static bool fold_up_to(struct run *run, lsn applied)
{
    struct database *fold = run->fold.database;
    struct buffer payload;
    bool right = true;
    buffer_init(&payload, &run->fold.memory, CHANGE_BYTES_MAXIMUM);
    for (lsn next = database_applied(fold) + 1; next <= applied && right; next++) {
        const struct given *given = &run->given[next];
        struct change define;
        const struct change *change = &define;
        buffer_clear(&payload);
        if (given->event == OF_A_BACKFILL) {
            buffer_append(&payload, given->payload, given->bytes);
        } else if (given->event < 0) {
            define = definition_of(run, ~given->event);
        } else {
            change = &run->events[given->event].change;
        }
        if (given->event != OF_A_BACKFILL)
            right = change_encode(change, &payload, &run->fold.error) == CODE_OK;
        struct wal_entry entry = {.lsn = next,
                                  .time_ms = given->time_ms,
                                  .type = ENTRY_CHANGE,
                                  .payload = buffer_slice(&payload)};
        right = right && apply_entry(fold, &entry, &run->fold.error) == CODE_OK;
    }
    buffer_release(&payload);
    return right || violated(&run->breach, 'c', "cannot fold: %s", run->fold.error.message);
}

/* Oracles c and d. */
static bool same_state(struct run *run)
{
    uint8_t hash[32], expected[32];
    struct database *database = run->world.database;
    lsn applied = database_applied(database);
    if (!fold_up_to(run, applied)) return false;
    if (database_check(database, &run->world.error) != CODE_OK)
        return violated(&run->breach, 'd', "%s", run->world.error.message);
    if (database_state_hash(database, hash, &run->world.error) != CODE_OK ||
        database_state_hash(run->fold.database, expected, &run->fold.error) != CODE_OK)
        return violated(&run->breach, 'c', "no hash");
    if (memcmp(hash, expected, sizeof hash) == 0) return true;
    return violated(&run->breach, 'c', "the state at LSN %" PRIu64 " is not a fold of the log",
                    applied);
}

/* Oracles a and b. */
static bool check_recovered(struct run *run)
{
    struct database_status status;
    database_status(run->world.database, &status);
    run->counts->replayed += status.replayed;
    run->kept_from = status.oldest;
    if (status.applied < run->acknowledged && run->damaged) {
        run->counts->undecidable++;
        run->over = true; /* the other database cannot forget */
        if (status.torn_bytes > 0 && status.applied >= run->acknowledged_before) return true;
        return violated(&run->breach, 'f', "damage at LSN %" PRIu64 " was not told",
                        status.applied + 1);
    }
    if (status.applied < run->acknowledged) {
        return violated(&run->breach, 'a',
                        "acknowledged up to %" PRIu64 ", recovered up to %" PRIu64,
                        run->acknowledged, status.applied);
    }
    if (status.applied > run->last)
        return violated(&run->breach, 'b', "more came back than was given: %" PRIu64,
                        status.applied);
    for (lsn lost = status.applied + 1; lost <= run->last; lost++) {
        if (run->given[lost].event >= 0) run->lsns[run->given[lost].event] = 0;
        run->counts->forgotten++;
    }
    run->last = status.applied;
    run->acknowledged = status.applied;
    run->acknowledged_before = status.applied;
    run->damaged = false;
    if (!read_backfills(run, status.applied))
        return violated(&run->breach, 'c', "what a backfill wrote cannot be read");
    return same_state(run);
}

static bool crash(struct run *run)
{
    bool power = !choose_one_in(&run->choices, 3);
    size_t pending = memory_store_pending(run->world.store);
    size_t keep = (size_t)choose(&run->choices, pending);
    run->counts->crashes++;
    run->counts->power_losses += power;
    run->counts->lost_batches += pending - keep;
    return world_crash(&run->world, power ? SIMULATED_POWER : SIMULATED_PROCESS, keep,
                       &run->choices) == CODE_OK;
}

static void set_recovery_faults(struct run *run, struct simulated_faults *faults, int attempt)
{
    *faults = (struct simulated_faults){.choices = &run->choices};
    if (attempt < 4) {
        if (choose_one_in(&run->choices, 3))
            faults->crash_at_operation = choose_between(&run->choices, 1, 12);
        if (choose_one_in(&run->choices, 12)) faults->read_error_one_in = 20;
        if (choose_one_in(&run->choices, 12))
            faults->fail_at_operation = choose_between(&run->choices, 1, 12);
        if (choose_one_in(&run->choices, 20))
            faults->space_bytes = choose_between(&run->choices, 1, 24) * WAL_SEGMENT_MINIMUM_BYTES;
    }
    simulated_disk_set_faults(run->world.disk, faults);
}

/* An opening that the disk refused: the next one may do better. */
static bool may_try_again(struct run *run, const struct simulated_faults *faults, enum code code)
{
    bool fails = faults->read_error_one_in > 0 || faults->fail_at_operation > 0;
    bool refused = (code == CODE_NO_SPACE && faults->space_bytes > 0) || (code == CODE_IO && fails);
    run->counts->failed_openings += refused;
    return refused;
}

/* Opens, with crashes inside. */
static bool recover(struct run *run)
{
    for (int attempt = 0;; attempt++) {
        struct simulated_faults faults;
        set_recovery_faults(run, &faults, attempt);
        enum code code = world_open(&run->world);
        bool crashed = simulated_disk_has_crashed(run->world.disk);
        if (!crashed && may_try_again(run, &faults, code)) continue;
        if (code == CODE_CORRUPT && run->damaged) {
            run->counts->corrupt++;
            run->over = true;
            return true;
        }
        if (!crashed) {
            simulated_disk_set_faults(run->world.disk, NULL);
            if (code == CODE_OK) return check_recovered(run);
            return violated(&run->breach, 'a', "cannot open: %s", run->world.error.message);
        }
        run->counts->crashes_in_recovery++;
        if (!crash(run)) return violated(&run->breach, '-', "no memory");
    }
}

static bool define_all(struct run *run, bool *ended)
{
    struct database *database = run->world.database;
    while (database->schema->text_count < DEFINITIONS && !*ended) {
        size_t next = database->schema->text_count;
        *ended = world_define(&run->world, workload_definitions[next]) != CODE_OK;
        lsn last = wal_last(database->wal);
        if (last > run->last) note_given(run, last, ~(int32_t)next);
        acknowledge(run);
        if (last > run->last + 1) return violated(&run->breach, 'b', "a definition took two LSNs");
    }
    return true;
}

static void set_faults(struct run *run)
{
    struct choices *choices = &run->choices;
    struct simulated_faults faults = {.choices = choices};
    if (!choose_one_in(choices, 4)) {
        uint64_t most = choose_one_in(choices, 3) ? 1500 : 400;
        faults.crash_at_operation = choose_between(choices, 1, most);
    }
    if (choose_one_in(choices, 6)) faults.sync_error_one_in = choose_between(choices, 20, 200);
    if (choose_one_in(choices, 8))
        faults.space_bytes = choose_between(choices, 6, 30) * WAL_SEGMENT_MINIMUM_BYTES;
    if (choose_one_in(choices, 12)) faults.fail_at_operation = choose_between(choices, 1, 1000);
    simulated_disk_set_faults(run->world.disk, &faults);
    if (choose_one_in(choices, 2))
        memory_store_fail_at(run->world.store, choose_between(choices, 1, 6));
}

static bool end_life(struct run *run, bool ended)
{
    struct wal_stats stats;
    wal_stats(run->world.database->wal, &stats);
    run->counts->failed_logs += stats.failed && !simulated_disk_has_crashed(run->world.disk);
    if (!ended && choose_one_in(&run->choices, 4)) {
        lsn last = wal_last(run->world.database->wal);
        if (world_close(&run->world) == CODE_OK) {
            run->counts->closes++;
            run->acknowledged = last;
        }
    }
    if (!crash(run)) return violated(&run->breach, '-', "no memory");
    if (run->flips && choose_one_in(&run->choices, 6)) {
        size_t flipped = simulated_disk_flip_bits(run->world.disk, "wal/", 1, &run->choices);
        run->counts->flips += flipped;
        run->damaged = run->damaged || flipped > 0;
    }
    return true;
}

static bool live(struct run *run)
{
    bool ended = false;
    run->counts->lives++;
    if (!recover(run)) return false;
    if (run->over) return true;
    set_faults(run);
    if (!define_all(run, &ended)) return false;
    uint64_t steps = choose(&run->choices, 400);
    for (uint64_t i = 0; i < steps && !ended; i++) {
        if (run->event_count >= EVENTS || run->last + BATCH >= MAXIMUM_LSN) break;
        if (!step(run, &ended)) return false;
    }
    return end_life(run, ended);
}

static bool run_begin(struct run *run, uint64_t seed, const struct wrong *wrong,
                      struct counts *counts)
{
    memset(run, 0, sizeof *run);
    run->counts = counts;
    choices_from_seed(&run->choices, seed, NULL);
    workload_init(&run->workload, seed * 2654435761U + 1);
    counts->seeds++;
    run->flips = seed % 4 == 0;
    if (!world_init(&run->world) || !world_init(&run->fold))
        return violated(&run->breach, '-', "no world");
    run->world.options.dedupe_count = DEDUPE_COUNT;
    run->world.options.dedupe_window_ms = DEDUPE_WINDOW_MS;
    /* Beyond the window, so that nothing that must be recognised is too old for the log. */
    run->world.options.retain_log_ms = (int64_t)choose(&run->choices, 3) * DEDUPE_WINDOW_MS;
    run->world.options.retain_log_max_age_ms = 5 * DEDUPE_WINDOW_MS;
    /* The seeds that catch what is wrong are of a workload without them. */
    run->workload.slates = wrong->engine == ENGINE_MUTANT_NONE && wrong->log == WAL_MUTANT_NONE &&
                           !wrong->store_ignores_flush;
    /* Some keep the log from its beginning on, so that backfills have what to bring. */
    if (run->workload.slates && seed % 3 == 0) {
        run->world.options.retain_log_ms = (int64_t)800 * DEDUPE_WINDOW_MS;
        run->world.options.retain_log_max_age_ms = (int64_t)1000 * DEDUPE_WINDOW_MS;
    }
    /* Every other one reads most pairs back from the store. */
    if (run->workload.slates && seed % 2 == 0) run->world.options.signal_memory_bytes = 1;
    run->world.options.mutant = wrong->engine;
    run->world.options.wal_mutant = (int)wrong->log;
    memory_store_ignore_flush(run->world.store, wrong->store_ignores_flush);
    return world_open(&run->fold) == CODE_OK ||
           violated(&run->breach, '-', "%s", run->fold.error.message);
}

static bool run_seed(struct run *run, uint64_t seed, const struct wrong *wrong,
                     struct counts *counts)
{
    bool right = run_begin(run, seed, wrong, counts);
    while (right && !run->over && run->event_count < EVENTS && run->last + BATCH < MAXIMUM_LSN)
        right = live(run);
    right = right && (run->over || recover(run));
    world_release(&run->world);
    world_release(&run->fold);
    for (lsn at = 0; at < MAXIMUM_LSN; at++)
        free(run->given[at].payload);
    return right;
}

static void print_counts(const struct counts *c)
{
    printf("%" PRIu64 " seeds; %" PRIu64 " lives, %" PRIu64 " crashes (%" PRIu64
           " of power, %" PRIu64 " inside recovery, %" PRIu64 " inside a checkpoint), %" PRIu64
           " closes\n",
           c->seeds, c->lives, c->crashes, c->power_losses, c->crashes_in_recovery,
           c->crashes_in_checkpoint, c->closes);
    printf("%" PRIu64 " changes sent, %" PRIu64 " written, %" PRIu64 " refused, %" PRIu64
           " duplicates, %" PRIu64 " unacknowledged and lost, %" PRIu64 " replayed\n",
           c->sent, c->written, c->refused, c->duplicates, c->forgotten, c->replayed);
    printf("%" PRIu64 " checkpoints, %" PRIu64 " failed, %" PRIu64
           " batches of the store lost; %" PRIu64 " logs cut for their age; %" PRIu64
           " failed logs, %" PRIu64 " full disks\n",
           c->checkpoints, c->failed_checkpoints, c->lost_batches, c->cut_early, c->failed_logs,
           c->full_disks);
    printf("%" PRIu64 " changes as large as a segment, %" PRIu64 " failed openings, %" PRIu64
           " flips: %" PRIu64 " corrupt, %" PRIu64 " undecidable\n",
           c->large, c->failed_openings, c->flips, c->corrupt, c->undecidable);
    printf("%" PRIu64 " definitions among them, %" PRIu64 " anew, %" PRIu64 " drops, %" PRIu64
           " renames; %" PRIu64 " changes that mention them; %" PRIu64
           " rounds of backfills, %" PRIu64 " changes of theirs\n",
           c->defined, c->defined_anew, c->dropped, c->renamed, c->passing, c->backfills,
           c->brought);
}

static struct run run;

static void no_seed_breaks_the_promises(struct test *t)
{
    static const struct wrong nothing = {ENGINE_MUTANT_NONE, WAL_MUTANT_NONE, false};
    struct counts c = {0};
    struct seeds seeds = seeds_wanted(ROUNDS(12, 2));
    uint64_t seed, violations = 0;
    while (violations < 5 && seeds_next(&seeds, &seed)) {
        if (run_seed(&run, seed, &nothing, &c)) continue;
        fprintf(stderr, "seed %" PRIu64 ": oracle %c: %s\n", seed, run.breach.oracle,
                run.breach.why);
        violations++;
    }
    print_counts(&c);
    CHECK_EQ(violations, 0);
    CHECK(c.sent >= (c.seeds - c.corrupt - c.undecidable) * EVENTS);
    if (c.seeds < 12) return;
    CHECK(c.crashes_in_recovery > 0 && c.crashes_in_checkpoint > 0 && c.failed_checkpoints > 0);
    CHECK(c.lost_batches > 0 && c.failed_logs > 0 && c.full_disks > 0 && c.forgotten > 0);
    CHECK(c.duplicates > 0 && c.refused > 0 && c.closes > 0 && c.cut_early > 0);
    CHECK(c.large > 0 && c.failed_openings > 0 && c.flips > 0);
    CHECK(c.defined > 0 && c.defined_anew > 0 && c.dropped > 0 && c.renamed > 0);
    CHECK(c.passing > 0 && c.backfills > 0 && c.brought > 0);
}

static const struct wrong wrongs[] = {
    {ENGINE_MUTANT_FRAME_BEFORE_FLUSH, WAL_MUTANT_NONE, false},
    {ENGINE_MUTANT_NONE, WAL_MUTANT_NONE, true},
    {ENGINE_MUTANT_NONE, WAL_MUTANT_NO_DATA_SYNC, false},
    {ENGINE_MUTANT_NONE, WAL_MUTANT_NO_DIRECTORY_SYNC, false},
    {ENGINE_MUTANT_NONE, WAL_MUTANT_TAIL_NOT_REWRITTEN, false},
    {ENGINE_MUTANT_NONE, WAL_MUTANT_TAIL_RETIMED, false},
    {ENGINE_MUTANT_NONE, WAL_MUTANT_DURABLE_MARK_IGNORED, false},
    {ENGINE_MUTANT_NONE, WAL_MUTANT_DEDUPE_FORGOTTEN, false},
};

static bool run_mutant(size_t index, uint64_t seed, struct breach *breach)
{
    struct counts counts = {0};
    bool right = run_seed(&run, seed, &wrongs[index], &counts);
    *breach = run.breach;
    return right;
}

static void every_wrong_engine_is_caught(struct test *t)
{
    static const struct mutant_proof proofs[] = {
        {"frame before flush", 'a', 1},     {"store ignores flush", 'a', 1},
        {"no data sync", 'a', 1},           {"no directory sync", 'a', 1},
        {"tail not rewritten", 'a', 2},     {"tail with a new time", 'c', 1},
        {"durable mark ignored", 'f', 252}, {"dedupe window forgotten", 'e', 1},
    };
    check_mutants(t, proofs, sizeof proofs / sizeof *proofs, "acef", run_mutant);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(no_seed_breaks_the_promises), CASE(every_wrong_engine_is_caught));
}
