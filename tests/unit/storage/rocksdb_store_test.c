/* The contract on RocksDB, and what only a disk can show: locks, read-only opens, damage, a log cut
 * off anywhere.  A crash is a copy of the folder, taken while the store is open: RocksDB's log is
 * written through to the file by each batch, so the copy is what a killed process leaves. */
#include "storage/rocksdb_store.h"

#include "base/hash.h"
#include "harness/store_rows.h"
#include "unit/storage/store_contract.h"

#include <dirent.h>
#include <fcntl.h>
#include <rocksdb/c.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Syncs that RocksDB asks for: its library finds these before those of the C library. */
static atomic_uint syncs;

#define SEEN_BY_ROCKSDB __attribute__((visibility("default")))

SEEN_BY_ROCKSDB int fdatasync(int file)
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fdatasync, file);
}

SEEN_BY_ROCKSDB int fsync(int file)
{
    atomic_fetch_add(&syncs, 1);
    return (int)syscall(SYS_fsync, file);
}

/* Bytes that it asks for before it has anything to write there. */
static atomic_ullong bytes_ahead;

SEEN_BY_ROCKSDB int fallocate(int file, int mode, off_t offset, off_t bytes)
{
    atomic_fetch_add(&bytes_ahead, (unsigned long long)bytes);
    return (int)syscall(SYS_fallocate, file, mode, offset, bytes);
}

static const struct rocksdb_store_options creating = {.create = true};

static void home_path(const struct home *home, char path[300])
{
    snprintf(path, 300, "%s/%u", home->folder.path, home->generation);
}

static enum code open_again(struct home *home, struct rocksdb_store_options options)
{
    char path[300];
    home_path(home, path);
    return rocksdb_store_open(path, &options, &home->memory, &home->store, &home->error);
}

static bool home_open(struct home *home)
{
    *home = (struct home){0};
    memory_init(&home->memory, 0);
    return folder_make(&home->folder) && open_again(home, creating) == CODE_OK;
}

static bool home_restart(struct home *home)
{
    store_close(home->store);
    return open_again(home, (struct rocksdb_store_options){0}) == CODE_OK;
}

static bool copy_file(const char *from, const char *to)
{
    static char bytes[1 << 16];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    bool ok = in && out;
    for (size_t count; ok && (count = fread(bytes, 1, sizeof bytes, in)) > 0;)
        ok = fwrite(bytes, 1, count, out) == count;
    if (in) (void)fclose(in);
    return out && fclose(out) == 0 && ok;
}

static long file_bytes(const char *path)
{
    struct stat stat_of_file;
    return stat(path, &stat_of_file) == 0 ? (long)stat_of_file.st_size : -1;
}

/* Names and sizes of the store's files, summed: changes with any of them. */
static uint64_t folder_state(const char *path)
{
    char file[600];
    uint64_t sum = 0;
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        sum += hash_bytes(entry->d_name, strlen(entry->d_name)) ^ (uint64_t)file_bytes(file);
    }
    if (folder) (void)closedir(folder);
    return sum;
}

