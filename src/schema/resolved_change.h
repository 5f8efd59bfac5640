/* A change as the folds see it: with what they need looked up once, by the engine, from the state
 * before it.  Folds never ask each other. */
#ifndef TIDAL_SCHEMA_RESOLVED_CHANGE_H
#define TIDAL_SCHEMA_RESOLVED_CHANGE_H

#include "base/decay.h"
#include "schema/change.h"

enum polarity { POLARITY_NEUTRAL, POLARITY_POSITIVE, POLARITY_NEGATIVE };

enum { EVENT_WEIGHT_ONE = 256 };
/* What an item is about: a value of one of its fields. */
struct topic {
    field_id field;
    uint64_t value; /* id of what it refers to, or hash_bytes of the keyword */
};

enum { EXPOSED_TOPICS = 8 }; /* of a keyword[] with an exposure: the first ones */

/* An item that the same user took well before. */
struct partner {
    entity_id id;
    ordinal item;
};

struct resolved_change {
    lsn lsn;
    int64_t ingest_ms;    /* when the log took it in: the same at every replay */
    int64_t watermark_ms; /* newest event time applied before this change; INT64_MIN: none */
    const struct schema *schema;
    const struct change *change; /* never a transaction: its parts come one by one, same LSN */

    /* DROP only: what goes.  `schema` is as it is without it */
    const struct dropped *dropped;

    /* PUT, PATCH, DELETE, SIGNAL, RELATE, UNRELATE: whom it is about (RELATE: from) */
    ordinal subject;
    entity_id subject_id;
    /* SIGNAL: by whom; RELATE: to whom.  ORDINAL_NONE: nobody */
    ordinal other;
    entity_id other_id;

    /* SLATE, by whom it was asked for is `subject`: where its items are, and how many users there
     * are; BACKFILL: where the entities of its pairs are.  ORDINAL_NONE: it was never there */
    const ordinal *items;
    uint32_t user_count;

    /* SIGNAL only */
    int64_t time_ms; /* of the event: the caller's, or ingest_ms; RELATE as well */
    bool late;       /* older than watermark - lateness: counted in totals, not in decay */
    bool effective;  /* false: a repeat of a state, or older than it: changes no state */
    uint16_t weight; /* of what it says, in units of 1/EVENT_WEIGHT_ONE; 0: beyond a cap, or of
                        nobody trusted: in no count, though the user did it */
    enum polarity polarity;
    struct contribution contributions[2]; /* a state that changes its value: - old, + new */
    size_t contribution_count;
    /* The item's topics as they are before the event, distinct; lent until it is applied. */
    const struct topic *totalled; /* of fields that the signal has TOTALS PER */
    size_t totalled_count;
    const struct topic *exposed; /* an impression by a user: of fields with an exposure */
    size_t exposed_count;
    bool engages; /* the user takes an item well, and that counts as co-engagement */
    const struct partner *partners; /* with these; lent until the next change is resolved */
    size_t partner_count;
};

/* Is the change a DROP of something of that kind? */
static inline bool change_drops(const struct resolved_change *change, enum definition_kind kind)
{
    return change->change->kind == CHANGE_DROP && change->dropped->kind == kind;
}

#endif
