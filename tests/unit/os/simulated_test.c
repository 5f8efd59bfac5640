/* The simulated disk against the promise of POSIX, told naively: for each byte, size and name the
 * set of values that it had since it was last made durable.  What is found after a loss of power
 * must be among them; and over the seeds each kind of loss must have happened. */
#include "base/choices.h"
#include "harness/test.h"
#include "os/simulated.h"
#include "os/threads.h"

#define SEEDS       3000
#define FILE_COUNT  2
#define FILE_BYTES  14000
#define STEPS       30
#define NAME_COUNT  5
#define NAME_STEPS  24
#define ID_MAXIMUM  60
#define ABSENT_BIT  (UINT64_C(1) << 63)
#define MUTANT_RUNS 200

/* --- bytes and sizes --- */

/* Values 0..7: a set of them is a byte of bits. */
struct file_model {
    uint8_t legal[FILE_BYTES];
    uint8_t now[FILE_BYTES];
    size_t size;
    size_t least_size;
    size_t most_size;
};

struct totals {
    struct simulated_losses losses;
    uint64_t torn_seen; /* pages seen with new and old sectors */
    uint64_t crashes_in_mid_run;
    uint64_t failed_syncs;
};

static struct file_model files[FILE_COUNT];
static uint8_t bytes_found[FILE_BYTES + 1];

static void note_size(struct file_model *file, size_t size)
{
    if (size < file->least_size) file->least_size = size;
    if (size > file->most_size) file->most_size = size;
}

static void model_write(struct file_model *file, size_t offset, size_t bytes, uint8_t value)
{
    for (size_t i = offset; i < offset + bytes; i++) {
        file->legal[i] |= (uint8_t)(1u << value);
        file->now[i] = value;
    }
    if (file->size < offset + bytes) file->size = offset + bytes;
    note_size(file, file->size);
}

static void model_truncate(struct file_model *file, size_t bytes)
{
    for (size_t i = bytes; i < file->size; i++) {
        file->legal[i] |= 1;
        file->now[i] = 0;
    }
    file->size = bytes;
    note_size(file, bytes);
}

static void model_sync(struct file_model *file)
{
    for (size_t i = 0; i < FILE_BYTES; i++)
        file->legal[i] = (uint8_t)(1u << file->now[i]);
    file->least_size = file->most_size = file->size;
}

static enum code step_on(struct disk_file *file, struct file_model *model, struct choices *choices,
                         uint8_t value, struct error *error)
{
    static uint8_t data[FILE_BYTES];
    size_t offset = (size_t)choose(choices, FILE_BYTES - 1);
    size_t bytes = (size_t)choose(choices, FILE_BYTES - offset);
    enum code code;
    switch (choose(choices, 5)) {
    case 0:
        model_truncate(model, offset);
        return disk_truncate(file, offset, error);
    case 1:
        code = disk_sync(file, error);
        if (code == CODE_OK) model_sync(model);
        return code;
    default:
        memset(data, value, bytes);
        if (bytes > 0) model_write(model, offset, bytes, value);
        return disk_write(file, offset, data, bytes, error);
    }
}

/* Both files, made, empty and durable, in the model and on the disk. */
static enum code make_files(struct disk *disk, struct disk_file *handles[FILE_COUNT],
                            struct error *error)
{
    enum code code;
    static const char *const paths[FILE_COUNT] = {"a", "b"};
    for (int i = 0; i < FILE_COUNT; i++) {
        memset(&files[i], 0, sizeof files[i]);
        model_sync(&files[i]);
        TRY(disk_create(disk, paths[i], &handles[i], error));
        TRY(disk_sync(handles[i], error));
    }
    code = disk_sync_directory(disk, "", error);
out:
    return code;
}

