/* Any text: a statement or an error with its place.  A statement is split off a script where it
 * ends, says the same when its own text is parsed again (definitions are kept as text), is checked
 * twice alike, and what it binds to has one encoding. */
#include "fuzz/fuzz.h"
#include "fuzz/world.h"
#include "query/bind.h"
#include "query/check.h"
#include "query/json.h"

#define ARENA_BYTES ((size_t)1 << 28)

static void check_error(const struct error *error, enum code code, struct slice text)
{
    FUZZ_CHECK(error->code == code && error->message[0] != '\0');
    FUZZ_CHECK(error->position == ERROR_NO_POSITION || error->position <= text.bytes);
}

/* Every object in it is one: only then does splitting promise anything. */
static bool bodies_are_json(const struct statement *statement, struct arena *arena)
{
    struct json json;
    struct error error;
    if (statement->kind == STATEMENT_TRANSACTION) {
        for (size_t i = 0; i < statement->transaction.count; i++)
            if (!bodies_are_json(&statement->transaction.statements[i], arena)) return false;
        return true;
    }
    if (statement->kind != STATEMENT_PUT && statement->kind != STATEMENT_PATCH) return true;
    if (statement->put.body.kind != OPERAND_LITERAL) return true;
    return json_parse(statement->put.body.value.text, arena, &json, &error) == CODE_OK;
}

/* Splitting always ends, and moves on. */
static void split_script(struct slice script)
{
    bool blank;
    while (script.bytes > 0) {
        size_t bytes = statement_bytes(script, &blank);
        FUZZ_CHECK(bytes <= script.bytes);
        if (bytes == 0) return;
        FUZZ_CHECK(script.data[bytes - 1] == ';');
        script = slice_of(script.data + bytes, script.bytes - bytes);
    }
}

static void split_statement(const struct statement *statement, struct arena *arena)
{
    struct slice text = statement->text;
    bool blank;
    if (!bodies_are_json(statement, arena)) return;
    uint8_t *script = arena_allocate(arena, text.bytes + 2);
    FUZZ_CHECK(script);
    memcpy(script, text.data, text.bytes);
    memcpy(script + text.bytes, ";;", 2);
    FUZZ_CHECK(statement_bytes(slice_of(script, text.bytes + 2), &blank) == text.bytes + 1);
    FUZZ_CHECK(!blank);
}

/* What stands is spelt with the names of now, each where it is said to be; behind the `given` ones,
 * which are made without a text, it is a definition. */
static void check_definitions(const struct schema *schema, size_t given, struct arena *arena)
{
    for (size_t i = 0; i < schema->definition_count; i++) {
        const struct defined *defined = &schema->definitions[i];
        struct statement statement;
        struct error error;
        if (i >= given) {
            FUZZ_CHECK(statement_parse(defined->text, arena, &statement, &error) == CODE_OK);
            FUZZ_CHECK(statement.kind == STATEMENT_DEFINE);
            FUZZ_CHECK(statement.define.action == DEFINITION_ADD);
            FUZZ_CHECK(statement.define.kind == defined->kind);
        }
        for (size_t j = 0; j < defined->mention_count; j++) {
            const struct mention *mention = &defined->mentions[j];
            FUZZ_CHECK(mention->offset + mention->bytes <= defined->text.bytes);
            if (mention->bytes == 0) continue;
            struct slice name = slice_of(defined->text.data + mention->offset, mention->bytes);
            if (mention->kind == DEFINE_SIGNAL)
                FUZZ_CHECK(slice_equal(name, schema->signals[mention->id].name));
            if (mention->kind == DEFINE_FIELD)
                FUZZ_CHECK(slice_equal(name, schema->fields[mention->id].name));
            if (mention->kind == DEFINE_RELATION)
                FUZZ_CHECK(slice_equal(name, schema->relations[mention->id].name));
        }
    }
}

