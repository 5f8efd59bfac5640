/* What the parts of the builder share: each adds one kind of definition to a schema under
 * construction, whose arrays have room for one more, or reports what is wrong with it.
 * builder_alter.c drops and renames. */
#ifndef TIDAL_SCHEMA_BUILDER_H
#define TIDAL_SCHEMA_BUILDER_H

#include "schema/schema.h"

/* Follows a statement of any kind, or adds violations.  The names in it lie in its text, or in
 * `written`, of which that is a copy.  false: no memory. */
MUST_USE bool builder_follow(struct schema *schema, const struct definition *definition,
                             struct slice written, struct violations *violations);
void builder_drop(struct schema *schema, const struct definition *definition,
                  struct violations *violations);
MUST_USE bool builder_rename(struct schema *schema, const struct definition *definition,
                             struct violations *violations);
/* Is the new name of a field or embedding free, and not one of every item's columns? */
void builder_check_unused(const struct schema *schema, enum entity_kind kind,
                          const struct name *name, struct violations *violations);
void builder_add_field(struct schema *schema, const struct field_definition *definition,
                       struct violations *violations);
void builder_add_embedding(struct schema *schema, const struct embedding_definition *definition,
                           struct violations *violations);
bool signal_is_builtin(signal_id id);
void builder_add_signal(struct schema *schema, const struct signal_definition *definition,
                        struct violations *violations);
/* CAP, SUBLINEAR and TRUST of a signal whose name, kind and values are set. */
void builder_add_quotas(const struct schema *schema, struct signal *signal,
                        const struct signal_definition *definition, struct violations *violations);
/* May a signal that was defined before be defined so? */
void builder_check_again(const struct signal *old, const struct signal *signal,
                         const struct signal_definition *definition, struct violations *violations);
void builder_add_exposure(struct schema *schema, const struct exposure_definition *definition,
                          struct violations *violations);
void builder_add_profile(struct schema *schema, const struct profile_definition *definition,
                         struct slice text, struct violations *violations);

/* A duration of whole milliseconds, above 0 and at most 366 days; `what` names it. */
bool duration_check(const struct duration *duration, const char *what,
                    struct violations *violations);

/* Does the relation lead from a user to items: to them, or to creators that items refer to? */
bool relation_check_user(const struct schema *schema, const struct relation *relation,
                         uint64_t position, struct violations *violations);

/* Is what the seeds name there, and kept?  Sets signal_id. */
bool seeds_check(struct seed_items *seeds, const struct schema *schema,
                 struct violations *violations);

/* How many there may be of a kind at a time, and of its ids ever (0: no limit). */
struct builder_limit {
    enum definition_kind kind;
    const char *what; /* "fields" */
    size_t live;
    size_t given, ids; /* ids that were given */
};
/* One violation at most, so that the rest is still checked. */
void builder_check_count(const struct schema *schema, const struct builder_limit *limit,
                         uint64_t position, struct violations *violations);

/* ln 2 / half-life, per second. */
double half_life_lambda(int64_t half_life_ms);

#endif
