#include "schema/value.h"

#include <assert.h>

const char *value_type_name(enum value_type type)
{
    static const char *const names[] = {
        [VALUE_MISSING] = "missing",     [VALUE_BOOLEAN] = "boolean",
        [VALUE_INTEGER] = "integer",     [VALUE_FLOAT] = "float",
        [VALUE_TIMESTAMP] = "timestamp", [VALUE_DURATION] = "duration",
        [VALUE_TEXT] = "text",           [VALUE_TEXT_LIST] = "list of texts",
        [VALUE_REFERENCE] = "reference", [VALUE_ID_LIST] = "list of ids",
        [VALUE_VECTOR] = "vector",
    };
    assert((size_t)type < sizeof names / sizeof *names);
    return names[type];
}

static bool lists_equal(const struct value *a, const struct value *b)
{
    if (a->list.count != b->list.count) return false;
    for (size_t i = 0; i < a->list.count; i++) {
        if (!slice_equal(a->list.texts[i], b->list.texts[i])) return false;
    }
    return true;
}

static bool ids_equal(const struct value *a, const struct value *b)
{
    if (a->ids.count != b->ids.count) return false;
    for (size_t i = 0; i < a->ids.count; i++) {
        if (a->ids.ids[i] != b->ids.ids[i]) return false;
    }
    return true;
}

static bool vectors_equal(const struct value *a, const struct value *b)
{
    if (a->vector.dimensions != b->vector.dimensions) return false;
    for (size_t i = 0; i < a->vector.dimensions; i++) {
        if (a->vector.numbers[i] != b->vector.numbers[i]) return false;
    }
    return true;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a->type != b->type) return false;
    switch (a->type) {
    case VALUE_MISSING:
        return true;
    case VALUE_BOOLEAN:
        return a->boolean == b->boolean;
    case VALUE_INTEGER:
    case VALUE_TIMESTAMP:
    case VALUE_DURATION:
        return a->integer == b->integer;
    case VALUE_FLOAT:
        return a->number == b->number;
    case VALUE_TEXT:
        return slice_equal(a->text, b->text);
    case VALUE_TEXT_LIST:
        return lists_equal(a, b);
    case VALUE_REFERENCE:
        return a->reference == b->reference;
    case VALUE_ID_LIST:
        return ids_equal(a, b);
    case VALUE_VECTOR:
        return vectors_equal(a, b);
    }
    assert(false && "a value has no such type");
    return false;
}
