#include "query/record.h"

#include "query/change_json.h"

#include <assert.h>

/* The parts of a ranking that say something of an item, each once. */
struct features {
    const struct expression *list[LIMIT_SLATE_FEATURES];
    size_t count;
    bool full;
};

static void add_feature(struct features *features, const struct expression *expression)
{
    for (size_t i = 0; i < features->count; i++)
        if (slice_equal(features->list[i]->text, expression->text)) return;
    if (features->count < LIMIT_SLATE_FEATURES) {
        features->list[features->count++] = expression;
    } else {
        features->full = true;
    }
}

/* Does the function read what is stored, or only compute with its arguments? */
static bool reads(enum expression_function function)
{
    switch (function) {
    case FUNCTION_SATURATE:
    case FUNCTION_LOG:
    case FUNCTION_LOG2:
    case FUNCTION_LOG10:
    case FUNCTION_SQRT:
    case FUNCTION_POW:
    case FUNCTION_ABS:
    case FUNCTION_MIN:
    case FUNCTION_MAX:
    case FUNCTION_CLAMP:
    case FUNCTION_COALESCE:
    case FUNCTION_IF:
        return false;
    default:
        return true;
    }
}

/* A tree has at most EXPRESSION_HEIGHT_MAXIMUM levels. */
static void gather(struct features *features, const struct expression *expression)
{
    bool is_leaf = expression->op == EXPRESSION_FIELD || expression->op == EXPRESSION_CONTEXT ||
                   (expression->op == EXPRESSION_CALL && reads(expression->function));
    bool is_number = expression->type == TYPE_NUMBER || expression->type == TYPE_BOOLEAN;
    if (is_leaf && is_number) add_feature(features, expression);
    for (size_t i = 0; !is_leaf && i < expression->operand_count; i++)
        gather(features, expression->operands[i]);
}

static enum code gather_all(const struct ranking_definition *ranking, struct features *features,
                            struct error *error)
{
    for (size_t i = 0; i < ranking->term_count; i++)
        gather(features, ranking->terms[i]);
    for (size_t i = 0; i < ranking->factor_count; i++)
        gather(features, ranking->factors[i]);
    if (!features->full) return CODE_OK;
    error_set(error, CODE_LIMIT, AREA_QUERY, "the ranking has more than %d features to record",
              LIMIT_SLATE_FEATURES);
    error_hint(error, "leave out FEATURES, or rank by fewer");
    return CODE_LIMIT;
}

/* Fills one feature of every item that was chosen. */
static enum code run_feature(struct slate *slate, const struct expression *expression,
                             size_t feature, double *values, struct served_item *items,
                             struct error *error)
{
    ordinal batch[PROGRAM_BATCH];
    struct program *program;
    enum code code;
    assert(slate->chosen_count <= PROGRAM_BATCH);
    TRY(program_compile(expression, &slate->scope, &program, error));
    for (size_t i = 0; i < slate->chosen_count; i++)
        batch[i] = slate->chosen[i].item;
    struct program_result result = {0};
    if (slate->chosen_count > 0) result = program_run(program, batch, slate->chosen_count);
    for (size_t i = 0; i < slate->chosen_count; i++) {
        if (result.missing[i]) {
            items[i].missing |= UINT64_C(1) << feature;
        } else {
            values[i] = result.values[i];
        }
    }
    program_free(program);
out:
    return code;
}

static enum code no_memory(struct error *error)
{
    return error_no_memory(error, AREA_QUERY, sizeof(struct served_item));
}

/* A copy that outlives the schema, cut where it is long. */
static bool copy_text(struct arena *arena, struct slice text, int most, struct slice *out)
{
    size_t bytes = (size_t)text_cut(text, most);
    const char *copy = arena_copy(arena, text.data, bytes);
    *out = slice_of(copy, bytes);
    return copy;
}

enum { TEXT_SHOWN = 256 };

