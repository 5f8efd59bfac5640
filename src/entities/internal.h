/* The fold's own struct, shared by the files of this folder alone. */
#ifndef TIDAL_ENTITIES_INTERNAL_H
#define TIDAL_ENTITIES_INTERNAL_H

#include "entities/column.h"
#include "entities/directory.h"
#include "entities/entities.h"

struct vector_column {
    float **vectors; /* by ordinal; NULL: missing */
    size_t capacity;
    uint32_t dimensions; /* 0: no vector was ever put */
    size_t count;
};

struct entities {
    struct memory *memory;
    struct directory directories[ENTITY_KIND_COUNT];
    struct column *columns[LIMIT_FIELD_IDS]; /* by field id; NULL: no value was ever put */
    size_t column_end;                       /* there are none from here on */
    enum entity_kind column_kinds[LIMIT_FIELD_IDS];
    struct vector_column vectors[LIMIT_EMBEDDING_IDS];
    enum entity_kind vector_kinds[LIMIT_EMBEDDING_IDS];
    struct bitset dirty[ENTITY_KIND_COUNT];
    struct bitset sealed[ENTITY_KIND_COUNT];
    uint64_t dirty_count;
};

/* row.c: an entity's row in the store; docs/formats/rows.md. */
MUST_USE enum code entities_write_rows(const struct entities *entities, bool all,
                                       struct store_batch *batch, struct error *error);
MUST_USE enum code entities_load_rows(struct entities *entities, struct store *store,
                                      const struct schema *schema, struct error *error);

/* entities.c: sets one field or vector; false on no memory. */
MUST_USE bool entities_set_field(struct entities *entities, const struct field *field,
                                 ordinal entity, const struct value *value);
MUST_USE bool entities_set_vector(struct entities *entities, const struct embedding *embedding,
                                  ordinal entity, const struct value *value);

#endif
