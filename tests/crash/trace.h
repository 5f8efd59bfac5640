/* What a process did to the files of one directory, in order: written by recorder.c, read by
 * crash_states.h.
 *
 * A trace is a series of records, each followed by `path_bytes` of a path relative to the directory
 * (with its NUL; the directory itself is "") and `data_bytes` of data.  Files are known by the
 * handle that their opening got; which file that is follows from the names so far. */
#ifndef TIDAL_TESTS_CRASH_TRACE_H
#define TIDAL_TESTS_CRASH_TRACE_H

#include <stdbool.h>
#include <stdint.h>

enum trace_kind {
    TRACE_OPEN,           /* handle, path; number: open's flags; other: 1 for a directory */
    TRACE_WRITE,          /* handle, data; number: offset */
    TRACE_TRUNCATE,       /* handle; number: size */
    TRACE_SYNC_BEGIN,     /* handle; number: of the sync */
    TRACE_SYNC_END,       /* the same number: what was written before its begin is durable */
    TRACE_RENAME,         /* path; data: the new path */
    TRACE_REMOVE,         /* path, of a file or a directory */
    TRACE_MAKE_DIRECTORY, /* path */
    TRACE_MARK            /* handle, number, other: the program's own */
};

struct trace_record {
    uint32_t kind;
    uint32_t handle;
    uint64_t number;
    uint64_t other;
    uint32_t path_bytes;
    uint32_t data_bytes;
};

/* From now on this process's calls on files in `directory` (an absolute path without links) are
 * recorded in the file `trace`, behind what it holds: another process may go on where one ended.  A
 * sync does nothing but take `sync_us`.  Once, for good. */
bool recorder_start(const char *directory, const char *trace, unsigned sync_us);
/* Nothing, unless recording. */
void recorder_mark(uint32_t kind, uint64_t number, uint64_t other);
/* Ends the process as a kill would, wherever its other threads are, but with a whole trace. */
_Noreturn void recorder_die(void);

#endif
