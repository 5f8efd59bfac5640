/* Columns of the user's own: how near an item is to what was liked lately, how much of its kind was
 * shown, what goes with it, what was said of it, and who is tied to it.
 *
 *   affinity      sum of w_i over recent positives i that have the topic / over all that have any;
 *                 w_i = 2^(-(T - t_i)/H), or 1 without a half-life
 *   exposure      what is kept of the topic (behaviour/exposure.c)
 *   coengagement  what coengaged.c gathers
 *
 * The first two are means over the item's topics, the values of its field.  The weights of topics,
 * or of items, are looked up once, when the program is compiled. */
#include "ranking/program_private.h"

#include "base/time_window.h"
#include "behaviour/behaviour.h"
#include "behaviour/exposure.h"
#include "entities/entities.h"
#include "ranking/coengaged.h"
#include "ranking/math.h"

static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static double number_of(const uint64_t *bits)
{
    double number = 0;
    if (bits) memcpy(&number, bits, sizeof number);
    return number;
}

/* The topics of an item: codes of its keywords, or an id. */
struct topics {
    const uint32_t *codes; /* NULL: it is `reference` */
    entity_id reference;
    size_t count;
};

static struct topics topics_of(const struct entities *entities, const struct field *field,
                               ordinal item)
{
    struct topics topics = {0};
    if (field->type == FIELD_REFERENCE) {
        struct value value = entities_value(entities, field, item, NULL, 0);
        topics.count = value.type == VALUE_REFERENCE;
        if (topics.count > 0) topics.reference = value.reference;
    } else {
        topics.codes = entities_codes(entities, field, item, &topics.count);
    }
    return topics;
}

static enum code emit(struct compiler *compiler, struct instruction *instruction, bool ok,
                      uint32_t *at)
{
    enum code code = ok ? compiler_emit(compiler, instruction, at) : compiler_no_memory(compiler);
    if (code != CODE_OK) id_map_release(instruction->weights);
    return code;
}

static bool new_weights(const struct scope *scope, struct instruction *instruction)
{
    instruction->weights = arena_allocate(scope->arena, sizeof *instruction->weights);
    if (instruction->weights) id_map_init(instruction->weights, scope->arena->memory);
    return instruction->weights;
}

/* Weighs, for each topic, the user's recent positives that have it; half_life_ms 0: alike. */
static bool weigh_positives(const struct scope *scope, int64_t half_life_ms,
                            struct instruction *instruction)
{
    struct id_map *weights = instruction->weights;
    size_t count = 0;
    const struct behaviour_recent *recent =
        behaviour_positives(scope->view->behaviour, scope->user, &count);
    for (size_t i = 0; i < count; i++) {
        struct topics topics = topics_of(scope->view->entities, instruction->field, recent[i].item);
        double age_ms = (double)scope->now_ms - (double)recent[i].time_ms;
        bool decays = half_life_ms > 0 && age_ms > 0;
        double weight = decays ? math_exp2(-age_ms / (double)half_life_ms) : 1;
        for (size_t j = 0; j < topics.count; j++) {
            uint64_t key = topics.codes ? topics.codes[j] : topics.reference;
            double sum = number_of(id_map_find(weights, key)) + weight;
            if (!id_map_put(weights, key, bits_of(sum))) return false;
        }
        if (topics.count > 0) instruction->number += weight;
    }
    return true;
}

enum code compile_affinity(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    const struct scope *scope = &compiler->program->scope;
    struct instruction instruction = {.op = OP_TOPICS,
                                      .field = &scope->view->schema->fields[call->field]};
    int64_t half_life_ms = call->operand_count == 3 ? call->operands[2]->value.integer : 0;
    if (!new_weights(scope, &instruction)) return compiler_no_memory(compiler);
    bool ok = scope->user == ORDINAL_NONE || weigh_positives(scope, half_life_ms, &instruction);
    return emit(compiler, &instruction, ok, at);
}

enum code compile_exposure(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    const struct scope *scope = &compiler->program->scope;
    struct instruction instruction = {
        .op = OP_TOPICS, .field = &scope->view->schema->fields[call->field], .number = 1};
    struct exposure_reading readings[EXPOSURE_SLOTS];
    size_t count = 0;
    bool ok = true;
    if (!new_weights(scope, &instruction)) return compiler_no_memory(compiler);
    if (scope->user != ORDINAL_NONE)
        count = exposure_read(scope->view->exposure, scope->user, instruction.field, scope->now_ms,
                              readings);
    for (size_t i = 0; ok && i < count; i++) {
        uint64_t key = readings[i].topic;
        if (instruction.field->type != FIELD_REFERENCE)
            key = entities_code_of_hash(scope->view->entities, instruction.field, key);
        ok = id_map_put(instruction.weights, key, bits_of(readings[i].impressions));
    }
    return emit(compiler, &instruction, ok, at);
}

