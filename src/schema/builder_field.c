/* Fields and embeddings. */
#include "schema/builder.h"

#include "schema/names.h"

static const double weight_maximum = 1000;

/* How a text's words become terms.  What is declared must be known to every later version. */
static bool analyzer_exists(struct slice name)
{
    static const char *const analyzers[] = {"simple", "english"};
    for (size_t i = 0; i < sizeof analyzers / sizeof *analyzers; i++)
        if (slice_equal(name, slice_of(analyzers[i], strlen(analyzers[i])))) return true;
    return false;
}

static void check_field_text(const struct field_definition *definition,
                             struct violations *violations)
{
    uint64_t position = definition->name.position;
    if (definition->type != FIELD_TEXT) {
        if (definition->weight != 1)
            violations_add(violations, position, "leave the weight out", "a %s field has no weight",
                           field_type_name(definition->type));
        if (definition->analyzer.bytes > 0)
            violations_add(violations, position, "leave the analyzer out",
                           "a %s field has no analyzer", field_type_name(definition->type));
        return;
    }
    if (!(definition->weight > 0 && definition->weight <= weight_maximum))
        violations_add(violations, position, "use a number above 0, at most 1000",
                       "weight of field '%.*s' is out of range",
                       NAME_ARGUMENTS(definition->name.text));
    if (definition->analyzer.bytes > 0) {
        if (analyzer_exists(definition->analyzer)) return;
        violations_add(violations, position, "there are: simple, english",
                       "analyzer '%.*s' does not exist", NAME_ARGUMENTS(definition->analyzer));
    }
}

/* Words of RETURNING that a field of items would hide. */
static void check_column(const struct name *name, struct violations *violations)
{
    static const char *const columns[] = {"id", "key", "rank", "source"};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
        if (!slice_equal(name->text, slice_of(columns[i], strlen(columns[i])))) continue;
        violations_add(violations, name->position, "choose another name",
                       "every item has a column '%s'", columns[i]);
    }
}

void builder_check_unused(const struct schema *schema, enum entity_kind kind,
                          const struct name *name, struct violations *violations)
{
    if (kind == ENTITY_ITEM) check_column(name, violations);
    const char *taken = NULL;
    if (schema_find_field(schema, kind, name->text)) taken = "field";
    if (schema_find_embedding(schema, kind, name->text)) taken = "embedding";
    if (!taken) return;
    violations_add(violations, name->position, "choose another name",
                   "%s '%.*s' of %s is already defined", taken, NAME_ARGUMENTS(name->text),
                   entity_kind_name(kind));
}

/* Nothing but items is retrieved, so nothing else can be kept out; and of two times it would have
 * to be said which one holds. */
static void check_expiry(const struct schema *schema, const struct field_definition *definition,
                         struct violations *violations)
{
    const struct name *name = &definition->name;
    const struct field *other = schema_find_expiry(schema);
    if (!definition->expires) return;
    if (definition->type != FIELD_TIMESTAMP)
        violations_add(violations, name->position, "define it as TIMESTAMP EXPIRES",
                       "a field of type %s cannot expire", field_type_name(definition->type));
    if (definition->kind != ENTITY_ITEM) {
        violations_add(violations, name->position, "leave EXPIRES out",
                       "only items expire, not a %s", entity_kind_name(definition->kind));
    } else if (other) {
        violations_add(violations, name->position, "leave EXPIRES out, or use that field",
                       "items expire by field '%.*s' already", NAME_ARGUMENTS(other->name));
    }
}

void builder_add_field(struct schema *schema, const struct field_definition *definition,
                       struct violations *violations)
{
    const struct name *name = &definition->name;
    if (name_check(name, "field", violations))
        builder_check_unused(schema, definition->kind, name, violations);
    const struct builder_limit limit = {DEFINE_FIELD, "fields", LIMIT_FIELDS, schema->field_count,
                                        LIMIT_FIELD_IDS};
    builder_check_count(schema, &limit, name->position, violations);
    check_field_text(definition, violations);
    check_expiry(schema, definition, violations);
    if (violations->count > 0) return;
    schema->fields[schema->field_count] = (struct field){
        .name = name->text,
        .id = (field_id)schema->field_count,
        .kind = definition->kind,
        .type = definition->type,
        .references = definition->references,
        .weight = definition->type == FIELD_TEXT ? definition->weight : 1,
        .analyzer = definition->analyzer,
        .expires = definition->expires,
    };
    schema->field_count++;
}

void builder_add_embedding(struct schema *schema, const struct embedding_definition *definition,
                           struct violations *violations)
{
    const struct name *name = &definition->name;
    if (name_check(name, "embedding", violations))
        builder_check_unused(schema, definition->kind, name, violations);
    const struct builder_limit limit = {DEFINE_EMBEDDING, "embeddings", LIMIT_EMBEDDINGS,
                                        schema->embedding_count, LIMIT_EMBEDDING_IDS};
    builder_check_count(schema, &limit, name->position, violations);
    if (definition->dimensions < 1 || definition->dimensions > LIMIT_DIMENSIONS)
        violations_add(violations, name->position, "use 1 to 4096 dimensions",
                       "embedding '%.*s' cannot have %lld dimensions", NAME_ARGUMENTS(name->text),
                       (long long)definition->dimensions);
    if (violations->count > 0) return;
    schema->embeddings[schema->embedding_count] = (struct embedding){
        .name = name->text,
        .id = (embedding_id)schema->embedding_count,
        .kind = definition->kind,
        .dimensions = (uint32_t)definition->dimensions,
        .metric = definition->metric,
    };
    schema->embedding_count++;
}
