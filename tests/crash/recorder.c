/* Records what this process, RocksDB included, does to the files of one directory.
 *
 * The functions below take the place of the C library's in the whole process, because a program's
 * own definitions come before those of shared libraries.  Before recorder_start they pass on.
 *
 * A record is written after its call returned and under one lock, so the order of records is an
 * order in which the calls may have happened.  A sync has two records: only what was written before
 * it began is durable once it has ended.  The machine's disk is never asked to sync: what would
 * have survived is computed from the trace.  Calls on recorded files that the trace cannot express
 * end the process: vectors, preallocation that changes the size.
 * Hard links are refused, as of another file system.
 *
 * any thread. */
#include "crash/trace.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DESCRIPTORS 4096

/* Declares real_NAME, the C library's function. */
#define REAL(result, name, ...)                                                                    \
    static result (*real_##name)(__VA_ARGS__);                                                     \
    if (!real_##name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name)

struct descriptor {
    uint32_t handle; /* 0: not of a recorded file */
    bool is_directory;
    char path[240];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool recording;
static char root[PATH_MAX];
static size_t root_bytes;
static int trace_descriptor = -1;
static unsigned sync_microseconds;
static uint32_t last_handle;
static uint64_t last_sync;
static struct descriptor descriptors[DESCRIPTORS];

static void fail(const char *what)
{
    fprintf(stderr, "recorder: %s\n", what);
    abort();
}

static void put(const void *data, size_t bytes)
{
    REAL(ssize_t, write, int, const void *, size_t);
    if (bytes > 0 && real_write(trace_descriptor, data, bytes) != (ssize_t)bytes)
        fail("cannot write the trace");
}

/* Lock held. */
static void record(struct trace_record entry, const char *path, const void *data, size_t bytes)
{
    entry.path_bytes = path ? (uint32_t)strlen(path) + 1 : 0;
    entry.data_bytes = (uint32_t)bytes;
    put(&entry, sizeof entry);
    put(path, entry.path_bytes);
    put(data, bytes);
}

bool recorder_start(const char *directory, const char *trace, unsigned sync_us)
{
    trace_descriptor = open(trace, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    snprintf(root, sizeof root, "%s", directory);
    root_bytes = strlen(root);
    sync_microseconds = sync_us;
    atomic_store(&recording, trace_descriptor >= 0);
    return trace_descriptor >= 0;
}

void recorder_mark(uint32_t kind, uint64_t number, uint64_t other)
{
    if (!atomic_load(&recording)) return;
    pthread_mutex_lock(&lock);
    record(
        (struct trace_record){.kind = TRACE_MARK, .handle = kind, .number = number, .other = other},
        NULL, NULL, 0);
    pthread_mutex_unlock(&lock);
}

void recorder_die(void)
{
    pthread_mutex_lock(&lock);
    _exit(0);
}

static struct descriptor *descriptor_of(int fd)
{
    return atomic_load(&recording) && fd >= 0 && fd < DESCRIPTORS && descriptors[fd].handle > 0
               ? &descriptors[fd]
               : NULL;
}

/* The path within the root, slashes made single; false if it lies elsewhere. */
static bool resolve(int at, const char *path, char *out, size_t out_bytes)
{
    char whole[PATH_MAX];
    size_t used = 0;
    if (!atomic_load(&recording)) return false;
    if (path[0] == '/') {
        if (strncmp(path, root, root_bytes) != 0) return false;
        if (path[root_bytes] != '\0' && path[root_bytes] != '/') return false;
        snprintf(whole, sizeof whole, "%s", path + root_bytes);
    } else {
        const struct descriptor *directory = descriptor_of(at);
        if (!directory || strcmp(path, "..") == 0) return false;
        snprintf(whole, sizeof whole, "%s/%s", directory->path, strcmp(path, ".") ? path : "");
    }
    for (const char *from = whole; *from; from++) {
        bool skip = *from == '/' && (used == 0 || from[1] == '/' || from[1] == '\0');
        if (skip) continue;
        if (used + 1 >= out_bytes) fail("a path is too long");
        out[used++] = *from;
    }
    out[used] = '\0';
    return true;
}

static int open_recorded(int at, const char *path, int flags, mode_t mode)
{
    REAL(int, openat, int, const char *, int, ...);
    char name[sizeof descriptors->path];
    if (!resolve(at, path, name, sizeof name)) {
        int other = real_openat(at, path, flags, mode);
        /* What fclose closed is not known to be closed. */
        if (other >= 0 && other < DESCRIPTORS) descriptors[other].handle = 0;
        return other;
    }
    pthread_mutex_lock(&lock);
    int fd = real_openat(at, path, flags, mode), os_error = errno;
    if (fd >= DESCRIPTORS) fail("too many files are open");
    struct stat status;
    if (fd >= 0 && fstat(fd, &status) == 0) {
        struct descriptor *opened = &descriptors[fd];
        *opened = (struct descriptor){++last_handle, S_ISDIR(status.st_mode), ""};
        snprintf(opened->path, sizeof opened->path, "%s", name);
        record((struct trace_record){.kind = TRACE_OPEN,
                                     .handle = opened->handle,
                                     .number = (uint64_t)(unsigned)flags,
                                     .other = opened->is_directory},
               name, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = os_error;
    return fd;
}

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_recorded(AT_FDCWD, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return open_recorded(at, path, flags, mode);
}

int close(int fd)
{
    REAL(int, close, int);
    if (!descriptor_of(fd)) return real_close(fd);
    pthread_mutex_lock(&lock);
    descriptors[fd].handle = 0;
    int result = real_close(fd), os_error = errno;
    pthread_mutex_unlock(&lock);
    errno = os_error;
    return result;
}

static void record_write(const struct descriptor *file, const void *data, ssize_t bytes,
                         off_t offset)
{
    if (bytes <= 0) return;
    record((struct trace_record){.kind = TRACE_WRITE,
                                 .handle = file->handle,
                                 .number = (uint64_t)offset},
           NULL, data, (size_t)bytes);
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    REAL(ssize_t, write, int, const void *, size_t);
    const struct descriptor *file = descriptor_of(fd);
    if (!file) return real_write(fd, data, bytes);
    pthread_mutex_lock(&lock);
    bool appends = fcntl(fd, F_GETFL) & O_APPEND;
    off_t offset = lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
    ssize_t put_bytes = real_write(fd, data, bytes);
    int os_error = errno;
    record_write(file, data, put_bytes, offset);
    pthread_mutex_unlock(&lock);
    errno = os_error;
    return put_bytes;
}

ssize_t pwrite(int fd, const void *data, size_t bytes, off_t offset)
{
    REAL(ssize_t, pwrite, int, const void *, size_t, off_t);
    const struct descriptor *file = descriptor_of(fd);
    if (!file) return real_pwrite(fd, data, bytes, offset);
    pthread_mutex_lock(&lock);
    ssize_t put_bytes = real_pwrite(fd, data, bytes, offset);
    int os_error = errno;
    record_write(file, data, put_bytes, offset);
    pthread_mutex_unlock(&lock);
    errno = os_error;
    return put_bytes;
}

static uint64_t record_sync(enum trace_kind kind, const struct descriptor *file, uint64_t number)
{
    pthread_mutex_lock(&lock);
    if (kind == TRACE_SYNC_BEGIN) number = ++last_sync;
    record((struct trace_record){.kind = kind, .handle = file->handle, .number = number}, NULL,
           NULL, 0);
    pthread_mutex_unlock(&lock);
    return number;
}

static int sync_recorded(const struct descriptor *file)
{
    struct timespec duration = {.tv_nsec = (long)sync_microseconds * 1000};
    uint64_t number = record_sync(TRACE_SYNC_BEGIN, file, 0);
    (void)nanosleep(&duration, NULL);
    (void)record_sync(TRACE_SYNC_END, file, number);
    return 0;
}

int fsync(int fd)
{
    REAL(int, fsync, int);
    const struct descriptor *file = descriptor_of(fd);
    return file ? sync_recorded(file) : real_fsync(fd);
}

int fdatasync(int fd)
{
    REAL(int, fdatasync, int);
    const struct descriptor *file = descriptor_of(fd);
    return file ? sync_recorded(file) : real_fdatasync(fd);
}

int ftruncate(int fd, off_t size)
{
    REAL(int, ftruncate, int, off_t);
    const struct descriptor *file = descriptor_of(fd);
    if (!file) return real_ftruncate(fd, size);
    pthread_mutex_lock(&lock);
    int result = real_ftruncate(fd, size), os_error = errno;
    if (result == 0) {
        record((struct trace_record){.kind = TRACE_TRUNCATE,
                                     .handle = file->handle,
                                     .number = (uint64_t)size},
               NULL, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    errno = os_error;
    return result;
}

int fallocate(int fd, int mode, off_t offset, off_t bytes)
{
    REAL(int, fallocate, int, int, off_t, off_t);
    if (descriptor_of(fd) && mode != FALLOC_FL_KEEP_SIZE) fail("fallocate of another kind");
    return real_fallocate(fd, mode, offset, bytes);
}

int posix_fallocate(int fd, off_t offset, off_t bytes)
{
    REAL(int, posix_fallocate, int, off_t, off_t);
    if (descriptor_of(fd)) fail("posix_fallocate");
    return real_posix_fallocate(fd, offset, bytes);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
    REAL(int, renameat, int, const char *, int, const char *);
    char old_name[sizeof descriptors->path], new_name[sizeof descriptors->path];
    if (!resolve(from_at, from, old_name, sizeof old_name))
        return real_renameat(from_at, from, to_at, to);
    if (!resolve(to_at, to, new_name, sizeof new_name)) fail("a file is moved out");
    pthread_mutex_lock(&lock);
    int result = real_renameat(from_at, from, to_at, to), os_error = errno;
    if (result == 0) {
        record((struct trace_record){.kind = TRACE_RENAME}, old_name, new_name,
               strlen(new_name) + 1);
    }
    pthread_mutex_unlock(&lock);
    errno = os_error;
    return result;
}

int rename(const char *from, const char *to)
{
    return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

static int change_name(enum trace_kind kind, int at, const char *path, int how)
{
    REAL(int, unlinkat, int, const char *, int);
    REAL(int, mkdirat, int, const char *, mode_t);
    char name[sizeof descriptors->path];
    bool recorded = resolve(at, path, name, sizeof name);
    if (recorded) pthread_mutex_lock(&lock);
    int result =
        kind == TRACE_REMOVE ? real_unlinkat(at, path, how) : real_mkdirat(at, path, (mode_t)how);
    int os_error = errno;
    if (recorded && result == 0) record((struct trace_record){.kind = kind}, name, NULL, 0);
    if (recorded) pthread_mutex_unlock(&lock);
    errno = os_error;
    return result;
}

int unlink(const char *path)
{
    return change_name(TRACE_REMOVE, AT_FDCWD, path, 0);
}

int unlinkat(int at, const char *path, int flags)
{
    return change_name(TRACE_REMOVE, at, path, flags);
}

int rmdir(const char *path)
{
    return change_name(TRACE_REMOVE, AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdir(const char *path, mode_t mode)
{
    return change_name(TRACE_MAKE_DIRECTORY, AT_FDCWD, path, (int)mode);
}

int mkdirat(int at, const char *path, mode_t mode)
{
    return change_name(TRACE_MAKE_DIRECTORY, at, path, (int)mode);
}

int link(const char *from, const char *to)
{
    REAL(int, link, const char *, const char *);
    char name[sizeof descriptors->path];
    if (!resolve(AT_FDCWD, from, name, sizeof name)) return real_link(from, to);
    errno = EXDEV; /* RocksDB copies then */
    return -1;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(ssize_t, writev, int, const struct iovec *, int);
    if (descriptor_of(fd)) fail("writev");
    return real_writev(fd, parts, count);
}
