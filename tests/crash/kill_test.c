/* A process that writes is killed, again and again; what it was told stays, once.
 *
 * A round: a child process opens the database and writes events from four threads, singly and in
 * batches, with small segments and checkpoints, so that it is often in the middle of recovery, a
 * group commit, a checkpoint or the removal of a segment.  It tells through a pipe what it is about
 * to send, and what was acknowledged.  SIGKILL ends it at a moment that the seed says.  Then the
 * database is opened here:
 *
 *   a. every acknowledged event is there, those sent and not acknowledged may be;
 *   b. none is there twice, and nothing else is: events present = entries applied;
 *   c. what it was AS OF an LSN that is kept, a base's or a later one, is what it was;
 *   d. each event in flight is sent again: new if it was absent, a duplicate if it was present.
 *
 * After the last round the state equals that of a database in memory to which the same events were
 * written in the order of the log.  TIDAL_KILL_ROUNDS sets the number of rounds, TIDAL_SEED the
 * seed.  What a power loss would take is states_test.c's business. */
#include "crash/workload.h"
#include "harness/folder.h"
#include "harness/test.h"
#include "os/clock.h"
#include "os/threads.h"
#include "wal/wal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITER_MODE  "--writer"
#define THIS_PROGRAM "/proc/self/exe"

enum {
    ROUNDS = WORKLOAD_SANITIZED ? 15 : 50,
    MUTANT_ROUNDS = 200, /* at most: it is caught by the first event that had survived its writer */
    WRITERS = 4,
    LIFE_EVENTS = 400,     /* then the child waits for its end */
    DEDUPE_EVENTS = 500,   /* more than a life writes, so a resend is always recognised */
    RETAIN_LIVES = 8,      /* the log of so many, for AS OF; a base in each */
    NUMBERS = 1000 * 1000, /* of events, over all rounds */
    SILENCE_MS = 60000     /* a child that says nothing for so long has hung */
};

enum told { TOLD_SENDING, TOLD_ACKNOWLEDGED };

struct message {
    uint64_t number;
    uint64_t lsn;
    uint64_t told;
};

static struct database_options options_of(const char *path, int64_t *now_ms)
{
    /* In every other life the ledger keeps in memory only what a checkpoint has yet to write. */
    size_t budget_bytes = *now_ms / WORKLOAD_LIFE_MS % 2 ? 1 : 0;
    return (struct database_options){.path = path,
                                     .signal_memory_bytes = budget_bytes,
                                     .segment_bytes = WAL_SEGMENT_MINIMUM_BYTES,
                                     .dedupe_count = DEDUPE_EVENTS,
                                     .checkpoint_log_bytes = 24 << 10,
                                     .retain_log_ms = RETAIN_LIVES * WORKLOAD_LIFE_MS,
                                     .clock_ms = workload_clock,
                                     .clock_context = now_ms};
}

/* --- The child --- */

struct writer {
    struct database *database;
    struct workload workload;
    _Atomic uint64_t next;
    uint64_t end;
    uint64_t seed;
};

struct writer_thread {
    struct thread thread;
    struct writer *writer;
    unsigned index;
};

/* One write() of at most PIPE_BUF bytes: whole, or not at all. */
static void tell(enum told told, const uint64_t *numbers, const struct write_result *results,
                 size_t count)
{
    struct message messages[WORKLOAD_BATCH];
    for (size_t i = 0; i < count; i++)
        messages[i] = (struct message){numbers[i], results ? results[i].lsn : 0, told};
    if (write(STDOUT_FILENO, messages, count * sizeof *messages) < 0) _exit(4);
}

/* Numbers that nobody sent before; 0 at the end of this life's. */
static size_t take_numbers(struct writer *writer, uint64_t wanted, uint64_t *numbers)
{
    uint64_t first = atomic_fetch_add(&writer->next, wanted);
    if (first + wanted > writer->end) return 0;
    for (uint64_t i = 0; i < wanted; i++)
        numbers[i] = first + i;
    return wanted;
}

