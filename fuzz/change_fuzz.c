/* Any bytes give a change or CORRUPT or VERSION, and what is a change encodes to the same bytes:
 * the hash of these bytes is an event's identity. */
#include "fuzz/fuzz.h"
#include "fuzz/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct memory memory;
    struct arena arena;
    struct buffer again;
    struct change change;
    struct error error = {.message = ""};
    const struct schema *schema = fuzz_schema();
    memory_init(&memory, 0);
    arena_init(&arena, &memory, (size_t)1 << 28);
    buffer_init(&again, &memory, CHANGE_BYTES_MAXIMUM);
    enum code code = change_decode(slice_of(data, bytes), &arena, &change, &error);
    if (code == CODE_OK) {
        FUZZ_CHECK(change_encode(&change, &again, &error) == CODE_OK);
        FUZZ_CHECK(slice_equal(buffer_slice(&again), slice_of(data, bytes)));
        fuzz_check_change(&change, schema, &arena);
    } else {
        FUZZ_CHECK(code == CODE_CORRUPT || code == CODE_VERSION);
        FUZZ_CHECK(error.message[0] != '\0');
    }
    buffer_release(&again);
    arena_release(&arena);
    memory_release(&memory);
    return 0;
}
