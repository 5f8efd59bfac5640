/* A schema is never changed: what a statement defines, drops or renames makes a new one, of a copy
 * of the old. */
#include "schema/schema.h"

#include "schema/builder.h"
#include "schema/copy.h"

enum { SCHEMA_BYTES_MAXIMUM = 64 << 20 };

/* An empty schema that lies in its own arena; NULL on no memory. */
static struct schema *schema_allocate(struct memory *memory)
{
    struct arena *arena = memory_allocate(memory, sizeof *arena);
    if (!arena) return NULL;
    arena_init(arena, memory, SCHEMA_BYTES_MAXIMUM);
    struct schema *schema = arena_allocate(arena, sizeof *schema);
    if (!schema) {
        arena_release(arena);
        memory_free(memory, arena, sizeof *arena);
        return NULL;
    }
    schema->memory = memory;
    schema->arena = arena;
    return schema;
}

void schema_free(struct schema *schema)
{
    if (!schema) return;
    struct memory *memory = schema->memory;
    struct arena *arena = schema->arena;
    arena_release(arena);
    memory_free(memory, arena, sizeof *arena);
}

/* Tells the schema's own limit from the machine's. */
static enum code no_room(const struct schema *schema, struct error *error)
{
    const size_t largest_block = 2 << 20;
    if (schema && schema->arena->used_bytes + largest_block > SCHEMA_BYTES_MAXIMUM) {
        error_set(error, CODE_LIMIT, AREA_SCHEMA, "the definitions together exceed %d MiB",
                  SCHEMA_BYTES_MAXIMUM >> 20);
        error_hint(error, "define fewer or shorter profiles");
        return error->code;
    }
    return error_no_memory(error, AREA_SCHEMA, schema ? largest_block : sizeof *schema);
}

static struct signal builtin_signal(const char *name, signal_id id)
{
    return (struct signal){.name = slice_of(name, strlen(name)),
                           .id = id,
                           .kind = ENTITY_ITEM,
                           .lateness_ms = LATENESS_DEFAULT_MS,
                           .positive_from = -__builtin_inf(),
                           .negative_below = __builtin_inf(),
                           .builtin = true};
}

static void add_builtin_signals(struct schema *schema)
{
    const int64_t hour_ms = 3600000;
    struct signal impression = builtin_signal("impression", SIGNAL_IMPRESSION);
    impression.window_count = 3;
    impression.window_ms[0] = hour_ms;
    impression.window_ms[1] = 24 * hour_ms;
    impression.window_ms[2] = 7 * 24 * hour_ms;
    impression.half_life_count = 1;
    impression.half_life_ms[0] = 24 * hour_ms;
    impression.lambda[0] = half_life_lambda(24 * hour_ms);
    struct signal hide = builtin_signal("hide", SIGNAL_HIDE);
    hide.unique_per_user = true;
    hide.negative = true;
    schema->signals[SIGNAL_IMPRESSION] = impression;
    schema->signals[SIGNAL_HIDE] = hide;
    schema->signal_count = 2;
}

enum code schema_create(struct memory *memory, struct schema **schema, struct error *error)
{
    struct schema *created = schema_allocate(memory);
    if (created) created->signals = arena_array(created->arena, 2, sizeof *created->signals);
    if (!created || !created->signals) {
        enum code code = no_room(created, error);
        schema_free(created);
        return code;
    }
    add_builtin_signals(created);
    *schema = created;
    return CODE_OK;
}

static void copy_signals(struct copier *copier, const struct schema *old, struct schema *new)
{
    new->signals = copy_array(copier, old->signals, old->signal_count, 1, sizeof *new->signals);
    new->signal_count = old->signal_count;
    for (size_t i = 0; new->signals &&i < old->signal_count; i++)
        new->signals[i].name = copy_slice(copier, old->signals[i].name);
}

static void copy_fields(struct copier *copier, const struct schema *old, struct schema *new)
{
    new->fields = copy_array(copier, old->fields, old->field_count, 1, sizeof *new->fields);
    new->field_count = old->field_count;
    for (size_t i = 0; new->fields &&i < old->field_count; i++) {
        new->fields[i].name = copy_slice(copier, old->fields[i].name);
        new->fields[i].analyzer = copy_slice(copier, old->fields[i].analyzer);
    }
    new->embeddings =
        copy_array(copier, old->embeddings, old->embedding_count, 1, sizeof *new->embeddings);
    new->embedding_count = old->embedding_count;
    for (size_t i = 0; new->embeddings &&i < old->embedding_count; i++)
        new->embeddings[i].name = copy_slice(copier, old->embeddings[i].name);
}

