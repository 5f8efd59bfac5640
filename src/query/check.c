#include "query/check.h"

#include "query/training.h"
#include "schema/names.h"

#include <stdio.h>

enum code unknown_signal(const struct schema *schema, struct slice name, uint64_t position,
                         struct error *error)
{
    char hint[HINT_BYTES];
    name_hint(schema, DEFINE_SIGNAL, ENTITY_ITEM, name, "define it with DEFINE SIGNAL", hint);
    error_set(error, CODE_NOT_FOUND, AREA_QUERY, "signal '%.*s' does not exist",
              NAME_ARGUMENTS(name));
    error_at(error, position);
    error_hint(error, "%s", hint);
    return CODE_NOT_FOUND;
}

enum code unknown_relation(const struct schema *schema, const struct name *name,
                           struct error *error)
{
    char hint[HINT_BYTES];
    name_hint(schema, DEFINE_RELATION, ENTITY_ITEM, name->text, "define it with DEFINE RELATION",
              hint);
    error_set(error, CODE_NOT_FOUND, AREA_QUERY, "relation '%.*s' does not exist",
              NAME_ARGUMENTS(name->text));
    error_at(error, name->position);
    error_hint(error, "%s", hint);
    return CODE_NOT_FOUND;
}

enum code context_find(const struct schema *schema, const struct name *name,
                       const struct context **context, struct error *error)
{
    char hint[HINT_BYTES];
    *context = schema_find_context(schema, name->text);
    if (*context) return CODE_OK;
    name_hint(schema, DEFINE_CONTEXT, ENTITY_ITEM, name->text, "define it with DEFINE CONTEXT",
              hint);
    error_set(error, CODE_NOT_FOUND, AREA_QUERY, "context '%.*s' does not exist",
              NAME_ARGUMENTS(name->text));
    error_at(error, name->position);
    error_hint(error, "%s", hint);
    return CODE_NOT_FOUND;
}

enum code column_find(const struct schema *schema, const struct returning *returning,
                      struct column *column, struct error *error)
{
    struct slice name = returning->name.text;
    char hint[HINT_BYTES];
    *column = (struct column){.kind = returning->kind};
    if (returning->kind != RETURNING_FIELD) return CODE_OK;
    column->field = schema_find_field(schema, ENTITY_ITEM, name);
    column->embedding = schema_find_embedding(schema, ENTITY_ITEM, name);
    if (column->field || column->embedding) return CODE_OK;
    name_hint(schema, DEFINE_FIELD, ENTITY_ITEM, name, "SHOW SCHEMA lists the fields", hint);
    error_set(error, CODE_NOT_FOUND, AREA_QUERY, "field '%.*s' of item does not exist",
              NAME_ARGUMENTS(name));
    error_at(error, returning->name.position);
    error_hint(error, "%s", hint);
    return CODE_NOT_FOUND;
}

static enum code unknown_profile(const struct schema *schema, const struct name *name,
                                 int64_t version, struct error *error)
{
    char hint[HINT_BYTES];
    name_hint(schema, DEFINE_PROFILE, ENTITY_ITEM, name->text,
              "SHOW PROFILES lists them; DEFINE PROFILE makes one", hint);
    if (schema_find_profile(schema, name->text, 0)) {
        error_set(error, CODE_NOT_FOUND, AREA_QUERY, "profile '%.*s' has no version %lld",
                  NAME_ARGUMENTS(name->text), (long long)version);
        snprintf(hint, sizeof hint, "SHOW PROFILES lists the versions");
    } else {
        error_set(error, CODE_NOT_FOUND, AREA_QUERY, "profile '%.*s' does not exist",
                  NAME_ARGUMENTS(name->text));
    }
    error_at(error, name->position);
    error_hint(error, "%s", hint);
    return CODE_NOT_FOUND;
}

static bool spells_out(const struct ranking_definition *ranking)
{
    return ranking->source_count > 0 || ranking->term_count > 0 || ranking->factor_count > 0 ||
           ranking->gate_count > 0 || ranking->cap_count > 0;
}

enum code ranking_find(const struct retrieve_statement *retrieve, const struct schema *schema,
                       const struct ranking_definition **ranking, struct error *error)
{
    const struct name *name = &retrieve->profile;
    *ranking = &retrieve->ranking;
    if (name->text.bytes == 0) return CODE_OK;
    int64_t version = retrieve->version == -1 ? 0 : retrieve->version;
    bool possible = retrieve->version == -1 || (version > 0 && version <= UINT32_MAX);
    const struct profile *profile =
        possible ? schema_find_profile(schema, name->text, (uint32_t)version) : NULL;
    if (!profile) return unknown_profile(schema, name, retrieve->version, error);
    if (spells_out(&retrieve->ranking)) {
        error_set(error, CODE_INVALID, AREA_QUERY,
                  "USING '%.*s' and clauses of a ranking exclude each other",
                  NAME_ARGUMENTS(name->text));
        error_at(error, name->position);
        error_hint(error, "leave out USING, or define a profile with these clauses");
        return CODE_INVALID;
    }
    *ranking = &profile->ranking;
    return CODE_OK;
}

