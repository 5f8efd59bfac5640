/* From a trace (trace.h) to the directories that a power loss may leave.
 *
 * A crash is a cut (the operations before it were done) and a choice of what of them survived.
 * Sure: what was written to a file before a sync of it began that ended before the cut; names
 * changed in a directory likewise.  Of the rest:
 *
 *   data    nothing; all (only the process died); all before an earlier moment; the same, a moment
 *           a file; or a moment a page of 4 KiB, one page in three a moment a sector of 512 bytes
 *   size    a moment of its own a file: it may have grown and hold zeros, or hold data beyond its
 *           end, which are lost
 *   names   as of an earlier moment (a journal: syncing one directory makes all earlier names
 *           sure), or each change by itself
 *
 * That is as much as POSIX allows, and our own files are judged by it.  RocksDB's (in `store` and
 * `bases`) rely on what ext4, XFS and btrfs add: a file's size covers no appended page that did not
 * reach the disk (else a torn manifest is refused), and syncing a new file makes its name sure as
 * well (else CURRENT may name a manifest that is lost).
 *
 * A moment a page rather than a choice a write: a page goes to the disk as it is then, with all
 * that was written to it so far.  Everything follows from the seed and the cut. */
#ifndef TIDAL_TESTS_CRASH_CRASH_STATES_H
#define TIDAL_TESTS_CRASH_CRASH_STATES_H

#include "base/choices.h"
#include "crash/trace.h"
#include "harness/folder.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CRASH_PAGE_BYTES = 4096, CRASH_SECTOR_BYTES = 512, CRASH_RECENT = 300 };

#define NO_FILE      UINT32_MAX
#define NO_OPERATION SIZE_MAX

/* Where RocksDB writes. */
static const char *const journaled_folders[] = {"store/", "bases/"};

enum operation_kind {
    OPERATION_OTHER,
    OPERATION_CREATE, /* file, path */
    OPERATION_WRITE,  /* file, number: offset, data */
    OPERATION_TRUNCATE,
    OPERATION_SYNC_FILE,      /* file, number: the operation at which it began */
    OPERATION_SYNC_DIRECTORY, /* path, number: the same */
    OPERATION_RENAME,         /* path, to */
    OPERATION_REMOVE,
    OPERATION_MAKE_DIRECTORY,
    OPERATION_MARK /* file: its kind, number, other */
};

struct operation {
    enum operation_kind kind;
    uint32_t file;
    uint64_t number;
    uint64_t other;
    const char *path;
    const char *to;
    const uint8_t *data;
    size_t bytes;
    size_t next; /* of the same file's writes and truncations */
};

struct traced_file {
    size_t first, last; /* operations; NO_OPERATION: none */
    const char *base;   /* its path in the directory from which the trace started, or NULL */
    bool journaled;     /* RocksDB's */
};

struct traced_name {
    const char *path;
    uint32_t file; /* NO_FILE: a directory */
};

struct names {
    struct traced_name *list;
    size_t count;
};

struct trace {
    uint8_t *bytes;
    struct operation *operations;
    size_t count;
    struct traced_file *files;
    uint32_t file_count;
    struct names start; /* what was there before the trace, all of it durable */
    char base[256];     /* where that is; empty: nowhere */
    size_t *turns;      /* operations around which cuts are most telling */
    size_t turn_count;
};

/* --- Names --- */

static inline size_t names_find(const struct names *names, const char *path)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->list[i].path, path) != 0)
        i++;
    return i;
}

static inline void names_put(struct names *names, const char *path, uint32_t file)
{
    size_t at = names_find(names, path);
    if (at == names->count) {
        names->list = realloc(names->list, ++names->count * sizeof *names->list);
        assert(names->list);
    }
    names->list[at] = (struct traced_name){path, file};
}

static inline void names_remove(struct names *names, const char *path)
{
    size_t at = names_find(names, path);
    if (at < names->count) names->list[at] = names->list[--names->count];
}

static inline void names_copy(struct names *to, const struct names *from)
{
    *to = (struct names){0};
    for (size_t i = 0; i < from->count; i++)
        names_put(to, from->list[i].path, from->list[i].file);
}

