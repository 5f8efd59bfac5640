#include "os/simulated_private.h"

#include <assert.h>
#include <string.h>

#define NAME_COUNT_MAXIMUM ((size_t)1 << 20)

/* `path` was checked: it has fewer bytes than the array. */
static void set_path(char to[DISK_PATH_BYTES], const char *path)
{
    size_t bytes = strlen(path);
    assert(bytes < DISK_PATH_BYTES);
    memcpy(to, path, bytes + 1);
}

/* The place of `path`, or where it would be. */
static size_t names_position(const struct name_table *table, const char *path)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(table->names[middle].path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct name_table *table, size_t position, const char *path)
{
    return position < table->count && strcmp(table->names[position].path, path) == 0;
}

struct inode *names_find(const struct name_table *table, const char *path)
{
    size_t position = names_position(table, path);
    return is_at(table, position, path) ? table->names[position].inode : NULL;
}

/* The bytes of the part before the last '/'. */
static size_t parent_bytes(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) : 0;
}

bool path_is_in(const char *path, const char *directory)
{
    size_t bytes = parent_bytes(path);
    return strlen(directory) == bytes && memcmp(path, directory, bytes) == 0;
}

/* The name takes the inode, replacing what it meant; there is room. */
static void table_set(struct name_store *store, struct name_table *table, const char *path,
                      struct inode *inode)
{
    inode_hold(inode);
    size_t at = names_position(table, path);
    if (is_at(table, at, path)) {
        inode_drop(store->files, table->names[at].inode);
    } else {
        assert(table->count < table->capacity);
        memmove(table->names + at + 1, table->names + at,
                (table->count - at) * sizeof *table->names);
        table->count++;
        set_path(table->names[at].path, path);
    }
    table->names[at].inode = inode;
}

static void table_erase(struct name_store *store, struct name_table *table, size_t at)
{
    inode_drop(store->files, table->names[at].inode);
    memmove(table->names + at, table->names + at + 1,
            (table->count - at - 1) * sizeof *table->names);
    table->count--;
}

static void table_clear(struct name_store *store, struct name_table *table)
{
    while (table->count > 0)
        table_erase(store, table, table->count - 1);
}

static bool table_reserve(struct memory *memory, struct name_table *table, size_t need)
{
    void *array = table->names;
    if (!memory_grow(memory, &array, &table->capacity, need, sizeof *table->names,
                     NAME_COUNT_MAXIMUM)) {
        return false;
    }
    table->names = array;
    return true;
}

bool names_reserve(struct name_store *store)
{
    struct memory *memory = store->files->memory;
    /* A crash can leave more names than are seen now: removed ones may come back. */
    size_t need = store->durable.count + store->change_count + 1;
    if (!table_reserve(memory, &store->seen,
                       need > store->seen.count + 1 ? need : store->seen.count + 1)) {
        return false;
    }
    if (!store->files->faulty) return true;
    if (!table_reserve(memory, &store->durable, need)) return false;
    void *array = store->changes;
    if (!memory_grow(memory, &array, &store->change_capacity, store->change_count + 1,
                     sizeof *store->changes, NAME_COUNT_MAXIMUM)) {
        return false;
    }
    store->changes = array;
    return true;
}

static void note(struct name_store *store, enum name_change_kind kind, const char *from,
                 const char *path, struct inode *inode)
{
    if (!store->files->faulty) return;
    assert(store->change_count < store->change_capacity);
    struct name_change *change = &store->changes[store->change_count++];
    change->kind = kind;
    change->inode = inode_hold(inode);
    set_path(change->from, from);
    set_path(change->path, path);
}

void names_add(struct name_store *store, const char *path, struct inode *inode)
{
    note(store, NAME_ADDED, "", path, inode);
    table_set(store, &store->seen, path, inode);
}

void names_move(struct name_store *store, const char *from, const char *to)
{
    struct inode *inode = names_find(&store->seen, from);
    assert(inode && strcmp(from, to) != 0);
    note(store, NAME_MOVED, from, to, inode);
    table_set(store, &store->seen, to, inode);
    table_erase(store, &store->seen, names_position(&store->seen, from));
}

void names_remove(struct name_store *store, const char *path)
{
    struct inode *inode = names_find(&store->seen, path);
    assert(inode);
    note(store, NAME_REMOVED, "", path, inode);
    table_erase(store, &store->seen, names_position(&store->seen, path));
}