/* Sends one batch; every third one of the last thread is accepted first and awaited after. */
static bool send_batch(struct writer_thread *thread, struct choices *choices)
{
    struct writer *writer = thread->writer;
    uint64_t numbers[WORKLOAD_BATCH];
    struct write_result results[WORKLOAD_BATCH];
    struct error error;
    uint64_t wanted = choose_one_in(choices, 3) ? choose_between(choices, 2, 16) : 1;
    bool accepted = thread->index == WRITERS - 1 && choose_one_in(choices, 3);
    size_t count = take_numbers(writer, wanted, numbers);
    if (count == 0) return false;

    tell(TOLD_SENDING, numbers, NULL, count);
    if (!workload_write(&writer->workload, writer->database, numbers, count,
                        accepted ? ACKNOWLEDGE_ACCEPTED : ACKNOWLEDGE_DURABLE, results))
        _exit(5);
    for (size_t i = 0; i < count; i++)
        if (results[i].code != CODE_OK) _exit(6);
    if (accepted && database_wait(writer->database, results[count - 1].lsn, &error) != CODE_OK)
        _exit(7);
    tell(TOLD_ACKNOWLEDGED, numbers, results, count);
    return true;
}

static void write_events(void *argument)
{
    struct writer_thread *thread = argument;
    struct choices choices;
    choices_from_seed(&choices, thread->writer->seed * WRITERS + thread->index, NULL);
    while (send_batch(thread, &choices)) {
    }
}

/* --writer PATH FIRST-NUMBER LIFE SEED: writes until it is killed. */
static int writer_main(char **arguments)
{
    static struct writer writer;
    static struct writer_thread threads[WRITERS];
    struct error error = {0};
    writer.next = strtoull(arguments[1], NULL, 10);
    writer.end = writer.next + LIFE_EVENTS;
    writer.seed = strtoull(arguments[3], NULL, 10);
    int64_t now_ms = workload_life_ms((uint32_t)strtoul(arguments[2], NULL, 10));
    struct database_options options = options_of(arguments[0], &now_ms);
    if (database_open(&options, &writer.database, &error) != CODE_OK) {
        fprintf(stderr, "the writer cannot open: %s\n", error.message);
        return 2;
    }
    if (!workload_find(&writer.workload, writer.database)) return 3;
    for (unsigned i = 0; i < WRITERS; i++) {
        threads[i].writer = &writer;
        threads[i].index = i;
        if (thread_start(&threads[i].thread, "writer", write_events, &threads[i], &error)) return 3;
    }
    for (;;)
        thread_sleep_ns(INT64_C(1000000000));
}

/* --- The parent --- */

enum fate { FATE_UNSENT, FATE_IN_FLIGHT, FATE_THERE };

struct counts {
    uint64_t rounds, killed_opening, acknowledged, in_flight, survived, resent, replayed;
    uint64_t checkpoints_moved, segments_moved, torn_bytes, pasts;
};

struct run {
    struct folder folder;
    struct database *database;
    struct workload workload;
    struct sequence sequence;
    struct counts counts;
    struct choices choices;
    enum wal_mutant mutant; /* of the log that resends are judged by */
    int64_t now_ms;
    uint64_t next; /* no number from here on was sent */
    uint64_t there_count;
    lsn checkpoint, oldest; /* of the last round */
    char why[300];
    uint8_t fates[NUMBERS]; /* enum fate, of event WORKLOAD_FIRST_EVENT + i */
};

#define VIOLATED(run, ...) (snprintf((run)->why, sizeof(run)->why, __VA_ARGS__), false)

static bool open_database(struct run *run, uint32_t life)
{
    struct error error = {0};
    run->now_ms = workload_life_ms(life);
    struct database_options options = options_of(run->folder.path, &run->now_ms);
    options.wal_mutant = (int)run->mutant;
    if (database_open(&options, &run->database, &error) == CODE_OK) return true;
    return VIOLATED(run, "it does not open: %s", error.message);
}

static bool define_all(struct run *run)
{
    struct error error = {0};
    for (uint64_t i = 0; i < WORKLOAD_DEFINITIONS; i++) {
        lsn given;
        if (database_define(run->database, text_slice(workload_definitions[i]), &given, &error) !=
            CODE_OK)
            return VIOLATED(run, "%s: %s", workload_definitions[i], error.message);
        (void)sequence_note(&run->sequence, given, i, 0);
    }
    return workload_find(&run->workload, run->database);
}

