/* Definitions and expressions as a parser would make them, written in C. */
#ifndef TIDAL_TESTS_SCHEMA_DECLARE_H
#define TIDAL_TESTS_SCHEMA_DECLARE_H

#include "base/hash.h"
#include "schema/schema.h"

#include <assert.h>
#include <stdarg.h>

#define HOUR_MS 3600000.0
#define DAY_MS  (24 * HOUR_MS)

static inline struct slice text_of(const char *text)
{
    return slice_of(text, strlen(text));
}

static inline struct name named(const char *text, uint64_t position)
{
    return (struct name){text_of(text), position};
}

static inline struct duration lasting(double ms, uint64_t position)
{
    return (struct duration){ms, position};
}

static inline struct definition define_field(const char *name, enum entity_kind kind,
                                             enum field_type type)
{
    return (struct definition){
        .kind = DEFINE_FIELD,
        .text = text_of(name),
        .field = {.name = named(name, 13), .kind = kind, .type = type, .weight = 1}};
}

static inline struct definition define_reference(const char *name, enum entity_kind references)
{
    struct definition definition = define_field(name, ENTITY_ITEM, FIELD_REFERENCE);
    definition.field.references = references;
    return definition;
}

static inline struct definition define_embedding(const char *name, int64_t dimensions)
{
    return (struct definition){.kind = DEFINE_EMBEDDING,
                               .text = text_of(name),
                               .embedding = {.name = named(name, 17),
                                             .kind = ENTITY_ITEM,
                                             .dimensions = dimensions,
                                             .metric = METRIC_COSINE}};
}

static inline struct definition define_signal(const char *name)
{
    return (struct definition){.kind = DEFINE_SIGNAL,
                               .text = text_of(name),
                               .signal = {.name = named(name, 14),
                                          .kind = ENTITY_ITEM,
                                          .lateness = {__builtin_nan(""), 0},
                                          .positive_from = -__builtin_inf(),
                                          .negative_below = __builtin_inf()}};
}

static inline struct definition define_relation(const char *name, enum entity_kind from,
                                                enum entity_kind to)
{
    return (struct definition){.kind = DEFINE_RELATION,
                               .text = text_of(name),
                               .relation = {.name = named(name, 16), .from = from, .to = to}};
}

static inline struct definition define_context(const char *name, enum field_type type)
{
    return (struct definition){.kind = DEFINE_CONTEXT,
                               .text = text_of(name),
                               .context = {.name = named(name, 15), .type = type}};
}

static inline struct definition define_exposure(const char *field, int64_t half_life_ms)
{
    return (struct definition){.kind = DEFINE_EXPOSURE,
                               .text = text_of(field),
                               .exposure = {.kind = ENTITY_ITEM,
                                            .field = named(field, 24),
                                            .half_life = lasting((double)half_life_ms, 40)}};
}

static inline struct definition define_profile(const char *name, int64_t version)
{
    return (struct definition){.kind = DEFINE_PROFILE,
                               .text = text_of(name),
                               .profile = {.name = named(name, 15), .version = version}};
}

/* A schema that grows, and what was wrong with the last definition. */
struct declared {
    struct memory memory;
    struct schema *schema;
    struct violations violations;
    struct error error;
};

static inline void declared_init(struct declared *declared)
{
    memory_init(&declared->memory, 0);
    enum code code = schema_create(&declared->memory, &declared->schema, &declared->error);
    assert(code == CODE_OK);
    (void)code;
}

static inline void declared_release(struct declared *declared)
{
    schema_free(declared->schema);
    memory_release(&declared->memory);
}

static inline enum code declare(struct declared *declared, const struct definition *definition)
{
    struct schema *next;
    enum code code =
        schema_extend(declared->schema, definition, &next, &declared->violations, &declared->error);
    if (code != CODE_OK) return code;
    schema_free(declared->schema);
    declared->schema = next;
    return CODE_OK;
}

static inline void must_declare(struct declared *declared, struct definition definition)
{
    enum code code = declare(declared, &definition);
    if (code != CODE_OK) fprintf(stderr, "declare: %s\n", declared->error.message);
    assert(code == CODE_OK);
    (void)code;
}

/* item: title text, category keyword, tags keyword[], year integer, rating float, live boolean,
 * published timestamp, creator reference; user: country keyword; view (1h, 24h, 7d; VELOCITY 1h;
 * half-lives 1h, 7d), like (unique), vote (VALUE SUM); follows, blocks, likes; context device. */
