/* A fold of entities beside the oracle: an array of entities a kind, by ordinal, and every look-up
 * a loop.  Both see the same events, drawn from choices. */
#ifndef TIDAL_TESTS_ENTITIES_WORLD_H
#define TIDAL_TESTS_ENTITIES_WORLD_H

#include "base/choices.h"
#include "entities/entities.h"
#include "harness/fold_rows.h"
#include "harness/test.h"
#include "unit/schema/declare.h"

#include <stdlib.h>

/* Ids follow from the order of definition. */
enum { CATEGORY, TAGS, TITLE, LENGTH, RATING, KIDS, PUBLISHED, CREATOR, COUNTRY, FIELDS };
enum { DIMENSIONS = 3, WORDS_MAXIMUM = 5, MODEL_ENTITIES = 200 };

static const char *const vocabulary[] = {
    "", "a", "ab", "abc", "b", "jazz", "JAZZ", "r\xc3\xa9sum\xc3\xa9", "kids", "x y", "z", "0"};
enum { VOCABULARY = sizeof vocabulary / sizeof *vocabulary };

struct model_value {
    bool present;
    uint8_t words[WORDS_MAXIMUM]; /* of the vocabulary: a text or a list */
    size_t word_count;
    int64_t integer; /* integer, timestamp, boolean, reference */
    double number;
};

struct model_entity {
    entity_id id;
    bool alive;
    int64_t created_ms;
    int key; /* number of its key; 0: none */
    struct model_value fields[FIELDS];
    bool has_vector;
    float vector[DIMENSIONS];
};

struct model_kind {
    struct model_entity entities[MODEL_ENTITIES];
    size_t count;
};

struct world {
    struct declared declared;
    struct memory memory; /* of the fold */
    struct fold fold;
    struct entities *entities;
    struct error error;
    int64_t now_ms;
    struct model_kind kinds[ENTITY_KIND_COUNT];
};

/* What is named: by id, or (key > 0) by key. */
struct target {
    enum entity_kind kind;
    entity_id id;
    int key;
};

/* What is put: a value a field, or its removal. */
struct content {
    bool given[FIELDS];
    struct model_value values[FIELDS]; /* not present: removed (PATCH) */
    bool vector_given;
    bool has_vector;
    float vector[DIMENSIONS];
    int key; /* given to an entity named by id */
};

static inline struct slice word_of(uint8_t word)
{
    return text_of(vocabulary[word]);
}

static inline struct slice key_text(int key, char text[16])
{
    if (key == 0) return (struct slice){0};
    return slice_of(text, (size_t)snprintf(text, 16, "key-%d", key));
}

static inline void world_declare(struct declared *declared)
{
    declared_init(declared);
    must_declare(declared, define_field("category", ENTITY_ITEM, FIELD_KEYWORD));
    must_declare(declared, define_field("tags", ENTITY_ITEM, FIELD_KEYWORD_LIST));
    must_declare(declared, define_field("title", ENTITY_ITEM, FIELD_TEXT));
    must_declare(declared, define_field("length", ENTITY_ITEM, FIELD_INTEGER));
    must_declare(declared, define_field("rating", ENTITY_ITEM, FIELD_FLOAT));
    must_declare(declared, define_field("kids", ENTITY_ITEM, FIELD_BOOLEAN));
    must_declare(declared, define_field("published", ENTITY_ITEM, FIELD_TIMESTAMP));
    must_declare(declared, define_reference("creator", ENTITY_CREATOR));
    must_declare(declared, define_field("country", ENTITY_USER, FIELD_KEYWORD));
    must_declare(declared, define_embedding("look", DIMENSIONS));
}

static inline bool world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->now_ms = 1700000000000;
    memory_init(&world->memory, 0);
    world_declare(&world->declared);
    return entities_create(&world->memory, &world->fold, &world->entities, &world->error) ==
           CODE_OK;
}

static inline void world_release(struct world *world)
{
    world->fold.ops->free(world->fold.state);
    memory_release(&world->memory);
    declared_release(&world->declared);
}

static inline const struct field *world_field(const struct world *world, int field)
{
    return &world->declared.schema->fields[field];
}

/* --- The oracle --- */

static inline ordinal model_find_target(const struct world *world, struct target target)
{
    const struct model_kind *kind = &world->kinds[target.kind];
    for (size_t i = 0; i < kind->count; i++) {
        const struct model_entity *entity = &kind->entities[i];
        if (target.key > 0 ? entity->key == target.key : entity->id == target.id) return (ordinal)i;
    }
    return ORDINAL_NONE;
}

