/* Calls of functions of the language: what checking them shares. */
#ifndef TIDAL_SCHEMA_EXPRESSION_CALLS_H
#define TIDAL_SCHEMA_EXPRESSION_CALLS_H

#include "schema/expression_check.h"

/* expression_arguments.c: but for predicates, each says what is wrong with the argument. */

/* Names arrive as names, or as fields of the item from a parser that cannot know better. */
bool argument_is_name(const struct expression *argument);
/* False: `by` takes what is wanted, and the argument is something else. */
bool argument_refuse(struct checker *checker, const struct expression *argument, const char *by,
                     const char *wanted);
MUST_USE bool argument_user(struct checker *checker, const struct expression *call);
/* A signal ON item; NULL: it is none. */
MUST_USE const struct signal *argument_signal(struct checker *checker,
                                              const struct expression *call, size_t index);
/* A literal; the second: above 0. */
MUST_USE bool argument_duration(struct checker *checker, const struct expression *call,
                                size_t index, int64_t *duration_ms);
MUST_USE bool argument_positive_duration(struct checker *checker, const struct expression *call,
                                         size_t index, const char *what);
/* A half-life of the signal, and which; a window of it as the second argument, to call->slot. */
MUST_USE bool argument_half_life(struct checker *checker, const struct expression *call,
                                 size_t index, const struct signal *signal, uint8_t *slot);
MUST_USE bool argument_window(struct checker *checker, struct expression *call,
                              const struct signal *signal);
/* A window that has a velocity as well. */
MUST_USE bool argument_velocity(struct checker *checker, struct expression *call,
                                const struct signal *signal);
/* Where in a list of half-lives or windows is this one?  False: nowhere. */
bool slot_find(const int64_t *list, size_t count, int64_t duration_ms, uint8_t *slot);
/* Between which bounds sums of its values are. */
struct interval signal_sums(const struct signal *signal);
/* Is the prior within its bounds; the second: and is there one, as in the example? */
MUST_USE bool prior_check(struct checker *checker, const struct expression *call);
MUST_USE bool prior_demand(struct checker *checker, const struct expression *call,
                           const char *example);

/* expression_signals.c: of one signal. */
MUST_USE bool visit_decay(struct checker *checker, struct expression *call);
MUST_USE bool visit_slope(struct checker *checker, struct expression *call);
MUST_USE bool visit_lowest(struct checker *checker, struct expression *call);
MUST_USE bool visit_count(struct checker *checker, struct expression *call);
MUST_USE bool visit_unique(struct checker *checker, struct expression *call);
MUST_USE bool visit_velocity(struct checker *checker, struct expression *call);
MUST_USE bool visit_surge(struct checker *checker, struct expression *call);

/* expression_rates.c: of two signals, or of values, smoothed by a prior. */
MUST_USE bool visit_mean(struct checker *checker, struct expression *call);
MUST_USE bool visit_effective(struct checker *checker, struct expression *call);
MUST_USE bool visit_wilson(struct checker *checker, struct expression *call);
MUST_USE bool visit_thompson(struct checker *checker, struct expression *call);
MUST_USE bool visit_ratio(struct checker *checker, struct expression *call);

/* expression_personal.c: of the user, or of what the user did. */
MUST_USE bool visit_affinity(struct checker *checker, struct expression *call);
MUST_USE bool visit_exposure(struct checker *checker, struct expression *call);
MUST_USE bool visit_last(struct checker *checker, struct expression *call);
MUST_USE bool visit_times_seen(struct checker *checker, struct expression *call);
MUST_USE bool visit_related(struct checker *checker, struct expression *call);
MUST_USE bool visit_coengagement(struct checker *checker, struct expression *call);
MUST_USE bool visit_seen(struct checker *checker, struct expression *call);

/* expression_values.c: of numbers and times, and the choice among values. */
MUST_USE bool visit_freshness(struct checker *checker, struct expression *call);
MUST_USE bool visit_saturate(struct checker *checker, struct expression *call);
MUST_USE bool visit_log(struct checker *checker, struct expression *call);
MUST_USE bool visit_sqrt(struct checker *checker, struct expression *call);
MUST_USE bool visit_pow(struct checker *checker, struct expression *call);
MUST_USE bool visit_abs(struct checker *checker, struct expression *call);
MUST_USE bool visit_extreme(struct checker *checker, struct expression *call);
MUST_USE bool visit_clamp(struct checker *checker, struct expression *call);
MUST_USE bool visit_coalesce(struct checker *checker, struct expression *call);
MUST_USE bool visit_if(struct checker *checker, struct expression *call);

#endif
