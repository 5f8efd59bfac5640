/* Power losses of a real process: its file operations are recorded (recorder.c, session.h), the
 * directories that a power loss may leave are built from the trace (crash_states.h), and each is
 * opened.
 *
 * The recorded processes are the library with RocksDB and its threads, small segments and frequent
 * checkpoints.  Three of them live on one directory, one after the other, for two lives each: the
 * first life ends without closing, the second with the death of the process while it writes, so
 * that the trace has recoveries, also of what only the page cache had.  The order of the log is
 * known from what they were told, and from reading what they left.  In every state, cut at any
 * operation:
 *
 *   a. the database opens;
 *   b. it holds a prefix of the log, and at least what was acknowledged before the cut;
 *   c. its state is, to the bit, that of a database in memory to which this prefix was written;
 *   d. (one state in four) what is sent again is a duplicate, a new event gets the next LSN, and
 *      after closing and opening the state is the same;
 *   e. (another one in four) opening it read-only first shows the same;
 *   f. (another one in four) AS OF its bases, and a later LSN, it is the state of that prefix.
 *
 * Then the same a level deeper: the recovery of some crash states is itself recorded and cut, and
 * what it showed must be there again.  Then processes that are wrong on purpose, which must be
 * caught.  TIDAL_CRASH_STATES sets the number of states (default 500, under a sanitizer 100),
 * TIDAL_SEED the first. */
#include "crash/session.h"
#include "harness/test.h"

#include <sys/mman.h>

enum {
    CHECK_LIFE = 20, /* the clock of who opens a crash state */
    PROCESSES = 2,
    DEFAULT_STATES = WORKLOAD_SANITIZED ? 100 : 500,
    MUTANT_RUNS = 50, /* at most, each of other threads: not every run shows every fault */
    MUTANT_STATES = 100,
    BASES = 10,
    FRESH_EVENT = 900000 /* a number that no recorded process sent */
};

/* Shared with the processes that check. */
struct results {
    _Atomic uint64_t checked, violations, continued, read_only, replayed, torn_bytes, fresh, behind;
    _Atomic uint64_t pasts;
    _Atomic uint64_t first_violation; /* how many states it took, from 1; 0: none */
};

static uint64_t setting(const char *name, uint64_t absent)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : absent;
}

/* --- Checking one state --- */

struct checker {
    const struct session *session;
    struct results *results;
    struct folder folder;
    char path[300];
    struct oracle oracle;
    struct database *database;
    struct workload workload;
    int64_t now_ms;
    lsn read_only_lsn; /* what a read-only opening showed before; 0: nothing */
    char why[400];
};

#define VIOLATED(checker, ...) (snprintf((checker)->why, sizeof(checker)->why, __VA_ARGS__), false)

static bool open_state(struct checker *checker, bool read_only)
{
    struct error error = {0};
    checker->now_ms = workload_life_ms(CHECK_LIFE);
    struct database_options options = options_of(checker->path, &checker->now_ms);
    options.read_only = read_only;
    if (database_open(&options, &checker->database, &error) == CODE_OK) return true;
    return VIOLATED(checker, "it does not open: %s (%s)", error.message, code_name(error.code));
}

/* c. */
static bool equals_oracle(struct checker *checker, lsn applied)
{
    struct oracle *oracle = &checker->oracle;
    uint8_t ours[32], theirs[32];
    struct error error = {0};
    if (oracle->database && oracle->applied > applied) oracle_close(oracle);
    if (!oracle->database && !oracle_open(oracle)) return VIOLATED(checker, "there is no oracle");
    if (!oracle_extend(oracle, &checker->session->sequence, applied) ||
        !oracle_hash(oracle, theirs))
        return VIOLATED(checker, "the oracle failed");
    if (database_state_hash(checker->database, ours, &error) != CODE_OK ||
        database_check(checker->database, &error) != CODE_OK)
        return VIOLATED(checker, "%s", error.message);
    if (memcmp(ours, theirs, sizeof ours) == 0) return true;
    return VIOLATED(checker, "the state is not that of the log up to LSN %" PRIu64, applied);
}

