/* The simulated disk.
 *
 * Each file keeps two versions of itself: the cache (what reads see) and the disk (what a loss of
 * power leaves), page by page, with a dirty bit for each page written since the last sync; likewise
 * its size.  Names are kept twice as well, with the list of changes between the two.
 *
 * A loss of power takes any subset of what is dirty:
 *   - each dirty page is kept, lost, or torn at a sector;
 *   - a dirty size is the new one, the old one or one between; what lies behind it is gone, what
 *     lies inside it and was lost reads as it was before, or as zeros;
 *   - each name change that no sync_directory of its directory followed is done or not done,
 *     whatever became of the others, but one rename is never half done: no file is lost on its way;
 *   - a page may have reached the disk in a version between sync and crash.
 * A failed sync writes some of the dirty pages and marks all of them clean, while reads still see
 * them, as Linux does: a second sync would succeed without writing them.
 * A process crash only takes the handles and locks: the cache belongs to the machine.
 *
 * This is POSIX's promise and no more.  Real file systems keep more order than that (ext4 makes a
 * file's name durable with its first sync), so a program that lives on this disk lives on those.
 * Not modelled: hard links, sync of a whole disk, damage to what is not written.
 *
 * The mutex makes each operation one step; its order of steps is the caller's. */
#include "os/simulated_private.h"
#include "os/threads.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct simulated_file {
    struct disk_file file; /* first */
    struct inode *inode;   /* a reference */
    uint64_t generation;
};

/* What a struct disk_lock is here. */
struct simulated_lock {
    struct inode *inode; /* a reference */
    uint64_t generation;
};

/* What becomes of an operation that changes the disk. */
enum verdict { DONE, CUT_SHORT, REFUSED };

static struct simulated_disk *simulated_of(struct disk *disk)
{
    return (struct simulated_disk *)disk;
}

static struct simulated_file *file_of(struct disk_file *file)
{
    return (struct simulated_file *)file;
}

static enum code failed(int os_error, const char *doing, const char *path, struct error *error)
{
    return error_os(error, AREA_OS, os_error, "cannot %s '%s' on the simulated disk", doing, path);
}

static enum code refused(int os_error, const char *path, const char *why, struct error *error)
{
    error_set(error, CODE_INVALID, AREA_OS, "'%s' %s", path, why);
    error->os_error = os_error;
    return CODE_INVALID;
}

/* --- faults --- */

static enum code check_alive(const struct simulated_disk *disk, struct error *error)
{
    if (!disk->crashed) return CODE_OK;
    error_set(error, CODE_IO, AREA_OS, "the simulated disk has crashed");
    error->os_error = EIO;
    return CODE_IO;
}

static enum code check_handle(const struct simulated_disk *disk, struct disk_file *file,
                              struct error *error)
{
    enum code code = check_alive(disk, error);
    if (code != CODE_OK || file_of(file)->generation == disk->generation) return code;
    return error_set(error, CODE_FAILED, AREA_OS, "file '%s' was opened before the crash",
                     file->path);
}

/* Counts an operation that changes the disk, and says what becomes of it. */
static enum verdict next_verdict(struct simulated_disk *disk)
{
    uint64_t number = ++disk->operation_count;
    if (number == disk->files.faults.crash_at_operation) {
        disk->crashed = true;
        return CUT_SHORT;
    }
    uint64_t from = disk->files.faults.fails_from_operation;
    if (from > 0 && number >= from) return REFUSED;
    return number == disk->files.faults.fail_at_operation ? REFUSED : DONE;
}

/* An operation that is all or nothing: was it done before the crash?  The error if it was not. */
static bool is_done(struct simulated_disk *disk, enum verdict verdict)
{
    struct choices *choices = disk->files.faults.choices;
    return verdict == DONE || (verdict == CUT_SHORT && choices && choose(choices, 1));
}

static enum code report(struct simulated_disk *disk, enum verdict verdict, const char *doing,
                        const char *path, struct error *error)
{
    if (verdict == DONE) return CODE_OK;
    if (verdict == CUT_SHORT) return check_alive(disk, error);
    return failed(EIO, doing, path, error);
}

/* --- names --- */

