/* Deep copies of definitions into an arena.  Slices that lie in the statement's text come to lie in
 * the copied text; all others are copied by themselves. */
#ifndef TIDAL_SCHEMA_COPY_H
#define TIDAL_SCHEMA_COPY_H

#include "schema/definition.h"

struct copier {
    struct arena *arena;
    struct slice from, to; /* the statement's text and its copy */
    bool failed;           /* no memory: what was copied is not to be used */
};

/* Copies `text` and makes it the one that slices are pointed into. */
void copier_init(struct copier *copier, struct arena *arena, struct slice text);
struct slice copy_slice(struct copier *copier, struct slice slice);
/* A copy of `count` elements with room for `spare` more. */
void *copy_array(struct copier *copier, const void *array, size_t count, size_t spare,
                 size_t element_bytes);
struct expression *copy_expression(struct copier *copier, const struct expression *expression);
void copy_ranking(struct copier *copier, const struct ranking_definition *from,
                  struct ranking_definition *to);
void copy_definition(struct copier *copier, const struct definition *from, struct definition *to);

#endif