static void copy_relations(struct copier *copier, const struct schema *old, struct schema *new)
{
    new->relations =
        copy_array(copier, old->relations, old->relation_count, 1, sizeof *new->relations);
    new->relation_count = old->relation_count;
    for (size_t i = 0; new->relations &&i < old->relation_count; i++)
        new->relations[i].name = copy_slice(copier, old->relations[i].name);
    new->contexts = copy_array(copier, old->contexts, old->context_count, 1, sizeof *new->contexts);
    new->context_count = old->context_count;
    for (size_t i = 0; new->contexts &&i < old->context_count; i++)
        new->contexts[i].name = copy_slice(copier, old->contexts[i].name);
}

static void copy_profiles(struct copier *copier, const struct schema *old, struct schema *new)
{
    new->profiles = copy_array(copier, old->profiles, old->profile_count, 1, sizeof *new->profiles);
    new->profile_count = old->profile_count;
    for (size_t i = 0; new->profiles &&i < old->profile_count; i++) {
        const struct profile *from = &old->profiles[i];
        struct profile *to = &new->profiles[i];
        struct copier inner;
        copier_init(&inner, copier->arena, from->text);
        to->text = inner.to;
        to->name = copy_slice(&inner, from->name);
        copy_ranking(&inner, &from->ranking, &to->ranking);
        copier->failed |= inner.failed;
    }
}

static void copy_texts(struct copier *copier, const struct schema *old, struct schema *new)
{
    new->texts = copy_array(copier, old->texts, old->text_count, 1, sizeof *new->texts);
    new->text_count = old->text_count;
    for (size_t i = 0; new->texts &&i < old->text_count; i++)
        new->texts[i] = copy_slice(copier, old->texts[i]);
    new->definitions =
        copy_array(copier, old->definitions, old->definition_count, 1, sizeof *new->definitions);
    new->definition_count = old->definition_count;
    for (size_t i = 0; new->definitions &&i < old->definition_count; i++) {
        struct defined *defined = &new->definitions[i];
        bool is_profile = defined->kind == DEFINE_PROFILE && new->profiles;
        defined->text = is_profile ? new->profiles[defined->id].text
                                   : copy_slice(copier, old->definitions[i].text);
        defined->mentions = copy_array(copier, defined->mentions, defined->mention_count, 0,
                                       sizeof *defined->mentions);
    }
    new->former_names =
        copy_array(copier, old->former_names, old->former_name_count, 1, sizeof *new->former_names);
    new->former_name_count = old->former_name_count;
    for (size_t i = 0; new->former_names &&i < old->former_name_count; i++)
        new->former_names[i].name = copy_slice(copier, old->former_names[i].name);
}

/* A copy of `old` whose arrays have room for one more; NULL on no memory, with `error` filled. */
static struct schema *schema_copy(const struct schema *old, struct error *error)
{
    struct schema *new = schema_allocate(old->memory);
    if (!new) {
        no_room(NULL, error);
        return NULL;
    }
    struct copier copier;
    new->altered = old->altered;
    copier_init(&copier, new->arena, slice_of("", 0));
    copy_signals(&copier, old, new);
    copy_fields(&copier, old, new);
    copy_relations(&copier, old, new);
    copy_profiles(&copier, old, new);
    copy_texts(&copier, old, new);
    if (copier.failed) {
        no_room(new, error);
        schema_free(new);
        return NULL;
    }
    return new;
}

enum code schema_extend(const struct schema *old, const struct definition *definition,
                        struct schema **schema, struct violations *violations, struct error *error)
{
    enum code code = CODE_OK;
    struct definition copy;
    struct copier copier;
    violations->count = 0;
    struct schema *new = schema_copy(old, error);
    if (!new) return error->code;

    /* The copy is what gets checked, since checking an expression writes into it. */
    copier_init(&copier, new->arena, definition->text);
    copy_definition(&copier, definition, &copy);
    if (copier.failed) {
        code = no_room(new, error);
        goto out;
    }
    if (!builder_follow(new, &copy, definition->text, violations)) {
        code = no_room(new, error);
        goto out;
    }
    TRY(violations_error(violations, error));
    new->texts[new->text_count++] = copy.text;
    *schema = new;
    new = NULL;
out:
    schema_free(new);
    return code;
}