/* CODE_OK if the directory that would hold `path` is there. */
static enum code check_parent(struct simulated_disk *disk, const char *path, const char *doing,
                              struct error *error)
{
    char parent[DISK_PATH_BYTES];
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t bytes = (size_t)(slash - path);
        memcpy(parent, path, bytes);
        parent[bytes] = 0;
        const struct inode *inode = names_find(&disk->names.seen, parent);
        if (!inode) return failed(ENOENT, doing, path, error);
        if (!inode->is_directory) return failed(ENOTDIR, doing, path, error);
    }
    return CODE_OK;
}

static enum code find_inode(struct simulated_disk *disk, const char *path, const char *doing,
                            struct inode **inode, struct error *error)
{
    enum code code = check_parent(disk, path, doing, error);
    if (code != CODE_OK) return code;
    *inode = names_find(&disk->names.seen, path);
    return *inode ? CODE_OK : failed(ENOENT, doing, path, error);
}

static enum code check_directory(struct simulated_disk *disk, const char *directory,
                                 const char *doing, struct error *error)
{
    if (directory[0] == 0) return CODE_OK;
    struct inode *inode;
    enum code code = find_inode(disk, directory, doing, &inode, error);
    if (code != CODE_OK || inode->is_directory) return code;
    return failed(ENOTDIR, doing, directory, error);
}

/* A new inode under a new name. */
static enum code make_inode(struct simulated_disk *disk, const char *path, bool is_directory,
                            struct error *error)
{
    enum code code;
    const char *doing = is_directory ? "make directory" : "create";
    struct inode *inode = NULL;
    TRY(check_alive(disk, error));
    TRY(check_parent(disk, path, doing, error));
    if (names_find(&disk->names.seen, path)) return refused(EEXIST, path, "exists already", error);
    inode = names_reserve(&disk->names) ? inode_create(&disk->files, is_directory) : NULL;
    if (!inode) return error_no_memory(error, AREA_OS, sizeof *inode);
    enum verdict verdict = next_verdict(disk);
    if (is_done(disk, verdict)) names_add(&disk->names, path, inode);
    inode_drop(&disk->files, inode);
    code = report(disk, verdict, doing, path, error);
out:
    return code;
}

static enum code make_directory(struct simulated_disk *disk, const char *path, struct error *error)
{
    const struct inode *inode = names_find(&disk->names.seen, path);
    if (!inode) return make_inode(disk, path, true, error);
    enum code code = check_alive(disk, error);
    if (code != CODE_OK || inode->is_directory) return code;
    return refused(EEXIST, path, "is a file", error);
}

static enum code rename_file(struct simulated_disk *disk, const char *from, const char *to,
                             struct error *error)
{
    enum code code;
    struct inode *inode, *replaced;
    TRY(check_alive(disk, error));
    TRY(find_inode(disk, from, "rename", &inode, error));
    if (inode->is_directory) return refused(EISDIR, from, "is a directory", error);
    TRY(check_parent(disk, to, "rename a file to", error));
    replaced = names_find(&disk->names.seen, to);
    if (replaced && replaced->is_directory) return refused(EISDIR, to, "is a directory", error);
    if (replaced == inode) return CODE_OK;
    if (!names_reserve(&disk->names)) return error_no_memory(error, AREA_OS, sizeof(struct name));
    enum verdict verdict = next_verdict(disk);
    if (is_done(disk, verdict)) names_move(&disk->names, from, to);
    code = report(disk, verdict, "rename", from, error);
out:
    return code;
}

static bool is_empty(const struct simulated_disk *disk, const char *directory)
{
    for (size_t i = 0; i < disk->names.seen.count; i++) {
        if (path_is_in(disk->names.seen.names[i].path, directory)) return false;
    }
    return true;
}

static enum code remove_name(struct simulated_disk *disk, const char *path, struct error *error)
{
    enum code code;
    struct inode *inode;
    TRY(check_alive(disk, error));
    TRY(find_inode(disk, path, "remove", &inode, error));
    if (inode->is_directory && !is_empty(disk, path)) {
        return refused(ENOTEMPTY, path, "is not empty", error);
    }
    if (!names_reserve(&disk->names)) return error_no_memory(error, AREA_OS, sizeof(struct name));
    enum verdict verdict = next_verdict(disk);
    if (is_done(disk, verdict)) names_remove(&disk->names, path);
    code = report(disk, verdict, "remove", path, error);
out:
    return code;
}

