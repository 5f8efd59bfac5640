/* A copy of an open database: its store at a checkpoint, and the log that goes on from there.
 *
 * No checkpoint may come between the two: its frame, and the headers of later segments, would say
 * that the log need not hold what the copied store still needs of it. */
#include "engine/internal.h"

#include <stdio.h>

enum code database_copy(struct database *database, struct disk *disk,
                        struct database_copied *copied, struct error *error)
{
    char path[4096];
    enum code code;
    const char *root = disk_root_path(disk);
    int bytes = snprintf(path, sizeof path, "%s/" STORE_DIRECTORY, root ? root : "");
    if (bytes < 0 || (size_t)bytes >= sizeof path)
        return error_set(error, CODE_INVALID, AREA_ENGINE, "the path '%.100s...' is too long",
                         root);
    TRY(database_checkpoint(database, error));
    mutex_lock(&database->checkpoint_mutex);
    copied->checkpoint = atomic_load(&database->checkpoint);
    memcpy(copied->id, database->id, sizeof copied->id);
    code = store_checkpoint(database->store, path, error);
    if (code == CODE_OK) code = disk_make_directory(disk, LOG_DIRECTORY, error);
    if (code == CODE_OK) code = wal_copy(database->wal, disk, LOG_DIRECTORY, &copied->last, error);
    mutex_unlock(&database->checkpoint_mutex);
out:
    return code;
}
