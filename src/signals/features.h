/* Features: what a ranking reads from the ledger, for many entities at once.
 *
 * Each is a function of the ledger's state and of `now`; formulas and sources are in features.c.
 * Pure reads: any thread under the engine's shared lock. */
#ifndef TIDAL_SIGNALS_FEATURES_H
#define TIDAL_SIGNALS_FEATURES_H

#include "base/bitset.h"
#include "signals/ledger.h"

enum feature_op {
    FEATURE_DECAY,    /* decayed sum of values, by half-life `slot` */
    FEATURE_RATE,     /* the same as values a second: lambda * decay */
    FEATURE_COUNT,    /* events in window `slot`, its oldest bucket counted by the share in it */
    FEATURE_SUM,      /* sum of values, likewise */
    FEATURE_MEAN,     /* (sum + prior * prior_mean) / (count + prior); missing if that is over 0 */
    FEATURE_MINIMUM,  /* smallest value in the buckets that window `slot` touches; missing if none,
                       */
    FEATURE_MAXIMUM,  /* or if the signal keeps no minimum and maximum */
    FEATURE_VELOCITY, /* z-velocity of window `slot` against its baseline */
    FEATURE_RELATIVE_VELOCITY, /* hourly rates: (now + prior) / (before + prior) */
    FEATURE_RATIO              /* (x + prior * prior_mean) / (y + prior), x and y all-time counts of
                                * `signal` and `denominator`; missing if that is over 0 */
};

/* `slot` of a feature over all time (COUNT, SUM, MEAN, MINIMUM, MAXIMUM). */
#define WINDOW_ALL UINT8_MAX

struct feature {
    enum feature_op op;
    signal_id signal;
    signal_id denominator; /* of a RATIO: on the same kind of entity */
    uint8_t slot;          /* index into the signal's half_life_ms or window_ms */
    double prior;          /* strength; <= 0: none */
    double prior_mean;     /* NaN: the global one, over all entities (RATIO, MEAN) */
};

/* values[i] and missing[i] for ordinals[i].  A missing value is written as 0.  An entity without a
 * record has a count and a decay of 0, which is not missing.  `now_ms` is not before the newest
 * event.  Every value is finite. */
struct feature_column {
    double *values;
    bool *missing;
    struct cold_reader *cold; /* reads what is cold; NULL: the ledger has no budget */
};
void features_read(const struct ledger *ledger, const struct feature *feature, int64_t now_ms,
                   const ordinal *ordinals, size_t count, struct feature_column out);

/* Features of the same entities, read together: an entity is looked up once for all of a signal,
 * and its windows are read in one pass.  The columns are as above, and of one cold_reader. */
struct feature_question {
    const struct feature *feature;
    struct feature_column out;
};
void features_read_all(const struct ledger *ledger, const struct feature_question *questions,
                       size_t question_count, int64_t now_ms, const ordinal *ordinals,
                       size_t count);

/* Are these values estimates?  So they are while a half-life or window that was added lacks what
 * was before (signals/gaps.h); stand_in.c has the formulas. */
bool features_estimated(const struct ledger *ledger, const struct feature *feature, int64_t now_ms);

/* Events in a window (or WINDOW_ALL) as shown to people: a whole number, with all of the bucket at
 * the window's old end, so never less than the exact count.  Of a pair that is not cold. */
int64_t features_count(const struct ledger *ledger, signal_id signal, uint8_t slot, ordinal entity,
                       int64_t now_ms);

/* An entity and what it is ranked by. */
struct ranked {
    ordinal entity;
    entity_id id;
    double value;
};
struct top_question {
    const struct feature *feature;
    int64_t now_ms;
    const struct bitset *among; /* NULL: all entities */
    struct ranked *out;
    size_t limit;
    struct cold_reader *cold; /* NULL: the ledger has no budget */
};
/* The entities with the highest values above 0 of a feature now, highest first, equal ones by lower
 * id.  Fills `out`, returns their number (<= limit).  Looks at each record of the signal that is
 * among them once, and reads those that are cold: O(records + n log limit). */
size_t features_top(const struct ledger *ledger, const struct top_question *question);

/* The two sides of a velocity, of a pair that is not cold: the count in window `slot`, and the
 * usual one, by its baseline. */
struct velocity_reading {
    double recent, mean;
};
struct velocity_reading features_velocity(const struct ledger *ledger, signal_id signal,
                                          uint8_t slot, ordinal entity, int64_t now_ms);

#endif
