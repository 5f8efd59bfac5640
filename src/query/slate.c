#include "query/slate.h"

#include "base/text.h"
#include "entities/entities.h"
#include "query/check.h"

#include <assert.h>

static struct value parameter(void *context, struct slice name)
{
    return bindings_get(context, name);
}

/* --- What the statement says --- */

static enum code find_user(struct slate *slate, struct error *error)
{
    struct entity_reference reference;
    enum code code;
    slate->scope.user = ORDINAL_NONE;
    if (!slate->retrieve->has_user) return CODE_OK;
    TRY(bind_reference(&slate->retrieve->user, slate->request->bindings, &reference, error));
    /* A user whom nobody has mentioned yet gets what a stranger gets. */
    slate->scope.user = entities_find_reference(slate->request->view->entities, &reference);
out:
    return code;
}

/* With an item that nobody has mentioned yet nothing goes. */
static enum code find_item(struct slate *slate, struct error *error)
{
    struct entity_reference reference;
    enum code code;
    slate->scope.item = ORDINAL_NONE;
    if (!slate->retrieve->has_item) return CODE_OK;
    TRY(bind_reference(&slate->retrieve->item, slate->request->bindings, &reference, error));
    slate->scope.item = entities_find_reference(slate->request->view->entities, &reference);
out:
    return code;
}

/* What CONTEXT gives; what it leaves out is missing. */
static enum code find_contexts(struct slate *slate, struct error *error)
{
    const struct retrieve_statement *retrieve = slate->retrieve;
    const struct schema *schema = slate->request->view->schema;
    struct value *values =
        arena_array(slate->request->arena, schema->context_count + 1, sizeof *values);
    enum code code = CODE_OK;
    if (!values) return error_no_memory(error, AREA_QUERY, 0);
    for (size_t i = 0; i < retrieve->context_count; i++) {
        const struct context *context;
        TRY(context_find(schema, &retrieve->contexts[i].name, &context, error));
        TRY(bind_context(&retrieve->contexts[i].operand, slate->request->bindings, context,
                         &values[context->id], error));
    }
    slate->scope.contexts = values;
out:
    return code;
}

/* The years 0001 to 9999, as of all times: what is subtracted from NOW then cannot overflow. */
static bool is_a_time(int64_t time_ms)
{
    return time_ms >= INT64_C(-62135596800000) && time_ms <= INT64_C(253402300799999);
}

static enum code find_now(struct slate *slate, struct error *error)
{
    const struct request *request = slate->request;
    int64_t watermark_ms = request->view->watermark_ms;
    enum code code = CODE_OK;
    slate->scope.now_ms = request->clock_ms > watermark_ms ? request->clock_ms : watermark_ms;
    bool is_given = slate->retrieve->now.kind != OPERAND_NONE;
    if (is_given)
        TRY(bind_time(&slate->retrieve->now, request->bindings, "NOW", &slate->scope.now_ms,
                      error));
    if (request->goes_on && slate->scope.now_ms < watermark_ms) slate->scope.now_ms = watermark_ms;
    if (!is_a_time(slate->scope.now_ms)) {
        error_set(error, CODE_INVALID, AREA_QUERY, "NOW is outside the years 0001 to 9999");
        error_at(error, is_given ? slate->retrieve->now.position : slate->retrieve->as_of.position);
        error_hint(error, "write '2026-11-01T10:00:00Z' or milliseconds since 1970");
        return CODE_INVALID;
    }
    if (slate->scope.now_ms < watermark_ms) {
        char now[TIME_TEXT_BYTES], newest[TIME_TEXT_BYTES];
        time_format(slate->scope.now_ms, now);
        time_format(watermark_ms, newest);
        error_set(error, CODE_INVALID, AREA_QUERY, "NOW %s is before the newest event, at %s", now,
                  newest);
        error_at(error, slate->retrieve->now.position);
        error_hint(error, "use a later time, or ask AS OF the earlier one");
        code = CODE_INVALID;
    }
out:
    return code;
}