/* The scores of all that go with the seeds; missing without seeds. */
enum code compile_coengagement(struct compiler *compiler, const struct expression *call,
                               uint32_t *at)
{
    const struct scope *scope = &compiler->program->scope;
    struct instruction instruction = {.op = OP_SCORES};
    struct ranked *list;
    ordinal seeds[SEEDS_MAXIMUM];
    size_t count;
    instruction.is_missing = seeds_find(call->seeds, scope, seeds) == 0;
    if (!new_weights(scope, &instruction)) return compiler_no_memory(compiler);
    bool ok = coengaged_gather(call->seeds, scope, &list, &count);
    for (size_t i = 0; ok && i < count; i++)
        ok = id_map_put(instruction.weights, list[i].entity, bits_of(list[i].value));
    return emit(compiler, &instruction, ok, at);
}

void read_weights(const struct instruction *instruction, struct columns *at)
{
    const struct entities *entities = at->program->scope.view->entities;
    const struct field *field = instruction->field;
    for (size_t i = 0; i < at->count; i++) {
        struct topics topics = topics_of(entities, field, at->items[i]);
        double sum = 0;
        for (size_t j = 0; j < topics.count && instruction->weights->count > 0; j++) {
            uint64_t key = topics.codes ? topics.codes[j] : topics.reference;
            sum += number_of(id_map_find(instruction->weights, key));
        }
        bool known = topics.count > 0 && instruction->number > 0;
        instruction->values[i] = known ? sum / ((double)topics.count * instruction->number) : 0;
        instruction->missing[i] = !known;
    }
}

enum code compile_said(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    struct instruction instruction = {.op = OP_SAID, .said = call->function};
    instruction.feature.signal = call->signal;
    return compiler_emit(compiler, &instruction, at);
}

enum code compile_seen(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    struct instruction instruction = {.op = OP_SEEN, .after_ms = INT64_MIN};
    if (call->operand_count > 0)
        instruction.after_ms =
            window_after_ms(compiler->program->scope.now_ms, call->operands[0]->value.integer);
    return compiler_emit(compiler, &instruction, at);
}

enum code compile_related(struct compiler *compiler, const struct expression *call, uint32_t *at)
{
    const struct schema *schema = compiler->program->scope.view->schema;
    const struct relation *relation = &schema->relations[call->relation];
    struct instruction instruction = {.op = OP_EDGE, .relation = relation->id};
    if (relation->to != ENTITY_ITEM) {
        instruction.field = schema_find_reference(schema, relation->to);
        if (!instruction.field) {
            error_set(compiler->error, CODE_INVALID, AREA_RANKING,
                      "no field of item refers to a %s, so '%.*s' says nothing about items",
                      entity_kind_name(relation->to), (int)call->text.bytes,
                      (const char *)call->text.data);
            error_at(compiler->error, call->position);
            error_hint(compiler->error, "DEFINE FIELD %s ON item REFERENCES %s",
                       entity_kind_name(relation->to), entity_kind_name(relation->to));
            return CODE_INVALID;
        }
    }
    return compiler_emit(compiler, &instruction, at);
}

static const double hour_ms = 3600000;

/* Hours from then to now; 0 for what lies ahead. */
static double hours_since(const struct scope *scope, int64_t time_ms)
{
    double age_ms = (double)scope->now_ms - (double)time_ms;
    return age_ms > 0 ? age_ms / hour_ms : 0;
}

void read_said(const struct instruction *instruction, struct columns *at)
{
    const struct scope *scope = &at->program->scope;
    const struct behaviour *behaviour = scope->view->behaviour;
    bool of_seen =
        instruction->said == FUNCTION_TIMES_SEEN || instruction->said == FUNCTION_LAST_SEEN;
    for (size_t i = 0; i < at->count; i++) {
        struct behaviour_seen seen = {0};
        struct behaviour_state state = {0};
        bool known = scope->user != ORDINAL_NONE;
        double value = 0;
        if (known && of_seen) {
            known = behaviour_seen(behaviour, scope->user, at->items[i], &seen);
        } else if (known) {
            known = behaviour_state(behaviour, scope->user, ENTITY_ITEM, at->items[i],
                                    instruction->feature.signal, &state) &&
                    state.present;
        }
        if (instruction->said == FUNCTION_TIMES_SEEN) {
            value = seen.count;
            known = true;
        } else if (known && instruction->said == FUNCTION_LAST) {
            value = (double)state.value / (double)SIGNAL_VALUE_ONE;
        } else if (known) {
            value = hours_since(scope, of_seen ? seen.newest_ms : state.time_ms);
        }
        instruction->values[i] = value;
        instruction->missing[i] = !known;
    }
}
