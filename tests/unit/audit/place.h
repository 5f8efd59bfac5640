/* Databases in real directories, written and then damaged. */
#ifndef TIDAL_TESTS_AUDIT_PLACE_H
#define TIDAL_TESTS_AUDIT_PLACE_H

#include "audit/check.h"
#include "base/choices.h"
#include "harness/folder.h"
#include "storage/rocksdb_store.h"
#include "unit/engine/world.h"

#include <dirent.h>
#include <sys/stat.h>

enum { PLACE_PATH_BYTES = 600, VIEW = 2, LIKE = 3 };

struct place {
    struct world world; /* with the real disk and store below `path` */
    struct folder folder;
    char path[PLACE_PATH_BYTES]; /* of the database */
};

static inline bool place_open(struct place *place)
{
    if (world_open(&place->world) == CODE_OK) return true;
    fprintf(stderr, "%s: %s\n", place->path, place->world.error.message);
    return false;
}

static inline bool place_make(struct place *place)
{
    static const char *const definitions[] = {"DEFINE FIELD year ON item INTEGER",
                                              "DEFINE SIGNAL view ON item WINDOWS 24h",
                                              "DEFINE SIGNAL like ON item UNIQUE PER USER POSITIVE",
                                              "DEFINE RELATION follows FROM user TO creator"};
    *place = (struct place){0};
    struct world *world = &place->world;
    if (!folder_make(&place->folder)) return false;
    snprintf(place->path, sizeof place->path, "%s/db", place->folder.path);
    memory_init(&world->memory, 0);
    simulated_clock_init(&world->clock, WORLD_NOW_MS);
    world->options = (struct database_options){.path = place->path,
                                               .no_threads = true,
                                               .segment_bytes = (uint64_t)64 << 10,
                                               .clock = &world->clock.clock};
    return place_open(place) &&
           world_define_all(world, definitions, sizeof definitions / sizeof *definitions);
}

static inline void place_remove(struct place *place)
{
    database_abandon(place->world.database);
    folder_remove(&place->folder);
    memory_release(&place->world.memory);
}

/* Writes that a seed chooses: items, views with and without times, likes, edges.  Some are refused,
 * as of an item that is not there. */
static inline bool place_write(struct place *place, struct choices *choices, int count)
{
    struct world *world = &place->world;
    for (int i = 0; i < count; i++) {
        entity_id item = choose(choices, 20) + 1, user = choose(choices, 9) + 1;
        struct change change = put_of(item);
        uint64_t kind = choose(choices, 4);
        if (kind == 1 || kind == 2) {
            change = signal_of(kind == 1 ? VIEW : LIKE, item, user,
                               world->clock.now_ms - (int64_t)choose(choices, 100000));
        } else if (kind == 3) {
            change = (struct change){.kind = CHANGE_RELATE,
                                     .relate = {.from = user_of(user),
                                                .to = creator_of(choose(choices, 5) + 1),
                                                .weight = (float)choose(choices, 100)}};
        } else if (kind == 4 && choose(choices, 3) == 0) {
            change = delete_of(item);
        }
        simulated_clock_advance(&world->clock, (int64_t)choose(choices, 1000));
        enum code code = world_write(world, &change);
        if (code == CODE_OK || code == CODE_INVALID || code == CODE_NOT_FOUND ||
            code == CODE_DUPLICATE)
            continue;
        fprintf(stderr, "write %d: %s\n", i, world->error.message);
        return false;
    }
    return true;
}

/* The state's hash, of a database that is open. */
static inline bool place_hash(struct place *place, uint8_t hash[32])
{
    return database_state_hash(place->world.database, hash, &place->world.error) == CODE_OK;
}

static inline enum code check_path(const char *path, struct check_report *report,
                                   struct error *error)
{
    struct directory directory;
    enum code code = directory_open(&directory, path, error);
    if (code == CODE_OK) code = check_run(&directory, report, error);
    directory_close(&directory);
    return code;
}

/* Files of a folder, in order of names. */
struct listing {
    char names[400][64];
    size_t count;
};

static inline int listing_order(const void *a, const void *b)
{
    return strcmp(a, b);
}

static inline void list_files(const char *path, struct listing *listing)
{
    listing->count = 0;
    DIR *directory = opendir(path);
    for (const struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.' || listing->count == 400) continue;
        snprintf(listing->names[listing->count++], 64, "%.63s", entry->d_name);
    }
    if (directory) (void)closedir(directory);
    qsort(listing->names, listing->count, sizeof listing->names[0], listing_order);
}

static inline long file_bytes(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (long)status.st_size : -1;
}

/* Changes bits of one byte. */
static inline bool flip(const char *path, long offset, int bits)
{
    FILE *file = fopen(path, "r+b");
    if (!file) return false;
    int byte = fseek(file, offset, SEEK_SET) == 0 ? fgetc(file) : EOF;
    bool ok = byte != EOF && fseek(file, offset, SEEK_SET) == 0 && fputc(byte ^ bits, file) != EOF;
    return fclose(file) == 0 && ok;
}

#endif
