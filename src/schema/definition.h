/* What a DEFINE, DROP or RENAME statement says, as parsed: unchecked, with the place of each part.
 * Everything is lent from the statement's text and arena. */
#ifndef TIDAL_SCHEMA_DEFINITION_H
#define TIDAL_SCHEMA_DEFINITION_H

#include "schema/expression.h"

struct name {
    struct slice text;
    uint64_t position;
};

/* A duration as written.  `milliseconds` is a double so that the builder, not the parser, judges
 * zero, negative and infinite ones. */
struct duration {
    double milliseconds;
    uint64_t position;
};

enum field_type {
    FIELD_KEYWORD,
    FIELD_KEYWORD_LIST,
    FIELD_TEXT,
    FIELD_INTEGER,
    FIELD_FLOAT,
    FIELD_BOOLEAN,
    FIELD_TIMESTAMP,
    FIELD_REFERENCE
};

struct field_definition {
    struct name name;
    enum entity_kind kind;
    enum field_type type;
    enum entity_kind references; /* of a reference */
    bool expires;                /* of an item's timestamp: from then on the item is gated */
    double weight;               /* of a text, for search; 1 unless given */
    struct slice analyzer;       /* of a text; empty: the default */
};

enum metric { METRIC_COSINE, METRIC_DOT, METRIC_L2 };

struct embedding_definition {
    struct name name;
    enum entity_kind kind;
    int64_t dimensions;
    enum metric metric;
};

/* CAP 3 PER USER PER item PER 1h */
struct quota_definition {
    int64_t maximum;
    bool per_subject;      /* towards one item (user, creator); else in all */
    enum entity_kind kind; /* of that one, as written */
    struct duration period;
    uint64_t position;
};

enum signal_values { SIGNAL_VALUE_NONE, SIGNAL_VALUE_SUM, SIGNAL_VALUE_MIN_MAX };

struct signal_definition {
    struct name name;
    enum entity_kind kind; /* what it is about */
    struct duration *half_lives;
    size_t half_life_count;
    struct duration *windows;
    size_t window_count;
    struct duration *velocities;
    size_t velocity_count;
    struct duration lateness; /* NaN: the default, 12h */
    struct duration trending; /* half-life of the held peak, if it trends */
    bool trends;
    struct duration *populars; /* half-lives that an index is kept of */
    size_t popular_count;
    struct name *index_fields; /* fields of item: PER */
    size_t index_field_count;
    struct duration distinct; /* DISTINCT USERS: over how long, if they are counted */
    bool counts_distinct;
    struct name *groups; /* TOTALS PER */
    size_t group_count;
    enum signal_values values;
    bool unique_per_user;
    bool allow_unknown;
    bool positive, negative;
    struct quota_definition *caps;
    size_t cap_count;
    struct duration sublinear; /* its period */
    bool is_sublinear;
    struct name trust; /* the user's field */
    bool trusts;
    double positive_from;  /* POSITIVE FROM x: positive only where value >= x; -inf: always */
    double negative_below; /* NEGATIVE BELOW x: negative only where value < x; +inf: always */
    uint64_t position;
};

struct relation_definition {
    struct name name;
    enum entity_kind from, to;
    bool excluding;
};

struct context_definition {
    struct name name;
    enum field_type type; /* keyword, integer, float, boolean, timestamp */
};

/* Items that others are compared with: `item`, the one that the query is for; `user.recent(20)`,
 * what the user last took well; `user.recent(like, 20)`, of it what the user said that of. */
struct seed_items {
    bool of_item;
    int64_t count;      /* of recent */
    struct name signal; /* empty: any */
    uint64_t position;
    signal_id signal_id; /* set by the schema's check; ID_NONE: any */
};

enum source_kind {
    SOURCE_NEWEST,
    SOURCE_TRENDING,
    SOURCE_POPULAR,
    SOURCE_RELATED,
    SOURCE_COENGAGED,
    SOURCE_ALL
};

/* FROM newest(100), trending(view, 1h, 200), related(user follows creator, 200),
 * coengaged(user.recent(like, 20), 400), all */
struct source_definition {
    enum source_kind kind;
    uint64_t position;
    struct slice text;
    int64_t limit;            /* of candidates; -1: not given */
    struct name signal;       /* trending, popular */
    struct duration window;   /* of trending (NaN: not given), or the half-life of popular */
    struct name field;        /* trending, popular: `genre = 'jazz'`; empty: not given */
    struct expression *value; /* a literal or parameter */
    struct name relation;     /* related */
    enum entity_kind other;   /* related: what the edge points to: creator or item */
    struct seed_items seeds;  /* coengaged */

    /* set by the schema's check */
    signal_id signal_id;
    uint8_t window_index; /* popular: of the half-life */
    bool held;            /* trending: by the held peak, not by the velocity now; popular: by the
                             index */
    uint8_t index_field;  /* the field's place among the signal's index fields */
    relation_id relation_id;
};

enum gate_kind { GATE_SEEN, GATE_BLOCKED, GATE_HIDDEN, GATE_SERVED };

struct gate_definition {
    enum gate_kind kind;
    struct duration age; /* of seen; NaN: not given */
    uint64_t position;
};

/* DIVERSIFY max 2 per creator */
struct cap_definition {
    int64_t maximum;
    struct name field;
    uint64_t position;
    field_id field_id; /* set by the schema's check */
};

/* The body of a profile, and of a RETRIEVE that spells its clauses out. */
struct ranking_definition {
    struct source_definition *sources;
    size_t source_count;
    struct expression **terms; /* SCORE: its top-level summands, signs folded in, in order */
    size_t term_count;
    struct expression **factors; /* TIMES, once each */
    size_t factor_count;
    struct gate_definition *gates; /* EXCLUDE */
    size_t gate_count;
    struct cap_definition *caps; /* DIVERSIFY */
    size_t cap_count;
};

/* DEFINE EXPOSURE ON item.creator HALF LIFE 6h */
struct exposure_definition {
    enum entity_kind kind;
    struct name field;
    struct duration half_life;
};

struct profile_definition {
    struct name name;
    int64_t version; /* -1: not given: one more than the newest */
    struct ranking_definition ranking;
};

enum definition_kind {
    DEFINE_FIELD,
    DEFINE_EMBEDDING,
    DEFINE_SIGNAL,
    DEFINE_RELATION,
    DEFINE_CONTEXT,
    DEFINE_EXPOSURE,
    DEFINE_PROFILE
};

/* DROP FIELD category ON item; RENAME SIGNAL view TO watch; DROP PROFILE home VERSION 3 */
struct alteration {
    struct name name;      /* of an exposure: of its field */
    enum entity_kind kind; /* of a field, an embedding or an exposure */
    int64_t version;       /* of a profile that is dropped; -1: not given: all */
    struct name to;        /* of a RENAME */
};

enum definition_action { DEFINITION_ADD, DEFINITION_DROP, DEFINITION_RENAME };

struct definition {
    enum definition_action action;
    enum definition_kind kind; /* of what is defined, dropped or renamed */
    struct slice text; /* the whole statement without its semicolon: what the log and store keep */
    union {
        struct field_definition field;
        struct embedding_definition embedding;
        struct signal_definition signal;
        struct relation_definition relation;
        struct context_definition context;
        struct exposure_definition exposure;
        struct profile_definition profile;
        struct alteration alteration; /* of DEFINITION_DROP and DEFINITION_RENAME */
    };
};

#endif