static bool hear(struct run *run, const struct message *message, uint32_t life)
{
    if (message->number >= WORKLOAD_FIRST_EVENT + NUMBERS)
        return VIOLATED(run, "there are no numbers left for so many rounds");
    uint8_t *fate = &run->fates[message->number - WORKLOAD_FIRST_EVENT];
    if (message->number >= run->next) run->next = message->number + 1;
    if (message->told == TOLD_SENDING) {
        *fate = FATE_IN_FLIGHT;
        return true;
    }
    *fate = FATE_THERE;
    run->there_count++;
    run->counts.acknowledged++;
    if (sequence_note(&run->sequence, message->lsn, message->number, life)) return true;
    return VIOLATED(run, "LSN %" PRIu64 " was given twice", message->lsn);
}

static int64_t monotonic_ms(void)
{
    return clock_monotonic_ns(clock_system()) / 1000000;
}

/* Reads messages until `deadline_ms`, the first message (if `until_first`), or the end. */
static bool listen(struct run *run, int pipe_end, uint32_t life, int64_t deadline_ms,
                   bool until_first)
{
    static struct message messages[512];
    static size_t bytes;
    for (;;) {
        int64_t left_ms = deadline_ms - monotonic_ms();
        struct pollfd poll_end = {.fd = pipe_end, .events = POLLIN};
        if (left_ms <= 0) return true;
        if (poll(&poll_end, 1, (int)left_ms) <= 0) continue;
        ssize_t got = read(pipe_end, (char *)messages + bytes, sizeof messages - bytes);
        if (got <= 0) return bytes == 0 || VIOLATED(run, "half a message came through the pipe");
        bytes += (size_t)got;
        size_t count = bytes / sizeof *messages;
        for (size_t i = 0; i < count; i++)
            if (!hear(run, &messages[i], life)) return false;
        bytes -= count * sizeof *messages;
        memmove(messages, messages + count, bytes);
        if (until_first && count > 0) return true;
    }
}

