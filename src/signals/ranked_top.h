/* The highest few of many: keeps `limit` of what is offered.  Pure. */
#ifndef TIDAL_SIGNALS_RANKED_TOP_H
#define TIDAL_SIGNALS_RANKED_TOP_H

#include "signals/features.h"

struct ranked_top {
    struct ranked *list; /* once full, a heap whose root is the last of the list; lent */
    size_t limit;        /* > 0 */
    size_t count;
};

void ranked_top_offer(struct ranked_top *top, const struct ranked *found);
/* Puts the list in order: highest value first, equal ones by lower id. */
void ranked_top_finish(struct ranked_top *top);

#endif
