/* A session: recorded processes that follow each other on one directory, and the order of the log
 * that they wrote, which is known from what they were told and from reading what they left. */
#ifndef TIDAL_TESTS_CRASH_SESSION_H
#define TIDAL_TESTS_CRASH_SESSION_H

#include "crash/crash_states.h"
#include "crash/workload.h"
#include "os/disk.h"
#include "os/threads.h"
#include "wal/wal.h"

#include <stdarg.h>
#include <sys/wait.h>

enum {
    LIVES = 6,
    PROCESS_LIVES = 2,
    WRITERS = 3,
    LIFE_BATCHES = 30,  /* a writer's */
    DEDUPE_EVENTS = 64, /* and so what a checkpoint leaves of the log */
    RECENT_EVENTS = 24,
    RETAIN_LIVES = 3, /* the log of so many, for AS OF; a base in each */
    SYNC_US = 200
};

enum mark {
    MARK_ENTRY,        /* number: LSN; other: its event and life */
    MARK_ACKNOWLEDGED, /* number: LSN up to which all was acknowledged */
    MARK_RECOVERED     /* number: LSN that an opening showed */
};

struct mutants {
    enum engine_mutant engine;
    enum wal_mutant wal;
};

/* A recorded run and the order of its log. */
struct session {
    struct folder folder; /* holds the three below */
    char database[300], base[300], trace_path[300];
    struct trace trace;
    struct sequence sequence;
    lsn floor; /* acknowledged before the trace began */
};

static inline struct database_options options_of(const char *path, int64_t *now_ms)
{
    return (struct database_options){.path = path,
                                     .segment_bytes = WAL_SEGMENT_MINIMUM_BYTES,
                                     .dedupe_count = DEDUPE_EVENTS,
                                     .checkpoint_log_bytes = 20 << 10,
                                     .retain_log_ms = RETAIN_LIVES * WORKLOAD_LIFE_MS,
                                     .clock_ms = workload_clock,
                                     .clock_context = now_ms};
}

/* States are built where a disk is memory, if there is such a place. */
static inline bool make_folder(struct folder *folder)
{
    if (access("/dev/shm", W_OK) == 0) (void)setenv("TMPDIR", "/dev/shm", 0);
    return folder_make(folder);
}

enum ending { ENDS_ABANDONED, ENDS_CLOSED, ENDS_KILLED };

struct life {
    struct database *database;
    struct workload workload;
    _Atomic uint64_t *next;
    _Atomic uint64_t sent[WRITERS]; /* the number that a writer is sending; UINT64_MAX: none */
    uint32_t number;
    uint32_t batches;
    uint64_t seed;
    enum ending ending;
};

struct life_thread {
    struct thread thread;
    struct life *life;
    unsigned index;
};

_Noreturn static inline void give_up(int status, const char *format, ...) PRINTF_LIKE(2, 3);
static inline void give_up(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    _exit(status);
}

static inline void send_batch(struct life_thread *thread, struct choices *choices)
{
    struct life *life = thread->life;
    uint64_t numbers[WORKLOAD_BATCH];
    struct write_result results[WORKLOAD_BATCH];
    struct error error = {0};
    size_t count =
        choose_one_in(choices, 3) ? (size_t)choose_between(choices, 2, WORKLOAD_BATCH) : 1;
    bool accepted = choose_one_in(choices, 6);
    uint64_t first = atomic_fetch_add(life->next, count);
    for (size_t i = 0; i < count; i++)
        numbers[i] = first + i;
    atomic_store(&life->sent[thread->index], first);
    if (!workload_write(&life->workload, life->database, numbers, count,
                        accepted ? ACKNOWLEDGE_ACCEPTED : ACKNOWLEDGE_DURABLE, results))
        give_up(3, "an event was refused");
    lsn last = results[count - 1].lsn;
    if (accepted && database_wait(life->database, last, &error) != CODE_OK)
        give_up(3, "no event was awaited: %s", error.message);
    for (size_t i = 0; i < count; i++)
        recorder_mark(MARK_ENTRY, results[i].lsn, (uint64_t)life->number << 48 | numbers[i]);
    recorder_mark(MARK_ACKNOWLEDGED, last, 0);
    atomic_store(&life->sent[thread->index], UINT64_MAX);
}

/* Is what the writers are sending so new that the log must still hold it?  What they were not told
 * before the end is learned by reading the log. */
