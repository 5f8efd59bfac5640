#include "os/disk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Names in one directory: far above what a database makes. */
#define NAME_COUNT_MAXIMUM (1u << 20)

static bool part_is_good(const char *part, size_t bytes)
{
    if (bytes == 0 || (bytes == 1 && part[0] == '.')) return false;
    return !(bytes == 2 && part[0] == '.' && part[1] == '.');
}

static bool path_is_good(const char *path)
{
    if (strlen(path) >= DISK_PATH_BYTES) return false;
    for (;;) {
        size_t bytes = strcspn(path, "/");
        if (!part_is_good(path, bytes)) return false;
        if (path[bytes] == 0) return true;
        path += bytes + 1;
    }
}

static enum code check_path(const char *path, struct error *error)
{
    if (path_is_good(path)) return CODE_OK;
    return error_set(error, CODE_MISUSE, AREA_OS, "path '%.200s' does not lie under the root",
                     path);
}

static enum code check_directory(const char *path, struct error *error)
{
    return path[0] == 0 ? CODE_OK : check_path(path, error);
}

void disk_free(struct disk *disk)
{
    if (!disk) return;
    assert(atomic_load(&disk->open_file_count) == 0);
    disk->operations->free(disk);
}

static enum code opened(struct disk *disk, const char *path, enum disk_access access,
                        struct disk_file *file)
{
    file->disk = disk;
    file->access = access;
    atomic_init(&file->failed, false);
    memcpy(file->path, path, strlen(path) + 1); /* checked by path_is_good */
    atomic_fetch_add(&disk->open_file_count, 1);
    return CODE_OK;
}

enum code disk_create(struct disk *disk, const char *path, struct disk_file **file,
                      struct error *error)
{
    enum code code;
    *file = NULL;
    TRY(check_path(path, error));
    TRY(disk->operations->create(disk, path, file, error));
    return opened(disk, path, DISK_READ_WRITE, *file);
out:
    return code;
}

enum code disk_open(struct disk *disk, const char *path, enum disk_access access,
                    struct disk_file **file, struct error *error)
{
    enum code code;
    *file = NULL;
    TRY(check_path(path, error));
    TRY(disk->operations->open(disk, path, access, file, error));
    return opened(disk, path, access, *file);
out:
    return code;
}

void disk_close(struct disk_file *file)
{
    if (!file) return;
    atomic_fetch_sub(&file->disk->open_file_count, 1);
    file->disk->operations->close(file);
}

enum code disk_read(struct disk_file *file, uint64_t offset, void *buffer, size_t bytes,
                    size_t *bytes_read, struct error *error)
{
    *bytes_read = 0;
    size_t moved = bytes;
    enum code code = file->disk->operations->read(file, offset, buffer, &moved, error);
    if (code == CODE_OK) *bytes_read = moved;
    return code;
}

static enum code check_writable(struct disk_file *file, struct error *error)
{
    assert(file->access == DISK_READ_WRITE);
    if (!atomic_load(&file->failed)) return CODE_OK;
    error_set(error, CODE_FAILED, AREA_OS, "file '%s' failed to reach the disk earlier",
              file->path);
    error_hint(error, "close the database and open it again");
    return CODE_FAILED;
}

enum code disk_write(struct disk_file *file, uint64_t offset, const void *data, size_t bytes,
                     struct error *error)
{
    assert(offset <= INT64_MAX - bytes);
    enum code code;
    TRY(check_writable(file, error));
    code = file->disk->operations->write(file, offset, data, bytes, error);
out:
    return code;
}

enum code disk_write_zeros(struct disk_file *file, uint64_t offset, uint64_t bytes,
                           struct error *error)
{
    static _Alignas(DISK_BLOCK_BYTES)
        uint8_t zeros[1 << 20]; /* const, it would be in the program */
    assert(offset <= INT64_MAX - bytes);
    assert(offset % DISK_BLOCK_BYTES == 0 && bytes % DISK_BLOCK_BYTES == 0);
    const struct disk_operations *operations = file->disk->operations;
    enum code code = check_writable(file, error);
    while (code == CODE_OK && bytes > 0) {
        size_t part = bytes < sizeof zeros ? (size_t)bytes : sizeof zeros;
        code = operations->write_direct ? operations->write_direct(file, offset, zeros, part, error)
                                        : operations->write(file, offset, zeros, part, error);
        offset += part;
        bytes -= part;
    }
    return code;
}