/* The newest events, a few of them, must be known. */
static bool resend(struct checker *checker, lsn applied)
{
    for (lsn at = applied; at > WORKLOAD_DEFINITIONS && at + 4 > applied; at--) {
        uint64_t number = checker->session->sequence.entries[at - 1].number;
        struct write_result result = {0};
        if (!workload_write(&checker->workload, checker->database, &number, 1, ACKNOWLEDGE_DURABLE,
                            &result))
            return VIOLATED(checker, "the event of LSN %" PRIu64 " was refused", at);
        if (result.code != CODE_DUPLICATE || result.lsn != at)
            return VIOLATED(checker, "the event of LSN %" PRIu64 " was taken again", at);
    }
    return true;
}

/* d. */
static bool continues(struct checker *checker, lsn applied)
{
    uint8_t before[32], after[32];
    uint64_t number = FRESH_EVENT;
    struct write_result result = {0};
    struct error error = {0};
    if (!workload_find(&checker->workload, checker->database))
        return VIOLATED(checker, "the schema is not there");
    if (!resend(checker, applied)) return false;
    if (!workload_write(&checker->workload, checker->database, &number, 1, ACKNOWLEDGE_DURABLE,
                        &result) ||
        result.lsn != applied + 1)
        return VIOLATED(checker, "a new event got LSN %" PRIu64 ", want %" PRIu64, result.lsn,
                        applied + 1);
    if (database_state_hash(checker->database, before, &error) != CODE_OK) return false;
    struct database *database = checker->database;
    checker->database = NULL;
    if (database_close(database, &error) != CODE_OK)
        return VIOLATED(checker, "it does not close: %s", error.message);
    if (!open_state(checker, false)) return false;
    if (database_state_hash(checker->database, after, &error) != CODE_OK) return false;
    atomic_fetch_add(&checker->results->continued, 1);
    return memcmp(before, after, sizeof before) == 0 ||
           VIOLATED(checker, "the state changed over closing and opening");
}

/* e.  A state of which nothing was promised may be no database yet. */
static bool reads_alone(struct checker *checker, lsn floor)
{
    struct database_status status;
    if (!open_state(checker, true)) return floor == 0;
    database_status(checker->database, &status);
    database_abandon(checker->database);
    checker->database = NULL;
    checker->read_only_lsn = status.applied;
    atomic_fetch_add(&checker->results->read_only, 1);
    return true;
}

/* f. */
static bool past_holds(struct checker *checker, lsn applied, uint64_t seed)
{
    struct error error = {0};
    lsn oldest, newest;
    if (!past_bases(checker->database, &oldest, &newest))
        return VIOLATED(checker, "its bases cannot be listed");
    if (oldest == 0) return true;
    lsn wanted[] = {oldest, newest, oldest + seed % (applied - oldest + 1)};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (!past_right(checker->database, &checker->session->sequence, wanted[i], &error))
            return VIOLATED(checker, "AS OF LSN %" PRIu64 ": %s", wanted[i], error.message);
    }
    atomic_fetch_add(&checker->results->pasts, 1);
    return true;
}

static void note_status(struct results *results, const struct database_status *status, lsn floor)
{
    atomic_fetch_add(&results->replayed, status->replayed);
    atomic_fetch_add(&results->torn_bytes, status->torn_bytes);
    atomic_fetch_add(&results->fresh, status->applied == 0);
    atomic_fetch_add(&results->behind, status->applied > floor);
}

