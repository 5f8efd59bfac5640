/* A change: one thing that happened.  It is what the log holds and what the folds apply.
 *
 * change_encode and change_decode are the versioned codec (docs/formats/change.md): the bytes that
 * identify an event for deduplication are the encoded change itself, so nothing that the engine
 * adds (LSN, ingest time) is in it, and one change has exactly one encoding. */
#ifndef TIDAL_SCHEMA_CHANGE_H
#define TIDAL_SCHEMA_CHANGE_H

#include "base/arena.h"
#include "schema/schema.h"

/* Numbers are on disk: never reuse one. */
enum change_kind {
    CHANGE_DEFINE = 1,
    CHANGE_PUT = 2,
    CHANGE_PATCH = 3,
    CHANGE_DELETE = 4,
    CHANGE_SIGNAL = 5,
    CHANGE_RELATE = 6,
    CHANGE_UNRELATE = 7,
    CHANGE_TRANSACTION = 8,
    CHANGE_FORGET = 9,
    CHANGE_CURSOR = 10,
    CHANGE_SLATE = 11,
    CHANGE_BACKFILL = 12,
    CHANGE_DROP = 13,
    CHANGE_RENAME = 14
};

enum {
    CHANGE_FORMAT = 4, /* the newest; each change has the oldest that knows what is in it */
    CHANGE_BYTES_MAXIMUM = 1 << 20,  /* encoded */
    CHANGE_DEFINE_MAXIMUM = 1 << 18, /* bytes of a definition's text */
    CHANGE_TRANSACTION_MAXIMUM = 1000,
    CHANGE_BACKFILL_PAIRS = 1000, /* in one change, */
    CHANGE_BACKFILL_ROW = 1 << 18 /* and bytes of each row */
};

/* An entity by its id, or by its external key (id is then 0). */
struct entity_reference {
    enum entity_kind kind;
    entity_id id;
    struct slice key; /* bytes == 0: by id */
};

struct field_value {
    field_id field;
    struct value value; /* MISSING in a PATCH removes it */
};

struct embedding_value {
    embedding_id embedding;
    struct value value; /* VECTOR, or MISSING in a PATCH */
};

struct put_change {
    struct entity_reference entity;
    struct slice key;                 /* external key given to an entity named by id; empty: none */
    const struct field_value *fields; /* ascending by field, distinct */
    size_t field_count;
    const struct embedding_value *embeddings; /* ascending, distinct */
    size_t embedding_count;
};

/* Values are fixed point: units of 2^-16, so that sums are exact. */
#define SIGNAL_VALUE_ONE     (INT64_C(1) << 16)
#define SIGNAL_VALUE_MAXIMUM (INT64_C(1) << 47) /* magnitude, exclusive: 2^31 units */

#define SIGNAL_POSITION_MAXIMUM UINT32_C(0xfffffffe) /* in a slate */

struct signal_change {
    signal_id signal;
    struct entity_reference entity;
    bool has_user;
    struct entity_reference user;
    int64_t value;     /* fixed point; SIGNAL_VALUE_ONE unless given */
    bool has_time;     /* false: it happened when the log took it in */
    int64_t time_ms;   /* of the event */
    bool retract;      /* takes back what this user said before with a UNIQUE PER USER signal */
    lsn slate;         /* in which it came about; 0: none is cited */
    uint32_t position; /* of the entity in that slate, from 1; 0: not told, or no slate */
};

struct relate_change {
    relation_id relation;
    struct entity_reference from, to;
    float weight;
    bool has_time;
    int64_t time_ms;
};

/* On disk: never reuse a number. */
enum cursor_action { CURSOR_DEFINE = 1, CURSOR_ADVANCE = 2, CURSOR_DROP = 3 };

/* How far a consumer of the log has come. */
struct cursor_change {
    enum cursor_action action;
    struct slice name;
    lsn position; /* the last LSN that it is done with; 0 of a DROP */
};

/* One item as it was served. */
struct served_item {
    entity_id item;
    double score;
    uint32_t sources;       /* bit i: the slate's source i brought it in */
    uint64_t missing;       /* bit i: feature i had no value */
    const double *features; /* one each, 0 where missing; NULL if the slate has none */
};

/* What a RETRIEVE ... RECORD served.  Its LSN is the slate's id. */
struct slate_change {
    bool has_user;
    struct entity_reference user;
    struct slice profile; /* empty: the ranking was spelled out */
    uint32_t version;     /* of the profile; 0 without one */
    struct slice query;   /* the statement's text, or as much of it as fits */
    struct slice surface; /* from the context of that name; empty: none */
    uint64_t seed;
    int64_t now_ms;  /* NOW of the statement: when it was served */
    lsn read_at;     /* the state that was ranked */
    uint64_t offset; /* positions begin behind it */
    const struct slice *sources;
    size_t source_count;
    const struct slice *features; /* spelled as in the ranking */
    size_t feature_count;
    const struct served_item *items; /* in order of their positions */
    size_t item_count;
};

/* What an entity's record is in the half-lives and windows that were added to its signal. */
struct backfill_pair {
    entity_id entity;
    struct slice row; /* of the ledger (docs/formats/rows.md), with nothing but these in it */
};

/* A part of what a backfill found in the log, or its end.  It holds the values instead of saying
 * where to find them: who has this entry may not have the log that it was made of any more. */
struct backfill_change {
    signal_id signal;
    lsn defined;      /* of the DEFINE that left it to be done: another one makes it void */
    bool ends;        /* all pairs are brought, and from now on it is read */
    int64_t since_ms; /* of the end: it lacks no event after that; INT64_MIN: none at all */
    const struct backfill_pair *pairs; /* of an end: there are none */
    size_t pair_count;
};

struct change {
    enum change_kind kind;
    union {
        struct slice define;            /* DEFINE, DROP, RENAME: the statement's text */
        struct put_change put;          /* PUT, PATCH */
        struct entity_reference delete; /* DELETE; FORGET, of a user */
        struct signal_change signal;
        struct relate_change relate; /* RELATE, UNRELATE */
        struct cursor_change cursor;
        const struct slate_change *slate;
        struct backfill_change backfill;
        struct {
            const struct change *changes; /* not themselves transactions or definitions */
            size_t count;
        } transaction;
    };
};

const char *change_kind_name(enum change_kind kind); /* "signal", "put" */
/* Does it make another schema? */
bool change_alters_schema(enum change_kind kind);

/* Appends the encoding; the change must be valid (asserted).  Fails on no memory or too many bytes;
 * `out` is then to be cleared. */
MUST_USE enum code change_encode(const struct change *change, struct buffer *out,
                                 struct error *error);
/* Any bytes give a change or CODE_CORRUPT / CODE_VERSION.  The result lies in `arena` and borrows
 * from `source`.  Ids of fields and signals are not checked against a schema here. */
MUST_USE enum code change_decode(struct slice source, struct arena *arena, struct change *change,
                                 struct error *error);

/* Does the change fit the schema: known ids, right types, dimensions, limits, finite vectors? */
MUST_USE enum code change_check(const struct change *change, const struct schema *schema,
                                struct error *error);

#endif
