/* Entities: which items, users and creators there are, and what is declared of them.
 *
 * Each kind has a directory (id or external key <-> ordinal) and a column a field, indexed by
 * ordinal.  Ordinals are given in log order at first mention, are kept in the entity's row, and are
 * never given to another id; a deleted entity keeps its ordinal and comes back to it.
 *
 * A fold: written by the engine under its exclusive lock, read by any thread under the shared one.
 * Slices and pointers handed out are lent until the lock is given up. */
#ifndef TIDAL_ENTITIES_ENTITIES_H
#define TIDAL_ENTITIES_ENTITIES_H

#include "base/bitset.h"
#include "schema/fold.h"

struct entities;

/* *entities is owned by *fold (fold.ops->free). */
MUST_USE enum code entities_create(struct memory *memory, struct fold *fold,
                                   struct entities **entities, struct error *error);

/* ORDINAL_NONE if it was never mentioned. A deleted entity is still found: ask entities_live. */
ordinal entities_find(const struct entities *entities, enum entity_kind kind, entity_id id);
ordinal entities_find_key(const struct entities *entities, enum entity_kind kind, struct slice key);
/* By id or by key, whichever the reference has. */
ordinal entities_find_reference(const struct entities *entities,
                                const struct entity_reference *reference);
/* Fetches what finding it by its id will look at: for many in a row. */
void entities_prefetch(const struct entities *entities, const struct entity_reference *reference);
entity_id entities_id(const struct entities *entities, enum entity_kind kind, ordinal entity);
/* The external key; empty if it has none. */
struct slice entities_key(const struct entities *entities, enum entity_kind kind, ordinal entity);
/* True from its PUT (of a user or creator: from its first mention) to its DELETE. */
bool entities_live(const struct entities *entities, enum entity_kind kind, ordinal entity);
/* Ordinals given so far; all are below it. */
uint32_t entities_count(const struct entities *entities, enum entity_kind kind);
uint32_t entities_live_count(const struct entities *entities, enum entity_kind kind);
/* When the log took in its first PUT since it was last absent; 0 while it is not alive. */
int64_t entities_created_ms(const struct entities *entities, enum entity_kind kind, ordinal entity);

/* Gives the referenced entity its ordinal, new at its first mention, and an id to a key without one
 * (one more than the largest id of the kind).  Users and creators come alive.  Part of applying a
 * change, so it is as deterministic as `apply`; fails only for want of memory, or with CODE_LIMIT
 * when the kind has used all ordinals. */
MUST_USE enum code entities_admit(struct entities *entities,
                                  const struct entity_reference *reference, int64_t ingest_ms,
                                  ordinal *entity, entity_id *id, struct error *error);

/* A field's value, MISSING if it has none.  Keywords and texts are TEXT, lists TEXT_LIST. */
struct value entities_value(const struct entities *entities, const struct field *field,
                            ordinal entity, struct slice *list_space, size_t list_capacity);
/* Numbers of a field for many entities at once: integers, floats, timestamps and booleans as
 * doubles, references as their id's ordinal.  missing[i] is set where there is none. */
void entities_numbers(const struct entities *entities, const struct field *field,
                      const ordinal *list, size_t count, double *numbers, bool *missing);
/* Dictionary codes of a keyword or keyword[] field: lent, *count of them (0: missing). */
const uint32_t *entities_codes(const struct entities *entities, const struct field *field,
                               ordinal entity, size_t *count);
/* The code of a text in the field's dictionary; UINT32_MAX: no entity ever had it. */
uint32_t entities_code(const struct entities *entities, const struct field *field,
                       struct slice text);
/* The code of the text whose hash_bytes this is; UINT32_MAX likewise. */
uint32_t entities_code_of_hash(const struct entities *entities, const struct field *field,
                               uint64_t hash);
struct slice entities_code_text(const struct entities *entities, const struct field *field,
                                uint32_t code);
/* NULL if missing; `embedding->dimensions` floats. */
const float *entities_vector(const struct entities *entities, const struct embedding *embedding,
                             ordinal entity);

/* Filters: sets in `out` (emptied first) exactly the live entities of the field's kind of which the
 * comparison holds; a missing value never matches.  false: no memory. */
enum entity_comparison {
    COMPARE_EQUAL,
    COMPARE_NOT_EQUAL,
    COMPARE_LESS,
    COMPARE_LESS_EQUAL,
    COMPARE_GREATER,
    COMPARE_GREATER_EQUAL,
    COMPARE_MISSING
};
MUST_USE bool entities_filter(const struct entities *entities, const struct field *field,
                              enum entity_comparison comparison, const struct value *value,
                              struct bitset *out);
/* All live entities of a kind. */
MUST_USE bool entities_filter_live(const struct entities *entities, enum entity_kind kind,
                                   struct bitset *out);
/* The newest `limit` live items by creation, newer first, then lower id: fills `out`; returns their
 * number. `among`: only these (NULL: all). */
size_t entities_newest(const struct entities *entities, const struct bitset *among, size_t limit,
                       ordinal *out);

#endif
