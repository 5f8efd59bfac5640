/* The posix disk and the simulated one against one naive model, and what only a real file system
 * can show. */
#include "base/choices.h"
#include "harness/test.h"
#include "os/disk.h"
#include "os/simulated.h"

#include <ftw.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STREAM_SEEDS     60
#define STREAM_STEPS     250
#define MODEL_FILE_BYTES 24576

/* A directory of this test's own under TMPDIR; false if it cannot be made. */
static bool make_root(char *root, size_t root_bytes)
{
    const char *base = getenv("TMPDIR");
    int bytes = snprintf(root, root_bytes, "%s/os-disk-XXXXXX", base ? base : "/tmp");
    return bytes > 0 && (size_t)bytes < root_bytes && mkdtemp(root) != NULL;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

/* The root and all under it. */
static void remove_root(const char *root)
{
    (void)nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- the model: a table of paths, each with its bytes --- */

enum { NOTHING, IS_FILE, IS_DIRECTORY };

struct model_entry {
    const char *path;
    int parent; /* index of the directory, or -1: the root */
    int kind;
    size_t bytes;
    uint8_t data[MODEL_FILE_BYTES];
};

#define ENTRY_COUNT 9

struct model {
    struct model_entry entries[ENTRY_COUNT];
};

static void model_init(struct model *model)
{
    static const char *const paths[ENTRY_COUNT] = {"a",   "b",   "d",     "e",  "ab",
                                                   "d/a", "d/b", "d/b/c", "e/a"};
    static const int parents[ENTRY_COUNT] = {-1, -1, -1, -1, -1, 2, 2, 6, 3};
    memset(model, 0, sizeof *model);
    for (int i = 0; i < ENTRY_COUNT; i++) {
        model->entries[i].path = paths[i];
        model->entries[i].parent = parents[i];
    }
}

/* The fault in the way to entry `i`: CODE_OK if the directory above it is there. */
static enum code way_to(const struct model *model, int i)
{
    int parent = model->entries[i].parent;
    if (parent < 0) return CODE_OK;
    enum code above = way_to(model, parent);
    if (above != CODE_OK) return above;
    if (model->entries[parent].kind == IS_DIRECTORY) return CODE_OK;
    return model->entries[parent].kind == IS_FILE ? CODE_IO : CODE_NOT_FOUND;
}

static enum code model_find(const struct model *model, int i)
{
    enum code code = way_to(model, i);
    if (code != CODE_OK) return code;
    return model->entries[i].kind == NOTHING ? CODE_NOT_FOUND : CODE_OK;
}

static enum code model_find_file(const struct model *model, int i)
{
    enum code code = model_find(model, i);
    return code == CODE_OK && model->entries[i].kind == IS_DIRECTORY ? CODE_INVALID : code;
}

static bool model_is_empty(const struct model *model, int i)
{
    for (int j = 0; j < ENTRY_COUNT; j++) {
        if (model->entries[j].parent == i && model->entries[j].kind != NOTHING) return false;
    }
    return true;
}

/* --- one operation, on a disk and on the model --- */

enum kind {
    CREATE,
    WRITE,
    WRITE_ZEROS,
    TRUNCATE,
    RENAME,
    REMOVE,
    MAKE_DIRECTORY,
    READ,
    LIST,
    EXISTS,
    KINDS
};

struct step {
    enum kind kind;
    int at;
    int to;
    uint64_t offset;
    size_t bytes;
    uint8_t fill;
};

struct outcome {
    enum code code;
    size_t bytes; /* a size, a count, a truth */
    uint8_t data[MODEL_FILE_BYTES + 1];
};

static enum code do_with_file(struct disk *disk, const struct step *step, const char *path,
                              struct outcome *outcome, struct error *error)
{
    enum code code;
    struct disk_file *file = NULL;
    uint64_t size;
    if (step->kind == CREATE) {
        TRY(disk_create(disk, path, &file, error));
    } else {
        TRY(disk_open(disk, path, step->kind == READ ? DISK_READ_ONLY : DISK_READ_WRITE, &file,
                      error));
    }
    if (step->kind == WRITE) {
        memset(outcome->data, step->fill, step->bytes);
        TRY(disk_write(file, step->offset, outcome->data, step->bytes, error));
        if (step->fill % 4 == 0) TRY(disk_sync(file, error));
    } else if (step->kind == WRITE_ZEROS) {
        TRY(disk_write_zeros(file, step->offset, step->bytes, error));
    } else if (step->kind == TRUNCATE) {
        TRY(disk_truncate(file, step->offset, error));
    } else if (step->kind == READ) {
        TRY(disk_size(file, &size, error));
        TRY(disk_read(file, 0, outcome->data, sizeof outcome->data, &outcome->bytes, error));
        if (size != outcome->bytes) code = CODE_CORRUPT;
    }
out:
    disk_close(file);
    return code;
}

static enum code do_list(struct disk *disk, const char *path, struct outcome *outcome,
                         struct error *error)
{
    struct disk_names names;
    enum code code = disk_list(disk, path, disk->memory, &names, error);
    for (size_t i = 0; code == CODE_OK && i < names.count; i++) {
        outcome->bytes +=
            (size_t)snprintf((char *)outcome->data + outcome->bytes, 16, "%s,", names.names[i]);
    }
    disk_names_release(&names);
    return code;
}

static void do_on_disk(struct disk *disk, const struct model *model, const struct step *step,
                       struct outcome *outcome)
{
    struct error error;
    const char *path = model->entries[step->at].path;
    bool exists = false;
    outcome->bytes = 0;
    switch (step->kind) {
    case RENAME:
        outcome->code = disk_rename(disk, path, model->entries[step->to].path, &error);
        break;
    case REMOVE:
        outcome->code = disk_remove(disk, path, &error);
        break;
    case MAKE_DIRECTORY:
        outcome->code = disk_make_directory(disk, path, &error);
        if (outcome->code == CODE_OK) outcome->code = disk_sync_directory(disk, path, &error);
        break;
    case LIST:
        outcome->code = do_list(disk, step->to % 2 ? "" : path, outcome, &error);
        break;
    case EXISTS:
        outcome->code = disk_exists(disk, path, &exists, &error);
        outcome->bytes = exists;
        break;
    default:
        outcome->code = do_with_file(disk, step, path, outcome, &error);
    }
}

static enum code model_rename(struct model *model, int at, int to)
{
    struct model_entry *from = &model->entries[at], *target = &model->entries[to];
    enum code code;
    TRY(model_find_file(model, at));
    TRY(way_to(model, to));
    if (target->kind == IS_DIRECTORY) return CODE_INVALID;
    if (at == to) return CODE_OK;
    target->kind = IS_FILE;
    target->bytes = from->bytes;
    memcpy(target->data, from->data, sizeof from->data);
    from->kind = NOTHING;
out:
    return code;
}

static void model_list(const struct model *model, int directory, struct outcome *outcome)
{
    static const int sorted[ENTRY_COUNT] = {0, 4, 1, 2, 3, 5, 6, 7, 8};
    for (int i = 0; i < ENTRY_COUNT; i++) {
        const struct model_entry *entry = &model->entries[sorted[i]];
        if (entry->parent != directory || entry->kind == NOTHING) continue;
        const char *slash = strrchr(entry->path, '/');
        outcome->bytes += (size_t)snprintf((char *)outcome->data + outcome->bytes, 16, "%s,",
                                           slash ? slash + 1 : entry->path);
    }
}

static enum code model_resize(struct model_entry *entry, size_t bytes)
{
    if (bytes < entry->bytes) {
        memset(entry->data + bytes, 0, entry->bytes - bytes);
    }
    entry->bytes = bytes;
    return CODE_OK;
}

static void do_on_model(struct model *model, const struct step *step, struct outcome *outcome)
{
    struct model_entry *entry = &model->entries[step->at];
    enum code code = CODE_OK;
    outcome->bytes = 0;
    switch (step->kind) {
    case CREATE:
    case MAKE_DIRECTORY:
        code = way_to(model, step->at);
        if (code != CODE_OK) break;
        if (entry->kind == NOTHING) {
            entry->kind = step->kind == CREATE ? IS_FILE : IS_DIRECTORY;
            entry->bytes = 0;
            memset(entry->data, 0, sizeof entry->data);
        } else if (step->kind == CREATE || entry->kind == IS_FILE) {
            code = CODE_INVALID;
        }
        break;
    case WRITE:
    case WRITE_ZEROS:
        code = model_find_file(model, step->at);
        if (code != CODE_OK || step->bytes == 0) break;
        memset(entry->data + step->offset, step->fill, step->bytes);
        if (entry->bytes < step->offset + step->bytes) entry->bytes = step->offset + step->bytes;
        break;
    case TRUNCATE:
        code = model_find_file(model, step->at);
        if (code == CODE_OK) code = model_resize(entry, step->offset);
        break;
    case READ:
        code = model_find_file(model, step->at);
        if (code != CODE_OK) break;
        outcome->bytes = entry->bytes;
        memcpy(outcome->data, entry->data, entry->bytes);
        break;
    case RENAME:
        code = model_rename(model, step->at, step->to);
        break;
    case REMOVE:
        code = model_find(model, step->at);
        if (code != CODE_OK) break;
        if (entry->kind == IS_DIRECTORY && !model_is_empty(model, step->at)) {
            code = CODE_INVALID;
        } else {
            entry->kind = NOTHING;
        }
        break;
    case LIST:
        if (step->to % 2 == 0) {
            code = model_find(model, step->at);
            if (code == CODE_OK && entry->kind == IS_FILE) code = CODE_IO;
        }
        if (code == CODE_OK) model_list(model, step->to % 2 ? -1 : step->at, outcome);
        break;
    case EXISTS:
        outcome->bytes = model_find(model, step->at) == CODE_OK;
        break;
    case KINDS:
        break;
    }
    outcome->code = code;
}

static struct step draw_step(struct choices *choices)
{
    struct step step = {.kind = (enum kind)choose(choices, KINDS - 1),
                        .at = (int)choose(choices, ENTRY_COUNT - 1),
                        .to = (int)choose(choices, ENTRY_COUNT - 1)};
    /* Page and sector borders are where mistakes live. */
    uint64_t page = choose(choices, 4) * SIMULATED_PAGE_BYTES;
    step.offset = page + (choose_one_in(choices, 2) ? 0 : choose(choices, 4095));
    step.bytes = (size_t)choose(
        choices, MODEL_FILE_BYTES - step.offset < 9000 ? MODEL_FILE_BYTES - step.offset : 9000);
    step.fill = (uint8_t)choose(choices, 255); /* zeros are a case of their own */
    if (choose_one_in(choices, 4)) step.fill = 0;
    if (step.kind == WRITE_ZEROS) {
        step.offset = page;
        step.bytes -= step.bytes % DISK_BLOCK_BYTES;
        step.fill = 0;
    }
    return step;
}

static struct model model;
static struct outcome expected, got;

static bool outcomes_agree(const struct step *step)
{
    if (expected.code != got.code || expected.bytes != got.bytes) return false;
    if (expected.code != CODE_OK || (step->kind != READ && step->kind != LIST)) return true;
    return memcmp(expected.data, got.data, expected.bytes) == 0;
}

static bool run_stream(struct disk *disk, uint64_t seed, int *done_count)
{
    struct choices choices;
    choices_from_seed(&choices, seed, NULL);
    model_init(&model);
    for (int i = 0; i < STREAM_STEPS; i++) {
        struct step step = draw_step(&choices);
        do_on_model(&model, &step, &expected);
        do_on_disk(disk, &model, &step, &got);
        *done_count += expected.code == CODE_OK;
        if (!outcomes_agree(&step)) {
            fprintf(stderr, "seed %" PRIu64 " step %d: operation %d on '%s', '%s': %s, want %s\n",
                    seed, i, (int)step.kind, model.entries[step.at].path,
                    model.entries[step.to].path, code_name(got.code), code_name(expected.code));
            return false;
        }
    }
    return true;
}

static void posix_disk_agrees_with_the_model(struct test *t)
{
    struct memory memory;
    memory_init(&memory, 0);
    int done_count = 0;
    for (uint64_t seed = 1; seed <= STREAM_SEEDS; seed++) {
        char root[256];
        struct error error;
        struct disk *disk;
        CHECK(make_root(root, sizeof root));
        CHECK_EQ(disk_open_posix(root, false, &memory, &disk, &error), CODE_OK);
        CHECK(run_stream(disk, seed, &done_count));
        disk_free(disk);
        remove_root(root);
    }
    CHECK(done_count > STREAM_SEEDS * STREAM_STEPS / 8);
    memory_release(&memory);
}

static void check_simulated(struct test *t, enum simulated_kind kind)
{
    struct memory memory;
    memory_init(&memory, 0);
    int done_count = 0;
    for (uint64_t seed = 1; seed <= STREAM_SEEDS * 10; seed++) {
        struct error error;
        struct disk *disk;
        CHECK_EQ(simulated_disk_create(&memory, kind, &disk, &error), CODE_OK);
        CHECK(run_stream(disk, seed, &done_count));
        disk_free(disk);
    }
    CHECK(done_count > STREAM_SEEDS * STREAM_STEPS);
    memory_release(&memory);
}

static void plain_simulated_disk_agrees_with_the_model(struct test *t)
{
    check_simulated(t, SIMULATED_PLAIN);
}

static void faulty_simulated_disk_without_faults_agrees_with_the_model(struct test *t)
{
    check_simulated(t, SIMULATED_FAULTY);
}

/* --- the seam --- */

static void paths_that_leave_the_root_are_refused(struct test *t)
{
    static const char *const bad[] = {"",    "/etc/passwd", "..",   "../x", "a/../b", "a//b",
                                      "./a", "a/",          "a/..", ".",    "/"};
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct disk_file *file;
    bool exists;
    char long_path[DISK_PATH_BYTES + 1];
    memset(long_path, 'x', DISK_PATH_BYTES);
    long_path[DISK_PATH_BYTES] = 0;
    memory_init(&memory, 0);
    CHECK_EQ(simulated_disk_create(&memory, SIMULATED_PLAIN, &disk, &error), CODE_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK_EQ(disk_create(disk, bad[i], &file, &error), CODE_MISUSE);
        CHECK(file == NULL);
        CHECK_EQ(disk_remove(disk, bad[i], &error), CODE_MISUSE);
    }
    CHECK_EQ(disk_create(disk, long_path, &file, &error), CODE_MISUSE);
    CHECK_EQ(disk_exists(disk, "", &exists, &error), CODE_OK); /* the root */
    CHECK(exists);
    CHECK_EQ(disk_create(disk, "..a", &file, &error), CODE_OK);
    disk_close(file);
    CHECK(disk_root_path(disk) == NULL);
    disk_free(disk);
    memory_release(&memory);
}

static void root_is_made_only_when_asked_for(struct test *t)
{
    char root[256], inner[300], file_root[300];
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct disk_file *file;
    memory_init(&memory, 0);
    CHECK(make_root(root, sizeof root));
    (void)snprintf(inner, sizeof inner, "%s/new", root);
    (void)snprintf(file_root, sizeof file_root, "%s/file", root);
    CHECK_EQ(disk_open_posix(inner, false, &memory, &disk, &error), CODE_NOT_FOUND);
    CHECK(strstr(error.message, inner) != NULL);
    CHECK_EQ(disk_open_posix(inner, true, &memory, &disk, &error), CODE_OK);
    CHECK_TEXT(disk_root_path(disk), inner);
    disk_free(disk);
    CHECK_EQ(disk_open_posix(inner, true, &memory, &disk, &error), CODE_OK); /* it is there now */
    disk_free(disk);
    CHECK_EQ(disk_open_posix(root, false, &memory, &disk, &error), CODE_OK);
    CHECK_EQ(disk_create(disk, "file", &file, &error), CODE_OK);
    disk_close(file);
    disk_free(disk);
    CHECK_EQ(disk_open_posix(file_root, true, &memory, &disk, &error), CODE_INVALID);
    CHECK(disk == NULL);
    disk_free(disk); /* nothing to do */
    remove_root(root);
    memory_release(&memory);
}

static void removed_file_stays_readable_through_its_handle(struct test *t)
{
    char root[256], text[8];
    struct memory memory;
    struct error error;
    struct disk *disks[2];
    memory_init(&memory, 0);
    CHECK(make_root(root, sizeof root));
    CHECK_EQ(disk_open_posix(root, false, &memory, &disks[0], &error), CODE_OK);
    CHECK_EQ(simulated_disk_create(&memory, SIMULATED_FAULTY, &disks[1], &error), CODE_OK);
    for (int i = 0; i < 2; i++) {
        struct disk_file *file, *other;
        size_t bytes;
        CHECK_EQ(disk_create(disks[i], "a", &file, &error), CODE_OK);
        CHECK_EQ(disk_write(file, 0, "old", 3, &error), CODE_OK);
        CHECK_EQ(disk_create(disks[i], "b", &other, &error), CODE_OK);
        CHECK_EQ(disk_rename(disks[i], "b", "a", &error), CODE_OK); /* replaces it */
        CHECK_EQ(disk_write(other, 0, "new!", 4, &error), CODE_OK);
        CHECK_EQ(disk_remove(disks[i], "a", &error), CODE_OK);
        CHECK_EQ(disk_read(file, 0, text, sizeof text, &bytes, &error), CODE_OK);
        CHECK_EQ(bytes, 3);
        CHECK(memcmp(text, "old", 3) == 0);
        CHECK_EQ(disk_read(other, 1, text, sizeof text, &bytes, &error), CODE_OK);
        CHECK_EQ(bytes, 3);
        CHECK(memcmp(text, "ew!", 3) == 0);
        disk_close(file);
        disk_close(other);
        disk_free(disks[i]);
    }
    remove_root(root);
    memory_release(&memory);
}

/* --- locks --- */

static void second_lock_in_one_process_is_refused_with_its_pid(struct test *t)
{
    char root[256], pid[32];
    struct memory memory;
    struct error error;
    struct disk *disks[3];
    memory_init(&memory, 0);
    CHECK(make_root(root, sizeof root));
    CHECK_EQ(disk_open_posix(root, false, &memory, &disks[0], &error), CODE_OK);
    CHECK_EQ(disk_open_posix(root, false, &memory, &disks[1], &error), CODE_OK);
    CHECK_EQ(simulated_disk_create(&memory, SIMULATED_PLAIN, &disks[2], &error), CODE_OK);
    (void)snprintf(pid, sizeof pid, "%ld", (long)getpid());
    for (int i = 0; i < 2; i++) { /* twice on one handle of the disk, and across two */
        struct disk *first = i == 0 ? disks[0] : disks[2], *second = i == 0 ? disks[1] : disks[2];
        struct disk_lock *lock, *refused;
        CHECK_EQ(disk_lock(first, "LOCK", &lock, &error), CODE_OK);
        CHECK_EQ(disk_lock(first, "LOCK", &refused, &error), CODE_BUSY);
        CHECK_EQ(disk_lock(second, "LOCK", &refused, &error), CODE_BUSY);
        CHECK(refused == NULL);
        CHECK(strstr(error.message, pid) != NULL);
        CHECK(error.hint[0] != 0);
        disk_unlock(first, lock);
        CHECK_EQ(disk_lock(second, "LOCK", &lock, &error), CODE_OK);
        disk_unlock(second, lock);
    }
    for (int i = 0; i < 3; i++)
        disk_free(disks[i]);
    remove_root(root);
    memory_release(&memory);
}

/* In the child: takes the lock, says so, waits to be killed. */
static void hold_lock(const char *root, int say)
{
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct disk_lock *lock;
    memory_init(&memory, 0);
    if (disk_open_posix(root, false, &memory, &disk, &error) != CODE_OK) _exit(1);
    if (disk_lock(disk, "LOCK", &lock, &error) != CODE_OK) _exit(1);
    if (write(say, "x", 1) != 1) _exit(1);
    for (;;)
        (void)pause();
}

static void lock_of_another_process_is_refused_with_its_pid_and_ends_with_it(struct test *t)
{
    char root[256], pid[32], ready;
    int ends[2], status;
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct disk_lock *lock;
    memory_init(&memory, 0);
    CHECK(make_root(root, sizeof root));
    CHECK(pipe(ends) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) hold_lock(root, ends[1]);
    (void)close(ends[1]);
    CHECK_EQ(read(ends[0], &ready, 1), 1);
    CHECK_EQ(disk_open_posix(root, false, &memory, &disk, &error), CODE_OK);
    CHECK_EQ(disk_lock(disk, "LOCK", &lock, &error), CODE_BUSY);
    (void)snprintf(pid, sizeof pid, "process %ld", (long)child);
    CHECK(strstr(error.message, pid) != NULL);
    CHECK(strstr(error.message, root) != NULL);
    CHECK(kill(child, SIGKILL) == 0);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(disk_lock(disk, "LOCK", &lock, &error), CODE_OK);
    disk_unlock(disk, lock);
    disk_free(disk);
    (void)close(ends[0]);
    remove_root(root);
    memory_release(&memory);
}

/* --- what the system refuses --- */

/* In the child, without root's rights: 0 if each refusal has the right code. */
static int check_read_only(const char *root)
{
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct disk_file *file;
    struct disk_lock *lock;
    memory_init(&memory, 0);
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 77;
    if (disk_open_posix(root, false, &memory, &disk, &error) != CODE_OK) return 1;
    if (disk_create(disk, "new", &file, &error) != CODE_READ_ONLY) return 2;
    if (!strstr(error.message, "new") || error.hint[0] == 0) return 3;
    if (disk_open(disk, "old", DISK_READ_WRITE, &file, &error) != CODE_READ_ONLY) return 4;
    if (disk_lock(disk, "LOCK", &lock, &error) != CODE_READ_ONLY) return 5;
    if (disk_remove(disk, "old", &error) != CODE_READ_ONLY) return 6;
    if (disk_rename(disk, "old", "new", &error) != CODE_READ_ONLY) return 7;
    if (disk_make_directory(disk, "new", &error) != CODE_READ_ONLY) return 8;
    if (disk_open(disk, "old", DISK_READ_ONLY, &file, &error) != CODE_OK) return 9;
    disk_close(file);
    disk_free(disk);
    return 0;
}

static void read_only_directory_gives_read_only(struct test *t)
{
    char root[256];
    int status;
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct disk_file *file;
    memory_init(&memory, 0);
    CHECK(make_root(root, sizeof root));
    CHECK_EQ(disk_open_posix(root, false, &memory, &disk, &error), CODE_OK);
    CHECK_EQ(disk_create(disk, "old", &file, &error), CODE_OK);
    disk_close(file);
    disk_free(disk);
    CHECK(chmod(root, 0555) == 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(check_read_only(root));
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(chmod(root, 0755) == 0);
    remove_root(root);
    memory_release(&memory);
    CHECK(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) SKIP("cannot give up root's rights here");
    CHECK_EQ(WEXITSTATUS(status), 0);
}

static void full_disk_gives_no_space(struct test *t)
{
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct disk_file *file;
    if (access("/dev/full", W_OK) != 0) SKIP("no /dev/full");
    memory_init(&memory, 0);
    CHECK_EQ(disk_open_posix("/dev", false, &memory, &disk, &error), CODE_OK);
    CHECK_EQ(disk_open(disk, "full", DISK_READ_WRITE, &file, &error), CODE_OK);
    CHECK_EQ(disk_write(file, 0, "x", 1, &error), CODE_NO_SPACE);
    CHECK(strstr(error.message, "/dev/full") != NULL);
    CHECK(error.hint[0] != 0);
    /* A device that cannot sync fails for good. */
    CHECK(disk_sync(file, &error) != CODE_OK);
    CHECK_EQ(disk_sync(file, &error), CODE_FAILED);
    CHECK_EQ(disk_write(file, 0, "x", 1, &error), CODE_FAILED);
    disk_close(file);
    disk_free(disk);
    memory_release(&memory);
}

/* Fails the N-th allocation for every N until a run passes untouched. */
static void every_failed_allocation_is_an_error_and_leaks_nothing(struct test *t)
{
    char root[256];
    struct memory memory;
    struct error error;
    CHECK(make_root(root, sizeof root));
    for (int kind = 0; kind < 2; kind++) {
        enum code code = CODE_NO_MEMORY;
        unsigned long long n = 1;
        for (; code != CODE_OK; n++) {
            struct disk *disk = NULL;
            struct disk_file *file = NULL;
            struct disk_lock *lock = NULL;
            struct disk_names names = {0};
            memory_init(&memory, 0);
            memory.fail_at_call = n;
            TRY(kind == 0 ? disk_open_posix(root, true, &memory, &disk, &error)
                          : simulated_disk_create(&memory, SIMULATED_FAULTY, &disk, &error));
            TRY(disk_create(disk, "x", &file, &error));
            TRY(disk_write(file, 5000, "abc", 3, &error));
            TRY(disk_sync(file, &error));
            TRY(disk_write(file, 5000, "def", 3, &error));
            TRY(disk_truncate(file, 5001, &error));
            TRY(disk_rename(disk, "x", "y", &error));
            TRY(disk_lock(disk, "LOCK", &lock, &error));
            TRY(disk_list(disk, "", &memory, &names, &error));
        out:
            disk_names_release(&names);
            disk_unlock(disk, lock);
            disk_close(file);
            disk_free(disk);
            memory_release(&memory);
            remove_root(root);
            CHECK(code == CODE_OK || code == CODE_NO_MEMORY);
        }
        CHECK(n > (kind == 0 ? 5 : 9));
    }
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(posix_disk_agrees_with_the_model),
               CASE(plain_simulated_disk_agrees_with_the_model),
               CASE(faulty_simulated_disk_without_faults_agrees_with_the_model),
               CASE(paths_that_leave_the_root_are_refused), CASE(root_is_made_only_when_asked_for),
               CASE(removed_file_stays_readable_through_its_handle),
               CASE(second_lock_in_one_process_is_refused_with_its_pid),
               CASE(lock_of_another_process_is_refused_with_its_pid_and_ends_with_it),
               CASE(read_only_directory_gives_read_only), CASE(full_disk_gives_no_space),
               CASE(every_failed_allocation_is_an_error_and_leaks_nothing));
}
