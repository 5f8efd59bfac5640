/* What the parts of the expression checker share. */
#ifndef TIDAL_SCHEMA_EXPRESSION_CHECK_H
#define TIDAL_SCHEMA_EXPRESSION_CHECK_H

#include "schema/interval.h"
#include "schema/schema.h"

struct checker {
    const struct schema *schema;
    struct violations *violations;
};

/* For "%.*s" with an expression's spelling, clipped. */
#define SPELLING(expression) spelling_bytes(expression), (const char *)(expression)->text.data

int spelling_bytes(const struct expression *expression);
struct interval expression_interval(const struct expression *expression);

/* Gives the node a type, an interval and its resolved names; false if anything below is wrong. */
MUST_USE bool checker_visit(struct checker *checker, struct expression *expression);
/* The same, and the value must have (or, a literal or parameter, take) `type`.  `by` says who asks.
 */
MUST_USE bool checker_visit_as(struct checker *checker, struct expression *expression,
                               enum expression_type type, const char *by);
/* For a node already visited. */
MUST_USE bool checker_demand(struct checker *checker, struct expression *expression,
                             enum expression_type type, const char *by);
/* A call of a function of the language. */
MUST_USE bool checker_visit_call(struct checker *checker, struct expression *call);

void expression_set_number(struct expression *expression, struct interval interval);

#endif