static inline ordinal model_admit(struct world *world, struct target target)
{
    struct model_kind *kind = &world->kinds[target.kind];
    ordinal found = model_find_target(world, target);
    if (found == ORDINAL_NONE) {
        assert(kind->count < MODEL_ENTITIES);
        entity_id largest = 0;
        for (size_t i = 0; i < kind->count; i++)
            if (kind->entities[i].id > largest) largest = kind->entities[i].id;
        found = (ordinal)kind->count++;
        kind->entities[found] = (struct model_entity){
            .id = target.key > 0 ? largest + 1 : target.id, .key = target.key};
    }
    struct model_entity *entity = &kind->entities[found];
    if (target.kind != ENTITY_ITEM && !entity->alive) {
        entity->alive = true;
        entity->created_ms = world->now_ms;
    }
    return found;
}

static inline void model_clear(struct model_entity *entity)
{
    memset(entity->fields, 0, sizeof entity->fields);
    entity->has_vector = false;
}

static inline void model_write(struct world *world, struct target target,
                               const struct content *content, bool replaces)
{
    ordinal found = replaces ? model_admit(world, target) : model_find_target(world, target);
    if (found == ORDINAL_NONE) return;
    struct model_entity *entity = &world->kinds[target.kind].entities[found];
    if (!replaces && !entity->alive) return;
    if (replaces) model_clear(entity);
    if (!entity->alive) entity->created_ms = world->now_ms;
    entity->alive = true;
    struct target owner = {.kind = target.kind, .key = content->key};
    if (content->key > 0 && model_find_target(world, owner) == ORDINAL_NONE)
        entity->key = content->key;
    for (int i = 0; i < FIELDS; i++) {
        if (!content->given[i]) continue;
        entity->fields[i] = content->values[i];
        if (i == CREATOR && content->values[i].present)
            model_admit(world, (struct target){.kind = ENTITY_CREATOR,
                                               .id = (entity_id)content->values[i].integer});
    }
    if (content->vector_given) {
        entity->has_vector = content->has_vector;
        memcpy(entity->vector, content->vector, sizeof entity->vector);
    }
}

static inline void model_remove(struct world *world, struct target target)
{
    ordinal found = model_find_target(world, target);
    if (found == ORDINAL_NONE || !world->kinds[target.kind].entities[found].alive) return;
    struct model_entity *entity = &world->kinds[target.kind].entities[found];
    model_clear(entity);
    entity->alive = false;
    entity->created_ms = 0;
    entity->key = 0;
}

/* --- The fold --- */

/* The value as a change has it; texts of a list go to `space`. */
static inline struct value value_of(int field, const struct model_value *model,
                                    struct slice space[WORDS_MAXIMUM])
{
    struct value value = {.type = VALUE_MISSING};
    if (!model->present) return value;
    switch (field) {
    case TAGS:
        for (size_t i = 0; i < model->word_count; i++)
            space[i] = word_of(model->words[i]);
        value.type = VALUE_TEXT_LIST;
        value.list.texts = space;
        value.list.count = model->word_count;
        return value;
    case LENGTH:
    case PUBLISHED:
        value.type = field == LENGTH ? VALUE_INTEGER : VALUE_TIMESTAMP;
        value.integer = model->integer;
        return value;
    case RATING:
        value.type = VALUE_FLOAT;
        value.number = model->number;
        return value;
    case KIDS:
        value.type = VALUE_BOOLEAN;
        value.boolean = model->integer != 0;
        return value;
    case CREATOR:
        value.type = VALUE_REFERENCE;
        value.reference = (entity_id)model->integer;
        return value;
    default:
        value.type = VALUE_TEXT;
        value.text = word_of(model->words[0]);
        return value;
    }
}

static inline struct entity_reference reference_of(struct target target, char text[16])
{
    return (struct entity_reference){.kind = target.kind,
                                     .id = target.key > 0 ? 0 : target.id,
                                     .key = key_text(target.key, text)};
}

/* What the engine does: look up or admit the subject, then apply.  `skip`: nobody is named. */
static inline enum code world_apply(struct world *world, const struct change *change,
                                    const struct entity_reference *reference)
{
    struct resolved_change resolved = {.change = change,
                                       .schema = world->declared.schema,
                                       .ingest_ms = world->now_ms,
                                       .other = ORDINAL_NONE};
    enum code code = CODE_OK;
    if (change->kind == CHANGE_PUT) {
        TRY(entities_admit(world->entities, reference, world->now_ms, &resolved.subject,
                           &resolved.subject_id, &world->error));
    } else {
        resolved.subject = entities_find_reference(world->entities, reference);
        if (resolved.subject == ORDINAL_NONE ||
            !entities_live(world->entities, reference->kind, resolved.subject))
            return CODE_OK;
    }
    code = world->fold.ops->apply(world->fold.state, &resolved, &world->error);
out:
    return code;
}

