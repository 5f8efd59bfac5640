/* Keys of rows: [id 8 B big-endian][0x00][tag 1 B][suffix], so that all rows of an entity lie
 * together, ordered by tag; and the plain names of the database's own records.  Pure. */
#ifndef TIDAL_STORAGE_KEY_H
#define TIDAL_STORAGE_KEY_H

#include "storage/store.h"

/* Tags are on disk: never reuse one. */
enum key_tag {
    TAG_BEHAVIOUR = 'b',    /* what a user did: under the user */
    TAG_COENGAGEMENT = 'c', /* an item's neighbours */
    TAG_ENTITY = 'e',       /* the entity itself: ordinal, fields, embeddings */
    TAG_QUOTA = 'q',        /* how much of a user counted: under the user */
    TAG_EDGE = 'r',         /* an edge: under its from-entity */
    TAG_LEDGER = 's',       /* a signal's ledger */
    TAG_TREND = 't',        /* what trends: a held peak */
    TAG_UNIQUE = 'u',       /* distinct users of a signal */
    TAG_SERVED = 'v',       /* what a user was served lately: under the user */
    TAG_EXPOSURE = 'x'      /* how much of what a user was shown: under the user */
};

enum { KEY_HEAD_BYTES = 10, KEY_BYTES_MAXIMUM = 64 };

struct key {
    uint8_t bytes[KEY_BYTES_MAXIMUM];
    size_t count;
};

/* The suffix is at most KEY_BYTES_MAXIMUM - KEY_HEAD_BYTES bytes. */
struct key key_build(uint64_t id, enum key_tag tag, struct slice suffix);
struct slice key_slice(const struct key *key); /* lent from `key` */
/* False if the bytes are no such key; *suffix is lent from them. */
MUST_USE bool key_parse(struct slice bytes, uint64_t *id, uint8_t *tag, struct slice *suffix);

/* The least key above all that begin with `prefix`, into `end`; an empty one: there is no bound
 * (the prefix is empty or all 0xff).  `prefix` is at most KEY_BYTES_MAXIMUM bytes. */
struct slice key_prefix_end(struct slice prefix, struct key *end);

/* A range with the bytes of its bounds. */
struct key_bounds {
    struct key lower, upper;
};
struct key_range key_range_of_prefix(struct slice prefix, struct key_bounds *bounds);
struct key_range key_range_of_entity(uint64_t id, struct key_bounds *bounds);

#define KEY_TEXT(text) slice_of(text, sizeof(text) - 1)

/* The database's own records. */
#define KEY_FORMAT        KEY_TEXT("format")
#define KEY_APPLIED       KEY_TEXT("applied")
#define KEY_OLDEST        KEY_TEXT("oldest")
#define KEY_WATERMARK     KEY_TEXT("watermark")
#define KEY_RETAIN        KEY_TEXT("retain_log_ms")
#define KEY_MAX_AGE       KEY_TEXT("retain_log_max_age_ms")
#define KEY_UUID          KEY_TEXT("uuid")
#define KEY_CURSORS       KEY_TEXT("cursors")
#define KEY_CAPPED        KEY_TEXT("capped")
#define KEY_GAPS          KEY_TEXT("gaps") /* of signals that were defined anew */
#define KEY_SCHEMA_PREFIX "schema/"
#define KEY_FORGET_PREFIX "forget/" /* users whose rows are gone, and maybe not all their bytes */
#define KEY_GROUP_PREFIX  "group/"  /* totals of a signal by the values of a field */
#define KEY_COUNT_PREFIX  "count/"  /* of a kind's ordinals */

#endif