/* `values` is feature by feature, and becomes item by item. */
static bool lay_out(struct arena *arena, const struct features *features, const double *values,
                    struct served_item *items, size_t item_count)
{
    double *rows = arena_array(arena, item_count * features->count + 1, sizeof *rows);
    if (!rows) return false;
    for (size_t i = 0; i < item_count; i++) {
        items[i].features = rows + i * features->count;
        for (size_t j = 0; j < features->count; j++)
            rows[i * features->count + j] = values[j * item_count + i];
    }
    return true;
}

static enum code record_features(struct slate *slate, struct slate_change *change,
                                 struct served_item *items, struct error *error)
{
    struct arena *arena = slate->request->arena;
    struct features *features = arena_allocate(arena, sizeof *features);
    enum code code;
    if (!features) return no_memory(error);
    TRY(gather_all(slate->ranking, features, error));
    struct slice *names = arena_array(arena, features->count + 1, sizeof *names);
    double *values = arena_array(arena, features->count * slate->chosen_count + 1, sizeof *values);
    if (!names || !values) return no_memory(error);
    for (size_t i = 0; i < features->count; i++) {
        if (!copy_text(arena, features->list[i]->text, TEXT_SHOWN, &names[i]))
            return no_memory(error);
        TRY(run_feature(slate, features->list[i], i, values + i * slate->chosen_count, items,
                        error));
    }
    change->features = names;
    change->feature_count = features->count;
    if (!lay_out(arena, features, values, items, slate->chosen_count)) code = no_memory(error);
out:
    return code;
}

static bool record_items(const struct slate *slate, struct slate_change *change,
                         struct served_item *items)
{
    struct arena *arena = slate->request->arena;
    size_t count = slate->ranking->source_count;
    struct slice *sources = arena_array(arena, count + 1, sizeof *sources);
    if (!sources) return false;
    for (size_t i = 0; i < count; i++)
        if (!copy_text(arena, slate->ranking->sources[i].text, TEXT_SHOWN, &sources[i]))
            return false;
    for (size_t i = 0; i < slate->chosen_count; i++) {
        const struct slate_item *chosen = &slate->chosen[i];
        items[i] = (struct served_item){.item = chosen->id, .score = chosen->score};
        if (count > 0) items[i].sources = slate->candidates.sources[chosen->candidate];
    }
    change->sources = sources;
    change->source_count = count;
    change->items = items;
    change->item_count = slate->chosen_count;
    return true;
}

/* Who, by what, from where. */
static enum code record_head(const struct slate *slate, struct slate_change *change,
                             struct error *error)
{
    const struct request *request = slate->request;
    const struct retrieve_statement *retrieve = slate->retrieve;
    struct slice surface = scope_surface(&slate->scope);
    enum code code = CODE_OK;
    if (surface.bytes > LIMIT_SURFACE_BYTES) {
        error_set(error, CODE_LIMIT, AREA_QUERY, "the surface has %zu bytes", surface.bytes);
        error_hint(error, "name it in at most %d", LIMIT_SURFACE_BYTES);
        return CODE_LIMIT;
    }
    *change = (struct slate_change){.has_user = retrieve->has_user,
                                    .seed = slate->seed,
                                    .now_ms = slate->scope.now_ms,
                                    .read_at = request->view->lsn,
                                    .offset = slate->offset,
                                    .surface = surface,
                                    .profile = retrieve->profile.text};
    if (retrieve->has_user)
        TRY(bind_reference(&retrieve->user, request->bindings, &change->user, error));
    if (change->profile.bytes > 0) {
        int64_t version = retrieve->version == -1 ? 0 : retrieve->version;
        change->version =
            schema_find_profile(request->view->schema, change->profile, (uint32_t)version)->version;
    }
    struct slice text = request->statement->text;
    change->query = slice_of(text.data, (size_t)text_cut(text, LIMIT_SLATE_QUERY));
out:
    return code;
}

enum code record_slate(struct slate *slate, const struct slate_change **recorded,
                       struct error *error)
{
    struct arena *arena = slate->request->arena;
    struct slate_change *change = arena_allocate(arena, sizeof *change);
    struct served_item *items = arena_array(arena, slate->chosen_count + 1, sizeof *items);
    enum code code;
    if (!change || !items) return no_memory(error);
    TRY(record_head(slate, change, error));
    if (!record_items(slate, change, items)) return no_memory(error);
    if (slate->retrieve->record_features) TRY(record_features(slate, change, items, error));
    *recorded = change;
out:
    return code;
}

