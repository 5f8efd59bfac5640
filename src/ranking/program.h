/* Programs: checked expressions, compiled for one query.
 *
 * A program is a list of instructions over columns of up to PROGRAM_BATCH items; each writes a
 * column of its own.  All that does not depend on the item (the user's fields, parameters, filters,
 * the user's affinities) is computed once, at compilation.  Booleans are 0 and 1, and follow
 * Kleene's three-valued logic, a missing value being unknown.  Arithmetic saturates at the largest
 * double. Valid as long as the view and the arena it was compiled with.  one thread. */
#ifndef TIDAL_RANKING_PROGRAM_H
#define TIDAL_RANKING_PROGRAM_H

#include "base/arena.h"
#include "ranking/view.h"

enum { PROGRAM_BATCH = 1024 };

/* What expressions may speak of. */
struct scope {
    const struct view *view;
    int64_t now_ms;
    ordinal user;                 /* ORDINAL_NONE: none given, or never mentioned */
    ordinal item;                 /* that the query is for; ORDINAL_NONE likewise */
    const struct value *contexts; /* by their id in the schema; NULL: none is given */
    struct arena *arena;          /* of the query */
    /* The value bound to a parameter; MISSING if none is. */
    struct value (*parameter)(void *context, struct slice name);
    void *parameter_context;
};

struct program;

/* The expression was checked against the view's schema.  INVALID: a parameter is unbound or of the
 * wrong type.  LIMIT: too many steps.  NO_MEMORY. */
MUST_USE enum code program_compile(const struct expression *expression, const struct scope *scope,
                                   struct program **program, struct error *error);
/* Columns for up to PROGRAM_BATCH items, lent until the next run. */
struct program_result {
    const double *values; /* 0 where missing; finite */
    const bool *missing;
};
struct program_result program_run(struct program *program, const ordinal *items, size_t count);

/* Does it read what is estimated (signals/features.h)? */
bool program_is_estimated(const struct program *program);

/* Gives back what does not lie in the arena.  `program` may be NULL. */
void program_free(struct program *program);

#endif