static void remove_store(const struct home *home)
{
    char path[300];
    home_path(home, path);
    (void)nftw(path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static bool copy_files(const char *from, const char *to)
{
    char source[600], target[600];
    DIR *folder = opendir(from);
    bool ok = folder && mkdir(to, 0700) == 0;
    for (const struct dirent *entry; ok && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
        snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
        ok = copy_file(source, target);
    }
    if (folder) (void)closedir(folder);
    return ok;
}

/* Copies the store's folder to the next generation's as it is at one moment: anew, if RocksDB's
 * threads changed it meanwhile. */
static bool copy_folder(struct home *home)
{
    enum { ATTEMPTS = 100 };
    char from[300], to[300];
    home_path(home, from);
    home->generation++;
    home_path(home, to);
    for (int i = 0; i < ATTEMPTS; i++) {
        uint64_t before = folder_state(from);
        if (copy_files(from, to) && folder_state(from) == before) return true;
        remove_store(home);
    }
    return false;
}

static bool home_crash(struct home *home)
{
    struct store *dead = home->store;
    bool ok = copy_folder(home) && open_again(home, (struct rocksdb_store_options){0}) == CODE_OK;
    store_close(dead);
    return ok;
}

static void home_close(struct home *home)
{
    store_close(home->store);
    folder_remove(&home->folder);
    memory_release(&home->memory);
}

/* The path of the store's file whose name ends so; the last in order of names. */
static bool find_file(const struct home *home, const char *end, char found[600])
{
    char path[300], name[256] = "";
    home_path(home, path);
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder && (entry = readdir(folder));) {
        size_t bytes = strlen(entry->d_name);
        if (bytes < strlen(end) || strcmp(entry->d_name + bytes - strlen(end), end) != 0) continue;
        if (strcmp(entry->d_name, name) > 0) snprintf(name, sizeof name, "%s", entry->d_name);
    }
    if (folder) (void)closedir(folder);
    snprintf(found, 600, "%s/%s", path, name);
    return name[0] != '\0';
}

static void a_log_cut_off_anywhere_leaves_a_whole_number_of_batches(struct test *t)
{
    enum { BATCHES = 40, CUTS = 60 };
    struct home home;
    struct choices choices;
    uint64_t numbers[KEYSPACE_COUNT], seen = 0;
    char log[600];
    CHECK(home_open(&home));
    for (uint64_t i = 1; i <= BATCHES; i++)
        CHECK_EQ(write_number(home.store, i, &home.error), CODE_OK);
    CHECK_EQ(store_flush(home.store, &home.error), CODE_OK);
    struct store *writer = home.store;
    choices_from_seed(&choices, 77, NULL);
    for (int cut = 0; cut < CUTS; cut++) {
        home.generation = 0;
        CHECK(find_file(&home, ".log", log));
        long bytes = file_bytes(log);
        CHECK(bytes > 0);
        CHECK(copy_folder(&home));
        CHECK(find_file(&home, ".log", log));
        CHECK_EQ(truncate(log, (off_t)choose(&choices, (uint64_t)bytes)), 0);
        CHECK_EQ(open_again(&home, (struct rocksdb_store_options){0}), CODE_OK);
        for (enum keyspace i = 0; i < KEYSPACE_COUNT; i++) {
            CHECK(read_number(home.store, i, &numbers[i]));
            CHECK_EQ(numbers[i], numbers[0]);
        }
        CHECK(numbers[0] <= BATCHES);
        seen |= UINT64_C(1) << numbers[0];
        store_close(home.store);
        remove_store(&home);
    }
    CHECK(__builtin_popcountll(seen) > 10);
    home.store = writer;
    home_close(&home);
}

static void a_flush_syncs_the_log_and_a_write_does_not(struct test *t)
{
    struct home home;
    CHECK(home_open(&home));
    CHECK(atomic_load(&syncs) > 0); /* creating does: they are counted */
    CHECK_EQ(write_number(home.store, 1, &home.error), CODE_OK);
    for (uint64_t i = 2; i < 20; i++) {
        unsigned before = atomic_load(&syncs);
        CHECK_EQ(write_number(home.store, i, &home.error), CODE_OK);
        CHECK_EQ(atomic_load(&syncs), before);
        CHECK_EQ(store_flush(home.store, &home.error), CODE_OK);
        CHECK(atomic_load(&syncs) > before);
    }
    home_close(&home);
}

/* Or an open would need room for what it may write some day; the first RocksDB shows that it is
 * seen. */
static void no_room_is_taken_for_what_is_not_written_yet(struct test *t)
{
    struct home home = {0};
    char path[300], *text = NULL;
    memory_init(&home.memory, 0);
    CHECK(folder_make(&home.folder));
    home_path(&home, path);
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_t *db = rocksdb_open(options, path, &text);
    CHECK(db && !text);
    rocksdb_close(db);
    rocksdb_options_destroy(options);
    CHECK(atomic_load(&bytes_ahead) > 0);
    atomic_store(&bytes_ahead, 0);
    CHECK_EQ(open_again(&home, creating), CODE_OK);
    CHECK_EQ(write_number(home.store, 1, &home.error), CODE_OK);
    CHECK_EQ(store_flush(home.store, &home.error), CODE_OK);
    CHECK(home_restart(&home)); /* with a log to recover */
    home_close(&home);
    CHECK_EQ(atomic_load(&bytes_ahead), 0);
}

static void a_store_that_is_open_is_busy(struct test *t)
{
    struct home home;
    struct store *second;
    char path[300];
    CHECK(home_open(&home));
    home_path(&home, path);
    CHECK_EQ(rocksdb_store_open(path, &creating, &home.memory, &second, &home.error), CODE_BUSY);
    CHECK(!second);
    CHECK_EQ(home.error.area, AREA_STORE);
    home_close(&home);
}

static void a_store_is_created_only_where_that_was_asked_for(struct test *t)
{
    struct home home = {0};
    memory_init(&home.memory, 0);
    CHECK(folder_make(&home.folder));
    CHECK_EQ(open_again(&home, (struct rocksdb_store_options){0}), CODE_NOT_FOUND);
    CHECK(!home.store);
    CHECK_EQ(open_again(&home, (struct rocksdb_store_options){.read_only = true}), CODE_NOT_FOUND);
    CHECK_EQ(open_again(&home, creating), CODE_OK);
    home_close(&home);
}

static void a_creation_that_ended_half_way_is_completed(struct test *t)
{
    struct home home = {0};
    char path[300], *text = NULL;
    memory_init(&home.memory, 0);
    CHECK(folder_make(&home.folder));
    home_path(&home, path);
    rocksdb_options_t *options = rocksdb_options_create();
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_t *db = rocksdb_open(options, path, &text); /* no families yet */
    CHECK(db && !text);
    rocksdb_close(db);
    rocksdb_options_destroy(options);
    CHECK_EQ(open_again(&home, (struct rocksdb_store_options){0}), CODE_OK);
    CHECK(put(&home, KEYSPACE_CREATORS, TEXT("k"), TEXT("v")));
    CHECK(home_restart(&home));
    CHECK(has(&home, KEYSPACE_CREATORS, TEXT("k"), TEXT("v")));
    home_close(&home);
}

static void a_read_only_store_reads_and_refuses_to_write(struct test *t)
{
    struct home home;
    CHECK(home_open(&home));
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("v")));
    store_close(home.store);
    CHECK_EQ(open_again(&home, (struct rocksdb_store_options){.read_only = true}), CODE_OK);
    CHECK(has(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("v")));
    CHECK_TEXT(keys_in(&home, KEYSPACE_ITEMS, EVERYTHING), "k,");
    CHECK_EQ(write_number(home.store, 1, &home.error), CODE_READ_ONLY);
    CHECK_EQ(store_flush(home.store, &home.error), CODE_READ_ONLY);
    CHECK_EQ(store_delete(home.store, KEYSPACE_ITEMS, TEXT("k"), &home.error), CODE_READ_ONLY);
    CHECK(home_restart(&home));
    CHECK(has(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("v")));
    CHECK_TEXT(keys_in(&home, KEYSPACE_DATABASE, EVERYTHING), "");
    home_close(&home);
}