static enum code simulated_rename(struct disk *disk, const char *from, const char *to,
                                  struct error *error)
{
    struct simulated_disk *simulated = simulated_of(disk);
    mutex_lock(&simulated->mutex);
    enum code code = rename_file(simulated, from, to, error);
    mutex_unlock(&simulated->mutex);
    return code;
}

static enum code simulated_remove(struct disk *disk, const char *path, struct error *error)
{
    struct simulated_disk *simulated = simulated_of(disk);
    mutex_lock(&simulated->mutex);
    enum code code = remove_name(simulated, path, error);
    mutex_unlock(&simulated->mutex);
    return code;
}

static enum code simulated_make_directory(struct disk *disk, const char *directory,
                                          struct error *error)
{
    struct simulated_disk *simulated = simulated_of(disk);
    mutex_lock(&simulated->mutex);
    enum code code = make_directory(simulated, directory, error);
    mutex_unlock(&simulated->mutex);
    return code;
}

static enum code simulated_exists(struct disk *disk, const char *path, bool *exists,
                                  struct error *error)
{
    struct simulated_disk *simulated = simulated_of(disk);
    mutex_lock(&simulated->mutex);
    enum code code = check_alive(simulated, error);
    *exists = path[0] == 0 || names_find(&simulated->names.seen, path) != NULL;
    mutex_unlock(&simulated->mutex);
    return code;
}

static enum code list_names(struct simulated_disk *disk, const char *directory,
                            struct disk_names *names, struct error *error)
{
    enum code code;
    const struct name_table *seen = &disk->names.seen;
    TRY(check_alive(disk, error));
    TRY(check_directory(disk, directory, "list", error));
    for (size_t i = 0; i < seen->count; i++) {
        const char *path = seen->names[i].path;
        if (!path_is_in(path, directory)) continue;
        const char *name = directory[0] ? path + strlen(directory) + 1 : path;
        if (!disk_names_add(names, name, strlen(name))) {
            return error_no_memory(error, AREA_OS, strlen(name) + 1);
        }
    }
out:
    return code;
}

static enum code simulated_list(struct disk *disk, const char *directory, struct disk_names *names,
                                struct error *error)
{
    struct simulated_disk *simulated = simulated_of(disk);
    mutex_lock(&simulated->mutex);
    enum code code = list_names(simulated, directory, names, error);
    mutex_unlock(&simulated->mutex);
    return code;
}

static bool draws_sync_error(struct simulated_disk *disk)
{
    const struct simulated_faults *faults = &disk->files.faults;
    return faults->sync_error_one_in > 0 &&
           choose_one_in(faults->choices, faults->sync_error_one_in);
}

static enum code sync_directory(struct simulated_disk *disk, const char *directory,
                                struct error *error)
{
    enum code code;
    TRY(check_alive(disk, error));
    TRY(check_directory(disk, directory, "open directory", error));
    enum verdict verdict = next_verdict(disk);
    if (disk->files.faults.ignore_directory_sync) {
        return report(disk, verdict, "make durable", directory, error);
    }
    if (verdict == DONE && draws_sync_error(disk)) verdict = REFUSED;
    if (is_done(disk, verdict)) names_sync(&disk->names, directory);
    code = report(disk, verdict, "make durable", directory, error);
out:
    return code;
}

static enum code simulated_sync_directory(struct disk *disk, const char *directory,
                                          struct error *error)
{
    struct simulated_disk *simulated = simulated_of(disk);
    mutex_lock(&simulated->mutex);
    enum code code = sync_directory(simulated, directory, error);
    mutex_unlock(&simulated->mutex);
    return code;
}

/* --- files --- */

static enum code open_inode(struct simulated_disk *disk, const char *path, struct disk_file **file,
                            struct error *error)
{
    struct inode *inode;
    enum code code = find_inode(disk, path, "open", &inode, error);
    if (code != CODE_OK) return code;
    if (inode->is_directory) return refused(EISDIR, path, "is a directory", error);
    struct simulated_file *made = memory_allocate_zeroed(disk->disk.memory, sizeof *made);
    if (!made) return error_no_memory(error, AREA_OS, sizeof *made);
    made->inode = inode_hold(inode);
    made->generation = disk->generation;
    *file = &made->file;
    return CODE_OK;
}

