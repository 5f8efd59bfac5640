/* Databases in real directories: what is refused and how, and readers beside a writer. */
#include "engine/internal.h"
#include "harness/folder.h"
#include "unit/engine/world.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { VIEW = 2 };

struct place {
    struct folder folder;
    struct database_options options;
    struct database *database;
    struct error error;
};

static bool place_make(struct place *place)
{
    *place = (struct place){0};
    if (!folder_make(&place->folder)) return false;
    place->options = (struct database_options){.path = place->folder.path};
    return true;
}

static enum code place_open(struct place *place)
{
    return database_open(&place->options, &place->database, &place->error);
}

static enum code place_close(struct place *place)
{
    enum code code = database_close(place->database, &place->error);
    place->database = NULL;
    return code;
}

static bool write_file(const struct place *place, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", place->folder.path, name);
    FILE *file = fopen(path, "w");
    if (!file) return false;
    bool written = fputs(text, file) >= 0;
    return fclose(file) == 0 && written;
}

static int count_names(const struct place *place)
{
    int count = 0;
    DIR *directory = opendir(place->folder.path);
    if (!directory) return -1;
    for (const struct dirent *entry; (entry = readdir(directory));)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static enum code put_item(struct database *database, entity_id id, struct error *error)
{
    struct change put = put_of(id);
    struct write write = {.change = &put};
    struct write_result result;
    struct write_batch batch = {&write, 1, ACKNOWLEDGE_DURABLE, &result, 0};
    enum code code = database_write(database, &batch, error);
    return code == CODE_OK ? result.code : code;
}

static void a_directory_of_other_things_is_refused_and_left_as_it_was(struct test *t)
{
    struct place place;
    CHECK(place_make(&place));
    CHECK(write_file(&place, "holiday.txt", "sun\n"));
    CHECK_EQ(place_open(&place), CODE_INVALID);
    CHECK(strstr(place.error.message, "is not a tidalDB database"));
    CHECK_TEXT(place.error.hint, "name an empty or a new directory");
    CHECK_EQ(count_names(&place), 1);
    folder_remove(&place.folder);
}

static void what_must_exist_is_not_made(struct test *t)
{
    struct place place;
    CHECK(place_make(&place));
    place.options.must_exist = true;
    CHECK_EQ(place_open(&place), CODE_NOT_FOUND);
    CHECK_TEXT(place.error.message, "there is no database in this directory");
    CHECK_EQ(count_names(&place), 0);
    place.options = (struct database_options){.path = place.folder.path, .read_only = true};
    CHECK_EQ(place_open(&place), CODE_NOT_FOUND);
    CHECK_EQ(count_names(&place), 0);
    folder_remove(&place.folder);
}

static void a_newer_format_is_refused_and_names_its_writer(struct test *t)
{
    struct place place;
    CHECK(place_make(&place));
    CHECK(write_file(&place, "tidal.format",
                     "tidalDB database\nformat 9\nwritten by 7.1.0\nid "
                     "0123456789abcdef0123456789abcdef\n"));
    CHECK_EQ(place_open(&place), CODE_VERSION);
    CHECK_TEXT(place.error.message, "the database has format 9, this library reads up to 1");
    CHECK_TEXT(place.error.hint,
               "it was written by tidalDB 7.1.0: use that version or a newer one");
    CHECK(
        write_file(&place, "tidal.format", "tidalDB database\nformat 1\nwritten by 0.1.0\nid 01"));
    CHECK_EQ(place_open(&place), CODE_CORRUPT);
    CHECK_TEXT(place.error.message, "'tidal.format' is damaged");
    CHECK(write_file(&place, "tidal.format", "hello\n"));
    CHECK_EQ(place_open(&place), CODE_INVALID);
    CHECK_TEXT(place.error.message, "'tidal.format' is not of a tidalDB database");
    folder_remove(&place.folder);
}

static void a_second_writer_is_told_who_holds_it(struct test *t)
{
    struct place place;
    struct database *second;
    char holder[32];
    CHECK(place_make(&place));
    CHECK_EQ(place_open(&place), CODE_OK);
    CHECK_EQ(database_open(&place.options, &second, &place.error), CODE_BUSY);
    snprintf(holder, sizeof holder, "%d", (int)getpid());
    CHECK(strstr(place.error.message, holder));
    CHECK_EQ(place_close(&place), CODE_OK);
    CHECK_EQ(place_open(&place), CODE_OK);
    CHECK_EQ(place_close(&place), CODE_OK);
    folder_remove(&place.folder);
}

static void a_forked_child_can_neither_write_nor_end_its_parents_database(struct test *t)
{
    struct place place;
    int status;
    CHECK(place_make(&place));
    CHECK_EQ(place_open(&place), CODE_OK);
    CHECK_EQ(put_item(place.database, 1, &place.error), CODE_OK);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bool right = put_item(place.database, 2, &place.error) == CODE_MISUSE &&
                     database_checkpoint(place.database, &place.error) == CODE_MISUSE &&
                     database_close(place.database, &place.error) == CODE_MISUSE;
        _exit(right ? 0 : 1);
    }
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQ(put_item(place.database, 2, &place.error), CODE_OK);
    CHECK_EQ(place_close(&place), CODE_OK);
    CHECK_EQ(place_open(&place), CODE_OK);
    CHECK_EQ(database_applied(place.database), 2);
    CHECK_EQ(place_close(&place), CODE_OK);
    folder_remove(&place.folder);
}

