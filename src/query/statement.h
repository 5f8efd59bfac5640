/* Statements: what a text of the language says, before any name in it is looked up.
 *
 * docs/language.md has the grammar.  All lies in the arena or is lent from the text; positions are
 * byte offsets in the text. */
#ifndef TIDAL_QUERY_STATEMENT_H
#define TIDAL_QUERY_STATEMENT_H

#include "schema/change.h"

enum {
    STATEMENT_BYTES_MAXIMUM = 1 << 20,
    STATEMENT_DEPTH_MAXIMUM = 64,
    STATEMENT_PARAMETERS_MAXIMUM = 256,
    STATEMENT_LIMIT_DEFAULT = 20,
    STATEMENT_LIMIT_MAXIMUM = 1000
};

enum statement_kind {
    STATEMENT_DEFINE, /* and DROP, RENAME */
    STATEMENT_PUT,
    STATEMENT_PATCH,
    STATEMENT_DELETE,
    STATEMENT_SIGNAL, /* and RETRACT SIGNAL */
    STATEMENT_RELATE,
    STATEMENT_UNRELATE,
    STATEMENT_TRANSACTION,
    STATEMENT_FORGET,
    STATEMENT_RETRIEVE, /* and EXPLAIN RETRIEVE */
    STATEMENT_WHY_NOT,
    STATEMENT_SHOW,
    STATEMENT_CHECKPOINT,
    STATEMENT_TAIL,
    STATEMENT_NEXT_PAGE,
    STATEMENT_CURSOR, /* DEFINE CURSOR, ADVANCE CURSOR, DROP CURSOR */
    STATEMENT_EXPORT  /* EXPORT TRAINING */
};

/* A place where a literal or a parameter may stand. */
struct operand {
    enum { OPERAND_NONE, OPERAND_LITERAL, OPERAND_PARAMETER } kind;
    struct value value;     /* of a literal; ids are REFERENCE */
    struct slice parameter; /* its name, without the dollar sign */
    uint64_t position;
};

/* `item 1001`, `item KEY 'film-7'`, `user $who` */
struct reference {
    enum entity_kind kind;
    bool by_key;
    struct operand operand;
};

struct put_statement {
    struct reference entity;
    struct operand key;  /* PUT item 1001 KEY 'film-7' {...} */
    struct operand body; /* TEXT: a JSON object */
};

struct signal_statement {
    struct name signal;
    struct reference entity;
    bool has_user;
    struct reference user;
    struct operand value;
    struct operand time;
    struct operand idempotency_key;
    struct operand slate, position; /* SLATE 1234 POSITION 3 */
    bool retract;
};

struct relate_statement {
    struct name relation;
    struct reference from, to;
    struct operand weight;
    struct operand time;
};

enum returning_kind {
    RETURNING_ID,
    RETURNING_KEY,
    RETURNING_SCORE,
    RETURNING_RANK,
    RETURNING_SOURCE,
    RETURNING_EXPLAIN,
    RETURNING_SLATE, /* the number of the recorded slate */
    RETURNING_FIELD
};

struct returning {
    enum returning_kind kind;
    struct name name;
};

/* CONTEXT device = 'tv', hour = $hour */
struct context_operand {
    struct name name;
    struct operand operand;
};

struct retrieve_statement {
    bool explain;
    bool record, record_features; /* what is served is logged: a write */
    uint64_t record_position;
    bool paged; /* what comes behind LIMIT is kept, for NEXT PAGE */
    uint64_t paged_position;
    bool has_user;
    struct reference user;
    bool has_item;
    struct reference item;             /* FOR item 1001: what the answer is to go with */
    struct name profile;               /* empty: none */
    int64_t version;                   /* -1: the newest */
    struct ranking_definition ranking; /* clauses spelled out; they replace the profile's */
    struct expression *where;          /* NULL: none */
    struct operand limit, offset, now, seed, at_least, as_of;
    bool as_of_lsn;                   /* AS OF LSN: not a time */
    struct context_operand *contexts; /* NULL: none */
    size_t context_count;
    struct returning *returning; /* NULL: id, score */
    size_t returning_count;
    struct reference why_not; /* WHY NOT item 7 IN ... */
};

