#include "schema/expression.h"

#include <assert.h>

#define FUNCTION_NAME(name, text) text,
static const char *const function_names[] = {EXPRESSION_FUNCTIONS(FUNCTION_NAME)};

const char *expression_function_name(enum expression_function function)
{
    assert(function < FUNCTION_COUNT_ALL);
    return function_names[function];
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
