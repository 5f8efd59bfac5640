/* The directory of one kind: id or external key <-> ordinal.  Written under the engine's exclusive
 * lock, read under the shared one. */
#ifndef TIDAL_ENTITIES_DIRECTORY_H
#define TIDAL_ENTITIES_DIRECTORY_H

#include "base/bitset.h"
#include "base/id_map.h"
#include "base/string_map.h"
#include "schema/ids.h"

struct directory {
    struct memory *memory;
    struct id_map ordinals; /* id -> ordinal */
    struct string_map keys; /* external keys ever used */
    ordinal *key_owners;    /* by code of a key; ORDINAL_NONE: free again */
    size_t key_owner_capacity;
    entity_id *ids; /* by ordinal, as all below */
    size_t id_capacity;
    uint32_t *key_codes; /* STRING_MAP_ABSENT: no key */
    size_t key_code_capacity;
    int64_t *created_ms;
    size_t created_capacity;
    struct bitset live;
    uint32_t count;
    uint32_t live_count;
    entity_id largest_id;
    entity_id free_id; /* no id below it is free; kept once the largest is used up */
};

void directory_init(struct directory *directory, struct memory *memory);
void directory_release(struct directory *directory);

/* ORDINAL_NONE if absent. */
ordinal directory_find(const struct directory *directory, entity_id id);
ordinal directory_find_key(const struct directory *directory, struct slice key);
struct slice directory_key(const struct directory *directory, ordinal entity);
/* One above the largest id; the lowest free one once that is used up. */
entity_id directory_next_id(const struct directory *directory);

/* True once all ordinals are given. */
bool directory_full(const struct directory *directory);
/* Gives a new id the next ordinal, if there is one.  ORDINAL_NONE on no memory; then nothing has
 * changed. */
MUST_USE ordinal directory_add(struct directory *directory, entity_id id);
/* Has the id an ordinal, or the ordinal an id? */
bool directory_taken(const struct directory *directory, entity_id id, ordinal entity);
/* Puts an id at the ordinal that its row names (neither taken); others in between may come later.
 * False on no memory; then nothing has changed. */
MUST_USE bool directory_place(struct directory *directory, entity_id id, ordinal entity);
/* Gives an entity its key, in place of an earlier one.  A key of another entity stays with that
 * one: then nothing changes.  False on no memory. */
MUST_USE bool directory_set_key(struct directory *directory, ordinal entity, struct slice key);
MUST_USE bool directory_revive(struct directory *directory, ordinal entity, int64_t created_ms);
/* It loses its key and its time of creation, and keeps its ordinal. */
void directory_bury(struct directory *directory, ordinal entity);
bool directory_check(const struct directory *directory, char *reason, size_t reason_bytes);
size_t directory_bytes(const struct directory *directory);

#endif
