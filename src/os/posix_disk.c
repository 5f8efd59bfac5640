/* The machine's file system.  Every path is resolved against a descriptor of the root, so that a
 * renamed root, or a changed working directory, cannot lead elsewhere. */
#include "os/disk.h"
#include "os/threads.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct posix_disk {
    struct disk disk; /* first: a struct disk is one of these */
    int descriptor;   /* of the root */
    char *root;       /* absolute */
    size_t root_bytes;
};

struct posix_file {
    struct disk_file file; /* first */
    int descriptor;
};

struct disk_lock {
    int descriptor;
};

static struct posix_disk *posix_of(struct disk *disk)
{
    return (struct posix_disk *)disk;
}

static int descriptor_of(struct disk_file *file)
{
    return ((struct posix_file *)file)->descriptor;
}

/* `doing` reads on from "cannot". */
static enum code failed(struct disk *disk, int os_error, const char *doing, const char *path,
                        struct error *error)
{
    const char *root = posix_of(disk)->root;
    enum code code = error_os(error, AREA_OS, os_error, "cannot %s '%s/%s'", doing, root, path);
    if (code == CODE_NO_SPACE) error_hint(error, "make room on the disk that holds '%.120s'", root);
    if (code == CODE_READ_ONLY) {
        error_hint(error, "give this user the right to write in '%.100s', or open it read-only",
                   root);
    }
    return code;
}

static enum code refused(struct disk *disk, int os_error, const char *path, const char *why,
                         struct error *error)
{
    error_set(error, CODE_INVALID, AREA_OS, "'%s/%s' %s", posix_of(disk)->root, path, why);
    error->os_error = os_error;
    return CODE_INVALID;
}

static enum code wrap_descriptor(struct disk *disk, int descriptor, struct disk_file **file,
                                 struct error *error)
{
    struct posix_file *made = memory_allocate_zeroed(disk->memory, sizeof *made);
    if (!made) {
        (void)close(descriptor);
        return error_no_memory(error, AREA_OS, sizeof *made);
    }
    made->descriptor = descriptor;
    *file = &made->file;
    return CODE_OK;
}