static pid_t start_writer(struct run *run, uint32_t life, int *pipe_end)
{
    char first[32], life_text[32], seed[32];
    int ends[2];
    snprintf(first, sizeof first, "%" PRIu64, run->next);
    snprintf(life_text, sizeof life_text, "%" PRIu32, life);
    snprintf(seed, sizeof seed, "%" PRIu64, choose(&run->choices, UINT32_MAX));
    if (pipe(ends) != 0) return -1;
    pid_t child = fork();
    if (child == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)close(ends[0]);
        (void)close(ends[1]);
        execl(THIS_PROGRAM, THIS_PROGRAM, WRITER_MODE, run->folder.path, first, life_text, seed,
              (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    *pipe_end = ends[0];
    return child;
}

/* Lets a child write and kills it: one time in five within its opening. */
static bool write_and_kill(struct run *run, uint32_t life)
{
    int pipe_end = -1, status = 0;
    bool opening = choose_one_in(&run->choices, 5), well;
    int64_t delay_ms = (int64_t)choose(&run->choices, opening ? 60 : 150);
    uint64_t before = run->next;
    pid_t child = start_writer(run, life, &pipe_end);
    if (child < 0) return VIOLATED(run, "no child: %s", strerror(errno));
    well = opening || listen(run, pipe_end, life, monotonic_ms() + SILENCE_MS, true);
    if (well) well = listen(run, pipe_end, life, monotonic_ms() + delay_ms, false);
    (void)kill(child, SIGKILL);
    if (well) well = listen(run, pipe_end, life, monotonic_ms() + SILENCE_MS, false);
    (void)close(pipe_end);
    (void)waitpid(child, &status, 0);
    run->counts.killed_opening += run->next == before;
    if (!well) return false;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return true;
    return VIOLATED(run, "the writer ended by itself, status %x", (unsigned)status);
}

/* How often the view has event `number`.  Hot views are counted together, in hot_views_right. */
static int64_t times_present(const struct run *run, const struct view *view, uint64_t number)
{
    const struct workload *workload = &run->workload;
    entity_id id = number % 16 == 1 ? WORKLOAD_GONE_ITEM + number + 80 : number;
    ordinal item = entities_find(view->entities, ENTITY_ITEM, id);
    switch (workload_kind(number)) {
    case EVENT_RELATE: {
        ordinal to = entities_find(view->entities, ENTITY_CREATOR, number);
        ordinal from = entities_find(view->entities, ENTITY_USER, 1 + number % WORKLOAD_USERS);
        if (from == ORDINAL_NONE || to == ORDINAL_NONE) return 0;
        const struct edge *edge = edges_find(view->edges, workload->follows, from, to);
        return edge && edge->weight == (float)workload_value(number);
    }
    case EVENT_PUT:
        return item != ORDINAL_NONE;
    case EVENT_LIKE:
        if (item == ORDINAL_NONE) return 0;
        return ledger_entity_totals(view->ledger, workload->like, item).count;
    default:
        if (item == ORDINAL_NONE) return 0;
        return ledger_entity_totals(view->ledger, workload->view, item).count;
    }
}

struct hot {
    int64_t low[WORKLOAD_HOT_ITEMS], high[WORKLOAD_HOT_ITEMS]; /* events that must, that may be */
    double low_sum[WORKLOAD_HOT_ITEMS], high_sum[WORKLOAD_HOT_ITEMS];
};

static void hot_add(struct hot *hot, uint64_t number, bool must)
{
    size_t index = number % WORKLOAD_HOT_ITEMS;
    double value = (double)workload_value(number);
    hot->high[index]++;
    hot->high_sum[index] += value;
    if (!must) return;
    hot->low[index]++;
    hot->low_sum[index] += value;
}

/* *count is given the hot views that are there. */
static bool hot_views_right(struct run *run, const struct view *view, const struct hot *hot,
                            uint64_t *count)
{
    *count = 0;
    for (entity_id id = 1; id <= WORKLOAD_HOT_ITEMS; id++) {
        ordinal item = entities_find(view->entities, ENTITY_ITEM, id);
        size_t index = id - 1;
        struct ledger_totals totals = {0};
        if (item != ORDINAL_NONE)
            totals = ledger_entity_totals(view->ledger, run->workload.view, item);
        *count += (uint64_t)totals.count;
        bool right = totals.count >= hot->low[index] && totals.count <= hot->high[index] &&
                     totals.sum >= hot->low_sum[index] && totals.sum <= hot->high_sum[index];
        if (!right) {
            return VIOLATED(run,
                            "item %" PRIu64 " has %" PRId64 " views, want %" PRId64 " to %" PRId64,
                            id, totals.count, hot->low[index], hot->high[index]);
        }
    }
    return true;
}

/* Checks a and b over everything ever sent. */
static bool contents_right(struct run *run, const struct view *view)
{
    static struct hot hot;
    uint64_t present = 0, hot_present;
    hot = (struct hot){0};
    for (uint64_t number = WORKLOAD_FIRST_EVENT; number < run->next; number++) {
        uint8_t fate = run->fates[number - WORKLOAD_FIRST_EVENT];
        if (workload_kind(number) == EVENT_HOT_VIEW) {
            if (fate != FATE_UNSENT) hot_add(&hot, number, fate == FATE_THERE);
            continue;
        }
        int64_t times = times_present(run, view, number);
        if (times > 1) return VIOLATED(run, "event %" PRIu64 " is there twice", number);
        if (times == 0 && fate == FATE_THERE)
            return VIOLATED(run, "event %" PRIu64 " was acknowledged and is lost", number);
        if (times == 1 && fate == FATE_UNSENT)
            return VIOLATED(run, "event %" PRIu64 " was never sent", number);
        present += (uint64_t)times;
    }
    if (!hot_views_right(run, view, &hot, &hot_present)) return false;
    if (present + hot_present + WORKLOAD_DEFINITIONS == view->lsn) return true;
    return VIOLATED(run, "%" PRIu64 " events are there, and %" PRIu64 " entries were applied",
                    present + hot_present, view->lsn - WORKLOAD_DEFINITIONS);
}

static bool check_contents(struct run *run)
{
    struct view view;
    struct error error = {0};
    if (database_read_begin(run->database, &view, &error) != CODE_OK)
        return VIOLATED(run, "no view: %s", error.message);
    bool right = contents_right(run, &view);
    database_read_end(run->database);
    if (!right) return false;
    if (database_check(run->database, &error) == CODE_OK) return true;
    return VIOLATED(run, "%s", error.message);
}

/* c.  The order of the log is known by now. */
static bool check_past(struct run *run)
{
    struct database_status status;
    struct error error = {0};
    lsn oldest, newest;
    database_status(run->database, &status);
    if (!past_bases(run->database, &oldest, &newest))
        return VIOLATED(run, "its bases cannot be listed");
    if (oldest == 0) return true;
    lsn wanted[] = {oldest, newest, choose_between(&run->choices, oldest, status.applied)};
    size_t which = (size_t)choose(&run->choices, 2);
    if (!past_right(run->database, &run->sequence, wanted[which], &error))
        return VIOLATED(run, "AS OF LSN %" PRIu64 ": %s", wanted[which], error.message);
    run->counts.pasts++;
    return true;
}

/* d.  An event that was there before keeps its LSN, a new one gets the next. */
static bool resend_one(struct run *run, uint64_t number, uint32_t life)
{
    struct write_result result;
    struct database_status before;
    database_status(run->database, &before);
    if (!workload_write(&run->workload, run->database, &number, 1, ACKNOWLEDGE_DURABLE, &result))
        return VIOLATED(run, "event %" PRIu64 " was refused", number);
    bool repeated = result.code == CODE_DUPLICATE;
    bool right = repeated ? result.lsn <= before.applied : result.lsn == before.applied + 1;
    if (!right || !sequence_note(&run->sequence, result.lsn, number, repeated ? life : life + 1))
        return VIOLATED(run, "event %" PRIu64 " got LSN %" PRIu64, number, result.lsn);
    run->counts.survived += repeated;
    run->counts.resent++;
    run->there_count++;
    run->fates[number - WORKLOAD_FIRST_EVENT] = FATE_THERE;
    return true;
}

static bool resend_in_flight(struct run *run, uint64_t first, uint32_t life)
{
    for (uint64_t number = first; number < run->next; number++) {
        if (run->fates[number - WORKLOAD_FIRST_EVENT] != FATE_IN_FLIGHT) continue;
        run->counts.in_flight++;
        if (!resend_one(run, number, life)) return false;
    }
    struct database_status status;
    database_status(run->database, &status);
    lsn gap = sequence_gap(&run->sequence);
    if (gap == status.applied + 1 && status.applied == run->there_count + WORKLOAD_DEFINITIONS)
        return true;
    return VIOLATED(run, "nobody sent what is at LSN %" PRIu64, gap);
}

static void note_status(struct run *run)
{
    struct database_status status;
    database_status(run->database, &status);
    run->counts.replayed += status.replayed;
    run->counts.torn_bytes += status.torn_bytes;
    run->counts.checkpoints_moved += status.checkpoint > run->checkpoint;
    run->counts.segments_moved += status.oldest > run->oldest;
    run->checkpoint = status.checkpoint;
    run->oldest = status.oldest;
}

/* Half of the rounds end without a checkpoint, so that the next child has a log to replay. */
static bool end_round(struct run *run)
{
    struct error error = {0};
    struct database *database = run->database;
    run->database = NULL;
    if (choose_one_in(&run->choices, 2)) {
        database_abandon(database);
        return true;
    }
    if (database_close(database, &error) == CODE_OK) return true;
    return VIOLATED(run, "it does not close: %s", error.message);
}

static bool one_round(struct run *run, uint32_t round)
{
    uint32_t life = 1 + 2 * round;
    uint64_t first = run->next;
    if (!write_and_kill(run, life)) return false;
    if (!open_database(run, life + 1)) return false;
    note_status(run);
    if (!check_contents(run) || !resend_in_flight(run, first, life) || !check_contents(run))
        return false;
    if (!check_past(run)) return false;
    run->counts.rounds++;
    return end_round(run);
}

static bool equals_oracle(struct run *run)
{
    uint8_t ours[32], theirs[32];
    struct oracle oracle;
    struct error error;
    if (!open_database(run, 2 * (uint32_t)run->counts.rounds)) return false;
    bool right = oracle_open(&oracle) &&
                 oracle_extend(&oracle, &run->sequence, run->sequence.count) &&
                 oracle_hash(&oracle, theirs) &&
                 database_state_hash(run->database, ours, &error) == CODE_OK &&
                 memcmp(ours, theirs, sizeof ours) == 0;
    oracle_close(&oracle);
    return right || VIOLATED(run, "the state is not that of the same events written in memory");
}

static void print_counts(const struct run *run)
{
    const struct counts *counts = &run->counts;
    printf("%" PRIu64 " kills (%" PRIu64 " before anything was sent), %" PRIu64
           " events acknowledged, %" PRIu64 " in flight: %" PRIu64
           " had survived, all were resent; "
           "%" PRIu64 " entries replayed, %" PRIu64 " torn bytes; the checkpoint moved in %" PRIu64
           " rounds, the oldest segment in %" PRIu64 "; "
           "%" PRIu64 " times it was asked AS OF\n",
           counts->rounds, counts->killed_opening, counts->acknowledged, counts->in_flight,
           counts->survived, counts->replayed, counts->torn_bytes, counts->checkpoints_moved,
           counts->segments_moved, counts->pasts);
}

static uint64_t setting(const char *name, uint64_t absent)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : absent;
}

/* Runs rounds until one fails; false, with the reason, then. */
static bool run_rounds(struct run *run, uint32_t rounds, uint64_t seed)
{
    choices_from_seed(&run->choices, seed, NULL);
    run->next = WORKLOAD_FIRST_EVENT;
    bool well =
        folder_make(&run->folder) && open_database(run, 0) && define_all(run) && end_round(run);
    for (uint32_t round = 0; round < rounds && well; round++)
        well = one_round(run, round);
    return well;
}

static bool has_met_all(const struct run *run)
{
    return run->counts.checkpoints_moved > 0 && run->counts.segments_moved > 0 &&
           run->counts.pasts > 0;
}

/* More rounds, where so little was written in those that they did not meet all: the slower the
 * machine, the more it takes.  False if one fails. */
static bool run_on(struct run *run, uint32_t most)
{
    bool well = true;
    while (well && !has_met_all(run) && run->counts.rounds < most)
        well = one_round(run, (uint32_t)run->counts.rounds);
    return well;
}

static void run_release(struct run *run)
{
    database_abandon(run->database);
    run->database = NULL;
    sequence_release(&run->sequence);
    folder_remove(&run->folder);
}

static void what_was_acknowledged_survives_sigkill_once(struct test *t)
{
    static struct run run;
    uint64_t seed = setting("TIDAL_SEED", 1);
    uint32_t rounds = (uint32_t)setting("TIDAL_KILL_ROUNDS", ROUNDS);
    bool well = run_rounds(&run, rounds, seed) && run_on(&run, 10 * rounds) && equals_oracle(&run);
    printf("seed %" PRIu64 ": ", seed);
    print_counts(&run);
    if (!well) fprintf(stderr, "seed %" PRIu64 ": %s\n", seed, run.why);
    bool met_all = has_met_all(&run);
    run_release(&run);
    CHECK(well);
    CHECK(met_all);
}

/* The proof that this file can fail. */
static void a_log_that_forgets_what_it_has_seen_is_caught(struct test *t)
{
    static struct run run = {.mutant = WAL_MUTANT_DEDUPE_FORGOTTEN};
    bool well = run_rounds(&run, MUTANT_ROUNDS, setting("TIDAL_SEED", 1));
    printf("caught in round %" PRIu64 ": %s\n", run.counts.rounds, run.why);
    run_release(&run);
    CHECK(!well);
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], WRITER_MODE) == 0) return writer_main(argv + 2);
    return RUN(argc, argv, CASE(what_was_acknowledged_survives_sigkill_once),
               CASE(a_log_that_forgets_what_it_has_seen_is_caught));
}
