#include "signals/key_index.h"

#include <string.h>

static const struct index_heap nothing;

void key_index_init(struct key_index *index, struct memory *memory,
                    const struct index_source *source, const struct signal *signal)
{
    *index = (struct key_index){
        .memory = memory, .source = source, .field_count = signal->index_field_count};
    for (uint32_t i = 0; i < index->field_count; i++)
        index->fields[i].field = signal->index_fields[i];
}

static void heap_release(struct key_index *index, struct index_heap *heap)
{
    memory_free(index->memory, heap->nodes, heap->capacity * sizeof *heap->nodes);
}

void key_index_release(struct key_index *index)
{
    struct memory *memory = index->memory;
    heap_release(index, &index->all);
    for (uint32_t i = 0; i < index->field_count; i++) {
        struct index_field *field = &index->fields[i];
        for (size_t code = 0; code < field->capacity; code++)
            heap_release(index, &field->heaps[code]);
        memory_free(memory, field->heaps, field->capacity * sizeof *field->heaps);
    }
    for (size_t item = 0; item < index->member_capacity; item++) {
        struct index_members *members = &index->members[item];
        memory_free(memory, members->list, members->capacity * sizeof *members->list);
    }
    memory_free(memory, index->members, index->member_capacity * sizeof *index->members);
    memory_free(memory, index->places, index->place_capacity * sizeof *index->places);
    *index = (struct key_index){0};
}

/* memory_grow, with the new part filled with a byte, and counted. */
static bool grow(struct key_index *index, void **array, size_t *capacity, size_t need,
                 size_t element_bytes, int fill)
{
    size_t old = *capacity;
    if (need <= old) return true;
    if (!memory_grow(index->memory, array, capacity, need, element_bytes, UINT32_MAX - 1))
        return false;
    size_t added_bytes = (*capacity - old) * element_bytes;
    memset((uint8_t *)*array + old * element_bytes, fill, added_bytes);
    index->bytes += added_bytes;
    return true;
}

/* --- A heap --- */

static bool before(const struct key_index *index, const struct index_node *a,
                   const struct index_node *b)
{
    if (a->key != b->key) return a->key > b->key;
    const struct ledger_ids *ids = &index->source->ids;
    return ids->id_of(ids->context, ENTITY_ITEM, a->item) <
           ids->id_of(ids->context, ENTITY_ITEM, b->item);
}

static uint32_t *place_of(struct key_index *index, const struct index_node *node)
{
    if (node->member == INDEX_ALL) return &index->places[node->item];
    return &index->members[node->item].list[node->member].place;
}

static void set(struct key_index *index, struct index_heap *heap, size_t at,
                const struct index_node *node)
{
    heap->nodes[at] = *node;
    *place_of(index, node) = (uint32_t)at;
}

static size_t sift_up(struct key_index *index, struct index_heap *heap, size_t at)
{
    struct index_node node = heap->nodes[at];
    for (; at > 0 && before(index, &node, &heap->nodes[(at - 1) / 2]); at = (at - 1) / 2)
        set(index, heap, at, &heap->nodes[(at - 1) / 2]);
    set(index, heap, at, &node);
    return at;
}

static void sift_down(struct key_index *index, struct index_heap *heap, size_t at)
{
    struct index_node node = heap->nodes[at];
    for (size_t child = 2 * at + 1; child < heap->count; child = 2 * at + 1) {
        if (child + 1 < heap->count && before(index, &heap->nodes[child + 1], &heap->nodes[child]))
            child++;
        if (!before(index, &heap->nodes[child], &node)) break;
        set(index, heap, at, &heap->nodes[child]);
        at = child;
    }
    set(index, heap, at, &node);
}

static bool heap_add(struct key_index *index, struct index_heap *heap,
                     const struct index_node *node)
{
    void *nodes = heap->nodes;
    bool room = grow(index, &nodes, &heap->capacity, heap->count + 1, sizeof *heap->nodes, 0);
    heap->nodes = nodes;
    if (!room) return false;
    heap->nodes[heap->count++] = *node;
    (void)sift_up(index, heap, heap->count - 1);
    return true;
}

static void heap_take(struct key_index *index, struct index_heap *heap, size_t at)
{
    struct index_node last = heap->nodes[--heap->count];
    if (at == heap->count) return;
    heap->nodes[at] = last;
    sift_down(index, heap, sift_up(index, heap, at));
}

