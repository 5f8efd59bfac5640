/* tidal import: what its parts share. */
#ifndef CLI_IMPORT_H
#define CLI_IMPORT_H

#include "cli/catalog.h"
#include "cli/reader.h"
#include "cli/tally.h"
#include "cli/text.h"

enum target { INTO_ENTITIES, INTO_SIGNALS, INTO_RELATION };

struct names {
    char **list; /* owned, as the names */
    size_t count, capacity;
};

/* --map FIELD=COLUMN, --split COLUMN=TEXT */
struct pair {
    char *left, *right;
};

struct pairs {
    struct pair *list; /* owned, as its texts */
    size_t count, capacity;
};

struct import_options {
    const char *path, *file, *into; /* as the other texts: of the command line; NULL: not given */
    enum target target;
    tidal_kind kind; /* of entities */
    struct reader_options reader;
    const char *id, *key;
    const char *signal, *event, *user, *user_key, *time, *value;
    const char *from, *to, *from_key, *to_key, *weight;
    enum time_unit time_unit;
    struct names columns, skip;
    struct pairs map, split;
    const char *refused;
    bool dry_run, progress;
    size_t batch;
    uint64_t signal_memory_bytes; /* 0: as much as it takes */
};

/* EXIT_OK, or EXIT_USAGE with a report. */
int import_options_parse(struct import_options *options, int argc, char **argv);
void import_options_release(struct import_options *options);

struct import {
    const struct import_options *options;
    tidal_db *db;
    struct reader reader;
    struct catalog catalog;
    struct tally tally;
    uint64_t last_lsn; /* of the newest write that is only accepted */
    bool begun;
};

/* Each reads the file to its end and writes what it holds.  False: it had to end early, which is
 * reported. */
bool import_entities(struct import *import);
bool import_signals(struct import *import);
bool import_edges(struct import *import);

/* Starts the counts, and the file of --refused, once nothing is wrong with the columns.  False,
 * with a report: that file cannot be written. */
bool import_begin(struct import *import);
/* The next record that could be read; refused ones are counted on the way.  False at the end, on
 * ^C, and if reading fails, which *well tells apart and is reported. */
bool import_next(struct import *import, bool *well);
/* Refuses the current record for what its reader says. */
void import_refuse(struct import *import);
/* The same for a write; false: the error is not about this record, so that the import must end,
 * which is reported. */
bool import_refuse_write(struct import *import, const tidal_error *error);
/* Must an error of a write end the import? */
bool import_is_fatal(tidal_code code);
/* Waits until what was accepted is durable, and counts it as taken. */
bool import_settle(struct import *import);
/* A column that must be in a CSV file; false: it is not, which is reported. */
bool import_need(struct import *import, struct column *column, const char *option,
                 const char *given, const char *const defaults[2]);
/* An entity by id or key from the current record. False: refused, with the reason. */
bool import_id(struct import *import, struct column *column, uint64_t *id);
bool import_key(struct import *import, struct column *column, const char **key);
/* Asked for ^C since the program began? */
bool import_interrupted(void);

#endif
