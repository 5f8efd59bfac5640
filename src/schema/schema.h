/* What the user declared: immutable once built.
 *
 * A schema is the sum of its statements (DEFINE, DROP, RENAME) in order; the builder copies the old
 * one, follows a statement and reports ALL violations.  Ids follow from the order, so the same
 * texts give the same schema.  What was dropped stays in its place, as a mark that its id is taken
 * and what it was called: `dropped`, and nothing else of it is set but its name, id and kinds.  A
 * built schema is immutable: any thread. */
#ifndef TIDAL_SCHEMA_SCHEMA_H
#define TIDAL_SCHEMA_SCHEMA_H

#include "schema/definition.h"

#define DURATION_MAXIMUM_MS   (INT64_C(366) * 86400000) /* of a window */
#define LATENESS_DEFAULT_MS   (INT64_C(12) * 3600000)
#define LATENESS_MAXIMUM_MS   (INT64_C(7) * 86400000)
#define SERVED_AGE_MAXIMUM_MS INT64_C(86400000) /* what was served is forgotten after that */
#define FUTURE_BOUND_MS       INT64_C(5000)     /* how far an event may lie ahead of its ingest */

struct field {
    struct slice name;
    field_id id;
    enum entity_kind kind;
    enum field_type type;
    enum entity_kind references;
    double weight;
    struct slice analyzer;
    int64_t exposure_half_life_ms; /* 0: no exposure is kept by it */
    bool expires;                  /* from this time on the item is gated; one field at most */
    bool dropped;
};

struct embedding {
    struct slice name;
    embedding_id id;
    enum entity_kind kind;
    uint32_t dimensions;
    enum metric metric;
    bool dropped;
};

/* What of a user's events counts, by how many of them did before in the same period. */
enum quota_kind {
    QUOTA_SUBJECT,   /* CAP .. PER USER PER item: towards one subject */
    QUOTA_USER,      /* CAP .. PER USER: in all */
    QUOTA_SUBLINEAR, /* towards one subject, each weighing less than the one before */
    QUOTA_KIND_COUNT
};

#define QUOTA_CAP_MAXIMUM       INT64_C(1000000)
#define QUOTA_PERIOD_MINIMUM_MS INT64_C(1000)
#define QUOTA_SUBLINEAR_EVENTS  512 /* the one after them would weigh less than 1/512 */

struct signal {
    struct slice name;
    signal_id id;
    enum entity_kind kind;
    uint32_t half_life_count;
    int64_t half_life_ms[LIMIT_HALF_LIVES]; /* ascending, distinct, whole seconds */
    double lambda[LIMIT_HALF_LIVES];        /* ln 2 / half-life, per second */
    uint32_t window_count;
    int64_t window_ms[LIMIT_WINDOWS]; /* ascending, distinct */
    uint32_t velocity_count;
    uint8_t velocity_window[LIMIT_WINDOWS];   /* index into window_ms */
    uint8_t velocity_baseline[LIMIT_WINDOWS]; /* index of the window whose mean is the baseline */
    int64_t lateness_ms;
    int64_t trending_half_life_ms;           /* 0: it does not trend */
    uint8_t trending_window;                 /* index into window_ms */
    uint32_t popular_count;                  /* decayed sums that an index is kept of */
    uint8_t popular_slots[LIMIT_HALF_LIVES]; /* indexes into half_life_ms, ascending */
    uint32_t index_field_count; /* keyword fields of item: an index for each value of theirs */
    field_id index_fields[LIMIT_INDEX_FIELDS];
    int64_t distinct_ms; /* longest window of distinct users; 0: they are not counted */
    uint32_t group_count;
    field_id group_fields[LIMIT_GROUP_FIELDS]; /* TOTALS PER */
    enum signal_values values;
    bool unique_per_user;
    bool allow_unknown;
    bool positive, negative;
    double positive_from, negative_below;
    int64_t quota_ms[QUOTA_KIND_COUNT];       /* periods, aligned to the epoch; 0: there is none */
    uint32_t quota_maximum[QUOTA_KIND_COUNT]; /* events that count in one; 0: there is none */
    field_id trust_field;                     /* the user's FLOAT that is multiplied by */
    bool trusts;
    bool is_limited;  /* any of these: what an event weighs is to be decided */
    bool is_weighted; /* SUBLINEAR or TRUST: that may be less than a whole event */
    bool builtin;     /* `impression`, `hide`: there without a definition, until one replaces it */
    bool dropped;
};

struct relation {
    struct slice name;
    relation_id id;
    enum entity_kind from, to;
    bool excluding;
    bool dropped;
};

struct context {
    struct slice name;
    uint16_t id;
    enum field_type type;
    bool dropped;
};

