#include "query/retrieve.h"

#include "base/text.h"
#include "behaviour/quota.h"
#include "entities/entities.h"
#include "query/check.h"
#include "query/number.h"
#include "query/page.h"
#include "query/record.h"
#include "signals/backfill.h"

#include <inttypes.h>
#include <stdio.h>

static enum code no_memory(struct error *error)
{
    error_set(error, CODE_NO_MEMORY, AREA_QUERY, "the result needs more memory than it may have");
    error_hint(error, "ask for fewer rows or columns, or raise memory_limit_bytes");
    return CODE_NO_MEMORY;
}

/* --- RETRIEVE --- */

static const struct returning returning_default[] = {
    {RETURNING_ID, {{(const uint8_t *)"id", 2}, 0}},
    {RETURNING_SCORE, {{(const uint8_t *)"score", 5}, 0}},
};

static enum code find_columns(const struct slate *slate, struct result *result,
                              struct column **columns, struct error *error)
{
    struct arena *arena = slate->request->arena;
    const struct returning *returning = slate->retrieve->returning;
    size_t count = slate->retrieve->returning_count;
    enum code code;
    if (!returning) {
        returning = returning_default;
        count = sizeof returning_default / sizeof *returning_default;
    }
    const char **names = arena_array(arena, count, sizeof *names);
    *columns = arena_array(arena, count, sizeof **columns);
    if (!names || !*columns) return no_memory(error);
    for (size_t i = 0; i < count; i++) {
        TRY(column_find(slate->request->view->schema, &returning[i], &(*columns)[i], error));
        names[i] = arena_copy(arena, returning[i].name.text.data, returning[i].name.text.bytes);
        if (!names[i]) return no_memory(error);
    }
    code = result_init(result, arena, names, count) ? CODE_OK : no_memory(error);
out:
    return code;
}

static bool set_field(const struct slate *slate, struct result *result, const struct column *column,
                      ordinal item, struct cell *cell)
{
    const struct entities *entities = slate->request->view->entities;
    struct slice space[LIMIT_LIST_VALUES];
    if (column->field) {
        struct value value =
            entities_value(entities, column->field, item, space, LIMIT_LIST_VALUES);
        return cell_set_value(result, cell, &value);
    }
    struct value value = {.type = VALUE_VECTOR};
    value.vector.numbers = entities_vector(entities, column->embedding, item);
    value.vector.dimensions = column->embedding->dimensions;
    return !value.vector.numbers || cell_set_value(result, cell, &value);
}

/* newest(100), trending(view, 1h, 200) */
static bool set_sources(const struct slate *slate, struct result *result,
                        const struct slate_item *item, struct cell *cell)
{
    uint32_t sources = slate->candidates.sources[item->candidate];
    struct buffer text;
    buffer_init(&text, slate->request->arena->memory, (size_t)2 * STATEMENT_BYTES_MAXIMUM);
    for (size_t i = 0; i < slate->ranking->source_count; i++) {
        struct slice name = slate->ranking->sources[i].text;
        if (!(sources & 1u << i)) continue;
        buffer_printf(&text, "%s%.*s", text.bytes > 0 ? ", " : "", (int)name.bytes,
                      (const char *)name.data);
    }
    if (slate->ranking->source_count == 0) buffer_printf(&text, "all");
    bool ok = !text.failed && cell_set_text(result, cell, buffer_slice(&text));
    buffer_release(&text);
    return ok;
}

/* [{"step":"0.6 * affinity(user, item.genres)","value":0.31}, ...] */
static bool set_explanation(struct slate *slate, struct result *result,
                            const struct slate_item *item, struct cell *cell)
{
    size_t count = scoring_line_count(slate->scoring);
    double *lines = arena_array(slate->request->arena, count, sizeof *lines);
    bool *missing = arena_array(slate->request->arena, count, sizeof *missing);
    struct buffer text;
    if (!lines || !missing) return false;
    slate_lines(slate, item, lines, missing);
    buffer_init(&text, slate->request->arena->memory, (size_t)1 << 24);
    buffer_put_u8(&text, '[');
    for (size_t i = 0; i < count; i++) {
        const char *name = scoring_line_name(slate->scoring, i);
        buffer_printf(&text, "%s{\"step\":", i > 0 ? "," : "");
        json_quote(&text, slice_of(name, strlen(name)));
        char number[DOUBLE_TEXT_BYTES];
        double_format(lines[i], number);
        buffer_printf(&text, ",\"value\":%s%s%s}", number, missing[i] ? ",\"missing\":true" : "",
                      scoring_line_estimated(slate->scoring, i) ? ",\"estimated\":true" : "");
    }
    buffer_put_u8(&text, ']');
    bool ok = !text.failed && cell_set_text(result, cell, buffer_slice(&text));
    buffer_release(&text);
    return ok;
}