static inline enum code world_write(struct world *world, struct target target,
                                    const struct content *content, bool replaces)
{
    struct slice spaces[FIELDS][WORDS_MAXIMUM];
    struct field_value fields[FIELDS];
    struct embedding_value vector = {0, {.type = VALUE_MISSING}};
    struct change change = {.kind = replaces ? CHANGE_PUT : CHANGE_PATCH};
    struct put_change *put = &change.put;
    char names[2][16];
    put->entity = reference_of(target, names[0]);
    put->key = key_text(content->key, names[1]);
    put->fields = fields;
    for (int i = 0; i < FIELDS; i++) {
        if (!content->given[i]) continue;
        fields[put->field_count++] =
            (struct field_value){(field_id)i, value_of(i, &content->values[i], spaces[i])};
    }
    if (content->vector_given) {
        if (content->has_vector) {
            vector.value.type = VALUE_VECTOR;
            vector.value.vector.numbers = content->vector;
            vector.value.vector.dimensions = DIMENSIONS;
        }
        put->embeddings = &vector;
        put->embedding_count = 1;
    }
    enum code code = change_check(&change, world->declared.schema, &world->error);
    return code == CODE_OK ? world_apply(world, &change, &put->entity) : code;
}

static inline enum code world_remove(struct world *world, struct target target)
{
    char text[16];
    struct change change = {.kind = CHANGE_DELETE, .delete = reference_of(target, text)};
    return world_apply(world, &change, &change.delete);
}

static inline enum code world_admit(struct world *world, struct target target)
{
    char text[16];
    struct entity_reference reference = reference_of(target, text);
    ordinal entity;
    entity_id id;
    return entities_admit(world->entities, &reference, world->now_ms, &entity, &id, &world->error);
}

/* --- Random events --- */

static inline void draw_value(struct choices *choices, int field, struct model_value *value)
{
    static const int64_t integers[] = {
        0, 1, -1, 60, INT64_MAX, INT64_MIN, (INT64_C(1) << 53) + 1, INT64_C(1) << 53};
    static const double numbers[] = {0, -0.0, 0.5, -3.25, 60, 9007199254740992.0, 9.3e18, -1e300};
    *value = (struct model_value){.present = true, .word_count = 1};
    for (int i = 0; i < WORDS_MAXIMUM; i++)
        value->words[i] = (uint8_t)choose(choices, VOCABULARY - 1);
    if (field == TAGS) value->word_count = (size_t)choose(choices, WORDS_MAXIMUM);
    value->integer = integers[choose(choices, 7)];
    if (field == KIDS) value->integer = (int64_t)choose(choices, 1);
    if (field == PUBLISHED) value->integer = (int64_t)choose(choices, 9) * 1000 - 4000;
    if (field == CREATOR) value->integer = (int64_t)choose(choices, 12);
    value->number = numbers[choose(choices, 7)];
}

static inline struct target draw_target(struct choices *choices)
{
    static const enum entity_kind kinds[] = {ENTITY_ITEM, ENTITY_ITEM, ENTITY_ITEM, ENTITY_USER,
                                             ENTITY_CREATOR};
    struct target target = {.kind = kinds[choose(choices, 4)]};
    if (choose_one_in(choices, 4)) {
        target.key = 1 + (int)choose(choices, 11);
    } else {
        target.id = choose(choices, 39);
    }
    return target;
}

static inline void draw_content(struct choices *choices, struct target target, bool replaces,
                                struct content *content)
{
    memset(content, 0, sizeof *content);
    if (target.key == 0 && choose_one_in(choices, 4)) content->key = 1 + (int)choose(choices, 11);
    if (target.kind == ENTITY_CREATOR) return;
    int first = target.kind == ENTITY_ITEM ? 0 : COUNTRY;
    int last = target.kind == ENTITY_ITEM ? CREATOR : COUNTRY;
    for (int i = first; i <= last; i++) {
        content->given[i] = choose_one_in(choices, 2);
        if (content->given[i] && (replaces || !choose_one_in(choices, 4)))
            draw_value(choices, i, &content->values[i]);
    }
    if (target.kind != ENTITY_ITEM) return;
    content->vector_given = choose_one_in(choices, 3);
    content->has_vector = content->vector_given && (replaces || !choose_one_in(choices, 3));
    for (int i = 0; i < DIMENSIONS; i++)
        content->vector[i] = (float)choose(choices, 100) / 7;
}

