#include "schema/ids.h"

#include <assert.h>

const char *entity_kind_name(enum entity_kind kind)
{
    static const char *const names[ENTITY_KIND_COUNT] = {"item", "user", "creator"};
    assert(kind < ENTITY_KIND_COUNT);
    return names[kind];
}
