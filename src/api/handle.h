/* The handles behind tidal.h, shared by the files of this folder alone. */
#ifndef TIDAL_API_HANDLE_H
#define TIDAL_API_HANDLE_H

#include <tidal/tidal.h>

#include "engine/database.h"
#include "query/bind.h"
#include "query/result.h"

struct tail;
struct training_reader;

struct tidal_db {
    struct database *database;
    enum acknowledgement acknowledgement; /* of writes that do not say otherwise */
    atomic_size_t query_count;            /* queries not freed yet */
    bool is_followers;                    /* tidal_follow_close ends it */
};

/* A bound parameter: its value and the heap block in which its text, list or vector lies. */
struct bound {
    struct value value; /* MISSING: not bound */
    void *block;
    size_t block_bytes;
};

enum query_state {
    QUERY_READY, /* before the first step, or after a reset */
    QUERY_ROWS,  /* `row` is the current one */
    QUERY_ENDED  /* done or failed: only a reset goes on */
};

struct tidal_query {
    tidal_db *db;
    struct arena arena; /* the text and the statement: as long as the query */
    struct statement statement;
    struct bound *bound; /* one a parameter, in the order of the statement's table */

    enum query_state state;
    struct arena run;                 /* of one run: the result, and what it was made with */
    struct tail *tail;                /* of a TAIL that is under way; NULL otherwise */
    struct training_reader *training; /* of an EXPORT, likewise */
    struct result result;
    size_t row;           /* the current one */
    struct value *values; /* `bound`, as binding takes them; in `run` */
    struct bindings bindings;
    bool duplicate; /* the write was a repeat */
    atomic_bool cancelled;
};

/* Copies an error out, if there is one and somebody wants it; returns `code` as the public one. */
tidal_code give_error(enum code code, const struct error *error, tidal_error *out);
/* MISUSE with this message. */
tidal_code give_misuse(tidal_error *out, const char *message, const char *hint);

/* database.c: checks what was given (NULL: nothing), and makes options of the engine of it. */
enum code options_read(const tidal_options *given, tidal_options *options, struct error *error);
struct database_options options_for(const char *path, const tidal_options *options);
/* The handle of an open database; NULL on no memory. */
tidal_db *handle_create(struct database *database, const tidal_options *options);

/* `bytes` -1: up to the NUL. */
struct slice text_slice(const char *text, int64_t bytes);

#endif