static bool file_is_legal(struct disk *disk, const char *path, const struct file_model *model,
                          struct totals *totals)
{
    struct error error;
    struct disk_file *file;
    size_t bytes;
    if (disk_open(disk, path, DISK_READ_ONLY, &file, &error) != CODE_OK) return false;
    enum code code = disk_read(file, 0, bytes_found, sizeof bytes_found, &bytes, &error);
    disk_close(file);
    if (code != CODE_OK || bytes < model->least_size || bytes > model->most_size) return false;
    for (size_t i = 0; i < bytes; i++) {
        if (bytes_found[i] > 7 || !(model->legal[i] >> bytes_found[i] & 1)) return false;
        /* A border of new and old inside a page and on a sector can only be a torn page. */
        if (i % SIMULATED_PAGE_BYTES == 0 || i % SIMULATED_SECTOR_BYTES != 0) continue;
        bool new_here = bytes_found[i] == model->now[i];
        bool new_before = bytes_found[i - 1] == model->now[i - 1];
        if (new_here != new_before && model->now[i] == model->now[i - 1]) totals->torn_seen++;
    }
    return true;
}

static void add_losses(struct totals *totals, struct disk *disk)
{
    struct simulated_losses losses = simulated_disk_losses(disk);
    totals->losses.pages_kept += losses.pages_kept;
    totals->losses.pages_lost += losses.pages_lost;
    totals->losses.pages_torn += losses.pages_torn;
    totals->losses.sizes_lost += losses.sizes_lost;
    totals->losses.names_kept += losses.names_kept;
    totals->losses.names_lost += losses.names_lost;
}

/* One life of the disk and what is found after it; false if that is not legal. */
static bool data_survives(uint64_t seed, bool ignore_sync, struct totals *totals)
{
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct disk_file *handles[FILE_COUNT] = {0};
    struct choices choices;
    enum code code;
    bool legal = false;
    memory_init(&memory, 0);
    choices_from_seed(&choices, seed, NULL);
    struct simulated_faults faults = {.choices = &choices, .ignore_sync = ignore_sync};
    if (simulated_disk_create(&memory, SIMULATED_FAULTY, &disk, &error) != CODE_OK) return false;
    TRY(make_files(disk, handles, &error));
    if (seed % 2) faults.crash_at_operation = 1 + choose(&choices, STEPS - 1);
    if (seed % 3 == 0) faults.sync_error_one_in = 4;
    simulated_disk_set_faults(disk, &faults);
    for (int i = 0; i < STEPS && code == CODE_OK; i++) {
        size_t at = (size_t)choose(&choices, FILE_COUNT - 1);
        code = step_on(handles[at], &files[at], &choices, (uint8_t)(1 + i % 7), &error);
    }
    totals->crashes_in_mid_run += simulated_disk_has_crashed(disk);
    totals->failed_syncs += code != CODE_OK && !simulated_disk_has_crashed(disk);
    simulated_disk_crash(disk, SIMULATED_POWER, &choices);
    add_losses(totals, disk);
    legal =
        file_is_legal(disk, "a", &files[0], totals) && file_is_legal(disk, "b", &files[1], totals);
out:
    for (int i = 0; i < FILE_COUNT; i++)
        disk_close(handles[i]);
    disk_free(disk);
    memory_release(&memory);
    return legal;
}

static void power_loss_leaves_legal_bytes_and_sizes(struct test *t)
{
    struct totals totals = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool legal = data_survives(seed, false, &totals);
        if (!legal) fprintf(stderr, "seed %" PRIu64 "\n", seed);
        CHECK(legal);
    }
    CHECK(totals.losses.pages_kept > SEEDS / 10);
    CHECK(totals.losses.pages_lost > SEEDS / 10);
    CHECK(totals.losses.pages_torn > SEEDS / 10);
    CHECK(totals.losses.sizes_lost > SEEDS / 20);
    CHECK(totals.torn_seen > 0);
    CHECK(totals.crashes_in_mid_run > SEEDS / 4);
    CHECK(totals.failed_syncs > SEEDS / 20);
}

static void disk_that_ignores_sync_is_caught(struct test *t)
{
    struct totals totals = {0};
    int caught = 0;
    for (uint64_t seed = 1; seed <= MUTANT_RUNS; seed++) {
        caught += !data_survives(seed, true, &totals);
    }
    CHECK(caught > MUTANT_RUNS / 10);
}

/* --- names --- */

/* Each file is numbered, and the number is its durable content. */
struct name_model {
    uint64_t now[NAME_COUNT];   /* the number, or 0 */
    uint64_t legal[NAME_COUNT]; /* bits: numbers since the last sync of its directory, ABSENT_BIT */
    uint64_t must_exist;        /* bits: numbers that nothing has removed or replaced since */
    uint64_t next_id;
};

