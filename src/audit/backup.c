#include "audit/backup.h"

#include <stdio.h>

#define MANIFEST_TEMPORARY MANIFEST_FILE ".tmp"
#define COPY_BYTES         ((size_t)256 << 10)

static const char *const folders[] = {STORE_DIRECTORY, LOG_DIRECTORY};
enum { FOLDER_COUNT = sizeof folders / sizeof *folders };

static bool join(char path[DISK_PATH_BYTES], const char *folder, const char *name)
{
    int bytes = snprintf(path, DISK_PATH_BYTES, "%s/%s", folder, name);
    return bytes > 0 && bytes < DISK_PATH_BYTES;
}

/* What an attempt that failed has made; names alone, as nothing else can be there. */
static void remove_all(struct directory *directory)
{
    static const char *const files[] = {MANIFEST_TEMPORARY, MANIFEST_FILE, IDENTITY_FILE};
    struct error ignored;
    if (!directory->disk) return;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        (void)!disk_remove(directory->disk, files[i], &ignored);
    for (int i = 0; i < FOLDER_COUNT; i++) {
        struct disk_names names = {.memory = &directory->memory};
        char path[DISK_PATH_BYTES];
        bool exists = false;
        (void)!disk_exists(directory->disk, folders[i], &exists, &ignored);
        if (!exists) continue;
        (void)!disk_list(directory->disk, folders[i], &directory->memory, &names, &ignored);
        for (size_t j = 0; j < names.count; j++)
            if (join(path, folders[i], names.names[j]))
                (void)!disk_remove(directory->disk, path, &ignored);
        disk_names_release(&names);
        (void)!disk_remove(directory->disk, folders[i], &ignored);
    }
}

/* --- Files --- */

static bool all_zero(const uint8_t *bytes, size_t count)
{
    return count == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, count - 1) == 0);
}

/* Hashes the file from where it is, into `to` if that is not NULL; zeros are left out there. */
static enum code read_through(struct disk_file *from, struct disk_file *to, struct memory *memory,
                              struct manifest_file *found, struct error *error)
{
    struct digest digest;
    size_t got = 1;
    enum code code = CODE_OK;
    uint8_t *bytes = memory_allocate(memory, COPY_BYTES);
    if (!bytes) return error_no_memory(error, AREA_ENGINE, COPY_BYTES);
    digest_init(&digest);
    found->bytes = 0;
    while (got > 0) {
        TRY(disk_read(from, found->bytes, bytes, COPY_BYTES, &got, error));
        digest_bytes(&digest, slice_of(bytes, got));
        if (to && !all_zero(bytes, got)) TRY(disk_write(to, found->bytes, bytes, got, error));
        found->bytes += got;
    }
    digest_finish(&digest, found->hash);
    if (to) TRY(disk_truncate(to, found->bytes, error));
out:
    memory_free(memory, bytes, COPY_BYTES);
    return code;
}

/* --- Making one --- */

/* Syncs each file: RocksDB says that it has, and this is what the manifest vouches for. */
static enum code record_file(struct directory *directory, struct manifest *manifest,
                             const char *path, struct error *error)
{
    struct manifest_file found = {0};
    struct disk_file *file = NULL;
    enum code code;
    if (!manifest_path_fits(slice_of(path, strlen(path))))
        return error_set(error, CODE_INVALID, AREA_ENGINE, "a backup cannot hold '%s'", path);
    snprintf(found.path, sizeof found.path, "%s", path);
    TRY(disk_open(directory->disk, path, DISK_READ_WRITE, &file, error));
    TRY(read_through(file, NULL, &directory->memory, &found, error));
    TRY(disk_sync(file, error));
    code = manifest_add(manifest, &found, error);
out:
    disk_close(file);
    return code;
}

static enum code record_folder(struct directory *directory, struct manifest *manifest,
                               const char *folder, struct error *error)
{
    struct disk_names names = {.memory = &directory->memory};
    char path[DISK_PATH_BYTES];
    enum code code;
    TRY(disk_list(directory->disk, folder, &directory->memory, &names, error));
    for (size_t i = 0; i < names.count; i++) {
        if (!join(path, folder, names.names[i])) {
            code = error_set(error, CODE_LIMIT, AREA_ENGINE, "a name is too long");
            goto out;
        }
        TRY(record_file(directory, manifest, path, error));
    }
    code = disk_sync_directory(directory->disk, folder, error);
out:
    disk_names_release(&names);
    return code;
}

/* Everything that it vouches for is durable by now. */
static enum code write_manifest(struct directory *directory, const struct manifest *manifest,
                                struct error *error)
{
    struct disk_file *file = NULL;
    struct buffer text;
    enum code code;
    buffer_init(&text, &directory->memory, MANIFEST_BYTES_MAXIMUM);
    manifest_print(manifest, &text);
    if (text.failed) {
        code = error_no_memory(error, AREA_ENGINE, text.bytes);
        goto out;
    }
    TRY(disk_sync_directory(directory->disk, "", error));
    TRY(disk_create(directory->disk, MANIFEST_TEMPORARY, &file, error));
    TRY(disk_write(file, 0, text.data, text.bytes, error));
    TRY(disk_sync(file, error));
    TRY(disk_rename(directory->disk, MANIFEST_TEMPORARY, MANIFEST_FILE, error));
    code = disk_sync_directory(directory->disk, "", error);
out:
    disk_close(file);
    buffer_release(&text);
    return code;
}

static void tell(const struct manifest *manifest, struct backup_report *report)
{
    *report = (struct backup_report){.checkpoint = manifest->checkpoint,
                                     .last = manifest->last_lsn,
                                     .files = manifest->file_count};
    for (size_t i = 0; i < manifest->file_count; i++)
        report->bytes += manifest->files[i].bytes;
}