static enum code simulated_create(struct disk *disk, const char *path, struct disk_file **file,
                                  struct error *error)
{
    struct simulated_disk *simulated = simulated_of(disk);
    mutex_lock(&simulated->mutex);
    enum code code = make_inode(simulated, path, false, error);
    if (code == CODE_OK) code = open_inode(simulated, path, file, error);
    mutex_unlock(&simulated->mutex);
    return code;
}

static enum code simulated_open(struct disk *disk, const char *path, enum disk_access access,
                                struct disk_file **file, struct error *error)
{
    (void)access;
    struct simulated_disk *simulated = simulated_of(disk);
    mutex_lock(&simulated->mutex);
    enum code code = check_alive(simulated, error);
    if (code == CODE_OK) code = open_inode(simulated, path, file, error);
    mutex_unlock(&simulated->mutex);
    return code;
}

static void simulated_close(struct disk_file *file)
{
    struct simulated_disk *simulated = simulated_of(file->disk);
    mutex_lock(&simulated->mutex);
    inode_drop(&simulated->files, file_of(file)->inode);
    mutex_unlock(&simulated->mutex);
    memory_free(simulated->disk.memory, file, sizeof(struct simulated_file));
}

static enum code simulated_read(struct disk_file *file, uint64_t offset, void *buffer,
                                size_t *bytes, struct error *error)
{
    struct simulated_disk *simulated = simulated_of(file->disk);
    const struct simulated_faults *faults = &simulated->files.faults;
    enum code code;
    mutex_lock(&simulated->mutex);
    TRY(check_handle(simulated, file, error));
    if (faults->read_error_one_in > 0 &&
        choose_one_in(faults->choices, faults->read_error_one_in)) {
        code = failed(EIO, "read", file->path, error);
        goto out;
    }
    *bytes = inode_read(file_of(file)->inode, offset, buffer, *bytes);
out:
    mutex_unlock(&simulated->mutex);
    return code;
}

static enum code simulated_write(struct disk_file *file, uint64_t offset, const void *data,
                                 size_t bytes, struct error *error)
{
    struct simulated_disk *simulated = simulated_of(file->disk);
    struct choices *choices = simulated->files.faults.choices;
    enum code code;
    mutex_lock(&simulated->mutex);
    TRY(check_handle(simulated, file, error));
    enum verdict verdict = next_verdict(simulated);
    if (verdict != DONE) bytes = choices ? (size_t)choose(choices, bytes) : 0;
    code = inode_write(&simulated->files, file_of(file)->inode, offset, slice_of(data, bytes));
    if (verdict != DONE) {
        code = report(simulated, verdict, "write", file->path, error);
    } else if (code == CODE_NO_SPACE) {
        code = failed(ENOSPC, "write", file->path, error);
    } else if (code != CODE_OK) {
        code = error_no_memory(error, AREA_OS, SIMULATED_PAGE_BYTES);
    }
out:
    mutex_unlock(&simulated->mutex);
    return code;
}

static enum code simulated_sync(struct disk_file *file, struct error *error)
{
    struct simulated_disk *simulated = simulated_of(file->disk);
    struct inode *inode = file_of(file)->inode;
    enum code code;
    mutex_lock(&simulated->mutex);
    TRY(check_handle(simulated, file, error));
    enum verdict verdict = next_verdict(simulated);
    if (!simulated->files.faults.ignore_sync) {
        if (verdict == DONE && draws_sync_error(simulated)) verdict = REFUSED;
        if (verdict == REFUSED) {
            inode_fail_sync(&simulated->files, inode);
        } else if (is_done(simulated, verdict)) {
            inode_sync(&simulated->files, inode);
        }
    }
    code = report(simulated, verdict, "make durable", file->path, error);
out:
    mutex_unlock(&simulated->mutex);
    return code;
}

static enum code simulated_size(struct disk_file *file, uint64_t *bytes, struct error *error)
{
    struct simulated_disk *simulated = simulated_of(file->disk);
    mutex_lock(&simulated->mutex);
    enum code code = check_handle(simulated, file, error);
    *bytes = file_of(file)->inode->size;
    mutex_unlock(&simulated->mutex);
    return code;
}