static const char *const name_paths[NAME_COUNT] = {"d/a", "d/b", "d/c", "e/a", "e/b"};

static uint64_t bit_of(uint64_t id)
{
    return id == 0 ? ABSENT_BIT : UINT64_C(1) << id;
}

static void model_set_name(struct name_model *model, size_t at, uint64_t id)
{
    model->now[at] = id;
    model->legal[at] |= bit_of(id);
}

static void model_sync_names(struct name_model *model, const char *directory)
{
    for (size_t i = 0; i < NAME_COUNT; i++) {
        if (name_paths[i][0] != directory[0]) continue;
        model->legal[i] = bit_of(model->now[i]);
        if (model->now[i]) model->must_exist |= bit_of(model->now[i]);
    }
}

static enum code create_numbered(struct disk *disk, struct name_model *model, size_t at,
                                 struct error *error)
{
    enum code code;
    struct disk_file *file = NULL;
    uint64_t id = model->next_id++;
    model_set_name(model, at, id);
    TRY(disk_create(disk, name_paths[at], &file, error));
    TRY(disk_write(file, 0, &id, sizeof id, error));
    TRY(disk_sync(file, error));
out:
    disk_close(file);
    return code;
}

static enum code step_names(struct disk *disk, struct name_model *model, struct choices *choices,
                            struct error *error)
{
    enum code code = CODE_OK;
    size_t at = (size_t)choose(choices, NAME_COUNT - 1);
    size_t to = (size_t)choose(choices, NAME_COUNT - 1);
    uint64_t kind = choose(choices, 5);
    if (kind == 0) {
        const char *directory = at % 2 ? "d" : "e";
        code = disk_sync_directory(disk, directory, error);
        if (code == CODE_OK) model_sync_names(model, directory);
    } else if (model->now[at] == 0) {
        if (model->next_id < ID_MAXIMUM) code = create_numbered(disk, model, at, error);
    } else if (kind == 1) {
        model->must_exist &= ~bit_of(model->now[at]);
        model_set_name(model, at, 0);
        code = disk_remove(disk, name_paths[at], error);
    } else if (at != to) {
        uint64_t id = model->now[at];
        if (model->now[to]) model->must_exist &= ~bit_of(model->now[to]);
        model_set_name(model, to, id);
        model_set_name(model, at, 0);
        code = disk_rename(disk, name_paths[at], name_paths[to], error);
    }
    return code;
}

/* The number in the file of this name; 0 if there is none, UINT64_MAX if it is damaged. */
static uint64_t find_number(struct disk *disk, size_t at)
{
    struct error error;
    struct disk_file *file;
    uint64_t id = 0;
    size_t bytes;
    if (disk_open(disk, name_paths[at], DISK_READ_ONLY, &file, &error) != CODE_OK) return 0;
    enum code code = disk_read(file, 0, &id, sizeof id, &bytes, &error);
    disk_close(file);
    return code == CODE_OK && bytes == sizeof id && id > 0 && id < ID_MAXIMUM ? id : UINT64_MAX;
}

/* A file whose creation was cut short may be there without its number. */
static bool names_are_legal(struct disk *disk, const struct name_model *model)
{
    uint64_t found = 0;
    for (size_t i = 0; i < NAME_COUNT; i++) {
        uint64_t id = find_number(disk, i);
        if (id == UINT64_MAX) {
            if (!(model->legal[i] & bit_of(model->next_id - 1))) return false;
            continue;
        }
        if (!(model->legal[i] & bit_of(id))) return false;
        if (id && found & bit_of(id)) return false; /* one file under two names */
        if (id) found |= bit_of(id);
    }
    return (model->must_exist & ~found) == 0;
}

