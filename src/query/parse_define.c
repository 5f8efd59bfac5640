/* DEFINE, DROP, RENAME of FIELD | EMBEDDING | SIGNAL | RELATION | CONTEXT | EXPOSURE | PROFILE.
 * Nothing is judged here: zero half-lives, reserved names and the like are the schema builder's,
 * which reports all of them. */
#include "query/parser.h"

#include "schema/names.h"

#include <math.h>
#include <stdio.h>

static enum code parse_field_type(struct parser *parser, enum field_type *type)
{
    static const struct {
        const char *word;
        enum field_type type;
    } types[] = {{"keyword", FIELD_KEYWORD},     {"text", FIELD_TEXT},
                 {"integer", FIELD_INTEGER},     {"float", FIELD_FLOAT},
                 {"boolean", FIELD_BOOLEAN},     {"timestamp", FIELD_TIMESTAMP},
                 {"references", FIELD_REFERENCE}};
    enum code code;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!parser_accept(parser, types[i].word)) continue;
        *type = types[i].type;
        if (*type != FIELD_KEYWORD || !parser_accept_symbol(parser, "[")) return CODE_OK;
        *type = FIELD_KEYWORD_LIST;
        return parser_expect_symbol(parser, "]");
    }
    code = parser_expected(parser, "the type of the field");
    error_hint(parser->error, "KEYWORD, KEYWORD[], TEXT, INTEGER, FLOAT, BOOLEAN, TIMESTAMP, "
                              "or REFERENCES item, user or creator");
    return code;
}

/* (analyzer = english, weight = 2) */
static enum code parse_field_options(struct parser *parser, struct field_definition *field)
{
    struct name analyzer;
    enum code code = CODE_OK;
    if (!parser_accept_symbol(parser, "(")) return CODE_OK;
    do {
        if (parser_accept(parser, "analyzer")) {
            TRY(parser_expect_symbol(parser, "="));
            TRY(parser_name(parser, "an analyzer", &analyzer));
            field->analyzer = analyzer.text;
        } else if (parser_accept(parser, "weight")) {
            TRY(parser_expect_symbol(parser, "="));
            TRY(parser_number(parser, &field->weight));
        } else {
            return parser_expected(parser, "analyzer or weight");
        }
    } while (parser_accept_symbol(parser, ","));
    code = parser_expect_symbol(parser, ")");
out:
    return code;
}

static enum code parse_on(struct parser *parser, struct name *name, const char *what,
                          enum entity_kind *kind)
{
    enum code code;
    TRY(parser_name(parser, what, name));
    TRY(parser_expect(parser, "ON"));
    code = parser_kind(parser, false, kind);
out:
    return code;
}

static enum code parse_field(struct parser *parser, struct field_definition *field)
{
    enum code code;
    field->weight = 1;
    TRY(parse_on(parser, &field->name, "a field", &field->kind));
    TRY(parse_field_type(parser, &field->type));
    if (field->type == FIELD_REFERENCE) TRY(parser_kind(parser, false, &field->references));
    field->expires = parser_accept(parser, "expires");
    code = parse_field_options(parser, field);
out:
    return code;
}

static enum code parse_embedding(struct parser *parser, struct embedding_definition *embedding)
{
    enum code code;
    TRY(parse_on(parser, &embedding->name, "an embedding", &embedding->kind));
    TRY(parser_expect(parser, "DIMENSIONS"));
    TRY(parser_integer(parser, &embedding->dimensions));
    if (!parser_accept(parser, "metric") || parser_accept(parser, "cosine")) {
        embedding->metric = METRIC_COSINE;
    } else if (parser_accept(parser, "dot")) {
        embedding->metric = METRIC_DOT;
    } else if (parser_accept(parser, "l2")) {
        embedding->metric = METRIC_L2;
    } else {
        return parser_expected(parser, "cosine, dot or l2");
    }
out:
    return code;
}

static enum code parse_durations(struct parser *parser, struct duration **durations, size_t *count)
{
    struct list list = {0};
    enum code code = CODE_OK;
    do {
        struct duration *duration = list_add(parser, &list, sizeof *duration);
        if (!duration) return parser_no_memory(parser);
        TRY(parser_duration(parser, duration));
    } while (parser_accept_symbol(parser, ","));
    *durations = list.items;
    *count = list.count;
out:
    return code;
}

static enum code parse_values(struct parser *parser, struct signal_definition *signal)
{
    enum code code = CODE_OK;
    signal->values = SIGNAL_VALUE_SUM;
    if (parser_accept(parser, "sum")) return CODE_OK;
    if (!parser_accept(parser, "min")) return CODE_OK;
    TRY(parser_expect(parser, "MAX"));
    signal->values = SIGNAL_VALUE_MIN_MAX;
out:
    return code;
}

static enum code parse_polarity(struct parser *parser, const char *bound_word, bool *given,
                                double *bound)
{
    *given = true;
    return parser_accept(parser, bound_word) ? parser_number(parser, bound) : CODE_OK;
}