static bool state_right(struct checker *checker, const struct crash *crash)
{
    const struct session *session = checker->session;
    struct database_status status;
    lsn floor = session_promised(session, crash->cut);
    if (!crash_build(&session->trace, crash, checker->path))
        return VIOLATED(checker, "it cannot be built");
    checker->read_only_lsn = 0;
    if (crash->seed % 4 == 1 && !reads_alone(checker, floor)) return false;
    if (!open_state(checker, false)) return false;
    database_status(checker->database, &status);
    if (checker->read_only_lsn > 0 && checker->read_only_lsn != status.applied) {
        return VIOLATED(checker, "read-only it showed LSN %" PRIu64 ", then %" PRIu64,
                        checker->read_only_lsn, status.applied);
    }
    note_status(checker->results, &status, floor);
    if (status.applied < floor) {
        return VIOLATED(checker, "LSN %" PRIu64 " was acknowledged, the log ends at %" PRIu64,
                        floor, status.applied);
    }
    if (status.applied > session->sequence.count)
        return VIOLATED(checker, "nobody wrote LSN %" PRIu64, status.applied);
    if (!equals_oracle(checker, status.applied)) return false;
    if (crash->seed % 4 == 2 && !past_holds(checker, status.applied, crash->seed)) return false;
    bool deeper = crash->seed % 4 == 0 && status.applied > WORKLOAD_DEFINITIONS;
    return !deeper || continues(checker, status.applied);
}

static bool check_state(struct checker *checker, const struct crash *crash)
{
    struct folder state;
    bool right = state_right(checker, crash);
    database_abandon(checker->database);
    checker->database = NULL;
    snprintf(state.path, sizeof state.path, "%.255s", checker->path);
    folder_remove(&state);
    return right;
}

/* TIDAL_CRASH_KEEP=FOLDER: states that were wrong are built there again. */
static void keep_state(const struct checker *checker, const struct crash *crash)
{
    char path[300];
    const char *folder = getenv("TIDAL_CRASH_KEEP");
    if (!folder) return;
    snprintf(path, sizeof path, "%s/state-%" PRIu64, folder, crash->seed);
    (void)crash_build(&checker->session->trace, crash, path);
}

/* --- Checking many --- */

struct campaign {
    const struct session *session;
    struct results *results;
    uint64_t first_seed;
    size_t states;
    bool stops_at_violation; /* and says nothing */
};

static int by_cut(const void *a, const void *b)
{
    const struct crash *left = a, *right = b;
    return (left->cut > right->cut) - (left->cut < right->cut);
}

/* In a process of its own: the states of one share, by cut, so that the oracle goes forward. */
static void check_share(const struct campaign *campaign, size_t share)
{
    struct checker checker = {.session = campaign->session, .results = campaign->results};
    struct crash *crashes = calloc(campaign->states, sizeof *crashes);
    size_t count = 0;
    if (!crashes || !make_folder(&checker.folder)) _exit(1);
    snprintf(checker.path, sizeof checker.path, "%s/state", checker.folder.path);
    for (size_t i = share; i < campaign->states; i += PROCESSES)
        crashes[count++] = crash_from_seed(&campaign->session->trace, campaign->first_seed + i);
    if (!campaign->stops_at_violation) qsort(crashes, count, sizeof *crashes, by_cut);
    for (size_t i = 0; i < count; i++) {
        struct results *results = campaign->results;
        bool right = check_state(&checker, &crashes[i]);
        uint64_t checked = atomic_fetch_add(&results->checked, 1) + 1, none = 0;
        if (right) continue;
        atomic_fetch_add(&results->violations, 1);
        (void)atomic_compare_exchange_strong(&results->first_violation, &none, checked);
        if (campaign->stops_at_violation) {
            if (none == 0) printf("  caught by state %" PRIu64 ": %s\n", checked, checker.why);
            fflush(stdout);
            break;
        }
        keep_state(&checker, &crashes[i]);
        fprintf(stderr, "seed %" PRIu64 ", cut %zu of %zu, data %d, names %d: %s\n",
                crashes[i].seed, crashes[i].cut, campaign->session->trace.count, crashes[i].data,
                crashes[i].names, checker.why);
    }
    if (checker.oracle.database) oracle_close(&checker.oracle);
    folder_remove(&checker.folder);
    free(crashes);
}

/* False if a checking process died. */
static bool run_campaign(const struct campaign *campaign)
{
    pid_t children[PROCESSES];
    bool well = true;
    fflush(stdout);
    for (size_t i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] != 0) continue;
        check_share(campaign, i);
        _exit(0);
    }
    for (size_t i = 0; i < PROCESSES; i++) {
        int status = 0;
        bool ended = children[i] > 0 && waitpid(children[i], &status, 0) == children[i];
        well = well && ended && status == 0;
    }
    return well;
}