static bool names_survive(uint64_t seed, bool ignore_directory_sync, struct totals *totals)
{
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct choices choices;
    enum code code;
    bool legal = false;
    struct name_model model = {.next_id = 1};
    memory_init(&memory, 0);
    choices_from_seed(&choices, seed, NULL);
    if (simulated_disk_create(&memory, SIMULATED_FAULTY, &disk, &error) != CODE_OK) return false;
    TRY(disk_make_directory(disk, "d", &error));
    TRY(disk_make_directory(disk, "e", &error));
    TRY(disk_sync_directory(disk, "", &error));
    model_sync_names(&model, "d");
    model_sync_names(&model, "e");
    struct simulated_faults faults = {.choices = &choices,
                                      .ignore_directory_sync = ignore_directory_sync};
    if (seed % 2) faults.crash_at_operation = 1 + choose(&choices, NAME_STEPS - 1);
    simulated_disk_set_faults(disk, &faults);
    for (int i = 0; i < NAME_STEPS && code == CODE_OK; i++) {
        code = step_names(disk, &model, &choices, &error);
    }
    simulated_disk_crash(disk, SIMULATED_POWER, &choices);
    add_losses(totals, disk);
    legal = names_are_legal(disk, &model);
out:
    disk_free(disk);
    memory_release(&memory);
    return legal;
}

static void power_loss_leaves_legal_names(struct test *t)
{
    struct totals totals = {0};
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        bool legal = names_survive(seed, false, &totals);
        if (!legal) fprintf(stderr, "seed %" PRIu64 "\n", seed);
        CHECK(legal);
    }
    CHECK(totals.losses.names_kept > SEEDS / 4);
    CHECK(totals.losses.names_lost > SEEDS / 4);
}

static void disk_that_ignores_directory_sync_is_caught(struct test *t)
{
    struct totals totals = {0};
    int caught = 0;
    for (uint64_t seed = 1; seed <= MUTANT_RUNS; seed++) {
        caught += !names_survive(seed, true, &totals);
    }
    CHECK(caught > MUTANT_RUNS / 10);
}

/* --- single faults --- */

/* A faulty disk with one file "a" open that is made, named and durable. */
struct fixture {
    struct memory memory;
    struct error error;
    struct choices choices;
    struct disk *disk;
    struct disk_file *file;
};

static bool fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    memory_init(&f->memory, 0);
    choices_from_list(&f->choices, NULL, 0, NULL); /* answers 0 for ever */
    return simulated_disk_create(&f->memory, SIMULATED_FAULTY, &f->disk, &f->error) == CODE_OK &&
           disk_create(f->disk, "a", &f->file, &f->error) == CODE_OK &&
           disk_sync(f->file, &f->error) == CODE_OK &&
           disk_sync_directory(f->disk, "", &f->error) == CODE_OK;
}

static void fixture_release(struct fixture *f)
{
    disk_close(f->file);
    disk_free(f->disk);
    memory_release(&f->memory);
}

static bool reads(struct fixture *f, const char *want)
{
    char found[64];
    size_t bytes;
    if (disk_read(f->file, 0, found, sizeof found, &bytes, &f->error) != CODE_OK) return false;
    return bytes == strlen(want) && memcmp(found, want, bytes) == 0;
}

static bool reopen(struct fixture *f)
{
    disk_close(f->file);
    return disk_open(f->disk, "a", DISK_READ_WRITE, &f->file, &f->error) == CODE_OK;
}

static void failed_sync_marks_pages_clean_and_is_final(struct test *t)
{
    struct fixture f;
    CHECK(fixture_init(&f));
    CHECK_EQ(disk_write(f.file, 0, "old", 3, &f.error), CODE_OK);
    CHECK_EQ(disk_sync(f.file, &f.error), CODE_OK);
    CHECK_EQ(disk_write(f.file, 0, "new", 3, &f.error), CODE_OK);
    simulated_disk_set_faults(
        f.disk, &(struct simulated_faults){.choices = &f.choices, .fail_at_operation = 1});
    CHECK_EQ(disk_sync(f.file, &f.error), CODE_IO);
    CHECK_EQ(disk_sync(f.file, &f.error), CODE_FAILED);
    CHECK_EQ(disk_write(f.file, 0, "x", 1, &f.error), CODE_FAILED);
    CHECK_EQ(disk_truncate(f.file, 0, &f.error), CODE_FAILED);
    CHECK(reads(&f, "new")); /* the cache keeps it */
    CHECK(reopen(&f));
    CHECK(reads(&f, "new"));
    CHECK_EQ(disk_sync(f.file, &f.error), CODE_OK); /* and yet nothing was written */
    simulated_disk_crash(f.disk, SIMULATED_POWER, &f.choices);
    CHECK(reopen(&f));
    CHECK(reads(&f, "old"));
    fixture_release(&f);
}

