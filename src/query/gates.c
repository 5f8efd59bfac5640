#include "query/gates.h"

#include "base/text.h"
#include "base/time_window.h"
#include "behaviour/behaviour.h"
#include "behaviour/served.h"
#include "entities/entities.h"
#include "relations/edges.h"

#include <math.h>
#include <stdio.h>

static int64_t after_of(const struct gate_definition *gate, const struct scope *scope)
{
    if (isnan(gate->age.milliseconds)) return INT64_MIN;
    return window_after_ms(scope->now_ms, (int64_t)gate->age.milliseconds);
}

/* Seen and hidden: walk what the user did, not the items. */
static void take_out_behaviour(const struct gate_definition *gate, const struct scope *scope,
                               struct bitset *items)
{
    int64_t after_ms = after_of(gate, scope);
    const void *position = NULL;
    struct behaviour_item item;
    while (behaviour_next_item(scope->view->behaviour, scope->user, &position, &item)) {
        bool seen = item.seen.count > 0 && item.seen.newest_ms > after_ms;
        if (gate->kind == GATE_HIDDEN ? item.hidden : seen) bitset_unset(items, item.item);
    }
}

struct slice scope_surface(const struct scope *scope)
{
    const struct context *context =
        schema_find_context(scope->view->schema, slice_of("surface", sizeof "surface" - 1));
    if (!context || context->type != FIELD_KEYWORD || !scope->contexts) return (struct slice){0};
    const struct value *value = &scope->contexts[context->id];
    return value->type == VALUE_TEXT ? value->text : (struct slice){0};
}

static const struct served_entry *served_here(const struct scope *scope, size_t *count)
{
    return served_entries(scope->view->served, scope->user, scope_surface(scope), count);
}

static void take_out_served(const struct gate_definition *gate, const struct scope *scope,
                            struct bitset *items)
{
    int64_t after_ms = after_of(gate, scope);
    size_t count;
    const struct served_entry *entries = served_here(scope, &count);
    for (size_t i = 0; i < count; i++)
        if (entries[i].time_ms > after_ms) bitset_unset(items, entries[i].item);
}

static bool has_excluding_edges(const struct scope *scope)
{
    const struct schema *schema = scope->view->schema;
    for (size_t i = 0; i < schema->relation_count; i++) {
        const struct relation *relation = &schema->relations[i];
        if (!relation->excluding) continue;
        if (relation->from == ENTITY_USER &&
            edges_out_count(scope->view->edges, relation->id, scope->user) > 0)
            return true;
        if (relation->to == ENTITY_USER &&
            edges_in_count(scope->view->edges, relation->id, scope->user) > 0)
            return true;
    }
    return false;
}

/* What stands between the user and the item: an edge to the item itself, or to what it refers to.
 */
struct block {
    relation_id relation;
    const struct field *field; /* NULL: the item itself */
    entity_id other;
};

static bool find_block(const struct scope *scope, ordinal item, struct block *block)
{
    const struct view *view = scope->view;
    *block = (struct block){0};
    if (edges_excluded(view->edges, scope->user, ENTITY_ITEM, item, &block->relation)) {
        block->other = entities_id(view->entities, ENTITY_ITEM, item);
        return true;
    }
    for (size_t i = 0; i < view->schema->field_count; i++) {
        const struct field *field = &view->schema->fields[i];
        if (field->kind != ENTITY_ITEM || field->type != FIELD_REFERENCE) continue;
        struct value value = entities_value(view->entities, field, item, NULL, 0);
        if (value.type != VALUE_REFERENCE) continue;
        ordinal other = entities_find(view->entities, field->references, value.reference);
        if (other == ORDINAL_NONE ||
            !edges_excluded(view->edges, scope->user, field->references, other, &block->relation))
            continue;
        block->field = field;
        block->other = value.reference;
        return true;
    }
    return false;
}

static void take_out_blocked(const struct scope *scope, struct bitset *items)
{
    struct block block;
    if (!has_excluding_edges(scope)) return;
    for (uint32_t item = bitset_next(items, 0); item != UINT32_MAX;
         item = bitset_next(items, item + 1))
        if (find_block(scope, item, &block)) bitset_unset(items, item);
}

void gate_apply(const struct gate_definition *gate, const struct scope *scope, struct bitset *items)
{
    if (scope->user == ORDINAL_NONE) return;
    if (gate->kind == GATE_BLOCKED) {
        take_out_blocked(scope, items);
    } else if (gate->kind == GATE_SERVED) {
        take_out_served(gate, scope, items);
    } else {
        take_out_behaviour(gate, scope, items);
    }
}

