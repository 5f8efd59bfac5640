#include "ranking/score.h"

#include "ranking/math.h"

#include <float.h>

#define OFFSET 0.001

struct scoring {
    struct program **programs; /* of the terms, then of the factors */
    size_t term_count, factor_count;
    double positive_weights, negative_weights;
    const char **names;
    size_t line_count;
};

double score_offset(double sum, double positive_weights, double negative_weights)
{
    if (sum >= 0) return sum + OFFSET;
    double shifted = sum + negative_weights;
    if (shifted <= 0) return 0;
    return shifted / (positive_weights + negative_weights) * OFFSET;
}

/* What a term's literal factors multiply to: 0.6 of `0.6 * x`, -0.8 of `-(0.8 * x)`, else 1. */
static double weight_of(const struct expression *term)
{
    switch (term->op) {
    case EXPRESSION_NEGATE:
        return -weight_of(term->operands[0]);
    case EXPRESSION_MULTIPLY:
        return math_clip(weight_of(term->operands[0]) * weight_of(term->operands[1]));
    case EXPRESSION_LITERAL:
        return term->type == TYPE_NUMBER ? term->low : 1;
    default:
        return 1;
    }
}

static char *spelling(struct arena *arena, const char *before, struct slice text)
{
    return arena_format(arena, "%s%.*s", before, (int)text.bytes, (const char *)text.data);
}

static enum code name_lines(struct scoring *scoring, const struct ranking_definition *ranking,
                            struct arena *arena, struct error *error)
{
    size_t terms = scoring->term_count > 0 ? scoring->term_count : 1;
    scoring->line_count = terms + (scoring->factor_count > 0) + scoring->factor_count;
    scoring->names = arena_array(arena, scoring->line_count, sizeof *scoring->names);
    if (!scoring->names) return error_no_memory(error, AREA_RANKING, 0);
    size_t line = 0;
    if (scoring->term_count == 0) scoring->names[line++] = "source";
    for (size_t i = 0; i < scoring->term_count; i++)
        scoring->names[line++] = spelling(arena, "", ranking->terms[i]->text);
    if (scoring->factor_count > 0) scoring->names[line++] = "offset";
    for (size_t i = 0; i < scoring->factor_count; i++)
        scoring->names[line++] = spelling(arena, "times ", ranking->factors[i]->text);
    for (size_t i = 0; i < line; i++)
        if (!scoring->names[i]) return error_no_memory(error, AREA_RANKING, 0);
    return CODE_OK;
}

/* So small that the sum of all weights stays finite. */
static void add_weight(struct scoring *scoring, double weight)
{
    const double most = DBL_MAX / (4 * LIMIT_TERMS);
    if (weight > most) weight = most;
    if (weight < -most) weight = -most;
    if (weight > 0) scoring->positive_weights += weight;
    if (weight < 0) scoring->negative_weights -= weight;
}

enum code scoring_compile(const struct ranking_definition *ranking, const struct scope *scope,
                          struct scoring **compiled, struct error *error)
{
    struct scoring *scoring = arena_allocate(scope->arena, sizeof *scoring);
    size_t count = ranking->term_count + ranking->factor_count;
    enum code code;
    *compiled = NULL;
    if (!scoring) return error_no_memory(error, AREA_RANKING, sizeof *scoring);
    scoring->programs = arena_array(scope->arena, count + 1, sizeof(struct program *));
    if (!scoring->programs) return error_no_memory(error, AREA_RANKING, 0);
    for (size_t i = 0; i < count; i++) {
        const struct expression *expression =
            i < ranking->term_count ? ranking->terms[i] : ranking->factors[i - ranking->term_count];
        TRY(program_compile(expression, scope, &scoring->programs[i], error));
        if (i < ranking->term_count) {
            scoring->term_count++;
            add_weight(scoring, weight_of(expression));
        } else {
            scoring->factor_count++;
        }
    }
    TRY(name_lines(scoring, ranking, scope->arena, error));
    *compiled = scoring;
    scoring = NULL;
out:
    scoring_free(scoring);
    return code;
}

