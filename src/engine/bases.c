/* Bases: copies of the store from which AS OF begins.
 *
 * `bases/LSN-TIME/` is the store as a checkpoint left it: it holds all up to that LSN, whose ingest
 * time is TIME (ms).  Files that never change again are hard links, so a base costs what the store
 * has rewritten since.  A checkpoint makes one now and then, while the log is kept longer than
 * needed, and removes those that the log does not follow any more.
 *
 * A base is there whole or not at all: the store gives a copy its name when it is durable, and
 * removing one begins with the file that RocksDB opens by (CURRENT), durably. */
#include "engine/internal.h"

#include <inttypes.h>
#include <stdio.h>

#define BASES_DIRECTORY "bases"

enum {
    BASE_NAME_BYTES = 48,
    BASES_A_RETENTION = 8, /* as many in the time that the log is kept, */
    BASES_A_LOG = 16       /* and in as many bytes as it may have */
};

static void base_name(const struct base *base, char out[BASE_NAME_BYTES])
{
    snprintf(out, BASE_NAME_BYTES, "%020" PRIu64 "-%" PRId64, base->lsn, base->time_ms);
}

static bool parse_name(const char *name, struct base *base)
{
    char again[BASE_NAME_BYTES];
    if (sscanf(name, "%" SCNu64 "-%" SCNd64, &base->lsn, &base->time_ms) != 2) return false;
    base_name(base, again);
    return strcmp(again, name) == 0;
}

static void path_below(const char *name, const char *file, char out[DISK_PATH_BYTES])
{
    snprintf(out, DISK_PATH_BYTES, BASES_DIRECTORY "/%s%s%s", name, *file ? "/" : "", file);
}

/* What of a base a crash may have left: its name tells nothing about it. */
static enum code is_whole(struct database *database, const char *name, bool *whole,
                          struct error *error)
{
    char path[DISK_PATH_BYTES];
    path_below(name, "CURRENT", path);
    return disk_exists(database->disk, path, whole, error);
}

enum code base_path(const struct database *database, const struct base *base, char *path,
                    size_t capacity, struct error *error)
{
    char name[BASE_NAME_BYTES];
    base_name(base, name);
    int bytes =
        snprintf(path, capacity, "%s/" BASES_DIRECTORY "/%s", disk_root_path(database->disk), name);
    if (bytes >= 0 && (size_t)bytes < capacity) return CODE_OK;
    return error_set(error, CODE_INVALID, AREA_ENGINE, "the database's path is too long");
}

static bool bases_possible(const struct database *database)
{
    return database->owns_store && database->is_found && disk_root_path(database->disk);
}

/* Names in the directory, in order of their LSNs; none if it does not exist. */
static enum code list_names(struct database *database, struct disk_names *names,
                            struct error *error)
{
    bool exists;
    enum code code = disk_exists(database->disk, BASES_DIRECTORY, &exists, error);
    *names = (struct disk_names){.memory = &database->request_memory};
    if (code == CODE_OK && exists)
        code = disk_list(database->disk, BASES_DIRECTORY, names->memory, names, error);
    return code;
}

enum code bases_find(struct database *database, const struct moment *moment, struct base *newest,
                     struct base *oldest, struct error *error)
{
    struct disk_names names = {0};
    struct wal_stats stats;
    struct base base;
    enum code code = CODE_OK;
    bool whole;
    *newest = *oldest = (struct base){0};
    if (!bases_possible(database)) return CODE_OK;
    TRY(list_names(database, &names, error));
    wal_stats(database->wal, &stats);
    for (size_t i = 0; i < names.count; i++) {
        if (!parse_name(names.names[i], &base) || stats.oldest_lsn > base.lsn + 1) continue;
        TRY(is_whole(database, names.names[i], &whole, error));
        if (!whole) continue;
        if (oldest->lsn == 0) *oldest = base;
        if (moment_holds(moment, base.lsn, base.time_ms)) *newest = base;
    }
out:
    disk_names_release(&names);
    return code;
}

/* --- Making --- */

static enum code is_due(struct database *database, const struct base *base, bool *due,
                        struct error *error)
{
    const struct moment ever = {.lsn = UINT64_MAX};
    struct base newest, oldest;
    enum code code;
    *due = false;
    if (database->retain_ms == 0 || base->lsn == 0 || forget_is_due(database)) return CODE_OK;
    TRY(bases_find(database, &ever, &newest, &oldest, error));
    bool is_old = base->time_ms - newest.time_ms >= database->retain_ms / BASES_A_RETENTION;
    bool is_far = database->bytes_since_base >= database->log_limit_bytes / BASES_A_LOG;
    *due = newest.lsn == 0 || (newest.lsn < base->lsn && (is_old || is_far));
out:
    return code;
}

enum code bases_make(struct database *database, const struct base *base, struct error *error)
{
    char path[4096];
    bool due;
    enum code code;
    if (!bases_possible(database)) return CODE_OK;
    TRY(is_due(database, base, &due, error));
    if (!due) goto out;
    TRY(disk_make_directory(database->disk, BASES_DIRECTORY, error));
    TRY(disk_sync_directory(database->disk, "", error));
    TRY(base_path(database, base, path, sizeof path, error));
    TRY(store_checkpoint(database->store, path, error));
    TRY(disk_sync_directory(database->disk, BASES_DIRECTORY, error));
    database->bytes_since_base = 0;
out:
    return code;
}

/* --- Removing --- */

static enum code remove_files(struct database *database, const char *name, struct error *error)
{
    struct disk_names files = {.memory = &database->request_memory};
    char directory[DISK_PATH_BYTES], path[DISK_PATH_BYTES];
    enum code code;
    path_below(name, "", directory);
    path_below(name, "CURRENT", path);
    code = disk_remove(database->disk, path, error);
    if (code != CODE_OK && code != CODE_NOT_FOUND) goto out;
    TRY(disk_sync_directory(database->disk, directory, error));
    TRY(disk_list(database->disk, directory, files.memory, &files, error));
    for (size_t i = 0; i < files.count; i++) {
        path_below(name, files.names[i], path);
        TRY(disk_remove(database->disk, path, error));
    }
    TRY(disk_remove(database->disk, directory, error));
out:
    disk_names_release(&files);
    return code;
}

/* One that the log follows, or that is being read, stays. */
static enum code judge(struct database *database, const char *name, lsn oldest, struct error *error)
{
    struct base base = {0};
    bool whole = false;
    enum code code = CODE_OK;
    if (parse_name(name, &base)) TRY(is_whole(database, name, &whole, error));
    bool in_use = database->base_in_use == base.lsn || database->base_of_backfill == base.lsn;
    if (whole && (oldest <= base.lsn + 1 || in_use)) goto out;
    code = remove_files(database, name, error);
out:
    return code;
}

enum code bases_remove(struct database *database, struct error *error)
{
    struct disk_names names = {0};
    struct wal_stats stats;
    enum code code;
    if (!bases_possible(database)) return CODE_OK;
    wal_stats(database->wal, &stats);
    mutex_lock(&database->bases_mutex);
    TRY(list_names(database, &names, error));
    for (size_t i = 0; i < names.count; i++)
        TRY(judge(database, names.names[i], stats.oldest_lsn, error));
    if (names.count > 0) TRY(disk_sync_directory(database->disk, BASES_DIRECTORY, error));
out:
    mutex_unlock(&database->bases_mutex);
    disk_names_release(&names);
    return code;
}
