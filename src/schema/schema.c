#include "schema/schema.h"

#include <assert.h>

const struct field *schema_find_field(const struct schema *schema, enum entity_kind kind,
                                      struct slice name)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        if (field->kind == kind && !field->dropped && slice_equal(field->name, name)) return field;
    }
    return NULL;
}

const struct field *schema_find_reference(const struct schema *schema, enum entity_kind kind)
{
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        if (field->kind == ENTITY_ITEM && field->type == FIELD_REFERENCE &&
            field->references == kind && !field->dropped)
            return field;
    }
    return NULL;
}

const struct field *schema_find_expiry(const struct schema *schema)
{
    for (size_t i = 0; i < schema->field_count; i++)
        if (schema->fields[i].expires) return &schema->fields[i];
    return NULL;
}

const struct embedding *schema_find_embedding(const struct schema *schema, enum entity_kind kind,
                                              struct slice name)
{
    for (size_t i = 0; i < schema->embedding_count; i++) {
        const struct embedding *embedding = &schema->embeddings[i];
        if (embedding->kind == kind && !embedding->dropped && slice_equal(embedding->name, name))
            return embedding;
    }
    return NULL;
}

const struct signal *schema_find_signal(const struct schema *schema, struct slice name)
{
    for (size_t i = 0; i < schema->signal_count; i++) {
        if (!schema->signals[i].dropped && slice_equal(schema->signals[i].name, name))
            return &schema->signals[i];
    }
    return NULL;
}

const struct relation *schema_find_relation(const struct schema *schema, struct slice name)
{
    for (size_t i = 0; i < schema->relation_count; i++) {
        if (!schema->relations[i].dropped && slice_equal(schema->relations[i].name, name))
            return &schema->relations[i];
    }
    return NULL;
}

const struct context *schema_find_context(const struct schema *schema, struct slice name)
{
    for (size_t i = 0; i < schema->context_count; i++) {
        if (!schema->contexts[i].dropped && slice_equal(schema->contexts[i].name, name))
            return &schema->contexts[i];
    }
    return NULL;
}

const struct profile *schema_find_profile(const struct schema *schema, struct slice name,
                                          uint32_t version)
{
    const struct profile *best = NULL;
    for (size_t i = 0; i < schema->profile_count; i++) {
        const struct profile *profile = &schema->profiles[i];
        if (profile->dropped || !slice_equal(profile->name, name)) continue;
        if (profile->version == version) return profile;
        if (version == 0 && (!best || profile->version > best->version)) best = profile;
    }
    return best;
}

const char *field_type_name(enum field_type type)
{
    static const char *const names[] = {
        [FIELD_KEYWORD] = "keyword",     [FIELD_KEYWORD_LIST] = "keyword[]",
        [FIELD_TEXT] = "text",           [FIELD_INTEGER] = "integer",
        [FIELD_FLOAT] = "float",         [FIELD_BOOLEAN] = "boolean",
        [FIELD_TIMESTAMP] = "timestamp", [FIELD_REFERENCE] = "reference",
    };
    assert((size_t)type < sizeof names / sizeof *names);
    return names[type];
}