static enum code find_numbers(struct slate *slate, struct error *error)
{
    const struct retrieve_statement *retrieve = slate->retrieve;
    const struct bindings *bindings = slate->request->bindings;
    enum code code = CODE_OK;
    slate->limit = STATEMENT_LIMIT_DEFAULT;
    if (retrieve->limit.kind != OPERAND_NONE)
        TRY(bind_u64(&retrieve->limit, bindings, "LIMIT", &slate->limit, error));
    if (retrieve->offset.kind != OPERAND_NONE)
        TRY(bind_u64(&retrieve->offset, bindings, "OFFSET", &slate->offset, error));
    if (retrieve->seed.kind != OPERAND_NONE)
        TRY(bind_u64(&retrieve->seed, bindings, "SEED", &slate->seed, error));
    if (slate->limit > STATEMENT_LIMIT_MAXIMUM) {
        error_set(error, CODE_LIMIT, AREA_QUERY, "LIMIT %llu is above %d",
                  (unsigned long long)slate->limit, STATEMENT_LIMIT_MAXIMUM);
        error_at(error, retrieve->limit.position);
        error_hint(error, "ask for pages with OFFSET");
        code = CODE_LIMIT;
    }
out:
    return code;
}

static enum code prepare(struct slate *slate, struct error *error)
{
    enum code code;
    const struct schema *schema = slate->request->view->schema;
    TRY(ranking_find(slate->retrieve, schema, &slate->ranking, error));
    TRY(retrieve_check(slate->retrieve, schema, slate->request->arena, error));
    TRY(item_check(slate->retrieve, slate->ranking, error));
    TRY(find_user(slate, error));
    TRY(find_item(slate, error));
    TRY(find_contexts(slate, error));
    TRY(find_now(slate, error));
    code = find_numbers(slate, error);
out:
    return code;
}

/* --- Eligible, scored, chosen --- */

static enum code cancelled(const struct slate *slate, struct error *error)
{
    if (!slate->request->cancelled || !atomic_load(slate->request->cancelled)) return CODE_OK;
    return error_set(error, CODE_CANCELLED, AREA_QUERY, "the statement was cancelled");
}

static enum code find_eligible(struct slate *slate, struct error *error)
{
    const struct view *view = slate->request->view;
    enum code code = CODE_OK;
    if (!entities_filter_live(view->entities, ENTITY_ITEM, &slate->eligible))
        return error_no_memory(error, AREA_QUERY, 0);
    slate->live_count = entities_live_count(view->entities, ENTITY_ITEM);
    if (!gate_expired(&slate->scope, &slate->eligible))
        return error_no_memory(error, AREA_QUERY, 0);
    slate->unexpired_count = (size_t)bitset_count(&slate->eligible);
    if (slate->retrieve->where) {
        TRY(program_compile(slate->retrieve->where, &slate->scope, &slate->where, error));
        gate_where(slate->where, &slate->eligible);
    }
    slate->where_count = (size_t)bitset_count(&slate->eligible);
    if (slate->scope.item != ORDINAL_NONE) bitset_unset(&slate->eligible, slate->scope.item);
    for (size_t i = 0; i < slate->ranking->gate_count; i++)
        gate_apply(&slate->ranking->gates[i], &slate->scope, &slate->eligible);
    slate->gated_count = (size_t)bitset_count(&slate->eligible);
    code = cancelled(slate, error);
out:
    return code;
}

/* Score, newer, lower id: a total order. */
static bool ranks_before(const struct slate_item *a, const struct slate_item *b)
{
    if (a->score != b->score) return a->score > b->score;
    if (a->created_ms != b->created_ms) return a->created_ms > b->created_ms;
    return a->id < b->id;
}

/* What is not in order yet is a heap, whose root is the last of the items and whose last leaf is
 * the first behind those in order: so the two can swap.  Few slates need more than a few hundred of
 * their candidates in order. */
static struct slate_item *heap_at(struct slate *slate, size_t index)
{
    return &slate->items[slate->candidates.count - 1 - index];
}

static void swap_items(struct slate_item *a, struct slate_item *b)
{
    struct slate_item swap = *a;
    *a = *b;
    *b = swap;
}

static void sift_down(struct slate *slate, size_t at)
{
    size_t heap_count = slate->candidates.count - slate->ordered_count;
    for (size_t child = 2 * at + 1; child < heap_count; child = 2 * at + 1) {
        if (child + 1 < heap_count &&
            ranks_before(heap_at(slate, child + 1), heap_at(slate, child)))
            child++;
        if (!ranks_before(heap_at(slate, child), heap_at(slate, at))) return;
        swap_items(heap_at(slate, at), heap_at(slate, child));
        at = child;
    }
}

static void begin_order(struct slate *slate)
{
    slate->ordered_count = 0;
    for (size_t at = slate->candidates.count / 2; at-- > 0;)
        sift_down(slate, at);
}

void slate_order(struct slate *slate, size_t count)
{
    assert(count <= slate->candidates.count);
    while (slate->ordered_count < count) {
        swap_items(heap_at(slate, 0), &slate->items[slate->ordered_count++]);
        sift_down(slate, 0);
    }
}