void scoring_free(struct scoring *scoring)
{
    if (!scoring) return;
    for (size_t i = 0; i < scoring->term_count + scoring->factor_count; i++)
        program_free(scoring->programs[i]);
}

/* Lines of a batch, or nowhere. */
struct line_writer {
    double *lines;
    bool *missing;
    size_t width;
    size_t at; /* the line being written */
};

static void write_line(struct line_writer *out, size_t row, double line, bool missing)
{
    if (!out->lines) return;
    out->lines[row * out->width + out->at] = line;
    out->missing[row * out->width + out->at] = missing;
}

/* From `before` to `after`, both finite: the score that before and the line add up to. */
static double step(double before, double after, double *line)
{
    *line = math_clip(after - before);
    return math_clip(before + *line);
}

static void add_terms(struct scoring *scoring, const ordinal *items, size_t count, double *scores,
                      struct line_writer *out)
{
    for (size_t t = 0; t < scoring->term_count; t++, out->at++) {
        struct program_result term = program_run(scoring->programs[t], items, count);
        for (size_t i = 0; i < count; i++) {
            double line = term.missing[i] ? 0 : term.values[i], after = scores[i] + line;
            /* A sum that saturates adds only what there is room for. */
            scores[i] =
                math_clip(after) == after ? after : step(scores[i], math_clip(after), &line);
            write_line(out, i, line, term.missing[i]);
        }
    }
}

static void apply_offset(struct scoring *scoring, size_t count, double *scores,
                         struct line_writer *out)
{
    for (size_t i = 0; i < count; i++) {
        double line;
        double after =
            score_offset(scores[i], scoring->positive_weights, scoring->negative_weights);
        scores[i] = step(scores[i], after, &line);
        write_line(out, i, line, false);
    }
    out->at++;
}

static void apply_factors(struct scoring *scoring, const ordinal *items, size_t count,
                          double *scores, struct line_writer *out)
{
    for (size_t f = 0; f < scoring->factor_count; f++, out->at++) {
        struct program_result factor =
            program_run(scoring->programs[scoring->term_count + f], items, count);
        for (size_t i = 0; i < count; i++) {
            double line, times = factor.missing[i] ? 1 : factor.values[i];
            scores[i] = step(scores[i], math_clip(scores[i] * times), &line);
            write_line(out, i, line, factor.missing[i]);
        }
    }
}

void scoring_run(struct scoring *scoring, const ordinal *items, const double *base, size_t count,
                 struct score_columns columns)
{
    struct line_writer out = {columns.lines, columns.missing, scoring->line_count, 0};
    double *scores = columns.scores;
    for (size_t i = 0; i < count; i++)
        scores[i] = scoring->term_count > 0 ? 0 : base[i];
    if (scoring->term_count == 0) {
        for (size_t i = 0; i < count; i++)
            write_line(&out, i, scores[i], false);
        out.at++;
    }
    add_terms(scoring, items, count, scores, &out);
    if (scoring->factor_count > 0) apply_offset(scoring, count, scores, &out);
    apply_factors(scoring, items, count, scores, &out);
}

size_t scoring_line_count(const struct scoring *scoring)
{
    return scoring->line_count;
}

const char *scoring_line_name(const struct scoring *scoring, size_t index)
{
    return scoring->names[index];
}

bool scoring_line_estimated(const struct scoring *scoring, size_t index)
{
    size_t terms = scoring->term_count > 0 ? scoring->term_count : 1;
    if (index < terms)
        return scoring->term_count > 0 && program_is_estimated(scoring->programs[index]);
    /* The offset comes first. */
    size_t factor = index - terms;
    return factor > 0 && program_is_estimated(scoring->programs[scoring->term_count + factor - 1]);
}
