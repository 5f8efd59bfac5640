/* What a query sees: all folds at one LSN.  Lent by the engine between database_read_begin and
 * database_read_end; nothing in it changes meanwhile. */
#ifndef TIDAL_RANKING_VIEW_H
#define TIDAL_RANKING_VIEW_H

#include "schema/schema.h"

struct entities;
struct ledger;
struct trending;
struct popular;
struct unique;
struct groups;
struct edges;
struct behaviour;
struct quota;
struct exposure;
struct served;
struct coengagement;
struct cold_reader;

struct view {
    const struct schema *schema;
    uint64_t schema_version; /* grows with every definition */
    const struct entities *entities;
    const struct ledger *ledger;
    struct cold_reader *cold; /* reads what of it is cold, for one question; NULL: there is none */
    const struct trending *trending;
    const struct popular *popular;
    const struct unique *unique;
    const struct groups *groups;
    const struct edges *edges;
    const struct behaviour *behaviour;
    const struct quota *quota;
    const struct exposure *exposure;
    const struct served *served;
    const struct coengagement *coengagement;
    uint64_t backfill_read, backfill_total; /* entries of the log; 0 of 0: none is under way */
    lsn lsn;
    int64_t watermark_ms; /* newest event time; INT64_MIN: no event yet */
};

#endif