static void a_read_only_open_leaves_the_folder_as_it_was(struct test *t)
{
    struct home home;
    char path[300];
    CHECK(home_open(&home));
    home_path(&home, path);
    CHECK(put(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("v")));
    store_close(home.store);
    uint64_t before = folder_state(path);
    CHECK_EQ(open_again(&home, (struct rocksdb_store_options){.read_only = true}), CODE_OK);
    CHECK(has(&home, KEYSPACE_ITEMS, TEXT("k"), TEXT("v")));
    CHECK(folder_state(path) == before);
    store_close(home.store);
    CHECK(folder_state(path) == before);
    CHECK_EQ(open_again(&home, (struct rocksdb_store_options){0}), CODE_OK);
    CHECK(folder_state(path) != before); /* another open is seen */
    home_close(&home);
}

static void a_read_only_store_sees_what_only_the_log_holds(struct test *t)
{
    struct home home;
    uint64_t number;
    CHECK(home_open(&home));
    CHECK_EQ(write_number(home.store, 7, &home.error), CODE_OK);
    CHECK_EQ(store_flush(home.store, &home.error), CODE_OK);
    struct store *writer = home.store;
    CHECK(copy_folder(&home));
    CHECK_EQ(open_again(&home, (struct rocksdb_store_options){.read_only = true}), CODE_OK);
    for (enum keyspace i = 0; i < KEYSPACE_COUNT; i++) {
        CHECK(read_number(home.store, i, &number));
        CHECK_EQ(number, 7);
    }
    store_close(writer);
    home_close(&home);
}