/* One event, to both. */
static inline enum code world_step(struct world *world, struct choices *choices)
{
    struct target target = draw_target(choices);
    struct content content;
    uint64_t kind = choose(choices, 99);
    world->now_ms += (int64_t)choose(choices, 2000);
    if (kind < 45 || kind >= 90) {
        bool replaces = kind < 45;
        draw_content(choices, target, replaces, &content);
        model_write(world, target, &content, replaces);
        return world_write(world, target, &content, replaces);
    }
    if (kind < 70) {
        draw_content(choices, target, false, &content);
        model_write(world, target, &content, false);
        return world_write(world, target, &content, false);
    }
    if (kind < 80) {
        (void)model_admit(world, target);
        return world_admit(world, target);
    }
    model_remove(world, target);
    return world_remove(world, target);
}

/* --- Comparing --- */

static inline bool same_list(const struct model_value *model, const struct value *value)
{
    size_t count = 0;
    for (size_t i = 0; i < model->word_count; i++) {
        bool repeated = false;
        for (size_t j = 0; j < i; j++)
            repeated = repeated || model->words[j] == model->words[i];
        if (repeated) continue;
        if (count >= value->list.count ||
            !slice_equal(value->list.texts[count], word_of(model->words[i])))
            return false;
        count++;
    }
    return count == value->list.count;
}

static inline bool same_value(const struct world *world, int field, ordinal entity,
                              const struct model_value *model)
{
    struct slice space[WORDS_MAXIMUM], expected_space[WORDS_MAXIMUM];
    struct value value =
        entities_value(world->entities, world_field(world, field), entity, space, WORDS_MAXIMUM);
    struct value expected = value_of(field, model, expected_space);
    if (value.type != expected.type) return false;
    if (value.type == VALUE_TEXT_LIST) return same_list(model, &value);
    return value.type == VALUE_MISSING || value_equal(&value, &expected);
}

static inline bool same_vector(const struct world *world, ordinal entity,
                               const struct model_entity *model)
{
    const float *vector =
        entities_vector(world->entities, &world->declared.schema->embeddings[0], entity);
    if (!vector || !model->has_vector) return !vector && !model->has_vector;
    return memcmp(vector, model->vector, sizeof model->vector) == 0;
}

static inline bool same_entity(const struct world *world, enum entity_kind kind, ordinal entity)
{
    const struct entities *entities = world->entities;
    const struct model_entity *model = &world->kinds[kind].entities[entity];
    char text[16];
    struct slice key = key_text(model->key, text);
    if (entities_find(entities, kind, model->id) != entity ||
        entities_id(entities, kind, entity) != model->id ||
        !slice_equal(entities_key(entities, kind, entity), key) ||
        (model->key > 0 && entities_find_key(entities, kind, key) != entity) ||
        entities_live(entities, kind, entity) != model->alive ||
        entities_created_ms(entities, kind, entity) != model->created_ms)
        return false;
    for (int i = 0; i < FIELDS; i++)
        if (world_field(world, i)->kind == kind && !same_value(world, i, entity, &model->fields[i]))
            return false;
    return kind != ENTITY_ITEM || same_vector(world, entity, model);
}

/* All that can be read, against the oracle; and the fold's own check. */
static inline bool world_agrees(const struct world *world)
{
    for (enum entity_kind kind = 0; kind < ENTITY_KIND_COUNT; kind++) {
        uint32_t live = 0;
        if (entities_count(world->entities, kind) != world->kinds[kind].count) return false;
        for (ordinal i = 0; i < world->kinds[kind].count; i++) {
            live += world->kinds[kind].entities[i].alive;
            if (same_entity(world, kind, i)) continue;
            fprintf(stderr, "    %s %llu differs\n", entity_kind_name(kind),
                    (unsigned long long)world->kinds[kind].entities[i].id);
            return false;
        }
        if (entities_live_count(world->entities, kind) != live) return false;
        for (int key = 1; key <= 12; key++) {
            char text[16];
            struct target target = {.kind = kind, .key = key};
            if (entities_find_key(world->entities, kind, key_text(key, text)) !=
                model_find_target(world, target))
                return false;
        }
    }
    return fold_check(&world->fold);
}

#endif
