#include "schema/builder.h"

#include "schema/mentions.h"
#include "schema/names.h"

#include <assert.h>
#include <math.h>

static const double weight_maximum = 1000;

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

bool duration_check(const struct duration *duration, const char *what,
                    struct violations *violations)
{
    double ms = duration->milliseconds;
    if (isnan(ms) || isinf(ms)) {
        violations_add(violations, duration->position, "write a number and a unit, as in 24h",
                       "%s is not finite", what);
    } else if (ms <= 0) {
        violations_add(violations, duration->position, "write a duration above 0, as in 24h",
                       "%s is %s", what, ms < 0 ? "negative" : "zero");
    } else if (ms > (double)DURATION_MAXIMUM_MS) {
        violations_add(violations, duration->position, "use at most 366d",
                       "%s is longer than 366 days", what);
    } else if (ms != (double)(int64_t)ms) {
        violations_add(violations, duration->position, "use whole milliseconds",
                       "%s is not a whole number of milliseconds", what);
    } else {
        return true;
    }
    return false;
}

/* How many of a kind stand. */
static size_t count_live(const struct schema *schema, enum definition_kind kind)
{
    size_t count = kind == DEFINE_SIGNAL ? BUILTIN_SIGNALS : 0;
    for (size_t i = 0; i < schema->definition_count; i++) {
        const struct defined *defined = &schema->definitions[i];
        bool counted = kind == DEFINE_SIGNAL && signal_is_builtin((signal_id)defined->id);
        count += defined->kind == kind && !counted;
    }
    return count;
}

void builder_check_count(const struct schema *schema, const struct builder_limit *limit,
                         uint64_t position, struct violations *violations)
{
    size_t live = count_live(schema, limit->kind);
    if (live >= limit->live) {
        violations_add(violations, position, "the limit is fixed", "there are already %zu %s", live,
                       limit->what);
    } else if (limit->ids > 0 && limit->given >= limit->ids) {
        violations_add(
            violations, position, "what is dropped keeps its number: rename what is left",
            "%zu %s have been defined, with those that were dropped", limit->given, limit->what);
    }
}

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

static void add_field(struct schema *schema, const struct field_definition *definition,
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

static void add_embedding(struct schema *schema, const struct embedding_definition *definition,
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

static void add_relation(struct schema *schema, const struct relation_definition *definition,
                         struct violations *violations)
{
    const struct name *name = &definition->name;
    if (name_check(name, "relation", violations) && schema_find_relation(schema, name->text))
        violations_add(violations, name->position, "choose another name",
                       "relation '%.*s' is already defined", NAME_ARGUMENTS(name->text));
    const struct builder_limit limit = {DEFINE_RELATION, "relations", LIMIT_RELATIONS,
                                        schema->relation_count, LIMIT_RELATION_IDS};
    builder_check_count(schema, &limit, name->position, violations);
    if (definition->excluding && definition->from != ENTITY_USER)
        violations_add(violations, name->position, "define it FROM user",
                       "excluding relation '%.*s' begins at %s, but only users exclude",
                       NAME_ARGUMENTS(name->text), entity_kind_name(definition->from));
    if (violations->count > 0) return;
    schema->relations[schema->relation_count] = (struct relation){
        .name = name->text,
        .id = (relation_id)schema->relation_count,
        .from = definition->from,
        .to = definition->to,
        .excluding = definition->excluding,
    };
    schema->relation_count++;
}

static bool context_type_allowed(enum field_type type)
{
    return type == FIELD_KEYWORD || type == FIELD_INTEGER || type == FIELD_FLOAT ||
           type == FIELD_BOOLEAN || type == FIELD_TIMESTAMP;
}

static void add_context(struct schema *schema, const struct context_definition *definition,
                        struct violations *violations)
{
    const struct name *name = &definition->name;
    if (name_check(name, "context", violations) && schema_find_context(schema, name->text))
        violations_add(violations, name->position, "choose another name",
                       "context '%.*s' is already defined", NAME_ARGUMENTS(name->text));
    const struct builder_limit limit = {DEFINE_CONTEXT, "contexts", LIMIT_CONTEXTS,
                                        schema->context_count, LIMIT_CONTEXT_IDS};
    builder_check_count(schema, &limit, name->position, violations);
    if (!context_type_allowed(definition->type))
        violations_add(violations, name->position,
                       "use keyword, integer, float, boolean or timestamp",
                       "context '%.*s' cannot be a %s", NAME_ARGUMENTS(name->text),
                       field_type_name(definition->type));
    if (violations->count > 0) return;
    schema->contexts[schema->context_count] = (struct context){
        .name = name->text, .id = (uint16_t)schema->context_count, .type = definition->type};
    schema->context_count++;
}

static void add(struct schema *schema, const struct definition *definition,
                struct violations *violations)
{
    switch (definition->kind) {
    case DEFINE_FIELD:
        add_field(schema, &definition->field, violations);
        break;
    case DEFINE_EMBEDDING:
        add_embedding(schema, &definition->embedding, violations);
        break;
    case DEFINE_SIGNAL:
        builder_add_signal(schema, &definition->signal, violations);
        break;
    case DEFINE_RELATION:
        add_relation(schema, &definition->relation, violations);
        break;
    case DEFINE_CONTEXT:
        add_context(schema, &definition->context, violations);
        break;
    case DEFINE_EXPOSURE:
        builder_add_exposure(schema, &definition->exposure, violations);
        break;
    case DEFINE_PROFILE:
        builder_add_profile(schema, &definition->profile, definition->text, violations);
        break;
    }
}

bool builder_follow(struct schema *schema, const struct definition *definition,
                    struct slice written, struct violations *violations)
{
    if (definition->action != DEFINITION_ADD) schema->altered = true;
    if (definition->action == DEFINITION_RENAME)
        return builder_rename(schema, definition, violations);
    if (definition->action == DEFINITION_DROP) {
        builder_drop(schema, definition, violations);
        return true;
    }
    add(schema, definition, violations);
    return violations->count > 0 || mentions_note(schema, definition, written);
}
