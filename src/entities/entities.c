/* The fold over PUT, PATCH and DELETE, and what others read from it. */
#include "entities/internal.h"

#include <assert.h>
#include <stdio.h>

static enum code no_memory(struct error *error)
{
    return error_no_memory(error, AREA_ENTITIES, 0);
}

static bool mark_dirty(struct entities *entities, enum entity_kind kind, ordinal entity)
{
    if (bitset_has(&entities->dirty[kind], entity)) return true;
    if (!bitset_set(&entities->dirty[kind], entity)) return false;
    entities->dirty_count++;
    return true;
}

enum code entities_admit(struct entities *entities, const struct entity_reference *reference,
                         int64_t ingest_ms, ordinal *entity, entity_id *id, struct error *error)
{
    struct directory *directory = &entities->directories[reference->kind];
    bool by_key = reference->key.bytes > 0;
    *entity = entities_find_reference(entities, reference);
    if (*entity == ORDINAL_NONE) {
        if (directory_full(directory))
            return error_set(error, CODE_LIMIT, AREA_ENTITIES, "all ordinals of %s are used up",
                             entity_kind_name(reference->kind));
        *id = by_key ? directory_next_id(directory) : reference->id;
        *entity = directory_add(directory, *id);
        if (*entity == ORDINAL_NONE || !mark_dirty(entities, reference->kind, *entity))
            return no_memory(error);
    }
    *id = by_key ? directory->ids[*entity] : reference->id;
    if (by_key && directory->key_codes[*entity] == STRING_MAP_ABSENT &&
        !directory_set_key(directory, *entity, reference->key))
        return no_memory(error);
    if (reference->kind == ENTITY_ITEM || bitset_has(&directory->live, *entity)) return CODE_OK;
    if (!directory_revive(directory, *entity, ingest_ms) ||
        !mark_dirty(entities, reference->kind, *entity))
        return no_memory(error);
    return CODE_OK;
}

static struct column *column_for(struct entities *entities, const struct field *field)
{
    struct column **column = &entities->columns[field->id];
    if (*column) return *column;
    *column = memory_allocate(entities->memory, sizeof **column);
    if (!*column) return NULL;
    column_init(*column, entities->memory, field->type);
    entities->column_kinds[field->id] = field->kind;
    if (entities->column_end <= field->id) entities->column_end = (size_t)field->id + 1;
    return *column;
}

bool entities_set_field(struct entities *entities, const struct field *field, ordinal entity,
                        const struct value *value)
{
    if (value->type == VALUE_MISSING && !entities->columns[field->id]) return true;
    struct column *column = column_for(entities, field);
    return column && column_set(column, entity, value);
}

static void clear_vector(struct entities *entities, struct vector_column *column, ordinal entity)
{
    if (entity >= column->capacity || !column->vectors[entity]) return;
    memory_free(entities->memory, column->vectors[entity], column->dimensions * sizeof(float));
    column->vectors[entity] = NULL;
    column->count--;
}

static bool grow_vectors(struct entities *entities, struct vector_column *column, ordinal entity)
{
    size_t before = column->capacity;
    void *vectors = column->vectors;
    bool ok = memory_grow(entities->memory, &vectors, &column->capacity, (size_t)entity + 1,
                          sizeof(float *), UINT32_MAX);
    column->vectors = vectors;
    for (size_t i = before; ok && i < column->capacity; i++)
        column->vectors[i] = NULL;
    return ok;
}

bool entities_set_vector(struct entities *entities, const struct embedding *embedding,
                         ordinal entity, const struct value *value)
{
    struct vector_column *column = &entities->vectors[embedding->id];
    column->dimensions = embedding->dimensions;
    entities->vector_kinds[embedding->id] = embedding->kind;
    clear_vector(entities, column, entity);
    if (value->type == VALUE_MISSING) return true;
    size_t bytes = value->vector.dimensions * sizeof(float);
    float *vector = NULL;
    assert(value->vector.dimensions == embedding->dimensions);
    if (!grow_vectors(entities, column, entity)) return false;
    vector = memory_allocate(entities->memory, bytes);
    if (!vector) return false;
    memcpy(vector, value->vector.numbers, bytes);
    column->vectors[entity] = vector;
    column->count++;
    return true;
}

static void release_vectors(struct entities *entities, struct vector_column *column)
{
    for (size_t i = 0; i < column->capacity; i++)
        clear_vector(entities, column, (ordinal)i);
    memory_free(entities->memory, column->vectors, column->capacity * sizeof(float *));
}

