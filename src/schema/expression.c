#include "schema/expression.h"

#include <assert.h>
#include <string.h>

#define FUNCTION_NAME(name, text) text,
static const char *const function_names[] = {EXPRESSION_FUNCTIONS(FUNCTION_NAME)};

const char *expression_function_name(enum expression_function function)
{
    assert(function < FUNCTION_COUNT_ALL);
    return function_names[function];
}

bool expression_function_find(struct slice name, enum expression_function *function)
{
    for (int i = 0; i < FUNCTION_COUNT_ALL; i++) {
        if (!slice_equal(name, slice_of(function_names[i], strlen(function_names[i])))) continue;
        *function = (enum expression_function)i;
        return true;
    }
    return false;
}

const char *expression_type_name(enum expression_type type)
{
    static const char *const names[] = {
        [TYPE_NUMBER] = "number",
        [TYPE_BOOLEAN] = "boolean",
        [TYPE_TEXT] = "text",
        [TYPE_TEXT_LIST] = "list of texts",
        [TYPE_TIMESTAMP] = "timestamp",
        [TYPE_DURATION] = "duration",
        [TYPE_REFERENCE] = "reference",
        [TYPE_VECTOR] = "vector",
        [TYPE_SUBJECT] = "whole entity",
        [TYPE_NAME] = "name",
        [TYPE_ANY] = "parameter",
    };
    assert((size_t)type < sizeof names / sizeof *names);
    return names[type];
}