static inline bool may_end(struct life *life)
{
    uint64_t next = atomic_load(life->next);
    for (unsigned i = 0; i < WRITERS; i++) {
        uint64_t sent = atomic_load(&life->sent[i]);
        if (sent != UINT64_MAX && next - sent > RECENT_EVENTS + WORKLOAD_BATCH) return false;
    }
    return true;
}

static inline void write_batches(void *argument)
{
    struct life_thread *thread = argument;
    struct choices choices;
    choices_from_seed(&choices, thread->life->seed * WRITERS + thread->index, NULL);
    bool kills = thread->life->ending == ENDS_KILLED && thread->index == 0;
    for (uint32_t i = 0; kills || i < thread->life->batches; i++) {
        if (kills && i >= thread->life->batches / 2 && may_end(thread->life)) recorder_die();
        send_batch(thread, &choices);
    }
}

/* What a crash amid the definitions left out, or all. */
static inline void define_rest(struct life *life, lsn applied)
{
    struct error error;
    for (uint64_t i = applied; i < WORKLOAD_DEFINITIONS; i++) {
        lsn given;
        if (database_define(life->database, text_slice(workload_definitions[i]), &given, &error))
            give_up(3, "%s", error.message);
        recorder_mark(MARK_ENTRY, given, (uint64_t)life->number << 48 | i);
        recorder_mark(MARK_ACKNOWLEDGED, given, 0);
    }
}

static inline void run_threads(struct life *life)
{
    static struct life_thread threads[WRITERS];
    struct error error;
    for (unsigned i = 0; i < WRITERS; i++) {
        atomic_store(&life->sent[i], UINT64_MAX);
        threads[i].life = life;
        threads[i].index = i;
        if (thread_start(&threads[i].thread, "writer", write_batches, &threads[i], &error))
            give_up(3, "%s", error.message);
    }
    for (unsigned i = 0; i < WRITERS; i++)
        thread_join(&threads[i].thread);
}

static inline void live(struct life *life, const char *path, struct mutants mutants)
{
    struct error error = {0};
    struct database_status status;
    int64_t now_ms = workload_life_ms(life->number);
    struct database_options options = options_of(path, &now_ms);
    options.mutant = mutants.engine;
    options.wal_mutant = (int)mutants.wal;
    /* A log that is kept would hide what they forget. */
    if (mutants.engine != ENGINE_MUTANT_NONE || mutants.wal != WAL_MUTANT_NONE)
        options.retain_log_ms = 0;
    if (database_open(&options, &life->database, &error) != CODE_OK)
        give_up(2, "the recorded process cannot open: %s", error.message);
    database_status(life->database, &status);
    recorder_mark(MARK_RECOVERED, status.applied, 0);
    define_rest(life, status.applied);
    if (!workload_find(&life->workload, life->database)) give_up(3, "the schema is not there");
    run_threads(life);
    if (life->ending != ENDS_CLOSED) {
        database_abandon(life->database);
    } else if (database_close(life->database, &error) != CODE_OK) {
        give_up(3, "it does not close: %s", error.message);
    }
}

struct plan {
    uint32_t first_life, batches;
    uint64_t first_number, seed;
    struct mutants mutants;
    bool dies; /* in its last life; or else closes */
};

/* Runs the plan in a child under the recorder. */
static inline bool record(const struct session *session, const struct plan *plan)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _Atomic uint64_t next = plan->first_number;
        if (!recorder_start(session->database, session->trace_path, SYNC_US)) _exit(1);
        for (uint32_t i = 0; i < PROCESS_LIVES; i++) {
            struct life life = {.next = &next,
                                .number = plan->first_life + i,
                                .batches = plan->batches,
                                .seed = plan->seed + i};
            if (i + 1 == PROCESS_LIVES) life.ending = plan->dies ? ENDS_KILLED : ENDS_CLOSED;
            live(&life, session->database, plan->mutants);
        }
        _exit(0);
    }
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static inline bool session_init(struct session *session)
{
    *session = (struct session){0};
    if (!make_folder(&session->folder)) return false;
    const char *folder = session->folder.path;
    snprintf(session->database, sizeof session->database, "%s/database", folder);
    snprintf(session->base, sizeof session->base, "%s/base", folder);
    snprintf(session->trace_path, sizeof session->trace_path, "%s/trace", folder);
    return true;
}

struct log_reader {
    struct sequence *sequence;
    struct arena arena;
};