static enum code score_all(struct slate *slate, struct error *error)
{
    struct candidates *candidates = &slate->candidates;
    const struct entities *entities = slate->request->view->entities;
    double scores[PROGRAM_BATCH];
    enum code code;
    TRY(scoring_compile(slate->ranking, &slate->scope, &slate->scoring, error));
    slate->items = arena_array(slate->scope.arena, candidates->count, sizeof *slate->items);
    if (!slate->items) return error_no_memory(error, AREA_QUERY, candidates->count);
    for (size_t start = 0; start < candidates->count; start += PROGRAM_BATCH) {
        size_t left = candidates->count - start;
        size_t count = left < PROGRAM_BATCH ? left : PROGRAM_BATCH;
        TRY(cancelled(slate, error));
        scoring_run(slate->scoring, candidates->items + start, candidates->base + start, count,
                    (struct score_columns){.scores = scores});
        for (size_t i = 0; i < count; i++) {
            ordinal item = candidates->items[start + i];
            slate->items[start + i] =
                (struct slate_item){.score = scores[i],
                                    .created_ms = entities_created_ms(entities, ENTITY_ITEM, item),
                                    .id = entities_id(entities, ENTITY_ITEM, item),
                                    .item = item,
                                    .candidate = (uint32_t)(start + i)};
        }
    }
    begin_order(slate);
out:
    return code;
}

static enum code choose_items(struct slate *slate, struct error *error)
{
    struct diversity diversity;
    size_t cap_count = slate->ranking->cap_count, taken = 0;
    struct id_map *counts = arena_array(slate->scope.arena, cap_count + 1, sizeof *counts);
    slate->chosen =
        arena_array(slate->scope.arena, (size_t)slate->limit + 1, sizeof *slate->chosen);
    if (!counts || !slate->chosen) return error_no_memory(error, AREA_QUERY, 0);
    bool ok = true;
    diversity_init(&diversity, slate->request->view, slate->ranking->caps, cap_count, counts,
                   slate->scope.arena->memory);
    for (size_t i = 0; ok && i < slate->candidates.count && slate->chosen_count < slate->limit;
         i++) {
        const struct slate_item *item = &slate->items[i];
        slate_order(slate, i + 1);
        if (diversity_blocks(&diversity, item->item) < cap_count) {
            slate->capped_count++;
            continue;
        }
        ok = diversity_take(&diversity, item->item);
        if (taken++ >= slate->offset) slate->chosen[slate->chosen_count++] = *item;
    }
    diversity_release(&diversity);
    return ok ? CODE_OK : error_no_memory(error, AREA_QUERY, 0);
}

enum code slate_gate(struct slate *slate, const struct request *request, struct error *error)
{
    enum code code;
    *slate = (struct slate){.request = request, .retrieve = &request->statement->retrieve};
    slate->scope = (struct scope){.view = request->view,
                                  .user = ORDINAL_NONE,
                                  .item = ORDINAL_NONE,
                                  .arena = request->arena,
                                  .parameter = parameter,
                                  .parameter_context = NULL};
    union { /* the callback's context is not const, the bindings are */
        const struct bindings *lent;
        void *context;
    } bindings = {request->bindings};
    slate->scope.parameter_context = bindings.context;
    bitset_init(&slate->eligible, request->arena->memory);
    TRY(prepare(slate, error));
    candidates_init(&slate->candidates, &slate->scope, &slate->eligible, slate->retrieve->where);
    code = find_eligible(slate, error);
out:
    return code;
}

enum code slate_build(struct slate *slate, const struct request *request, struct error *error)
{
    enum code code;
    TRY(slate_gate(slate, request, error));
    slate->page_limit = slate->limit;
    if (slate->retrieve->paged) slate->limit = STATEMENT_LIMIT_MAXIMUM;
    TRY(candidates_draw(&slate->candidates, slate->ranking, error));
    TRY(score_all(slate, error));
    code = choose_items(slate, error);
out:
    return code;
}

void slate_release(struct slate *slate)
{
    program_free(slate->where);
    scoring_free(slate->scoring);
    if (slate->candidates.eligible) candidates_release(&slate->candidates);
    bitset_release(&slate->eligible);
}

void slate_lines(struct slate *slate, const struct slate_item *item, double *lines, bool *missing)
{
    double score;
    scoring_run(slate->scoring, &item->item, &slate->candidates.base[item->candidate], 1,
                (struct score_columns){&score, lines, missing});
}