static bool seen_blocks(const struct gate_definition *gate, const struct scope *scope, ordinal item,
                        char evidence[EVIDENCE_BYTES])
{
    struct behaviour_seen seen;
    char when[TIME_TEXT_BYTES];
    if (!behaviour_seen(scope->view->behaviour, scope->user, item, &seen) ||
        seen.newest_ms <= after_of(gate, scope))
        return false;
    time_format(seen.newest_ms, when);
    snprintf(evidence, EVIDENCE_BYTES, "seen by the user %u time%s, last at %s", seen.count,
             seen.count == 1 ? "" : "s", when);
    return true;
}

static bool served_blocks(const struct gate_definition *gate, const struct scope *scope,
                          ordinal item, char evidence[EVIDENCE_BYTES])
{
    int64_t after_ms = after_of(gate, scope);
    char when[TIME_TEXT_BYTES];
    size_t count;
    const struct served_entry *entries = served_here(scope, &count);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].item != item || entries[i].time_ms <= after_ms) continue;
        time_format(entries[i].time_ms, when);
        snprintf(evidence, EVIDENCE_BYTES,
                 "served to the user in slate %llu, at position %u, at %s",
                 (unsigned long long)entries[i].slate, entries[i].position, when);
        return true;
    }
    return false;
}

static bool hidden_blocks(const struct scope *scope, ordinal item, char evidence[EVIDENCE_BYTES])
{
    int64_t since_ms;
    char when[TIME_TEXT_BYTES];
    if (!behaviour_hidden(scope->view->behaviour, scope->user, item, &since_ms)) return false;
    time_format(since_ms, when);
    snprintf(evidence, EVIDENCE_BYTES, "hidden by the user at %s", when);
    return true;
}

static bool blocked_blocks(const struct scope *scope, ordinal item, char evidence[EVIDENCE_BYTES])
{
    struct block block;
    if (!find_block(scope, item, &block)) return false;
    const struct relation *relation = &scope->view->schema->relations[block.relation];
    enum entity_kind kind = block.field ? block.field->references : ENTITY_ITEM;
    snprintf(evidence, EVIDENCE_BYTES, "relation '%.*s' lies between the user and %s %llu",
             (int)relation->name.bytes, (const char *)relation->name.data, entity_kind_name(kind),
             (unsigned long long)block.other);
    return true;
}

bool gate_blocks(const struct gate_definition *gate, const struct scope *scope, ordinal item,
                 char evidence[EVIDENCE_BYTES])
{
    if (scope->user == ORDINAL_NONE) return false;
    switch (gate->kind) {
    case GATE_SEEN:
        return seen_blocks(gate, scope, item, evidence);
    case GATE_HIDDEN:
        return hidden_blocks(scope, item, evidence);
    case GATE_BLOCKED:
        return blocked_blocks(scope, item, evidence);
    case GATE_SERVED:
        return served_blocks(gate, scope, item, evidence);
    }
    return false;
}

/* --- Expired: every RETRIEVE obeys it, without being told to --- */

bool gate_expired(const struct scope *scope, struct bitset *items)
{
    const struct field *field = schema_find_expiry(scope->view->schema);
    struct value now = {.type = VALUE_TIMESTAMP, .integer = scope->now_ms};
    struct bitset expired;
    if (!field) return true;
    bitset_init(&expired, scope->arena->memory);
    bool ok = entities_filter(scope->view->entities, field, COMPARE_LESS_EQUAL, &now, &expired);
    if (ok) bitset_and_not(items, &expired);
    bitset_release(&expired);
    return ok;
}

bool gate_expired_blocks(const struct scope *scope, ordinal item, char evidence[EVIDENCE_BYTES])
{
    const struct field *field = schema_find_expiry(scope->view->schema);
    char since[TIME_TEXT_BYTES];
    if (!field) return false;
    struct value time = entities_value(scope->view->entities, field, item, NULL, 0);
    if (time.type != VALUE_TIMESTAMP || time.integer > scope->now_ms) return false;
    time_format(time.integer, since);
    snprintf(evidence, EVIDENCE_BYTES, "'%.*s' is %s: it has expired", (int)field->name.bytes,
             (const char *)field->name.data, since);
    return true;
}

const char *gate_name(const struct gate_definition *gate)
{
    static const char *const names[] = {"seen", "blocked", "hidden", "served"};
    return names[gate->kind];
}

void gate_where(struct program *where, struct bitset *items)
{
    ordinal batch[PROGRAM_BATCH];
    uint32_t next = bitset_next(items, 0);
    while (next != UINT32_MAX) {
        size_t count = 0;
        for (; next != UINT32_MAX && count < PROGRAM_BATCH; next = bitset_next(items, next + 1))
            batch[count++] = next;
        struct program_result result = program_run(where, batch, count);
        for (size_t i = 0; i < count; i++)
            if (result.missing[i] || result.values[i] == 0) bitset_unset(items, batch[i]);
    }
}