/* NEXT PAGE OF 17 LIMIT 20 */
struct page_statement {
    struct operand page, limit;
};

/* Columns of TAIL's rows. */
enum tail_column {
    TAIL_LSN,
    TAIL_TIME,
    TAIL_KIND,
    TAIL_TARGET,
    TAIL_ID,
    TAIL_KEY,
    TAIL_NAME,
    TAIL_USER,
    TAIL_USER_KEY,
    TAIL_VALUE,
    TAIL_EVENT_TIME,
    TAIL_CHANGE,
    TAIL_COLUMN_COUNT
};

/* kind = 'signal', name IN ('like', $other), user != 42 */
struct tail_condition {
    enum tail_column column; /* TAIL_KIND .. TAIL_USER_KEY */
    bool negated;
    struct operand *values; /* a list may be one parameter */
    size_t value_count;
    uint64_t position;
};

/* TAIL FROM 1000 WHERE kind = 'signal' AND user = 42 LIMIT 100 WAIT 500ms; TAIL CURSOR search */
struct tail_statement {
    struct name cursor; /* empty: `from` is given */
    struct operand from, limit, wait;
    struct tail_condition *conditions; /* joined by AND; NULL: none */
    size_t condition_count;
};

/* DEFINE CURSOR search FROM 1, ADVANCE CURSOR search TO $lsn, DROP CURSOR search */
struct cursor_statement {
    enum cursor_action action;
    struct name name;
    struct operand lsn; /* of a DEFINE: not given: from the next write on */
};

/* EXPORT TRAINING FROM SLATES SINCE LSN 12 WHERE profile = 'home' LABEL like WITHIN 30m */
struct export_statement {
    struct operand since;
    bool since_lsn; /* SINCE LSN: not a time */
    struct operand profile, surface, user;
    struct name label;
    struct duration within;
    struct operand limit; /* of rows */
};

enum show_kind {
    SHOW_SCHEMA,
    SHOW_FIELDS,
    SHOW_SIGNALS,
    SHOW_RELATIONS,
    SHOW_PROFILES,
    SHOW_STATUS,
    SHOW_CURSORS,
    SHOW_SIZE,
    SHOW_SLATE,
    SHOW_KIND_COUNT
};

struct statement {
    enum statement_kind kind;
    struct slice text;        /* trimmed, without the semicolon */
    struct slice *parameters; /* distinct names, in order of appearance */
    size_t parameter_count;
    union {
        struct definition define;
        struct put_statement put; /* PUT, PATCH */
        struct reference delete;  /* DELETE, FORGET */
        struct signal_statement signal;
        struct relate_statement relate; /* RELATE, UNRELATE */
        struct {
            struct statement *statements; /* writes; their parameters are in the outer table */
            size_t count;
        } transaction;
        struct retrieve_statement retrieve; /* RETRIEVE, WHY NOT */
        struct page_statement page;
        struct tail_statement tail;
        struct cursor_statement cursor;
        struct export_statement export;
        struct {
            enum show_kind show;
            struct operand show_slate; /* SHOW SLATE 1234 */
        };
    };
};

/* Parses one statement; a semicolon may end it.  INVALID with the byte and what was expected there;
 * LIMIT: too long or nested too deep; NO_MEMORY. */
MUST_USE enum code statement_parse(struct slice text, struct arena *arena,
                                   struct statement *statement, struct error *error);

/* Length of the first statement of a script, up to and with its semicolon: 0 if none is complete.
 * *blank: before the semicolon, or the end, there is nothing but spaces and comments. */
size_t statement_bytes(struct slice script, bool *blank);

#endif