/* A path that is made here, and lives as long as the process. */
static inline const char *path_made(const char *directory, const char *rest)
{
    static char **made;
    static size_t count;
    char path[256];
    snprintf(path, sizeof path, "%s%s", directory, rest);
    for (size_t i = 0; i < count; i++)
        if (strcmp(made[i], path) == 0) return made[i];
    made = realloc(made, (count + 1) * sizeof *made);
    assert(made);
    made[count] = strdup(path);
    assert(made[count]);
    return made[count++];
}

/* What lies in a directory goes with it. */
static inline void names_move(struct names *names, const char *from, const char *to)
{
    size_t bytes = strlen(from);
    for (size_t i = 0; i < names->count; i++) {
        const char *path = names->list[i].path;
        if (strncmp(path, from, bytes) == 0 && path[bytes] == '/')
            names->list[i].path = path_made(to, path + bytes);
    }
}

/* Without effect where the old name did not survive. */
static inline void names_apply(struct names *names, const struct operation *operation)
{
    size_t at;
    switch (operation->kind) {
    case OPERATION_CREATE:
        names_put(names, operation->path, operation->file);
        break;
    case OPERATION_MAKE_DIRECTORY:
        names_put(names, operation->path, NO_FILE);
        break;
    case OPERATION_REMOVE:
        names_remove(names, operation->path);
        break;
    case OPERATION_RENAME:
        at = names_find(names, operation->path);
        if (at == names->count) break;
        uint32_t file = names->list[at].file;
        names_remove(names, operation->path);
        names_put(names, operation->to, file);
        if (file == NO_FILE) names_move(names, operation->path, operation->to);
        break;
    default:
        break;
    }
}

/* Cuts the path down to its directory; false: it lies in none. */
static inline bool path_parent(char *path)
{
    char *slash = strrchr(path, '/');
    *(slash ? slash : path) = '\0';
    return slash;
}

/* --- Loading --- */

struct trace_loader {
    struct trace *trace;
    struct names names;
    struct handle {
        uint32_t file;
        const char *path;
    } * handles;
    size_t *sync_begins; /* by number */
    size_t capacity;     /* of both */
};

static inline uint32_t trace_new_file(struct trace *trace, const char *path, bool is_base)
{
    trace->files = realloc(trace->files, (trace->file_count + 1) * sizeof *trace->files);
    assert(trace->files);
    bool journaled = false;
    for (size_t i = 0; i < sizeof journaled_folders / sizeof *journaled_folders; i++)
        if (strncmp(path, journaled_folders[i], strlen(journaled_folders[i])) == 0)
            journaled = true;
    trace->files[trace->file_count] =
        (struct traced_file){NO_OPERATION, NO_OPERATION, is_base ? path : NULL, journaled};
    return trace->file_count++;
}

static inline struct operation *trace_add(struct trace *trace, enum operation_kind kind,
                                          uint32_t file)
{
    struct operation *operation = &trace->operations[trace->count];
    *operation = (struct operation){.kind = kind, .file = file, .next = NO_OPERATION};
    if (kind == OPERATION_WRITE || kind == OPERATION_TRUNCATE) {
        struct traced_file *changed = &trace->files[file];
        if (changed->first == NO_OPERATION) {
            changed->first = trace->count;
        } else {
            trace->operations[changed->last].next = trace->count;
        }
        changed->last = trace->count;
    } else if (kind != OPERATION_OTHER && kind != OPERATION_MARK) {
        trace->turns[trace->turn_count++] = trace->count;
    }
    trace->count++;
    return operation;
}

static inline void trace_load_open(struct trace_loader *loader, const struct trace_record *record,
                                   const char *path)
{
    struct trace *trace = loader->trace;
    struct handle *handle = &loader->handles[record->handle];
    size_t at = names_find(&loader->names, path);
    *handle = (struct handle){NO_FILE, path};
    if (record->other) return;
    if (at < loader->names.count) {
        handle->file = loader->names.list[at].file;
        if (record->number & O_TRUNC) (void)trace_add(trace, OPERATION_TRUNCATE, handle->file);
        return;
    }
    handle->file = trace_new_file(trace, path, false);
    trace_add(trace, OPERATION_CREATE, handle->file)->path = path;
    names_put(&loader->names, path, handle->file);
}

