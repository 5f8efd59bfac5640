/* A change of the log as JSON text: what TAIL and `tidal log dump` print.  Pure; any thread.
 *
 *   {"kind":"define","text":"DEFINE FIELD year ON item INTEGER"}
 *   {"kind":"put","entity":{"kind":"item","id":1},"key":"film-1","values":{"year":2011}}
 *   {"kind":"patch","entity":{"kind":"item","key":"film-1"},"values":{"year":null}}
 *   {"kind":"delete","entity":{"kind":"item","id":1}}  (forget likewise)
 *   {"kind":"signal","name":"like","entity":{...},"user":{...},"value":1,"time":"...",
 *    "slate":1234,"position":3}
 *   {"kind":"retract", as signal}
 *   {"kind":"relate","name":"follows","from":{...},"to":{...},"weight":0.5,"time":"..."}
 *   {"kind":"unrelate", as relate, without the weight}
 *   {"kind":"cursor","action":"advance","name":"search","position":41}  (define, advance, drop)
 *   {"kind":"slate","user":{...},"profile":"home","version":2,"surface":"home","query":"...",
 *    "time":"...","seed":0,"read_lsn":41,"sources":["newest(100)"],"items":[{"position":1,"id":7,
 *    "score":0.5,"sources":1,"features":{"count(view, 1h)":3}},...]}  (bit i of an item's sources)
 *   {"kind":"transaction","changes":[...]}
 *
 * What was not given (key, user, time, slate, ...) is left out.  `values` is an object that a PUT
 * takes: fields by name, then embeddings; times are RFC 3339.  Numbers are the shortest decimals
 * that read back as the same bits, whole ones digits, also beyond 2^53. */
#ifndef TIDAL_QUERY_CHANGE_JSON_H
#define TIDAL_QUERY_CHANGE_JSON_H

#include "schema/change.h"

/* The word of a change's `kind`: as change_kind_name, but "retract" for a signal taken back. */
const char *change_word(const struct change *change);
/* Appends the change; out->failed tells of no memory.  Names come from `schema`, which never gives
 * an id a second meaning; where it does not know the id, or is NULL, the name is "#7". */
void change_to_json(const struct change *change, const struct schema *schema, struct buffer *out);
/* Appends the features of an item of a slate as they were when it was scored, by their spelling;
 * null where one had no value. */
void features_to_json(const struct slate_change *slate, const struct served_item *item,
                      struct buffer *out);

#endif
