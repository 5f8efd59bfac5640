/* Backups: the oracle is the state's hash; damage is any changed byte. */
#include "audit/backup.h"

#include "harness/await.h"
#include "os/threads.h"
#include "place.h"

struct trial {
    struct place place;
    struct choices choices;
    struct backup_report report;
    struct error error;
    char backup[PLACE_PATH_BYTES], restored[PLACE_PATH_BYTES];
    uint8_t hash[32];
};

/* A database of 100 writes, a checkpoint among them, still open, and its backup. */
static bool trial_begin(struct trial *trial, uint64_t seed)
{
    *trial = (struct trial){0};
    choices_from_seed(&trial->choices, seed, NULL);
    bool ok = place_make(&trial->place);
    snprintf(trial->backup, sizeof trial->backup, "%s/backup", trial->place.folder.path);
    snprintf(trial->restored, sizeof trial->restored, "%s/restored", trial->place.folder.path);
    ok = ok && place_write(&trial->place, &trial->choices, 50) &&
         database_checkpoint(trial->place.world.database, &trial->error) == CODE_OK &&
         place_write(&trial->place, &trial->choices, 50) && place_hash(&trial->place, trial->hash);
    return ok && backup_make(trial->place.world.database, trial->backup, &trial->report,
                             &trial->error) == CODE_OK;
}

static void trial_end(struct trial *trial)
{
    choices_release(&trial->choices);
    place_remove(&trial->place);
}

static enum code restore(struct trial *trial)
{
    struct backup_report report;
    return backup_restore(trial->backup, trial->restored, &report, &trial->error);
}

static void a_restored_database_has_the_state_that_was_backed_up(struct test *t)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct trial trial;
        struct check_report report;
        CHECK(trial_begin(&trial, seed));
        lsn last = database_applied(trial.place.world.database);
        CHECK_EQ(trial.report.last, last);
        /* What comes later is not in it. */
        CHECK(place_write(&trial.place, &trial.choices, 30));
        CHECK_EQ(restore(&trial), CODE_OK);
        CHECK_EQ(check_path(trial.restored, &report, &trial.error), CODE_OK);
        CHECK_EQ(report.state, last);
        CHECK(memcmp(report.state_hash, trial.hash, sizeof trial.hash) == 0);

        /* It is a database like others: written to, closed, whole. */
        CHECK_EQ(world_close(&trial.place.world), CODE_OK);
        trial.place.world.options.path = trial.restored;
        CHECK(place_open(&trial.place));
        CHECK(place_write(&trial.place, &trial.choices, 30));
        CHECK_EQ(world_close(&trial.place.world), CODE_OK);
        CHECK_EQ(check_path(trial.restored, &report, &trial.error), CODE_OK);
        trial_end(&trial);
    }
}

static void a_changed_byte_is_found_and_its_file_named(struct test *t)
{
    enum { FLIPS = 120 };
    static const char *const folders[] = {"store", "wal", "."};
    struct trial trial;
    CHECK(trial_begin(&trial, 9));
    for (int i = 0; i < FLIPS; i++) {
        struct listing files;
        char folder[PLACE_PATH_BYTES + 8], path[PLACE_PATH_BYTES + 80];
        snprintf(folder, sizeof folder, "%s/%s", trial.backup, folders[choose(&trial.choices, 2)]);
        list_files(folder, &files);
        const char *name = files.names[choose(&trial.choices, files.count - 1)];
        snprintf(path, sizeof path, "%s/%s", folder, name);
        long bytes = file_bytes(path);
        struct stat status;
        if (stat(path, &status) != 0 || !S_ISREG(status.st_mode) || bytes == 0) continue;
        long at = (long)choose(&trial.choices, (uint64_t)bytes - 1);
        int bits = 1 << choose(&trial.choices, 7);
        CHECK(flip(path, at, bits));
        enum code code = restore(&trial);
        CHECK(code == CODE_CORRUPT || code == CODE_VERSION); /* a format of 3 is a newer one */
        CHECK(code == CODE_VERSION || strstr(trial.error.message, name));
        CHECK(flip(path, at, bits));
    }
    CHECK_EQ(restore(&trial), CODE_OK);
    trial_end(&trial);
}