static inline void trace_load_sync(struct trace_loader *loader, const struct trace_record *record)
{
    const struct handle *handle = &loader->handles[record->handle];
    bool directory = handle->file == NO_FILE;
    if (record->kind == TRACE_SYNC_BEGIN) {
        loader->sync_begins[record->number] = loader->trace->count;
        (void)trace_add(loader->trace, OPERATION_OTHER, NO_FILE);
        return;
    }
    struct operation *operation = trace_add(
        loader->trace, directory ? OPERATION_SYNC_DIRECTORY : OPERATION_SYNC_FILE, handle->file);
    operation->path = handle->path;
    operation->number = loader->sync_begins[record->number];
}

static inline void trace_load_record(struct trace_loader *loader, const struct trace_record *record,
                                     const char *path, const uint8_t *data)
{
    static const enum operation_kind kinds[] = {[TRACE_WRITE] = OPERATION_WRITE,
                                                [TRACE_TRUNCATE] = OPERATION_TRUNCATE,
                                                [TRACE_RENAME] = OPERATION_RENAME,
                                                [TRACE_REMOVE] = OPERATION_REMOVE,
                                                [TRACE_MAKE_DIRECTORY] = OPERATION_MAKE_DIRECTORY,
                                                [TRACE_MARK] = OPERATION_MARK};
    if (record->kind == TRACE_OPEN) {
        trace_load_open(loader, record, path);
        return;
    }
    if (record->kind == TRACE_SYNC_BEGIN || record->kind == TRACE_SYNC_END) {
        trace_load_sync(loader, record);
        return;
    }
    bool mark = record->kind == TRACE_MARK;
    uint32_t file = mark ? record->handle : loader->handles[record->handle].file;
    struct operation *operation = trace_add(loader->trace, kinds[record->kind], file);
    operation->number = record->number;
    operation->other = record->other;
    operation->path = path;
    operation->to = (const char *)data;
    operation->data = data;
    operation->bytes = record->data_bytes;
    names_apply(&loader->names, operation);
}

static inline uint8_t *read_whole(const char *path, size_t *bytes)
{
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    *bytes = 0;
    if (descriptor < 0) return NULL;
    uint8_t *data = fstat(descriptor, &status) == 0 ? malloc((size_t)status.st_size + 1) : NULL;
    while (data && *bytes < (size_t)status.st_size) {
        ssize_t got = read(descriptor, data + *bytes, (size_t)status.st_size - *bytes);
        if (got <= 0) break;
        *bytes += (size_t)got;
    }
    (void)close(descriptor);
    return data;
}

/* nftw has no context. */
static struct trace *trace_of_walk;

static inline int trace_visit_base(const char *path, const struct stat *status, int type,
                                   struct FTW *place)
{
    struct trace *trace = trace_of_walk;
    (void)status;
    if (place->level == 0) return 0;
    const char *name = strdup(path + strlen(trace->base) + 1);
    assert(name);
    names_put(&trace->start, name, type == FTW_F ? trace_new_file(trace, name, true) : NO_FILE);
    return 0;
}

/* `base`: a copy of the directory as it was when recording began; NULL: it was empty. */
static inline bool trace_load(struct trace *trace, const char *path, const char *base)
{
    size_t bytes, offset = 0;
    *trace = (struct trace){.bytes = read_whole(path, &bytes)};
    if (!trace->bytes) return false;
    size_t most = bytes / sizeof(struct trace_record) + 1;
    struct trace_loader loader = {.trace = trace, .capacity = most + 1};
    trace->operations = calloc(most, sizeof *trace->operations);
    trace->turns = calloc(most, sizeof *trace->turns);
    loader.handles = calloc(loader.capacity, sizeof *loader.handles);
    loader.sync_begins = calloc(loader.capacity, sizeof *loader.sync_begins);
    assert(trace->operations && trace->turns && loader.handles && loader.sync_begins);
    if (base) {
        snprintf(trace->base, sizeof trace->base, "%s", base);
        trace_of_walk = trace;
        if (nftw(base, trace_visit_base, 16, FTW_PHYS) != 0) return false;
    }
    names_copy(&loader.names, &trace->start);
    while (offset + sizeof(struct trace_record) <= bytes) {
        struct trace_record record;
        memcpy(&record, trace->bytes + offset, sizeof record);
        offset += sizeof record;
        const char *name = (const char *)trace->bytes + offset;
        trace_load_record(&loader, &record, name, trace->bytes + offset + record.path_bytes);
        offset += record.path_bytes + record.data_bytes;
    }
    free(loader.handles);
    free(loader.sync_begins);
    free(loader.names.list);
    return offset == bytes;
}

