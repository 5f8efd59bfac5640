/* Co-engagement as rankings see it: the neighbours of some items, with a score.
 *
 *   score of j for i    c_ij / sqrt(max(c_i, c_ij) max(c_j, c_ij)), 0 where c_ij < 2
 *   of j for seeds      the sum over the seeds, in their order
 *
 * The cosine of item-to-item filtering (Sarwar et al., WWW 2001; related videos, Davidson et al.,
 * RecSys 2010) over decayed counts: at most 1, as c_ij may have decayed less than c_j.  The floor
 * is the support that a pair needs: two people of lately, one of whom may be anybody. */
#ifndef TIDAL_RANKING_COENGAGED_H
#define TIDAL_RANKING_COENGAGED_H

#include "ranking/program.h"
#include "signals/features.h"

enum { SEEDS_MAXIMUM = 64 };

/* The items that are meant, none twice: the query's, or the newest of the user's last positives.
 * None without an item, or a user. */
size_t seeds_find(const struct seed_items *seeds, const struct scope *scope,
                  ordinal out[SEEDS_MAXIMUM]);

/* All items with a score above 0 for the seeds, each once, in no order that means anything.  *list
 * lies in the scope's arena.  false: no memory. */
MUST_USE bool coengaged_gather(const struct seed_items *seeds, const struct scope *scope,
                               struct ranked **list, size_t *count);

#endif