static inline void declare_everything(struct declared *declared)
{
    must_declare(declared, define_field("title", ENTITY_ITEM, FIELD_TEXT));
    must_declare(declared, define_field("category", ENTITY_ITEM, FIELD_KEYWORD));
    must_declare(declared, define_field("tags", ENTITY_ITEM, FIELD_KEYWORD_LIST));
    must_declare(declared, define_field("year", ENTITY_ITEM, FIELD_INTEGER));
    must_declare(declared, define_field("rating", ENTITY_ITEM, FIELD_FLOAT));
    must_declare(declared, define_field("live", ENTITY_ITEM, FIELD_BOOLEAN));
    must_declare(declared, define_field("published", ENTITY_ITEM, FIELD_TIMESTAMP));
    must_declare(declared, define_reference("creator", ENTITY_CREATOR));
    must_declare(declared, define_field("country", ENTITY_USER, FIELD_KEYWORD));
    struct duration half_lives[] = {lasting(7 * DAY_MS, 0), lasting(HOUR_MS, 0)};
    struct duration windows[] = {lasting(7 * DAY_MS, 0), lasting(HOUR_MS, 0), lasting(DAY_MS, 0)};
    struct duration velocities[] = {lasting(HOUR_MS, 0)};
    struct definition view = define_signal("view");
    view.signal.half_lives = half_lives;
    view.signal.half_life_count = 2;
    view.signal.windows = windows;
    view.signal.window_count = 3;
    view.signal.velocities = velocities;
    view.signal.velocity_count = 1;
    view.signal.distinct = lasting(7 * DAY_MS, 0);
    view.signal.counts_distinct = true;
    struct name groups[] = {named("category", 0), named("creator", 0)};
    view.signal.groups = groups;
    view.signal.group_count = 2;
    must_declare(declared, view);
    struct definition like = define_signal("like");
    like.signal.half_lives = half_lives;
    like.signal.half_life_count = 1;
    like.signal.unique_per_user = true;
    like.signal.positive = true;
    must_declare(declared, like);
    struct definition vote = define_signal("vote");
    vote.signal.half_lives = half_lives;
    vote.signal.half_life_count = 1;
    vote.signal.windows = windows;
    vote.signal.window_count = 1;
    vote.signal.values = SIGNAL_VALUE_SUM;
    must_declare(declared, vote);
    must_declare(declared, define_relation("follows", ENTITY_USER, ENTITY_CREATOR));
    struct definition blocks = define_relation("blocks", ENTITY_USER, ENTITY_CREATOR);
    blocks.relation.excluding = true;
    must_declare(declared, blocks);
    must_declare(declared, define_relation("likes", ENTITY_USER, ENTITY_ITEM));
    must_declare(declared, define_context("device", FIELD_KEYWORD));
}

/* The violation at `position` whose message contains `part`; NULL if there is none. */
static inline const struct violation *find_violation(const struct violations *violations,
                                                     uint64_t position, const char *part)
{
    for (size_t i = 0; i < violations->count && i < VIOLATIONS_MAXIMUM; i++) {
        const struct violation *violation = &violations->list[i];
        if (violation->position == position && strstr(violation->message, part)) return violation;
    }
    return NULL;
}

/* Expressions.  A node's text is its operator's or its name, enough for messages. */
static inline struct expression *node(struct arena *arena, enum expression_op op, const char *text)
{
    struct expression *expression = arena_allocate(arena, sizeof *expression);
    assert(expression);
    expression->op = op;
    expression->text = text_of(text);
    expression->prior = -1;
    expression->prior_mean = __builtin_nan("");
    return expression;
}

static inline struct expression *literal(struct arena *arena, struct value value)
{
    struct expression *expression = node(arena, EXPRESSION_LITERAL, "literal");
    expression->value = value;
    return expression;
}

static inline struct expression *number(struct arena *arena, double value)
{
    return literal(arena, (struct value){.type = VALUE_FLOAT, .number = value});
}

static inline struct expression *whole(struct arena *arena, int64_t value)
{
    return literal(arena, (struct value){.type = VALUE_INTEGER, .integer = value});
}

static inline struct expression *hours(struct arena *arena, int64_t count)
{
    return literal(arena, (struct value){.type = VALUE_DURATION, .integer = count * 3600000});
}

static inline struct expression *quoted(struct arena *arena, const char *text)
{
    return literal(arena, (struct value){.type = VALUE_TEXT, .text = text_of(text)});
}

static inline struct expression *item_field(struct arena *arena, const char *name)
{
    struct expression *expression = node(arena, EXPRESSION_FIELD, name);
    expression->subject = ENTITY_ITEM;
    expression->name = text_of(name);
    return expression;
}

static inline struct expression *bare(struct arena *arena, const char *name)
{
    struct expression *expression = node(arena, EXPRESSION_NAME, name);
    expression->name = text_of(name);
    return expression;
}

static inline struct expression *parameter(struct arena *arena, const char *name)
{
    struct expression *expression = node(arena, EXPRESSION_PARAMETER, name);
    expression->name = text_of(name);
    return expression;
}

static inline struct expression *subject_user(struct arena *arena)
{
    struct expression *expression = node(arena, EXPRESSION_SUBJECT, "user");
    expression->subject = ENTITY_USER;
    return expression;
}

static inline void set_operands(struct arena *arena, struct expression *expression, size_t count,
                                va_list operands)
{
    expression->operands = arena_array(arena, count + 1, sizeof *expression->operands);
    assert(expression->operands);
    expression->operand_count = count;
    for (size_t i = 0; i < count; i++)
        expression->operands[i] = va_arg(operands, struct expression *);
}

static inline struct expression *operation(struct arena *arena, enum expression_op op, int count,
                                           ...)
{
    struct expression *expression = node(arena, op, "operation");
    va_list operands;
    va_start(operands, count);
    set_operands(arena, expression, (size_t)count, operands);
    va_end(operands);
    return expression;
}

static inline struct expression *call(struct arena *arena, enum expression_function function,
                                      int count, ...)
{
    struct expression *expression =
        node(arena, EXPRESSION_CALL, expression_function_name(function));
    expression->function = function;
    va_list operands;
    va_start(operands, count);
    set_operands(arena, expression, (size_t)count, operands);
    va_end(operands);
    return expression;
}

/* 64 bits over all texts in order: equal schemas, equal fingerprints. */
static inline uint64_t schema_fingerprint(const struct schema *schema)
{
    uint64_t fingerprint = hash_u64(schema->text_count);
    for (size_t i = 0; i < schema->text_count; i++) {
        struct slice text = schema->texts[i];
        fingerprint = hash_u64(fingerprint ^ hash_bytes(text.data, text.bytes));
    }
    return fingerprint;
}

#endif
