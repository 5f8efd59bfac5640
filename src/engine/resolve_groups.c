/* The values of an item by which its signal is totalled, as they are before the event. */
#include "engine/internal.h"

#include "entities/entities.h"
#include "signals/groups.h"

struct key_list {
    struct group_key keys[LIMIT_GROUP_FIELDS * LIMIT_LIST_VALUES];
    size_t count;
};

/* A value that is there twice counts once. */
static void add(struct key_list *list, field_id field, uint64_t value)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->keys[i].field == field && list->keys[i].value == value) return;
    list->keys[list->count++] = (struct group_key){field, value};
}

static void add_field(struct key_list *list, const struct database *database, field_id field,
                      ordinal item)
{
    struct slice texts[LIMIT_LIST_VALUES];
    struct value value = entities_value(database->entities, &database->schema->fields[field], item,
                                        texts, LIMIT_LIST_VALUES);
    if (value.type == VALUE_REFERENCE) add(list, field, group_of_reference(value.reference));
    if (value.type == VALUE_TEXT) add(list, field, group_of_text(value.text));
    for (size_t i = 0; value.type == VALUE_TEXT_LIST && i < value.list.count; i++)
        add(list, field, group_of_text(value.list.texts[i]));
}

enum code resolve_groups(struct database *database, struct resolved_change *resolved,
                         struct error *error)
{
    const struct signal *signal = &database->schema->signals[resolved->change->signal.signal];
    struct key_list list;
    list.count = 0;
    for (uint32_t i = 0; i < signal->group_count; i++)
        add_field(&list, database, signal->group_fields[i], resolved->subject);
    if (list.count == 0) return CODE_OK;
    struct group_key *keys = arena_array(&database->apply_arena, list.count, sizeof *keys);
    if (!keys) return error_no_memory(error, AREA_ENGINE, list.count * sizeof *keys);
    memcpy(keys, list.keys, list.count * sizeof *keys);
    resolved->groups = keys;
    resolved->group_count = list.count;
    return CODE_OK;
}
