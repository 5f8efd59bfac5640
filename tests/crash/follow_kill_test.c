/* A process that writes and one that follows it are killed, again and again; what the copy holds is
 * always what the source held at that LSN.
 *
 * A round: two child processes, one that opens the source and writes, one that follows it; SIGKILL
 * ends either, or both, at a moment that the seed says.  Then both are opened here, the copy takes
 * what it lacks, and the state hashes at that LSN are equal.  TIDAL_KILL_ROUNDS sets the number of
 * rounds, TIDAL_SEED the seed. */
#include "crash/workload.h"
#include "engine/follow.h"
#include "engine/internal.h"
#include "harness/folder.h"
#include "harness/test.h"
#include "os/threads.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITER_MODE   "--writer"
#define FOLLOWER_MODE "--follower"
#define THIS_PROGRAM  "/proc/self/exe"

enum { ROUNDS = WORKLOAD_SANITIZED ? 10 : 30 };

static const char *const schema[] = {
    "DEFINE SIGNAL view ON item HALF LIFE 1h WINDOWS 1h ALLOW UNKNOWN",
    "DEFINE SIGNAL like ON item HALF LIFE 7d UNIQUE PER USER POSITIVE ALLOW UNKNOWN",
};

static struct database_options options_of(const char *path)
{
    return (struct database_options){.path = path,
                                     .segment_bytes = WAL_SEGMENT_MINIMUM_BYTES,
                                     .dedupe_count = 200,
                                     .checkpoint_log_bytes = 48 << 10};
}

static bool write_one(struct database *database, const struct change *change,
                      enum acknowledgement acknowledgement)
{
    struct write write = {change, {0}};
    struct write_result result;
    struct write_batch batch = {&write, 1, acknowledgement, &result, 0};
    struct error error;
    return database_write(database, &batch, &error) == CODE_OK && result.code == CODE_OK;
}

/* The source's cursor keeps the log for the copy, which stands at `lsn` or behind. */
static bool keep_from(struct database *database, lsn position)
{
    struct change change = {.kind = CHANGE_CURSOR,
                            .cursor = {CURSOR_ADVANCE, slice_of("copy", 4), position}};
    return write_one(database, &change, ACKNOWLEDGE_DURABLE);
}

static int writer_main(const char *path, uint64_t seed)
{
    struct database_options options = options_of(path);
    struct database *database;
    struct choices choices;
    struct error error;
    if (database_open(&options, &database, &error) != CODE_OK) return 3;
    choices_from_seed(&choices, seed, NULL);
    for (;;) {
        struct change change = {
            .kind = CHANGE_SIGNAL,
            .signal = {.signal = 2 + (signal_id)choose(&choices, 1),
                       .entity = {.kind = ENTITY_ITEM, .id = choose_between(&choices, 1, 200)},
                       .has_user = true,
                       .user = {.kind = ENTITY_USER, .id = choose_between(&choices, 1, 50)},
                       .value = SIGNAL_VALUE_ONE}};
        bool durable = choose_one_in(&choices, 4);
        if (!write_one(database, &change, durable ? ACKNOWLEDGE_DURABLE : ACKNOWLEDGE_ACCEPTED))
            return 4;
    }
}

static int follower_main(const char *source, const char *copy)
{
    const struct follow_options options = {.source = source, .copy = options_of(copy)};
    struct follow *follow;
    struct error error = {0};
    uint64_t entries;
    enum code code = follow_open(&options, &follow, &error);
    while (code == CODE_OK) {
        code = follow_step(follow, &entries, &error);
        if (entries == 0) thread_sleep_ns(1000 * 1000);
    }
    fprintf(stderr, "    the follower: %s\n", error.message);
    return 5;
}

static pid_t start(const char *mode, const char *a, const char *b)
{
    pid_t child = fork();
    if (child != 0) return child;
    (void)execl(THIS_PROGRAM, THIS_PROGRAM, mode, a, b, (char *)NULL);
    _exit(6);
}

