/* Any bytes as a backup's manifest: an error, or a manifest that is written again bit for bit.  The
 * last line, which nobody guesses, is also made. */
#include "audit/manifest.h"
#include "fuzz/fuzz.h"

static void read_manifest(struct slice text, struct memory *memory)
{
    struct manifest manifest;
    struct buffer again;
    struct error error = {.message = ""};
    manifest_init(&manifest, memory);
    buffer_init(&again, memory, MANIFEST_BYTES_MAXIMUM);
    enum code code = manifest_parse(text, &manifest, &error);
    FUZZ_CHECK(code == CODE_OK || code == CODE_CORRUPT || code == CODE_VERSION);
    FUZZ_CHECK(code == CODE_OK || error.message[0] != '\0');
    if (code == CODE_OK) {
        manifest_print(&manifest, &again);
        FUZZ_CHECK(slice_equal(buffer_slice(&again), text));
    }
    buffer_release(&again);
    manifest_release(&manifest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char digits[] = "0123456789abcdef";
    struct memory memory;
    struct buffer text;
    struct digest digest;
    uint8_t hash[DIGEST_BYTES];
    memory_init(&memory, 0);
    read_manifest(slice_of(data, bytes), &memory);
    buffer_init(&text, &memory, MANIFEST_BYTES_MAXIMUM);
    buffer_append(&text, data, bytes);
    digest_init(&digest);
    digest_bytes(&digest, slice_of(data, bytes));
    digest_finish(&digest, hash);
    buffer_append(&text, "end ", 4);
    for (size_t i = 0; i < sizeof hash; i++) {
        buffer_put_u8(&text, (uint8_t)digits[hash[i] >> 4]);
        buffer_put_u8(&text, (uint8_t)digits[hash[i] & 15]);
    }
    buffer_put_u8(&text, '\n');
    read_manifest(buffer_slice(&text), &memory);
    buffer_release(&text);
    memory_release(&memory);
    return 0;
}