enum code backup_make(struct database *database, const char *path, struct backup_report *report,
                      struct error *error)
{
    struct directory directory;
    struct manifest manifest;
    struct database_copied copied;
    enum code code = directory_make(&directory, path, error);
    manifest_init(&manifest, &directory.memory);
    if (code != CODE_OK) {
        directory_close(&directory);
        return code;
    }
    TRY(database_copy(database, directory.disk, &copied, error));
    memcpy(manifest.id, copied.id, sizeof manifest.id);
    manifest.checkpoint = copied.checkpoint;
    manifest.last_lsn = copied.last;
    for (int i = 0; i < FOLDER_COUNT; i++)
        TRY(record_folder(&directory, &manifest, folders[i], error));
    TRY(write_manifest(&directory, &manifest, error));
    tell(&manifest, report);
out:
    if (code != CODE_OK) remove_all(&directory);
    manifest_release(&manifest);
    directory_close(&directory);
    return code;
}

/* --- Restoring --- */

struct restoration {
    struct memory memory;
    struct disk *backup;
    const char *backup_path;
    struct directory directory; /* the new one */
    struct manifest manifest;
};

static enum code no_backup(const char *path, struct error *error)
{
    error_set(error, CODE_INVALID, AREA_ENGINE,
              "there is no whole backup in '%.120s': it has no '" MANIFEST_FILE "'", path);
    error_hint(error, "that file is written last: a backup without it was not finished");
    return CODE_INVALID;
}

static enum code read_manifest(struct restoration *restoration, struct error *error)
{
    struct disk_file *file = NULL;
    struct buffer text;
    uint64_t bytes;
    size_t got = 0;
    enum code code = disk_open(restoration->backup, MANIFEST_FILE, DISK_READ_ONLY, &file, error);
    if (code == CODE_NOT_FOUND) return no_backup(restoration->backup_path, error);
    buffer_init(&text, &restoration->memory, MANIFEST_BYTES_MAXIMUM);
    if (code != CODE_OK) goto out;
    TRY(disk_size(file, &bytes, error));
    if (bytes > MANIFEST_BYTES_MAXIMUM) {
        code = error_set(error, CODE_CORRUPT, AREA_ENGINE, "'" MANIFEST_FILE "' is damaged");
        goto out;
    }
    for (uint64_t at = 0; at < bytes; at += got) {
        uint8_t part[4096];
        TRY(disk_read(file, at, part, sizeof part, &got, error));
        if (got == 0) break;
        buffer_append(&text, part, got);
    }
    if (text.failed) {
        code = error_no_memory(error, AREA_ENGINE, (size_t)bytes);
        goto out;
    }
    code = manifest_parse(buffer_slice(&text), &restoration->manifest, error);
out:
    disk_close(file);
    buffer_release(&text);
    return code;
}

static enum code damaged(const struct manifest_file *file, const char *how, struct error *error)
{
    error_set(error, CODE_CORRUPT, AREA_ENGINE, "the backup's file '%s' is %s", file->path, how);
    error_hint(error, "use another backup");
    return CODE_CORRUPT;
}

static enum code restore_file(struct restoration *restoration, const struct manifest_file *wanted,
                              struct error *error)
{
    struct disk_file *from = NULL, *to = NULL;
    struct manifest_file found = {0};
    enum code code = disk_open(restoration->backup, wanted->path, DISK_READ_ONLY, &from, error);
    if (code == CODE_NOT_FOUND) return damaged(wanted, "missing", error);
    if (code != CODE_OK) goto out;
    TRY(disk_create(restoration->directory.disk, wanted->path, &to, error));
    TRY(read_through(from, to, &restoration->memory, &found, error));
    if (found.bytes != wanted->bytes) {
        code = damaged(wanted, "of another size than it was", error);
    } else if (memcmp(found.hash, wanted->hash, sizeof found.hash) != 0) {
        code = damaged(wanted, "damaged: its hash is not that of the manifest", error);
    } else {
        code = disk_sync(to, error);
    }
out:
    disk_close(from);
    disk_close(to);
    return code;
}

static enum code restore(struct restoration *restoration, struct error *error)
{
    struct disk *disk = restoration->directory.disk;
    enum code code;
    for (int i = 0; i < FOLDER_COUNT; i++)
        TRY(disk_make_directory(disk, folders[i], error));
    for (size_t i = 0; i < restoration->manifest.file_count; i++)
        TRY(restore_file(restoration, &restoration->manifest.files[i], error));
    for (int i = 0; i < FOLDER_COUNT; i++)
        TRY(disk_sync_directory(disk, folders[i], error));
    TRY(disk_sync_directory(disk, "", error));
    code = identity_write(disk, restoration->manifest.id, error);
out:
    return code;
}

enum code backup_restore(const char *from, const char *path, struct backup_report *report,
                         struct error *error)
{
    struct restoration restoration = {.backup_path = from};
    enum code code;
    memory_init(&restoration.memory, 0);
    manifest_init(&restoration.manifest, &restoration.memory);
    TRY(disk_open_posix(from, false, &restoration.memory, &restoration.backup, error));
    TRY(read_manifest(&restoration, error));
    code = directory_make(&restoration.directory, path, error);
    if (code == CODE_OK) {
        code = restore(&restoration, error);
        if (code != CODE_OK) remove_all(&restoration.directory);
    }
    directory_close(&restoration.directory);
    tell(&restoration.manifest, report);
out:
    manifest_release(&restoration.manifest);
    disk_free(restoration.backup);
    memory_release(&restoration.memory);
    return code;
}
