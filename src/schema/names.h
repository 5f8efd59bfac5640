/* Names: which are allowed, how they are printed, and which one a misspelt one was meant to be. */
#ifndef TIDAL_SCHEMA_NAMES_H
#define TIDAL_SCHEMA_NAMES_H

#include "schema/schema.h"

/* For "%.*s" with what the user wrote: at most LIMIT_NAME_BYTES of it, cut between characters. */
#define NAME_ARGUMENTS(slice) name_printed_bytes(slice), (const char *)(slice).data

int name_printed_bytes(struct slice name);

/* Checks spelling and reserved words; `what` is "field", "signal", ... for the message. */
bool name_check(const struct name *name, const char *what, struct violations *violations);

/* The nearest name so far. */
struct suggestion {
    struct slice wanted;
    struct slice best; /* empty: none near */
    size_t distance;
};

void suggestion_init(struct suggestion *suggestion, struct slice wanted);
void suggestion_offer(struct suggestion *suggestion, struct slice candidate);

/* "did you mean 'x'?", or `otherwise` where no name is near. */
#define HINT_BYTES 160
void suggestion_hint(struct slice best, const char *otherwise, char out[HINT_BYTES]);

/* What to do about a name that nothing of that kind has (and of that kind of entity: of a field or
 * an embedding, which share their names): the name that it has now, if it was renamed; that it was
 * dropped; the nearest name; or `otherwise`. */
void name_hint(const struct schema *schema, enum definition_kind kind, enum entity_kind of,
               struct slice name, const char *otherwise, char out[HINT_BYTES]);

/* "field", "signal", ... */
const char *definition_kind_name(enum definition_kind kind);

/* Is or was that the name of a version of a profile, dropped or not? */
bool profile_was_named(const struct schema *schema, size_t profile, struct slice name);

#endif
