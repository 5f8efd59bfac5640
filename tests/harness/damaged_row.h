/* A row that is not as it was written: cut off at each byte, then each byte changed to other
 * values.  It is refused, or what is loaded of it is right by itself. */
#ifndef TIDAL_TESTS_HARNESS_DAMAGED_ROW_H
#define TIDAL_TESTS_HARNESS_DAMAGED_ROW_H

#include "harness/store_rows.h"

struct damaged_row {
    struct store *store;
    enum keyspace keyspace;
    struct slice key;
    size_t head_bytes; /* of which every change is refused */
    int stride;        /* every so manyth other value of a byte is tried; 0: all 255 */
    /* Loads all rows anew; FAILED: something else than the rows is wrong with what was loaded. */
    enum code (*reload)(void *world, struct store *store);
    void *world;
    struct error error;
};

static inline enum code damaged_row_load(struct damaged_row *row, const uint8_t *bytes,
                                         size_t count)
{
    enum code code =
        store_put(row->store, row->keyspace, row->key, slice_of(bytes, count), &row->error);
    return code == CODE_OK ? row->reload(row->world, row->store) : CODE_FAILED;
}

static inline bool damaged_row_try(struct damaged_row *row, uint8_t *bytes, size_t count)
{
    for (size_t cut = 0; cut < count; cut++) {
        if (damaged_row_load(row, bytes, cut) == CODE_CORRUPT) continue;
        fprintf(stderr, "    cut off at byte %zu\n", cut);
        return false;
    }
    for (size_t at = 0; at < count; at++) {
        for (int flip = 1; flip<256; flip += row->stride> 0 ? row->stride : 1) {
            bytes[at] ^= (uint8_t)flip;
            enum code code = damaged_row_load(row, bytes, count);
            bytes[at] ^= (uint8_t)flip;
            bool refused = code == CODE_CORRUPT || code == CODE_VERSION;
            if (refused || (code == CODE_OK && at >= row->head_bytes)) continue;
            fprintf(stderr, "    byte %zu ^ %d: %s\n", at, flip, code_name(code));
            return false;
        }
    }
    return true;
}

/* Leaves the row as it was. */
static inline bool damaged_row_is_refused(struct damaged_row *row)
{
    struct memory *memory = row->store->memory;
    struct buffer value;
    bool found, well;
    buffer_init(&value, memory, 1 << 20);
    well = store_get(row->store, row->keyspace, row->key, &value, &found, &row->error) == CODE_OK &&
           found && damaged_row_try(row, value.data, value.bytes) &&
           damaged_row_load(row, value.data, value.bytes) == CODE_OK;
    buffer_release(&value);
    return well;
}

#endif