static void parse_again(const struct statement *statement, const struct schema *schema,
                        struct arena *arena)
{
    struct statement again;
    struct error error;
    FUZZ_CHECK(statement_parse(statement->text, arena, &again, &error) == CODE_OK);
    FUZZ_CHECK(again.kind == statement->kind && slice_equal(again.text, statement->text));
    FUZZ_CHECK(again.parameter_count == statement->parameter_count);
    if (statement->kind != STATEMENT_DEFINE) return;
    struct schema *first = NULL, *second = NULL;
    struct violations *violations = arena_allocate(arena, sizeof *violations);
    FUZZ_CHECK(violations);
    enum code code = schema_extend(schema, &statement->define, &first, violations, &error);
    FUZZ_CHECK(schema_extend(schema, &again.define, &second, violations, &error) == code);
    if (code != CODE_OK) return;
    FUZZ_CHECK(schema_fingerprint(first) == schema_fingerprint(second));
    FUZZ_CHECK(schema_fingerprint(first) != schema_fingerprint(schema));
    check_definitions(first, schema->definition_count, arena);
    schema_free(first);
    schema_free(second);
}

/* A value for each parameter, of a type that follows from its name. */
static struct bindings make_bindings(const struct statement *statement, struct arena *arena)
{
    static const char object[] = "{\"title\": \"a\", \"year\": null}";
    const struct value some[] = {
        {.type = VALUE_INTEGER, .integer = 7},
        {.type = VALUE_REFERENCE, .reference = UINT64_MAX},
        {.type = VALUE_TEXT, .text = slice_of(object, sizeof object - 1)},
        {.type = VALUE_FLOAT, .number = 1e300},
        {.type = VALUE_TIMESTAMP, .integer = INT64_C(1793527200000)},
        {.type = VALUE_BOOLEAN, .boolean = true},
        {.type = VALUE_MISSING},
    };
    size_t count = statement->parameter_count;
    struct value *values = arena_array(arena, count + 1, sizeof *values);
    FUZZ_CHECK(values);
    for (size_t i = 0; i < count; i++)
        values[i] = some[statement->parameters[i].data[0] % (sizeof some / sizeof *some)];
    return (struct bindings){statement->parameters, values, count};
}

static void bind(const struct statement *statement, struct slice text, const struct schema *schema,
                 struct arena *arena)
{
    struct bindings bindings = make_bindings(statement, arena);
    struct bound_write write;
    struct error error = {.message = ""};
    enum code code = bind_write(statement, &bindings, schema, arena, &write, &error);
    FUZZ_CHECK(code == CODE_OK || code == CODE_INVALID || code == CODE_NOT_FOUND ||
               code == CODE_LIMIT || code == CODE_MISUSE);
    if (code == CODE_OK) {
        fuzz_check_change(&write.change, schema, arena);
    } else {
        check_error(&error, code, text);
    }
}

static void try_statement(struct slice text, const struct schema *schema, struct arena *arena)
{
    struct statement statement;
    struct error error = {.message = ""};
    enum code code = statement_parse(text, arena, &statement, &error);
    if (code != CODE_OK) {
        FUZZ_CHECK(code == CODE_INVALID || code == CODE_LIMIT);
        check_error(&error, code, text);
        return;
    }
    split_statement(&statement, arena);
    parse_again(&statement, schema, arena);
    code = statement_check(&statement, schema, arena, &error);
    FUZZ_CHECK(code == CODE_OK || code == CODE_INVALID || code == CODE_NOT_FOUND ||
               code == CODE_LIMIT);
    if (code != CODE_OK) check_error(&error, code, text);
    FUZZ_CHECK(statement_check(&statement, schema, arena, &error) == code);
    bind(&statement, text, schema, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct memory memory;
    struct arena arena;
    const struct schema *schema = fuzz_schema();
    memory_init(&memory, 0);
    arena_init(&arena, &memory, ARENA_BYTES);
    split_script(slice_of(data, bytes));
    try_statement(slice_of(data, bytes), schema, &arena);
    arena_release(&arena);
    memory_release(&memory);
    return 0;
}
