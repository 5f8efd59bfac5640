/* A schema, and what a statement or a JSON text makes of it: for tests of binding. */
#ifndef TIDAL_TESTS_QUERY_WORLD_H
#define TIDAL_TESTS_QUERY_WORLD_H

#include "harness/test.h"
#include "query/bind.h"
#include "unit/schema/declare.h"

enum { WORLD_ARENA_BYTES = 1 << 24, WORLD_DIMENSIONS = 3 };

struct world {
    struct declared declared;
    struct arena arena;
    struct statement statement;
    struct bound_write write;
    struct error error;
};

/* declare_everything, and an embedding `look` of items with three dimensions. */
static inline void world_init(struct world *world)
{
    declared_init(&world->declared);
    declare_everything(&world->declared);
    must_declare(&world->declared, define_embedding("look", WORLD_DIMENSIONS));
    arena_init(&world->arena, &world->declared.memory, WORLD_ARENA_BYTES);
}

static inline void world_release(struct world *world)
{
    arena_release(&world->arena);
    declared_release(&world->declared);
}

/* Parses and binds; what it makes is in world->write. */
static inline enum code world_bind(struct world *world, const char *text,
                                   const struct bindings *bindings)
{
    static const struct bindings none;
    enum code code;
    TRY(statement_parse(text_of(text), &world->arena, &world->statement, &world->error));
    code = bind_write(&world->statement, bindings ? bindings : &none, world->declared.schema,
                      &world->arena, &world->write, &world->error);
out:
    return code;
}

/* NULL if the change does not hold the field. */
static inline const struct value *world_field(const struct world *world,
                                              const struct put_change *put, enum entity_kind kind,
                                              const char *name)
{
    const struct field *field = schema_find_field(world->declared.schema, kind, text_of(name));
    for (size_t i = 0; field && i < put->field_count; i++)
        if (put->fields[i].field == field->id) return &put->fields[i].value;
    return NULL;
}

#endif