static struct results *results_create(void)
{
    void *shared = mmap(NULL, sizeof(struct results), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared == MAP_FAILED ? NULL : shared;
}

static void print_results(const char *what, const struct results *results)
{
    printf("%s: %" PRIu64 " states, %" PRIu64 " violations; %" PRIu64 " of them empty, %" PRIu64
           " held more than was acknowledged; %" PRIu64 " were opened read-only first, %" PRIu64
           " written to and opened again, %" PRIu64 " asked AS OF; %" PRIu64
           " entries replayed, %" PRIu64 " torn bytes\n",
           what, results->checked, results->violations, results->fresh, results->behind,
           results->read_only, results->continued, results->pasts, results->replayed,
           results->torn_bytes);
}

/* --- The tests --- */

static const struct mutants no_mutants = {ENGINE_MUTANT_NONE, WAL_MUTANT_NONE};

static struct {
    const char *left, *right;
    bool same;
} compared;

static int compare_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    char other[600];
    size_t bytes, other_bytes;
    (void)status;
    if (type != FTW_F || strncmp(path + place->base, "LOG", 3) == 0) return 0;
    snprintf(other, sizeof other, "%s%s", compared.right, path + strlen(compared.left));
    uint8_t *ours = read_whole(path, &bytes), *theirs = read_whole(other, &other_bytes);
    bool same = ours && theirs && bytes == other_bytes && memcmp(ours, theirs, bytes) == 0;
    if (!same) fprintf(stderr, "'%s' differs from '%s'\n", path, other);
    compared.same = compared.same && same;
    free(ours);
    free(theirs);
    return 0;
}

/* Every file of `left`, but RocksDB's diary (written by stdio, and read by nobody). */
static bool holds_the_same(const char *left, const char *right)
{
    compared.left = left;
    compared.right = right;
    compared.same = true;
    return nftw(left, compare_one, 16, FTW_PHYS) == 0 && compared.same;
}

static void a_trace_has_all_that_the_process_did(struct test *t)
{
    struct session session;
    bool recorded = session_record(&session, setting("TIDAL_SEED", 1), no_mutants);
    struct crash crash = crash_everything(&session.trace);
    bool built = recorded && crash_build(&session.trace, &crash, session.base);
    bool same = built && holds_the_same(session.database, session.base) &&
                holds_the_same(session.base, session.database);
    session_release(&session);
    CHECK(recorded);
    CHECK(built);
    CHECK(same);
}

static void a_power_loss_takes_nothing_that_was_acknowledged(struct test *t)
{
    struct session session;
    uint64_t seed = setting("TIDAL_SEED", 1);
    struct campaign campaign = {.session = &session,
                                .results = results_create(),
                                .first_seed = seed * 1000000,
                                .states = setting("TIDAL_CRASH_STATES", DEFAULT_STATES) * 4 / 5};
    CHECK(campaign.results);
    bool recorded = session_record(&session, seed, no_mutants);
    if (recorded) session_print(&session);
    bool ran = recorded && run_campaign(&campaign);
    print_results("power losses", campaign.results);
    session_release(&session);
    CHECK(recorded);
    CHECK(ran);
    CHECK_EQ(campaign.results->violations, 0);
    CHECK_EQ(campaign.results->checked, campaign.states);
}

