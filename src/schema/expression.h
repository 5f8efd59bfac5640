/* Expressions: what SCORE, TIMES and WHERE compute.
 *
 * The parser makes the tree (names unresolved, each node with its place in the text);
 * expression_check resolves names against a schema, gives every node a type and the interval its
 * value can lie in, and refuses whatever could yield NaN or infinity: a logarithm, root, power or
 * division whose argument's interval is not safe.  A checked tree is immutable.
 *
 * Every number is finite: an operation whose result overflows a double gives DBL_MAX with its sign
 * (arithmetic saturates), so an infinite bound of an interval means "unbounded", never "infinite".
 * A missing operand makes an operation's result missing; coalesce, IS MISSING and a missing
 * condition of if (which takes the else branch) end that. */
#ifndef TIDAL_SCHEMA_EXPRESSION_H
#define TIDAL_SCHEMA_EXPRESSION_H

#include "base/arena.h"
#include "schema/value.h"

enum expression_op {
    EXPRESSION_LITERAL,   /* `value` */
    EXPRESSION_PARAMETER, /* $`name`; its value is bound before the query runs */
    EXPRESSION_FIELD,     /* `subject`.`name`; a bare name in WHERE is item.`name` */
    EXPRESSION_CONTEXT,   /* context.`name` */
    EXPRESSION_SUBJECT,   /* `item` or `user` alone, as an argument of a function */
    EXPRESSION_NAME,      /* a bare name as an argument: a signal, a relation */
    EXPRESSION_CALL,      /* `function`(operands...) */
    EXPRESSION_NEGATE,
    EXPRESSION_NOT,
    EXPRESSION_ADD,
    EXPRESSION_SUBTRACT,
    EXPRESSION_MULTIPLY,
    EXPRESSION_DIVIDE,
    EXPRESSION_EQUAL,
    EXPRESSION_NOT_EQUAL,
    EXPRESSION_LESS,
    EXPRESSION_LESS_EQUAL,
    EXPRESSION_GREATER,
    EXPRESSION_GREATER_EQUAL,
    EXPRESSION_AND,
    EXPRESSION_OR,
    EXPRESSION_IN, /* operands[0] IN (operands[1..]); a keyword[] matches if any value does */
    EXPRESSION_IS_MISSING /* operands[0] */
};

/* Functions of the language: NAME, "spelling".  docs/language.md says what each computes. */
#define EXPRESSION_FUNCTIONS(X)                                                                    \
    X(DECAY, "decay")       /* decay(signal, half life): decayed sum now */                        \
    X(RATE, "rate")         /* rate(signal, half life[, item.time]): events a second */            \
    X(COUNT, "count")       /* count(signal[, window]): events, window interpolated at its tail */ \
    X(SUM, "sum")           /* sum(signal[, window]): sum of values */                             \
    X(MEAN, "mean")         /* mean(signal, window [, prior n MEAN x]) */                          \
    X(UNIQUE, "unique")     /* unique(signal, window): distinct users */                           \
    X(VELOCITY, "velocity") /* velocity(signal, window): z-velocity against its baseline */        \
    X(RATIO, "ratio")       /* ratio(signal, signal[, time], prior n [MEAN x | FROM field]) */     \
    X(EFFECTIVE, "effective") /* effective(signal, half life): events that a decayed sum counts */ \
    X(SLOPE, "slope")         /* slope(signal, short, long half life): change of the rate */       \
    X(SURGE, "surge")         /* surge(signal, window, prior n): relative velocity */              \
    X(LOWEST, "lowest")       /* lowest(signal[, window]): smallest value */                       \
    X(HIGHEST, "highest")     /* highest(signal[, window]) */                                      \
    X(WILSON, "wilson")       /* wilson(signal, signal[, z]): lower bound of their ratio */        \
    X(THOMPSON, "thompson")   /* thompson(signal, signal, seed, prior n [MEAN x]): sample of it */ \
    X(AFFINITY, "affinity")   /* affinity(user, item.field[, half life]) */                        \
    X(EXPOSURE, "exposure")   /* exposure(user, item.field): impressions of its topics, decayed */ \
    X(LAST, "last")           /* last(user, signal): value of the state of user and item */        \
    X(SINCE, "since")         /* since(user, signal): its age in hours */                          \
    X(TIMES_SEEN, "times_seen")     /* times_seen(user): how often the user has seen the item */   \
    X(LAST_SEEN, "last_seen")       /* last_seen(user): hours since then */                        \
    X(COENGAGEMENT, "coengagement") /* coengagement(user.recent(20)): goes with them */            \
    X(RELATED, "related")     /* related(user relation creator): weight of the edge, or missing */ \
    X(SEEN, "seen")           /* seen[(age)]: boolean, the user has seen the item */               \
    X(FRESHNESS, "freshness") /* freshness(item.timestamp, half life): 2^(-age/half life) */       \
    X(AGE, "age")             /* age(item.timestamp): hours */                                     \
    X(SATURATE, "saturate")   /* saturate(x, pivot): max(x,0)/(max(x,0)+pivot) */                  \
    X(LOG, "log")             /* natural */                                                        \
    X(LOG2, "log2")                                                                                \
    X(LOG10, "log10")                                                                              \
    X(SQRT, "sqrt")                                                                                \
    X(POW, "pow")                                                                                  \
    X(ABS, "abs")                                                                                  \
    X(MIN, "min")                                                                                  \
    X(MAX, "max")                                                                                  \
    X(CLAMP, "clamp")       /* clamp(x, low, high) */                                              \
    X(COALESCE, "coalesce") /* the first that is not missing */                                    \
    X(IF, "if")             /* if(condition, then, else) */

