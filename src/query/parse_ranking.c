/* FROM ... SCORE ... TIMES ... EXCLUDE ... DIVERSIFY ...: the body of a profile, and of a RETRIEVE
 * that spells it out. */
#include "query/parser.h"

#include <math.h>
#include <string.h>

static const char later_sources[][12] = {"similar", "friends", "matching"};

static enum code parse_limit(struct parser *parser, struct source_definition *source)
{
    enum code code;
    if (!parser_accept_symbol(parser, ",")) return CODE_OK;
    TRY(parser_integer(parser, &source->limit));
out:
    return code;
}

/* item, user.recent(20), user.recent(like, 20) */
enum code parse_seeds(struct parser *parser, struct seed_items *seeds)
{
    enum code code;
    *seeds = (struct seed_items){.position = parser->token.position, .signal_id = ID_NONE};
    seeds->of_item = parser_accept(parser, "item");
    if (seeds->of_item) return CODE_OK;
    if (!parser_accept(parser, "user")) return parser_expected(parser, "item or user.recent(20)");
    TRY(parser_expect_symbol(parser, "."));
    TRY(parser_expect(parser, "RECENT"));
    TRY(parser_expect_symbol(parser, "("));
    if (parser->token.kind == TOKEN_WORD) {
        TRY(parser_name(parser, "a signal", &seeds->signal));
        TRY(parser_expect_symbol(parser, ","));
    }
    TRY(parser_integer(parser, &seeds->count));
    code = parser_expect_symbol(parser, ")");
out:
    return code;
}

/* genre = 'jazz', item.genre = $genre */
static enum code parse_source_value(struct parser *parser, struct source_definition *source)
{
    enum code code;
    bool qualified = parser_accept(parser, "item");
    if (qualified) TRY(parser_expect_symbol(parser, "."));
    TRY(parser_name(parser, "a field of item", &source->field));
    TRY(parser_expect_symbol(parser, "="));
    code = parse_sum(parser, &source->value);
out:
    return code;
}

/* view, 1h, genre = 'jazz', 200: what follows the signal may be left out, but for the duration of
 * popular */
static enum code parse_signal_source(struct parser *parser, enum source_kind kind,
                                     struct source_definition *source)
{
    enum code code;
    source->kind = kind;
    source->window = (struct duration){(double)NAN, source->position};
    TRY(parser_name(parser, "a signal", &source->signal));
    bool more = parser_accept_symbol(parser, ",");
    if (kind == SOURCE_POPULAR && !more) {
        code = parser_expected(parser, "',' and a half-life");
        error_hint(parser->error, "write popular(signal, half life), as in popular(view, 7d, 200)");
        return code;
    }
    bool has_duration = kind == SOURCE_POPULAR || (more && parser->token.kind != TOKEN_INTEGER &&
                                                   parser->token.kind != TOKEN_WORD);
    if (has_duration) {
        TRY(parser_duration(parser, &source->window));
        more = parser_accept_symbol(parser, ",");
    }
    if (more && parser->token.kind == TOKEN_WORD) {
        TRY(parse_source_value(parser, source));
        more = parser_accept_symbol(parser, ",");
    }
    if (more) code = parser_integer(parser, &source->limit);
out:
    return code;
}

/* user follows creator, 200 */
static enum code parse_related(struct parser *parser, struct source_definition *source)
{
    enum code code;
    source->kind = SOURCE_RELATED;
    TRY(parser_expect(parser, "USER"));
    TRY(parser_name(parser, "a relation", &source->relation));
    TRY(parser_kind(parser, false, &source->other));
    code = parse_limit(parser, source);
out:
    return code;
}

/* user.recent(like, 20), 400; item, 400 */
static enum code parse_coengaged(struct parser *parser, struct source_definition *source)
{
    enum code code;
    source->kind = SOURCE_COENGAGED;
    TRY(parse_seeds(parser, &source->seeds));
    code = parse_limit(parser, source);
out:
    return code;
}

static enum code parse_newest(struct parser *parser, struct source_definition *source)
{
    source->kind = SOURCE_NEWEST;
    return parser_integer(parser, &source->limit);
}

static enum code parse_source(struct parser *parser, struct source_definition *source)
{
    enum code code;
    *source = (struct source_definition){.position = parser->token.position, .limit = -1};
    for (size_t i = 0; i < sizeof later_sources / sizeof *later_sources; i++)
        if (parser_at(parser, later_sources[i]))
            return parser_unavailable(parser, later_sources[i],
                                      "use newest, trending, popular, related, coengaged or all");
    if (parser_accept(parser, "all")) {
        source->kind = SOURCE_ALL;
        source->text = parser_text_from(parser, source->position);
        return CODE_OK;
    }
    static const char *const words[] = {"newest", "trending", "popular", "related", "coengaged"};
    size_t word = 0, count = sizeof words / sizeof *words;
    while (word < count && !parser_accept(parser, words[word]))
        word++;
    if (word == count)
        return parser_expected(parser,
                               "a source (newest, trending, popular, related, coengaged or all)");
    TRY(parser_expect_symbol(parser, "("));
    TRY(word == 0   ? parse_newest(parser, source)
        : word == 1 ? parse_signal_source(parser, SOURCE_TRENDING, source)
        : word == 2 ? parse_signal_source(parser, SOURCE_POPULAR, source)
        : word == 3 ? parse_related(parser, source)
                    : parse_coengaged(parser, source));
    TRY(parser_expect_symbol(parser, ")"));
    source->text = parser_text_from(parser, source->position);
out:
    return code;
}