/* item.category, region */
static enum code parse_item_fields(struct parser *parser, struct name **names, size_t *count)
{
    struct list list = {0};
    enum code code = CODE_OK;
    do {
        struct name *name = list_add(parser, &list, sizeof *name);
        if (!name) return parser_no_memory(parser);
        bool qualified = parser_accept(parser, "item");
        if (qualified) TRY(parser_expect_symbol(parser, "."));
        TRY(parser_name(parser, "a field of item", name));
    } while (parser_accept_symbol(parser, ","));
    *names = list.items;
    *count = list.count;
out:
    return code;
}

static const char *const signal_clauses[] = {
    "HALF",  "WINDOWS",  "VELOCITY", "LATENESS", "VALUE", "UNIQUE",
    "ALLOW", "POSITIVE", "NEGATIVE", "TRENDING", "CAP",   "SUBLINEAR",
    "TRUST", "POPULAR",  "PER",      "DISTINCT", "TOTALS"};

enum { CLAUSES = sizeof signal_clauses / sizeof *signal_clauses };

static enum code refuse_signal_clause(struct parser *parser)
{
    (void)parser_expected(parser, "a clause of the signal");
    error_hint(parser->error,
               "HALF LIFE 1h, WINDOWS 1h, 24h, VELOCITY 1h, LATENESS, TRENDING HALF LIFE, POPULAR, "
               "PER, DISTINCT USERS, TOTALS PER, VALUE, UNIQUE PER USER, POSITIVE, NEGATIVE, ...");
    parser_suggest(parser, parser->token.text, signal_clauses, CLAUSES);
    return CODE_INVALID;
}

/* One clause of a signal; each may stand once, in any order. */
static enum code parse_signal_clause(struct parser *parser, struct signal_definition *signal,
                                     unsigned *seen, bool *found)
{
    size_t clause = 0;
    enum code code = CODE_OK;
    while (clause < CLAUSES && !parser_at(parser, signal_clauses[clause]))
        clause++;
    *found = clause < CLAUSES;
    if (!*found) return CODE_OK;
    if (*seen & 1u << clause) return parser_expected(parser, "each clause once");
    *seen |= 1u << clause;
    parser_advance(parser);
    switch (clause) {
    case 0:
        TRY(parser_expect(parser, "LIFE"));
        return parse_durations(parser, &signal->half_lives, &signal->half_life_count);
    case 1:
        return parse_durations(parser, &signal->windows, &signal->window_count);
    case 2:
        return parse_durations(parser, &signal->velocities, &signal->velocity_count);
    case 3:
        return parser_duration(parser, &signal->lateness);
    case 4:
        return parse_values(parser, signal);
    case 5:
        signal->unique_per_user = true;
        TRY(parser_expect(parser, "PER"));
        return parser_expect(parser, "USER");
    case 6:
        signal->allow_unknown = true;
        return parser_expect(parser, "UNKNOWN");
    case 7:
        return parse_polarity(parser, "from", &signal->positive, &signal->positive_from);
    case 9:
        signal->trends = true;
        TRY(parser_expect(parser, "HALF"));
        TRY(parser_expect(parser, "LIFE"));
        return parser_duration(parser, &signal->trending);
    case 10:
        return parse_quotas(parser, signal);
    case 11:
        return parse_sublinear(parser, signal);
    case 12:
        return parse_trust(parser, signal);
    case 13:
        return parse_durations(parser, &signal->populars, &signal->popular_count);
    case 14:
        return parse_item_fields(parser, &signal->index_fields, &signal->index_field_count);
    case 15:
        signal->counts_distinct = true;
        TRY(parser_expect(parser, "USERS"));
        return parser_duration(parser, &signal->distinct);
    case 16:
        TRY(parser_expect(parser, "PER"));
        return parse_item_fields(parser, &signal->groups, &signal->group_count);
    default:
        return parse_polarity(parser, "below", &signal->negative, &signal->negative_below);
    }
out:
    return code;
}

static enum code parse_signal(struct parser *parser, uint64_t start,
                              struct signal_definition *signal)
{
    unsigned seen = 0;
    bool found = true;
    enum code code;
    signal->position = start;
    signal->lateness = (struct duration){(double)NAN, start};
    signal->positive_from = -HUGE_VAL;
    signal->negative_below = HUGE_VAL;
    TRY(parse_on(parser, &signal->name, "a signal", &signal->kind));
    while (found)
        TRY(parse_signal_clause(parser, signal, &seen, &found));
    if (parser->token.kind == TOKEN_WORD) code = refuse_signal_clause(parser);
out:
    return code;
}

static enum code parse_relation(struct parser *parser, struct relation_definition *relation)
{
    enum code code;
    TRY(parser_name(parser, "a relation", &relation->name));
    TRY(parser_expect(parser, "FROM"));
    TRY(parser_kind(parser, false, &relation->from));
    TRY(parser_expect(parser, "TO"));
    TRY(parser_kind(parser, false, &relation->to));
    relation->excluding = parser_accept(parser, "excluding");
out:
    return code;
}