static bool clear_all(struct entities *entities, enum entity_kind kind, ordinal entity)
{
    struct value missing = {.type = VALUE_MISSING};
    bool ok = true;
    for (size_t i = 0; i < entities->column_end; i++)
        if (entities->columns[i] && entities->column_kinds[i] == kind)
            ok = column_set(entities->columns[i], entity, &missing) && ok;
    for (int i = 0; i < LIMIT_EMBEDDING_IDS; i++)
        if (entities->vectors[i].count > 0 && entities->vector_kinds[i] == kind)
            clear_vector(entities, &entities->vectors[i], entity);
    return ok;
}

/* An entity that a reference names exists from then on. */
static enum code admit_referenced(struct entities *entities, const struct field *field,
                                  const struct value *value, int64_t ingest_ms, struct error *error)
{
    ordinal entity;
    entity_id id;
    struct entity_reference reference = {.kind = field->references, .id = value->reference};
    if (field->type != FIELD_REFERENCE || value->type == VALUE_MISSING) return CODE_OK;
    return entities_admit(entities, &reference, ingest_ms, &entity, &id, error);
}

static enum code apply_put(struct entities *entities, const struct resolved_change *change,
                           bool replaces, struct error *error)
{
    const struct put_change *put = &change->change->put;
    const struct schema *schema = change->schema;
    enum entity_kind kind = put->entity.kind;
    ordinal entity = change->subject;
    enum code code = CODE_OK;
    if (replaces && !clear_all(entities, kind, entity)) return no_memory(error);
    if (!directory_revive(&entities->directories[kind], entity, change->ingest_ms) ||
        !mark_dirty(entities, kind, entity))
        return no_memory(error);
    if (put->key.bytes > 0 && !directory_set_key(&entities->directories[kind], entity, put->key))
        return no_memory(error);
    for (size_t i = 0; i < put->field_count; i++) {
        const struct field *field = &schema->fields[put->fields[i].field];
        TRY(admit_referenced(entities, field, &put->fields[i].value, change->ingest_ms, error));
        if (!entities_set_field(entities, field, entity, &put->fields[i].value))
            return no_memory(error);
    }
    for (size_t i = 0; i < put->embedding_count; i++) {
        const struct embedding_value *value = &put->embeddings[i];
        if (!entities_set_vector(entities, &schema->embeddings[value->embedding], entity,
                                 &value->value))
            return no_memory(error);
    }
out:
    return code;
}

/* The rows of those that have a value go without it from the next checkpoint on. */
static bool drop_field(struct entities *entities, field_id field)
{
    struct column *column = entities->columns[field];
    if (!column) return true;
    uint32_t entity = bitset_next(&column->present, 0);
    for (; entity != UINT32_MAX; entity = bitset_next(&column->present, entity + 1))
        if (!mark_dirty(entities, entities->column_kinds[field], entity)) return false;
    column_release(column);
    memory_free(entities->memory, column, sizeof *column);
    entities->columns[field] = NULL;
    return true;
}

static bool drop_embedding(struct entities *entities, embedding_id embedding)
{
    struct vector_column *column = &entities->vectors[embedding];
    for (size_t i = 0; i < column->capacity; i++)
        if (column->vectors[i] &&
            !mark_dirty(entities, entities->vector_kinds[embedding], (ordinal)i))
            return false;
    release_vectors(entities, column);
    *column = (struct vector_column){0};
    return true;
}

static bool apply_drop(struct entities *entities, const struct dropped *dropped)
{
    if (dropped->kind == DEFINE_FIELD) return drop_field(entities, dropped->id);
    return dropped->kind != DEFINE_EMBEDDING || drop_embedding(entities, dropped->id);
}

static enum code apply(void *fold, const struct resolved_change *change, struct error *error)
{
    struct entities *entities = fold;
    switch (change->change->kind) {
    case CHANGE_PUT:
        return apply_put(entities, change, true, error);
    case CHANGE_PATCH:
        return apply_put(entities, change, false, error);
    case CHANGE_DELETE: {
        enum entity_kind kind = change->change->delete.kind;
        directory_bury(&entities->directories[kind], change->subject);
        bool ok = clear_all(entities, kind, change->subject) &&
                  mark_dirty(entities, kind, change->subject);
        return ok ? CODE_OK : no_memory(error);
    }
    case CHANGE_DROP:
        return apply_drop(entities, change->dropped) ? CODE_OK : no_memory(error);
    default:
        return CODE_OK;
    }
}

/* --- The rest of the fold's interface --- */

static void seal(void *fold)
{
    struct entities *entities = fold;
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++) {
        struct bitset emptied = entities->sealed[kind];
        entities->sealed[kind] = entities->dirty[kind];
        entities->dirty[kind] = emptied;
    }
    entities->dirty_count = 0;
}

static enum code write_rows(void *fold, struct store_batch *batch, struct error *error)
{
    return entities_write_rows(fold, false, batch, error);
}

