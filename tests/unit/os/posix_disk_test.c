/* What only the posix disk does: which names it makes durable, and how it meets a lock whose holder
 * is gone. */
#include "harness/await.h"
#include "harness/folder.h"
#include "harness/test.h"
#include "os/disk.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Takes the place of the C library's: notes which directory was made durable last. */
static ino_t last_synced;

int fsync(int descriptor)
{
    struct stat status;
    if (fstat(descriptor, &status) == 0) last_synced = status.st_ino;
    return (int)syscall(SYS_fsync, descriptor);
}

/* The one that makes the root may lose its power before it has made the name durable. */
static void every_opening_that_may_make_the_root_makes_its_name_durable(struct test *t)
{
    struct folder parent;
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct stat status;
    char root[300];
    memory_init(&memory, 0);
    CHECK(folder_make(&parent));
    CHECK_EQ(stat(parent.path, &status), 0);
    (void)snprintf(root, sizeof root, "%s/root", parent.path);
    for (int i = 0; i < 2; i++) {
        last_synced = 0;
        CHECK_EQ(disk_open_posix(root, true, &memory, &disk, &error), CODE_OK);
        CHECK_EQ(last_synced, status.st_ino);
        disk_free(disk);
    }
    last_synced = 0;
    CHECK_EQ(disk_open_posix(root, false, &memory, &disk, &error), CODE_OK);
    CHECK_EQ(last_synced, 0);
    disk_free(disk);
    folder_remove(&parent);
    memory_release(&memory);
}

/* In the child, without root's rights: 77 if it cannot give them up, else the code. */
static int open_as_nobody(const char *root)
{
    struct memory memory;
    struct error error;
    struct disk *disk;
    memory_init(&memory, 0);
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 77;
    enum code code = disk_open_posix(root, true, &memory, &disk, &error);
    disk_free(disk);
    return (int)code;
}

static void a_root_in_a_directory_that_may_not_be_read_is_opened(struct test *t)
{
    struct folder parent;
    char root[300];
    int status;
    CHECK(folder_make(&parent));
    (void)snprintf(root, sizeof root, "%s/root", parent.path);
    CHECK_EQ(mkdir(root, 0777), 0);
    CHECK_EQ(chmod(parent.path, 0111), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(open_as_nobody(root));
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(chmod(parent.path, 0755), 0);
    folder_remove(&parent);
    CHECK(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) SKIP("cannot give up root's rights here");
    CHECK_EQ(WEXITSTATUS(status), CODE_OK);
}

/* In the child: takes the lock, forks one that lives on, says who that is, and ends. */
static void lock_and_leave_a_child(const char *root, int say)
{
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct disk_lock *lock;
    memory_init(&memory, 0);
    if (disk_open_posix(root, false, &memory, &disk, &error) != CODE_OK) _exit(1);
    if (disk_lock(disk, "LOCK", &lock, &error) != CODE_OK) _exit(1);
    pid_t heir = fork();
    while (heir == 0)
        (void)pause();
    _exit(heir > 0 && write(say, &heir, sizeof heir) == (ssize_t)sizeof heir ? 0 : 1);
}

static void a_lock_whose_holder_is_gone_names_the_heirs(struct test *t)
{
    struct folder folder;
    struct memory memory;
    struct error error;
    struct disk *disk;
    struct disk_lock *lock;
    char process[64];
    int ends[2], status;
    pid_t heir;
    memory_init(&memory, 0);
    CHECK(folder_make(&folder));
    CHECK_EQ(pipe(ends), 0);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) lock_and_leave_a_child(folder.path, ends[1]);
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_EQ(read(ends[0], &heir, sizeof heir), sizeof heir);
    CHECK_EQ(disk_open_posix(folder.path, false, &memory, &disk, &error), CODE_OK);
    CHECK_EQ(disk_lock(disk, "LOCK", &lock, &error), CODE_BUSY);
    (void)snprintf(process, sizeof process, "process %ld, which is not seen here", (long)child);
    CHECK(strstr(error.message, process) != NULL);
    CHECK(strstr(error.hint, "forked") != NULL);
    CHECK_EQ(kill(heir, SIGKILL), 0);
    enum code code = CODE_BUSY;
    struct await await = {0};
    do {
        code = disk_lock(disk, "LOCK", &lock, &error);
    } while (code == CODE_BUSY && await_more(&await));
    CHECK_EQ(code, CODE_OK);
    disk_unlock(disk, lock);
    disk_free(disk);
    (void)close(ends[0]);
    (void)close(ends[1]);
    folder_remove(&folder);
    memory_release(&memory);
}

int main(int argc, char **argv)
{
    return RUN(argc, argv, CASE(every_opening_that_may_make_the_root_makes_its_name_durable),
               CASE(a_root_in_a_directory_that_may_not_be_read_is_opened),
               CASE(a_lock_whose_holder_is_gone_names_the_heirs));
}