static void erase_names_of(struct name_store *store, struct name_table *table,
                           const struct inode *inode)
{
    for (size_t i = table->count; i-- > 0;) {
        if (table->names[i].inode == inode) table_erase(store, table, i);
    }
}

/* Carries one change over to the disk, where earlier ones may have been lost.  There are no hard
 * links: a file that moved has its new name only, whichever of its older names had arrived. */
static void make_durable(struct name_store *store, const struct name_change *change)
{
    switch (change->kind) {
    case NAME_ADDED:
        table_set(store, &store->durable, change->path, change->inode);
        break;
    case NAME_MOVED:
        erase_names_of(store, &store->durable, change->inode);
        table_set(store, &store->durable, change->path, change->inode);
        break;
    case NAME_REMOVED: {
        size_t at = names_position(&store->durable, change->path);
        if (is_at(&store->durable, at, change->path) &&
            store->durable.names[at].inode == change->inode) {
            table_erase(store, &store->durable, at);
        }
        break;
    }
    }
}

static bool moves_across(const struct name_change *change, const char *directory)
{
    return change->kind == NAME_MOVED &&
           path_is_in(change->path, directory) != path_is_in(change->from, directory);
}

/* A move between two directories is never half done, so it becomes durable with either of them; and
 * with it all that came before, on which its two names may depend, as in a journal. */
void names_sync(struct name_store *store, const char *directory)
{
    size_t kept = 0, journal_count = 0;
    for (size_t i = 0; i < store->change_count; i++) {
        if (moves_across(&store->changes[i], directory)) journal_count = i + 1;
    }
    for (size_t i = 0; i < store->change_count; i++) {
        struct name_change change = store->changes[i];
        if (i < journal_count || path_is_in(change.path, directory)) {
            make_durable(store, &change);
            inode_drop(store->files, change.inode);
        } else {
            store->changes[kept++] = change;
        }
    }
    store->change_count = kept;
}

/* A name whose directory was lost is lost with it. */
static void drop_orphans(struct name_store *store)
{
    struct name_table *table = &store->durable;
    for (size_t i = 0; i < table->count;) {
        char parent[DISK_PATH_BYTES];
        size_t bytes = parent_bytes(table->names[i].path);
        memcpy(parent, table->names[i].path, bytes);
        parent[bytes] = 0;
        const struct inode *inode = bytes > 0 ? names_find(table, parent) : NULL;
        if (bytes == 0 || (inode && inode->is_directory)) {
            i++;
        } else {
            table_erase(store, table, i);
        }
    }
}

/* A name cannot be given anew while the file that moved away from it is still there: if that move
 * is lost, so is what came to its place. */
static bool place_is_taken(const struct name_store *store, size_t lost_count,
                           const struct name_change *change)
{
    for (size_t i = 0; i < lost_count && change->kind != NAME_REMOVED; i++) {
        const struct name_change *lost = &store->changes[i];
        if (lost->kind == NAME_MOVED && strcmp(lost->from, change->path) == 0) return true;
    }
    return false;
}

void names_lose_power(struct name_store *store, enum survival survival, struct choices *choices)
{
    struct simulated_losses *losses = &store->files->losses;
    size_t lost_count = 0;
    for (size_t i = 0; i < store->change_count; i++) {
        struct name_change change = store->changes[i];
        if (survives(survival, choices) && !place_is_taken(store, lost_count, &change)) {
            make_durable(store, &change);
            inode_drop(store->files, change.inode);
            losses->names_kept++;
        } else {
            store->changes[lost_count++] = change;
        }
    }
    losses->names_lost += lost_count;
    for (size_t i = 0; i < lost_count; i++)
        inode_drop(store->files, store->changes[i].inode);
    store->change_count = 0;
    drop_orphans(store);
    table_clear(store, &store->seen);
    assert(store->durable.count <= store->seen.capacity);
    for (size_t i = 0; i < store->durable.count; i++) {
        store->seen.names[i] = store->durable.names[i];
        inode_hold(store->durable.names[i].inode);
    }
    store->seen.count = store->durable.count;
}

void names_release(struct name_store *store)
{
    struct memory *memory = store->files->memory;
    for (size_t i = 0; i < store->change_count; i++) {
        inode_drop(store->files, store->changes[i].inode);
    }
    table_clear(store, &store->seen);
    table_clear(store, &store->durable);
    memory_free(memory, store->changes, store->change_capacity * sizeof *store->changes);
    memory_free(memory, store->seen.names, store->seen.capacity * sizeof *store->seen.names);
    memory_free(memory, store->durable.names,
                store->durable.capacity * sizeof *store->durable.names);
}
