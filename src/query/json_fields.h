/* A JSON object as the fields and embeddings of an entity: names looked up, values of the declared
 * types. */
#ifndef TIDAL_QUERY_JSON_FIELDS_H
#define TIDAL_QUERY_JSON_FIELDS_H

#include "query/json.h"
#include "schema/change.h"

/* Fills fields and embeddings of `put` (whose entity's kind says which are meant), ascending by id.
 * A keyword or text is a string, a keyword[] a list of them (or one alone), an integer a whole
 * number, a float any number, a timestamp RFC 3339 or milliseconds, a reference an id, an embedding
 * a list of numbers; null is MISSING.  NOT_FOUND: no such field; INVALID: another type, or a float
 * or vector that is out of range.  Both with the place in the JSON text.  NO_MEMORY. */
MUST_USE enum code json_to_fields(const struct json *object, const struct schema *schema,
                                  struct arena *arena, struct put_change *put, struct error *error);

#endif
