/* Mentions: where the text of a definition names what was defined, itself or others.  They say what
 * a DROP would take the ground from, and what a RENAME is to write anew. */
#ifndef TIDAL_SCHEMA_MENTIONS_H
#define TIDAL_SCHEMA_MENTIONS_H

#include "schema/schema.h"

/* Adds a definition, just built into the schema, to those that stand, with its mentions.  Its names
 * lie in its text, or in `written`, of which that is a copy.  false: no memory. */
MUST_USE bool mentions_note(struct schema *schema, const struct definition *definition,
                            struct slice written);

/* Does the definition mention the thing? */
bool mentions_has(const struct defined *defined, enum definition_kind kind, uint32_t id);

#endif