static inline enum code note_logged(void *context, const struct wal_entry *entry,
                                    struct error *error)
{
    struct log_reader *reader = context;
    struct change change;
    uint32_t life = (uint32_t)((entry->time_ms - WORKLOAD_EPOCH_MS) / WORKLOAD_LIFE_MS);
    enum code code;
    arena_reset(&reader->arena);
    TRY(change_decode(entry->payload, &reader->arena, &change, error));
    if (!sequence_note(reader->sequence, entry->lsn, workload_number(&change), life))
        code = error_set(error, CODE_CORRUPT, AREA_WAL, "LSN %" PRIu64 " was given to another",
                         entry->lsn);
out:
    return code;
}

/* Notes what the log holds that nobody has open. */
static inline bool read_log(struct session *session)
{
    struct memory memory;
    struct disk *disk = NULL;
    struct log_reader reader = {.sequence = &session->sequence};
    struct wal_recovery report;
    struct error error = {0};
    memory_init(&memory, 0);
    arena_init(&reader.arena, &memory, (size_t)16 << 20);
    struct wal_verify_options options = {
        .directory = "wal", .memory = &memory, .visit = note_logged, .context = &reader};
    bool well = disk_open_posix(session->database, false, &memory, &disk, &error) == CODE_OK;
    options.disk = disk;
    well = well && wal_verify(&options, &report, &error) == CODE_OK;
    if (!well) fprintf(stderr, "the log cannot be read: %s\n", error.message);
    arena_release(&reader.arena);
    if (disk) disk_free(disk);
    memory_release(&memory);
    return well;
}

/* Learns the order of the log from the trace, with what was read of it.  False if an LSN is
 * missing, or was given twice. */
static inline bool session_order(struct session *session)
{
    bool well = true;
    for (size_t i = 0; i < session->trace.count; i++) {
        const struct operation *mark = &session->trace.operations[i];
        if (mark->kind != OPERATION_MARK || mark->file != MARK_ENTRY) continue;
        well = well && sequence_note(&session->sequence, mark->number,
                                     mark->other & ((UINT64_C(1) << 48) - 1),
                                     (uint32_t)(mark->other >> 48));
    }
    lsn gap = sequence_gap(&session->sequence);
    if (well && gap == session->sequence.count + 1) return true;
    fprintf(stderr, "the order of the log is not known at LSN %" PRIu64 "\n", gap);
    return false;
}

/* Records processes that follow each other on one directory. */
static inline bool session_record(struct session *session, uint64_t seed, struct mutants mutants)
{
    bool well = session_init(session) && mkdir(session->database, 0755) == 0;
    for (uint32_t life = 0; life < LIVES && well; life += PROCESS_LIVES) {
        struct plan plan = {.first_life = life,
                            .batches = LIFE_BATCHES,
                            .first_number = WORKLOAD_FIRST_EVENT + life * 10000,
                            .seed = seed * LIVES + life,
                            .mutants = mutants,
                            .dies = life + PROCESS_LIVES < LIVES};
        well = record(session, &plan) && read_log(session);
    }
    return well && trace_load(&session->trace, session->trace_path, NULL) && session_order(session);
}

static inline void session_print(const struct session *session)
{
    size_t kinds[OPERATION_MARK + 1] = {0};
    for (size_t i = 0; i < session->trace.count; i++)
        kinds[session->trace.operations[i].kind]++;
    printf("recorded: %zu entries; %zu operations: %zu writes, %zu syncs of files, %zu of "
           "directories, %zu creations, %zu renames, %zu removals\n",
           session->sequence.count, session->trace.count, kinds[OPERATION_WRITE],
           kinds[OPERATION_SYNC_FILE], kinds[OPERATION_SYNC_DIRECTORY], kinds[OPERATION_CREATE],
           kinds[OPERATION_RENAME], kinds[OPERATION_REMOVE]);
}

static inline void session_release(struct session *session)
{
    trace_release(&session->trace);
    sequence_release(&session->sequence);
    folder_remove(&session->folder);
}

/* What must be there: acknowledged, or shown by a recovery. */
static inline lsn session_promised(const struct session *session, size_t cut)
{
    lsn floor = session->floor;
    for (size_t i = 0; i < cut; i++) {
        const struct operation *mark = &session->trace.operations[i];
        if (mark->kind == OPERATION_MARK && mark->file != MARK_ENTRY && mark->number > floor)
            floor = mark->number;
    }
    return floor;
}

#endif
