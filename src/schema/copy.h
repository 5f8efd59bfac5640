/* Deep copies of definitions into an arena.  Slices that lie in the statement's text come to lie in
 * the copied text; all others are copied by themselves. */
#ifndef TIDAL_SCHEMA_COPY_H
#define TIDAL_SCHEMA_COPY_H

#include "schema/definition.h"

/* A part of a text that is replaced. */
struct edit {
    size_t offset, bytes;
};

struct copier {
    struct arena *arena;
    struct slice from, to;    /* the statement's text and its copy */
    const struct edit *edits; /* by which the copy differs, ascending */
    size_t edit_count;
    size_t replacement_bytes; /* of each */
    bool failed;              /* no memory: what was copied is not to be used */
};

/* Copies `text` and makes it the one that slices are pointed into. */
void copier_init(struct copier *copier, struct arena *arena, struct slice text);
/* The same with another text instead of each edited part: what lay in the text comes to lie where
 * that is in the copy.  `edits` is lent. */
void copier_init_edited(struct copier *copier, struct arena *arena, struct slice text,
                        const struct edit *edits, size_t edit_count, struct slice replacement);
/* Where what begins, or ends, at `offset` of the text does so in the copy. */
size_t copier_start(const struct copier *copier, size_t offset);
size_t copier_end(const struct copier *copier, size_t offset);
struct slice copy_slice(struct copier *copier, struct slice slice);
/* A copy of `count` elements with room for `spare` more. */
void *copy_array(struct copier *copier, const void *array, size_t count, size_t spare,
                 size_t element_bytes);
/* Deep, and checked if that one was. */
struct expression *copy_expression(struct copier *copier, const struct expression *expression);
void copy_ranking(struct copier *copier, const struct ranking_definition *from,
                  struct ranking_definition *to);
void copy_definition(struct copier *copier, const struct definition *from, struct definition *to);

#endif