static enum code dump(const void *fold, struct store_batch *batch, struct error *error)
{
    return entities_write_rows(fold, true, batch, error);
}

/* The sealed set joins the dirty one: the shorter of the two the longer, which needs no memory. */
static void dirty_again(struct entities *entities, enum entity_kind kind)
{
    struct bitset *dirty = &entities->dirty[kind], *set = &entities->sealed[kind];
    entities->dirty_count -= bitset_count(dirty);
    if (set->word_count > dirty->word_count) {
        struct bitset longer = *set;
        *set = *dirty;
        *dirty = longer;
    }
    bool joined = bitset_or(dirty, set);
    assert(joined);
    (void)joined;
    entities->dirty_count += bitset_count(dirty);
}

static void sealed(void *fold, bool durable)
{
    struct entities *entities = fold;
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++) {
        struct bitset *set = &entities->sealed[kind];
        if (!durable) dirty_again(entities, (enum entity_kind)kind);
        bitset_and_not(set, set);
    }
}

static enum code load(void *fold, struct store *store, const struct schema *schema,
                      struct error *error)
{
    return entities_load_rows(fold, store, schema, error);
}

static bool check_vectors(const struct entities *entities, char *reason, size_t reason_bytes)
{
    for (int i = 0; i < LIMIT_EMBEDDING_IDS; i++) {
        const struct vector_column *column = &entities->vectors[i];
        const struct directory *directory = &entities->directories[entities->vector_kinds[i]];
        size_t count = 0;
        for (size_t entity = 0; entity < column->capacity; entity++) {
            if (!column->vectors[entity]) continue;
            count++;
            if (entity < directory->count && bitset_has(&directory->live, (ordinal)entity))
                continue;
            snprintf(reason, reason_bytes,
                     "embedding %d has a vector at ordinal %zu, which is not alive", i, entity);
            return false;
        }
        if (count == column->count) continue;
        snprintf(reason, reason_bytes, "vectors of embedding %d are counted wrong", i);
        return false;
    }
    return true;
}

static bool check(const void *fold, char *reason, size_t reason_bytes)
{
    const struct entities *entities = fold;
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++)
        if (!directory_check(&entities->directories[kind], reason, reason_bytes)) return false;
    for (size_t i = 0; i < entities->column_end; i++) {
        const struct column *column = entities->columns[i];
        if (!column) continue;
        const struct directory *directory = &entities->directories[entities->column_kinds[i]];
        uint32_t entity = bitset_next(&column->present, 0);
        for (; entity != UINT32_MAX; entity = bitset_next(&column->present, entity + 1)) {
            if (entity < directory->count && bitset_has(&directory->live, entity)) continue;
            snprintf(reason, reason_bytes,
                     "field %zu has a value at ordinal %u, which is not alive", i, entity);
            return false;
        }
    }
    return check_vectors(entities, reason, reason_bytes);
}

static size_t bytes(const void *fold)
{
    const struct entities *entities = fold;
    size_t total = sizeof *entities;
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++)
        total += directory_bytes(&entities->directories[kind]);
    for (size_t i = 0; i < entities->column_end; i++)
        if (entities->columns[i]) total += column_bytes(entities->columns[i]);
    for (int i = 0; i < LIMIT_EMBEDDING_IDS; i++)
        total += entities->vectors[i].capacity * sizeof(float *) +
                 entities->vectors[i].count * entities->vectors[i].dimensions * sizeof(float);
    return total;
}

static size_t dirty_bytes(const void *fold)
{
    enum { ROW_BYTES_TYPICAL = 160 };
    const struct entities *entities = fold;
    return (size_t)entities->dirty_count * ROW_BYTES_TYPICAL;
}

static void free_fold(void *fold)
{
    struct entities *entities = fold;
    if (!entities) return;
    for (size_t i = 0; i < entities->column_end; i++) {
        if (!entities->columns[i]) continue;
        column_release(entities->columns[i]);
        memory_free(entities->memory, entities->columns[i], sizeof *entities->columns[i]);
    }
    for (int i = 0; i < LIMIT_EMBEDDING_IDS; i++)
        release_vectors(entities, &entities->vectors[i]);
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++) {
        directory_release(&entities->directories[kind]);
        bitset_release(&entities->dirty[kind]);
        bitset_release(&entities->sealed[kind]);
    }
    memory_free(entities->memory, entities, sizeof *entities);
}

static const struct fold_ops entities_ops = {.name = "entities",
                                             .apply = apply,
                                             .seal = seal,
                                             .write = write_rows,
                                             .sealed = sealed,
                                             .dump = dump,
                                             .load = load,
                                             .check = check,
                                             .bytes = bytes,
                                             .dirty_bytes = dirty_bytes,
                                             .free = free_fold};

