#include "schema/mentions.h"

#include <string.h>

struct collector {
    const struct schema *schema;
    struct slice text, written;
    struct mention *list;
    size_t count, capacity;
    bool failed; /* no memory */
};

/* Where a name lies in the text; false: it does not. */
static bool find_offset(struct slice name, struct slice text, size_t *offset)
{
    uintptr_t start = (uintptr_t)name.data, base = (uintptr_t)text.data;
    if (name.bytes > text.bytes || start < base || start - base > text.bytes - name.bytes)
        return false;
    *offset = start - base;
    return true;
}

static void add(struct collector *collector, enum definition_kind kind, uint32_t id,
                struct slice name)
{
    size_t offset = 0;
    bool found = find_offset(name, collector->text, &offset) ||
                 find_offset(name, collector->written, &offset);
    if (collector->failed) return;
    if (collector->count == collector->capacity) {
        size_t capacity = collector->capacity > 0 ? 2 * collector->capacity : 4;
        struct mention *grown = arena_array(collector->schema->arena, capacity, sizeof *grown);
        collector->failed = !grown;
        if (!grown) return;
        if (collector->count > 0) memcpy(grown, collector->list, collector->count * sizeof *grown);
        collector->list = grown;
        collector->capacity = capacity;
    }
    size_t at = collector->count++;
    for (; at > 0 && collector->list[at - 1].offset > offset; at--)
        collector->list[at] = collector->list[at - 1];
    collector->list[at] = (struct mention){kind, id, offset, found ? name.bytes : 0};
}

static void add_item_field(struct collector *collector, struct slice name)
{
    const struct field *field = schema_find_field(collector->schema, ENTITY_ITEM, name);
    if (field) add(collector, DEFINE_FIELD, field->id, name);
}

static void add_signal(struct collector *collector, struct slice name)
{
    const struct signal *signal = schema_find_signal(collector->schema, name);
    if (signal) add(collector, DEFINE_SIGNAL, signal->id, name);
}

static void add_relation(struct collector *collector, struct slice name)
{
    const struct relation *relation = schema_find_relation(collector->schema, name);
    if (relation) add(collector, DEFINE_RELATION, relation->id, name);
}

static void walk(struct collector *collector, const struct expression *expression);

/* A name among the arguments is a signal's, or of `related` a relation's; what follows that is the
 * word for a kind of entity. */
static void walk_call(struct collector *collector, const struct expression *call)
{
    bool related = call->function == FUNCTION_RELATED;
    if (call->prior_field.bytes > 0) add_item_field(collector, call->prior_field);
    if (call->seeds && call->seeds->signal.text.bytes > 0)
        add_signal(collector, call->seeds->signal.text);
    for (size_t i = 0; i < call->operand_count; i++) {
        const struct expression *argument = call->operands[i];
        bool is_name = argument->type == TYPE_NAME;
        if (related && i == 1) {
            add_relation(collector, argument->name);
        } else if (is_name) {
            add_signal(collector, argument->name);
        } else if (!related) {
            walk(collector, argument);
        }
    }
}

/* The parser bounds the height. */
static void walk(struct collector *collector, const struct expression *expression)
{
    const struct schema *schema = collector->schema;
    if (expression->op == EXPRESSION_CALL) {
        walk_call(collector, expression);
        return;
    }
    if (expression->op == EXPRESSION_CONTEXT) {
        const struct context *context = schema_find_context(schema, expression->name);
        if (context) add(collector, DEFINE_CONTEXT, context->id, expression->name);
    } else if (expression->op == EXPRESSION_FIELD) {
        const struct field *field =
            schema_find_field(schema, expression->subject, expression->name);
        if (field) add(collector, DEFINE_FIELD, field->id, expression->name);
    }
    for (size_t i = 0; i < expression->operand_count; i++)
        walk(collector, expression->operands[i]);
}

