#include "entities/column.h"

#include <assert.h>

#define ORDINALS_MAXIMUM ((size_t)UINT32_MAX)

static size_t element_bytes(enum field_type type)
{
    switch (type) {
    case FIELD_KEYWORD:
        return sizeof(uint32_t);
    case FIELD_KEYWORD_LIST:
        return sizeof(struct code_list);
    case FIELD_TEXT:
        return sizeof(struct text_value);
    case FIELD_INTEGER:
    case FIELD_TIMESTAMP:
        return sizeof(int64_t);
    case FIELD_FLOAT:
        return sizeof(double);
    case FIELD_BOOLEAN:
        return sizeof(uint8_t);
    case FIELD_REFERENCE:
        return sizeof(entity_id);
    }
    assert(false);
    return 0;
}

void column_init(struct column *column, struct memory *memory, enum field_type type)
{
    *column = (struct column){.memory = memory, .type = type};
    bitset_init(&column->present, memory);
    string_map_init(&column->dictionary, memory);
}

/* Takes the value away and frees what it owned. */
static void clear(struct column *column, ordinal entity)
{
    if (!bitset_has(&column->present, entity)) return;
    bitset_unset(&column->present, entity);
    if (column->type == FIELD_TEXT) {
        struct text_value *text = &column->texts[entity];
        memory_free(column->memory, text->text, text->bytes + 1);
        column->owned_bytes -= text->bytes + 1;
    } else if (column->type == FIELD_KEYWORD_LIST) {
        struct code_list *list = &column->lists[entity];
        memory_free(column->memory, list->codes, list->count * sizeof *list->codes);
        column->owned_bytes -= list->count * sizeof *list->codes;
    }
}

void column_release(struct column *column)
{
    uint32_t entity = bitset_next(&column->present, 0);
    for (; entity != UINT32_MAX; entity = bitset_next(&column->present, entity + 1))
        clear(column, entity);
    memory_free(column->memory, column->any, column->capacity * element_bytes(column->type));
    bitset_release(&column->present);
    string_map_release(&column->dictionary);
}

static bool set_text(struct column *column, ordinal entity, struct slice text)
{
    char *copy = memory_allocate(column->memory, text.bytes + 1);
    if (!copy) return false;
    if (text.bytes > 0) memcpy(copy, text.data, text.bytes);
    copy[text.bytes] = '\0';
    column->texts[entity] = (struct text_value){copy, text.bytes};
    column->owned_bytes += text.bytes + 1;
    return true;
}

static bool set_keyword(struct column *column, ordinal entity, struct slice text)
{
    uint32_t code = string_map_intern(&column->dictionary, text);
    if (code == STRING_MAP_ABSENT) return false;
    column->codes[entity] = code;
    return true;
}

static bool set_list(struct column *column, ordinal entity, const struct value *value)
{
    size_t count = 0, bytes = value->list.count * sizeof(uint32_t);
    uint32_t *codes = memory_allocate(column->memory, bytes);
    if (!codes) {
        if (bytes > 0) return false;
        column->lists[entity] = (struct code_list){0};
        return true;
    }
    for (size_t i = 0; i < value->list.count; i++) {
        uint32_t code = string_map_intern(&column->dictionary, value->list.texts[i]);
        if (code == STRING_MAP_ABSENT) goto fail;
        bool repeated = false;
        for (size_t j = 0; j < count; j++)
            repeated = repeated || codes[j] == code;
        if (!repeated) codes[count++] = code;
    }
    if (count > 0 && count < value->list.count) {
        uint32_t *shorter = memory_resize(column->memory, codes, bytes, count * sizeof *codes);
        if (!shorter) goto fail;
        codes = shorter;
    }
    column->lists[entity] = (struct code_list){codes, count};
    column->owned_bytes += count * sizeof *codes;
    return true;
fail:
    memory_free(column->memory, codes, bytes);
    return false;
}