static inline void trace_release(struct trace *trace)
{
    for (size_t i = 0; i < trace->start.count; i++)
        free((void *)(uintptr_t)trace->start.list[i].path);
    free(trace->start.list);
    free(trace->bytes);
    free(trace->operations);
    free(trace->turns);
    free(trace->files);
    *trace = (struct trace){0};
}

/* --- Crashes --- */

enum data_model { DATA_NOTHING, DATA_ALL, DATA_PREFIX, DATA_FILE_PREFIX, DATA_PAGES };
enum names_model { NAMES_JOURNAL, NAMES_ANY };

struct crash {
    uint64_t seed;
    size_t cut;
    enum data_model data;
    enum names_model names;
    unsigned keep_percent; /* how much survives in whole */
    size_t moment;         /* of DATA_PREFIX and NAMES_JOURNAL */
};

static inline struct crash crash_everything(const struct trace *trace)
{
    return (struct crash){.cut = trace->count, .data = DATA_ALL, .moment = trace->count};
}

static inline struct crash crash_from_seed(const struct trace *trace, uint64_t seed)
{
    static const enum data_model models[] = {
        DATA_PAGES,  DATA_PAGES,       DATA_PAGES,       DATA_PAGES,       DATA_PAGES,
        DATA_PAGES,  DATA_FILE_PREFIX, DATA_FILE_PREFIX, DATA_NOTHING,     DATA_NOTHING,
        DATA_PREFIX, DATA_ALL,         DATA_PAGES,       DATA_FILE_PREFIX, DATA_NOTHING};
    static const unsigned keeps[] = {0, 10, 50, 90};
    struct choices choices;
    choices_from_seed(&choices, seed, NULL);
    struct crash crash = {.seed = seed};
    if (choose_one_in(&choices, 2)) {
        crash.cut = choose(&choices, trace->count);
    } else {
        crash.cut = trace->turns[choose(&choices, trace->turn_count - 1)] + choose(&choices, 1);
    }
    crash.data = models[choose(&choices, sizeof models / sizeof *models - 1)];
    crash.names = choose_one_in(&choices, 2) ? NAMES_JOURNAL : NAMES_ANY;
    crash.keep_percent = keeps[choose(&choices, 3)];
    size_t recent = crash.cut < CRASH_RECENT ? crash.cut : CRASH_RECENT;
    crash.moment = crash.cut - choose(&choices, recent);
    return crash;
}