static int open_at(struct disk *disk, const char *path, int flags)
{
    int descriptor;
    do {
        descriptor = openat(posix_of(disk)->descriptor, path, flags | O_CLOEXEC, 0644);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

static const char *directory_path(const char *directory)
{
    return directory[0] ? directory : ".";
}

static enum code posix_create(struct disk *disk, const char *path, struct disk_file **file,
                              struct error *error)
{
    int descriptor = open_at(disk, path, O_RDWR | O_CREAT | O_EXCL);
    if (descriptor >= 0) return wrap_descriptor(disk, descriptor, file, error);
    if (errno == EEXIST) return refused(disk, EEXIST, path, "exists already", error);
    return failed(disk, errno, "create", path, error);
}

static enum code posix_open(struct disk *disk, const char *path, enum disk_access access,
                            struct disk_file **file, struct error *error)
{
    int descriptor = open_at(disk, path, access == DISK_READ_WRITE ? O_RDWR : O_RDONLY);
    if (descriptor < 0 && errno == EISDIR) {
        return refused(disk, EISDIR, path, "is a directory", error);
    }
    if (descriptor < 0) return failed(disk, errno, "open", path, error);
    struct stat status;
    if (fstat(descriptor, &status) != 0) {
        int os_error = errno;
        (void)close(descriptor);
        return failed(disk, os_error, "open", path, error);
    }
    if (S_ISDIR(status.st_mode)) {
        (void)close(descriptor);
        return refused(disk, EISDIR, path, "is a directory", error);
    }
    return wrap_descriptor(disk, descriptor, file, error);
}

static void posix_close(struct disk_file *file)
{
    /* What close could report, disk_sync has reported; on Linux the descriptor is gone either way.
     */
    (void)close(descriptor_of(file));
    memory_free(file->disk->memory, file, sizeof(struct posix_file));
}

static enum code posix_read(struct disk_file *file, uint64_t offset, void *buffer, size_t *bytes,
                            struct error *error)
{
    size_t done = 0;
    while (done < *bytes) {
        ssize_t got = pread(descriptor_of(file), (char *)buffer + done, *bytes - done,
                            (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed(file->disk, errno, "read", file->path, error);
        if (got == 0) break;
        done += (size_t)got;
    }
    *bytes = done;
    return CODE_OK;
}

static enum code posix_write(struct disk_file *file, uint64_t offset, const void *data,
                             size_t bytes, struct error *error)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t put = pwrite(descriptor_of(file), (const char *)data + done, bytes - done,
                             (off_t)(offset + done));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return failed(file->disk, errno, "write", file->path, error);
        done += (size_t)put;
    }
    return CODE_OK;
}

/* Past the page cache, for what nobody reads soon: it would copy the bytes, and writing them back
 * takes as long again.  Where the file system has no such writes, through it. */
static enum code posix_write_direct(struct disk_file *file, uint64_t offset, const void *data,
                                    size_t bytes, struct error *error)
{
    int descriptor = open_at(file->disk, file->path, O_WRONLY | O_DIRECT);
    ssize_t put = -1;
    if (descriptor >= 0) {
        do {
            put = pwrite(descriptor, data, bytes, (off_t)offset);
        } while (put < 0 && errno == EINTR);
        (void)close(descriptor);
    }
    return put == (ssize_t)bytes ? CODE_OK : posix_write(file, offset, data, bytes, error);
}

/* An interrupted sync has reported nothing yet and may be asked again; any other failure is final,
 * because the kernel reports it once and then counts the pages as clean. */
static enum code sync_descriptor(struct disk *disk, int descriptor, bool data_only,
                                 const char *path, struct error *error)
{
    int result;
    do {
        result = data_only ? fdatasync(descriptor) : fsync(descriptor);
    } while (result != 0 && errno == EINTR);
    if (result != 0) return failed(disk, errno, "make durable", path, error);
    return CODE_OK;
}

static enum code posix_sync(struct disk_file *file, struct error *error)
{
    return sync_descriptor(file->disk, descriptor_of(file), true, file->path, error);
}

static enum code posix_size(struct disk_file *file, uint64_t *bytes, struct error *error)
{
    struct stat status;
    if (fstat(descriptor_of(file), &status) != 0) {
        return failed(file->disk, errno, "ask the size of", file->path, error);
    }
    *bytes = (uint64_t)status.st_size;
    return CODE_OK;
}

static enum code posix_truncate(struct disk_file *file, uint64_t bytes, struct error *error)
{
    int result;
    do {
        result = ftruncate(descriptor_of(file), (off_t)bytes);
    } while (result != 0 && errno == EINTR);
    if (result != 0) return failed(file->disk, errno, "change the size of", file->path, error);
    return CODE_OK;
}

static enum code posix_sync_directory(struct disk *disk, const char *directory, struct error *error)
{
    int descriptor = open_at(disk, directory_path(directory), O_RDONLY | O_DIRECTORY);
    /* Without a descriptor to spare: the whole file system, rather than end a log for it. */
    bool none_left = descriptor < 0 && (errno == EMFILE || errno == ENFILE);
    if (none_left && syncfs(posix_of(disk)->descriptor) == 0) return CODE_OK;
    if (descriptor < 0) return failed(disk, errno, "open directory", directory, error);
    enum code code = sync_descriptor(disk, descriptor, false, directory, error);
    (void)close(descriptor);
    return code;
}

static enum code posix_rename(struct disk *disk, const char *from, const char *to,
                              struct error *error)
{
    int root = posix_of(disk)->descriptor;
    struct stat status;
    if (fstatat(root, from, &status, 0) != 0) return failed(disk, errno, "rename", from, error);
    if (S_ISDIR(status.st_mode)) return refused(disk, EISDIR, from, "is a directory", error);
    if (renameat(root, from, root, to) == 0) return CODE_OK;
    /* Linux says ENOTEMPTY where the directory holds the file itself. */
    if (errno == EISDIR || errno == ENOTEMPTY || errno == EEXIST) {
        return refused(disk, EISDIR, to, "is a directory", error);
    }
    return failed(disk, errno, "rename a file to", to, error);
}

static enum code posix_remove(struct disk *disk, const char *path, struct error *error)
{
    int root = posix_of(disk)->descriptor;
    if (unlinkat(root, path, 0) == 0) return CODE_OK;
    /* Linux says EISDIR for a directory, POSIX EPERM. */
    if (errno != EISDIR && errno != EPERM) return failed(disk, errno, "remove", path, error);
    if (unlinkat(root, path, AT_REMOVEDIR) == 0) return CODE_OK;
    if (errno == ENOTEMPTY || errno == EEXIST) {
        return refused(disk, ENOTEMPTY, path, "is not empty", error);
    }
    return failed(disk, errno, "remove", path, error);
}

static enum code posix_exists(struct disk *disk, const char *path, bool *exists,
                              struct error *error)
{
    struct stat status;
    *exists = fstatat(posix_of(disk)->descriptor, directory_path(path), &status, 0) == 0;
    if (*exists || errno == ENOENT || errno == ENOTDIR) return CODE_OK;
    return failed(disk, errno, "look for", path, error);
}

static enum code posix_make_directory(struct disk *disk, const char *directory, struct error *error)
{
    int root = posix_of(disk)->descriptor;
    if (mkdirat(root, directory, 0755) == 0) return CODE_OK;
    if (errno != EEXIST) return failed(disk, errno, "make directory", directory, error);
    struct stat status;
    if (fstatat(root, directory, &status, 0) != 0) {
        return failed(disk, errno, "make directory", directory, error);
    }
    if (!S_ISDIR(status.st_mode)) return refused(disk, EEXIST, directory, "is a file", error);
    return CODE_OK;
}

static enum code read_names(struct disk *disk, DIR *stream, const char *directory,
                            struct disk_names *names, struct error *error)
{
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (!entry && errno == 0) return CODE_OK;
        if (!entry) return failed(disk, errno, "list", directory, error);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (!disk_names_add(names, entry->d_name, strlen(entry->d_name))) {
            return error_no_memory(error, AREA_OS, strlen(entry->d_name) + 1);
        }
    }
}

static enum code posix_list(struct disk *disk, const char *directory, struct disk_names *names,
                            struct error *error)
{
    int descriptor = open_at(disk, directory_path(directory), O_RDONLY | O_DIRECTORY);
    if (descriptor < 0) return failed(disk, errno, "list", directory, error);
    DIR *stream = fdopendir(descriptor);
    if (!stream) {
        int os_error = errno;
        (void)close(descriptor);
        return failed(disk, os_error, "list", directory, error);
    }
    enum code code = read_names(disk, stream, directory, names, error);
    (void)closedir(stream);
    return code;
}

/* The pid that the holder wrote; 0 if it has not yet. */
static long long holder_of(int descriptor)
{
    char text[32] = {0};
    if (pread(descriptor, text, sizeof text - 1, 0) <= 0) return 0;
    return strtoll(text, NULL, 10);
}

/* The lock outlives its holder in the processes that it forked, which share the open file. */
static bool is_gone(long long pid)
{
    return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

static enum code lock_is_held(struct disk *disk, int descriptor, const char *path,
                              struct error *error)
{
    /* Between taking the lock and writing the pid there is a moment. */
    long long holder = 0;
    for (int i = 0; i < 20 && (holder = holder_of(descriptor)) <= 0; i++)
        thread_sleep_ns(1000000);
    const char *root = posix_of(disk)->root;
    if (holder <= 0) {
        error_set(error, CODE_BUSY, AREA_OS, "'%s/%s' is locked by another process", root, path);
    } else if (holder == process_id()) {
        error_set(error, CODE_BUSY, AREA_OS, "'%s/%s' is locked by this process, pid %lld", root,
                  path, holder);
    } else if (is_gone(holder)) {
        error_set(error, CODE_BUSY, AREA_OS,
                  "'%s/%s' is locked by process %lld, which is not seen here", root, path, holder);
        error_hint(error, "one that it forked may hold the lock on: end that; or it is in another "
                          "container: close the database there");
        return CODE_BUSY;
    } else {
        error_set(error, CODE_BUSY, AREA_OS, "'%s/%s' is locked by process %lld", root, path,
                  holder);
    }
    error_hint(error, "close the database there first");
    return CODE_BUSY;
}

static enum code write_holder(struct disk *disk, int descriptor, const char *path,
                              struct error *error)
{
    char text[32];
    int bytes = snprintf(text, sizeof text, "%lld\n", (long long)process_id());
    if (ftruncate(descriptor, 0) != 0 || pwrite(descriptor, text, (size_t)bytes, 0) != bytes) {
        return failed(disk, errno, "write", path, error);
    }
    return CODE_OK;
}

/* flock belongs to the open file, not to the process: a second open in this process meets it too,
 * and closing an unrelated descriptor of the same file does not drop it, as fcntl's locks would. */
static enum code posix_lock(struct disk *disk, const char *path, struct disk_lock **lock,
                            struct error *error)
{
    enum code code;
    struct disk_lock *made = NULL;
    int descriptor = open_at(disk, path, O_RDWR | O_CREAT);
    if (descriptor < 0) return failed(disk, errno, "open lock file", path, error);
    int result;
    do {
        result = flock(descriptor, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    if (result != 0) {
        code = errno == EWOULDBLOCK ? lock_is_held(disk, descriptor, path, error)
                                    : failed(disk, errno, "lock", path, error);
        goto out;
    }
    TRY(write_holder(disk, descriptor, path, error));
    made = memory_allocate_zeroed(disk->memory, sizeof *made);
    if (!made) {
        code = error_no_memory(error, AREA_OS, sizeof *made);
        goto out;
    }
    made->descriptor = descriptor;
    *lock = made;
    return CODE_OK;
out:
    (void)close(descriptor);
    return code;
}

static void posix_unlock(struct disk *disk, struct disk_lock *lock)
{
    /* Leaves no pid behind, so that the next holder is never taken for this one. */
    if (ftruncate(lock->descriptor, 0) != 0) {
        /* Then a stale pid is all that is lost. */
    }
    /* A child forked meanwhile shares the open file: closing alone would leave it locked. */
    (void)flock(lock->descriptor, LOCK_UN);
    (void)close(lock->descriptor);
    memory_free(disk->memory, lock, sizeof *lock);
}

static const char *posix_root_path(struct disk *disk)
{
    return posix_of(disk)->root;
}

static void posix_free(struct disk *disk)
{
    struct posix_disk *posix = posix_of(disk);
    struct memory *memory = disk->memory;
    if (posix->descriptor >= 0) (void)close(posix->descriptor);
    memory_free(memory, posix->root, posix->root_bytes);
    memory_free(memory, posix, sizeof *posix);
}

static const struct disk_operations posix_operations = {
    .create = posix_create,
    .open = posix_open,
    .close = posix_close,
    .read = posix_read,
    .write = posix_write,
    .write_direct = posix_write_direct,
    .sync = posix_sync,
    .size = posix_size,
    .truncate = posix_truncate,
    .sync_directory = posix_sync_directory,
    .rename = posix_rename,
    .remove = posix_remove,
    .exists = posix_exists,
    .list = posix_list,
    .make_directory = posix_make_directory,
    .lock = posix_lock,
    .unlock = posix_unlock,
    .root_path = posix_root_path,
    .free = posix_free,
};

/* Makes the name of `root` durable, whoever gave it: nobody knows whether that one lived to do so.
 * An older root is left at that where its parent may not be opened, or is of a file system that
 * syncs no directories (the parent of a mount may be). */
static enum code sync_root_name(const char *root, bool is_new, struct error *error)
{
    int os_error = 0, parent = -1;
    int self = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (self < 0 && !is_new) return CODE_OK; /* why, opening it tells */
    if (self >= 0) parent = openat(self, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) {
        os_error = errno;
        if (!is_new && (os_error == EACCES || os_error == EPERM || os_error == EROFS)) os_error = 0;
    } else if (fsync(parent) != 0 && (is_new || errno != EINVAL)) {
        os_error = errno;
    }
    if (parent >= 0) (void)close(parent);
    if (self >= 0) (void)close(self);
    if (os_error == 0) return CODE_OK;
    return error_os(error, AREA_OS, os_error, "cannot make directory '%s' durable", root);
}

/* Makes the last part of `root`. */
static enum code make_root(const char *root, struct error *error)
{
    bool is_new = mkdir(root, 0755) == 0;
    if (!is_new && errno != EEXIST) {
        return error_os(error, AREA_OS, errno, "cannot make directory '%s'", root);
    }
    return sync_root_name(root, is_new, error);
}

static enum code open_root(struct posix_disk *posix, const char *root, struct error *error)
{
    posix->descriptor = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (posix->descriptor < 0 && errno == ENOTDIR) {
        error_set(error, CODE_INVALID, AREA_OS, "'%s' is not a directory", root);
        error->os_error = ENOTDIR;
        return CODE_INVALID;
    }
    if (posix->descriptor < 0) {
        return error_os(error, AREA_OS, errno, "cannot open directory '%s'", root);
    }
    char absolute[PATH_MAX];
    if (!realpath(root, absolute)) {
        return error_os(error, AREA_OS, errno, "cannot find the full path of '%s'", root);
    }
    posix->root_bytes = strlen(absolute) + 1;
    posix->root = memory_allocate(posix->disk.memory, posix->root_bytes);
    if (!posix->root) return error_no_memory(error, AREA_OS, posix->root_bytes);
    memcpy(posix->root, absolute, posix->root_bytes);
    return CODE_OK;
}

enum code disk_open_posix(const char *root, bool create_if_missing, struct memory *memory,
                          struct disk **disk, struct error *error)
{
    enum code code;
    *disk = NULL;
    struct posix_disk *posix = memory_allocate_zeroed(memory, sizeof *posix);
    if (!posix) return error_no_memory(error, AREA_OS, sizeof *posix);
    posix->disk.operations = &posix_operations;
    posix->disk.memory = memory;
    posix->descriptor = -1;
    if (create_if_missing) TRY(make_root(root, error));
    TRY(open_root(posix, root, error));
    *disk = &posix->disk;
    return CODE_OK;
out:
    posix_free(&posix->disk);
    return code;
}