/* After a clean close all rows are in tables; damages the newest file that ends so. */
static enum code open_after_damage(struct home *home, const char *end, long position)
{
    char path[600];
    store_close(home->store);
    home->store = NULL;
    if (!find_file(home, end, path)) return CODE_MISUSE;
    FILE *file = fopen(path, "r+b");
    if (!file || fseek(file, position, position < 0 ? SEEK_END : SEEK_SET) != 0) return CODE_MISUSE;
    (void)fputs("damage", file);
    (void)fclose(file);
    return open_again(home, (struct rocksdb_store_options){0});
}

static bool home_with_rows(struct home *home)
{
    if (!home_open(home)) return false;
    for (uint64_t i = 0; i < 500; i++) {
        struct key key = key_build(i, TAG_ENTITY, (struct slice){0});
        if (!put(home, KEYSPACE_ITEMS, key_slice(&key), key_slice(&key))) return false;
    }
    return true;
}

static void a_damaged_table_is_reported_by_the_read_that_meets_it(struct test *t)
{
    struct home home;
    struct store_scan *scan = NULL;
    struct slice key, value;
    bool has_row = true;
    CHECK(home_with_rows(&home));
    enum code code = open_after_damage(&home, ".sst", 20);
    if (code == CODE_OK) {
        code = store_scan_open(home.store, KEYSPACE_ITEMS, EVERYTHING, &scan, &home.error);
        while (code == CODE_OK && has_row)
            code = store_scan_next(scan, &key, &value, &has_row, &home.error);
        store_scan_close(scan);
    }
    CHECK_EQ(code, CODE_CORRUPT);
    CHECK(strstr(home.error.message, "cannot scan the store: "));
    home_close(&home);
}

static void a_damaged_table_end_or_manifest_is_corruption(struct test *t)
{
    static const struct {
        const char *end;
        long position;
    } places[] = {{".sst", -8}, {"CURRENT", 0}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct home home;
        CHECK(home_with_rows(&home));
        CHECK_EQ(open_after_damage(&home, places[i].end, places[i].position), CODE_CORRUPT);
        CHECK(!home.store);
        home_close(&home);
    }
}

static void a_missing_table_is_corruption(struct test *t)
{
    struct home home;
    char path[600];
    CHECK(home_with_rows(&home));
    store_close(home.store);
    CHECK(find_file(&home, ".sst", path));
    CHECK_EQ(remove(path), 0);
    CHECK_EQ(open_again(&home, (struct rocksdb_store_options){0}), CODE_CORRUPT);
    home_close(&home);
}

