/* The oracle of the store: a sorted array of rows, searched from its start. */
#ifndef TIDAL_TESTS_STORE_MODEL_H
#define TIDAL_TESTS_STORE_MODEL_H

#include "base/choices.h"
#include "storage/store.h"

#include <stdio.h>

enum { MODEL_KEY_BYTES = 3, MODEL_VALUE_BYTES = 40, MODEL_ROWS = 256 };

struct model_row {
    uint8_t key[MODEL_KEY_BYTES];
    size_t key_bytes;
    uint8_t value[MODEL_VALUE_BYTES];
    size_t value_bytes;
};

struct model {
    struct model_row rows[KEYSPACE_COUNT][MODEL_ROWS];
    size_t counts[KEYSPACE_COUNT];
};

static inline struct slice model_key(const struct model_row *row)
{
    return slice_of(row->key, row->key_bytes);
}

static inline struct slice model_value(const struct model_row *row)
{
    return slice_of(row->value, row->value_bytes);
}

/* The position of the first row whose key is not below. */
static inline size_t model_position(const struct model *model, enum keyspace keyspace,
                                    struct slice key)
{
    size_t i = 0;
    while (i < model->counts[keyspace] &&
           slice_compare(model_key(&model->rows[keyspace][i]), key) < 0)
        i++;
    return i;
}

static inline struct model_row *model_find(struct model *model, enum keyspace keyspace,
                                           struct slice key)
{
    size_t i = model_position(model, keyspace, key);
    struct model_row *row = &model->rows[keyspace][i];
    return i < model->counts[keyspace] && slice_equal(model_key(row), key) ? row : NULL;
}

static inline void model_delete(struct model *model, enum keyspace keyspace, struct slice key)
{
    struct model_row *row = model_find(model, keyspace, key);
    if (!row) return;
    size_t i = (size_t)(row - model->rows[keyspace]), after = --model->counts[keyspace] - i;
    memmove(row, row + 1, after * sizeof *row);
}

static inline void model_put(struct model *model, enum keyspace keyspace,
                             const struct model_row *row)
{
    model_delete(model, keyspace, model_key(row));
    size_t i = model_position(model, keyspace, model_key(row));
    struct model_row *at = &model->rows[keyspace][i];
    memmove(at + 1, at, (model->counts[keyspace]++ - i) * sizeof *at);
    *at = *row;
}

/* Few keys, so that they meet; bytes at the ends of the order, so that bounds are met too. */
static inline void model_draw(struct choices *choices, struct model_row *row)
{
    static const uint8_t symbols[] = {'a', 0x00, 0xff, 'b'};
    row->key_bytes = (size_t)choose(choices, MODEL_KEY_BYTES);
    for (size_t i = 0; i < row->key_bytes; i++)
        row->key[i] = symbols[choose(choices, sizeof symbols - 1)];
    row->value_bytes = (size_t)choose(choices, MODEL_VALUE_BYTES);
    for (size_t i = 0; i < row->value_bytes; i++)
        row->value[i] = (uint8_t)choose(choices, 255);
}

/* Do a scan and the model's rows lower <= key < upper agree? */
static inline bool model_agrees(const struct model *model, struct store *store,
                                enum keyspace keyspace, struct key_range range)
{
    struct store_scan *scan = NULL;
    struct slice key, value;
    struct error error;
    bool has_row = false;
    size_t i = model_position(model, keyspace, range.lower);
    bool ok = store_scan_open(store, keyspace, range, &scan, &error) == CODE_OK;
    for (; ok; i++) {
        const struct model_row *row = &model->rows[keyspace][i];
        bool expected = i < model->counts[keyspace] &&
                        (range.upper.bytes == 0 || slice_compare(model_key(row), range.upper) < 0);
        ok =
            store_scan_next(scan, &key, &value, &has_row, &error) == CODE_OK && has_row == expected;
        if (!ok || !has_row) break;
        ok = slice_equal(key, model_key(row)) && slice_equal(value, model_value(row));
    }
    store_scan_close(scan);
    return ok;
}

static inline bool model_agrees_everywhere(const struct model *model, struct store *store)
{
    for (enum keyspace keyspace = 0; keyspace < KEYSPACE_COUNT; keyspace++) {
        if (model_agrees(model, store, keyspace, (struct key_range){0})) continue;
        fprintf(stderr, "    keyspace %d differs from the model\n", (int)keyspace);
        return false;
    }
    return true;
}

#endif
