/* WHY NOT: the steps of a slate once more, for one item, up to the first that keeps it out. */
#include "query/retrieve.h"

#include "entities/entities.h"

#include <stdio.h>

enum { WHY_GATE, WHY_EVIDENCE, WHY_RANK, WHY_SCORE };

struct answer {
    const char *gate;
    char evidence[EVIDENCE_BYTES + 256];
    size_t rank; /* 0: it has none */
    double score;
};

/* The part of a conjunction that is not true of the item: the first, from the left; NULL: all are.
 */
static enum code find_failing(struct slate *slate, const struct expression *where, ordinal item,
                              const struct expression **failing, bool *unknown, struct error *error)
{
    struct program *program;
    enum code code = CODE_OK;
    *failing = NULL;
    if (where->op == EXPRESSION_AND) {
        for (size_t i = 0; code == CODE_OK && !*failing && i < where->operand_count; i++)
            code = find_failing(slate, where->operands[i], item, failing, unknown, error);
        return code;
    }
    TRY(program_compile(where, &slate->scope, &program, error));
    struct program_result result = program_run(program, &item, 1);
    if (result.missing[0] || result.values[0] == 0) *failing = where;
    *unknown = result.missing[0];
    program_free(program);
out:
    return code;
}

static enum code judge_where(struct slate *slate, ordinal item, struct answer *answer,
                             struct error *error)
{
    const struct expression *failing;
    bool unknown;
    enum code code = CODE_OK;
    if (!slate->retrieve->where) return CODE_OK;
    TRY(find_failing(slate, slate->retrieve->where, item, &failing, &unknown, error));
    if (!failing) return CODE_OK;
    answer->gate = "where";
    snprintf(answer->evidence, sizeof answer->evidence, "'%.*s' is %s",
             text_cut(failing->text, 160), (const char *)failing->text.data,
             unknown ? "unknown: a value is missing" : "false");
out:
    return code;
}

static bool gates_keep_out(const struct slate *slate, ordinal item, struct answer *answer)
{
    for (size_t i = 0; i < slate->ranking->gate_count; i++) {
        const struct gate_definition *gate = &slate->ranking->gates[i];
        if (!gate_blocks(gate, &slate->scope, item, answer->evidence)) continue;
        answer->gate = gate_name(gate);
        return true;
    }
    return false;
}

static bool sources_leave_out(const struct slate *slate, ordinal item, struct answer *answer)
{
    if (candidates_find(&slate->candidates, item) != SIZE_MAX) return false;
    size_t used = 0, room = sizeof answer->evidence;
    answer->gate = "source";
    used += (size_t)snprintf(answer->evidence, room, "no source brought it in:");
    for (size_t i = 0; i < slate->ranking->source_count && used < room; i++) {
        struct slice text = slate->ranking->sources[i].text;
        used += (size_t)snprintf(answer->evidence + used, room - used, "%s %.*s", i > 0 ? "," : "",
                                 text_cut(text, 60), (const char *)text.data);
    }
    return true;
}

static size_t find_rank(const struct slate *slate, ordinal item)
{
    size_t rank = 0;
    while (slate->items[rank].item != item)
        rank++;
    return rank + 1;
}

static bool is_chosen(const struct slate *slate, ordinal item, size_t *place)
{
    for (size_t i = 0; i < slate->chosen_count; i++) {
        if (slate->chosen[i].item != item) continue;
        *place = (size_t)slate->offset + i + 1;
        return true;
    }
    return false;
}

/* Takes items in order until this one: is it a cap that leaves it out?  Else *place is its rank
 * among those that the caps let through. */
static enum code find_cap(const struct slate *slate, size_t rank, size_t *cap, size_t *place,
                          struct error *error)
{
    struct diversity diversity;
    size_t cap_count = slate->ranking->cap_count;
    struct id_map *counts = arena_array(slate->scope.arena, cap_count + 1, sizeof *counts);
    if (!counts) return error_no_memory(error, AREA_QUERY, 0);
    bool ok = true;
    diversity_init(&diversity, slate->request->view, slate->ranking->caps, cap_count, counts,
                   slate->scope.arena->memory);
    *place = 1;
    for (size_t i = 0; ok && i + 1 < rank; i++) {
        if (diversity_blocks(&diversity, slate->items[i].item) < cap_count) continue;
        ok = diversity_take(&diversity, slate->items[i].item);
        ++*place;
    }
    *cap = diversity_blocks(&diversity, slate->items[rank - 1].item);
    diversity_release(&diversity);
    return ok ? CODE_OK : error_no_memory(error, AREA_QUERY, 0);
}

