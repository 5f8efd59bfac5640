#include "cli/scratch.h"

#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool copy_bytes(int from, int to)
{
    enum { PIECE_BYTES = 1 << 16 };
    char piece[PIECE_BYTES];
    ssize_t bytes;
    while ((bytes = read(from, piece, sizeof piece)) > 0) {
        for (ssize_t at = 0; at < bytes;) {
            ssize_t wrote = write(to, piece + at, (size_t)(bytes - at));
            if (wrote < 0) return false;
            at += wrote;
        }
    }
    return bytes == 0;
}

static bool copy_file(const char *from, const char *to)
{
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int target = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool copied = source >= 0 && target >= 0 && copy_bytes(source, target);
    int fault = errno;
    if (source >= 0) (void)close(source);
    if (target >= 0) (void)close(target);
    errno = fault;
    return copied;
}

/* One file or folder of the tree below `root` to the same place below `copy`. */
static bool copy_entry(const FTSENT *entry, const char *root, const struct buffer *copy)
{
    struct buffer to = {0};
    buffer_print(&to, "%s%s", copy->data, entry->fts_path + strlen(root));
    bool copied = true;
    if (entry->fts_info == FTS_D && entry->fts_level > 0) {
        copied = mkdir(to.data, 0700) == 0;
    } else if (entry->fts_info == FTS_F) {
        copied = copy_file(entry->fts_path, to.data);
    } else if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR ||
               entry->fts_info == FTS_NS) {
        errno = entry->fts_errno;
        copied = false;
    }
    buffer_release(&to);
    return copied;
}

static bool copy_tree(const char *directory, const struct buffer *copy)
{
    size_t bytes = strlen(directory);
    while (bytes > 1 && directory[bytes - 1] == '/')
        bytes--;
    char *root = heap_copy(directory, bytes);
    char *roots[] = {root, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    bool copied = tree;
    const FTSENT *entry;
    while (copied && (errno = 0, entry = fts_read(tree)))
        copied = copy_entry(entry, root, copy);
    if (copied) copied = errno == 0;
    int fault = errno;
    if (tree) (void)fts_close(tree);
    free(root);
    errno = fault;
    return copied;
}

bool scratch_copy(const char *directory, struct buffer *copy)
{
    const char *parent = getenv("TMPDIR");
    buffer_print(copy, "%s/tidal-dry-run-XXXXXX", parent && parent[0] ? parent : "/tmp");
    if (!mkdtemp(copy->data)) {
        report("a copy cannot be made at '%s': %s", copy->data, strerror(errno));
        buffer_release(copy);
        return false;
    }
    if (copy_tree(directory, copy)) return true;
    report("'%s' cannot be copied to '%s': %s", directory, copy->data, strerror(errno));
    report_hint("a dry run needs as much free space as the database has; TMPDIR says where");
    scratch_remove(copy);
    return false;
}

void scratch_remove(struct buffer *copy)
{
    char *roots[] = {copy->data, NULL};
    FTS *tree = copy->data ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
    for (const FTSENT *entry; tree && (entry = fts_read(tree));) {
        if (entry->fts_info == FTS_DP)
            (void)rmdir(entry->fts_path);
        else if (entry->fts_info != FTS_D)
            (void)unlink(entry->fts_path);
    }
    if (tree) (void)fts_close(tree);
    buffer_release(copy);
}
