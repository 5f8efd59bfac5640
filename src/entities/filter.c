/* Filters: which live entities a comparison holds for, as a set of ordinals.  A keyword is compared
 * by its code in the dictionary, once a column, not by text. */
#include "entities/internal.h"

struct filter {
    const struct column *column;
    enum entity_comparison comparison;
    const struct value *value;
    uint32_t code;
};

static int order(double a, double b)
{
    return (a > b) - (a < b);
}

static bool ordered(enum entity_comparison comparison, int sign)
{
    switch (comparison) {
    case COMPARE_EQUAL:
        return sign == 0;
    case COMPARE_NOT_EQUAL:
        return sign != 0;
    case COMPARE_LESS:
        return sign < 0;
    case COMPARE_LESS_EQUAL:
        return sign <= 0;
    case COMPARE_GREATER:
        return sign > 0;
    case COMPARE_GREATER_EQUAL:
        return sign >= 0;
    case COMPARE_MISSING:
        return false;
    }
    return false;
}

/* A list equals a keyword if any of its values does. */
static bool matches_codes(const struct filter *filter, ordinal entity)
{
    size_t count;
    const uint32_t *codes = column_codes(filter->column, entity, &count);
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any = any || codes[i] == filter->code;
    return filter->comparison == COMPARE_EQUAL ? any
                                               : filter->comparison == COMPARE_NOT_EQUAL && !any;
}

/* Exactly: from 2^53 on not every integer is a double. */
static int compare_mixed(int64_t integer, double number)
{
    const double beyond = 9223372036854775808.0; /* 2^63, the first above all integers */
    if (number >= beyond) return -1;
    if (number < -beyond) return 1;
    int64_t whole = (int64_t)number; /* towards zero */
    if (integer != whole) return integer > whole ? 1 : -1;
    return order((double)whole, number); /* both exact: they differ by the fraction alone */
}

static int compare_integer(const struct filter *filter, int64_t integer)
{
    if (filter->value->type == VALUE_FLOAT) return compare_mixed(integer, filter->value->number);
    int64_t other = filter->value->integer;
    return (integer > other) - (integer < other);
}

static int compare_float(const struct filter *filter, double number)
{
    if (filter->value->type == VALUE_INTEGER) return -compare_mixed(filter->value->integer, number);
    return order(number, filter->value->number);
}

static bool matches(const struct filter *filter, ordinal entity)
{
    const struct column *column = filter->column;
    int sign = 0;
    switch (column->type) {
    case FIELD_KEYWORD:
    case FIELD_KEYWORD_LIST:
        return matches_codes(filter, entity);
    case FIELD_TEXT:
        sign = slice_compare(slice_of(column->texts[entity].text, column->texts[entity].bytes),
                             filter->value->text);
        break;
    case FIELD_INTEGER:
    case FIELD_TIMESTAMP:
        sign = compare_integer(filter, column->integers[entity]);
        break;
    case FIELD_FLOAT:
        sign = compare_float(filter, column->floats[entity]);
        break;
    case FIELD_BOOLEAN:
        sign = (int)column->booleans[entity] - (int)filter->value->boolean;
        break;
    case FIELD_REFERENCE: {
        entity_id a = column->references[entity], b = filter->value->reference;
        sign = (a > b) - (a < b);
        break;
    }
    }
    return ordered(filter->comparison, sign);
}

static bool filter_missing(const struct directory *directory, const struct column *column,
                           struct bitset *out)
{
    if (!bitset_or(out, &directory->live)) return false;
    if (column) bitset_and_not(out, &column->present);
    return true;
}

static void empty(struct bitset *set)
{
    for (size_t i = 0; i < set->word_count; i++)
        set->words[i] = 0;
}

bool entities_filter(const struct entities *entities, const struct field *field,
                     enum entity_comparison comparison, const struct value *value,
                     struct bitset *out)
{
    const struct directory *directory = &entities->directories[field->kind];
    const struct column *column = entities->columns[field->id];
    empty(out);
    if (comparison == COMPARE_MISSING) return filter_missing(directory, column, out);
    if (!column) return true;
    struct filter filter = {.column = column, .comparison = comparison, .value = value};
    if (value->type == VALUE_TEXT) filter.code = string_map_find(&column->dictionary, value->text);
    uint32_t entity = bitset_next(&column->present, 0);
    for (; entity != UINT32_MAX; entity = bitset_next(&column->present, entity + 1)) {
        if (!matches(&filter, entity)) continue;
        if (!bitset_set(out, entity)) return false;
    }
    bitset_and(out, &directory->live);
    return true;
}

bool entities_filter_live(const struct entities *entities, enum entity_kind kind,
                          struct bitset *out)
{
    empty(out);
    return bitset_or(out, &entities->directories[kind].live);
}

/* Newer first, then lower id. */
static bool newer(const struct directory *directory, ordinal a, ordinal b)
{
    if (directory->created_ms[a] != directory->created_ms[b])
        return directory->created_ms[a] > directory->created_ms[b];
    return directory->ids[a] < directory->ids[b];
}

/* A heap with the oldest of the chosen on top, so that a newer one takes its place. */
static void sift_down(const struct directory *directory, ordinal *heap, size_t count, size_t at)
{
    for (;;) {
        size_t oldest = at, left = 2 * at + 1, right = left + 1;
        if (left < count && newer(directory, heap[oldest], heap[left])) oldest = left;
        if (right < count && newer(directory, heap[oldest], heap[right])) oldest = right;
        if (oldest == at) return;
        ordinal moved = heap[at];
        heap[at] = heap[oldest];
        heap[oldest] = moved;
        at = oldest;
    }
}

static void sift_up(const struct directory *directory, ordinal *heap, size_t at)
{
    while (at > 0 && newer(directory, heap[(at - 1) / 2], heap[at])) {
        size_t parent = (at - 1) / 2;
        ordinal moved = heap[at];
        heap[at] = heap[parent];
        heap[parent] = moved;
        at = parent;
    }
}

size_t entities_newest(const struct entities *entities, const struct bitset *among, size_t limit,
                       ordinal *out)
{
    const struct directory *directory = &entities->directories[ENTITY_ITEM];
    size_t count = 0;
    uint32_t entity = bitset_next(&directory->live, 0);
    for (; limit > 0 && entity != UINT32_MAX; entity = bitset_next(&directory->live, entity + 1)) {
        if (among && !bitset_has(among, entity)) continue;
        if (count < limit) {
            out[count++] = entity;
            sift_up(directory, out, count - 1);
        } else if (newer(directory, entity, out[0])) {
            out[0] = entity;
            sift_down(directory, out, count, 0);
        }
    }
    for (size_t left = count; left > 1; left--) {
        ordinal oldest = out[0];
        out[0] = out[left - 1];
        out[left - 1] = oldest;
        sift_down(directory, out, left - 1, 0);
    }
    return count;
}