/* Opens as a user who may not write in the directory; the codes of a writer and of a reader. */
static void open_as_nobody(struct place *place)
{
    enum { NOBODY = 65534 };
    if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)) _exit(2);
    bool refused = place_open(place) == CODE_READ_ONLY &&
                   strstr(place->error.message, "Permission denied") &&
                   strstr(place->error.hint, "or open it read-only");
    place->options.read_only = true;
    bool read = refused && place_open(place) == CODE_OK && database_applied(place->database) == 1 &&
                place_close(place) == CODE_OK;
    if (!read) fprintf(stderr, "%s (%s)\n", place->error.message, place->error.hint);
    fflush(NULL);
    _exit(read ? 0 : 1);
}

static void a_directory_that_may_not_be_written_can_be_read(struct test *t)
{
    struct place place;
    int status;
    CHECK(place_make(&place));
    CHECK_EQ(place_open(&place), CODE_OK);
    CHECK_EQ(put_item(place.database, 1, &place.error), CODE_OK);
    CHECK_EQ(place_close(&place), CODE_OK);
    CHECK_EQ(chmod(place.folder.path, 0555), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) open_as_nobody(&place);
    CHECK(child > 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(chmod(place.folder.path, 0755), 0);
    folder_remove(&place.folder);
    CHECK(WIFEXITED(status));
    if (WEXITSTATUS(status) == 2) SKIP("cannot give up root's rights here");
    CHECK_EQ(WEXITSTATUS(status), 0);
}

static void a_reader_writes_nothing(struct test *t)
{
    struct place place;
    CHECK(place_make(&place));
    CHECK_EQ(place_open(&place), CODE_OK);
    CHECK_EQ(put_item(place.database, 1, &place.error), CODE_OK);
    CHECK_EQ(place_close(&place), CODE_OK);
    place.options.read_only = true;
    CHECK_EQ(place_open(&place), CODE_OK);
    CHECK_EQ(put_item(place.database, 2, &place.error), CODE_READ_ONLY);
    CHECK_TEXT(place.error.message, "the database was opened read-only");
    CHECK_TEXT(place.error.hint, "open it without read_only to write");
    lsn given;
    CHECK_EQ(database_define(place.database, slice_of_text("DEFINE SIGNAL a ON item"), &given,
                             &place.error),
             CODE_READ_ONLY);
    CHECK_EQ(database_checkpoint(place.database, &place.error), CODE_READ_ONLY);
    CHECK_EQ(database_wait(place.database, 1, &place.error), CODE_OK);
    struct database_status status;
    database_status(place.database, &status);
    CHECK_EQ(status.applied, 1);
    CHECK_EQ(status.live_counts[ENTITY_ITEM], 1);
    CHECK_EQ(place_close(&place), CODE_OK);
    folder_remove(&place.folder);
}

/* Writes and checkpoints until it is killed; no faster than a reader opens, however slow that is
 * made: between its look at the store and at the log a whole segment must not go, again and again.
 */
static void write_for_ever(struct place *place)
{
    enum { PAUSE_NS = 500 * 1000 };
    place->options.segment_bytes = (uint64_t)64 << 10;
    place->options.dedupe_count = 8;
    place->options.checkpoint_log_bytes = 8192;
    if (place_open(place) != CODE_OK) _exit(1);
    for (entity_id id = 1;; id++) {
        if (put_item(place->database, id, &place->error) != CODE_OK) _exit(2);
        thread_sleep_ns(PAUSE_NS);
    }
}

static void readers_open_while_a_writer_checkpoints(struct test *t)
{
    struct place place;
    struct database_status status;
    int child_status, opened = 0, torn = 0;
    CHECK(place_make(&place));
    CHECK_EQ(place_open(&place), CODE_OK);
    CHECK_EQ(place_close(&place), CODE_OK);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) write_for_ever(&place);
    CHECK(child > 0);
    lsn newest = 0, first = 0, last = 0;
    enum code code = CODE_OK;
    place.options.read_only = true;
    /* Until the writer has checkpointed between two of them, and a while longer. */
    while (code == CODE_OK && opened < 3000 && (opened < 25 || last == first)) {
        code = place_open(&place);
        if (code != CODE_OK) break;
        database_status(place.database, &status);
        /* Items 1, 2, 3, ...: one change each. */
        torn += status.live_counts[ENTITY_ITEM] != status.applied || status.applied < newest;
        newest = status.applied;
        last = status.checkpoint;
        if (opened++ == 0) first = last;
        code = database_check(place.database, &place.error);
        enum code closed = place_close(&place);
        if (code == CODE_OK) code = closed;
    }
    bool was_writing = waitpid(child, &child_status, WNOHANG) == 0;
    if (was_writing) {
        kill(child, SIGKILL);
        CHECK_EQ(waitpid(child, &child_status, 0), child);
    }
    if (code != CODE_OK) fprintf(stderr, "%s\n", place.error.message);
    CHECK_EQ(code, CODE_OK);
    CHECK_EQ(torn, 0);
    CHECK(was_writing);
    CHECK(last > first);
    folder_remove(&place.folder);
}