/* Prepares in *deeper the recovery of a crash state of `session`. */
static bool record_recovery(const struct session *session, uint64_t seed, struct session *deeper)
{
    struct crash crash = crash_from_seed(&session->trace, seed);
    struct plan plan = {
        .first_life = LIVES + 1, .batches = 4, .first_number = FRESH_EVENT / 2, .seed = seed};
    if (!session_init(deeper)) return false;
    deeper->floor = session_promised(session, crash.cut);
    if (!crash_build(&session->trace, &crash, deeper->base) ||
        !crash_build(&session->trace, &crash, deeper->database) || !record(deeper, &plan) ||
        !trace_load(&deeper->trace, deeper->trace_path, deeper->base))
        return false;
    for (size_t i = 0; i < deeper->trace.count; i++) {
        const struct operation *mark = &deeper->trace.operations[i];
        if (mark->kind != OPERATION_MARK || mark->file != MARK_RECOVERED) continue;
        for (lsn at = 1; at <= mark->number; at++) {
            const struct sequence_entry *entry = &session->sequence.entries[at - 1];
            if (!sequence_note(&deeper->sequence, at, entry->number, entry->life)) return false;
        }
        break;
    }
    return session_order(deeper);
}

static void a_power_loss_during_recovery_takes_nothing_either(struct test *t)
{
    struct session session;
    uint64_t seed = setting("TIDAL_SEED", 1);
    struct results *results = results_create();
    size_t states = setting("TIDAL_CRASH_STATES", DEFAULT_STATES) / 5 / BASES;
    CHECK(results);
    bool well = session_record(&session, seed + 1, no_mutants);
    for (uint64_t i = 0; i < BASES && well; i++) {
        struct session deeper;
        well = record_recovery(&session, seed * 7919 + i, &deeper);
        struct campaign campaign = {.session = &deeper,
                                    .results = results,
                                    .first_seed = (seed + i) * 1000000,
                                    .states = states};
        well = well && run_campaign(&campaign);
        session_release(&deeper);
    }
    print_results("power losses during recovery", results);
    session_release(&session);
    CHECK(well);
    CHECK_EQ(results->violations, 0);
    CHECK_EQ(results->checked, states * BASES);
}

/* False if the checking itself failed. */
static bool try_mutant(struct mutants mutants, uint64_t seed, struct results *results)
{
    struct session session;
    struct campaign campaign = {.session = &session,
                                .results = results,
                                .first_seed = seed * 1000000,
                                .states = MUTANT_STATES,
                                .stops_at_violation = true};
    bool well = session_record(&session, seed, mutants) && run_campaign(&campaign);
    session_release(&session);
    return well;
}

static bool mutant_is_caught(const char *name, struct mutants mutants)
{
    struct results *results = results_create();
    bool well = results != NULL;
    printf("%s\n", name);
    for (uint64_t run = 1; run <= MUTANT_RUNS && well && results->violations == 0; run++)
        well = try_mutant(mutants, run, results);
    if (well && results->violations > 0) return true;
    fprintf(stderr, "not caught in %d runs: %s\n", MUTANT_RUNS, name);
    return false;
}

static void a_log_that_forgets_before_the_store_remembers_is_caught(struct test *t)
{
    CHECK(mutant_is_caught("the checkpoint's frame before the store's flush",
                           (struct mutants){.engine = ENGINE_MUTANT_FRAME_BEFORE_FLUSH}));
}

static void a_log_that_does_not_sync_is_caught(struct test *t)
{
    CHECK(mutant_is_caught("no sync of a group", (struct mutants){.wal = WAL_MUTANT_NO_DATA_SYNC}));
}

static void a_log_whose_names_are_not_durable_is_caught(struct test *t)
{
    CHECK(mutant_is_caught("no sync of the directory",
                           (struct mutants){.wal = WAL_MUTANT_NO_DIRECTORY_SYNC}));
}

static void a_recovery_that_trusts_the_page_cache_is_caught(struct test *t)
{
    CHECK(mutant_is_caught("no rewriting of the uncertain tail",
                           (struct mutants){.wal = WAL_MUTANT_TAIL_NOT_REWRITTEN}));
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_trace_has_all_that_the_process_did),
               CASE(a_power_loss_takes_nothing_that_was_acknowledged),
               CASE(a_power_loss_during_recovery_takes_nothing_either),
               CASE(a_log_that_forgets_before_the_store_remembers_is_caught),
               CASE(a_log_that_does_not_sync_is_caught),
               CASE(a_log_whose_names_are_not_durable_is_caught),
               CASE(a_recovery_that_trusts_the_page_cache_is_caught));
}
