/* Topics of an item: values of its fields that folds count by, as they are before the event. */
#include "engine/internal.h"

#include "entities/entities.h"
#include "signals/groups.h"

/* By which fields, and how many of a list at most. */
struct wanted {
    const struct field
        *fields[LIMIT_EXPOSURES > LIMIT_GROUP_FIELDS ? LIMIT_EXPOSURES : LIMIT_GROUP_FIELDS];
    size_t field_count, most;
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* No less than there are. */
static size_t count_topics(const struct entities *entities, const struct field *field, ordinal item,
                           size_t most)
{
    size_t count = 1;
    if (field->type != FIELD_REFERENCE) (void)entities_codes(entities, field, item, &count);
    return least(count, most);
}

static size_t add_topics(const struct entities *entities, const struct field *field, ordinal item,
                         size_t most, struct topic *topics)
{
    if (field->type == FIELD_REFERENCE) {
        struct value value = entities_value(entities, field, item, NULL, 0);
        topics[0] = (struct topic){field->id, value.reference};
        return value.type == VALUE_REFERENCE;
    }
    size_t count;
    const uint32_t *codes = entities_codes(entities, field, item, &count);
    count = least(count, most);
    for (size_t i = 0; i < count; i++) {
        struct slice text = entities_code_text(entities, field, codes[i]);
        topics[i] = (struct topic){field->id, group_of_text(text)};
    }
    return count;
}

/* NULL, and an error, on no memory. */
static struct topic *list_topics(struct database *database, const struct wanted *wanted,
                                 ordinal item, size_t *count, struct error *error)
{
    const struct entities *entities = database->entities;
    size_t capacity = 0;
    for (size_t i = 0; i < wanted->field_count; i++)
        capacity += count_topics(entities, wanted->fields[i], item, wanted->most);
    struct topic *topics = arena_array(&database->apply_arena, capacity + 1, sizeof *topics);
    if (!topics) {
        error_no_memory(error, AREA_ENGINE, capacity * sizeof *topics);
        return NULL;
    }
    *count = 0;
    for (size_t i = 0; i < wanted->field_count; i++)
        *count += add_topics(entities, wanted->fields[i], item, wanted->most, topics + *count);
    return topics;
}

enum code resolve_totalled(struct database *database, struct resolved_change *resolved,
                           struct error *error)
{
    const struct schema *schema = database->schema;
    const struct signal *signal = &schema->signals[resolved->change->signal.signal];
    struct wanted wanted = {.most = LIMIT_LIST_VALUES};
    for (; wanted.field_count < signal->group_count; wanted.field_count++)
        wanted.fields[wanted.field_count] =
            &schema->fields[signal->group_fields[wanted.field_count]];
    struct topic *topics =
        list_topics(database, &wanted, resolved->subject, &resolved->totalled_count, error);
    if (!topics) return error->code;
    for (size_t i = 0; i < resolved->totalled_count; i++)
        if (schema->fields[topics[i].field].type == FIELD_REFERENCE)
            topics[i].value = group_of_reference(topics[i].value);
    resolved->totalled = topics;
    return CODE_OK;
}

enum code resolve_exposed(struct database *database, struct resolved_change *resolved,
                          struct error *error)
{
    const struct schema *schema = database->schema;
    struct wanted wanted = {.most = EXPOSED_TOPICS};
    for (size_t i = 0; i < schema->field_count && wanted.field_count < LIMIT_EXPOSURES; i++)
        if (schema->fields[i].exposure_half_life_ms > 0)
            wanted.fields[wanted.field_count++] = &schema->fields[i];
    if (wanted.field_count == 0) return CODE_OK;
    resolved->exposed =
        list_topics(database, &wanted, resolved->subject, &resolved->exposed_count, error);
    return resolved->exposed ? CODE_OK : error->code;
}