static enum code parse_sources(struct parser *parser, struct ranking_definition *ranking)
{
    struct list sources = {0};
    enum code code = CODE_OK;
    do {
        struct source_definition *source = list_add(parser, &sources, sizeof *source);
        if (!source) return parser_no_memory(parser);
        TRY(parse_source(parser, source));
    } while (parser_accept_symbol(parser, ","));
    ranking->sources = sources.items;
    ranking->source_count = sources.count;
out:
    return code;
}

static enum code parse_factors(struct parser *parser, struct ranking_definition *ranking)
{
    struct list factors = {0};
    enum code code = CODE_OK;
    while (parser_accept(parser, "times")) {
        struct expression **factor = list_add(parser, &factors, sizeof *factor);
        if (!factor) return parser_no_memory(parser);
        TRY(parse_sum(parser, factor));
    }
    ranking->factors = factors.items;
    ranking->factor_count = factors.count;
out:
    return code;
}

static enum code parse_gate(struct parser *parser, struct gate_definition *gate)
{
    enum code code = CODE_OK;
    *gate = (struct gate_definition){.position = parser->token.position};
    gate->age = (struct duration){(double)NAN, parser->token.position};
    if (parser_accept(parser, "seen")) {
        gate->kind = GATE_SEEN;
    } else if (parser_accept(parser, "served")) {
        gate->kind = GATE_SERVED;
    } else if (parser_accept(parser, "blocked")) {
        gate->kind = GATE_BLOCKED;
    } else if (parser_accept(parser, "hidden")) {
        gate->kind = GATE_HIDDEN;
    } else {
        return parser_expected(parser, "a gate (seen, served, blocked or hidden)");
    }
    bool has_age = gate->kind == GATE_SEEN || gate->kind == GATE_SERVED;
    if (!has_age || !parser_accept_symbol(parser, "(")) return CODE_OK;
    TRY(parser_duration(parser, &gate->age));
    code = parser_expect_symbol(parser, ")");
out:
    return code;
}

static enum code parse_gates(struct parser *parser, struct ranking_definition *ranking)
{
    struct list gates = {0};
    enum code code = CODE_OK;
    do {
        struct gate_definition *gate = list_add(parser, &gates, sizeof *gate);
        if (!gate) return parser_no_memory(parser);
        TRY(parse_gate(parser, gate));
    } while (parser_accept_symbol(parser, ","));
    ranking->gates = gates.items;
    ranking->gate_count = gates.count;
out:
    return code;
}

static enum code parse_cap(struct parser *parser, struct cap_definition *cap)
{
    enum code code;
    *cap = (struct cap_definition){.position = parser->token.position};
    if (parser_at(parser, "mmr"))
        return parser_unavailable(parser, "mmr", "cap values with DIVERSIFY max N per field");
    TRY(parser_expect(parser, "MAX"));
    TRY(parser_integer(parser, &cap->maximum));
    TRY(parser_expect(parser, "PER"));
    code = parser_name(parser, "a field", &cap->field);
out:
    return parser_form(parser, code, "max 2 per creator");
}

static enum code parse_caps(struct parser *parser, struct ranking_definition *ranking)
{
    struct list caps = {0};
    enum code code = CODE_OK;
    do {
        struct cap_definition *cap = list_add(parser, &caps, sizeof *cap);
        if (!cap) return parser_no_memory(parser);
        TRY(parse_cap(parser, cap));
    } while (parser_accept_symbol(parser, ","));
    ranking->caps = caps.items;
    ranking->cap_count = caps.count;
out:
    return code;
}

enum code parse_ranking(struct parser *parser, struct ranking_definition *ranking)
{
    struct list terms = {0};
    enum code code = CODE_OK;
    *ranking = (struct ranking_definition){0};
    if (parser_accept(parser, "from")) TRY(parse_sources(parser, ranking));
    if (parser_accept(parser, "score")) TRY(parse_terms(parser, &terms));
    ranking->terms = terms.items;
    ranking->term_count = terms.count;
    TRY(parse_factors(parser, ranking));
    if (parser_at(parser, "rescore"))
        return parser_unavailable(parser, "RESCORE", "leave the clause out");
    if (parser_accept(parser, "exclude")) TRY(parse_gates(parser, ranking));
    if (parser_accept(parser, "diversify")) TRY(parse_caps(parser, ranking));
    if (parser_at(parser, "explore"))
        return parser_unavailable(parser, "EXPLORE", "leave the clause out");
out:
    return code;
}