enum code disk_sync(struct disk_file *file, struct error *error)
{
    enum code code;
    TRY(check_writable(file, error));
    code = file->disk->operations->sync(file, error);
    if (code != CODE_OK) atomic_store(&file->failed, true);
out:
    return code;
}

enum code disk_size(struct disk_file *file, uint64_t *bytes, struct error *error)
{
    return file->disk->operations->size(file, bytes, error);
}

enum code disk_truncate(struct disk_file *file, uint64_t bytes, struct error *error)
{
    assert(bytes <= INT64_MAX);
    enum code code;
    TRY(check_writable(file, error));
    code = file->disk->operations->truncate(file, bytes, error);
out:
    return code;
}

enum code disk_sync_directory(struct disk *disk, const char *directory, struct error *error)
{
    enum code code;
    TRY(check_directory(directory, error));
    code = disk->operations->sync_directory(disk, directory, error);
out:
    return code;
}

enum code disk_rename(struct disk *disk, const char *from, const char *to, struct error *error)
{
    enum code code;
    TRY(check_path(from, error));
    TRY(check_path(to, error));
    code = disk->operations->rename(disk, from, to, error);
out:
    return code;
}

enum code disk_remove(struct disk *disk, const char *path, struct error *error)
{
    enum code code;
    TRY(check_path(path, error));
    code = disk->operations->remove(disk, path, error);
out:
    return code;
}

enum code disk_exists(struct disk *disk, const char *path, bool *exists, struct error *error)
{
    enum code code;
    *exists = false;
    TRY(check_directory(path, error));
    code = disk->operations->exists(disk, path, exists, error);
out:
    return code;
}

enum code disk_make_directory(struct disk *disk, const char *directory, struct error *error)
{
    enum code code;
    TRY(check_path(directory, error));
    code = disk->operations->make_directory(disk, directory, error);
out:
    return code;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum code disk_list(struct disk *disk, const char *directory, struct memory *memory,
                    struct disk_names *names, struct error *error)
{
    enum code code;
    *names = (struct disk_names){.memory = memory};
    TRY(check_directory(directory, error));
    TRY(disk->operations->list(disk, directory, names, error));
    if (names->count > 1) qsort(names->names, names->count, sizeof *names->names, compare_names);
out:
    return code;
}

bool disk_names_add(struct disk_names *names, const char *name, size_t name_bytes)
{
    void *array = names->names;
    if (!memory_grow(names->memory, &array, &names->capacity, names->count + 1,
                     sizeof *names->names, NAME_COUNT_MAXIMUM)) {
        return false;
    }
    names->names = array;
    char *copy = memory_allocate(names->memory, name_bytes + 1);
    if (!copy) return false;
    memcpy(copy, name, name_bytes);
    copy[name_bytes] = 0;
    names->names[names->count++] = copy;
    return true;
}

void disk_names_release(struct disk_names *names)
{
    if (!names || !names->memory) return;
    for (size_t i = 0; i < names->count; i++) {
        memory_free(names->memory, names->names[i], strlen(names->names[i]) + 1);
    }
    memory_free(names->memory, names->names, names->capacity * sizeof *names->names);
    *names = (struct disk_names){0};
}

enum code disk_lock(struct disk *disk, const char *path, struct disk_lock **lock,
                    struct error *error)
{
    enum code code;
    *lock = NULL;
    TRY(check_path(path, error));
    TRY(disk->operations->lock(disk, path, lock, error));
    atomic_fetch_add(&disk->open_file_count, 1);
out:
    return code;
}

void disk_unlock(struct disk *disk, struct disk_lock *lock)
{
    if (!lock) return;
    atomic_fetch_sub(&disk->open_file_count, 1);
    disk->operations->unlock(disk, lock);
}

const char *disk_root_path(struct disk *disk)
{
    return disk->operations->root_path(disk);
}
