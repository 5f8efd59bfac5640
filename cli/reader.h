/* Records of an import file: lines of CSV or JSONL, seen as texts in named columns.
 *
 * CSV is RFC 4180: a cell in quotation marks may hold delimiters, line ends and quotation marks
 * (doubled); lines end with LF or CRLF; the delimiter may be any text.  Beyond it, a quotation mark
 * in the middle of a bare cell is a character like others, and blank lines are passed over.  When a
 * record cannot be read (a quotation mark that never closes, say), its first line alone is refused
 * and reading goes on with the next, so that one stray mark costs one line and not the rest.  Lines
 * between an opening and the next quotation mark are looked at twice, none more often.
 *
 * JSONL is an object a line.  A record, and a line, has at most INPUT_BYTES_MAXIMUM. */
#ifndef CLI_READER_H
#define CLI_READER_H

#include "cli/buffer.h"
#include "cli/input.h"

#include <jansson.h>
#include <stdint.h>

enum file_format { FILE_BY_NAME, FILE_CSV, FILE_JSONL };

struct reader_options {
    enum file_format format;
    const char *delimiter; /* of CSV, as the next three */
    char **columns;        /* their names; count 0: the first line has them */
    size_t column_count;
    bool header;    /* the first line holds names, also if `columns` does */
    bool no_quotes; /* quotation marks are characters like others */
};

struct reader {
    const char *path; /* lent, as the options */
    const struct reader_options *options;
    enum file_format format;
    struct input input;
    uint64_t next_line; /* number of the first line not taken */
    size_t taken;       /* bytes of the current record */
    size_t lines;       /* its lines */
    char **names;       /* of CSV columns; owned */
    size_t name_count;
    size_t name_capacity;

    /* The current record; until the next reader_next. */
    uint64_t line;   /* of its first line, from 1 */
    const char *raw; /* without its line end */
    size_t raw_bytes;
    struct buffer cells; /* of CSV: each with a NUL behind it */
    size_t *starts;      /* of each in `cells` */
    size_t cell_count, cell_capacity;
    json_t *object;   /* of JSONL */
    char reason[256]; /* why it was refused */
};

enum record { RECORD_READ, RECORD_REFUSED, RECORD_END, RECORD_FAILED };

/* Opens the file and reads the names of its columns.  False, reported: it cannot be read, is empty
 * where names should be, or has a name twice. */
bool reader_open(struct reader *reader, const char *path, const struct reader_options *options);
void reader_close(struct reader *reader);
/* RECORD_REFUSED: `reason` says why.  RECORD_FAILED: the file cannot be read on (not reported). */
enum record reader_next(struct reader *reader);
/* Says what is wrong with the record, in `reason`.  Always false. */
__attribute__((format(printf, 2, 3))) bool reader_refuse(struct reader *reader, const char *format,
                                                         ...);
/* Index of a CSV column; SIZE_MAX: there is none. */
size_t reader_find(const struct reader *reader, const char *name);
/* "a, b, c" of CSV. */
void reader_append_names(const struct reader *reader, struct buffer *out);

/* A column that is looked for under one or two names. */
struct column {
    const char *names[2]; /* NULL: none */
    size_t index;         /* of CSV; SIZE_MAX: it has no such column */
    char scalar[48];      /* text of a number */
};

/* False: the file is CSV and has none of the names.  (JSONL may have them in any line.) */
bool column_find(struct column *column, const struct reader *reader, const char *name,
                 const char *other);
/* Is there, or may there be, something in it? */
bool column_exists(const struct column *column, const struct reader *reader);
/* Its text in the current record; NULL: it has none.  False, with the reason: it is no single
 * value.  Lent until the next call or record. */
bool column_text(struct column *column, struct reader *reader, const char **text);

#endif