static void a_backup_that_was_not_finished_is_none(struct test *t)
{
    struct trial trial;
    char path[PLACE_PATH_BYTES + 80], away[PLACE_PATH_BYTES + 80];
    struct listing files;
    struct database *database;
    CHECK(trial_begin(&trial, 10));
    snprintf(path, sizeof path, "%s/tidal.backup", trial.backup);
    snprintf(away, sizeof away, "%s/away", trial.place.folder.path);
    CHECK_EQ(rename(path, away), 0);
    CHECK_EQ(restore(&trial), CODE_INVALID);
    CHECK(strstr(trial.error.message, "no whole backup"));
    CHECK_EQ(rename(away, path), 0);

    snprintf(path, sizeof path, "%s/wal", trial.backup);
    list_files(path, &files);
    snprintf(path, sizeof path, "%s/wal/%s", trial.backup, files.names[0]);
    CHECK_EQ(rename(path, away), 0);
    CHECK_EQ(restore(&trial), CODE_CORRUPT);
    CHECK(strstr(trial.error.message, files.names[0]) && strstr(trial.error.message, "missing"));
    CHECK_EQ(rename(away, path), 0);

    /* Nor is it a database. */
    struct database_options options = {.path = trial.backup};
    CHECK_EQ(database_open(&options, &database, &trial.error), CODE_INVALID);
    CHECK_EQ(restore(&trial), CODE_OK);
    CHECK_EQ(restore(&trial), CODE_INVALID); /* the directory is not empty */
    CHECK_EQ(backup_make(trial.place.world.database, trial.backup, &trial.report, &trial.error),
             CODE_INVALID);
    trial_end(&trial);
}

struct writers {
    struct place *place;
    atomic_bool stop;
    atomic_uint written;
};

static void write_until_stopped(void *argument)
{
    struct writers *writers = argument;
    struct error error;
    for (entity_id id = 1000; !atomic_load(&writers->stop); id++) {
        struct change put = put_of(id);
        struct write write = {.change = &put};
        struct write_result result;
        struct write_batch batch = {&write, 1, ACKNOWLEDGE_DURABLE, &result, 0};
        if (database_write(writers->place->world.database, &batch, &error) == CODE_OK)
            atomic_fetch_add(&writers->written, 1);
    }
}

static void a_backup_is_whole_while_others_write(struct test *t)
{
    struct trial trial;
    struct thread thread;
    struct check_report report;
    CHECK(trial_begin(&trial, 11));
    struct writers writers = {.place = &trial.place};
    CHECK_EQ(thread_start(&thread, "writer", write_until_stopped, &writers, &trial.error), CODE_OK);
    for (int i = 0; i < 8; i++) {
        snprintf(trial.backup, sizeof trial.backup, "%s/b%d", trial.place.folder.path, i);
        snprintf(trial.restored, sizeof trial.restored, "%s/r%d", trial.place.folder.path, i);
        lsn before = database_applied(trial.place.world.database);
        CHECK_EQ(backup_make(trial.place.world.database, trial.backup, &trial.report, &trial.error),
                 CODE_OK);
        CHECK(trial.report.last >= before);
        CHECK_EQ(restore(&trial), CODE_OK);
        CHECK_EQ(check_path(trial.restored, &report, &trial.error), CODE_OK);
        CHECK_EQ(report.state, trial.report.last);
    }
    struct await await = {0};
    while (atomic_load(&writers.written) == 0 && await_more(&await)) {
    }
    atomic_store(&writers.stop, true);
    thread_join(&thread);
    CHECK(atomic_load(&writers.written) > 0);
    trial_end(&trial);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(a_restored_database_has_the_state_that_was_backed_up),
               CASE(a_changed_byte_is_found_and_its_file_named),
               CASE(a_backup_that_was_not_finished_is_none),
               CASE(a_backup_is_whole_while_others_write));
}