enum code entities_create(struct memory *memory, struct fold *fold, struct entities **created,
                          struct error *error)
{
    struct entities *entities = memory_allocate_zeroed(memory, sizeof *entities);
    if (!entities) return error_no_memory(error, AREA_ENTITIES, sizeof *entities);
    entities->memory = memory;
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++) {
        directory_init(&entities->directories[kind], memory);
        bitset_init(&entities->dirty[kind], memory);
        bitset_init(&entities->sealed[kind], memory);
    }
    *fold = (struct fold){.ops = &entities_ops, .state = entities};
    *created = entities;
    return CODE_OK;
}

/* --- Reading --- */

ordinal entities_find(const struct entities *entities, enum entity_kind kind, entity_id id)
{
    return directory_find(&entities->directories[kind], id);
}

ordinal entities_find_key(const struct entities *entities, enum entity_kind kind, struct slice key)
{
    return directory_find_key(&entities->directories[kind], key);
}

ordinal entities_find_reference(const struct entities *entities,
                                const struct entity_reference *reference)
{
    if (reference->key.bytes > 0)
        return entities_find_key(entities, reference->kind, reference->key);
    return entities_find(entities, reference->kind, reference->id);
}

void entities_prefetch(const struct entities *entities, const struct entity_reference *reference)
{
    if (reference->key.bytes == 0)
        id_map_prefetch(&entities->directories[reference->kind].ordinals, reference->id);
}

entity_id entities_id(const struct entities *entities, enum entity_kind kind, ordinal entity)
{
    return entities->directories[kind].ids[entity];
}

struct slice entities_key(const struct entities *entities, enum entity_kind kind, ordinal entity)
{
    return directory_key(&entities->directories[kind], entity);
}

bool entities_live(const struct entities *entities, enum entity_kind kind, ordinal entity)
{
    return bitset_has(&entities->directories[kind].live, entity);
}

uint32_t entities_count(const struct entities *entities, enum entity_kind kind)
{
    return entities->directories[kind].count;
}

uint32_t entities_live_count(const struct entities *entities, enum entity_kind kind)
{
    return entities->directories[kind].live_count;
}

int64_t entities_created_ms(const struct entities *entities, enum entity_kind kind, ordinal entity)
{
    return entities->directories[kind].created_ms[entity];
}

struct value entities_value(const struct entities *entities, const struct field *field,
                            ordinal entity, struct slice *list_space, size_t list_capacity)
{
    const struct column *column = entities->columns[field->id];
    if (!column) return (struct value){.type = VALUE_MISSING};
    return column_get(column, entity, list_space, list_capacity);
}

static bool reference_number(const struct entities *entities, const struct field *field,
                             const struct column *column, ordinal entity, double *number)
{
    struct value value = column_get(column, entity, NULL, 0);
    *number = 0;
    if (value.type != VALUE_REFERENCE) return false;
    ordinal other = entities_find(entities, field->references, value.reference);
    *number = (double)other;
    return other != ORDINAL_NONE;
}

void entities_numbers(const struct entities *entities, const struct field *field,
                      const ordinal *list, size_t count, double *numbers, bool *missing)
{
    const struct column *column = entities->columns[field->id];
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        numbers[i] = 0;
        if (column && field->type == FIELD_REFERENCE) {
            found = reference_number(entities, field, column, list[i], &numbers[i]);
        } else if (column) {
            found = column_number(column, list[i], &numbers[i]);
        }
        missing[i] = !found;
    }
}

const uint32_t *entities_codes(const struct entities *entities, const struct field *field,
                               ordinal entity, size_t *count)
{
    const struct column *column = entities->columns[field->id];
    *count = 0;
    return column ? column_codes(column, entity, count) : NULL;
}

uint32_t entities_code(const struct entities *entities, const struct field *field,
                       struct slice text)
{
    const struct column *column = entities->columns[field->id];
    return column ? string_map_find(&column->dictionary, text) : STRING_MAP_ABSENT;
}

uint32_t entities_code_of_hash(const struct entities *entities, const struct field *field,
                               uint64_t hash)
{
    const struct column *column = entities->columns[field->id];
    return column ? string_map_find_hash(&column->dictionary, hash) : STRING_MAP_ABSENT;
}

struct slice entities_code_text(const struct entities *entities, const struct field *field,
                                uint32_t code)
{
    return string_map_get(&entities->columns[field->id]->dictionary, code);
}

const float *entities_vector(const struct entities *entities, const struct embedding *embedding,
                             ordinal entity)
{
    const struct vector_column *column = &entities->vectors[embedding->id];
    return entity < column->capacity ? column->vectors[entity] : NULL;
}