static bool set_cell(struct slate *slate, struct result *result, const struct column *column,
                     size_t index, struct cell *cell)
{
    const struct slate_item *item = &slate->chosen[index];
    switch (column->kind) {
    case RETURNING_ID:
        cell_set_id(cell, item->id);
        return true;
    case RETURNING_KEY: {
        struct slice key = entities_key(slate->request->view->entities, ENTITY_ITEM, item->item);
        return key.bytes == 0 || cell_set_text(result, cell, key);
    }
    case RETURNING_SCORE:
        cell_set_double(cell, item->score);
        return true;
    case RETURNING_RANK:
        cell_set_integer(cell, (int64_t)(slate->offset + index + 1));
        return true;
    case RETURNING_SLATE: /* is known once the slate is logged */
        cell_set_id(cell, 0);
        return true;
    case RETURNING_SOURCE:
        return set_sources(slate, result, item, cell);
    case RETURNING_EXPLAIN:
        return set_explanation(slate, result, item, cell);
    case RETURNING_FIELD:
        return set_field(slate, result, column, item->item, cell);
    }
    return false;
}

static enum code fill_rows(struct slate *slate, struct result *result, struct error *error)
{
    struct column *columns;
    enum code code;
    TRY(find_columns(slate, result, &columns, error));
    for (size_t i = 0; i < slate->chosen_count; i++) {
        struct cell *row = result_row(result);
        if (!row) return no_memory(error);
        for (size_t j = 0; j < result->column_count; j++)
            if (!set_cell(slate, result, &columns[j], i, &row[j])) return no_memory(error);
    }
out:
    return code;
}

/* --- EXPLAIN --- */

enum { EXPLAIN_SECTION, EXPLAIN_RANK, EXPLAIN_ID, EXPLAIN_STEP, EXPLAIN_VALUE, EXPLAIN_NOTE };

static bool plan_row(struct result *result, const char *step, size_t value, const char *note)
{
    struct cell *row = result_row(result);
    if (!row) return false;
    cell_set_integer(&row[EXPLAIN_VALUE], (int64_t)value);
    return cell_set_format(result, &row[EXPLAIN_SECTION], "plan") &&
           cell_set_format(result, &row[EXPLAIN_STEP], "%s", step) &&
           cell_set_format(result, &row[EXPLAIN_NOTE], "%s", note);
}

static bool explain_plan(const struct slate *slate, struct result *result)
{
    const struct ranking_definition *ranking = slate->ranking;
    bool ok = plan_row(result, "alive", slate->live_count, "items");
    char step[256];
    if (ok && schema_find_expiry(slate->request->view->schema))
        ok = plan_row(result, "expired", slate->unexpired_count, "items left");
    if (ok && slate->retrieve->where) {
        struct slice where = slate->retrieve->where->text;
        snprintf(step, sizeof step, "where %.*s", text_cut(where, 200), (const char *)where.data);
        ok = plan_row(result, step, slate->where_count, "items left");
    }
    if (ok && ranking->gate_count > 0)
        ok = plan_row(result, "exclude", slate->gated_count, "items left");
    for (size_t i = 0; ok && i < ranking->source_count; i++) {
        struct slice text = ranking->sources[i].text;
        snprintf(step, sizeof step, "from %.*s", text_cut(text, 200), (const char *)text.data);
        ok = plan_row(result, step, slate->candidates.source_counts[i], "candidates");
    }
    ok = ok && plan_row(result, "scored", slate->candidates.count, "distinct candidates");
    if (ok && ranking->cap_count > 0)
        ok = plan_row(result, "diversify", slate->capped_count, "items left out by caps");
    return ok && plan_row(result, "slate", slate->chosen_count, "items");
}

static bool score_row(struct result *result, int64_t rank, entity_id id, const char *step,
                      double value, const char *note)
{
    struct cell *row = result_row(result);
    if (!row) return false;
    cell_set_integer(&row[EXPLAIN_RANK], rank);
    cell_set_id(&row[EXPLAIN_ID], id);
    cell_set_double(&row[EXPLAIN_VALUE], value);
    return cell_set_format(result, &row[EXPLAIN_SECTION], "score") &&
           cell_set_text(result, &row[EXPLAIN_STEP], slice_of(step, strlen(step))) &&
           cell_set_format(result, &row[EXPLAIN_NOTE], "%s", note);
}