static enum code simulated_truncate(struct disk_file *file, uint64_t bytes, struct error *error)
{
    struct simulated_disk *simulated = simulated_of(file->disk);
    enum code code;
    mutex_lock(&simulated->mutex);
    TRY(check_handle(simulated, file, error));
    enum verdict verdict = next_verdict(simulated);
    if (is_done(simulated, verdict)) {
        code = inode_truncate(&simulated->files, file_of(file)->inode, bytes);
        if (code != CODE_OK) code = error_no_memory(error, AREA_OS, SIMULATED_PAGE_BYTES);
    }
    if (code == CODE_OK) code = report(simulated, verdict, "change the size of", file->path, error);
out:
    mutex_unlock(&simulated->mutex);
    return code;
}

/* --- the rest of the seam --- */

static enum code take_lock(struct simulated_disk *disk, const char *path, struct disk_lock **lock,
                           struct error *error)
{
    enum code code;
    struct inode *inode;
    if (!names_find(&disk->names.seen, path)) TRY(make_inode(disk, path, false, error));
    TRY(check_alive(disk, error));
    TRY(find_inode(disk, path, "lock", &inode, error));
    if (inode->is_directory) return refused(EISDIR, path, "is a directory", error);
    if (inode->locked) {
        error_set(error, CODE_BUSY, AREA_OS, "'%s' is locked by this process, pid %lld", path,
                  (long long)process_id());
        error_hint(error, "close the database there first");
        return CODE_BUSY;
    }
    struct simulated_lock *made = memory_allocate_zeroed(disk->disk.memory, sizeof *made);
    if (!made) return error_no_memory(error, AREA_OS, sizeof *made);
    made->inode = inode_hold(inode);
    made->generation = disk->generation;
    inode->locked = true;
    *lock = (struct disk_lock *)made;
out:
    return code;
}

static enum code simulated_lock(struct disk *disk, const char *path, struct disk_lock **lock,
                                struct error *error)
{
    struct simulated_disk *simulated = simulated_of(disk);
    mutex_lock(&simulated->mutex);
    enum code code = take_lock(simulated, path, lock, error);
    mutex_unlock(&simulated->mutex);
    return code;
}

static void simulated_unlock(struct disk *disk, struct disk_lock *lock)
{
    struct simulated_disk *simulated = simulated_of(disk);
    struct simulated_lock *held = (struct simulated_lock *)lock;
    mutex_lock(&simulated->mutex);
    /* A lock from before a crash is gone; the file may be another's by now. */
    if (held->generation == simulated->generation) held->inode->locked = false;
    inode_drop(&simulated->files, held->inode);
    mutex_unlock(&simulated->mutex);
    memory_free(disk->memory, held, sizeof *held);
}

static const char *simulated_root_path(struct disk *disk)
{
    (void)disk;
    return NULL;
}

static void simulated_free(struct disk *disk)
{
    struct simulated_disk *simulated = simulated_of(disk);
    names_release(&simulated->names);
    assert(!simulated->files.first && simulated->files.allocated_pages == 0);
    mutex_release(&simulated->mutex);
    memory_free(disk->memory, simulated, sizeof *simulated);
}

static const struct disk_operations simulated_operations = {
    .create = simulated_create,
    .open = simulated_open,
    .close = simulated_close,
    .read = simulated_read,
    .write = simulated_write,
    .sync = simulated_sync,
    .size = simulated_size,
    .truncate = simulated_truncate,
    .sync_directory = simulated_sync_directory,
    .rename = simulated_rename,
    .remove = simulated_remove,
    .exists = simulated_exists,
    .list = simulated_list,
    .make_directory = simulated_make_directory,
    .lock = simulated_lock,
    .unlock = simulated_unlock,
    .root_path = simulated_root_path,
    .free = simulated_free,
};

enum code simulated_disk_create(struct memory *memory, enum simulated_kind kind, struct disk **disk,
                                struct error *error)
{
    *disk = NULL;
    struct simulated_disk *made = memory_allocate_zeroed(memory, sizeof *made);
    if (!made) return error_no_memory(error, AREA_OS, sizeof *made);
    made->disk.operations = &simulated_operations;
    made->disk.memory = memory;
    mutex_init(&made->mutex, LOCK_RANK_DISK);
    made->files.memory = memory;
    made->files.faulty = kind == SIMULATED_FAULTY;
    made->names.files = &made->files;
    *disk = &made->disk;
    return CODE_OK;
}