static void process_crash_keeps_the_cache_and_ends_handles_and_locks(struct test *t)
{
    struct fixture f;
    struct disk_lock *lock, *next;
    struct disk_file *other;
    CHECK(fixture_init(&f));
    CHECK_EQ(disk_lock(f.disk, "LOCK", &lock, &f.error), CODE_OK);
    CHECK_EQ(disk_write(f.file, 0, "seen", 4, &f.error), CODE_OK);
    CHECK_EQ(disk_create(f.disk, "b", &other, &f.error), CODE_OK);
    simulated_disk_crash(f.disk, SIMULATED_PROCESS, &f.choices);
    CHECK_EQ(disk_write(f.file, 0, "late", 4, &f.error), CODE_FAILED);
    CHECK_EQ(disk_sync(other, &f.error), CODE_FAILED);
    CHECK_EQ(disk_lock(f.disk, "LOCK", &next, &f.error), CODE_OK);
    disk_unlock(f.disk, lock); /* of the life before: must not open the new one */
    CHECK_EQ(disk_lock(f.disk, "LOCK", &lock, &f.error), CODE_BUSY);
    disk_unlock(f.disk, next);
    disk_close(other);
    CHECK(reopen(&f));
    CHECK(reads(&f, "seen"));
    CHECK_EQ(disk_open(f.disk, "b", DISK_READ_ONLY, &other, &f.error), CODE_OK);
    disk_close(other);
    fixture_release(&f);
}

static void after_the_crash_everything_fails_until_the_next_life(struct test *t)
{
    struct fixture f;
    char text[4];
    size_t bytes;
    bool exists;
    uint64_t size;
    struct disk_names names;
    struct disk_file *other;
    CHECK(fixture_init(&f));
    simulated_disk_set_faults(f.disk, &(struct simulated_faults){.crash_at_operation = 2});
    CHECK_EQ(disk_write(f.file, 0, "one", 3, &f.error), CODE_OK);
    CHECK_EQ(simulated_disk_operations(f.disk), 1);
    CHECK(!simulated_disk_has_crashed(f.disk));
    CHECK_EQ(disk_write(f.file, 0, "two", 3, &f.error), CODE_IO);
    CHECK(simulated_disk_has_crashed(f.disk));
    CHECK_EQ(disk_read(f.file, 0, text, sizeof text, &bytes, &f.error), CODE_IO);
    CHECK_EQ(disk_size(f.file, &size, &f.error), CODE_IO);
    CHECK_EQ(disk_create(f.disk, "b", &other, &f.error), CODE_IO);
    CHECK_EQ(disk_exists(f.disk, "a", &exists, &f.error), CODE_IO);
    CHECK_EQ(disk_rename(f.disk, "a", "b", &f.error), CODE_IO);
    CHECK_EQ(disk_remove(f.disk, "a", &f.error), CODE_IO);
    CHECK_EQ(disk_sync_directory(f.disk, "", &f.error), CODE_IO);
    CHECK_EQ(disk_make_directory(f.disk, "d", &f.error), CODE_IO);
    CHECK_EQ(disk_list(f.disk, "", &f.memory, &names, &f.error), CODE_IO);
    disk_names_release(&names);
    CHECK_EQ(disk_sync(f.file, &f.error), CODE_IO);
    simulated_disk_crash(f.disk, SIMULATED_PROCESS, &f.choices);
    CHECK(reopen(&f));
    CHECK(reads(&f, "one")); /* without choices the cut write did nothing */
    fixture_release(&f);
}

