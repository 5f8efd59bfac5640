/* Instructions, and the compiler that compile.c and compare.c share. */
#ifndef TIDAL_RANKING_PROGRAM_PRIVATE_H
#define TIDAL_RANKING_PROGRAM_PRIVATE_H

#include "base/bitset.h"
#include "base/id_map.h"
#include "ranking/program.h"
#include "signals/features.h"
#include "signals/groups.h"

/* Leaves first, then operations on one column, on two, and on three. */
enum opcode {
    OP_CONSTANT, /* `number`, or missing */
    OP_NUMBER,   /* a numeric field of the item */
    OP_FILTER,   /* a comparison computed as a set of items */
    OP_SAME,     /* `field` and `other` of the item are equal; lists: have a value in common */
    OP_FEATURE,  /* of the item's ledger */
    OP_UNIQUE,   /* distinct users of `feature.signal` in `number` ms */
    OP_PRIOR,    /* what `group` holds of the item's values of `field`, with feature.prior */
    OP_EDGE,     /* weight of the user's edge to the item, or to what `field` refers to */
    OP_SEEN,     /* by the user, after after_ms */
    OP_THOMPSON, /* a sample of the share of `a` in `b`; earlier instructions made their columns */
    OP_SAID,     /* what the user said of the item, or how it was seen */
    OP_TOPICS,   /* affinity, exposure: mean of the `weights` of the item's topics by `number` */
    OP_SCORES,   /* of the item in `weights`; 0 where it is not there */

    OP_FIRST_OF_ONE,
    OP_NEGATE = OP_FIRST_OF_ONE,
    OP_NOT,
    OP_LOG,
    OP_LOG2,
    OP_LOG10,
    OP_SQRT,
    OP_ABS,
    OP_AGE,
    OP_FRESHNESS, /* `number`: half-life in ms */
    OP_IS_MISSING,

    OP_FIRST_OF_TWO,
    OP_ADD = OP_FIRST_OF_TWO,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_POW,
    OP_POWER, /* by a whole number */
    OP_SATURATE,
    OP_WILSON,    /* bound of the share of a in b, `number` deviations wide */
    OP_EFFECTIVE, /* events that a sum a of weights counts for, b that of their squares */
    OP_YOUNG,     /* a rate of half-life `number` (ms), of what there is since b */
    OP_MIN,
    OP_MAX,
    OP_EQUAL,
    OP_NOT_EQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_COALESCE,
    OP_AND,
    OP_OR,
    OP_IF,          /* three: a, then b, else c */
    OP_SMOOTHED,    /* (a + n c) / (b + n), n = `number` */
    OP_WILSON_SHARE /* as OP_WILSON, of a share a / b of c events */
};

struct instruction {
    enum opcode op;
    uint32_t a, b, c; /* instructions whose columns it takes */
    double *values;   /* PROGRAM_BATCH of each: its own column */
    bool *missing;
    double number;
    bool is_missing;
    int64_t after_ms;
    const struct field *field, *other;
    relation_id relation;
    struct feature feature;
    struct group_question group;
    uint64_t seed;
    struct bitset *matches, *unknown;
    struct id_map *weights; /* topic or item -> bits of a double */
    enum expression_function said;
};

/* Each takes 9 bytes an item of a batch. */
enum { PROGRAM_INSTRUCTIONS_MAXIMUM = 4096 };

struct program {
    struct scope scope;
    struct instruction *instructions;
    size_t count;
    size_t capacity;
};

/* A batch of items on its way through the instructions. */
struct columns {
    struct program *program;
    const ordinal *items;
    size_t count;
};

struct compiler {
    struct program *program;
    struct error *error;
    bool no_memory; /* where a constant could not be had */
};

enum code compiler_no_memory(struct compiler *compiler);
/* Parameter without a value. */
enum code compiler_unbound(struct compiler *compiler, const struct expression *expression);
enum code compiler_wrong_type(struct compiler *compiler, const struct expression *expression,
                              const struct value *value, const char *wanted);
MUST_USE enum code compiler_emit(struct compiler *compiler, const struct instruction *instruction,
                                 uint32_t *at);
/* The value of what does not depend on the item: a literal, a parameter, a field of the user or of
 * the context.  False if it does depend on it. */
bool compiler_constant(struct compiler *compiler, const struct expression *expression,
                       struct value *value);
/* A number, time, duration or boolean (true: 1); a missing value is 0.  False: it is neither. */
bool value_number(const struct value *value, double *number);

/* Are they equal; of lists: do they have a text in common?  Neither is missing. */
bool values_meet(const struct value *a, const struct value *b);

MUST_USE enum code compile(struct compiler *compiler, const struct expression *expression,
                           uint32_t *at);
MUST_USE enum code compile_one(struct compiler *compiler, enum opcode op,
                               const struct expression *operand, uint32_t *at);
MUST_USE enum code compile_two(struct compiler *compiler, enum opcode op,
                               const struct expression *left, const struct expression *right,
                               uint32_t *at);
/* On the one operand, or on two at a time from the left. */
MUST_USE enum code compile_operation(struct compiler *compiler, enum opcode op,
                                     const struct expression *expression, uint32_t *at);

/* compile_calls.c: a function of the language */
MUST_USE enum code compile_call(struct compiler *compiler, const struct expression *call,
                                uint32_t *at);

/* personal.c */
MUST_USE enum code compile_affinity(struct compiler *compiler, const struct expression *call,
                                    uint32_t *at);
MUST_USE enum code compile_exposure(struct compiler *compiler, const struct expression *call,
                                    uint32_t *at);
MUST_USE enum code compile_coengagement(struct compiler *compiler, const struct expression *call,
                                        uint32_t *at);
MUST_USE enum code compile_related(struct compiler *compiler, const struct expression *call,
                                   uint32_t *at);
MUST_USE enum code compile_seen(struct compiler *compiler, const struct expression *call,
                                uint32_t *at);
/* last, since, times_seen, last_seen */
MUST_USE enum code compile_said(struct compiler *compiler, const struct expression *call,
                                uint32_t *at);
/* affinity, exposure */
void read_weights(const struct instruction *instruction, struct columns *at);
void read_said(const struct instruction *instruction, struct columns *at);

/* compile_rates.c: of two signals, or of values, smoothed by a prior. */
MUST_USE enum code compile_ratio(struct compiler *compiler, const struct expression *call,
                                 uint32_t *at);
MUST_USE enum code compile_mean(struct compiler *compiler, const struct expression *call,
                                uint32_t *at);
MUST_USE enum code compile_wilson(struct compiler *compiler, const struct expression *call,
                                  uint32_t *at);
MUST_USE enum code compile_thompson(struct compiler *compiler, const struct expression *call,
                                    uint32_t *at);
MUST_USE enum code compile_effective(struct compiler *compiler, const struct expression *call,
                                     uint32_t *at);

/* compare.c */
MUST_USE enum code compile_comparison(struct compiler *compiler,
                                      const struct expression *expression, uint32_t *at);
MUST_USE enum code compile_in(struct compiler *compiler, const struct expression *expression,
                              uint32_t *at);
/* Is the value of `operand` missing? */
MUST_USE enum code compile_missing(struct compiler *compiler, const struct expression *operand,
                                   uint32_t *at);

#endif