#define EXPRESSION_FUNCTION_CONSTANT(name, text) FUNCTION_##name,
enum expression_function { EXPRESSION_FUNCTIONS(EXPRESSION_FUNCTION_CONSTANT) FUNCTION_COUNT_ALL };

enum expression_type {
    TYPE_NUMBER, /* integers and floats are one */
    TYPE_BOOLEAN,
    TYPE_TEXT,
    TYPE_TEXT_LIST,
    TYPE_TIMESTAMP,
    TYPE_DURATION,
    TYPE_REFERENCE,
    TYPE_VECTOR,
    TYPE_SUBJECT,
    TYPE_NAME,
    TYPE_ANY /* a parameter whose type nothing demands */
};

/* What two signals are compared by: all their events, decayed sums, or windows. */
enum expression_span { SPAN_ALL_TIME, SPAN_HALF_LIFE, SPAN_WINDOW };

/* Levels of a tree: whatever walks one may recurse. */
enum { EXPRESSION_HEIGHT_MAXIMUM = 256 };

struct seed_items;

struct expression {
    enum expression_op op;
    enum expression_function function;
    enum entity_kind subject;
    struct slice name;
    struct value value;
    struct seed_items *seeds;     /* of coengagement; NULL elsewhere */
    struct expression **operands; /* AND and OR: two or more */
    size_t operand_count;
    uint32_t height;          /* 1: a leaf; at most EXPRESSION_HEIGHT_MAXIMUM */
    double prior;             /* `prior n` of ratio and mean; negative: not given */
    double prior_mean;        /* `MEAN x`; NaN: not given (the global rate) */
    struct slice prior_field; /* `FROM item.x`; empty: not given */
    uint64_t prior_field_position;
    uint64_t position; /* of its first byte in `text` */
    struct slice text; /* its spelling, for EXPLAIN; lent from the statement's text */

    /* set by expression_check */
    enum expression_type type;
    double low, high; /* interval of a number's values; infinite where unbounded */
    bool can_be_missing;
    field_id field;
    signal_id signal, denominator;
    relation_id relation;
    uint8_t slot;              /* index of the half-life or window within its signal */
    uint8_t long_slot;         /* of slope: of the longer half-life */
    int64_t window_ms;         /* of unique */
    enum expression_span span; /* of ratio, wilson and thompson */
    uint8_t denominator_slot;  /* as `slot`, within the denominator */
    uint8_t half_slot;         /* of wilson and effective: of half that half-life */
};

/* What surrounds an expression: SCORE wants a number, a gate wants a boolean. */
struct schema;
struct violations;

/* Resolves and types the tree in place.  Every violation goes to `violations` with its position;
 * true if there was none.  The parser bounds the height. */
MUST_USE bool expression_check(struct expression *expression, const struct schema *schema,
                               enum expression_type wanted, struct violations *violations);
const char *expression_function_name(enum expression_function function);
const char *expression_type_name(enum expression_type type);

#endif