static void write_beyond_the_space_is_refused_and_removal_gives_it_back(struct test *t)
{
    static char data[5 * SIMULATED_PAGE_BYTES];
    struct fixture f;
    struct disk_file *other;
    uint64_t bytes;
    memset(data, 'x', sizeof data);
    CHECK(fixture_init(&f));
    simulated_disk_set_faults(f.disk,
                              &(struct simulated_faults){.space_bytes = 8 * SIMULATED_PAGE_BYTES});
    CHECK_EQ(disk_write(f.file, 0, data, sizeof data, &f.error), CODE_OK);
    CHECK_EQ(disk_create(f.disk, "b", &other, &f.error), CODE_OK);
    CHECK_EQ(disk_write(other, 0, data, sizeof data, &f.error), CODE_NO_SPACE);
    CHECK_EQ(disk_size(other, &bytes, &f.error), CODE_OK);
    CHECK_EQ(bytes, 3 * SIMULATED_PAGE_BYTES); /* the part that went in */
    CHECK_EQ(disk_write(f.file, 0, data, sizeof data, &f.error), CODE_OK); /* has its pages */
    CHECK_EQ(disk_remove(f.disk, "b", &f.error), CODE_OK);
    CHECK_EQ(disk_write(f.file, sizeof data, data, 1, &f.error), CODE_NO_SPACE); /* still open */
    disk_close(other);
    CHECK_EQ(disk_sync_directory(f.disk, "", &f.error), CODE_OK);
    CHECK_EQ(disk_write(f.file, sizeof data, data, 1, &f.error), CODE_OK);
    CHECK_EQ(disk_truncate(f.file, 0, &f.error), CODE_OK);
    CHECK_EQ(disk_create(f.disk, "c", &other, &f.error), CODE_OK);
    CHECK_EQ(disk_write(other, 0, data, sizeof data, &f.error), CODE_OK);
    disk_close(other);
    fixture_release(&f);
}

static void read_errors_come_as_often_as_asked(struct test *t)
{
    struct fixture f;
    char text[4];
    size_t bytes;
    int errors = 0;
    CHECK(fixture_init(&f));
    struct choices choices;
    choices_from_seed(&choices, 5, NULL);
    simulated_disk_set_faults(
        f.disk, &(struct simulated_faults){.choices = &choices, .read_error_one_in = 4});
    for (int i = 0; i < 400; i++) {
        enum code code = disk_read(f.file, 0, text, sizeof text, &bytes, &f.error);
        CHECK(code == CODE_OK || code == CODE_IO);
        errors += code == CODE_IO;
    }
    CHECK(errors > 50);
    CHECK(errors < 150);
    fixture_release(&f);
}

static void flipped_bits_and_damage_change_durable_bytes_only(struct test *t)
{
    static uint8_t data[3 * SIMULATED_PAGE_BYTES], found[sizeof data + 1];
    struct fixture f;
    struct choices choices;
    size_t bytes;
    int bits = 0;
    CHECK(fixture_init(&f));
    choices_from_seed(&choices, 9, NULL);
    memset(data, 0x55, sizeof data);
    CHECK_EQ(simulated_disk_flip_bits(f.disk, "", 1, &choices), 0); /* nothing to flip yet */
    CHECK_EQ(disk_write(f.file, 0, data, sizeof data - 100, &f.error), CODE_OK);
    CHECK_EQ(disk_sync(f.file, &f.error), CODE_OK);
    CHECK_EQ(simulated_disk_flip_bits(f.disk, "b", 1, &choices), 0); /* no such prefix */
    CHECK_EQ(simulated_disk_flip_bits(f.disk, "a", 3, &choices), 3);
    CHECK_EQ(simulated_disk_damage(f.disk, "a", sizeof data - 100, 1, &f.error), CODE_NOT_FOUND);
    CHECK_EQ(simulated_disk_damage(f.disk, "c", 0, 1, &f.error), CODE_NOT_FOUND);
    simulated_disk_crash(f.disk, SIMULATED_POWER, &choices);
    CHECK(reopen(&f));
    CHECK_EQ(disk_read(f.file, 0, found, sizeof found, &bytes, &f.error), CODE_OK);
    CHECK_EQ(bytes, sizeof data - 100);
    for (size_t i = 0; i < bytes; i++)
        bits += __builtin_popcount(found[i] ^ data[i]);
    CHECK(bits == 3 || bits == 1); /* two of them may have met */
    /* A page that is dirty is not what was damaged. */
    CHECK_EQ(disk_write(f.file, 0, "new", 3, &f.error), CODE_OK);
    CHECK_EQ(simulated_disk_damage(f.disk, "a", 1, 0xff, &f.error), CODE_OK);
    CHECK_EQ(disk_read(f.file, 0, found, 3, &bytes, &f.error), CODE_OK);
    CHECK(memcmp(found, "new", 3) == 0);
    fixture_release(&f);
}

