#include "ranking/coengaged.h"

#include "base/id_map.h"
#include "behaviour/coengagement.h"
#include "entities/entities.h"
#include "ranking/math.h"

static const double support_least = 2;

size_t seeds_find(const struct seed_items *seeds, const struct scope *scope,
                  ordinal out[SEEDS_MAXIMUM])
{
    const struct behaviour *behaviour = scope->view->behaviour;
    size_t count = 0, recent_count;
    if (seeds->of_item) {
        out[0] = scope->item;
        return scope->item != ORDINAL_NONE;
    }
    if (scope->user == ORDINAL_NONE) return 0;
    const struct behaviour_recent *recent =
        behaviour_positives(behaviour, scope->user, &recent_count);
    for (size_t i = 0; i < recent_count && count < (size_t)seeds->count; i++) {
        struct behaviour_state state;
        bool meant = seeds->signal_id == ID_NONE ||
                     (behaviour_state(behaviour, scope->user, ENTITY_ITEM, recent[i].item,
                                      seeds->signal_id, &state) &&
                      state.present && state.polarity == POLARITY_POSITIVE);
        if (meant) out[count++] = recent[i].item;
    }
    return count;
}

static double coengaged_score(double together, double own, double other)
{
    if (!(together >= support_least)) return 0;
    if (own < together) own = together;
    if (other < together) other = together;
    return together / math_sqrt(own * other);
}

/* Adds a neighbour's score to what there is of it. */
static bool add_score(struct id_map *places, const struct scope *scope, ordinal item, double score,
                      struct ranked *list, size_t *count)
{
    const uint64_t *place = id_map_find(places, item);
    if (place) {
        list[*place].value += score;
        return true;
    }
    if (!id_map_put(places, item, *count)) return false;
    entity_id id = entities_id(scope->view->entities, ENTITY_ITEM, item);
    list[(*count)++] = (struct ranked){item, id, score};
    return true;
}

bool coengaged_gather(const struct seed_items *seeds, const struct scope *scope,
                      struct ranked **list, size_t *count)
{
    ordinal items[SEEDS_MAXIMUM];
    struct coengaged neighbours[COENGAGEMENT_NEIGHBOURS_MAXIMUM];
    struct id_map places;
    size_t seed_count = seeds_find(seeds, scope, items);
    bool ok = true;
    *count = 0;
    *list =
        arena_array(scope->arena, seed_count * COENGAGEMENT_NEIGHBOURS_MAXIMUM + 1, sizeof **list);
    if (!*list) return false;
    id_map_init(&places, scope->arena->memory);
    for (size_t i = 0; i < seed_count; i++) {
        size_t found =
            coengagement_neighbours(scope->view->coengagement, items[i], scope->now_ms, neighbours);
        for (size_t j = 0; ok && j < found; j++) {
            const struct coengaged *one = &neighbours[j];
            double score = coengaged_score(one->together, one->own, one->other);
            if (score > 0) ok = add_score(&places, scope, one->item, score, *list, count);
        }
    }
    id_map_release(&places);
    return ok;
}
