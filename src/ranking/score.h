/* Scores: a sum of terms, then one step a factor, each a line that an explanation can print.
 *
 * Lines are kept so that adding them in order gives the score to the last bit: a step that computes
 * `after` from `before` contributes after - before, and the score becomes before + that line.
 *
 *   term      its value; 0 where missing
 *   offset    only before factors: brings the sum c to c + 0.001, or below 0 to
 *             (c + N)/(P + N) * 0.001, where P and N are the sums of the positive and negative
 *             weights, so that a factor never lifts a penalised item (X's ranker, 2026)
 *   factor    the whole score times its value; times 1 where missing */
#ifndef TIDAL_RANKING_SCORE_H
#define TIDAL_RANKING_SCORE_H

#include "ranking/program.h"

struct scoring;

/* The ranking was checked.  Lies in the scope's arena; scoring_free gives back the rest. */
MUST_USE enum code scoring_compile(const struct ranking_definition *ranking,
                                   const struct scope *scope, struct scoring **scoring,
                                   struct error *error);
void scoring_free(struct scoring *scoring);

/* Where scores go, and their lines, row by row: `lines` is NULL, or has count * scoring_line_count
 * places; `missing` likewise (true: the term's or factor's value was missing). */
struct score_columns {
    double *scores;
    double *lines;
    bool *missing;
};
/* Scores up to PROGRAM_BATCH items. `base[i]`, the score of item i from its source, is used only
 * where the ranking has no terms. */
void scoring_run(struct scoring *scoring, const ordinal *items, const double *base, size_t count,
                 struct score_columns out);
size_t scoring_line_count(const struct scoring *scoring);
/* What line `index` is called: a term's spelling, "offset", "times ...", "source". */
const char *scoring_line_name(const struct scoring *scoring, size_t index);
/* Is line `index` made of what is estimated (signals/features.h)? */
bool scoring_line_estimated(const struct scoring *scoring, size_t index);

/* The offset alone: see above.  Pure. */
double score_offset(double sum, double positive_weights, double negative_weights);

#endif