static void same_seed_gives_the_same_disk(struct test *t)
{
    static uint8_t first[FILE_BYTES + 1];
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct totals one = {0}, two = {0};
        CHECK(data_survives(seed, false, &one));
        memcpy(first, bytes_found, sizeof first);
        CHECK(data_survives(seed, false, &two));
        CHECK(memcmp(first, bytes_found, sizeof first) == 0);
        CHECK(memcmp(&one, &two, sizeof one) == 0);
    }
}

/* What a `:memory:` database writes: a log prepared with zeros, then filled. */
static void plain_disk_keeps_bytes_once_and_zeros_not_at_all(struct test *t)
{
    static uint8_t data[256 * 1024];
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct disk_file *file;
    memory_init(&memory, 0);
    CHECK_EQ(simulated_disk_create(&memory, SIMULATED_PLAIN, &disk, &error), CODE_OK);
    CHECK_EQ(disk_create(disk, "log", &file, &error), CODE_OK);
    for (uint64_t i = 0; i < 64; i++) {
        CHECK_EQ(disk_write(file, i * sizeof data, data, sizeof data, &error), CODE_OK);
    }
    CHECK(atomic_load(&memory.used_bytes) < 64 * sizeof data / 50);
    memset(data, 7, sizeof data);
    size_t before = atomic_load(&memory.used_bytes);
    CHECK_EQ(disk_write(file, 0, data, sizeof data, &error), CODE_OK);
    CHECK_EQ(disk_sync(file, &error), CODE_OK);
    CHECK_EQ(disk_write(file, 0, data, sizeof data, &error), CODE_OK);
    CHECK(atomic_load(&memory.used_bytes) - before < sizeof data + sizeof data / 50);
    disk_close(file);
    disk_free(disk);
    memory_release(&memory);
}

struct writer {
    struct thread thread;
    struct disk *disk;
    int number;
    bool good;
};

static void write_own_file(void *argument)
{
    struct writer *writer = argument;
    struct disk *disk = writer->disk;
    struct error error;
    char path[16], other[16];
    (void)snprintf(path, sizeof path, "%d", writer->number);
    (void)snprintf(other, sizeof other, "%d.moved", writer->number);
    for (uint32_t i = 0; i < 200; i++) {
        enum code code;
        struct disk_file *file = NULL;
        uint32_t found = 0;
        size_t bytes;
        TRY(disk_create(disk, path, &file, &error));
        TRY(disk_write(file, i * 3, &i, sizeof i, &error));
        TRY(disk_sync(file, &error));
        TRY(disk_rename(disk, path, other, &error));
        TRY(disk_sync_directory(disk, "", &error));
        TRY(disk_read(file, i * 3, &found, sizeof found, &bytes, &error));
        TRY(disk_remove(disk, other, &error));
    out:
        disk_close(file);
        if (code != CODE_OK || found != i) return;
    }
    writer->good = true;
}

static void several_threads_may_use_one_disk(struct test *t)
{
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct writer writers[4] = {0};
    memory_init(&memory, 0);
    CHECK_EQ(simulated_disk_create(&memory, SIMULATED_FAULTY, &disk, &error), CODE_OK);
    for (int i = 0; i < 4; i++) {
        writers[i].disk = disk;
        writers[i].number = i;
        CHECK_EQ(thread_start(&writers[i].thread, "writer", write_own_file, &writers[i], &error),
                 CODE_OK);
    }
    for (int i = 0; i < 4; i++)
        thread_join(&writers[i].thread);
    for (int i = 0; i < 4; i++)
        CHECK(writers[i].good);
    disk_free(disk);
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(power_loss_leaves_legal_bytes_and_sizes),
               CASE(disk_that_ignores_sync_is_caught), CASE(power_loss_leaves_legal_names),
               CASE(disk_that_ignores_directory_sync_is_caught),
               CASE(failed_sync_marks_pages_clean_and_is_final),
               CASE(process_crash_keeps_the_cache_and_ends_handles_and_locks),
               CASE(after_the_crash_everything_fails_until_the_next_life),
               CASE(write_beyond_the_space_is_refused_and_removal_gives_it_back),
               CASE(read_errors_come_as_often_as_asked),
               CASE(flipped_bits_and_damage_change_durable_bytes_only),
               CASE(same_seed_gives_the_same_disk), CASE(several_threads_may_use_one_disk),
               CASE(plain_disk_keeps_bytes_once_and_zeros_not_at_all));
}