static inline uint64_t crash_mix(uint64_t value)
{
    value += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

/* A moment for the thing that `key` names: now, never, or not long ago. */
static inline size_t crash_moment(const struct crash *crash, uint64_t key)
{
    uint64_t draw = crash_mix(crash->seed ^ crash_mix(key));
    if (draw % 100 < crash->keep_percent) return crash->cut;
    if (draw >> 8 & 1) return 0;
    size_t recent = crash->cut < CRASH_RECENT ? crash->cut : CRASH_RECENT;
    return crash->cut - draw / 1024 % (recent + 1);
}

/* Up to which operation a piece of a file, or its size (page SIZE_MAX), survives. */
static inline size_t crash_data_moment(const struct crash *crash, uint32_t file, size_t page,
                                       size_t sector)
{
    uint64_t key = (uint64_t)file << 40;
    switch (crash->data) {
    case DATA_NOTHING:
        return 0;
    case DATA_ALL:
        return crash->cut;
    case DATA_PREFIX:
        return crash->moment;
    case DATA_FILE_PREFIX:
        return crash_moment(crash, key);
    default:
        if (page == SIZE_MAX) return crash_moment(crash, key + 2);
        key += (page + 1) << 8;
        bool torn = crash_mix(crash->seed + key) % 3 == 0;
        return crash_moment(crash, torn ? key + 1 + sector : key);
    }
}

/* Is this change of names sure: was its directory synced since, or the new file? */
static inline bool crash_name_is_sure(const struct trace *trace, size_t at, size_t cut)
{
    const struct operation *change = &trace->operations[at];
    char directory[256];
    snprintf(directory, sizeof directory, "%s", change->path);
    (void)path_parent(directory);
    for (size_t i = at + 1; i < cut; i++) {
        const struct operation *operation = &trace->operations[i];
        if (operation->kind == OPERATION_RENAME && strcmp(operation->path, directory) == 0)
            snprintf(directory, sizeof directory, "%s", operation->to);
        if (operation->number <= at) continue;
        if (operation->kind == OPERATION_SYNC_DIRECTORY && strcmp(directory, operation->path) == 0)
            return true;
        if (operation->kind == OPERATION_SYNC_FILE && change->kind == OPERATION_CREATE &&
            operation->file == change->file && trace->files[change->file].journaled)
            return true;
    }
    return false;
}

static inline size_t crash_journal(const struct trace *trace, const struct crash *crash)
{
    size_t journal = crash->moment;
    for (size_t i = 0; i < crash->cut; i++) {
        const struct operation *operation = &trace->operations[i];
        if (operation->kind == OPERATION_SYNC_DIRECTORY && operation->number > journal)
            journal = operation->number;
    }
    return journal;
}

static inline void crash_names(const struct trace *trace, const struct crash *crash,
                               struct names *names)
{
    size_t journal = crash_journal(trace, crash);
    names_copy(names, &trace->start);
    for (size_t i = 0; i < crash->cut; i++) {
        const struct operation *operation = &trace->operations[i];
        bool changes = operation->kind == OPERATION_CREATE || operation->kind == OPERATION_RENAME ||
                       operation->kind == OPERATION_REMOVE ||
                       operation->kind == OPERATION_MAKE_DIRECTORY;
        if (!changes) continue;
        bool survives = crash->names == NAMES_JOURNAL
                            ? i < journal
                            : crash_moment(crash, UINT64_C(1) << 63 | i) > i;
        if (crash->data == DATA_ALL) survives = true;
        if (survives || crash_name_is_sure(trace, i, crash->cut)) names_apply(names, operation);
    }
}

static inline size_t crash_sync_moment(const struct trace *trace, uint32_t file, size_t cut)
{
    size_t moment = 0;
    for (size_t i = 0; i < cut; i++) {
        const struct operation *operation = &trace->operations[i];
        if (operation->kind == OPERATION_SYNC_FILE && operation->file == file)
            moment = operation->number > moment ? operation->number : moment;
    }
    return moment;
}

/* --- Building a directory --- */

static inline bool write_all(int descriptor, const uint8_t *data, size_t bytes, uint64_t offset)
{
    return pwrite(descriptor, data, bytes, (off_t)offset) == (ssize_t)bytes;
}

/* One file in the making. */
struct crash_file {
    const struct crash *crash;
    int descriptor;
    size_t sure;        /* operations before it survive in whole */
    size_t size_moment; /* the size is as of then */
    uint64_t size;
    bool journaled;
    bool stopped; /* journaled: a page is missing, so that the size grows no further */
};

/* Writes the sectors of operation `at` that survive of the page at `offset`; *whole: all did. */
static inline bool crash_write_page(struct crash_file *file, const struct operation *operation,
                                    size_t at, uint64_t offset, bool *whole)
{
    uint64_t page = offset / CRASH_PAGE_BYTES, end = operation->number + operation->bytes;
    *whole = true;
    while (offset < end && offset / CRASH_PAGE_BYTES == page) {
        uint64_t next = (offset / CRASH_SECTOR_BYTES + 1) * CRASH_SECTOR_BYTES;
        size_t sector = offset % CRASH_PAGE_BYTES / CRASH_SECTOR_BYTES;
        if (next > end) next = end;
        if (at < file->sure || at < crash_data_moment(file->crash, operation->file, page, sector)) {
            if (!write_all(file->descriptor, operation->data + (offset - operation->number),
                           next - offset, offset))
                return false;
        } else {
            *whole = false;
        }
        offset = next;
    }
    return true;
}

static inline bool crash_write(struct crash_file *file, const struct operation *operation,
                               size_t at)
{
    uint64_t offset = operation->number, end = operation->number + operation->bytes;
    while (offset < end) {
        uint64_t next = (offset / CRASH_PAGE_BYTES + 1) * CRASH_PAGE_BYTES;
        bool whole;
        if (next > end) next = end;
        if (!crash_write_page(file, operation, at, offset, &whole)) return false;
        if (file->journaled && !whole && next > file->size) file->stopped = true;
        if (at < file->size_moment && next > file->size && !file->stopped) file->size = next;
        offset = next;
    }
    return true;
}

static inline bool crash_copy_base(const struct trace *trace, const struct traced_file *file,
                                   int descriptor, uint64_t *size)
{
    char path[600];
    size_t bytes;
    *size = 0;
    if (!file->base) return true;
    snprintf(path, sizeof path, "%s/%s", trace->base, file->base);
    uint8_t *data = read_whole(path, &bytes);
    bool well = data && write_all(descriptor, data, bytes, 0);
    *size = bytes;
    free(data);
    return well;
}

static inline bool crash_apply(struct crash_file *file, const struct operation *operation,
                               size_t at)
{
    if (operation->kind == OPERATION_WRITE) return crash_write(file, operation, at);
    if (at >= file->size_moment) return true;
    file->size = operation->number;
    return ftruncate(file->descriptor, (off_t)file->size) == 0;
}

static inline bool crash_build_file(const struct trace *trace, const struct crash *crash,
                                    uint32_t index, const char *path)
{
    const struct traced_file *traced = &trace->files[index];
    struct crash_file file = {.crash = crash,
                              .descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644),
                              .sure = crash_sync_moment(trace, index, crash->cut),
                              .size_moment = crash_data_moment(crash, index, SIZE_MAX, 0),
                              .journaled = traced->journaled};
    if (file.descriptor < 0) return false;
    if (file.size_moment < file.sure) file.size_moment = file.sure;
    bool well = crash_copy_base(trace, traced, file.descriptor, &file.size);
    for (size_t i = traced->first; well && i < crash->cut; i = trace->operations[i].next)
        well = crash_apply(&file, &trace->operations[i], i);
    if (well) well = ftruncate(file.descriptor, (off_t)file.size) == 0;
    (void)close(file.descriptor);
    return well;
}

