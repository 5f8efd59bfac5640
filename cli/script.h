/* Running statements from a text, one after the other. */
#ifndef CLI_SCRIPT_H
#define CLI_SCRIPT_H

#include "cli/buffer.h"
#include "cli/parameters.h"
#include "cli/result.h"

/* What statements run in. */
struct session {
    tidal_db *db;
    enum format format;
    struct parameters parameters;
    bool verbose; /* says how many rows, or which LSN, and how long it took */
    /* Told which query runs (NULL: none), so that it can be cancelled; may be NULL. */
    void (*running)(tidal_query *query);
};

/* A script arrives in pieces.  `name` stands before places in messages ("feed.tql:3:21: ..."). */
struct script {
    const char *name;
    struct session *session;
    struct buffer text; /* not yet run, but for its beginning: */
    size_t start;       /* of what has not, while statements run; else 0 */
    uint64_t line;      /* of that byte, from 1 */
    uint64_t column;    /* its characters before it in that line */
};

/* Runs all statements that are complete; the rest waits.  False: one failed, which is reported with
 * its place and dropped with what stood before it; the rest is still there. */
bool script_feed(struct script *script, const char *text, size_t bytes);
/* Feeds it a file up to its end; also false, with a message, if that cannot be read. */
bool script_read(struct script *script, FILE *file);
/* Runs what is left, though no semicolon ends it. */
bool script_finish(struct script *script);
/* Is there nothing but spaces and comments waiting? */
bool script_idle(const struct script *script);
/* Forgets what waits. */
void script_drop(struct script *script);
void script_release(struct script *script);

#endif
