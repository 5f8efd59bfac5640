/* The numbers that name things.  Ids of entities are the application's; ids of fields, signals and
 * relations are given by the schema in the order of definition and never used again. */
#ifndef TIDAL_SCHEMA_IDS_H
#define TIDAL_SCHEMA_IDS_H

#include <stdint.h>

enum entity_kind { ENTITY_ITEM, ENTITY_USER, ENTITY_CREATOR, ENTITY_KIND_COUNT };

typedef uint64_t entity_id; /* the application's; ordered big-endian on disk */
typedef uint32_t ordinal;   /* dense number of an entity within its kind, given in log order */
typedef uint64_t lsn;       /* place in the log, from 1; 0: before everything */
typedef uint16_t field_id;
typedef uint16_t embedding_id;
typedef uint16_t signal_id;
typedef uint16_t relation_id;

#define ORDINAL_NONE UINT32_MAX
#define ID_NONE      UINT16_MAX

enum {
    LIMIT_FIELDS = 256, /* at a time, as the next four */
    LIMIT_EMBEDDINGS = 8,
    LIMIT_SIGNALS = 64,
    LIMIT_RELATIONS = 32,
    LIMIT_CONTEXTS = 32,
    LIMIT_FIELD_IDS = 1024, /* ever: what was dropped has its id still; as the next four */
    LIMIT_EMBEDDING_IDS = 64,
    LIMIT_SIGNAL_IDS = 128,
    LIMIT_RELATION_IDS = 128,
    LIMIT_CONTEXT_IDS = 128,
    LIMIT_EXPOSURES = 4, /* fields of item with an exposure */
    LIMIT_HALF_LIVES = 8,
    LIMIT_WINDOWS = 16,
    LIMIT_INDEX_FIELDS = 4, /* of a signal */
    LIMIT_GROUP_FIELDS = 4, /* by which a signal is totalled */
    LIMIT_PROFILES = 1024,  /* versions of all profiles together */
    LIMIT_SOURCES = 16,     /* of one ranking, as the next four */
    LIMIT_TERMS = 64,
    LIMIT_FACTORS = 16,
    LIMIT_GATES = 16,
    LIMIT_CAPS = 8,
    LIMIT_CURSORS = 64,
    LIMIT_SLATE_ITEMS = 1000, /* of one slate, as the next three */
    LIMIT_SLATE_FEATURES = 64,
    LIMIT_SLATE_QUERY = 4096, /* bytes of the statement that it keeps */
    LIMIT_SURFACE_BYTES = 64,
    LIMIT_CANDIDATES = 10000, /* of one source */
    LIMIT_DIMENSIONS = 4096,
    LIMIT_NAME_BYTES = 64,
    LIMIT_KEY_BYTES = 256,    /* an external key */
    LIMIT_TEXT_BYTES = 65536, /* one text or keyword value */
    LIMIT_LIST_VALUES = 256   /* values of one keyword[] */
};

/* "item", "user", "creator". */
const char *entity_kind_name(enum entity_kind kind);

#endif
