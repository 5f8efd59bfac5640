/* A temporary folder, for tests that need a real disk. */
#ifndef TIDAL_TESTS_HARNESS_FOLDER_H
#define TIDAL_TESTS_HARNESS_FOLDER_H

#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

struct folder {
    char path[256];
};

static inline bool folder_make(struct folder *folder)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder->path, sizeof folder->path, "%s/tidal-test.XXXXXX", parent ? parent : "/tmp");
    return mkdtemp(folder->path) != NULL;
}

static inline int folder_remove_one(const char *path, const struct stat *stat, int type,
                                    struct FTW *place)
{
    (void)stat;
    (void)type;
    (void)place;
    return remove(path);
}

/* With all that is in it. */
static inline void folder_remove(const struct folder *folder)
{
    (void)nftw(folder->path, folder_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