static void heap_move(struct key_index *index, struct index_heap *heap, size_t at, int64_t key)
{
    bool rises = key > heap->nodes[at].key;
    heap->nodes[at].key = key;
    if (rises) {
        (void)sift_up(index, heap, at);
    } else {
        sift_down(index, heap, at);
    }
}

/* --- An item's values --- */

static struct index_heap *heap_of(const struct key_index *index, const struct index_member *member)
{
    return &index->fields[member->field].heaps[member->code];
}

static const uint32_t *codes_of(const struct key_index *index, uint32_t field, ordinal item,
                                size_t *count)
{
    const struct index_source *source = index->source;
    return source->codes_of(source->ids.context, index->fields[field].field, item, count);
}

/* Is the item in the heaps of the values that it has, in their order? */
static bool is_grouped(const struct key_index *index, ordinal item)
{
    const struct index_members *members = &index->members[item];
    uint32_t at = 0;
    for (uint32_t field = 0; field < index->field_count; field++) {
        size_t count;
        const uint32_t *codes = codes_of(index, field, item, &count);
        for (size_t i = 0; i < count; i++, at++)
            if (at >= members->count || members->list[at].field != field ||
                members->list[at].code != codes[i])
                return false;
    }
    return at == members->count;
}

static void ungroup(struct key_index *index, ordinal item)
{
    struct index_members *members = &index->members[item];
    while (members->count > 0) {
        struct index_member *member = &members->list[members->count - 1];
        heap_take(index, heap_of(index, member), member->place);
        members->count--;
    }
}

static bool add_member(struct key_index *index, ordinal item, uint32_t field, uint32_t code)
{
    struct index_members *members = &index->members[item];
    struct index_field *values = &index->fields[field];
    size_t capacity = members->capacity;
    void *list = members->list, *heaps = values->heaps;
    bool room = grow(index, &heaps, &values->capacity, (size_t)code + 1, sizeof *values->heaps, 0);
    values->heaps = heaps;
    room =
        room && grow(index, &list, &capacity, (size_t)members->count + 1, sizeof *members->list, 0);
    members->list = list;
    members->capacity = (uint32_t)capacity;
    if (!room) return false;
    struct index_node node = {key_index_get(index, item), item, members->count};
    members->list[members->count++] = (struct index_member){.code = code, .field = (uint16_t)field};
    if (heap_add(index, &values->heaps[code], &node)) return true;
    members->count--;
    return false;
}

bool key_index_regroup(struct key_index *index, ordinal item)
{
    if (index->field_count == 0 || !key_index_has(index, item)) return true;
    void *members = index->members;
    bool room =
        grow(index, &members, &index->member_capacity, (size_t)item + 1, sizeof *index->members, 0);
    index->members = members;
    if (!room) return false;
    if (is_grouped(index, item)) return true;
    ungroup(index, item);
    for (uint32_t field = 0; field < index->field_count; field++) {
        size_t count;
        const uint32_t *codes = codes_of(index, field, item, &count);
        for (size_t i = 0; i < count; i++)
            if (!add_member(index, item, field, codes[i])) return false;
    }
    return true;
}

/* --- Items --- */

bool key_index_put(struct key_index *index, ordinal item, int64_t key)
{
    if (key_index_has(index, item)) {
        if (key_index_get(index, item) == key) return true;
        heap_move(index, &index->all, index->places[item], key);
        for (uint32_t i = 0; index->field_count > 0 && i < index->members[item].count; i++) {
            const struct index_member *member = &index->members[item].list[i];
            heap_move(index, heap_of(index, member), member->place, key);
        }
        return true;
    }
    void *places = index->places;
    bool room =
        grow(index, &places, &index->place_capacity, (size_t)item + 1, sizeof *index->places, 0xff);
    index->places = places;
    struct index_node node = {key, item, INDEX_ALL};
    return room && heap_add(index, &index->all, &node) && key_index_regroup(index, item);
}

void key_index_remove(struct key_index *index, ordinal item)
{
    if (!key_index_has(index, item)) return;
    if (index->field_count > 0) ungroup(index, item);
    heap_take(index, &index->all, index->places[item]);
    index->places[item] = INDEX_NO_PLACE;
}

