#include "ranking/diversity.h"

#include "entities/entities.h"

void diversity_init(struct diversity *diversity, const struct view *view,
                    const struct cap_definition *caps, size_t cap_count, struct id_map *counts,
                    struct memory *memory)
{
    *diversity = (struct diversity){view, caps, cap_count, counts};
    for (size_t i = 0; i < cap_count; i++)
        id_map_init(&counts[i], memory);
}

void diversity_release(struct diversity *diversity)
{
    for (size_t i = 0; i < diversity->cap_count; i++)
        id_map_release(&diversity->counts[i]);
}

/* The item's values of a cap's field: `reference` holds the one of a reference. */
struct values {
    const uint32_t *codes;
    entity_id reference;
    size_t count;
};

static struct values values_of(const struct diversity *diversity, size_t cap, ordinal item)
{
    const struct field *field = &diversity->view->schema->fields[diversity->caps[cap].field_id];
    struct values values = {0};
    if (field->type == FIELD_REFERENCE) {
        struct value value = entities_value(diversity->view->entities, field, item, NULL, 0);
        values.count = value.type == VALUE_REFERENCE;
        values.reference = values.count > 0 ? value.reference : 0;
    } else {
        values.codes = entities_codes(diversity->view->entities, field, item, &values.count);
    }
    return values;
}

static uint64_t value_at(const struct values *values, size_t index)
{
    return values->codes ? values->codes[index] : values->reference;
}

static bool is_full(const struct diversity *diversity, size_t cap, ordinal item)
{
    struct values values = values_of(diversity, cap, item);
    for (size_t i = 0; i < values.count; i++) {
        const uint64_t *taken = id_map_find(&diversity->counts[cap], value_at(&values, i));
        if (taken && *taken >= (uint64_t)diversity->caps[cap].maximum) return true;
    }
    return false;
}

size_t diversity_blocks(const struct diversity *diversity, ordinal item)
{
    size_t cap = 0;
    while (cap < diversity->cap_count && !is_full(diversity, cap, item))
        cap++;
    return cap;
}

bool diversity_take(struct diversity *diversity, ordinal item)
{
    for (size_t cap = 0; cap < diversity->cap_count; cap++) {
        struct values values = values_of(diversity, cap, item);
        for (size_t i = 0; i < values.count; i++) {
            uint64_t value = value_at(&values, i);
            const uint64_t *taken = id_map_find(&diversity->counts[cap], value);
            if (!id_map_put(&diversity->counts[cap], value, taken ? *taken + 1 : 1)) return false;
        }
    }
    return true;
}