struct profile {
    struct slice name;
    uint32_t version; /* from 1; never given again */
    struct slice text;
    struct ranking_definition ranking; /* checked */
    bool dropped;
};

/* A name in the text of a definition: of what it defines, or of something else that was defined. */
struct mention {
    enum definition_kind kind;
    uint32_t id;          /* of a profile: its place in `profiles` */
    size_t offset, bytes; /* 0 bytes: a definition made without a text has no place for it */
};

/* A definition that stands: its text, with names as they are now. */
struct defined {
    enum definition_kind kind;
    uint32_t id; /* of an exposure: of its field */
    struct slice text;
    struct mention *mentions; /* ascending by offset */
    size_t mention_count;
};

/* What a thing was called before. */
struct former_name {
    enum definition_kind kind;
    uint32_t id;
    struct slice name;
};

struct schema {
    struct memory *memory;
    struct arena *arena; /* holds all below; owned */
    struct field *fields;
    size_t field_count;
    struct embedding *embeddings;
    size_t embedding_count;
    struct signal *signals; /* signals[0] is `impression`, signals[1] is `hide` */
    size_t signal_count;
    struct relation *relations;
    size_t relation_count;
    struct context *contexts;
    size_t context_count;
    struct profile *profiles; /* all versions, in order of definition */
    size_t profile_count;
    struct slice *texts; /* of all statements ever, in order: what log and store keep */
    size_t text_count;
    struct defined *definitions; /* those that stand, in order */
    size_t definition_count;
    struct former_name *former_names; /* in order of the renames */
    size_t former_name_count;
    bool altered; /* there is a DROP or RENAME among the texts */
};

enum { SIGNAL_IMPRESSION = 0, SIGNAL_HIDE = 1, BUILTIN_SIGNALS = 2 };

/* One thing wrong with a definition. */
struct violation {
    uint64_t position;
    char message[160];
    char hint[160];
};

enum { VIOLATIONS_MAXIMUM = 64 };

/* All that is wrong with a definition, in order of position; more than the maximum are counted. */
struct violations {
    struct violation list[VIOLATIONS_MAXIMUM];
    size_t count; /* may exceed VIOLATIONS_MAXIMUM */
};

void violations_add(struct violations *violations, uint64_t position, const char *hint,
                    const char *format, ...) PRINTF_LIKE(4, 5);
/* Fills `error` with the first violation and says how many more there are. */
enum code violations_error(const struct violations *violations, struct error *error);

/* The schema of an empty database: the built-in signals only. */
MUST_USE enum code schema_create(struct memory *memory, struct schema **schema,
                                 struct error *error);
/* A new schema: `old` plus, or changed by, `definition`.  On CODE_INVALID every violation is in
 * `violations`.  `old` stays as it is.  *schema is the caller's. */
MUST_USE enum code schema_extend(const struct schema *old, const struct definition *definition,
                                 struct schema **schema, struct violations *violations,
                                 struct error *error);
void schema_free(struct schema *schema);

/* All are NULL where absent or dropped.  Names compare byte by byte. */
const struct field *schema_find_field(const struct schema *schema, enum entity_kind kind,
                                      struct slice name);
/* The item's first field that refers to entities of this kind: its creator, say. */
const struct field *schema_find_reference(const struct schema *schema, enum entity_kind kind);
/* A field of item whose values say what the item is about: keyword, keyword[] or reference. */
bool field_names_topics(const struct field *field);
/* The timestamp of items from which on they are gated. */
const struct field *schema_find_expiry(const struct schema *schema);
const struct embedding *schema_find_embedding(const struct schema *schema, enum entity_kind kind,
                                              struct slice name);
const struct signal *schema_find_signal(const struct schema *schema, struct slice name);
const struct relation *schema_find_relation(const struct schema *schema, struct slice name);
const struct context *schema_find_context(const struct schema *schema, struct slice name);
/* version 0: the newest. */
const struct profile *schema_find_profile(const struct schema *schema, struct slice name,
                                          uint32_t version);
/* Checks a ranking spelled out in a RETRIEVE, or a profile's body: resolves names in place. */
MUST_USE bool ranking_check(struct ranking_definition *ranking, const struct schema *schema,
                            struct violations *violations);

/* What a DROP names, by the schema before it: its kind and its id (of a profile: ID_NONE, as no
 * fold knows it). */
struct dropped {
    enum definition_kind kind;
    uint16_t id;
};
struct dropped schema_find_dropped(const struct schema *schema, const struct definition *drop);

const char *field_type_name(enum field_type type);
bool name_reserved(struct slice name); /* a keyword of the language */

#endif