static enum code judge_rank(const struct slate *slate, ordinal item, struct answer *answer,
                            struct error *error)
{
    size_t place = 0, cap = 0, room = sizeof answer->evidence;
    enum code code = CODE_OK;
    answer->rank = find_rank(slate, item);
    answer->score = slate->items[answer->rank - 1].score;
    if (is_chosen(slate, item, &place)) {
        answer->gate = "none";
        answer->rank = place;
        snprintf(answer->evidence, room, "it is in the slate, at place %zu", place);
        return CODE_OK;
    }
    TRY(find_cap(slate, answer->rank, &cap, &place, error));
    if (cap < slate->ranking->cap_count) {
        const struct cap_definition *definition = &slate->ranking->caps[cap];
        answer->gate = "diversify";
        snprintf(answer->evidence, room, "max %lld per %.*s: better items fill it",
                 (long long)definition->maximum, (int)definition->field.text.bytes,
                 (const char *)definition->field.text.data);
        return CODE_OK;
    }
    answer->gate = "rank";
    answer->rank = place;
    snprintf(answer->evidence, room, "%zu items rank higher; the slate ends at place %llu",
             place - 1, (unsigned long long)slate->offset + (unsigned long long)slate->limit);
    if (place <= slate->offset)
        snprintf(answer->evidence, room, "it ranks before OFFSET %llu",
                 (unsigned long long)slate->offset);
out:
    return code;
}

static enum code judge(struct slate *slate, ordinal item, struct answer *answer,
                       struct error *error)
{
    enum code code;
    if (!entities_live(slate->request->view->entities, ENTITY_ITEM, item)) {
        answer->gate = "deleted";
        snprintf(answer->evidence, sizeof answer->evidence, "the item was deleted, or never PUT");
        return CODE_OK;
    }
    if (gate_expired_blocks(&slate->scope, item, answer->evidence)) {
        answer->gate = "expired";
        return CODE_OK;
    }
    TRY(judge_where(slate, item, answer, error));
    if (!answer->gate && item == slate->scope.item) {
        answer->gate = "for";
        snprintf(answer->evidence, sizeof answer->evidence, "it is the item that the query is for");
    }
    if (answer->gate || gates_keep_out(slate, item, answer) ||
        sources_leave_out(slate, item, answer))
        return CODE_OK;
    slate_order(slate, slate->candidates.count);
    code = judge_rank(slate, item, answer, error);
out:
    return code;
}

static enum code find_item(const struct request *request, ordinal *item, struct error *error)
{
    const struct reference *reference = &request->statement->retrieve.why_not;
    struct entity_reference entity;
    enum code code;
    TRY(bind_reference(reference, request->bindings, &entity, error));
    *item = entities_find_reference(request->view->entities, &entity);
    if (*item != ORDINAL_NONE) return CODE_OK;
    if (entity.key.bytes > 0) {
        error_set(error, CODE_NOT_FOUND, AREA_QUERY, "there is no item KEY '%.*s'",
                  (int)(entity.key.bytes < 64 ? entity.key.bytes : 64),
                  (const char *)entity.key.data);
    } else {
        error_set(error, CODE_NOT_FOUND, AREA_QUERY, "there is no item %llu",
                  (unsigned long long)entity.id);
    }
    error_at(error, reference->operand.position);
    error_hint(error, "PUT it first");
    code = CODE_NOT_FOUND;
out:
    return code;
}

enum code why_not(const struct request *request, struct result *result, struct error *error)
{
    static const char *const columns[] = {"gate", "evidence", "rank", "score"};
    struct answer answer = {0};
    struct slate slate = {0};
    ordinal item;
    enum code code;
    bitset_init(&slate.eligible, request->arena->memory);
    TRY(find_item(request, &item, error));
    TRY(slate_build(&slate, request, error));
    TRY(judge(&slate, item, &answer, error));
    struct cell *row = result_init(result, request->arena, columns, 4) ? result_row(result) : NULL;
    if (!row || !cell_set_format(result, &row[WHY_GATE], "%s", answer.gate) ||
        !cell_set_format(result, &row[WHY_EVIDENCE], "%s", answer.evidence)) {
        code = error_no_memory(error, AREA_QUERY, 0);
        goto out;
    }
    if (answer.rank > 0) {
        cell_set_integer(&row[WHY_RANK], (int64_t)answer.rank);
        cell_set_double(&row[WHY_SCORE], answer.score);
    }
    result->lsn = request->view->lsn;
    result->now_ms = slate.scope.now_ms;
    result->seed = slate.seed;
out:
    slate_release(&slate);
    return code;
}
