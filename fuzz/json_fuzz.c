/* Any bytes: our reader and jansson read the same, or both refuse.  Then, as the object of a PUT:
 * fields that pass the check of changes, or an error with its place. */
#include "fuzz/fuzz.h"
#include "fuzz/world.h"
#include "query/json_fields.h"
#include "unit/query/json_oracle.h"

static void read_fields(struct slice text, const struct schema *schema, struct arena *arena)
{
    struct json json;
    struct error error = {.message = ""};
    struct change change = {.kind = CHANGE_PATCH};
    if (json_parse(text, arena, &json, &error) != CODE_OK) {
        FUZZ_CHECK(error.message[0] && error.hint[0]);
        FUZZ_CHECK(error.position <= text.bytes);
        return;
    }
    for (int kind = 0; kind < ENTITY_KIND_COUNT; kind++) {
        change.put.entity.kind = (enum entity_kind)kind;
        enum code code = json_to_fields(&json, schema, arena, &change.put, &error);
        FUZZ_CHECK(code == CODE_OK || code == CODE_INVALID || code == CODE_NOT_FOUND);
        if (code != CODE_OK) {
            FUZZ_CHECK(error.message[0] && error.position < text.bytes);
        } else {
            fuzz_check_change(&change, schema, arena);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct memory memory;
    struct arena arena;
    char reason[ORACLE_REASON_BYTES];
    struct slice text = slice_of(data, bytes);
    const struct schema *schema = fuzz_schema();
    memory_init(&memory, 0);
    if (oracle_compare(text, &memory, reason) == ORACLE_DIFFERENT) {
        fprintf(stderr, "%s\n", reason);
        abort();
    }
    arena_init(&arena, &memory, (size_t)1 << 28);
    read_fields(text, schema, &arena);
    arena_release(&arena);
    memory_release(&memory);
    return 0;
}