static bool heap_check(const struct key_index *index, const struct index_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        const struct index_node *node = &heap->nodes[i];
        if (!key_index_has(index, node->item) || key_index_get(index, node->item) != node->key)
            return false;
        if (i > 0 && before(index, node, &heap->nodes[(i - 1) / 2])) return false;
    }
    return true;
}

static bool members_check(const struct key_index *index, ordinal item)
{
    if (item >= index->member_capacity || !is_grouped(index, item)) return false;
    const struct index_members *members = &index->members[item];
    for (uint32_t i = 0; i < members->count; i++) {
        const struct index_member *member = &members->list[i];
        const struct index_heap *heap = heap_of(index, member);
        if (member->place >= heap->count || heap->nodes[member->place].item != item ||
            heap->nodes[member->place].member != i)
            return false;
    }
    return true;
}

bool key_index_check(const struct key_index *index)
{
    if (!heap_check(index, &index->all)) return false;
    size_t member_count = 0, node_count = 0;
    for (size_t i = 0; i < index->all.count; i++) {
        const struct index_node *node = &index->all.nodes[i];
        if (node->member != INDEX_ALL || index->places[node->item] != i) return false;
        if (index->field_count == 0) continue;
        if (!members_check(index, node->item)) return false;
        member_count += index->members[node->item].count;
    }
    for (uint32_t field = 0; field < index->field_count; field++) {
        for (size_t code = 0; code < index->fields[field].capacity; code++) {
            if (!heap_check(index, &index->fields[field].heaps[code])) return false;
            node_count += index->fields[field].heaps[code].count;
        }
    }
    return member_count == node_count;
}

/* --- Walking --- */

static const struct index_heap *group_heap(const struct key_index *index,
                                           const struct index_group *group)
{
    if (!group) return &index->all;
    if (group->field >= index->field_count || group->code >= index->fields[group->field].capacity)
        return &nothing;
    return &index->fields[group->field].heaps[group->code];
}

size_t key_index_count(const struct key_index *index, const struct index_group *group)
{
    return group_heap(index, group)->count;
}

static bool leads(const struct index_walk *walk, size_t a, size_t b)
{
    return before(walk->index, &walk->heap->nodes[walk->places[a]],
                  &walk->heap->nodes[walk->places[b]]);
}

static void swap_places(struct index_walk *walk, size_t a, size_t b)
{
    uint32_t place = walk->places[a];
    walk->places[a] = walk->places[b];
    walk->places[b] = place;
}

static void walk_push(struct index_walk *walk, size_t place)
{
    size_t at = walk->count++;
    walk->places[at] = (uint32_t)place;
    for (; at > 0 && leads(walk, at, (at - 1) / 2); at = (at - 1) / 2)
        swap_places(walk, at, (at - 1) / 2);
}

static size_t walk_pop(struct index_walk *walk)
{
    size_t first = walk->places[0], at = 0;
    walk->places[0] = walk->places[--walk->count];
    for (size_t child = 1; child < walk->count; child = 2 * at + 1) {
        if (child + 1 < walk->count && leads(walk, child + 1, child)) child++;
        if (!leads(walk, child, at)) break;
        swap_places(walk, child, at);
        at = child;
    }
    return first;
}

/* A step takes one place and gives two at most. */
static bool walk_room(struct index_walk *walk)
{
    enum { PLACES_AT_FIRST = 256 };
    if (walk->count + 2 <= walk->capacity) return true;
    size_t capacity = walk->capacity > 0 ? 2 * walk->capacity : PLACES_AT_FIRST;
    uint32_t *places = arena_array(walk->arena, capacity, sizeof *places);
    walk->failed = !places;
    if (!places) return false;
    if (walk->count > 0) memcpy(places, walk->places, walk->count * sizeof *places);
    walk->places = places;
    walk->capacity = capacity;
    return true;
}

void index_walk_begin(struct index_walk *walk, const struct key_index *index,
                      const struct index_group *group, struct arena *arena)
{
    *walk = (struct index_walk){.index = index, .heap = group_heap(index, group), .arena = arena};
    if (walk->heap->count > 0 && walk_room(walk)) walk_push(walk, 0);
}

const struct index_node *index_walk_next(struct index_walk *walk)
{
    if (walk->count == 0 || !walk_room(walk)) return NULL;
    size_t place = walk_pop(walk);
    for (size_t child = 2 * place + 1; child <= 2 * place + 2; child++)
        if (child < walk->heap->count) walk_push(walk, child);
    return &walk->heap->nodes[place];
}
