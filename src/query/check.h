/* Checking a parsed statement against a schema, before its parameters have values: does everything
 * exist that it names, and do its expressions type-check?  The same is checked again when it runs,
 * as the schema may have changed; of a RETRIEVE with AS OF only then. */
#ifndef TIDAL_QUERY_CHECK_H
#define TIDAL_QUERY_CHECK_H

#include "query/statement.h"
#include "schema/schema.h"

/* NOT_FOUND or INVALID with the place.  A definition's violations: the first, and how many more. */
MUST_USE enum code statement_check(const struct statement *statement, const struct schema *schema,
                                   struct arena *arena, struct error *error);

/* The ranking that a RETRIEVE uses: its profile's, or the one that it spells out. */
MUST_USE enum code ranking_find(const struct retrieve_statement *retrieve,
                                const struct schema *schema,
                                const struct ranking_definition **ranking, struct error *error);
/* Resolves what the RETRIEVE itself spells out, in place. */
/* INVALID: the ranking draws from what goes with an item, and the statement names none. */
MUST_USE enum code item_check(const struct retrieve_statement *retrieve,
                              const struct ranking_definition *ranking, struct error *error);
MUST_USE enum code retrieve_check(const struct retrieve_statement *retrieve,
                                  const struct schema *schema, struct arena *arena,
                                  struct error *error);

/* A context by its name. */
MUST_USE enum code context_find(const struct schema *schema, const struct name *name,
                                const struct context **context, struct error *error);

/* What a column of RETURNING stands for. */
struct column {
    enum returning_kind kind;
    const struct field *field;
    const struct embedding *embedding;
};
MUST_USE enum code column_find(const struct schema *schema, const struct returning *returning,
                               struct column *column, struct error *error);

/* "signal 'vew' does not exist", with the nearest name as a hint. */
enum code unknown_signal(const struct schema *schema, struct slice name, uint64_t position,
                         struct error *error);
enum code unknown_relation(const struct schema *schema, const struct name *name,
                           struct error *error);

#endif