enum code retrieve_check(const struct retrieve_statement *retrieve, const struct schema *schema,
                         struct arena *arena, struct error *error)
{
    struct violations *violations = arena_allocate(arena, sizeof *violations);
    struct ranking_definition ranking = retrieve->ranking;
    if (!violations) return error_no_memory(error, AREA_QUERY, sizeof *violations);
    bool ok = ranking_check(&ranking, schema, violations);
    if (retrieve->where)
        ok = expression_check(retrieve->where, schema, TYPE_BOOLEAN, violations) && ok;
    return ok ? CODE_OK : violations_error(violations, error);
}

enum code item_check(const struct retrieve_statement *retrieve,
                     const struct ranking_definition *ranking, struct error *error)
{
    for (size_t i = 0; i < ranking->source_count && !retrieve->has_item; i++) {
        const struct source_definition *source = &ranking->sources[i];
        if (source->kind != SOURCE_COENGAGED || !source->seeds.of_item) continue;
        error_set(error, CODE_INVALID, AREA_QUERY,
                  "the source %.*s needs an item, and the statement names none",
                  NAME_ARGUMENTS(source->text));
        if (retrieve->profile.text.bytes == 0) error_at(error, source->position);
        error_hint(error, "write RETRIEVE items FOR item 1001");
        return CODE_INVALID;
    }
    return CODE_OK;
}

/* Pages go on from what is ranked now; scores are those of the first page. */
static enum code check_paged(const struct statement *statement, struct error *error)
{
    const struct retrieve_statement *retrieve = &statement->retrieve;
    const char *other = statement->kind == STATEMENT_WHY_NOT   ? "WHY NOT"
                        : retrieve->explain                    ? "EXPLAIN"
                        : retrieve->record                     ? "RECORD"
                        : retrieve->as_of.kind != OPERAND_NONE ? "AS OF"
                                                               : NULL;
    if (!retrieve->paged) return CODE_OK;
    for (size_t i = 0; !other && i < retrieve->returning_count; i++)
        if (retrieve->returning[i].kind == RETURNING_EXPLAIN) other = "RETURNING explain";
    if (!other) return CODE_OK;
    error_set(error, CODE_INVALID, AREA_QUERY, "PAGED and %s exclude each other", other);
    error_at(error, retrieve->paged_position);
    error_hint(error, "leave out one of them");
    return CODE_INVALID;
}

static enum code check_retrieve(const struct statement *statement, const struct schema *schema,
                                struct arena *arena, struct error *error)
{
    const struct retrieve_statement *retrieve = &statement->retrieve;
    const struct ranking_definition *ranking;
    const struct context *context;
    struct column column;
    enum code code;
    TRY(check_paged(statement, error));
    /* What it names may be there no more, or another thing: that is judged when it runs, there. */
    if (retrieve->as_of.kind != OPERAND_NONE) return CODE_OK;
    TRY(ranking_find(retrieve, schema, &ranking, error));
    TRY(retrieve_check(retrieve, schema, arena, error));
    TRY(item_check(retrieve, ranking, error));
    for (size_t i = 0; i < retrieve->returning_count; i++)
        TRY(column_find(schema, &retrieve->returning[i], &column, error));
    for (size_t i = 0; i < retrieve->context_count; i++)
        TRY(context_find(schema, &retrieve->contexts[i].name, &context, error));
out:
    return code;
}

static enum code check_define(const struct statement *statement, const struct schema *schema,
                              struct arena *arena, struct error *error)
{
    struct violations *violations = arena_allocate(arena, sizeof *violations);
    struct schema *extended = NULL;
    if (statement->parameter_count > 0) {
        error_set(error, CODE_INVALID, AREA_QUERY,
                  "a definition takes no parameters, and has '$%.*s'",
                  NAME_ARGUMENTS(statement->parameters[0]));
        error_hint(error, "write the value out");
        return CODE_INVALID;
    }
    if (!violations) return error_no_memory(error, AREA_QUERY, sizeof *violations);
    enum code code = schema_extend(schema, &statement->define, &extended, violations, error);
    if (code == CODE_OK) schema_free(extended);
    return code;
}

static enum code check_transaction(const struct statement *statement, const struct schema *schema,
                                   struct arena *arena, struct error *error)
{
    enum code code = CODE_OK;
    for (size_t i = 0; i < statement->transaction.count; i++)
        TRY(statement_check(&statement->transaction.statements[i], schema, arena, error));
out:
    return code;
}

enum code statement_check(const struct statement *statement, const struct schema *schema,
                          struct arena *arena, struct error *error)
{
    switch (statement->kind) {
    case STATEMENT_DEFINE:
        return check_define(statement, schema, arena, error);
    case STATEMENT_SIGNAL: {
        const struct name *name = &statement->signal.signal;
        if (schema_find_signal(schema, name->text)) return CODE_OK;
        return unknown_signal(schema, name->text, name->position, error);
    }
    case STATEMENT_RELATE:
    case STATEMENT_UNRELATE: {
        const struct name *name = &statement->relate.relation;
        if (schema_find_relation(schema, name->text)) return CODE_OK;
        return unknown_relation(schema, name, error);
    }
    case STATEMENT_EXPORT:
        return training_check(&statement->export, schema, error);
    case STATEMENT_TRANSACTION:
        return check_transaction(statement, schema, arena, error);
    case STATEMENT_RETRIEVE:
    case STATEMENT_WHY_NOT:
        return check_retrieve(statement, schema, arena, error);
    default:
        return CODE_OK;
    }
}
