#include "audit/directory.h"

#include "storage/rocksdb_store.h"

#include <stdio.h>

enum code directory_open(struct directory *directory, const char *path, struct error *error)
{
    struct error ignored;
    bool exists = false;
    enum code code;
    *directory = (struct directory){0};
    memory_init(&directory->memory, 0);
    TRY(disk_open_posix(path, false, &directory->memory, &directory->disk, error));
    directory->has_id =
        identity_open(directory->disk, false, NULL, directory->id, &ignored) == CODE_OK;
    TRY(disk_exists(directory->disk, LOG_DIRECTORY, &exists, error));
    if (directory->has_id || exists) return CODE_OK;
    code = error_set(error, CODE_NOT_FOUND, AREA_ENGINE, "there is no database in '%.150s'", path);
    error_hint(error, "name a directory that holds '" IDENTITY_FILE "' and '" LOG_DIRECTORY "'");
out:
    return code;
}

enum code directory_make(struct directory *directory, const char *path, struct error *error)
{
    enum code code;
    *directory = (struct directory){0};
    memory_init(&directory->memory, 0);
    struct disk_names names = {.memory = &directory->memory};
    TRY(disk_open_posix(path, true, &directory->memory, &directory->disk, error));
    TRY(disk_list(directory->disk, "", &directory->memory, &names, error));
    if (names.count > 0) {
        code = error_set(error, CODE_INVALID, AREA_ENGINE,
                         "the directory '%.120s' is not empty: it holds '%.60s'", path,
                         names.names[0]);
        error_hint(error, "name a new or an empty directory");
    }
out:
    disk_names_release(&names);
    return code;
}

void directory_close(struct directory *directory)
{
    disk_free(directory->disk);
    memory_release(&directory->memory);
}

enum code directory_path(const struct directory *directory, const char *name,
                         char path[DIRECTORY_PATH_BYTES], struct error *error)
{
    const char *root = disk_root_path(directory->disk);
    int bytes = snprintf(path, DIRECTORY_PATH_BYTES, "%s/%s", root, name);
    if (bytes > 0 && bytes < DIRECTORY_PATH_BYTES) return CODE_OK;
    return error_set(error, CODE_LIMIT, AREA_ENGINE, "the path '%.100s...' is too long", root);
}

enum code directory_open_store(struct directory *directory, struct store **store,
                               struct error *error)
{
    struct rocksdb_store_options options = {.read_only = true};
    char path[DIRECTORY_PATH_BYTES];
    *store = NULL;
    enum code code = directory_path(directory, STORE_DIRECTORY, path, error);
    if (code != CODE_OK) return code;
    return rocksdb_store_open(path, &options, &directory->memory, store, error);
}
