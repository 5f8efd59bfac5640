/* A small schema for fuzz targets, and what holds of every change. */
#ifndef TIDAL_FUZZ_WORLD_H
#define TIDAL_FUZZ_WORLD_H

#include "fuzz/fuzz.h"
#include "schema/change.h"
#include "unit/schema/declare.h"

/* declare_everything, and an embedding `look` of three dimensions; made once, and kept. */
static inline const struct schema *fuzz_schema(void)
{
    static struct declared declared;
    if (!declared.schema) {
        declared_init(&declared);
        declare_everything(&declared);
        must_declare(&declared, define_embedding("look", 3));
    }
    return declared.schema;
}

/* A change that passes the check has one encoding, which gives the same change back. */
static inline void fuzz_check_change(const struct change *change, const struct schema *schema,
                                     struct arena *arena)
{
    struct buffer bytes, again;
    struct change decoded;
    struct error error = {.message = ""};
    if (change_check(change, schema, &error) != CODE_OK) {
        FUZZ_CHECK(error.message[0] != '\0');
        return;
    }
    buffer_init(&bytes, arena->memory, CHANGE_BYTES_MAXIMUM);
    buffer_init(&again, arena->memory, CHANGE_BYTES_MAXIMUM);
    if (change_encode(change, &bytes, &error) == CODE_OK) {
        FUZZ_CHECK(change_decode(buffer_slice(&bytes), arena, &decoded, &error) == CODE_OK);
        FUZZ_CHECK(change_check(&decoded, schema, &error) == CODE_OK);
        FUZZ_CHECK(change_encode(&decoded, &again, &error) == CODE_OK);
        FUZZ_CHECK(slice_equal(buffer_slice(&bytes), buffer_slice(&again)));
    }
    buffer_release(&bytes);
    buffer_release(&again);
}

#endif
