/* Diversity: caps on how many items of a slate may share a value of a field.
 *
 * Items are taken in the order of their scores; one that would pass a cap is left out.  A keyword[]
 * counts for each of its values, a missing value for none. */
#ifndef TIDAL_RANKING_DIVERSITY_H
#define TIDAL_RANKING_DIVERSITY_H

#include "base/id_map.h"
#include "ranking/view.h"

struct diversity {
    const struct view *view;
    const struct cap_definition *caps;
    size_t cap_count;
    struct id_map *counts; /* one a cap: value (code, or id) -> items taken */
};

/* `counts` has cap_count places, lent until diversity_release. */
void diversity_init(struct diversity *diversity, const struct view *view,
                    const struct cap_definition *caps, size_t cap_count, struct id_map *counts,
                    struct memory *memory);
void diversity_release(struct diversity *diversity);

/* The index of the first cap that keeps the item out now, or cap_count: none. */
size_t diversity_blocks(const struct diversity *diversity, ordinal item);
/* Counts an item that was taken.  False on no memory. */
MUST_USE bool diversity_take(struct diversity *diversity, ordinal item);

#endif