static inline bool crash_directory_exists(const struct names *names, const char *path)
{
    char parent[256];
    snprintf(parent, sizeof parent, "%s", path);
    while (path_parent(parent)) {
        size_t at = names_find(names, parent);
        if (at == names->count || names->list[at].file != NO_FILE) return false;
    }
    return true;
}

static inline size_t path_depth(const char *path)
{
    size_t depth = 0;
    for (; *path; path++)
        depth += *path == '/';
    return depth;
}

/* Those that lie in others after these. */
static inline bool crash_make_directories(const struct names *names, const char *directory)
{
    enum { DEPTHS = 3 };
    char path[600];
    for (size_t depth = 0; depth < DEPTHS; depth++) {
        for (size_t i = 0; i < names->count; i++) {
            const char *name = names->list[i].path;
            if (names->list[i].file != NO_FILE || path_depth(name) != depth ||
                !crash_directory_exists(names, name))
                continue;
            snprintf(path, sizeof path, "%s/%s", directory, name);
            if (mkdir(path, 0755) != 0) return false;
        }
    }
    return true;
}

/* Makes `directory` and all that survives in it. */
static inline bool crash_build(const struct trace *trace, const struct crash *crash,
                               const char *directory)
{
    struct names names;
    char path[600];
    bool well = mkdir(directory, 0755) == 0;
    crash_names(trace, crash, &names);
    well = well && crash_make_directories(&names, directory);
    for (size_t i = 0; well && i < names.count; i++) {
        if (names.list[i].file == NO_FILE) continue;
        if (!crash_directory_exists(&names, names.list[i].path)) continue;
        snprintf(path, sizeof path, "%s/%s", directory, names.list[i].path);
        well = crash_build_file(trace, crash, names.list[i].file, path);
    }
    free(names.list);
    return well;
}

#endif
