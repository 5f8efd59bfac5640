/* Gates: what keeps an item out whatever its score, with evidence.  Not alive, expired, WHERE,
 * seen, served, hidden, blocked. */
#ifndef TIDAL_QUERY_GATES_H
#define TIDAL_QUERY_GATES_H

#include "base/bitset.h"
#include "ranking/program.h"

/* Takes out of `items` those that a gate of EXCLUDE keeps from the user; without a user nothing is
 * taken. */
void gate_apply(const struct gate_definition *gate, const struct scope *scope,
                struct bitset *items);

/* Takes out of `items` those whose field that EXPIRES is at or before NOW; one without a value
 * never expires.  false: no memory. */
MUST_USE bool gate_expired(const struct scope *scope, struct bitset *items);

enum { EVIDENCE_BYTES = 192 };
/* Has this item expired?  Then `evidence` says since when. */
bool gate_expired_blocks(const struct scope *scope, ordinal item, char evidence[EVIDENCE_BYTES]);
/* Does the gate keep this item out?  Then `evidence` says why. */
bool gate_blocks(const struct gate_definition *gate, const struct scope *scope, ordinal item,
                 char evidence[EVIDENCE_BYTES]);
/* "seen", "served", "hidden", "blocked". */
const char *gate_name(const struct gate_definition *gate);

/* The surface that the statement is asked from: the text given for a context `surface` that is
 * declared as a keyword; empty without one. */
struct slice scope_surface(const struct scope *scope);

/* Keeps the items for which the program is true: not false, not unknown. */
void gate_where(struct program *where, struct bitset *items);

#endif
