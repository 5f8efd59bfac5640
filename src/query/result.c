#include "query/result.h"

#include <stdarg.h>
#include <stdio.h>

bool result_init(struct result *result, struct arena *arena, const char *const *columns,
                 size_t count)
{
    *result = (struct result){.arena = arena, .column_count = count};
    result->columns = arena_array(arena, count + 1, sizeof *result->columns);
    if (!result->columns) return false;
    for (size_t i = 0; i < count; i++) {
        result->columns[i] = arena_copy(arena, columns[i], strlen(columns[i]));
        if (!result->columns[i]) return false;
    }
    return true;
}

struct cell *result_row(struct result *result)
{
    size_t width = result->column_count;
    if (result->row_count == result->row_capacity) {
        size_t capacity = result->row_capacity > 0 ? result->row_capacity * 2 : 16;
        struct cell *cells = arena_array(result->arena, capacity * width, sizeof *cells);
        if (!cells) return NULL;
        if (result->row_count > 0)
            memcpy(cells, result->cells, result->row_count * width * sizeof *cells);
        result->cells = cells;
        result->row_capacity = capacity;
    }
    return &result->cells[result->row_count++ * width];
}

bool cell_set_text(struct result *result, struct cell *cell, struct slice text)
{
    char *copy = arena_copy(result->arena, text.data, text.bytes);
    if (!copy) return false;
    cell->type = CELL_TEXT;
    cell->text = slice_of(copy, text.bytes);
    return true;
}

bool cell_set_format(struct result *result, struct cell *cell, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t used = bytes < 0 ? 0 : (size_t)bytes;
    if (used >= sizeof text) used = sizeof text - 1;
    return cell_set_text(result, cell, slice_of(text, used));
}

int text_cut(struct slice text, int most)
{
    if (text.bytes <= (size_t)most) return (int)text.bytes;
    while (most > 0 && (text.data[most] & 0xc0) == 0x80)
        most--;
    return most;
}

void json_quote(struct buffer *out, struct slice text)
{
    buffer_put_u8(out, '"');
    for (size_t i = 0; i < text.bytes; i++) {
        uint8_t c = text.data[i];
        if (c == '"' || c == '\\') {
            buffer_put_u8(out, '\\');
            buffer_put_u8(out, c);
        } else if (c < 0x20) {
            buffer_printf(out, "\\u%04x", c);
        } else {
            buffer_put_u8(out, c);
        }
    }
    buffer_put_u8(out, '"');
}

static bool set_list(struct result *result, struct cell *cell, const struct value *value)
{
    struct buffer json;
    buffer_init(&json, result->arena->memory, SIZE_MAX);
    buffer_put_u8(&json, '[');
    for (size_t i = 0; i < value->list.count; i++) {
        if (i > 0) buffer_put_u8(&json, ',');
        json_quote(&json, value->list.texts[i]);
    }
    buffer_put_u8(&json, ']');
    bool ok = !json.failed && cell_set_text(result, cell, buffer_slice(&json));
    buffer_release(&json);
    return ok;
}

static bool set_vector(struct result *result, struct cell *cell, const struct value *value)
{
    size_t count = value->vector.dimensions;
    float *numbers = arena_array(result->arena, count, sizeof *numbers);
    if (!numbers) return false;
    memcpy(numbers, value->vector.numbers, count * sizeof *numbers);
    cell->type = CELL_VECTOR;
    cell->vector.numbers = numbers;
    cell->vector.dimensions = count;
    return true;
}

bool cell_set_value(struct result *result, struct cell *cell, const struct value *value)
{
    switch (value->type) {
    case VALUE_MISSING:
        cell->type = CELL_MISSING;
        return true;
    case VALUE_BOOLEAN:
        cell->type = CELL_BOOLEAN;
        cell->boolean = value->boolean;
        return true;
    case VALUE_INTEGER:
    case VALUE_DURATION:
        cell_set_integer(cell, value->integer);
        return true;
    case VALUE_FLOAT:
        cell_set_double(cell, value->number);
        return true;
    case VALUE_TIMESTAMP:
        cell->type = CELL_TIMESTAMP;
        cell->integer = value->integer;
        return true;
    case VALUE_TEXT:
        return cell_set_text(result, cell, value->text);
    case VALUE_TEXT_LIST:
        return set_list(result, cell, value);
    case VALUE_REFERENCE:
        cell_set_id(cell, value->reference);
        return true;
    case VALUE_ID_LIST:
        break;
    case VALUE_VECTOR:
        return set_vector(result, cell, value);
    }
    return false;
}

void cell_set_integer(struct cell *cell, int64_t integer)
{
    cell->type = CELL_INTEGER;
    cell->integer = integer;
}

void cell_set_double(struct cell *cell, double number)
{
    cell->type = CELL_DOUBLE;
    cell->number = number;
}

void cell_set_id(struct cell *cell, uint64_t id)
{
    cell->type = CELL_ID;
    cell->id = id;
}