static bool explain_item(struct slate *slate, struct result *result, size_t index)
{
    const struct slate_item *item = &slate->chosen[index];
    int64_t rank = (int64_t)(slate->offset + index + 1);
    size_t count = scoring_line_count(slate->scoring);
    double *lines = arena_array(slate->request->arena, count, sizeof *lines);
    bool *missing = arena_array(slate->request->arena, count, sizeof *missing);
    if (!lines || !missing) return false;
    slate_lines(slate, item, lines, missing);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) {
        bool estimated = scoring_line_estimated(slate->scoring, i);
        ok = score_row(result, rank, item->id, scoring_line_name(slate->scoring, i), lines[i],
                       missing[i]  ? "missing"
                       : estimated ? "estimated"
                                   : "");
    }
    return ok && score_row(result, rank, item->id, "= score", item->score, "the sum of the lines");
}

static enum code explain(struct slate *slate, struct result *result, struct error *error)
{
    static const char *const columns[] = {"section", "rank", "id", "step", "value", "note"};
    bool ok = result_init(result, slate->request->arena, columns, 6) && explain_plan(slate, result);
    for (size_t i = 0; ok && i < slate->chosen_count; i++)
        ok = explain_item(slate, result, i);
    return ok ? CODE_OK : no_memory(error);
}

static void stamp(const struct slate *slate, struct result *result)
{
    result->lsn = slate->request->view->lsn;
    result->now_ms = slate->scope.now_ms;
    result->seed = slate->seed;
}

enum code retrieve(const struct request *request, struct result *result, struct error *error)
{
    struct slate slate;
    enum code code;
    TRY(slate_build(&slate, request, error));
    if (slate.retrieve->paged && !page_split(&slate, slate.page_limit, request->rest))
        TRY(no_memory(error));
    TRY(slate.retrieve->explain ? explain(&slate, result, error)
                                : fill_rows(&slate, result, error));
    stamp(&slate, result);
    if (slate.retrieve->record && request->recorded)
        code = record_slate(&slate, request->recorded, error);
out:
    slate_release(&slate);
    return code;
}

enum code retrieve_page(const struct request *request, struct page_rest *rest, uint64_t limit,
                        struct result *result, struct error *error)
{
    struct slate slate;
    enum code code;
    TRY(page_build(&slate, request, rest, limit, error));
    TRY(fill_rows(&slate, result, error));
    stamp(&slate, result);
out:
    slate_release(&slate);
    return code;
}

/* --- SHOW --- */

static bool show_profiles(const struct view *view, struct result *result)
{
    const struct schema *schema = view->schema;
    for (size_t i = 0; i < schema->profile_count; i++) {
        const struct profile *profile = &schema->profiles[i];
        if (profile->dropped) continue;
        struct cell *row = result_row(result);
        if (!row || !cell_set_text(result, &row[0], profile->name) ||
            !cell_set_text(result, &row[2], profile->text))
            return false;
        cell_set_integer(&row[1], profile->version);
    }
    return true;
}

static bool set_durations(struct result *result, struct cell *cell, const int64_t *list,
                          size_t count)
{
    struct buffer text;
    buffer_init(&text, result->arena->memory, 4096);
    for (size_t i = 0; i < count; i++) {
        char duration[32];
        duration_format(list[i], duration);
        buffer_printf(&text, "%s%s", i > 0 ? ", " : "", duration);
    }
    bool ok = !text.failed && cell_set_text(result, cell, buffer_slice(&text));
    buffer_release(&text);
    return ok;
}

/* As they were defined: "3 per item per 1h, 100 per 24h, sublinear per 24h, trust" */
static bool set_limits(struct result *result, struct cell *cell, const struct signal *signal)
{
    static const char *const kinds[] = {"cap", "cap", "sublinear"};
    struct buffer text;
    buffer_init(&text, result->arena->memory, 4096);
    for (int kind = 0; kind < QUOTA_KIND_COUNT; kind++) {
        char duration[DURATION_TEXT_BYTES];
        if (signal->quota_ms[kind] == 0) continue;
        duration_format(signal->quota_ms[kind], duration);
        buffer_printf(&text, "%s%s", text.bytes > 0 ? ", " : "", kinds[kind]);
        if (kind != QUOTA_SUBLINEAR) buffer_printf(&text, " %u", signal->quota_maximum[kind]);
        if (kind == QUOTA_SUBJECT) buffer_printf(&text, " per %s", entity_kind_name(signal->kind));
        buffer_printf(&text, " per %s", duration);
    }
    if (signal->trusts) buffer_printf(&text, "%strust", text.bytes > 0 ? ", " : "");
    bool ok = !text.failed && cell_set_text(result, cell, buffer_slice(&text));
    buffer_release(&text);
    return ok;
}