static void walk_ranking(struct collector *collector, const struct ranking_definition *ranking)
{
    for (size_t i = 0; i < ranking->source_count; i++) {
        const struct source_definition *source = &ranking->sources[i];
        if (source->signal.text.bytes > 0) add_signal(collector, source->signal.text);
        if (source->field.text.bytes > 0) add_item_field(collector, source->field.text);
        if (source->relation.text.bytes > 0) add_relation(collector, source->relation.text);
        if (source->seeds.signal.text.bytes > 0) add_signal(collector, source->seeds.signal.text);
    }
    for (size_t i = 0; i < ranking->term_count; i++)
        walk(collector, ranking->terms[i]);
    for (size_t i = 0; i < ranking->factor_count; i++)
        walk(collector, ranking->factors[i]);
    for (size_t i = 0; i < ranking->cap_count; i++)
        add_item_field(collector, ranking->caps[i].field.text);
}

static uint32_t collect_signal(struct collector *collector,
                               const struct signal_definition *definition)
{
    const struct signal *signal = schema_find_signal(collector->schema, definition->name.text);
    add(collector, DEFINE_SIGNAL, signal->id, definition->name.text);
    for (size_t i = 0; i < definition->index_field_count; i++)
        add_item_field(collector, definition->index_fields[i].text);
    for (size_t i = 0; i < definition->group_count; i++)
        add_item_field(collector, definition->groups[i].text);
    if (definition->trusts)
        add(collector, DEFINE_FIELD, signal->trust_field, definition->trust.text);
    return signal->id;
}

/* The id of what was defined. */
static uint32_t collect(struct collector *collector, const struct definition *definition)
{
    const struct schema *schema = collector->schema;
    struct slice name;
    uint32_t id = 0;
    switch (definition->kind) {
    case DEFINE_FIELD:
        name = definition->field.name.text;
        id = schema_find_field(schema, definition->field.kind, name)->id;
        break;
    case DEFINE_EMBEDDING:
        name = definition->embedding.name.text;
        id = schema_find_embedding(schema, definition->embedding.kind, name)->id;
        break;
    case DEFINE_SIGNAL:
        return collect_signal(collector, &definition->signal);
    case DEFINE_RELATION:
        name = definition->relation.name.text;
        id = schema_find_relation(schema, name)->id;
        break;
    case DEFINE_CONTEXT:
        name = definition->context.name.text;
        id = schema_find_context(schema, name)->id;
        break;
    case DEFINE_EXPOSURE:
        name = definition->exposure.field.text;
        id = schema_find_field(schema, definition->exposure.kind, name)->id;
        add(collector, DEFINE_FIELD, id, name);
        return id;
    case DEFINE_PROFILE:
        name = definition->profile.name.text;
        id = (uint32_t)schema->profile_count - 1;
        walk_ranking(collector, &schema->profiles[id].ranking);
        break;
    }
    add(collector, definition->kind, id, name);
    return id;
}

/* A signal that is defined anew names what it did: its definition takes the place of the one
 * before, ahead of those that name the signal. */
static struct defined *place_for(struct schema *schema, enum definition_kind kind, uint32_t id)
{
    for (size_t i = 0; i < schema->definition_count; i++) {
        struct defined *defined = &schema->definitions[i];
        if (defined->kind == kind && defined->id == id) return defined;
    }
    return &schema->definitions[schema->definition_count++];
}

bool mentions_note(struct schema *schema, const struct definition *definition, struct slice written)
{
    struct collector collector = {.schema = schema, .text = definition->text, .written = written};
    uint32_t id = collect(&collector, definition);
    if (collector.failed) return false;
    *place_for(schema, definition->kind, id) = (struct defined){.kind = definition->kind,
                                                                .id = id,
                                                                .text = definition->text,
                                                                .mentions = collector.list,
                                                                .mention_count = collector.count};
    return true;
}

bool mentions_has(const struct defined *defined, enum definition_kind kind, uint32_t id)
{
    for (size_t i = 0; i < defined->mention_count; i++)
        if (defined->mentions[i].kind == kind && defined->mentions[i].id == id) return true;
    return false;
}
