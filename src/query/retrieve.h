/* What queries answer: rows of RETRIEVE, EXPLAIN, WHY NOT and SHOW. */
#ifndef TIDAL_QUERY_RETRIEVE_H
#define TIDAL_QUERY_RETRIEVE_H

#include "query/result.h"
#include "query/slate.h"

/* RETRIEVE and EXPLAIN RETRIEVE.  EXPLAIN gives rows (section, rank, id, step, value, note): first
 * what each step of the plan left over, then for each item the lines that add up to its score. */
MUST_USE enum code retrieve(const struct request *request, struct result *result,
                            struct error *error);
/* The next page of a RETRIEVE ... PAGED, of `limit` rows. */
MUST_USE enum code retrieve_page(const struct request *request, struct page_rest *rest,
                                 uint64_t limit, struct result *result, struct error *error);
/* WHY NOT: one row (gate, evidence, rank, score): the first gate that keeps the item out.
 * NOT_FOUND: there is no such item. */
MUST_USE enum code why_not(const struct request *request, struct result *result,
                           struct error *error);
/* SHOW SCHEMA, FIELDS, SIGNALS, RELATIONS, PROFILES.  (STATUS is the engine's.) */
MUST_USE enum code show(const struct request *request, struct result *result, struct error *error);

#endif