static void error_texts_are_told_apart(struct test *t)
{
    static const struct {
        const char *text;
        enum code code;
    } texts[] = {
        {"IO error: No space left on device: While appending to file: x/1.log", CODE_NO_SPACE},
        {"IO error: Disk quota exceeded: While appending to file: x/1.log", CODE_NO_SPACE},
        {"IO error: While mkdir if missing: /x: Read-only file system", CODE_READ_ONLY},
        {"IO error: While lock file: /x/LOCK: Permission denied", CODE_READ_ONLY},
        {"IO error: While lock file: /x/LOCK: Resource temporarily unavailable", CODE_BUSY},
        {"Corruption: block checksum mismatch", CODE_CORRUPT},
        {"Corruption: file does not exist", CODE_CORRUPT},
        {"Invalid argument: Directory exists", CODE_INVALID},
        {"Invalid argument: /x: does not exist (create_if_missing is false)", CODE_NOT_FOUND},
        {"IO error: While pread offset 0 len 5: /x/1.sst: Input/output error", CODE_IO},
        {"something new", CODE_IO},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        CHECK_EQ(rocksdb_classify(texts[i].text), texts[i].code);
}

static void opening_without_memory_is_refused(struct test *t)
{
    struct home home = {0};
    memory_init(&home.memory, 16);
    CHECK(folder_make(&home.folder));
    CHECK_EQ(open_again(&home, creating), CODE_NO_MEMORY);
    CHECK(!home.store);
    home_close(&home);
}

static bool number_in(struct store *store, uint64_t expected)
{
    uint64_t number;
    for (enum keyspace i = 0; i < KEYSPACE_COUNT; i++)
        if (!read_number(store, i, &number) || number != expected) return false;
    return true;
}

static void a_copy_holds_what_the_store_held_and_is_apart(struct test *t)
{
    struct home home;
    struct store *copy = NULL;
    char path[400], rest[600];
    CHECK(home_open(&home));
    CHECK_EQ(write_number(home.store, 7, &home.error), CODE_OK);
    snprintf(path, sizeof path, "%s/copy", home.folder.path);
    /* What an attempt that was killed leaves behind. */
    snprintf(rest, sizeof rest, "%s.tmp", path);
    CHECK_EQ(mkdir(rest, 0700), 0);
    unsigned before = atomic_load(&syncs);
    CHECK_EQ(store_checkpoint(home.store, path, &home.error), CODE_OK);
    CHECK(atomic_load(&syncs) > before);
    CHECK_EQ(file_bytes(rest), -1);
    CHECK_EQ(write_number(home.store, 8, &home.error), CODE_OK);

    struct rocksdb_store_options writing = {0};
    CHECK_EQ(rocksdb_store_open(path, &writing, &home.memory, &copy, &home.error), CODE_OK);
    CHECK(number_in(copy, 7));
    CHECK_EQ(write_number(copy, 9, &home.error), CODE_OK);
    CHECK(number_in(home.store, 8));
    store_close(copy);
    CHECK_EQ(rocksdb_store_open(path, &writing, &home.memory, &copy, &home.error), CODE_OK);
    CHECK(number_in(copy, 9));
    store_close(copy);
    CHECK(home_restart(&home));
    CHECK(number_in(home.store, 8));
    home_close(&home);
}

static void a_copy_is_refused_over_what_is_there_and_of_a_read_only_store(struct test *t)
{
    struct home home;
    char path[400];
    CHECK(home_open(&home));
    CHECK_EQ(write_number(home.store, 7, &home.error), CODE_OK);
    snprintf(path, sizeof path, "%s/copy", home.folder.path);
    CHECK_EQ(mkdir(path, 0700), 0);
    CHECK_EQ(store_checkpoint(home.store, path, &home.error), CODE_INVALID);
    snprintf(path, sizeof path, "%s/no/copy", home.folder.path);
    CHECK(store_checkpoint(home.store, path, &home.error) != CODE_OK);
    CHECK_EQ(write_number(home.store, 8, &home.error), CODE_OK);
    store_close(home.store);
    CHECK_EQ(open_again(&home, (struct rocksdb_store_options){.read_only = true}), CODE_OK);
    snprintf(path, sizeof path, "%s/other", home.folder.path);
    CHECK_EQ(store_checkpoint(home.store, path, &home.error), CODE_READ_ONLY);
    CHECK(number_in(home.store, 8));
    home_close(&home);
}

int main(int argc, char **argv)
{
    return RUN(
        argc, argv, STORE_CONTRACT, CASE(a_log_cut_off_anywhere_leaves_a_whole_number_of_batches),
        CASE(a_flush_syncs_the_log_and_a_write_does_not),
        CASE(no_room_is_taken_for_what_is_not_written_yet), CASE(a_store_that_is_open_is_busy),
        CASE(a_store_is_created_only_where_that_was_asked_for),
        CASE(a_creation_that_ended_half_way_is_completed),
        CASE(a_read_only_open_leaves_the_folder_as_it_was),
        CASE(a_read_only_store_reads_and_refuses_to_write),
        CASE(a_read_only_store_sees_what_only_the_log_holds),
        CASE(a_damaged_table_is_reported_by_the_read_that_meets_it),
        CASE(a_damaged_table_end_or_manifest_is_corruption), CASE(a_missing_table_is_corruption),
        CASE(a_copy_holds_what_the_store_held_and_is_apart),
        CASE(a_copy_is_refused_over_what_is_there_and_of_a_read_only_store),
        CASE(error_texts_are_told_apart), CASE(opening_without_memory_is_refused));
}