static bool store_value(struct column *column, ordinal entity, const struct value *value)
{
    switch (column->type) {
    case FIELD_KEYWORD:
        return set_keyword(column, entity, value->text);
    case FIELD_KEYWORD_LIST:
        return set_list(column, entity, value);
    case FIELD_TEXT:
        return set_text(column, entity, value->text);
    case FIELD_INTEGER:
    case FIELD_TIMESTAMP:
        column->integers[entity] = value->integer;
        return true;
    case FIELD_FLOAT:
        column->floats[entity] = value->number;
        return true;
    case FIELD_BOOLEAN:
        column->booleans[entity] = value->boolean;
        return true;
    case FIELD_REFERENCE:
        column->references[entity] = value->reference;
        return true;
    }
    assert(false);
    return false;
}

bool column_set(struct column *column, ordinal entity, const struct value *value)
{
    clear(column, entity);
    if (value->type == VALUE_MISSING) return true;
    bool room = memory_grow(column->memory, &column->any, &column->capacity, (size_t)entity + 1,
                            element_bytes(column->type), ORDINALS_MAXIMUM);
    if (!room || !bitset_set(&column->present, entity)) return false;
    if (store_value(column, entity, value)) return true;
    bitset_unset(&column->present, entity);
    return false;
}

struct value column_get(const struct column *column, ordinal entity, struct slice *space,
                        size_t capacity)
{
    struct value value = {.type = VALUE_MISSING};
    if (!bitset_has(&column->present, entity)) return value;
    switch (column->type) {
    case FIELD_KEYWORD:
        value.type = VALUE_TEXT;
        value.text = string_map_get(&column->dictionary, column->codes[entity]);
        break;
    case FIELD_KEYWORD_LIST: {
        const struct code_list *list = &column->lists[entity];
        size_t count = list->count < capacity ? list->count : capacity;
        for (size_t i = 0; i < count; i++)
            space[i] = string_map_get(&column->dictionary, list->codes[i]);
        value.type = VALUE_TEXT_LIST;
        value.list.texts = space;
        value.list.count = count;
        break;
    }
    case FIELD_TEXT:
        value.type = VALUE_TEXT;
        value.text = slice_of(column->texts[entity].text, column->texts[entity].bytes);
        break;
    case FIELD_INTEGER:
    case FIELD_TIMESTAMP:
        value.type = column->type == FIELD_INTEGER ? VALUE_INTEGER : VALUE_TIMESTAMP;
        value.integer = column->integers[entity];
        break;
    case FIELD_FLOAT:
        value.type = VALUE_FLOAT;
        value.number = column->floats[entity];
        break;
    case FIELD_BOOLEAN:
        value.type = VALUE_BOOLEAN;
        value.boolean = column->booleans[entity];
        break;
    case FIELD_REFERENCE:
        value.type = VALUE_REFERENCE;
        value.reference = column->references[entity];
        break;
    }
    return value;
}

bool column_number(const struct column *column, ordinal entity, double *number)
{
    *number = 0;
    if (!bitset_has(&column->present, entity)) return false;
    switch (column->type) {
    case FIELD_INTEGER:
    case FIELD_TIMESTAMP:
        *number = (double)column->integers[entity];
        return true;
    case FIELD_FLOAT:
        *number = column->floats[entity];
        return true;
    case FIELD_BOOLEAN:
        *number = column->booleans[entity];
        return true;
    default:
        return false;
    }
}

const uint32_t *column_codes(const struct column *column, ordinal entity, size_t *count)
{
    *count = 0;
    if (!bitset_has(&column->present, entity)) return NULL;
    if (column->type == FIELD_KEYWORD) {
        *count = 1;
        return &column->codes[entity];
    }
    if (column->type != FIELD_KEYWORD_LIST) return NULL;
    *count = column->lists[entity].count;
    return column->lists[entity].codes;
}

size_t column_bytes(const struct column *column)
{
    return column->capacity * element_bytes(column->type) + column->owned_bytes +
           column->present.word_capacity * sizeof(uint64_t) + string_map_bytes(&column->dictionary);
}