/* "exact", "backfill: 40 % of 12345 entries", "exact from 2026-11-01T10:00:00Z" */
static bool set_state(struct result *result, struct cell *cell, const struct view *view,
                      const struct signal *signal)
{
    struct backfill_state state = backfill_state(view->ledger, signal->id, view->watermark_ms);
    char time[TIME_TEXT_BYTES];
    if (state.is_due && view->backfill_total == 0)
        return cell_set_format(result, cell, "backfill: waits");
    if (state.is_due)
        return cell_set_format(
            result, cell, "backfill: %d %% of %" PRIu64 " entries",
            (int)(100.0 * (double)view->backfill_read / (double)view->backfill_total),
            view->backfill_total);
    if (!state.is_estimated) return cell_set_format(result, cell, "exact");
    time_format(state.since_ms, time);
    return cell_set_format(result, cell, "exact from %s", time);
}

static bool show_signals(const struct view *view, struct result *result)
{
    const struct schema *schema = view->schema;
    for (size_t i = 0; i < schema->signal_count; i++) {
        const struct signal *signal = &schema->signals[i];
        const char *kind = entity_kind_name(signal->kind);
        if (signal->dropped) continue;
        struct cell *row = result_row(result);
        if (!row || !cell_set_text(result, &row[0], signal->name) ||
            !cell_set_format(result, &row[1], "%s", kind) ||
            !set_durations(result, &row[2], signal->half_life_ms, signal->half_life_count) ||
            !set_durations(result, &row[3], signal->window_ms, signal->window_count) ||
            !cell_set_format(result, &row[4], "%s%s%s%s", signal->unique_per_user ? "unique " : "",
                             signal->positive ? "positive " : "",
                             signal->negative ? "negative " : "",
                             signal->builtin ? "built-in" : "") ||
            !set_limits(result, &row[5], signal) || !set_state(result, &row[7], view, signal))
            return false;
        uint64_t capped = quota_capped(view->quota, signal->id);
        cell_set_integer(&row[6], capped < INT64_MAX ? (int64_t)capped : INT64_MAX);
    }
    return true;
}

static bool add_field(struct result *result, enum entity_kind kind, struct slice name,
                      const char *type)
{
    struct cell *row = result_row(result);
    return row && cell_set_format(result, &row[0], "%s", entity_kind_name(kind)) &&
           cell_set_text(result, &row[1], name) && cell_set_format(result, &row[2], "%s", type);
}

/* Everything that a PUT's object may name, with the word of its definition. */
static bool show_fields(const struct view *view, struct result *result)
{
    const struct schema *schema = view->schema;
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        const char *type = field->expires ? "timestamp expires" : field_type_name(field->type);
        if (field->dropped) continue;
        if (!add_field(result, field->kind, field->name, type)) return false;
    }
    for (size_t i = 0; i < schema->embedding_count; i++) {
        const struct embedding *embedding = &schema->embeddings[i];
        if (embedding->dropped) continue;
        if (!add_field(result, embedding->kind, embedding->name, "embedding")) return false;
    }
    return true;
}

static bool show_relations(const struct view *view, struct result *result)
{
    const struct schema *schema = view->schema;
    for (size_t i = 0; i < schema->relation_count; i++) {
        const struct relation *relation = &schema->relations[i];
        if (relation->dropped) continue;
        struct cell *row = result_row(result);
        if (!row || !cell_set_text(result, &row[0], relation->name) ||
            !cell_set_format(result, &row[1], "%s", entity_kind_name(relation->from)) ||
            !cell_set_format(result, &row[2], "%s", entity_kind_name(relation->to)) ||
            !cell_set_format(result, &row[3], "%s", relation->excluding ? "excluding" : ""))
            return false;
    }
    return true;
}

/* What stands, with the names of now. */
static bool show_texts(const struct view *view, struct result *result)
{
    const struct schema *schema = view->schema;
    for (size_t i = 0; i < schema->definition_count; i++) {
        struct cell *row = result_row(result);
        if (!row || !cell_set_text(result, row, schema->definitions[i].text)) return false;
    }
    return true;
}

enum code show(const struct request *request, struct result *result, struct error *error)
{
    static const struct {
        const char *columns[8];
        size_t column_count;
        bool (*fill)(const struct view *view, struct result *result);
    } tables[SHOW_KIND_COUNT] = {
        [SHOW_SCHEMA] = {{"definition"}, 1, show_texts},
        [SHOW_FIELDS] = {{"kind", "field", "type"}, 3, show_fields},
        [SHOW_SIGNALS] = {{"signal", "target", "half_lives", "windows", "properties", "limits",
                           "capped", "state"},
                          8,
                          show_signals},
        [SHOW_RELATIONS] = {{"relation", "from", "to", "properties"}, 4, show_relations},
        [SHOW_PROFILES] = {{"profile", "version", "definition"}, 3, show_profiles},
    };
    enum show_kind kind = request->statement->show;
    bool ok =
        result_init(result, request->arena, tables[kind].columns, tables[kind].column_count) &&
        tables[kind].fill(request->view, result);
    result->lsn = request->view->lsn;
    return ok ? CODE_OK : no_memory(error);
}