/* False if it had ended by itself. */
static bool end(pid_t child)
{
    int status;
    (void)kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void pause_some(struct choices *choices)
{
    thread_sleep_ns((int64_t)choose_between(choices, 5, 80) * 1000 * 1000);
}

/* Opens both: the copy takes all and is as the source.  *at is its LSN. */
static bool they_agree(const char *source, const char *copy, lsn *at)
{
    const struct follow_options options = {.source = source, .copy = options_of(copy)};
    struct database_options of_source = options_of(source);
    struct database *database = NULL;
    struct follow *follow = NULL;
    uint8_t a[32], b[32];
    uint64_t entries = 1;
    struct error error = {0};
    enum code code;
    TRY(database_open(&of_source, &database, &error));
    TRY(wal_flush(database->wal, &error));
    TRY(follow_open(&options, &follow, &error));
    while (entries > 0)
        TRY(follow_step(follow, &entries, &error));
    TRY(database_state_hash(database, a, &error));
    TRY(database_state_hash(follow_database(follow), b, &error));
    TRY(database_check(follow_database(follow), &error));
    *at = database_applied(follow_database(follow));
    if (*at != database_applied(database) || memcmp(a, b, sizeof a) != 0)
        code = error_set(&error, CODE_CORRUPT, AREA_ENGINE, "the copy is not as its source");
    if (code == CODE_OK && !keep_from(database, *at)) code = CODE_FAILED;
out:
    if (code != CODE_OK) fprintf(stderr, "    %s\n", error.message);
    if (follow && follow_close(follow, &error) != CODE_OK) code = error.code;
    if (database && database_close(database, &error) != CODE_OK) code = error.code;
    return code == CODE_OK;
}

static bool make_source(const char *path)
{
    struct database_options options = options_of(path);
    struct change cursor = {.kind = CHANGE_CURSOR,
                            .cursor = {CURSOR_DEFINE, slice_of("copy", 4), 0}};
    struct database *database;
    struct error error;
    lsn given;
    if (database_open(&options, &database, &error) != CODE_OK) return false;
    bool ok = write_one(database, &cursor, ACKNOWLEDGE_DURABLE);
    for (size_t i = 0; ok && i < sizeof schema / sizeof *schema; i++)
        ok = database_define(database, slice_of(schema[i], strlen(schema[i])), &given, &error) ==
             CODE_OK;
    return database_close(database, &error) == CODE_OK && ok;
}

static void a_copy_agrees_with_its_source_whoever_is_killed(struct test *t)
{
    const char *rounds = getenv("TIDAL_KILL_ROUNDS"), *given = getenv("TIDAL_SEED");
    uint64_t count = rounds ? strtoull(rounds, NULL, 10) : ROUNDS;
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    struct folder folder;
    struct choices choices;
    char source[300], copy[300], number[32];
    lsn before = 0, at = 0;
    CHECK(folder_make(&folder));
    snprintf(source, sizeof source, "%s/source", folder.path);
    snprintf(copy, sizeof copy, "%s/copy", folder.path);
    printf("    seed %" PRIu64 "\n", seed);
    CHECK(make_source(source));
    choices_from_seed(&choices, seed, NULL);
    for (uint64_t round = 0; round < count; round++) {
        snprintf(number, sizeof number, "%" PRIu64, seed + round);
        pid_t writer = start(WRITER_MODE, source, number);
        pid_t follower = start(FOLLOWER_MODE, source, copy);
        for (uint64_t kills = choose_between(&choices, 1, 5); kills > 0; kills--) {
            pause_some(&choices);
            if (choose_one_in(&choices, 2)) {
                CHECK(end(follower));
                follower = start(FOLLOWER_MODE, source, copy);
            } else {
                CHECK(end(writer));
                writer = start(WRITER_MODE, source, number);
            }
        }
        pause_some(&choices);
        CHECK(end(writer));
        CHECK(end(follower));
        CHECK(they_agree(source, copy, &at));
        CHECK(at >= before);
        before = at;
    }
    printf("    %" PRIu64 " rounds, LSN %" PRIu64 "\n", count, at);
    CHECK(at > count); /* however slow the machine is */
    folder_remove(&folder);
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], WRITER_MODE) == 0)
        return writer_main(argv[2], strtoull(argv[3], NULL, 10));
    if (argc > 3 && strcmp(argv[1], FOLLOWER_MODE) == 0) return follower_main(argv[2], argv[3]);
    return RUN(argc, argv, CASE(a_copy_agrees_with_its_source_whoever_is_killed));
}
