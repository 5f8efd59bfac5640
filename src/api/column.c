/* Cells of the current row, and what a run says of itself. */
#include "api/handle.h"

static const struct cell *cell_at(const tidal_query *query, int index)
{
    static const struct cell none = {.type = CELL_MISSING};
    const struct result *result = &query->result;
    if (query->state != QUERY_ROWS || index < 0 || (size_t)index >= result->column_count)
        return &none;
    return &result->cells[query->row * result->column_count + (size_t)index];
}

int tidal_column_count(const tidal_query *query)
{
    return (int)query->result.column_count;
}

const char *tidal_column_name(const tidal_query *query, int index)
{
    if (index < 0 || index >= tidal_column_count(query)) return "";
    return query->result.columns[index];
}

tidal_type tidal_column_type(const tidal_query *query, int index)
{
    switch (cell_at(query, index)->type) {
    case CELL_MISSING:
        return TIDAL_MISSING;
    case CELL_BOOLEAN:
        return TIDAL_BOOLEAN;
    case CELL_INTEGER:
        return TIDAL_INTEGER;
    case CELL_DOUBLE:
        return TIDAL_DOUBLE;
    case CELL_TIMESTAMP:
        return TIDAL_TIMESTAMP;
    case CELL_ID:
        return TIDAL_ID;
    case CELL_TEXT:
        return TIDAL_TEXT;
    case CELL_VECTOR:
        return TIDAL_VECTOR;
    }
    return TIDAL_MISSING;
}

uint64_t tidal_column_u64(const tidal_query *query, int index)
{
    const struct cell *cell = cell_at(query, index);
    switch (cell->type) {
    case CELL_BOOLEAN:
        return cell->boolean;
    case CELL_INTEGER:
    case CELL_TIMESTAMP:
        return cell->integer < 0 ? 0 : (uint64_t)cell->integer;
    case CELL_DOUBLE:
        if (!(cell->number > 0)) return 0;
        return cell->number >= 0x1p64 ? UINT64_MAX : (uint64_t)cell->number;
    case CELL_ID:
        return cell->id;
    default:
        return 0;
    }
}

int64_t tidal_column_i64(const tidal_query *query, int index)
{
    const struct cell *cell = cell_at(query, index);
    switch (cell->type) {
    case CELL_BOOLEAN:
        return cell->boolean;
    case CELL_INTEGER:
    case CELL_TIMESTAMP:
        return cell->integer;
    case CELL_DOUBLE:
        if (cell->number >= 0x1p63) return INT64_MAX;
        return cell->number <= -0x1p63 ? INT64_MIN : (int64_t)cell->number;
    case CELL_ID:
        return cell->id > INT64_MAX ? INT64_MAX : (int64_t)cell->id;
    default:
        return 0;
    }
}

double tidal_column_double(const tidal_query *query, int index)
{
    const struct cell *cell = cell_at(query, index);
    switch (cell->type) {
    case CELL_BOOLEAN:
        return cell->boolean;
    case CELL_INTEGER:
    case CELL_TIMESTAMP:
        return (double)cell->integer;
    case CELL_DOUBLE:
        return cell->number;
    case CELL_ID:
        return (double)cell->id;
    default:
        return 0;
    }
}

bool tidal_column_bool(const tidal_query *query, int index)
{
    return tidal_column_double(query, index) != 0;
}

const char *tidal_column_text(const tidal_query *query, int index, size_t *bytes)
{
    const struct cell *cell = cell_at(query, index);
    bool is_text = cell->type == CELL_TEXT;
    if (bytes) *bytes = is_text ? cell->text.bytes : 0;
    return is_text ? (const char *)cell->text.data : "";
}

const float *tidal_column_vector(const tidal_query *query, int index, size_t *dimensions)
{
    const struct cell *cell = cell_at(query, index);
    bool is_vector = cell->type == CELL_VECTOR;
    if (dimensions) *dimensions = is_vector ? cell->vector.dimensions : 0;
    return is_vector ? cell->vector.numbers : NULL;
}

uint64_t tidal_query_lsn(const tidal_query *query)
{
    return query->result.lsn;
}

int64_t tidal_query_now(const tidal_query *query)
{
    return query->result.now_ms;
}

uint64_t tidal_query_seed(const tidal_query *query)
{
    return query->result.seed;
}

uint64_t tidal_query_page(const tidal_query *query)
{
    return query->result.page;
}

bool tidal_query_cut(const tidal_query *query)
{
    return query->result.cut;
}

bool tidal_query_duplicate(const tidal_query *query)
{
    return query->duplicate;
}