static enum code parse_context(struct parser *parser, struct context_definition *context)
{
    enum code code;
    TRY(parser_name(parser, "a context", &context->name));
    code = parse_field_type(parser, &context->type);
out:
    return code;
}

/* ON item.creator HALF LIFE 6h */
static enum code parse_exposure(struct parser *parser, struct exposure_definition *exposure)
{
    enum code code;
    TRY(parser_expect(parser, "ON"));
    TRY(parser_kind(parser, false, &exposure->kind));
    TRY(parser_expect_symbol(parser, "."));
    TRY(parser_name(parser, "a field", &exposure->field));
    TRY(parser_expect(parser, "HALF"));
    TRY(parser_expect(parser, "LIFE"));
    code = parser_duration(parser, &exposure->half_life);
out:
    return code;
}

static enum code parse_profile(struct parser *parser, struct profile_definition *profile)
{
    enum code code;
    profile->version = -1;
    TRY(parser_name(parser, "a profile", &profile->name));
    if (parser_accept(parser, "version")) TRY(parser_integer(parser, &profile->version));
    TRY(parser_expect(parser, "AS"));
    code = parse_ranking(parser, &profile->ranking);
out:
    return code;
}

/* Takes one of these words. */
static enum code parse_definition_kind(struct parser *parser, enum definition_kind *kind)
{
    static const struct {
        const char *word;
        enum definition_kind kind;
    } kinds[] = {{"field", DEFINE_FIELD},     {"embedding", DEFINE_EMBEDDING},
                 {"signal", DEFINE_SIGNAL},   {"relation", DEFINE_RELATION},
                 {"context", DEFINE_CONTEXT}, {"exposure", DEFINE_EXPOSURE},
                 {"profile", DEFINE_PROFILE}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!parser_accept(parser, kinds[i].word)) continue;
        *kind = kinds[i].kind;
        return CODE_OK;
    }
    return parser_expected(
        parser, "FIELD, EMBEDDING, SIGNAL, RELATION, CONTEXT, EXPOSURE, PROFILE or CURSOR");
}

enum code parse_define(struct parser *parser, uint64_t start, struct definition *definition)
{
    enum code code;
    TRY(parse_definition_kind(parser, &definition->kind));
    switch (definition->kind) {
    case DEFINE_FIELD:
        return parse_field(parser, &definition->field);
    case DEFINE_EMBEDDING:
        return parse_embedding(parser, &definition->embedding);
    case DEFINE_SIGNAL:
        return parse_signal(parser, start, &definition->signal);
    case DEFINE_RELATION:
        return parse_relation(parser, &definition->relation);
    case DEFINE_CONTEXT:
        return parse_context(parser, &definition->context);
    case DEFINE_EXPOSURE:
        return parse_exposure(parser, &definition->exposure);
    case DEFINE_PROFILE:
        return parse_profile(parser, &definition->profile);
    }
out:
    return code;
}

/* The name of what is dropped or renamed, with the kind of entity that a field is of. */
static enum code parse_altered(struct parser *parser, enum definition_kind kind,
                               struct alteration *alteration)
{
    char what[32];
    enum code code;
    alteration->version = -1;
    if (kind == DEFINE_EXPOSURE) {
        TRY(parser_expect(parser, "ON"));
        TRY(parser_kind(parser, false, &alteration->kind));
        TRY(parser_expect_symbol(parser, "."));
        return parser_name(parser, "a field", &alteration->name);
    }
    snprintf(what, sizeof what, "%s %s", kind == DEFINE_EMBEDDING ? "an" : "a",
             definition_kind_name(kind));
    if (kind == DEFINE_FIELD || kind == DEFINE_EMBEDDING)
        return parse_on(parser, &alteration->name, what, &alteration->kind);
    code = parser_name(parser, what, &alteration->name);
out:
    return code;
}

enum code parse_drop(struct parser *parser, struct definition *definition)
{
    enum code code;
    definition->action = DEFINITION_DROP;
    TRY(parse_definition_kind(parser, &definition->kind));
    TRY(parse_altered(parser, definition->kind, &definition->alteration));
    if (definition->kind == DEFINE_PROFILE && parser_accept(parser, "version"))
        code = parser_integer(parser, &definition->alteration.version);
out:
    return code;
}

enum code parse_rename(struct parser *parser, struct definition *definition)
{
    enum code code;
    definition->action = DEFINITION_RENAME;
    if (parser_at(parser, "exposure") || parser_at(parser, "cursor"))
        return parser_expected(parser, "FIELD, EMBEDDING, SIGNAL, RELATION, CONTEXT or PROFILE");
    TRY(parse_definition_kind(parser, &definition->kind));
    TRY(parse_altered(parser, definition->kind, &definition->alteration));
    TRY(parser_expect(parser, "TO"));
    if (parser->token.kind != TOKEN_WORD) return parser_expected(parser, "a new name");
    code = parser_name(parser, "what is renamed", &definition->alteration.to);
out:
    return code;
}