/* --- Reading one back --- */

void record_sources(const struct slate_change *slate, const struct served_item *item,
                    struct buffer *out)
{
    size_t before = out->bytes;
    for (size_t i = 0; i < slate->source_count; i++) {
        if (!(item->sources >> i & 1)) continue;
        buffer_printf(out, "%s", out->bytes > before ? ", " : "");
        buffer_append(out, slate->sources[i].data, slate->sources[i].bytes);
    }
    if (slate->source_count == 0) buffer_printf(out, "all");
}

enum slate_column {
    SLATE_ID,
    SLATE_TIME,
    SLATE_USER,
    SLATE_USER_KEY,
    SLATE_PROFILE,
    SLATE_VERSION,
    SLATE_SURFACE,
    SLATE_SEED,
    SLATE_READ_AT,
    SLATE_QUERY,
    SLATE_POSITION,
    SLATE_ITEM,
    SLATE_SCORE,
    SLATE_SOURCE,
    SLATE_FEATURES,
    SLATE_COLUMNS
};

static bool set_text(struct result *result, struct cell *cell, struct slice text)
{
    return text.bytes == 0 || cell_set_text(result, cell, text);
}

static bool set_head(const struct slate_change *slate, lsn id, struct result *result,
                     struct cell *row)
{
    cell_set_id(&row[SLATE_ID], id);
    row[SLATE_TIME].type = CELL_TIMESTAMP;
    row[SLATE_TIME].integer = slate->now_ms;
    if (slate->has_user && slate->user.key.bytes == 0)
        cell_set_id(&row[SLATE_USER], slate->user.id);
    if (slate->profile.bytes > 0) cell_set_integer(&row[SLATE_VERSION], slate->version);
    cell_set_id(&row[SLATE_SEED], slate->seed);
    cell_set_id(&row[SLATE_READ_AT], slate->read_at);
    struct slice key = slate->has_user ? slate->user.key : (struct slice){0};
    return set_text(result, &row[SLATE_USER_KEY], key) &&
           set_text(result, &row[SLATE_PROFILE], slate->profile) &&
           set_text(result, &row[SLATE_SURFACE], slate->surface) &&
           set_text(result, &row[SLATE_QUERY], slate->query);
}

static bool set_item(const struct slate_change *slate, size_t index, struct result *result,
                     struct cell *row)
{
    const struct served_item *item = &slate->items[index];
    struct buffer text;
    cell_set_id(&row[SLATE_POSITION], slate->offset + index + 1);
    cell_set_id(&row[SLATE_ITEM], item->item);
    cell_set_double(&row[SLATE_SCORE], item->score);
    buffer_init(&text, result->arena->memory, (size_t)CHANGE_BYTES_MAXIMUM * 8);
    record_sources(slate, item, &text);
    bool ok = !text.failed && cell_set_text(result, &row[SLATE_SOURCE], buffer_slice(&text));
    if (ok && slate->feature_count > 0) {
        buffer_clear(&text);
        features_to_json(slate, item, &text);
        ok = !text.failed && cell_set_text(result, &row[SLATE_FEATURES], buffer_slice(&text));
    }
    buffer_release(&text);
    return ok;
}

bool record_rows(const struct slate_change *slate, lsn id, struct arena *arena,
                 struct result *result)
{
    static const char *const columns[SLATE_COLUMNS] = {
        "slate", "time",  "user",     "user_key", "profile", "version", "surface", "seed",
        "lsn",   "query", "position", "item",     "score",   "source",  "features"};
    size_t rows = slate->item_count > 0 ? slate->item_count : 1;
    bool ok = result_init(result, arena, columns, SLATE_COLUMNS);
    for (size_t i = 0; ok && i < rows; i++) {
        struct cell *row = result_row(result);
        ok = row && set_head(slate, id, result, row) &&
             (slate->item_count == 0 || set_item(slate, i, result, row));
    }
    return ok;
}
