/* Binding: a parsed statement and the values of its parameters become a change, or numbers.  Names
 * are looked up in the schema here.  Everything made lies in the arena or is lent. */
#ifndef TIDAL_QUERY_BIND_H
#define TIDAL_QUERY_BIND_H

#include "query/statement.h"
#include "schema/change.h"

/* The values bound to a statement's parameters, in the order of its table. */
struct bindings {
    const struct slice *names;
    const struct value *values; /* MISSING: not bound */
    size_t count;
};

/* MISSING if it is not bound, or not a parameter. */
struct value bindings_get(const struct bindings *bindings, struct slice name);

/* The operand's value; INVALID if it is a parameter without one. */
MUST_USE enum code bind_operand(const struct operand *operand, const struct bindings *bindings,
                                struct value *value, struct error *error);
/* The same as a count or id, a number, a time.  `what` names it in errors. */
MUST_USE enum code bind_u64(const struct operand *operand, const struct bindings *bindings,
                            const char *what, uint64_t *number, struct error *error);
MUST_USE enum code bind_time(const struct operand *operand, const struct bindings *bindings,
                             const char *what, int64_t *time_ms, struct error *error);
MUST_USE enum code bind_reference(const struct reference *reference,
                                  const struct bindings *bindings, struct entity_reference *entity,
                                  struct error *error);

/* The value of a context, of its type. */
MUST_USE enum code bind_context(const struct operand *operand, const struct bindings *bindings,
                                const struct context *context, struct value *value,
                                struct error *error);

/* A write (PUT .. UNRELATE, TRANSACTION, CURSOR) as a change; a DEFINE CURSOR without FROM has
 * position 0.  *idempotency_key is empty if none is given.
 */
struct bound_write {
    struct change change;
    struct slice idempotency_key;
};
MUST_USE enum code bind_write(const struct statement *statement, const struct bindings *bindings,
                              const struct schema *schema, struct arena *arena,
                              struct bound_write *write, struct error *error);

/* Where the statement names what a write is refused for: what does not exist, or the signal or
 * relation that it does not fit.  ERROR_NO_POSITION for a transaction. */
uint64_t write_position(const struct statement *statement, enum code code);

/* A double as the fixed point of signals' values: INVALID if it is not finite or too large. */
MUST_USE enum code bind_signal_value(double number, int64_t *value, struct error *error);

#endif