/* The first memory that a checkpoint asks for is for that look. */
static void a_checkpoint_needs_no_look_at_the_bases(struct test *t)
{
    struct place place;
    struct database_status status;
    CHECK(place_make(&place));
    place.options.retain_log_ms = HOUR_MS;
    place.options.no_threads = true;
    CHECK_EQ(place_open(&place), CODE_OK);
    CHECK_EQ(put_item(place.database, 1, &place.error), CODE_OK);
    CHECK_EQ(database_checkpoint(place.database, &place.error), CODE_OK);
    CHECK_EQ(put_item(place.database, 2, &place.error), CODE_OK);
    struct memory *memory = &place.database->request_memory;
    memory->fail_at_call = atomic_load(&memory->call_count) + 1;
    CHECK_EQ(database_checkpoint(place.database, &place.error), CODE_OK);
    memory->fail_at_call = 0;
    database_status(place.database, &status);
    CHECK_EQ(status.checkpoint, 2);
    CHECK_EQ(status.oldest, 1);
    CHECK_EQ(place_close(&place), CODE_OK);
    folder_remove(&place.folder);
}

static enum code compact_fails(struct store *store, enum keyspace keyspace, struct key_range range,
                               struct error *error)
{
    (void)store, (void)keyspace, (void)range;
    return error_set(error, CODE_IO, AREA_STORE, "planted");
}

static void an_erasure_that_fails_leaves_the_checkpoint_whole(struct test *t)
{
    struct place place;
    struct database_status status;
    struct write_result result;
    CHECK(place_make(&place));
    place.options.retain_log_ms = HOUR_MS;
    place.options.no_threads = true;
    CHECK_EQ(place_open(&place), CODE_OK);
    struct change put = {.kind = CHANGE_PUT, .put = {.entity = user_of(5)}};
    struct change forget = {.kind = CHANGE_FORGET, .delete = user_of(5)};
    struct write writes[] = {{.change = &put}, {.change = &forget}};
    for (int i = 0; i < 2; i++) {
        struct write_batch batch = {&writes[i], 1, ACKNOWLEDGE_DURABLE, &result, 0};
        CHECK_EQ(database_write(place.database, &batch, &place.error), CODE_OK);
    }
    const struct store_operations *operations = place.database->store->operations;
    struct store_operations planted = *operations;
    planted.compact = compact_fails;
    place.database->store->operations = &planted;
    CHECK_EQ(database_checkpoint(place.database, &place.error), CODE_IO);
    database_status(place.database, &status);
    CHECK_EQ(status.checkpoint, 2);
    CHECK_EQ(status.checkpoint_error.code, CODE_IO);
    CHECK(place.database->bytes_since_base > 0); /* the bases were seen to */
    place.database->store->operations = operations;
    CHECK_EQ(database_retain(place.database, &place.error), CODE_OK);
    CHECK_EQ(place.database->forgotten.count, 0);
    CHECK_EQ(place_close(&place), CODE_OK);
    folder_remove(&place.folder);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_directory_of_other_things_is_refused_and_left_as_it_was),
               CASE(what_must_exist_is_not_made),
               CASE(a_newer_format_is_refused_and_names_its_writer),
               CASE(a_second_writer_is_told_who_holds_it),
               CASE(a_forked_child_can_neither_write_nor_end_its_parents_database),
               CASE(a_directory_that_may_not_be_written_can_be_read), CASE(a_reader_writes_nothing),
               CASE(readers_open_while_a_writer_checkpoints),
               CASE(a_checkpoint_needs_no_look_at_the_bases),
               CASE(an_erasure_that_fails_leaves_the_checkpoint_whole));
}
