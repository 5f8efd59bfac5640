#include "query/page.h"

#include "entities/entities.h"

static int64_t profile_version(const struct slate *slate)
{
    const struct retrieve_statement *retrieve = slate->retrieve;
    if (retrieve->profile.text.bytes == 0) return -1;
    uint32_t version = retrieve->version == -1 ? 0 : (uint32_t)retrieve->version;
    const struct profile *profile =
        schema_find_profile(slate->request->view->schema, retrieve->profile.text, version);
    return profile ? (int64_t)profile->version : -1;
}

bool page_split(struct slate *slate, uint64_t limit, struct page_rest *rest)
{
    size_t first = slate->chosen_count < limit ? slate->chosen_count : (size_t)limit;
    size_t count = slate->chosen_count - first;
    struct page_item *items = arena_array(slate->request->arena, count + 1, sizeof *items);
    if (!items) return false;
    for (size_t i = 0; i < count; i++) {
        const struct slate_item *item = &slate->chosen[first + i];
        items[i] =
            (struct page_item){item->id, item->score, slate->candidates.sources[item->candidate]};
    }
    *rest = (struct page_rest){.items = items,
                               .count = count,
                               .shown = slate->offset + first,
                               .limit = limit,
                               .version = profile_version(slate),
                               .seed = slate->seed};
    slate->chosen_count = first;
    return true;
}

/* The item as it was ranked, if it may still be shown. */
static bool take(struct slate *slate, const struct page_item *item)
{
    ordinal found = entities_find(slate->request->view->entities, ENTITY_ITEM, item->id);
    size_t place = slate->chosen_count;
    if (found == ORDINAL_NONE || !bitset_has(&slate->eligible, found)) return false;
    slate->candidates.sources[place] = item->sources;
    slate->chosen[place] = (struct slate_item){
        .score = item->score, .id = item->id, .item = found, .candidate = (uint32_t)place};
    slate->chosen_count++;
    return true;
}

enum code page_build(struct slate *slate, const struct request *request, struct page_rest *rest,
                     uint64_t limit, struct error *error)
{
    size_t left = rest->count - rest->next, most = left < limit ? left : (size_t)limit;
    enum code code;
    TRY(slate_gate(slate, request, error));
    slate->chosen = arena_array(request->arena, most + 1, sizeof *slate->chosen);
    slate->candidates.sources =
        arena_array(request->arena, most + 1, sizeof *slate->candidates.sources);
    if (!slate->chosen || !slate->candidates.sources)
        return error_no_memory(error, AREA_QUERY, most * sizeof *slate->chosen);
    while (rest->next < rest->count && slate->chosen_count < most)
        (void)take(slate, &rest->items[rest->next++]);
    slate->offset = rest->shown;
    slate->seed = rest->seed;
    rest->shown += slate->chosen_count;
out:
    return code;
}
