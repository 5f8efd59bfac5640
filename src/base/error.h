/* One error type for every subsystem, filled where the fault is known.
 *
 * A fallible function returns an `enum code` and takes a `struct error *` from its caller, which is
 * never NULL.  The caller of a function that failed hands the error up unchanged or replaces it;
 * nobody allocates, logs or keeps a copy.  any thread (each error belongs to one caller). */
#ifndef TIDAL_BASE_ERROR_H
#define TIDAL_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
/* For what only prefetches: a call of it would be dropped as one without effect. */
#define ALWAYS_INLINE                    inline __attribute__((always_inline))
#define PRINTF_LIKE(format_index, first) __attribute__((format(printf, format_index, first)))

/* What can the caller do?  One line a code: NAME, "name", "what it means". */
#define ERROR_CODES(X)                                                                             \
    X(OK, "ok", "done")                                                                            \
    X(INVALID, "invalid", "the request is wrong: mend it")                                         \
    X(NOT_FOUND, "not found", "a named thing does not exist")                                      \
    X(DUPLICATE, "duplicate", "this event is already in the log")                                  \
    X(BUSY, "busy", "another process or statement holds the resource: try again later")            \
    X(LIMIT, "limit", "a stated limit is reached: raise it or remove something")                   \
    X(NO_MEMORY, "no memory", "the memory budget or the machine's memory is exhausted")            \
    X(NO_SPACE, "no space", "the disk is full")                                                    \
    X(IO, "io", "the operating system reported an error")                                          \
    X(CORRUPT, "corrupt", "stored bytes are damaged")                                              \
    X(VERSION, "version", "written by a newer version of the format")                              \
    X(READ_ONLY, "read only", "the database or its directory cannot be written")                   \
    X(CANCELLED, "cancelled", "the caller stopped it")                                             \
    X(NOT_RETAINED, "not retained", "the log does not reach back that far")                        \
    X(FAILED, "failed", "an earlier fault ended this handle: close and reopen it")                 \
    X(MISUSE, "misuse", "the library was called against its contract")

/* Who noticed? */
#define ERROR_AREAS(X)                                                                             \
    X(BASE, "base")                                                                                \
    X(OS, "os")                                                                                    \
    X(SCHEMA, "schema")                                                                            \
    X(WAL, "log")                                                                                  \
    X(STORE, "store")                                                                              \
    X(ENTITIES, "entities")                                                                        \
    X(SIGNALS, "signals")                                                                          \
    X(RELATIONS, "relations")                                                                      \
    X(BEHAVIOUR, "behaviour")                                                                      \
    X(RANKING, "ranking")                                                                          \
    X(QUERY, "query")                                                                              \
    X(ENGINE, "engine")                                                                            \
    X(API, "api")

#define ERROR_CODE_CONSTANT(name, text, meaning) CODE_##name,
#define ERROR_AREA_CONSTANT(name, text)          AREA_##name,
enum code { ERROR_CODES(ERROR_CODE_CONSTANT) CODE_COUNT };
enum area { ERROR_AREAS(ERROR_AREA_CONSTANT) AREA_COUNT };

/* `position` of an error that has no place in a text or file. */
#define ERROR_NO_POSITION UINT64_MAX

struct error {
    enum code code;
    enum area area;
    int os_error;      /* errno, or 0 */
    uint64_t position; /* byte in the statement or file; ERROR_NO_POSITION where there is none */
    char message[256]; /* lower case, fault first, subject in quotes, no full stop; longer texts are
                          cut off between characters */
    char hint[192];    /* what to do about it; may be empty */
};

/* Jumps to `out` when the call fails.  Needs a local `enum code code` and a label `out`. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        if ((code = (call)) != CODE_OK) goto out;                                                  \
    } while (0)

/* Fills all of `error` (no position, no errno, no hint) and returns `code`. */
enum code error_set(struct error *error, enum code code, enum area area, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* Adds what to do.  Replaces an earlier hint. */
void error_hint(struct error *error, const char *format, ...) PRINTF_LIKE(2, 3);
/* Adds the place: a byte offset in the statement or the file that the message names. */
void error_at(struct error *error, uint64_t position);
/* As error_set, for a failed system call: `os_error` is the errno.  The code follows from it
 * (ENOSPC, EDQUOT: NO_SPACE; EROFS, EACCES, EPERM: READ_ONLY; ENOMEM: NO_MEMORY; ENOENT: NOT_FOUND;
 * EMFILE, ENFILE: LIMIT, with a hint;
 * else IO) and its text is appended to the message. */
enum code error_os(struct error *error, enum area area, int os_error, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* Fills `error` for an allocation of `bytes` that failed. */
enum code error_no_memory(struct error *error, enum area area, size_t bytes);

const char *code_name(enum code code);
const char *area_name(enum area area);

#endif
